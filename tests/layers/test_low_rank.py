"""Low-rank adaptation beside Keras's: numbers, what is trained, files both ways, copies, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.engine.weights import within_budget
from lamina.layers import Dense, Embedding, Input
from lamina.models import Model, Sequential, load_model
from lamina.utils import register_keras_serializable

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Each layer with its arguments and the shape of its inputs; the inputs of an Embedding are indices.
LAYERS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "Dense": ({"units": 3, "activation": "tanh"}, (2, 5, 4)),
    "EinsumDense": ({"equation": "abc,cde->abde", "output_shape": (None, 3, 2), "bias_axes": "de"}, (2, 5, 4)),
    "Conv1D": ({"filters": 3, "kernel_size": 2, "padding": "causal"}, (2, 7, 4)),
    "Conv2D": ({"filters": 4, "kernel_size": (2, 3), "groups": 2, "padding": "same"}, (2, 5, 6, 4)),
    "Conv3D": ({"filters": 3, "kernel_size": 2, "strides": 2, "use_bias": False}, (2, 4, 4, 4, 2)),
    "Embedding": ({"input_dim": 6, "output_dim": 3}, (2, 5)),
    "ReversibleEmbedding": ({"input_dim": 6, "output_dim": 3}, (2, 5)),
}
over_layers = pytest.mark.parametrize("name", LAYERS)


def inputs_for(name: str) -> torch.Tensor:
    arguments, shape = LAYERS[name]
    return torch.randint(arguments["input_dim"], shape) if "input_dim" in arguments else torch.randn(shape)


def table_of(name: str) -> str:
    return "embeddings" if "Embedding" in name else "kernel"


def pair(name: str, **lora: Any) -> tuple[Any, Any]:
    """Our layer and Keras's with the same weights, adapted by ``enable_lora``."""
    arguments, shape = LAYERS[name]
    both = getattr(layers, name)(**arguments, name="l"), getattr(keras.layers, name)(**arguments, name="l")
    for layer in both:
        layer.build(shape)
        layer.enable_lora(**lora)
    rng = np.random.default_rng(1)
    values = [rng.normal(0, 0.5, weight.shape).astype("float32") for weight in both[1].weights]
    for layer in both:
        layer.set_weights(values)
    return both


def gradients(layer: Any, x: torch.Tensor, call: Any = None) -> list[torch.Tensor]:
    """The outputs, then the gradients of a weighted sum of them by float inputs and by each trainable weight."""
    x = x.clone().requires_grad_(x.is_floating_point())
    y = layer(x) if call is None else call(x)
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    factors = torch.linspace(0.5, 1.5, y.numel()).view_as(y)
    return [y, *torch.autograd.grad((y * factors).sum(), [x, *weights] if x.requires_grad else weights)]


@over_layers
@pytest.mark.parametrize("lora", [{"rank": 2}, {"rank": 1, "lora_alpha": 8}, {"rank": 5, "lora_alpha": 2.5}], ids=str)
def test_numbers_and_gradients(name, lora):
    ours, theirs = pair(name, **lora)
    x = inputs_for(name)
    for mine, wanted in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-5)
    table = table_of(name)
    np.testing.assert_allclose(getattr(ours, table).detach(), getattr(theirs, table).detach(), rtol=1e-5, atol=1e-6)
    kinds = ("weights", "trainable_weights", "non_trainable_weights")
    assert [[tuple(weight.shape) for weight in getattr(ours, kind)] for kind in kinds] == [
        [tuple(weight.shape) for weight in getattr(theirs, kind)] for kind in kinds
    ]
    assert {key for key in ours.state_dict() if "lora" in key} == {f"lora_{table}_a", f"lora_{table}_b"}
    mine, wanted = ours.get_config(), theirs.get_config()
    assert mine.keys() - {"quantization_config"} == wanted.keys() - {"quantization_config", "gptq_unpacked_column_size"}
    assert (mine["lora_rank"], mine["lora_alpha"]) == (wanted["lora_rank"], wanted["lora_alpha"])


@over_layers
def test_at_first_nothing_changes(name):
    arguments, _ = LAYERS[name]
    layer, x = getattr(layers, name)(**arguments), inputs_for(name)
    before = layer(x).detach()
    layer.enable_lora(2)
    torch.testing.assert_close(layer(x), before)
    a = getattr(layer, f"lora_{table_of(name)}_a")
    assert bool(a.abs().sum() > 0)


