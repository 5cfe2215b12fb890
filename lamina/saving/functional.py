"""Functional and Sequential models as Keras 3 configs, and back.

A layer's entry says where each of its calls took its inputs from: ``[layer name, which call of it, which output]``.
Operators and torch functions are entries too. Keras's own names are used for those that Keras has; every other is
named after the torch function, and looked up, when read, among the functions that torch itself lists as its operations.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lamina.dtypes import dtype_name
from lamina.errors import did_you_mean
from lamina.graph.plan import Constant, Plan, Step, Value
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure, record
from lamina.layers.base import Layer
from lamina.registry import deserialize, serialize

# Keras 3's classes of operations: what the operators on its symbolic tensors leave in a config.
KERAS_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Subtract": operator.sub, "Multiply": operator.mul, "TrueDivide": operator.truediv,
    "FloorDivide": operator.floordiv, "Mod": operator.mod, "Power": operator.pow, "Matmul": operator.matmul,
    "Negative": operator.neg, "Absolute": operator.abs, "GetItem": operator.getitem, "Less": operator.lt,
    "LessEqual": operator.le, "Greater": operator.gt, "GreaterEqual": operator.ge,
}  # fmt: skip
_READ_ONLY = {"Divide": operator.truediv, "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh,
              "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Square": torch.square,
              "Maximum": torch.maximum, "Minimum": torch.minimum}  # fmt: skip
_KERAS_NAME = {function: name for name, function in KERAS_OPERATIONS.items()}


@functools.cache
def functions_by_name() -> dict[str, Callable[..., Any]]:
    """The functions that a config may name: torch's own list of operations on tensors, and nothing that reads files,
    imports or runs code. ``torch.cat``, ``torch.nn.functional.gelu``; tensor methods go by ``Tensor.view``."""
    found: dict[str, Callable[..., Any]] = {}
    for namespace, functions in torch.overrides.get_overridable_functions().items():
        prefix = getattr(namespace, "__name__", "")
        for function in functions:
            name = getattr(function, "__name__", "")
            if prefix in ("torch", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "torch.functional"):
                if getattr(namespace, name, None) is function:
                    found[f"{prefix}.{name}"] = function
    return found


def to_config(model: Any) -> dict[str, Any]:
    """``get_config`` of a functional model.

    Raises:
        ValueError: for a part that a config can't hold: a module that is not a layer, a function of the user's own.
    """
    plan: Plan = model._plan
    origin: dict[int, list[Any]] = {}  # value -> [entry, call, output]
    entries: dict[str, dict[str, Any]] = {}
    names = _entry_names(model, plan)
    for value, name in zip(plan.inputs, model._input_names, strict=True):
        origin[value.index] = [name, 0, 0]
        own = next((m for m in plan.modules.values() if getattr(m, "name", None) == name), None)
        entries[name] = _layer_entry(own, name) if own is not None else _input_entry(plan, value, name)
    for key, module in plan.modules.items():
        if names[key] not in entries:
            entries[names[key]] = _layer_entry(module, key)
    counts: dict[str, int] = {}
    for number, step in enumerate(plan.steps):
        name = names[step.target] if step.kind == "call_module" else f"{step.name}_{number}"
        if step.kind != "call_module":
            entries[name] = _function_entry(step, name)
        call = counts.get(name, 0)
        counts[name] = call + 1
        refer = functools.partial(_refer, plan, origin, model)
        entries[name]["inbound_nodes"].append({"args": [serialize(map_structure(refer, arg)) for arg in step.args],
                                               "kwargs": serialize(map_structure(refer, step.kwargs))})  # fmt: skip
        for position, value in enumerate(leaf for leaf in leaves(step.outputs) if isinstance(leaf, Value)):
            origin[value.index] = [name, call, position]
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": list(entries.values()),
        "input_layers": map_structure(lambda i: _Origin(origin[plan.inputs[i].index]), model._input_structure),
        "output_layers": map_structure(lambda value: _Origin(origin[value.index]), plan.outputs),
    }


class _Origin(list[Any]):
    """``[layer, call, output]``: one leaf of ``input_layers`` and ``output_layers``."""


def _entry_names(model: Any, plan: Plan) -> dict[str, str]:
    return {key: getattr(module, "name", key) for key, module in plan.modules.items()}


def _layer_entry(module: nn.Module, key: str) -> dict[str, Any]:
    if not isinstance(module, Layer):
        raise ValueError(f"The model contains the torch module {type(module).__name__} {key!r}, which a config can't "
                         "describe. Save its state_dict with torch.save, or make a Layer of it that is registered with "
                         "register_keras_serializable.")  # fmt: skip
    return {**serialize(module), "name": module.name, "inbound_nodes": []}


def _input_entry(plan: Plan, value: Value, name: str) -> dict[str, Any]:
    shape, dtype = plan.values[value.index]
    config = {"batch_shape": list(shape), "dtype": dtype_name(dtype), "sparse": False, "ragged": False, "name": name,
              "optional": False}  # fmt: skip
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None,
            "name": name, "inbound_nodes": []}  # fmt: skip


def _function_entry(step: Step, name: str) -> dict[str, Any]:
    if step.kind == "call_method":
        function_name = f"Tensor.{step.target}"
    elif step.target in _KERAS_NAME:
        return {"module": "keras.src.ops.numpy", "class_name": _KERAS_NAME[step.target], "config": {"name": name},
                "registered_name": None, "name": name, "inbound_nodes": []}  # fmt: skip
    else:
        by_function = {function: key for key, function in functions_by_name().items()}
        function_name = by_function.get(step.target, "")
        if not function_name:
            raise ValueError(f"The model calls the function {step.target.__name__!r}, which a config can't name. Put it in "
                             "a Layer that is registered with register_keras_serializable.")  # fmt: skip
    return {"module": "lamina", "class_name": "TorchFunction", "config": {"name": name, "function": function_name},
            "registered_name": None, "name": name, "inbound_nodes": []}  # fmt: skip


def _refer(plan: Plan, origin: dict[int, list[Any]], model: Any, leaf: Any) -> Any:
    """A value as Keras writes a symbolic tensor; a tensor that the model owns as its numbers."""
    if isinstance(leaf, Constant):
        return getattr(model, leaf.attribute)
    if not isinstance(leaf, Value):
        return leaf
    shape, dtype = plan.values[leaf.index]
    return {"class_name": "__keras_tensor__",
            "config": {"shape": list(shape), "dtype": dtype_name(dtype or torch.int64),
                       "keras_history": list(origin[leaf.index])}}  # fmt: skip


# ---- back ----------------------------------------------------------------------------------------------------------


def from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs that a functional config of any generation describes."""
    targets = {_name_of(entry): _target_of(entry, custom_objects) for entry in config["layers"]}
    made: dict[tuple[str, int], list[Any]] = {}
    pending: list[tuple[str, int, Any]] = []
    for entry in config["layers"]:
        name = _name_of(entry)
        nodes = entry.get("inbound_nodes") or []
        if not nodes and isinstance(targets[name], Layer) and hasattr(targets[name], "batch_shape"):
            made[name, 0] = [targets[name].output]
        pending += [(name, number, node) for number, node in enumerate(nodes)]
    while pending:
        waiting = []
        for name, number, node in pending:
            if number and (name, number - 1) not in made or not _ready(node, made):
                waiting.append((name, number, node))
                continue
            args, kwargs = _arguments_of(node, made)
            outputs = _call(targets[name], args, kwargs)
            made[name, number] = [leaf for leaf in leaves(outputs) if isinstance(leaf, SymbolicTensor)]
        if len(waiting) == len(pending):
            raise ValueError(f"The config of {config.get('name')!r} is not a graph that can be run: "
                             f"{waiting[0][0]!r} waits for a layer that never comes.")  # fmt: skip
        pending = waiting

    def tensor_at(place: Any) -> Any:
        name, call, position = place[:3]
        if (name, call) not in made or not 0 <= position < len(made[name, call]):
            raise ValueError(f"The config of {config.get('name')!r} names the output {list(place[:3])}, which is not there.")
        return made[name, call][position]

    return _map_places(tensor_at, config["input_layers"]), _map_places(tensor_at, config["output_layers"])


