"""Keras's ``keras.preprocessing.text``: texts as lists of words, of numbers, or as rows of a matrix."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from lamina.dialects import any_spelling
from lamina.dialects.data_habits import data_habits

__all__ = ["Tokenizer", "base_filter", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
Mode = Literal["binary", "count", "tfidf", "freq"]


def base_filter() -> str:
    """The characters that are no part of words, as Keras 1 gave them."""
    return FILTERS


@any_spelling("text_to_word_sequence")
def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    Arguments:
        text: ``input_text`` in tf.keras.
        filters: characters that count as ``split``.
        lower: whether words become lower case.
        split: what stands between words.

    >>> text_to_word_sequence("The cat, it sat!")
    ['the', 'cat', 'it', 'sat']
    """
    text = text.lower() if lower else text
    return [word for word in text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split) if word]


@any_spelling("one_hot_text")
def one_hot(
    text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """:func:`hashing_trick` with Python's own ``hash``, which differs from run to run unless PYTHONHASHSEED is set.

    >>> len(one_hot("a cat", n=50)), all(1 <= number < 50 for number in one_hot("a cat", n=50))
    (2, True)
    """
    hashed = (lambda word: abs(hash(word))) if data_habits().absolute_hashes else hash
    return hashing_trick(text, n, hashed, filters, lower, split, analyzer)


@any_spelling("hashing_trick")
def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | Literal["md5"] | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """A number from 1 to ``n - 1`` for each word, by its hash; words may share one.

    Arguments:
        text: the text.
        n: one more than the largest number.
        hash_function: from a word to a whole number; ``"md5"``, which is the same in every run, or Python's ``hash``.
        filters, lower, split: as in :func:`text_to_word_sequence`.
        analyzer: a function that splits the text instead.

    >>> hashing_trick("a cat, a dog", n=50, hash_function="md5")
    [15, 32, 15, 2]
    """
    hashed: Any = hash if hash_function is None else _md5 if hash_function == "md5" else hash_function
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hashed(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers for the words of texts: the more often a word occurs, the smaller its number. 0 is no word's.

    Arguments:
        num_words: only words whose number is below this are kept in sequences (``nb_words`` in Keras 1).
        filters, lower, split: as in :func:`text_to_word_sequence`.
        char_level: characters instead of words.
        oov_token: the word that stands for those that aren't known or kept; its number is 1.
        analyzer: a function that splits a text instead.
        document_count: how many texts were read before.

    Attributes:
        word_counts, word_docs: how often a word occurs, and in how many texts.
        word_index, index_word: a word's number, and a number's word.
        index_docs: in how many texts the word of a number occurs.
        document_count: how many texts were read.

    >>> tokenizer = Tokenizer(num_words=3)
    >>> tokenizer.fit_on_texts(["a cat and a dog", "the cat"])
    >>> tokenizer.word_index
    {'a': 1, 'cat': 2, 'and': 3, 'dog': 4, 'the': 5}
    >>> tokenizer.texts_to_sequences(["the cat and a cat"])
    [[2, 1, 2]]
    """

    @any_spelling("Tokenizer")
    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        document_count: int = 0,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    @property
    def nb_words(self) -> int | None:
        """Keras 1's name of ``num_words``."""
        return self.num_words

    @nb_words.setter
    def nb_words(self, value: int | None) -> None:
        self.num_words = value

    def _words(self, text: Any) -> Sequence[str]:
        if not self.char_level and not isinstance(text, list):
            if self.analyzer is not None:
                return self.analyzer(text)
            return text_to_word_sequence(text, self.filters, self.lower, self.split)
        if not self.lower or (self.char_level and not data_habits().lowers_characters):
            return text
        return [word.lower() for word in text] if isinstance(text, list) else text.lower()

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Learn the words of texts, each a string or a list of words; the numbers are given anew."""
        if data_habits().counts_texts_anew:
            self.document_count, self.index_docs = 0, collections.defaultdict(int)
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        by_count = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        known = by_count if self.oov_token is None else [self.oov_token, *by_count]
        self.word_index = {word: number for number, word in enumerate(known, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Learn from sequences of numbers in how many of them each occurs, which ``"tfidf"`` needs."""
        if data_habits().counts_texts_anew:
            self.document_count, self.index_docs = 0, collections.defaultdict(int)
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of each text's words. Words that are unknown or not kept are left out, or are ``oov_token``'s."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """:meth:`texts_to_sequences`, a text at a time."""
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            kept = (number if number is not None and self._is_kept(number) else unknown for number in numbers)
            yield [number for number in kept if number is not None]

    def _is_kept(self, number: int) -> bool:
        return not self.num_words or number < self.num_words

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each sequence of numbers, with spaces between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """:meth:`sequences_to_texts`, a sequence at a time."""
        for sequence in sequences:
            words = (self.index_word.get(number) if self._is_kept(number) else None for number in sequence)
            yield " ".join(
                word for word in (self.oov_token if word is None else word for word in words) if word is not None
            )

    def texts_to_matrix(self, texts: Iterable[Any], mode: Mode = "binary") -> np.ndarray:
        """:meth:`sequences_to_matrix` of :meth:`texts_to_sequences`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: Mode = "binary") -> np.ndarray:
        """A row for each sequence, with a column for each number.

        Arguments:
            sequences: lists of numbers.
            mode: ``"binary"`` (whether a number occurs), ``"count"`` (how often), ``"freq"`` (how often, of the sequence's
                length) or ``"tfidf"``: ``(1 + log(count)) log(1 + texts / (1 + texts with it))``.

        Shape: ``(len(sequences), num_words)``; without ``num_words``, one more than there are words.

        Raises:
            ValueError: for an unknown mode, or before anything was learned.
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(
                f"A Tokenizer makes matrices with mode='binary', 'count', 'freq' or 'tfidf', and got {mode!r}."
            )
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise ValueError("This Tokenizer knows no words: call fit_on_texts first, or give it num_words.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                "mode='tfidf' needs a Tokenizer that knows texts: call fit_on_texts or fit_on_sequences first."
            )
        rows = np.zeros((len(sequences), columns))
        for row, sequence in zip(rows, sequences, strict=True):
            for number, count in collections.Counter(number for number in sequence if number < columns).items():
                row[number] = self._weight(number, count, len(sequence), mode)
        return rows

    def _weight(self, number: int, count: int, length: int, mode: Mode) -> float:
        if mode == "tfidf":
            rare = np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
            return (1 + np.log(count)) * rare
        return {"binary": 1, "count": count, "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """The arguments and what was learned, the dictionaries as JSON."""
        learned = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            "num_words": self.num_words, "filters": self.filters, "lower": self.lower, "split": self.split,
            "char_level": self.char_level, "oov_token": self.oov_token, "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in learned},
        }  # fmt: skip

    def to_json(self, **kwargs: Any) -> str:
        """:meth:`get_config` as JSON; ``kwargs`` are for ``json.dumps``."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that :meth:`Tokenizer.to_json` described, in any Keras's hand.

    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["a cat"])
    >>> tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(["a dog"])
    [[2, 1]]
    """
    config = dict(json.loads(json_string)["config"])
    counts, docs, index_docs, index_word, word_index = (
        json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    )
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = collections.OrderedDict(counts)
    tokenizer.word_docs = collections.defaultdict(int, docs)
    tokenizer.index_docs = collections.defaultdict(int, {int(number): count for number, count in index_docs.items()})
    tokenizer.index_word = {int(number): word for number, word in index_word.items()}
    tokenizer.word_index = word_index
    return tokenizer
