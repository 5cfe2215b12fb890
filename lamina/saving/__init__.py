"""Saving and loading: ``.keras``, ``.weights.h5``, the ``.h5`` of every older Keras, and weights in the formats of others."""

from __future__ import annotations

import importlib
import os
import typing
from typing import TYPE_CHECKING, Any

from lamina.dialects import any_spelling
from lamina.errors import did_you_mean
from lamina.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from lamina.registry import serialize as serialize_keras_object
from lamina.saving import keras_zip, legacy_h5, legacy_h5_writer, npz, safetensors, shards, torch_files, weights_h5
from lamina.saving.files import check_overwrite, naming
from lamina.saving.hdf5 import opened
from lamina.saving.kinds import MODELS, WEIGHTS, kind_of, refusal
from lamina.saving.names import TENSORFLOW, keeps_optimizer, model_format, says_its_format, tell_what_it_is
from lamina.tracebacks import door

if typing.TYPE_CHECKING:
    from lamina.saving.contents import describe as describe
    from lamina.saving.file_editor import KerasFileEditor as KerasFileEditor

if TYPE_CHECKING:
    from lamina.models import Model

__all__ = [
    "CustomObjectScope", "KerasFileEditor", "custom_object_scope", "describe", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "load_model", "load_weights", "register_keras_serializable",
    "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip


@any_spelling("save_model")
def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    save_format: str | None = None,
    save_traces: bool = True,
) -> None:
    """Save a whole model: as Keras 3's ``.keras``, or as the ``.h5`` of Keras 2 and tf.keras.

    A name without a known ending (``my_model``) was a SavedModel of TensorFlow's in tf.keras. Here it is a ``.keras`` file of
    that name, which ``load_model`` opens, with a warning that says so; in the dialects of Keras 1 and 2 it is HDF5, as it was.

    Arguments:
        model: a built model.
        filepath: its ending says the format: ``.keras``; ``.h5`` or ``.hdf5``.
        overwrite: whether a file that is there may be replaced.
        zipped: Keras 3's; a ``.keras`` file is always a zip here.
        include_optimizer: whether the file says how the model was compiled, and has its optimizer's state.
        save_format: ``"h5"`` (Keras 2) or ``"keras"`` writes that format whatever the name's ending.
        save_traces: of a SavedModel alone.

    Raises:
        ValueError: when the name promises another format (``.onnx``), the model is not built, or a part of it can't be
            described. The file that was there stays.
        OSError: when the disk is full, or the file or its folder can't be written to. The file that was there stays.
    """
    written_as = model_format(filepath, save_format)
    check_overwrite(filepath, overwrite)
    if written_as == "h5":
        legacy_h5_writer.save_model(model, filepath, include_optimizer)
        return
    keras_zip.save(model, filepath, include_optimizer=include_optimizer)
    if save_format in TENSORFLOW or not says_its_format(filepath):
        tell_what_it_is(filepath, "load_model", "a SavedModel")


def check_describable(model: Any) -> None:
    """Refuse a model of which a part can't be written into a config, before it costs anything.

    Raises:
        TypeError, ValueError, NotImplementedError: those of :func:`save_model`.
    """
    if model.built:
        keras_zip.to_json(model)


@any_spelling("save_weights")
def save_weights(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    *,
    save_format: str | None = None,
) -> None:
    """Save a model's weights in the format that the file's name asks for.

    =================================  ==================================================================================
    ``x.weights.h5``                   Keras 3's layout, with the optimizer's state
    ``x.weights.json``                 the same in pieces of at most ``max_shard_size`` GB, beside it
    ``x.safetensors``, ``x.pt``        torch's names: the keys of ``model.state_dict()``
    ``x.npz``                          NumPy's archive, in the order of ``get_weights()``
    any other                          the layout of Keras 1, 2 and tf.keras
    =================================  ==================================================================================

    A name without an ending of HDF5 (``ckpt/cp-0001.ckpt``) was a checkpoint of TensorFlow's in tf.keras, which has the
    optimizer's state: so does lamina's file of that name.

    Arguments:
        model: a built model.
        filepath: the file; in the old layout its name is free, as it was.
        overwrite: whether a file that is there may be replaced.
        max_shard_size: the largest size of a piece, in GB (Keras 3); 5 for a name that ends in ``.weights.json``.
        save_format: ``"h5"`` (Keras 2) writes the old layout whatever the name's ending.

    Raises:
        ValueError: when the model is not built, the file exists and ``overwrite`` is off, or for a ``max_shard_size`` with
            another ending or for a weight that is larger.
        OSError: when the disk is full, or the file or its folder can't be written to. The file that was there stays.
    """
    if max_shard_size is not None or (save_format is None and str(filepath).endswith(shards.ENDING)):
        shards.save_weights(model, filepath, overwrite, max_shard_size)
        return
    check_overwrite(filepath, overwrite)
    if str(filepath).endswith(".weights.h5") and save_format is None:
        weights_h5.save_weights(model, filepath, overwrite)
    elif save_format is None and (write := _writer(filepath)) is not None:
        write(model, filepath)
    else:
        legacy_h5_writer.save_weights(model, filepath, keeps_optimizer(filepath, save_format))
    if save_format in TENSORFLOW:
        tell_what_it_is(filepath, "load_weights", "a checkpoint of TensorFlow's")


