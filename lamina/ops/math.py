"""Keras's functions of mathematics beyond NumPy's: Fourier transforms, sums by segment, the error function, the top k."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from lamina.ops._elementwise import erf, erfc, erfinv, rsqrt
from lamina.ops._tensors import as_inexact, as_tensor, axes_of, needs_data, operations, promoted, recorded, tensors

__all__ = [
    "cdist", "erf", "erfc", "erfinv", "extract_sequences", "fft", "fft2", "ifft2", "in_top_k", "irfft", "istft",
    "logdet", "logsumexp", "rfft", "rsqrt", "segment_max", "segment_min", "segment_prod", "segment_sum", "stft",
    "top_k", "view_as_complex", "view_as_real",
]  # fmt: skip


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` along an axis, several, or (``None``) all, without overflow."""
    x = as_inexact(x)
    return torch.logsumexp(x, dim=axes_of(x, axis), keepdim=keepdims)


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The ``k`` greatest numbers along the last axis, and where they stand."""
    values, indices = torch.topk(as_tensor(x), k, dim=-1, sorted=sorted)
    return values, indices


@recorded
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target's prediction is among the ``k`` greatest of its row; equal ones count as greater together."""
    targets, predictions = tensors(targets, predictions)
    places = targets.to(torch.int64).unsqueeze(-1)
    chosen = predictions.gather(-1, places)
    return torch.isfinite(chosen).squeeze(-1) & ((predictions > chosen).sum(-1) < k)


def cdist(x: Any, y: Any) -> Any:
    """The distance of each row of ``x`` from each row of ``y``."""
    return torch.cdist(*promoted(x, y, inexact=True))


def logdet(x: Any) -> Any:
    """The logarithm of a matrix's determinant."""
    return torch.logdet(as_inexact(x))


def view_as_complex(x: Any) -> Any:
    """Pairs along the last axis as complex numbers."""
    x = as_tensor(x)
    if not x.shape or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex takes a last axis of 2, real and imaginary, and got shape {tuple(x.shape)}.")
    return torch.view_as_complex(x)


def view_as_real(x: Any) -> Any:
    """Complex numbers as pairs along a new last axis."""
    return torch.view_as_real(torch.resolve_conj(as_tensor(x)))


# ---- by segment ----------------------------------------------------------------------------------------------------


@recorded
def _segment(data: Any, segment_ids: Any, num_segments: int | None, kind: str) -> Any:
    data, ids = tensors(data, segment_ids)
    ids = ids.to(torch.int64)
    if num_segments is None:
        needs_data("a segment operation without num_segments", ids)
        num_segments = int(ids.max()) + 1
    # What belongs to no segment goes to one more, which is cut off.
    ids = torch.where((ids >= 0) & (ids < num_segments), ids, num_segments)
    shape = (num_segments + 1, *data.shape[1:])
    start = torch.full(shape, _neutral(kind, data.dtype), dtype=data.dtype, device=data.device)
    index = ids.reshape(-1, *[1] * (data.ndim - 1)).expand(data.shape)
    if kind == "sum":
        return start.scatter_add(0, index, data)[:-1]
    return start.scatter_reduce(0, index, data, reduce=kind)[:-1]


def _neutral(kind: str, dtype: torch.dtype) -> Any:
    if kind in ("sum", "prod"):
        return int(kind == "prod")
    sign = -1 if kind == "amax" else 1
    if dtype.is_floating_point:
        return sign * float("inf")
    return torch.iinfo(dtype).min if sign < 0 else torch.iinfo(dtype).max


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The sum of the slices along the first axis that have the same segment number.

    Arguments:
        segment_ids: a number from 0 for each slice; slices outside of ``num_segments`` count nothing.
        num_segments: how many segments there are, one more than the greatest number by default.
        sorted: whether the numbers rise; the result is the same.
    """
    return _segment(data, segment_ids, num_segments, "sum")


def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The product of the slices of each segment; see :func:`segment_sum`."""
    return _segment(data, segment_ids, num_segments, "prod")


def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The greatest of each segment, minus infinity for an empty one; see :func:`segment_sum`."""
    return _segment(data, segment_ids, num_segments, "amax")


def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The least of each segment, infinity for an empty one; see :func:`segment_sum`."""
    return _segment(data, segment_ids, num_segments, "amin")


# ---- Fourier transforms --------------------------------------------------------------------------------------------


def _complex(x: Any, function: str) -> Any:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"{function} takes a pair of tensors, the real and the imaginary part, and got {x!r:.60}.")
    return torch.complex(*promoted(*x, inexact=True))


def _parts(x: Any) -> tuple[Any, Any]:
    return torch.real(x), torch.imag(x)