@over_layers
def test_the_constructor_s_arguments(name):
    arguments, shape = LAYERS[name]
    layer = getattr(layers, name)(**arguments, lora_rank=2, lora_alpha=6)
    layer.build(shape)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 6)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert not again.built
    again.build(shape)
    assert list(again.state_dict()) == list(layer.state_dict())
    plain = getattr(layers, name)(**arguments)
    assert not {"lora_rank", "lora_alpha"} & plain.get_config().keys()
    assert not plain.lora_enabled


def test_the_initializers():
    layer = Dense(3, kernel_regularizer="l2")
    layer.build((None, 4))
    layer.enable_lora(2, a_initializer="ones", b_initializer=lamina.initializers.Constant(2.0))
    kernel = layer.state_dict()["kernel"]
    torch.testing.assert_close(layer.kernel, kernel + 4.0)
    # The penalty is on what is trained: 0.01 * (8 * 1 + 6 * 4).
    assert [round(loss.item(), 6) for loss in layer.losses] == [0.08, 0.24]


def test_untied_tables_of_which_one_is_adapted():
    layer = layers.ReversibleEmbedding(6, 3, tie_weights=False, lora_rank=2)
    layer.build()
    assert list(layer.state_dict()) == ["embeddings", "lora_embeddings_a", "lora_embeddings_b", "reverse_embeddings"]


def test_weights_are_float32_and_the_sum_is_of_the_layer_s_type():
    layer = Dense(3, dtype="bfloat16", lora_rank=2)
    y = layer(torch.ones(2, 4))
    assert y.dtype is layer.kernel.dtype is torch.bfloat16
    assert [weight.dtype for weight in layer.weights] == [torch.bfloat16] * 2 + [torch.float32] * 2
    assert Dense(3, dtype="mixed_bfloat16", lora_rank=2)(torch.ones(2, 4)).dtype is torch.bfloat16


# ---- training ------------------------------------------------------------------------------------------------------


def model(**lora: Any) -> Sequential:
    return Sequential([Input((6,), dtype="int32"), Embedding(9, 4, **lora), layers.Conv1D(5, 3, **lora), layers.Flatten(),
                       Dense(3, **lora)])  # fmt: skip


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 9, (16, 6)).astype("int32"), rng.normal(size=(16, 3)).astype("float32")


def test_fit_leaves_the_frozen_weights():
    net, (x, y) = model(), data()
    net.compile("sgd", "mse")
    net.fit(x, y, epochs=2, verbose=0)
    for layer in net.layers:
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(2)
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    net.compile("adam", "mse")
    losses = net.fit(x, y, epochs=4, verbose=0, batch_size=8).history["loss"]
    assert losses[-1] < losses[0]
    after = net.state_dict()
    frozen = {name for name in before if torch.equal(before[name], after[name])}
    assert frozen == {name for name in before if name.endswith((".kernel", ".embeddings"))}
    assert net.count_params() - sum(weight.numel() for weight in net.trainable_weights) == 9 * 4 + 3 * 4 * 5 + 20 * 3


def test_training_as_in_keras():
    x, y = data()
    x = np.eye(4, dtype="float32")[x[:, 0] % 4]
    found = []
    for lib in (lamina, keras):
        net = lib.Sequential([lib.Input((4,)), lib.layers.Dense(5, activation="tanh", lora_rank=2, kernel_regularizer="l2"),
                              lib.layers.Dense(3)])  # fmt: skip
        rng = np.random.default_rng(3)
        net.set_weights([rng.normal(0, 0.5, weight.shape) for weight in net.get_weights()])
        net.compile(lib.optimizers.Adam(0.01), "mse")
        history = net.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]
        found.append((history, net.get_weights()))
    (our_losses, ours), (their_losses, theirs) = found
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
    for mine, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-5)


def test_an_old_gradient_is_not_applied():
    layer = Dense(3)
    layer(torch.ones(2, 4)).sum().backward()
    layer.enable_lora(2)
    kernel = layer.state_dict()["kernel"].clone()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert torch.equal(layer.state_dict()["kernel"], kernel)


def test_a_part_of_an_attention_layer():
    attention = layers.MultiHeadAttention(2, 4)
    x = torch.randn(2, 5, 8)
    before = attention(x, x)
    attention.query_dense.enable_lora(2)
    torch.testing.assert_close(attention(x, x), before)
    with torch.no_grad():
        attention.query_dense.lora_kernel_b.fill_(1.0)
    assert not torch.allclose(attention(x, x), before)


