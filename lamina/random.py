"""Random numbers that can be repeated: seeds, and a generator that layers carry with them."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np
import torch

from lamina.dtypes import as_dtype
from lamina.naming import unique_name


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and torch's random numbers, so that a program gives the same ones each time."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"A seed must be an integer, and got {seed!r}.")
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    torch.manual_seed(int(seed))


class SeedGenerator:
    """A stream of random numbers of its own, which starts from ``seed``; ``None`` draws the seed from torch's.

    It can be copied and pickled in the middle of its stream.

    Source: https://keras.io/api/random/seed_generator/

    >>> SeedGenerator(3).next() == SeedGenerator(3).next()
    True
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise ValueError(f"SeedGenerator got an unknown argument {next(iter(kwargs))!r}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"The seed of a SeedGenerator must be an integer, and got {seed!r}.")
        self.name = name or unique_name("SeedGenerator")
        self._initial_seed = None if seed is None else int(seed)
        self.seed = int(torch.randint(2**31 - 1, ())) if seed is None else int(seed)
        self._generators: dict[torch.device, torch.Generator] = {}

    def generator(self, device: Any = "cpu") -> torch.Generator:
        """The torch generator for a device; each device has its own stream."""
        device = torch.device(device)
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self.seed % 2**63)
        return self._generators[device]

    def next(self, ordered: bool = True) -> int:
        """A new integer seed from the stream."""
        return int(torch.randint(2**31 - 1, (), generator=self.generator()))

    def get_config(self) -> dict[str, Any]:
        """The seed as it was given."""
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator from what :meth:`get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        states = {str(device): generator.get_state() for device, generator in self._generators.items()}
        return {**self.__dict__, "_generators": states}

    def __setstate__(self, state: dict[str, Any]) -> None:
        states = state.pop("_generators")
        self.__dict__.update(state)
        self._generators = {}
        for device, saved in states.items():
            self.generator(device).set_state(saved)


def generator_for(seed: int | SeedGenerator | None, device: Any = "cpu") -> torch.Generator | None:
    """The torch generator that a ``seed`` argument means: none for ``None``, a fresh one for an integer."""
    if seed is None:
        return None
    if isinstance(seed, SeedGenerator):
        return seed.generator(device)
    return torch.Generator(device).manual_seed(int(seed))


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Normally distributed numbers."""
    values = torch.randn(tuple(shape), dtype=as_dtype(dtype), generator=generator_for(seed))
    return values * stddev + mean


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers from ``minval`` up to, and not with, ``maxval``."""
    wanted = as_dtype(dtype)
    if not wanted.is_floating_point:
        return randint(shape, int(minval), int(maxval), dtype, seed)
    return torch.rand(tuple(shape), dtype=wanted, generator=generator_for(seed)) * (maxval - minval) + minval


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Integers from ``minval`` up to, and not with, ``maxval``."""
    return torch.randint(minval, maxval, tuple(shape), dtype=as_dtype(dtype), generator=generator_for(seed))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Normally distributed numbers within two standard deviations of the mean; others are drawn again."""
    values = torch.empty(tuple(shape), dtype=as_dtype(dtype))
    torch.nn.init.trunc_normal_(values, 0.0, 1.0, -2.0, 2.0, generator=generator_for(seed))
    return values * stddev + mean


def dropout(inputs: torch.Tensor, rate: float, noise_shape: Any = None, seed: Any = None) -> torch.Tensor:
    """``inputs`` with a part ``rate`` of them set to 0 and the rest divided by ``1 - rate``."""
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout needs a rate from 0 to 1, and got {rate!r}.")
    if rate == 0:
        return inputs
    if rate == 1:
        return torch.zeros_like(inputs)
    shape = inputs.shape if noise_shape is None else tuple(
        size if wanted is None else wanted for size, wanted in zip(inputs.shape, noise_shape, strict=True))  # fmt: skip
    draws = torch.empty(shape, dtype=inputs.dtype, device=inputs.device)
    keep = draws.bernoulli_(1 - rate, generator=generator_for(seed, inputs.device))
    return inputs * keep.div_(1 - rate)


def categorical(logits: torch.Tensor, num_samples: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Indices drawn with the probabilities ``softmax(logits)``: ``(batch, classes) -> (batch, num_samples)``."""
    drawn = torch.multinomial(torch.softmax(logits, -1), num_samples, replacement=True, generator=generator_for(seed))
    return drawn.to(as_dtype(dtype))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Gamma-distributed numbers with scale 1."""
    wanted = as_dtype(dtype)
    concentration = torch.as_tensor(alpha, dtype=wanted).expand(tuple(shape)).contiguous()
    return torch._standard_gamma(concentration, generator=generator_for(seed))


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Beta-distributed numbers."""
    source = seed if seed is None or isinstance(seed, SeedGenerator) else SeedGenerator(seed)
    first, second = gamma(shape, alpha, dtype, source), gamma(shape, beta, dtype, source)
    return first / (first + second)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """The numbers of successes in ``counts`` trials that succeed with ``probabilities``."""
    wanted = as_dtype(dtype)
    trials, chances = (torch.as_tensor(value, dtype=wanted).expand(tuple(shape)).contiguous()
                       for value in (counts, probabilities))  # fmt: skip
    return torch.binomial(trials, chances, generator=generator_for(seed))


def shuffle(x: torch.Tensor, axis: int = 0, seed: Any = None) -> torch.Tensor:
    """``x`` with its slices along ``axis`` in a random order."""
    x = torch.as_tensor(x)
    order = torch.randperm(x.shape[axis], generator=generator_for(seed)).to(x.device)
    return torch.index_select(x, axis, order)
