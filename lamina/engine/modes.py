"""Training or inferring: torch's flag of a module and of all modules inside it."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from torch import nn


def set_mode(module: nn.Module, training: bool) -> None:
    """What ``module.train(training)`` does, for a module whose author calls something else ``train``, too: a model with
    ``def train(self, epochs)``, or with ``self.train = ...``. A ``train(mode)`` as torch has it is called."""
    train = type(module).train
    if train is not nn.Module.train and _is_as_torchs(train):
        train(module, training)
        return
    module.training = training
    for child in module.children():
        set_mode(child, training)


@functools.cache
def _is_as_torchs(train: Any) -> bool:
    """Whether a class's ``train`` takes a mode, and nothing else."""
    if not callable(train):
        return False
    [_, *parameters] = inspect.signature(train).parameters.values()
    return len(parameters) == 1 and (parameters[0].name == "mode" or isinstance(parameters[0].default, bool))
