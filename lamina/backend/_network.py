"""Keras 2's backend functions of neural networks: activations, losses, convolutions, padding, CTC."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch.nn import functional as F

from lamina import activations, config, ops, random
from lamina.config import standardize_data_format
from lamina.ops._tensors import as_inexact, as_tensor, promoted, recorded, tensors

P = ParamSpec("P")
Pairs = tuple[tuple[int, int], ...]


_KERAS1_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}


def normalize_data_format(value: str | None) -> str:
    """A data format from itself, from Keras 1's word for it, or from ``None``: the program's setting."""
    return standardize_data_format(_KERAS1_FORMATS.get(value, value) if isinstance(value, str) else value)


_form = normalize_data_format


# ---- activations ---------------------------------------------------------------------------------------------------


def _changeable(function: Callable[P, Any]) -> Callable[P, Any]:
    """``function``, whose result may be changed in place. In Keras 2, ``a = K.exp(x)`` and then ``a *= mask`` made a new
    tensor; in torch it changes the one that the gradient of ``exp`` needs."""

    @functools.wraps(function)
    def changeable(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = function(*args, **kwargs)
        return result.clone() if isinstance(result, torch.Tensor) and result.requires_grad else result

    return changeable


exp = _changeable(ops.exp)
sigmoid = _changeable(ops.sigmoid)
softmax = _changeable(ops.softmax)
tanh = _changeable(ops.tanh)


@_changeable
def sqrt(x: Any) -> Any:
    """The square root; of a number below 0 it is 0, as in Keras 1 and 2."""
    return ops.sqrt(ops.maximum(x, 0.0))


@_changeable
def relu(x: Any, alpha: Any = 0.0, max_value: Any = None, threshold: Any = 0.0) -> Any:
    """``max(x, 0)``; in general with a slope ``alpha`` below ``threshold``, and not above ``max_value``: numbers or tensors."""
    x = as_inexact(x)
    if not any(map(ops.is_tensor, (alpha, max_value, threshold))):
        return activations.relu(x, alpha, max_value, threshold)
    opened = torch.where(x >= threshold, x, alpha * (x - threshold))
    return opened if max_value is None else torch.clamp(opened, max=max_value)


@_changeable
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below; ``alpha`` is a number or a tensor."""
    if not ops.is_tensor(alpha):
        return ops.elu(x, alpha)
    x = as_inexact(x)
    return alpha * torch.expm1(torch.clamp(x, max=0)) + torch.relu(x)


def hard_sigmoid(x: Any) -> Any:
    """``0.2 x + 0.5`` between 0 and 1, as Keras 1 and 2 have it."""
    return activations.hard_sigmoid_keras2(as_inexact(x))


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Any:
    """A fraction ``level`` of the elements, chosen at random, becomes 0; the others are divided by ``1 - level``."""
    return random.dropout(as_tensor(x), level, noise_shape, seed)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target's prediction is among the ``k`` greatest of its row."""
    return ops.in_top_k(targets, predictions, k)


# ---- losses --------------------------------------------------------------------------------------------------------


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Any:
    """``-log(output[target])``; 0 where the target is ``ignore_class``."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)
    target, output = tensors(target, output)
    kept = torch.ne(target, ignore_class)
    losses = ops.sparse_categorical_crossentropy(torch.where(kept, target, 0), output, from_logits, axis)
    return torch.where(kept.reshape(losses.shape), losses, 0)


def categorical_crossentropy_keras1(output: Any, target: Any, from_logits: bool = False) -> Any:
    """Keras 1's ``categorical_crossentropy``, which takes the output first."""
    return ops.categorical_crossentropy(target, output, from_logits)


def sparse_categorical_crossentropy_keras1(output: Any, target: Any, from_logits: bool = False) -> Any:
    """Keras 1's ``sparse_categorical_crossentropy``, which takes the output first."""
    return ops.sparse_categorical_crossentropy(target, output, from_logits)


def binary_crossentropy_keras1(output: Any, target: Any, from_logits: bool = False) -> Any:
    """Keras 1's ``binary_crossentropy``, which takes the output first."""
    return ops.binary_crossentropy(target, output, from_logits)


