"""Activations that have arguments or weights of their own, as layers."""

from __future__ import annotations

from functools import partial
from typing import Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import non_negative
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import Axes, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class AdvancedActivation(Layer):
    """The base of these layers: masks pass, shapes stay."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class LeakyReLU(AdvancedActivation):
    """``x`` where ``x >= 0``, ``negative_slope * x`` elsewhere.

    Arguments:
        negative_slope: the slope below zero, not negative (Keras 1 and 2: ``alpha``).

    Shape: any -> the same.

    Raises:
        ValueError: when the slope is negative or no number.

    Source: https://keras.io/api/layers/activation_layers/leaky_relu/

    >>> LeakyReLU(negative_slope=0.5)(torch.tensor([-10.0, 0.0, 5.0]))
    tensor([-5.,  0.,  5.])
    """

    _is_built_at_once = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.negative_slope = non_negative(negative_slope, "negative_slope", self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(inputs, self.negative_slope)


@LAYERS.register()
class PReLU(AdvancedActivation):
    """``x`` where ``x > 0``, ``alpha * x`` elsewhere, with a learned ``alpha`` for each number of a sample.

    Arguments:
        alpha_initializer: how ``alpha`` starts (Keras 1: ``init``).
        alpha_regularizer: a penalty on ``alpha``.
        alpha_constraint: applied to ``alpha`` after each update.
        shared_axes: axes along which ``alpha`` is the same; ``[1, 2]`` after a ``Conv2D`` gives one for each filter.

    Shape: any -> the same. Weights: ``alpha``, shaped as a sample, with 1 for each shared axis.

    Raises:
        ValueError: when a shared axis is the batch's or none, or the size of one that is not shared is unknown.

    Source: He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852

    >>> PReLU(alpha_initializer="ones")(torch.tensor([[-1.0, 2.0]])).detach()
    tensor([[-1.,  2.]])
    """

    alpha: Weight

    def __init__(
        self,
        alpha_initializer: InitializerLike = "zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: Axes | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        shared = {axis + rank if axis < 0 else axis for axis in self.shared_axes or ()}
        if not shared <= set(range(1, rank)):
            raise ValueError(f"{who(self)} can share alpha along the axes 1 to {rank - 1} of {input_shape}, "
                             f"and got shared_axes={self.shared_axes}.")  # fmt: skip
        own = {axis: size for axis, size in enumerate(input_shape) if axis not in {0, *shared}}
        if None in own.values():
            raise ValueError(f"{who(self)} needs to know the size of every axis along which alpha is not shared, "
                             f"and got {input_shape}. Unknown axes can be named in shared_axes.")  # fmt: skip
        self.alpha = self.add_weight(
            name="alpha", shape=tuple(own.get(axis, 1) for axis in range(1, rank)), initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint)  # fmt: skip
        # Where the shared axes are the first ones, torch's own kernel does it, on (rows, alphas).
        first = set(range(1, len(shared) + 1))
        self._rows_end = len(shared) if shared == first else None
        self._one_for_all = not own
        self.input_spec = InputSpec(ndim=rank, axes=own)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._one_for_all:
            return F.prelu(inputs, self.alpha.flatten())
        if self._rows_end is None:
            return torch.relu(inputs) - self.alpha * torch.relu(-inputs)
        rows = inputs.flatten(0, self._rows_end).flatten(1)  # (B, *shared, *own) -> (rows, alphas)
        return F.prelu(rows, self.alpha.flatten()).reshape(inputs.shape)  # -> (B, *shared, *own)


@LAYERS.register()
class ELU(AdvancedActivation):
    """``x`` where ``x > 0``, ``alpha * (exp(x) - 1)`` elsewhere.

    Arguments:
        alpha: minus the value that large negative inputs come to.

    Shape: any -> the same.

    Source: Clevert et al., Fast and Accurate Deep Network Learning by ELUs, https://arxiv.org/abs/1511.07289

    >>> ELU()(torch.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """

    _is_built_at_once = True

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.elu(inputs, self.alpha)


@LAYERS.register()
class ReLU(AdvancedActivation):
    """``x`` where ``x > threshold``, ``negative_slope * (x - threshold)`` elsewhere, and never above ``max_value``.

    Arguments:
        max_value: the largest output; ``None`` is no bound.
        negative_slope: the slope below the threshold.
        threshold: the input up to which the unit is off.

    Shape: any -> the same.

    Raises:
        ValueError: when one of them is negative.

    Source: https://keras.io/api/layers/activation_layers/relu/

    >>> ReLU(max_value=6.0)(torch.tensor([-10.0, 5.0, 10.0]))
    tensor([0., 5., 6.])
    """

    _is_built_at_once = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else non_negative(max_value, "max_value", self)
        self.negative_slope = non_negative(negative_slope, "negative_slope", self)
        self.threshold = non_negative(threshold, "threshold", self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@LAYERS.register()
class ThresholdedReLU(AdvancedActivation):
    """``x`` where ``x > theta``, 0 elsewhere.

    Arguments:
        theta: the threshold, not negative.

    Shape: any -> the same.

    Source: Konda et al., Zero-bias autoencoders, https://arxiv.org/abs/1402.3337; a layer of Keras 1 and 2.

    >>> ThresholdedReLU(theta=1.0)(torch.tensor([0.5, 1.0, 1.5]))
    tensor([0.0000, 0.0000, 1.5000])
    """

    def __init__(self, theta: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.theta = non_negative(theta, "theta", self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.threshold(inputs, self.theta, 0.0)


@LAYERS.register()
class Softmax(AdvancedActivation):
    """``exp(x) / sum(exp(x))``, summed along ``axis``: positive numbers whose sum is 1.

    Arguments:
        axis: one axis, or several that are summed together.

    Call arguments: ``mask``, of booleans and broadcastable to the inputs: where it is ``False`` the output is 0.

    Shape: any -> the same.

    Raises:
        ValueError: when a mask can't be broadcast to the inputs.

    Source: https://keras.io/api/layers/activation_layers/softmax/

    >>> Softmax()(torch.tensor([1.0, 2.0, 3.0]))
    tensor([0.0900, 0.2447, 0.6652])
    """

    _is_built_at_once = True

    def __init__(self, axis: Axes = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.input_spec = InputSpec(
            min_ndim=max(one + 1 if one >= 0 else -one for one in ((axis,) if isinstance(axis, int) else axis))
        )
        # A loss can be computed from the logits when this is the last layer, and the softmax the one that it knows.
        self.activation = activations.softmax if axis == -1 else partial(activations.softmax, axis=axis)

    def pre_activation(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The inputs, with a large negative number where the mask is ``False``."""
        if mask is None:
            return inputs
        lowest = -3e4 if inputs.dtype is torch.float16 else -1e9
        return torch.where(self._checked(mask, inputs), inputs, lowest)

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        outputs = self.activation(self.pre_activation(inputs, mask))
        if mask is None:
            return outputs
        return torch.where(self._checked(mask, inputs), outputs, 0.0)  # uniform, were nothing kept along the axis

    def _checked(self, mask: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        sizes = list(zip(reversed(mask.shape), reversed(inputs.shape), strict=False))
        if mask.dim() > inputs.dim() or any(m not in (1, size) for m, size in sizes):
            raise ValueError(f"{who(self)} needs a mask that can be broadcast to its inputs of shape "
                             f"{tuple(inputs.shape)}, and got one of shape {tuple(mask.shape)}.")  # fmt: skip
        return mask if mask.dtype is torch.bool else mask > 0.5
