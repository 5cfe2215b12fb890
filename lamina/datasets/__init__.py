"""Keras's small data sets, read from files that are already there: lamina downloads nothing.

``fashion_mnist`` has a subset bundled. The others are read from ``$KERAS_HOME/datasets`` (``~/.keras/datasets``), where
Keras leaves its downloads.
"""

from lamina.datasets import boston_housing, california_housing, cifar10, cifar100, fashion_mnist, imdb, mnist, reuters

__all__ = ["boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"]


def __dir__() -> list[str]:
    return __all__
