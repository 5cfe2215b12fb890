"""Keras's ``keras.preprocessing``: sequences, texts and pictures as arrays, the way Keras 1 and 2 prepared data."""

import sys

from lamina.dialects.absent import tell
from lamina.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]


def __dir__() -> list[str]:
    return __all__


tell(sys.modules[__name__])
