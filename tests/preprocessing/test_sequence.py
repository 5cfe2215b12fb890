"""keras.preprocessing.sequence: beside Keras 3's, with the same random numbers of NumPy and Python."""

from __future__ import annotations

import json
import random
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import sequence as keras_sequence

import lamina
from lamina.layers import LSTM, Dense
from lamina.preprocessing import sequence
from lamina.preprocessing.sequence import TimeseriesGenerator, timeseries_generator_from_json

ROWS: list[Any] = [[1], [2, 3, 4], [], [5, 6]]
STEPS = np.arange(60.0).reshape(30, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"maxlen": 2},
        {"maxlen": 5, "padding": "post", "truncating": "post", "value": -1, "dtype": "float32"},
        {"maxlen": 2, "truncating": "post"},
        {"value": "pad", "dtype": object},
    ],
)
def test_pad_sequences_is_keras_s(arguments: dict[str, Any]):
    for rows in (ROWS, [np.ones((2, 3)), np.zeros((4, 3))], []):
        if rows or arguments.get("maxlen"):
            found, expected = (
                pad(rows, **arguments) for pad in (lamina.utils.pad_sequences, keras.utils.pad_sequences)
            )
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sequence.pad_sequences(7), "a list of sequences, and got int"),
        (lambda: sequence.pad_sequences([[1], 2]), "and number 1 is 2"),
        (lambda: sequence.pad_sequences(ROWS, value="x"), "pass dtype=object"),
        (lambda: sequence.pad_sequences(ROWS, padding="left"), "padding='pre' or 'post', and got 'left'"),
        (lambda: sequence.pad_sequences([np.ones((1, 2)), np.ones((1, 3))]), "must have one shape; sequence 1"),
        (lambda: TimeseriesGenerator(STEPS, STEPS[1:], 3), "a target for each step, and got 30 steps and 29 targets"),
        (lambda: TimeseriesGenerator(STEPS, STEPS, 30), "No window of length=30 fits"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_sampling_tables_are_keras_s():
    np.testing.assert_array_equal(sequence.make_sampling_table(50), keras_sequence.make_sampling_table(50))


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 3},
        {"shuffle": False, "negative_samples": 2.5},
        {"seed": 1, "categorical": True, "sampling_table": keras_sequence.make_sampling_table(50) ** 0.2},
        {"seed": 0, "negative_samples": 0, "window_size": 1},
    ],
)
def test_skipgrams_are_keras_s(arguments: dict[str, Any]):
    found = []
    for module in (sequence, keras_sequence):
        random.seed(5)
        found.append((module.skipgrams(list(range(10)) * 2, 50, **arguments), random.random()))
    assert found[0] == found[1]


def test_skipgrams_draw_a_seed_where_none_is_given():
    """Which Keras can't in today's Python: its random.randint refuses a float."""
    random.seed(5)
    found = sequence.skipgrams(list(range(10)), 50)
    random.seed(5)
    words = [couple[0] for couple in sequence.skipgrams(list(range(10)), 50, negative_samples=0, shuffle=False)[0]]
    random.seed(5)
    random.shuffle(words)
    for _ in words:
        random.randint(1, 49)
    seed = random.randint(0, 10**7)
    random.seed(5)
    assert found == sequence.skipgrams(list(range(10)), 50, seed=seed)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"batch_size": 4, "stride": 3, "sampling_rate": 2},
        {"shuffle": True, "batch_size": 3},
        {"reverse": True, "start_index": 3, "end_index": 20, "batch_size": 5},
    ],
)
def test_windows_of_time_series_are_keras_s(arguments: dict[str, Any]):
    found = []
    for module in (sequence, keras_sequence):
        np.random.seed(0)
        windows = module.TimeseriesGenerator(STEPS, STEPS[:, 0], 6, **arguments)
        found.append([part for number in range(len(windows)) for part in windows[number]])
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_time_series_as_json():
    """In keras_preprocessing's form, whose start_index has the first window's length in it already."""
    windows = TimeseriesGenerator(STEPS, STEPS[:, 0].tolist(), 6, batch_size=4, reverse=True)
    said = json.loads(windows.to_json())
    assert said["class_name"] == "TimeseriesGenerator"
    assert said["config"] == {
        "data": json.dumps(STEPS.tolist()), "targets": json.dumps(STEPS[:, 0].tolist()), "length": 6, "sampling_rate": 1,
        "stride": 1, "start_index": 6, "end_index": 29, "shuffle": False, "reverse": True, "batch_size": 4,
    }  # fmt: skip
    again = timeseries_generator_from_json(windows.to_json())
    assert (again.start_index, again.end_index) == (12, 29)
    with pytest.raises(TypeError, match="must be numbers"):
        TimeseriesGenerator([object()] * 3, [1, 2, 3], 1).to_json()


def test_models_train_on_windows():
    lamina.utils.set_random_seed(0)
    model = lamina.Sequential([LSTM(4, input_shape=(6, 2)), Dense(1)])
    model.compile("adam", "mse")
    windows = TimeseriesGenerator(STEPS / 60, STEPS[:, 0] / 60, 6, batch_size=8)
    losses = model.fit_generator(windows, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert model.predict_generator(windows).shape == (24, 1)
