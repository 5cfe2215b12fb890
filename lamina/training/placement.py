"""Where a model runs: on the accelerator by itself, unless somebody placed it or said where; and how data get there."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from lamina import config
from lamina.engine.devices import accelerator_or_none, device_of
from lamina.engine.tracking import parameters_of
from lamina.graph.symbolic import leaves, map_structure
from lamina.lasting import lasting
from lamina.screen import show

# What predict keeps of its outputs on the device, before it fetches them: few waits, and little memory.
KEPT_BYTES = 256 * 2**20
# Kinds of device for which the CPU's pages are pinned, so that copies go on beside the work.
_PINNED = frozenset({"cuda"})
_ASYNCHRONOUS = frozenset({"cuda", "xpu"})
# What torch's Metal backend has no kernels for.
_NOT_ON_MPS = frozenset({torch.float64, torch.complex128, torch.complex64})


def place(model: Any) -> torch.device | None:
    """Where a model's data belong; ``None``: they may stay where they are.

    A model that nobody placed goes to the accelerator now, with everything in it. On a machine without one this costs a
    cached question.
    """
    if config.accelerator() is None:
        return None
    device = device_of(model)
    if accelerator_or_none(device) is not None:
        return device
    if _was_placed(model):
        return getattr(model, "_away", None) or (None if device is None or device.type == "meta" else device)
    chosen = config.asked_device() or config.accelerator()
    if chosen is None or accelerator_or_none(chosen) is None or not _can_run_on(model, chosen):
        return torch.device("cpu")
    chosen = torch.empty(0, device=chosen).device  # with its number
    _take(model, chosen)
    _say_once(str(chosen))
    return chosen


@lasting
def _take(model: Any, device: torch.device) -> None:
    model.to(device)
    model._settle_at(device, takes_inputs=True)


def _was_placed(model: Any) -> bool:
    """Whether somebody said where a model, or something in it, is to be."""
    if any(getattr(module, "_placed", False) for module in model.modules()):
        return True
    return any(tensor.device.type != "cpu" for tensor in _tensors_of(model))


def _tensors_of(model: Any) -> Iterator[torch.Tensor]:
    yield from (weight for _, weight in parameters_of(model))
    yield from model.buffers()


def _can_run_on(model: Any, device: torch.device) -> bool:
    if device.type != "mps":
        return True
    types = {tensor.dtype for tensor in _tensors_of(model)}
    return _NOT_ON_MPS.isdisjoint(types | {getattr(model, "_compute_dtype", None)})


@functools.cache
def _say_once(device: str) -> None:
    said = f"lamina: models run on {device}; lamina.config.set_device('cpu') keeps them on the CPU."
    if config.is_interactive_logging_enabled():
        show(said, sys.stderr)  # which a program's own output does not go to
    else:
        logging.getLogger("lamina").info(said)


def send(tensor: torch.Tensor, device: torch.device | None) -> torch.Tensor:
    """A tensor of data at ``device``, without a wait where torch can do that."""
    if device is None or tensor.device == device:
        return tensor
    if tensor.is_cpu and device.type in _PINNED and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type in _ASYNCHRONOUS)


def away_of(model: Any) -> torch.device | None:
    """The accelerator that a model is on."""
    return None if config.accelerator() is None else accelerator_or_none(device_of(model))


def made_at(device: torch.device | None, step: Callable[..., Any]) -> Callable[..., Any]:
    """``step``, in which the tensors that an author's code makes are made at ``device``, as in Keras."""
    if device is None:
        return step

    def run(*args: Any) -> Any:
        with device:
            return step(*args)

    return run


class Gathered:
    """The outputs of batch after batch, which come back from the device together, or in few pieces when they are large."""

    def __init__(self) -> None:
        self.first: Any = None
        self._waiting: list[list[torch.Tensor]] = []  # a list of leaves for each batch
        self._bytes = 0
        self._fetched: list[list[Any]] = []

    def add(self, outputs: Any) -> None:
        """Take one batch's outputs."""
        self.first = outputs if self.first is None else self.first
        tensors = leaves(outputs)
        self._waiting.append(tensors)
        if any(not tensor.is_cpu for tensor in tensors):
            self._bytes += sum(tensor.nbytes for tensor in tensors)
            if self._bytes > KEPT_BYTES:
                self._fetch()

    def _fetch(self) -> None:
        self._fetched.append([torch.cat(parts).cpu() for parts in zip(*self._waiting, strict=True)])
        self._waiting, self._bytes = [], 0

    def joined(self, to_array: Callable[[torch.Tensor], Any]) -> Any:
        """All outputs as arrays, in the structure that a batch's have."""
        parts: Iterator[Any] = zip(*self._fetched, *self._waiting, strict=True)
        if self._fetched and self._waiting:
            self._fetch()
            parts = zip(*self._fetched, strict=True)
        arrays = iter([to_array(torch.cat(one)) for one in parts])
        return map_structure(lambda _: next(arrays), self.first)
