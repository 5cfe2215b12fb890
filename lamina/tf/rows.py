"""Rows and elements by their places: ``tf.gather``, ``tf.where``, ``tf.sort``, sums of rows that belong together."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from lamina import ops
from lamina.dtypes import as_dtype
from lamina.graph.symbolic import SymbolicDim
from lamina.ops._tensors import recorded
from lamina.tf.sizes import Sizes
from lamina.tf.table import axes_of, first_given, number, shape_of, tensor, together, word

_tensor = tensor

# ---- rows by number ------------------------------------------------------------------------------------------------


@word("gather")
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0) -> Any:
    """The slices of an axis that stand at places; with ``batch_dims`` each of those first axes has places of its own."""
    if isinstance(params, Sizes):
        return Sizes(params[one] for one in indices) if isinstance(indices, (list, tuple)) else params[int(indices)]
    x, places = tensor(params), tensor(indices)
    axis = batch_dims if axis is None else int(number(axis))
    if not batch_dims:
        return ops.take(x, places, axis=axis)
    return _gather(x, places, axis % len(x.shape), batch_dims % (len(places.shape) + 1))


@recorded
def _gather(x: Any, places: Any, axis: int, count: int) -> Any:
    lead = _batch_indices(places, count)
    found = x.movedim(axis, count)[(*lead, places.long())]  # batch, places, what stood before the axis, what after it
    inner, before = places.dim() - count, axis - count
    order = [*range(count), *range(count + inner, count + inner + before), *range(count, count + inner),
             *range(count + inner + before, found.dim())]  # fmt: skip
    return found.permute(order)


def _batch_indices(places: Any, count: int) -> list[Any]:
    return [
        torch.arange(places.shape[place], device=places.device).reshape(
            [-1 if one == place else 1 for one in range(places.dim())]
        )
        for place in range(count)
    ]


@word("gather_nd")
def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Any:
    """The elements, or slices, at places given by their first axes."""
    return _gather_nd(tensor(params), tensor(indices), batch_dims)


@recorded
def _gather_nd(x: Any, indices: Any, count: int) -> Any:
    places = indices.long().unbind(-1)
    return x[(*_batch_indices(places[0], count), *places)]


@word("batch_gather")
def batch_gather(params: Any, indices: Any) -> Any:
    """:func:`gather` with places of each row's own."""
    return gather(params, indices, batch_dims=len(tensor(indices).shape) - 1)


@word("boolean_mask")
def boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Any:
    """What stands where a mask is true."""
    return _boolean_mask(_tensor(tensor), _tensor(mask), axes_of(axis) or 0)


@recorded
def _boolean_mask(x: Any, mask: Any, axis: int) -> Any:
    return x[(*[slice(None)] * (axis % x.dim()), mask)]


