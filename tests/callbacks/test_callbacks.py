"""The protocol: which hooks are called, in what order, and that hooks nobody has cost nothing."""

import inspect
import sys
import time

import keras
import pytest

from lamina.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    TerminateOnNaN,
)
from lamina.callbacks.monitoring import say


class Recorder(Callback):
    """Notes every hook but the older names, which the newer ones call."""

    def __init__(self, name, into):
        super().__init__()
        for hook in [hook for hook in dir(Callback) if hook.startswith("on_") and "on_batch" not in hook]:
            setattr(self, hook, lambda *args, hook=hook: into.append((name, hook, *args)))


def test_hooks_are_those_of_keras():
    ours = {name for name in vars(Callback) if name.startswith(("on_", "set_"))}
    theirs = {name for name in vars(keras.callbacks.Callback) if name.startswith(("on_", "set_"))}
    assert ours == theirs
    for name in ours:
        assert list(inspect.signature(getattr(Callback, name)).parameters) == list(
            inspect.signature(getattr(keras.callbacks.Callback, name)).parameters
        )


def test_a_list_calls_each_in_order_with_its_logs():
    seen: list[tuple] = []
    hooks = CallbackList([Recorder("a", seen), Recorder("b", seen)], model="model", epochs=2, steps=1, verbose=0)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_begin(0)
    hooks.on_train_batch_end(0, {"loss": 1.0})
    hooks.on_epoch_end(0, {"loss": 2.0})
    hooks.on_train_end({"loss": 2.0})
    assert seen[::2] == [
        ("a", "on_train_begin", {}),
        ("a", "on_epoch_begin", 0, {}),
        ("a", "on_train_batch_begin", 0, {}),
        ("a", "on_train_batch_end", 0, {"loss": 1.0}),
        ("a", "on_epoch_end", 0, {"loss": 2.0}),
        ("a", "on_train_end", {"loss": 2.0}),
    ]
    assert [call[1:] for call in seen[1::2]] == [call[1:] for call in seen[::2]]
    assert all(callback.model == "model" for callback in hooks)
    assert all(callback.params == {"epochs": 2, "steps": 1, "verbose": 0} for callback in hooks)


def test_later_callbacks_and_the_caller_see_what_earlier_ones_add_to_the_logs():
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["more"] = 1.0

    hooks = CallbackList([Adds()], add_history=True)
    logs = {"loss": 0.5}
    hooks.on_epoch_end(0, logs)
    assert logs == {"loss": 0.5, "more": 1.0}
    assert hooks.history.history == {"loss": [0.5], "more": [1.0]}


def test_history_is_added_once():
    mine = History()
    assert CallbackList([mine], add_history=True).callbacks == [mine]
    assert CallbackList([mine], add_history=True).history is mine
    assert isinstance(CallbackList(add_history=True).history, History)
    assert CallbackList().history is None


class OldEnd(Callback):
    def on_batch_end(self, batch, logs=None):
        self.seen = batch


class NewBegin(Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.seen = batch


class TestEnd(Callback):
    __test__ = False

    def on_test_batch_end(self, batch, logs=None):
        self.seen = batch


@pytest.mark.parametrize(
    ("callback", "train", "test"),
    [
        (Callback(), False, False),
        (EarlyStopping(), False, False),
        (ModelCheckpoint("a.keras"), False, False),
        (ModelCheckpoint("a.keras", save_freq=5), True, False),
        (TerminateOnNaN(), True, False),
        (OldEnd(), True, False),
        (NewBegin(), True, False),
        (TestEnd(), False, True),
        (LambdaCallback(on_train_batch_end=print), True, False),
        (LambdaCallback(on_epoch_end=print), False, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_batch_hooks_are_known_beforehand(callback, train, test):
    hooks = CallbackList([callback], add_history=True)
    assert (hooks.has_train_batch_hooks, hooks.has_test_batch_hooks) == (train, test)
    assert hooks.has_predict_batch_hooks is False


def test_the_older_name_of_a_batch_hook_is_called():
    callback = OldEnd()
    CallbackList([callback]).on_train_batch_end(7, {})
    assert callback.seen == 7


def test_a_hook_that_nobody_has_costs_next_to_nothing():
    hooks = CallbackList([EarlyStopping(), History()])
    hooks.on_predict_batch_end(0, {})
    start = time.perf_counter()
    for batch in range(10_000):
        hooks.on_predict_batch_end(batch, {})
    assert (time.perf_counter() - start) / 10_000 < 5e-6


def test_logs_are_handed_on_unread():
    class Unread(dict):
        def __bool__(self):
            raise AssertionError("read")

        __len__ = __iter__ = __getitem__ = __bool__

    seen = []
    hooks = CallbackList([LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs))])
    logs = Unread()
    hooks.on_train_batch_end(0, logs)
    assert seen[0] is logs


def test_callbacks_are_flattened_and_appended():
    first, second, third = Callback(), Callback(), OldEnd()
    hooks = CallbackList([first, [second]])
    assert not hooks.has_train_batch_hooks
    hooks.append(third)
    assert hooks.has_train_batch_hooks
    hooks.on_train_batch_end(3)
    assert list(hooks) == [first, second, third]
    assert third.seen == 3
    assert list(CallbackList(first)) == [first]


def test_a_callback_without_super_init_works():
    class Forgetful(Callback):
        def __init__(self):
            self.count = 0

        def on_epoch_end(self, epoch, logs=None):
            self.count += 1

    callback = Forgetful()
    assert callback.model is None
    CallbackList([callback], model="m").on_epoch_end(0, {})
    assert (callback.count, callback.model) == (1, "m")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            EarlyStopping,
            "callbacks must be objects of lamina.callbacks.Callback, and got <class 'lamina.callbacks.stopping.EarlyStopping'>."
            " Did you mean EarlyStopping()?",
        ),
        ("early", "callbacks must be objects of lamina.callbacks.Callback, and got 'early'."),
    ],
    ids=["class", "string"],
)
def test_what_is_no_callback(given, message):
    with pytest.raises(TypeError) as raised:
        CallbackList([given])
    assert str(raised.value) == message


def test_an_unknown_hook_of_the_list():
    with pytest.raises(AttributeError, match="'CallbackList' object has no attribute 'on_epoch'"):
        CallbackList().on_epoch(0)


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"on_epoch_ends": print}, "LambdaCallback: there is no hook 'on_epoch_ends'. Did you mean 'on_epoch_end'?"),
        ({"on_epoch_end": 3}, "LambdaCallback: on_epoch_end must be a function, and got 3."),
    ],
    ids=["unknown", "no function"],
)
def test_wrong_lambda_callbacks(hooks, message):
    with pytest.raises(TypeError) as raised:
        LambdaCallback(**hooks)
    assert str(raised.value) == message


def test_lambda_callback():
    seen = []
    callback = LambdaCallback(
        on_test_end=seen.append, on_epoch_begin=lambda epoch, logs: seen.append(epoch), on_train_end=None
    )
    hooks = CallbackList([callback])
    hooks.on_epoch_begin(4)
    hooks.on_test_end({"loss": 1.0})
    hooks.on_train_end()
    assert seen == [4, {"loss": 1.0}]


@pytest.mark.parametrize(("terminal", "text"), [(True, "\r\x1b[Khello\n"), (False, "hello\n")])
def test_messages_replace_a_bar_that_is_being_drawn(terminal, text, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    say("hello")
    assert capsys.readouterr().out == text
