"""Functional models of ``lamina.ops``: written as Keras writes them, read by Keras, and read from Keras."""

from __future__ import annotations

import inspect
import json
import pickle
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import ops
from lamina.graph.symbolic import leaves, map_structure
from lamina.models import clone_model, load_model, model_from_json
from lamina.registry import ConfigError
from lamina.saving.keras_operations import KERAS_OPERATIONS
from tests.ops.cases import CASES, IMAGE_CASES
from tests.ops.test_values import NEEDS_DATA, NOT_KERAS, NUMBERS_ONLY, OTHER_TYPES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # Keras's own
ROWS = [(name, number, images) for cases, images in ((CASES, False), (IMAGE_CASES, True)) for name, calls in cases.items()
        for number in range(len(calls)) if name not in (*NEEDS_DATA, *NUMBERS_ONLY)]  # fmt: skip
ROWS += [
    (name, number, False) for name, number in (("full", 1), ("linspace", 1), ("array", 2), ("convert_to_tensor", 2))
]
IDS = [f"{name}-{number}" for name, number, _ in ROWS]
# What Keras can't do without data, and what it leaves out of its own config, so that its copy of itself errs.
NOT_IN_KERAS = {
    **dict.fromkeys([("hypot", 1), ("heaviside", 1)], "takes no number"),
    **dict.fromkeys([("clip", 3), ("trapezoid", 2)], "can't write a tensor that is a setting"),
    ("conv", 4): "has no groups without data",
    ("adaptive_max_pool", 0): "takes no number without data",
    ("adaptive_average_pool", 0): "can't read its own",
    ("histogram", 1): "can't read its own",
    ("quantile", 3): "forgets the method",
    ("norm", 5): "writes Infinity, which JSON lacks",
}
NOT_RUN_IN_KERAS = ("histogram", "conv_transpose")  # its own models of them err when they are called on data
SAME_AS_THEIR_INPUTS = {("real", 0), ("real", 1), ("trunc", 1), ("round", 2), ("array", 2), ("convert_to_tensor", 2)}
WITHOUT_DATA = [("repeat", 2), ("norm", 5)]  # counts in a tensor; Infinity


