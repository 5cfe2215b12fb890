"""Noise layers in training: their statistics, and seeds that repeat."""

import numpy as np
import pytest
import torch

from lamina.layers import AlphaDropout, GaussianDropout, GaussianNoise

MANY = 200_000


@pytest.mark.parametrize("seed", [None, 3])
def test_gaussian_noise_has_its_deviation_and_no_mean(seed):
    noise = GaussianNoise(0.5, seed=seed)(torch.zeros(MANY), training=True)
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01


@pytest.mark.parametrize("seed", [None, 3])
def test_gaussian_dropout_keeps_the_mean_and_spreads_as_dropout_does(seed):
    output = GaussianDropout(0.2, seed=seed)(torch.ones(MANY), training=True)
    assert abs(output.mean() - 1) < 0.01
    assert abs(output.std() - np.sqrt(0.2 / 0.8)) < 0.01


@pytest.mark.parametrize("seed", [None, 3])
def test_alpha_dropout_keeps_mean_and_variance_of_standard_inputs(seed):
    output = AlphaDropout(0.2, seed=seed)(torch.randn(MANY), training=True)
    assert abs(output.mean()) < 0.02
    assert abs(output.std() - 1) < 0.02


def test_alpha_dropout_shares_what_it_drops_along_axes_of_size_1():
    output = AlphaDropout(0.5, noise_shape=(None, 1, None))(torch.zeros(4, 7, 30), training=True)
    assert torch.equal(output, output[:, :1].expand_as(output))
    assert len(output.unique()) == 2


@pytest.mark.parametrize("make", [GaussianNoise, GaussianDropout, AlphaDropout])
def test_a_seed_repeats_the_noise_and_each_call_has_its_own(make):
    x = torch.ones(50)
    first, second = make(0.5, seed=7), make(0.5, seed=7)
    once = first(x, training=True)
    assert torch.equal(once, second(x, training=True))
    assert not torch.equal(once, first(x, training=True))


@pytest.mark.parametrize("make", [GaussianNoise, GaussianDropout, AlphaDropout])
def test_nothing_is_disturbed_outside_of_training(make):
    x = torch.randn(5)
    assert make(0.5)(x) is x
