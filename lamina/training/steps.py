"""One step of training and of testing, put together once for a model, so that a step does nothing but its work.

What is decided here and not per step: which function runs forward (the plan itself, stopped before its softmax or
sigmoid when the loss can start from logits), which weights have gradients, which of them carry penalties, which layers
may add losses, and what the metrics are to be given.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lamina import activations
from lamina import losses as losses_module
from lamina.graph.plan import Value, compile_graph
from lamina.graph.symbolic import leaves, map_structure
from lamina.layers.weights import WeightOwner
from lamina.training.objective import Losses, Metrics, OutputNames

if TYPE_CHECKING:
    from lamina.training.trainer import Trainer

Forward = Callable[[Any], tuple[Any, Any]]  # inputs -> (outputs, their masks or None)


class Mean:
    """A mean over samples that is summed where the numbers are, and read only when somebody asks."""

    def __init__(self) -> None:
        self.total: torch.Tensor | None = None
        self.count = 0

    def add(self, value: torch.Tensor, samples: int) -> None:
        """Take the mean ``value`` of a batch of ``samples`` into account."""
        if self.total is None:
            self.total = value * samples
        else:
            self.total.add_(value, alpha=samples)
        self.count += samples

    def read(self) -> float:
        """The mean so far."""
        return float(self.total) / self.count if self.total is not None and self.count else 0.0


class Step:
    """The losses, metrics and forward function of a compiled model, bound at its first batch.

    Arguments:
        model: a compiled model.
        batch: the first batch; the shapes of its targets settle what ``"accuracy"`` means.
    """

    def __init__(self, model: Any, batch: Any) -> None:
        x, y, _ = batch
        self.model: Any = model
        self.loss_mean = Mean()
        with torch.no_grad():
            y_pred = model.forward_once(x)
        self.outputs = OutputNames(y_pred, model.output_names)
        setup = model.compile_setup
        self.own_loss = type(model).compute_loss is not _trainer_class(model).compute_loss
        self.losses = None if setup.loss is None else Losses(setup.loss, setup.loss_weights, self.outputs, y, y_pred)
        loss_list = self.losses.losses if self.losses is not None else None
        self.metrics = Metrics(setup.metrics, setup.weighted_metrics, self.outputs, y, y_pred, loss_list)
        self.own_metrics = type(model).compute_metrics is not _trainer_class(model).compute_metrics
        self._start_from_logits()

    # -- forward --

    def _start_from_logits(self) -> None:
        """Find out whether the last activation can be left to the loss."""
        self.logits_of: Callable[..., Any] | None = None
        self._skipped: frozenset[int] = frozenset()
        plan, losses = self.model._plan, self.losses
        if plan is None or losses is None or losses.only is None or self.own_loss or self.own_metrics:
            return
        number = plan.step_of(plan.outputs) if isinstance(plan.outputs, Value) else None
        layer = self.model._modules.get(plan.steps[number].target) if number is not None else None
        if number is None or layer is None or not hasattr(layer, "pre_activation") or _is_watched(layer):
            return
        known = {"softmax": activations.softmax, "sigmoid": activations.sigmoid}
        kind = next((kind for kind, function in known.items() if layer.activation is function), None)
        from_logits = losses_module.with_logits(losses.only)
        if kind is None or from_logits is None or from_logits.logits_of != kind:
            return
        self.logits_of = layer.activation
        self._skipped = frozenset([number])
        losses.only = losses.losses[0] = from_logits

    def forward(self) -> Forward:
        """The function from inputs to outputs (or their logits) and masks, in the mode that the model is in."""
        model, plan = self.model, self.model._plan
        if plan is None or _is_watched(model):
            run = torch.compile(model) if model.compile_setup.jit_compile else model

            def call(x: Any) -> tuple[Any, Any]:
                y_pred = run(x)
                masks = map_structure(lambda tensor: getattr(tensor, "_keras_mask", None), y_pred)
                return y_pred, masks if any(mask is not None for mask in leaves(masks)) else None

            return call
        masked = any(mask is not None for mask in plan.masks)
        emitted = compile_graph(plan.emit((plan.outputs, plan.masks) if masked else plan.outputs, self._skipped))
        if model.compile_setup.jit_compile:
            emitted = torch.compile(emitted)
        simple, is_float = model._only_rank, model._only_is_float

        def planned(x: Any) -> tuple[Any, Any]:
            if type(x) is torch.Tensor and x.dim() == simple and x.dtype.is_floating_point is is_float:
                found = emitted(model, x)
            else:
                found = emitted(model, *model.flatten_inputs(x))
            return found if masked else (found, None)

        return planned

    # -- loss --

    def loss(self) -> Callable[[Any, Any, Any, Any, Any], torch.Tensor]:
        """The function ``(x, y, y_pred, sample_weight, masks) -> loss``, penalties included."""
        model, losses = self.model, self.losses
        if self.own_loss:
            return lambda x, y, y_pred, weight, masks: model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        penalties = [(penalty, owner, key) for owner in _owners(model) for key, penalty in owner._regularizers.items()
                     if getattr(owner, key).requires_grad]  # fmt: skip
        adders = [owner for owner in _owners(model) if not getattr(owner, "_is_builtin", True)
                  or getattr(owner, "activity_regularizer", None) is not None]  # fmt: skip
        if losses is None and not penalties and not adders:
            raise ValueError(f"Model {model.name!r} has nothing to minimise: compile it with `loss=`.")
        if not penalties and not adders and losses is not None:
            only = losses.only
            if only is None:
                return lambda x, y, y_pred, weight, masks: losses(y, y_pred, weight, masks)

            def plain(x: Any, y: Any, y_pred: Any, weight: Any, masks: Any) -> torch.Tensor:
                if type(y) is torch.Tensor and weight is None and masks is None:
                    return only(y, y_pred)
                return losses(y, y_pred, weight, masks)

            return plain

        def with_penalties(x: Any, y: Any, y_pred: Any, weight: Any, masks: Any) -> torch.Tensor:
            terms = [] if losses is None else [losses(y, y_pred, weight, masks)]
            for owner in adders:
                terms += owner._losses
            terms += [penalty(getattr(owner, key)) for penalty, owner, key in penalties]
            if not terms:
                raise ValueError(f"Model {model.name!r} has nothing to minimise: compile it with `loss=`, or let a layer "
                                 "call add_loss().")  # fmt: skip
            return torch.stack([term.reshape(()) for term in terms]).sum() if len(terms) > 1 else terms[0]

        return with_penalties

    def measure(self) -> Callable[[Any, Any, Any, Any], None]:
        """The function ``(x, y, y_pred, sample_weight)`` that updates the metrics."""
        model, metrics = self.model, self.metrics
        if self.own_metrics:
            return lambda x, y, y_pred, weight: model.compute_metrics(x, y, y_pred, weight)
        if not metrics.entries:
            return lambda x, y, y_pred, weight: None
        if self.logits_of is not None and not all(metric.accepts_logits for metric in metrics.metrics):
            activation = self.logits_of
            return lambda x, y, y_pred, weight: metrics.update(y, activation(y_pred), weight)
        return lambda x, y, y_pred, weight: metrics.update(y, y_pred, weight)

    # -- whole steps --

    def train_function(self) -> Callable[[Any, Any, Any], None]:
        """``step(x, y, sample_weight)``: forward, loss, gradients, one update; the logs are summed, not read."""
        model, optimizer = self.model, self.model.optimizer
        forward, loss_of, measure, loss_mean = self.forward(), self.loss(), self.measure(), self.loss_mean
        params = [weight for weight in model.trainable_weights if isinstance(weight, nn.Parameter)]
        build_optimizer(optimizer, model, params)
        update = _updater(optimizer, params)
        scale = optimizer.scale_loss if getattr(optimizer, "scales_loss", False) else None
        gradients = _Gradients(params, model)
        no_grad = torch._C._set_grad_enabled
        clears = model.clear_losses

        def step(x: Any, y: Any, weight: Any) -> None:
            clears()
            y_pred, masks = forward(x)
            loss = loss_of(x, y, y_pred, weight, masks)
            update(gradients(loss if scale is None else scale(loss)))
            no_grad(False)
            try:
                loss_mean.add(loss.detach(), _rows(x))
                measure(x, y, y_pred, weight)
            finally:
                no_grad(True)

        return step

    def test_function(self) -> Callable[[Any, Any, Any], None]:
        """``step(x, y, sample_weight)``: forward and loss; the logs are summed, not read."""
        forward, loss_mean, measure = self.forward(), self.loss_mean, self.measure()
        loss_of = self.loss() if self.losses is not None or self.own_loss or self.model.losses else None
        clears = self.model.clear_losses

        def step(x: Any, y: Any, weight: Any) -> None:
            clears()
            with torch.no_grad():
                y_pred, masks = forward(x)
                if loss_of is not None:
                    loss_mean.add(loss_of(x, y, y_pred, weight, masks), _rows(x))
                measure(x, y, y_pred, weight)

        return step

    # -- logs --

    def reset(self) -> None:
        """Start the means again, as at the beginning of an epoch."""
        self.loss_mean.total, self.loss_mean.count = None, 0
        for metric in self.metrics.metrics:
            metric.reset_state()
        for tracker in self.losses.trackers if self.losses is not None else ():
            tracker.reset_state()

    def logs(self) -> dict[str, Any]:
        """Loss and metrics so far, in the order in which ``evaluate`` returns them."""
        found: dict[str, Any] = {"loss": self.loss_mean.read()} if self.loss_mean.count else {}
        for tracker in self.losses.trackers if self.losses is not None else ():
            found[tracker.name] = tracker.result()
        found.update(self.metrics.results())
        return {name: _number(value) for name, value in found.items()}


class _Gradients:
    """The gradients of the loss, in the order of ``params``; ``None`` for those that the loss does not depend on."""

    def __init__(self, params: list[nn.Parameter], model: Trainer) -> None:
        self.params = params
        self.model: Any = model
        self.some_unused = False
        self.checked = False
        if not params:
            warnings.warn(f"Model {self.model.name!r} has no trainable weights; fit only measures it.", stacklevel=4)

    def __call__(self, loss: torch.Tensor) -> Any:
        if not self.params:
            return ()
        if self.checked:
            return torch.autograd.grad(loss, self.params, allow_unused=self.some_unused)
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        self.checked = True
        unused = [name for name, param in self.model.named_parameters()
                  if any(param is mine and grad is None for mine, grad in zip(self.params, grads, strict=True))]  # fmt: skip
        # A model that chooses its path per batch may use other weights next time.
        self.some_unused = bool(unused) or self.model._plan is None
        if unused:
            warnings.warn(f"The loss does not depend on {', '.join(unused)}: training leaves them as they are.",
                          stacklevel=4)  # fmt: skip
        return grads


def build_optimizer(optimizer: Any, model: nn.Module, params: list[nn.Parameter]) -> None:
    """Tell the optimizer what it is to change. One that knows all of it already keeps its state (frozen ones wait)."""
    known = {id(param) for param in optimizer.params} if optimizer.built else set()
    if optimizer.built and len(known) > len(params) and all(id(param) in known for param in params):
        return
    constraints = _constraints(model)
    names = {id(param): name.replace(".", "/") for name, param in model.named_parameters()}
    optimizer.build(params, constraints=[constraints.get(id(param)) for param in params],
                    names=[names.get(id(param), "") for param in params])  # fmt: skip


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


def _is_watched(module: nn.Module) -> bool:
    """Whether somebody put hooks on a module, which only a call of the module itself would run."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
                or module._backward_pre_hooks)  # fmt: skip


def _rows(x: Any) -> int:
    return x.shape[0] if type(x) is torch.Tensor else next(leaf.shape[0] for leaf in leaves(x) if leaf is not None)


def _number(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value.detach().cpu().numpy()
    return float(value) if hasattr(value, "__float__") else value


def _trainer_class(model: Any) -> Any:
    """The class that holds the unchanged ``compute_loss``; found on the model, since that module imports this one."""
    return next(
        cls for cls in type(model).__mro__ if cls.__name__ == "Trainer" and cls.__module__.startswith("lamina.")
    )
