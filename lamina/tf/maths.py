"""Arithmetic, sums and linear algebra: ``tf.math``, ``tf.linalg``, ``tf.signal`` and what stands in ``tf`` of them.

Functions of one number or two are those by which ``lamina.saving.tf_operations`` reads tf.keras's files: one table for both.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import torch

from lamina import ops
from lamina.dtypes import as_dtype
from lamina.ops._tensors import recorded
from lamina.saving.keras_operations import KERAS_OPERATIONS
from lamina.saving.tf_functions import COMPOSED
from lamina.saving.tf_operations import FUNCTIONS
from lamina.tf.sizes import Sizes
from lamina.tf.table import (
    TABLE,
    Function,
    also,
    as_before,
    axes_of,
    first_given,
    number,
    tensor,
    together,
    word,
)

# ---- one number and two --------------------------------------------------------------------------------------------

_TWO = """
    add subtract multiply floordiv floormod mod pow maximum minimum less less_equal greater greater_equal equal not_equal
    logical_and logical_or logical_xor divide_no_nan
"""
_ONE = """
    negative abs exp expm1 log log1p sqrt rsqrt square sin cos tan asin acos atan sinh cosh tanh sigmoid sign floor ceil
    round reciprocal erf asinh acosh atanh rint erfinv log_sigmoid bessel_i0 logical_not is_nan is_finite is_inf softplus
"""
_OF_NETWORKS = "relu relu6 sigmoid tanh elu selu softplus softsign"
# Names of tf.math that tf has, too.
_IN_TF = """
    abs accumulate_n acos acosh add add_n argmax argmin asin asinh atan atan2 atanh ceil conj cos cosh cumprod cumsum
    divide equal erf exp expm1 floor floordiv floormod greater greater_equal is_finite is_inf is_nan less less_equal log
    log1p logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative not_equal pow real imag
    reciprocal reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum
    reduce_euclidean_norm reduce_std reduce_variance rint round rsqrt scalar_mul sigmoid sign sin sinh sqrt square
    squared_difference subtract tan tanh truediv bincount count_nonzero confusion_matrix lgamma digamma erfc angle complex
    cross xdivy
"""
# Those that tf had in TensorFlow 1.
_IN_TF1 = """
    ceil log log1p is_nan is_finite is_inf lgamma digamma erf erfc rsqrt reciprocal rint real imag conj angle xdivy
    count_nonzero bincount confusion_matrix cross squared_difference
"""


def _operation(name: str) -> Any:
    return KERAS_OPERATIONS[FUNCTIONS[name][0]].function


def _one(name: str) -> Function:
    function = _operation(name)

    def of_one(x: Any) -> Any:
        return function(tensor(x))

    of_one.__name__, of_one.__doc__ = name.rpartition(".")[2], f"``{function.__name__}`` of each number."
    return of_one


def _two(name: str) -> Function:
    function = _operation(name)

    def of_two(x: Any, y: Any) -> Any:
        return function(*together(x, y))

    of_two.__name__, of_two.__doc__ = name.rpartition(".")[2], f"``{function.__name__}`` of each pair of numbers."
    return of_two


for _name in _ONE.split():
    word(f"math.{_name}")(_one(f"math.{_name}"))
for _name in _TWO.split():
    word(f"math.{_name}")(_two(f"math.{_name}"))


def _feature(name: str) -> Function:
    function = _operation(name)

    def of_features(features: Any) -> Any:
        return function(tensor(features))

    of_features.__name__, of_features.__doc__ = name.rpartition(".")[2], f"``{function.__name__}`` of each number."
    return of_features


for _name in _OF_NETWORKS.split():
    word(f"nn.{_name}")(_feature(f"nn.{_name}"))


@word("math.truediv", "math.divide", "realdiv", "compat.v1.truediv")
def divide(x: Any, y: Any) -> Any:
    """The quotient; of whole numbers a fraction, as in Python."""
    first, second = together(x, y)
    if not (first.dtype.is_floating_point or first.dtype.is_complex):
        wide = torch.float32 if first.dtype in (torch.int8, torch.int16, torch.uint8) else torch.float64
        first, second = ops.cast(first, wide), ops.cast(second, wide)
    return ops.divide(first, second)


@word("compat.v1.div", "compat.v1.truncatediv", "truncatediv")
def divide_of_tf1(x: Any, y: Any) -> Any:
    """The quotient; of whole numbers a whole one."""
    first, second = together(x, y)
    return divide(first, second) if first.dtype.is_floating_point else ops.floor_divide(first, second)


def _shared(names: str) -> None:
    """Functions of several operations that files have, too: the first argument is a tensor."""
    for name in names.split():
        function = COMPOSED[name]

        def shared(*args: Any, function: Any = function, **kwargs: Any) -> Any:
            return function(tensor(args[0]) if args else tensor(kwargs.pop("x")), *args[1:], **kwargs)

        shared.__doc__, shared.__wrapped__ = function.__doc__, function  # pyright: ignore[reportFunctionMemberAccess]
        word(name)(shared)


_shared("math.reciprocal_no_nan math.erfc linalg.diag_part linalg.trace linalg.matrix_transpose nn.crelu")


@word("math.squared_difference")
def squared_difference(x: Any, y: Any) -> Any:
    """``(x - y) ** 2``."""
    return COMPOSED["math.squared_difference"](*together(x, y))


@word("math.multiply_no_nan")
def multiply_no_nan(x: Any, y: Any) -> Any:
    """The product, which is 0 wherever ``y`` is."""
    return COMPOSED["math.multiply_no_nan"](*together(x, y))


@word("math.xlogy")
def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, which is 0 wherever ``x`` is."""
    return COMPOSED["math.xlogy"](*together(x, y))


