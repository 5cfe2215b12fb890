"""Losses of numbers: squared and absolute errors, their relatives, and the hinge losses of margins."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike
from lamina.losses.base import KnownLoss, ReductionName, match, match_ranks


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y_true - y_pred)²)`` over the last axis: ``(batch, ..., n) -> (batch, ...)``.

    >>> mean_squared_error([[0.0, 1.0]], [[1.0, 1.0]])
    tensor([0.5000])
    """
    y_true, y_pred = match("mean_squared_error", y_true, y_pred)
    return (y_true - y_pred).square().mean(-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y_true - y_pred|)`` over the last axis: ``(batch, ..., n) -> (batch, ...)``.

    >>> mean_absolute_error([[0.0, 3.0]], [[1.0, 1.0]])
    tensor([1.5000])
    """
    y_true, y_pred = match("mean_absolute_error", y_true, y_pred)
    return (y_true - y_pred).abs().mean(-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """``100 * mean(|y_true - y_pred| / max(|y_true|, epsilon))`` over the last axis.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])
    tensor([25.])
    """
    y_true, y_pred = match("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * ((y_true - y_pred) / y_true.abs().clamp(min=config.epsilon())).abs().mean(-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((log(1 + y_true) - log(1 + y_pred))²)`` over the last axis; what is below ``epsilon`` counts as that.

    >>> mean_squared_logarithmic_error([[0.0, 1.0]], [[1.0, 1.0]])
    tensor([0.2402])
    """
    y_true, y_pred = match("mean_squared_logarithmic_error", y_true, y_pred)
    # Not log1p: Keras adds the one first, which rounds in another way.
    first, second = ((values.clamp(min=config.epsilon()) + 1.0).log() for values in (y_pred, y_true))
    return (first - second).square().mean(-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``-sum(y_true/|y_true| * y_pred/|y_pred|)`` over ``axis``: -1 for the same direction, 1 for the opposite.

    Older spellings: ``cosine_proximity``, ``cosine`` (Keras 1 took the mean in place of the sum).

    >>> cosine_similarity([[1.0, 0.0]], [[3.0, 4.0]])
    tensor([-0.6000])
    """
    y_true, y_pred = match("cosine_similarity", y_true, y_pred)
    return -(_unit(y_true, axis) * _unit(y_pred, axis)).sum(axis)


def _unit(values: Tensor, axis: int) -> Tensor:
    return F.normalize(values, dim=axis, eps=config.epsilon())


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """``mean(e²/2 where |e| <= delta, else delta * |e| - delta²/2)`` over the last axis, ``e = y_pred - y_true``.

    Older spelling: ``huber_loss``.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]])
    tensor([1.5000])
    """
    y_true, y_pred = match("huber", y_true, y_pred)
    error = y_pred - y_true
    size = error.abs()
    return torch.where(size <= delta, 0.5 * error.square(), delta * size - 0.5 * delta**2).mean(-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(log(cosh(e)))`` over the last axis, ``e = y_pred - y_true``: ``e²/2`` near 0, ``|e| - log 2`` far from it.

    Older spelling: ``logcosh``.

    >>> log_cosh([[0.0]], [[1.0]])
    tensor([0.4338])
    """
    y_true, y_pred = match("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return (error + F.softplus(-2.0 * error) - _LOG_2).mean(-1)


_LOG_2 = 0.6931471805599453


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(y_pred - y_true * log(y_pred + epsilon))`` over the last axis.

    >>> poisson([[2.0]], [[1.0]])
    tensor([1.0000])
    """
    y_true, y_pred = match("poisson", y_true, y_pred)
    return (y_pred - y_true * (y_pred + config.epsilon()).log()).mean(-1)


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """``sum(y_true * log(y_true / y_pred))`` over the last axis, both clipped to ``[epsilon, 1]``.

    Older spellings: ``kullback_leibler_divergence``, ``kld``.

    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
    tensor([0.1438])
    """
    y_true, y_pred = match("kl_divergence", y_true, y_pred)
    y_true, y_pred = y_true.clamp(config.epsilon(), 1), y_pred.clamp(config.epsilon(), 1)
    return (y_true * (y_true / y_pred).log()).sum(-1)


# ---- margins ---------------------------------------------------------------------------------------------------------


def _signs(y_true: Tensor) -> Tensor:
    """Labels 0 and 1 as -1 and 1; any other labels as they are. The choice is made on the device, without a sync."""
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    return torch.where(is_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; labels are -1 and 1 (0 and 1 are understood).

    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor([1.])
    """
    y_true, y_pred = match("hinge", y_true, y_pred)
    return torch.clamp(1.0 - _signs(y_true) * y_pred, min=0.0).mean(-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0)²)`` over the last axis; labels are -1 and 1 (0 and 1 are understood).

    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor([1.2500])
    """
    y_true, y_pred = match("squared_hinge", y_true, y_pred)
    return torch.clamp(1.0 - _signs(y_true) * y_pred, min=0.0).square().mean(-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)`` over the last axis; labels are one-hot.

    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])
    tensor([0.7500])
    """
    y_true, y_pred = match("categorical_hinge", y_true, y_pred)
    right, wrong = (y_true * y_pred).sum(-1), ((1.0 - y_true) * y_pred).amax(-1)
    return torch.clamp(wrong - right + 1.0, min=0.0)


