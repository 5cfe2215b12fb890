"""One engine on one workload, in a process of its own, as the race asks for it: ``python engines.py ENGINE WORKLOAD``.

It reads a line of JSON for each thing to do, and answers with one. Between questions it sleeps, so engines can take turns.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = ("lamina", "torch", "torch tuned", "keras torch", "keras jax", "keras tensorflow")
NAME = sys.argv[1] if __name__ == "__main__" else "lamina"
if NAME.startswith("keras"):
    os.environ["KERAS_BACKEND"] = NAME.removeprefix("keras ")
_begin = time.perf_counter()
if NAME == "lamina":
    import lamina as library
elif NAME.startswith("keras"):
    import keras as library
else:
    import torch as library
IMPORT_SECONDS = time.perf_counter() - _begin

import numpy as np  # noqa: E402
import torch  # noqa: E402
import workloads  # noqa: E402
from torch import nn  # noqa: E402

DROPOUT = 0.2
# Adam's epsilon: Keras's default; and one for the comparison of losses, in which rounding errors of tiny gradients drown.
EPSILON, EPSILON_COMPARED = 1e-7, 1e-3


def seconds(function: Callable[[], Any], times: int = 1) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - begin) / times


class KerasWords:
    """An engine that is driven in Keras's words: lamina itself, and Keras on each of its backends."""

    def __init__(self, workload: workloads.Workload) -> None:
        self.workload = workload
        self.x, self.y = workload.arrays()
        self.build(DROPOUT)

    def build(self, rate: float, epsilon: float = EPSILON) -> None:
        self.model = self.workload.keras(library, rate)
        adam = library.optimizers.Adam(epsilon=epsilon)
        self.model.compile(optimizer=adam, loss=self.workload.loss, metrics=self.workload.metrics)

    def get_weights(self) -> dict[str, list[np.ndarray]]:
        return {layer.name: layer.get_weights() for layer in self.model.layers if layer.weights}

    def set_weights(self, weights: dict[str, list[np.ndarray]]) -> None:
        for layer in self.model.layers:
            if layer.weights:
                layer.set_weights(weights[layer.name])

    def epoch(self, shuffle: bool = True, rows: int | None = None) -> float:
        x, y, batch = self.x[:rows], self.y[:rows], self.workload.batch
        history = self.model.fit(x, y, batch_size=batch, epochs=1, shuffle=shuffle, verbose=0)
        return history.history["loss"][-1]

    def call_row(self) -> Callable[[], Any]:
        row = torch.from_numpy(self.x[:1]) if "torch" in NAME or NAME == "lamina" else self.x[:1]
        if NAME.startswith("keras"):
            row = library.ops.convert_to_tensor(self.x[:1])
        if NAME in ("lamina", "keras torch"):
            return torch.inference_mode()(lambda: self.model(row))
        return lambda: np.asarray(self.model(row))

    def predict_row(self) -> Callable[[], Any]:
        return lambda: self.model.predict(self.x[:1], verbose=0)

    def predict_all(self) -> Any:
        return self.model.predict(self.x, batch_size=self.workload.batch, verbose=0)

    def save(self, path: str) -> None:
        self.model.save(path)

    def load(self, path: str) -> None:
        library.models.load_model(path)


