"""What to try: by the verdict and its cause, by the model as it is, by the data and by the task; the likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lamina.training.finding import Finding
from lamina.training.trends import Evidence

Advice = tuple[str, dict[str, Any]]  # a key of lamina/language/diagnosis.py, and its figures

MOST = 5
_MANY_WEIGHTS = 10  # a training row, from which on the model's size is said
_FEW_ROWS = 2000
_UNEQUAL = 0.8  # the share of the largest class from which on an accuracy says little


def advise(e: Evidence | None, finding: Finding) -> list[Advice]:
    """What to try, at most ``MOST`` things. Without evidence, a run without curves, what its cause is enough for."""
    if e is None or not e.epochs:
        return [(key, {}) for key in _BY_CAUSE.get(finding.cause, ())]
    rules = _BY_VERDICT.get(finding.verdict)
    found = list(rules(e, finding)) if rules is not None else []
    found += [(key, {}) for key in _BY_CAUSE.get(finding.cause, ())]
    return list({key: (key, figures) for key, figures in reversed(found)}.values())[::-1][:MOST]


def _overfitting(e: Evidence, finding: Finding) -> Iterator[Advice]:
    noted = e.noted
    if noted.ended != "early stopping" and not e.restored:
        yield "stop_early", {"patience": max(2, round(0.1 * len(e.epochs)))}
    elif noted.ended == "early stopping" and not e.restored:
        yield "restore_best", {}
    rows = noted.training.count
    if noted.weights and rows and noted.weights > _MANY_WEIGHTS * rows:
        yield "smaller_than", {"weights": noted.weights, "rows": rows, "each": noted.weights / rows}
    if rows and rows < _FEW_ROWS:
        yield "more_data_than", {"rows": rows}
    else:
        yield "more_data", {}
    yield from _dropout(e)
    if not noted.penalized:
        yield "regularize", {}
    elif e.penalty:
        yield "regularize_more", {"penalty": e.penalty}
    if not (noted.weights and rows and noted.weights > _MANY_WEIGHTS * rows):
        yield "smaller", {}
    if finding.cause.startswith("by_heart"):
        yield "check_labels", {}


def _dropout(e: Evidence) -> Iterator[Advice]:
    rate = max(e.noted.dropout, default=0.0)
    if not rate:
        yield "dropout", {}
    elif rate < 0.5:
        yield "more_dropout", {"rate": rate}


def _underfitting(e: Evidence, finding: Finding) -> Iterator[Advice]:
    noted = e.noted
    rate = max(noted.dropout, default=0.0)
    if rate >= 0.6 or finding.cause == "hindered":
        yield "less_dropout", {"rate": rate}
    if e.penalty > 0.3 * abs(e.train_loss):
        yield "less_penalty", {"penalty": e.penalty, "train": e.train_loss}
    yield from _scale(e)
    if noted.weights is not None:
        yield "larger_than", {"weights": noted.weights}
    else:
        yield "larger", {}
    yield from _rate(e)
    if rate and rate < 0.6:
        yield "less_regularization", {}
    yield "better_inputs", {}


def _not_finished(e: Evidence, finding: Finding) -> Iterator[Advice]:
    yield "longer", {"epochs": _round_up(2 * e.epochs[-1])}
    rate = max(e.noted.dropout, default=0.0)
    if rate >= 0.7:
        yield "less_dropout", {"rate": rate}
    yield from _rate(e)
    yield "stop_when_best", {}


def _rate(e: Evidence) -> Iterator[Advice]:
    """Another learning rate: in which direction, an unusual one says."""
    rate = e.noted.learning_rate
    if rate is None:
        yield "other_rates", {}
    else:
        usual = 0.1 if e.noted.optimizer == "SGD" else 0.01
        yield "higher_rate_than" if rate < 1e-4 else "lower_rate_now" if rate > usual else "other_rate", {"rate": rate}


def _round_up(epochs: int) -> int:
    return epochs if epochs < 10 else 10 * -(-epochs // 10)


def _diverged(e: Evidence, finding: Finding) -> Iterator[Advice]:
    if e.noted.learning_rate is not None:
        yield "lower_rate_than", {"rate": e.noted.learning_rate, "lower": e.noted.learning_rate / 10}
    else:
        yield "lower_rate", {}
    yield from _scale(e)
    yield "clip", {}
    yield "check_nan", {}


def _scale(e: Evidence) -> Iterator[Advice]:
    rows = e.noted.training
    if e.noted.task == "regression" and rows.mean is not None and rows.scale is not None \
            and (rows.scale > 10 or abs(rows.mean) > 10 * max(rows.scale, 0.1)):  # fmt: skip
        yield "scale_targets", {"mean": rows.mean, "scale": rows.scale}


def _guessing(e: Evidence, finding: Finding) -> Iterator[Advice]:
    noted = e.noted
    rate = max(noted.dropout, default=0.0)
    yield from _scale(e)
    if rate >= 0.7:
        yield "less_dropout", {"rate": rate}
    share = max(noted.training.shares or [0.0])
    if share > _UNEQUAL and noted.task in ("binary", "classification"):
        yield "unequal", {"share": share}
    if finding.cause == "guessing_falls":
        yield "longer", {"epochs": _round_up(2 * e.epochs[-1])}
    yield from _rate(e)
    yield "scale_inputs", {}
    yield "check_pairs", {}
    if noted.task == "regression":
        yield "measure_errors", {}


def _unlike(e: Evidence, finding: Finding) -> Iterator[Advice]:
    if finding.cause == "leaked":
        yield "new_rows", {}
        return
    if e.noted.split:
        yield "shuffle_split", {}
    if finding.cause == "stretched":
        yield "scale_alike", {}
    if finding.cause == "shares":
        yield "stratify", {}
    yield "same_source", {}
    if finding.cause in ("targets", "shifted"):
        yield "more_kinds", {}


def _good(e: Evidence, finding: Finding) -> Iterator[Advice]:
    if finding.cause == "fits_so_far":
        yield "larger_to_see", {}
    yield "test_set", {}


def _unsure(e: Evidence, finding: Finding) -> Iterator[Advice]:
    if finding.cause.startswith(("few_rows", "gap_by_chance")):
        yield "more_rows", {}
        if e.noted.training.count and e.noted.training.count < _FEW_ROWS:
            yield "cross_validate", {}
    elif finding.cause in ("too_few", "one_guess"):
        yield "longer", {"epochs": max(5, _round_up(2 * e.epochs[-1]))}
    elif finding.cause == "flat":
        yield "measure_errors" if e.noted.task == "regression" else "measure", {}


_BY_VERDICT: dict[str, Callable[[Evidence, Finding], Iterator[Advice]]] = {
    "overfitting": _overfitting,
    "underfitting": _underfitting,
    "not finished": _not_finished,
    "diverged": _diverged,
    "no better than guessing": _guessing,
    "validation unlike training": _unlike,
    "good fit": _good,
    "can't tell": _unsure,
}
_BY_CAUSE: dict[str, tuple[str, ...]] = {
    "empty": ("train_first",),
    "guessing_training": ("other_rates", "scale_inputs", "check_pairs", "give_validation"),
    "no_validation": ("give_validation",),
    "not_finite": ("lower_rate", "clip", "check_nan"),
    "val_not_finite": ("check_validation",),
    "both_rise": ("lower_rate", "clip"),
    "noisy": ("more_rows", "lower_rate"),
    "old_gap": ("same_source", "shuffle_split"),
    "averages": ("momentum", "longer_averages"),
    "flat": ("higher_rate", "larger"),
}
