"""Models that subclass ``Model``. What functional models do is in tests/graph/test_plan.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lamina.layers import Dense, Dropout, Input, Lambda
from lamina.models import Model, Sequential, clone_model


class Net(Model):
    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.blocks = [Dense(width, activation="relu") for _ in range(2)]
        self.drop = Dropout(0.5)
        self.head = nn.Linear(width, 2)

    def call(self, inputs, training=None):
        for block in self.blocks:
            inputs = block(inputs)
        return self.head(self.drop(inputs, training=training))


def test_a_subclassed_model():
    model = Net(name="net")
    with pytest.raises(ValueError, match="no weights yet"):
        _ = model.weights
    x = torch.ones(4, 5)
    assert model(x).shape == (4, 2)
    assert list(model.state_dict()) == ["blocks_.0.kernel", "blocks_.0.bias", "blocks_.1.kernel", "blocks_.1.bias",
                                        "head.weight", "head.bias"]  # fmt: skip
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense", "Dropout", "Linear"]
    torch.testing.assert_close(model(x), model(x))


def test_a_subclassed_model_is_built_without_data():
    model = Net()
    model.build((None, 5))
    assert model.built
    assert len(model.weights) == 6
    assert model.compute_output_shape((None, 5)) == (None, 2)


def test_a_failed_build_of_a_subclassed_model():
    class Fails(Net):
        def call(self, inputs):
            return self.blocks[0](inputs.reshape(7, 7))

    model = Fails()
    with pytest.raises((ValueError, RuntimeError)):
        model.build((None, 5))
    assert not model.built


def test_a_subclassed_model_inside_a_functional_one():
    x = Input((5,))
    net = Net()
    model = Model(x, net(x) * 2)
    data = torch.randn(3, 5)
    torch.testing.assert_close(model(data), net(data) * 2)
    assert len(model.trainable_weights) == 6


def test_a_subclassed_model_has_a_config():
    assert Net(width=7, name="net").get_config()["width"] == 7
    assert Net.from_config(Net(width=7).get_config()).width == 7


def test_a_model_without_call():
    with pytest.raises(NotImplementedError) as caught:
        Model(name="empty")(torch.ones(1))
    assert str(caught.value) == (
        "Model 'empty' has neither inputs and outputs nor a `call` of its own. Write `call(self, inputs)` in the class."
    )


def test_a_subclass_of_a_functional_model():
    class Doubled(Model):
        def __init__(self):
            x = Input((3,))
            super().__init__(inputs=x, outputs=Dense(2, name="d")(x) * 2)

    model = Doubled()
    data = torch.randn(4, 3)
    torch.testing.assert_close(model(data), model.get_layer("d")(data) * 2)


def test_functions_stay_in_a_config_that_was_never_written():
    def local(x):
        return x + 1

    x = Input((3,))
    y = Lambda(lambda x: x * 2, name="twice")(Dense(3, activation=local, name="d")(x))
    model = Model(x, y)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    data = torch.ones(2, 3)
    assert torch.equal(again(data), model(data))
    assert torch.equal(Sequential.from_config(Sequential([Input((3,)), Lambda(local)]).get_config())(data), data + 1)
    with pytest.raises(TypeError, match="files hold no code"):
        model.to_json()


def test_a_clone_is_made_and_called_as_one_says():
    inner = Sequential([Input((3,)), Dense(3, name="in")], name="inner")
    x = Input((3,))
    model = Model(x, Dense(2, name="out")(inner(x)))
    seen, called = [], []

    def clone(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    def call(layer, *args, **kwargs):
        called.append(layer.name)
        return layer(*args, **kwargs)

    again = clone_model(model, clone_function=clone, call_function=call)
    assert (sorted(seen), called) == (["inner", "out"], ["inner", "out"])
    assert again.output_shape == (None, 2)
    seen.clear()
    clone_model(model, clone_function=clone, recursive=True)
    assert sorted(seen) == ["in", "out"]
    with pytest.raises(ValueError, match="call_function is for functional models"):
        clone_model(inner, call_function=call)
