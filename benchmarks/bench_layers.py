"""Each layer against the best torch code that we could write for it by hand: forward, and forward with backward.

Run: ``python benchmarks/bench_layers.py [NAME ...]``, where a name picks the rows that contain it. All candidates of a row
run interleaved in one process; medians are compared. The ratio is lamina's time by that of the fastest candidate,
which gets its inputs in the axis and memory order that suits it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lamina import layers

ROUNDS = 15
SECONDS = 0.02  # that a candidate runs at a time


@dataclass
class Candidate:
    """One way to compute: a module or function, the inputs as it likes them, and what gradients are taken of."""

    name: str
    function: Callable[[torch.Tensor], torch.Tensor]
    inputs: torch.Tensor

    def __post_init__(self) -> None:
        self.inputs = self.inputs.detach().requires_grad_()
        parameters = list(self.function.parameters()) if isinstance(self.function, nn.Module) else []
        self.sources = [self.inputs, *parameters]

    def forward(self) -> Any:
        with torch.no_grad():
            return self.function(self.inputs)

    def both(self) -> Any:
        outputs = self.function(self.inputs)
        return torch.autograd.grad(outputs, self.sources, torch.ones_like(outputs))


@dataclass
class Row:
    """A layer, the shape of its inputs, and the rivals: functions of channels-last inputs that give candidates."""

    layer: Any
    shape: tuple[int, ...]
    rivals: Callable[[torch.Tensor], list[Candidate]]
    training: bool = False

    @property
    def name(self) -> str:
        """The layer's class, what is not default of its arguments, and the inputs' shape."""
        arguments = self.layer._arguments.items()
        given = ", ".join(
            f"{key}={type(value).__name__ if isinstance(value, nn.Module) else value}" for key, value in arguments
        )
        return f"{type(self.layer).__name__}({given}) {'x'.join(map(str, self.shape))}"

    def candidates(self) -> list[Candidate]:
        x = torch.randn(self.shape)
        self.layer.build(self.shape)
        self.layer.train(self.training)
        return [Candidate("lamina", self.layer, x), *self.rivals(x)]


def interleaved(functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median time of a call of each function, in microseconds."""
    calls, times = {}, {name: [] for name in functions}
    for name, function in functions.items():
        function()
        start = time.perf_counter()
        function()
        calls[name] = max(1, int(SECONDS / (time.perf_counter() - start)))
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                function()
            times[name].append((time.perf_counter() - start) / calls[name])
    return {name: statistics.median(values) * 1e6 for name, values in times.items()}


# ---- rivals: modules in torch's axis order, in plain and in channels-last memory -------------------------------------


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """The same numbers as ``(B, C, *S)`` in plain memory."""
    return x.movedim(-1, 1).contiguous()


def in_both_orders(make: Callable[[], Any]) -> Callable[[torch.Tensor], list[Candidate]]:
    """A torch module or function on plain memory and, where torch knows such, on channels-last memory."""

    def rivals(x: torch.Tensor) -> list[Candidate]:
        found = [Candidate("plain", make(), channels_first(x))]
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        if x.dim() in formats:
            made = make()
            made = made.to(memory_format=formats[x.dim()]) if isinstance(made, nn.Module) else made
            found.append(Candidate("channels last", made, x.movedim(-1, 1)))
        return found

    return rivals


def as_it_is(make: Callable[[], Any]) -> Callable[[torch.Tensor], list[Candidate]]:
    """A torch module or function on the layer's own inputs."""
    return lambda x: [Candidate("torch", make(), x)]


# ---- recurrent: rivals on the layer's own inputs ---------------------------------------------------------------------


class LastOutput(nn.Module):
    """The output of the last step, or of all, of torch's own recurrent layer."""

    def __init__(self, inner: nn.Module, every_step: bool = False) -> None:
        super().__init__()
        self.inner = inner
        self.every_step = every_step

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.inner(x)[0]
        return outputs if self.every_step else outputs[:, -1]


class Packed(nn.Module):
    """torch's own recurrent layer on packed sequences of these lengths."""

    def __init__(self, inner: nn.Module, lengths: torch.Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.lengths = lengths

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.inner(packed)[0], batch_first=True)[0]


