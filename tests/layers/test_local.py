"""LocallyConnected1D and 2D: numbers as tf_keras's (golden files), all implementations alike, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lamina import layers

with np.load(Path(__file__).parents[1] / "golden" / "local.npz") as file:
    GOLDEN = dict(file)
ROWS = {name: row for name, row in json.loads(str(GOLDEN["rows"])).items() if row[0].startswith("Locally")}


def made_from(name, **more):
    """The layer of a golden row with the row's weights, and its inputs."""
    cls, arguments = ROWS[name]
    layer = getattr(layers, cls)(**arguments | more)
    x = torch.from_numpy(GOLDEN[f"{name}/x"]).requires_grad_()
    layer.build(tuple(x.shape))
    layer.set_weights([GOLDEN[f"{name}/{part}"] for part in ("kernel", "bias") if f"{name}/{part}" in GOLDEN])
    return layer, x


def weighted_sum(y):
    return (y * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view_as(y)).sum()


@pytest.mark.parametrize("name", ROWS)
def test_as_tf_keras(name):
    layer, x = made_from(name)
    y = layer(x)
    (gradient,) = torch.autograd.grad(weighted_sum(y), x)
    for mine, part in ((y, "y"), (gradient, "x_gradient")):
        wanted = GOLDEN[f"{name}/{part}"]
        np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert layer.compute_output_shape(tuple(x.shape)) == tuple(y.shape)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), y.detach())


@pytest.mark.parametrize("name", [name for name in ROWS if "implementation" not in name and "same" not in name])
@pytest.mark.parametrize("implementation", [2, 3])
def test_implementations_are_one(name, implementation):
    layer, x = made_from(name, implementation=implementation)
    np.testing.assert_allclose(layer(x).detach().numpy(), GOLDEN[f"{name}/y"], rtol=0, atol=1e-5)


def by_hand(layer, x):
    """The definition: at each place, the window's numbers in order times the place's kernel. Two spatial axes."""
    (kh, kw), (sh, sw) = layer.kernel_size, layer.strides
    kernel, bias = (weight.detach().numpy() for weight in (layer.kernel, layer.bias))
    rows, columns, filters = bias.shape
    y = np.empty((len(x), rows, columns, filters))
    for row in range(rows):
        for column in range(columns):
            window = x[:, row * sh : row * sh + kh, column * sw : column * sw + kw].reshape(len(x), -1)
            y[:, row, column] = window @ kernel[row * columns + column] + bias[row, column]
    return y


@pytest.mark.parametrize("strides", [1, 2, (1, 3)])
def test_by_hand_in_float64(strides):
    layer = layers.LocallyConnected2D(5, (2, 3), strides, bias_initializer="normal", dtype="float64")
    x = torch.randn(3, 8, 9, 2, dtype=torch.float64)
    np.testing.assert_allclose(layer(x).detach().numpy(), by_hand(layer, x.numpy()), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(layer, x[:1].clone().requires_grad_())


@pytest.mark.parametrize("arguments", [{}, {"data_format": "channels_first"},
                                       {"padding": "same", "implementation": 2, "strides": 2}])  # fmt: skip
def test_compile_and_export(arguments):
    layer = layers.LocallyConnected2D(4, 3, activation="relu", **arguments)
    x = torch.randn(2, 6, 7, 5)
    y = layer(x)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), y)
    exported = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    torch.testing.assert_close(exported.module()(torch.cat([x, x])), torch.cat([y, y]))


def test_words_of_keras_1():
    layer = layers.LocallyConnected1D(8, 3, border_mode="valid", subsample_length=2, input_dim=4, input_length=10)
    assert layer.batch_input_shape == (None, 10, 4)
    assert layer(torch.zeros(2, 10, 4)).shape == (2, 4, 8)
    assert layers.LocallyConnected2D(8, 3, 3, dim_ordering="th").data_format == "channels_first"


def test_config_and_losses():
    layer = layers.LocallyConnected1D(4, 3, kernel_regularizer="l2", kernel_constraint="max_norm", implementation=2)
    layer(torch.ones(1, 5, 2))
    twin = layers.LocallyConnected1D.from_config(layer.get_config())
    assert (twin.kernel_size, twin.implementation, twin.padding) == ((3,), 2, "valid")
    assert len(layer.losses) == 1
    assert set(layer._constraints) == {"kernel"}


WRONG_ARGUMENTS = [
    ({"filters": 0}, "LocallyConnected2D 'l' needs a positive integer for filters, and got 0."),
    ({"kernel_size": (3, 3, 3)},
     "LocallyConnected2D 'l' needs a positive integer or a tuple of 2 for kernel_size, and got (3, 3, 3)."),
    ({"padding": "causal", "implementation": 2},
     "LocallyConnected2D 'l' needs 'valid' or 'same' for padding, and got 'causal'."),
    ({"padding": "same"},
     "LocallyConnected2D 'l' can pad with 'same' in implementation 2 or 3 only: give implementation=2."),
    ({"implementation": 4}, "LocallyConnected2D 'l' needs 1, 2 or 3 for implementation, and got 4."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layers.LocallyConnected2D(**{"filters": 8, "kernel_size": 3, "name": "l"} | arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(("shape", "message"), [
    ((None, 9, None, 3), "LocallyConnected2D 'l' needs to know all sizes but the batch's, since it has a kernel for each "
                         "place; it got (None, 9, None, 3)."),
    ((None, 2, 9, 3), "LocallyConnected2D 'l' needs inputs whose sizes are at least (3, 3), and got (None, 2, 9, 3). "
                      "Inputs can be smaller with padding='same'."),
])  # fmt: skip
def test_inputs_that_do_not_fit(shape, message):
    layer = layers.LocallyConnected2D(8, 3, name="l")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build(shape)
    assert str(caught.value) == message
    assert layer.weights == []


def test_another_size_than_it_was_built_for():
    layer = layers.LocallyConnected1D(8, 3, name="l")
    layer(torch.zeros(1, 9, 3))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer(torch.zeros(1, 10, 3))
    assert str(caught.value) == "LocallyConnected1D 'l' was built for inputs whose axis 1 is 9, and got (1, 10, 3)."
