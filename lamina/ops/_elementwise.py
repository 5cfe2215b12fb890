"""NumPy's functions of each element, on torch. Each takes tensors, arrays, numbers and symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch

from lamina.dtypes import as_dtype
from lamina.ops._tensors import as_inexact, as_number, as_tensor, beside, is_inexact, needs_data, operations, promoted

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)


class OfOne(Protocol):
    """An operation on one tensor."""

    def __call__(self, x: Any) -> Any: ...


class OfTwo(Protocol):
    """An operation on two tensors."""

    def __call__(self, x1: Any, x2: Any) -> Any: ...


class OfBits(Protocol):
    """An operation on the bits of two tensors."""

    def __call__(self, x: Any, y: Any) -> Any: ...


def _named(operation: F, name: str, formula: str) -> F:
    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = f"{formula}, for each element."
    return operation


# ---- of one argument -----------------------------------------------------------------------------------------------


def _of_fractions(name: str, function: Function, formula: str) -> OfOne:
    """Whole numbers become ``floatx`` first."""

    def operation(x: Any) -> Any:
        return function(as_inexact(x))

    return _named(operation, name, formula)


def _of_numbers(name: str, function: Function, formula: str) -> OfOne:
    """The type stays; truth values become int32 first."""

    def operation(x: Any) -> Any:
        return function(as_number(x))

    return _named(operation, name, formula)


def _of_any(name: str, function: Function, formula: str) -> OfOne:
    def operation(x: Any) -> Any:
        return function(as_tensor(x))

    return _named(operation, name, formula)


sin = _of_fractions("sin", torch.sin, "``sin(x)``")
cos = _of_fractions("cos", torch.cos, "``cos(x)``")
tan = _of_fractions("tan", torch.tan, "``tan(x)``")
arcsin = _of_fractions("arcsin", torch.asin, "The angle whose sine is ``x``")
arccos = _of_fractions("arccos", torch.acos, "The angle whose cosine is ``x``")
arctan = _of_fractions("arctan", torch.atan, "The angle whose tangent is ``x``")
sinh = _of_fractions("sinh", torch.sinh, "``(exp(x) - exp(-x)) / 2``")
cosh = _of_fractions("cosh", torch.cosh, "``(exp(x) + exp(-x)) / 2``")
tanh = _of_fractions("tanh", torch.tanh, "``sinh(x) / cosh(x)``")
arcsinh = _of_fractions("arcsinh", torch.asinh, "The inverse of ``sinh``")
arccosh = _of_fractions("arccosh", torch.acosh, "The inverse of ``cosh``")
arctanh = _of_fractions("arctanh", torch.atanh, "The inverse of ``tanh``")
exp = _of_fractions("exp", torch.exp, "``e ** x``")
exp2 = _of_fractions("exp2", torch.exp2, "``2 ** x``")
expm1 = _of_fractions("expm1", torch.expm1, "``e ** x - 1``, exact for small ``x``")
log = _of_fractions("log", torch.log, "The natural logarithm of ``x``")
log2 = _of_fractions("log2", torch.log2, "The logarithm to base 2")
log10 = _of_fractions("log10", torch.log10, "The logarithm to base 10")
log1p = _of_fractions("log1p", torch.log1p, "``log(1 + x)``, exact for small ``x``")
sqrt = _of_fractions("sqrt", torch.sqrt, "The square root of ``x``")
reciprocal = _of_fractions("reciprocal", torch.reciprocal, "``1 / x``")
rsqrt = _of_fractions("rsqrt", torch.rsqrt, "``1 / sqrt(x)``")
erf = _of_fractions("erf", torch.erf, "The error function, ``2 / sqrt(pi) * integral of exp(-t ** 2)``")
erfc = _of_fractions("erfc", torch.erfc, "``1 - erf(x)``")
erfinv = _of_fractions("erfinv", torch.erfinv, "The inverse of ``erf``")
sinc = _of_fractions("sinc", torch.sinc, "``sin(pi x) / (pi x)``, and 1 at 0")
i0 = _of_fractions("i0", torch.i0, "The modified Bessel function of the first kind and order 0")
deg2rad = _of_fractions("deg2rad", torch.deg2rad, "``x * pi / 180``")
rad2deg = _of_fractions("rad2deg", torch.rad2deg, "``x * 180 / pi``")
angle = _of_fractions("angle", torch.angle, "The angle of a complex number")
fabs = _of_fractions("fabs", torch.abs, "``|x|`` as a fraction")
ceil = _of_fractions("ceil", torch.ceil, "The least whole number not below ``x``")
floor = _of_fractions("floor", torch.floor, "The greatest whole number not above ``x``")
cbrt = _of_fractions("cbrt", lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3), "The cube root of ``x``")

square = _of_numbers("square", torch.square, "``x * x``")
negative = _of_any("negative", torch.neg, "``-x``")
sign = _of_any("sign", torch.sign, "-1, 0 or 1")
absolute = _of_any("absolute", lambda x: x if x.dtype is torch.bool else torch.abs(x), "``|x|``")
abs = absolute
real = _of_any("real", lambda x: torch.real(x) if x.is_complex() else x, "The real part")
imag = _of_any("imag", lambda x: torch.imag(x) if x.is_complex() else torch.zeros_like(x), "The imaginary part")
conjugate = _of_any("conjugate", torch.conj, "The complex conjugate")
conj = conjugate
trunc = _of_any("trunc", lambda x: torch.trunc(x) if is_inexact(x.dtype) else x, "``x`` without its fraction")
copy = _of_any("copy", torch.clone, "``x`` in memory of its own")
isfinite = _of_any("isfinite", torch.isfinite, "Whether ``x`` is neither infinite nor NaN")
isinf = _of_any("isinf", torch.isinf, "Whether ``x`` is infinite")
isnan = _of_any("isnan", torch.isnan, "Whether ``x`` is NaN")
isneginf = _of_any("isneginf", torch.isneginf, "Whether ``x`` is minus infinity")
isposinf = _of_any("isposinf", torch.isposinf, "Whether ``x`` is plus infinity")
isreal = _of_any("isreal", torch.isreal, "Whether ``x`` has no imaginary part")
signbit = _of_any("signbit", torch.signbit, "Whether the sign of ``x`` is minus, of -0.0 too")
logical_not = _of_any("logical_not", torch.logical_not, "Whether ``x`` is 0")
bitwise_not = _of_any("bitwise_not", torch.bitwise_not, "``x`` with each bit turned over")
bitwise_invert = _of_any("bitwise_invert", torch.bitwise_not, "``x`` with each bit turned over")


def round(x: Any, decimals: int = 0) -> Any:
    """``x`` rounded to so many decimals, halves to even; negative ones round to tens, hundreds, ..."""
    x = as_number(x)
    if is_inexact(x.dtype):
        return torch.round(x, decimals=decimals)
    if decimals >= 0:
        return x
    return torch.round(x.to(as_dtype(None)), decimals=decimals).to(x.dtype)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """``min(max(x, x_min), x_max)``; the limits are numbers or tensors, ``None`` is no limit."""
    limits = [limit for limit in (x_min, x_max) if limit is not None]
    if not limits:
        return as_tensor(x)
    x = as_number(x)
    if any(not isinstance(limit, (int, float)) for limit in limits):
        x, *limits = promoted(x, *limits)
    elif not is_inexact(x.dtype) and any(isinstance(limit, float) for limit in limits):
        x = x.to(as_dtype(None))
    found = iter(limits)
    low, high = (None if limit is None else next(found) for limit in (x_min, x_max))
    return torch.clamp(x, low, high)


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """``x`` with numbers for NaN and the infinities; ``None`` is the type's greatest and least."""
    return torch.nan_to_num(as_tensor(x), nan=nan, posinf=posinf, neginf=neginf)