@word("where", "where_v2")
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where a condition holds, else ``y``; without them, the places where it does, a row each."""
    if x is None and y is None:
        return _places_where(tensor(condition))
    first, second = together(x, y)
    return ops.where(tensor(condition, "bool"), first, second)


@recorded
def _places_where(condition: Any) -> Any:
    return torch.nonzero(condition)


@word("compat.v1.where", "select")
def where_of_tf1(condition: Any, x: Any = None, y: Any = None) -> Any:
    """:func:`where`, whose condition may have one element for each row."""
    condition = tensor(condition)
    if x is not None and len(condition.shape) == 1:
        for _ in range(len(tensor(x).shape) - 1):
            condition = ops.expand_dims(condition, -1)
    return where(condition, x, y)


@word("one_hot")
def one_hot(indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None,
            dtype: Any = None) -> Any:  # fmt: skip
    """1 at the place that a number names, 0 elsewhere; of a number that names none, zeros."""
    x = tensor(indices)
    count = x.ndim if axis is None or axis == -1 else int(axis)
    said = first_given(on_value, off_value)
    wanted = as_dtype(dtype) if dtype is not None else torch.float32 if said is None else tensor(said).dtype
    classes = torch.arange(int(number(depth)), device=x.device if isinstance(x, torch.Tensor) else None)
    hits = ops.equal(ops.expand_dims(x, count), classes.reshape([-1] + [1] * (x.ndim - count)))
    if on_value is None and off_value is None:
        return ops.cast(hits, wanted)
    on, off = (
        tensor(1 if on_value is None else on_value, wanted),
        tensor(0 if off_value is None else off_value, wanted),
    )
    return ops.where(hits, on, off)


@word("sequence_mask")
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    """Of each length a row that is true so many times."""
    x = tensor(lengths)
    found = _sequence_mask(x, maxlen if maxlen is None or isinstance(maxlen, SymbolicDim) else int(number(maxlen)))
    return ops.cast(found, dtype)


@recorded
def _sequence_mask(lengths: Any, maxlen: Any) -> Any:
    longest = int(lengths.max()) if maxlen is None else maxlen
    return torch.arange(longest, device=lengths.device) < lengths.unsqueeze(-1)


# ---- changing some elements ----------------------------------------------------------------------------------------


@word("scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    """Zeros, and numbers at places; those at one place are added."""
    updates = tensor(updates)
    blank = ops.zeros(shape_of(shape), updates.dtype).to(updates.device)
    return _put(blank, tensor(indices), updates, True)


@word("tensor_scatter_nd_update", "tensor_scatter_update")
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Any:
    """With other numbers at places."""
    return _put(_tensor(tensor), _tensor(indices), _tensor(updates), False)


@word("tensor_scatter_nd_add", "tensor_scatter_add")
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Any:
    """With numbers added at places."""
    return _put(_tensor(tensor), _tensor(indices), _tensor(updates), True)


@word("tensor_scatter_nd_sub", "tensor_scatter_sub")
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Any:
    """With numbers taken away at places."""
    return _put(_tensor(tensor), _tensor(indices), -_tensor(updates), True)


@recorded
def _put(x: Any, indices: Any, updates: Any, accumulate: bool) -> Any:
    return x.index_put(indices.long().unbind(-1), updates.to(x.dtype), accumulate=accumulate)


# ---- orders --------------------------------------------------------------------------------------------------------


def _descends(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction is 'ASCENDING' or 'DESCENDING', and got {direction!r}.")
    return direction == "DESCENDING"


@word("sort")
def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """In order along an axis."""
    found = ops.sort(tensor(values), axis=axis)
    return ops.flip(found, axis=axis) if _descends(direction) else found


@word("argsort")
def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    """The places that would put a tensor in order."""
    return _argsort(tensor(values), axis, _descends(direction))


@recorded
def _argsort(x: Any, axis: int, descending: bool) -> Any:
    return torch.argsort(x, dim=axis, descending=descending, stable=True).to(torch.int32)


class TopKV2(NamedTuple):
    """What :func:`top_k` gives."""

    values: Any
    indices: Any


@word("math.top_k", "nn.top_k")
def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = "int32") -> TopKV2:
    """The largest numbers of the last axis, and their places. Of equal ones the first comes first."""
    return TopKV2(*_top_k(tensor(input), int(number(k)), as_dtype(index_type)))


@recorded
def _top_k(x: Any, k: int, dtype: Any) -> Any:
    values, places = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], places[..., :k].to(dtype)


class Unique(NamedTuple):
    """What :func:`unique` gives."""

    y: Any
    idx: Any


class UniqueWithCounts(NamedTuple):
    """What :func:`unique_with_counts` gives."""

    y: Any
    idx: Any
    count: Any


@word("unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = "int32") -> UniqueWithCounts:
    """The different numbers as they first come, the place of each among them, and how often each comes."""
    x = tensor(x)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    first = torch.full((len(values),), len(x), device=x.device)
    first = first.scatter_reduce(0, inverse, torch.arange(len(x), device=x.device), "amin")
    order = torch.argsort(first)
    wanted = as_dtype(out_idx)
    return UniqueWithCounts(values[order], torch.argsort(order)[inverse].to(wanted), counts[order].to(wanted))


@word("unique")
def unique(x: Any, out_idx: Any = "int32") -> Unique:
    """The different numbers as they first come, and the place of each among them."""
    return Unique(*unique_with_counts(x, out_idx)[:2])


@word("searchsorted")
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32") -> Any:
    """Where numbers would stand in sorted ones."""
    return ops.searchsorted(*together(sorted_sequence, values), side=side).to(as_dtype(out_type))


# ---- rows that belong together -------------------------------------------------------------------------------------


@recorded
def _segments(data: Any, ids: Any, count: int | None, how: str) -> Any:
    count = int(ids.max()) + 1 if count is None else count
    flat = data.reshape(ids.numel(), -1)
    places = ids.reshape(-1, 1).long().expand_as(flat)
    kept = (places >= 0).all(-1)
    blank = torch.full((count, flat.shape[1]), how == "prod", dtype=data.dtype, device=data.device)
    found = blank.scatter_reduce(0, places[kept], flat[kept], how, include_self=how in ("sum", "prod"))
    if how in ("amax", "amin"):  # of no rows: the type's smallest or largest number
        limits = (torch.finfo if data.dtype.is_floating_point else torch.iinfo)(data.dtype)
        missing = torch.ones(count, dtype=torch.bool, device=data.device).index_fill(
            0, ids[ids >= 0].long().reshape(-1), False
        )
        found = torch.where(missing[:, None], limits.min if how == "amax" else limits.max, found)
    return found.reshape(count, *data.shape[ids.dim() :])


def _segment(name: str, how: str) -> None:
    def sorted_ones(data: Any, segment_ids: Any) -> Any:
        """Of the rows with one number each, which are in order."""
        found = _segments(tensor(data), tensor(segment_ids), None, how)
        return found

    def unsorted_ones(data: Any, segment_ids: Any, num_segments: Any) -> Any:
        """Of the rows with one number each."""
        return _segments(tensor(data), tensor(segment_ids), int(number(num_segments)), how)

    if name not in ("sqrt_n",):
        word(f"math.segment_{name}", f"segment_{name}")(sorted_ones)
    word(f"math.unsorted_segment_{name}", f"unsorted_segment_{name}")(unsorted_ones)


for _name, _how in (("sum", "sum"), ("mean", "mean"), ("max", "amax"), ("min", "amin"), ("prod", "prod")):
    _segment(_name, _how)


@word("dynamic_partition")
def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> list[Any]:
    """The rows of each number, as a list."""
    x, places = tensor(data), tensor(partitions)
    return [x[places == one] for one in range(num_partitions)]


@word("dynamic_stitch")
def dynamic_stitch(indices: Any, data: Any) -> Any:
    """Rows at places; of two at one place the last."""
    parts = [(tensor(places).reshape(-1).long(), tensor(rows)) for places, rows in zip(indices, data, strict=True)]
    first = parts[0][1]
    inner = first.shape[tensor(indices[0]).dim() :]
    whole = torch.zeros(max(int(places.max()) for places, _ in parts if len(places)) + 1, *inner, dtype=first.dtype)
    for places, rows in parts:
        whole[places] = rows.reshape(-1, *inner)
    return whole


@word("invert_permutation", "math.invert_permutation")
def invert_permutation(x: Any) -> Any:
    """The order that undoes an order."""
    return _argsort(tensor(x), 0, False)
