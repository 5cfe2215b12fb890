"""What torch's tracers, scripters and exporters ask of a layer, beside calling it; and what checkers ask of its author."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from torch import fx

P = ParamSpec("P")
R = TypeVar("R")


def to_override(method: Callable[P, R]) -> Callable[..., R]:
    """A method that authors override with other arguments than lamina's own has, or with fewer, as Keras lets them: checkers
    take whatever they write."""
    return method


def tracer_of(values: Iterable[Any]) -> Any:
    """The tracer of ``torch.fx.symbolic_trace`` that is at work, when one of its proxies is among the values."""
    return next((value.tracer for value in values if isinstance(value, fx.Proxy)), None)


def traced(tracer: Any, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a layer in a graph of ``torch.fx``: one node, as of torch's own layers."""
    return tracer.create_proxy("call_module", tracer.path_of_module(layer), args, kwargs)


def as_forward(call: Callable[..., Any]) -> Callable[..., Any]:
    """``call`` as ``forward``, the same code: where it takes ``kept_masks``, its signature does not say so, since the older
    ONNX exporter hands on all that a signature names."""
    signature = inspect.signature(call)
    if not isinstance(call, FunctionType) or "kept_masks" not in signature.parameters:
        return call
    forward: Any = FunctionType(call.__code__, call.__globals__, call.__name__, call.__defaults__, call.__closure__)
    forward.__kwdefaults__, forward.__doc__, forward.__module__ = call.__kwdefaults__, call.__doc__, call.__module__
    forward.__qualname__, forward.__wrapped__ = call.__qualname__, call
    shown = [parameter for name, parameter in signature.parameters.items() if name != "kept_masks"]
    forward.__signature__ = signature.replace(parameters=shown)
    return forward


def properties_of(cls: type) -> list[str]:
    """The names of a class's properties, which ``torch.jit`` would otherwise read, whether or not they have a value yet."""
    return [name for base in cls.__mro__ for name in _own_properties(base)]


@functools.cache
def _own_properties(cls: type) -> tuple[str, ...]:
    return tuple(name for name, value in vars(cls).items() if isinstance(value, property))


def set_unless_read_only(owner: Any, name: str, value: Any) -> None:
    """Set an attribute that an author's class may have as a property of its own, which then is what holds."""
    found = getattr(type(owner), name, None)
    if not isinstance(found, property) or found.fset is not None:
        setattr(owner, name, value)
