"""The command line: ``lamina run SCRIPT``, ``lamina show FILE``, ``lamina --version``, ...; also as ``python -m lamina``."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from lamina import __version__
from lamina.compat.check import report
from lamina.compat.own_code import custom_objects
from lamina.compat.running import Options, hide_our_own, run_module, run_script, run_text, source_of
from lamina.dialects.translator import GENERATIONS, NUMBERS
from lamina.language import say
from lamina.models.convert import FORMATS, convert_all, targets_of
from lamina.screen import language_of, wrap, write
from lamina.viz.files import show as show_files

DEMO_OUTPUT = Path("demo_output")
_VALUED = ("--dialect", "--keras", "--report")  # options of ``run`` whose value is the next word
hide_our_own([__file__])


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
    if options.command == "migrate":
        return _migrate(parser, options)
    if options.command == "check":
        return report(options.scripts, options.dialect)
    return _run(parser, options, rest)


def _run(parser: argparse.ArgumentParser, options: Any, rest: list[str]) -> int:
    """``lamina run``"""
    dialect = NUMBERS.get(options.keras, options.keras) if options.keras is not None else options.dialect
    how = Options(dialect, options.quiet, options.report)
    if options.code is not None:
        return run_text(options.code, "-c", rest, how)
    if options.module is not None:
        source = source_of(options.module)
        if source is None:
            parser.error(f"there is no module {options.module!r}, or none that can be run")
        return run_module(options.module, source, rest, how)
    if options.script is None:
        parser.error("the following arguments are required: script, or -m and a module")
    if options.script == "-":
        return run_text(sys.stdin.read(), "-", rest, how)
    script = Path(options.script)
    if not script.is_file() and not (script / "__main__.py").is_file():
        parser.error(f"there is no script {options.script!r}")
    return run_script(script, rest, how)


def _migrate(parser: argparse.ArgumentParser, options: Any) -> int:
    """``lamina migrate``; LibCST may not be there."""
    try:
        command = importlib.import_module("lamina.migrate.command")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        parser.error(str(error))
    for place in options.places:
        if not place.exists():
            parser.error(f"there is no file or folder {str(place)!r}")
    dialect = NUMBERS.get(options.keras, options.keras)
    how = command.Options(options.to, dialect, options.write, options.check, options.quiet)
    return command.report(options.places, how)


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
        if argv[place].startswith(("-m", "-c")):  # like a script, a module or a program ends what is lamina's own
            place += argv[place] in ("-m", "-c")
            break
        place += 2 if argv[place] in _VALUED else 1
    return argv[: place + 1], argv[place + 1 :]


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
                              usage="lamina run [-h] [--keras N] [--quiet] [--report FILE] "
                                    "(SCRIPT | -m MODULE | -c CODE) ...")  # fmt: skip
    run.positional.add_argument("script", metavar="SCRIPT", nargs="?", help=_told("script"))
    run.positional.add_argument("rest", metavar="...", nargs="*", help=_told("script_arguments"))
    run.optional.add_argument("--dialect", choices=list(GENERATIONS), metavar="NAME",
                              help=_told("dialect", names=", ".join(GENERATIONS)))  # fmt: skip
    run.optional.add_argument("--keras", choices=[*NUMBERS, *GENERATIONS], metavar="N", help=_told("keras"))
    run.optional.add_argument("-m", dest="module", metavar="MODULE", help=_told("module"))
    run.optional.add_argument("-c", dest="code", metavar="CODE", help=_told("code"))
    run.optional.add_argument("-q", "--quiet", action="store_true", help=_told("quiet"))
    run.optional.add_argument("--report", metavar="FILE", type=Path, help=_told("report"))

    check = commands.add_parser("check", help=_told("check"), description=_told("check_about"))
    check.positional.add_argument("scripts", metavar="SCRIPT", nargs="+", type=Path, help=_told("scripts"))
    check.optional.add_argument("--dialect", choices=list(GENERATIONS), metavar="NAME",
                                help=_told("dialect", names=", ".join(GENERATIONS)))  # fmt: skip

    move = commands.add_parser("migrate", help=_told("migrate"), description=_told("migrate_about"))
    move.positional.add_argument("places", metavar="PATH", nargs="+", type=Path, help=_told("migrate_places"))
    move.optional.add_argument("--to", choices=["lamina", "keras3"], default="lamina",
                               help=_told("migrate_to", targets="lamina, keras3"))  # fmt: skip
    move.optional.add_argument("--keras", choices=[*NUMBERS, *GENERATIONS], metavar="N",
                               help=_told("dialect", names=", ".join(NUMBERS)))  # fmt: skip
    move.optional.add_argument("--write", action="store_true", help=_told("migrate_write"))
    move.optional.add_argument("--check", action="store_true", help=_told("migrate_check"))
    move.optional.add_argument("-q", "--quiet", action="store_true", help=_told("migrate_quiet"))

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
