"""Convolutional LSTMs against Keras: masks, states, every padding of even and odd windows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

from lamina import layers
from lamina.layers import ConvLSTM2D, ConvLSTM2DCell

SIZES = {1: (6,), 2: (6, 5), 3: (4, 5, 4)}
HOLES = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]]).bool()
SETTINGS = [
    {}, {"padding": "same", "strides": 2}, {"kernel_size": 2, "padding": "same"}, {"dilation_rate": 2, "padding": "same"},
    {"data_format": "channels_first", "kernel_size": 2}, {"data_format": "channels_first", "padding": "same"},
]  # fmt: skip


def pair(rank, **arguments):
    arguments = {"filters": 2, "kernel_size": 3} | arguments
    first = arguments.get("data_format") == "channels_first"
    shape = (3, 4, 3, *SIZES[rank]) if first else (3, 4, *SIZES[rank], 3)
    made = [getattr(library, f"ConvLSTM{rank}D")(**arguments) for library in (keras.layers, layers)]
    rng = np.random.default_rng(1)
    for layer in made:
        layer.build(shape)
    values = [rng.normal(0, 0.5, tuple(weight.shape)) for weight in made[0].weights]
    for layer in made:
        layer.set_weights(values)
    return *made, torch.randn(shape)


def numbers(layer, x, **call):
    x = x.clone().requires_grad_()
    outputs = layer(x, **call)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    total = sum((out * torch.linspace(0.5, 1.5, out.numel()).view(out.shape)).sum() for out in outputs)
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    return [tensor.detach() for tensor in (*outputs, *torch.autograd.grad(total, [x, *weights]))]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("arguments", SETTINGS, ids=str)
def test_masked_and_not(rank, arguments):
    theirs, ours, x = pair(rank, return_sequences=True, return_state=True, **arguments)
    for mask in (None, HOLES):
        for one, other in zip(numbers(ours, x, mask=mask), numbers(theirs, x, mask=mask), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * max(1.0, float(other.abs().max())))


def test_weights_lie_as_torch_wants_them():
    _, ours, x = pair(2)
    ours(x)
    kernel = ours.cell.kernel.permute(3, 2, 0, 1)
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert list(ours.state_dict()) == ["cell.kernel", "cell.recurrent_kernel", "cell.bias"]


def test_stateful():
    layer = ConvLSTM2D(2, 3, padding="same", stateful=True)
    x = torch.randn(2, 4, 5, 5, 3)
    whole = layer(x)
    layer.reset_states()
    layer(x[:, :1])
    torch.testing.assert_close(layer(x[:, 1:]), whole)


def test_initial_state():
    theirs, ours, x = pair(2, padding="same")
    states = [torch.randn(3, *SIZES[2], 2) for _ in range(2)]
    torch.testing.assert_close(ours(x, initial_state=states), theirs(x, initial_state=states), rtol=0, atol=1e-5)
    torch.testing.assert_close(ours([x, *states]), ours(x, initial_state=states))


def test_a_cell_by_hand_equals_the_layer():
    cell = ConvLSTM2DCell(2, 3, padding="same")
    layer = layers.RNN(cell, return_sequences=True)
    x = torch.randn(2, 3, 5, 5, 4)
    cell.build((2, 5, 5, 4))
    states, outputs = cell.get_initial_state(2), []
    for step in range(3):
        output, states = cell(x[:, step], states)
        outputs.append(output)
    torch.testing.assert_close(layer(x), torch.stack(outputs, 1))


@pytest.mark.parametrize("arguments", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "seed": 1}])
def test_dropout(arguments):
    layer = ConvLSTM2D(2, 3, padding="same", return_sequences=True, **arguments)
    x = torch.randn(2, 3, 5, 5, 4)
    torch.testing.assert_close(layer(x), layer(x))
    assert not torch.equal(layer(x, training=True), layer(x, training=True))


def test_each_gate_drops_its_own_inputs_at_all_steps():
    cell = ConvLSTM2DCell(1, 1, use_bias=False, dropout=0.5)
    cell.build((None, 8, 8, 1))
    cell.set_weights([np.ones((1, 1, 1, 4)), np.zeros((1, 1, 1, 4))])
    x = torch.ones(1, 3, 8, 8, 1)
    masks = [mask.unsqueeze(1) for mask in cell.train().draw_masks(x[:, 0], 0.5)]
    projected = cell.project(x, masks).detach()
    assert bool((projected == projected[:, :1]).all())
    assert not torch.equal(projected[..., 0], projected[..., 1])
    assert sorted(projected.unique().tolist()) == [0.0, 2.0]
