"""Types of numbers by name, and the dtype policies that say which type a layer computes and stores in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina import config
from lamina.errors import did_you_mean

__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Policy", "as_dtype", "as_policy", "deserialize", "dtype_name", "dtype_policy", "get",
    "serialize", "set_dtype_policy",
]  # fmt: skip

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


def takes_arrays(function: Callable[..., Any], position: int = 0) -> Callable[..., Any]:
    """``function``, which takes :func:`numbers` for the tensor at ``position``, too."""

    @functools.wraps(function)
    def taking(*args: Any, **kwargs: Any) -> Any:
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

    def __init__(self, name: str | None = None) -> None:
        name = config.floatx() if name is None else name
        mixed = isinstance(name, str) and name.startswith("mixed_")
        self.name = name
        self.compute_dtype = dtype_name(name.removeprefix("mixed_") if mixed else name)
        self.variable_dtype = "float32" if mixed else self.compute_dtype

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
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


Policy = DTypePolicy  # the name that tf.keras gave it
FloatDTypePolicy = DTypePolicy  # Keras 3's, beside those of quantized layers

_default_policy: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given no ``dtype``: ``floatx`` unless one was set."""
    return _default_policy or DTypePolicy(config.floatx())


def set_dtype_policy(policy: str | DTypePolicy | None) -> None:
    """Set the policy for layers made from now on; ``None`` goes back to ``floatx``."""
    global _default_policy
    _default_policy = None if policy is None else as_policy(policy)


def as_policy(policy: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype, a Keras config, or ``None`` (the default policy)."""
    if policy is None:
        return dtype_policy()
    if isinstance(policy, DTypePolicy):
        return policy
    if isinstance(policy, dict):
        if policy.get("class_name") not in ("DTypePolicy", "Policy"):
            raise ValueError(f"Expected a DTypePolicy, and got a config of {policy.get('class_name')!r}.")
        return DTypePolicy(policy["config"]["name"])
    return DTypePolicy(policy if isinstance(policy, str) else dtype_name(policy))


get = deserialize = as_policy


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a policy with its class, from which :func:`deserialize` makes an equal one.

    >>> deserialize(serialize(DTypePolicy("mixed_float16")))
    DTypePolicy('mixed_float16')
    """
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }
