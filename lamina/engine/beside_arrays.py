"""What Keras's users write and torch's tensors refuse: ``array * x``, ``x[:, ::-1]``, ``round(x, 1)``, ``x.get_shape()``.

A layer, loss or function of the user's whose code does such a thing computes with tensors of a class that knows it. Whether
it does shows when the layer is run without data, or when a call fails; nothing else ever pays for it. An array is taken for
numbers of the tensor's own type, as in Keras: NumPy makes float64 of everything.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.dtypes import as_dtype
from lamina.graph.shapes import TensorShape, check_shape
from lamina.graph.symbolic import SymbolicTensor, get_item, goes_backwards, map_structure

# What the errors of torch and NumPy have in common that such code meets.
_SIGNS = ("numpy.ndarray", "NumPy arrays", "numpy()", "step must be greater than zero", "__round__")
# What is asked of tensors, of their shapes and of sizes in those that is TensorFlow's.
_WORDS = ("get_shape", "set_shape", "_keras_shape", "as_list", "ndims", "rank", "dims", "value", "num_elements",
          "is_fully_defined", "assert_has_rank", "is_compatible_with")  # fmt: skip
_OPERATORS = """
    add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul
    lt le gt ge eq ne and rand or ror xor rxor
"""


class AmongArrays(torch.Tensor):
    """A tensor whose operators take arrays, whose slices go backwards, and that can be rounded."""

    __array_ufunc__ = None  # NumPy leaves operators to us
    __hash__ = torch.Tensor.__hash__

    def __getitem__(self, index: Any) -> Any:
        return get_item(self, index) if goes_backwards(index) else super().__getitem__(index)

    def __round__(self, ndigits: int | None = None) -> Any:
        return torch.round(self, decimals=ndigits or 0)

    # The words of TensorFlow.

    @property
    def shape(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return TensorShape.of(torch.Tensor.shape.__get__(self))  # pyright: ignore[reportAttributeAccessIssue]

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        check_shape(self.shape, shape)

    @property
    def _keras_shape(self) -> TensorShape:
        return self.shape


def _taking_arrays(name: str) -> Callable[..., Any]:
    method = getattr(torch.Tensor, name)

    def operate(self: AmongArrays, other: Any) -> Any:
        return method(self, _as_numbers_of(self, other) if isinstance(other, np.ndarray) else other)

    operate.__name__ = name
    return operate


def _as_numbers_of(x: torch.Tensor, array: np.ndarray) -> torch.Tensor:
    tensor = torch.as_tensor(array.copy(), device=x.device)
    if not tensor.is_floating_point():
        return tensor
    return tensor.to(x.dtype if x.is_floating_point() else as_dtype(None))


for _name in _OPERATORS.split():
    setattr(AmongArrays, f"__{_name}__", _taking_arrays(f"__{_name}__"))


def among_arrays(structure: Any) -> Any:
    """``structure`` with tensors that arrays go with."""
    return map_structure(lambda leaf: _as(AmongArrays, leaf) if type(leaf) is torch.Tensor else leaf, structure)


def plain(structure: Any) -> Any:
    """``structure`` with torch's own tensors again."""
    return map_structure(lambda leaf: _as(torch.Tensor, leaf) if type(leaf) is AmongArrays else leaf, structure)


def _as(cls: type[torch.Tensor], tensor: torch.Tensor) -> torch.Tensor:
    mask = getattr(tensor, "_keras_mask", None)
    tensor = tensor.as_subclass(cls)
    if mask is not None:
        tensor._keras_mask = mask  # pyright: ignore[reportAttributeAccessIssue]
    return tensor


def are_among_arrays(structure: Any) -> bool:
    """Whether user code that computes so handed this on."""
    return any(type(x) is AmongArrays for x in (structure if isinstance(structure, (list, tuple)) else (structure,)))


class Standing(torch.nn.Parameter):
    """A weight in ``if self.bias:``, which asks whether there is one, as it did of TensorFlow's variables."""

    def __bool__(self) -> bool:
        return True


def asks_for_weights(error: Exception, owner: torch.nn.Module) -> bool:
    """Whether a call failed since it asks a weight whether it is true, and may be made again: from now on they are."""
    plain = [weight for weight in owner.parameters(recurse=False) if type(weight) is torch.nn.Parameter]
    if not plain or "Boolean value of Tensor" not in str(error):
        return False
    for weight in plain:
        weight.__class__ = Standing
    return True


class BesideArrays:
    """The ``call`` of a layer, loss or metric of the user's, with tensors that arrays go with.

    Arguments:
        owner: whose ``call`` it is.
        method: what its class names it.
    """

    def __init__(self, owner: Any, method: str = "call") -> None:
        self.owner = owner
        self.method = method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = getattr(type(self.owner), self.method)
        return plain(call(self.owner, *among_arrays(args), **among_arrays(kwargs)))


def turn_to_arrays(owner: Any, *methods: str) -> None:
    """From now on ``owner`` computes beside arrays."""
    for method in methods:
        vars(owner)[method] = BesideArrays(owner, methods[0])


def is_about_arrays(error: Exception, owner: Any, method: str = "call") -> bool:
    """Whether a call failed for what torch's tensors refuse, and may be made again."""
    if isinstance(error, AttributeError):
        is_one = error.name in _WORDS and isinstance(error.obj, (torch.Tensor, torch.Size, int))
    else:
        is_one = isinstance(error, (TypeError, ValueError, RuntimeError)) and any(sign in str(error) for sign in _SIGNS)
    return is_one and method not in vars(owner)


def is_mended(error: Exception, layer: torch.nn.Module) -> bool:
    """Whether a layer whose call failed computes in another way from now on, so that the call may be made again."""
    if asks_for_weights(error, layer):
        return True
    if is_about_arrays(error, layer, "forward"):
        turn_to_arrays(layer, "call", "forward")
        return True
    return False


def with_words_of_keras(compute_mask: Callable[..., Any]) -> Callable[..., Any]:
    """``compute_mask`` that knows ``mask`` for another word for ``previous_mask``, and takes arrays."""

    @functools.wraps(compute_mask)
    def given(self: Any, inputs: Any = None, *masks: Any, **kwargs: Any) -> Any:
        if not kwargs and type(inputs) is torch.Tensor and (not masks or type(masks[0]) in _PLAIN_MASKS):
            return compute_mask(self, inputs, *masks)
        if "mask" in kwargs:
            kwargs["previous_mask"] = kwargs.pop("mask")
        named = {name: _without_arrays(value) for name, value in kwargs.items()}
        return compute_mask(self, _without_arrays(inputs), *map(_without_arrays, masks), **named)

    return given


_PLAIN_MASKS = (torch.Tensor, type(None))


def _without_arrays(x: Any) -> Any:
    if x is None or isinstance(x, (torch.Tensor, SymbolicTensor)):
        return x
    return map_structure(lambda leaf: torch.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, x)
