"""What every operation begins with: its arguments as tensors of one type, symbolic ones left as they are.

The type of a result follows Keras's rules, which are torch's for tensors of two types, with these of its own: a Python
number takes the tensor's type where it can, an integer becomes int32 and a fraction ``floatx``; mathematics on integers
gives ``floatx``. Tensors of 64 bits keep them, where some of Keras's operations on torch narrow them to 32.
"""

from __future__ import annotations

import functools
import numbers
import types
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import numpy as np
import torch

from lamina.dtypes import as_dtype
from lamina.graph.symbolic import Call, SymbolicDim, SymbolicTensor, SymbolicValue, is_symbolic, leaves, record
from lamina.tracebacks import explain_call, shorten

F = TypeVar("F", bound=Callable[..., Any])
# NumPy types that torch barely computes with, and those that hold the same numbers.
_WIDER = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}
# Arguments of these types are not symbolic, nor is anything inside them.
_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter, np.ndarray, bool, int, float, str, type(None)})


def recorded(function: F) -> F:
    """``function`` is recorded whole when it meets symbolic tensors, since it computes with the sizes of its arguments."""

    @functools.wraps(function)
    def operation(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs)):
            return record(operation, args, kwargs)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain_call(error, function)
            shorten(error)
            raise

    operation.is_whole = True  # pyright: ignore[reportAttributeAccessIssue]
    return operation  # pyright: ignore[reportReturnType]


def remembered(function: F) -> F:
    """``function`` records the torch calls that it makes; its results remember, for files, that they came of one call."""

    @functools.wraps(function)
    def operation(*args: Any, **kwargs: Any) -> Any:
        try:
            if _PLAIN.issuperset(map(type, args)) and not kwargs:
                return function(*args)
            outputs = function(*args, **kwargs)
        except Exception as error:
            explain_call(error, function)
            shorten(error)
            raise
        if is_symbolic(args) or is_symbolic(kwargs):
            Call(operation, args, kwargs, outputs)
        return outputs

    return operation  # pyright: ignore[reportReturnType]


