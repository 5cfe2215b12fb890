"""Arrays beside tensors, slices that go backwards and rounding, in code of the user's that meets data."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import lamina
from lamina import backend as K
from lamina.layers import Dense, Input, Lambda, Layer
from lamina.models import Model, Sequential

A = np.array([1.0, 2.0, 4.0])
X = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, 8.0]], "float32")
FUNCTIONS = {
    "x * array": lambda x: x * A,
    "array * x": lambda x: A * x,
    "x - array": lambda x: x - A,
    "array - x": lambda x: A - x,
    "x / array": lambda x: x / A,
    "array / x": lambda x: A / x,
    "x ** array": lambda x: x**A,
    "array of float32": lambda x: A.astype("float32") * x,
    "array of whole numbers": lambda x: np.arange(3) + x,
    "a number of NumPy's": lambda x: np.float64(2.0) * x - np.array(1.0),
    "x @ array": lambda x: x @ np.outer(A, A),
    "array < x": lambda x: (x > A) * A,
    "backwards": lambda x: x[:, ::-1],
    "backwards behind dots": lambda x: x[..., ::-2],
    "round": lambda x: round(x * 1.26, 1),
    "all of them": lambda x: A * abs(x)[:, ::-1] - A,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_a_lambda(name):
    function = FUNCTIONS[name]
    expected = np.asarray(X[:, ::-1] if name == "backwards" else X[:, ::-2] if "dots" in name else np.round(X * 1.26, 1)
                          if name == "round" else function(X))  # fmt: skip
    model = Sequential([Input((3,)), Lambda(function)])
    found = model.predict(X, verbose=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    x = torch.from_numpy(X).requires_grad_()
    y = Lambda(function)(x)  # without a model around it
    assert type(y) is torch.Tensor
    np.testing.assert_allclose(y.detach(), expected, rtol=1e-5)
    if y.requires_grad:
        y.sum().backward()
        assert x.grad is not None


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("backwards behind dots", "array < x")])
def test_training_through_a_lambda(name):
    model = Sequential([Input((3,)), Dense(3, kernel_initializer="ones"), Lambda(FUNCTIONS[name])])
    model.compile("sgd", "mse")
    model.fit(np.abs(X), np.ones((2, 3)), verbose=0)
    for again in (copy.deepcopy(model),):
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_in_a_layer_of_one_s_own():
    class Scaled(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Dense(3, kernel_initializer="ones")

        def call(self, inputs):
            return A * self.inner(inputs[:, ::-1]) - A

    expected = A * X.sum(1, keepdims=True) - A
    eager, x = Scaled(), Input((3,))
    model = Model(x, Scaled()(x))
    for function in (eager, model):
        y = function(torch.from_numpy(X))
        assert (type(y), y.dtype) == (torch.Tensor, torch.float32)
        np.testing.assert_allclose(y.detach(), expected, rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 3)), verbose=0)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X, verbose=0), model.predict(X, verbose=0))


LOSSES = {
    "array * loss": lambda t, p: K.mean(A * K.square(t - p), -1),
    "loss * array": lambda t, p: K.mean(K.square(t - p) * A, -1),
    "backwards": lambda t, p: K.mean(K.square(t - p)[:, ::-1] * A[::-1], -1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_in_losses_and_metrics(name):
    def trained(loss):
        model = Sequential([Dense(3, input_dim=3, kernel_initializer="ones")])
        model.compile(lamina.optimizers.SGD(0.01), loss, metrics=[loss] if name != "loss * array" else ["mse"])
        history = model.fit(X, X * 2, epochs=2, verbose=0).history
        assert name == "loss * array" or history["loss"] == pytest.approx(history[list(history)[1]], rel=1e-5)
        return model.get_weights()

    weights = torch.from_numpy(A.astype("float32"))
    for mine, wanted in zip(
        trained(LOSSES[name]), trained(lambda t, p: (weights * (t - p) ** 2).mean(-1)), strict=True
    ):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5)


def test_other_errors_are_raised_once():
    calls = []

    class Wrong(Layer):
        def call(self, inputs):
            calls.append(1)
            raise ValueError("of my own")

    with pytest.raises(ValueError, match="of my own"):
        Wrong()(torch.ones(1))
    assert len(calls) == 1


def test_a_layer_that_computes_beside_arrays_is_pickled():
    layer = Module()
    layer(torch.from_numpy(X))
    again = pickle.loads(pickle.dumps(layer))
    assert torch.equal(again(torch.from_numpy(X)), layer(torch.from_numpy(X)))
    assert torch.equal(layer(torch.from_numpy(X)), torch.from_numpy(X).flip(1))


class Module(Layer):
    def call(self, inputs):
        return inputs[:, ::-1]
