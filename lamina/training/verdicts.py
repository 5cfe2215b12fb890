"""The verdict on a run, as data: each rule looks for one thing, and names the figures by which it found it.

The rules are asked in turn, and the first that finds something has found the verdict. What each compares must be more than
chance (jumps of the curve, rows of validation) and large enough to matter beside the loss of a constant answer. How far it is
beyond both says how sure the verdict is.
"""

from __future__ import annotations

import math
from typing import Any

from lamina.training.finding import Finding, found, gap_of, sure, unsure
from lamina.training.guessing import best_answer, guessing, loss_beside
from lamina.training.overfit import behind, is_wide, overfits
from lamina.training.trends import Evidence
from lamina.training.unlike import averages_lag, unlike

FEWEST_ROWS = 8  # of validation, below which nothing is said of levels
_POOR = {"accuracy": 0.6, "regression": 0.5, "binary": 0.3, "multi-label": 0.3}  # the part of what can be learnt
_POOR_LOSS = 0.4


def judge(e: Evidence) -> Finding:
    """The verdict on the evidence."""
    finding = next(filter(None, (rule(e) for rule in RULES)))
    finding.confidence = min(finding.confidence, _most(e))
    return finding


def _most(e: Evidence) -> float:
    """How sure any verdict on these data can be."""
    rows, epochs = e.known_rows, len(e.epochs)
    of_rows = 0.85 if rows is None else 0.6 if rows < 20 else 0.75 if rows < 50 else 1.0
    return min(of_rows, 0.6 if epochs < 3 else 0.75 if epochs < 5 else 1.0)


# ---- training broke down ---------------------------------------------------------------------------------------------


def diverged(e: Evidence) -> Finding | None:
    """Whether the training loss went up for good, or is far above a constant answer's and stays there."""
    train, baseline = e.train, e.noted.training.baseline
    low, place = float(train.levels.min()), int(train.levels.argmin())
    first = float(train.values[0])
    start = first if baseline is None or baseline < 0.1 * first else baseline  # of a single class it is 0
    rise, enough = train.end - low, max(0.5 * (start - low), 0.1 * abs(start))
    if rise > max(train.chance, enough) and place < len(train.levels) - 1:
        since = e.epochs[int(train.values.argmin())]
        return found("diverged", "exploded", sure(rise / max(enough, 1e-12), rise / max(train.chance, 1e-12)), since=since,
                     low=float(train.values.min()), train=train.end)  # fmt: skip
    jump = float(train.values[-1]) - low
    if len(e.epochs) > 3 and jump > max(4 * train.noise, enough, 0.5 * abs(start)) and train.values[-1] > start:
        return found("diverged", "exploded", 0.6, since=e.epochs[int(train.values.argmin())], low=float(train.values.min()),
                     train=float(train.values[-1]))  # fmt: skip
    by_classes = e.noted.task in ("classification", "binary", "multi-label")
    peak, ends = float(train.values.max()), max(train.end, e.val_loss)
    other = max(e.baseline.baseline or 0.0 if e.baseline is not None else 0.0, baseline or 0.0)
    if other and by_classes and peak > 20 * max(other, 0.1) and ends > 5 * max(other, 0.1):
        since = e.epochs[int(train.values.argmax())]
        return found(
            "diverged", "exploded_once", sure(ends / (5 * max(other, 0.1))), since=since, peak=peak, val=e.val_loss
        )
    if (
        baseline
        and by_classes
        and len(e.epochs) > 1
        and train.end > 3 * max(baseline, 0.1)
        and train.fall()[0] < 0.1 * train.end
    ):
        ratio = train.end / (3 * max(baseline, 0.1))
        return found("diverged", "far_above", sure(ratio), train=train.end, baseline=baseline)
    return None


# ---- too little to go by ---------------------------------------------------------------------------------------------


def few_rows(e: Evidence) -> Finding | None:
    """Whether validation has too few rows for anything."""
    rows = e.known_rows
    if rows is None or rows >= FEWEST_ROWS:
        return None
    pair = e.accuracies
    if pair is not None:
        return unsure("few_rows_accuracy", rows=rows, error=math.sqrt(max(pair[1] * (1 - pair[1]), 0.1) / rows),
                      val_accuracy=pair[1])  # fmt: skip
    return unsure("few_rows", rows=rows, error=e.error_of_loss(), val=e.val_loss)


