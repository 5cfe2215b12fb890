"""Cropping, zero padding, upsampling: numbers as Keras's (bicubic and Lanczos as tf_keras's), and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras_oracle import assert_as_keras
from torch.nn import functional as F

from lamina import layers
from lamina.layers.resizing import cubic, resampling_matrix

SHAPES = {1: ((2, 7, 3), (2, 3, 7)), 2: ((2, 7, 6, 3), (2, 3, 7, 6)), 3: ((2, 5, 6, 7, 3), (2, 3, 5, 6, 7))}
ORDERS = ["channels_last", "channels_first"]

with np.load(Path(__file__).parents[1] / "golden" / "local.npz") as file:
    GOLDEN = dict(file)
UPSAMPLED = {name: row for name, row in json.loads(str(GOLDEN["rows"])).items() if row[0] == "UpSampling2D"}
ENDS = {
    2: [1, 0, (1, 2), ((1, 2), (3, 0)), ((0, 0), (0, 1)), [[2, 0], [1, 1]]],
    3: [1, (1, 2, 0), ((1, 2), (0, 1), (2, 0)), ((0, 0), (1, 0), (0, 3)), [[1, 0], [1, 1], [0, 2]]],
}


@pytest.mark.parametrize("kind", ["Cropping", "ZeroPadding"])
@pytest.mark.parametrize("ends", [0, 1, (1, 2), (0, 3), [2, 0]])
def test_ends_of_one_axis_as_keras(kind, ends):
    argument = {"Cropping": "cropping", "ZeroPadding": "padding"}[kind]
    assert_as_keras(f"{kind}1D", {argument: ends}, SHAPES[1][0])


@pytest.mark.parametrize("kind", ["Cropping", "ZeroPadding"])
@pytest.mark.parametrize(("rank", "ends"), [(rank, ends) for rank, every in ENDS.items() for ends in every])
@pytest.mark.parametrize("order", ORDERS)
def test_ends_as_keras(kind, rank, ends, order):
    argument = {"Cropping": "cropping", "ZeroPadding": "padding"}[kind]
    assert_as_keras(f"{kind}{rank}D", {argument: ends, "data_format": order}, SHAPES[rank][order == ORDERS[1]])


def test_zero_padding_of_channels_first_steps_as_keras():
    assert_as_keras("ZeroPadding1D", {"padding": (2, 1), "data_format": "channels_first"}, SHAPES[1][1])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_upsampling_of_steps_as_keras(size):
    assert assert_as_keras("UpSampling1D", {"size": size}, SHAPES[1][0]).size == size


@pytest.mark.parametrize("size", [2, (1, 3), (7, 5)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("order", ORDERS)
def test_upsampling_of_images_as_keras(size, interpolation, order):
    arguments = {"size": size, "interpolation": interpolation, "data_format": order}
    assert_as_keras("UpSampling2D", arguments, SHAPES[2][order == ORDERS[1]])


@pytest.mark.parametrize("size", [2, (1, 3, 2)])
@pytest.mark.parametrize("order", ORDERS)
def test_upsampling_of_volumes_as_keras(size, order):
    assert_as_keras("UpSampling3D", {"size": size, "data_format": order}, SHAPES[3][order == ORDERS[1]])


@pytest.mark.parametrize("name", UPSAMPLED)
@pytest.mark.parametrize("order", ORDERS)
def test_interpolations_as_tf_keras(name, order):
    layer = layers.UpSampling2D(**UPSAMPLED[name][1], data_format=order)
    x = torch.from_numpy(GOLDEN[f"{name}/x"]).requires_grad_()
    y = layer(x) if order == "channels_last" else layer(x.movedim(-1, 1)).movedim(1, -1)
    (gradient,) = torch.autograd.grad((y * torch.linspace(0.5, 1.5, y.numel()).view(y.shape)).sum(), x)
    for mine, part in ((y, "y"), (gradient, "x_gradient")):
        wanted = GOLDEN[f"{name}/{part}"]
        # TensorFlow looks bicubic's weights up at positions rounded to 1 / 1024: exact for powers of 2 only.
        tolerance = 1e-3 if name == "bicubic (3, 1)" else 1e-5
        np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("order", ORDERS)
def test_smooth_interpolation_keeps_a_constant(interpolation, order):
    y = layers.UpSampling2D((3, 2), order, interpolation)(torch.full((1, 4, 5, 6), 0.5, dtype=torch.float32))
    torch.testing.assert_close(y, torch.full_like(y, 0.5))


def test_bicubic_is_what_torch_computes_for_smaller_images():
    """torch's antialiasing kernel, which shrinks images, has Keras's ``a`` and edges: it must agree where it enlarges."""
    x = torch.randn(2, 3, 9, 6)
    expected = F.interpolate(x, scale_factor=(3, 2), mode="bicubic", antialias=True)
    torch.testing.assert_close(layers.UpSampling2D((3, 2), "channels_first", "bicubic")(x), expected)


def test_rows_of_a_resampling_matrix_add_up_to_one():
    matrix = resampling_matrix(cubic, 5, 3, torch.zeros((), dtype=torch.float64))
    assert matrix.shape == (15, 5)
    torch.testing.assert_close(matrix.sum(1), torch.ones(15, dtype=torch.float64))


@pytest.mark.parametrize("factor", range(1, 70))
def test_nearest_repeats_exactly(factor):
    """Multiplying by 1 / factor in float32 would miss a position for some factors."""
    x = torch.arange(64.0).reshape(1, 64, 1)
    torch.testing.assert_close(layers.UpSampling1D(factor)(x), x.repeat_interleave(factor, 1), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "arguments", "shape"), [
    ("UpSampling1D", {}, (2, 5, 3)), ("UpSampling2D", {"size": (3, 2)}, (2, 5, 4, 3)),
    ("UpSampling3D", {"data_format": "channels_first"}, (1, 2, 3, 4, 5)), ("Cropping2D", {"cropping": 1}, (2, 5, 4, 3)),
    ("ZeroPadding2D", {}, (2, 5, 4, 3)), ("UpSampling2D", {"interpolation": "bilinear"}, (2, 5, 4, 3)),
])  # fmt: skip
def test_integers(name, arguments, shape):
    x = torch.randint(0, 50, shape)
    ours = getattr(layers, name)(**arguments)(x)
    assert ours.dtype == (torch.float32 if "interpolation" in arguments else x.dtype)
    expected = getattr(keras.layers, name)(**arguments)(x.float())
    torch.testing.assert_close(ours.float(), expected)


@pytest.mark.parametrize(("name", "arguments"), [
    ("Cropping2D", {"cropping": 1}), ("ZeroPadding2D", {}), ("UpSampling2D", {}), ("UpSampling2D", {"size": 3}),
    ("UpSampling2D", {"interpolation": "bilinear"}), ("UpSampling2D", {"interpolation": "bicubic"}),
    ("UpSampling2D", {"interpolation": "lanczos3"}),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_types_and_memory(name, arguments, dtype):
    layer = getattr(layers, name)(**arguments, dtype=dtype)
    x = torch.randn(2, 5, 6, 3, dtype=getattr(torch, dtype), requires_grad=True)
    y = layer(x)
    assert y.dtype == x.dtype
    assert y.is_contiguous() or name == "Cropping2D"  # which is a view
    assert torch.autograd.grad(y, x, torch.ones_like(y))[0].stride() == x.stride()
    expected = getattr(layers, name)(**arguments)(x.float())
    torch.testing.assert_close(y.float(), expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(("name", "arguments"), [
    ("Cropping1D", {}), ("Cropping2D", {"cropping": ((1, 0), (0, 2))}), ("Cropping3D", {}), ("ZeroPadding1D", {}),
    ("ZeroPadding2D", {}), ("ZeroPadding3D", {}), ("UpSampling1D", {}), ("UpSampling2D", {}), ("UpSampling3D", {}),
    ("UpSampling2D", {"interpolation": "bilinear"}), ("UpSampling2D", {"interpolation": "lanczos3"}),
])  # fmt: skip
def test_compile_and_export(name, arguments):
    layer = getattr(layers, name)(**arguments)
    x = torch.randn(SHAPES[int(name[-2])][0])
    y = layer(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_unknown_sizes_stay_unknown():
    assert layers.Cropping2D(1).compute_output_shape((None, None, 7, 3)) == (None, None, 5, 3)
    assert layers.ZeroPadding2D(1)(layers.Input((None, 7, None))).shape == (None, None, 9, None)
    assert layers.UpSampling3D(2, "channels_first").compute_output_shape((None, 3, None, 5, 6)) == (
        None,
        3,
        None,
        10,
        12,
    )


def test_words_of_keras_1():
    assert layers.UpSampling1D(length=3).size == 3
    assert layers.ZeroPadding2D(np.int64(2)).padding == ((2, 2), (2, 2))
    assert layers.ZeroPadding2D((1, 2, 3, 4)).padding == ((1, 2), (3, 4))
    assert layers.ZeroPadding1D({"left_pad": 3, "right_pad": 4}).padding == (3, 4)
    assert layers.Cropping2D(((1, 1), (2, 2)), dim_ordering="th").data_format == "channels_first"


WRONG_ARGUMENTS = [
    ("Cropping1D", {"cropping": (1, 2, 3)},
     "Cropping1D 'r' needs a non-negative integer or a tuple of 2 for cropping, and got (1, 2, 3)."),
    ("Cropping2D", {"cropping": -1},
     "Cropping2D 'r' needs a non-negative integer, or a tuple of 2 of them or of pairs for cropping, and got -1."),
    ("Cropping2D", {"cropping": (1, 2, 3)}, "Cropping2D 'r' needs a non-negative integer, or a tuple of 2 of them or of "
                                            "pairs for cropping, and got (1, 2, 3)."),
    ("ZeroPadding3D", {"padding": ((1, 2), (1, 2), (1, 2, 3))},
     "ZeroPadding3D 'r' needs a non-negative integer, or a tuple of 3 of them or of pairs for padding, and got "
     "((1, 2), (1, 2), (1, 2, 3))."),
    ("ZeroPadding2D", {"padding": "same"},
     "ZeroPadding2D 'r' needs a non-negative integer, or a tuple of 2 of them or of pairs for padding, and got 'same'."),
    ("ZeroPadding2D", {"data_format": "NHWC"},
     "ZeroPadding2D 'r' needs 'channels_last' or 'channels_first' for data_format, and got 'NHWC'."),
    ("UpSampling1D", {"size": 0}, "UpSampling1D 'r' needs a positive integer for size, and got 0."),
    ("UpSampling2D", {"size": (2, 2.5)},
     "UpSampling2D 'r' needs a positive integer or a tuple of 2 for size, and got (2, 2.5)."),
    ("UpSampling2D", {"interpolation": "area"},
     "UpSampling2D 'r' needs 'nearest' or 'bilinear' or 'bicubic' or 'lanczos3' or 'lanczos5' for interpolation, and got "
     "'area'."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(name, arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        getattr(layers, name)(**arguments, name="r")
    assert str(caught.value) == message


def test_cropping_that_leaves_nothing():
    message = "Cropping2D 'r' would leave nothing of {}: it cuts off (2, 2) of 4 positions."
    layer = layers.Cropping2D(2, name="r")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build((None, 4, 9, 3))
    assert str(caught.value) == message.format("(None, 4, 9, 3)")
    layer(torch.zeros(1, 9, 9, 3))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer(torch.zeros(1, 4, 9, 3))
    assert str(caught.value) == message.format("(1, 4, 9, 3)")
