"""tf.data: what data sets give beside TensorFlow's own, and that fit, evaluate and predict take them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.compat import as_keras

HERE = Path(__file__)
EXPECTED = json.loads((HERE.parents[1] / "golden" / "tf_data.json").read_text())
X, Y = np.arange(12).reshape(6, 2).astype("float32"), np.arange(6)


@pytest.fixture(scope="module")
def tf():
    with as_keras("tf_keras"):
        import tensorflow  # pyright: ignore[reportMissingModuleSource]

        yield tensorflow


def plain(element: Any) -> Any:
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, (list, tuple)):
        return [plain(value) for value in element]
    array = np.asarray(element)
    return {"numbers": array.tolist(), "dtype": str(array.dtype)}


@pytest.mark.parametrize("line", HERE.with_name("pipelines.txt").read_text().splitlines())
def test_elements(tf, line):
    dataset = eval(line, {"tf": tf, "np": np, "D": tf.data.Dataset, "x": X, "y": Y})
    elements = [plain(one) for one in itertools.islice(iter(dataset), 12)]
    assert elements == EXPECTED[line]["elements"]
    assert int(dataset.cardinality()) == EXPECTED[line]["length"]
    assert [plain(one) for one in itertools.islice(iter(dataset), 12)] == elements, "a second pass"


def rows(dataset: Any) -> list[int]:
    return [int(one) for one in dataset]


def test_shuffling(tf):
    dataset = tf.data.Dataset.range(50).shuffle(50)
    first, second = rows(dataset), rows(dataset)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    same = tf.data.Dataset.range(50).shuffle(50, seed=3, reshuffle_each_iteration=False)
    assert rows(same) == rows(same) == rows(tf.data.Dataset.range(50).shuffle(50, seed=3))
    near = rows(tf.data.Dataset.range(50).shuffle(5))
    assert sorted(near) == list(range(50))
    assert all(number <= place + 4 for place, number in enumerate(near)), "an element waits among five"
    tf.random.set_seed(1)
    drawn = rows(tf.data.Dataset.range(20).shuffle(20))
    tf.random.set_seed(1)
    assert rows(tf.data.Dataset.range(20).shuffle(20)) == drawn


def test_random_functions_after_a_cache(tf):
    noise = tf.data.Dataset.range(3).map(lambda _: tf.random.uniform(()))
    kept = noise.cache()
    assert [float(one) for one in kept] == [float(one) for one in kept]
    assert [float(one) for one in noise] != [float(one) for one in noise]


def test_a_cache_keeps_the_order(tf):
    kept = tf.data.Dataset.range(30).shuffle(30).cache().batch(7)
    assert [one.tolist() for one in kept] == [one.tolist() for one in kept]


def test_what_is_not_there_says_what_to_write(tf):
    with pytest.raises(AttributeError) as error:
        tf.data.Dataset.range(3).make_one_shot_iterator()
    assert str(error.value) == "tf.data.Dataset has no 'make_one_shot_iterator' in lamina: iter(dataset) does."
    with pytest.raises(ValueError, match=r"one shape, and got \[\(1,\), \(2,\)\]; padded_batch makes them equal"):
        list(tf.data.Dataset.from_generator(lambda: ([1.0] * n for n in (1, 2)), output_types=tf.float32).batch(2))
    with pytest.raises(TypeError, match="for ever"):
        len(tf.data.Dataset.range(3).repeat())


def model_of(tf: Any) -> Any:
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.layers.Dense(4, activation="tanh"), tf.keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_fit_evaluate_and_predict(tf):
    draw = np.random.RandomState(0)
    x, y = draw.rand(70, 3).astype("float32"), draw.rand(70, 1)
    data = tf.data.Dataset.from_tensor_slices((x, y))
    batches = data.batch(16).prefetch(tf.data.AUTOTUNE)
    expected = model_of(tf).fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(x, y))
    model = model_of(tf)
    found = model.fit(batches, epochs=3, verbose=0, validation_data=batches)
    for name, values in expected.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-5)
    np.testing.assert_allclose(model.predict(batches, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.evaluate(batches, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5)
    endless = data.shuffle(70).repeat().batch(16).map(lambda a, b: (a * 1.0, b))
    history = model.fit(endless, epochs=2, steps_per_epoch=3, verbose=0, validation_data=endless, validation_steps=2)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(endless, steps=2, verbose=0).shape == (32, 1)
    assert model.evaluate(endless, steps=2, verbose=0)[0] > 0


def test_several_inputs(tf):
    first, second = tf.keras.Input((2,), name="first"), tf.keras.Input((3,), name="second")
    total = tf.keras.layers.Dense(1)(tf.keras.layers.concatenate([first, second]))
    model = tf.keras.Model([first, second], total)
    model.compile("sgd", "mse")
    a, b, y = np.ones((8, 2), "float32"), np.zeros((8, 3), "float32"), np.ones((8, 1))
    for inputs in ((a, b), {"first": a, "second": b}):
        data = tf.data.Dataset.from_tensor_slices((inputs, y)).batch(4)
        assert len(model.fit(data, verbose=0, epochs=2).history["loss"]) == 2
