"""The progress bar of ``fit``, ``evaluate`` and ``predict``.

It draws at most ten times a second and looks at numbers only then: a step in between costs one look at the clock, and no
wait for the device. In a terminal a line is as wide as fits: see :class:`Line`.
"""

from __future__ import annotations

import io
import logging
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, TextIO

from lamina import config
from lamina.display import MONOSPACE, element
from lamina.language import say
from lamina.screen import can_draw, cells, columns, has_ansi, has_colours, is_terminal, language_of, write

INTERVAL = 0.1  # seconds between two drawings
BAR, SHORT_BAR = 20, 5  # characters: where there is room, and at least
NOTEBOOK_LINES, NOTEBOOK_WIDTH = 60, 100  # what a notebook keeps in view of a long run
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
        names: gives the order in which figures are shown, where it is not that of the logs. The loss is first always.

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
                 stream: TextIO | None = None, names: Callable[[], Sequence[str]] = list) -> None:  # fmt: skip
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto', and got {verbose!r}.")
        self.epochs = epochs
        self.steps = steps
        self.label = label
        interactive = config.is_interactive_logging_enabled()
        self.verbose = (1 if interactive else 2) if verbose == "auto" else int(verbose)
        self._names = names
        self._heading: Heading | None = None
        shown: Any = stream or (sys.stdout if interactive else ToLogger())
        self._language = language_of(shown)
        self._view = view(self.verbose, shown)
        self._start_clock()

    def epoch_begin(self, epoch: int) -> None:
        """Begin an epoch, counted from 0."""
        self._start_clock()
        if self.epochs > 1:
            whole = say("screen.epoch", self._language, number=epoch + 1, count=self.epochs)
            self._heading = Heading(whole, f"{epoch + 1}/{self.epochs}")
            self._view.begin(self._heading)

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
        left = each * (self.steps - done) if self.steps is not None and not ended else None
        count = f"{done}/{self.steps}" if self.steps is not None else f"{done}"
        figures = {name: number(value) for name, value in logs.items() if is_number(value)}
        part = 1.0 if ended else done / self.steps if self.steps else 0.0
        return Line(count, part, spent(now - self._start, left, self._language), per_step(each, None, self._language),
                    {name: figures[name] for name in display_order(figures, self._names())}, self._heading,
                    ended=ended)  # fmt: skip


def display_order(names: Iterable[str], first: Sequence[str] = ()) -> list[str]:
    """The loss, metrics as ``first`` has them, other figures; then the same of validation.

    >>> display_order(["auc", "loss", "mae", "val_auc", "val_loss"], ["loss", "mae", "auc"])
    ['loss', 'mae', 'auc', 'val_loss', 'val_auc']
    """
    place = {name: number for number, name in enumerate(["loss", *first])}

    def key(name: str) -> tuple[bool, int]:
        return name.startswith("val_"), place.get(name.removeprefix("val_"), len(place))

    return sorted(names, key=key)


class Heading(NamedTuple):
    """What a line begins with: ``Epoch 3/12``, and ``3/12`` where that is too long."""

    whole: str
    short: str


class Head(NamedTuple):
    """A choice of what stands before the figures, and what stands between the parts."""

    names: str
    gap: str = " - "
    bar: bool = False


# What may stand before the figures, from the richest on; a count of steps that are all done is the first that can go.
_UNDER_WAY = (Head("whole count time pace", bar=True), Head("whole count time pace"), Head("whole count time"),
              Head("whole count time", " "), Head("short count time", " "))  # fmt: skip
_ENDED = (*_UNDER_WAY[:3], Head("whole time"), Head("whole count time", " "), Head("whole time", " "), Head("whole", " "),
          Head("short time", " "), Head("short", " "))  # fmt: skip


