"""Activations: functions of one tensor, by name. Each is one torch call where torch has the kernel."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from lamina.registry import Table

ACTIVATIONS: Table[Any] = Table("activation", "keras.activations", functions=True)
register = ACTIVATIONS.register


@register()
def linear(x: Any) -> Any:
    """``x`` itself."""
    return x


@register()
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """``max(x, 0)``; in general ``x`` from ``threshold`` up to ``max_value``, and ``negative_slope * (x - threshold)``
    below (Keras 2: ``alpha`` for ``negative_slope``).

    >>> relu(torch.tensor([-1.0, 2.0, 9.0]), max_value=6.0)
    tensor([0., 2., 6.])
    """
    if threshold == 0 and max_value is None:
        return torch.relu(x) if negative_slope == 0 else F.leaky_relu(x, negative_slope)
    if threshold == 0 and negative_slope == 0:
        return F.hardtanh(x, 0.0, max_value)
    above = F.threshold(x, threshold, 0.0)
    above = above if max_value is None else above.clamp(max=max_value)
    return above if negative_slope == 0 else above - negative_slope * torch.relu(threshold - x)


@register()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """``x`` above 0, ``negative_slope * x`` below."""
    return F.leaky_relu(x, negative_slope)


@register()
def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``."""
    return F.relu6(x)


@register()
def softmax(x: Any, axis: Any = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along ``axis`` (or several, summed together): positive numbers that add up to 1.

    >>> softmax(torch.tensor([1.0, 2.0, 3.0])).numpy().round(2).tolist()
    [0.09000000357627869, 0.23999999463558197, 0.6700000166893005]
    """
    if isinstance(axis, int):
        return torch.softmax(x, axis)
    return torch.exp(x - torch.logsumexp(x, tuple(axis), keepdim=True))


@register()
def log_softmax(x: Any, axis: int = -1) -> Any:
    """``log(softmax(x))``."""
    return F.log_softmax(x, axis)


@register()
def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below."""
    return F.elu(x, alpha)


@register()
def selu(x: Any) -> Any:
    """``1.0507 * elu(x, 1.6733)``: https://arxiv.org/abs/1706.02515"""
    return F.selu(x)


@register()
def celu(x: Any, alpha: float = 1.0) -> Any:
    """``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``: https://arxiv.org/abs/1704.07483"""
    return F.celu(x, alpha)


@register()
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return F.softplus(x)


@register()
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``."""
    return F.softsign(x)


@register("swish")
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also known as swish: https://arxiv.org/abs/1710.05941"""
    return F.silu(x)


swish = silu


@register()
def gelu(x: Any, approximate: bool = False) -> Any:
    """``x * P(X <= x)`` for a standard normal ``X``, or its approximation by ``tanh``: https://arxiv.org/abs/1606.08415"""
    return F.gelu(x, approximate="tanh" if approximate else "none")


@register()
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return torch.tanh(x)


@register()
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return torch.sigmoid(x)


@register()
def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``."""
    return F.logsigmoid(x)


@register()
def exponential(x: Any) -> Any:
    """``exp(x)``."""
    return torch.exp(x)


@register()
def hard_sigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6``, as in Keras 3. Keras 1 and 2 had :func:`hard_sigmoid_keras2`."""
    return F.hardsigmoid(x)


@register()
def hard_sigmoid_keras2(x: Any) -> Any:
    """``clip(0.2 * x + 0.5, 0, 1)``: what ``hard_sigmoid`` was in Keras 1 and 2."""
    return torch.clamp(0.2 * x + 0.5, 0, 1)


@register("hard_swish")
def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``: https://arxiv.org/abs/1905.02244"""
    return F.hardswish(x)


hard_swish = hard_silu


@register()
def hard_tanh(x: Any) -> Any:
    """``x`` between -1 and 1."""
    return F.hardtanh(x)


@register()
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` where ``|x| > threshold``, else 0."""
    return F.hardshrink(x, threshold)


@register()
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` moved by ``threshold`` towards 0, and 0 within it."""
    return F.softshrink(x, threshold)


@register()
def tanh_shrink(x: Any) -> Any:
    """``x - tanh(x)``."""
    return F.tanhshrink(x)


@register()
def squareplus(x: Any, b: float = 4) -> Any:
    """``(x + sqrt(x ** 2 + b)) / 2``: https://arxiv.org/abs/2112.11687"""
    return (x + torch.sqrt(torch.square(x) + b)) / 2


@register()
def sparse_plus(x: Any) -> Any:
    """0 up to -1, ``(x + 1) ** 2 / 4`` between, ``x`` from 1."""
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x < 1, torch.square(x + 1) / 4, x))


@register()
def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, ``(x + 1) / 2`` between, 1 from 1."""
    return torch.clamp((x + 1) / 2, 0, 1)


@register()
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """``x`` above ``threshold``, else ``default_value``."""
    return F.threshold(x, threshold, default_value)


@register()
def glu(x: Any, axis: int = -1) -> Any:
    """The first half along ``axis`` times the sigmoid of the second: https://arxiv.org/abs/1612.08083"""
    return F.glu(x, axis)


@register()
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``: https://arxiv.org/abs/1908.08681"""
    return F.mish(x)


@register()
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point to ``x`` whose numbers are not negative and add up to 1: https://arxiv.org/abs/1602.02068"""
    ordered, _ = torch.sort(x, dim=axis, descending=True)
    ranks = torch.cumsum(torch.ones_like(x), dim=axis)
    sums = torch.cumsum(ordered, dim=axis)
    support = 1 + ranks * ordered > sums
    count = torch.sum(torch.where(support, torch.ones_like(x), torch.zeros_like(x)), dim=axis, keepdim=True)
    tau = (torch.sum(torch.where(support, ordered, torch.zeros_like(x)), dim=axis, keepdim=True) - 1) / count
    return torch.relu(x - tau)


def get(identifier: Any) -> Any:
    """An activation from a name, a config or a function; ``None`` is :func:`linear`.

    Raises:
        ValueError: for an unknown name, with the nearest known one.
    """
    if identifier is None:
        return linear
    return ACTIVATIONS.get(identifier)


serialize = ACTIVATIONS.serialize
deserialize = ACTIVATIONS.deserialize
