"""The calls that every operation is compared with Keras on: name -> [(arguments, keyword arguments)]."""

from __future__ import annotations

from typing import Any

import numpy as np

rng = np.random.default_rng(7)
Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*args: Any, **kwargs: Any) -> Call:
    return args, kwargs


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


def uniform(*shape: int) -> np.ndarray:
    return rng.uniform(0.05, 0.95, size=shape).astype("float32")


X, Y, V, P = normal(3, 4), normal(3, 4), normal(4), uniform(3, 4)
BIG = normal(2, 3, 4)
SQUARE = normal(2, 3, 3)
POSITIVE = SQUARE @ SQUARE.transpose(0, 2, 1) + 3 * np.eye(3, dtype="float32")
INTS = rng.integers(1, 9, size=(3, 4)).astype("int32")
MORE_INTS = rng.integers(1, 5, size=(3, 4)).astype("int32")
SMALL = INTS.astype("int8")
BYTES = INTS.astype("uint8")
TRUTH, TRUTH_2 = X > 0, Y > 0
HOLES = np.where(X > 0.8, np.nan, X).astype("float32")
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5], dtype="float32")
IMAGES, VOLUMES, ROWS = uniform(2, 9, 8, 3), normal(2, 6, 5, 4, 2), normal(2, 11, 4)
CHANNELS_FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
COMPLEX = (normal(3, 4) + 1j * normal(3, 4)).astype("complex64")

FLOAT_UNARY = [
    "sin",
    "cos",
    "tan",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "exp",
    "exp2",
    "expm1",
    "sinc",
    "i0",
    "deg2rad",
    "rad2deg",
    "fabs",
    "ceil",
    "floor",
    "cbrt",
    "celu",
    "elu",
    "selu",
    "sigmoid",
    "silu",
    "swish",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "leaky_relu",
    "log_sigmoid",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "gelu",
    "softmax",
    "log_softmax",
    "erf",
    "erfc",
    "glu",
    "sparsemax",
]
OF_SHARES = ["arcsin", "arccos", "arctanh", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "erfinv"]
ANY_UNARY = [
    "square",
    "negative",
    "sign",
    "absolute",
    "abs",
    "real",
    "imag",
    "conj",
    "conjugate",
    "trunc",
    "copy",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "signbit",
    "logical_not",
    "ravel",
    "relu",
    "relu6",
    "angle",
]
REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "amax", "amin", "ptp", "median", "all", "any"]
NAN_REDUCTIONS = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian"]
ARITHMETIC = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "divide_no_nan",
    "floor_divide",
    "mod",
    "fmod",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "arctan2",
    "hypot",
    "heaviside",
    "logaddexp",
    "logaddexp2",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "isclose",
    "allclose",
]
SHIFTS = ["left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"]
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"]

CASES: dict[str, list[Call]] = {}
for _name in FLOAT_UNARY:
    CASES[_name] = [call(X)]
for _name in OF_SHARES:
    CASES[_name] = [call(P)]
for _name in ANY_UNARY:
    CASES[_name] = [call(X), call(INTS)]
for _name in REDUCTIONS:
    CASES[_name] = [call(X), call(X, axis=0), call(BIG, axis=(0, 2), keepdims=True), call(INTS, axis=-1)]
for _name in NAN_REDUCTIONS:
    CASES[_name] = [call(HOLES), call(HOLES, axis=1), call(HOLES, axis=0, keepdims=True), call(X)]
for _name in ARITHMETIC:
    CASES[_name] = [call(X, Y), call(X, 0.5), call(X, V), call(INTS, MORE_INTS), call(INTS, X)]
for _name in BITS:
    CASES[_name] = [call(INTS, MORE_INTS)]
for _name in SHIFTS:
    CASES[_name] = [call(INTS, 1)]
for _name in ("fft", "fft2", "ifft2"):
    CASES[_name] = [call((X, Y))]
for _name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):
    CASES[_name] = [call(X, np.array([0, 2, 0]), num_segments=3)]

