"""File names as each generation used them: what is asked for is written, or refused before anything is lost."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import lamina
from lamina.callbacks import LambdaCallback, ModelCheckpoint
from lamina.dialects import using_dialect
from lamina.layers import Dense, Input, Lambda
from lamina.models import Sequential, load_model
from lamina.saving.kinds import kind_of

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def compiled(units: int = 4) -> Any:
    model = Sequential([Input((3,)), Dense(units, name="a"), Dense(1, name="b")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def trained() -> Any:
    model = compiled()
    model.fit(X, Y, verbose=0)
    return model


def assert_same(one: Any, other: Any) -> None:
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


# ---- save ----------------------------------------------------------------------------------------------------------

PLAIN = {"m.h5": "hdf5", "m.hdf5": "hdf5", "M.H5": "hdf5", "m.keras": "keras"}
FREE = ("my_model", "acc_0.98", "fashion.model", "cp-0001.ckpt", "1")


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dialect", [None, "keras1", "keras2", "tf_keras"])
def test_an_ending_says_the_format_in_every_generation(name: str, dialect: str | None, tmp_path: Path):
    model = trained()
    with using_dialect(dialect):
        model.save(tmp_path / name)
    assert kind_of(tmp_path / name) == PLAIN[name]
    assert_same(load_model(tmp_path / name), model)


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("dialect", [None, "tf_keras", "keras3"])
def test_a_saved_model_s_name_holds_a_keras_file_that_says_so(name: str, dialect: str | None, tmp_path: Path):
    model, path = trained(), tmp_path / name
    with using_dialect(dialect), pytest.warns(UserWarning, match="is lamina's file") as warned:
        model.save(path)
    assert [str(one.message) for one in warned] == [
        f"'{path}' is lamina's file, and not a SavedModel: load_model('{path}') opens it, TensorFlow does not."
    ]
    assert warned[0].filename == __file__
    assert kind_of(path) == "keras"
    back = load_model(path)
    assert_same(back, model)
    assert back.optimizer.iterations == model.optimizer.iterations


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3"])
def test_in_keras_1_and_2_any_name_is_hdf5(name: str, dialect: str, tmp_path: Path):
    model = trained()
    with using_dialect(dialect):
        model.save(tmp_path / name)
    assert kind_of(tmp_path / name) == "hdf5"
    assert_same(load_model(tmp_path / name), model)


def test_save_format_goes_before_the_name(tmp_path: Path):
    model = trained()
    with pytest.warns(UserWarning, match="is lamina's file, and not a SavedModel"):
        model.save(tmp_path / "a.h5", save_format="tf")
    with pytest.warns(UserWarning, match="is lamina's file, and not a SavedModel"):
        model.save(tmp_path / "b", save_format="keras")
    model.save(tmp_path / "c", save_format="h5")
    assert [kind_of(tmp_path / name) for name in ["a.h5", "b", "c"]] == ["keras", "keras", "hdf5"]
    with pytest.raises(ValueError, match=r"^save_format must be 'keras', 'h5' or 'tf', and got 'onnx'\.$"):
        model.save(tmp_path / "d", save_format="onnx")


def test_arguments_in_each_generation_s_order(tmp_path: Path):
    model = trained()
    with using_dialect("keras2"):
        model.save(tmp_path / "a.h5", True, False)
        lamina.models.save_model(model, tmp_path / "b.h5", True, False)
        model.save_weights(tmp_path / "c", True)
    with using_dialect("tf_keras"):
        model.save(tmp_path / "d", True, "h5", signatures=None, options=None, save_traces=False)
        model.save_weights(tmp_path / "e.h5", True, "h5", None)
        model.save_weights(tmp_path / "f", options=None)
    for name, has in {"a.h5": False, "b.h5": False, "c": False, "d": True, "e.h5": False}.items():
        with h5py.File(tmp_path / name) as file:
            assert ("training_config" in file.attrs or "optimizer_weights" in file) == has, name
    model.save(tmp_path / "g.keras", include_optimizer=False)
    back = load_model(tmp_path / "g.keras")
    assert_same(back, model)
    assert not back.compiled
    assert (tmp_path / "g.keras").stat().st_size < 0.8 * saved_size(model, tmp_path)


def saved_size(model: Any, folder: Path) -> int:
    model.save(folder / "whole.keras")
    return (folder / "whole.keras").stat().st_size


@pytest.mark.parametrize("name", ["m.onnx", "m.pb", "m.tflite", "m.pkl", "m.npz", "m.safetensors", "m.pt", "m.json"])
def test_a_name_that_promises_another_format_is_refused_at_once(name: str, tmp_path: Path):
    with pytest.raises(ValueError, match=r"^A whole model can't be saved in the format of '.*': give a name that ends in "
                                         r"\.keras, or in \.h5\.$"):  # fmt: skip
        compiled().save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    with pytest.raises(
        ValueError, match=r"^The filepath of ModelCheckpoint must end in \.keras to save a model, and got "
    ):
        ModelCheckpoint(tmp_path / name)


# ---- save_weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["w", "checkpoints/my_checkpoint", "cp-0001.ckpt", "w.05-0.31"])
def test_weights_in_the_place_of_a_checkpoint_have_the_optimizer_with_them(name: str, tmp_path: Path):
    model, path = trained(), tmp_path / name
    path.parent.mkdir(exist_ok=True)
    model.save_weights(path)
    other = compiled()
    other.load_weights(path)
    assert_same(other, model)
    assert [np.array_equal(a, b) for a, b in zip(other.optimizer.get_weights(), model.optimizer.get_weights(),
                                                 strict=True)] == [True] * len(model.optimizer.variables)  # fmt: skip
    uncompiled = Sequential([Input((3,)), Dense(4), Dense(1)])
    uncompiled.load_weights(path)
    assert_same(uncompiled, model)


@pytest.mark.parametrize("dialect", ["keras1", "keras2"])
def test_weights_of_keras_1_and_2_are_weights_alone(dialect: str, tmp_path: Path):
    model, other = trained(), compiled()
    with using_dialect(dialect):
        model.save_weights(tmp_path / "w")
    model.save_weights(tmp_path / "w.h5")
    for name in ("w", "w.h5"):
        other.load_weights(tmp_path / name)
        assert_same(other, model)
        assert other.optimizer.iterations == 0


def test_another_optimizer_s_state_is_left_out(tmp_path: Path):
    model, other = trained(), compiled()
    model.save_weights(tmp_path / "w")
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="The state of the optimizer was not loaded"):
        other.load_weights(tmp_path / "w")
    assert_same(other, model)


def test_a_checkpoint_that_was_asked_for_is_told_of(tmp_path: Path):
    with pytest.warns(UserWarning, match=r"is lamina's file, and not a checkpoint of TensorFlow's: load_weights\('"):
        trained().save_weights(tmp_path / "w", save_format="tf")
    compiled().load_weights(tmp_path / "w")


# ---- ModelCheckpoint -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize("name", ["w.{epoch:02d}-{val_loss:.2f}.hdf5", "w.{epoch:02d}-{val_mean_absolute_error:.2f}.h5",
                                  "ckpt/cp-{epoch:04d}.ckpt", "w", "{epoch}/{val_mae}.keras"])  # fmt: skip
def test_names_of_checkpoints(name: str, weights_only: bool, tmp_path: Path):
    if weights_only and name.endswith(".keras"):
        name = name.replace(".keras", ".weights.h5")
    model, kept = compiled(), []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is lamina's file, and not a SavedModel")
        model.fit(X, Y, epochs=2, verbose=0, validation_split=0.25, callbacks=[
            ModelCheckpoint(tmp_path / name, save_weights_only=weights_only),
            LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))])  # fmt: skip
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == (2 if "{" in name else 1)
    for path, weights in zip(files, kept if len(files) == 2 else kept[1:], strict=True):
        back = compiled() if weights_only else load_model(path)
        if weights_only:
            back.load_weights(path)
        for mine, theirs in zip(back.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def steps_before(error: type[Exception], message: str, model: Any, callback: Any, **options: Any) -> int:
    """How many steps a fit made before it failed."""
    steps: list[int] = []
    with pytest.raises(error, match=message):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[
            callback, LambdaCallback(on_train_batch_begin=lambda batch, logs: steps.append(batch))
        ] if not options.pop("alone", False) else [callback, Counting(steps)], **options)  # fmt: skip
    return len(steps)


class Counting(LambdaCallback):
    """A callback of lamina's kind, for all that a checkpoint knows."""

    def __init__(self, steps: list[int]) -> None:
        super().__init__(on_train_batch_begin=lambda batch, logs: steps.append(batch))


