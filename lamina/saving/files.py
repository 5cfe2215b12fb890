"""Opening what may be hostile, and writing so that a crash never tears a file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

MAX_JSON_DEPTH = 100
# Compressed data may unfold to this many times its size in the file. Weights hardly shrink; configs do by 30 or so.
MAX_RATIO = 100


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file beside ``path`` to write to; when the block ends well it takes the place of ``path``, else it is gone."""
    target = Path(os.path.realpath(path))  # of a link, what it leads to is replaced
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is no folder, so {target.name} can't be saved there.")
    if target.exists() and not target.is_file():
        raise ValueError(f"{os.fspath(path)} is not an ordinary file, so it can't be replaced by one.")
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    os.close(handle)
    written = Path(name)
    try:
        yield written
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        os.chmod(written, mode)
        os.replace(written, target)
    finally:
        written.unlink(missing_ok=True)


def check_target(path: str | os.PathLike[str], ending: str, overwrite: bool) -> None:
    """Refuse a file name without ``ending``, and a file that exists when ``overwrite`` is off."""
    if not str(path).endswith(ending):
        raise ValueError(f"The name of the file must end in {ending!r}, and got {os.fspath(path)!r}.")
    check_overwrite(path, overwrite)


def check_overwrite(path: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse a file that exists when ``overwrite`` is off."""
    if not overwrite and os.path.exists(path):
        raise ValueError(f"{os.fspath(path)} exists; pass overwrite=True to replace it.")


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """The file at ``path``, opened for reading, when it is an ordinary file: a pipe or a device would hang the reader."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file {os.fspath(path)}.")
    if os.path.isdir(path):
        raise ValueError(f"{os.fspath(path)} is a folder, and a file was expected.")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{os.fspath(path)} is not an ordinary file.")
    return os.fdopen(handle, "rb")


def read_json(text: bytes | str, where: str) -> Any:
    """JSON as Keras writes it: no NaN or infinity, no key twice, no depth that would exhaust the reader.

    Raises:
        ValueError: naming ``where`` and what is wrong.
    """

    def refuse(literal: str) -> Any:
        raise ValueError(f"{where} holds {literal:.40}, which is no number that a config can hold.")

    def number(literal: str) -> float:
        value = float(literal)
        return value if math.isfinite(value) else refuse(literal)

    def integer(literal: str) -> int:
        return int(literal) if len(literal) < 20 else refuse(literal)

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"{where} has the key {key!r} twice.")
            found[key] = value
        return found

    try:
        value = json.loads(text, parse_constant=refuse, parse_float=number, parse_int=integer,
                           object_pairs_hook=no_duplicates)  # fmt: skip
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where} is not text.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is not JSON: {error}.") from None
    _check(value, where)
    return value


def _check(value: Any, where: str) -> None:
    """Refuse deep nesting, and halves of surrogate pairs, which no encoding can write."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.keys()
                inner += item.values()
            elif isinstance(item, list):
                inner += item
            elif (
                isinstance(item, str) and not item.isascii() and any("\ud800" <= letter <= "\udfff" for letter in item)
            ):
                raise ValueError(f"{where} holds {item!r:.80}, which is not text.")
        if not inner:
            return
        level = inner
    raise ValueError(f"{where} is nested too deeply.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
