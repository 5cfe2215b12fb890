"""What a config may ask for: how many layers and calls, and what an operation may cost, which is looked at while it is tried
out without memory."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from lamina.engine.calling import who
from lamina.graph.symbolic import PROBE_SIZES, SymbolicTensor, leaves

# Elements of one tensor for one row of a batch; how many times larger than all that goes in a tensor may be; torch calls
# of one operation; tensors that one call gives.
MAX_ELEMENTS, MAX_GROWTH, MAX_CALLS, MAX_PARTS = 2**27, 64, 10_000, 10_000
# Calls of layers in all, those of models inside counted for each call of the model; objects: layers, initializers, tensors.
MAX_LAYER_CALLS, MAX_OBJECTS = 4_000, 100_000
MAX_OUTPUT = 2**33  # numbers that a layer may give for one row of a batch


def check_counts(config: Any, where: str) -> None:
    """Refuse a config of so many layers, or of models that call models so often, that it would take for ever to build.

    >>> check_counts({"class_name": "Sequential", "config": {"layers": [{"class_name": "Flatten"}] * 5000}}, "m.json")
    Traceback (most recent call last):
    ValueError: m.json describes 5000 calls of layers, which is more than lamina opens: 4000.
    """
    objects, calls = _counted(config)
    if calls > MAX_LAYER_CALLS:
        raise ValueError(
            f"{where} describes {calls} calls of layers, which is more than lamina opens: {MAX_LAYER_CALLS}."
        )
    if objects > MAX_OBJECTS:
        raise ValueError(f"{where} describes {objects} objects, which is more than lamina opens: {MAX_OBJECTS}.")


def check_outputs(outputs: Any, layer: Any) -> None:
    """Refuse a layer that would give more numbers for one row of a batch than a machine can hold."""
    for leaf in leaves(outputs):
        if isinstance(leaf, SymbolicTensor):
            count = math.prod(size for size in leaf.shape[1:] if isinstance(size, int))
            if count > MAX_OUTPUT:
                raise ValueError(f"{who(layer)} would give {tuple(leaf.shape)}, {count} numbers for each row of a batch, which "
                                 "is more than a machine can hold.")  # fmt: skip


def _counted(config: Any) -> tuple[int, int]:
    """How many objects a config describes, and how often layers are called to build it."""
    if isinstance(config, list):
        counts = [_counted(item) for item in config if isinstance(item, (dict, list))]
        return sum(count for count, _ in counts), sum(count for _, count in counts)
    if not isinstance(config, dict):
        return 0, 0
    objects, calls = int("class_name" in config), 0
    is_stack = config.get("class_name") == "Sequential"  # Keras 1 and 2 wrote its layers where others have settings
    for key, value in config.items():
        inner, within = _counted(value)
        objects, calls = objects + inner, calls + within
        if (key == "layers" or (is_stack and key == "config")) and isinstance(value, list):
            calls += len(value)
    nodes = config.get("inbound_nodes")
    several = len(nodes) if isinstance(nodes, list) else 1
    return objects, calls * max(1, several) + several - 1


@contextlib.contextmanager
def bounded(args: Any, kwargs: Any) -> Iterator[None]:
    """Inside, torch calls that would make too large a tensor, or too many, are refused before any memory is set aside."""
    given = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, (SymbolicTensor, torch.Tensor))]
    sizes = [leaf.sizes[1] if isinstance(leaf, SymbolicTensor) else leaf.shape for leaf in given]
    rows = PROBE_SIZES[1] if any(None in leaf.shape for leaf in given) else 1
    with _Bounds(max(MAX_ELEMENTS * rows, MAX_GROWTH * sum(map(math.prod, sizes)))):
        yield


class _Bounds(TorchDispatchMode):
    """Sees every call of torch's; those that are not on the meta device are tried there first."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise ValueError(f"The operation takes more than {MAX_CALLS} steps, which is too much.")
        name = func._schema.name.rpartition(":")[2]
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if name in ("split", "unbind"):
            _check_parts(name, *args, **kwargs)
        if not tensors or any(not one.is_meta for one in tensors):
            self._try(name, func, args, kwargs)
        result = func(*args, **kwargs)
        self._check(name, result)
        return result

    def _try(self, name: str, func: Any, args: Any, kwargs: Any) -> None:
        args, kwargs = tree_map(
            lambda leaf: leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf, (args, kwargs)
        )
        if any(argument.name == "device" for argument in func._schema.arguments):
            kwargs = {**kwargs, "device": torch.device("meta")}
        with contextlib.suppress(NotImplementedError, RuntimeError):  # what follows from numbers is no larger than they
            self._check(name, func(*args, **kwargs))

    def _check(self, name: str, result: Any) -> None:
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.numel() > self.most:
                raise ValueError(f"{name} would make a tensor of shape {tuple(leaf.shape)}, which is too much.")


def _check_parts(name: str, tensor: torch.Tensor, *sizes: int, dim: int = 0) -> None:
    """Refuse a call that would make very many tensors: ``split(x, size, dim)`` and ``unbind(x, dim)``."""
    size, axis = (*sizes, dim)[:2] if name == "split" else (1, (*sizes, dim)[0])
    parts = tensor.shape[axis] // max(size, 1)
    if parts > MAX_PARTS:
        raise ValueError(f"{name} would make {parts} tensors, which is too much.")
