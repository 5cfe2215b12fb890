"""Writing ``.h5`` as tf.keras has it, which Keras 2, tf.keras, tf_keras and lamina open: whole models, and weights alone."""

from __future__ import annotations

import io
import json
import os
import warnings
from typing import Any

import numpy as np

from lamina import optimizers
from lamina.dialects import using_dialect
from lamina.engine.calling import who
from lamina.engine.weights import to_numpy
from lamina.registry import check_written, serialize
from lamina.saving.files import replacing
from lamina.saving.hdf5 import h5py
from lamina.saving.legacy_h5 import (
    CONFIG,
    OPTIMIZER,
    OWN_CONFIG,
    OWN_OPTIMIZER,
    TRAINING,
    WEIGHTS,
    layers_in,
    ordered,
    own_part,
)
from lamina.saving.tf_keras_configs import NoWords, model_config, training_config
from lamina.saving.weights_h5 import write_standing
from lamina.tracebacks import users_level
from lamina.training.steps import optimizer_of

VERSION = "2.21.0"  # of the tf_keras whose layout is written
_LONGEST = 64512  # bytes of an attribute; HDF5 keeps no more than 64 KiB with an object


def save_model(model: Any, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write the whole model.

    What tf.keras has no words for is in lamina's own description, which stands beside tf.keras's; a warning says so.

    Raises:
        ValueError: when the model is not built, or a part of it can't be described.
    """
    if not model.built:
        raise ValueError(f"{who(model)} can't be saved: it is not built. Call it on data, or build() it.")
    with using_dialect(None):  # what differs from today is written out
        described = serialize(model)
    check_written(described)
    if not include_optimizer:
        described.pop("compile_config", None)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", VERSION
        file.attrs[OWN_CONFIG] = json.dumps(described, allow_nan=False)
        try:
            file.attrs[CONFIG] = json.dumps(model_config(described), allow_nan=False)
        except NoWords as error:  # rather a file for lamina alone than none, after hours of training
            warnings.warn(
                f"{os.fspath(path)} can be opened by lamina alone, not by Keras: {error}", stacklevel=users_level()
            )
        if described.get("compile_config"):
            _write_training(file, described["compile_config"], path)
        _write_weights(file.create_group(WEIGHTS), model)
        if include_optimizer and model.optimizer is not None and model.optimizer.built:
            _write_optimizer(file, optimizer_of(model))
        if include_optimizer:
            write_standing(file, model)
    _put(stream, path)


def save_weights(model: Any, path: str | os.PathLike[str], include_optimizer: bool = False) -> None:
    """Write the weights alone; or with all variables of the optimizer beside them, where no other Keras looks."""
    if not model.built:
        raise ValueError(f"{who(model)} has no weights to save: it is not built. Call it on data, or build() it.")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        _write_weights(file, model)
        if include_optimizer and model.optimizer is not None and model.optimizer.built:
            _write_own_optimizer(file, optimizer_of(model))
            write_standing(file, model)
    _put(stream, path)


def _write_training(file: Any, told: Any, path: str | os.PathLike[str]) -> None:
    """Write how the model was compiled, in tf.keras's words, to a file that tf.keras can open."""
    if CONFIG not in file.attrs:
        return
    try:
        file.attrs[TRAINING] = json.dumps(training_config(told), allow_nan=False)
    except NoWords as error:
        warnings.warn(
            f"{os.fspath(path)} opens in Keras as a model that is not compiled: {error}", stacklevel=users_level()
        )


def _put(stream: io.BytesIO, path: str | os.PathLike[str]) -> None:
    with replacing(path) as written, open(written, "wb") as file:
        file.write(stream.getbuffer())


def _write_weights(group: Any, model: Any) -> None:
    group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", VERSION
    layers = layers_in(model)
    _write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in [*layers, own_part(model)]:
        weights = ordered(layer)
        _write_arrays(group.create_group(layer.name), _names(layer, weights), [to_numpy(weight) for weight in weights])


def _names(layer: Any, weights: list[Any]) -> list[str]:
    """``dense/kernel:0``: the layer's name, and what comes after it in the weight's path; each once."""
    names: list[str] = []
    for weight in weights:
        path = getattr(weight, "path", "") or "weight"
        inner = path.split(f"{layer.name}/")[-1] if f"{layer.name}/" in path else path
        name, number = f"{layer.name}/{inner}", 1
        while f"{name}:0" in names:
            name, number = f"{layer.name}/{inner}_{number}", number + 1
        names.append(f"{name}:0")
    return names


def _write_arrays(group: Any, names: list[str], arrays: list[np.ndarray]) -> None:
    _write_names(group, "weight_names", names)
    for name, array in zip(names, arrays, strict=True):
        group.create_dataset(name, data=array)


def _write_names(group: Any, key: str, names: list[str]) -> None:
    """A list of names as an attribute, in pieces when it is long."""
    encoded = np.asarray([name.encode() for name in names]) if names else np.zeros((0,))
    pieces = 1
    while names and any(part.nbytes > _LONGEST for part in np.array_split(encoded, pieces)):
        pieces += 1
        if pieces > len(names):
            raise ValueError(f"A name of {encoded.itemsize} bytes is too long for an .h5 file.")
    if pieces == 1:
        group.attrs[key] = encoded
        return
    for number, part in enumerate(np.array_split(encoded, pieces)):
        group.attrs[f"{key}{number}"] = part


def _write_own_optimizer(file: Any, optimizer: Any) -> Any:
    """All variables of the optimizer, numbered."""
    own = file.create_group(OWN_OPTIMIZER)
    for number, variable in enumerate(optimizer.variables):
        own.create_dataset(str(number), data=to_numpy(variable))
    return own


def _write_optimizer(file: Any, optimizer: Any) -> None:
    """All variables of the optimizer, numbered; and again, by links, as tf.keras's optimizers list theirs."""
    own, variables = _write_own_optimizer(file, optimizer), optimizer.variables
    if getattr(optimizer, "inner_optimizer", None) is not None or not hasattr(optimizer, "_learning_rate"):
        return  # one that tf.keras does not have
    first = 2 if isinstance(optimizer._learning_rate, float) else 1  # tf.keras leaves the rate to the config
    last = len(variables) - isinstance(optimizer, optimizers.Nadam)  # and Nadam's product to chance
    stored = {f"{type(optimizer).__name__}/{variables[number].path.rpartition('/')[2]}_{number}:0": own[str(number)]
              for number in range(first, last)}  # fmt: skip
    group = file.create_group(OPTIMIZER)
    if isinstance(optimizer, optimizers.SGD) and not optimizer.momentum:  # it has them all the same
        stored = {f"SGD/m/{number}:0": np.zeros(tuple(param.shape), np.float32)
                  for number, param in enumerate(optimizer.params)}  # fmt: skip
    _write_names(group, "weight_names", ["iteration:0", *stored])
    for name, data in {"iteration:0": np.asarray(int(optimizer.iterations), np.int64), **stored}.items():
        group[name] = data
