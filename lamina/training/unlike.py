"""Whether validation is of another kind than training: other labels, other targets, other inputs, other rules."""

from __future__ import annotations

import math

import numpy as np

from lamina.training.finding import Finding, found, gap_of, sure, unsure
from lamina.training.trends import Evidence


def _is_worse(e: Evidence) -> bool:
    """Whether validation looks worse than training, be it by chance: enough where the data differ much."""
    pair = e.accuracies
    by_loss = not e.noted.weighted and e.val_loss > 1.3 * e.train_loss > 0
    return by_loss or (pair is not None and pair[1] < pair[0] - 0.05)


def unlike(e: Evidence) -> Finding | None:
    """Whether the targets or inputs of validation are others than those of training, and it shows."""
    gap = gap_of(e)
    for rule in (_other_shares, _other_targets, _other_inputs, _contrary, _never_as_good):
        finding = rule(e, gap)
        if finding is not None:
            return finding
    return None


def _other_shares(e: Evidence, gap: float) -> Finding | None:
    train, other = e.noted.training, e.noted.validation
    if other is None or not train.shares or not other.shares or len(train.shares) != len(other.shares):
        return None
    p, q = np.asarray(train.shares), np.asarray(other.shares)
    rows, others = train.count or 4 * e.rows, e.rows
    pooled = np.clip((rows * p + others * q) / (rows + others), 1e-9, None)
    many = e.noted.task == "multi-label"
    distance = float(np.abs(p - q).max()) if many else float(np.abs(p - q).sum() / 2)
    terms = (p - q) ** 2 / (pooled * (1 / rows + 1 / others))
    freedom = max(1, len(p) - 1)
    beyond = float((terms.max() if many else terms.sum()) - freedom) / math.sqrt(2 * freedom)
    absent = 0.0 if many else float(q[p == 0].sum())
    if beyond < 4 or not (distance >= 0.4 or absent >= 0.1 or (distance >= 0.15 and gap >= 1)):
        return None
    place = int(np.abs(q - p).argmax())
    strength = max(distance / 0.3, absent / 0.1, gap if distance >= 0.15 else 0.0)
    finding = found("validation unlike training", "shares", sure(strength, beyond / 4), label=place,
                    share=float(p[place]), val_share=float(q[place]))  # fmt: skip
    return finding.also("cut_off", percent=100 * e.noted.split) if e.noted.split else finding


def _other_targets(e: Evidence, gap: float) -> Finding | None:
    train, other = e.noted.training, e.noted.validation
    if other is None or not (gap >= 1 or _is_worse(e)) or e.noted.task != "regression":
        return None
    numbers = train.mean, train.scale, other.mean, other.scale
    if any(number is None for number in numbers) or not train.scale or e.rows < 20:
        return None
    mean, scale, val_mean, val_scale = (float(number or 0) for number in numbers)
    distance = abs(val_mean - mean) / max(scale, val_scale)
    chance = math.sqrt(1 / e.rows + 1 / (train.count or 4 * e.rows))
    ratio = max(val_scale, 1e-12) / scale
    wider = abs(math.log(ratio)) / math.log(2)
    much = max(distance / 0.5, wider)
    if much < 1 or (wider < 1 and distance < 4 * chance) or (gap < 1 and much < 2):
        return None
    finding = found("validation unlike training", "targets", sure(max(gap, much / 2), much), mean=mean, scale=scale,
                    val_mean=val_mean, val_scale=val_scale)  # fmt: skip
    return finding.also("cut_off", percent=100 * e.noted.split) if e.noted.split else finding


def _other_inputs(e: Evidence, gap: float) -> Finding | None:
    shift, stretch = e.noted.shift or 0.0, e.noted.stretch or 1.0
    wider = abs(math.log(stretch)) / math.log(1.8) if stretch > 0 else math.inf
    if e.rows < 20 or not (gap >= 1 or (_is_worse(e) and (wider >= 2 or shift >= 1.3))):
        return None
    if wider >= 1:
        return found("validation unlike training", "stretched", sure(max(gap, wider / 2), 1.5 * wider), stretch=stretch) \
            .also("losses", train=e.train_loss, val=e.val_loss)  # fmt: skip
    if shift >= 0.9:
        confidence = min(0.85, sure(max(gap, shift / 1.3), shift / 0.6))
        finding = found("validation unlike training", "shifted", confidence, shift=shift)
        finding.also("losses", train=e.train_loss, val=e.val_loss)
        return finding.also("cut_off", percent=100 * e.noted.split) if e.noted.split else finding
    return None


def _contrary(e: Evidence, gap: float) -> Finding | None:
    """What knows nothing of the targets is right by chance; what is right less often answers another question."""
    pair, train, other = e.accuracies, e.noted.training, e.noted.validation
    if pair is None or other is None or not train.shares or not other.shares or e.noted.task == "multi-label":
        return None
    chance = float(np.dot(train.shares, other.shares))
    below = chance - pair[1]
    enough = max(4 * e.error_of_share(chance, e.rows), 0.3 * chance)
    if gap < 1 or below < enough or pair[0] < chance + 0.1:
        return None
    return found("validation unlike training", "contrary", sure(1.2 * below / enough), accuracy=pair[0],
                 val_accuracy=pair[1], chance=chance)  # fmt: skip


def _never_as_good(e: Evidence, gap: float) -> Finding | None:
    """The training loss of the first epoch is a mean over rows that the model had not been trained with yet: validation rows
    of the same kind do as well, once."""
    noted, first = e.noted, float(e.train.values[0])
    lowest = float(e.validation.levels.min())
    above = lowest - first
    enough = max(2.5 * e.error_of_loss(), 0.45 * abs(lowest), 0.05 * e.unit)
    improved = float(e.validation.values[0]) - lowest > 0.2 * abs(float(e.validation.values[0]))
    if gap < 1 or above < enough or improved or e.epochs[0] != 1 or noted.steps_before or noted.weighted:
        return None
    known = noted.training.count is not None
    return found("validation unlike training", "never_as_good", min(0.85 if known else 0.6, sure(above / enough)),
                 train=first, val=float(e.validation.values.min()))  # fmt: skip


def _steps(e: Evidence) -> float:
    rows, size = e.noted.training.count, e.noted.batch_size
    return e.epochs[-1] * (rows / size if rows and size else 100.0)


def averages_lag(e: Evidence) -> Finding | None:
    """Whether BatchNormalization validates with moving averages that have not come to where the data are."""
    momentum, steps = e.noted.momentum, _steps(e)
    if momentum is None or e.honest or steps * (1 - momentum) > 5 or gap_of(e) < 1:
        return None
    return unsure("averages", train=e.train_loss, val=e.val_loss, steps=int(steps), momentum=momentum)
