"""The race: lamina, hand-written torch and Keras 3 on each of its backends train and answer side by side.

Run: ``python benchmarks/bench_race.py [NAME ...]``, where a name picks the workloads that contain it. Each engine has a
process of its own for each workload, three times over, since one may be lucky with its place in memory; they take turns,
an epoch each, so that a noisy minute meets all of them. Before anything is timed, all train an epoch from the same
weights on the same batches: an engine whose loss differs from hand-written torch's by more than 1e-4 is void. The figures
go into ``benchmarks/results.json``, where a run of some workloads renews their rows, and from there into
``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from engines import ENGINES
from workloads import WORKLOADS, Workload

PROCESSES, EPOCHS = 3, 4  # of each engine and of each process, after the first
TOLERANCE = 1e-4
RESULTS, FIGURES = Path(__file__).with_name("RESULTS.md"), Path(__file__).with_name("results.json")
KERAS = tuple(engine for engine in ENGINES if engine.startswith("keras"))
Found = dict[str, Any]


class Process:
    """An engine at work on a workload."""

    def __init__(self, engine: str, workload: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("engines.py")), engine, workload]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.answer()

    def ask(self, what: str, *args: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, *args]) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate()[1][-2000:])
        return json.loads(line)

    def end(self) -> None:
        self.process.communicate()


def engines_here(workload: Workload) -> list[str]:
    """The engines that are installed and can run the workload."""
    names = ["lamina", "torch", *(["torch tuned"] if workload.images else [])]
    if not workload.only_lamina and importlib.util.find_spec("keras"):
        names += [name for name in KERAS if importlib.util.find_spec(name.removeprefix("keras "))]
    return names


def race(workload: Workload) -> Found:
    """The figures of each engine on a workload: of the epochs all, of the rest the median of the processes."""
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "weights.npz")
        # In a process of its own: what writing takes is not to count as memory of training.
        writer = Process("lamina", workload.name)
        writer.ask("write_weights", weights)
        writer.end()
        rounds = [race_once(workload, weights) for _ in range(PROCESSES)]
    found: Found = {}
    for name in rounds[0]:
        figures = [one[name] for one in rounds]
        keys = [key for key in figures[0] if key != "epochs" and all(key in one for one in figures)]
        found[name] = {key: statistics.median(one[key] for one in figures) for key in keys}
        found[name]["off"] = max(one["off"] for one in figures)
        if found[name]["off"] <= TOLERANCE:
            found[name]["epochs"] = [epoch for one in figures for epoch in one["epochs"]]
    return found


def race_once(workload: Workload, weights: str) -> Found:
    """The figures of one process of each engine; of an engine whose loss is off, only by how much."""
    processes = {name: Process(name, workload.name) for name in engines_here(workload)}
    found: Found = {name: {"verified": process.ask("verify", weights), "import": process.ask("imported")}
                    for name, process in processes.items()}  # fmt: skip
    for figures in found.values():
        figures["off"] = abs(figures["verified"] / found["torch"]["verified"] - 1)
    running = {name: process for name, process in processes.items() if found[name]["off"] <= TOLERANCE}
    for name, process in running.items():
        found[name] |= {"build": process.ask("build"), "first": process.ask("epoch"), "epochs": []}
    for _ in range(EPOCHS):
        for name, process in running.items():
            found[name]["epochs"].append(process.ask("epoch"))
    for name, process in running.items():
        found[name]["memory"] = process.ask("memory")
    for name, process in running.items():
        found[name] |= process.ask("rows")
        found[name] |= process.ask("files")
    for process in processes.values():
        process.end()
    return found


# ---- tables ----------------------------------------------------------------------------------------------------------


@dataclass
class Table:
    """A Markdown table."""

    head: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def middle(figures: Found) -> float | None:
    return statistics.median(figures["epochs"]) if "epochs" in figures else None


def spread(figures: Found) -> str:
    """The median epoch, and between which figures the middle half of them lies."""
    if "epochs" not in figures:
        return f"void (loss off by {figures['off']:.0e})"
    low, median, high = statistics.quantiles(figures["epochs"], n=4)
    return f"{median:.3g} ({low:.3g}-{high:.3g})"


def ratio(mine: float | None, theirs: float | None) -> str:
    return "" if mine is None or theirs is None else f"{mine / theirs:.2f}"


def best(found: Found, key: str, engines: tuple[str, ...] = KERAS) -> float | None:
    """The smallest figure among engines."""
    return min((found[name][key] for name in engines if key in found.get(name, {})), default=None)


def training_table(results: dict[str, Found]) -> Table:
    engines = [name for name in ENGINES if any(name in found for found in results.values())]
    table = Table(["workload", *engines, "lamina / torch", "lamina / best Keras"])
    for workload, found in results.items():
        cells = [spread(found[name]) if name in found else "" for name in engines]
        keras = min((m for name in KERAS if name in found and (m := middle(found[name])) is not None), default=None)
        ours = middle(found["lamina"])
        table.rows.append([workload, *cells, ratio(ours, middle(found["torch"])), ratio(ours, keras)])
    return table


def answering_table(results: dict[str, Found]) -> Table:
    table = Table(["workload", "`model(x)`, us", "torch", "best Keras", "lamina is faster than Keras by",
                   "`predict`, us", "torch", "best Keras", "lamina is faster than Keras by",
                   "bulk predict, rows/s", "torch (tuned)", "best Keras", "lamina time / torch time"])  # fmt: skip
    for workload, found in results.items():
        ours, row = found["lamina"], [workload]
        for key in ("call", "predict"):
            keras = best(found, key)
            times = f"{keras / ours[key]:.1f}x" if keras and key in ours else ""
            row += [f"{ours.get(key, 0):.0f}", f"{best(found, key, ('torch', 'torch tuned')):.0f}",
                    f"{keras:.0f}" if keras else "", times]  # fmt: skip
        by_hand = max(found[name]["bulk"] for name in ("torch", "torch tuned") if "bulk" in found.get(name, {}))
        keras = max((found[name]["bulk"] for name in KERAS if "bulk" in found.get(name, {})), default=None)
        row += [f"{ours.get('bulk', 0):,.0f}", f"{by_hand:,.0f}", f"{keras:,.0f}" if keras else "",
                ratio(by_hand, ours.get("bulk"))]  # fmt: skip
        table.rows.append(row)
    return table


def rest_table(results: dict[str, Found]) -> Table:
    table = Table(["workload", "engine", "build, ms", "first epoch, ms/step", "peak memory, MB", "save, MB/s",
                   "load, MB/s", "file, MB"])  # fmt: skip
    for workload, found in results.items():
        for name, figures in found.items():
            if "epochs" in figures:
                numbers = [f"{figures[key]:.3g}" for key in ("build", "first")]
                numbers += [
                    f"{figures['memory']:.0f}",
                    *(f"{figures[key]:.3g}" for key in ("save", "load", "megabytes")),
                ]
                table.rows.append([workload, name, *numbers])
    return table


def import_table(results: dict[str, Found]) -> Table:
    table = Table(["engine", "import, s"])
    for engine in ENGINES:
        times = [found[engine]["import"] for found in results.values() if engine in found]
        if times:
            table.rows.append([engine, f"{statistics.median(times):.2f}"])
    return table


def machine() -> str:
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")] if Path("/proc/cpuinfo").exists() else []  # fmt: skip
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "keras", "jax", "tensorflow", "numpy")
                if importlib.util.find_spec(name)]  # fmt: skip
    processor = models[0] if models else platform.processor()
    return f"{processor}, {torch.get_num_threads()} threads; Python {platform.python_version()}, {', '.join(packages)}."


def report(results: dict[str, Found]) -> str:
    absent = [name for name in ("keras", "jax", "tensorflow") if not importlib.util.find_spec(name)]
    skipped = f"\nNot installed here, and so left out: {', '.join(absent)}.\n" if absent else ""
    fewer = "; ".join(f"{one.name}: {one.compared} steps" for one in WORKLOADS.values() if one.compared)
    return f"""# Results of the race

