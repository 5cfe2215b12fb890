"""Keras's core operations: conversion, slices and scatters, loops and branches.

Loops and branches run in Python, on real data. Described on symbolic tensors they are recorded whole, as one call.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.dtypes import as_dtype, dtype_name
from lamina.graph.symbolic import SymbolicTensor, SymbolicValue, is_symbolic, leaves, map_structure, record
from lamina.ops._arrays import shape
from lamina.ops._tensors import as_tensor, is_tensor, operations, recorded, tensors

__all__ = [
    "Function", "associative_scan", "cast", "cond", "convert_to_numpy", "convert_to_tensor", "custom_gradient", "dtype",
    "fori_loop", "is_tensor", "map", "saturate_cast", "scan", "scatter", "scatter_update", "shape", "slice",
    "slice_update", "stop_gradient", "switch", "unstack", "vectorized_map", "while_loop",
]  # fmt: skip

Function = Callable[..., Any]


# ---- conversion ----------------------------------------------------------------------------------------------------


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """``x`` as a tensor.

    Arguments:
        dtype: by default, an array's own; int32 for whole numbers of Python, ``floatx`` for fractions.
        sparse, ragged: only as Keras has them; there are dense tensors here.

    >>> convert_to_tensor([1, 2]).dtype, convert_to_tensor([1.0]).dtype
    (torch.int32, torch.float32)
    """
    if sparse or ragged:
        raise ValueError("lamina has dense tensors only; pad ragged rows with pad_sequences.")
    return as_tensor(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """``x`` as an array of NumPy, without gradients; bfloat16, which NumPy lacks, becomes float32.

    >>> convert_to_numpy(torch.ones(2))
    array([1., 1.], dtype=float32)
    """
    if isinstance(x, SymbolicTensor):
        raise ValueError(f"{x!r} has no data yet, so it can't become an array.")
    if not isinstance(x, torch.Tensor):
        x = as_tensor(x) if any(isinstance(leaf, torch.Tensor) for leaf in leaves(x)) else x
    if not isinstance(x, torch.Tensor):
        return np.asarray(x) if isinstance(x, (np.ndarray, np.generic)) else convert_to_numpy(as_tensor(x))
    x = x.detach().to("cpu")
    return (x.float() if x.dtype is torch.bfloat16 else x).resolve_conj().numpy()


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in another type.

    >>> cast([1.5, -0.5], "int32")
    tensor([1, 0], dtype=torch.int32)
    """
    return as_tensor(x, as_dtype(dtype))


def saturate_cast(x: Any, dtype: Any) -> Any:
    """:func:`cast` with what the type can't hold at its limits, instead of wrapped around.

    >>> saturate_cast([-1.0, 300.0], "uint8")
    tensor([  0, 255], dtype=torch.uint8)
    """
    x, wanted = as_tensor(x), as_dtype(dtype)
    if wanted is torch.bool or wanted.is_complex or x.dtype is torch.bool or x.dtype is wanted:
        return x.to(wanted)
    low, high = _limits(wanted)
    held_low, held_high = _limits(x.dtype)
    if low <= held_low and high >= held_high:
        return x.to(wanted)
    clipped = torch.clamp(x, max(low, held_low), min(high, held_high))
    if x.dtype.is_floating_point and not wanted.is_floating_point:
        # The greatest int32 has no float32: what rounds above it is put in by hand.
        above = torch.ge(x, float(high))
        return torch.where(above, high, torch.where(above, 0, clipped).to(wanted))
    return clipped.to(wanted)


def _limits(dtype: torch.dtype) -> tuple[Any, Any]:
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min, info.max


def dtype(x: Any) -> str:
    """The name of the type of ``x``: ``"float32"``."""
    return dtype_name(as_tensor(x).dtype)


def stop_gradient(variable: Any) -> Any:
    """The same numbers, through which no gradient goes."""
    return as_tensor(variable).detach()