_WRITERS = {".safetensors": safetensors.save_weights, ".npz": npz.save_weights, ".pt": torch_files.save_weights,
            ".pth": torch_files.save_weights}  # fmt: skip
_READERS = {"safetensors": safetensors.load_weights, "npz": npz.load_weights, "torch": torch_files.load_weights,
            "shards": shards.load_weights}  # fmt: skip


def _writer(filepath: str | os.PathLike[str]) -> Any:
    return next((write for ending, write in _WRITERS.items() if str(filepath).endswith(ending)), None)


@door
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model in a file of any generation of Keras: ``.keras``, or a whole model's ``.h5`` (``.hdf5``).

    What a file is its first bytes say, not its name. The words of its config mean what they meant in the Keras that wrote it:
    its activations, defaults and optimizers compute as then.

    Arguments:
        filepath: the file.
        custom_objects: your own classes and functions that the file names.
        compile: whether to compile the model as it was when it was saved, with the state of its optimizer.
        safe_mode: Keras's. Nothing in a file is run here, whatever it says.

    Raises:
        ValueError: for a file that is not what it should be; nothing in it is run, imported or unpickled.
    """
    kind = kind_of(filepath)
    if kind not in MODELS:
        raise refusal(filepath, kind, "model")
    with naming(os.fspath(filepath)):
        if kind == "hdf5":
            return legacy_h5.load(filepath, custom_objects, compile)
        return keras_zip.load(filepath, custom_objects, compile, safe_mode)


@door
def load_weights(
    model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Set a model's weights from a file of any generation: ``.weights.h5``, ``.weights.json``, ``.h5`` of weights or of a whole
    model, ``.keras``; ``.safetensors``, ``.npz`` and torch's files of a ``state_dict``. What it is, its content says.

    Arguments:
        skip_mismatch: leave the weights of layers that do not fit as they are, with a warning.
        by_name: match layers by name, and leave those without a namesake alone (``.h5`` of Keras 1, 2 and tf.keras, and
            formats whose weights have names).

    Raises:
        ValueError: naming the file, the place in it and what the model needs there, with a table of all layers. Nothing is
            changed then.
    """
    kind = kind_of(filepath)
    if kind not in WEIGHTS:
        raise refusal(filepath, kind)
    with naming(os.fspath(filepath), also_refusals=False):
        _load_weights(model, filepath, kind, skip_mismatch, by_name)


def _load_weights(model: Any, filepath: Any, kind: str, skip_mismatch: bool, by_name: bool) -> None:
    if kind == "keras":
        keras_zip.load_weights(model, filepath, skip_mismatch)
        return
    if kind in _READERS:
        _READERS[kind](model, filepath, skip_mismatch, by_name)
        return
    with opened(filepath) as root:
        if legacy_h5.is_legacy(root):
            legacy_h5.load_weights(model, root, by_name, skip_mismatch)
        elif by_name:
            raise ValueError(f"{root.where} lists its layers by their place and class, so they can't be matched by name: leave "
                             "out by_name.")  # fmt: skip
        else:
            weights_h5.read(model, root, skip_mismatch=skip_mismatch)


_LATE = {"KerasFileEditor": "lamina.saving.file_editor", "describe": "lamina.saving.contents"}


def __getattr__(name: str) -> Any:
    """What few need, when it is first asked for."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"lamina.saving has no {name!r}.{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return __all__
