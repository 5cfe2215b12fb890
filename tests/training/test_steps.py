"""Steps: those of a model's author, run as they are written, and the ones that are put together for a model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from training.oracle import assert_curves, assert_weights, exactly, in_keras, twins

import lamina
from lamina.layers import Dense, Dropout
from lamina.models import Model, Sequential

rng = np.random.default_rng(0)
X = rng.normal(size=(28, 4)).astype("float32")
Y = rng.normal(size=(28, 1)).astype("float32")
W = rng.uniform(0, 2, 28).astype("float32")


def value(weight):
    """A weight's tensor: Keras keeps it in a Variable."""
    return getattr(weight, "value", weight)


# ---- what Keras 3 users write for torch ------------------------------------------------------------------------------


def with_backward(k):
    """``train_step`` of Keras's guide: ``loss.backward()`` and ``optimizer.apply``."""

    class Custom(k.Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            loss.backward()
            trainable_weights = list(self.trainable_weights)
            gradients = [value(weight).grad for weight in trainable_weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, trainable_weights)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    return Custom


def with_own_metrics(k):
    """Metrics as attributes, named by the ``metrics`` property; no loss is compiled."""

    class Custom(k.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = k.metrics.Mean(name="loss")
            self.mae_metric = k.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = k.losses.MeanSquaredError()

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred)
            loss.backward()
            weights = list(self.trainable_weights)
            with torch.no_grad():
                self.optimizer.apply([value(weight).grad for weight in weights], weights)
            self.loss_tracker.update_state(loss)
            self.mae_metric.update_state(y, y_pred)
            return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.loss_tracker.update_state(self.loss_fn(y, y_pred))
            self.mae_metric.update_state(y, y_pred)
            return {"mae": self.mae_metric.result(), "loss": self.loss_tracker.result()}

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae_metric]

    return Custom


def with_compute_loss(k):
    class Custom(k.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            return loss + (0.01 if training else 0.0) * (y_pred**2).mean()

    return Custom


def with_old_compute_loss(k):
    """Before Keras 3.3 there was no ``training``."""

    class Custom(k.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return ((y - y_pred).abs()).mean()

    return Custom


def with_compute_metrics(k):
    class Custom(k.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**logs, "largest": y_pred.max()}

    return Custom


def with_test_step(k):
    class Custom(k.Model):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.compute_loss(y=y, y_pred=y_pred)
            return {"off": (y_pred - y).abs().max()}

    return Custom


def with_super(k):
    class Custom(k.Model):
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "twice": 2 * logs["loss"]}

    return Custom


STEPS = [with_backward, with_own_metrics, with_compute_loss, with_old_compute_loss, with_compute_metrics,
         with_test_step, with_super]  # fmt: skip


def functional(make):
    def build(k):
        x = k.layers.Input((4,))
        h = k.layers.Dense(5, activation="tanh", kernel_regularizer="l2")(x)
        return make(k)(x, k.layers.Dense(1)(h))

    return build


@pytest.mark.parametrize("make", STEPS)
def test_steps_as_keras(make):
    ours, theirs = twins(functional(make))
    curves = []
    for model, library in ((ours, lamina), (theirs, keras)):
        told = {} if make is with_own_metrics else {"loss": "mse", "metrics": ["mae"]}
        model.compile(optimizer=library.optimizers.SGD(0.1, momentum=0.5), **told)
        run = lambda model=model: model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0,  # noqa: E731
                                            validation_split=0.25).history  # fmt: skip
        curves.append(run() if library is lamina else in_keras(run))
    if make is with_backward:  # Keras sorts by "compile_metrics", in which "mae" is
        curves[1] = {name: curves[1][name] for name in sorted(curves[1])}
    assert_curves(*curves)
    assert_weights(ours, theirs)
    mine = ours.evaluate(X, Y, verbose=0, batch_size=8)
    np.testing.assert_allclose(mine, in_keras(lambda: theirs.evaluate(X, Y, verbose=0, batch_size=8)), rtol=1e-5)
    tensors = torch.from_numpy(X), torch.from_numpy(Y)
    if make in (with_backward, with_own_metrics):  # Keras gives train_on_batch's steps (x, y, None)
        assert list(ours.train_on_batch(*tensors, return_dict=True)) == ["loss", "mae"]
        return
    mine = ours.train_on_batch(*tensors, return_dict=True)
    wanted = in_keras(lambda: theirs.train_on_batch(*tensors, return_dict=True))
    assert_curves(mine, {name: wanted[name] for name in sorted(wanted)})


