"""What authors call their attributes and arguments: Keras's ``training`` passed on by a subclass, and torch's own names."""

import copy
import inspect

import numpy as np
import pytest
import torch
from keras import layers as keras_layers

import lamina
from lamina import layers
from lamina.engine.layer import Layer

# ---- super().call(x, training=...) -----------------------------------------------------------------------------------

STEPS = np.random.default_rng(0).normal(size=(4, 6, 8)).astype("float32")
# A layer, its arguments, and the inputs of a call.
TRAINED = {
    "BatchNormalization": ({}, (STEPS,)),
    "Dense": ({"units": 3}, (STEPS,)),
    "EinsumDense": ({"equation": "abc,cd->abd", "output_shape": (None, 3)}, (STEPS,)),
    "Dropout": ({"rate": 0.5}, (STEPS,)),
    "SpatialDropout1D": ({"rate": 0.5}, (STEPS,)),
    "GaussianNoise": ({"stddev": 1.0}, (STEPS,)),
    "GaussianDropout": ({"rate": 0.5}, (STEPS,)),
    "AlphaDropout": ({"rate": 0.5}, (STEPS,)),
    "LSTM": ({"units": 3, "dropout": 0.5}, (STEPS,)),
    "GRU": ({"units": 3, "recurrent_dropout": 0.5}, (STEPS,)),
    "SimpleRNN": ({"units": 3, "dropout": 0.5}, (STEPS,)),
    "ConvLSTM1D": ({"filters": 2, "kernel_size": 2, "dropout": 0.5}, (STEPS.reshape(4, 2, 3, 8),)),
    "MultiHeadAttention": ({"num_heads": 2, "key_dim": 2, "dropout": 0.5}, (STEPS, STEPS)),
    "GroupQueryAttention": (
        {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1, "dropout": 0.5}, (STEPS, STEPS)),
    "Attention": ({"dropout": 0.5}, ([STEPS, STEPS],)),
    "AdditiveAttention": ({"dropout": 0.5}, ([STEPS, STEPS],)),
}  # fmt: skip
WRAPPED = {
    "TimeDistributed": lambda base: {"layer": base.Dropout(0.5)},
    "Bidirectional": lambda base: {"layer": base.LSTM(3, dropout=0.5)},
    "SpectralNormalization": lambda base: {"layer": base.Dense(3)},
    "RNN": lambda base: {"cell": base.LSTMCell(3, dropout=0.5)},
}


def subclass(base, name, training):
    class Sub(getattr(base, name)):
        def call(self, *args, **kwargs):
            kwargs.pop("training", None)
            return super().call(*args, **kwargs, training=training)

    class SubOfTwo(getattr(base, name)):
        def call(self, query, value, **kwargs):
            return super().call(query, value, **kwargs | {"training": training})

    return SubOfTwo if "MultiHead" in name or "Group" in name else Sub


def tensors(inputs):
    return [[torch.tensor(one) for one in x] if isinstance(x, list) else torch.tensor(x) for x in inputs]


def alike(one, other):
    return all(torch.equal(a, b) for a, b in zip(*(lamina.graph.symbolic.leaves(x) for x in (one, other)), strict=True))


@pytest.mark.parametrize("name", [*TRAINED, *WRAPPED])
def test_a_subclass_chooses_the_mode(name):
    arguments, inputs = TRAINED.get(name, ({}, (STEPS,)))
    inputs = tensors(inputs)
    made = WRAPPED.get(name, lambda _: arguments)
    plain = getattr(layers, name)(**made(layers))
    plain(*inputs)
    results = {}
    for training in (False, True, None):
        layer = subclass(layers, name, training)(**made(layers))
        layer(*inputs)
        layer.set_weights(plain.get_weights())
        for called in (False, True):
            torch.manual_seed(3)
            results[training, called] = layer(*inputs, training=called)
            assert not any(module.training for module in layer.modules())
            layer.set_weights(plain.get_weights())
    own = {}
    for training in (False, True):
        torch.manual_seed(3)
        own[training] = plain(*inputs, training=training)
        plain.set_weights(layer.get_weights())
    for (training, called), outputs in results.items():
        assert alike(outputs, own[called if training is None else training]), (training, called)
    assert name in ("Dense", "EinsumDense") or not alike(own[False], own[True])


def keras_order(name):
    return [one for one in inspect.signature(getattr(keras_layers, name).call).parameters if one != "self"]


@pytest.mark.parametrize("name", [name for name in layers.__all__ if "training" in inspect.signature(
    getattr(getattr(keras_layers, name, None), "call", lambda: None)).parameters])  # fmt: skip
def test_training_stands_where_keras_has_it(name):
    """Every layer whose ``call`` in Keras takes ``training``, by position."""
    cls, order = getattr(layers, name), keras_order(name)
    if name in ("Layer", "TorchModuleWrapper", "Wrapper") or inspect.isfunction(cls):
        return
    known = list(inspect.signature(cls.call).parameters)[1:]
    place = order.index("training")
    after = cls._training_after or known[place - 1]
    assert "training" in known or known.index(after) == place - 1, f"{known} against Keras's {order}"
    assert "training" in known or hasattr(cls.call, "__wrapped__")


