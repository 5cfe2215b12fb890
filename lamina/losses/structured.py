"""Losses of whole structures: overlapping regions (Dice, Tversky), embeddings (Circle), unaligned sequences (CTC)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike
from lamina.losses.base import KnownLoss, ReductionName, as_float, as_tensor, match

_REDUCTION = "sum_over_batch_size"


def dice(y_true: Any, y_pred: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """``1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + epsilon)`` over ``axis`` (``None``: over all).

    Source: Milletari et al. 2016, V-Net.

    >>> dice([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.3333)
    """
    y_true, y_pred = match("dice", y_true, y_pred)
    overlap = (y_true * y_pred).sum(axis)
    return 1 - 2.0 * overlap / (y_true.sum(axis) + y_pred.sum(axis) + config.epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: int | Sequence[int] | None = None
) -> Tensor:
    """``1 - o / (o + alpha * sum(y_true * (1 - y_pred)) + beta * sum(y_pred * (1 - y_true)) + epsilon)``.

    ``o = sum(y_true * y_pred)`` is the overlap; sums run over ``axis`` (``None``: over all).

    Source: Salehi et al. 2017, Tversky loss function for image segmentation.

    >>> tversky([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.3333)
    """
    y_true, y_pred = match("tversky", y_true, y_pred)
    overlap = (y_true * y_pred).sum(axis)
    missed, added = ((1 - y_pred) * y_true).sum(axis), (y_pred * (1 - y_true)).sum(axis)
    return 1 - overlap / (overlap + missed * alpha + added * beta + config.epsilon())


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Draws embeddings of one class together and those of others apart: ``(batch,)``, ``(batch, n) -> (batch,)``.

    Arguments:
        y_true: class numbers.
        y_pred: embeddings of length 1.
        ref_labels, ref_embeddings: what to compare with; by default the batch itself.
        remove_diagonal: whether an embedding is not compared with itself.
        gamma: the scale of similarities.
        margin: how far classes should be apart.

    Source: Sun et al. 2020, Circle Loss.

    >>> circle([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], gamma=4)
    tensor([0.4235, 2.0568, 0.0000])
    """
    y_pred = as_float(y_pred)
    labels = as_tensor(y_true, torch.int64, y_pred.device).reshape(-1, 1)
    others = labels if ref_labels is None else as_tensor(ref_labels, torch.int64, y_pred.device).reshape(-1, 1)
    embeddings = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, y_pred.dtype, y_pred.device)
    distances = (1 - y_pred @ embeddings.t()).clamp(min=0.0)
    same = labels == others.t()
    different = ~same
    if remove_diagonal:
        same = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    pull = -gamma * ((margin + distances) * same).clamp(min=0.0) * (margin - distances)
    push = gamma * ((1 + margin - distances) * different).clamp(min=0.0) * (1 - margin - distances)
    sums = [torch.where(pairs, term, -torch.inf).logsumexp(1) for pairs, term in ((same, pull), (different, push))]
    values = F.softplus(sums[0] + sums[1])
    # Rows with no partner of their own class, or of another, have no loss; they are left out of the average.
    values._keras_mask = values > 0  # pyright: ignore[reportAttributeAccessIssue]
    return values


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """``-log p(y_true)`` summed over all alignments: ``(batch, length)``, ``(batch, steps, classes) -> (batch,)``.

    Arguments:
        y_true: class numbers, padded at the end with 0, which is also the blank.
        y_pred: logits.

    Source: Graves et al. 2006, Connectionist Temporal Classification.

    >>> ctc([[1]], torch.zeros(1, 2, 2))
    tensor([0.2877])
    """
    y_pred = as_float(y_pred)
    labels = as_tensor(y_true, torch.int64, y_pred.device)
    if labels.ndim != 2 or y_pred.ndim != 3 or len(labels) != len(y_pred):
        raise ValueError(
            f"ctc needs class numbers of shape (batch, length) and logits of shape (batch, steps, classes)"
            f", and got y_true of shape {tuple(labels.shape)} and y_pred of shape {tuple(y_pred.shape)}."
        )
    log_probabilities = y_pred.to(torch.promote_types(y_pred.dtype, torch.float32)).log_softmax(-1).transpose(0, 1)
    steps = torch.full((len(labels),), y_pred.shape[1], dtype=torch.int64, device=y_pred.device)
    return F.ctc_loss(log_probabilities, labels, steps, (labels != 0).sum(-1), blank=0, reduction="none")


class Dice(KnownLoss):
    """``1 - 2 * overlap / (size of targets + size of predictions)``, for segmentation.

    Arguments:
        axis: over which the sums run; ``None`` is the whole batch at once, which leaves nothing to reduce or to weigh.
        reduction, name, dtype: see :class:`Loss`.

    >>> Dice()([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.3333)
    """

    def __init__(
        self,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(KnownLoss):
    """Dice with separate weights for what is missed and what is added; both 0.5 is Dice.

    Arguments:
        alpha: the weight of what the prediction missed.
        beta: the weight of what the prediction added.
        axis: over which the sums run; ``None`` is the whole batch at once.
        reduction, name, dtype: see :class:`Loss`.

    >>> Tversky()([[1.0, 0.0]], [[1.0, 1.0]])
    tensor(0.3333)
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(KnownLoss):
    """Draws embeddings of one class together and those of others apart; see :func:`circle`.

    Arguments:
        gamma: the scale of similarities.
        margin: how far classes should be apart.
        remove_diagonal: whether an embedding is not compared with itself.
        reduction, name, dtype: see :class:`Loss`. Averages leave out rows whose loss is 0.

    >>> Circle(gamma=4)([0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    tensor(1.2402)
    """

    target_dtype = torch.int64

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "circle",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **arguments)


class CTC(KnownLoss):
    """Connectionist temporal classification of sequences that are not aligned; see :func:`ctc`.

    Labels are ``(batch, length)``, padded with 0, which is also the blank; predictions are logits
    ``(batch, steps, classes)``. Arguments: see :class:`Loss`.

    >>> CTC()([[1]], torch.zeros(1, 2, 2))
    tensor(0.2877)
    """

    target_dtype = torch.int64

    def __init__(
        self, reduction: ReductionName | None = _REDUCTION, name: str | None = "ctc", dtype: PolicyLike = None
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)
