"""Losses by class, by function and by name, with Keras's formulas, defaults and configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lamina.dialects import habits
from lamina.losses.base import LOSSES, Loss, LossFunctionWrapper, Reduction, serialize_function
from lamina.losses.crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
    with_logits,
)
from lamina.losses.of_torch import TorchLoss, is_torch_loss
from lamina.losses.older import OLDER
from lamina.losses.regression import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    squared_hinge,
)
from lamina.losses.structured import CTC, Circle, Dice, Tversky, circle, ctc, dice, tversky
from lamina.registry import Config

__all__ = [
    "BCE", "CTC", "KLD", "MAE", "MAPE", "MSE", "MSLE", "BinaryCrossentropy", "BinaryFocalCrossentropy",
    "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge",
    "Circle", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss", "LossFunctionWrapper",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
    "Reduction", "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky", "bce", "binary_crossentropy",
    "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "categorical_hinge", "circle", "cosine", "cosine_proximity",
    "cosine_similarity", "ctc", "deserialize", "dice", "get", "hinge", "huber", "huber_loss", "kind_of_labels",
    "kl_divergence", "kld", "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle", "poisson",
    "resolve", "serialize", "sparse_categorical_crossentropy", "squared_hinge", "tversky", "with_logits",
]  # fmt: skip

# What checkers and editors know of a loss; any other string may be one of your own.
LossName = Literal[
    "mse", "mae", "mape", "msle", "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "binary_crossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy", "binary_focal_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "crossentropy", "bce", "kld", "kl_divergence", "poisson",
    "cosine_similarity", "huber", "log_cosh", "hinge", "squared_hinge", "categorical_hinge", "dice", "tversky",
    "circle", "ctc",
]  # fmt: skip
LossLike = LossName | str | Loss | Callable[..., Any] | Config
# Of several outputs: by place or by name.
LossesLike = LossLike | Sequence[LossLike | None] | Mapping[str, LossLike | None] | None

# Each function and the class that reduces it. A name in lower case is the function, as in Keras.
CLASS_OF: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    cosine_similarity: CosineSimilarity,
    huber: Huber,
    log_cosh: LogCosh,
    poisson: Poisson,
    kl_divergence: KLDivergence,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    categorical_generalized_cross_entropy: CategoricalGeneralizedCrossEntropy,
    dice: Dice,
    tversky: Tversky,
    circle: Circle,
    ctc: CTC,
}
# Names of Keras 1 and 2.
ALIASES: dict[str, Callable[..., Any]] = {
    "mse": mean_squared_error, "mae": mean_absolute_error, "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error, "kld": kl_divergence, "bce": binary_crossentropy,
    "kullback_leibler_divergence": kl_divergence, "cosine": cosine_similarity, "cosine_proximity": cosine_similarity,
    "logcosh": log_cosh, "huber_loss": huber,
}  # fmt: skip
for _short in ("mse", "mae", "mape", "msle", "kld", "bce"):
    ALIASES[_short.upper()] = ALIASES[_short]

LOSSES.members.update({cls.__name__: cls for cls in (Loss, LossFunctionWrapper, *CLASS_OF.values())})
LOSSES.members.update({function.__name__: function for function in CLASS_OF})
LOSSES.members.update(ALIASES)
LOSSES.members.update({function.__name__: function for function in OLDER})

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
bce = BCE = binary_crossentropy
cosine = cosine_proximity = cosine_similarity
logcosh = log_cosh
huber_loss = huber


def get(identifier: LossLike | None) -> Any:
    """A loss from a name, a config, a class or a callable: a function for a function's name, as in Keras.

    >>> get("mse") is mean_squared_error, get("Huber").name
    (True, 'huber_loss')
    """
    return LOSSES.get(habits().losses.get(identifier, identifier) if isinstance(identifier, str) else identifier)


def serialize(loss: Any) -> Any:
    """A loss's config as Keras 3 writes it."""
    return serialize_function(loss, LOSSES)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a config or name describes."""
    return LOSSES.deserialize(name, custom_objects)


def kind_of_labels(y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> str:
    """``'binary'``, ``'sparse_categorical'`` or ``'categorical'``: how Keras reads "accuracy" and "crossentropy".

    >>> kind_of_labels((32, 1), (32, 10))
    'sparse_categorical'
    """
    last_true, last_pred = (shape[-1] if len(shape) else 1 for shape in (y_true_shape, y_pred_shape))
    if last_pred == 1:
        return "binary"
    return "sparse_categorical" if len(y_true_shape) < len(y_pred_shape) or last_true == 1 else "categorical"


def resolve(
    identifier: Any,
    y_true_shape: Sequence[int | None] | None = None,
    y_pred_shape: Sequence[int | None] | None = None,
) -> Loss | None:
    """What ``compile(loss=...)`` was given, as a :class:`Loss`.

    ``"crossentropy"`` and ``"ce"`` are chosen by the shapes. A function of this module becomes its class, under the
    name that was given; any other callable ``f(y_true, y_pred)`` is wrapped,
    and so are torch's own, ``f(y_pred, y_true)``.

    >>> resolve("ce", (32, 1), (32, 10))
    SparseCategoricalCrossentropy()
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        if y_true_shape is None or y_pred_shape is None:
            raise ValueError(
                f"The loss {identifier!r} is chosen by the shapes of targets and predictions, which are not"
                " known here: name binary_, categorical_ or sparse_categorical_crossentropy."
            )
        identifier = LOSSES.find(f"{kind_of_labels(y_true_shape, y_pred_shape)}_crossentropy")
    found = LOSSES.get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else getattr(found, "__name__", None)
    if is_torch_loss(found):
        return TorchLoss(found, name=name)
    known: Any = CLASS_OF.get(found) if getattr(found, "__hash__", None) else None
    return known(name=name) if known else LossFunctionWrapper(found, name=name)


def compares_shapes(loss: Loss) -> bool:
    """Whether a loss is one of Keras's own that compares two arrays of one shape.

    >>> compares_shapes(MeanSquaredError()), compares_shapes(SparseCategoricalCrossentropy())
    (True, False)
    """
    function = getattr(loss, "fn", None)
    known = function in CLASS_OF or function in OLDER if getattr(function, "__hash__", None) else False
    return known and function not in (sparse_categorical_crossentropy, ctc)


def __dir__() -> list[str]:
    return __all__
