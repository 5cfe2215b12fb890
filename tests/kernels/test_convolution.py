"""Windows at which torch's own convolutions crash, or give other numbers."""

import itertools
import os
from typing import Any

import numpy as np
import pytest
import torch
from fuzz.children import each
from keras_oracle import assert_as_keras

from lamina import layers, ops
from lamina.kernels import convolution


def beside_float64(work: tuple[str, dict[str, Any], tuple[int, ...]]) -> str:
    """Outputs and gradients beside the same layer's in float64, which oneDNN has not; three times, for what spoils the heap."""
    name, arguments, shape = work
    torch.manual_seed(0)
    layer, exact = (getattr(layers, name)(**arguments, dtype=dtype) for dtype in ("float32", "float64"))
    x = torch.randn(shape)
    results = []
    for one, data in ((layer, x), (exact, x.double())):
        data = data.clone().requires_grad_()
        one(data)
        one.set_weights([weight.detach() for weight in layer.weights])
        found: list[torch.Tensor] = []
        for _ in range(3):
            y = one(data)
            factors = torch.linspace(0.5, 1.5, y.numel()).sin().reshape(y.shape).to(y.dtype)
            found = [y, *torch.autograd.grad((y * factors).sum(), [data, *one.parameters()])]
        results.append(found)
    for mine, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(
            mine.detach(), wanted.detach(), rtol=0, atol=1e-4 * max(1.0, float(wanted.detach().abs().max()))
        )
    return "equal"


POINTS = [("Conv2D", {"filters": 16, "kernel_size": 1, "strides": 2}, (4, 60, 60, 8)),
          ("Conv2D", {"filters": 2, "kernel_size": 1, "strides": (1, 2), "padding": "same"}, (4, 60, 60, 1)),
          ("Conv2D", {"filters": 1, "kernel_size": 1, "strides": (2, 1)}, (4, 60, 60, 3)),
          ("Conv2D", {"filters": 2, "kernel_size": 1, "strides": 2, "data_format": "channels_first"}, (4, 1, 60, 60)),
          ("Conv2D", {"filters": 4, "kernel_size": 1, "strides": 2, "groups": 2}, (4, 60, 60, 8)),
          ("Conv1D", {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "causal"}, (4, 3600, 1)),
          ("Conv3D", {"filters": 2, "kernel_size": 1, "strides": 2}, (4, 12, 12, 20, 3)),
          ("Conv2DTranspose", {"filters": 2, "kernel_size": 1, "strides": 2}, (4, 60, 60, 8)),
          ("Conv2DTranspose", {"filters": 8, "kernel_size": 1, "strides": (1, 3), "padding": "same"}, (4, 60, 60, 1)),
          ("Conv3DTranspose", {"filters": 2, "kernel_size": 1, "strides": 2}, (2, 12, 12, 20, 3)),
          ("SeparableConv2D", {"filters": 16, "kernel_size": 1, "strides": 2}, (4, 60, 60, 8)),
          ("DepthwiseConv2D", {"kernel_size": 1, "strides": 2, "depth_multiplier": 2}, (4, 60, 60, 3)),
          ("ConvLSTM2D", {"filters": 2, "kernel_size": 1, "strides": 2}, (2, 3, 60, 60, 3))]  # fmt: skip
# One number in a group, steps along the last axis only, and one place there.
ROWS = [("Conv2D", {"filters": 17, "kernel_size": (1, 3), "strides": (1, 3)}, (4, 2, 5, 1)),
        ("Conv2D", {"filters": 4, "kernel_size": (3, 3), "strides": (1, 2), "data_format": "channels_first"}, (2, 1, 5, 3)),
        ("Conv3D", {"filters": 1, "kernel_size": 3, "strides": (1, 1, 2), "padding": "same"}, (5, 7, 10, 1, 1)),
        ("Conv2DTranspose", {"filters": 1, "kernel_size": (1, 4), "strides": (1, 2)}, (5, 51, 1, 17)),
        ("DepthwiseConv2D", {"kernel_size": (1, 3), "strides": (1, 2), "depth_multiplier": 2}, (5, 10, 3, 8)),
        ("ConvLSTM2D", {"filters": 2, "kernel_size": (1, 3), "strides": (1, 3)}, (4, 2, 2, 5, 1))]  # fmt: skip
# Weights of one filter or channel, whose memory is that of more than one order.
ONES = [("Conv2D", {"filters": 1, "kernel_size": 3, "padding": "same"}, (1, 16, 16, 3)),
        ("Conv1D", {"filters": 1, "kernel_size": 3}, (1, 16, 3)),
        ("Conv3D", {"filters": 1, "kernel_size": 2}, (1, 4, 4, 4, 3)),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3}, (1, 8, 8, 1)),
        ("Conv1DTranspose", {"filters": 2, "kernel_size": 3}, (1, 8, 1)),
        ("Conv3DTranspose", {"filters": 2, "kernel_size": 2}, (1, 4, 4, 4, 1)),
        ("SeparableConv2D", {"filters": 1, "kernel_size": 3}, (1, 8, 8, 1))]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child is forked")
