"""Arrays in HDF5 files as Keras 2 had them: ``HDF5Matrix``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

import h5py
import numpy as np

__all__ = ["HDF5Matrix", "ask_to_proceed_with_overwrite", "load_array", "path_to_string", "save_array"]


class HDF5Matrix:
    """Rows of a data set in an HDF5 file, for ``fit`` and its like; they are read when they are asked for.

    Arguments:
        datapath: the file, which stays open.
        dataset: the data set's name.
        start, end: the rows that are meant, by default all.
        normalizer: is given what is read, and returns it changed.

    ``fit``, ``evaluate`` and ``predict`` read all rows at once; a slice, a number, a list of numbers or an array of them reads
    those. Data sets that don't fit into memory go through a ``PyDataset``.

    Raises:
        IndexError: for rows beyond ``end``.
        KeyError: for a data set that is not there.
    """

    refs: ClassVar[dict[str, h5py.File]] = {}

    def __init__(
        self,
        datapath: str | os.PathLike[str],
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        path = os.fspath(datapath)
        file = self.refs.get(path)
        if not file:  # not open, or closed since
            file = self.refs[path] = h5py.File(path, "r")
        if not isinstance(file.get(dataset), h5py.Dataset):
            raise KeyError(f"{path!r} has no data set {dataset!r}; it has {', '.join(file)}.")
        self.data: Any = file[dataset]
        self.start = start
        self.end = self.data.shape[0] if end is None else end
        self.normalizer = normalizer
        first = self.data[0:1]
        self._base_shape = tuple((normalizer(first) if normalizer is not None else first).shape[1:])
        self._base_dtype = (normalizer(first) if normalizer is not None else first).dtype

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        """The rows of a slice, a number or several numbers, counted from ``start``."""
        rows = self._rows(key)
        read = self.data[rows] if not isinstance(rows, np.ndarray) else self._chosen(rows)
        return read if self.normalizer is None else self.normalizer(read)

    def _rows(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            return slice(first + self.start, last + self.start, step)
        if isinstance(key, (int, np.integer)):
            key = int(key) + (len(self) if key < 0 else 0)
            if not 0 <= key < len(self):
                raise IndexError(f"This HDF5Matrix has {len(self)} rows, and was asked for number {key}.")
            return key + self.start
        numbers = np.asarray(key)
        if numbers.dtype == bool:
            numbers = np.flatnonzero(numbers)
        if numbers.size and (numbers.max() >= len(self) or numbers.min() < 0):
            raise IndexError(f"This HDF5Matrix has {len(self)} rows, and was asked for number {numbers.max()}.")
        return numbers + self.start

    def _chosen(self, numbers: np.ndarray) -> np.ndarray:
        """HDF5 reads rows in their order only, each once."""
        unique, where = np.unique(numbers, return_inverse=True)
        return self.data[list(unique)][where] if numbers.size else self.data[0:0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(rows, ...)``."""
        return (len(self), *self._base_shape)

    @property
    def dtype(self) -> np.dtype:
        """Of what is read, normalized."""
        return self._base_dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape))


def save_array(array: Any, name: str) -> None:
    """Write an array to an HDF5 file of its own, as Keras 1 did, there through PyTables."""
    with h5py.File(name, "w") as file:
        file["data"] = np.asarray(array)


def load_array(name: str) -> np.ndarray:
    """The array that :func:`save_array` wrote."""
    with h5py.File(name, "r") as file:
        return np.asarray(file["data"])


def ask_to_proceed_with_overwrite(filepath: str | os.PathLike[str]) -> bool:
    """Ask at the keyboard whether a file is to be written over."""
    answers = {"y": True, "n": False}
    answer = ""
    while answer not in answers:
        answer = input(f"[WARNING] {os.fspath(filepath)} already exists - overwrite? [y/n]").strip().lower()
    return answers[answer]


def path_to_string(path: Any) -> Any:
    """A path as a string; anything else as it is.

    >>> path_to_string("a.h5")
    'a.h5'
    """
    return os.fspath(path) if isinstance(path, os.PathLike) else path
