"""``.h5`` of Keras 1, 2, tf.keras and Keras 3's legacy saver: whole models, and weights alone.

A whole model's file says how the model is made in the attribute ``model_config``, how it trains in ``training_config``, and
holds the weights of each layer in a group of ``model_weights``; a file of weights alone has those groups at its root.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from lamina.dialects import using_dialect
from lamina.engine.calling import who
from lamina.engine.misfit import TYPE, UNREADABLE, Comparison, Shapes, aligned
from lamina.engine.tracking import children_of
from lamina.engine.weights import WeightOwner, own_weights, weights_of, within_budget
from lamina.layers.merge import Merge
from lamina.registry import ConfigError, CustomObjectScope, deserialize
from lamina.saving.files import read_json
from lamina.saving.filling import as_tensor, filler, set_to
from lamina.saving.hdf5 import Group, opened
from lamina.saving.legacy_weights import Arrays, Source, in_todays_layout, is_model, turns
from lamina.saving.limits import check_counts
from lamina.saving.moved_state import Stored
from lamina.saving.named_weights import require_built
from lamina.saving.needed import all_named
from lamina.saving.older_configs import check_stated_shapes, dialect_of, in_todays_form, in_words_of
from lamina.saving.training_configs import compile_settings, optimizer_state, own_optimizer_state
from lamina.saving.weights_h5 import read_standing
from lamina.tracebacks import users_level

WEIGHTS, CONFIG, TRAINING, OPTIMIZER = "model_weights", "model_config", "training_config", "optimizer_weights"
TOP_LEVEL = "top_level_model_weights"
NUMBERED = "nb_layers"  # before Keras 1, layers and weights had numbers for names
# In files that lamina wrote: the whole description in Keras 3's words, and all variables of the optimizer.
OWN_CONFIG, OWN_OPTIMIZER = "lamina_config", "lamina_optimizer"


def is_legacy(root: Group) -> bool:
    """Whether an HDF5 file is laid out as this module reads it."""
    return WEIGHTS in root or root.strings("layer_names") is not None or root.attribute(NUMBERED) is not None


def load(path: str | os.PathLike[str], custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """The model that a whole-model ``.h5`` file holds.

    Raises:
        ValueError: for a file that is not what it should be; nothing in it is run, imported or unpickled.
    """
    with opened(path) as root, CustomObjectScope(custom_objects or {}):
        own = root.attribute(OWN_CONFIG)
        place = f"{root.where}, {OWN_CONFIG if own is not None else CONFIG}"
        text = own if own is not None else root.attribute(CONFIG)
        if not isinstance(text, str) or WEIGHTS not in root:
            raise ValueError(f"{root.where} holds weights alone, and no model: make the model, and call "
                             "model.load_weights(path).")  # fmt: skip
        config, weights = read_json(text, place), root.group(WEIGHTS)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(f"{place} should be the config of a model, a dictionary with its class_name.")
        check_counts(config, place)
        version = root.text("keras_version") or weights.text("keras_version")
        dialect = dialect_of(version, config) if own is None else None
        try:
            with (
                in_words_of(dialect, place),
                within_budget(root.size) as settle,
                all_named(config, training_in(root) if compile else None),
            ):
                model = deserialize(in_todays_form(config) if dialect else config, kind="layer")
        except ConfigError as error:
            error.where = place
            raise
        if not hasattr(model, "compile_from_config"):
            raise ValueError(f"{place} describes {who(model)}, and a model was expected.")
        if not model.built:
            raise ValueError(
                f"{place} does not say for what input {who(model)} was built, so its weights have no place."
            )
        if dialect == "keras1":
            check_stated_shapes(model, config)
        found = read(model, weights)
        settle()
        if compile:
            _compile(model, root, config, dialect, own is not None)
            if own is not None and OWN_OPTIMIZER in root:
                own_optimizer_state(model, root.group(OWN_OPTIMIZER))
                read_standing(model, root)
            elif own is None and OPTIMIZER in root and model.optimizer is not None:
                optimizer_state(model, root.group(OPTIMIZER), found.places, found.layers, str(version))
    return model


def _compile(model: Any, root: Group, config: Any, dialect: str | None, is_own: bool) -> None:
    """Compile the model as the file says, if it does."""
    if is_own:
        model.compile_from_config(config.get("compile_config") or {})
        return
    training = training_in(root)
    if training is not None:
        with using_dialect(dialect):
            compile_settings(model, training, f"{root.where}, {TRAINING}")


def training_in(root: Group) -> Any:
    """What the file says of how the model was compiled, if it does."""
    text = root.text(TRAINING)
    return read_json(text, f"{root.where}, {TRAINING}") if isinstance(text, str) else None


def load_weights(model: Any, root: Group, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Set a model's weights from an open file, whole model or weights alone. Nothing is changed when something does not
    fit."""
    is_whole = WEIGHTS in root
    read(model, root.group(WEIGHTS) if is_whole else root, by_name, skip_mismatch)
    if not (is_whole or by_name or skip_mismatch) and OWN_OPTIMIZER in root:  # what was a checkpoint in tf.keras
        try:
            own_optimizer_state(model, root.group(OWN_OPTIMIZER))
            read_standing(model, root)
        except ValueError as error:  # of another optimizer: the weights are still worth having
            warnings.warn(f"The state of the optimizer was not loaded: {error}", stacklevel=users_level())