@word("math.xlog1py")
def xlog1py(x: Any, y: Any) -> Any:
    """``x * log(1 + y)``, which is 0 wherever ``x`` is."""
    first, second = together(x, y)
    return ops.where(ops.equal(first, 0), 0.0, ops.multiply(first, ops.log1p(second)))


@word("math.xdivy")
def xdivy(x: Any, y: Any) -> Any:
    """``x / y``, which is 0 wherever ``x`` is."""
    first, second = together(x, y)
    none = ops.equal(first, 0)
    return ops.where(none, 0.0, ops.divide(first, ops.where(none, 1.0, second)))


@word("math.atan2")
def atan2(y: Any, x: Any) -> Any:
    """The angle of the point ``(x, y)``."""
    return ops.arctan2(*together(y, x))


@word("math.add_n", "math.accumulate_n")
def add_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None) -> Any:
    """The sum of several tensors."""
    if isinstance(inputs, (list, tuple)):
        return COMPOSED["math.add_n"](together(*inputs))
    return tensor(inputs)


@word("math.scalar_mul")
def scalar_mul(scalar: Any, x: Any) -> Any:
    """A multiple of a tensor."""
    return ops.multiply(*together(scalar, x))


@word("math.lgamma")
def lgamma(x: Any) -> Any:
    """The logarithm of the gamma function."""
    return torch.lgamma(tensor(x))


@word("math.digamma")
def digamma(x: Any) -> Any:
    """The derivative of :func:`lgamma`."""
    return torch.digamma(tensor(x))


@word("math.conj")
def conj(x: Any) -> Any:
    """The complex conjugate."""
    x = tensor(x)
    return torch.conj_physical(x) if x.dtype.is_complex else x


@word("math.real")
def real(input: Any) -> Any:
    """The real part."""
    return ops.real(tensor(input))


@word("math.imag")
def imag(input: Any) -> Any:
    """The imaginary part."""
    return ops.imag(tensor(input))


@word("math.angle")
def angle(input: Any) -> Any:
    """The angle of complex numbers."""
    return ops.angle(tensor(input))


@word("complex", "dtypes.complex")
def complex_(real: Any, imag: Any) -> Any:
    """Complex numbers of their parts."""
    return torch.complex(*together(real, imag))


