"""``tf.nn``: activations, convolutions, pooling, crossentropies."""

from __future__ import annotations

from typing import Any

from torch.nn import functional as F

from lamina import ops, random
from lamina.ops._tensors import recorded
from lamina.saving.tf_functions import COMPOSED
from lamina.tf.maths import matmul
from lamina.tf.rows import gather
from lamina.tf.table import TABLE, Function, also, axes_of, first_given, number, shape_of, tensor, together, word

# ---- activations ---------------------------------------------------------------------------------------------------


@word("nn.softmax", "math.softmax")
def softmax(logits: Any, axis: Any = None, *, dim: Any = None) -> Any:
    """Powers of e whose sum along an axis is 1."""
    return ops.softmax(tensor(logits), axis=axes_of(first_given(axis, dim, -1)))


@word("nn.log_softmax", "math.log_softmax")
def log_softmax(logits: Any, axis: Any = None, *, dim: Any = None) -> Any:
    """The logarithm of :func:`softmax`."""
    return ops.log_softmax(tensor(logits), axis=axes_of(first_given(axis, dim, -1)))


@word("nn.leaky_relu")
def leaky_relu(features: Any, alpha: Any = 0.2) -> Any:
    """``x`` above 0, ``alpha * x`` below."""
    return ops.leaky_relu(tensor(features), number(alpha))


@word("nn.gelu")
def gelu(features: Any, approximate: bool = False) -> Any:
    """``x`` times the probability of a smaller normal number."""
    return ops.gelu(tensor(features), approximate=approximate)


@word("nn.silu", "nn.swish")
def silu(features: Any, beta: Any = 1.0) -> Any:
    """``x * sigmoid(beta * x)``."""
    return COMPOSED["nn.silu"](tensor(features), beta)


@word("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    """A number for each channel."""
    x, added = together(value, bias)
    if str(data_format)[:2] == "NC":
        added = ops.reshape(added, (-1, *[1] * (len(x.shape) - 2)))
    return ops.add(x, added)


@word("compat.v1.nn.relu_layer")
def relu_layer(x: Any, weights: Any, biases: Any) -> Any:
    """``relu(x @ weights + biases)``."""
    return ops.relu(ops.add(matmul(x, weights), tensor(biases)))


@word("compat.v1.nn.xw_plus_b")
def xw_plus_b(x: Any, weights: Any, biases: Any) -> Any:
    """``x @ weights + biases``."""
    return ops.add(matmul(x, weights), tensor(biases))


@word("nn.dropout")
def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Some numbers 0, the others larger. TensorFlow's function always drops, training or not."""
    return _dropout(tensor(x), float(number(rate)), None if noise_shape is None else shape_of(noise_shape), seed)


@word("compat.v1.nn.dropout")
def dropout_of_tf1(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None, *, rate: Any = None
) -> Any:
    """:func:`dropout`, told which part to keep."""
    return dropout(x, 1.0 - float(number(keep_prob)) if rate is None else rate, noise_shape, seed)


@recorded
def _dropout(x: Any, rate: float, noise_shape: Any, seed: Any) -> Any:
    return random.dropout(x, rate, noise_shape, seed) if rate > 0 else x


@word("nn.l2_loss")
def l2_loss(t: Any) -> Any:
    """Half the sum of squares."""
    return ops.divide(ops.sum(ops.square(tensor(t))), 2.0)


@word("nn.moments")
def moments(x: Any, axes: Any, shift: Any = None, keepdims: Any = None, *, keep_dims: Any = None) -> tuple[Any, Any]:
    """The mean and the variance along axes."""
    mean, variance = ops.moments(tensor(x), axes_of(axes), bool(first_given(keepdims, keep_dims, False)))
    return mean, variance


@word("nn.batch_normalization")
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any) -> Any:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``."""
    x, mean, variance = together(x, mean, variance)
    factor = ops.rsqrt(ops.add(variance, variance_epsilon))
    factor = factor if scale is None else ops.multiply(factor, tensor(scale))
    shift = ops.negative(ops.multiply(mean, factor))
    return ops.add(ops.multiply(x, factor), shift if offset is None else ops.add(shift, tensor(offset)))


@word("nn.embedding_lookup")
def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, *, partition_strategy: str = "mod") -> Any:
    """The rows at places."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise ValueError("tf.nn.embedding_lookup takes one table of rows here; join its parts first.")
        (params,) = params
    found = gather(params, ids)
    if max_norm is None:
        return found
    length = ops.sqrt(ops.sum(ops.square(found), axis=-1, keepdims=True))
    return ops.divide(ops.multiply(found, max_norm), ops.maximum(length, max_norm))


@word("nn.local_response_normalization", "nn.lrn")
def local_response_normalization(input: Any, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0,
                                 beta: float = 0.5) -> Any:  # fmt: skip
    """Divided by a norm of neighbouring channels."""
    return _lrn(tensor(input), depth_radius, bias, alpha, beta)


@recorded
def _lrn(x: Any, radius: int, bias: float, alpha: float, beta: float) -> Any:
    squares = F.pad(x.square(), (radius, radius)).unfold(-1, 2 * radius + 1, 1).sum(-1)
    return x / (bias + alpha * squares) ** beta


