"""Plans: what a functional model runs, in which order, under which names, and how it reads."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
import torch
from torch import nn

from lamina.graph.plan import Plan
from lamina.layers import Activation, Dense, Dropout, Flatten, Input, Lambda, Layer, Masking
from lamina.models import Model, Sequential, clone_model
from lamina.naming import reset_names


@pytest.fixture(autouse=True)
def _names():
    reset_names()


def assert_same(model, other, *shapes):
    data = [torch.randn(shape) for shape in shapes]
    data = data[0] if len(data) == 1 else data
    torch.testing.assert_close(model(data), other(data))


# ---- the code --------------------------------------------------------------------------------------------------------


def test_code_reads_like_what_was_written():
    x = Input((28, 28), name="image")
    flat = Flatten(name="flat")(x)
    hidden = Dense(8, activation="relu", name="hidden")(flat)
    model = Model(x, torch.cat([hidden, flat[:, :4] * 2], dim=1).clamp(min=0))
    assert (
        model.code
        == """\
def forward(self, image):
    flat = self.flat(image)                  # (None, 784)
    hidden = self.hidden(flat)               # (None, 8)
    getitem = flat[:, :4]                    # (None, 4)
    mul = getitem * 2                        # (None, 4)
    cat = torch.cat([hidden, mul], dim = 1)  # (None, 12)
    clamp = cat.clamp(min = 0)               # (None, 12)
    return clamp
"""
    )


INDEXES = {
    "x[:, :4]": lambda x: x[:, :4],
    "x[:, None, ::2, -1]": lambda x: x[:, None, ::2, -1],
    "x[0]": lambda x: x[0],
    "x[..., 1:]": lambda x: x[..., 1:],
    "x[:, [0, 2]]": lambda x: x[:, [0, 2]],
    "x[1:]": lambda x: x[1:],
}


@pytest.mark.parametrize("text", INDEXES)
def test_code_of_indexes(text):
    x = Input((4, 5), name="x")
    line = Model(x, INDEXES[text](x)).code.split("\n")[1]
    assert line.split("  #")[0] == f"    getitem = {text}"


def test_code_of_several_inputs_and_outputs():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(2, name="shared")
    left, right = shared(a), shared(b)
    model = Model([a, b], {"left": left, "both": (right, left + right)})
    expected = """\
def forward(self, a, b):
    shared = self.shared(b)    # (None, 2)
    shared_1 = self.shared(a)  # (None, 2)
    add = shared_1 + shared    # (None, 2)
    return {'both': (shared, add), 'left': shared_1}
"""
    assert model.code == expected  # dicts go by the order of their keys, as in Keras


def test_code_of_a_module_with_several_outputs():
    x = Input((5, 4), name="x")
    lstm = nn.LSTM(4, 3, batch_first=True)
    sequence, (state, cell) = lstm(x)
    model = Model(x, [sequence, state])
    assert (
        model.code
        == """\
def forward(self, x):
    lstm = self.lstm(x)  # (None, 5, 3), (1, None, 3), (1, None, 3)
    getitem = lstm[0]
    getitem_1 = lstm[1]
    getitem_2 = getitem_1[0]
    return [getitem, getitem_2]
