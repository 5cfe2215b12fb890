"""Functional models as configs of Keras 3, and back from configs of any generation.

A layer's entry says where each of its calls took its inputs from: ``[layer name, which call of it, which output]``.
Operations (operators, torch functions) are entries too; see :mod:`lamina.saving.operations`.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lamina.dtypes import dtype_name
from lamina.engine.calling import who
from lamina.engine.layer import Layer
from lamina.graph.order import walk
from lamina.graph.plan import Constant, Plan, Step, Value
from lamina.graph.symbolic import SymbolicTensor, SymbolicValue, leaves, map_structure, record
from lamina.layers.core import AddLoss, AddMetric, Aside, InputLayer
from lamina.registry import ConfigError, check_name, check_object, deserialize, reading, serialize, snake_case
from lamina.saving.keras_operations import OPERATION_FUNCTIONS, KerasOperation
from lamina.saving.limits import bounded, check_outputs
from lamina.saving.operations import LAMINA_MODULE, PROPERTIES, describe_call, find_call, is_operation
from lamina.saving.tf_functions import Composed, plain

Config = dict[str, Any]
Place = tuple[str, int]  # a layer's name, and which call of it

# In Keras these layers' `call` has `training=False` by default, and configs say so although nobody asked for it.
_INFER_BY_DEFAULT = """
    AdditiveAttention AlphaDropout Attention ConvLSTM1D ConvLSTM2D ConvLSTM3D Dropout GRU GaussianDropout GaussianNoise
    LSTM RNN SimpleRNN SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
