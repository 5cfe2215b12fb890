"""Words of TensorFlow that torch's tensors learn while ``tensorflow`` is lamina's: ``loss.numpy()`` of what has a gradient too.

A class of our own for tensors would cost time at every operation. What torch has another meaning for (``dtype`` and ``shape``
are torch's) stays as it is.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np
import torch

from lamina.graph.nests import leaves, map_structure
from lamina.graph.shapes import TensorShape, check_shape
from lamina.graph.symbolic import get_item, goes_backwards
from lamina.tf.table import together

_before: dict[str, Any] = {}
_ABSENT = object()
_numpy_of_torch = torch.Tensor.numpy


def _numpy(self: torch.Tensor, *, force: bool = False) -> Any:
    """The numbers, as an array; the one number of a tensor without axes as NumPy's. torch's and lamina's code gets an array."""
    found = _as_array(self, force)
    return found if self.dim() or _asking() in _ROOMS_OF_TORCH else found[()]


def _asking() -> str:
    """The package of the code that calls the word."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0]


def _as_array(self: torch.Tensor, force: bool = False) -> np.ndarray:
    plain = self.detach() if self.requires_grad else self
    plain = plain.resolve_conj() if plain.is_conj() else plain
    return _numpy_of_torch(plain if plain.device.type == "cpu" else plain.cpu(), force=force)


def _eval(self: torch.Tensor, feed_dict: Any = None, session: Any = None) -> np.ndarray:
    """The numbers, as an array."""
    return _as_array(self).copy()


def _array(self: torch.Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """What NumPy asks for."""
    found = _as_array(self)
    wanted = found if dtype is None else found.astype(dtype, copy=False)
    return wanted.copy() if copy and wanted is found else wanted


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


def _float(self: torch.Tensor) -> float:
    """The one number."""
    return float(self.item())


# NumPy's functions of one or two numbers that torch calls otherwise.
_CALLED = {"equal": "eq", "not_equal": "ne", "power": "pow", "float_power": "pow", "invert": "bitwise_not",
           "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift", "conjugate": "conj"}  # fmt: skip


def _array_ufunc(self: torch.Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What ``array * tensor`` and ``np.exp(tensor)`` are: torch's function, so that a gradient goes through. An array is
    taken for numbers of the tensor's type, as in TensorFlow."""
    name = str(ufunc.__name__)
    function = getattr(torch, _CALLED.get(name, name), None)
    if method == "__call__" and function is not None and not kwargs:
        return function(*together(*inputs))
    return getattr(ufunc, method)(*_arrays(ufunc, inputs), **{key: _arrays(ufunc, one) for key, one in kwargs.items()})


def _array_function(self: torch.Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """What ``np.mean(tensor)`` is: NumPy's own function of the numbers."""
    return func(*_arrays(func, args), **{key: _arrays(func, one) for key, one in kwargs.items()})


def _arrays(function: Any, values: Any) -> Any:
    """Arrays in the place of tensors.

    Raises:
        TypeError: inside a loss or a layer, where a gradient would be lost.
    """

    has_gradient = torch.is_grad_enabled() and any(getattr(leaf, "requires_grad", False) for leaf in leaves(values))
    if has_gradient and _caller() in _WITH_GRADIENTS:
        raise TypeError(
            f"np.{function.__name__} can't be differentiated; tf has a function that can, in the place of it."
        )
    return map_structure(lambda leaf: leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf, values)


_WITH_GRADIENTS = ("losses", "engine", "layers", "graph")


def _caller() -> str:
    """The room of lamina from which the user's code is called, if it is called from there."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("lamina.") and not name.startswith("lamina.tf."):
            return name.split(".")[1]
        frame = frame.f_back
    return ""


_OPERATORS = "add sub mul truediv floordiv mod pow matmul"
_ROOMS_OF_TORCH = ("torch", "lamina")


def _taking_lists(name: str) -> Any:
    """An operator that takes a list of numbers for a tensor, as TensorFlow's do."""
    of_torch = getattr(torch.Tensor, name)

    def operate(self: torch.Tensor, other: Any) -> Any:
        return of_torch(self, together(self, other)[1] if type(other) is list else other)

    operate.__name__ = name
    return operate


def _not_in_place(name: str) -> Any:
    """``x += y`` that gives a new tensor, as in TensorFlow; torch's and lamina's own code means it in place."""
    in_place = getattr(torch.Tensor, f"__i{name}__")
    anew = getattr(operator, name)

    def operate(self: torch.Tensor, other: Any) -> Any:
        return in_place(self, other) if _asking() in _ROOMS_OF_TORCH else anew(self, other)

    operate.__name__ = f"__i{name}__"
    return operate


_item_of_torch = torch.Tensor.__getitem__


def _getitem(self: torch.Tensor, index: Any) -> Any:
    """``x[index]``, where slices may go backwards."""
    if type(index) in (slice, tuple) and goes_backwards(index):
        return get_item(self, index)
    return _item_of_torch(self, index)


_WORDS = {
    "numpy": _numpy, "eval": _eval, "get_shape": _get_shape, "set_shape": _set_shape, "read_value": _read_value,
    "initialized_value": _read_value, "ref": _ref, "experimental_ref": _ref, "__float__": _float, "__array__": _array,
    "__getitem__": _getitem, "__array_ufunc__": _array_ufunc, "__array_function__": _array_function,
    **{f"__{name}__": _taking_lists(f"__{name}__") for name in _OPERATORS.split()},
    **{f"__r{name}__": _taking_lists(f"__r{name}__") for name in _OPERATORS.split()},
    **{f"__i{name}__": _not_in_place(name) for name in _OPERATORS.split() if name != "matmul"},
}  # fmt: skip


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
