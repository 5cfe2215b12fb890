"""What layers and models of Keras 1, 2 and tf.keras had names for."""

import numpy as np
import pytest

import lamina
from lamina import Sequential, layers
from lamina import backend as K
from lamina.backend import variable
from lamina.callbacks import Callback, CallbackList
from lamina.dialects import using_dialect


def test_each_call_of_a_shared_layer():
    first, second = layers.Input((2,)), layers.Input((2,))
    shared = layers.Dense(3)
    outputs = shared(first), shared(layers.Masking()(second))
    assert shared.get_input_at(0) is first
    assert [shared.get_output_at(0), shared.get_output_at(1)] == list(outputs)
    assert (shared.get_input_shape_at(1), shared.get_output_shape_at(1)) == ((None, 2), (None, 3))
    assert len(shared.inbound_nodes) == len(shared._inbound_nodes) == 2
    node = shared.inbound_nodes[0]
    assert (node.input_shapes, node.output_shapes, node.node_indices, node.tensor_indices) == (
        (None, 2),
        (None, 3),
        0,
        0,
    )
    with pytest.raises(ValueError, match="was called 2 times in a model, and the output of call 2 was asked for"):
        shared.get_output_at(2)


def test_masks_of_calls():
    masked = layers.Embedding(5, 2, mask_zero=True)
    masked(layers.Input((3,)))
    assert masked.get_output_mask_at(0).shape == masked.output_mask.shape == (None, 3)
    assert masked.input_mask is None


def test_weights_that_authors_list():
    class ByHand(layers.Layer):
        def build(self, input_shape):
            self.w, self.fixed = variable(np.ones((2, 3))), variable(np.ones(3))
            self._trainable_weights.append(self.w)
            self._non_trainable_weights += [self.fixed]
            super().build(input_shape)

        def call(self, x):
            return lamina.ops.matmul(x, self.w) + self.fixed

    for dialect in ("keras1", "keras2", "tf_keras"):
        with using_dialect(dialect):
            model = lamina.Sequential([ByHand(input_shape=(2,))])
            model.compile("sgd", "mse")
            model.fit(np.ones((4, 2)), np.zeros((4, 3)), verbose=0)
        [layer] = model.layers
        assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(2, 3)], dialect
        assert not (layer.get_weights()[0] == 1).any()
        assert (layer.get_weights()[1] == 1).all()


def test_what_models_are_asked():
    start = layers.Input((2,), name="start")
    model = lamina.Model(start, layers.Dense(3)(start))
    assert (model.input_names, model._is_compiled, model._is_graph_network, model.loss_weights) == (
        ["start"],
        False,
        True,
        None,
    )
    model.compile("sgd", "mse", loss_weights=[2.0])
    assert (model.loss_weights, model._is_compiled) == ([2.0], True)
    assert model.updates == model.state_updates == model.get_updates_for(None) == []
    assert model._layers == model.layers
    assert not model.stateful


def test_attributes_of_an_author_go_before_older_names():
    class Own(lamina.Model):
        def __init__(self):
            super().__init__()
            self.loss_weights, self.updates, self.stateful, self.input_names = {"a": 1.0}, 7, True, ["x"]

    model = Own()
    model.compile("sgd")
    assert (model.loss_weights, model.updates, model.stateful, model.input_names) == ({"a": 1.0}, 7, True, ["x"])


def test_every_stateful_layer_of_a_model_starts_anew():
    model = lamina.Sequential([layers.LSTM(2, batch_input_shape=(1, 3, 1), stateful=True), layers.Dense(1)])
    first = model.predict(np.ones((1, 3, 1)), verbose=0)
    assert model.stateful
    assert not np.array_equal(model.predict(np.ones((1, 3, 1)), verbose=0), first)
    outer = lamina.Sequential([model])
    outer.reset_states()
    np.testing.assert_array_equal(model.predict(np.ones((1, 3, 1)), verbose=0), first)


def test_penalties_that_need_no_data_are_told_apart():
    dense = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1", kernel_initializer="ones")
    dense(np.ones((1, 3), "float32"))
    [penalty], [of_call] = dense.get_losses_for(None), dense.get_losses_for("inputs")
    np.testing.assert_allclose([penalty.item(), of_call.item()], [0.01 * 6, 0.01 * 6], rtol=1e-5)


class Watching(Callback):
    def on_train_begin(self, logs=None):
        self.seen = {"params": dict(self.params)}

    def on_batch_begin(self, batch, logs=None):
        self.seen.setdefault("begin", dict(logs))

    def on_batch_end(self, batch, logs=None):
        self.seen.setdefault("end", dict(logs))


@pytest.mark.parametrize(
    ("dialect", "samples", "epochs"), [("keras1", "nb_sample", "nb_epoch"), ("keras2", "samples", "epochs"),
                                       ("keras2.3", "samples", "epochs")]
)  # fmt: skip
def test_what_callbacks_were_told(dialect, samples, epochs):
    watching = Watching()
    x, y = np.ones((5, 3)), np.ones((5, 1))
    with using_dialect(dialect):
        model = lamina.Sequential([layers.Dense(1, input_dim=3)])
        model.compile("sgd", "mse", metrics=["mae"])
        model.fit(x, y, batch_size=3, validation_data=(x[:2], y[:2]), callbacks=[watching], verbose=0)
    seen = watching.seen
    mae = "mae" if dialect == "keras2.3" else "mean_absolute_error"
    told = {samples: 5, epochs: 1, "batch_size": 3, "do_validation": True, "steps": 2,
            "metrics": ["loss", mae, "val_loss", f"val_{mae}"]}  # fmt: skip
    assert told.items() <= seen["params"].items()
    assert seen["begin"] == {"batch": 0, "size": 3}
    assert set(seen["end"]) == {"batch", "size", "loss", mae}
    assert [part.shape for part in watching.validation_data] == [(2, 3), (2, 1), (2,)]