"""


# ---- writing -------------------------------------------------------------------------------------------------------


def to_config(model: Any) -> Config:
    """``get_config`` of a functional model.

    Raises:
        ValueError: for a part that a config can't hold: a module that is not a layer, a function of the user's own.
    """
    return _Writer(model).config()


class _Writer:
    """The entries of a functional model's config, in the order of its layers and then of its operations."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.plan: Plan = model._plan
        self.values = list(self.plan.values)  # (shape, dtype) of every value, those of the file alone behind
        # What a loss that looks inside the model had it compute is the loss's business.
        self.aside = [value for value in self.plan.aside if not isinstance(self._maker_of(value), Aside)]
        self.same: dict[int, Value] = {}  # value -> the one that stands for it in a file
        self.steps = self._in_order()
        self.origin: dict[int, list[Any]] = {}  # value -> [entry, call, output]
        self.entries: dict[str, Config] = {}

    def config(self) -> Config:
        model, plan = self.model, self.plan
        names = {getattr(module, "name", key) for key, module in plan.modules.items()}
        for value, name in zip(plan.inputs, model._input_names, strict=True):
            self.origin[value.index] = [name, 0, 0]
            if name not in names:
                self.entries[name] = _input_entry(plan, value, name)
        called = {step.target for step in self.steps}
        for key, module in plan.modules.items():
            if key in called or isinstance(module, InputLayer):
                self.entries[getattr(module, "name", key)] = _layer_entry(module, key)
        for step in self.steps:
            self._add(step)
        if self._unnamed(plan.outputs):
            raise ValueError(
                f"An output of {who(model)} is made of the mask of a nested model, which a config can't name."
            )
        from_one = {module.name for module in plan.modules.values() if _counts_from_one(module)}

        def place(value: Value) -> list[Any]:
            name, call, position = self.origin[value.index]
            return [name, call + (name in from_one), position]

        return {
            "name": model.name,
            "trainable": model.trainable,
            "layers": list(self.entries.values()),
            "input_layers": map_structure(lambda number: place(plan.inputs[number]), model._input_structure),
            "output_layers": map_structure(place, plan.stated_outputs),
        }

    def _maker_of(self, value: Value) -> Any:
        number = self.plan.step_of(value)
        return None if number is None else self.plan.modules.get(self.plan.steps[number].target)

    def _in_order(self) -> list[Step]:
        """The plan's steps as Keras's graph has them: with the author's call of an operation in place of those that it
        made, what is written otherwise than it is run, and no masks but those that Keras takes for arguments."""
        plan = self.plan
        steps = [step for one in plan.steps for step in self._as_written(one)]
        maker: dict[int, Step] = {leaf.index: step for step in steps for leaf in _values_in(step.outputs)}
        maker |= {index: call for index, call in plan.calls.items() if call.target in OPERATION_FUNCTIONS}

        def before(values: Any) -> list[Step]:
            return [maker[value.index] for value in _values_in(values) if value.index in maker]

        needed: dict[int, Step] = {}
        pending = before([plan.outputs, self.aside])
        while pending:
            step = pending.pop()
            if id(step) not in needed:
                needed[id(step)] = step
                pending += before(_shown(step))
        order: dict[int, Step] = {}
        # The first of them stands at the stack's end; a step comes after all that it takes.
        stack = [(step, False) for one in reversed(steps) for step in before(one.outputs)]
        while stack:
            step, ready = stack.pop()
            if id(step) in order or id(step) not in needed:
                continue
            if ready:
                order[id(step)] = step
                continue
            stack.append((step, True))
            stack += [(one, False) for one in before(_shown(step))]
        return list(order.values())

    def _as_written(self, step: Step) -> list[Step]:
        """A step of the plan, or those that stand for it in a file, where Keras has other words for it."""
        in_keras = getattr(step.target, "in_keras", None)
        if in_keras is None:
            hidden = {
                name for name, value in step.kwargs.items() if any(one.index in self.same for one in _values_in(value))
            }
            return [replace(step, hidden=step.hidden | hidden) if hidden else step]
        symbols: dict[int, SymbolicTensor] = {}
        places: dict[int, Value] = {}

        def symbol(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            leaf = self.same.get(leaf.index, leaf)
            if leaf.index not in symbols:
                symbols[leaf.index] = SymbolicTensor(*self.values[leaf.index])
                places[id(symbols[leaf.index])] = leaf
            return symbols[leaf.index]

        def place(leaf: Any) -> Any:
            if not isinstance(leaf, SymbolicValue):
                return leaf
            if id(leaf) not in places:
                places[id(leaf)] = Value(len(self.values))
                self.values.append((getattr(leaf, "shape", ()), getattr(leaf, "dtype", None)))
            return places[id(leaf)]

        result = in_keras(*map_structure(symbol, step.args))
        if id(result) in places:
            self.same[step.outputs.index] = places[id(result)]
            return []
        places[id(result)] = step.outputs
        nodes = walk([result], lambda tensor: tensor.node, lambda node: node.inputs)
        return [Step("call_function", node.target, str(node), *map_structure(place, (node.args, node.kwargs, node.outputs)))
                for node in nodes]  # fmt: skip

    def _add(self, step: Step) -> None:
        args, kwargs = _shown(step)
        if self._unnamed((args, kwargs)):  # the mask of a nested model, or something made of one
            if step.kind != "call_module":
                return
            if self._unnamed(args):
                raise ValueError(f"{step.name!r} is called on the mask of a nested model, which a config can't name.")
            # Reading finds the masks of layers by itself.
            kwargs = {key: value for key, value in kwargs.items() if not self._unnamed(value)}
        if step.kind == "call_module":
            module = self.plan.modules[step.target]
            name = getattr(module, "name", step.target)
        else:
            described, args, kwargs = self._described(step)
            name = self._free_name(snake_case(described["config"].get("function", "").rpartition(".")[2]
                                              or described["class_name"]))  # fmt: skip
            self.entries[name] = {**described, "config": {"name": name, **described["config"]}, "name": name,
                                  "inbound_nodes": []}  # fmt: skip
        nodes = self.entries[name]["inbound_nodes"]
        for position, leaf in enumerate(leaves(step.outputs)):
            if isinstance(leaf, Value):
                self.origin[leaf.index] = [name, len(nodes), position]
        nodes.append({"args": [serialize(map_structure(self._refer, arg)) for arg in args],
                      "kwargs": serialize(map_structure(self._refer, kwargs))})  # fmt: skip

    def _unnamed(self, structure: Any) -> bool:
        return any(value.index not in self.origin for value in _values_in(structure))

    def _described(self, step: Step) -> Any:
        """A torch function goes by the name of Keras's operation where that gives the same type: an index of torch's is
        int64, and of Keras's int32."""
        described = describe_call(step.target, step.args, step.kwargs)
        if described[0]["module"] == LAMINA_MODULE or step.target in OPERATION_FUNCTIONS:
            return described
        values = self.values

        def stand_in(leaf: Any) -> Any:
            return SymbolicTensor(*values[leaf.index]) if isinstance(leaf, Value) else self._refer(leaf)

        types = {values[value.index][1] for value in _values_in((step.args, step.kwargs, step.outputs))}
        if None not in types:  # no sizes are calculated with
            operation, settings = find_call(described[0])
            found = operation(*map_structure(stand_in, described[1]), **settings)
            if [leaf.dtype for leaf in leaves(found)] != [values[leaf.index][1] for leaf in _values_in(step.outputs)]:
                return describe_call(step.target, step.args, step.kwargs, in_keras=False)
        return described

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self.entries:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def _refer(self, leaf: Any) -> Any:
        """A value as Keras writes a symbolic tensor; a tensor that the model owns as its numbers."""
        if isinstance(leaf, Constant):
            return getattr(self.model, leaf.attribute)
        if isinstance(leaf, torch.dtype):
            return {"class_name": "__dtype__", "config": {"name": dtype_name(leaf)}}
        if not isinstance(leaf, Value):
            return leaf
        shape, dtype = self.values[leaf.index]
        sizes = [None if size is None else int(size) for size in shape]
        return {"class_name": "__keras_tensor__",
                "config": {"shape": sizes, "dtype": dtype_name(dtype or torch.int64),
                           "keras_history": self.origin[leaf.index]}}  # fmt: skip


def _shown(step: Step) -> tuple[tuple[Any, ...], Config]:
    """The arguments of a step without those that Keras's graph does not have; reading finds such masks by itself."""
    return step.args, {name: value for name, value in step.kwargs.items() if name not in step.hidden}


def _values_in(structure: Any) -> list[Value]:
    return [leaf for leaf in leaves(structure) if isinstance(leaf, Value)]


def _counts_from_one(module: Any) -> bool:
    """Whether a model's outputs, in a config, count the calls of a layer from 1: 0 is what a functional model is made of.
    (The calls' own arguments count from 0; old generations count both from 1.)"""
    return getattr(module, "_plan", None) is not None and not hasattr(module, "_chain")


def _layer_entry(module: nn.Module, key: str) -> Config:
    if not isinstance(module, Layer):
        raise ValueError(f"The model contains the torch module {type(module).__name__} {key!r}, which a config can't "
                         "describe. Save its state_dict with torch.save, or make a Layer of it that is registered with "
                         "register_keras_serializable.")  # fmt: skip
    return {**serialize(module), "name": module.name, "inbound_nodes": []}


def _input_entry(plan: Plan, value: Value, name: str) -> Config:
    """The ``InputLayer`` of an input; the model may begin in the middle of a graph, where there is no such layer."""
    shape, dtype = plan.values[value.index]
    config = {"batch_shape": list(shape), "dtype": dtype_name(dtype), "sparse": False, "ragged": False, "name": name,
              "optional": False}  # fmt: skip
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None,
            "name": name, "inbound_nodes": []}  # fmt: skip


