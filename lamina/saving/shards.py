"""``.weights.json``: Keras 3's weights in several ``.weights.h5`` files, with a list (JSON) of which file has what.

A new save never touches the pieces of the one before until the list, which is replaced in one step, names the new ones. So a
crash leaves the old weights or the new ones, and pieces of two saves are never read as one.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.saving import weights_h5
from lamina.saving.files import check_overwrite, open_regular, read_json, replacing
from lamina.saving.hdf5 import Group, Numbers, h5py, opened
from lamina.saving.named_weights import require_built
from lamina.tracebacks import users_level

ENDING = ".weights.json"
DEFAULT_SIZE = 5.0  # GB, as Keras has it
_PLAIN = re.compile(r"[^/\\:\0]+\.h5")
_MOST_FILES = 10_000
_SAVE = "lamina_save"  # which save a piece is of


# ---- writing -------------------------------------------------------------------------------------------------------


def save_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, max_shard_size: float | None = None
) -> None:
    """Write the model's weights (and its optimizer's) in pieces of at most ``max_shard_size`` GB, as Keras 3 does.

    Raises:
        ValueError: for a name that ends neither in ``.weights.json`` nor in ``.weights.h5``, a model that is not built, a size
            that is not positive or that a single weight exceeds, or a list that exists when ``overwrite`` is off.
    """
    name = os.fspath(filepath)
    size = DEFAULT_SIZE if max_shard_size is None else max_shard_size
    if not isinstance(size, (int, float)) or not size > 0:
        raise ValueError(f"max_shard_size is a number of GB, and got {size!r}.")
    if name.endswith(".weights.h5"):
        warnings.warn(f"Weights in pieces have a list that ends in {ENDING}: {name!r} becomes {name[:-3] + '.json'!r}.",
                      stacklevel=users_level())  # fmt: skip
        name = f"{name[:-3]}.json"
    if not name.endswith(ENDING):
        raise ValueError(f"The name of a list of pieces must end in {ENDING!r}, and got {os.fspath(filepath)!r}.")
    check_overwrite(name, overwrite)
    require_built(model, "save")
    path = Path(name)
    older = _pieces_before(path)
    base = path.name.removesuffix(ENDING)
    first = 0 if f"{base}_00000.weights.h5" not in older else 1 + max(map(_number, older))
    save, total = os.urandom(8).hex(), 0.0
    mapped: dict[str, list[str]] = {}  # a name for each weight
    names = (f"{base}_{number:05}.weights.h5" for number in itertools.count(first))
    for piece in _pieces(model, size * 1024**3):
        piece_name = next(names)
        with replacing(path.with_name(piece_name)) as written, open(written, "wb") as file:
            file.write(piece.packed(save))
        for place, _, store in piece.entries:
            if store:
                mapped.setdefault(f"/{place}", []).extend([piece_name] * len(store))
        total += piece.size
    # As Keras has it: of a single weight the name, of several a list.
    weight_map = {place: found[0] if len(found) == 1 else list(dict.fromkeys(found)) for place, found in mapped.items()}
    text = json.dumps({"metadata": {"total_size": total, _SAVE: save}, "weight_map": weight_map}, indent=4)
    with replacing(path) as written:
        written.write_text(text)
    _remove_older(path, older - {one for group in mapped.values() for one in group}, base)


class _Piece:
    """One file, while it is filled."""

    def __init__(self) -> None:
        self.size = 0.0
        self.entries: list[tuple[str, str | None, dict[str, Any]]] = []

    def packed(self, save: str) -> memoryview:
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            file.attrs[_SAVE] = save
            for place, name, store in self.entries:
                group = file.require_group(place)
                if name is not None:  # where an object begins, and not where it goes on
                    group.attrs["name"] = name
                for key, value in store.items():
                    weights_h5.write_value(group, key, value)
        return stream.getbuffer()


def _pieces(model: Any, most: float) -> Iterator[_Piece]:
    """What goes into each file: Keras fills one after the other, in the order of places."""
    piece = _Piece()
    for at, name, store in weights_h5.stored(model):
        place = f"{at}/vars".lstrip("/")
        piece.entries.append((place, name, {}))
        for key, value in store.items():
            size = _size(value)
            if size > most:
                raise ValueError(f"Weight {key!r} of {name!r} takes {size / 1024**3:.3g} GB, more than a piece of "
                                 f"{most / 1024**3:.3g} GB: make max_shard_size larger.")  # fmt: skip
            if piece.size + size > most:
                yield piece
                piece = _Piece()
                piece.entries.append((place, None, {}))
            piece.size += size
            piece.entries[-1][2][key] = value
    yield piece


def _size(value: Any) -> float:
    if isinstance(value, torch.Tensor):
        return float(value.numel() * value.dtype.itemsize)
    return float(np.asarray(value).nbytes)


def _pieces_before(path: Path) -> set[str]:
    """The pieces of the save that is there, as far as their names are those that a save here gives."""
    try:
        names = _names(path)[0] if path.is_file() else []
    except (OSError, ValueError):  # another file is to be replaced
        return set()
    base = path.name.removesuffix(ENDING)
    return {name for name in names if re.fullmatch(re.escape(base) + r"_\d{5,9}\.weights\.h5", name)}


def _number(name: str) -> int:
    return int(name.removesuffix(".weights.h5").rpartition("_")[2])


def _remove_older(path: Path, names: set[str], base: str) -> None:
    """Remove the pieces of the save before. Keras opens the piece of number 0 in any case: an empty one stays there."""
    for name in names:
        piece = path.with_name(name)
        if name == f"{base}_00000.weights.h5":
            stream = io.BytesIO()
            h5py.File(stream, "w").close()
            with replacing(piece) as written:
                written.write_bytes(stream.getbuffer())
        else:
            piece.unlink(missing_ok=True)


# ---- reading -------------------------------------------------------------------------------------------------------


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set a built model's weights from those in the pieces that a list names, which lie beside it.

    Raises:
        ValueError: for a list or a piece that is not what it should be, or weights that don't fit; the model stays as it was.
    """
    if by_name:
        raise ValueError(f"{os.fspath(path)} lists its layers by their place and class, so they can't be matched by name: "
                         "leave out by_name.")  # fmt: skip
    with opened_pieces(path) as root:
        weights_h5.read(model, root, skip_mismatch)


