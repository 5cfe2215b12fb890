"""The rows of the table beside TensorFlow's own answers: numbers, types and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina.compat import as_keras
from lamina.tf.sizes import Sizes
from tests.tf.expressions import EXPRESSIONS, arrays

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "tf_door.npz")
EXPECTED = dict(zip(GOLDEN["keys"].tolist(), (GOLDEN[name] for name in GOLDEN.files), strict=False))
ASKED = sorted({key.rpartition("|")[0] for key in EXPECTED}, key=EXPRESSIONS.index)


@pytest.fixture(scope="module")
def tf():
    with as_keras("tf_keras"):
        import tensorflow  # pyright: ignore[reportMissingModuleSource]

        yield tensorflow


def flat(result: Any) -> list[Any]:
    if isinstance(result, Sizes):
        return [result.numpy()]
    if isinstance(result, int):
        return [np.int32(result)]
    if isinstance(result, (list, tuple)):
        return [leaf for one in result for leaf in flat(one)]
    return [result.detach().numpy() if isinstance(result, torch.Tensor) else np.asarray(result)]


def test_nothing_was_left_out():
    """TensorFlow refused none of the calls."""
    assert [one for one in EXPRESSIONS if one not in ASKED] == []


@pytest.mark.parametrize("expression", ASKED)
def test_numbers_and_types(tf, expression):
    found = flat(eval(expression, {"tf": tf, "np": np, **arrays()}))
    places = sorted(
        int(key.rpartition("|")[2]) for key in EXPECTED if key.startswith(f"{expression}|") and key[-1].isdigit()
    )
    assert len(found) == len(places)
    for place, value in zip(places, found, strict=True):
        expected = EXPECTED[f"{expression}|{place}"]
        assert value.shape == expected.shape
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=2e-5, equal_nan=True)


@pytest.mark.parametrize("expression", [one for one in ASKED if any(f"{one}|d{name}" in EXPECTED for name in arrays())])
def test_gradients(tf, expression):
    given = {name: torch.tensor(value) for name, value in arrays().items()}
    watched = {name: one.requires_grad_() for name, one in given.items() if one.is_floating_point()}
    result = eval(expression, {"tf": tf, "np": np, **given})
    parts = [one for one in tf.nest.flatten(result) if isinstance(one, torch.Tensor) and one.dtype is torch.float32]
    total = torch.stack([(one * torch.arange(one.numel()).reshape(one.shape) / 10).sum() for one in parts]).sum()
    found = torch.autograd.grad(total, list(watched.values()), allow_unused=True)
    for name, value in zip(watched, found, strict=True):
        expected = EXPECTED.get(f"{expression}|d{name}")
        if (
            "linalg.eig" in expression and expected is not None and value is not None
        ):  # TensorFlow reads the lower half alone
            value, expected = value + value.mT, expected + expected.transpose(0, 2, 1)
        if expected is None or not expected.any():
            assert value is None or not value.any()
        else:
            assert value is not None
            np.testing.assert_allclose(value, expected, rtol=2e-3, atol=2e-4, equal_nan=True)


# ---- between layers ------------------------------------------------------------------------------------------------

LETTERS = ("a", "b", "p", "u", "t", "x", "w", "M", "S", "j", "m")
# Calls that give no tensors of rows, go with arrays of four rows, or need to know how many rows there are.
APART = (
    "while_loop", "tf.unique", "numpy_function", "py_function", "tf.constant(a)", "tf.Variable", "bincount", "confusion",
    "segment", "dynamic", "tf.stack(a)", "tf.unstack(a)", "invert", "in_top_k", "clip_value_min=b", "tf.shape(", "tf.size(",
    "tf.rank(", "one_hot(i", "tf.int32)", "tf.float32)", "float64)", "hamming",
)  # fmt: skip


def symbolic_cases() -> list[tuple[str, str]]:
    """Calls that take one batch of rows as it is, and the array's letter."""
    found = []
    for expression in ASKED:
        used = [name for name in LETTERS if f"({name}" in expression or f" {name}" in expression]
        indexed = "[" in expression.replace("axis=[", "").replace("strides=[", "")
        if (
            len(used) == 1
            and f"({used[0]}" in expression
            and not indexed
            and not any(word in expression for word in APART)
        ):
            found.append((expression, used[0]))
    return found


@pytest.mark.parametrize(("expression", "name"), symbolic_cases())
def test_between_layers(tf, expression, name):
    """The same numbers when the call is a part of a functional model."""
    given = arrays()
    x = tf.keras.Input(given[name].shape[1:], dtype=str(given[name].dtype))
    leaves = tf.nest.flatten(eval(expression, {"tf": tf, "np": np, **given, name: x}))
    outputs = tf.keras.Model(x, leaves)(torch.tensor(given[name]))
    for place, value in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        expected = EXPECTED[f"{expression}|{place}"]
        assert value.shape == expected.shape
        np.testing.assert_allclose(value.detach().numpy(), expected, rtol=2e-4, atol=2e-5)