def operations(module: dict[str, Any], apart: str = "") -> None:
    """Make the public functions of a module, given as its ``globals()``, :func:`remembered`, but those named ``apart``."""
    wrapped: dict[int, Any] = {}  # a function with two names stays one
    for name, function in list(module.items()):
        is_own = isinstance(function, types.FunctionType) and function.__module__ == module["__name__"]
        if is_own and name[0] != "_" and name not in apart.split() and not hasattr(function, "is_whole"):
            module[name] = wrapped.setdefault(id(function), remembered(function))


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor of torch or a symbolic one.

    >>> is_tensor(torch.ones(2)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(x, (torch.Tensor, SymbolicTensor))


def as_tensor(x: Any, dtype: Any = None, device: Any = None) -> Any:
    """``x`` as a tensor: whole numbers of Python become int32, fractions ``floatx``, arrays keep their type."""
    if not isinstance(x, (torch.Tensor, SymbolicTensor)):
        x = _from_python(x, device)
    if dtype is None:
        return x
    wanted = as_dtype(dtype)
    return x if x.dtype is wanted else x.to(wanted)


def _from_python(x: Any, device: Any) -> Any:
    if isinstance(x, (np.ndarray, np.generic)) and not isinstance(x, float):
        return _from_numpy(np.asarray(x), device)
    if isinstance(x, (list, tuple)) and any(isinstance(leaf, (torch.Tensor, SymbolicValue)) for leaf in leaves(x)):
        return torch.stack(tensors(*x))
    if isinstance(x, (bool, int, float, complex, list, tuple, range)):
        return torch.as_tensor(x, dtype=_type_of(x), device=device)
    if isinstance(x, numbers.Number) or hasattr(x, "__array__"):
        return _from_numpy(np.asarray(x), device)
    raise TypeError(f"Expected a tensor, an array or numbers, and got {x!r:.80} of type {type(x).__name__}.")


def _from_numpy(x: np.ndarray, device: Any) -> torch.Tensor:
    if x.dtype.name in _WIDER:
        x = x.astype(_WIDER[x.dtype.name])
    if not x.flags.writeable or any(stride < 0 for stride in x.strides):
        x = x.copy()  # torch takes neither as they are
    return torch.as_tensor(x, device=device)


def _type_of(x: Any) -> torch.dtype | None:
    """The type for Python numbers, however nested; ``None`` leaves it to torch."""
    kinds = {type(leaf) for leaf in leaves(list(x) if isinstance(x, range) else x)}
    if kinds and kinds <= {bool}:
        return torch.bool
    if kinds and kinds <= {bool, int}:
        return torch.int32
    if any(issubclass(kind, complex) for kind in kinds):
        return torch.complex64
    return as_dtype(None) if all(issubclass(kind, (bool, int, float)) for kind in kinds) else None


def tensors(*values: Any) -> list[Any]:
    """All of ``values`` as tensors on one device: that of the first which is a tensor already."""
    device = next((value.device for value in values if isinstance(value, torch.Tensor)), None)
    return [as_tensor(value, device=device) for value in values]


def needs_data(name: str, *values: Any) -> None:
    """Refuse symbolic tensors where the shape of the result follows from numbers."""
    for value in values:
        if isinstance(value, SymbolicValue) or (isinstance(value, torch.Tensor) and value.device.type == "meta"):
            raise ValueError(f"The shape of {name}'s result follows from numbers, and {value!r} has none yet. Call it on "
                             "data, for instance in a layer's call.")  # fmt: skip


def is_inexact(dtype: torch.dtype) -> bool:
    """Whether a type holds fractions."""
    return dtype.is_floating_point or dtype.is_complex


def as_inexact(x: Any) -> Any:
    """``x`` as a tensor of fractions: whole numbers become ``floatx``."""
    x = as_tensor(x)
    return x if is_inexact(x.dtype) else x.to(as_dtype(None))


def as_number(x: Any) -> Any:
    """``x`` as a tensor to calculate with: truth values become int32."""
    x = as_tensor(x)
    return x.to(torch.int32) if x.dtype is torch.bool else x


def common_type(*values: Any) -> torch.dtype:
    """The type of a result of several arguments."""
    found: torch.dtype | None = None
    weak: torch.dtype | None = None
    for value in values:
        if _is_weak(value):
            kind = _type_of(value)
            weak = kind if weak is None or kind is None else torch.promote_types(weak, kind)
        elif not isinstance(value, SymbolicDim):
            dtype = value.dtype if is_tensor(value) else as_tensor(value).dtype
            found = dtype if found is None else torch.promote_types(found, dtype)
    if found is None or weak is None:
        return found or weak or torch.int32
    if weak.is_complex and not found.is_complex:
        return torch.complex128 if found is torch.float64 else torch.complex64
    if weak.is_floating_point and not is_inexact(found):
        return weak
    return torch.int32 if found is torch.bool else found


def _is_weak(value: Any) -> bool:
    """Whether ``value`` is a number of Python, whose type gives way to a tensor's. Truth values don't."""
    return isinstance(value, (int, float, complex)) and not isinstance(value, bool)


def promoted(*values: Any, inexact: bool = False, number: bool = False) -> list[Any]:
    """All of ``values`` as tensors of their common type.

    Arguments:
        inexact: make whole numbers ``floatx``.
        number: make truth values int32.
    """
    if all(isinstance(value, (torch.Tensor, SymbolicTensor)) for value in values):
        dtype = values[0].dtype
        for value in values[1:]:
            dtype = dtype if value.dtype is dtype else torch.promote_types(dtype, value.dtype)
    else:
        dtype = common_type(*values)
    if inexact and not is_inexact(dtype):
        dtype = as_dtype(None)
    elif number and dtype is torch.bool:
        dtype = torch.int32
    return [value if value.dtype is dtype else value.to(dtype) for value in tensors(*values)]


def beside(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two arguments of arithmetic in their common type. A Python number of that type stays one, which torch takes."""
    if is_tensor(x1) and is_tensor(x2):
        if x1.dtype is x2.dtype:
            return x1, x2
    elif (
        (is_tensor(x1) and _fits(x2, x1.dtype))
        or (is_tensor(x2) and _fits(x1, x2.dtype))
        or isinstance(x1, SymbolicDim)
        or isinstance(x2, SymbolicDim)
    ):
        return x1, x2
    first, second = promoted(x1, x2)
    return first, second


def _fits(number: Any, dtype: torch.dtype) -> bool:
    """Whether a Python number is one of ``dtype``, so that torch's result has that type."""
    if dtype.is_complex:
        return _is_weak(number)
    if dtype.is_floating_point:
        return _is_weak(number) and not isinstance(number, complex)
    return dtype is not torch.bool and isinstance(number, int) and not isinstance(number, bool)


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """An axis, several, or ``None`` for all, as a tuple of numbers from 0."""
    rank = len(x.shape)
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else np.ravel(axis).tolist()  # a list, an array, a range
    for one in axes:
        if not -rank <= one < rank:
            raise ValueError(f"axis {one} is out of bounds for a tensor with {rank} axes.")
    return tuple(int(one) % rank for one in axes)


def is_of_no_axis(axis: Any) -> bool:
    """Whether an argument names no axis at all, which is not the same as all of them."""
    return isinstance(axis, Collection) and np.size(axis) == 0  # pyright: ignore[reportArgumentType]
