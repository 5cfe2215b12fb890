"""What a notebook or a prompt shows of a training run: its curves in small, and its first, best and last epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina.display import Html, element, faint, table
from lamina.language import say
from lamina.screen import cells

_WIDTH, _HEIGHT, _EDGE = 240, 90, 4
_BLUE, _ORANGE = "#3b8fd1", "#d9781f"  # legible on white and on black, and told apart by the colour-blind


def history_in_a_line(history: Any) -> str:
    """``<History: 12 epochs, loss 0.2134, val_loss 0.2504>``"""
    last = [f"{name} {_figure(values[-1])}" for name, values in _curves(history).items()]
    run = say("notebook.run", "en", count=_epochs(history)) if last else "no epochs"
    return f"<{type(history).__name__}: {', '.join([run, *last[:6]])}{', ...' if len(last) > 6 else ''}>"


def history_as_text(history: Any) -> str:
    """The table as lines of text, and what to call next."""
    columns, rows = _table(history)
    if not rows:
        return say("notebook.no_epochs")
    lines = [columns, *rows]
    widths = [max(cells(line[place]) for line in lines) for place in range(len(columns))]
    text = ["  ".join([line[0] + " " * (widths[0] - cells(line[0])),
                       *(" " * (width - cells(cell)) + cell for cell, width in zip(line[1:], widths[1:], strict=True))])
            for line in lines]  # fmt: skip
    return "\n".join([*text, *_remarks(history)])


def history_as_html(history: Any) -> str:
    """The same as a table, with the curve of the loss beside it."""
    columns, rows = _table(history)
    if not rows:
        return element("div", say("notebook.no_epochs"))
    right = range(1, len(columns))
    beside = element("div", table(columns, rows, right=right), style="display: inline-block; margin-right: 2em")
    return element("div", beside, _picture(history), *(element("div", faint(line)) for line in _remarks(history)))


def _curves(history: Any) -> dict[str, list[Any]]:
    """The curves that are single numbers, those of the loss first."""
    found = {name: values for name, values in history.history.items() if values and _is_number(values[-1])}
    return {name: found[name] for name in sorted(found, key=lambda name: name not in ("loss", "val_loss"))}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _epochs(history: Any) -> int:
    return max((history.epochs(name)[-1] for name in _curves(history)), default=0)


def _best(history: Any) -> tuple[int | None, str]:
    """The epoch of the lowest validation loss, else of the lowest loss, and which of both."""
    name = "val_loss" if history.history.get("val_loss") else "loss"
    values = history.history.get(name, [])
    finite = [(value, epoch) for value, epoch in zip(values, history.epochs(name) if values else [], strict=True)
              if _is_number(value) and math.isfinite(value)]  # fmt: skip
    return (min(finite)[1] if finite else None), name


def _table(history: Any) -> tuple[list[str], list[list[str]]]:
    """The titles, and for each curve its values in the first, the best and the last epoch."""
    curves = _curves(history)
    if not curves:
        return [], []
    first = min(history.epochs(name)[0] for name in curves)
    last = _epochs(history)
    best, of = _best(history)
    titles = {first: say("notebook.first_epoch", number=first)}
    if best is not None:
        titles[best] = say("notebook.best_epoch", number=best, name=of)
    if last not in titles:
        titles[last] = say("notebook.last_epoch", number=last)
    epochs = sorted(titles)
    columns = [say("notebook.curve"), *(titles[epoch] for epoch in epochs)]
    rows: list[list[str]] = []
    for name in curves:
        known = dict(zip(history.epochs(name), curves[name], strict=True))
        rows.append([name, *(_figure(known[epoch]) if epoch in known else "-" for epoch in epochs)])
    return columns, rows


def _remarks(history: Any) -> list[str]:
    restored = getattr(history.noted, "restored", None)
    lines = [say("notebook.restored", number=restored)] if restored is not None else []
    return [*lines, say("notebook.next")]


def _figure(value: Any) -> str:
    return f"{value:.4g}" if _is_number(value) else str(value)


# ---- the curves in small -------------------------------------------------------------------------------------------


def _picture(history: Any) -> Html:
    """The loss and the validation loss as lines, drawn without any library."""
    drawn = [(name, colour) for name, colour in (("loss", _BLUE), ("val_loss", _ORANGE)) if name in history.history]
    points = {name: [(epoch, value) for epoch, value in zip(history.epochs(name), history.history[name], strict=True)
                     if _is_number(value) and math.isfinite(value)] for name, _ in drawn}  # fmt: skip
    every = [point for one in points.values() for point in one]
    if len({epoch for epoch, _ in every}) < 2:
        return Html("")
    x, y = _scale([epoch for epoch, _ in every], _WIDTH), _scale([value for _, value in every], _HEIGHT)
    lines = [
        element("polyline", points=" ".join(f"{x(epoch):.1f},{_HEIGHT - y(value):.1f}" for epoch, value in points[name]),
                fill="none", stroke=colour, **{"stroke-width": "1.6"})
        for name, colour in drawn
    ]  # fmt: skip
    what = say("notebook.picture" if len(drawn) == 2 else "notebook.picture_of_one",
               training=drawn[0][0], **({"validation": drawn[1][0]} if len(drawn) == 2 else {}))  # fmt: skip
    picture = element("svg", element("title", what), *lines, width=str(_WIDTH), height=str(_HEIGHT), role="img",
                      viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
                      style="border-left: 1px solid currentColor; border-bottom: 1px solid currentColor")  # fmt: skip
    names = [element("span", f"{name} ", style=f"color: {colour}") for name, colour in drawn]
    return element("div", picture, element("div", *names), style="display: inline-block; vertical-align: top")


def _scale(values: Sequence[float], length: int) -> Any:
    low, high = min(values), max(values)
    room = length - 2 * _EDGE
    return lambda value: _EDGE + room * ((value - low) / (high - low) if high > low else 0.5)
