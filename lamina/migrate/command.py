"""``lamina migrate``: files, notebooks and folders; differences on the screen, and new files only with ``--write``."""

from __future__ import annotations

import difflib
import io
import json
import os
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat import notebooks
from lamina.compat.project import guess_project
from lamina.compat.python2 import why_not_python_3
from lamina.language import say
from lamina.migrate import Migrated, migrate
from lamina.screen import has_colours, language_of, write

_LEFT_OUT = frozenset(
    {".git", "__pycache__", ".venv", "venv", "node_modules", ".ipynb_checkpoints", "site-packages", "build"}
)
_COLOURS = {"+": "32", "-": "31", "@": "36"}


class _Text(NamedTuple):
    """A file: its old text and its new one, in its encoding, and what there is to look at."""

    path: Path
    old: str
    new: str
    encoding: str
    result: Migrated


class Options(NamedTuple):
    """How it is done.

    Arguments:
        to: ``"lamina"`` or ``"keras3"``. dialect: the generation; guessed by default.
        write: whether files are changed. check: whether the exit code is 1 where a file would change.
        quiet: whether differences are not shown.
    """

    to: str = "lamina"
    dialect: str | None = None
    write: bool = False
    check: bool = False
    quiet: bool = False


def report(places: Sequence[Path], options: Options) -> int:
    """Migrate files and folders, and print what changes. Returns the exit code: 1 where something is to be looked at by
    hand, or can't be read; with ``check`` also where a file would change."""
    language, code, changed, looked = language_of(), 0, 0, 0
    to_look: list[str] = []
    for file in files_in(places):
        looked += 1
        try:
            text = _migrated(file, options)
        except (OSError, SyntaxError, ValueError) as error:
            write(_refusal(file, error, language) + "\n")
            code = 1
            continue
        if text.new != text.old:
            changed += 1
            if not options.quiet:
                write(_coloured(difference(text)))
            if options.write:
                _replace(text)
        to_look += [f"{file}:{line}: {sentence}" for line, sentence in text.result.unsure]
        to_look += [say("command_line.migrate_differs", language, file=file, line=line, sentence=sentence)
                    for line, sentence in text.result.differs]  # fmt: skip
        code = 1 if text.result.unsure else code
    for line in to_look:
        write(line + "\n")
    key = "migrated" if options.write else "would_migrate"
    write(say(f"command_line.{key}", language, files=looked, changed=changed, count=len(to_look)) + "\n")
    return 1 if options.check and changed else code


def files_in(places: Sequence[Path]) -> Iterator[Path]:
    """The scripts and notebooks of folders, however deep; files as they are named."""
    for place in places:
        if not place.is_dir():
            yield place
            continue
        for folder, inside, names in os.walk(place):
            inside[:] = sorted(name for name in inside if name not in _LEFT_OUT and not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(names) if name.endswith((".py", ".ipynb")))


def difference(text: _Text) -> str:
    """The unified difference between the old file and the new one."""
    old, new = text.old.splitlines(keepends=True), text.new.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"{text.path}", f"{text.path} (lamina migrate)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _coloured(text: str) -> str:
    if not has_colours(sys.stdout):
        return text
    return "".join(f"\x1b[{_COLOURS[line[0]]}m{line[:-1]}\x1b[0m\n" if line[:1] in _COLOURS else line
                   for line in text.splitlines(keepends=True))  # fmt: skip


def _refusal(file: Path, error: Exception, language: str) -> str:
    if isinstance(error, SyntaxError):
        source = file.read_text(encoding="utf-8", errors="replace")
        told = why_not_python_3(source, error)
        if told is not None:
            return say("command_line.python_2", language, script=file, **told)
    return say("command_line.unreadable", language, script=file, error=error)


# ---- one file --------------------------------------------------------------------------------------------------------


def _migrated(file: Path, options: Options) -> _Text:
    if file.suffix == ".ipynb":
        return _notebook(file, options)
    with open(file, "rb") as opened:
        raw = opened.read()
    encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
    source = raw.decode(encoding)
    compile(source, str(file), "exec", dont_inherit=True)
    dialect = options.dialect or guess_project(source, file)[0] or "keras3"
    result = migrate(source, options.to, dialect)
    return _Text(file, source, result.source, encoding, result)


_CELL = "# lamina migrate: cell {}\n"


def _notebook(file: Path, options: Options) -> _Text:
    """The cells of code, as one file while they are read: what one imports the next uses."""
    document = notebooks.read(file)
    cells = [cell for cell in _cells(document) if cell.get("cell_type") == "code"]
    sources = [_source(cell) for cell in cells]
    hidden = [_hide(source) for source in sources]
    whole = "".join(_CELL.format(number) + f"{text}\n" for number, text in enumerate(hidden))
    dialect = options.dialect or guess_project(notebooks.as_script(file), file)[0] or "keras3"
    result = migrate(whole, options.to, dialect)
    old = file.read_text(encoding="utf-8")
    for number, cell in enumerate(cells):
        begin = result.source.index(_CELL.format(number)) + len(_CELL.format(number))
        behind = result.source.find(_CELL.format(number + 1))
        text = _show(result.source[begin : behind if behind >= 0 else None].removesuffix("\n"))
        if text != sources[number]:
            key = "source" if "source" in cell else "input"
            cell[key] = text.splitlines(keepends=True) if isinstance(cell.get(key), list) else text
    changed = any(_source(cell) != source for cell, source in zip(cells, sources, strict=True))
    indent = 1 if '\n "' in old else None
    new = json.dumps(document, indent=indent, ensure_ascii="\\u" in old) + ("\n" if old.endswith("\n") else "")
    return _Text(file, old, new if changed else old, "utf-8", result)


def _cells(document: dict[str, Any]) -> list[Any]:
    return document["cells"] if "cells" in document else document["worksheets"][0]["cells"]


def _source(cell: dict[str, Any]) -> str:
    text = cell.get("source", cell.get("input", ""))
    return text if isinstance(text, str) else "".join(text)


_HIDDEN = "#lamina-ipython "


def _hide(source: str) -> str:
    """A cell with what only IPython understands as comments; a cell that is none of Python's whole."""
    if source.lstrip().startswith("%%") and not source.lstrip().startswith(("%%time", "%%capture", "%%prun")):
        return "".join(_HIDDEN + line for line in source.splitlines(keepends=True))
    if _compiles(source):
        return source
    kept = []
    for line in source.splitlines(keepends=True):
        bare = line.lstrip()
        is_theirs = bare.startswith(("%", "!", "?")) or bare.rstrip().endswith("?")
        kept.append(line[: len(line) - len(bare)] + _HIDDEN + bare if is_theirs else line)
    return "".join(kept)


def _show(source: str) -> str:
    return source.replace(_HIDDEN, "")


def _compiles(source: str) -> bool:
    try:
        compile(source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _replace(text: _Text) -> None:
    """Put the new text in the old one's place, whole or not at all; the rights of the file stay."""
    beside = text.path.with_name(f".{text.path.name}.lamina")
    try:
        beside.write_bytes(text.new.encode(text.encoding))
        beside.chmod(text.path.stat().st_mode)
        os.replace(beside, text.path)
    finally:
        beside.unlink(missing_ok=True)
