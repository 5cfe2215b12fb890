"""Keras's ``ops.image``: images ``(batch, height, width, channels)``, or one without a batch, in either data format."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from lamina import random
from lamina.config import standardize_data_format
from lamina.ops._sampling import _interpolated, lanczos_resized, map_coordinates, scale_and_translate
from lamina.ops._tensors import as_inexact, as_tensor, is_inexact, operations, promoted, recorded, tensors
from lamina.ops._windows import _convolve, _each

__all__ = [
    "affine_transform", "crop_images", "elastic_transform", "extract_patches", "extract_patches_3d", "gaussian_blur",
    "hsv_to_rgb", "map_coordinates", "pad_images", "perspective_transform", "resize", "rgb_to_grayscale", "rgb_to_hsv",
    "scale_and_translate", "sobel_edges", "ssim",
]  # fmt: skip


def _planes(images: Any, data_format: str | None, name: str) -> tuple[Any, Callable[[Any], Any]]:
    """Images as ``(B, C, H, W)``, and how to bring a result back to the axes they came in."""
    images = as_tensor(images)
    last = standardize_data_format(data_format) == "channels_last"
    if images.ndim not in (3, 4):
        raise ValueError(f"{name} takes images with 3 axes, or 4 with a batch, and got shape {tuple(images.shape)}.")
    single = images.ndim == 3
    x = images.unsqueeze(0) if single else images

    def back(y: Any) -> Any:
        y = y.permute(0, 2, 3, 1) if last else y
        return y.squeeze(0) if single else y

    return (x.permute(0, 3, 1, 2) if last else x), back


# ---- sizes ---------------------------------------------------------------------------------------------------------

_MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic"}


@recorded
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images in another size, ``(height, width)``.

    Arguments:
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos3"`` or ``"lanczos5"``.
        antialias: whether each new point averages over all old ones in its place, where the size falls.
        crop_to_aspect_ratio: cut off what is too wide or high, so that nothing is distorted.
        pad_to_aspect_ratio: put ``fill_value`` around instead.
        fill_mode: only ``"constant"``.
    """
    if interpolation not in (*_MODES, "lanczos3", "lanczos5"):
        raise ValueError(f"resize takes the interpolation nearest, bilinear, bicubic, lanczos3 or lanczos5, and got "
                         f"{interpolation!r}.")  # fmt: skip
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize takes crop_to_aspect_ratio or pad_to_aspect_ratio, and got both.")
    if fill_mode != "constant":
        raise ValueError(f"resize takes fill_mode='constant' only, and got {fill_mode!r}.")
    height, width = _each(size, 2, "size")
    images = as_tensor(images)
    x, back = _planes(images, data_format, "resize")
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        x = _with_ratio(x, height, width, crop_to_aspect_ratio, fill_value)
    work = as_inexact(x)
    if interpolation in _MODES:
        mode = _MODES[interpolation]
        found = F.interpolate(work, (height, width), mode=mode, antialias=antialias and interpolation != "nearest")
    else:
        found = lanczos_resized(work, (height, width), interpolation, antialias)
    return back(found if is_inexact(images.dtype) else _as_whole(found, images.dtype))


def _as_whole(x: Any, dtype: torch.dtype) -> Any:
    limits = torch.iinfo(dtype)
    return torch.round(x).clamp(limits.min, limits.max).to(dtype)


def _with_ratio(x: Any, height: int, width: int, crop: bool, fill_value: float) -> Any:
    """``x`` cut or padded around its middle to the ratio of ``height`` and ``width``."""
    rows, columns = x.shape[2:]
    pick = min if crop else max
    new_rows, new_columns = pick(rows, int(columns * height / width)), pick(columns, int(rows * width / height))
    top, left = (new_rows - rows) // 2 if not crop else 0, (new_columns - columns) // 2 if not crop else 0
    if crop:
        start_row, start_column = (rows - new_rows) // 2, (columns - new_columns) // 2
        return x[:, :, start_row : start_row + new_rows, start_column : start_column + new_columns]
    sides = [left, new_columns - columns - left, top, new_rows - rows - top]
    return F.pad(x, sides, value=fill_value)


