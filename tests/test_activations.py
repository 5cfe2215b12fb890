"""Activations against Keras 3.15.1: values, gradients, names and configs."""

from __future__ import annotations

import inspect
import types

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import activations
from lamina.registry import register_keras_serializable

# Name and arguments; each is compared on the same numbers, kinks included.
CASES = [
    ("linear", {}), ("relu", {}), ("relu", {"negative_slope": 0.1}), ("relu", {"max_value": 1.5}),
    ("relu", {"max_value": 6.0}), ("relu", {"threshold": 0.7}), ("relu", {"threshold": -0.7}),
    ("relu", {"negative_slope": 0.3, "max_value": 1.5}), ("relu", {"negative_slope": 0.3, "threshold": 1.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 1.5, "threshold": 0.5}), ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.05}), ("relu6", {}), ("softmax", {}), ("softmax", {"axis": 0}),
    ("softmax", {"axis": (0, 2)}), ("log_softmax", {}), ("log_softmax", {"axis": 1}), ("elu", {}),
    ("elu", {"alpha": 0.4}), ("selu", {}), ("celu", {}), ("celu", {"alpha": 2.0}), ("softplus", {}), ("softsign", {}),
    ("silu", {}), ("gelu", {}), ("gelu", {"approximate": True}), ("tanh", {}), ("sigmoid", {}), ("exponential", {}),
    ("hard_sigmoid", {}), ("hard_silu", {}), ("hard_tanh", {}), ("hard_shrink", {}), ("hard_shrink", {"threshold": 1}),
    ("soft_shrink", {}), ("soft_shrink", {"threshold": 0.1}), ("tanh_shrink", {}), ("squareplus", {}),
    ("squareplus", {"b": 0.5}), ("sparse_plus", {}), ("sparse_sigmoid", {}), ("glu", {}), ("glu", {"axis": 1}),
    ("log_sigmoid", {}), ("mish", {}),
    ("threshold", {"threshold": 0.5, "default_value": -2.0}),
]  # fmt: skip
SPARSEMAX = [("sparsemax", {}), ("sparsemax", {"axis": 1})]  # Keras 3.15.1 has its numbers wrong; see below
IDS = [f"{name}-{'-'.join(f'{key}={value}' for key, value in arguments.items())}" for name, arguments in
       CASES + SPARSEMAX]  # fmt: skip


def numbers() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).normal(0, 2.5, (4, 6, 8)))


def value_and_gradient(function, x, arguments):
    x = x.clone().requires_grad_()
    y = function(x, **arguments)
    weights = torch.from_numpy(np.random.default_rng(4).normal(size=tuple(y.shape)))
    return y.detach(), torch.autograd.grad((y * weights).sum(), x)[0]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS[: len(CASES)])
def test_values_and_gradients_are_keras(name, arguments):
    mine = value_and_gradient(getattr(activations, name), numbers(), arguments)
    with keras.device("cpu"):
        theirs = value_and_gradient(getattr(keras.activations, name), numbers(), arguments)
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS[: len(CASES)])
def test_values_at_the_kinks_are_keras(name, arguments):
    x = torch.arange(-8, 8, dtype=torch.float64).reshape(2, 2, 4) / 2
    theirs = getattr(keras.activations, name)(x, **arguments)
    torch.testing.assert_close(getattr(activations, name)(x, **arguments), theirs, rtol=1e-6, atol=1e-6)


def test_every_activation_of_keras_is_here_and_compared():
    theirs = {name for name in dir(keras.activations) if not name.startswith("_")} - {
        "get",
        "serialize",
        "deserialize",
        "linear",
    }
    assert {name for name in theirs if not callable(getattr(activations, name, None))} == set()
    assert theirs - {name for name, _ in CASES + SPARSEMAX} == {"swish", "hard_swish"}


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES + SPARSEMAX}))
def test_arguments_are_keras(name):
    def arguments(function):
        return [(it.name, it.default) for it in inspect.signature(function).parameters.values() if it.kind is not
                it.KEYWORD_ONLY]  # fmt: skip

    assert arguments(getattr(activations, name)) == arguments(getattr(keras.activations, name))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize(("name", "arguments"), CASES + SPARSEMAX, ids=IDS)
