"""``python -m clients.one FOLDER DIALECT MODULE``: run the uses of a module, and print what came of each, a line of JSON each.

The dialect is a matter of the whole program, so that each package has a process of its own.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import random
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import lamina

# What a package imports itself is fetched with it; what a NumPy of its age still had is given back to it.
_OLD_NUMPY = {"float": float, "int": int, "bool": bool, "object": object, "Inf": np.inf, "product": np.prod}


def uses(module: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    """The module's public functions, in the order in which they stand there."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value


def fault(use: Callable[[], None]) -> str | None:
    """Why a use fails, with the last line of the package or of the use that was reached; ``None`` where it passes."""
    np.random.seed(0)
    random.seed(0)
    lamina.utils.set_random_seed(0)
    try:
        use()
    except Exception as error:  # noqa: BLE001 whatever it is, it is what is reported
        lines = traceback.extract_tb(error.__traceback__)
        foreign = [line for line in lines if "/lamina/" not in line.filename and "/torch/" not in line.filename]
        last = foreign[-1]
        return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
    return None


def main(folder: str, dialect: str, name: str) -> None:
    warnings.simplefilter("ignore")
    sys.path.insert(0, folder)
    for old, new in _OLD_NUMPY.items():
        if old not in vars(np):
            setattr(np, old, new)
    lamina.as_keras(dialect)
    module = importlib.import_module(name)
    with tempfile.TemporaryDirectory() as own:
        os.chdir(own)  # what a package writes is gone afterwards
        for use, function in uses(module):
            print(json.dumps({"use": use, "fault": fault(function)}), flush=True)
        os.chdir(folder)


if __name__ == "__main__":
    main(*sys.argv[1:4])
