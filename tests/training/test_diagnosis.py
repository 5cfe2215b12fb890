"""``history.diagnose()``: each verdict from curves made for it, with noise, and no verdict where there is none."""

import math
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.callbacks import EarlyStopping, History
from lamina.language import SENTENCES
from lamina.training.advice import MOST
from lamina.training.noted import Noted, Rows


def history_of(loss, val_loss=None, noted=None, **metrics):
    history = History()
    history.history = {"loss": list(loss)} | ({} if val_loss is None else {"val_loss": list(val_loss)}) | metrics
    history.noted = noted
    return history


def diagnose(loss, val_loss=None, language: Any = "en", noted=None, **metrics: Any) -> Any:
    return history_of(loss, val_loss, noted, **metrics).diagnose(language)


def falling(epochs, floor=0.05, start=2.0, rate=6.0):
    return floor + start * np.exp(-rate * np.arange(epochs) / epochs)


def noisy(values, noise, seed):
    return values + np.random.default_rng(seed).normal(0, noise, len(values))


SHAPES = {
    "overfitting": lambda n: (falling(n), 0.3 + falling(n, 0, 1.5, 8) + np.maximum(0, np.arange(n) / n - 0.4)),
    "gap": lambda n: (falling(n), falling(n, 0.45, 1.5, 8)),
    "not finished": lambda n: (2.3 - np.arange(n) / n, 2.32 - np.arange(n) / n),
    "good fit": lambda n: (falling(n, rate=10), falling(n, 0.06, rate=10)),
}


@pytest.mark.parametrize("epochs", [10, 20, 50])
@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_kind_is_told_from_the_others(shape, noise, epochs):
    verdict = "overfitting" if shape == "gap" else shape
    right = 0
    for seed in range(20):
        train, validation = SHAPES[shape](epochs)
        found = diagnose(noisy(train, noise / 4, seed), noisy(validation, noise, seed + 100))
        right += found.verdict == verdict
    assert right >= (20 if noise == 0 else 17)


@pytest.mark.parametrize("epochs", [6, 10, 30])
@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_noise_alone_is_seldom_taken_for_a_trend(noise, epochs):
    wrong = 0
    for seed in range(100):
        flat = np.full(epochs, 0.5)
        found = diagnose(noisy(flat, noise / 4, seed), noisy(flat, noise, seed + 100))
        wrong += found.verdict in ("overfitting", "not finished", "diverged")
    assert wrong <= 6


# ---- curves as they come -------------------------------------------------------------------------------------------

OVERFIT = ([1.1, 0.7, 0.55, 0.45, 0.37, 0.3, 0.24, 0.19], [1.2, 0.8, 0.65, 0.6, 0.62, 0.66, 0.71, 0.78])


def test_overfitting_word_for_word():
    found = diagnose(*OVERFIT, accuracy=[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95], val_accuracy=[0.7] * 8)
    assert (found.verdict, found.since_epoch, found.best_epoch) == ("overfitting", 4, 4)
    assert found.gap == pytest.approx(0.47)
    assert found.confident
    assert found.figures["low"] == 0.6
    assert str(found) == (
        "Overfitting: the validation loss was lowest in epoch 4 (0.6) and has risen to about 0.71 (+18.3%), while the "
        "training loss went on to about 0.24. The gap between them is 0.47. Accuracy: 0.930 in training, 0.700 in "
        "validation.\n"
        "What to try:\n"
        "- stop in time: callbacks=[EarlyStopping(patience=2, restore_best_weights=True)]\n"
        "- more training data, or augmentation\n"
        "- Dropout layers\n"
        "- a penalty on the weights: kernel_regularizer='l2'\n"
        "- a smaller model"
    )
    assert repr(found) == str(found)


def test_overfitting_in_chinese():
    found = diagnose(*OVERFIT, language="zh")
    assert str(found).startswith(
        "过拟合：验证损失在第 4 轮最低（0.6），之后升到约 0.71（+18.3%），而训练损失继续降到约 0.24。"
        "两者相差 0.47。\n可以尝试：\n- 及时停止："
    )
    lamina.config.set_language("zh")
    try:
        assert str(diagnose(*OVERFIT, language=None)) == str(found)
    finally:
        lamina.config.set_language("auto")


