"""Names that layers and models get when they are given none: ``dense``, ``dense_1``, ``dense_2``, ..."""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina.registry import snake_case

_counts: Counter[str] = Counter()


@dataclass(frozen=True)
class Style:
    """How a generation of Keras names layers and models that are given no name.

    Arguments:
        from_one: whether the first of a class has a number, too (``dense_1``).
        words: what names of a class begin with, where that is not the class's name.
        snake: whether words are set apart (``max_pooling2d``, not ``maxpooling2d``).
        after_first: whether the input of a ``Sequential`` is named after the first layer (``dense_1_input``).
    """

    from_one: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    snake: bool = True
    after_first: bool = False


_TODAY = Style()


class _Here(threading.local):
    """What a thread has chosen for itself; what is set on the class holds for all others."""

    style: Style = _TODAY

    def __init__(self) -> None:
        self.scopes: list[name_scope] = []


_here = _Here()


def set_style(style: Style | None) -> None:
    """Name layers as a generation of Keras did, from now on; ``None``: as Keras 3 does."""
    vars(_here).pop("style", None)
    _Here.style = style or _TODAY


def standing() -> tuple[Style, Style | None]:
    """How layers are named in the program, and in this thread alone."""
    return _Here.style, vars(_here).get("style")


def set_standing(before: tuple[Style, Style | None]) -> None:
    """Name layers as :func:`standing` said."""
    _Here.style, own = before
    vars(_here).pop("style", None)
    if own is not None:
        _here.style = own


@contextlib.contextmanager
def using_style(style: Style | None) -> Iterator[None]:
    """Inside, and in this thread alone, layers are named so."""
    before = standing()
    _here.style = style or _TODAY
    try:
        yield
    finally:
        set_standing(before)


def names_differ() -> bool:
    """Whether layers are named in another way than today's."""
    return _here.style is not _TODAY


def layer_name(class_name: str) -> str:
    """The next free name of a layer or model of a class, in the active dialect's way.

    >>> reset_names()
    >>> set_style(Style(from_one=True, words={"InputLayer": "input"}))
    >>> layer_name("Dense"), layer_name("Dense"), layer_name("InputLayer")
    ('dense_1', 'dense_2', 'input_1')
    >>> set_style(None)
    """
    if not names_differ():
        return unique_name(class_name)
    word = _here.style.words.get(class_name, class_name)
    base = base_name(word) if _here.style.snake else word.lower()
    if _here.style.from_one or class_name == "InputLayer":
        return f"{base}_{next_number(base)}"
    return _numbered(base)


def numbered(names: Sequence[str]) -> list[str]:
    """Names of which none is there twice: the second ``dense`` is ``dense_1``.

    >>> numbered(["dense", "dense", "out"])
    ['dense', 'dense_1', 'out']
    """
    found: list[str] = []
    for name in names:
        number = names[: len(found)].count(name)
        found.append(f"{name}_{number}" if number else name)
    return found


def input_name(first: str) -> str | None:
    """What the input of a ``Sequential`` is called whose first layer is called ``first``; ``None``: as any input."""
    return f"{first}_input" if _here.style.after_first else None


def next_number(base: str) -> int:
    """1 for the first call with a base, 2 for the second, ...: one count for whatever is named by number."""
    _counts[base] += 1
    return _counts[base]


def unique_name(class_name: str) -> str:
    """The next free name after a class, in Keras 3's way: the first of a class has no number.

    >>> reset_names()
    >>> unique_name("Dense"), unique_name("Dense")
    ('dense', 'dense_1')
    """
    return _numbered(base_name(class_name))


def _numbered(base: str) -> str:
    number = next_number(base) - 1
    return f"{base}_{number}" if number else base


def base_name(class_name: str) -> str:
    """What the automatic names of a class begin with."""
    base = snake_case(class_name)
    return base if base[:1] != "_" else f"private{base}"


def automatic_base(name: str, class_name: str) -> str | None:
    """What today's name begins with, if ``name`` is one that is made by number; ``None`` for a name that somebody chose.

    >>> automatic_base("dense_3", "Dense"), automatic_base("head", "Dense")
    ('dense', None)
    """
    base = re.sub(r"_[1-9]\d*$", "", name)
    if base in (base_name(class_name), _SECOND_BASES.get(class_name)):
        return base
    is_older = base != name and (base == class_name.lower() or base in _OLDER_BASES.get(class_name, ()))
    return base_name(class_name) if is_older else None


_SECOND_BASES = {"Functional": "merge"}  # the model that Keras 1's Merge makes of branches
_OLDER_BASES: defaultdict[str, set[str]] = defaultdict(set)


def also_called(class_name: str, older: str) -> None:
    """Names of ``class_name`` that were made by number may begin with ``older``, a class of an older generation."""
    _OLDER_BASES[class_name] |= {base_name(older), older.lower()}


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
        around = _here.scopes[-1] if _here.scopes and self.deduplicate and self.caller is not None else None
        opened = around is None or around.caller is not self.caller or around.name != self.name
        if opened:
            _here.scopes.append(self)
        self._entered.append(opened)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._entered.pop():
            _here.scopes.pop()


def scope_path() -> str:
    """What the paths of new weights begin with: the names of the blocks around, each with a ``/``."""
    if not _here.scopes:
        return ""
    parts: list[str] = []
    for scope in _here.scopes:
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts) + "/"
