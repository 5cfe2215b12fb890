"""Logs: what training says of itself, by name. Numbers are read from the device only when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from lamina.engine.weights import to_numpy


def as_numbers(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Logs in the order of their names, dicts in them merged; what is one number becomes a float.

    >>> as_numbers({"loss": torch.tensor(0.5), "compiled": {"mae": 2}})
    {'loss': 0.5, 'mae': 2.0}
    """
    return {name: _number(value) for name, value in sorted(_flat(logs), key=lambda item: item[0])}


def _flat(logs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in logs.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield name, value


def _number(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item() if value.dim() == 0 else to_numpy(value)
    if isinstance(value, np.ndarray) and value.ndim:
        return value
    return float(value) if hasattr(value, "__float__") else value


def in_order(logs: Mapping[str, Any], names: list[str]) -> Any:
    """The values as ``evaluate`` returns them: those of ``names``, then the others by name; one value by itself."""
    first = [name for name in names if name in logs]
    values = [logs[name] for name in [*first, *sorted(logs.keys() - set(first))]]
    return values[0] if len(values) == 1 else values


class LazyLogs(dict[str, Any]):
    """Logs of a batch for callbacks: numbers are read from tensors, and waited for, only when somebody looks.

    >>> logs = LazyLogs(lambda: {"loss": 0.5})
    >>> logs["loss"]
    0.5
    """

    def __init__(self, read: Callable[[], dict[str, Any]], known: Mapping[str, Any] | None = None) -> None:
        super().__init__(known or {})
        self._read: Callable[[], dict[str, Any]] | None = read

    def _fill(self) -> None:
        if self._read is not None:
            read, self._read = self._read, None
            self.update({**read(), **self})


def _reading(name: str) -> Any:
    method = getattr(dict, name)

    def call(self: LazyLogs, *args: Any) -> Any:
        self._fill()
        return method(self, *args)

    return call


for _name in ("__getitem__", "__contains__", "__iter__", "__len__", "get", "items", "keys", "values", "copy", "__repr__",
              "__eq__", "__or__", "__ror__", "pop", "setdefault"):  # fmt: skip
    setattr(LazyLogs, _name, _reading(_name))
