"""Regularizers: penalties on weights and on outputs, which are added to the loss.

A penalty is any function of a tensor that returns a scalar. A class of yours that derives from :class:`Regularizer` can
be written into configs too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, Self

import torch
from torch.nn import functional as F

from lamina.display import Described
from lamina.dtypes import takes_arrays
from lamina.registry import Config, Table
from lamina.tracebacks import Made

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l1l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip

REGULARIZERS: Table[Regularizer] = Table("regularizer", "keras.regularizers")


class Regularizer(Described, Made):
    """The base of penalties: a subclass computes a scalar in ``__call__(self, x)``.

    >>> class Range(Regularizer):
    ...     def __call__(self, x):
    ...         return x.max() - x.min()
    >>> Range()(torch.tensor([1.0, 4.0]))
    tensor(3.)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls) and cls.__module__ == __name__:
            cls.__call__ = takes_arrays(cls.__call__, 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A regularizer from what ``get_config`` returned."""
        return cls(**config)


def _factor(value: Any, name: str, owner: Regularizer) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{type(owner).__name__} needs a number from 0 up for {name}, and got {value!r}.")
    return float(value)


def _sum_of_squares(x: torch.Tensor) -> torch.Tensor:
    return torch.square(torch.linalg.vector_norm(x))  # one pass over x, and one back


@REGULARIZERS.register()
class L1(Regularizer):
    """``l1 * sum(|x|)``.

    Arguments:
        l1: the factor, not negative (Keras 1 and 2: ``l``).

    Source: https://keras.io/api/layers/regularizers/

    >>> L1(0.1)(torch.tensor([1.0, -2.0]))
    tensor(0.3000)
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor(0.01 if l1 is None else l1, "l1", self)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l1 * x.abs().sum()

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@REGULARIZERS.register()
class L2(Regularizer):
    """``l2 * sum(x ** 2)``.

    Arguments:
        l2: the factor, not negative (Keras 1 and 2: ``l``).

    Source: https://keras.io/api/layers/regularizers/

    >>> L2(0.1)(torch.tensor([1.0, -2.0]))
    tensor(0.5000)
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor(0.01 if l2 is None else l2, "l2", self)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l2 * _sum_of_squares(x)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@REGULARIZERS.register("L1L2Regularizer", "WeightRegularizer", "ActivityRegularizer")  # Keras 1's classes
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x ** 2)``.

    Arguments:
        l1, l2: the factors, not negative; ``None`` is 0.

    Source: https://keras.io/api/layers/regularizers/

    >>> L1L2(l1=0.1, l2=0.01)(torch.tensor([1.0, -2.0]))
    tensor(0.3500)
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(l1 or 0.0, "l1", self)
        self.l2 = _factor(l2 or 0.0, "l2", self)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if not self.l1:
            return self.l2 * _sum_of_squares(x)
        penalty = self.l1 * x.abs().sum()
        return penalty + self.l2 * _sum_of_squares(x) if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@REGULARIZERS.register()
class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean of ``|cos(a, b)|`` over all pairs of rows (or columns) of a matrix.

    Arguments:
        factor: the factor, not negative.
        mode: ``"rows"`` or ``"columns"``, which are to be at right angles.

    Raises:
        ValueError: when called on a tensor that has not two axes.

    Source: https://keras.io/api/layers/regularizers/

    >>> OrthogonalRegularizer(0.5)(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    tensor(0.3000)
    """

    def __init__(self, factor: float = 0.01, mode: Literal["rows", "columns"] = "rows") -> None:
        self.factor = _factor(factor, "factor", self)
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer takes 'rows' or 'columns' for mode, and got {mode!r}.")
        self.mode = mode

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 2:
            raise ValueError(f"OrthogonalRegularizer is for weights of 2 axes, and got shape {tuple(x.shape)}.")
        vectors = F.normalize(x if self.mode == "rows" else x.t(), dim=1)  # (n, length)
        cosines = torch.tril(vectors @ vectors.t(), -1)  # (n, n), each pair once
        pairs = len(vectors) * (len(vectors) - 1) / 2
        return self.factor / max(pairs, 1) * torch.linalg.vector_norm(cosines, 1)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


# What checkers and editors know of an argument like ``kernel_regularizer``; any other string may be one of your own.
RegularizerName = Literal["l1", "l2", "l1_l2", "l1l2", "orthogonal_regularizer"]
RegularizerLike = RegularizerName | str | Callable[[torch.Tensor], Any] | type[Regularizer] | Config | None

# ---- by name -------------------------------------------------------------------------------------------------------

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """:class:`L1L2` with the defaults that Keras 1 and 2 gave it.

    >>> l1l2().get_config()
    {'l1': 0.01, 'l2': 0.01}
    """
    return L1L2(l1, l2)


def get(identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A regularizer from a name, a config, a class, or a function of a tensor; ``None`` stays ``None``.

    Raises:
        ValueError: for an unknown name, with the nearest known one.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    if identifier == "l1_l2":  # a name of Keras 2 alone, where it means that function with its defaults
        return l1l2()
    return REGULARIZERS.get(identifier, custom_objects)


serialize = REGULARIZERS.serialize
deserialize = REGULARIZERS.deserialize
