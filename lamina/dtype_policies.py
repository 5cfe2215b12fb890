"""Keras 3's ``keras.dtype_policies``: which types layers compute and store in, and one policy for each layer in another.

>>> get("mixed_bfloat16").variable_dtype
'float32'
"""

from lamina.dtypes import DTypePolicy, DTypePolicyMap, FloatDTypePolicy, deserialize, get, serialize

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]
