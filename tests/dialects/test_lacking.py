"""What is said of a name of Keras that lamina lacks."""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path

import pytest

import lamina
from lamina.dialects.absent import absence, no_such, sentence
from lamina.dialects.absent_older import OLDER

PATHS = json.loads((Path(__file__).parent / "paths.json").read_text(encoding="utf-8"))


def shown(code: str) -> tuple[str, str]:
    """The words of the error of a piece of code, and the last line that Python prints of it."""
    printed, sys.stderr = sys.stderr, io.StringIO()
    try:
        exec(code, {})
    except (AttributeError, ImportError) as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return str(error), sys.stderr.getvalue().splitlines()[-1]
    finally:
        sys.stderr = printed
    raise AssertionError(f"{code} did not fail")


@pytest.mark.parametrize(("code", "words"), [
    ("import lamina; lamina.layers.Dens", "Did you mean 'Dense'?"),
    ("import lamina; lamina.layers.TFSMLayer", "Save the model as .keras"),
    ("import lamina; lamina.utils.multi_gpu_model", "DistributedDataParallel"),
    ("from lamina.utils import multi_gpu_model", "DistributedDataParallel"),
    ("from lamina.layers import EarlyStopping", "It is in lamina.callbacks."),
    ("from lamina.layers import Dens", "Did you mean 'Dense'?"),
    ("from lamina import Dense", "It is in lamina.layers."),
    ("import lamina; lamina.Sequentia", "Did you mean 'Sequential'?"),
    ("import lamina; lamina.applications", "comes with the applications"),
    ("import lamina; lamina.optimizers.Addam", "Did you mean 'Adam'?"),
    ("import lamina; lamina.ops.concatenat", "Did you mean 'concatenate'?"),
    ("import lamina.backend as K; K.get_graph()", "Leave the line out"),
])  # fmt: skip
def test_a_name_that_lamina_lacks(code, words):
    """In the error itself, or in what is printed where Python writes the error; without a guess of Python's beside."""
    said, printed = shown(code)
    assert words in printed
    assert printed.endswith(said)
    assert said.count("Did you mean") <= 1


@pytest.mark.parametrize(("code", "words"), [
    ("from keras.utils import multi_gpu_model", "DistributedDataParallel"),
    ("import keras; keras.utils.multi_gpu_model", "DistributedDataParallel"),
    ("from keras.utils.training_utils import multi_gpu_model", "DistributedDataParallel"),
    ("from keras.applications import ResNet50", "comes with the applications"),
    ("from keras.applications.resnet50 import ResNet50", "comes with the applications"),
    ("import keras; keras.applications.ResNet50", "comes with the applications"),
    ("from keras.layers import Densee", "Did you mean 'Dense'?"),
    ("from keras.callbacks import BaseLogger", "a callback's logs hold the averages"),
    ("from keras import backend as K; K.get_graph()", "Leave the line out"),
    ("import keras; keras.layers.EarlyStopping", "It is in keras.callbacks."),
    ("from keras.legacy import interfaces; interfaces.recurrent_args_preprocessor", "translated Keras 1's arguments"),
    ("from keras.engine.training import slice_X", "inside of Keras's fit"),
    ("from keras.estimator import model_to_estimator", "TensorFlow's Keras only"),
    ("from tensorflow.keras.utils import to_ordinal", "np.arange"),
    ("import tensorflow as tf; tf.strings.split(1)", "Python's strings do"),
])  # fmt: skip
def test_a_name_of_old_code(code, words):
    with lamina.as_keras():
        said, printed = shown(code)
    assert words in said
    assert printed.endswith(said)


def test_rows_are_of_what_is_lacking():
    """Nothing that lamina has stands in the table of older names."""
    there = []
    with lamina.as_keras():
        for names, *_ in OLDER:
            for name in names:
                module, _, last = name.rpartition(".")
                try:
                    found = importlib.import_module(f"keras.{module}".rstrip("."))
                except ImportError:
                    continue
                there += [name] if hasattr(found, last) and not hasattr(getattr(found, last), "_targets") else []
    assert there == []


@pytest.mark.parametrize("row", OLDER, ids=lambda row: row[0][0])
def test_rows_are_whole_sentences(row):
    names, why, instead = row
    assert all(sentence(name) == f"lamina has no {name}: it {why}. {instead}".rstrip() for name in names)
    assert not why.endswith(".")
    assert instead == "" or instead.endswith(".")


def test_a_place_below_a_place():
    assert absence("utils.np_utils.to_ordinal") is absence("utils.to_ordinal")
    assert no_such("layers", "Nothing", ["Dense"], "keras") == "keras.layers has no 'Nothing' in lamina."