def _sides(name: str, size: int, before: Any, after: Any, target: Any, grow: bool) -> tuple[int, int]:
    """What to add (or cut) before and after an axis, two of three numbers being given."""
    if sum(one is None for one in (before, after, target)) != 1:
        raise ValueError(f"{name} takes two of three for each axis: before, after and the target size.")
    change = None if target is None else (target - size if grow else size - target)
    before = change - after if before is None else before
    after = change - before if after is None else after
    if before < 0 or after < 0:
        raise ValueError(f"{name} can't make {size} into {target}: it would take {before} before and {after} after.")
    return before, after


@recorded
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images with zeros around; of top, bottom and target height two are given, and so for the width."""
    x, back = _planes(images, data_format, "pad_images")
    rows = _sides("pad_images", x.shape[2], top_padding, bottom_padding, target_height, grow=True)
    columns = _sides("pad_images", x.shape[3], left_padding, right_padding, target_width, grow=True)
    return back(F.pad(x, (*columns, *rows)))


@recorded
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images with rows and columns cut off; of top, bottom and target height two are given, and so for the width."""
    x, back = _planes(images, data_format, "crop_images")
    top, bottom = _sides("crop_images", x.shape[2], top_cropping, bottom_cropping, target_height, grow=False)
    left, right = _sides("crop_images", x.shape[3], left_cropping, right_cropping, target_width, grow=False)
    return back(x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right])


def _patches(x: Any, size: Any, strides: Any, dilation: Any, padding: str) -> Any:
    """``(B, C, *S) -> (B, window * C, *s)``, by a convolution with kernels that pick one element each."""
    rank = x.ndim - 2
    size, dilation = _each(size, rank, "size"), _each(dilation, rank, "dilation_rate")
    strides = size if strides is None else _each(strides, rank, "strides")
    window = 1
    for length in size:
        window *= length
    picks = torch.eye(window, dtype=x.dtype, device=x.device).reshape(window, 1, *size)
    kernel = picks.repeat(x.shape[1], 1, *[1] * rank)  # one channel after another, each with all places
    found = _convolve(x, kernel, strides, padding, dilation, x.shape[1])  # (B, C * window, *s)
    return found.unflatten(1, (x.shape[1], window)).transpose(1, 2).flatten(1, 2)


