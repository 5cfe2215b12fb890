"""How ``fit`` comes by what ``history.noted`` holds: from samples of its arrays, from what passes by in the first epoch,
and from the model. Nothing here waits for a device within an epoch, and data of any kind may be unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from lamina.graph.symbolic import leaves
from lamina.training.baseline import Targets, describe_rows, finite, task_of
from lamina.training.data import Batches
from lamina.training.forward import plan_of
from lamina.training.likeness import count_of, leaked_part, numbers, sampled_rows, shift_and_stretch, taken
from lamina.training.noted import Noted, Rows
from lamina.training.one_batch import is_overridden
from lamina.training.steps import count_rows

_KEPT = 1_000_000  # numbers of targets that are kept of data that come in batches


class Passing:
    """What is seen of data that come in batches, as they pass by in the first epoch: the rows, and copies of the targets."""

    def __init__(self) -> None:
        self.rows = 0
        self.targets: list[torch.Tensor] | None = []  # None: too many, or of another kind
        self.weighted = False
        self._kept = 0

    def watch(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches."""
        for batch in batches:
            x, y, weight = batch
            self.rows += count_rows(x)
            self.weighted = self.weighted or weight is not None
            if self.targets is not None:
                self._keep(y)
            yield batch

    def _keep(self, y: Any) -> None:
        if not isinstance(y, torch.Tensor) or not numbers(y) or self._kept + y.numel() > _KEPT:
            self.targets = None
        elif self.targets is not None:
            self._kept += y.numel()
            self.targets.append(y.detach().clone())

    def seen(self) -> Targets | None:
        """The targets of the epoch, if they were kept."""
        if not self.targets or self.weighted or len({tuple(y.shape[1:]) for y in self.targets}) != 1:
            return None
        together = torch.cat(self.targets)
        return Targets(taken(together, np.arange(len(together))))


class Noting:
    """What is noted of one ``fit``.

    Arguments:
        model: a compiled model.
        training, validation: its data.
        split: the part of the data that was cut off for validation.
    """

    def __init__(self, model: Any, training: Batches, validation: Batches | None, split: float) -> None:
        self.model = model
        self.data = [training] if validation is None else [training, validation]
        self.passing = [Passing() if data.arrays is None else None for data in self.data]
        for data, passing in zip(self.data, self.passing, strict=True):
            data.watched_by = passing
        self.noted = Noted(batch_size=training.size, split=split or None, ended="interrupted")
        self.noted.steps_before = int(getattr(model.optimizer, "iterations", 0) or 0)
        self._penalties: list[Any] | None = None

    def epoch_ends(self) -> None:
        """After the batches of an epoch: what penalties come to now."""
        if self._penalties is None:
            self._penalties = self.model.penalties()
        if self._penalties:
            with torch.no_grad():
                terms = [penalty(getattr(owner, key)) for penalty, owner, key in self._penalties]
                self.noted.penalties.append(float(sum(torch.as_tensor(term).sum().cpu() for term in terms)))

    def tell(self, callbacks: Any, finished: bool) -> None:
        """After training, or after Ctrl-C: let the history among the callbacks know everything."""
        noted, model = self.noted, self.model
        if callbacks.history is None:
            return
        callbacks.history.noted = noted
        if finished:
            early = any(getattr(callback, "stopped_epoch", 0) for callback in callbacks)
            noted.ended = "early stopping" if early else "stopped" if model.stop_training else "finished"
        restored = [callback.restored_epoch for callback in callbacks
                    if getattr(callback, "restored_epoch", None) is not None]  # fmt: skip
        noted.restored = restored[-1] + 1 if restored else None
        _describe_model(noted, model)
        rows = [Rows(count=self._count(place)) for place in range(len(self.data))]
        noted.training, noted.validation = rows[0], rows[1] if len(rows) > 1 else None
        self._describe_targets(model)
        self._compare_inputs()

    def _count(self, place: int) -> int | None:
        data, passing = self.data[place], self.passing[place]
        if passing is not None:
            return passing.rows or None
        count = next((count_of(leaf) for leaf in leaves(data.arrays[0]) if hasattr(leaf, "shape")), None)
        if count is None or place == 0 or data.steps is None or data.size is None:
            return count
        return min(count, data.steps * data.size)  # validation_steps takes the first batches each time

    def _describe_targets(self, model: Any) -> None:
        objective, noted = model._objective, self.noted
        told = objective.losses if objective is not None else None
        if told is None or told.outputs is None:
            return
        if told.outputs.count > 1:
            noted.task = "several outputs"
            return
        [loss], [shape] = told.losses, told.outputs.shapes
        noted.loss = getattr(loss, "name", None)
        targets = [self._targets(place) for place in range(len(self.data))]
        noted.weighted = self._is_weighted()
        if targets[0] is None or len(targets[0].values) == 0:
            return
        other = targets[1] if len(targets) > 1 else None
        own = any(is_overridden(model, name) for name in ("train_step", "test_step", "compute_loss"))
        if own or _hides_steps(model) or noted.extra_loss:
            loss = None  # what the mean is over, or what else is in it, is not known
        noted.task = task_of(told.losses[0], targets[0], shape)
        training, validation, noted.classes = describe_rows(noted.task, loss, shape, targets[0], other)
        training.count = noted.training.count
        noted.training = training
        if validation is not None and noted.validation is not None:
            validation.count = noted.validation.count
            noted.validation = validation

    def _targets(self, place: int) -> Targets | None:
        passing, arrays = self.passing[place], self.data[place].arrays
        if arrays is None:
            return passing.seen() if passing is not None else None
        y, weight = leaves(arrays[1]), [leaf for leaf in leaves(arrays[2]) if leaf is not None]
        if len(y) != 1 or not numbers(y[0]):
            return None
        rows = sampled_rows(y[0])
        if not weight:
            return Targets(taken(y[0], rows))
        if len(weight) != 1 or not numbers(weight[0]) or int(np.prod(weight[0].shape[1:])) != 1:
            return None
        return Targets(taken(y[0], rows), taken(weight[0], rows).reshape(-1).astype(float))

    def _is_weighted(self) -> bool:
        if self.passing[0] is not None:
            return self.passing[0].weighted
        return any(leaf is not None for leaf in leaves(self.data[0].arrays[2]))

    def _compare_inputs(self) -> None:
        if len(self.data) < 2 or any(data.arrays is None for data in self.data):
            return
        pairs = list(zip(*(leaves(data.arrays[0]) for data in self.data), strict=False))
        if not all(numbers(leaf) for pair in pairs for leaf in pair):
            return
        found = [likeness for likeness in (shift_and_stretch(*pair) for pair in pairs) if likeness is not None]
        if found:
            self.noted.shift = finite(max(shift for shift, _ in found))
            self.noted.stretch = finite(max((stretch for _, stretch in found), key=lambda ratio: abs(_log(ratio))))
        leaks = [leaked_part(*pair) for pair in pairs]
        known = [leak for leak in leaks if leak is not None]
        self.noted.leaked = min(known) if known and len(known) == len(leaks) else None


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else math.inf


