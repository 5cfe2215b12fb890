"""``fit``, ``evaluate``, ``predict``: what a model does with data."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast, overload

import numpy as np
import torch

from lamina import config
from lamina.dialects import any_spelling
from lamina.engine.modes import in_mode, set_mode
from lamina.tracebacks import users_level
from lamina.training.callback_list import CallbackList, Callbacks
from lamina.training.data import Batches, Data, split_validation, unpack
from lamina.training.history import History
from lamina.training.logs import LazyLogs, in_order
from lamina.training.noting import Noting
from lamina.training.older import OlderMethods, Verbosity
from lamina.training.older_callbacks import about_batch, older_params, tell_validation_data
from lamina.training.one_batch import OneBatch, to_array
from lamina.training.placement import Gathered
from lamina.training.progress import ProgressBar
from lamina.training.standing import go_on

_FEW_BATCHES = 3  # for which what helps with many is not worth its preparation


class Trainer(OlderMethods, OneBatch):
    """The part of a model that trains, evaluates and predicts: the loops over batches."""

    history: History = cast(Any, None)  # of the last `fit`
    _next_epoch: int | None = None  # with which training goes on, once there was a `fit`
    stop_evaluating: bool = False
    stop_predicting: bool = False

    @any_spelling("Model.fit")
    def fit(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool | Literal["batch"] = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Data = None,
        initial_epoch: int = 0,
        steps_per_epoch: float | None = None,
        validation_steps: float | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
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
        if not hasattr(epochs, "__index__"):
            raise TypeError(f"epochs must be a whole number, and got {epochs!r}.")
        split = bool(validation_split) and validation_data is None
        if split:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        epochs = min(epochs, config.max_epochs() or epochs)
        batches = self._batches(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight, again=True)
        validation = None
        if validation_data is not None:
            validation = self._batches(*unpack(validation_data), validation_batch_size or batch_size, validation_steps,
                                       again=True)  # fmt: skip
        more = older_params(self, batches, epochs, validation is not None)
        hooks = self._hooks(callbacks, batches, epochs, verbose, add_history=True, more=more)
        hooks.validates = validation is not None
        tell_validation_data(hooks, validation_data)
        self.history = hooks.history
        bar = ProgressBar(epochs, batches.steps, verbose, names=lambda: self.metrics_names)
        noting = Noting(self, batches, validation, validation_split if split else 0.0)
        self.stop_training = False
        try:
            with self._as_compiled():
                hooks.on_train_begin()
                resumed = self.__dict__.pop(
                    "_initial_epoch", None
                )  # BackupAndRestore found where an earlier run stopped
                due = range(initial_epoch if resumed is None else resumed, epochs)
                if resumed is not None or initial_epoch:
                    go_on(self, due.start)
                logs = self._train_epochs(due, batches, validation, validation_freq, hooks, bar, noting)
                if self.optimizer is not None and self.optimizer.built:
                    self.optimizer.finalize_variable_values(self.trainable_weights)
                hooks.on_train_end(logs)
            noting.tell(hooks, finished=True)
        except KeyboardInterrupt:
            noting.tell(hooks, finished=False)
            raise
        finally:  # also after Ctrl-C: the model infers again, with the weights of the last whole step
            bar.close()
            set_mode(self, False)
        return self.history

    def _train_epochs(
        self,
        due: range,
        batches: Batches,
        validation: Batches | None,
        frequency: Any,
        hooks: Any,
        bar: ProgressBar,
        noting: Noting,
    ) -> dict[str, Any]:
        """Train for the epochs that are due, and return the last one's logs."""
        logs: dict[str, Any] = {}
        for epoch in due:
            self._next_epoch = epoch
            hooks.on_epoch_begin(epoch)
            bar.epoch_begin(epoch)
            trained = self._train_epoch(batches, hooks, bar)
            if trained is None:
                self._out_of_data(epoch, epoch == due.start)
                break
            if _is_nan(trained) and not _is_nan(logs):
                self._warn_of_nan()
            logs = trained
            noting.epoch_ends()
            if validation is not None and _is_due(epoch, frequency):
                found = self._evaluate(validation, hooks)
                logs = dict(sorted({**logs, **{f"val_{name}": value for name, value in found.items()}}.items()))
            self._next_epoch = epoch + 1
            hooks.on_epoch_end(epoch, logs)
            bar.epoch_end(logs)
            if self.stop_training:
                break
        return logs

    def _hooks(
        self, callbacks: Any, batches: Batches, epochs: int, verbose: Any, add_history: bool = False, more: Any = None
    ) -> Any:
        if isinstance(callbacks, CallbackList):
            return callbacks
        params = {"epochs": epochs, "steps": batches.steps, "verbose": verbose} | (more or {})
        return CallbackList(callbacks, model=self, add_history=add_history, **params)

    def _train_epoch(self, batches: Batches, hooks: CallbackList, bar: ProgressBar) -> dict[str, Any] | None:
        """The logs of an epoch; ``None`` when there was no batch."""
        set_mode(self, True)
        self.reset_metrics()
        run: Any = None
        watched = hooks.has_train_batch_hooks
        for index, batch in enumerate(batches.epoch()):
            if run is None:
                run = self._function("train", batch)
            about = about_batch(index, batch) if watched else {}
            if watched:
                hooks.on_train_batch_begin(index, dict(about))
            run(*batch)
            if watched:
                hooks.on_train_batch_end(index, LazyLogs(self._read_logs, about))
            bar.step(index, self._read_logs)
            if self.stop_training:
                break
        set_mode(self, False)
        return None if run is None else self._read_logs()

    def _out_of_data(self, epoch: int, at_once: bool) -> None:
        if at_once:
            raise ValueError(f"There was no data to train {self.name!r} on: the first batch never came.")
        warnings.warn(f"The data ran out after epoch {epoch}, and training ends there. A generator can't begin again: let "
                      "it go on for ever, with steps_per_epoch, or pass a PyDataset or DataLoader.",
                      stacklevel=users_level())  # fmt: skip

    def _warn_of_nan(self) -> None:
        warnings.warn(f"The loss of {self.name!r} is NaN: its weights are lost. Lower the learning rate, clip the "
                      "gradients (clipnorm=1.0), or look for NaN in the data; callbacks.TerminateOnNaN() stops training "
                      "there.", stacklevel=users_level())  # fmt: skip

    @overload
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        sample_weight: Data = None,
        steps: float | None = None,
        callbacks: Callbacks = None,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...
    @overload
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        sample_weight: Data = None,
        steps: float | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any: ...

    @any_spelling("Model.evaluate")
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        sample_weight: Data = None,
        steps: float | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data, without training.

        Returns:
            The loss when nothing else was compiled; else a list, the loss first; with ``return_dict`` a dict by name.
        """
        self._require_compiled("evaluate")
        batches = self._batches(x, y, sample_weight, batch_size, steps)
        hooks = self._hooks(callbacks, batches, 1, verbose)
        bar = ProgressBar(1, batches.steps, verbose, label="evaluate", names=lambda: self.metrics_names)
        logs = self._evaluate(batches, hooks, bar)
        return logs if return_dict else in_order(logs, self.metrics_names)

    def _evaluate(self, batches: Batches, hooks: CallbackList, bar: ProgressBar | None = None) -> dict[str, Any]:
        self.stop_evaluating = False
        with in_mode(self, False):
            hooks.on_test_begin()
            self.reset_metrics()
            batches.restart()
            run: Any = None
            watched = hooks.has_test_batch_hooks
            for index, batch in enumerate(batches.epoch()):
                if run is None:
                    run = self._function("test", batch)
                if watched:
                    hooks.on_test_batch_begin(index)
                run(*batch)
                if watched:
                    hooks.on_test_batch_end(index, LazyLogs(self._read_logs))
                if bar is not None:
                    bar.step(index, self._read_logs)
                if self.stop_evaluating:
                    break
            if run is None:
                raise ValueError(f"There was no data to evaluate {self.name!r} on: the first batch never came.")
            logs = self._read_logs()
            hooks.on_test_end(logs)
            if bar is not None:
                bar.epoch_end(logs)
        return logs

    @any_spelling("Model.predict")
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: Verbosity = "auto",
        steps: float | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """The outputs for data, as NumPy arrays, computed batch by batch.

        For many batches BatchNormalization is folded into the convolutions before it, with the weights that the model has
        at the start; the outputs differ from the model's own call by rounding.

        Returns:
            An array, or the structure of arrays that the model's outputs have.
        """
        if callbacks is None and steps is None and type(x) is np.ndarray and 0 < len(x) <= (batch_size or 32):
            return self.predict_on_batch(x)  # one batch: nothing to slice, to show or to join
        batches = self._batches(x, None, None, batch_size, steps)
        hooks = self._hooks(callbacks, batches, 1, verbose)
        bar = ProgressBar(1, batches.steps, verbose, label="predict")
        found = Gathered()
        self.stop_predicting = False
        with in_mode(self, False):
            hooks.on_predict_begin()
            watched = hooks.has_predict_batch_hooks
            run, is_ours, _ = self._predict_function(many=(batches.steps or 0) > _FEW_BATCHES)
            mode = torch.inference_mode if is_ours and not watched else torch.no_grad  # a callback is given outputs
            for index, batch in enumerate(batches.epoch()):
                if watched:
                    hooks.on_predict_batch_begin(index)
                self.clear_losses()
                with mode():
                    outputs = run(batch[0])
                found.add(outputs)
                if watched:
                    hooks.on_predict_batch_end(index, {"outputs": outputs})
                bar.step(index, dict)
                if self.stop_predicting:
                    break
            hooks.on_predict_end()
            bar.epoch_end({})
            if found.first is None:
                raise ValueError(f"There was no data for {self.name!r} to predict from: the first batch never came.")
            return found.joined(to_array)


def _is_nan(logs: dict[str, Any]) -> bool:
    loss = logs.get("loss")
    return isinstance(loss, float) and loss != loss


def _is_due(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    if isinstance(frequency, (list, tuple, set, frozenset)):
        return epoch + 1 in frequency
    raise ValueError(f"validation_freq must be a number of epochs or a list of epochs, and got {frequency!r}.")
