"""Notebooks as scripts: the code of their cells, without what only IPython understands."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat.hints import Pin

# Line magics that change no number of a script: they are left out.
_HARMLESS = frozenset({
    "matplotlib", "pylab", "load_ext", "reload_ext", "autoreload", "config", "precision", "tensorflow_version", "who", "whos",
    "reset_selective", "pinfo", "watermark", "pdb", "xmode", "colors", "alias", "automagic", "page", "history", "hist",
    "logstart", "logstop", "env", "warnings", "ls", "pwd", "lsmagic", "tensorboard", "lamina",
})  # fmt: skip
# Magics whose rest is Python.
_TIMED = frozenset({"time", "timeit", "prun", "capture", "snakeviz", "memit", "mprun", "lprun"})


class Cell(NamedTuple):
    """A cell of code: its number as the notebook counts cells, its Python, and its outputs."""

    number: int
    source: str
    outputs: list[Any]


def cells_of(file: Path) -> list[Cell]:
    """The cells of code of a notebook, as Python.

    Raises:
        ValueError: for what is no notebook, or a cell that only IPython understands.
    """
    return [
        Cell(number, python_of(source, f"{file.name}, cell {number}"), outputs) for number, source, outputs in raw(file)
    ]


def raw(file: Path) -> list[tuple[int, str, list[Any]]]:
    """Number, text and outputs of each cell of code."""
    document = read(file)
    cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]  # format 3
    return [(number, _joined(cell.get("source", cell.get("input", ""))), cell.get("outputs", []))
            for number, cell in enumerate(cells, start=1) if cell.get("cell_type") == "code"]  # fmt: skip


def read(file: Path) -> dict[str, Any]:
    """A notebook's JSON."""
    document = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or not ("cells" in document or document.get("worksheets")):
        raise ValueError(f"{file} is no notebook: it has no cells.")
    return document


def as_script(file: Path) -> str:
    """All cells as one text; what only IPython understands is left out."""
    return "\n".join(python_of(source, "", refuses=False) for _, source, _ in raw(file))


def versions(file: Path) -> list[Pin]:
    """What ``keras.__version__`` was when a notebook was last run, where it shows that."""
    if file.suffix != ".ipynb":
        return []
    found: list[Pin] = []
    for _, source, outputs in raw(file):
        if re.search(r"\bkeras\.__version__\W*$", source):
            text = " ".join(_joined(one.get("text", one.get("data", {}).get("text/plain", ""))) for one in outputs)
            found += [Pin("keras", "==", version, f"keras.__version__ {version}")
                      for version in re.findall(r"\d+\.\d+(?:\.\d+)*", text)[:1]]  # fmt: skip
    return found


def python_of(source: str, where: str, refuses: bool = True) -> str:
    """A cell's Python. Lines keep their places.

    Raises:
        ValueError: for a magic or a command of the system, unless ``refuses`` is false.

    >>> python_of("%matplotlib inline\\nx = 1", "cell 1")
    '\\nx = 1'
    """
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].startswith("%%"):
        name = lines[first][2:].split()[:1]
        if name and name[0] in _TIMED:
            lines[first] = ""
        elif refuses:
            raise ValueError(_refusal(where, lines[first]))
        else:
            return ""
    if _is_plain("\n".join(lines)):
        return "\n".join(lines)
    return "\n".join(_line(line, where, refuses) for line in lines)


def _line(line: str, where: str, refuses: bool) -> str:
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    if bare.startswith("%"):
        name, _, rest = bare[1:].partition(" ")
        if name in _TIMED:
            return indent + re.sub(r"^(\s*-\w+(\s+\d+)?)*\s*", "", rest)
        if name in _HARMLESS:
            return f"{indent}pass" if indent else ""
    elif bare.startswith("?") or (bare.rstrip().endswith("?") and not bare.startswith("#")):
        return f"{indent}pass" if indent else ""  # help
    elif not bare.startswith("!") and not re.match(r"[\w.,\s]+=\s*[!%]", bare):
        return line
    if refuses:
        raise ValueError(_refusal(where, bare))
    return f"{indent}pass" if indent else ""


def _refusal(where: str, line: str) -> str:
    return (f"{where}: {line.strip()[:60]!r} is for IPython, and lamina run runs Python only. Run the notebook in Jupyter, "
            "where %load_ext lamina makes keras mean lamina, or take the line out.")  # fmt: skip


def _is_plain(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)
