"""``python -m fuzz.files --seconds 600 --seed 7``: files of every format, changed at random, and what opening them does.

Each must open, or be refused by a ``ValueError`` or an ``OSError`` that names it, soon and with little memory; nothing is
run, imported or written, and no other file is opened. A seed and a number make the same file again.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib
import os
import random
import re
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from fuzz import mutations
from fuzz.children import each
from lamina.graph.symbolic import leaves
from lamina.models import load_model, model_from_json, model_from_yaml

GOLDEN = Path(__file__).parent.parent / "golden" / "tf_keras.zip"
PATIENCE = 5.0  # seconds
Seeds = list[tuple[str, bytes]]
Case = tuple[int, int]
_WEIGHTS = ("weights.h5", ".safetensors", ".npz", ".pt")

_CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".keras": mutations.of_zip, ".h5": mutations.of_hdf5, ".json": mutations.of_json, ".npz": mutations.of_zip,
    ".pt": mutations.of_zip, ".safetensors": mutations.of_safetensors, ".yaml": mutations.of_yaml,
}  # fmt: skip


@functools.cache
def seeds() -> Seeds:
    """Whole files: a name, whose ending says the format, and the bytes. tf_keras wrote some, lamina the others."""
    with zipfile.ZipFile(GOLDEN) as archive:
        found = [(name, archive.read(name)) for name in archive.namelist() if name.endswith((".keras", ".h5", ".json"))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        for name in ("dense", "conv2d", "lstm", "nested", "several", "norms"):
            golden = Path(folder, "golden.keras")
            golden.write_bytes(dict(found)[f"{name}.keras"])
            found += _written(load_model(golden), f"lamina_{name}", Path(folder))
    return found


def _written(model: Any, name: str, folder: Path) -> Seeds:
    """A model in every format that lamina writes."""
    for ending in (".keras", ".h5"):
        model.save(folder / (name + ending))
    for ending in (".weights.h5", "_weights.h5", ".safetensors", ".npz", ".pt"):
        model.save_weights(folder / (name + ending))
    (folder / f"{name}.json").write_text(model.to_json())
    (folder / f"{name}.yaml").write_text(model.to_yaml())
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob(f"{name}*"))]


def draw(files: Seeds, case: Case) -> tuple[str, bytes]:
    """The file of a case: the name of its seed, and its bytes."""
    rng = random.Random(f"{case[0]} {case[1]}")
    name, data = rng.choice(files)
    change = mutations.of_bytes if rng.random() < 0.25 else _CHANGES[Path(name).suffix]
    return name, change(data, rng)


# ---- the judge -----------------------------------------------------------------------------------------------------

_watched: list[list[str]] = []
_EVENTS = ("exec", "compile", "marshal.", "pickle.", "import", "os.", "shutil.", "subprocess.", "socket.", "urllib.", "ctypes.",
           "tempfile.", "glob.", "open")  # fmt: skip
# What lamina and torch import late, whatever a file has in it.
_LATE = (
    "torch._dynamo",
    "rich.text",
    "rich.table",
    "rich.console",
    "rich._emoji_codes",
    "encodings.idna",
    "encodings.ascii",
)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if _watched and event.startswith(_EVENTS):
        told: Any = (
            args[0].co_filename if event == "exec" else args[1] if event == "compile" else args[0] if args else ""
        )
        if not (event == "open" and isinstance(told, (int, type(None)))) and told != "<lamina plan>":
            _watched[0].append(f"{event} {told!s:.100}")


class Judge:
    """Opens files as users do, in a folder of its own, and says what was wrong with how that went."""

    def __init__(self, files: Seeds) -> None:
        self.files = files
        self.folder: Path | None = None
        self.models: dict[str, Any] = {}
        self.described = 0  # bytes of weights that JSON asked for, which the machine may have

    def __call__(self, case: Case) -> str:
        name, data = draw(self.files, case)
        return self.judge(name, data)

    def _begin(self) -> None:
        """Once in a child: a folder, and everything imported that opening takes."""
        self.folder = Path(tempfile.mkdtemp(prefix="lamina-fuzz-"))
        warnings.simplefilter("ignore")
        for name, data in [*self.files[:12], *self.files[-12:]]:
            self._try(name, self._written(name, data))
        repr(torch.ones(1))  # an error's words: torch imports what it needs for that when it first does it
        sys.addaudithook(_watch)

    def _written(self, name: str, data: bytes) -> Path:
        assert self.folder is not None
        path = self.folder / f"m{Path(name).suffix}"
        path.write_bytes(data)
        return path

    def _model_for(self, name: str) -> Any:
        """The model that a file of weights is for."""
        stem = re.sub(r"((_weights|\.weights)\.h5|\.safetensors|\.npz|\.pt)$", "", name)
        if stem not in self.models:
            self.models[stem] = model_from_json(dict(self.files)[f"{stem}.json"].decode())
        return self.models[stem]

    def _try(self, name: str, path: Path) -> Any:
        if name.endswith(".json"):
            return model_from_json(path.read_bytes())  # pyright: ignore[reportArgumentType]
        if name.endswith(".yaml"):
            return model_from_yaml(path.read_bytes())  # pyright: ignore[reportArgumentType]
        if name.endswith(_WEIGHTS):
            model = self._model_for(name)
            model.load_weights(path)
            return model
        return load_model(path)

    def judge(self, name: str, data: bytes) -> str:
        """``"opened"``, ``"refused"``, or what was wrong."""
        if self.folder is None:
            self._begin()
        path = self._written(name, data)
        if name.endswith(_WEIGHTS):
            self._model_for(name)
        before = hashlib.sha256(data).digest()
        there = sorted(os.listdir(path.parent))
        memory = _Memory()
        events: list[str] = []
        start = time.monotonic()
        _watched.append(events)
        try:
            verdict = self._opened(name, path)
        finally:
            _watched.clear()
        seconds, used = time.monotonic() - start, memory.peak()
        wrong = [event for event in events if event != f"open {path}"]
        if wrong:
            return f"did {wrong[:3]}; {verdict}"
        if hashlib.sha256(path.read_bytes()).digest() != before or sorted(os.listdir(path.parent)) != there:
            return f"the file or its folder was changed; {verdict}"
        if used > 4 * len(data) + 200e6 + self.described:
            return f"{used / 1e6:.0f} MB for a file of {len(data) / 1e6:.1f} MB; {verdict}"
        if seconds > PATIENCE:
            return f"{seconds:.1f} s; {verdict}"
        return verdict

    def _opened(self, name: str, path: Path) -> str:
        self.described = 0
        where = {".json": "the JSON of the model", ".yaml": "the YAML of the model"}.get(path.suffix, str(path))
        try:
            model = self._try(name, path)
        except OSError as error:
            return "refused" if error.filename or where in str(error) else f"no name of the file: {error!r}"
        except ValueError as error:
            return "refused" if where in str(error) else f"no name of the file: {error!r}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
            return f"{type(error).__name__}: {error}"
        if model.built and name.endswith((".json", ".yaml")):
            self.described = 3 * sum(weight.numel() * weight.element_size() for weight in model.weights)
        shapes = [*leaves(model.output_shape)] if model._plan is not None else []
        if not all(size is None or (isinstance(size, int) and size >= 0) for size in shapes):
            return f"opened with the output shape {model.output_shape}"
        return "opened"


class _Memory:
    """The most memory that the process has from now on, over what it has now; nothing where the system doesn't say."""

    def __init__(self) -> None:
        self.before = 0
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self.before = self._read("VmRSS")
        except OSError:
            self.before = -1

    def _read(self, key: str) -> int:
        return int(re.findall(rf"{key}:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024

    def peak(self) -> int:
        return 0 if self.before < 0 else self._read("VmHWM") - self.before


# ---- running -------------------------------------------------------------------------------------------------------


def find(seed: int, seconds: float, count: int | None = None, first: int = 0) -> tuple[dict[str, int], list[str]]:
    """How many files were opened, refused and judged badly, and how to make each of the last again."""
    files = seeds()
    end = time.monotonic() + seconds

    def drawn() -> Iterator[Case]:
        number = first
        while time.monotonic() < end and (count is None or number < first + count):
            yield seed, number
            number += 1

    for module in _LATE:
        importlib.import_module(module)
    counts = dict.fromkeys(("opened", "refused", "bad"), 0)
    failures: list[str] = []
    for case, answer in each(Judge(files), drawn(), patience=4 * PATIENCE):
        counts[answer if answer in counts else "bad"] += 1
        if answer not in ("opened", "refused"):
            failures.append(f"python -m fuzz.files --seed {case[0]} --first {case[1]} --count 1 --keep .   "
                            f"# {draw(files, case)[0]}: {answer}")  # fmt: skip
            print(failures[-1], flush=True)
    return counts, failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.files", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    parser.add_argument("--count", type=int, default=None, help="stop after so many files")
    parser.add_argument("--first", type=int, default=0, help="the number of the first file")
    parser.add_argument("--keep", type=Path, help="a folder to write the first file to")
    given = parser.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    if given.keep:
        name, data = draw(seeds(), (seed, given.first))
        (given.keep / f"{seed}-{given.first}-{name}").write_bytes(data)
    counts, failures = find(seed, given.seconds, given.count, given.first)
    print(f"seed {seed}: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    return min(len(failures), 1)


if __name__ == "__main__":
    sys.exit(main())
