"""Writes docs/does-my-code-run.md and its Chinese twin: what of each Keras generation lamina understands.

Run ``python scripts/does_my_code_run.py`` after a name or an argument came or went; a test holds the pages against this. The
names of each generation are in ``tests/dialects/names.json``. Whether one is there is asked of ``as_keras()`` itself; why not,
and what to write instead, stands in the tables of ``lamina.dialects``.
"""
# ruff: noqa: E501 - sentences stand on one line each

from __future__ import annotations

import importlib
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat.modules import as_keras
from lamina.dialects import keras1, keras3
from lamina.dialects.absent import ABSENT, Absence, absence
from lamina.dialects.translator import GENERATIONS

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"en": ROOT / "docs" / "does-my-code-run.md", "zh": ROOT / "docs" / "zh" / "does-my-code-run.md"}
_DATA = ROOT / "tests" / "dialects"

WORDS = {
    "en": {
        "title": "Does my code run?",
        "twin": "**English** · [中文](zh/does-my-code-run.md)",
        "start": "`lamina check script.py` says line by line which names a script uses that lamina lacks, without running it. `lamina run script.py` runs a Keras script of any generation as it is, and says which generation it "
                 "took it for. Whatever it can't translate raises an error that says what to write instead. This page "
                 "says beforehand what to expect; it is written by `scripts/does_my_code_run.py` from the tables that "
                 "`lamina.as_keras()` reads. How they work: [Older Keras](dialects.md).",
        "by_generation": "By generation",
        "heads": "| Keras | dialect | public names | understood | coming | absent |",
        "by_area": "By module",
        "area": "module",
        "root": "(top level)",
        "area_note": "Understood names, of all that the generation has. A name counts where it is imported from, as "
                     "`keras.layers.core.Dense` and `keras.layers.Dense` both work, however old the path.",
        "instead": "What is not there, and what to write instead",
        "instead_heads": "| names | why | instead |",
        "coming": "coming: ",
        "others": "Names without a row",
        "others_note": "Mostly Keras's own inside. lamina has no counterpart for these, and says so where they are imported.",
        "arguments": "Arguments",
        "arguments_note": "All other arguments of every layer are understood, by name and in their order. These work with the "
                          "values in the second column; any other value raises the error in the third, or warns.",
        "argument_heads": "| argument | works with | else |",
        "layers_line": "{understood} of the {count} arguments of the layers in {version} are understood with any value.",
        "nothing": "any value but that has no effect",
    },
    "zh": {
        "title": "我的代码能运行吗？",
        "twin": "[English](../does-my-code-run.md) · **中文**",
        "start": "`lamina check script.py` 不运行脚本，逐行说明它用到的名称中 lamina 没有哪些。`lamina run script.py` 会原样运行任何一代的 Keras 脚本，并说明把它当作哪一代。不能转换的地方会报错，并说明应当怎样写。"
                 "本页事先说明结果；它由 `scripts/does_my_code_run.py` 根据 `lamina.as_keras()` 所用的同一组表写成。"
                 "这些表怎样工作：[旧版 Keras](dialects.md)。",
        "by_generation": "各代概况",
        "heads": "| Keras | 方言 | 公开名称 | 支持 | 将会支持 | 没有 |",
        "by_area": "各模块",
        "area": "模块",
        "root": "（顶层）",
        "area_note": "表中为“支持的名称 / 该代的全部名称”。名称按导入位置计算；`keras.layers.core.Dense` 和 `keras.layers.Dense` 都可用，"
                     "不论路径多旧。",
        "instead": "没有的名称，以及应当怎样写",
        "instead_heads": "| 名称 | 原因 | 改写为 |",
        "coming": "将会支持：",
        "others": "未列出原因的名称",
        "others_note": "多为 Keras 内部所用。lamina 没有对应的名称，导入时会说明。",
        "arguments": "参数",
        "arguments_note": "各层的其他参数都支持，按名称或按顺序都可以。下列参数只支持第二列中的值；其他值会报错（第三列，原文为英文）或警告。",
        "argument_heads": "| 参数 | 支持的值 | 其他值 |",
        "layers_line": "{version} 的各层共有 {count} 个参数，其中 {understood} 个支持任意值。",
        "nothing": "不起作用的值",
    },
}  # fmt: skip


class Found(NamedTuple):
    """What became of one generation's names: dotted names below its root."""

    there: list[str]
    coming: list[str]
    absent: list[str]


def names_of(dialect: str) -> dict[str, list[str]]:
    """Module path below the root -> the public names that this generation has there."""
    known = json.loads((_DATA / "names.json").read_text(encoding="utf-8"))
    return {below: text.split() for below, text in known[dialect].items()}


def look_up(dialect: str) -> Found:
    """Ask ``as_keras`` for each name of a generation."""
    found = Found([], [], [])
    root = "tf_keras" if dialect == "tf_keras" else "keras"
    with as_keras(dialect), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for below, names in names_of(dialect).items():
            try:
                module: Any = importlib.import_module(f"{root}.{below}".rstrip("."))
            except ImportError:
                module = None
            for name in names:
                dotted = f"{below}.{name}".lstrip(".")
                row = absence(dotted)
                (found.there if hasattr(module, name) else found.coming if row and row.coming else found.absent).append(
                    dotted
                )
    return found


