"""Where code that is not lamina's or torch's takes part: it may keep what it is given, or write into it.

Of a model without such code the loops may hand out the user's own memory and run in torch's inference mode, which is a
little faster. With it they give copies, and make no tensors that can't be used later.
"""

from __future__ import annotations

import functools
import types
import weakref
from typing import Any

import torch
from torch import nn

from lamina.engine.calling import is_watched
from lamina.graph.symbolic import leaves, map_structure

# What a forward pass doesn't call, whatever a model holds there: a loss, compiled functions, makers of weights.
_NOT_CALLED = ("loss", "optimizer", "_forward", "_forward_with_masks", "_initializer", "_constraint", "_regularizer")
_CALLED = ("activity_regularizer",)


def runs_foreign_code(model: nn.Module) -> bool:
    """Whether a forward pass runs somebody else's code: a layer or model of the user's, a function, a hook; or an operation
    of torch that writes into what it is given."""
    return any(_is_foreign(module) for module in model.modules())


def measures_foreign_code(setup: Any) -> bool:
    """Whether a loss or metric that ``compile`` was told is somebody else's."""
    told = () if setup is None else leaves((setup.loss, setup.metrics, setup.weighted_metrics))
    return any(not isinstance(one, str) and one is not None and not _is_known_object(one) for one in told)


def penalizes_by_foreign_code(model: nn.Module) -> bool:
    """Whether a regularizer or constraint of the weights is somebody else's."""
    rules = (rule for module in model.modules() for name in ("_regularizers", "_constraints")
             for rule in vars(module).get(name, {}).values())  # fmt: skip
    return any(not _is_known_object(rule) for rule in rules)


def copied(structure: Any) -> Any:
    """The tensors of a structure in memory of their own."""
    return map_structure(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, structure)


def _is_foreign(module: nn.Module) -> bool:
    steps = getattr(getattr(module, "_plan", None), "steps", ())
    return (
        not _is_known(type(module))
        or is_watched(module)
        or bool(getattr(module, "inplace", False))
        or any(step.kind != "call_module" and _writes(step) for step in steps)
        or any(callable(value) and _may_be_called(name) and not _is_known_object(value)
               for name, value in vars(module).items())
    )  # fmt: skip


def _may_be_called(name: str) -> bool:
    return name in _CALLED or not name.endswith(_NOT_CALLED)


def _is_known_object(value: Any) -> bool:
    """Whether a function is lamina's or torch's, or an object of a class of theirs that holds no other function."""
    if isinstance(value, functools.partial):
        return _is_known_object(value.func)
    if isinstance(value, weakref.ref):  # to an owner: calling it runs nothing
        return True
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)):
        return _is_known(value)
    held = vars(value).values() if hasattr(value, "__dict__") else ()
    return _is_known(type(value)) and all(_is_known_object(inner) for inner in held if callable(inner))


def _is_known(value: Any) -> bool:
    if isinstance(
        value, types.BuiltinFunctionType
    ):  # torch's operations have no module; written in C, they keep nothing
        return not _names_a_write(value.__name__)
    module = f"{value.__module__}."
    return module.startswith(("lamina.", "torch.")) and not _names_a_write(value.__name__)


def _writes(step: Any) -> bool:
    """Whether an operation in a plan writes into its arguments: torch's names for those end in an underscore."""
    name = step.target if isinstance(step.target, str) else getattr(step.target, "__name__", "")
    return _names_a_write(name) or bool(step.kwargs.get("inplace")) or step.kwargs.get("out") is not None


def _names_a_write(name: str) -> bool:
    return (name.endswith("_") and not name.endswith("__")) or name in _WRITES


_WRITES = {f"{edge}i{name}{edge}" for edge in ("", "__") for name in (
    "add", "and", "concat", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift", "sub", "truediv", "xor",
)} | {"setitem", "__setitem__"}  # fmt: skip
