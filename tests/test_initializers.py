"""Initializers against Keras 3.15.1: the numbers of seeded ones, moments of all, fans, names and configs."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import keras
import numpy as np
import pytest
import torch

from lamina import initializers
from lamina.random import SeedGenerator
from lamina.registry import register_keras_serializable

CLASSES = sorted(name for name in dir(keras.initializers) if name[0].isupper())
RANDOM = ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotUniform", "GlorotNormal",
          "HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "Orthogonal"]  # fmt: skip
SHAPES = [(), (5,), (4, 6), (3, 4, 6), (3, 3, 4, 6), (2, 3, 3, 4, 6)]
SHAPE = (120, 150)


# ---- values --------------------------------------------------------------------------------------------------------

# Keras seeds torch's sampler as lamina does; it draws truncated numbers in another way.
SEEDED = [
    ("RandomNormal", {}), ("RandomNormal", {"mean": 2.0, "stddev": 3.0}), ("RandomUniform", {}),
    ("RandomUniform", {"minval": 1.0, "maxval": 4.0}), ("GlorotUniform", {}), ("HeUniform", {}), ("LecunUniform", {}),
    ("VarianceScaling", {"distribution": "uniform", "scale": 3.0, "mode": "fan_out"}), ("Orthogonal", {}),
    ("VarianceScaling", {"distribution": "untruncated_normal", "mode": "fan_avg"}), ("Orthogonal", {"gain": 1.1}),
    ("HeUniform", {"input_axes": [0], "output_axes": [1, 2]}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 42, 2**31 + 5])
@pytest.mark.parametrize(("name", "arguments"), SEEDED)
def test_seeded_values_are_keras(name, arguments, seed, dtype):
    mine = getattr(initializers, name)(**arguments, seed=seed)((4, 3, 5), dtype)
    theirs = getattr(keras.initializers, name)(**arguments, seed=seed)((4, 3, 5), dtype)
    torch.testing.assert_close(mine, theirs.detach(), rtol=1e-5, atol=1e-6)


CONSTANT = [
    ("Zeros", {}, (2, 3)), ("Ones", {}, (2, 3)), ("Constant", {"value": 2.5}, (2, 3)), ("Identity", {}, (3, 3)),
    ("Constant", {"value": [1.0, 2.0, 3.0]}, (2, 3)), ("Identity", {"gain": 2.0}, (2, 4)),
    ("STFT", {}, (16, 1, 9)), ("STFT", {"side": "imag", "scaling": "spectrum"}, (12, 1, 5)),
    ("STFT", {"periodic": True, "window": "hamming"}, (16, 1, 9)), ("STFT", {"window": None}, (8, 1, 5)),
    ("STFT", {"window": "blackman", "scaling": None}, (16, 1, 9)), ("STFT", {"window": "bartlett"}, (9, 1, 9)),
    ("STFT", {"window": "cosine", "periodic": True}, (10, 1, 9)), ("STFT", {"window": "nuttall"}, (16, 1, 9)),
    ("STFT", {"window": np.arange(1.0, 9.0)}, (8, 1, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments", "shape"), CONSTANT)
def test_values_that_are_not_random_are_keras(name, arguments, shape, dtype):
    theirs = getattr(keras.initializers, name)(**arguments)(shape, dtype)
    mine = getattr(initializers, name)(**arguments)(shape, dtype)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "bool", "float16", torch.bfloat16])
def test_constants_come_in_any_type(dtype):
    assert initializers.Ones()((2,), dtype).tolist() == [1, 1]
    assert initializers.Zeros()((2,), dtype).tolist() == [0, 0]
    assert initializers.Constant(1)((2,), dtype).tolist() == [1, 1]


def test_a_constant_owns_its_memory():
    weight = initializers.Constant(1.0)((2, 3))
    weight[0, 0] = 5
    assert weight.sum() == 10


# ---- distributions -------------------------------------------------------------------------------------------------

# Name, arguments, what the standard deviation must be for shape (3, 3, 40, 60), and the greatest value.
INPUTS, OUTPUTS = 9 * 40, 9 * 60
MOMENTS = [
    ("RandomNormal", {"stddev": 0.3}, 0.3, math.inf),
    ("RandomUniform", {"minval": -0.3, "maxval": 0.3}, 0.3 / math.sqrt(3), 0.3),
    ("TruncatedNormal", {"stddev": 0.3}, 0.3 * 0.87962566, 0.6),
    ("GlorotUniform", {}, math.sqrt(2 / (INPUTS + OUTPUTS)), math.sqrt(6 / (INPUTS + OUTPUTS))),
    ("GlorotNormal", {}, math.sqrt(2 / (INPUTS + OUTPUTS)), 2 * math.sqrt(2 / (INPUTS + OUTPUTS)) / 0.87962566),
    ("HeUniform", {}, math.sqrt(2 / INPUTS), math.sqrt(6 / INPUTS)),
    ("HeNormal", {}, math.sqrt(2 / INPUTS), 2 * math.sqrt(2 / INPUTS) / 0.87962566),
    ("LecunUniform", {}, math.sqrt(1 / INPUTS), math.sqrt(3 / INPUTS)),
    ("LecunNormal", {}, math.sqrt(1 / INPUTS), 2 * math.sqrt(1 / INPUTS) / 0.87962566),
    ("VarianceScaling", {"mode": "fan_out", "scale": 3}, math.sqrt(3 / OUTPUTS), 2 * math.sqrt(3 / OUTPUTS) / 0.8796),
    ("VarianceScaling", {"distribution": "untruncated_normal"}, math.sqrt(1 / INPUTS), math.inf),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "stddev", "limit"), MOMENTS)
def test_moments(name, arguments, stddev, limit):
    values = getattr(initializers, name)(**arguments)((3, 3, 40, 60)).double().flatten()  # 21,600 numbers
    assert abs(values.mean()) < 4 * stddev / math.sqrt(len(values))
    assert values.std().item() == pytest.approx(stddev, rel=0.02)
    assert values.abs().max() <= limit * (1 + 1e-5)
    if limit < math.inf:
        assert values.abs().max() > 0.95 * limit
    if "uniform" in name.lower():  # each tenth of the range is as likely
        counts = torch.histc(values, 10, -limit, limit)
        assert (counts - len(values) / 10).abs().max() < 5 * math.sqrt(len(values) / 10)


def test_truncated_numbers_are_the_normal_ones_within_two_deviations():
    values = initializers.TruncatedNormal(1.0, 0.5)((100_000,)).double()
    inside = torch.distributions.Normal(1.0, 0.5)
    for x in (0.2, 0.7, 1.0, 1.1, 1.9):
        expected = (inside.cdf(torch.tensor(x)) - 0.02275013) / 0.95449974
        assert (values < x).double().mean().item() == pytest.approx(expected.item(), abs=0.006)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_in_other_types(name, dtype):
    initializer = getattr(initializers, name)(seed=3)
    values = initializer(SHAPE, dtype)
    assert values.dtype == getattr(torch, dtype)
    assert values.double().std().item() == pytest.approx(initializer(SHAPE).std().item(), rel=0.05)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (3, 3, 2, 5), (2, 3, 40)])
def test_orthogonal_vectors(shape):
    w = initializers.Orthogonal(gain=1.5)(shape, "float64").reshape(-1, shape[-1])
    w = w if w.shape[0] < w.shape[1] else w.t()
    torch.testing.assert_close(w @ w.t(), 1.5**2 * torch.eye(len(w), dtype=torch.float64))


@pytest.mark.parametrize("axes", [(None, None), ([0], [1, 2]), ([-2], [-1]), ([0], None)])
@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_keras(shape, axes):
    from keras.src.initializers.random_initializers import compute_fans

    if None not in axes and len(shape) < 3:
        pytest.skip("these axes need a shape that has them")
    assert initializers.compute_fans(shape, *axes) == compute_fans(shape, *axes)


# ---- seeds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RANDOM)
def test_an_integer_seed_repeats_itself(name):
    initializer = getattr(initializers, name)(seed=7)
    assert torch.equal(initializer(SHAPE), initializer(SHAPE))
    assert torch.equal(initializer(SHAPE), getattr(initializers, name)(seed=7)(SHAPE))
    assert not torch.equal(initializer(SHAPE), getattr(initializers, name)(seed=8)(SHAPE))
    before = torch.get_rng_state()
    initializer(SHAPE)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_torch_decides(name):
    initializer = getattr(initializers, name)()
    torch.manual_seed(1)
    first, second = initializer(SHAPE), initializer(SHAPE)
    torch.manual_seed(1)
    assert torch.equal(initializer(SHAPE), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_generator_goes_on(name):
    initializer, again = (getattr(initializers, name)(seed=SeedGenerator(7)) for _ in range(2))
    first, second = initializer(SHAPE), initializer(SHAPE)
    assert not torch.equal(first, second)
    assert torch.equal(again(SHAPE), first)
    assert torch.equal(copy.deepcopy(again)(SHAPE), second)
    assert torch.equal(pickle.loads(pickle.dumps(again))(SHAPE), second)


# ---- names and configs ---------------------------------------------------------------------------------------------


def test_every_initializer_of_keras_is_here():
    names = {name for name in dir(keras.initializers) if not name.startswith("_")}
    assert {name for name in names if not callable(getattr(initializers, name, None))} == set()


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_are_keras(name):
    def arguments(cls):
        return [(it.name, it.default) for it in inspect.signature(cls).parameters.values()]

    assert arguments(getattr(initializers, name)) == arguments(getattr(keras.initializers, name))


CONFIGS = [
    ("Zeros", {}), ("Ones", {}), ("Constant", {"value": 3.0}), ("Constant", {"value": [1.0, 2.0]}),
    ("Constant", {"value": np.ones(2)}), ("RandomNormal", {"mean": 1.0, "stddev": 0.2, "seed": 4}),
    ("RandomUniform", {"minval": 0.0, "maxval": 0.2, "seed": 4}), ("TruncatedNormal", {}), ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "normal", "seed": 3}), ("GlorotUniform", {}),
    ("GlorotNormal", {"seed": 3}), ("HeUniform", {"input_axes": [0], "output_axes": [1]}), ("HeNormal", {}),
    ("LecunUniform", {}), ("LecunNormal", {}), ("Orthogonal", {"gain": 1.1, "seed": 2}), ("Identity", {}), ("STFT", {}),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": None, "periodic": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CONFIGS)
def test_configs_are_keras(name, arguments):
    mine, theirs = getattr(initializers, name)(**arguments), getattr(keras.initializers, name)(**arguments)
    config = keras.initializers.serialize(theirs)
    assert initializers.serialize(mine) == config
    for back in (initializers.get(config), initializers.deserialize(config), mine.clone()):
        assert type(back) is type(mine)
        assert initializers.serialize(back) == config
    assert initializers.serialize(initializers.get({"class_name": name, "config": config["config"]})) == config


def test_a_seed_generator_is_written_as_keras_writes_it():
    theirs = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(5, name="mine"))
    config = keras.initializers.serialize(theirs)
    mine = initializers.GlorotUniform(seed=SeedGenerator(5, name="mine"))
    assert initializers.serialize(mine) == config
    assert torch.equal(initializers.get(config)((3, 4)), mine((3, 4)))


def test_the_gain_of_an_identity_is_kept():
    config = initializers.serialize(initializers.Identity(3.0))
    assert initializers.get(config)((2, 2)).tolist() == [[3, 0], [0, 3]]
    assert keras.initializers.get(config)((2, 2)).tolist() == [[3, 0], [0, 3]]


# Keras 1's and 2's names, and those that today's Keras resolves too.
NAMES = {
    "zero": "Zeros", "zeros": "Zeros", "one": "Ones", "ones": "Ones", "uniform": "RandomUniform",
    "normal": "RandomNormal", "random_uniform": "RandomUniform", "random_normal": "RandomNormal",
    "truncated_normal": "TruncatedNormal", "glorot_uniform": "GlorotUniform", "glorot_normal": "GlorotNormal",
    "he_uniform": "HeUniform", "he_normal": "HeNormal", "lecun_uniform": "LecunUniform",
    "lecun_normal": "LecunNormal", "orthogonal": "Orthogonal", "identity": "Identity",
    "variance_scaling": "VarianceScaling", "IdentityInitializer": "Identity", "OrthogonalInitializer": "Orthogonal",
    "STFTInitializer": "STFT", "stft": "STFT",
}  # fmt: skip


@pytest.mark.parametrize(("name", "class_name"), NAMES.items())
def test_names_resolve_as_in_keras(name, class_name):
    assert type(initializers.get(name)) is getattr(initializers, class_name) is getattr(initializers, name)
    assert type(keras.initializers.get(name)) is getattr(keras.initializers, class_name)


def test_what_tensorflow_1_wrote_is_read():
    config = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
    assert type(initializers.get(config)) is initializers.GlorotUniform
    config = {"class_name": "Constant", "config": {"value": 2, "dtype": "float32", "verify_shape": False}}
    assert initializers.get(config)((2,)).tolist() == [2, 2]


def test_what_keras_2_wrote_is_read():
    arguments = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    made = initializers.get({"class_name": "VarianceScaling", "config": arguments})
    assert made((30, 30)).abs().max() <= math.sqrt(6 / 60)


def test_none_classes_functions_and_arrays():
    assert initializers.get(None) is None
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    assert initializers.get(torch.nn.init.ones_) is torch.nn.init.ones_
    for values in (np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])):
        given = initializers.get(values)
        assert given((2,), "float64").tolist() == [1, 2]
        assert initializers.get(initializers.serialize(given))((2,)).tolist() == [1, 2]
        with pytest.raises(ValueError, match=r"^An array of shape \(2,\) was given as the initializer of a weight of "
                           r"shape \(3,\); the two must be equal\.$"):  # fmt: skip
            given((3,))


@register_keras_serializable(package="lamina_tests")
class Ramp(initializers.Initializer):
    """A user's own."""

    def __init__(self, step=1.0, dtype="float32"):
        self.step = step
        self.dtype = dtype

    def __call__(self, shape, dtype=None):
        return self.step * torch.arange(shape[0])

    def get_config(self):
        return {"step": self.step, "dtype": self.dtype}


