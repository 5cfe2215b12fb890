"""Files: how long opening and saving take beside h5py and the disk, and how much memory opening takes.

Run: ``python benchmarks/bench_files.py [NAME ...]``. Opening is measured beside h5py reading the same arrays, and for models of
many small layers beside Keras on torch; saving beside writing the same bytes. They take turns in one process; what is shown
are medians. Memory is the highest of a process that does nothing else, less what it had before; that of the model is 1.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import h5py
import numpy as np
import torch

import lamina
from lamina import layers

TURNS = 7
# A model of about 100 MB in each of the shapes that weights have; and many layers with next to nothing in them.
MODELS: dict[str, Callable[[], lamina.Model]] = {
    "25 Dense(1024)": lambda: stack((1024,), [layers.Dense(1024) for _ in range(25)]),
    "42 Conv2D(256, 3)": lambda: stack((16, 16, 256), [layers.Conv2D(256, 3, padding="same") for _ in range(42)]),
    "12 LSTM(512)": lambda: stack((4, 512), [layers.LSTM(512, return_sequences=True) for _ in range(12)]),
    "500 Dense(32)": lambda: stack((32,), [layers.Dense(32) for _ in range(500)]),
}
FORMATS = ("m.keras", "m.h5", "m.weights.h5", "w.h5")


def stack(shape: tuple[int, ...], parts: list[Any]) -> lamina.Model:
    """The layers in a row, with weights that don't pack."""
    model = lamina.Sequential([layers.Input(shape), *parts])
    with torch.no_grad():
        for weight in model.weights:
            weight.copy_(torch.rand(weight.shape))
    return model


def save(model: Any, path: Path) -> None:
    """Write a model's weights, or all of it, as the name says."""
    model.save_weights(path) if path.name in ("m.weights.h5", "w.h5") else model.save(path)


def arrays_of(path: Path) -> list[np.ndarray]:
    """All that h5py finds in a file, or in the archive's file of weights."""
    source: Any = path
    if path.suffix == ".keras":
        source = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))
    found: list[np.ndarray] = []
    with h5py.File(source) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def written(data: bytes, path: Path) -> None:
    """The bytes on the disk."""
    with open(path, "wb") as file:
        file.write(data)
        os.fsync(file.fileno())


def in_turns(*each: Callable[[], Any]) -> list[float]:
    """The median seconds of each."""
    times: list[list[float]] = [[] for _ in each]
    for turn in range(TURNS):
        for number in range(len(each))[:: 1 if turn % 2 else -1]:
            begin = time.perf_counter()
            each[number]()
            times[number].append(time.perf_counter() - begin)
    return [statistics.median(one) for one in times]


def memory(path: Path) -> float:
    """The highest memory while a model is opened, beyond what was there before, in sizes of the model."""
    code = (
        "import resource, sys, lamina, h5py\n"
        "lamina.Sequential([lamina.layers.Dense(1, input_shape=(1,))]).predict([[1.0]], verbose=0)\n"
        "def now(): return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        "before = now()\n"
        "model = lamina.models.load_model(sys.argv[1], compile=False)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "print((peak - before) / sum(weight.nbytes for weight in model.weights))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(names: list[str]) -> int:
    """Time the models whose names contain one of ``names``."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        for name in [name for name in MODELS if not names or any(word in name for word in names)]:
            model = MODELS[name]()
            print(f"{name}: {sum(weight.nbytes for weight in model.weights) / 1e6:.0f} MB", flush=True)
            for format in FORMATS:
                one_file(model, Path(folder) / format)
    return 0


def one_file(model: Any, path: Path) -> None:
    """Save, open and save again, and say how long that takes."""
    save(model, path)
    is_whole = path.name not in ("m.weights.h5", "w.h5")

    def opened() -> Any:
        return lamina.models.load_model(path, compile=False) if is_whole else model.load_weights(path)

    each: list[Callable[[], Any]] = [opened, lambda: arrays_of(path)]
    if is_whole and len(model.layers) > 100:
        import keras

        each.append(lambda: keras.models.load_model(path, compile=False))
    took = in_turns(*each)
    beside = f", {took[0] / took[2]:.2f} of Keras's {took[2] * 1000:.0f} ms" if len(took) > 2 else ""
    high = f", memory {memory(path):.2f} of the model" if is_whole and len(model.layers) < 100 else ""
    print(f"  open {path.name:13} {took[0] * 1000:7.1f} ms, {took[0] / took[1]:.2f} of h5py{beside}{high}", flush=True)
    data = path.read_bytes()
    took = in_turns(lambda: save(model, path), lambda: written(data, path.with_name("raw")))
    print(f"  save {path.name:13} {took[0] * 1000:7.1f} ms, {took[0] / took[1]:.2f} of the disk", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
