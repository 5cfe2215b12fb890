"""NumPy's functions that make tensors, change their shapes, join, split and index them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from lamina.dtypes import as_dtype
from lamina.graph.foreign import in_own_scope
from lamina.graph.symbolic import SymbolicTensor, goes_backwards
from lamina.graph.symbolic import get_item as backwards
from lamina.ops._tensors import (
    as_inexact,
    as_number,
    as_tensor,
    axes_of,
    common_type,
    needs_data,
    operations,
    promoted,
    recorded,
    tensors,
)

# ---- making --------------------------------------------------------------------------------------------------------


def _shape(shape: Any) -> tuple[Any, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def array(x: Any, dtype: Any = None) -> Any:
    """``x`` as a tensor."""
    return as_tensor(x, dtype)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """A tensor of zeros."""
    return torch.zeros(_shape(shape), dtype=as_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """A tensor of ones."""
    return torch.ones(_shape(shape), dtype=as_dtype(dtype))


def empty(shape: Any, dtype: Any = None) -> Any:
    """A tensor whose numbers are whatever was in memory."""
    return torch.empty(_shape(shape), dtype=as_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor that holds ``fill_value`` everywhere, broadcast where it has a shape."""
    value = as_tensor(fill_value, as_dtype(dtype))
    return torch.broadcast_to(value, _shape(shape)).clone()


