"""The constant answer: what a model must beat before it can be said to have learnt anything.

The answer is the best one for the targets of training (the shares of the classes, a mean, a median), its loss and its
accuracy are taken on the rows of training and on those of validation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from lamina import losses
from lamina.losses import Loss
from lamina.training.noted import Rows

_TINY = 1e-7  # what Keras keeps probabilities away from 0 and 1 by
_MOST_CLASSES = 1000  # whose shares are noted
_PROBABILITIES = (losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy, losses.CategoricalHinge,
                  losses.KLDivergence)  # fmt: skip
_BINARY = (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy, losses.Hinge, losses.SquaredHinge)
# Losses of a regression, whose best constant is near the mean or the median.
_ELEMENTWISE = (losses.MeanSquaredError, losses.MeanAbsoluteError, losses.MeanAbsolutePercentageError,
                losses.MeanSquaredLogarithmicError, losses.Huber, losses.LogCosh, losses.Poisson)  # fmt: skip
_MEANS = ("sum_over_batch_size", "mean")


class Targets(NamedTuple):
    """Targets of some rows and, where they have any, their weights."""

    values: np.ndarray
    weights: np.ndarray | None = None


def task_of(loss: Loss | None, targets: Targets, shape: tuple[Any, ...]) -> str:
    """The task that a loss and its targets belong to; ``shape`` is that of the output.

    >>> task_of(losses.MeanSquaredError(), Targets(np.array([0.5, 1.5, 2.0])), (None, 1))
    'regression'
    """
    y, columns = targets.values, shape[-1] if shape else None
    if isinstance(loss, (losses.SparseCategoricalCrossentropy, *_PROBABILITIES)):
        return "classification"
    if isinstance(loss, _BINARY):
        return "binary" if columns in (None, 1) else "multi-label"
    if _is_one_hot(y, shape):  # a squared error of classes, say
        return "classification"
    if columns in (None, 1) and np.isin(y, (0, 1)).all():
        return "binary"
    if isinstance(loss, (*_ELEMENTWISE, losses.CosineSimilarity)):
        return "regression"
    if y.dtype.kind in "iu" and isinstance(columns, int) and columns > 1 and y.max() < columns and y.min() >= 0:
        return "classification"
    return "unknown"


def describe_rows(
    task: str, loss: Loss | None, shape: tuple[Any, ...], training: Targets, other: Targets | None
) -> tuple[Rows, Rows | None, int | None]:
    """The targets of training and of validation: shares or mean and scale, and what the constant answer costs on each."""
    both = [targets for targets in (training, other) if targets is not None]
    if task == "classification":
        classes = int(shape[-1]) if shape and shape[-1] else 1 + int(max(targets.values.max() for targets in both))
        rows = _of_classes([_as_labels(targets, shape, loss) for targets in both], classes)
    elif task in ("binary", "multi-label"):
        classes = 2 if task == "binary" else int(shape[-1])
        rows = _of_yes_and_no([_in_rows(targets).values > 0 for targets in both], task)
    else:
        classes, rows = None, _of_numbers([_in_rows(targets).values.astype(float) for targets in both])
    cost = _constant_cost(loss, shape, training, classes or 1) if _is_mean(loss) else None
    for targets, row in zip(both, rows, strict=True):
        if cost is not None:
            values = cost(targets)
            row.baseline, row.spread = finite(values.mean()), finite(values.std())
    return rows[0], rows[1] if len(rows) > 1 else None, classes


def finite(value: Any) -> float | None:
    """A float, or ``None`` for what is no finite number."""
    return float(value) if math.isfinite(value) else None


def _is_mean(loss: Loss | None) -> bool:
    return loss is not None and loss.reduction in _MEANS


def _of_classes(labels: list[np.ndarray], classes: int) -> list[Rows]:
    shares = [np.bincount(of_rows, minlength=classes) / max(1, len(of_rows)) for of_rows in labels]
    commonest = int(shares[0].argmax())
    kept = classes <= _MOST_CLASSES
    return [Rows(shares=share.tolist() if kept else None, majority=float(share[commonest])) for share in shares]


def _of_yes_and_no(labels: list[np.ndarray], task: str) -> list[Rows]:
    shares = [of_rows.mean(0) for of_rows in labels]
    yes = shares[0] > 0.5
    kept = len(yes) <= _MOST_CLASSES
    return [
        Rows(shares=([1 - float(share[0]), float(share[0])] if task == "binary" else share.tolist()) if kept else None,
             majority=float(np.where(yes, share, 1 - share).mean()))
        for share in shares
    ]  # fmt: skip


def _of_numbers(values: list[np.ndarray]) -> list[Rows]:
    return [Rows(mean=finite(y.mean()), scale=finite(np.sqrt(y.var(0).mean()))) for y in values]


def _constant_cost(
    loss: Any, shape: tuple[Any, ...], training: Targets, classes: int
) -> Callable[[Targets], np.ndarray] | None:
    """The function from targets to the loss of each row under the answer that is best in training."""
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return _cost_of_labels(loss, shape, training, classes)
    if isinstance(loss, losses.CategoricalCrossentropy) and training.values.shape[-1:] == tuple(shape[-1:]):
        return _cost_of_shares(training, loss.label_smoothing, 1 / classes, _of_probabilities)
    if isinstance(loss, losses.BinaryCrossentropy):
        return _cost_of_shares(training, loss.label_smoothing, 0.5, _of_each_label)
    if isinstance(loss, (*_ELEMENTWISE, losses.Hinge, losses.SquaredHinge)):
        return _cost_of_numbers(loss, training)
    return None


def _cost_of_labels(loss: Any, shape: Any, training: Targets, classes: int) -> Callable[[Targets], np.ndarray]:
    labels = _as_labels(training, shape, loss)
    weights = _for_each(training, loss)
    counts = np.bincount(labels, weights, minlength=classes)
    cost = -np.log(np.clip(counts / max(_TINY, counts.sum()), _TINY, 1))

    def of(targets: Targets) -> np.ndarray:
        weights = _for_each(targets, loss)
        values = cost[_as_labels(targets, shape, loss)]
        return values if weights is None else values * weights

    return of


def _of_probabilities(y: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return -(y * np.log(np.clip(answer, _TINY, 1))).sum(-1)


def _of_each_label(y: np.ndarray, answer: np.ndarray) -> np.ndarray:
    answer = np.clip(answer, _TINY, 1 - _TINY)
    return -(y * np.log(answer) + (1 - y) * np.log(1 - answer)).mean(-1)


def _cost_of_shares(
    training: Targets, smoothing: float, towards: float, cost: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Callable[[Targets], np.ndarray]:
    def smooth(y: np.ndarray) -> np.ndarray:
        return y * (1 - smoothing) + smoothing * towards

    rows = _in_rows(training)
    answer = np.average(smooth(rows.values), axis=0, weights=rows.weights)

    def of(targets: Targets) -> np.ndarray:
        y, weights = _in_rows(targets)
        values = cost(smooth(y), answer)
        return values if weights is None else values * weights

    return of


def _cost_of_numbers(loss: Loss, training: Targets) -> Callable[[Targets], np.ndarray]:
    def of(targets: Targets, answer: np.ndarray) -> np.ndarray:
        y, weights = _in_rows(targets)
        y_true = torch.from_numpy(np.ascontiguousarray(y, dtype=np.float32))
        y_pred = torch.from_numpy(np.broadcast_to(answer.astype(np.float32), y.shape).copy())
        values = np.asarray(loss.call(y_true, y_pred))
        return values if weights is None else values * weights

    rows = _in_rows(training)
    candidates = [np.average(rows.values, axis=0, weights=rows.weights), np.median(rows.values, axis=0)]
    best = min(candidates, key=lambda answer: of(training, answer).mean())
    return lambda targets: of(targets, best)


def _in_rows(targets: Targets) -> Targets:
    """Values as a table of floats, a row for each set of columns; a weight for each."""
    y = np.asarray(targets.values, dtype=float)
    table = y.reshape(len(y), -1) if y.ndim < 3 else y.reshape(-1, y.shape[-1])
    weights = targets.weights
    return Targets(table, None if weights is None else np.repeat(weights, len(table) // len(y)))


def _as_labels(targets: Targets, shape: tuple[Any, ...], loss: Any) -> np.ndarray:
    """The class of each row, or of each step in it."""
    y = targets.values
    if _has_columns(y, shape) and not isinstance(loss, losses.SparseCategoricalCrossentropy):
        y = y.argmax(-1)
    flat = np.nan_to_num(y.reshape(-1)).astype(np.int64)
    return np.clip(flat[_is_kept(flat, loss)], 0, None)


def _for_each(targets: Targets, loss: Any) -> np.ndarray | None:
    """The weight of each of the labels."""
    if targets.weights is None:
        return None
    flat = np.nan_to_num(targets.values.reshape(-1)).astype(np.int64)
    return np.repeat(targets.weights, len(flat) // len(targets.weights))[_is_kept(flat, loss)]


def _is_kept(labels: np.ndarray, loss: Any) -> np.ndarray:
    ignored = getattr(loss, "ignore_class", None)
    return np.ones(len(labels), bool) if ignored is None else labels != ignored


def _has_columns(y: np.ndarray, shape: tuple[Any, ...]) -> bool:
    return y.ndim == len(shape) and y.ndim > 1 and y.shape[-1] == shape[-1] > 1


def _is_one_hot(y: np.ndarray, shape: tuple[Any, ...]) -> bool:
    return _has_columns(y, shape) and bool(np.isin(y, (0, 1)).all() and (y.sum(-1) == 1).all())
