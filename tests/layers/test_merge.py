"""Merge layers beside masks: values, gradients and output masks of Keras, called with data and inside a model."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras's own
NAMES = ["Add", "Average", "Subtract", "Multiply", "Maximum", "Minimum", "Concatenate"]
KINDS = [(True, True), (True, False), (False, True), (True, True, True), (True, False, True), (False, True, True)]
CASES = [(name, kind) for name, kind in itertools.product(NAMES, KINDS) if name != "Subtract" or len(kind) == 2]


def numbers(count: int, shape: tuple[int, ...] = (3, 5, 2)) -> list[torch.Tensor]:
    return [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(count)]


def masks_for(kind: tuple[bool, ...], shape: tuple[int, ...] = (3, 5)) -> list[Any]:
    rng = np.random.default_rng(5)
    return [torch.from_numpy(rng.random(shape) < 0.5) if masked else None for masked in kind]


def merged(lib: Any, name: str, masks: list[Any], inputs: list[torch.Tensor], **arguments: Any) -> list[Any]:
    """The output of a merge of tensors that carry masks, its gradients by each of them, and its own mask."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    carriers = [x * 1 for x in inputs]
    for x, mask in zip(carriers, masks, strict=True):
        if mask is not None:
            x._keras_mask = mask
    y = getattr(lib.layers, name)(**arguments)(carriers)
    factors = torch.linspace(0.5, 1.5, y.numel()).reshape(y.shape)
    return [y, *torch.autograd.grad((y * factors).sum(), inputs), getattr(y, "_keras_mask", None)]


def assert_same(mine: list[Any], wanted: list[Any]) -> None:
    assert len(mine) == len(wanted)
    for ours, theirs in zip(mine, wanted, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_tensors_that_carry_masks(name, kind):
    arguments = (masks_for(kind), numbers(len(kind)))
    assert_same(merged(lamina, name, *arguments), merged(keras, name, *arguments))


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_concatenating_along_each_axis(axis, kind):
    arguments = (masks_for(kind), numbers(len(kind)))
    assert_same(
        merged(lamina, "Concatenate", *arguments, axis=axis), merged(keras, "Concatenate", *arguments, axis=axis)
    )


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
@pytest.mark.parametrize("shapes", [[(3, 5, 2), (3, 1, 2)], [(3, 5, 2), (3, 5, 1)], [(3, 1, 2), (3, 5, 2)]])
def test_a_mask_is_repeated_with_its_input(name, shapes):
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(i)) for i, shape in enumerate(shapes)]
    masks = [masks_for((True,), shape[:2])[0] for shape in shapes]
    assert_same(merged(lamina, name, masks, inputs), merged(keras, name, masks, inputs))


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
def test_an_input_that_gets_axes_has_no_mask(name):
    inputs = [numbers(1, (5, 5, 5, 2))[0], numbers(1, (5, 5, 2))[0]]
    masks = [masks_for((True,), (5, 5, 5))[0], masks_for((True,), (5, 5))[0]]
    assert_same(merged(lamina, name, masks, inputs)[:-1], merged(keras, name, masks, inputs)[:-1])


def test_whole_numbers_stay_whole():
    inputs = [torch.tensor([[[2], [3]]], dtype=torch.int32), torch.tensor([[[5], [7]]], dtype=torch.int32)]
    y = layers.Multiply()(inputs, mask=[torch.tensor([[True, False]]), torch.tensor([[False, False]])])
    assert (y.dtype, y.flatten().tolist()) == (torch.int32, [2, 0])


def words(lib: Any, name: str, kind: tuple[bool, ...], function: bool) -> Any:
    inputs = [lib.Input((4,), dtype="int32") for _ in kind]
    parts = [lib.layers.Embedding(5, 3, mask_zero=masked)(x) for x, masked in zip(inputs, kind, strict=True)]
    merge = getattr(lib.layers, name.lower()) if function else getattr(lib.layers, name)()
    return lib.Model(inputs, [lib.layers.LSTM(2, return_sequences=True)(merge(parts)), merge(parts)])


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_inside_a_model(name, kind):
    function = len(kind) == 3
    ours, theirs = words(lamina, name, kind, function), words(keras, name, kind, function)
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=value.shape).astype("float32") for value in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    data = [rng.integers(0, 3, (6, 4)) for _ in kind]
    for mine, wanted in zip(ours.predict(data, verbose=0), theirs.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)
    target = [rng.normal(size=output.shape).astype("float32") for output in theirs.predict(data, verbose=0)]
    for model in (ours, theirs):
        model.compile((lamina if model is ours else keras).optimizers.SGD(0.1), "mse")
        model.fit(data, target, batch_size=6, epochs=2, verbose=0)
    for mine, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-6)
