"""Training that tf_keras began goes on as there: every optimizer, newer and older, with its state in the file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lamina.models import load_model

GOLDEN = Path(__file__).parents[1] / "golden" / "tf_optimizers.zip"
with zipfile.ZipFile(GOLDEN) as archive:
    NUMBERS = json.loads(archive.read("numbers.json"))
X, Y = np.array(NUMBERS["x"], "float32"), np.array(NUMBERS["y"], "float32")


@pytest.mark.parametrize("name", NUMBERS["losses"])
def test_the_next_20_steps(name: str, tmp_path: Path):
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extract(f"{name}.h5", tmp_path)
    model = load_model(tmp_path / f"{name}.h5")
    history = model.fit(X, Y, epochs=20, batch_size=16, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(history, NUMBERS["losses"][name], rtol=1e-5)
