"""Whether the inputs of validation are like those of training: their means, their spread, and whether rows are in both.

Everything is taken from a sample of a bounded size, with random numbers of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_ROWS, _COLUMNS, _ELEMENTS = 500, 1000, 100_000  # of the inputs that are looked at
_TARGETS = 50_000  # numbers of the targets that are looked at
_SEARCHED, _SOUGHT = 4_000, 2_000  # training rows among which validation rows are sought, and how many of these


def count_of(leaf: Any) -> int:
    """How many rows an array or tensor has."""
    return int(leaf.shape[0])


def numbers(leaf: Any) -> bool:
    """Whether something is an array or a tensor of real numbers, with rows."""
    if isinstance(leaf, torch.Tensor):
        return leaf.dim() > 0 and not leaf.is_complex() and leaf.layout is torch.strided and leaf.numel() > 0
    return isinstance(leaf, np.ndarray) and leaf.ndim > 0 and leaf.dtype.kind in "biuf" and leaf.size > 0


def taken(leaf: Any, *index: np.ndarray) -> np.ndarray:
    """Rows of an array or of a tensor, or places in them, as an array."""
    if isinstance(leaf, torch.Tensor):
        rows = leaf.detach()[tuple(torch.from_numpy(part).to(leaf.device) for part in index)].cpu()
        return (rows.float() if rows.dtype is torch.bfloat16 else rows).numpy()
    return np.asarray(leaf[index])


def sampled_rows(leaf: Any, elements: int = _TARGETS) -> np.ndarray:
    """Which rows to look at: all, or as many random ones as hold so many numbers."""
    count = count_of(leaf)
    wide = max(1, int(np.prod(leaf.shape[1:])))
    return _some_rows(count, max(100, elements // wide))


def _some_rows(count: int, most: int) -> np.ndarray:
    """All rows, or ``most`` of them: a random one of each stretch, so that they are in order and different."""
    if count <= most:
        return np.arange(count)
    return ((np.arange(most) + np.random.default_rng(0).random(most)) * (count / most)).astype(np.int64)


def shift_and_stretch(training: Any, validation: Any) -> tuple[float, float] | None:
    """How far apart the means of two samples' inputs are, and how much wider the second spreads.

    Returns:
        The largest distance of an input's means in standard deviations of both together, 0 where chance would make it;
        and the spread of validation as a multiple of training's. ``None`` where there is nothing to compare.
    """
    if tuple(training.shape[1:]) != tuple(validation.shape[1:]):
        return None
    wide = int(np.prod(training.shape[1:]))
    columns = np.random.default_rng(0).permutation(wide)[:_COLUMNS] if wide > _COLUMNS else slice(None)
    rows = max(30, min(_ROWS, _ELEMENTS // max(1, wide)))
    a, b = (taken(leaf, sampled_rows(leaf, rows * wide)).reshape(-1, wide)[:, columns].astype(np.float64)
            for leaf in (training, validation))  # fmt: skip
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    difference, spread = b.mean(0) - a.mean(0), np.sqrt((a.var(0) + b.var(0)) / 2)
    # Taken together the spread has the difference in it: an input that is constant in each of them counts, too.
    whole = np.sqrt(spread**2 + difference**2 / 4)
    varies = whole > 1e-9
    if not varies.any():
        return 0.0, 1.0
    by_chance = (np.sqrt(2 * np.log(1 + varies.sum())) + 3) * np.sqrt(1 / len(a) + 1 / len(b))
    distance = np.abs(difference[varies]) / whole[varies]
    clear = distance[distance > by_chance]
    spreads = a.std(0), b.std(0)
    kept = spreads[0] > 1e-9
    wider = np.median(spreads[1][kept] / spreads[0][kept]) if kept.any() else 1.0  # no single input's outliers
    return float(clear.max(initial=0.0)), float(wider)


def leaked_part(training: Any, validation: Any) -> float | None:
    """The part of the validation rows that are training rows as well, judged by a few hundred of them; ``None`` where rows
    can't be told apart, there being few kinds of them."""
    if tuple(training.shape[1:]) != tuple(validation.shape[1:]):
        return None
    wide = int(np.prod(training.shape[1:]))
    # Rows are compared by one number of theirs: a random mixture of the few columns that vary the most.
    some = taken(validation, _some_rows(count_of(validation), max(30, min(_ROWS, _ELEMENTS // max(1, wide)))))
    columns = np.argsort(some.reshape(len(some), -1).astype(np.float64).std(0))[::-1][:4].copy()
    places = np.unravel_index(columns, tuple(training.shape[1:])) if training.ndim > 1 else ()
    mixture = np.random.default_rng(0).normal(size=len(columns))

    def mixed(leaf: Any, chosen: np.ndarray) -> np.ndarray:
        return (taken(leaf, chosen[:, None], *places).astype(np.float64) * mixture).sum(1)

    sought, count = _some_rows(count_of(validation), _SOUGHT), count_of(training)
    rows = _some_rows(count, _SEARCHED)
    wanted, numbers_of = mixed(validation, sought), mixed(training, rows)
    if len(np.unique(wanted)) < 0.9 * len(wanted):
        return None
    order = np.argsort(wanted)
    place = order[np.minimum(np.searchsorted(wanted[order], numbers_of), len(order) - 1)]
    alike = np.flatnonzero(wanted[place] == numbers_of)[:_ROWS]
    if not len(alike):
        return 0.0
    same = (taken(training, rows[alike]) == taken(validation, sought[place[alike]])).reshape(len(alike), -1).all(1)
    part = len(np.unique(place[alike[same]])) / len(sought)
    return min(1.0, part * count / len(rows))
