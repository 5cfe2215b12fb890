"""From a file into a weight: without a second copy of the numbers, however large they are.

A weight's numbers lie in memory as torch's kernels want them, in a file as Keras names the axes. Where both agree the file
is read straight into the weight; else a part at a time, small enough for the processor's cache, is read and turned.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from lamina.saving.hdf5 import Numbers

BLOCK = 2**18  # bytes of a part


def filler(numbers: Numbers, weight: torch.Tensor) -> Callable[[], None]:
    """What sets a weight to the numbers of a data set, which are looked at now and read then, unless they are packed: that
    they can be unpacked at all is found out now.

    Raises:
        ValueError: for numbers of another kind, naming the place in the file.
    """
    check_kind(np.empty(0, numbers.dtype), weight, numbers.where)
    if numbers.start is None:
        values = as_tensor(numbers.read(), weight, numbers.where)
        return lambda: set_to(weight, values)
    numbers.spend()
    return lambda: _fill(weight.detach(), numbers)


def as_tensor(values: np.ndarray, weight: torch.Tensor, where: str) -> torch.Tensor:
    """Numbers from a file for a weight; of another size, but not of another kind."""
    check_kind(values, weight, where)
    return torch.from_numpy(np.asarray(values, order="C"))


def check_kind(values: np.ndarray, weight: torch.Tensor, where: str) -> None:
    """Refuse integers for floats, truth values for integers, and the like."""
    value = torch.from_numpy(np.empty(0, values.dtype))
    kinds = [(one.is_complex(), one.is_floating_point(), one.dtype is torch.bool) for one in (value, weight)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"{where} holds {value.dtype}, and the model needs {weight.dtype}.".replace("torch.", ""))


def set_to(weight: torch.Tensor, value: torch.Tensor) -> None:
    """Copy numbers into a weight, in the order of its memory: torch turns matrices in blocks when it writes in a row."""
    with torch.no_grad():
        order = _order_of(weight)
        weight.permute(order).copy_(value.permute(order))


def _order_of(tensor: torch.Tensor) -> list[int]:
    """The axes in the order in which they lie in memory."""
    return sorted(range(tensor.ndim), key=lambda axis: (-tensor.stride(axis), axis))


def _fill(weight: torch.Tensor, numbers: Numbers) -> None:
    stored = torch.bfloat16 if numbers.is_bfloat16 else torch.from_numpy(np.empty(0, numbers.dtype)).dtype
    if weight.is_contiguous() and weight.device.type == "cpu" and weight.dtype is stored:
        numbers.read_into(_bytes_of(weight))
        torch.autograd.graph.increment_version(weight)
        return
    split = _split_of(weight)
    if split is None:
        whole = torch.empty(numbers.shape, dtype=stored)
        numbers.read_into(_bytes_of(whole))
        set_to(weight, whole)
    elif split == weight.ndim:
        _fill_in_order(weight.reshape(-1), numbers, stored)
    else:
        order = [*range(split, weight.ndim), *range(split)]
        rows, columns = math.prod(weight.shape[:split]), math.prod(weight.shape[split:])
        _fill_turned(weight.permute(order).reshape(columns, rows), numbers, stored)


def _fill_in_order(weight: torch.Tensor, numbers: Numbers, stored: torch.dtype) -> None:
    """Of another type or on a device."""
    part = torch.empty(min(len(weight), BLOCK // stored.itemsize), dtype=stored)
    for first in range(0, len(weight), len(part)):
        read = part[: len(weight) - first]
        numbers.read_into(_bytes_of(read), first * stored.itemsize)
        weight[first : first + len(read)].copy_(read)


def _fill_turned(weight: torch.Tensor, numbers: Numbers, stored: torch.dtype) -> None:
    """A matrix of which the file has the transpose."""
    columns, rows = weight.shape
    height = min(rows, max(1, BLOCK // (columns * stored.itemsize)))
    part = torch.empty((height, columns), dtype=stored)
    for first in range(0, rows, height):
        read = part[: rows - first]
        numbers.read_into(_bytes_of(read), first * columns * stored.itemsize)
        _put(weight[:, first : first + len(read)], _turned(read))


def _put(place: torch.Tensor, values: torch.Tensor) -> None:
    """Copy into a part of a weight. NumPy does it in this thread; torch has all its threads meet for each part, which takes
    long where other programs keep some of them waiting."""
    if place.dtype is values.dtype is torch.float32 and place.device.type == "cpu":
        np.copyto(place.numpy(), values.numpy())
        torch.autograd.graph.increment_version(place)
    else:
        place.copy_(values)


def _turned(matrix: torch.Tensor) -> torch.Tensor:
    """The transpose of a matrix that lies in a row, which lies in a row, too."""
    if matrix.dtype is not torch.float32:
        return matrix.t().contiguous()
    # It is what shuffling the channels of one pixel comes to, for which torch has a kernel: thrice as fast as its copies.
    rows, columns = matrix.shape
    pixel = matrix.as_strided((1, rows * columns, 1, 1), (rows * columns, 1, rows * columns, rows * columns))
    return torch.channel_shuffle(pixel, rows).view(columns, rows)


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _split_of(weight: torch.Tensor) -> int | None:
    """Where a weight's axes are cut in two, if its memory has the second part before the first; all axes, where it has
    them as they are named."""
    if weight.is_contiguous():
        return weight.ndim
    for split in range(1, weight.ndim):
        if weight.permute([*range(split, weight.ndim), *range(split)]).is_contiguous():
            return split
    return None
