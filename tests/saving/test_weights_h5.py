"""``.weights.h5``: the same places and numbers as Keras's, and nothing changes when something does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch
from saving.twins import MODELS, assert_same, inputs, pair, predictions
from torch import nn

from lamina.layers import Dense, Input, Layer, LocallyConnected1D
from lamina.models import Model, Sequential
from lamina.saving import load_weights, save_weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def tree(path: Path) -> dict[str, Any]:
    """Every data set of a file, and the name that each group of weights has."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        found[name] = (item.shape, item.dtype.str) if isinstance(item, h5py.Dataset) else item.attrs.get("name")

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_layout_is_keras_s(name: str, tmp_path: Path):
    ours, theirs = pair(name)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    assert tree(tmp_path / "ours.weights.h5") == tree(tmp_path / "theirs.weights.h5")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_weights_go_both_ways(name: str, writer: str, tmp_path: Path):
    ours, theirs = pair(name)
    path = tmp_path / "m.weights.h5"
    source, target = (ours, theirs) if writer == "lamina" else (theirs, ours)
    source.save_weights(path)
    target.set_weights([np.zeros(weight.shape) for weight in target.weights])
    target.load_weights(path)
    x = inputs(ours)
    assert_same(predictions(ours, x), predictions(theirs, x))


def blocks(lib: Any, model_class: Any, layer_class: Any) -> Any:
    class Block(layer_class):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.zeta = lib.Dense(3)
            self.alpha = lib.Dense(3)
            self._hidden = lib.Dense(3)
            self.pair = (lib.Dense(3), lib.Dense(3))

        def call(self, inputs: Any) -> Any:
            for layer in (self.zeta, self.alpha, self._hidden, *self.pair):
                inputs = layer(inputs)
            return inputs

    class Net(model_class):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.stem = lib.Dense(3)
            self.items = [lib.Dense(3), [Block(), lib.Dense(3)], Block()]
            self.heads = {"b": lib.Dense(3), "a": lib.Dense(3)}
            self.again = self.stem
            self._last = lib.Dense(2)

        def call(self, inputs: Any) -> Any:
            inputs = self.again(self.stem(inputs))
            for layer in (self.items[0], *self.items[1], self.items[2], self.heads["b"], self.heads["a"], self._last):
                inputs = layer(inputs)
            return inputs

    return Net(name="net")


def test_subclassed_models_have_keras_s_layout(tmp_path: Path):
    import lamina.layers

    keras.backend.clear_session()
    ours, theirs = blocks(lamina.layers, Model, Layer), blocks(keras.layers, keras.Model, keras.layers.Layer)
    x = np.ones((2, 3), "float32")
    ours(x), theirs(x)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine, wanted = ({name: value for name, value in tree(tmp_path / f"{which}.weights.h5").items() if isinstance(value, tuple)}
                    for which in ("ours", "theirs"))  # fmt: skip
    assert mine == wanted
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_the_state_of_the_optimizer_is_in_the_file(writer: str, tmp_path: Path):
    ours, theirs = pair("nested")
    x, y = np.ones((4, 4), "float32"), np.zeros((4, 4), "float32")
    for model in (ours, theirs):
        model.compile("adam", "mse")
        model.train_on_batch(x, y)
    source, target = (ours, theirs) if writer == "lamina" else (theirs, ours)
    source.train_on_batch(x, y)
    source.save_weights(tmp_path / "m.weights.h5")
    target.load_weights(tmp_path / "m.weights.h5")
    assert int(target.optimizer.iterations) == 2
    source.train_on_batch(x, y)
    target.train_on_batch(x, y)
    assert_same(target.get_weights(), source.get_weights(), 1e-6)


def test_another_optimizer_warns_and_the_weights_are_loaded(tmp_path: Path):
    ours, _ = pair("nested")
    ours.compile("adam", "mse")
    ours.train_on_batch(np.ones((4, 4)), np.ones((4, 4)))
    ours.save_weights(tmp_path / "m.weights.h5")
    other, _ = pair("nested")
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"has 16 variables, and SGD 'sgd' has 2\."):
        other.load_weights(tmp_path / "m.weights.h5")
    assert_same(other.get_weights(), ours.get_weights(), 0)


def net(last: int = 2, more: bool = False) -> Any:
    layers = [Input((3,)), Dense(4, name="a"), Dense(last, name="b")] + ([Dense(2, name="c")] if more else [])
    return Sequential(layers, name="net")


MISFITS = {
    "shape": (net(2), net(3), "/layers/dense_1/vars/0 has shape (4, 2), and the model needs (4, 3)."),
    "fewer": (net(2), net(2, more=True), " has no weights at 'layers/dense_2/vars', where Dense 'c' needs 2."),
    "more": (
        net(2, more=True),
        net(2),
        " has weights at 'layers/dense_2/vars', and Sequential 'net' has nothing there.",
    ),
}


