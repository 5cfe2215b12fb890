"""Iterators over pictures: which rows a batch has, and batches from arrays."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator as Iterates
from typing import Any, Literal

import numpy as np

from lamina import config
from lamina.dialects.data_habits import data_habits
from lamina.preprocessing.image.pictures import array_to_img, axis_order
from lamina.training.py_dataset import PyDataset

__all__ = ["Iterator", "NumpyArrayIterator"]

Subset = Literal["training", "validation"]


class Iterator(PyDataset):
    """Batches of ``n`` rows without end, by ``next``, or by number. A subclass makes a batch of the rows with given numbers.

    Arguments:
        n: the rows.
        batch_size: rows in a batch; the last one of a pass may have fewer.
        shuffle: whether each pass has its own order.
        seed: of NumPy's random numbers; batch ``k`` of all is drawn with ``seed + k``.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        habits = data_habits()
        self.by_number, self._last_batch_ends = habits.by_number, habits.last_batch_ends
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: Any = None
        self.index_generator = self._flow_index()

    @property
    def N(self) -> int:
        """An old name of ``n``."""
        return self.n

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _count(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """The batch of this number in the order of the present pass.

        Raises:
            ValueError: when there are not so many.
        """
        if index >= len(self):
            raise ValueError(f"This {type(self).__name__} has {len(self)} batches, and was asked for number {index}.")
        with self.lock:
            self._count()
            if self.index_array is None:
                self._set_index_array()
            order: Any = self.index_array
            rows = order[self.batch_size * index : self.batch_size * (index + 1)]
        return self._get_batches_of_transformed_samples(rows)

    def on_epoch_end(self) -> None:
        """A new order for the next pass."""
        self._set_index_array()

    def reset(self) -> None:
        """Begin a new pass with the next batch."""
        self.batch_index = 0

    def _flow_index(self) -> Iterates[Any]:
        self.reset()
        while True:
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            if self.batch_index == 0:
                self._set_index_array()
            first = (self.batch_index * self.batch_size) % self.n if self.n else 0
            rest = self.n - first - self.batch_size
            # Keras 1 noticed the end of a pass only by a batch that was short.
            self.batch_index = self.batch_index + 1 if rest > 0 or (rest == 0 and not self._last_batch_ends) else 0
            self.total_batches_seen += 1
            yield self.index_array[first : first + self.batch_size]

    def __iter__(self) -> Iterates[Any]:
        return self

    def __next__(self) -> Any:
        """The next batch; passes follow each other without a break."""
        with self.lock:
            rows = next(self.index_generator)
        return self._get_batches_of_transformed_samples(rows)

    def next(self) -> Any:
        """The next batch, as ``next(iterator)``."""
        return self.__next__()

    def _get_batches_of_transformed_samples(self, index_array: Any) -> Any:
        """The batch of the rows with these numbers."""
        raise NotImplementedError(
            f"{type(self).__name__} must define _get_batches_of_transformed_samples(index_array)."
        )

    # Where the pictures of batches are written to, for those who want to see them; a subclass says.
    save_to_dir: str | None = None
    save_prefix: str = ""
    save_format: str = "png"
    data_format: str | None = None

    def _save(self, batch: np.ndarray, rows: Any, digits: int) -> None:
        if not self.save_to_dir:
            return
        for picture, row in zip(batch, rows, strict=True):
            name = f"{self.save_prefix}_{row}_{np.random.randint(digits)}.{self.save_format}"
            array_to_img(picture, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))


def prepared(generator: Any, x: np.ndarray) -> np.ndarray:
    """A picture as the generator changes it: at random, and then to the scale that is trained on."""
    if not data_habits().by_number:  # Keras 1's generators had this only
        return generator.standardize(generator.random_transform(x))
    return generator.standardize(generator.apply_transform(x, generator.get_random_transform(x.shape)))


class NumpyArrayIterator(Iterator):
    """Batches of the pictures of an array, changed at random as the generator says.

    Arguments:
        x: ``(rows, height, width, channels)``; or a pair of that and one or more arrays that go with it unchanged.
        y: targets, or ``None``.
        image_data_generator: an ``ImageDataGenerator``.
        batch_size, shuffle, seed: as in :class:`Iterator`.
        sample_weight: a weight for each row.
        data_format: where the channels are.
        save_to_dir, save_prefix, save_format: where and how the changed pictures are written, if they are to be.
        subset: ``"training"`` or ``"validation"``: the rows that the generator's ``validation_split`` gives to it.
        ignore_class_split: allow that the two have different classes.
        dtype: of the pictures.

    Raises:
        ValueError: where the numbers of rows differ, or ``x`` has not four axes.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.dtype = dtype or config.floatx()
        self.data_format = axis_order(data_format)
        x, others = _pictures_and_others(x)
        for name, part in (
            *((f"x[{at}]", part) for at, part in enumerate(others, 1)),
            ("y", y),
            ("sample_weight", sample_weight),
        ):
            if part is not None and len(part) != len(x):
                raise ValueError(
                    f"All arrays must have as many rows as there are pictures, {len(x)}, and {name} has {len(part)}."
                )
        if subset is not None:
            kept = _part(x, y, subset, image_data_generator._validation_split, ignore_class_split)
            x, others, y = x[kept], [part[kept] for part in others], None if y is None else y[kept]
            sample_weight = None if sample_weight is None else sample_weight[kept]
        self.x, self.x_misc = np.asarray(x, self.dtype), others
        if self.x.ndim != 4:
            raise ValueError(
                f"Pictures come in an array of four axes, a row a picture, and this one has the shape {self.x.shape}."
            )
        warn_of_channels(self.x, self.data_format)
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: Any) -> Any:
        batch = np.zeros((len(index_array), *self.x.shape[1:]), self.dtype)
        for place, row in enumerate(index_array):
            batch[place] = prepared(self.image_data_generator, self.x[row].astype(self.dtype))
        self._save(batch, index_array, data_habits().saved_digits[0])
        x = [batch, *(part[index_array] for part in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return x
        y = self.y[index_array]
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[index_array])


def _pictures_and_others(x: Any) -> tuple[Any, list[np.ndarray]]:
    if not isinstance(x, (tuple, list)):
        return x, []
    others = x[1] if isinstance(x[1], list) else [x[1]]
    return x[0], [np.asarray(part) for part in others]


def _part(x: Any, y: Any, subset: str, fraction: float, any_classes: bool) -> slice:
    cut = int(len(x) * fraction)
    parts = {"validation": slice(0, cut), "training": slice(cut, None)}
    if subset not in parts:
        raise ValueError(f"subset must be 'training' or 'validation', and got {subset!r}.")
    if y is not None and not any_classes and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
        raise ValueError("The subsets for training and validation have different classes. The first rows are for validation: "
                         "shuffle rows that are in the order of their classes, or pass ignore_class_split=True.")  # fmt: skip
    return parts[subset]


def warn_of_channels(x: np.ndarray, data_format: str) -> None:
    """Pictures have 1, 3 or 4 channels; another number is probably another axis."""
    axis = 3 if data_format == "channels_last" else 1
    if x.shape[axis] not in (1, 3, 4):
        warnings.warn(f"Pictures have 1, 3 or 4 channels, and those of shape {x.shape} have {x.shape[axis]} on axis {axis}, "
                      f"where data_format={data_format!r} says they are.", stacklevel=4)  # fmt: skip
