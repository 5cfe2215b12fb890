"""Keras's ``ops.nn``: activations, normalizations, losses and codes. Activations are ``lamina.activations``'s."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.nn import functional as F

from lamina import activations, config
from lamina.dtypes import as_dtype
from lamina.ops import _reduction
from lamina.ops._tensors import as_inexact, as_tensor, axes_of, operations, promoted, recorded, tensors

Function = TypeVar("Function", bound=Callable[..., Any])


def _of_fractions(activation: Function) -> Function:
    """An activation that takes whatever an operation takes; whole numbers become ``floatx``."""

    @functools.wraps(activation)
    def operation(x: Any, *args: Any, **kwargs: Any) -> Any:
        return activation(as_inexact(x), *args, **kwargs)

    operation.__module__ = __name__
    return operation  # pyright: ignore[reportReturnType]


celu = _of_fractions(activations.celu)
elu = _of_fractions(activations.elu)
selu = _of_fractions(activations.selu)
glu = _of_fractions(activations.glu)
sparsemax = _of_fractions(activations.sparsemax)
hard_shrink = _of_fractions(activations.hard_shrink)
soft_shrink = _of_fractions(activations.soft_shrink)
hard_sigmoid = _of_fractions(activations.hard_sigmoid)
hard_silu = _of_fractions(activations.hard_silu)
hard_swish = hard_silu
hard_tanh = _of_fractions(activations.hard_tanh)
log_sigmoid = _of_fractions(activations.log_sigmoid)
sigmoid = _of_fractions(activations.sigmoid)
silu = _of_fractions(activations.silu)
swish = silu
softplus = _of_fractions(activations.softplus)
softsign = _of_fractions(activations.softsign)
sparse_plus = _of_fractions(activations.sparse_plus)
sparse_sigmoid = _of_fractions(activations.sparse_sigmoid)
squareplus = _of_fractions(activations.squareplus)
tanh_shrink = _of_fractions(activations.tanh_shrink)
threshold = _of_fractions(activations.threshold)


def relu(x: Any) -> Any:
    """``max(x, 0)``."""
    return torch.relu(as_tensor(x))


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``."""
    return torch.clamp(as_tensor(x), 0, 6)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """``x`` where it is positive, else ``negative_slope * x``."""
    return activations.leaky_relu(as_inexact(x), negative_slope)


def gelu(x: Any, approximate: bool = True) -> Any:
    """``x * P(X <= x)`` for a normal ``X``; ``approximate`` with a ``tanh`` in place of the error function."""
    return activations.gelu(as_inexact(x), approximate)


