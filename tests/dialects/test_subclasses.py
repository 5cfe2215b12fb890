"""Classes of an old script's own: what they pass to ``super().__init__`` may be in any generation's words, too."""

from __future__ import annotations

import copy

import pytest
import torch

from lamina import layers, models
from lamina.compat.modules import as_keras
from lamina.dialects import using_dialect


class Wide(layers.Dense):
    def __init__(self, output_dim, **kwargs):
        super().__init__(output_dim=2 * output_dim, init="one", **kwargs)


class Old(layers.LSTM):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Image(layers.Convolution2D):
    def __init__(self, *sizes, **kwargs):
        super().__init__(*sizes, **kwargs)


class Deeper(Wide):
    """A class of the user's upon one of the user's."""


def test_words_of_keras_1():
    layer = Deeper(3, W_regularizer="l2", bias=False, input_dim=4)
    assert (layer.units, layer.use_bias, layer.batch_input_shape) == (6, False, (None, 4))
    assert layer(torch.ones(1, 4)).tolist() == [[4.0] * 6]
    assert copy.deepcopy(layer)(torch.ones(1, 4)).tolist() == [[4.0] * 6]
    again = Image(8, 3, 3, border_mode="same", subsample=(2, 2))
    assert (again.kernel_size, again.strides, again.padding) == ((3, 3), (2, 2), "same")


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3", "tf_keras", None])
def test_a_class_of_the_user_s_has_the_dialect_s_defaults(dialect):
    with using_dialect(dialect):
        mine, theirs = Old(8).get_config(), layers.LSTM(8).get_config()
        assert mine | {"name": theirs["name"]} == theirs
    with using_dialect("keras1"):
        assert Image(8, 3, 3).kernel_size == (3, 3)
        assert Old(8, "zero", "one").kernel_initializer.get_config() == {}


def test_a_constructor_inside_is_not_translated_again():
    class Mine(layers.ReversibleEmbedding):
        def __init__(self):
            super().__init__(10, 4)

    with using_dialect("keras2"):  # whose Embedding took two positional arguments
        assert Mine().output_dim == 4


def test_both_spellings():
    with pytest.raises(TypeError, match="Dense got both output_dim and units"):
        Wide(3, units=3)
    with pytest.raises(ValueError, match="Wide got an unknown argument 'activatoin'"):
        Wide(3, activatoin="relu")


def test_a_failed_constructor_can_be_called_again():
    layer = Wide.__new__(Wide)
    layer._arguments = {}
    with pytest.raises(ValueError, match="activatoin"):
        layer.__init__(3, activatoin="relu")
    layer.__init__(3, bias=False)
    assert layer.use_bias is False


def test_models():
    with as_keras("keras1"):
        from keras.layers import Dense, Input
        from keras.models import Model

        class Named(Model):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)

        x = Input(shape=(3,))
        model = Named(input=x, output=Dense(2)(x))
        assert isinstance(model, models.Model)
        assert model.output_shape == (None, 2)
