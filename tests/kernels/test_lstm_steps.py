"""The LSTM that runs all its steps by itself: its gradients, and theirs, and that it is what the steps one by one are."""

from __future__ import annotations

import pytest
import torch

from lamina import activations
from lamina.kernels import lstm_steps
from lamina.kernels.step_buffers import gate_of
from lamina.layers import LSTM

BATCH, STEPS, FEATURES, UNITS = 3, 4, 5, 2
HARD = "hard_sigmoid_keras2"
HOLES = torch.tensor([[True, False, True, True], [False, False, False, False], [True, True, False, False]])
RIGHT = torch.tensor([[True, True, True, False], [True, True, True, True], [True, False, False, False]])


def tensors():
    shapes = [(BATCH, STEPS, 4 * UNITS), (BATCH, UNITS), (BATCH, UNITS), (UNITS, 4 * UNITS)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("dropped", [True, False])
@pytest.mark.parametrize("activation", [activations.sigmoid, activations.hard_sigmoid, activations.hard_sigmoid_keras2])
def test_gradients_and_theirs(activation, dropped, every_step):
    given, gate = tensors(), gate_of(activation)
    masks = (torch.rand(4, BATCH, UNITS) < 0.5).double() * 2 if dropped else None

    def run(*given):
        return lstm_steps.run(gate, *given, masks, every_step)

    outputs, c = lstm_steps.plain(gate, masks, *given)
    torch.testing.assert_close(run(*given), (outputs if every_step else outputs[:, -1], c), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("mask", [None, HOLES, RIGHT], ids=["none", "holes", "right"])
@pytest.mark.parametrize("call", [{}, {"return_sequences": True}, {"return_state": True}, {"use_bias": False}],
                         ids=lambda call: next(iter(call), "plain"))  # fmt: skip
@pytest.mark.parametrize(
    "arguments",
    [{"recurrent_activation": HARD}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "implementation": 1},
     {"recurrent_activation": HARD, "dropout": 0.3, "recurrent_dropout": 0.5}],
    ids=lambda arguments: "-".join(arguments),
)  # fmt: skip
def test_all_steps_at_once_are_each_of_them(monkeypatch, arguments, call, mask):
    layer = LSTM(UNITS, **arguments, **call, seed=1)
    x = torch.randn(BATCH, STEPS, FEATURES, requires_grad=True)
    layer(x)
    found = []
    for fuse in (True, False):
        if not fuse:
            monkeypatch.setattr(type(layer.cell), "fusable", lambda *_: False)
        layer.cell.seed_generator.state.copy_(torch.tensor([7, 0]))
        outputs = layer(x, mask=mask, training=True)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        gradients = torch.autograd.grad(sum(output.square().sum() for output in outputs), [x, *layer.parameters()])
        found.append([*outputs, *gradients])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_when_it_runs(monkeypatch):
    ran = []
    run = lstm_steps.run
    monkeypatch.setattr(lstm_steps, "run", lambda *given: ran.append(1) or run(*given))

    def runs(layer, **call):
        layer(torch.randn(BATCH, STEPS, FEATURES))
        ran.clear()
        layer(torch.randn(BATCH, STEPS, FEATURES), **call)
        return bool(ran)

    assert runs(LSTM(2, recurrent_activation=HARD))
    assert runs(LSTM(2, recurrent_activation="hard_sigmoid"), mask=HOLES)
    assert runs(LSTM(2, recurrent_dropout=0.5), training=True)
    assert not runs(LSTM(2, recurrent_dropout=0.5))
    assert not runs(LSTM(2), training=True)
    assert not runs(LSTM(2, recurrent_activation=HARD, activation="relu"))
    # The last c of each row is at another step: such rows are run one step after the other.
    assert not runs(LSTM(2, recurrent_activation=HARD, return_state=True), mask=HOLES)
    assert not runs(LSTM(2, recurrent_activation=HARD, use_cudnn=False))


def test_what_is_not_for_it_takes_torch_s_way():
    layer = LSTM(2, recurrent_activation=HARD)
    x = torch.randn(BATCH, STEPS, FEATURES)
    expected = layer(x)
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x), expected)
    parameters = dict(layer.named_parameters())
    weights = torch.func.grad(lambda given: torch.func.functional_call(layer, given, (x,)).sum())(parameters)
    torch.testing.assert_close(list(weights.values()), list(torch.autograd.grad(expected.sum(), layer.parameters())))


def test_runs_that_are_not_over_keep_their_buffers():
    given, gate = tensors(), gate_of(activations.hard_sigmoid)

    def run():
        return sum(found.sum() for found in lstm_steps.run(gate, *given))

    expected = torch.autograd.grad(run(), given)
    one, other = run(), run()
    for _ in range(2):
        for loss in (one, other):
            torch.testing.assert_close(torch.autograd.grad(loss, given, retain_graph=True), expected)
    torch.autograd.grad(one, given)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(one, given)


def test_outputs_may_be_written_over():
    layer, x = LSTM(3, return_sequences=True, recurrent_activation=HARD), torch.randn(2, 4, 5)
    expected = torch.autograd.grad((layer(x) * 2).sum(), layer.cell.kernel)
    outputs = layer(x)
    outputs.mul_(2)
    torch.testing.assert_close(torch.autograd.grad(outputs.sum(), layer.cell.kernel), expected)
