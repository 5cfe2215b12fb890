"""Losses, metrics and weights of rows as each generation had them. The figures are those of Keras 1.2.2, 2.2.4, 2.3.1 and
tf_keras 2.21, which were run on the same arrays; where a formula is short, it stands here."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import as_keras, layers
from lamina.backend import eval as value_of
from lamina.backend import mean, square, variable
from lamina.dialects import using_dialect

OLDER = ["keras1", "keras2", "keras2.3", "tf_keras"]
RANDOM = np.random.RandomState(0)
X, Y = RANDOM.randn(11, 4).astype("float32"), RANDOM.randn(11, 3).astype("float32")
WEIGHTS = np.array([0, 1, 2, 0, 1, 3, 0, 1, 1, 2, 0.5])
LABELS = np.arange(11) % 3


def dense(loss: Any, activation: Any = None, units: int = 3, **options: Any) -> Any:
    model = lamina.Sequential([layers.Dense(units, activation=activation, input_shape=(4,))])
    random = np.random.RandomState(1)
    model.set_weights([random.uniform(-0.5, 0.5, weight.shape) for weight in model.get_weights()])
    model.compile("sgd", loss, **options)
    return model


def two(loss: Any = ("mse", "binary_crossentropy"), **options: Any) -> Any:
    inputs = layers.Input((4,))
    outputs = [layers.Dense(3, name="a")(inputs), layers.Dense(1, activation="sigmoid", name="b")(inputs)]
    model = lamina.Model(inputs, outputs)
    model.compile("sgd", list(loss), **options)
    return model


def evaluated(model: Any, *data: Any, **options: Any) -> Any:
    return model.evaluate(*data, batch_size=4, verbose=0, **options)


@pytest.mark.parametrize("dialect", [*OLDER, "keras3"])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_labels_of_margins_are_turned_into_signs_since_keras_2_3(dialect, name):
    labels, outputs = np.array([[0, 1, 1.0]]), np.array([[0.5, -0.5, 2]])
    signs = labels if dialect in ("keras1", "keras2") else 2 * labels - 1
    margins = np.maximum(1 - signs * outputs, 0)
    expected = (margins if name == "hinge" else margins**2).mean()
    with as_keras(dialect):
        from keras import losses

        found = getattr(losses, name)(variable(labels), variable(outputs))
        np.testing.assert_allclose(value_of(found).mean(), expected, rtol=1e-6)
        model = dense(name, metrics=[name])
        targets = (Y > 0).astype("float32")
        of_loss, of_metric = evaluated(model, X, targets)
    outputs = model.predict(X, verbose=0)
    signs = targets if dialect in ("keras1", "keras2") else 2 * targets - 1
    margins = np.maximum(1 - signs * outputs, 0)
    expected = (margins if name == "hinge" else margins**2).mean()
    np.testing.assert_allclose([of_loss, of_metric], [expected, expected], rtol=1e-5)


@pytest.mark.parametrize(("dialect", "loss", "metric"), [
    ("keras1", -0.27, -0.27), ("keras2", -0.81, -0.81), ("keras2.3", -0.81, 0.81), ("keras3", -0.81, -0.81)
])  # fmt: skip
def test_the_cosine(dialect, loss, metric):
    target, output = variable(np.array([[1.0, 0, 0]])), variable(np.array([[0.81, 0.586430, 0]]))
    with as_keras(dialect):
        from keras.losses import cosine_proximity as minimised  # pyright: ignore[reportAttributeAccessIssue]
        from keras.metrics import cosine_proximity as measured  # pyright: ignore[reportAttributeAccessIssue]

        np.testing.assert_allclose(value_of(minimised(target, output)).mean(), loss, rtol=1e-4)
        np.testing.assert_allclose(value_of(measured(target, output)).mean(), metric, rtol=1e-4)


@pytest.mark.parametrize(
    ("dialect", "figures"),
    [("keras1", [15.9424, 16.1181]), ("keras2", [15.9424, 16.1181]), ("keras2.3", [15.3332, 15.4249]),
     ("tf_keras", [15.3332, 15.4249])],
)  # fmt: skip
def test_probabilities_that_are_wholly_wrong(dialect, figures):
    with as_keras(dialect):
        from keras.losses import binary_crossentropy

        found = value_of(binary_crossentropy(variable(np.array([[0.0], [1]])), variable(np.array([[1.0], [0]]))))
        np.testing.assert_allclose(found, figures, rtol=1e-4)
        any_numbers = binary_crossentropy(variable(np.array([[3.0]])), variable(np.array([[0.25]])))
        np.testing.assert_allclose(value_of(any_numbers), -3 * np.log(0.25) + 2 * np.log(0.75), rtol=1e-5)


@pytest.mark.parametrize("dialect", OLDER)
def test_accuracy_of_one_number_for_each_row(dialect):
    targets = np.array([0, 1, 2, 3, 1, 0, 0, 5, -1, 1, 2.0])
    with using_dialect(dialect):
        model = dense("mse", None, 1, metrics=["accuracy"])
        model.set_weights([np.eye(4, 1), np.zeros(1)])
        x = np.tile(targets[:, None] + 0.3, (1, 4)).astype("float32")
        _, found = evaluated(model, x, targets)
    rounded = 1.0 if dialect != "tf_keras" else ((targets + 0.3 > 0.5) == targets).mean()
    np.testing.assert_allclose(found, rounded, rtol=1e-6)


@pytest.mark.parametrize(
    ("dialect", "by_rows"), [("keras1", True), ("keras2", True), ("keras2.3", False), ("tf_keras", False)]
)
def test_a_metric_that_is_one_number_for_a_batch(dialect, by_rows):
    def largest(y_true, y_pred):
        return lamina.ops.max(lamina.ops.abs(y_true - y_pred))

    with using_dialect(dialect):
        model = dense("mse", metrics=[largest])
        _, found = evaluated(model, X, Y)
    errors = np.abs(model.predict(X, verbose=0) - Y)
    batches = [errors[0:4].max(), errors[4:8].max(), errors[8:].max()]
    np.testing.assert_allclose(found, np.average(batches, weights=[4, 4, 3] if by_rows else None), rtol=1e-5)


def test_weighted_metrics_of_keras_2_are_means_over_weights_that_are_not_0():
    with using_dialect("keras2"):
        model = dense("mse", weighted_metrics=["mae"])
        _, found = evaluated(model, X, Y, sample_weight=WEIGHTS)
    errors = np.abs(model.predict(X, verbose=0) - Y).mean(axis=1) * WEIGHTS
    batches = [errors[at].sum() / (WEIGHTS[at] != 0).sum() for at in (slice(0, 4), slice(4, 8), slice(8, 11))]
    np.testing.assert_allclose(found, np.average(batches, weights=[4, 4, 3]), rtol=1e-5)


@pytest.mark.parametrize(("dialect", "masked"), [("keras1", False), ("keras2", True)])
def test_metrics_of_masked_steps(dialect, masked):
    x = RANDOM.randn(7, 5, 4).astype("float32")
    x[1, 3:] = x[2, 1:] = x[5, 2:] = 0
    with using_dialect(dialect):
        model = lamina.Sequential([layers.Masking(input_shape=(5, 4)), layers.TimeDistributed(layers.Dense(2))])
        model.compile("sgd", "mse", metrics=["mse"])
        _, found = evaluated(model, x, np.full((7, 5, 2), 2.0))
    errors = ((model.predict(x, verbose=0) - 2) ** 2).mean(axis=-1)
    kept = (x != 0).any(axis=-1) if masked else np.ones((7, 5))
    batches = [(errors * kept)[at].sum() / kept[at].sum() for at in (slice(0, 4), slice(4, 7))]
    np.testing.assert_allclose(found, np.average(batches, weights=[4, 3]), rtol=1e-5)


@pytest.mark.parametrize(("dialect", "values"), [("keras1", "one"), ("keras2", "rows"), ("keras3", "entries")])
def test_metrics_called_as_functions(dialect, values):
    shape = {"one": (), "rows": (2,), "entries": (2, 3)}[values]
    with as_keras(dialect):
        from keras.metrics import binary_accuracy

        found = value_of(binary_accuracy(variable(np.ones((2, 3))), variable(np.full((2, 3), 0.7))))
        assert np.shape(found) == shape
        assert np.all(found == 1)
        model = dense("mse", "sigmoid", metrics=[binary_accuracy])
        assert "binary_accuracy" in model.fit(X, (Y > 0) * 1.0, verbose=0).history


@pytest.mark.parametrize("dialect", OLDER)
def test_targets_of_one_axis_are_columns(dialect):
    seen = []

    def measured(y_true, y_pred):
        seen.append(tuple(y_true.shape)[1:])
        return mean(square(y_pred - y_true))

    with using_dialect(dialect):
        model = dense(measured, None, 1, metrics=[measured])
        evaluated(model, X, Y[:, 0])
        model.train_on_batch(X, Y[:, 0])
        model.fit(((X, Y[:, 0]) for _ in range(2)), steps_per_epoch=2, verbose=0)
        found = evaluated(model, X, Y[:, 0])
    assert set(seen) == {(1,)}
    errors = (model.predict(X, verbose=0)[:, 0] - Y[:, 0]) ** 2
    batches = [errors[at].mean() for at in (slice(0, 4), slice(4, 8), slice(8, 11))]
    by_rows = [4, 4, 3] if dialect in ("keras1", "keras2") else None
    np.testing.assert_allclose(
        found, [errors.mean() if dialect != "keras" else 0, np.average(batches, weights=by_rows)], rtol=0.02
    )


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
@pytest.mark.parametrize(("units", "columns"), [(3, 1), (1, 3), (3, 2)])
def test_targets_that_do_not_have_their_outputs_shape_are_refused(dialect, units, columns):
    with using_dialect(dialect):
        model = dense("mse", None, units)
        for act in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"has the shape \(None, \d\), and its targets came with"):
                act(X, Y[:, :columns], verbose=0)
        model = dense(lambda y_true, y_pred: mean(square(y_pred), axis=-1), None, units)
        model.fit(X, Y[:, :columns], verbose=0)  # a loss of the user's may take any


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
@pytest.mark.parametrize("form", [{"b": {0: 1, 1: 3}}, [None, {0: 1, 1: 3}]])
def test_class_weights_of_several_outputs(dialect, form):
    targets = [Y, (Y[:, :1] > 0).astype("float32")]
    by_row = np.where(targets[1][:, 0] > 0, 3.0, 1.0)
    with using_dialect(dialect):
        model = two()
        before = model.get_weights()
        found = model.train_on_batch(X, targets, class_weight=form)
        model.set_weights(before)
        np.testing.assert_allclose(
            found, model.test_on_batch(X, targets, sample_weight=[np.ones(11), by_row]), rtol=1e-5
        )


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
def test_class_weights(dialect):
    with using_dialect(dialect):
        model = dense("sparse_categorical_crossentropy", "softmax")
        with pytest.raises(ValueError, match="must have a weight for each class, and has none for 2"):
            model.fit(X, LABELS, class_weight={0: 1, 1: 2}, verbose=0)
        assert model.train_on_batch(X, LABELS, class_weight="auto") == pytest.approx(
            dense("sparse_categorical_crossentropy", "softmax").test_on_batch(X, LABELS)
        )
        both, alone = (
            dense("sparse_categorical_crossentropy", "softmax").train_on_batch(
                X, LABELS, sample_weight=WEIGHTS, class_weight=by_class
            )
            for by_class in ({0: 1, 1: 2, 2: 0}, None)
        )
    assert (both == alone) == (dialect != "keras2.3")


def test_a_model_of_today_takes_no_class_weights_that_it_does_not_know():
    with pytest.raises(TypeError, match="class_weight must be a dict"):
        dense("sparse_categorical_crossentropy", "softmax").fit(X, LABELS, class_weight="auto", verbose=0)


def test_losses_of_outputs_in_keras_2_3_are_means_over_batches():
    targets = [Y, (Y[:, :1] > 0).astype("float32")]
    with using_dialect("keras2.3"):
        model = two()
        _, of_a, _ = evaluated(model, X, targets)
    errors = ((model.predict(X, verbose=0)[0] - Y) ** 2).mean(axis=1)
    np.testing.assert_allclose(of_a, np.mean([errors[:4].mean(), errors[4:8].mean(), errors[8:].mean()]), rtol=1e-5)


def test_arrays_become_variables_of_floatx():
    assert variable(np.zeros(3)).dtype is lamina.ops.zeros(1).dtype
