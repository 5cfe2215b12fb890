"""``compile``, ``fit``, ``evaluate``, ``predict``: what a model does with data."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lamina import losses, optimizers
from lamina import metrics as all_metrics
from lamina.callbacks import CallbackList
from lamina.dialects import any_spelling
from lamina.graph.symbolic import leaves, map_structure
from lamina.layers.calling import in_mode
from lamina.layers.weights import WeightOwner, to_numpy
from lamina.metrics import Metric
from lamina.training.data import Batches, make_batches, split_validation, to_tensor, unpack
from lamina.training.history import History
from lamina.training.older import OlderMethods
from lamina.training.progress import ProgressBar
from lamina.training.steps import Step

# Arguments of nn.Module.compile (that is, of torch.compile); Keras's compile has none of them.
_TORCH_COMPILE = {"fullgraph", "dynamic", "backend", "mode", "options", "disable"}


@dataclass
class Setup:
    """What ``compile`` was told."""

    optimizer: Any
    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any
    run_eagerly: bool
    jit_compile: bool


class Trainer(OlderMethods, WeightOwner):
    """The part of a model that trains. ``train_step``, ``compute_loss`` and ``compute_metrics`` are yours to override."""

    optimizer: Any = None
    loss: Any = None
    compile_setup: Any = None
    history: Any = None
    stop_training: bool = False
    _step: Step | None = None
    _functions: dict[str, Any] | None = None

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self.compile_setup is not None

    @any_spelling("Model.compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = False,
        auto_scale_loss: bool = True,
        **torch_options: Any,
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
            torch_options: torch's own ``fullgraph``, ``backend``, ``mode``, ...: then this is ``nn.Module.compile``.

        Raises:
            ValueError: for unknown names, with the nearest known one.
        """
        if torch_options.keys() & _TORCH_COMPILE:
            return super().compile(**torch_options)
        for unknown in torch_options:
            raise TypeError(f"compile() got an unknown argument {unknown!r}.")
        if auto_scale_loss and getattr(getattr(self, "dtype_policy", None), "name", None) == "mixed_float16":
            optimizer = optimizers.LossScaleOptimizer(optimizers.get(optimizer))
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.compile_setup = Setup(self.optimizer, loss, loss_weights, metrics, weighted_metrics, bool(run_eagerly),
                                   jit_compile is True)  # fmt: skip
        _check_names(loss, metrics, weighted_metrics)
        self.stop_training = False
        self._step = self._functions = None

    # -- fit, evaluate, predict --

    @any_spelling("Model.fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for ``epochs`` passes over the data, and return the curves.

        Arguments:
            x, y: arrays, tensors, data frames, or lists and dicts of them; or ``x`` alone as a ``DataLoader``,
                ``PyDataset``/``Sequence`` or generator of ``(x, y)`` or ``(x, y, sample_weight)`` batches.
            batch_size: rows in a step, 32 by default.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch; ``"auto"`` is 1.
            validation_split: the part of the data, taken from its end, to validate on.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``, or any data that ``x`` may be.
            shuffle: whether each epoch goes through the rows in a new order (``"batch"``: whole batches).
            class_weight: class index -> weight in the loss. ``sample_weight``: the weight of each row.
            initial_epoch: the epoch to begin with, when training goes on.
            steps_per_epoch, validation_steps: batches in an epoch; by default all.
            validation_freq: validate every so many epochs, or in the epochs of this list (counted from 1).

        Returns:
            A :class:`History`: ``history.history`` holds the curves, ``.plot()`` draws them, ``.diagnose()`` says
            whether the model over- or underfits.

        Raises:
            ValueError: when the model is not compiled, or data and model do not fit each other.
        """
        self._require_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        batches = self._batches(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        validation = None
        if validation_data is not None:
            vx, vy, vw = unpack(validation_data)
            validation = self._batches(vx, vy, vw, validation_batch_size or batch_size, validation_steps)
        self.stop_training = False
        history = callbacks.history if isinstance(callbacks, CallbackList) else None
        hooks = callbacks if isinstance(callbacks, CallbackList) else CallbackList(
            callbacks, model=self, add_history=True, epochs=epochs, steps=batches.steps, verbose=verbose)  # fmt: skip
        history = history or hooks.history
        self.history = history
        bar = ProgressBar(epochs, batches.steps, verbose)
        logs: dict[str, Any] = {}
        try:
            hooks.on_train_begin()
            resumed = self.__dict__.pop("_initial_epoch", None)  # BackupAndRestore found where an earlier run stopped
            for epoch in range(initial_epoch if resumed is None else resumed, epochs):
                hooks.on_epoch_begin(epoch)
                bar.epoch_begin(epoch)
                logs = self._train_epoch(batches, hooks, bar)
                if validation is not None and _is_due(epoch, validation_freq):
                    found = self._evaluate(validation, hooks)
                    logs |= {f"val_{name}": value for name, value in sorted(found.items())}
                hooks.on_epoch_end(epoch, logs)
                bar.epoch_end(logs)
                if self.stop_training:
                    break
            self.optimizer.finalize_variable_values(self.trainable_weights)
            hooks.on_train_end(logs)
        finally:  # also after Ctrl-C: the model infers again, with the weights of the last whole step
            bar.close()
            self.eval()
        return history

    def _train_epoch(self, batches: Batches, hooks: CallbackList, bar: ProgressBar) -> dict[str, Any]:
        self.train()
        self.reset_metrics()
        run: Any = None
        watched = hooks.has_train_batch_hooks
        for index, batch in enumerate(batches.epoch()):
            if run is None:
                run = self._function("train", batch)
            if watched:
                hooks.on_train_batch_begin(index)
            run(*batch)
            if watched:
                hooks.on_train_batch_end(index, self._lazy_logs())
            bar.step(index, self._read_logs)
            if self.stop_training:
                break
        if run is None:
            raise ValueError(f"There was no data to train {self.name!r} on: the first batch never came.")
        self.eval()
        logs = self._read_logs()
        if isinstance(logs.get("loss"), float) and logs["loss"] != logs["loss"]:
            warnings.warn(f"The loss of {self.name!r} is NaN: its weights are lost. Lower the learning rate, clip the "
                          "gradients (clipnorm=1.0), or look for NaN in the data; callbacks.TerminateOnNaN() stops "
                          "training there.", stacklevel=4)  # fmt: skip
        return dict(sorted(logs.items()))

    @any_spelling("Model.evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data, without training.

        Returns:
            The loss when nothing else was compiled; else a list, the loss first; with ``return_dict`` a dict by name.
        """
        self._require_compiled("evaluate")
        batches = self._batches(x, y, sample_weight, batch_size, steps)
        hooks = callbacks if isinstance(callbacks, CallbackList) else CallbackList(
            callbacks, model=self, epochs=1, steps=batches.steps, verbose=verbose)  # fmt: skip
        logs = self._evaluate(batches, hooks, ProgressBar(1, batches.steps, verbose, label="evaluate"))
        return logs if return_dict else _as_list(logs)

    def _evaluate(self, batches: Batches, hooks: CallbackList, bar: ProgressBar | None = None) -> dict[str, Any]:
        with in_mode(self, False):
            self.reset_metrics()
            hooks.on_test_begin()
            run: Any = None
            watched = hooks.has_test_batch_hooks
            for index, batch in enumerate(batches.epoch()):
                if run is None:
                    run = self._function("test", batch)
                if watched:
                    hooks.on_test_batch_begin(index)
                run(*batch)
                if watched:
                    hooks.on_test_batch_end(index, self._lazy_logs())
                if bar is not None:
                    bar.step(index, self._read_logs)
            logs = self._read_logs()
            hooks.on_test_end(logs)
            if bar is not None:
                bar.epoch_end(logs)
        return logs

    @any_spelling("Model.predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for data, as NumPy arrays, computed batch by batch.

        Returns:
            An array, or the structure of arrays that the model's outputs have.
        """
        if callbacks is None and steps is None and isinstance(x, np.ndarray) and 0 < len(x) <= (batch_size or 32):
            return self.predict_on_batch(x)  # one batch: nothing to slice, to show or to join
        batches = self._batches(x, None, None, batch_size, steps)
        hooks = CallbackList(callbacks, model=self, epochs=1, steps=batches.steps, verbose=verbose)
        bar = ProgressBar(1, batches.steps, verbose, label="predict")
        found: list[list[torch.Tensor]] = []
        structure: Any = None
        step = self.predict_step
        own_step = type(self).predict_step is not Trainer.predict_step
        with in_mode(self, False), torch.inference_mode():
            hooks.on_predict_begin()
            for index, batch in enumerate(batches.epoch()):
                hooks.on_predict_batch_begin(index)
                structure = step(batch[0] if not own_step else batch[:1])
                outputs = leaves(structure)
                found = found or [[] for _ in outputs]
                for kept, output in zip(found, outputs, strict=True):
                    kept.append(output)
                hooks.on_predict_batch_end(index, {"outputs": structure})
                bar.step(index, dict)
            hooks.on_predict_end()
            bar.epoch_end({})
            joined = iter([to_array(parts) for parts in found])
        if structure is None:
            raise ValueError("There was no data to predict from: the first batch never came.")
        return map_structure(lambda _: next(joined), structure)

    # -- one batch --

    @any_spelling("Model.train_on_batch")
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
        reset_metrics: bool = False,
    ) -> Any:
        """One step of training. As in Keras 3 the values returned are means since ``reset_metrics()`` was called;
        ``reset_metrics=True`` (what Keras 1 and 2 did) gives this batch's own."""
        self._require_compiled("train_on_batch")
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict, reset_metrics)

    @any_spelling("Model.test_on_batch")
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False, reset_metrics: bool = False
    ) -> Any:
        """Loss and metrics of one batch; means since ``reset_metrics()``, as in :meth:`train_on_batch`."""
        self._require_compiled("test_on_batch")
        return self._on_batch("test", x, y, sample_weight, None, return_dict, reset_metrics)

    def _on_batch(self, kind: str, x: Any, y: Any, weight: Any, by_class: Any, as_dict: bool, reset: bool) -> Any:
        batch = next(iter(self._batches(x, y, weight, _row_count(x), None, False, by_class).epoch()))
        with in_mode(self, kind == "train"):
            if reset:
                self.reset_metrics()
            self._function(kind, batch)(*batch)
        logs = self._read_logs()
        return logs if as_dict else _as_list(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        dtype = getattr(self, "_compute_dtype", torch.float32)
        device = self._device()

        def convert(leaf: Any) -> Any:
            tensor = to_tensor(leaf, dtype)
            return tensor if device is None else tensor.to(device)

        inputs = convert(x) if type(x) is np.ndarray else map_structure(convert, x)
        with torch.inference_mode():
            if self.training:
                with in_mode(self, False):
                    outputs = self.predict_step(inputs)
            else:
                outputs = self.predict_step(inputs)
        return (
            to_array([outputs])
            if type(outputs) is torch.Tensor
            else map_structure(lambda one: to_array([one]), outputs)
        )

    # -- yours to override --

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training on ``data`` (``(x, y)`` or ``(x, y, sample_weight)``); returns logs by name.

        ``fit`` puts its own step together unless this is overridden.
        """
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        params = [weight for weight in self.weights if weight.requires_grad]
        self.optimizer.apply(torch.autograd.grad(loss, params, allow_unused=True), params)
        with torch.no_grad():
            self._bound(data).loss_mean.add(loss.detach(), len(leaves(x)[0]))
            return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of testing; returns logs by name. ``evaluate`` puts its own together unless this is overridden."""
        x, y, sample_weight = unpack(data)
        with torch.no_grad():
            y_pred = self(x, training=False)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
            self._bound(data).loss_mean.add(loss, len(leaves(x)[0]))
            return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch of inputs."""
        return self(
            data[0] if isinstance(data, tuple) and type(self).predict_step is not Trainer.predict_step else data
        )

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> torch.Tensor:
        """The compiled loss, plus penalties on weights and what layers added."""
        step = self._bound((x, y, sample_weight))
        terms = [step.losses(y, y_pred, sample_weight)] if step.losses is not None and y is not None else []
        terms += self.losses
        if not terms:
            raise ValueError(f"Model {self.name!r} has nothing to minimise: compile it with `loss=`.")
        return torch.stack([term.reshape(()) for term in terms]).sum()

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the compiled metrics, and return all of them by name."""
        self._bound((x, y, sample_weight)).metrics.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Loss and metrics so far, by name."""
        return (
            self._step.logs() if self._step is not None else {metric.name: metric.result() for metric in self.metrics}
        )

    # -- metrics --

    @property
    def metrics(self) -> list[Metric]:
        """The compiled metrics, and those that the model's author made attributes of it."""
        own = [value for module in self.modules() for value in vars(module).values() if isinstance(value, Metric)]
        compiled = self._step.metrics.metrics if self._step is not None else []
        return own + [metric for metric in compiled if not any(metric is mine for mine in own)]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what ``evaluate`` returns, in order."""
        if self._step is None:
            return ["loss"]
        trackers = self._step.losses.trackers if self._step.losses is not None else []
        return ["loss", *(tracker.name for tracker in trackers), *(name for *_, name in self._step.metrics.entries)]

    def reset_metrics(self) -> None:
        """Start all means again."""
        if self._step is not None:
            self._step.reset()
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
        return names

    def forward_once(self, x: Any) -> Any:
        """The outputs for a first batch: it builds what is not built, and shows what the outputs are like."""
        with in_mode(self, False):
            outputs = self(x)
        prepare = getattr(self, "prepare", None)
        if prepare is not None:
            prepare()
        return outputs

    def _bound(self, data: Any) -> Step:
        if self._step is None:
            self._step = Step(self, unpack(data))
        return self._step

    def _function(self, kind: str, batch: Any) -> Callable[[Any, Any, Any], Any]:
        """The step to run on batches: the model's own when its author overrode it, else one put together for it."""
        own = getattr(type(self), f"{kind}_step") is not getattr(Trainer, f"{kind}_step")
        if own or self.compile_setup.run_eagerly:
            return functools.partial(self._run_own, getattr(self, f"{kind}_step"))
        if getattr(self, "_plan", None) is None or self._step is None:
            self._bound(batch)
        marks = (kind, self.training, *(id(weight) for weight in self.trainable_weights))
        if self._functions is None or self._functions.get(kind, (None,))[0] != marks:
            step = self._bound(batch)
            function = step.train_function() if kind == "train" else step.test_function()
            self._functions = {**(self._functions or {}), kind: (marks, function)}
        return self._functions[kind][1]

    def _run_own(self, step: Callable[[Any], Any], x: Any, y: Any, weight: Any) -> None:
        if not getattr(self, "built", True) or (getattr(self.optimizer, "built", True) is False):
            with torch.no_grad():
                self.forward_once(x)
            params = [one for one in self.weights if one.requires_grad]
            if self.optimizer is not None and not self.optimizer.built:
                self.optimizer.build(params)
        data = (x, y, weight) if weight is not None else (x, y) if y is not None else (x,)
        self._own_logs = step(data if len(data) > 1 else x) or {}

    def _read_logs(self) -> dict[str, Any]:
        """The logs as numbers: this is where a step's work is waited for."""
        logs = self.__dict__.get("_own_logs")
        if logs is None:
            return self._step.logs() if self._step is not None else {}
        self.__dict__.pop("_own_logs")
        found = {
            name: value.item() if isinstance(value, torch.Tensor) else float(value) for name, value in logs.items()
        }
        self.__dict__["_own_logs"] = found
        return dict(found)

    def _lazy_logs(self) -> Any:
        return LazyLogs(self._read_logs)

    def _batches(
        self,
        x: Any,
        y: Any,
        weight: Any,
        size: int | None,
        steps: int | None,
        shuffle: bool | str = False,
        by_class: Any = None,
    ) -> Batches:
        dtype = getattr(self, "_compute_dtype", torch.float32)
        dtype = torch.float32 if dtype in (torch.float16, torch.bfloat16) and self._is_mixed() else dtype
        return make_batches(x, y, weight, batch_size=size, steps=steps, shuffle=shuffle, class_weight=by_class,
                            dtype=dtype, device=self._device())  # fmt: skip

    def _is_mixed(self) -> bool:
        policy = getattr(self, "dtype_policy", None)
        return policy is not None and policy.compute_dtype != policy.variable_dtype

    def _device(self) -> torch.device | None:
        """Where the weights are, or ``None`` for the CPU, where data lies anyway."""
        weight = next(self.parameters(), None)
        return None if weight is None or weight.device.type in ("cpu", "meta") else weight.device

    def _require_compiled(self, what: str) -> None:
        if self.compile_setup is None:
            raise ValueError(f"Model {self.name!r} must be compiled before {what}(): call "
                             "model.compile(optimizer=..., loss=...).")  # fmt: skip


class LazyLogs(dict[str, Any]):
    """Logs of a batch for callbacks: numbers are read from tensors, and waited for, only when somebody looks."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._read: Callable[[], dict[str, Any]] | None = read

    def _fill(self) -> None:
        if self._read is not None:
            read, self._read = self._read, None
            self.update({**read(), **self})


def _reading(name: str) -> Any:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any) -> Any:
        self._fill()
        return method(self, *args)

    return call


for _name in ("__getitem__", "__contains__", "__iter__", "__len__", "get", "items", "keys", "values", "copy", "__repr__",
              "__eq__", "__or__", "__ror__", "pop", "setdefault"):  # fmt: skip
    setattr(LazyLogs, _name, _reading(_name))


def to_array(parts: list[torch.Tensor]) -> np.ndarray:
    """Batches of outputs as one NumPy array."""
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    return to_numpy(whole) if whole.dtype is torch.bfloat16 or whole.device.type != "cpu" else whole.detach().numpy()


def _check_names(loss: Any, metrics: Any, weighted: Any) -> None:
    """Unknown names are refused by ``compile``, not by the first step."""
    for leaf in leaves(loss):
        if isinstance(leaf, str):
            losses.get(leaf)
    for leaf in leaves((metrics, weighted)):
        if isinstance(leaf, str) and leaf.lower() not in ("accuracy", "acc", "crossentropy", "ce"):
            all_metrics.get(leaf)


def _as_list(logs: dict[str, Any]) -> Any:
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _row_count(x: Any) -> int | None:
    first = next((leaf for leaf in leaves(x) if hasattr(leaf, "shape")), None)
    return int(first.shape[0]) if first is not None and len(first.shape) else len(x) if hasattr(x, "__len__") else None


def _is_due(epoch: int, frequency: Any) -> bool:
    return epoch + 1 in frequency if not isinstance(frequency, int) else (epoch + 1) % frequency == 0
