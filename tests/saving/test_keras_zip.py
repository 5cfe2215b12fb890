"""``.keras`` files: what lamina writes Keras reads, and the other way round; training goes on where it was."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from saving.twins import KERAS, LAMINA, MODELS, assert_same, comparable, config_in, inputs, pair, predictions

from lamina import losses, metrics, optimizers
from lamina.layers import Dense, Dropout, Input, Lambda, Layer
from lamina.models import Model, Sequential, clone_model, load_model, model_from_json, save_model
from lamina.registry import ConfigError, CustomObjectScope, register_keras_serializable

# What Keras itself is warned of, in its own code.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.mark.parametrize("name", MODELS)
def test_keras_reads_what_lamina_writes(name: str, tmp_path: Path):
    ours, _ = pair(name)
    ours.save(tmp_path / "m.keras")
    back = keras.models.load_model(tmp_path / "m.keras")
    x = inputs(ours)
    assert_same(predictions(back, x), predictions(ours, x))


@pytest.mark.parametrize("name", MODELS)
def test_lamina_reads_what_keras_writes(name: str, tmp_path: Path):
    ours, theirs = pair(name)
    theirs.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    x = inputs(ours)
    assert_same(predictions(back, x), predictions(theirs, x))
    assert back.name == theirs.name
    assert [layer.name for layer in back.layers] == [layer.name for layer in theirs.layers
                                                     if not type(layer).__module__.startswith("keras.src.ops")]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_lamina_reads_what_lamina_writes(name: str, tmp_path: Path):
    ours, _ = pair(name)
    ours.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    x = inputs(ours)
    for one, other in zip(predictions(back, x), predictions(ours, x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert back.get_config() == ours.get_config()


@pytest.mark.parametrize("name", MODELS)
def test_the_config_is_keras_s(name: str, tmp_path: Path):
    ours, theirs = pair(name)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    assert comparable(config_in(tmp_path / "ours.keras")) == comparable(config_in(tmp_path / "theirs.keras"))


def test_the_archive_is_laid_out_as_keras_s(tmp_path: Path):
    ours, theirs = pair("stack")
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    with zipfile.ZipFile(tmp_path / "ours.keras") as mine, zipfile.ZipFile(tmp_path / "theirs.keras") as wanted:
        assert mine.namelist() == wanted.namelist()
        assert [info.compress_type for info in mine.infolist()] == [info.compress_type for info in wanted.infolist()]
        assert json.loads(mine.read("metadata.json")).keys() == json.loads(wanted.read("metadata.json")).keys()


# ---- training goes on ----------------------------------------------------------------------------------------------


def cases(lib: Any) -> dict[str, dict[str, Any]]:
    schedules = lib.optimizers.schedules
    return {
        "names": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
        "momentum": {"optimizer": lib.optimizers.SGD(0.1, momentum=0.9), "loss": lib.losses.LogCosh()},
        "schedule": {"optimizer": lib.optimizers.RMSprop(schedules.ExponentialDecay(0.01, 2, 0.5)), "loss": "mae"},
        "objects": {"optimizer": lib.optimizers.AdamW(0.01, weight_decay=0.1), "loss": lib.losses.MeanSquaredError(),
                    "metrics": [lib.metrics.MeanAbsoluteError(), "mse"], "weighted_metrics": ["mae"]},
        "averaged": {"optimizer": lib.optimizers.Adam(0.01, use_ema=True, amsgrad=True), "loss": "mse"},
        "accumulated": {"optimizer": lib.optimizers.Adam(0.01, gradient_accumulation_steps=2), "loss": "mse"},
        "scaled": {"optimizer": lib.optimizers.LossScaleOptimizer(lib.optimizers.SGD(0.1, momentum=0.9)), "loss": "mse"},
    }  # fmt: skip


X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(12, 4)).astype("float32")


def train(model: Any, steps: int) -> None:
    for _ in range(steps):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("case", cases(LAMINA))
def test_training_goes_on_exactly(case: str, tmp_path: Path):
    ours, _ = pair("nested")
    ours.compile(**cases(LAMINA)[case])
    train(ours, 3)
    ours.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    assert int(back.optimizer.iterations) == int(ours.optimizer.iterations)
    train(ours, 3)
    train(back, 3)
    for one, other in zip(back.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", cases(LAMINA))
@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_training_goes_on_in_the_other_library(case: str, writer: str, tmp_path: Path):
    ours, theirs = pair("nested")
    first, other = (ours, KERAS) if writer == "lamina" else (theirs, LAMINA)
    first.compile(**cases(LAMINA if writer == "lamina" else KERAS)[case])
    train(first, 3)
    first.save(tmp_path / "m.keras")
    back = other.load(tmp_path / "m.keras")
    assert int(back.optimizer.iterations) == int(first.optimizer.iterations)
    assert back.optimizer.get_config().keys() == first.optimizer.get_config().keys()
    train(first, 3)
    train(back, 3)
    assert_same(back.get_weights(), first.get_weights(), 2e-5)


@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_a_model_saved_before_its_first_step_starts_anew(writer: str, tmp_path: Path):
    ours, theirs = pair("nested")
    model = ours if writer == "lamina" else theirs
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    assert int(back.optimizer.iterations) == 0
    ours.compile("adam", "mse")
    train(ours, 2)
    train(back, 2)
    assert_same(back.get_weights(), ours.get_weights(), 0 if writer == "lamina" else 1e-7)  # Keras rounds the rate


def test_the_compile_config_is_keras_s(tmp_path: Path):
    for case in cases(LAMINA):
        ours, theirs = pair("nested")
        ours.compile(**cases(LAMINA)[case])
        theirs.compile(**cases(KERAS)[case])
        mine, wanted = (comparable(json.loads(model.to_json()))["compile_config"] for model in (ours, theirs))
        assert mine == wanted, case


def test_evaluation_is_the_same_after_loading(tmp_path: Path):
    ours, _ = pair("nested")
    ours.compile("adam", "mse", metrics=["mae", metrics.RootMeanSquaredError()])
    train(ours, 2)
    ours.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    assert back.evaluate(X, Y, verbose=0, return_dict=True) == ours.evaluate(X, Y, verbose=0, return_dict=True)


def test_constraints_hold_after_loading(tmp_path: Path):
    model = Sequential([Input((4,)), Dense(4, kernel_constraint="non_neg")])
    model.compile(optimizers.SGD(0.5, momentum=0.9), "mse")
    train(model, 2)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    train(back, 3)
    assert (back.get_weights()[0] >= 0).all()


def test_layers_frozen_after_training_load_with_a_warning(tmp_path: Path):
    ours, _ = pair("nested")
    ours.compile("adam", "mse")
    train(ours, 2)
    ours.layers[0].trainable = False
    ours.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=r"The state of the optimizer was not loaded: .*m\.keras/model"):
        back = load_model(tmp_path / "m.keras")
    assert [layer.trainable for layer in back.layers] == [False, True, True]
    assert_same(back.get_weights(), ours.get_weights(), 0)


def test_without_compiling(tmp_path: Path):
    ours, _ = pair("nested")
    ours.compile("adam", "mse")
    ours.save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras", compile=False).compiled


# ---- your own objects ----------------------------------------------------------------------------------------------


@register_keras_serializable("saving_tests")
class Scale(Layer):
    """A registered layer that writes no config: a number and a layer among its arguments."""

    def __init__(self, factor: float, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = inner

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(inputs) * self.factor


class Shift(Layer):
    """An unregistered layer with a weight."""

    def build(self, input_shape: Any) -> None:
        self.by = self.add_weight(shape=input_shape[-1:], initializer="ones")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self.by


@register_keras_serializable("saving_tests")
def double(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


@register_keras_serializable("saving_tests")
def cubed(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return (y_true - y_pred).abs().pow(3).mean(-1)


class Deep(Model):
    """A subclassed model: lists, dictionaries and a weight of its own."""

    def __init__(self, width: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.blocks = [Dense(width), Dense(width)]
        self.heads = {"out": Dense(4)}
        self.drop = Dropout(0.5)
        self.gain = self.add_weight(name="gain", shape=(), initializer="ones")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            inputs = torch.relu(block(inputs))
        return self.heads["out"](self.drop(inputs)) * self.gain


def test_registered_and_named_objects(tmp_path: Path):
    model = Sequential([Input((4,)), Scale(3.0, Dense(4, activation=double)), Shift(name="shift")])
    model.compile("adam", cubed)
    train(model, 2)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras", custom_objects={"Shift": Shift})
    assert back.layers[0].inner.activation is double
    train(model, 2)
    train(back, 2)
    assert_same(back.get_weights(), model.get_weights(), 0)
    with CustomObjectScope({"Shift": Shift}):
        load_model(tmp_path / "m.keras")
    entry = config_in(tmp_path / "m.keras")["config"]["layers"][1]
    assert (entry["registered_name"], entry["class_name"]) == ("saving_tests>Scale", "Scale")


def test_an_unknown_class_is_named_with_its_place(tmp_path: Path):
    model = Sequential([Input((4,)), Shift(name="shift")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ConfigError) as error:
        load_model(tmp_path / "m.keras")
    assert str(error.value) == (
        f"{tmp_path / 'm.keras'}/config.json, config.layers[1]: 'Shift' of module {__name__!r} is no layer of lamina's, and "
        "not registered. Your own can be named in `custom_objects`, or registered with `register_keras_serializable`; "
        "nothing is imported from a file.\nThe file needs one object of yours:\n- layer Shift(name='shift', trainable=True, "
        "dtype='float32'), at config.layers[1]\nDefine what is missing, and register it before you open the file:\n"
        "    @lamina.utils.register_keras_serializable()\n    class Shift(lamina.layers.Layer):\n"
        "        def __init__(self, **kwargs):\nor name it when you do: custom_objects={'Shift': Shift}.")  # fmt: skip


def test_subclassed_models(tmp_path: Path):
    model = Deep(5, name="deep")
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras", custom_objects={"Deep": Deep})
    assert (back.width, back.name, back.compiled) == (5, "deep", True)
    assert_same(back.get_weights(), model.get_weights(), 0)
    np.testing.assert_array_equal(back.predict(X, verbose=0), model.predict(X, verbose=0))


class Pair(Model):
    """A subclassed model whose ``call`` takes two tensors."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.left = Dense(2)
        self.right = Dense(2)

    def call(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        return self.left(x) + (0 if y is None else self.right(y))


def test_subclassed_models_of_several_arguments(tmp_path: Path):
    model, x, y = Pair(), torch.ones(2, 3), torch.ones(2, 5)
    wanted = model(x, y)
    model.save(tmp_path / "m.keras")
    assert set(config_in(tmp_path / "m.keras")["build_config"]["shapes_dict"]) == {"x_shape", "y_shape"}
    back = load_model(tmp_path / "m.keras", custom_objects={"Pair": Pair})
    assert torch.equal(back(x, y), wanted)


def test_a_lambda_needs_a_name(tmp_path: Path):
    model = Sequential([Input((4,)), Lambda(lambda x: x * 2)])
    with pytest.raises(TypeError, match="A lambda can't be written into a file: files hold no code"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []
    model = Sequential([Input((4,)), Lambda(double)])
    model.save(tmp_path / "m.keras")
    assert_same(predictions(load_model(tmp_path / "m.keras"), X), [2 * X])


def test_code_of_a_lambda_is_replaced_by_the_caller_s_function(tmp_path: Path):
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2, name="twice")])
    theirs.save(tmp_path / "m.keras")
    with pytest.raises(ConfigError, match=r"custom_objects=\{'twice': function\}"):
        load_model(tmp_path / "m.keras", safe_mode=False)
    back = load_model(tmp_path / "m.keras", custom_objects={"twice": double})
    assert_same(predictions(back, X), [2 * X])


