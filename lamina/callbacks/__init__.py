"""Callbacks: what is told of each epoch and step, and may act on it."""

from lamina.callbacks.base import Callback as Callback
from lamina.callbacks.base import CallbackList as CallbackList
from lamina.training.history import History as History
