"""Weights lie as torch's kernels like them; in the order of their axes they serve torch's tools that look at memory."""

from __future__ import annotations

import copy

import numpy as np
import parity
import pytest
import torch
from catalog import ROWS
from torch import nn
from torch.nn.utils import parameters_to_vector, prune, vector_to_parameters

import lamina
from lamina.graph.symbolic import leaves
from lamina.layers import GRU, LSTM, Conv2D, Dense, Embedding, Flatten, Input


def nets():
    x, ids = Input((6, 6, 3)), Input((5,), dtype="int32")
    seen = Flatten()(Conv2D(4, 3, activation="relu")(x))
    read = GRU(4)(LSTM(4, return_sequences=True)(Embedding(10, 3)(ids)))
    model = lamina.Model([x, ids], Dense(2)(torch.cat([seen, read], dim=1)))
    return model, [torch.randn(7, 6, 6, 3), torch.randint(0, 10, (7, 5))]


@pytest.mark.parametrize("outer", [False, True])
def test_the_order_of_axes_on_demand(outer):
    model, data = nets()
    assert not all(weight.is_contiguous() for weight in model.parameters())
    wanted = model(data)
    (nn.ModuleList([model]) if outer else model).to(memory_format=torch.contiguous_format)
    assert all(weight.is_contiguous() for weight in model.parameters())
    torch.testing.assert_close(model(data), wanted)
    model.float().to("cpu")
    assert all(weight.is_contiguous() for weight in copy.deepcopy(model).parameters())


def test_vectors_of_parameters():
    model, data = nets()
    model.to(memory_format=torch.contiguous_format)
    wanted = model(data)
    vector = parameters_to_vector(model.parameters())
    other, _ = nets()
    other.to(memory_format=torch.contiguous_format)
    vector_to_parameters(vector, other.parameters())
    torch.testing.assert_close(other(data), wanted)


def test_lbfgs():
    model, data = nets()
    model.to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5)

    def closure():
        optimizer.zero_grad()
        loss = (model(data) - 1).square().mean()
        loss.backward()
        return loss

    first = closure().item()
    optimizer.step(closure)
    assert closure().item() < first / 2


def test_pruning():
    model, data = nets()
    model.to(memory_format=torch.contiguous_format)
    for layer in model.layers:
        if isinstance(layer, (Dense, Conv2D)):
            prune.l1_unstructured(layer, "kernel", amount=0.5)
            assert int((layer.kernel == 0).sum()) == round(layer.kernel.numel() / 2)
            before = layer.kernel.clone()
            prune.remove(layer, "kernel")
            assert torch.equal(layer.kernel, before)
    assert model(data).shape == (7, 2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_numbers_are_the_same(row):
    layer = parity.make(row, name="layer")
    inputs, arguments = parity.inputs_of(row), parity.call_arguments(row)
    layer(inputs, **arguments)
    other = copy.deepcopy(layer).to(memory_format=torch.contiguous_format)
    if not list(layer.parameters()):
        return
    assert all(weight.is_contiguous() for weight in other.parameters() if weight is not None)
    found = []
    for one in (layer, other):
        torch.manual_seed(0)
        outputs = one(inputs, **arguments)
        outputs = leaves(outputs)
        total = sum(output.double().square().sum() for output in outputs if output.is_floating_point())
        weights = [weight for weight in one.parameters() if weight.requires_grad]
        found.append([*outputs, *torch.autograd.grad(total, weights, allow_unused=True)] if weights else outputs)
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_training_goes_on_in_another_order():
    """The optimizer's state follows weights that are laid out anew between two runs of fit."""
    random = np.random.RandomState(0)
    x, y = random.rand(12, 6, 6, 3).astype("float32"), random.rand(12, 3).astype("float32")
    found = []
    for moves in (False, True):
        lamina.utils.set_random_seed(3)
        layers = lamina.layers
        model = lamina.Sequential([
            layers.Conv2D(4, 3, input_shape=(6, 6, 3)), layers.Reshape((16, 4)), layers.LSTM(5), layers.Dense(3),
        ])  # fmt: skip
        model.compile(lamina.optimizers.Adam(0.01), "mse")
        model.fit(x, y, shuffle=False, verbose=0)
        if moves:
            model.to(memory_format=torch.contiguous_format)
        model.fit(x, y, shuffle=False, epochs=3, verbose=0)
        model.train_on_batch(x, y)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
