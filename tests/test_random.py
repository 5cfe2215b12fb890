"""Random numbers against Keras 3.15.1's seeded ones, and what distributions, streams, copies and compilers need."""

from __future__ import annotations

import copy
import math
import pickle
import random as python_random

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import random

# Keras seeds torch's samplers in the same way, so that these give the same numbers.
SAME = [
    ("normal", ((4, 5),), {}), ("normal", ((3,), 2.0, 0.1), {"dtype": "float64"}), ("uniform", ((4, 5),), {}),
    ("uniform", ((4, 5), -2.0, 3.0), {"dtype": "float64"}), ("randint", ((4, 5), -3, 9), {}),
    ("randint", ((4,), 0, 200), {"dtype": "uint8"}), ("categorical", (torch.randn(3, 6), 5), {}),
    ("gamma", ((4, 5), 0.7), {}), ("gamma", ((2, 3), torch.tensor([0.5, 2.0, 9.0])), {}),
    ("binomial", ((4, 5), 10.0, 0.3), {}), ("beta", ((4, 5), 0.7, 2.0), {}), ("shuffle", (torch.arange(20),), {}),
]  # fmt: skip


@pytest.mark.parametrize("seed", [0, 7, -3, 2**32 - 1])
@pytest.mark.parametrize(("name", "args", "kwargs"), SAME)
def test_seeded_numbers_are_keras(name, args, kwargs, seed):
    mine = getattr(random, name)(*args, **kwargs, seed=seed)
    theirs = getattr(keras.random, name)(*args, **kwargs, seed=seed)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_streams_are_keras():
    mine, theirs = random.SeedGenerator(42), keras.random.SeedGenerator(42)
    for _ in range(3):
        torch.testing.assert_close(random.normal((5,), seed=mine), keras.random.normal((5,), seed=theirs))
    assert mine.next().tolist() == theirs.next().tolist() == [42, 3]
    assert mine.next(ordered=False).tolist() == theirs.next(ordered=False).tolist() == [42, 4]
    assert mine.state.tolist() == theirs.state.value.tolist()


DRAWS = {
    "normal": lambda seed: random.normal((50,), seed=seed),
    "uniform": lambda seed: random.uniform((50,), seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((50,), seed=seed),
    "randint": lambda seed: random.randint((50,), 0, 1000, seed=seed),
    "categorical": lambda seed: random.categorical(torch.zeros(1, 9), 50, seed=seed),
    "gamma": lambda seed: random.gamma((50,), 2.0, seed=seed),
    "binomial": lambda seed: random.binomial((50,), 50, 0.5, seed=seed),
    "beta": lambda seed: random.beta((50,), 2.0, 3.0, seed=seed),
    "shuffle": lambda seed: random.shuffle(torch.arange(50), seed=seed),
    "dropout": lambda seed: random.dropout(torch.ones(50, 50), 0.5, seed=seed),
    "dropout of few": lambda seed: random.dropout(torch.ones(50), 0.5, seed=seed),
    "dropout with noise_shape": lambda seed: random.dropout(torch.ones(60, 50), 0.5, (None, 1), seed=seed),
}


@pytest.mark.parametrize("name", DRAWS)
def test_what_a_seed_means(name):
    draw = DRAWS[name]
    assert torch.equal(draw(3), draw(3))
    assert torch.equal(draw(np.int64(3)), draw(3))
    assert not torch.equal(draw(3), draw(4))
    stream, again = random.SeedGenerator(3), random.SeedGenerator(3)
    first, second = draw(stream), draw(stream)
    assert not torch.equal(first, second)
    assert torch.equal(draw(again), first)
    assert torch.equal(draw(again), second)
    for unseeded in (None, random.SeedGenerator()):
        torch.manual_seed(5)
        first, second = draw(unseeded), draw(unseeded)
        torch.manual_seed(5)
        assert torch.equal(draw(unseeded), first)
        assert not torch.equal(first, second)


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_leaves_torch_alone(name):
    before = torch.get_rng_state()
    DRAWS[name](3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda seeds: pickle.loads(pickle.dumps(seeds))])
def test_copies_go_on_where_the_original_stands(duplicate):
    stream = random.SeedGenerator(3, name="mine")
    random.normal((4,), seed=stream)
    other = duplicate(stream)
    assert other.get_config() == stream.get_config()
    expected = random.normal((4,), seed=stream)
    assert torch.equal(random.normal((4,), seed=other), expected)
    random.normal((4,), seed=stream)
    assert other.state.tolist() == [3, 2]  # drawing from one moves only that one


