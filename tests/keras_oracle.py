"""The oracle of the layer tests: the same layer in Keras 3, on torch, with the same weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import torch

from lamina import layers

PLAIN = (type(None), bool, int, float, str, tuple, list)


def both(name: str, arguments: dict[str, Any], x: Any) -> tuple[Any, Any]:
    """Keras's layer and ours, built for ``x`` and with Keras's weights."""
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(layers, name)(**arguments)
    if not theirs.built:
        theirs.build(tuple(x.shape))
    ours.build(tuple(x.shape))
    rng = np.random.default_rng(1)
    values = [rng.normal(0, 0.5, weight.shape).astype(weight.dtype) for weight in theirs.weights]
    theirs.set_weights(values)
    ours.set_weights(values)
    return theirs, ours


def outputs_and_gradients(layer: Any, x: torch.Tensor, call: dict[str, Any]) -> list[np.ndarray]:
    """What a layer gives, then the gradients of a weighted sum of it by its inputs and by each trainable weight."""
    x = x.clone().requires_grad_()
    y = layer(x, **call)
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    factors = torch.linspace(0.5, 1.5, y.numel()).reshape(y.shape).to(y.dtype)
    gradients = torch.autograd.grad((y * factors).sum(), [x, *weights])
    return [tensor.detach().numpy() for tensor in (y, *gradients)]


def assert_as_keras(name: str, arguments: dict[str, Any], shape: Any, call: Any = None, atol: float = 1e-5) -> Any:
    """Equal values, gradients, shapes and configs; returns our layer. ``shape`` can be the data."""
    x = shape if isinstance(shape, torch.Tensor) else torch.randn(shape)
    theirs, ours = both(name, arguments, x)
    for wanted, mine in zip(*(outputs_and_gradients(layer, x, call or {}) for layer in (theirs, ours)), strict=True):
        assert mine.shape == wanted.shape
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=atol * max(1.0, np.abs(wanted).max()))
    assert ours.compute_output_shape(tuple(x.shape)) == tuple(ours(x, **(call or {})).shape)
    assert_config_as_keras(ours, theirs)
    return ours


def assert_config_as_keras(ours: Any, theirs: Any) -> None:
    """The same keys, and the same plain values under them."""
    mine, wanted = ours.get_config(), theirs.get_config()
    wanted.pop("quantization_config", None)  # a feature that lamina does not have
    assert mine.keys() == wanted.keys()
    plain = {key for key, value in wanted.items() if isinstance(value, PLAIN) and key not in ("name", "dtype")}
    assert {key: mine[key] for key in plain} == {key: wanted[key] for key in plain}
