"""How often ``history.diagnose()`` is right, on drawn curves and on real fits; and whether its words are."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest

from lamina.callbacks import History
from verdicts.__main__ import Answer, of_drawn, of_fits
from verdicts.drawn import KINDS
from verdicts.fits import FITS
from verdicts.words import faults

SEEDS = range(8)  # of drawn curves; each kind once for each


@pytest.fixture(scope="module")
def drawn() -> list[Answer]:
    return list(of_drawn(SEEDS))


@pytest.fixture(scope="module")
def fitted() -> list[Answer]:
    return [next(of_fits(seed % 4, (make,))) for seed, make in enumerate(FITS)]


def rate(answers: list[Answer]) -> float:
    return sum(answer.is_right for answer in answers) / len(answers)


def wrong(answers: list[Answer]) -> Iterator[str]:
    return (str(answer) for answer in answers if not answer.is_right)


def test_verdicts_on_drawn_curves(drawn: list[Answer]):
    assert len(drawn) == len(KINDS) * len(SEEDS) >= 200
    assert rate(drawn) >= 0.95, "\n".join(wrong(drawn))
    assert not [str(answer) for answer in drawn if answer.confident and not answer.is_right]


@pytest.mark.filterwarnings("ignore")  # that a loss is NaN, outputs of one class, ...
def test_verdicts_on_real_fits(fitted: list[Answer]):
    assert len(fitted) == len(FITS) >= 36
    assert rate(fitted) >= 0.95, "\n".join(wrong(fitted))
    assert not [str(answer) for answer in fitted if answer.confident and not answer.is_right]


@pytest.mark.filterwarnings("ignore")
def test_words_are_true_to_the_figures(drawn: list[Answer], fitted: list[Answer]):
    assert [f"{answer.about}: {fault}" for answer in drawn + fitted for fault in answer.words] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_kind_is_always_mistaken(kind, drawn: list[Answer]):
    """A verdict that is right in most kinds and never in one would still reach the rate."""
    assert rate([answer for answer in drawn if answer.about.split()[0] == kind.__name__]) >= 0.5


def test_every_verdict_is_met(drawn: list[Answer]):
    assert len({answer.said for answer in drawn}) == 8


# ---- the examiner is examined ----------------------------------------------------------------------------------------


class Said:
    """A diagnosis as it may be, to try the checker of words with."""

    def __init__(self, reason: str, chinese: str, **figures: float) -> None:
        self.reasons, self.figures = {"en": reason, "zh": chinese}, figures
        self.reason = reason
        self.history, self.epoch, self.noted = {"val_loss": [0.5, 0.4]}, [0, 1], None
        self.verdict, self.heading, self.since_epoch, self.best_epoch = (
            "overfitting",
            "过拟合：",
            figures.get("since"),
            None,
        )

    def diagnose(self, language: str) -> "Said":
        one = copy.copy(self)
        one.reason = self.reasons[language]
        return one

    def __str__(self) -> str:
        return self.reason


@pytest.mark.parametrize(("reason", "chinese", "figures", "fault"), [
    ("rose from 0.4 to 0.5 (+25%).", "从 0.4 升到 0.5（+25%）。", {"a": 0.4, "b": 0.5, "c": 25}, ""),
    ("rose from 0.4 to 0.5 (+45%).", "从 0.4 升到 0.5（+45%）。", {"a": 0.4, "b": 0.5, "c": 45}, "no two of the figures"),
    ("0.4 and 0.5; the gap is 0.1.", "0.4、0.5；差距 0.1。", {"a": 0.4, "b": 0.5, "c": 0.1}, ""),
    ("0.4 and 0.5; the gap is 0.2.", "0.4、0.5；差距 0.2。", {"a": 0.4, "b": 0.5, "c": 0.2}, "are 0.2 apart"),
    ("at 0.41.", "在 0.41。", {"a": 0.4}, "0.41 of the sentence is none"),
    ("at 41%.", "在 41%。", {"a": 0.4139}, ""),
    ("at 12,300.", "在 12,300。", {"a": 12341.0}, ""),
    ("at 12,300.", "在 12,300。", {"a": 13341.0}, "is none of"),
    ("at 1.2e-07.", "在 1.2e-07。", {"a": 1.23e-7}, ""),
    ("at 0.4.", "在 0.5。", {"a": 0.4, "b": 0.5}, "languages differ"),
    ("since epoch 2 it rose.", "从第 2 轮起。", {"since": 1, "a": 2}, "since_epoch is 1"),
    ("in epoch 3.", "在第 3 轮。", {"a": 3}, "epoch 3 of 2"),
    ("at nan.", "在 nan。", {}, "a figure is missing"),
    ("at {val}.", "在这。", {}, "a figure is missing"),
    ("it rose .", "升。", {}, "ill put together"),
])  # fmt: skip
def test_the_checker_of_words(reason, chinese, figures, fault):
    found = "; ".join(faults(Said(reason, chinese, **figures)))
    assert not found if not fault else fault in found


def test_curves_put_together_by_hand_are_judged_without_what_fit_notes():
    history = History()
    epochs = np.arange(20)
    history.history = {"loss": list(np.exp(-epochs / 4.0)), "val_loss": list(np.exp(-epochs / 4.0) + epochs / 20.0)}
    assert history.diagnose().verdict == "overfitting"
    history.history["val_loss"][3:] = [float("nan")] * 17
    history.history["loss"][3:] = [float("nan")] * 17
    assert history.diagnose().verdict == "diverged"
