"""Callbacks that hand the numbers on: to a table or a progress bar."""

from __future__ import annotations

import csv
import os
from typing import Any, TextIO

from lamina.training.callback import Callback
from lamina.training.progress import ProgressBar, is_number


class CSVLogger(Callback):
    """Write the logs of each epoch as a row of a CSV file.

    Arguments:
        filename: the file; what it held is replaced.
        separator: what stands between two values.
        append: add rows to a file that is there, with the columns that it has.

    Source: https://keras.io/api/callbacks/csv_logger/

    >>> from pathlib import Path
    >>> logger = CSVLogger("log.csv")
    >>> logger.on_train_begin()
    >>> logger.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.9})
    >>> logger.on_train_end()
    >>> print(Path("log.csv").read_text())
    epoch,accuracy,loss
    0,0.9,0.5
    <BLANKLINE>
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self._file: TextIO | None = None
        self._columns: list[str] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        self._close()
        self._columns = self._columns_there() if self.append else None
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def _columns_there(self) -> list[str] | None:
        if not os.path.exists(self.filename):
            return None
        with open(self.filename, newline="", encoding="utf-8") as file:
            return next(csv.reader(file, delimiter=self.sep), None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._file is None:
            self.on_train_begin()
        writer = csv.writer(self._file, delimiter=self.sep, lineterminator="\n")  # pyright: ignore[reportArgumentType]
        row = {"epoch": epoch, **(logs or {})}
        if self._columns is None:
            self._columns = ["epoch", *sorted(name for name in row if name != "epoch")]
            writer.writerow(self._columns)
        writer.writerow([_cell(row.get(name, "NA")) for name in self._columns])
        self._file.flush()  # pyright: ignore[reportOptionalMemberAccess]

    def on_train_end(self, logs: Any = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_model": None}


def _cell(value: Any) -> Any:
    return float(value) if is_number(value) and not isinstance(value, int) else value


class ProgbarLogger(Callback):
    """The progress bar as a callback, for scripts that name it. ``fit`` draws its own; this one draws when ``fit`` was
    told ``verbose=0``, so that there is one bar either way.

    Source: https://keras.io/api/callbacks/
    """

    def __init__(self, count_mode: str = "steps", stateful_metrics: Any = None) -> None:
        super().__init__()
        self._bar = ProgressBar(verbose=0)

    def on_train_begin(self, logs: Any = None) -> None:
        silent = self.params.get("verbose", 0) == 0
        self._bar = ProgressBar(self.params.get("epochs", 1), self.params.get("steps"), 1 if silent else 0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._bar.epoch_begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.step(batch, lambda: logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.epoch_end(logs or {})
