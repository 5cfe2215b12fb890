"""Keras 3's ``with`` blocks that say something of what is made or called inside: a name, a device, less memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch.utils.checkpoint import checkpoint

from lamina import config
from lamina.errors import did_you_mean
from lamina.graph.symbolic import is_symbolic

__all__ = ["RematMode", "RematScope", "device", "remat", "remat_mode"]

P = ParamSpec("P")
R = TypeVar("R")

_REMAT_MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_remat_modes: list[RematMode] = []


def device(device_name: Any) -> torch.device:
    """A ``with`` block in which tensors and weights are made on a device: ``"cpu"``, ``"gpu:0"``, or torch's own names.

    A model that is made inside stays there: ``fit`` does not move it.

    Raises:
        ValueError: for a name of no device.

    >>> with device("meta"):
    ...     torch.zeros(1).device
    device(type='meta')
    >>> device("gpu:1")
    device(type='cuda', index=1)
    """
    return config.as_device(device_name)


def remat(f: Callable[P, R]) -> Callable[P, R]:
    """``f``, whose intermediate results are not kept for the gradient but computed again: less memory for more time.

    This is ``torch.utils.checkpoint``: ``f`` runs twice, with the same random numbers.

    >>> double = remat(lambda x: (x * 2).sin())
    >>> x = torch.ones(3, requires_grad=True)
    >>> double(x).sum().backward()
    >>> bool(torch.allclose(x.grad, 2 * torch.cos(2 * torch.ones(3))))
    True
    """

    @functools.wraps(f, assigned=("__doc__", "__name__"))
    def again(*args: P.args, **kwargs: P.kwargs) -> Any:
        if is_symbolic((args, kwargs)) or not torch.is_grad_enabled():
            return f(*args, **kwargs)
        return checkpoint(f, *args, use_reentrant=False, **kwargs)

    return again


class RematMode(NamedTuple):
    """What a :class:`RematScope` said."""

    mode: str | None
    output_size_threshold: int
    layer_names: tuple[str, ...]


class RematScope:
    """A ``with`` block: layers that are made inside don't keep their intermediate results for the gradient.

    Arguments:
        mode: ``"full"``: all layers; ``"larger_than"``: those whose output has more than ``output_size_threshold``
            numbers; ``"list_of_layers"``: those named in ``layer_names``; ``"activations"``: of each layer its
            ``activation`` alone; ``None``: none, inside another block.

    Raises:
        ValueError: for another mode.

    >>> from lamina.layers import Dense
    >>> with RematScope(mode="full"):
    ...     layer = Dense(2)
    """

    def __init__(self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Any = None) -> None:
        if mode not in _REMAT_MODES:
            raise ValueError(f"The mode of a RematScope must be one of {_REMAT_MODES}, and got {mode!r}."
                             f"{did_you_mean(str(mode), [m for m in _REMAT_MODES if m])}")  # fmt: skip
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or ())

    def __enter__(self) -> RematScope:
        _remat_modes.append(RematMode(self.mode, self.output_size_threshold, tuple(self.layer_names)))
        return self

    def __exit__(self, *exc: object) -> None:
        _remat_modes.pop()


def remat_mode() -> RematMode | None:
    """What the innermost :class:`RematScope` around says; ``None`` outside of all."""
    return _remat_modes[-1] if _remat_modes and _remat_modes[-1].mode is not None else None
