"""Wrong inputs to layers: refused in one sentence, before torch reads what it should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lamina import layers
from lamina.layers import GRU, LSTM, Add, Attention, Bidirectional, Dense, Input, Layer, MultiHeadAttention, SimpleRNN

X = torch.zeros(2, 3, 4)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_features_are_those_that_a_recurrent_layer_was_built_for(name: str):
    layer = getattr(layers, name)(3, name="r")
    layer(X)
    with pytest.raises(
        ValueError, match=rf"^{name} 'r' was built for inputs whose last axis is 4, and got \(2, 3, 5\)\.$"
    ):
        layer(torch.zeros(2, 3, 5))


@pytest.mark.parametrize("states", [torch.zeros(2, 5), Input((5,))], ids=["data", "symbolic"])
def test_states_have_the_layer_s_size(states: Any):
    x = X if isinstance(states, torch.Tensor) else Input((None, 4))
    with pytest.raises(
        ValueError, match=r"LSTM 'r' needs states of shape \(batch, 3\), and got one of shape \(\w+, 5\)\."
    ):
        LSTM(3, name="r")(x, initial_state=[states, states])
    with pytest.raises(ValueError, match=r"GRU 'r' has 1 states, and got 2 tensors for them\."):
        GRU(5, name="r")(x, initial_state=[states, states])


def test_states_have_the_batch_s_size():
    with pytest.raises(ValueError, match=r"need states of shape \(2, 3\), and got one of shape \(7, 3\)\."):
        SimpleRNN(3)(X, initial_state=[torch.zeros(7, 3)])


@pytest.mark.parametrize("shape", [(2, 4), (3, 3)])
@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_a_mask_is_of_the_same_steps(layer: Any, shape: tuple[int, int]):
    with pytest.raises(
        ValueError, match=rf"'r' needs a mask of shape \(batch, steps\), here \(2, 3\), and got \({shape[0]}, "
    ):
        layer(3, name="r")(X, mask=np.ones(shape, bool))


class ForgetsReturn(Layer):
    def call(self, inputs):
        self.seen = inputs


class Forgets(Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], 2), name="w")

    def call(self, inputs):
        return inputs @ self.w


WRONG = {
    "no argument": (lambda: Dense(2, name="d")(), TypeError, "Dense 'd' was called without 'inputs', which it needs."),
    "one of two": (lambda: MultiHeadAttention(2, 3, name="m")(X), TypeError,
                   "MultiHeadAttention 'm' was called without 'value', which it needs."),
    "text": (lambda: Dense(2, name="d")("abc"), TypeError, "Dense 'd' takes a tensor or an array, and got 'abc'."),
    "numbers": (lambda: Dense(2, name="d")([[1.0]]), TypeError, "Dense 'd' takes a tensor or an array, and got [[1.0]]."),
    "nothing": (lambda: Dense(2, name="d")(ForgetsReturn()(Input((3,)))), TypeError,
                "Dense 'd' takes a tensor or an array, and got None, as a call that lacks its `return` gives."),
    "sizes to add": (lambda: Add(name="a")([X, torch.zeros(2, 3, 5)]), ValueError,
                     "Add 'a' can't merge inputs of the shapes (2, 3, 4) and (2, 3, 5): 4 and 5 differ."),
    "sizes to attend": (lambda: Attention(name="a")([X, torch.zeros(2, 3, 5)]), ValueError,
                        "Attention 'a' compares queries and keys of one size, and got (2, 3, 4) and (2, 3, 5)."),
    "both directions of Dense": (lambda: Bidirectional(Dense(2, name="d"), name="b"), ValueError,
                                 "Bidirectional 'b' needs a recurrent layer for layer, and got Dense(? -> 2, name='d')."),
    "unknown size": (lambda: Forgets(name="f")(Input((None,))), ValueError,
                     "Weight 'w' of Forgets 'f' needs a shape that is known, and got (None, 2): state the size in the "
                     "model's Input."),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_words(case: str):
    make, kind, message = WRONG[case]
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value) == message
