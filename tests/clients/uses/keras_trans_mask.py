"""keras-trans-mask: layers that take masks off and put them on again."""

from __future__ import annotations

import numpy as np
from keras_trans_mask import CreateMask, RemoveMask, RestoreMask
from tensorflow import keras

from clients.helpers import close, comes_back

TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])
KNOWN = {"CreateMask": CreateMask, "RemoveMask": RemoveMask, "RestoreMask": RestoreMask}


def _model(restores):
    inputs = keras.layers.Input((None,))
    embedded = keras.layers.Embedding(9, 4, mask_zero=True, name="table")(inputs)
    x = keras.layers.Conv1D(4, 1, name="conv")(RemoveMask()(embedded))
    x = RestoreMask()([x, embedded]) if restores else x
    return keras.models.Model(inputs, keras.layers.LSTM(3, name="lstm")(x))


def a_mask_that_is_taken_off_is_gone():
    model = _model(restores=False)
    assert not np.allclose(model.predict(TOKENS)[0], model.predict(TOKENS[:, :3])[0])


def a_mask_that_is_put_on_again_counts():
    model = _model(restores=True)
    close(model.predict(TOKENS)[0], model.predict(TOKENS[:, :3])[0])


def a_mask_is_made_of_numbers():
    inputs = keras.layers.Input((None,))
    masks = CreateMask(mask_value=9)(inputs)
    embedded = keras.layers.Embedding(10, 4)(inputs)
    model = keras.models.Model(inputs, keras.layers.LSTM(3)(RestoreMask()([embedded, masks])))
    close(model.predict(np.array([[1, 2, 9, 9]])), model.predict(np.array([[1, 2]])))


def all_are_saved_and_loaded():
    comes_back(_model(restores=True), TOKENS, KNOWN)