def test_every_float_type_is_kept(name, arguments, dtype):
    x = numbers()
    y = getattr(activations, name)(x.to(dtype), **arguments)
    assert y.dtype == dtype
    exact = getattr(activations, name)(x.to(dtype).double(), **arguments)
    error = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 1e-6}[dtype]
    torch.testing.assert_close(y.double(), exact, rtol=4 * error, atol=error)


@pytest.mark.parametrize(("name", "arguments"), CASES + SPARSEMAX, ids=IDS)
def test_symbolic_tensors_record_them(name, arguments):
    x = lamina.Input((6, 8))
    y = getattr(activations, name)(x, **arguments)
    if name != "linear":
        assert y is not x
    model = lamina.Model(x, y)
    data = numbers().float()
    torch.testing.assert_close(model(data), getattr(activations, name)(data, **arguments))


# ---- sparsemax -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_is_the_projection_onto_probabilities(axis):
    """What the projection p of x must obey: p sums to 1, and x - p is one number where p > 0, and no more elsewhere."""
    x = numbers()
    p = activations.sparsemax(x, axis)
    torch.testing.assert_close(p.sum(axis), torch.ones_like(p.sum(axis)))
    assert (p >= 0).all()
    above = torch.where(p > 0, x - p, torch.inf).amin(axis, keepdim=True)
    torch.testing.assert_close(torch.where(p > 0, x - p, above), above.expand_as(x))
    assert (torch.where(p > 0, -torch.inf, x) <= above + 1e-12).all()
    assert (p > 0).sum(axis).unique().numel() > 1  # supports of several sizes were tried


