"""Names that layers and models get when they are given none: ``dense``, ``dense_1``, ``dense_2``, ..."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lamina.registry import snake_case

_counts: Counter[str] = Counter()


def unique_name(class_name: str) -> str:
    """The next free name after a class, in Keras 3's way: the first of a class has no number.

    >>> reset_names()
    >>> unique_name("Dense"), unique_name("Dense")
    ('dense', 'dense_1')
    """
    base = base_name(class_name)
    number = _counts[base]
    _counts[base] += 1
    return f"{base}_{number}" if number else base


def base_name(class_name: str) -> str:
    """What the automatic names of a class begin with."""
    base = snake_case(class_name)
    return base if base[:1] != "_" else f"private{base}"


def automatic_base(name: str, class_name: str) -> str | None:
    """What ``name`` begins with, if it is one that :func:`unique_name` makes; ``None`` for a name that somebody chose.

    >>> automatic_base("dense_3", "Dense"), automatic_base("head", "Dense")
    ('dense', None)
    """
    base = re.sub(r"_[1-9]\d*$", "", name)
    return base if base in (base_name(class_name), _SECOND_BASES.get(class_name)) else None


_SECOND_BASES = {"Functional": "merge"}  # the model that Keras 1's Merge makes of branches


def reset_names() -> None:
    """Count from the start again, as ``clear_session()`` does."""
    _counts.clear()


class name_scope:
    """A ``with`` block: the paths of weights that are made inside begin with its name.

    Arguments:
        name: the name, without ``/``.
        caller, deduplicate: whose block it is; a block that its caller opened already is not opened again.
        override_parent: a path in place of that of the blocks around.

    Raises:
        ValueError: for a name with ``/``, or one that is no string.

    >>> with name_scope("encoder"), name_scope("block"):
    ...     scope_path()
    'encoder/block/'
    """

    def __init__(
        self, name: str, caller: Any = None, deduplicate: bool = True, override_parent: str | None = None
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"The name of a name_scope must be a string without '/', and got {name!r}.")
        self.name = name
        self.caller = caller
        self.deduplicate = deduplicate
        self.override_parent = override_parent
        self._entered: list[bool] = []

    def __enter__(self) -> name_scope:
        around = _scopes[-1] if _scopes and self.deduplicate and self.caller is not None else None
        opened = around is None or around.caller is not self.caller or around.name != self.name
        if opened:
            _scopes.append(self)
        self._entered.append(opened)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._entered.pop():
            _scopes.pop()


_scopes: list[name_scope] = []


def scope_path() -> str:
    """What the paths of new weights begin with: the names of the blocks around, each with a ``/``."""
    if not _scopes:
        return ""
    parts: list[str] = []
    for scope in _scopes:
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts) + "/"
