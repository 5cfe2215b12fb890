"""``.npz`` weights: NumPy's archive of arrays, by the keys of the model's ``state_dict`` or in the order of ``get_weights``.

An array's header is read first; memory is taken only for arrays that have the shape of a weight of the model.
"""

from __future__ import annotations

import io
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.engine.weights import to_numpy
from lamina.saving import named_weights
from lamina.saving.files import open_regular, replacing
from lamina.saving.named_weights import Stored

PICKLED = ("holds Python objects as a pickle, which lamina does not open, nor does Keras 3.15: where it was made, use "
           "numpy.savez(path, *model.get_weights()), or save the model as .h5 or .keras with its weights in HDF5.")  # fmt: skip
_MOST_HEADER = 10_000  # bytes; NumPy's own limit
_KINDS = {"f": "f", "V": "f", "i": "i", "u": "i", "b": "b", "c": "c"}
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a built model's weights in the order of ``get_weights``, under the keys of its ``state_dict``: Keras takes them by
    ``model.set_weights([arrays[name] for name in arrays.files])``. bfloat16, which NumPy lacks, becomes float32."""
    named_weights.require_built(model, "save")
    arrays = {name: to_numpy(weight) for name, weight in named_weights.in_order(model).items()}
    with replacing(path) as written, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set a built model's weights from an archive of arrays: by the keys of its ``state_dict``, by the paths that weights
    have in Keras, or in the order of ``get_weights`` when they have no names (``numpy.savez(path, *model.get_weights())``).

    Raises:
        ValueError: for a file that is not what it should be, or does not fit; the model stays as it was. Pickled arrays, as
            Keras 3's own ``model.weights.npz`` has them, are not opened.
    """
    where = os.fspath(path)
    with open_regular(path) as stream, _opened(stream, where) as archive:
        stored = arrays_in(archive, where)
        numbers = [re.fullmatch(r"arr_(\d{1,6})", name) for name in stored]
        if stored and all(numbers):
            if by_name:
                raise ValueError(
                    f"{where} has arrays without names, so they can't be matched by name: leave out by_name."
                )
            ordered = sorted(stored, key=lambda name: int(name[4:]))
            named_weights.read_in_order(model, [stored[name] for name in ordered], where, skip_mismatch)
        else:
            named_weights.read(model, stored, where, skip_mismatch, by_name)


def _opened(stream: Any, where: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"{where} is not an .npz file (a zip), or is cut off: {error}.") from error


def arrays_in(archive: zipfile.ZipFile, where: str) -> dict[str, Stored]:
    """Each array of an open archive by its name: only the headers are read.

    Raises:
        ValueError: naming the array that is not what it should be.
    """
    stored: dict[str, Stored] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in stored:
            raise ValueError(f"{where} has two arrays named {name!r}.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{where}/{info.filename} is packed by method {info.compress_type}, which .npz files don't have."
            )
        stored[name] = _stored(archive, info, f"{where}/{info.filename}")
    return stored


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Stored:
    try:
        with archive.open(info) as member:
            beginning = io.BytesIO(member.read(_MOST_HEADER + 12))
        shape, fortran, dtype = _header(beginning)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"{where} is no array of NumPy's: {str(error).splitlines()[0] if str(error) else 'it is cut off'}."
                         ) from error  # fmt: skip
    if dtype.hasobject:
        raise ValueError(f"{where} {PICKLED}")
    if dtype.kind not in _KINDS or (dtype.kind == "V" and dtype.itemsize != 2) or dtype.itemsize > 16:
        raise ValueError(f"{where} holds {dtype}, and numbers were expected.")
    wanted = math.prod(shape) * dtype.itemsize
    if beginning.tell() + wanted != info.file_size:
        raise ValueError(f"{where} says that it has shape {shape}, for which {wanted} bytes are needed, and the file holds "
                         f"{info.file_size - beginning.tell()}.")  # fmt: skip
    return Stored(shape, _KINDS[dtype.kind], _reader(archive, info, beginning.tell(), shape, fortran, dtype, where),
                  dtype="bfloat16" if dtype.kind == "V" else dtype.newbyteorder("=").name, bytes=wanted)  # fmt: skip


# The header's text is a dictionary of three entries as Python would write it; NumPy's own reader has Python parse it.
_ENTRY = re.compile(
    r"""['"](descr|fortran_order|shape)['"]\s*:\s*(['"][<>|=]?[a-zA-Z]\d*(?:\[\w+\])?['"]|True|False|\([\dL,\s]*\))"""
)


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise ValueError("it does not begin as one")
    if magic[6:] not in (b"\1\0", b"\2\0"):
        raise ValueError(f"it is of version {'.'.join(map(str, magic[6:]))}")
    length = int.from_bytes(stream.read(2 * magic[6]), "little")
    text = stream.read(length).decode("latin1") if length <= _MOST_HEADER else ""
    entries: dict[str, str] = dict(_ENTRY.findall(text))
    others = _ENTRY.sub("", text).strip()
    if len(text) != length or len(entries) != 3 or others.replace(" ", "") not in ("{,,}", "{,,,}"):
        raise ValueError(f"its header says {text!r:.80}")
    if (
        entries["descr"][0] not in "'\""
        or entries["fortran_order"] not in ("True", "False")
        or entries["shape"][0] != "("
    ):
        raise ValueError(f"its header says {text!r:.80}")
    shape = tuple(int(size.rstrip("L")) for size in entries["shape"][1:-1].replace(" ", "").split(",") if size)
    return shape, entries["fortran_order"] == "True", np.dtype(entries["descr"][1:-1])


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, skipped: int, shape: tuple[int, ...], fortran: bool,
            dtype: np.dtype, where: str) -> Callable[[], torch.Tensor]:  # fmt: skip
    def read() -> torch.Tensor:
        values = np.empty(shape, dtype, order="F" if fortran else "C")
        flat = values.reshape(-1, order="A").view(np.uint8) if values.size else values
        try:
            with archive.open(info) as member:
                member.read(skipped)
                at = 0
                while at < values.nbytes:
                    part = member.read(min(values.nbytes - at, 2**24))
                    if not part:
                        raise ValueError("it is cut off")
                    flat[at : at + len(part)] = np.frombuffer(part, np.uint8)
                    at += len(part)
                member.read(1)  # the end, where zipfile compares the check sum
        except _ARCHIVE_ERRORS as error:
            raise ValueError(f"{where} can't be read: {error}.") from error
        if dtype.kind == "V":  # bfloat16, which NumPy lacks
            return torch.from_numpy(np.ascontiguousarray(values).view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(np.asarray(values.astype(dtype.newbyteorder("="), copy=False), order="C"))

    return read
