"""``PyDataset``: batches by number, and what a batch is made of."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """``x``, ``(x, y)`` or ``(x, y, sample_weight)``, which is what a ``train_step`` gets, as a triple.

    Raises:
        ValueError: for more than three parts.

    >>> unpack_x_y_sample_weight(([1, 2], [0, 1]))
    ([1, 2], [0, 1], None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"A batch must be x, (x, y) or (x, y, sample_weight), and got a tuple of {len(data)}.")
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The opposite of :func:`unpack_x_y_sample_weight`: what is ``None`` at the end is left out.

    >>> pack_x_y_sample_weight([1, 2], [0, 1])
    ([1, 2], [0, 1])
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


class PyDataset(abc.ABC):
    """Batches by number: a base class for data that are read or computed batch by batch.

    A subclass defines ``__getitem__(index)``, which returns a whole batch ``(x, y)`` or ``(x, y, sample_weight)``, and
    ``__len__`` (or the property ``num_batches``), the number of batches; ``None`` batches means that they never end.

    Arguments:
        workers, use_multiprocessing, max_queue_size: as in Keras 3, kept for the loop that reads the batches.

    Keras 2 called the class ``Sequence``.

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         x = np.arange(3) + 3 * index
    ...         return x, x**2
    >>> [y.tolist() for x, y in Squares()]
    [[0, 1, 4], [9, 16, 25]]
    """

    # On the class, so that a subclass that forgets super().__init__() works, as it did in Keras 2.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10
    # Whether the loops ask for batches by number; otherwise for the next one, again and again.
    by_number = True

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @abc.abstractmethod
    def __getitem__(self, index: int) -> Any:
        """The batch of this number."""

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has: ``len(self)``, unless a subclass says otherwise."""
        length = getattr(type(self), "__len__", None)
        if length is None:
            raise TypeError(
                f"{type(self).__name__} does not say how many batches it has: define __len__, or the property "
                "num_batches (None for batches that never end)."
            )
        return length(self)

    def __iter__(self) -> Iterator[Any]:
        index, batches = 0, self.num_batches
        while batches is None or index < batches:
            yield self[index]
            index += 1

    def on_epoch_begin(self) -> None:  # noqa: B027 - most data sets need nothing here
        """Called before each epoch; a subclass may define it."""

    def on_epoch_end(self) -> None:  # noqa: B027
        """Called after each epoch, for instance to shuffle; a subclass may define it."""
