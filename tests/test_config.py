"""The settings of a whole program, and the file that they start from."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch

import lamina
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


# ---- Keras 3's switches --------------------------------------------------------------------------------------------


@pytest.fixture
def switches():
    before = dict(config._switches)
    yield
    config._switches.update(before)
    torch.backends.cuda.enable_flash_sdp(True)


def test_every_name_of_keras_s_is_there_and_starts_as_in_keras():
    public = {name for name in dir(keras.config) if not name.startswith("_")}
    assert public - set(config.__all__) == set()
    for name in public:
        if name.startswith("is_") or name in ("backend", "max_epochs", "max_steps_per_epoch", "floatx", "epsilon"):
            assert getattr(config, name)() == getattr(keras.config, name)(), name


def test_switches_say_what_was_set(switches):
    for name, off in (("interactive_logging", False), ("traceback_filtering", False), ("flash_attention", False)):
        getattr(config, f"disable_{name}")()
        assert getattr(config, f"is_{name}_enabled")() is off
        assert getattr(keras.config, f"is_{name}_enabled")() is not off
        getattr(config, f"enable_{name}")()
        assert getattr(config, f"is_{name}_enabled")() == getattr(keras.config, f"is_{name}_enabled")()


def test_flash_attention_is_torch_s_switch(switches):
    config.disable_flash_attention()
    assert not torch.backends.cuda.flash_sdp_enabled()
    config.enable_flash_attention()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_lines_of_progress_go_to_the_logger(switches, capsys, caplog):
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    config.disable_interactive_logging()
    with caplog.at_level("INFO", logger="lamina"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2)
    assert capsys.readouterr().out == ""
    assert [record.getMessage()[:15] for record in caplog.records] == ["Epoch 1/2 - 1/1", "Epoch 2/2 - 1/1"]


def test_limits_end_training_early(switches):
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2)), np.ones((8, 1))
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    assert len(model.fit(x, y, epochs=5, batch_size=1, verbose=0).history["loss"]) == 2
    assert int(model.optimizer.iterations) == 6
    assert model.predict(x, batch_size=2, verbose=0).shape == (6, 1)
    assert len(model.fit(x, y, epochs=1, verbose=0).epoch) == 1
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)
    assert model.predict(x, batch_size=2, verbose=0).shape == (8, 1)


def test_limits_from_the_environment():
    code = "from lamina import config; print(config.max_epochs(), config.max_steps_per_epoch())"
    environment = {**os.environ, "KERAS_MAX_EPOCHS": "3", "KERAS_MAX_STEPS_PER_EPOCH": "4"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["3", "4"]


def test_what_lamina_does_not_do_is_said():
    config.set_backend("torch")
    with pytest.raises(ValueError, match="torch alone, and was asked for the backend 'jax'"):
        config.set_backend("jax")
    with pytest.warns(UserWarning, match="runs no code from files"):
        config.enable_unsafe_deserialization()
    for value in (0, 1.5, True, "2"):
        with pytest.raises(ValueError, match="max_epochs must be a whole number"):
            config.set_max_epochs(value)


# ---- the device ----------------------------------------------------------------------------------------------------------

DEVICE = "from lamina import config; print(config.device(), config.asked_device())"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, "auto None"),
        ({"LAMINA_DEVICE": "cpu"}, "cpu cpu"),
        ({"KERAS_TORCH_DEVICE": "cpu"}, "cpu cpu"),
        ({"LAMINA_DEVICE": "auto", "KERAS_TORCH_DEVICE": "cpu"}, "auto None"),
    ],
)
def test_the_environment_says_where(environment, found):
    clean = {key: value for key, value in os.environ.items() if not key.endswith("_DEVICE")}
    done = subprocess.run(
        [sys.executable, "-c", DEVICE], capture_output=True, text=True, env=clean | environment, check=True
    )
    assert done.stdout.strip() == found


def test_a_device_of_the_environment_that_is_not_there_is_an_error_when_it_is_wanted():
    environment = {**os.environ, "LAMINA_DEVICE": "cuda:77"}
    done = subprocess.run([sys.executable, "-c", DEVICE], capture_output=True, text=True, env=environment, check=False)
    assert "names the device 'cuda:77', and torch sees cpu" in done.stderr


@pytest.mark.parametrize(("name", "sentence"), [
    ("cuda:77", "set_device names the device 'cuda:77', and torch sees cpu"), ("abacus", "'abacus' is no device"),
    (3, "A device is a name, as 'cpu' or 'cuda:1', or a torch.device, and got 3."), ("gpu:x", "'gpu:x' is no device"),
])  # fmt: skip
def test_a_device_that_is_none(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        config.set_device(name)
    assert config.device() == "auto"


@pytest.mark.parametrize(("name", "found"), [
    ("cpu", "cpu"), ("CPU:0", "cpu:0"), ("/device:CPU:0", "cpu:0"), ("/CPU:0", "cpu:0"), ("mps", "mps"), ("cuda:1", "cuda:1"),
    (torch.device("cuda"), "cuda"), ("/job:localhost/replica:0/task:0/device:CPU:0", "cpu:0"),
])  # fmt: skip
def test_names_of_devices(name, found):
    assert str(config.as_device(name)) == found


def test_a_scope_is_told_apart_from_none():
    assert config.asked_device() is None
    with lamina.device("cpu:0"):
        assert config.asked_device() == torch.device("cpu:0")
    assert config.asked_device() is None
    config.set_device("cpu")
    assert config.asked_device() == torch.device("cpu")
    with torch.device("meta"):
        assert config.asked_device() == torch.device("meta")
    torch.set_default_device("meta")
    try:
        assert config.asked_device() == torch.device("meta")
    finally:
        torch.set_default_device(None)
