"""What models of older generations computed or logged otherwise as they trained, beside the formulas of then."""

import numpy as np
import pytest

import lamina
from lamina import layers, regularizers
from lamina.backend import variable
from lamina.callbacks import LearningRateScheduler, ReduceLROnPlateau
from lamina.dialects import using_dialect

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(12, 4)).astype("float32"), RANDOM.normal(size=(12, 3)).astype("float32")
WEIGHTS = np.array([0, 1, 2, 0, 1, 3, 0, 1, 1, 2, 0, 5], "float32")


def trained_by(loss, activation=None, width=3, **options):
    model = lamina.Sequential([layers.Dense(width, activation=activation, input_shape=(4,))])
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3", "tf_keras", "keras3"])
def test_the_mean_of_a_weighted_loss(dialect):
    with using_dialect(dialect):
        model = trained_by("mse")
        found = model.test_on_batch(X, Y, sample_weight=WEIGHTS)
    errors = ((model.predict(X, verbose=0) - Y) ** 2).mean(axis=-1)
    rows = (WEIGHTS != 0).sum() if dialect in ("keras1", "keras2") else len(X)
    np.testing.assert_allclose(found, (errors * WEIGHTS).sum() / rows, rtol=1e-5)


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_class_weights_are_weights_of_rows(dialect):
    labels = np.arange(12) % 3
    with using_dialect(dialect):
        model = trained_by("sparse_categorical_crossentropy", "softmax")
        found = model.train_on_batch(X, labels, class_weight={0: 0.0, 1: 1.0, 2: 4.0})
        model.set_weights(model.get_weights())
        [kernel, bias] = trained_by("mse").get_weights()
        model.set_weights([kernel, bias])
        found = model.train_on_batch(X, labels, class_weight={0: 0.0, 1: 1.0, 2: 4.0})
    scores = X @ kernel + bias
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(12), labels]
    weights = np.array([0.0, 1.0, 4.0])[labels]
    rows = 12 if dialect == "tf_keras" else 8
    np.testing.assert_allclose(found, (losses * weights).sum() / rows, rtol=1e-5)


@pytest.mark.parametrize(("dialect", "share"), [("keras2", 1.0), ("keras2.3", 0.6), ("tf_keras", 1.0)])
def test_steps_that_a_mask_leaves_out_of_a_mean(dialect, share):
    x = np.ones((2, 5, 3), "float32")
    x[:, 3:] = 0
    with using_dialect(dialect):
        model = lamina.Sequential([layers.Masking(input_shape=(5, 3)), layers.TimeDistributed(layers.Dense(2))])
        model.compile("sgd", "mse")
        found = model.test_on_batch(x, np.full((2, 5, 2), 7.0, "float32"))
    errors = ((model.predict(x, verbose=0) - 7.0) ** 2).mean(axis=-1)[:, :3].mean()
    np.testing.assert_allclose(found, errors * share, rtol=1e-5)


@pytest.mark.parametrize(
    ("dialect", "divided"),
    [("keras1", False), ("keras2", False), ("keras2.3", False), ("tf_keras", True), ("keras3", True)],
)
@pytest.mark.parametrize("kind", ["argument", "layer", "attribute", "shared"])
def test_penalties_on_outputs(dialect, divided, kind):
    class Own(layers.Dense):
        def __init__(self, units, **kwargs):
            super().__init__(units, **kwargs)
            self.activity_regularizer = regularizers.get(regularizers.l1(0.1))

    with using_dialect(dialect):
        penalty = regularizers.l1(0.1)
        dense = layers.Dense(
            3, activity_regularizer=None if kind in ("layer", "attribute") else penalty, input_shape=(4,)
        )
        if kind == "attribute":
            dense = Own(3, input_shape=(4,))
        model = lamina.Sequential([dense])
        if kind == "layer":
            model.add(layers.ActivityRegularization(l1=0.1))
        model.compile("sgd", "mse")
        found = model.test_on_batch(X, Y)
    outputs = model.predict(X, verbose=0)
    expected = ((outputs - Y) ** 2).mean() + 0.1 * np.abs(outputs).sum() / (len(X) if divided else 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_penalty_on_outputs_is_what_it_was_when_its_config_is_read_in_another_dialect():
    with using_dialect("keras2"):
        old = layers.Dense(3, activity_regularizer="l1")
        assert "sums_activity" not in old.get_config()
        assert layers.Dense.from_config(old.get_config())._sums_activity
    again = layers.Dense.from_config(old.get_config())
    assert again._sums_activity
    with using_dialect("keras2"):
        assert not layers.Dense.from_config(layers.Dense.from_config(layers.Dense(3).get_config()).get_config()).losses
        assert "sums_activity" not in again.get_config()
    assert "sums_activity" not in layers.Dense(3, activity_regularizer="l1").get_config()


def test_a_file_keeps_how_penalties_on_outputs_count(tmp_path):
    with using_dialect("keras2"):
        model = lamina.Sequential([layers.Dense(3, activity_regularizer=regularizers.l2(0.1), input_shape=(4,))])
        model.compile("sgd", "mse")
        expected = model.test_on_batch(X, Y)
        with pytest.warns(UserWarning, match="trains otherwise.*sums_activity"):
            model.save(tmp_path / "m.keras")
        with pytest.warns(UserWarning, match="sums_activity"):
            model.save(tmp_path / "m.h5")
    for name in ("m.keras", "m.h5"):
        assert lamina.models.load_model(tmp_path / name).test_on_batch(X, Y) == expected


@pytest.mark.parametrize(
    ("dialect", "accuracy"),
    [("keras1", "binary"), ("keras2", "binary"), ("keras2.3", "binary"), ("tf_keras", "categorical")],
)
def test_the_loss_says_which_accuracy_is_meant(dialect, accuracy):
    targets = (Y > 0).astype("float32")
    with using_dialect(dialect):
        model = trained_by("binary_crossentropy", "sigmoid", metrics=["accuracy"])
        _, found = model.test_on_batch(X, targets)
    outputs = model.predict(X, verbose=0)
    equal = {"binary": (outputs > 0.5) == targets, "categorical": outputs.argmax(1) == targets.argmax(1)}
    np.testing.assert_allclose(found, equal[accuracy].mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("keras1", ["loss", "acc", "mean_absolute_error", "mean_squared_error"]),
        ("keras2", ["loss", "acc", "mean_absolute_error", "mean_squared_error"]),
        ("keras2.3", ["loss", "accuracy", "mae", "mse"]),
        ("tf_keras", ["loss", "accuracy", "mae", "mse"]),
    ],
)
def test_names_in_logs(dialect, names):
    with using_dialect(dialect):
        model = trained_by("mse", metrics=["accuracy", "mae", "mse"])
        if dialect != "tf_keras":
            assert model.metrics_names == names
        assert sorted(model.fit(X, Y, verbose=0).history) == sorted(names)
        assert model.metrics_names == names


