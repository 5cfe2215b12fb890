"""Pooling over windows and over everything."""

from catalog.row import Row, Wrong

SIZES = {1: (2, 7, 3), 2: (2, 7, 6, 3), 3: (2, 5, 6, 5, 3)}
FIRST = {1: (2, 3, 7), 2: (2, 3, 7, 6), 3: (2, 3, 5, 6, 5)}


STEPS_LAST = "the steps are the last axis, and the test's mask is of the second"
EDGES = dict.fromkeys(
    ("values", "values_in_float64"),
    "where 'same' pads unevenly, Keras on torch averages copies of the edge; on TensorFlow and JAX, as lamina, it leaves "
    "the padding out",
)


def _windows(kind: str, rank: int) -> list[Row]:
    name = f"{kind}Pooling{rank}D"
    edges = EDGES if kind == "Average" and rank > 1 else {}
    return [
        Row(name, {"pool_size": 2}, SIZES[rank]),
        Row(name, {"pool_size": 3, "strides": 1, "padding": "same"}, SIZES[rank]),
        Row(name, {"pool_size": 3, "strides": 2, "padding": "same"}, SIZES[rank], exceptions=edges),
        Row(name, {"pool_size": 3, "strides": 2}, SIZES[rank]),
        Row(name, {"pool_size": 2, "data_format": "channels_first"}, FIRST[rank]),
        Row(name, {"pool_size": 2, "padding": "same", "data_format": "channels_first"}, FIRST[rank]),
    ]


def _global(kind: str, rank: int) -> list[Row]:
    name = f"Global{kind}Pooling{rank}D"
    masked = {"mask": STEPS_LAST, "masks": STEPS_LAST} if (kind, rank) == ("Average", 1) else {}
    return [
        Row(name, {}, SIZES[rank]),
        Row(name, {"keepdims": True}, SIZES[rank]),
        Row(name, {"data_format": "channels_first"}, FIRST[rank], exceptions=masked),
        Row(name, {"data_format": "channels_first", "keepdims": True}, FIRST[rank], exceptions=masked),
    ]


def _adaptive(kind: str, rank: int) -> list[Row]:
    name = f"Adaptive{kind}Pooling{rank}D"
    return [
        Row(name, {"output_size": 3}, SIZES[rank]),
        Row(name, {"output_size": (2, 3, 4)[:rank]}, SIZES[rank]),
        Row(name, {"output_size": 2, "data_format": "channels_first"}, FIRST[rank]),
    ]


ROWS = [
    *(row for kind in ("Max", "Average") for rank in (1, 2, 3) for row in _windows(kind, rank)),
    Row("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2)}, (2, 7, 8, 3)),
    Row(
        "AveragePooling2D", {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}, (2, 7, 8, 3), exceptions=EDGES
    ),
    *(row for kind in ("Max", "Average") for rank in (1, 2, 3) for row in _global(kind, rank)),
    *(row for kind in ("Max", "Average") for rank in (1, 2, 3) for row in _adaptive(kind, rank)),
]

WRONG = [
    Wrong("MaxPooling2D", {"pool_size": 0, "name": "p"}, None,
          "MaxPooling2D 'p' needs a positive integer or a tuple of 2 for pool_size, and got 0."),
    Wrong("MaxPooling2D", {"padding": "causal", "name": "p"}, None,
          "MaxPooling2D 'p' needs 'valid' or 'same' for padding, and got 'causal'."),
    Wrong("MaxPooling2D", {"pool_size": 5, "name": "p"}, (None, 4, 4, 3), "MaxPooling2D 'p' needs inputs whose sizes are "
          "at least (5, 5), and got (None, 4, 4, 3). Inputs can be smaller with padding='same'."),
    Wrong("MaxPooling1D", {"name": "p"}, (None, 4),
          "MaxPooling1D 'p' takes inputs of 3 axes (the batch is the first), and got (None, 4), which has 2."),
    Wrong("GlobalMaxPooling2D", {"name": "p"}, (None, 4, 3),
          "GlobalMaxPooling2D 'p' takes inputs of 4 axes (the batch is the first), and got (None, 4, 3), which has 3."),
    Wrong("GlobalMaxPooling2D", {"keepdim": True}, None,
          "GlobalMaxPooling2D got an unknown argument 'keepdim'. Did you mean 'keepdims'?"),
    Wrong("AdaptiveMaxPooling2D", {"output_size": (2, 2, 2), "name": "p"}, None,
          "AdaptiveMaxPooling2D 'p' needs a positive integer or a tuple of 2 for output_size, and got (2, 2, 2)."),
]  # fmt: skip