def make(lib: Any, name: str, number: int, images: bool) -> tuple[Any, list[torch.Tensor]]:
    """A model of ``lib`` that is one call, and what to call it on."""
    inputs: list[Any] = []
    data: list[torch.Tensor] = []

    def stand_in(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        inputs.append(lib.Input(batch_shape=leaf.shape, dtype=leaf.dtype.name, name=f"x{len(inputs)}"))
        data.append(torch.as_tensor(leaf))
        return inputs[-1]

    args, kwargs = map_structure(stand_in, (IMAGE_CASES if images else CASES)[name][number])
    function = getattr(lib.ops.image if images else lib.ops, name)
    return lib.Model(inputs, function(*args, **kwargs)), data


def entries(text: str) -> list[Any]:
    """What a config says of its operations, their own names left out."""
    found = [entry for entry in json.loads(text)["config"]["layers"] if entry["class_name"] != "InputLayer"]
    return [(entry["module"], entry["class_name"], entry["registered_name"],
             {key: value for key, value in entry["config"].items() if key != "name"}) for entry in found]  # fmt: skip


def numbers(outputs: Any) -> list[np.ndarray]:
    return [leaf.detach().resolve_conj().numpy() for leaf in leaves(outputs)]


def assert_same(found: Any, wanted: Any, types: bool = True) -> None:
    for one, other in zip(numbers(found), numbers(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert one.dtype == other.dtype or not types


@pytest.mark.parametrize(("name", "number", "images"), ROWS, ids=IDS)
def test_every_operation_comes_back(name, number, images):
    if (name, number) in WITHOUT_DATA:
        with pytest.raises(ValueError, match=r"follows from numbers|a number that JSON can't"):
            make(lamina, name, number, images)[0].to_json()
        return
    model, data = make(lamina, name, number, images)
    text = model.to_json()
    back = model_from_json(text)
    assert back.to_json() == text
    for copy in (back, pickle.loads(pickle.dumps(model)), clone_model(model)):
        assert_same(copy(data), model(data))
        assert entries(lamina.Model(copy.inputs, copy.output).to_json()) == entries(text)


@pytest.mark.parametrize(("name", "number", "images"), ROWS, ids=IDS)
def test_keras_and_lamina_read_each_other(name, number, images):
    if (name, number) in (NOT_IN_KERAS.keys() | dict.fromkeys(WITHOUT_DATA)):
        return
    ours, data = make(lamina, name, number, images)
    theirs, _ = make(keras, name, number, images)
    texts = ours.to_json(), theirs.to_json()
    if (name, number) not in SAME_AS_THEIR_INPUTS and not name.startswith("extract_patches"):
        assert entries(texts[0]) == entries(texts[1])
    read_by_keras = keras.models.model_from_json(texts[0])
    read_by_lamina = model_from_json(texts[1])
    found = ours(data)
    assert_same(read_by_lamina(data), found)
    if (name, number) not in NOT_KERAS and name not in NOT_RUN_IN_KERAS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for model in (theirs, read_by_keras):
                wanted = model([x.clone() for x in data])  # Keras's affine_transform changes its arguments
                assert_same(found, wanted, types=(name, number) not in OTHER_TYPES)


def test_the_table_is_keras_s():
    """Modules, names, and what the constructors take; what is missing computes with functions, or no tensors."""
    found = {}
    for module in ("numpy", "nn", "core", "math", "linalg", "image", "einops"):
        home = getattr(keras.src.ops, module)
        found |= {name: (module, member) for name, member in vars(home).items() if isinstance(member, type)
                  and issubclass(member, keras.src.ops.operation.Operation) and member.__module__ == home.__name__}  # fmt: skip
    missing = found.keys() - KERAS_OPERATIONS.keys()
    assert missing == {"Map", "Scan", "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond", "VectorizedMap", "JVP",
                       "SegmentReduction", "Arange", "Ndim", "Size"}  # fmt: skip
    for name, operation in KERAS_OPERATIONS.items():
        module, theirs = found[name]
        takes = [key for key in inspect.signature(theirs.__init__).parameters if key not in ("self", "name", "kwargs")]
        assert (operation.module, list(operation.settings)) == (module, takes), name
        call = [key for key in inspect.signature(theirs.call).parameters if key not in ("self", "kwargs")]
        assert [key for key in operation.parameters if key != "kwargs"] == call, name


# ---- in models -----------------------------------------------------------------------------------------------------


def test_a_whole_model_of_operations(tmp_path):
    def build(lib: Any) -> Any:
        x = lib.Input((5, 3), name="x")
        parts = [x]
        for number in range(2):
            parts.append(lib.layers.Dense(3, name=f"d{number}")(lib.ops.concatenate(parts, axis=-1)))
        mean, variance = lib.ops.moments(parts[-1], axes=1)
        scores = lib.ops.einsum("bti,bi->bt", parts[1], mean) / lib.ops.sqrt(
            lib.ops.sum(variance, axis=-1, keepdims=True)
        )
        out = lib.ops.expand_dims(lib.ops.softmax(scores), -1) * lib.ops.stack([parts[0], parts[1]], axis=0)[0]
        return lib.Model(x, [out, lib.ops.one_hot(lib.ops.argmax(scores, axis=-1), 5)], name="m")

    ours, theirs = build(lamina), build(keras)
    ours.set_weights(theirs.get_weights())
    data = torch.randn(4, 5, 3)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    assert_same(load_model(tmp_path / "theirs.keras")(data), theirs(data))
    assert_same(keras.saving.load_model(tmp_path / "ours.keras")(data), ours(data))
    assert_same(load_model(tmp_path / "ours.keras")(data), ours(data))
    assert "TorchFunction" not in ours.to_json()


def test_a_model_still_runs_torch_and_nothing_else():
    x = lamina.Input((3,))
    model = model_from_json(lamina.Model(x, ops.var(ops.square(x), axis=-1)).to_json())
    assert "torch.var" in model.code
    assert "lamina" not in model.code


def test_a_list_may_be_filled_after_the_call():
    x = lamina.Input((3,))
    parts = [x, x * 2]
    joined = ops.concatenate(parts)
    parts.append(joined)
    model = lamina.Model(x, joined)
    data = torch.randn(2, 3)
    assert_same(model_from_json(model.to_json())(data), model(data))


def test_what_keras_has_no_word_for_goes_by_lamina_s():
    x, y = lamina.Input((4,)), lamina.Input((4,))
    for output in (
        ops.trapezoid(x, x=y),
        ops.clip(x, y - 1, y + 1),
        ops.reshape(x, (x.size(0), 2, 2)) + y[:, :1, None],
    ):
        model = lamina.Model([x, y], output)
        text = model.to_json()
        assert '"function": "ops.' in text
        data = [torch.randn(3, 4), torch.randn(3, 4)]
        back = model_from_json(text)
        assert_same(back(data), model(data))
        assert back.to_json() == text


def test_functions_of_the_backend():
    from lamina import backend as K

    x = lamina.Input((4, 3))
    model = lamina.Model(x, K.mean(K.square(x), axis=1) + K.sum(K.relu(x), axis=1) + K.batch_flatten(x)[:, :3])
    data = torch.randn(2, 4, 3)
    assert_same(model_from_json(model.to_json())(data), model(data))
    assert_same(keras.models.model_from_json(lamina.Model(x, K.mean(K.square(x), axis=1)).to_json())(data),
                (data**2).mean(1))  # fmt: skip


def test_torch_s_functions_keep_their_types():
    """torch's ``argmax`` and sums of integers are int64, Keras's int32: another function, so another name."""
    x, whole = lamina.Input((3,)), lamina.Input((3,), dtype="int32")
    model = lamina.Model([x, whole], [x.argmax(-1), whole.sum(-1), x.sum(-1), ops.argmax(x, axis=-1)])
    data = [torch.randn(2, 3), torch.ones(2, 3, dtype=torch.int32)]
    back = model_from_json(model.to_json())
    assert [y.dtype for y in back(data)] == [y.dtype for y in model(data)]
    assert [name for _, name, *_ in entries(model.to_json())] == ["TorchFunction", "TorchFunction", "Sum", "Argmax"]


def test_constants_are_no_weights():
    x = lamina.Input((3,))
    model = lamina.Model(x, lamina.layers.Dense(2)(ops.where(ops.not_equal(x, 0.5), x, 0.0)))
    assert [tuple(weight.shape) for weight in model.weights] == [(3, 2), (2,)]
    assert model_from_json(model.to_json()).count_params() == model.count_params() == 8


# ---- files that are not to be trusted ------------------------------------------------------------------------------

HUGE = 10**11


def calls(module: str, name: str, config: dict[str, Any], shape: tuple[Any, ...] = (None, 8, 8, 3), **more: Any) -> str:
    x = {
        "class_name": "__keras_tensor__",
        "config": {"shape": list(shape), "dtype": "float32", "keras_history": ["x", 0, 0]},
    }
    node = {"args": [x, *more.get("args", [])], "kwargs": more.get("kwargs", {})}
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "x",
               "config": {"batch_shape": list(shape), "dtype": "float32", "name": "x"}, "inbound_nodes": []},
              {"module": f"keras.src.ops.{module}", "class_name": name, "registered_name": name, "name": "o",
               "config": {"name": "o", **config}, "inbound_nodes": [node]}]  # fmt: skip
    return json.dumps({"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
                       "config": {"name": "m", "layers": layers, "input_layers": ["x", 0, 0],
                                  "output_layers": ["o", 0, 0]}})  # fmt: skip


TOO_MUCH = {
    "tile": calls("numpy", "Tile", {"repeats": [1, 1, 1, HUGE]}),
    "repeat": calls("numpy", "Repeat", {"repeats": HUGE, "axis": 3}),
    "pad": calls("numpy", "Pad", {"pad_width": HUGE, "mode": "constant"}),
    "pad by index": calls("numpy", "Pad", {"pad_width": HUGE, "mode": "reflect"}),
    "broadcast": calls("numpy", "BroadcastTo", {"shape": [HUGE, 8, 8, 3]}, (1, 8, 8, 3)),
    "full": calls("numpy", "Full", {"shape": [HUGE], "dtype": "float32"}, ()),
    "linspace": calls("numpy", "Linspace", {"num": HUGE}, (3,), args=[1.0]),
    "vander": calls("numpy", "Vander", {"N": HUGE}, (3,)),
    "diff": calls("numpy", "Diff", {"n": HUGE, "axis": 1}, (None, 20_000)),
    "split": calls("numpy", "Split", {"indices_or_sections": 10**6, "axis": 1}, (None, 10**6)),
    "array_split": calls("numpy", "ArraySplit", {"indices_or_sections": 10**6, "axis": 1}, (None, 10**6)),
    "unstack": calls("core", "Unstack", {"num": None, "axis": 1}, (None, 10**6)),
    "one_hot": calls("nn", "OneHot", {"num_classes": HUGE}),
    "multi_hot": calls("nn", "MultiHot", {"num_classes": HUGE}, (None, 3)),
    "scatter": calls("core", "Scatter", {"shape": [HUGE]}, (2,), args=[[1.0, 2.0]]),
    "segments": calls("math", "SegmentSum", {"num_segments": HUGE}, (3, 2), args=[[0, 1, 1]]),
    "outer": calls("numpy", "Kron", {}, (10**6,), args=[[1.0] * 1000]),
    "dilation": calls("nn", "Unfold", {"kernel_size": 2, "padding": HUGE}, (None, 3, 8, 8)),
    "pool": calls("nn", "MaxPool", {"pool_size": HUGE, "padding": "same"}),
    "frames": calls("math", "STFT", {"sequence_length": 8, "sequence_stride": 4, "fft_length": HUGE,
                                     "center": False}, (None, 40)),
    "sequences": calls("math", "ExtractSequences", {"sequence_length": 10**6, "sequence_stride": 1}, (None, 10**7)),
    "resize": calls("image", "Resize", {"size": [10**6, 10**6]}),
    "resize lanczos": calls("image", "Resize", {"size": [10**6, 10**6], "interpolation": "lanczos3"}),
    "pad_images": calls("image", "PadImages", {"top_padding": 0, "left_padding": 0, "target_height": 10**6,
                                              "target_width": 10**6}),
    "blur": calls("image", "GaussianBlur", {"kernel_size": [HUGE, HUGE]}),
    "elastic": calls("image", "ElasticTransform", {"sigma": 1e11}),
    "scale": calls("image", "ScaleAndTranslate", {"spatial_dims": [1, 2], "method": "linear"},
                   args=[[2, HUGE, HUGE, 3], [1.0, 1.0], [0.0, 0.0]]),
}  # fmt: skip


@pytest.mark.parametrize("case", TOO_MUCH)
def test_an_operation_that_would_take_too_much(case):
    with pytest.raises(ConfigError, match=r"which is too much|Storage size calculation overflowed"):
        model_from_json(TOO_MUCH[case])


@pytest.mark.parametrize(("case", "sentence"), [
    ("tile", "repeat would make a tensor of shape (24, 8, 8, 300000000000), which is too much."),
    ("linspace", "arange would make a tensor of shape (100000000000,), which is too much."),
    ("unstack", "unbind would make 1000000 tensors, which is too much."),
    ("array_split", "The operation takes more than 10000 steps, which is too much."),
    ("diff", "The operation takes more than 10000 steps, which is too much."),
])  # fmt: skip
def test_what_is_said_of_it(case, sentence):
    with pytest.raises(ConfigError) as error:
        model_from_json(TOO_MUCH[case])
    assert str(error.value).endswith(sentence)


@pytest.mark.parametrize(("text", "sentence"), [
    (calls("numpy", "Sum", {"axis": 1, "fname": "/etc/passwd"}), "Keras's operation 'Sum' has no setting 'fname'."),
    (calls("core", "Map", {}), "Keras's operation 'Map' is not among those that lamina reads."),
    (calls("core", "VectorizedMap", {"function": {"module": "os", "class_name": "function", "config": "system"}}),
     "Keras's operation 'VectorizedMap' is not among those that lamina reads."),
    (calls("numpy", "Sum", {"axis": {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}}),
     "'Dense' stands where only plain values and tensors can."),
    (calls("nn", "LayerNorm", {"axis": -1, "rms_scaling": True}),
     "Keras's operation 'LayerNorm' with rms_scaling=True is not among those that lamina reads."),
    (calls("nn", "Relu", {}, args=[1, 2]), "Keras's operation 'Relu' takes 1 arguments, and got 3."),
    (calls("numpy", "Sum", {}, kwargs={"surprise": 3}), "got an unexpected keyword argument 'surprise'"),
])  # fmt: skip
def test_what_no_file_may_ask_for(text, sentence):
    with pytest.raises(ConfigError) as error:
        model_from_json(text)
    assert sentence in str(error.value)


def test_large_but_sensible_operations_are_read():
    text = calls("nn", "OneHot", {"num_classes": 50_000}, (None, 128))
    assert model_from_json(text).output_shape == (None, 128, 50_000)
