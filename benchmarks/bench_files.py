"""Files: how long opening and saving take beside h5py and the disk, and how much memory opening takes.

Run: ``python benchmarks/bench_files.py [NAME ...]``. Each opening has a process of its own, in which everything has been
imported and a small model opened: memory that was used before costs less than new memory, and a program opens a model once.
Opening is measured beside h5py reading the same arrays, and for models of many small layers beside Keras on torch; saving
beside writing the same bytes. They take turns; what is shown are medians. Memory is the highest of such a process less what
it had before, in sizes of the model.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import lamina
from lamina import layers

TURNS = 5
# A model of about 100 MB in each of the shapes that weights have; and many layers with next to nothing in them.
MODELS: dict[str, Callable[[], lamina.Model]] = {
    "25 Dense(1024)": lambda: stack((1024,), [layers.Dense(1024) for _ in range(25)]),
    "42 Conv2D(256, 3)": lambda: stack((16, 16, 256), [layers.Conv2D(256, 3, padding="same") for _ in range(42)]),
    "12 LSTM(512)": lambda: stack((4, 512), [layers.LSTM(512, return_sequences=True) for _ in range(12)]),
    "500 Dense(32)": lambda: stack((32,), [layers.Dense(32) for _ in range(500)]),
}

# What a process does: it is warm, it opens one file, and it says how long that took and how much memory it had at most.
_BEGINNING = """
import io, os, sys, time, warnings, zipfile
warnings.simplefilter("ignore")
os.environ["KERAS_BACKEND"] = "torch"
import h5py, numpy as np
tiny, path = sys.argv[1:]
def memory(key):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(key)))
"""
_OPENERS = {
    "lamina": "import lamina\nopening = lambda path: lamina.models.load_model(path, compile=False)",
    "h5py": """
def opening(path):
    source = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5")) if path.endswith(".keras") else path
    found = []
    with h5py.File(source) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found
""",
    "keras": "import keras\nopening = lambda path: keras.models.load_model(path, compile=False)",
}
_END = """
opening(tiny)
before, begin = memory("VmRSS"), time.perf_counter()
model = opening(path)
print(time.perf_counter() - begin, (memory("VmHWM") - before) / 1000)
"""


def stack(shape: tuple[int, ...], parts: list[Any]) -> lamina.Model:
    """The layers in a row, with weights that don't pack."""
    model = lamina.Sequential([layers.Input(shape), *parts])
    with torch.no_grad():
        for weight in model.weights:
            weight.copy_(torch.rand(weight.shape))
    return model


def opened(by: str, tiny: Path, path: Path) -> tuple[float, float]:
    """The seconds, and the megabytes of memory, of opening a file in a process of its own."""
    code = _BEGINNING + _OPENERS[by] + _END
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny), str(path)], capture_output=True, text=True, check=True
    )
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def written(data: bytes, path: Path) -> None:
    """The bytes on the disk."""
    with open(path, "wb") as file:
        file.write(data)
        os.fsync(file.fileno())


def seconds(function: Callable[[], Any]) -> float:
    """How long a call takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def one_file(model: Any, tiny: Path, path: Path) -> None:
    """Save, open and save again, and say how long that takes."""
    model.save(path)
    size = sum(weight.nbytes for weight in model.weights) / 1e6
    many = len(model.layers) > 100
    found = {
        by: [opened(by, tiny, path) for _ in range(TURNS)] for by in ("lamina", "h5py", *(["keras"] if many else []))
    }
    took = {by: statistics.median(one for one, _ in runs) for by, runs in found.items()}
    beside = f", {took['lamina'] / took['keras']:.2f} of Keras" if many else ""
    high = "" if many else f", memory {statistics.median(one for _, one in found['lamina']) / size:.2f} of the model"
    print(
        f"  open {path.name:8} {took['lamina'] * 1000:7.1f} ms, {took['lamina'] / took['h5py']:.2f} of h5py{beside}{high}",
        flush=True,
    )
    data = path.read_bytes()
    turns = [
        (seconds(lambda: model.save(path)), seconds(lambda: written(data, path.with_name("raw")))) for _ in range(TURNS)
    ]
    mine, disk = (statistics.median(one) for one in zip(*turns, strict=True))
    print(f"  save {path.name:8} {mine * 1000:7.1f} ms, {mine / disk:.2f} of the disk", flush=True)


def main(names: list[str]) -> int:
    """Time the models whose names contain one of ``names``."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in MODELS if not names or any(word in name for word in names)]:
            model = MODELS[name]()
            print(f"{name}: {sum(weight.nbytes for weight in model.weights) / 1e6:.0f} MB", flush=True)
            for ending in (".keras", ".h5"):
                tiny = Path(folder) / f"tiny{ending}"
                stack((4,), [layers.Dense(2)]).save(tiny)
                one_file(model, tiny, Path(folder) / f"m{ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
