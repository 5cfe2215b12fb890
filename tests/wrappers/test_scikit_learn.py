"""keras.wrappers.scikit_learn of Keras 1 and 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

import lamina
from lamina import as_keras
from lamina.layers import Dense
from lamina.wrappers.scikit_learn import KerasClassifier, KerasRegressor

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")


def two(units: int = 4) -> Any:
    model = lamina.Sequential([Dense(units, activation="relu", input_shape=(3,)), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def many() -> Any:
    model = lamina.Sequential([Dense(3, activation="softmax", input_shape=(3,))])
    model.compile(lamina.optimizers.Adam(0.1), "categorical_crossentropy", metrics=["accuracy"])
    return model


def line() -> Any:
    model = lamina.Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


def test_two_classes():
    classifier = KerasClassifier(build_fn=two, units=6, epochs=60, batch_size=10, verbose=0)
    history = classifier.fit(X, Y)
    assert classifier.model.layers[0].units == 6
    assert len(history.history["loss"]) == 60
    found = classifier.predict(X)
    assert found.shape == (60, 1)
    assert classifier.score(X, Y, verbose=0) == pytest.approx((found[:, 0] == Y).mean())
    assert (found[:, 0] == Y).mean() > 0.8
    np.testing.assert_allclose(classifier.predict_proba(X).sum(1), 1, rtol=1e-6)


def test_many_classes_and_columns():
    numbers = np.digitize(X[:, 0], [-0.4, 0.4]) * 10
    classifier = KerasClassifier(many, nb_epoch=30, verbose=0)
    classifier.fit(X, numbers)
    assert set(classifier.predict(X)) <= {0, 10, 20}
    assert classifier.score(X, numbers) > 0.7
    classifier.fit(X, np.eye(3)[numbers // 10], sample_weight=np.ones(60))
    assert classifier.predict(X).shape == (60,)


def test_regression():
    regressor = KerasRegressor(line, epochs=30, verbose=0)
    regressor.fit(X, X.sum(1))
    assert regressor.predict(X).shape == (60,)
    assert -0.5 < regressor.score(X, X.sum(1)) < 0


def test_a_subclass_that_makes_its_model():
    class Own(KerasRegressor):
        def __call__(self, units: int = 1) -> Any:
            return line()

    assert Own(units=1, epochs=1, verbose=0).fit(X, X.sum(1)).epoch == [0]


def test_scikit_learn_searches():
    search = GridSearchCV(KerasClassifier(two, epochs=1, verbose=0), {"units": [2, 3], "batch_size": [20]}, cv=2)
    search.fit(X, Y)
    assert search.best_params_["units"] in (2, 3)
    assert len(cross_val_score(KerasRegressor(line, epochs=1, verbose=0), X, X.sum(1), cv=3)) == 3


def test_what_is_refused():
    with pytest.raises(ValueError, match="got 'layers', which neither build_fn nor"):
        KerasClassifier(two, layers=3)
    classifier = KerasClassifier(line, epochs=1, verbose=0)
    classifier.fit(X, Y)
    with pytest.raises(ValueError, match="compiled with metrics"):
        classifier.score(X, Y)
    with pytest.raises(TypeError, match="needs a function that makes a model"):
        KerasClassifier()


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_in_each_generation(dialect: str):
    with as_keras(dialect):
        from keras.wrappers.scikit_learn import KerasClassifier as Old

        classifier = Old(build_fn=two, epochs=1, verbose=0)
        classifier.fit(X, Y)
        assert 0 <= classifier.score(X, Y) <= 1
