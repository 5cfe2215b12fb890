"""Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: numbers as Keras's, memory as torch likes it, and clear errors."""

from __future__ import annotations

import itertools

import keras
import pytest
import torch
from keras_oracle import assert_as_keras

from lamina import layers
from lamina.layers.convolutional_transpose import transposed_padding

SHAPES = {  # class: (channels last, channels first), with odd and even sizes
    "Conv1DTranspose": ((2, 5, 4), (2, 4, 5)),
    "Conv2DTranspose": ((2, 4, 5, 4), (2, 4, 4, 5)),
    "Conv3DTranspose": ((2, 3, 4, 2, 4), (2, 4, 3, 4, 2)),
}
ARGUMENTS = {
    "plain": {},
    "even kernel": {"kernel_size": 2},
    "same": {"padding": "same"},
    "same, even kernel": {"padding": "SAME", "kernel_size": 4},
    "strides": {"strides": 2},
    "strides, even kernel": {"strides": 2, "kernel_size": 4},
    "strides above the window": {"strides": 3, "kernel_size": 2},
    "same, strides": {"padding": "same", "strides": 2},
    "same, strides, even kernel": {"padding": "same", "strides": 2, "kernel_size": 4},
    "same, strides 3": {"padding": "same", "strides": 3, "kernel_size": 5},
    "same, strides above the window": {"padding": "same", "strides": 3, "kernel_size": 1},
    "output_padding 0": {"strides": 2, "output_padding": 0},
    "output_padding": {"strides": 3, "output_padding": 2},
    "same, output_padding 0": {"padding": "same", "strides": 2, "output_padding": 0},
    "same, output_padding": {"padding": "same", "strides": 2, "output_padding": 1},
    "same, output_padding, even kernel": {"padding": "same", "strides": 3, "output_padding": 2, "kernel_size": 2},
    "dilation": {"dilation_rate": 2},
    "same, dilation": {"padding": "same", "dilation_rate": 2},
    "no bias": {"use_bias": False},
    "activation": {"activation": "tanh"},
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("case", ARGUMENTS)
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_as_keras(name, case, order):
    arguments = {"filters": 3, "kernel_size": 3, "data_format": order} | ARGUMENTS[case]
    assert_as_keras(name, arguments, SHAPES[name][order == "channels_first"])


def test_unequal_arguments_for_each_axis_as_keras():
    arguments = {"filters": 4, "kernel_size": (3, 2), "strides": (1, 3), "padding": "same"}
    assert_as_keras("Conv2DTranspose", arguments, (2, 4, 5, 3))
    assert_as_keras("Conv2DTranspose", arguments | {"output_padding": (0, 2)}, (2, 4, 5, 3))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_window_has_torch_arguments_that_it_takes(padding):
    """torch's kernels want an output_padding below the stride (or the dilation)."""
    for extent, stride in itertools.product(range(1, 8), range(1, 6)):
        for added in (None, *range(stride)):
            ends, behind = transposed_padding(extent, stride, added, padding)
            assert ends >= 0
            assert -1 <= behind < stride


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_shapes_as_keras_and_unknown_sizes(padding):
    layer = layers.Conv2DTranspose(8, 3, strides=2, padding=padding)
    theirs = keras.layers.Conv2DTranspose(8, 3, strides=2, padding=padding)
    for shape in ((None, None, 7, 3), (None, 5, None, 3), (None, None, None, 3)):
        assert layer.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
    assert layer(layers.Input((None, 7, 3))).shape == tuple(theirs.compute_output_shape((None, None, 7, 3)))


def test_it_is_a_convolution_s_gradient():
    convolution = layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False)
    x = torch.randn(2, 8, 10, 5, requires_grad=True)
    y = convolution(x)
    g = torch.randn_like(y)
    transposed = layers.Conv2DTranspose(5, 3, strides=2, padding="same", use_bias=False)
    transposed.build(g.shape)
    transposed.set_weights(convolution.get_weights())
    (expected,) = torch.autograd.grad(y, x, g)
    torch.testing.assert_close(transposed(g), expected)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_torch_sees_the_kernel_without_a_copy(name, order):
    layer = getattr(layers, name)(6, 3, data_format=order)
    layer.build(SHAPES[name][order == "channels_first"])
    rank = layer.kernel.dim() - 2
    weight = layer.kernel.permute(rank + 1, rank, *range(rank))
    assert (weight.movedim(1, -1) if order == "channels_last" else weight).is_contiguous()
    assert layer.kernel.shape == (3,) * rank + (6, 4)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("arguments", [{}, {"padding": "same", "strides": 2, "kernel_size": 2}])
