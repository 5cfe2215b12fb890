"""Methods of models that Keras 1 and 2 had: the same work as ``fit``, ``evaluate`` and ``predict`` under other names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np
import torch

from lamina.dialects import any_spelling
from lamina.metrics import Mean
from lamina.training.callback_list import Callbacks
from lamina.training.data import Data
from lamina.training.history import History
from lamina.training.steps import count_rows, total

P = ParamSpec("P")
R = TypeVar("R")
Verbosity = int | Literal["auto"]


def _takes_x(method: Callable[P, R]) -> Callable[P, R]:
    """The dialects' tables speak of ``x``, which is what ``generator`` is called today; the method says what it was called."""

    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> R:
        if "x" in kwargs:
            kwargs["generator"] = kwargs.pop("x")
        return method(*args, **kwargs)  # pyright: ignore[reportCallIssue]

    return called  # pyright: ignore[reportReturnType]


class CompiledLoss:
    """What tf.keras calls ``model.compiled_loss``: the compiled losses, for a ``train_step`` of one's own.

    Arguments:
        model: whose losses they are.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None) -> Any:
        """The loss of a batch with the penalties that are given; the model's mean of the loss takes it into account."""
        objective = self._model._bound(None, y_true, y_pred)
        terms = [] if objective.losses is None else [objective.losses(y_true, y_pred, sample_weight)]
        loss = total(terms + list(regularization_losses or ()), self._model)
        rows = count_rows(y_pred)
        objective.loss_mean.accumulate(loss.detach(), rows, rows)
        return loss

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, and of each output's own where there are several."""
        objective = self._model._objective
        return [] if objective is None else [one for one in objective if isinstance(one, Mean)]

    def reset_state(self) -> None:
        """Start the means again."""
        for metric in self.metrics:
            metric.reset_state()

    reset_states = reset_state


class CompiledMetrics:
    """What tf.keras calls ``model.compiled_metrics``: the compiled metrics, for a ``train_step`` of one's own.

    Arguments:
        model: whose metrics they are.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        metrics = self._model._bound(None, y_true, y_pred).metrics
        if metrics is not None:
            with torch.no_grad():
                metrics.update_state(y_true, y_pred, sample_weight)

    @property
    def metrics(self) -> list[Any]:
        """The metrics, one by one."""
        objective = self._model._objective
        return [] if objective is None or objective.metrics is None else objective.metrics.metrics

    def reset_state(self) -> None:
        """Start them again."""
        for metric in self.metrics:
            metric.reset_state()

    reset_states = reset_state


class OlderMethods:
    """``fit_generator`` and its relatives, with Keras 2's arguments. The dialect tables bring those of other generations into
    these words, and leave out what told Keras how to read a generator: ``max_queue_size``, ``workers`` and
    ``use_multiprocessing``."""

    fit: Any
    evaluate: Any
    predict: Any

    @property
    def compiled_loss(self) -> CompiledLoss:
        """The compiled losses: ``self.compiled_loss(y, y_pred, regularization_losses=self.losses)``."""
        return CompiledLoss(self)

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        """The compiled metrics: ``self.compiled_metrics.update_state(y, y_pred)``."""
        return CompiledMetrics(self)

    @any_spelling("Model.fit_generator")
    @_takes_x
    def fit_generator(
        self,
        generator: Data,
        steps_per_epoch: float | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: Callbacks = None,
        validation_data: Data = None,
        validation_steps: float | None = None,
        validation_freq: int | Collection[int] = 1,
        class_weight: Mapping[int, float] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """:meth:`fit` on a generator of batches."""
        return self.fit(generator, epochs=epochs, verbose=verbose, callbacks=callbacks, validation_data=validation_data,
                        shuffle=shuffle, class_weight=class_weight, initial_epoch=initial_epoch,
                        steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                        validation_freq=validation_freq)  # fmt: skip

    @any_spelling("Model.evaluate_generator")
    @_takes_x
    def evaluate_generator(
        self,
        generator: Data,
        steps: float | None = None,
        callbacks: Callbacks = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Verbosity = 0,
    ) -> Any:
        """:meth:`evaluate` on a generator of batches; silent unless told otherwise."""
        return self.evaluate(generator, verbose=verbose, steps=steps, callbacks=callbacks)

    @any_spelling("Model.predict_generator")
    @_takes_x
    def predict_generator(
        self,
        generator: Data,
        steps: float | None = None,
        callbacks: Callbacks = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Verbosity = 0,
    ) -> Any:
        """:meth:`predict` on a generator of batches; silent unless told otherwise."""
        return self.predict(generator, verbose=verbose, steps=steps, callbacks=callbacks)

    def predict_proba(self, x: Data, batch_size: int | None = 32, verbose: Verbosity = 0) -> Any:
        """:meth:`predict` by the name that models of probabilities had."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def predict_classes(self, x: Data, batch_size: int | None = 32, verbose: Verbosity = 0) -> np.ndarray:
        """The most probable class of each row; of one output, whether it is above one half."""
        outputs = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
        return outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")
