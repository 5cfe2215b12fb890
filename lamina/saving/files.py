"""Opening what may be hostile, and writing so that a crash never tears a file."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

MAX_JSON_DEPTH = 100


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file beside ``path`` to write to; when the block ends well it takes the place of ``path``, else it is gone."""
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is no folder, so {target.name} can't be saved there.")
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
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
    """JSON as Keras writes it: no NaN, no key twice, no depth that would exhaust the reader.

    Raises:
        ValueError: naming ``where`` and what is wrong.
    """

    def no_constant(name: str) -> Any:
        raise ValueError(f"{where} holds {name}, which JSON does not have.")

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{where} has the key {twice!r} twice.")
        return found

    try:
        value = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_duplicates)
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where} is not text.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is not JSON: {error}.") from None
    _check_depth(value, where)
    return value


def _check_depth(value: Any, where: str) -> None:
    layer = [value]
    for _ in range(MAX_JSON_DEPTH):
        layer = [item for outer in layer if isinstance(outer, (dict, list))
                 for item in (outer.values() if isinstance(outer, dict) else outer)]  # fmt: skip
        if not layer:
            return
    raise ValueError(f"{where} is nested too deeply.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
