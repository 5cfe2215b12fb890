"""Models that are made the same way in lamina and in Keras, and what the saving tests do with them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

import lamina.layers
import lamina.losses
import lamina.metrics
import lamina.models
import lamina.naming
import lamina.optimizers
import lamina.regularizers

LAMINA = SimpleNamespace(
    layers=lamina.layers, Model=lamina.models.Model, Sequential=lamina.models.Sequential, losses=lamina.losses,
    metrics=lamina.metrics, optimizers=lamina.optimizers, regularizers=lamina.regularizers, Input=lamina.layers.Input,
    load=lamina.models.load_model)  # fmt: skip
KERAS = SimpleNamespace(
    layers=keras.layers, Model=keras.Model, Sequential=keras.Sequential, losses=keras.losses, metrics=keras.metrics,
    optimizers=keras.optimizers, regularizers=keras.regularizers, Input=keras.Input,
    load=keras.models.load_model)  # fmt: skip


def stack(lib: Any) -> Any:
    L = lib.layers
    return lib.Sequential([lib.Input((8, 8, 3)), L.Conv2D(4, 3, padding="same"), L.LeakyReLU(negative_slope=0.1),
                           L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5), L.Dense(5, "softmax")], name="stack")  # fmt: skip


def shared(lib: Any) -> Any:
    """Two inputs, two outputs, a layer called twice, operators, an index, a nested stack."""
    a, b = lib.Input((4,), name="a"), lib.Input((4,), name="b")
    dense = lib.layers.Dense(3, "tanh", name="dense", kernel_regularizer="l2")
    left, right = dense(a), dense(b)
    inner = lib.Sequential([lib.Input((3,)), lib.layers.Dense(2, name="deep")], name="inner")
    total = (left - right) * 2.0 + 1
    return lib.Model([a, b], [inner(total), (1 - total)[:, :2] / 3], name="shared")


def named(lib: Any) -> Any:
    """Inputs and outputs in dictionaries, a functional model inside."""
    x = lib.Input((3,), name="x")
    head = lib.Model(x, lib.layers.Dense(2, name="head_dense")(x), name="head")
    a, b = lib.Input((3,), name="a"), lib.Input((3,), name="b")
    left = lib.layers.Dense(2, name="last")(head(a))
    return lib.Model({"a": a, "b": b}, {"left": left, "sum": head(a + b)}, name="named")


def masked(lib: Any) -> Any:
    x = lib.Input((5, 3), name="x")
    seen = lib.layers.Masking(0.0, name="masking")(x)
    return lib.Model(
        x, lib.layers.GlobalAveragePooling1D(name="pool")(lib.layers.Dense(2, name="dense")(seen)), name="masked"
    )


def nested(lib: Any) -> Any:
    L = lib.layers
    inner = lib.Sequential([lib.Input((4,)), L.Dense(4, name="one"), L.Dense(4, name="two")], name="inner")
    return lib.Sequential([lib.Input((4,)), L.Dense(4, name="first"), inner, L.PReLU(name="slope")], name="nested")


def activation_layer(lib: Any) -> Any:
    L = lib.layers
    return lib.Sequential([lib.Input((4,)), L.Dense(4, activation=L.ReLU(max_value=1.0))], name="activation_layer")


MODELS: dict[str, Callable[[Any], Any]] = {made.__name__: made for made in
                                           (stack, shared, named, masked, nested, activation_layer)}  # fmt: skip


def pair(name: str) -> tuple[Any, Any]:
    """A model of lamina's and its twin of Keras's, with the same weights."""
    lamina.naming.reset_names()
    keras.backend.clear_session()
    ours, theirs = MODELS[name](LAMINA), MODELS[name](KERAS)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def inputs(model: Any, rows: int = 4) -> Any:
    """Numbers for a model's inputs; rows end in zeros, which Masking hides."""
    rng = np.random.default_rng(0)

    def draw(tensor: Any) -> np.ndarray:
        values = rng.normal(size=(rows, *tensor.shape[1:])).astype("float32")
        values[1:, -1] = 0 if values.ndim == 3 else values[1:, -1]
        return values

    found = [draw(tensor) for tensor in model.inputs]
    structure = model.input
    if isinstance(structure, dict):
        return dict(zip(structure, found, strict=True))
    return found if isinstance(structure, list) else found[0]


def flat(outputs: Any) -> list[np.ndarray]:
    if isinstance(outputs, dict):
        return [outputs[key] for key in sorted(outputs)]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def predictions(model: Any, x: Any) -> list[np.ndarray]:
    return flat(model.predict(x, verbose=0))


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray], atol: float = 1e-6) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def config_in(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


# They make no weights, so it does not matter whether a file says for what they were built.
_SHAPELESS = {"MaxPooling2D", "Flatten"}
_NOISE = {"shared_object_id", "quantization_config", "date_saved"}


def comparable(config: Any) -> Any:
    """A config without what differs between two saves of one model by Keras, and between its engines."""
    if isinstance(config, dict):
        kept = {key: comparable(value) for key, value in config.items() if key not in _NOISE}
        if str(kept.get("module")).startswith("keras.src.backend.torch.optimizers"):
            kept |= {"module": "keras.optimizers", "registered_name": None}
        if kept.get("class_name") in _SHAPELESS:
            kept.pop("build_config", None)
        if "kwargs" in kept:  # arguments that nobody gave
            kept["kwargs"] = {key: value for key, value in kept["kwargs"].items() if value is not None}
        if isinstance(kept.get("layers"), list) and "output_layers" in kept:
            kept["layers"] = sorted(kept["layers"], key=lambda entry: entry["name"])
        return kept
    return [comparable(item) for item in config] if isinstance(config, list) else config
