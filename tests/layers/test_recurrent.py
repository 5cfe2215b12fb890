"""Recurrent layers against Keras, torch's kernels against the step loop, cells of the user's, states and dropout."""

from __future__ import annotations

import itertools
import re

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.dialects import using_dialect
from lamina.kernels import torch_recurrent
from lamina.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM2DCell,
    Dense,
    Embedding,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)
from lamina.models import Model, Sequential

STEPS = 6
X = (3, STEPS, 4)
HOLES = torch.tensor([[1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 1, 1]]).bool()
MASKS = {
    "none": None,
    "right": torch.arange(STEPS) < torch.tensor([[STEPS], [3], [1]]),
    "left": torch.arange(STEPS) >= torch.tensor([[0], [3], [5]]),
    "holes and a row of nothing": HOLES,
    "rows of one length": torch.tensor([[1, 1, 1, 0, 0, 0]] * 3).bool(),
    "all": torch.zeros(3, STEPS).bool(),
}
SWITCHES = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
SETTINGS = [
    ("SimpleRNN", {}), ("SimpleRNN", {"activation": "sigmoid"}), ("LSTM", {}), ("LSTM", {"activation": "softsign"}),
    ("LSTM", {"recurrent_activation": "hard_sigmoid", "use_bias": False}), ("GRU", {}), ("GRU", {"use_bias": False}),
    ("GRU", {"reset_after": False}), ("GRU", {"activation": "relu"}),
]  # fmt: skip


def randomized(*made):
    """The layers, built for ``X``, with the same random weights."""
    rng = np.random.default_rng(1)
    for layer in made:
        layer.build(X)
    values = [rng.normal(0, 0.5, tuple(weight.shape)).astype("float32") for weight in made[0].weights]
    for layer in made:
        layer.set_weights(values)
    return made


def numbers(layer, x, **call):
    """Outputs, and the gradients of their weighted sum by the inputs and all weights."""
    x = x.clone().requires_grad_()
    outputs = layer(x, **call)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    total = sum((out * torch.linspace(0.5, 1.5, out.numel()).view_as(out)).sum() for out in outputs)
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    return [tensor.detach() for tensor in (*outputs, *torch.autograd.grad(total, [x, *weights]))]


