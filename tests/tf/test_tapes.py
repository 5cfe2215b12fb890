"""GradientTape, the words of tensors, and what stands beside them: as TensorFlow has it, or beside plain torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from lamina.compat import as_keras


@pytest.fixture(scope="module")
def tf():
    with as_keras("tf_keras"):
        import tensorflow  # pyright: ignore[reportMissingModuleSource]

        yield tensorflow


# ---- tapes ---------------------------------------------------------------------------------------------------------


def test_gradients_by_variables_structures_and_weights(tf):
    w, b, other = tf.Variable([[2.0], [3.0]]), tf.Variable([1.0]), tf.Variable(1.0)
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.matmul(x, w) + b
        loss = tf.reduce_sum(y * y)
    grads = tape.gradient(loss, {"w": w, "pair": (b, other)})
    assert grads["w"].numpy().tolist() == [[18.0], [36.0]]
    assert grads["pair"][0].numpy().tolist() == [18.0]
    assert grads["pair"][1] is None
    assert float(tape.gradient(loss, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)) == 0.0
    assert tape.gradient(y, b, output_gradients=tf.constant([[3.0]])).numpy().tolist() == [3.0]
    assert tape.gradient([loss, y], b).numpy().tolist() == [19.0], "of several targets the sum"


def test_a_tape_gives_gradients_once(tf):
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v
    assert float(tape.gradient(y, v)) == 4.0
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, v)


def test_watched_tensors_are_plain_afterwards(tf):
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x**3)
    assert tape.gradient(y, x).numpy().tolist() == [3.0, 12.0]
    assert not x.requires_grad
    with tf.GradientTape() as tape, tape.stop_recording():
        y = tf.Variable(1.0) * 2
    assert not y.requires_grad


def test_tapes_in_tapes(tf):
    x = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
        penalty = (first - 1.0) ** 2
    assert float(first) == 27.0
    assert float(outer.gradient(penalty, x)) == 2 * 26 * 18


def test_two_tapes_beside_each_other(tf):
    """A generator's and a discriminator's: both go through what they share."""
    g, d = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as of_g, tf.GradientTape() as of_d:
        fake = tf.sigmoid(g)
        said = tf.sigmoid(d * fake)
        loss_g, loss_d = -tf.math.log(said), -tf.math.log(1 - said)
    grad_g, grad_d = of_g.gradient(loss_g, g), of_d.gradient(loss_d, d)
    plain_g, plain_d = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    said = torch.sigmoid(plain_d * torch.sigmoid(plain_g))
    torch.testing.assert_close(grad_g, torch.autograd.grad(-said.log(), plain_g, retain_graph=True)[0])
    torch.testing.assert_close(grad_d, torch.autograd.grad(-(1 - said).log(), plain_d)[0])
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss_d, d)  # what torch had noted is gone: nothing is kept for ever


def test_weights_that_changed_before_their_gradient(tf):
    g, d = tf.Variable([2.0]), tf.Variable([3.0])
    with tf.GradientTape() as of_g, tf.GradientTape() as of_d:
        loss = tf.reduce_sum(tf.exp(g) * d * d)
    tf.keras.optimizers.SGD(0.1).apply_gradients([(of_d.gradient(loss, d), d)])
    with pytest.raises(RuntimeError, match="before the first apply_gradients"):
        of_g.gradient(loss, g)


def test_jacobians(tf):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    whole = tape.jacobian(y, x)
    assert whole.shape == (2, 2, 2, 2)
    assert float(whole[1, 0, 1, 0]) == 6.0
    assert whole.numpy().sum() == 20.0
    assert tape.batch_jacobian(y, x).numpy().tolist() == [[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 8.0]]]


def test_gradients_of_one_s_own(tf):
    @tf.custom_gradient
    def doubled(x):
        return tf.identity(x), lambda upstream: upstream * 2

    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = doubled(v * v)
    assert float(tape.gradient(y, v)) == 12.0


def test_symbolic_tensors_have_no_tape(tf):
    with pytest.raises(TypeError, match=r"K\.gradients"), tf.GradientTape() as tape:
        tape.watch(tf.keras.Input((2,)))


# ---- words ---------------------------------------------------------------------------------------------------------


def test_numbers_of_what_has_a_gradient(tf):
    v = tf.Variable([1.0, 2.0])
    y = tf.reduce_sum(v * 2)
    assert isinstance(y.numpy(), np.float32)
    assert float(y) == 6.0
    assert (v * 2).numpy().tolist() == [2.0, 4.0]
    assert np.mean(v * 2) == 3.0
    assert np.argmax(v) == 1
    assert np.asarray(v * 1.0).tolist() == np.array(v).tolist() == [1.0, 2.0]
    assert (v * 1).eval().tolist() == [1.0, 2.0]
    assert v.get_shape().as_list() == [2]
    with pytest.raises(ValueError, match="set_shape"):
        v.set_shape([3])


def test_arrays_and_lists_beside_tensors_keep_the_gradient(tf):
    a = np.array([1.0, 2.0, 4.0])
    for compute in (lambda x: a * x, lambda x: x * a, lambda x: a - x, lambda x: x / a, lambda x: a**x, lambda x: a @ x,
                    lambda x: np.float64(2) * x, lambda x: x - np.float32(1), lambda x: [1.0, 2.0, 4.0] * x,
                    lambda x: x + [1, 2, 3], lambda x: np.exp(x), lambda x: np.maximum(x, a)):  # fmt: skip
        x = tf.Variable([1.0, 3.0, 3.5])
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(compute(x))
        assert y.dtype == tf.float32
        number = x.detach().numpy().astype(float)
        step = np.eye(3) * 1e-6
        slopes = [
            (np.sum(_of_arrays(compute, number + one)) - np.sum(_of_arrays(compute, number - one))) / 2e-6
            for one in step
        ]
        np.testing.assert_allclose(tape.gradient(y, x), slopes, rtol=1e-3, atol=1e-3)


def _of_arrays(compute, x):
    return np.asarray(compute(torch.tensor(x)).detach())


def test_in_place_arithmetic_makes_a_new_tensor(tf):
    x = tf.constant([1.0, 2.0])
    y = x
    y += 1
    y *= [2.0, 3.0]
    assert x.numpy().tolist() == [1.0, 2.0]
    assert y.numpy().tolist() == [4.0, 9.0]
    v = tf.Variable([0.5])
    with tf.GradientTape() as tape:
        h = tf.sigmoid(v)
        h *= 2  # torch's own would spoil what sigmoid needs
        loss = tf.reduce_sum(h)
    np.testing.assert_allclose(tape.gradient(loss, v), 2 * 0.5 * (1 - 0.5) * np.array([0.94001483]), rtol=1e-3)


def test_slices_go_backwards(tf):
    x = tf.reshape(tf.range(6), (2, 3))
    assert x[..., ::-1].numpy().tolist() == [[2, 1, 0], [5, 4, 3]]
    assert x[::-1, tf.newaxis].shape == (2, 1, 3)


def test_a_loss_that_leaves_for_numpy_is_told(tf):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", lambda y_true, y_pred: np.mean((y_true - y_pred) ** 2))
    with pytest.raises(TypeError, match=r"np\.mean can't be differentiated"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)


def test_the_words_go_when_the_last_door_shuts():
    code = """
