"""Objects by name: the closed tables that a name in a config or an argument is looked up in.

A config never names code to import. It names a class, and the class is found in one of the tables here (each slot
takes only its own kind), among what the caller registered, or in the custom objects that the caller passed.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from lamina.errors import did_you_mean

T = TypeVar("T")
Config = dict[str, Any]

_registered: dict[str, Any] = {}  # "package>Name" -> what register_keras_serializable was put on
_registered_names: dict[Any, str] = {}
_scopes: list[dict[str, Any]] = [{}]  # the last one wins; the first is what get_custom_objects() returns
TABLES: dict[str, Table[Any]] = {}


def snake_case(name: str) -> str:
    """``Conv2DTranspose`` -> ``conv2d_transpose``: how Keras names a layer, a file entry or a metric after its class.

    >>> snake_case("LeakyReLU"), snake_case("Conv2DTranspose")
    ('leaky_re_lu', 'conv2d_transpose')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class Table(Generic[T]):
    """The objects of one kind, by name: ``get`` makes an object from whatever an argument or a config may hold.

    Arguments:
        kind: the word that error messages use, e.g. ``"initializer"``.
        module: the module that Keras 3 writes into configs, e.g. ``"keras.initializers"``.
        functions: whether the members are used as they are (activations) and not made by calling them (classes).
    """

    def __init__(self, kind: str, module: str, functions: bool = False) -> None:
        self.kind = kind
        self.module = module
        self.functions = functions
        self.members: dict[str, Any] = {}
        TABLES[kind] = self

    def add(self, member: Any, *aliases: str) -> Any:
        """Enter a class or function under its own name, its snake_case name and ``aliases``."""
        for name in (member.__name__, snake_case(member.__name__), *aliases):
            self.members[name] = member
        return member

    def register(self, *aliases: str) -> Callable[[Any], Any]:
        """:meth:`add` as a decorator."""
        return lambda member: self.add(member, *aliases)

    def find(self, name: str, custom_objects: dict[str, Any] | None = None) -> Any:
        """The class or function of this name: the caller's own objects first, then the table's."""
        found = find_custom(name, custom_objects)
        if found is None:
            found = self.members.get(name)
        if found is None:
            raise ValueError(f"{name!r} is not a known {self.kind}.{did_you_mean(name, self.members)} "
                             f"Your own can be passed as an object, or by name after `register_keras_serializable`.")
        return found

    def get(self, identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """An object from ``None``, a name, a config, a class, or the object itself."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.find(identifier, custom_objects)
            return found if self.functions or not isinstance(found, type) else found()
        if isinstance(identifier, dict):
            return self.deserialize(identifier, custom_objects)
        if isinstance(identifier, type) and not self.functions:
            return identifier()
        if callable(identifier):
            return identifier
        raise ValueError(f"Expected a name, a config or an object for the {self.kind}, and got {identifier!r}.")

    def serialize(self, obj: Any) -> Any:
        """What Keras 3 writes for ``obj``: its name for a known function, else a config."""
        if self.functions and self.members.get(getattr(obj, "__name__", "")) is obj:
            return obj.__name__
        return serialize(obj)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object that :meth:`serialize` wrote, or what any older Keras wrote for it."""
        if not isinstance(config, dict):
            return self.get(config, custom_objects)
        return deserialize(config, custom_objects, kind=self.kind)

    def module_of(self, cls: type) -> str | None:
        """Keras's module of a member, or ``None`` when ``cls`` is not one."""
        return self.module if self.members.get(cls.__name__) is cls else None


# ---- your own objects ----------------------------------------------------------------------------------------------


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Register a class or function of yours, so that configs and files may name it.

    >>> @register_keras_serializable(package="docs")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'docs>double'
    """

    def decorate(obj: T) -> T:
        registered_name = f"{package}>{name or obj.__name__}"  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise ValueError(f"Cannot register {obj.__name__!r}: the class has no get_config() method.")
        _registered[registered_name] = obj
        _registered_names[obj] = registered_name
        return obj

    return decorate


def get_registered_name(obj: Any) -> str:
    """``'package>Name'`` of a registered object, and the plain name of any other."""
    return _registered_names.get(obj, obj.__name__)


def get_registered_object(name: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The object registered (or in scope, or in ``custom_objects``) under ``name``, or ``None``."""
    return find_custom(name, custom_objects)


def get_custom_objects() -> dict[str, Any]:
    """The dictionary of custom objects that is in force for the whole program; change it in place."""
    return _scopes[0]


class CustomObjectScope(contextlib.ContextDecorator):
    """A ``with`` block in which configs and strings may name ``objects``.

    >>> with CustomObjectScope({"double": lambda x: 2 * x}):
    ...     find_custom("double", None)(3)
    6
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = dict(objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.append(self.objects)
        return self

    def __exit__(self, *exc: object) -> None:
        # By identity: two scopes may hold equal dictionaries.
        for index in range(len(_scopes) - 1, 0, -1):
            if _scopes[index] is self.objects:
                del _scopes[index]
                break


custom_object_scope = CustomObjectScope


def find_custom(name: str, custom_objects: dict[str, Any] | None) -> Any:
    """What the caller means by ``name``: from the call, the scopes (inner first), then the registered objects."""
    for objects in (custom_objects or {}, *reversed(_scopes)):
        if name in objects:
            return objects[name]
    if name in _registered:
        return _registered[name]
    return next((obj for key, obj in _registered.items() if key.partition(">")[2] == name), None)


# ---- configs -------------------------------------------------------------------------------------------------------


def serialize(obj: Any) -> Any:
    """``obj`` as the JSON-ready value that Keras 3 writes: plain values as they are, objects as configs.

    Raises:
        TypeError: for an object that has neither ``get_config()`` nor a name.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize(item) for item in obj]
    if isinstance(obj, dict):
        return {str(key): serialize(value) for key, value in obj.items()}
    if isinstance(obj, (np.integer, np.floating, np.bool_)):
        return obj.item()
    if isinstance(obj, torch.Size):
        return list(obj)
    if isinstance(obj, torch.dtype):
        return str(obj).removeprefix("torch.")
    if isinstance(obj, slice):
        parts = [serialize(part) for part in (obj.start, obj.stop, obj.step)]
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), parts, strict=True))}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, torch.Tensor):
        obj = obj.detach().cpu()
        return {"class_name": "__tensor__",
                "config": {"value": obj.tolist(), "dtype": str(obj.dtype).removeprefix("torch.")}}
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _serialize_object(obj)
    if callable(obj) and hasattr(obj, "__name__"):
        return _serialize_function(obj)
    raise TypeError(f"Cannot write {type(obj).__name__} {obj!r} into a config: it has no get_config() method.")


