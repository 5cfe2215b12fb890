"""``history.diagnose()``: each verdict from curves made for it, with noise, and no verdict where there is none."""

import math

import numpy as np
import pytest

from lamina.callbacks import History
from lamina.training.diagnosis_words import ADVICE, HEADINGS, REASONS


def diagnose(loss, val_loss=None, language="en", **metrics):
    history = History()
    history.history = {"loss": list(loss)} | ({} if val_loss is None else {"val_loss": list(val_loss)}) | metrics
    return history.diagnose(language)


def falling(epochs, floor=0.05, start=2.0, rate=6.0):
    return floor + start * np.exp(-rate * np.arange(epochs) / epochs)


def noisy(values, noise, seed):
    return values + np.random.default_rng(seed).normal(0, noise, len(values))


SHAPES = {
    "overfitting": lambda n: (falling(n), 0.3 + falling(n, 0, 1.5, 8) + np.maximum(0, np.arange(n) / n - 0.4)),
    "gap": lambda n: (falling(n), falling(n, 0.45, 1.5, 8)),
    "underfitting": lambda n: (2.3 - np.arange(n) / n, 2.32 - np.arange(n) / n),
    "good fit": lambda n: (falling(n), falling(n, 0.06)),
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
    assert right >= (20 if noise == 0 else 14)


@pytest.mark.parametrize("epochs", [6, 10, 30])
@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_noise_alone_is_seldom_taken_for_overfitting(noise, epochs):
    wrong = 0
    for seed in range(100):
        flat = np.full(epochs, 0.5)
        wrong += diagnose(noisy(flat, noise / 4, seed), noisy(flat, noise, seed + 100)).verdict == "overfitting"
    assert wrong <= 6


# ---- curves as they come -------------------------------------------------------------------------------------------

OVERFIT = ([1.1, 0.7, 0.55, 0.45, 0.37, 0.3, 0.24, 0.19], [1.2, 0.8, 0.65, 0.6, 0.62, 0.66, 0.71, 0.78])


def test_overfitting_word_for_word():
    found = diagnose(*OVERFIT, accuracy=[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95], val_accuracy=[0.7] * 8)
    assert (found.verdict, found.since_epoch, found.best_epoch) == ("overfitting", 4, 4)
    assert found.gap == pytest.approx(0.47)
    assert str(found) == (
        "Overfitting: since epoch 4 the validation loss has risen from 0.6 to 0.71 (+18.3%), while the training loss went "
        "on to 0.24. The gap between them is 0.47. Accuracy: 0.930 in training, 0.700 in validation.\n"
        "What to try:\n"
        "- stop in time: callbacks=[EarlyStopping(patience=2, restore_best_weights=True)]\n"
        "- more training data, or augmentation\n"
        "- Dropout layers, or a higher rate\n"
        "- a smaller model\n"
        "- a penalty on the weights: kernel_regularizer='l2'"
    )


def test_overfitting_in_chinese():
    assert str(diagnose(*OVERFIT, language="zh")).startswith(
        "过拟合：从第 4 轮起，验证损失由 0.6 升到 0.71（+18.3%），而训练损失继续降到 0.24。"
        "两者相差 0.47。\n可以尝试：\n- 及时停止："
    )


@pytest.mark.parametrize(
    ("loss", "val_loss", "verdict", "advised"),
    [
        ([1.1, 0.7, 0.55, 0.45, 0.37], [0.8, 0.6, 0.51, 0.46, 0.43], "underfitting", "train longer"),
        (
            [0.62, 0.42, 0.38, 0.35, 0.33, 0.31, 0.295, 0.28],
            [0.45, 0.41, 0.38, 0.37, 0.36, 0.35, 0.35, 0.34],
            "good fit",
            "",
        ),
        ([0.5, 0.4, 0.5, 0.9, 1.4, 2.0], [0.5, 0.45, 0.55, 0.9, 1.4, 2.2], "can't tell", "a lower learning rate"),
        ([0.3, 0.2, 0.15, 0.1, 0.08, 0.07], [0.31, 0.5, 0.2, 0.6, 0.25, 0.7], "can't tell", "more validation data"),
        ([0.3, 0.2, 0.15, 0.1, 0.08, 0.07], [1.31, 1.25, 1.22, 1.2, 1.2, 1.19], "can't tell", "same source"),
        ([0.31, 0.3, 0.3, 0.3, 0.3, 0.3], [0.31, 0.3, 0.31, 0.3, 0.3, 0.3], "can't tell", "metrics=['accuracy']"),
    ],
    ids=["still learning", "good", "diverging", "noisy", "gap from the start", "flat"],
)
def test_verdicts(loss, val_loss, verdict, advised):
    found = diagnose(loss, val_loss)
    assert found.verdict == verdict
    assert advised in "\n".join(found.advice)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.1, "underfitting"), (0.98, "good fit"), (0.8, "can't tell")])
def test_a_flat_loss_is_judged_by_the_accuracy(accuracy, verdict):
    flat = [2.30, 2.30, 2.29, 2.30, 2.30, 2.30]
    assert diagnose(flat, flat, accuracy=[accuracy] * 6, val_accuracy=[accuracy] * 6).verdict == verdict


# ---- when nothing can be told --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "val_loss", "reason"),
    [
        ([], None, "there are no curves yet."),
        ([0.9, 0.8], None, "there is no validation curve to compare the training curve with."),
        ([0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.7, 0.6], "4 epochs with validation are too few for a trend; it takes 5."),
        (
            [0.9, 0.8, math.nan, 0.7, 0.6, 0.5],
            [1.0] * 6,
            "the loss is NaN or infinite in epoch 3, so training broke down.",
        ),
        (
            [0.9] * 6,
            [1.0, math.inf, 1.0, 1.0, 1.0, 1.0],
            "the loss is NaN or infinite in epoch 2, so training broke down.",
        ),
    ],
    ids=["empty", "no validation", "too few", "nan", "inf"],
)
def test_it_says_why_it_can_not_tell(loss, val_loss, reason):
    found = diagnose(loss, val_loss)
    assert found.verdict == "can't tell"
    assert found.reason == reason
    assert found.advice
    assert str(found).startswith("Can't tell: ")


def test_validation_in_some_epochs_is_compared_with_those():
    history = History()
    history.on_train_begin()
    train, validation = SHAPES["overfitting"](40)
    for epoch in range(40):
        logs = {"loss": train[epoch]}
        history.on_epoch_end(epoch, logs | ({"val_loss": validation[epoch]} if epoch % 2 else {}))
    found = history.diagnose()
    assert found.verdict == "overfitting"
    assert 12 <= found.since_epoch <= 22


def test_losses_below_zero():
    train = [-0.2, -0.6, -0.8, -0.85, -0.9, -0.91, -0.92, -0.92]
    assert diagnose(train, [value + 0.01 for value in train]).verdict == "good fit"


def test_an_unknown_language():
    with pytest.raises(ValueError, match=r"^diagnose\(\) speaks 'en', 'zh', and got language='fr'\.$"):
        diagnose([1.0], language="fr")


def test_both_languages_say_the_same_things():
    for table in (HEADINGS, REASONS, ADVICE):
        assert table["en"].keys() == table["zh"].keys()