@contextlib.contextmanager
def opened_pieces(path: str | os.PathLike[str]) -> Iterator[Pieces]:
    """The root groups of all pieces that a list names, as one.

    Raises:
        ValueError: for a list that is not what it should be, a piece that is missing or another save's.
    """
    where = Path(path)
    names, save = _names(where)
    with contextlib.ExitStack() as stack:
        groups: list[Group] = []
        for name in names:
            piece = where.with_name(name)
            if not piece.exists():
                raise ValueError(f"{where} names {name!r} as a piece, and that is not beside it.")
            groups.append(stack.enter_context(opened(piece)))
            if save is not None and groups[-1].attribute(_SAVE) != save:
                raise ValueError(
                    f"{piece} is a piece of another save than {where.name}: copy all files of one save together."
                )
        yield Pieces(groups, os.fspath(path))


def _names(path: Path) -> tuple[list[str], Any]:
    """The names of the pieces in a list, and which save they are of."""
    with open_regular(path) as stream:
        found = read_json(stream.read(), os.fspath(path))
    mapped = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(mapped, dict):
        raise ValueError(f"{path} should be a list of pieces, with a weight_map, and is not.")
    names: dict[str, None] = {}
    for place, files in mapped.items():
        for name in files if isinstance(files, list) else [files]:
            if (
                not isinstance(name, str)
                or not _PLAIN.fullmatch(name)
                or not name.isprintable()
                or name.startswith(".")
            ):
                raise ValueError(f"{path}, {place!r:.80}: a piece is named {name!r:.80}, and plain names of .h5 files in the "
                                 "same folder were expected.")  # fmt: skip
            names[name] = None
    if len(names) > _MOST_FILES:
        raise ValueError(f"{path} names {len(names)} pieces, which is too many.")
    metadata = found.get("metadata")
    return list(names), metadata.get(_SAVE) if isinstance(metadata, dict) else None


class Pieces(Group):
    """Groups of the same path in several files, as if they were one."""

    def __init__(self, groups: list[Group], where: str) -> None:
        self.groups, self.where = groups, where
        self._inner, self._numbers = {}, {}

    def __contains__(self, name: str) -> bool:
        return any(name in group for group in self.groups)

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(group.size for group in self.groups)

    @property
    def address(self) -> int:
        """Where the group is in the first file that has it."""
        return self.groups[0].address

    def names(self) -> list[str]:
        """The names in the groups, each once."""
        return list(dict.fromkeys(name for group in self.groups for name in group.names()))

    def is_group(self, name: str) -> bool:
        """Whether any file has a group of this name here."""
        return any(group.is_group(name) for group in self.groups)

    def attribute(self, name: str) -> Any:
        """An attribute, from the first file that has it."""
        return next((value for group in self.groups if (value := group.attribute(name)) is not None), None)

    def group(self, name: str) -> Pieces:
        """The groups of this name."""
        return Pieces([group.group(name) for group in self.groups if name in group], f"{self.where}/{name}")

    def text(self, name: str) -> str | None:
        """An attribute that is a text, from the first piece that has it."""
        return next((text for group in self.groups if (text := group.text(name)) is not None), None)

    def find(self, path: str) -> Pieces | None:
        """The groups at ``path``, or ``None`` when no file has one."""
        found = [inner for group in self.groups if (inner := group.find(path)) is not None]
        return Pieces(found, f"{self.where}/{path}") if found else None

    def weights(self) -> Iterator[str]:
        """The path of every group named ``vars`` that has something in it."""
        yield from dict.fromkeys(place for group in self.groups for place in group.weights())

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> Numbers:
        """A data set, which has been looked at; it must be in one file."""
        found = [group for group in self.groups if name in group]
        if len(found) != 1:
            raise ValueError(f"{self.where}/{name} is in {len(found)} pieces, and must be in one.")
        return found[0].numbers(name, shape)
