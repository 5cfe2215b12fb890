"""``.h5`` of Keras 1, 2, tf.keras and Keras 3: files that these wrote, or files laid out as they are documented to be."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.models import load_model

GOLDEN = Path(__file__).parents[1] / "golden" / "tf_keras.zip"
with zipfile.ZipFile(GOLDEN) as archive:
    NAMES = sorted(name.removesuffix(".npz") for name in archive.namelist() if name.endswith(".npz"))
# tf_keras's older optimizers leave no state in a .keras file, and a model that goes on without it is warned of.
STATELESS = ("conv3d", "nested", "several", "time_distributed")
# tf_keras multiplies Nadam's schedule once for each variable.
OWN_WAY = ("merges",)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tf_keras")
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(folder)
    return folder


def numbers(folder: Path, name: str, key: str) -> Any:
    """The arrays ``x0``, ``x1``, ... of a model; one alone is no list."""
    stored = np.load(folder / f"{name}.npz")
    found = [stored[one] for one in stored.files if one.startswith(key) and one != "more"]
    return found if len(found) > 1 else found[0]


def check_outputs(model: Any, folder: Path, name: str) -> None:
    """The model answers what tf_keras's did."""
    x = numbers(folder, name, "x")
    outputs = model.predict(x, verbose=0, batch_size=8)
    wanted = numbers(folder, name, "y")
    for mine, theirs in zip(*[one if isinstance(one, list) else [one] for one in (outputs, wanted)], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=5e-6)


# ---- what tf_keras wrote -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("name", NAMES)
def test_a_whole_model_answers_and_trains_on_as_it_did(name: str, ending: str, golden: Path):
    stateless = ending == ".keras" and name in STATELESS
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load_model(golden / f"{name}{ending}")
    said = [str(one.message) for one in caught]
    assert len(said) == int(stateless), said
    check_outputs(model, golden, name)
    more = np.load(golden / f"{name}.npz")["more"]
    if len(more) and not stateless and name not in OWN_WAY:
        history = model.fit(numbers(golden, name, "x"), numbers(golden, name, "t"), epochs=len(more), batch_size=8, verbose=0,
                            shuffle=False)  # fmt: skip
        np.testing.assert_allclose(history.history["loss"], more, rtol=1e-5)


@pytest.mark.parametrize("ending", ["_weights.h5", ".weights.h5", ".h5", ".keras"])
@pytest.mark.parametrize("name", NAMES)
def test_weights_alone_go_into_a_model_that_is_there(name: str, ending: str, golden: Path):
    model = load_model(golden / f"{name}.keras", compile=False)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.load_weights(golden / f"{name}{ending}")
    check_outputs(model, golden, name)
    if ending in ("_weights.h5", ".h5") and name != "stateful":  # which has gone on by then
        model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
        model.load_weights(golden / f"{name}{ending}", by_name=True)
        check_outputs(model, golden, name)


@pytest.mark.parametrize("name", NAMES)
def test_json_means_what_it_meant(name: str, golden: Path):
    model = lamina.models.model_from_json((golden / f"{name}.json").read_text(encoding="utf-8"))
    model.load_weights(golden / f"{name}_weights.h5")
    check_outputs(model, golden, name)


# ---- what lamina writes --------------------------------------------------------------------------------------------


