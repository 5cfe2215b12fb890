"""torch's own losses in ``compile``: they take predictions first and targets second."""

from __future__ import annotations

import copy
import functools
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.loss import _Loss as TorchModule  # the base of all of torch's losses has no public name

from lamina.losses.base import LossFunctionWrapper


def is_torch_loss(loss: Any) -> bool:
    """Whether a loss is one of torch's: an ``nn.CrossEntropyLoss()`` or ``nn.functional.cross_entropy``."""
    return isinstance(loss, TorchModule) or getattr(nn.functional, getattr(loss, "__name__", ""), None) is loss


class TorchLoss(LossFunctionWrapper):
    """A loss of torch's. Without weights it reduces as it was told to; with weights, each sample's value is weighted.

    >>> import torch
    >>> TorchLoss(nn.CrossEntropyLoss())(torch.tensor([0, 1]), torch.zeros(2, 4))
    tensor(1.3863)
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        if isinstance(self.fn, nn.Module):
            first = next(self.fn.buffers(), None)  # the weights of classes, where there are any
            if first is not None and isinstance(y_pred, Tensor) and first.device != y_pred.device:
                self.fn.to(y_pred.device)
        return super().__call__(y_true, y_pred, sample_weight, mask)

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        """What torch makes of a batch without weights."""
        return self.fn(y_pred, _targets(y_true, y_pred), **self.arguments)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value for each sample."""
        if isinstance(self.fn, nn.Module):
            each: Any = copy.copy(self.fn)
            each.reduction = "none"
        else:
            each = functools.partial(self.fn, reduction="none")
        return each(y_pred, _targets(y_true, y_pred), **self.arguments)


def _targets(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The targets as torch wants them: class numbers as integers without an axis of their own, others shaped as ``y_pred``."""
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1 != y_pred.shape[-1]:
        y_true = y_true.squeeze(-1)
    if y_true.dim() != y_pred.dim() - 1:
        return y_true
    return y_true.unsqueeze(-1) if y_pred.shape[-1] == 1 else y_true.long()
