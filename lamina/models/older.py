"""What models of Keras 1, 2 and tf.keras had names for, beside ``fit_generator`` and its kin."""

from __future__ import annotations

from typing import Any

from lamina.engine.layer import Layer
from lamina.engine.modes import NOISES
from lamina.engine.older import Also


def _told(name: str) -> Also:
    """What ``compile`` was told; ``None`` before it was."""
    return Also(lambda model: getattr(model.compile_setup, name, None))


def _input_names(model: Any) -> list[str]:
    """The names of the inputs; none for a model whose inputs are not known."""
    return [tensor.name for tensor in model.inputs] if _is_planned(model) else []


def _is_planned(model: Any) -> bool:
    """Whether the model is known as a graph of layers."""
    return model.built and model._plan is not None


def _states(model: Any) -> list[Any]:
    """The states that recurrent layers keep from batch to batch, in order."""
    states = [state for layer in model.layers if getattr(layer, "stateful", False) for state in layer.states or ()]
    return [state for state in states if state is not None]


def _is_stateful(model: Any) -> bool:
    """Whether a layer keeps its state from batch to batch."""
    return any(getattr(layer, "stateful", False) for layer in model.layers)


def _trains_otherwise(model: Any) -> bool:
    """Whether a layer computes something else while it trains, as far as lamina's own layers are concerned."""
    parts = [part for part in model.modules() if isinstance(part, Layer) and not isinstance(part, OlderModel)]
    return any(part.moved_in_training or any(getattr(part, name, 0) for name in NOISES) for part in parts)


class OlderModel:
    """The part of a model that has the names of Keras 1 and 2 for what few programs need today."""

    layers: Any

    def reset_states(self) -> None:
        """Let every stateful layer start anew with the next batch; there may be none.

        >>> from lamina import Sequential, layers
        >>> Sequential([layers.Dense(1, input_shape=(2,))]).reset_states()
        """
        for layer in self.layers:
            reset = getattr(layer, "reset_states", None)
            if callable(reset) and (getattr(layer, "stateful", False) or isinstance(layer, OlderModel)):
                reset()

    stateful = Also(_is_stateful)
    uses_learning_phase = Also(_trains_otherwise)
    input_names = Also(_input_names)
    loss_weights = _told("loss_weights")
    weighted_metrics = _told("weighted_metrics")
    state_variables = Also(_states)

    # What packages reach for.
    _layers = Also("layers")
    _self_tracked_trackables = Also("layers")
    flattened_layers = Also("layers")
    _is_compiled = Also("compiled")
    _is_graph_network = Also(_is_planned)
    _feed_inputs = Also("inputs")
    _feed_input_names = Also("input_names")
    _feed_output_names = Also("output_names")
