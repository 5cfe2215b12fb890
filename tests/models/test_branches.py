"""Keras 1's merge and Merge: every mode, and models that begin with several branches."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from lamina import layers
from lamina.compat.modules import as_keras
from lamina.layers import Dense, Embedding, Input
from lamina.models import Merge, Model, Sequential, clone_model, load_model, merge, model_from_json


def rows(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(3, size)).astype("float32")) for size in sizes]


def cosine(a, b):
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)))[:, None]


MODES = [
    ("sum", lambda a, b: a + b), ("mul", lambda a, b: a * b), ("ave", lambda a, b: (a + b) / 2), ("max", torch.maximum),
    ("concat", lambda a, b: torch.cat([a, b], 1)), ("dot", lambda a, b: (a * b).sum(1, keepdim=True)), ("cos", cosine),
    (lambda both: both[0] - both[1], lambda a, b: a - b),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "formula"), MODES)
@pytest.mark.parametrize("way", ["layer", "function", "branches"])
def test_modes(mode, formula, way):
    a, b = rows(4, 4)
    more = {"output_shape": (4,)} if callable(mode) else {}
    if way == "layer":
        got = Merge(mode=mode, **more)([a, b])
    elif way == "function":
        inputs = [Input((4,)), Input((4,))]
        got = Model(inputs, merge(inputs, mode=mode, **more))([a, b])
    else:
        branches = [Sequential([layers.Activation("linear", input_shape=(4,))]) for _ in range(2)]
        model = Sequential()
        model.add(Merge(branches, mode=mode, **more))
        assert model.output_shape[1:] == tuple(formula(a, b).shape)[1:]
        got = model([a, b])
    torch.testing.assert_close(got, formula(a, b))


def test_axes():
    a, b = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    torch.testing.assert_close(Merge(mode="concat", concat_axis=1)([a, b]), torch.cat([a, b], 1))
    torch.testing.assert_close(Merge(mode="dot", dot_axes=2)([a, b]), a @ b.transpose(1, 2))
    torch.testing.assert_close(Merge(None, "dot", -1, [2, 2])([a, b]), a @ b.transpose(1, 2))


def scaled(both, factor):
    return both[0] * factor + both[1]


def test_a_function_with_arguments_shape_and_mask():
    layer = Merge(mode=scaled, output_shape=lambda shapes: shapes[0], arguments={"factor": 3.0}, name="mine")
    assert (layer([Input((4,)), Input((4,))]).shape, layer.name) == ((None, 4), "mine")
    a, b = rows(4, 4)
    torch.testing.assert_close(layer([a, b]), 3 * a + b)


@pytest.fixture
def two_branches():
    left = Sequential([Dense(4, activation="relu", input_shape=(3,))])
    right = Sequential([Dense(5, activation="relu", input_shape=(2,))])
    return Sequential([Merge([left, right], mode="concat"), Dense(1)])


def expected(model, a, b):
    w1, b1, w2, b2, w3, b3 = model.weights
    return torch.cat([torch.relu(a @ w1 + b1), torch.relu(b @ w2 + b2)], 1) @ w3 + b3


def test_a_stack_that_begins_with_branches(two_branches):
    model, (a, b) = two_branches, rows(3, 2)
    assert (model.input_shape, model.output_shape) == ([(None, 3), (None, 2)], (None, 1))
    assert [tuple(weight.shape) for weight in model.weights] == [(3, 4), (4,), (2, 5), (5,), (9, 1), (1,)]
    torch.testing.assert_close(model([a, b]), expected(model, a, b))
    torch.testing.assert_close(
        torch.from_numpy(model.predict([a.numpy(), b.numpy()], verbose=0)), expected(model, a, b)
    )
    lines = []
    model.summary(print_fn=lines.append)
    assert any("(None, 9)" in line for line in "\n".join(lines).splitlines())


def test_training_evaluating_and_weights(two_branches):
    model = two_branches
    rng = np.random.default_rng(0)
    x, y = [rng.normal(size=(64, 3)), rng.normal(size=(64, 2))], rng.normal(size=(64, 1))
    model.compile("adam", "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=10, batch_size=8, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before


@pytest.mark.parametrize("way", ["copy", "file", "clone", "json"])
def test_a_stack_of_branches_again(two_branches, way, tmp_path):
    model, (a, b) = two_branches, rows(3, 2)
    if way == "copy":
        again = copy.deepcopy(model)
    elif way == "file":
        model.save(tmp_path / "model.keras")
        again = load_model(tmp_path / "model.keras")
    else:
        again = clone_model(model) if way == "clone" else model_from_json(model.to_json())
        again.set_weights(model.get_weights())
    assert again.input_shape == model.input_shape
    torch.testing.assert_close(again([a, b]), expected(model, a, b))


def test_a_copy_of_a_stack_of_branches_can_be_changed(two_branches):
    again, (a, b) = copy.deepcopy(two_branches), rows(3, 2)
    again.add(Dense(2))
    assert again([a, b]).shape == (3, 2)
    again.pop()
    torch.testing.assert_close(again([a, b]), expected(two_branches, a, b))


def test_branches_of_branches_and_of_models_that_share_an_input():
    x = Input((3,), name="x")
    one, two = Model(x, Dense(4)(x)), Model(x, Dense(4)(x))
    both = Sequential([Merge([one, two], mode="sum")])
    assert both.input_shape == (None, 3)
    three = Sequential([Dense(4, input_shape=(2,))])
    model = Sequential([Merge([both, three], mode="concat"), Dense(1)])
    assert (model.input_shape, model.output_shape) == ([(None, 3), (None, 2)], (None, 1))
    a, b = rows(3, 2)
    torch.testing.assert_close(model([a, b]), model.layers[1](torch.cat([one(a) + two(a), three(b)], 1)))
    same = Merge([one, one], mode="sum")
    torch.testing.assert_close(same(a), 2 * one(a))


def test_branches_that_are_layers():
    x = Input((3,))
    hidden = Dense(4)
    hidden(x)
    model = Merge([hidden, Dense(4, input_shape=(2,))], mode="mul", name="product")
    assert (model.name, model.input_shape) == ("product", [(None, 3), (None, 2)])
    a, b = rows(3, 2)
    torch.testing.assert_close(model([a, b]), hidden(a) * model.layers[-2](b))


def test_indices_and_vectors():
    words = Sequential([Embedding(10, 4, input_length=5), layers.Flatten()])
    model = Sequential([Merge([words, Sequential([Dense(4, input_shape=(3,))])], mode="concat"), Dense(1)])
    assert [one.dtype for one in model.inputs] == [torch.int64, torch.float32]
    assert model([torch.tensor([[1, 2, 3, 4, 5]]), torch.ones(1, 3)]).shape == (1, 1)


def test_an_old_script():
    with as_keras("keras1"):
        from keras.engine.topology import Merge as EngineMerge
        from keras.layers import Dense, Merge, merge
        from keras.models import Sequential

        left, right = Sequential(), Sequential()
        left.add(Dense(8, input_dim=3, init="uniform"))
        right.add(Dense(8, input_dim=2))
        model = Sequential()
        model.add(Merge([left, right], mode="concat", concat_axis=-1))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
        x = [np.zeros((16, 3)), np.ones((16, 2))]
        history = model.fit(x, np.ones((16, 1)), nb_epoch=2, batch_size=8, verbose=0)
        assert sorted(history.history) == ["acc", "loss"]
        assert EngineMerge is Merge
        assert isinstance(Merge(mode="sum"), Merge)
        assert callable(merge)


BRANCH = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {
    "name": "dense_{}", "output_dim": 4, "init": "zero", "batch_input_shape": [None, 3]}}]}  # fmt: skip
OLD_MERGE = {"name": "merge_1", "mode": "concat", "mode_type": "raw", "concat_axis": -1, "dot_axes": -1,
             "output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw",
             "arguments": {}}  # fmt: skip


def branch(number):
    return json.loads(json.dumps(BRANCH).replace("{}", str(number)))


def test_keras_1_s_config_of_a_stack():
    config = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        {"class_name": "Merge", "config": {**OLD_MERGE, "layers": [branch(1), branch(2)]}},
        {"class_name": "Dense", "config": {"name": "dense_3", "output_dim": 1}}]}  # fmt: skip
    model = model_from_json(json.dumps(config))
    assert (model.input_shape, model.output_shape) == ([(None, 3), (None, 3)], (None, 1))
    assert [layer.name for layer in model.layers] == ["merge_1", "dense_3"]


def test_keras_1_s_config_of_a_graph():
    def entry(class_name, name, config, *sources):
        return {"class_name": class_name, "name": name, "config": {"name": name, **config},
                "inbound_nodes": [[[source, 0, 0] for source in sources]] if sources else []}  # fmt: skip

    shape = {"batch_input_shape": [None, 3], "input_dtype": "float32", "sparse": False}
    config = {"class_name": "Model", "keras_version": "1.2.2", "config": {"name": "model_1", "layers": [
        entry("InputLayer", "a", shape), entry("InputLayer", "b", shape),
        entry("Merge", "merge_1", OLD_MERGE | {"mode": "mul"}, "a", "b")],
        "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["merge_1", 0, 0]]}}  # fmt: skip
    model = model_from_json(json.dumps(config))
    a, b = rows(3, 3)
    torch.testing.assert_close(model([a, b]), a * b)


def test_a_function_in_a_config_is_looked_up_and_never_run():
    config = OLD_MERGE | {"mode": "scaled", "mode_type": "function", "output_shape": [4], "arguments": {"factor": 2.0}}
    stored = json.dumps({"class_name": "Sequential", "config": [
        {"class_name": "Merge", "config": config | {"layers": [branch(1), branch(2)]}}]})  # fmt: skip
    assert model_from_json(stored, {"scaled": scaled}).output_shape == (None, 4)
    with pytest.raises(ValueError, match="lamina runs no code from a file") as error:
        model_from_json(stored)
    assert "custom_objects={'scaled': function}" in str(error.value)
    code = stored.replace('"function"', '"lambda"').replace('"scaled"', '["code", null, null]')
    with pytest.raises(ValueError, match="lamina runs no code from a file") as no_code:
        model_from_json(code)
    assert "custom_objects={'merge_1': function}" in str(no_code.value)
    assert model_from_json(code, {"merge_1": scaled}).output_shape == (None, 4)


WRONG = [
    (lambda: Merge(mode="summ"), "'summ' is not a known mode of merge. Did you mean 'sum'? The modes are sum, mul, ave, max, "
                                 "concat, dot, cos, or a function."),
    (lambda: Merge([3], mode="sum"), "Merge takes layers and models, and got 3. For tensors there is `merge`."),
    (lambda: Merge([Sequential([Dense(2)], name="s"), Dense(2)]),
     "Merge needs to know the output of Sequential 's': give its first layer an input_shape."),
    (lambda: Merge([layers.LSTM(2, return_state=True, input_shape=(4, 3), name="l")] * 2),
     "Merge takes one output of each branch, and LSTM 'l' gives "),
    (lambda: Merge([Dense(2, input_shape=(3,))], node_indices=[1]),
     "Merge takes each branch's first output. For others, call `merge` on the tensors themselves."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match="erge") as error:
        make()
    assert str(error.value).startswith(message)
