"""Curves, smoothed, and the figures of a run that a verdict is derived from.

Two kinds of chance blur a figure of validation: it jumps from epoch to epoch, as the weights do, and its rows are a sample, so
that other rows would have given another figure. The first shows in the curve, the second follows from the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.training.noted import Noted, Rows

_UNKNOWN_ROWS = 300  # what is supposed where nobody noted how many rows there are
# The accuracies that are the share of right answers, and nothing else.
ACCURACIES = ("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")
# The deviation of one row's loss, as a multiple of its mean: of a squared error, of an absolute one; else as of waiting times.
_SPREADS = {"mean_squared_error": 1.5, "mse": 1.5, "mean_absolute_error": 0.8, "mae": 0.8}


class Curve:
    """One curve, smoothed: ``levels`` are the medians of ``width`` epochs in a row."""

    def __init__(self, values: Sequence[float], width: int | None = None) -> None:
        self.values = np.asarray(values, dtype=float)
        count = len(self.values)
        self.width = min(count, width or (1 if count < 4 else 2 if count < 8 else 3 if count < 20 else 5))
        self.levels = np.median(np.lib.stride_tricks.sliding_window_view(self.values, self.width), axis=1)
        # For white noise of deviation s, second differences have deviation sqrt(6) s, third ones sqrt(20) s; 0.6745 turns
        # a median into a deviation. A bend of the curve itself adds to both, so the smaller is nearer to the noise. Of
        # jumps that are rare and large the median knows nothing: in the second half, where curves bend little, the 85%
        # of them that are the smallest are within 1.44 deviations.
        self.noise = 0.0
        if count > 3:
            late = self.values[count // 2 - 2 :]
            self.noise = max(_noise(self.values, 0.5, 0.6745), _noise(late, 0.85, 1.44) if len(late) > 5 else 0.0)
        steps = np.sign(np.diff(self.values))
        if count > 3 and abs(steps.sum()) == count - 1:  # noise would have turned it back somewhere
            self.noise *= 0.25

    @property
    def end(self) -> float:
        """The level of the last epochs."""
        return float(self.levels[-1])

    @property
    def best(self) -> int:
        """Where the lowest value is."""
        return int(np.argmin(self.values))

    @property
    def chance(self) -> float:
        """What two levels differ by through jumps alone, the lowest of all levels being one of them."""
        places = max(2.0, len(self.values) / self.width)
        return self.noise * (3 * math.sqrt(2) + math.sqrt(2 * math.log(places))) / math.sqrt(self.width)

    def level_at(self, place: int) -> float:
        """The median of the epochs around one."""
        start = max(0, min(place - self.width // 2, len(self.values) - self.width))
        return float(self.levels[start])

    def rises_after(self, place: int) -> bool:
        """Whether the epochs after ``place`` go up, by the Mann-Kendall test at 5%: most later ones are above earlier ones."""
        after = self.values[place + 1 :]
        k = len(after)
        if k < 4:
            return False
        concordance = float(np.sum(np.triu(np.sign(after[None, :] - after[:, None]), 1)))
        return (concordance - 1) / math.sqrt(k * (k - 1) * (2 * k + 5) / 18) > 1.645

    def fall(self) -> tuple[float, float, float]:
        """What the last third of the epochs brought, the second half of it, and the third before: each in levels."""
        third = max(1, len(self.levels) // 3)
        at = [self.levels[max(0, len(self.levels) - 1 - back)] for back in (0, max(1, third // 2), third, 2 * third)]
        return float(at[2] - at[0]), float(at[1] - at[0]), float(at[3] - at[2])

    def to_come(self) -> float:
        """By how much the level would fall in half as many epochs more if it went on slowing down as it does; 0 where it no
        longer falls."""
        last, recent, before = self.fall()
        if last <= 0 or recent <= 0.2 * last:
            return 0.0
        slowing = min(0.95, last / before) if before > 0 else 0.95
        return last * slowing * (1 + 0.5 * slowing)

    @property
    def jump(self) -> float:
        """What a level differs by from another one, no more than chance: twice the deviation of a difference."""
        return 2 * math.sqrt(2) * self.noise / math.sqrt(self.width)


def _noise(values: np.ndarray, part: float, deviations: float) -> float:
    return min(float(np.quantile(np.abs(np.diff(values, n=n)), part)) / (deviations * math.sqrt(variance))
               for n, variance in ((2, 6), (3, 20)))  # fmt: skip


@dataclass
class Evidence:
    """The figures of a run: its curves in the epochs that have both, and what ``fit`` noted.

    Attributes:
        epochs: those that have a training and a validation loss, counted from 1.
        train, validation: the curves of the loss, without penalties on weights where those are known.
        accuracy, val_accuracy: the curves of the accuracy, where it was measured.
        name: what the accuracy is called.
        honest: what ``evaluate`` found on training rows, by name, and how many rows these were.
        others: other metrics: name -> the last value in training and in validation.
    """

    epochs: list[int]
    train: Curve
    validation: Curve
    noted: Noted = field(default_factory=Noted)
    accuracy: Curve | None = None
    val_accuracy: Curve | None = None
    honest: dict[str, float] = field(default_factory=dict)
    honest_rows: int | None = None
    others: dict[str, tuple[float, float]] = field(default_factory=dict)
    penalty: float = 0.0

    # -- the model in hand --

    @property
    def place(self) -> int:
        """The position of the epoch whose weights the model has."""
        restored = self.noted.restored
        return self.epochs.index(restored) if restored in self.epochs else len(self.epochs) - 1

    @property
    def restored(self) -> int | None:
        """The epoch that was restored, where it is not the last one."""
        restored = self.noted.restored
        return restored if restored in self.epochs and restored != self.epochs[-1] else None

    def at_hand(self, curve: Curve | None) -> float | None:
        """A figure of the model in hand: that of the epoch which was restored, or else the level of the last epochs."""
        return None if curve is None else float(curve.values[self.place]) if self.restored else curve.end

    @property
    def train_loss(self) -> float:
        """The training loss of the model in hand: the honest one, where there is one."""
        return self.honest["loss"] if "loss" in self.honest else self._known(self.at_hand(self.train))

    @property
    def val_loss(self) -> float:
        """The validation loss of the model in hand."""
        return self._known(self.at_hand(self.validation))

    @staticmethod
    def _known(value: float | None) -> float:
        return math.nan if value is None else value

    @property
    def accuracies(self) -> tuple[float, float] | None:
        """The accuracy of the model in hand, in training and in validation."""
        pair = self.at_hand(self.accuracy), self.at_hand(self.val_accuracy)
        if pair[0] is None or pair[1] is None:
            return None
        return self.honest.get("accuracy", pair[0]), pair[1]

    # -- chance --

    @property
    def rows(self) -> int:
        """The rows of validation."""
        return self.known_rows or _UNKNOWN_ROWS

    @property
    def known_rows(self) -> int | None:
        """The rows of validation, where they were noted."""
        return self.noted.validation.count if self.noted.validation is not None else None

    @property
    def train_rows(self) -> int:
        """The rows that the training figure is a mean over."""
        return self.honest_rows or self.noted.training.count or 4 * self.rows

    def spread(self, accuracy: float | None) -> float:
        """The deviation of one row's loss, as a multiple of the mean: the fewer rows are wrong, the more they make of it."""
        if accuracy is not None:
            wrong = min(1.0, max(1 - accuracy, 1 / self.rows))
            return max(1.0, math.sqrt(2 / wrong - 1))
        return _SPREADS.get(self.noted.loss or "", 1.2)

    def error_of_loss(self) -> float:
        """The standard error of the validation loss."""
        pair = self.accuracies
        return abs(self.val_loss) * self.spread(pair and pair[1]) / math.sqrt(self.rows)

    def error_of_rise(self, rise: float) -> float:
        """The standard error of a difference between two epochs on the same rows: part of it goes with the difference."""
        pair = self.accuracies
        spread = self.spread(pair and pair[1]) / math.sqrt(self.rows)
        return math.hypot(rise * spread, 0.25 * abs(self.val_loss) * spread)

    def error_of_gap(self) -> float:
        """The standard error of the difference between the losses in training and in validation."""
        pair = self.accuracies
        train = abs(self.train_loss) * self.spread(pair and pair[0]) / math.sqrt(self.train_rows)
        return math.hypot(self.error_of_loss(), train)

    @staticmethod
    def error_of_share(share: float, rows: int) -> float:
        """The standard error of an accuracy; never 0, however few rows are wrong."""
        share = (share * rows + 1) / (rows + 2)
        return math.sqrt(share * (1 - share) / rows)

    # -- the baseline --

    @property
    def baseline(self) -> Rows | None:
        """What a constant answer is worth on the rows of validation."""
        return self.noted.validation

    @property
    def unit(self) -> float:
        """What the loss is large or small beside: the constant answer's, or else where the run began."""
        known = self.baseline.baseline if self.baseline is not None else None
        if known is not None and known > 0:
            return known
        values = np.concatenate([self.validation.values, self.train.values])
        return max(abs(float(self.train.values[0])), float(np.ptp(values)), 1e-12)


