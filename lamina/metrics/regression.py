"""Metrics of numbers and of probabilities: the mean of a loss function, root and relative errors, correlations, R²."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from torch import Tensor

from lamina import config, losses
from lamina.dtypes import PolicyLike
from lamina.losses.base import as_tensor, divide_no_nan, match, match_ranks
from lamina.metrics.base import KnownMetric, Mean, Metric
from lamina.registry import Config

# ---- functions -------------------------------------------------------------------------------------------------------


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine of the angle between targets and predictions along ``axis``: the loss of this name without its minus.

    >>> cosine_similarity([[1.0, 0.0]], [[3.0, 4.0]])
    tensor([0.6000])
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Pearson's correlation of targets and predictions along ``axis``, in [-1, 1].

    >>> pearson_correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])
    tensor([1.0000])
    """
    y_true, y_pred = match("pearson_correlation", y_true, y_pred)
    scaled = [_centred(values, axis) / values.std(axis, correction=0, keepdim=True) for values in (y_true, y_pred)]
    return (scaled[0] * scaled[1]).mean(axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Lin's concordance: ``2 cov / (var(y_true) + var(y_pred) + (mean difference)² + epsilon)`` along ``axis``.

    >>> concordance_correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])
    tensor([0.3636])
    """
    y_true, y_pred = match("concordance_correlation", y_true, y_pred)
    means = [values.mean(axis, keepdim=True) for values in (y_true, y_pred)]
    spread = sum(values.var(axis, correction=0, keepdim=True) for values in (y_true, y_pred))
    # Keras takes y_pred's mean off both factors, which changes rounding only.
    products = (y_true - means[1]) * (y_pred - means[1])
    return (2 * products / (spread + (means[0] - means[1]).square() + config.epsilon())).mean(axis)


def _centred(values: Tensor, axis: int) -> Tensor:
    return values - values.mean(axis, keepdim=True)


# ---- means of loss functions -----------------------------------------------------------------------------------------


class MeanSquaredError(KnownMetric):
    """The mean of ``(y_true - y_pred)²``. Arguments: see :class:`Metric`. Short name: ``mse``.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: PolicyLike = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(KnownMetric):
    """The mean of ``|y_true - y_pred|``. Arguments: see :class:`Metric`. Short name: ``mae``.

    >>> MeanAbsoluteError()([[0.0, 3.0]], [[1.0, 1.0]])
    tensor(1.5000)
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: PolicyLike = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(KnownMetric):
    """The mean of ``100 * |y_true - y_pred| / |y_true|``. Arguments: see :class:`Metric`. Short name: ``mape``.

    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
    tensor(25.)
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: PolicyLike = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(KnownMetric):
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))²``. Arguments: see :class:`Metric`. Short name: ``msle``.

    >>> MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]])
    tensor(0.2402)
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: PolicyLike = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(KnownMetric):
    """The mean of ``log(cosh(y_pred - y_true))``. Arguments: see :class:`Metric`.

    >>> LogCoshError()([[0.0]], [[1.0]])
    tensor(0.4338)
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: PolicyLike = None):
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(KnownMetric):
    """The mean cosine of the angle between targets and predictions.

    Arguments:
        name, dtype: see :class:`Metric`.
        axis: along which the vectors lie.

    >>> CosineSimilarity()([[1.0, 0.0]], [[3.0, 4.0]])
    tensor(0.6000)
    """

    _direction = "up"
    unwritten = frozenset({"axis"})

    def __init__(self, name: str | None = "cosine_similarity", dtype: PolicyLike = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class PearsonCorrelation(KnownMetric):
    """The mean of Pearson's correlation of targets and predictions.

    Arguments:
        name, dtype: see :class:`Metric`.
        axis: along which they are correlated.

    >>> PearsonCorrelation()([[1.0, 2.0, 3.0]], [[3.0, 2.0, 1.0]])
    tensor(-1.0000)
    """

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: PolicyLike = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(KnownMetric):
    """The mean of Lin's concordance of targets and predictions.

    Arguments:
        name, dtype: see :class:`Metric`.
        axis: along which they are correlated.

    >>> ConcordanceCorrelation()([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])
    tensor(0.3636)
    """

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: PolicyLike = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)


class Hinge(KnownMetric):
    """The mean of ``max(1 - y_true * y_pred, 0)``. Arguments: see :class:`Metric`.

    >>> Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor(1.)
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: PolicyLike = None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(KnownMetric):
    """The mean of ``max(1 - y_true * y_pred, 0)²``. Arguments: see :class:`Metric`.

    >>> SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    tensor(1.2500)
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: PolicyLike = None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(KnownMetric):
    """The mean of ``max(best wrong class - right class + 1, 0)``. Arguments: see :class:`Metric`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    tensor(0.7500)
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: PolicyLike = None):
        super().__init__(losses.categorical_hinge, name, dtype)


class KLDivergence(KnownMetric):
    """The mean of ``sum(y_true * log(y_true / y_pred))``. Arguments: see :class:`Metric`. Short name: ``kld``.

    >>> KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])
    tensor(0.1438)
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: PolicyLike = None):
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(KnownMetric):
    """The mean of ``y_pred - y_true * log(y_pred)``. Arguments: see :class:`Metric`.

    >>> Poisson()([[2.0]], [[1.0]])
    tensor(1.0000)
    """

    def __init__(self, name: str | None = "poisson", dtype: PolicyLike = None):
        super().__init__(losses.poisson, name, dtype)


class BinaryCrossentropy(KnownMetric):
    """The mean crossentropy of yes-or-no labels.

    Arguments:
        name, dtype: see :class:`Metric`.
        from_logits: whether predictions are logits, before a sigmoid.
        label_smoothing: how far labels are moved from 0 and 1 towards 0.5.

    >>> BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    tensor(0.6931)
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **arguments)


