"""Functional configs: structures, operators, torch functions, indices, shared parts, and those of older generations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lamina.layers import Dense, Input, Masking
from lamina.models import Model, Sequential, clone_model, load_model, model_from_config, model_from_json
from lamina.saving.keras_operations import KERAS_OPERATIONS as KNOWN
from lamina.saving.keras_operations import OPERATION_FUNCTIONS
from lamina.saving.operations import FUNCTIONS, OPERATIONS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")

EXPRESSIONS: dict[str, Callable[[Any], Any]] = {
    "operators": lambda x: (2 - x * 3 + x / 2) @ torch.ones(3, 2) ** 2,
    "floor and rest": lambda x: x // 2 + x % 2,
    "signs": lambda x: abs(-x),
    "comparison": lambda x: torch.where(x > 0.5, x, torch.zeros(())) + (x <= 0).to(torch.float32),
    "logic": lambda x: torch.logical_and(x > 0, ~(x > 1)).float(),
    "index": lambda x: x[:, 1:4, 0],
    "ellipsis": lambda x: x[..., :2][:, None],
    "step": lambda x: x[:, ::2],
    "rows": lambda x: x[:, [0, 2]],
    "last": lambda x: x[:, -1],
    "cat": lambda x: torch.cat([x, x * 2], dim=-1),
    "stack": lambda x: torch.stack((x, x), 1),
    "reshape": lambda x: x.reshape(-1, 15),
    "view with a size": lambda x: x.view(x.size(0), -1),
    "permute": lambda x: x.permute(0, 2, 1) + torch.transpose(x, 1, 2),
    "property": lambda x: x.mT,
    "reductions": lambda x: x.sum(-1) + x.mean(dim=2) + torch.amax(x, 2) + x.amin(-1),
    "kept": lambda x: x.mean(dim=(1, 2), keepdim=True),
    "all of it": lambda x: x.sum((1, 2)),
    "functions": lambda x: torch.exp(torch.tanh(x)) + F.gelu(x) + F.silu(x) + torch.sigmoid(x) + torch.erf(x),
    "softmax": lambda x: torch.softmax(x, dim=1) + x.log_softmax(-1),
    "clamp": lambda x: torch.clamp(x, 0, 0.5) + x.clip(-0.5, 0),
    "clamp one side": lambda x: x.clamp(min=0),
    "constant": lambda x: x + torch.arange(3.0),
    "array": lambda x: x * np.float32([1, 2, 3]),
    "split": lambda x: torch.split(x, [2, 3], dim=1)[1],
    "chunks": lambda x: sum(torch.chunk(x[:, :4], 2, dim=1)),
    "several outputs": lambda x: x.max(dim=1)[0],
    "einsum": lambda x: torch.einsum("bij,bik->bjk", x, x),
    "norm": lambda x: F.layer_norm(x, [3]) + F.normalize(x, dim=-1),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1),
    "type": lambda x: x.to(torch.float64).float(),
    "pad": lambda x: F.pad(x, (0, 1)),
    "method": lambda x: x.flatten(1).relu(),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_functions_of_tensors_come_back(name: str):
    x = Input((5, 3), name="x")
    model = Model(x, EXPRESSIONS[name](x))
    text = model.to_json()
    back = model_from_json(text)
    np.testing.assert_array_equal(back.predict(X, verbose=0), model.predict(X, verbose=0))
    assert back.to_json() == text


IN_KERAS = ("operators", "floor and rest", "signs", "index", "ellipsis", "step", "last", "cat", "stack", "reshape",
            "reductions", "kept", "all of it", "clamp", "squeeze", "constant", "array", "logic")  # fmt: skip


@pytest.mark.parametrize("name", IN_KERAS)
def test_keras_reads_those_that_it_has(name: str):
    x = Input((5, 3), name="x")
    expression = (
        EXPRESSIONS[name] if name != "logic" else lambda x: torch.where(torch.logical_or(x > 1, x < 0), x, x * 2)
    )
    model = Model(x, expression(x))
    assert "TorchFunction" not in model.to_json()
    back = keras.models.model_from_json(model.to_json())
    np.testing.assert_allclose(back.predict(X, verbose=0), model.predict(X, verbose=0), rtol=0, atol=1e-6)


KERAS_OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "numpy": lambda x: keras.ops.concatenate([keras.ops.mean(x, axis=1), keras.ops.max(x, axis=1), keras.ops.sum(x, axis=1)]),
    "nn": lambda x: keras.ops.relu(x) + keras.ops.softmax(x, axis=1) + keras.ops.silu(x) + keras.ops.sigmoid(x),
    "shapes": lambda x: keras.ops.transpose(keras.ops.reshape(x, (-1, 3, 5)), (0, 2, 1)),
    "more shapes": lambda x: keras.ops.squeeze(keras.ops.expand_dims(keras.ops.swapaxes(x, 1, 2), 1), 1),
    "mathematics": lambda x: keras.ops.sqrt(keras.ops.square(x)) + keras.ops.exp(x) + keras.ops.clip(x, 0, 1),
    "choice": lambda x: keras.ops.where(x > 0, x, keras.ops.maximum(x, -1)) + keras.ops.cast(x != 0, "float32"),
    "operators": lambda x: (x - 1) * 2 / 3 // 1 % 5 + x**2 + x @ np.ones((3, 3), "float32"),
    "arguments": lambda x: keras.ops.cast(keras.ops.argmax(x, axis=-1), "float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", KERAS_OPERATIONS)
def test_keras_s_operations_are_read(name: str):
    x = keras.Input((5, 3), name="x")
    theirs = keras.Model(x, KERAS_OPERATIONS[name](x))
    ours = model_from_json(theirs.to_json())
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=0, atol=1e-5)


def test_every_operation_is_keras_s():
    modules = {module: getattr(keras.src.ops, module) for module in ("numpy", "nn", "math", "core")}
    for operation in OPERATIONS:
        theirs = getattr(modules[operation.module], operation.name)
        needed = {
            "axes": (0, 1),
            "newshape": (1,),
            "axis1": 0,
            "axis2": 1,
            "x_min": 0,
            "x_max": 1,
            "axis": 0,
            "dtype": "float32",
        }
        takes = {key: value for key, value in needed.items() if key in operation.settings}
        config = theirs(**takes).get_config()
        assert config.keys() - {"name"} == operation.settings.keys() | operation.others.keys(), operation.name
        assert (KNOWN[operation.name].module, set(KNOWN[operation.name].settings)) == (operation.module,
                                                                                       config.keys() - {"name"})  # fmt: skip
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_no_name_of_the_list_leaves_torch_s_own_operations():
    allowed = {function for functions in torch.overrides.get_overridable_functions().values() for function in functions}
    extra = {name for name, target in FUNCTIONS.items()
             if not isinstance(target, str) and target not in allowed | OPERATION_FUNCTIONS
             and not name.startswith("operator.")}  # fmt: skip
    assert extra <= {"torch.nn.functional.hardsigmoid", "torch.nn.functional.hardswish", "torch.nn.functional.logsigmoid",
                     "torch.nn.functional.sigmoid", "torch.nn.functional.tanh"}  # fmt: skip
    assert not {name for name in FUNCTIONS if (name.endswith("_") and not name.startswith("operator.")) or "__" in name}


# ---- structures ----------------------------------------------------------------------------------------------------


def test_dictionaries_lists_and_single_tensors():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    for inputs, outputs in (
        ({"first": a, "second": b}, {"sum": a + b, "both": [a * 2, b * 3]}),
        ([a, b], [a + b]),
        ((a, b), a - b),
    ):
        model = Model(inputs, outputs)
        back = model_from_json(model.to_json())
        x = {"first": X[:, 0], "second": X[:, 1]} if isinstance(inputs, dict) else [X[:, 0], X[:, 1]]
        found, wanted = back.predict(x, verbose=0), model.predict(x, verbose=0)
        assert type(found) is type(wanted)
        torch.testing.assert_close(found, wanted)


def test_masks_come_back():
    x = Input((5, 3), name="x")
    model = Model(x, Dense(2, name="d")(Masking(0.0, name="m")(x)))
    back = model_from_json(model.to_json())
    assert [str(tuple(tensor.mask.shape)) for tensor in back.outputs] == ["(None, 5)"]


def test_training_in_a_call_is_kept_when_it_was_asked_for():
    from lamina.layers import Dropout

    x = Input((100,), name="x")
    always = Model(x, Dropout(0.5, name="d")(x, training=True))
    assert (model_from_json(always.to_json()).predict(np.ones((2, 100)), verbose=0) == 0).any()
    theirs = keras.layers.Input((100,), name="x")
    usual = keras.Model(theirs, keras.layers.Dropout(0.5, name="d")(theirs))
    back = model_from_json(usual.to_json())
    assert (back.predict(np.ones((2, 100)), verbose=0) == 1).all()
    assert (back(torch.ones(2, 100), training=True) == 0).any()


def test_nested_models_in_nested_models():
    def make(lib: Any) -> Any:
        x = lib.Input((3,), name="x")
        deep = lib.Model(x, lib.layers.Dense(3, name="deepest")(x), name="deep")
        y = lib.Input((3,), name="y")
        middle = lib.Model(y, deep(deep(y)) + y, name="middle")
        z = lib.Input((3,), name="z")
        return lib.Model(z, [middle(z), lib.layers.Dense(2, name="end")(middle(z * 2))], name="top")

    from saving.twins import KERAS, LAMINA

    ours, theirs = make(LAMINA), make(KERAS)
    ours.set_weights(theirs.get_weights())
    texts = [theirs.to_json(), ours.to_json()]
    for back in (*map(model_from_json, texts), keras.models.model_from_json(texts[1]), clone_model(ours)):
        back.set_weights(theirs.get_weights())
        for found, wanted in zip(back.predict(X[:, 0], verbose=0), theirs.predict(X[:, 0], verbose=0), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_feature_extractors_begin_in_the_middle(tmp_path: Any):
    whole = Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")])
    part = Model(whole.get_layer("b").input, whole.output)
    part.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(back.predict(x, verbose=0), part.predict(x, verbose=0))


# ---- what a config can't hold --------------------------------------------------------------------------------------


def own(x: torch.Tensor) -> torch.Tensor:
    return x


def test_modules_and_functions_of_the_user_s_own_are_named():
    x = Input((3,), name="x")
    model = Model(x, nn.Linear(3, 2)(x))
    with pytest.raises(
        ValueError, match=r"The model contains the torch module Linear 'linear', which a config can't describe\."
    ):
        model.get_config()
    model = Model(x, torch.special.bessel_j0(x))
    with pytest.raises(
        ValueError, match=r"The model calls the function 'special_bessel_j0', which a config can't name\."
    ):
        model.get_config()


# ---- older generations ---------------------------------------------------------------------------------------------


def old_layer(name: str, class_name: str, config: dict[str, Any], nodes: Any) -> dict[str, Any]:
    return {"name": name, "class_name": class_name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def test_configs_of_keras_2():
    """Nodes as lists; a nested model's calls count from 1, in arguments too."""
    inner = {"name": "inner", "input_layers": [["i", 0, 0]], "output_layers": [["deep", 0, 0]], "layers": [
        old_layer("i", "InputLayer", {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False}, []),
        old_layer("deep", "Dense", {"units": 3, "activation": "linear"}, [[["i", 0, 0, {}]]])]}  # fmt: skip
    config = {"name": "old", "input_layers": [["x", 0, 0]], "output_layers": [["inner", 2, 0]], "layers": [
        old_layer("x", "InputLayer", {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False}, []),
        {"name": "inner", "class_name": "Model", "config": inner,
         "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]}]}  # fmt: skip
    model = model_from_config({"class_name": "Model", "config": config})
    deep = model.get_layer("inner").get_layer("deep")
    kernel, bias = deep.get_weights()
    x = X[:, 0]
    np.testing.assert_allclose(model.predict(x, verbose=0), (x @ kernel + bias) @ kernel + bias, atol=1e-5)


def test_configs_of_keras_1():
    config = {"name": "old", "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]], "layers": [
        old_layer("x", "InputLayer", {"batch_input_shape": [None, 3], "input_dtype": "float32", "sparse": False}, []),
        old_layer("d", "Dense", {"units": 2}, [[["x", 0, 0]]])]}  # fmt: skip
    assert model_from_config({"class_name": "Model", "config": config, "keras_version": "1.2.2"}).output_shape == (
        None,
        2,
    )


def test_json_is_one_text_for_one_model():
    x = Input((3,), name="x")
    model = Model(x, Dense(2, name="d")(x), name="m")
    assert json.loads(model.to_json(indent=2)) == json.loads(model.to_json())
