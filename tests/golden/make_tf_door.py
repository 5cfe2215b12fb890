"""Make ``tf_door.npz`` and ``tf_data.json``: what TensorFlow answers to the calls in ``tests/tf``, and their gradients.

In an environment of its own (``pip install tensorflow-cpu``): ``python tests/golden/make_tf_door.py``.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf  # pyright: ignore[reportMissingImports]

PLACE = Path(__file__).with_name("tf_door.npz")
sys.path.insert(0, str(PLACE.parents[1] / "tf"))
PIPELINES = PLACE.parents[1] / "tf" / "pipelines.txt"
from expressions import EXPRESSIONS, arrays  # noqa: E402  # pyright: ignore[reportMissingImports]


def flat(result: Any) -> list[Any]:
    """The arrays of a result."""
    if isinstance(result, tf.TensorShape):
        return [np.array(result.as_list(), "int32")]
    if isinstance(result, (list, tuple)):
        return [leaf for one in result for leaf in flat(one)]
    return [np.asarray(result)]


def gradients(expression: str) -> dict[str, Any]:
    """Of the sum of all numbers, times their places, by the arrays of fractions in it."""
    given = {name: tf.constant(value) for name, value in arrays().items()}
    watched = {name: one for name, one in given.items() if one.dtype == tf.float32}
    with tf.GradientTape() as tape:
        tape.watch(list(watched.values()))
        try:
            result = eval(expression, {"tf": tf, "np": np, **given})
        except (TypeError, ValueError, AttributeError) as error:  # a call that takes arrays alone
            print("no gradient:", expression, str(error)[:60])
            return {}
        parts = [one for one in tf.nest.flatten(result) if tf.is_tensor(one) and one.dtype == tf.float32]
        total = sum(
            (tf.reduce_sum(one * tf.reshape(tf.range(float(tf.size(one))), tf.shape(one)) / 10) for one in parts), 0.0
        )
    if not parts:
        return {}
    try:
        found = tape.gradient(total, watched)  # pyright: ignore
    except LookupError:  # TensorFlow has none
        return {}
    return {name: tf.convert_to_tensor(one).numpy() for name, one in found.items() if one is not None}


def plain(element: Any) -> Any:
    """An element as lists, with types and shapes."""
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, (list, tuple)):
        return [plain(value) for value in element]
    array = np.asarray(element)
    return {"numbers": array.tolist(), "dtype": str(array.dtype)}


def pipelines() -> dict[str, Any]:
    """What the data sets in ``tests/tf/pipelines.txt`` give first, and how long they are."""
    x, y = np.arange(12).reshape(6, 2).astype("float32"), np.arange(6)
    found = {}
    for line in PIPELINES.read_text().splitlines():
        dataset = eval(line, {"tf": tf, "np": np, "D": tf.data.Dataset, "x": x, "y": y})
        elements = [plain(one) for one in itertools.islice(iter(dataset), 12)]
        found[line] = {"elements": elements, "length": int(dataset.cardinality())}
    return found


def main() -> None:
    written: dict[str, Any] = {}
    for expression in EXPRESSIONS:
        result = eval(expression, {"tf": tf, "np": np, **arrays()})
        for place, value in enumerate(flat(result)):
            written[f"{expression}|{place}"] = value
        for name, value in gradients(expression).items():
            written[f"{expression}|d{name}"] = value
    np.savez_compressed(PLACE, **{f"{number:04}": value for number, value in enumerate(written.values())},
                        keys=np.array(list(written)))  # fmt: skip

    PLACE.with_name("tf_data.json").write_text(json.dumps(pipelines()) + "\n")


main()
