"""Types by name, and dtype policies on layers."""

import keras
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


# ---- one policy for each layer in another ------------------------------------------------------------------------------


def types_in(weights):
    return [(weight.path, str(weight.dtype).removeprefix("torch.")) for weight in weights]


def mapped(source, policies):
    return source.dtype_policies.DTypePolicyMap("float32", {key: source.dtype_policies.get(policy)
                                                            for key, policy in policies.items()})  # fmt: skip


@pytest.mark.parametrize("policies", [
    {"mha/query": "float64", "mha/value": "bfloat16"}, {"mha/.*": "bfloat16"}, {"mha/(key|value)": "float64"},
    {"mha/.*": "float16", "mha/query": "float64"}, {"other": "float16"}, {"mha": "float64"},
])  # fmt: skip
def test_a_map_of_policies_types_each_layer_inside(policies):
    found = []
    for source in (keras, lamina):
        layer = source.layers.MultiHeadAttention(2, 3, dtype=mapped(source, policies), name="mha")
        output = layer(torch.ones(1, 4, 3), torch.ones(1, 4, 3))
        found.append((types_in(layer.weights), layer.compute_dtype, layer.variable_dtype, str(output.dtype)))
    assert found[0] == found[1]


def nested(source, policies):
    """A layer with its own list of layers, in a Sequential and in a functional model."""

    class Block(source.layers.Layer):
        def __init__(self, policies, **kwargs):
            super().__init__(dtype=policies, **kwargs)
            self.parts = [
                source.layers.Dense(2, dtype=policies, name="a"),
                source.layers.Dense(2, dtype=policies, name="b"),
            ]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    policies = mapped(source, policies)
    stack = source.Sequential([source.Input((3,)), source.layers.Dense(2, dtype=policies, name="d")], name="stack")
    inputs = source.Input((3,))
    return source.Model(inputs, Block(policies, name="block")(stack(inputs)))


@pytest.mark.parametrize(
    "policies", [{"stack/d": "mixed_bfloat16"}, {"block/.*": "bfloat16"}, {"block/b": "float64"}, {}]
)
def test_a_map_of_policies_in_nested_models(policies):
    theirs, ours = nested(keras, policies), nested(lamina, policies)
    assert types_in(theirs.weights) == types_in(ours.weights)
    assert str(theirs(torch.ones(1, 3)).dtype) == str(ours(torch.ones(1, 3)).dtype)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's own
def test_a_map_is_written_read_and_changed(tmp_path):
    policies = {"d": "float64"}
    theirs, ours = (source.dtype_policies.serialize(mapped(source, policies)) for source in (keras, lamina))
    assert theirs == ours
    assert dict(lamina.dtype_policies.deserialize(theirs)) == {"d": DTypePolicy("float64")}
    for source in (keras, lamina):
        x = source.Input((3,))
        model = source.Model(x, source.layers.Dense(2, dtype=mapped(source, policies), name="d")(x))
        model.save(tmp_path / "model.keras")
        again = lamina.saving.load_model(tmp_path / "model.keras")
        assert {name for _, name in types_in(again.weights)} == {"float64"}
        one = np.ones((1, 3))
        np.testing.assert_allclose(again.predict(one, verbose=0), model.predict(one, verbose=0), rtol=1e-6)
    layer = again.layers[-1]
    layer.dtype_policy = "float16"
    assert (layer.dtype_policy["d"], layer.compute_dtype) == (DTypePolicy("float16"), "float16")


def test_a_map_is_a_dictionary():
    policies = lamina.dtype_policies.DTypePolicyMap()
    policies["a/.*"] = "float16"
    policies[".*/b"] = DTypePolicy("float64")
    assert (len(policies), list(policies), "a/x" in policies) == (2, ["a/.*", ".*/b"], False)
    assert (policies["a/x"].name, policies["x/b"].name, policies["x"].name) == ("float16", "float64", "float32")
    assert (policies.name, policies.compute_dtype, policies.quantization_mode) == ("map_float32", "float32", None)
    with pytest.raises(ValueError, match=r"'a/b' matches several keys of the DTypePolicyMap, a/\.\*, \.\*/b"):
        policies["a/b"]
    with pytest.raises(ValueError, match=r"has 'a/\.\*' already"):
        policies["a/.*"] = "float32"
    del policies["a/.*"]
    assert policies["a/b"].name == "float64"
    with pytest.raises(KeyError):
        del policies["a/.*"]
    with pytest.raises(ValueError, match="got another DTypePolicyMap"):
        lamina.dtype_policies.DTypePolicyMap(policies)
    with pytest.raises(TypeError, match="must be a dictionary"):
        lamina.dtype_policies.DTypePolicyMap(policy_map=[1])


@pytest.mark.parametrize(("x", "autocast", "dtype"), [
    (torch.ones(2), True, "float16"), (torch.ones(2), False, "float16"), (torch.ones(2, dtype=torch.int32), True, "float16"),
    (np.ones(2, "float64"), True, "float32"), ("word", True, "float32"), (np.ones(2, "int8"), True, "float32"),
])  # fmt: skip
def test_inputs_are_converted_as_by_keras(x, autocast, dtype):
    theirs = keras.DTypePolicy("float32").convert_input(x, autocast, dtype)
    ours = DTypePolicy("float32").convert_input(x, autocast, dtype)
    assert theirs == ours if isinstance(x, str) else (theirs.dtype == ours.dtype and torch.equal(theirs, ours))


def test_the_program_s_policy_by_all_its_names():
    lamina.mixed_precision.set_global_policy("mixed_float16")
    assert (
        lamina.config.dtype_policy()
        == lamina.mixed_precision.global_policy()
        == DTypePolicy()
        == DTypePolicy("mixed_float16")
    )
    lamina.config.set_dtype_policy(lamina.FloatDTypePolicy("float64"))
    assert Dense(1).dtype_policy.name == "float64"
    for wrong in (3, {"class_name": "DTypePolicy"}, torch.float32):
        with pytest.raises(ValueError, match="takes the name of a policy"):
            lamina.config.set_dtype_policy(wrong)
    with pytest.raises(TypeError, match="takes a name"):
        DTypePolicy(torch.float32)


@pytest.mark.parametrize("name", ["QuantizedDTypePolicy", "Int4DTypePolicy"])
def test_policies_of_quantized_layers_are_refused(name):
    with pytest.raises(ValueError, match="lamina does not quantize layers yet"):
        lamina.dtype_policies.get({"class_name": name, "config": {"mode": "int8", "source_name": "float32"}})
    assert as_policy({"class_name": "FloatDTypePolicy", "config": {"name": "float64"}}).name == "float64"
