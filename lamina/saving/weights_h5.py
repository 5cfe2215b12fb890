"""``.weights.h5``, Keras 3's layout: a group for each layer by its place in the model, its weights in ``vars/<number>``."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.engine.calling import who
from lamina.engine.misfit import FITS, TYPE, UNREADABLE, Comparison, Shapes, layers_of
from lamina.engine.tracking import Items, TrackedDict, TrackedList, parameters_of
from lamina.engine.weights import WeightOwner, own_weights, to_numpy
from lamina.graph.symbolic import leaves
from lamina.registry import snake_case
from lamina.saving.files import check_target, replacing
from lamina.saving.filling import as_tensor, filler, set_to
from lamina.saving.hdf5 import Group, h5py
from lamina.saving.legacy_weights import LOCAL, Source, class_of, in_todays_layout
from lamina.saving.named_weights import require_built
from lamina.saving.training_configs import as_keras3, built_for, check_shapes, state_setter
from lamina.tracebacks import users_level
from lamina.training.standing import standing, stood
from lamina.training.steps import build_optimizer, optimizer_of

OPTIMIZER = "optimizer"
STANDING = "lamina_training"


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the model's weights (and its optimizer's) in Keras 3's layout.

    Raises:
        ValueError: when the name does not end in ``.weights.h5``, the model is not built, or the file exists and
            ``overwrite`` is off.
    """
    check_target(filepath, ".weights.h5", overwrite)
    packed = pack(model)
    with replacing(filepath) as written, open(written, "wb") as file:
        file.write(packed)


# ---- writing -------------------------------------------------------------------------------------------------------


def pack(model: Any, include_optimizer: bool = True) -> memoryview:
    """The weights of a built model as an HDF5 file in memory: HDF5 itself can't be relied on when a disk is full."""
    require_built(model, "save")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for place, name, store in stored(model, include_optimizer):
            write_group(file, place, name, store)
        if include_optimizer:
            write_standing(file, model)
    return stream.getbuffer()


def stored(model: Any, include_optimizer: bool = True) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The place and name of each module, and of the optimizer, with what a file keeps of it."""
    for place, module in places(model):
        yield place, getattr(module, "name", type(module).__name__), _stored_by(module)
    for place, optimizer, store in _optimizers(model) if include_optimizer else ():
        yield place, optimizer.name, store


def _optimizers(model: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    place, optimizer = OPTIMIZER, None if getattr(model, "optimizer", None) is None else optimizer_of(model)
    while optimizer is not None:
        store: dict[str, Any] = {}
        optimizer.save_own_variables(store)
        yield place, optimizer, store
        place, optimizer = f"{place}/inner_optimizer", getattr(optimizer, "inner_optimizer", None)


def write_group(file: Any, place: str, name: str, store: dict[str, Any]) -> None:
    """Write what is kept of a module, which is called ``name``, at its place in an open HDF5 file."""
    group = file.require_group(f"{place}/vars".lstrip("/"))
    group.attrs["name"] = name
    for key, value in store.items():
        write_value(group, key, value)


def write_value(group: Any, key: str, value: Any) -> None:
    """Write one weight into an open group; of bfloat16, which NumPy lacks, the bits."""
    if isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
        bits = value.detach().cpu().contiguous().view(torch.int16).numpy().view("V2")
        group.create_dataset(key, data=bits).attrs["dtype"] = "bfloat16"
    else:
        group.create_dataset(key, data=to_numpy(value) if isinstance(value, torch.Tensor) else np.asarray(value))


def _stored_by(module: nn.Module) -> dict[str, Any]:
    """A module's own weights as files number them; a layer may store what it likes."""
    store: dict[str, Any] = {}
    if isinstance(module, WeightOwner):
        module.save_own_variables(store)
    else:
        store.update({str(number): weight for number, weight in enumerate(own_weights(module))})
    return store


def write_standing(file: Any, model: Any) -> None:
    """Write where the training stands, which is lamina's own: Keras reads the places that it knows."""
    for name, array in standing(model).items():
        file.require_group(f"{STANDING}/vars").create_dataset(name, data=array)