def custom_gradient(f: Function) -> Function:
    """A function with a gradient of its own: ``f`` returns its result and a function of the result's gradient.

    >>> @custom_gradient
    ... def square_with_half_slope(x):
    ...     return x * x, lambda upstream: upstream * x
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> square_with_half_slope(x).backward()
    >>> x.grad
    tensor(3.)
    """

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            outputs, ctx.gradient = f(*args)
            ctx.needed = len(args)
            return outputs

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            gradients = ctx.gradient(*upstream)
            gradients = tuple(gradients) if isinstance(gradients, (list, tuple)) else (gradients,)
            return gradients + (None,) * (ctx.needed - len(gradients))

    def function(*args: Any) -> Any:
        if is_symbolic(args):
            return record(function, args, {})
        return Custom.apply(*(as_tensor(x) if isinstance(x, np.ndarray) else x for x in args))

    function.__name__ = getattr(f, "__name__", "custom_gradient")
    function.__doc__ = f.__doc__
    return function


# ---- slices and scatters -------------------------------------------------------------------------------------------


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """A block of ``shape`` that begins at ``start_indices``; -1 in the shape takes all that is left.

    >>> slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2))
    tensor([[2, 3],
            [5, 6]], dtype=torch.int32)
    """
    return as_tensor(inputs)[_block(start_indices, shape)]


def _block(start: Any, lengths: Any) -> tuple[Any, ...]:
    pairs = zip(_whole_numbers(start), _whole_numbers(lengths), strict=True)
    return tuple(builtins.slice(begin, None if length == -1 else begin + length) for begin, length in pairs)


def _whole_numbers(values: Any) -> list[Any]:
    """Sizes or places as Python numbers, or symbolic ones."""
    if isinstance(values, (torch.Tensor, np.ndarray)):
        values = values.tolist()
    return [one if isinstance(one, SymbolicValue) else int(one) for one in values]


@recorded
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """``inputs`` with the block that begins at ``start_indices`` replaced by ``updates``.

    >>> slice_update(torch.zeros(4), [1], torch.ones(2))
    tensor([0., 1., 1., 0.])
    """
    inputs, updates = tensors(inputs, updates)
    result = inputs.clone()
    result[_block(start_indices, updates.shape)] = updates.to(inputs.dtype)
    return result


@recorded
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """A tensor of zeros with values added at indices.

    Arguments:
        indices: ``(*places, k)``, each the first ``k`` coordinates.
        values: ``(*places, *shape[k:])``.

    >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))
    tensor([1., 0., 5., 0.])
    """
    indices, values = tensors(indices, values)
    zeros = torch.zeros(tuple(_whole_numbers(shape)), dtype=values.dtype, device=values.device)
    return zeros.index_put(_coordinates(indices), values, accumulate=True)


def _coordinates(indices: Any) -> tuple[Any, ...]:
    return indices.to(torch.int64).unbind(-1)


_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


