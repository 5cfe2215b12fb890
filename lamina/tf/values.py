"""Types, constants, variables, and the classes that code asks about: ``tf.float32``, ``tf.constant``, ``tf.Variable``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import Parameter

from lamina.dtypes import BY_NAME, as_dtype
from lamina.graph.nests import leaves
from lamina.graph.shapes import TensorShape
from lamina.graph.symbolic import SymbolicDim, SymbolicTensor
from lamina.tf.sizes import Size, Sizes
from lamina.tf.table import TABLE, shape_of, tensor, word
from lamina.variables import Variable as KerasVariable

# ---- types ---------------------------------------------------------------------------------------------------------


class DType(str):
    """A type of numbers as TensorFlow has it: its name, which all of lamina takes, and what TensorFlow knows of it.

    >>> float32 = DType("float32")
    >>> float32 == torch.float32, float32.is_floating, float32.as_numpy_dtype, float32
    (True, True, <class 'numpy.float32'>, tf.float32)
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str.__str__(self)

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    real_dtype = base_dtype

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type."""
        return np.float32 if self.name == "bfloat16" else np.dtype(self.name).type

    @property
    def torch(self) -> torch.dtype:
        """torch's type."""
        return BY_NAME[self.name]

    @property
    def is_floating(self) -> bool:
        """Whether it is a type of fractions."""
        return self.name in BY_NAME and self.torch.is_floating_point

    is_floating_point = is_floating

    @property
    def is_complex(self) -> bool:
        """Whether it is a type of complex numbers."""
        return self.name.startswith("complex")

    @property
    def is_bool(self) -> bool:
        """Whether it is the type of truth values."""
        return self.name == "bool"

    @property
    def is_integer(self) -> bool:
        """Whether it is a type of whole numbers."""
        return self.name.startswith(("int", "uint"))

    @property
    def is_unsigned(self) -> bool:
        """Whether its numbers are never negative."""
        return self.name.startswith("uint")

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return self.torch.itemsize

    def _limit(self, name: str) -> Any:
        limits = torch.finfo(self.torch) if self.is_floating else torch.iinfo(self.torch)
        return getattr(limits, name)

    @property
    def max(self) -> Any:
        """The largest number."""
        return self._limit("max")

    @property
    def min(self) -> Any:
        """The smallest number."""
        return self._limit("min")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether it is the same type."""
        return self == other

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str.__eq__(self, other)
        try:
            return self.name in BY_NAME and other is not None and as_dtype(other) is self.torch
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"tf.{self.name}"


_NAMES = [
    *(name for name in BY_NAME if name not in ("int", "float")),
    "string",
    "variant",
    "resource",
    "qint8",
    "uint64",
]
for _name in _NAMES:
    TABLE[_name] = TABLE[f"dtypes.{_name}"] = DType(_name)
TABLE |= {"half": DType("float16"), "double": DType("float64"), "dtypes.double": DType("float64")}
TABLE["DType"] = TABLE["dtypes.DType"] = DType


@word("as_dtype", "dtypes.as_dtype")
def as_dtype_(type_value: Any) -> DType:
    """The type of this name, of NumPy's, or of torch's."""
    if isinstance(type_value, DType):
        return type_value
    return DType(str(as_dtype(type_value)).removeprefix("torch."))


# ---- constants -----------------------------------------------------------------------------------------------------


@word("constant", "compat.v1.constant")
def constant(value: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False) -> Any:
    """A tensor of numbers; with a ``shape``, one number fills it."""
    made = _own(value, dtype)
    if shape is None:
        return made
    sizes = shape_of(shape)
    return made.expand(sizes).clone() if made.numel() == 1 else made.reshape(sizes)


_TENSORS = (torch.Tensor, SymbolicTensor, SymbolicDim)


def _own(value: Any, dtype: Any) -> Any:
    """A tensor that shares no memory with an array of the user's."""
    is_plain = isinstance(value, (list, tuple)) and not isinstance(value, Sizes)
    if is_plain and dtype is not None and not any(isinstance(leaf, _TENSORS) for leaf in leaves(value)):
        return tensor(np.asarray(value, _numpy_type(dtype)), dtype)
    if isinstance(value, np.ndarray):
        value = value.copy()
    elif isinstance(value, float) and dtype is not None:
        return tensor(np.asarray(value, _numpy_type(dtype)), dtype)
    return tensor(value, dtype)


def _numpy_type(dtype: Any) -> Any:
    """The type to read Python's numbers in, so that float64 keeps all digits."""
    wanted = as_dtype(dtype)
    return {torch.float64: np.float64, torch.int64: np.int64, torch.complex128: np.complex128}.get(wanted)


@word("convert_to_tensor", "convert_to_tensor_or_indexed_slices", "convert_n_to_tensor")
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, *, preferred_dtype: Any = None) -> Any:
    """A tensor of an array, numbers, or a list of tensors; a tensor itself."""
    if isinstance(value, (torch.Tensor, SymbolicTensor)):
        if dtype is not None and value.dtype is not as_dtype(dtype):
            raise ValueError(f"tf.convert_to_tensor was asked for {as_dtype(dtype)}, and got a tensor of {value.dtype}; "
                             "tf.cast changes the type.")  # fmt: skip
        return value
    return _own(value, dtype)


@word("is_tensor", "contrib.framework.is_tensor")
def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor or a variable."""
    return isinstance(x, (torch.Tensor, SymbolicTensor, Sizes, Size))


@word("is_symbolic_tensor")
def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether a tensor has no data yet."""
    return isinstance(tensor, SymbolicTensor)


