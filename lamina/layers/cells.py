"""Recurrent cells: what a recurrent layer computes at one step.

A cell takes the inputs of a step and its states, and gives an output and new states. Lamina's own also know what may be
done for all steps at once: ``project`` applies the input weights to a whole sequence in one matrix product, ``stepper``
gives the part that is left for each step, and ``fused`` runs torch's kernel where the arguments allow. ``scanning`` puts
them together.

Letters in shapes: B batch, U units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import torch

from lamina import activations
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.calling import who
from lamina.engine.devices import is_eager_on_cpu
from lamina.engine.layer import LAYERS
from lamina.engine.precision import in_compute_type
from lamina.engine.types import Int, LayerOptions
from lamina.graph.symbolic import Shape, map_structure
from lamina.initializers import InitializerLike
from lamina.kernels import gru_steps, lstm_steps, torch_recurrent
from lamina.kernels.step_buffers import SIGMOID, gate_of
from lamina.layers.cell import (
    AbstractRNNCell,
    CellLike,
    DenseCell,
    States,
    Step,
    build_cell,
    call_cell,
    checked_cell,
    initial_state_of,  # fmt: skip
    output_size_of,
)
from lamina.registry import deserialize
from lamina.regularizers import RegularizerLike

_TANH = (activations.tanh, torch.tanh)


@LAYERS.register()
class SimpleRNNCell(DenseCell):
    """``h' = activation(x @ kernel + bias + h @ recurrent_kernel)``, which is output and state.

    Arguments, shapes and errors are :class:`DenseCell`'s. Weights: ``kernel`` ``(features, units)``, ``recurrent_kernel``
    ``(units, units)``, ``bias`` ``(units,)``.

    Source: https://keras.io/api/layers/recurrent_layers/simple_rnn_cell/

    >>> output, states = SimpleRNNCell(3)(torch.zeros(2, 4), [torch.zeros(2, 3)])
    >>> output.shape
    torch.Size([2, 3])
    """

    gates = 1

    def __init__(
        self,
        units: Int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
                         kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
                         recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, **kwargs)  # fmt: skip

    def stepper(self, masks: Any = None) -> Step:
        recurrent, activation = self._recurrent(masks, self.recurrent_kernel), self.activation

        def step(x: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
            h = activation(recurrent(x, states[0])[0])  # (B, U)
            return h, [h]

        return step

    def _has_kernel(self, inputs: torch.Tensor) -> bool:
        return self.activation in (*_TANH, activations.relu, torch.relu)

    def fused(
        self, inputs: torch.Tensor, states: States, masks: Any = None, lengths: Any = None, every_step: bool = True
    ) -> tuple[torch.Tensor, States]:
        kernel = torch_recurrent.rnn_tanh if self.activation in _TANH else torch_recurrent.rnn_relu
        weights = [self.kernel.t(), self.recurrent_kernel.t(), self.bias]
        return kernel(_dropped(inputs, masks), states, torch_recurrent.with_two_biases(weights), lengths)


@LAYERS.register()
class LSTMCell(DenseCell):
    """Long short-term memory. With gates ``i, f, c, o`` in this order along the weights' last axis, ``s`` the recurrent
    activation and ``z = x @ kernel + bias + h @ recurrent_kernel``::

        c' = s(z_f) * c + s(z_i) * activation(z_c)
        h' = s(z_o) * activation(c')

    Arguments, besides :class:`DenseCell`'s, whose shapes and errors hold, too:
        recurrent_activation: of the gates (Keras 1: ``inner_activation``; up to Keras 2.2 ``"hard_sigmoid"``).
        implementation: with 1, and whenever there is recurrent dropout, dropout draws anew for each gate.
        unit_forget_bias: whether the forget gate's bias starts at 1 (Keras 1: ``forget_bias_init``).

    Weights: ``kernel`` ``(features, 4 * units)``, ``recurrent_kernel`` ``(units, 4 * units)``, ``bias``
    ``(4 * units,)``. States: ``[h, c]``.

    Source: https://keras.io/api/layers/recurrent_layers/lstm_cell/

    >>> output, (h, c) = LSTMCell(3)(torch.zeros(2, 4), [torch.zeros(2, 3), torch.zeros(2, 3)])
    >>> output.shape
    torch.Size([2, 3])
    """

    gates = 4

    def __init__(
        self,
        units: Int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        implementation: Literal[0, 1, 2] = 2,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
                         kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
                         recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, **kwargs)  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.implementation = implementation
        self._masks_per_gate = implementation == 1 or self.recurrent_dropout > 0
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def get_config(self) -> dict[str, Any]:
        # Not among Keras 3's keys, so that it is written when it says something.
        return {key: value for key, value in super().get_config().items() if (key, value) != ("implementation", 2)}

    def _initial_bias(self, shape: Any, dtype: Any = None) -> Any:
        return lstm_bias(self.bias_initializer, self.units, self.unit_forget_bias, dtype)

    def stepper(self, masks: Any = None) -> Step:
        recurrent = self._recurrent(masks, self.recurrent_kernel)
        activation, gate = self.activation, self.recurrent_activation
        return lambda x, states: lstm_step(recurrent(x, states[0]), states[1], activation, gate)

    @property
    def packs(self) -> bool:
        """Whether its kernel takes rows of different lengths: torch's does."""
        return gate_of(self.recurrent_activation) is SIGMOID and not self._drops_by_gate()

    def fusable(self, inputs: torch.Tensor) -> bool:
        """Whether a kernel computes what this cell does, now: torch's or :mod:`lstm_steps`."""
        usual = self.activation in _TANH and gate_of(self.recurrent_activation) is not None
        return usual and (self.packs or is_eager_on_cpu(inputs, self.kernel))

    def fused(
        self, inputs: torch.Tensor, states: States, masks: Any = None, lengths: Any = None, every_step: bool = True
    ) -> tuple[torch.Tensor, States]:
        weights = [self.kernel.t(), self.recurrent_kernel.t(), self.bias]
        if self.packs:
            return torch_recurrent.lstm(
                _dropped(inputs, masks), states, torch_recurrent.with_two_biases(weights), lengths
            )
        torch_recurrent.check(inputs, states, weights)
        drawn = self.draw_masks(states[0], self.recurrent_dropout)
        outputs, c = lstm_steps.run(
            gate_of(self.recurrent_activation) or SIGMOID, self.project(inputs, masks), states[0], states[1],
            self.recurrent_kernel, None if drawn is None else torch.stack(drawn), every_step)  # fmt: skip
        return outputs, [outputs[:, -1] if every_step else outputs, c]


