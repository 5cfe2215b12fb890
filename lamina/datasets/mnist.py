"""MNIST (LeCun, Cortes and Burges): 28x28 grey pictures of handwritten digits."""

from __future__ import annotations

from lamina.datasets._files import Split, cached_file, read_splits

__all__ = ["load_data"]


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)`` as ``uint8``, from ``path`` in ``$KERAS_HOME/datasets``.

    Shape: ``x (samples, 28, 28)``, ``y (samples,)``; 60,000 training and 10,000 test pictures in Keras's file.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is broken.
    """
    return read_splits(cached_file("MNIST", path))