@word("get_static_value", "compat.v1.get_static_value")
def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The numbers as an array; ``None`` for a tensor without data."""
    if isinstance(tensor, SymbolicTensor):
        return None
    return tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)


# ---- classes -------------------------------------------------------------------------------------------------------


class _Asked(type):
    """The class of stand-ins for TensorFlow's classes: ``isinstance`` asks a function."""

    is_one: Callable[[Any], bool]

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.is_one(instance)


def _is_variable(x: Any) -> bool:
    return isinstance(x, (Parameter, KerasVariable))


class Tensor(metaclass=_Asked):
    """``isinstance(x, tf.Tensor)``: a tensor of torch, or a symbolic one, that is no variable."""

    is_one = staticmethod(lambda x: is_tensor(x) and not _is_variable(x))


class Variable(metaclass=_Asked):
    """A variable: a trained one is an ``nn.Parameter``, another ``lamina.variables.Variable``.

    Arguments:
        initial_value: the first numbers, or a function that gives them.
        trainable: whether training changes it. Whole numbers are never trained.
        name, dtype: what it is called, and its type.
        shape: the shape, for one number.
        validate_shape, caching_device, variable_def, import_scope, constraint, synchronization, aggregation: have no meaning
            here; a ``constraint`` is refused.

    >>> total = Variable(0.0, trainable=False)
    >>> _ = total.assign_add(2.0)
    >>> total + 1, isinstance(total, Variable), isinstance(torch.ones(1), Variable)
    (tensor(3.), True, False)
    """

    is_one = staticmethod(_is_variable)

    def __new__(cls, initial_value: Any = None, trainable: bool | None = None, validate_shape: bool = True,
                caching_device: Any = None, name: str | None = None, variable_def: Any = None, dtype: Any = None,
                import_scope: Any = None, constraint: Any = None, synchronization: Any = None, aggregation: Any = None,
                shape: Any = None, experimental_enable_variable_lifting: Any = None, *, expected_shape: Any = None,
                collections: Any = None, use_resource: Any = None) -> Any:  # fmt: skip
        if initial_value is None:
            raise ValueError("tf.Variable needs an initial_value.")
        if constraint is not None:
            raise ValueError("tf.Variable has no constraint here; a layer's add_weight(constraint=...) has.")
        value = initial_value() if callable(initial_value) and not is_tensor(initial_value) else initial_value
        made = constant(value, dtype)
        return KerasVariable(made, trainable=trainable is not False, name=(name or "Variable").split(":")[0])


TABLE |= {"Tensor": Tensor, "Variable": Variable, "TensorShape": TensorShape, "ResourceVariable": Variable}
TABLE["compat.v1.VariableV1"] = Variable


@word("compat.v1.get_variable")
def get_variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
                 trainable: bool | None = None, collections: Any = None, reuse: Any = None, **others: Any) -> Any:  # fmt: skip
    """A new variable. There are no scopes that share them: a second call of one name makes a second one."""
    if regularizer is not None:
        raise ValueError("tf.get_variable has no regularizer here; a layer's add_weight(regularizer=...) has.")
    given = initializer if initializer is not None else "glorot_uniform"
    if isinstance(given, (int, float, np.ndarray, list, torch.Tensor)):
        return Variable(given, trainable, name=name, dtype=dtype)
    sizes = None if shape is None else shape_of(shape)
    return KerasVariable(given, sizes, as_dtype(dtype or "float32"), trainable is not False, name=name)


def _assigning(name: str) -> None:
    def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None) -> Any:
        """Change a variable."""
        return getattr(ref, name)(value)

    word(f"compat.v1.{name}", name)(assign)


for _name in ("assign", "assign_add", "assign_sub"):
    _assigning(_name)


class TensorSpec:
    """What is known of a tensor: shape, type and name.

    Arguments:
        shape, dtype, name: as it says.
    """

    def __init__(self, shape: Any = None, dtype: Any = "float32", name: str | None = None) -> None:
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype = as_dtype_(dtype) if not isinstance(dtype, DType) else dtype
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Of a tensor."""
        return cls(tuple(tensor.shape), tensor.dtype, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype.name))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


TABLE["TensorSpec"] = TensorSpec


def _none_of(name: str, instead: str) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"lamina has no {name}: {instead}")

    methods = {
        "is_one": staticmethod(lambda x: False),
        "__new__": refuse,
        "__doc__": f"There is none of these: {instead}",
    }
    kind = _Asked(name.rpartition(".")[2], (), methods)
    for method in ("from_tensor", "from_row_lengths", "from_row_splits", "from_value_rowids", "from_nested_row_splits"):
        setattr(kind, method, refuse)
    TABLE[name] = kind


_DENSE = "its tensors are whole; make a dense array, and pad or mask what is not there."
for _name in ("SparseTensor", "RaggedTensor", "compat.v1.SparseTensorValue", "SparseTensorSpec", "RaggedTensorSpec"):
    _none_of(_name, _DENSE)
_none_of("IndexedSlices", "its gradients are whole tensors.")
_none_of("TensorArray", "a Python list and tf.stack do the same.")
TABLE["sparse.SparseTensor"] = TABLE["SparseTensor"]


class CriticalSection:
    """Code that only one thread runs: all code here."""

    def execute(self, function: Callable[[], Any]) -> Any:
        """Run it."""
        return function()


TABLE["CriticalSection"] = CriticalSection


class UnconnectedGradients:
    """What the gradient by something that takes no part is: ``None``, or zeros."""

    NONE = "none"
    ZERO = "zero"


TABLE["UnconnectedGradients"] = UnconnectedGradients
