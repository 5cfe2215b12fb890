"""Locally connected layers, which Keras 3 lacks: tests/layers/test_local.py compares them with tf_keras's numbers."""

from catalog.convolutional import EVERYTHING_ELSE
from catalog.row import Row, Wrong

SIZES = {1: (2, 7, 3), 2: (2, 7, 6, 3)}
FIRST = {1: (2, 3, 7), 2: (2, 3, 7, 6)}


def _local(rank: int) -> list[Row]:
    name = f"LocallyConnected{rank}D"
    return [
        Row(name, {"filters": 3, "kernel_size": 3}, SIZES[rank], keras=None),
        Row(name, {"filters": 3, "kernel_size": 2, "strides": 2, "activation": "relu"}, SIZES[rank], keras=None),
        Row(name, {"filters": 3, "kernel_size": 3, "padding": "same", "implementation": 2, "use_bias": False}, SIZES[rank],
            keras=None),
        Row(name, {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, FIRST[rank], keras=None),
        Row(name, {"filters": 3, "kernel_size": 2, **EVERYTHING_ELSE}, SIZES[rank], keras=None),
    ]  # fmt: skip


ROWS = [row for rank in (1, 2) for row in _local(rank)]

WRONG = [
    Wrong("LocallyConnected1D", {"filters": 3, "kernel_size": 3, "padding": "same", "name": "l"}, None,
          "LocallyConnected1D 'l' can pad with 'same' in implementation 2 or 3 only: give implementation=2."),
    Wrong("LocallyConnected1D", {"filters": 3, "kernel_size": 3, "name": "l"}, (None, None, 4),
          "LocallyConnected1D 'l' needs to know all sizes but the batch's, since it has a kernel for each place; it got "
          "(None, None, 4)."),
]  # fmt: skip
