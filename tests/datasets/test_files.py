"""The readers of data files: what they read, and that a hostile file ends in one ValueError and nothing else."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lamina.datasets import _files


def idx(*shape: int, data: bytes | None = None, magic: int | None = None) -> bytes:
    head = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape) if magic is None else magic, *shape)
    return head + (bytes(range(int(np.prod(shape)))) if data is None else data)


def npy(descr: str, shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def refused(read, path: Path, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        read()
    assert str(path) in str(caught.value)


def test_npz_gives_the_arrays_that_numpy_wrote(path):
    written = {"a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.arange(6, dtype="uint8").reshape(2, 3)),
               "c": np.array(3), "d": np.zeros((0, 4), "float16"), "e": np.array([True])}  # fmt: skip
    with open(path, "wb") as file:
        np.savez_compressed(file, **written)
    for expected, found in zip(written.values(), _files.read_npz(path, tuple(written)), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
        assert found.flags.writeable


def test_npz_never_unpickles(path):
    with open(path, "wb") as file:
        np.savez(file, x=np.array([[1], [2, 3]], dtype=object), allow_pickle=True)
    refused(lambda: _files.read_npz(path, ("x",)), path, "'x.npy' holds object and not plain numbers; lamina unpickles")


@pytest.mark.parametrize(
    ("member", "match"),
    [
        (npy("<f8", "(10**9,)"), "cannot be read"),
        (npy("<f8", "(1000000000, 1000000000)"), "declares the shape .* and holds another number of bytes"),
        (npy("<f8", "(2,)", b"\0" * 8), "declares the shape .* and holds another number of bytes"),
        (npy("<f8", "(1,)", b"\0" * 16), "declares the shape .* and holds another number of bytes"),
        (npy("<f8", "(-1, -1)", b"\0" * 8), "cannot be read"),
        (npy("<U4", "(1,)", b"\0" * 16), "holds <U4 and not plain numbers"),
        (npy("<f8", "(1,)", b"\0" * 8).replace(b"\x01\x00", b"\x09\x00", 1), "unknown version|we only support"),
        (b"", "cannot be read"),
        (b"\x93NUMPY", "cannot be read"),
    ],
)
def test_npz_holds_the_declared_shape_against_the_bytes(path, member, match):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member)
    refused(lambda: _files.read_npz(path, ("x",)), path, match)


def test_npz_refuses_a_size_that_the_archive_cannot_hold(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy("<u1", "(4,)", b"abcd"))
    raw = bytearray(path.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    raw[central + 20 : central + 28] = struct.pack("<II", 2**31, 2**31)  # both sizes
    path.write_bytes(raw)
    refused(lambda: _files.read_npz(path, ("x",)), path, "'x.npy' declares 2147483648 bytes and cannot hold them")


def test_npz_names_what_it_lacks(path):
    with open(path, "wb") as file:
        np.savez(file, y=np.zeros(2))
    refused(lambda: _files.read_npz(path, ("x", "y")), path, r"it has no array 'x', only \['y.npy'\]")


def test_idx_gives_the_bytes(path):
    path.write_bytes(gzip.compress(idx(2, 3, 4), mtime=0))
    found = _files.read_idx(path, ndim=3)
    np.testing.assert_array_equal(found, np.arange(24, dtype="uint8").reshape(2, 3, 4))
    assert found.flags.writeable


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (gzip.compress(idx(2, 3), mtime=0), "it begins with 0x00000802, and bytes in 1 axes with 0x00000801"),
        (gzip.compress(idx(5, magic=0x0D01), mtime=0), "it begins with 0x00000d01"),
        (gzip.compress(idx(2**32 - 1, data=b""), mtime=0), "it declares the shape .4294967295,. and cannot hold it"),
        (gzip.compress(idx(5, data=b"abcd"), mtime=0), "it declares the shape .5,. and holds another number of bytes"),
        (
            gzip.compress(idx(5, data=b"abcdef"), mtime=0),
            "it declares the shape .5,. and holds another number of bytes",
        ),
        (gzip.compress(b"\0\0", mtime=0), "cannot be read"),
        (gzip.compress(idx(200), mtime=0)[:-12], "cannot be read"),
        (b"not gzip at all", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_idx_refuses(path, content, match):
    path.write_bytes(content)
    refused(lambda: _files.read_idx(path, ndim=1), path, match)


def test_changed_bytes_end_in_a_value_error_or_in_data(path):
    with open(path, "wb") as file:
        np.savez_compressed(file, x=np.arange(50.0))
    archive, packed = path.read_bytes(), gzip.compress(idx(200), mtime=0)
    rng = np.random.RandomState(0)
    outcomes = set()
    for content, read in [(archive, lambda: _files.read_npz(path, ("x",))), (packed, lambda: _files.read_idx(path, 1))]:
        for _ in range(400):
            changed = bytearray(content)
            for position in rng.randint(len(content), size=rng.randint(1, 4)):
                changed[position] = rng.randint(256)
            path.write_bytes(changed)
            try:
                read()
                outcomes.add("read")
            except ValueError as error:
                outcomes.add("refused by name" if str(path) in str(error) else str(error))
    assert outcomes == {"read", "refused by name"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are a Unix thing")
def test_a_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    refused(lambda: _files.read_idx(path, ndim=1), path, "is not an ordinary file")