VERDICTS = {
    "shape": "b      (4, 2) (2,)  (4, 3) (3,)  shape differs",
    "fewer": "c      -            (2, 2) (2,)  missing in file",
    "more": "layers/dense_2  (2, 2) (2,)  -            not in model",
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_changes_nothing(case: str, tmp_path: Path):
    source, target, sentence = MISFITS[case]
    path = tmp_path / "m.weights.h5"
    source.save_weights(path)
    before = target.get_weights()
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is compared
        target.load_weights(path)
    assert str(error.value).startswith(f"{path}{sentence}")
    assert str(error.value).splitlines()[1].split() == ["layer", "in", "file", "in", "model", "verdict"]
    assert str(error.value).splitlines()[2].endswith(VERDICTS[case])
    assert_same(target.get_weights(), before, 0)
    with pytest.warns(UserWarning, match=r"Some weights were left as they are\."):
        target.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(target.layers[0].get_weights()[0], source.layers[0].get_weights()[0])


class Counting(Layer):
    """Stores what it likes, under names of its own."""

    def build(self, input_shape: Any) -> None:
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def save_own_variables(self, store: Any) -> None:
        store["total"] = self.total
        store["words"] = np.arange(3)

    def load_own_variables(self, store: Any) -> None:
        self.total.fill_(float(store["total"]))
        self.words = list(store["words"])


def test_layers_that_store_what_they_like(tmp_path: Path):
    model = Sequential([Input((3,)), Counting(), Dense(2)])
    model.layers[0].total.fill_(5.0)
    model.save_weights(tmp_path / "m.weights.h5")
    other = Sequential([Input((3,)), Counting(), Dense(2)])
    other.load_weights(tmp_path / "m.weights.h5")
    assert (float(other.layers[0].total), other.layers[0].words) == (5.0, [0, 1, 2])


class Failing(Counting):
    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        raise ValueError("can't")


def test_a_layer_that_fails_to_load_is_as_it_was(tmp_path: Path):
    model = Sequential([Input((3,)), Failing()])
    model.layers[0].total.fill_(5.0)
    model.save_weights(tmp_path / "m.weights.h5")
    other = Sequential([Input((3,)), Failing()])
    with pytest.raises(ValueError, match=r"^can't$"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert float(other.layers[0].total) == 0.0


def test_a_layer_that_fails_to_load_leaves_the_others_as_they_were(tmp_path: Path):
    model = Sequential([Input((3,)), Dense(3), Failing(), Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    other = Sequential([Input((3,)), Dense(3), Failing(), Dense(2)])
    other.set_weights([weight + 1 for weight in other.get_weights()])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"^can't$"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert_same(other.get_weights(), before, 0)


def test_torch_modules_keep_their_weights(tmp_path: Path):
    class Mixed(Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
            self.head = Dense(2)

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(inputs))

    first, second = Mixed(), Mixed()
    x = np.ones((2, 3), "float32")
    first(x), second(x)
    first.save_weights(tmp_path / "m.weights.h5")
    second.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(second.predict(x, verbose=0), first.predict(x, verbose=0))


def test_names_and_states(tmp_path: Path):
    model = net()
    path = tmp_path / "m.weights.h5"
    save_weights(model, path)
    load_weights(model, path)
    with pytest.raises(ValueError, match=r"exists; pass overwrite=True to replace it\.$"):
        model.save_weights(path, overwrite=False)
    unbuilt = Sequential([Dense(2)], name="unbuilt")
    with pytest.raises(ValueError, match="Sequential 'unbuilt' has no weights to save: it is not built"):
        unbuilt.save_weights(path)
    with pytest.raises(ValueError, match="Sequential 'unbuilt' has no weights to load into: it is not built"):
        unbuilt.load_weights(path)
    (tmp_path / "text.weights.h5").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.weights\.h5 is not an HDF5 file, or is cut off"):
        model.load_weights(tmp_path / "text.weights.h5")


def test_saving_twice_gives_the_same_bytes(tmp_path: Path):
    model = net()
    for name in ("one", "two"):
        model.save_weights(tmp_path / f"{name}.weights.h5")
    assert (tmp_path / "one.weights.h5").read_bytes() == (tmp_path / "two.weights.h5").read_bytes()


def test_a_local_kernel_with_too_few_numbers_names_its_file(tmp_path):
    model = Sequential([LocallyConnected1D(4, 2, implementation=3, input_shape=(5, 3))])
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        place = next(name for name in file["layers"] if name.startswith("locally"))
        del file[f"layers/{place}/vars/0"]
        file[f"layers/{place}/vars/0"] = np.zeros(95, "float32")
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"w\.weights\.h5/layers/locally_connected1d/vars does not fit LocallyConnected1D .*: 96"
    ):
        model.load_weights(path)
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
