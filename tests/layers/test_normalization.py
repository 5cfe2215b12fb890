"""Normalization: what the catalogue's rows do not say: steps, masks, other generations, several processes, files."""

import re
import socket

import keras
import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from fuzz.children import each
from keras_oracle import assert_as_keras
from saving.twins import assert_same

from lamina import layers
from lamina.dialects import using_dialect
from lamina.models import Sequential, load_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def exactly(message):
    return rf"^{re.escape(message)}(\n|$)"  # a note of the call follows


def twins(kwargs, x):
    theirs, ours = keras.layers.BatchNormalization(**kwargs), layers.BatchNormalization(**kwargs)
    for layer in (theirs, ours):
        layer.build(tuple(x.shape))
    return theirs, ours


def gradients(layer, x, **call):
    x = x.clone().requires_grad_()
    y = layer(x, **call)
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    return [y, *torch.autograd.grad((y * torch.linspace(0.5, 1.5, y.numel()).view_as(y)).sum(), [x, *weights])]


def assert_alike(ours, theirs, tolerance=2e-5):
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.detach(), wanted.detach(), rtol=1e-5, atol=tolerance)


# ---- BatchNormalization ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kwargs", [{}, {"momentum": 0.8}, {"renorm": True}, {"renorm": True, "momentum": 0.8}])
@pytest.mark.parametrize("shape", [(8, 3), (4, 6, 3), (4, 5, 6, 3)])
def test_ten_steps_follow_keras(kwargs, shape):
    theirs, ours = twins(kwargs, torch.zeros(shape))
    for step in range(10):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(step)) * 3 + 1
        assert_alike(gradients(ours, x, training=True), gradients(theirs, x, training=True))
    for mine, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)
    assert_alike([ours(x)], [theirs(x)])


@pytest.mark.parametrize(("shape", "axis"), [((4, 6, 3), -1), ((4, 5, 6, 3), 3), ((4, 3, 6), 1)])
@pytest.mark.parametrize("training", [True, False])
def test_masked_numbers_do_not_count(shape, axis, training):
    x = torch.randn(shape)
    mask = torch.rand(shape[:-1]) > 0.4
    theirs, ours = twins({"axis": axis, "momentum": 0.5}, x)
    assert_alike(*(gradients(layer, x, mask=mask, training=training) for layer in (ours, theirs)))
    for mine, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)


def test_a_masked_nan_changes_nothing():
    x = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    first, second = layers.BatchNormalization(), layers.BatchNormalization()
    first(x, mask=mask, training=True)
    second(torch.where(mask.unsqueeze(-1), x, torch.nan), mask=mask, training=True)
    torch.testing.assert_close(first.moving_variance, second.moving_variance)


def test_a_mask_of_other_axes_is_refused():
    message = (
        "BatchNormalization 'b' needs a mask with the inputs' axes but the last, and got one of "
        "shape (2,) for inputs of shape (2, 3, 4)."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        layers.BatchNormalization(name="b")(torch.zeros(2, 3, 4), mask=torch.ones(2, dtype=torch.bool))


def test_a_frozen_layer_predicts_in_training_too():
    layer = layers.BatchNormalization()
    layer(torch.randn(8, 3))
    layer.trainable = False
    before = layer.get_weights()
    x = torch.randn(8, 3)
    torch.testing.assert_close(layer(x, training=True), layer(x))
    assert_same(layer.get_weights(), before)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3), (1, 3)])
@pytest.mark.parametrize(("dialect", "follows"), [("keras1", True), ("keras2", False), ("keras2.3", False)])
def test_a_frozen_layer_of_keras_1_and_2_takes_the_batch_s_statistics(dialect, follows, shape, masked):
    x = 5 * torch.rand(shape) + 3
    mask = torch.arange(x[..., 0].numel()).view(shape[:-1]) != 1 if masked else None
    with using_dialect(dialect):
        frozen, trained = layers.BatchNormalization(trainable=False), layers.BatchNormalization()
    outputs = [gradients(layer, x, training=True, mask=mask)[:2] for layer in (frozen, trained)]
    assert_alike(*outputs)
    moving = trained.moving_mean, trained.moving_variance
    wanted = moving if follows else (torch.zeros(3), torch.ones(3))
    assert_alike((frozen.moving_mean, frozen.moving_variance), wanted)
    assert (frozen.moving_mean == 0).all() != follows
    with using_dialect("tf_keras"):
        torch.testing.assert_close(layers.BatchNormalization(trainable=False, epsilon=0.0)(x, training=True), x)


