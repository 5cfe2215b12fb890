"""Objects by name: the closed tables that a name in a config or an argument is looked up in.

A config never names code to import. It names a class, and the class is found in one of the tables here (each slot
takes only its own kind), among what the caller registered, or in the custom objects that the caller passed.
"""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from lamina.errors import describe, did_you_mean
from lamina.tracebacks import door

T = TypeVar("T")
M = TypeVar("M")
Config = dict[str, Any]

_registered: dict[str, Any] = {}  # "package>Name" -> what register_keras_serializable was put on
_registered_names: dict[Any, str] = {}
_everywhere: dict[str, Any] = {}  # what get_custom_objects() returns


class _Here(threading.local):
    """What a thread has opened for itself alone."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []  # the last one wins


_here = _Here()
TABLES: dict[str, Table[Any]] = {}


def snake_case(name: str) -> str:
    """``Conv2DTranspose`` -> ``conv2d_transpose``: how Keras names a layer, a file entry or a metric after its class.

    >>> snake_case("LeakyReLU"), snake_case("Conv2DTranspose")
    ('leaky_re_lu', 'conv2d_transpose')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class UnknownName(ValueError):
    """A name that is neither lamina's nor the caller's."""


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

    def add(self, member: M, *aliases: str) -> M:
        """Enter a class or function under its own name, its snake_case name and ``aliases``."""
        own = member.__name__  # pyright: ignore[reportAttributeAccessIssue]
        for name in (own, snake_case(own), *aliases):
            self.members[name] = member
        return member

    def register(self, *aliases: str) -> Callable[[M], M]:
        """:meth:`add` as a decorator."""
        return lambda member: self.add(member, *aliases)

    def find(self, name: str, custom_objects: dict[str, Any] | None = None) -> Any:
        """The class or function of this name: the caller's own objects first, then the table's."""
        found = find_named(name, custom_objects)
        found = self.members.get(name) if found is None else found
        found = find_custom(name, custom_objects) if found is None else found
        if found is None:
            raise UnknownName(
                f"{name!r:.200} is not a known {self.kind}.{did_you_mean(name, self.members)} "
                f"Your own can be passed as an object, or by name after `register_keras_serializable`."
            )
        return found

    @door
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
        raise ValueError(f"Expected a name, a config or an object for the {self.kind}, and got {describe(identifier)}.")

    def serialize(self, obj: Any) -> Any:
        """What Keras 3 writes for ``obj``: its name for a known function, else a config."""
        if self.functions and self.members.get(getattr(obj, "__name__", "")) is obj:
            return obj.__name__
        return serialize(obj)

    @door
    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object that :meth:`serialize` wrote, or what any older Keras wrote for it."""
        if not isinstance(config, dict):
            return self.get(config, custom_objects)
        if "class_name" not in config:
            raise ValueError(f"The config of the {self.kind} has no class_name: {config!r}.")
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
    return _registered_names.get(obj) or obj.__name__


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The object registered (or in scope, in ``custom_objects`` or in ``module_objects``) under ``name``, or ``None``."""
    found = find_custom(name, custom_objects)
    return found if found is not None else (module_objects or {}).get(name)


def get_custom_objects() -> dict[str, Any]:
    """The dictionary of custom objects that is in force for the whole program; change it in place."""
    return _everywhere


