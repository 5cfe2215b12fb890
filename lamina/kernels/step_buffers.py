"""What the GRU and the LSTM that run all their steps by themselves share: the gates' activations and the buffers' keeping."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from lamina import activations

Tensors = Sequence[torch.Tensor]
tanh_backward: Any = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward: Any = torch.ops.aten.sigmoid_backward.grad_input
_clip_backward: Any = torch.ops.aten.hardtanh_backward.grad_input


# ---- gates ---------------------------------------------------------------------------------------------------------


class Gate(NamedTuple):
    """The activation of gates: a sigmoid, or ``clip(slope * x + 0.5, 0, 1)``, whose inner part is made beforehand.

    Attributes:
        slope: by which what comes to the gates is multiplied beforehand, and 0.5 added; ``None`` for the sigmoid.
        of: the activation of what that gives.
        in_place: the same, written over its argument.
        times_slope: ``times_slope(factor, gate, out)`` is ``factor`` times the slope of ``of`` where it gave ``gate``.
    """

    slope: float | None
    of: Callable[[torch.Tensor], torch.Tensor]
    in_place: Callable[[torch.Tensor], Any]
    times_slope: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]

    def line(self, is_gate: Sequence[bool], units: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What to multiply by and to add beforehand ``(G * U,)``; ``is_gate`` tells which of the G parts are gates."""
        slopes = [self.slope or 1.0 if gate else 1.0 for gate in is_gate]
        halves = [0.5 if gate and self.slope else 0.0 for gate in is_gate]
        slope, half = like.new_tensor([slopes, halves]).repeat_interleave(units, 1)
        return slope, half


def _hard(slope: float) -> Gate:
    return Gate(slope, lambda x: x.clamp(0, 1), lambda x: x.clamp_(0, 1),
                lambda factor, gate, out: _clip_backward(factor, gate, 0, 1, grad_input=out))  # fmt: skip


SIGMOID = Gate(None, torch.sigmoid, torch.sigmoid_,
               lambda factor, gate, out: _sigmoid_backward(factor, gate, grad_input=out))  # fmt: skip
_GATES = {id(activation): gate for activation, gate in (
    (activations.sigmoid, SIGMOID), (torch.sigmoid, SIGMOID), (activations.hard_sigmoid, _hard(1 / 6)),
    (F.hardsigmoid, _hard(1 / 6)), (activations.hard_sigmoid_keras2, _hard(0.2)), (activations.sparse_sigmoid, _hard(0.5)),
)}  # fmt: skip


def gate_of(activation: Any) -> Gate | None:
    """The gate whose activation this is, if any."""
    return _GATES.get(id(activation))


# ---- buffers ---------------------------------------------------------------------------------------------------------

_KEPT, _KEPT_BYTES = 8, 2**26  # how many workspaces wait for a next run, and how large they may be together
_free: deque[tuple[Any, Any]] = deque(maxlen=_KEPT)


class Lease:
    """A workspace for as long as someone holds this: a run's gradient, as a rule. Then the next run of its shape gets it.

    To make a step's parts of all buffers takes as long as what is done with them where little is, and memory that was
    just written is near.

    Arguments:
        kind: the class of the workspace, which is made of ``sizes`` and ``dtype`` and tells its ``nbytes``.
    """

    def __init__(self, kind: Any, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        self.key = kind, sizes, dtype
        for _ in range(len(_free)):
            try:  # each call is atomic: other threads may take from here, too
                key, space = _free.popleft()
            except IndexError:
                break
            if key == self.key:
                self.space = space
                return
            _free.append((key, space))
        with torch.inference_mode():
            self.space = kind(sizes, dtype)

    def __del__(self) -> None:
        space = getattr(self, "space", None)
        if space is not None and space.nbytes + sum(other.nbytes for _, other in list(_free)) <= _KEPT_BYTES:
            _free.append((self.key, space))


def each_step(*tensors: torch.Tensor) -> Sequence[Tensors]:
    """For each step the tensors' parts."""
    return list(zip(*(tensor.unbind(0) for tensor in tensors), strict=True))


def gradients_again(outputs: Tensors, grads: Tensors, tensors: Tensors, needed: Sequence[bool]) -> list[Any]:
    """The gradients of recorded ``outputs`` as operations that can be differentiated once more; ``None`` where not needed."""
    wanted = [tensor for tensor, needs in zip(tensors, needed, strict=True) if needs]
    found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if needs else None for needs in needed]
