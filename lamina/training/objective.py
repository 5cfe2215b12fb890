"""What ``compile`` was told to minimise and to measure, bound to a model's outputs at the first batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from lamina import losses as losses_module
from lamina import metrics as metrics_module
from lamina.dialects import habits
from lamina.engine.devices import device_of
from lamina.errors import did_you_mean
from lamina.graph.symbolic import leaves, map_structure
from lamina.losses import Loss
from lamina.metrics import Mean, Metric
from lamina.naming import numbered
from lamina.tracebacks import users_level
from lamina.training.inside import look_inside


class Outputs:
    """The outputs of a model by position and by name, and values of other structures brought into their order.

    Arguments:
        y_pred: what the model returns, or anything of the same structure whose leaves have a ``shape``.
        names: the outputs' names, as far as the model knows them.
    """

    def __init__(self, y_pred: Any, names: list[str] | None = None) -> None:
        self.shapes = [tuple(leaf.shape) for leaf in leaves(y_pred)]
        self.count = len(self.shapes)
        self.is_dict = isinstance(y_pred, dict) and len(y_pred) == self.count
        if self.is_dict:
            names = list(y_pred)
        self.are_known = bool(names) and len(names) == self.count
        self.names = names if names and self.are_known else [f"output_{i}" for i in range(self.count)]

    def in_order(self, value: Any, what: str, broadcast: bool = False) -> list[Any]:
        """``value`` (for one output, a list by position or a dict by name) as a list, one entry for each output."""
        if isinstance(value, dict):
            unknown = [key for key in value if key not in self.names]
            if unknown:
                said = (f"{what} names the output {unknown[0]!r}, and the model has {self.names}."
                        f"{did_you_mean(unknown[0], self.names)}")  # fmt: skip
                if self.count > 1 or len(value) > 1 or (self.are_known and what == "loss"):
                    raise ValueError(said)
                if self.are_known and what != "y":  # Keras takes no notice of the name
                    warnings.warn(f"{said} It is taken for that one.", stacklevel=users_level())
                return list(value.values())
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
    """The loss of each output and their weighted sum.

    Arguments:
        loss: for one output, for all of them, a list by position or a dict by name.
        weights: a number for each output, in the same forms.
    """

    def __init__(self, loss: Any, weights: Any = None) -> None:
        self.habits = habits()
        self._told = map_structure(self._meant, loss), weights
        self.outputs: Outputs | None = None
        self.losses: list[Loss | None] = []
        self.weights: list[float] = []
        self.trackers: list[Mean] = []
        self.only: Loss | None = None  # the loss itself, where it is all there is

    def bind(self, outputs: Outputs, y: Any, model: Any = None) -> None:
        """Find out which loss is which output's; the shapes of targets settle what ``"crossentropy"`` means. Tensors inside
        the model that a loss uses are the ``model``'s to compute."""
        loss, weights = self._told
        identifiers = outputs.in_order(loss, "loss", broadcast=True)
        wanted = [index for index, identifier in enumerate(identifiers) if identifier is not None]
        targets = _targets(outputs, y, wanted)
        self.losses = [losses_module.resolve(identifier, getattr(target, "shape", None), shape)
                       for identifier, target, shape in zip(identifiers, targets, outputs.shapes, strict=True)]  # fmt: skip
        for one in self.losses:
            if one is not None and not self.habits.leaves_masked_out:
                one.leaves_masked_out = False
        if getattr(model, "_plan", None) is not None:
            look_inside(self.losses, targets, outputs.shapes, model)
        by_output = outputs.in_order(weights, "loss_weights", broadcast=True)
        self.weights = [1.0 if weight is None else float(weight) for weight in by_output]
        self._wanted = wanted
        self.only = self.losses[0] if outputs.count == 1 and self.weights[0] == 1.0 else None
        names = numbered(outputs.names)  # Keras 3 logs the last of two losses that are called alike
        self._trackers = {index: Mean(name=f"{names[index]}_loss") for index in wanted if len(wanted) > 1}
        order = wanted
        if outputs.is_dict and self._trackers:  # Keras goes through dicts by name, except through that of the losses
            by_name = list(loss) if isinstance(loss, dict) else sorted(outputs.names)
            order = sorted(wanted, key=lambda index: by_name.index(outputs.names[index]))
        self.trackers = [self._trackers[index] for index in order if index in self._trackers]
        self.outputs = outputs

    def _meant(self, loss: Any) -> Any:
        """The name of today for what a name meant when the model was compiled."""
        return self.habits.losses.get(loss, loss) if isinstance(loss, str) else loss

    def targets_of(self, y: Any) -> list[Any]:
        """The target of each output, as far as there is one."""
        return [] if self.outputs is None else _targets(self.outputs, y, self._wanted)

    def check(self, y: Any) -> None:
        """Refuse targets that don't have their output's shape, in the generations that did; a loss of the user's may take any.

        Raises:
            ValueError: which output, what came, what was expected.
        """
        if not self.habits.checks_targets or self.outputs is None or self.outputs.is_dict:
            return
        shapes, names = self.outputs.shapes, self.outputs.names
        for target, loss, shape, name in zip(self.targets_of(y), self.losses, shapes, names, strict=True):
            if target is None or loss is None or not losses_module.compares_shapes(loss):
                continue
            found = tuple(target.shape)
            fits = all(size in (None, came) for size, came in zip(shape[1:], found[1:], strict=False))
            if len(found) != len(shape) or not fits:
                raise ValueError(f"Output {name!r} has the shape {shape}, and its targets came with {found}: they must have "
                                 "the output's shape.")  # fmt: skip

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        """The loss of a batch; each output's own is added to its tracker."""
        outputs = self.outputs
        if outputs is None:
            raise ValueError("The loss is not bound to a model's outputs yet.")
        if self.only is not None:
            return self.of_one(self.only, y, y_pred, sample_weight)
        targets, predictions = _targets(outputs, y, self._wanted), _predictions(outputs, y_pred)
        weights = outputs.in_order(sample_weight, "sample_weight", broadcast=True)
        total: Any = None
        for index in self._wanted:
            loss, prediction = self.losses[index], predictions[index]
            if targets[index] is None:
                raise self._no_target(index)
            value = loss(targets[index], prediction, self._weight(weights[index]))  # pyright: ignore[reportOptionalCall]
            if index in self._trackers:
                rows = 1 if self.habits.outputs_by_batch else len(prediction)
                self._trackers[index].accumulate(value.detach(), rows, rows)
            value = value if self.weights[index] == 1.0 else value * self.weights[index]
            total = value if total is None else total + value
        if total is None:
            raise ValueError("No output has a loss. Compile the model with `loss=`.")
        return total

    def of_one(self, loss: Loss, y: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
        """The loss of a batch where there is one output, by a loss that stands for its own."""
        if y is None:
            raise self._no_target(0)
        return loss(single(y), single(y_pred), self._weight(single(sample_weight)))

    def _weight(self, weight: Any) -> Any:
        """Weights as they are multiplied in: where the mean is over those that are not 0, divided by their share."""
        if weight is None or not self.habits.counts_nonzero_weights:
            return weight
        weight = torch.as_tensor(weight)
        return weight / (weight != 0).to(weight.dtype).mean()

    def _no_target(self, index: int) -> ValueError:
        name = self.outputs.names[index] if self.outputs is not None else index
        return ValueError(f"Output {name!r} has a loss, and the data have no target for it.")


class Metrics(Metric):
    """The compiled metrics of all outputs as one metric, whose result is a dict by name.

    Arguments:
        metrics: a list for one output; for several, a list of lists by position or a dict by name. A flat list that has
            not one entry for each output is for every output, as in Keras 2.
        weighted: those that take sample weights into account.
    """

    def __init__(self, metrics: Any, weighted: Any = None) -> None:
        super().__init__(name="compile_metrics")
        self._told = metrics, weighted
        self.habits = habits()
        self.outputs: Outputs | None = None
        self.entries: list[tuple[int, Metric, bool, str]] = []  # (output, metric, weighted, name)

    def bind(self, outputs: Outputs, y: Any, losses: Losses | None = None) -> None:
        """Find out which metric is which output's; the shapes of targets settle what ``"accuracy"`` means."""
        wanted = losses._wanted if losses is not None else list(range(outputs.count))
        targets = _targets(outputs, y, wanted)
        loss_of = losses.losses if losses is not None else [None] * outputs.count
        entries: list[tuple[int, Metric, bool, str]] = []
        for given, is_weighted in zip(self._told, (False, True), strict=True):
            for index, identifiers in enumerate(_by_output(given, outputs)):
                for identifier in identifiers:
                    target_shape = getattr(targets[index], "shape", None)
                    metric = metrics_module.resolve(
                        identifier, target_shape, outputs.shapes[index], loss_of[index], self.habits
                    )
                    metric.means_of_batches = self.habits.means_of_batches
                    metric.masks = self.habits.masks_metrics
                    taken = {taken for *_, taken in entries}
                    name = f"{self.habits.weighted}{metric.name}" if is_weighted else metric.name
                    name = _free_name(name, outputs, index, is_weighted, taken)
                    entries.append((index, metric, is_weighted, name))
        self.entries, self.outputs = entries, outputs

    @property
    def metrics(self) -> list[Metric]:
        """The metrics themselves."""
        return [metric for _, metric, _, _ in self.entries]

    @property
    def names(self) -> list[str]:
        """Their names in logs."""
        return [name for *_, name in self.entries]

    @property
    def variables(self) -> list[Any]:
        """The state of all of them."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take one batch into account."""
        if self.outputs is None:
            self.bind(Outputs(y_pred), y_true)
        outputs: Any = self.outputs
        if outputs.count == 1:
            y, y_pred, weight = single(y_true), single(y_pred), single(sample_weight)
            for _, metric, weighted, _ in self.entries:
                if weighted and weight is not None:
                    metric.update_state(y, y_pred, sample_weight=weight)
                else:
                    metric.update_state(y, y_pred)
            return
        wanted = [index for index, *_ in self.entries]
        targets, predictions = _targets(outputs, y_true, sorted(set(wanted))), _predictions(outputs, y_pred)
        weights = outputs.in_order(sample_weight, "sample_weight", broadcast=True)
        for index, metric, weighted, _ in self.entries:
            if weighted and weights[index] is not None:
                metric.update_state(targets[index], predictions[index], sample_weight=weights[index])
            else:
                metric.update_state(targets[index], predictions[index])

    def reset_state(self) -> None:
        """Start all of them again."""
        for _, metric, _, _ in self.entries:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The value of each metric so far, by name."""
        found: dict[str, Any] = {}
        for _, metric, _, name in self.entries:
            value = metric.result()
            found.update(value if isinstance(value, dict) else {name: value})
        return found


class Objective:
    """All that ``compile`` was told about losses and metrics, and their means so far.

    Arguments: those of ``compile``.
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any) -> None:
        self.habits = habits()
        self.loss_mean = Mean(name="loss")
        self.losses = None if loss is None else Losses(loss, loss_weights)
        self.metrics = None if metrics is None and weighted_metrics is None else Metrics(metrics, weighted_metrics)
        self.outputs: Outputs | None = None

    def bind(self, outputs: Outputs, y: Any, model: Any = None) -> None:
        """Bind losses and metrics to a model's outputs."""
        if self.losses is not None:
            self.losses.bind(outputs, y, model)
        if self.metrics is not None:
            self.metrics.bind(outputs, y, self.losses)
        if model is not None:
            self.follow(model)
        self.outputs = outputs

    def follow(self, model: Any) -> None:
        """Move all means to where the model is."""
        device = device_of(model)
        if device is not None and device != self.loss_mean.total.device:
            for metric in self:
                metric.to(device)

    def __iter__(self) -> Iterator[Metric]:
        yield self.loss_mean
        if self.metrics is not None:
            yield self.metrics
        if self.losses is not None:
            yield from self.losses.trackers

    def has_something(self) -> bool:
        """Whether ``compile`` was told a loss or a metric."""
        return self.losses is not None or (self.metrics is not None and any(leaves(self.metrics._told)))

    def one_by_one(self) -> list[Metric]:
        """The mean of the loss, of each output's own, and each metric, called as in logs."""
        apart = [] if self.metrics is None else self.metrics.entries
        for _, metric, _, name in apart:
            metric.name = name
        trackers = [] if self.losses is None else self.losses.trackers
        # Of a step of the author's that computes its loss by itself, there is none to tell.
        mean = [self.loss_mean] if self.losses is not None or bool(self.loss_mean.count) else []
        return [*mean, *trackers, *(metric for _, metric, *_ in apart)]

    def reset(self) -> None:
        """Start all means again."""
        for metric in self:
            metric.reset_state()


