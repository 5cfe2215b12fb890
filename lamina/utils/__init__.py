"""Keras's ``keras.utils``: targets as classes, batches as a class of yours, and the registry of custom objects."""

from __future__ import annotations

import importlib
import typing
from typing import Any, overload

import numpy as np
import torch

from lamina import config, registry
from lamina.config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from lamina.dialects import any_spelling
from lamina.dialects.absent import no_such
from lamina.dtypes import dtype_name as standardize_dtype
from lamina.graph.symbolic import SymbolicTensor
from lamina.random import set_random_seed
from lamina.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from lamina.training.progbar import Progbar
from lamina.training.py_dataset import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight
from lamina.utils import legacy
from lamina.utils.fetched import get_file
from lamina.utils.named_values import Config

__all__ = [
    "Config", "CustomObjectScope", "Progbar", "PyDataset", "Sequence", "array_to_img", "clear_session",
    "custom_object_scope", "deserialize_keras_object", "disable_interactive_logging", "enable_interactive_logging",
    "get_custom_objects", "get_file", "get_registered_name", "get_registered_object", "get_source_inputs",
    "img_to_array", "is_interactive_logging_enabled", "is_keras_tensor", "legacy", "load_img", "normalize",
    "pack_x_y_sample_weight", "pad_sequences", "register_keras_serializable", "save_img", "serialize_keras_object",
    "set_random_seed", "standardize_dtype", "to_categorical", "unpack_x_y_sample_weight",
]  # fmt: skip

if typing.TYPE_CHECKING:
    from lamina.preprocessing.image.pictures import array_to_img as array_to_img
    from lamina.preprocessing.image.pictures import img_to_array as img_to_array
    from lamina.preprocessing.image.pictures import load_img as load_img
    from lamina.preprocessing.image.pictures import save_img as save_img
    from lamina.preprocessing.sequence import pad_sequences as pad_sequences

# Imported when they are first asked for: no part of lamina needs them.
_WHEN_ASKED_FOR = {
    "pad_sequences": "lamina.preprocessing.sequence",
    **dict.fromkeys(("array_to_img", "img_to_array", "load_img", "save_img"), "lamina.preprocessing.image"),
}

serialize_keras_object = registry.serialize


@overload
def to_categorical(x: torch.Tensor, num_classes: int | None = None) -> torch.Tensor: ...  # pyright: ignore[reportOverlappingOverload]
@overload
def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray: ...


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


@overload
def normalize(x: torch.Tensor, axis: int = -1, order: int = 2) -> torch.Tensor: ...  # pyright: ignore[reportOverlappingOverload]
@overload
def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray: ...


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


Sequence = PyDataset


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor, which has a shape and no numbers.

    >>> is_keras_tensor(torch.ones(1))
    False
    """
    return isinstance(x, SymbolicTensor)


def get_source_inputs(tensor: Any) -> list[Any]:
    """The symbolic inputs that a symbolic tensor was made of, each once.

    >>> from lamina.layers import Dense, Input
    >>> x = Input(shape=(3,))
    >>> get_source_inputs(Dense(1)(x) * 2) == [x]
    True
    """
    if not is_keras_tensor(tensor):
        raise ValueError(f"get_source_inputs takes a symbolic tensor, and got {tensor!r:.80}.")
    found: dict[int, Any] = {}
    seen: set[int] = set()
    due = [tensor]
    while due:
        value = due.pop()
        inputs = value.node.inputs if value.node is not None else []
        if not inputs:
            found[id(value)] = value
        elif id(value.node) not in seen:
            seen.add(id(value.node))
            due += reversed(inputs)
    return list(found.values())


def clear_session(free_memory: bool = True) -> None:
    """Forget the names that layers and models were given by number, as ``lamina.backend.clear_session``.

    Source: https://keras.io/api/utils/config_utils/

    >>> clear_session()
    """
    importlib.import_module("lamina.backend").clear_session(free_memory)  # which no part of lamina needs otherwise


def __getattr__(name: str) -> Any:
    if name in _WHEN_ASKED_FOR:
        return getattr(importlib.import_module(_WHEN_ASKED_FOR[name]), name)
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(no_such("utils", name, __all__), name=name)


def __dir__() -> list[str]:
    return __all__
