"""What Keras 3 shows its users, name by name: namespaces, attributes and methods of objects, and how methods are called.

What is not here stands in the tables below, with its reason; a row that is no longer needed must go.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import types
from typing import Any

import keras
import numpy as np
import pytest

import lamina
from lamina.dialects.absent import ABSENT, absence

# ---- what is not here, and why -------------------------------------------------------------------------------------

LATER = "comes with quantization or export"
INSIDE = "how Keras works inside, which no program relies on"
BUILT = "a weight or a layer, which is there once the layer is built"
OTHER = "a word of TensorFlow, JAX or Orbax"

LATELY = {"gptq_unpacked_column_size"}  # of quantized layers
# Of every layer, and so of every model.
_OF_LAYERS = {
    "call_signature_parameters": INSIDE, "quantization_config": LATER, "quantized_build": LATER, "quantized_call": LATER,
    "variable_serialization_spec": LATER, "torch_params": "the parameters of an nn.Module are parameters()",
    "supports_jit": OTHER,
}  # fmt: skip
ATTRIBUTES: dict[str, dict[str, str]] = {
    "Layer": _OF_LAYERS,
    "Model": {"export": LATER, "get_quantization_layer_structure": LATER},
    **{f"Conv{way}{n}D": {"convolution_op": INSIDE, "kernel": BUILT} for n in (1, 2, 3) for way in ("", "olution")},
    "EinsumDense": {"kernel": BUILT},
    **{name: {"embeddings": BUILT} for name in ("Embedding", "ReversibleEmbedding")},
    "BatchNormalization": dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), BUILT),
    "MultiHeadAttention": dict.fromkeys(("query_dense", "key_dense", "value_dense", "output_dense"), BUILT),
    "SpectralNormalization": {"normalized_weights": INSIDE}, "Wrapper": {"call": "a wrapper of yours writes it"},
    **{f"Max{way}{n}D": {"pool_mode": INSIDE} for n in (1, 2, 3) for way in ("Pool", "Pooling")},
    **{f"SpatialDropout{n}D": {"noise_shape": INSIDE} for n in (1, 2, 3)},
    "AdditiveAttention": {"score_mode": INSIDE}, "F1Score": {"axis": INSIDE}, "FBetaScore": {"axis": INSIDE},
    "CSVLogger": dict.fromkeys(("append_header", "keys", "csv_file", "writer"), INSIDE),
    "ProgbarLogger": dict.fromkeys(("verbose", "seen", "progbar", "target", "epochs"), INSIDE),
    **{name: {"monitor_op": INSIDE} for name in ("ReduceLROnPlateau", "ModelCheckpoint", "EarlyStopping")},
    "StatelessScope": dict.fromkeys(("initialize_variables", "add_update", "add_loss", "state_mapping", "losses",
                                     "collect_losses"), INSIDE),
    **{name: {"inner_loop": INSIDE, "single_state": INSIDE}
       for name in ("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")},
    "AUC": {"interpolate_pr_auc": INSIDE},
    "Muon": {"lr_adjust": INSIDE, "transpose_last_axis": INSIDE, "zeropower_via_newtonschulz5": INSIDE},
    "LossScaleOptimizer": {"check_finite": INSIDE},
    "TensorBoard": {"summary": OTHER},
}  # fmt: skip

# By method: the parameters that differ, and why.
_HAND = "only called by the framework, or by position"
PARAMETERS: dict[str, tuple[str, set[str]]] = {
    "compile": ("torch.compile takes half a minute, so nobody is given it unasked", {"jit_compile"}),
    "quantize": (LATER, {"filters", "order"}),
    "call": ("a layer's mode is nn.Module.training; layer(x, training=...) sets it. A cell's first argument is its inputs",
             {"training", "order", "sequence"}),
    "compute_output_spec": (_HAND, {"order"}),
    "compute_mask": (_HAND, {"mask", "_", "previous_mask", "order"}),
    "build": (_HAND, {"input_shape", "var_list", "order"}),
    "update_step": (_HAND, {"grad", "order"}),
    "serialize": (_HAND, {"layer", "initializer", "regularizer", "constraint", "activation", "order"}),
    "deserialize_keras_object": ("", set()),
    "categorical_generalized_cross_entropy": ("has its class's default", {"q"}),
    "add_variable": ("has more defaults, and no aggregation on one device",
                     {"shape", "initializer", "aggregation", "name"}),
    "get_initial_state": ("has a default", {"batch_size"}),
}  # fmt: skip


# ---- names ---------------------------------------------------------------------------------------------------------


def public(thing: Any) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def namespaces(module: Any = keras, path: str = "") -> dict[str, Any]:
    """Every public module of Keras by its path below ``keras``, but for those that lamina lacks as a whole."""
    found = {path: module}
    for name in sorted(public(module)):
        inner, below = getattr(module, name), f"{path}.{name}".lstrip(".")
        if isinstance(inner, types.ModuleType) and absence(below) is None:
            found |= namespaces(inner, below)
    return found


NAMESPACES = namespaces()


def test_every_namespace_of_keras_is_looked_at():
    assert len(NAMESPACES) > 35
    assert {"", "config", "tree", "dtype_policies", "mixed_precision", "legacy.saving", "utils.legacy", "saving",
            "optimizers.legacy"} <= NAMESPACES.keys()  # fmt: skip


@pytest.mark.parametrize("is_door", [False, True], ids=["lamina", "as_keras"])
@pytest.mark.parametrize("path", NAMESPACES)
def test_namespaces_have_keras_s_names(path: str, is_door: bool):
    lacking = {name.rpartition(".")[2] for row in ABSENT for name in row.names if name.rpartition(".")[0] == path}
    with contextlib.ExitStack() as stack:
        if is_door:
            stack.enter_context(lamina.as_keras("keras3"))
        module = importlib.import_module(f"{'keras' if is_door else 'lamina'}.{path}".rstrip("."))
        missing = {name for name in public(NAMESPACES[path]) if not has(module, name)}
        unseen = public(NAMESPACES[path]) - set(dir(module)) - missing
    lacking &= public(NAMESPACES[path])
    # The door leads to `keras.preprocessing`, where older Keras had what is in lamina.utils.
    assert missing == lacking - ({"preprocessing"} if is_door else set())
    assert unseen == set()


def has(thing: Any, name: str) -> bool:
    """Whether there is such an attribute, though it may not be ready to be read."""
    try:
        getattr(thing, name)
    except AttributeError:
        return hasattr(type(thing), name)
    except (ValueError, NotImplementedError, RuntimeError):
        return True
    return True


# ---- attributes and methods of objects -----------------------------------------------------------------------------


def of_every_kind(source: Any) -> dict[str, Any]:
    """An object of each class, by its name."""
    x = source.Input((3,))
    layer = source.layers.Dense(2)

    class Own(source.layers.Layer):
        def call(self, x):
            return layer(x)

    class OwnModel(source.Model):
        def call(self, x):
            return layer(x)

    functional = source.Model(x, layer(x))
    stack = source.Sequential([source.Input((3,)), source.layers.Dense(2)])
    for one in (functional, stack):
        one.compile("sgd", "mse")
        one.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    made = {
        "Layer": Own(), "Dense": layer, "Model": OwnModel(), "Functional": functional, "Sequential": stack, "KerasTensor": x,
        "Variable": layer.kernel, "StatelessScope": source.StatelessScope(), "Function": source.Function(x, layer(x)),
    }  # fmt: skip
    for kind in (
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "callbacks",
        "initializers",
        "regularizers",
        "constraints",
    ):
        for name in sorted(public(getattr(source, kind))):
            cls = getattr(getattr(source, kind), name)
            if name not in made and inspect.isclass(cls) and (one := without_arguments(cls, source)) is not None:
                made[name] = one
    return made


_NEEDED = {"units": 2, "filters": 2, "kernel_size": 1, "input_dim": 3, "output_dim": 2, "size": 2, "rate": 0.1, "n": 2,
           "target_shape": (3,), "dims": (1,), "axes": 1, "num_heads": 1, "key_dim": 2, "stddev": 0.1, "activation": "relu",
           "equation": "ab,bc->ac", "output_shape": (2,), "num_classes": 2, "target_class_ids": [0], "normalizer": [1.0],
           "fn": max, "function": abs, "recall": 0.5, "precision": 0.5, "sensitivity": 0.5, "specificity": 0.5,
           "filepath": "m.keras", "filename": "log.csv", "backup_dir": "b", "schedule": float, "learning_rate": 0.1,
           "layer": None, "cell": None, "cells": None, "inner_optimizer": None, "value": 1.0, "y_true": 1.0}  # fmt: skip


def without_arguments(cls: Any, source: Any) -> Any:
    """An object of a class, made with what it can't do without; ``None`` for classes that can't be made so."""
    objects = {"layer": lambda: source.layers.Dense(2), "cell": lambda: source.layers.LSTMCell(2),
               "cells": lambda: [source.layers.LSTMCell(2)], "inner_optimizer": lambda: source.optimizers.SGD()}  # fmt: skip
    parameters = inspect.signature(cls.__init__).parameters.values()
    wanted = [
        p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"
    ]
    if not all(name in _NEEDED for name in wanted):
        return None
    try:
        return cls(**{name: objects[name]() if name in objects else _NEEDED[name] for name in wanted})
    except (
        AttributeError,
        TypeError,
        ValueError,
        NotImplementedError,
        ImportError,
    ):  # bases, say, or a wrapper of RNNs
        return None


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, Any], dict[str, Any]]:
    found = of_every_kind(keras), of_every_kind(lamina)
    for source in (keras, lamina):
        source.utils.clear_session()  # names count from the start for other tests
    return found


_TENSORS = {"Variable", "KerasTensor"}
_OF_VARIABLES = {"aggregation", "constraint", "handle", "initializer", "ndim", "overwrite_with_gradient", "regularizer",
                 "synchronization", "trainable", "autocast", "quantization_axis"}  # fmt: skip


def test_objects_have_keras_s_attributes(made):
    theirs, ours = made
    missing: dict[str, set[str]] = {}
    needless: set[str] = set()
    for name in theirs.keys() & ours.keys() - {"Variable"}:
        gaps = {one for one in public(theirs[name]) if not has(ours[name], one)} - LATELY
        allowed = set(ATTRIBUTES.get(name, ()))
        if isinstance(theirs[name], keras.layers.Layer) or name == "Function":
            allowed |= set(_OF_LAYERS)
        if isinstance(theirs[name], keras.Model):
            allowed |= set(ATTRIBUTES["Model"])
        if name in ATTRIBUTES:
            needless |= {f"{name}.{one}" for one in set(ATTRIBUTES[name]) - gaps - set(_OF_LAYERS)}
        if gaps - allowed:
            missing[name] = gaps - allowed
    assert missing == {}
    assert len(theirs.keys() & ours.keys()) > 200
    assert needless == set()


# ---- how methods are called ----------------------------------------------------------------------------------------

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_STARRED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def parameters(function: Any) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of C
        return None


def differences(theirs: Any, ours: Any) -> set[str]:
    """The parameters that ours lacks or has another default for, and ``order`` when they come in another one."""
    wanted, mine = parameters(theirs), parameters(ours)
    if wanted is None or mine is None:
        return set()
    kinds = {parameter.kind for parameter in mine.values()}
    found = set()
    for name, parameter in wanted.items():
        if parameter.kind in _STARRED:
            continue
        if name not in mine:
            found |= {name} - ({name} if inspect.Parameter.VAR_KEYWORD in kinds else set())
        elif repr(mine[name].default) != repr(parameter.default):
            found.add(name)
    in_order, my_order = ([name for name, p in one.items() if p.kind in _BY_POSITION] for one in (wanted, mine))
    if my_order[: len(in_order)] != in_order and inspect.Parameter.VAR_POSITIONAL not in kinds:
        found.add("order")
    return found


def test_methods_are_called_as_keras_s(made):
    theirs, ours = made
    found: dict[str, set[str]] = {}
    for name in theirs.keys() & ours.keys() - _TENSORS:
        for method in public(type(theirs[name])) & public(type(ours[name])):
            a, b = getattr(type(theirs[name]), method), getattr(type(ours[name]), method)
            if callable(a) and callable(b) and not inspect.isclass(a):
                gaps = differences(a, b) - PARAMETERS.get(method, ("", set()))[1]
                if gaps:
                    found[f"{name}.{method}"] = gaps
    assert found == {}


@pytest.mark.parametrize("is_door", [False, True], ids=["lamina", "as_keras"])
@pytest.mark.parametrize("path", NAMESPACES)
def test_functions_are_called_as_keras_s(path: str, is_door: bool):
    theirs = NAMESPACES[path]
    with contextlib.ExitStack() as stack:
        if is_door:
            stack.enter_context(lamina.as_keras("keras3"))
        ours = importlib.import_module(f"{'keras' if is_door else 'lamina'}.{path}".rstrip("."))
        found: dict[str, set[str]] = {}
        for name in public(theirs):
            a, b = getattr(theirs, name), getattr(ours, name, None)
            if callable(a) and callable(b) and not inspect.isclass(a):
                gaps = differences(a, b) - PARAMETERS.get(name, ("", set()))[1]
                if gaps:
                    found[name] = gaps
    assert found == {}
