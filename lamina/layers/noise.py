"""Noise layers: in training they disturb their inputs; otherwise they are the identity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import torch

from lamina import random
from lamina.engine.arguments import fraction
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, Layer
from lamina.engine.types import LayerOptions
from lamina.graph.symbolic import Shape


class Noise(Layer):
    """In training, ``disturb(inputs)``; otherwise the inputs. The base of the noise layers."""

    _is_built_at_once = True
    supports_masking = True

    def __init__(self, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = None if seed is None else random.SeedGenerator(seed)

    def disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        """The inputs with noise."""
        raise NotImplementedError

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.disturb(inputs) if self.training else inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class GaussianNoise(Noise):
    """``inputs + normal(0, stddev)`` in training.

    Arguments:
        stddev: the standard deviation of the noise, not negative (Keras 1: ``sigma``).
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.

    Shape: any -> the same.

    Source: https://keras.io/api/layers/regularization_layers/gaussian_noise/

    >>> GaussianNoise(0.1)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(seed, **kwargs)
        if isinstance(stddev, bool) or not isinstance(stddev, (int, float)) or stddev < 0:
            raise ValueError(f"{who(self)} needs a number that is not negative for stddev, and got {stddev!r}.")
        self.stddev = stddev

    def disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.stddev == 0:
            return inputs
        if self.seed_generator is None:
            return torch.add(inputs, torch.randn_like(inputs), alpha=self.stddev)
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, inputs.dtype, self.seed_generator).to(
            inputs.device
        )


@LAYERS.register()
class GaussianDropout(Noise):
    """``inputs * normal(1, sqrt(rate / (1 - rate)))`` in training.

    Arguments:
        rate: as of Dropout with the same spread, from 0 to below 1 (Keras 1: ``p``).
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.

    Shape: any -> the same.

    Source: Srivastava et al., Dropout, https://jmlr.org/papers/v15/srivastava14a.html

    >>> GaussianDropout(0.5)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(seed, **kwargs)
        self.rate = fraction(rate, "rate", self, below_one=True)

    def disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1 - self.rate))
        if self.seed_generator is None:
            return inputs * torch.randn_like(inputs).mul_(stddev).add_(1)
        return inputs * random.normal(inputs.shape, 1.0, stddev, inputs.dtype, self.seed_generator).to(inputs.device)


# The negative saturation value of selu, -scale * alpha: what dropped values are set to.
_ALPHA = -1.0507009873554805 * 1.6732632423543772


@LAYERS.register()
class AlphaDropout(Noise):
    """Dropout for ``selu`` networks: dropped values become selu's lowest value, and the result is scaled and shifted so
    that mean and variance stay.

    Arguments:
        rate: the part of the inputs to drop, from 0 to below 1 (Keras 1: ``p``).
        noise_shape: the shape in which it is drawn what is dropped; 1 where an axis shares it.
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.

    Shape: any -> the same.

    Source: Klambauer et al., Self-Normalizing Neural Networks, https://arxiv.org/abs/1706.02515

    >>> AlphaDropout(0.5)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = fraction(rate, "rate", self, below_one=True)
        self.noise_shape = noise_shape

    def disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.rate == 0:
            return inputs
        scale = ((1 - self.rate) * (1 + self.rate * _ALPHA**2)) ** -0.5
        shift = -scale * _ALPHA * self.rate
        given = self.noise_shape or (None,) * inputs.dim()
        shape = [size if wanted is None else wanted for size, wanted in zip(inputs.shape, given, strict=True)]
        if self.seed_generator is None:
            draws = torch.rand(shape, device=inputs.device)
        else:
            draws = random.uniform(shape, seed=self.seed_generator).to(inputs.device)
        return torch.where(draws >= self.rate, inputs, _ALPHA) * scale + shift
