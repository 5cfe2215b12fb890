"""YAML of Keras 1 and 2 means what the same JSON means; and texts that were made to harm."""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

import numpy as np
import pytest
import yaml
from saving.twins import MODELS, assert_same, inputs, pair, predictions

import lamina
from lamina import layers
from lamina.models import model_from_json, model_from_yaml
from lamina.saving.yaml_text import MOST_TEXT, read_yaml

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name: str):
    model, _ = pair(name)
    again = model_from_yaml(model.to_yaml())
    again.set_weights(model.get_weights())
    x = inputs(model)
    assert_same(predictions(again, x), predictions(model, x), 0)
    assert again.to_json() == model.to_json()


KERAS1 = """
class_name: Sequential
config:
- class_name: Dense
  config:
    W_constraint: null
    W_regularizer: null
    activation: relu
    activity_regularizer: null
    b_constraint: null
    b_regularizer: null
    batch_input_shape: !!python/tuple [null, 4]
    bias: true
    init: glorot_uniform
    input_dim: 4
    input_dtype: float32
    name: !!python/unicode 'dense_1'
    output_dim: 3
    trainable: true
- class_name: Dropout
  config: {name: dropout_1, p: 0.25, trainable: true}
- class_name: LSTM
  config: {activation: tanh, batch_input_shape: !!python/tuple [null, 2, 3], inner_activation: hard_sigmoid, output_dim: 2,
    inner_init: orthogonal, init: glorot_uniform, forget_bias_init: one, go_backwards: false, name: lstm_1,
    return_sequences: false, stateful: false, unroll: false, consume_less: cpu, dropout_U: 0.0, dropout_W: 0.0}
keras_version: 1.2.2
"""
KERAS2 = """
backend: tensorflow
class_name: Model
config:
  input_layers:
  - [a, 0, 0]
  layers:
  - class_name: InputLayer
    config: {batch_input_shape: !!python/tuple [null, 5, 5, 1], dtype: float32, name: a, sparse: false}
    inbound_nodes: []
    name: a
  - class_name: Conv2D
    config: &id001
      activation: relu
      batch_input_shape: !!python/tuple [null, 5, 5, 1]
      data_format: channels_last
      dilation_rate: &id002 !!python/tuple [1, 1]
      filters: 2
      kernel_initializer:
        class_name: VarianceScaling
        config: {distribution: uniform, mode: fan_avg, scale: 1.0, seed: null}
      kernel_size: !!python/tuple [3, 3]
      name: conv
      padding: valid
      strides: *id002
      use_bias: true
    inbound_nodes:
    - - - a
        - 0
        - 0
        - {}
    name: conv
  name: model_1
  output_layers:
  - [conv, 0, 0]
keras_version: 2.2.4
"""


def test_keras_1():
    text = KERAS1.replace(
        "- class_name: LSTM", "- class_name: Reshape\n  config: {name: r, target_shape: [1, 3]}\n- class_name: LSTM"
    )
    model = model_from_yaml(text)
    assert [layer.name for layer in model.layers] == ["dense_1", "dropout_1", "r", "lstm_1"]
    assert model.layers[1].rate == 0.25
    as_json = json.dumps(read_yaml(text, "the text"))
    twin = model_from_json(as_json)
    twin.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))
    # Keras 1's hard sigmoid is 0.2x + 0.5.
    lstm = model.layers[-1]
    assert float(lstm.recurrent_activation(layers_input(2.6))) == pytest.approx(1.0)
    assert float(lstm.recurrent_activation(layers_input(2.4))) == pytest.approx(0.98)


def layers_input(value: float) -> Any:
    import torch

    return torch.tensor(value)


def test_keras_2_with_aliases():
    model = model_from_yaml(KERAS2)
    assert model.output_shape == (None, 3, 3, 2)
    assert model.layers[1].strides == (1, 1)


def test_options_and_bytes():
    model = lamina.Sequential([layers.Dense(2, input_shape=(3,), name="a")])
    assert model_from_yaml(model.to_yaml(default_flow_style=True).encode()).layers[0].name == "a"
    assert model.to_yaml().startswith("module: keras\nclass_name: Sequential\n")
    assert model.to_yaml(sort_keys=True).startswith("build_config:")


def test_a_missing_class_is_named():
    with pytest.raises(ValueError, match=r"the YAML of the model.*config\.layers\[0\]|Mine"):
        model_from_yaml("class_name: Sequential\nconfig:\n- class_name: Mine\n  config: {batch_input_shape: [null, 3]}")
    with pytest.raises(ValueError, match=r"the YAML of the model"):
        model_from_yaml("class_name: Dense\nconfig: {units: 3}")


def test_values():
    text = "{a: 1, b: -2, c: 0x1F, d: 1.5, e: 1.0e-07, f: ~, g: yes, h: 'no', i: 2018-01-01, j: !!str 1, k: !!int '3', l: ''}"
    assert read_yaml(text, "t") == {"a": 1, "b": -2, "c": 31, "d": 1.5, "e": 1e-07, "f": None, "g": True, "h": "no",
                                    "i": "2018-01-01", "j": "1", "k": 3, "l": ""}  # fmt: skip
    assert read_yaml("[!!python/long 3L, !!python/none '', !!python/bool 'True', !!python/float '0.5', ! 'x']", "t") == [
        3, None, True, 0.5, "x"]  # fmt: skip


