"""``LambdaCallback``: a callback from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

from lamina.errors import describe, did_you_mean
from lamina.training.callback import Callback
from lamina.training.callback_list import HOOKS

NumberHook = Callable[[int, Any], Any] | None
LogsHook = Callable[[Any], Any] | None


class OtherHooks(TypedDict, total=False):
    """The hooks that Keras's ``LambdaCallback`` does not name."""

    on_batch_begin: NumberHook
    on_batch_end: NumberHook
    on_test_begin: LogsHook
    on_test_end: LogsHook
    on_test_batch_begin: NumberHook
    on_test_batch_end: NumberHook
    on_predict_begin: LogsHook
    on_predict_end: LogsHook
    on_predict_batch_begin: NumberHook
    on_predict_batch_end: NumberHook


class LambdaCallback(Callback):
    """A callback from functions, one for each hook.

    Arguments:
        on_epoch_begin, on_epoch_end, on_train_batch_begin, on_train_batch_end: functions of ``(number, logs)``.
        on_train_begin, on_train_end: functions of ``(logs)``.
        hooks: a function for any other hook of :class:`Callback`, ``on_test_end=function`` and so on.

    Raises:
        TypeError: for a hook that does not exist, or that is not a function.

    Source: https://keras.io/api/callbacks/lambda_callback/

    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: NumberHook = None,
        on_epoch_end: NumberHook = None,
        on_train_begin: LogsHook = None,
        on_train_end: LogsHook = None,
        on_train_batch_begin: NumberHook = None,
        on_train_batch_end: NumberHook = None,
        **hooks: Unpack[OtherHooks],
    ) -> None:
        super().__init__()
        given = {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end, "on_train_begin": on_train_begin,
                 "on_train_end": on_train_end, "on_train_batch_begin": on_train_batch_begin,
                 "on_train_batch_end": on_train_batch_end, **hooks}  # fmt: skip
        for name, function in given.items():
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback: there is no hook {name!r}.{did_you_mean(name, sorted(HOOKS))}")
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, and got {describe(function)}.")
            if function is not None:
                self.__dict__[name] = function
