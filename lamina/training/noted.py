"""What ``fit`` notes of a run beside its curves, so that they can be judged: the rows, the baseline, the model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Rows:
    """The rows of training, or those of validation. What is not known is ``None``.

    Attributes:
        count: how many rows there are in an epoch.
        shares: the share of each class; of several labels, the share of rows that have it.
        mean, scale: of a regression's targets: the mean and the standard deviation.
        baseline: the loss, on these rows, of the constant answer that is best in training (without penalties).
        spread: the standard deviation of that loss from row to row.
        majority: the accuracy, on these rows, of always saying what is the commonest in training.

    >>> Rows(count=100, shares=[0.7, 0.3], majority=0.7).majority
    0.7
    """

    count: int | None = None
    shares: list[float] | None = None
    mean: float | None = None
    scale: float | None = None
    baseline: float | None = None
    spread: float | None = None
    majority: float | None = None


@dataclass
class Noted:
    """What ``fit`` notes of a run: ``history.noted``. Plain numbers and words; ``None`` where ``fit`` can't know.

    Attributes:
        training, validation: the rows of each; ``validation`` is ``None`` without any.
        task: ``"classification"``, ``"binary"``, ``"multi-label"``, ``"regression"``, ``"several outputs"`` or
            ``"unknown"``.
        classes: how many classes or labels there are.
        loss: the name of the loss.
        batch_size: rows in a step.
        split: the part that ``validation_split`` cut off the end of the data.
        weighted: whether rows or classes have weights in the training loss.
        shift: how far apart the means of an input in training and validation are, in standard deviations: that of the
            input that differs the most, where it is more than chance; else 0.
        stretch: the spread of the inputs in validation, as a multiple of that in training.
        leaked: the part of the validation rows that are training rows as well.
        weights: how many numbers training changes.
        dropout: the rates of the model's dropout layers.
        normalized, penalized, noisy: whether the model has BatchNormalization, penalties on weights (or weight decay),
            layers that disturb or vary their inputs (noise, augmentation).
        momentum: of BatchNormalization's moving averages, the slowest one's.
        optimizer, learning_rate: its name, and the rate at the end.
        steps_before: how many steps the optimizer had made before this run.
        penalties: what penalties on weights added to the loss, after each epoch; empty when there are none.
        extra_loss: whether layers add losses of their own, which no baseline knows.
        restored: the epoch, counted from 1, whose weights the model was given back at the end.
        ended: ``"finished"``, ``"early stopping"``, ``"stopped"`` (by another callback) or ``"interrupted"``.

    >>> Noted(Rows(800), Rows(200), task="binary", loss="binary_crossentropy").validation.count
    200
    """

    training: Rows = field(default_factory=Rows)
    validation: Rows | None = None
    task: str = "unknown"
    classes: int | None = None
    loss: str | None = None
    batch_size: int | None = None
    split: float | None = None
    weighted: bool = False
    shift: float | None = None
    stretch: float | None = None
    leaked: float | None = None
    weights: int | None = None
    dropout: list[float] = field(default_factory=list)
    normalized: bool = False
    momentum: float | None = None
    penalized: bool = False
    noisy: bool = False
    optimizer: str | None = None
    learning_rate: float | None = None
    steps_before: int = 0
    penalties: list[float] = field(default_factory=list)
    extra_loss: bool = False
    restored: int | None = None
    ended: str | None = None