def assert_same(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("mask", [name for name in MASKS if name != "all"])
@pytest.mark.parametrize(("name", "arguments"), SETTINGS, ids=str)
def test_masks_of_any_pattern(name, arguments, mask):
    x = torch.randn(X)
    for values in itertools.product((False, True), repeat=4):
        kwargs = arguments | dict(zip(SWITCHES, values, strict=True))
        theirs, ours = randomized(getattr(keras.layers, name)(5, **kwargs), getattr(layers, name)(5, **kwargs))
        assert_same(numbers(ours, x, mask=MASKS[mask]), numbers(theirs, x, mask=MASKS[mask]))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_kernels_equal_the_loop(name, mask):
    x = torch.randn(X)
    for values in itertools.product((False, True), repeat=4):
        kwargs = dict(zip(SWITCHES, values, strict=True))
        cls = getattr(layers, name)
        fused, loop = randomized(cls(5, **kwargs), cls(5, use_cudnn=False, **kwargs))
        states = [torch.randn(3, 5) for _ in range(2 if name == "LSTM" else 1)]
        call = {"mask": MASKS[mask]} | ({} if states is None else {"initial_state": states})
        assert_same(numbers(fused, x, **call), numbers(loop, x, **call), 2e-6)


@pytest.mark.parametrize("mask", [name for name in MASKS if name != "none"])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_without_gradients_the_numbers_are_the_same(name, mask):
    x = torch.randn(X)
    for steps in (False, True):
        layer = getattr(layers, name)(5, return_sequences=steps, return_state=True)
        expected = layer(x, mask=MASKS[mask])
        with torch.no_grad():
            torch.testing.assert_close(layer(x, mask=MASKS[mask]), expected)


def test_kernels_run_where_they_may(monkeypatch):
    ran = []
    for cls in (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell):
        fused = cls.fused
        monkeypatch.setattr(cls, "fused", lambda self, *args, fused=fused: ran.append(self) or fused(self, *args))

    def runs(layer, **call):
        ran.clear()
        layer(torch.randn(X), **call)
        return bool(ran)

    for layer in (LSTM(2), GRU(2), SimpleRNN(2), SimpleRNN(2, activation="relu"), LSTM(2, dropout=0.5), RNN(LSTMCell(2)),
                  RNN([LSTMCell(2), layers.GRUCell(3)]), GRU(2, use_bias=False), LSTM(2, unroll=True),
                  GRU(2, reset_after=False), GRU(2, recurrent_activation="hard_sigmoid"),
                  LSTM(2, recurrent_activation="hard_sigmoid"), LSTM(2, recurrent_dropout=0.5),
                  LSTM(2, dropout=0.5, implementation=1)):  # fmt: skip
        assert runs(layer)
        assert runs(layer, training=True)
        assert runs(layer, mask=HOLES)
    for layer in (LSTM(2, activation="relu"), GRU(2, activation="relu"), LSTM(2, use_cudnn=False),
                  LSTM(2, recurrent_activation="relu"), SimpleRNN(2, activation="elu")):  # fmt: skip
        assert not runs(layer)
    for layer in (GRU(2, recurrent_dropout=0.5), GRU(2, dropout=0.5, implementation=1)):
        assert runs(layer)
        assert not runs(layer, training=True)


def test_float64():
    theirs, ours = randomized(keras.layers.LSTM(5), LSTM(5))
    x = torch.randn(X, dtype=torch.float64)
    ours.to(torch.float64)
    torch.testing.assert_close(ours(x).float(), torch.as_tensor(theirs(x.float())).detach(), rtol=0, atol=1e-6)
    assert ours(x).dtype == torch.float64


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_mixed_precision(name):
    layer = getattr(layers, name)(4, dtype="mixed_bfloat16", return_sequences=True)
    x = torch.randn(X)
    y = layer(x, mask=HOLES)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.cell.kernel.grad.dtype == torch.float32
    full = getattr(layers, name)(4, return_sequences=True)
    full.build(X)
    full.set_weights(layer.get_weights())
    torch.testing.assert_close(y.float(), full(x, mask=HOLES), rtol=0, atol=0.03)


# ---- where weights are -----------------------------------------------------------------------------------------------


def test_weights_are_the_cell_s():
    layer = LSTM(2)
    layer.build((None, None, 3))
    assert list(layer.state_dict()) == ["cell.kernel", "cell.recurrent_kernel", "cell.bias"]
    assert [tuple(weight.shape) for weight in layer.weights] == [(3, 8), (2, 8), (8,)]
    assert layer.cell.bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]  # the forget gate starts open
    assert layer.cell.kernel.t().is_contiguous()
    assert layer.units == 2
    assert layer.recurrent_initializer is layer.cell.recurrent_initializer


def test_cudnn_names():
    gru, lstm = layers.CuDNNGRU(2, return_sequences=True), layers.CuDNNLSTM(2)
    assert isinstance(gru, GRU)
    assert isinstance(lstm, LSTM)
    assert gru.reset_after
    assert gru(torch.zeros(1, 3, 4)).shape == (1, 3, 2)


def test_generations_differ():
    with using_dialect("keras2"):
        old = GRU(2)
    assert not old.reset_after
    assert old.recurrent_activation(torch.tensor(1.0)).item() == pytest.approx(0.7)  # 0.2 x + 0.5
    assert GRU(2).recurrent_activation(torch.tensor(3.0)).item() == pytest.approx(0.95257413)


