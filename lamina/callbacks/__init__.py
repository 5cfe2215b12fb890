"""Callbacks: what is told of each epoch and step of training, and may act on it."""

from lamina.callbacks.averages import SwapEMAWeights
from lamina.callbacks.backups import BackupAndRestore
from lamina.callbacks.checkpoints import ModelCheckpoint
from lamina.callbacks.lambda_callback import LambdaCallback
from lamina.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from lamina.callbacks.logs import CSVLogger, ProgbarLogger
from lamina.callbacks.monitoring import MonitorCallback
from lamina.callbacks.remote import RemoteMonitor
from lamina.callbacks.stopping import EarlyStopping, TerminateOnNaN
from lamina.callbacks.tensorboard import TensorBoard
from lamina.training.callback import Callback
from lamina.training.callback_list import CallbackList
from lamina.training.history import History

__all__ = [
    "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "MonitorCallback", "ProgbarLogger", "ReduceLROnPlateau",
    "RemoteMonitor", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
