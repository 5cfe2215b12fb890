"""Keras's ``keras.legacy``: what files and code from before Keras 3 need."""

from lamina.legacy import saving

__all__ = ["saving"]


def __dir__() -> list[str]:
    return __all__
