"""Losses as Keras 1, 2 and tf.keras computed them, where it was not as today. Each dialect's table says which are its own."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lamina import config
from lamina.losses.base import match
from lamina.losses.regression import cosine_similarity

__all__ = [
    "binary_crossentropy_keras2", "binary_crossentropy_tf_keras", "cosine_proximity_keras1", "cosine_similarity_keras2",
    "hinge_keras2", "squared_hinge_keras2",
]  # fmt: skip


def hinge_keras2(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; labels are -1 and 1, and a 0 is a 0 (up to Keras 2.2).

    >>> hinge_keras2([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.7500])
    """
    y_true, y_pred = match("hinge", y_true, y_pred)
    return torch.clamp(1.0 - y_true * y_pred, min=0.0).mean(-1)


def squared_hinge_keras2(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0)²)`` over the last axis; labels are -1 and 1, and a 0 is a 0 (up to Keras 2.2).

    >>> squared_hinge_keras2([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.6250])
    """
    y_true, y_pred = match("squared_hinge", y_true, y_pred)
    return torch.clamp(1.0 - y_true * y_pred, min=0.0).square().mean(-1)


def cosine_proximity_keras1(y_true: Any, y_pred: Any) -> Tensor:
    """The negative cosine divided by the length of the last axis, which Keras took a mean over (up to Keras 2.1).

    >>> cosine_proximity_keras1([[0.0, 1.0]], [[0.0, 0.5]])
    tensor([-0.5000])
    """
    values = cosine_similarity(y_true, y_pred)
    return values / match("cosine_proximity", y_true, y_pred)[1].shape[-1]


def cosine_similarity_keras2(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine itself, which Keras 2.3 measured where it minimised the negative one.

    >>> cosine_similarity_keras2([[0.0, 1.0]], [[0.0, 0.5]])
    tensor([1.])
    """
    return -cosine_similarity(y_true, y_pred, axis)


def binary_crossentropy_keras2(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis, from the logits of clipped probabilities; targets may be any numbers (up to Keras 2.2).

    >>> binary_crossentropy_keras2([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.6931])
    """
    y_true, y_pred = match("binary_crossentropy", y_true, y_pred)
    p = y_pred.clamp(config.epsilon(), 1.0 - config.epsilon())
    return F.binary_cross_entropy_with_logits((p / (1.0 - p)).log(), y_true, reduction="none").mean(-1)


def binary_crossentropy_tf_keras(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over ``axis``; probabilities are clipped, and epsilon is added under the logarithm. Targets may be any numbers.

    >>> binary_crossentropy_tf_keras([[0.0]], [[1.0]])
    tensor([15.3332])
    """
    y_true, y_pred = match("binary_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    if from_logits:
        return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none").mean(axis)
    epsilon = config.epsilon()
    p = y_pred.clamp(epsilon, 1.0 - epsilon)
    return -(y_true * (p + epsilon).log() + (1.0 - y_true) * (1.0 - p + epsilon).log()).mean(axis)


# What each computes otherwise, by which name logs know it.
OLDER = {
    hinge_keras2: "hinge",
    squared_hinge_keras2: "squared_hinge",
    cosine_proximity_keras1: "cosine_proximity",
    cosine_similarity_keras2: "cosine_similarity",
    binary_crossentropy_keras2: "binary_crossentropy",
    binary_crossentropy_tf_keras: "binary_crossentropy",
}
