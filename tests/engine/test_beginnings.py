"""Before and at a layer's first call: attributes before the constructor, what counts as built, data of every type, failures."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path

import keras
import numpy as np
import parity
import pytest
import torch
from catalog import ROWS
from keras import layers as keras_layers

import lamina
from lamina import layers
from lamina.dialects import using_dialect
from lamina.engine.layer import Layer
from lamina.graph.symbolic import leaves, map_structure
from lamina.models import load_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

# ---- attributes before super().__init__() ----------------------------------------------------------------------------


class First(layers.Layer):
    """Keras 1's and 2's own order: attributes first, ``super().__init__`` last."""

    def __init__(self, kind, **kwargs):
        inner = layers.Dense(2)
        if kind == "a layer":
            self.inner = inner
        elif kind == "a list":
            self.inner = [inner]
        elif kind == "a dict":
            self.inner = {"one": inner}
        elif kind == "a tuple":
            self.inner = (inner,)
        elif kind == "a variable":
            self.inner, self.scale = inner, lamina.Variable(2.0, name="scale")
            self.count = lamina.Variable(0.0, trainable=False)
        elif kind == "a parameter":
            self.inner, self.scale = inner, torch.nn.Parameter(torch.ones(()))
        self.kind = kind
        super().__init__(**kwargs)

    def call(self, x):
        inner = self.inner
        inner = inner["one"] if self.kind == "a dict" else inner[0] if self.kind in ("a list", "a tuple") else inner
        return inner(x) * getattr(self, "scale", 1.0)


@pytest.mark.parametrize("dialect", [None, "keras1", "keras2", "tf_keras", "keras3"])
@pytest.mark.parametrize(("kind", "count"), [("a layer", 2), ("a list", 2), ("a dict", 2), ("a tuple", 2),
                                             ("a variable", 4), ("a parameter", 3)])  # fmt: skip
def test_attributes_may_come_first(kind, count, dialect, tmp_path: Path):
    x = np.ones((4, 3), "float32")
    with using_dialect(dialect):
        layer = First(kind, name="own")
        model = lamina.Sequential([layers.Input((3,)), layer])
        model.compile("sgd", "mse")
    assert (layer.name, len(model.weights)) == ("own", count)
    before = model.get_weights()
    model.fit(x, np.full((4, 2), 9.0), verbose=0)
    changed = [bool((new != old).any()) for new, old in zip(model.get_weights(), before, strict=True)]
    assert changed.count(False) == (kind == "a variable")
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"First": First})
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert type(layer).from_config(layer.get_config()).kind == kind


def test_models_wrappers_and_cells_may_have_attributes_first():
    class Whole(lamina.Model):
        def __init__(self):
            self.parts = [layers.Dense(2), layers.Dense(2)]
            super().__init__()

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    class Around(layers.Wrapper):
        def __init__(self, layer, **kwargs):
            self.extra = layers.Dense(2)
            super().__init__(layer, **kwargs)

        def call(self, x):
            return self.extra(self.layer(x))

    class Cell(layers.Layer):
        def __init__(self, units, **kwargs):
            self.inner, self.state_size = layers.SimpleRNNCell(units), units
            super().__init__(**kwargs)

        def call(self, x, states):
            return self.inner(x, states)

    class Branches(lamina.Model):
        def __init__(self):
            i = layers.Input((3,))
            self.head = layers.Dense(2)
            super().__init__(i, self.head(i))

    x = np.ones((4, 3), "float32")
    for model, count in ((Whole(), 4), (lamina.Sequential([Around(layers.Dense(2))]), 4),
                         (lamina.Sequential([layers.Reshape((3, 1)), layers.RNN(Cell(2))]), 3), (Branches(), 2)):  # fmt: skip
        model.compile("sgd", "mse")
        model.fit(x, np.zeros((4, 2)), verbose=0)
        assert len(model.get_weights()) == count


def test_a_constructor_that_calls_no_other_says_so():
    class Forgets(layers.Layer):
        def __init__(self):
            self.units = 2

    with pytest.raises(RuntimeError, match=r"The constructor of Forgets does not call super\(\).__init__\(\)"):
        Forgets()


# ---- built -----------------------------------------------------------------------------------------------------------

FIRST_ROWS = {row.layer: row for row in reversed(ROWS) if row.keras is not None}


@pytest.mark.parametrize("name", FIRST_ROWS)
def test_built_as_in_keras(name):
    row = FIRST_ROWS[name]
    found = []
    for layer in (parity.make(row), parity.make_keras(row)):
        before = layer.built
        parity.call(layer, parity.inputs_of(row), row, parity.call_arguments(row))
        found.append((before, layer.built))
    assert found[0] == found[1]


def test_a_subclass_of_a_layer_without_weights_builds_its_own():
    class Scaled(layers.Activation):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones")

        def call(self, x):
            return super().call(x) * self.scale

    layer = Scaled("relu")
    assert not layer.built
    layer(torch.ones(2, 3))
    assert (layer.built, len(layer.weights)) == (True, 1)


def test_pickles_from_before_built_was_a_property():
    layer = layers.Dense(2)
    layer(torch.ones(1, 3))
    state = layer.__getstate__()
    state["built"] = state.pop("_built")
    other = layers.Dense(2)
    other.__setstate__(state)
    assert other.built
    assert pickle.load(io.BytesIO(pickle.dumps(other))).built
    assert torch.equal(other(torch.ones(1, 3)), layer(torch.ones(1, 3)))


class Worded(layers.Layer):
    """A build that takes words and numbers beside shapes."""

    def build(self, input_shape, word="ones", times=2):
        self.word, self.times, self.shape_of_input = word, times, input_shape
        self.w = self.add_weight(shape=(input_shape[-1],), initializer=word)

    def call(self, x):
        return x * self.w * self.times


class WordedConfig(Worded):
    def get_build_config(self):
        return {"input_shape": self.shape_of_input, "word": self.word}

    def build_from_config(self, config):
        self.build(tuple(config["input_shape"]), config["word"])


@pytest.mark.parametrize("cls", [Worded, WordedConfig])
def test_what_a_layer_was_built_for_may_hold_words(cls, tmp_path: Path):
    layer = cls()
    layer.build((None, 3), word="zeros", times=5)
    config = json.loads(json.dumps(layer.get_build_config()))
    again = cls()
    again.build_from_config(config)
    assert (again.word, again.shape_of_input, again.built) == ("zeros", layer.shape_of_input, True)
    model = lamina.Sequential([layers.Input((3,)), cls()])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 3), "float32")
    back = load_model(tmp_path / "m.keras", custom_objects={cls.__name__: cls})
    np.testing.assert_array_equal(back.predict(x, verbose=0), model.predict(x, verbose=0))


# ---- failures --------------------------------------------------------------------------------------------------------


class Fails(layers.Layer):
    fails = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = [layers.Dense(2)]

    def build(self, input_shape):
        self.w = self.add_weight(shape=input_shape[-1:])

    def call(self, x):
        x = self.inner[0](x * self.w)
        if self.fails:
            raise ValueError("not today")
        return x


@pytest.mark.parametrize("how", ["data", "symbols", "a model", "fit"])
def test_a_first_call_that_fails_leaves_the_layer_as_it_was(how):
    layer = Fails()
    before = repr(layer)
    model = lamina.Sequential([layer])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="not today"):
        {"data": lambda: layer(torch.ones(2, 3)), "symbols": lambda: layer(layers.Input((3,))),
         "a model": lambda: model(torch.ones(2, 3)),
         "fit": lambda: model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)}[how]()  # fmt: skip
    assert not layer.built
    assert not layer.inner[0].built
    assert (layer.weights, repr(layer)) == ([], before)
    layer.fails = False
    assert layer(torch.ones(2, 5)).shape == (2, 2)
    assert [tuple(weight.shape) for weight in layer.weights] == [(5,), (5, 2), (2,)]


@pytest.mark.parametrize(("make", "bad", "good"), [
    (lambda: layers.Conv2D(2, 3), (1, 2, 2, 1), (1, 4, 4, 3)),
    (lambda: layers.Reshape((5,)), (1, 4), (1, 5)),
    (lambda: layers.Bidirectional(layers.LSTM(2)), (1, 4), (1, 4, 5)),
    (lambda: lamina.Sequential([layers.Dense(2), layers.Reshape((3,))]), (1, 4), None),
    (lambda: lamina.Sequential([layers.Conv1D(2, 3), layers.Dense(1)]), (1, 2, 4), (1, 5, 6)),
])  # fmt: skip
def test_layers_of_lamina_after_a_first_call_that_failed(make, bad, good):
    layer = make()
    with pytest.raises((ValueError, RuntimeError)):
        layer(torch.ones(bad))
    assert [weight for part in layer.modules() for weight in part._parameters.values()] == []
    if good is not None:
        layer(torch.ones(good))


# ---- data of every type ----------------------------------------------------------------------------------------------

WITH_WEIGHTS_OR_MEANS = [name for name, row in FIRST_ROWS.items() if row.dtype == "float32" and not row.call
                         and name not in ("Dot", "Add", "Subtract", "Masking")]  # fmt: skip


@pytest.mark.parametrize("form", ["tensor", "array"])
@pytest.mark.parametrize("name", WITH_WEIGHTS_OR_MEANS)
def test_truth_values_are_numbers(name, form):
    """What a layer makes of truth values is what it makes of ones and zeros, as in Keras."""
    row = FIRST_ROWS[name]
    layer = parity.make(row)
    numbers = map_structure(lambda leaf: (leaf > 0).float(), parity.inputs_of(row))
    truths = map_structure(lambda leaf: (leaf > 0) if form == "tensor" else (leaf > 0).numpy(), numbers)
    torch.manual_seed(0)
    expected = layer(numbers)
    torch.manual_seed(0)
    for one, other in zip(leaves(layer(truths)), leaves(expected), strict=True):
        torch.testing.assert_close(one.float(), other.float())


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float64"])
@pytest.mark.parametrize("form", ["array", "tensor"])
def test_own_layers_see_the_types_that_keras_s_do(dtype, form):
    x = np.ones((2, 3), dtype)
    x = x if form == "array" else torch.from_numpy(x)
    seen = []
    for base in (layers, keras_layers):

        class Own(base.Layer):
            def call(self, x):
                seen.append(str(x.dtype))
                return x

        Own()(x)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("labels", ["bool", "uint8", "int64", "float32"])
@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "binary_crossentropy", "mse", "mae", "hinge", "kl_divergence"]
)
def test_labels_of_every_type_in_training(loss, labels):
    rng = np.random.default_rng(0)
    x, y = rng.random((8, 3)) > 0.5, np.eye(2)[rng.integers(0, 2, 8)].astype(labels)
    logs = []
    for library, base in ((lamina, layers), (keras, keras_layers)):
        model = library.Sequential([base.Input((3,)), base.BatchNormalization(), base.Dense(2, activation="softmax")])
        model.set_weights([np.linspace(0, 1, weight.size).reshape(weight.shape) for weight in model.get_weights()])
        model.compile("sgd", loss, metrics=["accuracy", "mae"])
        history = model.fit(x, y, shuffle=False, batch_size=4, validation_data=(x, y), verbose=0).history
        logs.append([history[name][0] for name in sorted(history)])
    np.testing.assert_allclose(logs[0], logs[1], rtol=1e-4, atol=1e-5)


METRICS = ["Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "AUC", "Precision", "Recall", "TruePositives",
           "BinaryCrossentropy", "MeanSquaredError", "CosineSimilarity", "F1Score", "TopKCategoricalAccuracy"]  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_truth_values(name):
    rng = np.random.default_rng(1)
    y, p = np.eye(6, dtype=bool)[rng.integers(0, 6, 8)], rng.random((8, 6)).astype("float32")
    results = []
    for library in (lamina, keras):
        for truths in (y, torch.from_numpy(y)):
            metric = getattr(library.metrics, name)()
            metric.update_state(truths, p if name != "Accuracy" else y)
            results.append(np.asarray(metric.result()))
    for one in results[1:]:
        np.testing.assert_allclose(results[0], one, rtol=1e-5)


@pytest.mark.parametrize(("data", "words"), [
    (np.array([[1, 2, None]], dtype=object), "takes numbers, and got array"),
    (np.array([["a", "b", "c"]]), "takes numbers, and got array"),
    (np.array([["2020-01-01"] * 3], dtype="datetime64[D]"), "takes numbers, and got array"),
])  # fmt: skip
def test_what_is_no_number_is_refused(data, words):
    for layer in (layers.Dense(2, name="d"), lamina.Sequential([layers.Dense(2)], name="d")):
        with pytest.raises(TypeError, match=words):
            layer(data)
        assert not layer.built
    model = lamina.Sequential([layers.Dense(2)])
    model.compile("sgd", "mse")
    for run in (model.predict, model.predict_on_batch, lambda x: model.fit(x, np.ones((1, 2)), verbose=0)):
        with pytest.raises(TypeError, match="Data must be numbers, and got array"):
            run(data)


@pytest.mark.parametrize("dtype", [">f4", ">i2", "<u2", "u4", "f2"])
def test_numbers_of_other_kinds_are_taken(dtype):
    data = np.arange(6).reshape(2, 3).astype(dtype)[::-1]
    layer = layers.Dense(2)
    expected = layer(torch.from_numpy(data.astype("float32")))
    torch.testing.assert_close(layer(data), expected)
    assert isinstance(layer, Layer)


# ---- NumPy's numbers as arguments ------------------------------------------------------------------------------------

ONE, TWO = np.int64(1), np.int32(2)


@pytest.mark.parametrize(("made", "plain"), [
    (lambda: layers.BatchNormalization(axis=ONE), lambda: layers.BatchNormalization(axis=1)),
    (lambda: layers.LayerNormalization(axis=np.arange(1, 3)), lambda: layers.LayerNormalization(axis=(1, 2))),
    (lambda: layers.UnitNormalization(ONE), lambda: layers.UnitNormalization(1)),
    (lambda: layers.GroupNormalization(ONE, axis=np.int64(-1)), lambda: layers.GroupNormalization(1)),
    (lambda: layers.Softmax(axis=ONE), lambda: layers.Softmax(axis=1)),
    (lambda: layers.Dense(TWO), lambda: layers.Dense(2)),
    (lambda: layers.Conv1D(TWO, np.array([2])), lambda: layers.Conv1D(2, (2,))),
    (lambda: layers.Dropout(np.float32(0.5)), lambda: layers.Dropout(0.5)),
    (lambda: layers.LeakyReLU(np.float64(0.25)), lambda: layers.LeakyReLU(0.25)),
    (lambda: layers.ZeroPadding1D(np.array([1, 2])), lambda: layers.ZeroPadding1D((1, 2))),
    (lambda: layers.Reshape(np.array([4, 3])), lambda: layers.Reshape((4, 3))),
    (lambda: layers.Permute([TWO, ONE]), lambda: layers.Permute([2, 1])),
    (lambda: layers.LSTM(TWO, return_sequences=np.bool_(True)), lambda: layers.LSTM(2, return_sequences=True)),
])  # fmt: skip
def test_numpy_s_numbers_are_numbers(made, plain):
    """Sizes come from ``x.max()`` and axes from ``np.arange``: the layer, and its config as JSON, are as with Python's."""

    def told(layer):
        config = layer.get_config() | {"name": None}
        return json.dumps(config)

    assert told(made()) == told(plain())
    data = torch.ones(2, 3, 4)
    assert made()(data).shape == plain()(data).shape


def test_numpy_s_numbers_in_super():
    class InitOfNumpy(layers.Dense):
        def __init__(self, data):
            super().__init__(data.max())

    assert InitOfNumpy(np.array([2, 3])).units == 3
    assert type(InitOfNumpy(np.array([2, 3])).units) is int
