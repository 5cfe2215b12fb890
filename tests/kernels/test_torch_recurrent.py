"""torch's kernels by the lengths of the rows: packed, and as a device that must not be waited for has them."""

from __future__ import annotations

import pytest
import torch

from lamina.kernels import torch_recurrent

LENGTHS = torch.tensor([5, 0, 3, 1])


def made(name, dtype, biases):
    torch.manual_seed(3)
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[name]
    sizes = [(4 * gates, 3), (4 * gates, 4)] + [(4 * gates,)] * (2 if biases else 0)
    weights = [torch.randn(size, dtype=dtype).requires_grad_() for size in sizes]
    states = [torch.randn(1, 4, 4, dtype=dtype).requires_grad_() for _ in range(2 if name == "lstm" else 1)]
    inputs = torch.randn(4, 5, 3, dtype=dtype)
    inputs[2, 3:] = float("nan")  # what lies past the end counts nothing
    return inputs.requires_grad_(), states, weights


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("biases", [True, False])
def test_running_past_the_end_is_packing(name, dtype, biases):
    inputs, states, weights = made(name, dtype, biases)
    settings, sources = (biases, 1, 0.0, True, False), [inputs, *states, *weights]
    found = []
    for run in (torch_recurrent._packed, torch_recurrent._past_the_end):
        outputs, after = run(name, inputs, states, weights, LENGTHS, settings)
        outputs = torch.where(LENGTHS.view(-1, 1, 1) > 0, outputs, 0.0)  # packing takes one step of a row that has none
        total = sum((i + 1) * (part * torch.linspace(0.5, 1.5, part.numel(), dtype=dtype).view_as(part)).sum()
                    for i, part in enumerate((outputs, *after)))  # fmt: skip
        found.append([outputs, *after, *torch.autograd.grad(total, sources)])
    for packed, past in zip(*found, strict=True):
        torch.testing.assert_close(past, packed)


def test_a_state_stays_exactly_for_ever():
    inputs, states, weights = made("lstm", torch.float32, True)
    long = torch.cat([inputs.nan_to_num()] + [torch.full((4, 500, 3), 7.0)], 1)
    _, (h, c) = torch_recurrent._past_the_end("lstm", long, states, weights, LENGTHS, (True, 1, 0.0, True, False))
    _, after = torch_recurrent._past_the_end("lstm", inputs, states, weights, LENGTHS, (True, 1, 0.0, True, False))
    assert torch.equal(h, after[0])
    assert torch.equal(c, after[1])
    assert torch.equal(c[1], states[1][0, 1])
