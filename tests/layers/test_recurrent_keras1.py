"""Recurrent and ConvRecurrent2D: layers written as Keras 1's were give what today's layers give."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lamina import dialects, layers, optimizers
from lamina.models import Model, Sequential, load_model


class OldRNN(layers.Recurrent):
    """SimpleRNN as a script of Keras 1 would write it."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.output_dim), "glorot_uniform", name="W")
        self.U = self.add_weight((self.output_dim, self.output_dim), "orthogonal", name="U")
        self.b = self.add_weight((self.output_dim,), "zeros", name="b")
        self.states = [None]

    def preprocess_input(self, x):
        return x @ self.W + self.b

    def step(self, x, states):
        h = torch.tanh(x + states[0] @ self.U)
        return h, [h]


class OldLSTM(layers.Recurrent):
    """An LSTM of two states, in Keras 2's words, with a constant."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.states = [None, None]

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4 * self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")

    def get_constants(self, inputs, training=None):
        return [self.bias]

    def step(self, inputs, states):
        h, c, bias = states
        i, f, z, o = (inputs @ self.kernel + h @ self.recurrent_kernel + bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, [h, c]


PAIRS = [(OldRNN, layers.SimpleRNN), (OldLSTM, layers.LSTM)]
OPTIONS = [
    {}, {"return_sequences": True}, {"go_backwards": True}, {"return_sequences": True, "return_state": True},
    {"return_state": True, "go_backwards": True, "unroll": True},
]  # fmt: skip
MASKS = [None, torch.tensor([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()]


def twins(old, new, **options):
    one, other = old(4, **options), new(4, **options)
    for layer in (one, other):
        layer.build((3, 5, 2))
    rng = np.random.default_rng(0)
    values = [rng.normal(size=weight.shape) for weight in other.get_weights()]
    for layer in (one, other):
        layer.set_weights(values)
    return one, other


def flat(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_equals_today_s_layer(old, new, options, mask):
    one, other = twins(old, new, **options)
    x = torch.randn(3, 5, 2)
    results = []
    for layer in (one, other):
        given = x.clone().requires_grad_()
        outputs = flat(layer(given, mask=mask))
        gradients = torch.autograd.grad(sum(out.square().sum() for out in outputs), [given, *layer.weights])
        results.append([*outputs, *gradients])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    assert one.compute_output_shape((3, 5, 2)) == other.compute_output_shape((3, 5, 2))


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_initial_states(old, new):
    one, other = twins(old, new)
    x, states = torch.randn(3, 5, 2), [torch.randn(3, 4) for _ in one.states]
    expected = other(x, initial_state=states)
    torch.testing.assert_close(one(x, initial_state=states), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one([x, *states]), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_stateful_layer_goes_on_where_it_ended(old, new):
    one, other = twins(old, new, stateful=True)
    batches = torch.randn(2, 3, 5, 2)
    for x in batches:
        torch.testing.assert_close(one(x), other(x), rtol=1e-5, atol=1e-5)
    for layer in (one, other):
        layer.reset_states()
    torch.testing.assert_close(one(batches[0]), other(batches[0]), rtol=1e-5, atol=1e-5)
    kept = [state.clone() for state in one.states]
    after = one(batches[1])
    one.reset_states(kept)
    torch.testing.assert_close(one(batches[1]), after)


def test_in_a_model_with_a_mask_and_in_a_file(tmp_path):
    x = layers.Input((None, 2))
    y = OldRNN(4, return_sequences=True, name="old")(layers.Masking()(x))
    model = Model(x, layers.SimpleRNN(3)(y))
    assert y.shape == (None, None, 4)
    data = torch.randn(3, 5, 2) * MASKS[1][..., None]
    before = model(data)
    torch.testing.assert_close(copy.deepcopy(model)(data), before)
    model.save(tmp_path / "model.keras")
    torch.testing.assert_close(load_model(tmp_path / "model.keras", {"OldRNN": OldRNN})(data), before)


def test_training():
    model = Sequential([OldRNN(4, input_shape=(5, 2)), layers.Dense(1)])
    model.compile(optimizers.Adam(0.02), "mse")
    x = np.random.default_rng(0).normal(size=(64, 5, 2)).astype("float32")
    losses = model.fit(x, x.sum((1, 2)), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_words_of_keras_1():
    layer = OldRNN(4, input_dim=2, input_length=5, consume_less="cpu", unroll=True)
    assert (layer.batch_input_shape, layer.unroll) == ((None, 5, 2), True)
    with dialects.using_dialect("keras1"):
        assert layers.Recurrent(None, True, consume_less="gpu", input_dim=2).return_sequences
    with pytest.raises(ValueError, match="unknown argument 'return_sequence'") as error:
        OldRNN(4, return_sequence=True)
    assert "Did you mean 'return_sequences'?" in str(error.value)


def test_what_a_class_forgot():
    class Unfinished(layers.Recurrent):
        units = 3

    with pytest.raises(NotImplementedError) as error:
        Unfinished()(torch.zeros(1, 2, 3), initial_state=[torch.zeros(1, 3)])
    assert str(error.value).startswith("Unfinished has no `step(inputs, states)`, which says what one step computes.")
    with pytest.raises(ValueError, match="units") as no_size:
        layers.Recurrent(name="r").compute_output_shape((None, 2, 3))
    assert str(no_size.value) == "Recurrent 'r' needs to know the size of its output: set `units` in its class."


class OldConvRNN(layers.ConvRecurrent2D):
    """``h' = tanh(W * x + h)``."""

    def build(self, input_shape):
        channels = input_shape[-1 if self.data_format == "channels_last" else 2]
        self.W = self.add_weight((self.filters, channels, *self.kernel_size), "glorot_uniform", name="W")

    def step(self, x, states):
        last = self.data_format == "channels_last"
        x = x.permute(0, 3, 1, 2) if last else x
        x = F.conv2d(x, self.W, stride=self.strides, dilation=self.dilation_rate)
        h = torch.tanh((x.permute(0, 2, 3, 1) if last else x) + states[0])
        return h, [h]