# Where None stands among a call's arguments, or doesn't; where operations go by other names.
OTHER_NODES = ("sequence_to_sequence", "functions_of_tensorflow")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHER_NODES])
def test_a_model_is_written_in_tf_keras_s_words(name: str, golden: Path, tmp_path: Path):
    """The classes, names and nodes that tf_keras wrote come back, and so do weights in their order."""
    load_model(golden / f"{name}.h5").save(tmp_path / "again.h5")
    with h5py.File(golden / f"{name}.h5") as theirs, h5py.File(tmp_path / "again.h5") as mine:
        said, wanted = (json.loads(file.attrs["model_config"])["config"]["layers"] for file in (mine, theirs))
        for one, other in zip(said, wanted, strict=True):
            assert one["class_name"] == other["class_name"]
            assert one["config"]["name"] == other["config"]["name"]
            assert one.get("inbound_nodes") == other.get("inbound_nodes")
        for layer in theirs["model_weights"]:
            paths = (
                theirs["model_weights"][layer].attrs["weight_names"],
                mine["model_weights"][layer].attrs["weight_names"],
            )
            arrays = [[np.asarray(file["model_weights"][layer][path]) for path in listed]
                      for file, listed in zip((theirs, mine), paths, strict=True)]  # fmt: skip
            for ours, given in zip(*arrays, strict=True):
                np.testing.assert_array_equal(ours, given)


def trained(optimizer: Any = "adam") -> tuple[Any, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, y = rng.random((32, 5, 3), dtype="float32"), rng.random((32, 2), dtype="float32")
    inputs = lamina.Input((5, 3))
    hidden = layers.Bidirectional(layers.GRU(4, name="gru"))(inputs)
    hidden = layers.BatchNormalization()(torch.relu(hidden) * 2.0)
    model = lamina.Model(inputs, layers.Dense(2, activation="hard_sigmoid")(hidden))
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(x, y, epochs=2, batch_size=8, verbose=0, shuffle=False)
    return model, x, y


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam", "rmsprop", "ftrl", "adamw", "lion"])
def test_lamina_s_own_h5_goes_on_as_if_nothing_had_happened(optimizer: str, tmp_path: Path):
    """Also where tf.keras has no words for a model (hard_sigmoid is another function there): then a warning says so."""
    model, x, y = trained(optimizer)
    with pytest.warns(
        UserWarning, match="can be opened by lamina alone, not by Keras: Dense has activation='hard_sigmoid'"
    ):
        model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    fit = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}
    assert again.fit(x, y, **fit).history == model.fit(x, y, **fit).history


def test_include_optimizer(tmp_path: Path):
    model, _, _ = trained()
    model.layers[-1].activation = lamina.activations.get("sigmoid")
    model.save(tmp_path / "m.hdf5", include_optimizer=False)
    with h5py.File(tmp_path / "m.hdf5") as file:
        assert set(file) == {"model_weights"}
        assert "training_config" not in file.attrs
    assert load_model(tmp_path / "m.hdf5").optimizer is None


@pytest.mark.parametrize("name", ["w.h5", "w.hdf5", "w", "w.05-0.31.hdf5"])
def test_weights_in_files_of_free_names(name: str, tmp_path: Path):
    model, x, _ = trained()
    wanted = model.predict(x, verbose=0)
    model.save_weights(tmp_path / name)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.load_weights(tmp_path / name)
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)


# ---- what Keras 3 writes -------------------------------------------------------------------------------------------


def of_keras3(kind: str) -> Any:
    kl = keras.layers
    if kind == "stack":
        return keras.Sequential(
            [kl.Input((4,)), kl.Dense(6, activation="hard_sigmoid"), kl.BatchNormalization(), kl.Dense(2)]
        )
    if kind == "steps":
        return keras.Sequential(
            [kl.Input((5, 3)), kl.Bidirectional(kl.LSTM(4, return_sequences=True)), kl.GRU(3), kl.Dense(2)]
        )
    inputs = kl.Input((4,))
    inner = keras.Sequential([kl.Input((4,)), kl.Dense(4), kl.BatchNormalization()], name="inner")
    return keras.Model(inputs, [kl.Dense(2)(inner(inner(inputs))), keras.ops.relu(inner(inputs)) * 2.0])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("kind", ["stack", "steps", "nested"])
