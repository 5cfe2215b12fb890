"""CIFAR-100 (Krizhevsky 2009): 32x32 colour pictures of a hundred kinds of things, in twenty groups."""

from __future__ import annotations

from typing import Literal

from lamina.datasets._files import Split, read_converted

__all__ = ["load_data"]


def load_data(label_mode: Literal["fine", "coarse"] = "fine") -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)``, from ``cifar100_fine.npz`` or ``cifar100_coarse.npz``.

    Both lie in ``$KERAS_HOME/datasets`` and hold ``x_train, y_train, x_test, y_test``. The published files are pickles,
    which lamina never opens: convert them once with Keras and ``np.savez_compressed``.

    Arguments:
        label_mode: ``"fine"`` (100 labels) or ``"coarse"`` (20).

    Shape: ``x (samples, 32, 32, 3)``, ``y (samples, 1)``.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is broken, or ``label_mode`` is another word.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"label_mode must be 'fine' or 'coarse', and got {label_mode!r}.")
    return read_converted("CIFAR-100", f"cifar100_{label_mode}.npz")