def test_what_pyyaml_writes_of_anything_plain():
    rng = random.Random(0)

    def value(depth: int) -> Any:
        kind = rng.randrange(9 if depth else 7)
        plain = [
            None,
            True,
            rng.randrange(-(10**6), 10**6),
            rng.random() * 10 ** rng.randrange(-9, 9),
            "no",
            "1e3",
            "ü\n- x: 'y'",
        ]
        if kind < 7:
            return plain[kind]
        inner = [value(depth - 1) for _ in range(rng.randrange(4))]
        return {f"k{number}": item for number, item in enumerate(inner)} if kind == 7 else inner

    for _ in range(60):
        wanted = {"top": value(4)}
        assert read_yaml(yaml.safe_dump(wanted), "t") == wanted
        assert read_yaml(yaml.dump(wanted, default_flow_style=True), "t") == wanted
    assert read_yaml(yaml.dump({"a": (1, (2, None))}), "t") == {"a": [1, [2, None]]}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
HOSTILE = {
    "a call": ("a: !!python/object/apply:os.system ['true']", "has the tag !!python/object/apply:os.system, which would make"),
    "an object": ("a: !!python/object:os.stat_result {}", "which would make an object"),
    "a new object": ("a: !!python/object/new:os.stat_result []", "which would make an object"),
    "a name": ("a: !!python/name:os.system ''", "has the tag !!python/name:os.system"),
    "a module": ("a: !!python/module:os ''", "has the tag !!python/module:os"),
    "complex": ("a: !!python/complex 1j", "which would make an object"),
    "bytes": ("a: !!binary aGVsbG8=", "has the tag !!binary"),
    "a set": ("a: !!set {x}", "has the tag !!set"),
    "an own tag": ("a: !mine {x: 1}", "has the tag"),
    "a tag of another kind": ("a: !!python/tuple {x: 1}", "has the tag !!python/tuple"),
    "merging": ("a: &a {x: 1}\nb: {<<: *a}", "has the tag !!merge"),
    "numpy": ("a: !!python/object/apply:numpy.core.multiarray.scalar []", "numpy.core.multiarray.scalar"),
    "a bomb": (BOMB, "has aliases that unfold to far more than the text"),
    "itself": ("a: &a [*a]", "has the alias 'a' of nothing, or of itself"),
    "nothing": ("a: *b", "is not YAML|has the alias 'b' of nothing"),
    "deep": ("[" * 5000 + "]" * 5000, "nested too deeply|is not YAML"),
    "deep in blocks": ("".join("  " * n + "a:\n" for n in range(300)), "nested too deeply"),
    "twice": ("a: 1\na: 2", "has the key 'a' twice"),
    "a key of numbers": ("1: a", "has the key 1, and names were expected"),
    "a key that is a list": ("[1, 2]: a", "names were expected"),
    "two documents": ("a: 1\n---\na: 2", "holds several documents"),
    "not a number": ("a: .nan", "holds '.nan', which is no !!float|no number that a config can hold"),
    "infinite": ("a: .inf", "holds '.inf', which is no !!float|no number that a config can hold"),
    "very large": ("a: " + "9" * 100, "which is no !!int"),
    "sixty": ("a: 190:20:30", "which is no !!int"),
    "not yaml": ("a: [1", "is not YAML"),
    "a sign": ("a: \x07", "is not YAML"),
    "long": ("a" * (MOST_TEXT + 1), "letters, which is too much"),
    "not text": (3, "should be text, and is int"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_texts_that_were_made_to_harm(case: str):
    text, sentence = HOSTILE[case]
    began = time.perf_counter()
    with pytest.raises(ValueError, match=sentence) as error:
        model_from_yaml(text)  # pyright: ignore[reportArgumentType]
    assert str(error.value).startswith("the YAML of the model")
    assert time.perf_counter() - began < 5


def test_whatever_is_changed_in_a_text():
    rng = random.Random(0)
    for _ in range(150):
        letters = list(rng.choice((KERAS1, KERAS2)))
        for _ in range(rng.randint(1, 6)):
            letters[rng.randrange(len(letters))] = rng.choice("ab01 \n:-[]{}&*!'\"\t,#|>%@\x00é")
        try:
            model_from_yaml("".join(letters))
        except ValueError as error:
            assert "the YAML of the model" in str(error)  # noqa: PT017 - others may load


def test_without_pyyaml(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"^Reading YAML needs PyYAML: pip install 'lamina\[yaml\]'\.$"):
        model_from_yaml("a: 1")
    with pytest.raises(ImportError, match=r"^Writing YAML needs PyYAML: pip install 'lamina\[yaml\]'\.$"):
        lamina.Sequential([layers.Dense(2, input_shape=(3,))]).to_yaml()
