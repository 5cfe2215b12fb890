"""Files of torch's (``.pt``, ``.pth``): a ``state_dict``, read by that reader of torch's which makes only tensors."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import torch

from lamina.dtypes import dtype_name
from lamina.saving import named_weights
from lamina.saving.files import open_regular, replacing
from lamina.saving.named_weights import Stored, kind_of_dtype

# The first torch whose reader of weights has no known hole (CVE-2025-32434, CVE-2026-24747).
SAFE_TORCH = (2, 10)
# Under what training scripts keep the weights, beside epochs and optimizers.
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "weights", "params", "ema")


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a built model's ``state_dict``, as ``torch.save`` does."""
    named_weights.require_built(model, "save")
    packed = io.BytesIO()  # torch's own writer of files does not say why it failed
    torch.save(model.state_dict(), packed)
    with replacing(path) as written, open(written, "wb") as file:
        file.write(packed.getbuffer())


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set a built model's weights from a file of ``torch.save(model.state_dict(), path)``. What torch's wrappers put before the
    keys (``module.``, ``_orig_mod.``) is left out, and weights that are kept beside other things are found.

    Raises:
        ValueError: for a file that is not what it should be, or does not fit; for a torch whose reader is not safe.
    """
    where = os.fspath(path)
    state = state_in(path)
    stored = tensors_in(state, where)
    found = getattr(state, "_metadata", None)
    versions = {place: said.get("version") for place, said in found.items() if isinstance(said, Mapping)
                } if isinstance(found, Mapping) else None  # fmt: skip
    named_weights.read(model, stored, where, skip_mismatch, by_name, versions)


def tensors_in(state: Mapping[str, Any], where: str) -> dict[str, Stored]:
    """Each tensor of a ``state_dict`` by its key.

    Raises:
        ValueError: for anything but tensors, and what torch's modules keep beside them.
    """
    stored: dict[str, Stored] = {}
    for key, value in state.items():
        if isinstance(key, str) and isinstance(value, torch.Tensor):
            stored[key] = _stored(value)
        elif not (isinstance(key, str) and key.endswith("_extra_state")):
            raise ValueError(f"{where} has {key!r:.60} of type {type(value).__name__} among the weights, and a state_dict of "
                             "tensors was expected.")  # fmt: skip
    return stored


def _stored(tensor: torch.Tensor) -> Stored:
    plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta
    return Stored(tuple(tensor.shape), kind_of_dtype(tensor.dtype) if plain else "", lambda: tensor,
                  dtype=dtype_name(tensor.dtype), bytes=tensor.numel() * tensor.element_size())  # fmt: skip


def state_in(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """The ``state_dict`` in a file: the file itself, or what it keeps under a usual name.

    Raises:
        ValueError: for a file with anything but tensors, numbers, strings and containers in it.
    """
    where = os.fspath(path)
    if _version(torch.__version__) < SAFE_TORCH:
        raise ValueError(f"{where} is a pickle of torch's, and torch {torch.__version__} does not read those safely: install "
                         f"torch {'.'.join(map(str, SAFE_TORCH))} or later, or use .safetensors.")  # fmt: skip
    with open_regular(path) as stream:
        _check_sizes(stream, where)
        stream.seek(0)
        try:
            found = torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever torch makes of a broken file
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            if "nsupported" in str(error) or "Weights only" in said:
                raise ValueError(f"{where} holds more than tensors (a whole module?), whose code lamina does not run: where it "
                                 "was made, use torch.save(module.state_dict(), path).") from error  # fmt: skip
            raise ValueError(f"{where} is not a file of torch's, or is cut off: {said:.200}.") from error
    for name in _WRAPPERS:
        if (
            isinstance(found, Mapping)
            and isinstance(found.get(name), Mapping)
            and found[name]
            and all(isinstance(value, torch.Tensor) for value in found[name].values())
        ):
            return found[name]
    if not isinstance(found, Mapping):
        raise ValueError(f"{where} holds {type(found).__name__}, and a state_dict of tensors by name was expected.")
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _check_sizes(stream: Any, where: str) -> None:
    """torch keeps tensors as they are, in a zip; what unfolds to more than it takes in the file was not written by torch."""
    if not zipfile.is_zipfile(stream):
        raise ValueError(
            f"{where} was written by a torch before 1.6, or is cut off: open it there, and torch.save it again."
        )
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ValueError(f"{where} is not a file of torch's, or is cut off: {error}.") from error
    size = os.fstat(stream.fileno()).st_size
    packed = next((info.filename for info in members if info.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None or sum(info.file_size for info in members) > size:
        raise ValueError(f"{where} has members that take more than the file holds, which torch does not write.")
