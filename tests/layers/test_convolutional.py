"""Conv1D, Conv2D, Conv3D: numbers as Keras's, memory as torch likes it, and clear errors."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from keras_oracle import assert_as_keras
from torch.nn import functional as F

from lamina import config, layers
from lamina.kernels.windows import same_padding

LAST = {"data_format": "channels_last"}
FIRST = {"data_format": "channels_first"}
SHAPES = {  # class: (channels last, channels first), with odd and even sizes
    "Conv1D": ((2, 11, 4), (2, 4, 11)),
    "Conv2D": ((2, 9, 12, 4), (2, 4, 9, 12)),
    "Conv3D": ((2, 6, 7, 5, 4), (2, 4, 6, 7, 5)),
}
ARGUMENTS = {
    "plain": {},
    "even kernel": {"kernel_size": 2},
    "same": {"padding": "same"},
    "same, even kernel": {"padding": "same", "kernel_size": 4},
    "strides": {"strides": 2},
    "same, strides": {"padding": "same", "strides": 2},
    "same, strides 3, even kernel": {"padding": "same", "strides": 3, "kernel_size": 2},
    "same, window smaller than its step": {"padding": "same", "strides": 3, "kernel_size": 1},
    "dilation": {"dilation_rate": 2},
    "same, dilation": {"padding": "SAME", "dilation_rate": 2},
    "groups": {"groups": 2},
    "depthwise": {"groups": 4, "filters": 8, "padding": "same", "strides": 2},
    "one filter": {"filters": 1},
    "no bias": {"use_bias": False},
    "activation": {"activation": "tanh"},
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("case", ARGUMENTS)
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_as_keras(name, case, order):
    arguments = {"filters": 6, "kernel_size": 3, "data_format": order} | ARGUMENTS[case]
    assert_as_keras(name, arguments, SHAPES[name][order == "channels_first"])


@pytest.mark.parametrize("order", [LAST, FIRST], ids=["channels_last", "channels_first"])
@pytest.mark.parametrize("arguments", [{}, {"dilation_rate": 3}, {"strides": 2}, {"kernel_size": 1}])
def test_causal_as_keras(arguments, order):
    shape = SHAPES["Conv1D"][order is FIRST]
    assert_as_keras("Conv1D", {"filters": 5, "kernel_size": 3, "padding": "causal", **order, **arguments}, shape)


def test_causal_output_sees_no_later_input():
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = torch.randn(1, 10, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 6].sum(), x)
    assert gradient[0].abs().sum(-1).ne(0).nonzero().flatten().tolist() == [2, 4, 6]


def test_unequal_arguments_for_each_axis_as_keras():
    arguments = {"filters": 4, "kernel_size": (3, 2), "strides": (1, 3), "padding": "same"}
    assert_as_keras("Conv2D", arguments, (2, 8, 10, 3))
    assert_as_keras("Conv2D", {"filters": 4, "kernel_size": (1, 5), "dilation_rate": (3, 2)}, (1, 8, 10, 3))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", SHAPES)
def test_few_channels_and_rows(name, batch, channels):
    shape = (batch, *SHAPES[name][0][1:-1], channels)
    assert_as_keras(name, {"filters": 4, "kernel_size": 3, "padding": "same"}, shape)


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("window", range(1, 6))
@pytest.mark.parametrize("stride", range(1, 4))
def test_same_padding_gives_every_window_its_place(size, window, stride):
    before, after = same_padding(size, window, stride)
    assert (size + before + after - window) // stride + 1 == -(-size // stride)
    assert after - before in (0, 1)


def test_same_padding_follows_the_size_at_each_call():
    layer = layers.Conv2D(2, 3, strides=2, padding="same")
    layer.build((None, 8, 8, 1))
    for size in (8, 7, 5):
        x = torch.randn(2, size, size, 1)
        before, after = same_padding(size, 3, 2)
        padded = F.pad(x.permute(0, 3, 1, 2), (before, after, before, after))
        expected = F.conv2d(padded, layer.kernel.permute(3, 2, 0, 1), layer.bias, 2).permute(0, 2, 3, 1)
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("shape", "padding", "expected"), [
    ((None, None, None, 3), "same", (None, None, None, 8)),
    ((None, None, 32, 3), "same", (None, None, 16, 8)),
    ((None, 31, None, 3), "valid", (None, 15, None, 8)),
])  # fmt: skip
def test_unknown_sizes_stay_unknown(shape, padding, expected):
    layer = layers.Conv2D(8, 3, strides=2, padding=padding)
    assert layer.compute_output_shape(shape) == expected
    assert layer(layers.Input(shape[1:])).shape == expected


# ---- memory --------------------------------------------------------------------------------------------------------

# torch has no channels-last kernel for float64 in 3D, nor one for 1x1x1; gradients come in an order of their own there.
FAST = [(name, dtype) for name in SHAPES for dtype in ("float32", "float64", "bfloat16") if (name, dtype) !=
        ("Conv3D", "float64")]  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), FAST)
@pytest.mark.parametrize("arguments", [{}, {"padding": "same", "strides": 2}, {"groups": 2}, {"kernel_size": 2}])
def test_gradients_have_the_weights_strides(name, dtype, arguments):
    layer = getattr(layers, name)(**{"filters": 6, "kernel_size": 3, "dtype": dtype} | arguments)
    x = torch.randn(SHAPES[name][0], dtype=getattr(torch, dtype), requires_grad=True)
    y = layer(x)
    assert y.is_contiguous()
    gradients = torch.autograd.grad(y.sum(), [x, layer.kernel, layer.bias])
    assert [g.stride() for g in gradients] == [t.stride() for t in (x, layer.kernel, layer.bias)]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_torch_sees_the_kernel_without_a_copy(name, order):
    layer = getattr(layers, name)(6, 3, data_format=order)
    layer.build(SHAPES[name][order == "channels_first"])
    rank = layer.kernel.dim() - 2
    weight = layer.kernel.permute(rank + 1, rank, *range(rank))
    wanted = weight.movedim(1, -1) if order == "channels_last" else weight
    assert wanted.is_contiguous()
    assert layer.kernel.shape == (3,) * rank + (4, 6)


def test_weights_in_keras_order_and_layout():
    layer = layers.Conv2D(8, (3, 5), groups=2)
    layer.build((None, 9, 9, 4))
    assert [weight.shape for weight in layer.get_weights()] == [(3, 5, 2, 8), (8,)]
    assert list(layer.state_dict()) == ["kernel", "bias"]


# ---- life as a module ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("arguments", [{"padding": "same"}, {"padding": "same", "strides": 2}])
def test_compile_and_export(name, arguments):
    layer = getattr(layers, name)(6, 3, activation="relu", **arguments)
    x = torch.randn(SHAPES[name][0])
    y = layer(x)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_copies_keep_layout_and_numbers():
    layer = layers.Conv2D(6, 3)
    x = torch.randn(2, 9, 9, 4)
    y = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin.kernel.stride() == layer.kernel.stride()
        torch.testing.assert_close(twin(x), y)


def test_mixed_precision_computes_in_the_smaller_type():
    layer = layers.Conv2D(6, 3, dtype="mixed_bfloat16")
    y = layer(torch.randn(1, 9, 9, 4))
    assert (y.dtype, layer.kernel.dtype) == (torch.bfloat16, torch.float32)


def test_pre_activation_comes_before_the_activation():
    layer = layers.Conv1D(3, 2, activation="sigmoid")
    x = torch.randn(1, 5, 2)
    torch.testing.assert_close(layer(x), torch.sigmoid(layer.pre_activation(x)))


def test_data_format_comes_from_the_program(monkeypatch):
    monkeypatch.setitem(config._settings, "image_data_format", "channels_first")
    layer = layers.Conv2D(5, 3)
    assert layer(torch.randn(2, 4, 9, 12)).shape == (2, 5, 7, 10)
    assert layer.get_config()["data_format"] == "channels_first"


def test_regularizers_and_constraints_are_kept():
    layer = layers.Conv1D(3, 2, kernel_regularizer="l2", bias_regularizer="l1", bias_initializer="ones",
                          kernel_constraint="max_norm", activity_regularizer="l2")  # fmt: skip
    layer(torch.randn(2, 5, 2))
    assert len(layer.losses) == 3  # of the output, the kernel and the bias
    assert set(layer._constraints) == {"kernel"}
    torch.testing.assert_close(layer.losses[-1], torch.tensor(0.03))


def test_names_of_keras_1():
    assert layers.Convolution1D is layers.Conv1D
    assert layers.Convolution2D is layers.Conv2D
    assert layers.Convolution3D is layers.Conv3D


# ---- errors --------------------------------------------------------------------------------------------------------

WRONG_ARGUMENTS = [
    ({"filters": 0}, "Conv2D 'c' needs a positive integer for filters, and got 0."),
    ({"filters": -4}, "Conv2D 'c' needs a positive integer for filters, and got -4."),
    ({"kernel_size": 0}, "Conv2D 'c' needs a positive integer or a tuple of 2 for kernel_size, and got 0."),
    ({"kernel_size": (3, 3, 3)},
     "Conv2D 'c' needs a positive integer or a tuple of 2 for kernel_size, and got (3, 3, 3)."),
    ({"kernel_size": "3"}, "Conv2D 'c' needs a positive integer or a tuple of 2 for kernel_size, and got '3'."),
    ({"strides": (1, 0)}, "Conv2D 'c' needs a positive integer or a tuple of 2 for strides, and got (1, 0)."),
    ({"dilation_rate": -1}, "Conv2D 'c' needs a positive integer or a tuple of 2 for dilation_rate, and got -1."),
    ({"padding": "causal"}, "Conv2D 'c' needs 'valid' or 'same' for padding, and got 'causal'."),
    ({"padding": 1}, "Conv2D 'c' needs 'valid' or 'same' for padding, and got 1."),
    ({"data_format": "NHWC"},
     "Conv2D 'c' needs 'channels_last' or 'channels_first' for data_format, and got 'NHWC'."),
    ({"groups": 0}, "Conv2D 'c' needs a positive integer for groups, and got 0."),
    ({"groups": 3}, "Conv2D 'c' can't split 8 filters into 3 groups."),
    ({"strides": 2, "dilation_rate": (1, 2)},
     "Conv2D 'c' can't have strides (2, 2) together with dilation_rate (1, 2): one of them must be 1."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layers.Conv2D(**{"filters": 8, "kernel_size": 3, "name": "c"} | arguments)
    assert str(caught.value) == message


WRONG_INPUTS = [
    ({}, (None, 9, 9, None), "Conv2D 'c' needs to know the number of its input's channels, and got (None, 9, 9, None)."),
    ({}, (None, 2, 9, 3), "Conv2D 'c' needs inputs whose sizes are at least (3, 3), and got (None, 2, 9, 3). "
                          "Inputs can be smaller with padding='same'."),
    ({"dilation_rate": 2}, (None, 4, 9, 3), "Conv2D 'c' needs inputs whose sizes are at least (5, 5), and got "
                                            "(None, 4, 9, 3). Inputs can be smaller with padding='same'."),
    ({"groups": 2}, (None, 9, 9, 3), "Conv2D 'c' can't split 3 input channels into 2 groups."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "shape", "message"), WRONG_INPUTS)
def test_inputs_that_do_not_fit(arguments, shape, message):
    layer = layers.Conv2D(8, 3, name="c", **arguments)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build(shape)
    assert str(caught.value) == message
    assert not layer.built
    assert layer.weights == []


def test_a_built_layer_says_what_it_was_built_for():
    layer = layers.Conv2D(8, 3, name="c")
    layer(torch.zeros(1, 9, 9, 3))
    with pytest.raises(
        ValueError, match=r"^Conv2D 'c' was built for inputs whose last axis is 3, and got \(1, 9, 9, 4\)\.$"
    ):
        layer(torch.zeros(1, 9, 9, 4))
    with pytest.raises(
        ValueError, match=r"^Conv2D 'c' takes inputs of 4 axes \(the batch is the first\), and got \(9, 9, 3\)"
    ):
        layer(torch.zeros(9, 9, 3))


def test_missing_kernel_size():
    with pytest.raises(TypeError, match="kernel_size"):
        layers.Conv2D(8)


@pytest.mark.parametrize("size", [1, 2])
def test_windows_larger_than_bfloat16_data(size):
    """torch's own gradient of the weights holds numbers that stand beside the data."""
    layer = layers.Conv3D(16, 3, padding="same", dtype="bfloat16")
    data = torch.randn(2, size, size, 4, 16).bfloat16()
    layer.build(data.shape)
    kernel = layer.kernel.detach().double().requires_grad_()
    F.conv3d(data.double().permute(0, 4, 1, 2, 3), kernel.permute(4, 3, 0, 1, 2), padding=1).sum().backward()
    for _ in range(3):
        layer.kernel.grad = None
        layer(data).sum().backward()
        torch.testing.assert_close(layer.kernel.grad.double(), kernel.grad, atol=0.3, rtol=0.02)
