"""The GRU that runs all its steps by itself: its gradients, and theirs, and when a Bidirectional runs both sides at once."""

from __future__ import annotations

import pytest
import torch

from lamina import activations, layers
from lamina.engine.devices import is_eager_on_cpu
from lamina.kernels import gru_steps
from lamina.kernels.step_buffers import gate_of
from lamina.layers import GRU, LSTM, Bidirectional, wrappers

BATCH, STEPS, FEATURES, UNITS = 3, 4, 5, 2
HOLES = torch.tensor([[True, False, True, True], [False, False, False, False], [True, True, False, False]])
RIGHT = torch.tensor([[True, True, True, False], [True, True, True, True], [True, False, False, False]])


def direction(reset_after):
    shapes = [(BATCH, STEPS, FEATURES), (BATCH, UNITS), (FEATURES, 3 * UNITS), (UNITS, 3 * UNITS)]
    shapes += [(2, 3 * UNITS) if reset_after else (3 * UNITS,)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def runner(reset_after, count, gate):
    def run(*tensors):
        width = len(tensors) // count
        directions = [tensors[i : i + width] for i in range(0, len(tensors), width)]
        return tuple(gru_steps.run(reset_after, directions, gate=gate))

    return run


@pytest.mark.parametrize("activation", [activations.sigmoid, activations.hard_sigmoid_keras2])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("reset_after", [True, False])
def test_gradients_and_theirs(reset_after, count, activation):
    directions = [direction(reset_after) for _ in range(count)]
    tensors = [tensor for one in directions for tensor in one]
    gate = gate_of(activation)
    run = runner(reset_after, count, gate)
    for output, (x, *rest) in zip(run(*tensors), directions, strict=True):
        expected = gru_steps.plain(reset_after, x, *rest, gate)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(run, tensors)
    assert torch.autograd.gradgradcheck(run, tensors)


@pytest.mark.parametrize("steps", [1, 4])
def test_outputs_may_be_written_over(steps):
    layer, x = GRU(3, return_sequences=True), torch.randn(2, steps, 5)
    expected = torch.autograd.grad((layer(x) * 2).sum(), layer.cell.kernel)
    outputs = layer(x)
    outputs.mul_(2)
    torch.testing.assert_close(torch.autograd.grad(outputs.sum(), layer.cell.kernel), expected)


@pytest.mark.parametrize("mask", [None, HOLES, RIGHT], ids=["none", "holes", "right"])
@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.parametrize("reset_after", [True, False])
def test_both_directions_at_once_are_each_alone(monkeypatch, reset_after, steps, mask):
    layer = Bidirectional(GRU(UNITS, reset_after=reset_after, return_sequences=steps, return_state=True))
    x = torch.randn(BATCH, STEPS, FEATURES, requires_grad=True)
    layer(x)
    found = []
    for alone in (False, True):
        monkeypatch.setattr(wrappers, "can_scan_together", (lambda *_: False) if alone else wrappers.can_scan_together)
        outputs = layer(x, mask=mask)
        gradients = torch.autograd.grad(sum(output.square().sum() for output in outputs), [x, *layer.parameters()])
        found.append([*outputs, *gradients])
    torch.testing.assert_close(found[0], found[1])


def test_when_both_directions_run_at_once(monkeypatch):
    ran = []
    together = layers.GRUCell.fused_together
    monkeypatch.setattr(
        layers.GRUCell,
        "fused_together",
        staticmethod(lambda cells, *rest: ran.append(len(cells)) or together(cells, *rest)),
    )

    def counts(layer, **call):
        layer(torch.randn(BATCH, STEPS, FEATURES))
        ran.clear()
        layer(torch.randn(BATCH, STEPS, FEATURES), **call)
        return ran

    assert counts(Bidirectional(GRU(2))) == [2]
    assert counts(Bidirectional(GRU(2)), training=True) == [2]
    assert counts(Bidirectional(GRU(2), backward_layer=GRU(3, go_backwards=True)), training=True) == [1, 1]
    assert counts(Bidirectional(GRU(2, dropout=0.5))) == [2]
    assert counts(Bidirectional(GRU(2, dropout=0.5)), training=True) == [1, 1]
    assert counts(Bidirectional(LSTM(2))) == []
    watched = Bidirectional(GRU(2))
    watched.forward_layer.register_forward_hook(lambda *_: None)
    assert counts(watched) == [1, 1]


def test_stateful_directions_keep_their_own_states():
    torch.manual_seed(0)
    layer = Bidirectional(GRU(2, stateful=True), batch_input_shape=(BATCH, STEPS, FEATURES))
    x = torch.randn(BATCH, STEPS, FEATURES)
    outputs = [layer(x), layer(x)]
    assert not torch.equal(*outputs)
    layer.reset_states()
    torch.testing.assert_close(layer(x), outputs[0])


def test_what_is_not_for_it_takes_torch_s_way():
    layer = GRU(2)
    x = torch.randn(BATCH, STEPS, FEATURES)
    expected = layer(x)
    kernel = layer.cell.kernel
    assert is_eager_on_cpu(x, kernel)
    assert not is_eager_on_cpu(x.to("meta"), kernel)
    assert not is_eager_on_cpu(x.double(), kernel)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_eager_on_cpu(x, kernel)
    parameters = dict(layer.named_parameters())
    weights = torch.func.grad(lambda given: torch.func.functional_call(layer, given, (x,)).sum())(parameters)
    torch.testing.assert_close(list(weights.values()), list(torch.autograd.grad(expected.sum(), layer.parameters())))


@pytest.mark.parametrize("reset_after", [True, False])
def test_runs_that_are_not_over_keep_their_buffers(reset_after):
    tensors = direction(reset_after)

    def run():
        return gru_steps.run(reset_after, [tensors], False)[0].sum()

    expected = torch.autograd.grad(run(), tensors)
    one, other = run(), run()
    for _ in range(2):
        for loss in (one, other):
            torch.testing.assert_close(torch.autograd.grad(loss, tensors, retain_graph=True), expected)
    torch.autograd.grad(one, tensors)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(one, tensors)