class CustomObjectScope(contextlib.ContextDecorator):
    """A ``with`` block in which configs and strings may name ``objects``.

    >>> with CustomObjectScope({"double": lambda x: 2 * x}):
    ...     find_custom("double", None)(3)
    6
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = dict(objects or {})

    def __enter__(self) -> CustomObjectScope:
        _here.scopes.append(self.objects)
        return self

    def __exit__(self, *exc: object) -> None:
        # By identity: two scopes may hold equal dictionaries.
        for index in reversed(range(len(_here.scopes))):
            if _here.scopes[index] is self.objects:
                del _here.scopes[index]
                break


custom_object_scope = CustomObjectScope


def find_named(name: str, custom_objects: dict[str, Any] | None) -> Any:
    """What the caller calls exactly ``name``: from the call, the scopes (inner first), then ``'package>Name'``."""
    for objects in (custom_objects or {}, *reversed(_here.scopes), _everywhere):
        if name in objects:
            return objects[name]
    return _registered.get(name)


def find_custom(name: str, custom_objects: dict[str, Any] | None) -> Any:
    """:func:`find_named`, or the registered object whose name without its package is ``name``."""
    found = find_named(name, custom_objects)
    if found is None:
        found = next((obj for key, obj in _registered.items() if key.partition(">")[2] == name), None)
    return found


# ---- writing configs -----------------------------------------------------------------------------------------------


def serialize(obj: Any) -> Any:
    """``obj`` as the JSON-ready value that Keras 3 writes: plain values as they are, objects as configs.

    Raises:
        TypeError: for an object that has neither ``get_config()`` nor a name.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize(item) for item in obj]
    if isinstance(obj, FunctionConfig):
        return obj
    if isinstance(obj, dict):
        return {str(key): serialize(value) for key, value in obj.items()}
    if isinstance(obj, (np.integer, np.floating, np.bool_)):
        return obj.item()
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
                "config": {"value": obj.tolist(), "dtype": str(obj.dtype).removeprefix("torch.")}}  # fmt: skip
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _serialize_object(obj)
    if callable(obj) and hasattr(obj, "__name__"):
        return _serialize_function(obj)
    raise TypeError(f"Cannot write {type(obj).__name__} {obj!r} into a config: it has no get_config() method.")


class FunctionConfig(dict[str, Any]):
    """A function in a config: in memory the function itself, in JSON its name. ``from_config`` of a config that was never
    written needs no registration.

    Arguments:
        function: what the config stands for.
        kind: ``"function"``, ``"class"``, or ``"__lambda__"``, which has no name that a file could hold.
    """

    def __init__(self, function: Any, kind: str) -> None:
        name = get_registered_name(function)
        super().__init__(module="builtins", class_name=kind, config=name, registered_name=kind)
        self.function = function

    def __deepcopy__(self, memo: dict[int, Any]) -> FunctionConfig:
        return self


def check_written(config: Any) -> None:
    """Refuse to write a config that holds a lambda: files hold no code.

    Raises:
        TypeError: for such a config.
    """
    if isinstance(config, FunctionConfig) and config["class_name"] == "__lambda__":
        raise TypeError("A lambda can't be written into a file: files hold no code. Give the function a name with "
                        "`def` and register it with `register_keras_serializable`.")  # fmt: skip
    parts = config.values() if isinstance(config, dict) else config if isinstance(config, (list, tuple)) else ()
    for part in parts:
        check_written(part)


def _serialize_object(obj: Any) -> Config:
    cls = _class_of(obj)
    module, registered_name = _keras_home(obj)
    if module is None:
        module, registered_name = cls.__module__, get_registered_name(cls)
        module = None if module == "__main__" else module
    written: Config = {
        "module": module,
        "class_name": getattr(obj, "_exported_name", None) or getattr(obj, "_keras_class_name", cls.__name__),
        "config": serialize(obj.get_config()),
        "registered_name": registered_name,
    }
    build_config = getattr(obj, "get_build_config", lambda: None)()
    if build_config:
        written["build_config"] = serialize(build_config)
    compile_config = getattr(obj, "get_compile_config", lambda: None)()
    if compile_config is not None:
        written["compile_config"] = serialize(compile_config)
    return written


def _class_of(obj: Any) -> type:
    """The class that configs name: of a layer with low-rank weights, the one that it was made of."""
    return getattr(obj, "_adapted_from", type(obj))


def _keras_home(obj: Any) -> tuple[str | None, str | None]:
    """The module that Keras writes for an object of lamina's own, and the name that it registers it under."""
    cls = _class_of(obj)
    if cls.__module__.startswith("lamina."):
        module = getattr(obj, "_keras_module", None)
        if module is not None:
            return module, obj._keras_class_name if module.startswith("keras.src.") else None
    return next((found for table in TABLES.values() if (found := table.module_of(cls))), None), None


def _serialize_function(function: Any) -> Any:
    for table in TABLES.values():
        if table.members.get(function.__name__) is function:
            return function.__name__
    is_class = isinstance(function, type)
    return FunctionConfig(
        function, "__lambda__" if function.__name__ == "<lambda>" else "class" if is_class else "function"
    )


