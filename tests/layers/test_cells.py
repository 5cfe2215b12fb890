"""Cells by themselves: their call, dropout between resets, stacks, and what is no cell."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

from lamina import layers
from lamina.layers import AbstractRNNCell, GRUCell, Input, LSTMCell, SimpleRNNCell, StackedRNNCells
from lamina.models import Model

# NumPy asks Keras's variables for an array in a way that they do not know yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("name", ["SimpleRNNCell", "GRUCell"])
def test_a_state_may_be_a_tensor(name):
    theirs, ours = getattr(keras.layers, name)(3), getattr(layers, name)(3)
    x, h = torch.randn(2, 4), torch.randn(2, 3)
    theirs(x, h)
    ours.build((2, 4))
    ours.set_weights(theirs.get_weights())
    (out, after), (their_out, their_after) = ours(x, h), theirs(x, h)
    torch.testing.assert_close(out, their_out)
    torch.testing.assert_close(after, their_after)
    assert isinstance(ours(x, [h])[1], list)


@pytest.mark.parametrize(
    "cell", [SimpleRNNCell(3), LSTMCell(3), GRUCell(3), StackedRNNCells([LSTMCell(3), GRUCell(2)])]
)
def test_initial_states(cell):
    states = cell.get_initial_state(batch_size=2)
    flat = [state for part in states for state in (part if isinstance(part, list) else [part])]
    assert all(state.shape[0] == 2 and not state.any() for state in flat)
    x = torch.randn(2, 4)
    output, after = cell(x, states)
    assert output.shape == (2, cell.output_size)
    assert cell.compute_output_shape((2, 4))[0] == tuple(output.shape)
    assert len(after) == len(states)
    torch.testing.assert_close(cell(x, cell.get_initial_state(inputs=x))[0], output)


def test_a_loop_by_hand_equals_the_layer():
    layer = layers.RNN(StackedRNNCells([LSTMCell(3), GRUCell(2)]), return_sequences=True)
    x = torch.randn(2, 5, 4)
    expected = layer(x)
    states, outputs = layer.cell.get_initial_state(2), []
    for step in range(5):
        output, states = layer.cell(x[:, step], states)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), expected)


@pytest.mark.parametrize("make", [lambda: LSTMCell(3, dropout=0.5, recurrent_dropout=0.5), lambda: GRUCell(3, dropout=0.5),
                                  lambda: SimpleRNNCell(3, dropout=0.5, recurrent_dropout=0.5)])  # fmt: skip
def test_dropout_stays_until_it_is_reset(make):
    cell = make()
    x, states = torch.randn(4, 100), [torch.randn(4, 3)] * (2 if isinstance(cell, LSTMCell) else 1)
    first = cell(x, states, training=True)[0]
    torch.testing.assert_close(cell(x, states, training=True)[0], first)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    assert not torch.equal(cell(x, states, training=True)[0], first)
    torch.testing.assert_close(cell(x, states)[0], cell(x, states)[0])
    smaller = cell(x[:2], [state[:2] for state in states], training=True)[0]  # another batch draws its own
    assert smaller.shape == (2, 3)


def test_each_gate_drops_its_own_inputs():
    cell = LSTMCell(1, dropout=0.5, implementation=1, use_bias=False)
    cell.build((None, 1000))
    cell.set_weights([np.ones((1000, 4)), np.zeros((1, 4))])
    x = torch.randn(1, 1000)
    projected = cell.project(x, cell.train().draw_masks(x, 0.5))
    assert len(set(projected.flatten().tolist())) == 4
    together = LSTMCell(1, dropout=0.5, use_bias=False)
    together.build((None, 1000))
    together.set_weights(cell.get_weights())
    projected = together.project(x, together.train().draw_masks(x, 0.5)).flatten()
    torch.testing.assert_close(projected, projected[:1].expand(4))


def test_cells_in_a_model():
    x, h, c = Input((4,)), Input((3,)), Input((3,))
    output, states = LSTMCell(3)(x, [h, c])
    assert output.shape == (None, 3)
    model = Model([x, h, c], [output, *states])
    values = model([torch.randn(2, 4), torch.randn(2, 3), torch.randn(2, 3)])
    torch.testing.assert_close(values[0], values[1])


def test_initial_biases_as_keras():
    for arguments in ({}, {"unit_forget_bias": False}, {"bias_initializer": "ones"}):
        theirs, ours = keras.layers.LSTMCell(2, **arguments), LSTMCell(2, **arguments)
        theirs.build((None, 3))
        ours.build((None, 3))
        np.testing.assert_array_equal(ours.get_weights()[2], theirs.get_weights()[2])


def test_abstract_cell():
    class Counting(AbstractRNNCell):
        state_size = (2, [1, 3])

        def call(self, inputs, states):
            return states[0], [states[0] + 1, states[1]]

    zeros, (one, three) = Counting().get_initial_state(batch_size=5)
    assert [tuple(state.shape) for state in (zeros, one, three)] == [(5, 2), (5, 1), (5, 3)]
    output, count, more = layers.RNN(Counting(), return_state=True)(torch.zeros(5, 4, 1))
    assert output.tolist() == [[3.0, 3.0]] * 5
    assert count.tolist() == [[4.0, 4.0]] * 5
    assert [tuple(state.shape) for state in more] == [(5, 1), (5, 3)]


@pytest.mark.parametrize(("cell", "lacks"), [(object(), "call"), (torch.relu, "call")])
def test_no_cell(cell, lacks):
    with pytest.raises(ValueError, match="needs a cell") as caught:
        StackedRNNCells([cell], name="s")
    assert str(caught.value) == ("StackedRNNCells 's' needs a cell with `call(inputs, states)` and `state_size`, and got "
                                 f"{cell!r}, which has no `{lacks}`.")  # fmt: skip


def test_a_layer_without_state_size():
    with pytest.raises(ValueError, match="has no `state_size`"):
        layers.RNN(layers.Dense(3))


def test_implementation_is_written_only_when_it_says_something():
    assert "implementation" not in GRUCell(3).get_config()
    assert GRUCell.from_config(GRUCell(3, implementation=1).get_config()).implementation == 1
