"""How lamina words its errors: one sentence with what came, what was expected, and the likely mend.

lamina raises the types that Keras raises (``ValueError``, ``TypeError``), so callers that catch those still do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`` Did you mean 'relu'?`` (with its leading space), or ``""`` when nothing known is near ``name``.

    >>> did_you_mean("rellu", ["relu", "tanh"])
    " Did you mean 'relu'?"
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""


def describe(value: Any) -> str:
    """A short description of a value for an error message: shapes instead of numbers.

    >>> import torch
    >>> describe([torch.zeros(2, 3), "a"])
    "[tensor (2, 3) float32, 'a']"
    """
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        kind = "tensor" if type(value).__module__.partition(".")[0] in ("torch", "lamina") else "array"
        return f"{kind} {tuple(shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(describe(item) for item in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in value.items()) + "}"
    named = hasattr(value, "_keras_class_name") and isinstance(getattr(value, "name", None), str)
    text = f"{type(value).__name__}(name={value.name!r})" if named else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
