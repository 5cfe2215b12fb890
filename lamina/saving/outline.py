"""What a config says of a model, read as text: its layers, their connections and shapes. Nothing is made of it.

Configs of all generations are read, and broken ones as far as they go: what is wrong with them is said beside.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lamina.dialects.absent import reason
from lamina.registry import KERAS_PACKAGES, TABLES, is_value, snake_case

Config = dict[str, Any]
HUGE = 2**33  # no size or count in a config of a real model is as large; int32 has nothing above 2**31
_MOST_LAYERS = 100_000


@dataclass
class Array:
    """An array in a file.

    Arguments:
        place: where it is: its path or key.
        bytes: how many the numbers take, unpacked.
        figures: ``min``, ``max``, ``mean`` and ``std`` of the numbers and how many are not finite (``not_finite``); empty
            where they were not read.
    """

    place: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass
class LayerOutline:
    """A layer as a file has it.

    Arguments:
        class_name: as the file says; empty where it says none.
        place: of its weights, in files that name them by places.
        takes: the names of the layers whose outputs it is called on; one list for each call.
        depth: how many models it is inside of.
    """

    name: str
    class_name: str
    place: str = ""
    config: Config = field(default_factory=dict)
    input_shape: Any = None
    output_shape: Any = None
    takes: list[list[str]] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    depth: int = 0
    trainable: bool = True

    @property
    def count(self) -> int:
        """How many numbers its weights have, those of layers inside left out."""
        return sum(array.count for array in self.arrays)


@dataclass
class Outline:
    """What a config says of a model.

    Arguments:
        form: ``"Sequential"``, ``"Functional"``, or ``"subclass"``.
        inputs, outputs: names of layers.
        faults: what is wrong with it, a sentence each.
    """

    name: str = ""
    class_name: str = ""
    form: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    layers: list[LayerOutline] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def outline_of(config: Any) -> Outline:
    """Read a model's config of any generation.

    >>> outline = outline_of({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": "a"}}]})
    >>> outline.form, [layer.name for layer in outline.layers]
    ('Sequential', ['a'])
    """
    found = Outline()
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        found.faults.append(
            f"The config of the model should be a dictionary with its class_name, and is {config!r:.60}."
        )
        return found
    found.class_name = config["class_name"]
    inner = config.get("config")
    found.name = str(inner.get("name", "")) if isinstance(inner, dict) else ""
    found.form = _form(config)
    _add_layers(found, config, "layers", 0, "")
    if found.form == "Functional" and isinstance(inner, dict):
        found.inputs = _names_in(inner.get("input_layers"))
        found.outputs = _names_in(inner.get("output_layers"))
        _check_graph(found, [layer for layer in found.layers if not layer.depth])
    elif found.layers:
        top = [layer for layer in found.layers if not layer.depth]
        found.inputs, found.outputs = [top[0].name], [top[-1].name]
    _fill_shapes(found, config)
    found.faults += _suspicions(config)
    return found


def entries_of(config: Any) -> list[Any] | None:
    """The entries of the layers in a model's config, or ``None`` where it has no list of layers."""
    inner = config.get("config") if isinstance(config, dict) else None
    if isinstance(inner, list):
        return inner
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return layers if isinstance(layers, list) else None


def _form(config: Any) -> str:
    entries = entries_of(config)
    if entries is None:
        return "subclass"
    inner = config["config"]
    return "Functional" if isinstance(inner, dict) and "input_layers" in inner else "Sequential"


def _add_layers(found: Outline, config: Any, place: str, depth: int, prefix: str) -> None:
    """The layers of a model, those of models inside below them; places are numbered as ``.weights.h5`` files do."""
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for number, entry in enumerate(entries_of(config) or ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
            found.faults.append(
                f"{prefix}layers[{number}] should be a dictionary with a class_name, and is {entry!r:.60}."
            )
            continue
        if len(found.layers) >= _MOST_LAYERS:
            found.faults.append(f"The config has more than {_MOST_LAYERS} layers.")
            return
        class_name, inner = entry["class_name"], entry.get("config")
        settings = inner if isinstance(inner, dict) else {}
        name = settings.get("name", entry.get("name"))
        base = snake_case(class_name.rpartition(">")[2])
        own = f"{place}/{base}_{counts[base]}" if counts[base] else f"{place}/{base}"
        counts[base] += 1
        name = name if isinstance(name, str) else own.rpartition("/")[2]
        names[name] += 1
        layer = LayerOutline(
            name, class_name, own, settings, depth=depth, trainable=settings.get("trainable") is not False
        )
        layer.takes = [_names_in(node) for node in _nodes(entry)]
        found.layers.append(layer)
        if depth < 50 and entries_of(entry) is not None:
            _add_layers(found, entry, f"{own}/layers", depth + 1, f"{prefix}{name}: ")
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        found.faults.append(f"{prefix}{names[twice[0]]} layers are named {twice[0]!r}.")


def _nodes(entry: Config) -> list[Any]:
    nodes = entry.get("inbound_nodes")
    return nodes if isinstance(nodes, list) else []


# ---- connections ---------------------------------------------------------------------------------------------------


def _histories(value: Any) -> Iterator[tuple[str, int, int, Any]]:
    """``(layer, call, output, shape)`` of every tensor in a node, or in a list of inputs or outputs."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            inner = item.get("config")
            if item.get("class_name") == "__keras_tensor__" and isinstance(inner, dict):
                history: Any = inner.get("keras_history")
                if _is_place(history):
                    yield history[0], history[1], history[2], inner.get("shape")
            else:
                pending += reversed(list(item.values()))
        elif _is_place(item):
            yield item[0], item[1], item[2], None
            pending += reversed(item[3:])
        elif isinstance(item, list):
            pending += reversed(item)


def _is_place(value: Any) -> bool:
    return (isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str)
            and type(value[1]) is int and type(value[2]) is int)  # fmt: skip


def _names_in(value: Any) -> list[str]:
    return list(dict.fromkeys(name for name, *_ in _histories(value)))


def _check_graph(found: Outline, layers: list[LayerOutline]) -> None:
    """Say which layers are named and not there, and whether a call waits for itself."""
    known = {layer.name for layer in layers}
    wanted = {layer.name: {name for names in layer.takes for name in names} for layer in layers}
    missing = {name for names in wanted.values() for name in names} | {*found.inputs, *found.outputs}
    missing -= known
    if missing:
        user = next((name for name, names in wanted.items() if missing & names), "the model")
        found.faults.append(f"{user!r} takes the output of {min(missing)!r}, and there is no layer of this name.")
    if all(len(layer.takes) <= 1 for layer in layers):  # shared layers may well wait for a call of themselves
        left = {name: names & known for name, names in wanted.items()}
        while ready := [name for name, names in left.items() if not names & left.keys()]:
            for name in ready:
                del left[name]
        if left:
            found.faults.append(f"The graph goes in a circle: {min(left)!r} waits for its own output.")


# ---- shapes --------------------------------------------------------------------------------------------------------

_SAME_SHAPE = frozenset({
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU", "GaussianDropout",
    "GaussianNoise", "LayerNormalization", "LeakyReLU", "Masking", "Normalization", "PReLU", "ReLU", "Rescaling", "Softmax",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ThresholdedReLU", "UnitNormalization",
})  # fmt: skip


def _fill_shapes(found: Outline, config: Config) -> None:
    """The shapes that a file states, and those that follow from them at a glance."""
    stated: dict[str, Any] = {}
    pending = [config]
    while pending:
        for entry in entries_of(pending.pop()) or ():
            if isinstance(entry, dict):
                for node in _nodes(entry):
                    stated.update(
                        (name, shape) for name, _, output, shape in _histories(node) if shape is not None and not output
                    )
                if entries_of(entry) is not None:
                    pending.append(entry)
    for layer, entry in zip(found.layers, _entries(config), strict=False):
        built = entry.get("build_config")
        layer.input_shape = as_shape(built.get("input_shape")) if isinstance(built, dict) else None
        first = next((layer.config[key] for key in ("batch_shape", "batch_input_shape") if key in layer.config), None)
        if layer.class_name == "InputLayer":
            layer.output_shape = as_shape(first)
        elif layer.input_shape is None:
            layer.input_shape = as_shape(first)
        layer.output_shape = as_shape(stated.get(layer.name)) or layer.output_shape
    before: dict[int, LayerOutline] = {}
    for layer in found.layers:
        previous = before.get(layer.depth)
        if layer.input_shape is None and previous is not None and not layer.takes:
            layer.input_shape = previous.output_shape
        elif previous is not None and previous.output_shape is None and not layer.takes:
            previous.output_shape = layer.input_shape
        if layer.output_shape is None:
            layer.output_shape = _at_a_glance(layer)
        before[layer.depth] = layer


def _entries(config: Any) -> Iterator[Config]:
    """The entries in the order of the outline's layers."""
    for entry in entries_of(config) or ():
        if isinstance(entry, dict) and isinstance(entry.get("class_name"), str):
            yield entry
            if entries_of(entry) is not None:
                yield from _entries(entry)


def _at_a_glance(layer: LayerOutline) -> Any:
    given = layer.input_shape
    if not isinstance(given, list) or not given or isinstance(given[0], list):
        return None
    if layer.class_name in _SAME_SHAPE:
        return given
    units = layer.config.get("units", layer.config.get("output_dim"))
    if layer.class_name == "Dense" and type(units) is int:
        return [*given[:-1], units]
    if layer.class_name == "Flatten" and all(type(size) is int for size in given[1:]):
        return [given[0], math.prod(given[1:])]
    return None


def as_shape(value: Any) -> Any:
    """A shape as a list of sizes, or a list of such for several; ``None`` for what is none."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = value.get("items", value.get("config"))
    if not isinstance(value, list) or not value:
        return None
    if all(size is None or type(size) is int for size in value):
        return value
    shapes = [as_shape(item) for item in value]
    return None if None in shapes else shapes


# ---- what should not be there --------------------------------------------------------------------------------------


def _suspicions(config: Any) -> list[str]:
    """Sizes that no model has, and names that lead out of the file: what can't be there by accident."""
    found: list[str] = []
    pending: list[tuple[Any, str]] = [(config, "")]
    while pending and len(found) < 20:
        item, place = pending.pop()
        if isinstance(item, dict):
            found += _suspicion(item, place.lstrip("."))
            pending += [
                (value, f"{place}.{key}")
                for key, value in reversed(item.items())
                if key not in ("build_config", "seed")
            ]
        elif isinstance(item, list):
            pending += [(value, f"{place}[{number}]") for number, value in reversed(list(enumerate(item)))]
        elif type(item) is int and item >= HUGE and not place.endswith("shared_object_id"):
            found.append(f"{place.lstrip('.'):.200} is {item}, which no model has.")
    return found


def _suspicion(item: Config, place: str) -> Iterator[str]:
    module, name = item.get("module"), item.get("class_name")
    if not isinstance(name, str) or is_value(name) or name == "__keras_tensor__":
        return
    if not isinstance(module, (str, type(None))):
        yield f"{place:.200}: the module of {name!r:.60} should be a name, and is {module!r:.60}."
        return
    top = (module or "").partition(".")[0]
    called = item.get("config") if name in ("function", "class") and isinstance(item.get("config"), str) else name
    if top in sys.stdlib_module_names and top not in ("builtins", "__main__"):
        yield f"{place:.200} names {called!r:.60} of Python's module {module!r:.60}; lamina imports nothing that a file names."
    elif top in KERAS_PACKAGES - {"lamina", "builtins"} and not _may_be_keras_s(
        str(called).rpartition(">")[2], str(module)
    ):
        why = reason(f"layers.{called}")  # of those that lamina lacks
        yield f"{place:.200} names {called!r:.60} of {module!r:.60}, which is no part of a model that lamina knows.{why}"


def _may_be_keras_s(name: str, module: str) -> bool:
    """Whether Keras has a layer, operation or other part of models of this name, as far as lamina knows."""
    inner = module.split(".")
    return (any(name in table.members for table in TABLES.values()) or "ops" in inner or "models" in inner
            or "Policy" in name or name in ("Functional", "Model", "Sequential", "MeanMetricWrapper", "LossFunctionWrapper")
            or name.startswith(("TFOp", "SlicingOp", "Variable")) or "engine" in inner)  # fmt: skip
