"""Transposed convolutions over one, two and three spatial axes: each input point spreads over a window of the output.

The data's and kernel's order in memory is that of ``lamina.layers.convolutional``: nothing is copied on the way.
"""

from __future__ import annotations

from typing import Unpack

import torch

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import int_tuple, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS
from lamina.engine.types import DataFormat, Int, Ints, OtherOptions, Padding
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.kernels import convolution
from lamina.kernels.convolution import TRANSPOSED
from lamina.layers.convolutional import Convolving
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


def transposed_padding(extent: int, stride: int, output_padding: int | None, padding: str) -> tuple[int, int]:
    """What torch is to do to the whole result, ``(size - 1) * stride + extent`` long, so that it becomes Keras's: how many
    positions go at both ends, and how many come back behind (below zero: go there, too).

    >>> transposed_padding(3, 2, None, "valid"), transposed_padding(3, 2, None, "same")
    ((0, 0), (0, -1))
    """
    if padding == "valid":
        return 0, max(stride - extent, 0) if output_padding is None else output_padding
    if output_padding is None:
        total = stride + extent - 2  # so that size * stride remain
    else:
        total = extent + extent % 2 - 2 + output_padding  # (size - 1) * stride + extent % 2 + output_padding
    front = min(total - total // 2, extent - 1)
    return extent - 1 - front, total - 2 * front


class ConvTranspose(Convolving):
    """The gradient of a convolution by its input, as a layer: the base of ``Conv1DTranspose`` to ``Conv3DTranspose``.

    ``outputs[strides * i + dilation_rate * k] += kernel[k] @ inputs[i]``, plus the bias, then the activation.

    Arguments:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or one for each spatial axis (Keras 1: ``nb_row, nb_col``).
        strides: how far apart the windows of neighbouring inputs stand (Keras 1: ``subsample``).
        padding: ``"valid"`` keeps all that windows reach, ``"same"`` gives ``size * strides`` positions
            (Keras 1: ``border_mode``).
        output_padding: positions that are added behind, less than ``strides``; by default as many as the sizes below
            need.
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).
        dilation_rate: the step between the window's points.
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added (Keras 1: ``bias``).
        kernel_initializer, bias_initializer: how the weights start (Keras 1: ``init`` for the kernel).
        kernel_regularizer, bias_regularizer: penalties on the weights (Keras 1: ``W_regularizer``, ``b_regularizer``).
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update (Keras 1: ``W_constraint``, ``b_constraint``).

    Shape: ``(batch, *size, channels) -> (batch, *new_size, filters)``. With ``extent`` for
    ``dilation_rate * (kernel_size - 1) + 1``, ``new_size`` is ``(size - 1) * strides + max(extent, strides)`` for
    ``"valid"`` and ``size * strides`` for ``"same"``; where ``output_padding`` is given,
    ``(size - 1) * strides + extent + output_padding`` and ``(size - 1) * strides + extent % 2 + output_padding``.
    Weights: ``kernel`` ``(*kernel_size, filters, channels)``, ``bias`` ``(filters,)``.

    Raises:
        ValueError: when a number is not positive, ``output_padding`` is not below ``strides``, strides and dilation are
            both above 1, or the channels are unknown.
    """

    kernel: Weight

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        output_padding: Ints | None = None,
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._refuse_strides_with_dilation()
        added: tuple[int | None, ...] = (None,) * self.rank
        if output_padding is not None:
            added = int_tuple(output_padding, self.rank, "output_padding", self, allow_zero=True)
            if any(more >= stride for more, stride in zip(added, self.strides, strict=True)):
                raise ValueError(f"{who(self)} needs an output_padding below its strides {self.strides}, "
                                 f"and got {output_padding}.")  # fmt: skip
        self.output_padding = None if output_padding is None else added
        self._settle_torch_padding(added)

    def _settle_torch_padding(self, added: tuple[int | None, ...]) -> None:
        """The arguments of torch's kernel, which can add behind but not take away there: that much is cut off after."""
        windows = zip(self._extent, self.strides, added, strict=True)
        self._ends = [transposed_padding(*window, self.padding) for window in windows]
        row = (slice(0, 1),) if self._as_row else ()
        one, none = ((1,), (0,)) if self._as_row else ((), ())
        behind = [more for _, more in self._ends]
        if self._points is not None:  # zeros come behind each point by `spread`, one short of the stride
            behind = [more - stride + 1 for more, stride in zip(behind, self.strides, strict=True)]
            self._spread_by = (*one, *self.strides)
        self._kept = (..., *row, *(slice(None, min(more, 0) or None) for more in behind))
        self._cuts = min(behind) < 0
        self._torch_arguments = {
            "stride": (*one, *self._steps), "padding": (*none, *(ends for ends, _ in self._ends)),
            "output_padding": (*none, *(max(more, 0) for more in behind)), "dilation": (*one, *self._dilation),
        }  # fmt: skip

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_of(input_shape)
        self._settle_order(self.filters)
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = self._weight("kernel", shape, "kernel", self._kernel_layout)
        self.bias = self._weight("bias", (self.filters,), "bias") if self.use_bias else None
        self._expect(channels)

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.kernel.permute(self._kernel_to_torch)  # (*K, filters, C) -> (C, filters, *K)
        if self._as_row:
            x, kernel = x.unsqueeze(2), kernel.unsqueeze(2)  # (B, C, L) -> (B, C, 1, L)
        x = convolution.in_order(x) if self._reordered else x
        bias = self.bias if self._points is None else None
        dtype = x.dtype
        if dtype is torch.bfloat16 and self._loses_numbers(x):
            x, kernel, bias = x.float(), kernel.float(), None if bias is None else bias.float()
        x = TRANSPOSED[x.dim() - 2](x, kernel, bias, **self._torch_arguments)  # -> (B, filters, *s)
        x = x if x.dtype is dtype else x.to(dtype)
        x = x if self._points is None else convolution.spread(x, self._spread_by, self.bias)
        x = x[self._kept] if self._cuts else x
        return x.squeeze(2) if self._as_row else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = input_shape[1:-1] if self._channels_last else input_shape[2:]
        spread = tuple(
            None if size is None else (size - 1) * stride + extent - 2 * ends + behind
            for size, stride, extent, (ends, behind) in zip(sizes, self.strides, self._extent, self._ends, strict=True)
        )
        batch = input_shape[0]
        return (batch, *spread, self.filters) if self._channels_last else (batch, self.filters, *spread)


@LAYERS.register()
class Conv1DTranspose(ConvTranspose):
    """Transposed convolution along one axis. Arguments, weights and errors are :class:`ConvTranspose`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution1d_transpose/

    >>> Conv1DTranspose(32, 3, strides=2, padding="same")(torch.zeros(2, 10, 16)).shape
    torch.Size([2, 20, 32])
    """

    rank = 1


@LAYERS.register()
class Conv2DTranspose(ConvTranspose):
    """Transposed convolution over images. Arguments, weights and errors are :class:`ConvTranspose`'s.

    Keras 1 called it ``Deconvolution2D`` and wanted an ``output_shape``, which follows from the rest.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution2d_transpose/

    >>> Conv2DTranspose(3, 3, strides=2)(torch.zeros(2, 14, 14, 64)).shape
    torch.Size([2, 29, 29, 3])
    """

    rank = 2


@LAYERS.register()
class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over volumes. Arguments, weights and errors are :class:`ConvTranspose`'s.

    In Keras 3's order ``data_format`` comes before ``output_padding``, here alone.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution3d_transpose/

    >>> Conv3DTranspose(4, 2, strides=2)(torch.zeros(1, 5, 5, 5, 8)).shape
    torch.Size([1, 10, 10, 10, 4])
    """

    rank = 3

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        output_padding: Ints | None = None,
        dilation_rate: Ints = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs)  # fmt: skip
