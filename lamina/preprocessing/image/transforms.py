"""Pictures turned, shifted, sheared, zoomed and made brighter, as arrays. Random numbers are NumPy's.

SciPy resamples, Pillow makes brighter, as in Keras: ``pip install 'lamina[image]'``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.dialects import any_spelling
from lamina.dialects.data_habits import data_habits
from lamina.preprocessing.image.pictures import array_to_img, img_to_array, needed

__all__ = [
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "flip_axis", "random_brightness",
    "random_channel_shift", "random_rotation", "random_shear", "random_shift", "random_zoom",
]  # fmt: skip


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """``x`` backwards along an axis.

    >>> flip_axis([[1, 2]], 1)
    array([[2, 1]])
    """
    return np.flip(np.asarray(x), axis)


@any_spelling("apply_affine_transform")
def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """A picture turned, shifted, sheared and zoomed about its middle, in this order.

    Arguments:
        x: three axes, of which the first or the last has the channels. (The axes' defaults are tf.keras's.)
        theta, shear: degrees.
        tx, ty: pixels.
        zx, zy: factors; above 1 the picture becomes smaller.
        fill_mode: what is beyond the border: ``"nearest"``, ``"constant"`` (``cval``), ``"reflect"`` or ``"wrap"``.
        order: of the splines between pixels; 0 takes the nearest one.

    Raises:
        ValueError: for what is no picture, or axes that are not its three.
    """
    return transformed(x, np.deg2rad(theta), (tx, ty), np.deg2rad(shear), (zx, zy), (row_axis, col_axis, channel_axis),
                        (fill_mode, cval, order))  # fmt: skip


def transformed(
    x: np.ndarray, theta: Any, shift: tuple[Any, Any], shear: Any, zoom: tuple[Any, Any], axes: tuple[int, int, int],
    filling: tuple[str, float, int],
) -> np.ndarray:  # fmt: skip
    """:func:`apply_affine_transform` in radians, with what goes together in tuples."""
    row_axis, col_axis, channel_axis = axes
    habits = data_habits()
    # Keras 2 took the axes as they came, and its own random_rotation gave it two that were the same.
    if x.ndim != 3 or (habits.axes is None and (sorted(axes) != [0, 1, 2] or channel_axis == 1)):
        raise ValueError("A picture to be transformed has three axes, of rows, columns and channels, the channels first or "
                         f"last; got the shape {x.shape} with row_axis={row_axis}, col_axis={col_axis}, "
                         f"channel_axis={channel_axis}.")  # fmt: skip
    parts = []
    if theta != 0:
        parts.append([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    if shift[0] != 0 or shift[1] != 0:
        parts.append([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    if shear != 0:
        parts.append([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    if zoom[0] != 1 or zoom[1] != 1:
        parts.append([[zoom[0], 0, 0], [0, zoom[1], 0], [0, 0, 1]])
    if not parts:
        return x
    matrix = np.array(parts[0])
    for part in parts[1:]:
        matrix = matrix @ np.array(part)
    middle = [size / 2 + habits.center for size in (x.shape[row_axis], x.shape[col_axis])]
    there = np.array([[1, 0, middle[0]], [0, 1, middle[1]], [0, 0, 1]])
    back = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    matrix = there @ matrix @ back
    if habits.swaps_axes and col_axis > row_axis:
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    return _resampled(x, matrix, channel_axis, filling)


def _resampled(x: np.ndarray, matrix: np.ndarray, channel_axis: int, filling: tuple[str, float, int]) -> np.ndarray:
    resample = needed("scipy.ndimage", "Transforming pictures").affine_transform
    mode, cval, order = filling
    channels = [resample(channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=mode, cval=cval)
                for channel in np.moveaxis(x, channel_axis, 0)]  # fmt: skip
    return np.stack(channels, channel_axis)


def _randomly(x: np.ndarray, axes: tuple[int, int, int], fill_mode: str, cval: float, order: int | None, *, theta: Any = 0,
              shift: tuple[Any, Any] = (0, 0), shear: Any = 0, zoom: tuple[Any, Any] = (1, 1)) -> np.ndarray:  # fmt: skip
    """What the functions below do, in the active dialect's way."""
    habits = data_habits()
    shear = shear if habits.shear_in_radians else np.deg2rad(shear)
    rows, columns = habits.axes or axes[:2]
    order = habits.interpolation if order is None else order
    return transformed(x, np.deg2rad(theta), shift, shear, zoom, (rows, columns, axes[2]), (fill_mode, cval, order))


