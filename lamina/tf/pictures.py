"""``tf.image``: pictures, and batches of them, as ``(rows, columns, channels)``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from lamina import ops
from lamina.dtypes import as_dtype
from lamina.ops._tensors import recorded
from lamina.tf.arrays import cast
from lamina.tf.networks import _padding
from lamina.tf.table import TABLE, as_before, number, shape_of, tensor, together, word

# ---- size ----------------------------------------------------------------------------------------------------------


class ResizeMethod:
    """The names of methods."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = "bilinear", "nearest", "bicubic", "area"
    LANCZOS3, LANCZOS5, GAUSSIAN, MITCHELLCUBIC = "lanczos3", "lanczos5", "gaussian", "mitchellcubic"


class ResizeMethodOfTF1:
    """The numbers of methods, as TensorFlow 1 has them."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = 0, 1, 2, 3


TABLE |= {"image.ResizeMethod": ResizeMethod, "compat.v1.image.ResizeMethod": ResizeMethodOfTF1}
_NUMBERED = ("bilinear", "nearest", "bicubic", "area")


def _fitting(rows: Any, columns: Any, size: Any) -> tuple[int, int]:
    """The size of a picture that keeps its form within ``size``."""
    scale = min(size[0] / rows, size[1] / columns)
    return round(rows * scale), round(columns * scale)


@word("image.resize")
def resize(images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False,
           antialias: bool = False) -> Any:  # fmt: skip
    """In another size, as floats but for the nearest pixels."""
    return _resize(images, size, method, preserve_aspect_ratio, antialias, "centers")


@word("compat.v1.image.resize", "compat.v1.image.resize_images", "image.resize_images")
def resize_images(
    images: Any, size: Any, method: Any = 0, align_corners: bool = False, preserve_aspect_ratio: bool = False
) -> Any:
    """:func:`resize` as TensorFlow 1 did it: the corner of a pixel, not its middle, is where it is."""
    return _resize(images, size, method, preserve_aspect_ratio, False, "ends" if align_corners else "corners")


def _one_method(name: str, method: str) -> None:
    def resize_by(images: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
        """:func:`resize_images` by one method."""
        places = "centers" if half_pixel_centers else "ends" if align_corners else "corners"
        return _resize(images, size, method, False, False, places)

    word(f"compat.v1.image.{name}")(resize_by)


for _name, _method in (("resize_bilinear", "bilinear"), ("resize_nearest_neighbor", "nearest"), ("resize_bicubic", "bicubic"),
                       ("resize_area", "area")):  # fmt: skip
    _one_method(_name, _method)


def _resize(images: Any, size: Any, method: Any, keep_form: bool, antialias: bool, places: str) -> Any:
    x, wanted = tensor(images), shape_of(size)
    method = _NUMBERED[method] if isinstance(method, int) else str(method).lower()
    if method not in _NUMBERED:
        raise ValueError(f"tf.image.resize knows the methods {', '.join(_NUMBERED)} here, and got {method!r}.")
    if antialias and (method not in ("bilinear", "bicubic") or places != "centers"):
        raise ValueError("tf.image.resize knows antialias=True for 'bilinear' and 'bicubic' here.")
    if keep_form:
        wanted = _fitting(x.shape[-3], x.shape[-2], wanted)
    if method == "bilinear" and places == "centers" and antialias is False and len(x.shape) == 4:
        found = ops.image.resize(ops.cast(x, "float32"), wanted, interpolation="bilinear", data_format="channels_last")
    else:
        found = _resized(x, (int(wanted[0]), int(wanted[1])), method, antialias, places)
    return as_before(x, found) if method == "nearest" else found


@recorded
def _resized(x: Any, size: tuple[int, int], method: str, antialias: bool, places: str) -> Any:
    single = x.dim() == 3
    x = x[None] if single else x
    if method != "nearest":
        x = x.float() if not x.dtype.is_floating_point or x.dtype is torch.float16 else x
    if method == "area":
        found = F.interpolate(x.movedim(-1, 1), size, mode="area").movedim(1, -1)
    elif method == "bicubic" or antialias:
        found = _weighted(x, size, method, antialias, places)
    else:
        found = x
        for axis in (1, 2):
            found = _along(found, axis, size[axis - 1], method, places)
    return found[0] if single else found


def _positions(old: int, new: int, places: str, device: Any) -> torch.Tensor:
    """Where the new pixels are among the old ones."""
    numbers = torch.arange(new, dtype=torch.float32, device=device)
    if places == "ends":
        return numbers * ((old - 1) / max(new - 1, 1))
    return (numbers + 0.5) * (old / new) - 0.5 if places == "centers" else numbers * (old / new)


def _along(x: torch.Tensor, axis: int, new: int, method: str, places: str) -> torch.Tensor:
    old = x.shape[axis]
    where = _positions(old, new, places, x.device)
    if method == "nearest":
        where = torch.floor(where + 0.5) if places != "corners" else torch.floor(where)
        return x.index_select(axis, where.long().clamp(0, old - 1))
    low = torch.floor(where)
    part = (where - low).clamp(0, 1).reshape([-1 if place == axis else 1 for place in range(x.dim())]).to(x.dtype)
    first, second = (x.index_select(axis, one.long().clamp(0, old - 1)) for one in (low, low + 1))
    return first + (second - first) * part


def _weighted(x: torch.Tensor, size: tuple[int, int], method: str, antialias: bool, places: str) -> torch.Tensor:
    """A sum of pixels near each new one, by weights that fall with the distance and sum up to 1."""
    for axis, new in zip((1, 2), size, strict=True):
        old = x.shape[axis]
        where = _positions(old, new, places, x.device)
        width = max(old / new, 1.0) if antialias else 1.0
        if not antialias:  # TensorFlow looks weights up, 1024 between two pixels
            where = torch.floor(where) + torch.round((where - torch.floor(where)) * 1024) / 1024
        far = (torch.arange(old, dtype=torch.float32, device=x.device) - where[:, None]) / width
        if places == "centers":
            weights = _triangle(far) if method == "bilinear" else _cubic(far, -0.5)
            weights = weights / weights.sum(1, keepdim=True)
        else:  # what is beyond the edge is the edge's pixel
            taps = torch.floor(where)[:, None] + torch.arange(-1, 3, device=x.device)
            values = _cubic(taps - where[:, None], -0.75)
            weights = torch.zeros(new, old, device=x.device).scatter_add(1, taps.long().clamp(0, old - 1), values)
        x = (weights.to(x.dtype) @ x.movedim(axis, -2)).movedim(-2, axis)
    return x


def _triangle(far: torch.Tensor) -> torch.Tensor:
    return (1 - far.abs()).clamp(min=0)


def _cubic(far: torch.Tensor, slope: float) -> torch.Tensor:
    t = far.abs()
    near = (slope + 2) * t**3 - (slope + 3) * t**2 + 1
    middle = slope * t**3 - 5 * slope * t**2 + 8 * slope * t - 4 * slope
    return torch.where(t <= 1, near, torch.where(t < 2, middle, 0.0))


@word("image.pad_to_bounding_box")
def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """With zeros around, in a given size."""
    x = tensor(image)
    rows, columns = x.shape[-3:-1]
    below, right = target_height - offset_height - rows, target_width - offset_width - columns
    if min(offset_height, offset_width, below, right) < 0:
        raise ValueError(f"A picture of {rows} x {columns} does not fit into {target_height} x {target_width} at "
                         f"({offset_height}, {offset_width}).")  # fmt: skip
    widths = [(0, 0)] * (len(x.shape) - 3) + [(offset_height, below), (offset_width, right), (0, 0)]
    return ops.pad(x, widths, mode="constant", constant_values=0)


@word("image.crop_to_bounding_box")
def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """A part of given place and size."""
    first, left, rows, columns = (
        int(number(one)) for one in (offset_height, offset_width, target_height, target_width)
    )
    return tensor(image)[..., first : first + rows, left : left + columns, :]


@word(
    "image.resize_with_crop_or_pad",
    "compat.v1.image.resize_image_with_crop_or_pad",
    "image.resize_image_with_crop_or_pad",
)
def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    """The middle, or with zeros around."""
    x = tensor(image)
    rows, columns = x.shape[-3:-1]
    first, left = max((rows - target_height) // 2, 0), max((columns - target_width) // 2, 0)
    x = crop_to_bounding_box(x, first, left, min(rows, target_height), min(columns, target_width))
    above, before = max((target_height - rows) // 2, 0), max((target_width - columns) // 2, 0)
    return pad_to_bounding_box(x, above, before, target_height, target_width)


@word("image.resize_with_pad", "compat.v1.image.resize_image_with_pad")
def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: Any = "bilinear", antialias: bool = False
) -> Any:
    """In another size without a change of form, with zeros around."""
    x = tensor(image)
    rows, columns = x.shape[-3:-1]
    ratio = max(columns / target_width, rows / target_height)
    small = (math.floor(rows / ratio), math.floor(columns / ratio))
    above, before = max((target_height - rows / ratio) / 2, 0), max((target_width - columns / ratio) / 2, 0)
    found = resize(x, small, method, False, antialias)
    return pad_to_bounding_box(found, math.floor(above), math.floor(before), target_height, target_width)


@word("image.central_crop")
def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle."""
    x = tensor(image)
    if central_fraction == 1.0:
        return x
    first, left = (int((size - size * central_fraction) / 2) for size in x.shape[-3:-1])
    return x[..., first : x.shape[-3] - first, left : x.shape[-2] - left, :]


