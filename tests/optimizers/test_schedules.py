"""Learning-rate schedules against Keras 3, at many steps."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from lamina.optimizers import SGD, schedules

CASES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 2.0, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [10, 20], "values": [0.1, 0.05, 0.01]}),
    ("PiecewiseConstantDecay", {"boundaries": [33], "values": [1.0, 0.5]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "end_learning_rate": 0.02, "power": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 13, "power": 2.0, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 40}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 40, "alpha": 0.3}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 40, "warmup_target": 0.1, "warmup_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10, "t_mul": 1.0, "m_mul": 0.8}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.5, "alpha": 0.1}),
]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_follows_keras(name: str, settings: dict[str, Any]) -> None:
    import keras

    ours = getattr(schedules, name)(**settings)
    theirs = getattr(keras.optimizers.schedules, name)(**settings)
    steps = range(100)
    np.testing.assert_allclose(ours(np.array(steps)), [float(theirs(step)) for step in steps], rtol=2e-5, atol=2e-7)
    assert type(ours(5)) is float


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_config_is_that_of_keras(name: str, settings: dict[str, Any]) -> None:
    import keras

    ours = getattr(schedules, name)(**settings)
    written = schedules.serialize(ours)
    assert written == keras.optimizers.schedules.serialize(getattr(keras.optimizers.schedules, name)(**settings))
    again = schedules.deserialize(written)
    assert type(again) is type(ours)
    assert again(17) == ours(17)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_signature_is_that_of_keras(name: str) -> None:
    import keras

    ours, theirs = (inspect.signature(getattr(module, name).__init__) for module in
                    (schedules, keras.optimizers.schedules))  # fmt: skip
    assert [(key, value.default) for key, value in ours.parameters.items()] == \
           [(key, value.default) for key, value in theirs.parameters.items()]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), [
    (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0, and got 0."),
    (lambda: schedules.CosineDecayRestarts(0.1, -1), "`first_decay_steps` must be > 0, and got -1."),
    (lambda: schedules.PiecewiseConstantDecay([1], [0.1]),
     "There must be one boundary less than values, and got 1 boundaries and 1 values."),
])  # fmt: skip
def test_refuses(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        make()
    assert str(caught.value) == message


def test_a_schedule_of_ones_own() -> None:
    class Half(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.5 / (1 + step)

    optimizer = SGD(Half())
    optimizer.iterations = 4
    assert float(optimizer.learning_rate) == 0.1
    with pytest.raises(NotImplementedError) as caught:
        optimizer.get_config()
    assert str(caught.value) == ("The learning rate schedule 'Half' must override `get_config()` to be written into a "
                                 "file.")  # fmt: skip
    with pytest.raises(NotImplementedError) as caught:
        schedules.LearningRateSchedule()(3)
    assert str(caught.value) == ("The learning rate schedule 'LearningRateSchedule' must override "
                                 "`__call__(self, step)`.")  # fmt: skip
