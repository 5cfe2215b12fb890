"""How a layer is made: the call is translated from its dialect, recorded for ``get_config``, then ``__init__`` runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import dialects
from lamina.engine.scopes import remat_mode
from lamina.errors import did_you_mean
from lamina.registry import deserialize, serialize
from lamina.tracebacks import shorten

# What every layer's constructor takes through **kwargs. The last line's are of older Keras: they are about the input.
BASE_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")
INPUT_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "batch_size", "input_dim", "input_dtype",
                   "weights", "dynamic", "sparse", "ragged")  # fmt: skip


class _ConstructorSignature:
    """What ``help``, IPython and ``inspect.signature`` show of a layer class: the parameters of its own constructor, where
    they would find those of ``LayerMeta.__call__``."""

    def __get__(self, cls: Any, meta: Any = None) -> inspect.Signature:
        if cls is None:
            raise AttributeError("__signature__")  # of LayerMeta itself
        return constructor_signature(cls)


class LayerMeta(type):
    """Intercepts the making of a layer. Nothing but its arguments passes through here."""

    if not TYPE_CHECKING:  # type checkers are to see each class's own signature

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            try:
                if _has_our_constructor(cls):
                    args, kwargs = dialects.translate(_our_name(cls), *_plain(args, kwargs))
                made = cls.__new__(cls, *args, **kwargs)
                if not isinstance(made, cls):
                    return made
                made._begin()
                object.__setattr__(made, "_arguments", bind(cls, args, kwargs))
                made.__init__(*args, **kwargs)
                if "batch_input_shape" not in vars(made):  # which Layer's constructor sets last
                    raise RuntimeError(f"The constructor of {cls.__name__} does not call super().__init__(), which makes a "
                                       "layer of it.")  # fmt: skip
                if remat_mode() is not None:
                    object.__setattr__(made, "_remat_mode", remat_mode())
                return made
            except Exception as error:
                shorten(error)
                raise

    __signature__: Any = _ConstructorSignature()


@functools.cache
def _our_name(cls: type) -> str:
    """The name of the class of lamina's that ``cls`` is, or is a subclass of."""
    return next(base.__name__ for base in cls.__mro__ if base.__module__.startswith("lamina."))


@functools.cache
def _has_our_constructor(cls: type) -> bool:
    return next(base for base in cls.__mro__ if "__init__" in vars(base)).__module__.startswith("lamina.")


