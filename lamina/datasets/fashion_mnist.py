"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 28x28 grey pictures of ten kinds of clothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina import config
from lamina.datasets._files import Split, read_idx, read_splits
from lamina.language import say
from lamina.screen import language_of, show

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_SUBSET = Path(__file__).parent / "data" / "fashion_mnist_subset.npz"
_FILES = {"train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
          "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")}  # fmt: skip


def load_data() -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)`` as ``uint8``; one printed line says which data they are.

    The full set is used when its four files, as Keras downloads them, lie in ``$KERAS_HOME/datasets/fashion-mnist``.
    Otherwise it is the bundled subset: 5,000 training and 1,000 test pictures, as many of each class, in a fixed
    shuffled order. Labels are indices into ``CLASS_NAMES``.

    Shape: ``x (samples, 28, 28)``, ``y (samples,)``.

    Raises:
        ValueError: when one of the cached files is broken.
    """
    folder = config.keras_home() / "datasets" / "fashion-mnist"
    if all((folder / name).is_file() for names in _FILES.values() for name in names):
        train, test = (_read_split(folder, *names) for names in _FILES.values())
        return _told("screen.pictures", train, test, folder)
    return _told("screen.bundled_pictures", *read_splits(_SUBSET), folder)


def _told(key: str, train: Split, test: Split, folder: Path) -> tuple[Split, Split]:
    """The data, after a line that says which they are."""
    show(say(key, language_of(), train=len(train[0]), test=len(test[0]), folder=folder))
    return train, test


def _read_split(folder: Path, images: str, labels: str) -> Split:
    x, y = read_idx(folder / images, ndim=3), read_idx(folder / labels, ndim=1)
    if x.shape[1:] != (28, 28):
        raise ValueError(f"{str(folder / images)!r} holds images of {x.shape[1:]}, and Fashion-MNIST's are (28, 28).")
    if len(x) != len(y):
        raise ValueError(f"{str(folder / images)!r} holds {len(x)} images and {labels!r} {len(y)} labels.")
    if np.any(y >= len(CLASS_NAMES)):
        raise ValueError(f"{str(folder / labels)!r} holds the label {y.max()}, and Fashion-MNIST's are 0 to 9.")
    return x, y
