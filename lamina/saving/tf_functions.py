"""TensorFlow's functions in functional models of tf.keras that are several of Keras 3's operations, or need a look first.

Each takes the arguments of TensorFlow's function by their names there, with its defaults, and calls ``lamina.ops``: on symbolic
tensors those record themselves, so that a model is made, run and saved of Keras 3's operations alone. The rows of
``tf_operations.FUNCTIONS`` are the functions that are one operation each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from lamina import ops
from lamina.graph.symbolic import SymbolicDim, SymbolicTensor, SymbolicValue

MAX_SIDE = 2**15  # of a picture
COMPOSED: dict[str, Callable[..., Any]] = {}


class Known(SymbolicValue):
    """What TensorFlow computes from a shape, and is known here without data: a size, or the list of a tensor's sizes.

    Arguments:
        value: a number, or a list of numbers and symbolic dimensions.
    """

    def __init__(self, value: Any) -> None:
        self.value = value


class Composed:
    """A function of TensorFlow's, which is called on symbolic tensors and on what is known of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()})


def plain(value: Any) -> Any:
    """A function's argument with what is known in its place."""
    if isinstance(value, Known):
        return value.value
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, list) else value


def composed(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function under TensorFlow's names for it."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        COMPOSED.update(dict.fromkeys(names, function))
        return function

    return enter


# ---- shapes --------------------------------------------------------------------------------------------------------


@composed("shape")
def _shape(input: Any, out_type: Any = "int32") -> Known:
    sizes = [input.size(axis) if size is None else size for axis, size in enumerate(input.shape)]
    return Known(sizes)


@composed("rank")
def _rank(input: Any) -> Known:
    return Known(len(input.shape))


@composed("size")
def _size(input: Any, out_type: Any = "int32") -> Known:
    return Known(math.prod(input.shape))


@composed("reshape")
def _reshape(tensor: Any, shape: Any) -> Any:
    """One size that is not known follows from the others."""
    unknown = [place for place, size in enumerate(shape) if not isinstance(size, int)]
    if len(unknown) == 1 and -1 not in shape:
        shape = [-1 if place in unknown else size for place, size in enumerate(shape)]
    if any(isinstance(size, SymbolicDim) for size in shape):
        return tensor.reshape(*shape)
    return ops.reshape(tensor, shape)


@composed("__operators__.getitem")
def _get_item(tensor: Any, slice_spec: Any) -> Any:
    if not isinstance(tensor, list):
        return tensor[_index(slice_spec)]
    index = slice_spec[0] if isinstance(slice_spec, list) and len(slice_spec) == 1 else slice_spec
    return Known(tensor[_index(index)])


def _index(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_index(item) for item in value)
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return slice(value["start"], value["stop"], value["step"])
    return Ellipsis if isinstance(value, dict) and value.get("class_name") == "__ellipsis__" else value


@composed("strided_slice")
def _strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
                  ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0) -> Any:  # fmt: skip
    """A bit of a mask is of an axis: no beginning, no end, all axes in between, a new axis, a number in place of a range."""
    index: list[Any] = []
    for place, (first, last) in enumerate(zip(begin, end, strict=True)):
        bit = 1 << place
        step = strides[place] if strides else 1
        index.append(Ellipsis if ellipsis_mask & bit else None if new_axis_mask & bit else first if shrink_axis_mask & bit
                     else slice(None if begin_mask & bit else first, None if end_mask & bit else last, step))  # fmt: skip
    if isinstance(input_, list):
        return Known(input_[index[0]])
    return input_[tuple(index)]


@composed("slice")
def _slice(input_: Any, begin: Any, size: Any) -> Any:
    return input_[tuple(slice(first, None if count == -1 else first + count)
                        for first, count in zip(begin, size, strict=True))]  # fmt: skip


@composed("stack")
def _stack(values: Any, axis: int = 0) -> Any:
    if not any(isinstance(value, (SymbolicTensor, torch.Tensor, list)) for value in values):
        return Known(list(values))  # a shape
    return ops.stack(values, axis=axis)


