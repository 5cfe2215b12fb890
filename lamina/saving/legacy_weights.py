"""Weights as older Keras laid them out, in today's layout: kernels with other axes, gates apart, CuDNN's own order.

The facts are those of Keras 2's reader of older files and of CuDNN's formats. A conversion is chosen by what a layer is and
by the shapes in the file; where the shapes are today's already and nothing says otherwise, the numbers are taken as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Arrays = list[np.ndarray]

# Axes of a kernel of convolution under Theano's order (out, in, *space) -> (*space, in, out), by the number of spatial axes.
_FROM_THEANO = {1: (2, 1, 0), 2: (2, 3, 1, 0), 3: (2, 3, 4, 1, 0)}
# The places of the kernels, recurrent kernels and biases of Keras 1's gates, in today's order of gates.
_LSTM_GATES = ((0, 6, 3, 9), (1, 7, 4, 10), (2, 8, 5, 11))
_GRU_GATES = ((0, 3, 6), (1, 4, 7), (2, 5, 8))
_GATES = {"LSTM": 4, "ConvLSTM2D": 4, "GRU": 3}


class Source(NamedTuple):
    """What wrote a file.

    Arguments:
        is_keras1: whether Keras 1 did.
        rotated: whether Theano computed the model: it turns kernels by 180 degrees.
        has_deviations: whether BatchNormalization kept standard deviations, as before Keras 1.
    """

    is_keras1: bool = False
    rotated: bool = False
    has_deviations: bool = False

    @property
    def is_todays(self) -> bool:
        """Whether arrays of the right shapes are what they should be."""
        return not any(self)


def class_of(layer: Any) -> str:
    """The name of the class of Keras's that a layer is, or is a subclass of."""
    return getattr(layer, "_keras_class_name", type(layer).__name__)


def in_todays_layout(layer: Any, arrays: Arrays, shapes: list[tuple[int, ...]], source: Source) -> Arrays:
    """The arrays of a layer's group in today's layout.

    Arguments:
        layer: the layer that they are for.
        arrays: what the file has, in its order.
        shapes: those of the layer's weights, in the order of files.
        source: what is known of the file.
    """
    name, (is_keras1, rotated, has_deviations) = class_of(layer), source
    if name == "Bidirectional":
        half, count = len(arrays) // 2, len(shapes) // 2
        return [*in_todays_layout(layer.forward_layer, arrays[:half], shapes[:count], source),
                *in_todays_layout(layer.backward_layer, arrays[half:], shapes[count:], source)]  # fmt: skip
    if name == "TimeDistributed":
        return in_todays_layout(layer.layer, arrays, shapes, source)
    if is_model(layer):
        return _of_model(layer, arrays, shapes, source)
    if is_keras1 and name in _KERAS1:
        arrays = _KERAS1[name](layer, arrays, shapes)
    if has_deviations and name == "BatchNormalization":
        arrays = _variance(layer, arrays)
    if rotated and name in _ROTATED:
        arrays = [*(_turned(kernel) for kernel in arrays[: _ROTATED[name]]), *arrays[_ROTATED[name] :]]
    if name in LOCAL:
        arrays = _local(layer, arrays, shapes)
    if name in _CUDNN:
        arrays = _CUDNN[name](layer, arrays, shapes)
    if name == "LayerNormalization":  # tf.keras's weights have the axes in the argument's order, but not their numbers
        for place, shape in enumerate(shapes[: len(arrays)]):
            if arrays[place].size == math.prod(shape):
                arrays = [*arrays[:place], arrays[place].reshape(shape), *arrays[place + 1 :]]
    return arrays


def _of_model(model: Any, arrays: Arrays, shapes: list[tuple[int, ...]], source: Source) -> Arrays:
    """A model inside a model: what trains of each layer comes first, then the rest of each."""
    if [array.shape for array in arrays] == shapes and source == Source():
        return arrays
    found: Arrays = []
    place = 0
    for kind in ("trainable_weights", "non_trainable_weights"):
        for layer in _parts(model):
            wanted = [tuple(weight.shape) for weight in getattr(layer, kind)]
            if wanted:
                count = len(wanted) * (_pieces(layer, arrays[place], wanted[0]) if source.is_keras1 else 1)
                found += in_todays_layout(layer, arrays[place : place + count], wanted, source)
                place += count
    return [*found, *arrays[place:]]


