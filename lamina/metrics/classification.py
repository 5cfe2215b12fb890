"""Metrics of classes: the accuracies, top-k accuracies and F-scores.

The accuracies of classes compare places of largest values, which a softmax doesn't change: they take logits as well.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike, as_dtype
from lamina.losses.base import as_float, as_tensor, match
from lamina.losses.crossentropy import class_labels, probability_of
from lamina.metrics.base import KnownMetric, Metric
from lamina.registry import Config

# ---- hits: one bool for each sample ----------------------------------------------------------------------------------


def _equal(y_true: Any, y_pred: Any) -> Tensor:
    y_true, y_pred = match("accuracy", y_true, y_pred)
    return y_true == y_pred


def _same_side(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, None, y_pred.device)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = match("binary_accuracy", y_true, y_pred)
    return (y_pred > threshold) == y_true


def _best(y_true: Tensor) -> Tensor:
    """The class of each one-hot row, which may be of truth values: torch has no largest of those."""
    return (y_true.byte() if y_true.dtype is torch.bool else y_true).argmax(-1)


def _same_class(y_true: Any, y_pred: Any) -> Tensor:
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, None, y_pred.device)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = match("categorical_accuracy", y_true, y_pred, equal=True)
    return _best(y_true) == y_pred.argmax(-1)


def _right_class(y_true: Any, y_pred: Any) -> Tensor:
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, None, y_pred.device)
    if y_true.ndim != y_pred.ndim - 1 or y_true.shape != y_pred.shape[:-1]:
        y_true = class_labels("sparse_categorical_accuracy", y_true, y_pred)
    hits = y_true == y_pred.argmax(-1)
    return hits.squeeze(-1) if hits.ndim > 1 and hits.shape[-1] == 1 else hits


def _in_top_k(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    return _among_best("top_k_categorical_accuracy", _best(as_tensor(y_true)), as_float(y_pred), k)


def _label_in_top_k(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    y_pred = as_tensor(y_pred)
    if from_sorted_ids:
        labels = class_labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
        return (labels.unsqueeze(-1) == y_pred[..., :k]).any(-1)
    return _among_best("sparse_top_k_categorical_accuracy", y_true, as_float(y_pred), k)


def _among_best(name: str, y_true: Any, y_pred: Tensor, k: int) -> Tensor:
    """Whether fewer than ``k`` classes beat the right one; classes that tie with it don't."""
    labels = class_labels(name, y_true, y_pred)
    return (y_pred > probability_of(name, labels, y_pred).unsqueeze(-1)).sum(-1) < k


# ---- functions -------------------------------------------------------------------------------------------------------


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where targets and predictions are equal, 0 elsewhere.

    >>> accuracy([1, 2], [1, 3])
    tensor([1., 0.])
    """
    return _equal(y_true, y_pred).to(as_dtype(None))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where ``y_pred > threshold`` is what the 0 or 1 in ``y_true`` says.

    >>> binary_accuracy([1, 0], [0.7, 0.7])
    tensor([1., 0.])
    """
    return _same_side(y_true, y_pred, threshold).to(as_dtype(None))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest of the last axis stands at the same place in both: ``(batch, ..., n) -> (batch, ...)``.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.3, 0.7], [0.3, 0.7]])
    tensor([1., 0.])
    """
    return _same_class(y_true, y_pred).to(as_dtype(None))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest of ``y_pred``'s last axis stands at the place that ``y_true`` names.

    >>> sparse_categorical_accuracy([1, 0], [[0.3, 0.7], [0.3, 0.7]])
    tensor([1., 0.])
    """
    return _right_class(y_true, y_pred).to(as_dtype(None))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the class of the one-hot ``y_true`` is among the ``k`` largest of ``y_pred``'s last axis.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2)
    tensor([1.])
    """
    return _in_top_k(y_true, y_pred, k).to(as_dtype(None))


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1 where the class that ``y_true`` names is among the ``k`` largest of ``y_pred``'s last axis.

    Arguments:
        from_sorted_ids: whether ``y_pred`` holds class numbers, the best first, and not scores.

    >>> sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2)
    tensor([1.])
    """
    return _label_in_top_k(y_true, y_pred, k, from_sorted_ids).to(as_dtype(None))


