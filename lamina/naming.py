"""Names that layers and models get when they are given none: ``dense``, ``dense_1``, ``dense_2``, ..."""

from __future__ import annotations

from collections import Counter

from lamina.registry import snake_case

_counts: Counter[str] = Counter()


def unique_name(class_name: str) -> str:
    """The next free name after a class, in Keras 3's way: the first of a class has no number.

    >>> reset_names()
    >>> unique_name("Dense"), unique_name("Dense")
    ('dense', 'dense_1')
    """
    base = snake_case(class_name)
    base = base if base[:1] != "_" else f"private{base}"
    number = _counts[base]
    _counts[base] += 1
    return f"{base}_{number}" if number else base


def reset_names() -> None:
    """Count from the start again, as ``clear_session()`` does."""
    _counts.clear()
