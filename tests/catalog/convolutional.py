"""Layers with a kernel that moves over the input."""

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


ROWS = [
    *(row for rank in (1, 2, 3) for row in _conv(rank)),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", "strides": 2}, (2, 7, 4)),
    Row("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", "data_format": "channels_first"}, (2, 4, 7)),
    Row("Conv2D", {"filters": 3, "kernel_size": (1, 3), "strides": (2, 1), "padding": "same"}, (2, 7, 6, 4)),
    Row("Conv2D", {"filters": 3, "kernel_size": (3, 2), "dilation_rate": (1, 2)}, (2, 7, 6, 4)),
]

WRONG: list[Wrong] = []
