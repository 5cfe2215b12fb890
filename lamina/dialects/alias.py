"""Old names of modern classes: objects to call, to subclass, to deserialize and to ask ``isinstance`` about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from lamina import naming
from lamina.dialects import keras3
from lamina.dialects.translator import Arguments, translate_alias, translate_call

Reader = Callable[[str, tuple[Any, ...], dict[str, Any]], Arguments]


class Alias:
    """A class under another name, whose calls are read in that name's words.

    Arguments:
        name: the old name.
        cls: the modern class.
        read: turns ``(name, args, kwargs)`` into the modern class's arguments.
    """

    def __init__(self, name: str, cls: Any, read: Reader = translate_alias) -> None:
        self.__name__ = self.__qualname__ = name
        self.__doc__ = cls.__doc__
        self.__wrapped__ = cls
        self._read = read

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self._read(self.__name__, args, kwargs)
        if self._read is translate_alias and naming.names_differ() and kwargs.get("name") is None:
            kwargs["name"] = naming.layer_name(self.__name__)  # after the class of then, not after today's
        return self.__wrapped__(*args, **kwargs)

    def from_config(self, config: dict[str, Any]) -> Any:
        """A modern object from what the old class's ``get_config`` returned."""
        return self(**config)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.__wrapped__)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self.__wrapped__)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.__wrapped__,)

    def __getattr__(self, name: str) -> Any:
        if name == "__wrapped__":  # while a copy is being made
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return f"<{self.__name__}, which is lamina's {self.__wrapped__.__name__}>"


def old_classes(members: Mapping[str, Any]) -> dict[str, Any]:
    """Every older name of the layer classes in ``members``: the class itself, or an :class:`Alias` of it.

    >>> class Conv1D: ...
    >>> sorted(old_classes({"Conv1D": Conv1D}))
    ['AtrousConv1D', 'AtrousConvolution1D', 'Convolution1D']
    """
    return {
        old: old_class(old, members[today])
        for old, (today, _) in keras3.ALIASES.items()
        if today in members and old not in members
    }


@functools.cache
def old_class(name: str, cls: Any) -> Any:
    """A layer class under an older name: itself where only the name differs, else an :class:`Alias` of it."""
    return cls if name in keras3.SYNONYMS else Alias(name, cls)


@functools.cache
def old_call(name: str, obj: Any) -> Any:
    """A class or function whose calls are read by the tables of functions (``translate_call``) under ``name``."""
    return Alias(name, obj, translate_call)
