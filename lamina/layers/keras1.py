"""Layers that only Keras 1 had (two of them live on in Keras 2's ``keras.legacy``). Their arguments keep Keras 1's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import Axes, Int, LayerOptions, OptionsButWeights, PlainOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.layers.advanced_activations import AdvancedActivation
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class KerasOneDense(Layer):
    """What both layers of features share: the arguments about their weights."""

    bias: bool
    input_dim: int | None

    def _settle(self, init: Any, penalties: tuple[Any, Any], limits: tuple[Any, Any], bias: bool) -> None:
        self.init = initializers.get(init)
        self.W_regularizer, self.b_regularizer = map(regularizers.get, penalties)
        self.W_constraint, self.b_constraint = map(constraints.get, limits)
        self.bias = bool(bias)
        self.input_spec = InputSpec(ndim=2)

    def _features_of(self, input_shape: Shape) -> int:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"{who(self)} needs to know its input's last axis, and got {input_shape}.")
        return features

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": serialize(self.activity_regularizer)} | super().get_config()


@LAYERS.register()
class Highway(KerasOneDense):
    """``t * activation(inputs @ W + b) + (1 - t) * inputs`` with the gate ``t = sigmoid(inputs @ W_carry + b_carry)``.

    Arguments:
        init: how ``W`` and ``W_carry`` start.
        activation: a name or function; ``None`` is linear.
        weights: the initial weights.
        W_regularizer, b_regularizer: penalties on ``W`` and ``b``.
        activity_regularizer: a penalty on the output.
        W_constraint, b_constraint: applied to ``W`` and ``b`` after each update.
        bias: whether ``b`` and ``b_carry`` are added.
        input_dim: the number of features, when it is known.

    Shape: ``(batch, features) -> (batch, features)``. Weights: ``W`` and ``W_carry`` ``(features, features)``, ``b`` (zeros at
    first) and ``b_carry`` (ones at first) ``(features,)``.

    Raises:
        ValueError: when the number of features is unknown.

    Source: Srivastava et al., Highway Networks, https://arxiv.org/abs/1505.00387

    >>> Highway(activation="relu")(torch.zeros(2, 16)).shape
    torch.Size([2, 16])
    """

    W: Weight
    W_carry: Weight

    def __init__(
        self,
        init: InitializerLike = "glorot_uniform",
        activation: ActivationLike = None,
        weights: Sequence[Any] | None = None,
        W_regularizer: RegularizerLike = None,
        b_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        W_constraint: ConstraintLike = None,
        b_constraint: ConstraintLike = None,
        bias: bool = True,
        input_dim: int | None = None,
        **kwargs: Unpack[PlainOptions],
    ) -> None:
        super().__init__(
            activity_regularizer=activity_regularizer, **_known_features(input_dim, kwargs), weights=weights
        )
        self._settle(init, (W_regularizer, b_regularizer), (W_constraint, b_constraint), bias)
        self.activation = activations.get(activation)
        self.input_dim = input_dim

    def build(self, input_shape: Shape) -> None:
        features = self._features_of(input_shape)
        square, layout = (features, features), (1, 0)
        self.W = self.add_weight(name="W", shape=square, initializer=self.init, regularizer=self.W_regularizer,
                                 constraint=self.W_constraint, layout=layout)  # fmt: skip
        self.W_carry = self.add_weight(name="W_carry", shape=square, initializer=self.init, layout=layout)
        self.b = self.b_carry = None
        if self.bias:
            self.b = self.add_weight(name="b", shape=(features,), initializer="zeros", regularizer=self.b_regularizer,
                                     constraint=self.b_constraint)  # fmt: skip
            self.b_carry = self.add_weight(name="b_carry", shape=(features,), initializer="ones")
        self.input_spec = InputSpec(ndim=2, axes={-1: features})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(F.linear(inputs, self.W_carry.t(), self.b_carry))  # (B, F)
        return torch.lerp(inputs, self.activation(F.linear(inputs, self.W.t(), self.b)), gate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class MaxoutDense(KerasOneDense):
    """The largest of ``nb_feature`` linear layers: ``max over k of (inputs @ W[k] + b[k])``.

    Arguments:
        output_dim: the size of the output.
        nb_feature: over how many linear layers the largest is taken.
        init: how ``W`` starts.
        weights: the initial weights.
        W_regularizer, b_regularizer: penalties on the weights.
        activity_regularizer: a penalty on the output.
        W_constraint, b_constraint: applied after each update.
        bias: whether ``b`` is added.
        input_dim: the number of features, when it is known.

    Shape: ``(batch, features) -> (batch, output_dim)``. Weights: ``W`` ``(nb_feature, features, output_dim)``, ``b``
    ``(nb_feature, output_dim)``.

    Raises:
        ValueError: when a number is not positive, or the number of features is unknown.

    Source: Goodfellow et al., Maxout Networks, https://arxiv.org/abs/1302.4389

    >>> MaxoutDense(8, nb_feature=3)(torch.zeros(2, 16)).shape
    torch.Size([2, 8])
    """

    W: Weight

    def __init__(
        self,
        output_dim: Int,
        nb_feature: Int = 4,
        init: InitializerLike = "glorot_uniform",
        weights: Sequence[Any] | None = None,
        W_regularizer: RegularizerLike = None,
        b_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        W_constraint: ConstraintLike = None,
        b_constraint: ConstraintLike = None,
        bias: bool = True,
        input_dim: int | None = None,
        **kwargs: Unpack[PlainOptions],
    ) -> None:
        super().__init__(
            activity_regularizer=activity_regularizer, **_known_features(input_dim, kwargs), weights=weights
        )
        self.output_dim = positive_int(output_dim, "output_dim", self)
        self.nb_feature = positive_int(nb_feature, "nb_feature", self)
        self._settle(init, (W_regularizer, b_regularizer), (W_constraint, b_constraint), bias)
        self.input_dim = input_dim

    def build(self, input_shape: Shape) -> None:
        features = self._features_of(input_shape)
        self.W = self.add_weight(
            name="W", shape=(self.nb_feature, features, self.output_dim), layout=(0, 2, 1), initializer=self.init,
            regularizer=self.W_regularizer, constraint=self.W_constraint)  # fmt: skip
        self.b = self.add_weight(
            name="b", shape=(self.nb_feature, self.output_dim), initializer="zeros", regularizer=self.b_regularizer,
            constraint=self.b_constraint) if self.bias else None  # fmt: skip
        self.input_spec = InputSpec(ndim=2, axes={-1: features})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        kernel = self.W.transpose(1, 2).flatten(0, 1)  # (K, F, O) -> (K * O, F)
        y = F.linear(inputs, kernel, None if self.b is None else self.b.flatten())  # -> (B, K * O)
        return y.unflatten(1, (self.nb_feature, self.output_dim)).amax(1)  # -> (B, O)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.output_dim)


def _known_features(input_dim: int | None, kwargs: PlainOptions) -> PlainOptions:
    """``kwargs`` with the input's shape, where only ``input_dim`` says it."""
    given = {"input_shape", "batch_input_shape", "batch_shape"} & set(kwargs)
    return kwargs if input_dim is None or given else kwargs | {"input_shape": (input_dim,)}


