"""What ``compile`` was told to minimise and to measure, bound to a model's outputs at the first batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lamina import losses as losses_module
from lamina import metrics as metrics_module
from lamina.errors import did_you_mean
from lamina.graph.symbolic import leaves
from lamina.losses import Loss
from lamina.metrics import Mean, Metric


class OutputNames:
    """The outputs of a model by position and by name, and values of any shape brought into their order.

    Arguments:
        y_pred: what the model returned: a tensor, or a list, tuple or dict of them.
        names: their names, as far as the model knows them.
    """

    def __init__(self, y_pred: Any, names: list[str] | None) -> None:
        self.count = len(leaves(y_pred))
        if isinstance(y_pred, dict):
            names = list(y_pred)
        self.names = names if names and len(names) == self.count else [f"output_{i}" for i in range(self.count)]

    def in_order(self, value: Any, what: str, broadcast: bool = False) -> list[Any]:
        """``value`` (for one output, a list by position or a dict by name) as a list, one entry for each output."""
        if isinstance(value, dict):
            unknown = [key for key in value if key not in self.names]
            if unknown:
                raise ValueError(f"{what} names the output {unknown[0]!r}, and the model has {self.names}."
                                 f"{did_you_mean(unknown[0], self.names)}")  # fmt: skip
            return [value.get(name) for name in self.names]
        if isinstance(value, (list, tuple)) and self.count > 1:
            if len(value) != self.count:
                raise ValueError(
                    f"{what} has {len(value)} entries, and the model has {self.count} outputs {self.names}."
                )
            return list(value)
        if self.count == 1:
            return [value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value]
        if broadcast or value is None:
            return [value] * self.count
        raise ValueError(f"{what} must have an entry for each of the outputs {self.names}.")


class Losses:
    """The loss of each output and their weighted sum."""

    def __init__(self, loss: Any, weights: Any, outputs: OutputNames, y: Any, y_pred: Any) -> None:
        self.outputs = outputs
        identifiers = outputs.in_order(loss, "loss", broadcast=True)
        targets, predictions = outputs.in_order(y, "y", broadcast=True), leaves(y_pred)
        self.losses: list[Loss | None] = [
            losses_module.resolve(identifier, getattr(target, "shape", None), getattr(prediction, "shape", None))
            for identifier, target, prediction in zip(identifiers, targets, predictions, strict=True)
        ]
        by_output = outputs.in_order(weights, "loss_weights", broadcast=True)
        self.weights = [1.0 if weight is None else float(weight) for weight in by_output]
        self.only = self.losses[0] if outputs.count == 1 and self.weights[0] == 1.0 else None
        self.trackers = [Mean(name=f"{name}_loss") for name in outputs.names] if outputs.count > 1 else []

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None, masks: Any = None) -> torch.Tensor:
        if self.only is not None:
            y, y_pred = _single(y), _single(y_pred)
            if masks is None:
                return self.only(y, y_pred, _single(sample_weight))
            return self.only(y, y_pred, _single(sample_weight), mask=_single(masks))
        targets = self.outputs.in_order(y, "y")
        weights = self.outputs.in_order(sample_weight, "sample_weight", broadcast=True)
        masks = self.outputs.in_order(masks, "mask") if masks is not None else [None] * self.outputs.count
        total: Any = None
        for index, (loss, prediction) in enumerate(zip(self.losses, leaves(y_pred), strict=True)):
            if loss is None:
                continue
            value = loss(targets[index], prediction, weights[index], mask=masks[index])
            if self.trackers:
                self.trackers[index].update_state(value.detach())
            value = value if self.weights[index] == 1.0 else value * self.weights[index]
            total = value if total is None else total + value
        if total is None:
            raise ValueError("No output has a loss. Compile the model with `loss=`.")
        return total


class Metrics:
    """The metrics of each output, and their names in logs."""

    def __init__(self, metrics: Any, weighted: Any, outputs: OutputNames, y: Any, y_pred: Any, losses: Any) -> None:
        self.outputs = outputs
        targets, predictions = outputs.in_order(y, "y", broadcast=True), leaves(y_pred)
        loss_list = losses if losses is not None else [None] * outputs.count
        self.entries: list[tuple[int, Metric, bool, str]] = []  # (output, metric, weighted, name)
        for given, is_weighted in ((metrics, False), (weighted, True)):
            for index, identifiers in enumerate(_by_output(given, outputs)):
                for identifier in identifiers:
                    shapes = getattr(targets[index], "shape", None), getattr(predictions[index], "shape", None)
                    metric = metrics_module.resolve(identifier, *shapes, loss_list[index])
                    name = metric.name if outputs.count == 1 else f"{outputs.names[index]}_{metric.name}"
                    self.entries.append((index, metric, is_weighted, name))
        self.metrics = [metric for _, metric, _, _ in self.entries]

    def update(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch into account."""
        if not self.entries:
            return
        if self.outputs.count == 1:
            y, y_pred, weight = _single(y), _single(y_pred), _single(sample_weight)
            for _, metric, weighted, _ in self.entries:
                metric.update_state(y, y_pred, sample_weight=weight if weighted else None)
            return
        targets = self.outputs.in_order(y, "y")
        weights = self.outputs.in_order(sample_weight, "sample_weight", broadcast=True)
        predictions = leaves(y_pred)
        for index, metric, weighted, _ in self.entries:
            metric.update_state(targets[index], predictions[index], sample_weight=weights[index] if weighted else None)

    def results(self) -> dict[str, Any]:
        """The value of each metric so far."""
        found: dict[str, Any] = {}
        for _, metric, _, name in self.entries:
            value = metric.result()
            found.update(value if isinstance(value, dict) else {name: value})
        return found


def _by_output(given: Any, outputs: OutputNames) -> list[list[Any]]:
    """``metrics=`` of ``compile`` as a list of identifiers for each output."""
    if given is None:
        return [[] for _ in outputs.names]
    if outputs.count == 1 and isinstance(given, (list, tuple)):
        return [[item for part in given for item in (part if isinstance(part, (list, tuple)) else [part])]]
    nested = (list, tuple, dict, type(None))
    flat = isinstance(given, (list, tuple)) and not any(isinstance(item, nested) for item in given)
    if flat and len(given) != outputs.count:  # Keras 2: a flat list is for every output
        return [list(given) for _ in outputs.names]
    ordered = outputs.in_order(given, "metrics", broadcast=True)
    return [list(item) if isinstance(item, (list, tuple)) else [] if item is None else [item] for item in ordered]


def _single(value: Any) -> Any:
    if isinstance(value, torch.Tensor) or value is None:
        return value
    found = leaves(value)
    if len(found) != 1:
        raise ValueError(f"The model has one output, and the data brings {len(found)} targets for it.")
    return found[0]


LogReader = Callable[[], dict[str, float]]
