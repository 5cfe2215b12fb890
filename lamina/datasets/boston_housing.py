"""Boston housing (Harrison and Rubinfeld 1978): 13 figures per neighbourhood, and the median price of its houses."""

from __future__ import annotations

from lamina.datasets._files import Split, cached_file, check_lengths, read_npz, shuffle_and_split

__all__ = ["load_data"]


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)``, from ``path`` in ``$KERAS_HOME/datasets``, shuffled as Keras does.

    Arguments:
        path: the file's name in that folder.
        test_split: the share of rows that become the test set.
        seed: of the shuffle.

    Shape: ``x (samples, 13)``, ``y (samples,)``; 506 samples in Keras's file.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is broken, or ``test_split`` is out of range.
    """
    file = cached_file("Boston housing", path)
    x, y = read_npz(file, ("x", "y"))
    check_lengths(file, (x, y))
    return shuffle_and_split(x, y, test_split, seed)