# ---- reading configs -----------------------------------------------------------------------------------------------

# The keys of an object's config, in all generations; the second line's are of a model's layers, and of whole models.
CONFIG_KEYS = frozenset({"module", "class_name", "config", "registered_name", "build_config", "compile_config",
                         "shared_object_id", "name", "inbound_nodes", "keras_version", "backend", "items"})  # fmt: skip
# What the settings of Keras's own objects are, wherever they are called so.
_FLAGS = """
    trainable use_bias sparse ragged optional autocast use_ema amsgrad nesterov centered return_sequences return_state
    go_backwards stateful unroll mask_zero from_logits run_eagerly reset_after
"""
_NUMBERS = """
    weight_decay clipnorm global_clipnorm clipvalue ema_momentum ema_overwrite_frequency loss_scale_factor rho beta_1
    beta_2 epsilon momentum gradient_accumulation_steps initial_accumulator_value
"""
_SETTINGS: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(_FLAGS.split(), ("true or false", (bool, type(None)))),
    **dict.fromkeys(_NUMBERS.split(), ("a number", (int, float, type(None)))),
}
# Where Keras's own objects come from; nothing is imported from there, or from anywhere.
KERAS_PACKAGES = frozenset({"keras", "keras_core", "tf_keras", "tensorflow", "lamina", "builtins"})


class ConfigError(ValueError):
    """A config that can't be made into an object. The message begins with the place of what is wrong in the config.

    Attributes:
        where: what holds the config, such as a file's name.
        configs: what was being read when it went wrong, the innermost first.
        is_unknown: whether it is about a name that is neither lamina's nor the caller's.
    """

    def __init__(self, message: str, config: Any, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.where = ""
        self.is_unknown = is_unknown
        self.configs = [config]

    @property
    def path(self) -> str:
        """The place in the outermost config: ``config.layers[2].config.activation``; empty for that config itself."""
        for config in self.configs:
            path = _path_to(config, self.configs[-1])
            if path is not None:
                return path.lstrip(".")
        return ""

    def __str__(self) -> str:
        place = f"{self.where}{', ' if self.where and self.path else ''}{self.path}"
        return f"{place}: {self.args[0]}" if place else str(self.args[0])


def _path_to(wanted: Any, inside: Any) -> str | None:
    if wanted is inside:
        return ""
    items = (((f".{key}", value) for key, value in inside.items()) if isinstance(inside, dict) else
             ((f"[{index}]", value) for index, value in enumerate(inside)) if isinstance(inside, list) else ())  # fmt: skip
    return next((f"{key}{rest}" for key, value in items if (rest := _path_to(wanted, value)) is not None), None)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None, kind: str | None = None) -> Any:
    """The object that a config describes. Names are looked up, never imported; no code is run but constructors.

    Arguments:
        config: an object's config, or plain values, lists and dictionaries with such configs inside.
        custom_objects: your own classes and functions by the names that the config has for them.
        kind: what the objects must be (``"layer"``, ``"initializer"``, ...); ``"value"`` allows only plain values.

    Raises:
        ConfigError: a ``ValueError``, when the config names what is neither lamina's nor the caller's, or does not fit
            what it names.
    """
    if isinstance(config, (list, tuple)):
        return [deserialize(item, custom_objects, kind) for item in config]
    if not isinstance(config, dict):
        return config
    if isinstance(config, FunctionConfig) and kind != "value":
        return config.function
    if "class_name" not in config:
        return {key: deserialize(value, custom_objects, kind) for key, value in config.items()}
    with reading(config):
        return _deserialize_object(config, custom_objects, kind)


def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    *,
    module_objects: dict[str, Any] | None = None,
    printable_module_name: str = "",
) -> Any:
    """:func:`deserialize` by Keras's name and with its arguments.

    Arguments:
        config: an object's config, or plain values, lists and dictionaries with such configs inside.
        custom_objects: your own classes and functions by the names that the config has for them.
        safe_mode: Keras's. Nothing in a config is run here, whatever it says.
        module_objects: further objects by name, which Keras 1 and 2 were told beside ``custom_objects``.

    >>> deserialize_keras_object({"class_name": "Zeros", "config": {}}, safe_mode=False).get_config()
    {}
    """
    del safe_mode, printable_module_name
    known = {**(module_objects or {}), **(custom_objects or {})}
    if isinstance(config, str) and config in known:
        return known[config]
    return deserialize(config, known)


