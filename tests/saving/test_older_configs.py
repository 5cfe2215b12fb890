"""Which generation a config is of."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import model_from_json
from lamina.saving.older_configs import dialect_of

FIRST = {"class_name": "Dense", "config": {"units": 3, "batch_input_shape": [None, 4]}}


VERSIONS = {
    "1.2.2": "keras1", "0.3.3": "keras1", "2.0.8": "keras2", "2.2.5": "keras2", "2.3.1": "keras2.3", "2.1.6-tf": "tf_keras",
    "2.2.4-tf": "tf_keras", "2.4.0": "tf_keras", "2.21.0": "tf_keras", "3.0.0": None, "3.15.1": None,
}  # fmt: skip
NAMELESS = [
    (FIRST, "keras2"),
    ({"class_name": "Own", "config": {"size": 3}}, None),
    ({"class_name": "Dense", "config": {"output_dim": 3, "init": "uniform"}}, "keras1"),
    ({"module": "keras.layers", **FIRST}, None),
    ({"module": "tf_keras.src.engine.functional", **FIRST}, "tf_keras"),
]


@pytest.mark.parametrize(("version", "config", "dialect"), [
    *((version, {}, dialect) for version, dialect in VERSIONS.items()),
    *((None, config, dialect) for config, dialect in NAMELESS),
])  # fmt: skip
def test_dialect_of(version: Any, config: Any, dialect: str | None):
    assert dialect_of(version, config) == dialect


@lamina.utils.register_keras_serializable("tests")
class GateAndNorm(lamina.Model):
    """A model whose config says nothing of its layers."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.gate = layers.Dense(units, activation="hard_sigmoid")
        self.norm = layers.BatchNormalization()

    def call(self, x: Any) -> Any:
        return self.norm(self.gate(x))

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units}


def test_what_keras_3_and_lamina_write_is_of_today():
    """Their JSON names no version."""
    again = model_from_json(GateAndNorm(3).to_json())
    assert again.gate.activation is lamina.activations.hard_sigmoid
    assert again.norm.variance_correction == GateAndNorm(3).norm.variance_correction
    theirs = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, activation="hard_sigmoid")])
    mine = model_from_json(theirs.to_json())
    mine.set_weights([weight.value.detach().numpy() for weight in theirs.weights])
    x = np.linspace(-4, 4, 8, dtype="float32").reshape(2, 4)
    np.testing.assert_allclose(mine.predict(x, verbose=0), theirs(x).detach().numpy(), rtol=1e-6)


def test_json_of_keras_2_means_its_hard_sigmoid():
    first = {"activation": "hard_sigmoid", "batch_input_shape": [None, 2], "name": "a"}
    inside = {"name": "s", "layers": [{"class_name": "Activation", "config": first}]}
    config = {"class_name": "Sequential", "keras_version": "2.2.4", "backend": "tensorflow", "config": inside}
    model = model_from_json(json.dumps(config))
    np.testing.assert_allclose(model.predict(np.array([[1.0, -1.0]]), verbose=0), [[0.7, 0.3]], rtol=1e-6)


def rnn(name: str, layer: str = "LSTM", **more: Any) -> dict[str, Any]:
    first = {"batch_input_shape": [None, 3, 2]} if name == "a" else {}
    return {"class_name": layer, "config": {"name": name, "units": 2, "return_sequences": True, **first, **more}}


def text_of(*entries: dict[str, Any], version: str = "2.9.0") -> str:
    inside = {"name": "s", "layers": list(entries)}
    return json.dumps({"class_name": "Sequential", "keras_version": version, "backend": "tensorflow", "config": inside})


def test_arguments_that_say_nothing_any_more_are_named_once(caplog: pytest.LogCaptureFixture):
    text = text_of(rnn("a", time_major=False), rnn("b", time_major=False), rnn("c", "GRU", time_major=False),
                   {"class_name": "SpatialDropout1D", "config": {"name": "d", "rate": 0.1, "noise_shape": None}})  # fmt: skip
    with caplog.at_level("INFO", logger="lamina"):
        model_from_json(text)
    assert [record.getMessage() for record in caplog.records] == [
        "the JSON of the model: left out, since they say nothing any more: time_major=False (LSTM, GRU)."]  # fmt: skip


def test_one_that_says_something_is_refused():
    with pytest.raises(
        ValueError, match=r"config\.layers\[0\].*: LSTM got time_major=True: lamina takes the batch first"
    ):
        model_from_json(text_of(rnn("a", time_major=True)))


def test_what_is_left_out_with_a_word_is_said_once():
    words = [{"class_name": "Embedding", "config": {
        "name": f"e{number}", "input_dim": 5, "output_dim": 2, "dropout": 0.2, "init": "uniform", "input_length": 3,
        "batch_input_shape": [None, 3]}} for number in range(2)]  # fmt: skip
    entries = [words[0], {"class_name": "Flatten", "config": {"name": "f"}}]
    described = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        {"class_name": "Merge", "config": {"name": "m", "mode": "sum", "layers": words}}, *entries[1:]]}  # fmt: skip
    with pytest.warns(UserWarning, match="Embedding got dropout=0.2: it dropped whole words") as caught:
        model_from_json(json.dumps(described))
    assert len(caught) == 1
