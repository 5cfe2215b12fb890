"""Initializers: how weights start. Each is called with a shape and a dtype and returns a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from lamina.dtypes import as_dtype
from lamina.random import SeedGenerator, generator_for
from lamina.registry import Table
from lamina.registry import deserialize as _deserialize
from lamina.registry import serialize as _serialize

INITIALIZERS: Table[Initializer] = Table("initializer", "keras.initializers")

# The standard deviation of a standard normal distribution that is cut at two standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """The base of initializers: a subclass makes a tensor in ``__call__(self, shape, dtype=None)``."""

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer from what :meth:`get_config` returned."""
        return cls(**config)

    def clone(self) -> Any:
        """An equal initializer."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """The base of random initializers. A seeded one gives the same values each time it is called, as in Keras 3."""

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, dict):
            seed = _deserialize(seed, {"SeedGenerator": SeedGenerator})
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, SeedGenerator))):
            raise ValueError(
                f"{type(self).__name__} needs an integer, a SeedGenerator or None for seed, and got {seed!r}."
            )
        self.seed = seed

    def generator(self) -> torch.Generator | None:
        """Where the random numbers come from: torch's own, unless there is a seed."""
        return generator_for(self.seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": _serialize(self.seed)}


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.zeros(tuple(shape), dtype=as_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.ones(tuple(shape), dtype=as_dtype(dtype))


class Constant(Initializer):
    """All ``value``, or the array ``value``.

    >>> Constant(3)((2,))
    tensor([3., 3.])
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = _deserialize(value) if isinstance(value, dict) else value

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        value = torch.as_tensor(self.value, dtype=as_dtype(dtype))
        return torch.zeros(tuple(shape), dtype=value.dtype) + value

    def get_config(self) -> dict[str, Any]:
        return {"value": _serialize(self.value)}


class RandomNormal(RandomInitializer):
    """Normally distributed (Keras 1: ``normal``, with ``scale`` for ``stddev``)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.empty(tuple(shape), dtype=as_dtype(dtype)).normal_(
            self.mean, self.stddev, generator=self.generator()
        )

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normally distributed, within two standard deviations of the mean."""

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        values = torch.empty(tuple(shape), dtype=as_dtype(dtype))
        torch.nn.init.trunc_normal_(values, 0.0, 1.0, -2.0, 2.0, generator=self.generator())
        return values.mul_(self.stddev).add_(self.mean)


class RandomUniform(RandomInitializer):
    """Uniformly distributed from ``minval`` to ``maxval`` (Keras 1: ``uniform``, with ``scale`` for both)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        values = torch.empty(tuple(shape), dtype=as_dtype(dtype))
        return values.uniform_(self.minval, self.maxval, generator=self.generator())

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(RandomInitializer):
    """Random numbers with variance ``scale / n``, where ``n`` is the number of inputs, outputs, or their mean.

    Arguments:
        scale: a positive number.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``: what ``n`` is.
        distribution: ``"truncated_normal"`` (``"normal"``), ``"untruncated_normal"`` or ``"uniform"``.
        seed: an integer, a SeedGenerator, or ``None``.
        input_axes, output_axes: the axes of the weight that run over inputs and over outputs, when they are not the
            last but one and the last.

    Source: https://keras.io/api/layers/initializers/
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"{type(self).__name__} needs a positive scale, and got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"{type(self).__name__} needs 'fan_in', 'fan_out' or 'fan_avg' for mode, and got {mode!r}."
            )
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"{type(self).__name__} needs 'truncated_normal', 'untruncated_normal' or 'uniform' for "
                             f"distribution, and got {distribution!r}.")  # fmt: skip
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        shape = tuple(shape)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        values = torch.empty(shape, dtype=as_dtype(dtype))
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return values.uniform_(-limit, limit, generator=self.generator())
        if self.distribution == "untruncated_normal":
            return values.normal_(0.0, math.sqrt(variance), generator=self.generator())
        torch.nn.init.trunc_normal_(values, 0.0, 1.0, -2.0, 2.0, generator=self.generator())
        return values.mul_(math.sqrt(variance) / TRUNCATED_STDDEV)

    def get_config(self) -> dict[str, Any]:
        config = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, **super().get_config()}
        config |= {"input_axes": self.input_axes, "output_axes": self.output_axes}
        # The leaves fix the first three, which their constructors do not take.
        return {key: value for key, value in config.items() if type(self) is VarianceScaling or key in _LEAF_ARGUMENTS}


_LEAF_ARGUMENTS = ("seed", "input_axes", "output_axes")


def compute_fans(shape: tuple[int, ...], input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """How many numbers flow into, and out of, each number that a weight of this shape gives.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    if input_axes is not None or output_axes is not None:
        inputs = [axis % len(shape) for axis in _as_axes(input_axes)]
        outputs = [axis % len(shape) for axis in _as_axes(output_axes)]
        field = math.prod(size for axis, size in enumerate(shape) if axis not in inputs + outputs)
        return math.prod(shape[a] for a in inputs) * field, math.prod(shape[a] for a in outputs) * field
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return int(size), int(size)
    field = math.prod(shape[:-2])  # of a convolution: the kernel's positions
    return int(shape[-2] * field), int(shape[-1] * field)


def _as_axes(axes: Any) -> tuple[int, ...]:
    return () if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)


def _leaf(name: str, scale: float, mode: str, distribution: str, text: str) -> type[VarianceScaling]:
    def __init__(self: Any, seed: Any = None, input_axes: Any = None, output_axes: Any = None) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution, seed, input_axes, output_axes)

    return type(name, (VarianceScaling,), {"__init__": __init__, "__doc__": text, "__module__": __name__})