class ByHand:
    """A loop as an experienced PyTorch user writes it: fused Adam, loss and accuracy summed on the device."""

    def __init__(self, workload: workloads.Workload) -> None:
        self.workload = workload
        x, y = workload.arrays()
        self.tuned = NAME == "torch tuned"
        self.memory = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim) if self.tuned else None
        self.x, self.y = self.tensor(x), self.tensor(y)
        is_class = bool(workload.metrics)
        self.criterion = nn.CrossEntropyLoss() if is_class else nn.MSELoss()
        # Whoever predicts gets from all engines the same: probabilities.
        self.finish: Callable[[torch.Tensor], torch.Tensor] = (
            functools.partial(torch.softmax, dim=1) if is_class else _same
        )
        self.build(DROPOUT)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        if self.workload.images and tensor.dim() > 1:
            tensor = tensor.movedim(-1, 1)
            tensor = tensor.contiguous(memory_format=self.memory) if self.memory else tensor.contiguous()
        return tensor

    def build(self, rate: float, epsilon: float = EPSILON) -> None:
        self.model = self.workload.torch(rate)
        if self.memory:
            self.model = self.model.to(memory_format=self.memory)
        for name, parameter in self.model.named_parameters():
            # Keras's LSTM has one bias; torch has two, which would learn at twice the rate.
            if "lstm.bias_hh" in name:
                parameter.requires_grad_(False)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=1e-3, eps=epsilon, fused=True)
        if epsilon != EPSILON:
            # Keras adds epsilon inside of the bias correction, torch outside: torch's must shrink with the steps.
            steps = itertools.count(1)
            group = self.optimizer.param_groups[0]
            self.optimizer.register_step_pre_hook(
                lambda *_: group.update(eps=epsilon / (1 - group["betas"][1] ** next(steps)) ** 0.5)
            )

    def set_weights(self, weights: dict[str, list[np.ndarray]]) -> None:
        for name, arrays in weights.items():
            module = getattr(self.model, name)
            tensors = [torch.from_numpy(array) for array in arrays]
            with torch.no_grad():
                for target, source in zip(_targets(module), _in_torchs_order(module, tensors), strict=True):
                    target.copy_(source.reshape(target.shape))

    def epoch(self, shuffle: bool = True, rows: int | None = None) -> float:
        model, criterion, optimizer, batch = self.model, self.criterion, self.optimizer, self.workload.batch
        rows = rows or len(self.x)
        order = torch.randperm(rows) if shuffle else torch.arange(rows)
        counts_accuracy = bool(self.workload.metrics)
        model.train()
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for begin in range(0, rows, batch):
            chosen = order[begin : begin + batch]
            inputs, labels = self.x[chosen], self.y[chosen]
            optimizer.zero_grad(set_to_none=True)
            outputs = model(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(labels)
            if counts_accuracy:
                correct += (outputs.argmax(1) == labels).sum()
        correct.item()
        return loss_sum.item() / rows

    def call_row(self) -> Callable[[], Any]:
        self.model.eval()
        row = self.x[:1].clone()
        return torch.inference_mode()(lambda: self.finish(self.model(row)))

    def predict_row(self) -> Callable[[], Any]:
        self.model.eval()
        row = self.x[:1].numpy().copy()
        return torch.inference_mode()(lambda: self.finish(self.model(torch.from_numpy(row))).numpy())

    @torch.inference_mode()
    def predict_all(self) -> Any:
        self.model.eval()
        batch = self.workload.batch
        return torch.cat([self.finish(self.model(self.x[i : i + batch])) for i in range(0, len(self.x), batch)]).numpy()

    def save(self, path: str) -> None:
        torch.save(self.model.state_dict(), path)

    def load(self, path: str) -> None:
        self.model.load_state_dict(torch.load(path, weights_only=True))


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


def _targets(module: nn.Module) -> list[torch.Tensor]:
    """A torch module's weights, in the order in which :func:`_in_torchs_order` gives their values."""
    if isinstance(module, nn.BatchNorm2d):
        return [module.weight, module.bias, module.running_mean, module.running_var]
    return list(module.parameters())


def _in_torchs_order(module: nn.Module, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """A Keras layer's weights as the torch module of the same name has them."""
    if isinstance(module, nn.LSTM):
        kernel, recurrent, bias = weights
        return [kernel.T, recurrent.T, bias, torch.zeros_like(bias)]
    if isinstance(module, nn.GRU):
        half = [_gru(*weights[i : i + 3]) for i in (0, 3)]
        return half[0] + half[1]
    if isinstance(module, nn.MultiheadAttention):
        query, query_bias, key, key_bias, value, value_bias, output, output_bias = weights
        into = torch.cat([part.reshape(64, 64).T for part in (query, key, value)])
        bias = torch.cat([part.flatten() for part in (query_bias, key_bias, value_bias)])
        return [into, bias, output.reshape(64, 64).T, output_bias]
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):  # (*S, in, out) -> (out, in, *S)
        kernel = weights[0].permute(-1, -2, *range(weights[0].dim() - 2))
        return [kernel, *weights[1:]]
    return weights


def _gru(kernel: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor) -> list[torch.Tensor]:
    """Keras's gates are z, r, n, and torch's r, z, n."""

    def gates(weight: torch.Tensor) -> torch.Tensor:
        z, r, n = weight.chunk(3, -1)
        return torch.cat([r, z, n], -1)

    return [gates(kernel).T, gates(recurrent).T, gates(bias[0]), gates(bias[1])]


class Worker:
    """What the race may ask for."""

    def __init__(self, workload: workloads.Workload) -> None:
        self.engine: Any = (ByHand if NAME.startswith("torch") else KerasWords)(workload)
        self.workload = workload

    def write_weights(self, path: str) -> None:
        np.savez(path, **{f"{layer}/{i}": array for layer, arrays in self.engine.get_weights().items()
                          for i, array in enumerate(arrays)})  # fmt: skip

    def verify(self, path: str) -> float:
        """The loss of the first steps from the weights in ``path``, rows in their order and without Dropout."""
        weights: dict[str, list[np.ndarray]] = {}
        with np.load(path) as file:
            for key in file.files:
                weights.setdefault(key.split("/")[0], []).append(file[key])
        self.engine.build(0.0, EPSILON_COMPARED)
        self.engine.set_weights(weights)
        steps = self.workload.compared or self.workload.steps
        loss = float(self.engine.epoch(shuffle=False, rows=steps * self.workload.batch))
        self.engine.build(DROPOUT)
        return loss

    def build(self) -> float:
        return statistics.median(seconds(lambda: self.engine.build(DROPOUT)) for _ in range(3)) * 1e3

    def epoch(self) -> float:
        """Milliseconds a step."""
        return seconds(self.engine.epoch) / self.workload.steps * 1e3

    def rows(self) -> dict[str, float]:
        """Microseconds of one row, two ways; rows a second of all of them."""
        found = {}
        for name, function in (("call", self.engine.call_row()), ("predict", self.engine.predict_row())):
            seconds(function, 10)
            times = max(5, min(500, int(0.1 / seconds(function, 5))))
            found[name] = seconds(function, times) * 1e6
        times = [seconds(self.engine.predict_all) for _ in range(4)]
        found["bulk"] = len(self.engine.x) / statistics.median(times[1:])
        return found

    def files(self) -> dict[str, float]:
        """Megabytes a second of saving and loading."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / ("model.pt" if NAME.startswith("torch") else "model.keras"))
            save = statistics.median(seconds(lambda: self.engine.save(path)) for _ in range(3))
            load = statistics.median(seconds(lambda: self.engine.load(path)) for _ in range(3))
            size = Path(path).stat().st_size / 1e6
        return {"save": size / save, "load": size / load, "megabytes": size}

    def memory(self) -> float:
        """The largest size that the process had, in megabytes."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def imported(self) -> float:
        return IMPORT_SECONDS


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an engine prints does not get between the answers
    worker = Worker(workloads.WORKLOADS[sys.argv[2]])
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        what, *args = json.loads(line)
        print(json.dumps(getattr(worker, what)(*args)), file=answers, flush=True)


if __name__ == "__main__":
    main()
