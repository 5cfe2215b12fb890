"""The guess which generation a script was written for."""

from __future__ import annotations

import pytest

from lamina.compat.hints import guess

SCRIPTS = [
    ("model.fit(x, y, nb_epoch=3)", "keras1", ("nb_epoch",)),
    ("from keras.layers import Convolution2D\nConvolution2D(8, 3, 3)", "keras1", ("Convolution2D",)),
    ("from keras.initializations import normal", "keras1", ("keras.initializations", "keras.initializations.normal")),
    ("class Mine(Layer):\n    def get_output_shape_for(self, s): return s", "keras1", ("get_output_shape_for",)),
    # Keras 2 understood both
    ("Conv2D(8, 3, 3, border_mode='same')\nDense(units=3)", "keras2", ("border_mode", "units")),
    ("x = keras.engine.topology.Input(shape=(3,))\nimport keras.engine.topology", "keras2", ("keras.engine.topology",)),
    ("from keras.layers.core import Dense", "keras2", ("keras.layers.core", "keras.layers.core.Dense")),
    ("SGD(lr=0.1)", "keras2", ("lr",)),
    ("from tensorflow.keras.layers import Dense", "tf_keras",
     ("tensorflow.keras.layers", "tensorflow.keras.layers.Dense")),
    ("import tensorflow as tf\ntf.keras.Sequential()", "tf_keras", ("tf.keras",)),
    ("from tensorflow import keras\nkeras.optimizers.SGD(lr=1)", "tf_keras", ("tensorflow.keras",)),
    ("import keras\nkeras.ops.ones(3)\nLeakyReLU(negative_slope=0.1)", "keras3", ("negative_slope", "keras.ops")),
    ("import keras\nkeras.Sequential()", None, ()),
    ("# border_mode\n'nb_epoch'", None, ()),
]  # fmt: skip


@pytest.mark.parametrize(("source", "dialect", "words"), SCRIPTS)
def test_guess(source, dialect, words):
    assert guess(source) == (dialect, words)


def test_a_script_of_python_2_is_no_python_3():
    with pytest.raises(SyntaxError):
        guess("print 'hello'")