def test_outputs_and_gradients_are_those_of_float64():
    answers = list(each(beside_float64, POINTS + ROWS + ONES))
    assert [(work, answer) for work, answer in answers if answer != "equal"] == []


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("name", "more"), [
    ("Conv1D", {"filters": 2, "strides": 3}), ("Conv2D", {"filters": 2, "strides": (2, 3)}),
    ("Conv3D", {"filters": 2, "strides": 2}), ("Conv1DTranspose", {"filters": 2, "strides": 3}),
    ("Conv2DTranspose", {"filters": 2, "strides": (2, 3)}), ("Conv3DTranspose", {"filters": 2, "strides": 2}),
    ("Conv2DTranspose", {"filters": 2, "strides": 3, "output_padding": 1}),
    ("DepthwiseConv2D", {"strides": 2}), ("SeparableConv2D", {"filters": 2, "strides": 3}),
])  # fmt: skip
def test_strided_points_are_keras_s(name, more, padding):
    rank = int(name.replace("Transpose", "")[-2])
    assert_as_keras(
        name, {"kernel_size": 1, "padding": padding, "activation": "relu", **more}, (2, *(7, 8, 9)[:rank], 3)
    )


@pytest.mark.parametrize("transposed", [False, True])
def test_functions_of_strided_points_are_the_layers(transposed):
    layer = (layers.Conv2DTranspose if transposed else layers.Conv2D)(2, 1, strides=(2, 3), use_bias=False)
    x = torch.randn(2, 7, 8, 3)
    y = layer(x)
    function = ops.conv_transpose if transposed else ops.conv
    torch.testing.assert_close(function(x, layer.kernel, strides=(2, 3)), y)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_strided_points_are_compiled_and_exported(name):
    layer, x = getattr(layers, name)(2, 1, strides=2), torch.randn(2, 7, 8, 3)
    y = layer(x)
    torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), y)
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)


def test_a_dilation_says_nothing_of_one_point():
    assert convolution.told((1, 3), (1, 1), (2, 2)) == (None, (1, 1), (1, 2))


@pytest.mark.parametrize("layout", [(3, 0, 1, 2), (3, 2, 0, 1), (0, 1, 2, 3)])
def test_strides_of_axes_of_size_one_follow_the_layout(layout):
    weight = layers.Layer().add_weight(shape=(1, 3, 1, 1), layout=layout)
    steps = [weight.stride(axis) for axis in layout]
    assert steps == sorted(steps, reverse=True)
    assert all(weight.stride(one) == weight.stride(next_) * weight.shape[next_]
               for one, next_ in itertools.pairwise(layout))  # fmt: skip


DILATED = [("Conv2D", {"filters": 4, "kernel_size": (3, 1), "dilation_rate": (3, 1)}, (4, 12, 58, 17)),
           ("Conv2DTranspose", {"filters": 17, "kernel_size": (4, 2), "dilation_rate": (2, 1)}, (4, 5, 56, 8)),
           ("Conv2D", {"filters": 2, "kernel_size": 3, "strides": (2, 3), "padding": "same"}, (4, 30, 1, 16)),
           ("Conv1D", {"filters": 8, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 1, 8)),
           ("Conv3DTranspose", {"filters": 4, "kernel_size": (3, 1, 3), "strides": 2, "padding": "same"}, (4, 2, 1, 1, 1)),
           ("ConvLSTM2D", {"filters": 2, "kernel_size": 3, "padding": "same"}, (2, 3, 4, 1, 2)),
           # A step of 3 over one row leaves the row a stride that torch reads as another order.
           ("Conv2D", {"filters": 32, "kernel_size": 1, "strides": (3, 1), "groups": 2}, (1, 1, 5, 6))]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape"), DILATED)
def test_gradients_of_kernels_in_bfloat16(name, arguments, shape):
    """torch's own hold in part what lay in the memory before."""
    torch.manual_seed(0)
    less, exact = (getattr(layers, name)(**arguments, dtype=dtype) for dtype in ("bfloat16", "float64"))
    x = torch.randn(shape)
    y = exact(x)
    less(x)
    less.set_weights([weight.detach() for weight in exact.weights])
    factors = torch.randn(y.shape).bfloat16()
    kernels = [getattr(layer, "cell", layer).kernel for layer in (less, exact)]
    (wanted,) = torch.autograd.grad((exact(x.bfloat16().double()) * factors).sum(), kernels[1])
    for _ in range(5):
        junk = [torch.full((size,), torch.nan, dtype=torch.bfloat16) for size in (64, 1_000, 30_000) for _ in range(4)]
        del junk
        y = less(x.bfloat16())
        assert y.dtype is torch.bfloat16
        (found,) = torch.autograd.grad(y, kernels[0], factors)
        assert (found.double() - wanted).norm() <= 0.05 * wanted.norm()
