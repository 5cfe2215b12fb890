"""The workloads of the race: each a model in Keras's words, the same model as a PyTorch user writes it, and its data.

The Keras builder takes the library as an argument (``lamina`` or ``keras``), so both run the same lines. Layers and
torch modules have the same names: that is how one set of weights reaches all engines.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Arrays = tuple[np.ndarray, np.ndarray]
CLASSES = 10


@dataclass(frozen=True)
class Workload:
    """A model, its data, and how it is trained.

    Arguments:
        keras: builds the model with the library that it is given; its rate of Dropout is the second argument.
        torch: builds the hand-written module, with the same rate.
        data: makes the inputs (channels last, as Keras has them) and the targets of so many rows.
        batch, steps: rows in a step, steps in an epoch.
        images: whether inputs are pictures, volumes or sequences that torch wants with their channels first.
        loss: Keras's name; the hand-written loop has the same.
        only_lamina: whether Keras 3 has no such layer.
        compared: the steps after which the losses must be the same; all, if not said.
    """

    name: str
    keras: Callable[[Any, float], Any]
    torch: Callable[[float], nn.Module]
    data: Callable[[np.random.Generator, int], Arrays]
    batch: int
    steps: int
    images: bool = False
    loss: str = "sparse_categorical_crossentropy"
    only_lamina: bool = False
    compared: int | None = None

    @property
    def metrics(self) -> list[str]:
        return ["accuracy"] if self.loss.startswith("sparse") else []

    def arrays(self) -> Arrays:
        return self.data(np.random.default_rng(0), self.batch * self.steps)


def floats(*shape: int) -> Callable[[np.random.Generator, int], Arrays]:
    """Normal numbers of this shape, with a class for each row."""

    def make(rng: np.random.Generator, rows: int) -> Arrays:
        return rng.standard_normal((rows, *shape), dtype="float32"), rng.integers(0, CLASSES, rows)

    return make


def words(length: int, vocabulary: int, shortest: int | None = None) -> Callable[[np.random.Generator, int], Arrays]:
    """Rows of word numbers; with ``shortest``, of mixed length and padded with 0 on the right."""

    def make(rng: np.random.Generator, rows: int) -> Arrays:
        x = rng.integers(1, vocabulary, (rows, length), dtype="int64")
        if shortest is not None:
            x[np.arange(length) >= rng.integers(shortest, length + 1, (rows, 1))] = 0
        return x, rng.integers(0, CLASSES, rows)

    return make


def stack(*layers: tuple[str, nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


# ---- dense -----------------------------------------------------------------------------------------------------------


def tiny_mlp(k: Any, rate: float) -> Any:
    return k.Sequential([
        k.Input((16,)),
        k.layers.Dense(32, activation="relu", name="hidden"),
        k.layers.Dense(CLASSES, activation="softmax", name="classes"),
    ])  # fmt: skip


def torch_tiny_mlp(rate: float) -> nn.Module:
    return stack(("hidden", nn.Linear(16, 32)), ("relu", nn.ReLU()), ("classes", nn.Linear(32, CLASSES)))


def mlp(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((784,)),
            k.layers.Dense(256, activation="relu", name="hidden_1"),
            k.layers.Dropout(rate),
            k.layers.Dense(128, activation="relu", name="hidden_2"),
            k.layers.Dropout(rate),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


def torch_mlp(rate: float) -> nn.Module:
    return stack(
        ("hidden_1", nn.Linear(784, 256)), ("relu_1", nn.ReLU()), ("dropout_1", nn.Dropout(rate)),
        ("hidden_2", nn.Linear(256, 128)), ("relu_2", nn.ReLU()), ("dropout_2", nn.Dropout(rate)),
        ("classes", nn.Linear(128, CLASSES)),
    )  # fmt: skip


# ---- convolutional -----------------------------------------------------------------------------------------------------


def cnn(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            k.layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_1"),
            k.layers.MaxPooling2D(2),
            k.layers.Conv2D(64, 3, padding="same", activation="relu", name="conv_2"),
            k.layers.MaxPooling2D(2),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


def torch_cnn(rate: float) -> nn.Module:
    return stack(
        ("conv_1", nn.Conv2d(1, 32, 3, padding=1)), ("relu_1", nn.ReLU()), ("pool_1", nn.MaxPool2d(2)),
        ("conv_2", nn.Conv2d(32, 64, 3, padding=1)), ("relu_2", nn.ReLU()), ("pool_2", nn.MaxPool2d(2)),
        ("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("classes", nn.Linear(64, CLASSES)),
    )  # fmt: skip


STAGES = ((16, 1), (32, 2), (64, 2))


def resnet20(k: Any, rate: float) -> Any:
    def conv_bn(x: Any, name: str, filters: int, kernel: int, strides: int = 1) -> Any:
        # With strides Keras pads unevenly where torch pads evenly: with the padding spelled out both do the same.
        if kernel > 1 and strides > 1:
            x = k.layers.ZeroPadding2D(1)(x)
        conv = {"padding": "same" if strides == 1 else "valid", "use_bias": False, "name": f"{name}_conv"}
        x = k.layers.Conv2D(filters, kernel, strides=strides, **conv)(x)
        return k.layers.BatchNormalization(name=f"{name}_bn")(x)

    inputs = k.Input((32, 32, 3))
    x = k.layers.Activation("relu")(conv_bn(inputs, "stem", 16, 3))
    for stage, (filters, first) in enumerate(STAGES):
        for block in range(3):
            strides, name = (first if block == 0 else 1), f"stage{stage}_block{block}"
            y = k.layers.Activation("relu")(conv_bn(x, f"{name}_1", filters, 3, strides))
            y = conv_bn(y, f"{name}_2", filters, 3)
            if strides > 1:
                x = conv_bn(x, f"{name}_skip", filters, 1, strides)
            x = k.layers.Activation("relu")(k.layers.Add()([x, y]))
    x = k.layers.GlobalAveragePooling2D()(x)
    return k.Model(inputs, k.layers.Dense(CLASSES, activation="softmax", name="classes")(x))


class TorchResNet20(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self._add("stem", 3, 16, 3)
        channels = 16
        for stage, (filters, first) in enumerate(STAGES):
            for block in range(3):
                strides, name = (first if block == 0 else 1), f"stage{stage}_block{block}"
                self._add(f"{name}_1", channels, filters, 3, strides)
                self._add(f"{name}_2", filters, filters, 3)
                if strides > 1:
                    self._add(f"{name}_skip", channels, filters, 1, strides)
                channels = filters
        self.classes = nn.Linear(channels, CLASSES)

    def _add(self, name: str, channels: int, filters: int, kernel: int, strides: int = 1) -> None:
        setattr(self, f"{name}_conv", nn.Conv2d(channels, filters, kernel, strides, kernel // 2, bias=False))
        setattr(self, f"{name}_bn", nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01))

    def _conv_bn(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, f"{name}_bn")(getattr(self, f"{name}_conv")(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self._conv_bn("stem", x))
        for stage in range(3):
            for block in range(3):
                name = f"stage{stage}_block{block}"
                y = self._conv_bn(f"{name}_2", F.relu(self._conv_bn(f"{name}_1", x)))
                x = F.relu((self._conv_bn(f"{name}_skip", x) if hasattr(self, f"{name}_skip_conv") else x) + y)
        return self.classes(x.mean((2, 3)))


def conv1d(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((128, 16)),
            *(k.layers.Conv1D(64, 5, padding="causal", activation="relu", name=f"conv_{i}") for i in range(3)),
            k.layers.GlobalAveragePooling1D(),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


class TorchConv1D(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.conv_0, self.conv_1, self.conv_2 = nn.Conv1d(16, 64, 5), nn.Conv1d(64, 64, 5), nn.Conv1d(64, 64, 5)
        self.classes = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in (self.conv_0, self.conv_1, self.conv_2):
            x = F.relu(conv(F.pad(x, (4, 0))))
        return self.classes(x.mean(2))


def conv3d(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((12, 12, 12, 4)),
            k.layers.Conv3D(16, 3, padding="same", activation="relu", name="conv_1"),
            k.layers.MaxPooling3D(2),
            k.layers.Conv3D(32, 3, padding="same", activation="relu", name="conv_2"),
            k.layers.GlobalAveragePooling3D(),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


def torch_conv3d(rate: float) -> nn.Module:
    return stack(
        ("conv_1", nn.Conv3d(4, 16, 3, padding=1)), ("relu_1", nn.ReLU()), ("pool", nn.MaxPool3d(2)),
        ("conv_2", nn.Conv3d(16, 32, 3, padding=1)), ("relu_2", nn.ReLU()),
        ("mean", nn.AdaptiveAvgPool3d(1)), ("flatten", nn.Flatten()), ("classes", nn.Linear(32, CLASSES)),
    )  # fmt: skip


def autoencoder(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            k.layers.Conv2D(16, 2, strides=2, activation="relu", name="down_1"),
            k.layers.Conv2D(32, 2, strides=2, activation="relu", name="down_2"),
            k.layers.Conv2DTranspose(32, 2, strides=2, activation="relu", name="up_1"),
            k.layers.Conv2DTranspose(16, 2, strides=2, activation="relu", name="up_2"),
            k.layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="picture"),
        ]
    )


def torch_autoencoder(rate: float) -> nn.Module:
    return stack(
        ("down_1", nn.Conv2d(1, 16, 2, 2)), ("relu_1", nn.ReLU()), ("down_2", nn.Conv2d(16, 32, 2, 2)),
        ("relu_2", nn.ReLU()), ("up_1", nn.ConvTranspose2d(32, 32, 2, 2)), ("relu_3", nn.ReLU()),
        ("up_2", nn.ConvTranspose2d(32, 16, 2, 2)), ("relu_4", nn.ReLU()),
        ("picture", nn.Conv2d(16, 1, 3, padding=1)), ("sigmoid", nn.Sigmoid()),
    )  # fmt: skip


def pictures_of_themselves(rng: np.random.Generator, rows: int) -> Arrays:
    x = rng.random((rows, 28, 28, 1), dtype="float32")
    return x, x


def local(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            k.layers.LocallyConnected2D(16, 3, strides=2, activation="relu", name="local"),
            k.layers.Flatten(),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


class TorchLocal(nn.Module):
    """``unfold``, then one product of matrices for each place."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.local = nn.ParameterList([nn.Parameter(torch.empty(169, 9, 16)), nn.Parameter(torch.empty(169, 16))])
        self.classes = nn.Linear(169 * 16, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, bias = self.local
        patches = F.unfold(x, 3, stride=2).permute(2, 0, 1)  # (B, 9, 169) -> (169, B, 9)
        y = F.relu(torch.bmm(patches, kernel).transpose(0, 1) + bias)  # (169, B, 16) -> (B, 169, 16)
        return self.classes(y.flatten(1))


# ---- recurrent -----------------------------------------------------------------------------------------------------------


def lstm(k: Any, rate: float) -> Any:
    return k.Sequential([
        k.Input((50, 32)),
        k.layers.LSTM(64, name="lstm"),
        k.layers.Dense(CLASSES, activation="softmax", name="classes"),
    ])  # fmt: skip


class TorchRecurrent(nn.Module):
    """The last output of a recurrent layer, classified."""

    def __init__(self, name: str, layer: nn.Module, units: int) -> None:
        super().__init__()
        self.layer_name = name
        setattr(self, name, layer)
        self.classes = nn.Linear(units, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, state = getattr(self, self.layer_name)(x)
        if getattr(self, self.layer_name).bidirectional:
            return self.classes(torch.cat([state[0], state[1]], 1))
        return self.classes(y[:, -1])


def gru(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((40, 32)),
            k.layers.Bidirectional(k.layers.GRU(48), name="gru"),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


def masked_lstm(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((80,), dtype="int32"),
            k.layers.Embedding(5000, 64, mask_zero=True, name="words"),
            k.layers.LSTM(64, name="lstm"),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


class TorchMaskedLSTM(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.words = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.classes = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(x), (x != 0).sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        _, (state, _) = self.lstm(packed)
        return self.classes(state[0])


def reset_before_gru(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((30, 32)),
            k.layers.GRU(32, reset_after=False, name="gru"),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


class TorchResetBeforeGRU(nn.Module):
    """The GRU of 2014, which torch has no kernel for: one projection of all steps, then a loop."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.gru = nn.ParameterList([nn.Parameter(torch.empty(shape)) for shape in ((32, 96), (32, 96), (96,))])
        self.classes = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, recurrent, bias = self.gru
        gates, candidate = recurrent[:, :64], recurrent[:, 64:]
        h = x.new_zeros(len(x), 32)
        for projected in (x @ kernel + bias).unbind(1):
            z, r = torch.sigmoid(projected[:, :64] + h @ gates).chunk(2, 1)
            n = torch.tanh(projected[:, 64:] + (r * h) @ candidate)
            h = z * h + (1 - z) * n
        return self.classes(h)


# ---- attention and embedding -----------------------------------------------------------------------------------------------


def attention(k: Any, rate: float) -> Any:
    inputs = k.Input((64, 64))
    x = k.layers.LayerNormalization(epsilon=1e-5, name="norm_1")(inputs)
    x = k.layers.Add()([inputs, k.layers.MultiHeadAttention(4, 16, name="attention")(x, x)])
    y = k.layers.LayerNormalization(epsilon=1e-5, name="norm_2")(x)
    y = k.layers.Dense(128, activation="relu", name="wide")(y)
    x = k.layers.Add()([x, k.layers.Dense(64, name="narrow")(y)])
    x = k.layers.GlobalAveragePooling1D()(x)
    return k.Model(inputs, k.layers.Dense(CLASSES, activation="softmax", name="classes")(x))


class TorchAttention(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(64), nn.LayerNorm(64)
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.wide, self.narrow = nn.Linear(64, 128), nn.Linear(128, 64)
        self.classes = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.narrow(F.relu(self.wide(self.norm_2(x))))
        return self.classes(x.mean(1))


def embedding(k: Any, rate: float) -> Any:
    return k.Sequential(
        [
            k.Input((50,), dtype="int32"),
            k.layers.Embedding(100_000, 32, name="words"),
            k.layers.GlobalAveragePooling1D(),
            k.layers.Dense(CLASSES, activation="softmax", name="classes"),
        ]
    )


class TorchEmbedding(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.words = nn.Embedding(100_000, 32)
        self.classes = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classes(self.words(x).mean(1))


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("MLP 16-32-10", tiny_mlp, torch_tiny_mlp, floats(16), 32, 200),
        Workload("MLP 784-256-128-10, Dropout", mlp, torch_mlp, floats(784), 128, 50),
        Workload("CNN on 28x28", cnn, torch_cnn, floats(28, 28, 1), 64, 20, images=True),
        # Rounding errors grow fast here: after eight steps the two orders of memory of torch itself part by 1e-4.
        Workload("ResNet-20 on 32x32", resnet20, TorchResNet20, floats(32, 32, 3), 32, 8, images=True, compared=4),
        Workload("causal Conv1D stack", conv1d, TorchConv1D, floats(128, 16), 32, 20, images=True),
        Workload("Conv3D stack", conv3d, torch_conv3d, floats(12, 12, 12, 4), 16, 20, images=True),
        Workload("LSTM, 50 steps", lstm, lambda rate: TorchRecurrent("lstm", nn.LSTM(32, 64, batch_first=True), 64),
                 floats(50, 32), 64, 20),
        Workload("bidirectional GRU", gru, lambda rate: TorchRecurrent(
            "gru", nn.GRU(32, 48, batch_first=True, bidirectional=True), 96), floats(40, 32), 64, 20),
        Workload("masked Embedding, LSTM", masked_lstm, TorchMaskedLSTM, words(80, 5000, shortest=5), 64, 16),
        Workload("GRU reset_after=False", reset_before_gru, TorchResetBeforeGRU, floats(30, 32), 64, 20),
        Workload("attention block", attention, TorchAttention, floats(64, 64), 32, 20),
        Workload("LocallyConnected2D", local, TorchLocal, floats(28, 28, 1), 64, 20, images=True, only_lamina=True),
        Workload("Embedding of 100,000 words", embedding, TorchEmbedding, words(50, 100_000), 64, 20),
        Workload("autoencoder, Conv2DTranspose", autoencoder, torch_autoencoder, pictures_of_themselves, 64, 20,
                 images=True, loss="mse"),
    )
}  # fmt: skip
