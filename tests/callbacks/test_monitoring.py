"""Callbacks that watch a number decide as Keras's do, for any values; names of every generation are found."""

import itertools
import warnings

import keras
import numpy as np
import pytest
from callbacks.fake import FakeModel, metric, play

from lamina.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau, TerminateOnNaN
from lamina.training.metric_names import direction, find_name

SEEDS = range(3)


def walk(seed, epochs=25):
    """A loss that falls, then wanders; in steps that leave ties."""
    steps = np.random.default_rng(seed).choice([-0.2, -0.1, 0.0, 0.1], epochs, p=[0.2, 0.2, 0.3, 0.3])
    return [float(value) for value in np.round(3 + np.cumsum(steps), 2)]


EARLY = [dict(zip(("patience", "min_delta", "baseline", "restore_best_weights", "start_from_epoch", "mode"), row, strict=True))
         for row in itertools.product((0, 1, 3), (0, 0.15), (None, 2.85), (False, True), (0, 4), ("min", "max"))]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_early_stopping_stops_where_keras_does(seed):
    for options in EARLY:
        results = []
        for made in (EarlyStopping(**options), keras.callbacks.EarlyStopping(**options)):
            model = FakeModel()
            ran = play(made, walk(seed), model)
            best = made.best_epoch if options["restore_best_weights"] else None
            results.append((ran, made.stopped_epoch, best, model.get_weights()[0].tolist()))
        assert results[0] == results[1], options


PLATEAU = [dict(zip(("patience", "min_delta", "cooldown", "factor", "min_lr", "mode"), row, strict=True))
           for row in itertools.product((1, 3), (1e-4, 0.15), (0, 2), (0.1, 0.5), (0.0, 0.02), ("min", "max"))]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_plateaus_are_found_where_keras_finds_them(seed):
    for options in PLATEAU:
        rates = []
        for made in (ReduceLROnPlateau(**options), keras.callbacks.ReduceLROnPlateau(**options)):
            logs = [{"loss": value, "val_loss": value} for value in walk(seed)]
            play(made, logs)
            rates.append([row["learning_rate"] for row in logs])
        assert rates[0] == pytest.approx(rates[1]), options


def test_plateau_in_keras_1_words():
    assert ReduceLROnPlateau(epsilon=0.01).min_delta == 0.01


# ---- names and directions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("val_acc", ["loss", "val_accuracy"], "val_accuracy"),
        ("val_accuracy", ["loss", "val_acc"], "val_acc"),
        ("acc", ["accuracy", "acc"], "acc"),
        ("out_acc", ["out_accuracy"], "out_accuracy"),
        ("val_mse", ["val_mean_squared_error"], "val_mean_squared_error"),
        ("mean_absolute_error", ["mae"], "mae"),
        ("lr", ["learning_rate"], "learning_rate"),
        ("val_acc", ["acc", "loss"], None),
        ("macc", ["maccuracy"], None),
    ],
)
def test_names_of_every_generation(name, known, found):
    assert find_name(name, known) == found


@pytest.mark.parametrize("monitor", ["val_acc", "val_accuracy"])
@pytest.mark.parametrize("logged", ["val_acc", "val_accuracy"])
def test_accuracy_by_either_name_is_better_high(monitor, logged):
    callback = EarlyStopping(monitor=monitor, patience=2)
    assert play(callback, [0.5, 0.6, 0.7, 0.7, 0.6, 0.9], monitor=logged) == [0, 1, 2, 3, 4]
    assert callback.best == 0.7


@pytest.mark.parametrize(
    ("name", "metrics", "way"),
    [
        ("val_loss", [], "min"),
        ("accuracy", [], "max"),
        ("val_sparse_categorical_accuracy", [], "max"),
        ("val_auc_1", [], "max"),
        ("mean_absolute_percentage_error", [], "min"),
        ("val_categorical_crossentropy", [], "min"),
        ("cosine_similarity", [], "max"),
        ("val_mine", [metric("mine", "up")], "max"),
        ("mine", [metric("mine", "down")], "min"),
        ("loss_of_gain", [metric("loss_of_gain", "up")], "max"),
        ("mine", [metric("mine", None)], None),
        ("mine", [], None),
    ],
)
def test_directions(name, metrics, way):
    assert direction(name, metrics) == way


def test_a_metric_inside_another_states_the_direction():
    class Several:
        name = "compile_metrics"
        metrics = (metric("mine", "up"),)

    assert direction("val_mine", [Several()]) == "max"


def test_an_unknown_direction_is_asked_for():
    with pytest.raises(ValueError, match=r"\S") as raised:
        play(EarlyStopping(monitor="val_mine"), [1.0], monitor="val_mine")
    assert str(raised.value) == (
        "EarlyStopping can't tell whether 'val_mine' is better high or low. Say so with mode='max' or mode='min'."
    )


def test_an_unknown_mode():
    with pytest.raises(
        ValueError, match=r"^The mode of EarlyStopping must be 'auto', 'min' or 'max', and got 'low'\.$"
    ):
        EarlyStopping(mode="low")


def test_nan_is_never_better():
    callback = EarlyStopping(patience=2, restore_best_weights=True)
    model = FakeModel()
    assert play(callback, [float("nan"), 0.5, float("nan"), float("nan"), 0.1], model) == [0, 1, 2, 3]
    assert callback.best == 0.5
    assert model.weight.tolist() == [1.0]


