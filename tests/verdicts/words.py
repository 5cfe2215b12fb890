"""Whether the words of a diagnosis are true to its figures: the same in both languages, none that contradicts another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

NUMBER = re.compile(r"(?<![\w.,])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?%?(?![\w])", re.IGNORECASE)
CHANGE = re.compile(r"(?<![\d.,eE])([+-][\d.,]*\d)%")
GAP = re.compile(r"\bgap\b[^\d]{0,25}([\d.,]*\d(?:e[-+]?\d+)?)")


def faults(history: Any) -> list[str]:
    """What is wrong with the words of a history's diagnosis, in a sentence each."""
    english, chinese = history.diagnose(language="en"), history.diagnose(language="zh")
    found = [
        f"{language}: {fault}" for language, one in (("en", english), ("zh", chinese)) for fault in _of_text(str(one))
    ]
    if english.verdict != chinese.verdict:
        found.append(f"the verdicts differ: {english.verdict}, {chinese.verdict}")
    figures = [sorted(_numbers(one.reason)) for one in (english, chinese)]
    if figures[0] != figures[1]:
        found.append(f"the figures of the languages differ: {figures[0]} and {figures[1]}")
    if re.search("[\\u4e00-\\u9fff]", str(english)):
        found.append("Chinese in English")
    if not re.search("[\\u4e00-\\u9fff]", chinese.reason) or not re.search("[\\u4e00-\\u9fff]", chinese.heading):
        found.append("no Chinese in Chinese")
    return found + list(_of_figures(english, history))


def _of_text(text: str) -> Iterator[str]:
    if re.search(r"[{}]|\bNone\b|\bnan\b", text):
        yield f"a figure is missing: {text}"
    if re.search(r"  |\.\.|,,|。。|，，|\s[.,;](?!\d)| \(\)", text.replace("...", "")):
        yield f"a sentence is ill put together: {text}"


def _numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def _of_figures(one: Any, history: Any) -> Iterator[str]:
    text = one.reason
    values = [float(number) for number in _numbers(text) if not number.endswith("%")]
    for percent in CHANGE.findall(text):
        if not any(_grows(low, high, float(percent.replace(",", ""))) for low in values for high in values):
            yield f"no two of the figures differ by {percent}%: {text}"
    for gap in (float(found.replace(",", "")) for found in GAP.findall(text)):
        others = list(values)
        if gap in others:
            others.remove(gap)  # its own place in the sentence
        if not any(abs(high - low - gap) <= 0.02 * max(high, gap) for low in others for high in others):
            yield f"no two of the figures are {gap} apart: {text}"
    for epoch in re.findall(r"since epoch (\d+)", text):
        if one.since_epoch is not None and int(epoch) != one.since_epoch:
            yield f"since epoch {epoch}, and since_epoch is {one.since_epoch}"
    epochs = [int(epoch) for epoch in re.findall(r"epoch (\d+)", text)]
    if epochs and max(epochs) > len(history.epoch):
        yield f"epoch {max(epochs)} of {len(history.epoch)}"
    losses = [value for value in history.history.get("val_loss", []) if math.isfinite(value)]
    penalties = history.noted.penalties if history.noted is not None else []  # which the lowest loss may be without
    if one.best_epoch is not None and losses and not penalties:
        best = history.history["val_loss"][history.epochs("val_loss").index(one.best_epoch)]
        restored = history.noted.restored if history.noted is not None else None
        if best > min(losses) + 1e-9 * abs(best) and one.best_epoch != restored:
            yield f"best_epoch is {one.best_epoch}, where validation is {best} and {min(losses)} elsewhere"
    known = list(_known(one.figures))
    for number in _numbers(text):
        if not any(_is(number, figure) for figure in known):
            yield f"the figure {number} of the sentence is none of the diagnosis: {text}"


def _grows(low: float, high: float, percent: float) -> bool:
    """Whether the change is that many percent, for figures that are rounded to three digits."""
    return low != 0 and abs((high / low - 1) * 100 - percent) <= 0.2 + 1.1 * abs(high / low)


def _known(figures: Any) -> Iterator[float]:
    """The numbers in the figures, whatever holds them."""
    if isinstance(figures, dict):
        figures = list(figures.values())
    if isinstance(figures, (list, tuple)):
        for each in figures:
            yield from _known(each)
    elif isinstance(figures, (int, float)) and not isinstance(figures, bool):
        yield float(figures)


def _is(number: str, figure: float) -> bool:
    """Whether a number of the text is the figure, rounded as it is written; or the figure in percent."""
    if not math.isfinite(figure):
        return False
    digits = number.rstrip("%").lstrip("+-")
    value, power = abs(float(digits)), 0
    if "e" in digits.lower():
        digits, exponent = re.split("e", digits, flags=re.IGNORECASE)
        power = int(exponent)
    step = 10.0 ** (power - len(digits.partition(".")[2]))
    whole = "." not in digits and "e" not in number.lower()
    significant = len(digits.strip("0").replace(".", "")) if whole else 0
    if whole and value >= 1000 and significant <= 4:  # 12300 may be 12341 to three figures
        step = 10.0 ** (len(digits) - max(3, significant))
    candidates = [abs(figure)] + ([abs(figure) * 100, abs(figure - 1) * 100] if number.endswith("%") else [])
    return any(abs(value - candidate) <= 0.51 * step + 1e-9 * candidate for candidate in candidates)