"""
    )
    data = torch.randn(2, 5, 4)
    expected, (expected_state, _) = lstm(data)
    torch.testing.assert_close(model(data), [expected, expected_state])
    assert cell.shape == (1, None, 3)


def test_constants_are_the_model_s():
    x = Input((3,), name="x")
    constant = torch.arange(3.0)
    model = Model(x, x + constant + constant)
    assert list(model.state_dict()) == ["constant_0"]
    assert model(torch.zeros(1, 3)).tolist() == [[0.0, 2.0, 4.0]]
    assert model.to(torch.float64)(torch.zeros(1, 3)).dtype is torch.float64


def test_only_what_is_needed_runs():
    x = Input((3,))
    used, unused = Dense(2, name="used"), Dense(2, name="unused")
    unused(x)
    model = Model(x, used(x))
    assert list(model.state_dict()) == ["used.kernel", "used.bias"]
    assert "unused" not in model.code


def test_a_diamond_runs_each_layer_once():
    calls = []

    class Counted(Layer):
        def call(self, inputs):
            calls.append(self.name)
            return inputs + 1

    x = Input((3,))
    top = Counted(name="top")(x)
    model = Model(x, Counted(name="left")(top) + Counted(name="right")(top))
    calls.clear()
    model(torch.zeros(1, 3))
    assert calls == ["top", "left", "right"]


# ---- names -----------------------------------------------------------------------------------------------------------

NAMES = {"1st": "_1st", "a/b": "a_b", "class": "_class", "forward": "forward_", "training": "training_", "data": "data"}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_python_or_the_model_has_taken(name):
    x = Input((3,))
    model = Model(x, Dense(2, name=name)(x))
    assert list(model.state_dict()) == [f"{NAMES[name]}.kernel", f"{NAMES[name]}.bias"]
    assert model.get_layer(name).units == 2
    assert model(torch.ones(1, 3)).shape == (1, 2)


def test_two_layers_of_one_name_are_refused():
    x = Input((3,))
    outputs = Dense(2, name="twin")(Dense(3, name="twin")(x))
    with pytest.raises(ValueError, match="named 'twin'") as caught:
        Model(x, outputs, name="m")
    assert str(caught.value) == (
        "Two layers of Model 'm' are named 'twin'. Layers of a model need different names: give one of them another with "
        "`name=`."
    )


# ---- inputs and outputs ----------------------------------------------------------------------------------------------


def structured():
    inputs = {"a": Input((3,), name="a"), "b": [Input((2,), name="b"), Input((1,), name="c")]}
    return Model(inputs, {"sum": inputs["a"].sum(1) + inputs["b"][0].sum(1) + inputs["b"][1].sum(1)})


def test_inputs_come_in_the_structure_or_flat():
    model = structured()
    a, b, c = torch.randn(4, 3), torch.randn(4, 2), torch.randn(4, 1)
    expected = {"sum": a.sum(1) + b.sum(1) + c.sum(1)}
    for given in ({"a": a, "b": [b, c]}, [a, b, c], (a, b, c)):
        torch.testing.assert_close(model(given), expected)


def test_inputs_by_name():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], a - b)
    x, y = torch.ones(1, 3), torch.zeros(1, 3)
    assert model({"b": y, "a": x}).tolist() == [[1.0, 1.0, 1.0]]


WRONG_INPUTS = {
    "one missing": (lambda: {"a": torch.ones(1, 3)},
                    "Functional 'm' needs the inputs ['a', 'b'], and got ['a']: 'b' is missing."),
    "too few": (lambda: [torch.ones(1, 3)], "Functional 'm' takes 2 inputs (a, b), and got 1."),
    "a wrong rank": (lambda: [torch.ones(1, 3), torch.ones(1, 3, 4)],
                     "Input 'b' of Functional 'm' takes 2 axes (the batch is the first), and got (1, 3, 4), which has 3."),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_INPUTS)
def test_wrong_inputs(name):
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], a + b, name="m")
    given, message = WRONG_INPUTS[name]
    with pytest.raises(ValueError, match="Functional 'm'") as caught:
        model(given())
    assert str(caught.value) == message


def test_inputs_are_brought_to_the_rank_and_type_that_input_states():
    x = Input((1,))
    model = Model(x, x * 2)
    assert model(torch.ones(3)).shape == (3, 1)
    y = Input((3,))
    assert Model(y, y * 2)(torch.ones(2, 3, 1)).shape == (2, 3)
    assert Model(y, y * 2)(torch.ones(2, 3, dtype=torch.int64)).dtype is torch.float32


def test_an_input_may_be_an_output():
    x = Input((3,))
    model = Model(x, [x, x + 1])
    data = torch.zeros(1, 3)
    assert [out.tolist() for out in model(data)] == [[[0.0] * 3], [[1.0] * 3]]


NOT_SYMBOLIC = {
    "inputs": (lambda x: Model(torch.ones(2), x), "The inputs of a model must be symbolic tensors, which come from Input(), "
               "and got tensor (2,) float32."),
    "outputs": (lambda x: Model(x, 3), "The outputs of a model must be symbolic tensors, which come from Input(), and got 3."),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_SYMBOLIC)
def test_models_are_made_of_symbolic_tensors(name):
    make, message = NOT_SYMBOLIC[name]
    with pytest.raises(ValueError, match="symbolic tensors") as caught:
        make(Input((3,)))
    assert str(caught.value) == message


def test_a_disconnected_graph():
    x, y = Input((3,), name="x"), Input((3,), name="y")
    with pytest.raises(ValueError, match="disconnected") as caught:
        Model(x, x + y)
    assert str(caught.value) == (
        "The graph is disconnected: the outputs depend on <SymbolicTensor shape=(None, 3), dtype=float32, name='y'>, which "
        "is not among the model's inputs. Add it to `inputs`."
    )


# ---- nested and derived models ---------------------------------------------------------------------------------------


def encoder():
    return Sequential([Dense(4, activation="relu", name="e1"), Dense(3, name="e2")], name="encoder")


def test_models_inside_models():
    inner = encoder()
    x, y = Input((5,)), Input((5,))
    model = Model([x, y], Dense(1, name="head")(inner(x) - inner(y)))
    assert [layer.name for layer in model.layers if not layer.name.startswith("input")] == ["encoder", "head"]
    assert len(model.trainable_weights) == 6
    a, b = torch.randn(2, 5), torch.randn(2, 5)
    torch.testing.assert_close(model([a, b]), model.get_layer("head")(inner(a) - inner(b)))


def test_feature_extraction_shares_weights():
    x = Input((5,))
    model = Model(x, Dense(1, name="head")(Dense(3, name="features", activation="relu")(x)))
    features = Model(model.input, model.get_layer("features").output)
    data = torch.randn(2, 5)
    torch.testing.assert_close(features(data), model.get_layer("features")(data))
    assert features.get_layer("features") is model.get_layer("features")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_feature_extraction_from_a_copy(way):
    x = Input((5,))
    model = way(Model(x, Dense(1, name="head")(Dense(3, name="features")(x))))
    features = Model(model.input, model.get_layer("features").output)
    data = torch.randn(2, 5)
    torch.testing.assert_close(features(data), model.get_layer("features")(data))


def test_an_extractor_from_a_sequential():
    model = Sequential([Dense(4, input_shape=(5,), name="first"), Dense(3), Dense(2)])
    every = Model(model.inputs, [layer.output for layer in model.layers])
    data = torch.randn(2, 5)
    assert [tuple(out.shape) for out in every(data)] == [(2, 4), (2, 3), (2, 2)]
    torch.testing.assert_close(every(data)[-1], model(data))


def test_a_layer_called_twice_has_the_outputs_of_its_first_call():
    layer = Dense(3)
    x, y = Input((3,)), Input((3,))
    first = layer(x)
    layer(y)
    assert layer.output is first


# ---- order -----------------------------------------------------------------------------------------------------------


def branches(library, tensor_model):
    layers, inputs = library.layers, library.layers.Input
    a, b = inputs((4,), name="a"), inputs((4,), name="b")
    long = layers.Dense(3, name="long2")(layers.Dense(3, name="long1")(a))
    short = layers.Dense(3, name="short")(b)
    joined = layers.Activation("relu", name="joined")(layers.Dense(2, name="after")(long))
    other = layers.Dense(2, name="other")(short)
    return tensor_model([b, a], [other, joined])


def test_layers_and_weights_come_in_keras_order():
    import lamina

    ours, theirs = branches(lamina, Model), branches(keras, keras.Model)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [tuple(weight.shape) for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]


# ---- masks -----------------------------------------------------------------------------------------------------------


class MeanOverSteps(Layer):
    """The mean of the steps that the mask keeps."""

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs.mean(1)
        kept = mask[..., None].to(inputs.dtype)
        return (inputs * kept).sum(1) / kept.sum(1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])


def test_masks_are_arguments_in_the_code():
    x = Input((3, 2), name="x")
    masked = Masking(name="masking")(x)
    model = Model(x, MeanOverSteps(name="mean")(Dense(2, name="dense")(masked)))
    assert (
        model.code
        == """\
