"""Calls of TensorFlow's functions, a line each in ``expressions.txt``: ``tests/golden/make_tf_door.py`` asks TensorFlow,
``test_table.py`` lamina.

Arrays by their letters: ``a`` ``b`` (4, 6); ``p`` positive; ``u`` within -0.9 and 0.9; ``v`` (6,); ``t`` (2, 3, 4); ``M`` ``S``
(2, 3, 3), ``S`` positive definite; ``i`` (4,) int32 below 6; ``j`` (4, 6) int32; ``m`` (4, 6) of truth; ``x`` pictures
(2, 8, 7, 3) from 0 to 1; ``k`` (3, 3, 3, 5) and ``d`` (3, 3, 3, 2) kernels; ``w`` (2, 10, 3) and ``l`` (3, 3, 4) for one axis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def arrays() -> dict[str, Any]:
    """The inputs, always the same."""
    draw = np.random.RandomState(7)
    normal = lambda *shape: draw.normal(size=shape).astype("float32")  # noqa: E731
    square = normal(2, 3, 3)
    return {
        "a": normal(4, 6), "b": normal(4, 6), "p": np.abs(normal(4, 6)) + 0.5, "u": np.tanh(normal(4, 6)) * np.float32(0.9),
        "v": normal(6), "t": normal(2, 3, 4), "M": square,
        "S": square @ square.transpose(0, 2, 1) + 2 * np.eye(3, dtype="float32"),
        "i": draw.randint(0, 6, 4).astype("int32"), "j": draw.randint(-5, 6, (4, 6)).astype("int32"),
        "m": draw.rand(4, 6) > 0.5, "x": draw.rand(2, 8, 7, 3).astype("float32"), "k": normal(3, 3, 3, 5),
        "d": normal(3, 3, 3, 2), "w": normal(2, 10, 3), "l": normal(3, 3, 4),
    }  # fmt: skip


EXPRESSIONS = Path(__file__).with_name("expressions.txt").read_text().splitlines()