class CategoricalCrossentropy(KnownMetric):
    """The mean crossentropy of one-hot labels.

    Arguments:
        name, dtype: see :class:`Metric`.
        from_logits: whether predictions are logits, before a softmax.
        label_smoothing: the share of each label that is spread evenly over all classes.
        axis: of the classes.

    >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    tensor(0.6931)
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **arguments)


class SparseCategoricalCrossentropy(KnownMetric):
    """The mean crossentropy of class numbers.

    Arguments:
        name, dtype: see :class:`Metric`.
        from_logits: whether predictions are logits, before a softmax.
        ignore_class: a label whose places count 0.
        axis: of the classes.

    >>> SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])
    tensor(0.6931)
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **arguments)


# ---- others ----------------------------------------------------------------------------------------------------------


class RootMeanSquaredError(Mean):
    """The root of the mean of ``(y_true - y_pred)²``. Arguments: see :class:`Metric`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 4.0]])
    tensor(3.5355)
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: PolicyLike = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = match("RootMeanSquaredError", y_true, as_tensor(y_pred, self._dtype))
        super().update_state((y_pred - y_true).square(), sample_weight)

    def result(self) -> Tensor:
        return super().result().sqrt()


class MeanRelativeError(Mean):
    """The mean of ``|y_true - y_pred| / normalizer`` (tf.keras only).

    Arguments:
        normalizer: of the shape of the predictions; where it is 0 the error counts 0.
        name, dtype: see :class:`Metric`.

    >>> MeanRelativeError(normalizer=[1.0, 2.0])([1.0, 3.0], [2.0, 1.0])
    tensor(1.)
    """

    _direction = "down"

    def __init__(self, normalizer: Any, name: str | None = None, dtype: PolicyLike = None):
        super().__init__(name=name, dtype=dtype)
        self.normalizer = as_tensor(normalizer, self._dtype)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = match("MeanRelativeError", y_true, as_tensor(y_pred, self._dtype))
        normalizer = match_ranks(y_pred, self.normalizer.to(y_pred.device))[1]
        super().update_state(divide_no_nan((y_true - y_pred).abs(), normalizer), sample_weight)

    def get_config(self) -> Config:
        return {**super().get_config(), "normalizer": self.normalizer.tolist()}


class R2Score(Metric):
    """The share of the targets' variance that the predictions explain: ``1 - sum((y - p)²) / sum((y - mean(y))²)``.

    Targets and predictions are ``(batch, n)``; there is a score for each of the ``n`` columns.

    Arguments:
        class_aggregation: ``"uniform_average"`` of the columns' scores, ``"variance_weighted_average"``, or ``None`` for
            one score each.
        num_regressors: how many independent variables the prediction used, for the adjusted score; 0 is the plain one.
        name, dtype: see :class:`Metric`.

    >>> R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    tensor(0.5714)
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: Literal["uniform_average", "variance_weighted_average"] | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: PolicyLike = None,
    ):
        super().__init__(dtype=dtype, name=name)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(f"R2Score's class_aggregation must be one of {known}, and got {class_aggregation!r}.")
        if num_regressors < 0:
            raise ValueError(f"R2Score's num_regressors can't be negative, and is {num_regressors!r}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, columns: int) -> None:
        self.squared_sum = self.add_variable((columns,), name="squared_sum")
        self.sum = self.add_variable((columns,), name="sum")
        self.total_mse = self.add_variable((columns,), name="residual")
        self.count = self.add_variable((columns,), name="count")
        self._built = True

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = match("R2Score", y_true, as_tensor(y_pred, self._dtype).detach(), equal=True)
        if y_pred.ndim != 2:
            raise ValueError(
                f"R2Score takes targets and predictions of shape (batch, n), and got {tuple(y_pred.shape)}."
            )
        if not self._built:
            self._build(y_pred.shape[1])
        if self.sum.device != y_pred.device:
            self.to(y_pred.device)
        weight = torch.ones_like(y_true)
        if sample_weight is not None:
            given = as_tensor(sample_weight, self._dtype, y_pred.device)
            weight = weight * (given.unsqueeze(1) if given.ndim == 1 else given)
        self.sum.assign_add((y_true * weight).sum(0))
        self.squared_sum.assign_add((y_true * y_true * weight).sum(0))
        self.total_mse.assign_add(((y_true - y_pred).square() * weight).sum(0))
        self.count.assign_add(weight.sum(0))
        self.num_samples.add_(y_true.numel())

    def result(self) -> Tensor:
        if not self._built:
            raise ValueError(f"R2Score {self.name!r} has no result before its first update.")
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1 - self.total_mse / total
        scores = torch.where(scores.isinf(), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (total * scores).sum() / total.sum()
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Tensor) -> Tensor:
        samples = float(self.num_samples)
        if self.num_regressors >= samples - 1:
            warnings.warn(f"R2Score {self.name!r}: with {self.num_regressors} regressors and {samples:g} values there is "
                          "no adjusted score; this is the plain one.", stacklevel=3)  # fmt: skip
            return scores
        return 1.0 - (1.0 - scores) * (samples - 1.0) / (samples - self.num_regressors - 1.0)

    def get_config(self) -> Config:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
