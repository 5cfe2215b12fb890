"""Loops, branches, gradients of one's own, conversion; and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import ops
from lamina.graph.symbolic import SymbolicTensor, leaves

X = torch.linspace(-1.0, 1.0, 6).reshape(3, 2)
BOTH = pytest.mark.parametrize("module", [ops, keras.ops], ids=["lamina", "keras"])


@BOTH
def test_scan(module):
    total, sums = module.scan(lambda carry, x: (carry + x, carry * 2), torch.zeros(2), X)
    torch.testing.assert_close(total, X.sum(0))
    torch.testing.assert_close(sums, torch.stack([torch.zeros(2), 2 * X[0], 2 * (X[0] + X[1])]))
    total, sums = module.scan(lambda carry, x: (carry + x, carry), torch.zeros(2), X, reverse=True)
    torch.testing.assert_close(sums, torch.stack([X[2] + X[1], X[2], torch.zeros(2)]))
    count, found = module.scan(lambda carry, _: (carry + 1, carry), torch.tensor(0), length=3)
    assert (int(count), found.tolist()) == (3, [0, 1, 2])


@BOTH
def test_loops_and_branches(module):
    assert [int(x) for x in module.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))] == [4, 6]
    found = module.while_loop(lambda i: True, lambda i: (i + 1,), (torch.tensor(0),), maximum_iterations=3)
    assert int(found[0]) == 3
    assert int(module.fori_loop(1, 4, lambda i, total: total + i, torch.tensor(10))) == 16
    assert int(module.cond(torch.tensor(False), lambda: torch.tensor(1), lambda: torch.tensor(2))) == 2
    assert int(module.switch(torch.tensor(5), [lambda x: x, lambda x: -x], torch.tensor(3))) == -3


@BOTH
def test_maps(module):
    torch.testing.assert_close(module.map(lambda row: row.sum(), X), X.sum(1))
    torch.testing.assert_close(module.map(lambda x: x["a"] * 2, {"a": X}), X * 2)
    torch.testing.assert_close(module.vectorized_map(lambda row: row * row.sum(), X), X * X.sum(1, keepdim=True))
    torch.testing.assert_close(module.vectorize(lambda a, b: a * b + 1)(X, X[0]), X * X[0] + 1)


@BOTH
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 5, 8])
def test_associative_scan(module, reverse, length):
    x = torch.arange(1.0, length + 1)
    wanted = x.flip(0).cumsum(0).flip(0) if reverse else x.cumsum(0)
    torch.testing.assert_close(module.associative_scan(lambda a, b: a + b, x, reverse=reverse), wanted)


@BOTH
def test_a_gradient_of_one_s_own(module):
    @module.custom_gradient
    def doubled(x):
        return x * 2, lambda *args, upstream=None: (args[0] if upstream is None else upstream) * 10

    x = torch.tensor(3.0, requires_grad=True)
    y = doubled(x)
    y.backward()
    assert (y.item(), x.grad.item()) == (6.0, 10.0)
    z = torch.tensor(3.0, requires_grad=True)
    assert not module.stop_gradient(z).requires_grad


@BOTH
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own
def test_jvp(module):
    value, slope = module.linalg.jvp(torch.square, (torch.tensor(3.0),), (torch.tensor(1.0),))
    assert (float(value), float(slope)) == (9.0, 6.0)
    _, _, more = module.linalg.jvp(lambda x: (x * 2, x + 1), (torch.tensor(3.0),), (torch.tensor(1.0),), has_aux=True)
    assert more.item() == 4.0


def test_argpartition_puts_the_least_in_front():
    x = np.random.default_rng(0).normal(size=(4, 9)).astype("float32")
    found = ops.argpartition(x, 3).numpy()
    assert np.array_equal(np.sort(found), np.broadcast_to(np.arange(9), (4, 9)))
    ordered = np.take_along_axis(x, found, -1)
    np.testing.assert_allclose(np.sort(ordered[:, :4]), np.sort(x)[:, :4])


def test_conversion():
    assert ops.convert_to_numpy(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
    assert ops.convert_to_numpy([1.5, 2]).tolist() == [1.5, 2.0]
    assert ops.dtype(X) == "float32"
    assert ops.is_tensor(X)
    assert ops.is_tensor(lamina.Input((2,)))
    assert not ops.is_tensor([1])
    assert ops.convert_to_tensor(np.arange(6)[::-2]).tolist() == [5, 3, 1]
    assert ops.convert_to_tensor([X[0], X[1]]).shape == (2, 2)
    frozen = np.arange(3)
    frozen.setflags(write=False)
    assert ops.add(frozen, 1).tolist() == [1, 2, 3]


TYPES = ["bool", "uint8", "int8", "int16", "int32", "float16", "bfloat16", "float32"]


@pytest.mark.parametrize("first", TYPES)
@pytest.mark.parametrize("second", [*TYPES, 2, 2.0])
def test_types_of_results(first, second):
    x = torch.ones(2).to(getattr(torch, first))
    y = torch.ones(2).to(getattr(torch, second)) if isinstance(second, str) else second
    for name in ("add", "multiply", "divide", "maximum", "power", "where", "matmul"):
        args = (torch.tensor([True, False]), x, y) if name == "where" else (x, y)
        if name == "matmul" and not isinstance(second, str):
            continue
        if name == "power" and first == "bool" and second in ("bool", 2):
            continue  # torch has no powers of truth values
        wanted = getattr(keras.ops, name)(*args).dtype
        assert getattr(ops, name)(*args).dtype is wanted, name


def test_64_bits_are_kept():
    x = torch.ones(2, 2, dtype=torch.float64)
    for name in ("matmul", "maximum", "arctan2", "add", "dot"):
        assert getattr(ops, name)(x, x).dtype is torch.float64
    assert ops.var(x).dtype is torch.float64


def test_branches_without_data_are_both_described():
    x, flag = lamina.Input((2,)), lamina.Input((1,), dtype="bool")
    model = lamina.Model([x, flag], ops.cond(flag, lambda: x * 2, lambda: -x))
    found = model([X, torch.tensor([[True], [False], [True]])])
    torch.testing.assert_close(found, torch.stack([X[0] * 2, -X[1], X[2] * 2]))
    index = lamina.Input((1,), dtype="int32")
    model = lamina.Model([x, index], ops.switch(index, [lambda x: x, lambda x: -x, lambda x: x * 0], x))
    torch.testing.assert_close(model([X, torch.tensor([[-1], [1], [7]])]), torch.stack([X[0], -X[1], X[2] * 0]))


def test_loops_in_models():
    x = lamina.Input((5, 2))
    last, all_of_them = ops.scan(lambda carry, step: (carry + step, carry), x[:, 0] * 0, ops.transpose(x, (1, 0, 2)))
    model = lamina.Model(x, [last, all_of_them])
    data = torch.randn(3, 5, 2)
    found = model(data)
    torch.testing.assert_close(found[0], data.sum(1))
    assert found[1].shape == (5, 3, 2)
    assert all_of_them.shape == (5, None, 2)


def test_a_gradient_of_one_s_own_in_a_model():
    @ops.custom_gradient
    def passed(x):
        return x.sign(), lambda upstream: upstream

    x = lamina.Input((2,))
    model = lamina.Model(x, passed(x))
    data = X.clone().requires_grad_()
    model(data).sum().backward()
    torch.testing.assert_close(data.grad, torch.ones_like(X))


def test_sizes_of_symbolic_tensors():
    x = lamina.Input((4, 3))
    assert ops.shape(x) == keras.ops.shape(keras.Input((4, 3))) == (None, 4, 3)
    assert lamina.Model(x, ops.reshape(x, (ops.shape(x)[0], 12)))(torch.zeros(5, 4, 3)).shape == (5, 12)
    assert ops.size(x) is None
    assert ops.ndim(x) == 3


def test_sizes_inside_a_layer_can_be_calculated_with():
    class Halves(lamina.Layer):
        def call(self, inputs):
            batch, *_ = ops.shape(inputs)
            return ops.reshape(inputs, (batch * 2, 6))

    x = lamina.Input((4, 3))
    model = lamina.Model(x, Halves()(x))
    assert model.output_shape == (None, 6)
    assert model(torch.zeros(5, 4, 3)).shape == (10, 6)


def test_beam_search_finds_what_greedy_misses():
    # Two steps: the blank is the likeliest at each, and yet "1" has more ways to come about.
    logits = np.log(np.float32([[[0.6, 0.4], [0.6, 0.4]]]))
    greedy, score = ops.ctc_decode(logits, [2])
    assert greedy.tolist() == [[[-1, -1]]]
    assert score.shape == (1, 1)
    paths, scores = ops.ctc_decode(logits, [2], strategy="beam_search", top_paths=2)
    assert paths.tolist() == [[[1, -1]], [[-1, -1]]]
    np.testing.assert_allclose(np.exp(scores.numpy()), [[0.64, 0.36]], rtol=1e-5)


ERRORS = [
    (lambda: ops.convert_to_tensor(object), TypeError, "Expected a tensor, an array or numbers, and got"),
    (lambda: ops.convert_to_tensor([1], sparse=True), ValueError, "lamina has dense tensors only"),
    (lambda: ops.sum(X, axis=2), ValueError, "axis 2 is out of bounds for a tensor with 2 axes."),
    (lambda: ops.squeeze(X, 0), ValueError, r"squeeze can't drop axis 0 of shape \(3, 2\): its size is not 1."),
    (lambda: ops.split(X, 2), ValueError, r"Axis 0 of shape \(3, 2\) can't be split into 2 equal parts."),
    (lambda: ops.ldexp(X, X), TypeError, "ldexp takes whole numbers as x2, and got float32."),
    (lambda: ops.where(X > 0, X), ValueError, "where takes both x1 and x2, or neither of them."),
    (lambda: ops.pad(X, 1, mode="around"), ValueError, "pad takes one of the modes constant, reflect"),
    (lambda: ops.linalg.inv(X), ValueError, r"inv takes square matrices, \(..., n, n\), and got shape \(3, 2\)."),
    (lambda: ops.linalg.cholesky(-torch.eye(2)), ValueError, "cholesky takes positive definite matrices"),
    (lambda: ops.scan(None, X), TypeError, r"scan takes a function f\(carry, x\), and got None."),
    (lambda: ops.scan(lambda c, x: (c, x), X), ValueError, "scan needs xs to go along, or a length."),
    (lambda: ops.unstack(X, num=2), ValueError, r"unstack was told of 2 slices, and axis 0 of shape \(3, 2\) has 3."),
    (lambda: ops.scatter_update(X, [[0]], X[:1], "sub"), ValueError, "scatter_update takes the reduction None"),
    (lambda: ops.one_hot([1], 2, sparse=True), ValueError, "one_hot makes no sparse tensors; leave sparse=False."),
    (lambda: ops.moments(X, 0, synchronized=True), NotImplementedError, "moments doesn't go over several replicas"),
    (lambda: ops.rearrange(X, "a b c -> a"), ValueError, "Each name stands once on both sides"),
    (lambda: ops.rearrange(X, "(a b) c -> a b c", b=2), ValueError, r"An axis of 3 can't be a x b"),
    (lambda: ops.conv(X[None], torch.ones(3, 3, 3)), ValueError, "conv can't split 2 channels for a kernel of 3"),
    (lambda: ops.ctc_decode(X[None], [3], strategy="best"), ValueError, "ctc_decode takes strategy 'greedy' or"),
    (lambda: ops.fft(X), ValueError, "fft takes a pair of tensors, the real and the imaginary part, and got"),
    (lambda: ops.image.resize(X, (2, 2)), ValueError, r"resize takes images with 3 axes, or 4 with a batch"),
    (lambda: ops.image.crop_images(X[None], 1), ValueError, "crop_images takes two of three for each axis"),
    (lambda: ops.convert_to_numpy(lamina.Input((2,))), ValueError, "has no data yet, so it can't become an array."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=range(len(ERRORS)))
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_elastic_transform_moves_points_and_repeats():
    images = np.random.default_rng(0).random((2, 12, 10, 3)).astype("float32")
    first, again = (ops.image.elastic_transform(images, alpha=5.0, sigma=2.0, seed=3) for _ in range(2))
    torch.testing.assert_close(first, again)
    assert first.shape == images.shape
    assert not np.allclose(first, images)


@pytest.mark.parametrize("interpolation", ["lanczos3", "lanczos5"])
def test_lanczos_resizing_keeps_what_is_even(interpolation):
    even = torch.full((1, 6, 6, 1), 3.0)
    found = ops.image.resize(even, (9, 4), interpolation=interpolation, antialias=True)
    torch.testing.assert_close(found, torch.full((1, 9, 4, 1), 3.0))


def test_symbolic_leaves_of_lists():
    x, y = SymbolicTensor((None, 2), "float32"), SymbolicTensor((None, 2), "int32")
    joined = ops.concatenate([x, y], axis=-1)
    assert (joined.shape, joined.dtype) == ((None, 4), torch.float32)
    assert [part.shape for part in leaves(ops.split(joined, 2, axis=1))] == [(None, 2)] * 2


AXES = [np.arange(1, 3), range(1, 3), (np.int64(1), np.int32(2)), np.array([2]), np.int64(1), np.array(1)]
ALONG = "sum mean max min prod std var any all logsumexp count_nonzero average median flip"


@pytest.mark.parametrize("axis", AXES, ids=repr)
@pytest.mark.parametrize("name", ALONG.split())
def test_axes_in_numpy_s_words(name, axis):
    x = torch.rand(2, 3, 4)
    plain = tuple(int(one) for one in np.ravel(axis))
    plain = plain[0] if np.ndim(axis) == 0 else plain
    expected = getattr(ops, name)(x, axis=plain)
    torch.testing.assert_close(getattr(ops, name)(x, axis=axis), expected)


def test_sections_and_softmax_in_numpy_s_words():
    x = torch.rand(2, 3, 4)
    assert [part.shape for part in ops.split(x, np.int64(3), axis=np.int64(1))] == [(2, 1, 4)] * 3
    torch.testing.assert_close(ops.softmax(x, axis=np.int64(1)), torch.softmax(x, 1))
    torch.testing.assert_close(ops.log_softmax(x, axis=np.int64(1)), torch.log_softmax(x, 1))
