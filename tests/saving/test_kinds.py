"""What a file is shows in what it holds: real files of every kind, under names that say nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina.layers import Dense, Input
from lamina.models import Sequential, load_model
from lamina.saving import kinds
from lamina.saving.kinds import kind_of, refusal


def net() -> Any:
    return Sequential([Input((3,)), Dense(2, name="a")], name="net")


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.h5"))
    return stream.getvalue()


def torch_file(**options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, stream, **options)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def scripted() -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), stream)
    return stream.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0\0\0\0"


# A node named "x" of the operation "Placeholder"; the beginnings of ONNX and of a SavedModel's own file.
GRAPH = b"\x0a\x12\x0a\x01x\x12\x0bPlaceholder" + b"\0" * 8
CONTENTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "npz": ("npz", lambda: npz(arr_0=np.zeros(3))),
    "torch": ("torch", torch_file),
    "torch before 1.6": ("torch", lambda: torch_file(_use_new_zipfile_serialization=False)),
    "safetensors": ("safetensors", safetensors),
    "shards": ("shards", lambda: b'{\n"metadata": {"total_size": 8.0},\n"weight_map": {"/vars": "x_00000.weights.h5"}}'),
    "json": ("json", lambda: net().to_json().encode()),
    "json, indented": ("json", lambda: net().to_json(indent=4).encode()),
    "yaml": ("yaml", lambda: b"backend: tensorflow\nclass_name: Sequential\nconfig: []\n"),
    "yaml of keras 1": ("yaml", lambda: b"class_name: Sequential\nconfig: []\nkeras_version: 1.2.2\n"),
    "onnx": ("onnx", lambda: b"\x08\x08\x12\x07pytorch\x1a\x052.0.0:\x80\x01"),
    "graph": ("tf_graph", lambda: GRAPH),
    "saved_model.pb": ("tf_graph", lambda: b"\x08\x01\x12\xd8\x04\x0a\x10" + b"\0" * 20),
    "tflite": ("tflite", lambda: b"\x1c\0\0\0TFL3" + b"\0" * 20),
    "tfjs": ("tfjs", lambda: b'{"format": "layers-model", "modelTopology": {}, "weightsManifest": []}'),
    "pickle": ("pickle", lambda: b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94K\x01K\x02s."),
    "torchscript": ("torchscript", scripted),
    "index": ("safetensors_index", lambda: b'{"metadata": {}, "weight_map": {"a.weight": "model-00001-of-00002.safetensors"}}'),
    "npy": ("npy", lambda: b"\x93NUMPY\x01\0" + b"\0" * 20),
    "gguf": ("gguf", lambda: b"GGUF\x03\0\0\0"),
    "matlab": ("matlab", lambda: b"MATLAB 5.0 MAT-file, Platform: GLNX"),
    "html": ("html", lambda: b"\n<!DOCTYPE html>\n<html>"),
    "lfs": ("lfs", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
    "gzip": ("packed", lambda: gzip.compress(b"model")),
    "tar": ("packed", tarred),
    "archive": ("zip", lambda: zipped("model/model.h5")),
    "archive of a SavedModel": ("saved_model", lambda: zipped("m/saved_model.pb", "m/variables/variables.index")),
    "checkpoint": ("tf_checkpoint", lambda: b'model_checkpoint_path: "x"\n'),
    "index of a checkpoint": ("tf_checkpoint", lambda: b"\0" * 40 + bytes.fromhex("57fb808b247547db")),
    "empty": ("empty", lambda: b""),
    "text": ("unknown", lambda: b"hello"),
    "one byte": ("unknown", lambda: b"\x08"),
    "other json": ("unknown", lambda: b'{"a": 1}'),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTENTS)
def test_a_file_is_what_is_in_it(case: str, tmp_path: Path):
    kind, content = CONTENTS[case]
    path = tmp_path / "model.bin"
    path.write_bytes(content())
    assert kind_of(path) == kind
    if kind not in kinds.MODELS:
        with pytest.raises(ValueError, match=r"^.*model\.bin (is|holds|describes) .*\.$") as error:
            load_model(path)
        assert str(error.value) == str(refusal(path, kind, "model"))
    if kind not in kinds.WEIGHTS:
        with pytest.raises(ValueError, match=r"^.*model\.bin (is|describes) .*\.$"):
            net().load_weights(path)


def test_keras_s_own_files(tmp_path: Path):
    model = net()
    for name, kind in {"m.keras": "keras", "m.h5": "hdf5", "m.weights.h5": "hdf5"}.items():
        save = model.save_weights if "weights" in name else model.save
        save(tmp_path / name)
        os.rename(tmp_path / name, tmp_path / "renamed.txt")
        assert kind_of(tmp_path / "renamed.txt") == kind


FOLDERS = {
    "saved_model": ("saved_model.pb", "variables/variables.index"),
    "tf_checkpoint": ("checkpoint", "x.index", "x.data-00000-of-00001"),
    "keras_folder": ("config.json", "metadata.json", "model.weights.h5"),
    "orbax": ("3/_CHECKPOINT_METADATA",),
    "tfjs": ("model.json", "group1-shard1of1.bin"),
    "folder": ("readme.txt",),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(kind: str, tmp_path: Path):
    for name in FOLDERS[kind]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert kind_of(tmp_path) == kind
    for read in (load_model, net().load_weights):
        with pytest.raises(ValueError, match=r" is a .*\. [A-Z]"):
            read(tmp_path)


def test_a_checkpoint_by_its_prefix(tmp_path: Path):
    (tmp_path / "x.index").write_bytes(b"\0" * 40 + bytes.fromhex("57fb808b247547db"))
    (tmp_path / "x.data-00000-of-00001").write_bytes(b"\0" * 40)
    for name in ("x", "x.index", "x.data-00000-of-00001"):
        assert kind_of(tmp_path / name) == "tf_checkpoint"
    with pytest.raises(ValueError, match=r"/x is a checkpoint of TensorFlow's .*model\.load_weights\('x'\)"):
        net().load_weights(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        kind_of(tmp_path / "y")


def test_what_a_name_promises_is_said(tmp_path: Path):
    for name in ("m.keras", "m.weights.h5"):
        (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"m\.keras is not a \.keras file \(a zip\), or is cut off: it is none of"):
        load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"m\.weights\.h5 is not an HDF5 file, or is cut off: it is none of"):
        net().load_weights(tmp_path / "m.weights.h5")


def test_every_beginning_of_a_file_is_looked_at_safely(tmp_path: Path):
    path = tmp_path / "m"
    for _, content in CONTENTS.values():
        whole = content()
        for length in range(min(len(whole), 40)):
            path.write_bytes(whole[:length])
            assert kind_of(path) in {*kinds.WEIGHTS, *kinds.DESCRIPTIONS, *kinds._FOREIGN}
