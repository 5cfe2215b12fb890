"""How models of older generations trained: averages of BatchNormalization, the learning phase, clips. The figures are those of
Keras 1.2.2, 2.2.4 and 2.3.1, which were run on the same arrays, or follow from a formula that stands here."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import as_keras, layers, optimizers
from lamina.backend import clear_session, eval, function, learning_phase, set_learning_phase, variable
from lamina.dialects import using_dialect

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.randn(11, 4).astype("float32"), RANDOM.randn(11, 3).astype("float32")
IMAGES = (RANDOM.randn(8, 3, 3, 4) * 2 + 1).astype("float32")


def normalized(shape: Any = (4,), **options: Any) -> Any:
    model = lamina.Sequential(
        [layers.Input(shape), layers.BatchNormalization(**options), layers.Flatten(), layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def phases():
    yield
    clear_session()


@pytest.mark.parametrize(("dialect", "kept"), [("keras1", 0.9), ("keras2", 0.0), ("keras2.3", 0.9), ("tf_keras", 0.9)])
def test_the_first_batch_in_averages(dialect, kept):
    with using_dialect(dialect):
        model = normalized(**({} if dialect == "keras1" else {"momentum": 0.9}))
        if dialect == "keras1":
            model.layers[0].momentum = 0.9
        model.train_on_batch(X, Y)
    moving_mean = np.asarray(model.layers[0].moving_mean.detach())
    np.testing.assert_allclose(moving_mean, (1 - kept) * X.mean(axis=0), rtol=1e-4)


def test_averages_of_keras_2_are_of_the_batches_seen():
    with using_dialect("keras2"):
        model = normalized(momentum=0.8)
        for at in (slice(0, 4), slice(4, 8), slice(8, 11)):
            model.train_on_batch(X[at], Y[at])
    means = np.array([X[:4].mean(axis=0), X[4:8].mean(axis=0), X[8:].mean(axis=0)])
    shares = np.array([0.2 * 0.64, 0.2 * 0.8, 0.2])
    np.testing.assert_allclose(
        model.layers[0].moving_mean.detach(), shares @ means / shares.sum(), rtol=1e-4, atol=1e-6
    )
    again = layers.BatchNormalization.from_config(model.layers[0].get_config())
    assert again.debiases


@pytest.mark.parametrize(("axis", "images"), [(-1, True), (1, False)])
def test_the_variance_of_images_is_corrected_twice_in_keras_2(axis, images):
    with using_dialect("keras2.3"):
        model = normalized((3, 3, 4), axis=axis, momentum=0.0)
        model.train_on_batch(IMAGES, Y[:8])
    others = tuple(number for number in range(4) if number != axis % 4)
    count = IMAGES.size // IMAGES.shape[axis]
    expected = IMAGES.var(axis=others) * count / (count - 1.001) * (count / (count - 1) if images else 1)
    np.testing.assert_allclose(model.layers[0].moving_variance.detach(), expected, rtol=1e-5)


@pytest.mark.parametrize(("dialect", "stays"), [("keras1", False), ("keras2", True), ("keras2.3", True)])
def test_a_layer_that_is_frozen_before_the_first_step_keeps_its_averages_in_keras_2(dialect, stays):
    with using_dialect(dialect):
        model = normalized()
        model.layers[0].trainable = False
        gamma = np.asarray(model.layers[0].gamma.detach()).copy()
        model.train_on_batch(X, Y)
        model.train_on_batch(X, Y)
        assert (np.asarray(model.layers[0].gamma.detach()) != gamma).any()  # it was compiled as one to be trained
    assert (np.asarray(model.layers[0].moving_mean.detach()) == 0).all() == stays


def test_a_layer_that_is_frozen_after_the_first_step_goes_on_in_keras_2():
    with using_dialect("keras2"):
        model = normalized()
        model.train_on_batch(X, Y)
        model.layers[0].trainable = False
        before = np.asarray(model.layers[0].moving_mean.detach()).copy()
        model.train_on_batch(X[:4], Y[:4])
    assert (np.asarray(model.layers[0].moving_mean.detach()) != before).any()


@pytest.mark.parametrize("phase", [0, 1])
def test_the_learning_phase_holds_for_layers_that_are_called_under_it(phase, phases):
    with using_dialect("keras2.3"):
        set_learning_phase(phase)
        model = normalized()
        kernel, bias = model.layers[-1].get_weights()
        spread = np.sqrt(X.var(axis=0) + 1e-3) if phase else np.sqrt(1 + 1e-3)
        expected = (X - (X.mean(axis=0) if phase else 0)) / spread @ kernel + bias
        np.testing.assert_allclose(model.predict(X, batch_size=11, verbose=0), expected, rtol=1e-4, atol=1e-5)
        error = ((expected - Y) ** 2).mean()
        np.testing.assert_allclose(model.evaluate(X, Y, batch_size=11, verbose=0), error, rtol=1e-4)
    clear_session()
    if not phase:
        np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_layers_that_were_called_before_the_phase_was_fixed_follow_the_model(phases):
    model = lamina.Sequential([layers.Input((4,)), layers.Dropout(0.5)])
    set_learning_phase(1)
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)
    dropped = lamina.Sequential([layers.Input((4,)), layers.Dropout(0.5)]).predict(X, verbose=0)
    assert (dropped == 0).any()


def test_a_function_in_training_leaves_averages_as_they_are():
    inputs = layers.Input((4,))
    layer = layers.BatchNormalization()
    run = function([inputs, learning_phase()], [layer(inputs)])
    [outputs] = run([X, 1])
    np.testing.assert_allclose(outputs, (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-3), rtol=1e-4, atol=1e-5)
    assert (np.asarray(layer.moving_mean.detach()) == 0).all()


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
def test_both_clips(dialect):
    with as_keras(dialect):
        from keras.optimizers import SGD

        model = lamina.Sequential([layers.Dense(3, input_shape=(4,))])
        model.compile(SGD(lr=1.0, clipnorm=1.0, clipvalue=0.2), "mse")
        kernel, bias = model.get_weights()
        model.train_on_batch(X, Y)
    away = 2 * (X @ kernel + bias - Y) / Y.size
    steps = [X.T @ away, away.sum(axis=0)]
    norm = max(1.0, np.sqrt(sum((step**2).sum() for step in steps)))
    for weight, before, step in zip(model.get_weights(), (kernel, bias), steps, strict=True):
        np.testing.assert_allclose(weight, before - np.clip(step / norm, -0.2, 0.2), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="Only one of"):
        optimizers.SGD(0.1, clipnorm=1.0, clipvalue=0.2)


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
def test_batch_dot_of_four_axes(dialect):
    shape = (3, 2, 4, 2, 6) if dialect == "keras2.3" else (3, 2, 4, 6)
    x, y = RANDOM.randn(3, 2, 4, 5), RANDOM.randn(3, 2, 5, 6)
    with as_keras(dialect):
        from keras import backend as of_then

        K: Any = of_then
        found = eval(K.batch_dot(variable(x), variable(y), axes=(3, 2)))
    assert found.shape == shape
    expected = np.einsum("bijk,bikl->bijl" if len(shape) == 4 else "bijk,bmkl->bijml", x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "axes", "equation"),
    [
        (((3, 4), (3, 4)), 1, "bi,bi->b"), (((3, 4, 5), (3, 4)), 1, "bij,bi->bj"), (((3, 4, 5), (3, 5)), (2, 1), "bij,bj->bi"),
        (((3, 4), (3, 4, 5)), (1, 1), "bi,bij->bj"), (((3, 4, 5), (3, 2, 5)), 2, "bij,bkj->bik"),
        (((3, 2, 4, 5), (3, 2, 6, 5)), 3, "bhij,bhkj->bhik"),
    ],
)  # fmt: skip
def test_batch_dot_of_keras_2(shapes, axes, equation):
    x, y = (RANDOM.randn(*shape) for shape in shapes)
    with as_keras("keras2"):
        from keras import backend as of_then
        from keras.layers import Input

        K: Any = of_then
        found = K.eval(K.batch_dot(K.variable(x), K.variable(y), axes=axes))
        symbols = [Input(shape[1:]) for shape in shapes]
        [again] = K.function(symbols, [K.batch_dot(*symbols, axes=axes)])([x, y])
    expected = np.einsum(equation, x, y)
    np.testing.assert_allclose(np.squeeze(found), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again, found, rtol=1e-5)
