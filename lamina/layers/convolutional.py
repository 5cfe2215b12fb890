"""Convolutions over one, two and three spatial axes.

Keras's channels-last data is torch's channels-last memory seen through a permuted view, so nothing is copied on the way
into torch's kernels or back: ``inputs.permute`` gives the ``(B, C, H, W)`` that they want, and the kernel, ``(kh, kw, in,
out)`` to the user, lies in memory so that its own permuted view is a channels-last weight.
"""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import CausalPadding, DataFormat, Int, Ints, OtherOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.kernels import convolution
from lamina.kernels.convolution import CONVOLUTIONS, pads_itself
from lamina.kernels.windows import same_padding, slid_shape
from lamina.layers.low_rank import LowRank
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight

Pads = list[tuple[int, int]]  # zeros before and after, for each spatial axis


class Convolving(Layer):
    """What all convolutions share: windows, the order of axes, and memory. Those that inherit add weights."""

    rank: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    filters: int
    activation: Any
    bias: Weight | None

    def _settle(self, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any) -> None:
        """Check the arguments about the window, and decide all about axes that does not depend on the inputs' sizes."""
        self.kernel_size = int_tuple(kernel_size, self.rank, "kernel_size", self)
        self.strides = int_tuple(strides, self.rank, "strides", self)
        self.padding = one_of(padding, self.paddings, "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.dilation_rate = int_tuple(dilation_rate, self.rank, "dilation_rate", self)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        space = range(self.rank)
        self._channels_last = self.data_format == "channels_last"
        # torch has no channels-last kernel for one axis, but one for two: such data are an image of one row.
        self._as_row = self.rank == 1 and self._channels_last
        self._to_torch = (0, self.rank + 1, *(axis + 1 for axis in space))  # (B, *S, C) -> (B, C, *S)
        self._from_torch = (0, *(axis + 2 for axis in space), 1)  # (B, C, *S) -> (B, *S, C)
        self._kernel_to_torch = (self.rank + 1, self.rank, *space)  # (*K, a, b) -> (b, a, *K)
        # The kernel's axes in the order of memory: as torch's kernels like it for the data's own order.
        self._kernel_layout = (self.rank + 1, *space, self.rank) if self._channels_last else self._kernel_to_torch
        self._extent = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True))
        # What torch is told, in place of what it fails at; and whether it is given data in its own order of axes.
        self._points, self._steps, self._dilation = convolution.told(self.kernel_size, self.strides, self.dilation_rate)
        self._reordered = False
        self._pads = self._pads_of_any_size()
        self._padding = None if self._pads is None else _even(self._pads)

    def _pads_of_any_size(self) -> Pads | None:
        """The zeros around: known before the sizes, but for ``"same"`` with strides."""
        if self.padding == "valid":
            return [(0, 0)] * self.rank
        if self.padding == "causal":
            return [(self._extent[0] - 1, 0)]
        if self._points is not None:  # a window of one point stands on one, wherever it stands
            return [(0, 0)] * self.rank
        if max(self.strides) == 1:
            return [same_padding(extent, extent, 1) for extent in self._extent]
        return None

    def _refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"{who(self)} can't have strides {self.strides} together with dilation_rate "
                             f"{self.dilation_rate}: one of them must be 1.")  # fmt: skip

    # -- building --

    def _channels_of(self, input_shape: Shape) -> int:
        channels = input_shape[-1 if self._channels_last else 1]
        if channels is None:
            raise ValueError(f"{who(self)} needs to know the number of its input's channels, and got {input_shape}.")
        return channels

    def _expect(self, channels: int) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1 if self._channels_last else 1: channels})

    def _settle_order(self, channels: int) -> None:
        """Decide in which order torch gets the data, ``channels`` being how many of a group a sum is over."""
        self._reordered = convolution.mixes_rows(self.strides, channels)
        if self._reordered:
            self._kernel_layout = self._kernel_to_torch

    def _weight(self, name: str, shape: tuple[int, ...], kind: str, layout: tuple[int, ...] | None = None) -> Any:
        """A weight with the initializer, regularizer and constraint of its kind."""
        settings = {role: getattr(self, f"{kind}_{role}") for role in ("initializer", "regularizer", "constraint")}
        return self.add_weight(name=name, shape=shape, layout=layout, **settings)

    # -- calling --

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """The outputs before the activation."""
        return self._run(inputs, activations.linear)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.activation is activations.relu:  # goes number by number, so it may come before the axes change back
            return self._run(inputs, activations.relu)
        return self.activation(self.pre_activation(inputs))

    def _run(self, inputs: torch.Tensor, activation: Any) -> torch.Tensor:
        x = inputs.permute(self._to_torch) if self._channels_last else inputs  # (B, *S, C) -> (B, C, *S)
        x = activations.over(activation, self._convolved(x))  # (B, C, *S) -> (B, filters, *s)
        return x.permute(self._from_torch) if self._channels_last else x  # (B, filters, *s) -> (B, *s, filters)

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's mathematics on data in torch's order of axes."""
        raise NotImplementedError

    def _slide(self, x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, groups: int) -> torch.Tensor:
        """Cross-correlation with this layer's windows of a kernel in torch's order of axes."""
        if x.dtype is torch.bfloat16 and self._loses_numbers(x):
            return self._slide(x.float(), kernel.float(), None if bias is None else bias.float(), groups).to(x.dtype)
        if self._points is not None:
            x = convolution.in_order(x[self._points], self._channels_last)  # a step over one point leaves odd strides
        if not self._as_row:
            x, padding = self._padded(x)
            x = convolution.in_order(x) if self._reordered else x
            return CONVOLUTIONS[self.rank](x, kernel, bias, self._steps, padding, self._dilation, groups)
        row, padding = self._padded(x.unsqueeze(2))  # (B, C, L) -> (B, C, 1, L)
        return F.conv2d(row, kernel.unsqueeze(2), bias, (1, *self._steps), (0, *padding), (1, *self._dilation),
                        groups).squeeze(2)  # (B, C, 1, L) -> (B, filters, l)  # fmt: skip

    def _loses_numbers(self, x: torch.Tensor) -> bool:
        return convolution.loses_numbers(x, self._extent, self._dilation, self.padding != "valid")

    def _padded(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
        """``x`` and what torch's kernel is to pad by itself: it can where both sides are equal, and copies nothing."""
        itself = self.rank < 3 or pads_itself(x, self._extent)
        if self._padding is not None and itself:
            return x, self._padding
        pads = self._pads
        if pads is None:
            pads = [same_padding(*axis) for axis in zip(x.shape[-self.rank :], self._extent, self.strides, strict=True)]
        padding = _even(pads)
        if padding is not None and itself:
            return x, padding
        return F.pad(x, [side for pair in reversed(pads) for side in pair]), (0,) * self.rank

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        filters = self._filters_of(input_shape)
        return slid_shape(self, input_shape, self._extent, self.strides, self.padding, self._channels_last, filters)

    def _filters_of(self, input_shape: Shape) -> int | None:
        """The number of output channels."""
        return self.filters

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": serialize(self.activity_regularizer)} | super().get_config()


