"""A model that records what callbacks do to it."""

import types

import numpy as np


class FakeOptimizer:
    name = "fake"
    built = True

    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate


class FakeModel:
    """Its only weight is the number of the epoch that last set it."""

    name = "fake"
    built = True
    trainable_weights = ()

    def __init__(self, metrics=()):
        self.optimizer = FakeOptimizer()
        self.metrics = list(metrics)
        self.stop_training = False
        self.weight = np.zeros(1)
        self.saved = []

    def get_weights(self):
        return [self.weight.copy()]

    def set_weights(self, weights):
        self.weight = weights[0].copy()

    def save(self, path, overwrite=True):
        self._write(path)

    def save_weights(self, path, overwrite=True):
        self._write(path)

    def load_weights(self, path):
        self.weight = np.loadtxt(path, ndmin=1)

    def _write(self, path):
        self.saved.append(str(path))
        np.savetxt(path, self.weight)


def metric(name, direction):
    return types.SimpleNamespace(name=name, _direction=direction)


def play(callback, values, model=None, monitor="val_loss", start=0):
    """Feed a callback (lamina's or Keras's) one epoch's logs after another, as fit would; the epochs that ran."""
    model = model or FakeModel()
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.on_train_begin()
    ran = []
    for epoch, value in enumerate(values, start):
        callback.on_epoch_begin(epoch)
        model.weight = np.array([float(epoch)])
        ran.append(epoch)
        callback.on_epoch_end(epoch, value if isinstance(value, dict) else {"loss": 1.0, monitor: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return ran
