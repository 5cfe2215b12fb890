"""The door for old module paths: ``import keras``, ``keras.layers.core``, ``tensorflow.keras``, ... resolve to lamina.

Nothing of lamina is imported before a name is asked for, and a real Keras stays as it was when the door is shut.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from lamina.compat import paths, tensorflow
from lamina.compat.tensorflow import Shell
from lamina.dialects import keras3, notes, translator
from lamina.dialects.absent import no_such, reason
from lamina.dialects.alias import old_call, old_class

_TOP = tuple(sorted({root.partition(".")[0] for root in paths.ROOTS}))


def _below_root(name: str) -> str | None:
    """``tensorflow.keras.layers.core`` -> ``layers.core``; ``None`` for what is under no root."""
    for root in paths.ROOTS:
        if name == root or name.startswith(f"{root}."):
            return name[len(root) + 1 :]
    return None


def _exists(module: str) -> bool:
    if module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is not there
        return False


class OldModule(types.ModuleType):
    """A module of Keras: each of its names is looked up in lamina when it is asked for."""

    def _targets(self) -> Iterator[types.ModuleType]:
        names = paths.PATHS.get(_below_root(self.__name__) or "", ())
        return (importlib.import_module(name) for name in names if _exists(name))

    def __getattr__(self, name: str) -> Any:
        below = _below_root(self.__name__) or ""
        if name == "__all__":
            return [public for public in dir(self) if not public.startswith("_")]
        if name == "__version__":
            return translator.GENERATIONS[translator.dialect() or "keras3"].version
        if name == "version" and not below:
            return lambda: self.__version__
        if name.startswith("__"):  # what Python asks of modules; lamina's answers would be another module's
            raise AttributeError(name)
        child = f"{below}.{name}".lstrip(".")
        if child in paths.PATHS and _is_there(child):
            return importlib.import_module(f"{self.__name__}.{name}")
        found = _look_up(below, name, self._targets())
        if found is _MISSING:
            raise AttributeError(_no_such(self.__name__, name, dir(self)), name=name)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = paths.CALLED.get(_below_root(self.__name__) or "")
        if function is None:
            raise TypeError(f"{self.__name__} is a module, and can't be called.")
        return getattr(importlib.import_module("lamina.compat.bygone"), function)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r}, which is lamina's>"

    def __dir__(self) -> list[str]:
        below = _below_root(self.__name__) or ""
        part = below.partition(".")[0]
        names = {public for module in self._targets() for public in _public_names(module)}
        names -= {public for public in names if public.startswith("_")}
        if not below:  # `from keras import *` gives keras.layers and the like
            names |= {path for path in paths.PATHS if path and "." not in path and _is_there(path)} | {"version"}
        renamed = {old for old, new in paths.NAMES.get(part, {}).items() if new in names}
        return sorted(names | renamed | paths.BYGONE.get(part, frozenset()))


_MISSING = object()


def _public_names(module: types.ModuleType) -> Iterable[str]:
    """What a module of lamina gives to ``import *``; ``dir`` knows of older names besides."""
    own = vars(module)
    return (
        dir(module)
        if "__dir__" in own
        else own.get("__all__", [name for name in dir(module) if not name.startswith("_")])
    )


def _look_up(below: str, name: str, targets: Iterable[types.ModuleType]) -> Any:
    """The object that old Keras had under this name, or ``_MISSING``."""
    part = below.partition(".")[0]
    if name in paths.BYGONE.get(part, ()):
        return getattr(importlib.import_module("lamina.compat.bygone"), name)
    dialect = translator.dialect() or "keras3"
    meant = paths.MEANT.get(part, {}) if dialect != "keras3" else {}
    meant = meant | paths.MEANT_IN.get(dialect, {}).get(part, {})
    today = paths.NAMES.get(part, {}).get(name, name)
    modules = list(targets) if name in keras3.ALIASES else targets
    for module in modules:
        for candidate in dict.fromkeys((meant.get(name, name), name, today)):
            found = getattr(module, candidate, _MISSING)
            if found is not _MISSING:
                return _in_old_words(name, candidate, found)
    return _old_class(name, modules) if name in keras3.ALIASES else _MISSING


def _old_class(name: str, modules: Iterable[types.ModuleType]) -> Any:
    today = keras3.ALIASES[name][0]
    found = next((vars(module)[today] for module in modules if today in vars(module)), _MISSING)
    return _MISSING if found is _MISSING else old_class(name, found)


def _in_old_words(name: str, today: str, found: Any) -> Any:
    """``found`` itself, or as a call in old words where there is a table for it."""
    active = translator.GENERATIONS[translator.dialect() or "keras3"]
    for key in (name, today):
        if callable(found) and (key in keras3.CALLS or key in active.calls):
            return old_call(key, found)
    return found


def _is_there(below: str) -> bool:
    """Whether lamina has anything of this path: one of its modules, or a path below it."""
    targets = paths.PATHS.get(below)
    if targets is None:
        return False
    return not targets or any(_exists(name) for name in targets)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """What makes ``import keras...`` find :class:`OldModule`."""

    is_door = True

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The spec of an old module; ``None`` for what is no business of Keras's."""
        if fullname.partition(".")[0] not in _TOP:
            return None
        below = _below_root(fullname)
        if below is None and fullname not in tensorflow.MODULES and tensorflow.real_module(fullname) is not None:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname not in tensorflow.MODULES and (below is None or not _is_there(below)):
            # `from keras.layers import Name` comes here, too, when the module has no such name.
            raise ImportError(self._sentence(fullname, below), name=fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """An empty module: names are looked up when they are asked for."""
        if _below_root(spec.name) is None and spec.name not in tensorflow.MODULES:
            return tensorflow.real_module(spec.name) or types.ModuleType(spec.name)
        return (Shell if spec.name in tensorflow.MODULES else OldModule)(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run; with TensorFlow, tensors learn its words."""
        if isinstance(module, Shell):
            tensorflow.opened()

    def _sentence(self, fullname: str, below: str | None) -> str:
        if below is None:
            return tensorflow.missing(fullname)
        parent, _, name = fullname.rpartition(".")
        if below in paths.PATHS:
            notes.missing(fullname)
            missing = " or ".join(paths.PATHS[below])
            return f"{fullname} has no counterpart in lamina: there is no {missing}.{reason(below)}"
        known = dir(sys.modules[parent]) if parent in sys.modules else []
        return _no_such(parent, name, known)


def _no_such(module: str, name: str, known: Iterable[str]) -> str:
    notes.missing(f"{module}.{name}")
    below = _below_root(module) or ""
    return no_such(below, name, known, module.removesuffix(below).rstrip("."))


class OpenDoor(contextlib.AbstractContextManager["OpenDoor"]):
    """What :func:`as_keras` returns: leaving its ``with`` block, or :meth:`close`, puts everything back."""

    def __init__(self, dialect: str | None) -> None:
        self._before = translator.standing()
        if dialect is not None:
            translator.set_dialect(dialect)
        self._displaced = {name: module for name, module in sys.modules.items() if _is_keras(name)}
        self._finder = Finder()
        for name in self._displaced:
            del sys.modules[name]
        sys.meta_path.insert(0, self._finder)

    def close(self) -> None:
        """Put back what was there before. Closing twice does nothing."""
        if self._finder not in sys.meta_path:
            return
        sys.meta_path.remove(self._finder)
        for name in [name for name in sys.modules if _is_keras(name)]:
            del sys.modules[name]
        sys.modules.update(self._displaced)
        tensorflow.closed()
        translator.set_standing(self._before)

    def __exit__(self, *exc: object) -> None:
        self.close()


def _is_keras(module: str) -> bool:
    return module.partition(".")[0] in _TOP


def as_keras(dialect: str | None = None) -> OpenDoor:
    """Let ``import keras`` (of any generation) and ``import tensorflow.keras`` find lamina, from now on.

    Arguments:
        dialect: the generation whose defaults and argument order calls have, as in ``set_dialect``; ``None`` keeps the
            one that is active.

    As a context manager it does so inside the block only. A real Keras that was imported before is set aside and comes
    back in the end; names that are bound to it already stay its own, so call this first.

    >>> with as_keras():
    ...     from keras.utils.np_utils import to_categorical
    ...     to_categorical([1], nb_classes=2)
    array([[0., 1.]])
    """
    _warn_of_real_keras(sys._getframe(1).f_globals)
    return OpenDoor(dialect)


def _warn_of_real_keras(names: dict[str, Any]) -> None:
    if names.get("__name__") != "__main__":
        return
    for name, value in list(names.items()):
        if isinstance(value, types.ModuleType) and _below_root(value.__name__) is not None:
            if not isinstance(value, OldModule):
                warnings.warn(f"{name!r} was imported before as_keras() and stays the real {value.__name__}. "
                              "Call as_keras() first.", RuntimeWarning, stacklevel=3)  # fmt: skip
            return
