"""Shapes and parts of tensors: ``tf.shape``, ``tf.concat``, ``tf.zeros`` and their like."""

from __future__ import annotations

import builtins
import itertools
from typing import Any

import numpy as np
import torch

from lamina import ops
from lamina.dtypes import as_dtype
from lamina.graph.symbolic import SymbolicDim, SymbolicTensor
from lamina.ops._tensors import recorded
from lamina.tf.sizes import Size, Sizes
from lamina.tf.table import axes_of, first_given, has_sizes, number, numbers_of, shape_of, tensor, together, word

# ---- shapes --------------------------------------------------------------------------------------------------------


@word("shape")
def shape(input: Any, out_type: Any = "int32") -> Sizes:
    """The sizes, which are numbers of Python's; of a symbolic tensor also those that are not known yet."""
    x = tensor(input)
    return Sizes(x.size() if isinstance(x, SymbolicTensor) else x.shape)


@word("shape_n")
def shape_n(input: Any, out_type: Any = "int32") -> list[Sizes]:
    """The sizes of each tensor."""
    return [shape(one) for one in input]


@word("size")
def size(input: Any, out_type: Any = "int32") -> Any:
    """The number of elements."""
    sizes = (Sizes if isinstance(input, Sizes) else shape)(input)
    if isinstance(input, Sizes):
        return Size(len(sizes))
    total: Any = 1
    for one in sizes:
        total = total * one
    return Size(total) if isinstance(total, int) else total


@word("rank")
def rank(input: Any) -> Size:
    """The number of axes."""
    return Size(len(tensor(input).shape))


@word("reshape")
def reshape(tensor: Any, shape: Any) -> Any:
    """The same elements in another shape; -1 stands for what is left over."""
    x = _tensor(tensor)
    wanted = shape_of(shape)
    unknown = [place for place, one in enumerate(wanted) if one is None or isinstance(one, SymbolicDim)]
    if len(unknown) == 1 and -1 not in wanted and isinstance(x, SymbolicTensor):
        wanted = tuple(-1 if place in unknown else one for place, one in enumerate(wanted))
    return ops.reshape(x, wanted)


_tensor = tensor


@word("expand_dims")
def expand_dims(input: Any, axis: Any = None, *, dim: Any = None) -> Any:
    """A new axis of size 1."""
    place = first_given(axis, dim)
    if place is None:
        raise TypeError("tf.expand_dims needs an axis.")
    return ops.expand_dims(tensor(input), axes_of(place))


@word("squeeze")
def squeeze(input: Any, axis: Any = None, *, squeeze_dims: Any = None) -> Any:
    """Without axes of size 1."""
    axes = axes_of(first_given(axis, squeeze_dims))
    x = tensor(input)
    if not isinstance(axes, tuple):
        return ops.squeeze(x, axis=axes)
    for one in sorted((place % len(x.shape) for place in axes), reverse=True):
        x = ops.squeeze(x, axis=one)
    return x


@word("transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    """The axes in another order."""
    found = ops.transpose(tensor(a), axes=axes_of(perm))
    return ops.conj(found) if conjugate else found


@word("broadcast_to")
def broadcast_to(input: Any, shape: Any) -> Any:
    """In a larger shape."""
    return tensor(input).expand(*(-1 if one is None else one for one in shape_of(shape)))


@word("broadcast_static_shape", "broadcast_dynamic_shape")
def broadcast_shape(shape_x: Any, shape_y: Any) -> Sizes:
    """The shape of what arithmetic gives for tensors of two shapes."""
    return Sizes(torch.broadcast_shapes(shape_of(shape_x), shape_of(shape_y)))


@word("ensure_shape")
def ensure_shape(x: Any, shape: Any) -> Any:
    """``x`` itself, whose shape is looked at."""
    found, wanted = tuple(x.shape), None if shape is None else tuple(shape)
    if wanted is not None and (
        len(wanted) != len(found)
        or any(None not in pair and pair[0] != pair[1] for pair in zip(found, wanted, strict=True))
    ):
        raise ValueError(f"tf.ensure_shape expected the shape {wanted}, and got {found}.")
    return x


# ---- putting together and taking apart -----------------------------------------------------------------------------


def _are_sizes(values: Any) -> bool:
    """Whether numbers are the sizes of a shape, so that what is made of them is one, too."""
    return builtins.any(isinstance(one, (Size, Sizes, SymbolicDim)) for one in values) and builtins.all(
        isinstance(one, (int, np.integer, SymbolicDim, Sizes)) or _holds_whole_numbers(one) for one in values
    )


def _holds_whole_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return builtins.all(isinstance(one, (int, np.integer, SymbolicDim)) for one in value)
    is_array = isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim <= 1
    return is_array and str(value.dtype).removeprefix("torch.").startswith("int")


@word("concat")
def concat(values: Any, axis: Any = None, *, concat_dim: Any = None) -> Any:
    """Tensors one after the other along an axis. Of sizes: a shape."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    if _are_sizes(values):
        return Sizes(itertools.chain.from_iterable(shape_of(one) for one in values))
    return ops.concatenate(together(*values), axis=int(number(first_given(axis, concat_dim))))


@word("stack", "parallel_stack")
def stack(values: Any, axis: int = 0) -> Any:
    """Tensors along a new axis. Of sizes: a shape."""
    if isinstance(values, (list, tuple)):
        if _are_sizes(values) and not builtins.any(isinstance(one, (list, tuple)) for one in values):
            return Sizes(values)
        return ops.stack(together(*values), axis=axis)
    return ops.stack(list(unstack(values)), axis=axis)


@word("unstack")
def unstack(value: Any, num: int | None = None, axis: int = 0) -> Any:
    """The slices along an axis, as a list."""
    return list(value) if isinstance(value, Sizes) else ops.unstack(tensor(value), num=num, axis=axis)


@word("split")
def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None) -> list[Any]:
    """Equal parts, or parts of given sizes, along an axis."""
    x, parts = tensor(value), num_or_size_splits
    axis = int(number(axis))
    if isinstance(parts, (int, np.integer)) or (isinstance(parts, torch.Tensor) and not parts.dim()):
        length, count = x.shape[axis], int(parts)
        if length is not None and length % count:
            raise ValueError(f"tf.split can't split {length} rows of axis {axis} into {count} equal parts.")
        return list(ops.split(x, count, axis=axis))
    sizes = list(shape_of(parts))
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(one for one in sizes if one != -1)
    return list(ops.split(x, list(itertools.accumulate(sizes))[:-1], axis=axis))


