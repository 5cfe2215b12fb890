"""Structures of tensors: lists, tuples, dicts and slices, however nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """``structure`` with ``function`` applied to every leaf; lists, tuples, dicts and slices are not leaves."""
    if type(structure) is torch.Tensor:  # by far the most common
        return function(structure)
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_structure(function, item) for item in structure))
    if isinstance(structure, tuple) and hasattr(structure, "n_sequence_fields"):  # torch's own, as max() returns
        return type(structure)([map_structure(function, item) for item in structure])
    if isinstance(structure, (list, tuple)):
        mapped = [map_structure(function, item) for item in structure]
        return mapped if isinstance(structure, list) else tuple(mapped)
    if isinstance(structure, dict):
        return {key: map_structure(function, item) for key, item in structure.items()}
    if isinstance(structure, slice):
        return slice(*(map_structure(function, part) for part in (structure.start, structure.stop, structure.step)))
    return function(structure)


def leaves(structure: Any) -> list[Any]:
    """The leaves of a structure, in order (dicts in their own order)."""
    found: list[Any] = []
    map_structure(found.append, structure)
    return found


def by_key(structure: Any) -> Any:
    """``structure`` with its dicts in the order of their keys, in which Keras goes through them.

    >>> by_key({"b": 1, "a": [2]})
    {'a': [2], 'b': 1}
    """
    if isinstance(structure, dict):
        return {key: by_key(structure[key]) for key in sorted(structure)}
    if isinstance(structure, (list, tuple)) and not hasattr(structure, "_fields"):
        return type(structure)(by_key(item) for item in structure)
    return structure
