"""A layer in words: its sizes, of its arguments those that are not the defaults, its shapes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from torch import nn

from lamina import initializers, naming
from lamina.engine.construction import BASE_ARGUMENTS, INPUT_ARGUMENTS
from lamina.engine.input_spec import is_shape
from lamina.graph.symbolic import is_symbolic, leaves
from lamina.registry import snake_case

if TYPE_CHECKING:
    from lamina.engine.layer import Layer

_SIZES = ("units", "filters", "output_dim", "nb_filter")  # what an input's size becomes
_LONGEST = 60
UNKNOWN = "?"
_REQUIRED = inspect.Parameter.empty


def arguments_text(layer: Layer) -> str:
    """``784 -> 256, relu``: what stands between the brackets.

    >>> from lamina.layers import Dense
    >>> Dense(2, activation="relu", use_bias=False, name="head")
    Dense(? -> 2, relu, use_bias=False, name='head')
    """
    parts: list[str] = []
    defaults = _defaults(type(layer))
    for name, value in layer._arguments.items():
        default = defaults.get(name, _REQUIRED)
        known = (*BASE_ARGUMENTS, *INPUT_ARGUMENTS)
        if (
            (name in known and not (name in defaults and default is _REQUIRED))
            or _holds_modules(value)
            or is_symbolic(value)
        ):
            continue
        given = getattr(layer, name, value) if isinstance(value, dict) else value
        if name.endswith("initializer"):  # which have several names each
            given, default = _as_initializer(given), _as_initializer(default)
        text = _short(given)
        if (
            given is None
            or given == {}
            or text == _short(default)
            or (name.endswith("activation") and text == "linear")
        ):
            continue
        if name in _SIZES:
            before = parts.pop() if "input_dim" in layer._arguments and parts else _size_of_input(layer)
            parts.append(f"{before} -> {text}")
        elif name == "activation" or (default is _REQUIRED and name in defaults):
            parts.append(text)
        elif text != {"data_format": "channels_last", "trainable": "True"}.get(name):
            parts.append(f"{name}={text}")
    if not layer.trainable:
        parts.append("trainable=False")
    if naming.automatic_base(layer.name, layer._keras_class_name) is None:
        parts.append(f"name={layer.name!r}")
    return " ".join(", ".join(parts).split())


def _defaults(cls: type) -> dict[str, Any]:
    """The constructor's parameters with their defaults, those of the constructors that it hands on to included."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base is not object:
            parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            found.update({one.name: one.default for one in parameters if one.kind is not one.VAR_KEYWORD})
    return found


def _short(value: Any) -> str:
    """A value as a user would write it, in one line: objects and configs by their names."""
    if isinstance(value, (list, tuple)):
        items = [_short(item) for item in value]
        if isinstance(value, tuple) and len(set(items)) == 1 and isinstance(value[0], int):
            return items[0]  # `strides=(1, 1)` says as much as 1
        return f"({', '.join(items)})" if isinstance(value, tuple) else f"[{', '.join(items)}]"
    if isinstance(value, str):
        return value
    if hasattr(value, "get_config") and not isinstance(value, type):
        defaults = _defaults(type(value))
        config = {key: one for key, one in value.get_config().items() if one is not None and one != defaults.get(key)}
        value = {"class_name": type(value).__name__, "config": config}
    if isinstance(value, dict):
        name = value.get("class_name", value.get("name"))
        config = value.get("config", {})
        if name == "function" and isinstance(config, str):
            return config
        if not isinstance(name, str):
            return _cut(str(value))
        inside = (
            [f"{key}={_short(one)}" for key, one in config.items() if one is not None]
            if isinstance(config, dict)
            else []
        )
        return snake_case(name) + (f"({', '.join(inside)})" if inside else "")
    if hasattr(value, "shape") and not isinstance(value, (int, float)):
        return f"<{type(value).__name__} {tuple(value.shape)}>"
    return getattr(value, "__name__", None) or _cut(repr(value))


def _as_initializer(value: Any) -> Any:
    try:
        return initializers.get(value) if isinstance(value, str) else value
    except ValueError:  # a word that this layer alone knows
        return value


def _holds_modules(value: Any) -> bool:
    """Whether an argument is, or has, modules: those are shown below."""
    return any(isinstance(leaf, nn.Module) for leaf in leaves(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _size_of_input(layer: Layer) -> str:
    shapes = layer._build_shapes
    if isinstance(shapes, dict):
        shapes = next(iter(shapes.values()), None)
    while isinstance(shapes, (list, tuple)) and shapes and isinstance(shapes[0], (list, tuple)):
        shapes = shapes[0]
    if not isinstance(shapes, (list, tuple)) or len(shapes) < 2:
        return "?"
    size = shapes[1 if getattr(layer, "data_format", None) == "channels_first" else -1]
    return "?" if size is None else str(size)


def shape_by_rule(layer: Any) -> str:
    """What a layer outside of any plan would give for the shapes that it was built for."""
    shapes = getattr(layer, "_build_shapes", None)
    if not getattr(layer, "built", False) or shapes is None:
        return UNKNOWN
    try:
        rule = layer.compute_output_shape
        return shape_text(rule(**shapes) if isinstance(shapes, dict) else rule(shapes))
    except Exception:  # noqa: BLE001 - a rule of the user's own may fail in any way; the table is still to be shown
        return UNKNOWN


def shape_text(shapes: Any) -> str:
    """Shapes as a person writes them; ``?`` for what nobody knows."""
    if shapes is None or isinstance(shapes, (str, int)):
        return UNKNOWN
    if is_shape(shapes):
        return str(tuple(shapes))
    return ", ".join(shape_text(shape) for shape in (shapes.values() if isinstance(shapes, dict) else shapes))