@contextlib.contextmanager
def reading(config: Any) -> Iterator[None]:
    """Inside, whatever goes wrong becomes a :class:`ConfigError` that knows ``config``."""
    try:
        yield
    except ConfigError as error:
        error.configs.append(config)
        raise
    except Exception as error:
        said = str(error) if isinstance(error, (ValueError, TypeError)) else f"{type(error).__name__}: {error}"
        refusal = ConfigError(said, config, isinstance(error, UnknownName))
        for note in getattr(error, "__notes__", ()):
            refusal.add_note(note)
        raise refusal from error


def _deserialize_object(config: Config, custom_objects: dict[str, Any] | None, kind: str | None) -> Any:
    name, inner = config["class_name"], config.get("config")
    check_object(config)
    if name in _VALUES:
        return _VALUES[name]({} if inner is None else inner, config)
    if kind == "value":
        raise ValueError(f"{name!r} stands where only plain values and tensors can.")
    found = _find(config, custom_objects, kind)
    if name in ("function", "class") or not (isinstance(found, type) or hasattr(found, "from_config")):
        return found  # old files have a custom function under its own name, as if it were a class
    is_old_sequential = name == "Sequential" and isinstance(inner, list)
    if not isinstance(inner, dict) and inner is not None and not is_old_sequential:
        raise ValueError(f"The config of {name!r} must be a dictionary, and got {type(inner).__name__}.")
    arguments: Any = inner if is_old_sequential else dict(inner or {})
    with reading(inner), CustomObjectScope(custom_objects or {}):
        if isinstance(inner, dict):
            check_name(inner.get("name"))
            if found.__module__.startswith("lamina."):
                _check_settings(name, inner)
        made = found.from_config(arguments) if hasattr(found, "from_config") else found(**arguments)
        build_config = config.get("build_config")
        if build_config and hasattr(made, "build_from_config") and not getattr(made, "built", True):
            made.build_from_config(build_config)
    return made


def check_object(config: Config) -> None:
    """Refuse an object's config with unknown keys, or with something else where a name is to be."""
    unknown = [key for key in config if key not in CONFIG_KEYS]
    if unknown:
        raise ValueError(f"The config of {config['class_name']!r} has an unknown key {unknown[0]!r}."
                         f"{did_you_mean(unknown[0], CONFIG_KEYS)}")  # fmt: skip
    for key, kinds in (("class_name", str), ("module", (str, type(None))), ("registered_name", (str, type(None))),
                       ("build_config", (dict, type(None))), ("compile_config", (dict, type(None)))):  # fmt: skip
        if not isinstance(config.get(key), kinds):
            raise ValueError(f"{key!r} of a config must be {'a string' if str in _tuple(kinds) else 'a dictionary'}, and "
                             f"got {config.get(key)!r:.80}.")  # fmt: skip


def _tuple(kinds: Any) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _check_settings(class_name: str, config: Config) -> None:
    for key, value in config.items():
        words, kinds = _SETTINGS.get(key, ("", (object,)))
        if not isinstance(value, kinds):
            raise ValueError(f"{key!r} of {class_name} must be {words}, and got {value!r:.80}.")


def check_name(name: Any) -> None:
    """Refuse what can't be the name of a layer (``None`` can): names may become parts of paths and of messages."""
    bad = isinstance(name, str) and (not name.isprintable() or len(name) > 1000 or name.startswith(("/", "\\"))
                                     or ".." in re.split(r"[/\\]", name))  # fmt: skip
    if bad or not isinstance(name, (str, type(None))):
        raise ValueError(f"{name!r:.80} can't be the name of a part of a model.")


