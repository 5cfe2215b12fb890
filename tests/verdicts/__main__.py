"""``make verdicts``: how often the verdicts on drawn curves and real fits are right, with other seeds each time."""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from verdicts.drawn import KINDS, draw
from verdicts.fits import FITS, truths
from verdicts.words import faults


class Answer(NamedTuple):
    """What was said of a run, and what is right."""

    about: str
    said: str
    right: set[str]
    confident: bool
    words: list[str]
    text: str

    @property
    def is_right(self) -> bool:
        return self.said in self.right

    def __str__(self) -> str:
        sure = "" if self.confident else ", not confident"
        return f"{self.about}: {self.said!r}{sure}; right is {', '.join(sorted(self.right))}\n    {self.text}"


def asked(about: str, history: Any, right: set[str]) -> Answer:
    found = history.diagnose(language="en")
    return Answer(about, found.verdict, right, found.confident, faults(history), found.reason)


def of_drawn(seeds: range, kinds: Any = KINDS) -> Iterator[Answer]:
    for seed in seeds:
        for kind in kinds:
            case = draw(kind, seed)
            yield asked(case.about, case.history, case.right)


def of_fits(seed: int, fits: Any = FITS) -> Iterator[Answer]:
    for make in fits:
        fit = make(seed)
        yield asked(f"{make.__name__} {seed}", fit.history, truths(fit))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make verdicts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000, 10**6))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    start, counts, wrong = time.perf_counter(), Counter[str](), Counter[str]()
    seed = chosen.seed
    while time.perf_counter() - start < chosen.seconds:
        for kind, answers in (("drawn", of_drawn(range(20 * seed, 20 * seed + 20))), ("fits", of_fits(seed))):
            for answer in answers:
                counts[kind] += 1
                counts[f"{kind}, right"] += answer.is_right
                if not answer.is_right:
                    counts[f"{kind}, wrong and confident"] += answer.confident
                    wrong[f"{answer.about.split()[0]}: {answer.said}"] += 1
                    print(answer)
                for fault in answer.words:
                    print(f"{answer.about}: {fault}")
        seed += 1
    print(*(f"{name}: {count}" for name, count in wrong.most_common()), sep="\n")
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    return int(any(counts[kind] and counts[f"{kind}, right"] < 0.95 * counts[kind] for kind in ("drawn", "fits")))


if __name__ == "__main__":
    sys.exit(main())
