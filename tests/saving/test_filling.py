"""Weights read from files: into any memory, in parts, and without a second copy."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.models import load_model
from lamina.saving import filling, legacy_h5
from lamina.saving.hdf5 import opened

rng = np.random.default_rng(0)
ARRAYS = {
    "kernel": rng.standard_normal((70, 90)).astype("float32"), "conv": rng.standard_normal((3, 2, 5, 7)).astype("float32"),
    "thin": rng.standard_normal((1, 1, 8, 3)), "half": rng.standard_normal((6, 5)).astype("float16"),
    "count": np.arange(12).reshape(3, 4), "flags": np.array([[True, False], [False, True]]), "one": np.float32(3.5),
    "none": np.zeros((0, 4), "float32"),
}  # fmt: skip


@pytest.fixture(params=["plain", "packed", "big-endian", "behind a block of a user's"])
def file(request, tmp_path: Path) -> Path:
    path = tmp_path / "numbers.h5"
    with h5py.File(path, "w", userblock_size=512 if "block" in request.param else 0) as out:
        for name, array in ARRAYS.items():
            packing: Any = {"compression": "gzip"} if request.param == "packed" and np.ndim(array) else {}
            stored = array.astype(array.dtype.newbyteorder(">")) if request.param == "big-endian" else array
            out.create_dataset(name, data=stored, **packing)
        out.create_dataset("brain", data=torch.arange(6.0).bfloat16().view(torch.int16).numpy().view("V2"))
        out["brain"].attrs["dtype"] = "bfloat16"
    return path


@pytest.mark.parametrize("block", [16, 2**19])
def test_any_order_of_memory(file: Path, block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filling, "BLOCK", block)
    with opened(file) as root:
        for name, array in ARRAYS.items():
            kinds = [torch.float32, torch.float64, torch.bfloat16] if array.dtype.kind == "f" else [
                torch.int64, torch.int32] if array.dtype.kind == "i" else [torch.bool]  # fmt: skip
            for order, dtype in itertools.product(itertools.permutations(range(array.ndim)), kinds):
                back = [order.index(axis) for axis in range(array.ndim)]
                weight = torch.zeros([array.shape[axis] for axis in order], dtype=dtype).permute(back)
                strides, version = weight.stride(), weight._version
                filling.filler(root.numbers(name, array.shape), weight)()
                assert torch.equal(weight, torch.as_tensor(array).to(dtype)), (name, order, dtype)
                assert weight.stride() == strides
                assert weight._version > version or not array.size  # what depends on the old numbers can notice
        for dtype in (torch.bfloat16, torch.float32):
            weight = torch.zeros(6, dtype=dtype)
            filling.filler(root.numbers("brain"), weight)()
            assert weight.tolist() == [0, 1, 2, 3, 4, 5]


def model_of(kind: str) -> lamina.Model:
    inner = lamina.Sequential([layers.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    model = lamina.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.GlobalAveragePooling2D(), inner],
                              name=kind)  # fmt: skip
    for weight in model.weights:
        with torch.no_grad():
            weight.copy_(torch.rand_like(weight))
    return model


def test_a_changed_byte_of_weights_in_an_archive_is_noticed(tmp_path: Path):
    path = tmp_path / "m.keras"
    model = model_of("archived")
    model.save(path)
    whole = bytearray(path.read_bytes())
    place = whole.index(model.get_weights()[0].tobytes())
    whole[place + 5] ^= 16
    path.write_bytes(whole)
    before = model.get_weights()
    for read in (load_model, model.load_weights):
        with pytest.raises(ValueError, match=r"m\.keras/model\.weights\.h5 can't be read: it is not what was written"):
            read(path)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_archive_that_says_two_things(tmp_path: Path):
    path = tmp_path / "m.keras"
    model_of("told").save(path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("model.weights.h5").header_offset
    for place, value in ((start, 0), (start + 6, 1), (start + 8, 8)):  # the signature, encryption, packing
        whole = bytearray(path.read_bytes())
        whole[place] = value
        (tmp_path / "other.keras").write_bytes(whole)
        with pytest.raises(ValueError, match=r"other\.keras/model\.weights\.h5 can't be read"):
            load_model(tmp_path / "other.keras")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_large_weight_that_nothing_sets_is_zeros(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / f"m{ending}"
    width = 300  # of which a kernel is too large to be set to zeros before it is read
    model = lamina.Sequential(
        [layers.Input((width,)), layers.Dense(width, name="read"), layers.Dense(width, name="skipped")]
    )
    model.save(path)

    def but_one(layer: layers.Dense, store: Any) -> None:
        if layer.name == "read":
            lamina.layers.Layer.load_own_variables(layer, store)

    monkeypatch.setattr(layers.Dense, "load_own_variables", but_one)
    if ending == ".h5":  # which sets weights one by one
        monkeypatch.setattr(legacy_h5._Reader, "assignment", skipping(legacy_h5._Reader.assignment))
    for inference in (False, True):
        for _ in range(3):  # memory that holds other numbers
            used = torch.full((width, width), 7.0)
            del used
            with torch.inference_mode(inference):
                loaded = load_model(path)
            assert torch.equal(loaded.get_layer("read").kernel, model.get_layer("read").kernel)
            assert not loaded.get_layer("skipped").kernel.any()


def skipping(read: Any) -> Any:
    def assignment(self: Any, layer: Any, *others: Any) -> Any:
        found = read(self, layer, *others)
        return found if layer.name == "read" else lambda: None

    return assignment


_PEAK = """
import sys, resource
import torch, lamina
from lamina.models import load_model

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

folder = sys.argv[1]
load_model(f"{folder}/small.h5"), load_model(f"{folder}/small.keras")
before = peak()
for name in ("large.h5", "large.keras"):
    model = load_model(f"{folder}/{name}")
    print((peak() - before) / sum(weight.nbytes for weight in model.weights))
    for loaded in ("large.h5", "large.weights.h5", "w.h5", "large.keras"):
        model.load_weights(f"{folder}/{loaded}")
    print((peak() - before) / sum(weight.nbytes for weight in model.weights))
    del model
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss is Linux's")
def test_a_model_is_in_memory_once(tmp_path: Path):
    for name, width in (("small", 4), ("large", 2000)):
        model = lamina.Sequential([layers.Input((width,)), layers.Dense(width), layers.Dense(width),
                                   layers.Embedding(10 * width, width // 2)])  # fmt: skip
        for ending in (".h5", ".keras"):
            model.save(tmp_path / f"{name}{ending}")
    model.save_weights(tmp_path / "large.weights.h5")
    model.save_weights(tmp_path / "w.h5")
    done = subprocess.run([sys.executable, "-c", _PEAK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peaks = [float(line) for line in done.stdout.split()]
    assert max(peaks) < 1.1, peaks
