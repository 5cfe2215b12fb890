"""Each function of ``K`` beside what it is in Keras 3: the same numbers."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import backend
from lamina.dialects import using_dialect
from lamina.dialects.backend_names import KERAS1_OPS, KERAS3_LACKS, OPS
from lamina.migrate import migrate
from lamina.migrate.names import place

pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras's own, with NumPy 2.4

X = torch.linspace(-1, 2, 24).reshape(2, 3, 4)
Y = torch.linspace(0.5, 1.5, 24).reshape(2, 3, 4).flip(-1)
P, T = torch.softmax(X[0], -1), torch.softmax(Y[0], -1)
NAMES = {
    "X": X,
    "Y": Y,
    "P": P,
    "T": T,
    "I": torch.tensor([1, 0]),
    "W": torch.linspace(-1, 1, 8).reshape(4, 2),
    "np": np,
}

_ONE = """abs square exp sin cos sign sigmoid tanh softplus softsign zeros_like ones_like stop_gradient round flatten
    batch_flatten int_shape get_value eval identity ndim elu relu"""
_TWO = "maximum minimum equal not_equal greater greater_equal less less_equal lesser lesser_equal"
# Calls of each function, with its arguments by place and by name.
CALLS = {
    **{name: ["K.{0}(X)"] for name in _ONE.split()},
    **{name: ["K.{0}(X)", "K.{0}(X, axis=-1)", "K.{0}(X, 1, keepdims=True)", "K.{0}(X, axis=[0, 2])"]
       for name in ["mean", "sum", "max", "min", "var", "std", "logsumexp"]},
    "prod": ["K.prod(X)", "K.prod(X, axis=1)"], "any": ["K.any(X > 1, axis=1)"], "all": ["K.all(X > 1, axis=-1)"],
    "log": ["K.log(Y)"], "sqrt": ["K.sqrt(X)", "K.sqrt(x=Y)"],
    **{name: ["K.{0}(X, Y)", "K.{0}(X, 0.5)"] for name in _TWO.split()},
    "cumsum": ["K.cumsum(X, axis=1)"], "cumprod": ["K.cumprod(X, axis=1)"],
    "zeros": ["K.zeros((2, 3))"], "ones": ["K.ones(shape=(2, 3))"], "eye": ["K.eye(3)"],
    "softmax": ["K.softmax(X)", "K.softmax(X, axis=1)"], "cast": ["K.cast(X > 0, 'float32')", "K.cast(X, dtype='int32')"],
    "squeeze": ["K.squeeze(X[:, :1], 1)", "K.squeeze(X[:1], axis=0)"], "stack": ["K.stack([X, Y])", "K.stack([X, Y], axis=1)"],
    "shape": ["K.shape(X)[1]"], "dot": ["K.dot(X, W)", "K.dot(X[0], W)"],
    "clip": ["K.clip(X, 0, 1)", "K.clip(X, min_value=-0.5, max_value=0.5)"], "pow": ["K.pow(Y, 2)", "K.pow(Y, a=0.5)"],
    "argmax": ["K.argmax(X)", "K.argmax(X, axis=0)"], "argmin": ["K.argmin(X)", "K.argmin(X, 1)"],
    "concatenate": ["K.concatenate([X, Y])", "K.concatenate([X, Y], axis=1)", "K.concatenate(tensors=[X, Y])"],
    "expand_dims": ["K.expand_dims(X)", "K.expand_dims(X, 1)", "K.expand_dims(X, axis=0)"],
    "one_hot": ["K.one_hot(I, 3)", "K.one_hot(I, num_classes=2)"], "repeat_elements": ["K.repeat_elements(X, 2, 1)",
    "K.repeat_elements(X, rep=3, axis=-1)"], "transpose": ["K.transpose(W)"],
    "permute_dimensions": ["K.permute_dimensions(X, (0, 2, 1))", "K.permute_dimensions(X, pattern=(2, 0, 1))"],
    "reverse": ["K.reverse(X, 1)", "K.reverse(X, axes=0)"], "gather": ["K.gather(W, I)", "K.gather(reference=W, indices=I)"],
    "reshape": ["K.reshape(X, (6, 4))", "K.reshape(X, shape=(2, -1))"], "tile": ["K.tile(W, (1, 2))", "K.tile(W, n=(2, 1))"],
    "constant": ["K.constant([1.0, 2.0])", "K.constant(value=3.0)"], "switch": ["K.switch(X > 0, X, Y)"],
    "binary_crossentropy": ["K.binary_crossentropy(T, P)", "K.binary_crossentropy(target=T, output=P)",
                            "K.binary_crossentropy(T, X[0], from_logits=True)"],
    "categorical_crossentropy": ["K.categorical_crossentropy(T, P)", "K.categorical_crossentropy(T, X[0], True)"],
    "l2_normalize": ["K.l2_normalize(X, axis=-1)", "K.l2_normalize(X, 1)"],
    "epsilon": ["K.epsilon()"], "floatx": ["K.floatx()"], "image_data_format": ["K.image_data_format()"],
    "is_keras_tensor": ["K.is_keras_tensor(X)"],
}  # fmt: skip
# What is drawn, set, or answered otherwise with reason.
ELSEWHERE = {"random_normal", "random_uniform", "truncated_normal", "dropout", "variable", "set_value", "update", "update_add",
             "update_sub", "clear_session", "set_epsilon", "set_floatx", "set_image_data_format", "backend"}  # fmt: skip

MODULES = ("layers", "models", "losses", "metrics", "initializers", "regularizers", "constraints", "optimizers", "callbacks",
           "activations", "utils", "saving")  # fmt: skip
# No file of old Keras has these.
LAMINAS_OWN = {"TorchOptimizer", "LossFunctionWrapper", "Reduction", "kind_of_labels", "resolve", "with_logits", "clone_metric",
               "MeanRelativeError", "MeanTensor", "SensitivitySpecificityBase", "f1score", "resolve_accuracy", "over",
               "MonitorCallback", "GivenValues", "RandomInitializer", "compute_fans", "RadialConstraint", "describe",
               "radial_constraint"}  # fmt: skip


def numbers(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def migrated(call, dialect="keras2"):
    found = migrate(f"from keras import backend as K\nvalue = {call}\n", "keras3", dialect)
    assert found.unsure == []
    assert "K." not in found.source.replace("keras.", "")
    names = dict(NAMES)
    exec(compile(found.source, "migrated", "exec"), names)
    return names["value"]


def test_each_row_is_tried():
    assert CALLS.keys() | ELSEWHERE == OPS.keys()


@pytest.mark.parametrize("call", [call.format(name) for name, calls in CALLS.items() for call in calls])
def test_the_same_numbers(call):
    with using_dialect("keras2"):
        wanted = eval(call, {**NAMES, "K": backend})
    found = migrated(call)
    assert numbers(found).shape == numbers(wanted).shape
    if numbers(wanted).dtype.kind in "US":
        assert found == wanted
    else:
        np.testing.assert_allclose(
            numbers(found).astype("float64"), numbers(wanted).astype("float64"), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("name", KERAS1_OPS)
def test_keras_1_took_the_prediction_first(name):
    with lamina.as_keras("keras1"):
        from keras import backend as K

        wanted = getattr(K, name)(P, T)
    np.testing.assert_allclose(numbers(migrated(f"K.{name}(P, T)", "keras1")), numbers(wanted), rtol=1e-6)


def test_what_changes_variables():
    for call, wanted in (("K.set_value(v, [5.0])", 5), ("K.update(v, [4.0])", 4), ("K.update_add(v, [1.0])", 4),
                         ("K.update_sub(v, increment)", 1)):  # fmt: skip
        names = {"v": keras.Variable([3.0]), "increment": [2.0]}
        source = migrate(f"from keras import backend as K\n{call}\n", "keras3", "keras2").source
        exec(compile(source, "migrated", "exec"), names)
        assert float(names["v"].numpy()[0]) == wanted
    assert float(migrated("K.variable(3.0)").numpy()) == 3


def test_what_is_drawn():
    for call in ("K.random_normal((500,), mean=2.0, std=0.1)", "K.random_normal((500,), 2.0, 0.1)"):
        values = numbers(migrated(call))
        assert abs(values.mean() - 2) < 0.05
        assert 0.05 < values.std() < 0.15
    values = numbers(migrated("K.random_uniform((500,), 1.0, 2.0)"))
    assert 1 <= values.min() < 1.1
    assert 1.9 < values.max() <= 2
    assert numbers(migrated("K.dropout(X, level=0.5)")).shape == (2, 3, 4)
    assert np.abs(numbers(migrated("K.truncated_normal((500,), stddev=0.1)"))).max() < 0.21


@pytest.mark.parametrize("call", ["K.relu(X, alpha=0.1)", "K.l2_normalize(X)", "K.mean(*args)", "K.function([X], [Y])",
                                  "K.identity(X, 3)", "K.gradients(X, Y)"])  # fmt: skip
def test_what_keras_3_lacks(call):
    source = f"from keras import backend as K\nvalue = {call}\n"
    found = migrate(source, "keras3", "keras2")
    assert [line for line, _ in found.unsure] == [2]
    assert call in found.source
    assert "from keras import backend as K" in found.source


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in KERAS3_LACKS.items() for name in sorted(names)]
)
def test_what_is_said_to_be_lacking_is(module, name):
    assert not hasattr(getattr(keras, module), name)
    assert hasattr(getattr(lamina, module), name)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_what_is_written_for_keras_3_is_there(module, dialect):
    for name in getattr(lamina, module).__all__:
        found = place(f"{module}.{name}", "keras3", dialect)
        if found is not None and found.name and name not in LAMINAS_OWN:
            assert hasattr(importlib.import_module(found.module), found.name), found
