"""The layer protocol: weights, names, losses, and layers of a user's own in the way of every Keras and of torch."""

from __future__ import annotations

import copy
import pickle
from collections import Counter, defaultdict

import keras
import numpy as np
import pytest
import torch
from torch import nn

import lamina
from lamina import config, naming
from lamina.engine.layer import Layer
from lamina.layers import (
    LSTM,
    Add,
    Attention,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Embedding,
    GlobalAveragePooling1D,
    Masking,
)
from lamina.layers.core import Activation, Dense, Input, Lambda
from lamina.models import Model, Sequential

# ---- add_weight in three generations ---------------------------------------------------------------------------------

ADD_WEIGHT = {
    "Keras 1": lambda layer: layer.add_weight((3, 2), initializer="ones", name="{}_w".format("layer")),
    "Keras 1, initializer second": lambda layer: layer.add_weight((3, 2), "ones", name="w"),
    "Keras 2": lambda layer: layer.add_weight(name="w", shape=(3, 2), initializer="ones", trainable=True),
    "Keras 2, by position": lambda layer: layer.add_weight("w", (3, 2), "float32", "ones"),
    "Keras 2, tf.keras's": lambda layer: layer.add_weight("w", shape=[3, 2], initializer="ones", aggregation=None),
    "Keras 3": lambda layer: layer.add_weight(shape=(3, 2), initializer="ones", name="w"),
    "Keras 3, by position": lambda layer: layer.add_weight((3, 2), "ones", "float32", True),
}


@pytest.mark.parametrize("form", ADD_WEIGHT)
def test_add_weight_forms(form):
    layer = Layer(name="layer")
    weight = ADD_WEIGHT[form](layer)
    assert isinstance(weight, nn.Parameter)
    assert weight.tolist() == [[1.0, 1.0]] * 3
    assert layer.trainable_weights == [weight] == layer.weights == list(layer.parameters())


def test_add_weight_defaults():
    layer = Layer()
    scalar, count = layer.add_weight(), layer.add_weight(dtype="int64", name="count")
    assert scalar.shape == ()
    assert (count.dtype, count.item(), count.requires_grad) == (torch.int64, 0, False)
    assert list(layer.state_dict()) == ["weight", "count"]


def test_add_weight_that_is_not_trained_is_a_buffer():
    layer = Layer()
    mean = layer.add_weight(name="mean", shape=(2,), initializer="zeros", trainable=False)
    assert layer.non_trainable_weights == [mean] == list(layer.buffers())
    assert layer.trainable_weights == []


def test_add_weight_layout_keeps_the_shape():
    layer = Layer()
    weight = layer.add_weight(name="w", shape=(2, 3, 4), layout=(2, 0, 1), initializer="glorot_uniform")
    assert weight.shape == (2, 3, 4)
    assert weight.permute(2, 0, 1).is_contiguous()


def test_add_weight_errors():
    layer = Layer(name="mine")
    with pytest.raises(TypeError) as caught:
        layer.add_weight(shape=(2,), initialiser="zeros")
    assert str(caught.value) == "add_weight of Layer 'mine' got an unknown argument 'initialiser'."
    with pytest.raises(ValueError, match="must make shape") as caught:
        layer.add_weight(name="w", shape=(2,), initializer=lambda shape, dtype=None: torch.ones(3))
    assert str(caught.value) == "The initializer of weight 'w' of Layer 'mine' must make shape (2,), and made (3,)."
    assert layer.weights == []


@pytest.mark.parametrize("regularizer", ["l2", lambda weight: 0.01 * weight.square().sum()])
def test_weights_know_their_regularizer_and_constraint(regularizer):
    layer = Layer()
    layer.kernel = layer.add_weight(name="w", shape=(2,), initializer="ones", regularizer=regularizer,
                                    constraint="non_neg")  # fmt: skip
    assert layer.losses[0].item() == pytest.approx(0.02)
    assert list(layer.state_dict()) == ["kernel"]
    layer.trainable = False
    assert layer.losses == []


