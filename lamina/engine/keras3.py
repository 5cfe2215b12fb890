"""What Keras 3's layers can do beside being called: run with weights from outside, keep less for the gradient, hold metrics."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Never, cast

import torch
from torch import nn

from lamina.engine.notebook import layer_as_html
from lamina.engine.older import OlderLayerMethods
from lamina.engine.scopes import RematMode, remat
from lamina.engine.tracking import Items
from lamina.engine.weights import WeightOwner
from lamina.graph.symbolic import Node, leaves, map_structure
from lamina.registry import TABLES
from lamina.variables import are_unchanged

_QUANTIZATION = (
    "lamina does not quantize layers yet; torch.ao.quantization takes a lamina model, which is an nn.Module."
)


class Keras3Methods(OlderLayerMethods):
    """The part of a layer that has Keras 3's names for what few programs need, and what notebooks show of it."""

    _remat_mode: RematMode | None = None

    def _repr_html_(self) -> str:
        return layer_as_html(self)

    # -- with weights from outside --

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer with other weights than its own, which stay as they are.

        Arguments:
            trainable_variables, non_trainable_variables: tensors in the order of the layer's lists of these names.
                Gradients flow to them.
            return_losses: whether to return what ``losses`` holds after the call, too.

        Returns:
            ``(outputs, non_trainable_variables)``, the latter as the call left them; and the losses.

        Raises:
            ValueError: when the layer is not built, or the number or a shape of the tensors does not fit.

        >>> from lamina.layers import Dense
        >>> layer = Dense(1, input_shape=(2,))
        >>> layer.build((None, 2))
        >>> layer.stateless_call([torch.ones(2, 1), torch.ones(1)], [], torch.ones(1, 2))
        (tensor([[3.]]), [])
        """
        with with_variables(self, trainable_variables, non_trainable_variables) as state:
            outputs = self(*args, **kwargs)
            losses = list(self.losses) if return_losses else None
        self.clear_losses()  # of those weights, and no business of later calls
        return (outputs, state) if losses is None else (outputs, state, losses)

    # -- less memory --

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """``layer_call``, or what runs it again for the gradient, as the ``RematScope`` says in which the layer was made."""
        mode = self._remat_mode
        if mode is None or (mode.mode == "list_of_layers" and self.name not in mode.layer_names):
            return layer_call
        if mode.mode == "activations":
            return self._with_remat_activation(layer_call)
        if mode.mode == "larger_than" and self._output_size(args) <= mode.output_size_threshold:
            return layer_call
        return remat(layer_call)

    def _with_remat_activation(self, layer_call: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            activation = getattr(self, "activation", None)
            if activation is None:
                return layer_call(*args, **kwargs)
            self.activation = remat(activation)
            try:
                return layer_call(*args, **kwargs)
            finally:
                self.activation = activation

        return call

    def _output_size(self, args: tuple[Any, ...]) -> int:
        compute: Any = getattr(self, "compute_output_shape", None)
        inputs = args[0] if args else None
        shape = tuple(inputs.shape) if isinstance(inputs, torch.Tensor) else [tuple(x.shape) for x in leaves(inputs)]
        sizes = compute(shape)
        shapes = [sizes] if all(isinstance(size, int) for size in sizes) else sizes
        return sum(math.prod(one) for one in shapes)

    # -- metrics --

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of the layer and of the layers inside it."""
        return metrics_in(self)

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of :attr:`metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: Literal["mean"] | None = "mean", **ignored: Any
    ) -> None:
        """tf.keras's way to show a number, from inside ``call``: its mean over an epoch stands in the logs under ``name``.

        Arguments:
            value: what the call computed; of several numbers the mean.
            name: the name in the logs.
            aggregation: ``"mean"``, or ``None`` for a metric that was updated already.

        Raises:
            ValueError: without a name.
        """
        if name is None:
            raise ValueError(f"add_metric of {type(self).__name__} {self.name!r} needs a name: "
                             "`self.add_metric(value, name='...')`.")  # fmt: skip
        metrics = self.__dict__.setdefault("_metrics_of_calls", {})
        if name not in metrics:
            metrics[name] = TABLES["metric"].find("Mean")(name=name)
        if isinstance(value, torch.Tensor) and not are_unchanged():
            metrics[name].update_state(value.detach())

    # -- other names --

    def add_variable(self, shape: Any, initializer: Any, *args: Any, **kwargs: Any) -> Any:
        """Another name of :meth:`add_weight`."""
        return self.add_weight(shape, initializer, *args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """What a call would return, as symbolic tensors: ``compute_output_spec``, which does not record the call."""
        return cast(Any, self).compute_output_spec(*args, **kwargs)

    @property
    def input_dtype(self) -> str:
        """The type that float inputs are brought to: the one that the layer computes in."""
        return self._dtype_policy.compute_dtype

    # -- its first call in a model --

    @property
    def input(self) -> Any:
        """The symbolic tensor (or structure of them) that the layer was first called on."""
        node = self._first_node("input")
        return node.args[0] if node.args else node.outputs

    @property
    def output(self) -> Any:
        """The symbolic tensor (or structure of them) that the layer's first symbolic call returned."""
        return self._first_node("output").outputs

    @property
    def input_shape(self) -> Any:
        """The shape of :attr:`input`."""
        return map_structure(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of :attr:`output`."""
        return map_structure(lambda tensor: tensor.shape, self.output)

    def _first_node(self, what: str) -> Node:
        if not self._nodes:
            raise AttributeError(f"{type(self).__name__} {self.name!r} has no {what}: it is not part of a model yet.")
        return self._nodes[0]

    # -- what lamina does not do --

    @property
    def quantization_mode(self) -> None:
        """``None``: no layer is quantized."""

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> Never:
        """Not done yet, and refused."""
        raise NotImplementedError(f"{type(self).__name__} {self.name!r} can't be quantized to {mode or config!r}: "
                                  f"{_QUANTIZATION}")  # fmt: skip


def metrics_in(module: nn.Module, but: type = Items) -> list[Any]:
    """The metrics that are attributes of a module and of those inside it, alone or in lists and dicts, each once.

    lamina's own layers hold none; ``but`` are kinds of modules inside whose metrics are no business of this one.
    """
    found: dict[int, Any] = {}
    for part in module.modules():
        if part is not module and (getattr(part, "_is_builtin", False) or isinstance(part, (Items, but))):
            found |= {id(one): one for one in vars(part).get("_metrics_of_calls", {}).values()}
            continue
        for value in vars(part).values():
            candidates = (
                value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
            )
            found |= {id(one): one for one in candidates if is_metric(one)}
    return list(found.values())


def is_metric(value: Any) -> bool:
    """Whether an attribute's value is a metric: it is updated, reset, and says a result."""
    kind = type(value)
    return hasattr(kind, "update_state") and hasattr(kind, "reset_state") and hasattr(kind, "result")


@contextlib.contextmanager
def with_variables(
    layer: WeightOwner, trainable: Sequence[Any], non_trainable: Sequence[Any]
) -> Iterator[list[torch.Tensor]]:
    """Inside, these tensors stand where the weights were; the list holds those that a call may change (copies)."""
    who = f"{type(layer).__name__} {layer.name!r}"
    if not getattr(layer, "built", True):
        raise ValueError(
            f"{who} is not built, so it has no weights that others could stand for: call it on data first."
        )
    stand_ins: dict[int, Any] = {}
    for what, mine, given in (("trainable_variables", layer.trainable_weights, trainable),
                              ("non_trainable_variables", layer.non_trainable_weights, non_trainable)):  # fmt: skip
        tensors = [torch.as_tensor(value) for value in given]
        if [tuple(tensor.shape) for tensor in tensors] != [tuple(weight.shape) for weight in mine]:
            raise ValueError(f"{who} has {what} of the shapes {[tuple(weight.shape) for weight in mine]}, and was given "
                             f"{[tuple(tensor.shape) for tensor in tensors]}.")  # fmt: skip
        copied = what != "trainable_variables"  # a call may change these in place
        stand_ins |= {id(weight): tensor.to(weight.dtype, copy=copied)
                      for weight, tensor in zip(mine, tensors, strict=True)}  # fmt: skip
    state = [stand_ins[id(weight)] for weight in layer.non_trainable_weights]
    places: list[dict[str, Any]] = [
        place for module in layer.modules() for place in (module._parameters, module._buffers)
    ]
    before = [(place, dict(place)) for place in places]
    try:
        for place in places:
            for key, weight in place.items():
                place[key] = stand_ins.get(id(weight), weight)
        yield state
    finally:
        for place, kept in before:
            place.update(kept)