def one_epoch(e: Evidence) -> Finding | None:
    """A single epoch is no curve."""
    if len(e.epochs) > 1:
        return None
    if e.baseline is not None and e.baseline.baseline is not None:
        return unsure("one_guess", count=1, val=e.val_loss, baseline=e.baseline.baseline)
    return unsure("too_few", count=1)


# ---- still on its way, or there --------------------------------------------------------------------------------------


def not_finished(e: Evidence) -> Finding | None:
    """Whether training and validation both still improve."""
    later = (
        len(e.epochs) - 1 - e.place
    )  # of a run that EarlyStopping did not stop, and whose best epoch was near the end
    if e.noted.ended == "early stopping" or later > max(1, 0.15 * len(e.epochs)):
        return None
    train, validation = e.train, e.validation
    last, val_last = train.fall()[0], validation.fall()[0]
    if last <= train.jump or val_last <= validation.jump:
        return None
    matters = max(0.05 * abs(e.val_loss), 0.01 * e.unit, 1e-12)
    by_loss = min(validation.to_come() / matters, train.to_come() / max(0.04 * abs(train.end), 0.01 * e.unit, 1e-12))
    by_accuracy = 0.0
    if e.val_accuracy is not None and train.to_come() > 0 and validation.to_come() > 0:
        rose = -e.val_accuracy.fall()[0]
        error = 0.7 * e.error_of_share(e.val_accuracy.end, e.rows)
        by_accuracy = min(rose / max(e.val_accuracy.jump, error, 1e-9), rose / 0.012) / 1.3
    ratio = max(by_loss, by_accuracy, _steadily(e))
    if ratio < 1:
        return None
    third = max(1, len(train.levels) // 3)
    finding = found("not finished", "still_falls", sure(0.8 * ratio), count=third,
                    percent=100 * last / max(abs(train.end + last), 1e-12),
                    val_percent=100 * val_last / max(abs(validation.end + val_last), 1e-12), val=validation.end)  # fmt: skip
    if max(e.noted.dropout, default=0.0) >= 0.7:
        finding.confidence = min(finding.confidence, 0.75)  # which may be what holds it up
    if gap_of(e) >= 1 and not e.noted.weighted and validation.end > train.end:
        finding.also("with_gap", train=train.end, val=validation.end)
    return finding


def _steadily(e: Evidence) -> float:
    """How clearly the losses fall as they did all along, however slowly: 1 is clearly enough."""
    shares = []
    for curve in (e.train, e.validation):
        last, recent, _ = curve.fall()
        total = float(curve.levels[0]) - curve.end
        if total < 0.03 * e.unit or recent < 0.25 * last:
            return 0.0
        shares.append(min(last / total / 0.2, last / max(1.5 * curve.jump, 1e-12)))
    return min(shares)


def leaks(e: Evidence) -> Finding | None:
    """Whether validation is made of training rows."""
    if (e.noted.leaked or 0.0) < 0.4:
        return None
    return found("validation unlike training", "leaked", 0.9, percent=100 * (e.noted.leaked or 0.0))


def too_few_epochs(e: Evidence) -> Finding | None:
    """Whether there are too few epochs for a trend."""
    return unsure("too_few", count=len(e.epochs)) if len(e.epochs) < 4 and not e.restored else None


def hides_its_trend(e: Evidence) -> Finding | None:
    """Whether validation jumps, or has so few rows, that its level is not known."""
    level = max(abs(e.val_loss), 0.1 * e.unit)
    if e.validation.noise > 0.25 * level and e.accuracies is None:
        return unsure("noisy", noise=e.validation.noise, val=e.val_loss)
    pair = e.accuracies
    if pair is not None and e.error_of_share(pair[1], e.rows) > 0.12:
        return unsure("few_rows_accuracy", rows=e.rows, error=e.error_of_share(pair[1], e.rows), val_accuracy=pair[1])
    if pair is None and e.error_of_loss() > 0.35 * max(abs(e.val_loss), 0.3 * e.unit):
        return unsure("few_rows", rows=e.rows, error=e.error_of_loss(), val=e.val_loss)
    return None


def levels_off(e: Evidence) -> Finding:
    """Neither clearly falls behind the other, nor still improves: has the model learnt enough?"""
    skill, poor = _skill(e)
    both: dict[str, Any] = {"train": e.train_loss, "val": e.val_loss}
    if skill is None:
        first = float(e.train.values[0])
        learnt = (first - e.train_loss) / max(abs(first), 1e-12)
        if learnt < 0.2 or e.noted.steps_before:
            return unsure("flat", percent=100 * max(0.0, learnt), train=e.train_loss)
        return found("good fit", "fits", 0.6, **both)
    in_validation = skill[1]
    rate = max(e.noted.dropout, default=0.0)
    if rate >= 0.7 and not e.honest and e.train_loss > 1.15 * e.val_loss and in_validation < 0.9:
        return found("underfitting", "hindered", 0.7, rate=rate, **both)
    confidence = 0.55 + min(0.4, 2 * min(abs(in_validation - poor), abs(max(skill) - poor)))
    if max(skill) < poor:
        beside = loss_beside(e, e.baseline, e.val_loss, e.rows)
        # Whether the rest could be learnt at all, the curves can't know; that something holds the model back, they may.
        held_back = e.penalty > 0.5 * abs(e.train_loss)
        surely = beside is None or beside.better
        confidence = min(confidence, 0.85 if held_back and surely else 0.75 if surely else 0.7)
        finding = found("underfitting", "poor", confidence, **both)
        return finding.also("may_be_noise") if e.noted.task != "unknown" and max(skill) > poor / 2 else finding
    if in_validation < poor and gap_of(e) >= 1:
        return behind(e, 0.6)
    if in_validation < poor - 0.1:
        return unsure("gap_by_chance", rows=e.rows, error=e.error_of_loss(), **both)
    if e.train.to_come() > max(0.05 * abs(e.train_loss), 0.01 * e.unit) and e.train.fall()[0] > e.train.jump:
        confidence = min(confidence, 0.75)  # training still gets better, and chance may hide that validation does
    if e.train.values[-1] > 1.3 * e.train.values[-2] + 4 * e.train.noise > 0:
        confidence = min(confidence, 0.7)  # of an epoch that went wrong at the end nobody knows what comes of it
    if is_wide(e):
        return unsure("gap_by_chance", rows=e.rows, error=e.error_of_loss(), **both)
    if e.val_loss > 1.5 * e.train_loss > 0 and not e.noted.weighted:
        return found("good fit", "fits_behind", min(confidence, 0.75), **both)
    return found("good fit", "fits" if in_validation > 0.8 else "fits_so_far", confidence, **both)


def _skill(e: Evidence) -> tuple[tuple[float, float] | None, float]:
    """The part of what a constant answer leaves that the model has learnt, in training and in validation; and what is poor."""
    pair, rows, train, task = e.accuracies, e.baseline, e.noted.training, e.noted.task
    if pair is not None and rows is not None and rows.majority is not None and max(rows.shares or [0.0]) < 0.9:
        answers = train.majority or rows.majority, best_answer(rows, task) or rows.majority
        found_in = [(accuracy - answer) / max(1e-9, 1 - answer) for accuracy, answer in zip(pair, answers, strict=True)]
        return (found_in[0], found_in[1]), _POOR["accuracy"]
    if rows is not None and rows.baseline:
        in_training = 1 - e.train_loss / train.baseline if train.baseline and not e.noted.weighted else -math.inf
        return (in_training, 1 - e.val_loss / rows.baseline), _POOR.get(task, _POOR_LOSS)
    return (pair, 0.7) if pair is not None else (None, 0.0)


RULES = (diverged, averages_lag, unlike, few_rows, one_epoch, guessing, leaks, overfits, not_finished, too_few_epochs,
         hides_its_trend, levels_off)  # fmt: skip
