"""scikit-learn's estimators beside Keras's: the same weights, data and calls give the same numbers and refusals."""

from __future__ import annotations

import copy
import pickle
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import lamina

KINDS = ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
CLASSES = np.where(X[:, 0] > 0.5, "a", np.where(X[:, 1] > 0, "b", "c"))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
QUIET = {"verbose": 0}
# Of Keras: under scikit-learn, and with many small models.
pytestmark = [pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")]  # fmt: skip


def start_of(shape):
    """Weights that are the same everywhere."""
    return np.sin(np.arange(np.prod(shape))).reshape(shape).astype("float32")


def maker(source, activation="softmax", loss="categorical_crossentropy"):
    """A function that makes a model for data."""

    def make(X, y, units=3, rate=0.1):
        inputs = source.Input(X.shape[1:])
        hidden = source.layers.Dense(units, activation="tanh")(inputs)
        model = source.Model(inputs, source.layers.Dense(y.shape[1], activation=activation)(hidden))
        model.set_weights([start_of(weight.shape) for weight in model.get_weights()])
        model.compile(source.optimizers.SGD(rate), loss)
        return model

    return make


def estimator(source, kind, **arguments):
    """An estimator, with a function that makes its model."""
    is_classifier = kind == "SKLearnClassifier"
    make = maker(source) if is_classifier else maker(source, None, "mse")
    return getattr(source.wrappers, kind)(make, **arguments)


def both(task, kind, **arguments):
    """What a task gives with Keras's estimator, and with ours."""
    return [task(estimator(source, kind, **arguments)) for source in (keras, lamina)]


def targets(kind):
    return CLASSES if kind == "SKLearnClassifier" else NUMBERS


def same(theirs, ours):
    if theirs.dtype.kind in "UO":
        np.testing.assert_array_equal(theirs, ours)
    else:
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
    assert theirs.shape == ours.shape


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, np.linspace(0, 1, 30)])
def test_fit_and_predict(kind, weights):
    def task(one):
        more = {} if weights is None else {"sample_weight": weights}
        assert one.fit(X, targets(kind), epochs=20, batch_size=30, **QUIET, **more) is one
        found = [one.predict(X)] if kind != "SKLearnTransformer" else [one.transform(X), one.predict(X)]
        found += [one.decision_function(X), one.classes_] if kind == "SKLearnClassifier" else []
        found += [np.array(one.score(X, targets(kind)))] if kind != "SKLearnTransformer" else []
        return [*found, np.array(one.history_.history["loss"])]

    for theirs, ours in zip(*both(task, kind), strict=True):
        same(theirs, ours)


@pytest.mark.parametrize(
    "labels", [CLASSES, CLASSES == "a", np.array([3, 7, -1] * 10), np.array(["x", "y"] * 15, dtype=object)]
)
def test_classes_of_any_kind(labels):
    for theirs, ours in zip(*both(lambda one: [one.fit(X, labels, epochs=9, **QUIET).predict(X), one.classes_],
                                  "SKLearnClassifier"), strict=True):  # fmt: skip
        np.testing.assert_array_equal(theirs, ours)
        assert theirs.dtype == ours.dtype


def test_pipelines_searches_and_cross_validation():
    def tasks(one):
        yield cross_val_score(one, X, NUMBERS, cv=3)
        yield cross_val_predict(make_pipeline(StandardScaler(), one), X, NUMBERS, cv=3)
        search = GridSearchCV(one, {"model_kwargs": [{"rate": 0.01}, {"rate": 0.2}, {"units": 5}]}, cv=2).fit(
            X, NUMBERS
        )
        yield search.cv_results_["mean_test_score"]
        yield search.predict(X)

    for theirs, ours in zip(*both(lambda one: list(tasks(one)), "SKLearnRegressor"), strict=True):
        same(theirs, ours)


def test_a_transformer_is_a_step():
    def task(one):
        steps = make_pipeline(one, StandardScaler()).fit(X, NUMBERS)
        return [steps.transform(X), one.fit_transform(X, NUMBERS, **QUIET)]

    for theirs, ours in zip(
        *both(task, "SKLearnTransformer", model_kwargs={"units": 2}, fit_kwargs=QUIET), strict=True
    ):
        same(theirs, ours)


def test_what_a_clone_keeps():
    """Keras's forgets `fit_kwargs`, so that a search trains one epoch whatever it was told."""
    ours = estimator(lamina, "SKLearnRegressor", model_kwargs={"units": 2}, fit_kwargs={"epochs": 7, **QUIET})
    again = clone(ours)
    assert again.get_params() == ours.get_params()
    assert again.model_kwargs is not ours.model_kwargs
    assert again.fit(X, NUMBERS).epoch_ == 7
    assert ours.epoch_ == 0
    assert ours.fit_kwargs == {"epochs": 7, "verbose": 0}
    assert again.set_params(fit_kwargs={"epochs": 2, **QUIET}).fit(X, NUMBERS, epochs=3).epoch_ == 3
    assert again.fit_kwargs == {"epochs": 2, "verbose": 0}  # Keras's writes into it
    theirs = estimator(keras, "SKLearnRegressor", model_kwargs={"units": 2})
    assert theirs.get_params().keys() == ours.get_params().keys()


def compiled():
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    return model


def test_a_model_that_is_given_stays_as_it_is():
    model = compiled()
    before = [weight.copy() for weight in model.get_weights()]
    one = lamina.wrappers.SKLearnRegressor(model, fit_kwargs={"epochs": 3, **QUIET}).fit(X, NUMBERS)
    assert one.model_ is not model
    for mine, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, kept)
    assert cross_val_score(one, X, NUMBERS, cv=3).shape == (3,)


