"""lamina: the Keras layer API, of every generation, as plain PyTorch modules.

>>> import lamina
>>> model = lamina.Sequential([lamina.layers.Dense(4, input_shape=(3,), activation="softmax")])
>>> model.output_shape
(None, 4)
"""

import importlib
import typing

from lamina import (
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    dialects,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    tree,
    utils,
)
from lamina.compat import as_keras
from lamina.dtypes import DTypePolicy, FloatDTypePolicy
from lamina.engine.input_spec import InputSpec
from lamina.engine.layer import Layer
from lamina.engine.scopes import RematScope, device, remat
from lamina.graph.symbolic import KerasTensor
from lamina.initializers import Initializer
from lamina.layers.core import Input
from lamina.layers.operation import Operation
from lamina.losses import Loss
from lamina.metrics import Metric
from lamina.models import Model, Sequential
from lamina.models.function import Function
from lamina.naming import name_scope
from lamina.optimizers import Optimizer
from lamina.regularizers import Regularizer
from lamina.variables import StatelessScope, Variable

__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Function", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer", "Loss",
    "Metric", "Model", "Operation", "Optimizer", "Regularizer", "RematScope", "Sequential", "StatelessScope", "Variable",
    "activations", "as_keras", "backend", "callbacks", "config", "constraints", "datasets", "device", "dialects",
    "initializers", "layers", "losses", "metrics", "models", "name_scope", "ops", "optimizers", "random", "regularizers",
    "remat", "tree", "utils",
]  # fmt: skip

if typing.TYPE_CHECKING:
    from lamina import backend as backend
    from lamina import ops as ops

__version__ = "0.1.0"
_WHEN_ASKED_FOR = ("backend", "ops")  # for layers and losses of the user's own; no part of lamina needs them


def __getattr__(name: str) -> typing.Any:
    """``lamina.ops`` and ``lamina.backend``, which are imported when they are first asked for."""
    if name in _WHEN_ASKED_FOR:
        return importlib.import_module(f"lamina.{name}")
    raise AttributeError(f"module 'lamina' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
