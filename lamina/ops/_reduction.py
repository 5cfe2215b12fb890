"""NumPy's functions along axes: sums, extremes, averages, quantiles, orders and counts."""

from __future__ import annotations

import builtins
from typing import Any

import torch

from lamina.dtypes import FULL_FLOATS, as_dtype
from lamina.ops._tensors import (
    as_inexact,
    as_number,
    as_tensor,
    axes_of,
    is_inexact,
    is_of_no_axis,
    needs_data,
    operations,
    promoted,
    recorded,
    tensors,
)

_SMALL = (torch.bool, torch.uint8, torch.int8, torch.int16)


def _whole(x: Any) -> Any:
    """Indices and counts are int32 in Keras."""
    return x.to(torch.int32)


def _sum_type(x: Any, dtype: Any = None) -> torch.dtype:
    """Small whole numbers are added up as int32."""
    if dtype is not None:
        return as_dtype(dtype)
    return torch.int32 if x.dtype in _SMALL else x.dtype


# ---- sums and averages ---------------------------------------------------------------------------------------------


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum along an axis, several, or (``None``) all."""
    x = as_tensor(x)
    if is_of_no_axis(axis):
        return x
    return torch.sum(x, dim=axes_of(x, axis), keepdim=keepdims, dtype=_sum_type(x))


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product along an axis, several, or (``None``) all."""
    x = as_tensor(x)
    wanted = _sum_type(x, dtype)
    x = x.to(wanted)
    for one in sorted(axes_of(x, axis), reverse=True):
        x = torch.prod(x, dim=one, keepdim=keepdims, dtype=wanted)
    return x


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The average along an axis, several, or (``None``) all; whole numbers give ``floatx``."""
    x = as_inexact(x)
    return x if is_of_no_axis(axis) else torch.mean(x, dim=axes_of(x, axis), keepdim=keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``mean((x - mean(x)) ** 2)``."""
    x = as_inexact(x)
    if is_of_no_axis(axis):
        return torch.zeros_like(x)
    return torch.var(x, dim=axes_of(x, axis), keepdim=keepdims, correction=0)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``sqrt(var(x))``."""
    return torch.sqrt(var(x, axis, keepdims))


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """``sum(x * weights) / sum(weights)``; weights have the shape of ``x``, or its size along ``axis``."""
    if weights is None:
        return mean(x, axis)
    x, weights = promoted(x, weights, inexact=True)
    if is_of_no_axis(axis):
        return x
    if len(weights.shape) == 1 and len(x.shape) > 1:
        if not isinstance(axis, int):
            raise ValueError("average takes weights along one axis together with that axis, and got axis="
                             f"{axis!r}.")  # fmt: skip
        shape = [1] * len(x.shape)
        shape[axis] = -1
        weights = torch.reshape(weights, shape)
    axes = axes_of(x, axis)
    return torch.sum(x * weights, dim=axes) / torch.sum(weights + torch.zeros_like(x), dim=axes)


def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many elements are not 0."""
    x = as_tensor(x)
    if is_of_no_axis(axis):
        return _whole(torch.ne(x, 0))
    return _whole(torch.count_nonzero(x, dim=axes_of(x, axis)))


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Sums from the start of an axis up to each element; ``None`` flattens ``x`` first."""
    x = _flat_unless(as_tensor(x), axis)
    return torch.cumsum(x, dim=axis or 0, dtype=_running_type(x, dtype))


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Products from the start of an axis up to each element; ``None`` flattens ``x`` first."""
    x = _flat_unless(as_tensor(x), axis)
    return torch.cumprod(x, dim=axis or 0, dtype=_running_type(x, dtype))


def _running_type(x: Any, dtype: Any) -> torch.dtype:
    if dtype is not None:
        return as_dtype(dtype)
    return torch.int32 if x.dtype is torch.bool else x.dtype


def _flat_unless(x: Any, axis: int | None) -> Any:
    return torch.reshape(x, (-1,)) if axis is None else x


