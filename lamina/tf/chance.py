"""``tf.random``: numbers of torch's generators, so that the same seed gives other numbers than TensorFlow's."""

from __future__ import annotations

from typing import Any

import torch

from lamina import random
from lamina.dtypes import as_dtype
from lamina.ops._tensors import recorded
from lamina.tf.table import TABLE, has_sizes, number, shape_of, tensor, word


@recorded
def _draw(kind: str, shape: Any, first: Any, second: Any, dtype: Any, seed: Any) -> Any:
    like = tensor(0)
    return _drawn(kind, shape, first, second, dtype, seed, like.device)


def _drawn(kind: str, shape: Any, first: Any, second: Any, dtype: Any, seed: Any, device: Any) -> Any:
    if kind == "uniform" and not dtype.is_floating_point:
        return random.randint(shape, int(first), int(second), dtype, seed, device)
    if isinstance(first, torch.Tensor) or isinstance(second, torch.Tensor):  # a mean and a width for each number
        plain = getattr(random, kind)(shape, dtype=dtype, seed=seed, device=device)
        return plain * (second - first) + first if kind == "uniform" else plain * second + first
    return getattr(random, kind)(shape, first, second, dtype, seed, device)


def _some(x: Any) -> Any:
    """A number, or a tensor with more than one."""
    return number(x) if not isinstance(x, torch.Tensor) or not x.dim() else x


def _filled(kind: str, shape: Any, first: Any, second: Any, dtype: Any, seed: Any) -> Any:
    sizes = shape_of(shape)
    given = (kind, sizes, _some(first), _some(second), as_dtype(dtype), seed)
    return _draw(*given) if has_sizes(sizes) else _drawn(*given, tensor(0).device)


@word("random.normal", "random_normal")
def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Normal numbers."""
    return _filled("normal", shape, mean, stddev, dtype, seed)


@word("random.truncated_normal", "truncated_normal")
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Normal numbers within two standard deviations."""
    return _filled("truncated_normal", shape, mean, stddev, dtype, seed)


@word("random.uniform", "random_uniform")
def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers between two bounds, each as likely; whole ones for a whole type."""
    if maxval is None:
        if not as_dtype(dtype).is_floating_point:
            raise ValueError("tf.random.uniform of whole numbers needs a maxval.")
        maxval = 1
    return _filled("uniform", shape, minval, maxval, dtype, seed)


@word("random.set_seed", "compat.v1.set_random_seed", "set_random_seed", "compat.v1.random.set_random_seed")
def set_seed(seed: int) -> None:
    """Seed torch's generators. (``keras.utils.set_random_seed`` seeds Python's and NumPy's, too.)"""
    torch.manual_seed(int(seed))


@word("random.shuffle", "random_shuffle")
def shuffle(value: Any, seed: Any = None) -> Any:
    """The rows in a random order."""
    return random.shuffle(tensor(value), seed=seed)


@word("random.categorical", "compat.v1.multinomial")
def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of classes, drawn for each row of logits."""
    return random.categorical(tensor(logits), int(number(num_samples)), dtype or "int64", seed)


@word("random.gamma", "random_gamma")
def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers of the gamma distribution."""
    alpha = tensor(alpha, dtype)
    found = random.gamma((*shape_of(shape), *alpha.shape), alpha, dtype, seed)
    return found if beta is None else found / tensor(beta, dtype)


@word("random.poisson", "random_poisson")
def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers of the Poisson distribution."""
    lam = tensor(lam, dtype)
    return torch.poisson(lam.expand(*shape_of(shape), *lam.shape), generator=_generator(seed))


def _generator(seed: Any) -> torch.Generator | None:
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def _stateless(kind: str) -> None:
    drawing = TABLE[f"random.{kind}"]

    def draw(shape: Any, seed: Any, *args: Any, **kwargs: Any) -> Any:
        """The same numbers whenever the seed, two numbers, is the same."""
        kwargs.pop("alg", None)
        first, second = (int(one) for one in shape_of(seed))
        return drawing(shape, *args, seed=(first * 1_000_003 + second) & 0xFFFFFFFF, **kwargs)

    word(f"random.stateless_{kind}")(draw)


for _kind in ("normal", "uniform", "truncated_normal"):
    _stateless(_kind)


class Generator:
    """A stream of random numbers of its own.

    Arguments:
        seed: where it begins; ``None``: anywhere.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seeds = random.SeedGenerator(seed)

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> Generator:
        """One that begins at a seed."""
        return cls(seed)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """One that begins anywhere."""
        return cls()

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None) -> Any:
        """Normal numbers."""
        return normal(shape, mean, stddev, dtype, self._seeds)

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
                         name: Any = None) -> Any:  # fmt: skip
        """Normal numbers within two standard deviations."""
        return truncated_normal(shape, mean, stddev, dtype, self._seeds)

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None) -> Any:
        """Numbers between two bounds."""
        return uniform(shape, minval, maxval, dtype, self._seeds)


TABLE["random.Generator"] = Generator
_GLOBAL: list[Generator] = []


@word("random.get_global_generator")
def get_global_generator() -> Generator:
    """The one generator of the program."""
    if not _GLOBAL:
        _GLOBAL.append(Generator())
    return _GLOBAL[0]
