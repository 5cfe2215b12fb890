"""Predicting many batches folds BatchNormalization into convolutions; the numbers stay."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from lamina import Sequential, layers
from lamina.models import Model

ROWS, BATCH = 20, 4


def settled(model):
    """A model whose statistics and weights are no round numbers."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.weights:
            weight.copy_(torch.rand(weight.shape, generator=generator) * 0.8 + 0.2)
    return model


def folds(model):
    forward = model._forward_to_predict_many
    return len(forward._folded)


def assert_same(model, x):
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    found = model.predict(x, batch_size=BATCH, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    return found


@pytest.mark.parametrize(
    ("shape", "convolution", "norm"),
    [
        ((9, 3), layers.Conv1D(4, 3, padding="causal"), {}),
        ((8, 8, 3), layers.Conv2D(4, 3, padding="same", use_bias=False), {"scale": False}),
        ((8, 8, 3), layers.Conv2D(4, 3, strides=2, padding="same"), {"center": False, "scale": False}),
        ((3, 8, 8), layers.Conv2D(6, 3, groups=3, data_format="channels_first"), {"axis": 1, "epsilon": 0.1}),
        ((5, 5, 5, 2), layers.Conv3D(3, 2), {"center": False}),
        ((8, 8, 3), layers.Conv2D(4, 3, lora_rank=2), {}),
    ],
    ids=str,
)
def test_folded_numbers_are_the_same(shape, convolution, norm):
    model = settled(Sequential([layers.Input(shape), convolution, layers.BatchNormalization(**norm), layers.ReLU()]))
    x = np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")
    first = assert_same(model, x)
    assert folds(model) == 1
    with torch.no_grad():
        for weight in model.weights:
            weight.mul_(1.5)
    assert not np.allclose(assert_same(model, x), first)  # never the weights of an earlier call
    assert_same(copy.deepcopy(model), x)


def test_training_goes_on_with_the_weights_themselves():
    model = Sequential(
        [layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(ROWS, 8, 8, 3)).astype("float32")
    for _ in range(2):
        model.fit(x, x[:, 0, 0, :1], batch_size=BATCH, epochs=1, verbose=0)
        assert_same(model, x)


class Mine(layers.Conv2D):
    def call(self, inputs):
        return super().call(inputs) * 2


@pytest.mark.parametrize(
    "ways",
    [
        lambda x: layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x)),
        lambda x: layers.BatchNormalization()(Mine(4, 3)(x)),
        lambda x: layers.BatchNormalization(axis=1)(layers.Conv2D(4, 3)(x)),
        lambda x: layers.BatchNormalization()(layers.Activation("relu")(layers.Conv2D(4, 3)(x))),
        lambda x: (lambda y: layers.Add()([y, layers.BatchNormalization()(y)]))(layers.Conv2D(4, 3)(x)),
        lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3)(x)),
    ],
    ids=["activation", "a subclass", "another axis", "relu between", "asked for twice", "no Conv"],
)
def test_what_is_not_folded(ways):
    inputs = layers.Input((8, 8, 3))
    model = settled(Model(inputs, ways(inputs)))
    assert_same(model, np.random.default_rng(0).normal(size=(ROWS, 8, 8, 3)).astype("float32"))
    assert folds(model) == 0


def test_an_activation_that_is_set_later():
    model = settled(Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()]))
    x = np.random.default_rng(0).normal(size=(ROWS, 8, 8, 3)).astype("float32")
    assert_same(model, x)
    model.layers[0].activation = torch.tanh
    assert_same(model, x)
    assert folds(model) == 0


def test_few_batches_are_the_model_s_own_call():
    model = settled(Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()]))
    x = np.random.default_rng(0).normal(size=(2 * BATCH, 8, 8, 3)).astype("float32")
    with torch.no_grad():
        expected = torch.cat([model(torch.from_numpy(part)) for part in np.split(x, 2)])
    assert np.array_equal(model.predict(x, batch_size=BATCH, verbose=0), expected.numpy())
    assert model._forward_to_predict_many is None