def _hides_steps(model: Any) -> bool:
    """Whether a mask keeps steps of the outputs from the loss."""
    plan = plan_of(model)
    return plan is not None and any(mask is not None for mask in leaves(plan.masks))


def _describe_model(noted: Noted, model: Any) -> None:
    noted.weights = sum(weight.numel() for weight in model.trainable_weights if hasattr(weight, "numel"))
    modules = [(type(module).__name__, module) for module in model.modules()]
    noted.dropout = [rate for name, module in modules for rate in _rates(name, module)]
    averages = [module for name, module in modules if "BatchNorm" in name]
    noted.normalized = bool(averages)
    noted.momentum = max((_kept(module) for module in averages), default=None)
    noted.noisy = any(
        name.startswith(("GaussianNoise", "Random")) and hasattr(module, "call") for name, module in modules
    )
    optimizer = model.optimizer
    noted.penalized = bool(model.penalties()) or bool(getattr(optimizer, "weight_decay", None))
    noted.extra_loss = bool(model.added_losses())
    noted.optimizer = None if optimizer is None else type(optimizer).__name__
    rate = getattr(optimizer, "learning_rate", None)
    noted.learning_rate = finite(rate) if isinstance(rate, (int, float, torch.Tensor)) else None


def _kept(module: Any) -> float:
    """The part of a moving average that a step keeps: Keras's momentum, of which torch's is the rest; torch may have none."""
    momentum = getattr(module, "momentum", None)
    if not isinstance(momentum, float):
        return 0.0
    return momentum if hasattr(module, "call") else 1 - momentum


def _rates(name: str, module: Any) -> Iterator[float]:
    """The rate of a dropout layer, or the rates that a recurrent one has."""
    keys = ("rate", "p") if "Dropout" in name else ("dropout", "recurrent_dropout")
    values = (getattr(module, key, None) for key in keys)
    yield from (float(value) for value in values if isinstance(value, (int, float)) and 0 < value < 1)
