"""keras-transformer: translation by an encoder and a decoder."""

from __future__ import annotations

import numpy as np
from keras_transformer import decode, get_custom_objects, get_encoders, get_model
from tensorflow import keras

from clients.helpers import comes_back, learns

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(3, 9, (16, 6))
STARTED = np.pad(TOKENS, ((0, 0), (1, 0)), constant_values=1)
ENDED = np.pad(TOKENS, ((0, 0), (0, 1)), constant_values=2)


def _model(**options):
    return get_model(token_num=10, embed_dim=8, encoder_num=1, decoder_num=1, head_num=2, hidden_dim=12,
                     dropout_rate=0.0, **options)  # fmt: skip


def it_learns_to_copy():
    model = _model(use_same_embed=True, embed_trainable=True, embed_weights=RNG.random((10, 8)))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    learns(model, [TOKENS, STARTED], ENDED[..., None], 20)


def languages_may_have_embeddings_of_their_own():
    model = get_model(token_num=[10, 12], embed_dim=8, encoder_num=1, decoder_num=1, head_num=2, hidden_dim=12,
                      use_same_embed=False)  # fmt: skip
    assert model.predict([TOKENS, STARTED]).shape == (16, 7, 12)


def padding_changes_nothing():
    model = _model()
    padded = [np.pad(one, ((0, 0), (0, 3))) for one in (TOKENS, STARTED)]
    np.testing.assert_allclose(model.predict([TOKENS, STARTED]), model.predict(padded)[:, :7], rtol=1e-3, atol=1e-4)


def the_past_does_not_see_the_future():
    model = _model()
    changed = STARTED.copy()
    changed[:, -1] = 5
    np.testing.assert_allclose(
        model.predict([TOKENS, STARTED])[:, :6], model.predict([TOKENS, changed])[:, :6], rtol=1e-4, atol=1e-5
    )


def sentences_are_decoded():
    found = decode(_model(), TOKENS[:3].tolist(), start_token=1, end_token=2, pad_token=0, max_len=9)
    assert len(found) == 3
    assert all(one[0] == 1 and len(one) <= 9 for one in found)


def beams_are_searched():
    found = decode(_model(), TOKENS[0].tolist(), start_token=1, end_token=2, pad_token=0, top_k=3, temperature=1.0,
                   max_len=9)  # fmt: skip
    assert found[0] == 1


def encoders_alone_are_saved_and_loaded():
    inputs = keras.layers.Input((6, 8))
    model = keras.models.Model(inputs, get_encoders(2, inputs, head_num=2, hidden_dim=12))
    comes_back(model, RNG.normal(size=(3, 6, 8)).astype("float32"), get_custom_objects())
