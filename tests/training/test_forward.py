"""The forward pass of the loops: layers called directly, relu written over numbers that are nobody's, errors in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lamina import Input, Model, Sequential, layers
from lamina.training.forward import Forward

X = np.random.default_rng(0).standard_normal((4, 6, 6, 3)).astype("float32")


def residual(batch_norm=True):
    inputs = Input((6, 6, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = layers.BatchNormalization(name="bn")(x) if batch_norm else x
    y = layers.Activation("relu", name="relu")(x)
    y = layers.Activation("relu", name="last")(layers.Add(name="add")([inputs, y]))
    return Model(inputs, layers.GlobalAveragePooling2D(name="pool")(y))


def test_layers_are_called_directly_until_somebody_watches():
    model = residual()
    forward = Forward(model)
    assert [layer.name for layer in forward._direct.values()] == ["conv", "bn", "relu", "add", "last", "pool"]
    seen = []
    model.get_layer("bn").register_forward_hook(lambda *_: seen.append("bn"))
    assert not forward.is_current()
    expected = model(torch.from_numpy(X))
    seen.clear()
    np.testing.assert_allclose(model.predict(X, batch_size=2, verbose=0), expected.detach(), rtol=0, atol=1e-6)
    assert seen == ["bn", "bn"]


def test_relu_is_written_over_what_nobody_else_asks_for():
    model = residual()
    steps = model._plan.steps
    assert [steps[number].name for number in sorted(Forward(model, in_place=True)._over)] == ["relu", "last"]
    # Here the convolution's output is asked for twice, so it must stay.
    inputs = Input((6, 6, 3))
    x = layers.Conv2D(3, 3, name="conv")(inputs)
    twice = Model(inputs, layers.Add()([x, layers.Activation("relu")(x)]))
    assert not Forward(twice, in_place=True)._over
    # And here it is an output; and the caller's own numbers are never written over.
    both = Model(inputs, [x, layers.Activation("relu")(x)])
    assert not Forward(both, in_place=True)._over
    first = Sequential([Input((6, 6, 3)), layers.Activation("relu")])
    before = X.copy()
    first.predict(X, verbose=0)
    np.testing.assert_array_equal(X, before)
    for one in (model, twice, both):
        found = one.predict(X, batch_size=3, verbose=0)
        expected = one(torch.from_numpy(X))
        for ours, wanted in zip(found if isinstance(found, list) else [found],
                                expected if isinstance(expected, list) else [expected], strict=True):  # fmt: skip
            np.testing.assert_allclose(ours, wanted.detach(), rtol=0, atol=1e-6)


def test_an_activation_that_changes_is_seen():
    model = Sequential([Input((3,)), layers.Dense(3), layers.Activation("relu", name="a")])
    x = np.ones((2, 3), "float32")
    model.predict(x, verbose=0)
    model.get_layer("a").activation = torch.tanh
    np.testing.assert_allclose(model.predict(x, verbose=0), model(torch.from_numpy(x)).detach(), rtol=0, atol=1e-6)


def test_a_model_s_own_call_is_what_runs():
    class Doubled(Model):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = Input((3,))
    model = Doubled(inputs, layers.Dense(2)(inputs))
    x = np.ones((4, 3), "float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), model(torch.from_numpy(x)).detach(), rtol=0, atol=1e-6)
    model.compile("sgd", "mse")
    expected = float((model(torch.from_numpy(x)).detach() ** 2).mean())
    assert model.evaluate(x, np.zeros((4, 2)), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_errors_are_said_in_the_layer_s_words():
    model = Sequential([Input((None, 3)), layers.Dense(2, name="d"), layers.Flatten(), layers.Lambda(lambda x: x)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"^Dense 'd' was built for inputs whose last axis is 3"):
        model.predict(np.ones((2, 5, 4), "float32"), batch_size=1, verbose=0)


@pytest.mark.parametrize("layer", [
    lambda: layers.Conv1D(4, 3, activation="relu"), lambda: layers.Conv1D(4, 3, activation="relu", padding="causal"),
    lambda: layers.Conv1DTranspose(4, 3, activation="relu"), lambda: layers.SeparableConv1D(4, 3, activation="relu"),
    lambda: layers.Dense(4, activation="relu"), lambda: layers.Dense(4, activation="relu", use_bias=False),
])  # fmt: skip
def test_relu_in_place_has_relu_s_gradients(layer):
    made, x = layer(), torch.randn(2, 8, 3, requires_grad=True)
    y = made(x)
    found = torch.autograd.grad(y.square().sum(), [x, *made.parameters()])
    expected = torch.autograd.grad(torch.relu(made.pre_activation(x)).square().sum(), [x, *made.parameters()])
    torch.testing.assert_close(found, expected)
