"""The command line: ``lamina run SCRIPT``, ``lamina show FILE``, ``lamina --version``, ...; also as ``python -m lamina``."""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import runpy
import sys
import tokenize
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lamina import __version__
from lamina.compat.check import report
from lamina.compat.hints import guess
from lamina.compat.modules import as_keras
from lamina.compat.own_code import custom_objects
from lamina.dialects.translator import GENERATIONS
from lamina.language import say
from lamina.models.convert import FORMATS, convert_all, targets_of
from lamina.screen import language_of, show, wrap, write
from lamina.viz.files import show as show_files

DEMO_OUTPUT = Path("demo_output")
# The files that run a script: their frames say nothing of what is wrong in it.
_OURS = (__file__, runpy.__file__, "<frozen runpy>", "<frozen importlib._bootstrap>",
         "<frozen importlib._bootstrap_external>")  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the command line; ``argv`` is without the program's name. Returns the exit code."""
    own, rest = split(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    options = parser.parse_args(own)
    if options.command == "demo":
        importlib.import_module("lamina.demo").main(options.folder)
        return 0
    if options.command == "show":
        return show_files(options.files, options.weights, options.json)
    if options.command == "convert":
        return _convert(parser, options)
    if options.command == "check":
        return report(options.scripts, options.dialect)
    if options.module is not None:
        source = source_of(options.module)
        if source is None:
            parser.error(f"there is no module {options.module!r}, or none that can be run")
        return run_module(options.module, source, rest, options.dialect)
    if options.script is None:
        parser.error("the following arguments are required: script, or -m and a module")
    if options.script == "-":
        return run_input(sys.stdin.read(), rest, options.dialect)
    script = Path(options.script)
    if not script.is_file() and not (script / "__main__.py").is_file():
        parser.error(f"there is no script {options.script!r}")
    return run_script(script, rest, options.dialect)


def _convert(parser: argparse.ArgumentParser, options: Any) -> int:
    """``lamina convert``; what is wrong with the command line itself is told before any file is opened."""
    try:
        pairs = targets_of(options.files, options.to)
        known = custom_objects(options.custom_objects, options.dialect)
    except ValueError as error:
        parser.error(str(error))
    return convert_all(pairs, to=options.to, model=options.model, custom_objects=known, overwrite=options.overwrite,
                       compile=not options.no_compile)  # fmt: skip


def split(argv: list[str]) -> tuple[list[str], list[str]]:
    """What is lamina's own, and what belongs to the script that ``run`` runs: all that stands after it.

    >>> split(["run", "--dialect", "keras1", "script.py", "--dialect", "x"])
    (['run', '--dialect', 'keras1', 'script.py'], ['--dialect', 'x'])
    """
    if argv[:1] != ["run"]:
        return argv, []
    place = 1
    while place < len(argv) and argv[place].startswith("-") and argv[place] != "-":
        if argv[place] == "--":
            return [*argv[:place], *argv[place + 1 : place + 2]], argv[place + 2 :]
        if argv[place].startswith("-m"):  # like a script, a module ends what is lamina's own
            place += argv[place] == "-m"
            break
        place += 2 if argv[place] == "--dialect" else 1
    return argv[: place + 1], argv[place + 1 :]


# ---- running -------------------------------------------------------------------------------------------------------


def run_script(script: Path, arguments: list[str], dialect: str | None = None) -> int:
    """Run ``script`` with ``import keras`` (of any generation) meaning lamina, and say on stderr in which dialect."""
    source = script / "__main__.py" if script.is_dir() else script
    folder = (script if script.is_dir() else script.parent).resolve()
    return _run(lambda: runpy.run_path(str(script), run_name="__main__"), str(script), script.name, _text(source), folder,
                arguments, dialect)  # fmt: skip


def run_module(module: str, source: Path, arguments: list[str], dialect: str | None = None) -> int:
    """Run a module as ``python -m`` does, in the same way as a script."""
    return _run(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True), str(source), module, _text(source),
                Path.cwd(), arguments, dialect)  # fmt: skip


def run_input(source: str, arguments: list[str], dialect: str | None = None) -> int:
    """Run what came on standard input in the same way."""
    return _run(_Input(source).run, "-", "<stdin>", source, "", arguments, dialect)


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


def _text(file: Path) -> str | None:
    """The text of a script, in the encoding that it states; ``None`` where it can't be read, which Python will say."""
    try:
        with tokenize.open(file) as opened:
            return opened.read()
    except (SyntaxError, UnicodeDecodeError, OSError):
        return None


def _run(run: Callable[[], Any], name: str, short: str, source: str | None, folder: Path | str, arguments: list[str],
         dialect: str | None) -> int:  # fmt: skip
    dialect = _say_dialect(short, source, dialect)
    before, hook = (sys.argv, list(sys.path)), sys.excepthook
    sys.argv = [name, *arguments]
    sys.path.insert(0, str(folder))
    sys.excepthook = _from_the_script_on(hook)
    try:
        with as_keras(dialect):
            run()
    except SystemExit as left:
        sys.excepthook = hook
        if left.code:
            _hint(short, arguments)
        raise
    except BaseException:
        _hint(short, arguments)
        raise  # and the hook is left in its place: it shows this error
    finally:
        sys.argv, sys.path[:] = before
    sys.excepthook = hook
    return 0


