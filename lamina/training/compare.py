"""``lamina.compare``: training runs side by side, and whether a change helped beyond the noise."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lamina.display import Prose, element, paragraphs, table
from lamina.language import say
from lamina.screen import cells
from lamina.training.chance import Chance, Figure, judge, jumps
from lamina.training.curves import draw_comparison
from lamina.training.history import History
from lamina.training.metric_names import direction, find_name
from lamina.training.noted import Rows

Verdict = Literal["helps", "hurts", "mixed", "no difference"]
Runs = Mapping[str, "History | Sequence[History]"]


@dataclass
class Run:
    """One row of a comparison: a run at its best epoch, or the means over its seeds.

    Attributes:
        name: what the run was called.
        seeds: how many histories were given for it.
        epoch, epochs: the epoch of the lowest validation loss, or the one whose weights ``EarlyStopping`` restored, counted
            from 1; and how many there were. Over several seeds, the medians.
        restored: whether the model has the weights of that epoch because they were restored.
        val_loss, metric, training_loss: validation loss, validation metric and training loss in that epoch, penalties taken
            out; ``None`` where they aren't known or finite.
        gap: validation loss less training loss.
        last: the validation loss of the last epoch.
        weights: how many numbers training changed.
    """

    name: str
    seeds: int
    epoch: int | None
    epochs: int
    restored: bool
    val_loss: float | None
    metric: float | None
    training_loss: float | None
    gap: float | None
    last: float | None
    weights: int | None


@dataclass
class Difference:
    """How a run differs from the first one in one figure.

    Attributes:
        name: which run.
        figure: ``"val_loss"``, ``"val_accuracy"``, ...
        value, base: its figure and that of the first run.
        difference: by how much it is better; below 0, worse.
        noise: how large a difference chance alone may make, in 19 cases of 20 over all the differences together.
        verdict: ``"helps"``, ``"hurts"`` or ``"no difference"``.
    """

    name: str
    figure: str
    value: float
    base: float
    difference: float
    noise: float
    verdict: Verdict


@dataclass(repr=False)
class Comparison(Prose):
    """Runs side by side. ``print(comparison)`` shows them as a table with a verdict, ``plot()`` as curves.

    Attributes:
        runs: a :class:`Run` for each name. differences: a :class:`Difference` for each figure of each run but the first.
        verdicts: name -> ``"helps"``, ``"hurts"``, ``"mixed"`` (better in one figure, worse in the other) or
            ``"no difference"``, all against the first run.
        metric: the metric beside the loss, e.g. ``"val_accuracy"``, or ``None``.
        judged_by: what chance was judged by: ``"rows"``, ``"jumps"``, ``"seeds"`` or ``"pairs"``.
    """

    runs: list[Run]
    differences: list[Difference]
    verdicts: dict[str, Verdict]
    metric: str | None
    judged_by: str
    remarks: list[tuple[str, dict[str, Any]]] = field(repr=False)
    histories: dict[str, list[History]] = field(repr=False)
    language: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the second run; of several, whether any of them helps, or else whether all hurt."""
        found = list(self.verdicts.values())
        order: tuple[Verdict, ...] = ("helps", "mixed", "no difference", "hurts")
        return min(found, key=order.index)

    def __str__(self) -> str:
        return "\n".join([*self._table(), "", *self._prose()])

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the curves of all runs together, the best epoch of each marked.

        Arguments:
            path: where to save the picture (``.png``, ``.svg``, ``.pdf``).

        Returns:
            The matplotlib figure.

        Raises:
            ImportError: when matplotlib is not installed.
        """
        best = {run.name: run.epoch for run in self.runs}
        return draw_comparison(self.histories, best, self.metric, path)

    def _say(self, key: str, **figures: Any) -> str:
        return say(f"compare.{key}", self.language, **figures)

    def _called(self, figure: str) -> str:
        known = figure in ("val_loss", "val_accuracy")
        return self._say(figure) if known else self._say("val_other", name=figure.removeprefix("val_"))

    def _repr_html_(self) -> str:
        heads, *rows = self._cells()
        return element("div", table(heads, rows, right=range(1, len(heads))), paragraphs("\n".join(self._prose())))

    def _table(self) -> list[str]:
        lines = self._cells()
        widths = [max(cells(line[place]) for line in lines) for place in range(len(lines[0]))]
        return ["  ".join(cell + " " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
                for line in lines]  # fmt: skip

    def _cells(self) -> list[list[str]]:
        """The table, its heads first."""
        several = any(run.seeds > 1 for run in self.runs)
        heads = ["run", *(["runs"] if several else []), "best_epoch", "val_loss"]
        row = [self._say(head) for head in heads]
        row += [self._called(self.metric)] if self.metric else []
        lines = [row + [self._say(head) for head in ("training_loss", "gap", "weights")]]
        for run in self.runs:
            epoch = "-" if run.epoch is None else self._say("restored" if run.restored else "of",
                                                            epoch=run.epoch, epochs=run.epochs)  # fmt: skip
            cells = [run.name, *([str(run.seeds)] if several else []), epoch, _shown(run.val_loss)]
            cells += [_shown(run.metric)] if self.metric else []
            weights = "-" if run.weights is None else f"{run.weights:,}"
            lines.append([*cells, _shown(run.training_loss), "-" if run.gap is None else f"{run.gap:.4g}", weights])
        return lines

    def _prose(self) -> list[str]:
        first, lines = self.runs[0], []
        for run in self.runs[1:]:
            reasons = [
                self._say("within" if found.verdict == "no difference" else "beyond", first=first.name,
                          figure=self._called(found.figure), value=_shown(found.value), base=_shown(found.base),
                          difference=f"{abs(found.difference):.4g}", noise=f"{found.noise:.3g}")
                for found in self.differences if found.name == run.name
            ]  # fmt: skip
            if not reasons:
                both = run.epoch is None and first.epoch is None
                key = "both_diverged" if both else "diverged" if run.epoch is None else "base_diverged"
                reasons = [self._say(key, name=run.name, first=first.name, value=_shown(run.val_loss))]
            verdict = self._say(self.verdicts[run.name], name=run.name)
            lines.append(verdict + self._say("next").join(reasons) + self._say("stop"))
        return lines + [self._say(key, **figures) for key, figures in self.remarks]


def compare(runs: Runs, language: str | None = None) -> Comparison:
    """Lay training runs side by side: did a change help, beyond the noise?

    Every run is taken at its best epoch, or at the one whose weights ``EarlyStopping`` restored, and compared with the first.
    A difference counts if chance would make it in less than one case of 20. Of a single run each, chance is judged by the
    number of validation rows, the jumps from epoch to epoch and a usual change from seed to seed; of several seeds, by
    their spread, which is better.

    Arguments:
        runs: name -> what ``fit`` returned, or a list of such, from several seeds (or folds: then place by place on the same
            validation rows).
        language: ``"en"`` or ``"zh"`` for the words; by default that of :func:`lamina.config.set_language`.

    Raises:
        TypeError: for anything but histories under names.
        ValueError: for what can't be compared: fewer than two runs, runs without validation, with other validation rows, or
            with other losses and no metric in common.

    >>> plain, other = History(), History()
    >>> plain.history = {"loss": [0.9, 0.6, 0.5], "val_loss": [0.9, 0.8, 0.9]}
    >>> other.history = {"loss": [0.9, 0.7, 0.6], "val_loss": [0.8, 0.6, 0.5]}
    >>> comparison = compare({"plain": plain, "with dropout": other})
    >>> [run.epoch for run in comparison.runs]
    [2, 3]
    """
    named = _checked(runs)
    everything = [history for histories in named.values() for history in histories]
    metric = _common_metric(everything)
    kinds, paired = _kinds_of_loss(everything), _check_rows(named)
    if len(kinds) > 1 and metric is None:
        raise ValueError(
            f"Runs with different losses ({', '.join(kinds)}) can't be compared by them, and they have no validation metric "
            "in common: compile all with the same loss, or with metrics=['accuracy']."
        )
    seen = {name: [_Seen(history, metric) for history in histories] for name, histories in named.items()}
    figures = [Figure("val_loss", -1, "loss")] if len(kinds) == 1 else []
    if metric is not None and not (figures and all(one.metric_is_loss for every in seen.values() for one in every)):
        figures.append(metric)
    differences, chance = _differences(seen, figures, paired)
    rows = [_row(name, every, metric) for name, every in seen.items()]
    verdicts: dict[str, Verdict] = {run.name: _together(run, rows[0], differences) for run in rows[1:]}
    remarks = [remark for name, every in seen.items() for remark in _remarks_on(name, every)]
    if differences:
        remarks.append((f"noise_{chance.judged_by}", {"rows": chance.rows, "degrees": chance.degrees}))
    if len({penalty for every in seen.values() for one in every for penalty in one.penalties}) > 1:
        remarks.append(("penalties", {}))
    if len(kinds) > 1:
        remarks.append(("losses_differ", {"names": ", ".join(kinds)}))
    shown = metric.name if metric is not None and metric in figures else None
    return Comparison(rows, differences, verdicts, shown, chance.judged_by, remarks, named, language)


def _checked(runs: Any) -> dict[str, list[History]]:
    example = 'compare({"plain": history, "with dropout": other})'
    if not isinstance(runs, Mapping):
        raise TypeError(f"compare() takes a dict of runs under names, {example}, and got {type(runs).__name__}.")
    named: dict[str, list[History]] = {}
    for name, given in runs.items():
        histories = list(given) if isinstance(given, (list, tuple)) else [given]
        for history in histories:
            if not isinstance(history, History):
                raise TypeError(f"compare() takes what fit() returned, {example}, or lists of it, and got "
                                f"{type(history).__name__} under {name!r}.")  # fmt: skip
            if not history.history.get("val_loss"):
                raise ValueError(f"The run {name!r} has no validation loss, so it can't be compared: give fit() "
                                 "validation_data=(x, y), the same for each run.")  # fmt: skip
        if not histories:
            raise ValueError(f"There is no history under {name!r}.")
        named[str(name)] = histories
    if len(named) < 2:
        raise ValueError(f"A comparison takes two runs or more under names of their own, and got {len(named)}.")
    return named


def _common_metric(histories: list[History]) -> Figure | None:
    """The metric that all runs have in validation, an accuracy if there is one, and which way it gets better."""
    first = [name for name in histories[0].history if name.startswith("val_") and name != "val_loss"]
    shared = [name for name in first if all(find_name(name, one.history) for one in histories)]
    known = [(name, way) for name in shared if (way := direction(name, ())) is not None and not name.endswith("_loss")]
    if not known:
        return None
    name, way = min(known, key=lambda pair: "acc" not in pair[0])
    share = way == "max" and all(0 <= value <= 1 for one in histories for value in _curve(one, name) if value == value)
    name = "val_accuracy" if name == "val_acc" else name
    return Figure(name, 1 if way == "max" else -1, "share" if share else "error")


def _kinds_of_loss(histories: list[History]) -> list[str]:
    """The names of the losses; of one name but with other arguments, the constant answer costs something else."""
    kinds: dict[str, Any] = {}
    for noted in (history.noted for history in histories):
        if noted is None or noted.loss is None:
            continue
        kind = f"{noted.loss} and losses of layers" if noted.extra_loss else noted.loss
        of_same_data = repr((_signature(noted.training), _signature(noted.validation)))
        baseline = noted.training.baseline
        known = kinds.setdefault(kind, {}).setdefault(of_same_data, baseline)
        if known is None or baseline is None:
            continue
        if not math.isclose(known, baseline, rel_tol=1e-3, abs_tol=1e-12):
            kinds.setdefault(f"{kind} with other arguments", {})
    return list(kinds) or ["loss"]


def _signature(rows: Rows | None) -> tuple[Any, ...] | None:
    """What tells the targets of one set of rows from those of another."""
    if rows is None or rows.count is None:
        return None
    figures = rows.shares if rows.shares is not None else [rows.mean or 0.0, rows.scale or 0.0]
    return rows.count, [float(f"{figure:.5g}") for figure in figures]


def _check_rows(named: dict[str, list[History]]) -> bool:
    """Whether runs are to be compared place by place, since each place has validation rows of its own."""
    rows = {name: [_signature(one.noted.validation if one.noted else None) for one in histories]
            for name, histories in named.items()}  # fmt: skip
    known = [one for each in rows.values() for one in each if one is not None]
    if all(one == known[0] for one in known):
        return False
    (first, expected), *others = rows.items()
    if len(expected) > 1 and all(each == expected for _, each in others):
        return True
    for name, each in others:
        for here, there in zip([*expected, *expected[:1] * len(each)], each, strict=False):
            if here is not None and there is not None and here != there:
                what = (f"rows ({here[0]} and {there[0]})" if here[0] != there[0]
                        else "targets (their shares or their scale differ)")  # fmt: skip
                raise ValueError(f"{first!r} and {name!r} were validated on different {what}, so they can't be compared: "
                                 "give both the same validation_data=(x, y).")  # fmt: skip
    raise ValueError("The runs were validated on different rows, so they can't be compared: give all the same "
                     "validation_data=(x, y), or the same folds in the same order.")  # fmt: skip


class _Seen:
    """A history at its best epoch."""

    def __init__(self, history: History, metric: Figure | None) -> None:
        noted = history.noted
        self.rows = noted.validation.count if noted is not None and noted.validation is not None else None
        self.noted, self.weights = noted, noted.weights if noted is not None else None
        epochs = history.epochs("val_loss")
        penalties = dict(zip(_numbers_of(history), noted.penalties, strict=False)) if noted is not None else {}
        self.penalties = list(penalties.values()) or [0.0]
        curve = zip(epochs, _curve(history, "val_loss"), strict=True)
        losses = [value - penalties.get(epoch, 0.0) for epoch, value in curve]
        finite = [place for place, value in enumerate(losses) if math.isfinite(value)]
        self.epochs = max(epochs)
        restored = noted.restored if noted is not None else None
        self.restored = restored in epochs
        self.place = None
        if finite:
            self.place = epochs.index(restored) if restored in epochs else min(finite, key=losses.__getitem__)
        self.epoch = None if self.place is None else epochs[self.place]
        self.values = {"val_loss": self._at(losses)}
        self.jumps = {"val_loss": jumps(losses, self.place)}
        self.last = losses[-1] if math.isfinite(losses[-1]) else None
        training = {}
        if "loss" in history.history:
            training = dict(zip(history.epochs("loss"), _curve(history, "loss"), strict=True))
        loss = math.nan if self.epoch is None else training.get(self.epoch, math.nan) - penalties.get(self.epoch, 0.0)
        self.training = loss if math.isfinite(loss) else None
        self.metric_is_loss = False
        if metric is not None:
            curve = _curve(history, metric.name)
            at_epochs = history.epochs(str(find_name(metric.name, history.history)))
            values = dict(zip(at_epochs, curve, strict=True))
            aligned = [values.get(epoch, math.nan) for epoch in epochs]
            self.values[metric.name] = self._at(aligned)
            self.jumps[metric.name] = jumps(aligned, self.place)
            self.metric_is_loss = all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(aligned, losses, strict=True))

    def _at(self, values: list[float]) -> float | None:
        value = math.nan if self.place is None else values[self.place]
        return value if math.isfinite(value) else None


def _numbers_of(history: History) -> list[int]:
    return [epoch + 1 for epoch in history.epoch] or list(range(1, len(history.history.get("loss", ())) + 1))


def _curve(history: History, name: str) -> list[float]:
    return [float(value) for value in history.history[str(find_name(name, history.history))]]


def _differences(seen: dict[str, list[_Seen]], figures: list[Figure], paired: bool) -> tuple[list[Difference], Chance]:
    (_, first), *others = seen.items()
    chance = Chance(list(seen.values()), paired, tests=len(figures) * len(others))
    found = []
    for name, every in others:
        for figure in figures:
            base, value = _mean(first, figure.name), _mean(every, figure.name)
            if base is None or value is None:
                continue
            # Judged as they are shown, so that no verdict contradicts its figures.
            better = figure.sign * _apart(value, base)
            noise = float(f"{chance.noise(first, every, figure):.3g}")
            found.append(Difference(name, figure.name, value, base, better, noise, judge(better, noise)))
    return found, chance


def _mean(every: list[_Seen], name: str) -> float | None:
    values = [one.values[name] for one in every]
    return (
        None
        if any(value is None for value in values)
        else float(np.mean([value for value in values if value is not None]))
    )


def _row(name: str, every: list[_Seen], metric: Figure | None) -> Run:
    training = [one.training for one in every if one.training is not None]
    last = [one.last for one in every if one.last is not None]
    epochs = [one.epoch for one in every if one.epoch is not None]
    loss = _mean(every, "val_loss")
    train = float(np.mean(training)) if len(training) == len(every) else None
    gap = None if loss is None or train is None else _apart(loss, train)
    best = int(np.median(epochs)) if loss is not None else None
    return Run(name, len(every), best, int(np.median([one.epochs for one in every])),
               all(one.restored for one in every), loss, _mean(every, metric.name) if metric else None, train, gap,
               float(np.mean(last)) if len(last) == len(every) else None, every[0].weights)  # fmt: skip


def _remarks_on(name: str, every: list[_Seen]) -> list[tuple[str, dict[str, Any]]]:
    """That a model has not the weights of its best epoch, where these are better by more than jumps."""
    [one, *others] = every
    best = one.values["val_loss"]
    if others or one.restored or one.last is None or best is None or one.last - best <= 2 * one.jumps["val_loss"]:
        return []
    if _shown(one.last) == _shown(best):
        return []
    return [("in_hand", {"name": name, "epoch": one.epochs, "last": _shown(one.last), "best": _shown(best)})]


def _together(run: Run, first: Run, differences: list[Difference]) -> Verdict:
    """The verdict on a run from those on its figures; or from whether it, or the first, ever had a finite loss."""
    if run.epoch is None or first.epoch is None:
        return "helps" if run.epoch is not None else "hurts" if first.epoch is not None else "no difference"
    found: set[Verdict] = {one.verdict for one in differences if one.name == run.name}
    if {"helps", "hurts"} <= found:
        return "mixed"
    return "helps" if "helps" in found else "hurts" if "hurts" in found else "no difference"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:#.4g}".removesuffix(".")


def _apart(value: float, base: float) -> float:
    """The difference of two figures as they are shown."""
    return float(f"{float(_shown(value)) - float(_shown(base)):.4g}")
