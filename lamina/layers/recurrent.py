"""Recurrent layers: a cell over the steps of a sequence."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack

import torch

from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.dialects import habits
from lamina.engine import calling, precision
from lamina.engine.calling import who
from lamina.engine.construction import BASE_ARGUMENTS, argument_names
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import Int, LayerOptions, OtherOptions
from lamina.graph.symbolic import Shape, leaves, map_structure
from lamina.initializers import InitializerLike
from lamina.layers.cell import CellLike, DenseCell, build_cell, checked_cell, for_rows, initial_state_of, output_size_of
from lamina.layers.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from lamina.layers.scanning import Wanted, per_step, scan
from lamina.registry import deserialize, serialize
from lamina.regularizers import RegularizerLike


@LAYERS.register()
class RNN(Layer):
    """A cell over all steps of a sequence: ``output, states = cell(x[:, t], states)`` for each ``t``.

    Arguments:
        cell: a cell, or a list of cells that stand one upon the other. Any object with ``call(inputs, states)``, which
            returns ``(output, new_states)``, and ``state_size`` is one.
        return_sequences: whether the outputs of all steps are returned, not only the last.
        return_state: whether the last states are returned, too, after the output.
        go_backwards: whether the steps are taken from the last to the first (outputs are in the order of computing).
        stateful: whether each row of a batch goes on from the states in which the same row of the last batch ended.
        unroll: of no effect: torch needs no unrolling.
        zero_output_for_mask: whether masked steps give zeros, not the output of the step before.

    Call arguments: ``sequences``; ``initial_state``, a list of tensors for the states to start from (zeros otherwise);
    ``mask`` ``(batch, steps)``, ``False`` at steps to skip, in any pattern; ``constants``, a list that goes to the
    cell's ``call`` at each step (Keras 2). The list ``[sequences, *initial_state, *constants]`` means the same.

    Shape: ``(batch, steps, *features) -> (batch, output_size)``, or ``(batch, steps, output_size)``; with the states
    after it when ``return_state``. Weights are the cell's.

    Raises:
        ValueError: when ``cell`` is none, the inputs have not the axes that it takes, the number of initial states is not the
            cell's, or a stateful layer's batch changes its size.

    Source: https://keras.io/api/layers/recurrent_layers/rnn/

    >>> class Sum(Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = inputs + states[0]
    ...         return total, [total]
    >>> RNN(Sum())(torch.ones(1, 5, 3))
    tensor([[5., 5., 5.]])
    """

    _training_after = "mask"
    supports_masking = True

    def __init__(
        self,
        cell: CellLike | Sequence[CellLike],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        kwargs.pop("num_constants", None)  # of Keras 2's configs; the call says how many there are
        super().__init__(**kwargs)
        self.cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else checked_cell(cell, who(self))
        self._computes = not isinstance(self.cell, Layer)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self._makes_masks = False  # a mask passes or ends here; none begins
        first = self.cell.cells[0] if isinstance(self.cell, StackedRNNCells) else self.cell
        if isinstance(first, DenseCell) and first._is_builtin:  # a cell of the user's may take more
            self.input_spec = InputSpec(ndim=3)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences_shape: Shape, initial_state_shape: Any = None, constants_shape: Any = None
    ) -> None:
        batch = sequences_shape[0]
        step: Any = (batch, *sequences_shape[2:])
        build_cell(self.cell, [step, *constants_shape] if constants_shape and habits().cells_see_constants else step)
        if self.stateful:
            if batch is None:
                raise ValueError(f"{who(self)} is stateful and needs to know the batch size: give the model's first layer "
                                 f"or Input a batch_shape. It got {tuple(sequences_shape)}.")  # fmt: skip
            for index, state in enumerate(leaves(initial_state_of(self.cell, batch))):
                self.register_buffer(f"state_{index}", state, persistent=False)
        if self.input_spec is not None:
            sizes = dict(enumerate(sequences_shape))
            self.input_spec = InputSpec(ndim=len(sizes), axes={axis: sizes[axis] for axis in range(2, len(sizes))})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], (list, tuple)):
            args, kwargs = inputs_apart(args, kwargs, len(leaves(self.cell.state_size)))
        if kwargs.get("constants") is not None and not isinstance(kwargs["constants"], (list, tuple)):
            kwargs = {**kwargs, "constants": [kwargs["constants"]]}  # one by itself
        return super().__call__(*args, **kwargs)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, constants: Any = None, **kwargs: Any
    ) -> Any:
        if kwargs and kwargs.keys() - {"training"}:  # which subclasses may pass; the layer's mode is what counts
            raise TypeError(f"{who(self)} got an unknown argument {min(kwargs.keys() - {'training'})!r}.")
        run = self.prepared(sequences, initial_state, mask)
        more = {} if constants is None else {"constants": list(constants)}
        return self.finished(*scan(self.cell, *run, **more))

    def prepared(self, sequences: Any, initial_state: Any, mask: Any) -> tuple[Any, Any, Any, Wanted]:
        """What a scan of the cell takes: the steps in the order of computing, the states, the mask, what is wanted."""
        states = self._starting(sequences, initial_state)
        if mask is not None:
            check_steps(mask, sequences, self)
        if self.go_backwards:
            sequences, mask = sequences.flip(1), None if mask is None else mask.flip(1)
        return sequences, states, mask, Wanted(
            self.return_sequences, self.return_state or self.stateful, self.zero_output_for_mask,
            getattr(self, "use_cudnn", "auto") is not False)  # fmt: skip

    def finished(self, output: Any, states: Any) -> Any:
        """What ``call`` returns of a scan."""
        output, states = precision.in_compute_type(self, (output, states))
        if self.stateful:
            with torch.no_grad():
                for kept, state in zip(leaves(self.states), leaves(states), strict=True):
                    kept.copy_(state)
        return (output, *states) if self.return_state else output

    # -- states --

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states that a sequence starts from."""
        return initial_state_of(self.cell, batch_size or 1)

    @property
    def states(self) -> Any:
        """A stateful layer's states, as the last batch left them; ``None`` otherwise."""
        if "state_0" not in self._buffers:
            return None
        return self._as_states(self._flat_states())

    def _flat_states(self) -> list[Any]:
        return [state for name, state in self._buffers.items() if name.startswith("state_")]

    def _as_states(self, given: Any) -> list[Any]:
        """States in the structure that the cell states; a flat list will do."""
        sizes = self.cell.state_size if isinstance(self.cell.state_size, (list, tuple)) else [self.cell.state_size]
        flat = leaves(list(given) if isinstance(given, (list, tuple)) else [given])
        self._check_states([tuple(getattr(state, "shape", ())) for state in flat])
        values = iter(flat)
        return list(map_structure(lambda _: next(values), list(sizes)))

    def _check_states(self, shapes: list[Any]) -> None:
        sizes = leaves(self.cell.state_size)
        if len(sizes) != len(shapes):
            raise ValueError(f"{who(self)} has {len(sizes)} states, and got {len(shapes)} tensors for them.")
        for size, shape in zip(sizes, shapes, strict=True):
            if isinstance(size, int) and len(shape) == 2 and shape[1] not in (size, None):
                raise ValueError(f"{who(self)} needs states of shape (batch, {size}), and got one of shape {shape}.")

    def _starting(self, sequences: Any, initial_state: Any) -> list[Any]:
        if initial_state is not None:
            states, batch = self._as_states(initial_state), sequences.shape[0]
            return map_structure(lambda state: for_rows(state, batch), states)
        if not self.stateful:
            return initial_state_of(self.cell, sequences.shape[0], sequences)
        states = self._flat_states()
        if states[0].shape[0] != sequences.shape[0]:
            raise ValueError(f"{who(self)} is stateful and keeps the states of {states[0].shape[0]} rows; it got a batch of "
                             f"{sequences.shape[0]}.")  # fmt: skip
        return self._as_states([state.clone() for state in states])  # what gradients need must not be written over

    def reset_state(self, states: Any = None) -> None:
        """Set a stateful layer's states to zeros, or to ``states``."""
        if states is not None and self.states is None:
            raise ValueError(f"{who(self)} keeps no states to set: it is not stateful, or not built yet.")
        new = None if states is None else leaves(self._as_states(states))
        with torch.no_grad():
            for index, kept in enumerate(self._flat_states()):
                kept.copy_(torch.zeros_like(kept) if new is None else torch.as_tensor(new[index]))

    def reset_states(self, states: Any = None) -> None:
        """As :meth:`reset_state` (Keras 1 and 2)."""
        self.reset_state(states)

    # -- shapes, masks, config --

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Any:
        if initial_state_shape is not None:
            self._check_states(calling.shape_list(initial_state_shape))
        batch, steps = sequences_shape[:2]
        if getattr(self.cell, "rank", 0):  # a convolution over so many axes, whose states have the output's shape
            state = self.cell.compute_output_shape((batch, *sequences_shape[2:]))[0]
            output = (batch, steps, *state[1:]) if self.return_sequences else state
            return (output, state, state) if self.return_state else output
        size = output_size_of(self.cell)
        features = tuple(size) if isinstance(size, (tuple, list)) else (size,)
        output = (batch, steps, *features) if self.return_sequences else (batch, *features)
        sizes = self.cell.state_size if isinstance(self.cell.state_size, (list, tuple)) else [self.cell.state_size]
        return (
            (output, *(map_structure(lambda size: (batch, size), one) for one in sizes))
            if self.return_state
            else output
        )

    @property
    def state_size(self) -> Any:
        """The cell's: the size of its state, or a list of sizes."""
        return self.cell.state_size

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = per_step(leaves(previous_mask)[0]) if self.return_sequences and previous_mask is not None else None
        return [mask] + [None] * len(leaves(self.cell.state_size)) if self.return_state else mask

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        if isinstance(config.get("cell"), dict):
            config = config | {"cell": deserialize(config["cell"], custom_objects)}
        return super().from_config(config)


def check_steps(mask: Any, sequences: Any, layer: Layer) -> None:
    """Refuse a mask that is not of these sequences' steps."""
    if mask.dim() >= 2 and tuple(mask.shape[:2]) != tuple(sequences.shape[:2]):
        raise ValueError(f"{who(layer)} needs a mask of shape (batch, steps), here {tuple(sequences.shape[:2])}, and got "
                         f"{tuple(mask.shape)}.")  # fmt: skip


def inputs_apart(args: tuple[Any, ...], kwargs: dict[str, Any], states: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call ``([sequences, *initial_state, *constants])`` with its arguments apart."""
    sequences, *more = args[0]
    given = {"initial_state": more[:states], "constants": more[states:]}
    return (sequences, *args[1:]), {key: value for key, value in given.items() if value} | kwargs


class CellLayer(RNN):
    """The base of layers that make their own cell of their arguments. Those are attributes of the layer, too."""

    cell_class: ClassVar[type]
    # What Keras 3's configs do not hold, so that it is written only when it says something.
    silent: ClassVar[dict[str, Any]] = {"implementation": 2, "use_cudnn": "auto"}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cell_class: Any = getattr(cls, "cell_class", None)
        for name in inspect.signature(cls.__init__).parameters if cell_class is not None else ():
            if name in argument_names(cell_class) and name not in BASE_ARGUMENTS:
                setattr(cls, name, _of_cell(name))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"activity_regularizer": serialize(self.activity_regularizer)}
        del config["cell"]
        return {key: value for key, value in config.items() if key not in self.silent or value != self.silent[key]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        return super(RNN, cls).from_config(config)


def _of_cell(name: str) -> property:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's ``{name}``.")


def shared_with_cell(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Of a layer's further arguments, those that hold for its cell, too."""
    return {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}


def _cudnn(use_cudnn: Any, layer: Layer) -> Any:
    if use_cudnn not in ("auto", True, False):
        raise ValueError(f"{who(layer)} needs 'auto', True or False for use_cudnn, and got {use_cudnn!r}.")
    return use_cudnn


@LAYERS.register()
class SimpleRNN(CellLayer):
    """:class:`SimpleRNNCell` over a sequence: ``h' = activation(x @ kernel + bias + h @ recurrent_kernel)``.

    Arguments are the cell's, then :class:`RNN`'s. On torch's fused kernel with ``"tanh"`` or ``"relu"`` and no recurrent
    dropout in training; step by step otherwise.

    Shape: ``(batch, steps, features) -> (batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``.
    Weights: ``kernel``, ``recurrent_kernel``, ``bias`` of ``layer.cell``.

    Source: https://keras.io/api/layers/recurrent_layers/simple_rnn/

    >>> SimpleRNN(4)(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 4])
    """

    cell_class = SimpleRNNCell
    silent: ClassVar[dict[str, Any]] = {"seed": None}

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
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        cell = SimpleRNNCell(
            units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, name="simple_rnn_cell",
            **shared_with_cell(kwargs))  # fmt: skip
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll,
                         activity_regularizer=activity_regularizer, **kwargs)  # fmt: skip


@LAYERS.register()
class LSTM(CellLayer):
    """:class:`LSTMCell` over a sequence: long short-term memory.

    Arguments are the cell's, then :class:`RNN`'s. With the default activations and no recurrent dropout in training, it
    runs on torch's fused kernel, masked steps included; step by step otherwise, or with ``use_cudnn=False``.

    Shape: ``(batch, steps, features) -> (batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``; then
    the states ``h`` and ``c`` with ``return_state``. Weights: ``kernel``, ``recurrent_kernel``, ``bias`` of
    ``layer.cell``.

    Source: https://keras.io/api/layers/recurrent_layers/lstm/; Hochreiter and Schmidhuber, Long Short-Term Memory, 1997

    >>> LSTM(4)(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 4])
    >>> outputs, h, c = LSTM(4, return_sequences=True, return_state=True)(torch.zeros(2, 10, 3))
    >>> outputs.shape, c.shape
    (torch.Size([2, 10, 4]), torch.Size([2, 4]))
    """

    cell_class = LSTMCell

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
        unroll: bool = False,
        use_cudnn: bool | Literal["auto"] = "auto",
        implementation: Literal[0, 1, 2] = 2,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        cell = LSTMCell(
            units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed, implementation=implementation, name="lstm_cell",
            **shared_with_cell(kwargs))  # fmt: skip
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll,
                         activity_regularizer=activity_regularizer, **kwargs)  # fmt: skip
        self.use_cudnn = _cudnn(use_cudnn, self)


@LAYERS.register()
class GRU(CellLayer):
    """:class:`GRUCell` over a sequence: gated recurrent units.

    Arguments are the cell's, then :class:`RNN`'s. With the default activations, ``reset_after=True`` and no recurrent
    dropout in training, it runs on torch's fused kernel, masked steps included; step by step otherwise, or with
    ``use_cudnn=False``.

    Shape: ``(batch, steps, features) -> (batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``; then
    the state with ``return_state``. Weights: ``kernel``, ``recurrent_kernel``, ``bias`` of ``layer.cell``.

    Source: https://keras.io/api/layers/recurrent_layers/gru/; Cho et al., https://arxiv.org/abs/1406.1078

    >>> GRU(4)(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 4])
    """

    cell_class = GRUCell

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | Literal["auto"] = "auto",
        implementation: Literal[0, 1, 2] = 2,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        cell = GRUCell(
            units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            reset_after=reset_after, implementation=implementation, name="gru_cell",
            **shared_with_cell(kwargs))  # fmt: skip
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll,
                         activity_regularizer=activity_regularizer, **kwargs)  # fmt: skip
        self.use_cudnn = _cudnn(use_cudnn, self)
