"""Every layer of the catalogue in a ``.keras`` file of Keras, read by lamina, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import parity
import pytest
import torch
from catalog import ROWS
from catalog.row import Row

import lamina.models
from lamina.graph.symbolic import leaves
from lamina.registry import CustomObjectScope

pytestmark = [pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
              pytest.mark.filterwarnings("ignore:Layer .* does not support masking")]  # fmt: skip
# Keras pickles the module of a TorchModuleWrapper, which lamina does not open; tests/layers/test_torch_module.py.
CAN = [row for row in ROWS if row.keras_name is not None and not row.call and "values" not in row.exceptions
       and row.layer != "TorchModuleWrapper"]  # fmt: skip
# A few of each class: what differs between the others is not what files are about.
TESTED = [row for index, row in enumerate(CAN) if sum(other.layer == row.layer for other in CAN[:index]) < 3]


def whole(layer: Any, row: Row) -> Any:
    """A functional model of one layer."""
    tensors = parity.map_shapes(lambda sizes: keras.Input(sizes[1:], dtype=row.dtype), row.shape)
    return keras.Model(tensors, layer(tensors))


def numbers(model: Any, row: Row) -> list[np.ndarray]:
    torch.manual_seed(0)
    with torch.no_grad():
        found = leaves(model(parity.inputs_of(row)))
    return [np.asarray(torch.as_tensor(value).float()) for value in found]


@pytest.mark.parametrize("row", TESTED, ids=lambda row: row.id)
def test_files_go_both_ways(row: Row, tmp_path: Path):
    theirs = whole(parity.make_keras(row), row)
    path = tmp_path / "m.keras"
    with CustomObjectScope(parity.FUNCTIONS), keras.saving.CustomObjectScope(parity.FUNCTIONS):
        theirs.save(path)
        ours = lamina.models.load_model(path)
        ours.save(path)
        back = keras.models.load_model(path)
    wanted = numbers(theirs, row)
    for found in (numbers(ours, row), numbers(back, row)):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=row.tolerance * max(1.0, np.abs(other).max()))