def read_standing(model: Any, root: Group) -> None:
    """Tell the model where its training stood when the file was written, if the file says so."""
    group = root.find(f"{STANDING}/vars")
    stood(model, {} if group is None else {name: group.read(name) for name in group.names()})


# ---- reading -------------------------------------------------------------------------------------------------------


def read(model: Any, root: Group, skip_mismatch: bool = False, whole: bool = False, by_tf_keras: bool = False) -> None:
    """Set the weights of a built model from an open file: everything is read and checked, then everything is set.

    Arguments:
        whole: the file is a whole model's, so a compiled model's optimizer must be in it.
        by_tf_keras: tf_keras wrote it, whose optimizers keep other variables.
    """
    require_built(model)
    found, in_order = _places_in(root, model)
    comparison = Comparison(root.where, who(model))
    assignments = [assign for place, module in found
                   if (assign := _reader(module, root, place, comparison, model.name)) is not None]  # fmt: skip
    known = {f"{place}/vars".lstrip("/") for place, _ in found}
    for place in root.weights():
        if place not in known and not _is_training_state(place):
            comparison.add(place.removesuffix("/vars"), _shapes_in(root.find(place)), None,
                           f"{root.where} has weights at {place!r}, and {who(model)} has nothing there. Load them into a model "
                           "that is made as the saved one was, or pass skip_mismatch=True to load_weights.")  # fmt: skip
    if comparison.wrong and not skip_mismatch:
        raise comparison.error()
    if getattr(model, "optimizer", None) is not None and (whole or OPTIMIZER in root):
        reader = _tf_optimizer_reader if by_tf_keras else _optimizer_reader
        assignments.append(reader(model, root, whole) if in_order else _optimizer_in_other_order(root))
    _apply(model, assignments)
    read_standing(model, root)
    if comparison.wrong:
        warnings.warn(comparison.warning(), stacklevel=users_level())


def _apply(model: Any, assignments: list[Callable[[], None]]) -> None:
    """Set everything, or nothing: a layer that takes what it stored in its own way may still refuse it."""
    own = any(isinstance(module, WeightOwner) and _loads_itself(module) for module in model.modules())
    before = [(weight, weight.detach().clone()) for weight in model.weights] if own else []
    try:
        for assign in assignments:
            assign()
    except Exception:
        with torch.no_grad():
            for weight, value in before:
                weight.copy_(value)
        raise


def _loads_itself(owner: WeightOwner) -> bool:
    return type(owner).load_own_variables is not WeightOwner.load_own_variables


def _is_training_state(place: str) -> bool:
    """Whether weights belong to an optimizer, loss or metric: tf_keras writes all of them."""
    top = place.partition("/")[0]
    return top in (OPTIMIZER, STANDING) or "metric" in top or "loss" in top


def _reader(module: nn.Module, root: Group, at: str, found: Comparison, model: str) -> Callable[[], None] | None:
    """Read what belongs to ``module`` now, note in ``found`` whether it fits, and return the function that sets it."""
    place = f"{at}/vars".lstrip("/")
    mine = module._kept_weights() if isinstance(module, WeightOwner) else list(own_weights(module))
    needed = [tuple(weight.shape) for weight in mine]
    label = layers_of(mine, model)[0] if mine and at else at or "the model itself"
    given: Shapes | None = None
    try:
        group = root.find(place)
        given = _shapes_in(group)
        assign = _read_from(module, mine, root, place, group)
    except ValueError as error:
        verdict = TYPE if given == needed else UNREADABLE if given is None and place in root else ""
        found.add(label, given or None, needed or None, str(error), verdict)
        return None
    if given or mine:
        found.add(label, given or [], needed, verdict=FITS)
    return assign


def _shapes_in(group: Group | None) -> list[tuple[int, ...]]:
    """The shapes of what is in a group, those of numbered weights in their order."""
    names = sorted(group.names(), key=lambda name: (len(name), name)) if group is not None else []
    return [group.shape(name) for name in names if group is not None]


