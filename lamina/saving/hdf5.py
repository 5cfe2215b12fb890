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
import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from lamina.saving.files import MAX_RATIO, Part, most_unfolded, open_regular
from lamina.saving.hdf5_texts import texts_of


class _Late:
    """h5py, imported when a file is first opened: that takes as long as importing all of lamina."""

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(importlib.import_module("h5py"), name)
        return found


h5py: Any = _Late()

_ITEM_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,), "c": (8, 16)}
_MAX_ATTRIBUTE = 2**26


class _Refusal(ValueError):
    """What this module itself has to say; every other error of h5py is put into its words."""


class _Source:
    """The file behind the groups: its bytes, how many they are, and how many may still be read from it."""

    def __init__(self, stream: IO[bytes] | Part, size: int, most: int | None = None) -> None:
        self.stream = stream
        self.size = size
        self.left = most_unfolded(size) if most is None else most

    def spend(self, size: int, where: str) -> None:
        """Note that so much is read; a file's groups may name one data set any number of times."""
        if size > self.left:
            raise _Refusal(f"{where} is read after so much else that the file can't hold it all.")
        self.left -= size


class Group:
    """A group of an HDF5 file, read only.

    Arguments:
        group: the h5py group.
        where: the file's name and the path in it, for messages.
    """

    def __init__(self, group: Any, where: str, source: _Source) -> None:
        self._group = group
        self._id = group.id
        self.where = where
        self._source = source
        self._inner: dict[str, Group] = {}
        self._numbers: dict[str, Numbers] = {}

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._source.size

    def __contains__(self, name: str) -> bool:
        with _readable(self.where):
            return self._is_there(name)

    @property
    def address(self) -> int:
        """Where the group is in the file: the same however one comes to it."""
        with _readable(self.where):
            return h5py.h5o.get_info(self._id).addr

    def names(self) -> list[str]:
        """The names in the group."""
        with _readable(self.where):
            return list(self._group.keys())

    def is_group(self, name: str) -> bool:
        """Whether there is a group of this name in this group; links that lead elsewhere are refused."""
        return name in self._inner or (name in self and isinstance(self._member(name), h5py.h5g.GroupID))

    def attribute(self, name: str) -> Any:
        """An attribute of the group, or ``None``."""
        with _readable(self.where):
            return _attribute(self._group, name, self.where, self._source)

    def text(self, name: str) -> str | None:
        """An attribute that is a text; ``None`` where there is none, or something else."""
        found = self.attribute(name)
        return found if isinstance(found, str) else None

    def strings(self, name: str) -> list[str] | None:
        """An attribute that is a list of strings, or ``None``. Long ones are kept in pieces: ``name0``, ``name1``, ..."""
        whole = self.attribute(name)
        pieces = [whole] if whole is not None else list(itertools.takewhile(
            lambda piece: piece is not None, (self.attribute(f"{name}{number}") for number in itertools.count())))  # fmt: skip
        if not pieces:
            return None
        items = [item for piece in pieces for item in np.ravel(piece)]
        found = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in items]
        if not all(isinstance(item, str) for item in found):
            raise _Refusal(f"{self.where}, attribute {name!r}, should be a list of names.")
        return found

    def group(self, name: str) -> Group:
        """The group inside this one.

        Raises:
            ValueError: when it is missing, or is not a group of this file.
        """
        if name not in self._inner:
            found = self._member(name)
            if not isinstance(found, h5py.h5g.GroupID):
                raise _Refusal(f"{self.where}/{name} should be a group, and is a data set.")
            self._inner[name] = Group(h5py.Group(found), f"{self.where}/{name}", self._source)
        return self._inner[name]

    def find(self, path: str) -> Group | None:
        """The group at ``path``, or ``None`` when there is none."""
        found: Group = self
        for part in path.split("/"):
            if part not in found._inner and part not in found:
                return None
            found = found.group(part)
        return found

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> Numbers:
        """A data set, which has been checked to hold as many numbers as it says; ``shape`` is what it must have."""
        where = f"{self.where}/{name}"
        numbers = self._numbers.get(name)
        if numbers is None:
            found = self._member(name)
            if not isinstance(found, h5py.h5d.DatasetID):
                raise _Refusal(f"{where} should be a data set, and is a group or a type.")
            numbers = self._numbers[name] = Numbers(found, where, self._source)
        if shape is not None and numbers.shape != tuple(shape):
            raise _Refusal(f"{where} has shape {numbers.shape}, and the model needs {tuple(shape)}.")
        return numbers

    def entry(self, name: str) -> tuple[tuple[int, ...], str, int]:
        """The shape of a data set, the type of its numbers and how many bytes they take, without reading them."""
        found = self.numbers(name)
        return found.shape, "bfloat16" if found.is_bfloat16 else found.dtype.name, found.size

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a data set, which has been checked to hold as many numbers as it says."""
        return self.numbers(name).shape

    def read(self, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The numbers of a data set; ``shape`` is what they must have. bfloat16, which NumPy lacks, becomes float32."""
        return self.numbers(name, shape).read()

    def numbers_at(self, path: str) -> Numbers:
        """The data set at a path below this group, which a list of names in the file gives."""
        above, _, name = path.strip("/").rpartition("/")
        inner = self.find(above) if above else self
        if inner is None or name not in inner:
            raise _Refusal(f"{self.where} has no {path!r}, which its list of weights names.")
        return inner.numbers(name)

    def read_at(self, path: str) -> np.ndarray:
        """The numbers of the data set at a path below this group."""
        return self.numbers_at(path).read()

    def shape_at(self, path: str) -> tuple[int, ...]:
        """The shape of the data set at a path below this group."""
        return self.numbers_at(path).shape

    def weights(self) -> Iterator[str]:
        """The path of every group named ``vars``, below this one, that has something in it."""
        pending: list[tuple[Group, str]] = [(self, "")]
        seen = {self.address}
        while pending:
            group, path = pending.pop()
            names = group.names()
            if names and path.rpartition("/")[2] == "vars":
                yield path
            for name in names:
                if not group.is_group(name):
                    continue
                inner = group.group(name)
                if inner.address not in seen:  # a group may be inside itself
                    seen.add(inner.address)
                    pending.append((inner, f"{path}/{name}".lstrip("/")))

    def _is_there(self, name: str) -> bool:
        """Whether a name, or each part of a path, is that of something in the group."""
        above, _, last = name.rpartition("/")
        if above:
            return self.find(above) is not None and last in self.group(above)
        return last not in ("", ".") and "\0" not in last and self._id.links.exists(_encoded(last))

    def _member(self, name: str) -> Any:
        """What is at a name, or a path: every step on the way there is a hard link."""
        above, _, last = name.rpartition("/")
        if above:
            inner = self.find(above)
            if inner is None:
                raise _Refusal(f"{self.where} has no {above!r}.")
            return inner._member(last)
        where = f"{self.where}/{name}"
        with _readable(where):
            if not self._is_there(name):
                raise _Refusal(f"{self.where} has no {name!r}; it has {', '.join(self.names()[:20]) or 'nothing'}.")
            kind = self._id.links.get_info(_encoded(name)).type
            if kind != h5py.h5l.TYPE_HARD:
                told = {h5py.h5l.TYPE_SOFT: "SoftLink", h5py.h5l.TYPE_EXTERNAL: "ExternalLink"}.get(kind, "of a user's")
                raise _Refusal(f"{where} is a link to another place ({told}), which lamina does not follow.")
            return h5py.h5o.open(self._id, _encoded(name))