# ---- reading -------------------------------------------------------------------------------------------------------


def from_config(config: Config, custom_objects: dict[str, Any] | None = None) -> tuple[Any, Any, list[Any]]:
    """The symbolic inputs and outputs that a functional config of any generation describes, and its added losses.

    Raises:
        ConfigError: a ``ValueError``, when the config is not such a one, or its calls can't be run in any order.
    """
    return _Reader(config, custom_objects).tensors()


class _Reader:
    """Makes the layers of a config, then calls each as soon as what it takes is there."""

    def __init__(self, config: Config, custom_objects: dict[str, Any] | None) -> None:
        self.config = config
        self.custom_objects = custom_objects
        self.made: dict[Place, list[Any]] = {}
        self.targets: dict[str, tuple[Any, Config]] = {}  # name -> what is called, its settings
        self.nodes: dict[Place, Any] = {}
        self.first: dict[str, int] = {}  # the number of a layer's first call, where it is not 0
        self.first_of_outputs: dict[str, int] = {}

    def tensors(self) -> tuple[Any, Any, list[Any]]:
        entries = self.config.get("layers")
        if not isinstance(entries, list):
            raise ConfigError("A functional config has a list of layers.", self.config)
        for entry in entries:
            self._make(entry)
        self.is_old = any(isinstance(node, list) for node in self.nodes.values())
        self._find_first_calls()
        self._call_all()
        losses = [tensor for (name, _), made in self.made.items() for tensor in made
                  if isinstance(self.targets[name][0], (AddLoss, AddMetric))]  # fmt: skip
        return self._structure("input_layers"), self._structure("output_layers"), losses

    def _make(self, entry: Any) -> None:
        with reading(entry):
            name = _name_of(entry)
            if name in self.targets:
                raise ValueError(f"Two layers are named {name!r}.")
            check_object(entry)
            if is_operation(entry):
                target, settings = find_call({**entry, "config": entry.get("config") or {}})
            else:
                # Old files name the layer beside its config, new ones in both places.
                described = {**entry, "config": {"name": name, **(entry.get("config") or {})}}
                target, settings = deserialize(described, self.custom_objects, kind="layer"), {}
                if not isinstance(target, Layer):
                    raise ValueError(f"{entry.get('class_name')!r} is no layer.")
            self.targets[name] = target, settings
            nodes = entry.get("inbound_nodes") or []
            if not isinstance(nodes, list):
                raise ValueError(f"The inbound_nodes of {name!r} must be a list, and got {nodes!r:.80}.")
            if not nodes and hasattr(target, "batch_shape"):
                check_outputs(target.output, target)
                self.made[name, 0] = [target.output]
            self.nodes.update({(name, number): node for number, node in enumerate(nodes)})

    def _find_first_calls(self) -> None:
        """What the calls of models are counted from. Generations differ, so what the config asks for has the last word."""
        asked: list[defaultdict[str, set[int]]] = [defaultdict(set), defaultdict(set)]
        counts = Counter(name for name, _ in self.nodes)
        for node in self.nodes.values():
            with reading(node):
                for name, call, _ in _histories(node):
                    asked[0][name].add(call)
        for key in ("input_layers", "output_layers"):
            for name, call, _ in _places_in(self.config.get(key)):
                asked[1][name].add(call)
        for names, first, usual in ((asked[0], self.first, self.is_old), (asked[1], self.first_of_outputs, True)):
            for name, calls in names.items():
                target = self.targets.get(name, (None,))[0]
                if hasattr(target, "compile_from_config") and 0 not in calls:
                    first[name] = int(max(calls) >= counts[name] or (usual and _counts_from_one(target)))

    def _call_all(self) -> None:
        """Kahn's order: a call is made when all that it takes was made, and the layer's calls before it."""
        followers: defaultdict[Place, list[Place]] = defaultdict(list)
        missing: dict[Place, int] = {}
        for place, node in self.nodes.items():
            with reading(node):
                needed = {(name, call - self.first.get(name, 0)) for name, call, _ in _histories(node)}
                needed -= self.made.keys()
                needed |= {(place[0], place[1] - 1)} if place[1] else set()
            missing[place] = len(needed)
            for source in needed:
                followers[source].append(place)
        ready = deque(place for place, count in missing.items() if not count)
        while ready:
            place = ready.popleft()
            del missing[place]
            self._call(place)
            for follower in followers[place]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready.append(follower)
        if missing:
            (name, number), _ = missing.popitem()
            raise ConfigError(f"This is not a graph that can be run: call {number} of {name!r} waits for another that is "
                              "not there, or that waits for it.", self.config)  # fmt: skip

    def _call(self, place: Place) -> None:
        node = self.nodes[place]
        target, settings = self.targets[place[0]]
        with reading(node):
            args, kwargs = self._arguments(node)
            outputs = _call(target, args, kwargs | settings)
            if isinstance(target, Layer):  # what an operation gives is bounded while it is tried out
                check_outputs(outputs, target)
        self.made[place] = [leaf for leaf in leaves(outputs) if isinstance(leaf, SymbolicValue)]

    def _arguments(self, node: Any) -> tuple[tuple[Any, ...], Config]:
        if isinstance(node, dict):
            return tuple(self._value(arg) for arg in node.get("args", ())), self._value(node.get("kwargs", {}))
        tensors = [self._tensor(place, self.first) for place in _old_histories(node)]
        settings = next((item[3] for item in _old_places(node) if len(item) > 3), {})
        return (tensors[0] if len(tensors) == 1 else tensors,), {key: self._old_value(value)
                                                                 for key, value in settings.items()}  # fmt: skip

    def _value(self, value: Any) -> Any:
        """A call's argument: a symbolic tensor, a plain value, or a structure of both."""
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return self._tensor(_history(value), self.first)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, dict) and "class_name" not in value:
            return {key: self._value(item) for key, item in value.items()}
        return deserialize(value, kind="value")

    def _old_value(self, value: Any) -> Any:
        """In tf.keras's files a tensor among the keyword arguments is ``[layer, call, output]``."""
        if _is_place(value) and value[0] in self.targets:
            return self._tensor(tuple(value[:3]), self.first)
        return (
            [self._old_value(item) for item in value] if isinstance(value, list) else deserialize(value, kind="value")
        )

    def _tensor(self, place: Any, first: dict[str, int]) -> Any:
        name, call, position = place
        outputs = self.made.get((name, call - first.get(name, 0)), [])
        if not 0 <= position < len(outputs):
            raise ValueError(f"There is no output {position} of call {call} of {name!r}.")
        return outputs[position]

    def _structure(self, key: str) -> Any:
        structure = self.config.get(key)
        if self.is_old and isinstance(structure, list) and len(structure) == 1:
            structure = structure[0]  # before Keras 3 a single tensor was a list of one, too
        with reading(structure):
            return self._at(structure)

    def _at(self, structure: Any) -> Any:
        if _is_place(structure):
            return self._tensor(tuple(structure[:3]), self.first_of_outputs)
        if isinstance(structure, list):
            return [self._at(item) for item in structure]
        if isinstance(structure, dict):
            return {key: self._at(item) for key, item in structure.items()}
        raise ValueError(f"Expected [layer, call, output], or a list or dictionary of them, and got {structure!r:.80}.")