# ---- files ---------------------------------------------------------------------------------------------------------


def adapted_models(lora_rank: int | None = 2) -> tuple[Any, Any]:
    """The same functional model in lamina and Keras, with the same weights."""
    both = []
    for lib in (lamina, keras):
        x = lib.Input((6, 4), name="x")
        y = lib.layers.Conv1D(5, 3, lora_rank=lora_rank, lora_alpha=lora_rank and 4, name="conv")(x)
        y = lib.layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d", lora_rank=lora_rank, name="e")(
            y
        )
        both.append(lib.Model(x, lib.layers.Dense(2, lora_rank=lora_rank, name="dense")(y)))
    rng = np.random.default_rng(2)
    values = [rng.normal(0, 0.5, weight.shape).astype("float32") for weight in both[1].weights]
    for one in both:
        one.set_weights(values)
    return both[0], both[1]


STEPS = np.random.default_rng(4).normal(size=(3, 6, 4)).astype("float32")


@pytest.mark.parametrize("writer", [0, 1], ids=["lamina", "keras"])
def test_keras_files_hold_the_sum(writer, tmp_path):
    source = adapted_models()[writer]
    expected = source.predict(STEPS, verbose=0)
    source.save(tmp_path / "m.keras")
    for load in (load_model, keras.models.load_model):
        back = load(tmp_path / "m.keras")
        np.testing.assert_allclose(back.predict(STEPS, verbose=0), expected, rtol=1e-5, atol=1e-5)
        conv = back.get_layer("conv")
        assert (conv.lora_enabled, conv.lora_rank, conv.lora_alpha) == (True, 2, 4)
        assert not any(np.any(weight) for weight in conv.get_weights()[-2:])
    np.testing.assert_array_equal(source.predict(STEPS, verbose=0), expected)  # saving changes nothing


