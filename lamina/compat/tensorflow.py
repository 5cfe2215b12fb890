"""``import tensorflow``: ``tensorflow.keras`` is lamina, and what Keras code calls on tensors is in the table of ``lamina.tf``.

Where a real TensorFlow is installed, a name that the table lacks is its own.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from typing import Any

from lamina.compat import paths
from lamina.dialects import notes, translator
from lamina.tf import names

ROOT = "tensorflow"


def _modules() -> frozenset[str]:
    """All modules that are found: those of the table, under the names of both generations, and what stands on the way to
    ``keras``."""
    found = {ROOT}
    for path in (root.partition(".")[2] for root in paths.ROOTS if root.startswith(f"{ROOT}.")):
        parts = path.split(".")[:-1]
        found |= {".".join([ROOT, *parts[:end]]) for end in range(1, len(parts) + 1)}
    for path in names.MODULES:
        found |= {".".join(part for part in (ROOT, version, path) if part) for version in ("", *names.VERSIONS)}
    return frozenset(found | {f"{ROOT}._api"})


MODULES = _modules()


def _is_old() -> bool:
    """Whether the active dialect's code is of TensorFlow 1's time."""
    return paths.TENSORFLOW_VERSIONS[translator.dialect() or "keras3"].startswith("1.")


def missing(fullname: str) -> str:
    """What to say of a name of TensorFlow that is not there."""
    notes.missing(fullname)
    path, _, name = fullname.removeprefix(f"{ROOT}.").rpartition(".")
    return _door().missing(path, name)


def _door() -> Any:
    return importlib.import_module("lamina.tf.door")


class Shell(types.ModuleType):
    """``tensorflow`` or a module of it: its names are looked up when they are asked for."""

    @property
    def _path(self) -> str:
        return self.__name__.removeprefix(ROOT).lstrip(".")

    def __getattr__(self, name: str) -> Any:
        child, path = f"{self.__name__}.{name}", self._path
        if child in MODULES or child in paths.ROOTS:
            return importlib.import_module(child)
        if name in ("__version__", "VERSION", "__compiler_version__"):
            return paths.TENSORFLOW_VERSIONS[translator.dialect() or "keras3"]
        if name == "__all__":
            return [public for public in dir(self) if not public.startswith("_")]
        if name.startswith("__"):
            raise AttributeError(name)
        of_keras = name in names.OF_KERAS and path in ("", "compat.v2") and not _is_old()
        if of_keras:
            return importlib.import_module(f"{ROOT}.keras.{name}")
        try:
            return _door().find(path, name, _is_old())
        except AttributeError:
            found = real(path, name)
            if found is not None:
                return found
            notes.missing(child)
            raise

    def __dir__(self) -> list[str]:
        children = [one for one in MODULES if one.rpartition(".")[0] == self.__name__]
        children += [one for one in paths.ROOTS if one.rpartition(".")[0] == self.__name__]
        return sorted({*_door().names(self._path), *(one.rpartition(".")[2] for one in children)})

    def __repr__(self) -> str:
        return f"<module {self.__name__!r}, lamina's stand-in>"


# ---- a real TensorFlow ---------------------------------------------------------------------------------------------

_real_modules: dict[
    str, types.ModuleType
] = {}  # those of the real one and of what it imports, while they are set aside


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in (ROOT, "keras", "tf_keras")


@contextlib.contextmanager
def _set_aside() -> Iterator[None]:
    """Inside, ``import tensorflow`` means the real one."""
    finders = sys.meta_path[:]
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    sys.meta_path[:] = [one for one in finders if not hasattr(one, "is_door")]
    for name in ours:
        del sys.modules[name]
    sys.modules.update(_real_modules)
    try:
        yield
    finally:
        _real_modules.update({name: module for name, module in sys.modules.items() if _is_ours(name)})
        for name in _real_modules:
            sys.modules.pop(name, None)
        sys.modules.update(ours)
        sys.meta_path[:] = finders


def real(path: str, name: str) -> Any:
    """What a real TensorFlow has under a name that the table lacks; ``None`` where there is none, or it has no such name.
    A function of it runs while ``import tensorflow`` means the real one."""
    if importlib.machinery.PathFinder.find_spec(ROOT) is None:
        return None
    with _set_aside():
        try:
            found = getattr(importlib.import_module(f"{ROOT}.{path}".rstrip(".")), name, None)
        except ModuleNotFoundError:  # of a module that only other versions have
            return None
    if not isinstance(found, types.FunctionType):
        return found

    @functools.wraps(found)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _set_aside():
            return found(*args, **kwargs)

    return call


def real_module(fullname: str) -> types.ModuleType | None:
    """A module of a real TensorFlow that is none of the table's."""
    if importlib.machinery.PathFinder.find_spec(ROOT) is None:
        return None
    with _set_aside():
        try:
            return importlib.import_module(fullname)
        except ModuleNotFoundError as error:
            if error.name is None or not fullname.startswith(error.name):  # something that it needs
                raise
            return None


def opened() -> None:
    """``tensorflow`` was imported: tensors know its words."""
    importlib.import_module("lamina.tf.words").speak()


def closed() -> None:
    """The door shut: they are forgotten, unless another door is open."""
    words = sys.modules.get("lamina.tf.words")
    if words is not None and not isinstance(sys.modules.get(ROOT), Shell):
        words.be_silent()