# ---- accuracies ------------------------------------------------------------------------------------------------------


class _Hits(KnownMetric):
    """The mean of bools: summed as they are, without a tensor of floats in between."""

    _direction = "up"
    hits: ClassVar[Any]

    def batch_values(self, y_true: Any, y_pred: Any) -> Tensor:
        return self.hits(y_true, y_pred, **self._fn_kwargs)


class Accuracy(_Hits):
    """How often predictions equal targets. Arguments: see :class:`Metric`.

    >>> Accuracy()([1, 2], [1, 3])
    tensor(0.5000)
    """

    hits = staticmethod(_equal)

    def __init__(self, name: str | None = "accuracy", dtype: PolicyLike = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_Hits):
    """How often ``y_pred > threshold`` is what the 0 or 1 in ``y_true`` says.

    Arguments:
        name, dtype: see :class:`Metric`.
        threshold: above it a prediction means 1.

    >>> BinaryAccuracy()([1, 0, 1], [0.7, 0.7, 0.6])
    tensor(0.6667)
    """

    hits = staticmethod(_same_side)
    threshold: float

    def __init__(self, name: str | None = "binary_accuracy", dtype: PolicyLike = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)

    def update_from_logits(self, y_true: Any, logits: Any, sample_weight: Any = None) -> None:
        """:meth:`update_state` with the inputs of a last sigmoid: it exceeds 0.5 where its input exceeds 0."""
        if not 0 < self.threshold < 1:
            raise ValueError(f"BinaryAccuracy {self.name!r} has the threshold {self.threshold!r}; logits need one "
                             "between 0 and 1.")  # fmt: skip
        threshold = math.log(self.threshold / (1 - self.threshold))
        self._take(_same_side(y_true, logits, threshold), logits, sample_weight)


class CategoricalAccuracy(_Hits):
    """How often the largest prediction stands where the one-hot label's 1 does. Arguments: see :class:`Metric`.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.3, 0.7], [0.3, 0.7]])
    tensor(0.5000)
    """

    hits = staticmethod(_same_class)
    accepts_logits = True

    def __init__(self, name: str | None = "categorical_accuracy", dtype: PolicyLike = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_Hits):
    """How often the largest prediction is that of the class ``y_true`` names. Arguments: see :class:`Metric`.

    >>> SparseCategoricalAccuracy()([1, 0], [[0.3, 0.7], [0.3, 0.7]])
    tensor(0.5000)
    """

    hits = staticmethod(_right_class)
    accepts_logits = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: PolicyLike = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_Hits):
    """How often the one-hot label's class is among the ``k`` largest predictions.

    Arguments:
        k: how many predictions count.
        name, dtype: see :class:`Metric`.

    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 1, 0]], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    tensor(0.5000)
    """

    hits = staticmethod(_in_top_k)
    accepts_logits = True

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: PolicyLike = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(_Hits):
    """How often the class ``y_true`` names is among the ``k`` largest predictions.

    Arguments:
        k: how many predictions count.
        name, dtype: see :class:`Metric`.
        from_sorted_ids: whether ``y_pred`` holds class numbers, the best first, and not scores.

    >>> SparseTopKCategoricalAccuracy(k=2)([2, 1], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    tensor(0.5000)
    """

    hits = staticmethod(_label_in_top_k)
    unwritten = frozenset({"from_sorted_ids"})

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: PolicyLike = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.accepts_logits = not from_sorted_ids


# ---- F-scores --------------------------------------------------------------------------------------------------------

_AVERAGES = (None, "micro", "macro", "weighted")
AverageName = Literal["micro", "macro", "weighted"]


