"""``lamina show``: what it prints, in both languages, at any width, as JSON; its exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

import lamina
from lamina import layers
from lamina.__main__ import main
from lamina.screen import cells
from lamina.viz import show
from lamina.viz.files import amount, object_text, shape_text


def branches() -> Any:
    a, b = lamina.Input((4,), name="left"), lamina.Input((4,), name="right")
    shared = layers.Dense(3, name="shared")
    made = lamina.Model([a, b], layers.Add(name="total")([shared(a), shared(b)]), name="net")
    made.compile("sgd", "mse", metrics=["mae"])
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    branches().save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["Written by", "Keras 3.15.1", "net (Functional), 4 layers", "left (None, 4), right (None, 4)", "total (None, 3)",
            "15 numbers (60 B) in 2 arrays", "SGD(learning_rate=0.01", "Layer (class)", "shared (Dense)", "(4, 3), (3,)",
            "Nothing is wrong with it"]),
    ("zh", ["由谁写成", "Keras 3.15.1", "net（Functional），共 4 层", "共 15 个数（60 B）", "层（类）", "优化器"]),
])  # fmt: skip
@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_is_printed(language: Any, words: list[str], width: int, file: Path):
    stream = io.StringIO()
    lamina.config.set_language(language)
    try:
        assert show(file, weights=True, stream=stream, width=width) == 0
    finally:
        lamina.config.set_language("auto")
    text = stream.getvalue()
    lines = text.replace(str(file), "").splitlines()
    assert max(map(cells, lines)) <= width
    assert [word for word in words if word not in text.replace("\n", " ")] == [] or width == 60
    assert ("left, right" in text.split("shared (Dense)", 1)[1]) == (width >= 100)


def test_json(file: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", "--json", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["generation"], found["model"]["inputs"], found["totals"]["weights"]) == (
        "Keras 3.15.1",
        ["left", "right"],
        15,
    )
    assert {layer["name"]: layer["takes"] for layer in found["layers"]}["shared"] == [["left"], ["right"]]
    assert main(["show", "--json", "--weights", str(file), str(file)]) == 0
    several = json.loads(capsys.readouterr().out)
    assert [one["arrays"][0]["figures"]["not_finite"] for one in several] == [0, 0]


def test_the_exit_code_says_what_is_wrong(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cut = tmp_path / "cut.keras"
    cut.write_bytes(file.read_bytes()[:2000])
    torch.save(branches().state_dict(), tmp_path / "m.pt")
    assert main(["show", str(tmp_path / "m.pt")]) == 0
    assert main(["show", str(file), str(cut), str(tmp_path / "nowhere.h5")]) == 1
    out = capsys.readouterr().out
    assert "Wrong with it:\n" in out
    assert "or is cut off" in out
    assert "There is no file" in out
    assert main(["show", "--json", str(cut)]) == 1
    assert json.loads(capsys.readouterr().out)["faults"]


def test_names_from_a_file_move_no_cursor(tmp_path: Path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"class_name": "Sequential", "config": {"name": "\x1b[2J", "layers": [
        {"class_name": "O\x1b]0;x\x07wn", "config": {"name": "a\rb", "\x1b": 3}}]}}))  # fmt: skip
    stream = io.StringIO()
    show(path, stream=stream, width=80)
    assert stream.getvalue().replace("\n", "").isprintable()
    assert "\\x1b[2J" in stream.getvalue()


@pytest.mark.parametrize("told", ["[1]", "3", '"adam"', "null", "{"])
def test_a_training_config_that_is_none_is_a_fault(told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "m.h5"
    lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,))]).save(path)
    with h5py.File(path, "r+") as opened:
        opened.attrs["training_config"] = told
    assert main(["show", str(path)]) == (told != "null")
    shown = capsys.readouterr().out
    assert "Dense" in shown
    assert told == "null" or "training_config" in shown


def test_words():
    assert [amount(size) for size in (0, 1023, 1024, 5 * 2**30)] == ["0 B", "1023 B", "1.00 KB", "5.00 GB"]
    assert [shape_text(shape) for shape in (None, [None, 3], (5,), [], [[1], [2, 3]])] == [
        "?", "(None, 3)", "(5,)", "()", "(1,), (2, 3)"]  # fmt: skip
    wrapped = {"class_name": "MeanMetricWrapper", "config": {"name": "m", "fn": "mae"}}
    assert object_text({"a": ["mse", None], "b": wrapped}) == "a: [mse, None], b: mae"