@word("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """What is below or above, at the bounds."""
    x = tensor(t)
    if isinstance(clip_value_min, (int, float)) and isinstance(clip_value_max, (int, float)):
        return ops.clip(x, clip_value_min, clip_value_max)
    x, low, high = together(x, clip_value_min, clip_value_max)
    return ops.maximum(ops.minimum(x, high), low)


@word("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    """Made smaller where the norm is larger than ``clip_norm``."""
    x = tensor(t)
    squares = ops.sum(ops.square(x), axis=axes_of(axes), keepdims=True)
    length = ops.sqrt(ops.where(ops.greater(squares, 0), squares, 1.0))
    return ops.divide(ops.multiply(x, clip_norm), ops.maximum(length, clip_norm))


@word("linalg.global_norm", "global_norm")
def global_norm(t_list: Any) -> Any:
    """The norm of all numbers of several tensors."""
    squares = [ops.sum(ops.square(tensor(one))) for one in t_list if one is not None]
    return ops.sqrt(COMPOSED["math.add_n"](squares))


@word("clip_by_global_norm")
def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None) -> tuple[list[Any], Any]:
    """All made smaller when the norm of all is larger than ``clip_norm``; and that norm."""
    length = global_norm(t_list) if use_norm is None else tensor(use_norm)
    scale = ops.divide(clip_norm, ops.maximum(length, clip_norm))
    return [None if one is None else ops.multiply(tensor(one), scale) for one in t_list], length


# ---- sums ----------------------------------------------------------------------------------------------------------


def _reduction(name: str, function: Function) -> None:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: Any = None, *, keep_dims: Any = None,
               reduction_indices: Any = None) -> Any:  # fmt: skip
        """Over all numbers, or along axes."""
        axes = axes_of(first_given(axis, reduction_indices))
        x = input_tensor
        if isinstance(x, Sizes) and name == "reduce_prod":
            return _product_of_sizes(x)
        x = tensor(x)
        if axes == ():
            return x
        return function(x, axis=axes, keepdims=builtins.bool(first_given(keepdims, keep_dims, False)))

    reduce.__name__ = name
    word(f"math.{name}")(reduce)


def _product_of_sizes(sizes: Sizes) -> Any:
    total: Any = 1
    for one in sizes:
        total = total * one
    return total


def _whole(function: Function) -> Function:
    return lambda x, **given: as_before(x, function(x, **given))


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return ops.mean(x, axis=axis, keepdims=keepdims)
    total = ops.sum(x, axis=axis, keepdims=keepdims)
    count = ops.sum(ops.ones_like(x), axis=axis, keepdims=keepdims)
    return as_before(x, torch.div(total, count, rounding_mode="trunc"))


for _name, _function in {
    "reduce_sum": _whole(ops.sum), "reduce_mean": _mean, "reduce_prod": _whole(ops.prod), "reduce_max": _whole(ops.max),
    "reduce_min": _whole(ops.min), "reduce_any": ops.any, "reduce_all": ops.all, "reduce_std": ops.std,
    "reduce_variance": ops.var, "reduce_logsumexp": ops.logsumexp,
    "reduce_euclidean_norm": lambda x, **given: ops.sqrt(ops.sum(ops.square(x), **given)),
}.items():  # fmt: skip
    _reduction(_name, _function)


@word("math.count_nonzero")
def count_nonzero(
    input: Any, axis: Any = None, keepdims: Any = None, dtype: Any = "int64", *, keep_dims: Any = None
) -> Any:
    """How many numbers are not 0."""
    hits = ops.cast(ops.not_equal(tensor(input), 0), dtype)
    found = ops.sum(hits, axis=axes_of(axis), keepdims=builtins.bool(first_given(keepdims, keep_dims, False)))
    return found.to(as_dtype(dtype))


def _place_of(function: Function) -> Function:
    def found(input: Any, axis: Any = None, output_type: Any = "int64", *, dimension: Any = None) -> Any:
        """The place of the extreme number along an axis, by default the first."""
        return ops.cast(function(tensor(input), axis=axes_of(first_given(axis, dimension, 0))), output_type)

    return found


word("math.argmax")(_place_of(ops.argmax))
word("math.argmin")(_place_of(ops.argmin))


def _running(name: str, function: Function, start: int) -> None:
    def run(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Any:
        """Of all numbers up to each, along an axis."""
        x, axis = tensor(x), int(number(axis))
        x = ops.flip(x, axis=axis) if reverse else x
        if exclusive:
            widths = [(0, 0)] * len(x.shape)
            widths[axis % len(x.shape)] = (1, 0)
            wide = ops.pad(x, widths, mode="constant", constant_values=start)
            x = wide[(*[slice(None)] * (axis % len(x.shape)), slice(None, -1))]
        found = as_before(x, function(x, axis=axis))
        return ops.flip(found, axis=axis) if reverse else found

    word(f"math.{name}")(run)


_running("cumsum", ops.cumsum, 0)
_running("cumprod", ops.cumprod, 1)


@word("math.cumulative_logsumexp")
def cumulative_logsumexp(x: Any, axis: int = 0) -> Any:
    """The logarithm of the sum of the powers of e up to each number."""
    return torch.logcumsumexp(tensor(x), axis)


@word("math.bincount")
def bincount(arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32") -> Any:
    """How often each number comes."""
    x = tensor(arr).reshape(-1)
    given = None if weights is None else tensor(weights).reshape(-1)
    found = torch.bincount(x.long(), given, minlength=int(number(minlength or 0)))
    found = found if maxlength is None else found[: int(number(maxlength))]
    return found.to(as_dtype(dtype) if given is None else given.dtype)


@word("math.confusion_matrix")
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = "int32"
) -> Any:
    """How often each class (rows) was taken for each (columns)."""
    truth, said = tensor(labels).reshape(-1).long(), tensor(predictions).reshape(-1).long()
    count = int(max(truth.max(), said.max())) + 1 if num_classes is None else int(number(num_classes))
    given = torch.ones(len(truth), device=truth.device) if weights is None else tensor(weights).reshape(-1)
    blank = torch.zeros(count, count, dtype=given.dtype, device=truth.device)
    return blank.index_put((truth, said), given, accumulate=True).to(as_dtype(dtype))


@word("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: Any) -> Any:
    """Which part of the numbers is 0."""
    return ops.mean(ops.cast(ops.equal(tensor(value), 0), "float32"))


@word("math.in_top_k", "nn.in_top_k")
def in_top_k(targets: Any, predictions: Any, k: Any) -> Any:
    """Whether each row's number is among its ``k`` most probable."""
    return ops.in_top_k(tensor(targets), tensor(predictions), int(number(k)))


@word("compat.v1.nn.in_top_k")
def in_top_k_of_tf1(predictions: Any, targets: Any, k: Any) -> Any:
    """:func:`in_top_k`, the predictions first."""
    return in_top_k(targets, predictions, k)


# ---- linear algebra ------------------------------------------------------------------------------------------------


@word("linalg.matmul", "matmul", "compat.v1.batch_matmul", "sparse.sparse_dense_matmul")
def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
           adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
           output_type: Any = None, *, adj_x: bool = False, adj_y: bool = False) -> Any:  # fmt: skip
    """The product of the matrices in the last two axes."""
    first, second = together(a, b)
    return COMPOSED["linalg.matmul"](first, second, transpose_a or adj_x, transpose_b or adj_y, adjoint_a, adjoint_b)


