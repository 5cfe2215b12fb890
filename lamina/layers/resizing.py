"""Layers that cut off, repeat or pad along spatial axes: the numbers in between stay what they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Unpack

import torch
from torch.nn import functional as F

from lamina.engine.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, Ends, Ints, LayerOptions
from lamina.graph.symbolic import Shape

Pairs = tuple[tuple[int, int], ...]  # a number for both ends of each axis


def end_pairs(value: Any, rank: int, name: str, layer: Layer) -> Pairs:
    """``value`` as a pair for each axis: one number for all, or one item each, a number for both ends or a pair.

    Raises:
        ValueError: ``ZeroPadding2D 'z' needs a non-negative integer, or a tuple of 2 of them or of pairs for padding,
            and got -1.``
    """
    items = value if isinstance(value, (tuple, list)) else (value,) * rank
    try:
        pairs = [int_tuple(item, 2, name, layer, allow_zero=True) for item in items]
    except ValueError:
        pairs = []
    if len(pairs) != rank:
        raise ValueError(f"{who(layer)} needs a non-negative integer, or a tuple of {rank} of them or of pairs for {name}, "
                         f"and got {value!r}.")  # fmt: skip
    return tuple((before, after) for before, after in pairs)


class Resizing(Layer):
    """The base of all these layers: it knows where the spatial axes are."""

    rank: ClassVar[int]
    takes_integers = True

    def _settle(self, data_format: str | None) -> None:
        self._channels_last = data_format_of(data_format, self) == "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._first = 1 if self._channels_last else 2
        self._to_torch = (0, self.rank + 1, *range(1, self.rank + 1))  # (B, *S, C) -> (B, C, *S)
        self._from_torch = (0, *range(2, self.rank + 2), 1)  # (B, C, *S) -> (B, *S, C)

    def _resized(self, input_shape: Shape, resize: Callable[[int, int], int]) -> Shape:
        """``input_shape`` with ``resize(axis, size)`` for the size of each spatial axis, counted from 0."""
        sizes = list(input_shape)
        for axis in range(self.rank):
            size = sizes[self._first + axis]
            sizes[self._first + axis] = None if size is None else resize(axis, size)
        return tuple(sizes)


# ---- cropping --------------------------------------------------------------------------------------------------------


class Cropping(Resizing):
    """The base of ``Cropping1D`` to ``Cropping3D``: positions at the ends of each axis are left out (nothing is copied).

    Arguments:
        cropping: how many: one integer for all ends, one for both ends of each axis, or a pair ``(before, after)`` for
            each axis. In 1D: an integer or the pair.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``. 1D data
            always have their channels last (Keras 1: ``dim_ordering``).

    Shape: ``(batch, *size, channels) -> (batch, *new_size, channels)``, ``new_size`` being ``size - before - after``.

    Raises:
        ValueError: when a number is negative, the numbers don't fit the axes, or nothing would be left.
    """

    _builds_weights = False

    _pairs: Pairs

    def _settle_pairs(self, pairs: Pairs) -> None:
        self._pairs = pairs
        ends = (slice(before, -after or None) for before, after in pairs)
        self._kept = (*(slice(None),) * self._first, *ends)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # refuses inputs of which nothing would be left

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = inputs[self._kept]
        if 0 in outputs.shape[1:]:
            self.compute_output_shape(tuple(inputs.shape))  # says why
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        def left(axis: int, size: int) -> int:
            if size <= sum(self._pairs[axis]):
                raise ValueError(f"{who(self)} would leave nothing of {input_shape}: it cuts off {self._pairs[axis]} "
                                 f"of {size} positions.")  # fmt: skip
            return size - sum(self._pairs[axis])

        return self._resized(input_shape, left)


@LAYERS.register()
class Cropping1D(Cropping):
    """Steps at both ends are left out. Arguments and errors are :class:`Cropping`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/cropping1d/

    >>> Cropping1D((1, 2))(torch.arange(6.0).reshape(1, 6, 1)).flatten()
    tensor([1., 2., 3.])
    """

    rank = 1

    def __init__(self, cropping: Ints = (1, 1), **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.cropping = int_tuple(cropping, 2, "cropping", self, allow_zero=True)
        self._settle("channels_last")
        self._settle_pairs(end_pairs((self.cropping,), 1, "cropping", self))


@LAYERS.register()
class Cropping2D(Cropping):
    """The edges of images are left out. Arguments and errors are :class:`Cropping`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/cropping2d/

    >>> Cropping2D(((2, 2), (4, 4)))(torch.zeros(2, 28, 28, 3)).shape
    torch.Size([2, 24, 20, 3])
    """

    rank = 2

    def __init__(
        self, cropping: Ends = ((0, 0), (0, 0)), data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.cropping = end_pairs(cropping, 2, "cropping", self)
        self._settle(self.data_format)
        self._settle_pairs(self.cropping)


@LAYERS.register()
class Cropping3D(Cropping):
    """The outer planes of volumes are left out. Arguments and errors are :class:`Cropping`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/cropping3d/

    >>> Cropping3D((2, 4, 2))(torch.zeros(2, 28, 28, 10, 3)).shape
    torch.Size([2, 24, 20, 6, 3])
    """

    rank = 3

    def __init__(
        self,
        cropping: Ends = ((1, 1), (1, 1), (1, 1)),
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.cropping = end_pairs(cropping, 3, "cropping", self)
        self._settle(self.data_format)
        self._settle_pairs(self.cropping)


# ---- zero padding ----------------------------------------------------------------------------------------------------


class ZeroPadding(Resizing):
    """The base of ``ZeroPadding1D`` to ``ZeroPadding3D``: zeros at the ends of each axis.

    Arguments:
        padding: how many: one integer for all ends, one for both ends of each axis, or a pair ``(before, after)`` for
            each axis. In 1D: an integer or the pair. (Keras 1 also took ``{"top_pad": 1, ...}`` and four numbers.)
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).

    Shape: ``(batch, *size, channels) -> (batch, *new_size, channels)``, ``new_size`` being ``before + size + after``.

    Raises:
        ValueError: when a number is negative or the numbers don't fit the axes.
    """

    _pairs: Pairs

    def _settle_pairs(self, pairs: Pairs) -> None:
        self._pairs = pairs
        channels = [(0, 0)] if self._channels_last else []
        self._sides = [
            number for pair in [*channels, *reversed(pairs)] for number in pair
        ]  # torch: the last axis first

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.pad(inputs, self._sides)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._resized(input_shape, lambda axis, size: size + sum(self._pairs[axis]))


@LAYERS.register()
class ZeroPadding1D(ZeroPadding):
    """Steps of zeros at both ends. Arguments and errors are :class:`ZeroPadding`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/zero_padding1d/

    >>> ZeroPadding1D((1, 2))(torch.ones(1, 2, 1)).flatten()
    tensor([0., 1., 1., 0., 0.])
    """

    rank = 1

    def __init__(
        self, padding: Ints = 1, data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.padding = int_tuple(padding, 2, "padding", self, allow_zero=True)
        self._settle(self.data_format)
        self._settle_pairs(end_pairs((self.padding,), 1, "padding", self))


@LAYERS.register()
class ZeroPadding2D(ZeroPadding):
    """Zeros around images. Arguments and errors are :class:`ZeroPadding`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/zero_padding2d/

    >>> ZeroPadding2D(((0, 1), (2, 3)))(torch.zeros(2, 28, 28, 3)).shape
    torch.Size([2, 29, 33, 3])
    """

    rank = 2

    def __init__(
        self, padding: Ends = (1, 1), data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.padding = end_pairs(padding, 2, "padding", self)
        self._settle(self.data_format)
        self._settle_pairs(self.padding)


@LAYERS.register()
class ZeroPadding3D(ZeroPadding):
    """Zeros around volumes. Arguments and errors are :class:`ZeroPadding`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/zero_padding3d/

    >>> ZeroPadding3D(2)(torch.zeros(1, 5, 5, 5, 3)).shape
    torch.Size([1, 9, 9, 9, 3])
    """

    rank = 3

    def __init__(
        self,
        padding: Ends = ((1, 1), (1, 1), (1, 1)),
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.padding = end_pairs(padding, 3, "padding", self)
        self._settle(self.data_format)
        self._settle_pairs(self.padding)


# ---- upsampling ------------------------------------------------------------------------------------------------------


def cubic(x: torch.Tensor) -> torch.Tensor:
    """Keys's cubic convolution kernel with ``a = -1/2``."""
    x = x.abs()
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, inner, torch.where(x < 2, outer, 0.0))