@pytest.mark.parametrize(
    ("loss", "val_loss", "verdict", "advised"),
    [
        ([1.1, 0.7, 0.55, 0.45, 0.37], [0.8, 0.6, 0.51, 0.46, 0.43], "not finished", "train longer: epochs=10"),
        (
            [0.62, 0.42, 0.38, 0.35, 0.33, 0.31, 0.295, 0.28],
            [0.45, 0.41, 0.38, 0.37, 0.36, 0.35, 0.35, 0.34],
            "good fit",
            "a test set",
        ),
        ([0.5, 0.4, 0.5, 0.9, 1.4, 2.0], [0.5, 0.45, 0.55, 0.9, 1.4, 2.2], "diverged", "a lower learning rate"),
        ([0.3, 0.2, 0.15, 0.1, 0.08, 0.07], [0.31, 0.9, 0.1, 0.9, 0.15, 0.8], "can't tell", "more validation rows"),
        (
            [0.3, 0.2, 0.15, 0.1, 0.08, 0.07],
            [1.31, 1.25, 1.22, 1.2, 1.2, 1.19],
            "validation unlike training",
            "same source",
        ),
        ([0.31, 0.3, 0.3, 0.3, 0.3, 0.3], [0.31, 0.3, 0.31, 0.3, 0.3, 0.3], "can't tell", "metrics=['accuracy']"),
        (
            [1e4, 5.0, 2.0, 1.0, 0.5, 0.3, 0.25, 0.24, 0.24],
            [9.0, 4.0, 2.0, 1.0, 0.5, 0.3, 0.26, 0.25, 0.25],
            "good fit",
            "",
        ),
    ],
    ids=["still learning", "good", "diverging", "noisy", "gap from the start", "flat", "recovered"],
)
def test_verdicts(loss, val_loss, verdict, advised):
    found = diagnose(loss, val_loss)
    assert found.verdict == verdict
    assert advised in "\n".join(found.advice)


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.1, "no better than guessing"), (0.98, "good fit"), (0.3, "underfitting")]
)
def test_a_flat_loss_is_judged_by_the_accuracy(accuracy, verdict):
    flat = [2.30, 2.30, 2.29, 2.30, 2.30, 2.30]
    assert diagnose(flat, flat, accuracy=[accuracy] * 6, val_accuracy=[accuracy] * 6).verdict == verdict


def test_keras_1s_names():
    accuracies = {"acc": [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95], "val_acc": [0.7] * 8}
    assert diagnose(*OVERFIT, **accuracies).figures["val_accuracy"] == 0.7


# ---- when nothing can be told --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "val_loss", "verdict", "reason"),
    [
        ([], None, "can't tell", "there are no curves yet."),
        (
            [0.9, 0.8],
            None,
            "can't tell",
            "there is no validation curve to compare the training curve with.",
        ),
        ([0.9], [0.9], "can't tell", "1 epoch with validation can't show a trend."),
        ([0.9, 0.89, 0.9], [0.9, 0.9, 0.91], "can't tell", "3 epochs with validation can't show a trend."),
        ([0.9, 0.8, math.nan], [1.0] * 3, "diverged", "the loss is NaN or infinite from epoch 3 on."),
        ([math.inf] * 2, [1.0] * 2, "diverged", "the loss is NaN or infinite from epoch 1 on."),
        (
            [0.9] * 3,
            [1.0, math.nan, math.nan],
            "can't tell",
            "the validation loss is NaN or infinite in epoch 2, and the training loss there is 0.9: the validation data may "
            "hold NaN.",
        ),
    ],
    ids=["empty", "no validation", "one", "too few", "nan", "inf", "nan in validation"],
)
def test_it_says_why(loss, val_loss, verdict, reason):
    found = diagnose(loss, val_loss)
    assert found.verdict == verdict
    assert found.reason == reason
    assert found.advice


def test_a_loss_that_was_infinite_once_is_looked_at_after_that():
    train, validation = SHAPES["overfitting"](30)
    train[0] = math.inf
    assert diagnose(train, validation).verdict == "overfitting"


def test_without_validation_a_run_may_still_have_diverged():
    assert diagnose([0.5, 0.4, 0.5, 0.9, 1.4, 2.0]).verdict == "diverged"


