"""Layers of one's own as Keras 1 and 2 wrote them: variables made by hand, updates, ``a *= mask``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lamina import backend as K
from lamina.layers import Dense, Input, Layer
from lamina.models import Model, Sequential, load_model


class ByHand(Layer):
    """Keras 1's documentation: variables, and a list that says which are trained."""

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.b = K.zeros((self.output_dim,))
        self.W = K.variable(np.full((input_shape[1], self.output_dim), 0.5))
        self.fixed = K.variable(np.ones(self.output_dim))
        self.calls = K.variable(np.zeros(()))
        self.trainable_weights = [self.W, self.b]
        self.non_trainable_weights = [self.calls]

    def call(self, x, mask=None):
        self.add_update([(self.calls, self.calls + 1)], x)
        return K.dot(x, self.W) + self.b * self.fixed

    def get_output_shape_for(self, input_shape):
        return input_shape[0], self.output_dim


def test_weights_named_by_keras_1():
    layer = ByHand(4)
    model = Sequential([Input((3,)), layer, Dense(1)])
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(3, 4), (4,)]
    assert [tuple(weight.shape) for weight in layer.non_trainable_weights] == [()]
    assert isinstance(layer.W, nn.Parameter)
    assert isinstance(layer.b, nn.Parameter)
    assert layer.calls == 0
    model.compile("sgd", "mse")
    x = np.ones((4, 3), "float32")
    model.fit(x, np.ones((4, 1), "float32"), epochs=2, batch_size=2, verbose=0)
    assert layer.calls == 4
    assert layer.fixed.tolist() == [1.0] * 4
    assert layer.b.any()
    before = layer.get_weights()
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(layer.get_weights()[2], before[2])


def test_weights_of_layers_inside_are_named_once():
    class Around(Layer):
        def build(self, input_shape):
            self.inner = Dense(2)
            self.inner.build(input_shape)
            self.trainable_weights = self.inner.trainable_weights

        def call(self, x):
            return self.inner(x)

    layer = Around()
    layer(torch.ones(1, 3))
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(3, 2), (2,)]
    assert list(layer.state_dict()) == ["inner.kernel", "inner.bias"]


def test_weights_in_a_list_are_the_ones_that_are_trained():
    class Sum(Layer):
        def build(self, input_shape):
            self.parts = [K.variable(np.ones(input_shape[-1])) for _ in range(2)]
            self.trainable_weights = self.parts

        def call(self, x, mask=None):
            return x * self.parts[0] + self.parts[1]

    layer = Sum()
    layer(torch.ones(1, 3)).sum().backward()
    assert len(layer.trainable_weights) == 2
    assert all(weight is part for weight, part in zip(layer.trainable_weights, layer.parts, strict=True))
    assert all(weight.grad is not None for weight in layer.trainable_weights)


def test_keras_1_weights_survive_torch():
    layer = ByHand(2)
    layer(torch.ones(1, 3))
    assert list(layer.state_dict()) == ["W", "b", "calls"]
    assert layer.to(torch.float64)(torch.ones(1, 3)).dtype is torch.float64


def test_what_k_gives_may_be_changed_in_place():
    class Attention(Layer):
        def call(self, x, mask=None):
            scores = K.tanh(x)
            scores += 1.0
            weights = K.exp(K.sum(scores, axis=-1))
            weights *= 0.5
            weights /= K.sum(weights, axis=1, keepdims=True) + K.epsilon()
            return K.sum(x * K.expand_dims(weights), axis=1)

    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    found = torch.autograd.grad(Attention(dtype="float64")(x).square().sum(), x)[0]
    weights = torch.exp((torch.tanh(x) + 1).sum(-1)) * 0.5
    expected = (x * (weights / (weights.sum(1, keepdim=True) + 1e-7)).unsqueeze(-1)).sum(1)
    torch.testing.assert_close(found, torch.autograd.grad(expected.square().sum(), x)[0])


@pytest.mark.parametrize("function", [K.exp, K.sigmoid, K.softmax, K.sqrt, K.tanh, K.relu, K.elu])
def test_functions_whose_gradient_needs_their_result(function):
    x = torch.tensor([[0.5, 1.5]], requires_grad=True)
    result = function(x)
    result *= 2.0
    mine = torch.autograd.grad(result[0, 0], x)[0]
    torch.testing.assert_close(mine, torch.autograd.grad(2.0 * function(x)[0, 0], x)[0])


def test_updates_wait_for_data():
    class Mean(Layer):
        def build(self, input_shape):
            self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)

        def call(self, x):
            K.update(self.mean, K.mean(x, axis=0) + 1.0 if isinstance(x, torch.Tensor) else self.mean + 1.0)
            return x

    layer, x = Mean(), Input((3,))
    layer(x)
    assert not layer.mean.any()
    layer(torch.ones(2, 3))
    assert layer.mean.tolist() == [2.0, 2.0, 2.0]


class Projection(Layer):
    def build(self, shape):  # whatever the argument is called
        self.kernel = self.add_weight(shape=(shape[-1], 2))

    def call(self, x):
        return x @ self.kernel


def test_build_may_name_its_argument_as_it_likes(tmp_path):
    x = Input((3,))
    model = Model(x, Projection()(x))
    assert model.layers[1].get_build_config() == {"input_shape": (None, 3)}
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras", custom_objects={"Projection": Projection})
    data = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
