"""Values and arithmetic of Keras 2's backend: what differs from ``lamina.ops`` in name, argument or default."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina import config, ops, random
from lamina.dialects import any_spelling, habits
from lamina.dtypes import as_dtype, dtype_name
from lamina.graph.symbolic import SymbolicTensor
from lamina.layers.core import Input, InputLayer
from lamina.naming import next_number, reset_names
from lamina.ops._tensors import as_tensor, axes_of, common_type, recorded, tensors
from lamina.variables import Variable, are_unchanged


def backend() -> str:
    """What computes: ``"torch"``. In older dialects ``"tensorflow"``: what their scripts do then works here."""
    return habits().backend


def cast_to_floatx(x: Any) -> Any:
    """``x`` in the default float type: a tensor as a tensor, anything else as an array."""
    return ops.cast(x, None) if ops.is_tensor(x) else np.asarray(x, dtype=config.floatx())


def get_uid(prefix: str = "") -> int:
    """1 for the first call with a prefix, 2 for the second, ... Layers that are named by number count along.

    >>> reset_uids()
    >>> get_uid("dense"), get_uid("dense"), get_uid("conv")
    (1, 2, 1)
    """
    return next_number(prefix)


def reset_uids() -> None:
    """Let :func:`get_uid`, and with it names, count from the start again."""
    reset_names()


# ---- types ---------------------------------------------------------------------------------------------------------


def standardize_dtype(dtype: Any) -> str:
    """The name of a type."""
    return dtype_name(dtype)


def result_type(*dtypes: Any) -> str:
    """The name of the type that a result of these types has.

    >>> result_type("int32", "float16"), result_type("bool", int)
    ('float16', 'int32')
    """
    plain = {int: 0, float: 0.0, complex: 0j}
    values = [plain[one] if one in plain else torch.empty(0, dtype=as_dtype(one)) for one in dtypes]
    return dtype_name(common_type(*values))


def is_float_dtype(dtype: Any) -> bool:
    """Whether a type holds fractions."""
    return as_dtype(dtype).is_floating_point


def is_int_dtype(dtype: Any) -> bool:
    """Whether a type holds whole numbers."""
    wanted = as_dtype(dtype)
    return not (wanted.is_floating_point or wanted.is_complex or wanted is torch.bool)


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor, as ``Input`` and layers give it.

    Raises:
        ValueError: for what is no tensor at all.
    """
    if not ops.is_tensor(x):
        raise ValueError(f"is_keras_tensor takes a tensor, and got {x!r:.80} of type {type(x).__name__}.")
    return isinstance(x, SymbolicTensor)


def is_placeholder(x: Any) -> bool:
    """Whether ``x`` is a model's input: what ``Input`` or ``placeholder`` gave."""
    return isinstance(x, SymbolicTensor) and (x.node is None or isinstance(x.node.target, InputLayer))


def is_variable(x: Any) -> bool:
    """Whether ``x`` keeps its value between calls: a weight or a variable."""
    return isinstance(x, (nn.Parameter, Variable)) or (not isinstance(x, torch.Tensor) and hasattr(x, "assign"))


def is_sparse(tensor: Any) -> bool:
    """Whether a tensor is sparse."""
    return isinstance(tensor, torch.Tensor) and tensor.is_sparse