@pytest.mark.parametrize("lora_rank", [None, 3])
@pytest.mark.parametrize("writer", [0, 1], ids=["lamina", "keras"])
def test_weights_go_into_models_adapted_or_not(writer, lora_rank, tmp_path):
    source = adapted_models()[writer]
    source.save_weights(tmp_path / "m.weights.h5")
    for target in adapted_models(lora_rank):
        target.load_weights(tmp_path / "m.weights.h5")
        np.testing.assert_allclose(
            target.predict(STEPS, verbose=0), source.predict(STEPS, verbose=0), rtol=1e-5, atol=1e-5
        )


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    Sequential([Input((4,)), Dense(3)]).save_weights(tmp_path / "m.weights.h5")
    other = Sequential([Input((4,)), Dense(2, lora_rank=1)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"shape"):
        other.load_weights(tmp_path / "m.weights.h5")
    for mine, wanted in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_a_compiled_model_goes_on_after_saving(tmp_path):
    net, (x, y) = model(lora_rank=2), data()
    net.compile("adam", "mse")
    net.fit(x, y, verbose=0)
    net.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(back.predict(x, verbose=0), net.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    back.fit(x, y, verbose=0)
    assert int(back.optimizer.iterations) == 2


def test_a_file_can_not_ask_for_giant_low_rank_weights():
    with within_budget(1000), pytest.raises(ValueError, match=r"^Weight 'lora_kernel_a' of Dense 'd' has shape"):
        Dense(3, lora_rank=10**7, name="d").build((None, 4))
    with within_budget(1000):  # as much again, and a mebibyte, in all
        for _ in range(2):
            Dense(1, lora_rank=1000).build((None, 100))
        with pytest.raises(ValueError, match=r"are left\.$"):
            Dense(1, lora_rank=1000).build((None, 100))


# ---- copies and compilers ------------------------------------------------------------------------------------------


@register_keras_serializable("low_rank_tests")
class PlusOne(Dense):
    """A subclass of the user's."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().call(inputs) + 1.0


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda layer: pickle.loads(pickle.dumps(layer))],
                         ids=["deepcopy", "copy", "pickle"])  # fmt: skip
@pytest.mark.parametrize("cls", [Dense, PlusOne])
def test_copies(cls, copied):
    layer, x = cls(3, lora_rank=2, lora_alpha=4), torch.randn(2, 4)
    layer(x)
    with torch.no_grad():
        layer.lora_kernel_b.normal_()
    twin = copied(layer)
    assert isinstance(twin, cls)
    assert type(twin) is type(layer)
    assert twin.lora_enabled
    torch.testing.assert_close(twin(x), layer(x))
    assert twin.get_config() == layer.get_config()
    fresh = type(layer).from_config(layer.get_config())
    assert type(fresh) is cls
    fresh(x)
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(fresh(x), layer(x))


def test_a_subclass_in_a_file(tmp_path):
    net = Sequential([Input((4,)), PlusOne(3, lora_rank=2)])
    net.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    x = torch.randn(2, 4)
    torch.testing.assert_close(back(x), net(x))
    assert isinstance(back.layers[0], PlusOne)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@over_layers
def test_compiled(name, backend):
    ours, _ = pair(name, rank=2, lora_alpha=3)
    x = inputs_for(name)
    torch.compiler.reset()
    compiled = torch.compile(ours, fullgraph=True, backend=backend)
    for mine, wanted in zip(gradients(ours, x, compiled), gradients(ours, x), strict=True):
        torch.testing.assert_close(mine, wanted)


def test_enabled_in_a_planned_model():
    x = Input((4,))
    layer = Dense(3)
    net = Model(x, layer(x) * 2.0)
    given = torch.randn(2, 4)
    before = net(given)
    layer.enable_lora(1, b_initializer="ones")
    expected = (given @ layer.kernel + layer.bias) * 2.0
    assert not torch.allclose(before, expected)
    torch.testing.assert_close(net(given), expected)
    torch.testing.assert_close(copy.deepcopy(net)(given), expected)


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_refusals_leave_the_layer_as_it_was():
    built, constrained = Dense(3, name="d"), Embedding(6, 3, embeddings_constraint="non_neg", name="e")
    built.build((None, 4))
    constrained.build()
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (Dense(3, name="d"), {"rank": 2}, "Dense 'd' has no kernel to adapt, since it is not built: call it on data, or "
         "build() it, before enable_lora, or give its constructor lora_rank."),
        (constrained, {"rank": 2}, "Embedding 'e' can't keep to its embeddings_constraint with low-rank weights, whose updates "
         "go around it: leave out either embeddings_constraint or lora_rank."),
        (built, {"rank": 0}, "Dense 'd' needs a positive integer for rank, and got 0."),
        (built, {"rank": 2, "lora_alpha": "high"}, "Dense 'd' needs a number for lora_alpha, and got 'high'."),
        (built, {"rank": 2, "b_initializer": lambda shape, dtype: torch.zeros(1)},
         "The initializer of weight 'lora_kernel_b' of Dense 'd' must make shape (2, 3), and made (1,)."),
    ]  # fmt: skip
    for layer, arguments, message in cases:
        keys = list(layer._parameters)
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            layer.enable_lora(**arguments)
        assert (list(layer._parameters), layer.lora_enabled, layer.lora_rank) == (keys, False, None)
        assert all(weight.requires_grad for weight in layer.weights)
    built.enable_lora(2)
    with pytest.raises(ValueError, match=r"^Dense 'd' already has low-rank weights, of rank 2: enable_lora works once"):
        built.enable_lora(3)
    assert built.lora_rank == 2


def test_a_build_that_fails_later_can_be_tried_again():
    class Fails(Dense):
        broken = True

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            if self.broken:
                raise ValueError("not now")

    layer = Fails(3, lora_rank=2)
    with pytest.raises(ValueError, match="not now"):
        layer.build((None, 4))
    assert (type(layer), list(layer.state_dict()), layer.lora_enabled) == (Fails, [], False)
    layer.broken = False
    layer.build((None, 4))
    assert list(layer.state_dict()) == ["kernel", "bias", "lora_kernel_a", "lora_kernel_b"]


def test_spectral_normalization_wants_a_kernel_of_its_own():
    layer = layers.SpectralNormalization(Dense(3, lora_rank=2, name="d"), name="s")
    with pytest.raises(
        ValueError, match=r"^SpectralNormalization 's' divides a kernel of its own, and that of Dense 'd'"
    ):
        layer(torch.ones(2, 4))


def test_quantization_stays_refused():
    with pytest.raises(ValueError, match="lamina keeps weights as floats"):
        Dense(3, quantization_config={"mode": "int8"})
