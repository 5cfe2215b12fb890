"""Layers without weights inside somebody's module: an optimizer, a ``state_dict`` or a file meets them before data do."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import parity
import pytest
import torch
from catalog import ROWS
from torch import nn

import lamina
from lamina.layers import LSTM, Activation, Concatenate, Dense, Dropout, Layer, LayerNormalization, TimeDistributed


class Net(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers, nn.Linear(3, 2))

    def forward(self, x):
        return self.body(x)


class Own(Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],))

    def call(self, x):
        return x * self.w


class Block(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(3, name="inner")

    def call(self, x):
        return self.dense(x)


class Subclassed(lamina.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.dense = Dense(3)

    def call(self, x):
        return self.dense(x)


UNBUILT = {
    "Dense": (lambda: Dense(3, name="first"), r"Dense 'first' has no weights yet: it is not built\."),
    "of a user": (lambda: Own(name="own"), r"Own 'own' has no weights yet: it is not built\."),
    "a layer inside": (lambda: Block(name="block"), r"Block 'block' has no weights yet: .* \(it has Dense 'inner' inside\)"),
    "a wrapper": (lambda: TimeDistributed(Dense(3, name="step"), name="td"), r"TimeDistributed 'td' .* Dense 'step' inside"),
    "a cell": (lambda: LSTM(3, name="lstm"), r"LSTM 'lstm' has no weights yet: it is not built\."),
    "a stack": (lambda: lamina.Sequential([Dense(3, name="a"), Dense(3, name="b")], name="s"),
                r"Sequential 's' .* \(it has Dense 'a', Dense 'b' inside\).* Give its first layer an `input_shape=`"),
    "a subclass": (Subclassed, "Subclassed 'mine' has no weights yet.* Call it once on data"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), UNBUILT.values(), ids=UNBUILT)
def test_an_optimizer_is_told(make, words):
    net = Net(make())
    with pytest.warns(UserWarning, match=words) as caught:
        torch.optim.SGD(net.parameters(), lr=0.1)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    net(torch.zeros(2, 4, 3) if "lstm" in words or "td" in words else torch.zeros(2, 3))
    assert len(torch.optim.SGD(net.parameters(), lr=0.1).param_groups[0]["params"]) > 2


def test_all_ways_to_read_parameters():
    net = Net(Dense(3))
    for read in (lambda: list(net.named_parameters()), lambda: net.state_dict(), lambda: net.requires_grad_(False),
                 lambda: net.zero_grad(), lambda: sum(p.numel() for p in net.parameters())):  # fmt: skip
        with pytest.warns(UserWarning, match="Dense 'dense.*' has no weights yet"):
            read()


def test_what_makes_no_weights_is_silent():
    net = Net(Activation("relu"), Dropout(0.1), Concatenate(), LayerNormalization(center=False, scale=False))
    torch.optim.SGD(net.parameters(), lr=0.1)


def test_an_input_shape_is_enough():
    net = Net(Dense(3, input_shape=(4,)), TimeDistributed(Dense(3), input_shape=(2, 3)), lamina.layers.Flatten(), Own())
    del net.body[3]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    assert [tuple(p.shape) for p in optimizer.param_groups[0]["params"]] == [(4, 3), (3,), (3, 3), (3,), (2, 3), (2,)]
    before = net.body[0].kernel.detach().clone()
    net.body[0](torch.ones(2, 4)).sum().backward()
    optimizer.step()
    torch.testing.assert_close(net.body[0].kernel, before - 0.1 * 2)


def test_other_uses_are_silent():
    net = Net(Dense(3), TimeDistributed(Dense(3)), lamina.Sequential([Dense(3)]), Subclassed())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.to(torch.float64).float().cpu().train().eval()
        repr(net)
        copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
        file = io.BytesIO()
        torch.save(net, file)
        file.seek(0)
        copies.append(torch.load(file, weights_only=False))
        net.body[0].trainable = False
        net.apply(lambda module: None)
    for one in copies:
        with pytest.warns(UserWarning, match="Dense .* has no weights yet"):
            list(one.body[0].parameters())
        assert one.body[0](torch.ones(2, 5)).shape == (2, 3)
        assert len(list(one.body[0].parameters())) == 2
    assert type(copies[0].body[0]._parameters) is dict
    net.body[0](torch.ones(2, 3))
    assert [p.requires_grad for p in net.body[0].parameters()] == [False, False]


def test_fit_is_silent_about_a_layer_that_nobody_calls():
    class Spare(Subclassed):
        def __init__(self):
            super().__init__()
            self.spare = Dense(7)

    model = Spare()
    model.compile("sgd", "mse")
    model.fit(torch.zeros(4, 2), torch.zeros(4, 3), verbose=0)
    model.predict(torch.zeros(4, 2), verbose=0)
    assert len(model.get_weights()) == 2


@pytest.mark.parametrize(("make", "words"), UNBUILT.values(), ids=UNBUILT)
def test_a_state_for_an_unbuilt_layer_is_one_error(make, words):
    full = Net(make())
    full(torch.zeros(2, 4, 3) if "lstm" in words or "td" in words else torch.zeros(2, 3))
    net = Net(make())
    for strict in (True, False):
        with pytest.raises(RuntimeError, match=words.split(".*")[0]) as caught:
            net.load_state_dict(full.state_dict(), strict=strict)
        assert "Unexpected" not in str(caught.value)
        assert "A state_dict has" in str(caught.value)
    net(torch.zeros(2, 4, 3) if "lstm" in words or "td" in words else torch.zeros(2, 3))
    net.load_state_dict(full.state_dict())
    assert all(map(torch.equal, net.state_dict().values(), full.state_dict().values()))


def test_a_state_for_a_layer_that_states_its_shape():
    full, other = (Net(Dense(3, input_shape=(4,))) for _ in range(2))
    full(torch.zeros(1, 4))
    other.load_state_dict(full.state_dict())
    assert torch.equal(other.body[0].kernel, full.body[0].kernel)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_layers_know_whether_they_will_make_weights(row):
    layer = parity.make(row, name="layer")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        known = list(layer.parameters())
    told = known or [str(one.message) for one in caught if "has no weights yet" in str(one.message)]
    layer(parity.inputs_of(row), **parity.call_arguments(row))
    assert bool(told) == bool(layer.weights)
