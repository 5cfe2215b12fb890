"""torch's tools on lamina's layers and models: each works, or says what does."""

from __future__ import annotations

import copy
import gc
import io
import os
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import lamina
from lamina.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, Masking

X = torch.randn(2, 4)


def functional():
    x = Input((4,))
    return lamina.Model(x, Dense(2)(torch.relu(Dense(3)(x)) * 2))


def stack():
    return lamina.Sequential(
        [Dense(3, activation="relu", input_shape=(4,)), BatchNormalization(), Dropout(0.5), Dense(2)]
    )


class Subclass(lamina.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.head = Dense(3), Dense(2)

    def call(self, x):
        return self.head(torch.relu(self.hidden(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.head = Dense(3), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.hidden(x))


@pytest.fixture(params=[functional, stack, Subclass, Net])
def model(request):
    made = request.param().eval()
    made(X)
    return made


def test_fx(model):
    graph = torch.fx.symbolic_trace(model)
    torch.testing.assert_close(graph(X), model(X))
    assert sum(node.op == "call_module" for node in graph.graph.nodes) >= 2
    assert {key.removeprefix("_") for key in graph.state_dict()} == set(model.state_dict())


def test_fx_of_several_inputs():
    x, y = Input((4,)), Input((3,))
    model = lamina.Model([x, y], Dense(2)(torch.cat([x, y], 1)))
    data = [torch.randn(2, 4), torch.randn(2, 3)]
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(data), model(data))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning", "ignore:`torch.jit:DeprecationWarning")
def test_jit_trace(model):
    torch.testing.assert_close(torch.jit.trace(model, X)(X), model(X))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_jit_script_says_what_works(model):
    with pytest.raises(TypeError, match=r"torch\.jit\.script can't read .* torch\.export\.export"):
        torch.jit.script(model)


def test_export(model):
    torch.testing.assert_close(torch.export.export(model, (X,)).module()(X), model(X))


def test_functions(model):
    weights = dict(model.named_parameters())
    torch.testing.assert_close(torch.func.functional_call(model, weights, (X,)), model(X))
    found = torch.func.grad(lambda p: torch.func.functional_call(model, p, (X,)).square().sum())(weights)
    model(X).square().sum().backward()
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.grad)
    torch.testing.assert_close(torch.func.vmap(model)(X.unsqueeze(1)).squeeze(1), model(X))


NORMS = {
    "weight_norm": lambda layer: parametrizations.weight_norm(layer, "kernel"),
    "spectral_norm": lambda layer: parametrizations.spectral_norm(layer, "kernel"),
    "a module": lambda layer: parametrize.register_parametrization(layer, "kernel", nn.Tanh()),
}


@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_parametrizations(model, norm):
    layer = next(module for module in model.modules() if isinstance(module, Dense))
    norm(layer)
    if norm is NORMS["a module"]:
        before = X @ torch.tanh(layer.parametrizations.kernel.original) + layer.bias
        torch.testing.assert_close(layer(X), layer.activation(before))
    model(X).sum().backward()
    assert all(weight.grad is not None for weight in layer.parametrizations.parameters())


def test_hooks_and_copies(model):
    layer = next(module for module in model.modules() if isinstance(module, Dense))
    seen = []
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    model(X)
    handle.remove()
    assert seen == [(2, 3)]
    torch.testing.assert_close(copy.deepcopy(model).share_memory()(X), model(X))
    assert isinstance(layer.kernel, nn.Parameter)


def test_one_process_of_many(model):
    torch.testing.assert_close(nn.DataParallel(model)(X), model(X))
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29611"}
    torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
    try:
        wrapped = nn.parallel.DistributedDataParallel(model)
        wrapped(X).sum().backward()
        assert [key.removeprefix("module.") for key in wrapped.state_dict()] == list(model.state_dict())
        assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    finally:
        # First what holds the group: where its last owner goes, torch joins the group's thread with Python's lock in its
        # hands, and that thread may be waiting for the lock.
        wrapped = None
        gc.collect()
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("dynamo", [False, True])
def test_onnx(dynamo):
    pytest.importorskip("onnxscript" if dynamo else "onnx")
    x = Input((6, 6, 3))
    pictures = lamina.Model(x, Dense(2)(Flatten()(Conv2D(4, 3)(x))))
    for model, data in ((functional(), X), (stack(), X), (pictures, torch.randn(2, 6, 6, 3))):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (data,), file, dynamo=dynamo)
        assert file.getvalue()


def test_what_exporters_see_of_forward():
    import inspect

    model = lamina.Sequential([Masking(), Dense(2)])
    assert list(inspect.signature(model.forward).parameters) == ["inputs", "mask"]
    assert model(torch.zeros(2, 3, 4)).shape == (2, 3, 2)
