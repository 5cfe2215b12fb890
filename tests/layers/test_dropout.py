"""Dropout and SpatialDropout: what is drawn, when, in which shape, and how often."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from keras_oracle import assert_config_as_keras

from lamina import layers
from lamina.models import Sequential

SPATIAL = [
    ("SpatialDropout1D", {}, (4, 5, 6), (4, 1, 6)),
    ("SpatialDropout2D", {}, (4, 5, 6, 7), (4, 1, 1, 7)),
    ("SpatialDropout2D", {"data_format": "channels_first"}, (4, 7, 5, 6), (4, 7, 1, 1)),
    ("SpatialDropout3D", {}, (4, 2, 5, 6, 7), (4, 1, 1, 1, 7)),
    ("SpatialDropout3D", {"data_format": "channels_first"}, (4, 7, 2, 5, 6), (4, 7, 1, 1, 1)),
]  # fmt: skip
ALL = [("Dropout", {}, (4, 5, 6), (4, 5, 6)), *SPATIAL]


@pytest.mark.parametrize(("name", "arguments", "shape", "_"), ALL)
def test_inference_returns_the_input_itself(name, arguments, shape, _):
    layer, x = getattr(layers, name)(0.5, **arguments), torch.randn(shape)
    assert layer(x) is x
    assert layer(x, training=False) is x
    assert getattr(layers, name)(0.0, **arguments)(x, training=True) is x


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("seed", [None, 3])
def test_drops_the_rate_and_keeps_the_mean(rate, seed):
    count = 100_000
    y = layers.Dropout(rate, seed=seed)(torch.ones(count), training=True)
    dropped = (y == 0).float().mean().item()
    assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / count)
    torch.testing.assert_close(y[y != 0], torch.full((int((y != 0).sum()),), 1 / (1 - rate)), rtol=1e-4, atol=0)


def test_neighbours_are_drawn_independently():
    y = layers.Dropout(0.5, seed=0)(torch.ones(200, 500), training=True) == 0
    for other in (y.roll(1, 0), y.roll(1, 1)):
        assert abs((y & other).float().mean().item() - 0.25) < 0.01


def test_gradients_flow_where_numbers_do():
    x = torch.randn(1000, requires_grad=True)
    y = layers.Dropout(0.3)(x, training=True)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient * x, y)
    assert set(gradient.eq(0).tolist()) == {True, False}


@pytest.mark.parametrize("arguments", [{}, {"seed": 1}, {"noise_shape": (None, 1)}])
def test_rate_1_drops_everything(arguments):
    x = torch.randn(3, 4, requires_grad=True)
    y = layers.Dropout(1, **arguments)(x, training=True)
    assert y.count_nonzero() == 0
    assert torch.autograd.grad(y.sum(), x)[0].count_nonzero() == 0


# ---- streams of random numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments", "shape", "_"), ALL)
def test_a_seed_repeats_the_stream(name, arguments, shape, _):
    x = torch.ones(shape)
    first, second = (getattr(layers, name)(0.5, seed=7, **arguments) for _ in range(2))
    draws = [first(x, training=True) for _ in range(3)]
    torch.rand(5)  # torch's own stream has no say
    assert all(torch.equal(draw, second(x, training=True)) for draw in draws)
    assert not torch.equal(draws[0], draws[1])
    other = getattr(layers, name)(0.5, seed=8, **arguments)
    assert not torch.equal(other(x, training=True), draws[0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_go_on_where_the_original_was(copied):
    layer, x = layers.Dropout(0.5, seed=7), torch.ones(100)
    layer(x, training=True)
    twin = copied(layer)
    assert torch.equal(twin(x, training=True), layer(x, training=True))


def test_without_a_seed_torchs_seed_holds():
    layer, x = layers.Dropout(0.5), torch.ones(100)
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(layer(x, training=True))
    assert torch.equal(*draws)
    assert not torch.equal(layer(x, training=True), draws[0])


# ---- the noise's shape ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("noise_shape", [(8, 1, 50), (None, 1, None), [None, None, 1], (1, 20, 1), (1, 1, 50)])
def test_noise_is_repeated_along_axes_of_size_1(noise_shape, seed):
    shape = (8, 20, 50)
    noise = layers.Dropout(0.5, noise_shape=noise_shape, seed=seed)(torch.ones(shape), training=True)
    for axis, size in enumerate(noise_shape):
        same = bool((noise == noise.narrow(axis, 0, 1)).all())
        assert same == (size == 1)


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize(("name", "arguments", "shape", "noise_shape"), SPATIAL)
def test_spatial_dropout_drops_channels_whole(name, arguments, shape, noise_shape, seed):
    layer = getattr(layers, name)(0.5, seed=seed, **arguments)
    noise = layer(torch.ones(shape), training=True)
    assert layer.noise_shape_for(noise) == noise_shape
    one = noise[tuple(slice(0, size) for size in noise_shape)]
    assert torch.equal(noise, one.expand(shape))
    assert sorted(set(one.flatten().tolist())) == [0.0, 2.0]


# ---- life as a layer -----------------------------------------------------------------------------------------------


def test_training_follows_the_module():
    model = Sequential([layers.Dropout(0.5)])
    x = torch.ones(100)
    assert torch.equal(model(x), x)
    assert not torch.equal(model(x, training=True), x)
    assert torch.equal(model(x), x)
    model.train()
    assert not torch.equal(model(x), x)
    assert torch.equal(model(x, training=False), x)
    model.eval()
    assert torch.equal(model(x), x)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("arguments", [{}, {"seed": 1}, {"noise_shape": (None, 1)}])
def test_types_are_kept(dtype, arguments):
    y = layers.Dropout(0.5, dtype=dtype, **arguments)(torch.ones(50, 4), training=True)
    assert y.dtype is getattr(torch, dtype)
    assert set(y.flatten().tolist()) == {0.0, 2.0}


def test_masks_pass():
    inputs = layers.Input((3, 2))
    for layer in (layers.Dropout(0.5), layers.SpatialDropout1D(0.5)):
        assert layer(layers.Masking()(inputs)).mask is not None


@pytest.mark.parametrize("arguments", [{}, {"noise_shape": (None, 1)}, {"seed": 1}])
def test_compile(arguments):
    layer, x = layers.Dropout(0.5, **arguments).train(), torch.ones(50, 4)
    layer(x)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    first, second = compiled(x), compiled(x)
    assert set(first.flatten().tolist()) == {0.0, 2.0}
    assert not torch.equal(first, second)


def test_compiled_code_draws_the_same_stream():
    plain, compiled, x = layers.Dropout(0.5, seed=3).train(), layers.Dropout(0.5, seed=3).train(), torch.ones(50)
    plain(x), compiled(x)
    torch._dynamo.reset()
    assert torch.equal(torch.compile(compiled, fullgraph=True, backend="aot_eager")(x), plain(x))


@pytest.mark.parametrize(("name", "arguments", "_shape", "_noise"), ALL)
def test_config_as_keras(name, arguments, _shape, _noise):
    import keras

    arguments = {"rate": 0.3, "seed": 4, **arguments}
    assert_config_as_keras(getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments))


def test_config_keeps_the_noise_shape():
    layer = layers.Dropout.from_config(layers.Dropout(0.2, noise_shape=[None, 1], seed=3).get_config())
    assert (layer.rate, layer.noise_shape, layer.seed) == (0.2, (None, 1), 3)


# ---- errors --------------------------------------------------------------------------------------------------------

WRONG = [
    ({"rate": 1.1}, "Dropout 'd' needs a number from 0 to 1 for rate, and got 1.1."),
    ({"rate": -0.1}, "Dropout 'd' needs a number from 0 to 1 for rate, and got -0.1."),
    ({"rate": "0.5"}, "Dropout 'd' needs a number from 0 to 1 for rate, and got '0.5'."),
    ({"rate": float("nan")}, "Dropout 'd' needs a number from 0 to 1 for rate, and got nan."),
    ({"noise_shape": "1"}, "Dropout 'd' needs a tuple of positive integers and None for noise_shape, and got '1'."),
    ({"noise_shape": 3}, "Dropout 'd' needs a tuple of positive integers and None for noise_shape, and got 3."),
    ({"noise_shape": (2, 0)},
     "Dropout 'd' needs a tuple of positive integers and None for noise_shape, and got (2, 0)."),
    ({"noise_shape": (2, 1.5)},
     "Dropout 'd' needs a tuple of positive integers and None for noise_shape, and got (2, 1.5)."),
    ({"seed": "a"}, "SeedGenerator needs an integer for seed, and got 'a'."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layers.Dropout(**{"rate": 0.5, "name": "d"} | arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("noise_shape", [(32, 1, 6), (None, 1), (None, 2, None)])
def test_noise_that_does_not_fit_the_inputs(noise_shape):
    layer = layers.Dropout(0.5, noise_shape=noise_shape, name="d")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer(torch.ones(4, 5, 6), training=True)
    assert str(caught.value) == (f"Dropout 'd' has noise_shape {noise_shape}, which can't be repeated over inputs of shape "
                                 "(4, 5, 6). None in it stands for the inputs' own size.")  # fmt: skip


def test_spatial_dropout_wants_its_rank():
    with pytest.raises(ValueError, match=r"^SpatialDropout2D 'd' takes inputs of 4 axes \(the batch is the first\)"):
        layers.SpatialDropout2D(0.5, name="d")(layers.Input((5, 6)))