@word("linalg.matvec")
def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False) -> Any:
    """The product of matrices and vectors."""
    first, second = together(a, b)
    return ops.squeeze(matmul(first, ops.expand_dims(second, -1), transpose_a, adjoint_a=adjoint_a), axis=-1)


@word("linalg.tensordot", "tensordot")
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    """The product along given axes."""
    return ops.tensordot(*together(a, b), axes=axes.tolist() if hasattr(axes, "tolist") else axes)


@word("linalg.einsum", "einsum")
def einsum(equation: str, *inputs: Any, optimize: str = "greedy") -> Any:
    """A product in Einstein's notation."""
    return ops.einsum(equation.replace(" ", ""), *together(*inputs))


@word("linalg.norm", "norm")
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, *, keep_dims: Any = None) -> Any:
    """The length of vectors; ``ord`` 1, 2, a number, ``inf``."""
    x, axes = _tensor(tensor), axes_of(axis)
    kept = builtins.bool(first_given(keepdims, keep_dims, False))
    if ord in ("euclidean", "fro") or (ord == 2 and not isinstance(axes, tuple)):
        return ops.sqrt(ops.sum(ops.square(ops.absolute(x)), axis=axes, keepdims=kept))
    if isinstance(axes, tuple) and len(axes) == 2:
        return ops.norm(x, ord=ord, axis=axes, keepdims=kept)
    if ord == math.inf:
        return ops.max(ops.absolute(x), axis=axes, keepdims=kept)
    powers = ops.sum(ops.power(ops.absolute(x), ord), axis=axes, keepdims=kept)
    return powers if ord == 1 else ops.power(powers, 1.0 / ord)


