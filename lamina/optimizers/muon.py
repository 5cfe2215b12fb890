"""Muon: steps of matrices made orthogonal, and Adam for everything else."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor

from lamina.optimizers.adam import fused_adam
from lamina.optimizers.base import OPTIMIZERS, CommonButDecay, LearningRateLike, Optimizer, get_epsilon
from lamina.optimizers.state import Group, endless


@OPTIMIZERS.register("muon")
class Muon(Optimizer):
    """``w -= learning_rate * O(momentum * m + g)`` with ``m = momentum * m + g``, where ``O`` makes a matrix nearly
    orthogonal by ``ns_steps`` rounds of ``x = a x + (b A + c A A) x`` with ``A = x x^T``.

    Variables that are not matrices, embeddings (by their path) and ``exclude_layers`` are trained by Adam.
    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).

    Arguments:
        learning_rate: a number, schedule or function.
        adam_beta_1, adam_beta_2, epsilon: those of Adam.
        adam_weight_decay: the weight decay of what Adam trains.
        weight_decay: the weight decay of what Muon trains.
        exclude_layers: regular expressions; Adam trains the variables in whose path one is found.
        exclude_embeddings: whether Adam trains the variables with ``embedding`` in their path.
        muon_a, muon_b, muon_c: the numbers of the rounds.
        adam_lr_ratio: what the learning rate is multiplied by for Adam.
        momentum: how much of the average gradient a step keeps.
        ns_steps: the number of rounds.
        nesterov: whether the step looks ahead, as written above; otherwise it is ``O(m)``.
        rms_rate: a step is multiplied by this and by the root of the longer side; ``None`` leaves it as it is.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.eye(2))
    >>> Muon(0.1, weight_decay=None, rms_rate=None).apply([torch.eye(2)], [weight])
    >>> bool(weight[0, 0] < 1) and weight[0, 1].item() == 0
    True
    """

    hyperparameters = ("adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c",
                       "adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings",
                       "adam_weight_decay", "rms_rate")  # fmt: skip

    def __init__(self, learning_rate: LearningRateLike = 0.001, adam_beta_1: float = 0.9, adam_beta_2: float = 0.999,
                 adam_weight_decay: float | None = 0.004, epsilon: float | None = 1e-7,
                 weight_decay: float | None = 0.004, *, exclude_layers: Sequence[str] | None = None,
                 exclude_embeddings: bool = True, muon_a: float = 3.4445, muon_b: float = -4.775,
                 muon_c: float = 2.0315, adam_lr_ratio: float = 1, momentum: float = 0.95, ns_steps: int = 5,
                 nesterov: bool = True, rms_rate: float | None = 0.2,
                 **common: Unpack[CommonButDecay]) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = get_epsilon(epsilon)
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate
        self.momentums: list[Any] = []
        self.adam_velocities: list[Any] = []

    def _kind(self, index: int) -> bool:
        """Whether Adam trains the variable."""
        path = self._names[index]
        return (
            self._params[index].ndim != 2
            or (self.exclude_embeddings and "embedding" in path.lower())
            or any(re.search(pattern, path) for pattern in self.exclude_layers)
        )

    def _make_slots(self, variables: list[Tensor]) -> None:
        self.momentums, self.adam_velocities = [], []
        for index, variable in enumerate(variables):
            self.momentums.append(self.add_variable_from_reference(variable, "momentum"))
            by_adam = self._kind(index)
            self.adam_velocities.append(self.add_variable_from_reference(variable, "velocity") if by_adam else None)

    def _slots(self) -> tuple[list[Any], ...]:
        return self.momentums, self.adam_velocities

    def _decay_of(self, group: Group) -> float:
        return (self.adam_weight_decay or 0.0 if group.decays else 0.0) if group.kind else super()._decay_of(group)

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums, velocities = lists
        if velocities:
            fused_adam(rate * self.adam_lr_ratio, self._step_number(), grads, [params, momentums, velocities, []],
                       endless(params), self.adam_beta_1, self.adam_beta_2, self.epsilon)  # fmt: skip
            return
        torch._foreach_mul_(momentums, self.momentum)
        torch._foreach_add_(momentums, grads)
        moves = torch._foreach_add(grads, momentums, alpha=self.momentum) if self.nesterov else momentums
        for param, move in zip(params, moves, strict=True):
            scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(param.shape))
            param.sub_(self._orthogonal(move), alpha=rate * scale)

    def _orthogonal(self, x: Tensor) -> Tensor:
        tall = x.shape[0] > x.shape[1]
        x = x.t() if tall else x
        x = x / (torch.linalg.matrix_norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.t()
            mixed = torch.addmm(square, square, square, beta=self.muon_b, alpha=self.muon_c)
            x = torch.addmm(x, mixed, x, beta=self.muon_a)
        return x.t() if tall else x
