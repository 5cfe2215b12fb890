"""Layers around a layer: over time, and in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import torch
from torch import nn

from lamina.engine import calling, precision
from lamina.engine.arguments import one_of
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import LayerOptions, OptionsButWeights
from lamina.graph.symbolic import Shape, SymbolicTensor, is_symbolic, leaves, map_structure, record
from lamina.layers.recurrent import RNN, check_steps, inputs_apart
from lamina.layers.scanning import can_scan_together, per_step, scan_together
from lamina.registry import CustomObjectScope, deserialize


@LAYERS.register()
class Wrapper(Layer):
    """The base of layers around another one, lamina's and yours.

    Arguments:
        layer: the inner layer, which is ``self.layer``.

    Raises:
        ValueError: when ``layer`` is not a layer.

    Source: https://keras.io/api/layers/base_layer/

    >>> from lamina.layers import Dense
    >>> class Twice(Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> Twice(Dense(3))(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    layer: Any  # a layer, or any module of torch's

    _builds_weights = False

    def __init__(self, layer: nn.Module, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, nn.Module):
            raise ValueError(f"{who(self)} needs a layer, and got {layer!r}.")
        self.layer = layer
        self._computes = not isinstance(layer, Layer)

    def build(self, input_shape: Any = None) -> None:
        if isinstance(self.layer, Layer) and not self.layer._built:
            self.layer.build(input_shape)
            self.layer.built = True

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        inner = {name: deserialize(config[name], custom_objects) for name in ("layer", "backward_layer")
                 if isinstance(config.get(name), dict)}  # fmt: skip
        return super().from_config(config | inner)


# Layers in which one row of a batch tells on another while they are trained: each step is a batch of its own.
_MIXING = frozenset({"BatchNormalization", "SpectralNormalization"})
# Layers that run a function of the user's, which may mix the rows, too.
_OPAQUE = frozenset({"Lambda"})


@LAYERS.register()
class TimeDistributed(Wrapper):
    """The inner layer on each step: ``output[:, t] = layer(inputs[:, t])``.

    All steps are computed as one large batch wherever that is the same; layers that look across the batch (batch
    normalization in training, stateful layers, functions and layers of your own) are called step by step.

    Arguments:
        layer: the layer, or model.

    Call arguments: ``inputs``, and ``mask`` ``(batch, steps, ...)``, which goes on to a layer that takes one.

    Shape: ``(batch, steps, *sizes) -> (batch, steps, *new_sizes)``, where the layer takes ``(batch, *sizes)`` to
    ``(batch, *new_sizes)``.

    Raises:
        ValueError: when ``layer`` is not a layer, the inputs have no steps, or the mask does not fit them.

    Source: https://keras.io/api/layers/recurrent_layers/time_distributed/

    >>> from lamina.layers import Dense
    >>> TimeDistributed(Dense(8))(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 10, 8])
    """

    _builds_weights = False
    _training_after = "inputs"
    supports_masking = True

    def __init__(self, layer: nn.Module, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self.takes_integers = getattr(layer, "takes_integers", True)
        self.input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape: Any = None) -> None:
        super().build((input_shape[0], *input_shape[2:]))
        self._one_batch = not any(is_opaque(module) for module in self.layer.modules())
        self._mixes = any(_is_mixing(module) for module in self.layer.modules())

    def call(self, inputs: torch.Tensor, mask: Any = None) -> Any:
        if mask is not None:
            if mask.dim() < 2:
                raise ValueError(f"{who(self)} needs a mask of shape (batch, steps), and got {tuple(mask.shape)}.")
            check_steps(mask, inputs, self)
            mask = mask if "mask" in getattr(self.layer, "_call_arguments", ()) else None
        if self._one_batch and not (self._mixes and self.training):
            rows = inputs.flatten(0, 1)  # (B, T, *) -> (B * T, *)
            outputs = self.layer(rows) if mask is None else self.layer(rows, mask=mask.flatten(0, 1))
            outputs = map_structure(lambda output: output.unflatten(0, inputs.shape[:2]), outputs)
            return precision.in_compute_type(self, outputs)
        steps = [self.layer(inputs[:, step], **({} if mask is None else {"mask": mask[:, step]}))
                 for step in range(inputs.shape[1])]  # fmt: skip
        each = iter(zip(*(leaves(step) for step in steps), strict=True))
        return precision.in_compute_type(self, map_structure(lambda _: torch.stack(next(each), 1), steps[0]))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The inputs' mask; where the layer keeps none of it inside a step, a step counts if anything in it does."""
        if previous_mask is None or previous_mask.ndim == 2 or not isinstance(self.layer, Layer):
            return previous_mask
        lets_pass = self.layer._makes_masks or self.layer.supports_masking
        if lets_pass and self.layer.compute_mask(inputs[:, 0], previous_mask[:, 0]) is not None:
            return previous_mask
        return record(any_inside, (previous_mask,), {}) if is_symbolic(previous_mask) else any_inside(previous_mask)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        if not isinstance(self.layer, Layer):
            return calling.run_for_shape(self, input_shape)
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return calling.map_shapes(lambda shape: (shape[0], input_shape[1], *shape[1:]), inner)


def any_inside(mask: torch.Tensor) -> torch.Tensor:
    """Whether anything in a step counts. (Keras hands on the whole mask, which few layers then take.)"""
    return per_step(mask)


any_inside.in_keras = lambda mask: mask  # pyright: ignore[reportFunctionMemberAccess]


def _is_mixing(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) or type(module).__name__ in _MIXING


def is_opaque(module: nn.Module) -> bool:
    """Whether a module may do what lamina does not know of: mix the rows of a batch, or keep what it saw."""
    plan = getattr(module, "_plan", None)  # a model's; functions in it were written by the user
    return (
        not type(module).__module__.startswith(("lamina.", "torch.nn."))
        or type(module).__name__ in _OPAQUE
        or getattr(module, "stateful", False)
        or (plan is not None and any(step.kind != "call_module" for step in plan.steps))
    )


_MERGES = {
    "concat": lambda forward, backward: torch.cat((forward, backward), -1),
    "sum": torch.add,
    "mul": torch.mul,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


@LAYERS.register()
class Bidirectional(Wrapper):
    """A recurrent layer on the sequence as it is, another on the sequence backwards, and their outputs merged.

    Arguments:
        layer: a recurrent layer. Two new ones are made of its config: ``forward_layer`` and ``backward_layer``.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or ``None``, which returns both outputs.
        weights: initial weights, the forward layer's before the backward layer's (Keras 1 and 2).
        backward_layer: the layer to take for the backward direction; it must differ in ``go_backwards``.

    Call arguments: as of the layer; ``initial_state`` holds the forward layer's states, then the backward layer's.

    Shape: as the layer's, with ``2 * units`` for ``"concat"``; with ``return_state`` the forward layer's states and then
    the backward layer's after the output. Masked steps give zeros with ``return_sequences``.

    Raises:
        ValueError: for what is no layer or no merge mode, and for two layers that do not go in two directions or differ
            in ``stateful``, ``return_sequences`` or ``return_state``.

    Source: https://keras.io/api/layers/recurrent_layers/bidirectional/

    >>> from lamina.layers import LSTM
    >>> layer = Bidirectional(LSTM(4, return_sequences=True))
    >>> layer(torch.zeros(2, 10, 3)).shape
    torch.Size([2, 10, 8])
    """

    _builds_weights = False
    _training_after = "mask"
    supports_masking = True
    _computes = False
    _gives_compute_type = False  # the states are of the inner layers' types

    def __init__(
        self,
        layer: Layer,
        merge_mode: Literal["sum", "mul", "ave", "concat"] | None = "concat",
        weights: Sequence[Any] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Unpack[OptionsButWeights],
    ) -> None:
        Layer.__init__(self, weights=weights, **kwargs)
        for name, given in (("layer", layer), ("backward_layer", backward_layer)):
            recurrent = isinstance(given, Layer) and hasattr(given, "go_backwards")
            if not recurrent and not (given is None and name == "backward_layer"):
                raise ValueError(f"{who(self)} needs a recurrent layer for {name}, and got {given!r}.")
        self.merge_mode = None if merge_mode is None else one_of(merge_mode, tuple(_MERGES), "merge_mode", self)
        name = layer.name
        self.forward_layer = _made_again(layer, name=f"forward_{name.removeprefix('forward_')}")
        self.backward_layer = backward_layer or _made_again(
            layer, name=f"backward_{name.removeprefix('backward_')}", go_backwards=not layer.go_backwards)  # fmt: skip
        self._check_pair()
        for direction in (self.forward_layer, self.backward_layer):
            if hasattr(direction, "zero_output_for_mask"):
                direction.zero_output_for_mask = direction.return_sequences
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.input_spec = layer.input_spec
        self._makes_masks = False  # a mask passes or ends here; none begins

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(f"{who(self)} needs one layer that goes forwards and one that goes backwards, and got "
                             f"go_backwards={forward.go_backwards} for both.")  # fmt: skip
        for name in ("stateful", "return_sequences", "return_state"):
            values = getattr(forward, name), getattr(backward, name)
            if values[0] != values[1]:
                raise ValueError(f"{who(self)} needs layers with the same {name}, and got {values[0]} for the forward layer "
                                 f"and {values[1]} for the backward layer.")  # fmt: skip

    @property
    def layer(self) -> Any:
        """The forward layer."""
        return self.forward_layer

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> None:
        for direction in (self.forward_layer, self.backward_layer):
            if not direction.built:
                direction.build(sequences_shape)
        self.input_spec = self.forward_layer.input_spec

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], (list, tuple)):
            args, kwargs = inputs_apart(args, kwargs, 2 * len(leaves(self.forward_layer.cell.state_size)))
        return super().__call__(*args, **kwargs)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, **kwargs: Any) -> Any:
        more = {name: value for name, value in (kwargs | {"mask": mask}).items() if value is not None}
        states: list[dict[str, Any]] = [{}, {}]
        if initial_state is not None:
            half = len(initial_state) // 2
            states = [{"initial_state": list(part)} for part in (initial_state[:half], initial_state[half:])]
        forward, backward = self._side_by_side(sequences, initial_state, mask) or (
            self.forward_layer(sequences, **states[0], **more),
            self.backward_layer(sequences, **states[1], **more),
        )
        after: tuple[Any, ...] = ()
        if self.return_state:
            after = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        forward, backward = precision.in_compute_type(self, (forward, backward))
        if self.return_sequences:
            backward = backward.flip(1)
        output = (forward, backward) if self.merge_mode is None else (_MERGES[self.merge_mode](forward, backward),)
        return (*output, *after) if len(output) + len(after) > 1 else output[0]

    def _side_by_side(self, sequences: Any, initial_state: Any, mask: Any) -> list[Any] | None:
        """What both layers return, where one kernel runs them together and nobody watches one of them alone."""
        pair: list[Any] = [self.forward_layer, self.backward_layer]
        if initial_state is not None or not all(map(_is_plain_rnn, pair)):
            return None
        runs = [layer.prepared(sequences, None, mask) for layer in pair]
        cells = [layer.cell for layer in pair]
        x, states, mask, wanted = runs[0]
        if not can_scan_together(cells, x, states, mask, wanted):
            return None
        sequences, befores, masks, _ = (list(column) for column in zip(*runs, strict=True))
        found = scan_together(cells, sequences, befores, masks, wanted)
        return [layer.finished(*one) for layer, one in zip(pair, found, strict=True)]

    @property
    def states(self) -> Any:
        """The states that both layers keep, when they are stateful."""
        if self.forward_layer.states is None:
            return None
        return [*self.forward_layer.states, *self.backward_layer.states]

    def reset_state(self) -> None:
        """Set the states of both layers to zeros.

        Raises:
            AttributeError: when they keep none.
        """
        if not self.stateful:
            raise AttributeError(f"{who(self)} is not stateful and has no states to reset.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """As :meth:`reset_state` (Keras 1 and 2)."""
        self.reset_state()

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Any:
        both = [layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer)]
        forward, backward = (shape[0] if self.return_state else shape for shape in both)
        states = [state for shape in both for state in shape[1:]] if self.return_state else []
        if self.merge_mode == "concat":
            forward = (*forward[:-1], forward[-1] + backward[-1])
        outputs = (forward, backward) if self.merge_mode is None else (forward,)
        return (*outputs, *states) if len(outputs) + len(states) > 1 else forward

    def compute_output_spec(self, sequences: Any, *_: Any, **__: Any) -> Any:
        """Symbolic outputs, and the states, which are of the types of the layers that give them."""
        shapes = self.compute_output_shape(calling.shapes_of(sequences))
        outputs = calling.map_shapes(lambda shape: SymbolicTensor(shape, self.compute_dtype), shapes)
        pair = [self.forward_layer, self.backward_layer] if self.return_state else []
        states = leaves(outputs)[2 if self.merge_mode is None else 1 :]
        for number, state in enumerate(states):
            state.dtype = pair[number * 2 // len(states)]._compute_dtype
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = per_step(leaves(previous_mask)[0]) if self.return_sequences and previous_mask is not None else None
        return [mask, mask] if self.merge_mode is None else [mask] if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # Both are built with the layer around them; of the forward one, a new one is made anyway.
        inner = {name: {key: value for key, value in config[name].items() if key != "build_config"}
                 for name in ("layer", "backward_layer")}  # fmt: skip
        return {key: value for key, value in (config | inner).items() if key != "weights"}


def _is_plain_rnn(layer: Any) -> bool:
    """Whether a layer's call is a scan of its cell and nothing else."""
    plain = isinstance(layer, RNN) and layer._is_builtin and layer.built and layer.activity_regularizer is None
    return plain and not calling.is_watched(layer)


def _made_again(layer: Any, **changes: Any) -> Any:
    """A new, unbuilt layer of the same config but for ``changes``."""
    known = {type(module).__name__: type(module) for module in layer.modules()
             if not type(module).__module__.startswith(("lamina.", "torch."))}  # fmt: skip
    with CustomObjectScope(known):
        return type(layer).from_config(layer.get_config() | changes)
