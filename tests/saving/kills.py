"""Processes that are killed while they save over a file: it must be the old one or a new one, whole. ``make kills`` runs 500.

A process that has imported all forks for each kill, since importing takes longer than a hundred saves.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from saving.test_nothing_lost import ENDINGS, model, save, value_in

UNITS = 2000  # enough that most kills fall into a save


def kill_saves(path: Path, count: int, seed: int) -> int:
    """Kill ``count`` processes that save other numbers to ``path`` again and again; how many of them had saved something.

    Raises:
        AssertionError, ValueError, OSError: when the file is neither the old one nor a new one.
    """
    chance = random.Random(seed)
    save(model(0.0, UNITS), path)
    was, changed = 0.0, 0
    for number in range(1, count + 1):
        child = os.fork()
        if child == 0:
            try:
                made = model(float(number), UNITS)
                while True:
                    save(made, path)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        value = value_in(path, UNITS)
        assert value in (was, float(number)), f"seed {seed}, kill {number}: {path} holds {value}, and held {was}"
        changed += value != was
        was = value
    return changed


def main() -> int:
    """Kill as often as asked, over all formats."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6))
    told = arguments.parse_args()
    for place, ending in enumerate(ENDINGS):
        count = told.count // len(ENDINGS) + (place < told.count % len(ENDINGS))
        with tempfile.TemporaryDirectory() as folder:
            changed = kill_saves(Path(folder, f"m{ending}"), count, told.seed)
        print(f"{ending}: {count} of {count} whole, {changed} of them new (seed {told.seed})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