_tensor = tensor


@word("math.l2_normalize", "linalg.l2_normalize", "nn.l2_normalize")
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, *, dim: Any = None) -> Any:
    """Of length 1 along axes."""
    return COMPOSED["nn.l2_normalize"](tensor(x), axes_of(first_given(axis, dim)), epsilon)


@word("linalg.normalize")
def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> tuple[Any, Any]:
    """Of length 1 along axes; and the length."""
    length = norm(tensor, ord, axis, True)
    return ops.divide(_tensor(tensor), length), length


@word("linalg.cross")
def cross(a: Any, b: Any) -> Any:
    """The cross product of vectors of three."""
    return ops.cross(*together(a, b))


@word("linalg.band_part", "compat.v1.matrix_band_part")
def band_part(input: Any, num_lower: Any, num_upper: Any) -> Any:
    """What is near the diagonal; -1: all on that side."""
    return COMPOSED["linalg.band_part"](tensor(input), int(number(num_lower)), int(number(num_upper)))


@word("linalg.diag", "compat.v1.matrix_diag", "compat.v1.diag", "linalg.tensor_diag")
def diag(diagonal: Any, k: int = 0) -> Any:
    """Matrices with these numbers on a diagonal, and 0 elsewhere."""
    return torch.diag_embed(tensor(diagonal), k)


also(compat__v1__matrix_diag_part="linalg.diag_part", compat__v1__diag_part="linalg.diag_part",
     linalg__tensor_diag_part="linalg.diag_part", compat__v1__trace="linalg.trace",
     compat__v1__matrix_transpose="linalg.matrix_transpose")  # fmt: skip
TABLE["trace"] = TABLE["linalg.trace"]


@word("linalg.set_diag", "compat.v1.matrix_set_diag")
def set_diag(input: Any, diagonal: Any, k: int = 0) -> Any:
    """Matrices with other numbers on the diagonal."""
    x, numbers = together(input, diagonal)
    hits = torch.eye(x.shape[-2], x.shape[-1], dtype=torch.bool, device=getattr(x, "device", None) if not k else None)
    if k:
        raise ValueError("linalg.set_diag knows the main diagonal, k=0, alone.")
    return ops.where(hits, ops.expand_dims(numbers, -1), x)


@word("linalg.adjoint")
def adjoint(matrix: Any) -> Any:
    """Transposed and conjugated."""
    return ops.conj(ops.swapaxes(tensor(matrix), -1, -2))


def _of_matrices(name: str, function: Function) -> None:
    def of_one(input: Any) -> Any:
        """Of the matrices in the last two axes."""
        return function(tensor(input))

    word(f"linalg.{name}")(of_one)


for _name, _function in {"det": ops.det, "cholesky": ops.cholesky, "logdet": ops.logdet, "slogdet": ops.slogdet,
                         "eigh": ops.eigh, "eig": ops.eig, "expm": torch.matrix_exp}.items():  # fmt: skip
    _of_matrices(_name, _function)


@word("linalg.inv")
def inv(input: Any, adjoint: bool = False) -> Any:
    """The inverse of matrices."""
    found = ops.inv(tensor(input))
    return ops.swapaxes(found, -1, -2) if adjoint else found


