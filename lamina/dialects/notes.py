"""What was translated while somebody listens: ``lamina run`` tells of it at the end of a script.

>>> from lamina.dialects.translator import translate
>>> with listening() as notes:
...     translate("Dense", (), {"output_dim": 3})
((), {'units': 3})
>>> dict(notes.translated)
{('output_dim', 'units'): 1}
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any


class Notes:
    """What older words there were, by how often.

    Attributes:
        translated: ``(old, today's)`` names of arguments, classes and methods.
        meant: ``(class or function, argument, value)``: what the generation meant where today's default is another.
        left_out: ``(class or function, argument)``: what has no counterpart and was left out.
        missing: names of Keras that were asked for and are not there.
    """

    def __init__(self) -> None:
        self.translated: Counter[tuple[str, str]] = Counter()
        self.meant: Counter[tuple[str, str, str]] = Counter()
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.missing: Counter[str] = Counter()


_notes: Notes | None = None


@contextlib.contextmanager
def listening() -> Iterator[Notes]:
    """Inside, all that is translated is noted, and by nobody else."""
    global _notes
    before, _notes = _notes, Notes()
    try:
        yield _notes
    finally:
        _notes = before


def translated(old: str, today: str) -> None:
    """An older name was read as today's."""
    if _notes is not None and old != today:
        _notes.translated[old, today] += 1


def meant(name: str, argument: str, value: Any) -> None:
    """A call that did not say ``argument`` meant this value, which is not today's default."""
    if _notes is not None:
        _notes.meant[name, argument, _short(value)] += 1


def left_out(name: str, argument: str) -> None:
    """An argument has no counterpart, and was left out."""
    if _notes is not None:
        _notes.left_out[name, argument] += 1


def missing(name: str) -> None:
    """A name of Keras is not there."""
    if _notes is not None:
        _notes.missing[name] += 1


def _short(value: Any) -> str:
    return value["class_name"] if isinstance(value, dict) and "class_name" in value else repr(value)
