"""IMDB (Maas et al. 2011): film reviews as lists of word numbers, and whether they praise or damn."""

from __future__ import annotations

from typing import Any

from lamina.datasets._files import read_word_index, refuse_pickles

__all__ = ["get_word_index", "load_data"]


def load_data(*args: Any, **kwargs: Any) -> Any:
    """Not offered: the reviews in Keras's file are pickled lists, and lamina opens no pickles.

    Raises:
        ValueError: always, with the way round.
    """
    raise refuse_pickles("IMDB", "imdb.npz")


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The number of each word, from ``path`` in ``$KERAS_HOME/datasets``.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is not a JSON object of whole numbers.
    """
    return read_word_index("IMDB's word index", path)
