"""Types of numbers by name, and the dtype policies that say which type a layer computes and stores in."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np
import torch

from lamina import config
from lamina.errors import did_you_mean

__all__ = [
    "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "Policy", "as_dtype", "as_policy", "deserialize", "dtype_name",
    "dtype_policy", "get", "serialize", "set_dtype_policy",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")

FULL_FLOATS = (torch.float32, torch.float64)  # which every kernel of torch's knows, and in which sums are exact enough

BY_NAME: dict[str, torch.dtype] = {
    "bool": torch.bool, "uint8": torch.uint8, "uint16": torch.uint16, "uint32": torch.uint32,
    "int8": torch.int8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64, "int": torch.int32,
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
    "float": torch.float32, "complex64": torch.complex64, "complex128": torch.complex128,
}  # fmt: skip
# Not NumPy's meaning of these, which is of 64 bits.
_PYTHON_TYPES = {bool: torch.bool, int: torch.int32, float: torch.float32, complex: torch.complex64}


def as_dtype(dtype: Any) -> torch.dtype:
    """The torch type for a Keras name, a NumPy type, a torch type or a policy; ``None`` is ``floatx``.

    >>> as_dtype("float16"), as_dtype(None)
    (torch.float16, torch.float32)
    >>> as_dtype(float), as_dtype(int)
    (torch.float32, torch.int32)
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype is None:
        return BY_NAME[config.floatx()]
    if isinstance(dtype, type) and dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    if isinstance(dtype, DTypePolicy):
        return as_dtype(dtype.compute_dtype)
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    name = name.removeprefix("torch.")
    if name not in BY_NAME:
        raise ValueError(f"{dtype!r} is not a known dtype.{did_you_mean(name, BY_NAME)}")
    return BY_NAME[name]


def dtype_name(dtype: Any) -> str:
    """Keras's name of a type: ``'float32'``.

    >>> dtype_name(torch.int64)
    'int64'
    """
    return str(as_dtype(dtype)).removeprefix("torch.")


def numbers(x: Any) -> torch.Tensor:
    """A tensor of an array, which keeps its type, or of Python's numbers: floats are of ``floatx``, integers int32, as in
    Keras. What is a tensor already has nothing to become, and the error that is being handled is raised again.

    >>> numbers([1.0, 2.0]), numbers(3)
    (tensor([1., 2.]), tensor(3, dtype=torch.int32))
    """
    if isinstance(x, torch.Tensor) or hasattr(x, "__torch_function__"):
        raise
    array = np.asarray(x)
    wanted = {"f": as_dtype(None), "i": torch.int32}.get(array.dtype.kind) if not hasattr(x, "dtype") else None
    return torch.as_tensor(array if array.flags.writeable else array.copy(), dtype=wanted)


def takes_arrays(function: Callable[P, R], position: int = 0) -> Callable[P, R]:
    """``function``, which takes :func:`numbers` for the tensor at ``position``, too."""

    @functools.wraps(function)
    def taking(*args: Any, **kwargs: Any) -> R:
        if len(args) > position and not isinstance(args[position], torch.Tensor):
            x = args[position]
            if x is not None and not hasattr(x, "__torch_function__"):
                args = (*args[:position], numbers(x), *args[position + 1 :])
        return function(*args, **kwargs)

    return taking


