"""``Recurrent`` and ``ConvRecurrent2D``: what recurrent layers of Keras 1 and early 2 were subclasses of, and yours may be.

``RNN`` around a cell is the same in today's words, and shorter.
"""

from __future__ import annotations

from typing import Any, Unpack

import torch

from lamina.engine.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, Int, Ints, LayerOptions, Padding
from lamina.graph.symbolic import Shape, leaves
from lamina.kernels.windows import slid_shape
from lamina.layers.recurrent import inputs_apart
from lamina.layers.scanning import Wanted, per_step, scan


class _Steps:
    """A layer's own ``step`` as the cell that a scan takes; what is constant over the steps comes after the states."""

    state_size = None

    def __init__(self, layer: Recurrent, constants: list[Any]) -> None:
        self._layer = layer
        self._constants = constants

    def call(self, inputs: Any, states: list[Any]) -> Any:
        return self._layer.step(inputs, [*states, *self._constants])


@LAYERS.register()
class Recurrent(Layer):
    """The base of recurrent layers in Keras 1's way: ``output, states = step(x[:, t], states + constants)`` for each ``t``.

    A class of yours has ``units`` (or ``output_dim``), makes its weights in ``build``, and writes ``step``. Where it has more
    than one state, it sets ``self.states = [None, None]``. It may write ``preprocess_input(inputs)``, which a whole
    sequence goes through before; ``get_constants(inputs)``, a list that ``step`` gets after the states; and
    ``get_initial_state(inputs)`` (Keras 1: ``get_initial_states``).

    Arguments:
        return_sequences: whether the outputs of all steps are returned, not only the last.
        return_state: whether the last states are returned, too, after the output.
        go_backwards: whether the steps are taken from the last to the first.
        stateful: whether each row of a batch goes on from the states in which the same row of the last batch ended.
        unroll: of no effect: torch needs no unrolling.

    Call arguments: ``inputs``; ``mask`` ``(batch, steps)``; ``initial_state``, a list of tensors. The list
    ``[inputs, *initial_state]`` means the same.

    Shape: ``(batch, steps, features) -> (batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``.

    Raises:
        NotImplementedError: when the class has no ``step``.
        ValueError: when it has neither ``units`` nor ``output_dim``, where its states or shape are asked for.

    Source: https://github.com/keras-team/keras/blob/1.2.2/keras/layers/recurrent.py

    >>> class Decay(Recurrent):
    ...     units = 3
    ...     def step(self, x, states):
    ...         total = x + 0.5 * states[0]
    ...         return total, [total]
    >>> Decay()(torch.ones(1, 2, 3))
    tensor([[1.5000, 1.5000, 1.5000]])
    """

    supports_masking = True
    states: Any = (None,)

    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self._makes_masks = False  # a mask passes or ends here; none begins

    # -- to override --

    def step(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output of one step, and the new states."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `step(inputs, states)`, which says what one step computes."
        )

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """What the steps are taken from: the inputs, unless a class computes something of all steps at once."""
        return inputs

    def get_constants(self, inputs: Any, training: Any = None) -> list[Any]:
        """What ``step`` gets at each step after the states."""
        return []

    def get_initial_states(self, inputs: Any) -> list[Any]:
        """The states that a sequence starts from: zeros."""
        return [inputs.new_zeros(inputs.shape[0], *self._state_sizes(tuple(inputs.shape))) for _ in self.states]

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """As :meth:`get_initial_states` (Keras 2)."""
        return self.get_initial_states(inputs)

    def reset_states(self, states: Any = None) -> None:
        """Forget a stateful layer's states, or set them to ``states``."""
        self.states = [None for _ in self.states] if states is None else [torch.as_tensor(state) for state in states]

    # -- the scan --

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], (list, tuple)):
            args, kwargs = inputs_apart(args, kwargs, len(self.states))
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any, mask: Any = None, initial_state: Any = None) -> Any:
        x, constants = self.preprocess_input(inputs), list(self.get_constants(inputs))
        states = self._starting(inputs, initial_state)
        if self.go_backwards:
            x, mask = x.flip(1), None if mask is None else mask.flip(1)
        output, after = scan(_Steps(self, constants), x, states, mask, Wanted(every_step=self.return_sequences))
        if self.stateful:
            self.states = [state.detach() for state in after]
        return (output, *after) if self.return_state else output

    def _starting(self, inputs: Any, initial_state: Any) -> list[Any]:
        if initial_state is not None:
            return leaves(initial_state)
        if self.stateful and all(isinstance(state, torch.Tensor) for state in self.states):
            return list(self.states)
        return list(self.get_initial_state(inputs))

    # -- shapes and masks --

    def _state_sizes(self, shape: Shape) -> Shape:
        """The shape of a state, and of the output of a step, without the batch; ``shape`` is the inputs'."""
        size = getattr(self, "units", None) or getattr(self, "output_dim", None)
        if size is None:
            raise ValueError(f"{who(self)} needs to know the size of its output: set `units` in its class.")
        return (size,)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        batch, sizes = input_shape[0], self._state_sizes(input_shape)
        output = (batch, input_shape[1], *sizes) if self.return_sequences else (batch, *sizes)
        return (output, *((batch, *sizes) for _ in self.states)) if self.return_state else output

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = per_step(leaves(previous_mask)[0]) if self.return_sequences and previous_mask is not None else None
        return [mask] + [None] * len(self.states) if self.return_state else mask


@LAYERS.register()
class ConvRecurrent2D(Recurrent):
    """The base of recurrent layers over images in Keras 1's way: :class:`Recurrent` with a convolution's arguments.

    The class computes no convolution by itself: ``step`` does, by means of these arguments. Shapes follow from them, and so
    do the states, which have the output's shape.

    Arguments:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or a pair (Keras 1: ``nb_row, nb_col``).
        strides: the window's step.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"`` (Keras 1: ``dim_ordering``).
        dilation_rate: the step between the window's points.
        return_sequences, return_state, go_backwards, stateful: as :class:`Recurrent`'s.

    Shape: ``(batch, steps, height, width, channels) -> (batch, new_height, new_width, filters)``, with a steps axis with
    ``return_sequences``.

    Raises:
        ValueError: for an argument out of its range.

    Source: https://github.com/keras-team/keras/blob/1.2.2/keras/layers/convolutional_recurrent.py

    >>> class Blend(ConvRecurrent2D):
    ...     def step(self, x, states):
    ...         mixed = (x + states[0]) / 2
    ...         return mixed, [mixed]
    >>> Blend(3, 1)(torch.ones(1, 2, 4, 4, 3))[0, 0, 0]
    tensor([0.7500, 0.7500, 0.7500])
    """

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self.kernel_size = int_tuple(kernel_size, 2, "kernel_size", self)
        self.strides = int_tuple(strides, 2, "strides", self)
        self.padding = one_of(padding, ("valid", "same"), "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.dilation_rate = int_tuple(dilation_rate, 2, "dilation_rate", self)
        self.input_spec = InputSpec(ndim=5)

    def _state_sizes(self, shape: Shape) -> Shape:
        extent = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        is_last = self.data_format == "channels_last"
        return slid_shape(self, (shape[0], *shape[2:]), extent, self.strides, self.padding, is_last, self.filters)[1:]
