"""What the tests of hostile files share: a good file's members, how an archive is packed, and what a refusal is."""

from __future__ import annotations

import encodings.ascii  # noqa: F401 - else Python would open it in the midst of a test
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from lamina.layers import Dense, Input
from lamina.models import Model, load_model
from lamina.optimizers import Adam

HUGE = 10**12


def small() -> Any:
    """Two inputs, an operator, a torch function, a compiled optimizer with state."""
    torch.manual_seed(0)
    a, b = Input((4,), name="a"), Input((4,), name="b")
    hidden = Dense(3, activation="relu", name="hidden")
    total = torch.erf(hidden(a) + hidden(b))
    model = Model([a, b], Dense(2, name="out")(total), name="small")
    model.compile(Adam(name="adam"), "mse", metrics=["mae"])
    model.train_on_batch([np.ones((2, 4), "float32")] * 2, np.ones((2, 2), "float32"))
    return model


def pack(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def refused(path: Path, **options: Any) -> str:
    """The sentence with which a file is refused; nothing is imported, and no other file is opened."""
    return sentence_of(lambda: load_model(path, **options), str(path))


def sentence_of(read: Callable[[], Any], where: str) -> str:
    """The sentence with which something is refused, which begins with ``where``; what is left of it is returned."""
    before = set(sys.modules)
    opened: list[str] = []
    _watching.append(opened)
    try:
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentences are compared by the callers
            read()
    finally:
        _watching.clear()
    assert {name for name in set(sys.modules) - before if not name.startswith("encodings.")} == set()
    assert {name for name in opened if isinstance(name, str)} <= {where}, opened
    assert str(error.value).startswith(where)
    return str(error.value).removeprefix(where)


_watching: list[list[Any]] = []
_RUNS = (
    "exec",
    "os.system",
    "os.posix_spawn",
    "subprocess.Popen",
    "marshal.loads",
    "pickle.find_class",
    "socket.connect",
)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    is_ours = event == "exec" and args[0].co_filename == "<lamina plan>"  # the forward that lamina itself writes
    if _watching and (event == "open" or event in _RUNS) and not is_ours:
        _watching[0].append(args[0] if event == "open" else f"{event} was called")


sys.addaudithook(_watch)


def with_weights(parts: dict[str, bytes], change: Callable[[Any], None]) -> dict[str, bytes]:
    stream = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        change(file)
    return {**parts, "model.weights.h5": stream.getvalue()}


class nothing:
    """A context that does nothing."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...
