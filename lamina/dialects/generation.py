"""The form that each generation's table has. The tables are in ``keras1``, ``keras2``, ``tf_keras`` and ``keras3``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamina.naming import Style


class Gone(NamedTuple):
    """An argument that lamina has no counterpart for."""

    harmless: tuple[
        Any, ...
    ]  # values with which the argument changed nothing, so that it can be left out; or tests of them
    sentence: str  # what to say about any other value; empty: there is nothing to say, it is left out
    error: type[Exception] | None = TypeError  # None: warn, and leave the argument out

    def lets_go(self, value: Any) -> bool:
        """Whether the argument changed nothing with this value."""
        return any(known(value) if callable(known) else value is known or value == known for known in self.harmless)


class Call(NamedTuple):
    """How a function or method was called, where it differs from today."""

    order: str = ""  # the names of its positional arguments
    renamed: Mapping[str, str] = {}
    gone: Mapping[str, Gone] = {}
    defaults: Mapping[str, Any] = {}


class Habits(NamedTuple):
    """What a generation's models computed or called otherwise as they trained. The defaults are today's.

    Arguments:
        accuracy_from_loss: ``"accuracy"`` is chosen by the loss and the output's width, not by the shapes of targets.
        counts_nonzero_weights: a weighted loss is divided by how many weights are not 0, not by the size of the batch.
        leaves_masked_out: the mean of a loss is over what a mask keeps; otherwise over all steps, the masked ones being 0.
        sums_activity: the penalty of an activity regularizer is added as it is, not divided by the size of the batch.
        owns_variables: a variable that is an attribute of a layer is a weight of it.
        weighted: what the names of weighted metrics begin with.
        rate: the learning rate's name in logs.
        scheduler_logs_rate: whether ``LearningRateScheduler`` logs it.
        names_early: ``metrics_names`` is whole right after ``compile``.
        cells_see_constants: a cell is built for the shapes of a step and of the constants, as a list.
        sizes_have_values: the sizes in a shape are no numbers yet: ``x.shape[1].value`` is one.
        computes_nothing: a layer whose author wrote no ``call`` gives what it gets.
        backend: what ``K.backend()`` says, which scripts of the age ask before they go on.
        shares_optimizers: one optimizer may train several models, with a state for each and one count of steps.
        metrics_apart: ``model.metrics`` has each compiled metric, by its name in logs; otherwise all of them as one.
        losses, metrics: which names of losses and of metrics meant another formula, and that formula's name in lamina.
        means_of_batches: a metric in logs is the mean of the batches' own means, each counted by its rows.
        masks_metrics: metrics leave out what a mask does.
        clips_twice: an optimizer may cut off gradients by their norm and then by their values.
        outputs_by_batch: the loss of each output in logs is the mean over batches, whatever their sizes.
        column_targets: targets of one number for each row are columns.
        checks_targets: targets must have their output's shape.
        strict_class_weights: class weights may be for several outputs and must name every class; what is no dict is let pass.
        sample_weight_replaces: of class weights and sample weights, the class weights are left out.
        callback_words: where callbacks were told of more than today, what ``params`` called the number of rows and of epochs.
    """

    accuracy_from_loss: bool = False
    counts_nonzero_weights: bool = False
    leaves_masked_out: bool = True
    sums_activity: bool = False
    owns_variables: bool = True
    weighted: str = ""
    rate: str = "learning_rate"
    scheduler_logs_rate: bool = True
    names_early: bool = False
    computes_nothing: bool = False
    backend: str = "torch"
    shares_optimizers: bool = False
    callback_words: tuple[str, str] | None = None
    cells_see_constants: bool = False
    sizes_have_values: bool = False
    metrics_apart: bool = False
    losses: Mapping[str, str] = {}
    metrics: Mapping[str, str] = {}
    means_of_batches: bool = False
    masks_metrics: bool = True
    clips_twice: bool = False
    outputs_by_batch: bool = False
    column_targets: bool = False
    checks_targets: bool = False
    strict_class_weights: bool = False
    sample_weight_replaces: bool = False


@dataclass(frozen=True)
class Generation:
    """What a generation of Keras means by a call that has no old keyword in it: the active dialect's tables.

    Arguments:
        name: the name that ``set_dialect`` takes.
        version: what ``keras.__version__`` says under ``as_keras``.
        order: a class's positional arguments, where they are not today's or where ``defaults`` need to know them.
        defaults: arguments given to a class that is called without them, where the default or the formula differed.
        words: by kind of argument (``activation``, ``initializer``, ...), what a name meant, where it differed.
        positional: how many positional arguments a class takes, where there was a limit.
        calls: functions and methods, as ``Class.method``.
        names: how layers and models are named that are given no name.
        habits: how models trained.
    """

    name: str
    version: str
    order: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    positional: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, Call] = field(default_factory=dict)
    names: Style = field(default_factory=Style)
    habits: Habits = field(default_factory=Habits)
