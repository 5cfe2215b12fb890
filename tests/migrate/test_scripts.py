"""Small scripts of each generation: as they are in their dialect, and migrated, they train to the same losses."""

from __future__ import annotations

import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.migrate import migrate

FOLDER = Path(__file__).parent / "scripts"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*_*.py"))
DIALECTS = {"keras1": "keras1", "keras2": "keras2", "keras23": "keras2.3", "tf": "tf_keras", "keras3": "keras3"}

# A GAN's discriminator, which was frozen for the other model only, can't be said in Keras 3's words.
LEFT_TO_THEIR_AUTHORS = {("keras2_gan", "keras3")}


def dialect_of(name):
    return DIALECTS[name.partition("_")[0]]


def losses_of(path):
    """What a script's ``losses`` are at its end."""
    sys.path.insert(0, str(FOLDER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Keras says of input_shape= and the like
            return np.asarray(runpy.run_path(str(path))["losses"], dtype="float64")
    finally:
        sys.path.remove(str(FOLDER))


def as_it_is(name):
    with lamina.as_keras(dialect_of(name)):
        return losses_of(FOLDER / f"{name}.py")


@pytest.mark.parametrize("to", ["lamina", "keras3"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_migrated_script_trains_as_the_old_one(tmp_path, name, to):
    done = migrate((FOLDER / f"{name}.py").read_text(), to, dialect_of(name))
    if (name, to) in LEFT_TO_THEIR_AUTHORS:
        assert done.unsure
        return
    assert done.unsure == []
    (tmp_path / "new.py").write_text(done.source)
    wanted = as_it_is(name)
    assert np.isfinite(wanted).all()
    assert len(np.unique(wanted)) > 1
    np.testing.assert_allclose(losses_of(tmp_path / "new.py"), wanted, rtol=0, atol=1e-5)
    # What is written once is not written anew.
    again = migrate(done.source, to, "keras3")
    if to == "keras3":
        assert again.source == done.source
