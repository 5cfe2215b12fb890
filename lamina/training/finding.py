"""What a rule finds in a run, how sure it is, and the gap between training and validation, which several rules ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.training.trends import Evidence


@dataclass
class Finding:
    """What a rule found.

    Attributes:
        verdict: the verdict; ``cause``: what of its kind, for the advice.
        said: the sentences: keys of ``lamina/language/diagnosis.py``, with their figures.
        confidence: from 0 to 1.
        since: the epoch in which it began, counted from 1.
    """

    verdict: str
    cause: str
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    confidence: float = 0.0
    since: int | None = None

    def also(self, key: str, **figures: Any) -> Finding:
        """One more sentence."""
        self.said.append((key, figures))
        return self


def found(verdict: str, cause: str, confidence: float = 0.0, **figures: Any) -> Finding:
    """A finding whose first sentence is that of its cause."""
    return Finding(verdict, cause, [(cause, figures)], confidence, figures.get("since"))


def unsure(cause: str, **figures: Any) -> Finding:
    """That nothing can be told, and why."""
    return found("can't tell", cause, **figures)


def sure(*ratios: float) -> float:
    """How sure a finding is: by the least of what it compares, as a multiple of what is required.

    >>> [round(sure(ratio), 2) for ratio in (1, 2, 4)]
    [0.55, 0.8, 0.93]
    """
    return 0.55 + 0.4 * (1 - math.exp(1 - max(1.0, min(ratios))))


def gap_of(e: Evidence) -> float:
    """How far validation is behind training, as a multiple of what would be chance or no matter; 1 is a clear gap."""
    ratios = [0.0]
    if not e.noted.weighted or e.honest:
        gap = e.val_loss - e.train_loss
        enough = max(2 * e.error_of_gap(), 2 * e.validation.jump, 0.25 * abs(e.val_loss), 0.04 * e.unit, 1e-12)
        ratios.append(gap / enough)
    pair = e.accuracies
    if pair is not None:
        ratios.append((pair[0] - pair[1]) / max(0.05, 2 * error_of_difference(e, *pair)))
    return max(ratios)


def error_of_difference(e: Evidence, accuracy: float, val_accuracy: float) -> float:
    """The standard error of the difference between the accuracies in training and in validation."""
    return math.hypot(e.error_of_share(accuracy, e.train_rows), e.error_of_share(val_accuracy, e.rows))


def gap_since(e: Evidence) -> int:
    """The first epoch from which on the gap was at least half of what it came to."""
    gaps = e.validation.values - e.train.values
    at_end = e.val_loss - e.at_hand(e.train) if (e.at_hand(e.train)) is not None else gaps[-1]  # pyright: ignore[reportOperatorIssue]
    small = np.flatnonzero(gaps < at_end / 2)
    small = small[small < e.place]
    return e.epochs[int(small[-1]) + 1 if len(small) else 0]
