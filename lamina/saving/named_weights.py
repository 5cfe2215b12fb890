"""Weights by name, as ``.safetensors``, ``.npz`` and torch's files have them: which of the model's each of them is.

The names are the keys of the model's ``state_dict``, so that torch's users find them as they know them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lamina.engine.calling import who
from lamina.engine.misfit import SHAPE, TYPE, UNREADABLE, Comparison, Pairs
from lamina.saving import older_keys
from lamina.saving.filling import set_to
from lamina.tracebacks import users_level

# What torch puts before every key of a model that was compiled, or trained on several devices.
_COMPILED, _PARALLEL = "_orig_mod.", "module."


@dataclass
class Stored:
    """One tensor of a file: what it is, and the function that reads it."""

    shape: tuple[int, ...]
    kind: str  # "f" of real numbers, "i" of whole ones, "b" of truth values, "c" of complex ones
    read: Callable[[], torch.Tensor]
    is_sure: bool = (
        False  # that it can be read, since nothing of it is packed and the file has been found to hold it all
    )
    dtype: str = ""  # "float32", "bfloat16", ...
    bytes: int = 0


def kind_of_dtype(dtype: torch.dtype) -> str:
    """The kind of numbers, as :class:`Stored` names it: within one, sizes may differ."""
    return "c" if dtype.is_complex else "f" if dtype.is_floating_point else "b" if dtype is torch.bool else "i"


def require_built(model: Any, doing: str = "load into") -> None:
    """Refuse a model that has no weights yet."""
    if not model.built:
        raise ValueError(f"{who(model)} has no weights to {doing}: it is not built. Call it on data, or build() it"
                         f"{', first' if doing == 'load into' else ''}.")  # fmt: skip


def to_keep(model: Any) -> dict[str, torch.Tensor]:
    """What a file by names holds of a built model: its ``state_dict``, on the CPU."""
    require_built(model, "save")
    found = model.state_dict()
    strange = next((key for key, value in found.items() if not isinstance(value, torch.Tensor)), None)
    if strange is not None:
        raise ValueError(f"{who(model)} has {strange!r} in its state_dict, which is no tensor: torch.save keeps such.")
    return {key: value.detach().cpu() for key, value in found.items()}


def in_order(model: Any) -> dict[str, torch.Tensor]:
    """The weights by their keys, in the order of ``get_weights``."""
    keys: dict[int, str] = {}
    for key, weight in model.state_dict(keep_vars=True).items():
        keys.setdefault(id(weight), key)
    return {keys.get(id(weight), f"weight_{number}"): weight for number, weight in enumerate(model.weights)}


# ---- reading -------------------------------------------------------------------------------------------------------


def read(model: Any, stored: dict[str, Stored], where: str, skip_mismatch: bool = False, by_name: bool = False,
         versions: Mapping[str, Any] | None = None) -> None:  # fmt: skip
    """Set a built model's weights from those of a file, by their keys: all of them, or none when one does not fit.

    Arguments:
        where: what the file is called.
        skip_mismatch: leave the weights of layers that do not fit as they are, with a warning.
        by_name: leave alone what only one side has.
        versions: that of the keys, by the place of a model among them, where the file has it.

    Raises:
        ValueError: with a table of what fits and what does not.
    """
    require_built(model)
    mine: dict[str, torch.Tensor] = {key: weight for key, weight in model.state_dict(keep_vars=True).items()
                                     if isinstance(weight, torch.Tensor)}  # fmt: skip
    stored = _renamed(model, stored, mine, versions or {})
    found = Comparison(where, who(model))
    chosen: dict[str, Stored] = {}
    for layer, keys in _by_layer([*mine, *(key for key in stored if key not in mine)]).items():
        theirs = [key for key in keys if key in stored and (key in mine or not by_name)]
        needed = [
            key for key in keys if key in mine and (key in stored or not _optional(model, key, mine, stored, by_name))
        ]
        if not theirs and not needed:
            continue
        fault = _fault(layer, theirs, needed, stored, mine, where, who(model))
        shapes = [[tuple(one.shape) for one in side] or None for side in (
            [stored[key] for key in theirs], [mine[key] for key in needed])]  # fmt: skip
        found.add(layer, shapes[0], shapes[1], *fault)
        if not found.rows[-1].sentence:
            chosen |= {key: stored[key] for key in theirs}
    _set(found, [(one, mine[key]) for key, one in chosen.items()], skip_mismatch)


def read_in_order(model: Any, stored: Sequence[Stored], where: str, skip_mismatch: bool = False) -> None:
    """Set a built model's weights from a list of arrays in the order of ``get_weights``."""
    require_built(model)
    found = Comparison(where, who(model))
    mine: list[Any] = list(model.weights)
    layers = [key.rpartition(".")[0] or key for key in in_order(model)]

    def fault(pairs: Pairs) -> tuple[str, str]:
        for one, other in pairs:
            if one is not None and other is not None and stored[one].kind != kind_of_dtype(mine[other].dtype):
                return (f"{where} has numbers of another kind in array {one} than {who(model)} needs for "
                        f"{layers[other]!r}.", TYPE)  # fmt: skip
        return "", ""

    pairs = found.add_in_order([one.shape for one in stored], [tuple(weight.shape) for weight in mine], layers, fault)
    chosen = [(stored[one], mine[other]) for one, other in pairs if one is not None and other is not None]
    _set(found, chosen, skip_mismatch)


