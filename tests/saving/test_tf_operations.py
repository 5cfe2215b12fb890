"""TensorFlow's functions in models of tf.keras: each against what TensorFlow gave, in both forms in which files have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.graph.symbolic import leaves
from lamina.models import model_from_json

GOLDEN = Path(__file__).parents[1] / "golden" / "tf_functions.npz"


def read() -> dict[str, tuple[str, list[np.ndarray], list[np.ndarray]]]:
    """By name: the JSON, the inputs, the outputs."""
    stored = np.load(GOLDEN)
    index, values = json.loads(stored["text"].tobytes()), stored["numbers"]
    found: dict[str, Any] = {name: (text, [], []) for name, text in index["texts"].items()}
    place = 0
    for key, (shape, dtype) in index["shapes"].items():
        count = int(np.prod(shape))
        name, _, part = key.rpartition("/")
        found[name][1 if part[0] == "x" else 2].append(values[place : place + count].reshape(shape).astype(dtype))
        place += count
    return found


CASES = read()


def answers(model: Any, x: list[np.ndarray]) -> list[Any]:
    tensors = [torch.from_numpy(value) for value in x]
    return [value.detach().numpy() for value in leaves(model(tensors if len(tensors) > 1 else tensors[0]))]


@pytest.mark.parametrize("name", CASES)
def test_a_function(name: str):
    text, x, y = CASES[name]
    model = model_from_json(text)
    for found, wanted in zip(answers(model, x), y, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    again = model_from_json(model.to_json())  # in Keras 3's words
    for found, wanted in zip(answers(again, x), y, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


SOME = (
    "matmul",
    "l2_normalize",
    "split:sizes",
    "math.squared_difference",
    "reshape:shape",
    "one_hot:values",
    "K.relu",
    "moments",
)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
@pytest.mark.parametrize("name", [name + ending for name in SOME for ending in ("", "@graph")])
def test_keras_3_opens_what_became_of_them(name: str, tmp_path: Path):
    text, x, y = CASES[name]
    model_from_json(text).save(tmp_path / "m.keras")
    found = answers(keras.models.load_model(tmp_path / "m.keras"), x)
    np.testing.assert_allclose(found[0], y[0], rtol=2e-5, atol=2e-5)


def of(function: str, *places: Any, **given: Any) -> str:
    """A model of one function."""
    text, *_ = CASES["math.exp"]
    described = json.loads(text)
    layer = described["config"]["layers"][1]
    layer["config"]["function"] = function
    layer["inbound_nodes"] = [[*(places or ("input_1", 0, 0)), given]]
    return json.dumps(described)


WRONG = {
    "TensorFlow's function 'math.bincount' .* is not among those that lamina reads": of("math.bincount"),
    "nothing of the kind.*is not among those": of("nothing of the kind"),
    "rate=0.5 is not among what lamina reads of TensorFlow": of("nn.dropout", rate=0.5),
    "data_format='NCHW' is not among": of("nn.max_pool", ksize=2, strides=2, padding="SAME", data_format="NCHW"),
    "method='bicubic' is not among": of("image.resize", size=[2, 2], method="bicubic"),
    "is larger than what a file may ask for": of("image.resize", size=[10**9, 2], method="nearest"),
    "would make a tensor of shape": of("range", "_CONSTANT_VALUE", -1, 0, limit=10**12),
    "how many samples a batch has": of("broadcast_to", shape=[2, 4, 6]),
    r"Expected \[layer, call, output, arguments\]": of("math.exp", "input_1", 0),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_not_read_is_refused(message: str):
    with pytest.raises(ValueError, match=message):
        model_from_json(WRONG[message])


def op_layer(op: str, **attributes: Any) -> str:
    described = json.loads(CASES["math.exp@graph"][0])
    layer = next(one for one in described["config"]["layers"] if one["class_name"] == "TensorFlowOpLayer")
    layer["config"]["node_def"] |= {"op": op, "attr": attributes}
    return json.dumps(described)


def test_a_graph_s_operation_that_is_not_read_is_refused():
    with pytest.raises(
        ValueError, match=r"TensorFlow's operation 'PyFunc' \(layer '.*'\) is not among those that lamina reads"
    ):
        model_from_json(op_layer("PyFunc"))
    with pytest.raises(ValueError, match=r"has half_pixel_centers=False, and lamina reads it with True alone"):
        model_from_json(op_layer("ResizeBilinear", half_pixel_centers={"b": False}))


def test_a_node_in_one_text():
    """Older files have the operation's node as JSON in a string."""
    text, x, y = CASES["math.exp@graph"]
    described = json.loads(text)
    layer = next(one for one in described["config"]["layers"] if one["class_name"] == "TensorFlowOpLayer")
    layer["config"]["node_def"] = json.dumps(layer["config"]["node_def"])
    np.testing.assert_allclose(answers(model_from_json(json.dumps(described)), x)[0], y[0], rtol=1e-6)


def test_a_network_of_functions_trains():
    text, x, _ = CASES["K.hard_sigmoid@graph"]
    model = lamina.Sequential([lamina.Input((4, 6)), lamina.layers.Dense(6), model_from_json(text), lamina.layers.Flatten(),
                               lamina.layers.Dense(1)])  # fmt: skip
    model.compile("adam", "mse")
    losses = model.fit(x[0], np.ones((2, 1), "float32"), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


BACK = (
    "at",
    "reverse",
    "math.multiply:number",
    "math.subtract:first",
    "numbers",
    "math.maximum",
    "where",
    "pad:value",
)


@pytest.mark.parametrize("name", BACK)
def test_functions_are_written_by_tensorflow_s_names(name: str, tmp_path: Path):
    """What tf_keras was seen to open; of what lamina does not write a warning tells."""
    text, x, y = CASES[name]
    model = model_from_json(text)
    if name in ("where", "pad:value"):
        with pytest.warns(UserWarning, match="can be opened by lamina alone, not by Keras"):
            model.save(tmp_path / "m.h5")
        return
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file.attrs["lamina_config"]  # so that tf.keras's words are read
        written = json.loads(file.attrs["model_config"])
    calls = [call for layer in written["config"]["layers"] for call in layer["inbound_nodes"]]
    assert not any(set(call[3]) & {"other"} for call in calls)
    np.testing.assert_allclose(answers(lamina.models.load_model(tmp_path / "m.h5"), x)[0], y[0], rtol=2e-5, atol=2e-5)
