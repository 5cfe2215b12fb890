"""Pictures from files and back: Pillow's images, and arrays of their numbers."""

from __future__ import annotations

import importlib
import io
import os
import types
import warnings
from typing import Any, Literal

import numpy as np
import torch

from lamina import config
from lamina.dialects import any_spelling
from lamina.dialects.data_habits import data_habits
from lamina.ops import image as image_ops

__all__ = ["array_to_img", "img_to_array", "list_pictures", "load_img", "save_img", "smart_resize"]

ColorMode = Literal["grayscale", "rgb", "rgba"]
# Keras 1's words for the axis orders of pictures.
_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}
# The modes of Pillow that are taken as they are.
_MODES = {"grayscale": ("L", "I;16", "I"), "rgb": ("RGB",), "rgba": ("RGBA",)}
_PICTURES = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")


def needed(module: str, what: str) -> types.ModuleType:
    """A module of Pillow or SciPy, which come with the extra ``image``."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        package = {"PIL": "Pillow", "scipy": "SciPy"}[module.partition(".")[0]]
        raise ImportError(f"{what} needs {package}: pip install 'lamina[image]'.") from None


def axis_order(data_format: str | None) -> str:
    """``"channels_last"`` or ``"channels_first"``, by default the program's."""
    data_format = _FORMATS.get(data_format, data_format) if data_format is not None else None
    data_format = config.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', and got {data_format!r}.")
    return data_format


@any_spelling("array_to_img")
def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """A picture of Pillow's from an array.

    Arguments:
        x: ``(height, width, channels)`` with 1, 3 or 4 channels, or ``(channels, height, width)``.
        data_format: ``"channels_last"`` or ``"channels_first"``, by default the program's.
        scale: whether the values are brought to the range from 0 to 255.
        dtype: the type that is computed in, ``floatx()`` by default.

    Raises:
        ValueError: for arrays of other shapes.

    Source: https://keras.io/api/data_loading/image/

    >>> array_to_img(np.zeros((2, 3, 1))).size
    (3, 2)
    """
    pillow = needed("PIL.Image", "array_to_img")
    x = np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x, dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"array_to_img takes the array of one picture, with three axes, and got the shape {x.shape}.")
    if axis_order(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        least = np.min(x)
        x = x + max(-least, 0) if data_habits().lifts_to_zero else x - least
        most = np.max(x)
        if most != 0:
            x = x / most
        x = x * 255
    channels = x.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"A picture has 1, 3 or 4 channels, and this array of shape {x.shape} has {channels}; "
                         "data_format says which axis they are on.")  # fmt: skip
    if channels == 1:
        x = x[:, :, 0]
    return pillow.fromarray(np.ascontiguousarray(x.astype("int32" if channels == 1 and np.max(x) > 255 else "uint8")))


@any_spelling("img_to_array")
def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """The numbers of a picture.

    Arguments:
        img: a picture of Pillow's, or an array of two or three axes.
        data_format: ``"channels_last"`` or ``"channels_first"``, by default the program's.
        dtype: the array's type, ``floatx()`` by default.

    Shape: ``(height, width, channels)`` or ``(channels, height, width)``.

    Raises:
        ValueError: for an unknown ``data_format``, or what is no picture.

    >>> img_to_array(array_to_img(np.ones((2, 3, 3)))).shape
    (2, 3, 3)
    """
    order = axis_order(data_format)
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array takes a picture, and got an array of shape {x.shape}.")
    if x.ndim == 2:
        return x[None] if order == "channels_first" else x[..., None]
    return x.transpose(2, 0, 1) if order == "channels_first" else x


