"""The list of names, arguments and defaults is Keras's."""

from __future__ import annotations

import inspect

import keras
import pytest

from lamina import ops
from tests.ops.cases import CASES, IMAGE_CASES

MODULES = ["", "numpy", "nn", "linalg", "image"]
# Compared in test_core.py, by what they do.
ELSEWHERE = [
    "associative_scan",
    "cond",
    "convert_to_numpy",
    "custom_gradient",
    "dtype",
    "fori_loop",
    "is_tensor",
    "jvp",
    "map",
    "scan",
    "switch",
    "vectorize",
    "vectorized_map",
    "while_loop",
    "argpartition",
]
# Names of Keras that are not here, and why.
MISSING: dict[str, str] = {}
# Arguments that are more than Keras has, or not written out: the reason.
OTHER_ARGUMENTS = {
    **dict.fromkeys(
        ("leaky_relu", "relu", "elu"), "lamina.activations also takes the slope's older name"),
}  # fmt: skip


def public(module: object) -> set[str]:
    return {name for name in dir(module) if name[:1] != "_"}


def part(module: object, name: str) -> object:
    return getattr(module, name) if name else module


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_keras_is_here(module):
    theirs, mine = public(part(keras.ops, module)), public(part(ops, module))
    assert theirs - mine == MISSING.keys() & theirs


def test_the_exceptions_are_needed():
    assert {name for name in MISSING if hasattr(ops, name)} == set()


def functions() -> list[tuple[str, str]]:
    return [(module, name) for module in ("", "image") for name in sorted(public(part(keras.ops, module)))
            if inspect.isfunction(getattr(part(keras.ops, module), name))]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), functions())
def test_arguments_and_defaults_are_keras_s(module, name):
    mine, theirs = (inspect.signature(getattr(part(one, module), name)).parameters for one in (ops, keras.ops))
    wanted = [(key, argument.default, argument.kind) for key, argument in theirs.items()]
    found = [(key, argument.default, argument.kind) for key, argument in mine.items()]
    if name in OTHER_ARGUMENTS:
        found = [one for one in found if one[0] in theirs]
    assert found == wanted


def test_every_function_is_compared():
    compared = CASES.keys() | IMAGE_CASES.keys() | set(ELSEWHERE)
    assert {name for _, name in functions()} - compared == set()