# ---- crossentropies ------------------------------------------------------------------------------------------------


@word("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, *, targets: Any = None) -> Any:
    """The crossentropy of each number, from logits."""
    x, truth = together(logits, first_given(labels, targets))
    powers = ops.log1p(ops.exp(ops.negative(ops.absolute(x))))
    return ops.add(ops.subtract(ops.relu(x), ops.multiply(x, truth)), powers)


@word("nn.weighted_cross_entropy_with_logits")
def weighted_cross_entropy_with_logits(labels: Any = None, logits: Any = None, pos_weight: Any = 1.0, *,
                                       targets: Any = None) -> Any:  # fmt: skip
    """:func:`sigmoid_cross_entropy_with_logits` that counts targets of 1 so many times."""
    x, truth = together(logits, first_given(labels, targets))
    weight = ops.add(1.0, ops.multiply(ops.subtract(tensor(pos_weight), 1.0), truth))
    powers = ops.add(ops.log1p(ops.exp(ops.negative(ops.absolute(x)))), ops.relu(ops.negative(x)))
    return ops.add(ops.multiply(ops.subtract(1.0, truth), x), ops.multiply(weight, powers))


@word("nn.softmax_cross_entropy_with_logits", "compat.v1.nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, axis: int = -1, *, dim: Any = None
) -> Any:
    """The crossentropy of each row, from logits."""
    x, truth = together(logits, labels)
    axis = first_given(dim, axis)
    loss = ops.negative(ops.sum(ops.multiply(truth, ops.log_softmax(x, axis=axis)), axis=axis))
    # TensorFlow's gradient is softmax(logits) - labels also for labels whose sum is not 1, as those that are weighted are.
    total = ops.logsumexp(x, axis=axis)
    nothing = ops.subtract(total, ops.stop_gradient(total))
    return ops.add(loss, ops.multiply(ops.subtract(1.0, ops.stop_gradient(ops.sum(truth, axis=axis))), nothing))


@word("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    """The crossentropy of each row, from logits and the numbers of classes."""
    x, truth = tensor(logits), tensor(labels)
    places = ops.expand_dims(ops.cast(truth, "int64"), -1)
    return ops.negative(ops.squeeze(ops.take_along_axis(ops.log_softmax(x, axis=-1), places, axis=-1), axis=-1))


@word("nn.log_poisson_loss")
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    """``exp(log_input) - log_input * targets``."""
    truth, x = together(targets, log_input)
    if compute_full_loss:
        raise ValueError("tf.nn.log_poisson_loss gives no full loss here: compute_full_loss=False.")
    return ops.subtract(ops.exp(x), ops.multiply(x, truth))


# ---- windows -------------------------------------------------------------------------------------------------------


def _layout(data_format: Any) -> str:
    return "channels_first" if str(data_format)[:2] == "NC" else "channels_last"


def _window(value: Any, rank: int, data_format: Any) -> Any:
    """``[1, rows, columns, 1]`` -> ``(rows, columns)``; numbers stand for all axes."""
    if isinstance(value, int):
        return (value,) * rank
    sizes = shape_of(value)
    if len(sizes) == rank + 2:
        return sizes[2:] if _layout(data_format) == "channels_first" else sizes[1:-1]
    return sizes * rank if len(sizes) == 1 else sizes


def _padding(padding: Any) -> str:
    if not isinstance(padding, str):
        raise ValueError(
            f"padding is 'SAME' or 'VALID' here, and got {padding!r}; tf.pad before the call does the rest."
        )
    return padding.lower()


def _pool(name: str, function: Function, rank: int) -> None:
    def pool(input: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: Any = None, *,
             value: Any = None) -> Any:  # fmt: skip
        """The largest number, or the mean, of each window."""
        x = tensor(first_given(input, value))
        axes = rank or len(x.shape) - 2
        sizes, steps = (_window(one, axes, data_format) for one in (ksize, strides))
        return function(x, sizes, steps, _padding(padding), _layout(data_format))

    word(name)(pool)


for _rank, _name in ((0, "nn.{}_pool"), (1, "nn.{}_pool1d"), (2, "nn.{}_pool2d"), (3, "nn.{}_pool3d")):
    _pool(_name.format("max"), ops.max_pool, _rank)
    _pool(_name.format("avg"), ops.average_pool, _rank)
also(compat__v1__nn__max_pool_v2="nn.max_pool", nn__avg_pool_v2="nn.avg_pool", nn__max_pool_v2="nn.max_pool")


def _conv(name: str, rank: int, stride: Any) -> None:
    def conv(input: Any = None, filters: Any = None, strides: Any = stride, padding: Any = "VALID", data_format: Any = None,
             dilations: Any = None, *, filter: Any = None, value: Any = None, stride: Any = None,
             use_cudnn_on_gpu: Any = None) -> Any:  # fmt: skip
        """A convolution."""
        x, kernel = together(first_given(input, value), first_given(filters, filter))
        axes = rank or len(x.shape) - 2
        steps = _window(first_given(stride, strides, 1), axes, data_format)
        apart = _window(first_given(dilations, 1), axes, data_format)
        return ops.conv(x, kernel, steps, _padding(padding), _layout(data_format), apart)

    word(name)(conv)


for _rank, _name in ((0, "nn.convolution"), (1, "nn.conv1d"), (2, "nn.conv2d"), (3, "nn.conv3d")):
    _conv(_name, _rank, 1)


@word("compat.v1.nn.conv2d")
def conv2d_of_tf1(input: Any = None, filter: Any = None, strides: Any = 1, padding: Any = "VALID", use_cudnn_on_gpu: Any = True,
                  data_format: Any = "NHWC", dilations: Any = 1, *, filters: Any = None) -> Any:  # fmt: skip
    """``tf.nn.conv2d`` with TensorFlow 1's order of arguments."""
    return TABLE["nn.conv2d"](input, first_given(filter, filters), strides, padding, data_format, dilations)


@word("compat.v1.nn.convolution")
def convolution_of_tf1(input: Any, filter: Any = None, padding: Any = "VALID", strides: Any = None, dilation_rate: Any = None,
                       data_format: Any = None, *, filters: Any = None) -> Any:  # fmt: skip
    """``tf.nn.convolution`` with TensorFlow 1's order of arguments."""
    return TABLE["nn.convolution"](input, first_given(filter, filters), strides, padding, data_format, dilation_rate)


@word("nn.atrous_conv2d")
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any) -> Any:
    """A convolution whose kernel has gaps."""
    return TABLE["nn.conv2d"](value, filters, 1, padding, None, rate)


@word("nn.depthwise_conv2d", "compat.v1.nn.depthwise_conv2d_native")
def depthwise_conv2d(input: Any, filter: Any, strides: Any, padding: Any, data_format: Any = None, dilations: Any = None, *,
                     rate: Any = None) -> Any:  # fmt: skip
    """A convolution of each channel alone."""
    x, kernel = together(input, filter)
    steps, apart = (_window(one, 2, data_format) for one in (strides, first_given(dilations, rate, 1)))
    return ops.depthwise_conv(x, kernel, steps, _padding(padding), _layout(data_format), apart)


@word("nn.separable_conv2d")
def separable_conv2d(input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
                     data_format: Any = None, dilations: Any = None, *, rate: Any = None) -> Any:  # fmt: skip
    """:func:`depthwise_conv2d`, and a mixture of the channels."""
    x, depthwise, pointwise = together(input, depthwise_filter, pointwise_filter)
    steps, apart = (_window(one, 2, data_format) for one in (strides, first_given(dilations, rate, 1)))
    return ops.separable_conv(x, depthwise, pointwise, steps, _padding(padding), _layout(data_format), apart)


def _transposed(name: str, rank: int) -> None:
    def conv_transpose(input: Any = None, filters: Any = None, output_shape: Any = None, strides: Any = None,
                       padding: Any = "SAME", data_format: Any = None, dilations: Any = None, *, value: Any = None,
                       filter: Any = None) -> Any:  # fmt: skip
        """What a convolution's gradient does with its input: from small to large."""
        x, kernel = together(first_given(input, value), first_given(filters, filter))
        if first_given(dilations, 1) not in (1, [1] * (rank + 2), (1,) * (rank + 2)):
            raise ValueError(f"tf.{name} knows no dilations here; keras.layers.Conv2DTranspose does.")
        steps = _window(strides, rank, data_format)
        sizes = _window(shape_of(output_shape), rank, data_format)
        return _conv_transpose(x, kernel, sizes, steps, _padding(padding) == "same", _layout(data_format))

    word(name)(conv_transpose)


@recorded
def _conv_transpose(x: Any, kernel: Any, sizes: Any, steps: Any, same: bool, layout: str) -> Any:
    rank = len(steps)
    x = x if layout == "channels_first" else x.movedim(-1, 1)
    weight = kernel.permute(rank + 1, rank, *range(rank))  # rows, columns, out, in
    found = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1](x, weight, stride=steps)
    for axis, (wanted, step) in enumerate(zip(sizes, steps, strict=True)):
        width, small = kernel.shape[axis], x.shape[axis + 2]
        before = max((small - 1) * step + width - wanted, 0) // 2 if same else 0
        missing = max(before + wanted - found.shape[axis + 2], 0)
        padding = [0, 0] * (rank - 1 - axis) + [0, missing]
        found = F.pad(found, padding).narrow(axis + 2, before, wanted)
    return found if layout == "channels_first" else found.movedim(1, -1)


for _rank in (1, 2, 3):
    _transposed(f"nn.conv{_rank}d_transpose", _rank)


@word("nn.depth_to_space", "compat.v1.depth_to_space")
def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Channels as blocks of pixels."""
    return ops.depth_to_space(tensor(input), block_size, data_format=_layout(data_format))


@word("nn.space_to_depth", "compat.v1.space_to_depth", "space_to_depth")
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    """Blocks of pixels as channels."""
    return ops.space_to_depth(tensor(input), block_size, data_format=_layout(data_format))