Counting.__module__ = "lamina.callbacks"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "{val_loss:.2f}.keras",
            {},
            r"can't fill in {val_loss} in '.*'. Nothing is validated: give fit\(\) validation_data",
        ),
        ("{batch}.keras", {}, r"can't fill in {batch} in '.*'. It is known at the end of a batch only"),
        ("{val_loss}.keras", {"save_freq": 1}, "can't fill in {val_loss}"),
    ],
)
def test_a_name_that_can_never_be_filled_in_is_refused_before_the_first_step(name, options, message, tmp_path):
    validated = {"validation_split": 0.25} if options else {}
    assert not steps_before(KeyError, message, compiled(), ModelCheckpoint(tmp_path / name, **options), **validated)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}.keras", "Braces in a file name have a name in them"),
        ("{epoch.keras", "is no file name that can be filled in"),
        (
            "{epoch:2.2x}.keras",
            "ModelCheckpoint can't write {epoch:2.2x} in '{epoch:2.2x}.keras': epoch is a whole number",
        ),
        ("{val_loss:02d}.keras", "can't write {val_loss:02d} in '{val_loss:02d}.keras': val_loss is a fraction"),
    ],
)
def test_a_name_that_is_written_wrong_is_refused_when_the_callback_is_made(name: str, message: str):
    with pytest.raises(ValueError, match=message.replace("{", r"\{")):
        ModelCheckpoint(name)


