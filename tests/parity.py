"""A row of the catalogue in lamina and in live Keras 3.15.1, on the same numbers."""

from __future__ import annotations

import inspect
import json
import warnings
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import torch
from catalog import ROWS
from catalog.row import Make, Row, Wrong
from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

import lamina.layers
from lamina.engine.input_spec import is_shape
from lamina.graph.symbolic import leaves, map_structure
from lamina.registry import serialize

# Keras lets no operation give 64 bits unless it runs on TensorFlow; as an oracle for float64 it must.
BIT64_TO_BIT32_DTYPE["float64"] = "float64"

LAMINA = SimpleNamespace(layers=lamina.layers)
# The functions that rows name: both libraries may write their names into configs.
FUNCTIONS = {name: value for row in ROWS for value in row.kwargs.values()
             if inspect.isfunction(value) for name in [value.__name__]}  # fmt: skip


def make(row: Row | Wrong, **more: Any) -> Any:
    """The row's layer."""
    return getattr(lamina.layers, row.layer)(**_resolved(row.kwargs, LAMINA), **more)


def make_keras(row: Row, **more: Any) -> Any:
    """The row's layer in Keras."""
    return getattr(keras.layers, row.keras_name)(**_resolved(row.kwargs, keras), **more)


def _resolved(kwargs: dict[str, Any], library: Any) -> dict[str, Any]:
    return {name: value.build(library) if isinstance(value, Make) else value for name, value in kwargs.items()}


def seed_of(row: Row) -> int:
    return zlib.crc32(row.id.encode())


def inputs_of(row: Row, dtype: str | None = None) -> Any:
    """The row's inputs: the same numbers each time."""
    rng = np.random.default_rng(seed_of(row))
    wanted = getattr(torch, dtype or row.dtype)

    def draw(shape: tuple[int, ...]) -> torch.Tensor:
        if not getattr(torch, row.dtype).is_floating_point:
            return torch.from_numpy(rng.integers(0, row.high, shape)).to(getattr(torch, row.dtype))
        return torch.from_numpy(rng.standard_normal(shape)).to(wanted)

    return map_shapes(draw, row.shape)


def call_arguments(row: Row, dtype: str | None = None) -> dict[str, Any]:
    """The row's further call arguments: floats for a shape (or each of a list of shapes), the numbers
    themselves for a list."""
    rng = np.random.default_rng(seed_of(row) + 1)
    wanted = getattr(torch, dtype or "float32")

    def argument(value: Any) -> Any:
        if isinstance(value, tuple):
            return torch.from_numpy(rng.standard_normal(value)).to(wanted)
        if isinstance(value, list) and _of_shapes(value[0]):
            return [argument(item) for item in value]
        return torch.tensor(value) if isinstance(value, list) else value

    return {name: argument(value) for name, value in row.call.items()}


def _of_shapes(value: Any) -> bool:
    return isinstance(value, tuple) or (isinstance(value, list) and isinstance(value[0], tuple))