class Numbers:
    """A data set that was looked at: its type is one of numbers, they lie in this file, and it holds as many as it says.

    Attributes:
        where: the file's name and the path in it.
        shape: its shape.
        dtype: of the array that :meth:`read` gives.
        start: the place in the file where the numbers lie one after the other as they will in memory, or ``None`` where
            they are packed, or of another order of bytes, and only :meth:`read` can tell them.
    """

    def __init__(self, dataset: Any, where: str, source: _Source) -> None:
        self._dataset = dataset
        self._source = source
        self.where = where
        with _readable(where):
            # The layout first: to ask a virtual data set for its shape would open the files that it is made of.
            made = dataset.get_create_plist()
            layout = made.get_layout()
            if layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED) or made.get_external_count():
                raise _Refusal(f"{where} keeps its numbers in other files, which lamina does not read.")
            filters = {made.get_filter(index)[0] for index in range(made.get_nfilters())}
            # These are part of HDF5 itself; any other would be a library that is loaded to read the data.
            known = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
            if not filters <= known:
                raise _Refusal(f"{where} is packed by filter {min(filters - known)}, which lamina does not load.")
            self._stored = dataset.dtype
            self._check_type()
            if dataset.shape is None:
                raise _Refusal(f"{where} is empty.")
            self.shape = tuple(dataset.shape)
            self.size = math.prod(self.shape) * self._stored.itemsize
            self._check_size(made.get_chunk() if layout == h5py.h5d.CHUNKED else (), bool(filters))
            self.is_bfloat16 = self._stored.kind == "V"
            self.dtype = np.dtype(np.float32) if self.is_bfloat16 else self._stored.newbyteorder("=")
            self.start = self._place() if layout == h5py.h5d.CONTIGUOUS and self.size else None

    def read(self) -> np.ndarray:
        """All numbers. bfloat16, which NumPy lacks, becomes float32."""
        self._source.spend(self.size, self.where)
        with _readable(self.where):
            values = np.empty(self.shape, self._stored)
            if self.size:
                self._dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
            if self.is_bfloat16:
                return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            return values.astype(self.dtype, copy=False)

    def read_into(self, memory: memoryview, first: int = 0) -> None:
        """Fill memory with the bytes from ``start + first`` on."""
        self._source.stream.seek((self.start or 0) + first)
        done = 0
        while done < len(memory):
            count = self._source.stream.readinto(memory[done:])  # pyright: ignore[reportAttributeAccessIssue]
            if not count:
                raise ValueError(f"{self.where} can't be read: the file ends before its numbers do.")
            done += count

    def spend(self) -> None:
        """Note that the numbers will be read by :meth:`read_into`."""
        self._source.spend(self.size, self.where)

    def _place(self) -> int | None:
        kind = self._dataset.get_type()
        if not self.is_bfloat16 and kind != h5py.h5t.py_create(self.dtype):
            return None
        start = self._dataset.get_offset()
        return start if start is not None and start + self.size <= self._source.size else None

    def _check_type(self) -> None:
        dtype = self._stored
        named = h5py.Dataset(self._dataset)
        if (
            dtype.kind == "V"
            and dtype.itemsize == 2
            and _attribute(named, "dtype", self.where, self._source) == "bfloat16"
        ):
            return
        if dtype.itemsize not in _ITEM_SIZES.get(dtype.kind, ()):
            raise _Refusal(f"{self.where} holds {dtype}, and numbers were expected.")

    def _check_size(self, chunks: tuple[int, ...], packed: bool) -> None:
        stored = min(self._dataset.get_storage_size(), self._source.size)
        allowed = stored * (MAX_RATIO if packed else 1)
        # A chunk is unpacked whole, also when the data set uses little of it.
        for sizes in (self.shape, chunks):
            wanted = math.prod(sizes) * self._stored.itemsize
            if self.size and wanted > min(allowed, max(self._source.left, stored)):
                raise _Refusal(f"{self.where} says that it has shape {self.shape}, for which {wanted} bytes are needed, "
                               f"and the file holds {stored}.")  # fmt: skip


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _attribute(found: Any, name: str, where: str, source: _Source) -> Any:
    if not h5py.h5a.exists(found.id, _encoded(name)):
        return None
    stored = h5py.h5a.open(found.id, _encoded(name))
    dtype, shape = stored.dtype, stored.shape
    if dtype.kind not in "SOiufb" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is None):
        raise _Refusal(f"{where}, attribute {name!r}, should be text or numbers, and is {dtype}.")
    if shape is None:
        return None
    if math.prod(shape) * dtype.itemsize > min(_MAX_ATTRIBUTE, max(source.size, 2**16)):
        raise _Refusal(f"{where}, attribute {name!r}, says that it has shape {shape}, which is too much.")
    if dtype.kind == "O":
        return _texts(found, name, where, source, shape)
    value = found.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _texts(found: Any, name: str, where: str, source: _Source, shape: tuple[int, ...]) -> Any:
    """Texts of any length, which HDF5's own library does not read safely."""
    made = found.file.id.get_create_plist()
    start = made.get_userblock()

    def read(address: int, size: int) -> bytes:
        if not 0 <= size <= source.size or not 0 <= address <= source.size - start - size:
            raise ValueError(f"{size} bytes at {address} go beyond the file's {source.size}")
        source.stream.seek(start + address)
        return source.stream.read(size)

    try:
        if made.get_sizes()[0] != 8:
            raise ValueError("its file has addresses of an unusual size")
        texts = texts_of(read, h5py.h5o.get_info(found.id).addr, _encoded(name), math.prod(shape), source.size)
    except (ValueError, struct.error) as error:
        raise _Refusal(f"{where}, attribute {name!r}, can't be read: {error}.") from None
    decoded = [text.rstrip(b"\0").decode("utf-8", "replace") for text in texts]
    return decoded[0] if shape == () else np.array(decoded, dtype=object).reshape(shape)


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
def opened(
    source: str | os.PathLike[str] | bytes | Part, name: str | None = None, most: int | None = None
) -> Iterator[Group]:
    """The root group of an HDF5 file, from a path, from bytes in memory or from a part of a file. ``most`` is how many bytes of
    numbers may be read from it, where that isn't for its own size to say."""
    where = name or (os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the file")
    stream: IO[bytes] | Part = (io.BytesIO(source) if isinstance(source, bytes) else source if isinstance(source, Part)
                                else open_regular(source))  # fmt: skip
    with stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            file = h5py.File(stream, "r")
        except Exception as error:
            raise ValueError(f"{where} is not an HDF5 file, or is cut off: {error}.") from error
        with file:
            yield Group(file, str(where), _Source(stream, size, most))
