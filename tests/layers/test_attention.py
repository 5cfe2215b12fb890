"""Attention: what the catalogue's rows do not say: masks that travel, dropout, kernels, files."""

import re

import keras
import numpy as np
import pytest
import torch

from lamina import layers, ops
from lamina.models import Model, load_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
    pytest.mark.filterwarnings("ignore:.*does not support masking.*"),
]

LEFT = torch.tensor([[True, True, False], [True, False, False]])
RIGHT = torch.tensor([[True] * 5, [False, True, True, False, False]])
NOTHING = torch.zeros(2, 3, 5, dtype=torch.bool)


ON_LISTS = (layers.Attention, layers.AdditiveAttention, keras.layers.Attention, keras.layers.AdditiveAttention)


def exactly(message):
    return rf"^{re.escape(message)}(\n|$)"  # a note of the call follows


def values_and_gradients(layer, inputs, **call):
    inputs = [x.clone().requires_grad_() for x in inputs]
    outputs = layer(inputs, **call) if isinstance(layer, ON_LISTS) else layer(*inputs, **call)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    total = sum((y * torch.linspace(0.5, 1.5, y.numel()).view_as(y)).sum() for y in outputs)
    return [*outputs, *torch.autograd.grad(total, inputs)]


def assert_as_keras(name, kwargs, sizes=(4, 4), keras_name=None, gradients=True, **call):
    inputs = [torch.randn(2, 3, sizes[0]), torch.randn(2, 5, sizes[1])]
    theirs, ours = getattr(keras.layers, keras_name or name)(**kwargs), getattr(layers, name)(**kwargs)
    for layer in (theirs, ours):
        values_and_gradients(layer, inputs, **call)
    values = [0.5 * torch.randn(weight.shape).numpy() for weight in ours.weights]
    for layer in (theirs, ours):
        layer.set_weights(values)
    found = [values_and_gradients(layer, inputs, **call) for layer in (ours, theirs)]
    for mine, wanted in zip(*(one if gradients else one[:-2] for one in found), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=2e-5)


# ---- without heads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
@pytest.mark.parametrize("mask", [[LEFT, RIGHT], [None, RIGHT], [LEFT, None], [LEFT, torch.zeros_like(RIGHT)]])
@pytest.mark.parametrize("call", [{}, {"use_causal_mask": True}, {"return_attention_scores": True}, {"training": True}])
def test_masks(name, mask, call):
    assert_as_keras(name, {"use_scale": True}, mask=mask, **call)


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_the_query_s_mask_goes_on(name):
    query, value = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    query._keras_mask, value._keras_mask = LEFT, RIGHT
    layer = getattr(layers, name)()
    outputs = layer([query, value])
    assert outputs._keras_mask is LEFT
    torch.testing.assert_close(outputs, layer([query + 0, value + 0], mask=[LEFT, RIGHT]))
    assert (outputs[0, 2] == 0).all()


def test_a_mask_that_is_no_list_is_refused():
    message = "Attention 'a' takes a list [query_mask, value_mask] for mask, and got 3."
    with pytest.raises(ValueError, match=exactly(message)):
        layers.Attention(name="a")([torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)], mask=3)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_dropped_weights_keep_their_mean(name, seed):
    value = torch.ones(1, 20_000, 2)
    outputs, scores = getattr(layers, name)(dropout=0.5, seed=seed)(
        [torch.zeros(1, 1, 2), value], training=True, return_attention_scores=True)  # fmt: skip
    assert abs(float((scores == 0).float().mean()) - 0.5) < 0.02
    assert abs(float(outputs.detach().mean()) - 1) < 0.05


def test_inputs_of_four_axes():
    inputs = [torch.randn(2, 6, 3, 4), torch.randn(2, 6, 5, 4)]
    torch.testing.assert_close(layers.Attention()(inputs), keras.layers.Attention()(inputs), rtol=1e-5, atol=1e-5)


# ---- with heads ------------------------------------------------------------------------------------------------------

HEADED = [("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, None),
          ("GroupedQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
           "GroupQueryAttention")]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "keras_name"), HEADED)
@pytest.mark.parametrize("more", [{}, {"sliding_window": 2}, {"dropout": 0.3}])
@pytest.mark.parametrize("call", [
    {"value_mask": RIGHT}, {"attention_mask": NOTHING}, {"attention_mask": NOTHING, "return_attention_scores": True},
    {"value_mask": RIGHT, "use_causal_mask": True}, {"attention_mask": torch.ones(2, 1, 3, 5, dtype=torch.bool)},
    {"value_mask": RIGHT, "return_attention_scores": True},
], ids=str)  # fmt: skip
def test_masks_of_heads(name, kwargs, keras_name, more, call):
    if "attention_mask" in call and call["attention_mask"].dim() == 4 and more.get("sliding_window"):
        pytest.skip("Keras lays a mask of four axes and the window's over each other wrongly")
    # Where a query sees nothing, gradients of Keras on torch are wrong: they are tested by quotients, below.
    blind = call.get("attention_mask") is NOTHING or "use_causal_mask" in call
    by_kernel = "return_attention_scores" not in call and "dropout" not in more
    assert_as_keras(name, kwargs | more, keras_name=keras_name, gradients=not (blind and by_kernel), **call)


