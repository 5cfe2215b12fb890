"""What is in a file, told without making a model: whole, broken and hostile files of every kind."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from saving import hostile, test_hostile, test_hostile_weights

import lamina
from lamina import layers
from lamina.saving import describe
from lamina.saving.contents import Contents

GOLDEN = Path(__file__).parents[1] / "golden" / "tf_keras.zip"


@pytest.fixture(autouse=True)
def no_model_is_made(monkeypatch: pytest.MonkeyPatch):
    """Nothing is built or called while a file is looked into."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a model is being made")

    real = lamina.saving.contents._Reader.read

    def read(self: Any) -> None:
        with monkeypatch.context() as inside:
            inside.setattr(lamina.layers.Layer, "__init__", refuse)
            inside.setattr(lamina.registry, "_deserialize_object", refuse)
            real(self)

    monkeypatch.setattr(lamina.saving.contents._Reader, "read", read)


def model() -> Any:
    made = lamina.Sequential([layers.Input((4,)), layers.Dense(3, name="a"), layers.BatchNormalization(name="n"),
                              layers.Dense(2, name="b")], name="net")  # fmt: skip
    made.compile("adam", "mse", metrics=["mae"])
    made.fit(np.ones((2, 4), "float32"), np.ones((2, 2), "float32"), verbose=0)
    return made


def shapes(contents: Contents) -> list[tuple[int, ...]]:
    return sorted(array.shape for array in contents.arrays)


# ---- whole files ---------------------------------------------------------------------------------------------------

