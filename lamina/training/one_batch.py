"""One batch: the steps that a model's author may override, the functions that run in their place, and
``train_on_batch`` and its relatives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import nn

from lamina.dialects import any_spelling, habits
from lamina.engine.modes import in_mode
from lamina.engine.tools import to_override
from lamina.engine.weights import WeightOwner, to_numpy
from lamina.graph.symbolic import leaves, map_structure
from lamina.training.allocator import keep_freed_memory
from lamina.training.class_weights import ByClass
from lamina.training.compiled import Compiled
from lamina.training.data import Batches, Data, make_batches, to_tensor, unpack
from lamina.training.foreign_code import copied, measures_foreign_code, penalizes_by_foreign_code, runs_foreign_code
from lamina.training.forward import Forward, Predicting, plan_of
from lamina.training.logs import as_numbers, in_order
from lamina.training.placement import away_of, made_at, place, send
from lamina.training.steps import BatchFunction, Step, build_optimizer, count_rows

# Who overrides one of these has the whole step run as it is written.
_HOOKS = ("compute_loss", "compute_metrics")


class OneBatch(Compiled):
    """The part of a model that handles one batch. ``train_step``, ``test_step`` and ``predict_step`` are yours to
    override."""

    _own_logs: dict[str, Any] | None = None  # what a step of the author's returned last
    _forward_to_predict: Forward | None = None
    _forward_to_predict_many: Forward | None = None

    @overload
    def train_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        class_weight: Mapping[int, float] | None = None,
        *,
        return_dict: Literal[True],
        reset_metrics: bool = True,
    ) -> dict[str, float]: ...
    @overload
    def train_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
        reset_metrics: bool = True,
    ) -> Any: ...

    @any_spelling("Model.train_on_batch")
    def train_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
        reset_metrics: bool = True,
    ) -> Any:
        """One step of training.

        Arguments:
            x, y, sample_weight, class_weight: as in ``fit``.
            return_dict: whether to return a dict by name, and not a number or list.
            reset_metrics: whether the values returned are this batch's own, and not means since ``reset_metrics()``.

        Returns:
            Loss and metrics as ``evaluate`` returns them.
        """
        self._require_compiled("train_on_batch")
        with self._as_compiled():
            return self._on_batch("train", (x, y, sample_weight), class_weight, return_dict, reset_metrics)

    @overload
    def test_on_batch(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        *,
        return_dict: Literal[True],
        reset_metrics: bool = True,
    ) -> dict[str, float]: ...
    @overload
    def test_on_batch(
        self, x: Data, y: Data = None, sample_weight: Data = None, return_dict: bool = False, reset_metrics: bool = True
    ) -> Any: ...

    @any_spelling("Model.test_on_batch")
    def test_on_batch(
        self, x: Data, y: Data = None, sample_weight: Data = None, return_dict: bool = False, reset_metrics: bool = True
    ) -> Any:
        """Loss and metrics of one batch, without training; see :meth:`train_on_batch`."""
        self._require_compiled("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), None, return_dict, reset_metrics)

    def _on_batch(self, kind: str, data: Any, by_class: Any, as_dict: bool, reset: bool) -> Any:
        x, y, weight = data
        batch = next(iter(self._batches(x, y, weight, _row_count(x), by_class=by_class).epoch()))
        with in_mode(self, kind == "train"):
            run = self._function(kind, batch)
            if reset:
                self.reset_metrics()
            run(*batch)
        logs = self._read_logs()
        return logs if as_dict else in_order(logs, self.metrics_names)

    def predict_on_batch(self, x: Data) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        self.clear_losses()  # nobody asks for those of the batch before
        run, is_ours, makes = self._predict_function()
        with torch.inference_mode() if is_ours else torch.no_grad():
            inputs = self._input_tensor(x) if type(x) is np.ndarray else map_structure(self._input_tensor, x)
            if not is_ours:
                inputs = copied(inputs)
            if self.training:
                with in_mode(self, False):
                    outputs = run(inputs)
            else:
                outputs = run(inputs)
        return to_array(outputs) if makes else map_structure(lambda output: to_array(output.clone()), outputs)

    # -- yours to override --

    @to_override
    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training on ``data`` (``(x, y)`` or ``(x, y, sample_weight)``); returns logs by name.

        ``fit`` puts its own step together unless this is overridden.
        """
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=True)
        loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
        self._objective_loss(loss, x)
        params = [weight for weight in self.trainable_weights if isinstance(weight, nn.Parameter)]
        if params:
            grads = torch.autograd.grad(self.optimizer.scale_loss(loss), params, allow_unused=True)
            self.optimizer.apply(grads, params)
        with torch.no_grad():
            return self.compute_metrics(x, y, y_pred, sample_weight)

    @to_override
    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of testing; returns logs by name. ``evaluate`` puts its own together unless this is overridden."""
        x, y, sample_weight = unpack(data)
        with torch.no_grad():
            y_pred = self(x, training=False)
            self._objective_loss(self._loss_of(x, y, y_pred, sample_weight, training=False), x)
            return self.compute_metrics(x, y, y_pred, sample_weight)

    @to_override
    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch of inputs."""
        return self(unpack(data)[0], training=False)

    def _loss_of(self, x: Any, y: Any, y_pred: Any, weight: Any, training: bool) -> torch.Tensor:
        mode = {"training": training} if "training" in inspect.signature(self.compute_loss).parameters else {}
        return self.compute_loss(x, y, y_pred, weight, **mode)

    def _objective_loss(self, loss: torch.Tensor, x: Any) -> None:
        if self._objective is not None:
            rows = count_rows(x)
            self._objective.loss_mean.accumulate(loss.detach(), rows, rows)

    # -- what runs --

    def _function(self, kind: str, batch: Any) -> BatchFunction:
        """The step to run on batches: the model's own when its author overrode it, else one put together for it."""
        hooks = (f"{kind}_step", *_HOOKS)
        if self.compile_setup.run_eagerly or any(is_overridden(self, name) for name in hooks):
            self._prepare_own(batch)
            run = functools.partial(self._run_own, getattr(self, f"{kind}_step"))
            return made_at(away_of(self), run)
        self._own_logs = None
        objective = self._bound(*batch[:2])
        functions: dict[str, Any] | None = self._functions
        if functions is None or not functions["step"].is_current():
            functions = self.__dict__["_functions"] = {"step": Step(self, objective)}
        if kind not in functions:
            step = functions["step"]
            function = step.train_function() if kind == "train" else step.test_function()
            functions[kind] = made_at(away_of(self), function) if self._runs_foreign_code() else function
        return functions[kind]

    def _prepare_own(self, batch: Any) -> None:
        """Build the model and its optimizer before a step of the author's, as far as there is something to build."""
        objective = self._objective
        told = objective is not None and objective.has_something()
        unbuilt = any(not getattr(module, "built", True) for module in self.modules() if module is not self)
        if told or unbuilt or self._runs_forward():
            try:
                self._bound(*batch[:2])
            except Exception:  # the step may do something else with the data than to call the model on the first part
                if not any(is_overridden(self, name) for name in ("train_step", "test_step")):
                    raise
                return
        if self.optimizer is not None and not self.optimizer.built:
            build_optimizer(self.optimizer, self, [weight for weight in self.weights if weight.requires_grad])  # pyright: ignore[reportArgumentType]

    def _runs_forward(self) -> bool:
        """Whether the model has a forward pass: one that only trains others (a GAN) need not."""
        return True

    def _run_own(self, step: Any, x: Any, y: Any, weight: Any) -> None:
        data = (x, y, weight) if weight is not None else (x, y) if y is not None else x
        self.__dict__["_own_logs"] = dict(step(data) or {})

    def _read_logs(self) -> dict[str, Any]:
        """The logs as numbers: this is where a step's work is waited for.

        Those that a step of the author's returned count, unless they are the metrics' own: then the metrics say how it
        is now.
        """
        own = self._own_logs
        if own is None:
            return self.get_metrics_result()
        own = self.__dict__["_own_logs"] = as_numbers(own)
        found = self.get_metrics_result()
        return found if found.keys() == own.keys() else dict(own)

    def _predict_function(self, many: bool = False) -> Predicting:
        """The function from a batch of inputs to outputs: the author's ``predict_step``, if there is one. For ``many``
        batches it may hold weights as they are now."""
        if is_overridden(self, "predict_step"):
            step = made_at(away_of(self), lambda inputs: self.predict_step((inputs,)))
            return Predicting(step, False, False)
        if plan_of(self) is None:
            return Predicting(self, False, False)  # pyright: ignore[reportArgumentType]
        place = "_forward_to_predict_many" if many else "_forward_to_predict"
        forward = getattr(self, place)
        if forward is None or not forward.is_current():
            forward = self.__dict__[place] = Forward(self, in_place=True, folds=many)
        forward.freeze()
        return forward.predicting

    # -- data --

    def _batches(
        self,
        x: Any,
        y: Any,
        weight: Any,
        size: int | None,
        steps: float | None = None,
        shuffle: bool | str = False,
        by_class: Any = None,
        again: bool = False,
    ) -> Batches:
        device = place(self)
        if device is None or device.type == "cpu":
            keep_freed_memory()
        # Code that is not lamina's may write into what it is given (`x *= 2`): never into the caller's arrays.
        writes = self._runs_foreign_code()
        then = self._objective.habits if self._objective is not None else habits()
        if by_class is not None:
            by_class = ByClass(by_class, self.output_names, then)
        columns = then.column_targets and not is_overridden(self, "train_step")
        return make_batches(x, y, weight, batch_size=size, steps=steps, shuffle=shuffle, class_weight=by_class,
                            dtype=self._data_dtype(), device=device, copy=writes, again=again,
                            columns=columns)  # fmt: skip

    def _runs_foreign_code(self) -> bool:
        return runs_foreign_code(self) or measures_foreign_code(self.compile_setup) or penalizes_by_foreign_code(self)

    def _data_dtype(self) -> torch.dtype:
        """What floats in data become: no less than float32, nor than the weights or an input; the model casts its inputs
        itself, and targets are best exact."""
        full, kinds = self._dtype_policy.variable_dtype == "float64", getattr(self, "_input_kinds", ())
        return torch.float64 if full or any(kind[-1] is torch.float64 for kind in kinds) else torch.float32

    def _input_tensor(self, leaf: Any) -> torch.Tensor:
        return send(to_tensor(leaf, self._data_dtype()), place(self))


def to_array(tensor: Any) -> np.ndarray:
    """An output as a NumPy array."""
    if tensor.dtype is torch.bfloat16 or not tensor.is_cpu:
        return to_numpy(tensor)
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def is_overridden(model: WeightOwner, name: str) -> bool:
    """Whether a method is not lamina's own: the author of the model's class wrote it, or set it on the model."""
    return getattr(type(model), name) is not getattr(OneBatch, name) or name in vars(model)


def _row_count(x: Any) -> int | None:
    first = next((leaf for leaf in leaves(x) if hasattr(leaf, "shape")), None)
    return int(first.shape[0]) if first is not None and len(first.shape) else len(x) if hasattr(x, "__len__") else None
