"""Regularizers against Keras 3.15.1: values, gradients, names and configs."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import torch

from lamina import regularizers
from lamina.registry import register_keras_serializable

CASES = [
    ("L1", {}), ("L1", {"l1": 0.3}), ("L2", {}), ("L2", {"l2": 2}), ("L1L2", {}), ("L1L2", {"l1": 0.2}),
    ("L1L2", {"l2": 0.2}), ("L1L2", {"l1": 0.3, "l2": 0.2}), ("L1L2", {"l1": None, "l2": 0.5}), ("L1", {"l1": None}),
    ("OrthogonalRegularizer", {}), ("OrthogonalRegularizer", {"factor": 0.4, "mode": "columns"}),
]  # fmt: skip


def approx(config):
    """Keras keeps some factors in float32."""
    return {key: pytest.approx(value, rel=1e-7) if isinstance(value, float) else value for key, value in config.items()}


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (2, 2)])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values_and_gradients_are_keras(name, arguments, shape):
    data = torch.from_numpy(np.random.default_rng(2).normal(size=shape)).float()
    results = []
    for module in (regularizers, keras.regularizers):
        x = data.clone().requires_grad_()
        penalty = getattr(module, name)(**arguments)(x) + 0 * x.sum()  # Keras's empty L1L2 has no gradient at all
        results.append((penalty.detach(), torch.autograd.grad(penalty, x)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_all_zeros_are_free_and_pull_nowhere(name):
    x = torch.zeros(3, 3, requires_grad=True)
    penalty = getattr(regularizers, name)()(x)
    penalty.backward()
    assert penalty == 0
    assert torch.equal(x.grad, torch.zeros(3, 3))


def test_a_single_vector_has_nothing_to_be_orthogonal_to():
    assert regularizers.OrthogonalRegularizer()(torch.ones(1, 3)) == 0


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4), (3, 3, 2, 4)])
def test_weights_of_any_shape(shape):
    x = torch.randn(shape)
    torch.testing.assert_close(regularizers.L1L2(0.1, 0.2)(x), 0.1 * x.abs().sum() + 0.2 * (x**2).sum())


# ---- names and configs ---------------------------------------------------------------------------------------------


def test_every_regularizer_of_keras_is_here():
    names = {name for name in dir(keras.regularizers) if not name.startswith("_")}
    assert {name for name in names if not callable(getattr(regularizers, name, None))} == set()


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer", "l1", "l2", "l1_l2"])
def test_arguments_are_keras(name):
    def arguments(cls):
        return [(it.name, it.default) for it in inspect.signature(cls).parameters.values()]

    assert arguments(getattr(regularizers, name)) == arguments(getattr(keras.regularizers, name))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_configs_are_keras(name, arguments):
    config = keras.regularizers.serialize(getattr(keras.regularizers, name)(**arguments))
    mine = getattr(regularizers, name)(**arguments)
    assert regularizers.serialize(mine) == {**config, "config": approx(config["config"])}
    for back in (regularizers.get(config), regularizers.deserialize(config),
                 regularizers.get({"class_name": name, "config": config["config"]})):  # fmt: skip
        assert type(back) is type(mine)
        assert back.get_config() == config["config"]


@pytest.mark.parametrize("name", ["l1", "L1", "l2", "L2", "l1l2", "L1L2", "orthogonal_regularizer"])
def test_names_resolve_as_in_keras(name):
    theirs, mine = keras.regularizers.get(name), regularizers.get(name)
    assert type(mine).__name__ == type(theirs).__name__
    assert mine.get_config() == approx(theirs.get_config())


def test_older_names():
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}  # as in tf.keras
    assert regularizers.l1l2().get_config() == {"l1": 0.01, "l2": 0.01}  # as in Keras 1 and 2
    config = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.02}}  # as Keras 2 wrote l2(0.02)
    assert regularizers.get(config).get_config() == {"l1": 0.0, "l2": 0.02}


def test_none_classes_and_functions():
    assert regularizers.get(None) is None
    assert type(regularizers.get(regularizers.L1)) is regularizers.L1
    assert regularizers.get(torch.sum) is torch.sum


@register_keras_serializable(package="lamina_tests")
class Spread(regularizers.Regularizer):
    """A user's own."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x.var()

    def get_config(self):
        return {"factor": self.factor}


def test_your_own():
    made = regularizers.get(regularizers.serialize(Spread(3.0)))
    assert made(torch.tensor([0.0, 2.0])) == 6
    assert regularizers.get("Spread").factor == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regularizers.get("l3"), "'l3' is not a known regularizer. Your own can be passed as an object, or by "
         "name after `register_keras_serializable`."),
        (lambda: regularizers.get("L1l3"), "'L1l3' is not a known regularizer. Did you mean 'L1L2'? Your own can be "
         "passed as an object, or by name after `register_keras_serializable`."),
        (lambda: regularizers.get(0.1), "Expected a name, a config or an object for the regularizer, and got 0.1."),
        (lambda: regularizers.L1(-1), "L1 needs a number from 0 up for l1, and got -1."),
        (lambda: regularizers.L2("a"), "L2 needs a number from 0 up for l2, and got 'a'."),
        (lambda: regularizers.L1L2(0.1, float("nan")), "L1L2 needs a number from 0 up for l2, and got nan."),
        (lambda: regularizers.OrthogonalRegularizer(mode="row"),
         "OrthogonalRegularizer takes 'rows' or 'columns' for mode, and got 'row'."),
        (lambda: regularizers.OrthogonalRegularizer()(torch.zeros(2, 3, 4)),
         "OrthogonalRegularizer is for weights of 2 axes, and got shape (2, 3, 4)."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    assert str(caught.value) == message


def test_the_base_computes_nothing():
    with pytest.raises(NotImplementedError, match=r"^Regularizer must define __call__\(self, x\)\.$"):
        regularizers.Regularizer()(torch.zeros(1))


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_arrays_and_lists(name):
    ours, theirs = getattr(regularizers, name)(), getattr(keras.regularizers, name)()
    for given in (np.array([[1.0, -2.0], [3.0, 4.0]]), np.ones((2, 2), "float32")):
        found = ours(given)
        assert found.dtype is theirs(given).dtype
        torch.testing.assert_close(found, theirs(given))
    torch.testing.assert_close(ours([[1.0, -2.0], [3.0, 4.0]]), theirs(np.array([[1.0, -2.0], [3.0, 4.0]], "float32")))
