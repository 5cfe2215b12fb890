"""A minute of random layers, the same ones each time; ``make fuzz`` runs others, for longer."""

import os
import signal

import pytest

from fuzz.__main__ import find
from fuzz.cases import draw
from fuzz.children import each

# As many as take about a minute; the seconds are for a machine that is busy.
COUNT, SECONDS = 6000, 240.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
@pytest.mark.parametrize("seed", [1, 2])
def test_random_layers(seed):
    tried, failures = find(seed, SECONDS / 2, COUNT // 2)
    assert failures == [], "\n\n".join(failures)
    assert tried > 0


def test_a_number_draws_the_same_case_again():
    assert repr(draw(3, 4)) == repr(draw(3, 4)) != repr(draw(3, 5))


def test_a_crash_and_a_hang_are_answers():
    def work(how):
        if how == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        while how == "hang":
            pass
        return "ok"

    answers = [answer for _, answer in each(work, ["ok", "crash", "ok", "hang", "ok"], patience=1.0)]
    assert answers == ["ok", "crash: the process ended with -9", "ok", "hang: no answer in 1 s", "ok"]
