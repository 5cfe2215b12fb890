"""``compile``: how a model is to be trained, and the loss and metrics that come of it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack, cast

import torch
from torch import nn

from lamina import losses, optimizers
from lamina import metrics as all_metrics
from lamina.dialects import any_spelling
from lamina.engine.calling import build_for
from lamina.engine.keras3 import metrics_in
from lamina.engine.layer import Layer
from lamina.engine.modes import in_mode
from lamina.engine.tools import to_override
from lamina.engine.tracking import parameters_of
from lamina.engine.weights import WeightOwner
from lamina.errors import did_you_mean
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure
from lamina.losses import LossesLike
from lamina.metrics import Metric, MetricsLike
from lamina.naming import names_differ, numbered
from lamina.optimizers import Optimizer, OptimizerLike
from lamina.registry import check_keys, deserialize, reading, serialize
from lamina.training.doubts import warn_of_doubts
from lamina.training.foreign_code import copied
from lamina.training.logs import as_numbers
from lamina.training.objective import Metrics, Objective, Outputs
from lamina.training.steps import total


class TorchOptions(TypedDict, total=False):
    """Arguments of ``nn.Module.compile`` (that is, of ``torch.compile``); Keras's ``compile`` has none of them."""

    fullgraph: bool
    dynamic: bool | None
    backend: Any
    mode: str | None
    options: dict[str, Any] | None
    disable: bool


_TORCH_COMPILE = TorchOptions.__annotations__.keys()
LossWeights = float | Sequence[Any] | Mapping[str, Any] | torch.Tensor | None
_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # names that mean something only when shapes are known


_ARGUMENTS = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution",
              "jit_compile", "auto_scale_loss", "keep_trainable", *_TORCH_COMPILE)  # fmt: skip

_CONFIG_KINDS = {"optimizer": "optimizer", "loss": "loss", "loss_weights": "value", "metrics": "metric",
                 "weighted_metrics": "metric", "run_eagerly": "value", "jit_compile": "value"}  # fmt: skip
_CONFIG_KEYS = (*_CONFIG_KINDS, "steps_per_execution", "auto_scale_loss", "sample_weight_mode", "pss_evaluation_shards")


@dataclass
class Setup:
    """What ``compile`` was told.

    Arguments:
        staying: the layers whose averages stay in training, since they were frozen between ``compile`` and the first step.
        trainable: the trainable state of each layer and parameter at that time, when it is to last; else ``None``.
    """

    optimizer: Any
    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    run_eagerly: bool
    jit_compile: bool
    trainable: list[tuple[Any, str, bool]] | None
    staying: list[Any] | None = None


