"""Methods of models under the names that Keras 1 and 2 had for them."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.dialects import using_dialect


def made(outputs=3):
    lamina.random.set_random_seed(1)
    model = lamina.Sequential([lamina.layers.Dense(outputs, input_shape=(4,), activation="softmax")])
    model.compile("sgd", "mse")
    return model


X, Y = np.random.default_rng(0).random((8, 4), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 1]]


def batches():
    while True:
        for start in (0, 4):
            yield X[start : start + 4], Y[start : start + 4]


def test_fit_generator_is_fit():
    one, other = made(), made()
    other.set_weights(one.get_weights())
    history = one.fit_generator(batches(), samples_per_epoch=8, nb_epoch=2, verbose=0, max_q_size=3)
    same = other.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0)
    assert history.history == same.history
    np.testing.assert_array_equal(one.get_weights()[0], other.get_weights()[0])


def test_evaluate_and_predict_generator():
    model = made()
    assert model.evaluate_generator(batches(), val_samples=8) == pytest.approx(
        model.evaluate(X, Y, verbose=0), rel=1e-5
    )
    predicted = model.predict_generator((x for x, _ in batches()), steps=2)
    np.testing.assert_allclose(predicted, model.predict(X, verbose=0), rtol=1e-6)


def test_predict_classes_and_proba():
    model = made()
    np.testing.assert_array_equal(model.predict_classes(X), model.predict(X, verbose=0).argmax(-1))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict(X, verbose=0))
    one = lamina.Sequential([lamina.layers.Dense(1, input_shape=(4,), activation="sigmoid")])
    np.testing.assert_array_equal(one.predict_classes(X), (one.predict(X, verbose=0) > 0.5).astype("int32"))


def test_compile_in_keras1_s_order_and_defaults():
    model = made()
    with using_dialect("keras1"):
        model.compile("adadelta", "categorical_crossentropy", ["accuracy"])
        history = model.fit(X, Y, 4, 2, 0)
    assert float(model.optimizer.learning_rate) == 1.0
    assert sorted(history.history) == ["acc", "loss"]
    assert len(history.history["loss"]) == 2
