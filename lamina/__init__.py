"""lamina: the Keras layer API, of every generation, as plain PyTorch modules.

>>> import lamina
>>> model = lamina.Sequential([lamina.layers.Dense(4, input_shape=(3,), activation="softmax")])
>>> model.output_shape
(None, 4)
"""

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
from lamina.dialects.modules import as_keras as as_keras
from lamina.dtypes import DTypePolicy as DTypePolicy
from lamina.graph.symbolic import KerasTensor as KerasTensor
from lamina.layers.base import Layer as Layer
from lamina.layers.core import Input as Input
from lamina.models import Model as Model
from lamina.models import Sequential as Sequential

__version__ = "0.1.0"
