"""``torch.compile(fullgraph=True)`` takes every layer whole, and the compiled layer gives the same numbers."""

import copy
import pickle

import parity
import pytest
import torch
from catalog import ROWS

from lamina import layers
from lamina.layers import Dense, Dropout, Input
from lamina.models import Model, Sequential
from lamina.testing import check_layer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_layers(row, request):
    if "torch_compile" in row.exceptions:
        request.applymarker(pytest.mark.xfail(strict=True, reason=row.exceptions["torch_compile"]))
    check_layer(lambda: parity.make(row), inputs=parity.inputs_of(row), call_kwargs=parity.call_arguments(row),
                properties=["torch_compile"], tolerance=row.tolerance)  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh():
    torch.compiler.reset()


def stack():
    return Sequential([Input((4,)), Dense(8, activation="relu"), Dropout(0.5), Dense(2)])


def functional():
    x, y = Input((4,)), Input((4,))
    shared = Dense(4)
    return Model([x, y], {"sum": shared(x) + shared(y), "product": (x * y)[:, :2]})


class Subclassed(Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = Dense(3, activation="relu"), Dense(2)

    def call(self, inputs, training=None):
        return self.second(self.first(inputs)) + (1.0 if training else 0.0)


def added_to():
    model = Sequential([Dense(8, input_shape=(4,))])
    model.add(Sequential([Dense(3)]))
    return model


def built():
    model = Sequential([Dense(8), Dense(2)])
    model.build((None, 4))
    return model


def nested():
    x = Input((4,))
    return Model(x, added_to()(x))


MODELS = {
    "Sequential": stack,
    "added to": added_to,
    "built": built,
    "unpickled": lambda: pickle.loads(pickle.dumps(built())),
    "copied": lambda: copy.deepcopy(stack()),
    "in a functional model": nested,
}


@pytest.mark.parametrize("name", MODELS)
def test_models_that_were_never_called(name):
    model = MODELS[name]()
    x = torch.randn(3, 4)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))


def test_subclassed_models():
    model, x = Subclassed(), torch.randn(3, 4)
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="eager")(x), expected)


def test_models_with_structures():
    model = functional()
    x, y = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="eager")([x, y]), model([x, y]))


def test_training_through_a_compiled_model():
    model = Sequential([Input((4,)), Dense(8, activation="relu"), Dense(2)])
    x = torch.randn(3, 4)
    expected = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(torch.autograd.grad(compiled(x).sum(), list(model.parameters())), expected)


def test_a_step_compiled_by_nn_module_compile():
    """``Model.compile`` with torch's arguments is torch's."""
    model = stack()
    expected = model(torch.ones(3, 4))
    model.compile(fullgraph=True, backend="eager")
    torch.testing.assert_close(model(torch.ones(3, 4)), expected)
    assert not model.compiled


class Tagger(Model):
    """Whose masks travel on tensors: no plan hands them on."""

    def __init__(self) -> None:
        super().__init__()
        self.words = layers.Embedding(9, 4, mask_zero=True)
        self.memory = layers.LSTM(3, return_sequences=True)
        self.attention = layers.MultiHeadAttention(2, 3)
        self.mean = layers.GlobalAveragePooling1D()

    def call(self, inputs):
        x = self.memory(self.words(inputs))
        return self.mean(self.attention(x, x)), x


@pytest.mark.parametrize("way", ["compile", "export"])
def test_masks_inside_a_model_of_one_s_own(way: str):
    model, x = Tagger(), torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [0, 2, 0, 1]])
    expected = model(x)
    assert not torch.allclose(expected[0], model(torch.where(x == 0, 8, x))[0])
    run = torch.compile(model, fullgraph=True, backend="aot_eager") if way == "compile" else None
    found = run(x) if run is not None else torch.export.export(model, (x,)).module()(x)
    torch.testing.assert_close(found, expected)