def _name_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise ValueError(f"The layers of a functional config are dictionaries, and one is {entry!r:.80}.")
    inner = entry.get("config")
    if inner is not None and not isinstance(inner, dict):
        raise ValueError(f"The config of a layer must be a dictionary, and got {type(inner).__name__}.")
    names = [name for name in (entry.get("name"), (inner or {}).get("name")) if name is not None]
    name = names[0] if names else None
    for one in names:
        check_name(one)
    if not isinstance(name, str) or names[-1] != name:
        raise ValueError(f"A layer must have a name, and the same in its config, and got {names!r:.80}.")
    return name


def _call(target: Any, args: tuple[Any, ...], kwargs: Config) -> Any:
    if isinstance(target, Layer):
        return target(*args, **_without_defaults(target, kwargs))
    if target in PROPERTIES:
        return getattr(args[0], target)
    if not isinstance(target, Composed):
        args, kwargs = tuple(map(plain, args)), {key: plain(value) for key, value in kwargs.items()}
    with bounded(args, kwargs):
        if isinstance(target, (KerasOperation, Composed)) or target in OPERATION_FUNCTIONS:
            return target(*args, **kwargs)
        # Tuples became lists in JSON; x[:, 0] needs its tuple again.
        args = (args[0], *(tuple(arg) if isinstance(arg, list) else arg for arg in args[1:]))
        return record(target, args, kwargs)


