"""Where lamina's words appear: how wide a screen is, and which characters and which language it can show.

All that lamina prints goes through :func:`write`. What a stream can't encode is written in other characters, and nothing is
written where nobody can read: on a stream that is not there (as under ``pythonw``), closed, or whose reader went away.
Training goes on.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from typing import Any

from lamina import config
from lamina.language import say

__all__ = ["can_draw", "cells", "columns", "console", "has_ansi", "has_colours", "in_ascii", "is_terminal",
           "language_of", "legible", "plain", "show", "wrap", "write"]  # fmt: skip

WIDTH = 80  # of a terminal that does not tell
_DRAWN = str.maketrans({"━": "=", "─": "-", "│": "|", "└": "`", "├": "|"})
_OTHERWISE = str.maketrans(
    {
        "…": "...",
        "—": "-",
        "–": "-",
        "×": "x",
        "·": ".",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "→": "->",
        "≈": "~",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "−": "-",
        "²": "^2",
    }
)
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")  # what Python makes of LC_CTYPE where the locale is C
# A word with the punctuation behind it, a wide character with what may not begin a line, or spaces. To compile this takes
# 5 ms, so that waits for its first use.
_PIECES = r"[^\s⺀-￯]+[、-〃！，：；？）】]*|[⺀-￯][、-〃！，：；？）】”…]*|\s+"


# ---- what a stream is ----------------------------------------------------------------------------------------------


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; one that is not there, closed or can't tell is none."""
    asks = getattr(stream, "isatty", None)
    return asks is not None and not getattr(stream, "closed", False) and bool(asks())


def columns(stream: Any) -> int | None:
    """How many columns a terminal has now, as ``$COLUMNS`` or else the system says; ``None`` for what is none."""
    if not is_terminal(stream):
        return None
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (AttributeError, OSError, ValueError):  # a terminal by name only
        return WIDTH


def has_ansi(stream: Any) -> bool:
    """Whether a stream is a terminal that understands colours and motions: not ``dumb``, nor Windows's of old."""
    if not is_terminal(stream) or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform != "win32":
        return True
    from rich.console import Console  # only here: a quarter of the import of lamina

    return not Console(file=stream).legacy_windows


def has_colours(stream: Any) -> bool:
    """Whether colours are understood, and wanted."""
    return "NO_COLOR" not in os.environ and has_ansi(stream)


def can_draw(stream: Any) -> bool:
    """Whether a stream shows lines such as ━ one column wide: it speaks UTF, and no terminal of the C locale.

    Terminals of other encodings lack them, or show them two columns wide, as Chinese ones do.
    """
    if not codecs.lookup(_encoding(stream)).name.startswith("utf"):
        return False
    return not (_is_c_locale() and is_terminal(stream))


def language_of(stream: Any = None) -> str:
    """The language for a stream (``sys.stdout``): the one in force, but English where Chinese can't be encoded."""
    language = config.language()
    try:
        say("screen.epoch", language, number=1, count=1).encode(_encoding(stream or sys.stdout))
    except UnicodeEncodeError:
        return "en"
    return language


def _encoding(stream: Any) -> str:
    """A stream's encoding; UTF-8 where it does not tell, as one for text in memory."""
    name = getattr(stream, "encoding", None)
    try:
        return codecs.lookup(name).name if isinstance(name, str) else "utf-8"
    except LookupError:
        return "ascii"


def _is_c_locale() -> bool:
    everything, characters, otherwise = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    found = everything or ("" if characters in _COERCED else characters) or otherwise
    return found in ("C", "POSIX")


# ---- text for it ---------------------------------------------------------------------------------------------------


def cells(text: str) -> int:
    """How many columns a text takes: two for a Chinese character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # only here: most text needs no table of widths

    return cell_len(text)


def wrap(text: str, width: int) -> str:
    """A text with line breaks between words, or between Chinese characters, so that no line is wider than ``width``.

    >>> print(wrap("one line becomes two", 10))
    one line
    becomes
    two
    """
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    if cells(line) <= width:
        return line
    lines, indent = [""], "  " if line.startswith("- ") else ""  # a point of a list hangs
    for piece in re.findall(_PIECES, line):
        if lines[-1].strip() and cells(lines[-1] + piece.rstrip()) > width:
            lines.append(indent)
        if not (piece.isspace() and len(lines) > 1 and not lines[-1].strip()):
            lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def plain(text: str, stream: Any) -> str:
    """A text in characters that a stream has: lines in ASCII where it shows no others, escapes for the rest."""
    if text.isascii():
        return text
    encoding = _encoding(stream)
    text = text if can_draw(stream) else text.translate(_DRAWN)
    if _fits(text, encoding):
        return text
    return text.translate(_OTHERWISE).encode(encoding, "backslashreplace").decode(encoding)


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def in_ascii(text: str) -> str:
    """A text in ASCII, as :func:`plain` writes it where there is nothing else."""
    return text.translate(_DRAWN | _OTHERWISE).encode("ascii", "backslashreplace").decode()


def legible(text: str, longest: int) -> str:
    """A text from a file that may be hostile: what moves a terminal's cursor as escapes, and no more than ``longest``.

    >>> legible("a\\x1b[2Jb", 80), legible("one two three", 8)
    ('a\\\\x1b[2Jb', 'one two…')
    """
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


# ---- writing -------------------------------------------------------------------------------------------------------


def write(text: str, stream: Any = None) -> None:
    """Write a text as it stands on a stream (``sys.stdout``), in characters that it has."""
    stream = sys.stdout if stream is None else stream
    if stream is None or getattr(stream, "closed", False):
        return
    try:
        try:
            stream.write(plain(text, stream))
        except UnicodeEncodeError:  # it did not say that it has ASCII only
            stream.write(in_ascii(text))
        if hasattr(stream, "flush"):
            stream.flush()
    except OSError:
        return  # nobody reads any more (a pipe that was closed, a terminal that is gone): no reason to lose a training


def show(text: str = "", stream: Any = None) -> None:
    """Print a text, on a terminal with line breaks between words."""
    stream = sys.stdout if stream is None else stream
    width = columns(stream)
    write(f"{text if width is None else wrap(text, max(1, width - 1))}\n", stream)


class Written(io.TextIOBase):
    """A stream for rich, which may write any character: what it writes goes through :func:`write`."""

    encoding = "utf-8"

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def stream(self) -> Any:
        """The stream; ``sys.stdout`` as it is now, if none was given."""
        return sys.stdout if self._stream is None else self._stream

    def write(self, text: str) -> int:
        """Write what the stream can show of a text."""
        write(text, self.stream)
        return len(text)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return is_terminal(self.stream)

    def fileno(self) -> int:
        """The number of the file; an ``OSError`` where there is none."""
        return self.stream.fileno() if hasattr(self.stream, "fileno") else super().fileno()


def console(stream: Any = None, width: int | None = None, colours: bool = True, **options: Any) -> Any:
    """rich's console for a stream (``sys.stdout``), which fails on no character.

    Arguments:
        width: in columns; by default the terminal's. colours: whether they are shown where they can be. options: rich's.
    """
    from rich.console import Console  # only here: a quarter of the import of lamina

    # The height is for rich alone, which takes any dumb terminal for 80 columns when it is not told both.
    options = {"force_jupyter": False, "highlight": False, "height": 25, **options}
    return Console(file=Written(stream), width=width or columns(stream), force_terminal=None if colours else False,  # pyright: ignore[reportArgumentType]
                   **options)  # fmt: skip