def softmax(x: Any, axis: Any = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis, several, or (``None``) all."""
    return activations.softmax(as_inexact(x), axis)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """``x - log(sum(exp(x)))`` along an axis, several, or (``None``) all."""
    return activations.log_softmax(as_inexact(x), axis)


def polar(abs_: Any, angle: Any) -> Any:
    """The complex numbers of these absolute values and angles."""
    return torch.polar(*promoted(abs_, angle, inexact=True))


# ---- normalization -------------------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Mean and variance over axes.

    Arguments:
        synchronized: over all replicas of a distributed program; not supported.
    """
    if synchronized:
        raise NotImplementedError("moments doesn't go over several replicas; leave synchronized=False.")
    x = as_inexact(x)
    half = x.dtype in (torch.float16, torch.bfloat16)
    work = x.to(torch.float32) if half else x
    mean = torch.mean(work, dim=axes_of(x, axes), keepdim=keepdims)
    variance = torch.var(work, dim=axes_of(x, axes), keepdim=keepdims, correction=0)
    return (mean.to(x.dtype), variance.to(x.dtype)) if half else (mean, variance)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, all four given along ``axis``."""
    x = as_inexact(x)
    shape = [1] * len(x.shape)
    shape[axis] = -1
    mean, variance, offset, scale = (
        None if one is None else torch.reshape(as_tensor(one, x.dtype, getattr(x, "device", None)), shape)
        for one in (mean, variance, offset, scale)
    )
    factor = torch.rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor
    return x * factor + (shift if offset is None else shift + offset)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Any:
    """``(x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta``, mean and variance taken over ``axis``."""
    if kwargs:
        raise TypeError(f"layer_normalization has no argument {min(kwargs)!r}.")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = as_inexact(x)
    axes = axes_of(x, axis)
    mean = torch.mean(x, dim=axes, keepdim=True)
    scaled = (x - mean) * torch.rsqrt(torch.var(x, dim=axes, keepdim=True, correction=0) + epsilon)
    return _scaled(scaled, gamma, beta, axes)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """``x / sqrt(mean(x ** 2) + epsilon) * scale``, the mean taken over ``axis``."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = as_inexact(x)
    axes = axes_of(x, axis)
    return _scaled(x * torch.rsqrt(torch.mean(torch.square(x), dim=axes, keepdim=True) + epsilon), scale, None, axes)


def _scaled(x: Any, gamma: Any, beta: Any, axes: tuple[int, ...]) -> Any:
    """``x * gamma + beta``; both lie along ``axes``."""
    for one, function in ((gamma, torch.mul), (beta, torch.add)):
        if one is not None:
            one = as_tensor(one, x.dtype, getattr(x, "device", None))
            if len(one.shape) == len(axes) < len(x.shape):
                lengths = dict(zip(sorted(axes), one.shape, strict=True))
                one = torch.reshape(one, [lengths.get(axis, 1) for axis in range(len(x.shape))])
            x = function(x, one)
    return x


def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """``x`` over its norm along ``axis``, which counts as at least ``epsilon``."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize takes a whole order of at least 1, and got order={order!r}.")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = as_inexact(x)
    if order == 2:
        squares = torch.sum(torch.square(x), dim=axes_of(x, axis), keepdim=True)
        return x * torch.rsqrt(torch.clamp(squares, min=epsilon**2))
    norm = torch.linalg.vector_norm(x, ord=order, dim=axes_of(x, axis), keepdim=True)
    return x / torch.clamp(norm, min=epsilon)


# ---- losses --------------------------------------------------------------------------------------------------------


def _clipped(probabilities: Any) -> Any:
    return torch.clamp(probabilities, config.epsilon(), 1.0 - config.epsilon())


def _refuse_unequal(name: str, target: Any, output: Any) -> None:
    sizes = zip(target.shape, output.shape, strict=False)
    if len(target.shape) != len(output.shape) or any(None not in pair and pair[0] != pair[1] for pair in sizes):
        raise ValueError(f"{name} takes a target and an output of one shape, and got {tuple(target.shape)} and "
                         f"{tuple(output.shape)}.")  # fmt: skip


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """``-sum(target * log(output))`` along ``axis``; ``from_logits``: ``output`` is before a softmax."""
    target, output = promoted(target, output, inexact=True)
    _refuse_unequal("categorical_crossentropy", target, output)
    if not target.shape:
        raise ValueError("categorical_crossentropy takes at least one axis, the classes.")
    if from_logits:
        return -torch.sum(target * torch.log_softmax(output, axis), dim=axis)
    shares = output / torch.sum(output, dim=axis, keepdim=True)
    return -torch.sum(target * torch.log(_clipped(shares)), dim=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """:func:`categorical_crossentropy` for class numbers in place of one-hot targets."""
    target, output = tensors(target, as_inexact(output))
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = torch.squeeze(target, -1)
    if not output.shape:
        raise ValueError("sparse_categorical_crossentropy takes an output of at least one axis, the classes.")
    if len(target.shape) != len(output.shape) - 1:
        raise ValueError("sparse_categorical_crossentropy takes class numbers in the shape of the output without its "
                         f"classes, and got {tuple(target.shape)} for {tuple(output.shape)}.")  # fmt: skip
    if from_logits:
        logs = torch.log_softmax(output, axis)
    else:
        logs = torch.log(_clipped(output / torch.sum(output, dim=axis, keepdim=True)))
    chosen = torch.gather(logs, axis, torch.unsqueeze(target.to(torch.int64), axis))
    return -torch.squeeze(chosen, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """``-target * log(output) - (1 - target) * log(1 - output)``; ``from_logits``: ``output`` is before a sigmoid."""
    target, output = promoted(target, output, inexact=True)
    _refuse_unequal("binary_crossentropy", target, output)
    if from_logits:
        return F.binary_cross_entropy_with_logits(output, target, reduction="none")
    return F.binary_cross_entropy(_clipped(output), target, reduction="none")


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """``20 * log10(max_val) - 10 * log10(mean((x1 - x2) ** 2))``: the likeness of two images in decibels."""
    x1, x2 = promoted(x1, x2, inexact=True)
    _refuse_unequal("psnr", x1, x2)
    peak = torch.log10(torch.as_tensor(float(max_val), dtype=x1.dtype))
    return 20 * peak - 10 * torch.log10(torch.mean(torch.square(x1 - x2)))


# ---- codes ---------------------------------------------------------------------------------------------------------


def _refuse_sparse(name: str, sparse: bool) -> None:
    if sparse:
        raise ValueError(f"{name} makes no sparse tensors; leave sparse=False.")


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 at each class number, 0 elsewhere, along a new axis; all 0 for a number that is no class."""
    _refuse_sparse("one_hot", sparse)
    x = as_tensor(x).to(torch.int64)
    classes = torch.arange(num_classes, device=None if x.device.type == "meta" else x.device)
    rows = torch.eq(torch.unsqueeze(x, -1), classes)
    return torch.movedim(rows, -1, axis).to(as_dtype(dtype))


def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Any:
    """1 at each class number that occurs along the last axis, 0 elsewhere: ``(..., n) -> (..., num_classes)``."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs or num_classes is None:
        raise ValueError("multi_hot needs num_classes." if not kwargs else f"multi_hot has no {min(kwargs)!r}.")
    inputs = as_tensor(inputs)
    rows = one_hot(inputs, num_classes, axis, dtype, sparse)
    return _reduction.max(rows, axis=1 if len(inputs.shape) > 1 else 0)


@recorded
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """``-log P(target | output)``, summed over all ways to stretch the target with repeats and blanks, for each row.

    Arguments:
        target: class numbers ``(batch, labels)``; ``output``: logits ``(batch, steps, classes)``.
        target_length, output_length: how many labels and steps of each row count.
        mask_index: the class that is the blank.

    Source: https://www.cs.toronto.edu/~graves/icml_2006.pdf
    """
    target, output, target_length, output_length = tensors(target, output, target_length, output_length)
    logs = torch.log_softmax(as_inexact(output), -1).transpose(0, 1)  # (B, T, C) -> (T, B, C)
    lengths = output_length.to(torch.int64), target_length.to(torch.int64)
    if output.device.type == "meta":
        return logs[0, :, 0]
    return F.ctc_loss(logs, target.to(torch.int64), *lengths, blank=mask_index, reduction="none")


operations(globals())
