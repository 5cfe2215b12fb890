"""The ``state_dict`` keys of every catalogue row that has weights. Files that users saved depend on them.

After a change that is meant, write them anew: ``PYTHONPATH=tests python -m golden.state_dict_keys``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import parity
from catalog import ROWS

PATH = Path(__file__).with_suffix(".json")


def keys_of(row: Any) -> list[str]:
    """The keys of the row's layer after its first call."""
    layer = parity.make(row, name="layer")
    layer(parity.inputs_of(row), **parity.call_arguments(row))
    return list(layer.state_dict())


if __name__ == "__main__":
    lines = [f"{json.dumps(row.id)}: {json.dumps(keys)}" for row in ROWS if (keys := keys_of(row))]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