def test_a_warm_start_goes_on():
    model = compiled()
    one = lamina.wrappers.SKLearnRegressor(model, warm_start=True, fit_kwargs={"epochs": 1, **QUIET})
    losses = [one.fit(X, NUMBERS).history_.history["loss"][0] for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert one.model_ is model
    assert clone(one).model is not model  # else the folds of a cross-validation would train one model
    made = estimator(lamina, "SKLearnRegressor", warm_start=True, fit_kwargs=QUIET)
    first = made.fit(X, NUMBERS).model_
    assert made.fit(X, NUMBERS).model_ is first


def test_several_outputs():
    y = np.stack([NUMBERS, -NUMBERS], 1)
    one = estimator(lamina, "SKLearnRegressor", fit_kwargs={"epochs": 200, **QUIET}).fit(X, y)
    assert one.predict(X).shape == (30, 2)
    assert one.score(X, y) > 0.8
    code = estimator(lamina, "SKLearnTransformer", fit_kwargs=QUIET)
    assert code.fit_transform(X, X).shape == X.shape
    with pytest.warns(DataConversionWarning):
        assert one.fit(X, NUMBERS[:, None]).predict(X).shape == (30,)


def test_an_estimator_is_copied_and_pickled():
    one = lamina.wrappers.SKLearnRegressor(compiled(), fit_kwargs=QUIET).fit(X, NUMBERS)
    for again in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        np.testing.assert_array_equal(again.predict(X), one.predict(X))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_data_and_models_are_refused(kind):
    for source in (keras, lamina):
        one = estimator(source, kind, fit_kwargs=QUIET)
        with pytest.raises(NotFittedError):
            one.predict(X)
        one.fit(X, targets(kind))
        for wrong, y in ((X[:5], targets(kind)), (X[0], targets(kind)), (np.full_like(X, np.nan), targets(kind)),
                         (np.zeros((2, 3, 4)), [1, 2]), (X, None)):  # fmt: skip
            with pytest.raises(ValueError):  # noqa: PT011  scikit-learn's words
                one.fit(wrong, y)
        with pytest.raises(ValueError, match="expecting 4 features"):
            one.predict(X[:, :3])
        bare = source.Sequential([source.Input((4,)), source.layers.Dense(1)])
        with pytest.raises(RuntimeError, match=r"[Cc]ompiled"):
            getattr(source.wrappers, kind)(bare).fit(X, targets(kind))
    with pytest.raises(RuntimeError, match="and got 3"):
        getattr(lamina.wrappers, kind)(lambda X, y: 3).fit(X, targets(kind))


def test_wrong_targets_of_a_classifier_are_refused():
    for source in (keras, lamina):
        one = estimator(source, "SKLearnClassifier", fit_kwargs=QUIET)
        for y in (NUMBERS, np.stack([CLASSES, CLASSES], 1), np.full(30, "a")):
            with pytest.raises(ValueError, match=r"[Tt]arget|class|1d array"):
                one.fit(X, y)
    one = lamina.wrappers.SKLearnClassifier(compiled(), fit_kwargs=QUIET)
    with pytest.warns(UserWarning, match="with outputs of shape"):
        one.fit(X, CLASSES)
    with pytest.raises(ValueError, match="needs a model with 3 outputs"):
        one.predict(X)


def test_routing_hands_on_what_fit_is_to_get():
    one = estimator(lamina, "SKLearnRegressor", fit_kwargs=QUIET)
    with pytest.raises(RuntimeError, match="metadata routing only"):
        one.set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        one.set_fit_request(sample_weight=True)
        one.set_score_request(sample_weight=True)
        weights = np.linspace(0, 1, 30)
        scores = cross_val_score(one, X, NUMBERS, cv=3, params={"sample_weight": weights})
        plain = cross_val_score(one, X, NUMBERS, cv=3, params={"sample_weight": np.ones(30)})
    assert not np.allclose(scores, plain)


@pytest.mark.filterwarnings("ignore")  # scikit-learn's own, on purpose
@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learn_s_own_checks_pass_as_far_as_keras_s(kind):
    """Those that fail want that two fits give the same, which none with random weights does."""
    found = []
    for source in (keras, lamina):
        make = maker(source) if kind == "SKLearnClassifier" else maker(source, None, "mse")

        def anew(X, y, make=make):
            model = make(X, y)
            model.compile("rmsprop", model.loss)
            return model

        results = check_estimator(getattr(source.wrappers, kind)(anew, fit_kwargs={"epochs": 5, **QUIET}), on_fail=None,
                                  on_skip=None)  # fmt: skip
        found.append({name: {one["status"] for one in results if one["check_name"] == name}
                      for name in Counter(one["check_name"] for one in results)})  # fmt: skip
    theirs, ours = found
    assert theirs.keys() == ours.keys()
    assert [name for name in ours if "failed" in ours[name] and "failed" not in theirs[name]] == []


def test_without_scikit_learn_one_sentence_says_so(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "lamina.wrappers.estimators", raising=False)
    with pytest.raises(ImportError, match=r"^SKLearnClassifier needs scikit-learn: pip install 'lamina\[sklearn\]'\.$"):
        lamina.wrappers.SKLearnClassifier  # noqa: B018
    with pytest.raises(AttributeError, match=r"Did you mean 'SKLearnRegressor'\?"):
        lamina.wrappers.SKLearnRegresor  # noqa: B018
