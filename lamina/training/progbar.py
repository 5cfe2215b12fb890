"""``Progbar``: the progress bar that loops of one's own show, Keras's name for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from time import perf_counter
from typing import Any

import numpy as np

from lamina import config
from lamina.screen import language_of
from lamina.training.progress import Line, ToLogger, number, per_step, spent, view


class Progbar:
    """A progress bar for a loop of your own, which shows means of what it is told.

    Arguments:
        target: how many steps there will be; ``None`` when nobody knows.
        width: how long the bar is, in characters.
        verbose: 0 for silence, 1 for a bar, 2 for one line at the end.
        interval: how many seconds lie between two drawings at least.
        stateful_metrics: names of values that are shown as they are. All others are averaged over the steps.
        stateless_metrics: names of values that are averaged. All others are shown as they are.
        unit_name: what a step is called.
        averages_at_end: whether the last line has the means, as in Keras 1 and 2; in Keras 3 it has the values of the
            last ``update``.

    Raises:
        ValueError: when both lists of names are given.

    Source: https://keras.io/api/utils/python_utils/

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(1, [("loss", 0.5)])
    >>> bar.update(2, [("loss", 0.25)])
    2/2 - 0s - ...s/step - loss: 0.2500
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        *,
        averages_at_end: bool = False,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("A Progbar takes stateful_metrics or stateless_metrics, and got both.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = None if stateless_metrics is not None else set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.unit_name = unit_name
        self.averages_at_end = averages_at_end
        interactive = config.is_interactive_logging_enabled()
        stream: Any = sys.stdout if interactive else ToLogger()
        self._language = language_of(stream)
        self._view = view(int(verbose), stream)
        self._sums: dict[str, tuple[Any, int]] = {}  # of each value, and over how many steps
        self._seen = 0
        self._start = perf_counter()
        self._drawn = -float("inf")
        self._after_first: float | None = None

    def update(self, current: int, values: Any = None, finalize: bool | None = None, force: bool = False) -> None:
        """Say that ``current`` steps are done.

        Arguments:
            values: pairs of a name and the value of the last step.
            finalize: whether this was the last step; by default when ``target`` is reached.
            force: draw now, however short the time since the last drawing (Keras 1).
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen = current
        now = perf_counter()
        pace = self._pace(current, now)
        if not finalize and (not self._view.is_live or (now - self._drawn < self.interval and not force)):
            return
        line = self._line(current, now, pace, finalize)
        if finalize:
            self._view.final(line, has_figures=True)
        else:
            self._view.live(line)
        self._drawn = now

    def add(self, n: int, values: Any = None) -> None:
        """Say that ``n`` more steps are done."""
        self.update(self._seen + n, values)

    def _take(self, name: str, value: Any, current: int, last: bool) -> None:
        averaged = name not in self.stateful_metrics if self.stateful_metrics is not None else (
            name in (self.stateless_metrics or ()))  # fmt: skip
        if not averaged or (last and not self.averages_at_end):
            self._sums[name] = value, 1
            return
        steps = max(current - self._seen, 1)
        total, count = self._sums.get(name, (0, 0))
        self._sums[name] = total + value * steps, count + steps

    def _pace(self, current: int, now: float) -> float:
        """Seconds a step: without the first, which is not like the others."""
        if not current:
            return 0.0
        since_first = self._after_first is not None and current > 1
        pace = (now - self._after_first) / (current - 1) if since_first else (now - self._start) / current  # pyright: ignore[reportOperatorIssue]
        if current == 1:
            self._after_first = now
        return pace

    def _line(self, current: int, now: float, pace: float, last: bool) -> Line:
        known = bool(self.target)
        left = pace * ((self.target or 0) - current) if known and not last else None
        count = f"{current:{len(str(self.target))}d}/{self.target}" if known else f"{current:7d}/Unknown"
        figures = {name: number(np.mean(_plain(total)) / max(1, steps)) for name, (total, steps) in self._sums.items()}
        part = current / self.target if self.target else 0.0
        unit = None if self.unit_name == "step" else self.unit_name  # which is translated
        return Line(count, part, spent(now - self._start, left, self._language), per_step(pace, unit, self._language),
                    figures, width=self.width, ended=last)  # fmt: skip


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