# ---- weights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", ["lamina", "keras"])
@pytest.mark.parametrize("policy", ["bfloat16", "float64", "mixed_bfloat16", "float16"])
def test_other_types(writer: str, policy: str, tmp_path: Path):
    def make(lib: Any) -> Any:
        return lib.Sequential([lib.Input((4,), dtype="float32"), lib.layers.Dense(3, dtype=policy, name="dense")])

    ours, theirs = make(LAMINA), make(KERAS)
    first, other = (ours, KERAS) if writer == "lamina" else (theirs, LAMINA)
    first.save(tmp_path / "m.keras")
    back = other.load(tmp_path / "m.keras")
    numbers = [[np.asarray(torch.as_tensor(getattr(w, "value", w)).detach().double()) for w in model.weights]
               for model in (first, back)]  # fmt: skip
    assert_same(numbers[0], numbers[1], 0)
    kinds = [str(getattr(w, "value", w).dtype) for w in back.weights]
    assert kinds == [str(getattr(w, "value", w).dtype) for w in first.weights]


# ---- JSON, clones, names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_json(name: str):
    ours, theirs = pair(name)
    for text in (ours.to_json(), theirs.to_json()):
        back = model_from_json(text)
        back.set_weights(ours.get_weights())
        x = inputs(ours)
        assert_same(predictions(back, x), predictions(ours, x))
    assert comparable(json.loads(ours.to_json())) == comparable(json.loads(theirs.to_json()))