# ---- names -----------------------------------------------------------------------------------------------------------


def test_names_count_up():
    naming.reset_names()
    assert [Dense(1).name, Dense(1).name, Activation("relu").name] == ["dense", "dense_1", "activation"]


class MyHTTPLayer(Layer):
    def call(self, inputs):
        return inputs


def test_names_are_snake_case():
    naming.reset_names()
    assert MyHTTPLayer().name == "my_http_layer"


@pytest.mark.parametrize("name", ["", 3])
def test_wrong_names(name):
    with pytest.raises(ValueError, match="name of a layer") as caught:
        Dense(1, name=name)
    assert str(caught.value) == f"The name of a layer must be a non-empty string, and Dense got {name!r}."


def test_a_weight_may_be_named_like_an_attribute():
    class Gain(Layer):
        def __init__(self):
            super().__init__()
            self.gain = 2.0

        def build(self, input_shape):
            self.add_weight(name="gain", shape=(), initializer="ones")

        def call(self, inputs):
            return inputs * self.gain

    layer = Gain()
    assert layer(torch.ones(1)).item() == 2.0
    assert list(layer.state_dict()) == ["gain_weight"]


# ---- what a constructor takes ----------------------------------------------------------------------------------------

SHAPES = {
    "input_shape": ({"input_shape": (4,)}, (None, 4)),
    "input_shape as a list": ({"input_shape": [3, 4]}, (None, 3, 4)),
    "input_shape as a number": ({"input_shape": 4}, (None, 4)),
    "input_shape and batch_size": ({"input_shape": (4,), "batch_size": 2}, (2, 4)),
    "unknown sizes": ({"input_shape": (None, 4)}, (None, None, 4)),
    "batch_input_shape": ({"batch_input_shape": (2, 4)}, (2, 4)),
    "batch_shape": ({"batch_shape": (2, 4)}, (2, 4)),
    "input_dim": ({"input_dim": 4}, (None, 4)),
}


@pytest.mark.parametrize("form", SHAPES)
def test_input_shape_arguments(form):
    arguments, shape = SHAPES[form]
    model = Sequential([Dense(3, **arguments)])
    assert model.built
    assert model.input_shape == shape
    assert model.layers[0].kernel.shape == (4, 3)


@pytest.mark.parametrize("shape", [("a",), (-1,), (2.5,)])
def test_wrong_input_shapes(shape):
    with pytest.raises(ValueError, match="input_shape of Dense") as caught:
        Dense(3, input_shape=shape)
    assert str(caught.value) == (
        f"The input_shape of Dense must be a tuple of sizes without the batch, and got {shape!r}."
    )


def test_initial_weights():
    kernel, bias = np.full((4, 2), 0.5, "float32"), np.ones(2, "float32")
    layer = Dense(2, weights=[kernel, bias])
    assert layer(torch.ones(1, 4)).tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize("name", ["unit", "kernal_regularizer", "input_shap"])
def test_unknown_arguments(name):
    nearest = {"unit": "units", "kernal_regularizer": "kernel_regularizer", "input_shap": "input_shape"}[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        Dense(3, **{name: 1})
    assert str(caught.value) == f"Dense got an unknown argument {name!r}. Did you mean {nearest!r}?"


def test_unknown_arguments_of_a_layer_of_ones_own():
    class Plain(Layer):
        def __init__(self, factor=1.0):
            super().__init__()

        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError) as caught:
        Plain(facto=2.0)
    assert str(caught.value) == "Plain got an unknown argument 'facto'. Did you mean 'factor'?"


# ---- building --------------------------------------------------------------------------------------------------------


