"""``keras.tree`` beside Keras's own on optree, which is what it says on every backend but torch: there it forgets to sort
dicts inside of dicts. (On optree in turn ``map_structure_up_to`` takes ``None`` for a nest, and refuses its own example.)"""

from __future__ import annotations

import random
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from keras.src.tree import optree_impl, torchtree_impl, tree_api

from lamina import tree

Point = namedtuple("Point", "x y")
Other = namedtuple("Other", "x y")


class OwnList(list):
    """What Keras takes for a leaf, as it does any class of one's own."""


class OwnDict(dict):
    """The like of a dict."""


class OwnTuple(tuple):
    """The like of a tuple."""


@dataclass(frozen=True)
class Record:
    x: int


@pytest.fixture(autouse=True)
def _on_optree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_api, "tree_impl", optree_impl)


def random_structure(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.choice(["leaf", "none", "list", "tuple", "dict", "ordered", "default", "named", "deque", "own"])
    if depth == 0 or kind == "leaf":
        return rng.randrange(10)
    if kind == "none":
        return None
    if kind == "own":
        return rng.choice([OwnList([1]), OwnDict(b=1, a=2), OwnTuple((1, 2)), Record(1), frozenset({1}), "word", 2.5])
    if kind == "named":
        return Point(random_structure(rng, depth - 1), random_structure(rng, depth - 1))
    items = [random_structure(rng, depth - 1) for _ in range(rng.randrange(4))]
    pairs = list(zip(rng.sample("abcd", len(items)), items, strict=True))
    return {"list": list, "tuple": tuple, "deque": deque, "dict": lambda _: dict(pairs),
            "ordered": lambda _: OrderedDict(pairs), "default": lambda _: defaultdict(int, pairs)}[kind](items)  # fmt: skip


def said(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or the kind of its error."""
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return type(error)


def both(name: str, *args: Any, **kwargs: Any) -> None:
    mine, keras = (said(getattr(module, name), *args, **kwargs) for module in (tree, tree_api))
    assert repr(mine) == repr(keras), (name, args)


def test_every_name_is_there():
    public = {name for name in dir(tree_api) if not name.startswith("_")}
    assert set(tree.__all__) == public - {"backend", "dmtree", "keras_export", "optree", "register_tree_node_class",
                                          "tree_impl", "warnings"}  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_random_structures(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(seed)
    one, two = random_structure(rng), random_structure(rng)
    for name in ("is_nested", "flatten", "flatten_with_path", "lists_to_tuples"):
        both(name, one)
    leaves = list(range(len(tree.flatten(one))))
    both("pack_sequence_as", one, leaves)
    both("pack_sequence_as", one, [*leaves, 1])
    both("map_structure", str, one)
    both("map_structure", lambda a, b: (a, b), one, one)
    both("map_structure", lambda a, b: (a, b), one, two)
    both("assert_same_structure", one, two)
    both("assert_same_structure", one, one)
    both("assert_same_paths", one, two)
    both("assert_same_paths", one, tree.lists_to_tuples(one))
    monkeypatch.setattr(tree_api, "tree_impl", torchtree_impl)
    both("map_structure_up_to", [None] * (len(one) if isinstance(one, list) else 2), repr, one)
    both("map_structure_up_to", one, lambda a: a, one)
    both("map_structure_up_to", one, lambda a: a, two)
    monkeypatch.setattr(tree_api, "tree_impl", optree_impl)
    for top_down in (True, False):
        for function in (lambda part: None, lambda part: 7 if isinstance(part, tuple) else None,
                         lambda part: tree_api.MAP_TO_NONE if part == 3 else None):  # fmt: skip
            mine = tree.traverse(lambda part, f=function: _ours(f(part)), one, top_down)
            assert repr(mine) == repr(tree_api.traverse(function, one, top_down))


def _ours(value: Any) -> Any:
    return tree.MAP_TO_NONE if value is tree_api.MAP_TO_NONE else value


def test_none_may_be_left_alone():
    for args in ([1, None], [1, None], [2, None]), ([None, 1],), ([1, None], [2, 3]), ([None, 1], [2, 3]), (None, 1):
        both("map_structure", lambda *leaf: leaf, *args, none_is_leaf=False)


def test_two_named_tuples_are_not_the_same():
    both("assert_same_structure", Point(0, 1), Other(2, 3))
    both("assert_same_paths", Point(0, 1), Other(2, 3))
    both("assert_same_structure", {"a": 1}, OrderedDict(a=2))


def test_shapes_are_leaves():
    for shapes in ((None, 3), [(1, 2), (None, 4)], {"b": (1,), "a": [2, 3]}, [], [[None], 2.0]):
        both("map_shape_structure", lambda shape: ("shape", shape), shapes)


def test_what_torch_returns_is_a_tuple_too():
    found = torch.tensor([[1.0, 3.0]]).max(dim=1)
    again = tree.map_structure(lambda leaf: leaf + 1, found)
    assert type(again) is type(found)
    assert again.values.item() == 4
    assert tree.flatten(torch.zeros(2, 3).shape) == [2, 3]


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"not nested in the same way: 1 stands where the other has \[2\]"):
        tree.assert_same_structure([1], [[2]])
    with pytest.raises(ValueError, match="has 2 leaves, and the sequence 1 items"):
        tree.pack_sequence_as([0, 0], [1])
    with pytest.raises(TypeError, match="traverse needs a function"):
        tree.traverse(None, [1])
    with pytest.raises(ValueError, match="at least one structure"):
        tree.map_structure(str)
    with pytest.warns(DeprecationWarning, match="assert_same_paths"):
        tree.assert_same_structure([1], [2], check_types=True)