def test_h5_of_keras_3(kind: str, optimizer: str, tmp_path: Path):
    theirs = of_keras3(kind)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, *theirs.inputs[0].shape[1:])).astype("float32")
    y = [np.zeros((8, *output.shape[1:]), "float32") for output in theirs.outputs]
    y = y if len(y) > 1 else y[0]
    theirs.compile(optimizer, "mse")
    fit = {"batch_size": 8, "verbose": 0, "shuffle": False}
    theirs.fit(x, y, epochs=2, **fit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.save(tmp_path / "m.h5")
    mine = load_model(tmp_path / "m.h5")
    losses = theirs.fit(x, y, epochs=4, **fit).history["loss"]
    np.testing.assert_allclose(mine.fit(x, y, epochs=4, **fit).history["loss"], losses, rtol=2e-5)


# ---- older layouts -------------------------------------------------------------------------------------------------


def write(
    path: Path, config: Any, groups: dict[str, dict[str, np.ndarray]], version: str | None, backend: str | None
) -> None:
    """A whole model as Keras 1 and 2 laid it out: Keras 1 named its version at the root alone, and no backend."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [name.encode() for name in groups]
        for place in (file, *([weights] if backend is not None else [])):
            if version is not None:
                place.attrs["keras_version"] = version.encode()
            if backend is not None:
                place.attrs["backend"] = backend.encode()
        for name, arrays in groups.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in arrays]
            for weight, array in arrays.items():
                group.create_dataset(weight, data=array)


def gates_apart(
    kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, letters: str, order: str
) -> dict[str, np.ndarray]:
    """Keras 1's arrays of each gate, in the file's ``order``, of kernels whose gates are in that of ``letters``."""
    parts = {letter: [np.split(array, len(letters), axis=-1)[number] for array in (kernel, recurrent, bias)]
             for number, letter in enumerate(letters)}  # fmt: skip
    return {f"r_1_{kind}_{letter}": parts[letter][place] for letter in order for place, kind in enumerate("WUb")}


@pytest.mark.parametrize(("layer", "letters", "order"), [("LSTM", "ifco", "icfo"), ("GRU", "zrh", "zrh")])
def test_gates_of_keras_1(layer: str, letters: str, order: str, tmp_path: Path):
    with lamina.dialects.using_dialect("keras1"):
        wanted = lamina.Sequential([getattr(layers, layer)(4, input_shape=(5, 3), name="r_1")])
    arrays = [
        np.random.default_rng(1).standard_normal(weight.shape).astype("float32") for weight in wanted.get_weights()
    ]
    wanted.set_weights(arrays)
    config = {"output_dim": 4, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh",
              "inner_activation": "hard_sigmoid", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None,
              "dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False, "stateful": False,
              "unroll": False, "consume_less": "cpu", "input_dim": 3, "input_length": 5, "name": "r_1", "trainable": True,
              "batch_input_shape": [None, 5, 3], "input_dtype": "float32"}  # fmt: skip
    config |= {"forget_bias_init": "one"} if layer == "LSTM" else {}
    described = {"class_name": "Sequential", "config": [{"class_name": layer, "config": config}]}
    write(tmp_path / "m.h5", described, {"r_1": gates_apart(*arrays, letters, order)}, "1.2.2", None)
    x = np.random.default_rng(2).standard_normal((2, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.h5").predict(x, verbose=0), wanted.predict(x, verbose=0), rtol=1e-6
    )


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_theano_turned_its_kernels(backend: str, tmp_path: Path):
    wanted = lamina.Sequential([layers.Conv2D(4, (2, 3), input_shape=(6, 6, 3), name="c")])
    kernel, bias = wanted.get_weights()
    stored = kernel[::-1, ::-1] if backend == "theano" else kernel
    config = {"name": "c", "trainable": True, "batch_input_shape": [None, 6, 6, 3], "dtype": "float32", "filters": 4,
              "kernel_size": [2, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last",
              "dilation_rate": [1, 1], "activation": "linear", "use_bias": True}  # fmt: skip
    described = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [{"class_name": "Conv2D", "config": config}]},
    }
    write(tmp_path / "m.h5", described, {"c": {"c/kernel:0": stored, "c/bias:0": bias}}, "2.2.4", backend)
    x = np.random.default_rng(2).standard_normal((2, 6, 6, 3)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.h5").predict(x, verbose=0), wanted.predict(x, verbose=0), rtol=1e-6
    )


def test_channels_first_kernels_of_keras_1(tmp_path: Path):
    wanted = lamina.Sequential(
        [layers.Conv2D(4, (2, 3), input_shape=(3, 6, 6), data_format="channels_first", name="c")]
    )
    kernel, bias = wanted.get_weights()
    config = {"name": "c", "trainable": True, "batch_input_shape": [None, 3, 6, 6], "input_dtype": "float32", "nb_filter": 4,
              "nb_row": 2, "nb_col": 3, "init": "glorot_uniform", "activation": "linear", "border_mode": "valid",
              "subsample": [1, 1], "dim_ordering": "th", "bias": True}  # fmt: skip
    described = {"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": config}]}
    write(tmp_path / "m.h5", described, {"c": {"c_W:0": kernel.transpose(3, 2, 0, 1), "c_b:0": bias}}, "1.2.2", None)
    x = np.random.default_rng(2).standard_normal((2, 3, 6, 6)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.h5").predict(x, verbose=0), wanted.predict(x, verbose=0), rtol=1e-6
    )


@pytest.mark.parametrize(("layer", "gates"), [("CuDNNLSTM", 4), ("CuDNNGRU", 3)])
def test_weights_of_cudnn_layers(layer: str, gates: int, tmp_path: Path):
    """CuDNN keeps each gate's matrices transposed, and a bias for each of the two products."""
    wanted = lamina.Sequential([getattr(layers, layer)(4, input_shape=(5, 3), name="r")])
    rng = np.random.default_rng(1)
    kernel, recurrent, bias = (rng.standard_normal(weight.shape).astype("float32") for weight in wanted.get_weights())
    wanted.set_weights([kernel, recurrent, bias])
    halves = np.tile(bias / 2, 2) if layer == "CuDNNLSTM" else bias.reshape(-1)
    stored = {"r/kernel:0": np.hstack([part.T.reshape(part.shape) for part in np.hsplit(kernel, gates)]),
              "r/recurrent_kernel:0": np.hstack([part.T for part in np.hsplit(recurrent, gates)]),
              "r/bias:0": halves}  # fmt: skip
    config = {"name": "r", "trainable": True, "batch_input_shape": [None, 5, 3], "dtype": "float32", "units": 4,
              "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False}  # fmt: skip
    described = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [{"class_name": layer, "config": config}]},
    }
    write(tmp_path / "m.h5", described, {"r": stored}, "2.2.4", "tensorflow")
    x = rng.standard_normal((2, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.h5").predict(x, verbose=0), wanted.predict(x, verbose=0), rtol=1e-6
    )


LOCAL = [((6,), (3,), (2,), "valid"), ((6,), (3,), (1,), "same"), ((5, 4), (2, 3), (1, 1), "valid"),
         ((5, 4), (3, 2), (2, 1), "same")]  # fmt: skip


@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("implementation", [2, 3])
@pytest.mark.parametrize(("sizes", "window", "strides", "padding"), LOCAL)
def test_local_layers_of_tf_keras(sizes: Any, window: Any, strides: Any, padding: str, implementation: int, data_format: str,
                                  ending: str, tmp_path: Path):  # fmt: skip
    """A number for each pair of an input and an output, of which a window uses some; or those alone, sorted."""
    rng, channels, filters, last = np.random.default_rng(0), 2, 3, data_format == "channels_last"
    layer = getattr(layers, f"LocallyConnected{len(sizes)}D")(
        filters, window, strides, padding, data_format, implementation=implementation, use_bias=False, name="local",
        input_shape=(*sizes, channels) if last else (channels, *sizes))  # fmt: skip
    model = lamina.Sequential([layer])
    places = [len(range(0, size - (w - 1 if padding == "valid" else 0), step))
              for size, w, step in zip(sizes, window, strides, strict=True)]  # fmt: skip
    used = np.zeros((*sizes, *places), bool)  # by the input's and the output's place
    for source in np.ndindex(*sizes):
        for place in np.ndindex(*places):
            first = [
                at * step - (w // 2 if padding == "same" else 0)
                for at, step, w in zip(place, strides, window, strict=True)
            ]
            used[(*source, *place)] = all(
                0 <= one - start < w for one, start, w in zip(source, first, window, strict=True)
            )
    rank = len(sizes)
    full = rng.standard_normal((*sizes, channels, *places, filters)).astype("float32")
    full *= np.expand_dims(used, (rank, -1))
    x = rng.standard_normal((4, *sizes, channels)).astype("float32")
    wanted = np.tensordot(x, full, rank + 1)
    if not last:
        full, x, wanted = (
            np.moveaxis(np.moveaxis(full, rank, 0), -1, rank + 1),
            np.moveaxis(x, -1, 1),
            np.moveaxis(wanted, -1, 1),
        )
    kernel = full
    if implementation == 3:
        mask = np.expand_dims(used, (0, rank + 1)) if not last else np.expand_dims(used, (rank, -1))
        pairs = np.broadcast_to(mask, full.shape).reshape(channels * int(np.prod(sizes)), -1)
        kernel = full.reshape(pairs.shape).T[pairs.T]
    with h5py.File(tmp_path / f"w{ending}", "w") as file:
        if ending == ".h5":
            file.attrs["layer_names"], file.attrs["keras_version"] = [b"local"], b"2.13.1"
            group = file.create_group("local")
            group.attrs["weight_names"] = [b"local/kernel:0"]
            group.create_dataset("local/kernel:0", data=kernel)
        else:
            file.create_group(f"layers/locally_connected{rank}d/vars").create_dataset("0", data=kernel)
    model.load_weights(tmp_path / f"w{ending}")
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)
    shape = x.shape[1:]
    narrow = type(layer)(
        2, window, strides, padding, data_format, implementation=implementation, use_bias=False, input_shape=shape
    )
    with pytest.raises(ValueError, match="local"):
        lamina.Sequential([narrow]).load_weights(tmp_path / f"w{ending}")


@pytest.mark.parametrize("version", ["2.0.5", "2.2.4"])
def test_nameless_optimizer_state(version: str, tmp_path: Path):
    """Keras 2 called an optimizer's variables Variable_7; 2.0 kept them in the order of the weights' names."""
    config = {"trainable": True, "dtype": "float32", "units": 3, "activation": "linear", "use_bias": True}
    entries = [{"class_name": "Dense", "config": config | more} for more in (
        {"name": "z", "batch_input_shape": [None, 3]}, {"name": "a"})]  # fmt: skip
    kernels = [np.eye(3, dtype="float32"), np.full((3, 3), 2.0, "float32")]
    groups = {name: {f"{name}/kernel:0": kernel, f"{name}/bias:0": np.zeros(3, "float32")}
              for name, kernel in zip("za", kernels, strict=True)}  # fmt: skip
    write(tmp_path / "m.h5", {"class_name": "Sequential", "config": entries}, groups, version, "tensorflow")
    slots = [
        np.full(shape, number, "float32") for number, shape in enumerate([(3, 3), (3,), (3, 3), (3,)])
    ]  # z's, then a's
    listed = [slots[number] for number in ((3, 2, 1, 0) if version == "2.0.5" else (0, 1, 2, 3))]
    names = ["iterations:0", *(f"Variable_{number}:0" for number in range(10, 18))]
    arrays = [np.asarray(7), *listed, *(10 + array for array in listed)]
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        told = {"loss": "mse", "metrics": [], "sample_weight_mode": None, "loss_weights": None,
                "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.1, "decay": 0.0}}}  # fmt: skip
        file.attrs["training_config"] = json.dumps(told)
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays, strict=True):
            group.create_dataset(name, data=array)
    iterations, rate, *state = load_model(tmp_path / "m.h5").optimizer.get_weights()
    assert (int(iterations), float(rate)) == (7, pytest.approx(0.1))
    assert [float(array.ravel()[0]) for array in state] == [0, 10, 1, 11, 2, 12, 3, 13]


# ---- what does not fit ---------------------------------------------------------------------------------------------


def small(units: int = 3, names: tuple[str, str] = ("a", "b")) -> Any:
    return lamina.Sequential([layers.Dense(units, input_shape=(4,), name=names[0]), layers.Dense(2, name=names[1])])


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path):
    small(5).save_weights(tmp_path / "w.h5")
    model = small()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"w\.h5/a/a/kernel:0 has shape \(4, 5\), and Dense 'a' needs \(4, 3\)\."):
        model.load_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"has 2 layers with weights \(a, b\), and .* has 1 \(alone\)\."):
        lamina.Sequential([layers.Dense(2, input_shape=(4,), name="alone")]).load_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"by_name=True loads those of the same name, which are 1\.\n  layer") as error:
        lamina.Sequential([layers.Dense(2, input_shape=(5,), name="b")]).load_weights(tmp_path / "w.h5")
    assert str(error.value).splitlines()[1:] == [
        "  layer  in file      in model     verdict",
        "  a      (4, 5) (5,)  -            not in model",
        "  b      (5, 2) (2,)  (5, 2) (2,)  fits",
        "The file has 1 layer more than the model; all else fits.",
    ]
    for weight, as_it_was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, as_it_was)