class DTypePolicy:
    """The type a layer computes in and the type it stores its weights in, by one name.

    Arguments:
        name: a dtype (``"float32"``: compute and store in it), ``"mixed_float16"`` or ``"mixed_bfloat16"`` (store in
            float32, compute in the smaller type). ``None`` is the program's default policy.

    >>> DTypePolicy("mixed_bfloat16").compute_dtype
    'bfloat16'
    """

    _keras_module = "keras"
    quantization_mode = None  # no policy of lamina's quantizes

    def __init__(self, name: str | None = None) -> None:
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"A DTypePolicy takes a name, as 'float32' or 'mixed_bfloat16', and got {name!r}.")
        mixed = name.startswith("mixed_")
        self.name = name
        self.compute_dtype = dtype_name(name.removeprefix("mixed_") if mixed else name)
        self.variable_dtype = "float32" if mixed else self.compute_dtype

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """``x`` as a tensor; its floats are brought to ``dtype`` if ``autocast`` is on. What is neither a tensor nor an
        array is given back.

        >>> DTypePolicy("float32").convert_input(np.ones(2), True, "float16")
        tensor([1., 1.], dtype=torch.float16)
        """
        if not isinstance(x, torch.Tensor) and not hasattr(x, "__torch_function__"):
            if not hasattr(x, "__array__"):
                return x
            x = numbers(x)
        wanted = as_dtype(dtype)
        return x.to(wanted) if autocast and x.dtype.is_floating_point and x.dtype is not wanted else x

    def get_config(self) -> dict[str, Any]:
        """``{"name": ...}``: enough to build the policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """A policy from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"DTypePolicy({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is DTypePolicy and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies of the layers inside a layer, by their paths. A layer hands it on to those that it makes, as its own policy.

    Arguments:
        default_policy: the policy of layers that are not named; by default that of the program.
        policy_map: policies by path, or by a regular expression that whole paths match.

    A path that is a key itself has that key's policy, whatever else matches it. Layers have their paths when they are built.

    Raises:
        ValueError: for a path that several expressions match, or a key that is there already.

    Source: https://keras.io/api/mixed_precision/

    >>> policies = DTypePolicyMap("float32")
    >>> policies["encoder/.*"] = "mixed_bfloat16"
    >>> policies["encoder/dense"], policies["decoder/dense"]
    (DTypePolicy('mixed_bfloat16'), DTypePolicy('float32'))
    """

    _keras_module = "keras.dtype_policies"

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("The default of a DTypePolicyMap is one policy, and got another DTypePolicyMap.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"policy_map must be a dictionary from paths to policies, and got {policy_map!r:.80}.")
        self._given = default_policy
        self._default = as_policy(default_policy)
        self._policies = {key: as_policy(policy) for key, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers that are not named."""
        return self._default

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """``map_`` and the default's name."""
        return f"map_{self._default.name}"

    @property
    def compute_dtype(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The default's."""
        return self._default.compute_dtype

    @property
    def variable_dtype(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The default's."""
        return self._default.variable_dtype

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policies:
            return self._policies[path]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(f"The path {path!r} matches several keys of the DTypePolicyMap, {', '.join(matching)}: let one of "
                             "them match less, or give the path a key of its own.")  # fmt: skip
        return self._policies[matching[0]] if matching else self._default

    def __setitem__(self, path: str, policy: Any) -> None:
        if path in self._policies:
            raise ValueError(f"The DTypePolicyMap has {path!r} already, as {self._policies[path]!r}: delete it first.")
        self._policies[path] = as_policy(policy)

    def __delitem__(self, path: str) -> None:
        del self._policies[path]

    def __contains__(self, path: object) -> bool:
        return path in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def get_config(self) -> dict[str, Any]:
        """The default as it was given, and the policies by path."""
        default = serialize(self._given) if isinstance(self._given, DTypePolicy) else self._given
        return {
            "default_policy": default,
            "policy_map": {path: serialize(policy) for path, policy in self._policies.items()},
        }

    def __repr__(self) -> str:
        return f"DTypePolicyMap({self._default!r}, {self._policies!r})"

    def __eq__(self, other: object) -> bool:
        return self is other  # it can be changed

    def __hash__(self) -> int:
        return id(self)


# What checkers and editors know of an argument like ``dtype``. A layer's may be a policy of two types, too.
DTypeName = Literal[
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool",
    "int", "float", "complex64", "complex128",
]  # fmt: skip
DTypeLike = DTypeName | str | torch.dtype | np.dtype[Any] | type[Any] | DTypePolicy | None
PolicyLike = Literal["mixed_float16", "mixed_bfloat16"] | DTypeLike | dict[str, Any]

Policy = DTypePolicy  # the name that tf.keras gave it
FloatDTypePolicy = DTypePolicy  # Keras 3's, beside those of quantized layers

_default_policy: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given no ``dtype``: ``floatx`` unless one was set."""
    return _default_policy or DTypePolicy(config.floatx())


def set_dtype_policy(policy: str | DTypePolicy | None) -> None:
    """Set the policy for layers made from now on; ``None`` goes back to ``floatx``."""
    global _default_policy
    if not isinstance(policy, (str, DTypePolicy, type(None))):
        raise ValueError(f"set_dtype_policy takes the name of a policy, as 'mixed_bfloat16', or a DTypePolicy, and got "
                         f"{policy!r:.80}.")  # fmt: skip
    _default_policy = None if policy is None else as_policy(policy)


def as_policy(policy: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype, a Keras config, or ``None`` (the default policy)."""
    if policy is None:
        return dtype_policy()
    if isinstance(policy, DTypePolicy):
        return policy
    if isinstance(policy, dict):
        name = policy.get("class_name")
        if name not in _CLASSES:
            raise ValueError(f"Expected a DTypePolicy, and got a config of {name!r}."
                             + (" lamina does not quantize layers yet." if name in _QUANTIZED else ""))  # fmt: skip
        return _CLASSES[name](**policy["config"])
    return DTypePolicy(policy if isinstance(policy, str) else dtype_name(policy))


_CLASSES = {"DTypePolicy": DTypePolicy, "Policy": DTypePolicy, "FloatDTypePolicy": DTypePolicy,
            "DTypePolicyMap": DTypePolicyMap}  # fmt: skip
_QUANTIZED = (
    "AWQDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
)


def get(identifier: Any) -> DTypePolicy:
    """:func:`as_policy` by Keras's name."""
    return as_policy(identifier)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy that :func:`serialize` wrote; ``custom_objects`` are policies of your own by their classes' names."""
    own = (custom_objects or {}).get(config.get("class_name", ""))
    return as_policy(config) if own is None else own.from_config(config["config"])


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a policy with its class, from which :func:`deserialize` makes an equal one.

    >>> deserialize(serialize(DTypePolicy("mixed_float16")))
    DTypePolicy('mixed_float16')
    """
    return {
        "module": dtype_policy._keras_module,
        "class_name": type(dtype_policy).__name__,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }
