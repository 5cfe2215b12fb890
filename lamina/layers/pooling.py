"""Pooling: the largest or the mean number of each window, of each of n equal parts, or of everything.

On channels-last memory torch's kernels for two axes are fast, those for one and three axes mostly are not. So
channels-last data of one axis are pooled as images of one row, and those of three axes as planes and then as columns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Unpack

import torch
from torch.nn import functional as F

from lamina.engine.arguments import data_format_of, int_tuple, one_of
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, Ints, LayerOptions, OptionsButName, Padding
from lamina.graph.symbolic import Shape
from lamina.kernels.windows import same_padding, slid_shape

Axis = tuple[int | None, ...]  # how one axis is pooled: (window, stride, padding), or (number of parts,)


def over_image(pool: Callable[..., torch.Tensor], x: torch.Tensor, rows: Axis, columns: Axis) -> torch.Tensor:
    """Pool channels-last images: ``(B, H, W, C) -> (B, h, w, C)``."""
    return pool(x.permute(0, 3, 1, 2), rows, columns).permute(0, 2, 3, 1)


def over_axes(pool: Callable[..., torch.Tensor], x: torch.Tensor, axes: list[Axis], untouched: Axis) -> torch.Tensor:
    """Pool channels-last data along one, two or three axes with a kernel for two."""
    if len(axes) == 1:
        return over_image(pool, x.unsqueeze(1), untouched, axes[0]).squeeze(1)  # (B, L, C) as (B, 1, L, C)
    if len(axes) == 2:
        return over_image(pool, x, axes[0], axes[1])
    planes = over_image(pool, x.flatten(0, 1), axes[1], axes[2])  # (B, D, H, W, C) -> (B * D, h, w, C)
    columns = planes.unflatten(0, (-1, x.shape[1])).flatten(2, 3)  # -> (B, D, h * w, C)
    return over_image(pool, columns, axes[0], untouched).unflatten(2, planes.shape[1:3])  # -> (B, d, h, w, C)


def largest_of_steps(x: torch.Tensor, window: int, stride: int) -> torch.Tensor:
    """Max pooling of sequences without the kernel's search for places, which only a gradient needs: a third of its time."""
    last = (x.shape[1] - window) // stride * stride  # where the last window begins
    steps = (x[:, first : first + last + 1 : stride] for first in range(window))  # each window's first, second, ...
    return functools.reduce(torch.maximum, steps)  # (B, L, C) -> (B, l, C)