@word("image.crop_and_resize")
def crop_and_resize(image: Any = None, boxes: Any = None, box_indices: Any = None, crop_size: Any = None,
                    method: str = "bilinear", extrapolation_value: float = 0.0, *, box_ind: Any = None) -> Any:  # fmt: skip
    """Parts of pictures, each in the same size. A box is ``[y1, x1, y2, x2]`` between 0 and 1."""
    places = box_indices if box_indices is not None else box_ind
    return _crop_and_resize(tensor(image), tensor(boxes, "float32"), tensor(places), shape_of(crop_size), method,
                            extrapolation_value)  # fmt: skip


@recorded
def _crop_and_resize(x: Any, boxes: Any, places: Any, size: Any, method: str, value: float) -> Any:
    x = x.float()[places.long()]
    inside = torch.ones(1, dtype=torch.bool, device=x.device)
    for axis, new in zip((1, 2), size, strict=True):
        old, low, high = x.shape[axis], boxes[:, axis - 1], boxes[:, axis + 1]
        steps = (
            torch.arange(new, device=x.device) / max(new - 1, 1) if new > 1 else torch.full((1,), 0.5, device=x.device)
        )
        where = (low[:, None] + (high - low)[:, None] * steps) * (old - 1)
        seen = (where >= 0) & (where <= old - 1)
        inside = inside & (seen[:, :, None] if axis == 1 else seen[:, None, :])
        first = torch.floor(where) if method == "bilinear" else torch.round(where)
        part = (where - first)[(..., *[None] * (x.dim() - 2))] if method == "bilinear" else 0.0
        x = x.movedim(axis, 1)
        rows = torch.arange(len(x), device=x.device)[:, None]
        near, next_one = (x[rows, one.long().clamp(0, old - 1)] for one in (first, first + 1))
        x = (near + (next_one - near) * part).movedim(1, axis)
    return torch.where(inside[..., None], x, value)