def test_time_major():
    assert LSTM(2, time_major=False)(torch.zeros(1, 3, 4)).shape == (1, 2)
    with pytest.raises(TypeError) as caught:
        LSTM(2, time_major=True)
    assert str(caught.value) == ("LSTM got time_major=True: lamina takes the batch first: swap the two axes "
                                 "with `x.transpose(0, 1)`.")  # fmt: skip


# ---- cells of the user's ---------------------------------------------------------------------------------------------


class Keras3Cell(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", name="kernel")

    def call(self, inputs, states):
        h = torch.tanh(inputs @ self.kernel + states[0])
        return h, [h]


class Keras2Cell(Layer):
    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)

    @property
    def state_size(self):
        return (self.units, self.units)

    @property
    def output_size(self):
        return 2 * self.units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", shape=(input_shape[-1], self.units), initializer="ones")
        self.built = True

    def call(self, inputs, states, training=None, constants=None):
        a, b = states
        a, b = inputs @ self.kernel + b, a + (0.0 if constants is None else constants[0]) + float(bool(training))
        return torch.cat([a, b], -1), (a, b)


class PlainCell:
    state_size = 4

    def call(self, inputs, states):
        return inputs + states[0], inputs + states[0]


def test_a_cell_of_the_user_s_equals_simple_rnn():
    ours, simple = RNN(Keras3Cell(5), return_sequences=True), SimpleRNN(5, return_sequences=True)
    x = torch.randn(X)
    ours.build(X)
    simple.build(X)
    simple.set_weights([np.ones((4, 5)), np.eye(5), np.zeros(5)])
    torch.testing.assert_close(ours(x, mask=HOLES), simple(x, mask=HOLES))


def test_a_keras_2_cell():
    layer = RNN(Keras2Cell(2), return_state=True)
    x = torch.ones(1, 2, 3)
    output, a, b = layer(x)
    assert output.tolist() == [[3.0, 3.0, 3.0, 3.0]]
    assert a.tolist() == b.tolist() == [[3.0, 3.0]]
    assert layer(x, training=True)[0].tolist() == [[4.0, 4.0, 4.0, 4.0]]
    constant = torch.full((1, 2), 10.0)
    expected = [[13.0, 13.0, 13.0, 13.0]]
    assert layer(x, constants=[constant])[0].tolist() == expected
    zeros = torch.zeros(1, 2)
    assert layer([x, zeros, zeros, constant])[0].tolist() == expected
    assert layer.compute_output_shape((None, 2, 3)) == ((None, 4), (None, 2), (None, 2))


def test_any_object_with_call_and_state_size():
    assert RNN(PlainCell())(torch.ones(1, 5, 4)).tolist() == [[5.0] * 4]


def test_a_stack_of_lamina_s_and_of_own_cells():
    x = torch.randn(X)
    layer = RNN([LSTMCell(3), Keras3Cell(2)], return_sequences=True, return_state=True)
    output, (h, c), last = layer(x, mask=HOLES)
    first, second = LSTM(3, return_sequences=True, return_state=True), RNN(Keras3Cell(2), return_sequences=True)
    first.build(X)
    first.set_weights(layer.get_weights()[:3])
    between, h_1, c_1 = first(x, mask=HOLES)
    torch.testing.assert_close((h, c), (h_1, c_1))
    torch.testing.assert_close(output, second(between, mask=HOLES))
    torch.testing.assert_close(last, output[:, -1])


def test_a_subclass_s_own_call_counts():
    class Doubled(LSTMCell):
        def call(self, inputs, states):
            output, states = super().call(inputs, states)
            return 2 * output, states

    plain, doubled = LSTM(3), RNN(Doubled(3))
    x = torch.randn(X)
    plain.build(X)
    doubled.build(X)
    doubled.set_weights(plain.get_weights())
    torch.testing.assert_close(doubled(x), 2 * plain(x))