class Pool(Layer):
    """The base of max and average pooling over sliding windows.

    Arguments:
        pool_size: the window's size, one integer or one for each axis (Keras 1, in 1D: ``pool_length``).
        strides: the window's step; by default the window's size (Keras 1, in 1D: ``stride``).
        padding: ``"valid"``, windows lie inside, or ``"same"``, ``ceil(size / stride)`` windows, of which those at the
            edge may reach over it; what lies outside counts for nothing (Keras 1: ``border_mode``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).

    Shape: ``(batch, *size, channels) -> (batch, *new_size, channels)``, where ``new_size`` is
    ``(size - pool_size) // strides + 1`` for ``"valid"`` and ``ceil(size / strides)`` for ``"same"``.

    Raises:
        ValueError: when a number is not positive, or the inputs are smaller than the window.
    """

    _is_built_at_once = True
    _builds_weights = False
    rank: ClassVar[int]

    def __init__(
        self,
        pool_size: Ints = 2,
        strides: Ints | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        **kwargs: Unpack[OptionsButName],
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = int_tuple(pool_size, self.rank, "pool_size", self)
        self.strides = self.pool_size if strides is None else int_tuple(strides, self.rank, "strides", self)
        self.padding = one_of(padding, ("valid", "same"), "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._channels_last = self.data_format == "channels_last"
        self._same = self.padding == "same"
        # torch pads both sides alike and lets the last window reach over the edge, which serves "same" but for an even
        # window with stride 1: there, padding by half of it gives one window too many, the first.
        pairs = list(zip(self.pool_size, self.strides, strict=True))
        self._extra = [axis + (1 if self._channels_last else 2) for axis, (window, stride) in enumerate(pairs)
                       if self._same and stride == 1 and window % 2 == 0]  # fmt: skip
        self._axes: list[Axis] | None = None  # known before the sizes, but for "same" with strides
        if not self._same:
            self._axes = [(window, stride, 0) for window, stride in pairs]
        elif max(self.strides) == 1:
            self._axes = [(window, 1, window // 2) for window in self.pool_size]

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # refuses inputs that are too small

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        axes = self._axes or self._axes_for(inputs.shape[1:-1] if self._channels_last else inputs.shape[2:])
        if self._channels_last:
            outputs = self._pool_channels_last(inputs, axes)  # (B, *S, C) -> (B, *s, C)
        else:
            outputs = self._pool(inputs, *axes)  # (B, C, *S) -> (B, C, *s)
        for axis in self._extra:
            outputs = outputs.narrow(axis, 1, outputs.shape[axis] - 1)
        return outputs

    def _axes_for(self, sizes: Any) -> list[Axis]:
        triples = zip(sizes, self.pool_size, self.strides, strict=True)
        return [(window, stride, window // 2 if stride == 1 else same_padding(size, window, stride)[0])
                for size, window, stride in triples]  # fmt: skip

    def _pool_channels_last(self, x: torch.Tensor, axes: list[Axis]) -> torch.Tensor:
        return over_axes(self._pool, x, axes, untouched=(1, 1, 0))

    def _pool(self, x: torch.Tensor, *axes: Axis) -> torch.Tensor:
        """Pool data in torch's order, ``(B, C, *S) -> (B, C, *s)``."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = input_shape[-1 if self._channels_last else 1]
        return slid_shape(self, input_shape, self.pool_size, self.strides, self.padding, self._channels_last, channels)


class MaxPool(Pool):
    """The largest number of each window."""

    kernels: ClassVar[dict[int, Any]] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}

    def _pool(self, x: torch.Tensor, *axes: Axis) -> torch.Tensor:
        return self.kernels[len(axes)](x, *zip(*axes, strict=True), 1, self._same)  # no dilation; over the edge

    def _pool_channels_last(self, x: torch.Tensor, axes: list[Axis]) -> torch.Tensor:
        if self.rank == 3:  # the one kernel for three axes that is made for this memory
            return self._pool(x.permute(0, 4, 1, 2, 3), *axes).permute(0, 2, 3, 4, 1)
        if self.rank == 1 and not self._same and not torch.is_grad_enabled() and x.shape[1] >= self.pool_size[0]:
            return largest_of_steps(x, *self.pool_size, *self.strides)
        return super()._pool_channels_last(x, axes)


class AveragePool(Pool):
    """The mean of each window."""

    kernels: ClassVar[dict[int, Any]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}

    def _pool(self, x: torch.Tensor, *axes: Axis) -> torch.Tensor:
        if len(axes) == 3 and x.dtype.itemsize < 4:  # for three axes torch has no CPU kernel of half precision
            return self._pool_channels_last(x.movedim(1, -1), list(axes)).movedim(-1, 1)
        return self.kernels[len(axes)](x, *zip(*axes, strict=True), self._same, False)  # over the edge; not the padding


class GlobalPool(Layer):
    """The base of pooling over whole axes.

    Arguments:
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).
        keepdims: whether the pooled axes stay, with size 1.

    Shape: ``(batch, *size, channels) -> (batch, channels)``; with ``keepdims`` ``(batch, *ones, channels)``.
    """

    _is_built_at_once = True
    rank: ClassVar[int]
    reduction: ClassVar[Callable[..., torch.Tensor]]

    def __init__(
        self, data_format: DataFormat | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.rank))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return type(self).reduction(inputs, self._axes, self.keepdims)  # (B, *S, C) -> (B, C)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        kept = (size if axis not in self._axes else 1 for axis, size in enumerate(input_shape))
        return tuple(kept) if self.keepdims else tuple(s for a, s in enumerate(input_shape) if a not in self._axes)


class GlobalMaxPool(GlobalPool):
    """The largest number of each channel."""

    reduction = torch.amax


class GlobalAveragePool(GlobalPool):
    """The mean of each channel."""

    reduction = torch.mean


class AdaptivePool(Layer):
    """The base of pooling over a given number of parts, each axis's as equal as they can be.

    Part ``i`` of ``n`` of an axis goes from ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)``.

    Arguments:
        output_size: the number of parts, one integer or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``.

    Shape: ``(batch, *size, channels) -> (batch, *output_size, channels)``.

    Raises:
        ValueError: when a number is not positive.
    """

    rank: ClassVar[int]
    kernels: ClassVar[dict[int, Any]]

    def __init__(
        self, output_size: Ints, data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.output_size = int_tuple(output_size, self.rank, "output_size", self)
        self.data_format = data_format_of(data_format, self)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._channels_last = self.data_format == "channels_last"
        self._axes: list[Axis] = [(parts,) for parts in self.output_size]

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._channels_last:
            return over_axes(self._pool, inputs, self._axes, untouched=(None,))  # (B, *S, C) -> (B, *s, C)
        return self._pool(inputs, *self._axes)  # (B, C, *S) -> (B, C, *s)

    def _pool(self, x: torch.Tensor, *axes: Axis) -> torch.Tensor:
        return self.kernels[len(axes)](x, [parts for (parts,) in axes])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self._channels_last:
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (*input_shape[:2], *self.output_size)


class AdaptiveMaxPool(AdaptivePool):
    """The largest number of each part."""

    kernels: ClassVar[dict[int, Any]] = {
        1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}  # fmt: skip


class AdaptiveAveragePool(AdaptivePool):
    """The mean of each part."""

    kernels: ClassVar[dict[int, Any]] = {
        1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}  # fmt: skip


# ---- sliding windows -----------------------------------------------------------------------------------------------


@LAYERS.register("MaxPool1D")
class MaxPooling1D(MaxPool):
    """The largest number of each window of steps. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/max_pooling1d/

    >>> MaxPooling1D(2)(torch.tensor([[[1.0], [5.0], [2.0], [3.0]]])).flatten()
    tensor([5., 3.])
    """

    rank = 1


@LAYERS.register("MaxPool2D")
class MaxPooling2D(MaxPool):
    """The largest number of each window of an image. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/max_pooling2d/

    >>> MaxPooling2D((2, 2))(torch.zeros(1, 28, 28, 32)).shape
    torch.Size([1, 14, 14, 32])
    """

    rank = 2


@LAYERS.register("MaxPool3D")
class MaxPooling3D(MaxPool):
    """The largest number of each window of a volume. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/max_pooling3d/

    >>> MaxPooling3D(3, strides=2, padding="same")(torch.zeros(1, 7, 7, 7, 2)).shape
    torch.Size([1, 4, 4, 4, 2])
    """

    rank = 3


@LAYERS.register("AvgPool1D")
class AveragePooling1D(AveragePool):
    """The mean of each window of steps. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/average_pooling1d/

    >>> AveragePooling1D(2, padding="same")(torch.tensor([[[1.0], [5.0], [2.0]]])).flatten()
    tensor([3., 2.])
    """

    rank = 1


@LAYERS.register("AvgPool2D")
class AveragePooling2D(AveragePool):
    """The mean of each window of an image. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/average_pooling2d/

    >>> AveragePooling2D(2)(torch.ones(1, 28, 28, 32)).shape
    torch.Size([1, 14, 14, 32])
    """

    rank = 2


@LAYERS.register("AvgPool3D")
class AveragePooling3D(AveragePool):
    """The mean of each window of a volume. Arguments and errors are :class:`Pool`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/average_pooling3d/

    >>> AveragePooling3D(2)(torch.ones(1, 6, 6, 6, 2)).shape
    torch.Size([1, 3, 3, 3, 2])
    """

    rank = 3


# ---- whole axes ----------------------------------------------------------------------------------------------------


@LAYERS.register("GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPool):
    """The largest number of each channel over all steps. Arguments are :class:`GlobalPool`'s.

    Shape: ``(batch, steps, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling1d/

    >>> GlobalMaxPooling1D()(torch.tensor([[[1.0], [5.0], [2.0]]]))
    tensor([[5.]])
    """

    rank = 1


@LAYERS.register("GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPool):
    """The largest number of each channel over a whole image. Arguments are :class:`GlobalPool`'s.

    Shape: ``(batch, height, width, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling2d/

    >>> GlobalMaxPooling2D(keepdims=True)(torch.zeros(2, 7, 7, 64)).shape
    torch.Size([2, 1, 1, 64])
    """

    rank = 2


@LAYERS.register("GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPool):
    """The largest number of each channel over a whole volume. Arguments are :class:`GlobalPool`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling3d/

    >>> GlobalMaxPooling3D()(torch.zeros(2, 4, 4, 4, 8)).shape
    torch.Size([2, 8])
    """

    rank = 3


@LAYERS.register("GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePool):
    """The mean of each channel over all steps, or over those that a mask keeps. Arguments are :class:`GlobalPool`'s.

    Call arguments: ``mask``, booleans of shape ``(batch, steps)``: steps where it is ``False`` are left out.

    Shape: ``(batch, steps, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling1d/

    >>> x = torch.tensor([[[1.0], [5.0], [9.0]]])
    >>> GlobalAveragePooling1D()(x), GlobalAveragePooling1D()(x, mask=torch.tensor([[True, True, False]]))
    (tensor([[5.]]), tensor([[3.]]))
    """

    rank = 1
    supports_masking = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return super().forward(inputs)
        [steps] = self._axes
        keep = mask.bool().unsqueeze(3 - steps)  # (B, T) -> (B, T, 1), or (B, 1, T) beside channels first
        total = torch.where(keep, inputs, 0.0).sum(steps, keepdim=self.keepdims)  # (B, T, C) -> (B, C)
        return total / keep.sum(steps, keepdim=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


@LAYERS.register("GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePool):
    """The mean of each channel over a whole image. Arguments are :class:`GlobalPool`'s.

    Shape: ``(batch, height, width, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling2d/

    >>> GlobalAveragePooling2D()(torch.ones(2, 7, 7, 64)).shape
    torch.Size([2, 64])
    """

    rank = 2


@LAYERS.register("GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePool):
    """The mean of each channel over a whole volume. Arguments are :class:`GlobalPool`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, channels)``.

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling3d/

    >>> GlobalAveragePooling3D("channels_first")(torch.ones(2, 8, 4, 4, 4)).shape
    torch.Size([2, 8])
    """

    rank = 3


# ---- a given number of parts ---------------------------------------------------------------------------------------


@LAYERS.register()
class AdaptiveMaxPooling1D(AdaptiveMaxPool):
    """The largest number of each of ``output_size`` parts of the steps. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_max_pooling1d/

    >>> AdaptiveMaxPooling1D(2)(torch.tensor([[[1.0], [5.0], [2.0], [3.0]]])).flatten()
    tensor([5., 3.])
    """

    rank = 1


@LAYERS.register()
class AdaptiveMaxPooling2D(AdaptiveMaxPool):
    """The largest number of each part of an image. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_max_pooling2d/

    >>> AdaptiveMaxPooling2D((2, 3))(torch.zeros(1, 7, 7, 4)).shape
    torch.Size([1, 2, 3, 4])
    """

    rank = 2


@LAYERS.register()
class AdaptiveMaxPooling3D(AdaptiveMaxPool):
    """The largest number of each part of a volume. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_max_pooling3d/

    >>> AdaptiveMaxPooling3D(2)(torch.zeros(1, 5, 6, 7, 4)).shape
    torch.Size([1, 2, 2, 2, 4])
    """

    rank = 3


@LAYERS.register()
class AdaptiveAveragePooling1D(AdaptiveAveragePool):
    """The mean of each of ``output_size`` parts of the steps. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_average_pooling1d/

    >>> AdaptiveAveragePooling1D(2)(torch.tensor([[[1.0], [5.0], [2.0], [3.0]]])).flatten()
    tensor([3.0000, 2.5000])
    """

    rank = 1


@LAYERS.register()
class AdaptiveAveragePooling2D(AdaptiveAveragePool):
    """The mean of each part of an image. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_average_pooling2d/

    >>> AdaptiveAveragePooling2D(1)(torch.zeros(1, 7, 7, 4)).shape
    torch.Size([1, 1, 1, 4])
    """

    rank = 2


@LAYERS.register()
class AdaptiveAveragePooling3D(AdaptiveAveragePool):
    """The mean of each part of a volume. Arguments are :class:`AdaptivePool`'s.

    Source: https://keras.io/api/layers/pooling_layers/adaptive_average_pooling3d/

    >>> AdaptiveAveragePooling3D(2)(torch.zeros(1, 5, 6, 7, 4)).shape
    torch.Size([1, 2, 2, 2, 4])
    """

    rank = 3


# The short names that Keras 2 and 3 know, too.
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