import torch
from lamina.compat import as_keras
names = ("numpy", "__iadd__", "__getitem__", "__float__", "__array__", "get_shape", "__array_ufunc__")
before = [getattr(torch.Tensor, name, None) for name in names]
with as_keras("tf_keras"):
    import tensorflow
    assert tensorflow.constant([1.0]).get_shape().as_list() == [1]
    with as_keras("keras2"):
        import tensorflow
    assert tensorflow.constant([1.0]).get_shape().as_list() == [1], "the outer door is open"
assert [getattr(torch.Tensor, name, None) for name in names] == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- types and classes ---------------------------------------------------------------------------------------------


def test_types(tf):
    assert tf.float32.name == "float32"
    assert tf.float32 == torch.float32 == tf.float32
    assert tf.float32 == np.float32
    assert tf.float32 != tf.float64
    assert tf.int32.is_integer
    assert not tf.int32.is_floating
    assert tf.as_dtype("int64").as_numpy_dtype is np.int64
    assert tf.as_dtype(torch.bool).is_bool
    assert (tf.int8.max, tf.int8.min, tf.float16.size) == (127, -128, 2)
    assert np.zeros(2, tf.float64.as_numpy_dtype).dtype == np.float64
    assert tf.keras.layers.Dense(2, dtype=tf.float64)(np.ones((1, 2))).dtype == tf.float64
    assert {tf.float32: 1}["float32"] == 1


def test_classes_that_are_asked_about(tf):
    x, v, s = tf.constant(1.0), tf.Variable(1.0), tf.keras.Input((2,))
    assert [isinstance(one, tf.Tensor) for one in (x, v, s, 1.0)] == [True, False, True, False]
    assert [isinstance(one, tf.Variable) for one in (x, v, s)] == [False, True, False]
    assert [tf.is_tensor(one) for one in (x, v, s, 1.0)] == [True, True, True, False]
    assert not isinstance(x, tf.SparseTensor)
    with pytest.raises(TypeError, match="lamina has no SparseTensor: its tensors are whole"):
        tf.SparseTensor([[0]], [1.0], [2])


