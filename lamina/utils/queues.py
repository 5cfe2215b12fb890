"""Batches made in threads ahead of their use, as Keras 2's enqueuers made them."""

from __future__ import annotations

import collections
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["GeneratorEnqueuer", "OrderedEnqueuer", "SequenceEnqueuer", "get_index", "iter_sequence_infinite"]


class SequenceEnqueuer:
    """What both share: ``workers`` threads make at most ``max_queue_size`` batches ahead, and :meth:`get` gives them in order.

    Arguments:
        sequence: what batches come from.
        use_multiprocessing: there are threads in any case, since the batches are to stay in this process.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self._pool: ThreadPoolExecutor | None = None
        self._due: Iterator[Callable[[], Any]] = iter(())
        self._ahead = 10

    def is_running(self) -> bool:
        """Whether :meth:`start` was called, and :meth:`stop` not yet."""
        return self._pool is not None

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin to make batches."""
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="batches")
        self._ahead, self._due = max(1, max_queue_size), self._tasks()

    def stop(self, timeout: float | None = None) -> None:
        """Make no more batches."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=timeout is None, cancel_futures=True)

    def _tasks(self) -> Iterator[Callable[[], Any]]:
        """What makes each batch, in order; called when there is room for one more."""
        raise NotImplementedError

    def get(self) -> Iterator[Any]:
        """The batches, in order; an error in a thread is raised here."""
        made: collections.deque[Future[Any]] = collections.deque()
        while self._pool is not None:
            pool = self._pool
            for task in itertools.islice(self._due, self._ahead - len(made)):
                made.append(pool.submit(task))
            if not made:
                self.stop()
                return
            try:
                batch = made.popleft().result()
            except StopIteration:
                self.stop()
                return
            except BaseException:
                self.stop()
                raise
            if batch is not None:
                yield batch


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a ``Sequence``, pass after pass without end.

    Arguments:
        sequence: a ``Sequence`` (``PyDataset``); its ``on_epoch_end`` is called after each pass.
        use_multiprocessing: threads are used in any case.
        shuffle: whether the batches of a pass come in random order, by Python's random numbers.

    >>> class Squares:
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> enqueuer = OrderedEnqueuer(Squares())
    >>> enqueuer.start(workers=2)
    >>> batches = enqueuer.get()
    >>> [next(batches) for _ in range(3)]
    [0, 1, 0]
    >>> enqueuer.stop()
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _tasks(self) -> Iterator[Callable[[], Any]]:
        while True:
            order = list(range(len(self.sequence)))
            if self.shuffle:
                random.shuffle(order)
            for index in order:
                yield lambda index=index: self.sequence[index]
            ended = getattr(self.sequence, "on_epoch_end", None)
            if ended is not None:
                ended()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Batches of a generator, made ahead in a thread.

    Arguments:
        generator: a generator of batches.
        use_multiprocessing: threads are used in any case.
        wait_time, random_seed: of no use here.

    >>> enqueuer = GeneratorEnqueuer(iter([1, 2]))
    >>> enqueuer.start()
    >>> list(enqueuer.get())
    [1, 2]
    """

    def __init__(
        self, generator: Any, use_multiprocessing: bool = False, wait_time: Any = None, random_seed: Any = None
    ) -> None:
        super().__init__(generator, use_multiprocessing)
        self._lock = threading.Lock()

    def _tasks(self) -> Iterator[Callable[[], Any]]:
        ended = object()

        def step() -> Any:
            with self._lock:  # a generator can't be asked by two at once
                batch = next(self.sequence, ended)
            if batch is ended:
                raise StopIteration
            return batch

        return itertools.repeat(step)


def iter_sequence_infinite(seq: Any) -> Iterator[Any]:
    """The items of a sequence, again and again.

    >>> [item for item, _ in zip(iter_sequence_infinite([1, 2]), range(3))]
    [1, 2, 1]
    """
    while True:
        yield from seq


def get_index(uid: Any, i: int) -> Any:
    """Batch ``i`` of a sequence; Keras 2 said the sequence by a number.

    >>> get_index([5, 6], 1)
    6
    """
    return uid[i]
