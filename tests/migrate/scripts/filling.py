"""Known weights for a model of any Keras, so that runs can be compared."""

import numpy as np


def fill(model, seed=0):
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        values = rng.normal(0, 0.3, tuple(weight.shape)).astype("float32")
        weight.assign(np.abs(values) + 0.1 if values.ndim == 1 else values)


def data(*shape, seed=1):
    return np.random.default_rng(seed).random(shape).astype("float32")


def labels(rows, classes, seed=2):
    return np.random.default_rng(seed).integers(0, classes, rows)
