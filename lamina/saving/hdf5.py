"""The one way in which lamina reads HDF5: hard-linked groups, and numbers that lie in the file itself.

External and soft links, external storage and virtual data sets can point at other files, filters can load code, and a
data set may declare more than the file holds; all of that is refused before anything is opened or allocated.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import math
import os
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from lamina.saving.files import MAX_RATIO, most_unfolded, open_regular


class _Late:
    """h5py, imported when a file is first opened: that takes as long as importing all of lamina."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("h5py"), name)


h5py: Any = _Late()

_ITEM_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,), "c": (8, 16)}
_MAX_ATTRIBUTE = 2**26


class _Refusal(ValueError):
    """What this module itself has to say; every other error of h5py is put into its words."""


class _Source:
    """The file behind the groups: how large it is, and how many bytes may still be read from it."""

    def __init__(self, size: int, most: int | None = None) -> None:
        self.size = size
        self.left = most_unfolded(size) if most is None else most


class Group:
    """A group of an HDF5 file, read only.

    Arguments:
        group: the h5py group.
        where: the file's name and the path in it, for messages.
    """

    def __init__(self, group: Any, where: str, source: _Source) -> None:
        self._group = group
        self.where = where
        self._source = source

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._source.size

    def __contains__(self, name: str) -> bool:
        with _readable(self.where):
            return self._group.get(name, getlink=True) is not None

    @property
    def address(self) -> int:
        """Where the group is in the file: the same however one comes to it."""
        with _readable(self.where):
            return h5py.h5o.get_info(self._group.id).addr

    def names(self) -> list[str]:
        """The names in the group."""
        with _readable(self.where):
            return list(self._group.keys())

    def is_group(self, name: str) -> bool:
        """Whether there is a group of this name in this group; links that lead elsewhere are refused."""
        return name in self and isinstance(self._member(name), h5py.Group)

    def attribute(self, name: str) -> Any:
        """An attribute of the group, or ``None``."""
        with _readable(self.where):
            return _attribute(self._group, name, self.where)

    def strings(self, name: str) -> list[str] | None:
        """An attribute that is a list of strings, or ``None``. Long ones are kept in pieces: ``name0``, ``name1``, ..."""
        pieces = [name] if self.attribute(name) is not None else [
            f"{name}{number}" for number in itertools.takewhile(lambda number: self.attribute(f"{name}{number}") is not None,
                                                               itertools.count())]  # fmt: skip
        if not pieces:
            return None
        items = [item for piece in pieces for item in np.ravel(self.attribute(piece))]
        found = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in items]
        if not all(isinstance(item, str) for item in found):
            raise _Refusal(f"The attribute {name!r} of {self.where} should be a list of names.")
        return found

    def group(self, name: str) -> Group:
        """The group inside this one.

        Raises:
            ValueError: when it is missing, or is not a group of this file.
        """
        found = self._member(name)
        if not isinstance(found, h5py.Group):
            raise _Refusal(f"{self.where}/{name} should be a group, and is a data set.")
        return Group(found, f"{self.where}/{name}", self._source)

    def find(self, path: str) -> Group | None:
        """The group at ``path``, or ``None`` when there is none."""
        found: Group = self
        for part in path.split("/"):
            if part not in found:
                return None
            found = found.group(part)
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a data set, which has been checked to hold as many numbers as it says."""
        return tuple(self._dataset(name).shape)

    def read(self, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The numbers of a data set; ``shape`` is what they must have. bfloat16, which NumPy lacks, becomes float32."""
        where = f"{self.where}/{name}"
        dataset = self._dataset(name)
        if shape is not None and tuple(dataset.shape) != tuple(shape):
            raise _Refusal(f"{where} has shape {tuple(dataset.shape)}, and the model needs {tuple(shape)}.")
        with _readable(where):
            size = math.prod(dataset.shape) * dataset.dtype.itemsize
            if size > self._source.left:
                raise _Refusal(f"{where} is read after so much else that the file can't hold it all.")
            self._source.left -= size
            values = dataset[()] if dataset.shape == () else np.empty(dataset.shape, dataset.dtype)
            if size and dataset.shape != ():
                dataset.read_direct(values)
            values = np.asarray(values)
            if dataset.dtype.kind == "V":
                return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            return values.astype(values.dtype.newbyteorder("="), copy=False)

    def read_at(self, path: str) -> np.ndarray:
        """The numbers of the data set at a path below this group, which a list of names in the file gives."""
        inner, name = self._at(path)
        return inner.read(name)

    def shape_at(self, path: str) -> tuple[int, ...]:
        """The shape of the data set at a path below this group."""
        inner, name = self._at(path)
        return inner.shape(name)

    def _at(self, path: str) -> tuple[Group, str]:
        above, _, name = path.strip("/").rpartition("/")
        inner = self.find(above) if above else self
        if inner is None or name not in inner:
            raise _Refusal(f"{self.where} has no {path!r}, which its list of weights names.")
        return inner, name

    def weights(self) -> Iterator[str]:
        """The path of every group named ``vars``, below this one, that has something in it."""
        pending: list[tuple[Group, str]] = [(self, "")]
        seen = {self.address}
        while pending:
            group, path = pending.pop()
            for name in group.names():
                if not group.is_group(name):
                    continue
                inner, place = group.group(name), f"{path}/{name}".lstrip("/")
                if inner.address in seen:  # a group may be inside itself
                    continue
                seen.add(inner.address)
                if name == "vars" and inner.names():
                    yield place
                pending.append((inner, place))

    def _member(self, name: str) -> Any:
        where = f"{self.where}/{name}"
        with _readable(where):
            link = self._group.get(name, getlink=True)
            if link is None:
                raise _Refusal(f"{self.where} has no {name!r}; it has {', '.join(self.names()[:20]) or 'nothing'}.")
            if not isinstance(link, h5py.HardLink):
                raise _Refusal(
                    f"{where} is a link to another place ({type(link).__name__}), which lamina does not follow."
                )
            return self._group[name]

    def _dataset(self, name: str) -> Any:
        where = f"{self.where}/{name}"
        found = self._member(name)
        if not isinstance(found, h5py.Dataset):
            raise _Refusal(f"{where} should be a data set, and is a group or a type.")
        with _readable(where):
            # The layout first: to ask a virtual data set for its shape would open the files that it is made of.
            made = found.id.get_create_plist()
            if (
                made.get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
                or made.get_external_count()
            ):
                raise _Refusal(f"{where} keeps its numbers in other files, which lamina does not read.")
            filters = {made.get_filter(index)[0] for index in range(made.get_nfilters())}
            # These are part of HDF5 itself; any other would be a library that is loaded to read the data.
            known = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
            if not filters <= known:
                raise _Refusal(f"{where} is packed by filter {min(filters - known)}, which lamina does not load.")
            _check_type(found, where)
            self._check_size(found, bool(filters), where)
        return found

    def _check_size(self, found: Any, packed: bool, where: str) -> None:
        if found.shape is None:
            raise _Refusal(f"{where} is empty.")
        stored = min(found.id.get_storage_size(), self._source.size)
        allowed = stored * (MAX_RATIO if packed else 1)
        # A chunk is unpacked whole, also when the data set uses little of it.
        for sizes in (found.shape, found.chunks or ()):
            wanted = math.prod(sizes) * found.dtype.itemsize
            if math.prod(found.shape) and wanted > min(allowed, max(self._source.left, stored)):
                raise _Refusal(f"{where} says that it has shape {tuple(found.shape)}, for which {wanted} bytes are needed, "
                               f"and the file holds {stored}.")  # fmt: skip


