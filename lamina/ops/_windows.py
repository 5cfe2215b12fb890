"""Keras's ``ops.nn``: what slides over images and sequences - convolutions, pooling, patches - and attention."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from lamina.config import standardize_data_format
from lamina.kernels import convolution
from lamina.kernels.attention import looking
from lamina.kernels.windows import same_padding
from lamina.ops._tensors import as_inexact, as_tensor, operations, promoted, recorded, tensors

Sizes = tuple[int, ...]


def _each(value: Any, rank: int, name: str) -> Sizes:
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank:
        raise ValueError(f"{name} needs one number for each of {rank} axes, and got {value!r}.")
    return sizes


def _check_padding(padding: str) -> None:
    if padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', and got {padding!r}.")


def _channels_first(x: Any, data_format: str) -> Any:
    return torch.movedim(x, -1, 1) if data_format == "channels_last" else x


def _as_it_was(x: Any, data_format: str) -> Any:
    return torch.movedim(x, 1, -1) if data_format == "channels_last" else x


def _same_sides(x: Any, extent: Sizes, strides: Sizes) -> list[int]:
    """For ``F.pad``: last axis first, before and after."""
    pairs = [same_padding(*axis) for axis in zip(x.shape[2:], extent, strides, strict=True)]
    return [side for pair in reversed(pairs) for side in pair]


# ---- convolution ---------------------------------------------------------------------------------------------------


def _convolve(x: Any, kernel: Any, strides: Any, padding: str, dilation: Any, groups: int) -> Any:
    """Axes in torch's order: ``x`` ``(B, C, *S)``, ``kernel`` ``(filters, C / groups, *K)``."""
    _check_padding(padding)
    rank = x.ndim - 2
    strides, dilation = _each(strides, rank, "strides"), _each(dilation, rank, "dilation_rate")
    if padding == "same":
        extent = tuple(rate * (size - 1) + 1 for rate, size in zip(dilation, kernel.shape[2:], strict=True))
        x = F.pad(x, _same_sides(x, extent, strides))
    return convolution.convolve(x, kernel, strides, 0, dilation, groups)


@recorded
def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Cross-correlation over one to three axes.

    Arguments:
        inputs: ``(batch, *size, channels)``, or with ``data_format="channels_first"`` ``(batch, channels, *size)``.
        kernel: ``(*kernel_size, channels / groups, filters)``: groups follow from the shapes.
        padding: ``"valid"`` or ``"same"``.
    """
    data_format = standardize_data_format(data_format)
    inputs, kernel = promoted(inputs, kernel, inexact=True)
    x = _channels_first(inputs, data_format)
    groups = x.shape[1] // kernel.shape[-2]
    if groups * kernel.shape[-2] != x.shape[1]:
        raise ValueError(f"conv can't split {x.shape[1]} channels for a kernel of {kernel.shape[-2]}: "
                         f"shapes {tuple(inputs.shape)} and {tuple(kernel.shape)}.")  # fmt: skip
    weight = kernel.permute(-1, -2, *range(kernel.ndim - 2))
    return _as_it_was(_convolve(x, weight, strides, padding, dilation_rate, groups), data_format)


@recorded
def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """Each channel convolved by itself, with ``multiplier`` kernels: ``kernel`` is ``(*kernel_size, channels, multiplier)``."""
    data_format = standardize_data_format(data_format)
    inputs, kernel = promoted(inputs, kernel, inexact=True)
    weight = kernel.permute(-2, -1, *range(kernel.ndim - 2)).flatten(0, 1).unsqueeze(1)
    x = _channels_first(inputs, data_format)
    return _as_it_was(_convolve(x, weight, strides, padding, dilation_rate, x.shape[1]), data_format)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """:func:`depthwise_conv`, then :func:`conv` with a kernel of size 1."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


