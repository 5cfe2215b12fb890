"""What the curves of a training run say: overfitting, underfitting, a good fit, or nothing that can be told.

Curves are noisy, so every comparison is between medians of a few epochs, and a difference counts only when it is larger
than chance would make it (judged by how much a curve jumps from epoch to epoch) and large enough to matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.display import Prose
from lamina.training.diagnosis_words import ADVICE, HEADINGS, REASONS

MIN_EPOCHS = 5
MATTERS = 0.02  # the part of a loss that a rise must be
IMPROVES = 0.05  # the part of a loss that the last third of the epochs must bring to count as an improvement
LARGE_GAP = 0.25  # the part of the validation loss that a gap must be
STILL_FALLS = 0.1  # the part of the loss, and of all it has fallen, that the last third of the epochs must bring
LEARNT = 0.2  # the part of its first value that a training loss must have fallen to count as learnt
GOOD_ACCURACY, POOR_ACCURACY = 0.9, 0.7


@dataclass(repr=False)
class Diagnosis(Prose):
    """A verdict on a training run. ``print(diagnosis)`` shows it in words.

    Attributes:
        verdict: ``"overfitting"``, ``"underfitting"``, ``"good fit"`` or ``"can't tell"``.
        reason: why, in a sentence with the figures.
        advice: what to try, the likeliest first.
        since_epoch: where overfitting begins, counted from 1 as the progress bar counts; else ``None``.
        best_epoch: the epoch of the lowest validation loss, counted from 1.
        gap: by how much the validation loss is above the training loss at the end.
    """

    verdict: str
    reason: str
    advice: list[str] = field(default_factory=list)
    since_epoch: int | None = None
    best_epoch: int | None = None
    gap: float | None = None
    heading: str = ""
    advice_heading: str = ""

    def __str__(self) -> str:
        lines = [f"{self.heading}{self.reason}"]
        if self.advice:
            lines += [self.advice_heading, *(f"- {line}" for line in self.advice)]
        return "\n".join(lines)


class Curve:
    """One curve, smoothed: ``levels`` are the medians of ``width`` epochs in a row."""

    def __init__(self, values: Sequence[float], width: int) -> None:
        self.values = np.asarray(values, dtype=float)
        self.width = width
        self.levels = np.median(np.lib.stride_tricks.sliding_window_view(self.values, width), axis=1)
        # For white noise of deviation s, second differences have deviation sqrt(6) s, third ones sqrt(20) s; 0.6745 turns
        # a median into a deviation. A bend of the curve itself adds to both, so the smaller is nearer to the noise.
        self.noise = min(float(np.median(np.abs(np.diff(self.values, n=n)))) / (0.6745 * math.sqrt(variance))
                         for n, variance in ((2, 6), (3, 20)))  # fmt: skip

    @property
    def end(self) -> float:
        """The level of the last epochs."""
        return float(self.levels[-1])

    @property
    def chance(self) -> float:
        """What two levels differ by through noise alone, the lowest of all levels being one of them."""
        places = max(2.0, len(self.values) / self.width)
        return self.noise * (3 * math.sqrt(2) + math.sqrt(2 * math.log(places))) / math.sqrt(self.width)

    def lowest(self) -> tuple[int, float]:
        """Where the lowest level is (the best single epoch in it), and how low it is."""
        start = int(np.argmin(self.levels))
        return start + int(np.argmin(self.values[start : start + self.width])), float(self.levels[start])

    def rises_after(self, turn: int) -> bool:
        """Whether the epochs after ``turn`` go up, by the Mann-Kendall test at 5%: most later ones are above earlier ones."""
        after = self.values[turn + 1 :]
        k = len(after)
        if k < 4:
            return False
        concordance = float(np.sum(np.triu(np.sign(after[None, :] - after[:, None]), 1)))
        return (concordance - 1) / math.sqrt(k * (k - 1) * (2 * k + 5) / 18) > 1.645

    def drop(self) -> float:
        """By how much the last third of the epochs has brought the level down."""
        third = max(self.width, len(self.values) // 3)
        return float(self.levels[max(0, len(self.levels) - 1 - third)]) - self.end

    def still_falls(self) -> bool:
        """Whether it is going down at the end, and not just a little."""
        total = float(self.values[0]) - self.end
        return self.drop() > max(self.chance, STILL_FALLS * abs(self.end), STILL_FALLS * total)


def diagnose(
    history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]], language: str = "en"
) -> Diagnosis:
    """The verdict on the curves ``loss`` and ``val_loss``, with the accuracy where it was measured.

    Arguments:
        history: name -> numbers.
        epochs: name -> the epochs that they belong to, counted from 1.
        language: ``"en"`` or ``"zh"``.
    """
    if language not in HEADINGS:
        raise ValueError(f"diagnose() speaks {', '.join(map(repr, HEADINGS))}, and got language={language!r}.")
    found = _judge(history, epochs)
    headings = HEADINGS[language]
    reason = REASONS[language][found["why"]].format(**{key: _figure(value) for key, value in found.items()})
    accuracy = found.get("accuracy")
    if accuracy is not None and found.get("val_accuracy") is not None:
        reason += REASONS[language]["accuracies"].format(accuracy=accuracy, val_accuracy=found["val_accuracy"])
    return Diagnosis(
        verdict=found["verdict"],
        reason=reason,
        advice=[ADVICE[language][key].format(**found) for key in found["advice"].split()],
        since_epoch=found.get("since"),
        best_epoch=found.get("best"),
        gap=found.get("gap"),
        heading=headings[found["verdict"]],
        advice_heading=headings["advice"],
    )


def _judge(history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The verdict as data: ``verdict``, ``why`` (a key of ``REASONS``), ``advice`` (keys of ``ADVICE``), figures."""
    if not history.get("loss"):
        return _unsure("empty", "train_first")
    if not history.get("val_loss"):
        return _unsure("no_validation", "give_validation")
    of_train = dict(zip(epochs["loss"], history["loss"], strict=False))
    shared = [epoch for epoch in epochs["val_loss"] if epoch in of_train]
    train = [float(of_train[epoch]) for epoch in shared]
    of_validation = dict(zip(epochs["val_loss"], history["val_loss"], strict=False))
    validation = [float(of_validation[epoch]) for epoch in shared]

    broken = [epoch for epoch, pair in zip(shared, zip(train, validation, strict=True), strict=True)
              if not all(map(math.isfinite, pair))]  # fmt: skip
    if broken:
        return _unsure("not_finite", "lower_rate clip check_data", since=broken[0])
    best = shared[int(np.argmin(validation))] if validation else None
    if len(shared) < MIN_EPOCHS:
        return _unsure("too_few", "more_epochs", count=len(shared), least=MIN_EPOCHS, best=best)
    width = 2 if len(shared) < 8 else 3 if len(shared) < 20 else 5
    accuracies = _accuracies(history, width)
    common = {"best": best, "count": len(shared), "gap": None} | accuracies
    return common | _compare(Curve(train, width), Curve(validation, width), shared, accuracies.get("accuracy"))


