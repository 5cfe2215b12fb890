"""Types by name, and dtype policies on layers."""

import numpy as np
import pytest
import torch

import lamina
from lamina.dtypes import DTypePolicy, as_dtype, as_policy, dtype_name, dtype_policy, set_dtype_policy
from lamina.graph.symbolic import SymbolicTensor
from lamina.layers import Activation, Dense, Input, Layer
from lamina.models import Model, Sequential


@pytest.fixture(autouse=True)
def _policy():
    yield
    set_dtype_policy(None)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ("float32", torch.float32), (np.float64, torch.float64), (np.dtype("int8"), torch.int8), (torch.bool, torch.bool),
        ("torch.int64", torch.int64), (None, torch.float32), (int, torch.int32), (float, torch.float32),
        (DTypePolicy("mixed_bfloat16"), torch.bfloat16),
    ],
)  # fmt: skip
def test_as_dtype(given, dtype):
    assert as_dtype(given) is dtype


def test_unknown_dtype_names_the_nearest():
    with pytest.raises(ValueError, match=r"^'flot32' is not a known dtype\. Did you mean 'float32'\?$"):
        as_dtype("flot32")


def test_dtype_name():
    assert dtype_name(torch.bfloat16) == "bfloat16"


@pytest.mark.parametrize(("name", "compute", "variable"), [
    ("float32", "float32", "float32"), ("mixed_float16", "float16", "float32"), ("mixed_bfloat16", "bfloat16", "float32"),
    ("float64", "float64", "float64"),
])  # fmt: skip
def test_policies(name, compute, variable):
    policy = DTypePolicy(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    assert as_policy(policy) is policy
    assert as_policy({"class_name": "DTypePolicy", "config": policy.get_config()}) == policy
    assert DTypePolicy.from_config(policy.get_config()) == policy


def test_a_layer_stores_and_computes_as_its_policy_says():
    layer = Dense(3, dtype="mixed_bfloat16")
    output = layer(torch.ones(2, 4))
    assert layer.kernel.dtype is torch.float32
    assert output.dtype is torch.bfloat16
    assert (layer.dtype, layer.compute_dtype) == ("float32", "bfloat16")
    output.sum().backward()
    assert layer.kernel.grad.dtype is torch.float32


def test_the_default_policy():
    set_dtype_policy("float64")
    assert dtype_policy() == DTypePolicy("float64")
    assert Dense(3)(torch.ones(2, 4)).dtype is torch.float64


def test_the_policy_follows_to():
    layer = Dense(3)
    layer(torch.ones(2, 4))
    layer.to(torch.float64)
    assert layer.dtype_policy == DTypePolicy("float64")
    assert layer(np.ones((2, 4), "float32")).dtype is torch.float64


# ---- layers of several types in one model ----------------------------------------------------------------------------

x = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")


def types_inside(model, data):
    """What each layer of a model is given, gives, and whether torch chooses types there."""
    seen = {}

    def note(layer, inputs, output):
        seen[getattr(layer, "name", None)] = (inputs[0].dtype, output.dtype, torch.is_autocast_enabled("cpu"))

    hooks = [layer.register_forward_hook(note) for layer in model.layers]
    model(data)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_the_last_layer_of_a_mixed_model_computes_in_float32(half):
    set_dtype_policy(f"mixed_{half}")
    inputs = Input((6,))
    outputs = Dense(3, activation="softmax", dtype="float32", name="last")(
        Dense(4, activation="relu", name="first")(inputs)
    )
    model = Model(inputs, outputs)
    half = as_dtype(half)
    assert (inputs.dtype, outputs.dtype) == (torch.float32, torch.float32)
    seen = types_inside(model, x)
    assert seen["first"] == (half, half, True)
    assert seen["last"] == (torch.float32, torch.float32, False)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, np.arange(16) % 3, epochs=20, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.predict(x, verbose=0).dtype == np.float32
    assert {weight.dtype for weight in model.weights} == {torch.float32}


def test_a_layer_inside_a_mixed_layer_keeps_its_type():
    class Outer(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.exact = Dense(3, dtype="float32")

        def call(self, inputs):
            return self.exact(inputs) + self.exact(inputs)

    layer = Outer(dtype="mixed_bfloat16")
    for _ in range(2):
        y = layer(x)
        assert y.dtype is torch.float32
        torch.testing.assert_close(y, 2 * (torch.from_numpy(x).bfloat16().float() @ layer.exact.kernel))
    assert layer(Input((6,))).dtype is torch.float32


def test_own_weights_of_a_mixed_layer_are_cast():
    class Scale(Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, inputs):
            assert isinstance(inputs, SymbolicTensor) or self.factor.dtype is torch.float16
            return inputs * self.factor

    layer = Scale(dtype="mixed_float16")
    y = layer(x)
    assert y.dtype is layer(Input((6,))).dtype is torch.float16
    y.sum().backward()
    assert (layer.factor.dtype, layer.factor.grad.dtype) == (torch.float32, torch.float32)
    assert isinstance(layer.factor, torch.nn.Parameter)


def test_own_weights_are_back_after_an_error():
    class Fails(Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(), name="factor")

        def call(self, inputs):
            if not isinstance(inputs, SymbolicTensor):
                raise RuntimeError("no")
            return inputs

    layer = Fails(dtype="mixed_float16")
    layer.build((None, 6))
    with pytest.raises(RuntimeError, match="no"):
        layer(x)
    assert isinstance(layer.factor, torch.nn.Parameter)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_torch_module_in_a_mixed_model(policy):
    set_dtype_policy(policy)
    inputs = Input((6,))
    model = Model(inputs, Dense(1, dtype="float32", name="last")(torch.nn.Linear(6, 4)(Dense(6)(inputs))))
    assert types_inside(model, x)["last"] == (torch.float32, torch.float32, False)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)


def test_inputs_are_of_the_type_that_they_state():
    """As in Keras: not of the model's, which would round them."""
    data = np.full((2, 1), 1 + 2.0**-40)
    inputs = Input((1,), dtype="float64")
    model = Model(inputs, Activation("linear", dtype="float64")(inputs) - 1.0)
    assert model.outputs[0].dtype is torch.float64
    for given in (model(data).numpy(), model.predict(data, verbose=0), model.predict_on_batch(data)):
        assert given.dtype == np.float64
        np.testing.assert_allclose(given, 2.0**-40, rtol=1e-3)


def test_bytes_become_what_the_input_states():
    inputs = Input((1,), dtype="int32")
    model = Model(inputs, inputs * 3)
    assert model(np.array([[200]], "uint8")).tolist() == [[600]]
    assert model.predict(np.array([[200]], "uint8"), verbose=0).tolist() == [[600]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sequential", [True, False])
def test_inputs_follow_to(dtype, sequential):
    layers = [Input((6,)), Dense(4, activation="relu"), Dense(1)]
    model = Sequential(layers) if sequential else Model(layers[0], layers[2](layers[1](layers[0])))
    model.to(dtype)
    assert model(torch.from_numpy(x).to(dtype)).dtype is dtype
    assert model(x).dtype is dtype
    exact = model.to(torch.float64)(x.astype("float64") * (1 + 2.0**-40)) - model(x.astype("float64"))
    assert exact.abs().max() > 0
    model.compile("sgd", "mse")
    model.fit(x.astype("float64"), x[:, :1], verbose=0)
    assert model.get_config()["layers"][0]["config"]["dtype"] == "float64"


def test_layers_of_two_types_in_fit(tmp_path):
    inputs = Input((6,))
    model = Model(inputs, Dense(1)(Dense(4, activation="tanh", dtype="float64")(Dense(5, dtype="bfloat16")(inputs))))
    for optimizer in (lamina.optimizers.Adam(0.1, clipnorm=0.1), lamina.optimizers.SGD(0.1, 0.9, global_clipnorm=9),
                      lamina.optimizers.RMSprop(0.1, clipvalue=0.1)):  # fmt: skip
        model.compile(optimizer, "mse")
        before = model.get_weights()
        assert np.isfinite(model.fit(x, x[:, :1], epochs=3, verbose=0).history["loss"]).all()
        assert all(np.any(one != other) for one, other in zip(before, model.get_weights(), strict=True))
    types = [weight.dtype for weight in model.weights]
    assert types == [torch.bfloat16] * 2 + [torch.float64] * 2 + [torch.float32] * 2
    model.save(tmp_path / "model.keras")
    again = lamina.models.load_model(tmp_path / "model.keras")
    assert [weight.dtype for weight in again.weights] == types
    for one, other in zip(model.weights, again.weights, strict=True):
        assert torch.equal(one, other)
    again.fit(x, x[:, :1], verbose=0)


def test_under_autocast_of_the_users():
    model = Sequential([Input((6,)), Dense(4, activation="relu"), Dense(1)])
    with torch.autocast("cpu", torch.bfloat16):
        y = model(x)
    assert y.dtype is torch.bfloat16
    y.float().sum().backward()
    assert model.layers[0].kernel.grad.dtype is torch.float32


def test_a_cell_of_another_type_than_its_layer():
    for name, policy, inner in (("LSTMCell", "bfloat16", "float32"), ("GRUCell", "float32", "mixed_float16"),
                                ("SimpleRNNCell", "float64", "float32")):  # fmt: skip
        cell = getattr(lamina.layers, name)(3, dtype=inner)
        layer = lamina.layers.RNN(cell, return_sequences=True, return_state=True, dtype=policy)
        data = torch.randn(2, 4, 5, requires_grad=True)
        outputs = layer(data)
        assert {output.dtype for output in outputs} == {as_dtype(policy)}
        alone = lamina.layers.RNN(cell, return_sequences=True, dtype=inner)(data)
        torch.testing.assert_close(outputs[0].float(), alone.float(), atol=2e-2, rtol=0)
        torch.stack([output.float().sum() for output in outputs]).sum().backward()
        assert data.grad is not None
