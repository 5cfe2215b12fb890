"""``Sequential``: how a stack is put together, built and taken apart, and that torch takes it as it is."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
import torch
from torch import nn

import lamina.layers
from lamina.layers import Activation, Dense, Dropout, Flatten, Input, InputLayer, Layer, Masking, Reshape
from lamina.models import Sequential
from lamina.naming import reset_names


@pytest.fixture(autouse=True)
def _names():
    reset_names()


# ---- every way to put a stack together -------------------------------------------------------------------------------

STARTS = {
    "input_shape": lambda: Sequential([Dense(3, input_shape=(4,)), Dense(2)]),
    "Input": lambda: Sequential([Input((4,)), Dense(3), Dense(2)]),
    "InputLayer": lambda: Sequential([InputLayer(shape=(4,)), Dense(3), Dense(2)]),
    "input_dim": lambda: Sequential([Dense(3, input_dim=4), Dense(2)]),
    "a model first": lambda: Sequential([Sequential([Dense(3, input_shape=(4,))]), Dense(2)]),
    "an activation first": lambda: Sequential([Activation("relu", input_shape=(4,)), Dense(3), Dense(2)]),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_stack_with_a_shape_is_built(start):
    model = STARTS[start]()
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    assert model(np.ones((5, 4), "float32")).shape == (5, 2)


def unbuilt():
    return Sequential([Dense(3, name="a"), Dense(2, name="b")], name="stack")


LATER = {
    "build": lambda model: model.build((None, 4)),
    "build with a batch": lambda model: model.build((7, 4)),
    "a call": lambda model: model(torch.ones(1, 4)),
    "an array": lambda model: model(np.ones((1, 4))),
    "a symbolic call": lambda model: model(Input((4,))),
}


@pytest.mark.parametrize("way", LATER)
def test_a_stack_without_a_shape_is_built_later(way):
    model = unbuilt()
    assert not model.built
    LATER[way](model)
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert list(model.state_dict()) == ["a.kernel", "a.bias", "b.kernel", "b.bias"]
    assert model(torch.ones(3, 4)).shape == (3, 2)


UNBUILT = {
    "weights": lambda model: model.weights,
    "get_weights": lambda model: model.get_weights(),
    "trainable_weights": lambda model: model.trainable_weights,
    "count_params": lambda model: model.count_params(),
}


@pytest.mark.parametrize("what", UNBUILT)
def test_an_unbuilt_stack_has_no_weights_yet(what):
    with pytest.raises(ValueError, match="no weights yet") as caught:
        UNBUILT[what](unbuilt())
    assert str(caught.value).startswith("Sequential 'stack' has no weights yet: it is not built.")


def test_an_unbuilt_stack_has_no_code_nor_output():
    with pytest.raises(ValueError, match="no generated code") as caught:
        _ = unbuilt().code
    assert str(caught.value) == (
        "Sequential 'stack' has no generated code: it is not built, or its author wrote its `call`."
    )
    assert not hasattr(unbuilt(), "output")
    with pytest.raises(ValueError, match="can't be built") as caught:
        unbuilt().build()
    assert str(caught.value) == "Sequential 'stack' can't be built without an input shape."


def test_layers_are_added_one_by_one():
    model = Sequential()
    model.add(Dense(3, input_shape=(4,)))
    assert model.output_shape == (None, 3)
    model.add(Activation("relu"))
    model.add(Dense(2))
    assert model.output_shape == (None, 2)
    assert [layer.name for layer in model.layers] == ["dense", "activation", "dense_1"]
    assert "self.dense_1(activation)" in model.code


def test_layers_are_added_after_a_call():
    model = STARTS["Input"]()
    x = torch.randn(2, 4)
    before = model(x)
    model.add(Activation("softmax"))
    torch.testing.assert_close(model(x), before.softmax(-1))


def test_an_empty_stack_hands_on_its_input():
    x = torch.ones(1, 2)
    assert Sequential()(x) is x


def test_layers_are_taken_off():
    model = STARTS["Input"]()
    x = torch.randn(2, 4)
    model(x)
    last = model.pop()
    assert isinstance(last, Dense)
    assert (model.output_shape, len(model.weights)) == ((None, 3), 2)
    torch.testing.assert_close(model(x), model.layers[0](x))
    model.add(Dense(5))
    assert model(x).shape == (2, 5)
    for _ in range(2):
        model.pop()
    with pytest.raises(TypeError) as caught:
        model.pop()
    assert str(caught.value) == "Sequential 'sequential' has no layers to take off."


def test_layers_are_taken_off_an_unbuilt_stack():
    model = unbuilt()
    model.pop()
    assert [layer.name for layer in model.layers] == ["a"]
    assert not model.built


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_can_be_changed(way):
    model = way(STARTS["Input"]())
    model.pop()
    model.add(Dense(7))
    assert model(torch.ones(1, 4)).shape == (1, 7)


# ---- what does not fit -----------------------------------------------------------------------------------------------


def test_two_layers_of_one_name():
    model = Sequential([Dense(3, name="same", input_shape=(4,))], name="stack")
    with pytest.raises(ValueError, match="already") as caught:
        model.add(Dense(3, name="same"))
    assert str(caught.value) == (
        "Sequential 'stack' has a layer named 'same' already. Give the new one another name with `name=`."
    )
    assert len(model.layers) == 1


def test_a_layer_twice():
    layer = Dense(4, name="d")
    with pytest.raises(ValueError, match="a layer named 'd' already"):
        Sequential([Input((4,)), layer, layer])


def test_an_input_that_comes_late():
    with pytest.raises(ValueError, match="only come first") as caught:
        Sequential([Dense(3, input_shape=(4,)), Input((3,))], name="stack")
    assert str(caught.value) == "Sequential 'stack' has its input already; an Input can only come first."


@pytest.mark.parametrize("thing", [3, "dense", Dense, None])
def test_what_is_no_layer(thing):
    with pytest.raises(TypeError, match="made of layers") as caught:
        Sequential([thing])
    hint = " Did you mean Dense()?" if thing is Dense else ""
    assert str(caught.value) == f"A Sequential is made of layers, modules and functions, and got {thing!r}.{hint}"


def test_layers_without_a_list():
    with pytest.raises(
        TypeError, match=r"^Sequential takes its layers in one list, Sequential\(\[\.\.\.\]\), and got .*'d'"
    ):
        Sequential(Dense(3, name="d"))


def test_shapes_that_clash_show_the_model_so_far():
    model = Sequential([Dense(6, input_shape=(4,), name="a")], name="stack")
    with pytest.raises(ValueError, match="Reshape") as caught:
        model.add(Reshape((5,), name="r"))
    [note] = [note for note in caught.value.__notes__ if note.startswith("The model so far:")]
    assert 'Model: "stack"' in note
    assert "a (Dense)" in note
    assert "(None, 6)" in note
    assert [layer.name for layer in model.layers] == ["a"]
    assert model(torch.ones(1, 4)).shape == (1, 6)
    model.add(Reshape((2, 3)))
    assert model.output_shape == (None, 2, 3)


def test_a_first_layer_that_fails_leaves_the_stack_empty():
    model = Sequential()
    with pytest.raises(ValueError, match="size of its input's last axis"):
        model.add(Dense(3, input_shape=(None,)))
    assert (model.layers, model.built) == ([], False)
    model.add(Dense(3, input_shape=(4,)))
    assert model.output_shape == (None, 3)


def test_a_build_that_fails_can_be_tried_again():
    model = Sequential([Dense(6, name="a"), Reshape((5,), name="r")], name="stack")
    with pytest.raises(ValueError, match="Reshape"):
        model.build((None, 4))
    assert not model.built
    model.pop()
    model.build((None, 4))
    assert model.output_shape == (None, 6)


def test_a_layer_with_several_outputs():
    class Two(Layer):
        def call(self, inputs):
            return inputs, inputs + 1

    with pytest.raises(ValueError, match="must give one tensor") as caught:
        Sequential([Input((3,)), Two(name="two")])
    assert str(caught.value) == (
        "A layer in a Sequential must give one tensor, and Two(name='two') gave (tensor (None, 3) float32, tensor (None, 3) "
        "float32). Use a functional Model for several."
    )


# ---- layers by name and index ----------------------------------------------------------------------------------------


def test_get_layer():
    model = unbuilt()
    assert model.get_layer("b") is model.layers[1] is model.get_layer(index=1) is model.get_layer(index=-1)
    with pytest.raises(ValueError, match="no layer named") as caught:
        model.get_layer("c")
    assert str(caught.value) == "Sequential 'stack' has no layer named 'c'. Its layers are: a, b."
    with pytest.raises(ValueError, match="index 2") as caught:
        model.get_layer(index=2)
    assert str(caught.value) == "Sequential 'stack' has 2 layers, and index 2 was asked for."


def test_get_layer_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        Sequential([Dense(2, name="hidden")]).get_layer("hiden")


# ---- Keras's names, weights and order --------------------------------------------------------------------------------


def lenet(sequential, layers):
    return sequential([
        layers.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Dropout(0.5),
        layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_stack_is_keras_s():
    theirs, ours = lenet(keras.Sequential, keras.layers), lenet(Sequential, lamina.layers)
    ours.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(ours(x).detach().numpy(), theirs(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert [layer.output.shape for layer in ours.layers] == [layer.output.shape for layer in theirs.layers]
    assert ours.count_params() == theirs.count_params()


# ---- torch takes them as they are ------------------------------------------------------------------------------------


def test_a_hand_written_loop():
    model = Sequential([Dense(8, activation="relu", input_shape=(4,)), Dense(1)])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = torch.randn(64, 4)
    y = x.sum(1, keepdim=True)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


def test_state_dict_of_a_twin():
    one = STARTS["Input"]()
    reset_names()
    other = STARTS["Input"]()
    x = torch.randn(2, 4)
    assert not torch.equal(one(x), other(x))
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(one(x), other(x))


def test_a_stack_is_a_list_of_its_layers():
    layers = [Dense(3, input_shape=(4,)), Activation("relu"), Dense(2, name="head")]
    model = Sequential(layers)
    assert len(model) == 3
    assert list(model) == layers
    assert (model[0], model[-1]) == (layers[0], layers[2])
    assert layers[1] in model
    assert Dense(3) not in model
    with pytest.raises(IndexError):
        model[3]
    x = torch.randn(5, 4)
    rest = model[1:]
    assert rest.output_shape == (None, 2)
    torch.testing.assert_close(rest(model[:1](x)), model(x))
    assert rest[-1].kernel is layers[2].kernel
    assert len(Sequential()) == 0
    assert Sequential()
    assert model.append(Dense(1)) is model
    assert model.output_shape == (None, 1)
    unbuilt = Sequential([Dense(3), Dense(2)])
    assert unbuilt[1:].layers == [unbuilt[1]]
    assert len(copy.deepcopy(model)[1:]) == 3


def test_an_unbuilt_stack_in_a_torch_sequential():
    inside = Sequential([Dense(3), Sequential([Dense(2)])])
    net = nn.Sequential(nn.Linear(5, 4), inside)
    x = torch.randn(2, 5)
    assert net(x).shape == (2, 2)
    torch.testing.assert_close(net(x), inside(net[0](x)))
    assert inside.layers[0].kernel.shape == (4, 3)


def test_a_stack_in_a_torch_sequential():
    stack = STARTS["input_shape"]()
    model = nn.Sequential(stack, nn.ReLU())
    x = torch.randn(2, 4)
    torch.testing.assert_close(model(x), torch.relu(stack(x)))


def test_train_and_eval():
    model = Sequential([Dropout(0.5, input_shape=(200,))])
    x = torch.ones(1, 200)
    assert torch.equal(model(x), x)
    assert model.train()(x).eq(0).any()
    assert torch.equal(model.eval()(x), x)
    assert model(x, training=True).eq(0).any()
    assert not model.training


def test_masks_and_shapes_stay_outside_of_torch():
    model = Sequential([Masking(input_shape=(3, 2)), Dense(2), Flatten()])
    assert model(torch.ones(1, 3, 2)).shape == (1, 6)
    assert model.to(torch.float64)(torch.ones(1, 3, 2)).dtype is torch.float64