def test_a_layer_is_built_once_by_its_first_call():
    layer = Dense(3)
    assert (layer.built, layer.weights) == (False, [])
    layer(np.ones((2, 4), "float32"))
    kernel = layer.kernel
    layer(torch.ones(5, 4))
    assert layer.built
    assert layer.kernel is kernel


def test_a_failed_build_leaves_no_weights():
    class Fails(Layer):
        def build(self, input_shape):
            self.inner = Dense(2)
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 2))
            self.count = self.add_weight(name="count", shape=(), trainable=False)
            if self.fail:
                raise RuntimeError("no")

        def call(self, inputs):
            return inputs @ self.kernel

    layer = Fails()
    layer.fail = True
    with pytest.raises(RuntimeError, match="no"):
        layer(torch.ones(1, 3))
    with pytest.warns(UserWarning, match="Fails 'fails.*' has no weights yet"):
        state = layer.state_dict()
    assert (layer.built, layer.weights, dict(layer.named_children()), state) == (False, [], {}, {})
    layer.fail = False
    assert layer(torch.ones(1, 3)).shape == (1, 2)


def test_wrong_inputs_are_explained():
    layer = Dense(3, name="d")
    layer(torch.ones(2, 16))
    with pytest.raises(ValueError, match="built for") as caught:
        layer(torch.ones(2, 8))
    assert str(caught.value) == "Dense 'd' was built for inputs whose last axis is 16, and got (2, 8)."
    with pytest.raises(ValueError, match="at least 2") as caught:
        Dense(3, name="e")(torch.ones(16))
    assert str(caught.value) == "Dense 'e' takes inputs of at least 2 axes, and got (16,), which has 1."


def test_other_errors_tell_where_they_happened():
    class Fails(Layer):
        def call(self, inputs):
            return torch.reshape(inputs, (7, 7))

    with pytest.raises(RuntimeError) as caught:
        Fails(name="fails")(torch.ones(2, 3))
    assert caught.value.__notes__ == ["Fails 'fails' was called on tensor (2, 3) float32."]


# ---- weights ---------------------------------------------------------------------------------------------------------


def built(units=2, features=3, **kwargs):
    layer = Dense(units, **kwargs)
    layer(torch.zeros(1, features))
    return layer


def test_weights_are_copies_in_keras_order():
    layer = built()
    kernel, bias = layer.get_weights()
    assert (kernel.shape, bias.shape) == ((3, 2), (2,))
    kernel += 1
    assert not np.array_equal(kernel, layer.get_weights()[0])


