"""RandomFourierFeatures: a kernel machine's features, drawn at random."""

from __future__ import annotations

import math
from typing import Any, Literal, Unpack

import torch

from lamina import initializers, random
from lamina.dtypes import PolicyLike
from lamina.engine.arguments import positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import InputOptions, Int
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


def laplacian(shape: Any, dtype: Any = None) -> torch.Tensor:
    """Cauchy numbers: the frequencies of the kernel ``exp(-|x - y| / scale)``, with absolute values."""
    uniform = random.uniform(shape, dtype=dtype)
    return torch.tan(math.pi * (uniform - 0.5))


# The frequencies that a kernel of this name has; ``scale`` spreads it.
KERNELS: dict[str, Any] = {
    "gaussian": {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 1.0}},
    "laplacian": laplacian,
}


class _Options(InputOptions, total=False):
    dtype: PolicyLike
    autocast: bool
    activity_regularizer: RegularizerLike


@LAYERS.register()
class RandomFourierFeatures(Layer):
    """``cos(inputs @ (unscaled_kernel / kernel_scale) + bias)``: features whose products approximate a kernel function.

    A linear layer on them is a kernel machine. The frequencies and phases are drawn once and stay; ``kernel_scale`` is
    learned when the layer is ``trainable``.

    Arguments:
        output_dim: how many features are drawn.
        kernel_initializer: ``"gaussian"`` for the kernel ``exp(-|x - y|^2 / (2 scale^2))``, ``"laplacian"`` for
            ``exp(-|x - y| / scale)`` (with the sum of absolute values), or any initializer.
        scale: how far the kernel reaches, a positive number; by default ``sqrt(features / 2)`` for ``"gaussian"``, else 1.
        trainable: whether training changes the scale.
        name: the layer's name.

    Shape: ``(batch, features) -> (batch, output_dim)``. Weights: ``kernel_scale`` ``(1,)``; never trained:
    ``unscaled_kernel`` ``(features, output_dim)``, ``bias`` ``(output_dim,)``.

    Raises:
        ValueError: when ``output_dim`` or ``scale`` is not positive, or the number of features is unknown.

    Source: Rahimi and Recht, Random Features for Large-Scale Kernel Machines, 2007; tf.keras's ``layers.experimental``

    >>> RandomFourierFeatures(64, scale=2.0)(torch.zeros(2, 5)).shape
    torch.Size([2, 64])
    """

    kernel_scale: Weight
    unscaled_kernel: Weight
    bias: Weight

    def __init__(
        self,
        output_dim: Int,
        kernel_initializer: Literal["gaussian", "laplacian"] | InitializerLike = "gaussian",
        scale: float | None = None,
        trainable: bool = False,
        name: str | None = None,
        **kwargs: Unpack[_Options],
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.output_dim = positive_int(output_dim, "output_dim", self)
        if scale is not None and not scale > 0:
            raise ValueError(f"{who(self)} needs a positive number for scale, and got {scale!r}.")
        kernel = kernel_initializer.lower() if isinstance(kernel_initializer, str) else ""
        self.kernel_initializer = kernel if kernel in KERNELS else initializers.get(kernel_initializer)
        self.scale = scale
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{who(self)} needs to know its input's last axis, and got {input_shape}.")
        scale = self.scale or (math.sqrt(features / 2) if self.kernel_initializer == "gaussian" else 1.0)
        self.kernel_scale = self.add_weight(
            name="kernel_scale", shape=(1,), constraint="non_neg",
            initializer={"class_name": "Constant", "config": {"value": scale}})  # fmt: skip
        drawn = KERNELS.get(self.kernel_initializer) if isinstance(self.kernel_initializer, str) else None
        self.unscaled_kernel = self.add_weight(
            name="unscaled_kernel", shape=(features, self.output_dim), trainable=False,
            initializer=self.kernel_initializer if drawn is None else drawn)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=(self.output_dim,), trainable=False,
            initializer={"class_name": "RandomUniform", "config": {"minval": 0.0, "maxval": 2 * math.pi}})  # fmt: skip
        self.input_spec = InputSpec(ndim=2, axes={-1: features})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        phases = torch.addmm(self.bias, inputs, self.unscaled_kernel / self.kernel_scale)  # (B, F) -> (B, output_dim)
        return torch.cos(phases)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.output_dim)
