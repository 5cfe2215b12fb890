"""Keras's ``keras.utils``: targets as classes, batches as a class of yours, and the registry of custom objects."""

from __future__ import annotations

import abc
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina import config, registry
from lamina.dialects import any_spelling
from lamina.random import set_random_seed as set_random_seed
from lamina.registry import CustomObjectScope as CustomObjectScope
from lamina.registry import custom_object_scope as custom_object_scope
from lamina.registry import get_custom_objects as get_custom_objects
from lamina.registry import get_registered_name as get_registered_name
from lamina.registry import get_registered_object as get_registered_object
from lamina.registry import register_keras_serializable as register_keras_serializable

serialize_keras_object = registry.serialize
deserialize_keras_object = registry.deserialize


@any_spelling("to_categorical")
def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One row per class number: 1 at the class, 0 elsewhere.

    Arguments:
        x: whole numbers from 0 to ``num_classes - 1``, of any shape; a last axis of 1 is dropped.
            ``y`` before Keras 3.
        num_classes: the length of a row, ``max(x) + 1`` by default. ``nb_classes`` in Keras 1.

    Shape: ``(...)`` or ``(..., 1) -> (..., num_classes)``.

    Returns:
        A float64 array; for a tensor, a tensor of the default float type on the same device.

    Raises:
        ValueError: for classes that are negative, not whole, or not below ``num_classes``.

    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, torch.Tensor):
        classes, length = _check_classes(x.detach().cpu().numpy(), num_classes)
        index = torch.from_numpy(classes).to(x.device)
        return torch.nn.functional.one_hot(index, length).to(getattr(torch, config.floatx()))
    classes, length = _check_classes(np.asarray(x), num_classes)
    rows = np.zeros((classes.size, length))
    rows[np.arange(classes.size), classes.ravel()] = 1
    return rows.reshape(*classes.shape, length)


def _check_classes(x: np.ndarray, num_classes: int | None) -> tuple[np.ndarray, int]:
    classes = x.astype("int64")
    if not np.array_equal(classes, x):
        raise ValueError("to_categorical takes class numbers, and got numbers that are not whole.")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if classes.size == 0 and not num_classes:
        raise ValueError("to_categorical got no classes at all: say how many there are with `num_classes`.")
    length = int(num_classes or classes.max() + 1)
    if classes.size and not (classes.min() >= 0 and classes.max() < length):
        raise ValueError(
            f"to_categorical takes classes from 0 to {length - 1}, and got {classes.min()} to {classes.max()}."
        )
    return classes, length


@any_spelling("normalize")
def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """``x`` over its norm of the given order along ``axis``; rows of zeros stay as they are.

    Arguments:
        x: an array or a tensor; the same kind comes back.
        axis: along which the norm is taken.
        order: 1 for the sum of absolute values, 2 for the Euclidean norm, and so on.

    Raises:
        ValueError: for an order below 1 or not whole.

    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize takes a whole order of at least 1, and got order={order!r}.")
    if isinstance(x, torch.Tensor):
        norm = torch.linalg.vector_norm(x, ord=order, dim=axis, keepdim=True)
        return x / torch.where(norm == 0, 1.0, norm)
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    return x / np.expand_dims(np.where(norm == 0, 1.0, norm), axis)


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


Sequence = PyDataset


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    *args: Any,
    cache_subdir: str = "datasets",
    cache_dir: str | os.PathLike[str] | None = None,
    **kwargs: Any,
) -> str:
    """The path of a file that Keras's ``get_file`` has downloaded before; lamina itself downloads nothing.

    Arguments:
        fname: the file's name, by default the last part of ``origin``.
        origin: where Keras would fetch it from; only named in the error.
        cache_subdir, cache_dir: the folder, ``datasets`` in ``$KERAS_HOME`` by default.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when neither ``fname`` nor ``origin`` names a file.
    """
    name = os.fspath(fname) if fname else (origin or "").rpartition("/")[2]
    if not name:
        raise ValueError("get_file needs the name of a file, as `fname` or as the last part of `origin`.")
    home = config.keras_home() if cache_dir is None else Path(cache_dir)
    path = home / cache_subdir / name
    if not path.exists():
        source = f"fetch {origin} yourself" if origin else "fetch it yourself"
        raise FileNotFoundError(
            f"{str(path)!r} is not there, and lamina downloads nothing: {source}, and put it there."
        )
    return str(path)


def clear_session(free_memory: bool = True) -> None:
    """Forget the names that layers and models were given by number, as ``lamina.backend.clear_session``.

    Source: https://keras.io/api/utils/config_utils/

    >>> clear_session()
    """
    importlib.import_module("lamina.backend").clear_session(free_memory)  # which no part of lamina needs otherwise
