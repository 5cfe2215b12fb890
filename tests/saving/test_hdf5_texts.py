"""Texts among HDF5's attributes: as h5py reads them, and refused where its library would never end or take gigabytes."""

from __future__ import annotations

import io
import time
from typing import Any

import h5py
import numpy as np
import pytest

from lamina.saving.hdf5 import Group, opened

TEXTS: dict[str, Any] = {
    "short": "x", "none": "", "long": "y" * 60_000, "letters": "\u5c42\u00e9", "list": ["a", "", "\u00e9" * 300] * 40,
    "bytes": np.array([b"ab", b"c"]), "number": 3, "object": np.array(["p", ""], dtype=h5py.string_dtype()),
}  # fmt: skip


def written(**options: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        for name, value in TEXTS.items():
            file.attrs[name] = value
        file.create_group("inner", track_order=True).attrs["short"] = "z"
    return stream.getvalue()


def all_of(group: Any, names: Any) -> dict[str, Any]:
    return {
        name: np.ravel(group.attribute(name) if isinstance(group, Group) else group.attrs[name]).tolist()
        for name in names
    }


@pytest.mark.parametrize("library", ["earliest", "latest"])
@pytest.mark.parametrize("before", [0, 512])
def test_texts_are_those_that_h5py_reads(library: str, before: int):
    data = written(libver=library, userblock_size=before)
    with h5py.File(io.BytesIO(data)) as file, opened(data) as root:
        assert all_of(root, TEXTS) == all_of(file, TEXTS)
        assert root.group("inner").text("short") == "z"
        assert root.text("number") is None
        assert root.attribute("nobody") is None


def references(data: bytes) -> list[int]:
    """Where in a file the references to its heaps are."""
    heap = data.index(b"GCOL").to_bytes(8, "little")
    found, at = [], data.find(heap)
    while at >= 0:
        found.append(at - 4)
        at = data.find(heap, at + 1)
    return found


@pytest.mark.parametrize("change", [b"\xff\xff\xff\xff", b"\0\0\0\x40", b"\xff\xff\0\0"])
def test_a_length_that_the_file_does_not_have(change: bytes):
    data = written()
    [first, *_] = references(data)
    data = data[:first] + change + data[first + 4 :]
    start = time.monotonic()
    with (
        opened(data) as root,
        pytest.raises(
            ValueError,
            match=r"the file, attribute '(short|long|list|letters|object)', can't be read: (a text of|its texts are longer)",
        ),
    ):
        all_of(root, TEXTS)
    assert time.monotonic() - start < 1


def test_damaged_heaps_end():
    """Each byte of the heap's headers in turn is another: what is read is read in time, or refused."""
    data = written()
    start = data.index(b"GCOL")
    refused = 0
    begun = time.monotonic()
    for place in range(start, start + 64):
        for value in (0, 1, 0x7F, 0xFF):
            with opened(data[:place] + bytes([value]) + data[place + 1 :]) as root:
                try:
                    all_of(root, ("short", "none", "letters"))
                except ValueError as error:
                    refused += "can't be read" in str(error)
    assert refused > 50
    assert time.monotonic() - begun < 20


def test_what_is_neither_text_nor_numbers():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["reference"] = file.ref
        file.attrs["compound"] = np.zeros(1, [("a", "i4")])
        lists = np.empty(1, object)
        lists[0] = np.arange(3, dtype=np.int32)
        file.attrs.create("lists", lists, dtype=h5py.vlen_dtype(np.int32))
        file.attrs["empty"] = h5py.Empty("f4")
    with opened(stream.getvalue()) as root:
        for name in ("reference", "compound", "lists"):
            with pytest.raises(ValueError, match=f"the file, attribute '{name}', should be text or numbers, and is"):
                root.attribute(name)
        assert root.attribute("empty") is None