@composed("concat")
def _concat(values: Any, axis: int) -> Any:
    if all(isinstance(value, list) and not any(isinstance(one, list) for one in value) for value in values):
        return Known([size for value in values for size in value])  # a shape
    return ops.concatenate([torch.tensor(value) if isinstance(value, list) else value for value in values], axis=axis)


@composed("math.reduce_prod")
def _reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if isinstance(input_tensor, list):
        return Known(math.prod(input_tensor))
    return ops.prod(input_tensor, axis=axis, keepdims=bool(keepdims))


@composed("range")
def _range(start: int, limit: Any = None, delta: int = 1, dtype: Any = None) -> Known:
    first, last = (0, start) if limit is None else (start, limit)
    return Known(torch.arange(first, last, delta))


def _filled(value: Any) -> Callable[..., Any]:
    """Tensors of one number, as many rows as a batch has or a known number of them."""

    def fill(dims: Any, value: Any = value, dtype: Any = "float32") -> Any:
        unknown = [place for place, size in enumerate(dims) if isinstance(size, SymbolicDim)]
        whole = torch.full([1 if place in unknown else size for place, size in enumerate(dims)], value)
        if not unknown:
            return Known(whole)
        node = dims[0].node if unknown == [0] else None
        tensor, axis = node.args if node is not None else (None, None)
        if tensor is None or axis != 0:
            raise ValueError(f"A tensor of shape {dims} is not among what lamina reads of TensorFlow.")
        rows = tensor[(slice(None), *[0] * (len(tensor.shape) - 1))]
        rows = ops.reshape(ops.zeros_like(rows, dtype=dtype), (-1, *[1] * (len(dims) - 1)))
        return ops.add(rows, whole)

    return fill


COMPOSED |= {"fill": _filled(None), "zeros": _filled(0.0), "ones": _filled(1.0)}


@composed("identity_n")
def _identity_n(input: Any) -> Any:
    """What a function with a gradient of its own gives: its value, and what the gradient needs."""
    return input


@composed("broadcast_to")
def _broadcast_to(input: Any, shape: Any) -> Any:
    if any(
        isinstance(size, int) and own is None for size, own in zip(reversed(shape), reversed(input.shape), strict=False)
    ):
        raise ValueError(f"broadcast_to({shape}) says how many samples a batch has, which lamina does not know before.")
    return ops.broadcast_to(input, shape)


@composed("ensure_shape")
def _ensure_shape(x: Any, shape: Any) -> Any:
    return ops.copy(x)


@composed("squeeze")
def _squeeze(input: Any, axis: Any = None, squeeze_dims: Any = None) -> Any:
    axis = squeeze_dims if axis is None else axis
    axes = axis if isinstance(axis, list) else [axis]
    for one in sorted((place if place is None else place % len(input.shape) for place in axes), key=str, reverse=True):
        input = ops.squeeze(input, axis=one)
    return input


@composed("split")
def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None) -> Any:
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    return ops.split(value, list(itertools.accumulate(num_or_size_splits))[:-1], axis=axis)


@composed("unstack")
def _unstack(value: Any, num: Any = None, axis: int = 0) -> Any:
    return [ops.squeeze(part, axis=axis) for part in ops.split(value, value.shape[axis], axis=axis)]


@composed("keras.backend.batch_flatten")
def _batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


@composed("transpose")
def _transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    _only(conjugate, False, "conjugate")
    return ops.transpose(a, axes=perm)


@composed("linalg.matrix_transpose")
def _matrix_transpose(a: Any, conjugate: bool = False) -> Any:
    return ops.swapaxes(a, -1, -2)


@composed("pad")
def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    mode = mode.lower()
    return ops.pad(tensor, paddings, mode=mode, constant_values=constant_values if mode == "constant" else None)


@composed("gather")
def _gather(params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0) -> Any:
    _only(batch_dims, 0, "batch_dims")
    return ops.take(params, torch.tensor(indices) if isinstance(indices, list) else indices, axis=axis or 0)