class Compiled(WeightOwner):
    """The part of a model that knows how it is to be trained. ``compute_loss`` and ``compute_metrics`` are yours to
    override."""

    optimizer: Optimizer = cast(Any, None)  # until `compile` says which
    loss: Any = None
    compile_setup: Any = None
    stop_training: bool = False
    _objective: Objective | None = None
    _functions: dict[str, Any] | None = None

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self.compile_setup is not None

    @any_spelling("Model.compile")
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossesLike = None,
        loss_weights: LossWeights = None,
        metrics: MetricsLike = None,
        weighted_metrics: MetricsLike = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | Literal["auto"] = False,
        auto_scale_loss: bool = True,
        keep_trainable: bool = False,
        **torch_options: Unpack[TorchOptions],
    ) -> None:
        """Choose how the model trains.

        Arguments:
            optimizer: a name, a Keras optimizer, or a ``torch.optim`` one (made of this model's parameters).
            loss: a name, function or object; a list or dict of them for several outputs.
            loss_weights: the weight of each output's loss in the total.
            metrics, weighted_metrics: names, functions or objects; the weighted ones take sample weights into account.
            run_eagerly: run ``train_step`` as it is written, step by step, for debugging.
            steps_per_execution: accepted; every step is short here.
            jit_compile: run the forward pass through ``torch.compile``. Off unless asked for: it compiles for tens of
                seconds first.
            auto_scale_loss: with the policy ``mixed_float16``, wrap the optimizer in a ``LossScaleOptimizer``.
            keep_trainable: whether a layer that is frozen or unfrozen later is so only after the next ``compile``, as
                in Keras 1 and 2, and not at once, as in Keras 3.
            torch_options: torch's own ``fullgraph``, ``backend``, ``mode``, ...: then this is ``nn.Module.compile``.

        Raises:
            ValueError: for unknown names, with the nearest known one.
        """
        if torch_options.keys() & _TORCH_COMPILE:
            return nn.Module.compile(self, **torch_options)
        for unknown in torch_options:
            raise TypeError(f"compile() got an unknown argument {unknown!r}.{did_you_mean(unknown, _ARGUMENTS)}")
        _check_names(loss, metrics, weighted_metrics)
        chosen = optimizers.get(optimizer)
        is_half = getattr(getattr(self, "dtype_policy", None), "name", None) == "mixed_float16"
        if auto_scale_loss and is_half and not isinstance(chosen, optimizers.LossScaleOptimizer | None):
            chosen = optimizers.LossScaleOptimizer(chosen)
        self.optimizer = cast(Any, chosen)
        vars(self)["loss"] = loss  # one of torch's is a module, and yet no part of the model
        self.compile_setup = Setup(chosen, loss, loss_weights, metrics, weighted_metrics, bool(run_eagerly),
                                   jit_compile is True, _trainable_state(self) if keep_trainable else None)  # fmt: skip
        self._objective = Objective(loss, loss_weights, metrics, weighted_metrics)
        self.stop_training = False
        self._functions = None

    # -- yours to override --

    def get_compile_config(self) -> dict[str, Any]:
        """What ``compile`` was told, as plain values; empty when it was not called."""
        setup = self.compile_setup
        if setup is None:
            return {}
        told = {"optimizer": setup.optimizer, "loss": setup.loss, "loss_weights": setup.loss_weights,
                "metrics": setup.metrics, "weighted_metrics": setup.weighted_metrics,
                "run_eagerly": setup.run_eagerly, "steps_per_execution": 1, "jit_compile": setup.jit_compile}  # fmt: skip
        return {name: serialize(value) for name, value in told.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as :meth:`get_compile_config` says."""
        if not config:
            return
        with reading(config):
            check_keys(config, _CONFIG_KEYS)
            told = {
                name: deserialize(config[name], kind=kind) for name, kind in _CONFIG_KINDS.items() if name in config
            }
            for leaf in leaves([told.get(key) for key in ("loss", "metrics", "weighted_metrics")]):
                if not (leaf is None or isinstance(leaf, str) or callable(leaf)):
                    raise ValueError(f"A loss or metric must be a name or an object, and got {leaf!r:.80}.")
            if told.get("optimizer") is not None:
                self.compile(**told)

    def compile_as(self, other: Any) -> None:
        """Compile as another model is, if it is, with an optimizer and metrics of this model's own."""
        setup = other.compile_setup
        if setup is None or not (setup.optimizer is None or hasattr(setup.optimizer, "get_config")):
            return  # an optimizer of torch's is one of certain weights
        optimizer = None if setup.optimizer is None else type(setup.optimizer).from_config(setup.optimizer.get_config())
        metrics, weighted = (map_structure(_anew, told) for told in (setup.metrics, setup.weighted_metrics))
        self.compile(optimizer, setup.loss, setup.loss_weights, metrics, weighted, setup.run_eagerly,
                     jit_compile=setup.jit_compile, auto_scale_loss=False,
                     keep_trainable=setup.trainable is not None)  # fmt: skip

    @to_override
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> torch.Tensor:
        """The compiled loss, plus penalties on weights and what layers added."""
        of_data = self._bound(x, y, y_pred).losses
        terms = [] if of_data is None else [of_data(y, y_pred, sample_weight)]
        return total(terms + self.losses, self)

    @to_override
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics, and return all of them by name."""
        metrics = self._bound(x, y, y_pred).metrics
        if metrics is not None:
            metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The loss and the metrics so far, by name."""
        return as_numbers({metric.name: metric.result() for metric in self.metrics})

    # -- metrics --

    @property
    def metrics(self) -> list[Metric]:
        """As in Keras 3: the mean of the loss, ``compile_metrics`` (all that were compiled, as one), the loss of each
        output where there are several, and the metrics that are attributes of the model and its layers. In tf.keras's
        dialect each compiled metric for itself."""
        objective = self._objective
        if objective is not None and objective.habits.metrics_apart:
            return [*objective.one_by_one(), *metrics_in(self, but=Compiled)]
        return [*(objective or ()), *metrics_in(self, but=Compiled)]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what ``evaluate`` returns, in order."""
        names: list[str] = []
        of_outputs: list[str] = []
        early = _objective_without_data(self)
        compiled = early if early is not None or type(self).metrics is not Compiled.metrics else self._objective
        for metric in self.metrics if compiled is None else [*compiled, *metrics_in(self, but=Compiled)]:
            if isinstance(metric, Metrics):
                several = metric.outputs is not None and metric.outputs.count > 1
                (of_outputs if several else names).extend(metric.names)
            else:
                names.append(metric.name)
        return list(dict.fromkeys([*names, *sorted(of_outputs)]))

    def reset_metrics(self) -> None:
        """Start all means again."""
        for metric in self.metrics:
            metric.reset_state()

    # -- inside --

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs: those of the layers that make them."""
        plan = getattr(self, "_plan", None)
        if plan is None:
            return None
        names: list[str] = []
        for value in leaves(plan.outputs):
            number = next((i for i, step in enumerate(plan.steps) if value in leaves(step.outputs)), None)
            target = plan.steps[number].target if number is not None else f"output_{len(names)}"
            names.append(getattr(getattr(self, "_modules", {}).get(target), "name", None) or str(target))
        return numbered(names) if names_differ() else names

    def _bound(self, x: Any, y: Any, y_pred: Any = None) -> Objective:
        """The losses and metrics, bound to the model's outputs."""
        objective = self._objective
        if objective is None:
            raise ValueError(
                f"Model {self.name!r} must be compiled first: call model.compile(optimizer=..., loss=...)."
            )
        if objective.outputs is None:
            asked = y_pred is None
            y_pred = self._example_outputs(x) if asked else y_pred
            objective.bind(Outputs(y_pred, self.output_names), y, self)
            if objective.losses is not None:
                objective.losses.check(y)
                warn_of_doubts(self, objective.losses, y)
            if asked:
                self.reset_metrics()  # asking for an example is no part of what is measured
        elif objective.losses is not None:
            objective.losses.check(y)
        return objective

    def _example_outputs(self, x: Any) -> Any:
        """What the outputs for a first batch are like: the plan says so, where it knows; else the model is run, which
        also builds it."""
        prepare = getattr(self, "prepare", lambda: None)
        prepare()
        plan = getattr(self, "_plan", None)
        if plan is not None:
            outputs = map_structure(lambda value: SymbolicTensor(*plan.values[value.index]), plan.outputs)
            if all(output.shape and output.shape[-1] is not None for output in leaves(outputs)):
                return outputs
        if isinstance(self, Layer) and not self.built:
            build_for(self, (x,), {})
        state = [(buffer, buffer.clone()) for buffer in self.buffers()]
        with torch.no_grad(), in_mode(self, False):
            outputs = self(copied(x))
            for buffer, before in state:  # what a stateful layer keeps of it, too
                buffer.copy_(before)
        prepare()
        return outputs

    @contextlib.contextmanager
    def _as_compiled(self) -> Iterator[None]:
        """Inside, layers are frozen or not as they were when the model was compiled, if that is to last."""
        state = self.compile_setup.trainable if self.compile_setup is not None else None
        changed = [(item, name, not value) for item, name, value in state or () if getattr(item, name) is not value]
        for item, name, now in changed:
            setattr(item, name, not now)
        setup: Any = self.compile_setup
        if state is not None and setup.staying is None:  # the first step decides
            setup.staying = [item for item, name, now in changed if name == "_trainable" and not now
                                          and getattr(item, "frozen_statistics", "") == "batch"]  # fmt: skip
        staying = [] if state is None else setup.staying
        for item in staying:
            item._averages_stay = True
        try:
            yield
        finally:
            for item in staying:
                item._averages_stay = False
            for item, name, now in changed:
                setattr(item, name, now)

    def _require_compiled(self, what: str) -> None:
        if self.compile_setup is None:
            raise ValueError(f"Model {self.name!r} must be compiled before {what}(): call "
                             "model.compile(optimizer=..., loss=...).")  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_functions": None,
            "_forward_to_predict": None,
            "_forward_to_predict_many": None,
        }  # a copy trains itself, by functions of its own


