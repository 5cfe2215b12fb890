"""Intersection over union of segmentation maps: ``overlap / (targets + predictions - overlap)``, by class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike
from lamina.losses.base import as_tensor
from lamina.metrics.base import Metric
from lamina.registry import Config


class IoU(Metric):
    """The mean intersection over union of some classes; classes that occur nowhere don't count.

    Arguments:
        num_classes: how many classes there are.
        target_class_ids: those to average.
        name: see :class:`Metric`.
        dtype: of the counts; ``int32`` by default.
        ignore_class: a label whose places don't count (255 for a void, say).
        sparse_y_true, sparse_y_pred: whether these hold class numbers; otherwise ``axis`` holds one entry a class, and
            the largest names the class.
        axis: of the classes.

    >>> IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])
    tensor(0.3333)
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int] | np.ndarray,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype=dtype or "int", name=name)
        if max(target_class_ids) >= num_classes or min(target_class_ids) < 0:
            raise ValueError(f"{type(self).__name__}'s target_class_ids must be from 0 to {num_classes - 1}, and got "
                             f"{list(target_class_ids)}.")  # fmt: skip
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_tensor(y_pred).detach()
        y_true = as_tensor(y_true, None, y_pred.device)
        truth = self._classes(y_true, self.sparse_y_true)
        guess = self._classes(y_pred, self.sparse_y_pred)
        if truth.shape != guess.shape:
            raise ValueError(f"{type(self).__name__} {self.name!r} can't compare y_true of shape {tuple(y_true.shape)} "
                             f"with y_pred of shape {tuple(y_pred.shape)}.")  # fmt: skip
        if self.total_cm.device != y_pred.device:
            self.to(y_pred.device)
        known = (truth >= 0) & (truth < self.num_classes) & (guess >= 0) & (guess < self.num_classes)
        if self.ignore_class is not None:
            known &= truth != self.ignore_class
        weight = self._weights(sample_weight, truth) * known
        cells = torch.where(known, truth * self.num_classes + guess, 0)
        counts = torch.zeros(self.num_classes**2, dtype=self._dtype, device=cells.device)
        self.total_cm.add_(counts.index_add_(0, cells, weight.to(self._dtype)).view_as(self.total_cm))

    def _classes(self, values: Tensor, are_sparse: bool) -> Tensor:
        values = values.byte() if values.dtype is torch.bool else values
        return (values if are_sparse else values.argmax(self.axis)).long().reshape(-1)

    def _weights(self, sample_weight: Any, like: Tensor) -> Tensor:
        if sample_weight is None:
            return torch.ones_like(like)
        weight = as_tensor(sample_weight, None, like.device)
        if weight.is_floating_point() and not self._dtype.is_floating_point:
            warnings.warn(f"{type(self).__name__} {self.name!r} counts in {self.dtype} and got weights of floats, which "
                          "lose their fractions: give it dtype='float32'.", stacklevel=3)  # fmt: skip
        return weight.to(self._dtype).reshape(-1 if weight.ndim else ()).expand_as(like)

    def result(self) -> Tensor:
        overlap = self.total_cm.value.diagonal()
        union = self.total_cm.sum(0) + self.total_cm.sum(1) - overlap
        overlap, union = (counts[self.target_class_ids].to(torch.float32) for counts in (overlap, union))
        occurs = union > 1e-9
        shares = torch.where(occurs, overlap / (union + config.epsilon()), 0.0)
        return shares.sum() / (occurs.sum() + config.epsilon())

    def get_config(self) -> Config:
        keys = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}

    def _config_without(self, *left_out: str) -> Config:
        return {key: value for key, value in IoU.get_config(self).items() if key not in left_out}


class BinaryIoU(IoU):
    """The mean intersection over union of 0 and 1, where a prediction of ``threshold`` or more means 1.

    Arguments:
        target_class_ids: those of 0 and 1 to average.
        threshold: from which on a prediction means 1.
        name, dtype: see :class:`IoU`.

    >>> BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    tensor(0.5833)
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] | np.ndarray = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_tensor(y_pred, torch.float32) >= self.threshold, sample_weight)

    def get_config(self) -> Config:
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {"name": self.name, "dtype": self.dtype, **own}


class MeanIoU(IoU):
    """The mean intersection over union of all classes that occur.

    Arguments:
        num_classes: how many classes there are.
        name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see :class:`IoU`.

    >>> MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
    tensor(0.3333)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        ids = range(num_classes)
        super().__init__(num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> Config:
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """The mean intersection over union of some classes, for one-hot targets.

    Arguments:
        num_classes: how many classes there are.
        target_class_ids: those to average.
        name, dtype, ignore_class, sparse_y_pred, axis: see :class:`IoU`.

    >>> OneHotIoU(2, [0])([[1, 0], [1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    tensor(0.5000)
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int] | np.ndarray,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """The mean intersection over union of all classes that occur, for one-hot targets.

    Arguments:
        num_classes: how many classes there are.
        name, dtype, ignore_class, sparse_y_pred, axis: see :class:`IoU`.

    >>> OneHotMeanIoU(2)([[1, 0], [1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    tensor(0.5000)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        return self._config_without("target_class_ids", "sparse_y_true")
