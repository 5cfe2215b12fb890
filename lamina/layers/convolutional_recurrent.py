"""Convolutional LSTMs: recurrent layers whose matrix products are convolutions over images, or over 1 or 3 axes.

The convolution of the inputs is done for all steps at once. Inside, tensors are in torch's order ``(B, C, *S)``: to views
of channels-last memory where the data are channels-last, so that nothing is copied.
"""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch.nn import functional as F

from lamina import activations
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec
from lamina.engine.types import DataFormat, Int, Ints, LayerOptions, OtherOptions, Padding
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.kernels import convolution
from lamina.kernels.convolution import CONVOLUTIONS, pads_itself
from lamina.kernels.windows import same_padding, slid_shape
from lamina.layers.cell import Cell, States, Step
from lamina.layers.cells import lstm_bias, lstm_step
from lamina.layers.recurrent import CellLayer, shared_with_cell
from lamina.regularizers import RegularizerLike


class ConvLSTMCell(Cell):
    """An LSTM cell on images. With gates ``i, f, c, o`` in this order along the weights' last axis, ``*`` convolution, ``s``
    the recurrent activation and ``z = kernel * x + bias + recurrent_kernel * h``::

        c' = s(z_f) c + s(z_i) activation(z_c)
        h' = s(z_o) activation(c')

    The base of ``ConvLSTM1DCell`` to ``ConvLSTM3DCell``.

    Arguments, besides :class:`LSTMCell`'s:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or one for each axis (Keras 1: ``nb_row, nb_col``).
        strides: the step of the convolution of the inputs (Keras 1: ``subsample``).
        padding: of the inputs, ``"valid"`` or ``"same"``; the state is always padded (Keras 1: ``border_mode``).
        data_format: ``"channels_last"`` or ``"channels_first"`` (Keras 1: ``dim_ordering``).
        dilation_rate: the step between the window's points, for the inputs.

    Shape: ``(batch, *size, channels)`` and states ``(batch, *new_size, filters)``. Weights: ``kernel``
    ``(*kernel_size, channels, 4 * filters)``, ``recurrent_kernel`` ``(*kernel_size, filters, 4 * filters)``, ``bias``
    ``(4 * filters,)``.

    Raises:
        ValueError: for sizes that are not positive or not known, and strides together with dilation.
    """

    rank: ClassVar[int]
    gates = 4

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
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
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
                         kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
                         recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed, **kwargs)  # fmt: skip
        self.filters = positive_int(filters, "filters", self)
        self.kernel_size = int_tuple(kernel_size, self.rank, "kernel_size", self)
        self.strides = int_tuple(strides, self.rank, "strides", self)
        self.padding = one_of(padding, ("valid", "same"), "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.dilation_rate = int_tuple(dilation_rate, self.rank, "dilation_rate", self)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"{who(self)} can't have strides {self.strides} together with dilation_rate "
                             f"{self.dilation_rate}: one of them must be 1.")  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.filters, self.filters]
        self.output_size = self.filters
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._masks_per_gate = True
        self._settle_axes()

    def _settle_axes(self) -> None:
        space = range(self.rank)
        self._channels_last = self.data_format == "channels_last"
        self._to_torch = (0, self.rank + 1, *(axis + 1 for axis in space)) if self._channels_last else None
        self._from_torch = (0, *(axis + 2 for axis in space), 1)  # (B, C, *S) -> (B, *S, C)
        self._kernel_to_torch = (self.rank + 1, self.rank, *space)  # (*K, in, out) -> (out, in, *K)
        self._extent = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        self._channel_axis = -1 if self._channels_last else 1
        self._window = convolution.told(self.kernel_size, self.strides, self.dilation_rate)
        self._recurrent_window = None, (1,) * self.rank, (1,) * self.rank

    def build(self, input_shape: Shape) -> None:
        sizes = input_shape[1:]
        if None in sizes:
            raise ValueError(f"{who(self)} needs to know all sizes of its inputs but the batch, and got {input_shape}.")
        channels: Any = sizes[self._channel_axis if self._channels_last else 0]
        self._state_shape = self.compute_output_shape(input_shape)[0][1:]
        # The kernels' axes in the order of memory: as torch likes it for the data's own order.
        space = range(self.rank)
        layout = (self.rank + 1, *space, self.rank) if self._channels_last else self._kernel_to_torch
        self._reordered = convolution.mixes_rows(self.strides, channels)
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, channels, 4 * self.filters),
            layout=self._kernel_to_torch if self._reordered else layout,
            initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint)  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(*self.kernel_size, self.filters, 4 * self.filters), layout=layout,
            initializer=self.recurrent_initializer, regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=(4 * self.filters,), initializer=self._initial_bias,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint) if self.use_bias else None  # fmt: skip
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=dict(enumerate(sizes, 1)))

    def _initial_bias(self, shape: Any, dtype: Any = None) -> Any:
        return lstm_bias(self.bias_initializer, self.filters, self.unit_forget_bias, dtype)

    def get_initial_state(self, batch_size: int | None = None, inputs: Any = None, dtype: Any = None) -> States:
        """Zeros for both states; known once the cell is built."""
        batch = inputs.shape[0] if batch_size is None else batch_size
        like = torch.empty(0, dtype=self._compute_dtype) if inputs is None else inputs
        return [like.new_zeros(batch, *self._state_shape) for _ in range(2)]

    def project(self, inputs: torch.Tensor, masks: Any = None) -> torch.Tensor:
        steps = inputs.shape[:2] if inputs.dim() == self.rank + 3 else None
        x, groups = self._for_gates(inputs, masks)
        x = x if steps is None else x.flatten(0, 1)  # (B, T, *S, C) -> (B * T, *S, C)
        strides, same = self.strides, self.padding == "same"
        sizes = x.shape[1:-1] if self._channels_last else x.shape[2:]
        pads = [same_padding(*axis) for axis in zip(sizes, self._extent, strides, strict=True)] if same else None
        x = self._convolve(x, self.kernel, self.bias, pads, self._window, groups)
        return x if steps is None else x.unflatten(0, steps)  # -> (B, T, *S, 4 * filters)

    def stepper(self, masks: Any = None) -> Step:
        pads = [same_padding(size, size, 1) for size in self.kernel_size]
        activation, gate, axis = self.activation, self.recurrent_activation, self._channel_axis

        def step(x: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
            h, groups = self._for_gates(states[0], masks)
            z = x + self._convolve(h, self.recurrent_kernel, None, pads, self._recurrent_window, groups)
            return lstm_step(z.chunk(4, axis), states[1], activation, gate)

        return step

    def _for_gates(self, x: torch.Tensor, masks: Any) -> tuple[torch.Tensor, int]:
        """What is to be convolved, and in how many groups: gates that drop out different inputs each have their own."""
        if masks is None:
            return x, 1
        axis = self._channel_axis if self._channels_last else x.dim() - self.rank - 1
        return torch.cat([x * mask for mask in masks], axis), 4

    def _convolve(
        self, x: torch.Tensor, kernel: torch.Tensor, bias: Any, pads: Any, window: Any, groups: int
    ) -> torch.Tensor:
        points, strides, dilation = window
        x = x if self._to_torch is None else x.permute(self._to_torch)  # (B, *S, C) -> (B, C, *S)
        x = x if points is None else convolution.in_order(x[points], self._channels_last)
        padding: Any = 0
        if points is not None:
            pads = None  # a window of one point stands on one, wherever it stands
        extent = tuple((size - 1) * step + 1 for size, step in zip(self.kernel_size, dilation, strict=True))
        if pads is not None and all(before == after for before, after in pads) and pads_itself(x, extent):
            padding = tuple(before for before, _ in pads)  # torch's kernel pads by itself, which copies nothing
        elif pads is not None:
            x = F.pad(x, [side for pair in reversed(pads) for side in pair])
        x = convolution.in_order(x) if self._reordered and kernel is self.kernel else x
        weight = kernel.permute(self._kernel_to_torch)
        dtype = x.dtype
        if convolution.loses_numbers(x, self._extent, dilation, self.padding == "same" or kernel is not self.kernel):
            x, weight, bias = x.float(), weight.float(), None if bias is None else bias.float()
        x = CONVOLUTIONS[self.rank](x, weight, bias, strides, padding, dilation, groups)
        x = x if x.dtype is dtype else x.to(dtype)
        return x if self._to_torch is None else x.permute(self._from_torch)  # (B, C, *S) -> (B, *S, C)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs_shape: Shape, states_shape: Any = None
    ) -> Any:
        shape = slid_shape(
            self, inputs_shape, self._extent, self.strides, self.padding, self._channels_last, self.filters
        )
        return shape, [shape, shape]