def test_your_own():
    config = initializers.serialize(Ramp(2.0, "float16"))
    made = initializers.get(config)
    assert made((3,)).tolist() == [0, 2, 4]
    assert made.dtype == "float16"
    assert initializers.get("Ramp")((3,)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: initializers.get("glorot_unifrom"),
         "'glorot_unifrom' is not a known initializer. Did you mean 'glorot_uniform'? Your own can be passed as an "
         "object, or by name after `register_keras_serializable`."),
        (lambda: initializers.get(3), "Expected a name, a config or an object for the initializer, and got 3."),
        (lambda: initializers.VarianceScaling(scale=0), "VarianceScaling needs a positive number for scale, and got 0."),
        (lambda: initializers.VarianceScaling(mode="fan"),
         "VarianceScaling takes 'fan_in', 'fan_out', 'fan_avg' for mode, and got 'fan'."),
        (lambda: initializers.VarianceScaling(distribution="unifrom"),
         "VarianceScaling takes 'truncated_normal', 'untruncated_normal', 'uniform' for distribution, and got "
         "'unifrom'. Did you mean 'uniform'?"),
        (lambda: initializers.RandomNormal(seed="a"),
         "RandomNormal needs an integer, a SeedGenerator or None for seed, and got 'a'."),
        (lambda: initializers.Orthogonal()((3,)),
         "Orthogonal makes weights of at least 2 axes, and was asked for shape (3,)."),
        (lambda: initializers.Identity()((3,)), "Identity makes weights of 2 axes, and was asked for shape (3,)."),
        (lambda: initializers.RandomUniform()((3,), "int32"),
         "random.uniform draws fractions and needs a float dtype, and got 'int32'."),
        (lambda: initializers.STFT(side="left"), "STFT takes 'real', 'imag' for side, and got 'left'."),
        (lambda: initializers.STFT(window="han"),
         "STFT takes 'bartlett', 'blackman', 'cosine', 'hamming', 'hann', 'nuttall' for window (or the window's "
         "values), and got 'han'. Did you mean 'hann'?"),
        (lambda: initializers.STFT(window=[1.0])((3, 1, 2)), "STFT's window has shape (1,), and the weight needs (3,)."),
        (lambda: initializers.STFT()((3, 2, 2)),
         "STFT makes weights of shape (frames, 1, bands), and was asked for (3, 2, 2)."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    assert str(caught.value) == message