def random_rotation(
    x: np.ndarray, rg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, interpolation_order: int | None = None,
) -> np.ndarray:  # fmt: skip
    """A picture turned by up to ``rg`` degrees, either way; the other arguments as in :func:`apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    return _randomly(x, (row_axis, col_axis, channel_axis), fill_mode, cval, interpolation_order, theta=theta)


def random_shift(
    x: np.ndarray, wrg: float, hrg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int | None = None,
) -> np.ndarray:  # fmt: skip
    """A picture shifted by up to ``wrg`` of its width and ``hrg`` of its height."""
    height, width = x.shape[row_axis], x.shape[col_axis]
    shift = (np.random.uniform(-hrg, hrg) * height, np.random.uniform(-wrg, wrg) * width)
    return _randomly(x, (row_axis, col_axis, channel_axis), fill_mode, cval, interpolation_order, shift=shift)


def random_shear(
    x: np.ndarray, intensity: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int | None = None,
) -> np.ndarray:  # fmt: skip
    """A picture sheared by up to ``intensity`` degrees (radians in Keras 1)."""
    shear = np.random.uniform(-intensity, intensity)
    return _randomly(x, (row_axis, col_axis, channel_axis), fill_mode, cval, interpolation_order, shear=shear)


def random_zoom(
    x: np.ndarray, zoom_range: tuple[float, float], row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int | None = None,
) -> np.ndarray:  # fmt: skip
    """A picture zoomed by two factors from ``zoom_range``, one for each side.

    Raises:
        ValueError: when ``zoom_range`` is not two numbers.
    """
    least, most = _two("zoom_range", zoom_range)
    zoom = (1, 1) if least == most == 1 else tuple(np.random.uniform(least, most, 2))
    return _randomly(x, (row_axis, col_axis, channel_axis), fill_mode, cval, interpolation_order, zoom=zoom)


def _two(name: str, given: Any) -> tuple[float, float]:
    if np.ndim(given) != 1 or len(given) != 2:
        raise ValueError(f"{name} must be two numbers, the least and the largest, and got {given!r}.")
    return given[0], given[1]


def apply_channel_shift(x: np.ndarray, intensity: Any, channel_axis: int = 0) -> np.ndarray:
    """A picture with ``intensity`` added, within the range that it had; several numbers: one for each channel."""
    least, most = np.min(x), np.max(x)
    if not np.ndim(intensity):
        return np.clip(x + intensity, least, most)
    channels = zip(np.moveaxis(x, channel_axis, 0), intensity, strict=True)
    return np.stack([np.clip(channel + float(one), least, most) for channel, one in channels], channel_axis)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """A picture with a random number added, from ``-intensity_range`` to ``intensity_range``; in Keras 1 one a channel."""
    count = x.shape[channel_axis] if data_habits().shifts_channels_apart else None
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range, count), channel_axis)


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """A picture made brighter (above 1) or darker, by way of whole numbers from 0 to 255.

    Arguments:
        x: the axes are in the program's order.
        brightness: the factor.
        scale: whether the values are brought to the range from 0 to 255 first. Without it that is done only to values outside
            of it, and undone afterwards.
    """
    enhance = needed("PIL.ImageEnhance", "Changing the brightness of pictures")
    least, most = np.min(x), np.max(x)
    beyond = least < 0 or most > 255
    bright = img_to_array(enhance.Brightness(array_to_img(x, scale=bool(beyond or scale))).enhance(brightness))
    return bright / 255 * (most - least) + least if beyond and not scale else bright


def random_brightness(x: np.ndarray, brightness_range: tuple[float, float], scale: bool = True) -> np.ndarray:
    """:func:`apply_brightness_shift` by a factor from ``brightness_range``.

    Raises:
        ValueError: when ``brightness_range`` is not two numbers.
    """
    return apply_brightness_shift(x, np.random.uniform(*_two("brightness_range", brightness_range)), scale)