CASES |= {
    "arccosh": [call(P + 1)],
    "round": [call(X), call(X * 100, decimals=1), call(INTS)],
    "clip": [call(X, -0.5, 0.5), call(INTS, 2, 5), call(INTS, 1.5, 4), call(X, V - 1, V + 1)],
    "nan_to_num": [call(ODD), call(ODD, nan=1.0, posinf=5.0, neginf=-5.0)],
    "power": [call(P, X), call(X, 2), call(INTS, 2), call(2.0, X), call(INTS, 0.5)],
    "nextafter": [call(X, Y)],
    "ldexp": [call(X, MORE_INTS)],
    "bitwise_not": [call(INTS), call(TRUTH)],
    "bitwise_invert": [call(INTS)],
    "where": [call(TRUTH, X, Y), call(TRUTH, X, 0), call(TRUTH, INTS, 0.5)],
    "select": [call([TRUTH, TRUTH_2], [X, Y], 7.0)],
    "view": [call(X, "int32")],
    # along axes
    "average": [call(X), call(X, axis=1), call(X, axis=1, weights=P), call(X, weights=P)],
    "count_nonzero": [call(TRUTH), call(X, axis=0)],
    "cumsum": [call(X), call(X, axis=1), call(INTS, axis=0), call(TRUTH, axis=0), call(X, dtype="float64")],
    "cumprod": [call(X), call(X, axis=1), call(INTS, axis=0)],
    "nancumsum": [call(HOLES), call(HOLES, axis=1)],
    "nancumprod": [call(HOLES), call(HOLES, axis=1)],
    "argmax": [call(X), call(X, axis=1), call(X, axis=0, keepdims=True)],
    "argmin": [call(X), call(X, axis=1), call(INTS, axis=-1)],
    "nanargmax": [call(HOLES), call(HOLES, axis=1)],
    "nanargmin": [call(HOLES), call(HOLES, axis=1)],
    "quantile": [call(X, 0.3), call(X, np.float32([0.2, 0.5]), axis=1), call(BIG, 0.7, axis=(0, 2), keepdims=True),
                 call(X, 0.3, method="nearest")],
    "nanquantile": [call(HOLES, 0.3), call(HOLES, 0.4, axis=1)],
    "percentile": [call(X, 30.0), call(X, np.float32([20, 50]), axis=1)],
    "nanpercentile": [call(HOLES, 30.0)],
    "sort": [call(X), call(X, axis=0), call(INTS)],
    "argsort": [call(X), call(INTS, axis=0)],
    "searchsorted": [call(np.sort(V), X), call(np.sort(V), V, side="right")],
    "digitize": [call(X, np.sort(V))],
    "bincount": [call(INTS[0]), call(INTS[0], minlength=12), call(INTS[0], weights=V)],
    "histogram": [call(V, bins=5), call(X[0], bins=4, range=(-1, 1))],
    "unique": [call(INTS), call(INTS, return_counts=True), call(INTS, return_inverse=True), call(INTS[0], size=9)],
    # making
    "array": [call([1, 2]), call([1.5], dtype="float16"), call(X)],
    "zeros": [call((2, 3)), call(3, dtype="int32")],
    "ones": [call((2, 3)), call((3,), dtype="int32")],
    "empty": [call((0, 3))],
    "full": [call((2, 3), 5.0), call((2, 4), V), call((2,), 3, dtype="int32")],
    "zeros_like": [call(X), call(INTS), call(X, dtype="int32")],
    "ones_like": [call(X), call(INTS)],
    "empty_like": [call(np.zeros((0, 2), "float32"))],
    "full_like": [call(X, 3.5), call(INTS, 2)],
    "arange": [call(5), call(1, 6, 2), call(0.0, 1.0, 0.25), call(3, dtype="float32")],
    "eye": [call(3), call(3, 4, 1), call(3, k=-1, dtype="int32")],
    "identity": [call(3), call(2, dtype="int32")],
    "tri": [call(3), call(3, 4, 1)],
    "linspace": [call(0, 5, 11), call(V, V + 2, 4), call(0.0, 1.0, 5, endpoint=False), call(V, V + 1, 3, axis=-1),
                 call(0.0, 4.0, 5, retstep=True), call(1.0, 2.0, 1)],
    "logspace": [call(0, 2, 5), call(0.0, 1.0, 4, base=2)],
    "geomspace": [call(1.0, 16.0, 5), call(2, 32, 3)],
    "meshgrid": [call(V, V[:2]), call(V, V[:2], indexing="ij")],
    "bartlett": [call(7)], "blackman": [call(7)], "hamming": [call(7)], "hanning": [call(7)],
    "kaiser": [call(7, 3.0)],
    # shapes
    "ndim": [call(X)], "size": [call(X)], "shape": [call(X)],
    "reshape": [call(X, (2, 6)), call(X, (-1,)), call(X, -1)],
    "transpose": [call(BIG), call(BIG, (1, 0, 2))],
    "swapaxes": [call(BIG, 0, 2)],
    "moveaxis": [call(BIG, 0, -1), call(BIG, (0, 1), (1, 2))],
    "expand_dims": [call(X, 0), call(X, -1), call(X, (0, 3))],
    "squeeze": [call(X[:1]), call(X[:, :1], axis=1)],
    "broadcast_to": [call(V, (3, 4))],
    "flip": [call(X), call(X, axis=1)],
    "fliplr": [call(X)], "flipud": [call(X)],
    "roll": [call(X, 2), call(X, 1, axis=1)],
    "rot90": [call(X), call(BIG, k=3, axes=(1, 2))],
    "tile": [call(X, (2, 1)), call(X, 2)],
    "repeat": [call(X, 2), call(X, 3, axis=1), call(X, np.int32([1, 0, 2]), axis=0)],
    "pad": [call(X, ((1, 0), (0, 2))), call(X, 1, constant_values=2.0), call(X, ((2, 1), (1, 1)), mode="reflect"),
            call(X, ((2, 1), (1, 1)), mode="symmetric")],
    "concatenate": [call([X, Y]), call([X, INTS], axis=1)],
    "append": [call(X, Y), call(X, Y, axis=0)],
    "stack": [call([X, Y]), call([X, Y], axis=-1)],
    "hstack": [call([X, Y])], "vstack": [call([X, Y])], "dstack": [call([X, Y])],
    "split": [call(X, 2, axis=1), call(X, [1, 3], axis=1)],
    "array_split": [call(X, 3, axis=1)],
    "hsplit": [call(X, 2)], "vsplit": [call(X, 3)], "dsplit": [call(BIG, 2)],
    "get_item": [call(X, 1), call(X, (slice(None), 2))],
    "take": [call(X, [0, 2], axis=1), call(X, 5), call(X, [[0], [-1]], axis=0)],
    "take_along_axis": [call(X, np.argsort(X, axis=1), axis=1)],
    "nonzero": [call(TRUTH)],
    "unravel_index": [call(np.int32([5, 2]), (3, 4))],
    "isin": [call(INTS, MORE_INTS[0]), call(INTS, MORE_INTS[0], invert=True)],
    "diag": [call(V), call(X), call(X, k=1)],
    "diagflat": [call(V), call(X, k=1)],
    "diagonal": [call(X), call(BIG, axis1=1, axis2=2)],
    "trace": [call(X), call(BIG, offset=1, axis1=1, axis2=2), call(INTS)],
    "tril": [call(X), call(X, k=-1)],
    "triu": [call(X), call(X, k=1)],
    "vander": [call(V), call(V, N=3, increasing=True)],
    "diff": [call(X), call(X, n=2, axis=1)],
    "trapezoid": [call(X), call(X, dx=0.5, axis=0), call(X, x=Y)],
    # products
    "matmul": [call(X, Y.T), call(BIG, normal(4, 2)), call(INTS, MORE_INTS.T), call(SMALL, SMALL.T), call(X, INTS.T)],
    "dot": [call(V, V), call(X, V), call(BIG, normal(4, 2)), call(X, 2.0), call(BIG, normal(5, 4, 2))],
    "inner": [call(V, V), call(X, Y)],
    "vdot": [call(X, Y)],
    "outer": [call(V, X)],
    "tensordot": [call(BIG, normal(4, 5), axes=1), call(X, Y, axes=2), call(X, Y, axes=[[0], [0]])],
    "kron": [call(X, Y)],
    "einsum": [call("ij,kj->ik", X, Y), call("bij->bji", BIG), call("ij,jk->ik", INTS, MORE_INTS.T),
               call("ij,kj->ik", X, INTS)],
    "cross": [call(normal(4, 3), normal(4, 3)), call(normal(4, 2), normal(4, 2))],
    "correlate": [call(V, V[:2]), call(V, V[:3], mode="same"), call(V, V[:2], mode="full")],
    "corrcoef": [call(X)],
    # mathematics
    "logsumexp": [call(X), call(X, axis=1), call(X, axis=1, keepdims=True)],
    "top_k": [call(X, 2)],
    "in_top_k": [call(np.int32([1, 0, 3]), X, 2)],
    "cdist": [call(X, Y)],
    "logdet": [call(POSITIVE)],
    "view_as_complex": [call(normal(3, 2))],
    "view_as_real": [call(COMPLEX)],
    "rfft": [call(X), call(X, fft_length=6)],
    "irfft": [call((normal(2, 5), normal(2, 5))), call((normal(2, 5), normal(2, 5)), fft_length=8)],
    "extract_sequences": [call(normal(2, 10), 4, 2)],
    "stft": [call(normal(2, 40), 8, 4, 16), call(normal(40), 8, 4, 8, window=None, center=False)],
    "istft": [call((normal(2, 6, 9), normal(2, 6, 9)), 16, 4, 16)],
    # linear algebra
    "cholesky": [call(POSITIVE), call(POSITIVE, upper=True)],
    "cholesky_inverse": [call(np.linalg.cholesky(POSITIVE))],
    "det": [call(SQUARE)], "slogdet": [call(SQUARE)], "inv": [call(SQUARE)], "pinv": [call(BIG)],
    "eigh": [call(POSITIVE)], "eig": [call(POSITIVE)],
    "lu_factor": [call(SQUARE)],
    "matrix_rank": [call(SQUARE), call(np.ones((3, 3), "float32"))],
    "qr": [call(BIG), call(BIG, mode="complete")],
    "svd": [call(BIG, compute_uv=False)],
    "solve": [call(SQUARE, BIG)],
    "solve_triangular": [call(np.tril(POSITIVE), BIG, lower=True), call(np.triu(POSITIVE), BIG)],
    "lstsq": [call(normal(5, 3), normal(5)), call(normal(5, 3), normal(5, 2))],
    "norm": [call(X), call(X, axis=1), call(X, ord=1, axis=0), call(BIG, ord="fro", axis=(1, 2), keepdims=True),
             call(X, ord="nuc"), call(X, ord=np.inf, axis=-1)],
    # neural networks
    "threshold": [call(X, 0.1, -1.0)],
    "polar": [call(P, X)],
    "moments": [call(X, (0,)), call(BIG, (0, 2), keepdims=True)],
    "batch_normalization": [call(X, V, P[0], -1), call(X, V, P[0], axis=1, offset=V, scale=V)],
    "layer_normalization": [call(X), call(X, V, V)],
    "rms_normalization": [call(X), call(X, V)],
    "normalize": [call(X), call(X, axis=0, order=3), call(X, order=1)],
    "categorical_crossentropy": [call(np.eye(4, dtype="float32")[:3], P), call(P, X, from_logits=True)],
    "sparse_categorical_crossentropy": [call(np.int32([0, 2, 1]), P), call(np.int32([0, 2, 1]), X, from_logits=True)],
    "binary_crossentropy": [call(TRUTH.astype("float32"), P), call(P, X, from_logits=True)],
    "psnr": [call(P, uniform(3, 4), 1.0)],
    "one_hot": [call(INTS, 10), call(np.int32([0, -1, 2]), 3), call(INTS, 9, axis=0, dtype="int32")],
    "multi_hot": [call(INTS, 10)],
    "ctc_loss": [call(np.int32([[1, 2], [2, 0]]), normal(2, 6, 4), np.int32([2, 1]), np.int32([6, 5]))],
    "ctc_decode": [call(normal(2, 7, 4), np.int32([7, 5])),
                   call(normal(2, 7, 4), np.int32([7, 5]), merge_repeated=False)],
    "conv": [call(ROWS, normal(3, 4, 5)), call(IMAGES, normal(3, 2, 3, 4), strides=2, padding="same"),
             call(VOLUMES, normal(2, 2, 2, 2, 3)), call(IMAGES, normal(3, 3, 3, 4), dilation_rate=2, padding="same"),
             call(IMAGES, normal(3, 3, 1, 6)),
             call(IMAGES, normal(2, 2, 9, 4), data_format="channels_first", strides=(1, 2))],
    "depthwise_conv": [call(IMAGES, normal(3, 3, 3, 2)), call(ROWS, normal(3, 4, 1), strides=2, padding="same")],
    "separable_conv": [call(IMAGES, normal(3, 3, 3, 2), normal(1, 1, 6, 4), padding="same")],
    "conv_transpose": [call(IMAGES, normal(3, 3, 4, 3), strides=2),
                       call(ROWS, normal(3, 5, 4), strides=2, padding="same"),
                       call(IMAGES, normal(2, 2, 4, 3), strides=3, padding="same"),
                       call(IMAGES, normal(3, 3, 4, 3), strides=2, padding="same", output_padding=1)],
    "max_pool": [call(IMAGES, 2), call(ROWS, 3, strides=2, padding="same"), call(VOLUMES, (2, 2, 2), strides=1)],
    "average_pool": [call(IMAGES, 2), call(ROWS, 3, strides=2, padding="same"),
                     call(IMAGES, (3, 2), strides=2, padding="same")],
    "adaptive_average_pool": [call(IMAGES, (3, 2))],
    "adaptive_max_pool": [call(IMAGES, 2)],
    "depth_to_space": [call(normal(2, 3, 4, 12), 2)],
    "space_to_depth": [call(normal(2, 6, 4, 3), 2)],
    "unfold": [call(normal(2, 3, 6, 6), 3), call(normal(2, 3, 6, 6), 2, stride=2)],
    "fold": [call(normal(2, 12, 9), (6, 6), 2, stride=2)],
    "dot_product_attention": [call(normal(2, 5, 3, 4), normal(2, 6, 3, 4), normal(2, 6, 3, 4)),
                              call(normal(2, 5, 3, 4), normal(2, 5, 3, 4), normal(2, 5, 3, 4),
                                   is_causal=True, scale=0.3),
                              call(normal(2, 5, 3, 4), normal(2, 6, 3, 4), normal(2, 6, 3, 4),
                                   mask=rng.random((2, 1, 5, 6)) > 0.3)],
    # core
    "cast": [call(X, "int32"), call(INTS, "float16")],
    "saturate_cast": [call(X * 1000, "uint8"), call(X * 1e12, "int32"), call(INTS, "int8")],
    "convert_to_tensor": [call([1, 2]), call([[1.5]]), call(X), call(True), call(2), call([True, False])],
    "slice": [call(X, (1, 0), (2, 3))],
    "slice_update": [call(X, (1, 1), normal(2, 2))],
    "scatter": [call([[0, 1], [2, 3], [0, 1]], V[:3], (3, 4)), call([[1], [1]], X[:2], (3, 4))],
    "scatter_update": [call(X, [[0, 1], [2, 3]], V[:2]), *(
        call(X, [[0], [2]], Y[:2], reduction=how) for how in ("add", "max", "min", "mul"))],
    "unstack": [call(X), call(X, axis=1)],
    "stop_gradient": [call(X)],
    "rearrange": [call(normal(4, 6), "(a b) c -> a (c b)", a=2), call(BIG, "a b c -> c (a b)")],
}  # fmt: skip
CASES["gelu"].append(call(X, approximate=False))

