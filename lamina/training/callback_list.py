"""``CallbackList``: several callbacks called as one, at no cost for the hooks that none of them has."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lamina.errors import describe
from lamina.training.callback import Callback
from lamina.training.history import History

# Hooks that are called in every step; the older names are called by the defaults of the newer ones.
BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class CallbackList:
    """Callbacks as one. Which of them has which hook is looked up when the hook is first called.

    Arguments:
        callbacks: a callback, several, or ``None``.
        add_history: whether to put a :class:`History` in, unless there is one; it is ``.history``.
        add_progbar: accepted; ``fit`` draws its progress bar itself.
        model: the model to give to each.
        params: ``epochs``, ``steps``, ``verbose``, ...: given to each as ``callback.params``.

    Raises:
        TypeError: for something that is no callback.

    Source: https://keras.io/api/callbacks/
    """

    def __init__(self, callbacks: Callbacks = None, add_history: bool = False, add_progbar: bool = False, model: Any = None,
                 **params: Any) -> None:  # fmt: skip
        self.callbacks: list[Any] = list(_flat(callbacks))
        for callback in self.callbacks:
            if isinstance(callback, type) or not hasattr(callback, "set_model"):
                made = f" Did you mean {callback.__name__}()?" if isinstance(callback, type) else ""
                raise TypeError(f"callbacks must be objects of lamina.callbacks.Callback, and got {describe(callback)}."
                                f"{made}")  # fmt: skip
        if add_history and not any(isinstance(callback, History) for callback in self.callbacks):
            self.callbacks.append(History())
        self.model = model
        self.params = params
        self.validates: bool | None = None  # whether each epoch ends with validation, where that is known
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    @property
    def history(self) -> Any:
        """The :class:`History` among the callbacks, or ``None``."""
        return next((callback for callback in self.callbacks if isinstance(callback, History)), None)

    def append(self, callback: Callback) -> None:
        """One more callback."""
        self.callbacks.append(callback)
        for name in [name for name in self.__dict__ if name in HOOKS or name.startswith("has_")]:
            del self.__dict__[name]

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell every callback of ``epochs``, ``steps`` and ``verbose``."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Give every callback the model."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)
            if hasattr(type(callback), "peers"):
                callback.peers = self

    @functools.cached_property
    def has_train_batch_hooks(self) -> bool:
        """Whether a callback wants to hear of each training step."""
        return self._wants("train")

    @functools.cached_property
    def has_test_batch_hooks(self) -> bool:
        """Whether a callback wants to hear of each batch of evaluation."""
        return self._wants("test")

    @functools.cached_property
    def has_predict_batch_hooks(self) -> bool:
        """Whether a callback wants to hear of each batch of prediction."""
        return self._wants("predict")

    def _wants(self, phase: str) -> bool:
        return any(_overrides(callback, hook) for callback in self.callbacks for hook in BATCH_HOOKS[phase])

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in HOOKS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        order = _backups_later(self.callbacks) if name == "on_epoch_end" else self.callbacks
        called = [getattr(callback, name) for callback in order if _is_called(callback, name)]

        def call(*args: Any, logs: Any = None, **number: Any) -> None:  # the number of the epoch or the batch
            given = (*args, *number.values())
            *numbers, logs = given if len(given) == POSITIONS[name] and logs is None else (*given, logs)
            logs = {} if logs is None else logs
            for method in called:
                method(*numbers, logs)

        self.__dict__[name] = call
        return call

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)


Callbacks = Callback | Sequence[Callback] | CallbackList | None

# name of a hook -> the number of its arguments: (logs), or (epoch, logs), or (batch, logs)
POSITIONS = {name: len(inspect.signature(hook).parameters) - 1 for name, hook in vars(Callback).items()
             if name.startswith("on_")}  # fmt: skip
HOOKS = frozenset(POSITIONS)


def _backups_later(callbacks: list[Any]) -> list[Any]:
    """Callbacks with those that keep what others know right behind the last of these, so that it is of the same epoch."""
    last = max((place for place, one in enumerate(callbacks) if hasattr(one, "kept")), default=-1)
    late = [one for one in callbacks[: last + 1] if getattr(one, "keeps_others", False)]
    return (
        [one for one in callbacks[: last + 1] if not any(one is other for other in late)] + late + callbacks[last + 1 :]
    )


def _flat(callbacks: Any) -> Iterable[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple, CallbackList)):
        for callback in callbacks:
            yield from _flat(callback)
    else:
        yield callbacks


def _overrides(callback: Any, hook: str) -> bool:
    """Whether a callback has a hook of its own: in its class, as an attribute, or being no subclass of ours at all."""
    own = getattr(type(callback), hook, None)
    return hook in getattr(callback, "__dict__", ()) or (own is not None and own is not getattr(Callback, hook))


def _is_called(callback: Any, hook: str) -> bool:
    older = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}.get(hook)
    return _overrides(callback, hook) or (older is not None and _overrides(callback, older))