def _parts(model: Any) -> Iterator[Any]:
    """The layers of a model, those of models inside it in their places."""
    for layer in model.layers:
        inside = layer.layer if class_of(layer) == "TimeDistributed" else layer
        if is_model(inside):
            yield from _parts(inside)
        else:
            yield layer


def is_model(layer: Any) -> bool:
    """Whether a layer is a model, with layers of its own."""
    return hasattr(layer, "layers") and hasattr(layer, "compile_from_config")


def _pieces(layer: Any, first: np.ndarray, wanted: tuple[int, ...]) -> int:
    """How many arrays of Keras 1's stand for one weight: it kept gates apart, unless a GPU was to compute them at once."""
    name = class_of(layer)
    if name in ("Bidirectional", "TimeDistributed"):
        return _pieces(layer.forward_layer if name == "Bidirectional" else layer.layer, first, wanted)
    return _GATES.get(name, 1) if first.shape[-1] != wanted[-1] else 1


# ---- Keras 1 -------------------------------------------------------------------------------------------------------


def _gates(places: tuple[tuple[int, ...], ...]) -> Callable[[Any, Arrays, Any], Arrays]:
    count = sum(map(len, places))

    def joined(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
        if len(arrays) != count:  # consume_less="gpu" wrote the gates as one
            return arrays
        return [np.concatenate([arrays[place] for place in gate], axis=-1) for gate in places]

    return joined


def _conv1d(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    kernel = arrays[0]
    if kernel.ndim != 4:
        return arrays
    if kernel.shape[:2] != (shapes[0][0], 1) or kernel.shape[3] != shapes[0][2]:
        kernel = kernel.transpose(2, 3, 1, 0)
    return [kernel[:, 0], *arrays[1:]]


def _conv(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """Of channels-first layers Keras 1 kept (out, in, *space)."""
    if layer.data_format != "channels_first":
        return arrays
    return [arrays[0].transpose(_FROM_THEANO[arrays[0].ndim - 2]), *arrays[1:]]


def _variance(layer: Any, arrays: Arrays) -> Arrays:
    """``(x - mean) / (deviation + epsilon)`` becomes ``(x - mean) / sqrt(variance + epsilon)``."""
    *others, deviation = arrays
    return [*others, np.square(deviation + layer.epsilon) - layer.epsilon] if len(arrays) == 4 else arrays


def _separable(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """Of channels-first layers both kernels were as Theano has them."""
    if layer.data_format != "channels_first":
        return arrays
    return [*(kernel.transpose(_FROM_THEANO[2]) for kernel in arrays[:2]), *arrays[2:]]


def _highway(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """Before 1.2 a matrix had its bias behind it."""
    return [arrays[place] for place in (0, 2, 1, 3)] if len(arrays) == 4 and arrays[1].ndim == 1 else arrays


def _conv_transpose(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    axes = (2, 3, 0, 1) if layer.data_format == "channels_first" else (0, 1, 3, 2)
    return [arrays[0].transpose(axes), *arrays[1:]]


def _conv_lstm(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    if getattr(layer, "data_format", None) == "channels_first":
        arrays = [array.transpose(_FROM_THEANO[2]) if array.ndim == 4 else array for array in arrays]
    return _gates(_LSTM_GATES)(layer, arrays, shapes)


_KERAS1: dict[str, Callable[[Any, Arrays, Any], Arrays]] = {
    "LSTM": _gates(_LSTM_GATES),
    "GRU": _gates(_GRU_GATES),
    "ConvLSTM2D": _conv_lstm,
    "Conv1D": _conv1d,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "Conv2DTranspose": _conv_transpose,
    "SeparableConv2D": _separable,
    "Highway": _highway,
}

# ---- Theano --------------------------------------------------------------------------------------------------------

# How many of a layer's arrays are kernels that Theano turned.
_ROTATED = {"Conv1D": 1, "Conv2D": 1, "Conv3D": 1, "Conv2DTranspose": 1, "ConvLSTM2D": 2}


def turns(layer: Any) -> bool:
    """Whether Theano turned kernels of a layer, or of one inside it."""
    if is_model(layer):
        return any(turns(inside) for inside in layer.layers)
    return class_of(layer) in _ROTATED or (class_of(layer) == "TimeDistributed" and turns(layer.layer))


def _turned(kernel: np.ndarray) -> np.ndarray:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


# ---- local layers of tf.keras --------------------------------------------------------------------------------------


def _local(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """``implementation=2`` kept a number for each pair of an input and an output, most of them unused; ``3`` those that are
    used, sorted by output and input."""
    kernel, *others = arrays
    if not arrays or not shapes or kernel.shape == shapes[0] or kernel.ndim not in (1, 2 * layer.rank + 2):
        return arrays
    rank, last = layer.rank, layer.data_format != "channels_first"
    *sizes, channels = layer._sample if last else (*layer._sample[1:], layer._sample[0])
    shifts = [window // 2 if layer.padding == "same" else 0 for window in layer.kernel_size]
    found = np.zeros((*layer._places, *layer.kernel_size, channels, layer.filters), kernel.dtype)
    if kernel.ndim > 1 and not last:  # (C, *I, F, *O) -> (*I, C, *O, F)
        kernel = np.moveaxis(np.moveaxis(kernel, 0, rank), rank + 1, -1)
    pairs = []
    for place in itertools.product(*map(range, layer._places)):
        for offset in itertools.product(*map(range, layer.kernel_size)):
            source = [
                at * step + by - shift for at, step, by, shift in zip(place, layer.strides, offset, shifts, strict=True)
            ]
            if all(0 <= one < size for one, size in zip(source, sizes, strict=True)):
                pairs.append((place, offset, tuple(source)))
    if kernel.ndim > 1:
        for place, offset, source in pairs:
            found[(*place, *offset)] = kernel[(*source, slice(None), *place)]
    else:
        _spread(kernel, found, pairs, last)
    order = (
        (*range(rank), *range(rank, 2 * rank), 2 * rank) if last else (*range(rank), 2 * rank, *range(rank, 2 * rank))
    )
    return [found.transpose(*order, 2 * rank + 1).reshape(shapes[0]), *others]


def _spread(numbers: np.ndarray, found: np.ndarray, pairs: list[Any], last: bool) -> None:
    """Put the numbers of ``implementation=3`` into their places."""
    *_, channels, filters = found.shape
    given = iter(numbers)
    windows = [list(group) for _, group in itertools.groupby(pairs, key=lambda pair: pair[0])]
    if len(numbers) != len(pairs) * channels * filters:
        raise ValueError(f"{len(pairs) * channels * filters} numbers are used, and {len(numbers)} are there")
    if last:
        for window, output in itertools.product(windows, range(filters)):
            for (place, offset, _), channel in itertools.product(window, range(channels)):
                found[(*place, *offset, channel, output)] = next(given)
    else:
        for output, window in itertools.product(range(filters), windows):
            for channel, (place, offset, _) in itertools.product(range(channels), window):
                found[(*place, *offset, channel, output)] = next(given)


LOCAL = ("LocallyConnected1D", "LocallyConnected2D")

# ---- CuDNN ---------------------------------------------------------------------------------------------------------


def _cudnn_lstm(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """CuDNNLSTM's, whose bias is two: of the input and of the recurrent product."""
    if len(arrays) != 3 or len(shapes) != 3 or arrays[2].shape != (2 * shapes[2][0],):
        return arrays
    return [_from_cudnn(arrays[0], 4), _by_gates(arrays[1], 4), arrays[2].reshape(2, -1).sum(axis=0)]


def _cudnn_gru(layer: Any, arrays: Arrays, shapes: Any) -> Arrays:
    """CuDNNGRU's bias is flat, that of GRU(reset_after=True) has a row for each product."""
    if len(arrays) != 3 or len(shapes) != 3 or arrays[2].ndim != 1 or len(shapes[2]) != 2:
        return arrays
    return [_from_cudnn(arrays[0], 3), _by_gates(arrays[1], 3), arrays[2].reshape(2, -1)]


def _from_cudnn(kernel: np.ndarray, gates: int) -> np.ndarray:
    return np.hstack([part.T.reshape(part.shape, order="F") for part in np.hsplit(kernel, gates)])


def _by_gates(kernel: np.ndarray, gates: int) -> np.ndarray:
    return np.hstack([part.T for part in np.hsplit(kernel, gates)])


_CUDNN: dict[str, Callable[[Any, Arrays, Any], Arrays]] = {"LSTM": _cudnn_lstm, "GRU": _cudnn_gru}
