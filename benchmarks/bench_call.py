"""One row through a model: ``model(x)`` and ``predict`` against the torch module's own call; building and importing.

Run: ``python benchmarks/bench_call.py``. Medians of interleaved rounds in one process.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from lamina.layers import Dense
from lamina.models import Sequential

ROUNDS = 15


def interleaved(functions: dict[str, Callable[[], object]], calls: int = 1000) -> dict[str, float]:
    """The median time of a call of each function, in microseconds."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        for _ in range(50):
            function()
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times[name].append((time.perf_counter() - start) / calls * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def one_row() -> None:
    """``model(x)`` and ``predict`` on one row."""
    ours = Sequential([Dense(32, activation="relu", input_shape=(16,)), Dense(10)])
    theirs = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10)).eval()
    row = torch.randn(1, 16)
    array = row.numpy()

    def call_theirs() -> torch.Tensor:
        with torch.inference_mode():
            return theirs(row)

    def call_ours() -> torch.Tensor:
        with torch.inference_mode():
            return ours(row)

    found = interleaved({"torch": call_theirs, "lamina": call_ours,
                         "predict": lambda: ours.predict(array, verbose=0)})  # fmt: skip
    for name, value in found.items():
        print(f"one row, {name:8} {value:8.1f} us   {value / found['torch']:.2f}x torch")
    before = memory()
    for _ in range(1000):
        ours(row)
        ours.predict(array, verbose=0)
    print(f"objects after 1,000 more calls: {memory() - before:+d}")


def memory() -> int:
    """How many objects Python keeps."""
    gc.collect()
    return len(gc.get_objects())


def building() -> None:
    """Time to describe, plan and first call a stack of layers."""
    for count in (100, 500, 1000, 2000):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            model = Sequential([Dense(4, input_shape=(4,)), *(Dense(4) for _ in range(count - 1))])
            model(np.zeros((1, 4), "float32"))
            times.append(time.perf_counter() - start)
        best = min(times) * 1000
        print(f"build {count:5} layers: {best:7.1f} ms, {best / count * 1000:6.1f} us a layer")


def importing() -> None:
    """What ``import lamina`` costs on top of ``import torch``."""
    code = "import time; import torch; t = time.perf_counter(); import lamina; print(time.perf_counter() - t)"
    # Compiled once and kept, as an installed package is.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    times = [float(subprocess.run(command, capture_output=True, check=True, env=environment).stdout) for _ in range(6)][
        1:
    ]
    print(f"import lamina after import torch: {statistics.median(times):.3f} s")


if __name__ == "__main__":
    one_row()
    building()
    importing()
