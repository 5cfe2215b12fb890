"""lamina: the Keras layer API, of every generation, as plain PyTorch modules.

>>> import lamina
>>> model = lamina.Sequential([lamina.layers.Dense(4, input_shape=(3,), activation="softmax")])
>>> model.output_shape
(None, 4)
"""

import importlib
import typing

from lamina import activations as activations
from lamina import callbacks as callbacks
from lamina import config as config
from lamina import constraints as constraints
from lamina import datasets as datasets
from lamina import dialects as dialects
from lamina import initializers as initializers
from lamina import layers as layers
from lamina import losses as losses
from lamina import metrics as metrics
from lamina import models as models
from lamina import optimizers as optimizers
from lamina import random as random
from lamina import regularizers as regularizers
from lamina import utils as utils
from lamina.compat import as_keras as as_keras
from lamina.dtypes import DTypePolicy as DTypePolicy
from lamina.engine.layer import Layer as Layer
from lamina.graph.symbolic import KerasTensor as KerasTensor
from lamina.layers.core import Input as Input
from lamina.models import Model as Model
from lamina.models import Sequential as Sequential
from lamina.variables import Variable as Variable

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
    return sorted({*globals(), *_WHEN_ASKED_FOR})