# ---- turning -------------------------------------------------------------------------------------------------------


@word("image.flip_left_right")
def flip_left_right(image: Any) -> Any:
    """The mirror image."""
    return ops.flip(tensor(image), axis=-2)


@word("image.flip_up_down")
def flip_up_down(image: Any) -> Any:
    """Upside down."""
    return ops.flip(tensor(image), axis=-3)


@word("image.transpose", "compat.v1.image.transpose_image")
def transpose(image: Any) -> Any:
    """Rows as columns."""
    return ops.swapaxes(tensor(image), -3, -2)


@word("image.rot90")
def rot90(image: Any, k: int = 1) -> Any:
    """Turned to the left by so many quarters."""
    return torch.rot90(tensor(image), int(number(k)) % 4, (-3, -2))


def _chance(seed: Any) -> torch.Generator | None:
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def _between(low: float, high: float, seed: Any) -> float:
    return float(torch.rand((), generator=_chance(seed))) * (high - low) + low


def _at_random(name: str, flip: Callable[..., Any]) -> None:
    def random_flip(image: Any, seed: Any = None) -> Any:
        """Flipped or not, of a batch each picture for itself."""
        x = tensor(image)
        if x.dim() == 3:
            return flip(x) if _between(0, 1, seed) < 0.5 else x
        chosen = torch.rand(len(x), generator=_chance(seed)).to(x.device) < 0.5
        return torch.where(chosen.reshape(-1, 1, 1, 1), flip(x), x)

    word(f"image.{name}")(random_flip)


_at_random("random_flip_left_right", flip_left_right)
_at_random("random_flip_up_down", flip_up_down)


@word("image.random_crop", "compat.v1.random_crop", "random_crop")
def random_crop(value: Any, size: Any, seed: Any = None) -> Any:
    """A part of given size, anywhere."""
    x, wanted, generator = tensor(value), shape_of(size), _chance(seed)
    for axis, length in enumerate(wanted):
        if length > x.shape[axis]:
            raise ValueError(f"random_crop was asked for {tuple(wanted)} of a tensor of {tuple(value.shape)}.")
        first = int(torch.randint(x.shape[axis] - length + 1, (), generator=generator))
        x = x.narrow(axis, first, length)
    return x


# ---- colours -------------------------------------------------------------------------------------------------------


