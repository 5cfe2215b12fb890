"""Bidirectional, TimeDistributed and wrappers of one's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.layers import (
    GRU,
    LSTM,
    RNN,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    Layer,
    Multiply,
    TimeDistributed,
    Wrapper,
)
from lamina.models import Model, Sequential
from lamina.registry import CustomObjectScope

# NumPy asks Keras's variables for an array in a way that they do not know yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = (3, 6, 4)
HOLES = torch.tensor([[1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 1, 1]]).bool()


def with_weights(theirs, ours, shape=X):
    rng = np.random.default_rng(1)
    theirs.build(shape)
    ours.build(shape)
    values = [rng.normal(0, 0.5, tuple(weight.shape)) for weight in theirs.weights]
    for layer in (theirs, ours):
        layer.set_weights(values)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("inner", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("mask", [None, HOLES], ids=["plain", "masked"])
def test_directions_as_keras(inner, mode, mask):
    x = torch.randn(X)
    for steps, states in ((False, False), (True, False), (True, True), (False, True)):
        theirs, ours = (
            library.Bidirectional(getattr(library, inner)(5, return_sequences=steps, return_state=states), mode)
            for library in (keras.layers, layers)
        )
        with_weights(theirs, ours)
        given, expected = ours(x, mask=mask), theirs(x, mask=mask)
        as_tuple = [value if isinstance(value, (tuple, list)) else (value,) for value in (given, expected)]
        for one, other in zip(*as_tuple, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
        shapes = ours.compute_output_shape(X)
        assert [tuple(one.shape) for one in as_tuple[0]] == list(shapes if isinstance(given, tuple) else [shapes])


def test_bidirectional_initial_state():
    layer = Bidirectional(LSTM(5))
    x, states = torch.randn(X), [torch.randn(3, 5) for _ in range(4)]
    expected = layer(x, initial_state=states)
    torch.testing.assert_close(layer([x, *states]), expected)
    forward = layer.forward_layer(x, initial_state=states[:2])
    torch.testing.assert_close(expected[:, :5], forward)


def test_bidirectional_parts():
    layer = Bidirectional(LSTM(5, return_sequences=True, name="mine"), name="both")
    layer(torch.randn(X))
    assert (layer.forward_layer.name, layer.backward_layer.name) == ("forward_mine", "backward_mine")
    assert layer.backward_layer.go_backwards
    assert layer.forward_layer.zero_output_for_mask
    assert next(iter(layer.state_dict())) == "forward_layer.cell.kernel"
    assert len(layer.weights) == 6
    config = layer.get_config()
    assert {"layer", "backward_layer", "merge_mode"} <= config.keys()
    again = Bidirectional.from_config(config)
    assert again.forward_layer.name == "forward_mine"
    assert again.backward_layer.go_backwards


def test_a_backward_layer_of_one_s_own():
    backward = GRU(3, go_backwards=True)
    layer = Bidirectional(LSTM(5), backward_layer=backward)
    x = torch.randn(X)
    assert layer(x).shape == (3, 8)
    assert layer.compute_output_shape(X) == (3, 8)
    torch.testing.assert_close(layer(x)[:, 5:], backward(x))


def test_bidirectional_weights():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((4, 8), (2, 8), (8,)) * 2]
    layer = Bidirectional(LSTM(2), weights=weights)
    layer.build(X)
    np.testing.assert_allclose(layer.backward_layer.get_weights()[0], weights[3], rtol=1e-6)
    assert "weights" not in layer.get_config()


def test_bidirectional_states():
    layer = Bidirectional(LSTM(5, stateful=True), name="b")
    x = torch.randn(X)
    assert layer.states is None
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    assert len(layer.states) == 4
    layer.reset_states()
    torch.testing.assert_close(layer(x), first)
    with pytest.raises(AttributeError) as caught:
        Bidirectional(LSTM(5), name="b").reset_state()
    assert str(caught.value) == "Bidirectional 'b' is not stateful and has no states to reset."


class Halving(LSTM):
    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask=mask, training=training, initial_state=initial_state) / 2


class OwnCell(Layer):
    state_size = 4

    def call(self, inputs, states):
        return inputs + states[0], [inputs + states[0]]


def test_bidirectional_around_classes_of_the_user_s():
    x = torch.randn(X)
    assert isinstance(Bidirectional(Halving(5)).backward_layer, Halving)
    total = x.sum(1)
    torch.testing.assert_close(Bidirectional(RNN(OwnCell()))(x), torch.cat([total, total], -1))


def test_masks_reach_bidirectional_in_a_model():
    words = Input((6,), dtype="int32")
    layer = Bidirectional(GRU(3, return_sequences=True))
    model = Model(words, layer(Embedding(9, 4, mask_zero=True)(words)))
    y = model(torch.tensor([[1, 2, 3, 0, 0, 0], [4, 0, 0, 0, 0, 0]]))
    assert bool((y[0, 3:] == 0).all())
    assert bool((y[1, 1:] == 0).all())
    assert bool((y[0, :3] != 0).all())


# ---- TimeDistributed -------------------------------------------------------------------------------------------------


def by_step(layer, x):
    return torch.stack([layer(x[:, step]) for step in range(x.shape[1])], 1)


@pytest.mark.parametrize(("make", "shape"), [
    (lambda: Dense(3, activation="relu"), (2, 5, 4)), (lambda: Conv2D(2, 3), (2, 3, 5, 5, 1)), (Flatten, (2, 3, 4, 5)),
    (lambda: LSTM(2), (2, 3, 4, 5)), (lambda: Sequential([Conv2D(2, 3), Flatten(), Dense(2)]), (2, 3, 5, 5, 1)),
    (lambda: Lambda(lambda x: x - x.mean(0)), (2, 3, 4)), (lambda: torch.nn.Linear(4, 2), (2, 3, 4)),
])  # fmt: skip
def test_each_step_by_itself(make, shape):
    layer = TimeDistributed(make())
    x = torch.randn(shape)
    y = layer(x)
    torch.testing.assert_close(y, by_step(layer.layer, x))
    assert layer.compute_output_shape((None, None, *shape[2:])) == (None, None, *y.shape[2:])


def test_integers_go_on_as_integers():
    assert TimeDistributed(Embedding(5, 3))(torch.ones(2, 3, 4, dtype=torch.int64)).shape == (2, 3, 4, 3)


def test_batch_normalization_sees_each_step():
    theirs, ours = (library.TimeDistributed(library.BatchNormalization()) for library in (keras.layers, layers))
    x = torch.randn(64, 3, 4) * torch.tensor([1.0, 5.0, 9.0]).view(1, 3, 1)
    with_weights(theirs, ours, tuple(x.shape))
    values = [np.abs(value) for value in theirs.get_weights()]
    theirs.set_weights(values)
    ours.set_weights(values)
    torch.testing.assert_close(ours(x, training=True), theirs(x, training=True), rtol=0, atol=2e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-4)


def test_calls_of_the_inner_layer(monkeypatch):
    """One for all steps where that is the same, else one each."""

    def calls(inner, training=False):
        layer, shapes = TimeDistributed(inner), []
        layer.build((2, 5, 4))
        layer.layer.register_forward_hook(lambda module, args, output: shapes.append(tuple(args[0].shape)))
        layer(torch.randn(2, 5, 4), training=training)
        return shapes

    def model():
        x = Input((4,))
        return Model(x, Dense(2)(x) - 1.0)

    assert calls(Dense(2)) == calls(Dropout(0.5), training=True) == calls(BatchNormalization()) == [(10, 4)]
    assert calls(BatchNormalization(), training=True) == calls(Lambda(torch.neg)) == calls(OwnLayer()) == [(2, 4)] * 5
    assert calls(model()) == [(2, 4)] * 5  # the subtraction is the user's


class OwnLayer(Layer):
    def call(self, inputs):
        return inputs - inputs.mean(0)


def test_dropout_differs_from_step_to_step():
    y = TimeDistributed(Dropout(0.5))(torch.ones(1, 2, 1000), training=True)
    assert not torch.equal(y[:, 0], y[:, 1])


def test_time_distributed_masks():
    x = torch.randn(X)
    layer = TimeDistributed(Dense(2), name="t")
    assert layer(x, mask=HOLES)._keras_mask is HOLES
    with pytest.raises(ValueError, match="needs a mask") as caught:
        layer(x, mask=HOLES[:, :4])
    assert str(caught.value) == "TimeDistributed 't' needs a mask of shape (batch, steps), here (3, 6), and got (3, 4)."
    inner = TimeDistributed(LSTM(2))
    words, mask = torch.randn(2, 3, 5, 4), torch.rand(2, 3, 5) > 0.5
    expected = torch.stack(
        [inner(words)[:, 0] * 0 + inner.layer(words[:, step], mask=mask[:, step]) for step in range(3)], 1
    )
    torch.testing.assert_close(inner(words, mask=mask), expected)


# ---- wrappers of one's own -------------------------------------------------------------------------------------------


class Twice(Wrapper):
    def call(self, inputs):
        return self.layer(self.layer(inputs))


def test_a_wrapper_of_one_s_own():
    layer = Twice(Dense(4))
    x = torch.randn(2, 4)
    torch.testing.assert_close(layer(x), layer.layer(layer.layer(x)))
    with CustomObjectScope({"Twice": Twice}):
        again = Twice.from_config(layer.get_config())
    assert isinstance(again.layer, Dense)
    with pytest.raises(ValueError, match="needs a layer") as caught:
        Twice(3, name="t")
    assert str(caught.value) == "Twice 't' needs a layer, and got 3."


# ---- masks of steps that are sequences themselves --------------------------------------------------------------------


@pytest.mark.parametrize("merge", [Concatenate, lambda: Concatenate(axis=1), Add, Multiply])
def test_a_step_that_is_a_sequence_counts_if_anything_in_it_does(merge):
    chars, words = Input((3, 5), dtype="int32"), Input((3,), dtype="int32")
    inner = TimeDistributed(LSTM(4))(Embedding(9, 4, mask_zero=True)(chars))
    assert inner._keras_mask.shape == (None, 3)
    merged = merge()([Embedding(9, 4, mask_zero=True)(words), inner])
    model = Model([chars, words], LSTM(2)(merged))
    data = np.array([[[1, 2, 0, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0]]]), np.array([[1, 2, 0]])
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))


def test_the_mask_of_characters_beside_words_in_keras(tmp_path):
    def model(lib):
        chars, words = lib.Input((3, 5), dtype="int32"), lib.Input((3,), dtype="int32")
        inner = lib.layers.TimeDistributed(lib.layers.LSTM(4))(lib.layers.Embedding(9, 4, mask_zero=True)(chars))
        merged = lib.layers.Concatenate()([lib.layers.Embedding(9, 4, mask_zero=True)(words), inner])
        return lib.Model([chars, words], lib.layers.LSTM(2)(merged))

    ours, theirs = model(lamina), model(keras)
    ours.set_weights(theirs.get_weights())
    rng = np.random.default_rng(0)
    data = rng.integers(0, 3, (6, 3, 5)), rng.integers(0, 2, (6, 3))
    wanted = theirs.predict(list(data), verbose=0)
    assert [layer.name.rstrip("_0123456789") for layer in ours.layers] == [
        layer.name.rstrip("_0123456789") for layer in theirs.layers]  # fmt: skip
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    for each in (ours, keras.models.load_model(tmp_path / "ours.keras"), lamina.models.load_model(tmp_path / "theirs.keras"),
                 lamina.models.load_model(tmp_path / "ours.keras")):  # fmt: skip
        np.testing.assert_allclose(each.predict(list(data), verbose=0), wanted, atol=1e-6)


def test_a_file_of_a_mask_that_keras_does_not_shorten(tmp_path):
    chars = Input((3, 5), dtype="int32")
    inner = TimeDistributed(LSTM(4))(Embedding(9, 4, mask_zero=True)(chars))
    model = Model(chars, [lamina.layers.GlobalAveragePooling1D()(inner), LSTM(2)(inner)])
    data = np.array([[[1, 2, 0, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0]]])
    model.save(tmp_path / "model.keras")
    for mine, wanted in zip(lamina.models.load_model(tmp_path / "model.keras").predict(data, verbose=0),
                            model.predict(data, verbose=0), strict=True):  # fmt: skip
        np.testing.assert_array_equal(mine, wanted)


def test_the_mask_inside_a_step_stays_where_the_layer_keeps_it():
    mask = torch.rand(2, 3, 5) < 0.5
    x = torch.randn(2, 3, 5, 4)
    assert TimeDistributed(Dense(2)).compute_mask(x, mask) is mask
    assert TimeDistributed(LSTM(2, return_sequences=True)).compute_mask(x, mask) is mask
    assert torch.equal(TimeDistributed(LSTM(2)).compute_mask(x, mask), mask.any(-1))
    assert TimeDistributed(LSTM(2)).compute_mask(x, mask[..., 0]).shape == (2, 3)
