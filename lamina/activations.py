"""Activations: functions of one tensor, by name. Each is one call of torch where torch has the kernel.

They take tensors, symbolic tensors, arrays and lists alike; those that layers call most try a tensor first. Source of all: https://keras.io/api/layers/activations/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional as F

from lamina import registry
from lamina.dtypes import numbers, takes_arrays
from lamina.registry import Config, Table

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid",
    "hard_sigmoid_keras2", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax",
    "mish", "over", "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

ACTIVATIONS: Table[Any] = Table("activation", "keras.activations", functions=True)

# What checkers and editors know of an argument like ``activation``: the names complete, any other string passes, since it
# may be one of your own.
ActivationName = Literal[
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_sigmoid_keras2", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
    "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip
ActivationLike = ActivationName | str | Callable[..., Any] | Config | None


@ACTIVATIONS.register()
def linear(x: Any) -> Any:
    """``x`` itself.

    >>> linear(torch.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """
    return x


# ---- rectifiers ----------------------------------------------------------------------------------------------------


def _slope(negative_slope: float, alpha: float | None, function: str, default: float) -> float:
    if alpha is None:
        return negative_slope
    if negative_slope != default:
        raise TypeError(f"{function} got both negative_slope and alpha, its older name.")
    return alpha


@ACTIVATIONS.register()
def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    alpha: float | None = None,
) -> Any:
    """``max(x, 0)``; in general ``min(x, max_value)`` above ``threshold``, and ``negative_slope * (x - threshold)`` below.

    Arguments:
        negative_slope: the slope below the threshold (Keras 1 and 2: ``alpha``).
        max_value: the greatest value; ``None`` is no limit.
        threshold: where the rectifier opens.

    >>> relu(torch.tensor([-1.0, 2.0, 9.0]), negative_slope=0.1, max_value=6.0)
    tensor([-0.1000,  2.0000,  6.0000])
    """
    slope = _slope(negative_slope, alpha, "relu", 0.0)
    if threshold == 0 and max_value is None:
        try:
            return torch.relu(x) if slope == 0 else F.leaky_relu(x, slope)
        except TypeError:
            return relu(numbers(x), slope)
    if not isinstance(x, torch.Tensor) and not hasattr(x, "__torch_function__"):
        x = numbers(x)
    if threshold == 0 and slope == 0 and max_value is not None:
        return F.hardtanh(x, 0.0, max_value)  # one kernel each way; clamp's gradient takes several
    above = F.threshold(x, threshold, 0.0)
    above = above if max_value is None else torch.clamp(above, max=max_value)
    return above if slope == 0 else above - slope * torch.relu(threshold - x)


@ACTIVATIONS.register()
@takes_arrays
def leaky_relu(x: Any, negative_slope: float = 0.2, *, alpha: float | None = None) -> Any:
    """``x`` above 0, ``negative_slope * x`` (Keras 2: ``alpha``) below. The layer LeakyReLU has another default, 0.3.

    >>> leaky_relu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """
    return F.leaky_relu(x, _slope(negative_slope, alpha, "leaky_relu", 0.2))


@ACTIVATIONS.register()
@takes_arrays
def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``.

    >>> relu6(torch.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return F.relu6(x)


@ACTIVATIONS.register()
def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below: https://arxiv.org/abs/1511.07289

    >>> elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    try:
        return F.elu(x, alpha)
    except TypeError:
        return F.elu(numbers(x), alpha)


@ACTIVATIONS.register()
@takes_arrays
def celu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` above 0, ``alpha * (exp(x / alpha) - 1)`` below: https://arxiv.org/abs/1704.07483

    >>> celu(torch.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    return F.celu(x, alpha)


@ACTIVATIONS.register()
def selu(x: Any) -> Any:
    """``1.0507 * elu(x, 1.6733)``, which keeps mean 0 and variance 1: https://arxiv.org/abs/1706.02515

    >>> selu(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    try:
        return F.selu(x)
    except TypeError:
        return F.selu(numbers(x))


@ACTIVATIONS.register()
@takes_arrays
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """``x`` above ``threshold``, else ``default_value``.

    >>> threshold(torch.tensor([-1.0, 2.0]), 1.0, 0.5)
    tensor([0.5000, 2.0000])
    """
    return F.threshold(x, threshold, default_value)


# ---- smooth rectifiers ---------------------------------------------------------------------------------------------


@ACTIVATIONS.register()
@takes_arrays
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``.

    >>> softplus(torch.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """
    return F.softplus(x)


@ACTIVATIONS.register()
@takes_arrays
def squareplus(x: Any, b: float = 4) -> Any:
    """``(x + sqrt(x ** 2 + b)) / 2``: https://arxiv.org/abs/2112.11687

    >>> squareplus(torch.tensor([0.0, 1.5]))
    tensor([1., 2.])
    """
    return (x + torch.sqrt(torch.square(x) + b)) / 2


@ACTIVATIONS.register()
@takes_arrays
def sparse_plus(x: Any) -> Any:
    """0 up to -1, ``(x + 1) ** 2 / 4`` between, ``x`` from 1 on.

    >>> sparse_plus(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0.0000, 0.2500, 3.0000])
    """
    return torch.where(x < 1, torch.square(torch.relu(x + 1)) / 4, x)


@ACTIVATIONS.register("swish")
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish: https://arxiv.org/abs/1710.05941

    >>> silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    try:
        return F.silu(x)
    except TypeError:
        return F.silu(numbers(x))


@ACTIVATIONS.register()
def gelu(x: Any, approximate: bool = False) -> Any:
    """``x`` times the probability that a standard normal number is below ``x``: https://arxiv.org/abs/1606.08415

    Arguments:
        approximate: whether to use ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))`` instead.

    >>> gelu(torch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    try:
        return F.gelu(x, approximate="tanh" if approximate else "none")
    except TypeError:
        return gelu(numbers(x), approximate)


@ACTIVATIONS.register()
@takes_arrays
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``: https://arxiv.org/abs/1908.08681

    >>> mish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return F.mish(x)


@ACTIVATIONS.register("hard_swish")
@takes_arrays
def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``, also called hard_swish: https://arxiv.org/abs/1905.02244

    >>> hard_silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """
    return F.hardswish(x)


@ACTIVATIONS.register()
@takes_arrays
def glu(x: Any, axis: int = -1) -> Any:
    """The first half along ``axis`` times the sigmoid of the second half: https://arxiv.org/abs/1612.08083

    >>> glu(torch.tensor([2.0, 0.0]))
    tensor([1.])
    """
    return F.glu(x, axis)


# ---- sigmoids ------------------------------------------------------------------------------------------------------


@ACTIVATIONS.register()
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``.

    >>> sigmoid(torch.tensor([-1.0, 0.0]))
    tensor([0.2689, 0.5000])
    """
    try:
        return torch.sigmoid(x)
    except TypeError:
        return torch.sigmoid(numbers(x))


@ACTIVATIONS.register()
def hard_sigmoid(x: Any) -> Any:
    """``clip(x / 6 + 0.5, 0, 1)``. Keras 1 and 2 had another slope: :func:`hard_sigmoid_keras2`.

    >>> hard_sigmoid(torch.tensor([-1.0, 1.0, 4.0]))
    tensor([0.3333, 0.6667, 1.0000])
    """
    try:
        return F.hardsigmoid(x)
    except TypeError:
        return F.hardsigmoid(numbers(x))


@ACTIVATIONS.register()
@takes_arrays
def hard_sigmoid_keras2(x: Any) -> Any:
    """``clip(0.2 * x + 0.5, 0, 1)``: what ``hard_sigmoid`` was in Keras 1 and 2.

    >>> hard_sigmoid_keras2(torch.tensor([-1.0, 1.0, 4.0]))
    tensor([0.3000, 0.7000, 1.0000])
    """
    return F.hardsigmoid(1.2 * x)  # its slope is 1/6


@ACTIVATIONS.register()
@takes_arrays
def sparse_sigmoid(x: Any) -> Any:
    """``clip(0.5 * x + 0.5, 0, 1)``.

    >>> sparse_sigmoid(torch.tensor([-1.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return F.hardsigmoid(3.0 * x)  # its slope is 1/6


@ACTIVATIONS.register()
@takes_arrays
def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``.

    >>> log_sigmoid(torch.tensor([-1.0, 0.0]))
    tensor([-1.3133, -0.6931])
    """
    return F.logsigmoid(x)


@ACTIVATIONS.register()
def tanh(x: Any) -> Any:
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``.

    >>> tanh(torch.tensor([-1.0, 0.0]))
    tensor([-0.7616,  0.0000])
    """
    try:
        return torch.tanh(x)
    except TypeError:
        return torch.tanh(numbers(x))


@ACTIVATIONS.register()
@takes_arrays
def hard_tanh(x: Any) -> Any:
    """``clip(x, -1, 1)``.

    >>> hard_tanh(torch.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    return F.hardtanh(x)


@ACTIVATIONS.register()
@takes_arrays
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``.

    >>> softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return F.softsign(x)


# ---- shrinking, and others -----------------------------------------------------------------------------------------


@ACTIVATIONS.register()
@takes_arrays
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` where ``|x| > threshold``, else 0.

    >>> hard_shrink(torch.tensor([-1.0, 0.5]))
    tensor([-1.,  0.])
    """
    return F.hardshrink(x, threshold)


@ACTIVATIONS.register()
@takes_arrays
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` moved by ``threshold`` towards 0, and 0 where it is nearer than that.

    >>> soft_shrink(torch.tensor([-1.0, 0.4]))
    tensor([-0.5000,  0.0000])
    """
    return F.softshrink(x, threshold)


@ACTIVATIONS.register()
@takes_arrays
def tanh_shrink(x: Any) -> Any:
    """``x - tanh(x)``.

    >>> tanh_shrink(torch.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """
    return F.tanhshrink(x)


@ACTIVATIONS.register()
@takes_arrays
def exponential(x: Any) -> Any:
    """``exp(x)``.

    >>> exponential(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return torch.exp(x)


# ---- along an axis -------------------------------------------------------------------------------------------------


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.dim())) if axis is None else tuple(axis)


@ACTIVATIONS.register()
def softmax(x: Any, axis: Any = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along ``axis``: positive numbers that add up to 1.

    Arguments:
        axis: an axis, several, or ``None`` for all of them.

    >>> softmax(torch.tensor([1.0, 2.0, 3.0]))
    tensor([0.0900, 0.2447, 0.6652])
    """
    if not isinstance(axis, int):
        return softmax(x, int(axis)) if isinstance(axis, np.integer) else torch.exp(log_softmax(x, axis))
    try:
        return torch.softmax(x, axis)
    except TypeError:
        return torch.softmax(numbers(x), axis)


@ACTIVATIONS.register()
@takes_arrays
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """``x - log(sum(exp(x)))`` along ``axis``, the logarithm of :func:`softmax`.

    >>> log_softmax(torch.tensor([1.0, 2.0, 3.0]))
    tensor([-2.4076, -1.4076, -0.4076])
    """
    if isinstance(axis, (int, np.integer)):
        return torch.log_softmax(x, int(axis))
    return x - torch.logsumexp(x, _axes(x, axis), keepdim=True)


@ACTIVATIONS.register()
@takes_arrays
def sparsemax(x: Any, axis: int = -1) -> Any:
    """``max(x - t, 0)`` with the ``t`` for which the numbers along ``axis`` add up to 1: https://arxiv.org/abs/1602.02068

    Keras 3.15.1 has another ``t`` when several numbers stay above 0, and they do not add up to 1 there. That is its
    error (https://github.com/keras-team/keras/issues/23425), mended since.

    >>> sparsemax(torch.tensor([1.0, 1.5, -1.0]))
    tensor([0.2500, 0.7500, 0.0000])
    """
    ordered = torch.sort(x, dim=axis, descending=True)[0]
    ranks = torch.cumsum(torch.ones_like(x), axis)
    # t for the k greatest numbers alone is (their sum - 1) / k; it grows as long as they are above it, and then falls.
    candidates = (torch.cumsum(ordered, axis) - 1) / ranks
    return torch.relu(x - torch.amax(candidates, axis, keepdim=True))


# Older names of the same.
swish, hard_swish = silu, hard_silu


def get(identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An activation from a name, a config, or a function or layer; ``None`` is :func:`linear`.

    Raises:
        ValueError: for an unknown name, with the nearest known one.

    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    if identifier is None:
        return linear
    find = deserialize if isinstance(identifier, dict) else ACTIVATIONS.get
    return find(identifier, custom_objects)


def over(activation: Any, x: torch.Tensor) -> torch.Tensor:
    """``activation(x)`` for numbers that nobody else holds and no gradient asks for: relu is written over them, which
    spares the memory's second half. (torch's compiler fuses by itself; through a view autograd would copy.)

    >>> x = torch.tensor([-1.0, 2.0])
    >>> over(relu, x) is x, over(tanh, x) is x
    (True, False)
    """
    if activation is relu and not torch.compiler.is_compiling() and not x._is_view():
        return torch.relu_(x)
    return activation(x)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that :func:`serialize` wrote: a function, or a layer used as one, such as ``LeakyReLU()``."""
    name = config.get("class_name") if isinstance(config, dict) else None
    layers = registry.TABLES.get("layer")
    if layers is not None and name in layers.members and name not in ACTIVATIONS.members:
        return layers.deserialize(config, custom_objects)
    return ACTIVATIONS.deserialize(config, custom_objects)


serialize = ACTIVATIONS.serialize
