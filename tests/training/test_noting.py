"""What ``fit`` notes beside the curves: ``history.noted``, from data of any kind, and for next to nothing."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

import lamina
from lamina import layers, losses
from lamina.callbacks import Callback, EarlyStopping
from lamina.training.noted import Noted, Rows

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6)).astype("float32")
YES = (X[:, 0] > 0.5).astype("float32")
CLASS = rng.integers(0, 3, 200)


def fit(y, loss, *middle, units=1, activation=None, x=X, metrics=None, optimizer="adam", **arguments):
    model = lamina.Sequential([layers.Dense(4), *middle, layers.Dense(units, activation=activation)])
    model.compile(optimizer, loss, metrics=metrics)
    return model.fit(x, y, **{"epochs": 2, "verbose": 0, **arguments})


def entropy(shares):
    return -sum(share * math.log(share) for share in shares if share)


# ---- the baseline ----------------------------------------------------------------------------------------------------


def test_classes():
    noted = fit(CLASS, "sparse_categorical_crossentropy", units=3, activation="softmax", validation_split=0.25).noted
    shares = np.bincount(CLASS[:150]) / 150
    assert (noted.task, noted.classes, noted.loss) == ("classification", 3, "sparse_categorical_crossentropy")
    assert (noted.training.count, noted.validation.count, noted.batch_size, noted.split) == (150, 50, 32, 0.25)
    assert noted.training.shares == pytest.approx(shares)
    assert noted.training.baseline == pytest.approx(entropy(shares))
    of_validation = np.bincount(CLASS[150:], minlength=3) / 50
    assert noted.validation.baseline == pytest.approx(-(of_validation * np.log(shares)).sum())
    assert noted.validation.majority == pytest.approx(of_validation[shares.argmax()])


def constant_loss(loss, y, y_of_training, *constants):
    """The least loss that one of the constants has in training, and what it is on ``y``, by the loss itself."""
    best = min(constants, key=lambda c: float(loss(y_of_training, np.broadcast_to(c, y_of_training.shape).copy())))
    return float(loss(y, np.broadcast_to(best, y.shape).copy()))


@pytest.mark.parametrize("loss", [losses.MeanSquaredError(), losses.MeanAbsoluteError(), losses.Huber(0.3),
                                  losses.LogCosh(), losses.MeanSquaredLogarithmicError(), losses.Poisson()],
                         ids=lambda loss: loss.name)  # fmt: skip
@pytest.mark.filterwarnings("ignore:The loss of")  # Poisson's, of outputs below 0
def test_numbers(loss):
    y = np.exp(X[:, :2])
    noted = fit(y, loss, units=2, validation_split=0.25).noted
    assert noted.task == "regression"
    for rows, part in ((noted.training, y[:150]), (noted.validation, y[150:])):
        assert rows.baseline == pytest.approx(
            constant_loss(loss, part, y[:150], y[:150].mean(0), np.median(y[:150], 0)), rel=1e-4
        )
        assert rows.mean == pytest.approx(part.mean(), rel=1e-4)
        assert rows.scale == pytest.approx(np.sqrt(part.var(0).mean()), rel=1e-4)


@pytest.mark.parametrize("loss", [losses.CategoricalCrossentropy(), losses.CategoricalCrossentropy(label_smoothing=0.2),
                                  losses.BinaryCrossentropy(), losses.BinaryCrossentropy(label_smoothing=0.2),
                                  losses.BinaryCrossentropy(from_logits=True)], ids=str)  # fmt: skip
def test_shares(loss):
    y = np.eye(3, dtype="float32")[CLASS]
    binary, smoothing = isinstance(loss, losses.BinaryCrossentropy), loss.label_smoothing
    activation = None if loss.from_logits else "sigmoid" if binary else "softmax"
    noted = fit(y, loss, units=3, activation=activation, validation_split=0.25).noted
    assert noted.task == ("multi-label" if binary else "classification")
    best = y[:150].mean(0) * (1 - smoothing) + smoothing * (0.5 if binary else 1 / 3)
    best = np.log(best / (1 - best)) if loss.from_logits else best
    assert noted.validation.baseline == pytest.approx(float(loss(y[150:], np.tile(best, (50, 1)))), rel=1e-4)
    assert noted.training.shares == pytest.approx(y[:150].mean(0))


def test_yes_and_no():
    noted = fit(YES, "binary_crossentropy", activation="sigmoid", validation_split=0.25).noted
    share = float(YES[:150].mean())
    assert (noted.task, noted.training.shares) == ("binary", pytest.approx([1 - share, share]))
    assert noted.training.majority == pytest.approx(max(share, 1 - share))
    assert noted.training.baseline == pytest.approx(entropy([share, 1 - share]))


def test_weights_of_classes_are_in_the_baseline():
    noted = fit(
        YES.astype(int), "sparse_categorical_crossentropy", units=2, activation="softmax", class_weight={0: 1, 1: 4}
    ).noted
    share = float(YES.mean())
    weights = np.array([1 - share, 4 * share])
    assert noted.weighted
    assert noted.training.baseline == pytest.approx(-(weights * np.log(weights / weights.sum())).sum())
    assert noted.training.majority == pytest.approx(1 - share)


def test_an_ignored_class():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    noted = fit(CLASS, loss, units=3, activation="softmax").noted
    kept = CLASS[CLASS != 2]
    assert noted.training.baseline == pytest.approx(entropy(np.bincount(kept) / len(kept)))


# ---- data of any kind ------------------------------------------------------------------------------------------------


def batches(weighted=False):
    while True:
        for i in range(0, 200, 50):
            part = slice(i, i + 50)
            yield (X[part], CLASS[part], np.ones(50)) if weighted else (X[part], CLASS[part])


SAME = {
    "tensors": lambda: {"x": torch.tensor(X), "y": torch.tensor(CLASS)},
    "lists": lambda: {"x": X.tolist(), "y": CLASS.tolist()},
    "a column": lambda: {"y": CLASS[:, None]},
    "floats": lambda: {"y": CLASS.astype("float64")},
    "memory in Fortran's order": lambda: {"x": np.asfortranarray(X)},
    "batches": lambda: {"x": torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(CLASS)), batch_size=30, shuffle=True), "y": None},
    "a generator": lambda: {"x": batches(), "y": None, "steps_per_epoch": 4},
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_the_same_from_data_of_any_kind(kind):
    data = SAME[kind]()
    data.setdefault("y", CLASS)
    noted = fit(loss="sparse_categorical_crossentropy", units=3, activation="softmax", **data).noted
    assert noted.training.count == 200
    assert noted.training.shares == pytest.approx(np.bincount(CLASS) / 200)
    assert noted.training.baseline == pytest.approx(entropy(np.bincount(CLASS) / 200))


def test_batches_with_weights_have_no_baseline():
    noted = fit(
        None, "sparse_categorical_crossentropy", x=batches(True), units=3, activation="softmax", steps_per_epoch=4
    ).noted
    assert (noted.training.count, noted.training.baseline, noted.weighted) == (200, None, True)


def test_a_generator_that_reuses_its_memory():
    def reusing():
        memory = np.empty(50, int)
        for x, y in batches():
            memory[:] = y
            yield x, memory

    noted = fit(
        None, "sparse_categorical_crossentropy", x=reusing(), units=3, activation="softmax", steps_per_epoch=4
    ).noted
    assert noted.training.shares == pytest.approx(np.bincount(CLASS) / 200)


class OwnStep(lamina.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        return {"anything": 1.0}


def several():
    inputs = layers.Input((6,))
    return lamina.Model(inputs, {"a": layers.Dense(1)(inputs), "b": layers.Dense(3, "softmax")(inputs)})


@pytest.mark.parametrize(
    ("model", "y", "loss"),
    [
        (OwnStep, YES, "mse"),
        (OwnStep, None, None),
        (several, {"a": YES, "b": CLASS}, {"a": "mse", "b": "sparse_categorical_crossentropy"}),
        (lambda: lamina.Sequential([layers.Dense(3)]), X[:, :3], lambda y, y_pred: ((y - y_pred) ** 2).sum()),
        (lambda: lamina.Sequential([layers.Dense(3)]), np.full((200, 3), np.nan, "float32"), "mse"),
        (lambda: lamina.Sequential([layers.Dense(6), layers.ActivityRegularization(0.1)]), X, "mse"),
        (lambda: lamina.Sequential([layers.Reshape((3, 2)), layers.Masking(), layers.LSTM(2, return_sequences=True)]),
         X.reshape(200, 3, 2), "mse"),
    ],
    ids=["a step of its own", "no loss", "several outputs", "a loss of one's own", "NaN", "added losses", "masked"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:The loss of")
@pytest.mark.filterwarnings("ignore:.*has no trainable")
def test_what_is_not_known_is_none(model, y, loss):
    model = model()
    model.compile("adam", loss)
    noted = model.fit(X, y, epochs=1, verbose=0, validation_split=0.2 if loss else 0).noted
    assert noted.training.count == (160 if loss else 200)
    assert noted.training.baseline is None
    assert noted.ended == "finished"


# ---- the model, and how it ended -------------------------------------------------------------------------------------


def test_the_model():
    middle = [layers.Dropout(0.3), layers.BatchNormalization(), layers.Dense(4, kernel_regularizer="l2"),
              layers.GaussianNoise(0.1)]  # fmt: skip
    history = fit(YES, "mse", *middle, optimizer=lamina.optimizers.SGD(0.125))
    noted, model = history.noted, history.model
    assert (noted.dropout, noted.normalized, noted.penalized, noted.noisy) == ([0.3], True, True, True)
    assert noted.weights == sum(weight.numel() for weight in model.trainable_weights)
    assert (noted.optimizer, noted.learning_rate, noted.steps_before) == ("SGD", 0.125, 0)
    assert len(noted.penalties) == 2
    assert noted.penalties[-1] == pytest.approx(float(sum(model.losses).detach()))
    assert model.fit(X, YES, verbose=0).noted.steps_before == 14


def test_a_plain_model():
    noted = fit(YES, "mse").noted
    assert (noted.dropout, noted.normalized, noted.penalized, noted.noisy, noted.penalties) == (
        [],
        False,
        False,
        False,
        [],
    )


class Interrupt(Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


class Stop(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def test_how_it_ended():
    stop = EarlyStopping("loss", patience=1, restore_best_weights=True, mode="max")
    noted = fit(YES, "mse", epochs=9, callbacks=[stop]).noted
    assert (noted.ended, noted.restored) == ("early stopping", 1)
    assert fit(YES, "mse", callbacks=[Stop()]).noted.ended == "stopped"
    noted = fit(YES, "mse", callbacks=[EarlyStopping("loss")]).noted
    assert (noted.ended, noted.restored) == ("finished", None)
    model = lamina.Sequential([layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, YES, epochs=3, verbose=0, callbacks=[Interrupt()])
    assert (model.history.noted.ended, model.history.noted.training.count) == ("interrupted", 200)


def test_it_is_copied_and_pickled_with_the_curves():
    history = fit(YES, "mse")
    for again in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert again.noted == history.noted
    assert lamina.callbacks.History().noted is None


# ---- inputs of validation --------------------------------------------------------------------------------------------


def compared(x, other):
    noted = fit(np.zeros(len(x)), "mse", x=x, validation_data=(other, np.zeros(len(other))), epochs=1).noted
    return noted.shift, noted.stretch, noted.leaked


@pytest.mark.parametrize("shape", [(4,), (5, 5, 1)])
def test_inputs_of_validation(shape):
    def draw(*args):
        return rng.normal(*args, size=(300, *shape)).astype("float32")

    x = draw()
    model = lamina.Sequential([layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")

    def noted(other):
        return model.fit(x, x.reshape(300, -1)[:, 0], validation_data=(other, other.reshape(len(other), -1)[:, 0]),
                         verbose=0).noted  # fmt: skip

    same = noted(draw())
    assert (same.shift, same.leaked) == (0, 0)
    assert same.stretch == pytest.approx(1, abs=0.1)
    assert noted(draw(1.0)).shift == pytest.approx(0.9, abs=0.25)
    assert noted(draw(0.0, 255.0)).stretch == pytest.approx(255, rel=0.1)
    assert noted(x[:100]).leaked == 1
    assert noted(np.concatenate([x[:40], draw()[:60]])).leaked == pytest.approx(0.4)


def test_rows_of_few_kinds_do_not_leak():
    x = rng.integers(0, 2, (300, 2)).astype("float32")
    assert compared(x[:200], x[200:])[2] is None


def test_a_large_leak_is_found_in_a_sample():
    x = np.random.default_rng(1).normal(size=(50_000, 2)).astype("float32")
    noted = fit(x[:, 0], "mse", x=x, validation_data=(x[:2000], x[:2000, 0]), epochs=1, batch_size=5000).noted
    assert noted.leaked > 0.6
    assert noted.training.count == 50_000


def test_validation_steps_bound_the_rows():
    noted = fit(YES, "mse", validation_data=(X, YES), validation_steps=2, batch_size=20).noted
    assert noted.validation.count == 40


def test_random_numbers_are_left_alone():
    lamina.utils.set_random_seed(1)
    fit(YES, "mse", shuffle=False, validation_split=0.5)
    one = torch.rand(1), np.random.rand()
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential([layers.Dense(4), layers.Dense(1)])
    model.compile("adam", "mse")
    for _ in range(2):
        model.train_on_batch(X[:32], YES[:32])
    assert (torch.rand(1), np.random.rand()) == one


def test_rows_by_hand():
    assert Noted(Rows(3)).training.count == 3
