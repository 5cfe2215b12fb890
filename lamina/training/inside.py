"""Losses that look inside the model: functions of targets and outputs that also use symbolic tensors of the model's graph.

So the variational autoencoders of Keras 1 are written: ``vae_loss(x, decoded)`` takes ``z_mean`` from around it. The
function is called once on symbols. What in it does not depend on targets and outputs, the model computes at each call,
beside its outputs; the rest becomes a function of the targets, the outputs and that.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

from lamina.graph.order import GraphOrder
from lamina.graph.plan import Plan, compile_graph
from lamina.graph.symbolic import SymbolicTensor, SymbolicValue, leaves
from lamina.layers.core import Aside
from lamina.losses import LossFunctionWrapper


def look_inside(losses: list[Any], targets: list[Any], output_shapes: list[Any], model: Any) -> None:
    """Have the model compute what losses use from inside of it, and change those losses to take it from there."""
    inner = [_split(*given, model) for given in zip(losses, targets, output_shapes, range(len(losses)), strict=True)]
    if any(inner):
        kept = iter(model.compute_aside([tensor for tensors in inner for tensor in tensors]))
        for loss, tensors in zip(losses, inner, strict=True):
            if tensors:
                loss.fn.kept = [next(kept) for _ in tensors]


def _split(
    loss: Any, target: Any, output_shape: tuple[int | None, ...], place: int, model: Any
) -> list[SymbolicTensor]:
    """The symbolic tensors that a loss uses and that the model is to compute; with any, its function is what is left."""
    function = loss.fn if type(loss) is LossFunctionWrapper else None
    if function is None or next(_symbols_around(function), None) is None:
        return []
    y_true = SymbolicTensor((output_shape[0], *getattr(target, "shape", output_shape)[1:]), loss.dtype)
    y_pred = model.outputs[place]  # itself: a loss may ask for its gradient by what is inside
    values = loss.call(y_true, y_pred)
    inner = _independent_of([y_true, y_pred], values)
    if inner:
        loss.fn = _Looking(Plan([y_true, y_pred, *inner], values))
    return inner


class _Looking:
    """What is left of a loss function when the model computes a part of it."""

    def __init__(self, plan: Plan) -> None:
        plan.input_names = ["y_true", "y_pred", *(f"inside_{number}" for number in range(len(plan.inputs) - 2))]
        self.run = compile_graph(plan.emit())
        self.owner = SimpleNamespace(**plan.modules, **plan.constants)
        self.kept: list[Aside] = []

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return self.run(self.owner, y_true, y_pred, *(layer.take() for layer in self.kept))


def _independent_of(given: list[SymbolicTensor], values: Any) -> list[SymbolicTensor]:
    """The last tensors on the way to ``values`` that do not depend on ``given``."""
    nodes = GraphOrder(_beginnings(values), leaves(values)).nodes
    depends = {id(tensor) for tensor in given}
    sources: list[Any] = []
    for node in nodes:
        if any(id(source) in depends for source in node.inputs):
            depends.update(id(leaf) for leaf in leaves(node.outputs))
            sources += node.inputs
    last = [tensor for tensor in [*sources, *leaves(values)] if isinstance(tensor, SymbolicTensor)]
    return list({id(tensor): tensor for tensor in last if id(tensor) not in depends}.values())


def _beginnings(values: Any) -> list[Any]:
    """The tensors that what leads to some values begins with."""
    found: list[Any] = []
    seen: set[int] = set()
    stack = [leaf for leaf in leaves(values) if isinstance(leaf, SymbolicValue)]
    while stack:
        tensor = stack.pop()
        if id(tensor) not in seen:
            seen.add(id(tensor))
            sources = tensor.node.inputs if tensor.node is not None else []
            stack.extend(sources)
            found.extend([] if sources else [tensor])
    return found


def _symbols_around(function: Callable[..., Any], seen: set[int] | None = None) -> Iterator[SymbolicTensor]:
    """The symbolic tensors that a function's code, and that of the functions it calls, names from around it."""
    seen = set() if seen is None else seen
    if id(function) in seen:
        return
    seen.add(id(function))
    for value in _around(function):
        yield from (leaf for leaf in leaves(value) if isinstance(leaf, SymbolicTensor))
        yield from _symbols_around(value, seen)


def _around(function: Any) -> list[Any]:
    """What a function uses from around it; nothing of what is no function."""
    if isinstance(function, functools.partial):
        return [function.func, *function.args, *function.keywords.values()]
    code = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(code, FunctionType) or (code.__module__ or "").partition(".")[0] in _LIBRARIES:
        return []
    around = inspect.getclosurevars(code)
    values = [*around.nonlocals.values(), *around.globals.values(), *(code.__defaults__ or ())]
    if isinstance(function, MethodType):  # self.z_mean
        values += [inspect.getattr_static(function.__self__, name, None) for name in code.__code__.co_names]
    return values


_LIBRARIES = ("lamina", "torch", "numpy")
