"""Callbacks that end training: when it no longer improves, and when it broke down."""

from __future__ import annotations

import math
from typing import Any

from lamina.callbacks.monitoring import Mode, MonitorCallback, say
from lamina.screen import show
from lamina.training.callback import Callback


class EarlyStopping(MonitorCallback):
    """Stop training when a number has not improved for ``patience`` epochs.

    Arguments:
        monitor: the number to watch; ``"val_acc"`` and ``"val_accuracy"`` are the same.
        min_delta: by how much a value must be better to count as better.
        patience: how many epochs without improvement it takes.
        verbose: 1 says when training stops, and which epoch's weights are restored.
        mode: ``"min"`` or ``"max"``: which way is better; ``"auto"`` asks the metric, and looks at the name.
        baseline: a value to beat; until it is beaten, nothing counts as an improvement.
        restore_best_weights: whether the model gets back the weights of its best epoch.
        start_from_epoch: the first epoch, counted from 0, that is looked at.

    Attributes:
        best, best_epoch, stopped_epoch: the best value, its epoch, and where training stopped (0: it did not), counted
            from 0. restored_epoch: the epoch whose weights the model got back, also counted from 0, or ``None``.

    Source: https://keras.io/api/callbacks/early_stopping/

    >>> EarlyStopping(patience=3, restore_best_weights=True).patience
    3
    """

    kept = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None
        self.restored_epoch: int | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.restored_epoch = None
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        better = self.is_better(value, self.best)
        if better:
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        if not better and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            show(f"Epoch {self.stopped_epoch + 1}: training stops, {self.monitor} no longer improves.")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                show(f"The weights of the best epoch, {self.best_epoch + 1}, are restored.")
            self.model.set_weights(self.best_weights)
            self.restored_epoch = self.best_epoch


class TerminateOnNaN(Callback):
    """Stop training as soon as the loss is NaN or infinite.

    The loss is looked at after each step, which on a GPU means waiting for the step to finish.

    Arguments:
        raise_error: raise ``RuntimeError`` in place of a quiet stop.

    Source: https://keras.io/api/callbacks/terminate_on_nan/
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        sentence = f"The loss is {float(loss)} after batch {batch}, so training stops."
        if self.raise_error:
            raise RuntimeError(sentence)
        say(sentence)
        self.model.stop_training = True
