"""SeparableConv1D/2D and DepthwiseConv1D/2D: numbers as Keras's, memory as torch likes it, and clear errors."""

from __future__ import annotations

import keras
import pytest
import torch
from keras_oracle import assert_as_keras

from lamina import layers

SHAPES = {1: ((2, 11, 4), (2, 4, 11)), 2: ((2, 9, 12, 4), (2, 4, 9, 12))}  # channels last, channels first
ARGUMENTS = {
    "plain": {},
    "multiplier": {"depth_multiplier": 3},
    "same": {"padding": "same"},
    "same, even kernel, multiplier": {"padding": "SAME", "kernel_size": 4, "depth_multiplier": 2},
    "strides": {"strides": 2},
    "same, strides": {"padding": "same", "strides": 2, "depth_multiplier": 2},
    "dilation": {"dilation_rate": 2},
    "same, dilation": {"padding": "same", "dilation_rate": 3},
    "no bias": {"use_bias": False},
    "activation": {"activation": "tanh", "depth_multiplier": 2},
}
KINDS = {"SeparableConv": {"filters": 5}, "DepthwiseConv": {}}


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ARGUMENTS)
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_as_keras(kind, rank, case, order):
    arguments = {"kernel_size": 3, "data_format": order} | KINDS[kind] | ARGUMENTS[case]
    assert_as_keras(f"{kind}{rank}D", arguments, SHAPES[rank][order == "channels_first"])


@pytest.mark.parametrize("kind", KINDS)
def test_unequal_arguments_for_each_axis_as_keras(kind):
    arguments = {"kernel_size": (3, 2), "strides": (1, 3), "padding": "same"} | KINDS[kind]
    assert_as_keras(f"{kind}2D", arguments, (2, 8, 10, 3))


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_in_keras_order(kind, rank):
    arguments = {"kernel_size": 3, "depth_multiplier": 2} | KINDS[kind]
    ours, theirs = (getattr(library, f"{kind}{rank}D")(**arguments) for library in (layers, keras.layers))
    for layer in (ours, theirs):
        layer.build(SHAPES[rank][0])
    assert [weight.shape for weight in ours.get_weights()] == [tuple(weight.shape) for weight in theirs.weights]
    assert list(ours.state_dict()) == [weight.name for weight in theirs.weights]


def test_causal_output_sees_no_later_input():
    layer = layers.SeparableConv1D(3, 3, padding="causal", dilation_rate=2)
    x = torch.randn(1, 10, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 6].sum(), x)
    assert gradient[0].abs().sum(-1).ne(0).nonzero().flatten().tolist() == [2, 4, 6]


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_stays_channels_last(kind, rank):
    layer = getattr(layers, f"{kind}{rank}D")(kernel_size=3, depth_multiplier=2, **KINDS[kind])
    x = torch.randn(SHAPES[rank][0], requires_grad=True)
    y = layer(x)
    assert y.is_contiguous()
    gradients = torch.autograd.grad(y.sum(), [x, *layer.trainable_weights])
    assert gradients[0].stride() == x.stride()


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_compile_and_export(kind, rank):
    layer = getattr(layers, f"{kind}{rank}D")(
        kernel_size=3, padding="same", strides=2, activation="relu", **KINDS[kind]
    )
    x = torch.randn(SHAPES[rank][0])
    y = layer(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_unknown_sizes_stay_unknown():
    layer = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)
    assert layer.compute_output_shape((None, None, 31, 3)) == (None, None, 15, 6)
    assert layer.compute_output_shape((None, None, 31, None)) == (None, None, 15, None)
    assert layer(layers.Input((None, 31, 3))).shape == (None, None, 15, 6)


def test_regularizers_and_constraints_are_kept():
    layer = layers.SeparableConv2D(4, 3, depthwise_regularizer="l2", pointwise_regularizer="l1", bias_regularizer="l1",
                                   depthwise_constraint="max_norm", pointwise_constraint="non_neg")  # fmt: skip
    layer(torch.randn(2, 5, 5, 2))
    assert len(layer.losses) == 3
    assert set(layer._constraints) == {"depthwise_kernel", "pointwise_kernel"}
    layer = layers.DepthwiseConv1D(3, depthwise_regularizer="l2", bias_constraint="non_neg")
    layer(torch.randn(2, 5, 2))
    assert len(layer.losses) == 1
    assert set(layer._constraints) == {"bias"}


def test_words_of_keras_1():
    layer = layers.SeparableConvolution2D(8, 3, 3, border_mode="same", init="he_normal", depth_multiplier=2)
    assert type(layer) is layers.SeparableConv2D
    assert type(layer.depthwise_initializer) is type(layer.pointwise_initializer)
    assert layer(torch.zeros(1, 5, 5, 2)).shape == (1, 5, 5, 8)


WRONG_ARGUMENTS = [
    ("SeparableConv2D", {"filters": 0}, "SeparableConv2D 'c' needs a positive integer for filters, and got 0."),
    ("SeparableConv2D", {"depth_multiplier": 0},
     "SeparableConv2D 'c' needs a positive integer for depth_multiplier, and got 0."),
    ("DepthwiseConv2D", {"depth_multiplier": None},
     "DepthwiseConv2D 'c' needs a positive integer for depth_multiplier, and got None."),
    ("DepthwiseConv2D", {"kernel_size": (3, 3, 3)},
     "DepthwiseConv2D 'c' needs a positive integer or a tuple of 2 for kernel_size, and got (3, 3, 3)."),
    ("DepthwiseConv1D", {"padding": "causal"}, "DepthwiseConv1D 'c' needs 'valid' or 'same' for padding, and got 'causal'."),
    ("SeparableConv1D", {"padding": "full"},
     "SeparableConv1D 'c' needs 'valid' or 'same' or 'causal' for padding, and got 'full'."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(name, arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        getattr(layers, name)(**{"kernel_size": 3, "name": "c"} | KINDS[name[:-2]] | arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(("shape", "message"), [
    ((None, 9, None), "SeparableConv1D 'c' needs to know the number of its input's channels, and got (None, 9, None)."),
    ((None, 2, 3), "SeparableConv1D 'c' needs inputs whose sizes are at least (3,), and got (None, 2, 3). "
                   "Inputs can be smaller with padding='same'."),
])  # fmt: skip
def test_inputs_that_do_not_fit(shape, message):
    layer = layers.SeparableConv1D(4, 3, name="c")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build(shape)
    assert str(caught.value) == message
    assert layer.weights == []