# 0, 1, 2, 3 have the variance 1.25, and 5 / 3 with one number less: see the figures of the generations. Keras 2 corrected what
# TensorFlow's kernel for images had corrected: Keras 2.3.1 was run.
@pytest.mark.parametrize(("dialect", "shape", "variance"), [
    (None, (4, 1), 1.25), (None, (4, 1, 1, 1), 1.25), ("keras3", (4, 1), 1.25), ("keras1", (4, 1, 1, 1), 1.25),
    ("keras2", (4, 1), 1.25 * 4 / (4 - 1.001)), ("keras2.3", (4, 1, 1, 1), 5 / 3 * 4 / (4 - 1.001)),
    ("tf_keras", (4, 1), 1.25), ("tf_keras", (4, 1, 1, 1), 5 / 3), ("tf_keras", (4, 1, 1, 1, 1), 5 / 3),
])  # fmt: skip
@pytest.mark.parametrize("masked", [False, True])
def test_the_moving_variance_of_each_generation(dialect, shape, variance, masked):
    with using_dialect(dialect):
        layer = layers.BatchNormalization(momentum=0.0)
    mask = torch.ones(shape[:-1], dtype=torch.bool) if masked else None
    layer(torch.arange(4.0).view(shape), mask=mask, training=True)
    torch.testing.assert_close(layer.moving_variance, torch.tensor([variance]), rtol=1e-5, atol=1e-5)


def _normalize_share(rank, port, shares, results):
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    layer = layers.BatchNormalization(synchronized=True, momentum=0.5)
    x = torch.tensor(shares[rank], requires_grad=True)
    y = layer(x, training=True)
    (gradient,) = torch.autograd.grad((y**3).sum(), x)
    results[rank] = [part.detach().tolist() for part in (y, gradient, layer.moving_mean, layer.moving_variance)]
    torch.distributed.destroy_process_group()


def test_processes_share_their_mean_and_variance():
    x = torch.randn(8, 3, requires_grad=True)
    whole = layers.BatchNormalization(momentum=0.5)
    y = whole(x, training=True)
    (gradient,) = torch.autograd.grad((y**3).sum(), x)
    with socket.socket() as free, mp.get_context("spawn").Manager() as manager:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        results = manager.dict()
        mp.spawn(_normalize_share, (port, [x[:3].tolist(), x[3:].tolist()], results), nprocs=2)
        parts = [[torch.tensor(part) for part in results[rank]] for rank in (0, 1)]
    torch.testing.assert_close(torch.cat([parts[0][0], parts[1][0]]), y.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.cat([parts[0][1], parts[1][1]]), gradient, rtol=1e-4, atol=1e-4)
    for rank in (0, 1):
        torch.testing.assert_close(parts[rank][2], whole.moving_mean)
        torch.testing.assert_close(parts[rank][3], whole.moving_variance)


def test_mixed_precision_keeps_its_statistics_in_float32():
    layer = layers.BatchNormalization(dtype="mixed_bfloat16")
    y = layer(torch.randn(16, 3), training=True)
    assert y.dtype is torch.bfloat16
    assert layer.moving_mean.dtype is torch.float32