def _objective_without_data(model: Any) -> Objective | None:
    """What is to be minimised and measured, as far as it is known before there are data, in dialects that tell so early."""
    objective = model._objective
    if objective is None or objective.outputs is not None or not objective.habits.names_early or not model.built:
        return None
    getattr(model, "prepare", lambda: None)()
    if getattr(model, "_plan", None) is None:
        return None
    setup: Any = model.compile_setup
    early = Objective(setup.loss, setup.loss_weights, setup.metrics, setup.weighted_metrics)
    early.bind(Outputs(model._example_outputs(None), model.output_names), None)
    return early


def _anew(metric: Any) -> Any:
    """A metric like another that counts for itself; a name or function serves for any model."""
    if isinstance(metric, Metric):
        metric = copy.deepcopy(metric)
        metric.reset_state()
    return metric


def _trainable_state(model: nn.Module) -> list[tuple[Any, str, bool]]:
    layers = [
        (module, "_trainable", module._trainable) for module in model.modules() if isinstance(module, WeightOwner)
    ]
    return [*layers, *((weight, "requires_grad", weight.requires_grad) for _, weight in parameters_of(model))]


def _check_names(loss: Any, metrics: Any, weighted: Any) -> None:
    """Unknown names are refused by ``compile``, not by the first step."""
    for table, given in ((losses, loss), (all_metrics, (metrics, weighted))):
        for leaf in leaves(given):
            if isinstance(leaf, str) and leaf.lower() not in _BY_SHAPE:
                table.get(leaf)
