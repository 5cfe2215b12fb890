"""``.keras``: a zip of ``metadata.json``, ``config.json`` and ``model.weights.h5``, as Keras 3 writes it."""

from __future__ import annotations

import datetime
import json
import os
import zipfile
from typing import Any

from lamina.layers.weights import without_memory
from lamina.registry import CustomObjectScope, deserialize, serialize
from lamina.saving import weights_h5
from lamina.saving.files import open_regular, read_json, replacing
from lamina.saving.hdf5 import opened

# The format's version is that of the Keras whose layout is written.
KERAS_VERSION = "3.15.1"
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MAX_JSON_BYTES = 256 * 2**20
# A deflated member may unfold to this many times its size; Keras stores its members as they are.
MAX_RATIO = 1100


def save(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the whole model: how it is made, its weights, and how it trains.

    Raises:
        ValueError: when the name does not end in ``.keras``, the model is not built, the file exists and ``overwrite``
            is off, or a part of the model can't be described.
    """
    if not str(path).endswith(".keras"):
        raise ValueError(f"The name of a model file must end in '.keras', and got {os.fspath(path)!r}.")
    if not overwrite and os.path.exists(path):
        raise ValueError(f"{os.fspath(path)} exists; pass overwrite=True to replace it.")
    config = json.dumps(serialize(model))
    metadata = json.dumps({"keras_version": KERAS_VERSION,
                           "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")})  # fmt: skip
    with replacing(path) as written:
        with replacing(f"{written}.h5") as weights:
            weights_h5.write(model, weights)
        try:
            with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(zipfile.ZipInfo(METADATA), metadata)
                archive.writestr(zipfile.ZipInfo(CONFIG), config)
                archive.write(f"{written}.h5", WEIGHTS)
        finally:
            os.unlink(f"{written}.h5")


def load(
    path: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that a ``.keras`` file holds.

    Arguments:
        custom_objects: your own classes and functions that the file names.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: files hold no code that lamina would run, whatever this says; the argument is Keras's.

    Raises:
        ValueError: for a file that is not what it should be; nothing in it is run, imported or unpickled.
    """
    del safe_mode
    where = os.fspath(path)
    with open_regular(path) as stream, _archive(stream, where) as archive:
        config = read_json(_read(archive, CONFIG, where, MAX_JSON_BYTES), f"{where}/{CONFIG}")
        if WEIGHTS not in archive.namelist():
            raise ValueError(f"{where} has no {WEIGHTS}.")
        info = archive.getinfo(WEIGHTS)
        with CustomObjectScope(custom_objects or {}):
            _check_size(config, info.file_size, where)
            model = _build(config, where)
            weights = _read(archive, WEIGHTS, where, info.file_size)
            with opened(bytes(weights), f"{where}/{WEIGHTS}") as root:
                if compile and config.get("compile_config"):
                    model.compile_from_config(config["compile_config"])
                weights_h5.read(model, root)
    return model


def _build(config: Any, where: str) -> Any:
    model = deserialize(config, kind="layer")
    if not hasattr(model, "layers"):
        raise ValueError(f"{where} holds a {config.get('class_name')}, and a model was expected.")
    if not model.built:
        raise ValueError(f"{where} does not say what input {model.name!r} was built for, so its weights have no place.")
    return model


def _check_size(config: Any, stored: int, where: str) -> None:
    """Build the model without memory first: its weights must fit into what the file holds."""
    with without_memory():
        shadow = _build(config, where)
    wanted = sum(weight.numel() * weight.element_size() for weight in shadow.weights)
    if wanted > stored:
        raise ValueError(f"{where} describes a model with {wanted} bytes of weights, and holds {stored}.")


def _archive(stream: Any, where: str) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{where} is not a .keras file (a zip), or is cut off: {error}.") from None
    names = archive.namelist()
    for name in names:
        known = name in (METADATA, CONFIG, WEIGHTS) or name == "assets/" or name.startswith("assets/")
        if not known or ".." in name.split("/") or "\\" in name or "\0" in name:
            raise ValueError(f"{where} has a member {name!r}, which a .keras file does not have.")
    if len(set(names)) != len(names):
        raise ValueError(f"{where} has two members of one name.")
    return archive


def _read(archive: zipfile.ZipFile, name: str, where: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"{where} has no {name}.") from None
    if info.file_size > most or info.file_size > max(1, info.compress_size) * MAX_RATIO:
        raise ValueError(f"{where}/{name} says that it unfolds to {info.file_size} bytes, which is too much.")
    try:
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise ValueError(f"{where}/{name} can't be read: {error}.") from None
    if len(data) != info.file_size:
        raise ValueError(f"{where}/{name} holds {len(data)} bytes, and says {info.file_size}.")
    return data
