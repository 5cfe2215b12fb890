"""What an editor shows of code that uses lamina: the errors that pyright finds in the files here, and no others.

Files named ``right_...py`` are code as Keras's users write it: they run, and there is nothing to complain of. In
``wrong_...py`` a line at which an editor should complain ends in ``# error: words``, and its message, with its rule, has
those words. ``# type: words`` is of a line ``reveal_type(...)``. A statement of several lines is marked where the complaint
is, mostly the argument's line. All files are read in one run.
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.glob("*.py") if path.name.startswith(("right_", "wrong_")))
_MARK = re.compile(r"# (error|type): (.+)$")


def read_by_pyright(files: list[Path]) -> list[dict]:
    """What pyright says of files that use the lamina of this checkout."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return json.loads(done.stdout)["generalDiagnostics"]


def marks_of(path: Path) -> dict[int, tuple[str, str]]:
    """What is expected of each marked line: the kind, and the words."""
    lines = enumerate(path.read_text().splitlines(), 1)
    return {number: (found[1], found[2]) for number, line in lines if (found := _MARK.search(line))}


def test_an_editor_complains_of_what_is_wrong_and_of_nothing_else():
    expected = {(path.name, line): mark for path in FILES for line, mark in marks_of(path).items()}
    assert not [key for key in expected if key[0].startswith("right_")], "right code has no errors"
    said: dict[tuple[str, int], str] = {}
    for one in read_by_pyright(FILES):
        kind = {"information": "type"}.get(one["severity"], "error")
        place = Path(one["file"]).name, one["range"]["start"]["line"] + 1
        said[place] = f"{said.get(place, '')} {kind}: {one['message']} ({one.get('rule', '')})"
    surprises = {place: words for place, words in said.items() if place not in expected}
    silent = {place: mark for place, mark in expected.items() if place not in said}
    others = {
        place: (words, expected[place])
        for place, words in said.items()
        if place in expected
        and not (expected[place][0] + ":" in words and expected[place][1] in " ".join(words.split()))
    }
    assert (surprises, silent, others) == ({}, {}, {})


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("right_")], ids=lambda path: path.stem)
def test_right_code_runs(path: Path):
    runpy.run_path(str(path), run_name="__main__")