@pytest.mark.parametrize("name", MODELS)
def test_clones(name: str):
    ours, _ = pair(name)
    twin = clone_model(ours)
    assert not {id(weight) for weight in twin.weights} & {id(weight) for weight in ours.weights}
    assert [layer.name for layer in twin.layers] == [layer.name for layer in ours.layers]
    twin.set_weights(ours.get_weights())
    x = inputs(ours)
    assert_same(predictions(twin, x), predictions(ours, x), 0)


def test_clones_by_a_function():
    model = Sequential([Input((4,)), Dense(4, name="a"), Dense(2, name="b")])
    twin = clone_model(model, clone_function=lambda layer: Dense(layer.units, "relu", name=layer.name))
    assert [layer.get_config()["activation"] for layer in twin.layers] == ["relu", "relu"]
    subclassed = clone_model(Deep(7))
    assert subclassed.width == 7


def test_names_of_files(tmp_path: Path):
    model, _ = pair("nested")
    with pytest.raises(ValueError, match=r"^A whole model can't be saved in the format of 'model\.onnx': give a name"):
        model.save("model.onnx")
    path = tmp_path / "m.keras"
    save_model(model, path)
    with pytest.raises(ValueError, match=r"m.keras exists; pass overwrite=True to replace it\.$"):
        model.save(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"is no folder, so m\.keras can't be saved there"):
        model.save(tmp_path / "none" / "m.keras")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="is a folder, and a file was expected"):
        load_model(tmp_path)
    with pytest.raises(ValueError, match="Sequential 'unbuilt' can't be saved: it is not built"):
        Sequential([Dense(3)], name="unbuilt").save(path)


def test_a_number_that_json_lacks_is_refused_when_saving(tmp_path: Path):
    model = Sequential([Input((4,)), Scale(float("nan"), Dense(2))], name="nan")
    with pytest.raises(ValueError, match="The config of Sequential 'nan' holds a number that JSON can't"):
        model.save(tmp_path / "m.keras")


def test_losses_by_function(tmp_path: Path):
    model, theirs = pair("nested")
    model.compile("sgd", losses.mean_squared_error, metrics=[losses.mean_absolute_error])
    theirs.compile("sgd", keras.losses.mean_squared_error, metrics=[keras.metrics.mean_absolute_error])
    for source in (model, theirs):
        train(source, 1)
        source.save(tmp_path / "m.keras")
        back = load_model(tmp_path / "m.keras")
        assert back.evaluate(X, Y, verbose=0)[0] == pytest.approx(source.evaluate(X, Y, verbose=0)[0], abs=1e-5)