class Scaled(lamina.Model):
    """A model with weights of its own beside its layers'."""

    def __init__(self, own: bool = True) -> None:
        super().__init__(name="scaled")
        self.first = layers.Dense(3, name="first")
        self.own = own
        if own:
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def call(self, inputs: Any) -> Any:
        return self.first(inputs) * self.scale if self.own else self.first(inputs)


def test_weights_of_the_model_itself(tmp_path: Path):
    """They are where tf.keras has them: beside the layers, those that train first."""
    model, again, without = Scaled(), Scaled(), Scaled(own=False)
    for one in (model, again, without):
        one(np.ones((1, 4), "float32"))
    model.set_weights([weight + number for number, weight in enumerate(model.get_weights(), 1)])
    model.save_weights(tmp_path / "w.h5")
    again.load_weights(tmp_path / "w.h5")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with h5py.File(tmp_path / "w.h5") as file:
        group = file["top_level_model_weights"]
        stored = [group[name][()] for name in group.attrs["weight_names"]]
    np.testing.assert_array_equal(stored[0], model.scale.detach())
    np.testing.assert_array_equal(stored[1], model.count)
    with pytest.raises(ValueError, match=r"has weights for 'top_level_model_weights', and Scaled 'scaled' has nothing"):
        without.load_weights(tmp_path / "w.h5")
    without.save_weights(tmp_path / "without.h5")
    with pytest.raises(ValueError, match=r"has nothing for 'top_level_model_weights', where Scaled 'scaled' needs"):
        model.load_weights(tmp_path / "without.h5")
    model.load_weights(tmp_path / "without.h5", by_name=True)


