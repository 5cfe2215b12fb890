"""torch's convolutions, kept away from where they fail.

torch 2.13's oneDNN, which computes them on a CPU, has faults for some windows, whatever the data:

- a window of one point, moved by more than one: its gradient is written beyond the memory. :func:`told` moves by steps
  what goes in, and :func:`spread` what comes out of the transposed one.
- a window of one point along an axis, with a dilation along it: gradients in bfloat16 are of what lay in the memory before.
- one channel in a group, and steps longer than one along the last axis but not along the one before (:func:`mixes_rows`):
  where the window has one place along the last axis, the rows are mixed up. Only in channels-last memory.
- a window of three axes that reaches over more than the data of bfloat16, which torch is to pad: gradients of the weights
  are of what lay in the memory before (:func:`pads_itself`).
- in bfloat16, the gradient of the kernel is in part of what lay in the memory before, where a window is dilated along an axis
  before the last, or wider than padded inputs along the last one (:func:`loses_numbers`); float32 is right.

Where an axis has size 1, its stride says nothing of the memory, but torch's kernels look at it all the same, and refuse or
confuse orders. :func:`in_order` copies a tensor so that all strides agree.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

Sizes = tuple[int, ...]
CONVOLUTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def told(kernel_size: Sizes, strides: Sizes, dilation: Sizes) -> tuple[Any, Sizes, Sizes]:
    """What torch is told of a window: which of the inputs' points it moves over (an index, or ``None`` for all of them),
    strides and dilation.

    >>> told((3, 1), (2, 1), (1, 2)), told((1,), (2,), (1,))
    ((None, (2, 1), (1, 1)), ((Ellipsis, slice(None, None, 2)), (1,), (1,)))
    """
    dilation = tuple(rate if size > 1 else 1 for size, rate in zip(kernel_size, dilation, strict=True))
    if max(kernel_size) > 1 or max(strides) == 1:
        return None, strides, dilation
    return (..., *(slice(None, None, stride) for stride in strides)), (1,) * len(strides), dilation


def mixes_rows(strides: Sizes, channels: int) -> bool:
    """Whether torch's channels-last kernel may mix rows up; ``channels`` are those of a group that are summed up: of the
    inputs, or of a transposed convolution's outputs."""
    return channels == 1 and len(strides) > 1 and strides[-1] > 1 and strides[-2] == 1


def pads_itself(x: torch.Tensor, extent: Sizes) -> bool:
    """Whether torch's convolution is to pad ``(B, C, *S)`` by itself for windows that reach over ``extent``."""
    if len(extent) < 3 or not x.is_cpu or not (x.dtype is torch.bfloat16 or torch.is_autocast_enabled("cpu")):
        return True
    return all(size >= window for size, window in zip(x.shape[2:], extent, strict=True))


def loses_numbers(x: torch.Tensor, extent: Sizes, dilation: Sizes, padded: bool) -> bool:
    """Whether the gradient of the kernel is wrong in the inputs' type. ``extent``: how far a window reaches on each axis."""
    return (
        x.dtype is torch.bfloat16
        and x.is_cpu
        and torch.is_grad_enabled()
        and (max(dilation[:-1], default=1) > 1 or (padded and x.shape[-1] <= extent[-1]))
    )


def in_order(x: torch.Tensor, channels_last: bool = False) -> torch.Tensor:
    """A copy of ``(B, C, *S)`` whose strides are those of the order of axes, or of channels-last memory, size 1 or not."""
    layout = _LAST.get(x.dim()) if channels_last else None
    return x.clone(memory_format=layout or torch.contiguous_format)


def spread(x: torch.Tensor, strides: Sizes, bias: torch.Tensor | None) -> torch.Tensor:
    """``(B, C, *S)`` with zeros after each point, up to the next stride, plus a bias: a transposed convolution of one point."""
    x = x.movedim(1, -1)
    for axis in reversed(range(len(strides))):
        x = x.unsqueeze(axis + 2)  # (B, *S, C) -> (B, s, 1, ..., s, 1, C)
    x = F.pad(x, [0, 0, *(side for stride in reversed(strides) for side in (0, stride - 1, 0, 0))])
    for axis in range(len(strides)):
        x = x.flatten(axis + 1, axis + 2)
    return (x if bias is None else x + bias).movedim(-1, 1)


def convolve(x: Any, kernel: Any, strides: Sizes, padding: Any, dilation: Sizes, groups: int) -> Any:
    """Cross-correlation of ``(B, C, *S)`` with a kernel ``(filters, C / groups, *K)``, whose memory is in any order."""
    points, strides, dilation = told(tuple(kernel.shape[2:]), strides, dilation)
    apart = mixes_rows(strides, kernel.shape[1])
    if points is not None or apart:
        x = in_order(x if points is None else x[points], not apart)
    return CONVOLUTIONS[len(strides)](x, in_order(kernel, not apart), None, strides, padding, dilation, groups)


def convolve_transposed(x: Any, kernel: Any, strides: Sizes, dilation: Sizes) -> Any:
    """The whole transposed convolution of ``(B, C, *S)`` with a kernel ``(C, filters, *K)``, whose memory is in any order."""
    points, steps, dilation = told(tuple(kernel.shape[2:]), strides, dilation)
    apart = mixes_rows(steps, kernel.shape[1])
    x = in_order(x) if apart else x
    y = TRANSPOSED[len(strides)](x, in_order(kernel, not apart), None, steps, 0, 0, 1, dilation)
    if points is None:
        return y
    y = spread(y, strides, None)
    return y[(..., *(slice(None, 1 - stride or None) for stride in strides))]