class Line:
    """What a line says, before it is known how it is shown.

    Where it does not fit, the bar gets shorter and goes, then the time per step, then what stands between the parts. Then
    the least important figures go, the last metrics first, and ``…`` says so. No figure is ever cut.

    Arguments:
        count: of steps: ``"25/125"``. part: how much is done, from 0 to 1. time, pace: in words.
        figures: name -> number, as they are shown.
        width: of the bar. ended: whether this line stays.
    """

    def __init__(self, count: str, part: float, time: str, pace: str, figures: Mapping[str, str],
                 heading: Heading | None = None, width: int = BAR, ended: bool = False) -> None:  # fmt: skip
        self.part = min(1.0, part)
        self.figures = figures
        self.width = width
        self.ended = ended
        self._parts = {"whole": heading and heading.whole, "short": heading and heading.short, "count": count,
                       "time": time, "pace": pace}  # fmt: skip

    def without_bar(self) -> str:
        """``Epoch 3/12 - 125/125 - 1s - 5ms/step - loss: 0.3000``: all of it, however long."""
        figures = [f"{name}: {value}" for name, value in self.figures.items()]
        return " - ".join([*self._chosen(Head("whole count time pace")), *figures])

    def fitted(self, room: float, done: str = "━", rest: str = "─", more: str = "…") -> tuple[str, str, str, str]:
        """The line in at most ``room`` columns, in four parts: what stands before the bar, its done part, its rest, and
        what follows: ``25/125 ━━━━──────── 1s 5ms/step - loss: 0.3000``."""
        heads = _ENDED if self.ended else _UNDER_WAY
        shown = self._most_figures(heads[-1], room, more)
        for head in heads if shown is not None else ():
            text = self._joined(head, shown or [], more)
            bar = int(min(room - cells(text), self.width))
            if head.bar and bar >= min(SHORT_BAR, self.width):
                before, after = self._around_bar(head, shown or [], more)
                filled = round(self.part * bar)
                return before, done * filled, rest * (bar - filled), after
            if not head.bar and cells(text) <= room:
                return text, "", "", ""
        return self._in_hardly_any(room, more), "", "", ""

    def _most_figures(self, head: Head, room: float, more: str) -> list[str] | None:
        """The names of the figures that fit, in their order; ``None`` when not one does."""
        bases = list(dict.fromkeys(name.removeprefix("val_") for name in self.figures))
        bases.sort(key=lambda base: base != "loss")
        by_importance = sorted(
            self.figures, key=lambda name: (bases.index(name.removeprefix("val_")), name[:4] == "val_")
        )
        for count in range(len(by_importance), 0, -1):
            chosen = set(by_importance[:count])
            shown = [name for name in self.figures if name in chosen]
            if cells(self._joined(head, shown, more)) <= room:
                return shown
        return None if self.figures else []

    def _chosen(self, head: Head) -> list[str]:
        return [part for part in (self._parts[name] for name in head.names.split()) if part]

    def _joined(self, head: Head, shown: Sequence[str], more: str) -> str:
        if head.bar:
            return "".join(self._around_bar(head, shown, more))
        return head.gap.join([*self._chosen(head), *self._texts(shown, more)])

    def _around_bar(self, head: Head, shown: Sequence[str], more: str) -> tuple[str, str]:
        *before, time, pace = self._chosen(head)
        return f"{' - '.join(before)} ", " - ".join([f" {time} {pace}", *self._texts(shown, more)])

    def _texts(self, shown: Sequence[str], more: str) -> list[str]:
        texts = [f"{name}: {self.figures[name]}" for name in shown]
        return texts if len(shown) == len(self.figures) else [*texts, more]

    def _in_hardly_any(self, room: float, more: str) -> str:
        """The first figure, whole, behind as much of the rest as fits; its name is cut, if it must be."""
        name, value = next(iter(self.figures.items()), ("", ""))
        value = f"{value} {more}" if len(self.figures) > 1 and cells(value + more) < room else value
        for least in (len(name), min(len(name), 8), 1):
            for names in ("whole time", "short time", "short", "count", ""):
                parts = " ".join(self._chosen(Head(names)))
                if not name and parts and cells(parts) <= room:
                    return parts
                text = self._cut(name, value, room - cells(parts) - bool(parts), more, least)
                if text is not None:
                    return f"{parts} {text}".strip()
        return value if cells(value) <= room else ""

    @staticmethod
    def _cut(name: str, value: str, room: float, more: str, least: int) -> str | None:
        """``name: value`` in at most ``room`` columns; ``None`` where not even ``least`` letters of the name fit."""
        for length in range(len(name), least - 1, -1):
            text = f"{name[:length]}{'' if length == len(name) else more}: {value}"
            if cells(text) <= room:
                return text
        return None


