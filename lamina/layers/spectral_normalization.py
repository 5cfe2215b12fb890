"""SpectralNormalization: a wrapper that keeps the largest singular value of a layer's kernel at 1."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import nn
from torch.nn import functional as F

from lamina.engine.arguments import positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec
from lamina.engine.precision import in_compute_type
from lamina.engine.types import Int, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.layers.wrappers import Wrapper
from lamina.variables import Weight


@LAYERS.register()
class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value at each call in training.

    The singular value is followed by power iteration: with ``u`` from the last call and the kernel as a matrix ``W`` of
    ``(inputs, outputs)``, ``v = unit(u W^T)``, ``u = unit(v W)``, and the value is ``v W u^T``.

    Arguments:
        layer: the layer, which has a ``kernel`` or ``embeddings``.
        power_iterations: how often a call iterates.

    Shape: the layer's. Weights: the kernel, ``vector_u`` ``(1, outputs)``, then the layer's others.

    Raises:
        ValueError: when ``layer`` is no layer, or has neither ``kernel`` nor ``embeddings``.

    Source: Miyato et al., Spectral Normalization, https://arxiv.org/abs/1802.05957

    >>> from lamina.layers import Dense
    >>> layer = SpectralNormalization(Dense(3), power_iterations=50)
    >>> _ = layer(torch.ones(1, 4), training=True)
    >>> round(float(torch.linalg.matrix_norm(layer.kernel, 2).detach()), 3)
    1.0
    """

    kernel: Weight
    vector_u: Weight

    def __init__(self, layer: nn.Module, power_iterations: Int = 1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = positive_int(power_iterations, "power_iterations", self)
        self.takes_integers = getattr(layer, "takes_integers", False)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        weight = next((name for name in ("kernel", "embeddings") if hasattr(self.layer, name)), None)
        if weight is None:
            raise ValueError(
                f"{who(self)} wraps a layer with a kernel or embeddings, and {who(self.layer)} has neither."
            )
        if getattr(self.layer, "lora_enabled", False):
            raise ValueError(f"{who(self)} divides a kernel of its own, and that of {who(self.layer)} is a sum with "
                             "low-rank weights: leave out lora_rank.")  # fmt: skip
        self.kernel = getattr(self.layer, weight)  # the layer's own, under a second name as in Keras's files
        self.vector_u = self.add_weight(
            name="vector_u", shape=(1, self.kernel.shape[-1]), trainable=False, dtype=self.kernel.dtype,
            initializer={"class_name": "TruncatedNormal", "config": {"stddev": 0.02}})  # fmt: skip
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]} if weight == "kernel" else None)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.normalize_kernel()
        return in_compute_type(self, self.layer(inputs))

    @torch.no_grad()
    def normalize_kernel(self) -> None:
        """Divide the kernel by its largest singular value; one of zeros alone stays as it is."""
        matrix, u = self.kernel.flatten(0, -2), self.vector_u
        v = u
        for _ in range(self.power_iterations):
            v = F.normalize(u @ matrix.t(), eps=1e-7)
            u = F.normalize(v @ matrix, eps=1e-7)
        value = (v @ matrix @ u.t()).squeeze()
        is_zero = (self.kernel == 0).all()
        self.vector_u.copy_(torch.where(is_zero, self.vector_u, u))
        self.kernel.div_(torch.where(is_zero, 1.0, value))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)
