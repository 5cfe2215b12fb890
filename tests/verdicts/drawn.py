"""Curves drawn from a model of learning whose truth is known, since its parameters are.

In units of the baseline, the loss of the best constant answer, training falls from about 1 to a floor; validation is
training plus a gap that opens, and perhaps grows. What is observed has the error of a finite validation set, which is the
same in all epochs, and jumps from epoch to epoch. Each kind draws its parameters far from where two verdicts meet, and names
the verdicts that are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.callbacks import History
from lamina.training.noted import Noted, Rows

OVER, UNDER, GOOD, MORE = "overfitting", "underfitting", "good fit", "not finished"
DIVERGED, GUESSING, UNLIKE, UNKNOWN = "diverged", "no better than guessing", "validation unlike training", "can't tell"


@dataclass
class Case:
    """A run and the verdicts that are right for it."""

    about: str
    history: History
    right: set[str]


@dataclass
class Task:
    """What is learnt: the loss of the best constant answer, and the share of the commonest class (None: a regression)."""

    loss: str
    base: float
    shares: list[float] | None = None
    scale: float | None = None

    @property
    def majority(self) -> float | None:
        return None if self.shares is None else max(self.shares)


@dataclass
class Run:
    """The true curves in units of the baseline, and how they are observed."""

    training: np.ndarray
    validation: np.ndarray | None
    right: set[str]
    rows: int = 2000
    jump: float = 0.01
    task: Task | None = None
    noted: dict[str, Any] = field(default_factory=dict)
    shares: list[float] | None = None  # of validation, where they differ
    better: float = 0.0  # by how much Dropout makes training look worse
    train_rows: int | None = None


def draw_task(rng: np.random.Generator) -> Task:
    kind = rng.integers(4)
    if kind == 0:
        share = float(rng.uniform(0.35, 0.65))
        shares = [1 - share, share]
        return Task("binary_crossentropy", -sum(p * math.log(p) for p in shares), shares)
    if kind == 1:
        classes = int(rng.integers(3, 11))
        return Task("sparse_categorical_crossentropy", math.log(classes), [1 / classes] * classes)
    scale = float(10 ** rng.uniform(-3, 3))
    if kind == 2:
        return Task("mean_squared_error", scale**2, scale=scale)
    return Task("mean_absolute_error", 0.8 * scale, scale=scale)


def epochs_of(rng: np.random.Generator, least: int = 8) -> np.ndarray:
    """A number of epochs, as 0, 1, 2, ..."""
    choices = [count for count in (8, 12, 15, 20, 30, 60, 100, 200) if count >= least]
    return np.arange(int(rng.choice(choices)))


def falls(epochs: np.ndarray, floor: float, speed: float, start: float = 1.0) -> np.ndarray:
    """From ``start`` towards ``floor``, ``speed`` times the way's e-fold over all the epochs."""
    return floor + (start - floor) * np.exp(-speed * (epochs + 0.5) / len(epochs))


def opens(epochs: np.ndarray, gap: float, speed: float) -> np.ndarray:
    return gap * (1 - np.exp(-speed * (epochs + 0.5) / len(epochs)))


# ---- the kinds: each draws a run -------------------------------------------------------------------------------------


def rises(rng: np.random.Generator) -> Run:
    e, start = epochs_of(rng), rng.uniform(0.15, 0.5)
    training = falls(e, rng.uniform(0, 0.1), rng.uniform(5, 9))
    growth = np.maximum(0, e / len(e) - start) / (1 - start) * rng.uniform(0.4, 1.5)
    return Run(training, training + opens(e, rng.uniform(0.1, 0.3), 6) + growth, {OVER}, rows=int(rng.integers(150, 5000)),
               jump=rng.uniform(0.002, 0.03))  # fmt: skip


def levels_off_above(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 12)
    training = falls(e, rng.uniform(0, 0.1), rng.uniform(6, 9))
    return Run(training, training + opens(e, rng.uniform(0.35, 0.6), 8), {OVER}, jump=rng.uniform(0.002, 0.02))


def memorises_few_rows(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 15)
    training = falls(e, 0.01, 9)
    return Run(training, training + opens(e, 0.3, 8) + e / len(e) * rng.uniform(0.3, 1), {OVER, UNKNOWN},
               rows=int(rng.integers(12, 40)), jump=0.02)  # fmt: skip


def memorises_noise(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 12)
    training = falls(e, rng.uniform(0, 0.2), rng.uniform(3, 7))
    return Run(training, 1 + e / len(e) * rng.uniform(0.2, 1.0), {OVER, GUESSING}, rows=int(rng.integers(200, 4000)))


