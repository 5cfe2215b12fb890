"""tf.keras's ``keras.optimizers.legacy``, for programs that name it: the optimizers of today, which take its arguments."""

from lamina.optimizers.adam import Adam, Adamax, Nadam
from lamina.optimizers.base import Optimizer
from lamina.optimizers.gradient import SGD, Adadelta, Adagrad, Ftrl, RMSprop

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop"]
