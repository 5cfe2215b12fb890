"""Code that is not lamina's may keep what it is given or write into it: the user's data stay, and nothing made is spoilt."""

import copy

import numpy as np
import parity
import pytest
import torch
from catalog import ROWS
from torch.nn import functional as F

import lamina
from lamina import callbacks, layers
from lamina.training.foreign_code import runs_foreign_code
from lamina.utils import PyDataset

# ---- data stay as they are -------------------------------------------------------------------------------------------


class Center(layers.Layer):
    def call(self, x):
        x -= 1.0
        return x


class Own(lamina.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        x *= 2.0
        return self.dense(x)


class OwnStep(lamina.Model):
    def train_step(self, data):
        for tensor in lamina.utils.unpack_x_y_sample_weight(data)[:2]:
            tensor.add_(1.0)
        return super().train_step(data)


class InPlace(torch.nn.Module):
    def forward(self, x):
        return F.elu_(x)


def writing_function(x):
    x += 1.0
    return x


def writing_loss(y_true, y_pred):
    y_true *= 2
    return ((y_true - y_pred) ** 2).mean()


def writing_metric(y_true, y_pred):
    y_true.zero_()
    return y_pred.mean()


def planned(function):
    i = layers.Input((3,))
    return lamina.Model(i, layers.Dense(1)(function(i)))


def own_step():
    i = layers.Input((3,))
    return OwnStep(i, layers.Dense(1)(i))


def hooked():
    model = lamina.Sequential([layers.Flatten(input_shape=(3,)), layers.Dense(1)])
    model.layers[0].register_forward_pre_hook(lambda _, args: args[0].mul_(2))
    return model


MODELS = {
    "a layer": lambda: lamina.Sequential([Center(), layers.Dense(1)]),
    "an activation": lambda: lamina.Sequential([layers.Activation(writing_function), layers.Dense(1)]),
    "an activity regularizer": lambda: lamina.Sequential(
        [layers.Flatten(activity_regularizer=lambda x: x.mul_(2).sum()), layers.Dense(1)]),
    "torch's activation": lambda: lamina.Sequential([layers.Activation(torch.relu_), layers.Dense(1)]),
    "a function": lambda: lamina.Sequential([layers.Lambda(writing_function), layers.Dense(1)]),
    "a module": lambda: lamina.Sequential([InPlace(), layers.Dense(1)]),
    "torch's module": lambda: lamina.Sequential([torch.nn.ReLU(inplace=True), layers.Dense(1)]),
    "a nested model": lambda: lamina.Sequential([lamina.Sequential([Center()]), layers.Dense(1)]),
    "a wrapped layer": lambda: lamina.Sequential(
        [layers.Reshape((3, 1), input_shape=(3,)), layers.TimeDistributed(Center()), layers.Flatten(), layers.Dense(1)]),
    "a model": Own,
    "a step": own_step,
    "a hook": hooked,
    "torch's function": lambda: planned(lambda i: F.relu(i, inplace=True)),
    "torch's function by its name": lambda: planned(torch.relu_),
    "a loss": lambda: lamina.Sequential([layers.Dense(1)]),
    "a metric": lambda: lamina.Sequential([layers.Dense(1)]),
}  # fmt: skip
DATA = {
    "float32 arrays": lambda rng: [rng.normal(size=(8, 3)).astype("float32"), np.ones((8, 1), "float32")],
    "float64 arrays": lambda rng: [rng.normal(size=(8, 3)), np.ones((8, 1))],
    "tensors": lambda rng: [torch.from_numpy(rng.normal(size=(8, 3)).astype("float32")), torch.ones(8, 1)],
}
USES = {
    "predict": lambda m, x, y: m.predict(x, batch_size=4, verbose=0),
    "predict one batch": lambda m, x, y: m.predict(x, verbose=0),
    "predict_on_batch": lambda m, x, y: m.predict_on_batch(x),
    "evaluate": lambda m, x, y: m.evaluate(x, y, batch_size=4, verbose=0),
    "fit": lambda m, x, y: m.fit(x, y, batch_size=4, epochs=2, verbose=0),
    "fit in order": lambda m, x, y: m.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0),
    "fit with validation": lambda m, x, y: m.fit(x * 1, y * 1, validation_data=(x, y), verbose=0),
    "fit with weights": lambda m, x, y: m.fit(x * 1, y * 1, sample_weight=y[:, 0], shuffle=False, verbose=0),
    "fit of batches": lambda m, x, y: m.fit([(x, y)].__iter__(), verbose=0),
    "fit of a loader": lambda m, x, y: m.fit(torch.utils.data.DataLoader([(x, y)], batch_size=None), verbose=0),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("who", MODELS)
def test_nobody_writes_into_the_data(who, kind):
    changed = []
    for use, run in USES.items():
        x, y = DATA[kind](np.random.default_rng(0))
        before = copy.deepcopy([x, y])
        model = MODELS[who]()
        model.compile("sgd", writing_loss if who == "a loss" else "mse",
                      metrics=[writing_metric] if who == "a metric" else None)  # fmt: skip
        run(model, x, y)
        run(model, x, y)
        changed += [use for one, was in zip((x, y), before, strict=True) if not bool((one == was).all())]
    assert not changed


def test_a_call_on_an_array_leaves_it():
    x = np.ones((2, 3), "float32")
    Center()(x)
    lamina.Sequential([Center(), layers.Dense(1)])(x)
    layers.Flatten()(x).zero_()
    assert (x == 1).all()


def test_data_of_kinds_that_torch_can_not_share():
    reversed_rows = np.arange(6, dtype="float32").reshape(2, 3)[::-1]
    read_only = np.ones((2, 3), "float32")
    read_only.flags.writeable = False
    np.testing.assert_array_equal(layers.Identity()(reversed_rows).numpy(), reversed_rows)
    np.testing.assert_array_equal(Center()(read_only).numpy(), np.zeros((2, 3)))


def test_batches_are_what_the_data_say_in_every_epoch():
    """A layer that writes into a batch must not find its own writing in the next epoch, or at the first batch twice."""
    seen = []

    class Sees(layers.Layer):
        def call(self, x):
            seen.append(x.detach().numpy().copy())
            x -= 1.0
            return x

    class Whole(lamina.Model):
        def __init__(self):
            super().__init__()
            self.sees, self.dense = Sees(), layers.Dense(1)

        def call(self, x):
            return self.dense(self.sees(x))

    for data in (np.ones((4, 3)), np.ones((4, 3), "float32"), torch.ones(4, 3)):
        model = Whole()
        model.compile("sgd", "mse")
        model.fit(data, np.ones((4, 1)), batch_size=2, epochs=2, shuffle=False, verbose=0)
        model.evaluate(data, np.ones((4, 1)), verbose=0)
    assert len(seen) >= 15
    assert all((one == 1).all() or (one == 0).all() for one in seen)  # zeros: to learn a shape
    assert sum((one == 1).all() for one in seen) >= 15


def test_learning_the_outputs_shape_leaves_a_stateful_layer():
    class Whole(lamina.Model):
        def __init__(self):
            super().__init__()
            self.rnn = layers.SimpleRNN(2, stateful=True, kernel_initializer="ones", recurrent_initializer="ones")

        def call(self, x):
            return self.rnn(x)

    model = Whole()
    model.compile("sgd", "mse")
    x = np.full((1, 2, 1), 0.1, "float32")
    model.test_on_batch(x, np.zeros((1, 2)))
    other = layers.SimpleRNN(2, kernel_initializer="ones", recurrent_initializer="ones")
    np.testing.assert_allclose(model.rnn.states[0].numpy(), other(x).detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("last", [layers.Cropping1D(1), layers.Flatten(), layers.Permute((2, 1)), layers.Identity()],
                         ids=lambda layer: type(layer).__name__)  # fmt: skip
def test_predictions_are_nobody_elses_memory(last):
    model = lamina.Sequential([layers.Input((4, 2)), last])
    x = np.ones((3, 4, 2), "float32")
    model.predict(x, verbose=0)[...] = 7
    model.predict_on_batch(x)[...] = 7
    assert (x == 1).all()


def test_predictions_do_not_share_memory_with_weights():
    class Bare(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(2, 2), initializer="ones")

        def call(self, x):
            return self.w

        def compute_output_shape(self, input_shape):
            return input_shape

    model = lamina.Sequential([layers.Input((2,)), Bare()])
    model.predict(np.ones((2, 2)), verbose=0)[...] = 7
    assert (model.get_weights()[0] == 1).all()


# ---- what is made in predict is as good as any -----------------------------------------------------------------------


def test_only_rows_with_functions_of_the_users_run_foreign_code():
    """What lamina's layers hold must not be taken for the user's, or predict leaves torch's inference mode."""
    foreign = [row.id for row in ROWS if row.layer not in ("Lambda", "TorchModuleWrapper")
               and runs_foreign_code(parity.make(row))]  # fmt: skip
    assert foreign == []
    model = lamina.Sequential([layers.Dense(2, activation="relu", input_shape=(3,)), layers.Dropout(0.5)])
    model.compile("adam", lambda y, p: ((y - p) ** 2).mean())
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert not runs_foreign_code(model)
    model.layers[0].register_forward_hook(lambda *_: None)
    assert runs_foreign_code(model)


class Caching(layers.Layer):
    """Keeps positions, as layers of other people do."""

    table = None

    def call(self, x):
        if self.table is None:
            self.table = torch.arange(x.shape[-1], dtype=x.dtype) + x.mean() * 0
            self.scale = torch.nn.Parameter(torch.ones(x.shape[-1]))
        return x * self.table * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("first", ["predict", "predict_on_batch", "evaluate", "test_on_batch", "predict_step"])
def test_layers_that_keep_tensors_train_after_any_first_use(first):
    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    model = lamina.Sequential([Caching(), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("sgd", "mse")
    getattr(model, first)(*((x, y) if first in ("evaluate", "test_on_batch") else (torch.ones(4, 3),)))
    model.fit(x, y, verbose=0)
    model.set_weights(model.get_weights())
    copy.deepcopy(model).fit(x, y, verbose=0)


def test_data_and_callbacks_of_predict_are_outside_of_inference_mode():
    class Cached(PyDataset):
        def __init__(self):
            super().__init__()
            self.batches = {}

        def __len__(self):
            return 2

        def __getitem__(self, index):
            if index not in self.batches:
                self.batches[index] = (torch.ones(4, 3) * 2, torch.ones(4, 1) * 2)
            return self.batches[index]

    class Keeping(callbacks.Callback):
        made = ()

        def on_predict_batch_end(self, batch, logs=None):
            self.made = (*self.made, torch.ones(1), logs["outputs"])

    model = lamina.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    data, keeping = Cached(), Keeping()
    model.predict(data, callbacks=[keeping], verbose=0)
    assert len(keeping.made) == 4
    assert not any(tensor.is_inference() for tensor in keeping.made)
    model.fit(data, verbose=0)


def test_hooks_put_on_later_keep_tensors_that_can_be_used():
    model = lamina.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
    x = np.ones((2, 3), "float32")
    model.predict(x, verbose=0)
    kept = []
    model.layers[0].register_forward_hook(lambda module, args, output: kept.append(output))
    model.predict(x, verbose=0)
    model.predict_on_batch(x)
    assert len(kept) == 2
    assert not any(tensor.is_inference() for tensor in kept)


def test_the_users_own_inference_mode():
    class Whole(lamina.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.LSTM(2), layers.Dense(1)

        def call(self, x):
            return self.second(self.first(x))

    x = torch.ones(2, 3, 2)
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            stack = [
                layers.GRU(2, stateful=True, batch_input_shape=(2, 3, 2)),
                layers.BatchNormalization(),
                layers.Dropout(0.5, seed=1),
                layers.Dense(1),
            ]
            models = [Whole(), lamina.Sequential(stack)]
            for model in models:
                model(x)
                model.compile("adam", "mse", metrics=["mae"])
                model.evaluate(x, torch.ones(2, 1), verbose=0)
            total = lamina.Variable(0.0, trainable=False)
            seeds = lamina.random.SeedGenerator(1)
        for model in models:
            model.fit(x, torch.ones(2, 1), verbose=0)
            model.set_weights(model.get_weights())
            assert model.trainable_weights
        total.assign_add(1.0)
        seeds.next()
