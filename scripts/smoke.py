"""Tries an installed lamina as a newcomer would: README's code, which the package carries, and then ``lamina demo``.

To be run by the interpreter that has lamina, in an empty folder away from the source: ``make dist`` does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Raises where something is missing or fails."""
    import lamina

    package = Path(lamina.__file__).resolve().parent
    if SOURCE in package.parents and SOURCE / ".venv" not in package.parents and SOURCE / "dist" not in package.parents:
        raise SystemExit(f"This is the source, {package}, and not what was installed.")
    if metadata.version("lamina") != lamina.__version__:
        raise SystemExit(f"lamina {lamina.__version__} was installed as {metadata.version('lamina')}.")
    if not (package / "py.typed").is_file():
        raise SystemExit("py.typed is missing: type checkers would not see lamina's types.")

    blocks = BLOCK.findall(str(metadata.metadata("lamina").get_payload()))
    if not blocks:
        raise SystemExit("The package's description has no code: it should be README.md.")
    print(f"lamina {lamina.__version__} in {package}: README's {len(blocks)} pieces of code", flush=True)
    exec(compile("\n".join(blocks), "README.md", "exec"), {"__name__": "readme"})
    for arguments in (["--version"], ["demo", "--folder", "smoke_demo"]):
        print("lamina", *arguments, flush=True)
        subprocess.run([sys.executable, "-m", "lamina", *arguments], check=True)


if __name__ == "__main__":
    main()
