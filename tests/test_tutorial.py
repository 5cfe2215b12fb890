"""The tutorial that lamina starts from: every code line and every number of it, in the spelling that it has there.

Its imports (``from keras.layers import Dense``, ``keras.engine.topology.Input``) are those of old Keras, so the lines
run inside ``as_keras()``. A line of the tutorial that a test runs stands in it as it is written there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from lamina.compat.modules import as_keras


@pytest.fixture(autouse=True)
def _keras() -> Iterator[None]:
    with as_keras():
        yield


def test_shared_api() -> None:
    from keras.layers import Dense

    layer = Dense(32)
    config = layer.get_config()
    assert config["units"] == 32
    assert config["activation"] == "linear"
    assert layer.get_weights() == []
    layer(np.zeros((1, 4), "float32"))
    weights = layer.get_weights()
    assert [w.shape for w in weights] == [(4, 32), (32,)]
    layer.set_weights([w + 1 for w in weights])
    for before, after in zip(weights, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before + 1)


def test_dense_with_all_ten_arguments() -> None:
    from keras.layers import Dense

    layer = Dense(units=10, activation=None, use_bias=True, kernel_initializer='glorot_uniform',
                  bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None,
                  activity_regularizer=None, kernel_constraint=None, bias_constraint=None)  # fmt: skip
    x = np.random.default_rng(0).standard_normal((2, 4)).astype("float32")
    output = layer(x)
    kernel, bias = layer.get_weights()
    # output = activation(dot(input, kernel) + bias)
    np.testing.assert_allclose(output.detach().numpy(), x @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_sequential_knows_its_shapes_from_the_first_layer_on() -> None:
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, input_shape=(16,)))
    model.add(Dense(32))
    assert model.input_shape == (None, 16)
    assert model.output_shape == (None, 32)
    assert model(np.zeros((5, 16), "float32")).shape == (5, 32)


def test_activation() -> None:
    import keras

    layer = keras.layers.Activation("relu")
    assert layer(torch.tensor([-1.0, 0.0, 2.0])).tolist() == [0.0, 0.0, 2.0]
    for name in ("tanh", "softmax", "sigmoid"):
        assert keras.layers.Activation(name)(torch.zeros(2, 3)).shape == (2, 3)


def test_dropout_drops_at_the_rate_and_only_in_training() -> None:
    import keras

    layer = keras.layers.Dropout(rate=0.5, noise_shape=None, seed=None)
    x = torch.ones(200, 50)
    assert torch.equal(layer(x), x)
    dropped = layer(x, training=True)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert abs((dropped == 0).float().mean().item() - 0.5) < 0.03


def test_dropout_with_the_same_mask_for_all_timesteps() -> None:
    import keras

    batch_size, timesteps, features = 4, 7, 30
    layer = keras.layers.Dropout(rate=0.5, noise_shape=(batch_size, 1, features))
    dropped = layer(torch.ones(batch_size, timesteps, features), training=True)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0 < (dropped == 0).float().mean() < 1


def test_convolution_in_keras_1_words_then_flatten() -> None:
    import keras
    from keras.models import Sequential

    model = Sequential()
    model.add(keras.layers.Conv2D(64, 3, 3,
                                  border_mode='same',
                                  input_shape=(32, 32, 3)))  # fmt: skip
    # The tutorial says (None, 64, 32, 32), which is what channels-first ordering gives; 64 maps of 32x32 either way.
    assert model.output_shape == (None, 32, 32, 64)
    assert model.layers[0].kernel_size == (3, 3)
    assert model.layers[0].strides == (1, 1)
    model.add(keras.layers.Flatten())
    assert model.output_shape == (None, 65536)


def test_convolution_in_channels_first_order_has_the_tutorials_shape() -> None:
    import keras
    from keras.models import Sequential

    model = Sequential()
    model.add(keras.layers.Conv2D(64, 3, 3, border_mode='same', dim_ordering='th', input_shape=(3, 32, 32)))
    assert model.output_shape == (None, 64, 32, 32)
    model.add(keras.layers.Flatten())
    assert model.output_shape == (None, 65536)


def test_input_and_functional_model() -> None:
    import keras
    from keras.layers import Dense
    from keras.models import Model

    x = keras.engine.topology.Input(shape=(32,))
    y = Dense(16, activation='softmax')(x)
    model = Model(x, y)
    assert model.output_shape == (None, 16)
    probabilities = model.predict(np.zeros((2, 32), "float32"), verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_reshape() -> None:
    import keras
    from keras.models import Sequential

    model = Sequential()
    model.add(keras.layers.Reshape((3, 4), input_shape=(12,)))
    assert model.output_shape == (None, 3, 4)
    model.add(keras.layers.Reshape((6, 2)))
    assert model.output_shape == (None, 6, 2)
    model.add(keras.layers.Reshape((-1, 2, 2)))
    assert model.output_shape == (None, 3, 2, 2)
    assert model(np.arange(24, dtype="float32").reshape(2, 12)).shape == (2, 3, 2, 2)


@pytest.mark.parametrize(("rank", "given"), [(1, 1), (2, (1, 1)), (3, (1, 1, 1))])
def test_convolutions_with_every_argument_that_the_tutorial_names(rank: int, given: object) -> None:
    import keras

    layer = getattr(keras.layers, f"Conv{rank}D")
    made = layer(filters=4, kernel_size=3, strides=given, padding='valid', dilation_rate=given,
                 activation=None, use_bias=True, kernel_initializer='glorot_uniform',
                 bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None)  # fmt: skip
    assert made(torch.zeros(2, *[8] * rank, 3)).shape == (2, *[6] * rank, 4)


@pytest.mark.parametrize(("padding", "steps"), [("valid", 8), ("same", 10), ("causal", 10)])
def test_conv1d_padding(padding: str, steps: int) -> None:
    import keras

    layer = keras.layers.Conv1D(4, 3, padding=padding)
    assert layer(torch.zeros(2, 10, 3)).shape == (2, steps, 4)
    if padding == "causal":  # the past does not see the future
        x = torch.randn(1, 10, 3)
        changed = x.clone()
        changed[:, 5:] += 1
        assert torch.equal(layer(x)[:, :5], layer(changed)[:, :5])


def test_strides_and_dilation_do_not_go_together() -> None:
    import keras

    with pytest.raises(ValueError, match="strides"):
        keras.layers.Conv1D(4, 3, strides=2, dilation_rate=2)


def test_pooling() -> None:
    import keras

    x = torch.tensor([1.0, 3.0, 2.0, 8.0]).reshape(1, 4, 1)
    pooled = keras.layers.MaxPooling1D(pool_size=2, strides=None, padding='valid')(x)
    assert pooled.reshape(-1).tolist() == [3.0, 8.0]
    assert keras.layers.AveragePooling1D(pool_size=2, strides=None, padding='valid')(x).reshape(-1).tolist() == [2.0, 5.0]
    # (2, 2) halves both axes
    assert keras.layers.MaxPooling2D(pool_size=(2, 2), strides=None, padding='valid', data_format=None)(
        torch.zeros(1, 8, 6, 3)).shape == (1, 4, 3, 3)  # fmt: skip
    assert keras.layers.MaxPooling3D(pool_size=(2, 2, 2), strides=None, padding='valid', data_format=None)(
        torch.zeros(1, 8, 6, 4, 3)).shape == (1, 4, 3, 2, 3)  # fmt: skip
    assert keras.layers.GlobalAveragePooling1D()(x).tolist() == [[3.5]]
    assert keras.layers.GlobalMaxPooling2D()(torch.ones(2, 4, 4, 3)).shape == (2, 3)


def test_advanced_activations() -> None:
    import keras

    x = torch.tensor([[-2.0, 0.0, 3.0]])
    np.testing.assert_allclose(keras.layers.LeakyReLU(alpha=0.3)(x), [[-0.6, 0.0, 3.0]], rtol=1e-6)
    prelu = keras.layers.PReLU(alpha_initializer='zeros', alpha_regularizer=None, alpha_constraint=None, shared_axes=None)
    np.testing.assert_allclose(prelu(x).detach(), [[0.0, 0.0, 3.0]])
    np.testing.assert_allclose(keras.layers.ELU(alpha=1.0)(x), [[np.exp(-2) - 1, 0.0, 3.0]], rtol=1e-6)


def test_softmax_of_1_2_3() -> None:
    import keras

    def softmax(x: np.ndarray) -> np.ndarray:
        exps = np.exp(x)
        return exps / np.sum(exps)

    probabilities = keras.layers.Softmax(axis=-1)(torch.tensor([[1.0, 2.0, 3.0]]))[0].numpy()
    np.testing.assert_allclose(probabilities, softmax(np.array([1.0, 2.0, 3.0])), rtol=1e-6)
    np.testing.assert_allclose(probabilities.round(2), [0.09, 0.24, 0.67], rtol=1e-6)
    assert (probabilities >= 0).all()
    assert (probabilities <= 1).all()
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-6)
