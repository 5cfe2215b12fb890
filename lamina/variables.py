"""State that is kept between calls and is not a weight: a tensor with Keras's ``assign`` methods."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Variable(Tensor):
    """A tensor to compute with, which ``assign``, ``assign_add`` and ``assign_sub`` change in place.

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

    def assign(self, value: Any) -> Variable:
        """Set the numbers."""
        self.copy_(_plain(value, self))
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the numbers."""
        self.add_(_plain(value, self))
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Take from the numbers."""
        self.sub_(_plain(value, self))
        return self

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


def _plain(value: Any, like: Tensor) -> Tensor:
    """``value`` without its history, so that state never keeps a batch's graph alive."""
    if not isinstance(value, Tensor):
        return torch.as_tensor(value, device=like.device)
    return value.detach() if value.requires_grad else value