@pytest.mark.parametrize(("name", "kwargs", "keras_name"), HEADED)
def test_masks_travel_to_heads(name, kwargs, keras_name):
    query, value = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    layer = getattr(layers, name)(**kwargs)
    expected = layer(query, value, query_mask=LEFT, value_mask=RIGHT)
    query._keras_mask, value._keras_mask = LEFT, RIGHT
    outputs = layer(query, value)
    torch.testing.assert_close(outputs, expected)
    assert outputs._keras_mask is LEFT


@pytest.mark.parametrize(("name", "kwargs", "keras_name"), HEADED)
@pytest.mark.parametrize("seed", [None, 3])
def test_dropout_of_heads(name, kwargs, keras_name, seed):
    torch.manual_seed(0)
    layer = getattr(layers, name)(**kwargs, dropout=0.5, seed=seed)
    x = torch.randn(1, 30, 4)
    plain, dropped = layer(x, x), torch.stack([layer(x, x, training=True) for _ in range(200)]).mean(0)
    assert not torch.equal(layer(x, x, training=True), plain)
    assert float((dropped - plain).detach().abs().mean() / plain.detach().abs().mean()) < 0.1


@pytest.mark.parametrize(("name", "kwargs", "keras_name"), HEADED)
def test_flash_attention_gives_the_same_and_no_scores(name, kwargs, keras_name):
    x = torch.randn(2, 5, 4)
    plain, flash = (getattr(layers, name)(**kwargs, flash_attention=flag, name="m") for flag in (None, True))
    plain(x, x), flash(x, x)
    flash.set_weights(plain.get_weights())
    torch.testing.assert_close(flash(x, x), plain(x, x))
    message = f"{name} 'm' can't return attention scores with flash_attention."
    with pytest.raises(ValueError, match=exactly(message)):
        flash(x, x, return_attention_scores=True)
    assert "flash_attention" not in flash.get_config()


def test_masks_of_inputs_of_four_axes():
    """Keras on torch takes none: what is masked must not tell on the outputs."""
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))
    query, value = torch.randn(2, 3, 2, 4), torch.randn(2, 5, 2, 4)
    mask = torch.rand(2, 5, 2) > 0.5
    mask[:, 0, 0] = True
    before = layer(query, value, value_mask=mask)
    other = torch.where(mask.unsqueeze(-1), value, 7.0)
    torch.testing.assert_close(layer(query, other, value_mask=mask), before)
    assert not torch.allclose(layer(query, other), layer(query, value))


@pytest.mark.parametrize(("kwargs", "shapes", "message"), [
    ({}, [(2, 3, 4), (2, 5, 4), (2, 6, 4)], "MultiHeadAttention 'm' needs a key for each value, and got values of shape "
     "(2, 5, 4) and keys of shape (2, 6, 4)."),
    ({"attention_axes": 2}, [(2, 3, 4), (2, 5, 4)], "MultiHeadAttention 'm' attends over axes between the first and the "
     "last, and has attention_axes=(2,) for inputs of 3 axes."),
])  # fmt: skip
def test_wrong_shapes(kwargs, shapes, message):
    with pytest.raises(ValueError, match=exactly(message)):
        layers.MultiHeadAttention(2, 3, name="m", **kwargs)(*map(torch.zeros, shapes))


def test_a_causal_mask_is_for_one_axis():
    x = torch.zeros(2, 3, 4, 5)
    message = "MultiHeadAttention 'm' attends over 2 axes; use_causal_mask and sliding_window are for one."
    with pytest.raises(ValueError, match=exactly(message)):
        layers.MultiHeadAttention(2, 3, name="m")(x, x, use_causal_mask=True)


def test_groups_need_three_axes():
    message = (
        "GroupedQueryAttention 'g' takes inputs of 3 axes (the batch is the first), and got [(2, 4), (2, 4), (2, 4)]."
    )
    with pytest.raises(ValueError, match=exactly(message)):
        layers.GroupedQueryAttention(3, 4, 2, name="g")(torch.zeros(2, 4), torch.zeros(2, 4))


# ---- files -----------------------------------------------------------------------------------------------------------


def model_of(library, make_input, make_model, name):
    x, y = make_input((3, 4), name="x"), make_input((5, 4), name="y")
    L = library
    made = {
        "attention": lambda: L.Attention(use_scale=True, score_mode="concat")([x, y]),
        "additive": lambda: L.AdditiveAttention()([x, y]),
        "heads": lambda: L.MultiHeadAttention(2, 3, use_gate=True, dropout=0.1)(x, y),
        "groups": lambda: L.GroupQueryAttention(3, 4, 2, use_gate=True)(x, y, use_causal_mask=True),
    }
    return make_model([x, y], made[name]())