# ---- ways to show it -----------------------------------------------------------------------------------------------


class Silent:
    """Shows nothing."""

    is_live = False

    def begin(self, heading: Heading) -> None:
        """Where an epoch begins."""

    def live(self, line: Line) -> None:
        """Where it is under way."""

    def final(self, line: Line, has_figures: bool) -> None:
        """Where it ends."""

    def close(self) -> None:
        """Where it is broken off."""


class Lines(Silent):
    """One plain line an epoch: for files, pipes and logs."""

    def __init__(self, stream: Any, always: bool) -> None:
        self.stream = stream
        self.always = always  # also where a line has no figures, as after predict()

    def final(self, line: Line, has_figures: bool) -> None:
        if has_figures or self.always:
            write(f"{line.without_bar()}\n", self.stream)


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
        self._signs = ("━", "─", "…") if can_draw(stream) else ("=", ".", "...")
        self._erases = has_ansi(stream)
        self._coloured = has_colours(stream)

    def begin(self, heading: Heading) -> None:
        self._draw(heading.whole, "", "", "")

    def live(self, line: Line) -> None:
        self._draw(*line.fitted(self._room(), *self._signs))

    def final(self, line: Line, has_figures: bool) -> None:
        self.live(line)
        self._end()

    def close(self) -> None:
        if self._drawn:
            self._end()

    def _room(self) -> int:
        return (columns(self.stream) or 80) - 1  # the last column may begin a new line

    def _draw(self, before: str, done: str, rest: str, after: str) -> None:
        length = cells(before + done + rest + after)
        room = self._room()
        back = "\r"
        if self._erases and self._drawn > room + 1 and "XTERM_VERSION" not in os.environ:
            # The terminal got narrower and broke the line in two (all but xterm do): from where it begins on.
            back = f"\x1b[{(self._drawn - 1) // (room + 1)}A\r\x1b[J"
        blank = "\x1b[K" if self._erases else " " * (min(self._drawn, room) - length)
        self._drawn = length
        bar = f"{_GREEN}{done}{_PLAIN}{_DIM}{rest}{_PLAIN}" if self._coloured and done + rest else done + rest
        write(f"{back}{before}{bar}{after}{blank}", self.stream)

    def _end(self) -> None:
        write("\n", self.stream)
        self._drawn = 0


class Notebook(Silent):
    """One output area for the whole run."""

    is_live = True

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None
        self._lines: list[str] = []

    def begin(self, heading: Heading) -> None:
        self._show([*self._lines, heading.whole])

    def live(self, line: Line) -> None:
        self._show([*self._lines, "".join(line.fitted(NOTEBOOK_WIDTH))])

    def final(self, line: Line, has_figures: bool) -> None:
        self._lines.append("".join(line.fitted(NOTEBOOK_WIDTH)))
        self._show(self._lines)

    def _show(self, lines: list[str]) -> None:
        hidden = ["..."] if len(lines) > NOTEBOOK_LINES else []
        text = "\n".join([*hidden, *lines[-NOTEBOOK_LINES:]])
        data = {"text/plain": text, "text/html": element("pre", text, style=MONOSPACE)}
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
    if verbose == 1 and is_terminal(stream):
        return Terminal(stream)
    return Lines(stream, always=verbose == 2)


def _notebook_display() -> Callable[..., Any] | None:
    """IPython's ``display`` inside a notebook, and ``None`` elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules["IPython"].display.display


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


def spent(seconds: float, left: float | None, language: str) -> str:
    """``7s``; while it is known how many are left, ``ETA 7s``."""
    return clock(seconds) if left is None else say("screen.time_left", language, time=clock(left))


def per_step(seconds: float, step: str | None = None, language: str = "en") -> str:
    """``5ms/step``; ``step`` is what a step is called."""
    step = step or say("screen.step", language)
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}/{step}"
    return f"{seconds * 1e6:.0f}us/{step}"
