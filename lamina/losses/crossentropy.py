"""Losses of probabilities: the crossentropies, from probabilities or from logits, and their focal relatives.

From logits each of the three plain ones is one torch kernel. :func:`with_logits` gives a training loop the loss to use
when it skips a model's last softmax or sigmoid.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike
from lamina.losses.base import (
    KnownLoss,
    Loss,
    LossFunctionWrapper,
    ReductionName,
    as_float,
    as_tensor,
    match,
    match_ranks,
)
from lamina.losses.older import binary_crossentropy_keras2, binary_crossentropy_tf_keras

_REDUCTION = "sum_over_batch_size"
_SPARSE_MEND = " Integer class labels go with 'sparse_categorical_crossentropy'."
_ONE_HOT_MEND = " One-hot labels go with 'categorical_crossentropy'."
# No label is this number, so none is skipped silently, as torch skips its default of -100.
_IGNORE_NOTHING = -(2**62)


# ---- parts -----------------------------------------------------------------------------------------------------------


def _clip(probabilities: Tensor) -> Tensor:
    return probabilities.clamp(config.epsilon(), 1.0 - config.epsilon())


def _smooth_classes(y_true: Tensor, label_smoothing: float) -> Tensor:
    """One-hot labels moved towards the even distribution. Keras counts classes on the last axis, whatever ``axis``."""
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1] if label_smoothing else y_true


def _smooth_binary(y_true: Tensor, label_smoothing: float) -> Tensor:
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _check_classes(name: str, y_pred: Tensor, axis: int) -> None:
    if isinstance(axis, bool):
        raise ValueError(f"The axis of {name} must be an integer, and got {axis!r}.")
    if y_pred.shape[-1] == 1:
        text = (f"{name} compares two classes or more, and y_pred of shape {tuple(y_pred.shape)} has one. "
                "For two classes in one number use 'binary_crossentropy'.")  # fmt: skip
        warnings.warn(text, SyntaxWarning, stacklevel=4)


def class_labels(name: str, y_true: Any, y_pred: Tensor, axis: int = -1) -> Tensor:
    """Class numbers as int64, in ``y_pred``'s shape without ``axis``; an axis of one in its place is dropped.

    Raises:
        ValueError: when the shapes don't fit.
    """
    labels = as_tensor(y_true, torch.int64, y_pred.device)
    axis = axis % y_pred.ndim
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    wanted = (*y_pred.shape[:axis], *y_pred.shape[axis + 1 :])
    if labels.shape != wanted:
        mend = _ONE_HOT_MEND if labels.shape == y_pred.shape else ""
        raise ValueError(f"{name} needs class numbers of shape {wanted} for y_pred of shape {tuple(y_pred.shape)}, "
                         f"and got y_true of shape {tuple(labels.shape)}.{mend}")  # fmt: skip
    return labels


def _out_of_range(name: str, labels: Tensor, classes: int, ignore_class: int | None) -> ValueError | None:
    """The error that says which labels are no class, or ``None`` when all are one. Asked only after torch refused."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if ignore_class is not None:
        wrong = wrong[wrong != ignore_class]
    if not wrong.numel():
        return None
    found = wrong.unique().tolist()
    shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    mend = ""
    if found == [classes] and not (labels == 0).any():
        mend = " Labels that count from 1 need 1 taken off."
    elif found == [-1] and ignore_class is None:
        mend = " Labels to be left out can be named by ignore_class=-1."
    return ValueError(f"{name}: y_true holds {'the label' if len(found) == 1 else 'the labels'} {shown} "
                      f"({wrong.numel()} of {labels.numel()}), and y_pred has {classes} classes: "
                      f"labels must be from 0 to {classes - 1}.{mend}")  # fmt: skip


def _sparse_from_logits(
    name: str, labels: Tensor, logits: Tensor, ignore_class: int | None = None, reduction: str = "none"
) -> Tensor:
    """torch's kernel on the last axis, whose complaint about labels is put in words. Costs nothing when all is well."""
    ignored = _IGNORE_NOTHING if ignore_class is None else ignore_class
    flat_logits, flat_labels = logits, labels
    if logits.ndim != 2:
        flat_logits, flat_labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    try:
        return F.cross_entropy(flat_logits, flat_labels, ignore_index=ignored, reduction=reduction)
    except (IndexError, ValueError, RuntimeError) as error:
        class_labels(name, labels, logits)  # raises when the shapes are at fault
        raise _out_of_range(name, labels, logits.shape[-1], ignore_class) or error from None


