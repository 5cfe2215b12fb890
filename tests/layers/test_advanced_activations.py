"""LeakyReLU, PReLU, ELU, ReLU, ThresholdedReLU and Softmax against Keras."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from keras_oracle import assert_as_keras

from lamina import layers
from lamina.models import Model, Sequential

ELEMENTWISE = [
    ("LeakyReLU", {}), ("LeakyReLU", {"negative_slope": 0.01}), ("LeakyReLU", {"negative_slope": 0}),
    ("ELU", {}), ("ELU", {"alpha": 0.3}),
    ("ReLU", {}), ("ReLU", {"max_value": 6}), ("ReLU", {"max_value": 0.5}), ("ReLU", {"negative_slope": 0.2}),
    ("ReLU", {"threshold": 0.5}), ("ReLU", {"max_value": 1.0, "negative_slope": 0.2}),
    ("ReLU", {"threshold": 0.5, "negative_slope": 0.2}), ("ReLU", {"threshold": 0.5, "max_value": 1.0}),
    ("ReLU", {"threshold": 0.5, "max_value": 1.0, "negative_slope": 0.2}),
    ("Softmax", {}), ("Softmax", {"axis": 1}), ("Softmax", {"axis": [1, 2]}), ("Softmax", {"axis": (-1, 1)}),
    ("Softmax", {"axis": [2]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), ELEMENTWISE)
def test_as_keras(name, arguments):
    layer = assert_as_keras(name, arguments, (3, 4, 5))
    assert layer.supports_masking


def test_relu_at_its_threshold_is_off_as_keras():
    import keras

    x = torch.tensor([0.5, 0.6, 0.4])
    arguments = {"threshold": 0.5, "negative_slope": 0.1}
    np.testing.assert_allclose(layers.ReLU(**arguments)(x), keras.layers.ReLU(**arguments)(x))


def test_thresholded_relu():
    layer = layers.ThresholdedReLU(theta=0.7)
    x = torch.tensor([[-1.0, 0.0, 0.7, 0.8]], requires_grad=True)
    y = layer(x)
    torch.testing.assert_close(y, torch.tensor([[0.0, 0.0, 0.0, 0.8]]))
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [[0.0, 0.0, 0.0, 1.0]]
    assert layer.get_config()["theta"] == 0.7


def test_softmax_of_the_tutorial():
    np.testing.assert_allclose(layers.Softmax()(torch.tensor([1.0, 2.0, 3.0])), [0.09, 0.24, 0.67], atol=0.006)


# ---- PReLU ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared_axes", [None, 1, [1, 2], [2], [1, 3], [1, 2, 3], (3,)])
def test_prelu_as_keras(shared_axes):
    layer = assert_as_keras("PReLU", {"shared_axes": shared_axes}, (2, 4, 5, 3))
    shared = {shared_axes} if isinstance(shared_axes, int) else set(shared_axes or ())
    assert layer.alpha.shape == tuple(1 if axis in shared else size for axis, size in enumerate((4, 5, 3), 1))


def test_prelu_counts_shared_axes_from_the_end_too():
    layer = layers.PReLU(shared_axes=[-2])
    layer.build((None, 4, 5, 3))
    assert layer.alpha.shape == (4, 1, 3)


def test_prelu_keeps_its_settings():
    layer = layers.PReLU("ones", alpha_regularizer="l2", alpha_constraint="non_neg")
    x = torch.randn(3, 4)
    torch.testing.assert_close(layer(x), x)  # alpha is 1
    torch.testing.assert_close(sum(layer.losses), torch.tensor(0.04))
    assert set(layer._constraints) == {"alpha"}


def test_prelu_takes_unknown_sizes_along_shared_axes():
    layer = layers.PReLU(shared_axes=[1])
    model = Model(inputs := layers.Input((None, 3)), layer(inputs))
    assert model(torch.randn(2, 5, 3)).shape == (2, 5, 3)


# ---- Softmax with a mask -------------------------------------------------------------------------------------------

MASKS = {
    "full": torch.tensor([[True, False, True], [False, True, True]]),
    "numbers": torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.4, 0.6]]),
    "one row": torch.tensor([[True, True, False]]),
    "fewer axes": torch.tensor([False, True, True]),
    "nothing kept in a row": torch.tensor([[False, False, False], [True, True, True]]),
}


@pytest.mark.parametrize("axis", [-1, [0, 1]])
@pytest.mark.parametrize("case", MASKS)
def test_softmax_with_a_mask_as_keras(case, axis):
    assert_as_keras("Softmax", {"axis": axis}, (2, 3), {"mask": MASKS[case]})


def test_softmax_in_half_precision_masks_too():
    y = layers.Softmax(dtype="float16")(
        torch.zeros(1, 3, dtype=torch.float16), mask=torch.tensor([[True, False, True]])
    )
    assert y.tolist() == [[0.5, 0.0, 0.5]]


@pytest.mark.parametrize("mask", [torch.ones(2, 2), torch.ones(1, 2, 3), torch.ones(4, 3)])
def test_softmax_refuses_a_mask_of_another_shape(mask):
    message = (rf"^Softmax 's' needs a mask that can be broadcast to its inputs of shape \(2, 3\), and got one of shape "
               rf"\({', '.join(map(str, mask.shape))}\)\.")  # fmt: skip
    with pytest.raises(ValueError, match=message):
        layers.Softmax(name="s")(torch.zeros(2, 3), mask=mask)


def test_softmax_can_leave_its_logits_to_a_loss():
    from lamina import activations

    layer, x = layers.Softmax(), torch.randn(2, 3)
    assert layer.activation is activations.softmax
    assert layer.pre_activation(x) is x


# ---- life as a module, errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments"), [*ELEMENTWISE, ("PReLU", {}), ("PReLU", {"shared_axes": [2]}),
                                                 ("ThresholdedReLU", {})])  # fmt: skip
def test_copies_and_compile(name, arguments):
    layer, x = getattr(layers, name)(**arguments), torch.randn(2, 3, 4)
    y = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), y)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="eager")(x), y)


def test_masks_pass():
    model = Sequential([layers.Masking(), layers.LeakyReLU(), layers.ELU(), layers.PReLU(shared_axes=[1]),
                        layers.GlobalAveragePooling1D()])  # fmt: skip
    x = torch.tensor([[[2.0], [4.0], [0.0]]])
    assert model(x).item() == 3.0


WRONG = [
    ("LeakyReLU", {"negative_slope": None}, None,
     "LeakyReLU 'a' needs a non-negative number for negative_slope, and got None."),
    ("LeakyReLU", {"negative_slope": -0.1}, None,
     "LeakyReLU 'a' needs a non-negative number for negative_slope, and got -0.1."),
    ("ReLU", {"max_value": -1}, None, "ReLU 'a' needs a non-negative number for max_value, and got -1."),
    ("ReLU", {"negative_slope": None}, None, "ReLU 'a' needs a non-negative number for negative_slope, and got None."),
    ("ReLU", {"threshold": "1"}, None, "ReLU 'a' needs a non-negative number for threshold, and got '1'."),
    ("ThresholdedReLU", {"theta": None}, None, "ThresholdedReLU 'a' needs a non-negative number for theta, and got None."),
    ("PReLU", {"shared_axes": [0]}, (None, 3),
     "PReLU 'a' can share alpha along the axes 1 to 1 of (None, 3), and got shared_axes=[0]."),
    ("PReLU", {"shared_axes": 2}, (None, 3),
     "PReLU 'a' can share alpha along the axes 1 to 1 of (None, 3), and got shared_axes=[2]."),
    ("PReLU", {}, (None, None, 3),
     "PReLU 'a' needs to know the size of every axis along which alpha is not shared, and got (None, None, 3). "
     "Unknown axes can be named in shared_axes."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape", "message"), WRONG)
def test_errors(name, arguments, shape, message):
    def use():
        getattr(layers, name)(**arguments, name="a").build(shape)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        use()
    assert str(caught.value) == message


def test_a_built_prelu_says_what_it_was_built_for():
    layer = layers.PReLU(name="a")
    layer(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"^PReLU 'a' was built for inputs whose last axis is 3, and got \(2, 6\)\.$"):
        layer(torch.zeros(2, 6))