def restored_in_time(rng: np.random.Generator) -> Run:
    run = rises(rng)
    assert run.validation is not None
    e = np.arange(30)
    training = falls(e, 0.01, rng.uniform(8, 11))
    growth = np.maximum(0, e - 16) * rng.uniform(0.02, 0.06)
    validation = training + 0.04 + growth
    best = int(validation.argmin())
    end = best + 6
    return Run(training[:end], validation[:end], {GOOD}, jump=0.003, rows=4000, task=classes(rng),
               noted={"restored": best + 1, "ended": "early stopping"})  # fmt: skip


def restored_too_late(rng: np.random.Generator) -> Run:
    e = np.arange(25)
    training = falls(e, 0.0, rng.uniform(9, 12))
    validation = training + 0.35 * (1 - np.exp(-e / 2)) + np.maximum(0, e - 12) * 0.08
    best = int(validation.argmin())
    return Run(training[: best + 6], validation[: best + 6], {OVER}, jump=0.004, rows=4000,
               noted={"restored": best + 1, "ended": "early stopping"})  # fmt: skip


def underfits(rng: np.random.Generator) -> Run:
    e, floor = epochs_of(rng, 15), rng.uniform(0.6, 0.85)
    training = falls(e, floor, rng.uniform(12, 20))
    return Run(training, training + opens(e, rng.uniform(0, 0.02), 6), {UNDER}, rows=int(rng.integers(1000, 20_000)),
               jump=rng.uniform(0.001, 0.008))  # fmt: skip


def underfits_with_dropout(rng: np.random.Generator) -> Run:
    run = underfits(rng)
    run.better, run.noted["dropout"] = rng.uniform(0.05, 0.12), [0.8]
    return run


def fits(rng: np.random.Generator) -> Run:
    e, floor = epochs_of(rng, 12), rng.uniform(0.03, 0.15)
    training = falls(e, floor, rng.uniform(10, 16))
    return Run(training, training + opens(e, rng.uniform(0, 0.02), 6), {GOOD}, rows=int(rng.integers(500, 100_000)),
               jump=rng.uniform(0.002, 0.02))  # fmt: skip


def fits_with_dropout(rng: np.random.Generator) -> Run:
    run = fits(rng)
    run.better, run.noted["dropout"] = rng.uniform(0.05, 0.2), [0.5]
    return run


def fits_after_a_cliff(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 20)
    at = int(len(e) * rng.uniform(0.4, 0.6))
    training = falls(e, rng.uniform(0.2, 0.35), 16)
    training[at:] = 0.08 + (training[at:] - 0.08) * (0.2 + 0.3 * np.exp(-np.arange(len(e) - at)))
    return Run(training, training + 0.015, {GOOD}, rows=int(rng.integers(2000, 50_000)), jump=0.006)


def still_falls(rng: np.random.Generator) -> Run:
    e = epochs_of(rng)
    training = falls(e, rng.uniform(0, 0.2), rng.uniform(0.8, 1.5))
    return Run(training, training + opens(e, rng.uniform(0, 0.02), 2), {MORE}, rows=int(rng.integers(1000, 50_000)),
               jump=rng.uniform(0.001, 0.01))  # fmt: skip


def still_falls_late(rng: np.random.Generator) -> Run:
    """0.89 accuracy and rising: a good way down, in a straight line."""
    e = epochs_of(rng, 12)
    training = np.linspace(0.8, rng.uniform(0.25, 0.35), len(e))
    return Run(training, training + 0.01, {MORE}, rows=int(rng.integers(2000, 50_000)), jump=0.005, task=classes(rng))


def hardly_learns(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 12)
    training = np.linspace(0.995, rng.uniform(0.85, 0.9), len(e))
    return Run(training, training + 0.002, {MORE}, rows=int(rng.integers(5000, 50_000)), jump=0.002)


def comes_down_from_far(rng: np.random.Generator) -> Run:
    """A regression that starts far above its baseline, and has not reached it."""
    e = epochs_of(rng, 12)
    training = np.linspace(rng.uniform(20, 50), rng.uniform(4, 8), len(e))
    return Run(training, training * 1.01, {MORE, GUESSING}, task=numbers(rng), jump=0.003)


def is_nan(rng: np.random.Generator) -> Run:
    run = rises(rng) if rng.random() < 0.5 else fits(rng)
    assert run.validation is not None
    at = int(rng.integers(1, len(run.training)))
    for curve in (run.training, run.validation):
        curve[at:] = rng.choice([math.nan, math.inf])
    run.right = {DIVERGED}
    return run


def explodes(rng: np.random.Generator) -> Run:
    e = epochs_of(rng)
    training = 1.5 * np.exp(e * rng.uniform(1.5, 8) / len(e)) ** 2
    return Run(training, training * 1.1, {DIVERGED}, jump=0.1)


