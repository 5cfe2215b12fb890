"""The progress bar of ``fit``, ``evaluate`` and ``predict``.

It draws at most ten times a second and looks at numbers only then: a step in between costs one look at the clock, and no
wait for the device.
"""

from __future__ import annotations

import html
import io
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, TextIO

from lamina import config

INTERVAL = 0.1  # seconds between two drawings
BAR = 20  # characters
NOTEBOOK_LINES = 60  # what a notebook keeps in view of a long run
_GREEN, _DIM, _PLAIN = "\x1b[32m", "\x1b[2m", "\x1b[0m"


class ProgressBar:
    """Progress through epochs and steps: a live line in a terminal or notebook, elsewhere one line an epoch.

    Arguments:
        epochs: how many there will be.
        steps: how many an epoch has; ``None`` when nobody knows yet.
        verbose: 0 for silence, 1 or ``"auto"`` for a bar, 2 for one line an epoch.
        label: what is going on when it is not training: ``"evaluate"``, ``"predict"``.
        stream: where to write, ``sys.stdout`` by default; the logger ``lamina`` after
            ``config.disable_interactive_logging()``.

    Raises:
        ValueError: for another ``verbose``.

    >>> bar = ProgressBar(epochs=2, steps=4, verbose=2)
    >>> bar.epoch_begin(0)
    >>> for step in range(4):
    ...     bar.step(step, lambda: {"loss": 0.5})
    >>> bar.epoch_end({"loss": 0.25, "val_loss": 0.5})
    Epoch 1/2 - 4/4 - 0s - ...s/step - loss: 0.2500 - val_loss: 0.5000
    """

    def __init__(self, epochs: int = 1, steps: int | None = None, verbose: Any = "auto", label: str | None = None,
                 stream: TextIO | None = None) -> None:  # fmt: skip
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto', and got {verbose!r}.")
        self.epochs = epochs
        self.steps = steps
        self.label = label
        interactive = config.is_interactive_logging_enabled()
        self.verbose = (1 if interactive else 2) if verbose == "auto" else int(verbose)
        self._epoch = 0
        self._view = view(self.verbose, stream or (sys.stdout if interactive else ToLogger()))
        self._start_clock()

    def epoch_begin(self, epoch: int) -> None:
        """Begin an epoch, counted from 0."""
        self._epoch = epoch
        self._start_clock()
        if self.epochs > 1:
            self._view.heading(f"Epoch {epoch + 1}/{self.epochs}")

    def step(self, index: int, read_logs: Callable[[], Mapping[str, Any]]) -> None:
        """After step ``index``, counted from 0. ``read_logs`` is called only when it is time to draw."""
        self._index = index
        self._latest = now = perf_counter()
        if now < self._due:
            return
        self._view.live(self._line(index + 1, now, read_logs()))
        self._due = perf_counter() + INTERVAL

    def epoch_end(self, logs: Mapping[str, Any]) -> None:
        """End an epoch, evaluation or prediction, and leave its line standing."""
        done = self._index + 1
        if done:
            self.steps = done if self.steps is None else self.steps
        self._view.final(self._line(done, perf_counter(), logs, ended=True), bool(logs))

    def close(self) -> None:
        """Leave a half-drawn line as it is: training was interrupted."""
        self._view.close()

    def _start_clock(self) -> None:
        self._index = -1
        self._start = self._latest = perf_counter()
        self._due = self._start + INTERVAL if self._view.is_live else math.inf

    def _line(self, done: int, now: float, logs: Mapping[str, Any], ended: bool = False) -> Line:
        each = (self._latest - self._start) / max(done, 1)
        known = self.steps is not None and not ended
        seconds = each * (self.steps - done) if known and self.steps is not None else now - self._start
        count = f"{done}/{self.steps}" if self.steps is not None else f"{done}"
        time = f"{'ETA ' if known else ''}{clock(seconds)}"
        figures = [f"{name}: {number(value)}" for name, value in logs.items() if is_number(value)]
        part = 1.0 if ended else done / self.steps if self.steps else 0.0
        return Line(count, part, time, per_step(each), figures)


class Line:
    """What a line says, before it is known how it is shown."""

    def __init__(self, count: str, part: float, time: str, pace: str, figures: list[str], width: int = BAR) -> None:
        self.count = count
        self.part = min(1.0, part)
        self.time = time
        self.pace = pace
        self.figures = figures
        self.width = width

    def bar(self, done: str, rest: str) -> tuple[str, str]:
        """The part of the bar that is done, and the rest."""
        filled = round(self.part * self.width)
        return done * filled, rest * (self.width - filled)

    def with_bar(self, bar: str) -> str:
        """``25/125 ━━━━──────── 1s 5ms/step - loss: 0.3000``"""
        return " - ".join([f"{self.count} {bar} {self.time} {self.pace}", *self.figures])

    def without_bar(self) -> str:
        """``125/125 - 1s - 5ms/step - loss: 0.3000``"""
        return " - ".join([self.count, self.time, self.pace, *self.figures])