def test_validation_in_some_epochs_is_compared_with_those():
    history = History()
    history.on_train_begin()
    train, validation = SHAPES["overfitting"](40)
    for epoch in range(40):
        logs = {"loss": train[epoch]}
        history.on_epoch_end(epoch, logs | ({"val_loss": validation[epoch]} if epoch % 2 else {}))
    found: Any = history.diagnose()
    assert found.verdict == "overfitting"
    assert 12 <= found.since_epoch <= 22


def test_losses_below_zero():
    train = [-0.2, -0.6, -0.8, -0.85, -0.9, -0.91, -0.92, -0.92]
    assert diagnose(train, [value + 0.01 for value in train]).verdict == "good fit"


def test_figures_that_are_no_numbers_are_left_aside():
    assert diagnose(*OVERFIT, per_class=[np.zeros(3)] * 8, val_per_class=[np.zeros(3)] * 8).verdict == "overfitting"


def test_an_unknown_language():
    with pytest.raises(ValueError, match=r"^diagnose\(\) speaks 'en', 'zh', and got language='fr'\.$"):
        diagnose([1.0], language="fr")


# ---- what fit noted decides ------------------------------------------------------------------------------------------

LEVEL = [0.72, 0.70, *[0.69] * 8]


def binary(rows=800, val_rows=200, share=0.5, **facts):
    entropy = -sum(part * math.log(part) for part in (share, 1 - share))
    sides = [Rows(count, [share, 1 - share], baseline=entropy, spread=0.5 if share > 0.6 else 0.01, majority=share)
             for count in (rows, val_rows)]  # fmt: skip
    return Noted(*sides, task="binary", classes=2, loss="binary_crossentropy", **facts)


def test_the_baseline_tells_a_guess():
    found = diagnose(LEVEL, LEVEL, noted=binary(), accuracy=[0.5] * 10, val_accuracy=[0.51] * 10)
    assert found.verdict == "no better than guessing"
    assert found.figures["baseline"] == pytest.approx(math.log(2))
    assert "0.693" in found.reason


def test_the_largest_class_tells_a_guess():
    entropy = -(0.97 * math.log(0.97) + 0.03 * math.log(0.03))
    level = [0.2, 0.15, *[entropy] * 8]
    found = diagnose(level, level, noted=binary(share=0.97), accuracy=[0.97] * 10, val_accuracy=[0.97] * 10)
    assert found.verdict == "no better than guessing"
    assert found.advice[0].startswith("class_weight")


@pytest.mark.parametrize(("rows", "verdict"), [(3, "can't tell"), (400, "overfitting")])
def test_the_number_of_rows_decides_what_can_be_told(rows, verdict):
    found = diagnose(
        *OVERFIT, noted=binary(val_rows=rows), accuracy=[0.5, *[0.9] * 7], val_accuracy=[0.5, *[2 / 3] * 7]
    )
    assert found.verdict == verdict
    assert rows > 3 or "3 rows" in found.reason


def test_early_stopping_left_the_best_epoch_in_the_model():
    train, validation = np.array(OVERFIT[0]), np.array([1.0, 0.6, 0.5, 0.42, 0.45, 0.5, 0.55, 0.6])
    accuracies = {"accuracy": [0.6, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96],
                  "val_accuracy": [0.7, 0.8, 0.84, 0.87, 0.86, 0.86, 0.85, 0.85]}  # fmt: skip
    assert diagnose(train, validation, noted=binary(), **accuracies).verdict == "overfitting"
    found = diagnose(train, validation, noted=binary(restored=4, ended="early stopping"), **accuracies)
    assert found.verdict == "good fit"
    assert "the weights of epoch 4 back" in found.reason
    assert (found.figures["val"], found.figures["later"]) == (0.42, pytest.approx(0.55))


def test_penalties_are_no_part_of_what_is_learnt():
    penalties = list(np.linspace(5, 1, 10))
    level = [0.69 + penalty for penalty in penalties]
    found = diagnose(level, level, noted=binary(penalties=penalties, penalized=True))
    assert found.verdict == "no better than guessing"
    assert "without the penalties" in found.reason


def test_validation_of_other_labels():
    noted = Noted(Rows(800, [0.6, 0.4], majority=0.6, baseline=0.67), Rows(200, [0.0, 1.0], majority=0.0, baseline=0.9),
                  task="binary", split=0.2)  # fmt: skip
    found = diagnose(falling(10), falling(10, 0.4), noted=noted)
    assert found.verdict == "validation unlike training"
    assert found.reason.startswith("label 0 makes 60% of the training rows and 0% of the validation rows. Validation is the "
                                   "last 20% of the data, which may be sorted.")  # fmt: skip
    assert found.advice[0].startswith("shuffle")