def test_predict_step_as_keras():
    def make(k):
        class Custom(k.Model):
            def predict_step(self, data):
                x = data[0] if isinstance(data, tuple) else data
                return {"sum": super().predict_step(data).sum(-1), "x": x * 1}

        return Custom

    ours, theirs = twins(functional(make))
    for options in ({}, {"batch_size": 8}):
        mine, wanted = (
            ours.predict(X, verbose=0, **options),
            in_keras(lambda o=options: theirs.predict(X, verbose=0, **o)),
        )
        assert mine.keys() == wanted.keys()
        for name in wanted:
            np.testing.assert_allclose(mine[name], wanted[name], rtol=1e-5)
    np.testing.assert_allclose(ours.predict_on_batch(X)["sum"], in_keras(lambda: theirs.predict_on_batch(X))["sum"],
                               rtol=1e-5)  # fmt: skip


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("weights", [None, W])
def test_the_written_step_and_the_one_put_together_are_one(eager, weights):
    """``train_step`` as it stands does what ``fit`` does without it."""
    models = []
    for run_eagerly in (False, eager):
        lamina.utils.set_random_seed(0)
        model = Sequential([Dense(8, activation="tanh", input_shape=(4,), kernel_regularizer="l2",
                                  kernel_constraint="max_norm"),
                            Dropout(0.3), Dense(1, activity_regularizer="l1")])  # fmt: skip
        model.compile("adam", "mse", metrics=["mae"], weighted_metrics=["mse"], run_eagerly=run_eagerly)
        lamina.utils.set_random_seed(1)
        history = model.fit(X, Y, epochs=2, batch_size=8, verbose=0, sample_weight=weights, validation_split=0.2)
        models.append((history.history, model.get_weights()))
    (curves, kept), (others, other_weights) = models
    assert list(curves) == list(others)
    for name, values in curves.items():
        assert others[name] == pytest.approx(values, rel=1e-5)
    for one, other in zip(kept, other_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("built", [True, False])  # Keras's examples for torch say that it is built, others do not
def test_a_gan_of_keras3(built):
    """A model that trains two others has no forward pass, and no loss of its own."""

    class GAN(Model):
        def __init__(self, discriminator, generator):
            super().__init__()
            self.discriminator = discriminator
            self.generator = generator
            self.d_loss_metric = lamina.metrics.Mean(name="d_loss")
            self.g_loss_metric = lamina.metrics.Mean(name="g_loss")
            self.built = built

        def compile(self, d_optimizer, g_optimizer, loss_fn):
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        @property
        def metrics(self):
            return [self.d_loss_metric, self.g_loss_metric]

        def train_step(self, real):
            real = real[0] if isinstance(real, tuple) else real
            fake = self.generator(torch.randn(len(real), 3))
            labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)])
            self.zero_grad()
            d_loss = self.loss_fn(labels, self.discriminator(torch.cat([fake, real])))
            d_loss.backward()
            weights = list(self.discriminator.trainable_weights)
            self.d_optimizer.apply([weight.grad for weight in weights], weights)
            self.zero_grad()
            g_loss = self.loss_fn(
                torch.zeros(len(real), 1), self.discriminator(self.generator(torch.randn(len(real), 3)))
            )
            g_loss.backward()
            weights = list(self.generator.trainable_weights)
            self.g_optimizer.apply([weight.grad for weight in weights], weights)
            self.d_loss_metric.update_state(d_loss)
            self.g_loss_metric.update_state(g_loss)
            return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    generator = Sequential([Dense(6, activation="tanh", input_shape=(3,)), Dense(4)])
    discriminator = Sequential([Dense(6, activation="tanh", input_shape=(4,)), Dense(1, activation="sigmoid")])
    gan = GAN(discriminator, generator)
    gan.compile(lamina.optimizers.Adam(0.01), lamina.optimizers.Adam(0.01), lamina.losses.BinaryCrossentropy())
    before = [model.get_weights()[0] for model in (generator, discriminator)]
    history = gan.fit(X, epochs=2, batch_size=8, verbose=0)
    assert list(history.history) == ["d_loss", "g_loss"]
    assert all(np.isfinite(values).all() for values in history.history.values())
    for model, old in zip((generator, discriminator), before, strict=True):
        assert not np.allclose(model.get_weights()[0], old)


# ---- subclassed models -----------------------------------------------------------------------------------------------


class Net(Model):
    def __init__(self):
        super().__init__(name="net")
        self.hidden = Dense(5, activation="tanh")
        self.out = Dense(1)
        self.calls = lamina.metrics.Sum(name="calls")

    def call(self, x, training=False):
        if training:
            self.calls.update_state(1.0)
        return self.out(self.hidden(x))


