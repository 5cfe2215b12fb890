"""Metrics by class, by function and by name, with Keras's formulas, defaults and configs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import losses
from lamina.losses import KLD as KLD
from lamina.losses import MAE as MAE
from lamina.losses import MAPE as MAPE
from lamina.losses import MSE as MSE
from lamina.losses import MSLE as MSLE
from lamina.losses import bce as bce
from lamina.losses import binary_crossentropy as binary_crossentropy
from lamina.losses import binary_focal_crossentropy as binary_focal_crossentropy
from lamina.losses import categorical_crossentropy as categorical_crossentropy
from lamina.losses import categorical_focal_crossentropy as categorical_focal_crossentropy
from lamina.losses import categorical_hinge as categorical_hinge
from lamina.losses import cosine as cosine
from lamina.losses import cosine_proximity as cosine_proximity
from lamina.losses import hinge as hinge
from lamina.losses import huber as huber
from lamina.losses import kl_divergence as kl_divergence
from lamina.losses import kld as kld
from lamina.losses import kullback_leibler_divergence as kullback_leibler_divergence
from lamina.losses import log_cosh as log_cosh
from lamina.losses import logcosh as logcosh
from lamina.losses import mae as mae
from lamina.losses import mape as mape
from lamina.losses import mean_absolute_error as mean_absolute_error
from lamina.losses import mean_absolute_percentage_error as mean_absolute_percentage_error
from lamina.losses import mean_squared_error as mean_squared_error
from lamina.losses import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from lamina.losses import mse as mse
from lamina.losses import msle as msle
from lamina.losses import poisson as poisson
from lamina.losses import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from lamina.losses import squared_hinge as squared_hinge
from lamina.losses.base import serialize_function
from lamina.metrics.base import FUNCTIONS
from lamina.metrics.base import METRICS as METRICS
from lamina.metrics.base import Mean as Mean
from lamina.metrics.base import MeanMetricWrapper as MeanMetricWrapper
from lamina.metrics.base import MeanTensor as MeanTensor
from lamina.metrics.base import Metric as Metric
from lamina.metrics.base import Sum as Sum
from lamina.metrics.classification import Accuracy as Accuracy
from lamina.metrics.classification import BinaryAccuracy as BinaryAccuracy
from lamina.metrics.classification import CategoricalAccuracy as CategoricalAccuracy
from lamina.metrics.classification import F1Score as F1Score
from lamina.metrics.classification import FBetaScore as FBetaScore
from lamina.metrics.classification import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from lamina.metrics.classification import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from lamina.metrics.classification import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from lamina.metrics.classification import accuracy as accuracy
from lamina.metrics.classification import binary_accuracy as binary_accuracy
from lamina.metrics.classification import categorical_accuracy as categorical_accuracy
from lamina.metrics.classification import sparse_categorical_accuracy as sparse_categorical_accuracy
from lamina.metrics.classification import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from lamina.metrics.classification import top_k_categorical_accuracy as top_k_categorical_accuracy
from lamina.metrics.confusion import AUC as AUC
from lamina.metrics.confusion import FalseNegatives as FalseNegatives
from lamina.metrics.confusion import FalsePositives as FalsePositives
from lamina.metrics.confusion import Precision as Precision
from lamina.metrics.confusion import PrecisionAtRecall as PrecisionAtRecall
from lamina.metrics.confusion import Recall as Recall
from lamina.metrics.confusion import RecallAtPrecision as RecallAtPrecision
from lamina.metrics.confusion import SensitivityAtSpecificity as SensitivityAtSpecificity
from lamina.metrics.confusion import SensitivitySpecificityBase as SensitivitySpecificityBase
from lamina.metrics.confusion import SpecificityAtSensitivity as SpecificityAtSensitivity
from lamina.metrics.confusion import TrueNegatives as TrueNegatives
from lamina.metrics.confusion import TruePositives as TruePositives
from lamina.metrics.iou import BinaryIoU as BinaryIoU
from lamina.metrics.iou import IoU as IoU
from lamina.metrics.iou import MeanIoU as MeanIoU
from lamina.metrics.iou import OneHotIoU as OneHotIoU
from lamina.metrics.iou import OneHotMeanIoU as OneHotMeanIoU
from lamina.metrics.keras1 import fbeta_score as fbeta_score
from lamina.metrics.keras1 import fmeasure as fmeasure
from lamina.metrics.keras1 import matthews_correlation as matthews_correlation
from lamina.metrics.keras1 import precision as precision
from lamina.metrics.keras1 import recall as recall
from lamina.metrics.regression import BinaryCrossentropy as BinaryCrossentropy
from lamina.metrics.regression import CategoricalCrossentropy as CategoricalCrossentropy
from lamina.metrics.regression import CategoricalHinge as CategoricalHinge
from lamina.metrics.regression import ConcordanceCorrelation as ConcordanceCorrelation
from lamina.metrics.regression import CosineSimilarity as CosineSimilarity
from lamina.metrics.regression import Hinge as Hinge
from lamina.metrics.regression import KLDivergence as KLDivergence
from lamina.metrics.regression import LogCoshError as LogCoshError
from lamina.metrics.regression import MeanAbsoluteError as MeanAbsoluteError
from lamina.metrics.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from lamina.metrics.regression import MeanRelativeError as MeanRelativeError
from lamina.metrics.regression import MeanSquaredError as MeanSquaredError
from lamina.metrics.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from lamina.metrics.regression import PearsonCorrelation as PearsonCorrelation
from lamina.metrics.regression import Poisson as Poisson
from lamina.metrics.regression import R2Score as R2Score
from lamina.metrics.regression import RootMeanSquaredError as RootMeanSquaredError
from lamina.metrics.regression import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from lamina.metrics.regression import SquaredHinge as SquaredHinge
from lamina.metrics.regression import concordance_correlation as concordance_correlation
from lamina.metrics.regression import cosine_similarity as cosine_similarity
from lamina.metrics.regression import pearson_correlation as pearson_correlation

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
METRICS.members.update(_OLD_NAMES)
METRICS.members.update({**_SHORT_NAMES, **{name.upper(): cls for name, cls in _SHORT_NAMES.items()}})
for _cls in _CLASSES:
    METRICS.add(_cls)


def get(identifier: Any) -> Any:
    """A metric from a name, a config, a class or a callable.

    >>> get("mse"), get("AUC")
    (<MeanSquaredError name=mean_squared_error>, <AUC name=auc>)
    """
    return METRICS.get(identifier)


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
_SHAPE_NAMES = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}
_KIND_OF_LOSS = {
    losses.binary_crossentropy: "binary",
    losses.categorical_crossentropy: "categorical",
    losses.sparse_categorical_crossentropy: "sparse_categorical",
}


def resolve_accuracy(
    kind: str,
    y_true_shape: Sequence[int | None] | None,
    y_pred_shape: Sequence[int | None] | None,
    loss: Any = None,
) -> Metric:
    """What ``"accuracy"``, ``"acc"``, ``"crossentropy"`` and ``"ce"`` mean for an output, under the name given.

    The shapes decide, as in Keras 3; where they are not known yet, the loss does.

    >>> type(resolve_accuracy("acc", (32,), (32, 10))).__name__
    'SparseCategoricalAccuracy'
    """
    if kind.lower() not in _SHAPE_NAMES:
        raise ValueError(f"Expected one of {', '.join(map(repr, _SHAPE_NAMES))}, and got {kind!r}.")
    if y_true_shape is not None and y_pred_shape is not None:
        labels = losses.kind_of_labels(y_true_shape, y_pred_shape)
    else:
        labels = _KIND_OF_LOSS.get(getattr(loss, "fn", loss))
    if labels is None:
        raise ValueError(f"The metric {kind!r} is chosen by the shapes of targets and predictions, which are not known "
                         "here: name binary_, categorical_ or sparse_categorical_accuracy.")  # fmt: skip
    return _BY_KIND[_SHAPE_NAMES[kind.lower()], labels](name=kind)


def resolve(
    identifier: Any,
    y_true_shape: Sequence[int | None] | None = None,
    y_pred_shape: Sequence[int | None] | None = None,
    loss: Any = None,
) -> Metric:
    """What ``compile(metrics=[...])`` was given, as a :class:`Metric` under the name that was given.

    >>> resolve("mae").name, resolve("accuracy", (32, 1), (32, 1))
    ('mae', <BinaryAccuracy name=accuracy>)
    """
    if isinstance(identifier, str) and identifier.lower() in _SHAPE_NAMES:
        return resolve_accuracy(identifier, y_true_shape, y_pred_shape, loss)
    found = get(identifier)
    if found is None:
        raise ValueError("Expected a metric, and got None.")
    if not isinstance(found, Metric):
        name = getattr(found, "name", None) or getattr(found, "__name__", "").strip(
            "<>"
        )  # <lambda> is lambda, as in Keras
        found = MeanMetricWrapper(found, name=name or None)
    if isinstance(identifier, str):
        found.name = identifier
    return found