def breaks_down(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 12)
    training = falls(e, 0.2, 10)
    at = int(len(e) * rng.uniform(0.5, 0.8))
    training[at:] = rng.uniform(20, 1000)
    return Run(training, training.copy(), {DIVERGED}, jump=0.02)


def guesses(rng: np.random.Generator) -> Run:
    e = epochs_of(rng)
    training = 1 + 0.02 * np.exp(-2.0 * e)
    return Run(training, np.full(len(e), 1.002), {GUESSING}, rows=int(rng.integers(300, 50_000)),
               jump=rng.uniform(0.001, 0.006))  # fmt: skip


def is_worse_than_the_mean(rng: np.random.Generator) -> Run:
    e, level = epochs_of(rng), rng.uniform(3, 10)
    training = falls(e, level, 25, level * 1.5)
    return Run(training, training * rng.uniform(0.98, 1.03), {GUESSING}, task=numbers(rng), jump=0.01)


def says_the_majority(rng: np.random.Generator) -> Run:
    rare = float(rng.uniform(0.02, 0.06))
    base = -(rare * math.log(rare) + (1 - rare) * math.log(1 - rare))
    task = Task("binary_crossentropy", base, [1 - rare, rare])
    e = epochs_of(rng, 12)
    training = 1 + 0.3 * np.exp(-2.0 * e)
    return Run(training, training.copy(), {GUESSING}, rows=int(rng.integers(1000, 20_000)), jump=0.006, task=task)


def is_sorted(rng: np.random.Generator) -> Run:
    count = int(rng.integers(2, 6))
    last = np.zeros(count)
    last[-1] = 1
    rest = np.append(np.full(count - 1, 0.95 / (count - 1)), 0.05)
    task = Task("sparse_categorical_crossentropy", float(-(rest * np.log(rest)).sum()), rest.tolist())
    e = epochs_of(rng)
    training = falls(e, rng.uniform(0.1, 0.4), 8)
    return Run(training, training + rng.uniform(1, 4), {UNLIKE}, task=task, shares=last.tolist(), rows=500,
               noted={"split": 0.2})  # fmt: skip


def is_shifted(rng: np.random.Generator) -> Run:
    e = epochs_of(rng)
    training = falls(e, rng.uniform(0.05, 0.2), 9)
    noted = {"shift": float(rng.uniform(1.5, 8)), "stretch": 1.0}
    if rng.random() < 0.5:
        noted = {"shift": 0.0, "stretch": float(rng.choice([0.004, 0.02, 12.0, 255.0]))}
    return Run(training, training + rng.uniform(0.6, 3), {UNLIKE}, noted=noted)


def has_leaked(rng: np.random.Generator) -> Run:
    e = epochs_of(rng, 12)
    training = falls(e, 0.02, rng.uniform(8, 12))
    return Run(training, training * 0.9, {UNLIKE}, noted={"leaked": float(rng.uniform(0.8, 1))}, rows=300)


def ends_at_once(rng: np.random.Generator) -> Run:
    run = [rises, fits, underfits][rng.integers(3)](rng)
    assert run.validation is not None
    count = int(rng.integers(1, 3))
    run.training, run.validation = run.training[:count], run.validation[:count]
    run.right = {UNKNOWN} if count == 1 else {UNKNOWN, MORE}
    return run


def has_three_rows(rng: np.random.Generator) -> Run:
    run = [rises, fits, underfits][rng.integers(3)](rng)
    run.rows, run.right, run.jump = int(rng.integers(2, 6)), {UNKNOWN}, 0.05
    return run


def has_no_validation(rng: np.random.Generator) -> Run:
    run = [fits, underfits][rng.integers(2)](rng)
    run.validation, run.right = None, {UNKNOWN}
    return run


def breaks_without_validation(rng: np.random.Generator) -> Run:
    run = is_nan(rng)
    run.validation = None
    return run


def jumps_about(rng: np.random.Generator) -> Run:
    e = epochs_of(rng)[:15]
    training = falls(e, 0.3, 10)
    return Run(training, training.copy(), {UNKNOWN, GOOD}, jump=rng.uniform(0.4, 0.7), rows=200)


KINDS: tuple[Callable[[np.random.Generator], Run], ...] = (
    rises, levels_off_above, memorises_few_rows, memorises_noise, restored_in_time, restored_too_late, underfits,
    underfits_with_dropout, fits, fits_with_dropout, fits_after_a_cliff, still_falls, still_falls_late, hardly_learns,
    comes_down_from_far, is_nan, explodes, breaks_down, guesses, is_worse_than_the_mean, says_the_majority, is_sorted,
    is_shifted, has_leaked, ends_at_once, has_three_rows, has_no_validation, breaks_without_validation, jumps_about,
)  # fmt: skip


