"""What ``print(layer)`` says."""

from __future__ import annotations

import parity
import pytest
import torch
from catalog import ROWS
from torch import nn

import lamina
from lamina import initializers
from lamina.layers import LSTM, BatchNormalization, Bidirectional, Conv2D, Dense, Dropout, Embedding, Lambda, Layer

UNBUILT = {
    "Dense(? -> 256, relu)": lambda: Dense(256, activation="relu"),
    "Dense(? -> 3, tanh, use_bias=False, name='head')": lambda: Dense(3, torch.tanh, use_bias=False, name="head"),
    "Dense(? -> 3)": lambda: Dense(3, activation="linear", kernel_initializer=initializers.GlorotUniform()),
    "Dense(? -> 3, kernel_initializer=he_normal(seed=1), kernel_regularizer=l2)":
        lambda: Dense(3, kernel_initializer=initializers.HeNormal(seed=1), kernel_regularizer="l2"),
    "Dense(? -> 3, trainable=False)": lambda: Dense(3, trainable=False),
    "Conv2D(? -> 8, 3, strides=2, padding=same)": lambda: Conv2D(8, (3, 3), strides=(2, 2), padding="same"),
    "Conv2D(? -> 8, (3, 5), data_format=channels_first)": lambda: Conv2D(8, (3, 5), data_format="channels_first"),
    "Embedding(1000 -> 64, mask_zero=True)": lambda: Embedding(1000, 64, mask_zero=True),
    "Dropout(0.5)": lambda: Dropout(0.5),
    "BatchNormalization(momentum=0.9)": lambda: BatchNormalization(momentum=0.9),
    "Lambda(relu)": lambda: Lambda(torch.relu),
}  # fmt: skip


@pytest.mark.parametrize("text", UNBUILT)
def test_the_arguments_that_are_not_the_defaults(text):
    layer = UNBUILT[text]()
    assert repr(layer) == text
    assert repr(type(layer).from_config(layer.get_config())) == text


def test_sizes_of_built_layers():
    dense, conv, first = Dense(2), Conv2D(8, 3), Conv2D(8, 3, data_format="channels_first")
    dense(torch.zeros(1, 784)), conv(torch.zeros(1, 5, 5, 3)), first(torch.zeros(1, 4, 5, 5))
    assert [repr(dense), repr(conv)] == ["Dense(784 -> 2)", "Conv2D(3 -> 8, 3)"]
    assert repr(first) == "Conv2D(4 -> 8, 3, data_format=channels_first)"
    lstm = LSTM(4)
    lstm(torch.zeros(1, 2, 3))
    assert repr(lstm) == "LSTM(\n  3 -> 4\n  (cell): LSTMCell(3 -> 4)\n)"


def test_a_model():
    model = lamina.Sequential([Dense(8, activation="relu", input_shape=(4,)), nn.Linear(8, 8), Dense(2, name="out")])
    assert (
        repr(model)
        == """\
Sequential(
  (dense): Dense(4 -> 8, relu)
  (linear): Linear(in_features=8, out_features=8, bias=True)
  (out): Dense(8 -> 2, name='out')
)"""
    )


class Own(Layer):
    def __init__(self, size, sizes=(1, 2), note="plain", **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(size)

    def call(self, x):
        return self.dense(x)


def test_layers_of_users():
    text = "Own(\n  3, note=other\n  (dense): Dense(? -> 3)\n)"
    assert repr(Own(3, note="other")) == text
    assert "(layer): LSTM" not in repr(Bidirectional(LSTM(3)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_layer_can_be_printed(row):
    layer = parity.make(row, name="mine")
    before = repr(layer)
    layer(parity.inputs_of(row), **parity.call_arguments(row))
    for text in (before, repr(layer)):
        assert text.startswith(f"{type(layer).__name__}(")
        assert "name='mine'" in text
        assert ("\n" in text) == bool(layer._modules) or text is before
        assert max(map(len, text.split("\n"))) < 400
