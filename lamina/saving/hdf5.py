"""The one way in which lamina reads HDF5: hard-linked groups, and numbers that lie in the file itself.

External and soft links, external storage and virtual data sets can point at other files, and a data set may declare
more than the file holds; all of that is refused before anything is opened or allocated.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import IO, Any

import h5py
import numpy as np

from lamina.saving.files import open_regular

# Compressed data may unfold to this many times its size in the file, which zlib reaches only on constant data.
MAX_RATIO = 1100


class Group:
    """A group of an HDF5 file, read only.

    Arguments:
        group: the h5py group.
        where: the file's name and the path in it, for messages.
    """

    def __init__(self, group: Any, where: str) -> None:
        self._group = group
        self.where = where

    def __contains__(self, name: str) -> bool:
        return self._group.get(name, getlink=True) is not None if "/" not in name else self._walk(name) is not None

    def names(self) -> list[str]:
        """The names in the group."""
        return list(self._group.keys())

    def attribute(self, name: str) -> Any:
        """An attribute of the group, or ``None``."""
        return self._group.attrs.get(name)

    def group(self, name: str) -> Group:
        """The group inside this one.

        Raises:
            ValueError: when it is missing, or is not a group of this file.
        """
        found = self._member(name)
        if not isinstance(found, h5py.Group):
            raise ValueError(f"{self.where}/{name} should be a group, and is a data set.")
        return Group(found, f"{self.where}/{name}")

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a data set, which has been checked to hold as many numbers as it says."""
        return tuple(self._dataset(name).shape)

    def read(self, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The numbers of a data set; ``shape`` is what they must have."""
        dataset = self._dataset(name)
        if shape is not None and tuple(dataset.shape) != tuple(shape):
            raise ValueError(f"{self.where}/{name} has shape {tuple(dataset.shape)}, and the model needs {tuple(shape)}.")
        values = np.empty(dataset.shape, dataset.dtype)
        if values.size:
            try:
                dataset.read_direct(values)
            except OSError as error:
                raise ValueError(f"{self.where}/{name} can't be read: {error}.") from None
        elif dataset.shape == ():
            values[()] = dataset[()]
        if str(dataset.attrs.get("dtype", "")) == "bfloat16":
            return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return values

    def _walk(self, path: str) -> Any:
        group: Group | None = self
        *parents, last = path.split("/")
        for part in parents:
            if group is None or part not in group:
                return None
            group = group.group(part)
        return group if group is not None and last in group else None

    def _member(self, name: str) -> Any:
        link = self._group.get(name, getlink=True)
        if link is None:
            raise ValueError(f"{self.where} has no {name!r}; it has {', '.join(self.names()) or 'nothing'}.")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{self.where}/{name} is a link out of its place ({type(link).__name__}), which lamina does "
                             "not follow.")  # fmt: skip
        return self._group[name]

    def _dataset(self, name: str) -> Any:
        where = f"{self.where}/{name}"
        found = self._member(name)
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{where} should be a data set, and is a group.")
        if found.external is not None or found.is_virtual:
            raise ValueError(f"{where} keeps its numbers in another file, which lamina does not read.")
        is_bfloat = found.dtype.kind == "V" and found.dtype.itemsize == 2 and found.attrs.get("dtype") == "bfloat16"
        if found.dtype.kind not in "fiub" and not is_bfloat:
            raise ValueError(f"{where} holds {found.dtype}, and numbers were expected.")
        if found.shape is None:
            raise ValueError(f"{where} is empty.")
        wanted = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
        stored = found.id.get_storage_size()
        allowed = stored if found.chunks is None else stored * MAX_RATIO
        if wanted > allowed:
            raise ValueError(f"{where} says it has shape {tuple(found.shape)}, which is {wanted} bytes, and the file holds "
                             f"{stored}.")  # fmt: skip
        return found


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | bytes, name: str | None = None) -> Iterator[Group]:
    """The root group of an HDF5 file, from a path or from bytes in memory."""
    where = name or (os.fspath(source) if not isinstance(source, bytes) else "the file")
    stream: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
    with stream:
        try:
            file = h5py.File(stream, "r")
        except OSError as error:
            raise ValueError(f"{where} is not an HDF5 file, or is cut off: {error}.") from None
        with file:
            yield Group(file, str(where))
