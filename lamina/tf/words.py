"""Words of TensorFlow that torch's tensors learn while ``tensorflow`` is lamina's: ``loss.numpy()`` of what has a gradient too.

A class of our own for tensors would cost time at every operation. What torch has another meaning for (``dtype`` and ``shape``
are torch's) stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lamina.graph.shapes import TensorShape, check_shape

_before: dict[str, Any] = {}
_ABSENT = object()
_numpy_of_torch = torch.Tensor.numpy


def _numpy(self: torch.Tensor, *, force: bool = False) -> np.ndarray:
    """The numbers, as an array."""
    plain = self.detach() if self.requires_grad else self
    plain = plain.resolve_conj() if plain.is_conj() else plain
    return _numpy_of_torch(plain if plain.device.type == "cpu" else plain.cpu(), force=force)


def _eval(self: torch.Tensor, feed_dict: Any = None, session: Any = None) -> np.ndarray:
    """The numbers, as an array."""
    return np.array(_numpy(self))


def _get_shape(self: torch.Tensor) -> TensorShape:
    """The shape, as TensorFlow has it."""
    return TensorShape.of(self.shape)


def _set_shape(self: torch.Tensor, shape: Any) -> None:
    """Nothing but a look at the shape."""
    check_shape(self.shape, shape)


def _read_value(self: torch.Tensor) -> torch.Tensor:
    """The tensor itself."""
    return self


def _ref(self: torch.Tensor) -> int:
    """What stands for the tensor in a dict."""
    return id(self)


_WORDS = {"numpy": _numpy, "eval": _eval, "get_shape": _get_shape, "set_shape": _set_shape, "read_value": _read_value,
          "initialized_value": _read_value, "ref": _ref, "experimental_ref": _ref}  # fmt: skip


def speak() -> None:
    """Teach ``torch.Tensor`` the words."""
    if not _before:
        for name, meaning in _WORDS.items():
            _before[name] = vars(torch.Tensor).get(name, _ABSENT)
            setattr(torch.Tensor, name, meaning)


def be_silent() -> None:
    """Take them back."""
    for name, before in _before.items():
        if before is _ABSENT:
            delattr(torch.Tensor, name)
        else:
            setattr(torch.Tensor, name, before)
    _before.clear()
