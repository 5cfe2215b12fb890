"""``tensorflow.python.keras.utils.tf_utils``: the helpers of tf.keras's inside that packages took from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lamina.graph.shapes import TensorShape
from lamina.graph.symbolic import SymbolicTensor

__all__ = [
    "constant_value",
    "convert_shapes",
    "is_symbolic_tensor",
    "is_tensor_or_variable",
    "shape_type_conversion",
    "smart_cond",
]


def shape_type_conversion(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The method itself: shapes are tuples here already."""
    return fn


def smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """What one of two functions gives."""
    return true_fn() if pred else false_fn()


def constant_value(pred: Any) -> Any:
    """The truth value itself; ``None`` for a tensor without data."""
    return None if isinstance(pred, SymbolicTensor) else pred


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether a tensor has no data yet."""
    return isinstance(tensor, SymbolicTensor)


def is_tensor_or_variable(x: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(x, (torch.Tensor, SymbolicTensor))


def convert_shapes(input_shape: Any, to_tuples: bool = True) -> Any:
    """A shape as a tuple, or as ``TensorShape``."""
    return tuple(input_shape) if to_tuples else TensorShape(input_shape)


def __dir__() -> list[str]:
    return __all__
