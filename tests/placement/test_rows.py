"""Every row of the catalogue on the accelerator, beside the CPU: values, losses, gradients, and where they lie."""

from __future__ import annotations

import parity
import pytest
import torch
from catalog import ROWS

from lamina import config
from lamina.graph.symbolic import leaves, map_structure

DEVICE = torch.empty(0, device=config.accelerator() or "cpu").device
# A GPU's sums are of another order, and convolutions and matrices of float32 may be rounded to TF32.
TOLERANCE = 2e-5 if DEVICE.type == "pretend" else 1e-2


def at(device, structure):
    return map_structure(lambda leaf: leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf, structure)


def numbers(layer, row, inputs, arguments, device):
    given = map_structure(parity._asking, at(device, [inputs, arguments]))
    torch.manual_seed(1)
    outputs = [out for out in leaves(parity.call(layer, given[0], row, given[1])) if isinstance(out, torch.Tensor)]
    assert all(out.device == device for out in outputs)
    parts = [(out * torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype, device=device).view_as(out)).sum()
             for out in outputs if out.requires_grad]  # fmt: skip
    parts += [loss.sum() for loss in layer.losses]
    sources = [leaf for leaf in leaves(given) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    wanted = [*sources, *layer.trainable_weights]
    total = torch.stack(parts).sum() if parts else None
    grads = torch.autograd.grad(total, wanted, allow_unused=True) if total is not None and wanted else ()
    assert all(grad is None or grad.device == device for grad in grads)
    return [None if one is None else one.detach().cpu() for one in (*outputs, *grads, *layer.weights)]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_layer_computes_there_what_it_computes_here(row):
    if DEVICE.type != "pretend" and (row.kwargs.get("seed") or row.training):
        pytest.skip("a GPU draws other numbers")
    inputs, arguments = parity.inputs_of(row), parity.call_arguments(row)
    here, there = parity.make(row), parity.make(row)
    for layer in (here, there):
        parity.call(layer, inputs, row, arguments)
    there.set_weights(here.get_weights())
    there.to(DEVICE)
    expected = numbers(here, row, inputs, arguments, torch.device("cpu"))
    found = numbers(there, row, inputs, arguments, DEVICE)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE)
