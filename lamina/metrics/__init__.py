"""Metrics by class, by function and by name, with Keras's formulas, defaults and configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lamina import losses
from lamina.dialects import habits
from lamina.dialects.generation import Habits
from lamina.losses import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    bce,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    cosine,
    cosine_proximity,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from lamina.losses.base import serialize_function
from lamina.losses.older import OLDER as losses_of_then
from lamina.losses.older import binary_crossentropy_keras2, binary_crossentropy_tf_keras
from lamina.metrics import older
from lamina.metrics.base import FUNCTIONS, METRICS, Mean, MeanMetricWrapper, MeanTensor, Metric, Sum
from lamina.metrics.classification import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    F1Score,
    FBetaScore,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from lamina.metrics.confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SensitivitySpecificityBase,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from lamina.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from lamina.metrics.keras1 import fbeta_score, fmeasure, matthews_correlation, precision, recall
from lamina.metrics.regression import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanRelativeError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
)
from lamina.registry import Config

__all__ = [
    "AUC", "BCE", "KLD", "MAE", "MAPE", "MSE", "MSLE", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU",
    "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity",
    "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanRelativeError",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "MeanTensor", "Metric", "OneHotIoU", "OneHotMeanIoU",
    "PearsonCorrelation", "Poisson", "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision",
    "RootMeanSquaredError", "SensitivityAtSpecificity", "SensitivitySpecificityBase", "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "SquaredHinge", "Sum",
    "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives", "accuracy", "bce", "binary_accuracy",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "clone_metric", "concordance_correlation", "cosine",
    "cosine_proximity", "cosine_similarity", "deserialize", "f1score", "fbeta_score", "fmeasure", "get", "hinge",
    "huber", "kl_divergence", "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape",
    "matthews_correlation", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "pearson_correlation", "poisson", "precision", "recall", "resolve",
    "resolve_accuracy", "serialize", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
]  # fmt: skip

# What checkers and editors know of metrics; any other string may be one of your own.
MetricName = Literal[
    "accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
    "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "crossentropy", "binary_crossentropy",
    "categorical_crossentropy", "sparse_categorical_crossentropy", "mse", "mae", "mape", "msle", "mean_squared_error",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "root_mean_squared_error", "r2_score", "cosine_similarity", "pearson_correlation", "concordance_correlation",
    "auc", "precision", "recall", "f1_score", "true_positives", "true_negatives", "false_positives",
    "false_negatives", "BinaryIoU", "hinge", "squared_hinge", "categorical_hinge", "log_cosh", "log_cosh_error",
    "kl_divergence", "poisson", "huber", "binary_focal_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "dice", "tversky", "circle", "ctc",
]  # fmt: skip
MetricLike = MetricName | str | Metric | Callable[..., Any] | Config
# Of several outputs: by place or by name, and several for each.
MetricsLike = (
    MetricLike
    | Sequence[MetricLike | Sequence[MetricLike] | None]
    | Mapping[str, MetricLike | Sequence[MetricLike]]
    | None
)

_CLASSES = (
    Metric, Mean, Sum, MeanMetricWrapper, MeanTensor,
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy, FBetaScore, F1Score,
    TruePositives, FalsePositives, TrueNegatives, FalseNegatives, Precision, Recall,
    SensitivityAtSpecificity, SpecificityAtSensitivity, PrecisionAtRecall, RecallAtPrecision, AUC,
    IoU, BinaryIoU, MeanIoU, OneHotIoU, OneHotMeanIoU,
    MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError,
    RootMeanSquaredError, MeanRelativeError, LogCoshError, CosineSimilarity, PearsonCorrelation,
    ConcordanceCorrelation, R2Score, Hinge, SquaredHinge, CategoricalHinge, KLDivergence, Poisson,
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy,
)  # fmt: skip
_OWN_FUNCTIONS = (
    accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy, top_k_categorical_accuracy,
    sparse_top_k_categorical_accuracy, cosine_similarity, pearson_correlation, concordance_correlation,
    matthews_correlation, fbeta_score, fmeasure, precision, recall,
)  # fmt: skip
_SHORT_NAMES = {
    "mse": MeanSquaredError, "mae": MeanAbsoluteError, "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError, "bce": BinaryCrossentropy, "kld": KLDivergence,
}  # fmt: skip
# Names of Keras 1 and 2. cosine_proximity was the negative cosine there, as the loss still is.
_OLD_NAMES = {
    "kullback_leibler_divergence": KLDivergence, "cosine_proximity": losses.cosine_similarity,
    "cosine": losses.cosine_similarity, "logcosh": losses.log_cosh, "huber_loss": losses.huber, "f1score": fmeasure,
}  # fmt: skip

f1score = fmeasure
BCE = bce

# Where a function and a class are called alike the name is the class's, as in Keras. Their order is that of suggestions
# for misspelt names: the last of those that differ only in case is the one suggested.
FUNCTIONS.update({function.__name__: function for function in (*losses.CLASS_OF, *_OWN_FUNCTIONS)})
METRICS.members.update({cls.__name__: cls for cls in _CLASSES})
METRICS.members.update(FUNCTIONS)
METRICS.members.update({function.__name__: function for function in losses_of_then} | older.FUNCTIONS)
METRICS.members.update(_OLD_NAMES)
METRICS.members.update({**_SHORT_NAMES, **{name.upper(): cls for name, cls in _SHORT_NAMES.items()}})
for _cls in _CLASSES:
    METRICS.add(_cls)


def get(identifier: MetricLike) -> Any:
    """A metric from a name, a config, a class or a callable.

    >>> get("mse"), get("AUC")
    (<MeanSquaredError name=mean_squared_error>, <AUC name=auc>)
    """
    return METRICS.get(habits().metrics.get(identifier, identifier) if isinstance(identifier, str) else identifier)


def serialize(metric: Any) -> Any:
    """A metric's config as Keras 3 writes it."""
    return serialize_function(metric, METRICS)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config or name describes."""
    return METRICS.deserialize(config, custom_objects)


def clone_metric(metric: Metric) -> Metric:
    """A metric like this one, at its start."""
    return type(metric).from_config(metric.get_config())


_BY_KIND: dict[tuple[str, str], type[Metric]] = {
    ("accuracy", "binary"): BinaryAccuracy,
    ("accuracy", "categorical"): CategoricalAccuracy,
    ("accuracy", "sparse_categorical"): SparseCategoricalAccuracy,
    ("crossentropy", "binary"): BinaryCrossentropy,
    ("crossentropy", "categorical"): CategoricalCrossentropy,
    ("crossentropy", "sparse_categorical"): SparseCategoricalCrossentropy,
}
_TODAYS = Habits()
_LOGGED_AS = losses_of_then | older.OLDER
_SHAPE_NAMES = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}
_KIND_OF_LOSS = {
    losses.binary_crossentropy: "binary",
    **dict.fromkeys((binary_crossentropy_keras2, binary_crossentropy_tf_keras), "binary"),
    losses.categorical_crossentropy: "categorical",
    losses.sparse_categorical_crossentropy: "sparse_categorical",
}


def resolve_accuracy(
    kind: str,
    y_true_shape: Sequence[int | None] | None,
    y_pred_shape: Sequence[int | None] | None,
    loss: Any = None,
    then: Habits = _TODAYS,
) -> Metric:
    """What ``"accuracy"``, ``"acc"``, ``"crossentropy"`` and ``"ce"`` mean for an output, under the name given.

    The shapes decide, as in Keras 3; where they are not known yet, the loss does. In the habits of Keras 1 and 2 the width of
    the output and the loss decide: a binary crossentropy means binary accuracy, whatever the shapes.

    >>> type(resolve_accuracy("acc", (32,), (32, 10))).__name__
    'SparseCategoricalAccuracy'
    """
    if kind.lower() not in _SHAPE_NAMES:
        raise ValueError(f"Expected one of {', '.join(map(repr, _SHAPE_NAMES))}, and got {kind!r}.")
    by_loss = _KIND_OF_LOSS.get(getattr(loss, "fn", loss))
    if then.accuracy_from_loss and y_pred_shape:
        labels = "binary" if y_pred_shape[-1] == 1 else by_loss or "categorical"
    elif y_true_shape is not None and y_pred_shape is not None:
        labels = losses.kind_of_labels(y_true_shape, y_pred_shape)
    else:
        labels = by_loss
    if labels is None:
        raise ValueError(f"The metric {kind!r} is chosen by the shapes of targets and predictions, which are not known "
                         "here: name binary_, categorical_ or sparse_categorical_accuracy.")  # fmt: skip
    older = then.metrics.get(f"{labels}_{_SHAPE_NAMES[kind.lower()]}")
    if older is not None:
        return MeanMetricWrapper(METRICS.get(older), name=kind)
    return _BY_KIND[_SHAPE_NAMES[kind.lower()], labels](name=kind)


def resolve(
    identifier: Any,
    y_true_shape: Sequence[int | None] | None = None,
    y_pred_shape: Sequence[int | None] | None = None,
    loss: Any = None,
    then: Habits = _TODAYS,
) -> Metric:
    """What ``compile(metrics=[...])`` was given, as a :class:`Metric` under the name that was given.

    >>> resolve("mae").name, resolve("accuracy", (32, 1), (32, 1))
    ('mae', <BinaryAccuracy name=accuracy>)
    """
    if isinstance(identifier, str) and identifier.lower() in _SHAPE_NAMES:
        return resolve_accuracy(identifier, y_true_shape, y_pred_shape, loss, then)
    found = METRICS.get(then.metrics.get(identifier, identifier) if isinstance(identifier, str) else identifier)
    if found is None:
        raise ValueError("Expected a metric, and got None.")
    if not isinstance(found, Metric):
        # <lambda> is lambda, as in Keras
        name = _LOGGED_AS.get(found) if getattr(found, "__hash__", None) else None
        name = name or getattr(found, "name", None) or getattr(found, "__name__", "").strip("<>")
        found = MeanMetricWrapper(found, name=name or None)
    if isinstance(identifier, str):
        found.name = identifier
    return found


def __dir__() -> list[str]:
    return __all__
