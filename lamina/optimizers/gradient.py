"""Steps along the gradient, plain or scaled: SGD, RMSprop, Adagrad, Adadelta, Adafactor, Ftrl and Lion."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import math
from typing import Any, Unpack

import torch
from torch import Tensor

from lamina.optimizers.base import OPTIMIZERS, Common, LearningRateLike, Optimizer, get_epsilon
from lamina.optimizers.state import Group


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """``w -= learning_rate * g``; with momentum ``m = momentum * m - learning_rate * g`` and ``w += m``.

    With Nesterov's look ahead it is ``w += momentum * m - learning_rate * g`` instead.

    Arguments:
        learning_rate: a number, schedule or function.
        momentum: how much of the last step is done again, between 0 and 1.
        nesterov: whether the look ahead is taken.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> SGD(0.5).apply([torch.tensor([1.0])], [weight])
    >>> weight.item()
    0.5
    """

    hyperparameters = ("momentum", "nesterov")

    def __init__(self, learning_rate: LearningRateLike = 0.01, momentum: float = 0.0, nesterov: bool = False,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"SGD's `momentum` must be a number between 0 and 1, and got {momentum!r}.")
        super().__init__(learning_rate, **common)
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.momentums: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def _slots(self) -> tuple[list[Any], ...]:
        return (self.momentums,)

    def _step_group(self, group: Group, grads: Any, rate: float) -> None:
        decay = self._decay_of(group)
        if decay:
            torch._foreach_mul_(group.params, 1 - decay * rate)
        self._step(rate, *group.in_memory_order(grads))

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums = lists
        if momentums:
            # torch's buffer is b = momentum * b + (1 - dampening) * g and its step w -= lr * b. This dampening makes
            # b Keras's m, and a rate of -1 (or -momentum, the first half of Nesterov's step) adds it.
            _fused_sgd(params, grads, momentums, -self.momentum if self.nesterov else -1.0, self.momentum, 1 + rate)
        if self.nesterov or not momentums:
            _fused_sgd(params, grads, [], rate, 0.0, 0.0)


def _fused_sgd(params: Any, grads: Any, momentums: Any, rate: float, momentum: float, dampening: float) -> None:
    torch._fused_sgd_(params, grads, momentums, weight_decay=0.0, momentum=momentum, lr=rate, dampening=dampening,
                      nesterov=False, maximize=False, is_first_step=False)  # fmt: skip


@OPTIMIZERS.register("rmsprop")
class RMSprop(Optimizer):
    """``w -= learning_rate * g / sqrt(v + epsilon)`` with ``v = rho * v + (1 - rho) * g^2``.

    Source: Hinton, lecture 6 of "Neural Networks for Machine Learning" (2012).

    Arguments:
        learning_rate: a number, schedule or function.
        rho: how much of the average square a step keeps.
        momentum: how much of the last step is done again.
        epsilon: added under the root; ``None`` is ``config.epsilon()``.
        centered: whether ``v`` is lessened by the square of the average gradient.
        epsilon_outside: whether ``epsilon`` is added to the root instead, as Keras 1 and 2 did.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> RMSprop(0.1, rho=0.75).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.8
    """

    hyperparameters = ("rho", "momentum", "epsilon", "centered")

    def __init__(self, learning_rate: LearningRateLike = 0.001, rho: float = 0.9, momentum: float = 0.0,
                 epsilon: float | None = 1e-7, centered: bool = False, *, epsilon_outside: bool = False,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        self.epsilon_outside = epsilon_outside
        self.rho = rho
        self.momentum = momentum
        self.epsilon = get_epsilon(epsilon)
        self.centered = centered
        self._velocities: list[Any] = []
        self._momentums: list[Any] = []
        self._average_gradients: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def _slots(self) -> tuple[list[Any], ...]:
        return self._velocities, self._momentums, self._average_gradients

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, velocities, momentums, averages = lists
        torch._foreach_mul_(velocities, self.rho)
        torch._foreach_addcmul_(velocities, grads, grads, value=1 - self.rho)
        divisors = torch._foreach_add(velocities, 0.0 if self.epsilon_outside else self.epsilon)
        if averages:
            torch._foreach_lerp_(averages, grads, 1 - self.rho)
            torch._foreach_addcmul_(divisors, averages, averages, value=-1)
        torch._foreach_sqrt_(divisors)
        if self.epsilon_outside:
            torch._foreach_add_(divisors, self.epsilon)
        if momentums:
            torch._foreach_mul_(momentums, self.momentum)
            torch._foreach_addcdiv_(momentums, grads, divisors, value=rate)
            torch._foreach_sub_(params, momentums)
        else:
            torch._foreach_addcdiv_(params, grads, divisors, value=-rate)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; ``epsilon_outside``, which Keras 3 lacks, when it is on."""
        return super().get_config() | ({"epsilon_outside": True} if self.epsilon_outside else {})


