"""keras-gpt-2: a language model that is wider than it is known here, and its pairs of bytes."""

from __future__ import annotations

import numpy as np
from keras_gpt_2 import BytePairEncoding, generate, get_custom_objects, get_model
from tensorflow import keras

from clients.helpers import close, comes_back, learns

TOKENS = np.tile(np.arange(8), (4, 2))


def _model(**options):
    return get_model(n_vocab=8, n_ctx=20, n_embd=12, n_head=3, n_layer=2, **options)


def it_learns_to_count():
    model = _model()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    learns(model, TOKENS[:, :-1], TOKENS[:, 1:, None], 20, 0.5)


def the_past_does_not_see_the_future():
    model = _model()
    changed = TOKENS.copy()
    changed[:, 5:] = 0
    close(model.predict(TOKENS)[:, :5], model.predict(changed)[:, :5])


def words_are_taken_apart_and_put_together():
    coder = BytePairEncoding({"l": 0, "o": 1, "w": 2, "lo": 3, "low": 4, "Ġ": 5}, {("l", "o"): 0, ("lo", "w"): 1})
    assert coder.encode("low low") == [4, 5, 4]
    assert coder.decode([4, 5, 4]) == "low low"


def text_is_generated():
    alphabet = {letter: place for place, letter in enumerate("abcdefgh")}
    texts = generate(_model(), BytePairEncoding(alphabet, {}), ["abc", "fg"], length=4, top_k=1)
    assert [text[: len(start)] for text, start in zip(texts, ["abc", "fg"], strict=True)] == ["abc", "fg"]
    assert [len(text) for text in texts] == [7, 6]


def it_is_saved_and_loaded():
    comes_back(_model(), TOKENS, get_custom_objects())
