"""Layers with a kernel that moves over the input."""

from typing import Any

from catalog.core import L2, MAX_NORM
from catalog.row import Row, Wrong

SIZES = {1: (2, 7, 4), 2: (2, 7, 6, 4), 3: (2, 5, 6, 5, 4)}
FIRST = {1: (2, 4, 7), 2: (2, 4, 7, 6), 3: (2, 4, 5, 6, 5)}
EVERYTHING_ELSE = {
    "kernel_initializer": "he_normal", "bias_initializer": "ones", "kernel_regularizer": L2, "bias_regularizer": "l1",
    "activity_regularizer": "l2", "kernel_constraint": MAX_NORM, "bias_constraint": "non_neg",
}  # fmt: skip


def _conv(rank: int) -> list[Row]:
    name = f"Conv{rank}D"
    return [
        Row(name, {"filters": 3, "kernel_size": 3}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "padding": "same", "activation": "relu"}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, "padding": "same", "strides": 2}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "strides": 2, "use_bias": False}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, "dilation_rate": 2}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}, SIZES[rank]),
        Row(name, {"filters": 4, "kernel_size": 3, "groups": 2}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 1}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, FIRST[rank]),
        Row(name, {"filters": 4, "kernel_size": 2, "data_format": "channels_first", "padding": "same", "groups": 2},
            FIRST[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, **EVERYTHING_ELSE}, SIZES[rank]),
    ]  # fmt: skip


def _transposed(rank: int) -> list[Row]:
    name = f"Conv{rank}DTranspose"
    return [
        Row(name, {"filters": 3, "kernel_size": 3}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "padding": "same", "activation": "relu"}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, "strides": 3, "use_bias": False}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, "dilation_rate": 2}, SIZES[rank]),
        Row(name, {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "data_format": "channels_first"},
            FIRST[rank]),
        Row(name, {"filters": 3, "kernel_size": 2, **EVERYTHING_ELSE}, SIZES[rank]),
    ]  # fmt: skip


DEPTHWISE = {
    "depthwise_initializer": "he_normal", "bias_initializer": "ones", "depthwise_regularizer": L2,
    "bias_regularizer": "l2", "activity_regularizer": "l2", "depthwise_constraint": MAX_NORM,
    "bias_constraint": "non_neg",
}  # fmt: skip
POINTWISE = {"pointwise_initializer": "he_normal", "pointwise_regularizer": L2, "pointwise_constraint": "non_neg"}


def _by_channel(name: str, rank: int, more: dict[str, Any], everything: dict[str, Any]) -> list[Row]:
    return [
        Row(name, {**more, "kernel_size": 3}, SIZES[rank]),
        Row(name, {**more, "kernel_size": 3, "padding": "same", "depth_multiplier": 2, "activation": "relu"}, SIZES[rank]),
        Row(name, {**more, "kernel_size": 2, "padding": "same", "strides": 2}, SIZES[rank]),
        Row(name, {**more, "kernel_size": 2, "dilation_rate": 2, "use_bias": False}, SIZES[rank]),
        Row(name, {**more, "kernel_size": 3, "depth_multiplier": 2, "data_format": "channels_first"}, FIRST[rank]),
        Row(name, {**more, "kernel_size": 2, **everything}, SIZES[rank]),
    ]  # fmt: skip


ROWS = [
    *(row for rank in (1, 2, 3) for row in _conv(rank)),
    *(row for rank in (1, 2, 3) for row in _transposed(rank)),
    *(row for rank in (1, 2) for row in _by_channel(f"DepthwiseConv{rank}D", rank, {}, DEPTHWISE)),
    *(
        row
        for rank in (1, 2)
        for row in _by_channel(f"SeparableConv{rank}D", rank, {"filters": 3}, {**DEPTHWISE, **POINTWISE})
    ),
    Row("SeparableConv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (2, 7, 4), keras=None),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", "strides": 2}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", "data_format": "channels_first"}, (2, 4, 7)),
    Row("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", "lora_rank": 2, "lora_alpha": 5}, (2, 7, 4)),
    Row(
        "Conv2D",
        {"filters": 4, "kernel_size": 2, "groups": 2, "lora_rank": 2, "lora_alpha": 5, "activation": "relu"},
        (2, 5, 4, 4),
    ),
    Row("Conv2D", {"filters": 3, "kernel_size": 2, "lora_rank": 2, "data_format": "channels_first"}, (2, 4, 5, 4)),
    Row("Conv3D", {"filters": 3, "kernel_size": 2, "lora_rank": 2, "lora_alpha": 5}, (2, 4, 3, 3, 2)),
    Row("Conv2D", {"filters": 3, "kernel_size": (1, 3), "strides": (2, 1), "padding": "same"}, (2, 7, 6, 4)),
    Row("Conv2D", {"filters": 3, "kernel_size": (3, 2), "dilation_rate": (1, 2)}, (2, 7, 6, 4)),
]

WRONG: list[Wrong] = [
    Wrong("Conv2D", {"filters": 0, "kernel_size": 3, "name": "c"}, None,
          "Conv2D 'c' needs a positive integer for filters, and got 0."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": (3, 3, 3), "name": "c"}, None,
          "Conv2D 'c' needs a positive integer or a tuple of 2 for kernel_size, and got (3, 3, 3)."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2, "name": "c"}, None,
          "Conv2D 'c' can't have strides (2, 2) together with dilation_rate (2, 2): one of them must be 1."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "full", "name": "c"}, None,
          "Conv2D 'c' needs 'valid' or 'same' for padding, and got 'full'."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "NHWC", "name": "c"}, None,
          "Conv2D 'c' needs 'channels_last' or 'channels_first' for data_format, and got 'NHWC'."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "name": "c"}, (None, 8, 3),
          "Conv2D 'c' takes inputs of 4 axes (the batch is the first), and got (None, 8, 3), which has 3."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "name": "c"}, (None, 8, 8, None),
          "Conv2D 'c' needs to know the number of its input's channels, and got (None, 8, 8, None)."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2, "name": "c"}, None,
          "Conv2D 'c' can't split 3 filters into 2 groups."),
    Wrong("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "name": "c"}, (None, 8, 8, 3),
          "Conv2D 'c' can't split 3 input channels into 2 groups."),
    Wrong("Conv2D", {"filters": 3, "kernel_size": 5, "name": "c"}, (None, 4, 4, 3), "Conv2D 'c' needs inputs whose sizes "
          "are at least (5, 5), and got (None, 4, 4, 3). Inputs can be smaller with padding='same'."),
    Wrong("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 2, "name": "c"}, None,
          "Conv2DTranspose 'c' needs an output_padding below its strides (2, 2), and got 2."),
    Wrong("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0, "name": "c"}, None,
          "DepthwiseConv2D 'c' needs a positive integer for depth_multiplier, and got 0."),
    Wrong("SeparableConv2D", {"filters": 3, "kernel_size": 3, "name": "c"}, (None, 2, 9, 4),
          "SeparableConv2D 'c' needs inputs whose sizes are at least (3, 3), and got (None, 2, 9, 4). Inputs can be "
          "smaller with padding='same'."),
]  # fmt: skip