# ---- of two arguments ----------------------------------------------------------------------------------------------


def _arithmetic(name: str, function: Function, formula: str) -> OfTwo:
    """torch's function takes a Python number on the right as it is."""

    def operation(x1: Any, x2: Any) -> Any:
        x1, x2 = beside(x1, x2)
        return function(x1, x2)

    return _named(operation, name, formula)


def _pairwise(name: str, function: Function, formula: str, inexact: bool = False, number: bool = False) -> OfTwo:
    """torch's function takes tensors of one type."""

    def operation(x1: Any, x2: Any) -> Any:
        return function(*promoted(x1, x2, inexact=inexact, number=number))

    return _named(operation, name, formula)


def _bits(name: str, function: Function, formula: str) -> OfBits:
    def operation(x: Any, y: Any) -> Any:
        return function(*promoted(x, y))

    return _named(operation, name, formula)


def _add(x1: Any, x2: Any) -> Any:
    return torch.add(x1, x2) if hasattr(x1, "dtype") else torch.add(x2, x1)


def _multiply(x1: Any, x2: Any) -> Any:
    return torch.mul(x1, x2) if hasattr(x1, "dtype") else torch.mul(x2, x1)


def _divide(x1: Any, x2: Any) -> Any:
    if not hasattr(x1, "dtype"):
        return x1 / as_inexact(x2)
    return torch.div(as_inexact(x1), x2)


