"""Highway, MaxoutDense, SReLU, ParametricSoftplus: Keras 1's formulas, weights and words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lamina import layers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def highway(x, w, w_carry, b=0.0, b_carry=0.0):
    gate = sigmoid(x @ w_carry + b_carry)
    return gate * np.tanh(x @ w + b) + (1 - gate) * x


def maxout(x, w, b=0.0):
    return (np.einsum("bi,kio->bko", x, w) + b).max(1)


def srelu(x, t_left, a_left, t_right, a_right):
    t_right = t_left + np.abs(t_right)
    middle = np.where(x >= t_right, t_right + a_right * (x - t_right), x)
    return np.where(x <= t_left, t_left + a_left * (x - t_left), middle)


def parametric_softplus(x, alphas, betas):
    return alphas * np.log(1 + np.exp(betas * x))


FORMULAS = [
    ("Highway", {"activation": "tanh"}, (5, 4), highway, [(4, 4), (4, 4), (4,), (4,)]),
    ("Highway", {"activation": "tanh", "bias": False}, (5, 4), highway, [(4, 4), (4, 4)]),
    ("MaxoutDense", {"output_dim": 3}, (5, 4), maxout, [(4, 4, 3), (4, 3)]),
    ("MaxoutDense", {"output_dim": 3, "nb_feature": 2, "bias": False}, (5, 4), maxout, [(2, 4, 3)]),
    ("SReLU", {}, (5, 4), srelu, [(4,)] * 4),
    ("SReLU", {"shared_axes": [1, 2]}, (2, 5, 6, 4), srelu, [(1, 1, 4)] * 4),
    ("ParametricSoftplus", {}, (5, 4), parametric_softplus, [(4,)] * 2),
    ("ParametricSoftplus", {"shared_axes": 1}, (2, 5, 4), parametric_softplus, [(1, 4)] * 2),
]


@pytest.mark.parametrize(("name", "arguments", "shape", "formula", "weights"), FORMULAS)
def test_formula_and_gradients(name, arguments, shape, formula, weights):
    layer = getattr(layers, name)(**arguments, dtype="float64")
    layer.build(shape)
    assert [weight.shape for weight in layer.get_weights()] == weights
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 0.7, weight) for weight in weights]
    layer.set_weights(values)
    x = torch.from_numpy(rng.normal(0, 2, shape)).requires_grad_()
    np.testing.assert_allclose(layer(x).detach().numpy(), formula(x.detach().numpy(), *values), rtol=0, atol=1e-8)
    assert layer.compute_output_shape(shape) == tuple(layer(x).shape)
    parameters = dict(layer.named_parameters())
    check = torch.autograd.gradcheck(
        lambda x, *given: torch.func.functional_call(layer, dict(zip(parameters, given, strict=True)), (x,)),
        [x, *parameters.values()],
    )
    assert check


def test_weights_start_as_in_keras_1():
    layer = layers.Highway()
    layer.build((None, 3))
    assert list(layer.state_dict()) == ["W", "W_carry", "b", "b_carry"]
    assert [array.tolist() for array in layer.get_weights()[2:]] == [[0.0] * 3, [1.0] * 3]
    layer = layers.SReLU()
    layer.build((None, 3))
    assert list(layer.state_dict()) == ["t_left", "a_left", "t_right", "a_right"]
    assert [array.tolist() for array in layer.get_weights()[::3]] == [[0.0] * 3, [1.0] * 3]
    layer = layers.ParametricSoftplus()
    layer.build((None, 2))
    np.testing.assert_allclose(layer.get_weights(), [[0.2] * 2, [5.0] * 2])


def test_words_of_keras_1():
    layer = layers.Highway("glorot_normal", "relu", W_regularizer="l2", b_constraint="nonneg", input_dim=4)
    assert layer.batch_input_shape == (None, 4)
    assert layer.get_config()["activation"] == "relu"
    layer(torch.zeros(1, 4))
    assert len(layer.losses) == 1
    assert set(layer._constraints) == {"b"}
    layer = layers.SReLU("zero", "glorot_uniform", "glorot_uniform", "one")
    assert layer(torch.zeros(2, 3)).shape == (2, 3)
    weights = [np.ones((2, 4, 3)), np.zeros((2, 3))]
    layer = layers.MaxoutDense(3, 2, weights=weights, input_dim=4)
    assert layer(torch.ones(1, 4)).tolist() == [[4.0] * 3]


@pytest.mark.parametrize("name", ["Highway", "MaxoutDense", "SReLU", "ParametricSoftplus"])
def test_config_compile_and_export(name):
    layer = getattr(layers, name)(**({"output_dim": 3} if name == "MaxoutDense" else {}))
    x = torch.randn(2, 4)
    y = layer(x)
    twin = type(layer).from_config(layer.get_config())
    twin.build((None, 4))
    twin.set_weights(layer.get_weights())
    torch.testing.assert_close(twin(x), y)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_masks():
    x, mask = torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)
    for name in ("SReLU", "ParametricSoftplus"):
        assert getattr(layers, name)().compute_mask(x, mask) is mask


WRONG = [
    ("MaxoutDense", {"output_dim": 0}, None, "MaxoutDense 'k' needs a positive integer for output_dim, and got 0."),
    ("MaxoutDense", {"output_dim": 3, "nb_feature": -1}, None,
     "MaxoutDense 'k' needs a positive integer for nb_feature, and got -1."),
    ("Highway", {}, (None, None), "Highway 'k' needs to know its input's last axis, and got (None, None)."),
    ("SReLU", {"shared_axes": [0]}, (None, 3),
     "SReLU 'k' can share weights along the axes 1 to 1 of (None, 3), and got shared_axes=[0]."),
    ("SReLU", {}, (None, None), "SReLU 'k' needs to know the size of every axis along which weights are not shared, and got "
                                "(None, None). Unknown axes can be named in shared_axes."),
    ("ParametricSoftplus", {"alpha_init": "zero"}, None,
     "ParametricSoftplus 'k' needs a number for alpha_init, and got 'zero'."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape", "message"), WRONG)
def test_wrong_arguments_and_inputs(name, arguments, shape, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        getattr(layers, name)(**arguments, name="k").build(shape)
    assert str(caught.value) == message


def test_another_rank_than_it_takes():
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layers.Highway(name="k")(torch.zeros(2, 3, 4))
    assert (
        str(caught.value)
        == "Highway 'k' takes inputs of 2 axes (the batch is the first), and got (2, 3, 4), which has 3."
    )
