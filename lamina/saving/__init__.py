"""Saving and loading: ``.keras`` files and ``.weights.h5``."""

from __future__ import annotations

import os
from typing import Any

from lamina.registry import CustomObjectScope as CustomObjectScope
from lamina.registry import custom_object_scope as custom_object_scope
from lamina.registry import deserialize as deserialize_keras_object
from lamina.registry import get_custom_objects as get_custom_objects
from lamina.registry import get_registered_name as get_registered_name
from lamina.registry import get_registered_object as get_registered_object
from lamina.registry import register_keras_serializable as register_keras_serializable
from lamina.registry import serialize as serialize_keras_object
from lamina.saving import keras_zip
from lamina.saving.weights_h5 import load_weights as load_weights
from lamina.saving.weights_h5 import save_weights as save_weights


def save_model(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, **older: Any) -> None:
    """Save a model to a ``.keras`` file; see :func:`lamina.saving.keras_zip.save`."""
    for unknown in set(older) - {"include_optimizer", "save_format", "zipped"}:
        raise TypeError(f"save_model() got an unknown argument {unknown!r}.")
    keras_zip.save(model, filepath, overwrite)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a ``.keras`` file; see :func:`lamina.saving.keras_zip.load`."""
    return keras_zip.load(filepath, custom_objects, compile, safe_mode)


__all__ = ["deserialize_keras_object", "serialize_keras_object"]
