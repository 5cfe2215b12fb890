"""The page of TensorFlow's names lists what the table has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "tensorflow_page.py"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_lists_the_table(language):
    spec = importlib.util.spec_from_file_location("tensorflow_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.PAGES[language].read_text(encoding="utf-8")
    assert written == script.page(language), "python scripts/tensorflow_page.py writes the lists anew"
    assert "`GradientTape`" in written