def forward(self, x):
    masking = self.masking(x)              # (None, 3, 2)
    dense = self.dense(masking)            # (None, 3, 2)
    ne = torch.ne(x, 0.0)                  # (None, 3, 2)
    any_1 = ne.any(-1)                     # (None, 3)
    mean = self.mean(dense, mask = any_1)  # (None, 2)
    return mean
"""
    )
    data = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]])
    torch.testing.assert_close(model(data), model.get_layer("dense")(data[:, :2]).mean(1))


def test_a_model_without_masks_has_none_in_its_code():
    x = Input((3, 2))
    assert "mask" not in Model(x, MeanOverSteps(name="mean")(x)).code


def test_masks_pass_through_nested_models():
    inner = Sequential([Dense(2, name="dense"), Activation("relu")], name="inner")
    x = Input((3, 2))
    model = Model(x, MeanOverSteps()(inner(Masking()(x))))
    data = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]])
    torch.testing.assert_close(model(data), inner(data[:, :2]).mean(1))


def test_a_sequential_plans_its_masks():
    model = Sequential([Masking(input_shape=(3, 2)), Dense(2, name="dense"), MeanOverSteps()])
    data = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]])
    torch.testing.assert_close(model(data), model.get_layer("dense")(data[:, [0, 2]]).mean(1))


def test_the_mask_of_a_model_s_output():
    x = Input((3, 2))
    model = Model(x, Dense(2)(Masking()(x)))
    data = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]])
    expected = [[True, False, True]]
    assert model(data)._keras_mask.tolist() == expected
    assert model.compute_mask(data).tolist() == expected


# ---- copies and size -------------------------------------------------------------------------------------------------

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", ["Sequential", "functional"])
def test_copies_of_long_models(way, kind):
    layers = [Dense(2, name=f"d{i}") for i in range(1000)]
    if kind == "Sequential":
        model = Sequential([Input((2,)), *layers])
    else:
        x = y = Input((2,))
        for layer in layers:
            y = layer(y)
        model = Model(x, y)
    twin = COPIES[way](model)
    assert_same(model, twin, (3, 2))
    assert len(twin.layers) == len(model.layers)
    with torch.no_grad():
        twin.get_layer("d500").bias.add_(1)
    assert model.get_layer("d500").bias.abs().sum() == 0


@pytest.mark.parametrize("way", COPIES)
def test_copies_keep_sharing_inside(way):
    x = Input((3,))
    shared = Dense(3, name="shared")
    twin = COPIES[way](Model(x, shared(shared(x))))
    assert len(twin.weights) == 2
    assert twin.code.count("self.shared(") == 2


def test_training_mode_reaches_what_is_inside():
    x = Input((100,))
    model = Model(x, nn.Dropout(0.5)(Dropout(0.5)(x)))
    data = torch.ones(1, 100)
    assert torch.equal(model(data), data)
    assert not torch.equal(model(data, training=True), data)
    assert torch.equal(model(data), data)
    assert model.train()(data).eq(0).any()


def test_functions_become_layers():
    model = Sequential([Input((3,)), torch.relu, lambda x: x * 2])
    assert [type(layer) for layer in model.layers] == [Lambda, Lambda]
    assert model(torch.tensor([[-1.0, 1.0, 2.0]])).tolist() == [[0.0, 2.0, 4.0]]


def test_a_plan_needs_only_some_steps_for_some_outputs():
    x = Input((3,))
    a, b = Dense(2, name="a")(x), Dense(2, name="b")(x)
    plan = Plan([x], [a, b])
    assert [plan.steps[number].name for number in plan.needed(plan.outputs[1])] == ["b"]
    assert plan.step_of(plan.outputs[0]) == 0


def test_constants_are_no_weights():
    x = Input((3,))
    model = Model(x, Dense(2)(x * torch.arange(3.0) + np.ones(3, "float32")))
    assert [weight.shape for weight in model.weights] == [(3, 2), (2,)]
    assert len(model.get_weights()) == 2
    assert model.count_params() == 8


# ---- keys ------------------------------------------------------------------------------------------------------------


def keys_of(model):
    return list(model._modules)


def test_keys_count_the_layers_of_the_model_by_class():
    Dense(2), Dropout(0.1), Dense(2)  # made before, so that automatic names go on from these
    x = Input((3,))
    twice = Dense(3)
    h = twice(Dropout(0.1)(twice(Dense(3)(x))))
    model = Model(x, nn.Linear(3, 2)(nn.Linear(3, 3)(Dense(3, name="out")(Dense(3)(h)))))
    assert [layer.name for layer in model.layers if isinstance(layer, Dense)] == [
        "dense_3",
        "dense_2",
        "dense_4",
        "out",
    ]
    assert keys_of(model) == ["input_layer", "dense", "dense_1", "dropout", "dense_2", "out", "linear", "linear_1"]
    assert model.code.startswith("def forward(self, input_layer):\n    dense = self.dense(input_layer)")


def test_a_name_that_was_given_comes_before_an_automatic_one():
    Dense(2)
    x = Input((3,), name="x")
    model = Model(x, Flatten(name="dense")(Dense(3)(x)))
    assert keys_of(model) == ["x", "dense_1", "dense"]
    stack = Sequential([Input((3,)), Dense(3), Flatten(name="dense"), Dense(3)])
    assert keys_of(stack) == ["dense_1", "dense", "dense_2"]
    stack.pop(), stack.pop()
    assert keys_of(stack) == ["dense"]
    stack.add(Dense(2))
    assert keys_of(stack) == ["dense", "dense_1"]
    assert stack(torch.zeros(2, 3)).shape == (2, 2)


def test_keys_of_copies_and_configs_are_the_model_s():
    Dense(2)
    model = Sequential([Input((3,)), Dense(3), Sequential([Dense(3), Dense(2)]), Dense(2, name="last")])
    expected = ["dense.kernel", "dense.bias", "sequential.dense.kernel", "sequential.dense.bias",
                "sequential.dense_1.kernel", "sequential.dense_1.bias", "last.kernel", "last.bias"]  # fmt: skip
    again = Sequential.from_config(model.get_config())
    for one in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), clone_model(model), again):
        assert list(one.state_dict()) == expected


def test_one_torch_module_twice_in_a_stack():
    relu, linear = nn.ReLU(), nn.Linear(3, 3)
    stack = Sequential([Input((3,)), linear, relu, linear, relu, nn.Linear(3, 2)])
    x = torch.randn(2, 3)
    torch.testing.assert_close(stack(x), stack.layers[-1](relu(linear(relu(linear(x))))))
    assert len(stack.layers) == 5


class WithHead(Model):
    """An attribute after the functional part, under the name that a layer of that part goes by."""

    def __init__(self):
        x = Input((3,))
        super().__init__(x, Dense(4)(Dense(4)(x)))
        self.dense = Dense(4)


def test_an_attribute_does_not_exchange_a_layer_of_the_graph():
    model = WithHead()
    hidden = model.layers[1]
    assert hidden is not model.dense
    assert keys_of(model) == ["input_layer", "dense_2", "dense_1", "dense"]
    x = torch.randn(2, 3)
    torch.testing.assert_close(model(x), model.layers[2](hidden(x)))


def test_torch_exchanges_modules_by_attribute():
    x = Input((3,))
    model = Model(x, nn.Linear(3, 2)(x))
    model.linear = nn.Linear(3, 5)  # as tools that put adapters into models do
    assert model(torch.zeros(1, 3)).shape == (1, 5)
