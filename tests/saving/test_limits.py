"""What a description may ask for: memory of the machine, layers, calls, objects of Python."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lamina.engine import weights
from lamina.engine.weights import memory_of_the_machine
from lamina.layers import Dense, Input
from lamina.models import Model, Sequential, model_from_config, model_from_json
from lamina.saving.files import read_json

HUGE = 10**12


def stack(*layers: Any, width: int = 4) -> dict[str, Any]:
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, width], "name": "x"}}
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [start, *layers]}}


def dense(units: Any, name: str = "d") -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": "Dense", "config": {"units": units, "name": name}}


def tensor(name: str, call: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__",
            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, 0]}}  # fmt: skip


READERS = {
    "json": lambda config: model_from_json(json.dumps(config)),
    "config": model_from_config,
    "from_config": lambda config: Sequential.from_config(config["config"]),
}


@pytest.mark.parametrize("read", READERS)
def test_a_description_alone_asks_for_no_more_than_the_machine_has(read: str):
    with pytest.raises(ValueError, match=r"has shape \(4, 1000000000000\), which is 16000000000000 bytes; a model that is only "
                                         r"described may have \d+ bytes, half of this "):  # fmt: skip
        READERS[read](stack(dense(HUGE)))


def test_what_a_layer_would_give_is_bounded():
    layer = {"module": "keras.layers", "class_name": "RepeatVector", "config": {"n": HUGE, "name": "r"}}
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}, "name": "x", "inbound_nodes": []}
    called = {**layer, "name": "r", "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}]}
    model = {"module": "keras", "class_name": "Functional", "config": {
        "name": "f", "layers": [start, called], "input_layers": ["x", 0, 0], "output_layers": ["r", 0, 0]}}  # fmt: skip
    for config in (stack(layer), model):
        with pytest.raises(
            ValueError, match=r"RepeatVector 'r' would give \(None, 1000000000000, 4\), 4000000000000 numbers"
        ):
            READERS["json"](config)
    with pytest.raises(ValueError, match="numbers for each row"):
        READERS["json"](stack(width=HUGE))


def test_many_large_layers_count_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "memory_of_the_machine", lambda: 2**20)
    assert READERS["json"](stack(dense(10_000))).count_params() == 50_000
    with pytest.raises(ValueError, match=r"'kernel' of Dense 'd2' .* 524288 bytes.* of which 324288 are left"):
        READERS["json"](stack(dense(10_000), dense(10_000, "d2")))
    model = Model(x := Input((4,)), Dense(10_000)(x))
    with pytest.raises(ValueError, match="half of this machine's memory"):
        Model.from_config(json.loads(json.dumps(model.get_config()).replace("10000", "100000000")))


def test_weights_of_a_description_begin_as_it_says():
    model = READERS["json"](stack(dense(3)))
    assert model.layers[0].kernel.abs().sum() > 0


def test_the_machine_has_memory():
    assert 2**28 < memory_of_the_machine() <= 2**50


def test_a_place_in_json_is_named():
    with pytest.raises(
        ValueError, match=r"^the JSON of the model, config.layers\[1\].config: Dense 'd' needs a positive integer"
    ):
        READERS["json"](stack(dense("3")))
    for text in ("[]", "3", "null", "{}"):
        with pytest.raises(ValueError, match=r"^the JSON of the model: This should be the config of a model"):
            model_from_json(text)
    with pytest.raises(ValueError, match="should be text, and is NoneType"):
        model_from_json(None)  # pyright: ignore[reportArgumentType]


def models_in_models(depth: int) -> dict[str, Any]:
    """Each model calls the one inside twice."""
    model = dense(4)
    for number in range(depth):
        name = model["config"]["name"]
        start = {
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, 4], "name": "x"},
            "name": "x",
            "inbound_nodes": [],
        }
        nodes = [{"args": [tensor("x")], "kwargs": {}}, {"args": [tensor(name)], "kwargs": {}}]
        model = {"module": "keras", "class_name": "Functional", "config": {
            "name": f"m{number}", "layers": [start, {**model, "name": name, "inbound_nodes": nodes}],
            "input_layers": ["x", 0, 0], "output_layers": [name, 2 if number else 1, 0]}}  # fmt: skip
    return model


def test_models_that_call_models_that_call_models():
    assert READERS["json"](models_in_models(3)).count_params() == 20
    start = time.monotonic()
    with pytest.raises(ValueError, match="the JSON of the model describes 524286 calls of layers, which is more than"):
        READERS["json"](models_in_models(18))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("config", [
    stack(*(dense(1, f"d{number}") for number in range(5000))),
    {"class_name": "Sequential", "config": [{"class_name": "Flatten", "config": {}}] * 5000},
    {"class_name": "Functional", "config": {"name": "f", "layers": [
        {**dense(4), "name": "d", "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}] * 5000}]}},
])  # fmt: skip
def test_very_many_layers_and_calls(config: Any):
    with pytest.raises(ValueError, match=r"describes 500\d calls of layers, which is more than lamina opens: 4000"):
        READERS["json"](config)


def test_very_many_objects():
    config = stack(dense(1))
    config["config"]["layers"][0]["config"]["x"] = [{"class_name": "Zeros"}] * 200_000
    with pytest.raises(ValueError, match="describes 200003 objects, which is more than"):
        READERS["json"](config)


@pytest.mark.parametrize(
    "text", ["[" + "{}," * 2_000_000 + "{}]", "[" + '"",' * 3_000_000 + '""]', "[" + "[]," * 3_000_000 + "1]"]
)
def test_text_that_makes_very_many_objects(text: str):
    with pytest.raises(ValueError, match=r"the file would take some \d+ bytes of memory, which is too much for"):
        read_json(text, "the file")
    with pytest.raises(ValueError, match="would take some"):
        read_json(text.encode(), "the file")


def test_long_lists_of_numbers_are_read():
    numbers = [number / 7 for number in range(1_000_000)]
    assert read_json(json.dumps(numbers), "the file") == numbers