def test_modules_of_torch_s_in_a_model(tmp_path: Path):
    class Mixed(lamina.Model):
        def __init__(self) -> None:
            super().__init__(name="mixed")
            self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
            self.lstm = torch.nn.LSTM(3, 2)
            self.head = layers.Dense(2, name="head")

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(self.body(inputs))[0])

    x = np.ones((2, 4), "float32")
    one, two = Mixed(), Mixed()
    one(x), two(x)
    one.save_weights(tmp_path / "w.h5")
    two.load_weights(tmp_path / "w.h5")
    for weight, other in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    with h5py.File(tmp_path / "w.h5") as file:
        assert [str(name, "utf-8") for name in file.attrs["layer_names"]] == ["body", "lstm", "head"]


def test_by_name_and_skip_mismatch(tmp_path: Path):
    source = small(5, ("a", "other"))
    source.save_weights(tmp_path / "w.h5")
    model = small(5)
    kept = model.layers[1].get_weights()
    model.load_weights(tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], source.layers[0].get_weights()[0])
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], kept[0])
    wider = small(3)
    with pytest.warns(UserWarning, match=r"Some weights were left as they are\. .*needs \(4, 3\)"):
        wider.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_by_name_comes_second_in_keras_1_and_2(dialect: str, tmp_path: Path):
    small(5, ("a", "other")).save_weights(tmp_path / "w.h5")
    with lamina.dialects.using_dialect(dialect):
        model = small(5)
        args = (False, True) if dialect == "tf_keras" else (True,)
        model.load_weights(str(tmp_path / "w.h5"), *args)