def _name_of(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    name = name if name is not None else (entry.get("config") or {}).get("name")
    if not isinstance(name, str):
        raise ValueError("An entry of a functional config has no name.")
    return name


def _target_of(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    class_name, module = entry.get("class_name"), str(entry.get("module"))
    operations = KERAS_OPERATIONS | _READ_ONLY
    if module.startswith("keras.src.ops"):
        if class_name not in operations:
            raise ValueError(f"The config uses Keras's operation {class_name!r}, which lamina can't read yet."
                             f"{did_you_mean(class_name, operations)}")  # fmt: skip
        return operations[class_name]
    if class_name == "TorchFunction":
        name = entry["config"].get("function")
        if isinstance(name, str) and name.startswith("Tensor."):
            method = name.removeprefix("Tensor.")
            if method.startswith("_") or not callable(getattr(torch.Tensor, method, None)):
                raise ValueError(f"The config names {name!r}, which is no method of tensors.")
            return method
        if name not in functions_by_name():
            raise ValueError(f"The config names {name!r}, which is no operation of torch.")
        return functions_by_name()[name]
    # Old files name the layer beside its config, new ones in both places.
    described = {**entry, "config": {"name": _name_of(entry), **(entry.get("config") or {})}}
    return deserialize(described, custom_objects, kind="layer")


def _call(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if isinstance(target, nn.Module):
        return target(*args, **kwargs)
    return record(target, args, kwargs)


def _is_tensor_config(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _places_in(value: Any) -> list[tuple[str, int]]:
    if _is_tensor_config(value):
        name, call, _ = value["config"]["keras_history"]
        return [(name, call)]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [place for item in items for place in _places_in(item)]


def _ready(node: Any, made: dict[tuple[str, int], Any]) -> bool:
    if isinstance(node, dict):
        return all(place in made for place in _places_in(node))
    return all((place[0], place[1]) in made for place in _old_places(node))


def _old_places(node: Any) -> list[Any]:
    """A node of Keras 1 and 2: ``[[layer, call, output], ...]``, from Keras 2 on with the call's arguments behind."""
    if node and isinstance(node[0], str):
        return [node]
    return list(node)


def _arguments_of(node: Any, made: dict[tuple[str, int], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(node, dict):
        args = tuple(_with_tensors(arg, made) for arg in node.get("args", ()))
        return args, _with_tensors(node.get("kwargs", {}), made)
    places = _old_places(node)
    tensors = [made[place[0], place[1]][place[2]] for place in places]
    kwargs = places[0][3] if len(places[0]) > 3 and isinstance(places[0][3], dict) else {}
    kwargs = {key: _with_old_tensors(value, made) for key, value in kwargs.items()}
    return (tensors[0] if len(tensors) == 1 else tensors,), kwargs


def _with_old_tensors(value: Any, made: dict[tuple[str, int], Any]) -> Any:
    """In tf.keras's files a tensor among the keyword arguments is ``["_KERAS_..."]`` or ``[layer, call, output]``."""
    is_place = isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and (value[0], value[1]) in made
    if is_place:
        return made[value[0], value[1]][value[2]]
    return [_with_old_tensors(item, made) for item in value] if isinstance(value, list) else deserialize(value)


def _with_tensors(value: Any, made: dict[tuple[str, int], Any]) -> Any:
    if _is_tensor_config(value):
        name, call, position = value["config"]["keras_history"]
        return made[name, call][position]
    if isinstance(value, (list, tuple)):
        return [_with_tensors(item, made) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _with_tensors(item, made) for key, item in value.items()}
    return deserialize(value)


def _map_places(function: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, (list, tuple)) and len(structure) >= 3 and isinstance(structure[0], str):
        return function(structure)
    if isinstance(structure, dict):
        return {key: _map_places(function, value) for key, value in structure.items()}
    found = [_map_places(function, value) for value in structure]
    return found
