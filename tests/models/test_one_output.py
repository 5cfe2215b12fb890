"""One output inside a structure: what is trained, measured and returned is what Keras does."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.graph.symbolic import map_structure

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # Keras's own
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X[:, :1] * 2
STRUCTURES = {
    "a list": lambda x: [x],
    "a tuple": lambda x: (x,),
    "a dict": lambda x: {"a": x},
    "a list in a list": lambda x: [[x]],
    "a dict in a list": lambda x: [{"a": x}],
    "a list in a dict": lambda x: {"a": [x]},
}
TOLD = {
    "mse": {"loss": "mse"},
    "lists": {"loss": ["mse"], "metrics": ["mae"]},
    "lists of lists": {"loss": "mse", "metrics": [["mae"]]},
}
BY_NAME = {"loss": {"d": "mse"}, "metrics": {"d": ["mae"]}}


def make(lib: Any, structure: Any) -> Any:
    x = lib.Input((3,), name="x")
    y = lib.layers.Dense(1, kernel_initializer="ones", name="d")(x)
    return lib.Model(inputs=[x], outputs=structure(y))


def trained(lib: Any, structure: Any, told: dict[str, Any], y: Any) -> list[Any]:
    model = make(lib, structure)
    model.compile(lib.optimizers.SGD(0.1), **told)
    history = model.fit(X, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    measured = model.evaluate(X, y, verbose=0)
    predicted = [model.predict(X, verbose=0), model.predict_on_batch(X), model(X)]
    return [history, measured, map_structure(lambda array: np.asarray(torch.as_tensor(array).detach()), predicted)]


def assert_same(mine: Any, wanted: Any) -> None:
    assert type(mine) is type(wanted)
    if isinstance(mine, (list, tuple, dict)):
        keys = mine.keys() if isinstance(mine, dict) else range(len(mine))
        assert len(mine) == len(wanted)
        for key in keys:
            assert_same(mine[key], wanted[key])
    else:
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("name", STRUCTURES)
def test_targets_as_an_array(name, told):
    structure = STRUCTURES[name]
    assert_same(*(trained(lib, structure, TOLD[told], Y) for lib in (lamina, keras)))


@pytest.mark.parametrize("name", ["a list", "a tuple", "a dict", "a list in a dict"])  # Keras refuses the others
def test_targets_in_the_structure_of_the_outputs(name):
    structure = STRUCTURES[name]
    assert_same(*(trained(lib, structure, {"loss": "mse"}, structure(Y)) for lib in (lamina, keras)))


@pytest.mark.parametrize("name", ["a list", "a tuple"])
def test_losses_and_metrics_by_name(name):
    assert_same(*(trained(lib, STRUCTURES[name], BY_NAME, Y) for lib in (lamina, keras)))


def test_targets_by_name():
    assert_same(
        trained(lamina, STRUCTURES["a list"], BY_NAME, {"d": Y}), trained(keras, STRUCTURES["a list"], BY_NAME, Y)
    )


def test_the_structure_is_kept_where_it_is_asked_for(tmp_path):
    ours, theirs = make(lamina, STRUCTURES["a list"]), make(keras, STRUCTURES["a list"])
    for model in (ours, theirs):
        assert isinstance(model.output, list)
        assert len(model.output) == 1
    assert ours.get_config()["output_layers"] == theirs.get_config()["output_layers"] == [["d", 0, 0]]
    ours.set_weights(theirs.get_weights())
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    for model in (lamina.models.load_model(tmp_path / "theirs.keras"), lamina.models.clone_model(ours),
                  keras.models.load_model(tmp_path / "ours.keras")):  # fmt: skip
        assert isinstance(model.output, list)
        assert model.predict(X, verbose=0).shape == (8, 1)


def test_a_list_of_one_inside_a_model():
    def outer(lib: Any) -> Any:
        inner = make(lib, STRUCTURES["a list"])
        x = lib.Input((3,))
        y = inner(x)
        assert isinstance(y, list)
        return lib.Model(x, lib.layers.Dense(2, kernel_initializer="ones")(y[0]))

    ours, theirs = outer(lamina), outer(keras)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5)
    again = lamina.Model.from_config(ours.get_config())
    again.set_weights(ours.get_weights())
    np.testing.assert_allclose(again.predict(X, verbose=0), ours.predict(X, verbose=0))


def test_a_list_of_one_in_a_call_of_one_s_own():
    class Outer(lamina.Model):
        def __init__(self):
            super().__init__()
            self.inner = make(lamina, STRUCTURES["a list"])

        def call(self, inputs):
            return self.inner(inputs) * 2

    model = Outer()
    assert model(X).shape == (8, 1)
    assert Outer()(lamina.Input((3,))).shape == (None, 1)
