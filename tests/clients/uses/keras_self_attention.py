"""keras-self-attention: additive and multiplicative attention over the steps of a sequence."""

from __future__ import annotations

import numpy as np
from keras_self_attention import ScaledDotProductAttention, SeqSelfAttention, SeqWeightedAttention
from tensorflow import keras

from clients.helpers import close, comes_back, learns, softmax

X = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")
KNOWN = SeqSelfAttention.get_custom_objects() | SeqWeightedAttention.get_custom_objects()


def _model(layer, tokens=False):
    inputs = keras.layers.Input((None,) if tokens else (5, 4))
    x = keras.layers.Embedding(9, 4, mask_zero=True)(inputs) if tokens else inputs
    return keras.models.Model(inputs, layer(x))


def additive_attention_is_its_formula():
    layer = SeqSelfAttention(units=3, bias_initializer="uniform", return_attention=True)
    found, weights = _model(layer).predict(X)
    wt, wx, bh, wa, ba = layer.get_weights()
    energies = np.tanh((X @ wt)[:, :, None] + (X @ wx)[:, None] + bh) @ wa + ba
    close(weights, softmax(energies[..., 0]))
    close(found, softmax(energies[..., 0]) @ X)


def multiplicative_attention_of_a_window_is_its_formula():
    layer = SeqSelfAttention(attention_type="multiplicative", attention_width=3, history_only=True)
    found = _model(layer).predict(X)
    wa, ba = layer.get_weights()
    step = np.arange(5)
    inside = (step[:, None] - 2 <= step) & (step < step[:, None] + 1)
    close(found, softmax(X @ wa @ X.swapaxes(1, 2) + ba - 1e4 * ~inside) @ X)


def a_mask_reaches_attention_and_goes_on():
    tokens = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])
    layer = SeqWeightedAttention(return_attention=True)
    _, weights = _model(layer, tokens=True).predict(tokens)
    assert weights.shape == (2, 5)
    assert np.all(weights[0, 3:] < 1e-6)
    close(weights.sum(-1), np.ones(2))


def scaled_products_of_three_inputs():
    inputs = [keras.layers.Input((5, 4)) for _ in range(3)]
    found = keras.models.Model(inputs, ScaledDotProductAttention()(inputs)).predict([X, 2 * X, X - 1])
    close(found, softmax(X @ (2 * X).swapaxes(1, 2) / 2) @ (X - 1), 1e-4)


def a_tagger_with_an_attention_penalty_learns():
    model = keras.models.Sequential(
        [
            keras.layers.Embedding(10, 8, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
            SeqSelfAttention(attention_activation="sigmoid", attention_regularizer_weight=1e-4),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"]
    )
    tokens = np.random.default_rng(1).integers(1, 10, (32, 6))
    learns(model, tokens, np.expand_dims(tokens % 3, -1), 30)


def it_is_saved_and_loaded():
    comes_back(_model(SeqSelfAttention(units=3, kernel_regularizer=keras.regularizers.l2(1e-3))), X, KNOWN)