def map_shapes(function: Callable[[tuple[int, ...]], Any], shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    if isinstance(shapes, list):
        return [map_shapes(function, value) for value in shapes]
    return function(shapes)


def types_of_call(layer: Any, row: Row) -> list[str]:
    """The types of what a layer gives for the row's inputs, which are float32 where they are floats."""
    outputs = leaves(call(layer, inputs_of(row), row, call_arguments(row)))
    return [str(output.dtype).removeprefix("torch.") for output in outputs]


def types_of_symbolic_call(row: Row, policy: str) -> list[str]:
    """The types that a call without data says."""

    def symbolic(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return lamina.layers.Input(batch_shape=(None, *leaf.shape[1:]), dtype=leaf.dtype)

    inputs, arguments = map_structure(symbolic, [inputs_of(row), call_arguments(row)])
    outputs = leaves(call(make(row, dtype=policy), inputs, row, arguments))
    return [str(output.dtype).removeprefix("torch.") for output in outputs]


def types_of_keras(row: Row, policy: str) -> list[str] | None:
    """The types that Keras gives; ``None`` where torch has no such kernel, or the policy is one that Keras can't do."""
    try:
        return types_of_call(make_keras(row, dtype=policy), row)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return None


def random_weights(row: Row, layer: Any) -> list[np.ndarray]:
    """New numbers for a built Keras layer's weights, away from initial zeros and ones; variances stay positive."""
    rng = np.random.default_rng(seed_of(row) + 2)
    values = [0.5 * rng.standard_normal(weight.shape) for weight in layer.weights]
    return [np.abs(value) + 0.5 if "variance" in weight.name else value
            for weight, value in zip(layer.weights, values, strict=True)]  # fmt: skip


def shape_list(shapes: Any) -> list[tuple[int | None, ...]]:
    """The shapes in a structure of them."""
    if is_shape(shapes):
        return [tuple(shapes)]
    return [shape for value in (shapes.values() if isinstance(shapes, dict) else shapes) for shape in shape_list(value)]


def rank(shapes: Any) -> int:
    """The largest number of axes among the inputs."""
    return max(map(len, shape_list(shapes)))


def unknown(sizes: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int | None, ...]:
    """``sizes`` with ``None`` at ``axes``."""
    return tuple(None if axis in axes else size for axis, size in enumerate(sizes))


def call(layer: Any, inputs: Any, row: Row, arguments: dict[str, Any]) -> Any:
    """The layer's outputs, without Keras's warning that a mask stops at it."""
    mode = {"training": True} if row.training else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not support masking.*")
        return layer(inputs, **arguments, **mode)


def numbers(layer: Any, row: Row, inputs: Any, arguments: dict[str, Any]) -> dict[str, list[torch.Tensor]]:
    """Outputs, losses, and the gradients of a fixed weighted sum of the outputs; then the weights, which a call in
    training mode may have changed."""
    given = map_structure(_asking, [inputs, arguments])
    outputs = [out for out in leaves(call(layer, given[0], row, given[1])) if isinstance(out, torch.Tensor)]
    parts = [(out * torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).view_as(out)).sum()
             for out in outputs if out.is_floating_point()]  # fmt: skip
    scalar = torch.stack(parts).sum() if parts else torch.zeros(())
    sources = [leaf for leaf in leaves(given) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    weights = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    wanted = sources + weights if scalar.requires_grad else []
    found = torch.autograd.grad(scalar, wanted, allow_unused=True) if wanted else ()
    grads = [torch.zeros_like(one) if grad is None else grad for one, grad in zip(wanted, found, strict=True)]
    return {
        "outputs": outputs, "losses": [torch.as_tensor(sum(layer.losses))], "input gradients": grads[: len(sources)],
        "weight gradients": grads[len(sources) :], "weights": [torch.from_numpy(w) for w in layer.get_weights()],
    }  # fmt: skip


def _asking(leaf: Any) -> Any:
    is_float = isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
    return leaf.clone().requires_grad_() if is_float else leaf


def assert_close(ours: list[torch.Tensor], theirs: list[torch.Tensor], tolerance: float, what: str) -> None:
    """Equal relative to the largest number of each tensor; to a tenth of the largest of all for one of mere rounding,
    as the gradient of a bias that a softmax takes no notice of."""
    assert len(ours) == len(theirs), f"{len(ours)} {what}, and {len(theirs)} in Keras"
    floor = max([1e-3, *(0.1 * float(other.detach().double().abs().max()) for other in theirs if other.numel())])
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        one, other = one.detach(), other.detach()
        assert one.shape == other.shape, f"{what} {index}"
        scale = max(float(other.double().abs().max()), floor) if other.numel() else 1.0
        torch.testing.assert_close(one.double(), other.double(), rtol=0.0, atol=tolerance * scale,
                                   msg=lambda text, index=index: f"{what} {index}: {text}")  # fmt: skip


def plain(config: Any) -> Any:
    """A config as JSON has it; numbers that were float32 for a while are equal to those that were not."""
    return json.loads(json.dumps(serialize(config)), parse_float=lambda text: float(f"{float(text):.6g}"))


def plain_keras(config: Any) -> Any:
    """Keras's config in the same way."""
    return plain(keras.saving.serialize_keras_object(config))