# ---- ways to show it -----------------------------------------------------------------------------------------------


class Silent:
    """Shows nothing."""

    is_live = False

    def heading(self, text: str) -> None:
        """Where an epoch begins."""

    def live(self, line: Line) -> None:
        """Where it is under way."""

    def final(self, line: Line, has_figures: bool) -> None:
        """Where it ends."""

    def close(self) -> None:
        """Where it is broken off."""


class Lines(Silent):
    """One plain line an epoch: for files, pipes and logs."""

    def __init__(self, stream: TextIO | ToLogger, always: bool) -> None:
        self.stream = stream
        self.always = always  # also where a line has no figures, as after predict()
        self._heading = ""

    def heading(self, text: str) -> None:
        self._heading = f"{text} - "

    def final(self, line: Line, has_figures: bool) -> None:
        if has_figures or self.always:
            self.stream.write(f"{self._heading}{line.without_bar()}\n")
            self.stream.flush()


class ToLogger(io.TextIOBase):
    """A stream whose lines go to the logger ``lamina``."""

    def write(self, text: str) -> int:
        """Log one line."""
        logging.getLogger("lamina").info(text.rstrip("\n"))
        return len(text)


class Terminal(Silent):
    """A line that is drawn over itself."""

    is_live = True

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._drawn = 0
        self._done, self._rest = ("━", "─") if _can_write(stream, "━─") else ("=", ".")
        self._coloured = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def heading(self, text: str) -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def live(self, line: Line) -> None:
        self._draw(line, shutil.get_terminal_size().columns - 1)

    def final(self, line: Line, has_figures: bool) -> None:
        self._draw(line)
        self._end()

    def close(self) -> None:
        if self._drawn:
            self._end()

    def _draw(self, line: Line, width: int | None = None) -> None:
        done, rest = line.bar(self._done, self._rest)
        text = line.with_bar(done + rest)
        if width is not None and len(text) > width:
            text = text[: width - 3] + "..."
        blank = " " * (self._drawn - len(text))
        self._drawn = len(text)
        if self._coloured:
            text = text.replace(done + rest, f"{_GREEN}{done}{_PLAIN}{_DIM}{rest}{_PLAIN}", 1)
        self.stream.write(f"\r{text}{blank}")
        self.stream.flush()

    def _end(self) -> None:
        self.stream.write("\n")
        self.stream.flush()
        self._drawn = 0


class Notebook(Silent):
    """One output area for the whole run."""

    is_live = True

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None
        self._lines: list[str] = []

    def heading(self, text: str) -> None:
        self._lines.append(text)

    def live(self, line: Line) -> None:
        self._show([*self._lines, line.with_bar("".join(line.bar("━", "─")))])

    def final(self, line: Line, has_figures: bool) -> None:
        self._lines.append(line.with_bar("".join(line.bar("━", "─"))))
        self._show(self._lines)

    def _show(self, lines: list[str]) -> None:
        hidden = ["..."] if len(lines) > NOTEBOOK_LINES else []
        text = "\n".join([*hidden, *lines[-NOTEBOOK_LINES:]])
        data = {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def view(verbose: int, stream: Any) -> Silent:
    """The way to show progress on a stream."""
    if verbose == 0:
        return Silent()
    display = _notebook_display() if stream is sys.stdout else None
    if verbose == 1 and display is not None:
        return Notebook(display)
    if verbose == 1 and hasattr(stream, "isatty") and stream.isatty():
        return Terminal(stream)
    return Lines(stream, always=verbose == 2)


def _notebook_display() -> Callable[..., Any] | None:
    """IPython's ``display`` inside a notebook, and ``None`` elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules["IPython"].display.display


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


# ---- figures in words ----------------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether a value in the logs is a single number."""
    return isinstance(value, (int, float)) or (hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0)


def number(value: Any) -> str:
    """``0.2500``, and ``2.5000e-04`` for what four places would not show."""
    value = float(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 or value != value else f"{value:.4e}"


def clock(seconds: float) -> str:
    """``7s``, ``2:05``, ``1:00:00``"""
    whole = int(seconds + 0.5) if math.isfinite(seconds) else 0
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def per_step(seconds: float, step: str = "step") -> str:
    """``5ms/step``"""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}/{step}"
    return f"{seconds * 1e6:.0f}us/{step}"
