"""Convolutions of each channel by itself, alone (depthwise) or followed by a mix of the channels (separable)."""

from __future__ import annotations

from typing import Any, Unpack

import torch

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import positive_int
from lamina.engine.layer import LAYERS
from lamina.engine.types import CausalPadding, DataFormat, Int, Ints, OtherOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.kernels.convolution import CONVOLUTIONS, mixes_rows
from lamina.layers.convolutional import Convolving
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class Depthwise(Convolving):
    """What both families share: ``depth_multiplier`` windows over each channel."""

    depth_multiplier: int

    def _depthwise_weight(self, name: str, channels: int) -> Any:
        self._reordered = mixes_rows(self.strides, 1)
        layout = (self.rank, self.rank + 1, *range(self.rank))  # torch's order, in which both of its views are free
        return self._weight(name, (*self.kernel_size, channels, self.depth_multiplier), "depthwise", layout)

    def _each_channel(self, x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """``(B, C, *S) -> (B, C * depth_multiplier, *s)``."""
        windows = kernel.permute(self.rank, self.rank + 1, *range(self.rank))  # (*K, C, M) -> (C, M, *K)
        return self._slide(x, windows.flatten(0, 1).unsqueeze(1), bias, x.shape[1])  # a group for each channel


class DepthwiseConv(Depthwise):
    """``activation(kernel[c, m] * inputs[c] + bias)`` for each channel ``c``: the base of both depthwise convolutions.

    Output channel ``c * depth_multiplier + m`` comes from input channel ``c`` alone.

    Arguments:
        kernel_size: the window's size, one integer or one for each spatial axis.
        strides: the window's step.
        padding: ``"valid"`` (none) or ``"same"`` (zeros around, so that the output has ``ceil(size / stride)``
            positions).
        depth_multiplier: how many output channels each input channel gives.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``.
        dilation_rate: the step between the window's points.
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added.
        depthwise_initializer, bias_initializer: how the weights start (``depthwise_...`` is the kernel's).
        depthwise_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: a penalty on the output.
        depthwise_constraint, bias_constraint: applied after each update.

    Shape: ``(batch, *size, channels) -> (batch, *new_size, channels * depth_multiplier)``, sizes as a ``Conv``'s.
    Weights: ``kernel`` ``(*kernel_size, channels, depth_multiplier)``, ``bias`` ``(channels * depth_multiplier,)``.

    Raises:
        ValueError: when a number is not positive, the channels are unknown, or the inputs are smaller than the window.
    """

    kernel: Weight

    def __init__(
        self,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: CausalPadding = "valid",
        depth_multiplier: Int = 1,
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier", self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _filters_of(self, input_shape: Shape) -> int | None:
        channels = input_shape[-1 if self._channels_last else 1]
        return None if channels is None else channels * self.depth_multiplier

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_of(input_shape)
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.kernel = self._depthwise_weight("kernel", channels)
        filters = channels * self.depth_multiplier
        self.bias = self._weight("bias", (filters,), "bias") if self.use_bias else None
        self._expect(channels)

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        return self._each_channel(x, self.kernel, self.bias)


class SeparableConv(Depthwise):
    """``activation(pointwise_kernel @ (depthwise_kernel * inputs) + bias)``: the base of both separable convolutions.

    A depthwise convolution, then one of windows of one point, which mixes the channels.

    Arguments:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or one for each spatial axis (Keras 1: ``nb_row, nb_col``).
        strides: the window's step (Keras 1: ``subsample``).
        padding: ``"valid"`` (none), ``"same"`` (zeros around, so that the output has ``ceil(size / stride)``
            positions) or, in 1D, ``"causal"`` (all zeros in front) (Keras 1: ``border_mode``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).
        dilation_rate: the step between the window's points.
        depth_multiplier: how many channels each input channel gives, before they are mixed.
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added (Keras 1: ``bias``).
        depthwise_initializer, pointwise_initializer, bias_initializer: how the weights start (Keras 1: ``init`` for the
            first two).
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: a penalty on the output.
        depthwise_constraint, pointwise_constraint, bias_constraint: applied after each update.

    Shape: ``(batch, *size, channels) -> (batch, *new_size, filters)``, sizes as a ``Conv``'s.
    Weights: ``depthwise_kernel`` ``(*kernel_size, channels, depth_multiplier)``, ``pointwise_kernel``
    ``(*ones, channels * depth_multiplier, filters)``, ``bias`` ``(filters,)``.

    Raises:
        ValueError: when a number is not positive, the channels are unknown, or the inputs are smaller than the window.
    """

    depthwise_kernel: Weight
    pointwise_kernel: Weight

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: CausalPadding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
        depth_multiplier: Int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier", self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_of(input_shape)
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        mixed = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self._depthwise_weight("depthwise_kernel", channels)
        self.pointwise_kernel = self._weight("pointwise_kernel", mixed, "pointwise", self._kernel_layout)
        self.bias = self._weight("bias", (self.filters,), "bias") if self.use_bias else None
        self._expect(channels)

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        x = self._each_channel(x, self.depthwise_kernel, None)  # (B, C, *S) -> (B, C * M, *s)
        kernel = self.pointwise_kernel.permute(self._kernel_to_torch)
        if self._as_row:
            return CONVOLUTIONS[2](x.unsqueeze(2), kernel.unsqueeze(2), self.bias).squeeze(2)
        return CONVOLUTIONS[self.rank](x, kernel, self.bias)  # -> (B, filters, *s)


@LAYERS.register()
class DepthwiseConv1D(DepthwiseConv):
    """Depthwise convolution along one axis. Arguments, weights and errors are :class:`DepthwiseConv`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, channels * depth_multiplier)``.

    Source: https://keras.io/api/layers/convolution_layers/depthwise_convolution1d/

    >>> DepthwiseConv1D(3, depth_multiplier=2)(torch.zeros(2, 10, 16)).shape
    torch.Size([2, 8, 32])
    """

    rank = 1


@LAYERS.register()
class DepthwiseConv2D(DepthwiseConv):
    """Depthwise convolution over images. Arguments, weights and errors are :class:`DepthwiseConv`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, channels * depth_multiplier)``.

    Source: https://keras.io/api/layers/convolution_layers/depthwise_convolution2d/

    >>> DepthwiseConv2D(3, padding="same")(torch.zeros(2, 28, 28, 32)).shape
    torch.Size([2, 28, 28, 32])
    """

    rank = 2


@LAYERS.register()
class SeparableConv1D(SeparableConv):
    """Separable convolution along one axis. Arguments, weights and errors are :class:`SeparableConv`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/separable_convolution1d/

    >>> SeparableConv1D(32, 3)(torch.zeros(2, 10, 16)).shape
    torch.Size([2, 8, 32])
    """

    rank = 1
    paddings = ("valid", "same", "causal")


@LAYERS.register()
class SeparableConv2D(SeparableConv):
    """Separable convolution over images. Arguments, weights and errors are :class:`SeparableConv`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/separable_convolution2d/

    >>> SeparableConv2D(64, 3, strides=2, padding="same")(torch.zeros(2, 28, 28, 32)).shape
    torch.Size([2, 14, 14, 64])
    """

    rank = 2
