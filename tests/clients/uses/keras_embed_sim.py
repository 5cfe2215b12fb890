"""keras-embed-sim: an embedding that gives its table, too, and likeness to the rows of that."""

from __future__ import annotations

import numpy as np
from keras_embed_sim import EmbeddingRet, EmbeddingSim, get_custom_objects
from tensorflow import keras

from clients.helpers import close, comes_back, learns, softmax

TOKENS = np.random.default_rng(0).integers(1, 9, (16, 5))


def _model(**options):
    inputs = keras.layers.Input((None,))
    embedded, table = EmbeddingRet(9, 6, name="table", **options)(inputs)
    return keras.models.Model(inputs, EmbeddingSim(name="like")([embedded, table]))


def likeness_is_its_formula():
    model = _model()
    table, bias = model.get_layer("table").get_weights()[0], model.get_layer("like").get_weights()[0]
    close(model.predict(TOKENS), softmax(table[TOKENS] @ table.T + bias))


def the_table_is_shared():
    model = _model()
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    assert len(model.trainable_weights) == 2
    learns(model, TOKENS, TOKENS[..., None], 20)


def a_stopped_gradient_leaves_the_loss_to_one_side():
    inputs = keras.layers.Input((5,))
    embedded, table = EmbeddingRet(9, 6)(inputs)
    model = keras.models.Model(inputs, EmbeddingSim(stop_gradient=True)([embedded, table]))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(TOKENS, TOKENS[..., None], verbose=0)


def a_mask_passes_through_both():
    inputs = keras.layers.Input((None,))
    embedded, table = EmbeddingRet(9, 6, mask_zero=True)(inputs)
    like = EmbeddingSim()([embedded, table])
    model = keras.models.Model(inputs, keras.layers.LSTM(3)(like))
    padded = np.pad(TOKENS, ((0, 0), (0, 2)))
    close(model.predict(TOKENS), model.predict(padded))


def they_are_saved_and_loaded():
    comes_back(_model(mask_zero=True), TOKENS, get_custom_objects())
