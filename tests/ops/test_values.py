"""Every operation against Keras: values, types of results, and shapes without data."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import ops
from lamina.graph.symbolic import SymbolicTensor, leaves
from tests.ops.cases import CASES, IMAGE_CASES, call

ROWS = [(name, number, ops, keras.ops) for name, calls in CASES.items() for number in range(len(calls))]
ROWS += [
    (name, number, ops.image, keras.ops.image) for name, calls in IMAGE_CASES.items() for number in range(len(calls))
]
IDS = [f"{name}-{number}" for name, number, *_ in ROWS]


def given(name: str, number: int, mine: Any) -> Any:
    return (CASES if mine is ops else IMAGE_CASES)[name][number]


def numbers(structure: Any) -> list[Any]:
    return [leaf.detach().resolve_conj().numpy() if isinstance(leaf, torch.Tensor) else np.asarray(leaf)
            for leaf in leaves(structure)]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "mine", "theirs"), ROWS, ids=IDS)
def test_values_and_types_are_keras_s(name, number, mine, theirs):
    args, kwargs = given(name, number, mine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own
        wanted = numbers(getattr(theirs, name)(*args, **kwargs))
    found = numbers(getattr(mine, name)(*args, **kwargs))
    assert [x.shape for x in found] == [x.shape for x in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    if (name, number) not in OTHER_TYPES:
        assert [x.dtype.name for x in found] == [x.dtype.name for x in wanted]


# Where the type is another than Keras's on torch, and why.
OTHER_TYPES: dict[tuple[str, int], str] = {}
