"""Keras's ``ops.linalg``: linear algebra over the last two axes, on ``torch.linalg``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lamina.ops._tensors import as_inexact, axes_of, is_inexact, operations, promoted, recorded, tensors

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor", "matrix_rank", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _matrices(x: Any, name: str, square: bool = True) -> Any:
    """``x`` as fractions; refused unless its last two axes are (equal) rows and columns."""
    x = as_inexact(x)
    if len(x.shape) < 2 or (square and x.shape[-1] != x.shape[-2]):
        wanted = "square matrices, (..., n, n)" if square else "matrices, (..., m, n)"
        raise ValueError(f"{name} takes {wanted}, and got shape {tuple(x.shape)}.")
    return x


def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangle ``L`` with ``L @ L.T = x``, or the upper one with ``U.T @ U = x``.

    Raises:
        ValueError: for a matrix that is not positive definite.
    """
    x = _matrices(x, "cholesky")
    try:
        return torch.linalg.cholesky(x, upper=upper)
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise ValueError("cholesky takes positive definite matrices, and got one that is not.") from error


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose Cholesky triangle is ``x``."""
    return torch.cholesky_inverse(_matrices(x, "cholesky_inverse"), upper=upper)


def det(x: Any) -> Any:
    """The determinant."""
    return torch.linalg.det(_matrices(x, "det"))


def slogdet(x: Any) -> Any:
    """The determinant's sign, and the logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(_matrices(x, "slogdet")))


def eig(x: Any) -> Any:
    """Eigenvalues and, as columns, right eigenvectors; complex numbers."""
    return tuple(torch.linalg.eig(_matrices(x, "eig")))


def eigh(x: Any) -> Any:
    """Eigenvalues and, as columns, eigenvectors of a symmetric matrix; the values rise."""
    return tuple(torch.linalg.eigh(_matrices(x, "eigh")))


def inv(x: Any) -> Any:
    """The inverse of a matrix."""
    return torch.linalg.inv(_matrices(x, "inv"))


def pinv(x: Any, rcond: float | None = None) -> Any:
    """The pseudo-inverse; singular values up to ``rcond`` times the greatest count as 0."""
    return torch.linalg.pinv(_matrices(x, "pinv", square=False), rtol=rcond)


def lu_factor(x: Any) -> Any:
    """``L`` and ``U`` in one matrix, and the row that each row was swapped with, counted from 0."""
    factors, pivots = torch.linalg.lu_factor(_matrices(x, "lu_factor", square=False))
    return factors, pivots - 1


def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """The number of singular values above ``tol``, by default ``max(m, n) * eps`` times the greatest."""
    x = _matrices(x, "matrix_rank", square=False)
    limit = {} if tol is None else {"atol": tol, "rtol": 0.0}
    return torch.linalg.matrix_rank(x, **limit).to(torch.int32)


def qr(x: Any, mode: str = "reduced") -> Any:
    """An orthogonal ``Q`` and an upper triangle ``R`` with ``Q @ R = x``.

    Arguments:
        mode: ``"reduced"``: ``Q`` has as many columns as the smaller side; ``"complete"``: it is square.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr takes mode 'reduced' or 'complete', and got {mode!r}.")
    return tuple(torch.linalg.qr(_matrices(x, "qr", square=False), mode=mode))


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``U``, the singular values and ``V.T`` with ``U @ diag(s) @ V.T = x``; only ``s`` without ``compute_uv``."""
    x = _matrices(x, "svd", square=False)
    if not compute_uv:
        return torch.linalg.svdvals(x)
    return tuple(torch.linalg.svd(x, full_matrices=full_matrices))


def solve(a: Any, b: Any) -> Any:
    """``x`` with ``a @ x = b``."""
    a, b = promoted(a, b, inexact=True)
    return torch.linalg.solve(_matrices(a, "solve"), b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """``x`` with ``a @ x = b`` for an upper (``lower``: a lower) triangle ``a``."""
    a, b = promoted(a, b, inexact=True)
    a = _matrices(a, "solve_triangular")
    if len(b.shape) == len(a.shape) - 1:
        return torch.squeeze(torch.linalg.solve_triangular(a, torch.unsqueeze(b, -1), upper=not lower), -1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The ``x`` of least ``|a @ x - b|``, and of these the shortest."""
    a, b = promoted(a, b, inexact=True)
    a = _matrices(a, "lstsq", square=False)
    is_vector = len(b.shape) == len(a.shape) - 1
    rcond = torch.finfo(a.dtype).eps * max(a.shape[-2:]) if rcond is None else rcond
    found = torch.matmul(torch.linalg.pinv(a, rtol=rcond), torch.unsqueeze(b, -1) if is_vector else b)
    return torch.squeeze(found, -1) if is_vector else found


@recorded
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors (one axis), of matrices (two axes) or of all elements.

    Arguments:
        ord: for vectors a number, the power; for matrices ``"fro"``, ``"nuc"``, 1, -1, 2, -2, or infinities.
    """
    x = as_inexact(x)
    axes = axes_of(x, axis)
    if ord is None or (isinstance(axis, int) or len(axes) == 1):
        if isinstance(ord, str):
            raise ValueError(f"norm takes ord={ord!r} for matrices, which have two axes, and got axis={axis}.")
        return torch.linalg.vector_norm(x, 2 if ord is None else ord, dim=axes, keepdim=keepdims)
    if len(axes) != 2:
        raise ValueError(
            f"norm with ord={ord!r} takes one or two axes, and got axis={axis} for shape {tuple(x.shape)}."
        )
    if ord == 0 or (not isinstance(ord, str) and abs(ord) not in (1, 2, float("inf"))):
        raise ValueError(f"norm has no ord={ord!r} for matrices.")
    return torch.linalg.matrix_norm(x, ord, dim=axes, keepdim=keepdims)


def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """``fun(*primals)`` and its derivative in the direction of ``tangents``, by forward differentiation.

    Arguments:
        has_aux: whether ``fun`` returns more after its output, which is passed on last.
    """
    primals, tangents = tuple(tensors(*primals)), tuple(tensors(*tangents))
    if not all(is_inexact(one.dtype) for one in primals):
        raise TypeError("jvp takes tensors of fractions, since whole numbers have no derivatives.")
    return torch.func.jvp(fun, primals, tangents, has_aux=has_aux)


operations(globals(), apart="jvp")
