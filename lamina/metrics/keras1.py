"""Metric functions that Keras had up to 1.2: one number for a batch, of labels and predictions rounded to 0 and 1.

They were given up because a mean of batches' precisions is not the precision of all; :class:`Precision`,
:class:`Recall` and :class:`FBetaScore` gather counts.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lamina import config
from lamina.losses.base import match


def _rounded(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_true, y_pred = match(name, y_true, y_pred)
    return y_true.clamp(0, 1).round(), y_pred.clamp(0, 1).round()


def precision(y_true: Any, y_pred: Any) -> Tensor:
    """``true positives / (predicted positives + epsilon)`` of one batch.

    >>> precision([0, 1, 1], [0.8, 0.9, 0.2])
    tensor(0.5000)
    """
    y_true, y_pred = _rounded("precision", y_true, y_pred)
    return (y_true * y_pred).sum() / (y_pred.sum() + config.epsilon())


def recall(y_true: Any, y_pred: Any) -> Tensor:
    """``true positives / (positives + epsilon)`` of one batch.

    >>> recall([0, 1, 1], [0.8, 0.9, 0.2])
    tensor(0.5000)
    """
    y_true, y_pred = _rounded("recall", y_true, y_pred)
    return (y_true * y_pred).sum() / (y_true.sum() + config.epsilon())


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1) -> Tensor:
    """``(1 + beta²) * precision * recall / (beta² * precision + recall + epsilon)`` of one batch.

    >>> fbeta_score([0, 1, 1], [0.8, 0.9, 0.2])
    tensor(0.5000)
    """
    if beta < 0:
        raise ValueError(f"fbeta_score needs a beta of 0 or more, and got {beta!r}.")
    found, kept, squared = precision(y_true, y_pred), recall(y_true, y_pred), beta**2
    return (1 + squared) * found * kept / (squared * found + kept + config.epsilon())


def fmeasure(y_true: Any, y_pred: Any) -> Tensor:
    """:func:`fbeta_score` with ``beta=1``. Another spelling: ``f1score``.

    >>> fmeasure([0, 1, 1], [0.8, 0.9, 0.2])
    tensor(0.5000)
    """
    return fbeta_score(y_true, y_pred, 1)


def matthews_correlation(y_true: Any, y_pred: Any) -> Tensor:
    """``(tp * tn - fp * fn) / (sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)) + epsilon)`` of one batch.

    >>> matthews_correlation([0, 1, 1, 0], [0.1, 0.9, 0.2, 0.3])
    tensor(0.5774)
    """
    y_true, y_pred = _rounded("matthews_correlation", y_true, y_pred)
    tp, tn = (y_true * y_pred).sum(), ((1 - y_true) * (1 - y_pred)).sum()
    fp, fn = ((1 - y_true) * y_pred).sum(), (y_true * (1 - y_pred)).sum()
    spread = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)).sqrt()
    return (tp * tn - fp * fn) / (spread + config.epsilon())
