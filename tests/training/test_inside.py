"""Losses that use tensors from inside the model, as the variational autoencoders of Keras 1 do."""

from __future__ import annotations

import copy
import functools
import pickle

import numpy as np
import pytest
import torch

from lamina import Model, Sequential, as_keras, layers
from lamina.losses import MeanSquaredError

X = np.random.default_rng(0).random((24, 4), "float32")


def looking(factor=0.5):
    x = layers.Input((4,), name="x")
    code = layers.Dense(2, name="code")(x)
    model = Model(x, layers.Dense(4, name="again")(code))

    def loss(y_true, y_pred):
        return (y_true - y_pred).square().mean(-1) + factor * code.square().sum(-1)

    return model, loss


def by_hand(model, factor=0.5):
    x = torch.from_numpy(X)
    code = model.get_layer("code")(x)
    return (model.get_layer("again")(code) - x).square().mean() + factor * code.square().sum(-1).mean()


def test_its_value_and_what_is_learned():
    model, loss = looking()
    model.compile("sgd", loss)
    assert model.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model).item(), rel=1e-6)
    kernel = model.get_layer("code").kernel
    (expected,) = torch.autograd.grad(by_hand(model), kernel)
    before = kernel.detach().clone()
    model.fit(X, X, batch_size=24, verbose=0)
    torch.testing.assert_close((before - kernel) / 0.01, expected, rtol=1e-4, atol=1e-6)


def test_each_batch_has_its_own():
    model, loss = looking()
    model.compile("sgd", loss)
    assert model.evaluate(X, X, batch_size=6, verbose=0) == pytest.approx(by_hand(model).item(), rel=1e-6)


def test_compiled_again_it_is_computed_once():
    model, loss = looking()
    for _ in range(3):
        model.compile("sgd", loss)
        model.fit(X, X, verbose=0)
    assert model.code.count("self.aside") == 1
    assert [layer.name for layer in model.layers] == ["x", "code", "again"]
    model.add_loss(0.25 * model.get_layer("code").output.square().sum(-1).mean())
    model.compile("sgd", loss)
    assert model.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model, 0.75).item(), rel=1e-6)


def test_it_is_no_part_of_the_model():
    model, loss = looking()
    model.compile("sgd", loss)
    config = model.get_config()
    model.fit(X, X, verbose=0)
    assert model.get_config() == config
    assert model.predict(X, verbose=0).shape == (24, 4)
    model(torch.from_numpy(X))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(Model.from_config(config)))):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_functions_that_the_loss_calls_may_look_too():
    x = layers.Input((4,))
    code = layers.Dense(2, name="code")(x)
    model = Model(x, layers.Dense(4, name="again")(code))

    def size():
        return code.square().sum(-1)

    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred).square().mean(-1) + 0.5 * size())
    assert model.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model).item(), rel=1e-6)


def test_other_losses_stay_as_they_are():
    x = layers.Input((4,))
    model = Model(x, layers.Dense(4)(x))
    seen = []

    def loss(y_true, y_pred):
        seen.append(type(y_pred))
        return (y_true - y_pred).square().mean(-1)

    for given in (loss, MeanSquaredError(), "mse"):
        model.compile("sgd", given)
        model.fit(X, X, verbose=0)
    assert set(seen) == {torch.Tensor}
    assert "aside" not in model.code


def test_one_output_of_two():
    x = layers.Input((4,), name="x")
    code = layers.Dense(2, name="code")(x)
    model = Model(x, [layers.Dense(4, name="again")(code), layers.Dense(1, name="one")(code)])
    model.compile("sgd", {"again": lambda y, p: (y - p).square().mean(-1) + code.square().sum(-1), "one": "mse"})
    found = model.evaluate(X, {"again": X, "one": X[:, :1]}, batch_size=24, verbose=0, return_dict=True)
    with torch.no_grad():
        inner = model.get_layer("code")(torch.from_numpy(X))
        again = (model.get_layer("again")(inner) - torch.from_numpy(X)).square().mean() + inner.square().sum(-1).mean()
    assert found["again_loss"] == pytest.approx(again.item(), rel=1e-6)


def test_a_tensor_of_another_model_is_an_error():
    _, loss = looking()
    model, _ = looking()
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="The graph is disconnected"):
        model.fit(X, X, verbose=0)


