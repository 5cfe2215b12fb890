"""Keras's ``keras.preprocessing.image``: pictures from files, changed at random, as batches.

It needs Pillow for files and brightness and SciPy for turns and the like: ``pip install 'lamina[image]'``.
"""

import sys

from lamina.dialects.absent import tell
from lamina.preprocessing.image.folders import DataFrameIterator, DirectoryIterator
from lamina.preprocessing.image.generator import ImageDataGenerator
from lamina.preprocessing.image.iterators import Iterator, NumpyArrayIterator
from lamina.preprocessing.image.pictures import (
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    save_img,
    smart_resize,
)
from lamina.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

__all__ = [
    "DataFrameIterator", "DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator",
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "array_to_img", "flip_axis", "img_to_array",
    "list_pictures", "load_img", "random_brightness", "random_channel_shift", "random_rotation", "random_shear",
    "random_shift", "random_zoom", "save_img", "smart_resize",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


tell(sys.modules[__name__])
