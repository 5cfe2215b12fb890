"""CIFAR-10 (Krizhevsky 2009): 32x32 colour pictures of ten kinds of things."""

from __future__ import annotations

from lamina.datasets._files import Split, read_converted

__all__ = ["load_data"]


def load_data() -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)`` as ``uint8``, from ``cifar10.npz`` in ``$KERAS_HOME/datasets``.

    The published batches are pickles, which lamina never opens: convert them once with Keras and
    ``np.savez_compressed("cifar10.npz", x_train=..., y_train=..., x_test=..., y_test=...)``.

    Shape: ``x (samples, 32, 32, 3)``, ``y (samples, 1)``.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is broken.
    """
    return read_converted("CIFAR-10", "cifar10.npz")
