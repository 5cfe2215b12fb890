"""Callbacks: what is told of each epoch and step of training, and may act on it."""

from lamina.callbacks.averages import SwapEMAWeights as SwapEMAWeights
from lamina.callbacks.checkpoints import BackupAndRestore as BackupAndRestore
from lamina.callbacks.checkpoints import ModelCheckpoint as ModelCheckpoint
from lamina.callbacks.lambda_callback import LambdaCallback as LambdaCallback
from lamina.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
from lamina.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from lamina.callbacks.logs import CSVLogger as CSVLogger
from lamina.callbacks.logs import ProgbarLogger as ProgbarLogger
from lamina.callbacks.monitoring import MonitorCallback as MonitorCallback
from lamina.callbacks.remote import RemoteMonitor as RemoteMonitor
from lamina.callbacks.stopping import EarlyStopping as EarlyStopping
from lamina.callbacks.stopping import TerminateOnNaN as TerminateOnNaN
from lamina.callbacks.tensorboard import TensorBoard as TensorBoard
from lamina.training.callback import Callback as Callback
from lamina.training.callback_list import CallbackList as CallbackList
from lamina.training.history import History as History