@word("tile")
def tile(input: Any, multiples: Any) -> Any:
    """Repeated so many times along each axis."""
    x, times = tensor(input), shape_of(multiples)
    return x.repeat(*times) if has_sizes(times) else ops.tile(x, times)


@word("repeat")
def repeat(input: Any, repeats: Any, axis: Any = None) -> Any:
    """Each element so many times."""
    times = repeats if isinstance(repeats, int) else tensor(repeats)
    return ops.repeat(tensor(input), times, axis=axis)


@word("roll")
def roll(input: Any, shift: Any, axis: Any) -> Any:
    """Shifted along axes, what falls out coming in at the other end."""
    x, shifts, axes = tensor(input), shape_of(shift), shape_of(axis)
    for step, place in zip(shifts, axes, strict=True):
        x = ops.roll(x, step, axis=place)
    return x


@word("reverse")
def reverse(tensor: Any, axis: Any) -> Any:
    """The other way round along axes."""
    x = _tensor(tensor)
    for place in shape_of(axis):
        x = ops.flip(x, axis=place)
    return x


@word("reverse_sequence")
def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: Any = None, batch_axis: Any = None, *, seq_dim: Any = None,
                     batch_dim: Any = None) -> Any:  # fmt: skip
    """The first so many steps of each row the other way round."""
    return _reverse_sequence(
        tensor(input), tensor(seq_lengths), first_given(seq_axis, seq_dim, 1), first_given(batch_axis, batch_dim, 0)
    )


@recorded
def _reverse_sequence(x: Any, lengths: Any, axis: int, batch: int) -> Any:
    x = x.movedim((batch, axis), (0, 1))
    steps = torch.arange(x.shape[1], device=x.device)
    places = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps).long()
    return x[torch.arange(len(x), device=x.device)[:, None], places].movedim((0, 1), (batch, axis))


@word("pad")
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    """With more elements around."""
    x, mode = _tensor(tensor), mode.lower()
    widths = [shape_of(pair) for pair in (paddings.tolist() if hasattr(paddings, "tolist") else paddings)]
    return ops.pad(x, widths, mode=mode, constant_values=constant_values if mode == "constant" else None)


@word("slice")
def slice_(input_: Any, begin: Any, size: Any) -> Any:
    """From a place on, so many of each axis; -1: all that are left."""
    starts, sizes = shape_of(begin), shape_of(size)
    return tensor(input_)[tuple(builtins.slice(first, None if isinstance(count, int) and count == -1 else first + count)
                                for first, count in zip(starts, sizes, strict=True))]  # fmt: skip


@word("strided_slice")
def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
                  ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0,
                  var: Any = None) -> Any:  # fmt: skip
    """A slice as numbers. A bit of a mask is of an axis: no beginning, no end, all axes in between, a new one, one element."""
    index: list[Any] = []
    steps = [1] * len(begin) if strides is None else strides
    for place, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << place
        part = slice(None if begin_mask & bit else first, None if end_mask & bit else last, step)
        index.append(Ellipsis if ellipsis_mask & bit else None if new_axis_mask & bit
                     else first if shrink_axis_mask & bit else part)  # fmt: skip
    return ops.get_item(tensor(input_), tuple(index))