def test_a_name_that_turns_out_wrong_loses_nothing(tmp_path: Path):
    model = compiled()
    steps = steps_before(KeyError, "Did you mean 'val_loss'.*The model as it is now was saved to", model,
                         ModelCheckpoint(tmp_path / "{val_los}.keras"), validation_split=0.25)  # fmt: skip
    assert steps == 1
    assert_same(load_model(tmp_path / "val_los.keras"), model)


def test_epochs_without_validation_have_no_number(tmp_path: Path):
    compiled().fit(X, Y, epochs=2, validation_split=0.25, validation_freq=2, verbose=0,
                   callbacks=[ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.0e}.keras")])  # fmt: skip
    first, second = sorted(path.name for path in tmp_path.iterdir())
    assert first == "1-nan.keras"
    assert second.startswith("2-") and "nan" not in second  # noqa: PT018


def test_what_can_not_be_described_is_refused_before_the_first_step(tmp_path: Path):
    model = Sequential([Input((3,)), Lambda(lambda x: x * 2), Dense(1)])
    model.compile("adam", "mse")
    assert not steps_before(TypeError, "lambda", model, ModelCheckpoint(tmp_path / "m.keras"))


def test_what_shows_later_that_it_can_not_be_described_loses_no_weights(tmp_path: Path):
    model = Sequential([Lambda(lambda x: x * 2), Dense(1)])  # built by its first batch
    model.compile("adam", "mse")
    steps = steps_before(
        TypeError, "Its weights as they are now were saved to", model, ModelCheckpoint(tmp_path / "m.keras")
    )
    assert steps == 1
    twin = Sequential([Input((3,)), Lambda(lambda x: x * 2), Dense(1)])
    twin.load_weights(tmp_path / "m.weights.h5")
    assert_same(twin, model)


def test_places_where_no_file_can_be_are_refused_before_the_first_step(tmp_path: Path):
    (tmp_path / "m.keras").mkdir()
    (tmp_path / "file").write_text("")
    in_a_file = ModelCheckpoint(tmp_path / "file" / "{epoch}" / "m.keras")
    assert not steps_before(OSError, "which is a folder", compiled(), ModelCheckpoint(tmp_path / "m.keras"))
    assert not steps_before(OSError, "ModelCheckpoint can't make its files here", compiled(), in_a_file)


def test_arguments_of_checkpoints_in_each_generation_s_order():
    old = ("m.h5", "loss", 0, False, True, "min", 3)
    with using_dialect("keras2"):
        assert (ModelCheckpoint(*old).period, ModelCheckpoint(*old).save_freq) == (3, "epoch")
    with using_dialect("tf_keras"):
        made = ModelCheckpoint(*old, None, 0.5)
    assert (made.period, made.save_freq, made.best) == (1, 3, 0.5)
    assert ModelCheckpoint("m.h5", period=2, options=None).period == 2  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValueError, match="BackupAndRestore goes on after a restart"):
        ModelCheckpoint("m.h5", load_weights_on_restart=True)  # pyright: ignore[reportCallIssue]
