"""How lamina words its errors: one sentence with what came, what was expected, and the likely mend.

lamina raises the types that Keras raises (``ValueError``, ``TypeError``), so callers that catch those still do.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

_LONGEST = 100  # letters of a name that somebody may have mistyped


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`` Did you mean 'relu'?`` (with its leading space), or ``""`` when nothing known is near ``name``.

    Near is what a slip of the fingers makes of it, whatever the case and the underscores: one wrong, missing, additional
    or swapped letter for every three of the name, three at most. Else the one known name that begins so, or has all of its
    words.

    >>> did_you_mean("rellu", ["relu", "tanh"]), did_you_mean("sparse_loss", ["sparse_categorical_loss", "loss"])
    (" Did you mean 'relu'?", " Did you mean 'sparse_categorical_loss'?")
    >>> did_you_mean("multi_gpu_model", ["multiply", "model"])
    ''
    """
    if len(str(name)) > _LONGEST:  # no slip of anybody's
        return ""
    plain = _plain(str(name))
    candidates = {candidate: _plain(candidate) for candidate in dict.fromkeys(known)}
    limit = min(len(plain) // 3, 3) if len(plain) != 2 else 1
    far = limit + 1
    # Of two letters none can be wrong: l3 is no slip for l1.
    fits = {candidate: abs(len(plain) - len(other)) <= limit and (len(plain) > 2 or other == plain or len(other) != len(plain))
            for candidate, other in candidates.items()}  # fmt: skip
    distances = {
        candidate: _slips(plain, other, limit) if fits[candidate] else far for candidate, other in candidates.items()
    }
    spelt = functools.partial(_slips, str(name), limit=len(plain))
    # Of several that are as near: one that begins alike, that the name begins with, that has its capitals and underscores.
    nearest = min(distances, key=lambda candidate: (distances[candidate], candidates[candidate][:1] != plain[:1],
                  not plain.startswith(candidates[candidate]), spelt(candidate)), default=None)  # fmt: skip
    if nearest is None or distances[nearest] > limit:
        words = _words(str(name))
        longer = [candidate for candidate, other in candidates.items() if (len(plain) >= 4 and other.startswith(plain))
                  or (len(words) > 1 and words <= _words(candidate))]  # fmt: skip
        longer = [candidate for candidate in longer if words == _words(candidate)] or longer
        nearest = (
            min(longer, key=lambda candidate: ("_" in candidate) != ("_" in str(name)))
            if len({candidates[candidate] for candidate in longer}) == 1
            else None
        )
    return f" Did you mean {nearest!r}?" if nearest is not None else ""


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)}


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def _slips(one: str, other: str, limit: int) -> int:
    """How many letters are wrong, missing, additional or swapped with the next; ``limit + 1`` where it is more than that."""
    before, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                least = min(least, earlier[j - 2] + 1)
            row.append(least)
        if min(row) > limit:
            return limit + 1
    return row[-1]


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