Written by `python benchmarks/bench_race.py`; do not edit. {machine()}
{skipped}
Every engine has a process of its own, {PROCESSES} times over, and they take turns. Before the timing all train an epoch
({fewer}) from the same weights on the same batches, without Dropout; one whose loss is off hand-written torch's by more than
{TOLERANCE:.0e} is void.
"torch" is an idiomatic loop (`nn` modules, fused Adam, loss and accuracy summed on the device), "torch tuned" the same in
channels-last memory. Ratios below 1 mean that lamina is faster.

## Training: `fit`, ms a step

Median of {PROCESSES * EPOCHS} epochs, with the quartiles.

{training_table(results)}

## Answering: one row, and many

One row under `inference_mode`; `predict` takes and gives NumPy arrays; rows a second in the batches of training.

{answering_table(results)}

## Importing

{import_table(results)}

## Building, the first epoch, memory, files

{rest_table(results)}
"""


def main() -> None:
    """Run the race, show it, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run the workloads that contain one of these")
    chosen = parser.parse_args()
    names = [name for name in WORKLOADS if not chosen.names or any(part in name for part in chosen.names)]
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    # Rows that were measured elsewhere or with other versions do not stand beside new ones.
    results: dict[str, Found] = kept.get("rows", {}) if kept.get("machine") == machine() else {}
    for name in names:
        results[name] = found = race(WORKLOADS[name])
        print(f"{name}: " + "; ".join(f"{engine} {spread(figures)}" for engine, figures in found.items()), flush=True)
        rows = {name: results[name] for name in WORKLOADS if name in results}
        FIGURES.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n", encoding="utf-8")
        RESULTS.write_text(report(rows), encoding="utf-8")
    print(f"\n{report({name: results[name] for name in names})}")


if __name__ == "__main__":
    main()