def page(language: str) -> str:
    """The whole page."""
    words = WORDS[language]
    found = {dialect: look_up(dialect) for dialect in _generations()}
    parts = [f"# {words['title']}", words["twin"], words["start"],
             f"## {words['by_generation']}", _by_generation(found, words),
             f"## {words['by_area']}", words["area_note"], _by_area(found, words),
             f"## {words['instead']}", _instead(found, words),
             f"### {words['others']}", words["others_note"], _others(found),
             f"## {words['arguments']}", *_arguments(found, words)]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _generations() -> list[str]:
    return list(json.loads((_DATA / "names.json").read_text(encoding="utf-8")))


def _by_generation(found: dict[str, Found], words: dict[str, str]) -> str:
    lines = [words["heads"], "|---|---|---:|---:|---:|---:|"]
    for dialect, one in found.items():
        count = sum(map(len, one))
        lines.append(f"| {_called(dialect)} | `{dialect}` | {count} | {len(one.there)} ({len(one.there) / count:.0%}) "
                     f"| {len(one.coming)} | {len(one.absent)} |")  # fmt: skip
    return "\n".join(lines)


def _by_area(found: dict[str, Found], words: dict[str, str]) -> str:
    there = {dialect: Counter(map(_area, one.there)) for dialect, one in found.items()}
    every = {dialect: Counter(_area(name) for names in one for name in names) for dialect, one in found.items()}
    areas = sorted({area for counts in every.values() for area in counts})
    lines = [
        f"| {words['area']} | {' | '.join(_called(dialect) for dialect in found)} |",
        "|---|" + "---:|" * len(found),
    ]
    for area in areas:
        cells = [
            f"{there[dialect][area]} / {every[dialect][area]}" if every[dialect][area] else "" for dialect in found
        ]
        lines.append(f"| {f'`{area}`' if area else words['root']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _called(dialect: str) -> str:
    return "tf.keras 2" if dialect == "tf_keras" else GENERATIONS[dialect].version


def _area(name: str) -> str:
    return name.partition(".")[0] if "." in name else ""


def _instead(found: dict[str, Found], words: dict[str, str]) -> str:
    missing = list(dict.fromkeys(name for one in found.values() for name in (*one.coming, *one.absent)))
    rows: dict[Absence, list[str]] = {row: [] for row in ABSENT}
    for name in missing:
        row = absence(name)
        if row is not None:
            rows.setdefault(row, []).append(name)
    lines = [words["instead_heads"], "|---|---|---|"]
    for row, names in rows.items():
        if names:
            shown = dict.fromkeys(_as_in_row(name, row) for name in names)
            called = ", ".join(f"`{name}`" for name in shown)
            lines.append(
                f"| {called} | {words['coming'] if row.coming else ''}{_cell(row.why)} | {_cell(row.instead)} |"
            )
    return "\n".join(lines)


def _as_in_row(name: str, row: Absence) -> str:
    """How the row has a name: as the name itself, as all of the module that it is in, or below the first module."""
    above = next((one for one in row.names if name.startswith(f"{one}.")), None)
    if name in row.names:
        return name
    return f"{above}.*" if above is not None else f"{name.partition('.')[0]}.{name.rpartition('.')[2]}"


def _others(found: dict[str, Found]) -> str:
    lines: list[str] = []
    for dialect, one in found.items():
        names = [name for name in one.absent if absence(name) is None]
        if names:
            lines.append(f"- {_called(dialect)}: {', '.join(f'`{name}`' for name in names)}")
    return "\n".join(lines)


def _arguments(found: dict[str, Found], words: dict[str, str]) -> list[str]:
    signatures = json.loads((_DATA / "signatures.json").read_text(encoding="utf-8"))
    partly: dict[tuple[str, tuple[Any, ...]], list[str]] = {}
    counts: list[str] = []
    for dialect, one in found.items():
        there = {name.removeprefix("layers.") for name in one.there if name.startswith("layers.")}
        count, some = 0, 0
        for name in sorted(there & signatures.keys()):
            for argument in _names_in(signatures[name].get(dialect, "")):
                count += 1
                gone = keras1.GONE.get(name, {}).get(argument) if dialect == "keras1" else None
                gone = gone or keras3.GONE.get(name, {}).get(argument)
                if gone is not None and gone.sentence:
                    some += 1
                    where = partly.setdefault((gone.sentence, gone.harmless), [])
                    where += [] if f"{name}({argument}=)" in where else [f"{name}({argument}=)"]
        counts.append(
            "- " + words["layers_line"].format(understood=count - some, count=count, version=_called(dialect))
        )
    for tables in (keras3.CALLS, *(GENERATIONS[dialect].calls for dialect in found)):
        for name, call in tables.items():
            for argument, gone in call.gone.items():
                where = partly.setdefault((gone.sentence, gone.harmless), []) if gone.sentence else []
                where += [] if f"{name}({argument}=)" in where else [f"{name}({argument}=)"]
    lines = [words["argument_heads"], "|---|---|---|"]
    for (sentence, harmless), where in partly.items():
        values = ", ".join(f"`{value!r}`" for value in harmless if not callable(value)) or words["nothing"]
        lines.append(f"| {', '.join(f'`{one}`' for one in where)} | {values} | {_cell(sentence)} |")
    return ["\n".join(counts), words["arguments_note"], "\n".join(lines)]


def _names_in(signature: str) -> list[str]:
    """The arguments of a line in ``signatures.json``: in order, and behind the bar those by keyword only."""
    return [
        word.partition("=")[0] for word in signature.replace("|", " ").split() if word.partition("=")[0].isidentifier()
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write both pages."""
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
