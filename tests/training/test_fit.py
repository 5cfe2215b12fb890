"""``fit``, ``evaluate`` and ``predict`` against Keras 3 on torch: the same weights, data and order of batches."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import torch
from training.oracle import (
    assert_curves,
    assert_evaluate_as_keras,
    assert_fit_as_keras,
    assert_weights,
    in_keras,
    twins,
)

import lamina
from lamina.callbacks import Callback, LambdaCallback
from lamina.layers import Dense

rng = np.random.default_rng(0)
X = rng.normal(size=(28, 4)).astype("float32")  # 28 rows in batches of 8: the last batch is smaller
X2 = rng.normal(size=(28, 3)).astype("float32")
Y = rng.normal(size=(28, 1)).astype("float32")
Y2 = rng.normal(size=(28, 2)).astype("float32")
LABELS = rng.integers(0, 3, 28)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
YES = rng.integers(0, 2, (28, 1)).astype("float32")
WEIGHTS = rng.uniform(0, 2, 28).astype("float32")
STEPS = rng.normal(size=(28, 5, 4)).astype("float32")
STEPS[3:20, 3:] = 0.0
STEPS[5, :] = 0.0


# ---- models ----------------------------------------------------------------------------------------------------------


def regressor(k):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(5, activation="tanh"), k.layers.Dense(1)])


def classifier(k):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(5, activation="relu"),
                         k.layers.Dense(3, activation="softmax")])  # fmt: skip


def detector(k):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(1, activation="sigmoid")])


def two_in_two_out(k):
    a, b = k.layers.Input((4,), name="a"), k.layers.Input((3,), name="b")
    h = k.layers.Dense(5, activation="tanh", name="h")(k.layers.Concatenate()([a, b])) if hasattr(
        k.layers, "Concatenate") else None  # fmt: skip
    return k.Model([a, b], [k.layers.Dense(1, name="u")(h), k.layers.Dense(2, name="v")(h)])


def dict_out(k):
    x = k.layers.Input((4,), name="x")
    return k.Model(x, {"v": k.layers.Dense(2, name="second")(x), "u": k.layers.Dense(1, name="first")(x)})


def masked(k):
    return k.Sequential([k.layers.Input((5, 4)), k.layers.Masking(), k.layers.Dense(3, activation="tanh"),
                         k.layers.Dense(1)])  # fmt: skip


def penalised(k):
    return k.Sequential([
        k.layers.Input((4,)),
        k.layers.Dense(5, activation="relu", kernel_regularizer="l2", bias_regularizer=k.regularizers.L1(0.02)),
        k.layers.Dense(3, activation="tanh", activity_regularizer=k.regularizers.L2(0.1)),
        k.layers.ActivityRegularization(l1=0.01),
        k.layers.Dense(1, kernel_regularizer=k.regularizers.L1L2(0.01, 0.02)),
    ])  # fmt: skip


def bounded(k):
    return k.Sequential([
        k.layers.Input((4,)),
        k.layers.Dense(5, kernel_constraint=k.constraints.MaxNorm(0.5), bias_constraint="non_neg"),
        k.layers.Dense(1, kernel_constraint=k.constraints.UnitNorm()),
    ])  # fmt: skip


def siamese(k):
    """A layer that is called twice adds its penalty twice."""
    a, b = k.layers.Input((4,)), k.layers.Input((4,))
    shared = k.layers.Dense(3, activation="tanh", activity_regularizer=k.regularizers.L2(0.1))
    return k.Model([a, b], k.layers.Dense(1)(shared(a) * shared(b)))


def adding(k):
    class Adding(k.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = k.layers.Dense(4)

        def call(self, inputs):
            outputs = self.inner(inputs)
            self.add_loss(0.1 * (outputs**2).mean())
            return outputs

    return k.Sequential([k.layers.Input((4,)), Adding()])


def frozen(k):
    model = k.Sequential([k.layers.Input((4,)), k.layers.Dense(5, kernel_regularizer="l2", trainable=False),
                          k.layers.Dense(1)])  # fmt: skip
    return model


def normalised(k):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(5), k.layers.BatchNormalization(momentum=0.8),
                         k.layers.Activation("relu"), k.layers.Dense(1)])  # fmt: skip


def embedded(k):
    return k.Sequential([k.layers.Input((6,), dtype="int32"), k.layers.Embedding(7, 4, mask_zero=True),
                         k.layers.Dense(3, activation="softmax")])  # fmt: skip


def pictured(k):
    return k.Sequential([
        k.layers.Input((6, 6, 2)), k.layers.Conv2D(3, 3, padding="same", activation="relu"), k.layers.MaxPooling2D(2),
        k.layers.Flatten(), k.layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


# ---- one output ------------------------------------------------------------------------------------------------------

ONE_OUTPUT = {
    "regression": (regressor, {"loss": "mse", "metrics": ["mae"]}, {"x": X, "y": Y}),
    "sparse": (classifier, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}, {"x": X, "y": LABELS}),
    "one-hot": (classifier, {"loss": "categorical_crossentropy", "metrics": ["acc"]}, {"x": X, "y": ONE_HOT}),
    "binary": (detector, {"loss": "binary_crossentropy", "metrics": ["accuracy", "auc"]}, {"x": X, "y": YES}),
    "flat targets": (regressor, {"loss": "mae", "metrics": ["mse"]}, {"x": X, "y": Y[:, 0]}),
    "several metrics": (
        classifier,
        {"loss": "crossentropy",
         "metrics": lambda k: ["accuracy", k.metrics.CategoricalCrossentropy(), k.metrics.TopKCategoricalAccuracy(2), "mse"]},
        {"x": X, "y": ONE_HOT},
    ),
    "one metric twice": (regressor, {"loss": "mse", "metrics": ["mae", "mae"]}, {"x": X, "y": Y}),
    "weighted metrics": (
        regressor, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae", "mse"]},
        {"x": X, "y": Y, "sample_weight": WEIGHTS},
    ),
    "metric objects": (
        classifier, {"loss": lambda k: k.losses.SparseCategoricalCrossentropy(),
                     "metrics": lambda k: [k.metrics.SparseCategoricalAccuracy(name="right"), k.metrics.MeanSquaredError()]},
        {"x": X, "y": LABELS[:, None]},
    ),
    "functions": (
        regressor,
        {"loss": lambda k: {"lamina": ours_absolute, "keras": theirs_absolute}[k.__name__],
         "metrics": lambda k: [{"lamina": ours_absolute, "keras": theirs_absolute}[k.__name__]]},
        {"x": X, "y": Y},
    ),
    "lists of one": (regressor, {"loss": ["mse"], "metrics": [["mae"]]}, {"x": [X], "y": [Y]}),
    "class weights": (
        classifier, {"loss": "sparse_categorical_crossentropy", "weighted_metrics": ["accuracy"]},
        {"x": X, "y": LABELS, "class_weight": {0: 2.0, 2: 0.5}},
    ),
    "class weights of one-hot": (
        classifier, {"loss": "categorical_crossentropy", "weighted_metrics": ["accuracy"]},
        {"x": X, "y": ONE_HOT, "class_weight": {0: 2.0, 1: 1.0, 2: 0.5}},
    ),
    "sample weights": (classifier, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
                       {"x": X, "y": LABELS, "sample_weight": WEIGHTS}),
    "weight of the loss": (regressor, {"loss": "mse", "loss_weights": 0.3, "metrics": ["mae"]}, {"x": X, "y": Y}),
    "weights of the losses": (regressor, {"loss": "mse", "loss_weights": [0.3]}, {"x": X, "y": Y}),
    "sum": (regressor, {"optimizer": lambda k: k.optimizers.SGD(0.001),
                        "loss": lambda k: k.losses.MeanSquaredError(reduction="sum")}, {"x": X, "y": Y}),
    "mask": (masked, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]},
             {"x": STEPS, "y": rng.normal(size=(28, 5, 1)).astype("float32")}),
    "weights of steps": (masked, {"loss": "mse"},
                         {"x": STEPS, "y": rng.normal(size=(28, 5, 1)).astype("float32"),
                          "sample_weight": rng.uniform(size=(28, 5)).astype("float32")}),
    "penalties": (penalised, {"loss": "mse", "metrics": ["mae"]}, {"x": X, "y": Y}),
    "constraints": (bounded, {"loss": "mse"}, {"x": X, "y": Y}),
    "shared layer with a penalty": (siamese, {"loss": "mse"}, {"x": [X, X[::-1].copy()], "y": Y}),
    "add_loss": (adding, {"loss": "mse"}, {"x": X, "y": X2 @ X2.T @ X}),
    "add_loss alone": (adding, {}, {"x": X, "y": None}),
    "frozen": (frozen, {"loss": "mse"}, {"x": X, "y": Y}),
    "statistics": (normalised, {"loss": "mse"}, {"x": X, "y": Y}),
    "words": (embedded, {"loss": "sparse_categorical_crossentropy", "weighted_metrics": ["accuracy"]},
              {"x": rng.integers(0, 7, (28, 6)), "y": rng.integers(0, 3, (28, 6))}),
    "pictures": (pictured, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
                 {"x": rng.normal(size=(28, 6, 6, 2)).astype("float32"), "y": LABELS}),
}  # fmt: skip


def ours_absolute(y_true, y_pred):
    return (y_true - y_pred).abs().mean(-1)


def theirs_absolute(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


ours_absolute.__name__ = theirs_absolute.__name__ = "absolute"


@pytest.mark.parametrize("case", ONE_OUTPUT)
def test_one_output(case):
    build, told, data = ONE_OUTPUT[case]
    told = {"optimizer": lambda k: k.optimizers.SGD(0.1, momentum=0.9), **told}
    ours, theirs, _ = assert_fit_as_keras(build, told, data, validation_split=0.25 if "class_weight" not in data else 0)
    rest = {name: value for name, value in data.items() if name == "sample_weight"}
    names = [*told.get("metrics", ()), *told.get("weighted_metrics", ())] if not callable(told.get("metrics")) else []
    if len(set(map(str, names))) == len(names):  # of two with one name Keras's list has the first twice
        assert_evaluate_as_keras(ours, theirs, data["x"], data["y"], **rest)
    np.testing.assert_allclose(ours.predict(data["x"], verbose=0), in_keras(lambda: theirs.predict(data["x"], verbose=0)),
                               rtol=1e-4, atol=1e-5)  # fmt: skip


# ---- several outputs -------------------------------------------------------------------------------------------------

TWO = {"x": [X, X2], "y": [Y, Y2]}
SEVERAL_OUTPUTS = {
    "one loss for all": (two_in_two_out, {"loss": "mse"}, TWO),
    "lists": (two_in_two_out, {"loss": ["mse", "mae"], "metrics": [["mae"], ["mse", "mae"]],
                               "loss_weights": [1.0, 0.3]}, TWO),
    "dicts": (two_in_two_out, {"loss": {"v": "mae", "u": "mse"}, "metrics": {"v": ["mse"]},
                               "loss_weights": {"v": 0.3, "u": 2.0}},
              {"x": {"b": X2, "a": X}, "y": {"v": Y2, "u": Y}}),
    "one metric each": (two_in_two_out, {"loss": "mse", "metrics": ["mae", "mse"]}, TWO),
    "weighted metrics": (two_in_two_out, {"loss": "mse", "metrics": [["mae"], ["mae"]], "weighted_metrics": [["mae"], ["mse"]]},
                         {**TWO, "sample_weight": [WEIGHTS, WEIGHTS[::-1].copy()]}),
    "a loss for one": (two_in_two_out, {"loss": ["mse", None], "metrics": [["mae"], None]}, TWO),
    "tuples": (two_in_two_out, {"loss": ("mse", "mae")}, {"x": (X, X2), "y": (Y, Y2)}),
    "outputs as a dict": (dict_out, {"loss": "mse", "metrics": {"u": ["mae"], "v": ["mae"]}},
                          {"x": X, "y": {"u": Y, "v": Y2}}),
    "losses of a dict": (dict_out, {"loss": {"v": "mae", "u": "mse"}, "loss_weights": {"u": 0.5, "v": 1.5}},
                         {"x": X, "y": {"u": Y, "v": Y2}}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The loss does not depend on v.kernel")
@pytest.mark.parametrize("case", SEVERAL_OUTPUTS)
def test_several_outputs(case):
    build, told, data = SEVERAL_OUTPUTS[case]
    told = {"optimizer": lambda k: k.optimizers.SGD(0.1), **told}
    ours, theirs, _ = assert_fit_as_keras(build, told, data, validation_split=0.25)
    rest = {name: value for name, value in data.items() if name == "sample_weight"}
    assert_evaluate_as_keras(ours, theirs, data["x"], data["y"], **rest)
    mine, wanted = ours.predict(data["x"], verbose=0), in_keras(lambda: theirs.predict(data["x"], verbose=0))
    assert type(mine) is type(wanted)
    if isinstance(wanted, dict):
        assert mine.keys() == wanted.keys()
        mine, wanted = [mine[key] for key in wanted], list(wanted.values())
    for one, other in zip(mine, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


# ---- the course of fit -----------------------------------------------------------------------------------------------

MSE = {"optimizer": lambda k: k.optimizers.SGD(0.1), "loss": "mse", "metrics": ["mae"]}
DATA = {"x": X, "y": Y}
COURSES = {
    "validation_data": {"validation_data": (X[:9], Y[:9])},
    "validation_data as a list": {"validation_data": [X[:9], Y[:9]]},
    "weighted validation": {"validation_data": (X[:9], Y[:9], WEIGHTS[:9])},
    "validation_batch_size": {"validation_split": 0.5, "validation_batch_size": 3},
    "validation_steps": {"validation_split": 0.5, "validation_steps": 1},
    "validation_freq": {"validation_split": 0.25, "validation_freq": 2, "epochs": 5},
    "validation_freq as a list": {"validation_split": 0.25, "validation_freq": [1, 4], "epochs": 5},
    "initial_epoch": {"initial_epoch": 2, "epochs": 5},
    "nothing to do": {"initial_epoch": 3, "epochs": 3},
    "steps_per_epoch": {"steps_per_epoch": 2, "epochs": 1},
    "one batch": {"batch_size": 100},
    "batches of one": {"batch_size": 1, "epochs": 1},
}


@pytest.mark.parametrize("case", COURSES)
def test_course(case):
    ours, theirs, _ = assert_fit_as_keras(regressor, MSE, DATA, **COURSES[case])
    assert ours.history.epoch == theirs.history.epoch
    assert not ours.training


def test_fewer_steps_than_batches_go_on_in_the_next_epoch():
    """As in Keras, an epoch of two steps begins where the one before ended; a pass that ends begins again."""
    seen = []

    class Watched(lamina.Sequential):
        def train_step(self, data):
            seen.append(data[0][:, 0].tolist())
            return super().train_step(data)

    model = Watched([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    model.fit(np.arange(6.0)[:, None], np.zeros(6), batch_size=2, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
    assert seen == [[0, 1], [2, 3], [4, 5], [0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffle(shuffle):
    """Each epoch has every row once, in an order of its own; in batches whole batches move."""
    seen: list[list[float]] = []

    class Watched(lamina.Sequential):
        def train_step(self, data):
            seen[-1].extend(data[0][:, 0].tolist())
            return super().train_step(data)

    model = Watched([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    rows = np.arange(22.0)
    model.fit(rows[:, None], rows, batch_size=4, epochs=3, shuffle=shuffle, verbose=0,
              callbacks=[LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append([]))])  # fmt: skip
    assert [sorted(epoch) for epoch in seen] == [rows.tolist()] * 3
    assert len({tuple(epoch) for epoch in [*seen, rows]}) == 4
    if shuffle == "batch":
        for epoch in seen:
            assert all(epoch[i] % 4 == 0 and epoch[i : i + 4] == rows[int(epoch[i]) :][:4].tolist()
                       for i in range(0, 20, 4))  # fmt: skip


def test_the_seed_settles_the_order():
    curves = []
    for _ in range(2):
        lamina.utils.set_random_seed(3)
        model = regressor(lamina)
        model.compile("sgd", "mse")
        curves.append(model.fit(X, Y, epochs=3, batch_size=8, verbose=0).history)
    assert curves[0] == curves[1]


def test_callbacks_are_told_what_keras_tells():
    told = []
    for library in (lamina, keras):
        ours, theirs = twins(regressor)
        model, seen = (ours if library is lamina else theirs), []
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        names = ["on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin",
                 "on_train_batch_end", "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"]  # fmt: skip

        class Note(library.callbacks.Callback):
            pass

        for name in names:

            def hook(self, *args, name=name, seen=seen, logs=None):
                logs = logs if logs is not None or name.endswith(("batch_begin", "epoch_begin")) else (args or [{}])[-1]
                number = tuple(arg for arg in args if isinstance(arg, int))
                seen.append((name, number, {key: float(value) for key, value in (logs or {}).items()}))

            setattr(Note, name, hook)
        run = lambda model=model, Note=Note: model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False,  # noqa: E731
                                                       validation_split=0.25, callbacks=[Note()])  # fmt: skip
        run() if library is lamina else in_keras(run)
        told.append(seen)
    assert [entry[:2] for entry in told[0]] == [entry[:2] for entry in told[1]]
    for (name, _, mine), (_, _, wanted) in zip(*told, strict=True):
        assert list(mine) == list(wanted), name
        assert list(mine.values()) == pytest.approx(list(wanted.values()), rel=1e-5), name


def test_callbacks_of_evaluate_and_predict():
    seen = []
    model = regressor(lamina)
    model.compile("sgd", "mse")
    names = ["on_test_begin", "on_test_batch_end", "on_test_end", "on_predict_begin", "on_predict_batch_end",
             "on_predict_end"]  # fmt: skip
    note = LambdaCallback(**{name: lambda *args, name=name: seen.append((name, *args[:-1])) for name in names})
    model.evaluate(X, Y, batch_size=16, verbose=0, callbacks=[note])
    model.predict(X, batch_size=16, verbose=0, callbacks=[note])
    assert seen == [("on_test_begin",), ("on_test_batch_end", 0), ("on_test_batch_end", 1), ("on_test_end",),
                    ("on_predict_begin",), ("on_predict_batch_end", 0), ("on_predict_batch_end", 1),
                    ("on_predict_end",)]  # fmt: skip


def test_evaluate_and_predict_can_be_stopped():
    model = regressor(lamina)
    model.compile("sgd", "mse")

    class Stop(Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    first = model.evaluate(X[:16], Y[:16], batch_size=8, verbose=0)
    assert model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[Stop()]) == pytest.approx(first)
    assert len(model.predict(X, batch_size=8, verbose=0, callbacks=[Stop()])) == 16


# ---- interruptions ---------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_a_usable_model():
    class Interrupt(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    class Twice(Interrupt):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = regressor(lamina)
    model.compile("adam", "mse")
    before = model.get_weights()
    for callback in (Interrupt(), Twice()):
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[callback])
        assert not model.training
        assert all(not layer.training for layer in model.layers)
    assert model.history.epoch == []
    assert not np.allclose(model.get_weights()[0], before[0])
    assert np.isfinite(model.predict(X, verbose=0)).all()
    history = model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert (model.history is history, history.epoch) == (True, [0, 1])


def test_history_of_an_interrupted_run():
    class Interrupt(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    model = regressor(lamina)
    model.compile("adam", "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[Interrupt()])
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2


def test_nan_is_warned_of_once():
    model = regressor(lamina)
    model.compile(lamina.optimizers.SGD(float("1e30")), "mse")
    model.name = "doomed"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, epochs=5, batch_size=8, verbose=0)
    assert [str(one.message) for one in caught] == [
        "The loss of 'doomed' is NaN: its weights are lost. Lower the learning rate, clip the gradients (clipnorm=1.0), "
        "or look for NaN in the data; callbacks.TerminateOnNaN() stops training there."
    ]
    assert caught[0].filename == __file__


# ---- one batch -------------------------------------------------------------------------------------------------------


def test_train_on_batch_as_keras():
    ours, theirs = twins(classifier)
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy",
                      metrics=["accuracy"], weighted_metrics=["sparse_categorical_crossentropy"])  # fmt: skip
    for rows in (slice(0, 8), slice(8, 16), slice(16, 28)):
        mine = ours.train_on_batch(X[rows], LABELS[rows], sample_weight=WEIGHTS[rows])
        wanted = in_keras(lambda rows=rows: theirs.train_on_batch(X[rows], LABELS[rows], sample_weight=WEIGHTS[rows]))
        np.testing.assert_allclose(mine, wanted, rtol=1e-5)
        mine = ours.test_on_batch(X[rows], LABELS[rows], return_dict=True)
        assert_curves(mine, in_keras(lambda rows=rows: theirs.test_on_batch(X[rows], LABELS[rows], return_dict=True)))
    mine = ours.train_on_batch(X, LABELS, class_weight={0: 3.0}, return_dict=True)
    assert_curves(mine, in_keras(lambda: theirs.train_on_batch(X, LABELS, class_weight={0: 3.0}, return_dict=True)))
    assert_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict_on_batch(X), in_keras(lambda: theirs.predict_on_batch(X)), rtol=1e-5)


def test_means_over_several_batches():
    model = regressor(lamina)
    model.compile(lamina.optimizers.SGD(0.0), "mse", metrics=["mae"])
    first = model.train_on_batch(X[:8], Y[:8])
    both = model.train_on_batch(X[8:24], Y[8:24], reset_metrics=False)
    second = model.train_on_batch(X[8:24], Y[8:24])
    assert both == pytest.approx([(8 * one + 16 * other) / 24 for one, other in zip(first, second, strict=True)])
    model.reset_metrics()
    assert model.test_on_batch(X[:8], Y[:8], reset_metrics=False) == pytest.approx(first)


# ---- predict ---------------------------------------------------------------------------------------------------------


def test_predict_takes_what_fit_takes():
    model = regressor(lamina)
    wanted = model(X).detach().numpy()
    batches = [X[:16], X[16:]]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(X)), batch_size=5)
    for x, options in [(X, {}), (X, {"batch_size": 3}), (torch.from_numpy(X), {}), ([X], {}), (X.tolist(), {}),
                       (iter(batches), {}), (((x, None) for x in batches), {}), (loader, {})]:  # fmt: skip
        found = model.predict(x, verbose=0, **options)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    forever = (X[:2] for _ in iter(int, 1))
    assert model.predict(forever, steps=3, verbose=0).shape == (6, 1)
    assert model.predict(X, steps=2, batch_size=4, verbose=0).shape == (8, 1)
    assert model.predict(X[:1]).shape == (1, 1)


@pytest.mark.parametrize("rows", [2, 28])
def test_predictions_are_the_callers(rows):
    """What predict returns shares no memory with the data."""
    x, y = lamina.layers.Input((4,)), lamina.layers.Input((4,))
    for model, data in [(lamina.Sequential([lamina.layers.Input((4,)), lamina.layers.Identity()]), X[:rows]),
                        (lamina.Model([x, y], [y * 1, x]), [X[:rows], X[:rows]])]:  # fmt: skip
        found = model.predict(data, verbose=0, batch_size=8)
        for array in found if isinstance(found, list) else [found]:
            assert not np.may_share_memory(array, X)
