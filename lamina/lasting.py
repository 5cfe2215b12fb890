"""Tensors that outlive the call which makes them, whatever torch's mode is at that time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

__all__ = ["lasting"]

P = ParamSpec("P")
R = TypeVar("R")


def lasting(make: Callable[P, R]) -> Callable[P, R]:
    """``make``, whose tensors outlive the call: inside ``torch.inference_mode``, too, they are such as can be trained and
    changed later. What torch makes in that mode can't be."""

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.is_inference_mode_enabled():
            return make(*args, **kwargs)
        with torch.inference_mode(False), torch.no_grad():
            return make(*args, **kwargs)

    return made
