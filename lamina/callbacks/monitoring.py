"""What callbacks that watch a number share: finding it in the logs, telling better from worse, and saying so."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping
from typing import Any, Literal

from lamina.errors import did_you_mean
from lamina.screen import has_ansi, write
from lamina.training.callback import Callback
from lamina.training.metric_names import direction, find_name

Mode = Literal["auto", "min", "max"]


class MonitorCallback(Callback):
    """The base of callbacks that watch one number of the logs.

    Arguments:
        monitor: its name, e.g. ``"val_loss"``; ``"val_acc"`` and ``"val_accuracy"`` are the same.
        mode: ``"min"`` or ``"max"``: which way is better. ``"auto"`` asks the metric, and looks at the name.
        baseline: the value to begin with, which the first one must beat.
        min_delta: by how much a value must be better to count.

    Raises:
        ValueError: for another ``mode``; in the first epoch, when ``"auto"`` can't tell.
    """

    kept: tuple[str, ...] = ("best",)  # what a backup keeps of it

    def __init__(
        self, monitor: str = "val_loss", mode: Mode | str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"The mode of {type(self).__name__} must be 'auto', 'min' or 'max', and got {mode!r}.")
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._sign = {"min": -1, "max": 1}.get(mode)
        self._warned = False

    def get_monitor_value(self, logs: Mapping[str, Any] | None) -> Any:
        """Keras's name of :meth:`current`."""
        return self.current(logs)

    def current(self, logs: Mapping[str, Any] | None) -> Any:
        """The watched number; ``None``, with a warning the first time, when the logs do not have it."""
        logs = logs or {}
        name = find_name(self.monitor, logs)
        if name is not None:
            return self._number(logs[name])
        if not self._warned:
            self._warned = True
            hint = did_you_mean(self.monitor, logs)
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
                hint = " Nothing is validated: give fit() validation_data or validation_split."
            warnings.warn(f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs. They have: "
                          f"{', '.join(logs)}.{hint}", stacklevel=2)  # fmt: skip
        return None

    def _number(self, value: Any) -> Any:
        shape = getattr(value, "shape", ())
        if math.prod(shape) != 1:
            raise ValueError(f"{type(self).__name__} watches {self.monitor!r}, which is not one number but an array of shape "
                             f"{tuple(shape)}. Give the metric an average, or watch another one.")  # fmt: skip
        return value.item() if shape else value

    def is_better(self, value: Any, reference: float | None) -> bool:
        """Whether ``value`` is better than ``reference`` by more than ``min_delta``. NaN never is, and anything else is
        better than ``None``."""
        if self._sign is None:
            mode = direction(self.monitor, getattr(self.model, "metrics", None) or ())
            if mode is None:
                raise ValueError(f"{type(self).__name__} can't tell whether {self.monitor!r} is better high or low. Say "
                                 "so with mode='max' or mode='min'.")  # fmt: skip
            self._sign = 1 if mode == "max" else -1
        return value == value if reference is None else self._sign * (value - reference) > self.min_delta


def say(text: str) -> None:
    """Print a callback's message, in the place of a progress bar that is being drawn: it is drawn again below."""
    write(f"\r\x1b[K{text}\n" if has_ansi(sys.stdout) else f"{text}\n")
