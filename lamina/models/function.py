"""``Function``: the way from some symbolic tensors to others, applied to data."""

from __future__ import annotations

from typing import Any

from lamina.layers.operation import Operation
from lamina.models.model import Model


class Function(Operation):
    """What leads from symbolic inputs to symbolic outputs, to be called on data; without what a model has beside that.

    Arguments:
        inputs: symbolic tensors, in any structure.
        outputs: what was made of them.
        name: by default ``function``.

    Raises:
        ValueError: when the outputs depend on other inputs.

    Source: https://keras.io/api/models/model/

    >>> import torch
    >>> from lamina.graph.symbolic import KerasTensor
    >>> x = KerasTensor((None, 3))
    >>> Function(x, x + 1)(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._way = Model(inputs, outputs)

    def call(self, inputs: Any) -> Any:
        """The outputs for inputs in the structure that the function was made with."""
        return self._way(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs."""
        return self._way.compute_output_shape(input_shape)

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs, as a list."""
        return self._way.inputs

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs, as a list."""
        return self._way.outputs

    @property
    def operations(self) -> list[Any]:
        """What is run: layers, modules and functions, in order."""
        return self._way.operations