# ---- truth and extremes --------------------------------------------------------------------------------------------


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether no element is 0."""
    x = as_tensor(x).to(torch.bool)
    return x if is_of_no_axis(axis) else torch.all(x, dim=axes_of(x, axis), keepdim=keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether an element is not 0."""
    x = as_tensor(x).to(torch.bool)
    return x if is_of_no_axis(axis) else torch.any(x, dim=axes_of(x, axis), keepdim=keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The greatest element; not below ``initial``."""
    x = as_tensor(x)
    if is_of_no_axis(axis):
        return x
    if initial is not None and _is_empty(x):
        x = torch.full([size or 1 for size in x.shape], initial, dtype=x.dtype, device=x.device)
    found = torch.amax(x, dim=axes_of(x, axis), keepdim=keepdims)
    return found if initial is None else torch.clamp(found, min=initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The least element; not above ``initial``."""
    x = as_tensor(x)
    if is_of_no_axis(axis):
        return x
    if initial is not None and _is_empty(x):
        x = torch.full([size or 1 for size in x.shape], initial, dtype=x.dtype, device=x.device)
    found = torch.amin(x, dim=axes_of(x, axis), keepdim=keepdims)
    return found if initial is None else torch.clamp(found, max=initial)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`max`."""
    return max(x, axis, keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`min`."""
    return min(x, axis, keepdims)


def _is_empty(x: Any) -> bool:
    return 0 in x.shape


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The greatest element less the least."""
    x = as_tensor(x)
    if is_of_no_axis(axis):
        return torch.zeros_like(x)
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the greatest element along an axis, or (``None``) in the flattened ``x``."""
    return _whole(torch.argmax(as_number(x), dim=axis, keepdim=keepdims))


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the least element along an axis, or (``None``) in the flattened ``x``."""
    return _whole(torch.argmin(as_number(x), dim=axis, keepdim=keepdims))


# ---- quantiles -----------------------------------------------------------------------------------------------------


def _quantile(x: Any, q: Any, axis: Any, method: str, keepdims: bool, function: Any) -> Any:
    x, q = tensors(x, q)
    result = torch.promote_types(x.dtype, q.dtype) if is_inexact(x.dtype) else as_dtype(None)
    work = result if result in FULL_FLOATS else torch.float32  # the only ones torch sorts so
    x, q = x.to(work), q.to(work)
    axes = axes_of(x, axis)
    if len(axes) == 1:
        return function(x, q, dim=axes[0], keepdim=keepdims, interpolation=method).to(result)
    rest = [one for one in range(len(x.shape)) if one not in axes]
    flat = torch.flatten(torch.permute(x, (*rest, *axes)), start_dim=len(rest))
    found = function(flat, q, dim=-1, interpolation=method).to(result)
    for one in sorted(axes) if keepdims else ():
        found = torch.unsqueeze(found, one + len(q.shape))
    return found


@recorded
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The number that a share ``q`` of the elements is below; one for each of ``q``, along a new first axis.

    Arguments:
        method: between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.
    """
    return _quantile(x, q, axis, method, keepdims, torch.quantile)


@recorded
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """:func:`quantile` of the elements that are not NaN."""
    return _quantile(x, q, axis, method, keepdims, torch.nanquantile)


def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """:func:`quantile` with ``q`` in hundredths."""
    return quantile(x, as_inexact(q) / 100, axis, method, keepdims)


def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """:func:`percentile` of the elements that are not NaN."""
    return nanquantile(x, as_inexact(q) / 100, axis, method, keepdims)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element; of an even number, the average of the two middle ones."""
    return quantile(x, 0.5, axis, "linear", keepdims)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`median` of the elements that are not NaN."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


# ---- without NaN ---------------------------------------------------------------------------------------------------


def _without_nan(x: Any, instead: float) -> Any:
    x = as_tensor(x)
    return torch.where(torch.isnan(x), instead, x) if is_inexact(x.dtype) else x


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`sum` with NaN as 0."""
    return sum(_without_nan(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`prod` with NaN as 1."""
    return prod(_without_nan(x, 1.0), axis, keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """:func:`cumsum` with NaN as 0."""
    return cumsum(_without_nan(x, 0.0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """:func:`cumprod` with NaN as 1."""
    return cumprod(_without_nan(x, 1.0), axis, dtype)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`mean` of the elements that are not NaN."""
    x = as_inexact(x)
    return torch.nanmean(x, dim=axes_of(x, axis), keepdim=keepdims)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`var` of the elements that are not NaN."""
    x = as_inexact(x)
    return nanmean(torch.square(x - nanmean(x, axis, keepdims=True)), axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """:func:`std` of the elements that are not NaN."""
    return torch.sqrt(nanvar(x, axis, keepdims))


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The greatest element that is not NaN; NaN where all are."""
    found = max(_without_nan(x, float("-inf")), axis, keepdims)
    return _nan_where_all(x, found, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The least element that is not NaN; NaN where all are."""
    found = min(_without_nan(x, float("inf")), axis, keepdims)
    return _nan_where_all(x, found, axis, keepdims)


def _nan_where_all(x: Any, found: Any, axis: Any, keepdims: bool) -> Any:
    if not is_inexact(found.dtype):
        return found
    return torch.where(all(torch.isnan(as_tensor(x)), axis, keepdims), float("nan"), found)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the greatest element that is not NaN; -1 where all are."""
    found = argmax(_without_nan(x, float("-inf")), axis, keepdims)
    return _minus_one_where_all(x, found, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the least element that is not NaN; -1 where all are."""
    found = argmin(_without_nan(x, float("inf")), axis, keepdims)
    return _minus_one_where_all(x, found, axis, keepdims)


def _minus_one_where_all(x: Any, found: Any, axis: Any, keepdims: bool) -> Any:
    x = as_tensor(x)
    return torch.where(all(torch.isnan(x), axis, keepdims), -1, found) if is_inexact(x.dtype) else found


# ---- order and counts ----------------------------------------------------------------------------------------------


def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in rising order along an axis; ``None`` flattens ``x`` first."""
    return torch.sort(_flat_unless(as_tensor(x), axis), dim=-1 if axis is None else axis)[0]


def argsort(x: Any, axis: int | None = -1) -> Any:
    """Where in ``x`` the elements of ``sort(x)`` stand; equal ones keep their order."""
    x = _flat_unless(as_number(x), axis)
    return _whole(torch.argsort(x, dim=-1 if axis is None else axis, stable=True))


@recorded
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Indices with those of the ``kth + 1`` least elements in front."""
    x = as_number(x)
    least = torch.topk(x, kth + 1, dim=axis, largest=False)[1]
    others = torch.ones_like(x, dtype=torch.bool).scatter(axis, least, False)
    # A stable sort of what is not among the least keeps their order.
    rest = torch.argsort(others.to(torch.int32), dim=axis, stable=True).narrow(axis, kth + 1, x.shape[axis] - kth - 1)
    return _whole(torch.cat([least, rest], dim=axis))


@recorded
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values would be put into a sorted sequence, before (``"left"``) or after (``"right"``) equal ones."""
    sequence, values = promoted(sorted_sequence, values)
    if len(sequence.shape) != 1:
        raise ValueError(f"searchsorted takes a sequence with one axis, and got shape {tuple(sequence.shape)}.")
    return _whole(torch.searchsorted(sequence, values.contiguous(), side=side))


@recorded
def digitize(x: Any, bins: Any) -> Any:
    """The number of the bin that each element is in; ``bins`` are rising limits, and 0 is below the first."""
    x, bins = tensors(x, bins)
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    return _whole(torch.bucketize(x, bins, right=True))


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each number from 0 occurs, or the sum of the weights where it does; for each row of a matrix.

    Its length is one more than the greatest number, and at least ``minlength``, so a model needs real data to know it.
    """
    needs_data("bincount", x, weights)
    if sparse:
        raise ValueError("bincount makes no sparse tensors; leave sparse=False.")
    if weights is None:
        x = as_tensor(x)
        length = _bins(x, minlength)
        return _whole(_add_up(x, torch.ones_like(x, dtype=torch.int32), length))
    x, weights = tensors(x, weights)
    dtype = torch.promote_types(x.dtype, weights.dtype)
    return _add_up(x, weights.to(dtype), _bins(x, minlength))


def _bins(x: Any, minlength: int) -> int:
    return builtins.max(int(torch.amax(x)) + 1, minlength) if x.numel() else minlength


def _add_up(x: Any, weights: Any, length: int) -> Any:
    counts = torch.zeros((*x.shape[:-1], length), dtype=weights.dtype, device=x.device)
    return counts.scatter_add(-1, x.to(torch.int64), weights)


@recorded
def histogram(x: Any, bins: int = 10, range: Any = None) -> Any:
    """How many elements are in each of ``bins`` equal parts of a range, and the limits of the parts."""
    if not isinstance(bins, int) or bins <= 0:
        raise ValueError(f"histogram takes a positive number of bins, and got {bins!r}.")
    x = as_inexact(x)
    low, high = (torch.amin(x), torch.amax(x)) if range is None else tensors(*map(float, range))
    low, high = torch.where(low == high, low - 0.5, low), torch.where(low == high, high + 0.5, high)
    steps = torch.linspace(0, 1, bins + 1, dtype=x.dtype, device=x.device)
    edges = low.to(x.dtype) * (1 - steps) + high.to(x.dtype) * steps
    flat = x.reshape(-1)
    inside = (flat >= edges[0]) & (flat <= edges[-1])
    place = torch.clamp(torch.bucketize(flat, edges, right=True) - 1, 0, bins - 1)
    counts = torch.zeros(bins, dtype=x.dtype, device=x.device).scatter_add(0, place, inside.to(x.dtype))
    return counts, edges


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements, or slices along ``axis``; their number follows from the data unless ``size`` sets it.

    Arguments:
        return_index, return_inverse, return_counts: what to return besides: where each stands first, where each
            element of ``x`` is among the different ones, how often each occurs.
        size: how many to return: the rest is left off, or ``fill_value`` (0 by default) put in.
    """
    needs_data("unique", x)
    x = as_tensor(x)
    values, inverse, counts = torch.unique(x, sorted=sorted, return_inverse=True, return_counts=True, dim=axis)
    along = 0 if axis is None else axis
    first = None
    if return_index:
        flat = inverse.reshape(-1)
        places = torch.arange(flat.numel(), device=x.device)
        first = torch.full((values.shape[along],), flat.numel(), device=x.device)
        first = first.scatter_reduce(0, flat, places, "amin")
    if size is not None:
        values = _resized(values, size, along, 0 if fill_value is None else fill_value)
        counts, first = _resized(counts, size, 0, 0), None if first is None else _resized(first, size, 0, 1)
    extra = [(return_index, first), (return_inverse, inverse), (return_counts, counts)]
    chosen = [one for wanted, one in extra if wanted]
    return (values, *chosen) if chosen else values


def _resized(x: Any, size: int, axis: int, fill: Any) -> Any:
    missing = size - x.shape[axis]
    if missing <= 0:
        return x.narrow(axis, 0, size)
    shape = [missing if one == axis % x.ndim else length for one, length in enumerate(x.shape)]
    return torch.cat([x, torch.full(shape, fill, dtype=x.dtype, device=x.device)], dim=axis)


operations(globals())
