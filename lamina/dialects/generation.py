"""The form that each generation's table has. The tables are in ``keras1``, ``keras2``, ``tf_keras`` and ``keras3``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamina.naming import Style


class Gone(NamedTuple):
    """An argument that lamina has no counterpart for."""

    harmless: tuple[Any, ...]  # values with which the argument changed nothing, so that it can be left out
    sentence: str  # what to say about any other value; empty: there is nothing to say, it is left out
    error: type[Exception] | None = TypeError  # None: warn, and leave the argument out


class Call(NamedTuple):
    """How a function or method was called, where it differs from today."""

    order: str = ""  # the names of its positional arguments
    renamed: Mapping[str, str] = {}
    gone: Mapping[str, Gone] = {}
    defaults: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Generation:
    """What a generation of Keras means by a call that has no old keyword in it: the active dialect's tables.

    Arguments:
        name: the name that ``set_dialect`` takes.
        version: what ``keras.__version__`` says under ``as_keras``.
        order: a class's positional arguments, where they are not today's or where ``defaults`` need to know them.
        defaults: arguments given to a class that is called without them, where the default or the formula differed.
        words: by kind of argument (``activation``, ``initializer``, ...), what a name meant, where it differed.
        positional: how many positional arguments a class takes, where there was a limit.
        calls: functions and methods, as ``Class.method``.
        names: how layers and models are named that are given no name.
    """

    name: str
    version: str
    order: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    positional: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, Call] = field(default_factory=dict)
    names: Style = field(default_factory=Style)
