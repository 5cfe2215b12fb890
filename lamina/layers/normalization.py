"""Normalization: numbers moved and scaled to mean 0 and variance 1, over the batch, over features or over groups of them.

Every layer here runs torch's own kernel on a view of the inputs. Where an axis does not allow that, or a mask says that
some numbers do not count, the same formula is written out.
"""

from __future__ import annotations

from typing import Any, Literal, Unpack, cast

import torch
from torch.nn import functional as F

from lamina import config, constraints, initializers, regularizers
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import non_negative, one_of
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.precision import as_float
from lamina.engine.types import Axes, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.layers.spectral_normalization import SpectralNormalization as SpectralNormalization
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


def axes_of(axis: int | tuple[int, ...] | list[int], shape: Shape, layer: Layer) -> tuple[int, ...]:
    """``axis`` (one or several) as axes of inputs of ``shape``, counted from the front and sorted.

    Raises:
        ValueError: ``LayerNormalization 'ln' normalizes axis 3, and got (2, 4), which has 2 axes.``
    """
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    for one in given:
        if not -len(shape) <= one < len(shape):
            raise ValueError(f"{who(layer)} normalizes axis {one}, and got {shape}, which has {len(shape)} axes.")
    return tuple(sorted({one % len(shape) for one in given}))


def known_sizes(axes: tuple[int, ...], shape: Shape, layer: Layer) -> tuple[int, ...]:
    """The sizes of ``axes``, of which weights are made.

    Raises:
        ValueError: when one is unknown.
    """
    sizes = [shape[axis] for axis in axes]
    if None in sizes:
        raise ValueError(f"{who(layer)} needs to know the size of axis {axes[sizes.index(None)]} of its inputs, and got "
                         f"{shape}.")  # fmt: skip
    return tuple(size for size in sizes if size is not None)


def checked_axis(axis: Any, layer: Layer) -> Any:
    """``axis`` when it is an integer or several of them."""
    items = axis if isinstance(axis, (tuple, list)) else [axis]
    if not items or any(isinstance(item, bool) or not isinstance(item, int) for item in items):
        raise TypeError(f"{who(layer)} needs an integer or a list of integers for axis, and got {axis!r}.")
    return list(axis) if isinstance(axis, (tuple, list)) else axis


