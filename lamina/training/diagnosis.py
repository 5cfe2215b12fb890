"""What a training run comes to, in words: a verdict, the figures it is derived from, and what to try.

``trends.py`` has the figures, ``verdicts.py`` the rules, ``advice.py`` what to try, ``lamina/language/diagnosis.py`` the words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina import config
from lamina.display import Prose
from lamina.language import say
from lamina.training.advice import advise
from lamina.training.finding import Finding, found, unsure
from lamina.training.guessing import best_answer
from lamina.training.noted import Noted
from lamina.training.trends import Evidence, finite_epochs, gather
from lamina.training.verdicts import judge

CONFIDENT = 0.8
_SHARES = ("accuracy", "val_accuracy", "majority", "before", "now", "chance")
_PLAIN = ("share", "val_share")  # whose sentences say how they are written


@dataclass(repr=False)
class Diagnosis(Prose):
    """A verdict on a training run. ``print(diagnosis)`` shows it in words.

    Attributes:
        verdict: ``"overfitting"``, ``"underfitting"``, ``"good fit"``, ``"not finished"`` (both losses still fall),
            ``"diverged"``, ``"no better than guessing"``, ``"validation unlike training"`` or ``"can't tell"``.
        reason: why, in sentences with the figures.
        advice: what to try, the likeliest first.
        since_epoch: where overfitting or divergence begins, counted from 1 as the progress bar counts; else ``None``.
        best_epoch: the epoch of the lowest validation loss, counted from 1.
        gap: by how much the validation loss is above the training loss, for the model in hand.
        confidence: from 0 to 1; ``"can't tell"`` has 0.
        figures: the figures that the reason names, and a few more, by name.
    """

    verdict: str
    reason: str
    advice: list[str] = field(default_factory=list)
    since_epoch: int | None = None
    best_epoch: int | None = None
    gap: float | None = None
    heading: str = ""
    advice_heading: str = ""
    confidence: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def confident(self) -> bool:
        """Whether the verdict can be relied on; one that can't says "probably"."""
        return self.confidence >= CONFIDENT

    def __str__(self) -> str:
        lines = [f"{self.heading}{self.reason}"]
        if self.advice:
            lines += [self.advice_heading, *(f"- {line}" for line in self.advice)]
        return "\n".join(lines)


def diagnose(
    history: Mapping[str, Sequence[Any]],
    epochs: Mapping[str, Sequence[int]],
    language: str | None = None,
    noted: Noted | None = None,
    honest: Mapping[str, float] | None = None,
    honest_rows: int | None = None,
) -> Diagnosis:
    """The verdict on the curves ``loss`` and ``val_loss``, with the accuracy where it was measured.

    Arguments:
        history: name -> numbers.
        epochs: name -> the epochs that they belong to, counted from 1.
        language: ``"en"`` or ``"zh"``; by default the one in force.
        noted: what ``fit`` noted of the run.
        honest, honest_rows: what ``evaluate`` found on so many training rows, by name.
    """
    language = language or config.language()
    if language not in config.LANGUAGES:
        raise ValueError(f"diagnose() speaks {', '.join(map(repr, config.LANGUAGES))}, and got language={language!r}.")
    evidence, finding = _look(history, epochs, noted, honest, honest_rows)
    if evidence is not None and finding.verdict != "can't tell":
        _put_beside(evidence, finding)
    figures = {name: value for _, of_sentence in finding.said for name, value in of_sentence.items()}
    diagnosis = Diagnosis(
        finding.verdict,
        "".join(_say(f"why.{key}", language, of_sentence) for key, of_sentence in finding.said),
        [_say(f"try.{key}", language, of_advice) for key, of_advice in advise(evidence, finding)],
        finding.since,
        heading=say(f"diagnosis.verdict.{_heading(finding)}", language),
        advice_heading=say("diagnosis.verdict.advice", language),
        confidence=finding.confidence,
        figures=figures,
    )
    if evidence is not None and evidence.epochs:
        diagnosis.best_epoch = evidence.epochs[evidence.validation.best]
        diagnosis.gap = evidence.val_loss - evidence.train_loss
    return diagnosis


