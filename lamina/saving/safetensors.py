"""``.safetensors``: a header of JSON that says where each tensor lies, then the tensors' bytes. No other package is needed.

The whole header is checked before memory is taken: the tensors lie one after the other, without gap or overlap, and each is
as long as its shape and type say.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import IO, Any, cast

import numpy as np
import torch

from lamina.dtypes import dtype_name
from lamina.saving import named_weights, older_keys
from lamina.saving.files import open_regular, read_json, replacing
from lamina.saving.kinds import MAX_SAFETENSORS_HEADER
from lamina.saving.named_weights import Stored, kind_of_dtype

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U64": torch.uint64, "U32": torch.uint32,
    "U16": torch.uint16, "U8": torch.uint8, "BOOL": torch.bool, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_METADATA, _ALIGNED = "__metadata__", 8
_KEYS_VERSION = "lamina_keys"


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a built model's weights under the keys of its ``state_dict``; what else is known goes into the metadata: that they
    are PyTorch's (``format``), and lamina's, with the names of the layers in their order.

    Raises:
        ValueError: when the model is not built, or holds numbers of a type that the format lacks.
    """
    tensors = named_weights.to_keep(model)
    header: dict[str, Any] = {_METADATA: {
        "format": "pt", "lamina": "weights", _KEYS_VERSION: str(older_keys.VERSION),
        "layers": json.dumps(_layers(model))}}  # fmt: skip
    # Wide types first, as the format's own writer has it: then each tensor is aligned to its own size.
    header |= dict.fromkeys(tensors)  # in the model's order
    order = sorted(tensors, key=lambda key: (-tensors[key].dtype.itemsize, key))
    at = 0
    for key in order:
        tensor = tensors[key]
        if tensor.dtype not in _NAMES:
            raise ValueError(
                f"{key!r} is of type {tensor.dtype}, which .safetensors files don't have.".replace("torch.", "")
            )
        size = tensor.numel() * tensor.dtype.itemsize
        header[key] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    with replacing(path) as written, open(written, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for key in order:
            file.write(_bytes(tensors[key]))


def _layers(model: Any) -> list[str]:
    return [str(getattr(layer, "name", type(layer).__name__)) for layer in model.layers]


def _bytes(tensor: torch.Tensor) -> Any:
    """The numbers in the order of their axes, which NumPy turns faster than torch; of types that it lacks, the bits."""
    if tensor.dtype in _BITS:
        tensor = tensor.view(_BITS[tensor.dtype])
    return np.ascontiguousarray(tensor.numpy()).reshape(-1).view(np.uint8).data


_BITS = {torch.bfloat16: torch.int16, torch.float8_e4m3fn: torch.int8, torch.float8_e5m2: torch.int8}


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set a built model's weights from a file whose keys are those of its ``state_dict``, whoever wrote it.

    Raises:
        ValueError: for a file that is not what it should be, or does not fit; the model stays as it was.
    """
    with open_regular(path) as stream:
        metadata, stored = tensors_in(stream, os.fspath(path))
        version = metadata.get(_KEYS_VERSION, "")
        is_known = version.isdigit() and len(version) < 5
        versions = {place: int(version) for place, _ in model.named_modules()} if is_known else None
        named_weights.read(model, stored, os.fspath(path), skip_mismatch, by_name, versions)


def tensors_in(stream: IO[bytes], where: str) -> tuple[dict[str, str], dict[str, Stored]]:
    """The metadata, and each tensor by its key, of an open file: its header alone is read.

    Raises:
        ValueError: naming what of it is not as it should be.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_SAFETENSORS_HEADER):
        raise ValueError(f"{where} is not a .safetensors file, or is cut off: its header should have {length} bytes, and the "
                         f"file has {size}.")  # fmt: skip
    header = read_json(stream.read(length), f"{where}, header")
    if not isinstance(header, dict):
        raise ValueError(f"{where}: the header should be a dictionary, and is {header!r:.40}.")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{where}: the metadata should be a dictionary of strings.")
    start, at = 8 + length, 0
    spans = {key: _span(entry, f"{where}, {key!r}") for key, entry in header.items()}
    for key, (_, shape, begin, end) in sorted(spans.items(), key=lambda item: item[1][2:]):
        if begin != at:
            raise ValueError(f"{where}, {key!r}: the bytes begin at {begin}, and those before end at {at}.")
        if start + end > size:
            raise ValueError(
                f"{where} is cut off: {key!r} of shape {shape} ends at byte {start + end}, and the file has {size}."
            )
        at = end
    if start + at != size:
        raise ValueError(f"{where} has {size - start - at} bytes after its tensors, which it does not explain.")
    return metadata, {key: Stored(shape, kind_of_dtype(dtype), _reader(stream, start + begin, dtype, shape, where), True,
                                  dtype_name(dtype), end - begin)
                      for key, (dtype, shape, begin, end) in spans.items()}  # fmt: skip


def _span(entry: Any, where: str) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    """A tensor's type, shape, and where it begins and ends."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{where}: dtype, shape and data_offsets were expected, and it says {entry!r:.80}.")
    dtype = _TYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise ValueError(f"{where} is of type {entry['dtype']!r:.40}, which lamina does not know.")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError(
                f"{where}: shape and data_offsets should be lists of whole numbers, and it says {entry!r:.80}."
            )
    wanted = math.prod(shape) * dtype.itemsize
    if len(shape) > 64 or len(offsets) != 2 or offsets[1] - offsets[0] != wanted:
        raise ValueError(
            f"{where}: shape {tuple(shape)!s:.80} takes {wanted} bytes, and data_offsets are {offsets!s:.80}."
        )
    return dtype, tuple(shape), offsets[0], offsets[1]


def _reader(stream: IO[bytes], begin: int, dtype: torch.dtype, shape: tuple[int, ...], where: str
            ) -> Callable[[], torch.Tensor]:  # fmt: skip
    def read() -> torch.Tensor:
        tensor = torch.empty(shape, dtype=dtype)
        if tensor.numel():
            buffer = memoryview(cast(Any, tensor.reshape(-1).view(torch.uint8).numpy()))
            stream.seek(begin)
            if stream.readinto(buffer) != len(buffer):  # pyright: ignore[reportAttributeAccessIssue]
                raise ValueError(f"{where} was cut off while it was read.")
        return tensor

    return read
