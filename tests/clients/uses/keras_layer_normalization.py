"""keras-layer-normalization: the layer that Keras did not have yet."""

from __future__ import annotations

import numpy as np
import torch
from keras_layer_normalization import LayerNormalization
from tensorflow import keras

from clients.helpers import close, comes_back, learns

X = np.random.default_rng(0).normal(2.0, 3.0, (6, 5, 4)).astype("float32")


def _model(*layers):
    return keras.models.Sequential(list(layers))


def it_is_torchs_with_weights():
    layer = LayerNormalization(
        epsilon=1e-3, gamma_initializer="uniform", beta_initializer="uniform", input_shape=(5, 4)
    )
    found = _model(layer).predict(X)
    gamma, beta = (torch.tensor(weight) for weight in layer.get_weights())
    close(found, torch.nn.functional.layer_norm(torch.tensor(X), (4,), gamma, beta, 1e-3))


def without_weights_there_are_none():
    layer = LayerNormalization(center=False, scale=False, input_shape=(5, 4))
    found = _model(layer).predict(X)
    assert layer.get_weights() == []
    close(found.mean(-1), np.zeros((6, 5)), 1e-4)
    close(found.std(-1), np.ones((6, 5)), 1e-3)


def a_mask_passes():
    model = _model(
        keras.layers.Embedding(5, 4, mask_zero=True),
        LayerNormalization(),
        keras.layers.LSTM(3),
    )
    short, padded = np.array([[1, 2, 3]]), np.array([[1, 2, 3, 0, 0]])
    close(model.predict(short), model.predict(padded))


def it_is_trained_under_constraints():
    layer = LayerNormalization(
        gamma_constraint=keras.constraints.MaxNorm(1.0),
        gamma_regularizer=keras.regularizers.L1(0.1),
        input_shape=(5, 4),
    )
    model = _model(layer, keras.layers.Flatten(), keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    learns(model, X, X.sum((1, 2))[:, None], 40)
    assert np.linalg.norm(layer.get_weights()[0]) < 1.0 + 1e-5


def it_is_saved_and_loaded():
    comes_back(_model(LayerNormalization(input_shape=(5, 4))), X, {"LayerNormalization": LayerNormalization})
