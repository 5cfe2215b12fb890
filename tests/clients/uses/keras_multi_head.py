"""keras-multi-head: attention of several heads, and any layer several times side by side."""

from __future__ import annotations

import numpy as np
import torch
from keras_multi_head import MultiHead, MultiHeadAttention
from tensorflow import keras

from clients.helpers import close, comes_back, learns

X = np.random.default_rng(0).normal(size=(6, 5, 8)).astype("float32")


def _attend(weights, q, k, v, causal=False):
    wq, bq, wk, bk, wv, bv, wo, bo = (torch.tensor(weight) for weight in weights)

    def heads(x, w, b):
        return (torch.tensor(x) @ w + b).unflatten(-1, (2, 4)).transpose(1, 2)

    parts = heads(q, wq, bq), heads(k, wk, bk), heads(v, wv, bv)
    found = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=causal)
    return found.transpose(1, 2).flatten(-2) @ wo + bo


def _attention(count, **options):
    inputs = [keras.layers.Input((5, 8)) for _ in range(count)]
    layer = MultiHeadAttention(head_num=2, activation=None, bias_initializer="uniform", name="heads", **options)
    return keras.models.Model(inputs, layer(inputs if count > 1 else inputs[0]))


def attention_is_torchs():
    model = _attention(1)
    close(model.predict(X), _attend(model.get_weights(), X, X, X))


def attention_to_the_past_is_torchs():
    model = _attention(1, history_only=True)
    close(model.predict(X), _attend(model.get_weights(), X, X, X, causal=True))


def attention_of_three_inputs_is_torchs():
    model = _attention(3)
    close(model.predict([X, X + 1, X * 2]), _attend(model.get_weights(), X, X + 1, X * 2))


def attention_is_saved_and_loaded():
    comes_back(_attention(1), X, {"MultiHeadAttention": MultiHeadAttention})


def _several(layer, **options):
    return keras.models.Sequential([keras.layers.InputLayer(input_shape=(5, 8)), MultiHead(layer, **options)])


def copies_stand_side_by_side():
    model = _several([keras.layers.Dense(3, name="one"), keras.layers.Dense(3, name="two")])
    found = model.predict(X)
    w1, b1, w2, b2 = model.get_weights()
    close(found, np.stack([X @ w1 + b1, X @ w2 + b2], -1))


def a_layer_is_repeated():
    model = _several(keras.layers.LSTM(3), layer_num=4)
    assert model.predict(X).shape == (6, 3, 4)
    assert len(model.trainable_weights) == 12


def copies_are_trained_apart():
    model = _several(keras.layers.LSTM(3), layer_num=3, hidden_dim=8, reg_index=[1], reg_slice=[(slice(None), slice(0, 3))],
                     reg_factor=[0.1])  # fmt: skip
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    learns(model, X, X.sum((1, 2))[:, None], 30)
