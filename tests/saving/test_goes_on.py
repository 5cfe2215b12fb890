"""Training goes on where it stood: a new process, a file, and the next steps are those of a run that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers, optimizers
from lamina.callbacks import BackupAndRestore, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from lamina.models import Sequential, load_model
from lamina.training.standing import go_on, standing, stood

TESTS = Path(__file__).parents[1]
X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
ENDINGS = (".keras", ".h5", ".weights.h5", ".ckpt")
OPTIMIZERS = {
    "adam": lambda: optimizers.Adam(0.1 * 0.03),
    "sgd": lambda: optimizers.SGD(0.013, momentum=0.9, nesterov=True),
    "rmsprop": lambda: optimizers.RMSprop(0.001, centered=True),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)),
    "averages": lambda: optimizers.Adam(0.003, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.Adam(0.003, gradient_accumulation_steps=3),
    "loss scale": lambda: optimizers.LossScaleOptimizer(
        optimizers.Adam(0.003), initial_scale=1024, dynamic_growth_steps=3
    ),
}


def numpy_state() -> Any:
    return np.random.get_state()


def made(optimizer: str = "adam") -> Any:
    """Dropout with a seed and without, noise, moving statistics."""
    lamina.utils.set_random_seed(3)
    model = Sequential([layers.Input((6,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.BatchNormalization()])
    for layer in (layers.GaussianNoise(0.1, seed=4), layers.Dropout(0.2, seed=1), layers.Dense(1, "sigmoid")):
        model.add(layer)
    model.compile(OPTIMIZERS[optimizer](), "binary_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Any, *callbacks: Any, epochs: int = 5, **options: Any) -> Any:
    return model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0, callbacks=list(callbacks), **options)


def assert_equal(one: Any, other: Any) -> None:
    """To the last bit."""
    for mine, theirs in zip((*one.get_weights(), *one.optimizer.get_weights()),
                            (*other.get_weights(), *other.optimizer.get_weights()), strict=True):  # fmt: skip
        np.testing.assert_array_equal(mine, theirs)


def checkpoint(folder: Path, ending: str) -> ModelCheckpoint:
    return ModelCheckpoint(folder / ("{epoch}" + ending), save_weights_only=ending in (".weights.h5", ".ckpt"))


def opened(path: Path, optimizer: str = "adam") -> Any:
    if path.suffix in (".keras",) or (path.suffix == ".h5" and ".weights" not in path.name):
        return load_model(path)
    model = made(optimizer)
    model.load_weights(path)
    return model


@pytest.mark.filterwarnings(
    "ignore:.*can be opened by lamina alone", "ignore:.*opens in Keras as a model that is not compiled"
)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_next_steps_are_those_of_a_run_that_was_never_stopped(optimizer: str, ending: str, tmp_path: Path):
    whole = made(optimizer)
    fit(whole, checkpoint(tmp_path, ending))
    again = opened(tmp_path / f"2{ending}", optimizer)
    lamina.utils.set_random_seed(99)
    fit(again, initial_epoch=2)
    assert_equal(again, whole)


PROCESS = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from saving.test_goes_on import opened, fit
    model = opened(Path({path!r}))
    fit(model, initial_epoch=2)
    model.save({out!r})
"""


@pytest.mark.parametrize("ending", [".keras", ".ckpt"])
def test_in_a_new_process(ending: str, tmp_path: Path):
    whole = made()
    fit(whole, checkpoint(tmp_path, ending))
    code = PROCESS.format(tests=str(TESTS), path=str(tmp_path / f"2{ending}"), out=str(tmp_path / "out.keras"))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_equal(load_model(tmp_path / "out.keras"), whole)


