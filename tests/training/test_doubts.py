"""What is warned of when a model is first trained or evaluated, and what is not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import lamina
from lamina import layers, losses

X = np.random.default_rng(0).random((8, 4)).astype("float32")
CLASSES = np.array([0, 1, 2, 0, 1, 2, 0, 1])
ONE_HOT = np.eye(3)[CLASSES]
YES = (CLASSES[:, None] > 0).astype("float32")


def ends_in(units: int = 3, activation: Any = None, *more) -> lamina.Sequential:
    return lamina.Sequential([layers.Dense(5, input_shape=(4,)), layers.Dense(units, activation, name="out"), *more])


def functional(function, units: int = 3) -> lamina.Model:
    x = lamina.Input((4,))
    return lamina.Model(x, function(layers.Dense(units, name="out")(x)))


class Subclass(lamina.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def said(model, y, loss, **more) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.compile("sgd", loss, **more)
        model.fit(X, y, verbose=0)
        model.fit(X, y, verbose=0)
        model.evaluate(X, y, verbose=0)
    return [one for one in found if "is NaN" not in str(one.message)]


SPARSE = "sparse_categorical_crossentropy"
LOGITS = losses.BinaryCrossentropy(from_logits=True)
SPARSE_LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)
DOUBTFUL = {
    "no softmax": (ends_in, CLASSES, SPARSE, "Dense 'out' gives any number: use activation='softmax'"),
    "relu for softmax": (lambda: ends_in(3, "relu"), ONE_HOT, "categorical_crossentropy", "ends in 'relu'"),
    "tanh for sigmoid": (lambda: ends_in(1, "tanh"), YES, "binary_crossentropy", "use activation='sigmoid'"),
    "no sigmoid": (lambda: ends_in(1), YES, losses.BinaryCrossentropy(), "Dense 'out' gives any number"),
    "focal": (lambda: ends_in(1), YES, "binary_focal_crossentropy", "gives any number"),
    "sigmoid for softmax": (lambda: ends_in(3, "sigmoid"), ONE_HOT, "categorical_crossentropy", "each class by itself"),
    "softmax twice": (lambda: ends_in(3, "softmax"), CLASSES, SPARSE_LOGITS, "applies 'softmax' already"),
    "sigmoid twice": (lambda: ends_in(1, "sigmoid"), YES, LOGITS, "applies 'sigmoid' already"),
    "softmax of torch twice": (lambda: functional(lambda x: torch.softmax(x, -1)), CLASSES, SPARSE_LOGITS,
                               "the function softmax applies 'softmax' already"),
    "softmax of one": (lambda: ends_in(1, "softmax"), YES, "binary_crossentropy", "softmax of one number, which is always 1"),
    "softmax of one, inside": (lambda: functional(lambda x: x * layers.Dense(1, "softmax", name="score")(x)), ONE_HOT, "mse",
                               "Dense 'score' takes the softmax of one number"),
    "one unit for classes": (lambda: ends_in(1, "sigmoid"), YES * 0, SPARSE, "two classes or more"),
    "one column for three": (ends_in, YES, "mse", "targets of shape (8, 1) with outputs of shape (8, 3)"),
    "three columns for one": (lambda: ends_in(1), ONE_HOT, "mae", "targets of shape (8, 3) with outputs of shape (8, 1)"),
    "labels of -1 and 1": (lambda: ends_in(1, "sigmoid"), YES * 2 - 1, "binary_crossentropy", "from -1 to 1"),
    "labels of 1 and 2": (lambda: ends_in(1, "sigmoid"), YES + 1, "binary_crossentropy", "from 1 to 2"),
    "normalised at the end": (lambda: ends_in(3, "softmax", layers.BatchNormalization(name="bn")), CLASSES,
                              SPARSE, "BatchNormalization 'bn' gives any number"),
    "a model in a model": (lambda: lamina.Sequential([lamina.Input((4,)), ends_in()]), CLASSES,
                           SPARSE, "Dense 'out' gives any number"),
    "torch's layer": (lambda: lamina.Sequential([lamina.Input((4,)), torch.nn.Linear(4, 3)]), CLASSES,
                      SPARSE, "Linear gives any number"),
    "after a dropout": (lambda: ends_in(3, None, layers.Dropout(0.1)), CLASSES, SPARSE,
                        "Dense 'out' gives any number"),
}  # fmt: skip
CERTAIN = {
    "softmax": (lambda: ends_in(3, "softmax"), CLASSES, SPARSE),
    "softmax, one-hot": (lambda: ends_in(3, "softmax"), ONE_HOT, "categorical_crossentropy"),
    "softmax layer": (lambda: ends_in(3, None, layers.Softmax()), CLASSES, SPARSE),
    "activation layer": (lambda: ends_in(3, None, layers.Activation("softmax")), CLASSES, SPARSE),
    "softmax in float32": (lambda: ends_in(3, "softmax", layers.Activation("linear")), CLASSES, SPARSE),
    "logits": (ends_in, CLASSES, SPARSE_LOGITS),
    "binary logits": (lambda: ends_in(1), YES, LOGITS),
    "sigmoid": (lambda: ends_in(1, "sigmoid"), YES, "binary_crossentropy"),
    "sigmoid, flat labels": (lambda: ends_in(1, "sigmoid"), YES[:, 0], "binary_crossentropy"),
    "hard sigmoid": (lambda: ends_in(1, "hard_sigmoid"), YES, "binary_crossentropy"),
    "several labels": (lambda: ends_in(3, "sigmoid"), ONE_HOT, "binary_crossentropy"),
    "two of softmax": (lambda: ends_in(3, "softmax"), ONE_HOT, "binary_crossentropy"),
    "exponentials": (lambda: ends_in(3, "exponential"), ONE_HOT, "categorical_crossentropy"),
    "regression": (lambda: ends_in(1), YES, "mse"),
    "regression by relu": (lambda: ends_in(1, "relu"), YES, "mse"),
    "regression, flat": (lambda: ends_in(1), YES[:, 0], "mse"),
    "regression of several": (ends_in, ONE_HOT, "huber"),
    "hinge": (lambda: ends_in(1, "tanh"), YES * 2 - 1, "hinge"),
    "a loss of the user's": (ends_in, YES, lambda y, p: ((y - p) ** 2).mean(-1)),
    "a crossentropy of the user's": (ends_in, CLASSES, lambda y, p: torch.nn.functional.cross_entropy(p, y.long())),
    "a layer of the user's": (lambda: ends_in(3, None, layers.Lambda(lambda x: torch.softmax(x, -1))), CLASSES,
                              SPARSE),
    "an activation of the user's": (lambda: ends_in(3, lambda x: torch.softmax(x, -1)), CLASSES, SPARSE),
    "torch's softmax": (lambda: functional(lambda x: torch.softmax(x, -1)), CLASSES, SPARSE),
    "a subclass": (Subclass, CLASSES, SPARSE),
}  # fmt: skip


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_it_is_said_once_in_one_sentence_at_the_users_line(kind):
    make, y, loss, words = DOUBTFUL[kind]
    [warning] = said(make(), y, loss)
    assert words in str(warning.message)
    assert warning.category is UserWarning
    assert warning.filename == __file__


@pytest.mark.parametrize("kind", CERTAIN)
def test_what_is_right_or_not_known_is_not_doubted(kind):
    assert said(CERTAIN[kind][0](), *CERTAIN[kind][1:]) == []


def test_each_output_is_looked_at():
    x = lamina.Input((4,))
    outputs = [layers.Dense(3, name="logits")(x), layers.Dense(1, name="price")(x)]
    found = said(lamina.Model(x, outputs), [CLASSES, ONE_HOT], [SPARSE, "mse"])
    assert [next(name for name in ("logits", "(8, 3)") if name in str(one.message)) for one in found] == [
        "logits",
        "(8, 3)",
    ]


def test_a_new_compile_looks_again():
    model = ends_in()
    assert len(said(model, CLASSES, SPARSE)) == 1
    assert said(model, CLASSES, SPARSE_LOGITS) == []


@pytest.mark.parametrize(("y", "loss", "words"), [
    (CLASSES + 1, SPARSE, "Labels that count from 1 need 1 taken off."),
    (ONE_HOT, SPARSE, "One-hot labels go with 'categorical_crossentropy'."),
    (CLASSES, "categorical_crossentropy", "Integer class labels go with 'sparse_categorical_crossentropy'."),
    (CLASSES[:, None], "categorical_crossentropy", "Integer class labels go with 'sparse_categorical_crossentropy'."),
])  # fmt: skip
def test_labels_of_another_kind_are_refused_with_the_mend(y, loss, words):
    model = ends_in(3, "softmax")
    model.compile("sgd", loss, metrics=["accuracy"])
    with pytest.raises(ValueError, match="categorical_crossentropy") as caught:
        model.fit(X, y, verbose=0)
    assert words in str(caught.value)


def test_a_dict_names_the_output():
    assert said(ends_in(), ONE_HOT, {"out": "mse"}, metrics={"out": ["mae"]}, loss_weights={"out": 2.0}) == []
    with pytest.raises(
        ValueError, match=r"loss names the output 'uot', and the model has \['out'\]. Did you mean 'out'?"
    ):
        said(ends_in(), ONE_HOT, {"uot": "mse"})
    with pytest.raises(ValueError, match="loss names the output 'other'"):
        said(ends_in(), ONE_HOT, {"out": "mse", "other": "mae"})


@pytest.mark.parametrize("told", [{"metrics": {"other": ["mae"]}}, {"loss_weights": {"other": 2.0}}])
def test_keras_takes_no_notice_of_another_name_for_metrics_and_weights(told):
    [warning] = said(ends_in(), ONE_HOT, "mse", **told)
    assert "'other', and the model has ['out']" in str(warning.message)
    assert warning.filename == __file__