def test_variables(tf):
    v = tf.Variable([[1.0, 2.0]], name="v")
    assert (v.trainable, v.name) == (True, "v")
    assert v.assign([[3.0, 4.0]]).numpy().tolist() == [[3.0, 4.0]]
    v[0, 1].assign(7.0)
    assert v.numpy().tolist() == [[3.0, 7.0]]
    still = tf.Variable(lambda: tf.zeros((2,)), trainable=False)
    still.assign_add([1.0, 2.0])
    still.assign_sub([0.5, 0.5])
    assert still.numpy().tolist() == [0.5, 1.5]
    array = np.ones(2, "float32")
    mine = tf.Variable(array)
    mine.assign([5.0, 5.0])
    assert array.tolist() == [1.0, 1.0], "the array is the user's"
    optimizer = tf.keras.optimizers.SGD(0.5)
    optimizer.minimize(lambda: tf.reduce_sum(mine**2), var_list=[mine])
    assert mine.numpy().tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="or the loss and the tape"):
        optimizer.minimize(tf.constant(1.0), [mine])


def test_sizes_of_symbolic_tensors(tf):
    x = tf.keras.Input((4, 6))
    batch, rows = tf.shape(x)[0], tf.shape(x)[1]
    y = tf.reshape(x, [batch, rows * 2, 3])
    z = tf.reshape(x, tf.concat([tf.shape(x)[:1], [24]], axis=0))
    noise = tf.zeros(tf.shape(x)) + tf.ones((batch, 1, 6)) + tf.cast(batch, tf.float32)
    model = tf.keras.Model(x, [y, z, noise])
    found = model(np.zeros((5, 4, 6), "float32"))
    assert [one.shape for one in found] == [(5, 8, 3), (5, 24), (5, 4, 6)]
    assert float(found[2][0, 0, 0]) == 6.0


def test_random_numbers(tf):
    tf.random.set_seed(3)
    first = tf.random.normal((1000,), mean=2.0, stddev=0.5)
    tf.random.set_seed(3)
    assert tf.reduce_all(first == tf.random.normal((1000,), 2.0, 0.5))
    assert abs(float(tf.reduce_mean(first)) - 2) < 0.1
    whole = tf.random.uniform((500,), maxval=3, dtype=tf.int32)
    assert whole.dtype == tf.int32
    assert set(whole.tolist()) == {0, 1, 2}
    assert np.array_equal(tf.random.stateless_normal((3,), seed=[1, 2]), tf.random.stateless_normal((3,), [1, 2]))
    generator = tf.random.Generator.from_seed(1)
    assert not np.array_equal(generator.normal((3,)), generator.normal((3,)))
    assert abs(float(tf.reduce_mean(tf.random.truncated_normal((2000,))))) < 0.1
    assert sorted(tf.random.shuffle(tf.range(5)).numpy()) == [0, 1, 2, 3, 4]
    assert tf.random.categorical(tf.math.log([[0.0001, 0.9999]]), 5).numpy().tolist() == [[1] * 5]
    kept = tf.nn.dropout(tf.ones((2000,)), rate=0.25)
    assert set(np.round(kept.numpy(), 4).tolist()) == {0.0, np.float32(1.3333).item()}


def test_checks(tf):
    tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"sizes .*assert_greater"):
        tf.debugging.assert_greater([1, 2], [0, 2], message="sizes")
    with pytest.raises(ValueError, match="2 axes, and 3 were expected"):
        tf.debugging.assert_rank(tf.ones((1, 2)), 3)
    with pytest.raises(ValueError, match="Inf or NaN"):
        tf.debugging.check_numerics(tf.constant(float("nan")), "loss")


@pytest.mark.parametrize(("code", "words"), [
    ("tf.reduce_men", "Did you mean 'reduce_mean'?"),
    ("tf.io.gfile", "lamina has no tf.io: tf.io reads and writes"),
    ("tf.train.Checkpoint", "model.save_weights"),
    ("tf.summary.create_file_writer", "keras.callbacks.TensorBoard"),
    ("tf.compat.v1.layers", "keras.layers has the same"),
    ("tf.data.TFRecordDataset", "has no tf.data.TFRecordDataset"),
    ("tf.contrib.rnn", "TensorFlow 1's collection"),
])  # fmt: skip
def test_what_is_not_in_the_table(tf, code, words):
    with pytest.raises(AttributeError) as error:
        eval(code)
    assert words in str(error.value)
