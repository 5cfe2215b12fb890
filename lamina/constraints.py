"""Constraints: what a weight may be. Each is called on a weight after an update, and returns the nearest allowed one.

A constraint is any function of a tensor that returns one of the same shape. A class of yours that derives from
:class:`Constraint` can be written into configs too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import torch

from lamina.config import epsilon
from lamina.display import Described
from lamina.dtypes import takes_arrays
from lamina.registry import Config, Table
from lamina.tracebacks import Made

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm", "deserialize", "get", "max_norm",
    "maxnorm", "min_max_norm", "non_neg", "nonneg", "radial_constraint", "serialize", "unit_norm", "unitnorm",
]  # fmt: skip

CONSTRAINTS: Table[Constraint] = Table("constraint", "keras.constraints")


class Constraint(Described, Made):
    """The base of constraints: a subclass returns the allowed weight in ``__call__(self, w)``.

    >>> class Even(Constraint):
    ...     def __call__(self, w):
    ...         return w - w.mean()
    >>> Even()(torch.tensor([1.0, 2.0]))
    tensor([-0.5000,  0.5000])
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls) and cls.__module__ == __name__:
            cls.__call__ = takes_arrays(cls.__call__, 1)

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A constraint from what ``get_config`` returned."""
        return cls(**config)


class _NormConstraint(Constraint):
    """The base of those on the Euclidean norm of the vectors that lie along ``axis``."""

    axis: Any

    def norms(self, w: torch.Tensor) -> torch.Tensor:
        """The norm of each vector; size 1 along ``axis``."""
        return torch.linalg.vector_norm(w, dim=self.axis, keepdim=True)


@CONSTRAINTS.register("maxnorm")
class MaxNorm(_NormConstraint):
    """``w * clip(norm, 0, max_value) / norm``: vectors that are too long are shortened.

    Arguments:
        max_value: the greatest norm (Keras 1: ``m``).
        axis: the axis, or axes, along which a vector lies: 0 for a Dense kernel, ``[0, 1, 2]`` for a Conv2D kernel.

    Source: https://keras.io/api/layers/constraints/ (Keras 1: ``maxnorm``)

    >>> MaxNorm(1.0)(torch.tensor([[3.0], [4.0]]))
    tensor([[0.6000],
            [0.8000]])
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        norms = self.norms(w)
        return w * (norms.clamp(0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@CONSTRAINTS.register()
class MinMaxNorm(_NormConstraint):
    """``w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / norm``.

    Arguments:
        min_value, max_value: the least and the greatest norm (Keras 1: ``low``, ``high``).
        rate: how far a norm goes towards its bound at each update; 1 is all the way.
        axis: the axis, or axes, along which a vector lies: 0 for a Dense kernel, ``[0, 1, 2]`` for a Conv2D kernel.

    Source: https://keras.io/api/layers/constraints/

    >>> MinMaxNorm(10.0, 20.0, rate=0.5)(torch.tensor([[3.0], [4.0]]))
    tensor([[4.5000],
            [6.0000]])
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        norms = self.norms(w)
        wanted = torch.lerp(norms, norms.clamp(self.min_value, self.max_value), self.rate)
        return w * (wanted / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


@CONSTRAINTS.register("nonneg")
class NonNeg(Constraint):
    """``max(w, 0)``.

    Source: https://keras.io/api/layers/constraints/ (Keras 1: ``nonneg``)

    >>> NonNeg()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return w.clamp(min=0)


@CONSTRAINTS.register("unitnorm")
class UnitNorm(_NormConstraint):
    """``w / norm``.

    Arguments:
        axis: the axis, or axes, along which a vector lies: 0 for a Dense kernel, ``[0, 1, 2]`` for a Conv2D kernel.

    Source: https://keras.io/api/layers/constraints/ (Keras 1: ``unitnorm``)

    >>> UnitNorm()(torch.tensor([[3.0], [4.0]]))
    tensor([[0.6000],
            [0.8000]])
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return w / (epsilon() + self.norms(w))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@CONSTRAINTS.register()
class RadialConstraint(Constraint):
    """Convolution kernels become square rings around their middle, each of one value, which is taken from the diagonal.

    A kernel of 4 takes its inner ring from place (1, 1) and its outer one from (3, 3); one of 3 takes its middle from
    (0, 0) and its ring from (1, 1). These are the places that Keras 2's code reads; its page names others.

    Shape: ``(size, size, in, out) -> the same``.

    Raises:
        ValueError: when called on a weight of any other shape.

    Source: ``tf.keras.constraints.RadialConstraint`` of Keras 2

    >>> RadialConstraint()(torch.arange(16.0).reshape(4, 4, 1, 1)).squeeze()
    tensor([[15., 15., 15., 15.],
            [15.,  5.,  5., 15.],
            [15.,  5.,  5., 15.],
            [15., 15., 15., 15.]])
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        if w.dim() != 4 or w.shape[0] != w.shape[1]:
            raise ValueError("RadialConstraint is for square kernels (size, size, in, out), and got shape "
                             f"{tuple(w.shape)}.")  # fmt: skip
        size = w.shape[0]
        half, odd = size // 2, size % 2
        place = torch.arange(size, device=w.device)
        outwards = torch.where(place < half, half - place - (1 - odd), place - half)  # 2 1 0 1 2, or 1 0 0 1
        ring = torch.maximum(outwards[:, None], outwards[None, :])  # (size, size)
        source = torch.where(ring == 0, max(half - 1, 0), half + ring - odd)
        return w[source, source]  # (size, size, in, out)


# What checkers and editors know of an argument like ``kernel_constraint``; any other string may be one of your own.
ConstraintName = Literal["max_norm", "min_max_norm", "non_neg", "unit_norm", "radial_constraint"]
ConstraintLike = ConstraintName | str | Callable[[torch.Tensor], Any] | type[Constraint] | Config | None

# ---- by name -------------------------------------------------------------------------------------------------------

max_norm, min_max_norm, non_neg, unit_norm, radial_constraint = MaxNorm, MinMaxNorm, NonNeg, UnitNorm, RadialConstraint
# Keras 1's names of the same.
maxnorm, nonneg, unitnorm = MaxNorm, NonNeg, UnitNorm

get = CONSTRAINTS.get
serialize = CONSTRAINTS.serialize
deserialize = CONSTRAINTS.deserialize
