"""``.keras``: a zip of ``metadata.json``, ``config.json``, ``model.weights.h5`` and ``assets/``, as Keras 3 writes it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import IO, Any

from lamina.dialects import using_dialect
from lamina.engine.calling import who
from lamina.engine.weights import within_budget
from lamina.registry import ConfigError, CustomObjectScope, check_written, deserialize, reading, serialize
from lamina.saving import assets, weights_h5
from lamina.saving.files import MAX_RATIO, Part, most_unfolded, open_regular, read_json, replacing
from lamina.saving.hdf5 import Group, opened
from lamina.saving.keras3_words import Missing, in_keras3_words, in_laminas_words
from lamina.saving.limits import check_counts
from lamina.saving.needed import all_named
from lamina.saving.npz import PICKLED
from lamina.saving.older_configs import dialect_of, in_todays_form, in_words_of
from lamina.saving.training_configs import compile_settings
from lamina.tracebacks import users_level

# The format's version is that of the Keras whose layout is written.
KERAS_VERSION = "3.15.1"
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
ENTRY_BYTES = 40  # no layer takes less room than this in a file, however well it is packed
# Of a member: its signature, flags and method, the lengths of its name and of what follows.
_HEADER = struct.Struct("<4s2xHH16xHH")
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)


def save(model: Any, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write the whole model: how it is made, its weights, and how it trains.

    Arguments:
        include_optimizer: whether the file says how the model was compiled, and has its optimizer's state.

    Raises:
        ValueError: when the model is not built, or a part of it can't be described.
    """
    if not model.built:
        raise ValueError(f"{who(model)} can't be saved: it is not built. Call it on data, or build() it.")
    config = to_json(model, include_optimizer)
    metadata = json.dumps({"keras_version": KERAS_VERSION,
                           "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")})  # fmt: skip
    weights = weights_h5.pack(model, include_optimizer)
    with (
        assets.gathered(model) as files,
        replacing(path) as written,
        open(written, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, content in ((METADATA, metadata), (CONFIG, config), (WEIGHTS, weights)):
            archive.writestr(zipfile.ZipInfo(name), content)
        for file_path, name in files:
            archive.write(file_path, name)


def to_json(model: Any, include_optimizer: bool = True, **options: Any) -> str:
    """A model's config as JSON, which has no NaN and no infinity; a warning says what Keras 3 would miss."""
    with using_dialect(None):  # what differs from today is written out
        config = serialize(model)
    if not include_optimizer:
        config.pop("compile_config", None)
    check_written(config)
    missing = Missing()
    config = in_keras3_words(config, missing)
    sentence = missing.sentence()
    if sentence:
        warnings.warn(f"{who(model)}: {sentence}", stacklevel=users_level())
    try:
        return json.dumps(config, allow_nan=False, **options)
    except ValueError as error:
        raise ValueError(f"The config of {who(model)} holds a number that JSON can't: {error}.") from None


def load(
    path: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that a ``.keras`` file holds.

    Arguments:
        custom_objects: your own classes and functions that the file names; for the function of a ``Lambda`` layer that
            was saved as code, the function under the layer's name.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: Keras's. Nothing in a file is run here, whatever it says.

    Raises:
        ValueError: for a file that is not what it should be; nothing in it is run, imported or unpickled.
    """
    del safe_mode
    where = os.fspath(path)
    with open_regular(path) as stream, _archive(stream, where) as archive, CustomObjectScope(custom_objects or {}):
        size = stream.seek(0, os.SEEK_END)
        config = read_json(_read(archive, CONFIG, where), f"{where}/{CONFIG}")
        _check_entries(config, size, where)
        check_counts(config, f"{where}/{CONFIG}")
        dialect = dialect_of(_version(archive, where), config)
        with _weights(stream, archive, where) as weights:
            try:
                with in_words_of(dialect, where), all_named(config):
                    model, settle = _build(
                        in_todays_form(config) if dialect else in_laminas_words(config),
                        _member(archive, WEIGHTS, where).file_size,
                    )
                    if compile and config.get("compile_config"):
                        with reading(config):
                            _compile(model, config["compile_config"], dialect, f"{where}/{CONFIG}")
            except ConfigError as error:
                error.where = f"{where}/{CONFIG}"
                raise
            with weights() as root:
                weights_h5.read(model, root, whole=compile, by_tf_keras=dialect == "tf_keras")
            settle()
        assets.restore(model, archive, lambda name: _read(archive, name, where), where)
    return model


def parts(path: str | os.PathLike[str]) -> tuple[Any, Any, bytes]:
    """A ``.keras`` file's metadata and config, as they stand in it, and its weights as an HDF5 file in memory."""
    where = os.fspath(path)
    with open_regular(path) as stream, _archive(stream, where) as archive:
        metadata, config = (read_json(_read(archive, name, where), f"{where}/{name}") for name in (METADATA, CONFIG))
        return metadata, config, _read(archive, WEIGHTS, where)


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Set a built model's weights from those of the model in a ``.keras`` file."""
    where = os.fspath(path)
    with open_regular(path) as stream, _archive(stream, where) as archive, _weights(stream, archive, where) as weights:
        config = read_json(_read(archive, CONFIG, where), f"{where}/{CONFIG}")
        dialect = dialect_of(_version(archive, where), config)
        with weights() as root:
            weights_h5.read(model, root, skip_mismatch, by_tf_keras=dialect == "tf_keras")


def _most_numbers(archive: zipfile.ZipFile, size: int) -> int:
    """How many bytes of numbers the weights may unfold to: those that lie in the archive as they are always may."""
    held = archive.getinfo(WEIGHTS).file_size
    return max(held, most_unfolded(size) - held)


def _version(archive: zipfile.ZipFile, where: str) -> Any:
    """The version of Keras that wrote the file, as it says."""
    if METADATA not in archive.namelist():
        return None
    metadata = read_json(_read(archive, METADATA, where), f"{where}/{METADATA}")
    return metadata.get("keras_version") if isinstance(metadata, dict) else None


def _compile(model: Any, settings: Any, dialect: str | None, where: str) -> None:
    if dialect is None:
        model.compile_from_config(settings)
    else:
        compile_settings(model, settings, where)


def _build(config: Any, stored: int) -> tuple[Any, Callable[[], None]]:
    """The model, whose weights may take as much as the file holds of them, and what makes zeros of those it didn't set."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ConfigError("This should be the config of a model, a dictionary with its class_name.", config)
    with within_budget(stored) as settle:
        model = deserialize(config, kind="layer")
    if not hasattr(model, "compile_from_config"):
        raise ConfigError(f"This describes a {config['class_name']}, and a model was expected.", config)
    if not model.built:
        raise ConfigError(
            f"This does not say for what input {who(model)} was built, so its weights have no place.", config
        )
    return model, settle


def _check_entries(config: Any, size: int, where: str) -> None:
    """A small file can unfold to a config of very many layers; each costs time."""
    count, pending = 0, [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            count += "class_name" in item
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    if count * ENTRY_BYTES > size:
        raise ValueError(f"{where}/{CONFIG} describes {count} objects, which is too much for a file of {size} bytes.")


def _archive(stream: Any, where: str) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(stream)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"{where} is not a .keras file (a zip), or is cut off: {error}.") from error
    seen: set[str] = set()
    for name in archive.namelist():
        if name == "model.weights.npz":
            raise ValueError(f"{where}/{name} {PICKLED}")
        if name not in (METADATA, CONFIG, WEIGHTS) and not assets.is_name(name):
            raise ValueError(f"{where} has a member {name!r}, which a .keras file does not have.")
        if name in seen:
            raise ValueError(f"{where} has two members named {name!r}.")
        seen.add(name)
    if sum(info.compress_size for info in archive.infolist()) > os.fstat(stream.fileno()).st_size:
        raise ValueError(f"{where} has members that overlap.")
    unfolded = sum(info.file_size for info in archive.infolist() if not info.filename.startswith(f"{assets.ROOT}/"))
    if unfolded > most_unfolded(os.fstat(stream.fileno()).st_size):
        raise ValueError(f"{where} says that its members unfold to {unfolded} bytes, which is too much.")
    return archive


def _member(archive: zipfile.ZipFile, name: str, where: str) -> zipfile.ZipInfo:
    if name not in archive.namelist():
        raise ValueError(f"{where} has no {name}.")
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{where}/{name} is packed by method {info.compress_type}, which a .keras file does not have.")
    if info.file_size > max(1, info.compress_size) * MAX_RATIO:
        raise ValueError(f"{where}/{name} says that its {info.compress_size} bytes unfold to {info.file_size}, which is "
                         "too much.")  # fmt: skip
    return info


@contextlib.contextmanager
def _weights(
    stream: IO[bytes], archive: zipfile.ZipFile, where: str
) -> Iterator[Callable[[], AbstractContextManager[Group]]]:
    """Something to open the weights with. They are read where they lie in the file, if nothing packs them; meanwhile their
    sum is compared with the one that the archive has of them, which is known before they are opened."""
    info, place = _member(archive, WEIGHTS, where), f"{where}/{WEIGHTS}"
    most = _most_numbers(archive, stream.seek(0, os.SEEK_END))
    if info.compress_type != zipfile.ZIP_STORED or not hasattr(os, "pread"):
        yield lambda: opened(_read(archive, WEIGHTS, where), place, most)
        return
    start = _start_of(stream, info, place)
    with ThreadPoolExecutor(1) as beside:
        total = beside.submit(_sum, stream.fileno(), start, info.file_size)

        def weights() -> AbstractContextManager[Group]:
            if total.result() != info.CRC:
                raise ValueError(f"{place} can't be read: it is not what was written, by its sum (CRC-32).")
            return opened(Part(stream, start, info.file_size), place, most)

        yield weights


def _start_of(stream: IO[bytes], info: zipfile.ZipInfo, place: str) -> int:
    """Where the bytes of a stored member begin: after a header of its own, which must say what the archive's list does."""
    stream.seek(info.header_offset)
    header = stream.read(_HEADER.size)
    signature, flags, packed, name, extra = _HEADER.unpack(header) if len(header) == _HEADER.size else (b"", 0, 0, 0, 0)
    start = info.header_offset + _HEADER.size + name + extra
    size = stream.seek(0, os.SEEK_END)
    if (
        signature != b"PK\3\4"
        or flags & 1
        or packed
        or info.file_size != info.compress_size
        or start + info.file_size > size
    ):
        raise ValueError(
            f"{place} can't be read: what stands before it in the archive is not what the archive's list says."
        )
    return start


def _sum(handle: int, start: int, size: int) -> int:
    """The CRC-32 of a part of an open file, whose place for reading stays."""
    total = 0
    while size:
        block = os.pread(handle, min(size, 2**20), start)
        if not block:
            return -1
        total = zlib.crc32(block, total)
        start, size = start + len(block), size - len(block)
    return total


def _read(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    info = _member(archive, name, where)
    try:
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"{where}/{name} can't be read: {error}.") from error
    if len(data) != info.file_size:
        raise ValueError(f"{where}/{name} holds {len(data)} bytes, and says {info.file_size}.")
    return data
