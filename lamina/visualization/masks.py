"""Colours over the segments of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lamina import config
from lamina.engine.weights import to_numpy
from lamina.errors import describe

_PALETTE = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])  # class n has n times this, modulo 255


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: dict[int, Any] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Pictures with a colour over the pixels of each class: ``image * (1 - alpha) + colour * alpha``.

    Arguments:
        images: a batch of pictures with values from 0 to 255.
        segmentation_masks: the class of each pixel, a whole number.
        num_classes: classes from this number on are not coloured; by default all are.
        color_mapping: red, green and blue by class, for all of them; by default a palette.
        alpha: how opaque the colour is, from 0 to 1.
        blend: whether the picture shines through; else pixels have the colour.
        ignore_index: a class that is not coloured.
        data_format: ``"channels_last"`` or ``"channels_first"``, of pictures and masks; by default the program's.

    Shape: ``images (B, H, W, C)``, masks ``(B, H, W)`` or ``(B, H, W, 1)`` ``-> (B, H, W, C)``, or all with channels first
    ``-> (B, H, W, C)``, ``uint8``.

    Raises:
        ValueError: for other shapes.
        TypeError: for masks that are no whole numbers.

    Source: https://keras.io/api/visualization/

    >>> pixels = np.zeros((1, 1, 2, 3)), np.array([[[0, 1]]])
    >>> draw_segmentation_masks(*pixels, color_mapping={0: (0, 0, 0), 1: (255, 100, 0)}, alpha=0.5).tolist()
    [[[[0, 0, 0], [127, 50, 0]]]]
    """
    pictures, masks = as_pictures(images, data_format), as_array(segmentation_masks)
    if masks.ndim == 4:
        masks = masks[:, 0] if config.standardize_data_format(data_format) == "channels_first" else masks[..., 0]
    if masks.shape != pictures.shape[:3]:
        raise ValueError(f"draw_segmentation_masks takes the class of each pixel, so masks of the shape {pictures.shape[:3]}, "
                         f"and got {describe(segmentation_masks)}.")  # fmt: skip
    if masks.dtype.kind not in "iu":
        raise TypeError(f"segmentation_masks are whole numbers, and got {describe(segmentation_masks)}.")
    count = int(masks.max(initial=-1)) + 1 if num_classes is None else num_classes
    colours = (
        np.arange(count)[:, None] * _PALETTE % 255
        if color_mapping is None
        else [color_mapping[n] for n in range(count)]
    )
    pictures = pictures.astype("float32")
    drawn = pictures.copy()
    for number, colour in enumerate(colours):
        if number != ignore_index:
            drawn[masks == number] = colour
    if not blend:
        return drawn.astype("uint8")
    mixed = pictures * np.float32(1 - alpha) + drawn * np.float32(alpha)
    return np.where((masks != ignore_index)[..., None], mixed, pictures).astype("uint8")


def as_array(x: Any) -> np.ndarray:
    """Numbers of a tensor, an array or lists."""
    return to_numpy(x) if isinstance(x, torch.Tensor) else np.asarray(x)


def as_pictures(images: Any, data_format: str | None) -> np.ndarray:
    """A batch of pictures with the channels last.

    Raises:
        ValueError: for another number of axes.
    """
    pictures = as_array(images)
    if pictures.ndim != 4:
        raise ValueError(
            f"A batch of pictures has four axes, (batch, height, width, channels), and got {describe(images)}."
        )
    return (
        pictures.transpose(0, 2, 3, 1) if config.standardize_data_format(data_format) == "channels_first" else pictures
    )
