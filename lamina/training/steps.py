"""One step of training and of testing, put together once for a model, so that a step does nothing but its work.

What is decided here and not per step: which function runs forward (the plan itself, stopped before its softmax or
sigmoid when the loss can start from logits), which weights have gradients, which of them carry penalties, which layers
may add losses, and what the metrics are to be given.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lamina import activations
from lamina import losses as losses_module
from lamina.engine.calling import is_watched
from lamina.engine.tracking import parameters_of
from lamina.engine.weights import WeightOwner
from lamina.graph.plan import Value
from lamina.graph.symbolic import leaves
from lamina.optimizers import Optimizer
from lamina.tracebacks import users_level
from lamina.training.forward import Forward, plan_of
from lamina.training.objective import Objective

BatchFunction = Callable[[Any, Any, Any], Any]  # (x, y, sample_weight) -> logs, or nothing
_KINDS = {activations.softmax: "softmax", activations.sigmoid: "sigmoid"}


class Step:
    """The forward function, loss and metrics of a compiled model, put together.

    Arguments:
        model: a compiled model.
        objective: its losses and metrics, bound to its outputs.
    """

    def __init__(self, model: Any, objective: Objective) -> None:
        self.model = model
        self.objective = objective
        self.losses = objective.losses
        self.metrics = objective.metrics
        self.only = None if self.losses is None else self.losses.only
        objective.follow(model)
        self.logits_of: Callable[..., Any] | None = None  # the activation that the loss takes over
        self._last: Any = None  # the layer that ends in it
        self._skipped: frozenset[int] = frozenset()
        self._start_from_logits()
        self.forward = Forward(model, self._skipped, model.compile_setup.jit_compile)
        self._marks = self._marks_now()

    def _start_from_logits(self) -> None:
        """Find out whether the last activation can be left to the loss."""
        plan = plan_of(self.model)
        if plan is None or self.only is None or not isinstance(plan.outputs, Value) or plan.masks[0] is not None:
            return
        number = plan.step_of(plan.outputs)
        self._last = self.model._modules.get(plan.steps[number].target) if number is not None else None
        if number is None or not hasattr(self._last, "pre_activation") or not self._last._plain_call:
            return
        given = plan.steps[number].args[0]
        if is_watched(self.model) or is_watched(self._last) or not self._last._takes(plan.values[given.index][1]):
            return
        activation = self._last.activation
        kind = _KINDS.get(activation) if callable(activation) else None
        from_logits = losses_module.with_logits(self.only)
        if kind is not None and from_logits is not None and from_logits.logits_of == kind:
            self.logits_of, self.only, self._skipped = activation, from_logits, frozenset([number])

    def is_current(self) -> bool:
        """Whether what was decided still holds: the plan, the weights that are trained, and who watches."""
        return self.forward.is_current() and self._marks == self._marks_now()

    def _marks_now(self) -> tuple[Any, ...]:
        model, last = self.model, self._last
        return last is not None and is_watched(last), [
            (id(weight), weight.dtype, weight.device, weight.stride()) for weight in model.trainable_weights
        ]

    # -- parts --

    def loss(self) -> Callable[[Any, Any, Any], torch.Tensor]:
        """The function ``(y, y_pred, sample_weight) -> loss``, penalties included."""
        model, losses, only = self.model, self.losses, self.only
        of_data: Any = losses
        if losses is not None and only is not None:

            def of_only(y: Any, y_pred: Any, weight: Any) -> torch.Tensor:
                if type(y) is type(y_pred) is torch.Tensor and weight is None:
                    return only(y, y_pred)
                return losses.of_one(only, y, y_pred, weight)

            of_data = of_only
        penalties = model.penalties()

        def with_penalties(y: Any, y_pred: Any, weight: Any) -> torch.Tensor:
            terms = [] if losses is None else [of_data(y, y_pred, weight)]
            terms += model.added_losses()
            terms += [penalty(getattr(owner, key)) for penalty, owner, key in penalties]
            return terms[0] if len(terms) == 1 and losses is not None else total(terms, model)

        return with_penalties

    def measure(self) -> Callable[[Any, Any, Any], None] | None:
        """The function ``(y, y_pred, sample_weight)`` that updates the metrics, if there are any."""
        metrics = self.metrics
        if metrics is None or not metrics.entries:
            return None
        if self.logits_of is not None and not all(metric.accepts_logits for metric in metrics.metrics):
            activation = self.logits_of
            return lambda y, y_pred, weight: metrics.update_state(y, activation(y_pred), weight)
        [first, *others] = metrics.entries
        if not others and self.only is not None:
            update = first[1].update_state
            return lambda y, y_pred, weight: (
                update(y, y_pred) if type(y) is type(y_pred) is torch.Tensor and weight is None
                else metrics.update_state(y, y_pred, weight)
            )  # fmt: skip
        return metrics.update_state

    # -- whole steps --

    def train_function(self) -> BatchFunction:
        """``step(x, y, sample_weight)``: forward, loss, gradients, one update; the logs are summed, not read."""
        model, optimizer = self.model, self.model.optimizer
        forward, loss_of, measure, add = (
            self.forward.run,
            self.loss(),
            self.measure(),
            self.objective.loss_mean.accumulate,
        )
        params = [weight for weight in model.trainable_weights if isinstance(weight, nn.Parameter)]
        build_optimizer(optimizer, model, params)
        update = _updater(optimizer, params)
        scale = optimizer.scale_loss if optimizer.scales_loss else None
        gradients = _Gradients(params, model)
        clear, no_grad = model.clear_losses, torch._C._set_grad_enabled

        def step(x: Any, y: Any, weight: Any) -> None:
            clear()
            y_pred = forward(x)
            loss = loss_of(y, y_pred, weight)
            update(gradients(loss if scale is None else scale(loss)))
            no_grad(False)
            try:
                rows = count_rows(x)
                add(loss, rows, rows)
                if measure is not None:
                    measure(y, y_pred, weight)
            finally:
                no_grad(True)

        return step

    def test_function(self) -> BatchFunction:
        """``step(x, y, sample_weight)``: forward and loss; the logs are summed, not read."""
        forward, loss_of, measure, add = (
            self.forward.run,
            self.loss(),
            self.measure(),
            self.objective.loss_mean.accumulate,
        )
        clear = self.model.clear_losses

        def step(x: Any, y: Any, weight: Any) -> None:
            clear()
            y_pred = forward(x)
            rows = count_rows(x)
            add(loss_of(y, y_pred, weight), rows, rows)
            if measure is not None:
                measure(y, y_pred, weight)

        return torch.no_grad()(step)


class _Gradients:
    """The gradients of the loss, in the order of ``params``; ``None`` for those that the loss does not depend on."""

    def __init__(self, params: list[nn.Parameter], model: Any) -> None:
        self.params = params
        self.model = model
        self.some_unused = False
        self.checked = False
        if not params:
            warnings.warn(
                f"Model {model.name!r} has no trainable weights: training leaves it as it is.", stacklevel=users_level()
            )

    def __call__(self, loss: torch.Tensor) -> Any:
        if not self.params:
            return ()
        if self.checked:
            return torch.autograd.grad(loss, self.params, allow_unused=self.some_unused)
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        self.checked = True
        unused = [name for name, param in parameters_of(self.model)
                  if any(param is mine and grad is None for mine, grad in zip(self.params, grads, strict=True))]  # fmt: skip
        # A model that chooses its path per batch may use other weights next time.
        self.some_unused = bool(unused) or self.model._plan is None
        if unused:
            warnings.warn(f"The loss does not depend on {', '.join(unused)}: training leaves them as they are.",
                          stacklevel=users_level())  # fmt: skip
        return grads


def total(terms: list[torch.Tensor], model: Any) -> torch.Tensor:
    """The sum of a loss and what was added to it; what is no single number is summed first, as in Keras."""
    if not terms:
        raise ValueError(f"Model {model.name!r} has nothing to minimise: compile it with `loss=`, or let a layer call "
                         "add_loss().")  # fmt: skip
    sums = [term if term.dim() == 0 else term.sum() for term in terms]
    return functools.reduce(torch.add, sums)


def build_optimizer(optimizer: Any, model: nn.Module, params: list[nn.Parameter]) -> None:
    """Tell the optimizer what it is to change. One that knows all of it already keeps its state (frozen ones wait)."""
    known = {id(param) for param in optimizer.params} if optimizer.built else set()
    if optimizer.built and len(known) > len(params) and all(id(param) in known for param in params):
        optimizer.build(optimizer.params)  # the state goes to where they are
        return
    constraints = _constraints(model)
    names = {id(param): name.replace(".", "/") for name, param in parameters_of(model)}
    if isinstance(model, WeightOwner):  # whose weights are told their paths, as Keras has them, when they are asked for
        names |= {id(weight): weight.path for weight in model.weights if getattr(weight, "path", None)}  # pyright: ignore[reportAttributeAccessIssue]
    optimizer.build(params, constraints=[constraints.get(id(param)) for param in params],
                    names=[names.get(id(param), "") for param in params])  # fmt: skip


def optimizer_of(model: Any) -> Any:
    """What holds the state of a model's training: its optimizer, or the part of one that trains several models."""
    params = [weight for weight in model.trainable_weights if isinstance(weight, nn.Parameter)]
    return model.optimizer.part_for(params) if isinstance(model.optimizer, Optimizer) else model.optimizer


def _updater(optimizer: Any, params: list[nn.Parameter]) -> Callable[[Any], None]:
    """The optimizer's update for ``params``: the direct one when they are what it was built for."""
    built_for = list(optimizer.params)
    if len(built_for) == len(params) and all(a is b for a, b in zip(built_for, params, strict=True)):
        return optimizer.update
    return lambda grads: optimizer.apply(grads, params)


def _constraints(model: nn.Module) -> dict[int, Any]:
    return {id(getattr(owner, key)): constraint for owner in _owners(model)
            for key, constraint in owner._constraints.items()}  # fmt: skip


def _owners(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, WeightOwner)]


def count_rows(x: Any) -> int:
    """The number of samples in a batch of inputs."""
    return x.shape[0] if type(x) is torch.Tensor else next(leaf.shape[0] for leaf in leaves(x) if leaf is not None)