MISFITS = {
    "too few": (lambda: [np.zeros((3, 2))], "Dense 'd' has 2 weights, and set_weights got 1."),
    "a wrong shape": (
        lambda: [np.ones((3, 2)), np.ones(3)],
        "Weight 1 of Dense 'd' has shape (2,), and set_weights got (3,).",
    ),
    "none": (lambda: [], "Dense 'd' has 2 weights, and set_weights got 0."),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_set_weights_errors_change_nothing(misfit):
    layer = built(name="d")
    before = layer.get_weights()
    given, message = MISFITS[misfit]
    with pytest.raises(ValueError, match="set_weights") as caught:
        layer.set_weights(given())
    assert str(caught.value) == message
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_unbuilt_layers_say_so():
    layer = Dense(2, name="d")
    with pytest.raises(ValueError, match="set_weights") as caught:
        layer.set_weights([np.zeros((3, 2)), np.zeros(2)])
    assert str(caught.value) == (
        "Dense 'd' has 0 weights, and set_weights got 2. It is not built yet: call it, or build() it, first."
    )
    with pytest.raises(ValueError, match="no weights yet") as caught:
        layer.count_params()
    assert str(caught.value) == (
        "Dense 'd' has no weights yet: it is not built. Call it on data, or build() it with an input shape."
    )


def test_set_weights_keeps_parameters():
    layer = built()
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    kernel, strides = layer.kernel, layer.kernel.stride()
    layer.set_weights([np.ones((3, 2)), np.ones(2)])
    assert layer.kernel is kernel is optimizer.param_groups[0]["params"][0]
    assert layer.kernel.stride() == strides
    assert layer.count_params() == 8


def test_trainable_reaches_all_layers_inside():
    model = Sequential([Dense(2, input_shape=(3,)), Sequential([Dense(2), Activation("relu")]), Dense(1)])
    model.trainable = False
    assert [layer.trainable for layer in model.layers] == [False] * 3
    assert not any(weight.requires_grad for weight in model.parameters())
    assert (model.trainable_weights, len(model.non_trainable_weights)) == ([], 6)
    model.layers[1].trainable = True
    assert [weight.requires_grad for weight in model.weights] == [False, False, True, True, False, False]
    model.trainable = True
    assert len(model.trainable_weights) == 6


def test_a_layer_that_is_frozen_before_it_is_built_stays_frozen():
    layer = Dense(2, trainable=False)
    layer(torch.ones(1, 3))
    assert layer.trainable_weights == []
    assert not layer.kernel.requires_grad


# ---- losses ----------------------------------------------------------------------------------------------------------


class Penalised(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(2, activity_regularizer="l2", kernel_regularizer="l1")

    def call(self, inputs):
        outputs = self.dense(inputs)
        self.add_loss(outputs.mean())
        self.add_loss([outputs.max(), outputs.min()])
        return outputs


def test_losses_are_those_of_the_last_call():
    layer = Penalised()
    for _ in range(3):
        outputs = layer(torch.ones(4, 3))
        expected = [outputs.mean(), outputs.max(), outputs.min(), 0.01 * outputs.square().sum() / 4,
                    0.01 * layer.dense.kernel.abs().sum()]  # fmt: skip
        torch.testing.assert_close(layer.losses, expected)
    layer.clear_losses()
    assert len(layer.losses) == 1


def test_losses_have_gradients():
    layer = Penalised()
    layer(torch.ones(4, 3))
    sum(layer.losses).backward()
    assert layer.dense.kernel.grad.abs().sum() > 0


def test_losses_of_other_layers_are_left_alone():
    one, other = Penalised(), Penalised()
    one(torch.ones(4, 3))
    other(torch.ones(4, 3))
    assert (len(one.losses), len(other.losses)) == (5, 5)


# ---- layers inside layers --------------------------------------------------------------------------------------------


class Nested(Layer):
    def __init__(self):
        super().__init__()
        self.blocks = [Dense(3), [Dense(3)]]
        self.heads = {"a": Dense(2), "b": Dense(1)}
        self.pair = (Dense(3), Dense(3))
        self.sizes = [1, 2]

    def call(self, inputs):
        for block in (self.blocks[0], self.blocks[1][0], *self.pair):
            inputs = block(inputs)
        return {name: head(inputs) for name, head in self.heads.items()}


def test_layers_in_lists_dicts_and_tuples_are_found():
    layer = Nested()
    outputs = layer(torch.ones(1, 3))
    assert {name: tuple(out.shape) for name, out in outputs.items()} == {"a": (1, 2), "b": (1, 1)}
    assert len(layer.weights) == 12
    assert "blocks_.0.kernel" in layer.state_dict()
    assert "blocks_.1.0.kernel" in layer.state_dict()
    assert "heads_.b.bias" in layer.state_dict()
    assert "pair_.1.kernel" in layer.state_dict()
    assert layer.sizes == [1, 2]


def test_lists_of_layers_stay_lists():
    layer = Nested()
    layer.blocks.append(Dense(4))
    layer.blocks[0] = Dense(5)
    assert isinstance(layer.blocks, list)
    assert [child for name, child in layer.named_modules() if name in ("blocks_.0", "blocks_.2")] == [
        layer.blocks[0], layer.blocks[2]]  # fmt: skip
    layer.blocks[1].append(Dense(6))
    assert "blocks_.1.1" in dict(layer.named_modules())
    layer.blocks.clear()
    assert [name for name, _ in layer.named_modules() if name.startswith("blocks_.")] == []


@pytest.mark.parametrize("way", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_of_nested_layers_stand_alone(way):
    layer = Nested()
    expected = layer(torch.ones(1, 3))
    twin = way(layer)
    torch.testing.assert_close(twin(torch.ones(1, 3)), expected)
    assert {id(weight) for weight in twin.weights}.isdisjoint({id(weight) for weight in layer.weights})
    twin.blocks.append(Dense(1))
    assert "blocks_.2" in dict(twin.named_modules())
    assert "blocks_.2" not in dict(layer.named_modules())


def test_torch_modules_inside_a_layer():
    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.gain = nn.Parameter(torch.ones(2))

        def call(self, inputs):
            return self.linear(inputs) * self.gain

    layer = Mixed()
    assert layer(torch.ones(1, 3)).shape == (1, 2)
    assert list(layer.state_dict()) == ["gain", "linear.weight", "linear.bias"]
    assert len(layer.trainable_weights) == 3
    x = Input((3,))
    assert Model(x, layer(x)).output_shape == (None, 2)


# ---- your own layers, in four ways -----------------------------------------------------------------------------------


class Keras1Layer(Layer):
    """As the documentation of Keras 1 has it."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True)
        super().build(input_shape)

    def call(self, x, mask=None):
        return torch.matmul(x, self.W)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)


class Keras2Layer(Layer):
    """As the documentation of Keras 2 has it."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform",
                                      trainable=True)  # fmt: skip
        super().build(input_shape)

    def call(self, x):
        return torch.matmul(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return {**super().get_config(), "output_dim": self.output_dim}


class Keras3Layer(Layer):
    """As the documentation of Keras 3 has it: no shape rule, no config."""

    def __init__(self, output_dim=2):
        super().__init__()
        self.output_dim = output_dim

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.output_dim), initializer="glorot_uniform",
                                      trainable=True)  # fmt: skip

    def call(self, inputs):
        return torch.matmul(inputs, self.kernel)


class TorchLayer(Layer):
    """As torch has it."""

    def __init__(self, output_dim):
        super().__init__()
        self.kernel = nn.Parameter(torch.rand(3, output_dim))

    def forward(self, x):
        return x @ self.kernel


OWN = [Keras1Layer, Keras2Layer, Keras3Layer, TorchLayer]


@pytest.mark.parametrize("cls", OWN)
def test_own_layers_in_a_model(cls):
    layer = cls(output_dim=2)
    model = Sequential([Dense(3, input_shape=(4,)), layer])
    assert model.output_shape == (None, 2)
    x = torch.ones(5, 4)
    torch.testing.assert_close(model(x), model.layers[0](x) @ layer.weights[0])
    assert len(model.trainable_weights) == 3


@pytest.mark.parametrize("cls", OWN)
def test_own_layers_have_a_config(cls):
    layer = cls(output_dim=2)
    config = layer.get_config()
    assert config["output_dim"] == 2
    accepted = config if cls in (Keras1Layer, Keras2Layer) else {"output_dim": config["output_dim"]}
    assert cls.from_config(accepted).get_config()["output_dim"] == 2


@pytest.mark.parametrize("cls", [Keras3Layer, TorchLayer])
def test_from_config_of_a_layer_that_takes_no_kwargs(cls):
    """``name``, ``trainable`` and ``dtype`` are not arguments of its constructor, and hold nonetheless."""
    layer = cls.from_config({**cls(output_dim=2).get_config(), "name": "mine", "trainable": False})
    assert (layer.name, layer.trainable) == ("mine", False)


def test_a_constructor_that_takes_no_name_says_so():
    with pytest.raises(TypeError) as caught:
        TorchLayer(2, name="mine")
    assert str(caught.value) == (
        "TorchLayer got the argument 'name', which its constructor does not take. To take what all layers take, let it "
        "end in **kwargs and call super().__init__(**kwargs)."
    )


def test_super_init_may_come_after_attributes():
    class Late(Layer):
        def __init__(self, sizes, **kwargs):
            self.sizes = sizes
            self.table = {"a": 1}
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs * self.table["a"]

    layer = Late([1, 2], name="late")
    assert layer(torch.ones(1)).item() == 1.0
    assert layer.get_config()["sizes"] == [1, 2]


def test_a_constructor_that_forgets_super_is_told():
    class Forgets(Layer):
        def __init__(self):
            self.dense = Dense(2)

    with pytest.raises((RuntimeError, AttributeError), match=r"super\(\)\.__init__|before Module"):
        Forgets()


def test_training_reaches_a_call_that_asks_for_it():
    class Mode(Layer):
        def call(self, inputs, training=None):
            return inputs + (1.0 if training else 0.0)

    layer = Mode()
    x = torch.zeros(1)
    assert layer(x).item() == 0.0
    assert layer(x, training=True).item() == 1.0
    assert layer(x).item() == 0.0
    assert layer.train()(x).item() == 1.0
    assert layer(x, training=False).item() == 0.0
    assert layer.training


def test_a_mask_reaches_a_call_that_asks_for_it():
    class Masked(Layer):
        supports_masking = True

        def call(self, inputs, mask=None):
            return inputs if mask is None else inputs * mask[..., None]

    layer = Masked()
    x = torch.ones(1, 2, 1)
    assert layer(x).sum().item() == 2.0
    mask = torch.tensor([[True, False]])
    assert layer(x, mask=mask).sum().item() == 1.0
    x._keras_mask = mask
    out = layer(x)
    assert out.sum().item() == 1.0
    assert torch.equal(out._keras_mask, mask)


def test_several_call_arguments_have_shapes_of_their_own():
    class Bilinear(Layer):
        def build(self, left_shape, right_shape):
            self.kernel = self.add_weight(name="kernel", shape=(left_shape[-1], right_shape[-1]))

        def call(self, left, right):
            return torch.einsum("bi,ij,bj->b", left, self.kernel, right)

        def compute_output_shape(self, left_shape, right_shape):
            return left_shape[:1]

    layer = Bilinear()
    assert layer(torch.ones(2, 3), torch.ones(2, 4)).shape == (2,)
    assert layer.kernel.shape == (3, 4)
    left, right = Input((3,)), Input((4,))
    assert layer(left, right=right).shape == (None,)


def test_calls_take_keywords_arrays_and_numbers():
    layer = built()
    x = np.ones((1, 3), "float64")
    torch.testing.assert_close(layer(inputs=x), layer(torch.ones(1, 3)))
    torch.testing.assert_close(layer(np.ones((1, 3), "int64")), layer(torch.ones(1, 3)))


# ---- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "stored", "computed"), [
    ("float64", torch.float64, torch.float64), ("mixed_bfloat16", torch.float32, torch.bfloat16)])  # fmt: skip