def _dropped(inputs: torch.Tensor, masks: Any) -> torch.Tensor:
    return inputs if masks is None else inputs * masks


def lstm_step(gates: Any, c: Any, activation: Any, gate: Any) -> tuple[Any, States]:
    """An LSTM's output and states from its four gates before their activation, and from ``c``."""
    i, f, candidate, o = gates
    c = gate(f) * c + gate(i) * activation(candidate)
    h = gate(o) * activation(c)
    return h, [h, c]


def lstm_bias(initializer: Any, units: int, unit_forget_bias: bool, dtype: Any) -> torch.Tensor:
    """An LSTM's first bias; gates ``i, f, c, o``."""
    if not unit_forget_bias:
        return initializer((4 * units,), dtype=dtype)
    return torch.cat([initializer((units,), dtype=dtype), torch.ones(units, dtype=dtype),
                      initializer((2 * units,), dtype=dtype)])  # fmt: skip


@LAYERS.register()
class GRUCell(DenseCell):
    """Gated recurrent unit. With gates ``z, r, h`` in this order along the weights' last axis, ``s`` the recurrent
    activation, ``x_* = x @ kernel_* + bias_*`` and ``u_* = h @ recurrent_kernel_* + recurrent_bias_*``::

        z = s(x_z + u_z);  r = s(x_r + u_r)
        n = activation(x_h + r * u_h)                                reset_after=True
        n = activation(x_h + (r * h) @ recurrent_kernel_h)           reset_after=False
        h' = z * h + (1 - z) * n

    Arguments, besides :class:`DenseCell`'s, whose shapes and errors hold, too:
        recurrent_activation: of the gates (Keras 1: ``inner_activation``; up to Keras 2.2 ``"hard_sigmoid"``).
        implementation: with 1, and whenever there is recurrent dropout, dropout draws anew for each gate.
        reset_after: whether the reset gate acts after the matrix product (up to Keras 2.3 ``False``).

    Weights: ``kernel`` ``(features, 3 * units)``, ``recurrent_kernel`` ``(units, 3 * units)``, ``bias``
    ``(2, 3 * units)``, or ``(3 * units,)`` with ``reset_after=False``.

    Source: https://keras.io/api/layers/recurrent_layers/gru_cell/

    >>> output, states = GRUCell(3)(torch.zeros(2, 4), [torch.zeros(2, 3)])
    >>> output.shape
    torch.Size([2, 3])
    """

    gates = 3

    def __init__(
        self,
        units: Int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        implementation: Literal[0, 1, 2] = 2,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
                         kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
                         recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, **kwargs)  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.implementation = implementation
        self._masks_per_gate = implementation == 1 or self.recurrent_dropout > 0
        self.reset_after = reset_after

    def get_config(self) -> dict[str, Any]:
        # Not among Keras 3's keys, so that it is written when it says something.
        return {key: value for key, value in super().get_config().items() if (key, value) != ("implementation", 2)}

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def input_bias(self) -> Any:
        return self.bias if self.bias is None or not self.reset_after else self.bias[0]

    def stepper(self, masks: Any = None) -> Step:
        gate, activation = self.recurrent_activation, self.activation
        if self.reset_after:
            recurrent = self._recurrent(masks, self.recurrent_kernel, None if self.bias is None else self.bias[1])

            def step(x: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
                (x_z, x_r, x_h), (u_z, u_r, u_h) = x.chunk(3, -1), recurrent(None, states[0])
                n = activation(torch.addcmul(x_h, gate(x_r + u_r), u_h))
                h = torch.lerp(n, states[0], gate(x_z + u_z))
                return h, [h]

            return step
        kernel_zr, kernel_h = self.recurrent_kernel.split([2 * self.units, self.units], 1)
        recurrent = self._recurrent(masks, kernel_zr)
        last = masks[2] if isinstance(masks, list) else masks

        def step_before(x: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
            x_zr, x_h = x.split([2 * self.units, self.units], -1)
            z, r = recurrent(x_zr, states[0])
            h = states[0] if last is None else states[0] * last
            n = activation(torch.addmm(x_h, gate(r) * h, kernel_h))
            h = torch.lerp(n, states[0], gate(z))
            return h, [h]

        return step_before

    @property
    def packs(self) -> bool:
        """Whether its kernel takes rows of different lengths."""
        return self.reset_after and gate_of(self.recurrent_activation) is SIGMOID

    def _has_kernel(self, inputs: torch.Tensor) -> bool:
        usual = self.activation in _TANH and gate_of(self.recurrent_activation) is not None
        return usual and (self.packs or is_eager_on_cpu(inputs, self.kernel))

    def fused(
        self, inputs: torch.Tensor, states: States, masks: Any = None, lengths: Any = None, every_step: bool = True
    ) -> tuple[torch.Tensor, States]:
        inputs = _dropped(inputs, masks)
        if lengths is None and is_eager_on_cpu(inputs, self.kernel):
            return self.fused_together([self], [inputs], [states], every_step)[0]
        weights = [self.kernel.t(), self.recurrent_kernel.t(), *(() if self.bias is None else self.bias.unbind(0))]
        return torch_recurrent.gru(inputs, states, [torch_recurrent.reset_first(weight) for weight in weights], lengths)

    def joins(self, other: Any, inputs: torch.Tensor) -> bool:
        alike = type(other) is type(self) and all(
            getattr(other, name) == getattr(self, name) for name in ("units", "reset_after", "recurrent_activation")
        )
        return alike and is_eager_on_cpu(inputs, self.kernel)

    @staticmethod
    def fused_together(
        cells: Sequence[Any], inputs: Sequence[torch.Tensor], states: Sequence[States], every_step: bool = True
    ) -> list[tuple[torch.Tensor, States]]:
        directions, gate = [], gate_of(cells[0].recurrent_activation) or SIGMOID
        for cell, x, before in zip(cells, inputs, states, strict=True):
            bias = cell.kernel.new_zeros(cell._bias_shape()) if cell.bias is None else cell.bias
            torch_recurrent.check(x, before, [cell.kernel.t(), cell.recurrent_kernel.t()])
            directions.append((x, before[0], *gru_steps.with_slope(gate, cell.kernel, cell.recurrent_kernel, bias)))
        outputs = gru_steps.run(cells[0].reset_after, directions, every_step, gate)
        return [(output, [output[:, -1] if every_step else output]) for output in outputs]


@LAYERS.register()
class StackedRNNCells(AbstractRNNCell):
    """Cells one upon the other, as one cell: each takes the output of the one before.

    Arguments:
        cells: the cells, in order.

    Shape: ``(batch, features)`` and the states of each cell -> the last cell's output, and a list of each cell's new
    states (a tensor for a cell with one state, a list for more).

    Raises:
        ValueError: for a cell without ``call`` or ``state_size``.

    Source: https://keras.io/api/layers/recurrent_layers/stacked_rnn_cell/

    >>> cells = StackedRNNCells([LSTMCell(3), GRUCell(2)])
    >>> output, states = cells(torch.zeros(1, 4), cells.get_initial_state(1))
    >>> output.shape
    torch.Size([1, 2])
    """

    _computes = False

    def __init__(self, cells: Sequence[CellLike], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.cells: Any = [checked_cell(cell, who(self)) for cell in cells]
        if not self.cells:
            raise ValueError(f"{who(self)} needs at least one cell, and got none.")

    @property
    def state_size(self) -> Any:
        """What each cell says."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The last cell's."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        for cell in self.cells:
            build_cell(cell, shape)
            shape = (shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int | None = None, inputs: Any = None, dtype: Any = None) -> States:
        """Zeros, or what the cell says, for each cell."""
        batch = inputs.shape[0] if batch_size is None else batch_size
        return [_alone(cell, initial_state_of(cell, batch, inputs)) for cell in self.cells]

    def call(self, inputs: Any, states: Any) -> Any:
        after = []
        for cell, before in zip(self.cells, states, strict=True):
            nested = isinstance(before, (list, tuple))
            inputs, new = call_cell(cell, inputs, list(before) if nested else [before])
            after.append(new if nested else new[0])
        return in_compute_type(self, (inputs, after))

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs_shape: Shape, states_shape: Any = None
    ) -> Any:
        return (inputs_shape[0], self.output_size), map_structure(lambda size: (inputs_shape[0], size), self.state_size)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        return super().from_config(config | {"cells": [deserialize(cell, custom_objects) for cell in config["cells"]]})


def _alone(cell: Any, states: States) -> Any:
    return states if isinstance(cell.state_size, (list, tuple)) else states[0]