def _serialize_object(obj: Any) -> Config:
    cls = type(obj)
    class_name = getattr(obj, "_keras_class_name", cls.__name__)
    module = getattr(obj, "_keras_module", None) if cls.__module__.startswith("lamina.") else None
    if module is None:
        module = next((found for table in TABLES.values() if (found := table.module_of(cls))), None)
    written: Config = {
        "module": module or cls.__module__,
        "class_name": class_name,
        "config": serialize(obj.get_config()),
        "registered_name": None if module else get_registered_name(cls),
    }
    build_config = getattr(obj, "get_build_config", lambda: None)()
    if build_config:
        written["build_config"] = serialize(build_config)
    compile_config = getattr(obj, "get_compile_config", lambda: None)()
    if compile_config is not None:
        written["compile_config"] = serialize(compile_config)
    return written


def _serialize_function(function: Any) -> Any:
    for table in TABLES.values():
        if table.members.get(function.__name__) is function:
            return function.__name__
    if function.__name__ == "<lambda>":
        raise TypeError("A lambda can't be written into a config: files hold no code. Give the function a name with "
                        "`def` and register it with `register_keras_serializable`.")
    kind = "class" if isinstance(function, type) else "function"
    return {"module": function.__module__, "class_name": kind, "config": function.__name__,
            "registered_name": get_registered_name(function)}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None, kind: str | None = None) -> Any:
    """The object that a config describes. ``kind`` (a table's) limits what may be named.

    Raises:
        ValueError: when the config names something that is neither lamina's nor the caller's, or is not a config.
    """
    if isinstance(config, (list, tuple)):
        return [deserialize(item, custom_objects) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {key: deserialize(value, custom_objects) for key, value in config.items()}
    name, inner = config["class_name"], config.get("config", {})
    if not isinstance(name, str):
        raise ValueError(f"A config's class_name must be a string, and got {name!r}.")
    if name in _VALUES:
        return _VALUES[name](config)
    if name in ("function", "class"):
        return _deserialize_function(config, custom_objects, kind)
    cls = _find_class(config, name, custom_objects, kind)
    if not isinstance(inner, dict):
        raise ValueError(f"The config of {name!r} must be a dictionary, and got {type(inner).__name__}.")
    if not hasattr(cls, "from_config"):
        return cls  # a plain function under an object's name, as custom losses are in old files
    with CustomObjectScope(custom_objects or {}):
        made = cls.from_config(inner)
    build_config = config.get("build_config")
    if build_config and hasattr(made, "build_from_config") and not getattr(made, "built", True):
        made.build_from_config(build_config)
    return made


def _find_class(config: Config, name: str, custom_objects: dict[str, Any] | None, kind: str | None) -> Any:
    registered = config.get("registered_name")
    for candidate in (registered, name):
        found = find_custom(candidate, custom_objects) if isinstance(candidate, str) else None
        if found is not None:
            return found
    if kind is not None:
        return TABLES[kind].find(name.rpartition(">")[2], custom_objects)
    module = config.get("module")
    tables = [table for table in TABLES.values() if table.module == module] or list(TABLES.values())
    for table in tables:
        if name in table.members:
            return table.members[name]
    known = [member for table in tables for member in table.members]
    raise ValueError(f"The config names {name!r}, which is neither part of lamina nor registered."
                     f"{did_you_mean(name, known)} A class of your own can be named in `custom_objects` or registered "
                     "with `register_keras_serializable`.")


def _deserialize_function(config: Config, custom_objects: dict[str, Any] | None, kind: str | None) -> Any:
    name = config["config"]
    for candidate in (config.get("registered_name"), name):
        found = find_custom(candidate, custom_objects) if isinstance(candidate, str) else None
        if found is not None:
            return found
    tables = [TABLES[kind]] if kind else list(TABLES.values())
    for table in tables:
        if isinstance(name, str) and name in table.members:
            return table.members[name]
    raise ValueError(f"The config names the function {name!r}, which is neither part of lamina nor registered. "
                     "Pass it in `custom_objects` or register it with `register_keras_serializable`.")


def _refuse_lambda(config: Config) -> Any:
    raise ValueError("The config holds the code of a lambda, and lamina runs no code from a file. "
                     "Pass the layer's function in `custom_objects`.")


_VALUES: dict[str, Callable[[Config], Any]] = {
    "__tuple__": lambda config: tuple(deserialize(config.get("items", config.get("config")))),
    "__slice__": lambda config: slice(*(config["config"][part] for part in ("start", "stop", "step"))),
    "__ellipsis__": lambda config: Ellipsis,
    "__tensor__": lambda config: torch.tensor(config["config"]["value"],
                                              dtype=getattr(torch, _dtype_name(config["config"]["dtype"]))),
    "__numpy__": lambda config: np.array(config["config"]["value"], dtype=_dtype_name(config["config"]["dtype"])),
    "__lambda__": _refuse_lambda,
}


@functools.cache
def _dtype_name(name: str) -> str:
    if name not in ("bool", "uint8", "int8", "int16", "int32", "int64",
                    "float16", "bfloat16", "float32", "float64", "complex64", "complex128"):
        raise ValueError(f"{name!r} is not a known dtype.")
    return name
