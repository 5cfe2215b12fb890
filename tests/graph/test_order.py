"""The order of layers and weights in models with masks is Keras's, in memory and in files, both ways."""

from __future__ import annotations

import copy
from typing import Any

import keras
import numpy as np
import pytest

import lamina
from lamina import layers
from tests.graph.random_graphs import data_for, make

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # Keras's own


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def assert_same(found: Any, wanted: Any) -> None:
    for one, other in zip(*(x if isinstance(x, list) else [x] for x in (found, wanted)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_masked_branch_beside_one_without():
    i, j = lamina.Input((4,), dtype="int32", name="i"), lamina.Input((4,), dtype="int32", name="j")
    a, b = layers.Embedding(4, 2, name="A")(i), layers.Embedding(4, 2, mask_zero=True, name="B")(j)
    model = lamina.Model([i, j], layers.GlobalAveragePooling1D()(layers.Concatenate()([a, b])))
    assert names(model)[:4] == ["j", "i", "B", "A"]


def test_a_call_of_an_operation_is_one_step():
    def model(lib: Any) -> Any:
        x = lib.Input((4,), name="x")
        a = lib.layers.Dense(2, name="a")(lib.ops.var(x, axis=-1, keepdims=True))  # of several torch functions
        b = lib.layers.Dense(2, name="b")(lib.layers.Dense(2, name="c")(x))
        return lib.Model(x, lib.layers.Add(name="sum")([a, b]))

    assert names(model(lamina)) == names(model(keras))


def test_inputs_that_nothing_is_made_of():
    def model(lib: Any) -> Any:
        x, unused, other = (lib.Input((4,), name=name) for name in ("x", "unused", "other"))
        return lib.Model([unused, x, other], [x, lib.layers.Dense(2, name="a")(x), other])

    assert names(model(lamina)) == names(model(keras))


# What random models brought up, and as many more as there is time for.
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_models(seed, tmp_path):
    theirs, ours = make(keras, seed), make(lamina, seed)
    assert names(ours) == names(theirs)
    rng = np.random.default_rng(seed)
    weights = [np.abs(rng.normal(0, 0.7, value.shape)).astype("float32") for value in theirs.get_weights()]
    assert [value.shape for value in ours.get_weights()] == [value.shape for value in weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    data = data_for(theirs, seed)
    wanted = theirs.predict(data, verbose=0)
    assert_same(ours.predict(data, verbose=0), wanted)
    again = lamina.Model.from_config(ours.get_config())
    again.set_weights(weights)
    twin = copy.deepcopy(ours)
    twin.output  # noqa: B018  it records its own symbolic tensors
    for model in (again, twin):
        assert names(model) == names(theirs)
        assert_same(model.predict(data, verbose=0), wanted)
    for model in (theirs, ours):
        model.compile("adam", "mse")
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    for model in (
        keras.models.load_model(tmp_path / "ours.keras"),
        lamina.models.load_model(tmp_path / "theirs.keras"),
    ):
        assert names(model) == names(theirs)
        assert_same(model.predict(data, verbose=0), wanted)
    ours.set_weights([value * 0 for value in weights])
    ours.load_weights(tmp_path / "theirs.weights.h5")
    assert_same(ours.predict(data, verbose=0), wanted)


def test_the_optimizer_s_variables_go_with_the_layers(tmp_path):
    def model(lib: Any) -> Any:
        i, j = lib.Input((4,), dtype="int32"), lib.Input((4,), dtype="int32")
        a, b = lib.layers.Embedding(4, 2)(i), lib.layers.Embedding(4, 3, mask_zero=True)(j)
        y = lib.layers.GlobalAveragePooling1D()(lib.layers.Concatenate()([a, b]))
        return lib.Model([i, j], y)

    data, target = [np.array([[1, 0, 2, 3]]), np.array([[1, 2, 0, 0]])], np.ones((1, 5), "float32")
    theirs = model(keras)
    theirs.compile("adam", "mse")
    theirs.fit(data, target, epochs=2, verbose=0)
    theirs.save(tmp_path / "theirs.keras")
    ours = lamina.models.load_model(tmp_path / "theirs.keras")
    for one in (ours, theirs):
        one.fit(data, target, epochs=2, verbose=0)
    for mine, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-6)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    for mine, wanted in zip(ours.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), wanted.numpy(), rtol=1e-6)