def test_dtype_policies(dtype, stored, computed):
    layer = Dense(2, dtype=dtype)
    out = layer(torch.ones(1, 3))
    assert (layer.kernel.dtype, out.dtype) == (stored, computed)


def test_floatx_is_the_default(monkeypatch):
    monkeypatch.setattr(config, "floatx", lambda: "float64")
    assert Dense(2)(torch.ones(1, 3)).dtype is torch.float64


def test_to_moves_the_policy_too():
    layer = built().to(torch.float64)
    assert (layer.dtype, layer.compute_dtype, layer(torch.ones(1, 3)).dtype) == ("float64", "float64", torch.float64)


def test_autocast_off_leaves_inputs_alone():
    layer = Lambda(lambda x: x, autocast=False)
    assert layer(torch.ones(1, dtype=torch.float64)).dtype is torch.float64


# ---- config ----------------------------------------------------------------------------------------------------------


def test_get_config_records_what_the_constructor_was_given():
    class Recorded(Layer):
        def __init__(self, width, *, depth=2, init="zeros", **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs

    layer = Recorded(3, init="ones", name="r", trainable=False)
    got = layer.get_config()
    assert {key: got[key] for key in got if key != "dtype"} == {
        "name": "r", "trainable": False, "width": 3, "depth": 2, "init": "ones"}  # fmt: skip
    assert Recorded.from_config(got).get_config() == got


def test_input_and_output_of_a_layer():
    layer = Dense(2, name="d")
    assert not hasattr(layer, "output")
    x = Input((3,))
    y = layer(x)
    assert layer.input is x
    assert layer.output is y
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))


