"""The settings of a whole program, and the file that they start from."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lamina import config
from lamina.layers import Conv2D

READ = "from lamina import config; print(config.floatx(), config.epsilon(), config.image_data_format())"


@pytest.fixture(autouse=True)
def _settings():
    before = dict(config._settings)
    yield
    config._settings.update(before)


def started_with(tmp_path, text):
    """What a new program reads from a keras.json with this text: its output, and what it says on stderr."""
    if text is not None:
        (tmp_path / "keras.json").write_text(text, encoding="utf-8")
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip(), done.stderr


def test_without_a_file_keras_defaults_hold(tmp_path):
    assert started_with(tmp_path, None) == ("float32 1e-07 channels_last", "")


def test_the_file_is_read(tmp_path):
    text = json.dumps(
        {"floatx": "float64", "epsilon": 1e-5, "image_data_format": "channels_first", "backend": "theano"}
    )
    assert started_with(tmp_path, text) == ("float64 1e-05 channels_first", "")


@pytest.mark.parametrize(("old", "new"), [("th", "channels_first"), ("tf", "channels_last")])
def test_keras_1_wrote_the_format_in_other_words(tmp_path, old, new):
    assert started_with(tmp_path, json.dumps({"image_dim_ordering": old}))[0] == f"float32 1e-07 {new}"


@pytest.mark.parametrize("text", ["{", "[1]", "nonsense", '{"floatx": '])
def test_a_broken_file_is_named_and_does_not_stop_the_program(tmp_path, text):
    output, said = started_with(tmp_path, text)
    assert output == "float32 1e-07 channels_last"
    assert f"{tmp_path / 'keras.json'} could not be read (" in said
    assert "lamina goes on with Keras's defaults." in said


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("floatx", "float31"),
        ("epsilon", -1),
        ("epsilon", True),
        ("image_data_format", "diagonal"),
        ("floatx", ["float32"]),
    ],
)
def test_an_unknown_value_is_named_and_the_default_holds(tmp_path, setting, value):
    output, said = started_with(tmp_path, json.dumps({setting: value}))
    assert output == "float32 1e-07 channels_last"
    assert f"sets {setting} to {value!r}, which is not a known value; lamina goes on with" in said


def test_layers_take_the_format_that_is_set():
    config.set_image_data_format("channels_first")
    assert Conv2D(2, 3).data_format == "channels_first"
    config.set_image_data_format("channels_last")
    assert Conv2D(2, 3).data_format == "channels_last"


def test_floatx_and_epsilon():
    config.set_floatx("float16")
    config.set_epsilon(1e-3)
    assert (config.floatx(), config.epsilon()) == ("float16", 1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: config.set_floatx("float31"), "floatx must be one of bfloat16, float16, float32, float64, and got 'float31'."),
        (lambda: config.set_epsilon(-1), "epsilon must be a positive number, and got -1."),
        (lambda: config.set_image_data_format("hwc"),
         "data_format must be 'channels_last' or 'channels_first', and got 'hwc'."),
    ],
)  # fmt: skip
def test_wrong_settings_change_nothing(change, message):
    before = dict(config._settings)
    with pytest.raises(ValueError, match=f"^{message}$"):
        change()
    assert config._settings == before


def test_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert config.keras_home() == tmp_path
    monkeypatch.delenv("KERAS_HOME")
    assert config.keras_home().name == ".keras"
