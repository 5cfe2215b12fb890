"""Whether a model learns its training rows by heart: validation gets worse, or falls behind."""

from __future__ import annotations

from lamina.training.finding import Finding, error_of_difference, found, gap_since, sure, unsure
from lamina.training.trends import Evidence

_GAP_OF_ACCURACY = 0.06  # which is large enough to matter


def overfits(e: Evidence) -> Finding | None:
    """Whether validation gets worse while training gets better, or falls far behind it."""
    rises, falls_behind = validation_rises(e), _falls_behind(e)
    if rises is not None and falls_behind is not None and rises.verdict == falls_behind.verdict == "overfitting":
        rises.confidence = 1 - (1 - rises.confidence) * (1 - falls_behind.confidence)  # both say so
    return rises or falls_behind


def validation_rises(e: Evidence) -> Finding | None:
    """Whether validation has got worse since its best epoch, and training has not."""
    validation, train = e.validation, e.train
    turn, last = validation.best, len(e.epochs) - 1
    if e.restored or turn >= last - (validation.width // 2 if last > 3 else 0):
        return None
    rise = validation.end - float(validation.levels.min())
    low = float(validation.values[turn])
    held = e.val_accuracy
    holds = held is not None and held.end >= held.level_at(turn) - e.error_of_share(held.end, e.rows)
    matters = max(0.02 * abs(low), (0.03 if holds else 0.01) * e.unit, 1e-12)  # as right as before: only surer
    error = max(2 * e.error_of_rise(rise), 1e-12)
    clear = rise / max(validation.chance, error, matters, 1e-12)
    if last < 4:  # too few epochs to know the jumps
        clear = rise / max(error, 5 * matters) if turn < last - 1 else 0.0
    likely = rise / max(validation.chance / 2, error, 2.5 * matters) if validation.rises_after(turn) else 0.0
    if max(clear, likely) < (2 if validation.end < train.end else 1):  # below training it may be Dropout, or chance
        return None
    back = train.end - train.level_at(turn)
    if back > max(train.chance, 0.02 * abs(train.level_at(turn)), 1e-12):
        return unsure("both_rise", since=e.epochs[turn], low=low, val=validation.end, train=train.end)
    confidence = sure(max(clear, likely))
    finding = found("overfitting", "rises", confidence, since=e.epochs[turn], low=low, val=validation.end,
                    percent=100 * (validation.end - low) / max(abs(low), 1e-12), train=train.end,
                    gap=validation.end - train.end)  # fmt: skip
    if validation.end < train.end:  # which Dropout may do
        finding.said[0] = ("rises_below", finding.said[0][1])
        finding.confidence = min(confidence, 0.7)
    gained = 0.0 if e.val_accuracy is None else e.val_accuracy.end - e.val_accuracy.level_at(turn)
    if e.val_accuracy is not None and gained > max(
        e.val_accuracy.jump, 1.5 * e.error_of_share(e.val_accuracy.end, e.rows)
    ):
        finding.also("but_accuracy", before=e.val_accuracy.level_at(turn), now=e.val_accuracy.end)
        finding.confidence = min(confidence, 0.7)
        finding.cause = "rises_surer"
    return finding


def _falls_behind(e: Evidence) -> Finding | None:
    """Whether validation is clearly worse than training, and came to be in the course of it."""
    gap, pair = e.val_loss - e.train_loss, e.accuracies
    ratios = []
    if not e.noted.weighted or e.honest:
        by_loss = min(gap / max(2.5 * e.error_of_gap(), 2 * e.validation.jump, 1e-12), gap / max(1e-12, 0.3 * abs(e.val_loss)),
                      gap / (e.unit * (0.12 if pair is None else 0.2)))  # fmt: skip
        ratios.append(by_loss)
    if pair is not None:
        fewer = pair[0] - pair[1]
        ratios.append(min(fewer / _GAP_OF_ACCURACY, fewer / (2.5 * error_of_difference(e, *pair)),
                          fewer / max(1e-9, 2 * (e.val_accuracy.jump if e.val_accuracy is not None else 0.0))))  # fmt: skip
        if gap <= 0 and not e.noted.weighted:
            return None
    ratio = max(ratios, default=0.0)
    ratio = ratio / 1.2 if e.restored else ratio
    if ratio < 1:
        return None
    at_first = float(e.validation.values[0] - e.train.values[0])
    if gap - at_first < gap / 3 and not (
        pair is not None
        and e.accuracy is not None
        and e.val_accuracy is not None
        and e.accuracy.values[0] - e.val_accuracy.values[0] < (pair[0] - pair[1]) / 2
    ):
        return None if e.noted.weighted else unsure("old_gap", train=e.train_loss, val=e.val_loss)  # fmt: skip
    falls = e.validation.fall()[0]
    if not e.restored and falls > max(e.validation.jump, 0.08 * abs(e.val_loss)) and ratio < 2.5:
        return None  # it comes after, if slowly
    lasted = len(e.epochs) - e.epochs.index(gap_since(e))
    if not e.restored and lasted < min(max(3, round(0.25 * len(e.epochs))), len(e.epochs) // 2):
        return None  # so late a gap may be a jump
    return behind(e, sure(ratio))


def is_wide(e: Evidence) -> bool:
    """Whether the gap is wide enough to be overfitting, if only it were no chance."""
    pair, gap = e.accuracies, e.val_loss - e.train_loss
    by_loss = not e.noted.weighted and gap > max(0.3 * abs(e.val_loss), e.unit * (0.12 if pair is None else 0.2))
    return by_loss or (pair is not None and pair[0] - pair[1] > 1.5 * _GAP_OF_ACCURACY)


def behind(e: Evidence, confidence: float) -> Finding:
    """That validation is behind training."""
    figures = {"train": e.train_loss, "val": e.val_loss, "gap": e.val_loss - e.train_loss}
    if e.honest:  # whose figure is that of the end, and says nothing of the epochs before
        return found("overfitting", "behind_now", confidence, **figures)
    return found("overfitting", "behind", confidence, since=gap_since(e), **figures)
