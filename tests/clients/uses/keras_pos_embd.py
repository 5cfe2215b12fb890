"""keras-pos-embd: positions that are learned, and positions of sines and cosines."""

from __future__ import annotations

import numpy as np
from keras_pos_embd import PositionEmbedding, TrigPosEmbedding
from tensorflow import keras

from clients.helpers import close, comes_back

X = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
KNOWN = {"PositionEmbedding": PositionEmbedding, "TrigPosEmbedding": TrigPosEmbedding}


def _model(layer, shape=(5, 4)):
    return keras.models.Sequential([keras.layers.InputLayer(input_shape=shape), layer])


def _waves(length, width):
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, width)


def waves_are_added():
    close(_model(TrigPosEmbedding(mode=TrigPosEmbedding.MODE_ADD)).predict(X), X + _waves(5, 4))


def waves_stand_beside():
    layer = TrigPosEmbedding(output_dim=6, mode=TrigPosEmbedding.MODE_CONCAT)
    close(_model(layer, (None, 4)).predict(X), np.concatenate([X, np.tile(_waves(5, 6), (2, 1, 1))], -1))


def waves_of_given_places():
    places = np.array([[3, 1, 2]])
    found = _model(TrigPosEmbedding(output_dim=4, mode=TrigPosEmbedding.MODE_EXPAND), (None,)).predict(places)
    close(found, _waves(9, 4)[places])


def learned_places_are_added():
    layer = PositionEmbedding(input_dim=8, output_dim=4, mode=PositionEmbedding.MODE_ADD)
    found = _model(layer).predict(X)
    close(found, X + layer.get_weights()[0][:5])


def places_on_both_sides_are_looked_up():
    layer = PositionEmbedding(input_dim=2, output_dim=3, mode=PositionEmbedding.MODE_EXPAND)
    places = np.array([[-9, -1, 0, 1, 9]])
    found = _model(layer, (5,)).predict(places)
    close(found, layer.get_weights()[0][np.clip(places, -2, 2) + 2])


def both_are_saved_and_loaded():
    comes_back(_model(PositionEmbedding(input_dim=8, output_dim=4, mode=PositionEmbedding.MODE_ADD)), X, KNOWN)
    comes_back(_model(TrigPosEmbedding(mode=TrigPosEmbedding.MODE_ADD)), X, KNOWN)
