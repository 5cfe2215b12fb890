"""Reuters-21578: newswires as lists of word numbers, and their topics."""

from __future__ import annotations

from lamina.datasets._files import Split, read_word_index, refuse_pickles

__all__ = ["get_label_names", "get_word_index", "load_data"]

_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
    nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
    rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """Not offered: the newswires in Keras's file are pickled lists, and lamina opens no pickles.

    Raises:
        ValueError: always, with the way round.
    """
    raise refuse_pickles("Reuters", "reuters.npz")


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The number of each word, from ``path`` in ``$KERAS_HOME/datasets``.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when it is not a JSON object of whole numbers.
    """
    return read_word_index("Reuters's word index", path)


def get_label_names() -> tuple[str, ...]:
    """The topics, in the order of their numbers.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())
