"""Keras 1's ``merge`` and ``Merge``: one tensor of several, and one model of several branches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from lamina import layers as today
from lamina import naming
from lamina.dialects import merge_layer
from lamina.dialects.alias import Alias
from lamina.engine.calling import who
from lamina.engine.layer import Layer
from lamina.errors import describe
from lamina.graph.symbolic import SymbolicTensor, leaves
from lamina.layers import merge as merging
from lamina.layers.core import Input
from lamina.models.model import Model
from lamina.models.sequential import first_input_dtype, first_input_shape
from lamina.registry import deserialize, find_named


def merge(
    inputs: Sequence[Any],
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: int | Sequence[int] = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: dict[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """Keras 1's way to make one symbolic tensor of several; the arguments are those of :class:`Merge`.

    >>> merge([Input((3,)), Input((4,))], mode="concat").shape
    (None, 7)
    """
    given = {"concat_axis": concat_axis, "dot_axes": dot_axes, "output_shape": output_shape, "output_mask": output_mask,
             "arguments": arguments, "name": name}  # fmt: skip
    class_name, arguments, inputs = merge_layer((inputs, mode), given)
    return getattr(today, class_name)(**arguments)(inputs)


class BranchMerge(Alias):
    """The class ``Merge`` of Keras 1: today's merge layers by mode, and models that begin with several branches."""

    __signature__: inspect.Signature

    def __call__(
        self,
        layers: Any = None,
        mode: Any = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Any = None,
        node_indices: Any = None,
        tensor_indices: Any = None,
        name: str | None = None,
    ) -> Any:
        """The merge layer, or a model of ``layers`` and it.

        Arguments:
            layers: models or layers with one output each, whose outputs are merged: a model of all their inputs is
                returned, which a ``Sequential`` may begin with. ``None``: only the merge layer is returned.
            mode: ``"sum"``, ``"mul"``, ``"ave"``, ``"max"``, ``"concat"``, ``"dot"``, ``"cos"``, or a function of a list of
                tensors.
            concat_axis: the axis of ``"concat"``.
            dot_axes: the axes of ``"dot"`` and ``"cos"``.
            output_shape, output_mask, arguments: of a function, as :class:`lamina.layers.Lambda`'s.
            node_indices, tensor_indices: which call of each layer, and which of its outputs is meant: the first.
            name: the layer's, or the model's name.

        Raises:
            ValueError: for an unknown mode, and for a branch whose output is not known.
        """
        if any(index for indices in (node_indices, tensor_indices) if indices is not None for index in indices):
            raise ValueError(
                "Merge takes each branch's first output. For others, call `merge` on the tensors themselves."
            )
        settings = {"concat_axis": concat_axis, "dot_axes": dot_axes, "output_shape": output_shape,
                    "output_mask": output_mask, "arguments": arguments}  # fmt: skip
        class_name, given, _ = merge_layer((None, mode), settings)
        cls = getattr(today, class_name)
        if layers is None:
            return cls(**given, name=name)
        inputs: list[SymbolicTensor] = []
        outputs = []
        for branch in layers:
            sources, output = _run(branch)
            inputs += [one for one in sources if not any(one is other for other in inputs)]
            outputs.append(output)
        merged = cls(**given)(outputs)
        return Model(inputs if len(inputs) > 1 else inputs[0], merged, name=name or naming.layer_name("Merge"))

    def from_config(self, config: dict[str, Any]) -> Any:
        """What Keras 1's ``get_config`` described; the branches, where a stack began with it, are among its ``layers``."""
        given = {key: value for key, value in config.items() if not key.endswith("_type")}
        for key in ("mode", "output_shape", "output_mask"):
            if config.get(f"{key}_type", "raw") != "raw":
                given[key] = _named(given[key], key, config)
        if isinstance(given.get("layers"), list):
            given["layers"] = [deserialize(branch, kind="layer") for branch in given["layers"]]
        if isinstance(given.get("output_shape"), list):
            given["output_shape"] = tuple(given["output_shape"])
        return self(**given)


Merge = BranchMerge("Merge", merging.Merge)
Merge.__signature__ = inspect.signature(Merge.__call__)  # not that of today's class, which it wraps


def _named(value: Any, key: str, config: dict[str, Any]) -> Any:
    """A function that a config names, from the caller's own objects; code is never run, and only a mode needs any."""
    is_name = config[f"{key}_type"] == "function" and isinstance(value, str)
    wanted = value if is_name else config.get("name")
    found = find_named(wanted, None) if isinstance(wanted, str) else None
    if found is None and key == "mode":
        raise ValueError(f"The mode of Merge {config.get('name')!r} was a function, and lamina runs no code from a file. "
                         f"Pass it under this name: custom_objects={{{wanted!r}: function}}.")  # fmt: skip
    return found if is_name or key == "mode" else None


def _run(branch: Any) -> tuple[list[SymbolicTensor], Any]:
    """The symbolic inputs that a branch begins with, and its output. A model stays one layer of the model to be."""
    if not isinstance(branch, Layer):
        raise ValueError(f"Merge takes layers and models, and got {describe(branch)}. For tensors there is `merge`.")
    if isinstance(branch, Model) and branch.built:
        return leaves(branch.input), _one(branch, branch(branch.input))
    if branch._nodes:
        output = _one(branch, branch.output)
        return _sources(output), output
    shape = first_input_shape(branch)
    if shape is None:
        raise ValueError(f"Merge needs to know the output of {who(branch)}: give its first layer an input_shape.")
    start = Input(batch_shape=shape, dtype=first_input_dtype(branch))
    return [start], _one(branch, branch(start))


def _one(branch: Any, output: Any) -> Any:
    if not isinstance(output, SymbolicTensor):
        raise ValueError(f"Merge takes one output of each branch, and {who(branch)} gives {describe(output)}.")
    return output


def _sources(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """The symbolic tensors without inputs of their own that ``tensor`` comes from, each once, in order."""
    found: dict[int, SymbolicTensor] = {}
    waiting, seen = [tensor], set()
    while waiting:
        one: Any = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if one.node is None or not one.node.inputs:
            found[id(one)] = one
        else:
            waiting += reversed(one.node.inputs)
    return list(found.values())
