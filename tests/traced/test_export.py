"""``torch.export`` takes every layer, and the exported program gives the same numbers."""

import parity
import pytest
import torch
from catalog import ROWS

from lamina.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from lamina.models import Sequential
from lamina.testing import check_layer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_layers(row, request):
    if "torch_export" in row.exceptions:
        request.applymarker(pytest.mark.xfail(strict=True, reason=row.exceptions["torch_export"]))
    check_layer(lambda: parity.make(row), inputs=parity.inputs_of(row), call_kwargs=parity.call_arguments(row),
                properties=["torch_export"], tolerance=row.tolerance)  # fmt: skip


def test_a_model_for_any_batch():
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(2)])
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (torch.randn(4, 8, 8, 1),), dynamic_shapes=({0: batch},))
    for size in (2, 7):
        x = torch.randn(size, 8, 8, 1)
        torch.testing.assert_close(program.module()(x), model(x))
