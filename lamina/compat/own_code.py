"""``--custom-objects``: classes and functions that somebody names on the command line, out of code of their own.

The names come from whoever types the command, never from a file of a model.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lamina.compat.modules import as_keras
from lamina.errors import did_you_mean


def custom_objects(specs: Iterable[str], dialect: str | None = None) -> dict[str, Any]:
    """The objects that are named so: ``module:Name``, ``code.py:Name,other``, ``name_in_the_file=module:Name``, or a module
    alone, which registers what is its own. ``import keras`` means lamina in it.

    Raises:
        ValueError: when there is no such module, or it has no such name.

    >>> custom_objects(["math:floor", "up=math:ceil"])["up"](0.5)
    1
    """
    found: dict[str, Any] = {}
    for spec in specs:
        module_name, _, names = spec.partition(":")
        key, _, module_name = module_name.rpartition("=")
        with as_keras(dialect):
            module = _imported(module_name)
        for name in filter(None, (name.strip() for name in names.split(","))):
            if not hasattr(module, name):
                raise ValueError(f"{module_name} has no {name!r}.{did_you_mean(name, vars(module))}")
            found[key or name] = getattr(module, name)
    return found


def _imported(name: str) -> Any:
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
        if spec is None or spec.loader is None:
            raise ValueError(f"There is no file {name!r} for --custom-objects.")
        module = importlib.util.module_from_spec(spec)
        with _found_first(str(path.parent.resolve())):
            spec.loader.exec_module(module)
        return module
    with _found_first(str(Path.cwd())):
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise ValueError(f"There is no module {name!r} for --custom-objects.")
        return importlib.import_module(name)


@contextlib.contextmanager
def _found_first(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
