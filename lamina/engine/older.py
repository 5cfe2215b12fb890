"""What layers of Keras 1, 2 and tf.keras had names for: each of their calls, weights by hand, updates of state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lamina.engine.weights import WeightOwner
from lamina.graph.symbolic import Node, map_structure


class Also:
    """Another name of an attribute, or what stands for one that is gone. A user's own attribute of that name goes before it.

    Arguments:
        meant: the attribute's name today, or a function of the object.
    """

    def __init__(self, meant: str | Callable[[Any], Any]) -> None:
        self.meant = meant
        self.__doc__ = f"``{meant}``, by its older name." if isinstance(meant, str) else meant.__doc__

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        return getattr(owner, self.meant) if isinstance(self.meant, str) else self.meant(owner)


class OwnWeights(list[Any]):
    """A layer's own weights as a list that authors of Keras 2 put theirs into: ``self._trainable_weights.append(w)``."""

    def __init__(self, weights: Iterable[Any], tell: Callable[[list[Any]], None]) -> None:
        super().__init__(weights)
        self._tell = tell


def _telling(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    def call(self: OwnWeights, *args: Any) -> Any:
        result = change(self, *args)
        self._tell(list(self))
        return self if name == "__iadd__" else result

    call.__name__ = name
    return call


for _name in ("append", "extend", "insert", "remove", "pop", "__iadd__", "__delitem__", "__setitem__"):
    setattr(OwnWeights, _name, _telling(_name))


class SelfMade(NamedTuple):
    """An update that a layer makes itself as it trains, for those who count them or hand them to ``K.function``."""

    variable: Any


def _moved_by(layer: Any) -> list[SelfMade]:
    """What training moves that is not trained: the averages of layers that are not frozen."""
    parts = [
        part for part in layer.modules() if getattr(part, "moved_in_training", ()) and part.trainable and part.built
    ]
    return [SelfMade(getattr(part, name)) for part in parts for name in part.moved_in_training]


class OlderLayerMethods(WeightOwner):
    """The part of a layer that has the names of Keras 1 and 2 for what few programs need today."""

    _nodes: list[Any]
    moved_in_training: tuple[str, ...] = ()

    # -- each call in a model --

    def get_input_at(self, node_index: int) -> Any:
        """What the layer was called on, the ``node_index``-th time."""
        node = self._node_at(node_index, "input")
        return node.args[0] if node.args else node.outputs

    def get_output_at(self, node_index: int) -> Any:
        """What the layer returned, the ``node_index``-th time.

        >>> from lamina.layers import Dense, Input
        >>> shared = Dense(3)
        >>> first, second = shared(Input((2,))), shared(Input((2,)))
        >>> shared.get_output_at(1) is second
        True
        """
        return self._node_at(node_index, "output").outputs

    def get_input_shape_at(self, node_index: int) -> Any:
        """The shape of :meth:`get_input_at`."""
        return map_structure(lambda tensor: tensor.shape, self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        """The shape of :meth:`get_output_at`."""
        return map_structure(lambda tensor: tensor.shape, self.get_output_at(node_index))

    def get_input_mask_at(self, node_index: int) -> Any:
        """The mask of :meth:`get_input_at`, or ``None``."""
        return map_structure(_mask_of, self.get_input_at(node_index))

    def get_output_mask_at(self, node_index: int) -> Any:
        """The mask of :meth:`get_output_at`, or ``None``."""
        return map_structure(_mask_of, self.get_output_at(node_index))

    @property
    def input_mask(self) -> Any:
        """The mask of the layer's first input, or ``None``."""
        return map_structure(_mask_of, self.input)

    @property
    def output_mask(self) -> Any:
        """The mask of the layer's first output, or ``None``."""
        return map_structure(_mask_of, self.output)

    def _node_at(self, node_index: int, what: str) -> Node:
        """A recorded call, by its number.

        Raises:
            ValueError: when the layer was not called that often.
        """
        if not -len(self._nodes) <= node_index < len(self._nodes):
            raise ValueError(f"{type(self).__name__} {self.name!r} was called {len(self._nodes)} times in a model, and the "
                             f"{what} of call {node_index} was asked for (the first is 0).")  # fmt: skip
        return self._nodes[node_index]

    @property
    def _inbound_nodes(self) -> list[Any]:
        """The recorded calls of the layer."""
        return self._nodes

    inbound_nodes = Also("_inbound_nodes")

    # -- weights by hand --

    @property
    def _trainable_weights(self) -> OwnWeights:
        own = [weight for weight in self._not_inside(self.weights) if weight.requires_grad]
        return OwnWeights(own, lambda weights: setattr(self, "trainable_weights", weights))

    @_trainable_weights.setter
    def _trainable_weights(self, weights: Any) -> None:
        self.trainable_weights = weights

    @property
    def _non_trainable_weights(self) -> OwnWeights:
        own = [weight for weight in self._not_inside(self.weights) if not weight.requires_grad]
        return OwnWeights(own, lambda weights: setattr(self, "non_trainable_weights", weights))

    @_non_trainable_weights.setter
    def _non_trainable_weights(self, weights: Any) -> None:
        self.non_trainable_weights = weights

    # -- what changes in training --

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Keras 1's and 2's way to change state in training: pairs of a weight and its new numbers. What ``K.update`` gave
        is done already."""
        for update in updates if isinstance(updates, list) else [updates]:
            if self.training and isinstance(update, tuple):
                update[0].assign(update[1])

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Always empty: state changes in the calls that change it, as in tf.keras."""
        return []

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """What does not depend on data (``inputs=None``): the penalties on weights; or else what the last call added."""
        if inputs is None:
            return [penalty(getattr(owner, key)) for penalty, owner, key in self.penalties()]
        return self.added_losses()

    updates = Also(_moved_by)
    state_updates = Also(lambda layer: [])
    stateful = Also(lambda layer: False)


def _mask_of(tensor: Any) -> Any:
    return getattr(tensor, "_keras_mask", None)
