"""``.weights.h5``, Keras 3's layout: a group for each layer by its place in the model, its weights in ``vars/<number>``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import torch
from torch import nn

from lamina.graph.symbolic import leaves
from lamina.layers.tracking import Items, TrackedDict, TrackedList
from lamina.layers.weights import WeightOwner, own_weights, to_numpy
from lamina.registry import snake_case
from lamina.saving.files import replacing
from lamina.saving.hdf5 import Group, opened


def save_weights(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the model's weights (and its optimizer's) in Keras 3's layout.

    Raises:
        ValueError: when the name does not end in ``.weights.h5``, the model is not built, or the file exists and
            ``overwrite`` is off.
    """
    if not str(path).endswith(".weights.h5"):
        raise ValueError(f"The name of a weights file must end in '.weights.h5', and got {os.fspath(path)!r}.")
    if not overwrite and os.path.exists(path):
        raise ValueError(f"{os.fspath(path)} exists; pass overwrite=True to replace it.")
    with replacing(path) as written:
        write(model, written)


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Set the model's weights from a ``.weights.h5`` file. Nothing is changed when something does not fit.

    Arguments:
        skip_mismatch: leave the weights of layers that do not fit as they are, with a warning.
    """
    with opened(path) as root:
        read(model, root, skip_mismatch)


def write(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of a built model to a new HDF5 file."""
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights to save: it is not built. Call it on data, or build() it."
        )
    with h5py.File(path, "w") as file:
        for place, module in places(model):
            group = file.require_group(f"{place}/vars" if place else "vars")
            group.attrs["name"] = getattr(module, "name", type(module).__name__)
            store: dict[str, Any] = {}
            _owner_of(module).save_own_variables(store)
            _write_store(group, store)
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and getattr(optimizer, "built", False):
            store = {}
            optimizer.save_own_variables(store)
            _write_store(file.require_group("optimizer/vars"), store)


def _write_store(group: Any, store: dict[str, Any]) -> None:
    for key, value in store.items():
        if isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
            bits = value.detach().cpu().contiguous().view(torch.int16).numpy().view("V2")
            group.create_dataset(key, data=bits).attrs["dtype"] = "bfloat16"
        else:
            group.create_dataset(key, data=to_numpy(value) if isinstance(value, torch.Tensor) else np.asarray(value))


def read(model: Any, root: Group, skip_mismatch: bool = False) -> None:
    """Set the weights of a built model from an open file: everything is read and checked, then everything is set."""
    if not model.built:
        raise ValueError(f"Model {model.name!r} has no weights to load into: it is not built. Call it on data, or build() "
                         "it, first.")  # fmt: skip
    assignments: list[Callable[[], None]] = []
    skipped: list[str] = []
    for place, module in places(model):
        owner = _owner_of(module)
        try:
            assignments.append(_reader(owner, root, f"{place}/vars" if place else "vars"))
        except ValueError as error:
            if not skip_mismatch:
                raise
            skipped.append(f"{getattr(module, 'name', place)} ({error})")
    for assign in assignments:
        assign()
    if skipped:
        warnings.warn(f"These layers were left as they are: {'; '.join(skipped)}", stacklevel=3)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and "optimizer" in root:
        _read_optimizer(model, optimizer, root)


def _reader(owner: Any, root: Group, place: str) -> Callable[[], None]:
    """Read what belongs to ``owner`` now, and return the function that sets it."""
    holder = root._walk(place)
    group = holder.group(place.rpartition("/")[2]) if holder is not None else None
    expected = list(own_weights(owner)) if not _overrides_loading(owner) else None
    if group is None:
        if expected:
            raise ValueError(f"{root.where} has no weights at {place!r}, where the model has "
                             f"{len(expected)} of {getattr(owner, 'name', type(owner).__name__)!r}.")  # fmt: skip
        return lambda: None
    if expected is None:
        store = {name: group.read(name) for name in group.names()}
        return lambda: owner.load_own_variables(store)
    if len(group.names()) != len(expected):
        raise ValueError(f"{group.where} has {len(group.names())} weights, and {getattr(owner, 'name', place)!r} has "
                         f"{len(expected)}.")  # fmt: skip
    store = {str(i): group.read(str(i), tuple(weight.shape)) for i, weight in enumerate(expected)}
    return lambda: owner.load_own_variables(store)


def _read_optimizer(model: Any, optimizer: Any, root: Group) -> None:
    group = root.group("optimizer")
    if "vars" not in group:
        return
    if not optimizer.built:
        optimizer.build([weight for weight in model.trainable_weights])
    stored = group.group("vars")
    optimizer.load_own_variables({name: stored.read(name) for name in stored.names()})


def _overrides_loading(owner: Any) -> bool:
    return isinstance(owner, WeightOwner) and type(owner).load_own_variables is not WeightOwner.load_own_variables


def places(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module with its place in the file. A module that is reached twice is at the first place only.

    Layers of a Sequential or functional model are numbered by class under ``layers``; any other attribute goes by its
    name, in sorted order, those with a leading underscore last.
    """
    yield from _places(model, "", set())


def _places(module: nn.Module, place: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield place, module
    if getattr(module, "_plan", None) is not None:
        yield from _container(list(module.layers), f"{place}/layers" if place else "layers", seen)
    attributes: dict[str, Any] = {key: child for key, child in module._modules.items() if child is not None}
    attributes = {key: child for key, child in attributes.items() if not isinstance(child, Items)}
    attributes |= {key: value for key, value in vars(module).items()
                   if isinstance(value, (TrackedList, TrackedDict)) or _holds_modules(value)}  # fmt: skip
    for key in sorted(attributes, key=lambda name: (name.startswith("_"), name)):
        inner = f"{place}/{key}" if place else key
        value = attributes[key]
        if isinstance(value, nn.Module):
            yield from _places(value, inner, seen)
        else:
            yield from _container(list(value.values()) if isinstance(value, dict) else list(value), inner, seen)


def _holds_modules(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, nn.Module) for item in value)


def _container(items: list[Any], place: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    counts: dict[str, int] = {}
    for item in leaves(items):
        if not isinstance(item, nn.Module) or id(item) in seen:
            continue
        base = snake_case(getattr(item, "_keras_class_name", type(item).__name__))
        number = counts.get(base, 0)
        counts[base] = number + 1
        yield from _places(item, f"{place}/{base}_{number}" if number else f"{place}/{base}", seen)


class _Foreign:
    """A torch module's own weights, in the way a layer offers its."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.name = type(module).__name__
        self._parameters = module._parameters
        self._buffers = module._buffers
        self._non_persistent_buffers_set = module._non_persistent_buffers_set

    def save_own_variables(self, store: dict[str, Any]) -> None:
        store.update({str(i): weight for i, weight in enumerate(own_weights(self.module))})

    def load_own_variables(self, store: dict[str, Any]) -> None:
        with torch.no_grad():
            for i, weight in enumerate(own_weights(self.module)):
                weight.copy_(torch.as_tensor(store[str(i)]))


def _owner_of(module: nn.Module) -> Any:
    return module if isinstance(module, WeightOwner) else _Foreign(module)
