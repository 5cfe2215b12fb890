"""Every layer, by name."""

from lamina.layers.base import InputSpec as InputSpec
from lamina.layers.base import Layer as Layer
from lamina.layers.core import Activation as Activation
from lamina.layers.core import Dense as Dense
from lamina.layers.core import Input as Input
from lamina.layers.core import InputLayer as InputLayer
from lamina.layers.core import Lambda as Lambda
