"""Models of older Keras in Keras 3's format: Keras 3 opens them with the same answers, or a warning says why it can't."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from saving import keras1_layout as k1
from saving.test_keras1_files import data_for
from saving.test_legacy_h5 import GOLDEN, NAMES, numbers

import lamina
from lamina import layers
from lamina.engine.layer import LAYERS
from lamina.models import load_model, model_from_json
from lamina.saving.keras3_words import _LACKING, _RENAMED

pytestmark = [pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
              pytest.mark.filterwarnings("ignore:Layer .* does not support masking")]  # fmt: skip
# Of the tables of layers, what Keras 3 has by another module or not as a layer, and old names of what it has.
ELSEWHERE = {"Aside", "GroupedQueryAttention", "Merge", "Model", "Sequential"}


def said_of(save: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save()
    return [str(one.message) for one in caught]


def check(model: Any, x: Any, path: Path) -> list[str]:
    """What was said when the model was saved; Keras 3 and lamina answer the same, unless it was that Keras 3 can't."""
    said = said_of(lambda: model.save(path))
    wanted = model.predict(x, verbose=0, batch_size=8)
    again = load_model(path)
    assert again.get_config() == model.get_config()
    others = [again.predict(x, verbose=0, batch_size=8)]
    if not any("Only lamina" in one for one in said):
        theirs = keras.models.load_model(path, compile=False)
        others.append(theirs.predict(x, verbose=0, batch_size=8))
        theirs.save(path)  # what Keras 3 makes of its own words can be read, too
        others.append(load_model(path).predict(x, verbose=0, batch_size=8))
    for found in others:
        for one, other in zip(
            *(given if isinstance(given, list) else [given] for given in (found, wanted)), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    return said


@pytest.mark.parametrize("name", k1.LAYERS)
def test_layers_of_keras_1(name: str, tmp_path: Path):
    case = k1.LAYERS[name]
    k1.save(tmp_path / "m.h5", case)
    model = load_model(tmp_path / "m.h5")
    said = check(model, data_for(case, 8), tmp_path / "m.keras")
    expected = "trains otherwise" if name in ("dense_penalties", "activity") else None
    if case.class_name in _LACKING:
        expected = f"Only lamina can open this, not Keras 3: it has no {case.class_name} ('one')."
    assert len(said) == (expected is not None), said
    assert expected is None or expected in said[0]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "stateful"])
def test_models_of_tf_keras(name: str, tmp_path: Path):
    with zipfile.ZipFile(GOLDEN) as archive:
        for ending in (".h5", ".npz"):
            archive.extract(name + ending, tmp_path)
    said = check(load_model(tmp_path / f"{name}.h5", compile=False), numbers(tmp_path, name, "x"), tmp_path / "m.keras")
    expected = {"local": "it has no LocallyConnected1D", "norms": "trains otherwise: .*variance_correction='images'"}
    assert len(said) == (name in expected)
    if said:
        assert expected[name].split(":")[0] in said[0]


def test_the_list_of_what_keras_3_lacks():
    mine = {cls.__name__ for name, cls in LAYERS.members.items() if isinstance(cls, type) and name == cls.__name__}
    assert {name for name in mine if not hasattr(keras.layers, name)} - ELSEWHERE == _LACKING | set(_RENAMED)


def test_json_says_it_too():
    with lamina.dialects.using_dialect("keras2"):
        model = lamina.Sequential(
            [layers.BatchNormalization(input_shape=(4,)), layers.Dense(2, activation="hard_sigmoid")]
        )
    with pytest.warns(
        UserWarning, match=r"trains otherwise: BatchNormalization has variance_correction='1\+epsilon' \('.*'\)\."
    ):
        text = model.to_json()
    assert model_from_json(text).get_config() == model.get_config()
    theirs = keras.models.model_from_json(text)
    theirs.set_weights(model.get_weights())
    x = np.linspace(-4, 4, 12, dtype="float32").reshape(3, 4)
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_rate_that_decays(tmp_path: Path):
    model = lamina.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile(lamina.optimizers.SGD(0.1, decay=0.01), "mse")
    with pytest.warns(UserWarning, match=r"SGD has decay=0\.01, in place of which Keras 3 has InverseTimeDecay"):
        model.save(tmp_path / "m.keras")


def test_names_that_keras_3_does_not_take(tmp_path: Path):
    model = lamina.Sequential([layers.Dense(2, input_shape=(3,), name="block/dense")])
    with pytest.warns(
        UserWarning, match=r"Only lamina can open this, not Keras 3: the name of Dense 'block/dense' has a '/'\."
    ):
        model.save(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "own", [{"momentum": 0.5}, {"variance_correction": "none", "x": 1}, [], "x", {"class_name": "Dense"}]
)
def test_what_stands_beside_a_config_is_known_or_refused(own: Any):
    with lamina.dialects.using_dialect("keras2"):
        model = lamina.Sequential([layers.BatchNormalization(input_shape=(4,))])
    with pytest.warns(UserWarning, match="trains otherwise"):
        described = json.loads(model.to_json())
    described["config"]["layers"][1]["lamina"] = own
    with pytest.raises(ValueError, match="'BatchNormalization' has an unknown key 'lamina'"):
        model_from_json(json.dumps(described))