def test_stateful_layers_go_on_with_their_states(tmp_path: Path):
    def stateful() -> Any:
        lamina.utils.set_random_seed(3)
        model = Sequential([layers.Input(batch_shape=(16, 3, 2)), layers.LSTM(4, stateful=True), layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    x = X.reshape(64, 3, 2)
    whole = stateful()
    whole.fit(x, Y, batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=[checkpoint(tmp_path, ".keras")])
    again = load_model(tmp_path / "2.keras")
    assert not any(state.any() for state in again.layers[0].states)  # as in Keras, until it goes on
    again.fit(x, Y, batch_size=16, epochs=4, initial_epoch=2, shuffle=False, verbose=0)
    assert_equal(again, whole)


def test_a_fit_that_does_not_go_on_there_draws_its_own_numbers(tmp_path: Path):
    fit(made(), checkpoint(tmp_path, ".keras"))
    for options in ({}, {"initial_epoch": 3}):
        before = load_model(tmp_path / "2.keras")
        lamina.utils.set_random_seed(99)
        state = torch.get_rng_state()
        go_on(before, options.get("initial_epoch", 0))
        assert torch.equal(state, torch.get_rng_state())


def test_opening_a_file_leaves_the_program_s_generators_alone(tmp_path: Path):
    model = made()
    fit(model)
    model.save(tmp_path / "m.keras")
    lamina.utils.set_random_seed(99)
    before = torch.get_rng_state(), numpy_state()[1].tolist(), random.getstate()
    load_model(tmp_path / "m.keras")
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1], before[2]) == (numpy_state()[1].tolist(), random.getstate())


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_keras_opens_what_has_more_than_it_knows(ending: str, tmp_path: Path):
    model = made()
    fit(model)
    path = tmp_path / f"m{ending}"
    model.save(path) if ending == ".keras" else model.save_weights(path)
    if ending == ".keras":
        theirs: Any = keras.models.load_model(path)
    else:
        model.save(tmp_path / "whole.keras")
        theirs = keras.models.load_model(tmp_path / "whole.keras")
        theirs.load_weights(path)
    mine, other = ([weight.value.detach().numpy() for weight in one.trainable_variables] for one in (model, theirs))
    for number, array in enumerate(mine):
        np.testing.assert_array_equal(array, other[number])


def test_a_state_that_is_none_is_left_out():
    model = made()
    fit(model)
    found = standing(model)
    for name in ("torch", "numpy", "python", "seeds"):
        for wrong in (found[name][:-1], found[name] * 0 - 1, np.zeros(3), found[name].astype("float64")):
            stood(model, {**found, name: wrong})
            go_on(model, 5)
    place = found["numpy"].copy()
    place[624] = 10**6  # NumPy would read memory there
    stood(model, {**found, "numpy": place})
    go_on(model, 5)
    assert numpy_state()[2] <= 624


# ---- backups -------------------------------------------------------------------------------------------------------


class Kill(lamina.callbacks.Callback):
    """Ends the process, as a power cut does, at one of its batches or in one of its saves."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.left = batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(folder: Path, at_batch: int = 10**9, at_rename: int = 10**9, **options: Any) -> None:
    """Train in a process that is killed."""
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(TESTS)!r})
        from saving.test_goes_on import BackupAndRestore, Kill, fit, made
        left = {at_rename}

        def watch(event, args):
            global left
            if event in ("os.rename", "os.link") and {str(folder)!r} in str(args):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        fit(made(), BackupAndRestore({str(folder)!r}, **{options!r}), Kill({at_batch}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize(
    ("place", "options"),
    [({"at_batch": 10}, {}), ({"at_rename": 5}, {}), ({"at_rename": 6}, {}), ({"at_rename": 7}, {"double_checkpoint": True}),
     ({"at_rename": 8}, {"double_checkpoint": True}), ({"at_rename": 9}, {"double_checkpoint": True})],
)  # fmt: skip
def test_after_a_kill_training_ends_where_it_would_have(place: dict[str, int], options: dict[str, Any], tmp_path: Path):
    killed(tmp_path / "b", **place, **options)
    whole, again = made(), made()
    fit(whole)
    lamina.utils.set_random_seed(99)
    history = fit(again, BackupAndRestore(tmp_path / "b", **options))
    assert history.epoch[0] > 0
    assert_equal(again, whole)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("first", [True, False])
def test_callbacks_go_on_from_where_they_stood(first: bool, tmp_path: Path):
    """Wherever the backup stands among them."""

    def callbacks() -> list[Any]:
        return [
            EarlyStopping(monitor="loss", patience=4, min_delta=0.05, restore_best_weights=True),
            ReduceLROnPlateau(monitor="loss", patience=2, min_delta=0.05, factor=0.5, cooldown=1),
            ModelCheckpoint(tmp_path / "best.keras", monitor="loss", save_best_only=True),
        ]

    class PowerCut(lamina.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 3:
                raise RuntimeError("power cut")

    def all_of(theirs: list[Any], *further: Any) -> list[Any]:
        backup = BackupAndRestore(tmp_path / "b")
        return [backup, *theirs, *further] if first else [*theirs, backup, *further]

    whole, expected = made(), callbacks()
    fit(whole, *expected, epochs=12)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(made(), *all_of(callbacks(), PowerCut()), epochs=12)
    again, found = made(), callbacks()
    lamina.utils.set_random_seed(99)
    fit(again, *all_of(found), epochs=12)
    assert_equal(again, whole)
    for mine, theirs in zip(found, expected, strict=True):
        for name in ("best", "wait", "cooldown_counter", "best_epoch", "stopped_epoch"):
            assert getattr(mine, name, None) == getattr(theirs, name, None), (type(mine).__name__, name)