# ---- what is missing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [EarlyStopping, ReduceLROnPlateau])
@pytest.mark.parametrize(
    ("monitor", "logs", "message"),
    [
        (
            "val_loss",
            {"loss": 1.0, "accuracy": 0.5},
            "{} watches 'val_loss', which is not in the logs. They have: loss, accuracy{rate}. Nothing is validated: give "
            "fit() validation_data or validation_split.",
        ),
        (
            "val_los",
            {"loss": 1.0, "val_loss": 0.5},
            "{} watches 'val_los', which is not in the logs. They have: loss, val_loss{rate}. Did you mean 'val_loss'?",
        ),
    ],
    ids=["no validation", "mistyped"],
)
def test_a_missing_number_is_reported_once(made, monitor, logs, message):
    callback = made(monitor=monitor)
    expected = message.replace("{}", made.__name__).replace(
        "{rate}", ", learning_rate" if made is ReduceLROnPlateau else ""
    )
    with pytest.warns(UserWarning, match="which is not in the logs") as caught:
        ran = play(callback, [dict(logs) for _ in range(5)])
    assert ran == [0, 1, 2, 3, 4]
    assert [str(warning.message) for warning in caught] == [expected]


# ---- messages ------------------------------------------------------------------------------------------------------


def test_early_stopping_says_what_it_does(capsys):
    play(EarlyStopping(patience=1, verbose=1, restore_best_weights=True), [1.0, 0.5, 0.7])
    assert capsys.readouterr().out == (
        "Epoch 3: training stops, val_loss no longer improves.\nThe weights of the best epoch, 2, are restored.\n"
    )


def test_plateau_says_what_it_does(capsys):
    play(ReduceLROnPlateau(patience=1, verbose=1), [1.0, 1.0])
    assert capsys.readouterr().out == "Epoch 2: val_loss no longer improves, learning_rate is 0.01.\n"


@pytest.mark.parametrize("factor", [1.0, 2, -0.1])
def test_plateau_factor(factor):
    with pytest.raises(ValueError, match=r"^The factor of ReduceLROnPlateau must be at least 0 and below 1, and got "):
        ReduceLROnPlateau(factor=factor)


def test_callbacks_can_be_used_twice():
    callback = EarlyStopping(patience=1)
    assert play(callback, [1.0, 2.0, 3.0]) == [0, 1]
    assert play(callback, [9.0, 8.0, 7.0]) == [0, 1, 2]


# ---- schedules -----------------------------------------------------------------------------------------------------


class Halver:
    def __call__(self, epoch, rate):
        return rate / 2


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (lambda epoch, rate: rate * 0.5, [0.05, 0.025, 0.0125]),
        (lambda epoch: 1.0 / (epoch + 1), [1.0, 0.5, 1 / 3]),
        (Halver(), [0.05, 0.025, 0.0125]),
        (lambda epoch, rate=7: np.float32(0.5), [0.5, 0.5, 0.5]),
        (lambda epoch: np.array(0.25), [0.25, 0.25, 0.25]),
    ],
    ids=["two", "one", "object", "float32", "array"],
)
def test_schedules(schedule, rates):
    logs = [{"loss": 1.0} for _ in rates]
    play(LearningRateScheduler(schedule), logs)
    assert [row["learning_rate"] for row in logs] == pytest.approx(rates)


def test_an_error_inside_a_schedule_is_not_swallowed():
    def broken(epoch, rate):
        return epoch + "a"

    with pytest.raises(TypeError, match="unsupported operand"):
        play(LearningRateScheduler(broken), [1.0])


@pytest.mark.parametrize("returned", [None, "0.1", [0.1], True])
def test_a_schedule_must_return_a_number(returned):
    with pytest.raises(
        ValueError, match=r"^The schedule of LearningRateScheduler must return a number, and returned .* for epoch 0\."
    ):
        play(LearningRateScheduler(lambda epoch: returned), [1.0])


def test_a_schedule_must_be_a_function():
    with pytest.raises(ValueError, match=r"^LearningRateScheduler takes a function of the epoch, and got 0.1\.$"):
        LearningRateScheduler(0.1)


def test_each_of_several_optimizers():
    model = FakeModel()
    one, two = FakeModel().optimizer, FakeModel().optimizer
    one.name, two.name, two.learning_rate = "one", "two", 0.4
    model.optimizer.optimizers = [one, two]
    logs = [{"loss": 1.0, "val_loss": 1.0} for _ in range(2)]
    play(ReduceLROnPlateau(patience=1, factor=0.5), logs, model)
    assert logs[1] == {"loss": 1.0, "val_loss": 1.0, "learning_rate_one": 0.1, "learning_rate_two": 0.4}
    assert (one.learning_rate, two.learning_rate) == (0.05, 0.2)


# ---- NaN -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), np.float32("nan")])
def test_training_that_broke_down_ends(loss, capsys):
    callback, model = TerminateOnNaN(), FakeModel()
    callback.set_model(model)
    callback.on_train_batch_end(0, {"loss": 0.5})
    assert model.stop_training is False
    callback.on_train_batch_end(3, {"loss": loss})
    assert model.stop_training is True
    assert capsys.readouterr().out == f"The loss is {float(loss)} after batch 3, so training stops.\n"


def test_or_raises():
    callback = TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match=r"^The loss is nan after batch 1, so training stops\.$"):
        callback.on_train_batch_end(1, {"loss": float("nan")})


def test_no_loss_is_no_reason_to_stop():
    with warnings.catch_warnings():
        TerminateOnNaN().on_train_batch_end(0, {})
        TerminateOnNaN().on_train_batch_end(0, None)