@pytest.mark.parametrize("arguments", [
    {"filters": 3, "kernel_size": 3},
    {"filters": 3, "kernel_size": (3, 2), "strides": 2, "return_sequences": True},
    {"nb_filter": 3, "nb_row": 3, "nb_col": 2, "dim_ordering": "th", "return_sequences": True},
    {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "go_backwards": True, "return_state": True},
])  # fmt: skip
def test_images(arguments):
    layer = OldConvRNN(**arguments)
    x = torch.randn(2, 4, 8, 7, 5)
    outputs = flat(layer(x))
    assert [tuple(output.shape) for output in outputs] == [
        tuple(shape) for shape in (layer.compute_output_shape(x.shape) if layer.return_state else
                                   [layer.compute_output_shape(x.shape)])
    ]  # fmt: skip
    state = torch.zeros_like(outputs[-1] if outputs[-1].dim() == 4 else outputs[0][:, 0])
    for step in x.flip(1).unbind(1) if layer.go_backwards else x.unbind(1):
        state, _ = layer.step(step, [state])
    last = outputs[0][:, -1] if layer.return_sequences else outputs[0]
    torch.testing.assert_close(last, state)


def test_images_of_no_size():
    with pytest.raises(TypeError, match="filters") as error:
        layers.ConvRecurrent2D(nb_row=3, nb_col=3)
    assert "missing a required argument: 'filters'" in str(error.value)


def test_a_convolutional_cell_in_an_rnn():
    """ConvRNN2D of Keras 2 is RNN."""
    with dialects.using_dialect("keras2"):
        old = layers.ConvRNN2D(layers.ConvLSTM2DCell(4, 3), return_sequences=True, return_state=True)
        new = layers.ConvLSTM2D(4, (3, 3), return_sequences=True, return_state=True)
    assert type(old) is layers.RNN
    x = layers.Input((5, 8, 8, 3))
    shapes = [[output.shape for output in layer(x)] for layer in (old, new)]
    assert shapes[0] == shapes[1] == [(None, 5, 6, 6, 4), (None, 6, 6, 4), (None, 6, 6, 4)]
    new.set_weights(old.get_weights())
    data = torch.randn(2, 5, 8, 8, 3)
    for mine, theirs in zip(old(data), new(data), strict=True):
        torch.testing.assert_close(mine, theirs)
