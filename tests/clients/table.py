"""The packages that are used, each in the dialect of its age, and how many of its uses pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PINS = Path(__file__).with_name("packages.txt")


class Client(NamedTuple):
    """A package: its uses are in ``uses/``, in a file of its name."""

    name: str
    dialect: str
    passes: int

    @property
    def module(self) -> str:
        return f"clients.uses.{self.name.replace('-', '_')}"


CLIENTS = (
    Client("keras-self-attention", "tf_keras", 6),
    Client("keras-layer-normalization", "tf_keras", 5),
    Client("keras-pos-embd", "tf_keras", 6),
    Client("keras-position-wise-feed-forward", "tf_keras", 5),
    Client("keras-embed-sim", "tf_keras", 5),
    Client("keras-trans-mask", "tf_keras", 4),
    Client("keras-multi-head", "tf_keras", 6),
    Client("keras-transformer", "tf_keras", 7),
    Client("keras-gpt-2", "tf_keras", 5),
)  # fmt: skip


def versions() -> dict[str, str]:
    """The version of each package that ``packages.txt`` pins."""
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", PINS.read_text(encoding="utf-8"), re.MULTILINE))
