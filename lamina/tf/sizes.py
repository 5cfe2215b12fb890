"""What ``tf.shape(x)`` gives: sizes that are numbers of Python's, or not known yet, and that can be calculated with.

TensorFlow gives a tensor of int32. Here sizes are known without data, so that nothing waits for a device, a compiler sees
through them, and the shape of a symbolic tensor can be taken apart, too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch


class Size(int):
    """One size."""

    dtype = torch.int32
    shape = ()

    def numpy(self) -> np.int32:
        """The number as NumPy's."""
        return np.int32(self)


class Sizes(tuple[Any, ...]):
    """All sizes of a tensor. Arithmetic is by element, as with tensors.

    >>> Sizes((2, 3)) * 2, Sizes((2, 3, 4))[1:], Sizes((2, 3))[0]
    (Sizes(4, 6), Sizes(3, 4), 2)
    """

    __slots__ = ()
    dtype = torch.int32
    __array_ufunc__ = None  # NumPy leaves operators to us

    def __new__(cls, sizes: Iterable[Any]) -> Sizes:
        return super().__new__(cls, (Size(one) if isinstance(one, int) else one for one in sizes))

    @property
    def shape(self) -> tuple[int]:
        """How many sizes there are, as a shape."""
        return (len(self),)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Sizes(found) if isinstance(index, slice) else found

    def numpy(self) -> np.ndarray:
        """The sizes as an array."""
        return np.array(tuple(self), np.int32)

    def tolist(self) -> list[Any]:
        """The sizes as a list."""
        return list(self)

    def __repr__(self) -> str:
        return f"Sizes({', '.join(map(str, self))})"


def _by_element(function: Callable[[Any, Any], Any], reflected: bool) -> Callable[[Sizes, Any], Any]:
    def operate(self: Sizes, other: Any) -> Any:
        if isinstance(other, torch.Tensor):
            numbers = torch.tensor(tuple(map(int, self)), dtype=torch.int32, device=other.device)
            return function(other, numbers) if reflected else function(numbers, other)
        others = [other] * len(self) if not isinstance(other, (list, tuple, np.ndarray)) else list(other)
        if len(others) == 1:
            others = others * len(self)
        if len(others) != len(self):
            raise ValueError(f"{len(self)} sizes and {len(others)} numbers don't go together.")
        pairs = zip(others, self, strict=True) if reflected else zip(self, others, strict=True)
        return Sizes(function(first, second) for first, second in pairs)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _function = getattr(operator, _name)
    setattr(Sizes, f"__{_name}__", _by_element(_function, False))
    setattr(Sizes, f"__r{_name}__", _by_element(_function, True))
