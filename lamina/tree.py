"""Keras 3's ``keras.tree``: nests of lists, tuples, named tuples, dicts and deques, and the leaves in them.

``None`` is a leaf, and so is a list or dict of a class of your own. Dicts are gone through in the order of their keys,
ordered dicts in their own.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested",
    "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]  # fmt: skip


class MAP_TO_NONE:
    """What a function given to :func:`traverse` returns to put ``None`` in a place; ``None`` itself changes nothing."""


class _Nest(NamedTuple):
    """A nest, opened: its kind, the keys and what stands there in Keras's order, and how to put it together again."""

    kind: type
    keys: list[Any]
    children: list[Any]
    close: Callable[[list[Any]], Any]


_LISTS: set[type] = {list}
_DICTS: set[type] = {dict, OrderedDict, defaultdict}


def take_for_nests(of_lists: type, of_dicts: type) -> None:
    """Have classes of lamina's own count as a list and a dict."""
    _LISTS.add(of_lists)
    _DICTS.add(of_dicts)


def _open(structure: Any) -> _Nest | None:
    """``None`` for a leaf."""
    if type(structure) in _DICTS:
        keys: list[Any] = list(structure) if isinstance(structure, OrderedDict) else sorted(structure)
        return _Nest(dict, keys, [structure[key] for key in keys], functools.partial(_close_dict, structure, keys))
    if type(structure) in _LISTS:
        kind, close = list, list
    elif type(structure) is deque:
        kind, close = deque, functools.partial(deque, maxlen=structure.maxlen)
    elif isinstance(structure, tuple) and hasattr(structure, "_fields"):
        kind, close = type(structure), lambda children: type(structure)(*children)
    elif isinstance(structure, tuple) and hasattr(structure, "n_sequence_fields"):  # torch's own, as max() returns
        kind, close = type(structure), type(structure)
    elif type(structure) in (tuple, torch.Size):
        kind, close = tuple, tuple
    else:
        return None
    children = list(structure)
    return _Nest(kind, list(range(len(children))), children, close)


def _close_dict(like: dict[Any, Any], keys: list[Any], children: list[Any]) -> dict[Any, Any]:
    by_key = dict(zip(keys, children, strict=True))
    pairs = {key: by_key[key] for key in like}
    if isinstance(like, defaultdict):
        return defaultdict(like.default_factory, pairs)
    return OrderedDict(pairs) if isinstance(like, OrderedDict) else pairs


