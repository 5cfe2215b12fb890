"""Where a name of any Keras is today: in lamina, or in Keras 3, whose namespaces lamina has."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from lamina.compat import paths
from lamina.dialects import absent, keras3
from lamina.dialects.backend_names import KERAS3_LACKS

TARGETS = {"lamina": "lamina", "keras3": "keras"}
_PUBLIC = ("layers", "models", "optimizers", "optimizers.schedules", "losses", "metrics", "callbacks", "initializers",
           "regularizers", "constraints", "activations", "utils", "saving", "config", "random", "ops", "backend",
           "wrappers", "preprocessing", "datasets", "")  # fmt: skip
# Keras 3 has none of K, whose functions are elsewhere.
_MOVED = ("backend",)


class Place(NamedTuple):
    """A module of the target, and a name in it; ``""`` for the module itself."""

    module: str
    name: str

    @property
    def whole(self) -> str:
        """The dotted path."""
        return f"{self.module}.{self.name}".rstrip(".")


def below_root(name: str) -> str | None:
    """``tensorflow.keras.layers.Dense`` -> ``layers.Dense``; ``None`` for what is not Keras's."""
    for root in sorted(paths.ROOTS, key=len, reverse=True):
        if name == root or name.startswith(f"{root}."):
            return name[len(root) + 1 :]
    return None


def is_module(path: str) -> bool:
    """Whether this path below Keras is one of its modules."""
    return path in paths.PATHS


@functools.cache
def place(path: str, to: str, dialect: str) -> Place | None:
    """Where ``layers.core.Dense`` is in the target; ``None`` where it is nowhere."""
    if is_module(path) and path not in paths.CALLED:
        return _module_place(path, to)
    module, _, name = path.rpartition(".")
    if module not in paths.PATHS:
        return None
    found = next(_candidates(module, name, to, dialect), None)
    return None if found is None else Place(_in_target(found[0], to), found[1])


def _module_place(path: str, to: str) -> Place | None:
    part = path.partition(".")[0]
    if to == "keras3" and part in _MOVED:
        return None
    known = [target for target in paths.PATHS[path] if _module(target) is not None]
    if not known:
        return None
    return Place(_in_target(f"lamina.{path}".rstrip(".") if _is_public(path) else known[0], to), "")


def _candidates(module: str, name: str, to: str, dialect: str) -> Iterator[tuple[str, str]]:
    """Public modules of lamina that have an object, and its name in them."""
    part = module.partition(".")[0]
    meant = paths.MEANT.get(part, {}) if dialect != "keras3" else {}
    meant = meant | paths.MEANT_IN.get(dialect, {}).get(part, {})
    # A class by its old name is made in today's words, whatever it was called.
    today = keras3.ALIASES[name][0] if name in keras3.ALIASES else None
    names = [today] if today else [meant.get(name, name), name, paths.NAMES.get(part, {}).get(name, name)]
    for candidate in dict.fromkeys(names):
        for target in paths.PATHS[module]:
            found = getattr(_module(target), candidate, None)
            if found is None or name in paths.BYGONE.get(part, ()):
                continue
            for public in dict.fromkeys((part, *_PUBLIC)):
                lacking = to == "keras3" and candidate in KERAS3_LACKS.get(public, ())
                if not lacking and _is_public(public) and _has(public, candidate, found):
                    yield f"lamina.{public}".rstrip("."), candidate


def _has(public: str, name: str, found: Any) -> bool:
    module = _module(f"lamina.{public}".rstrip("."))
    return name in getattr(module, "__all__", ()) and getattr(module, name) is found


def _is_public(path: str) -> bool:
    return path in _PUBLIC or (
        path.startswith(("datasets.", "applications.")) and _module(f"lamina.{path}") is not None
    )


@functools.cache
def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _in_target(module: str, to: str) -> str:
    return TARGETS[to] + module.removeprefix("lamina")


def why_not(path: str, to: str) -> str:
    """A sentence about a name that the target lacks."""
    if to == "lamina":
        return absent.sentence(path) or f"lamina has no {path}."
    return f"Keras 3 has no {path}.{absent.reason(path)}"


@functools.cache
def parameters(path: str) -> list[str]:
    """The positional parameters of what lamina has at a path, in order: ``layers.Dense``, ``models.Model.fit``."""
    *module, name = path.split(".")
    method = name if module and module[-1][:1].isupper() else ""
    cls = module.pop() if method else name
    found = getattr(_module(".".join(("lamina", *module))), cls, None)
    if not callable(found):
        return []
    signature = inspect.signature(getattr(found, method) if method else found)
    names = [one.name for one in signature.parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
    return names[1:] if method else names
