"""``%load_ext lamina`` and ``%lamina`` of IPython and Jupyter."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any

from lamina.compat.modules import as_keras
from lamina.compat.told import tell
from lamina.dialects.notes import Notes, listening
from lamina.dialects.translator import GENERATIONS, NUMBERS
from lamina.errors import did_you_mean
from lamina.language import say
from lamina.screen import show


class _Open:
    """The door, while it is open in this notebook."""

    def __init__(self, dialect: str | None) -> None:
        self.dialect = dialect
        self.stack = contextlib.ExitStack()
        self.notes: Notes = self.stack.enter_context(listening())
        self.stack.enter_context(as_keras(dialect))


_open: _Open | None = None


def load(shell: Any) -> None:
    """Open the door, in today's dialect until ``%lamina`` names another, and register ``%lamina``."""
    shell.register_magic_function(magic, "line", "lamina")
    magic("")


def unload(shell: Any) -> None:
    """Close the door."""
    magic("off")


def magic(line: str) -> None:
    """``%lamina keras1`` (or ``1``, ``2``, ``2.3``, ``tf``, ``3``), ``%lamina report``, ``%lamina off``.

    Raises:
        ValueError: for another word.
    """
    word = re.sub(r"^--keras[= ]*", "", line.strip())
    if word == "report":
        _report()
        return
    dialect = NUMBERS.get(word, word) or None
    if dialect is not None and dialect not in GENERATIONS and word != "off":
        known = [*GENERATIONS, *NUMBERS, "report", "off"]
        raise ValueError(f"%lamina got {word!r}.{did_you_mean(word, known)} It takes one of {', '.join(known)}.")
    _close()
    if word == "off":
        show(say("command_line.magic_off"))
        return
    _begin(dialect)
    known_as = dialect or "keras3"
    show(say("command_line.magic_open", version=GENERATIONS[known_as].version, dialect=known_as))


def _begin(dialect: str | None) -> None:
    global _open
    _open = _Open(dialect)


def _close() -> None:
    global _open
    if _open is not None:
        _open.stack.close()
    _open = None


def _report() -> None:
    notes = _open.notes if _open is not None else Notes()
    if not any((notes.translated, notes.meant, notes.left_out, notes.missing)):
        show(say("command_line.magic_nothing"))
        return
    tell(notes, "notebook", _open.dialect if _open is not None else None, False, None, stream=sys.stdout)
