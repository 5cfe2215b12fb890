"""Keras 2's ``K``: every name, its arguments, and what it computes."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import lamina
from lamina import backend as K
from lamina import layers, ops
from tests.ops.cases import IMAGES, INTS, ROWS, VOLUMES, P, V, X, Y, normal

# Names of older backends that are not here, and why.
MISSING = {
    name: reason
    for names, reason in {
        "get_session set_session manual_variable_initialization": "in lamina.compat.bygone, for `keras.backend`",
        "v1_variable_initialization": "torch has no sessions",
        "eager symbolic py_all py_any py_slice py_sum b_any has_arg transpose_shape is_explicit_shape":
            "the backend's own helpers, never documented",
        "get_num_dynamic_axis has_seq_axis ConvertToBatch ConvertToStatic LambdaFunc ReshapeBatch pad": "CNTK's own",
        "Function": "the class of what `function` returns",
        "ctc_cost ctc_create_skip_idxs ctc_interleave_blanks ctc_path_probs ctc_update_log_p pattern_broadcast":
            "Theano's own",
        "atrous_conv2d deconv2d legacy_weight_ordering set_legacy_weight_ordering learning_phase_scope "
        "get_variable_shape is_symbolic": "gone from Keras 2, and never documented",
        "ctc_label_dense_to_sparse": "makes a sparse tensor of TensorFlow",
        "image_dim_ordering set_image_dim_ordering": "in lamina.compat.bygone, for `keras.backend`",
    }.items()
    for name in names.split()
}  # fmt: skip
NAMES: dict[str, str] = json.loads(Path(__file__).with_name("backend_names.json").read_text())


def test_every_name_of_every_generation_is_here():
    assert {name for name in NAMES if not hasattr(K, name)} == MISSING.keys()


@pytest.mark.parametrize("name", sorted(NAMES.keys() - MISSING.keys()))
def test_arguments_are_keras_s(name):
    function = getattr(K, name)
    mine = list(inspect.signature(function).parameters)
    wanted = NAMES[name].split()
    if name == "asymmetric_spatial_2d_padding":  # Keras 1's only, with today's word for it
        wanted = [*wanted[:-1], "data_format"]
    assert mine[: len(wanted)] == wanted


# name -> arguments, and what it is in words of NumPy, torch or Keras 3.
VALUES = {
    "abs": ((X,), np.abs), "exp": ((X,), np.exp), "log": ((P,), np.log),
    "sqrt": ((P - 0.5,), lambda x: np.sqrt(np.maximum(x, 0))),
    "square": ((X,), np.square), "sin": ((X,), np.sin), "cos": ((X,), np.cos), "tanh": ((X,), np.tanh),
    "sign": ((X,), np.sign), "round": ((X,), np.round), "pow": ((P, 3), np.power),
    "sum": ((X, 1), np.sum), "prod": ((X, 1), np.prod), "mean": ((X, 0), np.mean), "max": ((X,), np.max),
    "min": ((X, 1), np.min), "var": ((X, 1), np.var), "std": ((X,), np.std), "any": ((X > 1, 1), np.any),
    "all": ((X > -1, 1), np.all), "argmax": ((X,), lambda x: x.argmax(-1)), "argmin": ((X, 0), np.argmin),
    "cumsum": ((X,), lambda x: x.cumsum(0)), "cumprod": ((X, 1), np.cumprod),
    "logsumexp": ((X, 1), lambda x, axis: np.log(np.exp(x).sum(axis))),
    "clip": ((X, -0.5, 0.5), np.clip), "maximum": ((X, Y), np.maximum), "minimum": ((X, Y), np.minimum),
    "equal": ((INTS, INTS), np.equal), "not_equal": ((X, Y), np.not_equal), "less": ((X, Y), np.less),
    "less_equal": ((X, Y), np.less_equal), "greater": ((X, Y), np.greater), "greater_equal": ((X, Y), np.greater_equal),
    "dot": ((normal(2, 3), normal(4, 3, 5)), np.dot), "transpose": ((X,), np.transpose),
    "concatenate": (([X, Y],), lambda xs: np.concatenate(xs, -1)), "stack": (([X, Y],), np.stack),
    "reshape": ((X, (2, 6)), np.reshape), "permute_dimensions": ((VOLUMES[0], (2, 0, 1, 3)), np.transpose),
    "repeat": ((X, 2), lambda x, n: np.repeat(x[:, None], n, 1)), "repeat_elements": ((X, 2, 1), np.repeat),
    "tile": ((X, (2, 1)), np.tile), "flatten": ((X,), np.ravel), "batch_flatten": ((VOLUMES,), lambda x: x.reshape(2, -1)),
    "expand_dims": ((X,), lambda x: x[..., None]), "squeeze": ((X[:1], 0), np.squeeze),
    "reverse": ((X, (0, 1)), np.flip), "gather": ((X, [2, 0]), lambda x, i: x[i]),
    "slice": ((X, (1, 0), (2, 3)), lambda x, *_: x[1:3, :3]), "one_hot": ((INTS, 9), lambda x, n: np.eye(n)[x]),
    "l2_normalize": ((X, 1), lambda x, axis: x / np.linalg.norm(x, axis=axis, keepdims=True)),
    "arange": ((1, 7, 2), np.arange), "relu": ((X, 0.1, 0.5), lambda x, *_: np.where(x > 0, np.minimum(x, 0.5), 0.1 * x)),
    "elu": ((X,), lambda x: np.where(x > 0, x, np.expm1(x))), "softplus": ((X,), lambda x: np.log1p(np.exp(x))),
    "softsign": ((X,), lambda x: x / (1 + np.abs(x))), "sigmoid": ((X,), lambda x: 1 / (1 + np.exp(-x))),
    "hard_sigmoid": ((X,), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "softmax": ((X,), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    "in_top_k": ((X, np.int32([1, 0, 3]), 2), lambda p, t, k: keras.ops.in_top_k(t, p, k)),
    "categorical_crossentropy": ((np.eye(4, dtype="float32")[:3], P), keras.ops.categorical_crossentropy),
    "binary_crossentropy": ((P, P), keras.ops.binary_crossentropy),
    "sparse_categorical_crossentropy": ((np.int32([0, 2, 1]), P), keras.ops.sparse_categorical_crossentropy),
    "classification_error": ((X, Y), lambda a, b: a.argmax(-1) != b.argmax(-1)),
    "batch_normalization": ((X, V, P[0], V, V), lambda x, m, v, b, g: (x - m) / np.sqrt(v + 1e-3) * g + b),
    "bias_add": ((IMAGES, normal(3)), np.add),
    "conv1d": ((ROWS, normal(3, 4, 5), 2, "same"), keras.ops.conv),
    "conv2d": ((IMAGES, normal(3, 3, 3, 4), (1, 1), "same"), keras.ops.conv),
    "conv3d": ((VOLUMES, normal(2, 2, 2, 2, 3)), keras.ops.conv),
    "depthwise_conv2d": ((IMAGES, normal(3, 3, 3, 2)), keras.ops.depthwise_conv),
    "separable_conv1d": ((ROWS, normal(3, 4, 1), normal(1, 4, 5)), keras.ops.separable_conv),
    "separable_conv2d": ((IMAGES, normal(3, 3, 3, 2), normal(1, 1, 6, 4)), keras.ops.separable_conv),
    "pool2d": ((IMAGES, (2, 2), (2, 2)), keras.ops.max_pool),
    "pool3d": ((VOLUMES, (2, 2, 2), (1, 1, 1), "valid", None, "avg"), lambda x, p, s, *_: keras.ops.average_pool(x, p, s)),
    "temporal_padding": ((ROWS, (1, 2)), lambda x, p: np.pad(x, ((0, 0), p, (0, 0)))),
    "asymmetric_temporal_padding": ((ROWS, 1, 2), lambda x, a, b: np.pad(x, ((0, 0), (a, b), (0, 0)))),
    "spatial_2d_padding": ((IMAGES, ((1, 2), (3, 4))), lambda x, p: np.pad(x, ((0, 0), *p, (0, 0)))),
    "asymmetric_spatial_2d_padding": ((IMAGES, 1, 2, 3, 4), lambda x, *_: np.pad(x, ((0, 0), (1, 2), (3, 4), (0, 0)))),
    "spatial_3d_padding": ((VOLUMES, ((1, 2), (3, 4), (0, 1)), "channels_first"),
                           lambda x, p, _: np.pad(x, ((0, 0), (0, 0), *p))),
    "resize_images": ((IMAGES, 2, 3, "channels_last"), lambda x, a, b, _: x.repeat(a, 1).repeat(b, 2)),
    "resize_volumes": ((VOLUMES, 2, 1, 3, "channels_first"), lambda x, a, b, c, _: x.repeat(a, 2).repeat(b, 3).repeat(c, 4)),
    "map_fn": ((lambda row: row * 2, X), lambda f, x: x * 2),
    "foldl": ((lambda total, x: total - x, X), lambda f, x: x[0] - x[1] - x[2]),
    "foldr": ((lambda total, x: total - x, X), lambda f, x: x[2] - x[1] - x[0]),
    "switch": ((np.bool_([True, False, True]), X, Y), lambda c, a, b: np.where(c[:, None], a, b)),
    "zeros_like": ((X,), np.zeros_like), "ones_like": ((X,), np.ones_like), "identity": ((X,), np.asarray),
    "cast_to_floatx": ((INTS,), lambda x: x.astype("float32")),
    "constant": ((2.0, None, (2, 3)), lambda v, _, s: np.full(s, v)),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(VALUES))
def test_values(name):
    args, oracle = VALUES[name]
    found, wanted = getattr(K, name)(*args), oracle(*args)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(wanted), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(VALUES.keys() - {"map_fn", "foldl", "foldr", "constant", "arange",
                                                         "cast_to_floatx", "switch"}))  # fmt: skip
def test_shapes_without_data(name):
    args, _ = VALUES[name]
    first = args[0]
    if isinstance(first, list):
        symbolic = [lamina.Input(batch_shape=x.shape) for x in first]
    else:
        symbolic = lamina.Input(batch_shape=first.shape, dtype=first.dtype.name)
    found, real = getattr(K, name)(symbolic, *args[1:]), getattr(K, name)(*args)
    assert (K.int_shape(found), found.dtype) == (tuple(real.shape), real.dtype)


# ---- variables -----------------------------------------------------------------------------------------------------


def test_variables():
    x = K.variable([[1.0, 2.0]], name="x")
    assert isinstance(x, torch.nn.Parameter)
    assert K.is_variable(x)
    assert (x.name, K.dtype(x), K.int_shape(x), K.ndim(x), K.count_params(x)) == ("x", "float32", (1, 2), 2, 2)
    K.set_value(x, [[3.0, 4.0]])
    K.update_add(x, [[1.0, 1.0]])
    assert K.eval(x).tolist() == [[4.0, 5.0]]
    K.update_sub(x, 1.0 * x)
    assert K.batch_get_value([x, K.ones((2,)), K.eye(2), K.zeros((1,))])[1].tolist() == [1.0, 1.0]
    K.batch_set_value([(x, np.ones((1, 2)))])
    K.moving_average_update(x, K.zeros((1, 2)), 0.75)
    assert K.get_value(x).tolist() == [[0.75, 0.75]]
    with pytest.raises(ValueError, match=r"^set_value needs numbers of shape \(1, 2\), and got \(3,\)\.$"):
        K.set_value(x, [1, 2, 3])
    with pytest.raises(ValueError, match="set_value changes variables and weights"):
        K.set_value("lr", 1)
    counter = K.variable(3, dtype="int32")
    K.update_add(counter, 1)
    assert K.get_value(counter) == 4


def test_an_optimizer_s_learning_rate():
    optimizer = lamina.optimizers.Adam(0.1)
    assert K.get_value(optimizer.lr) == pytest.approx(0.1)
    K.set_value(optimizer.lr, 0.01)
    assert K.get_value(optimizer.lr) == pytest.approx(0.01)
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


def test_settings_and_names():
    assert (K.backend(), K.floatx(), K.epsilon(), K.image_data_format()) == ("torch", "float32", 1e-7, "channels_last")
    for dialect in ("keras1", "keras2", "tf_keras"):
        with lamina.as_keras(dialect):
            assert K.backend() == "tensorflow"  # which scripts ask before they go on
    K.reset_uids()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    layers.Dense(1)
    K.clear_session()
    assert layers.Dense(1).name == "dense"
    assert K.get_uid("a") == 1
    with K.name_scope("scope"):
        assert K.result_type("int32", "float16") == "float16"
    assert K.is_int_dtype("int8")
    assert K.is_float_dtype("bfloat16")
    assert K.standardize_dtype(torch.float32) == "float32"
    assert K.normalize_data_format(None) == "channels_last"


def test_kinds_of_tensors():
    x = lamina.Input((3,))
    assert K.is_keras_tensor(x)
    assert K.is_keras_tensor(layers.Dense(2)(x))
    assert not K.is_keras_tensor(K.ones((2,)))
    assert K.is_placeholder(x)
    assert not K.is_placeholder(layers.Dense(2)(x))
    assert K.is_placeholder(K.placeholder((None, 4)))
    assert K.placeholder(ndim=3).shape == (None, None, None)
    assert not K.is_sparse(K.ones((2,)))
    assert K.to_dense(torch.eye(2).to_sparse()).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(ValueError, match=r"^is_keras_tensor takes a tensor, and got array\(1\) of type ndarray\.$"):
        K.is_keras_tensor(np.array(1))
    with pytest.raises(ValueError, match="has no numbers yet"):
        K.get_value(x)
    with pytest.raises(ValueError, match="placeholder needs a shape"):
        K.placeholder()


def test_random_numbers():
    assert float(K.random_normal((2000,), 3.0, 0.1, seed=1).mean()) == pytest.approx(3.0, abs=0.02)
    assert float(K.random_uniform((2000,), 1.0, 3.0, seed=1).min()) >= 1.0
    assert float(K.random_normal((2000,), mean=3.0, std=0.1, seed=1).mean()) == pytest.approx(3.0, abs=0.02)
    assert float(K.random_uniform((2000,), low=1.0, high=3.0, seed=1).min()) >= 1.0
    assert K.random_uniform((5,), 0, 9, dtype="int32").dtype is torch.int32
    assert float(K.random_binomial((2000,), 0.25, seed=1).mean()) == pytest.approx(0.25, abs=0.04)
    assert float(K.truncated_normal((500,), seed=1).abs().max()) <= 2.0
    assert K.get_value(K.dropout(K.ones((2000,)), 0.5, seed=1)).mean() == pytest.approx(1.0, abs=0.1)
    assert K.random_normal_variable((2, 3), 0.0, 1.0).shape == K.random_uniform_variable((2, 3), 0.0, 1.0).shape
    x = lamina.Input((3,))
    noisy = lamina.Model(x, x + K.random_normal((K.shape(x)[0], 3), stddev=0.0))
    assert noisy(torch.ones(5, 3)).tolist() == [[1.0] * 3] * 5


# ---- products, losses, convolutions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "axes", "wanted"),
    [
        ((8, 3, 4), (8, 4, 5), None, "bij,bjk->bik"), ((8, 4), (8, 4), None, "bi,bi->b"),
        ((8, 4), (8, 4, 5), None, "bi,bij->bj"),
        ((8, 3, 4), (8, 5, 4), 2, "bij,bkj->bik"), ((8, 4, 3), (8, 4, 5), (1, 1), "bji,bjk->bik"),
        ((8, 3, 4, 2), (8, 4, 5), (2, 1), "bijl,bjk->bilk"),
    ],
)  # fmt: skip
def test_batch_dot(x, y, axes, wanted):
    x, y = normal(*x), normal(*y)
    sums = np.einsum(wanted, x, y)
    sums = sums[:, None] if sums.ndim == 1 else sums
    np.testing.assert_allclose(K.batch_dot(x, y, axes).numpy(), sums, rtol=1e-5, atol=1e-5)
    found = K.batch_dot(lamina.Input(x.shape[1:]), lamina.Input(y.shape[1:]), axes)
    assert found.shape == (None, *sums.shape[1:])


def test_batch_dot_refuses():
    with pytest.raises(ValueError, match="batch_dot sums over axes of one size, and got axis 1"):
        K.batch_dot(normal(2, 3), normal(2, 4))
    with pytest.raises(ValueError, match="batch_dot can't sum over the batch"):
        K.batch_dot(normal(2, 3), normal(2, 4), axes=0)
    with pytest.raises(ValueError, match="batch_dot takes tensors with a batch"):
        K.batch_dot(normal(2), normal(2, 4))


def test_focal_losses_and_ignored_classes():
    labels = (X > 0).astype("float32")
    wanted = keras.losses.binary_focal_crossentropy(labels, P, apply_class_balancing=True)
    np.testing.assert_allclose(K.binary_focal_crossentropy(labels, P, True).mean(-1), wanted, rtol=1e-5)
    one_hot = np.eye(4, dtype="float32")[:3]
    wanted = keras.losses.categorical_focal_crossentropy(one_hot, P)
    np.testing.assert_allclose(K.categorical_focal_crossentropy(one_hot, P), wanted, rtol=1e-5)
    losses = K.sparse_categorical_crossentropy(np.int32([0, -1, 2]), P, ignore_class=-1)
    assert float(losses[1]) == 0.0
    assert float(losses[0]) > 0.0


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 3), (4, 2)])
def test_transposed_convolutions_are_transposes(padding, size, stride):
    image, kernel = torch.randn(1, 9, 9, 2), torch.randn(size, size, 2, 3)
    x = image.clone().requires_grad_()
    y = K.conv2d(x, kernel, (stride, stride), padding)
    upstream = torch.randn_like(y)
    wanted = torch.autograd.grad(y, x, upstream)[0]
    found = K.conv2d_transpose(upstream, kernel, (1, 9, 9, 2), (stride, stride), padding)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_transposed_convolution_of_volumes():
    x, kernel = torch.randn(1, 2, 3, 4, 2), torch.randn(2, 2, 2, 3, 2)
    found = K.conv3d_transpose(x, kernel, (1, 4, 6, 8, 3), (2, 2, 2))
    wanted = F.conv_transpose3d(x.movedim(-1, 1), kernel.permute(4, 3, 0, 1, 2), stride=2).movedim(1, -1)
    torch.testing.assert_close(found, wanted)


def test_causal_and_local_convolutions():
    kernel = normal(2, 4, 3)
    found = K.conv1d(ROWS, torch.as_tensor(kernel), padding="causal", dilation_rate=2)
    wanted = keras.ops.conv(np.pad(ROWS, ((0, 0), (2, 0), (0, 0))), kernel, dilation_rate=2)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    layer = layers.LocallyConnected2D(4, (2, 3), strides=(2, 1), use_bias=False)
    wanted = layer(torch.as_tensor(IMAGES))
    found = K.local_conv2d(IMAGES, layer.kernel, (2, 3), (2, 1), wanted.shape[1:3])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    layer = layers.LocallyConnected1D(4, 3, use_bias=False)
    wanted = layer(torch.as_tensor(ROWS))
    torch.testing.assert_close(K.local_conv1d(ROWS, layer.kernel, (3,), (1,)), wanted, rtol=1e-4, atol=1e-5)


def test_normalize_batch_in_training():
    normed, mean, var = K.normalize_batch_in_training(X, V, V, [0])
    np.testing.assert_allclose(mean, X.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(var, X.var(0), rtol=1e-5)
    np.testing.assert_allclose(normed, (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) * V + V, rtol=1e-4, atol=1e-5)


def test_ctc():
    steps = np.exp(normal(2, 7, 5))
    steps /= steps.sum(-1, keepdims=True)
    labels, label_length, input_length = np.int32([[1, 2], [3, 0]]), np.int32([[2], [1]]), np.int32([[7], [5]])
    found = K.ctc_batch_cost(labels, steps, input_length, label_length)
    logs = torch.log(torch.as_tensor(steps)).transpose(0, 1)
    wanted = F.ctc_loss(logs, torch.as_tensor(labels), torch.tensor([7, 5]), torch.tensor([2, 1]), 4, "none")
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-4)
    [decoded], scores = K.ctc_decode(steps, [7, 5])
    assert (decoded.shape, scores.shape) == ((2, 7), (2, 1))
    paths, scores = K.ctc_decode(steps, [7, 5], greedy=False, top_paths=3)
    assert (len(paths), scores.shape) == (3, (2, 3))


# ---- functions and gradients ---------------------------------------------------------------------------------------


def test_functions_of_a_model_s_tensors():
    model = lamina.Sequential(
        [layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dropout(0.5), layers.Dense(2)]
    )
    x = np.ones((5, 3), "float32")
    inner = K.function([model.layers[0].input], [model.layers[0].output, model.output])
    first, last = inner([x])
    assert isinstance(first, np.ndarray)
    np.testing.assert_allclose(last, model.predict(x, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(first, model.layers[0](torch.as_tensor(x)).detach(), rtol=1e-5)
    phased = K.function([model.input, K.learning_phase()], [model.layers[1].output])
    assert (phased([x, 0])[0] == first).all()
    assert {*np.unique(np.round(phased([x, 1])[0] / np.where(first == 0, 1, first), 4))} <= {0.0, 2.0}
    assert K.function(model.input, model.output)(x).shape == (5, 2)
    with pytest.raises(ValueError, match="This function takes 1 inputs, and got 2"):
        inner([x, x])
    with pytest.raises(ValueError, match=r"K\.function takes symbolic tensors"):
        K.function([K.ones((2,))], [model.output])


def test_functions_that_update():
    x, total = lamina.Input((2,)), K.variable([0.0, 0.0])
    add = K.function([x], [x * 2], updates=[K.update_add(total, K.sum(x, axis=0))])
    add([np.ones((3, 2))])
    add([np.ones((1, 2))])
    assert K.get_value(total).tolist() == [4.0, 4.0]


def test_gradients():
    model = lamina.Sequential([layers.Dense(4, activation="tanh", input_shape=(3,)), layers.Dense(1)])
    x = torch.randn(5, 3, requires_grad=True)
    hidden = model.layers[0](x)
    score = model.layers[1](hidden)
    weights = list(model.trainable_weights)
    wanted = torch.autograd.grad(score.sum(), [x, hidden, *weights], retain_graph=True)
    loss = K.sum(model.output)
    by_input = K.function([model.input], K.gradients(loss, [model.input, *weights]))([x.detach().numpy()])
    for found, gradient in zip(by_input, (wanted[0], *wanted[2:]), strict=True):
        np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-6)
    inner = K.gradients(loss, model.layers[0].output)[0]
    assert inner.shape == (None, 4)
    np.testing.assert_allclose(K.function([model.input], [inner])([x.detach().numpy()])[0], wanted[1], rtol=1e-4)
    [now] = K.gradients(score, [x])
    torch.testing.assert_close(now, wanted[0])
    assert not K.stop_gradient([x])[0].requires_grad


def test_gradients_by_a_tensor_and_by_what_it_is_computed_from():
    x = layers.Input((2,))
    squares = x * x
    by_squares, by_input = K.gradients(K.sum(3.0 * squares), [squares, x])
    found = K.function([x], [by_squares, by_input])([np.float32([[1, 2]])])
    np.testing.assert_array_equal(found, [[[3, 3]], [[6, 12]]])
    by_input, by_squares = K.gradients(K.sum(3.0 * squares), [x, squares])
    found = K.function([x], [by_squares, by_input])([np.float32([[1, 2]])])
    np.testing.assert_array_equal(found, [[[3, 3]], [[6, 12]]])


def test_gradients_of_gradients():
    x = torch.tensor([2.0], requires_grad=True)
    [slope] = K.gradients(x**3, [x])
    np.testing.assert_array_equal(K.gradients(slope, [x])[0].detach(), [12.0])
    symbol = layers.Input((1,))
    slope = K.gradients(symbol**3, symbol)[0]
    np.testing.assert_array_equal(K.function([symbol], K.gradients(slope, symbol))([[[2.0]]])[0], [[12.0]])


def test_phases():
    class Noisy(layers.Layer):
        def call(self, inputs):
            return K.in_train_phase(lambda: inputs + 1, inputs)

    x, layer = torch.zeros(2, 2), Noisy()
    assert layer(x).sum() == 0
    assert layer(x, training=True).sum() == 4
    assert lamina.Sequential([Noisy(input_shape=(2,))])(x, training=True).sum() == 4
    assert K.in_test_phase(1, 2, training=True) == 2
    assert K.learning_phase() == 0
    K.set_learning_phase(1)
    assert K.in_train_phase(1, 2) == 1
    K.clear_session()
    assert K.in_train_phase(1, 2) == 2
    with pytest.raises(ValueError, match="The learning phase is 0 or 1, and got 3"):
        K.set_learning_phase(3)


def test_print_tensor(capsys):
    x = lamina.Input((2,))
    model = lamina.Model(x, K.print_tensor(x * 2, "doubled:"))
    assert capsys.readouterr().out == ""
    model(torch.ones(1, 2))
    assert capsys.readouterr().out == "doubled: tensor([[2., 2.]])\n"


# ---- loops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_rnn_is_the_layer(go_backwards, masked):
    layer = layers.SimpleRNN(4, return_sequences=True, return_state=True, go_backwards=go_backwards)
    x = torch.randn(3, 6, 2)
    mask = torch.rand(3, 6) > 0.4 if masked else None
    wanted, state = layer(x, mask=mask)
    kernel, recurrent, bias = layer.get_weights()

    def step(inputs, states):
        output = torch.tanh(inputs @ torch.tensor(kernel) + states[0] @ torch.tensor(recurrent) + torch.tensor(bias))
        return output, [output]

    last, outputs, states = K.rnn(step, x, [torch.zeros(3, 4)], go_backwards=go_backwards, mask=mask)
    torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(last, wanted[:, -1])
    torch.testing.assert_close(states[0], state)


def test_rnn_of_symbolic_tensors_and_constants():
    x, scale = lamina.Input((6, 2)), lamina.Input((2,))
    last, outputs, states = K.rnn(
        lambda x, s: (s[0] + x * s[1], [s[0] + x * s[1]]), x, [x[:, 0] * 0], constants=[scale]
    )
    assert (last.shape, outputs.shape, states[0].shape) == ((None, 2), (None, 6, 2), (None, 2))
    model = lamina.Model([x, scale], [last, outputs])
    data, factor = torch.randn(3, 6, 2), torch.randn(3, 2)
    found = model([data, factor])
    torch.testing.assert_close(found[0], data.sum(1) * factor, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], data.cumsum(1) * factor[:, None], rtol=1e-4, atol=1e-5)
    zeroed = K.rnn(lambda x, s: (x, s), data, [data[:, 0]], mask=torch.zeros(3, 6), zero_output_for_mask=True)
    assert zeroed[1].abs().sum() == 0


# ---- through the door ----------------------------------------------------------------------------------------------


def test_old_imports_find_it():
    with lamina.as_keras("keras2"):
        import keras.backend as by_path
        import tensorflow as tf
        from keras import backend as by_name
        from keras.backend import tensorflow_backend as older
        from tensorflow.keras import backend as of_tensorflow

        for door in (by_path, by_name, older, of_tensorflow, tf.keras.backend):
            assert door.dot is K.dot
            assert door.function is K.function
            assert door.epsilon() == 1e-7
        assert by_name.image_dim_ordering() == "tf"
    with lamina.as_keras("keras3"):
        import keras

        assert keras.ops.mean is ops.mean
        assert keras.ops.image.resize is ops.image.resize
        assert keras.ops.numpy.add is ops.add
        assert keras.backend.image_data_format() == "channels_last"


def test_keras_1_s_words():
    shares = np.full((2, 4), 0.25, "float32")
    one_hot = np.eye(4, dtype="float32")[:2]
    with lamina.as_keras("keras1"):
        from keras import backend as older

        found = older.conv2d(IMAGES, normal(3, 3, 3, 4), border_mode="same", dim_ordering="tf", image_shape=None)
        assert found.shape == (2, 9, 8, 4)
        assert older.expand_dims(X, dim=0).shape == (1, 3, 4)
        assert older.resize_images(X=IMAGES, height_factor=2, width_factor=1, dim_ordering="th").shape == (2, 9, 16, 3)
        np.testing.assert_allclose(older.categorical_crossentropy(shares, one_hot), np.log([4.0, 4.0]), rtol=1e-5)
        np.testing.assert_allclose(older.sparse_categorical_crossentropy(shares, [1, 0]), np.log([4.0, 4.0]), rtol=1e-5)
        np.testing.assert_allclose(older.binary_crossentropy(shares, one_hot)[0, 0], np.log(4.0), rtol=1e-5)
    with lamina.as_keras("keras2"):
        from keras import backend as newer

        assert newer.categorical_crossentropy is K.categorical_crossentropy


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"alpha": 0.5}, [-0.5, 2.0, 9.0]), ({"max_value": [3.0, 3.0, 3.0]}, [0.0, 2.0, 3.0]),
     ({"alpha": [0.5, 0.1, 0.1], "threshold": 3.0}, [-2.0, -0.1, 9.0])],
)  # fmt: skip
def test_relu_of_tensors(arguments, expected):
    given = {name: K.variable(value) for name, value in arguments.items()}
    np.testing.assert_allclose(K.eval(K.relu(K.constant([-1.0, 2.0, 9.0]), **given)), expected, rtol=1e-6)
    symbolic = K.relu(lamina.layers.Input((3,)), **given)
    assert symbolic.shape == (None, 3)


def test_elu_of_tensors():
    x = K.constant([-1.0, 2.0, -3.0])
    expected = K.eval(K.elu(x, 0.5))
    np.testing.assert_allclose(K.eval(K.elu(x, K.variable([0.5, 0.5, 0.5]))), expected, rtol=1e-6)
