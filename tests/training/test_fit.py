"""``fit``, ``evaluate`` and ``predict`` against Keras 3 on torch: the same weights, data and order of batches."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.callbacks import Callback, LambdaCallback
from lamina.layers import Dense
from training.oracle import (
    assert_curves,
    assert_evaluate_as_keras,
    assert_fit_as_keras,
    assert_weights,
    in_keras,
    twins,
)

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


# ---- one output ------------------------------------------------------------------------------------------------------

ONE_OUTPUT = {
    "regression": (regressor, {"loss": "mse", "metrics": ["mae"]}, {"x": X, "y": Y}),
    "sparse": (classifier, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}, {"x": X, "y": LABELS}),
    "one-hot": (classifier, {"loss": "categorical_crossentropy", "metrics": ["acc"]}, {"x": X, "y": ONE_HOT}),
    "binary": (detector, {"loss": "binary_crossentropy", "metrics": ["accuracy", "auc"]}, {"x": X, "y": YES}),
    "flat targets": (regressor, {"loss": "mae", "metrics": ["mse"]}, {"x": X, "y": Y[:, 0]}),
    "several metrics": (
        classifier,
        {"loss": "crossentropy", "metrics": lambda k: ["accuracy", k.metrics.CategoricalCrossentropy(), k.metrics.TopKCategoricalAccuracy(2), "mse"]},
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
    "sum": (regressor, {"optimizer": lambda k: k.optimizers.SGD(0.001), "loss": lambda k: k.losses.MeanSquaredError(reduction="sum")}, {"x": X, "y": Y}),
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
    "lists": (two_in_two_out, {"loss": ["mse", "mae"], "metrics": [["mae"], ["mse", "mae"]], "loss_weights": [1.0, 0.3]},
              TWO),
    "dicts": (two_in_two_out, {"loss": {"v": "mae", "u": "mse"}, "metrics": {"v": ["mse"]}, "loss_weights": {"v": 0.3, "u": 2.0}},
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