def probability_of(name: str, labels: Tensor, probabilities: Tensor, ignore_class: int | None = None) -> Tensor:
    """The probability of each label, on the last axis."""
    try:
        return probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    except (IndexError, RuntimeError) as error:
        raise _out_of_range(name, labels, probabilities.shape[-1], ignore_class) or error from None


# ---- functions -------------------------------------------------------------------------------------------------------


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """``-log(y_pred[y_true])``: class numbers ``(batch, ...)`` against ``(batch, ..., classes)``.

    Arguments:
        from_logits: whether ``y_pred`` are logits, before a softmax; otherwise they are scaled to a sum of 1 and
            clipped to ``[epsilon, 1 - epsilon]``.
        ignore_class: a label whose places count nothing, and are masked out of averages.
        axis: of the classes in ``y_pred``.

    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [1.0, 0.0]])
    tensor([6.9315e-01, 1.1921e-07])
    """
    name = "sparse_categorical_crossentropy"
    y_pred = as_float(y_pred)
    labels = class_labels(name, y_true, y_pred, axis)
    scores = y_pred if axis in (-1, y_pred.ndim - 1) else y_pred.movedim(axis, -1)
    kept = None
    if ignore_class is not None:
        kept = labels != ignore_class
        labels = torch.where(kept, labels, 0)
        # Whatever stands at the ignored places, NaN too, takes no part: 1 is safe to divide by and to take logs of.
        scores = torch.where(kept.unsqueeze(-1), scores, 1.0)
    if from_logits:
        values = _sparse_from_logits(name, labels, scores).reshape(labels.shape)
    else:
        values = -_clip(probability_of(name, labels, scores) / scores.sum(-1)).log()
    if kept is not None:
        values = torch.where(kept, values, 0.0)
        values._keras_mask = kept  # pyright: ignore[reportAttributeAccessIssue]
    return values


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(y_true * log(y_pred))`` over ``axis``; both ``(batch, ..., classes)``, labels one-hot or probabilities.

    Arguments:
        from_logits: whether ``y_pred`` are logits, before a softmax; otherwise they are scaled to a sum of 1 and
            clipped to ``[epsilon, 1 - epsilon]``.
        label_smoothing: the share of each label that is spread evenly over all classes.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.6931])
    """
    y_true, y_pred = match("categorical_crossentropy", y_true, y_pred, equal=True, mend=_SPARSE_MEND)
    _check_classes("categorical_crossentropy", y_pred, axis)
    y_true = _smooth_classes(y_true, label_smoothing)
    if from_logits:
        return -(y_true * F.log_softmax(y_pred, axis)).sum(axis)
    return -(y_true * _clip(y_pred / y_pred.sum(axis, keepdim=True)).log()).sum(axis)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``mean(-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred))`` over ``axis``.

    Arguments:
        from_logits: whether ``y_pred`` are logits, before a sigmoid; otherwise they are clipped to
            ``[epsilon, 1 - epsilon]``.
        label_smoothing: how far labels are moved from 0 and 1 towards 0.5.

    >>> binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.6931])
    """
    y_true, y_pred = match("binary_crossentropy", y_true, y_pred, equal=True)
    return _binary(_smooth_binary(y_true, label_smoothing), y_pred, from_logits, "none").mean(axis)


