"""What Keras 3's layers can do beside being called, beside Keras's own."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers


class Counting(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = lamina.metrics.Mean(name="mean")
        self.many = [lamina.metrics.Sum(name="sum")]
        self.runs = 0

    def call(self, x):
        self.runs += 1
        return (x * 2).sin()


# ---- with weights from outside -------------------------------------------------------------------------------------


def test_stateless_call_takes_other_weights_and_gives_gradients():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3)).astype("float32")
    made = []
    for source in (keras, lamina):
        model = source.Sequential([source.layers.Dense(4, activation="tanh"), source.layers.BatchNormalization(),
                                   source.layers.Dense(2, kernel_regularizer="l2")])  # fmt: skip
        model.build((None, 3))
        rng = np.random.default_rng(1)
        own = [weight.value.detach().numpy().copy() for weight in model.weights]
        trainable = [torch.tensor(rng.normal(size=tuple(w.shape)), dtype=torch.float32, requires_grad=True)
                     for w in model.trainable_variables]  # fmt: skip
        others = [torch.ones(tuple(w.shape)) for w in model.non_trainable_variables if len(w.shape) == 1]
        y, state, losses = model.stateless_call(trainable, others, torch.tensor(x), training=True, return_losses=True)
        gradients = torch.autograd.grad(y.square().sum() + sum(losses), trainable)
        made.append([y, *state, *losses, *gradients])
        assert all(
            np.array_equal(a, b) for a, b in zip(own, [w.value.detach().numpy() for w in model.weights], strict=True)
        )
        assert all(torch.equal(tensor, torch.ones_like(tensor)) for tensor in others)  # nor are these changed
    for wanted, mine in zip(*made, strict=True):
        np.testing.assert_allclose(mine.detach(), wanted.detach(), atol=1e-5)


def test_stateless_call_says_what_does_not_fit():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match=r"Dense 'dense.*' is not built"):
        layer.stateless_call([], [], torch.ones(1, 2))
    layer.build((None, 2))
    with pytest.raises(
        ValueError, match=r"has trainable_variables of the shapes \[\(2, 2\), \(2,\)\], and was given \[\]"
    ):
        layer.stateless_call([], [], torch.ones(1, 2))


def test_an_error_inside_leaves_the_weights():
    layer = layers.Dense(2)
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="Dense"):
        layer.stateless_call([torch.ones(2, 2), torch.ones(2)], [], torch.ones(1, 7))
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    assert layer.kernel is layer.trainable_weights[0]


def test_stateless_apply_is_a_step_on_other_numbers():
    made = []
    for source in (keras, lamina):
        weights = [source.Variable(np.array([1.0, 2.0], "float32"), name="w")]
        optimizer = source.optimizers.Adam(0.1)
        optimizer.build(weights)
        state = [torch.tensor(v.value.detach().numpy()) for v in optimizer.variables]
        grads, values = [torch.tensor([0.5, -1.0])], [torch.tensor([5.0, 6.0])]
        for _ in range(3):
            values, state = optimizer.stateless_apply(state, grads, values)
        made.append([*values, *state[2:]])
        own = weights[0].value.detach()
        assert own.tolist() == [1, 2]
        assert int(optimizer.iterations) == 0
    for wanted, mine in zip(*made, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-5)
    with pytest.raises(ValueError, match="must be built"):
        lamina.optimizers.SGD().stateless_apply([], [], [])
    with pytest.raises(ValueError, match="1 trainable variables and 4 of its own"):
        optimizer.stateless_apply([], grads, values)


# ---- scopes --------------------------------------------------------------------------------------------------------


def test_a_stateless_scope_puts_everything_back():
    model = lamina.Sequential([layers.Dense(2, input_shape=(3,)), layers.BatchNormalization()])
    before = model.get_weights()
    other = lamina.Variable([1.0], trainable=False)
    with lamina.StatelessScope([(weight, torch.ones_like(weight)) for weight in model.weights]) as scope:
        assert model(torch.ones(1, 3), training=True).shape == (1, 2)
        other.assign([3.0])
        assert other.value.item() == 3
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert scope.get_current_value(model.layers[0].kernel).tolist() == [[1, 1]] * 3
    moved = scope.get_current_value(model.layers[1].moving_mean)
    torch.testing.assert_close(moved, torch.tensor([0.99 + 0.04] * 2))
    assert (other.value.item(), scope.get_current_value(other).item()) == (1, 3)
    assert scope.get_current_value(torch.ones(1)) is None


def test_a_stateless_scope_says_what_it_can_t_take():
    weight = lamina.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match=r"shape \(2,\) was given numbers of shape \(3,\)"):
        lamina.StatelessScope([(weight, [1.0, 2.0, 3.0])])
    with pytest.raises(ValueError, match="stateless_call"):
        lamina.StatelessScope([(weight, torch.ones(2, requires_grad=True) * 2)])
    with pytest.raises(ValueError, match="pairs of a variable"):
        lamina.StatelessScope([("weight", 1.0)])


@pytest.mark.parametrize(("scope", "runs"), [
    ({"mode": "full"}, 2), ({"mode": None}, 1), ({"mode": "larger_than", "output_size_threshold": 5}, 2),
    ({"mode": "larger_than", "output_size_threshold": 6}, 1), ({"mode": "activations"}, 1),
    ({"mode": "list_of_layers", "layer_names": ["counting"]}, 2), ({"mode": "list_of_layers", "layer_names": ["x"]}, 1),
])  # fmt: skip
def test_a_remat_scope_runs_layers_again_for_the_gradient(scope, runs):
    with lamina.RematScope(**scope):
        layer = Counting(name="counting")
    x = torch.ones(2, 3, requires_grad=True)
    y = layer(x)
    layer.runs = 1
    y.sum().backward()
    assert layer.runs == runs
    torch.testing.assert_close(x.grad, 2 * torch.cos(2 * torch.ones(2, 3)))


def test_remat_in_a_model_trains_as_without():
    x, y = np.random.default_rng(0).normal(size=(2, 16, 3)).astype("float32")
    found = []
    for mode in ("full", "activations", None):
        lamina.utils.set_random_seed(1)
        with lamina.RematScope(mode=mode):
            model = lamina.Sequential([layers.Dense(8, activation="relu", input_shape=(3,)), layers.Dense(3)])
        model.compile("sgd", "mse")
        found.append(model.fit(x, y, epochs=2, verbose=0).history["loss"])
    assert found[0] == pytest.approx(found[2])
    assert found[1] == pytest.approx(found[2])
    with pytest.raises(ValueError, match="Did you mean 'full'"):
        lamina.RematScope("ful")


def test_remat_keeps_less():
    kept = []

    def pack(tensor):
        kept.append(tensor)
        return tensor

    x = torch.ones(4, requires_grad=True)
    for function in (torch.exp, lamina.remat(torch.exp)):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            function(x)
    assert len(kept) == 2  # the result of exp once, and what remat begins with


def test_a_name_scope_begins_the_paths_of_weights():
    with lamina.name_scope("outer"), lamina.name_scope("inner"):
        layer = layers.Dense(1, name="d")
        layer.build((None, 2))
        variable = lamina.Variable(1.0, name="v")
    assert [weight.path for weight in layer.weights] == ["outer/inner/d/kernel", "outer/inner/d/bias"]
    assert variable.path == "outer/inner/v"
    assert lamina.Variable(1.0, name="v").path == "v"
    for wrong in ("a/b", None):
        with pytest.raises(ValueError, match="without '/'"):
            lamina.name_scope(wrong)


def test_a_block_that_its_caller_opened_is_not_opened_again():
    caller = object()
    with lamina.name_scope("a", caller=caller), lamina.name_scope("a", caller=caller), lamina.name_scope("b"):
        assert lamina.Variable(1.0, name="v").path == "a/b/v"
    with lamina.name_scope("a"), lamina.name_scope("b", override_parent="x/y"):
        assert lamina.Variable(1.0, name="v").path == "x/y/b/v"


def test_a_device_by_keras_s_name():
    with lamina.device("meta"):
        assert torch.zeros(1).is_meta
    assert lamina.device("CPU:0") == torch.device("cpu", 0)
    assert lamina.device("gpu:1") == torch.device("cuda", 1)


# ---- operations ----------------------------------------------------------------------------------------------------


class Twice(lamina.Operation):
    def call(self, x):
        return x * 2

    def compute_output_spec(self, x):
        return lamina.KerasTensor(x.shape, x.dtype)


def test_an_operation_is_recorded_and_takes_any_type():
    assert Twice()(torch.tensor([3])).dtype is torch.int64
    x = lamina.Input((3,))
    model = lamina.Model(x, Twice(name="twice")(x))
    assert model.predict(np.ones((1, 3)), verbose=0).tolist() == [[2, 2, 2]]
    assert [operation.name for operation in model.operations if isinstance(operation, Twice)] == ["twice"]
    assert isinstance(layers.Dense(1), lamina.Operation)
    assert not isinstance(layers.Dense(1), Twice)
    assert issubclass(layers.Dense, lamina.Operation)
    assert not isinstance(torch.nn.Linear(1, 1), lamina.Operation)


def test_a_function_is_the_way_between_symbolic_tensors():
    a, b = lamina.KerasTensor((None, 2)), lamina.KerasTensor((None, 2))
    function = lamina.Function([a, b], {"sum": a + b, "product": a * b})
    found = function([torch.full((1, 2), 2.0), torch.full((1, 2), 3.0)])
    assert {name: value.tolist() for name, value in found.items()} == {"sum": [[5, 5]], "product": [[6, 6]]}
    assert function.inputs[0] is a
    assert len(function.outputs) == 2
    assert len(function.operations) == 2


# ---- metrics, names ------------------------------------------------------------------------------------------------


def test_a_layer_knows_its_metrics():
    layer = Counting()
    assert [metric.name for metric in layer.metrics] == ["mean", "sum"]
    assert len(layer.metrics_variables) == 3
    assert layers.Dense(1).metrics == []


def test_other_names():
    layer = layers.Layer(dtype="mixed_float16")
    assert layer.input_dtype == keras.layers.Layer(dtype="mixed_float16").input_dtype
    weight = layer.add_variable((2,), "ones", name="w")
    assert weight.tolist() == [1, 1]
    assert layer.quantization_mode is None
    spec = layers.Dense(2).symbolic_call(lamina.KerasTensor((None, 3)))
    assert tuple(spec.shape) == tuple(keras.layers.Dense(2).symbolic_call(keras.KerasTensor((None, 3))).shape)
    with pytest.raises(NotImplementedError, match="can't be quantized to 'int8'"):
        layer.quantize("int8")


def test_nodes_and_history():
    x = lamina.Input((3,))
    layer = layers.Dense(2)
    first, second = layer(x), layer(x)
    assert len(layer._inbound_nodes) == 2
    assert second._keras_history[:2] == (layer, 1)
    node = layer._inbound_nodes[0]
    assert node.operation is layer
    assert (node.input_tensors, node.output_tensors) == ([x], [first])
    assert node.parent_nodes[0].is_input
    assert not node.is_input
    assert x._keras_history.tensor_index == 0


# ---- paths ---------------------------------------------------------------------------------------------------------


def paths(source):
    class Block(source.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = source.layers.Dense(2, name="first")
            self.many = [source.layers.Dense(2, name="x"), source.layers.Dense(2, name="y")]
            self.named = {"k": source.layers.Dense(2, name="z")}

        def call(self, x):
            return self.named["k"](self.many[1](self.many[0](self.first(x))))

    class Whole(source.Model):
        def __init__(self):
            super().__init__(name="whole")
            self.block = Block(name="block")
            self.stack = source.Sequential([source.layers.Dense(2, name="d")], name="stack")

        def call(self, x):
            return self.stack(self.block(x))

    with source.name_scope("scope"):
        alone, block = source.layers.Dense(1, name="alone"), Block(name="b")
        alone(source.Input((2,)))
        block(source.Input((3,)))
    inner = source.layers.Dense(2, name="a")
    stack = source.Sequential([source.Input((3,)), inner], name="m")
    outside = source.layers.Dense(2, name="q")
    x = source.Input((3,))
    functional = source.Model(x, outside(x), name="f")
    spread = source.layers.TimeDistributed(source.layers.Dense(2, name="td"), name="t")
    spread(source.Input((3, 4)))
    rnn = source.layers.LSTM(2, name="r")
    rnn(source.Input((3, 4)))
    whole = Whole()
    whole(np.ones((1, 3), "float32"))
    parts = [alone, block, block.first, *block.many, block.named["k"], inner, stack.get_layer("a"), stack, outside]
    parts += [functional, spread, spread.layer, rnn, rnn.cell, whole, whole.block, whole.block.many[1], whole.stack]
    return [(layer.path, [weight.path for weight in layer.weights]) for layer in [*parts, whole.stack.layers[0]]]


def test_paths_are_keras_s():
    assert paths(lamina) == paths(keras)


def test_a_path_survives_copies_and_gives_way_to_an_attribute():
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(2, name="a")], name="m")
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert len(again.weights) == 2
        assert again.layers[0].path == "m/a"
    layer = layers.Dense(1, name="d")
    layer.path = "somewhere"
    assert layer.path == "somewhere"
    layer.inner = layers.Dense(1, name="i")
    assert (layer.inner.path, layer.inner._own_path()) == (None, "d/i")
    layer.inner.outer = layer  # a circle
    layer.inner.build((None, 3))
    assert (layer.inner.path, layer._own_path()) == ("d/i", "d")