def _even(pads: Pads) -> tuple[int, ...] | None:
    """The padding of each axis where both its sides get the same; else ``None``."""
    return tuple(before for before, _ in pads) if all(before == after for before, after in pads) else None


class Conv(LowRank, Convolving):
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
        lora_rank, lora_alpha: when ``lora_rank`` is given, the kernel is frozen, and a product of two matrices of that rank,
            times ``lora_alpha / lora_rank``, is trained in its place; see :meth:`enable_lora`.

    Shape: ``(batch, *size, channels) -> (batch, *new_size, filters)``, where ``new_size`` is
    ``(size - dilation_rate * (kernel_size - 1) - 1) // strides + 1`` for ``"valid"`` and ``ceil(size / strides)``
    otherwise; with ``"channels_first"`` the channels stand before the sizes.
    Weights: ``kernel`` ``(*kernel_size, channels // groups, filters)``, ``bias`` ``(filters,)``.

    Raises:
        ValueError: when a number is not positive, ``filters`` or the channels can't be split into ``groups``, strides
            and dilation are both above 1, the channels are unknown, or the inputs are smaller than the window.
    """

    kernel: Weight

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: CausalPadding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Ints = 1,
        groups: Int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: Int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
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
        self._refuse_strides_with_dilation()
        self._settle_low_rank(lora_rank, lora_alpha)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels_of(input_shape)
        if channels % self.groups:
            raise ValueError(f"{who(self)} can't split {channels} input channels into {self.groups} groups.")
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self._settle_order(channels // self.groups)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self._weight("kernel", shape, "kernel", self._kernel_layout)
        self.bias = self._weight("bias", (self.filters,), "bias") if self.use_bias else None
        self._expect(channels)
        self._adapt_if_asked()

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        return self._slide(x, self.kernel.permute(self._kernel_to_torch), self.bias, self.groups)


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


@LAYERS.register("Convolution2D")
class Conv2D(Conv):
    """Convolution over images. Arguments, weights and errors are :class:`Conv`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution2d/

    >>> Conv2D(64, 3, padding="same", activation="relu")(torch.zeros(2, 32, 32, 3)).shape
    torch.Size([2, 32, 32, 64])
    """

    rank = 2


@LAYERS.register("Convolution3D")
class Conv3D(Conv):
    """Convolution over volumes or videos. Arguments, weights and errors are :class:`Conv`'s.

    Shape: ``(batch, depth, height, width, channels) -> (batch, new_depth, new_height, new_width, filters)``.

    Source: https://keras.io/api/layers/convolution_layers/convolution3d/

    >>> Conv3D(8, 3, strides=2)(torch.zeros(1, 9, 9, 9, 2)).shape
    torch.Size([1, 4, 4, 4, 8])
    """

    rank = 3


# The names of Keras 1, which later generations keep.
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