def test_validation_that_was_trained_with():
    good = SHAPES["good fit"](20)
    assert diagnose(*good, noted=binary(leaked=1.0)).verdict == "validation unlike training"
    assert diagnose(*good, noted=binary(leaked=0.0)).verdict == "good fit"


# ---- advice ----------------------------------------------------------------------------------------------------------


def advice(noted, **metrics):
    return diagnose(*OVERFIT, noted=noted, **metrics).advice


def test_advice_looks_at_the_model():
    assert "Dropout layers" in advice(binary())
    assert not any("Dropout" in line for line in advice(binary(dropout=[0.5])))
    assert "more Dropout: its rate is 0.2" in advice(binary(dropout=[0.2]))
    assert not any("kernel_regularizer" in line for line in advice(binary(penalized=True)))
    assert "a smaller model: 320000 weights are 400 for each of the 800 training rows" in advice(
        binary(weights=320_000)
    )
    assert len(advice(binary())) <= MOST


def test_advice_looks_at_the_task():
    rows = Rows(800, mean=1000.0, scale=200.0, baseline=4e4, spread=5e4)
    noted = Noted(rows, Rows(200, mean=1000.0, scale=200.0, baseline=4e4, spread=5e4), task="regression", loss="mse",
                  learning_rate=0.001)  # fmt: skip
    level = np.linspace(3e5, 2.5e5, 10)
    found = diagnose(level, level, noted=noted)
    assert found.verdict == "no better than guessing"
    assert found.advice[0] == "scaled targets, (y - 1000) / 200, and the outputs scaled back"
    assert not any("accuracy" in line for line in found.advice)


# ---- the honest comparison -------------------------------------------------------------------------------------------


def fitted(**options: Any) -> Any:
    lamina.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    model = lamina.Sequential(
        [layers.Dense(32, activation="relu"), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y, model.fit(x, y, validation_split=0.25, epochs=8, verbose=0, **options)


def test_the_honest_comparison_measures_training_rows_without_dropout():
    model, x, y, history = fitted()
    before = model.get_metrics_result()
    found = history.diagnose(training_data=(x[:300], y[:300]))
    assert model.get_metrics_result() == before
    assert not model.training
    assert "300 training rows, without Dropout" in found.reason
    loss, _ = model.evaluate(x[:300], y[:300], verbose=0)
    assert found.gap == pytest.approx(np.median(history.history["val_loss"][-3:]) - loss, abs=1e-5)
    assert "100 training rows" in history.diagnose(training_data=(x, y), rows=100).reason


@pytest.mark.parametrize(
    ("change", "data", "said"),
    [
        (lambda model, h: setattr(h, "_model", None), ([1], [1]), "has no model"),
        (lambda model, h: setattr(model, "history", History()), ([1], [1]), "was trained again since"),
        (lambda model, h: None, 5, "must be \\(x, y\\), and got int"),
        (lambda model, h: None, (iter([1]), None), "must be arrays"),
    ],
)
def test_the_honest_comparison_refuses(change, data, said):
    model, _, _, history = fitted()
    change(model, history)
    with pytest.raises(ValueError, match=said):
        history.diagnose(training_data=data)


# ---- real runs -------------------------------------------------------------------------------------------------------


def test_figures_named_are_figures_of_the_run():
    """What is said of an epoch is in the history."""
    _, _, _, history = fitted(callbacks=[EarlyStopping(patience=1, restore_best_weights=True, min_delta=1)])
    found = history.diagnose()
    assert found.best_epoch == 1 + int(np.argmin(history.history["val_loss"]))
    assert f"the weights of epoch {history.noted.restored} back" in found.reason


def test_every_sentence_is_said_by_somebody():
    import inspect

    from lamina.training import advice, diagnosis, finding, guessing, overfit, unlike, verdicts

    source = "".join(map(inspect.getsource, (advice, diagnosis, finding, guessing, overfit, unlike, verdicts)))
    keys = [key.removeprefix("diagnosis.") for key in SENTENCES if key.startswith("diagnosis.")]
    unsaid = [key for key in keys if not key.startswith("verdict.") and f'"{key.split(".")[1]}"' not in source]
    assert unsaid == []