@recorded
def extract_patches(
    images: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The windows of images, each in a row along the channels: ``(B, H, W, C) -> (B, h, w, window * C)``."""
    if not isinstance(size, int) and len(size) == 3:
        return extract_patches_3d(images, size, strides, dilation_rate, padding, data_format)
    images = as_tensor(images)
    x, back = _planes(as_inexact(images), data_format, "extract_patches")
    return back(_patches(x, size, strides, dilation_rate, padding).to(images.dtype))


@recorded
def extract_patches_3d(
    volumes: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The windows of volumes, each in a row along the channels: ``(B, D, H, W, C) -> (B, d, h, w, window * C)``."""
    volumes = as_tensor(volumes)
    last = standardize_data_format(data_format) == "channels_last"
    if volumes.ndim not in (4, 5):
        raise ValueError(f"extract_patches_3d takes volumes with 4 axes, or 5 with a batch, and got shape "
                         f"{tuple(volumes.shape)}.")  # fmt: skip
    x = as_inexact(volumes if volumes.ndim == 5 else volumes.unsqueeze(0))
    found = _patches(x.movedim(-1, 1) if last else x, size, strides, dilation_rate, padding).to(volumes.dtype)
    found = found.movedim(1, -1) if last else found
    return found if volumes.ndim == 5 else found.squeeze(0)


# ---- colours -------------------------------------------------------------------------------------------------------


def _channel_axis(images: Any, data_format: str | None, name: str) -> tuple[Any, int]:
    images = as_tensor(images)
    axis = -1 if standardize_data_format(data_format) == "channels_last" else -3
    if len(images.shape) not in (3, 4) or images.shape[axis] != 3:
        raise ValueError(f"{name} takes images with 3 colours, and got shape {tuple(images.shape)}.")
    return images, axis


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """``0.2989 red + 0.587 green + 0.114 blue``, as one channel."""
    images, axis = _channel_axis(images, data_format, "rgb_to_grayscale")
    red, green, blue = torch.unbind(as_inexact(images), dim=axis)
    gray = torch.unsqueeze(0.2989 * red + 0.587 * green + 0.114 * blue, axis)
    return gray if is_inexact(images.dtype) else gray.to(images.dtype)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue as hue, saturation and value, all from 0 to 1."""
    images, axis = _channel_axis(images, data_format, "rgb_to_hsv")
    _refuse_whole(images, "rgb_to_hsv")
    red, green, blue = torch.unbind(images, dim=axis)
    value, least = torch.amax(images, axis), torch.amin(images, axis)
    spread = value - least
    grey, black = torch.eq(spread, 0), torch.eq(value, 0)
    safe = torch.where(grey, 1, spread)
    from_red, from_green, from_blue = (green - blue) / safe, (blue - red) / safe + 2, (red - green) / safe + 4
    hue = torch.where(torch.eq(value, red), from_red, torch.where(torch.eq(value, green), from_green, from_blue))
    hue = torch.remainder(torch.where(grey, 0, hue) / 6, 1.0)
    saturation = torch.where(black, 0, spread / torch.where(black, 1, value))
    return torch.stack([hue, saturation, value], dim=axis)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """The inverse of :func:`rgb_to_hsv`."""
    images, axis = _channel_axis(images, data_format, "hsv_to_rgb")
    _refuse_whole(images, "hsv_to_rgb")
    hue, saturation, value = torch.unbind(images, dim=axis)
    sixth = hue * 6

    def channel(shift: int) -> Any:
        place = torch.remainder(sixth + shift, 6)
        return value - value * saturation * torch.clamp(torch.minimum(place, 4 - place), 0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], dim=axis)


def _refuse_whole(images: Any, name: str) -> None:
    if not is_inexact(images.dtype):
        raise ValueError(f"{name} takes fractions from 0 to 1, and got {str(images.dtype).removeprefix('torch.')}.")


# ---- filters -------------------------------------------------------------------------------------------------------


def _gaussian(length: int, sigma: float, like: Any) -> Any:
    places = torch.arange(length, dtype=like.dtype, device=like.device) - (length - 1) / 2
    weights = torch.exp(-0.5 * torch.square(places / sigma))
    return weights / weights.sum()


def _filtered(x: Any, rows: Any, columns: Any, padding: str) -> Any:
    """Each channel convolved with the product of two rows of weights."""
    kernel = torch.outer(rows, columns).expand(x.shape[1], 1, -1, -1)
    return _convolve(x, kernel, 1, padding, 1, x.shape[1])


@recorded
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Each point as an average of those around it, with the weights ``exp(-distance ** 2 / (2 sigma ** 2))``.

    Arguments:
        kernel_size, sigma: a number along the width and one along the height (Keras's page has them the other way
            round, its numbers don't); zeros stand around the image.
    """
    x, back = _planes(as_inexact(images), data_format, "gaussian_blur")
    columns, rows = (_gaussian(length, float(width), x) for length, width in zip(kernel_size, sigma, strict=True))
    return back(_filtered(x, rows, columns, "same"))


@recorded
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """The slopes down and to the right, along a new last axis of 2; zeros stand around the images."""
    images = as_tensor(images)
    if images.ndim != 4:
        raise ValueError(f"sobel_edges takes images with a batch, 4 axes, and got shape {tuple(images.shape)}.")
    x, back = _planes(as_inexact(images), data_format, "sobel_edges")
    smooth = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device)
    slope = torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype, device=x.device)
    both = [back(_filtered(x, *pair, "same")) for pair in ((slope, smooth), (smooth, slope))]
    return torch.stack(both, dim=-1)


@recorded
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """The structural similarity of two images, 1 where they are equal: https://doi.org/10.1109/TIP.2003.819861

    Arguments:
        filter_size, filter_sigma: of the Gaussian window that means and variances are taken in.
        k1, k2: shares of ``max_val`` that keep the divisions stable.
    """
    image1, image2 = promoted(image1, image2, inexact=True)
    if image1.shape != image2.shape:
        raise ValueError(f"ssim takes images of one shape, and got {tuple(image1.shape)} and {tuple(image2.shape)}.")
    x, _ = _planes(image1, data_format, "ssim")
    y, _ = _planes(image2, data_format, "ssim")
    window = _gaussian(filter_size, filter_sigma, x)
    mean = functools.partial(_filtered, rows=window, columns=window, padding="valid")
    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    likeness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    values = (likeness * (2 * cov + c2) / (var_x + var_y + c2)).mean((1, 2, 3))
    return values if image1.ndim == 4 else values.squeeze(0)


