"""Keras's ``keras.legacy.saving``: objects to and from the short configs of Keras 1 and 2, a class's name and arguments."""

from __future__ import annotations

import inspect
from typing import Any

from lamina import registry

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

_MARK = "__passive_serialization__"  # on what an object's own `get_config` left as an object


def serialize_keras_object(instance: Any) -> Any:
    """``{"class_name": ..., "config": ...}`` of an object with a ``get_config``; the name of a function or class.

    Raises:
        ValueError: for what has neither.

    >>> from lamina import initializers
    >>> serialize_keras_object(initializers.Zeros()), serialize_keras_object(len), serialize_keras_object(None)
    ({'class_name': 'Zeros', 'config': {}}, 'len', None)
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not isinstance(instance, type):
        name = getattr(instance, "_keras_class_name", None) or registry.get_registered_name(type(instance))
        return {"class_name": name, "config": {key: _part(value) for key, value in instance.get_config().items()}}
    if hasattr(instance, "__name__"):
        return registry.get_registered_name(instance)
    raise ValueError(f"{instance!r:.80} can't be written into a config: it has no get_config() method and no name.")


def _part(value: Any) -> Any:
    """A value of a config: plain ones as they are, objects as configs that are marked as being made of one."""
    if hasattr(value, "get_config") or (hasattr(value, "__name__") and not isinstance(value, str)):
        written = serialize_keras_object(value)
        return {**written, _MARK: True} if isinstance(written, dict) else written
    return value


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of a short config, or of a name: a function itself, or an object of a class, made without arguments.

    Arguments:
        identifier: a config, a name, ``None`` or a function, which are given back.
        module_objects, custom_objects: classes and functions by name. lamina's own are known without them.
        printable_module_name: what an error calls the object.

    Raises:
        ValueError: for a name that nobody knows, or what is no config.

    >>> deserialize_keras_object({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    known = {**(module_objects or {}), **(custom_objects or {})}
    if isinstance(identifier, str):
        found = registry.get_registered_object(identifier, custom_objects, module_objects)
        found = found or next((table.members[identifier] for table in registry.TABLES.values()
                               if identifier in table.members), None)  # fmt: skip
        if found is None:
            raise ValueError(f"{identifier!r} is no {printable_module_name} that is known: name it in custom_objects.")
        return found() if isinstance(found, type) else found
    if not isinstance(identifier, dict) or not {"class_name", "config"} <= identifier.keys():
        raise ValueError(f"The config of a {printable_module_name} is a dictionary with 'class_name' and 'config', and got "
                         f"{identifier!r:.80}.")  # fmt: skip
    config = identifier["config"]
    if isinstance(config, dict):
        config = {key: deserialize_keras_object(value, module_objects, custom_objects, "part of a config")
                  if isinstance(value, dict) and _MARK in value else value for key, value in config.items()}  # fmt: skip
    written = {key: value for key, value in identifier.items() if key != _MARK}
    return registry.deserialize({**written, "config": config}, known)