class ConvLSTM1DCell(ConvLSTMCell):
    """The cell of :class:`ConvLSTM1D`. Arguments, weights and errors are :class:`ConvLSTMCell`'s."""

    rank = 1


@LAYERS.register()
class ConvLSTM2DCell(ConvLSTMCell):
    """The cell of :class:`ConvLSTM2D`. Arguments, weights and errors are :class:`ConvLSTMCell`'s.

    Source: https://arxiv.org/abs/1506.04214

    >>> cell = ConvLSTM2DCell(4, 3, padding="same")
    >>> cell.build((None, 8, 8, 3))
    >>> output, states = cell(torch.zeros(2, 8, 8, 3), cell.get_initial_state(2))
    >>> output.shape
    torch.Size([2, 8, 8, 4])
    """

    rank = 2


class ConvLSTM3DCell(ConvLSTMCell):
    """The cell of :class:`ConvLSTM3D`. Arguments, weights and errors are :class:`ConvLSTMCell`'s."""

    rank = 3


class ConvLSTM(CellLayer):
    """:class:`ConvLSTMCell` over a sequence: the base of ``ConvLSTM1D`` to ``ConvLSTM3D``.

    Arguments are the cell's, then :class:`RNN`'s.

    Shape: ``(batch, steps, *size, channels) -> (batch, *new_size, filters)``, with a steps axis with
    ``return_sequences``, and with the states ``h`` and ``c`` after it with ``return_state``; ``new_size`` is ``size`` with
    ``padding="same"``. Weights: ``kernel``, ``recurrent_kernel``, ``bias`` of ``layer.cell``.

    Raises:
        ValueError: as the cell; all sizes but the batch and the steps must be known.
    """

    cell_class: ClassVar[Any]

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
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
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        cell = self.cell_class(
            filters=filters, kernel_size=kernel_size, strides=strides, padding=padding, data_format=data_format,
            dilation_rate=dilation_rate, activation=activation, recurrent_activation=recurrent_activation,
            use_bias=use_bias, kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="conv_lstm_cell",
            **shared_with_cell(kwargs))  # fmt: skip
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful,
                         activity_regularizer=activity_regularizer, **kwargs)  # fmt: skip
        self.input_spec = InputSpec(ndim=cell.rank + 3)


