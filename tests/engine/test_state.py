"""Layers that keep numbers between calls, as Keras 3 writes them: ``self.count.assign_add(1)``."""

from __future__ import annotations

import copy
from types import ModuleType

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.backend import is_variable
from lamina.layers import Dense, Input, Layer
from lamina.models import Model


def running_sum(library: ModuleType):
    class RunningSum(library.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")
            self.total = self.add_weight(shape=(3,), initializer="zeros", trainable=False, name="total")

        def call(self, inputs):
            self.count.assign_add(1)
            self.total.assign_add(library.ops.sum(inputs, axis=0))
            self.total.assign(self.total.value * 0.5)
            self.total.assign_sub([1.0, 2.0, 3.0])
            return inputs + self.total

    return RunningSum()


def test_state_that_is_assigned_follows_keras():
    x = torch.randn(2, 3)
    ours, theirs = running_sum(lamina), running_sum(keras)
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        torch.testing.assert_close(mine, other.value)
    assert ours.count.dtype is torch.int32
    assert not ours.trainable_weights


def test_describing_a_model_is_no_call():
    layer = running_sum(lamina)
    x = Input((3,))
    model = Model(x, Dense(1)(layer(x)))
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    assert layer.count == 0
    assert not layer.total.any()
    model(torch.ones(2, 3))
    assert layer.count == 1
    model.compile("sgd", "mse")
    model.fit(np.ones((6, 3), "float32"), np.ones((6, 1), "float32"), batch_size=2, verbose=0)
    assert layer.count == 4


def test_weights_that_are_trained_are_assigned_too():
    target, source = Dense(2), Dense(2)
    for layer in (target, source):
        layer.build((None, 3))
    kernel = source.kernel
    for ours, theirs in zip(target.weights, source.weights, strict=True):
        assert ours.assign(0.5 * theirs + 0.5 * ours) is ours
    source.kernel.assign(np.ones((3, 2)))
    source.bias.assign_add([1.0, 2.0])
    assert source.kernel is kernel
    assert isinstance(kernel, torch.nn.Parameter)
    assert kernel.requires_grad
    assert kernel.value is kernel
    assert source(torch.ones(1, 3)).tolist() == [[4.0, 5.0]]


def test_state_does_not_keep_a_graph_alive():
    layer = running_sum(lamina)
    layer(torch.ones(2, 3, requires_grad=True))
    assert not layer.total.requires_grad


@pytest.mark.parametrize("way", ["compile", "export", "deepcopy"])
def test_state_in_compiled_exported_and_copied_layers(way: str):
    layer, x = running_sum(lamina), torch.ones(2, 3)
    layer(x)
    expected = copy.deepcopy(layer)
    run = {
        "compile": lambda: torch.compile(layer, fullgraph=True, backend="aot_eager"),
        "export": lambda: torch.export.export(layer, (x,)).module(),
        "deepcopy": lambda: copy.deepcopy(layer),
    }[way]()
    for _ in range(2):
        torch.testing.assert_close(run(x), expected(x))
    assert expected.count == 3


def test_weights_give_their_numbers_without_detaching():
    layer = Dense(3)
    layer.build((None, 2))
    for found in (layer.kernel.numpy(), np.asarray(layer.kernel), np.asarray(layer.kernel, "float64")):
        np.testing.assert_array_equal(found, layer.get_weights()[0])
    assert layer.kernel.requires_grad
    np.testing.assert_array_equal(layer.kernel.numpy(force=True), layer.get_weights()[0])


def test_variables_become_weights():
    class Scaled(Layer):
        def __init__(self):
            super().__init__(name="scaled")
            self.scale = lamina.Variable("ones", shape=(3,), name="its own name")
            self.calls = lamina.Variable(0, trainable=False)
            self.mean = lamina.Variable(np.zeros(3, "float32"), trainable=False)

        def call(self, inputs):
            self.calls.assign_add(1)
            self.mean.assign(inputs.mean(0))
            return inputs * self.scale

    model = lamina.Sequential([Input((3,)), Scaled()])
    layer = model.layers[0]
    path = f"{model.name}/scaled"
    assert [(weight.path, weight.trainable) for weight in layer.weights] == [
        (f"{path}/scale", True), (f"{path}/calls", False), (f"{path}/mean", False)]  # fmt: skip
    assert layer.calls.dtype is torch.int64
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.zeros((4, 3)), epochs=2, verbose=0)
    assert layer.calls.item() == 2
    assert layer.mean.tolist() == [1.0, 1.0, 1.0]
    assert (layer.scale < 1).all()
    assert list(model.state_dict()) == ["scaled.scale", "scaled.calls", "scaled.mean"]
    again = copy.deepcopy(model)
    again.layers[0].calls.assign(7)
    assert (layer.calls, again.layers[0].calls) == (2, 7)