SAVED = {
    "m.keras": lambda one, path: one.save(path), "m.h5": lambda one, path: one.save(path),
    "m.weights.h5": lambda one, path: one.save_weights(path), "w.h5": lambda one, path: one.save_weights(path),
    "m.weights.json": lambda one, path: one.save_weights(path, max_shard_size=1e-7),
    "m.safetensors": lambda one, path: one.save_weights(path), "m.npz": lambda one, path: one.save_weights(path),
    "m.pt": lambda one, path: torch.save(one.state_dict(), path), "m.json": lambda one, path: path.write_text(one.to_json()),
}  # fmt: skip
EXPECTED = {
    "m.keras": ("keras", "model", "Keras 3.15.1"), "m.h5": ("hdf5", "model", "tf_keras 2.21.0"),
    "m.weights.h5": ("hdf5", "weights", "Keras 3.x"), "w.h5": ("hdf5", "weights", "tf_keras 2.21.0"),
    "m.weights.json": ("shards", "weights", "Keras 3.x"), "m.safetensors": ("safetensors", "weights", "lamina"),
    "m.npz": ("npz", "weights", "NumPy"), "m.pt": ("torch", "weights", "PyTorch"),
    "m.json": ("json", "description", "Keras 3.x"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAVED)
def test_every_kind_of_file(name: str, tmp_path: Path):
    made, path = model(), tmp_path / name
    SAVED[name](made, path)
    found = describe(path, figures=True)
    assert (found.kind, found.layout, found.generation) == EXPECTED[name]
    assert found.faults == []
    assert found.own == []
    if found.layout == "description":
        assert found.arrays == []
    else:
        assert shapes(found) == sorted(tuple(weight.shape) for weight in made.weights)
        assert (
            sum(array.count for layer in found.layers for array in layer.arrays) == made.count_params() == found.count
        )
        kernel = next(array for array in found.arrays if array.shape == (4, 3))
        weight = made.layers[0].kernel.detach().numpy()
        assert kernel.figures["min"] == pytest.approx(weight.min())
        assert kernel.figures["std"] == pytest.approx(weight.std())
    if found.layout != "weights":
        assert [layer.name for layer in found.layers if layer.class_name != "InputLayer"] == ["a", "n", "b"]
        assert [layer.output_shape for layer in found.layers][-3:] == [[None, 3], [None, 3], [None, 2]]
    if name in ("m.keras", "m.h5"):
        assert found.training["loss"] == "mse"
        assert len(found.state) > 10
        assert [len(layer.arrays) for layer in found.layers if layer.class_name != "InputLayer"] == [2, 4, 2]
    json.dumps(found.as_json(), allow_nan=False)


with zipfile.ZipFile(GOLDEN) as archive:
    NAMES = sorted({name.partition(".")[0] for name in archive.namelist() if name.endswith(".npz")})


@pytest.mark.parametrize("name", NAMES)
def test_files_of_tf_keras(name: str, tmp_path: Path):
    """Each file of a model has the same arrays, and nothing is taken for wrong or for the author's own."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(
            tmp_path, [one for one in archive.namelist() if one.split(".")[0] in (name, f"{name}_weights")]
        )
    found = {ending: describe(tmp_path / f"{name}{ending}")
             for ending in (".h5", ".keras", ".weights.h5", "_weights.h5", ".json")}  # fmt: skip
    for ending, contents in found.items():
        assert contents.faults == [], ending
        assert contents.own == [], ending
        assert contents.generation.startswith("tf_keras 2."), ending
        assert contents.dialect == "tf_keras", ending
    counts = {ending: contents.count for ending, contents in found.items() if ending != ".json"}
    assert len(set(counts.values())) == 1, counts
    assert found[".h5"].count > 0 or name == "noise"


@pytest.mark.parametrize(("attributes", "names", "generation"), [
    ({}, {"dense_1": ["dense_1_W", "dense_1_b"]}, "Keras 1.x"),
    ({}, {"dense_1": ["dense_1_W:0", "dense_1_b:0"]}, "Keras 1.x"),
    ({}, {"dense_1": ["dense_1/kernel:0", "dense_1/bias:0"]}, "Keras 2.x"),
    ({"keras_version": b"2.2.4", "backend": b"theano"}, {"dense_1": ["dense_1/kernel"]}, "Keras 2.2.4"),
    ({"keras_version": "2.2.4-tf"}, {"dense_1": ["dense_1/kernel:0"]}, "tf.keras 2.2.4-tf"),
    ({"keras_version": "2.11.0"}, {"dense_1": ["dense_1/kernel:0"]}, "tf.keras 2.11.0"),
])  # fmt: skip
def test_who_wrote_weights_alone(
    attributes: dict[str, Any], names: dict[str, list[str]], generation: str, tmp_path: Path
):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs.update(attributes)
        file.attrs["layer_names"] = [name.encode() for name in names]
        for layer, weights in names.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [one.encode() for one in weights]
            for one in weights:
                group.create_dataset(one, data=np.zeros((2, 3), "f4"))
    found = describe(tmp_path / "w.h5")
    assert (found.generation, found.faults, found.count) == (generation, [], 6 * len(names["dense_1"]))
    assert found.evidence


def test_who_wrote_json_without_a_version(tmp_path: Path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"output_dim": 3, "init": "uniform", "batch_input_shape": [None, 4]}}]}))  # fmt: skip
    found = describe(path)
    assert (found.generation, found.dialect, found.faults) == ("Keras 1.x", "keras1", [])
    assert [note.text("en") for note in found.evidence] == ["it has words of Keras 1: init, output_dim"]
    assert found.layers[0].output_shape == [None, 3]


def test_numbers_that_are_none_and_types_are_said(tmp_path: Path):
    made = model()
    made.layers[0].kernel.data[0, 0] = float("nan")
    made.half().save_weights(tmp_path / "m.weights.h5")
    found = describe(tmp_path / "m.weights.h5", figures=True)
    said = " ".join(note.text("en") for note in found.unusual)
    assert "1 array with infinite numbers or NaN, the first at layers/dense/vars/0." in said
    assert "float16" in said
    json.dumps(found.as_json(), allow_nan=False)


# ---- broken and hostile ones ---------------------------------------------------------------------------------------

GRAPH: dict[str, Any] = {"class_name": "Model", "keras_version": "2.2.4", "config": {
    "name": "m", "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]], "layers": [
        {"name": "x", "class_name": "InputLayer", "config": {"batch_input_shape": [None, 2], "name": "x"},
         "inbound_nodes": []},
        {"name": "a", "class_name": "Dense", "config": {"units": 2, "name": "a"}, "inbound_nodes": [[["x", 0, 0, {}]]]},
        {"name": "b", "class_name": "Dense", "config": {"units": 2, "name": "b"},
         "inbound_nodes": [[["a", 0, 0, {}]]]}]}}  # fmt: skip


def changed(change: Any) -> Any:
    config = json.loads(json.dumps(GRAPH))
    change(config["config"]["layers"], config["config"])
    return config


@pytest.mark.parametrize(("config", "sentence"), [
    (changed(lambda layers, inner: layers[1].update(inbound_nodes=[[["nowhere", 0, 0, {}]]])),
     "'a' takes the output of 'nowhere', and there is no layer of this name."),
    (changed(lambda layers, inner: layers[1].update(inbound_nodes=[[["b", 0, 0, {}]]])),
     "The graph goes in a circle: 'a' waits for its own output."),
    (changed(lambda layers, inner: inner.update(output_layers=[["c", 0, 0]])), "'the model' takes the output of 'c'"),
    (changed(lambda layers, inner: layers.append(layers[1])), "2 layers are named 'a'."),
    (changed(lambda layers, inner: layers[1]["config"].update(units=10**12)),
     "config.layers[1].config.units is 1000000000000, which no model has."),
    (changed(lambda layers, inner: layers.append(3)), "layers[3] should be a dictionary with a class_name, and is 3."),
    (changed(lambda layers, inner: layers[1].update(class_name="function", module="os", config="system")),
     "names 'system' of Python's module 'os'; lamina imports nothing that a file names."),
    (changed(lambda layers, inner: layers[1].update(class_name="get_file", module="keras.utils")),
     "names 'get_file' of 'keras.utils', which is no part of a model that lamina knows."),
    (changed(lambda layers, inner: layers[1].update(module=["os"])), "the module of 'Dense' should be a name"),
    ([1, 2], "should be a dictionary with its class_name, and is [1, 2]"),
])  # fmt: skip
def test_what_is_wrong_with_a_config(config: Any, sentence: str, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    assert any(sentence in fault for fault in describe(tmp_path / "m.keras").faults)


def test_a_good_graph_has_no_faults(tmp_path: Path):
    more = {"seed": 10**12, "mask_value": -(10**12), "end": 2**31 - 1}
    config = changed(lambda layers, inner: layers[1]["config"].update(more))
    (tmp_path / "m.json").write_text(json.dumps(config))
    assert describe(tmp_path / "m.json").faults == []


def test_hostile_files_are_described(parts: dict[str, bytes], tmp_path: Path):
    """None is an error, none opens anything but itself, and what is wrong with archives, texts and arrays is said."""
    path = tmp_path / "m.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile, which is told to write names twice
        for change, _ in test_hostile.CONFIGS.values():
            json.dumps(describe(hostile.pack(path, test_hostile.edit(parts, change)), figures=True).as_json())
        for case, (text, _) in test_hostile.TEXTS.items():
            assert describe(hostile.pack(path, {**parts, "config.json": text})).faults, case
        for case, (change, _) in test_hostile.ARCHIVES.items():
            if case != "weights empty":
                assert describe(hostile.pack(path, change(parts))).faults, case
    told = 0
    for change, _ in test_hostile_weights.WEIGHTS.values():
        data = hostile.with_weights(parts, change)
        (tmp_path / "m.weights.h5").write_bytes(data["model.weights.h5"])
        faults = [describe(one, figures=True).faults for one in (hostile.pack(path, data), tmp_path / "m.weights.h5")]
        assert faults[0] or not faults[1]  # with a config, more is known to be wrong
        told += bool(faults[0])
    assert told > len(test_hostile_weights.WEIGHTS) // 3


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda file: file.move("layers/dense/vars/1", "layers/dense/vars/3"),
     "layers/dense/vars should number its arrays from 0 to 1, and has [0, 3]."),
    (lambda file: file.move("layers/dense", "layers/dense_7"), "There are weights at layers/dense_7, and the config has no"),
    (lambda file: (file.pop("layers/dense/vars/0"), file.create_dataset("layers/dense/vars/0", data=np.zeros((4, 5), "f4"))),
     "Layer 'hidden' has 3 for its size in the config, and weights of shape (4, 5)."),
])  # fmt: skip
def test_weights_that_are_not_the_layers(change: Any, sentence: str, parts: dict[str, bytes], tmp_path: Path):
    path = hostile.pack(tmp_path / "m.keras", hostile.with_weights(parts, change))
    assert any(sentence in fault for fault in describe(path).faults)
    assert describe(hostile.pack(tmp_path / "m.keras", parts)).faults == []


def test_cut_files_are_described(parts: dict[str, bytes], tmp_path: Path):
    hostile.pack(tmp_path / "m.keras", parts)
    model().save(tmp_path / "m.h5")
    for name in ("m.keras", "m.h5"):
        data = (tmp_path / name).read_bytes()
        for length in range(0, len(data) - 1, len(data) // 20):
            (tmp_path / "cut").write_bytes(data[:length])
            assert describe(tmp_path / "cut", figures=True).faults


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda path: (path.mkdir(), (path / "saved_model.pb").write_bytes(b"")), "is a SavedModel"),
    (lambda path: path.write_bytes(b""), "an empty file"),
    (lambda path: path.write_text("<!DOCTYPE html><html>"), "a page of the web"),
    (lambda path: path.write_bytes(b"\x80\x04\x95."), "a pickle, which can run any code"),
])  # fmt: skip
def test_what_lamina_does_not_open_is_named(make: Any, sentence: str, tmp_path: Path):
    make(tmp_path / "m")
    found = describe(tmp_path / "m")
    assert sentence in found.faults[0]
    with pytest.raises(FileNotFoundError):
        describe(tmp_path / "nowhere")