def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    """Binary crossentropy times ``(1 - p) ** gamma``, ``p`` being the target's probability.

    Arguments:
        apply_class_balancing: whether to weigh class 1 with ``alpha`` and class 0 with ``1 - alpha``.

    Source: https://arxiv.org/abs/1708.02002
    """
    target, output = promoted(target, output, inexact=True)
    output = torch.sigmoid(output) if from_logits else output
    right = target * output + (1 - target) * (1 - output)
    losses = torch.pow(1 - right, gamma) * ops.binary_crossentropy(target, output)
    return (target * alpha + (1 - target) * (1 - alpha)) * losses if apply_class_balancing else losses


def categorical_focal_crossentropy(
    target: Any, output: Any, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Any:
    """``sum(-alpha * (1 - output) ** gamma * target * log(output))`` along ``axis``: https://arxiv.org/abs/1708.02002"""
    target, output = promoted(target, output, inexact=True)
    output = torch.softmax(output, axis) if from_logits else output / torch.sum(output, dim=axis, keepdim=True)
    output = torch.clamp(output, config.epsilon(), 1 - config.epsilon())
    return torch.sum(-alpha * torch.pow(1 - output, gamma) * target * torch.log(output), dim=axis)


def classification_error(target: Any, output: Any, axis: int = -1) -> Any:
    """Whether the greatest output is another than the greatest target: 1 or 0."""
    wrong = torch.ne(torch.argmax(as_tensor(target), axis), torch.argmax(as_tensor(output), axis))
    return wrong.to(as_inexact(output).dtype)


# ---- normalization -------------------------------------------------------------------------------------------------


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """``(x - mean) / sqrt(var + epsilon) * gamma + beta``; the four broadcast, or lie along ``axis``."""
    x = as_inexact(x)
    shape = [1] * len(x.shape)
    shape[axis] = -1
    given = (None if one is None else as_tensor(one) for one in (mean, var, beta, gamma))
    mean, var, beta, gamma = (one if one is None or len(one.shape) != 1 else torch.reshape(one, shape) for one in given)
    normed = (x - mean) * torch.rsqrt(var + epsilon)
    normed = normed if gamma is None else normed * gamma
    return normed if beta is None else normed + beta


def normalize_batch_in_training(x: Any, gamma: Any, beta: Any, reduction_axes: Any, epsilon: float = 1e-3) -> Any:
    """``x`` normalized with its own mean and variance over ``reduction_axes``; and these two."""
    x = as_inexact(x)
    mean, var = ops.moments(x, tuple(reduction_axes), keepdims=True)
    normed = (x - mean) * torch.rsqrt(var + epsilon)
    left = [axis for axis in range(len(x.shape)) if axis not in [one % len(x.shape) for one in reduction_axes]]
    shape = [x.shape[axis] if axis in left else 1 for axis in range(len(x.shape))]
    for one, function in ((gamma, torch.mul), (beta, torch.add)):
        if one is not None:
            normed = function(normed, torch.reshape(as_tensor(one), shape))
    axes = tuple(reduction_axes)
    return normed, torch.squeeze(mean, axes), torch.squeeze(var, axes)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """``x + bias`` for a bias of one number for each channel, or of the shape of ``x`` without the batch."""
    data_format = _form(data_format)
    x, bias = promoted(x, bias)
    if len(bias.shape) not in (1, len(x.shape) - 1):
        raise ValueError(f"bias_add takes a bias with 1 or {len(x.shape) - 1} axes for shape {tuple(x.shape)}, and got "
                         f"{tuple(bias.shape)}.")  # fmt: skip
    if len(x.shape) > 2 and data_format == "channels_first":
        if len(bias.shape) == 1:
            return x + torch.reshape(bias, (-1, *[1] * (len(x.shape) - 2)))
        return x + torch.movedim(bias, -1, 0)
    return x + bias


# ---- convolution ---------------------------------------------------------------------------------------------------


def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Cross-correlation along one axis; ``padding="causal"`` puts all zeros in front."""
    if padding == "causal":
        rate = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[0]
        data_format = _form(data_format)
        x = _padded(x, ((rate * (kernel.shape[0] - 1), 0),), data_format)
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, _form(data_format), dilation_rate)


def conv2d(
    x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """Cross-correlation of images with a kernel ``(rows, columns, channels, filters)``."""
    return ops.conv(x, kernel, strides, padding, _form(data_format), dilation_rate)


def conv3d(
    x: Any, kernel: Any, strides: Any = (1, 1, 1), padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:  # fmt: skip
    """Cross-correlation of volumes with a kernel ``(depth, rows, columns, channels, filters)``."""
    return ops.conv(x, kernel, strides, padding, _form(data_format), dilation_rate)


@recorded
def _conv_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any, padding: str, data_format: str, dilation: Any
) -> Any:
    """The whole transposed convolution, cut to ``output_shape``: what is too much goes from both sides for ``"same"``."""
    rank = kernel.ndim - 2
    sizes = list(output_shape)[1:-1] if data_format == "channels_last" else list(output_shape)[2:]
    first = 1 if data_format == "channels_last" else 2
    full = ops.conv_transpose(x, kernel, strides, "valid", 0, data_format, dilation)
    for axis in range(rank):
        wanted = sizes[axis]
        missing = max(wanted - full.shape[first + axis], 0)
        full = F.pad(full, [0, 0] * (full.ndim - 1 - first - axis) + [0, missing])
        start = (full.shape[first + axis] - wanted) // 2 if padding == "same" else 0
        full = full.narrow(first + axis, start, wanted)
    return full


def conv2d_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any = (1, 1), padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The transpose of :func:`conv2d`, with a kernel ``(rows, columns, filters, channels)`` and a given output shape."""
    form = _form(data_format)
    x, kernel = tensors(x, kernel)
    return _conv_transpose(x, kernel, output_shape, strides, padding, form, dilation_rate)


def conv3d_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any = (1, 1, 1), padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The transpose of :func:`conv3d`, with a kernel ``(*sizes, filters, channels)`` and a given output shape."""
    x, kernel = tensors(x, kernel)
    return _conv_transpose(x, kernel, output_shape, strides, padding, _form(data_format), 1)


def depthwise_conv2d(
    x: Any, depthwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """Each channel of images convolved by itself."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, _form(data_format), dilation_rate)


def separable_conv1d(
    x: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Each channel of sequences convolved by itself, then all mixed."""
    form = _form(data_format)
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, form, dilation_rate)


def separable_conv2d(
    x: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """Each channel of images convolved by itself, then all mixed."""
    form = _form(data_format)
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, form, dilation_rate)


def _pool(x: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None, pool_mode: str) -> Any:
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"pool_mode must be 'max' or 'avg', and got {pool_mode!r}.")
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, _form(data_format))


def pool2d(
    x: Any, pool_size: Any, strides: Any = (1, 1), padding: str = "valid", data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The greatest element (``"max"``) or the average (``"avg"``) of each window of images."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


def pool3d(
    x: Any, pool_size: Any, strides: Any = (1, 1, 1), padding: str = "valid", data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The greatest element (``"max"``) or the average (``"avg"``) of each window of volumes."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


@recorded
def _local_conv(x: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str) -> Any:
    """At each place a product of its window with its own matrix: ``kernel`` is ``(places, window * channels, filters)``."""
    last = data_format == "channels_last"
    sizes = x.shape[1:-1] if last else x.shape[2:]
    counts = [(size - window) // stride + 1 for size, window, stride in zip(sizes, kernel_size, strides, strict=True)]
    windows = []
    for place in itertools.product(*map(range, counts)):
        index = [slice(p * stride, p * stride + window)
                 for p, stride, window in zip(place, strides, kernel_size, strict=True)]  # fmt: skip
        windows.append(x[(slice(None), *index)] if last else x[(slice(None), slice(None), *index)])
    columns = torch.stack([window.reshape(x.shape[0], -1) for window in windows])  # (places, B, window * C)
    found = torch.bmm(columns, kernel).transpose(0, 1).unflatten(1, counts)  # -> (B, *counts, filters)
    return found if last else found.movedim(-1, 1)


def local_conv1d(inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None = None) -> Any:
    """A convolution of sequences with a kernel of its own at each place."""
    inputs, kernel = tensors(inputs, kernel)
    return _local_conv(inputs, kernel, kernel_size, strides, _form(data_format))


def local_conv2d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, output_shape: Any, data_format: str | None = None
) -> Any:
    """A convolution of images with a kernel of its own at each place; ``output_shape`` follows from the sizes."""
    inputs, kernel = tensors(inputs, kernel)
    return _local_conv(inputs, kernel, kernel_size, strides, _form(data_format))


# ---- padding and resizing ------------------------------------------------------------------------------------------


def _padded(x: Any, pairs: Pairs, data_format: str) -> Any:
    sides = [side for pair in reversed(pairs) for side in pair]
    return F.pad(as_tensor(x), [0, 0, *sides] if data_format == "channels_last" else sides)


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros before and after the steps of ``(batch, steps, features)``."""
    return _padded(x, ((padding, padding) if isinstance(padding, int) else tuple(padding),), "channels_last")


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around images: a pair for the rows and one for the columns."""
    return _padded(x, _pairs(padding), _form(data_format))


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around volumes: a pair for each axis."""
    return _padded(x, _pairs(padding), _form(data_format))


def _pairs(padding: Any) -> Pairs:
    return tuple((one, one) if isinstance(one, int) else tuple(one) for one in padding)


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Any:
    """:func:`temporal_padding` in Keras 1's words."""
    return temporal_padding(x, (left_pad, right_pad))


def asymmetric_spatial_2d_padding(
    x: Any, top_pad: int = 1, bottom_pad: int = 1, left_pad: int = 1, right_pad: int = 1, data_format: str | None = None
) -> Any:
    """:func:`spatial_2d_padding` in Keras 1's words."""
    return spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None, interpolation: str = "nearest"
) -> Any:
    """Images with so many times as many rows and columns: repeated (``"nearest"``) or between (``"bilinear"``)."""
    data_format = _form(data_format)
    if interpolation == "nearest":
        return _repeated(x, (height_factor, width_factor), data_format)
    return _resized(as_tensor(x), height_factor, width_factor, data_format, interpolation)


@recorded
def _resized(x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str) -> Any:
    height, width = x.shape[1:3] if data_format == "channels_last" else x.shape[2:]
    size = height * height_factor, width * width_factor
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None) -> Any:
    """Volumes whose elements are repeated so many times along each axis."""
    return _repeated(x, (depth_factor, height_factor, width_factor), _form(data_format))


