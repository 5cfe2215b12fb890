"""``lamina check``: which names of Keras a script uses, and which of them lamina lacks, without running it.

Only names are looked at: whatever is imported from Keras, attributes of its modules, and arguments that have no counterpart.
"""

from __future__ import annotations

import ast
import importlib
import tokenize
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat import paths
from lamina.compat.hints import guess
from lamina.compat.modules import as_keras
from lamina.dialects import absent, keras1, keras3
from lamina.dialects.translator import GENERATIONS, translate
from lamina.language import say
from lamina.screen import language_of, write

_TOP = frozenset(root.partition(".")[0] for root in paths.ROOTS)


class Use(NamedTuple):
    """A name of Keras in a script: where, what, and the keyword arguments of the call, if it is one."""

    line: int
    name: str
    keywords: Mapping[str, Any] = {}


class Lack(NamedTuple):
    """What lamina would raise, and where."""

    line: int
    sentence: str


class Findings(NamedTuple):
    """What a script uses.

    Arguments:
        dialect: the generation that it was read as; ``None`` is Keras 3.
        names: the names of Keras in it.
        lacks: what lamina would refuse, by line.
    """

    dialect: str | None
    names: list[str]
    lacks: list[Lack]


def check(source: str, dialect: str | None = None) -> Findings:
    """Look up each name of Keras that a script uses.

    Arguments:
        source: the script's text.
        dialect: its generation; guessed by default.

    Raises:
        SyntaxError: when the source is not Python 3.

    >>> found = check("from keras.layers import Dense, JaxLayer")
    >>> found.names
    ['keras.layers.Dense', 'keras.layers.JaxLayer']
    >>> [lack.line for lack in found.lacks]
    [1]
    """
    dialect = dialect or guess(source)[0]
    uses = sorted(uses_of(ast.parse(source)), key=lambda use: (use.line, use.name))
    lacks: dict[tuple[int, str], Lack] = {}
    with as_keras(dialect):
        for use in uses:
            sentence = _refusal(use)
            if sentence is not None:
                lacks[use.line, sentence] = Lack(use.line, sentence)
    return Findings(dialect, list(dict.fromkeys(use.name for use in uses)), list(lacks.values()))


def report(scripts: Iterable[Path], dialect: str | None = None) -> int:
    """Print what :func:`check` finds in each script. Returns the exit code: 1 where something is lacking or can't be read."""
    code, language = 0, language_of()
    for script in scripts:
        try:
            with tokenize.open(script) as file:
                found = check(file.read(), dialect)
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            write(say("command_line.unreadable", language, script=script, error=error) + "\n")
            code = 1
            continue
        for lack in found.lacks:
            write(f"{script}:{lack.line}: {lack.sentence}\n")
        name = found.dialect or "keras3"
        write(say("command_line.checked", language, script=script, version=GENERATIONS[name].version, dialect=name,
                  count=len(found.names), lacking=len(found.lacks)) + "\n")  # fmt: skip
        code = 1 if found.lacks else code
    return code


# ---- reading the script --------------------------------------------------------------------------------------------


def uses_of(tree: ast.AST) -> Iterator[Use]:
    """The names of Keras in a script, by their whole paths, whatever the script calls them."""
    called: dict[str, str] = {}  # what the script calls it -> what it is
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_keras(alias.name):
                    called[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
                    yield Use(node.lineno, alias.name)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_keras(node.module or ""):
            for alias in node.names:
                if alias.name == "*":
                    yield Use(node.lineno, node.module or "")
                    continue
                called[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield Use(node.lineno, f"{node.module}.{alias.name}")
    yield from _of_expressions(tree, called)


def _of_expressions(tree: ast.AST, called: Mapping[str, str]) -> Iterator[Use]:
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner and (name := _path(node, called)) is not None:
            yield Use(node.lineno, name)
        if isinstance(node, ast.Call) and (name := _path(node.func, called)) is not None:
            keywords = {one.arg: one.value for one in node.keywords if one.arg is not None}
            if keywords:
                yield Use(node.lineno, name, _literals(keywords))


def _path(node: ast.expr, called: Mapping[str, str]) -> str | None:
    """``K.learning_phase`` -> ``keras.backend.learning_phase``; ``None`` for what is not Keras's."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in called:
        return None
    return ".".join([called[node.id], *reversed(parts)])


def _literals(keywords: Mapping[str, ast.expr]) -> dict[str, Any]:
    """The arguments whose values stand in the script."""
    found: dict[str, Any] = {}
    for name, value in keywords.items():
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:  # computed when the script runs
            continue
    return found


def _is_keras(module: str) -> bool:
    return module.partition(".")[0] in _TOP


# ---- asking lamina -------------------------------------------------------------------------------------------------


def _refusal(use: Use) -> str | None:
    """What lamina says to this use of a name; ``None`` where it takes it."""
    top, *rest = use.name.split(".")
    try:
        found: Any = importlib.import_module(top)
        for name in rest:
            if not isinstance(found, types.ModuleType):
                break  # an attribute of an object, which nobody knows before the script runs
            found = getattr(found, name)
    except (AttributeError, ImportError) as error:
        return absent.sentence(_below_root(use.name)) or str(error)
    gone = [*keras1.GONE.get(use.name.rpartition(".")[2], {}), *keras3.GONE.get(use.name.rpartition(".")[2], {})]
    keywords = {name: value for name, value in use.keywords.items() if name in gone}
    try:
        if keywords:
            translate(use.name.rpartition(".")[2], (), keywords)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _below_root(name: str) -> str:
    """``tensorflow.keras.layers.Dense`` -> ``layers.Dense``."""
    root = next((root for root in sorted(paths.ROOTS, key=len, reverse=True) if name.startswith(f"{root}.")), "")
    return name[len(root) + 1 :] if root else name
