"""How large a difference between training runs chance alone may make."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

# The correlation of two runs' figures on the same rows. Measured of trained models: 0.6 to 0.85 of whether they are right,
# 0.8 to 0.95 of their losses.
_ALIKE = {"share": 0.5, "loss": 0.75, "error": 0.75}
# By how much of itself another seed is assumed to change a loss, or the part of rows that are wrong. Measured: 2 to 17%.
_SEED = 0.05


class Figure(NamedTuple):
    """What is compared: its name, 1 where more of it is better and -1 where less is, and how it varies from row to row."""

    name: str
    sign: int
    kind: Literal["loss", "share", "error"]


class Chance:
    """What chance is judged by in one comparison: seeds where there are any, else validation rows and jumps.

    Arguments:
        seen: for each name its runs, with ``values``, ``jumps``, ``rows`` and ``noted``.
        paired: whether runs of different names belong together place by place.
        tests: how many differences are judged; all of them together are to err in one case of 20.

    Attributes:
        judged_by: ``"seeds"``, ``"pairs"``, ``"rows"`` or ``"jumps"``.
        degrees: degrees of freedom of the spread between seeds; 0 without any.
        rows: how many validation rows there are.
    """

    def __init__(self, seen: list[list[Any]], paired: bool, tests: int) -> None:
        several = [every for every in seen if len(every) > 1]
        self.seen, self.paired = seen, paired
        self.rows = seen[0][0].rows
        self.degrees = len(seen[0]) - 1 if paired else sum(len(every) - 1 for every in several)
        if self.degrees:
            self.judged_by = "pairs" if paired else "seeds"
        else:
            self.judged_by = "rows" if all(every[0].rows for every in seen) else "jumps"
        self.quantile = t_quantile(1 - 0.025 / max(1, tests), self.degrees)

    def noise(self, first: list[Any], every: list[Any], figure: Figure) -> float:
        """The largest difference between the two that chance may make."""
        return self.quantile * self._error(first, every, figure)

    def _error(self, first: list[Any], every: list[Any], figure: Figure) -> float:
        name = figure.name
        if self.paired:
            differences = [a.values[name] - b.values[name] for a, b in zip(first, every, strict=True)]
            return float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
        if self.degrees:
            groups = [[one.values[name] for one in group if one.values[name] is not None] for group in self.seen]
            within = sum(float(np.var(group, ddof=1)) * (len(group) - 1) for group in groups if len(group) > 1)
            return math.sqrt(within / self.degrees * (1 / len(first) + 1 / len(every)))
        one, other = first[0], every[0]
        error = one.jumps[name] ** 2 + other.jumps[name] ** 2
        if one.rows and other.rows:
            a, b = spread_of_rows(figure, one), spread_of_rows(figure, other)
            error += (a * a + b * b - 2 * _ALIKE[figure.kind] * a * b) / min(one.rows, other.rows)
        for run in (one, other):
            value = run.values[name]
            error += (_SEED * (1 - value if figure.kind == "share" else value)) ** 2
        return math.sqrt(error)


def judge(better: float, noise: float) -> Literal["helps", "hurts", "no difference"]:
    """The verdict on a difference."""
    return "no difference" if abs(better) <= noise else "helps" if better > 0 else "hurts"


def spread_of_rows(figure: Figure, one: Any) -> float:
    """The standard deviation from row to row of a figure of which only the mean is known.

    A share p is the mean of rows that are 0 or 1: sqrt(p (1 - p)). A crossentropy L comes mostly from the part q of the
    rows that are wrong, about 1 - exp(-L / 2): L sqrt(1 / q - 1). A squared error varies by sqrt(2) of itself if errors
    are normal, an absolute one by three quarters; more if the baseline's does.
    """
    value, rows, noted = abs(one.values[figure.name]), one.rows, one.noted
    if figure.kind == "share":
        share = min(1.0, (value * rows + 1) / (rows + 2))  # not 0 where all rows of a few are right
        return math.sqrt(share * (1 - share))
    called = (noted.loss or "") if figure.kind == "loss" and noted is not None else figure.name
    if "crossentropy" in called:
        wrong = 1 - math.exp(-value / 2)
        return value * math.sqrt(1 / wrong - 1) if wrong > 0 else 0.0
    of_rows = noted.validation if noted is not None else None
    known = of_rows.spread / of_rows.baseline if of_rows and of_rows.spread and of_rows.baseline else 0.0
    return value * max(0.75 if "absolute" in called or "mae" in called else math.sqrt(2), known)


def jumps(values: list[float], place: int | None) -> float:
    """The standard deviation of a curve's jumps around a place, whatever its trend: from its second differences."""
    if place is None:
        return 0.0
    near = [value for value in values[max(0, place - 6) : place + 7] if math.isfinite(value)]
    bends = [abs(a - 2 * b + c) for a, b, c in zip(near, near[1:], near[2:], strict=False)]
    return 1.4826 * float(np.median(bends)) / math.sqrt(6) if bends else 0.0


def t_quantile(p: float, degrees: int) -> float:
    """The quantile of Student's distribution for p > 0.5; of the normal one for 0 degrees of freedom."""
    z = float(torch.special.ndtri(torch.tensor(p, dtype=torch.float64)))
    if degrees == 1:
        return math.tan(math.pi * (p - 0.5))
    if degrees == 2:
        return (2 * p - 1) * math.sqrt(2 / (1 - (2 * p - 1) ** 2))
    terms = (1, (z**2 + 1) / 4, (5 * z**4 + 16 * z**2 + 3) / 96, (3 * z**6 + 19 * z**4 + 17 * z**2 - 15) / 384)
    return z * sum(term / degrees**power for power, term in enumerate(terms)) if degrees else z