def test_memory_stays_channels_last(name, arguments):
    layer = getattr(layers, name)(**{"filters": 6, "kernel_size": 3} | arguments)
    x = torch.randn(SHAPES[name][0], requires_grad=True)
    y = layer(x)
    assert y.is_contiguous()
    assert torch.autograd.grad(y.sum(), x)[0].stride() == x.stride()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("arguments", [{}, {"padding": "same", "strides": 2}])
def test_compile_and_export(name, arguments):
    layer = getattr(layers, name)(6, 3, activation="relu", **arguments)
    x = torch.randn(SHAPES[name][0])
    y = layer(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_positions_are_keras_3_s():
    assert layers.Conv2DTranspose(4, 3, 2, "same", 1, "channels_first").output_padding == (1, 1)
    layer = layers.Conv3DTranspose(4, 3, 2, "same", "channels_first", 1, 1, "relu")
    assert (layer.data_format, layer.output_padding, layer.activation.__name__) == ("channels_first", (1, 1, 1), "relu")


def test_older_names():
    old = layers.Deconvolution2D(8, 3, 3, (None, 14, 14, 8), subsample=(2, 2), border_mode="same")
    assert type(old) is layers.Conv2DTranspose
    assert old(torch.zeros(2, 7, 7, 3)).shape == (2, 14, 14, 8)
    assert isinstance(layers.Deconvolution3D(8, 3), layers.Conv3DTranspose)
    assert isinstance(layers.Convolution2DTranspose(8, 3), layers.Conv2DTranspose)


WRONG_ARGUMENTS = [
    ({"filters": 0}, "Conv2DTranspose 'c' needs a positive integer for filters, and got 0."),
    ({"kernel_size": (3, 0)},
     "Conv2DTranspose 'c' needs a positive integer or a tuple of 2 for kernel_size, and got (3, 0)."),
    ({"padding": "causal"}, "Conv2DTranspose 'c' needs 'valid' or 'same' for padding, and got 'causal'."),
    ({"output_padding": 2, "strides": 2},
     "Conv2DTranspose 'c' needs an output_padding below its strides (2, 2), and got 2."),
    ({"output_padding": -1},
     "Conv2DTranspose 'c' needs a non-negative integer or a tuple of 2 for output_padding, and got -1."),
    ({"strides": 2, "dilation_rate": 2},
     "Conv2DTranspose 'c' can't have strides (2, 2) together with dilation_rate (2, 2): one of them must be 1."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layers.Conv2DTranspose(**{"filters": 8, "kernel_size": 3, "name": "c"} | arguments)
    assert str(caught.value) == message


def test_inputs_that_do_not_fit():
    layer = layers.Conv2DTranspose(8, 3, name="c")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build((None, 9, 9, None))
    assert str(caught.value) == (
        "Conv2DTranspose 'c' needs to know the number of its input's channels, and got (None, 9, 9, None)."
    )
    assert layer.weights == []
    layer(torch.zeros(1, 9, 9, 3))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer(torch.zeros(1, 9, 9, 4))
    assert str(caught.value) == "Conv2DTranspose 'c' was built for inputs whose last axis is 3, and got (1, 9, 9, 4)."
