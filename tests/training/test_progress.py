"""The progress bar: what it writes, where, how often, and what a step costs."""

import io
import itertools
import re
import sys
import time
import types

import pytest

from lamina import config
from lamina.screen import cells
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


def drawings(out):
    """What was drawn, one after the other, without colours and motions."""
    return re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", out.getvalue()).removeprefix("\r").split("\r")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")


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
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    run(ProgressBar(3, 4, 1, stream=out), tick)
    begin, first, second, *_, last = drawings(out)
    assert begin == "Epoch 1/3"
    assert first == "Epoch 1/3 - 1/4 ━━━━━─────────────── ETA 3s 1s/step - loss: 0.5000"
    assert second == "Epoch 1/3 - 2/4 ━━━━━━━━━━────────── ETA 2s 1s/step - loss: 0.5000"
    assert last == "Epoch 1/3 - 4/4 ━━━━━━━━━━━━━━━━━━━━ 4s 1s/step - loss: 0.2500 - val_loss: 0.5000\n"


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


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_a_shorter_line_leaves_nothing_of_a_longer_one(tick, monkeypatch, kind):
    monkeypatch.setenv("TERM", kind)
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"a_long_name": 1.0})
    bar.epoch_end({})
    longer, shorter = out.getvalue().removesuffix("\n").removeprefix("\r").split("\r")
    assert shorter.endswith("\x1b[K") if kind == "xterm" else len(longer) == len(shorter)


def test_colours_surround_the_bar_alone(tick, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"loss": 0.5})
    assert out.getvalue() == (
        f"\r1/2 \x1b[32m{'━' * 10}\x1b[0m\x1b[2m{'─' * 10}\x1b[0m ETA 1s 1s/step - loss: 0.5000\x1b[K"
    )


@pytest.mark.parametrize(("encoding", "locale"), [
    ("latin-1", {}), ("ascii", {}), ("cp1252", {}), ("gbk", {}), ("no such", {}), ("utf-8", {"LC_ALL": "C"}),
    ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}),
])  # fmt: skip
def test_a_terminal_that_may_not_show_box_characters_gets_plain_ones(tick, monkeypatch, encoding, locale):
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    out.encoding = encoding
    bar = ProgressBar(1, 2, 1, stream=out)
    tick.now += 1
    bar.step(0, lambda: {"loss": 0.5})
    monkeypatch.setenv("COLUMNS", "30")
    tick.now += 1
    bar.step(1, lambda: {"loss": 0.5, "accuracy": 0.5})
    full, narrow = drawings(out)
    assert full == "1/2 ==========.......... ETA 1s 1s/step - loss: 0.5000"
    assert narrow == "2/2 ETA 0s loss: 0.5000 ..."


# ---- as wide as fits -----------------------------------------------------------------------------------------------

SIX = ["accuracy", "auc", "precision", "recall", "f1", "top_k_categorical_accuracy"]
LOGS = {
    "tutorial": ["loss", "accuracy"],
    "six metrics": ["loss", *SIX],
    "long name": ["classification_head_sparse_categorical_accuracy"],
    "Chinese": ["loss", "准确率", "平均绝对误差"],
    "nothing": [],
}


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("epochs", [1, 5, 1000])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("logs", LOGS)
def test_every_line_fits_and_every_number_is_whole(tick, monkeypatch, logs, language, epochs, ended):
    monkeypatch.setattr(config, "language", lambda: language)
    figures = dict.fromkeys([*LOGS[logs], *(f"val_{name}" for name in LOGS[logs] if ended)], 0.1234)
    for steps in (4, 60_000, None):
        for width in (20, *range(27, 80, 4), 80, 100, 120, 200):
            monkeypatch.setenv("COLUMNS", str(width))
            out = Terminal()
            bar = ProgressBar(epochs, steps, 1, stream=out)
            bar.epoch_begin(epochs - 1)
            tick.now += 3725.0
            bar.step(2, lambda: figures)
            if ended:
                bar.epoch_end(figures)
            line = drawings(out)[-1].rstrip("\n")
            assert "\n" not in line
            assert cells(line) < width
            assert set(re.findall(r": ([^ ]*)", line)) <= {"0.1234", *re.findall(r"\d:\d\d(?::\d\d)?", line)}
            if figures:
                assert "0.1234" in line
                assert line.count(": 0.1234") == len(figures) or "…" in line


