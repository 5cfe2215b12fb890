"""``state_dict`` between models, processes and versions: keys are today's, and older files have names of layers."""

from __future__ import annotations

import io
from collections import OrderedDict

import pytest
import torch
from torch import nn

from lamina.layers import Dense, Flatten, Input, TimeDistributed
from lamina.models import Model, Sequential
from lamina.naming import reset_names


@pytest.fixture(autouse=True)
def _names():
    start()


def start():
    """As in a new process, in which something was made already."""
    reset_names()
    Dense(1)


def stack():
    return Sequential([Input((4,)), Dense(4), nn.Linear(4, 4), Dense(4), Flatten(name="dense"), Dense(3, name="out")])


def branches():
    """Whose second layer comes first: automatic names and places differ."""
    x = Input((4,))
    first, second = Dense(4), Dense(4)
    return Model(x, Dense(3)(torch.cat([second(x), first(x)], 1)))


def nested():
    x = Input((4,))
    one, other, steps = branches(), branches(), TimeDistributed(branches())
    head = Sequential([Dense(4), branches()])
    return Model(x, torch.cat([head(torch.cat([other(x), one(x)], 1)), steps(x[:, None])[:, 0]], 1))


def in_a_module():
    net = nn.Sequential(nn.Linear(4, 4), branches(), nn.Linear(3, 2))
    return net.eval()


MAKERS = {"stack": stack, "branches": branches, "nested": nested, "in_a_module": in_a_module}


def older(model, says_so=True):
    """The ``state_dict`` as it was before keys had a version: names of layers."""
    state = OrderedDict()

    def walk(module, place):
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                state[place + key] = tensor.detach().clone()
        for key, child in module._modules.items():
            name = getattr(child, "name", key) if isinstance(module, Model) else key
            walk(child, f"{place}{name}.")

    walk(model, "")
    if says_so:
        parts = [key.split(".")[:end] for key in state for end in range(key.count(".") + 1)]
        state._metadata = OrderedDict((".".join(part), {"version": 1}) for part in parts)
    return state


def assert_same(model, other):
    x = torch.randn(5, 4)
    torch.testing.assert_close(other(x), model(x), rtol=0, atol=0)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_models_of_one_code_exchange_their_states(make):
    one, other = make(), make()
    assert list(one.state_dict()) == list(other.state_dict())
    other.load_state_dict(one.state_dict())
    assert_same(one, other)
    plain = make()
    plain.load_state_dict(dict(one.state_dict()))
    assert_same(one, plain)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_file_of_another_process(make):
    file = io.BytesIO()
    make(), make()
    one = make()
    torch.save(one.state_dict(), file)
    file.seek(0)
    start()
    other = make()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert_same(one, other)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("before", [0, 2])
def test_older_files(make, before):
    for _ in range(before):
        make()
    one = make()
    state, bare = older(one), older(one, says_so=False)
    keys = list(state)
    for number in range(2):  # the same names as the file's, then others
        if not number:
            start()
            for _ in range(before):
                make()
        other = make()
        other.load_state_dict(state)
        assert_same(one, other)
        assert list(state) == keys  # the file's own dict stays as it was
        if before or make is stack:
            again = make()
            again.load_state_dict(bare)
            assert_same(one, again)


def test_the_keys_of_a_file_without_a_version_are_today_s_where_they_can_be():
    one, other = branches(), branches()
    state = dict(one.state_dict())
    other.load_state_dict(dict(reversed(state.items())))
    assert_same(one, other)


def test_an_older_file_that_can_mean_two_things_is_refused():
    file = older(branches())
    x = Input((4,))
    first, second, third = (Dense(units) for units in (4, 4, 3))
    other = Model(x, third(torch.cat([first(x), second(x)], 1)), name="straight")
    with pytest.raises(RuntimeError, match="Functional 'straight': the file has names of layers for keys"):
        other.load_state_dict(file)


def test_what_does_not_fit_is_torch_s_to_report():
    with pytest.raises(RuntimeError, match=r'Unexpected key.* "conv\.kernel"'):
        stack().load_state_dict({**stack().state_dict(), "conv.kernel": torch.zeros(1)})
