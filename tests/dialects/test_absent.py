"""The table of Keras's names that lamina lacks."""

import importlib
import re
from pathlib import Path

import pytest

import lamina
from lamina.dialects.absent import ABSENT, absence, sentence


def found(root, name: str) -> bool:
    """Whether there is such a name below a package."""
    try:
        for part in name.split("."):
            root = getattr(root, part)
    except AttributeError:
        return False
    return True


OF_OLDER_KERAS = {
    "DenseFeatures", "DynamicEmbedding", "DynamicLookup", "PreprocessingLayer", "RandomHeight", "RandomWidth",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for row in ABSENT for name in row.names])
def test_each_name_is_keras_s_and_not_lamina_s(name: str):
    module, _, last = name.rpartition(".")
    assert last in OF_OLDER_KERAS or hasattr(importlib.import_module(f"keras.{module}".rstrip(".")), last)
    assert not found(lamina, name)


def test_no_name_stands_twice():
    names = [name for row in ABSENT for name in row.names]
    assert len(names) == len(set(names))


def test_a_sentence_says_why_and_what_to_write():
    assert sentence("layers.Dense") is None
    assert absence("layers") is None
    assert absence("applications.ResNet50") is absence("applications")
    for row in ABSENT:
        assert row.why
        assert not row.why.endswith(".")
        assert row.coming == ("come" in row.why)
        said = sentence(row.names[0])
        assert said.startswith(f"lamina has no {row.names[0]}")
        assert said.endswith(".")
        assert row.instead in said


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["docs/names.md", "docs/zh/names.md"])
def test_the_documentation_has_the_table(page: str):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert [tuple(re.findall(r"`([\w.]+)`", names)) for names, *_ in rows] == [row.names for row in ABSENT]
    for (_, why, instead), row in zip(rows, ABSENT, strict=True):
        assert (why, instead) == (row.why, row.instead) or page.startswith("docs/zh")
        assert why
        assert bool(instead) == bool(row.instead)


@pytest.mark.parametrize("name", ["visualization.draw_bounding_boxes", "dtype_policies.Int4DTypePolicy"])
def test_a_namespace_says_what_it_lacks(name: str):
    module, _, last = name.partition(".")
    with pytest.raises(AttributeError, match=re.escape(sentence(name))):
        getattr(getattr(lamina, module), last)
