"""Symbolic tensors: every operator, index, function and method has the shape and type that torch gives it on data."""

from __future__ import annotations

import operator
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lamina
from lamina.graph.symbolic import KerasTensor, SymbolicTensor, is_symbolic, leaves, map_structure
from lamina.layers import Dense, Embedding, Input, Lambda
from lamina.models import Model


def assert_as_on_data(function, *shapes, dtype="float32"):
    """What ``function`` records has the shape and type of what it gives; a model of it gives the same numbers."""
    data = [torch.randn(shape) if dtype == "float32" else torch.randint(1, 5, shape) for shape in shapes]
    symbols = [Input(shape[1:], dtype=dtype) for shape in shapes]
    recorded, expected = function(*symbols), function(*data)
    assert len(leaves(recorded)) == len(leaves(expected))
    for symbol, tensor in zip(leaves(recorded), leaves(expected), strict=True):
        assert symbol.dtype is tensor.dtype
        assert len(symbol.shape) == tensor.dim()
        assert all(size in (None, known) for size, known in zip(symbol.shape, tensor.shape, strict=True))
    model = Model(symbols[0] if len(symbols) == 1 else symbols, recorded)
    torch.testing.assert_close(model(data[0] if len(data) == 1 else data), expected)
    return leaves(recorded)[0]


# ---- operators -------------------------------------------------------------------------------------------------------

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
          operator.lt, operator.le, operator.gt, operator.ge]  # fmt: skip


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
def test_operators_of_two_tensors(function):
    assert assert_as_on_data(function, (2, 3), (2, 3)).shape == (None, 3)


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
def test_operators_with_numbers_on_either_side(function):
    assert_as_on_data(lambda x: function(x, 2.0), (2, 3))
    assert_as_on_data(lambda x: function(2.0, x), (2, 3))


UNARY = {
    "neg": operator.neg,
    "abs": abs,
    "pow": lambda x: x**2,
    "pow of a number": lambda x: 2**x,
    "invert": lambda x: ~(x > 0),
    "and": lambda x: (x > 0) & (x < 1),
    "or": lambda x: (x > 0) | (x < -1),
    "xor": lambda x: (x > 0) ^ (x < 1),
    "matmul": lambda x: x @ torch.ones(3, 4),
    "matmul from the left": lambda x: torch.ones(3, 3) @ x.T,
    "a row of numbers": lambda x: x + torch.arange(3.0),
    "broadcast": lambda x: x[:, :, None] * x[:, None, :],
}


@pytest.mark.parametrize("name", UNARY)
def test_other_operators(name):
    assert_as_on_data(UNARY[name], (2, 3))


def test_numpy_arrays_leave_operators_to_us():
    x = Input((3,))
    for ones in (torch.ones(3), np.ones(3), np.ones(3, "float32")):
        model = Model(x, ones + x * 2)
        assert model.outputs[0].dtype is torch.float32
        assert model(torch.ones(1, 3)).tolist() == [[3.0, 3.0, 3.0]]


@pytest.mark.parametrize("compare", [lambda x: x != 0.0, lambda x: operator.ne(0.0, x), lambda x: x != np.float32(0.0),
                                     lambda x: x != torch.zeros(3), lambda x: np.zeros(3) != x, lambda x: ~(x == 0.0),
                                     lambda x: ~operator.eq(0, x), lambda x: ~(np.zeros(3) == x)])  # fmt: skip
def test_what_is_unequal_is_a_tensor(compare):
    x = Input((3,))
    model = Model(x, torch.where(compare(x), x, x - 1.0))
    assert model(torch.tensor([[0.0, 2.0, 0.0]])).tolist() == [[-1.0, 2.0, -1.0]]


def test_symbolic_tensors_are_looked_for_by_identity_as_in_keras():
    x, y = Input((3,)), Input((3,))
    assert x == x
    assert (x == y) is False
    assert x in [y, x]
    assert y not in (x, None, "x")
    assert {x: 1, y: 2}[y] == 2
    assert [x, y].index(y) == 1
    assert x != None  # noqa: E711
    assert (x != y).dtype is torch.bool


def test_where_a_function_is_run_without_data_equality_compares():
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Lambda(lambda pair: (pair[0] == pair[1]).float())([a, b]))
    assert model.output_shape == (None, 3)
    assert model([torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 3.0]])]).tolist() == [[1.0, 0.0, 1.0]]


