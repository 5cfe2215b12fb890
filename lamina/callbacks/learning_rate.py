"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina.callbacks.monitoring import Mode, MonitorCallback, say
from lamina.dialects import habits
from lamina.errors import describe
from lamina.training.callback import Callback


def _optimizers(model: Any) -> Iterator[tuple[Any, str]]:
    """Each optimizer of the model, and the name under which its learning rate is logged."""
    optimizer = model.optimizer
    several = getattr(optimizer, "optimizers", None)
    if several:
        yield from ((one, f"{habits().rate}_{one.name}") for one in several)
    else:
        yield optimizer, habits().rate


def _log_rates(model: Any, logs: Any) -> None:
    if logs is not None:
        logs.update({name: float(optimizer.learning_rate) for optimizer, name in _optimizers(model)})


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Arguments:
        schedule: ``schedule(epoch, learning_rate)`` or, as in Keras 1, ``schedule(epoch)`` gives the new rate; epochs
            count from 0.
        verbose: 1 tells of each change.

    Raises:
        ValueError: when the schedule returns no number.

    Source: https://keras.io/api/callbacks/learning_rate_scheduler/

    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Callable[[int], Any] | Callable[[int, float], Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise ValueError(f"LearningRateScheduler takes a function of the epoch, and got {describe(schedule)}.")
        self.schedule: Callable[..., Any] = schedule
        self.verbose = verbose
        self._takes_rate = _accepts_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        for optimizer, name in _optimizers(self.model):
            args = (epoch, float(optimizer.learning_rate)) if self._takes_rate else (epoch,)
            rate = self.schedule(*args)
            if isinstance(rate, bool) or not (
                isinstance(rate, numbers.Real) or (np.ndim(rate) == 0 and hasattr(rate, "item"))
            ):
                raise ValueError(f"The schedule of LearningRateScheduler must return a number, and returned {rate!r} for "
                                 f"epoch {epoch}.")  # fmt: skip
            optimizer.learning_rate = float(rate)  # pyright: ignore[reportArgumentType]
            if self.verbose:
                say(f"Epoch {epoch + 1}: {name} is {float(rate):g}.")  # pyright: ignore[reportArgumentType]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if habits().scheduler_logs_rate:
            _log_rates(self.model, logs)


def _accepts_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a function without a signature, such as some builtins
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by ``factor`` when a number has not improved for ``patience`` epochs.

    Arguments:
        monitor: the number to watch; ``"val_acc"`` and ``"val_accuracy"`` are the same.
        factor: below 1.
        patience: how many epochs without improvement it takes.
        verbose: 1 tells of each change.
        mode: ``"min"`` or ``"max"``: which way is better; ``"auto"`` asks the metric, and looks at the name.
        min_delta: by how much a value must be better to count (Keras 1 and 2: ``epsilon``).
        cooldown: how many epochs to wait after a change.
        min_lr: the learning rate does not go below this.

    Raises:
        ValueError: for a factor of 1 or more.

    Source: https://keras.io/api/callbacks/reduce_lr_on_plateau/

    >>> ReduceLROnPlateau(factor=0.5, patience=3).min_lr
    0.0
    """

    kept = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        epsilon: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta if epsilon is None else epsilon)
        if not 0 <= factor < 1:
            raise ValueError(f"The factor of ReduceLROnPlateau must be at least 0 and below 1, and got {factor!r}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.best = None
        self.cooldown_counter = self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a change was made just now."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _log_rates(self.model, logs)
        value = self.current(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        reduced = False
        for optimizer, name in _optimizers(self.model):
            old = float(optimizer.learning_rate)
            if old > np.float32(self.min_lr):
                optimizer.learning_rate = max(old * self.factor, self.min_lr)
                reduced = True
                if self.verbose:
                    say(f"Epoch {epoch + 1}: {self.monitor} no longer improves, {name} is {optimizer.learning_rate:g}.")
        return reduced