@OPTIMIZERS.register("adagrad")
class Adagrad(Optimizer):
    """``w -= learning_rate * g / sqrt(a + epsilon)`` with ``a`` the sum of all ``g^2``.

    Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization" (2011).

    Arguments:
        learning_rate: a number, schedule or function.
        initial_accumulator_value: what the sum starts from.
        epsilon: added under the root; ``None`` is ``config.epsilon()``.
        epsilon_outside: whether ``epsilon`` is added to the root instead, as Keras 1 and 2 did.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adagrad(0.1, initial_accumulator_value=0.0).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.9
    """

    hyperparameters = ("initial_accumulator_value", "epsilon")

    def __init__(self, learning_rate: LearningRateLike = 0.001, initial_accumulator_value: float = 0.1,
                 epsilon: float | None = 1e-7, *, epsilon_outside: bool = False,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        self.epsilon_outside = epsilon_outside
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = get_epsilon(epsilon)
        self._accumulators: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._accumulators = self.add_optimizer_variables(variables, "accumulator", self.initial_accumulator_value)

    def _slots(self) -> tuple[list[Any], ...]:
        return (self._accumulators,)

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, accumulators = lists
        # Not torch's fused Adagrad: it adds epsilon outside the root.
        torch._foreach_addcmul_(accumulators, grads, grads)
        divisors = torch._foreach_add(accumulators, 0.0 if self.epsilon_outside else self.epsilon)
        torch._foreach_sqrt_(divisors)
        if self.epsilon_outside:
            torch._foreach_add_(divisors, self.epsilon)
        torch._foreach_addcdiv_(params, grads, divisors, value=-rate)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; ``epsilon_outside``, which Keras 3 lacks, when it is on."""
        return super().get_config() | ({"epsilon_outside": True} if self.epsilon_outside else {})


@OPTIMIZERS.register("adadelta")
class Adadelta(Optimizer):
    """``w -= learning_rate * s`` with ``s = g * sqrt(d + epsilon) / sqrt(a + epsilon)``.

    ``a`` is the moving average of ``g^2``, and ``d`` that of ``s^2`` up to the step before.
    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), which has a learning rate of 1.

    Arguments:
        learning_rate: a number, schedule or function.
        rho: how much of the averages a step keeps.
        epsilon: added under the roots; ``None`` is ``config.epsilon()``.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adadelta(1.0, rho=0.75, epsilon=1.0).apply([torch.tensor([2.0])], [weight])
    >>> round(weight.item(), 4)
    -0.4142
    """

    hyperparameters = ("rho", "epsilon")

    def __init__(self, learning_rate: LearningRateLike = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        self.rho = rho
        self.epsilon = get_epsilon(epsilon)
        self._accumulated_grads: list[Any] = []
        self._accumulated_delta_vars: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def _slots(self) -> tuple[list[Any], ...]:
        return self._accumulated_grads, self._accumulated_delta_vars

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, squares, deltas = lists
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - self.rho)
        moves = torch._foreach_add(deltas, self.epsilon)
        torch._foreach_div_(moves, torch._foreach_add(squares, self.epsilon))
        torch._foreach_sqrt_(moves)
        torch._foreach_mul_(moves, grads)
        torch._foreach_mul_(deltas, self.rho)
        torch._foreach_addcmul_(deltas, moves, moves, value=1 - self.rho)
        torch._foreach_add_(params, moves, alpha=-rate)


@OPTIMIZERS.register("adafactor")
class Adafactor(Optimizer):
    """Adam's second moment in the space of a row and a column: for a matrix ``v = r c / mean(r)``.

    ``r`` and ``c`` are moving averages of the means of ``g^2 + epsilon_1`` over the last axis and the one before it.
    The step is ``g / sqrt(v)``, divided by its root mean square where that is above ``clip_threshold``, times
    ``max(epsilon_2, rms(w)) * min(rate, 1 / sqrt(t))``. Source: Shazeer and Stern, "Adafactor: Adaptive Learning
    Rates with Sublinear Memory Cost" (2018).

    Arguments:
        learning_rate: a number, schedule or function.
        beta_2_decay: the averages keep ``1 - t^beta_2_decay``.
        epsilon_1: added to the squared gradient.
        epsilon_2: the least size that a variable is taken to have.
        clip_threshold: the largest root mean square of a step.
        relative_step: whether a number as the learning rate is at most ``1 / sqrt(t)``.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adafactor(0.1).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    0.9
    """

    hyperparameters = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(self, learning_rate: LearningRateLike = 0.001, beta_2_decay: float = -0.8, epsilon_1: float = 1e-30,
                 epsilon_2: float = 1e-3, clip_threshold: float = 1.0, relative_step: bool = True,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step
        self._r: list[Any] = []
        self._c: list[Any] = []
        self._v: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._r, self._c, self._v = [], [], []
        for variable, path in zip(variables, self._names, strict=True):
            name = path.replace("/", "_")
            # Keras keeps, and writes, two integers in the place of a vector's row and column.
            shape, dtype = (variable.shape, variable.dtype) if variable.ndim >= 2 else ((), torch.int32)
            for slot, own_shape in ((self._r, shape[:-1]), (self._c, (*shape[:-2], *shape[-1:]))):
                slot.append(self._add_state(torch.zeros(own_shape, dtype=dtype, device=variable.device), name))
            self._v.append(self.add_variable_from_reference(variable, "velocity"))

    def _slots(self) -> tuple[list[Any], ...]:
        return self._r, self._c, self._v

    def _kind(self, index: int) -> bool:
        return self._params[index].ndim >= 2

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, rows, columns, velocities = lists
        step = self._step_number()
        rate = min(rate, 1 / math.sqrt(step)) if self.relative_step and isinstance(self._learning_rate, float) else rate
        new = step**self.beta_2_decay  # the part of the averages that is new
        squares = torch._foreach_mul(grads, grads)
        torch._foreach_add_(squares, self.epsilon_1)
        if params[0].ndim < 2:
            torch._foreach_lerp_(velocities, squares, new)
        else:
            for square, row, column, velocity in zip(squares, rows, columns, velocities, strict=True):
                row.lerp_(square.mean(-1), new)
                column.lerp_(square.mean(-2), new)
                scaled = row / row.mean(-1, keepdim=True)
                velocity.copy_(scaled.unsqueeze(-1) * column.unsqueeze(-2))
        moves = torch._foreach_div(grads, torch._foreach_sqrt(velocities))
        sizes = _root_mean_squares(params).clamp_min_(self.epsilon_2).mul_(min(rate, 1 / math.sqrt(step)))
        sizes /= (_root_mean_squares(moves) / self.clip_threshold).clamp_min_(1.0)
        torch._foreach_mul_(moves, list(sizes.unbind()))
        torch._foreach_sub_(params, moves)

    def _follow(self) -> None:
        super()._follow()
        for slot in (self._r, self._c):
            for state, variable in zip(slot, self._params, strict=True):
                state.data = state.to(variable.device, variable.dtype if variable.ndim >= 2 else None)
        self._arrange()


def _root_mean_squares(tensors: Any) -> Tensor:
    """Of each tensor the root of the mean of its squares, as one vector."""
    norms = torch._foreach_norm(tensors)
    return torch.stack(torch._foreach_mul(norms, [1 / math.sqrt(max(tensor.numel(), 1)) for tensor in tensors]))


@OPTIMIZERS.register("ftrl")
class Ftrl(Optimizer):
    """Follow the regularised leader: weights that the L1 term pulls below its strength are exactly 0.

    With ``p = -learning_rate_power``, ``A`` the sum of all ``g^2`` with this step's and ``a`` without,
    ``z += g + 2 * l2_shrinkage * w - (A^p - a^p) / learning_rate * w`` and
    ``w = (clip(z, -l1, l1) - z) / (A^p / learning_rate + 2 * l2 + beta / learning_rate)``.
    Source: McMahan et al., "Ad Click Prediction: a View from the Trenches" (2013).

    Arguments:
        learning_rate: a number, schedule or function.
        learning_rate_power: minus the power ``p``, at most 0.
        initial_accumulator_value: what the sum of squares starts from.
        l1_regularization_strength: ``l1``.
        l2_regularization_strength: ``l2``.
        l2_shrinkage_regularization_strength: ``l2_shrinkage``, which works on the gradient.
        beta: the paper's beta.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([0.0]))
    >>> Ftrl(0.1, initial_accumulator_value=0.0).apply([torch.tensor([3.0])], [weight])
    >>> round(weight.item(), 4)
    -0.1
    """

    hyperparameters = ("learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
                       "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")  # fmt: skip

    def __init__(self, learning_rate: LearningRateLike = 0.001, learning_rate_power: float = -0.5,
                 initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
                 l2_regularization_strength: float = 0.0, l2_shrinkage_regularization_strength: float = 0.0,
                 beta: float = 0.0, **common: Unpack[Common]) -> None:  # fmt: skip
        if learning_rate_power > 0:
            raise ValueError(f"Ftrl's `learning_rate_power` must be at most 0, and got {learning_rate_power!r}.")
        strengths = {"initial_accumulator_value": initial_accumulator_value,
                     "l1_regularization_strength": l1_regularization_strength,
                     "l2_regularization_strength": l2_regularization_strength,
                     "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength}  # fmt: skip
        for name, value in strengths.items():
            if value < 0:
                raise ValueError(f"Ftrl's `{name}` must be at least 0, and got {value!r}.")
        super().__init__(learning_rate, **common)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        self._accumulators: list[Any] = []
        self._linears: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [self.initial_accumulator_value, "zeros"]
        )

    def _slots(self) -> tuple[list[Any], ...]:
        return self._accumulators, self._linears

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, accumulators, linears = lists
        old_roots = self._power(accumulators)
        torch._foreach_addcmul_(accumulators, grads, grads)
        roots = self._power(accumulators)
        torch._foreach_add_(linears, grads)
        if self.l2_shrinkage_regularization_strength:
            torch._foreach_add_(linears, params, alpha=2 * self.l2_shrinkage_regularization_strength)
        torch._foreach_sub_(old_roots, roots)
        torch._foreach_addcmul_(linears, old_roots, params, value=1 / rate)
        torch._foreach_mul_(roots, 1 / rate)
        torch._foreach_add_(roots, 2 * self.l2_regularization_strength + self.beta / rate)
        weights = torch._foreach_clamp_min(linears, -self.l1_regularization_strength)
        torch._foreach_clamp_max_(weights, self.l1_regularization_strength)
        torch._foreach_sub_(weights, linears)
        torch._foreach_div_(weights, roots)
        torch._foreach_copy_(params, weights)

    def _power(self, accumulators: Any) -> Any:
        if self.learning_rate_power == -0.5:
            return torch._foreach_sqrt(accumulators)
        return torch._foreach_pow(accumulators, -self.learning_rate_power)


@OPTIMIZERS.register("lion")
class Lion(Optimizer):
    """``w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)``, then ``m = beta_2 * m + (1 - beta_2) * g``.

    Source: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023).

    Arguments:
        learning_rate: a number, schedule or function; about a tenth of Adam's serves.
        beta_1: the part of the average gradient in the step, above 0 and at most 1.
        beta_2: how much of the average gradient a step keeps.
        common: what :class:`Optimizer` takes.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Lion(0.25).apply([torch.tensor([3.0])], [weight])
    >>> weight.item()
    0.75
    """

    hyperparameters = ("beta_1", "beta_2")

    def __init__(self, learning_rate: LearningRateLike = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
                 **common: Unpack[Common]) -> None:  # fmt: skip
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion's `beta_1` must be above 0 and at most 1, and got {beta_1!r}.")
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self._momentums: list[Any] = []

    def _make_slots(self, variables: list[Tensor]) -> None:
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def _slots(self) -> tuple[list[Any], ...]:
        return (self._momentums,)

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        params, momentums = lists
        moves = torch._foreach_mul(momentums, self.beta_1)
        torch._foreach_add_(moves, grads, alpha=1 - self.beta_1)
        torch._foreach_sign_(moves)
        torch._foreach_add_(params, moves, alpha=-rate)
        torch._foreach_mul_(momentums, self.beta_2)
        torch._foreach_add_(momentums, grads, alpha=1 - self.beta_2)
