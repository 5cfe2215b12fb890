"""The Python of README.md, README.zh.md and docs/ runs as it stands: a file's blocks in order, in one namespace.

A block that opens with ```` ```python notest ```` is shown and not run. A line ``print(...)  # text`` must print the text.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import lamina
from lamina import layers

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python *(?P<mark>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
PRINT = re.compile(r"^ *print\(.*\)  # (?P<text>.+)$")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def script(page: Path) -> str:
    """The page's blocks, each on the lines that it has in the page."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        assert block["mark"] in ("", "notest"), f"unknown mark {block['mark']!r} after ```python"
        if not block["mark"]:
            start = text.count("\n", 0, block.start("code"))
            code = block["code"].splitlines()
            lines[start : start + len(code)] = code
    return "\n".join(lines)


class Prints:
    """``print``, which compares what it prints with the comment on its line."""

    def __init__(self, code: str) -> None:
        self.lines = code.splitlines()
        self.wrong: list[str] = []

    def __call__(self, *values: object, **options: Any) -> None:
        written = io.StringIO()
        print(*values, **options, file=written)
        line = self.lines[sys._getframe(1).f_lineno - 1]
        promised = PRINT.match(line)
        if promised and promised["text"] != written.getvalue().strip():
            self.wrong.append(f"{line.strip()} printed {written.getvalue().strip()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = script(page)
    if "as_keras" in code:  # in a process of its own: from then on `import keras` means lamina
        (tmp_path / "page.py").write_text(code, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.run([sys.executable, "page.py"], env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    else:
        prints = Prints(code)
        module = types.ModuleType("__page__")  # a module that can be found, as classes are pickled by its name
        monkeypatch.setitem(sys.modules, module.__name__, module)
        vars(module)["print"] = prints
        exec(compile(code, str(page), "exec"), vars(module))
        assert prints.wrong == []


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


@pytest.mark.parametrize("folder", ["docs/layers", "docs/zh/layers"])
def test_every_layer_stands_on_a_page(folder):
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / folder).glob("*.md"))
    classes = {member.__name__ for member in vars(layers).values() if isinstance(member, type)}
    named = {name for name in classes if issubclass(getattr(layers, name, object), layers.Layer)}
    assert {name for name in named - {"Layer"} if not re.search(rf"\b{name}\b", text)} == set()


# ---- what README says that works ----------------------------------------------------------------------------------

STATES = {"works": "可用", "partly": "部分可用", "coming": "即将支持"}
# What is not whole yet: the beginning of its row, and whether what is missing has come, so that the row must move.
MISSING = {
    "[Keras code of any age]": lambda: importlib.util.find_spec("lamina.applications"),
    "What models begin with": lambda: hasattr(layers, "Rescaling") and importlib.util.find_spec("lamina.applications"),
    "See what each layer does": lambda: hasattr(layers.Layer, "show"),
    "Walk away with the PyTorch": lambda: hasattr(lamina.Model, "export"),
    "[A GPU]": lambda: "has run on a GPU" in (ROOT / "docs/gpu.md").read_text(encoding="utf-8"),
    "Many GPUs, quantization": lambda: importlib.util.find_spec("lamina.distribution"),
}


def rows(page: str) -> list[tuple[str, str]]:
    """What stands in the table of what works, and whether it does."""
    table = re.search(r"\n\| \| \| \|\n.*?\n\n", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    cells = [line.strip("|").split(" | ") for line in table[0].strip().splitlines()[2:]]
    return [(cell[0].strip(), cell[1].strip(" |")) for cell in cells]


def test_both_readmes_say_the_same_of_what_works():
    english, chinese = rows("README.md"), rows("README.zh.md")
    assert [STATES[state] for _, state in english] == [state for _, state in chinese]


def test_what_is_said_to_be_missing_is_missing():
    unfinished = [name for name, state in rows("README.md") if state != "works"]
    assert len(unfinished) == len(MISSING)
    for name, beginning in zip(unfinished, MISSING, strict=True):
        assert name.startswith(beginning)
        assert not MISSING[beginning](), f"{name!r} has come, and README doesn't say so"


# Pages for those who change lamina, not for those who use it.
ENGLISH_ONLY = {Path("architecture.md")}
