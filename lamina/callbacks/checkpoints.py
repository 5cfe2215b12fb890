"""The callback that saves the model as it trains."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from lamina.callbacks.batch_counter import BatchCounter, check_save_freq
from lamina.callbacks.monitoring import Mode, MonitorCallback, say
from lamina.dialects import any_spelling
from lamina.engine.layer import Layer
from lamina.errors import did_you_mean
from lamina.saving import check_describable
from lamina.saving.files import writable_target
from lamina.saving.names import can_be_a_model, fields_of
from lamina.training.callback_list import CallbackList
from lamina.training.metric_names import find_name


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, as it trains.

    Arguments:
        filepath: where; ``{epoch:02d}`` (counted from 1), ``{batch}`` and names of the logs such as ``{val_loss:.2f}``
            are filled in. It ends in ``.keras`` (``.h5``, ``.hdf5``), and with ``save_weights_only`` in ``.weights.h5``;
            names without such an ending (``cp-{epoch:04d}.ckpt``) are taken as :func:`lamina.saving.save_model` and
            :func:`lamina.saving.save_weights` take them.
        monitor: the number that says what is best; ``"val_acc"`` and ``"val_accuracy"`` are the same.
        verbose: 1 tells of each file.
        save_best_only: save only when ``monitor`` is better than ever before.
        save_weights_only: call ``model.save_weights`` in place of ``model.save``.
        mode: ``"min"`` or ``"max"``: which way is better; ``"auto"`` asks the metric, and looks at the name.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: the value that the first file must beat.
        period: the number of epochs from one file to the next (Keras 1 and 2).

    What can't be saved is refused before training begins, where it can be known: a name that promises another format, a
    folder that can't be written to, a layer that can't be described, ``{val_loss}`` when nothing is validated. Where it
    shows later, the model is saved all the same, beside, and the error says where.

    Raises:
        ValueError: for a ``filepath`` that promises another format, or another ``save_freq``.
        KeyError: when ``filepath`` names something that the logs do not have.
        OSError: when the disk is full, or ``filepath`` can't be written to; what was there stays.

    Source: https://keras.io/api/callbacks/model_checkpoint/

    >>> ModelCheckpoint("best.keras", save_best_only=True).monitor
    'val_loss'
    """

    peers: CallbackList | None = None  # the callbacks that run together

    @any_spelling("ModelCheckpoint")
    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: int | Literal["epoch"] = "epoch",
        initial_value_threshold: float | None = None,
        *,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self._fields = fields_of(self.filepath)
        self._check_name()
        check_save_freq(save_freq, "ModelCheckpoint")
        self._epoch = 0
        if save_freq != "epoch":  # only then is there something to do after each batch
            self._counter = BatchCounter(save_freq)
            self.on_train_batch_end = self._after_batch

    def _check_name(self) -> None:
        """Refuse a name that can't be one of what is to be saved, whatever is filled in."""
        if self.save_weights_only:
            fits = not self.filepath.endswith(".keras")
        else:
            fits = can_be_a_model(self.filepath)
        if not fits:
            raise ValueError(f"The filepath of ModelCheckpoint must end in "
                             f"{'.weights.h5 to save weights' if self.save_weights_only else '.keras to save a model'}, "
                             f"and got {self.filepath!r}.")  # fmt: skip
        for name, spec in self._fields.items():
            sample = 1 if name in ("epoch", "batch") else 0.5
            try:
                format(sample, spec)
            except ValueError:
                raise ValueError(f"ModelCheckpoint can't write {{{name}:{spec}}} in {self.filepath!r}: {name} is "
                                 f"{'a whole number' if sample == 1 else 'a fraction'}.") from None  # fmt: skip

    def on_train_begin(self, logs: Any = None) -> None:
        self._check_fields()
        beginning = self.filepath.partition("{")[0]
        self._check_place(beginning if beginning == self.filepath else os.path.join(os.path.dirname(beginning), "file"))
        if not self.save_weights_only and isinstance(self.model, Layer):
            check_describable(self.model)

    def _check_fields(self) -> None:
        """Refuse names in braces that the logs will not have."""
        never = [name for name in self._fields if name == "batch" and self.save_freq == "epoch"]
        peers = self.peers
        # Somebody else's callback may put anything into the logs.
        if peers is not None and all(type(one).__module__.startswith("lamina.") for one in peers):
            never += [name for name in self._fields if name.startswith("val_") and (
                peers.validates is False or self.save_freq != "epoch")]  # fmt: skip
        if never:
            why = " Nothing is validated: give fit() validation_data or validation_split."
            if never[0] == "batch" or peers is None or peers.validates:
                why = " It is known at the end of a batch only." if never[0] == "batch" else (
                    " It is known at the end of an epoch only.")  # fmt: skip
            raise KeyError(f"ModelCheckpoint can't fill in {{{never[0]}}} in {self.filepath!r}.{why}")

    def _check_place(self, path: str) -> None:
        """Refuse a folder where no file can be made, and a file that can't be replaced."""
        if os.path.isdir(path):
            raise OSError(f"ModelCheckpoint can't save to {path!r}, which is a folder.")
        if os.path.isdir(os.path.dirname(os.path.realpath(path))):
            writable_target(path)
            return
        folder = Path(path).absolute().parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "ModelCheckpoint can't make its files here", os.fspath(folder))

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        if self._counter.is_due():
            self._save(batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        if self.save_freq == "epoch" and (epoch + 1) % self.period == 0:
            self._save(None, logs)

    def _save(self, batch: int | None, logs: Any) -> None:
        logs = logs or {}
        try:
            path = self._path(batch, logs)
        except KeyError as error:  # what was learned so far is not lost with it
            path = self.filepath.replace("{", "").replace("}", "").replace(":", "")
            self._write(path)
            error.args = (f"{error.args[0]} The model as it is now was saved to {path!r}.",)
            raise
        if self._is_wanted(logs, path):
            self._write(path)

    def _write(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if Path(path).is_dir():
            raise OSError(f"ModelCheckpoint can't save to {path!r}, which is a folder.")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
            return
        try:
            self.model.save(path, overwrite=True)
        except (TypeError, ValueError, NotImplementedError) as error:  # a part that can't be described: see above
            weights = f"{os.path.splitext(path)[0]}.weights.h5"
            self.model.save_weights(weights, overwrite=True)
            error.args = (f"{error} Its weights as they are now were saved to {weights!r}.",)
            raise

    def _is_wanted(self, logs: Mapping[str, Any], path: str) -> bool:
        place = f"Epoch {self._epoch + 1}: "
        if not self.save_best_only:
            self._tell(f"{place}saving to {path}.")
            return True
        value = self.current(logs)
        if value is None:
            return True  # as in Keras: rather a file too many
        was = "" if self.best is None else f" from {self.best:.5f}"
        if not self.is_better(value, self.best):
            self._tell(f"{place}{self.monitor} did not improve{was}.")
            return False
        self.best = value
        self._tell(f"{place}{self.monitor} improved{was} to {value:.5f}, saving to {path}.")
        return True

    def _tell(self, text: str) -> None:
        if self.verbose:
            say(text)

    def _path(self, batch: int | None, logs: Mapping[str, Any]) -> str:
        known = {**logs, "epoch": self._epoch + 1} | ({} if batch is None else {"batch": batch + 1})
        if not any(name.startswith("val_") for name in logs) and self.peers is not None and self.peers.validates:
            known |= {name: math.nan for name in self._fields if name.startswith("val_")}  # not in this epoch
        return self.filepath.format_map(_Names(known, self.filepath))


class _Names(dict[str, Any]):
    """What a file name can speak of, in any generation's spelling."""

    def __init__(self, known: Mapping[str, Any], template: str) -> None:
        super().__init__(known)
        self._template = template

    def __missing__(self, name: str) -> Any:
        found = find_name(name, self)
        if found is None:
            raise KeyError(f"ModelCheckpoint can't fill in {{{name}}} in {self._template!r}.{did_you_mean(name, self)} "
                           f"There are: {', '.join(self)}.")  # fmt: skip
        return self[found]
