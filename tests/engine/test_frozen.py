"""What is frozen is not trained and costs nothing, whichever way it was frozen; Keras 3.15.1 is the oracle."""

import keras
import numpy as np
import pytest
import torch
from keras import layers as keras_layers

import lamina
from lamina import layers


def own(base):
    class Own(base.Layer):
        """Holds a layer that only its call builds, though it states its shape."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = [base.Dense(2, kernel_regularizer="l2")]

        def call(self, x):
            return self.inner[0](x)

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

    return Own


def made_in_build(base):
    class MadeInBuild(base.Layer):
        def build(self, input_shape):
            self.inner = base.Dense(2, kernel_regularizer="l2")
            self.inner.build(input_shape)
            self.scale = self.add_weight(shape=(2,), regularizer="l2", initializer="ones")

        def call(self, x):
            return self.inner(x) * self.scale

    return MadeInBuild


def nested(library, base, **kwargs):
    return library.Sequential([base.Dense(2, kernel_regularizer="l2")], **kwargs)


STEPS = (4, 3)
FROZEN = {
    "Dense": (lambda k, b, **kw: b.Dense(2, kernel_regularizer="l2", **kw), (3,)),
    "LSTM": (lambda k, b, **kw: b.LSTM(2, kernel_regularizer="l2", **kw), STEPS),
    "Bidirectional": (lambda k, b, **kw: b.Bidirectional(b.LSTM(2, kernel_regularizer="l2"), **kw), STEPS),
    "TimeDistributed": (lambda k, b, **kw: b.TimeDistributed(b.Dense(2, kernel_regularizer="l2"), **kw), STEPS),
    "RNN": (lambda k, b, **kw: b.RNN(b.LSTMCell(2, kernel_regularizer="l2"), **kw), STEPS),
    "RNN of cells": (lambda k, b, **kw: b.RNN(
        [b.LSTMCell(2, kernel_regularizer="l2"), b.GRUCell(2, bias_regularizer="l1")], **kw), STEPS),
    "SpectralNormalization": (lambda k, b, **kw: b.SpectralNormalization(
        b.Dense(2, kernel_regularizer="l2"), **kw), (3,)),
    "Sequential": (nested, (3,)),
    "a layer of a layer": (lambda k, b, **kw: own(b)(**kw), (3,)),
    "a layer made in build": (lambda k, b, **kw: made_in_build(b)(**kw), (3,)),
    "a layer of layers of layers": (lambda k, b, **kw: b.TimeDistributed(
        b.TimeDistributed(b.Dense(2, kernel_regularizer="l2")), **kw), (5, 4, 3)),
}  # fmt: skip


def frozen_later(make, library, base):
    layer = make(library, base)
    layer.trainable = False
    return layer


WAYS = {
    "in the constructor": lambda make, library, base: make(library, base, trainable=False),
    "before it is built": frozen_later,
    "not": lambda make, library, base: make(library, base),
}


@pytest.mark.filterwarnings("ignore:Model .* has no trainable weights", "ignore:The loss does not depend on",
                            "ignore:The model does not have any trainable weights",
                            "ignore:__array__ implementation:DeprecationWarning")  # fmt: skip
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FROZEN)
def test_frozen_layers_as_in_keras(name, way):
    make, shape = FROZEN[name]
    x = np.ones((2, *shape), "float32")
    found = []
    for library, base in ((lamina, layers), (keras, keras_layers)):
        layer = WAYS[way](make, library, base)
        model = library.Sequential([base.Input(shape), layer])
        told = [(len(one.losses), len(one.trainable_weights), len(one.non_trainable_weights)) for one in (layer, model)]
        model.compile("sgd", "mse")
        before = model.get_weights()
        model.fit(x, model.predict(x, verbose=0) + 1, verbose=0)
        told.append([bool((new != old).any()) for new, old in zip(model.get_weights(), before, strict=True)])
        for value in (False, True):
            model.trainable = value
            told += [(len(one.losses), len(one.trainable_weights)) for one in (layer, model)]
        found.append(told)
    assert found[0] == found[1]


@pytest.mark.parametrize("way", ["constructor", "before", "after", "around"])
def test_frozen_attention_as_in_keras(way):
    found = []
    for library, base in ((lamina, layers), (keras, keras_layers)):
        symbol = base.Input((4, 3))
        layer = base.MultiHeadAttention(2, 2, kernel_regularizer="l2", trainable=way != "constructor")
        layer.trainable = way not in ("constructor", "before")
        outputs = layer(symbol, symbol)
        model = library.Model(symbol, outputs)
        (layer if way == "after" else model).trainable = way not in ("after", "around")
        found.append([(len(one.losses), len(one.trainable_weights)) for one in (layer, model)])
    assert found[0] == found[1]


def test_a_layer_of_layers_that_is_frozen_costs_nothing():
    x = torch.ones(2, 4, 3)
    attention = layers.MultiHeadAttention(2, 2, kernel_regularizer="l2", trainable=False)
    attention(x, x)
    both = layers.Bidirectional(layers.GRU(2, kernel_regularizer="l2"), trainable=False)
    both(x)
    assert attention.losses == both.losses == []
    attention.trainable = both.trainable = True
    assert (len(attention.losses), len(both.losses)) == (4, 2)


@pytest.mark.parametrize("make", [lambda: layers.Dense(2, activity_regularizer="l2"),
                                  lambda: layers.ActivityRegularization(l1=0.1)])  # fmt: skip
def test_the_activity_of_no_rows_costs_nothing(make):
    layer = make()
    layer(torch.ones(0, 3))
    assert [float(loss) for loss in layer.losses] == [0.0]


def test_empty_batches_are_passed_over():
    def batches(*rows):
        return ((np.ones((count, 3), "float32"), np.zeros((count, 2), "float32")) for count in rows)

    model = lamina.Sequential([layers.Dense(2, activity_regularizer="l2"), layers.BatchNormalization()])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(batches(4, 0, 4), verbose=0).history
    assert np.isfinite(history["loss"] + history["mae"]).all()
    assert np.isfinite(model.evaluate(batches(0, 4, 0), verbose=0)).all()
    assert model.predict((x for x, _ in batches(2, 0, 1)), verbose=0).shape == (3, 2)