def _without_defaults(layer: Layer, kwargs: Config) -> Config:
    """Keras writes arguments that nobody gave: ``mask=None``, and ``training=False`` for some layers."""
    infers = layer._keras_class_name in _INFER_BY_DEFAULT.split()
    known = {name: parameter for name, parameter in layer._call_parameters.items() if name != "kept_masks"}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values())
    unknown = [key for key in kwargs if key not in (*known, "training", "mask")]
    if unknown and not takes_any:
        raise ValueError(f"{who(layer)} is called with an unknown argument {unknown[0]!r}.")
    return {key: value for key, value in kwargs.items()
            if value is not None and not (key == "training" and value is False and infers)}  # fmt: skip


def _is_place(value: Any) -> bool:
    return (isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str)
            and type(value[1]) is int and type(value[2]) is int)  # fmt: skip


def _history(value: Config) -> tuple[str, int, int]:
    inner = value.get("config")
    history = inner.get("keras_history") if isinstance(inner, dict) else None
    if not _is_place(history):
        raise ValueError(f"A tensor must say [layer, call, output], and got {history!r:.80}.")
    shape = inner.get("shape") if isinstance(inner, dict) else None
    if not isinstance(shape, list) or not all(size is None or type(size) is int for size in shape):
        raise ValueError(f"The shape of a tensor is a list of sizes, and got {shape!r:.80}.")
    return tuple(history[:3])  # pyright: ignore[reportOptionalSubscript, reportReturnType]