def _compare(train: Curve, validation: Curve, epochs: Sequence[int], accuracy: float | None) -> dict[str, Any]:
    """The verdict on two whole curves."""
    turn, low = validation.lowest()
    rise, gap = validation.end - low, validation.end - train.end
    lowest = float(validation.values[turn])
    at_turn = float(train.levels[min(turn, len(train.levels) - 1)])
    facts = {"gap": gap, "train": train.end, "val": validation.end, "low": lowest, "noise": validation.noise,
             "percent": 100 * (validation.end - lowest) / max(abs(lowest), 1e-12)}  # fmt: skip

    clear = rise > max(validation.chance, MATTERS * abs(low))
    likely = rise > max(validation.chance / 2, IMPROVES * abs(low)) and validation.rises_after(turn)
    if clear or likely:
        if train.end - at_turn > max(train.chance, MATTERS * abs(at_turn)):
            return facts | _unsure("both_rise", "lower_rate clip", since=epochs[turn])
        stop = max(2, round(0.1 * len(epochs)))
        return facts | {"verdict": "overfitting", "why": "rises" if gap > 0 else "rises_below", "since": epochs[turn],
                        "advice": "stop_early more_data dropout smaller regularize", "patience": stop}  # fmt: skip

    if gap > max(validation.chance + train.chance, LARGE_GAP * abs(validation.end)):
        if validation.drop() > max(validation.chance, IMPROVES * abs(validation.end)):
            return facts | {"verdict": "good fit", "why": "gap_improving", "advice": "longer watch_gap"}
        if gap - float(validation.levels[0] - train.levels[0]) > gap / 3:  # it opened during training
            return facts | {"verdict": "overfitting", "why": "gap", "since": epochs[_levelled_off(validation)], "patience": 3,
                            "advice": "more_data dropout regularize smaller stop_early"}  # fmt: skip
        return facts | _unsure("old_gap", "same_source shuffle_split")
    if validation.chance > LARGE_GAP * max(abs(validation.end), abs(float(validation.values[0]) - low)):
        return facts | _unsure("noisy", "more_validation lower_rate")
    return facts | _how_well(train, validation, accuracy)


def _how_well(train: Curve, validation: Curve, accuracy: float | None) -> dict[str, Any]:
    """The verdict where validation keeps up with training: has the model learnt enough?"""
    first = float(train.values[0])
    learnt = (first - train.end) / max(abs(first), 1e-12)
    if train.still_falls() and validation.still_falls():
        return {"verdict": "underfitting", "why": "still_falls", "advice": "longer higher_rate",
                "percent": 100 * train.drop() / max(abs(train.end + train.drop()), 1e-12)}  # fmt: skip
    if accuracy is not None and accuracy >= GOOD_ACCURACY:
        return {"verdict": "good fit", "why": "fits", "advice": ""}
    if learnt < LEARNT and accuracy is not None and accuracy < POOR_ACCURACY:
        return {"verdict": "underfitting", "why": "learns_little", "percent": 100 * learnt,
                "advice": "larger higher_rate less_regularization check_data"}  # fmt: skip
    if learnt < LEARNT:
        return _unsure("flat", "measure_accuracy higher_rate larger", percent=100 * learnt)
    return {"verdict": "good fit", "why": "fits", "advice": "larger_to_see" if accuracy is not None else ""}


def _levelled_off(curve: Curve) -> int:
    """The first epoch (by position) after which the curve went no lower than noise, or a little, would bring it."""
    low = curve.lowest()[1]
    near = curve.levels <= low + max(curve.chance, MATTERS * abs(low))
    return int(np.argmax(near))


def _accuracies(history: Mapping[str, Sequence[Any]], width: int) -> dict[str, float]:
    """The level of the accuracy at the end, in training and in validation, where it was measured."""
    for name, values in history.items():
        other = history.get(f"val_{name}")
        if "acc" in name and other and len(other) >= width:
            return {"accuracy": float(np.median(values[-width:])), "val_accuracy": float(np.median(other[-width:]))}
    return {}


def _unsure(why: str, advice: str, **facts: Any) -> dict[str, Any]:
    return {"verdict": "can't tell", "why": why, "advice": advice} | facts


def _figure(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value