# ---- transformations -----------------------------------------------------------------------------------------------


def _check_interpolation(name: str, interpolation: str) -> int:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"{name} takes the interpolation 'nearest' or 'bilinear', and got {interpolation!r}.")
    return int(interpolation == "bilinear")


def _sampled(x: Any, rows: Any, columns: Any, order: int, fill_mode: str, fill_value: float) -> Any:
    """``(B, C, H, W)`` at coordinates ``(B, h, w)``."""
    per_image = [
        torch.stack([_interpolated(plane, (row, column), order, fill_mode, fill_value) for plane in image])
        for image, row, column in zip(x, rows, columns, strict=True)
    ]
    return torch.stack(per_image)


def _grid(x: Any) -> tuple[Any, Any]:
    rows, columns = (torch.arange(size, dtype=x.dtype, device=x.device) for size in x.shape[2:])
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    return row, column


@recorded
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images whose point ``(x, y)`` is what stood at ``(a0 x + a1 y + a2, b0 x + b1 y + b2)``.

    Arguments:
        transform: ``(a0, a1, a2, b0, b1, b2, c0, c1)``, for all images or one row for each; ``c0, c1`` count nothing.
        fill_mode: beyond the edges: ``"constant"`` (``fill_value``), ``"nearest"``, ``"wrap"`` or ``"reflect"``.
    """
    order = _check_interpolation("affine_transform", interpolation)
    images, transform = tensors(images, transform)
    x, back = _planes(as_inexact(images), data_format, "affine_transform")
    a = transform.to(x.dtype).reshape(-1, 8).expand(x.shape[0], 8).unsqueeze(-1).unsqueeze(-1)
    row, column = _grid(x)
    rows = a[:, 3] * column + a[:, 4] * row + a[:, 5]
    columns = a[:, 0] * column + a[:, 1] * row + a[:, 2]
    return back(_sampled(x, rows, columns, order, fill_mode, fill_value)).to(images.dtype)


@recorded
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images seen from elsewhere: what stood at four points ``start_points`` stands at ``end_points``.

    Arguments:
        start_points, end_points: ``(4, 2)``, or ``(batch, 4, 2)``, as ``(x, y)``.
    """
    order = _check_interpolation("perspective_transform", interpolation)
    images, start, end = tensors(images, start_points, end_points)
    x, back = _planes(as_inexact(images), data_format, "perspective_transform")
    start, end = (one.to(x.dtype).reshape(-1, 4, 2).expand(x.shape[0], 4, 2) for one in (start, end))
    a = _homography(end, start).unsqueeze(-1).unsqueeze(-1)
    row, column = _grid(x)
    scale = a[:, 6] * column + a[:, 7] * row + 1
    columns = (a[:, 0] * column + a[:, 1] * row + a[:, 2]) / scale
    rows = (a[:, 3] * column + a[:, 4] * row + a[:, 5]) / scale
    return back(_sampled(x, rows, columns, order, "constant", fill_value)).to(images.dtype)


def _homography(source: Any, target: Any) -> Any:
    """The eight numbers that take each of four points to another, ``(B, 8)``."""
    x, y = source.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    u, v = target.unbind(-1)
    first = torch.stack([x, y, one, zero, zero, zero, -x * u, -y * u], -1)
    second = torch.stack([zero, zero, zero, x, y, one, -x * v, -y * v], -1)
    return torch.linalg.solve(torch.cat([first, second], 1), torch.cat([u, v], 1))


@recorded
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images whose points are moved at random, those near each other alike.

    Arguments:
        alpha: how far; ``sigma``: how wide the Gaussian is that smooths the moves.
        seed: an integer or a ``SeedGenerator``.
    """
    order = _check_interpolation("elastic_transform", interpolation)
    images = as_tensor(images)
    x, back = _planes(as_inexact(images), data_format, "elastic_transform")
    moves = random.normal((2, x.shape[0], *x.shape[2:]), seed=seed, device=x.device).to(x.dtype)
    window = _gaussian(int(6 * sigma) | 1, float(sigma), x)
    down, right = (_filtered(move.unsqueeze(1), window, window, "same").squeeze(1) * alpha for move in moves)
    row, column = _grid(x)
    return back(_sampled(x, row + down, column + right, order, fill_mode, fill_value)).to(images.dtype)


operations(globals())
