"""Numbers between the points of a grid: interpolation at coordinates, and along axes by matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from lamina.layers.resizing import cubic, lanczos
from lamina.ops._tensors import as_inexact, as_tensor, axes_of, is_inexact, operations, recorded, tensors

# Where a place beyond the ends of an axis is read, as (place, size).
_FILLS: dict[str, Callable[[Any, int], Any]] = {
    "constant": lambda place, size: place.clamp(0, size - 1),
    "nearest": lambda place, size: place.clamp(0, size - 1),
    "wrap": lambda place, size: place % size,
    "mirror": lambda place, size: _mirrored(place, 2 * max(size - 1, 1), size, 0),
    "reflect": lambda place, size: _mirrored(place, 2 * size, size, 1),
}


def _mirrored(place: Any, period: int, size: int, shift: int) -> Any:
    place = place % period
    return torch.where(place > size - 1, period - shift - place, place)


@recorded
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Any:
    """``inputs`` at coordinates that need not be whole.

    Arguments:
        coordinates: ``(axes of inputs, *places)``.
        order: 0 takes the nearest point, 1 goes straight from point to point.
        fill_mode: what is beyond the ends: ``"constant"`` (``fill_value``), ``"nearest"``, ``"wrap"``, ``"mirror"``
            (about the last point) or ``"reflect"`` (after it).
    """
    inputs, coordinates = tensors(inputs, coordinates)
    if len(coordinates) != inputs.ndim:
        raise ValueError(
            f"map_coordinates takes a coordinate for each of {inputs.ndim} axes, and got {len(coordinates)}."
        )
    if order not in (0, 1):
        raise ValueError(f"map_coordinates takes order 0 or 1, and got {order!r}.")
    if fill_mode not in _FILLS:
        raise ValueError(f"fill_mode must be one of {', '.join(_FILLS)}, and got {fill_mode!r}.")
    work = as_inexact(inputs)
    found = _interpolated(work, coordinates.to(work.dtype), order, fill_mode, fill_value)
    if is_inexact(inputs.dtype):
        return found
    return (found if order == 0 else torch.round(found)).to(inputs.dtype)


def _interpolated(x: Any, coordinates: Any, order: int, fill_mode: str, fill_value: float) -> Any:
    sides: list[list[tuple[Any, Any]]] = []  # for each axis: (place, weight) of the points around
    for coordinate in coordinates:
        if order == 0:
            sides.append([(torch.round(coordinate).to(torch.int64), torch.ones_like(coordinate))])
        else:
            low = torch.floor(coordinate)
            share = coordinate - low
            sides.append([(low.to(torch.int64), 1 - share), (low.to(torch.int64) + 1, share)])
    total = torch.zeros_like(coordinates[0])
    for corner in itertools.product(*sides):
        index = tuple(_FILLS[fill_mode](place, size) for (place, _), size in zip(corner, x.shape, strict=True))
        values = x[index]
        if fill_mode == "constant":
            for (place, _), size in zip(corner, x.shape, strict=True):
                values = torch.where((place >= 0) & (place < size), values, fill_value)
        for _, weight in corner:
            values = values * weight
        total = total + values
    return total


# ---- along axes ----------------------------------------------------------------------------------------------------


def _triangle(x: torch.Tensor) -> torch.Tensor:
    return torch.clamp(1 - x.abs(), min=0)


_KERNELS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), cubic),
    "lanczos3": lanczos(3),
    "lanczos5": lanczos(5),
}


@recorded
def scale_and_translate(
    images: Any, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, method: str, antialias: bool = True
) -> Any:
    """``images`` resampled so that what stood at ``x`` stands at ``x * scale + translation``; 0 where nothing stood.

    Arguments:
        output_shape: all sizes of the result.
        scale, translation: a number for each of ``spatial_dims``. Points are half a step from the edges.
        method: ``"linear"``, ``"cubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        antialias: whether the kernel widens where the scale is below 1.
    """
    images, scale, translation = tensors(images, scale, translation)
    if method not in _KERNELS:
        raise ValueError(f"scale_and_translate takes one of the methods {', '.join(_KERNELS)}, and got {method!r}.")
    result = as_inexact(images)
    for number, axis in enumerate(axes_of(images, tuple(spatial_dims))):
        place = scale[number].to(result.dtype), translation[number].to(result.dtype)
        weights = resampling(result.shape[axis], output_shape[axis], *place, _KERNELS[method], antialias, result)
        result = torch.movedim(torch.tensordot(result, weights, dims=[[axis], [0]]), -1, axis)  # pyright: ignore[reportArgumentType]
    return result


def resampling(
    size: int, length: int, scale: Any, translation: Any, kernel: Callable[..., Any], antialias: bool, like: Any
) -> Any:
    """What each of ``size`` inputs gives to each of ``length`` outputs, ``(size, length)``."""
    kind = {"dtype": like.dtype, "device": like.device}
    places = (torch.arange(length, **kind) + 0.5 - translation) / scale - 0.5
    width = torch.clamp(torch.reciprocal(as_tensor(scale, like.dtype)), min=1) if antialias else 1
    weights = kernel((places - torch.arange(size, **kind).unsqueeze(1)) / width)
    total = weights.sum(0, keepdim=True)
    weights = torch.where(
        total.abs() > 1000 * torch.finfo(like.dtype).eps, weights / torch.where(total == 0, 1, total), 0
    )
    return torch.where((places >= -0.5) & (places <= size - 0.5), weights, 0)


def lanczos_resized(x: Any, size: tuple[int, int], method: str, antialias: bool) -> Any:
    """``(B, C, H, W)`` in another size."""
    for axis, length in zip((2, 3), size, strict=True):
        scale = torch.tensor(length / x.shape[axis], dtype=x.dtype)
        weights = resampling(x.shape[axis], length, scale, 0.0, _KERNELS[method], antialias, x)
        x = torch.movedim(torch.tensordot(x, weights, dims=[[axis], [0]]), -1, axis)  # pyright: ignore[reportArgumentType]
    return x


operations(globals(), apart="resampling lanczos_resized")
