"""Training or inferring: torch's flag of a module and of all modules inside it."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
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


@contextlib.contextmanager
def in_mode(layer: nn.Module, training: bool | None) -> Iterator[None]:
    """Inside, ``layer`` trains or infers; afterwards each module in it is as it was."""
    if training is None or bool(training) == layer.training:
        yield
        return
    before = [(module, module.training) for module in layer.modules()]
    set_mode(layer, bool(training))
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


_phase: int | None = None
# Which arguments make a layer compute otherwise in training.
NOISES = ("rate", "stddev", "dropout", "recurrent_dropout")


def fixed_phase() -> int | None:
    """The mode that ``K.set_learning_phase`` gives to whatever is called from then on without data: 0, 1, or ``None``."""
    return _phase


def fix_phase(value: int | None) -> None:
    """What ``K.set_learning_phase`` does."""
    global _phase
    _phase = value


def in_fixed_phase(layer: nn.Module, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call without data, with the mode that ``K.set_learning_phase`` gives to it for good."""
    if _phase is None or "training" in kwargs:
        return kwargs
    minds = "training" in getattr(layer, "_call_arguments", ()) or any(
        getattr(part, "moved_in_training", ()) or any(getattr(part, name, 0) for name in NOISES)
        for part in layer.modules()
    )
    return {**kwargs, "training": bool(_phase)} if minds else kwargs


def for_authors(call: Callable[..., Any], after: str) -> Callable[..., Any]:
    """``call`` of a layer of lamina's as an author's subclass calls it in Keras's words: ``super().call(x, training=False)``.

    lamina's layers know their mode and need not be told; torch and generated code run ``forward``, which is ``call`` itself.

    Arguments:
        after: the argument after which Keras has ``training``; ``""`` is the last one.
    """
    parameters = list(inspect.signature(call).parameters.values())[1:]
    names = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if "training" in names or any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return call
    place = names.index(after) + 1 if after in names else len(names)
    order = [*names[:place], "training", *names[place:]]

    @functools.wraps(call)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(order) or (len(args) <= place and "training" not in kwargs):
            return call(self, *args, **kwargs)
        given = {**dict(zip(order, args, strict=False)), **kwargs}
        training = given.pop("training")
        if training is None or bool(training) is self.training:
            return call(self, **given)
        with in_mode(self, training):
            return call(self, **given)

    return called
