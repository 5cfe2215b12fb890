"""Opening what may be hostile, and writing so that a crash never tears a file."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lamina.registry import ConfigError

MAX_JSON_DEPTH = 100
# Bytes that Python's objects take at most for each of these signs in a text, and how many may be taken besides its size.
_OBJECT_SIZES = {"{": 250, "[": 64, ",": 40, '"': 30}
MAX_JSON_OBJECTS = 120_000_000
# Compressed data may unfold to this many times its size in the file. Weights hardly shrink; configs do by 30 or so.
MAX_RATIO = 100


def most_unfolded(size: int) -> int:
    """How many bytes all that is packed in a file of ``size`` bytes may unfold to. Numbers hardly shrink when they are packed,
    and are in memory twice for a moment: as they were read, and as the model's."""
    return 2 * size + 2**26


ABANDONED = 3600  # seconds after which a file that nobody went on writing is one whose writer was killed


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file beside ``path`` to write to; when the block ends well it takes the place of ``path``, else it is gone.

    It is on the disk before it gets its name, and its name is before this returns. So whatever happens, ``path`` is the old
    file or the new one, whole. Who writes to one path at once, in threads or processes, writes files of his own.

    Raises:
        OSError: when the folder or the file can't be written to, or the disk is full; the old file stays.
        ValueError: for a folder, or another thing that is no ordinary file.
    """
    target = writable_target(path)
    beginning = f".{target.name[:40]}."  # a name has 255 bytes
    written = target.with_name(f"{beginning}{os.urandom(6).hex()}.new")
    try:
        before = target.stat() if target.exists() else None
        rights = 0o666 if before is None else stat.S_IMODE(before.st_mode)  # of which the system takes the user's umask
        os.close(os.open(written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights))
        _remove_abandoned(written, beginning)
        yield written
        with open(written, "rb+") as file:
            os.fsync(file.fileno())
        if before is not None:
            _as_before(written, before)
        os.replace(written, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _explained(error, path, written) from error
    finally:
        written.unlink(missing_ok=True)


def writable_target(path: str | os.PathLike[str]) -> Path:
    """Where a file of this name will lie: of a link, where it leads to.

    Raises:
        OSError: when nothing can be written there: the folder is missing or may not be changed, or the file is protected.
        ValueError: for a folder, or another thing that is no ordinary file.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is no folder, so {target.name} can't be saved there.")
    if target.exists() and not target.is_file():
        raise ValueError(f"{os.fspath(path)} is not an ordinary file, so it can't be replaced by one.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(
            errno.EACCES, "The file is protected against writing, and stays as it is", os.fspath(path)
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "Nothing can be written into the folder of this file", os.fspath(path))
    return target


def _remove_abandoned(written: Path, beginning: str) -> None:
    """Remove new files of the same name that lie there for long: who wrote them was killed. The clock is the file system's."""
    now = written.stat().st_mtime
    with os.scandir(written.parent) as entries:
        alike = [entry for entry in entries if entry.name.startswith(beginning) and entry.name.endswith(".new")]
    for entry in alike:
        with contextlib.suppress(OSError):  # another process may have been faster
            if now - entry.stat(follow_symlinks=False).st_mtime > ABANDONED:
                os.unlink(entry.path)


def _as_before(written: Path, before: os.stat_result) -> None:
    """Give the new file the owner and the rights of the old one."""
    now = written.stat()
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid) and hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(written, before.st_uid, before.st_gid)
    if stat.S_IMODE(now.st_mode) != stat.S_IMODE(before.st_mode):
        os.chmod(written, stat.S_IMODE(before.st_mode))


def _sync_folder(folder: Path) -> None:
    """Have the system write down that a file of the folder got its name.

    Not every system and file system can: the file is whole and in its place by then, so that this is no error.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explained(error: OSError, path: str | os.PathLike[str], written: Path) -> OSError:
    """An error of the system that says which file was not saved, and not how the new one was called for a while."""
    if error.errno is None or error.filename not in (None, written, os.fspath(written)):
        return error
    said = f"{os.fspath(path)!r} was not saved, and what was there stays: {error.strerror}"
    return OSError(error.errno, said)


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


class Part(io.RawIOBase):
    """A part of an open file, as if it were a file: what is stored in an archive is read where it lies.

    Arguments:
        stream: the file, open for reading.
        start, size: the bytes of it that are the part.
    """

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._start = start
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the part."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read what follows, to the end of the part at most."""
        view = memoryview(buffer)[: max(self._size - self._place, 0)]
        self._stream.seek(self._start + self._place)
        count = self._stream.readinto(view)  # pyright: ignore[reportAttributeAccessIssue]
        self._place += count
        return count


@contextlib.contextmanager
def naming(where: str, also_refusals: bool = True) -> Iterator[None]:
    """Inside, what goes wrong while a file is read becomes a ``ValueError`` that names it; what the system says of a file
    stays what it is, and a ``ValueError``, too, where it may be about the model (``also_refusals`` is off)."""
    try:
        yield
    except OSError:
        raise
    except ConfigError as error:
        error.where = error.where or where
        raise
    except Exception as error:
        if isinstance(error, ValueError) and (where in str(error) or not also_refusals):
            raise
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{where} can't be read: {said}") from error


def read_json(text: bytes | str, where: str) -> Any:
    """JSON as Keras writes it: no NaN or infinity, no key twice, no depth that would exhaust the reader.

    Raises:
        ValueError: naming ``where`` and what is wrong.
    """

    if not isinstance(text, (str, bytes, bytearray)):
        raise ValueError(f"{where} should be text, and is {type(text).__name__}.")
    wanted = sum(size * (text.count(mark) if isinstance(text, str) else text.count(mark.encode()))
                 for mark, size in _OBJECT_SIZES.items())  # fmt: skip
    if wanted > 3 * len(text) + MAX_JSON_OBJECTS:
        raise ValueError(
            f"{where} would take some {wanted} bytes of memory, which is too much for {len(text)} bytes of text."
        )

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
        # Of bytes json would guess the encoding.
        text = text if isinstance(text, str) else bytes(text).removeprefix(b"\xef\xbb\xbf").decode()
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