@word("image.convert_image_dtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Any:
    """In another type, the numbers from 0 to 1 of floats being those from 0 to the largest of whole ones."""
    x, wanted = tensor(image), as_dtype(dtype)
    if x.dtype is wanted:
        return x
    if wanted.is_floating_point:
        return (
            cast(x, wanted)
            if x.dtype.is_floating_point
            else ops.multiply(cast(x, wanted), 1.0 / torch.iinfo(x.dtype).max)
        )
    most = torch.iinfo(wanted).max
    if x.dtype.is_floating_point:
        scaled = ops.multiply(x, most + 0.5)
        return cast(ops.clip(scaled, 0, most) if saturate else scaled, wanted)
    old = torch.iinfo(x.dtype).max
    return cast(x // ((old + 1) // (most + 1)), wanted) if old > most else cast(x, wanted) * ((most + 1) // (old + 1))


def _as_floats(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of colours that is calculated in floats."""

    def changed(image: Any, *args: Any, **kwargs: Any) -> Any:
        x = tensor(image)
        return convert_image_dtype(change(convert_image_dtype(x, "float32"), *args, **kwargs), x.dtype, saturate=True)

    changed.__doc__, changed.__wrapped__ = change.__doc__, change  # pyright: ignore[reportFunctionMemberAccess]
    return changed


def adjust_brightness(image: Any, delta: Any) -> Any:
    """Lighter by ``delta``."""
    return ops.add(image, delta)


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Farther from the mean of each channel."""
    mean = ops.mean(images, axis=(-3, -2), keepdims=True)
    return ops.add(ops.multiply(ops.subtract(images, mean), contrast_factor), mean)


def adjust_saturation(image: Any, saturation_factor: Any) -> Any:
    """With more colour."""
    hue, strength, value = ops.unstack(ops.image.rgb_to_hsv(image, data_format="channels_last"), axis=-1)
    strength = ops.clip(ops.multiply(strength, saturation_factor), 0.0, 1.0)
    return ops.image.hsv_to_rgb(ops.stack([hue, strength, value], axis=-1), data_format="channels_last")


def adjust_hue(image: Any, delta: Any) -> Any:
    """With other colours, by ``delta`` of their circle."""
    hue, strength, value = ops.unstack(ops.image.rgb_to_hsv(image, data_format="channels_last"), axis=-1)
    return ops.image.hsv_to_rgb(ops.stack([ops.mod(ops.add(hue, delta), 1.0), strength, value], axis=-1),
                                data_format="channels_last")  # fmt: skip


def adjust_gamma(image: Any, gamma: float = 1, gain: float = 1) -> Any:
    """``gain * image ** gamma``."""
    return ops.multiply(ops.power(image, gamma), gain)


for _change in (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue, adjust_gamma):
    word(f"image.{_change.__name__}")(_as_floats(_change))


def _random_change(name: str, kind: str) -> None:
    change = TABLE[f"image.{kind}"]

    def by_one(image: Any, max_delta: float, seed: Any = None) -> Any:
        """By a random number between ``-max_delta`` and ``max_delta``."""
        return change(image, _between(-max_delta, max_delta, seed))

    def by_two(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
        """By a random number between two bounds."""
        return change(image, _between(lower, upper, seed))

    word(f"image.{name}")(by_one if kind in ("adjust_brightness", "adjust_hue") else by_two)


for _name in ("brightness", "hue", "contrast", "saturation"):
    _random_change(f"random_{_name}", f"adjust_{_name}")


@word("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any) -> Any:
    """One channel, as bright as the three."""
    x = tensor(images)
    weights = torch.tensor(
        [[0.2989], [0.587], [0.114]], device=getattr(x, "device", None) if not hasattr(x, "node") else None
    )
    return convert_image_dtype(ops.matmul(convert_image_dtype(x, "float32"), weights), x.dtype)


@word("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any) -> Any:
    """The one channel three times."""
    x = tensor(images)
    return ops.concatenate([x, x, x], axis=-1)


@word("image.rgb_to_hsv")
def rgb_to_hsv(images: Any) -> Any:
    """Hue, saturation and value."""
    return ops.image.rgb_to_hsv(tensor(images), data_format="channels_last")


@word("image.hsv_to_rgb")
def hsv_to_rgb(images: Any) -> Any:
    """Red, green and blue."""
    return ops.image.hsv_to_rgb(tensor(images), data_format="channels_last")


@word("image.per_image_standardization")
def per_image_standardization(image: Any) -> Any:
    """Of mean 0 and deviation 1."""
    x = cast(tensor(image), "float32")
    axes = (-3, -2, -1)
    mean, deviation = ops.mean(x, axis=axes, keepdims=True), ops.std(x, axis=axes, keepdims=True)
    return ops.divide(ops.subtract(x, mean), ops.maximum(deviation, 1 / math.sqrt(math.prod(x.shape[-3:]))))


# ---- measures ------------------------------------------------------------------------------------------------------


@word("image.psnr")
def psnr(a: Any, b: Any, max_val: Any) -> Any:
    """How near two pictures are, in decibels."""
    first, second = (convert_image_dtype(one, "float32") for one in together(a, b))
    most = float(number(max_val)) / (torch.iinfo(tensor(a).dtype).max if not tensor(a).dtype.is_floating_point else 1)
    error = ops.mean(ops.square(ops.subtract(first, second)), axis=(-3, -2, -1))
    return ops.subtract(20 * math.log10(most), ops.multiply(10.0, ops.log10(error)))


@word("image.ssim")
def ssim(img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01,
         k2: float = 0.03, return_index_map: bool = False) -> Any:  # fmt: skip
    """How alike the structure of two pictures is, at most 1."""
    if return_index_map:
        raise ValueError("tf.image.ssim gives no map here: return_index_map=False.")
    first, second = (cast(one, "float32") for one in together(img1, img2))
    return ops.image.ssim(
        first, second, float(number(max_val)), filter_size, filter_sigma, k1, k2, data_format="channels_last"
    )


@word("image.total_variation")
def total_variation(images: Any) -> Any:
    """The sum of differences between neighbours."""
    x = tensor(images)
    rows = ops.absolute(x[..., 1:, :, :] - x[..., :-1, :, :])
    columns = ops.absolute(x[..., :, 1:, :] - x[..., :, :-1, :])
    axes = (-3, -2, -1)
    return ops.add(ops.sum(rows, axis=axes), ops.sum(columns, axis=axes))


@word("image.image_gradients")
def image_gradients(image: Any) -> tuple[Any, Any]:
    """The differences to the next row and to the next column; 0 at the end."""
    x = tensor(image)
    rows, columns = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    return (ops.pad(rows, [(0, 0), (0, 1), (0, 0), (0, 0)], mode="constant", constant_values=0),
            ops.pad(columns, [(0, 0), (0, 0), (0, 1), (0, 0)], mode="constant", constant_values=0))  # fmt: skip


@word("image.sobel_edges")
def sobel_edges(image: Any) -> Any:
    """Edges by rows and by columns."""
    return _sobel(tensor(image))


@recorded
def _sobel(x: Any) -> Any:
    down = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=x.dtype, device=x.device)
    kernels = torch.stack([down, down.T])[:, None]
    flat = F.pad(x.movedim(-1, 1).reshape(-1, 1, *x.shape[1:3]), (1, 1, 1, 1), mode="reflect")
    found = F.conv2d(flat, kernels).reshape(x.shape[0], x.shape[3], 2, *x.shape[1:3])
    return found.permute(0, 3, 4, 1, 2)


@word(
    "image.extract_patches",
    "compat.v1.extract_image_patches",
    "extract_image_patches",
    "compat.v1.image.extract_image_patches",
)
def extract_patches(images: Any = None, sizes: Any = None, strides: Any = None, rates: Any = None, padding: Any = None, *,
                    ksizes: Any = None) -> Any:  # fmt: skip
    """Blocks of pixels, each as channels."""
    size, step, apart = (tuple(one[1:3]) for one in (sizes if sizes is not None else ksizes, strides, rates))
    return ops.image.extract_patches(tensor(images), size, step, apart if apart != (1, 1) else 1, _padding(padding),
                                     data_format="channels_last")  # fmt: skip


@word("image.non_max_suppression")
def non_max_suppression(boxes: Any, scores: Any, max_output_size: Any, iou_threshold: float = 0.5,
                        score_threshold: float = float("-inf")) -> Any:  # fmt: skip
    """The places of boxes, the best first, that don't overlap with a better one. A box is ``[y1, x1, y2, x2]``."""
    corners, points = (np.asarray(tensor(one).detach().cpu()) for one in (boxes, scores))
    low, high = np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])
    areas = (high - low).prod(1)
    chosen: list[int] = []
    for place in np.argsort(-points, kind="stable"):
        if len(chosen) == int(number(max_output_size)) or points[place] <= float(number(score_threshold)):
            break
        common = np.maximum(np.minimum(high[place], high[chosen]) - np.maximum(low[place], low[chosen]), 0).prod(1)
        union = areas[place] + areas[chosen] - common
        if not (common / np.where(union > 0, union, 1) > float(number(iou_threshold))).any():
            chosen.append(int(place))
    return tensor(np.array(chosen, np.int32))