def _repeated(x: Any, factors: Any, data_format: str) -> Any:
    for axis, factor in enumerate(factors, 1 if data_format == "channels_last" else 2):
        x = ops.repeat(x, factor, axis)
    return x


# ---- CTC -----------------------------------------------------------------------------------------------------------


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each row, ``(batch, 1)``: the blank is the last class.

    Arguments:
        y_true: class numbers ``(batch, labels)``; ``y_pred``: probabilities ``(batch, steps, classes)``.
        input_length, label_length: ``(batch, 1)``, how many steps and labels count.
    """
    y_true, y_pred, input_length, label_length = tensors(y_true, y_pred, input_length, label_length)
    labels, steps = torch.reshape(label_length, (-1,)), torch.reshape(input_length, (-1,))
    losses = ops.ctc_loss(y_true, torch.log(y_pred + config.epsilon()), labels, steps, y_pred.shape[-1] - 1)
    return torch.unsqueeze(losses, 1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1,
    merge_repeated: bool = True,
) -> Any:  # fmt: skip
    """The likeliest labels, a list of ``(batch, labels)`` filled up with -1, and the logarithms of their scores.

    Arguments:
        y_pred: probabilities ``(batch, steps, classes)``, the last class being the blank.
        input_length: ``(batch,)``; ``greedy``: take the likeliest class of each step, and else search with beams.
    """
    y_pred, lengths = tensors(y_pred, input_length)
    logs = torch.log(y_pred + config.epsilon())
    found, scores = ops.ctc_decode(logs, lengths, "greedy" if greedy else "beam_search", beam_width, top_paths,
                                   merge_repeated, mask_index=y_pred.shape[-1] - 1)  # fmt: skip
    return list(torch.unbind(found)), scores