def gather(
    history: Mapping[str, Sequence[Any]],
    epochs: Mapping[str, Sequence[int]],
    noted: Noted | None,
    honest: Mapping[str, float] | None = None,
    honest_rows: int | None = None,
) -> Evidence:
    """The evidence in curves that have a ``loss`` and a ``val_loss``; epochs without finite figures are left out.

    Arguments:
        history: name -> numbers.
        epochs: name -> the epochs that they belong to, counted from 1.
        noted: what ``fit`` noted.
        honest, honest_rows: what ``evaluate`` found on so many training rows, by name.
    """
    noted = noted or Noted()
    columns = {name: dict(zip(epochs[name], map(_number, values), strict=False)) for name, values in history.items()}
    shared = [epoch for epoch in epochs["val_loss"]
              if math.isfinite(columns["loss"].get(epoch, math.nan)) and math.isfinite(columns["val_loss"][epoch])]  # fmt: skip
    penalties = _penalties(noted, columns["loss"], list(epochs["loss"]))

    def curve(name: str, without: Mapping[int, float] | None = None) -> Curve:
        return Curve([columns[name][epoch] - (without or {}).get(epoch, 0.0) for epoch in shared])

    def is_whole(name: str) -> bool:
        return all(math.isfinite(columns.get(name, {}).get(epoch, math.nan)) for epoch in shared)

    names = [name for name in history if not name.startswith("val_") and is_whole(name) and is_whole(f"val_{name}")]
    accuracy = next((name for name in ACCURACIES if name in names), None)
    accuracy = None if noted.task in ("regression", "several outputs") else accuracy
    penalty = penalties.get(shared[-1], 0.0) if shared else 0.0
    found = {name: value for name, value in (honest or {}).items() if math.isfinite(_number(value))}
    if "loss" in found:
        found["loss"] -= penalty
    if accuracy is not None and accuracy in found:
        found["accuracy"] = found[accuracy]
    return Evidence(
        epochs=shared,
        train=curve("loss", penalties) if shared else Curve([math.nan]),
        validation=curve("val_loss", penalties) if shared else Curve([math.nan]),
        noted=noted,
        accuracy=curve(accuracy) if accuracy and shared else None,
        val_accuracy=curve(f"val_{accuracy}") if accuracy and shared else None,
        honest=found,
        honest_rows=honest_rows,
        others={name: (columns[name][shared[-1]], columns[f"val_{name}"][shared[-1]]) for name in names
                if shared and name not in ("loss", accuracy)},
        penalty=penalty,
    )  # fmt: skip


def finite_epochs(values: Sequence[Any], epochs: Sequence[int]) -> list[int]:
    """The epochs in which a figure is a finite number."""
    return [epoch for epoch, value in zip(epochs, values, strict=False) if math.isfinite(_number(value))]


def _penalties(noted: Noted, losses: Mapping[int, float], epochs: list[int]) -> dict[int, float]:
    """What penalties added in each epoch; nothing where they are not known of all, or too small to matter."""
    if len(noted.penalties) != len(epochs) or not all(map(math.isfinite, noted.penalties)):
        return {}
    if max(noted.penalties) < 0.05 * min(map(abs, losses.values())):
        return {}
    return dict(zip(epochs, noted.penalties, strict=True))


def _number(value: Any) -> float:
    """A number for what is one, else NaN."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return math.nan