def to_dense(tensor: Any) -> Any:
    """A sparse tensor as a dense one; any other as it is."""
    return tensor.to_dense() if is_sparse(tensor) else tensor


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes. An unknown one of a symbolic tensor is a symbolic size, which can be calculated with: the noise of an
    autoencoder is ``K.random_normal((K.shape(mean)[0], 2))``."""
    x = as_tensor(x)
    return x.size() if isinstance(x, SymbolicTensor) else tuple(x.shape)


def int_shape(x: Any) -> tuple[Any, ...] | None:
    """The sizes, ``None`` where they are unknown.

    >>> int_shape(Input((3,)))
    (None, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else None


def ndim(x: Any) -> int | None:
    """The number of axes."""
    return len(x.shape) if hasattr(x, "shape") else None


def count_params(x: Any) -> int:
    """The number of elements."""
    return math.prod(x.shape)


# ---- variables -----------------------------------------------------------------------------------------------------


class TrainableVariable(nn.Parameter):
    """A parameter that was made by hand; ``variable`` makes it. ``name`` and ``constraint`` are what it was given."""

    name: str | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    constraint: Any = None

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The numbers, as Theano's variables gave theirs (Keras 1)."""
        return ops.convert_to_numpy(self)

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """New numbers, as Theano's variables took theirs (Keras 1)."""
        set_value(self, value)

    def eval(self, session: Any = None) -> np.ndarray:
        """The numbers, as TensorFlow's tensors gave theirs."""
        return ops.convert_to_numpy(self)

    is_loose: bool = False  # whether it is no weight of a layer whose attribute it is, as in Keras 1 and 2.2


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A tensor to be changed by ``set_value`` and ``update``. One of fractions is an ``nn.Parameter``, and can be trained.

    >>> x = variable([1.0, 2.0])
    >>> get_value(update_add(x, [1.0, 1.0]))
    array([2., 3.], dtype=float32)
    """
    made = as_tensor(value, as_dtype(dtype)) if dtype is not None or not hasattr(value, "dtype") else as_tensor(value)
    if dtype is None and not (made.dtype.is_floating_point and isinstance(value, torch.Tensor)):  # arrays are floatx
        made = made.to(as_dtype(None))
    if not made.dtype.is_floating_point:
        return Variable(made, trainable=False, name=name or "")
    parameter = TrainableVariable(made.detach().clone())
    parameter.name, parameter.constraint = name, constraint
    parameter.is_loose = not habits().owns_variables
    return parameter


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor that holds ``value``, repeated to ``shape``."""
    made = as_tensor(value, as_dtype(dtype))
    return made if shape is None else made.expand(tuple(shape)).clone()


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False, name: str | None = None,
    ragged: bool = False,
) -> Any:  # fmt: skip
    """A symbolic tensor: ``shape`` with the batch, or ``ndim`` axes of unknown size."""
    if shape is None and ndim is None:
        raise ValueError("placeholder needs a shape, or the number of axes as ndim.")
    batch_shape = tuple(shape) if shape is not None else (None,) * int(ndim or 0)
    return Input(batch_shape=batch_shape, dtype=dtype, sparse=sparse or ragged, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros."""
    return variable(ops.zeros(shape, dtype), dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones."""
    return variable(ops.ones(shape, dtype), dtype, name)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable with ones on the diagonal; ``size`` is one number or two."""
    rows, columns = size if isinstance(size, (tuple, list)) else (size, size)
    return variable(ops.eye(rows, columns, dtype=dtype), dtype, name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros in the shape of ``x``."""
    return ops.zeros_like(x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones in the shape of ``x``."""
    return ops.ones_like(x, dtype)


def identity(x: Any, name: str | None = None) -> Any:
    """The same numbers in another tensor."""
    return ops.copy(x)


def get_value(x: Any) -> np.ndarray:
    """The numbers of a variable or tensor as an array.

    Raises:
        ValueError: for a symbolic tensor, which has none: use ``function``.
    """
    if isinstance(x, SymbolicTensor):
        raise ValueError(f"{x!r} has no numbers yet. Get them with K.function([inputs], [it]), or from a model.")
    if isinstance(x, torch.Tensor) or not hasattr(x, "numpy"):
        return ops.convert_to_numpy(x)
    return np.asarray(x.numpy())


eval = get_value


def set_value(x: Any, value: Any) -> None:
    """Give a variable, a weight or an optimizer's setting new numbers of the same shape.

    Raises:
        ValueError: for another shape, or for what is no variable.
    """
    if isinstance(x, torch.Tensor):
        new = as_tensor(value, x.dtype, x.device)
        if new.shape != x.shape:
            raise ValueError(f"set_value needs numbers of shape {tuple(x.shape)}, and got {tuple(new.shape)}.")
        with torch.no_grad():
            x.copy_(new)
    elif hasattr(x, "assign"):
        x.assign(value)
    else:
        raise ValueError(f"set_value changes variables and weights, and got {x!r:.80}.")


def batch_get_value(tensors: Any) -> list[np.ndarray]:
    """:func:`get_value` of each."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples: Any) -> None:
    """:func:`set_value` for each pair of a variable and its new numbers."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """Give a variable new numbers at once, and return it. Symbolic ones: a pair for ``function``'s ``updates``."""
    if isinstance(new_x, SymbolicTensor):
        return x, new_x
    if not are_unchanged():
        set_value(x, new_x)
    return x


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable; see :func:`update`."""
    return update(x, ops.add(x, increment))


def update_sub(x: Any, decrement: Any) -> Any:
    """Take from a variable; see :func:`update`."""
    return update(x, ops.subtract(x, decrement))


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """``x * momentum + value * (1 - momentum)`` as the new numbers of ``x``."""
    return update(x, x * momentum + as_tensor(value) * (1 - momentum))


# ---- random numbers ------------------------------------------------------------------------------------------------


@recorded
@any_spelling("random_normal")
def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers of a normal distribution (Keras 1: ``std``)."""
    return random.normal(shape, mean, stddev, dtype, seed)


@recorded
@any_spelling("random_uniform")
def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers from ``minval`` up to ``maxval``, each as likely (Keras 1: ``low``, ``high``)."""
    if dtype is not None and is_int_dtype(dtype):
        return random.randint(shape, int(minval), int(maxval), dtype, seed)
    return random.uniform(shape, minval, maxval, dtype, seed)


@recorded
def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """1 with probability ``p``, else 0."""
    return (random.uniform(shape, seed=seed) < p).to(as_dtype(dtype))


random_binomial = random_bernoulli


@recorded
def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers of a normal distribution, all within two ``stddev`` of the mean."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Any:
    """A variable with numbers of a normal distribution."""
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Any:
    """A variable with numbers from ``low`` up to ``high``."""
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def argmax(x: Any, axis: int = -1) -> Any:
    """The place of the greatest element along an axis."""
    return torch.argmax(as_tensor(x), dim=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """The place of the least element along an axis."""
    return torch.argmin(as_tensor(x), dim=axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """Sums from the start of an axis."""
    return ops.cumsum(x, axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Products from the start of an axis."""
    return ops.cumprod(x, axis)


def pow(x: Any, a: Any) -> Any:
    """``x ** a``."""
    return ops.power(x, a)


def round(x: Any) -> Any:
    """``x`` as a whole number, halves to even."""
    return ops.round(x)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """``x`` between two limits; ``None`` is no limit."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = max_value if max_value > min_value else min_value
    return ops.clip(x, min_value, max_value)


def equal(x: Any, y: Any) -> Any:
    """Whether ``x`` is ``y``, for each element."""
    return ops.equal(x, y)


def not_equal(x: Any, y: Any) -> Any:
    """Whether ``x`` is not ``y``, for each element."""
    return ops.not_equal(x, y)


def less(x: Any, y: Any) -> Any:
    """Whether ``x`` is below ``y``, for each element."""
    return ops.less(x, y)


def less_equal(x: Any, y: Any) -> Any:
    """Whether ``x`` is at most ``y``, for each element."""
    return ops.less_equal(x, y)


def greater(x: Any, y: Any) -> Any:
    """Whether ``x`` is above ``y``, for each element."""
    return ops.greater(x, y)


def greater_equal(x: Any, y: Any) -> Any:
    """Whether ``x`` is at least ``y``, for each element."""
    return ops.greater_equal(x, y)


lesser, lesser_equal = less, less_equal


def maximum(x: Any, y: Any) -> Any:
    """The greater of two."""
    return ops.maximum(x, y)


def minimum(x: Any, y: Any) -> Any:
    """The lesser of two."""
    return ops.minimum(x, y)


def dot(x: Any, y: Any) -> Any:
    """The sum over the last axis of ``x`` and the second last of ``y``: ``(2, 3) . (4, 3, 5) -> (2, 4, 5)``."""
    return ops.dot(x, y)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """For each row of a batch, the sum over an axis of ``x`` and one of ``y``; at least two axes come out.

    Arguments:
        axes: one for both or one for each; by default the last of ``x`` and the second last of ``y`` (its last, when it
            has two).

    >>> batch_dot(torch.ones(8, 3, 4), torch.ones(8, 4, 5)).shape, batch_dot(torch.ones(8, 4), torch.ones(8, 4)).shape
    (torch.Size([8, 3, 5]), torch.Size([8, 1]))
    """
    x, y = tensors(x, y)
    if len(x.shape) < 2 or len(y.shape) < 2:
        raise ValueError(f"batch_dot takes tensors with a batch and at least one more axis, and got shapes "
                         f"{tuple(x.shape)} and {tuple(y.shape)}.")  # fmt: skip
    if axes is None:
        axes = (len(x.shape) - 1, 1 if len(y.shape) == 2 else len(y.shape) - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    [first], [second] = axes_of(x, first), axes_of(y, second)
    if first == 0 or second == 0:
        raise ValueError(f"batch_dot can't sum over the batch, axis 0, and got axes={axes}.")
    if None not in (x.shape[first], y.shape[second]) and x.shape[first] != y.shape[second]:
        raise ValueError(f"batch_dot sums over axes of one size, and got axis {first} of {tuple(x.shape)} and axis "
                         f"{second} of {tuple(y.shape)}.")  # fmt: skip
    return _batch_dot(x, y, first, second)


@recorded
def _batch_dot(x: Any, y: Any, first: int, second: int) -> Any:
    x, y = x.movedim(first, -1), y.movedim(second, 1)
    rest_x, rest_y = x.shape[1:-1], y.shape[2:]
    product = torch.bmm(x.reshape(x.shape[0], -1, x.shape[-1]), y.reshape(y.shape[0], y.shape[1], -1))
    sizes = (*rest_x, *rest_y) or (1,)
    return product.reshape(x.shape[0], *sizes)


def batch_dot_keras2(x: Any, y: Any, axes: Any = None) -> Any:
    """:func:`batch_dot` up to Keras 2.2, which multiplied matrices: of four axes and more all but the last two go together.

    >>> batch_dot_keras2(torch.ones(8, 2, 3, 4), torch.ones(8, 2, 4, 5), axes=(3, 2)).shape
    torch.Size([8, 2, 3, 5])
    """
    x, y = tensors(x, y)
    if axes is None:
        axes = (len(x.shape) - 1, len(y.shape) - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    return _batch_dot_keras2(x, y, first, second)


@recorded
def _batch_dot_keras2(x: Any, y: Any, first: int, second: int) -> Any:
    x_axes, y_axes = x.ndim, y.ndim
    both = max(x_axes, y_axes)
    x, y = (one.reshape(*one.shape, *[1] * (both - one.ndim)) for one in (x, y))
    if both == 2:
        product = (x * y).sum(first) if first == second else (x.transpose(0, 1) * y).sum(second)
    else:
        product = (x if first == both - 1 else x.transpose(-1, -2)) @ (y.transpose(-1, -2) if second == both - 1 else y)
    begin = x_axes + y_axes - 3 if x_axes > y_axes else x_axes - 1
    for _ in range(abs(x_axes - y_axes)):
        product = product.squeeze(begin)
    return product.unsqueeze(1) if product.ndim == 1 else product


# ---- shapes --------------------------------------------------------------------------------------------------------


def transpose(x: Any) -> Any:
    """The axes in reverse order."""
    return ops.transpose(x)


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """The axes in another order, the batch's too."""
    return ops.transpose(x, tuple(pattern))


def reshape(x: Any, shape: Any) -> Any:
    """The same elements in another shape."""
    return ops.reshape(x, shape)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """A new axis of size 1."""
    return ops.expand_dims(x, axis)


def squeeze(x: Any, axis: int) -> Any:
    """Without an axis of size 1."""
    return ops.squeeze(x, axis)


def flatten(x: Any) -> Any:
    """All elements in a row."""
    return ops.ravel(x)


def batch_flatten(x: Any) -> Any:
    """The elements of each row of a batch in a row."""
    return torch.flatten(as_tensor(x), 1)


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Tensors one after another along an axis."""
    return ops.concatenate(tensors, axis)


def repeat(x: Any, n: int) -> Any:
    """Each row of a matrix ``n`` times: ``(batch, d) -> (batch, n, d)``."""
    x = as_tensor(x)
    if len(x.shape) != 2:
        raise ValueError(f"repeat takes a matrix (batch, features), and got shape {tuple(x.shape)}.")
    return torch.unsqueeze(x, 1).expand(-1, n, -1)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element ``rep`` times along an axis: ``a, b`` becomes ``a, a, b, b``."""
    return ops.repeat(x, rep, axis)


def tile(x: Any, n: Any) -> Any:
    """``x`` repeated as a whole along each axis."""
    return ops.tile(x, n)


def reverse(x: Any, axes: Any) -> Any:
    """In reverse order along axes."""
    return ops.flip(x, axes)


def gather(reference: Any, indices: Any) -> Any:
    """The slices of ``reference`` along its first axis at these places."""
    return ops.take(reference, indices, axis=0)


def slice(x: Any, start: Any, size: Any) -> Any:
    """A block of ``size`` that begins at ``start``."""
    return ops.slice(x, start, size)


def size(x: Any, name: str | None = None) -> Any:
    """The number of elements."""
    return ops.size(x)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """``start, start + step, ...`` below ``stop``; with one argument, from 0 up to it, and nothing for a negative one."""
    if stop is None and isinstance(start, int) and start < 0:
        start = 0
    return ops.arange(start, stop, step, dtype)


def one_hot(indices: Any, num_classes: int) -> Any:
    """1 at each class number, 0 elsewhere, along a new last axis."""
    return ops.one_hot(indices, num_classes)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """``x`` over its Euclidean norm along an axis, or (``None``) over all."""
    return ops.normalize(x, axis, epsilon=1e-6)
