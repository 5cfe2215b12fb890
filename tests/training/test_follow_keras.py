"""Fifty steps of ``fit`` from the same weights on the same batches follow Keras's, with every optimizer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from training.oracle import in_keras, keras_weights, twins

import lamina

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int64") + (X[:, 2] > 0.5)
EPOCHS = 10  # of five batches


def classifier(k):
    return k.Sequential([
        k.layers.Input((6,)), k.layers.Dense(8, activation="tanh", kernel_regularizer="l2"),
        k.layers.Dense(5, activation="softplus", kernel_constraint="max_norm"), k.layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


OPTIMIZERS = {
    "SGD": lambda o: o.SGD(0.05),
    "SGD with momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "SGD after Nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.004),
    "RMSprop": lambda o: o.RMSprop(0.003),
    "RMSprop, centered": lambda o: o.RMSprop(0.003, momentum=0.5, centered=True),
    "Adam": lambda o: o.Adam(0.01),
    "Adam with amsgrad": lambda o: o.Adam(0.01, amsgrad=True),
    "AdamW": lambda o: o.AdamW(0.01, weight_decay=0.02),
    "Adamax": lambda o: o.Adamax(0.01),
    "Nadam": lambda o: o.Nadam(0.01),
    "Adagrad": lambda o: o.Adagrad(0.05),
    "Adadelta": lambda o: o.Adadelta(1.0),
    "Adafactor": lambda o: o.Adafactor(0.01),
    "Ftrl": lambda o: o.Ftrl(0.05, l2_regularization_strength=0.01),
    "Lion": lambda o: o.Lion(0.003),
    "Lamb": lambda o: o.Lamb(0.01),
    "Muon": lambda o: o.Muon(0.01),
    "schedule": lambda o: o.Adam(o.schedules.CosineDecay(0.02, 40, warmup_steps=10, warmup_target=0.03)),
    "clipnorm": lambda o: o.Adam(0.01, clipnorm=0.1),
    "clipvalue": lambda o: o.SGD(0.1, clipvalue=0.05),
    "global_clipnorm": lambda o: o.SGD(0.1, global_clipnorm=0.3),
    "averages": lambda o: o.SGD(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
    "averages at the end": lambda o: o.Adam(0.01, use_ema=True),
    "accumulation": lambda o: o.Adam(0.02, gradient_accumulation_steps=3),
    "several": lambda o: o.MultiOptimizer(o.OptimizerMap(o.Adam(0.01), {".*bias": o.SGD(0.1)})),
    "loss scale": lambda o: o.LossScaleOptimizer(o.SGD(0.05), dynamic_growth_steps=10),
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_fifty_steps(case):
    ours, theirs = twins(classifier)
    curves = []
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=OPTIMIZERS[case](library.optimizers), loss="sparse_categorical_crossentropy",
                      metrics=["accuracy"])  # fmt: skip
        run = lambda model=model: model.fit(X, Y, batch_size=16, epochs=EPOCHS, shuffle=False, verbose=0).history  # noqa: E731
        curves.append(run() if library is lamina else in_keras(run))
    for name, values in curves[1].items():
        np.testing.assert_allclose(curves[0][name], values, rtol=1e-4, err_msg=name)
    for mine, wanted in zip(ours.get_weights(), keras_weights(theirs), strict=True):
        assert np.abs(mine - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert curves[0]["loss"][-1] < curves[0]["loss"][0]


def test_every_optimizer_is_followed():
    """Each class that Keras has is in the table above, but the one that Keras gets wrong on torch; tests/optimizers
    compares that with Keras mended."""
    followed = {type(make(keras.optimizers)).__name__ for make in OPTIMIZERS.values()}
    classes = {name for name, value in vars(keras.optimizers).items() if isinstance(value, type)}
    assert classes - followed == {"Optimizer", "OptimizerMap", "ScheduleFreeAdamW"}