def test_a_subclass_of_a_layer_may_pass_its_mode():
    class Halved(LSTM):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            return super().call(inputs, mask=mask, training=training, initial_state=initial_state) / 2

    halved, plain = Halved(3), LSTM(3)
    x = torch.randn(X)
    plain.build(X)
    halved.build(X)
    halved.set_weights(plain.get_weights())
    torch.testing.assert_close(halved(x), plain(x) / 2)
    with pytest.raises(TypeError) as caught:
        plain.call(x, masks=None)
    assert str(caught.value) == f"LSTM {plain.name!r} got an unknown argument 'masks'."


# ---- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda: RNN(LSTMCell(2)), lambda: RNN(GRUCell(2)), lambda: RNN(SimpleRNNCell(2)), lambda: RNN([LSTMCell(2), GRUCell(2)]),
    lambda: LSTM(2), lambda: GRU(2), lambda: SimpleRNN(2), lambda: Bidirectional(RNN(LSTMCell(2))),
    lambda: Bidirectional(GRU(2)),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(1, 1, 3, 2), (2, 3, 2, 2), (3, 2)])
def test_cells_of_rows_take_three_axes(make, shape):
    with pytest.raises(
        ValueError, match=re.escape(f"takes inputs of 3 axes (the batch is the first), and got {shape}")
    ):
        make()(torch.zeros(shape))


def test_a_cell_of_images_and_one_of_the_user_s_take_more_axes():
    class Halved(LSTMCell):
        def call(self, inputs, states):
            return super().call(inputs.mean(1), states)

    assert RNN(Halved(2))(torch.zeros(2, 3, 4, 5)).shape == (2, 2)
    assert RNN(ConvLSTM2DCell(2, 1))(torch.zeros(2, 3, 4, 5, 1)).shape == (2, 4, 5, 2)


