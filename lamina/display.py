"""What objects show of themselves: prose, code and tables, as text and as the HTML of notebooks.

The HTML has neither scripts nor colours of its own, so that it is legible on light and dark pages, and whatever comes from
a user stands in it escaped: only :func:`element` makes tags.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Code", "Described", "Html", "Prose", "described", "element", "faint", "paragraphs", "table"]

_RULE = "1px solid rgba(128, 128, 128, 0.4)"
_CELL = "text-align: {side}; padding: 0.2em 0.9em; white-space: {wrap}; vertical-align: top; border-bottom: " + _RULE
MONOSPACE = "font-family: monospace; line-height: 1.3; white-space: pre"
_REQUIRED = inspect.Parameter.empty


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *inside: Any, **attributes: str) -> Html:
    """An element with what is inside of it, text escaped.

    >>> print(element("b", "a < b", element("br"), style="opacity: 0.6"))
    <b style="opacity: 0.6">a &lt; b<br></b>
    """
    said = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    if tag == "br":
        return Html(f"<{tag}{said}>")
    return Html(
        f"<{tag}{said}>{''.join(one if isinstance(one, Html) else html.escape(str(one)) for one in inside)}</{tag}>"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[int] = ()) -> Html:
    """A table; a row of one cell is as wide as the table.

    Arguments:
        columns: their titles.
        rows: a list of cells each: text, or HTML from :func:`element`.
        right: the numbers of the columns that stand to the right.
    """
    sides = ["right" if number in set(right) else "left" for number in range(len(columns))]

    def cells(tag: str, row: Sequence[Any]) -> Html:
        if len(row) == 1 != len(columns):
            style = "text-align: left; padding: 0 0 0.4em 2em; border-bottom: " + _RULE
            return element("tr", element(tag, row[0], colspan=str(len(columns)), style=style))
        places = [_CELL.format(side=side, wrap="nowrap" if side == "right" else "normal") for side in sides]
        return element("tr", *(element(tag, cell, style=style) for cell, style in zip(row, places, strict=True)))

    return element(
        "table",
        element("thead", cells("th", columns)),
        element("tbody", *(cells("td", row) for row in rows)),
        style="border-collapse: collapse; margin: 0.3em 0; font-size: 100%",
    )


def faint(text: Any) -> Html:
    """Text that stands back."""
    return element("span", text, style="opacity: 0.65")


class Prose:
    """The base of objects that are for reading: ``str`` is what a person reads, lines that begin with ``- `` a list; so is
    ``repr``, and a notebook shows the same as paragraphs and lists."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return paragraphs(str(self))


def paragraphs(text: str) -> Html:
    """Lines of prose as paragraphs, those that begin with ``- `` as lists."""
    parts: list[Html] = []
    items: list[Html] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("- "):
            items.append(element("li", line.removeprefix("- ")))
            continue
        if items:
            parts.append(element("ul", *items, style="margin: 0.2em 0"))
            items = []
        if line:
            parts.append(element("p", *_with_bold_heading(line), style="margin: 0.4em 0"))
    return element("div", *parts, style="max-width: 60em")


def _with_bold_heading(line: str) -> list[Any]:
    """The words up to the first colon in bold, if they are few."""
    for colon in (": ", "："):
        heading, found, rest = line.partition(colon)
        if found and len(heading) < 40:
            return [element("b", heading + colon.strip()), colon[1:] + rest]
    return [line]


class Code(str):
    """Source code: a string like any other, which a notebook or a prompt shows in lines.

    >>> Code("def forward(self, x):\\n    return x\\n")
    def forward(self, x):
        return x
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self).rstrip("\n")

    def __reduce__(self) -> Any:
        return str, (str(self),)

    def _repr_html_(self) -> str:
        lines: list[Any] = []
        for line in str(self).rstrip("\n").split("\n"):
            code, mark, comment = line.rpartition("  # ")
            lines += [code, faint(mark + comment), "\n"] if mark else [line, "\n"]
        return element("pre", *lines[:-1], style=MONOSPACE + "; overflow-x: auto")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


class Described:
    """The base of objects whose ``repr`` is the call that makes them: ``SGD(learning_rate=0.1, momentum=0.9)``.

    What ``get_config`` gives is shown where it is not the constructor's default.
    """

    def __repr__(self) -> str:
        return described(self)


def described(made: Any, *also: str, hidden: Iterable[str] = ()) -> str:
    """``Huber(delta=2.0)``: an object's class, and of its config what is not the constructor's default.

    Arguments:
        made: an object with ``get_config``.
        also: further words between the brackets.
        hidden: names that are not shown.
    """
    name = type(made).__name__
    try:
        config = made.get_config()
        defaults = _defaults(type(made))
    except Exception:  # noqa: BLE001 - a class of the user's own may be half made, or its config fail in any way
        return f"<{name}>"
    shown = [f"{key}={_value(one)}" for key, one in config.items()
             if key not in hidden and key in defaults and not _same(one, defaults[key])]  # fmt: skip
    return f"{name}({', '.join([*shown, *also])})"


def _defaults(cls: type) -> dict[str, Any]:
    """The constructor's arguments with their defaults, those of the bases that it hands others on to included."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is not object and "__init__" in vars(base):
            found.update(
                {one.name: one.default for one in inspect.signature(vars(base)["__init__"]).parameters.values()}
            )
    return found


def _same(value: Any, default: Any) -> bool:
    """Whether a value of a config says what the default says; a config is made of plain data, a default need not be."""
    if value is None or default is _REQUIRED:
        return value is None
    plain = (bool, int, float, str, list, tuple, dict)
    return type(value) in plain and (value == default or str(value) == str(default))


def _value(value: Any) -> str:
    """A value of a config as one would write it: objects as calls."""
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        config = value.get("config")
        if not isinstance(config, dict):
            return str(config)
        return f"{value['class_name']}({', '.join(f'{key}={_value(one)}' for key, one in config.items() if one is not None)})"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
