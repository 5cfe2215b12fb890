"""Every public advisory of 2024 to 2026 about how Keras loads files, tried through every door that lamina has.

A case is a part of a description, of weights or of an archive that did harm in Keras. Each must end in one sentence that
names the file; what the advisory is about must not happen.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from saving.hostile import pack, sentence_of

from lamina import layers
from lamina.models import Sequential, load_model, model_from_config, model_from_json
from lamina.saving import deserialize_keras_object

LAYERS = "keras.layers"
CANARY = "advisory.canary"  # what code from a file would leave, in the folder that is current


def harm() -> None:
    open("advisory.canary", "w").close()


CODE = base64.b64encode(marshal.dumps(harm.__code__)).decode()
MARSHALLED = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}


class Pickled:
    def __reduce__(self) -> Any:
        return harm, ()


PICKLE = pickle.dumps(Pickled())


def layer(class_name: str, module: str | None = LAYERS, registered: str | None = None, **config: Any) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "victim", **config},
        "registered_name": registered,
    }


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def calling(module: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A Lambda layer that would call a function of the library itself."""
    return layer("Lambda", function=function(module, name), arguments=arguments)


# ---- what a description says ---------------------------------------------------------------------------------------

DESCRIBED: dict[str, tuple[Any, str]] = {
    "CVE-2024-3660 (Lambda, Keras 2)": (layer("Lambda", function=[CODE, None, None], function_type="lambda"), "saved as Python code"),
    "CVE-2024-3660 (Lambda, Keras 3)": (layer("Lambda", function=MARSHALLED), "Python code"),
    "CVE-2025-1550 (class)": (layer("system", "os", "os>system", command=f"touch {CANARY}"), "of lamina's"),
    "CVE-2025-1550 (Popen)": (layer("Popen", "subprocess", args=["touch", CANARY]), "of lamina's"),
    "CVE-2025-1550 (function)": (layer("Dense", units=1, activation=function("builtins", "eval")), "no activation of lamina's"),
    "CVE-2025-1550 (inner)": (layer("Dense", units=1, kernel_initializer=layer("system", "os", command="true")), "no initializer"),
    "CVE-2025-8747 (get_file)": (calling("keras.utils", "get_file", fname=CANARY, origin="http://127.0.0.1:9/x"), "get_file"),
    "CVE-2025-9906 (config)": (layer("enable_unsafe_deserialization", "keras.config"), "of lamina's"),
    "CVE-2025-9906 (function)": (calling("keras.config", "enable_unsafe_deserialization"), "enable_unsafe_deserialization"),
    "CVE-2025-9906 (src)": (calling("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"), "enable_unsafe"),
    "CVE-2025-49655 (TorchModuleWrapper)": (layer("TorchModuleWrapper") | {"config": {"name": "victim", "module": {"class_name": "__bytes__", "config": PICKLE.hex()}}},
                                            "'__bytes__'|object __bytes__()"),
    "CVE-2025-49655 (text)": (layer("TorchModuleWrapper") | {"config": {"name": "victim", "module": base64.b64encode(PICKLE).decode()}}, "pickle"),
    "CVE-2025-12058 (StringLookup)": (layer("StringLookup", vocabulary="/etc/passwd"), "StringLookup"),
    "CVE-2025-12058 (IntegerLookup)": (layer("IntegerLookup", vocabulary="http://127.0.0.1:9/x"), "IntegerLookup"),
    "CVE-2025-12058 (TextVectorization)": (layer("TextVectorization", vocabulary="/etc/passwd"), "TextVectorization"),
    "CVE-2025-12060 and CVE-2025-12638 (get_file)": (calling("keras.utils", "get_file", origin="file:///x.tar", extract=True), "get_file"),
    "CVE-2024-55459 (get_file)": (layer("get_file", "keras.utils", origin="file:///x.tar", untar=True), "of lamina's"),
    "CVE-2026-1462 (TFSMLayer)": (layer("TFSMLayer", filepath="/etc", call_endpoint="serve"), "'TFSMLayer' is no |TFSMLayer("),
    "CVE-2026-12479 (name)": (layer("Dense", units=1) | {"config": {"name": "../../../tmp/x", "units": 1}}, "can't be the name"),
    "CVE-2026-12479 (absolute)": (layer("Dense", units=1) | {"config": {"name": "/tmp/x", "units": 1}}, "can't be the name"),
    "CVE-2026-12479 (null)": (layer("Dense", units=1) | {"config": {"name": "x\0y", "units": 1}}, "can't be the name"),
    "CVE-2026-12481 (Lambda)": (layer("Lambda", None, function=MARSHALLED), "Python code"),
    "#23115 (load_model)": (calling("keras.models", "load_model", filepath="/etc/passwd"), "load_model"),
    "#23115 (load_img)": (calling("keras.utils", "load_img", path="/etc/passwd"), "load_img"),
    "#23115 (image_dataset_from_directory)": (calling("keras.utils", "image_dataset_from_directory", directory="/"), "image_dataset"),
    "#23115 (torch.load)": (calling("torch", "load", f="/etc/passwd"), "load"),
    "#22729 (registered_name)": (layer("Dense", "keras.layers", "evil>Dense", units=1), "'evil>Dense' is no "),
    "#22729 (another's name)": (layer("Dense", "os", "Dense", units=1), "of module 'os' is no "),
    "#22974 (config a text)": ({"module": LAYERS, "class_name": "Dense", "config": "Dense", "registered_name": None}, "must be a dictionary"),
    "#22974 (config a list)": ({"module": LAYERS, "class_name": "Dense", "config": [1], "registered_name": None}, "must be a dictionary"),
    "#22974 (callable)": (layer("Dense", units=1, activation="os.system"), "is not a known activation"),
    "#22974 (class for a function)": (layer("Dense", units=1, activation={"module": "builtins", "class_name": "class", "config": "type"}),
                                      "no activation of lamina's"),
}  # fmt: skip