@recorded
def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None,
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """The transpose of :func:`conv`: each element puts a kernel, times itself, into the output.

    Arguments:
        kernel: ``(*kernel_size, filters, channels)``.
        output_padding: how much longer the output is than the shortest one; ``None`` is what ``padding`` needs.
    """
    _check_padding(padding)
    data_format = standardize_data_format(data_format)
    inputs, kernel = promoted(inputs, kernel, inexact=True)
    x = _channels_first(inputs, data_format)
    rank = x.ndim - 2
    strides, dilation = _each(strides, rank, "strides"), _each(dilation_rate, rank, "dilation_rate")
    wanted = (None,) * rank if output_padding is None else _each(output_padding, rank, "output_padding")
    weight = kernel.permute(-1, -2, *range(rank))
    full = convolution.convolve_transposed(x, weight, strides, dilation)
    for axis in range(rank):
        extent = dilation[axis] * (kernel.shape[axis] - 1) + 1
        length, start = _transposed_span(x.shape[axis + 2], extent, strides[axis], padding, wanted[axis])
        missing = max(0, start + length - full.shape[axis + 2])
        if missing:
            full = F.pad(full, [0, 0] * (rank - 1 - axis) + [0, missing])
        full = full.narrow(axis + 2, start, length)
    return _as_it_was(full, data_format)


def _transposed_span(size: int, extent: int, stride: int, padding: str, output_padding: int | None) -> tuple[int, int]:
    """How long the output is along an axis, and where it begins in the whole transposed convolution."""
    if padding == "valid":
        extra = max(extent, stride) - extent if output_padding is None else output_padding
        return (size - 1) * stride + extent + extra, 0
    odd = extent % 2
    extra = stride - odd if output_padding is None else output_padding
    around = extent + odd - 2 + extra  # zeros on both sides, were it a convolution of spread out inputs
    before = extent - 1 if stride > extent - 1 else -(-around // 2)
    return (size - 1) * stride + odd + extra, extent - 1 - before


# ---- pooling -------------------------------------------------------------------------------------------------------


@recorded
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The greatest element of each window.

    Arguments:
        pool_size, strides: the window and its step, by default as long as the window.
        padding: ``"valid"`` or ``"same"``; what is padded is never the greatest.
    """
    _check_padding(padding)
    data_format = standardize_data_format(data_format)
    x = _channels_first(as_tensor(inputs), data_format)
    rank = x.ndim - 2
    pool_size = _each(pool_size, rank, "pool_size")
    strides = pool_size if strides is None else _each(strides, rank, "strides")
    if padding == "same":
        lowest = float("-inf") if x.dtype.is_floating_point else torch.iinfo(x.dtype).min
        x = F.pad(x, _same_sides(x, pool_size, strides), value=lowest)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[rank - 1]
    return _as_it_was(pool(x, pool_size, strides), data_format)


@recorded
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The average of each window; with ``padding="same"`` of what is inside of the input only."""
    _check_padding(padding)
    data_format = standardize_data_format(data_format)
    x = _channels_first(as_inexact(inputs), data_format)
    rank = x.ndim - 2
    pool_size = _each(pool_size, rank, "pool_size")
    strides = pool_size if strides is None else _each(strides, rank, "strides")
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[rank - 1]
    if padding == "same":
        sides = _same_sides(x, pool_size, strides)
        inside = F.pad(torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device), sides)
        return _as_it_was(pool(F.pad(x, sides), pool_size, strides) / pool(inside, pool_size, strides), data_format)
    return _as_it_was(pool(x, pool_size, strides), data_format)


def _adaptive(pools: tuple[Any, ...], inputs: Any, output_size: Any, data_format: str | None) -> Any:
    data_format = standardize_data_format(data_format)
    x = _channels_first(as_inexact(inputs), data_format)
    rank = x.ndim - 2
    return _as_it_was(pools[rank - 1](x, _each(output_size, rank, "output_size")), data_format)


@recorded
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The averages of ``output_size`` parts of each axis."""
    pools = F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d
    return _adaptive(pools, inputs, output_size, data_format)


@recorded
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The greatest elements of ``output_size`` parts of each axis."""
    pools = F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d
    return _adaptive(pools, inputs, output_size, data_format)