def _binary(y_true: Tensor, y_pred: Tensor, from_logits: bool, reduction: str) -> Tensor:
    if from_logits:
        return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction=reduction)
    p = _clip(y_pred)
    if p.is_cpu:
        try:
            return F.binary_cross_entropy(p, y_true, reduction=reduction)
        except RuntimeError:
            if not p.isnan().any():
                raise
    # The kernel has no loss of NaN, and stops a GPU for good where it meets one: a model that is lost must say so itself.
    values = -(y_true * p.log() + (1.0 - y_true) * (-p).log1p())
    return values.mean() if reduction == "mean" else values


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``mean((1 - p)^gamma * -log(p))`` over ``axis``, where ``p`` is the probability of the true side.

    Arguments:
        apply_class_balancing: whether ones weigh ``alpha`` and zeros ``1 - alpha``.
        gamma: how much easy examples count less.
        from_logits, label_smoothing: see :func:`binary_crossentropy`.

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection.

    >>> binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.1733])
    """
    y_true, y_pred = match("binary_focal_crossentropy", y_true, y_pred, equal=True)
    y_true = _smooth_binary(y_true, label_smoothing)
    if from_logits:
        y_pred = y_pred.sigmoid()
    right = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    values = (1.0 - right).pow(gamma) * _binary(y_true, y_pred, False, "none")
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return values.mean(axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] | Tensor = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``-sum(alpha * (1 - y_pred)^gamma * y_true * log(y_pred))`` over ``axis``; labels are one-hot.

    Arguments:
        alpha: a weight, or a list of one weight for each class.
        gamma: how much easy examples count less.
        from_logits, label_smoothing: see :func:`categorical_crossentropy`.

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection.

    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    tensor([0.0433])
    """
    name = "categorical_focal_crossentropy"
    y_true, y_pred = match(name, y_true, y_pred, equal=True)
    _check_classes(name, y_pred, axis)
    y_true = _smooth_classes(y_true, label_smoothing)
    if from_logits:
        y_pred = y_pred.softmax(axis)
    y_pred = _clip(y_pred / y_pred.sum(axis, keepdim=True))
    weight = (1.0 - y_pred).pow(gamma) * as_tensor(alpha, y_pred.dtype, y_pred.device)
    return -(weight * y_true * y_pred.log()).sum(axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """``(1 - y_pred[y_true]^q) / q``: class numbers ``(batch, ...)`` against probabilities ``(batch, ..., classes)``.

    Arguments:
        q: in (0, 1): near 0 it is the crossentropy, near 1 the absolute error, which wrong labels disturb less.

    Source: Zhang and Sabuncu 2018, Generalized Cross Entropy Loss.

    >>> categorical_generalized_cross_entropy([0], [[0.25, 0.75]])
    tensor([1.])
    """
    name = "categorical_generalized_cross_entropy"
    y_pred = as_float(y_pred)
    return (1 - probability_of(name, class_labels(name, y_true, y_pred), y_pred).pow(q)) / q


# ---- classes ---------------------------------------------------------------------------------------------------------


class _Crossentropy(KnownLoss):
    """A crossentropy that one kernel computes from the logits of ``logits_of``."""

    from_logits: bool
    axis: int


class SparseCategoricalCrossentropy(_Crossentropy):
    """Crossentropy of class numbers: ``-log`` of the probability that ``y_pred`` gives the label.

    Labels are ``(batch, ...)`` or ``(batch, ..., 1)``, of any type of number; predictions ``(batch, ..., classes)``.

    Arguments:
        from_logits: whether predictions are logits, before a softmax, and not probabilities.
        ignore_class: a label whose places count nothing (255 for the void of a segmentation map, say).
        reduction, name, dtype: see :class:`Loss`.
        axis: of the classes.

    Raises:
        ValueError: on calling, for labels that are no class (on the CPU; a GPU reports them in its own way).

    >>> SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [1.0, 0.0]])
    tensor(0.3466)
    """

    logits_of = "softmax"
    target_dtype = torch.int64
    unwritten = frozenset({"axis"})

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: ReductionName | None = _REDUCTION,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **arguments)
        self.ignore_class = ignore_class

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        if not self.from_logits or self.axis not in (-1, y_pred.ndim - 1):
            return None
        # Vectors are the usual case, and the kernel itself compares their lengths.
        labels = y_true if y_true.ndim == 1 and y_pred.ndim == 2 else class_labels(self.name, y_true, y_pred)
        if self.ignore_class is None:
            return _sparse_from_logits(self.name, labels, y_pred, None, "mean")
        total = _sparse_from_logits(self.name, labels, y_pred, self.ignore_class, "sum")
        return total / (labels != self.ignore_class).sum().clamp(min=1)  # the kernel's mean of nothing is NaN


class CategoricalCrossentropy(_Crossentropy):
    """Crossentropy of one-hot labels or probabilities: ``-sum(y_true * log(y_pred))`` over the classes.

    Arguments:
        from_logits: whether predictions are logits, before a softmax, and not probabilities.
        label_smoothing: the share of each label that is spread evenly over all classes.
        axis: of the classes.
        reduction, name, dtype: see :class:`Loss`.

    >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    tensor(0.6931)
    """

    logits_of = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "categorical_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **arguments)
        self.label_smoothing = label_smoothing

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        fits = y_true.shape == y_pred.shape and y_pred.ndim > 1 and y_pred.shape[-1] > 1
        if not self.from_logits or not fits or self.axis not in (-1, y_pred.ndim - 1):
            return None
        if y_pred.ndim > 2:
            y_true, y_pred = y_true.flatten(0, -2), y_pred.flatten(0, -2)
        return F.cross_entropy(y_pred, y_true, label_smoothing=self.label_smoothing)