def lanczos(radius: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """``sinc(x) * sinc(x / radius)`` within the radius."""
    return lambda x: torch.where(x.abs() < radius, torch.sinc(x) * torch.sinc(x / radius), 0.0)


# How far each input reaches: ``bilinear`` and ``nearest`` have kernels in torch, bicubic's has another ``a`` than Keras.
REACH = {"bicubic": cubic, "lanczos3": lanczos(3), "lanczos5": lanczos(5)}
INTERPOLATIONS = ("nearest", "bilinear", *REACH)
InterpolationName = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]


def resampling_matrix(
    kernel: Callable[[torch.Tensor], torch.Tensor], size: int, factor: int, like: torch.Tensor
) -> Any:
    """What each of ``size`` inputs gives to each of ``size * factor`` outputs; what would lie outside counts for nothing.

    >>> resampling_matrix(cubic, 2, 1, torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """
    wide = {"dtype": torch.promote_types(like.dtype, torch.float32), "device": like.device}
    places = (torch.arange(size * factor, **wide) + 0.5) / factor - 0.5
    weights = kernel(places.unsqueeze(1) - torch.arange(size, **wide))
    return (weights / weights.sum(1, keepdim=True)).to(like.dtype)  # (outputs, inputs)


def along(matrix: torch.Tensor, x: torch.Tensor, axis: int) -> torch.Tensor:
    """``matrix @`` one axis of ``x``, which is not the batch's."""
    columns = x.flatten(0, axis - 1)
    columns = columns.flatten(2) if columns.dim() > 2 else columns.unsqueeze(2)  # (before, axis, after)
    mixed = torch.bmm(matrix.expand(columns.shape[0], -1, -1), columns)
    return mixed.reshape(*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :])


