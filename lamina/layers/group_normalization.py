"""Group normalization, on torch's kernel for either order of axes."""

from __future__ import annotations

from typing import Any, Unpack

import torch

from lamina.constraints import ConstraintLike
from lamina.engine.arguments import non_negative
from lamina.engine.calling import who
from lamina.engine.devices import is_eager_on_cpu
from lamina.engine.layer import LAYERS, InputSpec
from lamina.engine.types import Int, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.layers.normalization import Normalization, axes_of, checked_axis, known_sizes
from lamina.regularizers import RegularizerLike

_FEW = 4  # channels in a group, below which torch's channels-last kernel takes longer than copying to the other order and back
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


@LAYERS.register()
class GroupNormalization(Normalization):
    """``(inputs - mean) / sqrt(variance + epsilon) * gamma + beta``, with the mean and variance of each group of channels
    in each sample.

    Arguments:
        groups: how many groups of equally many channels there are; -1: each channel is one (instance normalization).
        axis: the axis of the channels.
        epsilon: added to the variance.
        center, scale, beta_initializer, ...: as in :class:`Normalization`.

    Shape: any -> the same. Weights: ``gamma``, ``beta``, each of ``axis``'s size.

    Raises:
        ValueError: when ``groups`` is no positive integer or -1 or does not divide the number of channels, or when the
            inputs lack ``axis`` or its size is unknown.

    Source: Wu and He, Group Normalization, https://arxiv.org/abs/1803.08494

    >>> GroupNormalization(2, epsilon=0.0)(torch.tensor([[1.0, 3.0, 10.0, 30.0]])).detach()
    tensor([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        groups: Int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **kwargs)  # fmt: skip
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(f"{who(self)} needs a positive integer or -1 for groups, and got {groups!r}.")
        self.groups = groups
        self._builds_weights = bool(center or scale)
        self.axis = checked_axis(axis, self)
        self.epsilon = non_negative(epsilon, "epsilon", self)

    def build(self, input_shape: Shape) -> None:
        axes = axes_of(self.axis, input_shape, self)
        (channels,) = shape = known_sizes(axes, input_shape, self)
        self._channels, self._groups = axes[0], channels if self.groups == -1 else self.groups
        if channels % self._groups:
            raise ValueError(f"{who(self)} has {self._groups} groups, which must divide the number of channels, "
                             f"and got {channels}.")  # fmt: skip
        self._copies = self._channels != 1 and channels // self._groups < _FEW
        self.add_scale_and_shift(shape)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        gamma = self.gamma if self.gamma is not None or self.beta is None else torch.ones_like(self.beta)
        weights = gamma, self.beta  # torch's kernel wants both or none
        if self._channels == 1:
            return _in_order(inputs, self._groups, *weights, self.epsilon)
        x, norm = inputs.movedim(self._channels, 1), torch.group_norm  # (B, *S, C) -> (B, C, *S), channels-last memory
        wide = x.unsqueeze(2) if x.dim() == 3 else x  # torch knows channels-last memory for four axes and five
        layout = _LAYOUTS.get(wide.dim())
        stays = not self._copies and layout is not None and wide.is_contiguous(memory_format=layout)
        if stays and torch.is_grad_enabled():
            stays, norm = is_eager_on_cpu(x, *weights), _ChannelsLast.apply
        if not stays:
            return _in_order(x, self._groups, *weights, self.epsilon).movedim(1, self._channels)
        y: Any = norm(wide, self._groups, *weights, self.epsilon)
        return (y if y.dim() == inputs.dim() else y.squeeze(2)).movedim(1, self._channels)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes_of(self.axis, input_shape, self)
        return input_shape


def _in_order(x: torch.Tensor, groups: int, gamma: Any, beta: Any, epsilon: float) -> torch.Tensor:
    """``torch.group_norm`` of ``(B, C, *S)`` on memory in this order. Memory of three axes is never taken for channels-last,
    as that of pictures of one channel or one point is, which has either order."""
    if (
        x.numel() == x.shape[0] * groups
    ):  # of one value each: nothing is left of it, and torch's kernel leaves a rounding
        shape, rest = (-1, *(1,) * (x.dim() - 2)), x - x
        rest = rest if gamma is None else rest * gamma.view(shape)
        return rest if beta is None else rest + beta.view(shape)
    wide = x.flatten(2) if x.dim() > 3 else x
    return torch.group_norm(wide.contiguous(), groups, gamma, beta, epsilon).view(x.shape)


class _ChannelsLast(torch.autograd.Function):
    """``torch.group_norm`` on channels-last memory, whose own gradient crashes unless that of the inputs is asked for, too."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, groups: int, gamma: Any, beta: Any, epsilon: float) -> torch.Tensor:
        batch, channels = x.shape[:2]
        ctx.sizes = batch, channels, x.numel() // max(batch * channels, 1), groups
        ctx.epsilon = epsilon
        y, mean, scale = torch.native_group_norm(x, gamma, beta, *ctx.sizes, epsilon)
        ctx.save_for_backward(x, gamma, beta, mean, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, gamma, beta, mean, scale = ctx.saved_tensors
        needs = ctx.needs_input_grad[0], *ctx.needs_input_grad[2:4]
        if torch.is_grad_enabled():  # the gradient is to be differentiated once more
            with torch.enable_grad():
                y = _in_order(x, ctx.sizes[-1], gamma, beta, ctx.epsilon)
            sources = [source for source, needed in zip((x, gamma, beta), needs, strict=True) if needed]
            some = iter(torch.autograd.grad(y, sources, grads, create_graph=True))
            found = [next(some) if needed else None for needed in needs]
        else:
            grad = grads[0].contiguous(memory_format=_LAYOUTS[x.dim()])
            found = _backward(grad, x, mean, scale, gamma, *ctx.sizes, [True, *needs[1:]])
        return found[0], None, found[1], found[2], None


_backward: Any = torch.ops.aten.native_group_norm_backward
