"""Keras's ``keras.preprocessing.sequence``: sequences to one length, pairs of words, windows of time series."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from lamina.training.py_dataset import PyDataset

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams", "timeseries_generator_from_json"]

Side = Literal["pre", "post"]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: Side = "pre",
    truncating: Side = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of any lengths as one array: what is too long is cut, what is too short filled up.

    Arguments:
        sequences: lists or arrays, ``(length, ...)`` each.
        maxlen: the length of a row, that of the longest sequence by default.
        dtype: the array's type.
        padding, truncating: at which end, ``"pre"`` or ``"post"``.
        value: what is filled in.

    Shape: ``(len(sequences), maxlen, ...)``.

    Raises:
        ValueError: for what is no list of sequences, a value that the type can't hold, or steps of different shapes.

    Source: https://keras.io/api/data_loading/timeseries/

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences takes a list of sequences, and got {type(sequences).__name__}.")
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences takes {name}='pre' or 'post', and got {side!r}.")
    lengths = [_length(row, at) for at, row in enumerate(sequences)]
    longest = maxlen if maxlen is not None else max(lengths, default=0)
    step = next((np.asarray(row).shape[1:] for row, length in zip(sequences, lengths, strict=True) if length), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "OSU":
        raise ValueError(f"pad_sequences can't fill an array of type {dtype} with {value!r}: pass dtype=object.")
    rows = np.full((len(lengths), longest, *step), value, dtype)
    for at, row in enumerate(sequences):
        if not lengths[at]:
            continue
        kept = np.asarray(row[-longest:] if truncating == "pre" else row[:longest], dtype)
        if kept.shape[1:] != step:
            raise ValueError(f"The steps of all sequences must have one shape; sequence {at} has steps of the shape "
                             f"{kept.shape[1:]}, and those before {step}.")  # fmt: skip
        if padding == "post":
            rows[at, : len(kept)] = kept
        else:
            rows[at, -len(kept) :] = kept
    return rows


def _length(row: Any, at: int) -> int:
    try:
        return len(row)
    except TypeError:
        raise ValueError(f"pad_sequences takes a list of sequences, and number {at} is {row!r:.80}.") from None


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """By rank of a word, how probably :func:`skipgrams` takes it: the rarer, the more, by Zipf's law.

    ``min(1, f / sqrt(f))`` with ``f = sampling_factor * (rank (log(rank) + 0.577) + 1/2 - 1 / (12 rank))``.

    Arguments:
        size: how many words there are.
        sampling_factor: word2vec's.

    >>> make_sampling_table(4).round(4)
    array([0.0032, 0.0032, 0.0055, 0.0074])
    """
    rank = np.arange(size)
    rank[0] = 1
    inverse_frequency = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    frequency = sampling_factor * inverse_frequency
    return np.minimum(1.0, frequency / np.sqrt(frequency))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words for word2vec: such as stand near each other (label 1), and such as were drawn (label 0).

    Arguments:
        sequence: the words of a text by number; 0 is no word.
        vocabulary_size: one more than the largest number.
        window_size: how far from a word its neighbours are looked for, on each side.
        negative_samples: how many pairs are drawn for each pair that was found.
        shuffle: whether the pairs are in random order.
        categorical: labels as ``[0, 1]`` and ``[1, 0]``.
        sampling_table: how probably a word of this number is taken, as from :func:`make_sampling_table`.
        seed: of the order. Numbers come from Python's :mod:`random`, as in Keras.

    Returns:
        Pairs, and a label for each.

    >>> skipgrams([1, 2, 3], vocabulary_size=4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    couples: list[list[int]] = []
    for at, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        for near in range(max(0, at - window_size), min(len(sequence), at + window_size + 1)):
            if near != at and sequence[near]:
                couples.append([word, sequence[near]])
    yes: Any
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [list(yes) if categorical else yes for _ in couples]
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[at % len(words)], random.randint(1, vocabulary_size - 1)] for at in range(count)]
        labels += [no] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for part in (couples, labels):
            random.seed(seed)
            random.shuffle(part)
    return couples, labels


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a time series, each with the target that follows it.

    Arguments:
        data: the steps, ``(steps, ...)``.
        targets: a target for each step.
        length: the steps that a window reaches over.
        sampling_rate: every how many steps one is taken into a window.
        stride: how many steps lie between a window and the next one.
        start_index, end_index: the part of the data that windows come from.
        shuffle: draw windows, by NumPy's random numbers, instead of going through them in order.
        reverse: the steps of a window backwards.
        batch_size: windows in a batch.

    Shape: ``(batch_size, length / sampling_rate, ...)`` and ``(batch_size, ...)``.

    Raises:
        ValueError: where data and targets differ in length, or no window fits.

    >>> steps = np.arange(6)
    >>> windows = TimeseriesGenerator(steps, steps, length=3, batch_size=2)
    >>> [(x.tolist(), y.tolist()) for x, y in windows]
    [([[0, 1, 2], [1, 2, 3]], [3, 4]), ([[2, 3, 4]], [5])]
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        if len(data) != len(targets):
            raise ValueError(f"A TimeseriesGenerator needs a target for each step, and got {len(data)} steps and "
                             f"{len(targets)} targets.")  # fmt: skip
        super().__init__()
        self.data, self.targets = data, targets
        self.length, self.sampling_rate, self.stride = length, sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            raise ValueError(f"No window of length={length} fits between start_index={start_index} and the last target, "
                             f"which is number {self.end_index}. Shorten the window.")  # fmt: skip

    def __len__(self) -> int:
        reach = self.batch_size * self.stride
        return (self.end_index - self.start_index + reach) // reach

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of this number; for ``shuffle``, one that is drawn anew."""
        if self.shuffle:
            ends = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            ends = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        windows = np.array([self.data[end - self.length : end : self.sampling_rate] for end in ends])
        targets = np.array([self.targets[end] for end in ends])
        return (windows[:, ::-1, ...] if self.reverse else windows), targets

    def get_config(self) -> dict[str, Any]:
        """The arguments, data and targets as JSON among them.

        As in Keras, ``start_index`` has the first window's length in it, so that a generator that is made of this begins a
        window later.
        """
        return {
            "data": _as_json("Data", self.data), "targets": _as_json("Targets", self.targets), "length": self.length,
            "sampling_rate": self.sampling_rate, "stride": self.stride, "start_index": self.start_index,
            "end_index": self.end_index, "shuffle": self.shuffle, "reverse": self.reverse, "batch_size": self.batch_size,
        }  # fmt: skip

    def to_json(self, **kwargs: Any) -> str:
        """:meth:`get_config` as JSON; ``kwargs`` are for ``json.dumps``."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def _as_json(what: str, values: Any) -> str:
    plain: Callable[[], Any] | None = getattr(values, "tolist", None)
    try:
        return json.dumps(values if plain is None else plain())
    except TypeError:
        raise TypeError(
            f"{what} of a TimeseriesGenerator that goes to JSON must be numbers, and these are {values!r:.80}."
        ) from None


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """The generator that :meth:`TimeseriesGenerator.to_json` described.

    >>> steps = [1, 2, 3, 4, 5]
    >>> again = timeseries_generator_from_json(TimeseriesGenerator(steps, steps, length=2).to_json())
    >>> again.data, again.length
    ([1, 2, 3, 4, 5], 2)
    """
    config = dict(json.loads(json_string)["config"])
    for part in ("data", "targets"):
        config[part] = json.loads(config[part])
    return TimeseriesGenerator(**config)
