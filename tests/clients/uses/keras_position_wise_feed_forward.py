"""keras-position-wise-feed-forward: two dense layers over every step."""

from __future__ import annotations

import numpy as np
from keras_position_wise_feed_forward import FeedForward
from tensorflow import keras

from clients.helpers import close, comes_back, learns

X = np.random.default_rng(0).normal(size=(8, 5, 4)).astype("float32")


def _model(layer):
    return keras.models.Sequential([keras.layers.InputLayer(input_shape=(5, 4)), layer])


def it_is_its_formula():
    layer = FeedForward(units=7, activation="relu", bias_initializer="uniform")
    found = _model(layer).predict(X)
    w1, b1, w2, b2 = layer.get_weights()
    close(found, np.maximum(X @ w1 + b1, 0) @ w2 + b2)


def without_biases_there_are_two_weights():
    layer = FeedForward(units=7, activation=None, use_bias=False)
    found = _model(layer).predict(X)
    w1, w2 = layer.get_weights()
    close(found, X @ w1 @ w2)


def dropout_is_for_training_alone():
    layer = FeedForward(units=7, dropout_rate=0.5, use_bias=False)
    model = _model(layer)
    close(model.predict(X), model.predict(X))
    assert not np.allclose(np.asarray(model(X, training=True)), model.predict(X))


def it_learns_an_identity():
    model = _model(FeedForward(units=12, activation="relu"))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    learns(model, X, X, 60, 0.3)


def it_is_saved_and_loaded():
    comes_back(_model(FeedForward(units=7, activation="relu")), X, {"FeedForward": FeedForward})
