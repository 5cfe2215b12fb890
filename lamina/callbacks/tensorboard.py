"""``TensorBoard``: curves, weights and the model's code as files that TensorBoard shows."""

from __future__ import annotations

import inspect
import os
import sys
import types
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypedDict, Unpack

import torch

from lamina.errors import did_you_mean
from lamina.layers.embeddings import Embedding
from lamina.training.callback import Callback
from lamina.training.progress import is_number


class Older(TypedDict, total=False):
    """What Keras 1 and 2 told TensorFlow besides."""

    batch_size: int | None
    write_grads: bool
    embeddings_layer_names: Sequence[str] | None
    embeddings_data: Any


class TensorBoard(Callback):
    """Write what TensorBoard shows; it needs the package ``tensorboard``. Look at it with
    ``tensorboard --logdir LOG_DIR``.

    Tags and folders are Keras's: ``epoch_loss``, ``epoch_accuracy``, ... under ``train`` and ``validation``.

    Arguments:
        log_dir: the folder.
        histogram_freq: every so many epochs, histograms of all weights; 0 for none.
        write_graph: write the model's generated code as text.
        write_images: whether to write the weights as pictures, too, where they have up to three axes longer than 1.
        write_steps_per_second: also how fast training runs.
        update_freq: ``"epoch"``, ``"batch"``, or a number of batches, after which the loss and metrics are written.
        profile_batch: a batch, or the first and the last of several, ``(2, 5)`` or ``"2,5"``, counted from 1: torch's
            profiler watches them, and its trace lies under ``train``. 0 for none.
        embeddings_freq: every so many epochs, the vectors of all ``Embedding`` layers, for the projector; 0 for none.
        embeddings_metadata: a file with a line for each vector, or a dict of such files by the names of layers.

    Raises:
        ImportError: when training begins and ``tensorboard`` is not installed.
        ValueError: for another ``profile_batch``; when training begins and a name or file of ``embeddings_metadata`` is
            not there.

    Source: https://keras.io/api/callbacks/tensorboard/
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | Literal["epoch", "batch"] = "epoch",
        profile_batch: int | str | Sequence[int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
        **older: Unpack[Older],
    ) -> None:
        super().__init__()
        for name, value in older.items():
            known = inspect.signature(TensorBoard).parameters
            if name not in Older.__annotations__:
                raise TypeError(f"TensorBoard got an unknown argument {name!r}.{did_you_mean(name, known)}")
            if value:
                warnings.warn(f"TensorBoard: {name}={value!r} has no effect in lamina.", stacklevel=2)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: Any = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._profiled = _first_and_last(profile_batch)
        self._profiler: Any = None
        self._labels: dict[str, list[str]] = {}
        self._writers: dict[str, Any] = {}
        self._steps = self._steps_at_epoch = 0
        self._began = 0.0
        # Only then is there something to do before or after each batch.
        if self._profiled:
            self.on_train_batch_begin = self._before_batch
        if self.update_freq != "epoch" or write_steps_per_second or self._profiled:
            self.on_train_batch_end = self._after_batch

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            self._writers[name] = _writer_class()(os.path.join(self.log_dir, name))
        return self._writers[name]

    def on_train_begin(self, logs: Any = None) -> None:
        self._steps = 0
        self._writer("train")  # what is missing is said now, and not after an epoch
        self._labels = self._read_labels() if self.embeddings_freq else {}
        if self.write_graph:
            try:
                code = self.model.code
            except (AttributeError, ValueError):  # a model that its author wrote, or one that is not built, has none
                return
            self._writer("train").add_text("keras", f"```python\n{code}\n```", 0)

    def _read_labels(self) -> dict[str, list[str]]:
        """What the vectors of each embedding are called, as far as somebody said so."""
        given: Any = self.embeddings_metadata or {}
        names = [layer.name for layer in self._embeddings()]
        files: dict[str, Any] = given if isinstance(given, dict) else dict.fromkeys(names, given)
        labels: dict[str, list[str]] = {}
        for name, file in files.items():
            if name not in names:
                raise ValueError(f"embeddings_metadata names {name!r}, which is no Embedding layer of the model."
                                 f"{did_you_mean(name, names)}")  # fmt: skip
            path = next((path for path in (Path(file), Path(self.log_dir, file)) if path.is_file()), None)
            if path is None:
                raise ValueError(
                    f"embeddings_metadata of {name!r} names the file {os.fspath(file)!r}, which is not there."
                )
            labels[name] = path.read_text(encoding="utf-8").splitlines()
        return labels

    def _embeddings(self) -> list[Any]:
        return [layer for layer in self.model.modules() if isinstance(layer, Embedding)]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._steps_at_epoch, self._began = self._steps, perf_counter()

    def _before_batch(self, batch: int, logs: Any = None) -> None:
        if self._profiled and self._steps + 1 == self._profiled[0]:
            where = os.path.join(self.log_dir, "train")
            self._profiler = torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(where))
            self._profiler.start()

    def _stop_profiler(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        self._steps += 1
        if self._profiled and self._steps >= self._profiled[1]:
            self._stop_profiler()
        if self.update_freq != "epoch" and self._steps % self.update_freq == 0:
            self._write("train", {f"batch_{name}": value for name, value in (logs or {}).items()}, self._steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = dict(logs or {})
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            logs["learning_rate"] = float(rate)
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        if self.write_steps_per_second:
            seconds = max(perf_counter() - self._began, 1e-9)
            train["epoch_steps_per_second"] = (self._steps - self._steps_at_epoch) / seconds
        self._write("train", train, epoch)
        validation = {f"epoch_{name[4:]}": value for name, value in logs.items() if name.startswith("val_")}
        if validation:
            self._write("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for name, weight in self.model.state_dict().items():
                numbers, tag = weight.detach().float().cpu(), name.replace(".", "/")
                self._writer("train").add_histogram(tag, numbers, epoch)
                picture = _as_pictures(numbers) if self.write_images else None
                if picture is not None:
                    self._writer("train").add_images(f"{tag}/image", picture, epoch, dataformats="NHWC")
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            for layer in self._embeddings():
                self._writer("train").add_embedding(layer.embeddings.detach().float().cpu(), tag=layer.name, global_step=epoch,
                                                    metadata=self._labels.get(layer.name))  # fmt: skip
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Any = None) -> None:
        step = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        if step is not None:
            numbers = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._write("validation", numbers, int(step))
            if self._steps == 0 and "train" not in self._writers:  # evaluate(), after which nobody ends the training
                self._close()

    def _write(self, name: str, numbers: dict[str, Any], step: int) -> None:
        for tag, value in numbers.items():
            if is_number(value):
                self._writer(name).add_scalar(tag, float(value), step)

    def on_train_end(self, logs: Any = None) -> None:
        self._stop_profiler()
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _first_and_last(profile_batch: Any) -> tuple[int, int] | None:
    """The batches to watch, counted from 1; ``None`` for none."""
    given = profile_batch.split(",") if isinstance(profile_batch, str) else profile_batch
    try:
        batches = [int(batch) for batch in (given if isinstance(given, (list, tuple)) else [given])]
    except (TypeError, ValueError):
        batches = []
    if not 1 <= len(batches) <= 2 or batches[0] < 0 or batches[-1] < batches[0]:
        raise ValueError(f"profile_batch must be a batch or the first and last of several, as in (2, 5), and got "
                         f"{profile_batch!r}.")  # fmt: skip
    return (batches[0], batches[-1]) if batches[-1] > 0 else None


def _as_pictures(weight: torch.Tensor) -> torch.Tensor | None:
    """A weight as pictures of one colour, as Keras lays them out; ``None`` where it has too many axes."""
    weight = weight.squeeze()
    if weight.ndim == 1:
        pictures = weight[None, :, None]
    elif weight.ndim == 2:
        pictures = (weight.T if weight.shape[0] > weight.shape[1] else weight)[None]
    elif weight.ndim == 3:
        pictures = weight.permute(2, 0, 1)
    else:
        return None
    low, high = pictures.min(), pictures.max()
    return ((pictures - low) / (high - low).clamp_min(1e-12))[..., None]


def _writer_class() -> Any:
    if not hasattr(sys.modules.get("tensorflow"), "io"):
        # tensorboard asks for this module, and takes its own small TensorFlow where it finds it: a real one takes seconds
        # to load, and what as_keras() calls tensorflow has no files.
        sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ImportError("The TensorBoard callback needs tensorboard: pip install 'lamina[tensorboard]'.") from None
    return SummaryWriter