@any_spelling("save_img")
def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Write the picture of an array to a file.

    Arguments:
        path: the file's name, or an open file.
        x, data_format, scale: as in :func:`array_to_img`.
        file_format: the kind of file; by default the ending of its name says it.
        kwargs: for Pillow's ``Image.save``.
    """
    img = array_to_img(x, data_format=axis_order(data_format), scale=scale)
    if img.mode == "RGBA" and file_format in ("jpg", "jpeg"):
        warnings.warn("A JPEG has no transparency: the picture is written without.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


@any_spelling("load_img")
def load_img(
    path: Any,
    color_mode: ColorMode = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    grayscale: bool = False,
) -> Any:
    """A picture of Pillow's from a file.

    Arguments:
        path: the file's name, or an ``io.BytesIO`` of what is in it.
        color_mode: ``"grayscale"``, ``"rgb"`` or ``"rgba"``.
        target_size: ``(height, width)`` to resize it to.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"hamming"``, ``"box"`` or ``"lanczos"``.
        keep_aspect_ratio: cut off what is too much at the longer sides, instead of distorting the picture.
        grayscale: ``color_mode="grayscale"``, as Keras 1 and 2 said it.

    Raises:
        ValueError: for an unknown color mode or interpolation.
        TypeError: for what is no path.
    """
    pillow = needed("PIL.Image", "load_img")
    color_mode = "grayscale" if grayscale else color_mode
    if color_mode not in _MODES:
        raise ValueError(f"color_mode must be 'grayscale', 'rgb' or 'rgba', and got {color_mode!r}.")
    if isinstance(path, io.BytesIO):
        img = pillow.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as file:
            img = pillow.open(io.BytesIO(file.read()))
    else:
        raise TypeError(f"load_img takes the path of a file or an io.BytesIO, and got {type(path).__name__}.")
    if img.mode not in _MODES[color_mode]:
        img = img.convert(_MODES[color_mode][0])
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    ways = {way.name.lower(): way for way in pillow.Resampling}
    if interpolation not in ways:
        raise ValueError(f"interpolation must be one of {', '.join(sorted(ways))}, and got {interpolation!r}.")
    box = _middle(img.size, (target_size[1], target_size[0])) if keep_aspect_ratio else None
    return img.resize((target_size[1], target_size[0]), ways[interpolation], box=box)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part in the middle of a picture that has the proportions of the target."""
    (width, height), (to_width, to_height) = size, target
    part_height = min(height, width * to_height // to_width)
    part_width = min(width, height * to_width // to_height)
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return left, top, left + part_width, top + part_height


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """A picture in another size, not distorted: what is too much at the longer sides is cut off first.

    Arguments:
        x: an array or a tensor, ``(height, width, channels)`` or a batch of these; the same kind comes back.
        size: ``(height, width)``.
        interpolation: as in ``lamina.ops.image.resize``.
        data_format: where the channels are.

    >>> smart_resize(np.zeros((340, 500, 3)), (200, 200)).shape
    (200, 200, 3)
    """
    if len(size) != 2:
        raise ValueError(f"smart_resize takes size=(height, width), and got {size!r}.")
    img = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x))
    if img.dim() not in (3, 4):
        raise ValueError(f"smart_resize takes a picture or a batch of them, and got the shape {tuple(img.shape)}.")
    rows, columns = (-3, -2) if axis_order(data_format) == "channels_last" else (-2, -1)
    height, width = img.shape[rows], img.shape[columns]
    part_height = min(height, int(float(width * size[0]) / size[1]))
    part_width = min(width, int(float(height * size[1]) / size[0]))
    img = img.narrow(rows, int((height - part_height) / 2), part_height)
    img = img.narrow(columns, int((width - part_width) / 2), part_width)
    img = image_ops.resize(img, tuple(size), interpolation=interpolation, data_format=data_format)
    return img if isinstance(x, torch.Tensor) else img.numpy()


def list_pictures(directory: str | os.PathLike[str], ext: str | tuple[str, ...] = _PICTURES) -> list[str]:
    """The paths of all files below a folder that are pictures by their endings; ``"jpg|png"``, as Keras 1 said it, too."""
    endings = tuple(f".{one}" for one in (ext.split("|") if isinstance(ext, str) else ext))
    return [os.path.join(root, name) for root, _, files in os.walk(directory) for name in files
            if name.lower().endswith(endings)]  # fmt: skip