class ShapedActivation(AdvancedActivation):
    """The base of activations with weights for each number of a sample, or shared along axes."""

    shared_axes: list[int] | None

    def _settle(self, shared_axes: Any) -> None:
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def _weight_shape(self, input_shape: Shape) -> tuple[int, ...]:
        shared = set(self.shared_axes or ())
        if not shared <= set(range(1, len(input_shape))):
            raise ValueError(f"{who(self)} can share weights along the axes 1 to {len(input_shape) - 1} of {input_shape}, "
                             f"and got shared_axes={self.shared_axes}.")  # fmt: skip
        own = {axis: size for axis, size in enumerate(input_shape) if axis not in {0, *shared}}
        if None in own.values():
            raise ValueError(f"{who(self)} needs to know the size of every axis along which weights are not shared, "
                             f"and got {input_shape}. Unknown axes can be named in shared_axes.")  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)
        return tuple(own.get(axis) or 1 for axis in range(1, len(input_shape)))


@LAYERS.register()
class SReLU(ShapedActivation):
    """Linear between two learned thresholds, and linear with learned slopes outside.

    ``t_right + a_right * (x - t_right)`` from the right threshold on, ``x`` between, ``t_left + a_left * (x - t_left)`` up to
    the left one, where the right threshold is ``t_left + |t_right|`` of the weights, so that it is never below the left.

    Arguments:
        t_left_init, a_left_init: how the left threshold and slope start.
        t_right_init, a_right_init: how the right threshold (from the left one on) and slope start.
        shared_axes: axes along which the weights are the same; ``[1, 2]`` after a convolution gives four per filter.

    Shape: any -> the same. Weights: ``t_left``, ``a_left``, ``t_right``, ``a_right``, shaped as a sample, with 1 for each
    shared axis.

    Raises:
        ValueError: when a shared axis is the batch's or none, or the size of one that is not shared is unknown.

    Source: Jin et al., Deep Learning with S-shaped Rectified Linear Activation Units, https://arxiv.org/abs/1512.07030

    >>> layer = SReLU("zeros", "zeros", "ones", "zeros")  # 0 below 0, 1 above 1
    >>> layer(torch.tensor([[-1.0, 0.5, 3.0]])).detach()
    tensor([[0.0000, 0.5000, 1.0000]])
    """

    t_left: Weight
    a_left: Weight
    t_right: Weight
    a_right: Weight

    def __init__(
        self,
        t_left_init: InitializerLike = "zeros",
        a_left_init: InitializerLike = "glorot_uniform",
        t_right_init: InitializerLike = "glorot_uniform",
        a_right_init: InitializerLike = "ones",
        shared_axes: Axes | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.t_left_init = initializers.get(t_left_init)
        self.a_left_init = initializers.get(a_left_init)
        self.t_right_init = initializers.get(t_right_init)
        self.a_right_init = initializers.get(a_right_init)
        self._settle(shared_axes)

    def build(self, input_shape: Shape) -> None:
        shape = self._weight_shape(input_shape)
        self.t_left = self.add_weight(name="t_left", shape=shape, initializer=self.t_left_init)
        self.a_left = self.add_weight(name="a_left", shape=shape, initializer=self.a_left_init)
        self.t_right = self.add_weight(name="t_right", shape=shape, initializer=self.t_right_init)
        self.a_right = self.add_weight(name="a_right", shape=shape, initializer=self.a_right_init)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        above, width = inputs - self.t_left, self.t_right.abs()  # how far over the left threshold, and how far it may
        beyond = torch.relu(above - width)
        return self.t_left + torch.relu(above) - beyond + self.a_right * beyond - self.a_left * torch.relu(-above)


@LAYERS.register()
class ParametricSoftplus(ShapedActivation):
    """``alphas * log(1 + exp(betas * x))`` with learned ``alphas`` and ``betas``.

    Arguments:
        alpha_init, beta_init: the numbers that all ``alphas`` and ``betas`` start as.
        weights: the initial weights.
        shared_axes: axes along which the weights are the same; ``[1, 2]`` after a convolution gives two per filter.

    Shape: any -> the same. Weights: ``alphas``, ``betas``, shaped as a sample, with 1 for each shared axis.

    Raises:
        ValueError: when a start is no number, a shared axis is the batch's or none, or the size of one that is not
            shared is unknown.

    Source: McIntosh et al., Deep Learning Models of the Retinal Response to Natural Scenes, https://arxiv.org/abs/1702.01825

    >>> ParametricSoftplus(alpha_init=1.0, beta_init=1.0)(torch.zeros(1, 1)).detach()
    tensor([[0.6931]])
    """

    alphas: Weight
    betas: Weight

    def __init__(
        self,
        alpha_init: float = 0.2,
        beta_init: float = 5.0,
        weights: Sequence[Any] | None = None,
        shared_axes: Axes | None = None,
        **kwargs: Unpack[OptionsButWeights],
    ) -> None:
        super().__init__(**kwargs, weights=weights)
        for name, value in (("alpha_init", alpha_init), ("beta_init", beta_init)):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise ValueError(f"{who(self)} needs a number for {name}, and got {value!r}.")
        self.alpha_init, self.beta_init = alpha_init, beta_init
        self._settle(shared_axes)

    def build(self, input_shape: Shape) -> None:
        shape = self._weight_shape(input_shape)
        self.alphas = self.add_weight(name="alphas", shape=shape, initializer=initializers.Constant(self.alpha_init))
        self.betas = self.add_weight(name="betas", shape=shape, initializer=initializers.Constant(self.beta_init))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.alphas * activations.softplus(self.betas * inputs)
