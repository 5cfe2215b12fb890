"""Callbacks that write files: the model as it trains, and what is needed to go on after a crash."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from lamina.callbacks.monitoring import Mode, MonitorCallback, say
from lamina.errors import did_you_mean
from lamina.training.callback import Callback
from lamina.training.metric_names import find_name

MODEL_ENDINGS = (".keras", ".h5", ".hdf5")
WEIGHT_ENDINGS = (".weights.h5", ".h5", ".hdf5", ".safetensors")


class BatchCounter:
    """Says when ``every`` batches have passed, across epochs."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.seen = 0

    def is_due(self) -> bool:
        """Count one batch."""
        self.seen = (self.seen + 1) % self.every
        return self.seen == 0


def _check_save_freq(save_freq: Any, name: str) -> None:
    if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
        raise ValueError(f"The save_freq of {name} must be 'epoch' or a number of batches, and got {save_freq!r}.")


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, as it trains.

    Arguments:
        filepath: where; ``{epoch:02d}`` (counted from 1), ``{batch}`` and names of the logs such as ``{val_loss:.2f}``
            are filled in. It ends in ``.keras``, and with ``save_weights_only`` in ``.weights.h5`` (``.h5``, ``.hdf5``
            as in Keras 1 and 2).
        monitor: the number that says what is best; ``"val_acc"`` and ``"val_accuracy"`` are the same.
        verbose: 1 tells of each file.
        save_best_only: save only when ``monitor`` is better than ever before.
        save_weights_only: call ``model.save_weights`` in place of ``model.save``.
        mode: ``"min"`` or ``"max"``: which way is better; ``"auto"`` asks the metric, and looks at the name.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: the value that the first file must beat.
        period: the number of epochs from one file to the next (Keras 1 and 2).

    Raises:
        ValueError: for another ending of ``filepath`` or another ``save_freq``.
        KeyError: when ``filepath`` names something that the logs do not have.

    Source: https://keras.io/api/callbacks/model_checkpoint/

    >>> ModelCheckpoint("best.keras", save_best_only=True).monitor
    'val_loss'
    """

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
        endings = WEIGHT_ENDINGS if save_weights_only else MODEL_ENDINGS
        if not self.filepath.endswith(endings):
            raise ValueError(f"The filepath of ModelCheckpoint must end in {endings[0]} to save "
                             f"{'weights' if save_weights_only else 'a model'}, and got {self.filepath!r}.")  # fmt: skip
        _check_save_freq(save_freq, "ModelCheckpoint")
        self._epoch = 0
        if save_freq != "epoch":  # only then is there something to do after each batch
            self._counter = BatchCounter(save_freq)
            self.on_train_batch_end = self._after_batch

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
        path = self._path(batch, logs)
        if not self._is_wanted(logs, path):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if Path(path).is_dir():
            raise OSError(f"ModelCheckpoint can't save to {path!r}, which is a folder.")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)

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


class BackupAndRestore(Callback):
    """Keep what is needed to go on with training after a crash, and go on from it.

    When ``fit`` is called again with the same folder, the weights, the optimizer's state and the epoch are those of the
    last backup. The model must be built before.

    Arguments:
        backup_dir: a folder for this training run alone.
        save_freq: ``"epoch"``, or a number of batches. Training goes on with the epoch that was under way.
        double_checkpoint: also keep the backup before the last one. A backup is written beside the old one and then
            renamed, so that one is whole at any time even without.
        delete_checkpoint: remove the backup when training has ended well.

    Raises:
        ValueError: without a folder, for another ``save_freq``, or when the model is not built.

    Source: https://keras.io/api/callbacks/backup_and_restore/

    >>> BackupAndRestore("backup").save_freq
    'epoch'
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | Literal["epoch"] = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("BackupAndRestore needs a folder: backup_dir is empty.")
        _check_save_freq(save_freq, "BackupAndRestore")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._weights = Path(self.backup_dir) / "latest.weights.h5"
        self._progress = Path(self.backup_dir) / "training_metadata.json"
        self._epoch = 0
        if save_freq != "epoch":
            self._counter = BatchCounter(save_freq)
            self.on_train_batch_end = self._after_batch

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.model.built:
            raise ValueError(f"BackupAndRestore needs a built model, and {self.model.name!r} is not: give its first layer "
                             "an input_shape, or call it on a batch of data, before fit().")  # fmt: skip
        if not (self._weights.exists() and self._progress.exists()):
            return
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:  # there must be a state to load into
            optimizer.build(self.model.trainable_weights)
        self.model.load_weights(os.fspath(self._weights))
        self._epoch = int(json.loads(self._progress.read_text(encoding="utf-8"))["epoch"])
        self.model._initial_epoch = self._epoch

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        if self._counter.is_due():
            self._save(batch)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1
        if self.save_freq == "epoch":
            self._save(None)

    def on_train_end(self, logs: Any = None) -> None:
        if self.delete_checkpoint:
            for path in (self._weights, self._progress):
                path.unlink(missing_ok=True)
                _previous(path).unlink(missing_ok=True)
            folder = Path(self.backup_dir)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _save(self, batch: int | None) -> None:
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        new_weights = self._weights.with_name("new.weights.h5")
        new_progress = self._progress.with_name("new.json")
        self.model.save_weights(os.fspath(new_weights), overwrite=True)
        new_progress.write_text(json.dumps({"epoch": self._epoch, "batch": batch or 0}), encoding="utf-8")
        for new, path in ((new_weights, self._weights), (new_progress, self._progress)):
            if self.double_checkpoint and path.exists():
                path.replace(_previous(path))
            new.replace(path)


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.bkp")
