"""Constraints against Keras 3.15.1: values, gradients, names and configs; RadialConstraint against Keras 2's."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import constraints
from lamina.registry import register_keras_serializable

CASES = [
    ("MaxNorm", {}), ("MaxNorm", {"max_value": 0.7}), ("MaxNorm", {"max_value": 1.5, "axis": [0, 1, 2]}),
    ("MaxNorm", {"axis": -1}), ("MaxNorm", {"axis": [0, 1]}), ("NonNeg", {}), ("UnitNorm", {}),
    ("UnitNorm", {"axis": [1, 2]}), ("MinMaxNorm", {}), ("MinMaxNorm", {"min_value": 1.4, "max_value": 1.8}),
    ("MinMaxNorm", {"min_value": 1.4, "max_value": 1.8, "rate": 0.3, "axis": 1}),
    ("MinMaxNorm", {"min_value": 2.4, "max_value": 3.8, "axis": [0, 1, 2]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values_and_gradients_are_keras(name, arguments):
    data = torch.from_numpy(np.random.default_rng(2).normal(size=(3, 3, 4, 5))).float()
    results = []
    for module in (constraints, keras.constraints):
        w = data.clone().requires_grad_()
        allowed = getattr(module, name)(**arguments)(w)
        results.append((allowed.detach(), torch.autograd.grad((allowed * data.cos()).sum(), w)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"])
def test_zeros_stay_zeros_and_the_weight_is_left_alone(name):
    w = torch.cat([torch.zeros(3, 1), -torch.ones(3, 1)], dim=1)
    allowed = getattr(constraints, name)()(w)
    assert allowed[:, 0].tolist() == [0, 0, 0]
    assert w[:, 1].tolist() == [-1, -1, -1]
    assert allowed.dtype == w.dtype


def test_the_memory_layout_is_kept():
    w = torch.randn(6, 4).t()  # as a Dense kernel lies in memory
    for name in ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"):
        assert getattr(constraints, name)()(w).stride() == w.stride()


def test_epsilon_is_the_programs():
    w = torch.tensor([3.0, 4.0])
    before = lamina.config.epsilon()
    lamina.config.set_epsilon(5.0)
    try:
        torch.testing.assert_close(constraints.UnitNorm()(w), torch.tensor([0.3, 0.4]))
    finally:
        lamina.config.set_epsilon(before)


# ---- RadialConstraint ----------------------------------------------------------------------------------------------

# Keras 2 walks outwards from the middle and takes each ring's value from the diagonal, from these places.
RADIAL_PLACES = {1: [0], 2: [0], 3: [0, 1], 4: [1, 3], 5: [1, 2, 3], 6: [2, 4, 5], 7: [2, 3, 4, 5]}


@pytest.mark.parametrize("size", RADIAL_PLACES)
def test_rings_are_keras_2s(size):
    kernel = torch.randn(size, size, 2, 3)
    core = 1 if size % 2 else 2
    for channel in range(2):
        for unit in range(3):
            plane = kernel[:, :, channel, unit].numpy()
            expected = np.full((core, core), plane[(RADIAL_PLACES[size][0],) * 2])
            for place in RADIAL_PLACES[size][1:]:
                expected = np.pad(expected, 1, constant_values=plane[place, place])
            mine = constraints.RadialConstraint()(kernel)[:, :, channel, unit]
            np.testing.assert_array_equal(mine.numpy(), expected)


@pytest.mark.parametrize("shape", [(3, 4, 1, 1), (3, 3, 1), (9,)])
def test_only_square_kernels_have_rings(shape):
    with pytest.raises(ValueError, match="RadialConstraint") as caught:
        constraints.RadialConstraint()(torch.zeros(shape))
    assert str(caught.value) == f"RadialConstraint is for square kernels (size, size, in, out), and got shape {shape}."


# ---- names and configs ---------------------------------------------------------------------------------------------


def test_every_constraint_of_keras_is_here():
    names = {name for name in dir(keras.constraints) if not name.startswith("_")}
    names |= {"RadialConstraint", "radial_constraint", "maxnorm", "nonneg", "unitnorm"}  # Keras 1 and 2
    assert {name for name in names if not callable(getattr(constraints, name, None))} == set()


@pytest.mark.parametrize("name", ["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"])
def test_arguments_are_keras(name):
    def arguments(cls):
        found = [it for it in inspect.signature(cls).parameters.values() if it.kind is it.POSITIONAL_OR_KEYWORD]
        return [(it.name, it.default) for it in found]

    assert arguments(getattr(constraints, name)) == arguments(getattr(keras.constraints, name))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_configs_are_keras(name, arguments):
    config = keras.constraints.serialize(getattr(keras.constraints, name)(**arguments))
    mine = getattr(constraints, name)(**arguments)
    assert constraints.serialize(mine) == config
    for back in (constraints.get(config), constraints.deserialize(config),
                 constraints.get({"class_name": name, "config": config["config"]})):  # fmt: skip
        assert type(back) is type(mine)
        assert back.get_config() == config["config"]


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "min_max_norm", "non_neg", "unit_norm", "UnitNorm"])
def test_names_resolve_as_in_keras(name):
    assert type(constraints.get(name)).__name__ == type(keras.constraints.get(name)).__name__
    assert constraints.get(name).get_config() == keras.constraints.get(name).get_config()


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("maxnorm", "MaxNorm"), ("nonneg", "NonNeg"), ("unitnorm", "UnitNorm"), ("radial_constraint", "RadialConstraint")],
)
def test_older_names(name, class_name):
    assert type(constraints.get(name)) is getattr(constraints, class_name) is getattr(constraints, name)


def test_none_classes_and_functions():
    assert constraints.get(None) is None
    assert type(constraints.get(constraints.NonNeg)) is constraints.NonNeg
    assert constraints.get(torch.relu) is torch.relu


@register_keras_serializable(package="lamina_tests")
class Below(constraints.Constraint):
    """A user's own."""

    def __init__(self, limit=1.0):
        self.limit = limit

    def __call__(self, w):
        return w.clamp(max=self.limit)

    def get_config(self):
        return {"limit": self.limit}


def test_your_own():
    made = constraints.get(constraints.serialize(Below(3.0)))
    assert made(torch.tensor([0.0, 4.0])).tolist() == [0, 3]
    assert constraints.get("Below").limit == 1


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("max_nrom", "'max_nrom' is not a known constraint. Did you mean 'max_norm'? Your own can be passed as an "
                     "object, or by name after `register_keras_serializable`."),
        (3, "Expected a name, a config or an object for the constraint, and got 3."),
        ({"m": 2}, "The config of the constraint has no class_name: {'m': 2}."),
    ],
)  # fmt: skip
def test_unknown_ones_are_refused(identifier, message):
    with pytest.raises(ValueError, match="constraint") as caught:
        constraints.get(identifier)
    assert str(caught.value) == message


def test_the_base_allows_nothing():
    with pytest.raises(NotImplementedError, match=r"^Constraint must define __call__\(self, w\)\.$"):
        constraints.Constraint()(torch.zeros(1))


@pytest.mark.parametrize("name", ["MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"])
@pytest.mark.parametrize("given", [np.array([[1.0, -2.0], [3.0, 4.0]], "float32"), [[1.0, -2.0], [3.0, 4.0]]], ids=type)
def test_arrays_and_lists(name, given):
    found = getattr(constraints, name)()(given)
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found, getattr(keras.constraints, name)()(given))
