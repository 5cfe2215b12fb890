"""Constraints: after each update a weight is brought back to where it may be."""

from __future__ import annotations

from typing import Any

import torch

from lamina import config
from lamina.registry import Table

CONSTRAINTS: Table[Constraint] = Table("constraint", "keras.constraints")


class Constraint:
    """The base of constraints: a subclass returns the nearest allowed tensor in ``__call__``."""

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A constraint from what :meth:`get_config` returned."""
        return cls(**config)


def _norm(w: torch.Tensor, axis: Any) -> torch.Tensor:
    dim = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return w.square().sum(dim=dim, keepdim=True).sqrt()


class MaxNorm(Constraint):
    """Vectors along ``axis`` are at most ``max_value`` long: longer ones are shortened.

    Arguments:
        max_value: the greatest length (Keras 1: ``m``).
        axis: the axis, or axes, along which a vector lies; 0 for a Dense kernel, ``[0, 1, 2]`` for a Conv2D kernel.

    Source: https://keras.io/api/layers/constraints/

    >>> MaxNorm(1.0)(torch.tensor([[3.0], [4.0]])).tolist()
    [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        norms = _norm(w, self.axis)
        return w * (norms.clamp(0, self.max_value) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class MinMaxNorm(Constraint):
    """Vectors along ``axis`` have a length from ``min_value`` to ``max_value``.

    Arguments:
        rate: how far a vector moves to its allowed length at each step; 1 is all the way.

    Source: https://keras.io/api/layers/constraints/

    >>> MinMaxNorm(1.0, 2.0)(torch.tensor([[0.3], [0.4]])).norm()
    tensor(1.0000)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        norms = _norm(w, self.axis)
        wanted = self.rate * norms.clamp(self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


class NonNeg(Constraint):
    """Weights below 0 become 0.

    >>> NonNeg()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return w.clamp(min=0)


class UnitNorm(Constraint):
    """Vectors along ``axis`` have length 1.

    >>> UnitNorm()(torch.tensor([[3.0], [4.0]])).norm()
    tensor(1.)
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return w / (config.epsilon() + _norm(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class RadialConstraint(Constraint):
    """Convolution kernels ``(height, width, in, out)`` become the same at equal distance from their middle: each value
    becomes the one straight above the middle at its (Chebyshev) distance.

    Source: Keras 2's ``keras.constraints.RadialConstraint``.

    >>> kernel = torch.arange(9.0).reshape(3, 3, 1, 1)
    >>> RadialConstraint()(kernel).reshape(3, 3).tolist()
    [[1.0, 1.0, 1.0], [1.0, 4.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        if w.dim() != 4 or w.shape[0] != w.shape[1]:
            raise ValueError(f"RadialConstraint takes square kernels (size, size, in, out), and got {tuple(w.shape)}.")
        size = w.shape[0]
        middle = (size - 1) / 2
        place = (torch.arange(size, device=w.device) - middle).abs()
        distance = torch.maximum(place[:, None], place[None, :])  # 0 (or 0.5) in the middle, growing outwards
        column = w[:, size // 2]  # (size, in, out)
        row = (middle - distance).round().long() if size % 2 else (middle - distance).long()
        return column[row]


def max_norm(max_value: float = 2, axis: Any = 0) -> MaxNorm:
    """The function form of :class:`MaxNorm` (Keras 1: ``maxnorm``)."""
    return MaxNorm(max_value, axis)


def min_max_norm(min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> MinMaxNorm:
    """The function form of :class:`MinMaxNorm`."""
    return MinMaxNorm(min_value, max_value, rate, axis)


def non_neg() -> NonNeg:
    """The function form of :class:`NonNeg` (Keras 1: ``nonneg``)."""
    return NonNeg()


def unit_norm(axis: Any = 0) -> UnitNorm:
    """The function form of :class:`UnitNorm` (Keras 1: ``unitnorm``)."""
    return UnitNorm(axis)


def radial_constraint() -> RadialConstraint:
    """The function form of :class:`RadialConstraint`."""
    return RadialConstraint()


maxnorm, nonneg, unitnorm = max_norm, non_neg, unit_norm

CONSTRAINTS.add(MaxNorm, "maxnorm")
CONSTRAINTS.add(MinMaxNorm)
CONSTRAINTS.add(NonNeg, "nonneg")
CONSTRAINTS.add(UnitNorm, "unitnorm")
CONSTRAINTS.add(RadialConstraint)

get = CONSTRAINTS.get
serialize = CONSTRAINTS.serialize
deserialize = CONSTRAINTS.deserialize
