"""Learning rates that change with the step. Computed in Python floats: a schedule costs no tensor and no sync."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from lamina import registry
from lamina.display import Described
from lamina.registry import Table
from lamina.tracebacks import Made

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "get", "serialize",
]  # fmt: skip

SCHEDULES: Table[LearningRateSchedule] = Table("learning rate schedule", "keras.optimizers.schedules")


class LearningRateSchedule(Described, Made):
    """A learning rate by step. Your own subclass overrides ``__call__(step)``, and ``get_config()`` to be saved.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving()(2)
    0.025
    """

    # The constructor's arguments, which are the attributes and the config.
    settings: tuple[str, ...] = ()

    def __call__(self, step: Any) -> Any:
        """The rate at ``step`` (a number, or an array of them for a plot)."""
        if np.ndim(step):
            return np.array([self._at(float(each)) for each in step])
        return self._at(float(step))

    def _at(self, step: float) -> float:
        raise NotImplementedError(f"The learning rate schedule {type(self).__name__!r} must override "
                                  "`__call__(self, step)`.")  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        if not self.settings:
            raise NotImplementedError(f"The learning rate schedule {type(self).__name__!r} must override "
                                      "`get_config()` to be written into a file.")  # fmt: skip
        return {setting: getattr(self, setting) for setting in self.settings}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The schedule that :meth:`get_config` described."""
        return cls(**config)


def _check_positive(name: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"`{name}` must be > 0, and got {value!r}.")


@SCHEDULES.register()
class ExponentialDecay(LearningRateSchedule):
    """``initial * decay_rate ** (step / decay_steps)``.

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the steps after which the rate was multiplied by ``decay_rate`` once.
        decay_rate: the factor.
        staircase: whether the exponent is rounded down, so that the rate falls in steps.

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
    0.025
    """

    settings = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False,
                 name: str = "ExponentialDecay") -> None:  # fmt: skip
        _check_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _at(self, step: float) -> float:
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (math.floor(periods) if self.staircase else periods)


@SCHEDULES.register()
class InverseTimeDecay(LearningRateSchedule):
    """``initial / (1 + decay_rate * step / decay_steps)``.

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the steps of one period.
        decay_rate: how much the divisor grows in a period.
        staircase: whether periods count only when whole.

    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10)
    0.05
    """

    settings = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False,
                 name: str = "InverseTimeDecay") -> None:  # fmt: skip
        _check_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _at(self, step: float) -> float:
        periods = step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (math.floor(periods) if self.staircase else periods))


@SCHEDULES.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]``, where ``i`` is the number of boundaries that are below the step.

    Arguments:
        boundaries: the last step of each value but the last, in ascending order.
        values: the rates, one more than boundaries.

    >>> rate = PiecewiseConstantDecay([100, 200], [0.1, 0.05, 0.01])
    >>> rate(100), rate(101), rate(500)
    (0.1, 0.05, 0.01)
    """

    settings = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(f"There must be one boundary less than values, and got {len(boundaries)} boundaries and "
                             f"{len(values)} values.")  # fmt: skip
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def _at(self, step: float) -> float:
        return float(self.values[bisect_left(self.boundaries, step)])


@SCHEDULES.register()
class PolynomialDecay(LearningRateSchedule):
    """``(initial - end) * (1 - step / decay_steps) ** power + end``, and ``end`` after ``decay_steps``.

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the steps until the end.
        end_learning_rate: the last rate.
        power: the exponent; 1 is a straight line.
        cycle: whether, after the end, ``decay_steps`` is doubled, tripled, ... so that the rate rises and falls again.

    >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)
    0.05
    """

    settings = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(self, initial_learning_rate: float, decay_steps: float, end_learning_rate: float = 0.0001,
                 power: float = 1.0, cycle: bool = False, name: str = "PolynomialDecay") -> None:  # fmt: skip
        _check_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def _at(self, step: float) -> float:
        steps = float(self.decay_steps)
        if self.cycle:
            steps *= math.ceil(step / steps) or 1
        left = 1 - min(step, steps) / steps
        return (self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate


@SCHEDULES.register()
class CosineDecay(LearningRateSchedule):
    """Half a cosine wave from the initial rate down to ``alpha`` of it, after an optional linear warm-up.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016).

    Arguments:
        initial_learning_rate: the rate at step 0.
        decay_steps: the steps of the wave, after the warm-up.
        alpha: the part of the rate that is left at the end.
        warmup_target: the rate that the warm-up reaches and the wave starts from; ``None`` for no warm-up.
        warmup_steps: the steps of the warm-up.

    >>> CosineDecay(0.1, decay_steps=10)(5)
    0.05
    """

    settings = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0, name: str = "CosineDecay",
                 warmup_target: float | None = None, warmup_steps: float = 0) -> None:  # fmt: skip
        _check_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _at(self, step: float) -> float:
        peak = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return peak + (self.warmup_target - peak) * step / self.warmup_steps
            peak, step = self.warmup_target, step - self.warmup_steps
        wave = 0.5 * (1 + math.cos(math.pi * min(step / self.decay_steps, 1.0)))
        return peak * ((1 - self.alpha) * wave + self.alpha)


@SCHEDULES.register()
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves, one after another, each ``t_mul`` times as long and ``m_mul`` times as high as the one before.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016).

    Arguments:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: the steps of the first wave.
        t_mul: how much longer each wave is.
        m_mul: how much higher each wave starts.
        alpha: the part of the initial rate that is never gone below.

    >>> rate = CosineDecayRestarts(0.1, first_decay_steps=10)
    >>> rate(0), rate(10), rate(20)
    (0.1, 0.1, 0.05)
    """

    settings = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(self, initial_learning_rate: float, first_decay_steps: float, t_mul: float = 2.0, m_mul: float = 1.0,
                 alpha: float = 0.0, name: str = "SGDRDecay") -> None:  # fmt: skip
        _check_positive("first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def _at(self, step: float) -> float:
        waves = step / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = math.floor(waves)
            done = waves - restarts
        else:
            # Wave i starts after 1 + t_mul + ... + t_mul^(i-1) first waves. The tiny addend puts a step that is
            # exactly a start there, and not, by rounding of the logarithm, at the end of the wave before.
            restarts = math.floor(math.log(1 - waves * (1 - self.t_mul)) / math.log(self.t_mul) + 1e-9)
            length = self.t_mul**restarts
            done = (waves - (1 - length) / (1 - self.t_mul)) / length
        wave = 0.5 * self.m_mul**restarts * (1 + math.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


def get(identifier: Any) -> Any:
    """A schedule from a config, or the schedule itself."""
    return SCHEDULES.get(identifier)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """What Keras 3 writes for a schedule.

    >>> serialize(ExponentialDecay(0.1, 10, 0.5))["class_name"]
    'ExponentialDecay'
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule that :func:`serialize` wrote."""
    return SCHEDULES.deserialize(config, custom_objects)
