"""Pooling: numbers as Keras's, on every axis order, and fast memory on the way out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from keras_oracle import assert_as_keras

from lamina import layers
from lamina.kernels.windows import same_padding
from lamina.models import Model

SHAPES = {1: ((2, 11, 3), (2, 3, 11)), 2: ((2, 9, 12, 3), (2, 3, 9, 12)), 3: ((2, 6, 7, 5, 3), (2, 3, 6, 7, 5))}
ORDERS = ["channels_last", "channels_first"]
ARGUMENTS = {
    "default": {},
    "window 3": {"pool_size": 3},
    "step smaller than window": {"pool_size": 3, "strides": 1},
    "step larger than window": {"pool_size": 2, "strides": 3},
    "same, odd window": {"pool_size": 3, "strides": 1, "padding": "same"},
}
# Keras pads these unequally, and on torch it then counts the padding in averages (on TensorFlow and JAX it does not).
UNEQUAL = {
    "same, whole steps": {"pool_size": 3, "strides": 3, "padding": "same"},
    "same": {"padding": "same"},
    "same, even window, step 1": {"pool_size": 2, "strides": 1, "padding": "same"},
    "same, window 4, step 1": {"pool_size": 4, "strides": 1, "padding": "SAME"},
    "same, window 3, step 2": {"pool_size": 3, "strides": 2, "padding": "same"},
    "same, window 5, step 3": {"pool_size": 5, "strides": 3, "padding": "same"},
    "same, step larger than window": {"pool_size": 2, "strides": 3, "padding": "same"},
}


def shape_of(rank: int, order: str) -> tuple[int, ...]:
    return SHAPES[rank][order == "channels_first"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("case", [*ARGUMENTS, *UNEQUAL])
def test_max_pooling_as_keras(rank, case, order):
    arguments = (ARGUMENTS | UNEQUAL)[case] | {"data_format": order}
    if isinstance(arguments.get("padding"), str):
        arguments["padding"] = arguments["padding"].lower()
    assert_as_keras(f"MaxPooling{rank}D", arguments, shape_of(rank, order))


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 2), (3, 1), (2, 3), (5, 2), (11, 4)])
def test_max_pooling_of_steps_without_gradients_is_the_same(window, stride):
    layer, x = layers.MaxPooling1D(window, stride), torch.randn(2, 11, 3)
    x[0, 4, 1] = torch.nan
    with_gradients = layer(x)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), with_gradients, rtol=0, atol=0, equal_nan=True)


def test_max_pooling_of_too_few_steps_without_gradients_is_an_error():
    layer = layers.MaxPooling1D(3)
    layer(torch.zeros(1, 6, 2))
    with torch.no_grad(), pytest.raises(ValueError, match="sizes are at least"):
        layer(torch.zeros(1, 2, 2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("case", ARGUMENTS)
def test_average_pooling_as_keras(rank, case, order):
    arguments = {"pool_size": 2, "data_format": order} | ARGUMENTS[case]
    assert_as_keras(f"AveragePooling{rank}D", arguments, shape_of(rank, order))


def windows_mean(x: np.ndarray, window: int, stride: int) -> np.ndarray:
    """The mean of what lies inside the input of each "same" window, written out; channels last."""
    axes = []
    for size in x.shape[1:-1]:
        before, _ = same_padding(size, window, stride)
        starts = [place * stride - before for place in range(-(-size // stride))]
        axes.append([slice(max(start, 0), start + window) for start in starts])
    out = np.empty((x.shape[0], *map(len, axes), x.shape[-1]), x.dtype)
    for places in itertools.product(*(range(len(axis)) for axis in axes)):
        part = x[(slice(None), *(axis[place] for axis, place in zip(axes, places, strict=True)))]
        out[(slice(None), *places)] = part.mean(tuple(range(1, x.ndim - 1)))
    return out


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("case", UNEQUAL)
def test_same_average_counts_only_what_is_inside(rank, case, order):
    layer = getattr(layers, f"AveragePooling{rank}D")(**UNEQUAL[case], data_format=order)
    x = torch.randn(shape_of(rank, "channels_last"))
    moved = x if order == "channels_last" else x.movedim(-1, 1)
    y = layer(moved) if order == "channels_last" else layer(moved).movedim(1, -1)
    np.testing.assert_allclose(y.numpy(), windows_mean(x.numpy(), layer.pool_size[0], layer.strides[0]), atol=1e-6)
    assert layer.compute_output_shape(tuple(moved.shape)) == tuple(layer(moved).shape)


@pytest.mark.parametrize("case", UNEQUAL)
def test_same_average_gradients(case):
    layer = layers.AveragePooling2D(**UNEQUAL[case], dtype="float64")
    x = torch.randn(1, 4, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))


@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_same_follows_the_size_at_each_call(size):
    layer = layers.MaxPooling2D(3, strides=2, padding="same")
    layer(torch.zeros(1, 6, 6, 1))
    x = torch.arange(float(size * size)).reshape(1, size, size, 1)
    before, _ = same_padding(size, 3, 2)
    last = [min(place * 2 - before + 2, size - 1) for place in range(-(-size // 2))]
    expected = torch.tensor([[float(row * size + column) for column in last] for row in last])
    assert torch.equal(layer(x)[0, :, :, 0], expected)


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_unknown_sizes_stay_unknown(rank, kind):
    layer = getattr(layers, f"{kind}Pooling{rank}D")(2, padding="same")
    assert layer(layers.Input((None,) * rank + (3,))).shape == (None,) * (rank + 1) + (3,)


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("name", ["MaxPooling{}D", "AveragePooling{}D", "AdaptiveMaxPooling{}D",
                                  "AdaptiveAveragePooling{}D"])  # fmt: skip
def test_outputs_lie_as_the_inputs_do(name, rank):
    layer = getattr(layers, name.format(rank))(2)
    x = torch.randn(shape_of(rank, "channels_last"), requires_grad=True)
    y = layer(x)
    assert y.is_contiguous()
    assert torch.autograd.grad(y.sum(), x)[0].is_contiguous()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["MaxPooling3D", "AveragePooling3D", "GlobalAveragePooling3D"])
def test_half_precision(name, order, dtype):
    small, exact = (getattr(layers, name)(data_format=order, dtype=kind) for kind in (dtype, "float32"))
    x = torch.randn(shape_of(3, order))
    assert small(x).dtype is getattr(torch, dtype)
    torch.testing.assert_close(small(x).float(), exact(x), atol=0.02, rtol=0.02)


def test_strides_are_kept_as_given():
    config = layers.MaxPooling2D(3, strides=(1, 2)).get_config()
    assert (config["pool_size"], config["strides"]) == ((3, 3), (1, 2))
    assert layers.AveragePooling3D(2).get_config()["strides"] == (2, 2, 2)


# ---- global --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_global_pooling_as_keras(kind, rank, order, keepdims):
    arguments = {"data_format": order, "keepdims": keepdims}
    assert_as_keras(f"Global{kind}Pooling{rank}D", arguments, shape_of(rank, order))


def test_global_max_shares_the_gradient_among_equals_as_keras():
    assert_as_keras("GlobalMaxPooling1D", {}, torch.tensor([[[1.0, 2.0], [1.0, 0.0], [0.0, 2.0]]]))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
def test_global_average_of_unmasked_steps_as_keras(order, keepdims, dtype):
    mask = (torch.rand(2, 11) > 0.5).to(dtype)
    arguments = {"data_format": order, "keepdims": keepdims}
    layer = assert_as_keras("GlobalAveragePooling1D", arguments, shape_of(1, order), {"mask": mask})
    assert layer.compute_mask(None, mask) is None


def test_global_average_ignores_what_masked_steps_hold():
    x = torch.tensor([[[1.0], [5.0], [float("nan")]]])
    assert layers.GlobalAveragePooling1D()(x, mask=torch.tensor([[True, True, False]])).item() == 3.0


def test_global_average_receives_the_mask_of_the_layers_before():
    inputs = layers.Input((None, 1))
    model = Model(inputs, layers.GlobalAveragePooling1D()(layers.Masking()(inputs)))
    x = torch.tensor([[[2.0], [4.0], [0.0], [0.0]]])
    assert model(x).item() == 3.0
    assert layers.GlobalAveragePooling1D()(layers.Masking()(x)).item() == 3.0


# ---- adaptive ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("parts", [1, 2, 4, 5])
def test_adaptive_pooling_as_keras(kind, rank, order, parts):
    assert_as_keras(
        f"Adaptive{kind}Pooling{rank}D", {"output_size": parts, "data_format": order}, shape_of(rank, order)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_adaptive_pooling_of_unequal_parts_as_keras(kind, order):
    arguments = {"output_size": (5, 2, 3), "data_format": order}
    assert_as_keras(f"Adaptive{kind}Pooling3D", arguments, shape_of(3, order))


# ---- life as a module, errors --------------------------------------------------------------------------------------

COMPILED = [(f"{kind}{rank}D", arguments) for rank in SHAPES for kind, arguments in [
    ("MaxPooling", {"padding": "same"}), ("AveragePooling", {"pool_size": 2, "strides": 1, "padding": "same"}),
    ("GlobalAveragePooling", {}), ("AdaptiveMaxPooling", {"output_size": 2}),
]]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), COMPILED)
def test_compile_and_export(name, arguments):
    layer = getattr(layers, name)(**arguments)
    x = torch.randn(shape_of(int(name[-2]), "channels_last"))
    y = layer(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_short_names():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.AvgPool1D is layers.AveragePooling1D
    assert layers.GlobalMaxPool3D is layers.GlobalMaxPooling3D
    assert layers.GlobalAvgPool2D is layers.GlobalAveragePooling2D


WRONG = [
    ("MaxPooling2D", {"pool_size": 0}, None,
     "MaxPooling2D 'p' needs a positive integer or a tuple of 2 for pool_size, and got 0."),
    ("AveragePooling1D", {"strides": -1}, None,
     "AveragePooling1D 'p' needs a positive integer or a tuple of 1 for strides, and got -1."),
    ("MaxPooling3D", {"padding": "full"}, None,
     "MaxPooling3D 'p' needs 'valid' or 'same' for padding, and got 'full'."),
    ("MaxPooling2D", {"data_format": "last"}, None,
     "MaxPooling2D 'p' needs 'channels_last' or 'channels_first' for data_format, and got 'last'."),
    ("MaxPooling2D", {"pool_size": 4}, (None, 3, 8, 1),
     "MaxPooling2D 'p' needs inputs whose sizes are at least (4, 4), and got (None, 3, 8, 1). "
     "Inputs can be smaller with padding='same'."),
    ("GlobalMaxPooling2D", {}, (None, 3, 8),
     "GlobalMaxPooling2D 'p' takes inputs of 4 axes (the batch is the first), and got (None, 3, 8), which has 3."),
    ("AdaptiveMaxPooling2D", {"output_size": (2, 2, 2)}, None,
     "AdaptiveMaxPooling2D 'p' needs a positive integer or a tuple of 2 for output_size, and got (2, 2, 2)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape", "message"), WRONG)
def test_errors(name, arguments, shape, message):
    def use():
        layer = getattr(layers, name)(**arguments, name="p")
        layer(layers.Input(shape[1:]))

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        use()
    assert str(caught.value) == message