def test_an_unbuilt_model_is_built_by_fit():
    model = Net()
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert list(history.history) == ["calls", "loss", "mae"]
    assert history.history["calls"] == [4.0, 4.0]  # and not the call that built it
    assert model.metrics_names == ["loss", "mae", "calls"]
    assert model.evaluate(X, Y, verbose=0)[1:] == pytest.approx([np.abs(model.predict(X, verbose=0) - Y).mean(), 0.0])


UNBUILT = (
    "Net 'net' has no weights yet: it is not built. Give its first layer an input_shape, call it on data, "
    "or build() it with an input shape."
)


def test_what_needs_weights_says_so():
    model = Net()
    for ask in (lambda: model.weights, lambda: model.get_weights(), lambda: model.trainable_weights):
        with pytest.raises(ValueError, match=exactly(UNBUILT)):
            ask()


def test_weights_that_do_not_fit_change_nothing():
    model = Sequential([Dense(2, input_shape=(4,))], name="m")
    before = model.get_weights()
    with pytest.raises(ValueError, match=exactly("Sequential 'm' has 2 weights, and set_weights got 1.")):
        model.set_weights(before[:1])
    message = "Weight 1 of Sequential 'm' has shape (2,), and set_weights got (3,)."
    with pytest.raises(ValueError, match=exactly(message)):
        model.set_weights([before[0] + 1, np.zeros(3)])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


RANGE = (
    "sparse_categorical_crossentropy: y_true holds the label {}, and y_pred has 3 classes: labels must be from 0 to 2."
)
LABELS = [
    ("softmax", [0, 1, 7, 2], RANGE.format("7 (1 of 4)")),
    (
        "softmax",
        [0, -1, -1, 2],
        RANGE.format("-1 (2 of 4)") + " Labels to be left out can be named by ignore_class=-1.",
    ),
    (None, [0, 1, 3, 2], RANGE.format("3 (1 of 4)")),
]


@pytest.mark.parametrize(("activation", "labels", "message"), LABELS, ids=range(len(LABELS)))
def test_labels_out_of_range(activation, labels, message):
    model = Sequential([Dense(3, input_shape=(4,), activation=activation)])
    model.compile("sgd", lamina.losses.SparseCategoricalCrossentropy(from_logits=activation is None))
    before = model.get_weights()
    with pytest.raises(ValueError, match=exactly(message)):
        model.fit(X[:4], np.array(labels), verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert not model.training


def test_one_path_at_a_time():
    """A model that chooses its path by batch warns of what the first batch leaves out, and trains the rest."""

    class Either(Model):
        def __init__(self):
            super().__init__()
            self.branches = [Dense(1, name="a"), Dense(1, name="b")]
            self.turn = 1

        def call(self, x):
            self.turn = 1 - self.turn
            return self.branches[self.turn](x)

    model = Either()
    model.branches[0].build((None, 4))
    model.branches[1].build((None, 4))
    model.compile("sgd", "mse")
    before = model.branches[0].get_weights()[0], model.branches[1].get_weights()[0]
    with pytest.warns(UserWarning, match="The loss does not depend on branches_"):
        model.fit(X, Y, batch_size=8, verbose=0)
    for layer, old in zip(model.branches, before, strict=True):
        assert not np.allclose(layer.get_weights()[0], old)


def test_nothing_to_train():
    model = Sequential([Dense(1, input_shape=(4,), trainable=False)], name="frozen")
    model.compile("adam", "mse")
    with pytest.warns(
        UserWarning, match=exactly("Model 'frozen' has no trainable weights: training leaves it as it is.")
    ):
        history = model.fit(X, Y, verbose=0)
    assert history.history["loss"] == pytest.approx([model.evaluate(X, Y, verbose=0)])


def test_torch_modules_train():
    """An ``nn.Module`` in a model is trained with it, and dropout in it drops."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    x = lamina.layers.Input((4,))
    model = Model(x, module(x))
    model.compile("adam", "mse")
    before = module[0].weight.detach().clone()
    model.fit(X, Y, batch_size=8, verbose=0)
    assert not torch.allclose(module[0].weight, before)
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))


def test_stateful_metrics_begin_anew_each_epoch():
    model = Net()
    model.compile("sgd", "mse")
    for _ in range(2):
        assert model.fit(X, Y, batch_size=7, verbose=0).history["calls"] == [4.0]
