"""Tensors that outlive the call which makes them, whatever torch's mode is at that time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["lasting"]


def lasting(make: Callable[..., Any]) -> Callable[..., Any]:
    """``make``, whose tensors outlive the call: inside ``torch.inference_mode``, too, they are such as can be trained and
    changed later. What torch makes in that mode can't be."""

    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_inference_mode_enabled():
            return make(*args, **kwargs)
        with torch.inference_mode(False), torch.no_grad():
            return make(*args, **kwargs)

    return made
