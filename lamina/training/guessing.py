"""Whether a model does better than always giving the same answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lamina.training.finding import Finding, found, gap_of, gap_since, sure, unsure
from lamina.training.noted import Rows
from lamina.training.overfit import validation_rises
from lamina.training.trends import Evidence


@dataclass
class Beside:
    """How a figure compares with the constant answer's: the gain, and what it must be to be more than chance."""

    gain: float
    enough: float
    chance: float

    @property
    def better(self) -> bool:
        return self.gain > self.enough


def loss_beside(e: Evidence, rows: Rows | None, loss: float, count: int) -> Beside | None:
    """The loss beside the constant answer's. A gain g of a crossentropy differs from row to row by about the root of 2 g, and
    one of a squared error of variance b by that of 4 g b: twice the standard error of that is all gain, below 4 times it over
    the rows."""
    if rows is None or not rows.baseline:
        return None
    by_classes = e.noted.task in ("classification", "binary", "multi-label")
    of_row = 2.0 if by_classes else 4.0 * abs(rows.baseline)
    matters = 0.03 if len(e.epochs) > 4 else 0.005  # the first epochs need not bring much
    chance = 4 * of_row / count
    return Beside(rows.baseline - loss, max(chance, matters * abs(rows.baseline)), chance)


def _accuracy_beside(rows: Rows | None, accuracy: float | None, count: int, task: str) -> Beside | None:
    answer = None if rows is None else best_answer(rows, task)
    if answer is None or accuracy is None:
        return None
    chance = 2 * Evidence.error_of_share(max(accuracy, answer), count)
    return Beside(accuracy - answer, chance, chance)


def guessing(e: Evidence) -> Finding | None:
    """Whether validation does no better than a constant answer, and training little better."""
    pair = e.accuracies
    of_loss = loss_beside(e, e.baseline, e.val_loss, e.rows)
    of_accuracy = None if e.noted.weighted else _accuracy_beside(e.baseline, pair and pair[1], e.rows, e.noted.task)
    trained = loss_beside(e, e.noted.training, e.train_loss, e.train_rows)
    if of_loss is not None and trained is not None and not e.noted.weighted and trained.gain < trained.enough / 2:
        of_loss.enough *= 2  # what training has not learnt, validation can't know but by chance
    if of_loss is not None and of_accuracy is not None and not of_loss.better:
        of_accuracy.enough = max(1.25 * of_accuracy.enough, 0.15 * (1 - (pair[1] if pair else 0.0)))
    known = [beside for beside in (of_loss, of_accuracy) if beside is not None]
    if not known:
        return _guessing_among_equals(e)
    if any(beside.better for beside in known) or _ranks(e):
        return None
    ratio, train = 0.0, e.noted.training
    if trained is not None:
        ratio = trained.gain / max(trained.enough, 0.15 * abs(train.baseline or 0.0))
    in_training = _accuracy_beside(train, pair and pair[0], e.train_rows, e.noted.task)
    if in_training is not None and not e.noted.weighted:
        by_loss = trained is not None and not trained.better  # then an accuracy must say it clearly
        ratio = max(ratio, in_training.gain / max(0.15, in_training.enough + (0.05 if by_loss else 0.0)))
    if ratio >= 1:
        told = _by_heart(e, ratio)
        if told is not None or was_better(e):
            return told
    power = min(abs(rows.baseline) / beside.enough if beside is of_loss and rows and rows.baseline else 0.5 / beside.enough
                for beside in known for rows in (e.baseline,))  # fmt: skip
    worse = 0.0 if of_loss is None else -of_loss.gain / max(1e-12, of_loss.enough)
    confidence = min(sure(max(power / 2.5, worse)), sure(max(2 - 1.5 * max(ratio, 0.0), 1.0)) + 0.1)
    finding = found("no better than guessing", "guessing", confidence, **_constant(e)) if of_loss is not None else \
        found("no better than guessing", "guessing_accuracy", confidence, **_majority(e))  # fmt: skip
    if of_loss is not None and of_accuracy is not None:
        finding.also("beside_majority", **_majority(e))
    if any(beside.gain > 0 for beside in known):
        beyond = any(beside.gain > beside.chance for beside in known)
        finding.also("hardly_better", rows=e.rows) if beyond else finding.also("within_chance", rows=e.rows)
    if e.train.to_come() > 0.05 * abs(e.train_loss) and e.train.fall()[0] > e.train.jump:
        finding.also("but_falls", percent=100 * e.train.fall()[0] / max(1e-12, abs(e.train.end + e.train.fall()[0])))
        finding.cause = "guessing_falls"
    return finding


def _constant(e: Evidence) -> dict[str, Any]:
    return {"val": e.val_loss, "baseline": e.baseline.baseline if e.baseline is not None else None}


def _majority(e: Evidence) -> dict[str, Any]:
    pair, rows = e.accuracies, e.baseline
    return {"val_accuracy": pair and pair[1], "majority": rows and best_answer(rows, e.noted.task)}


def best_answer(rows: Rows, task: str) -> float | None:
    """The accuracy of the constant answer that is best on these rows themselves."""
    if rows.majority is None or task == "multi-label":
        return rows.majority
    return max(rows.majority, *(rows.shares or [0.0]))


def _ranks(e: Evidence) -> bool:
    """Whether an area under the curve says that rows are told apart."""
    areas = [val for name, (_, val) in e.others.items() if "auc" in name.lower() and "pr" not in name.lower()]
    return any(area > 0.5 + 1.5 / math.sqrt(e.rows) for area in areas)


def _guessing_among_equals(e: Evidence) -> Finding | None:
    """Without notes: whether loss and accuracy both are those of a guess among equally frequent classes."""
    pair = e.accuracies
    if pair is None or not 0.001 < pair[1] <= 0.6:
        return None
    classes = round(1 / pair[1])
    chance, entropy = 1 / classes, math.log(max(2, classes))
    near = all(abs(accuracy - chance) < 2 * e.error_of_share(chance, e.rows) for accuracy in pair)
    if classes < 2 or not near or any(abs(loss - entropy) > 0.03 * entropy for loss in (e.train_loss, e.val_loss)):
        return None
    return found("no better than guessing", "among_equals", 0.75, val=e.val_loss, val_accuracy=pair[1], classes=classes,
                 entropy=entropy)  # fmt: skip


def was_better(e: Evidence) -> bool:
    """Whether the validation loss was better than a constant answer's at any time."""
    best = loss_beside(e, e.baseline, float(e.validation.levels.min()), e.rows)
    return best is not None and best.better


def _by_heart(e: Evidence, ratio: float) -> Finding | None:
    """Training is better than a constant answer, and validation is not, and never was (else the curves say more)."""
    rows, pair, gap = e.baseline, e.accuracies, gap_of(e)
    if was_better(e):
        return None
    if gap < 1:
        few = e.known_rows is not None and e.known_rows < 50
        return unsure("few_rows", rows=e.known_rows, error=e.error_of_loss(), val=e.val_loss) if few else None
    known = rows is not None and bool(rows.baseline)
    rises = validation_rises(e)
    if rises is not None and rises.verdict == "overfitting":
        rises.confidence = 1 - (1 - rises.confidence) * (1 - sure(gap, ratio))
        return rises.also("beside_constant", baseline=_constant(e)["baseline"]) if known else rises
    if known:
        finding = found("overfitting", "by_heart", sure(gap, ratio), train=e.train_loss, **_constant(e))
    else:
        finding = found("overfitting", "by_heart_accuracy", sure(gap, ratio), accuracy=pair and pair[0], **_majority(e))
    finding.since = gap_since(e)
    return finding