class BinaryCrossentropy(_Crossentropy):
    """Crossentropy of yes-or-no labels, one number each: ``-log`` of the probability of the true side.

    Arguments:
        from_logits: whether predictions are logits, before a sigmoid, and not probabilities.
        label_smoothing: how far labels are moved from 0 and 1 towards 0.5.
        axis: over which each sample's values are averaged.
        reduction, name, dtype: see :class:`Loss`.

    >>> BinaryCrossentropy()([0, 1], [0.5, 0.5])
    tensor(0.6931)
    """

    logits_of = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "binary_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **arguments)
        self.label_smoothing = label_smoothing

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        if y_true.ndim != y_pred.ndim:
            y_true, y_pred = match_ranks(y_true, y_pred)
        if y_true.shape != y_pred.shape or not y_pred.ndim:
            return None
        return _binary(_smooth_binary(y_true, self.label_smoothing), y_pred, self.from_logits, "mean")


class BinaryFocalCrossentropy(KnownLoss):
    """Binary crossentropy in which easy examples count less: ``(1 - p)^gamma * -log(p)``.

    Arguments:
        apply_class_balancing: whether ones weigh ``alpha`` and zeros ``1 - alpha``.
        gamma: how much easy examples count less.
        from_logits, label_smoothing, axis: see :class:`BinaryCrossentropy`.
        reduction, name, dtype: see :class:`Loss`.

    >>> BinaryFocalCrossentropy()([0, 1], [0.5, 0.5])
    tensor(0.1733)
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "binary_focal_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        focus = {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **focus, **arguments)


class CategoricalFocalCrossentropy(KnownLoss):
    """Categorical crossentropy in which easy examples count less: ``alpha * (1 - p)^gamma * -log(p)``.

    Arguments:
        alpha: a weight, or a list of one weight for each class.
        gamma: how much easy examples count less.
        from_logits, label_smoothing, axis: see :class:`CategoricalCrossentropy`.
        reduction, name, dtype: see :class:`Loss`.

    >>> CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    tensor(0.0433)
    """

    def __init__(
        self,
        alpha: float | Sequence[float] | Tensor = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "categorical_focal_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, alpha=alpha, gamma=gamma, **arguments)


class CategoricalGeneralizedCrossEntropy(KnownLoss):
    """``(1 - p^q) / q``, where ``p`` is the probability of the label: between crossentropy and absolute error.

    Arguments:
        q: in (0, 1): near 0 it is the crossentropy, near 1 the absolute error, which wrong labels disturb less.
        reduction, name, dtype: see :class:`Loss`.

    >>> CategoricalGeneralizedCrossEntropy()([0], [[0.25, 0.75]])
    tensor(1.)
    """

    target_dtype = torch.int64

    def __init__(
        self,
        q: float = 0.5,
        reduction: ReductionName | None = _REDUCTION,
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: PolicyLike = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy needs a q between 0 and 1, and got {q!r}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


# ---- for training loops ----------------------------------------------------------------------------------------------

_FUNCTIONS: dict[Any, type[_Crossentropy]] = {
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    binary_crossentropy: BinaryCrossentropy,
    binary_crossentropy_keras2: BinaryCrossentropy,
    binary_crossentropy_tf_keras: BinaryCrossentropy,
}


def with_logits(loss: Loss) -> _Crossentropy | None:
    """The same loss computed from logits, for a model whose last softmax or sigmoid (``.logits_of``) is skipped.

    ``None`` for any other loss, for a user's subclass, for a loss that takes logits already, and for a softmax whose
    classes are not on the last axis.

    >>> with_logits(BinaryCrossentropy(label_smoothing=0.1)).get_config()["from_logits"]
    True
    """
    if not isinstance(loss, LossFunctionWrapper) or type(loss) not in (LossFunctionWrapper, *_FUNCTIONS.values()):
        return None
    cls, arguments = _FUNCTIONS.get(loss.fn), loss.arguments
    if cls is None:
        return None
    if arguments.get("from_logits") or (cls is not BinaryCrossentropy and arguments.get("axis", -1) != -1):
        return None
    shared = {"name": loss.name, "reduction": loss.reduction, "dtype": loss.dtype}
    made = cls(**{**arguments, "from_logits": True}, **shared)
    made.leaves_masked_out = loss.leaves_masked_out
    return made
