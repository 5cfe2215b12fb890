"""Make ``local.npz``: what tf_keras 2.21 computes for layers that Keras 3 lacks, or that it computes otherwise on torch.

Run in an environment of its own: ``pip install tf_keras==2.21 tensorflow-cpu==2.21``, then
``TF_USE_LEGACY_KERAS=1 python tests/golden/make_local.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

LAST, FIRST = (2, 7, 6, 3), (2, 3, 7, 6)
TWO = {"filters": 4, "kernel_size": (3, 2)}
# name: class, arguments, the input's shape
LOCAL: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "1d": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3}, (2, 7, 3)),
    "1d strides": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "strides": 2}, (2, 8, 3)),
    "1d channels_first":
        ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}, (2, 3, 7)),
    "1d no bias": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "use_bias": False}, (2, 7, 3)),
    "2d": ("LocallyConnected2D", TWO, LAST),
    "2d strides": ("LocallyConnected2D", {**TWO, "strides": (2, 1), "activation": "tanh"}, LAST),
    "2d channels_first": ("LocallyConnected2D", {**TWO, "data_format": "channels_first"}, FIRST),
    "2d strides channels_first": ("LocallyConnected2D", {**TWO, "strides": 2, "data_format": "channels_first"}, FIRST),
    "1d implementation 2": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "implementation": 2}, (2, 7, 3)),
    "2d implementation 2": ("LocallyConnected2D", {**TWO, "strides": 2, "implementation": 2}, LAST),
    "2d implementation 2 channels_first":
        ("LocallyConnected2D", {**TWO, "implementation": 2, "data_format": "channels_first"}, FIRST),
    "1d same": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "padding": "same", "implementation": 2}, (2, 7, 3)),
    "1d same strides": ("LocallyConnected1D",
                        {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same", "implementation": 2}, (2, 8, 3)),
    "2d same": ("LocallyConnected2D", {**TWO, "padding": "same", "implementation": 2}, LAST),
    "2d same channels_first":
        ("LocallyConnected2D", {**TWO, "padding": "same", "implementation": 2, "data_format": "channels_first"}, FIRST),
    "1d implementation 3": ("LocallyConnected1D", {"filters": 4, "kernel_size": 3, "implementation": 3}, (2, 7, 3)),
    "2d same implementation 3": ("LocallyConnected2D", {**TWO, "padding": "same", "implementation": 3}, LAST),
}  # fmt: skip
UPSAMPLED = {
    f"{interpolation} {size}": ("UpSampling2D", {"size": size, "interpolation": interpolation}, (2, 5, 7, 3))
    for interpolation in ("bicubic", "lanczos3", "lanczos5", "bilinear", "nearest")
    for size in ((2, 2), (3, 1))
}


def dense_kernel(layer: Any, inputs: tuple[int, ...]) -> np.ndarray:
    """The kernel of implementation 2 or 3 as ``(*inputs, *outputs)``: what each input number gives to each output."""
    if layer.implementation == 2:
        return (layer.kernel * layer.kernel_mask).numpy()
    outputs = tuple(layer.compute_output_shape((None, *inputs))[1:])
    flat = np.zeros((np.prod(inputs), np.prod(outputs)), "float32")
    for (row, column), value in zip(sorted(layer.kernel_idxs), layer.kernel.numpy(), strict=True):
        flat[column, row] = value
    return flat.reshape(*inputs, *outputs)


def windows_kernel(layer: Any, inputs: tuple[int, ...]) -> np.ndarray:
    """Any implementation's kernel in the shape of the first: ``(places, window's numbers, filters)``."""
    if layer.implementation == 1:
        return layer.kernel.numpy()
    dense, rank = dense_kernel(layer, inputs), len(layer.kernel_size)
    first = layer.data_format == "channels_first"
    if first:
        dense = np.moveaxis(np.moveaxis(dense, rank + 1, -1), 0, rank)  # (*S, C, *s, F)
    sizes, places = dense.shape[:rank], dense.shape[rank + 1 : -1]
    found = []
    for place in np.ndindex(*places):
        window = np.zeros((*layer.kernel_size, dense.shape[rank], dense.shape[-1]), "float32")
        for point in np.ndindex(*layer.kernel_size):
            before = [k // 2 if layer.padding == "same" else 0 for k in layer.kernel_size]
            at = tuple(p * s + k - b for p, s, k, b in zip(place, layer.strides, point, before, strict=True))
            if all(0 <= index < size for index, size in zip(at, sizes, strict=True)):
                window[point] = dense[(*at, slice(None), *place)]
        found.append((np.moveaxis(window, -2, 0) if first else window).reshape(-1, dense.shape[-1]))
    return np.stack(found)


def numbers(make: Any, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs, weights, outputs, and the gradients of a weighted sum of them."""
    layer = make()
    layer.build((None, *shape[1:]))
    layer.set_weights([rng.normal(0, 0.5, weight.shape) for weight in layer.weights])
    x = tf.Variable(rng.normal(size=shape).astype("float32"))
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y * tf.reshape(tf.linspace(0.5, 1.5, tf.size(y)), y.shape))
    found = {"x": x.numpy(), "y": y.numpy(), "x_gradient": tape.gradient(loss, x).numpy()}
    if layer.weights:
        found["kernel"] = windows_kernel(layer, shape[1:])
    if getattr(layer, "use_bias", False):
        found["bias"] = layer.bias.numpy()
    return found


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, (cls, arguments, shape) in (LOCAL | UPSAMPLED).items():
        made = numbers(lambda cls=cls, arguments=arguments: getattr(tf_keras.layers, cls)(**arguments), shape, rng)
        arrays |= {f"{name}/{part}": array for part, array in made.items()}
    rows = {name: [cls, arguments] for name, (cls, arguments, _) in (LOCAL | UPSAMPLED).items()}
    arrays["rows"] = np.array(json.dumps(rows))
    np.savez_compressed(Path(__file__).with_name("local.npz"), **arrays)
