"""Readers for data files that came from elsewhere: ``.npz`` archives and the gzipped IDX files of the MNIST family.

Nothing is downloaded and nothing is unpickled. What a file declares is held against what it can contain before any
memory is set aside for it, and every refusal is a ``ValueError`` that names the file.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lamina import config
from lamina.saving.files import open_regular, read_json

Split = tuple[np.ndarray, np.ndarray]

_DEFLATE_RATIO = 1032  # the most that one byte of deflate (gzip and zip) can unfold to
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# What zipfile, gzip, json and NumPy's header parser raise for bytes that are not theirs.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
    EOFError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


def cached_file(data_set: str, path: str | os.PathLike[str]) -> Path:
    """The file ``path`` in ``$KERAS_HOME/datasets``, where Keras keeps its downloads; it must be there."""
    found = config.keras_home() / "datasets" / path
    if not found.is_file():
        raise FileNotFoundError(
            f"{data_set} was looked for in {str(found)!r}, which is not there. lamina downloads "
            f"nothing: put {found.name!r} in that folder."
        )
    return found


def read_converted(data_set: str, name: str) -> tuple[Split, Split]:
    """A data set that is published as pickles, from the ``.npz`` file that its owner converted it to."""
    try:
        file = cached_file(data_set, name)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} {data_set} is published as pickles, which lamina never opens: load it once "
            f"with Keras, and write x_train, y_train, x_test and y_test to {name!r} with "
            "np.savez_compressed."
        ) from None
    return read_splits(file)


def refuse_pickles(data_set: str, name: str) -> ValueError:
    """The error for a data set whose rows are lists of different lengths, which Keras's file keeps as pickles."""
    return ValueError(
        f"{data_set} can't be loaded: Keras's {name!r} holds pickled lists, and lamina opens no pickles. "
        "Load it with Keras, pad the rows to one length, and keep the arrays with np.savez_compressed."
    )


def read_word_index(data_set: str, name: str) -> dict[str, int]:
    """A JSON object of words and their whole numbers."""
    path = cached_file(data_set, name)
    with open_regular(path) as file:
        words = read_json(file.read(), str(path))
    if not isinstance(words, dict) or not all(type(number) is int for number in words.values()):
        raise ValueError(f"{str(path)!r} is not a JSON object of words and whole numbers.")
    return words


def read_splits(path: Path) -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)`` of an archive that holds these four arrays."""
    x_train, y_train, x_test, y_test = read_npz(path, ("x_train", "y_train", "x_test", "y_test"))
    check_lengths(path, (x_train, y_train), (x_test, y_test))
    return (x_train, y_train), (x_test, y_test)


def read_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """The arrays ``names`` of an ``.npz`` archive, plain numbers only.

    Raises:
        ValueError: for a file that is no archive, lacks a name, holds pickled objects, or declares more than it holds.
    """
    with open_regular(path) as file, _refusals(path), zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        absent = [name for name in names if f"{name}.npy" not in members]
        if absent:
            raise ValueError(f"it has no array {absent[0]!r}, only {sorted(members)}")
        size = os.fstat(file.fileno()).st_size
        return [_read_member(archive, members[f"{name}.npy"], size) for name in names]


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, archive_size: int) -> np.ndarray:
    if member.file_size > _DEFLATE_RATIO * min(member.compress_size, archive_size):
        raise ValueError(f"{member.filename!r} declares {member.file_size} bytes and cannot hold them")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _NPY_HEADERS:
            raise ValueError(f"{member.filename!r} has an array header of the unknown version {version}")
        shape, _, dtype = _NPY_HEADERS[version](stream)
        if dtype.kind not in "biuf":
            raise ValueError(f"{member.filename!r} holds {dtype} and not plain numbers; lamina unpickles nothing")
        if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise ValueError(f"{member.filename!r} declares the shape {shape} and holds another number of bytes")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """The unsigned bytes of a gzipped IDX file: ``00 00 08 ndim``, one big-endian size per axis, then the data.

    Raises:
        ValueError: for another kind of file, or one whose data are not of the declared size.
    """
    with open_regular(path) as file, _refusals(path), gzip.GzipFile(fileobj=file) as stream:
        size = os.fstat(file.fileno()).st_size
        magic, *shape = struct.unpack(f">{1 + ndim}I", stream.read(4 * (1 + ndim)))
        if magic != 0x0800 + ndim:
            raise ValueError(f"it begins with {magic:#010x}, and bytes in {ndim} axes with {0x0800 + ndim:#010x}")
        count = math.prod(shape)
        if count > _DEFLATE_RATIO * size:
            raise ValueError(f"it declares the shape {tuple(shape)} and cannot hold it")
        data = stream.read(count + 1)
        if len(data) != count:
            raise ValueError(f"it declares the shape {tuple(shape)} and holds another number of bytes")
        return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error or type(error).__name__}.") from error


def check_lengths(path: Path, *splits: Split) -> None:
    """Every split must have as many targets as inputs."""
    for x, y in splits:
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                f"{str(path)!r} holds inputs of shape {x.shape} and targets of shape {y.shape}, "
                "which must agree in their first axis."
            )


def shuffle_and_split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> tuple[Split, Split]:
    """Rows in the order that Keras shuffles them into, cut at ``1 - test_split``."""
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, and got {test_split!r}.")
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y, cut = x[order], y[order], int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