def _look(
    history: Mapping[str, Sequence[Any]],
    epochs: Mapping[str, Sequence[int]],
    noted: Noted | None,
    honest: Mapping[str, float] | None,
    honest_rows: int | None,
) -> tuple[Evidence | None, Finding]:
    """The evidence, where there are curves, and the verdict on it."""
    if not history.get("loss"):
        return None, unsure("empty")
    finite = finite_epochs(history["loss"], epochs["loss"])
    if not finite or finite[-1] != epochs["loss"][-1]:
        since = next(epoch for epoch in epochs["loss"] if not finite or epoch > finite[-1])
        finding = found("diverged", "not_finite", 0.95, since=since)
        restored = noted.restored if noted is not None else None
        return None, finding.also("restored_before", epoch=restored) if restored in finite else finding
    if not history.get("val_loss"):
        return _without_validation(history, epochs, noted)
    evidence = gather(history, epochs, noted, honest, honest_rows)
    measured = finite_epochs(history["val_loss"], epochs["val_loss"])
    if not evidence.epochs or measured[-1] != epochs["val_loss"][-1]:
        since = next(epoch for epoch in epochs["val_loss"] if not measured or epoch > measured[-1])
        return None, unsure("val_not_finite", since=since,
                            train=dict(zip(epochs["loss"], history["loss"], strict=False)).get(since, math.nan))  # fmt: skip
    return evidence, judge(evidence)


def _without_validation(
    history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]], noted: Noted | None
) -> tuple[Evidence | None, Finding]:
    """Without validation only what training shows can be said: that it broke down, or learnt nothing."""
    names = {"loss": "val_loss"} | {name: f"val_{name}" for name in history if f"val_{name}" not in history}
    alone = dict(history) | {names[name]: history[name] for name in names}
    alone_epochs = dict(epochs) | {names[name]: epochs[name] for name in names}
    if noted is not None:
        noted = Noted(**{**vars(noted), "validation": noted.training})
    finding = judge(gather(alone, alone_epochs, noted))
    if finding.verdict == "diverged":
        return None, finding
    cause, figures = finding.said[0]
    if finding.verdict == "no better than guessing" and cause == "guessing":
        told = found(
            finding.verdict, "guessing_training", finding.confidence, train=figures["val"], baseline=figures["baseline"]
        )
        return None, told
    return None, unsure("no_validation")


def _heading(finding: Finding) -> str:
    key = "leaked" if finding.cause == "leaked" else finding.verdict
    sure = finding.confidence >= CONFIDENT or finding.verdict == "can't tell"
    return key if sure else f"likely {key}"


def _put_beside(e: Evidence, finding: Finding) -> None:
    """The figures that belong beside the reason: the accuracy, what a constant answer costs, whose weights these are."""
    pair, rows, verdict = e.accuracies, e.baseline, finding.verdict
    named = {name for _, figures in finding.said for name in figures}
    if verdict in ("good fit", "underfitting") and rows is not None and rows.baseline is not None:
        finding.also("constant", baseline=rows.baseline)
    if pair is not None and "val_accuracy" not in named and finding.cause != "leaked":
        figures: dict[str, Any] = {"accuracy": pair[0], "val_accuracy": pair[1]}
        beside = rows is not None and rows.majority is not None and verdict in ("good fit", "underfitting")
        if beside and rows is not None:
            finding.also("accuracies_beside", **figures, majority=best_answer(rows, e.noted.task))
        else:
            finding.also("accuracies", **figures)
    if e.restored is not None:
        _tell_of_restoring(e, finding)
    better = e.train_loss - e.val_loss > max(e.error_of_gap(), 0.05 * abs(e.val_loss))
    if verdict in ("good fit", "not finished") and e.noted.weighted:
        finding.also("weighted")
    elif verdict in ("good fit", "not finished") and better and not e.honest:
        disturbed = bool(e.noted.dropout) or e.noted.noisy
        finding.also("better_dropout" if disturbed else "better_mean", train=e.train_loss, val=e.val_loss)
    if e.penalty:
        finding.also("penalties", penalty=e.penalty)
    if e.honest and verdict != "diverged":
        finding.also("honest", rows=e.honest_rows)


def _tell_of_restoring(e: Evidence, finding: Finding) -> None:
    later = len(e.epochs) - 1 - e.place
    low = float(e.validation.values[e.place])
    if (
        finding.verdict in ("good fit", "underfitting", "overfitting")
        and e.validation.end > 1.02 * low + e.validation.jump
    ):
        finding.also("restored_worse", epoch=e.restored, later=e.validation.end)
    elif finding.verdict in ("good fit", "underfitting", "overfitting"):
        finding.also("restored", epoch=e.restored, count=later)
    else:
        finding.also("restored_before", epoch=e.restored)


def _say(key: str, language: str, figures: Mapping[str, Any]) -> str:
    shown = {name: value if name in _PLAIN else _figure(name, value) for name, value in figures.items()}
    return say(f"diagnosis.{key}", language, **shown)


def _figure(name: str, value: Any) -> Any:
    """A figure as it is read: three digits that count, an accuracy with three places."""
    if not isinstance(value, float):
        return value
    if name in _SHARES:
        return f"{value:.3f}"
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    if digits > 8:
        return f"{value:.2e}"
    text = f"{round(value, digits):.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