def test_sparsemax_gradients():
    # Apart by more than the steps that gradcheck takes, and one in three with a support of several numbers.
    x = torch.tensor([[0.1, 0.25, 0.38, -0.9], [2.0, 0.5, 0.2, 0.1], [0.0, 0.31, 1.2, -3.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(activations.sparsemax, x.requires_grad_())


def test_sparsemax_is_keras_where_one_number_wins():
    x = 10 * torch.arange(24.0).reshape(4, 6)[:, torch.randperm(6)]
    torch.testing.assert_close(activations.sparsemax(x), keras.activations.sparsemax(x))


def test_sparsemax_of_the_report_on_keras():
    # https://github.com/keras-team/keras/issues/23425: Keras 3.15.1 gives [0, 0, 0.25], later ones this.
    assert activations.sparsemax(torch.tensor([0.0, 0.5, 1.0])).tolist() == [0, 0.25, 0.75]


# ---- older forms ---------------------------------------------------------------------------------------------------


def test_hard_sigmoid_of_either_generation():
    x = torch.tensor([-3.0, -2.5, -1.0, 0.0, 1.0, 2.5, 3.0])
    torch.testing.assert_close(activations.hard_sigmoid(x), torch.tensor([0, 1 / 12, 1 / 3, 0.5, 2 / 3, 11 / 12, 1]))
    torch.testing.assert_close(activations.hard_sigmoid_keras2(x), torch.tensor([0, 0, 0.3, 0.5, 0.7, 1, 1]))
    y = x.clone().requires_grad_()
    activations.hard_sigmoid_keras2(y).sum().backward()
    torch.testing.assert_close(y.grad, torch.tensor([0, 0, 0.2, 0.2, 0.2, 0, 0]))


def test_the_softmax_of_the_tutorial():
    assert [round(p, 2) for p in activations.softmax(torch.tensor([1.0, 2.0, 3.0])).tolist()] == [0.09, 0.24, 0.67]


def test_softmax_over_everything():
    y = activations.softmax(numbers(), axis=None)
    torch.testing.assert_close(y, torch.softmax(numbers().flatten(), 0).reshape(4, 6, 8))


def test_alpha_is_the_older_name_of_the_slope():
    x = torch.tensor([-1.0, 2.0])
    assert torch.equal(activations.relu(x, alpha=0.3), activations.relu(x, negative_slope=0.3))
    assert torch.equal(activations.leaky_relu(x, alpha=0.3), activations.leaky_relu(x, 0.3))
    with pytest.raises(TypeError, match=r"^relu got both negative_slope and alpha, its older name\.$"):
        activations.relu(x, 0.1, alpha=0.3)


# ---- names and configs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*activations.ACTIVATIONS.members, "swish"} - {"hard_sigmoid_keras2"}))
def test_names_resolve_as_in_keras(name):
    theirs = keras.activations.get(name)
    assert activations.get(name) is getattr(activations, theirs.__name__)
    assert activations.serialize(activations.get(name)) == keras.activations.serialize(theirs)
    assert activations.deserialize(keras.saving.serialize_keras_object(theirs)) is activations.get(name)


def test_none_is_linear():
    assert activations.get(None) is activations.linear
    assert activations.serialize(activations.linear) == "linear"


def test_functions_and_layers_stay_what_they_are():
    layer = lamina.layers.LeakyReLU()
    assert activations.get(torch.relu) is torch.relu
    assert activations.get(layer) is layer


def test_a_layer_as_activation_is_read_and_written_as_keras_does():
    config = keras.activations.serialize(keras.layers.LeakyReLU(negative_slope=0.1, name="leaky"))
    layer = activations.get(config)
    assert isinstance(layer, lamina.layers.LeakyReLU)
    assert activations.serialize(layer) == config
    assert layer(torch.tensor([[-1.0]])).item() == pytest.approx(-0.1)


@register_keras_serializable(package="lamina_tests")
def doubled(x):
    return 2 * x


def test_a_registered_function_is_written_as_keras_writes_it():
    theirs = keras.saving.register_keras_serializable(package="lamina_tests")(types.FunctionType(
        doubled.__code__, {}, "doubled"))  # fmt: skip
    assert activations.serialize(doubled) == keras.activations.serialize(theirs)
    assert activations.get(activations.serialize(doubled)) is doubled
    assert activations.get("doubled") is doubled


def test_a_function_of_the_call_wins():
    assert activations.get("mine", {"mine": torch.relu}) is torch.relu


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("rellu", "'rellu' is not a known activation. Did you mean 'relu'? Your own can be passed as an object, or by "
                  "name after `register_keras_serializable`."),
        ("xyzzy", "'xyzzy' is not a known activation. Your own can be passed as an object, or by name after "
                  "`register_keras_serializable`."),
        (3, "Expected a name, a config or an object for the activation, and got 3."),
        ({"config": {}}, "The config of the activation has no class_name: {'config': {}}."),
    ],
)  # fmt: skip
def test_unknown_ones_are_refused(identifier, message):
    with pytest.raises(ValueError, match="activation") as caught:
        activations.get(identifier)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "name",
    sorted(set(activations.__all__) & set(vars(keras.activations)) - {"get", "serialize", "deserialize", "linear"}),
)
@pytest.mark.parametrize(
    "given", [np.array([[1.0, -2.0]]), np.array([[1.0, -2.0]], "float32"), [[0.5, -1.0]]], ids=repr
)
def test_arrays_and_lists(name, given):
    extra = (0.5, 1.0) if name == "threshold" else ()
    ours = getattr(activations, name)(given, *extra)
    theirs = getattr(keras.activations, name)(np.asarray(given), *extra)
    assert isinstance(ours, torch.Tensor)
    assert ours.dtype is (torch.float32 if isinstance(given, list) else theirs.dtype)
    torch.testing.assert_close(ours, torch.as_tensor(theirs).to(ours.dtype))


def test_numbers_alone_and_tensors_that_fail():
    assert float(activations.relu(-1.0)) == 0
    assert activations.get("softmax")([1.0, 2.0]).shape == (2,)
    with pytest.raises(NotImplementedError):
        activations.softmax(torch.tensor([1, 2]))
