"""Every operation against Keras: values, types of results, and shapes without data."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import ops
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure
from tests.ops.cases import CASES, IMAGE_CASES

ROWS = [(name, number, ops, keras.ops) for name, calls in CASES.items() for number in range(len(calls))]
ROWS += [
    (name, number, ops.image, keras.ops.image) for name, calls in IMAGE_CASES.items() for number in range(len(calls))
]
IDS = [f"{name}-{number}" for name, number, *_ in ROWS]


def sparsemax_of_paper(x: Any) -> Any:
    """The projection onto the simplex, by bisection of its threshold."""
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - high, 0).astype("float32")


def saturated(x: Any, dtype: str) -> Any:
    limits = np.iinfo(dtype)
    return np.clip(x.astype("float64"), limits.min, limits.max).astype(dtype)


# Where Keras on torch refuses or errs: another oracle, and what Keras does.
NOT_KERAS: dict[tuple[str, int], tuple[Any, str]] = {
    ("sparsemax", 0): (sparsemax_of_paper, "keras-team/keras#23425"),
    ("imag", 0): (np.imag, "refuses real numbers"),
    ("imag", 1): (np.imag, "refuses real numbers"),
    ("average", 3): (np.average, "divides by the sums of rows"),
    ("linspace", 3): (np.linspace, "takes no axis"),
    ("pad", 1): (np.pad, "pads the last axis only"),
    ("pad", 3): (np.pad, "repeats the last element"),
    ("take", 1): (np.take, "refuses arrays"),
    ("nonzero", 0): (np.nonzero, "returns a matrix, which does not index"),
    ("dot", 4): (np.dot, "multiplies as matmul does"),
    ("vdot", 0): (np.vdot, "refuses matrices"),
    ("einsum", 3): (np.einsum, "refuses two types"),
    ("cross", 1): (lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], "refuses vectors of 2"),
    ("saturate_cast", 1): (saturated, "wraps around"),
    **{("unfold", number): (lambda x, *a, **k: torch.nn.functional.unfold(torch.as_tensor(x), *a, **k), "refuses arrays")
       for number in (0, 1)},
    ("fold", 0): (lambda x, *a, **k: torch.nn.functional.fold(torch.as_tensor(x), *a, **k), "refuses arrays"),
    ("unstack", 0): (list, "refuses arrays"),
    ("unstack", 1): (lambda x, axis: list(x.T), "refuses arrays"),
    ("stop_gradient", 0): (np.asarray, "refuses arrays"),
}  # fmt: skip
FLOAT, INT = ["float32"], ["int32"]
# Where the type is another than the oracle's, and why.
OTHER_TYPES: dict[tuple[str, int], tuple[list[str], str]] = {
    ("cumsum", 4): (["float64"], "Keras on torch leaves dtype out"),
    ("linspace", 3): (FLOAT, "floatx, not NumPy's"),
    ("linspace", 4): (FLOAT * 2, "Keras's step is a number of Python"),
    ("nonzero", 0): (INT * 2, "indices are int32"),
    ("einsum", 3): (FLOAT, "int32 and float32 give float32"),
}


def given(name: str, number: int, mine: Any) -> Any:
    return (CASES if mine is ops else IMAGE_CASES)[name][number]


def numbers(structure: Any) -> list[Any]:
    return [leaf.detach().resolve_conj().numpy() if isinstance(leaf, torch.Tensor) else np.asarray(leaf)
            for leaf in leaves(structure)]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "mine", "theirs"), ROWS, ids=IDS)
def test_values_and_types_are_keras_s(name, number, mine, theirs):
    args, kwargs = given(name, number, mine)
    oracle = NOT_KERAS.get((name, number), (getattr(theirs, name),))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own
        wanted = numbers(oracle(*args, **kwargs))
    found = numbers(getattr(mine, name)(*args, **kwargs))
    assert [x.shape for x in found] == [x.shape for x in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    wanted_types = [x.dtype.name for x in wanted]
    assert [x.dtype.name for x in found] == OTHER_TYPES.get((name, number), (wanted_types,))[0]


# ---- without data --------------------------------------------------------------------------------------------------

# Their shapes follow from the data; or they have no tensor to stand in for.
NEEDS_DATA = {"nonzero": "as many as are not 0", "unique": "as many as differ", "bincount": "up to the greatest",
              "convert_to_tensor": "takes Python numbers", "array": "takes Python numbers"}  # fmt: skip
NUMBERS_ONLY = [
    "zeros",
    "ones",
    "empty",
    "arange",
    "eye",
    "identity",
    "tri",
    "linspace",
    "logspace",
    "geomspace",
    "bartlett",
    "blackman",
    "hamming",
    "hanning",
    "kaiser",
    "full",
    "size",
    "ndim",
    "shape",
]


def stands_in(leaf: Any) -> Any:
    """A symbolic tensor in place of an array; its first size is unknown where that can be so."""
    if isinstance(leaf, np.ndarray):
        return SymbolicTensor(leaf.shape, leaf.dtype.name)
    return leaf


def signature(structure: Any) -> list[Any]:
    return [(tuple(leaf.shape), leaf.dtype) if hasattr(leaf, "dtype") else leaf for leaf in leaves(structure)]


@pytest.mark.parametrize(
    ("name", "number", "mine"), [row[:3] for row in ROWS if row[0] not in (*NEEDS_DATA, *NUMBERS_ONLY)],
    ids=[name for name in IDS if name.rpartition("-")[0] not in (*NEEDS_DATA, *NUMBERS_ONLY)],
)  # fmt: skip
def test_shapes_without_data_are_the_real_ones(name, number, mine):
    args, kwargs = given(name, number, mine)
    function = getattr(mine, name)
    symbolic = map_structure(stands_in, (args, kwargs))
    if name == "repeat":
        symbolic = ((symbolic[0][0], *args[1:]), kwargs)  # how often is a number
    real = function(*args, **kwargs)
    assert signature(function(*symbolic[0], **symbolic[1])) == signature(real)


@pytest.mark.parametrize("name", ["exp", "square", "mean", "add", "softmax", "reshape", "take", "max_pool", "conv"])
def test_an_unknown_batch_stays_unknown(name):
    args, kwargs = CASES[name][0]
    x = SymbolicTensor((None, *args[0].shape[1:]), "float32")
    args = ((-1, 2),) if name == "reshape" else (2.0,) if name == "add" else args[1:]
    kwargs = {"axis": -1} if name in ("mean", "take") else kwargs
    found = getattr(ops, name)(x, *args, **kwargs)
    assert found.shape[0] is None
    assert None not in found.shape[1:]


@pytest.mark.parametrize("name", sorted(NEEDS_DATA.keys() & {"nonzero", "unique", "bincount"}))
def test_what_needs_data_says_so(name):
    with pytest.raises(ValueError, match="follows from numbers") as error:
        getattr(ops, name)(SymbolicTensor((4,), "int32"))
    assert str(error.value) == (
        f"The shape of {name}'s result follows from numbers, and <SymbolicTensor shape=(4,), dtype=int32> has none yet. "
        "Call it on data, for instance in a layer's call."
    )


# ---- gradients -----------------------------------------------------------------------------------------------------

SMOOTH = [
    "sin",
    "cos",
    "tan",
    "tanh",
    "exp",
    "log1p",
    "sqrt",
    "square",
    "abs",
    "add",
    "multiply",
    "divide",
    "power",
    "maximum",
    "clip",
    "mean",
    "sum",
    "prod",
    "var",
    "std",
    "max",
    "logsumexp",
    "matmul",
    "dot",
    "einsum",
    "tensordot",
    "softmax",
    "log_softmax",
    "gelu",
    "silu",
    "sigmoid",
    "relu",
    "leaky_relu",
    "softplus",
    "elu",
    "conv",
    "depthwise_conv",
    "conv_transpose",
    "max_pool",
    "average_pool",
    "layer_normalization",
    "rms_normalization",
    "batch_normalization",
    "normalize",
    "dot_product_attention",
    "categorical_crossentropy",
    "binary_crossentropy",
    "concatenate",
    "stack",
    "reshape",
    "transpose",
    "take",
    "pad",
    "tile",
    "repeat",
    "where",
    "cumsum",
    "cumprod",
    "sort",
    "slice_update",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "roll",
    "flip",
    "norm",
    "inv",
    "det",
    "solve",
    "segment_sum",
]


@pytest.mark.filterwarnings("ignore:The use of `x.T`:UserWarning")  # Keras's own transpose, on torch
@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_keras_s(name):
    for number, (args, kwargs) in enumerate(CASES[name]):
        if not floats(args) or (name, number) in NOT_KERAS:
            continue
        mine, theirs = (gradients(getattr(module, name), args, kwargs) for module in (ops, keras.ops))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def floats(structure: Any) -> list[np.ndarray]:
    return [leaf for leaf in leaves(structure) if isinstance(leaf, np.ndarray) and leaf.dtype == np.float32]


def gradients(function: Any, args: Any, kwargs: Any) -> list[np.ndarray]:
    given: list[torch.Tensor] = []

    def tensor(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        made = torch.tensor(leaf, requires_grad=leaf.dtype == np.float32)
        given.extend([made] if made.requires_grad else [])
        return made

    args, kwargs = map_structure(tensor, (args, kwargs))
    result = function(*args, **kwargs)
    factors = torch.linspace(0.5, 1.5, result.numel()).reshape(result.shape)
    found = torch.autograd.grad((result * factors).sum(), given, allow_unused=True)
    return [np.zeros(0) if gradient is None else gradient.numpy() for gradient in found]


# ---- in models -----------------------------------------------------------------------------------------------------


def test_a_model_of_operations_runs_torch_and_nothing_else():
    x = lamina.Input((4,))
    model = lamina.Model(x, ops.mean(ops.square(x) + 1, axis=-1, keepdims=True))
    data = torch.randn(3, 4)
    torch.testing.assert_close(model(data), (data**2 + 1).mean(-1, keepdim=True))
    assert "torch.square" in model.code
    assert "lamina" not in model.code


def test_an_operation_that_needs_sizes_is_one_call_of_a_model():
    x = lamina.Input((None, 4))
    model = lamina.Model(x, ops.flip(ops.take(x, [1, 0], axis=2)))
    data = torch.randn(3, 5, 4)
    torch.testing.assert_close(model(data), data[:, :, [1, 0]].flip(0, 1, 2))
    copied = copy.deepcopy(model)
    torch.testing.assert_close(copied(data), model(data))


@pytest.mark.parametrize("name", ["softmax", "mean", "conv", "take", "layer_normalization", "einsum", "pad", "one_hot"])
def test_compiled_whole(name):
    (args, kwargs) = CASES[name][0]
    args = map_structure(lambda x: torch.as_tensor(x) if isinstance(x, np.ndarray) else x, args)
    function = getattr(ops, name)
    compiled = torch.compile(lambda *args: function(*args, **kwargs), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*args), function(*args, **kwargs))
