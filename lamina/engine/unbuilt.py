"""What torch reads of a layer that has no weights yet.

A layer makes its weights when it first meets a shape. Inside somebody's ``nn.Module`` that may be too late: an optimizer that
was given ``net.parameters()`` before would never change them, and say nothing. So the parameters of an unbuilt layer are a dict
that notices when they are asked for: where the layer states its ``input_shape`` it is built then and there, else it warns.
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from lamina.engine import calling
from lamina.graph.symbolic import SymbolicTensor
from lamina.tracebacks import users_level


class NoneYet(dict[str, Any]):
    """The ``_parameters`` of a layer that is not built, with those that its author made before. ``values`` and ``dict.items``
    ask without consequences."""

    def __init__(self, layer: Any, made: dict[str, Any]) -> None:
        super().__init__(made)
        self.layer = layer
        self.is_covered = False  # whether the next asking is known to be harmless, or was answered for

    def items(self) -> Any:
        """The parameters as ``named_parameters`` and ``state_dict`` read them."""
        if self.is_covered:
            self.is_covered = False
        else:
            _ask(self.layer)
        return dict.items(self.layer._parameters)  # those of now: the layer may have been built

    def __reduce__(self) -> tuple[Any, ...]:
        return NoneYet.__new__, (NoneYet,), vars(self), None, iter(dict.items(self))


def _ask(layer: Any) -> None:
    """Build a layer whose input shape is known; warn of one whose is not."""
    lacking = without_weights(layer)
    if not lacking:
        return
    if layer.batch_input_shape is not None:
        _build(layer)
        lacking = without_weights(layer)
    if lacking:
        for inner in layer.modules():
            if inner is not layer and isinstance(inner._parameters, NoneYet):
                inner._parameters.is_covered = True
        warnings.warn(f"{complaint(layer, lacking)} An optimizer that is made now would not train them, and a state_dict "
                      f"lacks them. {mend(layer)}", stacklevel=users_level())  # fmt: skip


def without_weights(module: nn.Module) -> list[Any]:
    """The layers in a module, itself among them, that are not built and will make weights."""
    return [part for part in module.modules()
            if getattr(part, "_builds_weights", False) and not getattr(part, "built", True)]  # fmt: skip


def complaint(layer: Any, lacking: list[Any]) -> str:
    """That a layer has no weights, in one sentence."""
    names = [f"{one._keras_class_name} {one.name!r}" for one in lacking]
    inside = "" if layer in lacking else f" (it has {', '.join(names[:3])}{', ...' if len(names) > 3 else ''} inside)"
    return f"{layer._keras_class_name} {layer.name!r} has no weights yet: it is not built{inside}."


def mend(layer: Any) -> str:
    """What to do about it."""
    first = " its first layer" if hasattr(layer, "add") else ""
    shape = "" if hasattr(layer, "fit") and not first else f"Give{first or ' it'} an `input_shape=`, or call"
    return f"{shape or 'Call'} it once on data, before."


def refuses_state(layer: Any, state: dict[str, Any], prefix: str, errors: list[str]) -> bool:
    """Whether an unbuilt layer is to take weights from a ``state_dict``: then that is the one error, and not that torch did
    not expect them. A layer that states its ``input_shape`` is built for it."""
    found = [key for key in state if key.startswith(prefix)]
    lacking = without_weights(layer)
    if isinstance(layer._parameters, NoneYet):
        layer._parameters.is_covered = True
    if not found or not lacking:
        return False
    if layer.batch_input_shape is not None:
        _build(layer)
        return False
    errors.append(f"{complaint(layer, lacking)} A state_dict has {len(found)} for it. {mend(layer)}")
    for key in found:
        del state[key]
    return True


def _build(layer: Any) -> None:
    calling.build_for(layer, (SymbolicTensor(layer.batch_input_shape, layer._compute_dtype),), {})
