"""One optimizer step: lamina's ``update(grads)`` against torch.optim's ``step()``, interleaved, medians.

    python benchmarks/bench_optimizers.py [--rounds 21] [--steps 300]

Both change the same kind of parameters with the same gradients. torch's fused optimizers are the fastest that it has;
where there is no fused one the multi-tensor one (``foreach=True``) is taken.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from lamina import optimizers

MLP = [(16, 32), (32,), (32, 10), (10,)]
DEEP = [shape for _ in range(25) for shape in ((64, 64), (64,))]
BIG = [(1024, 1024), (1024,), (1024, 1024), (1024,)]
FUSED = {"fused": True}
FOREACH = {"foreach": True}
Rows = list[tuple[str, Callable[[], optimizers.Optimizer], Callable[[list[torch.Tensor]], torch.optim.Optimizer]]]
ROWS: Rows = [
    ("Adam", optimizers.Adam, lambda params: torch.optim.Adam(params, **FUSED)),
    ("AdamW", optimizers.AdamW, lambda params: torch.optim.AdamW(params, weight_decay=0.004, **FUSED)),
    ("SGD", optimizers.SGD, lambda params: torch.optim.SGD(params, 0.01, **FUSED)),
    ("SGD, momentum", lambda: optimizers.SGD(momentum=0.9),
     lambda params: torch.optim.SGD(params, 0.01, momentum=0.9, **FUSED)),
    ("SGD, Nesterov", lambda: optimizers.SGD(momentum=0.9, nesterov=True),
     lambda params: torch.optim.SGD(params, 0.01, momentum=0.9, nesterov=True, **FUSED)),
    ("Adagrad", optimizers.Adagrad, lambda params: torch.optim.Adagrad(params, **FUSED)),
    ("RMSprop", optimizers.RMSprop, lambda params: torch.optim.RMSprop(params, **FOREACH)),
    ("Adadelta", optimizers.Adadelta, lambda params: torch.optim.Adadelta(params, **FOREACH)),
    ("Adamax", optimizers.Adamax, lambda params: torch.optim.Adamax(params, **FOREACH)),
    ("Nadam", optimizers.Nadam, lambda params: torch.optim.NAdam(params, **FOREACH)),
]  # fmt: skip


def seconds(step: Callable[[], object], steps: int) -> float:
    """The time of one step, from ``steps`` in a row."""
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps


def compare(shapes: list[tuple[int, ...]], rows: Rows, rounds: int, steps: int) -> list[tuple[str, float, float]]:
    """For each row lamina's and torch's median time of a step, in microseconds."""
    found = []
    for name, make_ours, make_theirs in rows:
        params = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
        others = [torch.nn.Parameter(param.detach().clone()) for param in params]
        grads = [torch.randn_like(param) * 1e-3 for param in params]
        for param, grad in zip(others, grads, strict=True):
            param.grad = grad
        ours, theirs = make_ours(), make_theirs(list[torch.Tensor](others))
        ours.build(params)

        def update(ours: optimizers.Optimizer = ours, grads: list[torch.Tensor] = grads) -> None:
            ours.update(grads)

        for step in (update, theirs.step):
            seconds(step, 10)
        times = [(seconds(update, steps), seconds(theirs.step, steps)) for _ in range(rounds)]
        mine, other = (statistics.median(column) * 1e6 for column in zip(*times, strict=True))
        found.append((name, mine, other))
    return found


def main() -> None:
    """Print a table for each set of parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    for title, shapes, steps in (("4 small parameters", MLP, given.steps),
                                 ("50 small parameters", DEEP, max(given.steps // 5, 1)),
                                 ("2 million numbers in 4 parameters", BIG, max(given.steps // 50, 1))):  # fmt: skip
        print(f"\n{title}\n{'':16}{'lamina us':>12}{'torch us':>12}{'ratio':>8}")
        for name, mine, other in compare(shapes, ROWS, given.rounds, steps):
            print(f"{name:16}{mine:12.1f}{other:12.1f}{mine / other:8.2f}")


if __name__ == "__main__":
    main()