def test_repr_names_the_layer():
    assert repr(Dense(2, name="d")) == "Dense(? -> 2, name='d')"


def test_a_loss_of_symbolic_tensors_is_not_lost():
    inputs = Input((2,))
    layer = Dense(2, name="d")
    with pytest.raises(ValueError, match="takes a tensor that a call computed") as caught:
        layer.add_loss(torch.mean(layer(inputs)))
    assert str(caught.value) == (
        "add_loss of Dense 'd' takes a tensor that a call computed, and got <SymbolicTensor shape=(), dtype=float32>. "
        "Put it into the call of a layer, which calls add_loss there."
    )


def test_containers_of_other_kinds_stay_what_they_are():
    """A Counter or defaultdict as an attribute of a subclass keeps its ways; the layers in it are registered."""

    class Own(Layer):
        def __init__(self):
            super().__init__()
            self.counts, self.groups = Counter("aab"), defaultdict(list, first=[Dense(2)])

    layer = Own()
    assert (type(layer.counts), layer.counts["c"], layer.counts["a"]) == (Counter, 0, 2)
    assert layer.groups["second"] == []
    assert [type(module).__name__ for module in layer.modules()].count("Dense") == 1


# ---- what is said without data -----------------------------------------------------------------------------------------


def test_a_subclass_that_returns_two_tensors():
    class Twice(Dense):
        def call(self, inputs):
            y = super().call(inputs)
            return y, y[:, :1] * 2

    x = Input((3,))
    y, z = Twice(2)(x)
    assert (y.shape, z.shape) == ((None, 2), (None, 1))
    model = Model(x, [y, z])
    assert [out.shape for out in model(torch.ones(4, 3))] == [(4, 2), (4, 1)]


