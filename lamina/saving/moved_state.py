"""The state of an optimizer in a file that keeps weights in another layout than today's: its variables are laid out as the
weights are, and become today's in the same way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamina.saving.legacy_weights import Arrays, Source, in_todays_layout


class Stored(NamedTuple):
    """A layer's arrays in a file.

    Arguments:
        layer: the layer that they went into.
        paths: their names, in the file's order.
        weights: the layer's weights, in the order of files.
        source: what is known of the file.
        is_moved: whether they were converted.
    """

    layer: Any
    paths: list[str]
    weights: list[Any]
    source: Source
    is_moved: bool


def in_todays_blocks(arrays: Arrays, layers: list[Stored], params: list[Any], by_name: bool) -> Arrays:
    """The variables that Keras 1 and 2 kept one slot after the other, in the layout and order of a model's parameters.

    Arguments:
        arrays: the variables, all of a slot before those of the next.
        layers: where the weights came from, in the file's order.
        params: the parameters that the optimizer is for.
        by_name: whether the variables of a slot are in the order of the weights' names, and not in the file's.

    Raises:
        ValueError: when they are not as many as there are weights, or not one for each number of these.
    """
    known = {id(param) for param in params}
    listed = [(one, path) for one in layers for path in _trained(one, known)]
    if by_name and not all(path.endswith(":0") for _, path in listed):
        raise ValueError("Theano kept its variables in an order that the file does not tell.")
    order = sorted((path for _, path in listed)) if by_name else [path for _, path in listed]
    if not order or len(set(order)) != len(order) or len(arrays) % len(order):
        raise ValueError(f"it has {len(arrays)} variables for {len(order)} weights.")
    found: Arrays = []
    for start in range(0, len(arrays), len(order)):
        named = dict(zip(order, arrays[start : start + len(order)], strict=True))
        values: dict[int, np.ndarray] = {}
        for one in layers:
            values |= _of_layer(one, named, known)
        if set(values) != known:
            raise ValueError("it has variables for other weights.")
        found += [values[id(param)] for param in params]
    return found


def _trained(one: Stored, known: set[int]) -> list[str]:
    """The names of a layer's arrays that are trained: those come first."""
    others = sum(id(weight) not in known for weight in one.weights)
    return one.paths[: len(one.paths) - others] if others < len(one.weights) else []


def _of_layer(one: Stored, named: dict[str, np.ndarray], known: set[int]) -> dict[int, np.ndarray]:
    paths = _trained(one, known)
    if not paths:
        return {}
    rest = [np.zeros(tuple(weight.shape), np.float32) for weight in one.weights if id(weight) not in known]
    given = [named[path] for path in paths] + rest
    shapes = [tuple(weight.shape) for weight in one.weights]
    converted = in_todays_layout(one.layer, given, shapes, one.source._replace(has_deviations=False))
    if [array.shape for array in converted] != shapes or sum(array.size for array in given) != sum(
        map(np.size, converted)
    ):
        raise ValueError(f"those of {one.layer.name!r} do not become those of today's layout.")
    return {id(weight): array for weight, array in zip(one.weights, converted, strict=True) if id(weight) in known}