@composed("boolean_mask")
def _boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Any:
    if not isinstance(mask, list) or not all(isinstance(one, bool) for one in mask):
        raise ValueError("boolean_mask is read with a list of true and false alone.")
    return ops.take(tensor, torch.tensor([place for place, one in enumerate(mask) if one]), axis=axis or 0)


@composed("roll")
def _roll(input: Any, shift: Any, axis: Any) -> Any:
    for step, place in zip(*(one if isinstance(one, list) else [one] for one in (shift, axis)), strict=True):
        input = ops.roll(input, step, axis=place)
    return input


@composed("reverse")
def _reverse(tensor: Any, axis: Any) -> Any:
    for place in axis:
        tensor = ops.flip(tensor, axis=place)
    return tensor


@composed("image.flip_left_right")
def _flip_left_right(image: Any) -> Any:
    return ops.flip(image, axis=-2)


@composed("image.flip_up_down")
def _flip_up_down(image: Any) -> Any:
    return ops.flip(image, axis=-3)


@composed("ones_like")
def _ones_like(input: Any, dtype: Any = None, optimize: bool = True) -> Any:
    return ops.ones_like(input, dtype=dtype)


@composed("zeros_like")
def _zeros_like(input: Any, dtype: Any = None, optimize: bool = True) -> Any:
    return ops.zeros_like(input, dtype=dtype)


@composed("cast")
def _cast(x: Any, dtype: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return Known(x.to(getattr(torch, dtype)))
    return ops.cast(x, dtype) if isinstance(x, SymbolicTensor) else Known(x)


@composed("one_hot")
def _one_hot(indices: Any, depth: int, on_value: Any = None, off_value: Any = None, axis: Any = None,
            dtype: Any = None) -> Any:  # fmt: skip
    found = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype=dtype or "float32")
    on, off = (1 if on_value is None else on_value), (0 if off_value is None else off_value)
    return found if (on, off) == (1, 0) else found * (on - off) + off


@composed("sequence_mask")
def _sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    found = ops.greater(ops.expand_dims(lengths, -1), torch.arange(maxlen))
    return found if dtype == "bool" else ops.cast(found, dtype)


# ---- numbers -------------------------------------------------------------------------------------------------------


@composed("math.squared_difference")
def _squared_difference(x: Any, y: Any) -> Any:
    return ops.square(ops.subtract(x, y))


@composed("math.add_n", "math.accumulate_n")
def _add_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None) -> Any:
    total, *others = inputs
    for other in others:
        total = ops.add(total, other)
    return total


@composed("math.scalar_mul")
def _scalar_mul(scalar: Any, x: Any) -> Any:
    return ops.multiply(scalar, x)


@composed("math.multiply_no_nan")
def _multiply_no_nan(x: Any, y: Any) -> Any:
    return ops.where(ops.equal(y, 0), 0.0, ops.multiply(x, y))


@composed("math.reciprocal_no_nan")
def _reciprocal_no_nan(x: Any) -> Any:
    return ops.divide_no_nan(1.0, x)


@composed("math.xlogy")
def _xlogy(x: Any, y: Any) -> Any:
    return ops.where(ops.equal(x, 0), 0.0, ops.multiply(x, ops.log(y)))


@composed("math.erfc")
def _erfc(x: Any) -> Any:
    return 1.0 - ops.erf(x)


@composed("linalg.matmul")
def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
           adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
           output_type: Any = None) -> Any:  # fmt: skip
    a, b = (torch.tensor(one) if isinstance(one, list) else one for one in (a, b))
    a = ops.swapaxes(a, -1, -2) if transpose_a or adjoint_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b or adjoint_b else b
    return ops.matmul(a, b)


@composed("einsum")
def _einsum(inputs: Any, equation: str) -> Any:
    return ops.einsum(equation, *inputs)


@composed("tensordot")
def _tensordot(a: Any, b: Any, axes: Any) -> Any:
    return ops.tensordot(a, torch.tensor(b) if isinstance(b, list) else b, axes=axes)