def _find(config: Config, custom_objects: dict[str, Any] | None, kind: str | None) -> Any:
    """The class or function that a config names: the caller's own first, then one of lamina's tables."""
    found, _ = look_up(config, custom_objects, kind)
    if found is not None:
        return found
    is_function = config["class_name"] in ("function", "class")
    name = config["config"] if is_function else config["class_name"]
    registered, module = config.get("registered_name"), config.get("module")
    wanted = list(TABLES[kind].members if kind else {name for table in TABLES.values() for name in table.members})
    near = did_you_mean(
        name.rpartition(">")[2], reversed(wanted)
    )  # a class's own name comes before its other spellings
    what = "the function " if is_function else ""
    full = registered if registered and ">" in registered else name
    origin = "" if module is None or module.partition(".")[0] in KERAS_PACKAGES else f" of module {module!r}"
    raise UnknownName(f"{what}{full!r}{origin} is no {kind or 'object'} of lamina's, and not registered."
                      f"{near} Your own can be named in `custom_objects`, or registered with "
                      "`register_keras_serializable`; nothing is imported from a file.")  # fmt: skip


def look_up(config: Config, custom_objects: dict[str, Any] | None = None, kind: str | None = None) -> tuple[Any, bool]:
    """The class or function that a config names, or ``None``, and whether it is the caller's own."""
    is_function = config["class_name"] in ("function", "class")
    name = config.get("config") if is_function else config["class_name"]
    registered, module = config.get("registered_name"), config.get("module")
    if not isinstance(name, str):
        raise ValueError(f"The config of a function must be its name, and got {name!r:.80}.")
    package, _, plain = name.rpartition(">")
    for candidate in dict.fromkeys((registered, name)):
        found = find_named(candidate, custom_objects) if candidate is not None else None
        if found is not None:
            return found, True
    for objects in (
        (custom_objects or {}, *reversed(_here.scopes), _everywhere) if package else ()
    ):  # tf.keras wrote 'package>Name'
        if plain in objects:
            return objects[plain], True
    package = package or (registered or "").rpartition(">")[0]
    if package in ("", "Custom") and (module is None or module.partition(".")[0] in KERAS_PACKAGES):
        tables = [TABLES[kind]] if kind else [table for table in TABLES.values() if table.module == module]
        for table in tables or TABLES.values():
            if plain in table.members:
                return table.members[plain], False
    found = find_custom(plain, custom_objects) if package in ("", "Custom") else None
    return found, found is not None


def is_value(name: str) -> bool:
    """Whether a ``class_name`` stands for a plain value, such as a tuple or a slice, and for no object."""
    return name in _VALUES and name != "__lambda__"


def _refuse_lambda(inner: Any, config: Config) -> Any:
    raise UnknownName("This is the code of a Python lambda, and lamina runs no code from a file. Give the Lambda layer's "
                     "function by the layer's name: custom_objects={'name_of_the_layer': function}.")  # fmt: skip


def _slice(inner: Any, config: Config) -> slice:
    parts = [inner[part] for part in ("start", "stop", "step")]
    if not all(part is None or type(part) is int for part in parts):
        raise ValueError(f"A slice goes from integer to integer, and got {parts}.")
    return slice(*parts)


def _items(inner: Any, config: Config) -> tuple[Any, ...]:
    return tuple(deserialize(config.get("items", inner), kind="value"))


_VALUES: dict[str, Callable[[Any, Config], Any]] = {
    "__tuple__": _items,
    "__slice__": _slice,
    "__ellipsis__": lambda inner, config: Ellipsis,
    "__tensor__": lambda inner, config: torch.tensor(inner["value"], dtype=getattr(torch, _dtype_name(inner["dtype"]))),
    "__numpy__": lambda inner, config: np.array(inner["value"], dtype=_dtype_name(inner["dtype"])),
    "__dtype__": lambda inner, config: getattr(torch, _dtype_name(inner["name"])),
    "__lambda__": _refuse_lambda,
}


@functools.cache
def _dtype_name(name: str) -> str:
    if name not in ("bool", "uint8", "int8", "int16", "int32", "int64",
                    "float16", "bfloat16", "float32", "float64", "complex64", "complex128"):  # fmt: skip
        raise ValueError(f"{name!r} is not a known dtype.")
    return name


def check_keys(config: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a config with a key that no model writes."""
    unknown = [key for key in config if key not in known]
    if unknown:
        raise ValueError(f"The config has an unknown key {unknown[0]!r}.{did_you_mean(unknown[0], known)}")
