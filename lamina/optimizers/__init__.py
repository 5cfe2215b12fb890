"""The optimizers and learning-rate schedules of Keras, on torch's multi-tensor kernels."""

from __future__ import annotations

from typing import Any, Literal

import torch

from lamina import registry
from lamina.optimizers import legacy, schedules
from lamina.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from lamina.optimizers.base import OPTIMIZERS, Optimizer
from lamina.optimizers.gradient import SGD, Adadelta, Adafactor, Adagrad, Ftrl, Lion, RMSprop
from lamina.optimizers.muon import Muon
from lamina.optimizers.wrappers import LossScaleOptimizer, MultiOptimizer, OptimizerMap, TorchOptimizer
from lamina.registry import Config

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "LossScaleOptimizer",
    "MultiOptimizer", "Muon", "Nadam", "Optimizer", "OptimizerMap", "RMSprop", "ScheduleFreeAdamW", "TorchOptimizer",
    "deserialize", "get", "legacy", "schedules", "serialize",
]  # fmt: skip

# What checkers and editors know of `compile`'s argument; any other string may be one of your own.
OptimizerName = Literal[
    "adam", "sgd", "rmsprop", "adamw", "adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion", "lamb", "adafactor",
    "muon", "schedulefreeadamw",
]  # fmt: skip
OptimizerLike = (
    OptimizerName
    | str
    | Optimizer
    | type[Optimizer]
    | torch.optim.Optimizer
    | type[torch.optim.Optimizer]
    | Config
    | None
)


def get(identifier: OptimizerLike) -> Any:
    """An optimizer from ``None``, a name in any case, a config, an optimizer or its class; torch's are wrapped.

    >>> type(get("RMSProp")).__name__
    'RMSprop'
    """
    if isinstance(identifier, torch.optim.Optimizer) or (
        isinstance(identifier, type) and issubclass(identifier, torch.optim.Optimizer)
    ):
        return TorchOptimizer(identifier)
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return _class_of(identifier, None)()
    found = deserialize(identifier) if isinstance(identifier, dict) else OPTIMIZERS.get(identifier)
    if not isinstance(found, Optimizer):
        raise ValueError(f"Expected a name, a config or an object for the optimizer, and got {identifier!r}.")
    return found


def serialize(optimizer: Optimizer) -> Any:
    """What Keras 3 writes for an optimizer, without its state.

    >>> serialize(Adam(0.5))["class_name"]
    'Adam'
    """
    return registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that :func:`serialize`, or any Keras, wrote."""
    if isinstance(config, dict) and isinstance(config.get("class_name"), str):
        name = config["class_name"].rpartition(">")[2]
        if registry.find_custom(name, custom_objects) is None:
            config = config | {"class_name": _class_of(name, custom_objects).__name__}
    return OPTIMIZERS.deserialize(config, custom_objects)


def _class_of(name: str, custom_objects: dict[str, Any] | None) -> Any:
    is_known = registry.find_custom(name, custom_objects) is not None or name in OPTIMIZERS.members
    lower = name.lower()
    return OPTIMIZERS.find(lower if not is_known and lower in OPTIMIZERS.members else name, custom_objects)


def __dir__() -> list[str]:
    return __all__
