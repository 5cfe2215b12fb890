"""Processes that a script starts: ``import keras`` means lamina in those of ``multiprocessing``, too, however they start.

A child that is forked is a copy. One that is spawned is a new Python: the first thing that it reads is what is made here, and
that opens the door before the script's modules are imported.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import multiprocessing
import multiprocessing.spawn
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from lamina.compat.modules import as_keras

# Modules that prepare a new process as multiprocessing.spawn does.
_SPAWNING = ("multiprocessing.spawn", "joblib.externals.loky.backend.spawn", "loky.backend.spawn")


class Door:
    """Opens in the process that unpickles it."""

    def __init__(self, dialect: str | None) -> None:
        self.dialect = dialect

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open_door, (self.dialect,)


def open_door(dialect: str | None) -> str | None:
    """In a child: :func:`lamina.as_keras`, from now on."""
    as_keras(dialect)
    return dialect


@contextlib.contextmanager
def children_see(dialect: str | None) -> Iterator[None]:
    """Inside, children that are started see lamina in Keras's place."""
    changed: list[tuple[types.ModuleType, Any]] = []

    def change(module: types.ModuleType) -> None:
        prepare = module.get_preparation_data

        def with_door(*args: Any, **kwargs: Any) -> dict[str, Any]:
            return {"lamina": Door(dialect), **prepare(*args, **kwargs)}

        changed.append((module, prepare))
        module.get_preparation_data = with_door  # pyright: ignore[reportAttributeAccessIssue]

    for name in _SPAWNING:
        if name in sys.modules:
            change(sys.modules[name])
    if hasattr(multiprocessing, "set_forkserver_preload"):  # Windows has none
        multiprocessing.set_forkserver_preload([])  # it would import the script without the door
    finder = _WhenImported(change)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module, prepare in changed:
            module.get_preparation_data = prepare  # pyright: ignore[reportAttributeAccessIssue]


class _WhenImported(importlib.abc.MetaPathFinder):
    """Calls a function with each of ``_SPAWNING`` that is imported later."""

    def __init__(self, change: Callable[[types.ModuleType], None]) -> None:
        self.change = change

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _SPAWNING:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                run(module)
                self.change(module)

            spec.loader.exec_module = exec_module
        return spec