GlorotUniform = _leaf("GlorotUniform", 1.0, "fan_avg", "uniform", "Uniform with variance ``2 / (inputs + outputs)``.")
GlorotNormal = _leaf("GlorotNormal", 1.0, "fan_avg", "truncated_normal",
                     "Truncated normal with variance ``2 / (inputs + outputs)``.")  # fmt: skip
HeUniform = _leaf("HeUniform", 2.0, "fan_in", "uniform", "Uniform with variance ``2 / inputs``.")
HeNormal = _leaf("HeNormal", 2.0, "fan_in", "truncated_normal", "Truncated normal with variance ``2 / inputs``.")
LecunUniform = _leaf("LecunUniform", 1.0, "fan_in", "uniform", "Uniform with variance ``1 / inputs``.")
LecunNormal = _leaf("LecunNormal", 1.0, "fan_in", "truncated_normal", "Truncated normal with variance ``1 / inputs``.")


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal rows or columns (whichever are fewer), times ``gain``.

    A weight of more than two axes is seen as a matrix whose columns are its last axis.

    Source: https://arxiv.org/abs/1312.6120

    >>> w = Orthogonal(seed=1)((3, 3))
    >>> torch.allclose(w @ w.t(), torch.eye(3), atol=1e-6)
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        shape, wanted = tuple(shape), as_dtype(dtype)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes weights of at least 2 axes, and was asked for shape {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        exact = wanted if wanted in (torch.float32, torch.float64) else torch.float32  # torch has no QR of halves
        normal = torch.empty(max(rows, columns), min(rows, columns), dtype=exact).normal_(generator=self.generator())
        q, r = torch.linalg.qr(normal)
        q = q * torch.where(torch.diagonal(r) < 0, -1.0, 1.0).to(exact)  # makes the distribution uniform
        q = q.t() if rows < columns else q
        return (self.gain * q).reshape(shape).to(wanted)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


class IdentityInitializer(Initializer):
    """The identity matrix (1 on the diagonal), times ``gain``, for weights of two axes."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        shape = tuple(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity makes weights of 2 axes, and was asked for shape {shape}.")
        return self.gain * torch.eye(*shape, dtype=as_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


Identity = IdentityInitializer

zeros, ones, constant = Zeros, Ones, Constant
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal, identity = VarianceScaling, Orthogonal, IdentityInitializer


def _function(cls: Callable[..., Any], name: str) -> Callable[..., Any]:
    def make(seed: Any = None) -> Any:
        return cls(seed=seed)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"The function form of :class:`{cls.__name__}`."
    return make


glorot_uniform, glorot_normal = _function(GlorotUniform, "glorot_uniform"), _function(GlorotNormal, "glorot_normal")
he_uniform, he_normal = _function(HeUniform, "he_uniform"), _function(HeNormal, "he_normal")
lecun_uniform, lecun_normal = _function(LecunUniform, "lecun_uniform"), _function(LecunNormal, "lecun_normal")

for _cls, *_aliases in (
    (Zeros, "zero"), (Ones, "one"), (Constant,), (RandomNormal, "normal"), (RandomUniform, "uniform"),
    (TruncatedNormal,), (VarianceScaling,), (GlorotUniform,), (GlorotNormal,), (HeUniform,), (HeNormal,),
    (LecunUniform,), (LecunNormal,), (Orthogonal, "OrthogonalInitializer"), (IdentityInitializer, "Identity", "identity"),
):  # fmt: skip
    INITIALIZERS.add(_cls, *_aliases)


get = INITIALIZERS.get
serialize = INITIALIZERS.serialize
deserialize = INITIALIZERS.deserialize
