"""Keras 3's ``keras.dtype_policies``: which types layers compute and store in, and one policy for each layer in another.

>>> get("mixed_bfloat16").variable_dtype
'float32'
"""

from typing import Any

from lamina.dialects.absent import sentence
from lamina.dtypes import DTypePolicy, DTypePolicyMap, FloatDTypePolicy, deserialize, get, serialize
from lamina.errors import did_you_mean

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]


def __getattr__(name: str) -> Any:
    """Names that Keras has here and lamina lacks say so."""
    said = sentence(f"dtype_policies.{name}") or f"lamina.dtype_policies has no {name!r}.{did_you_mean(name, __all__)}"
    raise AttributeError(said)
