"""The doors for old code: ``import keras`` of any generation and its old module paths, which resolve here.

This room stands on top of the house and knows all others; the tables and the translator that they read, ``lamina.dialects``,
stand at its foot and know none.

>>> with as_keras("keras1"):
...     from keras.layers.core import Dense
"""

from lamina.compat.modules import as_keras

__all__ = ["as_keras"]


def __dir__() -> list[str]:
    return __all__
