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
    saving,
    tree,
    utils,
)
from lamina.compat import as_keras
from lamina.dialects import absent as _absent
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
from lamina.tracebacks import install as _install_tracebacks
from lamina.training.compare import compare
from lamina.variables import StatelessScope, Variable

__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Function", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer",
    "Loss", "Metric", "Model", "Operation", "Optimizer", "Regularizer", "RematScope", "Sequential",
    "StatelessScope", "Variable", "activations", "as_keras", "backend", "callbacks", "compare", "config",
    "constraints", "datasets", "device", "dialects", "dtype_policies", "initializers", "layers", "legacy", "losses", "metrics",
    "mixed_precision", "models", "name_scope", "ops", "optimizers", "preprocessing", "random", "regularizers", "remat",
    "saving", "tree", "utils", "version", "visualization", "wrappers",
]  # fmt: skip

if typing.TYPE_CHECKING:
    from lamina import backend as backend
    from lamina import dtype_policies as dtype_policies
    from lamina import legacy as legacy
    from lamina import mixed_precision as mixed_precision
    from lamina import ops as ops
    from lamina import preprocessing as preprocessing
    from lamina import visualization as visualization
    from lamina import wrappers as wrappers

__version__ = "0.1.0"
# Imported when they are first asked for: no part of lamina needs them.
_WHEN_ASKED_FOR = (
    "backend",
    "dtype_policies",
    "legacy",
    "mixed_precision",
    "ops",
    "preprocessing",
    "visualization",
    "wrappers",
)


def version() -> str:
    """lamina's own version; under ``as_keras``, ``keras.version()`` is that of the generation."""
    return __version__


def load_ipython_extension(shell: typing.Any) -> None:
    """``%load_ext lamina`` in IPython and Jupyter: ``import keras`` means lamina from then on, and ``%lamina`` is there."""
    importlib.import_module("lamina.compat.magic").load(shell)


def unload_ipython_extension(shell: typing.Any) -> None:
    """``%unload_ext lamina``: ``import keras`` means what it did before."""
    importlib.import_module("lamina.compat.magic").unload(shell)


def __getattr__(name: str) -> typing.Any:
    """The namespaces that are imported when they are first asked for, as ``lamina.ops`` is."""
    if name in _WHEN_ASKED_FOR:
        return importlib.import_module(f"lamina.{name}")
    if name.startswith("__"):
        raise AttributeError(f"module 'lamina' has no attribute {name!r}")
    raise AttributeError(_absent.no_such("", name, __all__), name=name)


_install_tracebacks(_absent.explain_absent)
for _namespace in (activations, callbacks, config, constraints, datasets, dialects, initializers, layers, losses, metrics,
                   models, optimizers, optimizers.schedules, random, regularizers, saving, tree, utils):  # fmt: skip
    _absent.tell(_namespace)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