@pytest.mark.parametrize("kernel", ["lstm", "gru", "rnn_tanh"])
def test_torch_s_kernels_get_three_axes_only(kernel):
    weights = [torch.zeros(8, 2), torch.zeros(8, 2)]
    with pytest.raises(ValueError, match=r"takes inputs \(batch, steps, features\), and got shape \(1, 1, 3, 2\)"):
        getattr(torch_recurrent, kernel)(torch.zeros(1, 1, 3, 2), [torch.zeros(1, 2)] * 2, weights)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_a_state_of_one_row_is_that_of_all(name):
    x, count = torch.randn(3, 4, 2), 2 if name == "LSTM" else 1
    states = [torch.randn(1, 5, requires_grad=True) for _ in range(count)]
    ours, theirs = getattr(layers, name)(5), getattr(keras.layers, name)(5)
    ours(x)
    theirs(x)
    ours.set_weights([weight.value.detach() for weight in theirs.weights])
    found, wanted = ours(x, initial_state=states), theirs(x, initial_state=states)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for mine, other in zip(*(torch.autograd.grad(y.sum(), states) for y in (found, wanted)), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    cells = getattr(layers, f"{name}Cell")(5), getattr(keras.layers, f"{name}Cell")(5)
    both = [cell(x[:, 0], states)[0] for cell in cells]
    cells[0].set_weights([weight.value.detach() for weight in cells[1].weights])
    assert both[0].shape == both[1].shape
    torch.testing.assert_close(cells[0](x[:, 0], states)[0], both[1], rtol=1e-4, atol=1e-5)


def test_initial_state_forms():
    layer = LSTM(5)
    x, h, c = torch.randn(X), torch.randn(3, 5), torch.randn(3, 5)
    expected = layer(x, initial_state=[h, c])
    torch.testing.assert_close(layer([x, h, c]), expected)
    torch.testing.assert_close(layer(x, initial_state=(h.numpy(), c.numpy())), expected)
    torch.testing.assert_close(GRU(5)(x, initial_state=h).shape, torch.Size([3, 5]))
    with pytest.raises(ValueError, match="2 states, and got 1 tensors") as caught:
        layer(x, initial_state=[h])
    assert str(caught.value) == f"LSTM {layer.name!r} has 2 states, and got 1 tensors for them."


def test_encoder_and_decoder():
    words, more = Input((None,), dtype="int32"), Input((5, 4))
    _, h, c = LSTM(3, return_state=True)(Embedding(6, 4, mask_zero=True)(words))
    model = Model([words, more], Dense(2)(LSTM(3, return_sequences=True)(more, initial_state=[h, c])))
    tokens, x = torch.tensor([[1, 2, 0], [3, 0, 0]]), torch.randn(2, 5, 4)
    assert model([tokens, x]).shape == (2, 5, 2)
    longer = torch.tensor([[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]])
    torch.testing.assert_close(model([tokens, x]), model([longer, x]))  # masked steps change nothing


@pytest.mark.parametrize("make", [lambda: LSTM(5, stateful=True), lambda: GRU(5, stateful=True, reset_after=False),
                                  lambda: RNN([LSTMCell(5), layers.GRUCell(5)], stateful=True)])  # fmt: skip
def test_stateful(make):
    layer = make()
    x = torch.randn(X)
    assert layer.states is None
    whole = layer(x)
    layer.reset_states()
    layer(x[:, :2])
    torch.testing.assert_close(layer(x[:, 2:]), whole)
    layer.reset_state()
    assert all(not state.any() for state in layer._flat_states())
    assert len(layer.weights) == len(list(layer.parameters()))  # states are no weights


def test_stateful_as_keras():
    theirs, ours = (library.LSTM(5, stateful=True, return_sequences=True) for library in (keras.layers, layers))
    randomized(theirs, ours)
    for _ in range(3):
        x = torch.randn(X)
        assert_same(numbers(ours, x, mask=HOLES), numbers(theirs, x, mask=HOLES))
    assert_same(ours.states, [state.value.detach() for state in theirs.states])


def test_states_are_set_and_checked():
    layer = GRU(2, stateful=True, name="g")
    layer.build((3, None, 4))
    layer.reset_states([np.ones((3, 2))])
    assert layer.states[0].tolist() == [[1.0, 1.0]] * 3
    with pytest.raises(ValueError, match="stateful") as caught:
        layer(torch.zeros(2, 5, 4))
    assert str(caught.value) == "GRU 'g' is stateful and keeps the states of 3 rows; it got a batch of 2."
    with pytest.raises(ValueError, match="not stateful") as caught:
        GRU(2, name="g").reset_states([np.ones((3, 2))])
    assert str(caught.value) == "GRU 'g' keeps no states to set: it is not stateful, or not built yet."


def test_a_stateful_model():
    model = Sequential([LSTM(4, stateful=True, batch_input_shape=(2, None, 3)), Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.random.rand(6, 5, 3).astype("float32"), np.random.rand(6, 1).astype("float32")
    history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert bool(model.layers[0].states[0].any())


@pytest.mark.parametrize("fused", ["auto", False])
def test_a_sequence_without_steps(fused):
    with pytest.raises(ValueError, match="at least one step") as caught:
        LSTM(2, use_cudnn=fused)(torch.zeros(1, 0, 3))
    assert str(caught.value) == "A sequence needs at least one step, and got shape (1, 0, 3)."


# ---- dropout ---------------------------------------------------------------------------------------------------------


def dropped(layer, x):
    layer.build(tuple(x.shape))
    return layer(x, training=True)


@pytest.mark.parametrize("cls", [SimpleRNN, LSTM, GRU])
def test_input_dropout_is_the_same_at_all_steps(cls):
    """Of one unit that adds its inputs up, the last output over the number of steps is the mask's sum."""
    layer = cls(1, dropout=0.25, activation="linear", return_sequences=True)
    if cls is SimpleRNN:
        layer.build((None, 4, 1000))
        layer.set_weights([np.ones((1000, 1)), np.zeros((1, 1)), np.zeros(1)])
        y = layer(torch.ones(2, 4, 1000), training=True).detach()
        assert bool((y == y[:, :1]).all())
        assert float(y[0, 0]) != float(y[1, 0])
        assert float(y.mean()) == pytest.approx(1000, rel=0.06)
    else:
        x = torch.ones(2, 4, 1000)
        assert not torch.equal(dropped(layer, x), layer(x, training=True))  # new ones for each batch
    x = torch.ones(2, 4, 1000)
    torch.testing.assert_close(layer(x), layer(x))


def test_recurrent_dropout_is_the_same_at_all_steps():
    layer = SimpleRNN(2000, recurrent_dropout=0.25, activation="linear")
    layer.build((None, 3, 1))
    layer.set_weights([np.zeros((1, 2000)), np.eye(2000), np.zeros(2000)])
    y = layer(torch.zeros(1, 3, 1), initial_state=torch.ones(1, 2000), training=True)
    kept = (1 / 0.75) ** 3
    assert sorted({round(value, 4) for value in y.flatten().tolist()}) == [0.0, round(kept, 4)]
    assert float((y > 0).float().mean()) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("arguments", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "implementation": 1},
                                       {"dropout": 0.5, "recurrent_dropout": 0.5, "reset_after": False}])  # fmt: skip
def test_seeded_dropout_repeats(arguments):
    x = torch.randn(X)
    first, second = randomized(GRU(5, seed=3, **arguments), GRU(5, seed=3, **arguments))
    once = first(x, training=True)
    torch.testing.assert_close(once, second(x, training=True))
    assert not torch.equal(once, first(x, training=True))
    torch.testing.assert_close(first(x), second(x))


def test_the_mean_over_masks_is_right():
    """A linear layer's expected output is its output without dropout."""
    plain = GRU(3, activation="linear", recurrent_activation=torch.ones_like, return_sequences=True)
    noisy = GRU(3, activation="linear", recurrent_activation=torch.ones_like, return_sequences=True, dropout=0.3,
                recurrent_dropout=0.3)  # fmt: skip
    x = torch.randn(1, 1, 4).repeat(20000, 2, 1)
    plain.build(X)
    noisy.build(X)
    noisy.set_weights(plain.get_weights())
    torch.testing.assert_close(noisy(x, training=True).mean(0), plain(x[:1])[0], rtol=0, atol=0.03)


def test_dropout_of_one_is_as_in_keras():
    x = torch.randn(X)
    for name in ("SimpleRNN", "LSTM", "GRU"):
        theirs, ours = randomized(*(getattr(library, name)(5, dropout=1.0) for library in (keras.layers, layers)))
        torch.testing.assert_close(ours(x, training=True), theirs(x, training=True), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_masked_batch_of_no_rows(name):
    layer = getattr(layers, name)(5)
    layer(torch.zeros(2, STEPS, 4))
    assert layer(torch.zeros(0, STEPS, 4), mask=torch.zeros(0, STEPS).bool()).shape == (0, 5)


class WithConstant(layers.Layer):
    """A cell of Keras 2, which is built for the shapes of a step and of a constant."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, shapes):
        step, constant = shapes
        self.w = self.add_weight(name="w", shape=(step[-1], self.units), initializer="ones")
        self.c = self.add_weight(name="c", shape=(constant[-1], self.units), initializer="ones")
        self.built = True

    def call(self, inputs, states, constants):
        out = inputs @ self.w + constants[0] @ self.c + states[0]
        return out, [out]


@pytest.mark.parametrize("dialect", ["keras2", "keras2.3", "tf_keras"])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_cell_of_keras_2_is_built_for_its_constants(dialect, as_list):
    steps, constant = layers.Input((3, 2)), layers.Input((4,))
    with lamina.dialects.using_dialect(dialect):
        outputs = layers.RNN(WithConstant(5))(steps, constants=[constant] if as_list else constant)
        found = lamina.Model([steps, constant], outputs).predict([np.ones((1, 3, 2)), np.ones((1, 4))], verbose=0)
    np.testing.assert_allclose(found, np.full((1, 5), 18.0))