def _set(found: Comparison, chosen: list[tuple[Stored, torch.Tensor]], skip_mismatch: bool) -> None:
    """Set everything that fits; when something does not fit, say so, before anything is read. What may turn out unreadable is
    read before anything is set, the rest one after the other, so that it is in memory once."""
    if found.wrong and not skip_mismatch:
        raise found.error()
    values = {number: stored.read() for number, (stored, _) in enumerate(chosen) if not stored.is_sure}
    for number, (stored, weight) in enumerate(chosen):
        set_to(weight, values.pop(number) if number in values else stored.read())
    if found.wrong:
        warnings.warn(found.warning(), stacklevel=users_level())


def _by_layer(keys: list[str]) -> dict[str, list[str]]:
    layers: dict[str, list[str]] = {}
    for key in keys:
        layers.setdefault(key.rpartition(".")[0] or key, []).append(key)
    return layers


def _optional(model: Any, key: str, mine: Mapping[str, Any], stored: Mapping[str, Stored], by_name: bool) -> bool:
    """Whether a file may lack a key: of a constant, which the model's own code says, and of a weight that it has under
    another key."""
    above, _, name = key.rpartition(".")
    is_constant = name in getattr(model.get_submodule(above), "_constants", ())
    return by_name or is_constant or any(other in stored and weight is mine[key] for other, weight in mine.items())


def _fault(layer: str, theirs: list[str], needed: list[str], stored: Mapping[str, Stored], mine: Mapping[str, Any],
           where: str, model: str) -> tuple[str, str]:  # fmt: skip
    """What is wrong with a layer beyond what shapes say, in a sentence and a word."""
    if not theirs or not needed:
        return "", ""
    other = set(theirs) ^ set(needed)
    if other and len(theirs) == len(needed):
        return (f"{where} has {', '.join(theirs)} for {layer!r}, and {model} has {', '.join(needed)}.", SHAPE)
    if other:
        key = next(key for key in [*needed, *theirs] if key in other)
        return (f"{where} has no {key!r}, which {model} needs." if key in needed else
                f"{where} has {key!r}, and {model} has nothing there.", "")  # fmt: skip
    for key in theirs:
        if stored[key].shape != tuple(mine[key].shape):
            return f"{where} has shape {stored[key].shape} for {key!r}, and {model} needs {tuple(mine[key].shape)}.", ""
    for key in theirs:
        if stored[key].kind == "":
            return f"{where} has {key!r} in a form that holds no plain numbers.", UNREADABLE
        if stored[key].kind != kind_of_dtype(mine[key].dtype):
            dtype = str(mine[key].dtype).removeprefix("torch.")
            return f"{where} has {_KINDS[stored[key].kind]} for {key!r}, and {model} needs {dtype}.", TYPE
    return "", ""


_KINDS = {"f": "real numbers", "i": "whole numbers", "b": "truth values", "c": "complex numbers"}


# ---- names ---------------------------------------------------------------------------------------------------------


def _renamed(model: Any, stored: dict[str, Stored], mine: Mapping[str, Any], versions: Mapping[str, Any]
             ) -> dict[str, Stored]:  # fmt: skip
    """What the file has under today's keys: without what torch's wrappers put before them; by the paths that weights have in
    Keras; by names of layers, as lamina's own files of before have them."""
    spellings = [names for names in _spellings(list(stored)) if len(set(names)) == len(names)]
    names = max(spellings, key=lambda names: len(set(names) & set(mine)), default=[])
    by_path = {_plain(weight.path): key for key, weight in mine.items() if hasattr(weight, "path")}
    paths = [_plain(name) for name in stored]
    if not set(names) & set(mine) and set(paths) & set(by_path) and len(set(paths)) == len(paths):
        names = [by_path.get(path, path) for path in paths]
    renamed: dict[str, Any] = dict(zip(names, stored.values(), strict=True))
    for place, module in model.named_modules():
        if hasattr(module, "keyed_modules"):
            older_keys.renew(module, renamed, f"{place}." if place else "", versions.get(place))
    return {key: one for key, one in renamed.items() if isinstance(one, Stored)}


def _spellings(keys: list[str]) -> Iterator[list[str]]:
    """The keys as they are, then without what all of them begin with."""
    yield keys
    keys = [key.replace(_COMPILED, "") for key in keys]
    yield keys
    while keys and len({key.partition(".")[0] for key in keys}) == 1 and all("." in key for key in keys):
        keys = [key.partition(".")[2] for key in keys]
        yield keys


def _plain(path: str) -> str:
    """``dense/kernel:0`` and ``dense/kernel`` are one."""
    return re.sub(r":\d+$", "", path).replace(".", "/")
