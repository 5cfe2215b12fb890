"""State that is kept between calls: Keras's ``assign`` for every tensor, and variables that are no weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter


class Variable(Tensor):
    """A tensor with a name, which ``assign``, ``assign_add`` and ``assign_sub`` change in place.

    Arguments:
        value: the first numbers, copied.
        name: what the variable is called.
        path: its owner's name, a slash and its own.

    >>> total = Variable(torch.zeros(()), name="total")
    >>> _ = total.assign_add(2)
    >>> total + 1
    tensor(3.)
    """

    # As for nn.Parameter, operations give plain tensors at a plain tensor's speed.
    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]
    name: str = ""  # pyright: ignore[reportIncompatibleVariableOverride]
    path: str = ""
    trainable = False

    if TYPE_CHECKING:  # which every tensor has, see below

        def assign(self, value: Any) -> Tensor: ...
        def assign_add(self, value: Any) -> Tensor: ...
        def assign_sub(self, value: Any) -> Tensor: ...

    def __new__(cls, value: Any, dtype: torch.dtype | None = None, name: str = "", path: str = "") -> Variable:
        return torch.as_tensor(value, dtype=dtype).detach().clone().as_subclass(cls)

    def __init__(self, value: Any, dtype: torch.dtype | None = None, name: str = "", path: str = ""):
        super().__init__()
        self.name = name
        self.path = path or name

    @classmethod
    def holding(cls, value: Tensor, name: str, owner: str) -> Variable:
        """A variable that is ``value`` itself: its memory is shared, not copied."""
        made = value.detach().as_subclass(cls)
        made.name, made.path = name, f"{owner}/{name}"
        return made

    @property
    def value(self) -> Tensor:
        """The numbers as a plain tensor, which shares the variable's memory."""
        return self.as_subclass(Tensor)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        made = Variable(self, name=self.name, path=self.path)
        memo[id(self)] = made
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<Variable path={self.path}, shape={tuple(self.shape)}, value={self.tolist()}>"


# ---- assigning -----------------------------------------------------------------------------------------------------

_kept = 0  # how many of the calls under way only ask for a shape; see unchanged


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """Inside, ``assign`` changes nothing: a layer is run to learn its output's shape, not to count the call."""
    global _kept
    _kept += 1
    try:
        yield
    finally:
        _kept -= 1


def are_unchanged() -> bool:
    """Whether a layer is run only to learn its output's shape."""
    return _kept > 0


def _assign(self: Tensor, value: Any) -> Tensor:
    """Set the numbers, in place and outside of any gradient. (Keras's name; lamina adds it to ``torch.Tensor``.)"""
    if _kept:
        return self
    new = torch.as_tensor(value, dtype=self.dtype, device=self.device)
    if new.shape != self.shape:
        raise ValueError(
            f"assign needs numbers of the variable's shape {tuple(self.shape)}, and got {tuple(new.shape)}."
        )
    self.detach().copy_(new.detach())
    return self


def _assign_add(self: Tensor, value: Any) -> Tensor:
    """Add to the numbers, as ``assign``."""
    if not _kept:
        self.detach().add_(torch.as_tensor(value, dtype=self.dtype, device=self.device).detach())
    return self


def _assign_sub(self: Tensor, value: Any) -> Tensor:
    """Take from the numbers, as ``assign``."""
    if not _kept:
        self.detach().sub_(torch.as_tensor(value, dtype=self.dtype, device=self.device).detach())
    return self


def _name_of(self: Tensor) -> str | None:
    """A weight's name: the end of its ``path``."""
    return getattr(self, "path", "").rpartition("/")[2] or None


def _is_trainable(self: Tensor) -> bool:
    """Whether training changes a weight."""
    return isinstance(self, Parameter) and self.requires_grad


def _set_trainable(self: Tensor, value: bool) -> None:
    self.requires_grad_(value)


def _numbers(self: Parameter, *, force: bool = False) -> np.ndarray:
    """A weight's numbers, which share its memory: as of any tensor, though gradients are taken of a weight."""
    return Tensor.numpy(self.detach(), force=force)


# Weights are torch's own parameters and buffers. A class of lamina's own for them would be slower at every operation,
# and would be neither compiled nor exported; a few names that torch has no use for cost nothing.
_words = {
    "assign": _assign, "assign_add": _assign_add, "assign_sub": _assign_sub,
    "value": property(lambda self: self, doc="The tensor itself: what Keras's variables hold."),
    "name": property(_name_of), "trainable": property(_is_trainable, _set_trainable),
}  # fmt: skip
for _word, _meaning in _words.items():
    setattr(Tensor, _word, _meaning)
Parameter.numpy = _numbers  # which np.asarray asks, too