def classes(rng: np.random.Generator) -> Task:
    return next(task for task in iter(lambda: draw_task(rng), None) if task.shares is not None)


def numbers(rng: np.random.Generator) -> Task:
    return next(task for task in iter(lambda: draw_task(rng), None) if task.shares is None)


# ---- what is observed ------------------------------------------------------------------------------------------------


def draw(kind: Callable[[np.random.Generator], Run], seed: int) -> Case:
    """The case of a kind and a seed."""
    rng = np.random.default_rng([seed, KINDS.index(kind) if kind in KINDS else len(KINDS)])
    run = kind(rng)
    return Case(f"{kind.__name__} {seed}", observe(run, rng), run.right)


def observe(run: Run, rng: np.random.Generator) -> History:
    """The history of a run: the error of its rows, jumps, the names and the rhythm of one generation or another."""
    task = run.task or draw_task(rng)
    every = 2 if len(run.training) >= 20 and "restored" not in run.noted and rng.random() < 0.2 else 1
    accuracy = rng.choice(["accuracy", "acc", ""]) if task.shares else ""
    spread = {"mean_squared_error": 1.4, "mean_absolute_error": 0.75}.get(task.loss, 1.0)
    train_rows = run.train_rows or max(10, run.rows * 4)
    offset = rng.normal() * spread / math.sqrt(run.rows) if run.validation is not None else 0.0
    seen = (run.training + run.better) * (1 + rng.normal(0, run.jump / 3, len(run.training)))
    history = History()
    limits = sharpest(run.validation) if run.validation is not None else None
    for epoch, value in enumerate(seen):
        logs: dict[str, float] = {"loss": value * task.base}
        if accuracy:
            logs[accuracy] = share(value, task, task.majority, 0.0, train_rows)
        if run.validation is not None and limits is not None and epoch % every == every - 1:
            jump = run.jump * rng.normal()
            logs["val_loss"] = run.validation[epoch] * max(0.05, 1 + offset + jump) * task.base
            if accuracy:
                majority = run.shares[int(np.argmax(task.shares or [1]))] if run.shares else task.majority
                logs[f"val_{accuracy}"] = share(limits[epoch] * (1 + jump), task, majority, offset, run.rows)
        history.on_epoch_end(epoch, logs)
    history.noted = note(run, task, train_rows, spread)
    return history


def sharpest(losses: np.ndarray) -> np.ndarray:
    """What the accuracy follows: it suffers less than the loss where a model grows too sure of itself."""
    best = np.minimum.accumulate(losses)
    return best + 0.15 * np.minimum(losses - best, 1)


def share(loss: float, task: Task, majority: float | None, offset: float, rows: int) -> float:
    """The share of right answers that goes with a loss in units of the baseline, as so many rows can show it."""
    usual = task.majority or 0.5
    wrong = (1 - usual) * min(1.0, max(0.0, loss) if math.isfinite(loss) else 1.0) ** 0.9
    if majority is not None and majority < usual - 0.2:
        wrong = 1 - majority - 0.05 if majority < 0.9 else wrong
    wrong += offset * math.sqrt(max(0.0, wrong * (1 - wrong)))
    return float(np.clip(round((1 - wrong) * rows) / rows, 0, 1))


def note(run: Run, task: Task, train_rows: int, spread: float) -> Noted:
    flat = task.shares is not None and len(set(task.shares)) == 1
    rows = {"baseline": task.base, "spread": 0.0 if flat else spread * task.base, "majority": task.majority,
            "shares": task.shares, "scale": task.scale, "mean": None if task.scale is None else 0.0}  # fmt: skip
    validation = None
    if run.validation is not None:
        validation = Rows(count=run.rows, **rows)
        if run.shares is not None and task.shares is not None:
            costs = -np.log(np.clip(task.shares, 1e-7, 1))
            validation.shares, validation.baseline = run.shares, float(np.dot(run.shares, costs))
            validation.majority = run.shares[int(np.argmax(task.shares))]
    kind = "regression" if task.shares is None else "binary" if task.loss.startswith("binary") else "classification"
    facts: dict[str, Any] = {"shift": 0.0, "stretch": 1.0, "leaked": 0.0} if validation is not None else {}
    facts |= {"batch_size": 32, "weights": 5000, "optimizer": "Adam", "learning_rate": 0.001, "ended": "finished"}
    classes = None if task.shares is None else len(task.shares)
    return Noted(
        Rows(count=train_rows, **rows), validation, task=kind, classes=classes, loss=task.loss, **facts | run.noted
    )