def test_a_stack_of_layers_computes_nothing_aside():
    model = Sequential([layers.Input((4,)), layers.Dense(2), layers.Dense(4)], name="stack")
    code = model.layers[0].output
    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred).square().mean(-1) + code.square().sum(-1))
    with pytest.raises(ValueError, match="Sequential 'stack' is compiled with a loss that uses"):
        model.fit(X, X, verbose=0)


def test_the_variational_autoencoder_of_keras_1():
    with as_keras("keras1"):
        from keras import backend as K
        from keras import objectives
        from keras.layers import Dense, Input, Lambda
        from keras.models import Model

        batch_size, original_dim, latent_dim = 6, 4, 2
        x = Input(batch_shape=(batch_size, original_dim))
        h = Dense(8, activation="relu")(x)
        z_mean, z_log_var = Dense(latent_dim)(h), Dense(latent_dim)(h)

        def sampling(args):
            z_mean, z_log_var = args
            epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0.0, std=1.0)
            return z_mean + K.exp(z_log_var / 2) * epsilon

        z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
        decoded = Dense(original_dim, activation="sigmoid")(Dense(8, activation="relu")(z))

        def vae_loss(x, decoded):
            xent_loss = original_dim * objectives.binary_crossentropy(x, decoded)
            kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
            return xent_loss + kl_loss

        vae = Model(x, decoded)
        vae.compile(optimizer="rmsprop", loss=vae_loss)
        history = vae.fit(X, X, nb_epoch=30, batch_size=batch_size, validation_data=(X, X), verbose=0).history
        encoder = Model(x, z_mean)
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert encoder.predict(X, batch_size=batch_size).shape == (24, 2)
    assert len(vae.layers) == 7


def critic_of(points: str):
    """A critic of what lies between two inputs, and a loss that punishes its gradients there."""
    with as_keras("keras2"):
        from keras import backend as K
        from keras.layers import Dense, Input
        from keras.layers.merge import _Merge
        from keras.models import Model

        class BetweenTwo(_Merge):
            def _merge_function(self, inputs):
                return 0.25 * inputs[0] + 0.75 * inputs[1]

        a, b = Input((4,)), Input((4,))
        middle = BetweenTwo(name="middle")([a, b])
        score = Dense(1, name="score")(Dense(3, activation="tanh", name="hidden")(middle))
        model = Model([a, b], score)

        def penalty(y_true, y_pred, at):
            slopes = K.gradients(y_pred, at)[0]
            lengths = K.sqrt(K.sum(K.square(slopes), axis=np.arange(1, len(slopes.shape))))
            return K.mean(K.square(1 - lengths))

    class Holder:
        at = middle

        def punish(self, y_true, y_pred):
            return penalty(y_true, y_pred, self.at)

    def by_default(y_true, y_pred, at=middle):
        return penalty(y_true, y_pred, at)

    losses = {"partial": functools.partial(penalty, at=middle), "method": Holder().punish, "default": by_default}
    return model, losses[points]


@pytest.mark.parametrize("points", ["partial", "method", "default"])
def test_a_penalty_on_gradients_is_trained(points: str):
    """The loss of WGAN-GP: value, and the gradient of that gradient."""
    model, loss = critic_of(points)
    hidden, score = model.get_layer("hidden"), model.get_layer("score")
    start = model.get_weights()
    a, b = torch.from_numpy(X), torch.from_numpy(X[::-1].copy())
    with as_keras("keras2"):
        model.compile("sgd", loss)
        found = model.evaluate([X, X[::-1]], X[:, :1], batch_size=24, verbose=0)
        with pytest.warns(UserWarning, match="does not depend on score.bias"):
            model.fit([X, X[::-1]], X[:, :1], batch_size=24, verbose=0, shuffle=False)
    after = model.get_weights()
    model.set_weights(start)
    middle = (0.25 * a + 0.75 * b).requires_grad_()
    slopes = torch.autograd.grad(score(hidden(middle)).sum(), middle, create_graph=True)[0]
    value = (1 - slopes.square().sum(1).sqrt()).square().mean()
    assert found == pytest.approx(value.item(), rel=1e-5)
    by_hand = torch.autograd.grad(value, [hidden.kernel, score.kernel])
    for place, slope in zip((0, 2), by_hand, strict=True):
        np.testing.assert_allclose((start[place] - after[place]) / 0.01, slope.numpy(), rtol=2e-3, atol=2e-5)