def _read_from(
    module: nn.Module, mine: list[torch.Tensor], root: Group, place: str, group: Group | None
) -> Callable[[], None]:
    what = who(module) if hasattr(module, "name") else type(module).__name__
    if group is None:
        if mine:
            raise ValueError(f"{root.where} has no weights at {place!r}, where {what} needs {len(mine)}.")
        return lambda: None
    if isinstance(module, WeightOwner) and _loads_itself(module):
        store = {name: group.read(name) for name in group.names()}
        return lambda: module.load_own_variables(store)
    if len(group.names()) != len(mine):
        raise ValueError(f"{group.where} has {len(group.names())} weights, and {what} has {len(mine)}.")
    fill = _converted(module, mine, group) or [
        filler(group.numbers(str(number), tuple(weight.shape)), weight) for number, weight in enumerate(mine)]  # fmt: skip

    def assign() -> None:
        for one in fill:
            one()
        if isinstance(module, WeightOwner):
            module._was_loaded()

    return assign


def _converted(module: nn.Module, mine: list[torch.Tensor], group: Group) -> list[Callable[[], None]]:
    """What sets the weights of a layer that tf.keras kept in another layout; empty where there is nothing to convert."""
    shapes = [tuple(weight.shape) for weight in mine]
    if class_of(module) not in LOCAL or [group.shape(str(number)) for number in range(len(mine))] == shapes:
        return []
    stored = [group.read(str(number)) for number in range(len(mine))]
    try:
        arrays = in_todays_layout(module, stored, shapes, Source())
    except ValueError as error:
        raise ValueError(f"{group.where} does not fit {who(module)}: {error}.") from error
    if [array.shape for array in arrays] != shapes:
        return []  # an error will say so
    values = [as_tensor(array, weight, group.where) for array, weight in zip(arrays, mine, strict=True)]
    return [partial(set_to, weight, value) for weight, value in zip(mine, values, strict=True)]


def _optimizer_reader(model: Any, root: Group, whole: bool) -> Callable[[], None]:
    """Read the state of the model's optimizer now, and return the function that sets it."""
    group = root.find(f"{OPTIMIZER}/vars")
    names = sorted(group.names(), key=len) if group is not None else []
    if group is None or not names:
        raise ValueError(f"{root.where} says how the model was compiled, and has no state of its optimizer at "
                         f"'{OPTIMIZER}/vars'.")  # fmt: skip
    if set(names) != {str(number) for number in range(len(names))}:
        raise ValueError(f"{group.where} should number its variables from 0 to {len(names) - 1}, and has "
                         f"{', '.join(sorted(names)[:20])}.")  # fmt: skip
    optimizer = optimizer_of(model)
    params = [weight for weight in model.trainable_weights if isinstance(weight, nn.Parameter)]
    if len(names) != len(optimizer.variables):  # else it was saved, as it is now, before the first step
        build_optimizer(model.optimizer, model, params)
        optimizer = optimizer_of(model)
    if len(names) != len(optimizer.variables):
        said = (f"{group.where} has {len(names)} variables, and {type(optimizer).__name__} {optimizer.name!r} has "
                f"{len(optimizer.variables)}.")  # fmt: skip
        if whole and len(params) == len(list(parameters_of(model))):
            raise ValueError(said)
        # Of weights that were frozen since, or of another optimizer: those of the model are still worth having.
        return lambda: warnings.warn(f"The state of the optimizer was not loaded: {said}", stacklevel=users_level())
    return state_setter(optimizer, [group.numbers(str(number), tuple(variable.shape))
                                    for number, variable in enumerate(optimizer.variables)])  # fmt: skip


def _tf_optimizer_reader(model: Any, root: Group, whole: bool) -> Callable[[], None]:
    """The like of :func:`_optimizer_reader` for what tf_keras wrote; its older optimizers wrote nothing."""
    group = root.find(f"{OPTIMIZER}/vars")
    names = group.names() if group is not None else []
    built_for(model)
    optimizer = optimizer_of(model)
    try:
        if group is None or not names:
            raise ValueError(f"{root.where} has none.")
        state = as_keras3(optimizer, [group.read(str(number)) for number in range(len(names))])
        check_shapes(optimizer, state)
    except ValueError as error:
        said = str(error)
        return lambda: warnings.warn(f"The state of the optimizer was not loaded: {said}", stacklevel=users_level())
    return lambda: optimizer.set_weights(state)


