"""Whole-model files as Keras 1.2.2 laid them out, written from the facts of its format: no Keras 1 runs on today's Python.

``LAYERS`` has a case for each family: the layer's config as ``get_config`` wrote it, its arrays in the file's order and
shapes, and the formula of what it computed, in NumPy and torch alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
from torch.nn import functional as F

Arrays = list[np.ndarray]
NOTHING = {"W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
           "b_constraint": None, "bias": True}  # fmt: skip
rng = np.random.default_rng(0)


class Case(NamedTuple):
    """A layer of Keras 1."""

    class_name: str
    config: dict[str, Any]
    shape: tuple[int, ...]  # of the input, without the batch
    arrays: Arrays
    formula: Callable[..., Any]  # of the input and the arrays
    names: Sequence[str] = ()  # how weights were called; by default W and b


def numbers(*shape: int) -> np.ndarray:
    return rng.uniform(-0.6, 0.6, shape).astype("float32")


def write(path: Path, config: Any, groups: dict[str, dict[str, np.ndarray]], training: Any = None,
          state: dict[str, np.ndarray] | None = None, version: str = "1.2.2") -> None:  # fmt: skip
    """A whole model's file. Keras 1 named its version at the root alone, and no backend."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        put_layers(file.create_group("model_weights"), groups)
        if state:
            put(file.create_group("optimizer_weights"), state)


def put_layers(weights: Any, groups: dict[str, dict[str, np.ndarray]]) -> None:
    weights.attrs["layer_names"] = [name.encode() for name in groups]
    for name, arrays in groups.items():
        put(weights.create_group(name), arrays)


def put(group: Any, arrays: dict[str, np.ndarray]) -> None:
    group.attrs["weight_names"] = [name.encode() for name in arrays]
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


def entry(case: Case, name: str, first: bool = True) -> dict[str, Any]:
    """A layer's entry in a Sequential model."""
    config = {"name": name, "trainable": True, **case.config}
    if first:
        whole = case.class_name == "Embedding"
        config |= {"batch_input_shape": [None, *case.shape], "input_dtype": "int32" if whole else "float32"}
    return {"class_name": case.class_name, "config": config}


def group(case: Case, name: str) -> dict[str, np.ndarray]:
    """A layer's arrays by the names that a file had for them, those of TensorFlow's."""
    names = case.names or ("W", "b")
    return {f"{name}_{part}:0": array for part, array in zip(names, case.arrays, strict=False)}


def save(path: Path, case: Case) -> None:
    write(path, {"class_name": "Sequential", "config": [entry(case, "one")]}, {"one": group(case, "one")})


# ---- formulas ------------------------------------------------------------------------------------------------------


def torched(formula: Callable[..., torch.Tensor]) -> Callable[..., np.ndarray]:
    return lambda *arrays: formula(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)).numpy()


def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(0.2 * x + 0.5, 0, 1)


def conv2d(x: Any, kernel: Any, bias: Any, **kwargs: Any) -> Any:
    """Channels last; the kernel is (rows, columns, in, out)."""
    return F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, **kwargs).permute(0, 2, 3, 1)


def lstm(x: np.ndarray, *a: np.ndarray) -> np.ndarray:
    """The gates' arrays are in the file's order: i, c, f, o."""
    (wi, ui, bi), (wc, uc, bc), (wf, uf, bf), (wo, uo, bo) = (a[k : k + 3] for k in (0, 3, 6, 9))
    h = c = np.zeros((len(x), len(bi)), "float32")
    for t in range(x.shape[1]):
        i, f = hard_sigmoid(x[:, t] @ wi + h @ ui + bi), hard_sigmoid(x[:, t] @ wf + h @ uf + bf)
        o, new = hard_sigmoid(x[:, t] @ wo + h @ uo + bo), np.tanh(x[:, t] @ wc + h @ uc + bc)
        c = f * c + i * new
        h = o * np.tanh(c)
    return h


