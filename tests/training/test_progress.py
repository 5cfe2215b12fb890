"""The progress bar: what it writes, where, how often, and what a step costs."""

import io
import itertools
import sys
import time
import types

import pytest

from lamina.training import progress
from lamina.training.progress import ProgressBar, clock, number, per_step


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def tick(monkeypatch):
    hand = Clock()
    monkeypatch.setattr(progress, "perf_counter", hand)
    return hand


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Latin(Terminal):
    encoding = "latin-1"


def run(bar, tick, epochs=1, steps=4, seconds=1.0, logs=None):
    for epoch in range(epochs):
        bar.epoch_begin(epoch)
        for step in range(steps):
            tick.now += seconds
            bar.step(step, lambda: {"loss": 0.5})
        bar.epoch_end({"loss": 0.25, "val_loss": 0.5} if logs is None else logs)


# ---- elsewhere than on a terminal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_one_line_an_epoch_where_the_output_is_no_terminal(tick, verbose):
    out = io.StringIO()
    run(ProgressBar(2, 4, verbose, stream=out), tick, epochs=2)
    line = " - 4/4 - 4s - 1s/step - loss: 0.2500 - val_loss: 0.5000\n"
    assert out.getvalue() == f"Epoch 1/2{line}Epoch 2/2{line}"


def test_silence(tick, capsys):
    out = io.StringIO()
    run(ProgressBar(2, 4, 0, stream=out), tick, epochs=2)
    assert out.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_one_epoch_has_no_heading(tick):
    out = io.StringIO()
    run(ProgressBar(1, 4, 1, label="evaluate", stream=out), tick)
    assert out.getvalue() == "4/4 - 4s - 1s/step - loss: 0.2500 - val_loss: 0.5000\n"


@pytest.mark.parametrize(("verbose", "lines"), [(1, 0), (2, 1)])
def test_prediction_without_figures_leaves_a_line_only_when_asked(tick, verbose, lines):
    out = io.StringIO()
    run(ProgressBar(1, 4, verbose, label="predict", stream=out), tick, logs={})
    assert out.getvalue().count("\n") == lines


def test_the_stream_is_the_one_that_print_uses(tick, capsys):
    run(ProgressBar(1, 4, 1), tick)
    assert capsys.readouterr().out.startswith("4/4 - 4s")


def test_an_unknown_number_of_steps_is_learnt(tick):
    out = io.StringIO()
    bar = ProgressBar(2, None, 2, stream=out)
    run(bar, tick, epochs=2, steps=3)
    assert bar.steps == 3
    assert out.getvalue().count("3/3 - 3s") == 2


def test_wrong_verbosity():
    with pytest.raises(ValueError, match=r"^verbose must be 0, 1, 2 or 'auto', and got 3\.$"):
        ProgressBar(verbose=3)


# ---- on a terminal -------------------------------------------------------------------------------------------------


def test_a_terminal_gets_one_line_that_is_drawn_over(tick, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    run(ProgressBar(3, 4, 1, stream=out), tick)
    heading, line = out.getvalue().split("\n", 1)
    assert heading == "Epoch 1/3"
    first, second, *_, last = line.removeprefix("\r").split("\r")
    assert first == "1/4 ━━━━━─────────────── ETA 3s 1s/step - loss: 0.5000"
    assert second == "2/4 ━━━━━━━━━━────────── ETA 2s 1s/step - loss: 0.5000"
    assert last == "4/4 ━━━━━━━━━━━━━━━━━━━━ 4s 1s/step - loss: 0.2500 - val_loss: 0.5000\n"


def test_it_draws_ten_times_a_second_at_most_and_reads_only_then(tick):
    reads = []

    def read():
        reads.append(tick.now)
        return {"loss": 0.5}

    bar = ProgressBar(1, 1000, 1, stream=Terminal())
    bar.epoch_begin(0)
    for step in range(1000):
        tick.now += 0.001
        bar.step(step, read)
    assert 8 <= len(reads) <= 10
    assert min(after - before for before, after in itertools.pairwise(reads)) > 0.0999


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["file", "silent"])
def test_it_reads_nothing_where_it_draws_nothing(tick, stream):
    bar = ProgressBar(1, 4, 0 if stream is None else 1, stream=stream)
    bar.epoch_begin(0)
    tick.now += 1000
    bar.step(0, lambda: pytest.fail("read"))


def test_a_shorter_line_leaves_nothing_of_a_longer_one(tick, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"a_long_name": 1.0})
    bar.epoch_end({})
    longer, shorter = out.getvalue().removesuffix("\n").removeprefix("\r").split("\r")
    assert len(longer) == len(shorter)


def test_a_live_line_stays_within_the_terminal(tick, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"a": 1.0, "b": 2.0, "c": 3.0})
    assert len(out.getvalue().strip("\r")) == 39
    assert out.getvalue().endswith("...")


def test_colours_surround_the_bar_alone(tick, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"loss": 0.5})
    assert out.getvalue() == f"\r1/2 \x1b[32m{'━' * 10}\x1b[0m\x1b[2m{'─' * 10}\x1b[0m ETA 1s 1s/step - loss: 0.5000"


def test_a_stream_without_box_characters_gets_plain_ones(tick, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Latin()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"loss": 0.5})
    assert out.getvalue() == "\r1/2 ==========.......... ETA 1s 1s/step - loss: 0.5000"


def test_close_ends_a_line_that_was_under_way(tick):
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    bar.close()
    assert out.getvalue() == ""
    tick.now += 1
    bar.step(0, lambda: {"loss": 0.5})
    bar.close()
    bar.close()
    assert out.getvalue().count("\n") == 1


# ---- in a notebook -------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    """What IPython offers inside a notebook; the outputs it was given."""
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data)

    def display(data, raw, display_id):
        shown.append(data)
        return Handle()

    module = types.ModuleType("IPython")
    module.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    module.display = types.SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython", module)
    return shown


def test_a_notebook_has_one_display_that_changes(tick, notebook):
    run(ProgressBar(2, 4, 1), tick, epochs=2)
    assert notebook[-1]["text/plain"].split("\n")[0] == "Epoch 1/2"
    assert notebook[-1]["text/plain"].count("4/4") == 2
    assert notebook[-1]["text/html"].startswith("<pre>Epoch 1/2\n4/4 ━")


def test_a_long_run_in_a_notebook_keeps_its_last_lines(tick, notebook):
    run(ProgressBar(50, 1, 1), tick, epochs=50, steps=1)
    lines = notebook[-1]["text/plain"].split("\n")
    assert lines[0] == "..."
    assert lines[-2] == "Epoch 50/50"
    assert len(lines) == progress.NOTEBOOK_LINES + 1


# ---- cost and words ------------------------------------------------------------------------------------------------


def test_a_step_that_draws_nothing_costs_next_to_nothing():
    bar = ProgressBar(1, None, 1, stream=Terminal())
    bar._due = float("inf")
    read = dict
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for step in range(20_000):
            bar.step(step, read)
        best = min(best, (time.perf_counter() - start) / 20_000)
    assert best < 2e-6  # 0.15e-6 on a quiet machine; a look into a tensor costs more than this


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.2500"),
        (12.34567, "12.3457"),
        (2.5e-4, "2.5000e-04"),
        (0.0, "0.0000"),
        (float("nan"), "nan"),
        (3, "3.0000"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (7, "7s"), (125, "2:05"), (3600, "1:00:00"), (float("inf"), "0s")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "2s/step"), (0.005, "5ms/step"), (3e-4, "300us/step"), (0, "0us/step")]
)
def test_pace(seconds, text):
    assert per_step(seconds) == text
