"""Shapes as tf.keras and Keras on TensorFlow have them: tuples that know ``as_list()``, and sizes that know ``value``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Self

from lamina.dialects import habits


class Dimension(int):
    """A size of Keras 1's and 2's time, when it was no number yet."""

    @property
    def value(self) -> int:
        """The number."""
        return int(self)


class TensorShape(tuple[Any, ...]):
    """A shape; sizes that are not known are ``None``.

    >>> shape = TensorShape((None, 3, 4))
    >>> shape, shape.as_list(), shape.ndims, shape[1:].num_elements(), shape.is_fully_defined()
    ((None, 3, 4), [None, 3, 4], 3, 12, False)
    """

    __slots__ = ()

    @classmethod
    def of(cls, sizes: Iterable[Any]) -> Self:
        """The shape, with sizes of the active dialect's kind."""
        number = Dimension if habits().sizes_have_values else int
        return cls(None if size is None else number(size) for size in sizes)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return TensorShape(found) if isinstance(index, slice) else found

    def __reduce__(self) -> Any:
        return TensorShape, (tuple(self),)

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)

    rank = ndims

    @property
    def dims(self) -> list[Any]:
        """The sizes, as a list."""
        return list(self)

    def as_list(self) -> list[int | None]:
        """The sizes as a list of plain numbers."""
        return [None if size is None else int(size) for size in self]

    def num_elements(self) -> int | None:
        """The number of elements; ``None`` where it is not known."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        """Whether all sizes are known."""
        return None not in self

    def is_compatible_with(self, other: Iterable[Any]) -> bool:
        """Whether both can be the shape of one tensor."""
        other = tuple(other)
        return len(other) == len(self) and all(
            None in pair or pair[0] == pair[1] for pair in zip(self, other, strict=True)
        )

    def assert_has_rank(self, rank: int) -> None:
        """Raise a ``ValueError`` unless there are ``rank`` axes."""
        if len(self) != rank:
            raise ValueError(f"The shape {tuple(self)} has {len(self)} axes, and {rank} were expected.")


def check_shape(shape: Iterable[Any], asked: Iterable[Any]) -> None:
    """What ``set_shape`` comes to where shapes are known: nothing, unless they contradict each other.

    Raises:
        ValueError: when they do.
    """
    if not TensorShape(shape).is_compatible_with(asked):
        raise ValueError(f"set_shape got {tuple(asked)}, and the tensor has the shape {tuple(shape)}.")