def for_subclasses(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor of a class of lamina's, which a class of the user's may call in any generation's words, too.

    ``LayerMeta`` has translated what a class of lamina's own was called with; here the user's ``super().__init__(...)`` is,
    once, whichever constructors that one calls in turn.
    """

    @functools.wraps(init)
    def constructor(self: Any, *args: Any, **kwargs: Any) -> None:
        if type(self)._is_builtin or "_is_translated" in self.__dict__:
            return init(self, *args, **kwargs)
        args, kwargs = dialects.translate(_our_name(type(self)), *_plain(args, kwargs))
        self.__dict__["_is_translated"] = True
        try:
            init(self, *args, **kwargs)
        finally:
            del self.__dict__["_is_translated"]

    return constructor


def _plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with Python's numbers for NumPy's: sizes come from ``x.max()``, axes from ``np.arange(1, 3)``."""
    return tuple(_plain_value(value) for value in args), {key: _plain_value(value) for key, value in kwargs.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim < 3:
        return value.item() if value.ndim == 0 else tuple(_plain_value(one) for one in value)
    if type(value) in (tuple, list) and any(isinstance(one, np.generic) for one in value):
        plain = [_plain_value(one) for one in value]
        return plain if type(value) is list else tuple(plain)
    return value


@functools.cache
def constructor_signature(cls: type) -> inspect.Signature:
    """The constructor's parameters without ``self``."""
    signature = inspect.signature(cls.__init__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


@functools.cache
def argument_names(cls: type) -> tuple[str, ...]:
    """The names that the constructors of ``cls`` and of the classes it passes ``**kwargs`` on to take."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        names.update({parameter.name: None for parameter in parameters if parameter.kind in _NAMED})
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return tuple(names)


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def bind(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments by name. A call that does not fit is reported with the nearest right name."""
    signature = constructor_signature(cls)
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        names = argument_names(cls)
        unknown = [name for name in kwargs if name not in names]
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
        if unknown and not takes_any:
            raise TypeError(unknown_argument(cls, unknown[0])) from None
        own = ", ".join(name for name, parameter in signature.parameters.items() if parameter.kind in _NAMED)
        raise TypeError(f"{cls.__name__}: {error}. Its arguments are: {own}.") from None
    arguments: dict[str, Any] = {}
    for name, value in bound.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            arguments[name] = value
    return arguments


def unknown_argument(cls: type, name: str) -> str:
    """The sentence for an argument that no constructor of ``cls`` takes."""
    names = argument_names(cls)
    passes_on = "name" in names  # the constructor takes **kwargs, and Layer gets them
    if name in BASE_ARGUMENTS + INPUT_ARGUMENTS and not passes_on:
        return (f"{cls.__name__} got the argument {name!r}, which its constructor does not take. To take what all layers "
                "take, let it end in **kwargs and call super().__init__(**kwargs).")  # fmt: skip
    known = dict.fromkeys((*names, *BASE_ARGUMENTS, *INPUT_ARGUMENTS[:1]) if passes_on else names)
    return f"{cls.__name__} got an unknown argument {name!r}.{did_you_mean(name, known)}"


# Keras's keys for what lamina does not do; without it they say nothing.
_QUANTIZATION = ("quantization_config", "gptq_unpacked_column_size")


def from_config(cls: Any, config: dict[str, Any]) -> Any:
    """A layer from its config. What every layer has and this constructor does not take is set afterwards."""
    if cls.get_config.__module__.startswith("lamina.") and not cls.__module__.startswith("lamina."):
        # derive_config wrote the objects among the arguments as configs.
        config = {key: value if key == "dtype" else deserialize(value) for key, value in config.items()}
    elif config.get("quantization_config", 0) is None:
        config = {key: value for key, value in config.items() if key not in _QUANTIZATION}
    names = argument_names(cls)
    sums_activity = config.get("sums_activity")
    config = {key: value for key, value in config.items() if key != "sums_activity" or key in names}
    later = {key: config[key] for key in ("name", "dtype", "trainable") if key in config and key not in names}
    layer: Any = cls(**{key: value for key, value in config.items() if key not in later})
    if "name" in later:
        layer.name = later["name"]
    if "dtype" in later:
        layer.dtype_policy = later["dtype"]
    if not later.get("trainable", True):
        layer.trainable = False
    if isinstance(sums_activity, bool):
        layer._sums_activity = sums_activity
    return layer


def derive_config(layer: Any) -> dict[str, Any]:
    """Constructor arguments as a config: of lamina's classes as the layer holds them now, of others as they were given.

    An attribute of the argument's name is the normalised value (``kernel_size=3`` is held as ``(3, 3)``); a class of
    the user's own owes us no such attribute, so what its constructor was called with is kept.
    """
    cls = type(layer)
    config: dict[str, Any] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or not isinstance(base, LayerMeta) or base.__name__ == "Layer":
            continue
        ours = base.__module__.startswith("lamina.")
        for name, parameter in list(inspect.signature(vars(base)["__init__"]).parameters.items())[1:]:
            if parameter.kind not in _NAMED or name in config or name in (*BASE_ARGUMENTS, "weights"):
                continue
            if ours and hasattr(layer, name):
                value = getattr(layer, name)
            elif name in layer._arguments:
                value = layer._arguments[name]
            elif parameter.default is not inspect.Parameter.empty:
                value = parameter.default
            else:
                continue
            config[name] = _config_value(value)
    return config


def _config_value(value: Any) -> Any:
    """Plain values as they are (a tuple stays one, as in Keras's configs); objects as configs."""
    if isinstance(value, tuple):
        return tuple(_config_value(item) for item in value)
    if isinstance(value, list):
        return [_config_value(item) for item in value]
    return serialize(value)
