"""Metric functions as Keras 1, 2 and tf.keras returned them, where it was not as today: means of rows, or of a whole batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor

from lamina.losses import (
    categorical_crossentropy,
    categorical_hinge,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
)
from lamina.losses import older as of_then
from lamina.losses.base import match
from lamina.metrics.classification import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from lamina.metrics.keras1 import precision, recall


def binary_accuracy_keras2(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """The share of the last axis in which ``y_pred``, rounded, is ``y_true``, whatever numbers these are.

    >>> binary_accuracy_keras2([[1.0, 3.0]], [[0.2, 3.3]])
    tensor([0.5000])
    """
    y_true, y_pred = match("binary_accuracy", y_true, y_pred)
    rounded = y_pred.round() if threshold == 0.5 else (y_pred > threshold).to(y_pred.dtype)
    return (rounded == y_true).to(y_pred.dtype).mean(-1)


def binary_accuracy_tf_keras(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """The share of the last axis in which ``y_pred > threshold`` is what the 0 or 1 in ``y_true`` says.

    >>> binary_accuracy_tf_keras([[1, 0]], [[0.7, 0.7]])
    tensor([0.5000])
    """
    return binary_accuracy(y_true, y_pred, threshold).mean(-1)


def _of_batch(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """The function under this name, as one number for a whole batch: so Keras 1 defined its metrics."""

    @functools.wraps(function)
    def mean(*args: Any, **kwargs: Any) -> Tensor:
        return function(*args, **kwargs).mean()

    mean.__name__ = name
    mean.__doc__ = f"The mean of a batch of ``{function.__name__}``, as Keras {name.rpartition('_keras')[2]} had it."
    return mean


# Whatever Keras 1's metrics were called, and what each is the mean of.
_KEYS = {
    "binary_accuracy": binary_accuracy_keras2, "categorical_accuracy": categorical_accuracy,
    "sparse_categorical_accuracy": sparse_categorical_accuracy, "top_k_categorical_accuracy": top_k_categorical_accuracy,
    "mean_squared_error": mean_squared_error, "mean_absolute_error": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": mean_squared_logarithmic_error, "hinge": of_then.hinge_keras2,
    "squared_hinge": of_then.squared_hinge_keras2, "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
    "binary_crossentropy": of_then.binary_crossentropy_keras2, "kullback_leibler_divergence": kl_divergence, "poisson": poisson,
    "cosine_proximity": of_then.cosine_proximity_keras1, "logcosh": log_cosh, "categorical_hinge": categorical_hinge,
}  # fmt: skip
_SHORT = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "cosine": "cosine_proximity",
}  # fmt: skip
_IN_KERAS_2 = {"top_k_categorical_accuracy": top_k_categorical_accuracy,
               "sparse_top_k_categorical_accuracy": sparse_top_k_categorical_accuracy}  # fmt: skip

KERAS1 = {f"{name}_keras1": _of_batch(function, f"{name}_keras1") for name, function in _KEYS.items()}
KERAS1 |= {f"{short}_keras1": KERAS1[f"{name}_keras1"] for short, name in _SHORT.items()}
KERAS1 |= {f"{short.upper()}_keras1": KERAS1[f"{name}_keras1"] for short, name in _SHORT.items() if short != "cosine"}
KERAS1 |= {f"{one.__name__}_keras1": one for one in (precision, recall)}
KERAS2 = {f"{name}_keras2": _of_batch(function, f"{name}_keras2") for name, function in _IN_KERAS_2.items()}
KERAS2 |= {"binary_accuracy_keras2": binary_accuracy_keras2, "binary_accuracy_tf_keras": binary_accuracy_tf_keras}
FUNCTIONS = KERAS1 | KERAS2


__all__ = sorted(FUNCTIONS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    return FUNCTIONS[name]


# By which name logs know each.
OLDER = {one: one.__name__.rpartition("_keras")[0].removesuffix("_tf") or one.__name__ for one in FUNCTIONS.values()}
