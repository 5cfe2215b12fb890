"""Convolutions over one, two and three spatial axes.

Keras's channels-last data is torch's channels-last memory seen through a permuted view, so nothing is copied on the way
into torch's kernels or back: ``inputs.permute`` gives the ``(B, C, H, W)`` that they want, and the kernel, ``(kh, kw, in,
out)`` to the user, lies in memory so that its own permuted view is a channels-last weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.graph.symbolic import Shape
from lamina.layers.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.layers.base import LAYERS, InputSpec, Layer
from lamina.layers.calling import who
from lamina.layers.windows import same_padding, slid_shape
from lamina.registry import serialize

Pads = list[tuple[int, int]]  # zeros before and after, for each spatial axis


class Conv(Layer):
    """``activation(kernel * inputs + bias)``, ``*`` being cross-correlation: the base of ``Conv1D`` to ``Conv3D``.

    Arguments:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or one for each spatial axis (Keras 1: ``filter_length`` in 1D,
            ``nb_row, nb_col`` in 2D, ``kernel_dim1, kernel_dim2, kernel_dim3`` in 3D).
        strides: the window's step (Keras 1: ``subsample``, in 1D ``subsample_length``).
        padding: ``"valid"`` (none), ``"same"`` (zeros around, so that the output has ``ceil(size / stride)`` positions;
            where their number is odd, the last side gets one more) or, in 1D, ``"causal"`` (all zeros in front, so that
            no output sees a later input) (Keras 1: ``border_mode``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``, ``"tf"`` or ``"th"``).
        dilation_rate: the step between the window's points (Keras 1: ``atrous_rate`` of ``AtrousConvolution2D``).
        groups: into how many equal parts the channels are split; each output channel sees one part.
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added (Keras 1: ``bias``).
        kernel_initializer, bias_initializer: how the weights start (Keras 1: ``init`` for the kernel).
        kernel_regularizer, bias_regularizer: penalties on the weights (Keras 1: ``W_regularizer``, ``b_regularizer``).
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update (Keras 1: ``W_constraint``, ``b_constraint``).

    Shape: ``(batch, *size, channels) -> (batch, *new_size, filters)``, where ``new_size`` is
    ``(size - dilation_rate * (kernel_size - 1) - 1) // strides + 1`` for ``"valid"`` and ``ceil(size / strides)``
    otherwise; with ``"channels_first"`` the channels stand before the sizes.
    Weights: ``kernel`` ``(*kernel_size, channels // groups, filters)``, ``bias`` ``(filters,)``.

    Raises:
        ValueError: when a number is not positive, ``filters`` or the channels can't be split into ``groups``, strides
            and dilation are both above 1, the channels are unknown, or the inputs are smaller than the window.
    """

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    torch_convolution: ClassVar[Callable[..., torch.Tensor]]

    kernel: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self.kernel_size = int_tuple(kernel_size, self.rank, "kernel_size", self)
        self.strides = int_tuple(strides, self.rank, "strides", self)
        self.padding = one_of(padding, self.paddings, "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.dilation_rate = int_tuple(dilation_rate, self.rank, "dilation_rate", self)
        self.groups = positive_int(groups, "groups", self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        if self.filters % self.groups:
            raise ValueError(f"{who(self)} can't split {self.filters} filters into {self.groups} groups.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"{who(self)} can't have strides {self.strides} together with dilation_rate "
                             f"{self.dilation_rate}: one of them must be 1.")  # fmt: skip
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._settle_axes()

    def _settle_axes(self) -> None:
        """Everything about axes and padding that does not depend on the inputs' sizes."""
        space = range(self.rank)
        self._channels_last = self.data_format == "channels_last"
        self._to_torch = (0, self.rank + 1, *(axis + 1 for axis in space))  # (B, *S, C) -> (B, C, *S)
        self._from_torch = (0, *(axis + 2 for axis in space), 1)  # (B, C, *S) -> (B, *S, C)
        self._kernel_to_torch = (self.rank + 1, self.rank, *space)  # (*K, in, out) -> (out, in, *K)
        # The kernel's axes in the order of memory: as torch's kernels like it for the data's own order.
        self._kernel_layout = (self.rank + 1, *space, self.rank) if self._channels_last else self._kernel_to_torch
        self._extent = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        self._pads: Pads | None = None  # known before the sizes, but for "same" with strides
        if self.padding == "valid":
            self._pads = [(0, 0)] * self.rank
        elif self.padding == "causal":
            self._pads = [(self._extent[0] - 1, 0)]
        elif max(self.strides) == 1:
            self._pads = [same_padding(extent, extent, 1) for extent in self._extent]

    def build(self, input_shape: Shape) -> None:
        axis = -1 if self._channels_last else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(f"{who(self)} needs to know the number of its input's channels, and got {input_shape}.")
        if channels % self.groups:
            raise ValueError(f"{who(self)} can't split {channels} input channels into {self.groups} groups.")
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, channels // self.groups, self.filters),
            layout=self._kernel_layout, initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer=self.bias_initializer,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint) if self.use_bias else None  # fmt: skip
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """``kernel * inputs + bias``."""
        x = inputs.permute(self._to_torch) if self._channels_last else inputs  # (B, *S, C) -> (B, C, *S)
        x, padding = self._padded(x)
        x = self._convolve(x, self.kernel.permute(self._kernel_to_torch), padding)  # -> (B, filters, *S)
        return x.permute(self._from_torch) if self._channels_last else x  # (B, filters, *S) -> (B, *S, filters)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(self.pre_activation(inputs))

    def _convolve(self, x: torch.Tensor, kernel: torch.Tensor, padding: tuple[int, ...]) -> torch.Tensor:
        convolution = type(self).torch_convolution
        return convolution(x, kernel, self.bias, self.strides, padding, self.dilation_rate, self.groups)

    def _padded(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
        """``x`` and what torch's kernel is to pad by itself: it can where both sides are equal, and copies nothing."""
        pads = self._pads
        if pads is None:
            pads = [same_padding(*axis) for axis in zip(x.shape[2:], self._extent, self.strides, strict=True)]
        if all(before == after for before, after in pads):
            return x, tuple(before for before, _ in pads)
        return F.pad(x, [side for pair in reversed(pads) for side in pair]), (0,) * self.rank

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return slid_shape(
            self, input_shape, self._extent, self.strides, self.padding, self._channels_last, self.filters
        )

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": serialize(self.activity_regularizer)} | super().get_config()


@LAYERS.register("Convolution1D")
class Conv1D(Conv):
    """Convolution along one axis, such as time. Arguments, weights and errors are :class:`Conv`'s.

    ``padding`` may be ``"causal"``, too.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution1d/

    >>> Conv1D(32, 3, padding="causal")(torch.zeros(2, 10, 16)).shape
    torch.Size([2, 10, 32])
    """

    rank = 1
    paddings = ("valid", "same", "causal")
    torch_convolution = F.conv1d

    def _convolve(self, x: torch.Tensor, kernel: torch.Tensor, padding: tuple[int, ...]) -> torch.Tensor:
        if not self._channels_last:
            return super()._convolve(x, kernel, padding)
        # torch has no channels-last kernel for one axis, but one for two: the data are an image of one row.
        row = F.conv2d(x.unsqueeze(2), kernel.unsqueeze(2), self.bias, (1, *self.strides), (0, *padding),
                       (1, *self.dilation_rate), self.groups)  # (B, C, 1, L) -> (B, filters, 1, L)  # fmt: skip
        return row.squeeze(2)


@LAYERS.register("Convolution2D")
class Conv2D(Conv):
    """Convolution over images. Arguments, weights and errors are :class:`Conv`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution2d/

    >>> Conv2D(64, 3, padding="same", activation="relu")(torch.zeros(2, 32, 32, 3)).shape
    torch.Size([2, 32, 32, 64])
    """

    rank = 2
    torch_convolution = F.conv2d


@LAYERS.register("Convolution3D")
class Conv3D(Conv):
    """Convolution over volumes or videos. Arguments, weights and errors are :class:`Conv`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution3d/

    >>> Conv3D(8, 3, strides=2)(torch.zeros(1, 9, 9, 9, 2)).shape
    torch.Size([1, 4, 4, 4, 8])
    """

    rank = 3
    torch_convolution = F.conv3d


# The names of Keras 1, which later generations keep.
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