def _histories(node: Any) -> Iterator[tuple[str, int, int]]:
    """Where a call takes its tensors from."""
    if isinstance(node, dict) and set(node) <= {"args", "kwargs"}:
        yield from _histories_in([node.get("args", []), node.get("kwargs", {})])
    elif isinstance(node, list):
        yield from _old_histories(node)
    else:
        raise ValueError(f"A call must have args and kwargs, or be a list, and got {node!r:.80}.")


def _histories_in(value: Any) -> Iterator[tuple[str, int, int]]:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield _history(value)
    else:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from _histories_in(item)


def _places_in(structure: Any) -> Iterator[tuple[str, int, int]]:
    if _is_place(structure):
        yield tuple(structure[:3])
    else:
        items = structure.values() if isinstance(structure, dict) else structure if isinstance(structure, list) else ()
        for item in items:
            yield from _places_in(item)


def _old_places(node: list[Any]) -> list[list[Any]]:
    """A call of Keras 1 and 2: ``[[layer, call, output], ...]``, from Keras 2 on with the call's arguments behind."""
    places = [node] if node and isinstance(node[0], str) else node
    for place in places:
        if not _is_place(place) or not isinstance(place[3] if len(place) > 3 else {}, dict):
            raise ValueError(f"Expected [layer, call, output], and got {place!r:.80}.")
    return places


def _old_histories(node: list[Any]) -> Iterator[tuple[str, int, int]]:
    places = _old_places(node)
    yield from (tuple(place[:3]) for place in places)  # pyright: ignore[reportReturnType]