class Masked(nn.Module):
    """A layer with a right-padded mask."""

    def __init__(self, layer: Any, mask: torch.Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.mask = mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(x, mask=self.mask)
        return outputs[0] if isinstance(outputs, tuple) else outputs


class GRULoop(nn.Module):
    """A GRU whose reset gate acts before the matrix product, by hand: the inputs' product for all steps at once."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(features, 3 * units)
        self.gates = nn.Linear(units, 2 * units, bias=False)
        self.candidate = nn.Linear(units, units, bias=False)
        self.units = units

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x.new_zeros(x.shape[0], self.units)
        zr_weight, n_weight = self.gates.weight.t(), self.candidate.weight.t()
        for step in self.inputs(x).unbind(1):
            x_zr, x_n = step.split([2 * self.units, self.units], -1)
            z, r = torch.addmm(x_zr, h, zr_weight).chunk(2, -1)
            n = torch.tanh(torch.addmm(x_n, torch.sigmoid(r) * h, n_weight))
            h = torch.lerp(n, h, torch.sigmoid(z))
        return h


class LSTMLoop(nn.Module):
    """An LSTM whose gates are not sigmoids, or whose state is dropped out, by hand."""

    def __init__(self, features: int, units: int, gate: Any = torch.sigmoid, dropout: float = 0.0) -> None:
        super().__init__()
        self.inputs = nn.Linear(features, 4 * units)
        self.states = nn.Linear(units, 4 * units, bias=False)
        self.units, self.gate, self.dropout = units, gate, dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = c = x.new_zeros(x.shape[0], self.units)
        weight, kept = self.states.weight.t(), F.dropout(torch.ones_like(h), self.dropout, self.dropout > 0)
        for step in self.inputs(x).unbind(1):
            i, f, g, o = torch.addmm(step, h * kept if self.dropout else h, weight).chunk(4, -1)
            c = self.gate(f) * c + self.gate(i) * torch.tanh(g)
            h = self.gate(o) * torch.tanh(c)
        return h


class ConvLSTMLoop(nn.Module):
    """A convolutional LSTM by hand, in channels-last memory: the inputs' convolution for all steps at once."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.inputs = nn.Conv2d(channels, 4 * filters, 3, padding=1).to(memory_format=torch.channels_last)
        self.states = nn.Conv2d(filters, 4 * filters, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
        self.filters = filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, height, width, _ = x.shape
        projected = self.inputs(x.flatten(0, 1).permute(0, 3, 1, 2)).unflatten(0, x.shape[:2])
        h = x.new_zeros(batch, height, width, self.filters).permute(0, 3, 1, 2)
        c = h
        for step in projected.unbind(1):
            i, f, g, o = (step + self.states(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


@dataclass
class MaskedRow(Row):
    """A recurrent layer on sequences of lengths from 1 to all steps, against packed sequences."""

    @property
    def name(self) -> str:
        """As any row's."""
        return f"masked {super().name}"

    def candidates(self) -> list[Candidate]:
        x = torch.randn(self.shape)
        lengths = torch.randint(1, x.shape[1] + 1, (x.shape[0],))
        lengths[0] = x.shape[1]
        self.layer.build(self.shape)
        inner = nn.LSTM if isinstance(self.layer, layers.LSTM) else nn.GRU
        mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
        by_hand = Packed(inner(x.shape[2], self.layer.units, batch_first=True), lengths)
        return [Candidate("lamina", Masked(self.layer, mask), x), Candidate("packed", by_hand, x)]


# ---- rows -----------------------------------------------------------------------------------------------------------


def core() -> Iterator[Row]:
    yield Row(layers.Dense(128), (128, 256), as_it_is(lambda: nn.Linear(256, 128)))
    yield Row(layers.Dense(64), (32, 100, 64), as_it_is(lambda: nn.Linear(64, 64)))
    yield Row(layers.EinsumDense("abc,cd->abd", (None, 64), bias_axes="d"), (32, 100, 64),
              as_it_is(lambda: nn.Linear(64, 64)))  # fmt: skip
    yield Row(layers.Activation("relu"), (64, 26, 26, 32), as_it_is(lambda: torch.relu))
    yield Row(layers.Flatten(), (64, 13, 13, 64), as_it_is(nn.Flatten))
    yield Row(layers.Masking(), (32, 100, 64), as_it_is(lambda: lambda x: x * (x != 0).any(-1, keepdim=True)))
    yield Row(layers.Dropout(0.5), (128, 256), as_it_is(lambda: nn.Dropout(0.5)), training=True)
    yield Row(layers.SpatialDropout2D(0.5), (64, 28, 28, 32), in_both_orders(lambda: nn.Dropout2d(0.5)), training=True)


def convolutional() -> Iterator[Row]:
    yield Row(layers.Conv2D(64, 3), (64, 28, 28, 32), in_both_orders(lambda: nn.Conv2d(32, 64, 3)))
    yield Row(
        layers.Conv2D(64, 3, padding="same"), (64, 28, 28, 32), in_both_orders(lambda: nn.Conv2d(32, 64, 3, padding=1))
    )
    yield Row(layers.Conv2D(32, 3), (64, 28, 28, 1), in_both_orders(lambda: nn.Conv2d(1, 32, 3)))
    yield Row(layers.Conv2D(64, 3, strides=2, padding="same"), (64, 28, 28, 32),
              in_both_orders(lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(32, 64, 3, 2))))  # fmt: skip
    yield Row(layers.Conv2D(64, 1), (64, 28, 28, 32), in_both_orders(lambda: nn.Conv2d(32, 64, 1)))
    yield Row(
        layers.Conv2D(64, 3, groups=64), (16, 28, 28, 64), in_both_orders(lambda: nn.Conv2d(64, 64, 3, groups=64))
    )
    yield Row(layers.Conv2D(8, 3), (1, 28, 28, 3), in_both_orders(lambda: nn.Conv2d(3, 8, 3)))
    yield Row(
        layers.Conv1D(64, 3, padding="same"), (64, 128, 32), in_both_orders(lambda: nn.Conv1d(32, 64, 3, padding=1))
    )
    yield Row(layers.Conv1D(64, 3, padding="causal"), (64, 128, 32),
              in_both_orders(lambda: nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(32, 64, 3))))  # fmt: skip
    yield Row(layers.Conv3D(32, 3, padding="same"), (4, 16, 16, 16, 16),
              in_both_orders(lambda: nn.Conv3d(16, 32, 3, padding=1)))  # fmt: skip


def pooling() -> Iterator[Row]:
    yield Row(layers.MaxPooling1D(2), (64, 128, 64), in_both_orders(lambda: nn.MaxPool1d(2)))
    yield Row(layers.MaxPooling2D(2), (64, 28, 28, 32), in_both_orders(lambda: nn.MaxPool2d(2)))
    yield Row(layers.MaxPooling2D(3, 2, "same"), (64, 28, 28, 32),
              in_both_orders(lambda: nn.MaxPool2d(3, 2, ceil_mode=True)))  # fmt: skip
    yield Row(layers.MaxPooling3D(2), (4, 16, 16, 16, 32), in_both_orders(lambda: nn.MaxPool3d(2)))
    yield Row(layers.AveragePooling1D(2), (64, 128, 64), in_both_orders(lambda: nn.AvgPool1d(2)))
    yield Row(layers.AveragePooling2D(2), (64, 28, 28, 32), in_both_orders(lambda: nn.AvgPool2d(2)))
    yield Row(layers.AveragePooling3D(2), (4, 16, 16, 16, 32), in_both_orders(lambda: nn.AvgPool3d(2)))
    yield Row(layers.GlobalAveragePooling2D(), (64, 7, 7, 64), in_both_orders(lambda: lambda x: x.mean((2, 3))))
    yield Row(layers.GlobalMaxPooling2D(), (64, 7, 7, 64), in_both_orders(lambda: lambda x: x.amax((2, 3))))
    yield Row(layers.AdaptiveAveragePooling2D(4), (16, 30, 30, 32), in_both_orders(lambda: nn.AdaptiveAvgPool2d(4)))
    yield Row(layers.AdaptiveMaxPooling3D(4), (4, 16, 16, 16, 32), in_both_orders(lambda: nn.AdaptiveMaxPool3d(4)))


def advanced_activations() -> Iterator[Row]:
    shape = (64, 26, 26, 32)
    yield Row(layers.LeakyReLU(), shape, as_it_is(lambda: nn.LeakyReLU(0.3)))
    yield Row(layers.ReLU(max_value=6.0), shape, as_it_is(nn.ReLU6))
    yield Row(layers.ELU(), shape, as_it_is(nn.ELU))
    yield Row(layers.PReLU(shared_axes=[1, 2]), shape, in_both_orders(lambda: nn.PReLU(32)))
    yield Row(layers.ThresholdedReLU(), shape, as_it_is(lambda: nn.Threshold(1.0, 0.0)))
    yield Row(layers.Softmax(), (128, 1000), as_it_is(lambda: nn.Softmax(-1)))


def separable() -> Iterator[Row]:
    yield Row(layers.Conv2DTranspose(32, 2, strides=2), (16, 14, 14, 64),
              in_both_orders(lambda: nn.ConvTranspose2d(64, 32, 2, 2)))  # fmt: skip
    yield Row(layers.Conv2DTranspose(32, 3, strides=2, padding="same"), (16, 14, 14, 64),
              in_both_orders(lambda: CutOff(nn.ConvTranspose2d(64, 32, 3, 2))))  # fmt: skip
    yield Row(layers.Conv2DTranspose(32, 4, strides=2, padding="same"), (16, 14, 14, 64),
              in_both_orders(lambda: nn.ConvTranspose2d(64, 32, 4, 2, 1)))  # fmt: skip
    yield Row(layers.Conv1DTranspose(64, 4, strides=2, padding="same"), (64, 64, 32),
              in_both_orders(lambda: nn.ConvTranspose1d(32, 64, 4, 2, 1)))  # fmt: skip
    yield Row(layers.Conv3DTranspose(16, 2, strides=2), (4, 8, 8, 8, 32),
              in_both_orders(lambda: nn.ConvTranspose3d(32, 16, 2, 2)))  # fmt: skip
    yield Row(layers.DepthwiseConv2D(3, padding="same"), (16, 28, 28, 64),
              in_both_orders(lambda: nn.Conv2d(64, 64, 3, padding=1, groups=64)))  # fmt: skip
    yield Row(layers.DepthwiseConv1D(3, padding="same"), (64, 128, 64),
              in_both_orders(lambda: nn.Conv1d(64, 64, 3, padding=1, groups=64)))  # fmt: skip
    yield Row(layers.SeparableConv2D(128, 3, padding="same"), (16, 28, 28, 64), in_both_orders(
        lambda: nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.Conv2d(64, 128, 1))))  # fmt: skip
    yield Row(layers.SeparableConv1D(64, 3, padding="same"), (64, 128, 32), in_both_orders(
        lambda: nn.Sequential(nn.Conv1d(32, 32, 3, padding=1, groups=32, bias=False), nn.Conv1d(32, 64, 1))))  # fmt: skip


class CutOff(nn.Module):
    """The last position of both axes is left out: torch alone can't pad with Keras's "same"."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)[..., :-1, :-1]


def resizing() -> Iterator[Row]:
    nearest, smooth = lambda: nn.Upsample(scale_factor=2), lambda: nn.Upsample(scale_factor=2, mode="bilinear")
    yield Row(layers.UpSampling1D(2), (64, 64, 64), in_both_orders(nearest))
    yield Row(layers.UpSampling2D(2), (32, 14, 14, 64), in_both_orders(nearest))
    yield Row(layers.UpSampling2D(2, interpolation="bilinear"), (32, 14, 14, 64), in_both_orders(smooth))
    yield Row(layers.UpSampling2D(2, interpolation="bicubic"), (8, 14, 14, 32),
              in_both_orders(lambda: lambda x: F.interpolate(x, None, 2, "bicubic", antialias=True)))  # fmt: skip
    yield Row(layers.UpSampling3D(2), (4, 8, 8, 8, 32), in_both_orders(nearest))
    yield Row(layers.ZeroPadding1D(1), (64, 128, 64), in_both_orders(lambda: nn.ConstantPad1d(1, 0.0)))
    yield Row(layers.ZeroPadding2D(1), (32, 28, 28, 32), in_both_orders(lambda: nn.ZeroPad2d(1)))
    yield Row(layers.ZeroPadding3D(1), (4, 16, 16, 16, 32), in_both_orders(lambda: nn.ConstantPad3d(1, 0.0)))
    yield Row(layers.Cropping2D(1), (32, 28, 28, 32), as_it_is(lambda: lambda x: x[:, 1:-1, 1:-1]))


class Unfolded(nn.Module):
    """Windows side by side by torch's own unfold, then one batched matrix product: inputs are images in torch's order."""

    def __init__(self, places: int, window: int, filters: int, size: Any) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(places, window, filters))
        self.bias = nn.Parameter(torch.zeros(places, 1, filters))
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        windows = F.unfold(x, self.size).permute(2, 0, 1)  # (B, window, places) -> (places, B, window)
        return torch.baddbmm(self.bias, windows, self.kernel).transpose(0, 1)


class Windows(Unfolded):
    """The same with views of steps, whose channels are last, in place of torch's unfold."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        windows = x.flatten(1).unfold(1, self.size * x.shape[2], x.shape[2]).transpose(0, 1)
        return torch.baddbmm(self.bias, windows, self.kernel).transpose(0, 1)


def local() -> Iterator[Row]:
    yield Row(layers.LocallyConnected1D(16, 3), (64, 64, 32), lambda x: [
        Candidate("unfold", Unfolded(62, 96, 16, (1, 3)), channels_first(x).unsqueeze(2)),
        Candidate("views", Windows(62, 96, 16, 3), x)])  # fmt: skip
    yield Row(layers.LocallyConnected2D(16, 3), (32, 14, 14, 16), lambda x: [
        Candidate("unfold", Unfolded(144, 144, 16, 3), channels_first(x)),
        Candidate("channels last", Unfolded(144, 144, 16, 3), x.movedim(-1, 1))])  # fmt: skip


def recurrent() -> Iterator[Row]:
    every = {"return_sequences": True}
    for shape, units in (((32, 100, 64), 128), ((8, 20, 16), 32), ((1, 50, 64), 64)):
        features = shape[-1]
        for ours, theirs in ((layers.LSTM, nn.LSTM), (layers.GRU, nn.GRU), (layers.SimpleRNN, nn.RNN)):
            yield Row(ours(units), shape, as_it_is(
                lambda theirs=theirs, f=features, u=units: LastOutput(theirs(f, u, batch_first=True))))  # fmt: skip
    shape = (32, 100, 64)
    yield Row(layers.Bidirectional(layers.LSTM(128, **every)), shape,
              as_it_is(lambda: LastOutput(nn.LSTM(64, 128, batch_first=True, bidirectional=True), True)))  # fmt: skip
    yield Row(layers.GRU(128, reset_after=False), shape, as_it_is(lambda: GRULoop(64, 128)))
    yield Row(layers.LSTM(128, recurrent_activation="hard_sigmoid"), shape,
              as_it_is(lambda: LSTMLoop(64, 128, F.hardsigmoid)))  # fmt: skip
    yield Row(layers.LSTM(128, recurrent_dropout=0.2), shape, as_it_is(lambda: LSTMLoop(64, 128, dropout=0.2)), True)
    yield Row(layers.ConvLSTM2D(16, 3, padding="same"), (4, 8, 16, 16, 8), as_it_is(lambda: ConvLSTMLoop(8, 16)))
    yield Row(layers.TimeDistributed(layers.Dense(64)), shape, as_it_is(lambda: nn.Linear(64, 64)))
    for ours in (layers.LSTM, layers.GRU):
        yield MaskedRow(ours(128, **every), shape, as_it_is(nn.Identity))
    yield MaskedRow(layers.LSTM(128, return_state=True, **every), shape, as_it_is(nn.Identity))


def normalization() -> Iterator[Row]:
    norm = {"eps": 1e-3, "momentum": 0.01}
    for training in (True, False):
        yield Row(
            layers.BatchNormalization(), (64, 28, 28, 32), in_both_orders(lambda: nn.BatchNorm2d(32, **norm)), training
        )
        yield Row(layers.BatchNormalization(), (256, 128), as_it_is(lambda: nn.BatchNorm1d(128, **norm)), training)
    yield Row(layers.BatchNormalization(axis=1), (32, 32, 28, 28), as_it_is(lambda: nn.BatchNorm2d(32, **norm)), True)
    yield Row(layers.BatchNormalization(), (64, 100, 64), in_both_orders(lambda: nn.BatchNorm1d(64, **norm)), True)
    yield Row(
        layers.BatchNormalization(), (4, 16, 16, 16, 32), in_both_orders(lambda: nn.BatchNorm3d(32, **norm)), True
    )
    yield Row(layers.LayerNormalization(), (32, 100, 64), as_it_is(lambda: nn.LayerNorm(64, 1e-3)))
    yield Row(layers.LayerNormalization(axis=1), (32, 100, 64), in_both_orders(lambda: nn.LayerNorm(100, 1e-3)))
    yield Row(layers.RMSNormalization(), (32, 100, 64), as_it_is(lambda: nn.RMSNorm(64, 1e-6)))
    yield Row(layers.UnitNormalization(), (32, 100, 64), as_it_is(lambda: lambda x: nn.functional.normalize(x, dim=-1)))
    yield Row(layers.GroupNormalization(8), (64, 100, 64), in_both_orders(lambda: nn.GroupNorm(8, 64, 1e-3)))
    yield Row(layers.GroupNormalization(8), (32, 28, 28, 32), in_both_orders(lambda: nn.GroupNorm(8, 32, 1e-3)))
    yield Row(layers.GroupNormalization(8, axis=1), (32, 32, 28, 28), as_it_is(lambda: nn.GroupNorm(8, 32, 1e-3)))


class OnItself(nn.Module):
    """A layer of attention that is called on one tensor as query and as value.

    Arguments:
        layer: the layer.
        takes_list: whether it wants them in a list.
    """

    def __init__(self, layer: Any, takes_list: bool = False) -> None:
        super().__init__()
        self.layer, self.takes_list = layer, takes_list
        self._arguments = {"layer": layer, **layer._arguments}

    def build(self, shape: tuple[int, ...]) -> None:
        self(torch.zeros(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer([x, x]) if self.takes_list else self.layer(x, x)


class HeadsByHand(nn.Module):
    """Multi-head attention as one writes it in torch: four linear layers and torch's kernel."""

    def __init__(self, features: int, heads: int, key_heads: int, size: int) -> None:
        super().__init__()
        self.size, self.grouped = size, heads != key_heads
        self.query = nn.Linear(features, heads * size)
        self.key, self.value = (nn.Linear(features, key_heads * size) for _ in range(2))
        self.output = nn.Linear(heads * size, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            dense(x).unflatten(-1, (-1, self.size)).transpose(1, 2) for dense in (self.query, self.key, self.value)
        )
        heads = nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=self.grouped)
        return self.output(heads.transpose(1, 2).flatten(2))


def products(x: torch.Tensor) -> torch.Tensor:
    """Attention of a tensor on itself, as products."""
    return torch.softmax(x @ x.transpose(1, 2), -1) @ x


def sums(x: torch.Tensor) -> torch.Tensor:
    """Attention of a tensor on itself, as sums."""
    return torch.softmax(torch.tanh(x.unsqueeze(2) + x.unsqueeze(1)).sum(-1), -1) @ x


def attention() -> Iterator[Row]:
    yield Row(OnItself(layers.MultiHeadAttention(8, 32)), (8, 128, 256), as_it_is(lambda: HeadsByHand(256, 8, 8, 32)))
    yield Row(OnItself(layers.MultiHeadAttention(4, 16)), (32, 32, 64), as_it_is(lambda: HeadsByHand(64, 4, 4, 16)))
    yield Row(OnItself(layers.GroupedQueryAttention(32, 8, 2)), (8, 128, 256),
              as_it_is(lambda: HeadsByHand(256, 8, 2, 32)))  # fmt: skip
    yield Row(OnItself(layers.Attention(), True), (32, 64, 64), as_it_is(lambda: products), training=True)
    yield Row(OnItself(layers.AdditiveAttention(use_scale=False), True), (32, 32, 64), as_it_is(lambda: sums))


FAMILIES = (
    core,
    convolutional,
    pooling,
    advanced_activations,
    separable,
    resizing,
    local,
    recurrent,
    normalization,
    attention,
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only rows whose name contains one of these")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"torch {torch.__version__}, {arguments.threads} threads; microseconds, and lamina's time by the best rival's"
    )
    print(f"{'':66} {'forward':>24} {'forward and backward':>24}")
    for row in (row for family in FAMILIES for row in family()):
        if arguments.names and not any(name.lower() in row.name.lower() for name in arguments.names):
            continue
        candidates = row.candidates()
        cells = []
        for pass_ in ("forward", "both"):
            times = interleaved({one.name: getattr(one, pass_) for one in candidates})
            ours, best = times.pop("lamina"), min(times.values())
            cells.append(f"{ours:9.1f} {best:9.1f} {ours / best:5.2f}")
        print(f"{row.name:66} {cells[0]} {cells[1]}", flush=True)


if __name__ == "__main__":
    main()
