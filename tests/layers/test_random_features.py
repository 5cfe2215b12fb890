"""RandomFourierFeatures: its formula, what is drawn, and the kernels that its features' products come to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lamina import random
from lamina.layers import RandomFourierFeatures


def test_formula():
    layer = RandomFourierFeatures(5, scale=2.0, dtype="float64")
    layer.build((None, 3))
    assert [weight.shape for weight in layer.get_weights()] == [(1,), (3, 5), (5,)]
    assert float(layer.kernel_scale) == 2.0
    scale, kernel, bias = layer.get_weights()
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(layer(x).detach(), np.cos(x @ (kernel / scale) + bias), atol=1e-12)
    assert 0 <= bias.min() <= bias.max() <= 2 * np.pi


@pytest.mark.parametrize(("arguments", "scale"), [
    ({}, np.sqrt(6 / 2)), ({"kernel_initializer": "Gaussian"}, np.sqrt(6 / 2)), ({"kernel_initializer": "laplacian"}, 1.0),
    ({"kernel_initializer": "he_normal"}, 1.0), ({"scale": 0.5}, 0.5),
])  # fmt: skip
def test_scale(arguments, scale):
    layer = RandomFourierFeatures(5, **arguments)
    layer.build((None, 6))
    assert float(layer.kernel_scale) == pytest.approx(scale)
    assert layer.get_config()["scale"] == arguments.get("scale")


@pytest.mark.parametrize(("kernel", "value"), [
    ("gaussian", lambda gap: np.exp(-np.square(gap).sum(-1) / (2 * 1.5**2))),
    ("laplacian", lambda gap: np.exp(-np.abs(gap).sum(-1) / 1.5)),
])  # fmt: skip
def test_products_approximate_the_kernel(kernel, value):
    random.set_random_seed(0)
    layer = RandomFourierFeatures(20000, kernel_initializer=kernel, scale=1.5)
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    features = layer(x).detach()
    products = 2 * features @ features.T / 20000
    np.testing.assert_allclose(products, value(x[:, None] - x[None]), atol=0.04)


@pytest.mark.parametrize("trainable", [False, True])
def test_only_the_scale_is_trained(trainable):
    layer = RandomFourierFeatures(5, trainable=trainable)
    layer(torch.ones(2, 3))
    assert [name for name, _ in layer.named_parameters()] == ["kernel_scale"]
    assert len(layer.trainable_weights) == int(trainable)
    assert type(layer._constraints["kernel_scale"]).__name__ == "NonNeg"


def test_the_same_seed_draws_the_same():
    drawn = []
    for _ in range(2):
        random.set_random_seed(3)
        layer = RandomFourierFeatures(5, kernel_initializer="laplacian")
        layer.build((None, 3))
        drawn.append(layer.get_weights())
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, other)
