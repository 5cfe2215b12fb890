"""What cells have in common, lamina's and yours: states, dropout, weights, and the part that a sequence does at once.

Letters in shapes: B batch, T steps, F input features, U units, G gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, random, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import fraction, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import Layer
from lamina.engine.precision import as_float, type_for
from lamina.engine.types import Int, LayerOptions
from lamina.graph.symbolic import Shape, map_structure
from lamina.initializers import InitializerLike
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight

States = list[Any]
Step = Callable[[Any, States], tuple[torch.Tensor, States]]


class CellLike(Protocol):
    """What checkers ask of a cell: a ``state_size``. What else it needs, a layer or any object, a call tells."""

    @property
    def state_size(self) -> Any: ...


class AbstractRNNCell(Layer):
    """The base of cells, lamina's and yours: a layer with ``state_size`` and ``call(inputs, states)``.

    A class of yours sets ``state_size`` (an integer, or a list of one for each state) and, where the output has another
    size than the first state, ``output_size``; its ``call`` returns ``(output, new_states)``. ``RNN`` takes any object
    with ``state_size`` and ``call``, so that this base only saves you ``get_initial_state``.

    Source: https://www.tensorflow.org/api_docs/python/tf/keras/layers/AbstractRNNCell

    >>> class Sum(AbstractRNNCell):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         return inputs + states[0], [inputs + states[0]]
    >>> Sum().get_initial_state(2)
    [tensor([[0., 0., 0.],
            [0., 0., 0.]])]
    """

    state_size: Any
    output_size: Any = None

    def get_initial_state(self, batch_size: int | None = None, inputs: Any = None, dtype: Any = None) -> States:
        """Zeros for each state; ``inputs`` may be given in place of ``batch_size``."""
        batch = inputs.shape[0] if batch_size is None else batch_size
        like = torch.empty(0, dtype=self._compute_dtype) if inputs is None else inputs
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return [map_structure(lambda size: like.new_zeros(batch, size), size) for size in sizes]


class Cell(AbstractRNNCell):
    """The base of lamina's cells: activation, weights and dropout, whatever the products with the weights are.

    Arguments:
        activation: of the output, a name or function.
        use_bias: whether biases are added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights start (Keras 1: ``init``,
            ``inner_init``).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights (Keras 1:
            ``W_regularizer``, ``U_regularizer``, ``b_regularizer``).
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: in training, the part of the inputs, or of the state, that is set to 0, the same at
            all steps of a sequence (Keras 1: ``dropout_W``, ``dropout_U``).
        seed: where a stream of random numbers of the cell's own starts; by default torch's stream is used.

    Raises:
        ValueError: when a dropout is not from 0 to 1.
    """

    gates: ClassVar[int]

    kernel: Weight
    recurrent_kernel: Weight
    bias: Weight | None

    def __init__(
        self,
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
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = fraction(dropout, "dropout", self)
        self.recurrent_dropout = fraction(recurrent_dropout, "recurrent_dropout", self)
        self.seed = seed
        self.seed_generator = None if seed is None else random.SeedGenerator(seed)
        self._masks_per_gate = False
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    # -- the mathematics --

    def project(self, inputs: torch.Tensor, masks: Any = None) -> torch.Tensor:
        """The inputs' part of all gates, for inputs of one step ``(B, ...)`` or of all ``(B, T, ...)``, dropped out by
        ``masks``."""
        raise NotImplementedError

    def stepper(self, masks: Any = None) -> Step:
        """The function ``(projected inputs, states) -> (output, new states)``; ``masks`` drop out the state."""
        raise NotImplementedError

    def call(self, inputs: torch.Tensor, states: Any) -> Any:
        nested = isinstance(states, (list, tuple))
        rows = inputs.shape[0] if inputs.dim() > 1 else 1
        before = [for_rows(state, rows) for state in (states if nested else [states])]
        masks = self.get_dropout_mask(inputs), self.get_recurrent_dropout_mask(before[0])
        output, after = self.stepper(masks[1])(self.project(inputs, masks[0]), before)
        return output, after if nested else after[0]

    def fusable(self, inputs: torch.Tensor) -> bool:
        """Whether a kernel computes what this cell does, now."""
        return self._has_kernel(inputs) and not self._drops_by_gate()

    def _has_kernel(self, inputs: torch.Tensor) -> bool:
        return False

    def _drops_by_gate(self) -> bool:
        per_gate = self.recurrent_dropout > 0 or (self.dropout > 0 and self._masks_per_gate)
        return self.training and per_gate

    @property
    def packs(self) -> bool:
        """Whether its kernel takes rows of different lengths."""
        return True

    def fused(
        self, inputs: torch.Tensor, states: States, masks: Any = None, lengths: Any = None, every_step: bool = True
    ) -> tuple[torch.Tensor, States]:
        """All steps in one call of a kernel: outputs ``(B, T, U)`` and last states; without ``every_step`` the states only
        are to be relied upon. ``masks`` drop out the inputs, the same at all steps."""
        raise NotImplementedError

    def joins(self, other: Any, inputs: torch.Tensor) -> bool:
        """Whether a kernel runs this cell and ``other`` side by side, which :meth:`fused_together` does."""
        return False

    @staticmethod
    def fused_together(
        cells: Sequence[Any], inputs: Sequence[torch.Tensor], states: Sequence[States], every_step: bool = True
    ) -> list[tuple[torch.Tensor, States]]:
        """:meth:`fused` of each cell, in one call."""
        raise NotImplementedError

    # -- dropout --

    def draw_masks(self, like: torch.Tensor, rate: float) -> Any:
        """Dropout's factors for tensors like this one: ``None`` without dropout, a list of one per gate, or one tensor."""
        if not self.training or rate == 0:
            return None
        ones = torch.ones_like(like)
        if not self._masks_per_gate:
            return random.dropout(ones, rate, seed=self.seed_generator)
        return [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(self.gates)]

    def get_dropout_mask(self, step_input: torch.Tensor) -> Any:
        """The factors for the inputs, which stay until :meth:`reset_dropout_mask`: a loop of your own calls it when a
        new sequence begins. ``RNN`` sees to it by itself."""
        if _unfit(self._dropout_mask, step_input):
            self._dropout_mask = self.draw_masks(step_input, self.dropout)
        return self._dropout_mask if self.training else None

    def get_recurrent_dropout_mask(self, step_input: torch.Tensor) -> Any:
        """The factors for the state, as :meth:`get_dropout_mask`."""
        if _unfit(self._recurrent_dropout_mask, step_input):
            self._recurrent_dropout_mask = self.draw_masks(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask if self.training else None

    def reset_dropout_mask(self) -> None:
        """Draw new factors for the inputs at the next step."""
        self._dropout_mask: Any = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw new factors for the state at the next step."""
        self._recurrent_dropout_mask: Any = None


class DenseCell(Cell):
    """The base of cells whose products are matrix products.

    Arguments, besides :class:`Cell`'s:
        units: the size of the output and of each state (Keras 1: ``output_dim``).

    Shape: ``(batch, features)`` and states ``(batch, units)`` -> ``(batch, units)`` and new states.

    Raises:
        ValueError: when ``units`` is not a positive integer, or the features are unknown.
    """

    def __init__(self, units: Int, *args: Any, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(*args, **kwargs)
        self.units = positive_int(units, "units", self)
        self.state_size: Any = self.units
        self.output_size = self.units

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{who(self)} needs to know the number of features of its inputs, and got {input_shape}.")
        width = self.gates * self.units
        # Stored so that `.t()` is contiguous, which torch's kernels take without a copy.
        self.kernel = self.add_weight(
            name="kernel", shape=(features, width), layout=(1, 0), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), layout=(1, 0), initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=self._bias_shape(), initializer=self._initial_bias,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint) if self.use_bias else None  # fmt: skip

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _initial_bias(self, shape: Any, dtype: Any = None) -> Any:
        return self.bias_initializer(shape, dtype=dtype)

    @property
    def input_bias(self) -> Any:
        """What is added to ``inputs @ kernel``."""
        return self.bias

    def project(self, inputs: torch.Tensor, masks: Any = None) -> torch.Tensor:
        if not isinstance(masks, list):
            inputs = inputs if masks is None else inputs * masks
            return F.linear(inputs, self.kernel.t(), self.input_bias)  # (*, F) -> (*, G * U)
        parts = [F.linear(inputs * mask, kernel)
                 for mask, kernel in zip(masks, self.kernel.t().chunk(self.gates), strict=True)]  # fmt: skip
        projected = torch.cat(parts, -1)
        return projected if self.input_bias is None else projected + self.input_bias

    def _recurrent(self, masks: Any, kernel: torch.Tensor, bias: Any = None) -> Callable[..., Any]:
        """``(x, h) -> x + h @ kernel + bias`` by gates; ``x`` may be left out by passing ``None``."""
        gates = kernel.shape[1] // self.units
        if not isinstance(masks, list):

            def together(x: torch.Tensor | None, h: torch.Tensor) -> Any:
                h = h if masks is None else h * masks
                added = bias if x is None else x
                product = h @ kernel if added is None else torch.addmm(added, h, kernel)  # (B, U) -> (B, G * U)
                return product.chunk(gates, -1)

            return together
        stacked = torch.stack(masks[:gates])  # (G, B, U)
        kernels_of_gates = kernel.unflatten(1, (gates, self.units)).transpose(0, 1)  # (U, G * U) -> (G, U, U)

        def apart(x: torch.Tensor | None, h: torch.Tensor) -> Any:
            added = bias if x is None else x
            products = torch.matmul(h * stacked, kernels_of_gates).unbind(0)  # (B, U) -> G of (B, U)
            if added is None:
                return products
            return [part + product for part, product in zip(added.chunk(gates, -1), products, strict=True)]

        return apart

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs_shape: Shape, states_shape: Any = None
    ) -> Any:
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        nested = states_shape is None or isinstance(states_shape, list)
        states = [(inputs_shape[0], size) for size in sizes]
        return (inputs_shape[0], self.units), states if nested else states[0]


def for_rows(state: Any, batch: int) -> Any:
    """A state of ``batch`` rows: that of one row is the one of all."""
    return state.expand(batch, *state.shape[1:]) if state.dim() > 1 and state.shape[0] == 1 != batch else state


def _unfit(masks: Any, like: torch.Tensor) -> bool:
    mask = masks[0] if isinstance(masks, list) else masks
    return mask is None or mask.shape != like.shape


# ---- any object as a cell --------------------------------------------------------------------------------------------


def checked_cell(cell: Any, owner: str) -> Any:
    """``cell``, when it can be one.

    Raises:
        ValueError: when it has no ``call`` or no ``state_size``.
    """
    for name in ("call", "state_size"):
        if getattr(cell, name, None) is None and name not in dir(cell):
            raise ValueError(f"{owner} needs a cell with `call(inputs, states)` and `state_size`, and got {cell!r}, which "
                             f"has no `{name}`.")  # fmt: skip
    return cell


def output_size_of(cell: Any) -> Any:
    """A cell's ``output_size``; a cell that states none gives its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def build_cell(cell: Any, shape: Any) -> None:
    """Build a cell, if it is a layer and not built yet."""
    if isinstance(cell, Layer) and not cell.built:
        cell.build(shape)
        cell.built = True


def initial_state_of(cell: Any, batch_size: int, inputs: Any = None) -> States:
    """What a cell starts from: a list, whatever the cell gives."""
    if isinstance(cell, AbstractRNNCell) and cell._is_builtin:
        return cell.get_initial_state(batch_size, inputs)
    like = torch.empty(0) if inputs is None else inputs
    given = getattr(cell, "get_initial_state", None)
    if given is not None:
        states = given(batch_size=batch_size)
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        return map_structure(lambda state: state.to(like) if inputs is not None else state, states)
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [map_structure(lambda size: like.new_zeros(batch_size, size), size) for size in sizes]


def for_cell(cell: Any, tensors: Any) -> Any:
    """Inputs and states in the type that a cell computes in; any object but a layer takes them as they are."""
    if not isinstance(cell, Layer):
        return tensors
    return map_structure(lambda leaf: as_float(leaf, type_for(cell, leaf.dtype)), tensors)


def call_cell(cell: Any, inputs: Any, states: States, **kwargs: Any) -> tuple[Any, States]:
    """One step of any cell: the output, and the new states as a list."""
    inputs, states = for_cell(cell, (inputs, states))
    if isinstance(cell, Layer) and "training" in cell._call_arguments:
        kwargs["training"] = cell.training
    run = cell.forward if isinstance(cell, Layer) else cell.call
    output, after = run(inputs, states, **kwargs)
    return output, list(after) if isinstance(after, (list, tuple)) else [after]