class Read(NamedTuple):
    """Where a model's weights came from."""

    places: dict[str, torch.Tensor]
    layers: list[Stored]


def read(model: Any, weights: Group, by_name: bool = False, skip_mismatch: bool = False) -> Read:
    """Set a built model's weights from the group that has one group for each layer.

    Arguments:
        by_name: match layers by their names and leave others alone; else by their order.
        skip_mismatch: leave the weights of layers that do not fit as they are, with a warning.

    Returns:
        The model's weight for each name that the file has for one, where that is certain, and where each layer's came from.
    """
    require_built(model)
    reader = _Reader(weights)
    found = Comparison(weights.where, who(model))
    pairs = reader.by_name(model) if by_name else reader.in_order(model, found)
    pairs += reader.own(model, by_name, found)
    assignments = [assign for layer, name in pairs if (assign := reader.assignment(layer, name, found)) is not None]
    if found.wrong and not skip_mismatch:
        raise found.error()
    for assign in assignments:
        assign()
    if reader.doubtful:
        warnings.warn(
            f"{weights.where} was written by Keras 1 with Theano, by the names of its weights. Theano turns the kernels of "
            "convolutions by 180 degrees, and the file does not say whether these were turned back: they are taken as they "
            f"stand. If the answers are wrong, turn them (kernel[::-1, ::-1]) in {_listed(reader.doubtful)}.",
            stacklevel=users_level(),
        )
    if found.wrong:
        warnings.warn(found.warning(), stacklevel=users_level())
    return Read({name: weight for name, weight in reader.places.items() if weight is not None}, reader.layers)


