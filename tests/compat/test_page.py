"""The page "Does my code run?" says what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lamina.dialects.absent import absence
from lamina.dialects.translator import GENERATIONS

SCRIPT = Path(__file__).parents[2] / "scripts" / "does_my_code_run.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("does_my_code_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pages_are_what_the_tables_give(script, language):
    written = script.PAGES[language].read_text(encoding="utf-8")
    assert written == script.page(language), "python scripts/does_my_code_run.py writes the pages anew"


def test_each_generation_is_asked_for_each_of_its_names(script):
    assert set(script._generations()) == set(GENERATIONS)
    found = script.look_up("keras1")
    assert {"layers.MaxoutDense", "initializations.uniform", "objectives.mse", "datasets.mnist.load_data"} <= set(
        found.there
    )
    assert "applications.VGG16" in found.coming
    assert sum(map(len, found)) == sum(map(len, script.names_of("keras1").values()))
    assert not set(found.there) & {*found.coming, *found.absent}


def test_whatever_a_table_explains_is_explained_on_the_page(script):
    page = script.page("en")
    for one in map(script.look_up, script._generations()):
        for row in filter(None, map(absence, (*one.coming, *one.absent))):
            assert f"{script._cell(row.why)} | {script._cell(row.instead)} |" in page
