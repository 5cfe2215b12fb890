"""The demo's pictures: whole, as many side by side as fit, in English and in Chinese."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from lamina import config, demo
from lamina.screen import cells

PICTURES = np.random.default_rng(0).random((4, 28, 28, 1))
LABELS = np.array([0, 6, 7, 3])
MODEL = SimpleNamespace(predict=lambda x, verbose: np.eye(10)[[0, 7, 7, 6]])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("width", "rows"), [(40, 4), (60, 2), (80, 2), (120, 1)])
def test_pictures_stand_side_by_side_where_they_fit_with_whole_captions(monkeypatch, width, rows, language):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(config, "language", lambda: language)
    monkeypatch.setenv("COLUMNS", str(width))
    demo.show_predictions(MODEL, PICTURES, LABELS)
    text = stream.getvalue()
    assert all(cells(line) < width for line in text.split("\n"))
    assert len(text.strip("\n").split("\n\n")) == rows
    assert "(100%)" in text or "（100%）" in text
    told = (
        ["it is: T-shirt", "the model: sneaker (100%)"]
        if language == "en"
        else ["其实是：T恤", "模型说：运动鞋（100%）"]
    )
    assert all(caption in text for caption in told)


def test_a_picture_is_as_high_as_wide():
    lines = demo.as_text(np.zeros((28, 28)))
    assert (len(lines) * 2, len(lines[0])) == (28, 28)


def test_what_is_wider_than_the_screen_is_wrapped():
    assert demo.side_by_side([["one two three"], ["four"]], 8) == ["one two\nthree", "four"]