# ---- the others ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LayerNormalization", "RMSNormalization"])
@pytest.mark.parametrize(("axis", "order"), [(1, (0, 2, 3, 1)), ([1, 2], (0, 3, 1, 2)), ([1, 3], (0, 2, 1, 3))])
def test_axes_that_are_not_the_last(name, axis, order):
    x = torch.randn(2, 3, 4, 5)
    count = len(axis) if isinstance(axis, list) else 1
    ours = getattr(layers, name)(axis=axis)
    theirs = getattr(keras.layers, name)(axis=list(range(4 - count, 4)))
    ours(x)
    theirs(x.permute(order))
    values = [torch.randn(weight.shape).numpy() for weight in ours.weights]
    ours.set_weights(values)
    theirs.set_weights(values)
    torch.testing.assert_close(ours(x).permute(order), theirs(x.permute(order)), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
def test_rms_scaling():
    x = torch.randn(4, 5)
    theirs, ours = (library.LayerNormalization(rms_scaling=True, center=True) for library in (keras.layers, layers))
    for layer in (theirs, ours):
        layer.build(tuple(x.shape))
        layer.set_weights([np.arange(5.0)])
    assert_alike(gradients(ours, x), gradients(theirs, x))
    assert ours.get_config()["rms_scaling"] is True
    assert ours.get_config()["center"] is True


def test_a_vector_of_zeros_stays_one():
    x = torch.zeros(2, 3, requires_grad=True)
    y = layers.UnitNormalization()(x)
    assert (y == 0).all()
    assert torch.isfinite(torch.autograd.grad(y.sum(), x)[0]).all()


@pytest.mark.parametrize("shape", [(2, 5, 16), (2, 5, 4, 16), (2, 3, 4, 5, 16)])
def test_group_normalization_of_inputs_without_gradients(shape):
    """torch's channels-last kernel crashes there."""
    layer = layers.GroupNormalization(2)
    x = torch.randn(shape)
    expected = torch.autograd.grad(layer(x.clone().requires_grad_()).square().sum(), layer.trainable_weights)
    found = torch.autograd.grad(layer(x).square().sum(), layer.trainable_weights)
    assert_alike(found, expected)


def _gradients_of_weights_alone(work):
    shape, groups, axis = work
    layer, x = layers.GroupNormalization(groups, axis=axis), torch.randn(shape)
    layer(x)
    with torch.no_grad():
        layer.gamma.copy_(torch.randn_like(layer.gamma))
    axis %= len(shape)
    grouped = x.double().movedim(axis, 1).flatten(1).unflatten(1, (layer._groups, -1))
    away = grouped - grouped.mean(2, keepdim=True)
    normal = away / (away.square().mean(2, keepdim=True) + layer.epsilon).sqrt()
    normal = normal.reshape(x.movedim(axis, 1).shape).movedim(1, axis)
    factors = torch.randn(shape)
    others = [one for one in range(len(shape)) if one != axis]
    wanted = (normal * factors).sum(others), factors.double().sum(others)
    for _ in range(20):  # what spoils the heap is seen later
        found = torch.autograd.grad((layer(x) * factors).sum(), layer.trainable_weights)
    assert_alike([one.double() for one in found], wanted, 1e-3)
    return "alike"


def test_group_normalization_of_memory_in_any_order_at_once():
    """Of one channel, or one point, memory is channels-last and is not: torch's kernel crashes there, in a child."""
    works = [((4, 28, 28, 1), 1, -1), ((4, 1, 1, 6), 6, -1), ((4, 1, 1, 6), 2, -1), ((2, 7, 1, 1), 1, -1),
             ((2, 3, 4, 5, 1), 1, -1), ((4, 1, 28, 28), 1, 1), ((4, 6, 1, 1), 3, 1), ((2, 1, 3, 4, 5), 1, 1),
             ((3, 5, 1), 1, -1), ((3, 6), 3, -1),
             ((1, 2, 2, 1), 1, -1), ((2, 16, 5, 5), 2, 1)]  # fmt: skip
    assert [(work, answer) for work, answer in each(_gradients_of_weights_alone, works) if answer != "alike"] == []


@pytest.mark.parametrize("shape", [(1, 2), (1, 1, 2), (1, 1, 1, 2), (3, 1, 1, 2)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["GroupNormalization", "BatchNormalization", "UnitNormalization"])
def test_normalization_of_one_value(name, training, shape):
    """Its variance is 0: Keras answers beta."""
    arguments = {"groups": 2} if name == "GroupNormalization" else {}
    call = {"training": training} if name == "BatchNormalization" else {}
    assert_as_keras(name, arguments, shape, call, atol=1e-4)


def test_spectral_normalization_of_zeros_and_without_a_kernel():
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    assert (layer(torch.ones(1, 4), training=True) == 0).all()
    message = "SpectralNormalization 's' wraps a layer with a kernel or embeddings, and Flatten 'flat' has neither."
    with pytest.raises(ValueError, match=exactly(message)):
        layers.SpectralNormalization(layers.Flatten(name="flat"), name="s")(torch.ones(1, 4))


# ---- files -----------------------------------------------------------------------------------------------------------


def stack(library, layer_stack):
    L = library
    parts = {
        "all": [L.BatchNormalization(), L.LayerNormalization(axis=[1, 2]), L.GroupNormalization(2),
                L.RMSNormalization(), L.UnitNormalization(axis=1)],
        "renorm": [L.BatchNormalization(renorm=True, center=False)],
        "spectral": [L.SpectralNormalization(L.Dense(3, name="inner"))],
    }  # fmt: skip
    return parts[layer_stack]


@pytest.mark.parametrize("name", ["all", "renorm", "spectral"])
def test_files_go_both_ways(name, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    ours = Sequential([layers.Input((5, 4)), *stack(layers, name)])
    for weight in ours.weights:
        torch.nn.init.uniform_(weight, 0.5, 1.5)
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    back = load_model(tmp_path / "theirs.keras")
    np.testing.assert_array_equal(back.predict(x, verbose=0), ours.predict(x, verbose=0))


@pytest.mark.parametrize("shape", [(2, 3, 8), (2, 3, 4, 8), (2, 2, 3, 2, 8)])
def test_group_normalization_s_gradients(shape):
    layer = layers.GroupNormalization(2, dtype="float64")
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    layer(x)
    weights = [layer.gamma, layer.beta]

    def run(x, gamma, beta):
        return torch.func.functional_call(layer, {"gamma": gamma, "beta": beta}, (x,))

    assert torch.autograd.gradcheck(run, (x, *weights))
    assert torch.autograd.gradgradcheck(run, (x, *weights))
    outputs = layer(x)
    seed = torch.randn_like(outputs)
    every = torch.autograd.grad(outputs, [x, *weights], seed)
    for index, source in enumerate([x, *weights]):  # torch's own kernel crashes where the inputs' is not asked for
        torch.testing.assert_close(torch.autograd.grad(layer(x), source, seed)[0], every[index])
    torch.testing.assert_close(torch.autograd.grad(layer(x.detach()), weights, seed), every[1:])
    by_hand = torch.nn.functional.group_norm(x.movedim(-1, 1).contiguous(), 2, *weights, layer.epsilon)
    torch.testing.assert_close(outputs, by_hand.movedim(1, -1))


def _numbers(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(
    "data",
    [
        lambda: _numbers(2, 8, 3, 4).movedim(1, -1), lambda: _numbers(2, 8, 5).movedim(1, -1),
        lambda: _numbers(2, 8, 2, 3, 4).movedim(1, -1), lambda: _numbers(2, 6, 4, 16)[:, ::2, :, ::2],
        lambda: _numbers(2, 1, 4, 8).expand(2, 3, 4, 8), lambda: _numbers(4, 3, 4, 8)[::2],
        lambda: _numbers(2, 4, 3, 8).transpose(1, 2), lambda: _numbers(2, 2, 2, 2, 3, 8), lambda: _numbers(2, 1, 1, 8),
    ],
    ids=["first", "first of 3", "first of 5", "sliced", "expanded", "sliced batch", "transposed", "six axes", "one place"],
)  # fmt: skip
def test_group_normalization_of_data_in_any_memory(data):
    x = data().requires_grad_()
    layer = layers.GroupNormalization(2, dtype="float64")
    layer.build(tuple(x.shape))
    weights = [layer.gamma, layer.beta]
    by_hand = torch.nn.functional.group_norm(x.movedim(-1, 1).contiguous(), 2, *weights, layer.epsilon).movedim(1, -1)
    seed = torch.randn(x.shape, dtype=torch.float64)
    torch.testing.assert_close(layer(x), by_hand)
    found = torch.autograd.grad(layer(x), [x, *weights], seed)
    torch.testing.assert_close(found, torch.autograd.grad(by_hand, [x, *weights], seed))
    with torch.no_grad():
        torch.testing.assert_close(layer(x), by_hand)


@pytest.mark.parametrize("shape", [(0, 3), (0, 4, 4, 3)])
def test_batch_normalization_of_no_rows_leaves_the_averages(shape):
    layer = layers.BatchNormalization()
    x = torch.zeros(shape, requires_grad=True)
    y = layer(x, training=True)
    assert y.shape == shape
    y.sum().backward()
    assert (layer.moving_mean == 0).all()
    assert (layer.moving_variance == 1).all()


@pytest.mark.parametrize("shape", [(1, 2), (3, 2), (2, 1, 1, 2)])
def test_group_normalization_of_one_value_is_beta_exactly(shape):
    layer = layers.GroupNormalization(2, beta_initializer="ones")
    assert (layer(torch.randn(shape)) == 1).all()
