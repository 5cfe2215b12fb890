"""The names of metrics in logs: spellings that are one, and which way a number gets better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

# Spellings of one metric: Keras 1 and 2.2 logged 'acc' where later ones log 'accuracy'.
SPELLINGS = (
    ("acc", "accuracy"),
    ("mse", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
    ("lr", "learning_rate"),
)
# Parts of names that tell the direction of a metric that does not state it.
BETTER_HIGH = ("acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "sensitivity", "specificity", "dice",
               "cosine_similarity", "true_")  # fmt: skip
BETTER_LOW = ("loss", "error", "mse", "mae", "mape", "msle", "entropy", "divergence", "hinge", "poisson", "logcosh",
              "log_cosh", "perplexity", "false_")  # fmt: skip


def find_name(name: str, known: Iterable[str]) -> str | None:
    """The name in the logs that ``name`` means, in whichever generation's spelling; ``None`` when there is none.

    >>> find_name("val_acc", ["loss", "val_accuracy"])
    'val_accuracy'
    """
    known = list(known)
    if name in known:
        return name
    for spellings in SPELLINGS:
        for old in spellings:
            if name == old or name.endswith(f"_{old}"):
                candidates = [name.removesuffix(old) + new for new in spellings]
                found = next((candidate for candidate in candidates if candidate in known), None)
                if found is not None:
                    return found
    return None


def direction(name: str, metrics: Iterable[Any]) -> str | None:
    """``"min"`` or ``"max"``: which way the metric gets better, as the metric itself or else its name says."""
    base = name.removeprefix("val_")
    metrics = list(_flat(metrics))
    found = find_name(base, [str(metric.name) for metric in metrics])
    for metric in metrics:
        stated = getattr(metric, "_direction", None) if metric.name == found else None
        if stated is not None:
            return "max" if stated == "up" else "min"
    lowered = base.lower()
    if any(part in lowered for part in BETTER_LOW):
        return "min"
    return "max" if any(part in lowered for part in BETTER_HIGH) else None


def _flat(metrics: Iterable[Any]) -> Iterator[Any]:
    """Metrics and, where one holds others, those."""
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        if isinstance(inner, (list, tuple)):
            yield from _flat(inner)
        elif hasattr(metric, "name"):
            yield metric
