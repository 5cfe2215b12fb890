"""The command line: ``lamina run SCRIPT``, ``lamina demo``, ``lamina --version``; also as ``python -m lamina``."""

from __future__ import annotations

import argparse
import importlib
import runpy
import sys
from pathlib import Path

from lamina import __version__
from lamina.compat.hints import guess
from lamina.compat.modules import as_keras
from lamina.dialects.translator import GENERATIONS


def main(argv: list[str] | None = None) -> int:
    """Run the command line; ``argv`` is without the program's name. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="lamina", description="Keras code of any age, as PyTorch.")
    parser.add_argument("--version", action="version", version=f"lamina {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    # Of its own, since it may also stand among the script's arguments.
    dialect = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    dialect.add_argument("--dialect", choices=list(GENERATIONS), help="its Keras generation; guessed when not given")
    run = commands.add_parser("run", help="run a Keras script of any generation, unchanged", parents=[dialect])
    run.add_argument("script", type=Path, help="the script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own arguments")

    demo = commands.add_parser("demo", help="train the tutorial's network on pictures")
    demo.add_argument("--folder", type=Path, default=Path("demo_output"), help="where pictures and the model go")

    options = parser.parse_args(argv)
    if options.command == "demo":
        importlib.import_module("lamina.demo").main(options.folder)
        return 0
    if not options.script.is_file():
        parser.error(f"there is no script {str(options.script)!r}")
    later, arguments = dialect.parse_known_args(options.arguments)
    return run_script(options.script, arguments, later.dialect or options.dialect)


def run_script(script: Path, arguments: list[str], dialect: str | None = None) -> int:
    """Run ``script`` with ``import keras`` (of any generation) meaning lamina, and say on stderr in which dialect."""
    if dialect is None:
        dialect, why = guess(script.read_text(encoding="utf-8"))
        reason = f"it uses {', '.join(why[:4])}" if dialect else "it has no older generation's words"
    else:
        reason = "as asked"
    version = GENERATIONS[dialect or "keras3"].version
    print(
        f"lamina: {script.name} is read as Keras {version} (dialect {dialect or 'keras3'}): {reason}.", file=sys.stderr
    )

    before = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        with as_keras(dialect):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return 0


if __name__ == "__main__":
    sys.exit(main())