ROUNDED = {
    "round": (lambda x: round(x, 1), [[0.2, -1.3]]),
    "round to whole numbers": (round, [[0.0, -1.0]]),
    "divmod": (lambda x: divmod(x, 2.0), [[[0.0, -1.0]], [[0.24, 0.74]]]),
    "divmod of a number": (lambda x: divmod(1.0, x), [[[4.0, -1.0]], [[0.04, -0.26]]]),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounding(name):
    function, wanted = ROUNDED[name]
    x = Input((2,))
    outputs = Model(x, function(x))(torch.tensor([[0.24, -1.26]]))
    for found, numbers in zip(outputs, wanted, strict=True) if name.startswith("divmod") else [(outputs, wanted)]:
        torch.testing.assert_close(found, torch.tensor(numbers), rtol=1e-5, atol=1e-5)


def test_bits_of_whole_numbers_stay_bits():
    x = Input((2,), dtype="int32")
    model = Model(x, [x & 6, 6 | x, x ^ 1, ~x])
    assert [y.tolist() for y in model(torch.tensor([[5, 8]], dtype=torch.int32))] == [
        [[4, 0]], [[7, 14]], [[4, 9]], [[-6, -9]]]  # fmt: skip


# ---- indexing --------------------------------------------------------------------------------------------------------

INDEXES = {
    "an integer": lambda x: x[:, 0],
    "a slice": lambda x: x[:, 1:3],
    "a step": lambda x: x[:, ::2],
    "from the end": lambda x: x[..., -1],
    "a new axis": lambda x: x[:, None],
    "an ellipsis": lambda x: x[..., :2],
    "a list": lambda x: x[:, [0, 2]],
    "a tensor": lambda x: x[:, torch.tensor([0, 2])],
    "a mask": lambda x: x[:, torch.tensor([True, False, True, False])],
    "the batch": lambda x: x[0],
    "everything": lambda x: x[:],
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexing(name):
    assert_as_on_data(INDEXES[name], (2, 4, 5))


BACKWARDS = [np.s_[:, ::-1], np.s_[..., ::-1], np.s_[:, ::-2], np.s_[::-1], np.s_[:, 3:0:-1], np.s_[:, -2:-4:-1],
             np.s_[:, 0:2:-1], np.s_[:, ::-1, 1:3], np.s_[:, None, ::-3], np.s_[..., None, ::-1], np.s_[:, ::-1, ::-2],
             np.s_[:, 10::-1], np.s_[:, :-10:-1], np.s_[0, ::-1], np.s_[..., ::-1, 2], np.s_[:, [2, 0], ::-1]]  # fmt: skip


@pytest.mark.parametrize("index", BACKWARDS, ids=str)
def test_slices_that_go_backwards(index):
    numbers = np.arange(40, dtype="float32").reshape(2, 4, 5)
    x = Input((4, 5))
    model = Model(x, x[index] * 1)
    assert all(a in (None, b) for a, b in zip(model.output_shape, numbers[index].shape, strict=True))
    np.testing.assert_array_equal(model(torch.from_numpy(numbers)), numbers[index])
    np.testing.assert_array_equal(Model.from_config(model.get_config())(torch.from_numpy(numbers)), numbers[index])


def test_unpacking_a_known_axis():
    first, second = Input(batch_shape=(2, 3))
    assert first.shape == second.shape == (3,)
    with pytest.raises(TypeError, match="is not known before data comes"):
        list(Input((3,)))


# ---- functions and methods of torch ----------------------------------------------------------------------------------

FUNCTIONS = {
    "relu": torch.relu,
    "sum": lambda x: torch.sum(x, dim=1),
    "mean with keepdim": lambda x: x.mean(-1, keepdim=True),
    "max": lambda x: x.max(dim=1).values,
    "cat": lambda x: torch.cat([x, x], dim=1),
    "stack": lambda x: torch.stack([x, x]),
    "chunk": lambda x: torch.chunk(x, 2, dim=1),
    "split": lambda x: x.split([1, 3], dim=1),
    "unbind": lambda x: x.unbind(1),
    "topk": lambda x: torch.topk(x, 2),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x),
    "softmax": lambda x: F.softmax(x, dim=-1),
    "linear": lambda x: F.linear(x, torch.ones(7, 5)),
    "layer_norm": lambda x: F.layer_norm(x, (5,)),
    "pad": lambda x: F.pad(x, (1, 2)),
    "one_hot": lambda x: F.one_hot(x.argmax(-1), 5),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "a transpose": lambda x: x.transpose(1, 2),
    "a permutation": lambda x: x.permute(0, 2, 1),
    "flatten": lambda x: x.flatten(1),
    "unsqueeze": lambda x: x.unsqueeze(-1).squeeze(-1),
    "expand": lambda x: x.mean(1, keepdim=True).expand(-1, 4, -1),
    "clamp": lambda x: x.clamp(min=0.0),
    "to": lambda x: x.to(torch.float64),
    "float": lambda x: (x > 0).float(),
    "masked_fill": lambda x: x.masked_fill(x > 0, -1.0),
    "a property": lambda x: x.mT,
    "cumsum": lambda x: x.cumsum(1),
    "std": lambda x: x.std(dim=(1, 2)),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
    "fft": lambda x: torch.fft.rfft(x).abs(),
    "zeros_like": lambda x: torch.zeros_like(x) + x,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_functions(name):
    assert_as_on_data(FUNCTIONS[name], (2, 4, 5))


SIZES = {
    "view": lambda x: x.view(x.size(0), -1),
    "view by shape": lambda x: x.view(x.shape[0], -1),
    "reshape": lambda x: x.reshape(x.size(0), 5, 4),
    "all sizes": lambda x: x.reshape(x.size()),
    "arithmetic": lambda x: x.reshape(x.size(0) * 4, 5),
    "floor division": lambda x: x.reshape(2, x.size(0) // 2, 4, 5),
    "zeros": lambda x: torch.zeros(4, 5) + x,
    "dim": lambda x: x.sum(dim=x.dim() - 1),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_are_known_when_data_comes(name):
    assert_as_on_data(SIZES[name], (6, 4, 5))


def test_unknown_sizes_stay_unknown():
    x = Input((None, 4))
    assert (x * 2).shape == (None, None, 4)
    assert x.mean(1).shape == (None, 4)
    assert x.reshape(x.size(0), -1).shape == (None, None)
    assert torch.cat([x, x], 1).shape == (None, None, 4)
    assert F.pad(x, (0, 0, 1, 0)).shape == (None, None, 4)
    assert x.unfold(1, 2, 2).shape == (None, None, 4, 2)


def test_known_batches_stay_known():
    assert (Input(batch_shape=(7, 3)) * 2).shape == (7, 3)


def test_integers():
    x = assert_as_on_data(lambda x: x + 1, (2, 3), dtype="int64")
    assert x.dtype is torch.int64
    assert assert_as_on_data(lambda x: x / 2, (2, 3), dtype="int64").dtype is torch.float32


# ---- modules ---------------------------------------------------------------------------------------------------------

MODULES = {
    "Linear": (lambda: nn.Linear(5, 3), (2, 4, 5)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2)), (2, 5)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3), (2, 3, 6, 6)),
    "LayerNorm": (lambda: nn.LayerNorm(5), (2, 4, 5)),
    "LSTM": (lambda: nn.LSTM(5, 3, batch_first=True), (2, 4, 5)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), (2, 3, 4)),
    "Identity": (nn.Identity, (2, 5)),
    "Flatten": (nn.Flatten, (2, 4, 5)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_one_call(name):
    make, shape = MODULES[name]
    module = make().eval()
    x = Input(shape[1:])
    outputs = module(x)
    model = Model(x, outputs)
    data = torch.randn(shape)
    torch.testing.assert_close(model(data), module(data))
    assert len(list(model.parameters())) == len(list(module.parameters()))
    if name != "Identity":  # it hands its input on, so there is nothing to call
        assert sum(line.count("self.") for line in model.code.split("\n")) == 1


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, scale=1.0):
        y = self.linear(x) * scale
        return {"sum": y + x, "parts": (y, x)}


def test_modules_with_structured_outputs():
    module = TwoOutputs().eval()
    x = Input((4,))
    outputs = module(x, scale=2.0)
    model = Model(x, [outputs["sum"], outputs["parts"][0]])
    data = torch.randn(3, 4)
    expected = module(data, scale=2.0)
    torch.testing.assert_close(model(data), [expected["sum"], expected["parts"][0]])


def test_a_module_that_is_called_twice_is_shared():
    module = nn.Linear(4, 4)
    x = Input((4,))
    model = Model(x, module(module(x)))
    data = torch.randn(3, 4)
    torch.testing.assert_close(model(data), module(module(data)))
    assert len(list(model.parameters())) == 2


class Branches(nn.Module):
    def forward(self, x):
        return torch.relu(x) if x.size(0) > 30 else torch.relu(x) + 1


def test_a_module_that_looks_at_sizes():
    with pytest.raises(ValueError, match="Put it in a Layer") as caught:
        Branches()(Input((4,)))
    assert str(caught.value) == (
        "Branches computes one thing for some sizes of its inputs and another for others, which can't be recorded as one "
        "call. Put it in a Layer."
    )


def test_a_module_holds_lamina_s_layers():
    module = nn.Sequential(Dense(3, activation="relu"), nn.Linear(3, 2))
    x = Input((4,))
    model = Model(x, module(x))
    data = torch.randn(5, 4)
    torch.testing.assert_close(model(data), module(data))
    assert model.output_shape == (None, 2)
    assert len(model.trainable_weights) == 4


def test_gradients_reach_a_module_and_a_bare_parameter():
    module, gain = nn.Linear(4, 2), nn.Parameter(torch.ones(2))
    x = Input((4,))
    model = Model(x, module(x) * gain)
    model(torch.ones(3, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in (*module.parameters(), gain))
    assert len(model.trainable_weights) == 3


# ---- what they are not -----------------------------------------------------------------------------------------------

X = SymbolicTensor((None, 3), "float32", name="x")
REFUSED = {
    "bool": (lambda: bool(X > 0), TypeError, "has no data yet, so Python can't branch on it. Use torch.where, or write a "
             "layer whose call() branches on real data."),
    "float": (lambda: float(X), TypeError, "has no data yet, so it has no value as a Python number."),
    "NumPy": (lambda: np.asarray(X), TypeError, "has no data yet, so NumPy can't read it. Build a model and call it on "
              "data."),
    "in place": (lambda: X.add_(1), TypeError, "add_() works in place, which can't be recorded on a symbolic tensor; use "
                 "add()."),
    "a wrong shape": (lambda: X @ torch.ones(4, 2), ValueError, "matmul can't be applied to [tensor (None, 3) float32, "
                      "tensor (4, 2) float32]: "),
    "a wrong index": (lambda: X[:, 5], ValueError, "getitem can't be applied to [tensor (None, 3) float32, "),
    "no such method": (lambda: X.nosuch, AttributeError, "'SymbolicTensor' object has no attribute 'nosuch'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_symbolic_tensors_refuse(name):
    function, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        function()
    assert message in str(caught.value)


def test_repr():
    assert repr(X) == "<SymbolicTensor shape=(None, 3), dtype=float32, name='x'>"


def test_isinstance_and_keras_name():
    assert isinstance(Input((3,)), SymbolicTensor)
    assert issubclass(KerasTensor, SymbolicTensor)


def test_structures():
    structure = {"a": [X, (1, 2)], "b": slice(0, X)}
    assert is_symbolic(structure)
    assert not is_symbolic({"a": [1, (2,)]})
    assert leaves(structure) == [X, 1, 2, 0, X, None]
    assert map_structure(lambda leaf: leaf, structure) == structure


def test_recording_leaves_the_layer_alone():
    layer = Dense(2)
    before = layer(X)
    assert layer(X) is not before
    assert before.shape == (None, 2)


def test_plain_arithmetic_does_not_load_torch_s_compiler():
    program = """
import sys, torch
from lamina import Model, Sequential, layers

Sequential([layers.Input((20,)), layers.Embedding(100, 8, mask_zero=True), layers.LSTM(4)])
Sequential([layers.Input((20, 2)), layers.Masking(), layers.GRU(4)])
x = layers.Input((8, 8, 3))
y = layers.Lambda(lambda t: t * 2)(torch.relu(x + layers.Conv2D(3, 3, padding="same")(x)))
assert Model(x, y.mean((1, 2)) / 2).output_shape == (None, 3)
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_arithmetic_on_much_takes_no_memory():
    tensors = Input((1, 1, 2**11)), Input((2**11, 2**11, 2**11))
    assert (tensors[0] * tensors[1]).shape == (None, 2**11, 2**11, 2**11)
    assert (Input((2**15, 1)) + Input((1, 2**15))).shape == (None, 2**15, 2**15)


def test_a_division_of_whole_numbers_is_recorded():
    x = Input((3,), dtype="int32")
    assert (x // x).dtype is torch.int32
    assert x[x > 0].shape == (None,)


def test_what_a_symbolic_tensor_is_called():
    x = Input((3,))
    assert isinstance(x, KerasTensor)
    assert isinstance(Dense(2)(x), lamina.KerasTensor)
    words = {word for word in dir(keras.KerasTensor) if not word.startswith(("__", "_api"))}
    assert all(hasattr(x, word) for word in words)
    y = lamina.KerasTensor((None, 3), "int32", name="y")
    assert (y.shape, y.dtype, y.name, y.sparse, y.ragged) == ((None, 3), torch.int32, "y", False, False)
    assert Dense(2).compute_output_spec(x).shape == (None, 2)


def test_a_symbolic_mask_has_keras_s_name():
    words = Embedding(4, 2, mask_zero=True)(Input((5,), dtype="int32"))
    assert (words._keras_mask.shape, words._keras_mask.dtype) == ((None, 5), torch.bool)
    assert Dense(2)(words)._keras_mask is words._keras_mask
    assert Input((3,))._keras_mask is None