@LAYERS.register()
class ConvLSTM1D(ConvLSTM):
    """Convolutional LSTM on sequences of series along one axis. Arguments, weights and errors are :class:`ConvLSTM`'s.

    Shape: ``(batch, steps, size, channels) -> (batch, new_size, filters)``.

    Source: https://keras.io/api/layers/recurrent_layers/conv_lstm1d/; Shi et al., https://arxiv.org/abs/1506.04214

    >>> ConvLSTM1D(4, 3)(torch.zeros(2, 5, 8, 3)).shape
    torch.Size([2, 6, 4])
    """

    cell_class = ConvLSTM1DCell


@LAYERS.register()
class ConvLSTM2D(ConvLSTM):
    """Convolutional LSTM on sequences of images. Arguments, weights and errors are :class:`ConvLSTM`'s.

    Shape: ``(batch, steps, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/recurrent_layers/conv_lstm2d/; Shi et al., https://arxiv.org/abs/1506.04214

    >>> ConvLSTM2D(4, 3)(torch.zeros(2, 5, 8, 8, 3)).shape
    torch.Size([2, 6, 6, 4])
    """

    cell_class = ConvLSTM2DCell


@LAYERS.register()
class ConvLSTM3D(ConvLSTM):
    """Convolutional LSTM on sequences of volumes. Arguments, weights and errors are :class:`ConvLSTM`'s.

    Shape: ``(batch, steps, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/recurrent_layers/conv_lstm3d/; Shi et al., https://arxiv.org/abs/1506.04214

    >>> ConvLSTM3D(4, 3)(torch.zeros(1, 2, 4, 4, 4, 3)).shape
    torch.Size([1, 2, 2, 2, 4])
    """

    cell_class = ConvLSTM3DCell