def _targets(outputs: Outputs, y: Any, wanted: list[int]) -> list[Any]:
    """The targets in the order of the outputs. Those of outputs without a loss may be left out."""
    if y is None:
        return [None] * outputs.count
    given = leaves(y)
    if isinstance(y, dict) and len(y) == len(given):
        return outputs.in_order(y, "y")
    places = {len(wanted): wanted, outputs.count: range(outputs.count)}.get(len(given))
    if places is None:
        raise ValueError(
            f"The model has the outputs {outputs.names}, and the data bring {len(given)} targets for them."
        )
    by_place = dict(zip(places, given, strict=True))
    return [by_place.get(index) for index in range(outputs.count)]


def _predictions(outputs: Outputs, y_pred: Any) -> list[Any]:
    return [y_pred[name] for name in outputs.names] if outputs.is_dict else leaves(y_pred)


def _by_output(given: Any, outputs: Outputs) -> list[list[Any]]:
    """``metrics=`` of ``compile`` as a list of identifiers for each output."""
    if given is None:
        return [[] for _ in outputs.names]
    if outputs.count == 1:
        given = outputs.in_order(given, "metrics") if isinstance(given, dict) else given
        return [[identifier for identifier in leaves(given) if identifier is not None]]
    nested = (list, tuple, dict, type(None))
    flat = isinstance(given, (list, tuple)) and not any(isinstance(item, nested) for item in given)
    if flat and len(given) != outputs.count:  # Keras 2: a flat list is for every output
        return [list(given) for _ in outputs.names]
    ordered = outputs.in_order(given, "metrics", broadcast=True)
    return [[identifier for identifier in leaves(item) if identifier is not None] for item in ordered]


def _free_name(name: str, outputs: Outputs, index: int, weighted: bool, taken: set[str]) -> str:
    """A metric's name in logs; of those with one name the later get a number, or ``weighted_``."""
    prefix = f"{outputs.names[index]}_" if outputs.count > 1 else ""
    if weighted and prefix + name in taken:
        name = f"weighted_{name}"
    found, copies = prefix + name, 0
    while found in taken:
        copies += 1
        found = f"{prefix}{name}_{copies}"
    return found


def single(value: Any) -> Any:
    """What a structure holds for the one output of a model."""
    if isinstance(value, torch.Tensor) or value is None:
        return value
    found = leaves(value)
    if len(found) != 1:
        raise ValueError(f"The model has one output, and the data bring {len(found)} targets for it.")
    return found[0]