@recorded
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """``inputs`` with updates put in at indices.

    Arguments:
        indices: ``(*places, k)``, each the first ``k`` coordinates.
        reduction: ``None`` (replace), ``"add"``, ``"max"``, ``"min"`` or ``"mul"``.

    >>> scatter_update(torch.ones(3), [[1]], [5.0])
    tensor([1., 5., 1.])
    """
    if reduction not in (None, "add", *_REDUCTIONS):
        raise ValueError(
            f"scatter_update takes the reduction None, 'add', 'max', 'min' or 'mul', and got {reduction!r}."
        )
    inputs, indices, updates = tensors(inputs, indices, updates)
    updates = updates.to(inputs.dtype)
    places = _coordinates(indices)
    if reduction is None or reduction == "add":
        return inputs.index_put(places, updates, accumulate=reduction == "add")
    lead, rest = inputs.shape[: len(places)], inputs.shape[len(places) :]
    flat = torch.zeros(places[0].shape, dtype=torch.int64, device=inputs.device)
    for place, length in zip(places, lead, strict=True):
        flat = flat * length + torch.where(place < 0, place + length, place)
    rows = inputs.reshape(-1, *rest)
    index = flat.reshape(-1, *[1] * len(rest)).expand(-1, *rest)
    result = rows.scatter_reduce(
        0, index, updates.expand(*flat.shape, *rest).reshape(-1, *rest), _REDUCTIONS[reduction]
    )
    return result.reshape(inputs.shape)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis, without it.

    >>> unstack([[1, 2], [3, 4]], axis=1)
    [tensor([1, 3], dtype=torch.int32), tensor([2, 4], dtype=torch.int32)]
    """
    x = as_tensor(x)
    found = x.shape[axis]
    if found is None:
        raise ValueError(f"unstack can't tell how many slices axis {axis} of shape {tuple(x.shape)} has.")
    if num is not None and num != found:
        raise ValueError(f"unstack was told of {num} slices, and axis {axis} of shape {tuple(x.shape)} has {found}.")
    return list(torch.unbind(x, dim=axis))


# ---- branches ------------------------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """``true_fn()`` where ``pred`` holds, ``false_fn()`` elsewhere.

    When ``pred`` is symbolic, both are described, and the model picks from their results.

    >>> cond(torch.tensor(True), lambda: 1, lambda: 2)
    1
    """
    if _is_unknown(pred):
        return _picked("cond", pred, true_fn(), false_fn())
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """``branches[index](*operands)``; an index beyond the ends takes the nearest branch.

    When ``index`` is symbolic, all are described, and the model picks from their results.

    >>> switch(torch.tensor(1), [lambda x: x, lambda x: -x], 3)
    -3
    """
    if not _is_unknown(index):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    result = branches[-1](*operands)
    for number in range(len(branches) - 2, -1, -1):
        result = _picked("switch", torch.le(index, number), branches[number](*operands), result)
    return result


def _is_unknown(x: Any) -> bool:
    return isinstance(x, SymbolicTensor) or (isinstance(x, torch.Tensor) and x.device.type == "meta")


def _picked(name: str, pred: Any, first: Any, second: Any) -> Any:
    """For each leaf of two structures that of the first where ``pred`` holds."""
    ones, others = leaves(first), leaves(second)
    if len(ones) != len(others):
        raise ValueError(f"The branches of {name} return {len(ones)} and {len(others)} tensors; they have to agree.")
    pairs = iter(zip(ones, others, strict=True))
    return map_structure(lambda _: None if (pair := next(pairs))[0] is None else _where(pred, *pair), first)


def _where(pred: Any, first: Any, second: Any) -> Any:
    return torch.where(pred.to(torch.bool), as_tensor(first), as_tensor(second))


# ---- loops ---------------------------------------------------------------------------------------------------------


@recorded
def while_loop(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """``loop_vars = body(*loop_vars)`` as long as ``cond(*loop_vars)`` holds; the shapes stay as they are.

    >>> while_loop(lambda i, total: i < 3, lambda i, total: (i + 1, total + i), (0, 10))
    (3, 13)
    """
    single = not isinstance(loop_vars, (tuple, list))
    state = (loop_vars,) if single else tuple(loop_vars)
    if any(isinstance(x, torch.Tensor) and x.device.type == "meta" for x in leaves(state)):
        return loop_vars  # without data: as many rounds as there may be, the shapes are these
    rounds = 0
    while (maximum_iterations is None or rounds < maximum_iterations) and cond(*state):
        found = body(*state)
        state = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        rounds += 1
    if single:
        return state[0]
    return list(state) if isinstance(loop_vars, list) else state


@recorded
def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """``val = body_fun(i, val)`` for each ``i`` from ``lower`` up to, but not including, ``upper``.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _slices(xs: Any, length: int) -> Any:
    return (map_structure(lambda x, i=i: x[i], xs) for i in range(length))


def _stacked(results: list[Any]) -> Any:
    """Structures of tensors as one structure of stacked tensors."""
    columns = iter(
        [torch.stack(tensors(*column)) for column in zip(*[leaves(result) for result in results], strict=True)]
    )
    return map_structure(lambda _: next(columns), results[0])


def _first_axis(xs: Any, name: str) -> int:
    lengths = {x.shape[0] for x in leaves(xs)}
    if len(lengths) != 1:
        raise ValueError(f"{name} goes along one first axis, and got tensors with these: {sorted(lengths)}.")
    return lengths.pop()