class _Reader:
    """Reads the groups of layers, and knows whose arrays they were."""

    def __init__(self, weights: Group) -> None:
        self.weights = weights
        count = weights.attribute(NUMBERED)
        self.is_numbered = count is not None
        names = _numbered("layer", count, weights) if self.is_numbered else weights.strings("layer_names")
        if names is None:
            raise ValueError(f"{weights.where} has no list of layers (layer_names), so it holds no weights of Keras's.")
        self.names = names
        self.source = Source(self._is_keras1(), weights.text("backend") == "theano", self.is_numbered)
        self.places: dict[str, Any] = {}
        self.layers: list[Stored] = []  # where the weights came from
        self.doubtful: list[str] = []  # layers whose kernels Theano may have turned

    def _is_keras1(self) -> bool:
        """Keras 1 named its version at a file's root alone; its weights' names have no parts."""
        version = self.weights.text("keras_version")
        if isinstance(version, str):
            return version.startswith("1")
        return not any("/" in path for name in self.names for path in self.paths(name))

    def paths(self, name: str) -> list[str]:
        """Where a layer's arrays are in its group."""
        group = self.weights.group(name)
        if self.is_numbered:
            return _numbered("param", group.attribute("nb_params"), group)
        return group.strings("weight_names") or []

    def in_order(self, model: Any, found: Comparison) -> list[tuple[Any, str]]:
        """Layers that have weights, on both sides in their order."""
        mine = [layer for layer in self._layers(model) if ordered(layer)]
        theirs = [name for name in self.names if self.paths(name)]
        if len(mine) == len(theirs):
            return list(zip(mine, theirs, strict=True))
        needed = [[tuple(weight.shape) for weight in ordered(layer)] for layer in mine]
        given = [[self.weights.group(name).shape_at(path) for path in self.paths(name)] for name in theirs]
        for one, other in aligned(list(map(tuple, given)), list(map(tuple, needed))):
            names = [mine[other].name] if other is not None else []
            names += [theirs[one]] if one is not None and theirs[one] not in names else []
            found.add(
                _paired(*names), given[one] if one is not None else None, needed[other] if other is not None else None
            )
        shared = len({layer.name for layer in mine} & set(theirs))
        advice = (
            f" by_name=True loads those of the same name, which are {shared}."
            if shared and not self.is_numbered
            else ""
        )
        raise found.error(f"{self.weights.where} has {len(theirs)} layers with weights ({_listed(theirs)}), and "
                          f"{who(model)} has {len(mine)} ({_listed([layer.name for layer in mine])}).{advice}")  # fmt: skip

    def by_name(self, model: Any) -> list[tuple[Any, str]]:
        """Layers that have the name of a group."""
        if self.is_numbered:
            raise ValueError(f"{self.weights.where} has no names of layers, as before Keras 1: leave out by_name.")
        known = set(self.names)
        return [(layer, layer.name) for layer in self._layers(model) if layer.name in known and (
            ordered(layer) or self.paths(layer.name))]  # fmt: skip

    def own(self, model: Any, by_name: bool, found: Comparison) -> list[tuple[Any, str]]:
        """The weights that the model made itself."""
        mine = own_part(model)
        stored = self.paths(TOP_LEVEL) if TOP_LEVEL in self.weights else []
        if mine.weights and stored:
            return [(mine, TOP_LEVEL)]
        if mine.weights and not by_name:
            found.add(TOP_LEVEL, None, [tuple(weight.shape) for weight in mine.weights])
        elif stored and not by_name:
            group = self.weights.group(TOP_LEVEL)
            found.add(TOP_LEVEL, [group.shape_at(path) for path in stored], None)
        return []

    def _layers(self, model: Any) -> list[Any]:
        """A model's layers as files list them. Of a stack that began with a ``Merge`` of stacks, Keras 1 listed the layers
        of these, and no ``Merge``."""
        first, *rest = layers_in(model) or [None]
        if not hasattr(model, "_chain") or not is_model(first) or first.name in self.names:
            return layers_in(model)
        if not any(isinstance(layer, Merge) for layer in first.layers):
            return layers_in(model)
        branches = [layer for branch in first.layers for layer in self._flat(branch)]
        return list({id(layer): layer for layer in [*branches, *rest]}.values())

    def _flat(self, branch: Any) -> list[Any]:
        return self._layers(branch) if is_model(branch) else [branch]

    def assignment(self, layer: Any, name: str, found: Comparison) -> Callable[[], None] | None:
        """Look at a layer's arrays now, note in ``found`` whether they fit, and return the function that sets its weights."""
        group, mine = self.weights.group(name), ordered(layer)
        needed = [tuple(weight.shape) for weight in mine]
        given: Shapes | None = None
        try:
            stored = self.paths(name)
            numbers = [group.numbers_at(path) for path in stored]
            given = [one.shape for one in numbers]
            moved = False
            if self.source.is_todays and given == needed:  # there is nothing to convert
                fill = [filler(one, weight) for one, weight in zip(numbers, mine, strict=True)]
            else:
                arrays = [one.read() for one in numbers]
                converted = self._converted(layer, arrays, needed, group.where)
                self._check(layer, stored, arrays, converted, needed, group.where)
                given = [array.shape for array in converted]
                moved = len(arrays) != len(converted) or any(
                    one is not other for one, other in zip(arrays, converted, strict=True))  # fmt: skip
                fill = [partial(set_to, weight, as_tensor(array, weight, group.where))
                        for array, weight in zip(converted, mine, strict=True)]  # fmt: skip
        except ValueError as error:
            verdict = TYPE if given == needed else UNREADABLE if given is None else ""
            found.add(_paired(layer.name, name), given, needed, str(error), verdict)
            return None
        found.add(_paired(layer.name, name), given, needed)
        if self.source.is_keras1 and not self.is_numbered and turns(layer) and not stored[0].endswith(":0"):
            self.doubtful.append(layer.name)
        self.layers.append(Stored(layer, stored, mine, self.source, moved))
        if len(stored) == len(mine):
            for path, weight in zip(stored, mine, strict=True):
                self.places[path] = None if path in self.places else weight  # two layers may use one name
        return _all_of(fill)

    def _check(
        self, layer: Any, stored: list[str], arrays: Arrays, converted: Arrays, needed: Shapes, where: str
    ) -> None:
        """Refuse arrays of another number or shape than a layer's weights."""
        if len(converted) != len(needed):
            said = [f"{path} {array.shape}" for path, array in zip(stored, arrays, strict=True)]
            raise ValueError(f"{where} has {len(said)} weights ({_listed(said)}), and {who(layer)} has {len(needed)} "
                             f"({_listed([str(shape) for shape in needed])}).")  # fmt: skip
        for number, (array, shape) in enumerate(zip(converted, needed, strict=True)):
            if array.shape != shape:
                path = stored[number] if len(stored) == len(needed) else str(number)
                raise ValueError(f"{where}/{path} has shape {array.shape}, and {who(layer)} needs {shape}.")

    def _converted(self, layer: Any, arrays: Arrays, shapes: list[tuple[int, ...]], where: str) -> Arrays:
        try:
            return in_todays_layout(layer, arrays, shapes, self.source)
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"The weights in {where} are not what {who(layer)} had in any generation: {error}."
            ) from error


