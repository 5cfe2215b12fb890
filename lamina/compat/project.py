"""What belongs to a script: the modules beside it that it imports, and the versions that its project states."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from lamina.compat import notebooks
from lamina.compat.hints import Pin, guess

_MANY, _LARGE = 300, 2_000_000  # modules that are read, and bytes of one
_STATING = ("requirements*.txt", "requirements/*.txt", "setup.py", "setup.cfg", "pyproject.toml", "Pipfile",
            "environment*.y*ml", "conda*.y*ml", "tox.ini", "constraints*.txt")  # fmt: skip
_TOPS = (".git", "setup.py", "pyproject.toml", "setup.cfg")
_PIN = re.compile(r"""(?im)(?<![\w.-])(keras|tf[-_]keras|tensorflow(?:[-_](?:gpu|cpu))?)(?:\[[\w,]*\])?["']?\s*
                      (===|==|~=|!=|>=|<=|<|>|=|\^)\s*["'^=~]*\s*(\d+(?:\.\d+)*)""", re.VERBOSE)  # fmt: skip


def guess_project(source: str, file: Path | None) -> tuple[str | None, tuple[str, ...]]:
    """:func:`lamina.compat.hints.guess` for a script and all that belongs to it.

    Arguments:
        source: the script's text.
        file: where it is; ``None`` for one that is in no file.

    Raises:
        SyntaxError: when the script is not Python 3. Modules beside it that are not are left out.
    """
    ast.parse(source)
    if file is None:
        return guess(source)
    return guess(source, *neighbours(source, file), pins=[*notebooks.versions(file), *pins(file.resolve().parent)])


def text_of(file: Path) -> str | None:
    """The text of a script or of a notebook's cells, in the encoding that it states; ``None`` where it can't be read."""
    try:
        if file.suffix == ".ipynb":
            return notebooks.as_script(file)
        with tokenize.open(file) as opened:
            return opened.read()
    except (SyntaxError, ValueError, OSError):
        return None


# ---- modules -------------------------------------------------------------------------------------------------------


def neighbours(source: str, file: Path) -> list[str]:
    """The texts of the modules that a script imports from its own folder, and of those that they import."""
    return [text for _, text in modules_of(source, file)]


def modules_of(source: str, file: Path) -> Iterator[tuple[Path, str]]:
    """The same modules, each with its file."""
    top = _top_of_packages(file.resolve().parent)
    seen, waiting = {file.resolve()}, [(source, file.resolve())]
    while waiting and len(seen) <= _MANY:
        text, place = waiting.pop(0)
        for module in _imported(text):
            for found in _files(module, place, top):
                if found in seen or found.stat().st_size > _LARGE:
                    continue
                seen.add(found)
                inside = text_of(found)
                if inside is None or not _is_python(inside):
                    continue
                yield found, inside
                waiting.append((inside, found))


def _imported(source: str) -> Iterator[tuple[int, str]]:
    """How many folders up, and the dotted name, of all that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module
            yield from ((node.level, f"{module}.{alias.name}".strip(".")) for alias in node.names)


def _files(module: tuple[int, str], place: Path, top: Path) -> Iterator[Path]:
    """The files that run when ``place`` imports a module from its own project."""
    up, name = module
    parts = [part for part in name.split(".") if part]
    if up:
        places = [place.parents[up - 1]] if up <= len(place.parents) else []
    else:
        places = list(dict.fromkeys((place.parent, top)))
    for folder in places:
        for part in parts:
            inside = folder / part
            candidates = (inside / "__init__.py", inside.with_name(f"{part}.py"))
            yield from (file for file in candidates if file.is_file())
            folder = inside


def _top_of_packages(folder: Path) -> Path:
    """The folder that a package lies in, for a file somewhere in it."""
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


# ---- versions ------------------------------------------------------------------------------------------------------


def pins(folder: Path) -> list[Pin]:
    """The versions of Keras and TensorFlow that stand beside a script, and at the top of its project."""
    top = next((one for one in (folder, *folder.parents)[:5] if any((one / name).exists() for name in _TOPS)), folder)
    found: list[Pin] = []
    for place in dict.fromkeys((folder, top)):
        for pattern in _STATING:
            for file in sorted(place.glob(pattern)):
                if file.is_file() and file.stat().st_size <= _LARGE:
                    found += stated(file.read_text(encoding="utf-8", errors="replace"), file.name)
    return found


def stated(text: str, where: str) -> list[Pin]:
    """The versions that a text states.

    >>> [pin.text for pin in stated("numpy==1.16\\nKeras==2.2.4", "requirements.txt")]
    ['Keras==2.2.4 in requirements.txt']
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [
        Pin(_package(name), how, version, f"{name}{how}{version} in {where}")
        for name, how, version in _PIN.findall("\n".join(lines))
    ]


def _package(name: str) -> str:
    return re.sub(r"[-_](gpu|cpu)$", "", name.lower()).replace("-", "_")
