"""``SwapEMAWeights``: evaluate, and save, with the moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from lamina.training.callback import Callback


class SwapEMAWeights(Callback):
    """Put the optimizer's moving average of the weights into the model while it is evaluated or predicts.

    Arguments:
        swap_on_epoch: also from the end of an epoch to the start of the next, so that later callbacks such as
            ``ModelCheckpoint`` save the averages. Put this one first then.

    Raises:
        ValueError: when the optimizer keeps no average: it needs ``use_ema=True``.

    Source: https://keras.io/api/callbacks/swap_ema_weights/

    >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._trained: list[torch.Tensor] | None = None  # the weights that training goes on with

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_test_begin(self, logs: Any = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Any = None) -> None:
        self._put_back()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Any = None) -> None:
        self._put_back()

    def on_train_end(self, logs: Any = None) -> None:
        self._trained = None  # fit has put the averages in for good

    def _pairs(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each weight and its average."""
        outer = self.model.optimizer
        optimizer = getattr(outer, "inner_optimizer", outer)
        averaging = [one for one in getattr(optimizer, "optimizers", [optimizer]) if getattr(one, "use_ema", False)]
        if not averaging:
            raise ValueError("SwapEMAWeights needs an optimizer that keeps averages: make it with use_ema=True.")
        for one in averaging:
            yield from zip(one._params, one._model_variables_moving_average, strict=True)

    def _put_averages(self) -> None:
        pairs = list(self._pairs())
        if self._trained is None and pairs:  # an optimizer that has made no step yet has no averages
            self._trained = [weight.detach().clone() for weight, _ in pairs]
            with torch.no_grad():
                for weight, average in pairs:
                    weight.copy_(average)

    def _put_back(self) -> None:
        if self._trained is not None:
            with torch.no_grad():
                for (weight, _), trained in zip(self._pairs(), self._trained, strict=True):
                    weight.copy_(trained)
            self._trained = None