class FBetaScore(Metric):
    """``(1 + beta²) * precision * recall / (beta² * precision + recall)``; both arrays are ``(batch, classes)``.

    Arguments:
        average: ``None`` for one score each class, ``"micro"`` over all entries, ``"macro"`` the mean of the classes,
            ``"weighted"`` by how often each occurs.
        beta: how much more recall counts than precision.
        threshold: above it a prediction means 1; ``None`` takes each row's largest.
        name, dtype: see :class:`Metric`.

    >>> FBetaScore(beta=2.0, threshold=0.5, average="micro")([[1, 1], [1, 0]], [[0.8, 0.2], [0.9, 0.7]])
    tensor(0.6667)
    """

    _direction = "up"

    def __init__(
        self,
        average: AverageName | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: PolicyLike = None,
    ):
        super().__init__(dtype=dtype, name=name)
        if average not in _AVERAGES:
            raise ValueError(f"{type(self).__name__}'s average must be one of {_AVERAGES}, and got {average!r}.")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"{type(self).__name__}'s beta must be a float above 0, and got {beta!r}.")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(f"{type(self).__name__}'s threshold must be None or a float above 0 and at most 1, and got "
                             f"{threshold!r}.")  # fmt: skip
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, dtype=self.dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, dtype=self.dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, dtype=self.dtype, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, dtype=self.dtype, name="intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_tensor(y_pred, self._dtype).detach()
        y_true = as_tensor(y_true, self._dtype, y_pred.device)
        if y_pred.ndim != 2 or y_true.shape != y_pred.shape:
            raise ValueError(f"{type(self).__name__} takes targets and predictions of one shape (batch, classes), and got "
                             f"y_true {tuple(y_true.shape)} and y_pred {tuple(y_pred.shape)}.")  # fmt: skip
        if not self._built:
            self._build(y_pred.shape[1])
        if self.true_positives.device != y_pred.device:
            self.to(y_pred.device)
        if self.threshold is None:  # a row of zeros has no largest
            chosen = (y_pred >= y_pred.amax(-1, keepdim=True)) & (y_pred.abs() > 1e-9)
        else:
            chosen = y_pred > self.threshold
        chosen = chosen.to(self._dtype)
        weight = None if sample_weight is None else as_tensor(sample_weight, self._dtype, y_pred.device).unsqueeze(1)
        self.true_positives.assign_add(self._summed(chosen * y_true, weight))
        self.false_positives.assign_add(self._summed(chosen * (1 - y_true), weight))
        self.false_negatives.assign_add(self._summed((1 - chosen) * y_true, weight))
        self.intermediate_weights.assign_add(self._summed(y_true, weight))

    def _summed(self, values: Tensor, weight: Tensor | None) -> Tensor:
        values = values if weight is None else values * weight
        return values.sum() if self.average == "micro" else values.sum(0)

    def result(self) -> Tensor:
        if not self._built:
            raise ValueError(f"{type(self).__name__} {self.name!r} has no result before its first update.")
        epsilon, squared = config.epsilon(), self.beta**2
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        scores = precision * recall / (squared * precision + recall + epsilon) * (1 + squared)
        if self.average == "weighted":
            return (scores * self.intermediate_weights / (self.intermediate_weights.sum() + epsilon)).sum()
        return scores if self.average is None else scores.mean()

    def get_config(self) -> Config:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """``2 * precision * recall / (precision + recall)``; both arrays are ``(batch, classes)``.

    Arguments:
        average, threshold: see :class:`FBetaScore`.
        name, dtype: see :class:`Metric`.

    >>> F1Score(threshold=0.5)([[1, 1], [1, 0]], [[0.8, 0.2], [0.9, 0.7]])
    tensor([1., 0.])
    """

    def __init__(
        self,
        average: AverageName | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: PolicyLike = None,
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> Config:
        return {key: value for key, value in super().get_config().items() if key != "beta"}