def test_a_subclass_whose_call_needs_data_has_its_parent_s_shape():
    class Picky(Dense):
        def call(self, inputs):
            if not inputs.sum() > 0:
                raise ValueError("no data")
            return super().call(inputs)

    assert Picky(2)(Input((3,))).shape == (None, 2)


def test_a_subclass_with_a_rule_of_its_own():
    class Narrow(Dense):
        def call(self, inputs):
            raise AssertionError("is not run")

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 7)

    assert Narrow(2)(Input((3,))).shape == (None, 7)


def test_specs_of_symbolic_tensors_that_users_make():

    x = lamina.KerasTensor((None, 3), dtype="float32")
    layer = Dense(2)
    assert layer.compute_output_spec(x).shape == (None, 2)
    assert (layer.built, layer._nodes) == (True, [])
    assert layer.compute_output_spec(inputs=x).shape == (None, 2)
    assert layer(x).shape == (None, 2)
    assert Lambda(lambda t: t[:, :1]).compute_output_spec(x).shape == (None, 1)

    class Wider(Dense):
        def compute_output_spec(self, inputs):
            spec = super().compute_output_spec(inputs)
            return lamina.KerasTensor((*spec.shape, 1), spec.dtype)

    assert Wider(2)(x).shape == (None, 2, 1)


