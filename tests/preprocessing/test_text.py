"""keras.preprocessing.text: beside Keras 3's legacy module; what Keras 1 did otherwise as its formulas say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.preprocessing import text as keras_text

from lamina.dialects import set_dialect
from lamina.preprocessing import text

TEXTS: list[Any] = ["The cat sat on the mat.", "The dog, the DOG ate my homework!", ["List", "of", "the"], ""]


@pytest.fixture(autouse=True)
def _modern_again():
    yield
    set_dialect(None)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_words": 5},
        {"oov_token": "<oov>", "num_words": 4},
        {"char_level": True},
        {"lower": False, "filters": "", "split": ","},
        {"oov_token": "the"},
        {"analyzer": lambda words: words.split("t"), "lower": False},
        {"filters": "aeo", "split": "--"},
    ],
)
def test_tokenizers_are_keras_s(arguments: dict[str, Any]):
    found = []
    for module in (text, keras_text):
        tokenizer = module.Tokenizer(**arguments)
        tokenizer.fit_on_texts(TEXTS)
        sequences = tokenizer.texts_to_sequences([*TEXTS, "unknown cat"])
        again = module.tokenizer_from_json(tokenizer.to_json(indent=1))
        tokenizer.fit_on_texts(["the mat"])
        matrices = [tokenizer.texts_to_matrix(TEXTS, mode).tolist() for mode in ("binary", "count", "freq", "tfidf")]
        tokenizer.fit_on_sequences([[1, 2], [2]])
        found.append((sequences, tokenizer.to_json(), tokenizer.sequences_to_texts([*sequences, [99, 1]]), matrices,
                      tokenizer.document_count, dict(tokenizer.word_docs), dict(tokenizer.index_docs), again.to_json(),
                      again.texts_to_sequences(TEXTS), tokenizer.sequences_to_matrix([[1, 2]], "tfidf").tolist(),
                      tokenizer.index_word))  # fmt: skip
    assert found[0] == found[1]


def test_a_tokenizer_from_json_learns_on():
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts(["a cat"])
    again = text.tokenizer_from_json(tokenizer.to_json())
    for one in (tokenizer, again):
        one.fit_on_texts(["a dog"])
    assert json.loads(again.to_json()) == json.loads(tokenizer.to_json())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("text_to_word_sequence", ("A b, c\td!",)),
        ("text_to_word_sequence", ("A-b c", "-", False, " ")),
        ("one_hot", ("a b c a", 10)),
        ("hashing_trick", ("a b c", 7, "md5")),
        ("hashing_trick", ("a b c", 7, len)),
        ("hashing_trick", ("A b", 9, None, "", False)),
    ],
)
def test_functions_are_keras_s(name: str, arguments: tuple[Any, ...]):
    assert getattr(text, name)(*arguments) == getattr(keras_text, name)(*arguments)


def test_keras_1_hashed_by_absolute_values_and_kept_the_case_of_characters():
    words = [f"word{number}" for number in range(50)]
    set_dialect("keras1")
    assert text.one_hot(" ".join(words), 20) == [abs(hash(word)) % 19 + 1 for word in words]
    tokenizer = text.Tokenizer(nb_words=3, char_level=True)
    tokenizer.fit_on_texts(["aA"])
    tokenizer.fit_on_texts(["b"])
    assert (tokenizer.nb_words, tokenizer.document_count, set(tokenizer.word_index)) == (3, 1, {"a", "A", "b"})
    assert text.base_filter() == '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def test_older_words():
    assert text.Tokenizer(nb_words=7).num_words == 7
    assert text.text_to_word_sequence(input_text="a b") == ["a", "b"]
    assert len(text.one_hot(input_text="a b", n=5)) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: text.Tokenizer().sequences_to_matrix([[1]]), "knows no words: call fit_on_texts"),
        (lambda: text.Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf"), "needs a Tokenizer that knows texts"),
        (
            lambda: text.Tokenizer(num_words=3).sequences_to_matrix([[1]], "words"),
            "mode='binary', 'count', 'freq' or 'tfidf'",
        ),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_numpy_numbers_are_numbers():
    tokenizer = text.Tokenizer(num_words=4)
    assert tokenizer.sequences_to_matrix([list(np.array([1, 3, 9]))]).tolist() == [[0, 1, 0, 1]]