@word("linalg.pinv")
def pinv(a: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse of matrices."""
    return ops.pinv(tensor(a), rcond)


@word("linalg.qr")
def qr(input: Any, full_matrices: bool = False) -> Any:
    """An orthogonal and a triangular matrix whose product is the given one."""
    return ops.qr(tensor(input), mode="complete" if full_matrices else "reduced")


@word("linalg.svd")
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """The singular values, and both orthogonal matrices: ``s, u, v``."""
    found = ops.svd(_tensor(tensor), full_matrices=full_matrices, compute_uv=compute_uv)
    return (found[1], found[0], ops.swapaxes(found[2], -1, -2)) if compute_uv else found


@word("linalg.solve", "compat.v1.matrix_solve")
def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Any:
    """``x`` for which ``matrix @ x`` is the right hand side."""
    first, second = together(matrix, rhs)
    return ops.solve(ops.swapaxes(first, -1, -2) if adjoint else first, second)


@word("linalg.triangular_solve", "compat.v1.matrix_triangular_solve")
def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    """:func:`solve` for a triangular matrix."""
    first, second = together(matrix, rhs)
    if adjoint:
        return ops.solve_triangular(ops.swapaxes(first, -1, -2), second, lower=not lower)
    return ops.solve_triangular(first, second, lower=lower)


@word("linalg.eigvalsh")
def eigvalsh(tensor: Any) -> Any:
    """The eigenvalues of symmetric matrices."""
    return torch.linalg.eigvalsh(_tensor(tensor))


# ---- signals -------------------------------------------------------------------------------------------------------


@recorded
def _fft(x: Any, kind: str, length: Any) -> Any:
    functions = {"fft": torch.fft.fft, "ifft": torch.fft.ifft, "fft2d": torch.fft.fft2, "ifft2d": torch.fft.ifft2}
    if kind in functions:
        return functions[kind](x)
    sizes = {"n": None if length is None else int(length[-1])}
    return torch.fft.rfft(x, **sizes) if kind == "rfft" else torch.fft.irfft(x, **sizes)


def _transform(kind: str) -> None:
    def transform(input: Any, fft_length: Any = None) -> Any:
        """The Fourier transform, or its inverse."""
        return _fft(tensor(input), kind, None if fft_length is None else list(fft_length))

    word(f"signal.{kind}")(transform)


for _name in ("fft", "ifft", "fft2d", "ifft2d", "rfft", "irfft"):
    _transform(_name)


@word("signal.frame")
def frame(
    signal: Any, frame_length: int, frame_step: int, pad_end: bool = False, pad_value: Any = 0, axis: int = -1
) -> Any:
    """Overlapping pieces along an axis."""
    return _frame(tensor(signal), int(number(frame_length)), int(number(frame_step)), pad_end, pad_value, axis)


@recorded
def _frame(x: Any, length: int, step: int, pad_end: bool, value: Any, axis: int) -> Any:
    x = x.movedim(axis, -1)
    if pad_end:
        missing = (-(-x.shape[-1] // step) - 1) * step + length - x.shape[-1]
        x = torch.nn.functional.pad(x, (0, max(missing, 0)), value=value)
    place = axis if axis < 0 else axis - x.dim()
    return x.unfold(-1, length, step).movedim((-2, -1), (place - 1, place))


@word("signal.hann_window")
def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """Hann's window."""
    return torch.hann_window(int(number(window_length)), periodic=periodic, dtype=as_dtype(dtype))


@word("signal.hamming_window")
def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """Hamming's window."""
    return torch.hamming_window(int(number(window_length)), periodic=periodic, dtype=as_dtype(dtype))


@word("signal.stft")
def stft(signals: Any, frame_length: int, frame_step: int, fft_length: Any = None, window_fn: Any = hann_window,
         pad_end: bool = False) -> Any:  # fmt: skip
    """The Fourier transforms of overlapping pieces."""
    pieces = frame(signals, frame_length, frame_step, pad_end)
    if window_fn is not None:
        pieces = pieces * window_fn(frame_length, dtype=pieces.dtype)
    length = 2 ** math.ceil(math.log2(frame_length)) if fft_length is None else int(number(fft_length))
    return _fft(pieces, "rfft", [length])


for _name in _IN_TF.split():
    if f"math.{_name}" in TABLE:
        TABLE.setdefault(_name, TABLE[f"math.{_name}"])
also(compat__v1__mul="math.multiply", compat__v1__sub="math.subtract", compat__v1__neg="math.negative",
     compat__v1__log_sigmoid="math.log_sigmoid", compat__v1__svd="linalg.svd", compat__v1__cholesky="linalg.cholesky",
     compat__v1__matrix_determinant="linalg.det", compat__v1__matrix_inverse="linalg.inv", compat__v1__qr="linalg.qr",
     compat__v1__floor_div="math.floordiv", floor_div="math.floordiv", nn__log_sigmoid="math.log_sigmoid",
     compat__v1__fft="signal.fft",
     compat__v1__self_adjoint_eig="linalg.eigh")  # fmt: skip
for _name in _IN_TF1.split():
    TABLE[f"compat.v1.{_name}"] = TABLE.get(f"math.{_name}") or TABLE[f"linalg.{_name}"]
TABLE["cross"] = TABLE["linalg.cross"]