MASKED = {
    "Embedding": (lambda: Embedding(4, 2, mask_zero=True), np.array([[1, 0]]), None),
    "Masking": (Masking, np.array([[[1.0], [0.0]]]), None),
    "Add": (Add, [np.ones((1, 2, 3)), np.ones((1, 2, 3))], [np.array([[True, False]]), np.array([[False, False]])]),
    "Concatenate": (Concatenate, [np.ones((1, 2, 3)), np.ones((1, 2, 3))], [np.array([[True, False]]), None]),
    "LSTM": (lambda: LSTM(2, return_sequences=True), np.ones((1, 2, 3)), np.array([[True, False]])),
    "Bidirectional": (
        lambda: Bidirectional(LSTM(2, return_sequences=True)),
        np.ones((1, 2, 3)),
        np.array([[True, False]]),
    ),
    "Attention": (Attention, [np.ones((1, 2, 3))] * 2, [np.array([[True, False]]), None]),
    "GlobalAveragePooling1D": (GlobalAveragePooling1D, np.ones((1, 2, 3)), np.array([[True, False]])),
    "Lambda": (lambda: Lambda(abs, mask=lambda x, mask: mask), np.ones((1, 2, 3)), np.array([[True, False]])),
}


@pytest.mark.parametrize("name", MASKED)
def test_compute_mask_of_arrays_and_by_keras_s_keywords(name):
    make, inputs, mask = MASKED[name]
    wanted = getattr(keras.layers, name)
    theirs = {"Embedding": lambda: wanted(4, 2, mask_zero=True), "LSTM": lambda: wanted(2, return_sequences=True),
              "Bidirectional": lambda: wanted(keras.layers.LSTM(2, return_sequences=True)),
              "Lambda": lambda: wanted(abs, mask=lambda x, mask: mask)}.get(name, wanted)()  # fmt: skip
    expected = theirs.compute_mask(inputs, mask)
    for found in (make().compute_mask(inputs, mask), make().compute_mask(inputs=inputs, mask=mask),
                  make().compute_mask(inputs, mask=mask), make().compute_mask(inputs, previous_mask=mask)):  # fmt: skip
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


# ---- torch's ways to freeze and to lay out ---------------------------------------------------------------------------


def test_what_torch_freezes_shows():
    model = Sequential([Dense(3, input_shape=(4,)), BatchNormalization(), Dense(2)])
    net = torch.nn.Sequential(model)
    net.requires_grad_(False)
    assert (model.trainable, model.layers[0].trainable, model.trainable_weights) == (False, False, [])
    net.requires_grad_(True)
    assert (model.trainable, model.layers[0].trainable, len(model.trainable_weights)) == (True, True, 6)
    model.layers[0].requires_grad_(False)
    assert [layer.trainable for layer in model.layers] == [False, True, True]
    assert (model.trainable, len(model.trainable_weights)) == (True, 4)
    model.layers[2].bias.requires_grad_(False)
    assert model.layers[2].trainable  # the kernel is trained
    model.trainable = False
    assert not any(weight.requires_grad for weight in model.parameters())
    model.requires_grad_(True)
    assert [layer.trainable for layer in (model, *model.layers)] == [True] * 4
    assert model.get_config()["trainable"]


def test_an_outer_layer_stays_frozen_when_an_inner_one_is_not():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.trainable = False
    model.layers[0].trainable = True
    assert (model.trainable, model.trainable_weights) == (False, [])


def test_what_is_frozen_before_it_is_built():
    layer = Dense(3).requires_grad_(False)
    layer(torch.zeros(1, 2))
    assert (layer.trainable, layer.kernel.requires_grad) == (False, False)


def test_a_batch_normalization_that_torch_froze_counts_on():
    layer = BatchNormalization()
    x = torch.randn(8, 3) + 2
    layer(x)
    layer.requires_grad_(False).train()
    before = layer.moving_mean.clone()
    layer(x)
    assert not torch.equal(layer.moving_mean, before)
