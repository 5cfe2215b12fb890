"""``TensorBoard``: curves, weights and the model's code as files that TensorBoard shows."""

from __future__ import annotations

import os
import warnings
from time import perf_counter
from typing import Any

from lamina.training.callback import Callback
from lamina.training.progress import is_number


class TensorBoard(Callback):
    """Write what TensorBoard shows; it needs the package ``tensorboard``. Look at it with
    ``tensorboard --logdir LOG_DIR``.

    Tags and folders are Keras's: ``epoch_loss``, ``epoch_accuracy``, ... under ``train`` and ``validation``.

    Arguments:
        log_dir: the folder.
        histogram_freq: every so many epochs, histograms of all weights; 0 for none.
        write_graph: write the model's generated code as text.
        write_steps_per_second: also how fast training runs.
        update_freq: ``"epoch"``, ``"batch"``, or a number of batches, after which the loss and metrics are written.
        write_images, profile_batch, embeddings_freq, embeddings_metadata: not supported; a warning says so.

    Raises:
        ImportError: when ``tensorboard`` is not installed.

    Source: https://keras.io/api/callbacks/tensorboard/
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
        **older: Any,
    ) -> None:
        super().__init__()
        unsupported = {"write_images": write_images, "profile_batch": profile_batch, "embeddings_freq": embeddings_freq,
                       "embeddings_metadata": embeddings_metadata, **older}  # fmt: skip
        for name, value in unsupported.items():
            if value:
                warnings.warn(f"TensorBoard: {name}={value!r} has no effect in lamina.", stacklevel=2)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._make_writer = _writer_class()
        self._writers: dict[str, Any] = {}
        self._steps = self._steps_at_epoch = 0
        self._began = 0.0
        if self.update_freq != "epoch" or write_steps_per_second:  # only then is there something to do after each batch
            self.on_train_batch_end = self._after_batch

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            self._writers[name] = self._make_writer(os.path.join(self.log_dir, name))
        return self._writers[name]

    def on_train_begin(self, logs: Any = None) -> None:
        self._steps = 0
        if self.write_graph:
            try:
                code = self.model.code
            except (AttributeError, ValueError):  # a model that its author wrote, or one that is not built, has none
                return
            self._writer("train").add_text("keras", f"```python\n{code}\n```", 0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._steps_at_epoch, self._began = self._steps, perf_counter()

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        self._steps += 1
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
                self._writer("train").add_histogram(name.replace(".", "/"), weight.detach().float().cpu(), epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write(self, name: str, numbers: dict[str, Any], step: int) -> None:
        for tag, value in numbers.items():
            if is_number(value):
                self._writer(name).add_scalar(tag, float(value), step)

    def on_train_end(self, logs: Any = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ImportError("The TensorBoard callback needs tensorboard: pip install 'lamina[tensorboard]'.") from None
    return SummaryWriter