def _say_dialect(script: str, source: str | None, dialect: str | None) -> str | None:
    """Say in which dialect a script is read, and why; guess it, if it was not given."""
    language = language_of(sys.stderr)
    reason = say("command_line.as_asked", language)
    if dialect is None:
        try:
            dialect, why = guess(source or "")
        except (SyntaxError, ValueError):  # Python will say so better
            return None
        words = ", ".join(why[:4])
        reason = say("command_line.it_uses" if dialect else "command_line.no_older_words", language, words=words)
    known = dialect or "keras3"
    write(say("command_line.read_as", language, script=script, version=GENERATIONS[known].version, dialect=known,
              reason=reason) + "\n", sys.stderr)  # fmt: skip
    return dialect


def _hint(script: str, arguments: Iterable[str]) -> None:
    """A script failed: was an argument of its own meant for lamina?"""
    if any(argument.partition("=")[0] == "--dialect" for argument in arguments):
        show(say("command_line.after_the_script", language_of(sys.stderr), script=script), sys.stderr)


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


class _Input(importlib.abc.InspectLoader):
    """Loads ``__main__`` from a text."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return self.source

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.source, "<stdin>")

    def run(self) -> None:
        """Run the text as the main module."""
        module = types.ModuleType("__main__")
        module.__loader__ = self
        before = sys.modules["__main__"]
        sys.modules["__main__"] = module
        try:
            self.exec_module(module)
        finally:
            sys.modules["__main__"] = before


# ---- the parser ----------------------------------------------------------------------------------------------------


class _Help(argparse.HelpFormatter):
    """Help whose texts are wrapped by the columns that they take, in the language of the screen."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(
            usage, actions, groups, say("command_line.usage", language_of()) if prefix is None else prefix
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width).split("\n")

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))


class _Parser(argparse.ArgumentParser):
    """A parser whose help is in the language of the screen, and can be printed on any stream."""

    def __init__(self, **options: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=_Help, **options)
        self.positional = self.add_argument_group(_told("arguments"))
        self.optional = self.add_argument_group(_told("options"))
        self.optional.add_argument("-h", "--help", action="help", help=_told("help"))

    def _print_message(self, message: str, file: Any = None) -> None:
        write(message, file or sys.stderr)


def _told(key: str, **figures: Any) -> str:
    return say(f"command_line.{key}", language_of(), **figures)


def _parser() -> _Parser:
    whole = _Parser(prog="lamina", description=_told("about"))
    whole.optional.add_argument("--version", action="version", version=f"lamina {__version__}", help=_told("version"))
    commands = whole.add_subparsers(dest="command", required=True, title=_told("commands"), metavar="command")

    run = commands.add_parser("run", help=_told("run"), description=_told("run_about"),
                              usage="lamina run [-h] [--dialect NAME] (SCRIPT | -m MODULE) ...")  # fmt: skip
    run.positional.add_argument("script", metavar="SCRIPT", nargs="?", help=_told("script"))
    run.positional.add_argument("rest", metavar="...", nargs="*", help=_told("script_arguments"))
    run.optional.add_argument("--dialect", choices=list(GENERATIONS), metavar="NAME",
                              help=_told("dialect", names=", ".join(GENERATIONS)))  # fmt: skip
    run.optional.add_argument("-m", dest="module", metavar="MODULE", help=_told("module"))

    check = commands.add_parser("check", help=_told("check"), description=_told("check_about"))
    check.positional.add_argument("scripts", metavar="SCRIPT", nargs="+", type=Path, help=_told("scripts"))
    check.optional.add_argument("--dialect", choices=list(GENERATIONS), metavar="NAME",
                                help=_told("dialect", names=", ".join(GENERATIONS)))  # fmt: skip

    files = commands.add_parser("show", help=_told("show"), description=_told("show_about"))
    files.positional.add_argument("files", metavar="FILE", nargs="+", help=_told("show_files"))
    files.optional.add_argument("--weights", action="store_true", help=_told("show_weights"))
    files.optional.add_argument("--json", action="store_true", help=_told("show_json"))

    change = commands.add_parser("convert", help=_told("convert"), description=_told("convert_about"))
    change.positional.add_argument("files", metavar="FILE", nargs="+", help=_told("convert_files"))
    change.optional.add_argument("--to", choices=list(FORMATS), metavar="FORMAT",
                                 help=_told("convert_to", formats=", ".join(FORMATS)))  # fmt: skip
    change.optional.add_argument("--model", metavar="FILE", help=_told("convert_model"))
    change.optional.add_argument("--custom-objects", metavar="MODULE:NAME", action="append", default=[],
                                 help=_told("convert_custom_objects"))  # fmt: skip
    change.optional.add_argument("--dialect", choices=list(GENERATIONS), metavar="NAME",
                                 help=_told("convert_dialect", names=", ".join(GENERATIONS)))  # fmt: skip
    change.optional.add_argument("--overwrite", action="store_true", help=_told("convert_overwrite"))
    change.optional.add_argument("--no-compile", action="store_true", help=_told("convert_no_compile"))

    demo = commands.add_parser("demo", help=_told("demo"), description=_told("demo"))
    demo.optional.add_argument("--folder", type=Path, default=DEMO_OUTPUT, help=_told("folder", folder=DEMO_OUTPUT))
    return whole


if __name__ == "__main__":
    sys.exit(main())