@recorded
def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """``carry, y = f(carry, x)`` for each slice of ``xs``: the last carry, and all ``y`` along a new first axis.

    Arguments:
        init: the first carry.
        xs: tensors whose first axis is gone along; ``None`` calls ``f(carry, None)`` ``length`` times.
        reverse: whether to begin at the end; the ``y`` stand where their ``x`` does.
        unroll: has no effect, since the loop runs in Python.

    >>> scan(lambda total, x: (total + x, total), torch.tensor(0), torch.tensor([1, 2, 3]))
    (tensor(6), tensor([0, 1, 3]))
    """
    if not callable(f):
        raise TypeError(f"scan takes a function f(carry, x), and got {f!r}.")
    if xs is None and length is None:
        raise ValueError("scan needs xs to go along, or a length.")
    xs = map_structure(lambda x: x if x is None else as_tensor(x), xs)
    count = length if xs is None or not leaves(xs) else _first_axis(xs, "scan")
    if length is not None and count != length:
        raise ValueError(f"scan was given length={length}, and xs with {count} slices.")
    items = [None] * int(count or 0) if xs is None else list(_slices(xs, int(count or 0)))
    carry, found = map_structure(lambda x: x if x is None else as_tensor(x), init), []
    for item in reversed(items) if reverse else items:
        carry, y = f(carry, item)
        found.append(y)
    if reverse:
        found.reverse()
    if not found or all(y is None for y in leaves(found)):
        return carry, None
    return carry, _stacked(found)


@recorded
def map(f: Function, xs: Any) -> Any:
    """``f`` of each slice along the first axis, one after another, stacked.

    >>> map(lambda row: row.sum(), torch.ones(2, 3))
    tensor([3., 3.])
    """
    if not callable(f):
        raise TypeError(f"map takes a function of a slice, and got {f!r}.")
    xs = map_structure(as_tensor, xs)
    return _stacked([f(item) for item in _slices(xs, _first_axis(xs, "map"))])


@recorded
def vectorized_map(function: Function, elements: Any) -> Any:
    """``function`` of each slice along the first axis, all at once (``torch.vmap``).

    >>> vectorized_map(lambda row: row.sum(), torch.ones(2, 3))
    tensor([3., 3.])
    """
    return torch.vmap(function)(map_structure(as_tensor, elements))


@recorded
def associative_scan(f: Function, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """``x0, f(x0, x1), f(f(x0, x1), x2), ...`` along an axis, for an ``f`` of many slices at once that is associative.

    In about ``log2(length)`` rounds: what stands ``1, 2, 4, ...`` places before each element is brought in.

    >>> associative_scan(torch.add, torch.tensor([1, 2, 3, 4]))
    tensor([ 1,  3,  6, 10])
    """
    if not callable(f):
        raise TypeError(f"associative_scan takes a function of two elements, and got {f!r}.")
    elems = map_structure(as_tensor, elems)
    first = leaves(elems)[0]
    if any(x.shape[axis] != first.shape[axis] for x in leaves(elems)):
        raise ValueError(f"associative_scan takes tensors of one size along axis {axis}, and got "
                         f"{[tuple(x.shape) for x in leaves(elems)]}.")  # fmt: skip
    length = first.shape[axis]
    state = map_structure(lambda x: x.flip(axis) if reverse else x, elems)
    step = 1
    while step < length:
        before = map_structure(lambda x, step=step: x.narrow(axis, 0, length - step), state)
        here = map_structure(lambda x, step=step: x.narrow(axis, step, length - step), state)
        joined = iter(leaves(f(before, here)))
        state = map_structure(lambda x, step=step, joined=joined: torch.cat([x.narrow(axis, 0, step), next(joined)], axis),
                              state)  # fmt: skip
        step *= 2
    return map_structure(lambda x: x.flip(axis) if reverse else x, state)


operations(
    globals(),
    apart="convert_to_numpy dtype custom_gradient cond switch while_loop fori_loop scan "
    "map vectorized_map associative_scan",
)
