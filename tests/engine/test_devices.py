"""What takes a layer somewhere, and what only changes its numbers."""

from __future__ import annotations

import pytest
import torch

from lamina import layers, models
from lamina.engine.devices import names_a_device


@pytest.mark.parametrize(("change", "placed"), [
    (lambda m: m.to("cpu"), True), (lambda m: m.cpu(), True), (lambda m: m.to(torch.device("cpu"), torch.float64), True),
    (lambda m: m.to(torch.ones(1)), True), (lambda m: m.to_empty(device="cpu"), True),
    (lambda m: m.half(), False), (lambda m: m.float(), False), (lambda m: m.to(torch.float64), False),
    (lambda m: m.double(), False), (lambda m: m.share_memory(), False), (lambda m: m.train(), False),
    (lambda m: m.bfloat16(), False), (lambda m: m.type(torch.float64), False),
])  # fmt: skip
def test_placing_is_remembered(change, placed):
    inner = layers.Dense(2, input_shape=(3,))
    net = torch.nn.Sequential(models.Sequential([inner]))
    change(net)
    assert inner._placed is placed
    assert net[0]._placed is placed


def test_the_functions_of_torch_are_told_apart():
    assert names_a_device(lambda t: t.cuda(0))
    assert names_a_device(lambda t: t.to(device="cuda:1"))
    assert names_a_device(lambda t: torch.empty_like(t, device="meta"))
    assert not names_a_device(lambda t: t * 2)
    assert not names_a_device(lambda t: t.to(torch.float16, non_blocking=True))


def test_weights_made_under_a_default_device_are_placed():
    with torch.device("cpu"):
        placed = layers.Dense(2, input_shape=(3,))
        placed.build((None, 3))
    free = layers.Dense(2)
    free(torch.ones(1, 3))
    assert placed._placed
    assert not free._placed


def test_weights_without_memory():
    with torch.device("meta"):
        model = models.Sequential([
            layers.Embedding(5, 4, input_length=3), layers.LSTM(4, return_sequences=True), layers.GRU(3),
            layers.Dense(2, kernel_initializer="orthogonal"), layers.BatchNormalization(),
        ])  # fmt: skip
        model.build((None, 3))
    assert {weight.device.type for weight in model.weights} == {"meta"}
    model.to_empty(device="cpu")
    model.set_weights([torch.full(weight.shape, 0.1) for weight in model.weights])
    assert model(torch.zeros(1, 3, dtype=torch.int64)).shape == (1, 2)
