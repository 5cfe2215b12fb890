"""What a file names that is the author's own: all of it at once, in every kind of file, and nothing of it run."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.models import load_model, model_from_json
from lamina.registry import CustomObjectScope
from lamina.saving.needed import missing_objects, own_objects

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
GOLDEN = Path(__file__).parents[1] / "golden" / "tf_keras.zip"


@keras.saving.register_keras_serializable(package="needed_tests")
class TheirScale(keras.layers.Layer):
    def __init__(self, factor: float, rates: Any = (1, 2), activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.rates, self.activation = factor, rates, keras.activations.get(activation)

    def call(self, x: Any) -> Any:
        return self.activation(x * self.factor)

    def get_config(self) -> dict[str, Any]:
        own = {"factor": self.factor, "rates": self.rates, "activation": keras.activations.serialize(self.activation)}
        return super().get_config() | own


class TheirPenalty(keras.regularizers.Regularizer):
    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, x: Any) -> Any:
        return self.strength * keras.ops.sum(keras.ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"strength": self.strength}


class TheirMean(keras.metrics.Mean):
    pass


class TheirAdam(keras.optimizers.Adam):
    pass


def twofold(x: Any) -> Any:
    return x * 2


def all_ones(shape: Any, dtype: Any = None) -> Any:
    return keras.ops.ones(shape, dtype)


def focal(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean((y_true - y_pred) ** 2)


_ALL_ONES: Any = all_ones


def theirs() -> Any:
    """A model of Keras 3 that needs a class or function of every kind."""
    model = keras.Sequential([
        keras.Input((4,)),
        keras.layers.Dense(3, activation=twofold, kernel_initializer=_ALL_ONES, kernel_regularizer=TheirPenalty(0.1)),
        TheirScale(2.0, activation=twofold, name="scale"),
        keras.layers.Lambda(lambda x: keras.ops.abs(x) + 1, name="shifted"),
    ])  # fmt: skip
    model.compile(TheirAdam(0.1), focal, metrics=[TheirMean(), "mae"])
    model.optimizer.build(model.trainable_variables)
    return model


class Scale(lamina.layers.Layer):
    def __init__(self, factor: float, rates: Any = (1, 2), activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.rates, self.activation = factor, rates, lamina.activations.get(activation)

    def call(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(x * self.factor)


class Penalty(lamina.regularizers.Regularizer):
    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.strength * x.abs().sum()


OURS: dict[str, Any] = {
    "twofold": lambda x: x * 2, "all_ones": lambda shape, dtype=None: torch.ones(shape), "TheirPenalty": Penalty,
    "TheirScale": Scale, "shifted": lambda x: x.abs() + 1, "TheirMean": type("TheirMean", (lamina.metrics.Mean,), {}),
    "TheirAdam": type("TheirAdam", (lamina.optimizers.Adam,), {}), "focal": lambda a, b: ((a - b) ** 2).mean(),
}  # fmt: skip
CALLS = [
    "- activation twofold, at config.layers[1].config.activation (and 1 more)",
    "- initializer all_ones, at config.layers[1].config.kernel_initializer",
    "- regularizer TheirPenalty(strength=0.1), at config.layers[1].config.kernel_regularizer",
    "- layer TheirScale(name='scale', trainable=True, dtype='float32', factor=2.0, rates=[1, 2], activation='twofold'), "
    "at config.layers[2]",
    "- the function of Lambda 'shifted', kept as Python code, which names keras, ops, abs, x, ",
]
LINES = """
    @lamina.utils.register_keras_serializable(package='needed_tests')
    class TheirScale(lamina.layers.Layer):
        def __init__(self, factor, rates, activation, **kwargs):