def _subtract(x1: Any, x2: Any) -> Any:
    if hasattr(x1, "dtype") and x1.dtype is torch.bool:
        raise TypeError("subtract is not defined for truth values; use logical_xor, or cast them.")
    return torch.sub(x1, x2) if hasattr(x1, "dtype") else x1 - x2


def _floor_divide(x1: Any, x2: Any) -> Any:
    return torch.div(x1, x2, rounding_mode="floor")


def _divide_no_nan(x1: Any, x2: Any) -> Any:
    zero = torch.eq(x2, 0)
    return torch.where(zero, 0, x1 / torch.where(zero, 1, x2))


def _power(x1: Any, x2: Any) -> Any:
    return torch.pow(x1, x2)


def _ldexp(x1: Any, x2: Any) -> Any:
    return x1 * torch.exp2(x2)


add = _arithmetic("add", _add, "``x1 + x2``")
subtract = _arithmetic("subtract", _subtract, "``x1 - x2``")
multiply = _arithmetic("multiply", _multiply, "``x1 * x2``")
divide = _arithmetic("divide", _divide, "``x1 / x2``")
true_divide = _arithmetic("true_divide", _divide, "``x1 / x2``")
power = _arithmetic("power", _power, "``x1 ** x2``")
equal = _pairwise("equal", torch.eq, "Whether ``x1`` is ``x2``")
not_equal = _pairwise("not_equal", torch.ne, "Whether ``x1`` is not ``x2``")
less = _pairwise("less", torch.lt, "Whether ``x1`` is below ``x2``")
less_equal = _pairwise("less_equal", torch.le, "Whether ``x1`` is at most ``x2``")
greater = _pairwise("greater", torch.gt, "Whether ``x1`` is above ``x2``")
greater_equal = _pairwise("greater_equal", torch.ge, "Whether ``x1`` is at least ``x2``")
floor_divide = _pairwise("floor_divide", _floor_divide, "``floor(x1 / x2)``", number=True)
mod = _pairwise("mod", torch.remainder, "``x1 - floor(x1 / x2) * x2``: the sign of ``x2``", number=True)
fmod = _pairwise("fmod", torch.fmod, "``x1 - trunc(x1 / x2) * x2``: the sign of ``x1``", number=True)
maximum = _pairwise("maximum", torch.maximum, "The greater of two; NaN when one is")
minimum = _pairwise("minimum", torch.minimum, "The lesser of two; NaN when one is")
fmax = _pairwise("fmax", torch.fmax, "The greater of two that is not NaN")
fmin = _pairwise("fmin", torch.fmin, "The lesser of two that is not NaN")
divide_no_nan = _pairwise("divide_no_nan", _divide_no_nan, "``x1 / x2``, and 0 where ``x2`` is 0", inexact=True)
arctan2 = _pairwise("arctan2", torch.atan2, "The angle of the point ``(x2, x1)``", inexact=True)
hypot = _pairwise("hypot", torch.hypot, "``sqrt(x1 ** 2 + x2 ** 2)``", inexact=True)
heaviside = _pairwise("heaviside", torch.heaviside, "0 below 0, 1 above, and ``x2`` where ``x1`` is 0", inexact=True)
logaddexp = _pairwise("logaddexp", torch.logaddexp, "``log(exp(x1) + exp(x2))``", inexact=True)
logaddexp2 = _pairwise("logaddexp2", torch.logaddexp2, "``log2(2 ** x1 + 2 ** x2)``", inexact=True)
nextafter = _pairwise("nextafter", torch.nextafter, "The next number from ``x1`` towards ``x2``", inexact=True)
gcd = _pairwise("gcd", torch.gcd, "The greatest common divisor")
lcm = _pairwise("lcm", torch.lcm, "The least common multiple")
logical_and = _pairwise("logical_and", torch.logical_and, "Whether neither is 0")
logical_or = _pairwise("logical_or", torch.logical_or, "Whether one is not 0")
logical_xor = _pairwise("logical_xor", torch.logical_xor, "Whether exactly one is not 0")
bitwise_and = _bits("bitwise_and", torch.bitwise_and, "The bits that are set in both")
bitwise_or = _bits("bitwise_or", torch.bitwise_or, "The bits that are set in either")
bitwise_xor = _bits("bitwise_xor", torch.bitwise_xor, "The bits that are set in exactly one")
left_shift = _bits("left_shift", torch.bitwise_left_shift, "The bits of ``x``, moved ``y`` places up")
right_shift = _bits("right_shift", torch.bitwise_right_shift, "The bits of ``x``, moved ``y`` places down")
bitwise_left_shift = _bits("bitwise_left_shift", torch.bitwise_left_shift, "The bits of ``x``, moved ``y`` places up")
bitwise_right_shift = _bits(
    "bitwise_right_shift", torch.bitwise_right_shift, "The bits of ``x``, moved ``y`` places down"
)


