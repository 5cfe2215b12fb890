"""IMDB (Maas et al. 2011): film reviews as lists of word numbers, and whether they praise or damn."""

from __future__ import annotations

from typing import Any

from lamina.datasets._files import Split, read_word_index, refuse_pickles

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[Split, Split]:
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