def test_a_saved_model_is_named_as_what_it_is(tmp_path: Path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match=r"is a SavedModel, .* save it as \.h5 or \.keras"):
        load_model(tmp_path / "m")


def test_weights_alone_are_no_model(tmp_path: Path):
    small().save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="holds weights alone, and no model"):
        load_model(tmp_path / "w.h5")


HOSTILE = {
    "no_list": lambda file: file["model_weights"].attrs.__delitem__("layer_names"),
    "another_layer": lambda file: file["model_weights"].attrs.__setitem__("layer_names", [b"a", b"nowhere"]),
    "no_such_weight": lambda file: file["model_weights/a"].attrs.__setitem__("weight_names", [b"a/kernel:0", b"../b"]),
    "numbers_for_names": lambda file: file["model_weights"].attrs.__setitem__("layer_names", np.zeros(3)),
    "external": lambda file: (file["model_weights/a/a"].__delitem__("kernel:0"), file["model_weights/a/a"].__setitem__(
        "kernel:0", h5py.ExternalLink("/etc/passwd", "x"))),
    "no_json": lambda file: file.attrs.__setitem__("lamina_config", "{"),
    "a_list": lambda file: file.attrs.__setitem__("lamina_config", "[1, 2]"),
    "complex": lambda file: (file["model_weights/a/a"].__delitem__("kernel:0"),
                             file["model_weights/a/a"].create_dataset("kernel:0", data=np.ones((4, 3), complex))),
    "whole_numbers": lambda file: (file["model_weights/a/a"].__delitem__("kernel:0"),
                                   file["model_weights/a/a"].create_dataset("kernel:0", data=np.ones((4, 3), bool))),
}  # fmt: skip


