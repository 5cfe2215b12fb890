"""Locally connected layers: convolutions whose kernel is another one at each place.

The windows are laid side by side, ``(places, batch, window)``, and one batched matrix product does the rest.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar, Literal, Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import data_format_of, int_tuple, one_of, positive_int
from lamina.engine.calling import who
from lamina.engine.input_spec import check_input_spec
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, Int, Ints, OtherOptions, Padding
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.kernels.windows import slid_shape
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class LocallyConnected(Layer):
    """``activation(inputs' window at p @ kernel[p] + bias[p])`` for each place ``p``: the base of both classes.

    Arguments:
        filters: the number of output channels (Keras 1: ``nb_filter``).
        kernel_size: the window's size, one integer or one for each spatial axis (Keras 1: ``filter_length`` in 1D,
            ``nb_row, nb_col`` in 2D).
        strides: the window's step (Keras 1: ``subsample``, in 1D ``subsample_length``).
        padding: ``"valid"`` (none) or, with ``implementation`` 2 or 3, ``"same"`` (zeros around, so that there are
            ``ceil(size / stride)`` places; the first window has ``kernel_size // 2`` of them) (Keras 1:
            ``border_mode``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``
            (Keras 1: ``dim_ordering``).
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added (Keras 1: ``bias``).
        kernel_initializer, bias_initializer: how the weights start (Keras 1: ``init`` for the kernel).
        kernel_regularizer, bias_regularizer: penalties on the weights (Keras 1: ``W_regularizer``, ``b_regularizer``).
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update (Keras 1: ``W_constraint``, ``b_constraint``).
        implementation: 1, 2 or 3. tf_keras computes in three ways, 2 and 3 with kernels of other shapes; here all are one
            and have the kernel of 1, and the number only says whether ``"same"`` is allowed, as it does there.

    Shape: ``(batch, *size, channels) -> (batch, *new_size, filters)``, ``new_size`` as a ``Conv``'s.
    Weights: ``kernel`` ``(places, window's size * channels, filters)``, its second axis in the order of the data's axes,
    and ``bias`` ``(*new_size, filters)``. With ``"channels_first"`` Keras adds the bias's numbers, in the order in which
    they lie, to ``(filters, *new_size)``; so does this.

    Raises:
        ValueError: when a number is not positive, a size is unknown, the inputs are smaller than the window, or
            ``"same"`` is asked for with implementation 1.
    """

    rank: ClassVar[int]
    kernel: Weight
    bias: Weight | None

    def __init__(
        self,
        filters: Int,
        kernel_size: Ints,
        strides: Ints = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        implementation: Literal[1, 2, 3] = 1,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int(filters, "filters", self)
        self.kernel_size = int_tuple(kernel_size, self.rank, "kernel_size", self)
        self.strides = int_tuple(strides, self.rank, "strides", self)
        self.padding = one_of(padding, ("valid", "same"), "padding", self)
        self.data_format = data_format_of(data_format, self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.implementation = implementation
        if implementation not in (1, 2, 3):
            raise ValueError(f"{who(self)} needs 1, 2 or 3 for implementation, and got {implementation!r}.")
        if self.padding == "same" and implementation == 1:
            raise ValueError(f"{who(self)} can pad with 'same' in implementation 2 or 3 only: give implementation=2.")
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._channels_last = self.data_format == "channels_last"

    def build(self, input_shape: Shape) -> None:
        if None in input_shape[1:]:
            raise ValueError(f"{who(self)} needs to know all sizes but the batch's, since it has a kernel for each place; "
                             f"it got {input_shape}.")  # fmt: skip
        sizes: list[Any]
        channels: Any
        *sizes, channels = input_shape[1:] if self._channels_last else (*input_shape[2:], input_shape[1])
        shape: Any = self.compute_output_shape(input_shape)
        self._places: tuple[int, ...] = tuple(shape[1:-1] if self._channels_last else shape[2:])
        self._settle_windows(sizes)
        self.kernel = self.add_weight(
            name="kernel", shape=(math.prod(self._places), math.prod((*self.kernel_size, channels)), self.filters),
            initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=(*self._places, self.filters), initializer=self.bias_initializer,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint) if self.use_bias else None  # fmt: skip
        self._sample = tuple(input_shape[1:])
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=dict(enumerate(self._sample, 1)))

    def _settle_windows(self, sizes: list[Any]) -> None:
        """For each point of the window, where it lies while the window moves; and the zeros around."""
        pads = [(0, 0)] * self.rank
        if self.padding == "same":
            # Not a convolution's: the window's middle, the later of two, stands on every stride-th position from the first.
            pads = [(window // 2, max((places - 1) * stride + window - window // 2 - size, 0)) for size, window, stride,
                    places in zip(sizes, self.kernel_size, self.strides, self._places, strict=True)]  # fmt: skip
        self._pads = [side for pair in reversed([*pads, (0, 0), (0, 0)]) for side in pair]
        # as torch.narrow would, but with steps: from the point, one for each place
        axes = [[slice(k, k + (places - 1) * stride + 1, stride) for k in range(window)]
                for window, stride, places in zip(self.kernel_size, self.strides, self._places, strict=True)]  # fmt: skip
        self._points = list(itertools.product(*axes))
        space = range(self.rank)
        if self._channels_last:
            self._to_places = (*(axis + 1 for axis in space), 0, self.rank + 1)  # (B, *S, C) -> (*S, B, C)
            self._from_places = (self.rank, *space, self.rank + 1)  # (*s, B, F) -> (B, *s, F)
        else:
            self._to_places = (*(axis + 2 for axis in space), 0, 1)  # (B, C, *S) -> (*S, B, C)
            self._from_places = (self.rank, self.rank + 1, *space)  # (*s, B, F) -> (B, F, *s)

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """The outputs before the activation."""
        if inputs.shape[1:] != self._sample:  # a larger input would be cut off, and not fail by itself
            check_input_spec(self.input_spec, tuple(inputs.shape), who(self))
        windows = self._windows(inputs)
        if self.bias is not None and self._channels_last:
            y = torch.baddbmm(self.bias.view(-1, 1, self.filters), windows, self.kernel)  # (places, B, F)
        else:
            y = torch.bmm(windows, self.kernel)
        y = y.unflatten(0, self._places).permute(self._from_places)  # -> (B, *s, F) or (B, F, *s)
        return y if self.bias is None or self._channels_last else y + self.bias.view(self.filters, *self._places)

    def _windows(self, inputs: torch.Tensor) -> torch.Tensor:
        """``(places, B, window)``: the numbers that each place sees, in the kernel's order."""
        if self.rank == 1 and self._channels_last and self.padding == "valid" and not torch.is_grad_enabled():
            # The windows lie in the data as they are: views do, whose gradient would be slow.
            channels, (window,), (stride,) = inputs.shape[2], self.kernel_size, self.strides
            return inputs.flatten(1).unfold(1, window * channels, stride * channels).transpose(0, 1)
        x = inputs.permute(self._to_places)  # -> (*S, B, C)
        x = F.pad(x, self._pads) if self.padding == "same" else x.contiguous()
        points = [x[point] for point in self._points]  # of (*s, B, C)
        if self._channels_last:
            windows = torch.cat(points, -1)  # (*s, B, points * C)
        else:
            windows = torch.stack(points, -1).flatten(-2)  # (*s, B, C * points)
        return windows.flatten(0, self.rank - 1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(self.pre_activation(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return slid_shape(
            self, input_shape, self.kernel_size, self.strides, self.padding, self._channels_last, self.filters
        )

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": serialize(self.activity_regularizer)} | super().get_config()


@LAYERS.register()
class LocallyConnected1D(LocallyConnected):
    """A kernel for each place of a window along one axis. Arguments, weights and errors are :class:`LocallyConnected`'s.

    Shape: ``(batch, steps, channels) -> (batch, new_steps, filters)``.

    Source: https://www.tensorflow.org/api_docs/python/tf/keras/layers/LocallyConnected1D (Keras 1 and 2 only)

    >>> layer = LocallyConnected1D(32, 3)
    >>> layer(torch.zeros(2, 10, 16)).shape, layer.kernel.shape, layer.bias.shape
    (torch.Size([2, 8, 32]), torch.Size([8, 48, 32]), torch.Size([8, 32]))
    """

    rank = 1


@LAYERS.register()
class LocallyConnected2D(LocallyConnected):
    """A kernel for each place of a window on an image. Arguments, weights and errors are :class:`LocallyConnected`'s.

    Shape: ``(batch, height, width, channels) -> (batch, new_height, new_width, filters)``.

    Source: Taigman et al., DeepFace: Closing the Gap to Human-Level Performance in Face Verification, CVPR 2014

    >>> layer = LocallyConnected2D(8, (3, 3), strides=2)
    >>> layer(torch.zeros(2, 9, 9, 3)).shape, layer.kernel.shape, layer.bias.shape
    (torch.Size([2, 4, 4, 8]), torch.Size([16, 27, 8]), torch.Size([4, 4, 8]))
    """

    rank = 2
