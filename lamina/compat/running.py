"""``lamina run``: a script, notebook, module or text of any generation, as Python runs it, with lamina in Keras's place."""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.machinery
import linecache
import os
import runpy
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat import notebooks
from lamina.compat.children import children_see
from lamina.compat.modules import as_keras
from lamina.compat.project import guess_project, text_of
from lamina.compat.python2 import python_2_name, why_not_python_3
from lamina.compat.told import tell
from lamina.dialects.notes import listening
from lamina.dialects.translator import GENERATIONS
from lamina.language import say
from lamina.screen import language_of, show, write

# The files that run a script: their frames say nothing of what is wrong in it.
_OURS = (__file__, runpy.__file__, "<frozen runpy>", "<frozen importlib._bootstrap>",
         "<frozen importlib._bootstrap_external>")  # fmt: skip


_SHOWN = "_lamina_shows"  # what a cell's last expression goes to


class Options(NamedTuple):
    """How a script is run.

    Arguments:
        dialect: its generation; guessed by default.
        quiet: nothing is said but errors.
        report: a file that the report goes to, as JSON.
    """

    dialect: str | None = None
    quiet: bool = False
    report: Path | None = None


class _Task(NamedTuple):
    run: Callable[[], Any]
    argv: list[str]
    short: str  # what it is called when something is said of it
    source: str | None
    file: Path | None
    folder: str  # where it finds its neighbours


def run_script(script: Path, arguments: list[str], options: Options | None = None) -> int:
    """Run a script, a notebook or a folder with a ``__main__.py``; say on stderr in which dialect, and what was translated."""
    source = script / "__main__.py" if script.is_dir() else script
    folder = str((script if script.is_dir() else script.parent).resolve())
    run = (
        _Notebook(script).run if script.suffix == ".ipynb" else lambda: runpy.run_path(str(script), run_name="__main__")
    )
    return _run(_Task(run, [str(script), *arguments], script.name, text_of(source), source, folder), options)


def run_module(module: str, source: Path, arguments: list[str], options: Options | None = None) -> int:
    """Run a module as ``python -m`` does."""
    run = lambda: runpy.run_module(module, run_name="__main__", alter_sys=True)  # noqa: E731
    return _run(_Task(run, [str(source), *arguments], module, text_of(source), source, str(Path.cwd())), options)


def run_text(source: str, name: str, arguments: list[str], options: Options | None = None) -> int:
    """Run what came on standard input (``name`` is ``"-"``) or stood on the command line (``"-c"``)."""
    short = "<stdin>" if name == "-" else "<string>"
    return _run(_Task(_Text(source, short).run, [name, *arguments], short, source, None, ""), options)


def source_of(module: str) -> Path | None:
    """The file that ``python -m module`` would run. The packages around it are not imported: they are for ``as_keras``."""
    folder, whole = str(Path.cwd()), ""
    places: Any = [folder, *sys.path]
    spec = None
    for name in module.split("."):
        whole = f"{whole}.{name}".strip(".")
        spec = importlib.machinery.PathFinder.find_spec(whole, places) if places else None
        places = spec.submodule_search_locations if spec is not None else None
    if places:
        spec = importlib.machinery.PathFinder.find_spec(f"{module}.__main__", list(places))
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _run(task: _Task, options: Options | None) -> int:
    options = options or Options()
    try:
        ast.parse(task.source or "")
        dialect = _say_dialect(task, options)
    except SyntaxError as error:
        if not _say_python_2(task.short, task.source or "", error):
            raise
        return 1
    before, hook = (sys.argv, list(sys.path)), sys.excepthook
    sys.argv = task.argv
    sys.path.insert(0, task.folder)
    sys.excepthook = _from_the_script_on(hook)
    with listening() as notes:
        try:
            with as_keras(dialect), children_see(dialect):
                task.run()
        except SystemExit as left:
            sys.excepthook = hook
            tell(notes, task.short, dialect, options.quiet, options.report)
            if left.code:
                _hint(task)
            raise
        except BaseException as error:
            tell(notes, task.short, dialect, True, options.report, error)
            _hint(task)
            _say_what_python_2_had(error)
            raise  # and the hook is left in its place: it shows this error
        finally:
            sys.argv, sys.path[:] = before
    sys.excepthook = hook
    tell(notes, task.short, dialect, options.quiet, options.report)
    return 0


