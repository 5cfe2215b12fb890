"""``fit`` against the loop that a PyTorch user writes: the same model, data, batch order and thread count.

Run: ``python benchmarks/bench_fit.py``. Each engine is warmed up; epochs are interleaved; medians are compared. The
hand-written loop is idiomatic: ``nn`` modules, fused Adam, ``CrossEntropyLoss``, loss and accuracy summed on the device
and read once an epoch. Rates below 1 mean that lamina is faster.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from lamina.models import Sequential

EPOCHS = 9


@dataclass
class Workload:
    """One comparison: two equal models and their data."""

    name: str
    rows: int
    batch: int
    lamina: Callable[[], Any]
    torch: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of one sample, channels last
    channels_last: bool = False


def mlp(sizes: tuple[int, ...], dropout: float = 0.0) -> Workload:
    """A stack of Dense layers with relu between."""

    def ours() -> Any:
        layers: list[Any] = []
        for index, units in enumerate(sizes[1:], 1):
            last = index == len(sizes) - 1
            extra = {"input_shape": (sizes[0],)} if index == 1 else {}
            layers.append(Dense(units, activation="softmax" if last else "relu", **extra))
            layers += [Dropout(dropout)] if dropout and not last else []
        return Sequential(layers)

    def theirs() -> nn.Module:
        layers: list[nn.Module] = []
        for index, (inputs, units) in enumerate(itertools.pairwise(sizes), 1):
            layers.append(nn.Linear(inputs, units))
            if index < len(sizes) - 1:
                layers += [nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
        return nn.Sequential(*layers)

    name = "MLP " + "-".join(map(str, sizes)) + (" with Dropout" if dropout else "")
    batch = 32 if sizes[0] < 100 else 128
    return Workload(name, batch * (200 if batch == 32 else 50), batch, ours, theirs, (sizes[0],))


def cnn() -> Workload:
    """Two blocks of convolution and pooling on 28x28 pictures."""

    def ours() -> Any:
        return Sequential([
            Conv2D(32, 3, padding="same", activation="relu", input_shape=(28, 28, 1)), MaxPooling2D(2),
            Conv2D(64, 3, padding="same", activation="relu"), MaxPooling2D(2),
            Flatten(), Dense(10, activation="softmax"),
        ])  # fmt: skip

    def theirs() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
        )  # fmt: skip

    return Workload("CNN on 28x28", 64 * 20, 64, ours, theirs, (28, 28, 1), channels_last=True)


def torch_epoch(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor, batch: int) -> tuple[float, float]:
    """One epoch of the hand-written loop, with loss and accuracy counted."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    order = torch.randperm(len(x))
    for begin in range(0, len(x), batch):
        rows = order[begin : begin + batch]
        inputs, labels = x[rows], y[rows]
        optimizer.zero_grad(set_to_none=True)
        logits = model(inputs)
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(labels)
        correct += (logits.argmax(1) == labels).sum()
    return loss_sum.item() / len(x), correct.item() / len(x)


def compare(workload: Workload) -> dict[str, float]:
    """Milliseconds a step: ours, theirs, and their ratio."""
    torch.manual_seed(0)
    x = np.random.default_rng(0).standard_normal((workload.rows, *workload.shape), dtype=np.float32)
    y = np.random.default_rng(1).integers(0, 10, workload.rows)
    ours, theirs = workload.lamina(), workload.torch()
    ours.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer = torch.optim.Adam(theirs.parameters(), fused=True)
    xt, yt = torch.from_numpy(x), torch.from_numpy(y)
    xt = xt.permute(0, 3, 1, 2).contiguous() if len(workload.shape) == 3 else xt

    def fit() -> None:
        ours.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)

    def loop() -> None:
        torch_epoch(theirs, optimizer, xt, yt, workload.batch)

    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for function in (fit, loop):
        function()
    for _ in range(EPOCHS):
        for name, function in (("ours", fit), ("theirs", loop)):
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    steps = workload.rows / workload.batch
    medians = {name: statistics.median(values) / steps * 1000 for name, values in times.items()}
    return medians | {"ratio": medians["ours"] / medians["theirs"]}


def main() -> None:
    """Print the comparison of every workload."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; ms a step, medians of {EPOCHS} epochs\n")
    print(f"{'workload':34} {'lamina fit':>11} {'by hand':>9} {'ratio':>7}")
    for workload in (mlp((16, 32, 10)), mlp((784, 256, 128, 10), dropout=0.2), cnn()):
        found = compare(workload)
        print(f"{workload.name:34} {found['ours']:11.3f} {found['theirs']:9.3f} {found['ratio']:7.2f}")


if __name__ == "__main__":
    main()