def good() -> Any:
    return Sequential([layers.Input((4,)), layers.Dense(3, name="victim"), layers.Dense(2, name="after")], name="good")


def description(part: Any) -> dict[str, Any]:
    config = json.loads(good().to_json())
    config["config"]["layers"][1] = copy.deepcopy(part)
    return config


def functional(part: Any) -> dict[str, Any]:
    """The same part in a functional model."""
    tensor = {"class_name": "__keras_tensor__",
              "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}}  # fmt: skip
    start = {"module": LAYERS, "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}, "name": "x",
             "inbound_nodes": [], "registered_name": None}  # fmt: skip
    name = part["config"]["name"] if isinstance(part["config"], dict) else "victim"
    entry = {**copy.deepcopy(part), "name": name, "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}
    return {"module": "keras", "class_name": "Functional", "registered_name": None, "config": {
        "name": "f", "layers": [start, entry], "input_layers": ["x", 0, 0], "output_layers": [name, 0, 0]}}  # fmt: skip


def keras_file(config: Any, folder: Path) -> Path:
    good().save(folder / "good.keras")
    with zipfile.ZipFile(folder / "good.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return pack(folder / "m.keras", {**members, "config.json": json.dumps(config).encode()})


def h5_file(config: Any, folder: Path, version: str = "3.15.1") -> Path:
    good().save(folder / "m.h5")
    with h5py.File(folder / "m.h5", "r+") as file:
        for name in [name for name in file.attrs if name.startswith("lamina")]:
            del file.attrs[name]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = file["model_weights"].attrs["keras_version"] = version
    return folder / "m.h5"


def opening(path: Path, **options: Any) -> tuple[Callable[[], Any], str]:
    return lambda: load_model(path, **options), str(path)


JSON = "the JSON of the model"
# What reads a description: the function, and what the sentence begins with.
DOORS: dict[str, Callable[[Any, Path], tuple[Callable[[], Any], str]]] = {
    ".keras": lambda part, folder: opening(keras_file(description(part), folder)),
    ".keras, functional": lambda part, folder: opening(keras_file(functional(part), folder)),
    ".keras, not safe": lambda part, folder: opening(keras_file(description(part), folder), safe_mode=False),
    ".keras, safe_mode None": lambda part, folder: opening(keras_file(description(part), folder), safe_mode=None),
    ".h5": lambda part, folder: opening(h5_file(description(part), folder)),
    ".h5, functional": lambda part, folder: opening(h5_file(functional(part), folder)),
    ".h5, tf_keras": lambda part, folder: opening(h5_file(description(part), folder, "2.21.0")),
    ".h5, Keras 1": lambda part, folder: opening(h5_file(description(part), folder, "1.2.2")),
    "JSON": lambda part, folder: (lambda: model_from_json(json.dumps(description(part))), JSON),
    "JSON, Keras 2": lambda part, folder: (lambda: model_from_json(json.dumps(description(part) | {"keras_version": "2.2.4"})), JSON),
    "config": lambda part, folder: (lambda: model_from_config(description(part)), ""),
    "Sequential.from_config": lambda part, folder: (lambda: Sequential.from_config(description(part)["config"]), ""),
    "deserialize_keras_object": lambda part, folder: (lambda: deserialize_keras_object(part, safe_mode=False), ""),
    "layers.deserialize": lambda part, folder: (lambda: layers.deserialize(part), ""),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("advisory", DESCRIBED)
def test_what_a_description_says(advisory: str, door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    part, words = DESCRIBED[advisory]
    said = sentence_of(*DOORS[door](part, tmp_path))
    assert any(word in said for word in words.split("|")), said
    assert not Path(CANARY).exists()


def test_every_door_opens_what_is_good(tmp_path: Path):
    """Else the tests above would prove nothing."""
    part = layer("Dense", units=3)
    for name, door in DOORS.items():
        if "Keras 1" not in name:
            door_opens, _ = door(part, tmp_path)
            if not (name.startswith(".") and "functional" in name):  # those have weights of another model
                assert door_opens() is not None


@pytest.mark.parametrize("key", ["output_shape", "mask"])
@pytest.mark.parametrize("door", DOORS)
def test_code_beside_a_function_is_not_run(door: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """CVE-2024-3660: what a shape or a mask was computed by; the layer is known without."""
    monkeypatch.chdir(tmp_path)
    reads, _ = DOORS[door](layer("Lambda", function="relu", **{key: MARSHALLED}), tmp_path)
    with contextlib.suppress(ValueError):  # what the layer gives has another shape, and what follows does not fit
        reads()
    assert not Path(CANARY).exists()


def test_a_clone_of_code_is_made_of_what_is_there():
    """CVE-2026-12481: a clone read the code of a Lambda anew."""
    model = Sequential([layers.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice")])
    config = model.layers[0].get_config()
    config["function"] = MARSHALLED
    with pytest.raises(ValueError, match="Python code"):
        layers.Lambda.from_config(config)


# ---- weights -------------------------------------------------------------------------------------------------------


def replaced(make: Callable[[Any, str], Any]) -> Callable[[Any], None]:
    """A change of the first kernel of a file."""

    def change(file: Any) -> None:
        found: list[str] = []
        file.visititems(
            lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) and one.ndim == 2 else None
        )
        del file[found[0]]
        make(file, found[0])

    return change


def regrouped(make: Callable[[Any, str], Any]) -> Callable[[Any], None]:
    """A change of the group that holds the first kernel."""

    def change(file: Any) -> None:
        found: list[str] = []
        file.visititems(
            lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) and one.ndim == 2 else None
        )
        above = found[0].rpartition("/")[0]
        del file[above]
        make(file, above)

    return change


def virtual(file: Any, name: str) -> None:
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4, 3))
    file.create_virtual_dataset(name, layout)


STORED: dict[str, tuple[Callable[[Any], None], str]] = {
    "CVE-2026-0897 (shape)": (replaced(lambda file, name: file.create_dataset(name, (2**25, 2**25), "f4", chunks=(64, 64))), "bytes are needed"),
    "CVE-2026-0897 (below 4 GiB)": (replaced(lambda file, name: file.create_dataset(name, (2**14, 2**15), "f4", chunks=(64, 64))), "bytes are needed"),
    "CVE-2026-0897 (right shape)": (replaced(lambda file, name: file.create_dataset(name, (4, 3), "f4", chunks=(4, 3))), "bytes are needed"),
    "CVE-2026-1669 (ExternalLink)": (replaced(lambda file, name: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/x"))), "ExternalLink"),
    "CVE-2026-1669 (external storage)": (replaced(lambda file, name: file.create_dataset(name, (4, 3), "f4", external=[("/etc/passwd", 0, 48)])), "in other files"),
    "#22900 and #22899 (SoftLink)": (replaced(lambda file, name: file.__setitem__(name, h5py.SoftLink("/"))), "SoftLink"),
    "#22900 (SoftLink to itself)": (replaced(lambda file, name: file.__setitem__(name, h5py.SoftLink(f"/{name}"))), "SoftLink"),
    "#22976 (virtual)": (replaced(virtual), "in other files"),
    "#23168 (group, SoftLink)": (regrouped(lambda file, name: file.__setitem__(name, h5py.SoftLink("/"))), "SoftLink"),
    "#23168 (group, ExternalLink)": (regrouped(lambda file, name: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/"))), "ExternalLink"),
}  # fmt: skip
CONTAINERS = ("m.keras", "m.h5", "m.weights.h5", "old.h5", "whole for weights.h5", "archive for weights.keras")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("advisory", STORED)
def test_what_stands_for_weights(advisory: str, container: str, tmp_path: Path):
    change, words = STORED[advisory]
    path, model = tmp_path / container, good()
    if container == "m.weights.h5" or container == "old.h5":
        model.save_weights(path)
    else:
        model.save(path)
    if container.endswith(".keras"):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        stream = io.BytesIO(members["model.weights.h5"])
        with h5py.File(stream, "r+") as file:
            change(file)
        pack(path, {**members, "model.weights.h5": stream.getvalue()})
    else:
        with h5py.File(path, "r+") as file:
            change(file)
    whole = container in ("m.keras", "m.h5")
    before = [weight.copy() for weight in model.get_weights()]
    said = sentence_of((lambda: load_model(path)) if whole else (lambda: model.load_weights(path)), str(path))
    assert words in said
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- archives, and what is no file of Keras's ----------------------------------------------------------------------

ARCHIVED: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "CVE-2025-12060, CVE-2025-12638, GHSA-hqp4-2352-xf5r (above)": (lambda parts: {**parts, "../evil": b"x"}, "has a member '../evil'"),
    "GHSA-hqp4-2352-xf5r (absolute)": (lambda parts: {**parts, "/tmp/evil": b"x"}, "has a member '/tmp/evil'"),
    "GHSA-hqp4-2352-xf5r (Windows)": (lambda parts: {**parts, "C:\\evil": b"x"}, "has a member"),
    "#23101 (assets)": (lambda parts: {**parts, "assets/../../evil": b"x"}, "has a member 'assets/../../evil'"),
    "#23010 (config)": (lambda parts: {**parts, "config.json": b" " * 50_000_000}, "unfold"),
    "#23016 (weights)": (lambda parts: {**parts, "model.weights.h5": b"\0" * 50_000_000}, "unfold"),
    "CVE-2025-32434 (pickled npz)": (lambda parts: {**{name: part for name, part in parts.items() if "weights" not in name},
                                                         "model.weights.npz": PICKLE}, "pickle"),
}  # fmt: skip


@pytest.mark.parametrize("advisory", ARCHIVED)
def test_what_an_archive_has(advisory: str, tmp_path: Path):
    change, words = ARCHIVED[advisory]
    path = tmp_path / "m.keras"
    good().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    method = zipfile.ZIP_DEFLATED if words == "unfold" else zipfile.ZIP_STORED
    assert words in sentence_of(lambda: load_model(pack(path, change(members), method)), str(path))


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.pt", "m.npz", "m.safetensors"])
def test_pickles(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """CVE-2025-32434 and CVE-2026-24747: no pickle is read, whatever its name."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(PICKLE)
    assert "pickle" in sentence_of(lambda: load_model(path), str(path))
    assert "pickle" in sentence_of(lambda: good().load_weights(path), str(path))
    assert not Path(CANARY).exists()
