"""Writes the list of names in docs/tensorflow.md and its Chinese twin, from the table of ``lamina.tf``.

Run ``python scripts/tensorflow_page.py`` after a row came or went; ``tests/tf/test_page.py`` holds the pages against this.
"""

from __future__ import annotations

from pathlib import Path

from lamina.tf.door import TABLE
from lamina.tf.names import ABSENT

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"en": ROOT / "docs" / "tensorflow.md", "zh": ROOT / "docs" / "zh" / "tensorflow.md"}
MARK = "<!-- written by scripts/tensorflow_page.py -->\n"
_FIRST = "compat.v1."
WORDS = {
    "en": ("module", "names", "TensorFlow 1's own, in `tf.compat.v1` and, in the dialects of its time, in `tf`:",
           "Not there, and what to write instead:", "name", "what it is, and what does the same"),
    "zh": ("模块", "名称", "TensorFlow 1 自己的名称，在 `tf.compat.v1` 里；在那个年代的方言里也在 `tf` 里：",
           "没有的名称，以及应当怎样写：", "名称", "它是什么，什么与它相同"),
}  # fmt: skip


def _rows(names: list[str]) -> list[str]:
    by_module: dict[str, list[str]] = {}
    for name in names:
        module, _, last = name.rpartition(".")
        by_module.setdefault(module, []).append(last)
    return [f"| `{f'tf.{module}'.rstrip('.')}` | {' '.join(f'`{name}`' for name in sorted(by_module[module]))} |"
            for module in sorted(by_module)]  # fmt: skip


def section(language: str) -> str:
    """What stands below the mark."""
    module, names, older, absent, name, what = WORDS[language]
    heads = [f"| {module} | {names} |", "|---|---|"]
    today = [one for one in TABLE if not one.startswith(_FIRST)]
    first = [one.removeprefix(_FIRST) for one in TABLE if one.startswith(_FIRST)]
    gone = [f"| `tf.{one}` | {sentence} |" for one, sentence in ABSENT.items()]
    parts = ["", *heads, *_rows(today), "", older, "", *heads, *_rows(first), "", absent, "",
             f"| {name} | {what} |", "|---|---|", *gone]  # fmt: skip
    return "\n".join(parts) + "\n"


def page(language: str) -> str:
    """A page with the list as it is now."""
    written, _, _ = PAGES[language].read_text(encoding="utf-8").partition(MARK)
    return written + MARK + section(language)


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")