def test_by_position():
    x = torch.tensor(STEPS)

    class Own(layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, False, mask)

    layer = Own()
    torch.testing.assert_close(layer(x, training=True), x / (1 + 1e-3) ** 0.5)
    assert (layer.moving_mean == 0).all()
    normal = layers.BatchNormalization()
    normal.build(x.shape)
    before = normal.call(x)
    assert torch.equal(normal.call(x, False), before)
    assert not torch.equal(normal.call(x, True), before)
    with pytest.raises(TypeError):
        normal.call(x, True, None, 3, 4)


def test_models_and_their_subclasses_take_training():
    class Own(lamina.Model):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=True) * 1

    class Stack(lamina.Sequential):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, True, mask)

    i = layers.Input((3,))
    x = torch.ones(2, 3)
    for model in (Own(i, layers.Dropout(0.9, seed=1)(i)), Stack([i, layers.Dropout(0.9, seed=1)])):
        assert not torch.equal(model(x), x)
        assert not model.training
        assert model.predict(x.numpy(), verbose=0).shape == (2, 3)


def test_the_way_through_torch_compile():
    class Own(layers.BatchNormalization):
        def call(self, inputs, training=None):
            return super().call(inputs, training=training)

    layer = Own()
    x = torch.tensor(STEPS)
    expected = layer(x)
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="eager")(x), expected)


# ---- names that torch has, too ---------------------------------------------------------------------------------------

NAMES = [
    "train",
    "eval",
    "to",
    "type",
    "float",
    "half",
    "double",
    "cpu",
    "apply",
    "step",
    "history",
    "loss",
    "fit_",
    "state",
]


def values(base):
    yield "a function", lambda: lambda *args, **kwargs: None
    yield "a number", lambda: 3
    yield "a list", lambda: [1, 2]
    yield "a layer", lambda: base.Dense(3)
    yield "a list of layers", lambda: [base.Dense(3)]


@pytest.mark.parametrize("kind", [kind for kind, _ in values(layers)])
@pytest.mark.parametrize("name", NAMES)
def test_attributes_may_have_any_name(name, kind):
    value = dict(values(layers))[kind]()

    class Inner(Layer):
        def __init__(self):
            super().__init__()
            setattr(self, name, value)
            self.dense = layers.Dense(3)

        def call(self, x):
            held = getattr(self, name)
            assert "layer" in kind or held == value
            x = held(x) if kind == "a layer" else held[0](x) if kind == "a list of layers" else x
            return self.dense(x)

    model = lamina.Sequential([layers.Input((3,)), Inner(), layers.Dropout(0.5)])
    if kind in ("a function", "a number", "a list"):
        setattr(model, name, value)
    model.compile("adam", "mse")
    x = np.ones((4, 3), "float32")
    model.fit(x, x, validation_data=(x, x), verbose=0)
    assert not model.layers[1].training
    assert np.isfinite(model.predict(x, verbose=0)).all()
    assert len(model.get_weights()) == (4 if "layer" in kind else 2)
    twin = copy.deepcopy(model) if kind != "a function" else model
    twin.layers[0].dense.set_weights([np.zeros((3, 3)), np.ones(3)])
    assert (twin.predict(x, verbose=0) == 1).all()
    torch.nn.Module.to(model, torch.float64)
    assert model(torch.ones(1, 3)).dtype is torch.float64


def test_methods_may_have_any_name():
    class Gan(lamina.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.drop = layers.Dense(3), layers.Dropout(0.5)

        def call(self, x):
            return self.drop(self.dense(x))

        def train(self, epochs, batch_size=4):
            for _ in range(epochs):
                self.fit(np.ones((4, 3)), np.ones((4, 3)), batch_size=batch_size, verbose=0)
            return "trained"

        def eval(self, x, y):
            return self.evaluate(x, y, verbose=0)

    model = Gan()
    model.compile("sgd", "mse")
    assert model.train(2) == "trained"
    assert np.isfinite(model.eval(np.ones((4, 3)), np.ones((4, 3))))
    assert not model.training
    assert not model.drop.training


def test_a_module_s_own_train_in_torch_s_way_is_called():
    class Frozen(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

        def forward(self, x):
            return self.norm(x)

    inner = Frozen()
    model = lamina.Sequential([layers.Input((3,)), inner, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)) * 5, np.ones((4, 1)), verbose=0)
    assert (inner.norm.running_mean == 0).all()
    model.train()
    assert model.layers[1].training
    assert inner.training
    assert not inner.norm.training
    assert model.eval() is model


@pytest.mark.parametrize("name", ["forward", "children", "modules", "parameters", "buffers", "state_dict"])
def test_names_without_which_torch_can_do_nothing_are_refused(name):
    layer = Layer()
    for value in (layers.Dense(2), [layers.Dense(2)], {"a": 1}, 3):
        with pytest.raises(AttributeError, match=f"{name!r} is a method that torch itself calls"):
            setattr(layer, name, value)


def test_keras_takes_these_names_too():
    """The oracle of what is refused: none of the names above is refused by Keras."""
    for name in NAMES:
        for kind, make in values(keras_layers):
            layer = keras_layers.Layer()
            setattr(layer, name, make())
            assert getattr(layer, name) is not None, kind
