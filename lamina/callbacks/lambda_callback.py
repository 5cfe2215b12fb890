"""``LambdaCallback``: a callback from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.errors import describe, did_you_mean
from lamina.training.callback import Callback
from lamina.training.callback_list import HOOKS


class LambdaCallback(Callback):
    """A callback from functions, one for each hook.

    Arguments:
        hooks: ``on_epoch_end=function`` and so on, for any hook of :class:`Callback`. Those of epochs and batches take
            ``(number, logs)``, the others ``(logs)``.

    Raises:
        TypeError: for a hook that does not exist, or that is not a function.

    Source: https://keras.io/api/callbacks/lambda_callback/

    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        super().__init__()
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback: there is no hook {name!r}.{did_you_mean(name, sorted(HOOKS))}")
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, and got {describe(function)}.")
            if function is not None:
                self.__dict__[name] = function