def fft(x: Any) -> Any:
    """The Fourier transform along the last axis, of a pair of real and imaginary part; a pair, too."""
    return _parts(torch.fft.fft(_complex(x, "fft")))


def fft2(x: Any) -> Any:
    """The Fourier transform along the last two axes, of a pair of real and imaginary part; a pair, too."""
    return _parts(torch.fft.fft2(_complex(x, "fft2")))


def ifft2(x: Any) -> Any:
    """The inverse of :func:`fft2`."""
    return _parts(torch.fft.ifft2(_complex(x, "ifft2")))


def rfft(x: Any, fft_length: int | None = None) -> Any:
    """The Fourier transform of real numbers along the last axis: real and imaginary part of its first half.

    Arguments:
        fft_length: how many numbers to take, cut off or filled up with zeros.
    """
    return _parts(torch.fft.rfft(as_inexact(x), n=fft_length))


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of :func:`rfft`, ``fft_length`` numbers of it."""
    return torch.fft.irfft(_complex(x, "irfft"), n=fft_length)


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Pieces along the last axis, one at each step, along a new axis before it."""
    return as_tensor(x).unfold(-1, sequence_length, sequence_stride)


def _window(window: Any, sequence_length: int, fft_length: int, like: Any) -> Any:
    """The window, with zeros around up to ``fft_length``."""
    if window is None:
        return torch.ones(sequence_length, dtype=like.dtype, device=like.device)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(f"A window is 'hann', 'hamming', None or a tensor, and got {window!r}.")
        function = torch.hann_window if window == "hann" else torch.hamming_window
        made = function(sequence_length, dtype=like.dtype, device=like.device)
    else:
        made = as_tensor(window, like.dtype, like.device)
        if tuple(made.shape) != (sequence_length,):
            raise ValueError(f"A window needs shape {(sequence_length,)}, and got {tuple(made.shape)}.")
    before = (fft_length - sequence_length) // 2
    return F.pad(made, (before, fft_length - sequence_length - before))


def _check_lengths(sequence_length: int, fft_length: int) -> None:
    if fft_length < sequence_length:
        raise ValueError(f"fft_length must be at least sequence_length={sequence_length}, and got {fft_length}.")


@recorded
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """The Fourier transforms of pieces of a signal: a pair ``(batch, pieces, fft_length // 2 + 1)``.

    Arguments:
        sequence_length, sequence_stride: the length of a piece and the step to the next.
        fft_length: the length with zeros around.
        window: ``"hann"``, ``"hamming"``, ``None`` or a tensor that each piece is multiplied with.
        center: whether the first piece is centred on the first number, by mirroring the signal at its ends.
    """
    _check_lengths(sequence_length, fft_length)
    x = as_inexact(x)
    lead = x.shape[:-1]
    x = x.reshape(-1, x.shape[-1])
    if center:
        x = F.pad(x, (fft_length // 2, fft_length // 2), mode="reflect")
    if window is None:
        start = (fft_length - sequence_length) // 2
        shaped = F.pad(_window(None, sequence_length, fft_length, x), (start, fft_length - sequence_length - start))
    else:
        shaped = _window(window, sequence_length, fft_length, x)
    found = torch.fft.rfft(x.unfold(-1, fft_length, sequence_stride) * shaped)
    return _parts(found.reshape(*lead, *found.shape[-2:]))


@recorded
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of :func:`stft`: pieces are added where they overlap, over the sum of the squared windows.

    Arguments:
        length: of the signal; the rest is cut off.
    """
    _check_lengths(sequence_length, fft_length)
    pieces = torch.fft.irfft(_complex(x, "istft"), n=fft_length)
    lead, count = pieces.shape[:-2], pieces.shape[-2]
    shaped = torch.ones(fft_length, dtype=pieces.dtype, device=pieces.device)
    if window is not None:
        shaped = _window(window, sequence_length, fft_length, pieces)
    total = fft_length + (count - 1) * sequence_stride
    columns = (pieces * shaped).reshape(-1, count, fft_length).transpose(1, 2)
    weights = torch.square(shaped).reshape(1, fft_length, 1).expand(1, fft_length, count)

    def overlap(columns: Any) -> Any:
        return F.fold(columns, (1, total), (1, fft_length), stride=(1, sequence_stride)).reshape(-1, total)

    norm = overlap(weights)
    signal = overlap(columns) / torch.where(norm > 1e-11, norm, 1.0)
    start = fft_length // 2 if center else 0
    end = total - start if length is None else min(start + length, total)
    return signal[:, start:end].reshape(*lead, end - start)


operations(globals())