def test_generator_configs_are_keras():
    for arguments in ({"seed": 3, "name": "mine"}, {"seed": None, "name": "mine"}):
        config = keras.saving.serialize_keras_object(keras.random.SeedGenerator(**arguments))
        mine = random.SeedGenerator(**arguments)
        assert lamina.utils.serialize_keras_object(mine) == config
        assert lamina.utils.deserialize_keras_object(config).get_config() == arguments
    lamina.naming.reset_names()
    assert [random.SeedGenerator().name for _ in range(2)] == ["seed_generator", "seed_generator_1"]


# ---- distributions -------------------------------------------------------------------------------------------------

COUNT = 40_000
# Draw, mean, standard deviation.
MOMENTS = {
    "normal": (lambda: random.normal((COUNT,), 1.0, 2.0), 1.0, 2.0),
    "truncated_normal": (lambda: random.truncated_normal((COUNT,), 1.0, 2.0), 1.0, 2 * 0.87962566),
    "uniform": (lambda: random.uniform((COUNT,), -1.0, 5.0), 2.0, 6 / math.sqrt(12)),
    "randint": (lambda: random.randint((COUNT,), -1, 5), 1.5, math.sqrt(35 / 12)),
    "gamma": (lambda: random.gamma((COUNT,), 3.0), 3.0, math.sqrt(3)),
    "binomial": (lambda: random.binomial((COUNT,), 20, 0.3), 6.0, math.sqrt(20 * 0.3 * 0.7)),
    "beta": (lambda: random.beta((COUNT,), 2.0, 3.0), 0.4, 0.2),
    "categorical": (lambda: random.categorical(torch.tensor([[0.0, math.log(3)]]), COUNT), 0.75, math.sqrt(3) / 4),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name):
    draw, mean, stddev = MOMENTS[name]
    values = draw().double()
    assert abs(values.mean() - mean) < 5 * stddev / math.sqrt(COUNT)
    assert values.std().item() == pytest.approx(stddev, rel=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal", "gamma", "binomial", "beta"])
def test_every_float_type(name, dtype):
    parameters = {"gamma": (2.0,), "binomial": (10, 0.5), "beta": (2.0, 3.0)}.get(name, ())
    values = getattr(random, name)((1000,), *parameters, dtype=dtype, seed=1)
    assert values.dtype == getattr(torch, dtype)
    exact = getattr(random, name)((1000,), *parameters, seed=1)
    assert values.double().std().item() == pytest.approx(exact.double().std().item(), rel=0.1)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_shuffle_moves_whole_slices(axis):
    x = torch.arange(60).reshape(3, 5, 4)
    y = random.shuffle(x, axis, seed=1)
    assert y.shape == x.shape
    assert not torch.equal(y, x)
    slices = {tuple(part.flatten().tolist()) for part in x.unbind(axis)}
    assert {tuple(part.flatten().tolist()) for part in y.unbind(axis)} == slices


# ---- dropout -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("shape", [(30, 20), (200, 300)])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate, shape, seed):
    torch.manual_seed(1)
    x = torch.ones(shape, requires_grad=True)
    y = random.dropout(x, rate, seed=seed)
    dropped = (y == 0).double()
    assert dropped.mean().item() == pytest.approx(rate, abs=5 * math.sqrt(rate * (1 - rate) / x.numel()))
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / (1 - rate)), rtol=1e-4, atol=0)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    by_place = dropped.flatten()[: dropped.numel() // 4 * 4].reshape(-1, 4).mean(0)  # four elements share one draw
    assert (by_place - rate).abs().max() < 6 * math.sqrt(rate * (1 - rate) / (x.numel() / 4))
    neighbours = torch.corrcoef(torch.stack([dropped.flatten()[:-1], dropped.flatten()[1:]]))[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(x.numel())


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("noise_shape", [(None, 1, None), (40, 1, 60), [1, None, None], (1, 1, 1)])
def test_noise_shape_says_what_goes_together(noise_shape, seed):
    x = torch.rand(40, 5, 60) + 1
    y = random.dropout(x, 0.4, noise_shape, seed=seed)
    noise = y / x
    for axis, size in enumerate(noise_shape):
        if size == 1:
            torch.testing.assert_close(noise, noise.narrow(axis, 0, 1).expand_as(noise))
    if tuple(noise_shape) != (1, 1, 1):
        assert 0.3 < (y == 0).double().mean() < 0.5


def test_dropout_at_its_ends():
    x = torch.randn(60, 60)
    assert random.dropout(x, 0.0) is x
    assert torch.equal(random.dropout(x, 1.0, seed=1), torch.zeros(60, 60))
    assert torch.equal(random.dropout(x, 1.0), torch.zeros(60, 60))
    assert torch.equal(random.dropout(x, 1e-7, seed=1), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("seed", [None, 3])
def test_dropout_keeps_the_type(dtype, seed):
    for shape in ((9,), (60, 60)):
        assert random.dropout(torch.ones(shape, dtype=dtype), 0.5, seed=seed).dtype == dtype


def test_dropout_of_odd_and_no_elements():
    for shape in ((0, 3), (1,), (7, 301), (5, 7, 61)):
        assert random.dropout(torch.ones(shape), 0.5, seed=1).shape == shape


# ---- graphs and compilers ------------------------------------------------------------------------------------------


class Noisy(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.seeds = random.SeedGenerator(seed)

    def forward(self, x):
        kept = random.dropout(x, 0.5, seed=self.seeds) + random.dropout(x, 0.5, (None, 1), seed=self.seeds)
        return kept + random.normal(x.shape, seed=self.seeds) * random.randint(x.shape, 0, 5, seed=self.seeds)


def test_compiled_code_draws_the_same_numbers():
    x = torch.randn(50, 60)
    plain, module = Noisy(3), Noisy(3)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for _ in range(3):
        torch.testing.assert_close(compiled(x), plain(x))
    assert module.seeds.state.tolist() == plain.seeds.state.tolist() == [3, 12]


def test_compiled_code_without_a_seed_follows_torch():
    x = torch.randn(50, 60)
    compiled = torch.compile(Noisy(None), fullgraph=True, backend="aot_eager")
    torch.manual_seed(3)
    first, second = compiled(x), compiled(x)
    torch.manual_seed(3)
    assert torch.equal(compiled(x), first)
    assert not torch.equal(first, second)


def test_shapes_are_known_without_drawing():
    seeds = random.SeedGenerator(3)
    with torch.device("meta"):
        assert random.normal((2, 3), seed=seeds).device.type == "meta"
        assert random.dropout(torch.empty(60, 60), 0.5, seed=seeds).shape == (60, 60)
        assert random.shuffle(torch.empty(4), seed=seeds).shape == (4,)
    assert seeds.state.tolist() == [3, 0]


def test_symbolic_tensors_record_one_call():
    seeds = random.SeedGenerator(3)
    x = lamina.Input((60,))
    model = lamina.Model(x, random.dropout(x, 0.5, seed=seeds))
    assert seeds.state.tolist() == [3, 0]
    data = torch.ones(70, 60)
    first, second = model(data), model(data)
    assert not torch.equal(first, second)
    assert torch.equal(first, random.dropout(data, 0.5, seed=random.SeedGenerator(3)))


# ---- the program's seed, and errors --------------------------------------------------------------------------------


def test_set_random_seed_seeds_all_three():
    def draw():
        return python_random.random(), float(np.random.rand()), float(torch.rand(()))

    state = python_random.getstate()
    try:
        random.set_random_seed(11)
        first = draw()
        second = draw()
        random.set_random_seed(11)
        assert draw() == first != second
        keras.utils.set_random_seed(11)
        assert draw() == first
    finally:
        python_random.setstate(state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.set_random_seed("a"), "set_random_seed needs an integer for seed, and got 'a'."),
        (lambda: random.set_random_seed(1.0), "set_random_seed needs an integer for seed, and got 1.0."),
        (lambda: random.set_random_seed(-1), "set_random_seed needs a seed from 0 to 4294967295, and got -1."),
        (lambda: random.SeedGenerator("a"), "SeedGenerator needs an integer for seed, and got 'a'."),
        (lambda: random.normal((2,), seed="a"), "seed must be None, an integer or a SeedGenerator, and got 'a'."),
        (lambda: random.uniform((2,), dtype="int32"),
         "random.uniform draws fractions and needs a float dtype, and got 'int32'."),
        (lambda: random.randint((2,), 0, 3, dtype="float32"),
         "random.randint draws whole numbers and needs an integer dtype, and got 'float32'."),
        (lambda: random.randint((2,), 3, 3), "random.randint needs minval below maxval, and got 3 and 3."),
        (lambda: random.categorical(torch.zeros(3), 2),
         "random.categorical needs logits (batch, classes), and got shape (3,)."),
        (lambda: random.dropout(torch.zeros(3), 1.5), "random.dropout needs a rate from 0 to 1, and got 1.5."),
        (lambda: random.dropout(torch.zeros(3), 0.5, (None, 1)),
         "random.dropout needs one noise size per axis of its input, shape (3,), and got (None, 1)."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, message):
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    assert str(caught.value) == message
    assert torch.equal(torch.get_rng_state(), state)


def test_every_function_of_keras_is_here():
    names = {name for name in dir(keras.random) if not name.startswith("_")}
    assert {name for name in names if not callable(getattr(random, name, None))} == set()
