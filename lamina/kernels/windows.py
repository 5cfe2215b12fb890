"""Arithmetic of windows that slide along axes, shared by convolutions and pooling."""

from __future__ import annotations

from lamina.engine.calling import who
from lamina.graph.symbolic import Shape


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that windows stand at ``ceil(size / stride)`` places; the odd one goes after.

    >>> same_padding(28, 3, 1), same_padding(28, 3, 2), same_padding(27, 3, 2)
    ((1, 1), (0, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def window_count(size: int | None, window: int, stride: int, padding: str) -> int | None:
    """At how many places of an axis a window stands; ``None`` when the axis's size is.

    >>> window_count(28, 3, 2, "valid"), window_count(28, 3, 2, "same"), window_count(None, 3, 2, "same")
    (13, 14, None)
    """
    if size is None:
        return None
    return (size - window) // stride + 1 if padding == "valid" else -(-size // stride)


def slid_shape(layer: object, input_shape: Shape, windows: tuple[int, ...], strides: tuple[int, ...], padding: str,
               channels_last: bool, channels: int | None) -> Shape:  # fmt: skip
    """The shape after windows slid along all spatial axes of ``input_shape``.

    Raises:
        ValueError: when there is no place for a window.
    """
    sizes = input_shape[1:-1] if channels_last else input_shape[2:]
    counts = tuple(window_count(*axis, padding) for axis in zip(sizes, windows, strides, strict=True))
    if any(count is not None and count <= 0 for count in counts):
        raise ValueError(f"{who(layer)} needs inputs whose sizes are at least {windows}, and got {input_shape}. "
                         "Inputs can be smaller with padding='same'.")  # fmt: skip
    return (input_shape[0], *counts, channels) if channels_last else (input_shape[0], channels, *counts)
