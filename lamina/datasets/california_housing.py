"""California housing (Pace and Barry 1997): 8 figures per block of the 1990 census, and its median house price."""

from __future__ import annotations

from typing import Literal

from lamina.datasets._files import Split, cached_file, check_lengths, read_npz, shuffle_and_split

__all__ = ["load_data"]

_ROWS = {"large": None, "small": 600}


def load_data(
    version: Literal["large", "small"] = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Split, Split]:
    """``(x_train, y_train), (x_test, y_test)``, from ``path`` in ``$KERAS_HOME/datasets``, shuffled as Keras does.

    Arguments:
        version: ``"large"`` (every row) or ``"small"`` (the first 600).
        path: the file's name in that folder.
        test_split: the share of rows that become the test set.
        seed: of the shuffle.

    Shape: ``x (samples, 8)``, ``y (samples,)``; 20,640 samples in Keras's file.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is broken, or an argument is out of range.
    """
    if version not in _ROWS:
        raise ValueError(f"version must be 'large' or 'small', and got {version!r}.")
    file = cached_file("California housing", path)
    x, y = read_npz(file, ("x", "y"))
    check_lengths(file, (x, y))
    return shuffle_and_split(x[: _ROWS[version]], y[: _ROWS[version]], test_split, seed)
