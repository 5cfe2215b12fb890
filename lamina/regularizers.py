"""Regularizers: penalties on weights and outputs that are added to the loss."""

from __future__ import annotations

from typing import Any

import torch

from lamina.registry import Table

REGULARIZERS: Table[Regularizer] = Table("regularizer", "keras.regularizers")


class Regularizer:
    """The base of penalties: a subclass computes a scalar from a tensor in ``__call__``."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A regularizer from what :meth:`get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x ** 2)``.

    Arguments:
        l1, l2: the factors; ``None`` is 0.

    Source: https://keras.io/api/layers/regularizers/ (Keras 1: ``l1l2``)

    >>> L1L2(l1=0.1, l2=0.01)(torch.tensor([1.0, -2.0]))
    tensor(0.3500)
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(l1, "l1", self)
        self.l2 = _factor(l2, "l2", self)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if not self.l1:
            return self.l2 * x.square().sum()
        penalty = self.l1 * x.abs().sum()
        return penalty + self.l2 * x.square().sum() if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(|x|)``.

    >>> L1(0.1)(torch.tensor([1.0, -2.0]))
    tensor(0.3000)
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor(l1, "l1", self, 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l1 * x.abs().sum()

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x ** 2)``.

    >>> L2(0.1)(torch.tensor([1.0, -2.0]))
    tensor(0.5000)
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor(l2, "l2", self, 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l2 * x.square().sum()

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalises rows (or columns) that are not at right angles: ``factor * mean |cos(a, b)|`` over the pairs of them.

    Arguments:
        factor: how much it weighs.
        mode: ``"rows"`` or ``"columns"``.

    Source: https://keras.io/api/layers/regularizers/

    >>> OrthogonalRegularizer()(torch.eye(3))
    tensor(0.)
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer needs 'rows' or 'columns' for mode, and got {mode!r}.")
        self.factor = _factor(factor, "factor", self)
        self.mode = mode

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 2:
            raise ValueError(f"OrthogonalRegularizer takes weights of 2 axes, and got shape {tuple(x.shape)}.")
        vectors = x if self.mode == "rows" else x.t()
        vectors = torch.nn.functional.normalize(vectors, dim=1)
        cosines = vectors @ vectors.t()
        count = vectors.shape[0]
        others = cosines * (1 - torch.eye(count, dtype=x.dtype, device=x.device))
        return self.factor * 0.5 * others.abs().sum() / (count * (count - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _factor(value: Any, name: str, owner: Any, default: float = 0.0) -> float:
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not torch.isfinite(torch.tensor(float(value))):
        raise ValueError(f"{type(owner).__name__} needs a finite number for {name}, and got {value!r}.")
    return float(value)


def l1(l1: float = 0.01) -> L1:
    """The function form of :class:`L1`."""
    return L1(l1)


def l2(l2: float = 0.01) -> L2:
    """The function form of :class:`L2`."""
    return L2(l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """:class:`L1L2` with Keras 2's defaults (Keras 1: ``l1l2``)."""
    return L1L2(l1, l2)


REGULARIZERS.add(L1, "l1")
REGULARIZERS.add(L2, "l2")
REGULARIZERS.add(L1L2, "l1l2", "L1L2Regularizer")
REGULARIZERS.add(OrthogonalRegularizer)


def get(identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A regularizer from a name, a config, an object or a function; ``None`` stays ``None``."""
    if identifier == "l1_l2":  # Keras 2's name means its function's defaults
        return l1_l2()
    return REGULARIZERS.get(identifier, custom_objects)


serialize = REGULARIZERS.serialize
deserialize = REGULARIZERS.deserialize
