"""A stack of layers as a list, as ``torch.nn.Sequential`` is one: ``model[0]``, ``len(model)``, ``model[1:]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lamina.layers.core import Input


class AsList:
    """The part of a stack that is a list. An ``Input`` does not count, as in ``layers``.

    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> model = Sequential([Dense(8, input_shape=(4,)), Dense(2, name="head")])
    >>> len(model), model[-1].name, [layer.units for layer in model]
    (2, 'head', [8, 2])
    """

    _stack_class: Any  # what a slice is

    def __len__(self: Any) -> int:
        return len(self.layers)

    def __iter__(self: Any) -> Iterator[Any]:
        return iter(self.layers)

    def __contains__(self: Any, layer: Any) -> bool:
        return any(layer is mine for mine in self.layers)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self: Any, index: Any) -> Any:
        """A layer; of a slice a stack of the same layers, weights and all."""
        layers = self.layers
        if not isinstance(index, slice):
            return layers[index]
        chosen = layers[index]
        stack = self._stack_class(chosen)
        shape = _shape_before(self, chosen[0]) if chosen and not stack.built else None
        return self._stack_class([Input(batch_shape=shape[0], dtype=shape[1]), *chosen]) if shape is not None else stack

    def append(self: Any, layer: Any) -> Any:
        """torch's name for ``add``; returns the stack."""
        self.add(layer)
        return self


def _shape_before(model: Any, layer: Any) -> tuple[Any, Any] | None:
    """The shape and type of what a layer of a built stack takes."""
    model.prepare()
    plan = model._plan
    if plan is None:
        return None
    for step in plan.steps:
        if step.kind == "call_module" and plan.modules[step.target] is layer and step.args:
            return plan.values[step.args[0].index]
    return None
