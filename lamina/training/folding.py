"""A convolution and the BatchNormalization after it as one convolution: in inference both are affine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

from lamina import activations
from lamina.dtypes import FULL_FLOATS
from lamina.engine.layer import Layer
from lamina.layers.convolutional import Conv
from lamina.layers.normalization import BatchNormalization


class Folded:
    """``normalization(convolution(x))`` with one kernel and one bias, of the weights as they are when they are frozen."""

    kernel: torch.Tensor
    bias: torch.Tensor

    def __init__(self, convolution: Conv, normalization: BatchNormalization) -> None:
        self.convolution = convolution
        self.normalization = normalization

    def freeze(self) -> None:
        """Take the weights as they are now."""
        layer, norm = self.convolution, self.normalization
        factor = torch.rsqrt(norm.moving_variance + norm.epsilon)
        factor = factor if norm.gamma is None else factor * norm.gamma
        shift = -norm.moving_mean * factor
        shift = shift if norm.beta is None else shift + norm.beta
        kernel = layer.kernel.permute(layer._kernel_to_torch)  # (*K, in, out) -> (out, in, *K)
        self.kernel = kernel * factor.view(-1, *(1,) * (kernel.dim() - 1))
        self.bias = shift if layer.bias is None else torch.addcmul(shift, layer.bias, factor)

    def run(self, inputs: torch.Tensor) -> torch.Tensor:
        layer = self.convolution
        x = inputs.permute(layer._to_torch) if layer._channels_last else inputs  # (B, *S, C) -> (B, C, *S)
        x = layer._slide(x, self.kernel, self.bias, layer.groups)  # (B, filters, *s)
        return x.permute(layer._from_torch) if layer._channels_last else x


def foldable(plan: Any, direct: Mapping[int, Layer], uses: Counter[int]) -> dict[int, tuple[int, Folded]]:
    """Of the steps that call a layer directly: by a BatchNormalization's number, the convolution's that nobody else asks,
    and both as one."""
    made = {plan.steps[number].outputs.index: number for number, layer in direct.items() if _is_affine(layer)}
    found: dict[int, tuple[int, Folded]] = {}
    for number, norm in direct.items():
        if type(norm) is not BatchNormalization:
            continue
        index = plan.steps[number].args[0].index
        layer: Any = direct.get(made.get(index, -1))
        if layer is None or uses[index] != 1 or norm.moving_mean.dtype is not layer.kernel.dtype:
            continue
        if norm._channels == (layer.rank + 1 if layer._channels_last else 1):
            found[number] = made[index], Folded(layer, norm)
    return found


def _is_affine(layer: Any) -> bool:
    return (
        isinstance(layer, Conv)
        and type(layer).__module__ == Conv.__module__  # what a subclass of the user's computes is not known
        and layer.activation is activations.linear
        and layer.kernel.dtype in FULL_FLOATS
        and layer._compute_dtype is layer.kernel.dtype
    )