def test_what_a_variable_is_made_of():
    assert lamina.Variable(0.5).dtype is torch.float32
    assert isinstance(lamina.Variable([1.0, 2.0]), torch.nn.Parameter)
    assert lamina.Variable(np.ones(2)).dtype is torch.float64
    assert lamina.Variable(1.0, dtype="float16", trainable=False).dtype is torch.float16
    assert lamina.Variable(lamina.initializers.Constant(3.0), (2,)).tolist() == [3.0, 3.0]
    assert lamina.Variable(2.0, name="two").name == "two"
    given = torch.zeros(2)
    lamina.Variable(given, trainable=False).assign([1.0, 1.0])
    assert given.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="needs a shape"):
        lamina.Variable("zeros")
    with pytest.raises(ValueError, match=r"told the shape \(3,\), and got numbers of shape \(2,\)"):
        lamina.Variable([1.0, 2.0], shape=(3,))


def test_assign_refuses_another_shape():
    layer = running_sum(lamina)
    with pytest.raises(ValueError, match=r"assign needs numbers of the variable's shape \(3,\), and got \(2,\)\."):
        layer.total.assign([1.0, 2.0])


def test_a_tensor_is_no_variable_for_having_assign():
    assert not is_variable(torch.ones(2))
    assert is_variable(Dense(2, input_shape=(3,)).add_weight(shape=(2,)))


def test_self_may_have_another_name():
    class Shift(Layer):
        def build(this, input_shape):
            this.by = this.add_weight(shape=(input_shape[-1],), initializer="ones")

        def call(this, inputs):
            return inputs + this.by

    assert Shift()(Input((3,))).shape == (None, 3)


class Doubles(Layer):
    def call(self, inputs):
        inputs *= 2.0
        return inputs


@pytest.mark.parametrize("first", [Doubles(), lamina.layers.Lambda(lambda x: x.mul_(2.0)), torch.nn.ReLU(inplace=True)],
                         ids=["layer", "function", "torch"])  # fmt: skip
def test_layers_that_write_into_their_inputs_spare_the_data(first):
    model = lamina.Sequential([Input((3,)), first, Dense(1)])
    model.compile("sgd", "mse")
    x = -np.ones((4, 3), "float32")
    model.fit(x, np.ones((4, 1)), epochs=2, batch_size=2, shuffle=False, verbose=0)
    model.predict(x, batch_size=2, verbose=0)
    model.evaluate(x, np.ones((4, 1)), verbose=0)
    np.testing.assert_array_equal(x, -1.0)


# ---- what weights are called -------------------------------------------------------------------------------------------


def nested(library: ModuleType):
    class Mine(library.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.inner = library.layers.Dense(2, name="inner")

        def build(self, shape):
            self.gain = self.add_weight(shape=(2,), name="gain")
            self.count = self.add_weight(shape=(), name="count", trainable=False)
            self.inner.build(shape)

        def call(self, x):
            return self.inner(x) * self.gain

    return Mine()


def models(library: ModuleType):
    layers = library.layers
    x = layers.Input((4, 5))
    attended = layers.MultiHeadAttention(1, 2, name="attention")(x, x)
    both = layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both")(attended)
    stack = library.Sequential(
        [layers.Input((4,)), layers.Dense(3, name="d"), layers.BatchNormalization(name="bn")], name="s"
    )
    return library.Model(x, nested(library)(both)), stack, library.Model(x, stack(both))


def test_weights_have_keras_s_paths_and_names():
    lamina.utils.clear_session()
    keras.utils.clear_session()
    for ours, theirs in zip(models(lamina), models(keras), strict=True):
        found = [(weight.path, weight.name, weight.trainable) for weight in ours.weights]
        assert found == [(weight.path, weight.name, weight.trainable) for weight in theirs.weights]


def test_a_weight_is_named_when_it_is_made_and_frozen_by_its_own_word():
    layer = nested(lamina)
    layer(torch.ones(1, 3))
    assert (layer.gain.path, layer.inner.kernel.name) == ("mine/gain", "kernel")
    assert [weight.path for weight in layer.weights] == [
        "mine/gain",
        "mine/count",
        "mine/inner/kernel",
        "mine/inner/bias",
    ]
    layer.gain.trainable = False
    assert [weight.name for weight in layer.trainable_weights] == ["kernel", "bias"]
    copied = copy.deepcopy(layer)
    assert [weight.path for weight in copied.weights] == [weight.path for weight in layer.weights]
    assert torch.ones(1).name is None
    assert not torch.ones(1).trainable


def test_a_weight_that_torch_s_own_words_made_may_have_another_attribute():
    layer = Layer(name="mine")
    layer.register_buffer("first", torch.zeros(2))
    layer.second = layer.first
    copied = copy.deepcopy(Dense(2, name="d", input_shape=(3,)))
    copied.build((None, 3))
    again = copy.deepcopy(copied)
    again.matrix = again.kernel
    assert (layer.second.path, again.matrix.path) == ("mine/second", "d/matrix")
