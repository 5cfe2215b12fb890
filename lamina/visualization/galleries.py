"""Many pictures in one, by matplotlib, which they need: ``pip install 'lamina[plot]'``."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.visualization.masks import as_array, as_pictures, draw_segmentation_masks


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: dict[Any, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: str | None = None,
) -> None:
    """Show a batch of pictures beside each other, or save them as one.

    Arguments:
        images: the pictures, ``(batch, height, width, channels)``.
        y_true, y_pred: a class for each picture, which stands over it.
        label_map: the classes' names.
        rows, cols: how many pictures stand below and beside each other; by default all, in about a square.
        value_range: the values that are black and white.
        scale: the size of a picture in inches.
        path: the file to save to; nothing is shown then.
        show: whether to show them, by default where there is no ``path``; else the figure stays matplotlib's current one.
        transparent, dpi: how to save.
        legend_handles: matplotlib's handles for a legend.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's.

    Raises:
        ValueError: for other shapes, classes without ``label_map``, and both a ``path`` and ``show``.
        ImportError: without matplotlib.

    Source: https://keras.io/api/visualization/

    >>> import tempfile
    >>> plot_image_gallery(np.zeros((5, 8, 8, 3)), path=tempfile.mkdtemp() + "/gallery.png")
    """
    if path is not None and show:
        raise ValueError("plot_image_gallery saves to `path` or shows, and was asked for both: leave out one of them.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "plot_image_gallery needs the names of classes for y_true and y_pred: label_map={0: 'cat', ...}."
        )
    pictures = _as_bytes(as_pictures(images, data_format), value_range)
    plt = _pyplot("plot_image_gallery")
    rows = rows or (math.ceil(len(pictures) / cols) if cols else max(1, math.ceil(math.sqrt(len(pictures)))))
    cols = cols or max(1, math.ceil(len(pictures) / rows))
    figure, panels = plt.subplots(nrows=rows, ncols=cols, figsize=(cols * scale, rows * scale), frameon=False,
                                  layout="tight", squeeze=False, sharex="row", sharey="col")  # fmt: skip
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    for number, axes in enumerate(panels.flat):
        axes.axis("off")
        if number < len(pictures):
            axes.imshow(pictures[number], cmap="gray", vmin=0, vmax=255)
            axes.margins(x=0, y=0)
            title = [_title(key, values, number, label_map) for key, values in (("Label", y_true), ("Pred", y_pred))]
            if any(title):
                axes.set_title("  ".join(filter(None, title)), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is not False:
        plt.show()
    else:
        return
    plt.close(figure)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: dict[int, Any] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """A row for each picture: itself, and with the classes of its pixels as they are and as they were predicted.

    Arguments:
        images: the pictures, ``(batch, height, width, channels)``.
        num_classes, color_mapping, blend, alpha, ignore_index: as for :func:`draw_segmentation_masks`.
        value_range: the values that are black and white.
        y_true, y_pred: the class of each pixel.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's.
        kwargs: for :func:`plot_image_gallery`.

    Raises:
        ValueError: for other shapes.
        ImportError: without matplotlib.

    Source: https://keras.io/api/visualization/
    """
    pictures = as_pictures(images, data_format)
    columns = [pictures]
    for classes in (y_true, y_pred):
        if classes is not None:
            masks = as_array(classes).astype("int32")
            if masks.ndim == 4:
                masks = as_pictures(masks, data_format)
            columns.append(draw_segmentation_masks(pictures, masks, num_classes, color_mapping, alpha, blend, ignore_index,
                                                   "channels_last"))  # fmt: skip
    gallery = np.stack(columns, 1).reshape(-1, *pictures.shape[1:])
    plot_image_gallery(gallery, value_range=value_range, rows=len(pictures), cols=len(columns),
                       **{"data_format": "channels_last", **kwargs})  # fmt: skip


def _as_bytes(pictures: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    low, high = value_range
    if (low, high) == (0, 255):
        return pictures.astype("uint8")
    return ((pictures.astype("float32") - low) / (high - low) * 255).astype("uint8")


def _title(key: str, classes: Any, number: int, names: Any) -> str:
    if classes is None or number >= len(classes):
        return ""
    # English, as in Keras: matplotlib's own font has no Chinese letters.
    return f"{key}: {names.get(as_array(classes)[number].item(), 'Unknown')}"


def _pyplot(who: str) -> Any:
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError(f"{who} needs matplotlib: pip install 'lamina[plot]'.") from None
