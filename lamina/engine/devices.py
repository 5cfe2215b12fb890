"""Where a layer is: what moved it, where its weights lie, and where code that is not lamina's makes its tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from lamina import config
from lamina.dtypes import FULL_FLOATS
from lamina.engine.tracking import parameters_of
from lamina.graph.symbolic import leaves

HERE = ("cpu", "meta")  # kinds of devices that are no accelerator


class _Probe(torch.Tensor):
    """A tensor that notes whether it is asked to go somewhere; it never goes."""

    asked: bool = False

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        names = kwargs.get("device") is not None or any(isinstance(value, (str, torch.device)) for value in args)
        if names or func.__name__ in _GOING:
            args[0].asked = True
            return args[0]
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)


_GOING = frozenset({"cpu", "cuda", "hpu", "ipu", "mtia", "xpu", torch._C._get_privateuse1_backend_name()})


def names_a_device(function: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    """Whether a function that ``nn.Module._apply`` puts weights through takes them to some device, be it the CPU:
    ``.to("cpu")`` and ``.cuda()`` do, ``.half()`` does not."""
    probe = torch.empty(0, device="cpu").as_subclass(_Probe)
    function(probe)
    return probe.asked


def device_of(module: nn.Module) -> torch.device | None:
    """Where a module's weights are; ``None`` for one that has none."""
    _, weight = next(parameters_of(module), (None, None))
    weight = next(module.buffers(), None) if weight is None else weight
    return None if weight is None else weight.device


def home_of(module: nn.Module) -> torch.device:
    """Where arrays that a module is called on belong: with its weights, else where new tensors are made."""
    return device_of(module) or making_now()


def making_now() -> torch.device:
    """Where new weights are made."""
    return config.asked_device() or torch.get_default_device()


@contextlib.contextmanager
def making_at(device: torch.device | None) -> Iterator[None]:
    """Inside, new tensors and weights are made at ``device``; ``None`` leaves it as it is."""
    if device is None or torch.compiler.is_compiling() or device == making_now() == torch.get_default_device():
        yield
    else:
        with torch.device(device):
            yield


def accelerator_or_none(device: torch.device | None) -> torch.device | None:
    """``device``, if it is neither the CPU's memory nor no memory at all."""
    return None if device is None or device.type in HERE else device


def moved(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """``x`` at a device, and its mask with it."""
    there, mask = x.to(device), getattr(x, "_keras_mask", None)
    if mask is not None:
        there._keras_mask = mask.to(device)  # pyright: ignore[reportAttributeAccessIssue]
    return there


def apart(module: nn.Module, inputs: Any) -> str:
    """What to say of a call that failed when inputs lie elsewhere than the weights; else nothing."""
    home = device_of(module)
    for tensor in leaves(inputs):
        if home is not None and isinstance(tensor, torch.Tensor) and tensor.device != home:
            return f" Its weights are on {home}, and the input is on {tensor.device}: pass input.to({str(home)!r})."
    return ""


def is_eager_on_cpu(*tensors: torch.Tensor | None) -> bool:
    """Whether tensors are on the CPU and of one type, and nothing looks at torch's calls: where a gradient of lamina's own
    for a few calls together pays."""
    given = [tensor for tensor in tensors if tensor is not None]
    dtype = given[0].dtype
    return (
        dtype in FULL_FLOATS
        and all(tensor.is_cpu and tensor.dtype is dtype for tensor in given)
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._are_functorch_transforms_active()
    )
