"""``python -m fuzz --seconds 120 --seed 1``: draw cases until the time is over, and print those that fail."""

from __future__ import annotations

import argparse
import random
import sys
import time

from fuzz.cases import draw
from fuzz.check import check, program
from fuzz.children import each


def find(seed: int, seconds: float, count: int | None = None, first: int = 0) -> tuple[int, list[str]]:
    """How many cases were tried, and a program with its answer for each that fails."""
    end = time.monotonic() + seconds

    def drawn():
        number = first
        while time.monotonic() < end and (count is None or number < first + count):
            yield draw(seed, number)
            number += 1

    tried, failures = 0, []
    for case, answer in each(check, drawn()):
        tried += 1
        if answer != "ok":
            again = dict(each(check, [case]))[case] if answer.startswith("crash") else answer
            note = "" if again == answer else "; alone: " + again  # a case before it may have spoilt the memory
            failures.append(f"{program(case)}\n# {answer}{note}")
            print(failures[-1], end="\n\n", flush=True)
    return tried, failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    parser.add_argument("--count", type=int, default=None, help="stop after so many cases")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    given = parser.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    tried, failures = find(seed, given.seconds, given.count, given.first)
    print(f"seed {seed}: {tried} cases, {len(failures)} failures")
    return min(len(failures), 1)


if __name__ == "__main__":
    sys.exit(main())