def ldexp(x1: Any, x2: Any) -> Any:
    """``x1 * 2 ** x2`` for whole ``x2``."""
    x2 = as_tensor(x2)
    if is_inexact(x2.dtype) or x2.dtype is torch.bool:
        raise TypeError(f"ldexp takes whole numbers as x2, and got {str(x2.dtype).removeprefix('torch.')}.")
    return _ldexp(*promoted(x1, x2, inexact=True))


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``, for each element."""
    return torch.isclose(*promoted(x1, x2, number=True), rtol=rtol, atol=atol, equal_nan=equal_nan)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """``x1`` where the condition holds, ``x2`` elsewhere. Without them: the places where it holds, as ``nonzero``."""
    condition = as_tensor(condition)
    condition = condition if condition.dtype is torch.bool else condition.to(torch.bool)
    if x1 is None and x2 is None:
        needs_data("where", condition)
        return torch.where(condition)
    if x1 is None or x2 is None:
        raise ValueError("where takes both x1 and x2, or neither of them.")
    return torch.where(condition, *promoted(x1, x2))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element the choice of the first condition that holds, and ``default`` where none does."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"select takes a choice for each condition, and got {len(condlist)} conditions and "
                         f"{len(choicelist)} choices.")  # fmt: skip
    *choices, result = promoted(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        result = torch.where(as_tensor(condition), choice, result)
    return result


def view(x: Any, dtype: Any = None) -> Any:
    """The same memory read as another type."""
    x = as_tensor(x)
    return x if dtype is None else x.view(as_dtype(dtype))


operations(globals())
