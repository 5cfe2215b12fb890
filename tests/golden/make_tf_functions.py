"""Make ``tf_functions.npz``: functions of TensorFlow in functional models, as tf_keras 2.21 writes them, with what they answer.

In an environment of its own (``pip install tf_keras==2.21.0 tensorflow-cpu``): ``python tests/golden/make_tf_functions.py``.
Each function is written twice: as ``TFOpLambda`` layers, and (``NAME@graph``, made without eager execution, as TensorFlow 2.0
to 2.3 did it) as ``TensorFlowOpLayer``s. ``tests/saving/test_tf_operations.py`` reads them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf  # pyright: ignore[reportMissingImports]
import tf_keras as keras  # pyright: ignore[reportMissingImports]

PLACE = Path(__file__).with_name("tf_functions.npz")
m, nn, K = tf.math, tf.nn, keras.backend
CASES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...], str]] = {}


def add(name: str, function: Callable[..., Any], *shapes: tuple[int, ...], dtype: str = "float32") -> None:
    CASES[name] = function, shapes or ((4, 6),), dtype


def number(x: Any) -> Any:
    return tf.cast(x, tf.float32)


UNARY = """
    mean sum max min prod std variance logsumexp euclidean_norm
"""
PAIR, PICTURE = ((4, 6), (4, 6)), (8, 8, 3)
for name in [
    "abs",
    "exp",
    "expm1",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "sign",
    "floor",
    "ceil",
    "round",
    "square",
    "erf",
    "negative",
    "softplus",
    "softsign",
    "asinh",
    "atan",
    "is_nan",
    "is_finite",
    "is_inf",
    "log_sigmoid",
    "erfc",
    "rint",
    "bessel_i0",
]:
    add(f"math.{name}", getattr(m, name))
for name in ["log", "sqrt", "rsqrt", "log1p", "reciprocal", "acosh", "reciprocal_no_nan"]:
    add(f"math.{name}", lambda x, name=name: getattr(m, name)(m.abs(x) + 1.5))
for name in ["acos", "asin", "atanh", "erfinv"]:
    add(f"math.{name}", lambda x, name=name: getattr(m, name)(m.tanh(x) * 0.9))
for name in [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "squared_difference",
    "atan2",
    "floordiv",
    "floormod",
    "divide_no_nan",
    "multiply_no_nan",
    "xlogy",
]:
    add(f"math.{name}", getattr(m, name), *PAIR)
    add(f"math.{name}:number", lambda x, name=name: getattr(m, name)(x, 2.0))
    add(f"math.{name}:first", lambda x, name=name: getattr(m, name)(2.0, m.abs(x) + 1))
for name in ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]:
    add(f"math.{name}", lambda x, y, name=name: number(getattr(m, name)(x, y)), *PAIR)
for name in ["logical_and", "logical_or", "logical_xor"]:
    add(f"math.{name}", lambda x, y, name=name: number(getattr(m, name)(x > 0, y > 0)), *PAIR)
for name in UNARY.split():
    add(f"reduce_{name}", lambda x, name=name: getattr(m, f"reduce_{name}")(x, axis=1))
    add(f"reduce_{name}:kept", lambda x, name=name: getattr(m, f"reduce_{name}")(x, axis=[1, 2], keepdims=True))
for name in [
    "relu",
    "relu6",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "silu",
    "gelu",
    "softmax",
    "log_softmax",
    "leaky_relu",
    "crelu",
]:
    add(f"nn.{name}", getattr(nn, name))
for name, function in {
    "any": lambda x: number(m.reduce_any(x > 0, axis=1)), "argmax": lambda x: tf.argmax(x, axis=-1),
    "argmax:int32": lambda x: tf.argmax(x, axis=-1, output_type=tf.int32), "cumsum": lambda x: tf.cumsum(x, axis=1),
    "cumsum:back": lambda x: tf.cumsum(x, axis=1, exclusive=True, reverse=True), "pow": lambda x: x**2,
    "and": lambda x: number((x > 0) & (x < 1)), "or": lambda x: number((x > 1) | (x < 0)), "not": lambda x: number(~(x > 0)),
    "matmul": lambda x: tf.matmul(x, x, transpose_b=True), "at": lambda x: x @ tf.transpose(x, (0, 2, 1)),
    "tensordot": lambda x: tf.tensordot(x, tf.ones((6, 2)), axes=1), "numbers": lambda x: x * np.arange(6, dtype="float32"),
    "numbers:first": lambda x: tf.constant([1.0, 2, 3, 4, 5, 6]) - x, "reshape": lambda x: tf.reshape(x, (-1, 24)),
    "reshape:shape": lambda x: tf.reshape(x, (tf.shape(x)[0], 24)),
    "reshape:sizes": lambda x: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[2], tf.shape(x)[1]]),
    "transpose": lambda x: tf.transpose(x, [0, 2, 1]), "expand": lambda x: tf.expand_dims(x, -1),
    "squeeze": lambda x: tf.squeeze(tf.expand_dims(x, 1), 1), "split": lambda x: tf.split(x, 2, axis=-1)[1],
    "split:sizes": lambda x: tf.split(x, [1, 2, 3], axis=2)[2], "unstack": lambda x: tf.unstack(x, axis=1)[1],
    "tile": lambda x: tf.tile(x, [1, 2, 1]), "gather": lambda x: tf.gather(x, [0, 2], axis=1),
    "where": lambda x: tf.where(x > 0, x, tf.zeros_like(x)), "where:number": lambda x: tf.where(x > 0, x, 0.5),
    "clip": lambda x: tf.clip_by_value(x, -0.5, 0.5), "l2_normalize": lambda x: m.l2_normalize(x, axis=-1),
    "norm": lambda x: tf.norm(x, axis=-1), "ones_like": tf.ones_like, "identity": tf.identity, "stop": tf.stop_gradient,
    "cast": lambda x: tf.cast(tf.cast(x, tf.int32), "float32"), "bias_add": lambda x: nn.bias_add(x, tf.range(6.0)),
    "leaky:alpha": lambda x: nn.leaky_relu(x, alpha=0.3), "softmax:axis": lambda x: nn.softmax(x, axis=1),
    "gelu:tanh": lambda x: nn.gelu(x, approximate=True), "roll": lambda x: tf.roll(x, [1, 2], axis=[1, 2]),
    "top_k": lambda x: m.top_k(x, k=2)[0], "sort": lambda x: tf.sort(x, direction="DESCENDING"),
    "argsort": lambda x: number(tf.argsort(x, axis=1)), "size": lambda x: x / number(tf.shape(x)[1]),
    "zeros": lambda x: x + tf.zeros(tf.shape(x)) + tf.ones([tf.shape(x)[0], 4, 6]), "fill": lambda x: x + tf.fill([4, 6], 2.0),
    "range": lambda x: x + number(tf.range(tf.shape(x)[2])), "band": lambda x: tf.linalg.band_part(x, -1, 0),
    "slice": lambda x: tf.slice(x, [0, 1, 0], [-1, 2, -1]), "index": lambda x: x[:, ::2, 1],
    "index:new": lambda x: x[:, :-1, None],
    "index:rest": lambda x: x[..., 0], "moments": lambda x: sum(nn.moments(x, axes=[1, 2], keepdims=True)),
    "K.relu": lambda x: K.relu(x, alpha=0.1, max_value=2.0), "K.repeat": lambda x: K.repeat_elements(x, 2, axis=1),
    "K.l2_normalize": lambda x: K.l2_normalize(x, axis=1), "K.hard_sigmoid": keras.activations.hard_sigmoid,
    "K.batch_flatten": K.batch_flatten, "K.std": lambda x: K.std(x, axis=1), "mish": lambda x: x * m.tanh(m.softplus(x)),
}.items():  # fmt: skip
    add(name, function)
add("concat", lambda x, y: tf.concat([x, y], axis=-1), *PAIR)
add("stack", lambda x, y: tf.stack([x, y], axis=1), *PAIR)
add("add_n", lambda x, y: tf.add_n([x, y]), *PAIR)
add("K.batch_dot", lambda x, y: K.batch_dot(x, y, axes=(2, 2)), *PAIR)
add("inverse", lambda x: tf.linalg.inv(x + 10 * tf.eye(4)), (4, 4))
add("one_hot", lambda x: tf.one_hot(x, 5), (4,), dtype="int32")
add("one_hot:values", lambda x: tf.one_hot(x, 5, on_value=2.0, off_value=-1.0), (4,), dtype="int32")
for name, function in {
    "max_pool": lambda x: nn.max_pool(x, ksize=3, strides=2, padding="VALID"),
    "avg_pool": lambda x: nn.avg_pool2d(x, ksize=[2, 2], strides=[1, 1], padding="SAME"),
    "conv2d": lambda x: nn.conv2d(x, tf.ones((3, 3, 3, 2)) * 0.1, strides=1, padding="SAME"),
    "depthwise": lambda x: nn.depthwise_conv2d(x, tf.ones((3, 3, 3, 1)) * 0.1, [1, 1, 1, 1], "SAME"),
    "resize": lambda x: tf.image.resize(x, (16, 12)), "resize:nearest": lambda x: tf.image.resize(x, (4, 6), method="nearest"),
    "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]]), "flip": tf.image.flip_left_right,
    "pad:reflect": lambda x: tf.pad(x, [[0, 0], [1, 2], [1, 1], [0, 0]], mode="REFLECT"),
    "pad:value": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 0], [0, 0]], constant_values=2.0),
    "space_to_depth": lambda x: nn.space_to_depth(x, 2), "reverse": lambda x: tf.reverse(x, axis=[1]),
    "bgr": lambda x: x[..., ::-1],
    "gray": tf.image.rgb_to_grayscale, "standardization": tf.image.per_image_standardization,
}.items():  # fmt: skip
    add(name, function, PICTURE)
add("depth_to_space", lambda x: nn.depth_to_space(x, 2), (4, 4, 8))
# What is not read in graphs' words.
LAMBDA_ONLY = {"gray", "standardization", "tensordot"}


def make(ending: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, (function, shapes, dtype) in CASES.items():
        if ending and name in LAMBDA_ONLY:
            continue
        K.clear_session()
        rng = np.random.default_rng(0)
        inputs = [keras.Input(shape, dtype=dtype) for shape in shapes]
        model = keras.Model(inputs if len(inputs) > 1 else inputs[0], function(*inputs))
        x = [rng.integers(0, 5, (2, *shape)).astype(dtype) if dtype == "int32" else
             rng.standard_normal((2, *shape)).astype(dtype) for shape in shapes]  # fmt: skip
        y = tf.nest.flatten(model.predict(x if len(x) > 1 else x[0], verbose=0))
        key = name + ending
        made |= {f"{key}/x{number}": value for number, value in enumerate(x)}
        made |= {f"{key}/y{number}": np.asarray(value) for number, value in enumerate(y)}
        made[f"{key}/json"] = np.array(model.to_json())
    return made


def pack(made: dict[str, Any]) -> dict[str, Any]:
    """One text and one array: hundreds of small ones would take three times the room."""
    texts, shapes, arrays = {}, {}, []
    for key, value in made.items():
        if key.endswith("/json"):
            texts[key.removesuffix("/json")] = str(value)
        else:
            shapes[key] = [list(value.shape), value.dtype.name]
            arrays.append(np.asarray(value, "float32").ravel())
    text = json.dumps({"texts": texts, "shapes": shapes}).encode()
    return {"text": np.frombuffer(text, np.uint8), "numbers": np.concatenate(arrays)}


def main() -> None:
    if len(sys.argv) > 1:  # in a process of its own
        tf.compat.v1.disable_eager_execution()
        np.savez(sys.argv[1], **make("@graph"))
        return
    part = PLACE.with_name("graph.npz")
    subprocess.run([sys.executable, __file__, str(part)], check=True)
    np.savez_compressed(PLACE, **pack(make("") | dict(np.load(part))))
    part.unlink()


if __name__ == "__main__":
    main()
