"""Saving and loading: ``.keras`` files and ``.weights.h5``."""

from __future__ import annotations

import importlib
import os
import typing
from typing import TYPE_CHECKING, Any

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
from lamina.saving import keras_zip
from lamina.saving.weights_h5 import load_weights, save_weights
from lamina.tracebacks import door

if typing.TYPE_CHECKING:
    from lamina.saving.file_editor import KerasFileEditor as KerasFileEditor

if TYPE_CHECKING:
    from lamina.models import Model

__all__ = [
    "CustomObjectScope", "KerasFileEditor", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "load_model", "load_weights", "register_keras_serializable",
    "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip


@door
def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Save a model to a ``.keras`` file; see :func:`lamina.saving.keras_zip.save`."""
    keras_zip.save(model, filepath, overwrite)


@door
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model in a ``.keras`` file; see :func:`lamina.saving.keras_zip.load`."""
    return keras_zip.load(filepath, custom_objects, compile, safe_mode)


def __getattr__(name: str) -> Any:
    """``KerasFileEditor``, which needs rich, when it is first asked for."""
    if name == "KerasFileEditor":
        return importlib.import_module("lamina.saving.file_editor").KerasFileEditor
    raise AttributeError(f"lamina.saving has no {name!r}.{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return __all__