def _like(x: Any, dtype: Any) -> tuple[Any, torch.dtype]:
    x = as_tensor(x)
    return x, x.dtype if dtype is None else as_dtype(dtype)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of ``x``."""
    x, dtype = _like(x, dtype)
    return torch.zeros_like(x, dtype=dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of ``x``."""
    x, dtype = _like(x, dtype)
    return torch.ones_like(x, dtype=dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """A tensor in the shape of ``x`` whose numbers are whatever was in memory."""
    x, dtype = _like(x, dtype)
    return torch.empty_like(x, dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """``fill_value`` in the shape of ``x``."""
    x, dtype = _like(x, dtype)
    if isinstance(fill_value, (bool, int, float)):
        return torch.full_like(x, fill_value, dtype=dtype)
    return torch.zeros_like(x, dtype=dtype) + as_tensor(fill_value, dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """``start, start + step, ...`` up to, but not including, ``stop``; with one argument, from 0 up to it."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    wanted = common_type(start, stop, step) if dtype is None else as_dtype(dtype)
    start, stop, step = (one.item() if isinstance(one, torch.Tensor) else one for one in (start, stop, step))
    return torch.arange(start, stop, step, dtype=wanted)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """``N`` rows and ``M`` columns with ones on the ``k``-th diagonal and zeros elsewhere."""
    return tri(N, M, k, dtype) - tri(N, M, k - 1, dtype) if k else _eye(N, N if M is None else M, dtype)


def _eye(rows: int, columns: int, dtype: Any) -> Any:
    return torch.eye(rows, columns, dtype=as_dtype(dtype))


def identity(n: int, dtype: Any = None) -> Any:
    """``n`` rows and columns with ones on the diagonal."""
    return _eye(n, n, dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on and below the ``k``-th diagonal, zeros above."""
    return torch.tril(torch.ones((N, N if M is None else M), dtype=as_dtype(dtype)), diagonal=k)


@recorded
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """``num`` numbers at equal steps from ``start`` to ``stop``, with it unless ``endpoint`` is false.

    Arguments:
        retstep: whether to return the step, too.
        axis: where the new axis goes when start and stop have shapes.
    """
    if num < 0:
        raise ValueError(f"linspace takes a number of at least 0, and got num={num}.")
    start, stop = promoted(start, stop, inexact=True)
    wanted = start.dtype if dtype is None else as_dtype(dtype)
    parts = num - 1 if endpoint else num
    step = (stop - start) / (parts or float("nan"))
    places = torch.arange(num, dtype=start.dtype, device=start.device).reshape(-1, *[1] * len(start.shape))
    values = start + places * (step if parts else torch.zeros_like(stop))
    if endpoint and parts:  # the last is stop itself, without rounding
        values = torch.cat([values[:-1], torch.unsqueeze(stop + torch.zeros_like(start), 0)])
    values = torch.movedim(values, 0, axis) if axis else values
    values = torch.floor(values).to(wanted) if not wanted.is_floating_point else values.to(wanted)
    return (values, step) if retstep else values


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Any:
    """``base`` to the power of :func:`linspace`."""
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    values = torch.pow(as_tensor(base, exponents.dtype), exponents)
    return values if dtype is None else values.to(as_dtype(dtype))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """``num`` numbers from ``start`` to ``stop``, each the same multiple of the one before; both of one sign."""
    start, stop = promoted(start, stop, inexact=True)
    exponents = linspace(torch.log10(torch.abs(start)), torch.log10(torch.abs(stop)), num, endpoint, axis=axis)
    values = torch.sign(start) * torch.pow(torch.full((), 10.0, dtype=start.dtype), exponents)
    return values if dtype is None else values.to(as_dtype(dtype))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Coordinates of a grid: each argument varies along an axis of its own.

    Arguments:
        indexing: ``"xy"`` puts the first along columns, ``"ij"`` along rows.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid takes indexing 'xy' or 'ij', and got {indexing!r}.")
    return list(torch.meshgrid(*(torch.reshape(one, (-1,)) for one in tensors(*x)), indexing=indexing))


def _window(name: str, function: Callable[..., Any], formula: str) -> Callable[..., Any]:
    def window(x: int) -> Any:
        dtype = as_dtype(None)
        return torch.ones(1, dtype=dtype) if int(x) == 1 else function(int(x)).to(dtype)

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"A window of ``x`` points: {formula}."
    return window


bartlett = _window("bartlett", lambda n: torch.bartlett_window(n, periodic=False), "a triangle")
blackman = _window("blackman", lambda n: torch.blackman_window(n, periodic=False), "``.42 - .5 cos(t) + .08 cos(2t)``")
hamming = _window("hamming", lambda n: torch.hamming_window(n, periodic=False), "``.54 - .46 cos(t)``")
hanning = _window("hanning", lambda n: torch.hann_window(n, periodic=False), "``.5 - .5 cos(t)``")


def kaiser(x: int, beta: float) -> Any:
    """A window of ``x`` points: ``i0(beta * sqrt(1 - t ** 2)) / i0(beta)``."""
    if int(x) == 1:
        return torch.ones(1, dtype=as_dtype(None))
    return torch.kaiser_window(int(x), periodic=False, beta=float(beta)).to(as_dtype(None))


# ---- shapes --------------------------------------------------------------------------------------------------------


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(as_tensor(x).shape)


def size(x: Any) -> Any:
    """The number of elements; ``None`` for a symbolic tensor with an unknown size."""
    shape = as_tensor(x).shape
    return None if None in shape else math.prod(shape)


def reshape(x: Any, newshape: Any) -> Any:
    """The same elements in another shape; -1 stands for what is left over."""
    return as_tensor(x).reshape(_shape(newshape))  # as a method it takes symbolic sizes


def ravel(x: Any) -> Any:
    """All elements in a row."""
    return torch.reshape(as_tensor(x), (-1,))


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, by default the reverse one."""
    x = as_tensor(x)
    return torch.permute(x, tuple(range(len(x.shape)))[::-1] if axes is None else tuple(axes))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes in each other's place."""
    return torch.swapaxes(as_tensor(x), axis1, axis2)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes in other places; the rest keeps its order."""
    return torch.movedim(as_tensor(x), source, destination)


def expand_dims(x: Any, axis: Any) -> Any:
    """New axes of size 1, at these places of the result."""
    x = as_tensor(x)
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    rank = len(x.shape) + len(axes)
    if any(not -rank <= one < rank for one in axes):
        raise ValueError(f"expand_dims can't put axes at {axis} into a result with {rank} axes.")
    for one in sorted(one % rank for one in axes):
        x = torch.unsqueeze(x, one)
    return x


def squeeze(x: Any, axis: Any = None) -> Any:
    """Without axes of size 1: those given, or all."""
    x = as_tensor(x)
    if axis is None:
        return torch.squeeze(x)
    axes = axes_of(x, axis)
    if any(x.shape[one] not in (1, None) for one in axes):
        raise ValueError(f"squeeze can't drop axis {axis} of shape {tuple(x.shape)}: its size is not 1.")
    return torch.squeeze(x, axes)


def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeated along axes of size 1, and new ones in front, without copying."""
    return as_tensor(x).broadcast_to(_shape(shape))


@recorded
def flip(x: Any, axis: Any = None) -> Any:
    """In reverse order along an axis, several, or (``None``) all."""
    x = as_tensor(x)
    return torch.flip(x, axes_of(x, axis))


def fliplr(x: Any) -> Any:
    """In reverse order along the second axis."""
    return torch.fliplr(as_tensor(x))


def flipud(x: Any) -> Any:
    """In reverse order along the first axis."""
    return torch.flipud(as_tensor(x))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Moved along an axis, what leaves at the end coming in at the start; ``None`` rolls the flattened ``x``."""
    return torch.roll(as_tensor(x), shift, axis)


def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turned ``k`` times by 90 degrees, from the first of two axes towards the second."""
    array = as_tensor(array)
    if len(array.shape) < 2 or len(axes) != 2 or len(set(axes_of(array, tuple(axes)))) != 2:
        raise ValueError(f"rot90 turns two different axes of a tensor with at least two, and got shape "
                         f"{tuple(array.shape)} and axes={tuple(axes)}.")  # fmt: skip
    return torch.rot90(array, k, tuple(axes))


def tile(x: Any, repeats: Any) -> Any:
    """``x`` repeated as a whole along each axis."""
    return torch.tile(as_tensor(x), _shape(repeats))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element repeated along an axis; ``None`` flattens ``x`` first."""
    x = as_tensor(x)
    if isinstance(repeats, int):
        return torch.repeat_interleave(x, repeats, dim=axis)
    needs_data("repeat", repeats)
    counts = as_tensor(repeats).to(torch.int64).reshape(-1)
    if counts.numel() == 1:
        return torch.repeat_interleave(x, int(counts), dim=axis)
    return torch.repeat_interleave(x, counts, dim=axis, output_size=int(counts.sum()))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """More elements before and after each axis.

    Arguments:
        pad_width: ``((before, after), ...)`` for each axis, or one pair, or one number, for all.
        mode: ``"constant"``, ``"reflect"`` (mirrored at the last element), ``"symmetric"`` (mirrored after it),
            ``"edge"`` (the last element again) or ``"wrap"`` (from the other end).
        constant_values: for ``"constant"``, 0 by default.
    """
    if mode not in _MODES and mode != "constant":
        raise ValueError(f"pad takes one of the modes {', '.join(('constant', *_MODES))}, and got {mode!r}.")
    if mode != "constant" and constant_values is not None:
        raise ValueError(f"pad takes constant_values with mode='constant' only, and got mode={mode!r}.")
    x = as_tensor(x)
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2)).tolist()
    if mode == "constant":
        return F.pad(x, [side for pair in reversed(widths) for side in pair], value=constant_values or 0)
    return _pad_by_index(x, widths, mode)


_MODES: dict[str, Callable[[Any, int], Any]] = {
    "reflect": lambda place, size: _fold(place, 2 * max(size - 1, 1), size - 1),
    "symmetric": lambda place, size: _fold(place, 2 * size, size - 1, 1),
    "edge": lambda place, size: torch.clamp(place, 0, size - 1),
    "wrap": lambda place, size: place % size,
}


def _fold(place: Any, period: int, last: int, shift: int = 0) -> Any:
    """A place beyond the ends, mirrored into ``0 ... last``."""
    place = place % period
    return torch.where(place > last, period - shift - place, place)


@recorded
def _pad_by_index(x: Any, widths: Any, mode: str) -> Any:
    for axis, (before, after) in enumerate(widths):
        if before or after:
            place = torch.arange(-before, x.shape[axis] + after, device=x.device)
            x = x.index_select(axis, _MODES[mode](place, x.shape[axis]))
    return x


# ---- joining and splitting -----------------------------------------------------------------------------------------


def concatenate(xs: Any, axis: int | None = 0) -> Any:
    """Tensors one after another along an axis; ``None`` flattens them first."""
    xs = promoted(*xs)
    if axis is None:
        xs, axis = [torch.reshape(x, (-1,)) for x in xs], 0
    return torch.cat(xs, dim=axis)


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """``x2`` after ``x1``; ``None`` flattens both first."""
    return concatenate([x1, x2], axis)


def stack(x: Any, axis: int = 0) -> Any:
    """Tensors of one shape along a new axis."""
    return torch.stack(promoted(*x), dim=axis)


def hstack(xs: Any) -> Any:
    """Tensors side by side: along the second axis, or the only one."""
    return torch.hstack(promoted(*xs))


def vstack(xs: Any) -> Any:
    """Tensors one below another: along the first axis, rows as matrices."""
    return torch.vstack(promoted(*xs))


def dstack(xs: Any) -> Any:
    """Tensors one behind another: along the third axis."""
    return torch.dstack(promoted(*xs))


def _sections(x: Any, indices_or_sections: Any, axis: int, equal: bool) -> list[Any]:
    x = as_tensor(x)
    if not isinstance(indices_or_sections, (int, np.integer)):
        return list(torch.tensor_split(x, [int(one) for one in indices_or_sections], dim=axis))
    length = x.shape[axis]
    if length is None:
        raise ValueError(f"An axis of unknown size can't be split into {indices_or_sections} parts: {x!r}.")
    if equal and length % indices_or_sections:
        raise ValueError(
            f"Axis {axis} of shape {tuple(x.shape)} can't be split into {indices_or_sections} equal parts."
        )
    return list(torch.tensor_split(x, int(indices_or_sections), dim=axis))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """A list of parts along an axis: a number of equal ones, or those between places."""
    return _sections(x, indices_or_sections, axis, equal=True)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """:func:`split`, where the first parts may be one longer than the last."""
    return _sections(x, indices_or_sections, axis, equal=False)


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """:func:`split` along the second axis, or the only one."""
    return split(x, indices_or_sections, 0 if ndim(x) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """:func:`split` along the first axis."""
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """:func:`split` along the third axis."""
    return split(x, indices_or_sections, 2)


# ---- indexing ------------------------------------------------------------------------------------------------------


def get_item(x: Any, key: Any) -> Any:
    """``x[key]``; slices may go backwards."""
    x = as_tensor(x)
    return backwards(x, key) if isinstance(x, torch.Tensor) and goes_backwards(key) else x[key]


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The elements, or slices along an axis, at these places; negative ones count from the end."""
    x, indices = tensors(x, indices)
    return _take(x, indices, axis)


@recorded
def _take(x: Any, indices: Any, axis: Any) -> Any:
    x = x.reshape(-1) if axis is None else x
    axis = 0 if axis is None else axis % x.ndim
    places = indices.to(torch.int64)
    places = torch.where(places < 0, places + x.shape[axis], places)
    taken = x.index_select(axis, places.reshape(-1))
    return taken.reshape((*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """For each place along the other axes, the elements at its own indices."""
    x, indices = tensors(x, indices)
    return _take_along_axis(x, indices, axis)


@recorded
def _take_along_axis(x: Any, indices: Any, axis: Any) -> Any:
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    places = indices.to(torch.int64)
    return torch.take_along_dim(x, torch.where(places < 0, places + x.shape[axis], places), dim=axis)


def nonzero(x: Any) -> Any:
    """Where the elements are that are not 0: an index tensor for each axis."""
    needs_data("nonzero", x)
    return tuple(one.to(torch.int32) for one in torch.nonzero(as_tensor(x), as_tuple=True))


@recorded
def unravel_index(indices: Any, shape: Any) -> Any:
    """Places in the flattened tensor as an index for each axis of ``shape``."""
    indices = as_tensor(indices)
    places, found = indices, []
    for length in reversed(_shape(shape)):
        found.append((places % length).to(indices.dtype))
        places = torch.div(places, length, rounding_mode="floor")
    return tuple(reversed(found))


@recorded
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of ``x1`` is (``invert``: is not) among those of ``x2``."""
    return torch.isin(*promoted(x1, x2, number=True), assume_unique=assume_unique, invert=invert)


# ---- diagonals and triangles ---------------------------------------------------------------------------------------


def diag(x: Any, k: int = 0) -> Any:
    """The ``k``-th diagonal of a matrix, or a matrix with this diagonal."""
    return torch.diag(as_tensor(x), diagonal=k)


def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with the flattened ``x`` on its ``k``-th diagonal."""
    return torch.diagflat(as_tensor(x), offset=k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal over two axes, as the last axis of the result."""
    return torch.diagonal(as_tensor(x), offset=offset, dim1=axis1, dim2=axis2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal over two axes."""
    found = diagonal(as_number(x), offset, axis1, axis2)
    small = found.dtype in (torch.int8, torch.int16, torch.uint8)
    return torch.sum(found, dim=-1, dtype=torch.int32 if small else found.dtype)


def tril(x: Any, k: int = 0) -> Any:
    """The elements on and below the ``k``-th diagonal, zeros above."""
    return torch.tril(as_tensor(x), diagonal=k)


def triu(x: Any, k: int = 0) -> Any:
    """The elements on and above the ``k``-th diagonal, zeros below."""
    return torch.triu(as_tensor(x), diagonal=k)


@recorded
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of ``x`` as columns, falling unless ``increasing``."""
    return torch.vander(as_number(x), N=N, increasing=increasing)


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements are close: see ``isclose``."""
    close = torch.isclose(*promoted(x1, x2, number=True), rtol=rtol, atol=atol, equal_nan=equal_nan)
    return torch.all(close)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Each element less the one before it, ``n`` times over."""
    return torch.diff(as_tensor(a), n=n, dim=axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral under straight lines from point to point, at places ``x`` or ``dx`` apart."""
    if x is None and not isinstance(dx, (torch.Tensor, SymbolicTensor)):
        return torch.trapezoid(as_inexact(y), dx=dx, dim=axis)
    if x is None:
        return torch.mul(torch.trapezoid(as_inexact(y), dim=axis), as_tensor(dx))
    y, x = promoted(y, x, inexact=True)
    return torch.trapezoid(y, x=x, dim=axis)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function of one element as a function of tensors, with broadcasting.

    Arguments:
        excluded: positions and names of arguments that are passed on as they are.
        signature: not supported.
    """
    if signature is not None:
        raise ValueError("vectorize takes functions of single elements here, so no signature; use vectorized_map.")
    left = set(excluded or ())

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        keys = [key for key in (*range(len(args)), *kwargs) if key not in left]
        given = dict(enumerate(args)) | kwargs
        spread = torch.broadcast_tensors(*tensors(*(given[key] for key in keys)))

        def one(*elements: Any) -> Any:
            call = given | dict(zip(keys, elements, strict=True))
            return pyfunc(*(call[i] for i in range(len(args))), **{key: call[key] for key in kwargs})

        for _ in spread[0].shape:
            one = torch.vmap(one)
        return one(*spread)

    vectorized.__doc__ = pyfunc.__doc__
    return vectorized


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes; ``None`` stands for an unknown one of a symbolic tensor. Inside a layer's ``call`` that is run without data
    it is a symbolic size, which ``reshape`` and arithmetic take."""
    x = as_tensor(x)
    return x.size() if isinstance(x, SymbolicTensor) and in_own_scope() else tuple(x.shape)


operations(globals(), apart="shape size ndim vectorize")