@pytest.mark.parametrize("damage", HOSTILE)
def test_a_damaged_file_is_refused_in_a_sentence(damage: str, tmp_path: Path):
    small().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        HOSTILE[damage](file)
    with pytest.raises(ValueError, match=r"m\.h5"):
        load_model(tmp_path / "m.h5")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path):
    small().save(tmp_path / "m.h5")
    whole = (tmp_path / "m.h5").read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut"):
            load_model(tmp_path / "cut.h5")


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    small().save(tmp_path / "m.h5")
    before = (tmp_path / "m.h5").read_bytes()
    model = small()
    monkeypatch.setattr(type(model), "get_config", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.save(tmp_path / "m.h5")
    assert (tmp_path / "m.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.h5"]


# ---- what tf.keras has other words for, or none ----------------------------------------------------------------------


def written_config(model: Any, path: Path) -> Any:
    model.save(path)
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])["config"]["layers"][-1]["config"]


@pytest.mark.parametrize(("layer", "shape", "said"), [
    (lambda: layers.RMSNormalization(), (4,), "RMSNormalization .* is of a class that tf.keras does not have"),
    (lambda: layers.Dense(2, activation="celu"), (4,), "Dense has activation='celu', which tf.keras does not have"),
    (lambda: layers.Activation("sparsemax"), (4,), "activation='sparsemax'"),
    (lambda: layers.Conv3DTranspose(2, 2, dilation_rate=2), (4, 4, 4, 1), "dilation_rate"),
    (lambda: layers.LocallyConnected1D(2, 3, padding="same", implementation=2), (5, 2), "keeps its kernel in another layout"),
])  # fmt: skip
def test_what_tf_keras_cannot_open_is_warned_of(layer: Any, shape: Any, said: str, tmp_path: Path):
    model = lamina.Sequential([layers.Input(shape), layer()])
    with pytest.warns(UserWarning, match=f"can be opened by lamina alone, not by Keras: .*{said}"):
        model.save(tmp_path / "m.h5")
    x = np.random.default_rng(0).random((2, *shape), dtype="float32")
    np.testing.assert_array_equal(load_model(tmp_path / "m.h5").predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("told", [
    {"optimizer": "muon", "loss": "mse"}, {"optimizer": "adam", "loss": "dice"},
    {"optimizer": "adam", "loss": ["tversky"]}, {"optimizer": "adam", "loss": "mse", "metrics": ["pearson_correlation"]},
    {"optimizer": "adam", "loss": "mse", "weighted_metrics": [lamina.metrics.ConcordanceCorrelation()]},
    {"optimizer": lamina.optimizers.LossScaleOptimizer(lamina.optimizers.SGD()), "loss": "mse"},
], ids=str)  # fmt: skip
def test_what_training_tf_keras_lacks_does_not_close_the_file_to_it(told: Any, tmp_path: Path):
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile(**told)
    with pytest.warns(UserWarning, match="opens in Keras as a model that is not compiled: .* tf.keras does not have"):
        model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "model_config" in file.attrs
        assert "training_config" not in file.attrs
    assert load_model(tmp_path / "m.h5").optimizer.get_config() == model.optimizer.get_config()


def test_words_of_tf_keras(tmp_path: Path):
    def as_sequential(layer: Any, shape: Any) -> Any:
        return lamina.Sequential([layers.Input(shape), layer])

    norm = as_sequential(layers.LayerNormalization(axis=(-1, -3)), (4, 3, 5))
    assert written_config(norm, tmp_path / "n.h5")["axis"] == [1, 3]
    local = as_sequential(layers.LocallyConnected1D(2, 3, implementation=3), (5, 2))
    assert written_config(local, tmp_path / "l.h5")["implementation"] == 1
    with lamina.registry.CustomObjectScope({"halved_of_trips": halved_of_trips}):
        code = written_config(as_sequential(layers.Lambda(halved_of_trips), (4,)), tmp_path / "c.h5")
    assert (code["function"], code["function_type"], code["module"]) == ("halved_of_trips", "function", None)
    assert (code["output_shape_type"], "mask" in code) == ("raw", False)


def halved_of_trips(x: Any) -> Any:
    return x / 2


def test_axes_of_tf_keras_s_layer_normalization(tmp_path: Path):
    """Its weights have the order of the argument and are reshaped, not turned, when they are used."""
    model = lamina.Sequential([layers.Input((4, 3, 5)), layers.LayerNormalization(axis=(-1, -3))])
    gamma, beta = (np.arange(20, dtype="float32").reshape(5, 4) + number for number in range(2))
    path = tmp_path / "w.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        name = model.layers[0].name
        group = file[name]
        for place, array in zip(list(group.attrs["weight_names"]), (gamma, beta), strict=True):
            del group[place]
            group[place] = array
    model.load_weights(path)
    for weight, array in zip(model.get_weights(), (gamma, beta), strict=True):
        np.testing.assert_array_equal(weight, array.reshape(4, 5))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
def test_a_model_of_keras_that_never_took_a_step(tmp_path: Path):
    theirs = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    theirs.compile(keras.optimizers.Adam(0.25), "mse")
    theirs.save(tmp_path / "m.h5")
    ours = load_model(tmp_path / "m.h5")
    assert (ours.optimizer.built, ours.optimizer.iterations, ours.optimizer.learning_rate) == (False, 0, 0.25)
    ours.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