@pytest.mark.parametrize("name", ["attention", "additive", "heads", "groups"])
def test_files_go_both_ways(name, tmp_path):
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(2, size, 4)).astype("float32") for size in (3, 5)]
    ours = model_of(layers, layers.Input, Model, name)
    for weight in ours.weights:
        torch.nn.init.normal_(weight)
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(theirs.predict(data, verbose=0), ours.predict(data, verbose=0), rtol=1e-4, atol=1e-5)
    theirs.save(tmp_path / "theirs.keras")
    back = load_model(tmp_path / "theirs.keras")
    np.testing.assert_array_equal(back.predict(data, verbose=0), ours.predict(data, verbose=0))


# ---- queries that see nothing ----------------------------------------------------------------------------------------

_QUERY_MASK = torch.tensor([[True, True, False], [True, False, True]])
_VALUE_MASK = torch.tensor([[True, True, True, False], [False, False, False, False]])
BLIND = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 2}, {"query_mask": _QUERY_MASK, "value_mask": _VALUE_MASK}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 2}, {"value_mask": _VALUE_MASK, "use_causal_mask": True}),
    ("MultiHeadAttention", {"num_heads": 1, "key_dim": 2, "dropout": 0.5}, {"value_mask": _VALUE_MASK}),
    ("GroupedQueryAttention", {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}, {"value_mask": _VALUE_MASK}),
]  # fmt: skip


def _answers(name, arguments, call, dtype, query, value):
    torch.manual_seed(0)
    layer = getattr(layers, name)(**arguments, dtype=dtype)
    layer(query, value)
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return lambda q, v: layer(q, v, **call)


@pytest.mark.parametrize(("name", "arguments", "call"), BLIND)
def test_gradients_where_a_query_sees_nothing(name, arguments, call):
    query, value = (torch.randn(2, size, 3, dtype=torch.float64, requires_grad=True) for size in (3, 4))
    answer = _answers(name, arguments, call, "float64", query, value)
    assert torch.autograd.gradcheck(answer, (query, value))
    wanted = torch.autograd.grad(answer(query, value).square().sum(), (query, value))
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.15)):
        q, v = (one.detach().to(dtype).requires_grad_() for one in (query, value))
        in_less = _answers(name, arguments, call, str(dtype)[6:], q, v)
        found = torch.autograd.grad(in_less(q, v).square().sum(), (q, v))
        for mine, exact in zip(found, wanted, strict=True):
            assert (mine.double() - exact).norm() <= tolerance * exact.norm()


@pytest.mark.parametrize("name", ["MultiHeadAttention", "Attention", "AdditiveAttention"])
def test_a_query_that_sees_nothing_gets_the_mean_of_all_values(name):
    arguments = {"num_heads": 1, "key_dim": 2} if name == "MultiHeadAttention" else {}
    theirs, ours = (getattr(library, name)(**arguments) for library in (keras.layers, layers))
    query, value = torch.randn(2, 3, 3), torch.randn(2, 4, 3)
    given = (query, value) if arguments else ([query, value],)
    call = {"value_mask": _VALUE_MASK} if arguments else {"mask": [None, _VALUE_MASK]}
    for layer in (theirs, ours):
        layer(*given)
    ours.set_weights([weight.value.detach() for weight in theirs.weights])
    for recording in (False, True):
        with torch.set_grad_enabled(recording):
            torch.testing.assert_close(ours(*given, **call), theirs(*given, **call), rtol=1e-4, atol=1e-5)
    if not arguments:
        torch.testing.assert_close(ours(*given, **call)[1], value[1].mean(0).expand(3, 3), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_what_is_masked_weighs_nothing_beside_a_key_that_is_seen(dtype):
    layer = layers.MultiHeadAttention(1, 2, dtype=str(dtype)[6:])
    query, value = (torch.randn(1, 4, 3, dtype=dtype) * 10 for _ in range(2))
    mask = torch.tensor([[True, False, True, False]])
    expected = layer(query, value, value_mask=mask)
    torch.testing.assert_close(layer(query, value.index_fill(1, torch.tensor([1, 3]), 77.0), value_mask=mask), expected)


@pytest.mark.parametrize("more", [{}, {"is_causal": True}, {"bias": torch.randn(2, 1, 3, 4, dtype=torch.float64)}])
def test_dot_product_attention_where_a_query_sees_nothing(more):
    query, key, value = (torch.randn(2, size, 1, 3, dtype=torch.float64, requires_grad=True) for size in (3, 4, 4))
    mask = torch.rand(2, 1, 3, 4) > 0.4
    mask[1, :, 1] = False

    def run(*given):
        return ops.dot_product_attention(*given, mask=mask, **more)

    assert torch.autograd.gradcheck(run, (query, key, value))
    torch.testing.assert_close(run(query, key, value)[1, 1, 0], value[1, :, 0].mean(0))
    if "bias" not in more:
        theirs = keras.ops.dot_product_attention(query, key, value, mask=mask, **more)
        torch.testing.assert_close(run(query, key, value), theirs, rtol=1e-5, atol=1e-6, check_dtype=False)
