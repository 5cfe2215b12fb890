"""What an optimizer keeps: its variables, the numbers it lends out, and the groups that one kernel call updates."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from lamina import config


class _Lent:
    """A number that belongs to an optimizer: plain to compute with, and ``assign`` sets it there, as Keras's does."""

    set: Callable[[Any], None]

    def assign(self, value: Any) -> None:
        """Set the optimizer's number."""
        self.set(value)

    @property
    def value(self) -> Any:
        """The number."""
        return self

    def get_value(self, borrow: bool = False) -> Any:
        """The number, as Theano's variables gave theirs (Keras 1)."""
        return cast(Any, self).numpy()

    def eval(self, session: Any = None) -> Any:
        """The number, as TensorFlow's tensors gave theirs."""
        return cast(Any, self).numpy()


class LentFloat(_Lent, float):
    """A learning rate that was read from an optimizer."""

    @staticmethod
    def make(value: float, setter: Callable[[Any], Any]) -> LentFloat:
        """``value``, with the method that sets it."""
        lent = LentFloat(value)
        lent.set = setter
        return lent

    def numpy(self) -> np.ndarray:
        """The number as an array of shape ``()``."""
        return np.array(float(self), dtype=as_numpy_type(config.floatx()))

    def __reduce__(self) -> Any:
        return float, (float(self),)


class LentInt(_Lent, int):
    """A number of steps that was read from an optimizer."""

    @staticmethod
    def make(value: int, setter: Callable[[Any], None]) -> LentInt:
        """``value``, with the method that sets it."""
        lent = LentInt(value)
        lent.set = setter
        return lent

    def numpy(self) -> np.ndarray:
        """The number as an array of shape ``()``."""
        return np.array(int(self))

    def __reduce__(self) -> Any:
        return int, (int(self),)


def as_numpy_type(name: str) -> str:
    """``name``, or float32 for bfloat16, which NumPy lacks."""
    return "float32" if name == "bfloat16" else name


def to_numpy(tensor: Tensor) -> np.ndarray:
    """A copy as a NumPy array; bfloat16 becomes float32."""
    tensor = tensor.detach().cpu()
    return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), order="C")


class Group:
    """Parameters of one device, type, decay and kind, with their slots: what one multi-tensor call updates.

    Arguments:
        indices: the places of the parameters in the optimizer's list.
        lists: the parameters, then each kind of slot, in that order; a slot that the group lacks is an empty list.
        decays: whether weight decay applies.
        kind: what the optimizer tells its groups apart by.
    """

    __slots__ = ("decays", "indices", "kind", "lists", "orders", "params", "slots_in_memory", "steps")

    def __init__(self, indices: list[int], lists: list[list[Tensor]], decays: bool, kind: Any) -> None:
        self.indices = indices
        self.lists = lists
        self.params = lists[0]
        self.decays = decays
        self.kind = kind
        self.steps = endless(self.params)
        orders = [_memory_order(param) for param in self.params]
        self.orders = orders if any(order is not None for order in orders) else None
        self.slots_in_memory = [_permuted(slots, orders) for slots in lists[1:]]

    def in_memory_order(self, grads: Sequence[Any]) -> tuple[Sequence[Any], list[list[Any]]]:
        """``grads``, and the lists, with each tensor's axes in the order in which they lie in memory.

        torch's fused kernels copy a gradient that is not contiguous, which takes longer than the step itself.
        """
        if self.orders is None:
            return grads, self.lists
        return _permuted(grads, self.orders), [_permuted(self.params, self.orders), *self.slots_in_memory]

    def among(self, present: Container[int]) -> Group | None:
        """The part of the group whose indices are ``present``, or ``None``."""
        places = [place for place, index in enumerate(self.indices) if index in present]
        if not places:
            return None
        lists = [[items[place] for place in places] if items else [] for items in self.lists]
        return Group([self.indices[place] for place in places], lists, self.decays, self.kind)


def _memory_order(tensor: Tensor) -> tuple[int, ...] | None:
    """The permutation that makes a tensor contiguous, or ``None`` where it is so, or can't be made so."""
    if tensor.is_contiguous():
        return None
    order = tuple(sorted(range(tensor.ndim), key=lambda axis: -tensor.stride(axis)))
    return order if tensor.permute(order).is_contiguous() else None


def _permuted(tensors: Sequence[Any], orders: Sequence[tuple[int, ...] | None]) -> list[Any]:
    return [tensor if order is None or tensor.ndim != len(order) else tensor.permute(order)
            for tensor, order in zip(tensors, orders, strict=False)]  # fmt: skip


def endless(params: list[Any]) -> list[Tensor]:
    """For each parameter an infinite step number.

    torch's fused kernels divide by ``1 - beta**step``, which is then 1. The correction for the true step, one number
    for all parameters, goes into the learning rate: no counters to keep on the device.
    """
    return [torch.full((), math.inf, device=params[0].device)] * len(params)


def like(gradient: Any, parameter: Tensor) -> Tensor:
    """``gradient`` dense, in the parameter's type and with its strides, which torch's fused kernels rely on."""
    gradient = torch.as_tensor(gradient, device=parameter.device)
    if gradient.layout is not torch.strided:
        gradient = gradient.to_dense()
    if gradient.shape != parameter.shape:
        raise ValueError(f"A gradient must have its parameter's shape {tuple(parameter.shape)}, and got "
                         f"{tuple(gradient.shape)}.")  # fmt: skip
    if gradient.dtype == parameter.dtype and gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def clip_by_norm(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """Each gradient scaled down so that its own 2-norm is at most ``limit``."""
    norms = list(torch._foreach_norm(gradients))
    torch._foreach_clamp_min_(norms, limit)
    clipped = list(torch._foreach_mul(gradients, limit))
    torch._foreach_div_(clipped, norms)
    return clipped


def clip_by_global_norm(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """All gradients scaled down by one factor so that their common 2-norm is at most ``limit``."""
    device = gradients[0].device
    norms = [norm.to(device) for norm in torch._foreach_norm(gradients)]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    # The last addend is 0, or NaN when the norm is not finite, which then spoils all gradients, as in Keras.
    factor = limit * torch.clamp_max(1 / norm, 1 / limit) + (norm - norm)
    return list(torch._foreach_mul(gradients, factor))


def clip_by_value(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """Each number of the gradients brought between ``-limit`` and ``limit``."""
    clipped = list(torch._foreach_clamp_min(gradients, -limit))
    torch._foreach_clamp_max_(clipped, limit)
    return clipped
