"""The table itself, and what its rows have in common: how arguments become tensors of one type, and shapes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.dtypes import as_dtype
from lamina.engine.devices import making_now
from lamina.graph.nests import leaves
from lamina.graph.symbolic import SymbolicDim, SymbolicTensor
from lamina.ops._tensors import as_tensor, recorded
from lamina.tf.sizes import Size, Sizes
from lamina.tracebacks import explain_call, shorten

# TensorFlow's name without ``tf.`` -> what it means here. A name that begins with ``compat.v1.`` is TensorFlow 1's own.
TABLE: dict[str, Any] = {}
# The functions of the table that give tensors, whose tests are in the golden file; for the documentation.
Function = Callable[..., Any]


def word(*names: str) -> Callable[[Function], Function]:
    """Enter a function under TensorFlow's names for it. Its last argument is TensorFlow's ``name``, which says nothing."""

    def enter(function: Function) -> Function:
        TABLE.update(dict.fromkeys(names, _without_name(function, names[0])))
        return function

    return enter


def also(**names: str) -> None:
    """Further names of what is in the table: ``also(log="math.log")``; ``__`` stands for a dot."""
    TABLE.update({new.replace("__", "."): TABLE[old] for new, old in names.items()})


def _without_name(function: Function, name: str) -> Function:
    parameters = inspect.signature(function).parameters.values()
    places = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    takes_any = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    has_name = any(one.name == "name" for one in parameters)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not has_name:
            kwargs.pop("name", None)
            if len(args) == len(places) + 1 and isinstance(args[-1], str) and not takes_any:
                args = args[:-1]
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain_call(error, function, name=f"tf.{name}")
            shorten(error)
            raise

    call.tf_name = name  # pyright: ignore[reportAttributeAccessIssue]
    return call


# ---- arguments -----------------------------------------------------------------------------------------------------


@recorded
def numbers_of(sizes: Any, dtype: Any) -> torch.Tensor:
    """Sizes as a tensor."""
    return torch.as_tensor(sizes, dtype=as_dtype(dtype))


def has_sizes(value: Any) -> bool:
    """Whether a size that is not known yet is among Python's numbers."""
    return isinstance(value, SymbolicDim) or (
        isinstance(value, (list, tuple)) and any(isinstance(leaf, SymbolicDim) for leaf in leaves(value))
    )


_OF_NUMPY, _TENSORS = (np.ndarray, np.generic), (torch.Tensor, SymbolicTensor)


def tensor(x: Any, dtype: Any = None) -> Any:
    """``x`` as a tensor: whole numbers become int32, fractions float32, arrays keep their type, as in TensorFlow."""
    if isinstance(x, (torch.Tensor, SymbolicTensor)):
        return x if dtype is None or x.dtype is as_dtype(dtype) else x.to(as_dtype(dtype))
    if has_sizes(x):
        return numbers_of(list(x) if isinstance(x, tuple) else x, dtype or "int32")
    if isinstance(x, (str, bytes)):
        raise TypeError(
            f"lamina's stand-in for TensorFlow has no tensors of text, and got {x!r:.60}; text stays Python's."
        )
    parts = leaves(x) if isinstance(x, (list, tuple)) else []
    if any(isinstance(leaf, _OF_NUMPY) for leaf in parts) and not any(isinstance(leaf, _TENSORS) for leaf in parts):
        x = np.asarray(x)
    if isinstance(x, (Sizes, Size)):
        x = list(x) if isinstance(x, tuple) else int(x)
    return as_tensor(x, dtype, making_now())


def together(*values: Any) -> list[Any]:
    """All values as tensors. An array or a number takes the type of the tensor beside it, if it can hold it."""
    first = next((one for one in values if isinstance(one, (torch.Tensor, SymbolicTensor))), None)
    if first is None:
        first = next((tensor(one) for one in values if isinstance(one, (np.ndarray, np.generic))), None)
    if first is None:
        return [tensor(one) for one in values]
    return [beside(first, one) for one in values]


def beside(first: Any, value: Any) -> Any:
    """``value`` as a tensor that goes with ``first``."""
    if isinstance(value, (torch.Tensor, SymbolicTensor)):
        return value
    made = tensor(value)
    if made.dtype is first.dtype or (made.dtype.is_floating_point and not first.dtype.is_floating_point):
        return made
    if made.dtype is torch.bool or (made.dtype.is_complex and not first.dtype.is_complex) or first.dtype is torch.bool:
        return made
    return made.to(first.dtype)


def shape_of(shape: Any) -> tuple[Any, ...]:
    """A shape as TensorFlow takes it: numbers, a tensor of them, a list with tensors and sizes that are not known yet."""
    if isinstance(shape, (torch.Tensor, np.ndarray)):
        shape = shape.tolist()
    if isinstance(shape, (int, np.integer, SymbolicDim)):
        return (shape,)
    if isinstance(shape, SymbolicTensor):
        raise ValueError(
            f"The shape {shape!r} follows from numbers, and has none yet. tf.shape(x) gives sizes that are known."
        )
    return tuple(one if isinstance(one, SymbolicDim) or one is None else int(one) for one in shape)


def number(x: Any) -> Any:
    """A number of Python's, from a tensor of one number as well."""
    return x.item() if isinstance(x, (torch.Tensor, np.ndarray, np.generic)) else x


def axes_of(axis: Any) -> Any:
    """An axis, or several, as plain numbers; ``None`` stays."""
    if isinstance(axis, (torch.Tensor, np.ndarray)):
        axis = axis.tolist()
    if isinstance(axis, (list, tuple)):
        return tuple(int(one) for one in axis)
    return None if axis is None else int(axis)


def as_before(x: Any, result: Any) -> Any:
    """``result`` in the type of ``x``: TensorFlow's sums and means of whole numbers are whole."""
    return result if result.dtype is x.dtype else result.to(x.dtype)


def first_given(*values: Any) -> Any:
    """The first that is not ``None``: an argument under its name of today and of TensorFlow 1."""
    return next((one for one in values if one is not None), None)
