"""The Python of README.md, README.zh.md and docs/ runs as it stands: a file's blocks in order, in one namespace.

A block that opens with ```` ```python notest ```` is shown and not run.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python *(?P<mark>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__page__"}
    for block in BLOCK.finditer(text):
        if block["mark"] == "notest":
            continue
        assert not block["mark"], f"unknown mark {block['mark']!r} after ```python"
        first_line = text.count("\n", 0, block.start("code"))
        exec(compile("\n" * first_line + block["code"], str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_has_its_chinese_twin():
    english = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    chinese = {path.relative_to("zh") for path in english if path.parts[0] == "zh"}
    english = {path for path in english if path.parts[0] != "zh"}
    assert (ROOT / "README.zh.md").is_file()
    assert chinese - english == set()
    assert english - chinese <= ENGLISH_ONLY


# Pages for those who change lamina, not for those who use it.
ENGLISH_ONLY = {Path("architecture.md")}
