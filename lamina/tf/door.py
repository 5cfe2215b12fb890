"""How a name of TensorFlow is found: its module's parts of the table, TensorFlow 1's own meaning first in old code."""

from __future__ import annotations

from typing import Any

from lamina.errors import did_you_mean
from lamina.tf import arrays, chance, datasets, flow, maths, networks, pictures, programs, rows, sessions, tapes, values
from lamina.tf.names import ABSENT, MODULES, VERSIONS
from lamina.tf.table import TABLE

FILES = (arrays, rows, maths, networks, values, chance, tapes, flow, datasets, pictures, programs, sessions)
_FIRST = "compat.v1."
_MISSING = object()


def split(path: str) -> tuple[str, bool | None]:
    """A module's path without the name of a generation in it, and whether that was TensorFlow 1's; ``None``: neither's.

    >>> split("compat.v1.nn"), split("python.ops.math_ops")
    (('nn', True), ('python.ops.math_ops', None))
    """
    for prefix, is_old in VERSIONS.items():
        if path == prefix or path.startswith(f"{prefix}."):
            return path[len(prefix) + 1 :], is_old
    return path, None


def _keys(path: str, name: str, old: bool) -> list[str]:
    path, said = split(path)
    keys = [f"{part}.{name}".lstrip(".") for part in MODULES.get(path, (path,))]
    older = [_FIRST + key for key in keys]
    return [*older, *keys] if (old if said is None else said) else [*keys, *older]


def find(path: str, name: str, old: bool) -> Any:
    """What TensorFlow has under a name.

    Arguments:
        path: the module below ``tensorflow``; empty for that itself.
        old: whether the code is of TensorFlow 1's time.

    Raises:
        AttributeError: for what is not in the table; the message says what to write instead.
    """
    found = next((TABLE[key] for key in _keys(path, name, old) if key in TABLE), _MISSING)
    if found is _MISSING:
        raise AttributeError(missing(path, name), name=name)
    return found


def missing(path: str, name: str) -> str:
    """What to say of a name that is not in the table."""
    below = f"{split(path)[0]}.{name}".lstrip(".")
    parts = below.split(".")
    for end in range(len(parts), 0, -1):
        known = ".".join(parts[:end])
        if known in ABSENT:
            return f"lamina has no tf.{below}: tf.{known} {ABSENT[known]}."
    return f"lamina has no tf.{below}.{did_you_mean(name, names(path))}"


def names(path: str) -> list[str]:
    """The names of a module that are in the table."""
    parts = MODULES.get(split(path)[0], ())
    found = set()
    for key in TABLE:
        today = key.removeprefix(_FIRST)
        part, _, name = today.rpartition(".")
        if part in parts:
            found.add(name)
    return sorted(found)