@pytest.mark.parametrize(("width", "live", "final"), [
    (120, "Epoch 1/12 - 25/71 ━━━━━━━───────────── ETA 46s 1s/step - loss: 0.5000 - accuracy: 0.7500",
     "Epoch 1/12 - 71/71 ━━━━━━━━━━━ 1:11 1s/step - loss: 0.5000 - accuracy: 0.7500 - val_loss: 0.6000 - val_accuracy: 0.7000"),
    (80, "Epoch 1/12 - 25/71 ━━━━────── ETA 46s 1s/step - loss: 0.5000 - accuracy: 0.7500",
     "Epoch 1/12 loss: 0.5000 accuracy: 0.7500 val_loss: 0.6000 val_accuracy: 0.7000"),
    (60, "Epoch 1/12 25/71 ETA 46s loss: 0.5000 accuracy: 0.7500",
     "Epoch 1/12 loss: 0.5000 accuracy: 0.7500 val_loss: 0.6000 …"),
    (40, "Epoch 1/12 25/71 ETA 46s loss: 0.5000 …", "1/12 loss: 0.5000 val_loss: 0.6000 …"),
])  # fmt: skip
def test_what_falls_away_first(tick, monkeypatch, width, live, final):
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    bar = ProgressBar(12, 71, 1, stream=out)
    bar.epoch_begin(0)
    for step in range(71):
        tick.now += 1
        bar.step(step, lambda: {"accuracy": 0.75, "loss": 0.5})
    bar.epoch_end({"accuracy": 0.75, "loss": 0.5, "val_accuracy": 0.7, "val_loss": 0.6})
    shown = drawings(out)
    assert shown[25] == live
    assert shown[-1] == f"{final}\n"


def test_figures_are_shown_in_the_order_of_compile(tick):
    out = io.StringIO()
    bar = ProgressBar(1, 1, 2, stream=out, names=lambda: ["loss", "mse", "accuracy"])
    bar.step(0, dict)
    bar.epoch_end({"accuracy": 1, "learning_rate": 1, "loss": 1, "mse": 1, "val_accuracy": 1, "val_loss": 1})
    assert re.findall(r"(\w+): ", out.getvalue()) == [
        "loss", "mse", "accuracy", "learning_rate", "val_loss", "val_accuracy"
    ]  # fmt: skip


def test_a_terminal_that_gets_narrower_is_drawn_from_the_beginning_of_the_line(tick, monkeypatch):
    monkeypatch.delenv("XTERM_VERSION", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    bar = ProgressBar(1, 4, 1, stream=out)
    for step, width in enumerate(("100", "30")):
        monkeypatch.setenv("COLUMNS", width)
        tick.now += 1
        bar.step(step, lambda: {"loss": 0.5, "accuracy": 0.5})
    assert "\x1b[2A\r\x1b[J2/4 ETA 2s loss: 0.5000 …" in out.getvalue()  # 72 columns had become three lines of 30


# ---- nobody reads --------------------------------------------------------------------------------------------------


class Gone(Terminal):
    def write(self, text):
        raise BrokenPipeError


class Bare:
    """A stream that can only write."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


@pytest.mark.parametrize("verbose", [1, 2])
def test_training_goes_on_when_nobody_reads(tick, monkeypatch, verbose):
    closed = Terminal()
    closed.close()
    for stream in (Gone(), closed):
        run(ProgressBar(2, 4, verbose, stream=stream), tick, epochs=2)
    monkeypatch.setattr("sys.stdout", None)
    run(ProgressBar(2, 4, verbose), tick, epochs=2)
    bare = Bare()
    run(ProgressBar(1, 4, verbose, stream=bare), tick)
    assert bare.text == "4/4 - 4s - 1s/step - loss: 0.2500 - val_loss: 0.5000\n"


# ---- in Chinese ----------------------------------------------------------------------------------------------------


def test_in_chinese(tick, monkeypatch):
    config.set_language("zh")
    try:
        out, terminal, latin = io.StringIO(), Terminal(), Latin()
        for stream in (out, terminal, latin):
            monkeypatch.setenv("COLUMNS", "100")
            run(ProgressBar(5, 4, 2 if stream is out else 1, stream=stream), tick)
    finally:
        config.set_language("auto")
    assert out.getvalue() == "第 1/5 轮 - 4/4 - 4s - 1s/步 - loss: 0.2500 - val_loss: 0.5000\n"
    assert drawings(terminal)[1] == "第 1/5 轮 - 1/4 ━━━━━─────────────── 剩余 3s 1s/步 - loss: 0.5000"
    assert drawings(latin)[1] == "Epoch 1/5 - 1/4 =====............... ETA 3s 1s/step - loss: 0.5000"


# ---- at its end ----------------------------------------------------------------------------------------------------


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
    assert notebook[0]["text/plain"] == "Epoch 1/2"
    assert notebook[-1]["text/plain"].count("4/4") == 2
    start, _, text = notebook[-1]["text/html"].partition(">")
    assert start.startswith('<pre style="font-family: monospace')
    assert text.startswith("Epoch 1/2 - 4/4 ━")


def test_a_long_run_in_a_notebook_keeps_its_last_lines(tick, notebook):
    run(ProgressBar(70, 1, 1), tick, epochs=70, steps=1)
    lines = notebook[-1]["text/plain"].split("\n")
    assert lines[0] == "..."
    assert lines[-1].startswith("Epoch 70/70 - 1/1")
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
