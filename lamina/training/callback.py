"""What is called while a model trains, evaluates or predicts: the base class of all callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from lamina.models import Model

from lamina.tracebacks import Made


class Callback(Made):
    """Something that ``fit``, ``evaluate`` and ``predict`` tell what happens. A subclass overrides what it needs.

    ``self.model`` is the model; ``self.params`` holds ``epochs``, ``steps`` and ``verbose``. ``logs`` is a dict of the
    loss and the metrics so far. That of a batch is read from the device only when a callback looks into it.

    Set ``self.model.stop_training = True`` to end training after the batch.

    Source: https://keras.io/api/callbacks/base_callback/

    >>> class Tell(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs)
    >>> Tell().on_epoch_end(0, {"loss": 0.5})
    0 {'loss': 0.5}
    """

    params: dict[str, Any]

    def __init__(self) -> None:
        self._model: Any = None
        self.validation_data: Any = None
        self.params = {}

    @property
    def model(self) -> Model:
        """The model that this callback was given to."""
        return cast(Any, self.__dict__.get("_model"))  # a subclass that forgets super().__init__() has none yet

    def set_model(self, model: Any) -> None:
        """Called with the model before anything else."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called with ``epochs``, ``steps`` and ``verbose`` before anything else."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """After training, with the logs of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch; the logs of validation begin with ``val_``."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The older name of :meth:`on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """The older name of :meth:`on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training step, counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training step; the logs are means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation, and before validation in ``fit``."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of prediction; ``logs["outputs"]`` is what the model gave."""