class Normalization(Layer):
    """``(inputs - mean) / sqrt(variance + epsilon) * gamma + beta``. The base of the layers that differ in what the mean
    and variance are taken over.

    Arguments:
        center: whether ``beta`` is added.
        scale: whether to multiply by ``gamma``.
        beta_initializer, gamma_initializer: how the weights start (Keras 1: ``beta_init``, ``gamma_init``).
        beta_regularizer, gamma_regularizer: penalties on the weights.
        beta_constraint, gamma_constraint: applied after each update.
    """

    supports_masking = True
    gamma: Weight | None
    beta: Weight | None

    def __init__(
        self,
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
        super().__init__(**kwargs)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def add_scale_and_shift(self, shape: tuple[int, ...]) -> None:
        """Make ``gamma`` and ``beta``, those of them that there are to be."""
        self.gamma = None if not self.scale else self.add_weight(
            name="gamma", shape=shape, initializer=self.gamma_initializer, regularizer=self.gamma_regularizer,
            constraint=self.gamma_constraint)  # fmt: skip
        self.beta = None if not self.center else self.add_weight(
            name="beta", shape=shape, initializer=self.beta_initializer, regularizer=self.beta_regularizer,
            constraint=self.beta_constraint)  # fmt: skip


@LAYERS.register()
class BatchNormalization(Normalization):
    """``(inputs - mean) / sqrt(variance + epsilon) * gamma + beta``, one mean and variance for each place along ``axis``.

    In training they are the batch's own, and moving averages of them are kept: ``moving = momentum * moving +
    (1 - momentum) * batch``. When predicting, and when ``trainable`` is off, they are those averages (but see
    ``frozen_statistics``).

    Arguments:
        axis: the axis of the features; 1 for images of ``channels_first``.
        momentum: how slowly the moving averages follow, from 0 to 1.
        epsilon: added to the variance.
        center, scale, beta_initializer, ...: as in :class:`Normalization`.
        moving_mean_initializer, moving_variance_initializer: how the moving averages start.
        renorm: batch renormalization: in training, too, the numbers are about what they will be when predicting.
        renorm_clipping: bounds ``rmin``, ``rmax``, ``dmax`` of renormalization's correction.
        renorm_momentum: the momentum of the averages that renormalization uses.
        synchronized: whether mean and variance are taken over the batches of all processes of ``torch.distributed``.
        variance_correction: what the moving variance of ``n`` numbers is: ``"none"`` (their variance, as in Keras 1 and
            3), ``"1+epsilon"`` (times ``n / (n - 1 - epsilon)``, and for images times ``n / (n - 1)`` besides, Keras 2) or
            ``"images"`` (times ``n / (n - 1)``, for inputs of four or five axes only, tf.keras).
        frozen_statistics: what mean and variance are in training when ``trainable`` is off: ``"moving"`` averages (tf.keras,
            Keras 3), the ``"batch"``'s own while the averages stay (Keras 2), or those while the averages ``"follow"``
            (Keras 1).
        debiases: whether the averages are of the batches seen alone, as if there were none before the first (Keras 2.0 to
            2.2).

    Call arguments: ``mask``, with the inputs' axes but the last: numbers where it is ``False`` don't count in the
    batch's mean and variance.

    Shape: any -> the same. Weights: ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``, each of ``axis``'s size;
    with ``renorm`` also ``moving_stddev``, ``renorm_mean``, ``renorm_stddev``.

    Raises:
        ValueError: when the inputs lack ``axis`` or its size is unknown, for bounds of ``renorm_clipping`` that are none,
            and for a mask of other axes.

    Source: Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167; Ioffe, Batch Renormalization,
    https://arxiv.org/abs/1702.03275

    >>> layer = BatchNormalization()
    >>> layer(torch.tensor([[0.0], [2.0]]), training=True).round(decimals=2).flatten().tolist()
    [-1.0, 1.0]
    >>> layer.moving_mean
    tensor([0.0100])
    """

    _training_after = "inputs"
    moved_in_training = ("moving_mean", "moving_variance")
    _averages_stay = False  # while a model trains that was compiled before the layer was frozen, in Keras 2
    moving_mean: Weight
    moving_variance: Weight
    moving_stddev: Weight
    renorm_mean: Weight
    renorm_stddev: Weight

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        variance_correction: Literal["none", "1+epsilon", "images"] = "none",
        frozen_statistics: Literal["moving", "batch", "follow"] = "moving",
        debiases: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **kwargs)  # fmt: skip
        axis = checked_axis(axis, self)
        if isinstance(axis, list) and len(axis) != 1:
            raise ValueError(f"{who(self)} normalizes along one axis, and got axis={axis}.")
        self.axis = axis[0] if isinstance(axis, list) else axis  # tf.keras writes a list of one into configs
        self.momentum = non_negative(momentum, "momentum", self)
        self.epsilon = non_negative(epsilon, "epsilon", self)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = self._checked_clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.variance_correction = one_of(variance_correction, ("none", "1+epsilon", "images"), "variance_correction",
                                          self)  # fmt: skip
        self.frozen_statistics = one_of(frozen_statistics, ("moving", "batch", "follow"), "frozen_statistics", self)
        self.debiases, self._seen = debiases, 0

    def _checked_clipping(self, bounds: dict[str, float]) -> dict[str, float]:
        known = ("rmax", "rmin", "dmax")
        for name in bounds:
            if name not in known:
                raise ValueError(
                    f"{who(self)} takes the bounds {', '.join(known)} in renorm_clipping, and got {name!r}."
                )
        low, high, shift = bounds.get("rmin"), bounds.get("rmax"), bounds.get("dmax")
        if (low is not None and high is not None and high < low) or (shift is not None and shift < 0):
            raise ValueError(f"{who(self)} needs rmin <= rmax and dmax >= 0 in renorm_clipping, and got {bounds}.")
        return dict(bounds)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        axes = axes_of(self.axis, input_shape, self)
        shape = known_sizes(axes, input_shape, self)
        self._channels, self._features = axes[0], shape[0]
        self._others = [axis for axis in range(rank) if axis != axes[0]]
        self._broadcast = [-1 if axis == axes[0] else 1 for axis in range(rank)]
        fused_by_tensorflow = rank in (4, 5) and axes[0] in (1, rank - 1)
        self._missing = {"none": 0.0, "1+epsilon": 1 + self.epsilon, "images": float(fused_by_tensorflow)}[
            self.variance_correction
        ]
        # Keras 2 corrected once more what TensorFlow's kernel for images had corrected already.
        self._twice = self.variance_correction == "1+epsilon" and rank == 4 and axes[0] == rank - 1
        self.add_scale_and_shift(shape)
        means, variances = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self.add_weight(name="moving_mean", shape=shape, initializer=means, trainable=False)
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=shape, initializer=variances, trainable=False
        )
        if self.renorm:
            root = _RootOf(variances)
            self.moving_stddev = self.add_weight(name="moving_stddev", shape=shape, initializer=root, trainable=False)
            self.renorm_mean = self.add_weight(name="renorm_mean", shape=shape, initializer=means, trainable=False)
            self.renorm_stddev = self.add_weight(name="renorm_stddev", shape=shape, initializer=root, trainable=False)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: shape[0]})

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None and mask.dim() != inputs.dim() - 1:
            raise ValueError(f"{who(self)} needs a mask with the inputs' axes but the last, and got one of shape "
                             f"{tuple(mask.shape)} for inputs of shape {tuple(inputs.shape)}.")  # fmt: skip
        if not (self.training and (self._trainable or self.frozen_statistics != "moving")):
            return self._apply_kernel(inputs, training=False)
        follows = (self._trainable and not self._averages_stay) or self.frozen_statistics == "follow"
        alone = inputs.numel() <= self._features  # torch's kernel wants more than one number for a variance
        if alone and not inputs.numel():  # no numbers have no mean, and leave the averages as they are
            return self._apply_kernel(inputs, training=False)
        if mask is not None or self.renorm or alone or (self.synchronized and _has_peers()):
            return self._apply_formula(inputs, mask, follows)
        if not follows:
            return self._apply_kernel(inputs, True, self.moving_mean.clone(), self.moving_variance.clone())
        if self._missing == 1 and not self._twice:
            return self._apply_kernel(inputs, True)
        momentum = self._momentum_now()
        # The kernel's moving variance counts n / (n - 1) times the variance, and n / (n - missing) is wanted. What the
        # kernel was given it keeps for the backward pass, so it gets a copy.
        updated = self.moving_variance.clone()
        outputs = self._apply_kernel(inputs, True, self.moving_mean, updated, momentum)
        count = inputs.numel() // self._features
        part = (count - (not self._twice)) / (count - self._missing)
        self.moving_variance.mul_(momentum * (1 - part)).add_(updated, alpha=part)
        return outputs

    def _momentum_now(self) -> float:
        """How much the averages keep of what they were."""
        if not self.debiases:
            return self.momentum
        self._seen += 1
        return self.momentum * (1 - self.momentum ** (self._seen - 1)) / (1 - self.momentum**self._seen)

    def _apply_kernel(self, inputs: torch.Tensor, training: bool, moving_mean: torch.Tensor | None = None,
                      moving_variance: torch.Tensor | None = None, momentum: float | None = None) -> torch.Tensor:  # fmt: skip
        # In a view, the last axis comes second: (*B, C) -> (B', C), and so does any other one: (B, C, *S).
        second, last = self._channels == 1, self._channels == inputs.dim() - 1
        x = inputs if second else inputs.flatten(0, -2) if last else inputs.movedim(self._channels, 1)
        mean = self.moving_mean if moving_mean is None else moving_mean
        variance = self.moving_variance if moving_variance is None else moving_variance
        momentum = self.momentum if momentum is None else momentum
        y = F.batch_norm(x, mean, variance, self.gamma, self.beta, training, 1 - momentum, self.epsilon)  # fmt: skip
        return y if second else y.view(inputs.shape) if last else y.movedim(1, self._channels)

    def _apply_formula(self, inputs: torch.Tensor, mask: torch.Tensor | None, follows: bool) -> torch.Tensor:
        x = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        mean, variance, count = self._moments(x, mask)
        gamma = x.new_ones(()) if self.gamma is None else self.gamma.view(self._broadcast)
        beta = x.new_zeros(()) if self.beta is None else self.beta.view(self._broadcast)
        if self.renorm:
            ratio, shift = self._renormalize(mean.detach().flatten(), variance.detach().flatten(), follows)
            beta = beta + shift.view(self._broadcast) * gamma
            gamma = ratio.view(self._broadcast) * gamma
        elif follows:
            kept = variance.detach() * (count / (count - self._missing)) if self._missing else variance.detach()
            kept = kept * (count / (count - 1)) if self._twice else kept
            momentum = self._momentum_now()
            _follow(self.moving_mean, mean.detach().flatten(), momentum)
            _follow(self.moving_variance, kept.flatten(), momentum)
        factor = torch.rsqrt(variance + self.epsilon) * gamma
        return torch.addcmul(beta - mean * factor, x, factor).to(inputs.dtype)

    def _moments(self, x: torch.Tensor, mask: torch.Tensor | None) -> tuple[Any, Any, Any]:
        """Mean, variance and how many numbers they are of, for broadcasting with ``x``."""
        everywhere = (lambda part: part) if not (self.synchronized and _has_peers()) else _summed_over_processes
        if mask is None:
            kept, count = x, everywhere(torch.full((), x.numel() // self._features, dtype=x.dtype, device=x.device))
        else:
            mask = mask.bool().unsqueeze(-1)
            kept = torch.where(mask, x, 0.0)
            number = mask.expand_as(x).sum(self._others, keepdim=True, dtype=x.dtype)
            count = everywhere(number) + config.epsilon()
        mean = everywhere(kept.sum(self._others, keepdim=True)) / count
        away = x - mean if mask is None else torch.where(mask, x - mean, 0.0)
        return mean, everywhere(away.square().sum(self._others, keepdim=True)) / count, count

    @torch.no_grad()
    def _renormalize(self, mean: torch.Tensor, variance: torch.Tensor, follows: bool) -> tuple[Any, Any]:
        """The correction ``r, d`` towards the moving averages, which then follow the batch's."""
        bounds, stddev = self.renorm_clipping or {}, torch.sqrt(variance + self.epsilon)
        floor = self.renorm_stddev.to(mean.dtype).clamp(min=self.epsilon**0.5)
        ratio, shift = stddev / floor, (mean - self.renorm_mean) / floor
        low, high, most = bounds.get("rmin"), bounds.get("rmax"), bounds.get("dmax")
        ratio = ratio if low is None and high is None else ratio.clamp(low, high)
        shift = shift if most is None else shift.clamp(-most, most)
        if not follows:
            return ratio, shift
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, stddev, self.renorm_momentum)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.copy_((self.moving_stddev.square() - self.epsilon).relu())
        return ratio, shift

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes_of(self.axis, input_shape, self)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        settings = super().get_config()
        for name, as_ever in (("variance_correction", "none"), ("frozen_statistics", "moving"), ("debiases", False)):
            if settings[name] == as_ever:  # Keras 3 does not have them
                del settings[name]
        return settings


class _RootOf:
    """An initializer: the square roots of another's numbers."""

    def __init__(self, initializer: Any) -> None:
        self.initializer = initializer

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return self.initializer(shape, dtype=dtype).sqrt()


@torch.no_grad()
def _follow(average: torch.Tensor, value: torch.Tensor, momentum: float) -> None:
    """Move a moving average towards a new value, in place."""
    average.lerp_(value.to(average.dtype), 1 - momentum)


def _has_peers() -> bool:
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _summed_over_processes(part: torch.Tensor) -> torch.Tensor:
    # Gradients go back to all processes, too, as the mean depends on the inputs of each.
    from torch.distributed.nn.functional import all_reduce  # not in every build of torch

    return all_reduce(part)


@LAYERS.register()
class LayerNormalization(Normalization):
    """``(inputs - mean) / sqrt(variance + epsilon) * gamma + beta``, with the mean and variance of ``axis`` in each sample.

    Arguments:
        axis: the axis or axes to normalize; all that one mean is taken over.
        epsilon: added to the variance.
        center, scale, beta_initializer, ...: as in :class:`Normalization`.
        rms_scaling: ``inputs / sqrt(variance + epsilon) * gamma``: nothing is subtracted or added.

    Shape: any -> the same. Weights: ``gamma``, ``beta``, of the sizes of ``axis``.

    Raises:
        TypeError: when ``axis`` is no integer or list of them.
        ValueError: when the inputs lack ``axis`` or its size is unknown.

    Source: Ba et al., Layer Normalization, https://arxiv.org/abs/1607.06450

    >>> LayerNormalization(epsilon=0.0)(torch.tensor([[1.0, 3.0], [10.0, 30.0]])).detach()
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        rms_scaling: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
                         beta_constraint, gamma_constraint, **kwargs)  # fmt: skip
        self.axis = checked_axis(axis, self)
        self.epsilon = non_negative(epsilon, "epsilon", self)
        self.rms_scaling = rms_scaling
        self._builds_weights = bool(center or scale or rms_scaling)

    def build(self, input_shape: Shape) -> None:
        axes = axes_of(self.axis, input_shape, self)
        self._sizes = known_sizes(axes, input_shape, self)
        self._order, self._back = last_axes(axes, len(input_shape))
        self.add_scale_and_shift(self._sizes)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=dict(zip(axes, self._sizes, strict=True)))

    def add_scale_and_shift(self, shape: tuple[int, ...]) -> None:
        if not self.rms_scaling:
            return super().add_scale_and_shift(shape)
        center, scale = self.center, self.scale
        self.center, self.scale = False, True
        super().add_scale_and_shift(shape)
        self.center, self.scale = center, scale

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        x = inputs if self._order is None else inputs.permute(self._order)  # axis comes last
        if self.rms_scaling:
            last = tuple(range(-len(self._sizes), 0))
            y = x * torch.rsqrt(x.var(last, correction=0, keepdim=True) + self.epsilon) * cast(torch.Tensor, self.gamma)
        else:
            gamma, beta = self.gamma, self.beta
            if self._is_mixed and gamma is None:  # torch's gradient minds the type of beta, unless gamma is of the same
                beta = as_float(beta, x.dtype)
            y = F.layer_norm(x, self._sizes, gamma, beta, self.epsilon)
        return y if self._back is None else y.permute(self._back)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes_of(self.axis, input_shape, self)
        return input_shape


def last_axes(axes: tuple[int, ...], rank: int) -> tuple[list[int] | None, list[int] | None]:
    """The permutation that puts ``axes`` last, and the one that takes them back; ``None`` where they are last already."""
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    if order == list(range(rank)):
        return None, None
    return order, sorted(range(rank), key=order.__getitem__)


@LAYERS.register()
class RMSNormalization(Layer):
    """``inputs / sqrt(mean(inputs ** 2) + epsilon) * scale``, with the mean over ``axis`` in each sample.

    Arguments:
        axis: the axis or axes that one mean is taken over.
        epsilon: added to the mean.

    Shape: any -> the same. Weights: ``scale``, of the sizes of ``axis``.

    Raises:
        TypeError: when ``axis`` is no integer or list of them.
        ValueError: when the inputs lack ``axis`` or its size is unknown.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, https://arxiv.org/abs/1910.07467

    >>> RMSNormalization()(torch.tensor([[3.0, -3.0]])).detach()
    tensor([[ 1.0000, -1.0000]])
    """

    scale: Weight

    def __init__(self, axis: Axes = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = checked_axis(axis, self)
        self.epsilon = non_negative(epsilon, "epsilon", self)

    def build(self, input_shape: Shape) -> None:
        axes = axes_of(self.axis, input_shape, self)
        self._sizes = known_sizes(axes, input_shape, self)
        self._order, self._back = last_axes(axes, len(input_shape))
        self.scale = self.add_weight(name="scale", shape=self._sizes, initializer="ones")
        self.input_spec = InputSpec(ndim=len(input_shape), axes=dict(zip(axes, self._sizes, strict=True)))

    def call(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self._order is None else x.permute(self._order)  # axis comes last
        scale = as_float(self.scale, x.dtype) if self._is_mixed else self.scale
        y = F.rms_norm(x, list(self._sizes), scale, self.epsilon)
        return y if self._back is None else y.permute(self._back)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes_of(self.axis, input_shape, self)
        return input_shape


@LAYERS.register()
class UnitNormalization(Layer):
    """``inputs / sqrt(sum(inputs ** 2))``, summed over ``axis``: vectors of length 1.

    Arguments:
        axis: the axis or axes along which a vector lies.

    Shape: any -> the same.

    Raises:
        TypeError: when ``axis`` is no integer or list of them.
        ValueError: when the inputs lack ``axis``.

    Source: https://keras.io/api/layers/normalization_layers/unit_normalization/

    >>> UnitNormalization()(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """

    _is_built_at_once = True
    supports_masking = True

    def __init__(self, axis: Axes = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = checked_axis(axis, self)
        self._lowest = 1e-24  # below which a vector's squared length counts as this

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        length = inputs.square().sum(self.axis, keepdim=True)
        return inputs * torch.rsqrt(length.clamp(min=self._lowest))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes_of(self.axis, input_shape, self)
        return input_shape
