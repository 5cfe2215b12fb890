"""The bar for loops of one's own shows the values that Keras's shows."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import config
from lamina.training.progbar import Progbar

STEPS = [(1, [("loss", 1.0), ("acc", 0.5)]), (2, [("loss", 0.5), ("acc", 0.25)]), (5, [("loss", 0.25), ("acc", 1.0)])]


def figures(text):
    """The names and values of the last line, and how many steps are done."""
    line = text.rstrip("\n").replace("\x1b", "").splitlines()[-1]
    count = re.findall(r"(\d+)/(\d+|Unknown)", line)[-1]
    return count, dict(re.findall(r"(\w+): ([-\de.]+)", line))


@pytest.mark.parametrize("last", [2, 3])
@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("told", [{}, {"stateful_metrics": ["acc"]}, {"stateless_metrics": ["acc"]}])
def test_the_last_line_is_keras_s(capsys, told, verbose, last):
    found = []
    for make in (keras.utils.Progbar, Progbar):
        bar = make(5, verbose=verbose, **told)
        for current, values in STEPS[:last]:
            bar.update(current, values, finalize=current == STEPS[last - 1][0])
        found.append(figures(capsys.readouterr().out))
    assert found[0] == found[1]


def test_before_keras_3_the_last_line_has_means(capsys):
    with lamina.as_keras("keras2"):
        from keras.utils.generic_utils import Progbar as Old

        bar = Old(5, 30, 2)
    assert bar.width == 30
    for current, values in STEPS:
        bar.update(current, values)
    assert figures(capsys.readouterr().out) == (("5", "5"), {"loss": "0.4500", "acc": "0.7500"})


def test_add_and_an_unknown_number_of_steps(capsys):
    bar = Progbar(None, verbose=2)
    for value in (1.0, 3.0):
        bar.add(2, [("loss", torch.tensor(value))])
    bar.update(4, [("loss", np.array([2.0, 4.0]))], finalize=True)
    assert figures(capsys.readouterr().out) == (("4", "Unknown"), {"loss": "3.0000"})


def test_silence_and_the_logger(capsys, caplog):
    Progbar(1, verbose=0).update(1, [("loss", 1.0)])
    config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="lamina"):
            Progbar(1, verbose=2, unit_name="sample").update(1, [("loss", 1.0)])
    finally:
        config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert "/sample - loss: 1.0000" in caplog.records[0].getMessage()


def test_in_a_terminal_it_is_drawn_over(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    bar = Progbar(4, interval=0)
    for current in range(1, 5):
        bar.update(current, [("loss", 1.0)])
    assert capsys.readouterr().out.count("\r") == 4


def test_one_list_of_names():
    with pytest.raises(ValueError, match="and got both"):
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])
