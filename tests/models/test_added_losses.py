"""``model.add_loss`` of symbolic tensors, as Keras 1 and 2 have it: a variational autoencoder's loss, say."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from lamina import Model, Sequential, as_keras, layers
from lamina.layers import Dense, Input, Layer
from lamina.layers.core import AddLoss
from lamina.models import clone_model, load_model

X = np.random.default_rng(0).random((24, 4), "float32")


def penalized(factor=0.5):
    x = layers.Input((4,), name="x")
    code = layers.Dense(2, name="code")(x)
    model = Model(x, layers.Dense(4, name="again")(code))
    model.add_loss(factor * code.square().mean())
    model.compile("sgd", "mse")
    return model


def by_hand(model, factor=0.5):
    with torch.no_grad():
        x = torch.from_numpy(X)
        code = model.get_layer("code")(x)
        return float((model.get_layer("again")(code) - x).square().mean() + factor * code.square().mean())


def test_it_is_minimised_and_counted():
    model = penalized()
    assert model.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model), rel=1e-6)
    code = model.get_layer("code").kernel
    expected = torch.autograd.grad(
        (model(torch.from_numpy(X)) - torch.from_numpy(X)).square().mean()
        + 0.5 * model.get_layer("code")(torch.from_numpy(X)).square().mean(), code)[0]  # fmt: skip
    before = code.detach().clone()
    model.fit(X, X, batch_size=24, verbose=0)
    torch.testing.assert_close((before - code) / 0.01, expected, rtol=1e-4, atol=1e-6)


def test_the_code_says_it():
    lines = penalized().code.split("\n")
    assert any("= self.add_loss" in line and line.endswith("# ()") for line in lines)
    assert lines[-2].strip() == "return again"


def test_several_losses_add_up_and_numbers_may_be_among_them():
    model = penalized(0.25)
    code = model.get_layer("code").output
    model.add_loss([0.125 * code.square().mean(), 0.125 * code.square().mean()])
    model.compile("sgd", "mse")
    assert model.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model), rel=1e-6)
    assert sum(isinstance(layer, AddLoss) for layer in model.layers) == 3


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "clone", "file"])
def test_copies_have_it_too(way, tmp_path):
    model = penalized()
    if way == "file":
        with pytest.warns(UserWarning, match="Only lamina can open this, not Keras 3: it has no AddLoss"):
            model.save(tmp_path / "m.keras")
        again = load_model(tmp_path / "m.keras")
    else:
        make = {"deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m)), "clone": clone_model}[way]
        again = make(model)
        again.set_weights(model.get_weights())
        again.compile("sgd", "mse")
    assert again.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model), rel=1e-6)
    again.add_loss(again.get_layer("code").output.square().mean())
    again.compile("sgd", "mse")
    assert again.evaluate(X, X, batch_size=24, verbose=0) == pytest.approx(by_hand(model, 1.5), rel=1e-6)


def test_what_answers_keeps_no_losses():
    model = penalized()
    for _ in range(3):
        model.predict(X, batch_size=4, verbose=0)
        assert len(model.added_losses()) <= 1
        model.predict(X[:4], verbose=0)
        assert len(model.added_losses()) <= 1


def test_masks_are_asked_for_without_it():
    x = layers.Input((3,), dtype="int32")
    words = layers.Embedding(5, 2, mask_zero=True)(x)
    model = Model(x, words)
    model.add_loss(words.square().mean())
    model(torch.tensor([[1, 0, 2]]))
    assert len(model.added_losses()) == 1
    model.compute_mask(torch.tensor([[1, 0, 2]]))
    assert len(model.added_losses()) == 1


def test_a_stack_of_layers_takes_none():
    model = Sequential([layers.Input((4,)), layers.Dense(2)], name="stack")
    loss = model.output.square().mean()
    with pytest.raises(ValueError, match="add_loss of Sequential 'stack' takes a tensor that a call computed"):
        model.add_loss(loss)


def test_the_variational_autoencoder_of_keras_2():
    with as_keras("keras2"):
        from keras import backend as K
        from keras.layers import Dense, Input, Lambda
        from keras.losses import mse
        from keras.models import Model

        def sampling(args):
            mean, log_var = args
            return mean + K.exp(0.5 * log_var) * K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))

        inputs = Input(shape=(4,), name="encoder_input")
        x = Dense(8, activation="relu")(inputs)
        z_mean, z_log_var = Dense(2, name="z_mean")(x), Dense(2, name="z_log_var")(x)
        z = Lambda(sampling, output_shape=(2,), name="z")([z_mean, z_log_var])
        encoder = Model(inputs, [z_mean, z_log_var, z], name="encoder")
        latent = Input(shape=(2,), name="z_sampling")
        decoder = Model(latent, Dense(4, activation="sigmoid")(Dense(8, activation="relu")(latent)), name="decoder")
        outputs = decoder(encoder(inputs)[2])
        vae = Model(inputs, outputs, name="vae_mlp")
        reconstruction_loss = mse(inputs, outputs)
        reconstruction_loss *= 4
        kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
        kl_loss = K.sum(kl_loss, axis=-1)
        kl_loss *= -0.5
        vae.add_loss(K.mean(reconstruction_loss + kl_loss))
        vae.compile(optimizer="adam")
        history = vae.fit(X, epochs=20, batch_size=8, validation_data=(X, None), verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert len(vae.trainable_weights) == 10
    assert clone_model(encoder).get_layer("z").function is encoder.get_layer("z").function
    assert vae.predict(X, verbose=0).shape == (24, 4)


# ---- metrics that a call adds --------------------------------------------------------------------------------------


class Watched(Layer):
    def call(self, x):
        self.add_metric(x, name="mean_x")
        return x


def test_a_metric_that_a_call_adds_is_the_mean_over_the_epoch():
    x, y = np.arange(16.0).reshape(8, 2), np.ones((8, 2))
    inputs = Input((2,))
    model = Model(inputs, Dense(2)(Watched()(inputs)))
    model.add_metric(inputs.max(), name="max_x")
    model.compile("sgd", "mse")
    history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, validation_data=(x[:2], y[:2]), verbose=0).history
    assert sorted(history) == ["loss", "max_x", "mean_x", "val_loss", "val_max_x", "val_mean_x"]
    assert history["mean_x"] == [7.5, 7.5]
    assert history["max_x"] == [(7 + 15) / 2] * 2
    assert (history["val_mean_x"], history["val_max_x"]) == ([1.5] * 2, [3.0] * 2)


def test_a_model_with_added_metrics_is_copied_and_saved(tmp_path):
    inputs = Input((2,))
    model = Model(inputs, Dense(2)(inputs))
    model.add_metric(inputs, name="mean_x", aggregation="mean")
    with pytest.warns(UserWarning, match="Only lamina can open this, not Keras 3: it has no AddMetric"):
        model.save(tmp_path / "m.keras")
    for again in (clone_model(model), load_model(tmp_path / "m.keras"), copy.deepcopy(model)):
        again.compile("sgd", "mse")
        assert again.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0).history["mean_x"] == [1.0]


def test_a_subclass_adds_metrics_too():
    class Mine(Model):
        def __init__(self):
            super().__init__()
            self.inner = Watched()

        def call(self, x):
            self.add_metric((x * 2).mean(), name="twice", aggregation="mean")
            return self.inner(x)

    model = Mine()
    model.compile("sgd", "mse")
    logs = model.evaluate(np.ones((4, 2)), np.ones((4, 2)), verbose=0, return_dict=True)
    assert (logs["twice"], logs["mean_x"]) == (2.0, 1.0)
    with pytest.raises(ValueError, match=r"add_metric of Watched '.*' needs a name"):
        Watched().add_metric(torch.ones(1))


def test_training_needs_no_default():
    class Block(Layer):
        def call(self, x, training):
            return x * (2.0 if training else 1.0)

    inputs = Input((2,))
    model = Model(inputs, Block()(inputs))
    assert model.output_shape == (None, 2)
    assert model(torch.ones(1, 2)).tolist() == [[1, 1]]
    assert model(torch.ones(1, 2), training=True).tolist() == [[2, 2]]
    assert Block()(torch.ones(2), True).tolist() == [2, 2]
    assert Sequential([Block()]).predict(np.ones((1, 2)), verbose=0).tolist() == [[1, 1]]
