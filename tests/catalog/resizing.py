"""Layers that cut off, repeat or pad along spatial axes."""

from catalog.row import Row, Wrong

SIZES = {1: (2, 7, 3), 2: (2, 7, 6, 3), 3: (2, 5, 6, 5, 3)}
FIRST = {1: (2, 3, 7), 2: (2, 3, 7, 6), 3: (2, 3, 5, 6, 5)}
PAIRS = {2: ((1, 2), (0, 3)), 3: ((1, 2), (0, 3), (2, 0))}
BICUBIC = dict.fromkeys(
    ("values", "values_in_float64"),
    "on torch Keras's bicubic has a = -3/4 and repeats the edge; on TensorFlow and JAX, as lamina, a = -1/2",
)
LANCZOS = dict.fromkeys(
    ("values", "values_in_float64", "mask"), "Keras has no Lanczos on torch; test_resizing.py has tf_keras's"
)


def _ends(kind: str, argument: str, rank: int) -> list[Row]:
    name = f"{kind}{rank}D"
    return [
        Row(name, {argument: 2}, SIZES[rank]),
        Row(name, {argument: (2, 1) if rank == 2 else (2, 1, 0)}, SIZES[rank]),
        Row(name, {argument: PAIRS[rank]}, SIZES[rank]),
        Row(name, {argument: PAIRS[rank], "data_format": "channels_first"}, FIRST[rank]),
    ]


ROWS = [
    Row("Cropping1D", {}, SIZES[1]),
    Row("Cropping1D", {"cropping": 2}, SIZES[1]),
    Row("Cropping1D", {"cropping": (0, 3)}, SIZES[1]),
    Row("ZeroPadding1D", {}, SIZES[1]),
    Row("ZeroPadding1D", {"padding": (0, 3)}, SIZES[1]),
    Row("ZeroPadding1D", {"padding": 2, "data_format": "channels_first"}, FIRST[1]),
    *(row for rank in (2, 3) for row in _ends("Cropping", "cropping", rank)),
    *(row for rank in (2, 3) for row in _ends("ZeroPadding", "padding", rank)),
    Row("UpSampling1D", {}, SIZES[1]),
    Row("UpSampling1D", {"size": 3}, SIZES[1]),
    Row("UpSampling2D", {}, SIZES[2]),
    Row("UpSampling2D", {"size": (3, 1), "data_format": "channels_first"}, FIRST[2]),
    Row("UpSampling2D", {"interpolation": "bilinear"}, SIZES[2]),
    Row("UpSampling2D", {"size": (1, 3), "interpolation": "bilinear", "data_format": "channels_first"}, FIRST[2]),
    Row("UpSampling2D", {"interpolation": "bicubic"}, SIZES[2], exceptions=BICUBIC),
    Row("UpSampling2D", {"interpolation": "lanczos3"}, SIZES[2], exceptions=LANCZOS),
    Row("UpSampling2D", {"interpolation": "lanczos5", "data_format": "channels_first"}, FIRST[2], exceptions=LANCZOS),
    Row("UpSampling3D", {}, SIZES[3]),
    Row("UpSampling3D", {"size": (1, 3, 2), "data_format": "channels_first"}, FIRST[3]),
]

WRONG = [
    Wrong("Cropping2D", {"cropping": 3, "name": "c"}, (None, 6, 9, 3),
          "Cropping2D 'c' would leave nothing of (None, 6, 9, 3): it cuts off (3, 3) of 6 positions."),
    Wrong("ZeroPadding2D", {"padding": (1, 2, 3), "name": "z"}, None,
          "ZeroPadding2D 'z' needs a non-negative integer, or a tuple of 2 of them or of pairs for padding, and got "
          "(1, 2, 3)."),
    Wrong("UpSampling3D", {"size": 0, "name": "u"}, None,
          "UpSampling3D 'u' needs a positive integer or a tuple of 3 for size, and got 0."),
    Wrong("UpSampling2D", {"name": "u"}, (None, 6, 9),
          "UpSampling2D 'u' takes inputs of 4 axes (the batch is the first), and got (None, 6, 9), which has 3."),
]  # fmt: skip