@pytest.mark.parametrize(
    ("dialect", "names"),
    [("keras1", [["loss"], ["loss", "lr"]]), ("keras2", [["loss", "lr"]] * 2), ("tf_keras", [["loss", "lr"]] * 2),
     ("keras3", [["loss", "learning_rate"]] * 2)],
)  # fmt: skip
def test_the_name_of_the_learning_rate_in_logs(dialect, names):
    with using_dialect(dialect):
        found = [
            list(trained_by("mse").fit(X, Y, verbose=0, callbacks=[one]).history)
            for one in (LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss"))
        ]
    assert found == names


def test_names_of_weighted_metrics():
    with using_dialect("keras2"):
        model = trained_by("mse", metrics=["mae"], weighted_metrics=["mae", "acc"])
        names = ["loss", "mean_absolute_error", "weighted_mean_absolute_error", "weighted_acc"]
        assert model.metrics_names == names
        assert sorted(model.fit(X, Y, sample_weight=WEIGHTS, verbose=0).history) == sorted(names)


@pytest.mark.parametrize(("dialect", "counted"), [("keras1", 8), ("keras2", 8), ("keras2.3", 10), ("tf_keras", 10)])
def test_a_variable_as_an_attribute(dialect, counted):
    class Scaled(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(name="w", shape=(input_shape[-1], 2), initializer="ones", trainable=True)
            self.scale = variable(np.ones(2))
            super().build(input_shape)

        def call(self, x, mask=None):
            return lamina.ops.matmul(x, self.w) * self.scale

        def compute_output_shape(self, input_shape):
            return input_shape[0], 2

    with using_dialect(dialect):
        model = lamina.Sequential([Scaled(input_shape=(4,))])
        model.compile("sgd", "mse")
        assert model.count_params() == counted
        model.fit(X, Y[:, :2], verbose=0)
    assert (model.layers[0].scale.detach().numpy() == 1).all() == (counted == 8)


def test_a_variable_that_is_named_a_weight_is_one_in_every_dialect():
    class Named(layers.Layer):
        def build(self, input_shape):
            self.w = variable(np.ones((input_shape[-1], 2)))
            self.other = variable(np.ones(2))
            self.trainable_weights = [self.w]
            super().build(input_shape)

        def call(self, x, mask=None):
            return lamina.ops.matmul(x, self.w) + self.other

    with using_dialect("keras1"):
        model = lamina.Sequential([Named(input_shape=(4,))])
        model.compile("sgd", "mse")
        model.fit(X, Y[:, :2], verbose=0)
    [changed] = model.get_weights()
    assert not (changed == 1).any()
    assert (model.layers[0].other.detach().numpy() == 1).all()


def test_properties_of_an_authors_class_hold():
    class Plain(layers.Layer):
        activity_regularizer = property(lambda self: None)
        name = property(lambda self: "always")

        def call(self, x):
            return x

    assert Plain().name == "always"
    assert lamina.Sequential([layers.Input((3,)), Plain()]).predict(np.ones((1, 3)), verbose=0).shape == (1, 3)