def _numbered(word: str, count: Any, group: Group) -> list[str]:
    """``layer_0``, ``layer_1``, ...: as many as an attribute says, which are no more than there are."""
    if not isinstance(count, (int, np.integer)) or not 0 <= count <= len(group.names()):
        raise ValueError(
            f"{group.where} should say how many of {word}_0, {word}_1, ... it has, and says {count!r:.80}."
        )
    return [f"{word}_{number}" for number in range(count)]


def _all_of(steps: list[Callable[[], None]]) -> Callable[[], None]:
    def assign() -> None:
        for step in steps:
            step()

    return assign


class Part:
    """What has weights in a model and is no layer: a module of torch's, or the model itself with those that it made. It is
    listed in files like a layer."""

    def __init__(self, name: str, class_name: str, weights: Iterable[torch.Tensor]) -> None:
        self.name, self._keras_class_name, self.weights = name, class_name, list(weights)
        self.trainable_weights = [weight for weight in self.weights if isinstance(weight, nn.Parameter)]
        self.non_trainable_weights = [weight for weight in self.weights if not isinstance(weight, nn.Parameter)]


def layers_in(model: Any) -> list[Any]:
    """The layers of a model; a module of torch's goes by the attribute that holds it."""
    keys = {id(child): key for key, child in children_of(model)}

    def listed(module: nn.Module) -> Any:
        name = type(module).__name__
        owner = isinstance(module, WeightOwner)
        return module if owner else Part(keys.get(id(module), name), f"torch's {name}", weights_of(module))

    return [listed(layer) for layer in model.layers]


def own_part(model: Any) -> Part:
    """The weights that a model made itself, beside its layers."""
    return Part(TOP_LEVEL, type(model).__name__, own_weights(model))


def ordered(layer: Any) -> list[torch.Tensor]:
    """A layer's weights as files list them: those that train first, also across the layers inside."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _paired(mine: str, theirs: str = "") -> str:
    """A layer by its name, with the one that the file has for it."""
    return f"{mine} ({theirs})" if theirs not in ("", mine) else mine


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f", ... {len(names) - 8} more" if len(names) > 8 else "")