def is_nested(structure: Any) -> bool:
    """Whether this is a list, tuple, dict or the like, and no leaf.

    >>> is_nested({"a": 1}), is_nested("word"), is_nested(None)
    (True, False, False)
    """
    return _open(structure) is not None


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each after the tuple of indices and keys that leads to it.

    >>> flatten_with_path([{"b": 1, "a": (2, 3)}])
    [((0, 'a', 0), 2), ((0, 'a', 1), 3), ((0, 'b'), 1)]
    """
    nest = _open(structure)
    if nest is None:
        return [((), structure)]
    return [((key, *path), leaf) for key, child in zip(nest.keys, nest.children, strict=True)
            for path, leaf in flatten_with_path(child)]  # fmt: skip


def flatten(structure: Any) -> list[Any]:
    """The leaves as a list.

    >>> flatten({"b": [1, (2,)], "a": None})
    [None, 1, 2]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """``func`` of each leaf of one structure, or of the leaves in the same place of several; put together as the first.

    Arguments:
        none_is_leaf: whether ``func`` is called for ``None``, too, or ``None`` stays as it is.

    Raises:
        ValueError: for structures that are not nested in the same way, or none at all.

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    return _map(func, structures, none_is_leaf=none_is_leaf)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """``func`` of what stands in ``structures`` where ``shallow_structure`` has its leaves.

    >>> map_structure_up_to([None, None], len, [[1, 1], [2, 2, 2]])
    [2, 3]
    """
    if not structures:
        raise ValueError("map_structure_up_to needs at least one structure beside the shallow one.")
    return _map(lambda _, *parts: func(*parts), (shallow_structure, *structures), deeper=True)


def _map(func: Callable[..., Any], structures: Any, none_is_leaf: bool = True, deeper: bool = False) -> Any:
    if not structures:
        raise ValueError("map_structure needs at least one structure.")
    first, others = structures[0], structures[1:]
    nest = _open(first)
    if nest is None:
        skipped = first is None and not none_is_leaf
        for other in others:
            is_gap = other is None and not none_is_leaf
            if is_gap != skipped or (not deeper and is_nested(other)):
                raise _not_the_same(first, other)
        return None if skipped else func(*structures)
    aligned = [_children_like(nest, first, other) for other in others]
    mapped = [_map(func, parts, none_is_leaf, deeper) for parts in zip(nest.children, *aligned, strict=True)]
    return nest.close(mapped)


def _children_like(nest: _Nest, first: Any, other: Any) -> list[Any]:
    """The children of ``other`` in the order of ``nest``, which ``first`` is."""
    found = _open(other)
    if found is None or found.kind is not nest.kind or len(found.keys) != len(nest.keys):
        raise _not_the_same(first, other)
    by_key = dict(zip(found.keys, found.children, strict=True))
    if by_key.keys() != set(nest.keys):
        raise _not_the_same(first, other)
    return [by_key[key] for key in nest.keys]


def _not_the_same(a: Any, b: Any) -> ValueError:
    return ValueError(f"The structures are not nested in the same way: {a!r:.80} stands where the other has {b!r:.80}.")


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise a ``ValueError`` unless two structures are nested in the same way; a list is no tuple, any dict is a dict.

    >>> assert_same_structure([(0, 1)], [(2, 3)])
    """
    if check_types is not None:
        warnings.warn("check_types has no effect; assert_same_paths takes a list for a tuple.", DeprecationWarning,
                      stacklevel=2)  # fmt: skip
    _map(lambda *_: None, (a, b))


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise a ``ValueError`` unless the same paths lead to the leaves of two structures, whatever those are made of.

    >>> assert_same_paths([0, 1], (2, 3))
    """
    mine, other = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if mine != other:
        raise ValueError(f"The structures don't have the same paths: only the first has {sorted(mine - other, key=str)}, "
                         f"only the second {sorted(other - mine, key=str)}.")  # fmt: skip


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """The items of ``flat_sequence`` in the places of the leaves of ``structure``.

    Raises:
        TypeError: for what is no sequence.
        ValueError: for too few or too many items.

    >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    items = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(items) != wanted:
        raise ValueError(f"The structure has {wanted} leaves, and the sequence {len(items)} items.")
    rest: Iterator[Any] = iter(items)
    return _map(lambda _: next(rest), (structure,))


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """``structure`` with each part (nests and leaves) replaced by what ``func`` says of it, unless that is ``None``.

    Arguments:
        func: is given each nest before what is in it, and what it replaces is not looked into; with ``top_down=False``
            each nest comes after what is in it. To put ``None`` in a place it returns :class:`MAP_TO_NONE`.

    >>> traverse(lambda part: tuple(part) if isinstance(part, list) else None, [1, [2]], top_down=False)
    (1, (2,))
    """
    if not callable(func):
        raise TypeError(f"traverse needs a function, and got {func!r}.")
    told = func(structure) if top_down else None
    if told is None:
        nest = _open(structure)
        if nest is not None:
            structure = nest.close([traverse(func, child, top_down) for child in nest.children])
        told = None if top_down else func(structure)
    if told is None:
        return structure
    return None if told is MAP_TO_NONE else told


def lists_to_tuples(structure: Any) -> Any:
    """``structure`` with tuples in the place of lists.

    >>> lists_to_tuples([1, [2, {"a": [3]}]])
    (1, (2, {'a': (3,)}))
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """:func:`map_structure` that takes a list or tuple of sizes (``int`` or ``None``) for a leaf: a shape.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,), (1, 2, 3)]})
    {'a': 2, 'b': [1, 3]}
    """
    if isinstance(structure, (list, tuple)) and all(size is None or isinstance(size, int) for size in structure):
        return func(structure)
    nest = _open(structure)
    return func(structure) if nest is None else nest.close([map_shape_structure(func, item) for item in nest.children])
