"""Pictures as Keras 1.2.2 and keras_preprocessing 1.1.2 change them: ``tests/golden/make_preprocessing.py``."""

from __future__ import annotations

import numpy as np
import pytest
from golden import make_preprocessing as golden

from lamina.dialects import set_dialect
from lamina.dialects.data_habits import DATA_HABITS
from lamina.dialects.translator import GENERATIONS
from lamina.preprocessing import image

MEASURED = np.load(golden.HERE / "preprocessing.npz")
DIALECTS = [("1", "keras1"), ("2", "keras2"), ("2", "keras2.3")]


@pytest.fixture(autouse=True)
def _modern_again():
    yield
    set_dialect(None)


@pytest.mark.parametrize(
    ("name", "generation", "dialect"),
    [
        (name, *which)
        for name, (_, generations) in golden.CASES.items()
        for which in DIALECTS
        if which[0] in generations
    ],
)
def test_generators_draw_what_their_generation_drew(name: str, generation: str, dialect: str):
    set_dialect(dialect)
    found = golden.batches(image, name)
    assert found
    for number, part in enumerate(found):
        expected = MEASURED[f"{generation}/{name}/{number}"]
        np.testing.assert_array_equal(part, expected, err_msg=f"part {number}")
        assert part.dtype == expected.dtype


@pytest.mark.parametrize(("generation", "dialect"), DIALECTS)
@pytest.mark.parametrize("name", golden.FUNCTIONS)
def test_functions_draw_what_their_generation_drew(name: str, generation: str, dialect: str):
    set_dialect(dialect)
    np.testing.assert_array_equal(golden.transformed(image, name), MEASURED[f"{generation}/{name}"])


def test_every_dialect_has_its_habits():
    assert DATA_HABITS.keys() == GENERATIONS.keys()
    assert DATA_HABITS["keras1"] != DATA_HABITS["keras2"] != DATA_HABITS["keras3"]
