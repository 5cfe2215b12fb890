"""The callback that keeps what is needed to go on after a crash."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lamina.callbacks.batch_counter import BatchCounter, check_save_freq
from lamina.training.callback import Callback
from lamina.training.callback_list import CallbackList
from lamina.training.standing import stood_at, stood_beside

_KEPT = "callback "  # the beginning of the names of what is kept of other callbacks


class BackupAndRestore(Callback):
    """Keep what is needed to go on with training after a crash, and go on from it.

    When ``fit`` is called again with the same folder, the weights, the optimizer's state, the epoch and the states of random
    generators are those of the last backup, and so is what ``EarlyStopping``, ``ReduceLROnPlateau`` and ``ModelCheckpoint``
    know: after an epoch, training goes on as if it had never stopped. The model must be built before.

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

    keeps_others = True
    peers: CallbackList | None = None  # the callbacks that run together

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
        check_save_freq(save_freq, "BackupAndRestore")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._weights = Path(self.backup_dir) / "latest.weights.h5"
        self._progress = Path(self.backup_dir) / "training_metadata.json"
        self._epoch = 0
        self._to_tell: dict[str, np.ndarray] = {}
        if save_freq != "epoch":
            self._counter = BatchCounter(save_freq)
            self.on_train_batch_end = self._after_batch

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.model.built:
            raise ValueError(f"BackupAndRestore needs a built model, and {self.model.name!r} is not: give its first layer "
                             "an input_shape, or call it on a batch of data, before fit().")  # fmt: skip
        weights = self._weights if self._weights.exists() else _previous(self._weights)
        if not weights.exists():
            return
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:  # there must be a state to load into
            optimizer.build(self.model.trainable_weights)
        self.model.load_weights(os.fspath(weights))
        # The file of the weights says itself how far they are: what lies beside it may be of another moment.
        epoch = stood_at(self.model)
        if epoch is None:
            epoch = int(json.loads(self._progress.read_text(encoding="utf-8"))["epoch"])
        self._epoch = self.model._initial_epoch = epoch
        self._to_tell = stood_beside(self.model, _KEPT)

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        if self._counter.is_due():
            self._save(batch)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        if self._to_tell:  # by now every callback has begun
            told, self._to_tell = self._to_tell, {}
            for key, callback in self._stateful():
                _set_state(callback, f"{key} ", told)

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
        beside: dict[str, np.ndarray] = {}
        for key, callback in self._stateful():
            beside |= _state_of(callback, f"{key} ")
        vars(self.model)["_beside_standing"] = beside
        try:
            self.model.save_weights(os.fspath(new_weights), overwrite=True)
        finally:
            del vars(self.model)["_beside_standing"]
        new_progress.write_text(json.dumps({"epoch": self._epoch, "batch": batch or 0}), encoding="utf-8")
        for new, path in ((new_weights, self._weights), (new_progress, self._progress)):
            if self.double_checkpoint and path.exists():
                _keep(path)
            new.replace(path)

    def _stateful(self) -> Iterator[tuple[str, Any]]:
        """The other callbacks that know something from epoch to epoch, each with the beginning of its names."""
        for number, callback in enumerate(one for one in self.peers or () if hasattr(one, "kept")):
            yield f"{_KEPT}{number} {type(callback).__name__}", callback


def _state_of(callback: Any, key: str) -> dict[str, np.ndarray]:
    """What a callback knows, as arrays: numbers, and lists of weights."""
    found: dict[str, np.ndarray] = {}
    for name in callback.kept:
        value = getattr(callback, name)
        if isinstance(value, list):
            found |= {f"{key}{name} {number}": np.asarray(array) for number, array in enumerate(value)}
        elif value is not None:
            found[f"{key}{name}"] = np.asarray(value)
    return found


def _set_state(callback: Any, key: str, told: dict[str, np.ndarray]) -> None:
    """Let a callback know again what it knew. One that was not there then knows nothing."""
    for name in callback.kept:
        if f"{key}{name}" in told:
            setattr(callback, name, told[f"{key}{name}"].item())
        elif f"{key}{name} 0" in told:
            count = sum(other.startswith(f"{key}{name} ") for other in told)
            setattr(callback, name, [told[f"{key}{name} {number}"] for number in range(count)])


def _keep(path: Path) -> None:
    """Keep a file under its name of a previous one, too: at any moment it has one of both."""
    copy = path.with_name(f"{path.name}.copy")
    copy.unlink(missing_ok=True)
    try:
        os.link(path, copy)
    except OSError:  # a file system without links
        shutil.copy2(path, copy)
    copy.replace(_previous(path))


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.bkp")
