"""Adam and its relatives: a moving average of gradients over the root of one of their squares."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import math
from typing import Any, Unpack

import torch
from torch import Tensor

from lamina.optimizers.base import OPTIMIZERS, Common, CommonButDecay, LearningRateLike, Optimizer, get_epsilon
from lamina.optimizers.state import Group, endless


def fused_adam(rate: float, step: int, grads: Any, lists: Any, steps: list[Tensor],
               beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0) -> None:  # fmt: skip
    """Keras's Adam by torch's fused kernel; ``lists`` are parameters, momentums, velocities and their largest values.

    Keras adds epsilon to the root of the velocity itself, torch to that of the corrected one. ``steps`` are infinite,
    so torch corrects nothing; the correction is a factor on the rate, where epsilon and the decay do not meet it.
    """
    params, momentums, velocities, hats = lists
    correction = math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    torch._fused_adamw_(
        params, grads, momentums, velocities, hats, steps,
        lr=rate * correction, beta1=beta_1, beta2=beta_2, weight_decay=decay / correction, eps=epsilon,
        amsgrad=bool(hats), maximize=False,
    )  # fmt: skip


class _TwoMoments(Optimizer):
    """What Adam's relatives share: the slots ``momentum`` and ``velocity``, and three arguments."""

    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(self, learning_rate: LearningRateLike = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float | None = 1e-7, **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = get_epsilon(epsilon)
        self._momentums: list[Any] = []
        self._velocities: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def _slots(self) -> tuple[list[Any], ...]:
        return self._momentums, self._velocities

    def _moments(self, grads: Any, momentums: Any, velocities: Any) -> None:
        torch._foreach_lerp_(momentums, grads, 1 - self.beta_1)
        torch._foreach_mul_(velocities, self.beta_2)
        torch._foreach_addcmul_(velocities, grads, grads, value=1 - self.beta_2)

    def _divisors(self, velocities: Any, step: int) -> Any:
        """``sqrt(v / (1 - beta_2^t)) + epsilon``."""
        divisors = torch._foreach_sqrt(velocities)
        torch._foreach_div_(divisors, math.sqrt(1 - self.beta_2**step))
        torch._foreach_add_(divisors, self.epsilon)
        return divisors


@OPTIMIZERS.register("adam")
class Adam(_TwoMoments):
    """``w -= a * m / (sqrt(v) + epsilon)`` with ``a = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)``.

    ``m += (1 - beta_1) * (g - m)`` and ``v += (1 - beta_2) * (g^2 - v)``; ``t`` counts the updates from 1.
    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014).

    Arguments:
        learning_rate: a number, schedule or function.
        beta_1: how much of the average gradient a step keeps.
        beta_2: how much of the average square a step keeps.
        epsilon: added to the root; ``None`` is ``config.epsilon()``.
        amsgrad: whether ``v`` is replaced by its largest value so far.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adam(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(self, learning_rate: LearningRateLike = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float | None = 1e-7, amsgrad: bool = False, **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = amsgrad
        self._velocity_hats: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        super()._make_slots(variables)
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def _slots(self) -> tuple[list[Any], ...]:
        return self._momentums, self._velocities, self._velocity_hats

    def _step_group(self, group: Group, grads: Any, rate: float) -> None:
        grads, lists = group.in_memory_order(grads)
        fused_adam(rate, self._step_number(), grads, lists, group.steps,
                   self.beta_1, self.beta_2, self.epsilon, self._decay_of(group))  # fmt: skip

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        fused_adam(rate, self._step_number(), grads, lists, endless(lists[0]), self.beta_1, self.beta_2, self.epsilon)


@OPTIMIZERS.register("adamw")
class AdamW(Adam):
    """:class:`Adam` with ``w -= learning_rate * weight_decay * w`` before each step.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017).

    Arguments:
        weight_decay: how much of a weight, times the learning rate, a step takes away.
        learning_rate, beta_1, beta_2, epsilon, amsgrad, common: those of :class:`Adam`.

    >>> AdamW().get_config()["weight_decay"]
    0.004
    """

    def __init__(self, learning_rate: LearningRateLike = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9,
                 beta_2: float = 0.999, epsilon: float | None = 1e-7, amsgrad: bool = False,
                 **common: Unpack[CommonButDecay]) -> None:  # fmt: skip
        if weight_decay is None:
            raise ValueError("AdamW's `weight_decay` must be a number, and got None. Without decay it is Adam.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


@OPTIMIZERS.register("adamax")
class Adamax(_TwoMoments):
    """``w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)`` with ``u = max(beta_2 * u, |g|)``, and Adam's ``m``.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), section 7.

    Arguments:
        learning_rate: a number, schedule or function.
        beta_1: how much of the average gradient a step keeps.
        beta_2: how much of the largest gradient a step keeps.
        epsilon: added to the divisor; ``None`` is ``config.epsilon()``.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adamax(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.9
    """

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums, norms = lists
        torch._foreach_lerp_(momentums, grads, 1 - self.beta_1)
        torch._foreach_mul_(norms, self.beta_2)
        torch._foreach_maximum_(norms, torch._foreach_abs(grads))
        divisors = torch._foreach_add(norms, self.epsilon)
        torch._foreach_addcdiv_(params, momentums, divisors, value=-rate / (1 - self.beta_1 ** self._step_number()))


@OPTIMIZERS.register("nadam")
class Nadam(_TwoMoments):
    """:class:`Adam` with Nesterov's look ahead.

    With ``u_t = beta_1 * (1 - 0.96^(t * schedule_decay) / 2)`` and ``U_t`` the product of ``u_1 ... u_t``, Adam's ``m``
    is replaced by ``u_(t+1) * m / (1 - U_(t+1)) + (1 - u_t) * g / (1 - U_t)``.
    Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016).

    Arguments:
        learning_rate: a number, schedule or function.
        beta_1: how much of the average gradient a step keeps.
        beta_2: how much of the average square a step keeps.
        epsilon: added to the root; ``None`` is ``config.epsilon()``.
        schedule_decay: how fast the momentum rises; Keras 1 and 2 had 0.004 here, Keras 3 has 1.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Nadam(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.8937
    """

    def __init__(self, learning_rate: LearningRateLike = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float | None = 1e-7, *, schedule_decay: float = 1.0,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.schedule_decay = schedule_decay
        self._u_product = torch.ones((), device="cpu")

    def _make_slots(self, variables: list[Tensor]) -> None:
        super()._make_slots(variables)
        # On the CPU whatever the device: it is read each step, which must not wait for a device.
        dtype = variables[0].dtype if variables else torch.float32
        self._u_product = self._add_state(torch.ones((), dtype=dtype, device="cpu"), "u_product")

    def _momentum_at(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96 ** (step * self.schedule_decay))

    def _begin_update(self) -> None:
        self._u_product.mul_(self._momentum_at(self._step_number()))

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums, velocities = lists
        step = self._step_number()
        now, after = self._momentum_at(step), self._momentum_at(step + 1)
        product = float(self._u_product)
        self._moments(grads, momentums, velocities)
        divisors = self._divisors(velocities, step)
        torch._foreach_addcdiv_(params, momentums, divisors, value=-rate * after / (1 - product * after))
        torch._foreach_addcdiv_(params, grads, divisors, value=-rate * (1 - now) / (1 - product))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; ``schedule_decay``, which Keras 3 lacks, when it is not 1."""
        config = super().get_config()
        return config if self.schedule_decay == 1.0 else config | {"schedule_decay": self.schedule_decay}


@OPTIMIZERS.register("lamb")
class Lamb(_TwoMoments):
    """``w -= learning_rate * |w| / |s| * s`` with :class:`Adam`'s step ``s``: variables move in proportion to size.

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (2019).

    Arguments:
        learning_rate: a number, schedule or function.
        beta_1: how much of the average gradient a step keeps.
        beta_2: how much of the average square a step keeps.
        epsilon: added to the root; ``None`` is ``config.epsilon()``.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([2.0]))
    >>> Lamb(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    1.8
    """

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums, velocities = lists
        step = self._step_number()
        self._moments(grads, momentums, velocities)
        divisors = self._divisors(velocities, step)
        moves = torch._foreach_div(momentums, divisors)
        torch._foreach_mul_(moves, 1 / (1 - self.beta_1**step))
        sizes = torch.stack(torch._foreach_norm(params))
        lengths = torch.stack(torch._foreach_norm(moves))
        ratios = torch.where((sizes > 0) & (lengths > 0), sizes / lengths, 1.0)
        torch._foreach_mul_(moves, list(ratios.unbind()))
        torch._foreach_add_(params, moves, alpha=-rate)


@OPTIMIZERS.register("schedulefreeadamw")
class ScheduleFreeAdamW(_TwoMoments):
    """Adam that needs no schedule: it steps from an average of its own path.

    ``z -= learning_rate * g / (sqrt(v / (1 - beta_2^t)) + epsilon)``, ``x`` is the mean of all ``z``, and the weights
    are ``(1 - beta_1) * z + beta_1 * x``. The slot ``momentum`` holds ``z``; ``x`` is not kept.
    Keras 3.15 computes this with TensorFlow and JAX; with torch a value that it meant to keep is overwritten, and the
    weights are ``x`` itself, whatever ``beta_1``.
    Source: Defazio et al., "The Road Less Scheduled" (2024).

    Arguments:
        learning_rate: a number, schedule or function.
        beta_1: how near the weights are to the average.
        beta_2: how much of the average square a step keeps.
        epsilon: added to the root; ``None`` is ``config.epsilon()``.
        warmup_steps: the steps in which the learning rate rises from 0.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> ScheduleFreeAdamW(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.9
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(self, learning_rate: LearningRateLike = 0.0025, beta_1: float = 0.9, beta_2: float = 0.999,
                 epsilon: float | None = 1e-8, warmup_steps: int = 0, **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.warmup_steps = warmup_steps

    def _make_slots(self, variables: list[Tensor]) -> None:
        super()._make_slots(variables)
        for momentum, variable in zip(self._momentums, variables, strict=True):
            momentum.assign(variable)

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums, velocities = lists
        step = self._step_number()
        if self.warmup_steps:
            rate *= min(step / self.warmup_steps, 1.0)
        torch._foreach_mul_(velocities, self.beta_2)
        torch._foreach_addcmul_(velocities, grads, grads, value=1 - self.beta_2)
        divisors = self._divisors(velocities, step)
        # With s the step of z, x = (w - (1 - beta_1) z) / beta_1 and x += (z - s - x) / t, the new weights are
        # (1 - 1/t) w + z / t - (1 - beta_1 + beta_1 / t) s, which needs neither x nor a copy of the old z.
        torch._foreach_lerp_(params, momentums, 1 / step)
        torch._foreach_addcdiv_(params, grads, divisors, value=-rate * (1 - self.beta_1 + self.beta_1 / step))
        torch._foreach_addcdiv_(momentums, grads, divisors, value=-rate)
