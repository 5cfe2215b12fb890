"""NumPy's products of tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from lamina.ops._tensors import as_inexact, is_inexact, is_tensor, operations, promoted, recorded, tensors


def _factors(x1: Any, x2: Any) -> tuple[Any, Any, torch.dtype]:
    """Both in a type that torch has products for, and the type of the result."""
    if is_tensor(x1) and is_tensor(x2) and x1.dtype is x2.dtype and is_inexact(x1.dtype):
        return x1, x2, x1.dtype
    x1, x2 = tensors(x1, x2)
    both_int8 = x1.dtype is x2.dtype is torch.int8
    x1, x2 = promoted(x1, x2)
    result = torch.int32 if both_int8 else x1.dtype
    work = torch.int32 if result is torch.bool else result
    return x1.to(work), x2.to(work), result


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes; those in front are broadcast."""
    x1, x2, result = _factors(x1, x2)
    return _as(torch.matmul(x1, x2), result)


def _as(x: Any, dtype: torch.dtype) -> Any:
    return x if x.dtype is dtype else x.to(dtype)


def dot(x1: Any, x2: Any) -> Any:
    """The sum over the last axis of ``x1`` and the second last (or only) one of ``x2``; numbers are multiplied."""
    x1, x2, result = _factors(x1, x2)
    if not x1.shape or not x2.shape:
        return _as(x1 * x2, result)
    if len(x2.shape) == 1 or len(x1.shape) == len(x2.shape) == 2:
        return _as(torch.matmul(x1, x2), result)
    return _as(torch.tensordot(x1, x2, dims=[[len(x1.shape) - 1], [len(x2.shape) - 2]]), result)  # pyright: ignore[reportArgumentType]


def inner(x1: Any, x2: Any) -> Any:
    """The sum over the last axes of both."""
    x1, x2, result = _factors(x1, x2)
    return _as(torch.inner(x1, x2), result)


def vdot(x1: Any, x2: Any) -> Any:
    """The sum of the products of all elements, those of a complex ``x1`` conjugated."""
    x1, x2, result = _factors(x1, x2)
    x1 = torch.conj(x1) if x1.dtype.is_complex else x1
    return _as(torch.matmul(torch.reshape(x1, (-1,)), torch.reshape(x2, (-1,))), result)


def outer(x1: Any, x2: Any) -> Any:
    """Each element of ``x1`` times each of ``x2``."""
    x1, x2 = promoted(x1, x2)
    return torch.outer(torch.reshape(x1, (-1,)), torch.reshape(x2, (-1,)))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum over several axes: the last ``axes`` of ``x1`` and the first of ``x2``, or two lists of them."""
    x1, x2, result = _factors(x1, x2)
    if not isinstance(axes, int):
        axes = [[one] if isinstance(one, int) else list(one) for one in axes]
    return _as(torch.tensordot(x1, x2, dims=axes), result)


def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product: each element of ``x1`` times the whole ``x2``."""
    return torch.kron(*promoted(x1, x2))


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sums of products by Einstein's rule, e.g. ``einsum("ij,jk->ik", a, b)``."""
    unknown = kwargs.keys() - {"optimize"}
    if unknown:
        raise TypeError(f"einsum has no argument {min(unknown)!r}.")
    factors = tensors(*operands)
    all_int8 = all(one.dtype is torch.int8 for one in factors)
    factors = promoted(*factors)
    result = torch.int32 if all_int8 else factors[0].dtype
    work = torch.int32 if result is torch.bool else result
    return _as(torch.einsum(subscripts, *(_as(one, work) for one in factors)), result)


@recorded
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector perpendicular to two vectors of 3 (or 2, the third being 0) along ``axisa`` and ``axisb``.

    Two vectors of 2 each give the third component alone; else the result's vectors lie along ``axisc``.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = promoted(x1, x2)
    x1, x2 = torch.movedim(x1, axisa, -1), torch.movedim(x2, axisb, -1)
    if {x1.shape[-1], x2.shape[-1]} - {2, 3}:
        raise ValueError(f"cross takes vectors of 2 or 3 numbers, and got {x1.shape[-1]} and {x2.shape[-1]}.")
    if x1.shape[-1] == x2.shape[-1] == 2:
        return x1[..., 0] * x2[..., 1] - x1[..., 1] * x2[..., 0]
    x1, x2 = (F.pad(one, (0, 3 - one.shape[-1])) for one in (x1, x2))
    return torch.movedim(torch.linalg.cross(*torch.broadcast_tensors(x1, x2)), -1, axisc)


@recorded
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """``sum(x1[i + k] * x2[i])`` for each shift ``k`` of two rows of numbers.

    Arguments:
        mode: ``"full"`` has every shift with an overlap, ``"same"`` the middle ones, as many as ``x1`` is long,
            ``"valid"`` those with a full overlap.
    """
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"correlate takes mode 'full', 'same' or 'valid', and got {mode!r}.")
    x1, x2 = promoted(x1, x2, inexact=True)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"correlate takes two rows of numbers, and got shapes {tuple(x1.shape)} and {tuple(x2.shape)}."
        )
    full = F.conv1d(x1[None, None], x2[None, None], padding=len(x2) - 1)[0, 0]
    lengths = {"full": len(full), "same": len(x1), "valid": abs(len(x1) - len(x2)) + 1}
    return full.narrow(0, (len(full) - lengths[mode]) // 2, lengths[mode])


def corrcoef(x: Any) -> Any:
    """The correlation of each row with each other."""
    return torch.corrcoef(as_inexact(x))


operations(globals())