# ---- the classes -----------------------------------------------------------------------------------------------------

_REDUCTION = "sum_over_batch_size"


class MeanSquaredError(KnownLoss):
    """``(y_true - y_pred)²``, averaged. Arguments: see :class:`Loss`. Short name: ``mse``.

    >>> MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
    tensor(0.5000)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "mean_squared_error",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        pair = _same_shape(y_true, y_pred)
        return pair and F.mse_loss(*pair)


class MeanAbsoluteError(KnownLoss):
    """``|y_true - y_pred|``, averaged. Arguments: see :class:`Loss`. Short name: ``mae``.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    tensor(0.5000)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "mean_absolute_error",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        pair = _same_shape(y_true, y_pred)
        return pair and F.l1_loss(*pair)


class MeanAbsolutePercentageError(KnownLoss):
    """``100 * |y_true - y_pred| / |y_true|``, averaged. Arguments: see :class:`Loss`. Short name: ``mape``.

    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
    tensor(25.)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "mean_absolute_percentage_error",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(KnownLoss):
    """``(log(1 + y_true) - log(1 + y_pred))²``, averaged. Arguments: see :class:`Loss`. Short name: ``msle``.

    >>> MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]])
    tensor(0.2402)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(KnownLoss):
    """The negative cosine of the angle between targets and predictions.

    Arguments:
        axis: along which the vectors lie.
        reduction, name, dtype: see :class:`Loss`.

    >>> CosineSimilarity()([[1.0, 0.0]], [[3.0, 4.0]])
    tensor(-0.6000)
    """

    unwritten = frozenset({"axis"})

    def __init__(
        self,
        axis: int = -1,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "cosine_similarity",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(KnownLoss):
    """Squared for errors up to ``delta``, and straight beyond it.

    Arguments:
        delta: where the one goes over into the other.
        reduction, name, dtype: see :class:`Loss`.

    >>> Huber()([[0.0, 0.0]], [[1.0, 3.0]])
    tensor(1.5000)
    """

    unwritten = frozenset({"delta"})

    def __init__(
        self,
        delta: float = 1.0,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "huber_loss",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)
        self.delta = delta

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        # The kernel takes no delta of 0 or less, where Keras's formula still gives a number.
        pair = _same_shape(y_true, y_pred) if self.delta > 0 else None
        return pair and F.huber_loss(*pair, delta=self.delta)


class LogCosh(KnownLoss):
    """``log(cosh(y_pred - y_true))``, averaged. Arguments: see :class:`Loss`.

    >>> LogCosh()([[0.0]], [[1.0]])
    tensor(0.4338)
    """

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "log_cosh", dtype: PolicyLike = None
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class Poisson(KnownLoss):
    """``y_pred - y_true * log(y_pred)``, averaged. Arguments: see :class:`Loss`.

    >>> Poisson()([[2.0]], [[1.0]])
    tensor(1.0000)
    """

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "poisson", dtype: PolicyLike = None
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)


class KLDivergence(KnownLoss):
    """``y_true * log(y_true / y_pred)``, summed over the last axis. Arguments: see :class:`Loss`. Short name: ``kld``.

    >>> KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])
    tensor(0.1438)
    """

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "kl_divergence", dtype: PolicyLike = None
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Hinge(KnownLoss):
    """``max(1 - y_true * y_pred, 0)``, averaged; labels are -1 and 1, or 0 and 1. Arguments: see :class:`Loss`.

    >>> Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor(1.)
    """

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "hinge", dtype: PolicyLike = None
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(KnownLoss):
    """``max(1 - y_true * y_pred, 0)²``, averaged; labels are -1 and 1, or 0 and 1. Arguments: see :class:`Loss`.

    >>> SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor(1.2500)
    """

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "squared_hinge", dtype: PolicyLike = None
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(KnownLoss):
    """``max(best wrong class - right class + 1, 0)``; labels are one-hot. Arguments: see :class:`Loss`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    tensor(0.7500)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "categorical_hinge",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)


def _same_shape(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor] | None:
    """Predictions and targets, in the order of torch's kernels, where no broadcasting is needed."""
    if not isinstance(y_true, Tensor) or not isinstance(y_pred, Tensor):
        return None
    y_true, y_pred = match_ranks(y_true, y_pred)
    return (y_pred, y_true) if y_true.shape == y_pred.shape and y_pred.ndim else None
