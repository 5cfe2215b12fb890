"""Keras 3's ``keras.visualization``: masks of segments over pictures, and many pictures in one."""

from lamina.visualization.galleries import plot_image_gallery, plot_segmentation_mask_gallery
from lamina.visualization.masks import draw_segmentation_masks

__all__ = ["draw_segmentation_masks", "plot_image_gallery", "plot_segmentation_mask_gallery"]


def __dir__() -> list[str]:
    return __all__