# ---- new ones ------------------------------------------------------------------------------------------------------


@recorded
def _full(shape: Any, value: Any, dtype: Any) -> Any:
    return torch.full(shape, value, dtype=dtype)


def _filled(shape: Any, value: Any, dtype: Any) -> Any:
    sizes = tuple(1 if one is None else one for one in shape_of(shape))
    if has_sizes(sizes):
        return _full(sizes, value, as_dtype(dtype))
    return torch.full(sizes, value, dtype=as_dtype(dtype), device=_home())


def _home() -> Any:
    return tensor(0).device


@word("zeros")
def zeros(shape: Any, dtype: Any = "float32") -> Any:
    """Zeros."""
    return _filled(shape, 0, dtype)


@word("ones")
def ones(shape: Any, dtype: Any = "float32") -> Any:
    """Ones."""
    return _filled(shape, 1, dtype)


@word("fill")
def fill(dims: Any, value: Any) -> Any:
    """One number everywhere."""
    value = tensor(value)
    return _filled(dims, number(value), value.dtype)


@word("zeros_like")
def zeros_like(input: Any = None, dtype: Any = None, *, tensor: Any = None, optimize: bool = True) -> Any:
    """Zeros in the shape of a tensor."""
    return ops.zeros_like(_tensor(first_given(input, tensor)), dtype=dtype)


@word("ones_like")
def ones_like(input: Any = None, dtype: Any = None, *, tensor: Any = None, optimize: bool = True) -> Any:
    """Ones in the shape of a tensor."""
    return ops.ones_like(_tensor(first_given(input, tensor)), dtype=dtype)


@word("eye", "linalg.eye")
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    """Ones on the diagonal."""
    columns = num_rows if num_columns is None else num_columns
    found = torch.eye(int(number(num_rows)), int(number(columns)), dtype=as_dtype(dtype), device=_home())
    return found if batch_shape is None else found.repeat(*shape_of(batch_shape), 1, 1)


@recorded
def _arange(first: Any, last: Any, step: Any, dtype: Any) -> Any:
    return torch.arange(first, last, step, dtype=dtype)


@word("range")
def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    """Numbers from the first up to, but not including, the last."""
    first, last = (0, start) if limit is None else (start, limit)
    given = [one for one in (first, last, delta) if not isinstance(one, SymbolicDim)]
    types = [tensor(one).dtype for one in given] or [torch.int32]
    wanted = as_dtype(dtype) if dtype is not None else max(types, key=_WIDTH.index)
    first, last, step = (number(one) for one in (first, last, delta))
    if has_sizes((first, last, step)):
        return _arange(first, last, step, wanted)
    return torch.arange(first, last, step, dtype=wanted, device=_home())


_WIDTH = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64]  # fmt: skip


@word("linspace", "lin_space")
def linspace(start: Any, stop: Any, num: Any, axis: int = 0) -> Any:
    """So many numbers from the first to the last."""
    first, last = together(start, stop)
    first, last = (one if one.dtype.is_floating_point else one.to(torch.float64) for one in (first, last))
    return ops.linspace(first, last, int(number(num)), axis=axis).to(first.dtype)


@word("meshgrid")
def meshgrid(*args: Any, indexing: str = "xy") -> list[Any]:
    """The coordinates of a grid."""
    return list(ops.meshgrid(*map(tensor, args), indexing=indexing))


# ---- types ---------------------------------------------------------------------------------------------------------


@word("cast")
def cast(x: Any, dtype: Any) -> Any:
    """In another type."""
    if has_sizes(x) or isinstance(x, Sizes):
        return numbers_of(list(x) if isinstance(x, tuple) else x, dtype)
    x, wanted = tensor(x), as_dtype(dtype)
    if x.dtype.is_complex and not wanted.is_complex:
        x = ops.real(x)
    return ops.cast(x, wanted)


@word("saturate_cast")
def saturate_cast(value: Any, dtype: Any) -> Any:
    """In another type, numbers that it can't hold being its largest or smallest."""
    return ops.saturate_cast(tensor(value), dtype)


@word("identity", "guarantee_const")
def identity(input: Any) -> Any:
    """The same numbers."""
    return ops.copy(tensor(input))


@word("identity_n", "tuple")
def identity_n(input: Any, control_inputs: Any = None) -> list[Any]:
    """The same numbers, of each tensor."""
    return [identity(one) for one in input]


def _to(dtype: str) -> None:
    def convert(x: Any) -> Any:
        """In this type, as TensorFlow 1 says it."""
        return cast(x, dtype)

    word(f"compat.v1.{_OF_TF1[dtype]}")(convert)


_OF_TF1 = {"float32": "to_float", "float64": "to_double", "int32": "to_int32", "int64": "to_int64",
           "bfloat16": "to_bfloat16", "complex64": "to_complex64"}  # fmt: skip
for _dtype in _OF_TF1:
    _to(_dtype)