def lstm_gpu(x: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Gates side by side, in the order i, f, c, o."""
    parts = [np.split(array, 4, axis=-1) for array in (w, u, b)]
    return lstm(x, *(part[gate] for gate in (0, 2, 1, 3) for part in parts))


def gru(x: np.ndarray, *a: np.ndarray) -> np.ndarray:
    (wz, uz, bz), (wr, ur, br), (wh, uh, bh) = (a[k : k + 3] for k in (0, 3, 6))
    h = np.zeros((len(x), len(bz)), "float32")
    for t in range(x.shape[1]):
        z, r = hard_sigmoid(x[:, t] @ wz + h @ uz + bz), hard_sigmoid(x[:, t] @ wr + h @ ur + br)
        h = z * h + (1 - z) * np.tanh(x[:, t] @ wh + (r * h) @ uh + bh)
    return h


def gru_gpu(x: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    parts = [np.split(array, 3, axis=-1) for array in (w, u, b)]
    return gru(x, *(part[gate] for gate in range(3) for part in parts))


def simple_rnn(x: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    h = np.zeros((len(x), len(b)), "float32")
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ w + b + h @ u)
    return h


def both_ways(x: np.ndarray, *a: np.ndarray) -> np.ndarray:
    half = len(a) // 2
    return np.concatenate([lstm(x, *a[:half]), lstm(x[:, ::-1], *a[half:])], axis=-1)


def conv_lstm(x: Any, *a: Any) -> Any:
    """Channels first, as the kernels are: (out, in, rows, columns); same padding for the states."""
    gates = [a[k : k + 3] for k in (0, 3, 6, 9)]
    h = c = torch.zeros(len(x), a[2].shape[0], *x.shape[3:])
    line = lambda value: (0.2 * value + 0.5).clamp(0, 1)  # noqa: E731
    for t in range(x.shape[1]):
        i, new, f, o = (F.conv2d(x[:, t], w, b, padding="same") + F.conv2d(h, u, padding="same") for w, u, b in gates)
        c = line(f) * c + line(i) * torch.tanh(new)
        h = line(o) * torch.tanh(c)
    return h


def batch_norm(axis: int) -> Callable[..., np.ndarray]:
    def formula(x: np.ndarray, gamma: Any, beta: Any, mean: Any, variance: Any) -> np.ndarray:
        shape = [1] * x.ndim
        shape[axis] = -1
        gamma, beta, mean, variance = (array.reshape(shape) for array in (gamma, beta, mean, variance))
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta  # the "running_std" of a file is a variance

    return formula


def srelu(x: np.ndarray, t_left: Any, a_left: Any, t_right: Any, a_right: Any) -> np.ndarray:
    t_right = t_left + np.abs(t_right)
    low, high = t_left + a_left * (x - t_left), t_right + a_right * (x - t_right)
    return np.where(x < t_left, low, np.where(x < t_right, x, high))


def highway(x: np.ndarray, w: Any, w_carry: Any, b: Any, b_carry: Any) -> np.ndarray:
    gate = 1 / (1 + np.exp(-(x @ w_carry + b_carry)))
    return gate * np.maximum(x @ w + b, 0) + (1 - gate) * x


def local2d(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A kernel (2, 2) over channels-last pictures, another one at each place."""
    rows, columns = x.shape[1] - 1, x.shape[2] - 1
    out = np.empty((len(x), rows, columns, w.shape[-1]), "float32")
    for place in range(rows * columns):
        r, c = divmod(place, columns)
        out[:, r, c] = x[:, r : r + 2, c : c + 2].reshape(len(x), -1) @ w[place]
    return out + b


# ---- configs -------------------------------------------------------------------------------------------------------


def dense(units: int, features: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "output_dim": units,
        "init": "glorot_uniform",
        "activation": "linear",
        **NOTHING,
        "input_dim": features,
        **more,
    }


def convolution2d(filters: int, rows: int, columns: int, **more: Any) -> dict[str, Any]:
    return {"nb_filter": filters, "nb_row": rows, "nb_col": columns, "init": "glorot_uniform", "activation": "linear",
            "border_mode": "valid", "subsample": [1, 1], "dim_ordering": "tf", **NOTHING, **more}  # fmt: skip


def separable2d(**more: Any) -> dict[str, Any]:
    config = convolution2d(4, 2, 2, depth_multiplier=2, **more)
    kernels = {
        f"{kernel}_{kind}": None for kernel in ("depthwise", "pointwise") for kind in ("regularizer", "constraint")
    }
    return {key: value for key, value in config.items() if not key.startswith("W_")} | kernels


def convolution1d(filters: int, length: int, **more: Any) -> dict[str, Any]:
    return {"nb_filter": filters, "filter_length": length, "init": "glorot_uniform", "activation": "linear",
            "border_mode": "valid", "subsample_length": 1, **NOTHING, "input_dim": None, "input_length": None,
            **more}  # fmt: skip


def convolution3d(**more: Any) -> dict[str, Any]:
    return {"nb_filter": 4, "kernel_dim1": 2, "kernel_dim2": 1, "kernel_dim3": 3, "dim_ordering": "tf", **NOTHING,
            "init": "glorot_uniform", "activation": "linear", "border_mode": "valid", "subsample": [1, 1, 1],
            **more}  # fmt: skip


def recurrent(**more: Any) -> dict[str, Any]:
    return {"return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False, "consume_less": "cpu",
            "input_dim": 3, "input_length": 5, "output_dim": 4, "init": "glorot_uniform", "inner_init": "orthogonal",
            "activation": "tanh", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0,
            "dropout_U": 0.0, **more}  # fmt: skip


GATED = {"inner_activation": "hard_sigmoid"}
FORGET = GATED | {"forget_bias_init": "one"}
WEIGHT_L2 = {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}
ACTIVITY_L1 = {"name": "ActivityRegularizer", "l1": 0.001, "l2": 0.0}
L1L2 = {"name": "L1L2Regularizer", "l1": 0.002, "l2": 0.01}
MAX_NORM = {"name": "MaxNorm", "m": 2, "axis": 0}
HIGHWAY = {"init": "glorot_uniform", "transform_bias": -2, "activation": "relu", **NOTHING, "input_dim": 4}
BATCH_NORM = {"epsilon": 1e-3, "mode": 0, "gamma_regularizer": None, "beta_regularizer": None, "momentum": 0.99}
NORMS = ("gamma", "beta", "running_mean", "running_std")


def gates(letters: str) -> list[str]:
    return [f"{kind}_{letter}" for letter in letters for kind in "WUb"]


def gate_arrays(count: int, features: int = 3, units: int = 4) -> Arrays:
    return [numbers(*shape) for _ in range(count) for shape in ((features, units), (units, units), (units,))]


LSTM_ARRAYS, GRU_ARRAYS = gate_arrays(4), gate_arrays(3)
INNER_LSTM = {"class_name": "LSTM", "config": recurrent(name="lstm_1", trainable=True, **FORGET)}
INNER_DENSE = {"class_name": "Dense", "config": dense(4, name="dense_1", trainable=True)}


def affine(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return x @ w + b


def conv1d(dilation: int = 1, stride: int = 1) -> Callable[..., np.ndarray]:
    """The kernel of a file is (length, 1, in, out)."""
    return torched(lambda x, w, b: F.conv1d(x.transpose(1, 2), w[:, 0].permute(2, 1, 0), b, stride,
                                            dilation=dilation).transpose(1, 2))  # fmt: skip


def th_conv2d(x: Any, w: Any, b: Any) -> Any:
    return F.conv2d(x, w, b)


def plain(class_name: str, config: dict[str, Any], shape: tuple[int, ...], formula: Callable[..., Any]) -> Case:
    return Case(class_name, config, shape, [], formula)


def pool2d(x: Any) -> Any:
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


LAYERS: dict[str, Case] = {
    "dense": Case("Dense", dense(4, 3, activation="tanh"), (3,), [numbers(3, 4), numbers(4)],
                  lambda x, w, b: np.tanh(x @ w + b)),
    "dense_no_bias": Case("Dense", dense(4, bias=False, activation="hard_sigmoid"), (3,), [numbers(3, 4)],
                          lambda x, w: hard_sigmoid(x @ w)),
    "dense_penalties": Case("Dense", dense(4, W_regularizer=WEIGHT_L2, activity_regularizer=ACTIVITY_L1, b_regularizer=L1L2,
                                           W_constraint=MAX_NORM, b_constraint={"name": "NonNeg"}),
                            (3,), [numbers(3, 4), numbers(4)], affine),
    "highway": Case("Highway", HIGHWAY, (4,), [numbers(4, 4), numbers(4, 4), numbers(4), numbers(4)], highway,
                    ("W", "W_carry", "b", "b_carry")),
    "highway_older": Case("Highway", HIGHWAY, (4,), [numbers(4, 4), numbers(4), numbers(4, 4), numbers(4)],
                          lambda x, w, b, wc, bc: highway(x, w, wc, b, bc), ("W", "b", "W_carry", "b_carry")),
    "maxout": Case("MaxoutDense", {"output_dim": 4, "init": "glorot_uniform", "nb_feature": 2, **NOTHING, "input_dim": 3}, (3,),
                   [numbers(2, 3, 4), numbers(2, 4)], lambda x, w, b: (np.einsum("bi,fio->bfo", x, w) + b).max(axis=1)),
    "time_distributed_dense": Case("TimeDistributedDense", dense(4, 3, input_length=5), (5, 3), [numbers(3, 4), numbers(4)],
                                   affine),
    "conv1d": Case("Convolution1D", convolution1d(4, 2, subsample_length=2), (6, 3), [numbers(2, 1, 3, 4), numbers(4)],
                   conv1d(stride=2)),
    "conv1d_older": Case("Convolution1D", convolution1d(4, 2), (6, 3), [numbers(4, 3, 2, 1), numbers(4)],
                         torched(lambda x, w, b: F.conv1d(x.transpose(1, 2), w[..., 0], b).transpose(1, 2))),
    "atrous1d": Case("AtrousConvolution1D", convolution1d(4, 2, atrous_rate=2), (6, 3), [numbers(2, 1, 3, 4), numbers(4)],
                     conv1d(dilation=2)),
    "conv2d": Case("Convolution2D", convolution2d(4, 2, 3, activation="relu"), (6, 7, 3),
                   [numbers(2, 3, 3, 4), numbers(4)], torched(lambda x, w, b: torch.relu(conv2d(x, w, b)))),
    "conv2d_th": Case("Convolution2D", convolution2d(4, 2, 3, dim_ordering="th"), (3, 6, 7),
                      [numbers(4, 3, 2, 3), numbers(4)], torched(th_conv2d)),
    "conv2d_square_th": Case("Convolution2D", convolution2d(3, 3, 3, dim_ordering="th"), (3, 6, 7),
                             [numbers(3, 3, 3, 3), numbers(3)], torched(th_conv2d)),
    "atrous2d": Case("AtrousConvolution2D", convolution2d(4, 2, 2, atrous_rate=[2, 2]), (6, 7, 3),
                     [numbers(2, 2, 3, 4), numbers(4)], torched(lambda x, w, b: conv2d(x, w, b, dilation=2))),
    "atrous2d_th": Case("AtrousConvolution2D", convolution2d(4, 2, 2, atrous_rate=[2, 2], dim_ordering="th"), (3, 6, 7),
                        [numbers(4, 3, 2, 2), numbers(4)], torched(lambda x, w, b: F.conv2d(x, w, b, dilation=2))),
    "deconv2d": Case("Deconvolution2D", convolution2d(4, 2, 2, subsample=[2, 2], output_shape=[None, 8, 8, 4]), (4, 4, 3),
                     [numbers(2, 2, 3, 4), numbers(4)],
                     torched(lambda x, w, b: F.conv_transpose2d(x.permute(0, 3, 1, 2), w.permute(2, 3, 0, 1), b, 2)
                             .permute(0, 2, 3, 1))),
    "deconv2d_th": Case("Deconvolution2D", convolution2d(4, 2, 2, subsample=[2, 2], dim_ordering="th",
                                                         output_shape=[None, 4, 8, 8]), (3, 4, 4),
                        [numbers(4, 3, 2, 2), numbers(4)],
                        torched(lambda x, w, b: F.conv_transpose2d(x, w.transpose(0, 1), b, 2))),
    "separable2d": Case("SeparableConvolution2D",
                        separable2d(),
                        (5, 5, 3), [numbers(2, 2, 3, 2), numbers(1, 1, 6, 4), numbers(4)],
                        torched(lambda x, d, p, b: conv2d(F.conv2d(
                            x.permute(0, 3, 1, 2), d.permute(2, 3, 0, 1).reshape(6, 1, 2, 2), groups=3).permute(0, 2, 3, 1),
                            p, b)), ("depthwise_kernel", "pointwise_kernel", "b")),
    "separable2d_th": Case("SeparableConvolution2D", separable2d(dim_ordering="th"),
                           (3, 5, 5), [numbers(2, 3, 2, 2), numbers(4, 6, 1, 1), numbers(4)],
                           torched(lambda x, d, p, b: F.conv2d(
                               F.conv2d(x, d.transpose(0, 1).reshape(6, 1, 2, 2), groups=3), p, b)),
                           ("depthwise_kernel", "pointwise_kernel", "b")),
    "conv3d": Case("Convolution3D", convolution3d(), (4, 5, 6, 3), [numbers(2, 1, 3, 3, 4), numbers(4)],
                   torched(lambda x, w, b: F.conv3d(x.permute(0, 4, 1, 2, 3), w.permute(4, 3, 0, 1, 2), b)
                           .permute(0, 2, 3, 4, 1))),
    "conv3d_th": Case("Convolution3D", convolution3d(dim_ordering="th"), (3, 4, 5, 6), [numbers(4, 3, 2, 1, 3), numbers(4)],
                      torched(F.conv3d)),
    "local1d": Case("LocallyConnected1D", convolution1d(4, 2), (5, 3), [numbers(4, 6, 4), numbers(4, 4)],
                    lambda x, w, b: np.stack([x[:, t : t + 2].reshape(len(x), -1) @ w[t] for t in range(4)], 1) + b),
    "local2d": Case("LocallyConnected2D", convolution2d(4, 2, 2), (4, 5, 3), [numbers(12, 12, 4), numbers(3, 4, 4)], local2d),
    "batch_norm": Case("BatchNormalization", BATCH_NORM | {"axis": -1}, (5,),
                       [numbers(5), numbers(5), numbers(5), 1 + numbers(5)], batch_norm(-1), NORMS),
    "batch_norm_axis1": Case("BatchNormalization", BATCH_NORM | {"axis": 1}, (3, 4, 4),
                             [numbers(3), numbers(3), numbers(3), 1 + numbers(3)], batch_norm(1), NORMS),
    "embedding": Case("Embedding", {"input_dim": 9, "output_dim": 4, "init": "uniform", "input_length": 5, "mask_zero": False,
                                    "activity_regularizer": None, "W_regularizer": None, "W_constraint": None, "dropout": 0.0},
                      (5,), [numbers(9, 4)], lambda x, w: w[x.astype(int)]),
    "lstm": Case("LSTM", recurrent(**FORGET), (5, 3), LSTM_ARRAYS, lstm, gates("icfo")),
    "lstm_mem": Case("LSTM", recurrent(**FORGET, consume_less="mem"), (5, 3), LSTM_ARRAYS, lstm, gates("icfo")),
    "lstm_gpu": Case("LSTM", recurrent(**FORGET, consume_less="gpu"), (5, 3), [numbers(3, 16), numbers(4, 16), numbers(16)],
                     lstm_gpu, "WUb"),
    "lstm_dropout": Case("LSTM", recurrent(**FORGET, dropout_W=0.2, dropout_U=0.1, W_regularizer=WEIGHT_L2), (5, 3),
                         LSTM_ARRAYS, lstm, gates("icfo")),
    "lstm_zero": Case("LSTM", recurrent(**GATED, forget_bias_init="zero", go_backwards=True), (5, 3), LSTM_ARRAYS,
                      lambda x, *a: lstm(x[:, ::-1], *a), gates("icfo")),
    "gru": Case("GRU", recurrent(**GATED), (5, 3), GRU_ARRAYS, gru, gates("zrh")),
    "gru_gpu": Case("GRU", recurrent(**GATED, consume_less="gpu"), (5, 3), [numbers(3, 12), numbers(4, 12), numbers(12)],
                    gru_gpu, "WUb"),
    "simple_rnn": Case("SimpleRNN", recurrent(), (5, 3), [numbers(3, 4), numbers(4, 4), numbers(4)], simple_rnn, "WUb"),
    "bidirectional": Case("Bidirectional", {"layer": INNER_LSTM, "merge_mode": "concat"}, (5, 3), gate_arrays(8), both_ways,
                          [f"{way}_{name}" for way in ("forward", "backward") for name in gates("icfo")]),
    "time_distributed": Case("TimeDistributed", {"layer": INNER_DENSE}, (5, 3), [numbers(3, 4), numbers(4)], affine),
    "time_distributed_conv_th": Case(
        "TimeDistributed", {"layer": {"class_name": "Convolution2D", "config": convolution2d(
            4, 2, 3, dim_ordering="th", name="inside", trainable=True)}}, (2, 3, 6, 7), [numbers(4, 3, 2, 3), numbers(4)],
        torched(lambda x, w, b: torch.stack([F.conv2d(x[:, t], w, b) for t in range(2)], 1))),
    "conv_lstm_th": Case("ConvLSTM2D", {
        "return_sequences": False, "go_backwards": False, "stateful": False, "nb_filter": 4, "nb_row": 3, "nb_col": 3,
        "init": "glorot_uniform", "inner_init": "orthogonal", "forget_bias_init": "one", "activation": "tanh",
        "dim_ordering": "th", "border_mode": "same", "inner_activation": "hard_sigmoid"}, (2, 3, 5, 5),
        [numbers(*shape) for _ in range(4) for shape in ((4, 3, 3, 3), (4, 4, 3, 3), (4,))], torched(conv_lstm),
        gates("icfo")),
    "prelu": Case("PReLU", {"init": "zero", "shared_axes": None}, (4,), [numbers(4)],
                  lambda x, a: np.where(x > 0, x, a * x), ("alphas",)),
    "srelu": Case("SReLU", {"t_left_init": "zero", "a_left_init": "glorot_uniform", "t_right_init": "glorot_uniform",
                            "a_right_init": "one"}, (4,), [numbers(4) for _ in range(4)], srelu,
                  ("t_left", "a_left", "t_right", "a_right")),
    "parametric_softplus": Case("ParametricSoftplus", {"alpha_init": 0.2, "beta_init": 5.0}, (4,), [numbers(4), numbers(4)],
                                lambda x, a, b: a * np.log1p(np.exp(b * x)), ("alphas", "betas")),
    "elu": plain("ELU", {"alpha": 0.7}, (4,), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    "leaky": plain("LeakyReLU", {"alpha": 0.25}, (4,), lambda x: np.where(x > 0, x, 0.25 * x)),
    "thresholded": plain("ThresholdedReLU", {"theta": 0.2}, (4,), lambda x: np.where(x > 0.2, x, 0)),
    "activation": plain("Activation", {"activation": "hard_sigmoid"}, (4,), hard_sigmoid),
    "dropout": plain("Dropout", {"p": 0.5}, (4,), lambda x: x),
    "gaussian_noise": plain("GaussianNoise", {"sigma": 0.5}, (4,), lambda x: x),
    "gaussian_dropout": plain("GaussianDropout", {"p": 0.5}, (4,), lambda x: x),
    "spatial_dropout1d": plain("SpatialDropout1D", {"p": 0.5}, (5, 4), lambda x: x),
    "spatial_dropout2d": plain("SpatialDropout2D", {"p": 0.5}, (5, 4, 3), lambda x: x),
    "flatten_th": plain("Flatten", {}, (3, 4, 5), lambda x: x.reshape(len(x), -1)),
    "reshape": plain("Reshape", {"target_shape": [4, 3]}, (12,), lambda x: x.reshape(-1, 4, 3)),
    "permute": plain("Permute", {"dims": [2, 1]}, (3, 4), lambda x: x.swapaxes(1, 2)),
    "repeat": plain("RepeatVector", {"n": 3}, (4,), lambda x: np.repeat(x[:, None], 3, 1)),
    "masking": plain("Masking", {"mask_value": 0.0}, (3, 4), lambda x: x),
    "activity": plain("ActivityRegularization", {"l1": 0.1, "l2": 0.0}, (4,), lambda x: x),
    "max_pool1d": plain("MaxPooling1D", {"stride": 2, "pool_length": 2, "border_mode": "valid"}, (6, 3),
                        lambda x: x.reshape(-1, 3, 2, 3).max(2)),
    "average_pool1d": plain("AveragePooling1D", {"stride": 2, "pool_length": 2, "border_mode": "valid"}, (6, 3),
                            lambda x: x.reshape(-1, 3, 2, 3).mean(2)),
    "max_pool2d": plain("MaxPooling2D", {"pool_size": [2, 2], "border_mode": "valid", "strides": [2, 2], "dim_ordering": "tf"},
                        (4, 6, 3), torched(pool2d)),
    "max_pool2d_th": plain("MaxPooling2D",
                           {"pool_size": [2, 2], "border_mode": "valid", "strides": [2, 2], "dim_ordering": "th"}, (3, 4, 6),
                           torched(lambda x: F.max_pool2d(x, 2))),
    "average_pool3d": plain("AveragePooling3D", {"pool_size": [2, 2, 2], "border_mode": "valid", "strides": [2, 2, 2],
                                                 "dim_ordering": "th"}, (3, 4, 4, 4), torched(lambda x: F.avg_pool3d(x, 2))),
    "global_average_th": plain("GlobalAveragePooling2D", {"dim_ordering": "th"}, (3, 4, 6), lambda x: x.mean((2, 3))),
    "global_max1d": plain("GlobalMaxPooling1D", {}, (5, 3), lambda x: x.max(1)),
    "up1d": plain("UpSampling1D", {"length": 2}, (3, 2), lambda x: np.repeat(x, 2, 1)),
    "up2d_th": plain("UpSampling2D", {"size": [2, 3], "dim_ordering": "th"}, (3, 2, 2),
                     lambda x: np.repeat(np.repeat(x, 2, 2), 3, 3)),
    "pad1d": plain("ZeroPadding1D", {"padding": 2}, (3, 2), lambda x: np.pad(x, ((0, 0), (2, 2), (0, 0)))),
    "pad1d_sides": plain("ZeroPadding1D", {"padding": [1, 2]}, (3, 2), lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0)))),
    "pad2d": plain("ZeroPadding2D", {"padding": [1, 2], "dim_ordering": "tf"}, (3, 3, 2),
                   lambda x: np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)))),
    "pad2d_four": plain("ZeroPadding2D", {"padding": [1, 0, 2, 3], "dim_ordering": "th"}, (2, 3, 3),
                        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)))),
    "pad2d_dict": plain("ZeroPadding2D", {"padding": {"top_pad": 1, "left_pad": 2}, "dim_ordering": "tf"}, (3, 3, 2),
                        lambda x: np.pad(x, ((0, 0), (1, 0), (2, 0), (0, 0)))),
    "pad3d": plain("ZeroPadding3D", {"padding": [1, 0, 2], "dim_ordering": "tf"}, (2, 2, 2, 2),
                   lambda x: np.pad(x, ((0, 0), (1, 1), (0, 0), (2, 2), (0, 0)))),
    "crop1d": plain("Cropping1D", {"cropping": [1, 2]}, (6, 2), lambda x: x[:, 1:-2]),
    "crop2d_th": plain("Cropping2D", {"cropping": [[1, 0], [0, 2]], "dim_ordering": "th"}, (2, 4, 5),
                       lambda x: x[:, :, 1:, :-2]),
}  # fmt: skip