"""


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_all_that_is_missing_is_named_at_once(ending: str, tmp_path: Path):
    model, path = theirs(), tmp_path / f"m{ending}"
    model.save(path)
    training = "compile_config" if ending == ".keras" else "training_config"
    for safe_mode in (True, False):
        with pytest.raises(ValueError, match="needs 8 objects of yours") as error:
            load_model(path, safe_mode=safe_mode)
        said = str(error.value)
        assert [line for line in CALLS if line not in said] == []
        assert LINES in said
        assert "\n    def shifted(x):\n" in said
        assert f"- loss focal, at {training}.loss\n" in said
        assert f"- metric TheirMean(name='mean', dtype='float32'), at {training}.metrics[0]\n" in said
        assert "- optimizer TheirAdam(name='their_adam" in said
        assert "', learning_rate=0.1" in said
        assert said.endswith("Code in a file is never run, with safe_mode=False neither: write its function anew, and give "
                             "it under the name of its layer.")  # fmt: skip
    # And what it says helps: part of it leaves the rest, all of it opens the file.
    with pytest.raises(ValueError, match="needs 5 objects of yours"):
        load_model(path, custom_objects={name: OURS[name] for name in ("twofold", "TheirScale", "focal")})
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    back = load_model(path, custom_objects=OURS)
    np.testing.assert_allclose(back.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    with CustomObjectScope(OURS):
        load_model(path)


def test_json_names_all_too():
    text = theirs().to_json()
    with pytest.raises(ValueError, match=r"The file needs \d objects of yours") as error:
        model_from_json(text)
    assert [line for line in CALLS if line not in str(error.value)] == []
    model_from_json(text, custom_objects=OURS)


def test_a_loss_that_is_missing_leaves_an_old_model_uncompiled(tmp_path: Path):
    model = lamina.Sequential([lamina.layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        said: Any = file.attrs
        del said["lamina_config"]
        told = json.loads(said["training_config"]) | {"loss": "own_loss", "metrics": ["own_metric", "accuracy"]}
        said["training_config"] = json.dumps(told)
    with pytest.warns(UserWarning, match="the model is not compiled: 'own_loss' is not a known loss") as caught:
        assert load_model(tmp_path / "m.h5").optimizer is None
    said = str(caught[0].message)
    assert "- loss own_loss, at training_config.loss\n- metric own_metric, at training_config.metrics[0]\n" in said
    assert said.endswith("With compile=False the model opens without them.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(tmp_path / "m.h5", compile=False)


# ---- older configs -------------------------------------------------------------------------------------------------

OLD_LAMBDA = {"function": ["4wEAAAAAAAAAAQAAAAIAAABDAAAAcwgAAAB8AGQBFABTACkCTukCAAAAqQApAdoBeHICAAAA", None, None],
              "function_type": "lambda", "module": "__main__", "name": "lambda_1"}  # fmt: skip


@pytest.mark.parametrize(("config", "kind", "expected"), [
    ({"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"output_dim": 3, "init": "own_init", "activation": "own_activation"}},
        {"class_name": "Convolution2D", "config": {"nb_filter": 3, "init": "glorot_uniform", "activation": "linear"}}]},
     "layer", ["own_init", "own_activation"]),
    ({"class_name": "Lambda", "config": OLD_LAMBDA}, "layer", ["the function of Lambda 'lambda_1', kept as Python code, which "
                                                               "names x"]),
    ({"class_name": "Lambda", "config": {"function": "own_function", "function_type": "function", "name": "a"}}, "layer",
     ["own_function"]),
    ({"class_name": "RNN", "config": {"cell": {"class_name": "StackedRNNCells", "config": {"cells": [
        {"class_name": "LSTMCell", "config": {"units": 3}}, {"class_name": "OwnCell", "config": {"units": 3}}]}}}}, "layer",
     ["OwnCell(units=3)"]),
    ({"class_name": "Bidirectional", "config": {"layer": {"class_name": "pack>OwnLSTM", "config": {"units": 3}}}}, "layer",
     ["OwnLSTM(units=3)"]),
    ({"optimizer_config": {"class_name": "Custom>Adam", "config": {"learning_rate": 0.1}},
      "loss": {"a": "mse", "b": "own_loss"}, "metrics": {"a": ["acc", "own_metric"], "b": None}}, None,
     ["own_loss", "own_metric"]),
    ({"optimizer_config": {"class_name": "Custom>OwnAdam", "config": {}}, "loss": ["mse", "hinge"], "metrics": [[
        {"class_name": "MeanMetricWrapper", "config": {"name": "m", "dtype": "float32", "fn": "own_metric"}}]]}, None,
     ["OwnAdam()", "own_metric"]),
    ({"optimizer": "adam", "loss": None, "metrics": None, "loss_weights": {"a": 1.0}, "sample_weight_mode": None}, None, []),
    ({"class_name": "Dense", "config": {"units": 3, "name": "mse", "kernel_constraint": {
        "class_name": "MaxNorm", "config": {"max_value": 2}}, "kernel_regularizer": {"name": "WeightRegularizer", "l2": 0.1},
        "activation": {"module": "builtins", "class_name": "function", "config": "own", "registered_name": "pack>own"}}},
     "layer", ["own"]),
])  # fmt: skip
def test_configs_of_every_generation(config: Any, kind: str | None, expected: list[str]):
    assert [one.call() for one in own_objects(config, "", kind)] == expected
    assert [one.call() for one in missing_objects(config, "", kind)] == expected
    with CustomObjectScope({one.name.rpartition(">")[2]: Scale for one in own_objects(config, "", kind)}):
        assert missing_objects(config, "", kind) == []


def test_tf_keras_s_names_with_a_package_are_found_by_the_plain_one():
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 2], "name": "x"}},
        {"class_name": "pack>TheirScale", "config": {"name": "scale", "factor": 3.0}}]}, "keras_version": "2.11.0"}  # fmt: skip
    with pytest.raises(ValueError, match=r"custom_objects=\{'TheirScale': TheirScale\}"):
        model_from_json(json.dumps(config))
    model = model_from_json(json.dumps(config), custom_objects={"TheirScale": Scale})
    assert model(torch.ones(1, 2)).tolist() == [[3.0, 3.0]]


def configs_in(name: str, data: bytes) -> list[tuple[Any, str | None]]:
    if name.endswith(".json"):
        return [(json.loads(data), "layer")]
    if name.endswith(".keras"):
        return [(json.loads(zipfile.ZipFile(io.BytesIO(data)).read("config.json")), "layer")]
    if not name.endswith(".h5"):
        return []
    with h5py.File(io.BytesIO(data)) as file:
        kinds = (("model_config", "layer"), ("training_config", None))
        said: dict[str, Any] = dict(file.attrs)
        return [(json.loads(said[key]), kind) for key, kind in kinds if key in said]


def test_nothing_of_keras_s_own_is_taken_for_the_author_s():
    count = 0
    with zipfile.ZipFile(GOLDEN) as archive:
        for name in archive.namelist():
            for config, kind in configs_in(name, archive.read(name)):
                assert own_objects(config, "", kind) == [], name
                count += 1
    assert count > 100


def test_a_layer_may_be_an_activation():
    layer = {"module": "keras.layers", "class_name": "ReLU", "config": {"max_value": 1.0}, "registered_name": None}
    config = {"class_name": "Dense", "config": {"units": 2, "activation": layer}}
    assert own_objects(config) == []
    config["config"]["activation"] = {**layer, "class_name": "OwnLayer", "module": None}
    assert [one.call() for one in own_objects(config)] == ["OwnLayer(max_value=1.0)"]


def test_names_of_a_hostile_file_are_shown_as_text():
    config = {"class_name": "a\x1b[2J", "config": {"\x07": "\x1b" * 1000, "b" * 10_000: [0] * 10_000}}
    [one] = own_objects(config)
    said = "\n".join([one.call(), *one.lines()])
    assert said.replace("\n", "").isprintable()
    assert len(said) < 600
    with pytest.raises(ValueError, match="needs 300 objects of yours") as error:
        model_from_json(json.dumps({"class_name": "Sequential", "config": [
            {"class_name": f"Own{number}", "config": {"a" * 1000: "b" * 1000}} for number in range(300)]}))  # fmt: skip
    assert "- and 288 more\n" in str(error.value)
    assert len(str(error.value)) < 10_000


def test_keras_s_own_that_lamina_lacks_is_told_apart():
    """``TFSMLayer`` is nobody's to define."""
    layer = {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "there"},
        "registered_name": None,
    }
    stack = {"class_name": "Sequential", "module": "keras", "config": {"layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 2]}}, layer]}}  # fmt: skip
    with pytest.raises(
        ValueError, match=r"Keras's that lamina lacks:\n- TFSMLayer.*at config.layers.1.. It runs a SavedModel"
    ) as caught:
        model_from_json(json.dumps(stack))
    assert "of yours" not in str(caught.value)
    stack["config"]["layers"].append({"class_name": "OwnOne", "config": {}})
    with pytest.raises(ValueError, match=r"(?s)lamina lacks:.*The file needs one object of yours:\n- layer OwnOne"):
        model_from_json(json.dumps(stack))