def _say_dialect(task: _Task, options: Options) -> str | None:
    """Say in which dialect a script is read, and why; guess it, if it was not given."""
    language = language_of(sys.stderr)
    dialect, reason = options.dialect, say("command_line.as_asked", language)
    if dialect is None:
        try:
            dialect, why = guess_project(task.source or "", task.file)
        except ValueError:  # Python will say so better
            return None
        words = ", ".join(why[:4])
        reason = say("command_line.it_uses" if dialect else "command_line.no_older_words", language, words=words)
    known = dialect or "keras3"
    if not options.quiet:
        write(say("command_line.read_as", language, script=task.short, version=GENERATIONS[known].version, dialect=known,
                  reason=reason) + "\n", sys.stderr)  # fmt: skip
    return dialect


def _say_python_2(script: str, source: str, error: SyntaxError) -> bool:
    """Say that a text is Python 2, if it is; Python's own words for it tell nothing of that."""
    told = why_not_python_3(source, error)
    if told is not None:
        show(say("command_line.python_2", language_of(sys.stderr), script=script, **told), sys.stderr)
    return told is not None


def _say_what_python_2_had(error: BaseException) -> None:
    """The same of a module that a script imports, and of names that Python 3 has under another name."""
    if isinstance(error, SyntaxError) and error.filename:
        _say_python_2(error.filename, text_of(Path(error.filename)) or "", error)
    name, today = python_2_name(error)
    if name:
        show(say("command_line.python_2_name", language_of(sys.stderr), name=name, today=today), sys.stderr)


def _hint(task: _Task) -> None:
    """A script failed: was an argument of its own meant for lamina?"""
    meant = next(
        (name for argument in task.argv[1:] if (name := argument.partition("=")[0]) in ("--dialect", "--keras")), None
    )
    if meant is not None:
        told = say("command_line.after_the_script", language_of(sys.stderr), script=task.short, option=meant)
        show(told, sys.stderr)


def _from_the_script_on(hook: Callable[..., Any]) -> Callable[..., None]:
    """An ``excepthook`` that shows an error's frames from those of the script on, as ``python script.py`` does."""

    def show_error(kind: type[BaseException], error: BaseException, frames: types.TracebackType | None) -> None:
        inside = frames
        while inside is not None and inside.tb_frame.f_code.co_filename != __file__:
            inside = inside.tb_next  # the program that called main()
        while inside is not None and inside.tb_frame.f_code.co_filename in _OURS:
            inside = inside.tb_next
        hook(kind, error.with_traceback(inside), inside)

    return show_error


# ---- what is in no file of Python ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _as_main(**names: Any) -> Iterator[types.ModuleType]:
    """A new ``__main__``, with these names."""
    module = types.ModuleType("__main__")
    vars(module).update(names)
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        yield module
    finally:
        sys.modules["__main__"] = before


class _Text(importlib.abc.InspectLoader):
    """Loads ``__main__`` from a text."""

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name

    def get_source(self, fullname: str) -> str:
        return self.source

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.source, self.name)

    def run(self) -> None:
        """Run the text as the main module."""
        with _as_main(__loader__=self) as module:
            self.exec_module(module)


class _Notebook:
    """Runs the cells of a notebook, one after the other, in one ``__main__``."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def run(self) -> None:
        """Run all cells. What a cell ends in is printed, if it is an expression, as a notebook shows it."""
        os.environ.setdefault("MPLBACKEND", "Agg")
        cells = notebooks.cells_of(self.file)
        with _as_main(display=_display, __file__=str(self.file), **{_SHOWN: _show_last}) as module:
            for cell in cells:
                name = f"{self.file}, cell {cell.number}"
                linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
                _Cell(cell.source, name).exec_module(module)


class _Cell(_Text):
    """Loads a cell, which shows what it ends in."""

    def get_code(self, fullname: str) -> types.CodeType:
        tree = ast.parse(self.source, self.name)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not self.source.rstrip().endswith(";"):
            shown = ast.Call(ast.Name(_SHOWN, ast.Load()), [last.value], [])
            tree.body[-1] = ast.copy_location(ast.Expr(shown), last)
            ast.fix_missing_locations(tree)
        return self.source_to_code(tree, self.name)  # pyright: ignore[reportArgumentType]


def _show_last(value: Any) -> None:
    if value is not None:
        _display(value)


def _display(*values: Any, **_: Any) -> None:
    for value in values:
        print(repr(value))


def hide_our_own(files: Iterable[str]) -> None:
    """Frames of these files, too, are not shown when a script fails."""
    global _OURS
    _OURS = (*_OURS, *files)
