"""``python -m benchmarks [NAME ...]`` (``make bench``): the benchmarks one after another, each in a process of its own.

A name picks the scripts that contain it: ``python -m benchmarks race call``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("bench_race", "bench_call", "bench_layers", "bench_optimizers", "bench_dialects", "bench_files")


def main(names: list[str]) -> int:
    """Run the scripts whose names contain one of ``names`` (all when there are none); 1 when one of them failed."""
    chosen = [script for script in SCRIPTS if not names or any(name in script for name in names)]
    if not chosen:
        print(f"No benchmark is named {' or '.join(names)}. There are {', '.join(SCRIPTS)}.", file=sys.stderr)
        return 2
    failed = 0
    for script in chosen:
        print(f"\n== {script}", flush=True)
        path = Path(__file__).with_name(f"{script}.py")
        failed |= subprocess.run([sys.executable, str(path)], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
