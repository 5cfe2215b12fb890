"""``History``: the curves of a training run, drawn by ``plot()`` and put into words by ``diagnose()``."""

from __future__ import annotations

import os
from typing import Any

from lamina.training.callback import Callback
from lamina.training.curves import draw_curves
from lamina.training.diagnosis import Diagnosis, diagnose
from lamina.training.honest import measure
from lamina.training.notebook import history_as_html, history_as_text, history_in_a_line
from lamina.training.noted import Noted


class History(Callback):
    """What ``fit`` returns: the loss and the metrics of each epoch.

    Attributes:
        history: name -> list of numbers, one for each epoch: ``loss``, ``accuracy``, ``val_loss``, ...
        epoch: the epochs, counted from 0.
        epochs_of: name -> the epochs that its list belongs to; validation need not happen in each.
        noted: what ``fit`` noted beside the curves (:class:`~lamina.training.noted.Noted`): the number of rows, the baseline,
            facts about the model. ``None`` before training ends, and for curves that were put together by hand.

    Source: https://keras.io/api/models/model_training_apis/#fit-method

    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.6})
    >>> history.history
    {'loss': [0.5], 'val_loss': [0.6]}
    """

    noted: Noted | None = None

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.epochs_of: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(_as_number(value))
            self.epochs_of.setdefault(name, []).append(epoch)

    def epochs(self, name: str) -> list[int]:
        """The epochs, counted from 1, that the numbers under ``name`` belong to."""
        known, values = self.epochs_of.get(name, []), self.history[name]
        return [epoch + 1 for epoch in known] if len(known) == len(values) else list(range(1, len(values) + 1))

    def diagnose(self, language: str | None = None, *, training_data: Any = None, rows: int = 2000) -> Diagnosis:
        """Whether the model overfits, underfits, fits well, is not finished, diverged, or does no better than guessing; since
        which epoch, by how much, and what to try. It is the model as it is now that is judged: after
        ``EarlyStopping(restore_best_weights=True)`` that of the best epoch.

        The training figures of ``fit`` are means over an epoch, with Dropout on and the weights changing. With
        ``training_data`` the model is evaluated on some of its rows as it is on those of validation, and that counts.

        Arguments:
            language: ``"en"`` or ``"zh"`` for the words; by default :func:`lamina.config.language`.
            training_data: ``(x, y)`` as ``fit`` was given them, for the honest comparison.
            rows: how many of them to evaluate, at most.

        Raises:
            ValueError: for an unknown language; with ``training_data``, when the model is gone or was trained since.

        >>> history = History()
        >>> history.history = {"loss": [0.9, 0.7]}
        >>> print(history.diagnose())
        Can't tell: there is no validation curve to compare the training curve with.
        What to try:
        - give fit() validation_data=(x, y), or validation_split=0.2
        """
        honest, count = (None, None) if training_data is None else measure(self, training_data, rows)
        epochs = {name: self.epochs(name) for name in self.history}
        return diagnose(self.history, epochs, language, self.noted, honest, count)

    def plot(self, path: str | os.PathLike[str] | None = None, metrics: Any = None) -> Any:
        """Draw the training and validation curves, one panel for the loss and one for each metric.

        Arguments:
            path: where to save the picture (``.png``, ``.svg``, ``.pdf``).
            metrics: the names to draw, ``"loss"`` among them; by default all.

        Returns:
            The matplotlib figure.

        Raises:
            ImportError: when matplotlib is not installed.
            ValueError: when there is nothing to draw, or a name is not known.
        """
        return draw_curves(self, path, metrics)

    def __repr__(self) -> str:
        return history_in_a_line(self)

    def _repr_html_(self) -> str:
        return history_as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(history_as_text(self))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}  # a kept or copied history is about the numbers


def _as_number(value: Any) -> Any:
    """A float where the value is one number; anything else, such as an array of one for each class, as it is."""
    if getattr(value, "ndim", 0):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return value