def _optimizer_in_other_order(root: Group) -> Callable[[], None]:
    return lambda: warnings.warn(f"The state of the optimizer was not loaded: {root.where} has the layers in another order "
                                 "than the model, and an optimizer's variables have no names.",
                                 stacklevel=users_level())  # fmt: skip


def _places_in(root: Group, model: Any) -> tuple[list[tuple[str, nn.Module]], bool]:
    """Every module with its place in this file, and whether the file has them in the model's order.

    Where layers of one class have the very names that the file has for them, in another order, the names hold: earlier
    versions of lamina numbered the layers beside a mask otherwise than Keras.
    """
    found = list(places(model))
    alike: dict[str, list[tuple[str, Any]]] = {}
    for place, module in found:
        alike.setdefault(re.sub(r"_\d+$", "", place), []).append((place, getattr(module, "name", None)))
    moved: dict[str, str] = {}
    for entries in alike.values():
        place_of = {_name_in(root, place): place for place, _ in entries} if len(entries) > 1 else {}
        if len(place_of) == len(entries) and place_of.keys() == {name for _, name in entries}:
            moved |= {place: place_of[name] for place, name in entries if place_of[name] != place}
    in_order = not moved
    for place, _ in found:  # tf_keras named the parts of its attention with an underscore
        above, _, name = place.rpartition("/")
        inner = root.find(above) if above else root
        if inner is not None and name and name not in inner and f"_{name}" in inner:
            moved[place] = f"{above}/_{name}"
    return [(_moved(place, moved), module) for place, module in found], in_order


def _name_in(root: Group, place: str) -> Any:
    group = root.find(f"{place}/vars")
    return None if group is None else group.text("name")


def _moved(place: str, moved: dict[str, str]) -> str:
    """Where a place is now that some of the places on the way to it have moved."""
    parts = place.split("/")
    for end in range(1, len(parts) + 1):
        parts[end - 1] = moved.get("/".join(place.split("/")[:end]), parts[end - 1]).rpartition("/")[2]
    return "/".join(parts)


# ---- places --------------------------------------------------------------------------------------------------------


def places(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module with its place in the file. A module that is reached twice is at the first place only.

    The layers of a Sequential or functional model are numbered by class under ``layers``. Any other attribute goes by
    its name, in sorted order, those with a leading underscore last; ``layers`` of other models is one of them.
    """
    yield from _places(model, "", set())


def _places(module: nn.Module, place: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield place, module
    is_model = hasattr(type(module), "layers")
    if is_model and (getattr(module, "_plan", None) is not None or hasattr(module, "_chain")):  # planned, or to be
        yield from _container(module.layers, f"{place}/layers", seen)  # pyright: ignore[reportArgumentType]
    attributes: dict[str, Any] = {key: child for key, child in module._modules.items()
                                  if child is not None and not isinstance(child, Items)}  # fmt: skip
    attributes |= {key: value for key, value in vars(module).items() if _holds_modules(value)}
    if is_model:
        attributes["layers"] = module.layers
    for key in sorted(attributes, key=lambda name: (name.startswith("_"), name)):
        value = attributes[key]
        walk = _places if isinstance(value, nn.Module) else _container
        yield from walk(value, f"{place}/{key}".lstrip("/"), seen)


def _holds_modules(value: Any) -> bool:
    """Whether an attribute is a list, dict or tuple of layers. (Plain lists and dicts are lamina's own notes.)"""
    is_own = isinstance(value, (TrackedList, TrackedDict, tuple))
    return is_own and any(isinstance(leaf, nn.Module) for leaf in leaves(value))


def _container(items: Any, place: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    counts: dict[str, int] = {}
    for item in items.values() if isinstance(items, dict) else items:
        walk: Any = _places if isinstance(item, nn.Module) else _container
        if isinstance(item, nn.Module):
            base = snake_case(getattr(item, "_keras_class_name", type(item).__name__))
        elif isinstance(item, (list, tuple, dict)):
            base = "container"
        else:
            continue
        number = counts.get(base, 0)
        counts[base] = number + 1
        yield from walk(item, f"{place}/{base}_{number}".lstrip("/") if number else f"{place}/{base}".lstrip("/"), seen)
