"""TensorFlow's functions of tensors in Keras 3's words: the numbers of ``lamina.tf``, which are TensorFlow's."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from lamina import tf
from lamina.dialects.tf_names import TF_OPS, TF_WORDS
from lamina.migrate import migrate
from lamina.tf.table import TABLE

for _part in ("arrays", "chance", "flow", "maths", "networks", "rows", "sizes", "values"):
    importlib.import_module(f"{tf.__name__}.{_part}")

X = torch.linspace(-1, 2, 24).reshape(2, 3, 4)
Y = torch.linspace(0.5, 1.5, 24).reshape(2, 3, 4).flip(-1)
NAMES = {"X": X, "Y": Y, "B": X > 0, "C": Y > 1, "I": torch.tensor([1, 0]), "W": torch.linspace(-1, 1, 8).reshape(4, 2)}
SOME = {
    "matmul": ["X[0], W", "a=X, b=W"], "linalg.matmul": ["X[0], W"], "tensordot": ["X, W, 1", "X, Y, axes=[[1, 2], [1, 2]]"],
    "einsum": ["'ijk,kl->ijl', X, W"], "concat": ["[X, Y], 1", "[X, Y], axis=-1", "values=[X, Y], axis=0"],
    "stack": ["[X, Y]", "[X, Y], axis=1"], "expand_dims": ["X, 1", "X, axis=-1", "input=X, axis=0"],
    "squeeze": ["X[:, :1], axis=1", "X[:1, :1]"], "reshape": ["X, (6, 4)", "X, shape=(2, -1)", "tensor=X, shape=(24,)"],
    "transpose": ["W", "X, perm=[0, 2, 1]", "X, (2, 0, 1)"], "cast": ["B, 'float32'", "X, dtype='int32'"],
    "where": ["B, X, Y", "condition=B, x=X, y=Y"], "gather": ["W, I", "params=W, indices=I"],
    "clip_by_value": ["X, 0, 1", "X, clip_value_min=-0.5, clip_value_max=0.5"], "one_hot": ["I, 3", "I, depth=2"],
    "zeros": ["(2, 3)"], "ones": ["shape=(2,)"], "tile": ["W, (1, 2)", "input=W, multiples=(2, 1)"],
    "constant": ["[1.0, 2.0]", "value=3.0"], "convert_to_tensor": ["[1.0, 2.0]"], "reverse": ["X, axis=[1]"],
    "nn.softmax": ["X", "X, axis=1", "logits=X"], "shape": ["X"], "rank": ["X"],
}  # fmt: skip
DRAWN = {"random.normal", "random.uniform", "random_normal", "random.set_seed"}


def calls_of(name):
    short = name.rpartition(".")[2]
    if name in SOME:
        return SOME[name]
    if short.startswith("reduce_"):
        x = "B" if short in ("reduce_any", "reduce_all") else "X"
        return [x, f"{x}, 1", f"{x}, axis=-1, keepdims=True", f"input_tensor={x}, axis=[0, 2], name='n'"]
    if short in ("logical_and", "logical_or"):
        return ["B, C"]
    if TF_OPS[name].order == "x y":
        return ["X, Y", "x=X, y=Y, name='n'"] if short != "pow" else ["Y, 2.0"]
    if short in ("gelu", "leaky_relu"):
        return ["X", f"X, {'approximate=True' if short == 'gelu' else 'alpha=0.1'}"]
    if short in ("argmax", "argmin", "cumsum"):
        return ["X", "X, axis=1"]
    return ["B"] if short == "logical_not" else ["Y"]


def migrated(code, to="keras3"):
    found = migrate(f"import tensorflow as tf\nvalue = {code}\n", to, "tf_keras")
    assert found.unsure == []
    assert "tf" not in found.source
    names = dict(NAMES)
    exec(compile(found.source, "migrated", "exec"), names)
    return names["value"]


def numbers(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray([int(one) for one in value])


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name in sorted(TF_OPS.keys() - DRAWN) for call in calls_of(name)]
)
def test_the_same_numbers(name, call):
    wanted = eval(f"f({call})", {**NAMES, "f": TABLE[name]})
    for to in ("keras3", "lamina"):
        found = migrated(f"tf.{name}({call})", to)
        if name in ("shape", "rank"):
            assert np.array_equal(np.asarray(found), np.asarray(wanted))
            continue
        assert numbers(found).shape == numbers(wanted).shape
        np.testing.assert_allclose(
            numbers(found).astype("float64"), numbers(wanted).astype("float64"), rtol=1e-5, atol=1e-6
        )


def test_what_is_drawn():
    values = numbers(migrated("tf.random.normal((500,), 2.0, stddev=0.1)"))
    assert abs(values.mean() - 2) < 0.05
    assert 1 <= numbers(migrated("tf.random.uniform((500,), 1, 2)")).min() < 1.1


def test_words():
    assert migrated("X[:, tf.newaxis]").shape == (2, 1, 3, 4)
    assert migrated("tf.cast(X, tf.int32)").dtype is torch.int32
    assert {migrated(f"tf.{word}") for word in TF_WORDS if word != "newaxis"} == set(TF_WORDS) - {"newaxis"}


@pytest.mark.parametrize(
    "call", ["tf.matmul(X, Y, transpose_b=True)", "tf.nn.conv2d(X, Y)", "tf.where(X)", "tf.concat(*a)"]
)
def test_what_has_no_counterpart(call):
    source = f"import tensorflow as tf\nvalue = {call}\n"
    found = migrate(source, "lamina", "tf_keras")
    assert [line for line, _ in found.unsure] == [2]
    assert f"import tensorflow as tf\n# lamina: {found.unsure[0][1]}\nvalue = {call}\n" == found.source


@pytest.mark.parametrize("line", ["tf.data.Dataset.range(3)", "with tf.GradientTape() as tape: pass", "tf.Variable(3)"])
def test_a_file_with_tensors_of_tensorflow_s_own_is_left_to_it(line):
    source = f"import tensorflow as tf\n{line}\ny = tf.square(x)\n"
    found = migrate(source, "keras3", "tf_keras")
    assert (found.source, found.unsure) == (source, [])
    assert "tf.square takes Keras 3's tensors on TensorFlow only." in [sentence for _, sentence in found.differs]
