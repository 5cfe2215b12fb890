"""The types that layers compute in: casts of inputs and outputs, and torch's choice of types inside a layer that mixes them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lamina.graph.symbolic import SymbolicTensor, map_structure

if TYPE_CHECKING:
    from lamina.engine.layer import Layer

# How many calls under way have torch compute in a smaller type than weights are stored in: layers inside have types of
# their own.
_mixing = 0


def type_for(layer: Layer, dtype: torch.dtype, integers: bool = False) -> torch.dtype:
    """The type that a layer computes with where it is given another; ``integers`` of a first input become floats, too,
    those beside it (masks, positions, ...) do not."""
    if not (layer.autocast and layer._casts_inputs) or dtype.is_complex:
        return dtype
    is_float = dtype.is_floating_point or (integers and not layer.takes_integers)
    return layer._compute_dtype if is_float else dtype


def converted(convert: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call's arguments with ``convert`` applied to each leaf, which is told of the first one's that integers count."""
    first = (map_structure(lambda leaf: convert(leaf, integers=True), x) for x in args[:1])
    kwargs = {key: map_structure(convert, value) for key, value in kwargs.items()}
    return (*first, *(map_structure(convert, x) for x in args[1:])), kwargs


def stand_ins(layer: Layer, args: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The symbolic arguments of a call as the layer's ``call`` gets them."""

    def convert(leaf: Any, integers: bool = False) -> Any:
        if not isinstance(leaf, SymbolicTensor) or (dtype := type_for(layer, leaf.dtype, integers)) is leaf.dtype:
            return leaf
        made = SymbolicTensor(leaf.shape, dtype, name=leaf.name, sizes=leaf.sizes)
        made.mask = leaf.mask
        return made

    return converted(convert, args, kwargs)


def as_float(leaf: Any, dtype: torch.dtype) -> Any:
    """A tensor of floats in another type; anything else as it is."""
    if isinstance(leaf, torch.Tensor) and leaf.dtype is not dtype and leaf.is_floating_point():
        return leaf.to(dtype)
    return leaf


def in_compute_type(layer: Layer, structure: Any) -> Any:
    """Tensors that layers inside gave, in the type of the layer around them; as they are where torch chooses the types."""

    def convert(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or leaf.dtype is layer._compute_dtype:
            return leaf
        return leaf if torch.is_autocast_enabled(leaf.device.type) else as_float(leaf, layer._compute_dtype)

    return map_structure(convert, structure)


@contextlib.contextmanager
def in_types_of(layer: Layer, device: str) -> Iterator[None]:
    """Inside, torch computes in the types that the layer's policy says, whatever the layer around it does."""
    global _mixing
    mixes = layer._is_mixed and (layer._computes or not layer._call_is_builtin)
    if not mixes and not _mixing:
        yield
        return
    before, _mixing = _mixing, _mixing + 1 if mixes else 0
    try:
        if mixes:
            for part in layer.children():
                _mind_types(part)
        with torch.autocast(device, layer._compute_dtype if mixes else None, enabled=mixes), own_weights_cast(layer):
            yield
    finally:
        _mixing = before


def _mind_types(module: nn.Module) -> None:
    """Layers inside one that mixes types have something to see to at each call."""
    for part in module.modules():
        if getattr(part, "_plain_call", False):
            vars(part)["_plain_call"] = False


def is_mixing() -> bool:
    """Whether a call is under way that has torch compute in a smaller type than weights are stored in."""
    return _mixing > 0


@contextlib.contextmanager
def own_weights_cast(layer: Layer) -> Iterator[None]:
    """Inside, a layer of the user's that mixes types sees its own weights in the type that it computes in, as in Keras:
    torch would compute a sum with a larger type in that one."""
    if not layer._is_mixed or layer._call_is_builtin or torch.compiler.is_compiling():
        yield
        return
    weights: Any = layer._parameters
    kept = {name: weight for name, weight in weights.items() if isinstance(weight, nn.Parameter)}
    try:
        weights.update({name: as_float(weight, layer._compute_dtype) for name, weight in kept.items()})
        yield
    finally:
        weights.update(kept)