# ---- blocks --------------------------------------------------------------------------------------------------------


@recorded
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Each ``block_size ** 2`` channels as a block of pixels: ``(B, H, W, C) -> (B, H * b, W * b, C / b ** 2)``."""
    x = _channels_first(_image(x, "depth_to_space", block_size), standardize_data_format(data_format))
    channels, b = x.shape[1], block_size
    if channels % b**2:
        raise ValueError(f"depth_to_space needs channels that {b} ** 2 divides, and got {channels}.")
    x = x.unflatten(1, (b, b, channels // b**2))  # (B, b, b, c, H, W)
    x = x.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)
    return _as_it_was(x, data_format)


@recorded
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Each block of pixels as channels: ``(B, H, W, C) -> (B, H / b, W / b, C * b ** 2)``."""
    x = _channels_first(_image(x, "space_to_depth", block_size), standardize_data_format(data_format))
    height, width, b = x.shape[2], x.shape[3], block_size
    if height % b or width % b:
        raise ValueError(f"space_to_depth needs sizes that {b} divides, and got {height} and {width}.")
    x = x.unflatten(3, (width // b, b)).unflatten(2, (height // b, b))  # (B, C, h, b, w, b)
    return _as_it_was(x.permute(0, 3, 5, 1, 2, 4).flatten(1, 3), data_format)


def _image(x: Any, name: str, block_size: int) -> Any:
    x = as_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"{name} takes images with 4 axes, and got shape {tuple(x.shape)}.")
    if block_size < 2:
        raise ValueError(f"{name} takes a block_size of at least 2, and got {block_size}.")
    return x


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of channels-first images as columns: ``(B, C, H, W) -> (B, C * kernel, windows)``."""
    return F.unfold(as_inexact(x), kernel_size, dilation, padding, stride)


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Columns added up as windows of channels-first images: the transpose of :func:`unfold`."""
    return F.fold(as_inexact(x), output_size, kernel_size, dilation, padding, stride)


# ---- attention -----------------------------------------------------------------------------------------------------


@recorded
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """``softmax(scale * query @ key.T + bias) @ value`` for each head.

    Arguments:
        query: ``(batch, T, heads, dim)``; ``key`` and ``value``: ``(batch, S, heads, dim)``.
        bias: added to the scores, broadcast to ``(batch, heads, T, S)``.
        mask: true where a query sees a key, broadcast to the same.
        scale: ``1 / sqrt(dim)`` by default.
        is_causal: whether a query sees no later key.
        flash_attention: torch picks its kernel by itself, so this has no effect.
        attn_logits_soft_cap: for TPUs in Keras; not supported.
    """
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention has no attn_logits_soft_cap on torch; leave it None.")
    query, key, value = promoted(query, key, value, inexact=True)
    if any(one.ndim != 4 for one in (query, key, value)):
        raise ValueError("dot_product_attention takes tensors (batch, steps, heads, dim), and got shapes "
                         f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}.")  # fmt: skip
    added = None if bias is None else as_tensor(bias, query.dtype, query.device)
    seen = None if mask is None else tensors(query, mask)[1].to(torch.bool)
    if is_causal and (seen is not None or added is not None):
        causal = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
        seen, is_causal = causal if seen is None else seen & causal, False
    query = query.transpose(1, 2)  # (B, T, N, H) -> (B, N, T, H)
    if seen is not None:
        blind = ~seen.any(-1, keepdim=True)
        query, seen = looking(query, seen)
        added = seen if added is None else torch.where(blind, 0.0, added).masked_fill(~seen, float("-inf"))
    found = F.scaled_dot_product_attention(
        query, key.transpose(1, 2), value.transpose(1, 2), attn_mask=added, is_causal=is_causal, scale=scale,
    )  # fmt: skip
    return found.transpose(1, 2)


operations(globals())