@composed("math.l2_normalize", "linalg.l2_normalize", "nn.l2_normalize")
def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    squares = ops.sum(ops.square(x), axis=dim if axis is None else axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


@composed("norm")
def _norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, keep_dims: Any = None) -> Any:
    kept = bool(keepdims or keep_dims)
    if ord in ("euclidean", 2, 2.0) and not isinstance(axis, list):
        return ops.sqrt(ops.sum(ops.square(tensor), axis=axis, keepdims=kept))
    _only(ord, 1, "ord")
    return ops.sum(ops.absolute(tensor), axis=axis, keepdims=kept)


@composed("math.reduce_euclidean_norm")
def _reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis=axis, keepdims=keepdims))


@composed("math.count_nonzero")
def _count_nonzero(input: Any, axis: Any = None, keepdims: Any = None, dtype: Any = "int64") -> Any:
    return ops.sum(ops.cast(ops.not_equal(input, 0), dtype), axis=axis, keepdims=bool(keepdims))


def _place_of(function: Callable[..., Any]) -> Callable[..., Any]:
    def found(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Any:
        axis = dimension if axis is None else axis
        return ops.cast(function(input, axis=axis or 0), output_type)

    return found


COMPOSED |= {"math.argmax": _place_of(ops.argmax), "math.argmin": _place_of(ops.argmin)}


def _running(function: Callable[..., Any], undo: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def run(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
        x = ops.flip(x, axis=axis) if reverse else x
        found = function(x, axis=axis)
        found = undo(found, x) if exclusive else found
        return ops.flip(found, axis=axis) if reverse else found

    return run


def _no_exclusive_product(found: Any, x: Any) -> Any:
    raise ValueError("cumprod(exclusive=True) is not among what lamina reads of TensorFlow.")


COMPOSED |= {
    "math.cumsum": _running(ops.cumsum, ops.subtract),
    "math.cumprod": _running(ops.cumprod, _no_exclusive_product),
}


@composed("sort")
def _sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    found = ops.sort(values, axis=axis)
    return found if direction == "ASCENDING" else ops.flip(found, axis=axis)


@composed("argsort")
def _argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    return ops.argsort(values if direction == "ASCENDING" else ops.negative(values), axis=axis)


@composed("math.top_k", "nn.top_k")
def _top_k(input: Any, k: int = 1, sorted: bool = True, index_type: Any = "int32") -> Any:
    return ops.top_k(input, k, sorted=sorted)


@composed("linalg.band_part")
def _band_part(input: Any, num_lower: int, num_upper: int) -> Any:
    input = ops.triu(input, k=-num_lower) if num_lower >= 0 else input
    return ops.tril(input, k=num_upper) if num_upper >= 0 else input


@composed("linalg.diag_part")
def _diag_part(input: Any, k: int = 0) -> Any:
    return ops.diagonal(input, offset=k, axis1=-2, axis2=-1)


@composed("linalg.trace")
def _trace(x: Any) -> Any:
    return ops.trace(x, axis1=-2, axis2=-1)


# ---- networks ------------------------------------------------------------------------------------------------------


@composed("nn.gelu")
def _gelu(features: Any, approximate: bool = False) -> Any:
    return ops.gelu(features, approximate=approximate)


@composed("nn.silu", "nn.swish")
def _silu(features: Any, beta: Any = 1.0) -> Any:
    return ops.silu(features) if beta == 1 else features * ops.sigmoid(beta * features)


@composed("nn.crelu")
def _crelu(features: Any, axis: int = -1) -> Any:
    return ops.concatenate([ops.relu(features), ops.relu(ops.negative(features))], axis=axis)


@composed("nn.bias_add")
def _bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    _only(str(data_format)[:2], ("None"[:2], "NH", "NW", "ND"), "data_format")
    return ops.add(value, bias)


@composed("nn.dropout")
def _dropout(x: Any, rate: Any = 0.0, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None) -> Any:
    _only(rate, 0, "rate")
    return ops.copy(x)


def _sizes(value: Any) -> Any:
    """``[1, rows, columns, 1]`` -> ``(rows, columns)``."""
    return (
        tuple(value[1:-1])
        if isinstance(value, list) and len(value) > 3
        else value
        if isinstance(value, int)
        else tuple(value)
    )


def _pool(function: Callable[..., Any]) -> Callable[..., Any]:
    def pool(input: Any, ksize: Any, strides: Any, padding: str, data_format: Any = "NHWC") -> Any:
        _only(data_format, ("NHWC", "NWC", "NDHWC", None), "data_format")
        return function(input, _sizes(ksize), _sizes(strides), padding.lower(), "channels_last")

    return pool


for _name in ("", "1d", "2d", "3d"):
    COMPOSED |= {f"nn.max_pool{_name}": _pool(ops.max_pool), f"nn.avg_pool{_name}": _pool(ops.average_pool)}


@composed("nn.conv2d")
def _conv2d(input: Any, filter: Any = None, strides: Any = 1, padding: str = "VALID", use_cudnn_on_gpu: Any = None,
           data_format: Any = "NHWC", dilations: Any = 1, filters: Any = None) -> Any:  # fmt: skip
    _only(data_format, ("NHWC", None), "data_format")
    kernel = filter if filters is None else filters
    kernel = torch.tensor(kernel) if isinstance(kernel, list) else kernel
    return ops.conv(input, kernel, _sizes(strides), padding.lower(), "channels_last", _sizes(dilations or 1))


@composed("nn.depthwise_conv2d")
def _depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    data_format: Any = None,
    dilations: Any = 1,
    rate: Any = None,
) -> Any:
    _only(data_format, ("NHWC", None), "data_format")
    kernel = torch.tensor(filter) if isinstance(filter, list) else filter
    return ops.depthwise_conv(
        input, kernel, _sizes(strides), padding.lower(), "channels_last", _sizes(dilations or rate or 1)
    )


@composed("linalg.diag")
def _diag(diagonal: Any, k: int = 0) -> Any:
    _only(k, 0, "k")
    return ops.multiply(ops.expand_dims(diagonal, -1), torch.eye(diagonal.shape[-1]))


@composed("nn.depth_to_space")
def _depth_to_space(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    _only(data_format, "NHWC", "data_format")
    return ops.depth_to_space(input, block_size, data_format="channels_last")


@composed("nn.space_to_depth")
def _space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    _only(data_format, "NHWC", "data_format")
    return ops.space_to_depth(input, block_size, data_format="channels_last")


@composed("image.resize")
def _resize(images: Any, size: Any, method: str = "bilinear", preserve_aspect_ratio: bool = False,
           antialias: bool = False) -> Any:  # fmt: skip
    _only(preserve_aspect_ratio or antialias, False, "preserve_aspect_ratio or antialias")
    if method == "nearest":  # TensorFlow takes the pixel in the middle
        scales = [own / wanted for own, wanted in zip(images.shape[1:3], size, strict=True)]
        if max(size) > MAX_SIDE:
            raise ValueError(f"A picture of {size} is larger than what a file may ask for.")
        for axis, (scale, wanted) in enumerate(zip(scales, size, strict=True), 1):
            places = torch.tensor([int((place + 0.5) * scale) for place in range(wanted)])
            images = ops.take(images, places, axis=axis)
        return images
    _only(method, "bilinear", "method")
    return ops.image.resize(images, tuple(size), interpolation="bilinear", data_format="channels_last")


@composed("image.rgb_to_grayscale")
def _rgb_to_grayscale(images: Any) -> Any:
    return ops.matmul(images, torch.tensor([[0.2989], [0.587], [0.114]]))


@composed("image.per_image_standardization")
def _per_image_standardization(image: Any) -> Any:
    axes = (-3, -2, -1)
    mean, deviation = (function(image, axis=axes, keepdims=True) for function in (ops.mean, ops.std))
    return (image - mean) / ops.maximum(deviation, 1 / math.sqrt(math.prod(image.shape[1:])))


def _only(value: Any, known: Any, name: str) -> None:
    if value not in (known if isinstance(known, Sequence) and not isinstance(known, str) else (known,)):
        raise ValueError(f"{name}={value!r:.80} is not among what lamina reads of TensorFlow.")