def test_today_callbacks_are_told_no_more_than_keras_3_tells():
    watching = Watching()
    model = lamina.Sequential([layers.Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    model.fit(np.ones((5, 3)), np.ones((5, 1)), callbacks=[watching], verbose=0)
    assert (watching.seen["begin"], set(watching.seen["end"])) == ({}, {"loss"})
    assert set(watching.seen["params"]) == {"epochs", "steps", "verbose"}
    assert watching.validation_data is None


def test_callbacks_are_called_with_keywords():
    class Noting(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.told = (epoch, logs)

        def on_train_begin(self, logs=None):
            self.began = logs

    one = Noting()
    calls = CallbackList([one])
    calls.on_train_begin(logs={"a": 1})
    for call in (lambda: calls.on_epoch_begin(3, logs={"b": 2}), lambda: calls.on_epoch_begin(epoch=3, logs={"b": 2}),
                 lambda: calls.on_epoch_begin(3, {"b": 2})):  # fmt: skip
        one.told = None
        call()
        assert (one.began, one.told) == ({"a": 1}, (3, {"b": 2}))
    calls.on_epoch_begin(epoch=4)
    assert one.told == (4, {})


def test_updates_are_what_training_moves():
    model = Sequential([layers.BatchNormalization(input_shape=(3,)), layers.Dense(1)])
    moved = model.layers[0].non_trainable_weights
    assert [update.variable is one for update, one in zip(model.updates, moved, strict=True)] == [True, True]
    found = K.function([model.input, K.learning_phase()], [model.output], updates=model.updates)([np.ones((4, 3)), 1])
    assert found[0].shape == (4, 1)
    model.layers[0].trainable = False
    assert model.updates == model.state_updates == []


def test_tools_may_ask_for_any_attribute():
    """``torch.jit`` and debuggers go over ``dir``: an attribute is there, or ``hasattr`` says that it is not."""
    called, built = layers.LSTM(2, return_state=True), layers.Dense(2)
    called(layers.Input((3, 2)))
    built.build((None, 3))
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    fresh = [layers.Dense(2), layers.LSTM(2), Sequential([layers.Input((3,)), layers.Dense(2)])]
    for one in (called, built, model, *fresh):
        for name in dir(one):
            hasattr(one, name)


# ---- habits of authors -----------------------------------------------------------------------------------------------


class SaysNothing(layers.Layer):
    pass


@pytest.mark.parametrize("cls", [layers.Layer, SaysNothing])
@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_a_layer_without_a_call_gives_what_it_gets(cls, dialect):
    x = np.ones((2, 3), "float32")
    with using_dialect(dialect):
        np.testing.assert_array_equal(cls()(x), x)
        np.testing.assert_array_equal(Sequential([cls(input_shape=(3,))]).predict(x, verbose=0), x)


@pytest.mark.parametrize("cls", [layers.Layer, SaysNothing])
def test_today_its_author_is_told(cls):
    with pytest.raises(NotImplementedError, match=f"{cls.__name__} '.*' has no `call`: write"):
        cls()(np.ones((2, 3), "float32"))


class AsksItsWeight(layers.Layer):
    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=(3,), initializer="ones")
        self.factor = self.add_weight(name="factor", shape=(), initializer="zeros")

    def call(self, x):
        if self.bias:
            x = x + self.bias
        return x * self.factor if self.factor else x


def test_weights_in_conditions_are_there():
    """``if self.bias:`` asked whether there is one; a weight of one number that is 0 is there, too."""
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(AsksItsWeight()(x).detach(), 0 * x)
    model = Sequential([AsksItsWeight(input_shape=(3,))])
    np.testing.assert_array_equal(model.predict(x, verbose=0), 0 * x)
    model.compile("sgd", "mse")
    model.fit(x, x, verbose=0)
    assert [type(weight).__bool__(weight) for weight in model.weights] == [True, True]


class AsksItsInput(AsksItsWeight):
    def call(self, x):
        return x + self.bias if x > 0 else x


def test_data_in_conditions_are_still_refused():
    with pytest.raises(RuntimeError, match="Boolean value of Tensor"):
        AsksItsInput()(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_lists_of_one(dialect):
    with using_dialect(dialect):
        x = layers.Input((3,))
        model = lamina.Model([x], [layers.Dense(2)(x)])
        assert model.output.shape == (None, 2)
        assert model.input is x
        assert (model.inputs, [one.shape for one in model.outputs]) == ([x], [(None, 2)])
        assert lamina.Model(x, layers.Dense(1)(model([x]))).predict([np.ones((4, 3))], verbose=0).shape == (4, 1)


def test_targets_without_data_are_none():
    model = Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", target_tensors=[K.placeholder((None, 1))])
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    with pytest.raises(TypeError, match="they hold data; give the targets to fit"):
        model.compile("sgd", "mse", target_tensors=[np.ones((4, 1))])


def test_models_that_train_otherwise():
    plain = Sequential([layers.Dense(1, input_shape=(3,)), layers.Dropout(0.0)])
    assert not plain.uses_learning_phase
    for layer in (layers.Dropout(0.5), layers.BatchNormalization(), layers.GaussianNoise(0.1)):
        assert Sequential([layers.Dense(1, input_shape=(3,)), layer]).uses_learning_phase