def _check_type(found: Any, where: str) -> None:
    dtype = found.dtype
    if dtype.kind == "V" and dtype.itemsize == 2 and _attribute(found, "dtype", where) == "bfloat16":
        return
    if dtype.itemsize not in _ITEM_SIZES.get(dtype.kind, ()):
        raise _Refusal(f"{where} holds {dtype}, and numbers were expected.")


def _attribute(found: Any, name: str, where: str) -> Any:
    if name not in found.attrs:
        return None
    stored = found.attrs.get_id(name)
    if math.prod(stored.shape) * stored.dtype.itemsize > _MAX_ATTRIBUTE:
        raise _Refusal(f"The attribute {name!r} of {where} says that it has shape {stored.shape}, which is too much.")
    value = found.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    """Inside, what h5py can't read becomes a ``ValueError`` that says where."""
    try:
        yield
    except _Refusal:
        raise
    except Exception as error:
        raise ValueError(f"{where} can't be read: {error}.") from error


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | bytes, name: str | None = None, most: int | None = None) -> Iterator[Group]:
    """The root group of an HDF5 file, from a path or from bytes in memory. ``most`` is how many bytes of numbers may be read
    from it, where that isn't for its own size to say."""
    where = name or (os.fspath(source) if not isinstance(source, bytes) else "the file")
    stream: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
    with stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            file = h5py.File(stream, "r")
        except Exception as error:
            raise ValueError(f"{where} is not an HDF5 file, or is cut off: {error}.") from error
        with file:
            yield Group(file, str(where), _Source(size, most))