class UpSampling(Resizing):
    """The base of ``UpSampling1D`` to ``UpSampling3D``: each axis ``size`` times as long.

    Arguments:
        size: how often each position is repeated, one integer or one for each axis (Keras 1, in 1D: ``length``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``. 1D data
            always have their channels last (Keras 1: ``dim_ordering``).

    Shape: ``(batch, *sizes, channels) -> (batch, *sizes * size, channels)``.

    Raises:
        ValueError: when a number is not positive.
    """

    _factors: tuple[int, ...]

    def _settle_factors(self, factors: tuple[int, ...]) -> None:
        self._factors = factors
        # torch has no channels-last kernel for one axis: such data are images of one row.
        self._scale = [float(factor) for factor in ((1, *factors) if self.rank == 1 else factors)]
        # The faster of torch's two finds a position by multiplying with 1 / factor, which is exact for powers of 2 only.
        self._nearest = "nearest" if all(math.log2(factor).is_integer() for factor in factors) else "nearest-exact"

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if not inputs.is_floating_point():  # torch interpolates floats only
            for axis, factor in enumerate(self._factors, self._first):
                inputs = inputs.repeat_interleave(factor, axis)
            return inputs
        return self._interpolate(inputs, self._nearest)

    def _interpolate(self, x: torch.Tensor, mode: str) -> torch.Tensor:
        x = x.unsqueeze(1) if self.rank == 1 else x  # (B, L, C) -> (B, 1, L, C)
        if not self._channels_last:
            return F.interpolate(x, scale_factor=self._scale, mode=mode)
        to_torch, from_torch = ((0, 3, 1, 2), (0, 2, 3, 1)) if self.rank == 1 else (self._to_torch, self._from_torch)
        x = F.interpolate(x.permute(to_torch), scale_factor=self._scale, mode=mode)
        x = x.permute(from_torch)
        return x.squeeze(1) if self.rank == 1 else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._resized(input_shape, lambda axis, size: size * self._factors[axis])


@LAYERS.register()
class UpSampling1D(UpSampling):
    """Each step ``size`` times. Arguments and errors are :class:`UpSampling`'s.

    Shape: ``(batch, steps, channels) -> (batch, steps * size, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/up_sampling1d/

    >>> UpSampling1D(2)(torch.tensor([[[1.0], [5.0]]])).flatten()
    tensor([1., 1., 5., 5.])
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.size = positive_int(size, "size", self)
        self._settle("channels_last")
        self._settle_factors((self.size,))


@LAYERS.register()
class UpSampling2D(UpSampling):
    """Images ``size`` times as large. Further arguments and errors are :class:`UpSampling`'s.

    Arguments:
        interpolation: what stands between the inputs' points, whose outputs' centres are half a step apart:
            ``"nearest"`` repeats, ``"bilinear"`` weighs the two nearest of each axis, ``"bicubic"`` four (Keys, with
            ``a = -1/2``), ``"lanczos3"`` six and ``"lanczos5"`` ten. At the edges the weights that remain are scaled
            to sum up to 1. This is Keras on TensorFlow and JAX; on torch, Keras's bicubic has ``a = -3/4`` and repeats
            the edge, and there is no Lanczos.

    Shape: ``(batch, height, width, channels) -> (batch, height * size, width * size, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/up_sampling2d/

    >>> UpSampling2D(interpolation="bilinear")(torch.zeros(2, 14, 14, 64)).shape
    torch.Size([2, 28, 28, 64])
    """

    rank = 2

    def __init__(
        self,
        size: Ints = (2, 2),
        data_format: DataFormat | None = None,
        interpolation: InterpolationName = "nearest",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.size = int_tuple(size, 2, "size", self)
        self.data_format = data_format_of(data_format, self)
        self.interpolation = one_of(interpolation, INTERPOLATIONS, "interpolation", self)
        self.takes_integers = self.interpolation == "nearest"
        self._settle(self.data_format)
        self._settle_factors(self.size)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.interpolation == "nearest":
            return super().forward(inputs)
        if self.interpolation == "bilinear":
            return self._interpolate(inputs, "bilinear")
        kernel = REACH[self.interpolation]
        for axis, factor in enumerate(self._factors, self._first):
            inputs = along(resampling_matrix(kernel, inputs.shape[axis], factor, inputs), inputs, axis)
        return inputs


@LAYERS.register()
class UpSampling3D(UpSampling):
    """Volumes ``size`` times as large. Arguments and errors are :class:`UpSampling`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, depth * size, height * size, width * size, channels)``.

    Source: https://keras.io/api/layers/reshaping_layers/up_sampling3d/

    >>> UpSampling3D((1, 2, 2))(torch.zeros(1, 4, 4, 4, 3)).shape
    torch.Size([1, 4, 8, 8, 3])
    """

    rank = 3

    def __init__(
        self, size: Ints = (2, 2, 2), data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.size = int_tuple(size, 3, "size", self)
        self.data_format = data_format_of(data_format, self)
        self._settle(self.data_format)
        self._settle_factors(self.size)