IMAGE_CASES: dict[str, list[Call]] = {
    "resize": [call(IMAGES, (5, 6)), call(IMAGES, (13, 16), interpolation="nearest"),
               call(IMAGES, (5, 16), interpolation="bicubic"), call(IMAGES, (4, 4), antialias=True),
               call(IMAGES, (4, 6), crop_to_aspect_ratio=True),
               call(IMAGES[:, :8], (4, 6), pad_to_aspect_ratio=True, fill_value=2.0),
               call((IMAGES * 255).astype("uint8"), (5, 6)), call(IMAGES[0], (5, 6)),
               call(IMAGES.transpose(0, 3, 1, 2), (5, 6), data_format="channels_first")],
    "pad_images": [call(IMAGES, 1, 2, target_height=12, target_width=12), call(IMAGES, 1, 0, 2, 3)],
    "crop_images": [call(IMAGES, 1, 2, target_height=4, target_width=5), call(IMAGES[0], 1, 0, 2, 3)],
    "extract_patches": [call(IMAGES, 3), call(IMAGES, (2, 3), strides=2, padding="same"),
                        call(IMAGES, 2, dilation_rate=2, strides=1)],
    "extract_patches_3d": [call(VOLUMES, 2), call(VOLUMES, (2, 3, 2), strides=1, padding="same")],
    "rgb_to_grayscale": [call(IMAGES), call(IMAGES[0])],
    "rgb_to_hsv": [call(IMAGES)],
    "hsv_to_rgb": [call(IMAGES)],
    "gaussian_blur": [call(CHANNELS_FIRST, data_format="channels_first"),
                      call(CHANNELS_FIRST, (5, 5), (2.0, 0.7), data_format="channels_first")],
    "sobel_edges": [call(CHANNELS_FIRST, data_format="channels_first")],
    "ssim": [call(uniform(2, 13, 14, 3), uniform(2, 13, 14, 3)), call(IMAGES[0], IMAGES[1], filter_size=5)],
    "affine_transform": [call(IMAGES, np.float32([[1.1, 0.2, -1, 0.1, 0.9, 0.5, 0, 0], [0.8, 0, 1.2, 0.3, 1, 0, 0, 0]]),
                              fill_mode=mode)
                         for mode in ("constant", "nearest", "wrap", "reflect")] + [
        call(IMAGES, np.float32([[1, 0, 1.3, 0, 1, 0, 0, 0]] * 2), interpolation="nearest", fill_value=3.0)],
    "perspective_transform": [call(IMAGES, np.float32([[0, 0], [0, 8], [7, 0], [7, 8]]),
                                   np.float32([[1, 0], [0, 7], [6, 1], [7, 8]]))],
    "map_coordinates": [call(X, np.float32([[0.3, 1.7, 2.5], [2.9, -0.4, 3.6]]), order, fill_mode=mode)
                        for order in (0, 1) for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    "scale_and_translate": [call(IMAGES, (2, 12, 5, 3), np.float32([1.3, 0.6]), np.float32([0.5, -0.2]), (1, 2), method)
                            for method in ("linear", "cubic", "lanczos3", "lanczos5")] + [
        call(IMAGES, (2, 5, 5, 3), np.float32([0.5, 0.6]), np.float32([0.5, 0.2]), (1, 2), "linear", antialias=False)],
    "elastic_transform": [call(IMAGES, alpha=0.0, seed=1)],
}  # fmt: skip
