"""Keras 3's ``keras.visualization``: masks of segments over pictures, and many pictures in one."""

from typing import Any

from lamina.dialects.absent import sentence
from lamina.errors import did_you_mean
from lamina.visualization.galleries import plot_image_gallery, plot_segmentation_mask_gallery
from lamina.visualization.masks import draw_segmentation_masks

__all__ = ["draw_segmentation_masks", "plot_image_gallery", "plot_segmentation_mask_gallery"]


def __getattr__(name: str) -> Any:
    """Names that Keras has here and lamina lacks say so."""
    said = sentence(f"visualization.{name}") or f"lamina.visualization has no {name!r}.{did_you_mean(name, __all__)}"
    raise AttributeError(said)


def __dir__() -> list[str]:
    return __all__
