"""What the layers that run all their steps by themselves share: gates, and buffers that go from one run to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn import functional as F

from lamina import activations
from lamina.kernels import step_buffers
from lamina.kernels.step_buffers import Lease, gate_of
from lamina.layers import GRU, LSTM


class Space:
    def __init__(self, sizes, dtype):
        self.buffer = torch.empty(sizes, dtype=dtype)
        self.nbytes = self.buffer.nbytes


@pytest.fixture(autouse=True)
def none_kept():
    step_buffers._free.clear()
    yield
    step_buffers._free.clear()


def kept():
    return [space for _, space in step_buffers._free]


@pytest.mark.parametrize(
    "activation",
    [torch.sigmoid, F.hardsigmoid, activations.sigmoid, activations.hard_sigmoid, activations.hard_sigmoid_keras2,
     activations.sparse_sigmoid],
)  # fmt: skip
def test_gates_are_their_activations(activation):
    gate = gate_of(activation)
    x = torch.linspace(-7, 7, 30, dtype=torch.float64).view(5, 6).requires_grad_()
    slope, half = gate.line((True, False, True), 2, x)
    line = torch.addcmul(half, x, slope)
    assert torch.equal(line[:, 2:4], x[:, 2:4])
    line = line[:, [0, 1, 4, 5]]
    y, expected = gate.of(line), activation(x)[:, [0, 1, 4, 5]]
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    factor, out = torch.rand_like(y), torch.empty_like(y)
    gate.times_slope(factor, y.detach(), out)
    (by_hand,) = torch.autograd.grad(y, line, factor, retain_graph=True)
    torch.testing.assert_close(out, by_hand, rtol=0, atol=1e-12)
    gate.in_place(line.data)
    assert torch.equal(line.data, y)


def test_what_is_no_gate():
    assert gate_of(activations.tanh) is None
    assert gate_of(lambda x: torch.sigmoid(x)) is None


def test_a_run_takes_the_buffers_of_one_that_is_over():
    first = Lease(Space, (2, 3), torch.float32)
    space = first.space
    other = Lease(Space, (2, 3), torch.float32)
    assert other.space is not space
    del first
    assert kept() == [space]
    assert Lease(Space, (2, 3), torch.float64).space is not space
    assert Lease(Space, (2, 4), torch.float32).space is not space
    assert Lease(Space, (2, 3), torch.float32).space is space


def test_few_buffers_are_kept_and_not_large_ones(monkeypatch):
    for size in range(1, 12):
        Lease(Space, (size,), torch.float32)
    assert [space.nbytes for space in kept()] == [4 * size for size in range(4, 12)]
    monkeypatch.setattr(step_buffers, "_KEPT_BYTES", 100)
    step_buffers._free.clear()
    for size in (30, 10, 12, 15, 3):
        Lease(Space, (size,), torch.float32)
    assert [space.nbytes for space in kept()] == [40, 48, 12]


@pytest.mark.parametrize(("kind", "arguments"), [(LSTM, {"recurrent_activation": "hard_sigmoid"}),
                                                 (GRU, {"reset_after": False})])  # fmt: skip
def test_threads_do_not_share_buffers(kind, arguments):
    layer, x = kind(2, dtype="float64", **arguments), torch.randn(3, 4, 5, dtype=torch.float64)
    layer(x)

    def gradients():
        return torch.autograd.grad(layer(x).sum(), list(layer.parameters()))

    expected = gradients()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: [gradients() for _ in range(20)], range(4)):
            for one in found:
                torch.testing.assert_close(one, expected)
