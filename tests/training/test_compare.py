"""``lamina.compare``: runs side by side, from curves and runs of which the truth is known."""

import itertools
import math
import re

import numpy as np
import pytest
from rich.cells import cell_len

import lamina
from lamina import layers
from lamina.callbacks import EarlyStopping, History
from lamina.training.chance import jumps, t_quantile
from lamina.training.noted import Noted, Rows


def run(val_loss, loss=None, rows=1000, name="binary_crossentropy", penalties=(), restored=None, scale=None, **metrics):
    history = History()
    history.history = {"loss": list(loss or val_loss), "val_loss": list(val_loss), **metrics}
    shares = [0.5, 0.5] if scale is None else None
    validation = Rows(count=rows, shares=shares, mean=0.0, scale=scale, baseline=0.69, spread=0.0)
    history.noted = Noted(Rows(800, shares=shares), validation, loss=name, weights=4321, penalties=list(penalties),
                          restored=restored)  # fmt: skip
    return history


def falling(end, epochs=10, jump=0.0, seed=0):
    noise = np.random.default_rng(seed).normal(0, jump, epochs)
    return [float(value) for value in end + 0.3 * np.exp(-np.arange(epochs)) + noise]


# ---- curves ----------------------------------------------------------------------------------------------------------


def test_each_run_is_taken_at_its_best_epoch():
    plain = run([0.9, 0.5, 0.8], loss=[0.8, 0.4, 0.1], val_accuracy=[0.5, 0.8, 0.7])
    other = run([0.9, 0.6, 0.3], loss=[0.9, 0.6, 0.35], val_accuracy=[0.5, 0.7, 0.9])
    first, second = lamina.compare({"plain": plain, "other": other}).runs
    assert (first.epoch, first.epochs, first.val_loss, first.metric, first.training_loss) == (2, 3, 0.5, 0.8, 0.4)
    assert (first.gap, first.last, first.weights, first.restored) == (0.1, 0.8, 4321, False)
    assert (second.epoch, second.val_loss, second.metric, second.gap) == (3, 0.3, 0.9, -0.05)


def test_of_a_restored_run_the_weights_in_hand_are_described():
    plain, other = run([0.9, 0.5, 0.4, 0.6], restored=2), run([0.9, 0.5, 0.4, 0.6])
    comparison = lamina.compare({"plain": plain, "other": other})
    assert [(one.epoch, one.val_loss, one.restored) for one in comparison.runs] == [(2, 0.5, True), (3, 0.4, False)]
    assert "2 of 4, restored" in str(comparison)


@pytest.mark.parametrize("rows", [30, 300, 3000, 30_000])
@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.97])
def test_a_difference_of_accuracies_counts_beyond_the_error_of_their_rows(rows, accuracy):
    # Of the difference, if a half of the errors are alike and another seed changes a twentieth of them.
    error = math.sqrt(accuracy * (1 - accuracy) / rows + 2 * (0.05 * (1 - accuracy)) ** 2)

    def verdict(difference):
        one = run([0.5] * 6, rows=rows, val_accuracy=[accuracy] * 6)
        other = run([0.5] * 6, rows=rows, val_accuracy=[accuracy + difference] * 6)
        return lamina.compare({"one": one, "other": other}).verdict

    assert verdict(error) == verdict(-error) == "no difference"
    if accuracy + 4 * error < 1:
        assert verdict(4 * error) == "helps"
    assert verdict(-6 * error) == "hurts"


def test_jumps_from_epoch_to_epoch_are_noise():
    smooth = {"one": run(falling(0.50), rows=100_000), "other": run(falling(0.42), rows=100_000)}
    assert lamina.compare(smooth).verdict == "helps"
    jumping = {"one": run(falling(0.50, jump=0.06, seed=1), rows=100_000),
               "other": run(falling(0.42, jump=0.06, seed=2), rows=100_000)}  # fmt: skip
    assert lamina.compare(jumping).verdict == "no difference"


def test_jumps_are_measured_whatever_the_trend():
    epochs = np.arange(40)
    found = [jumps(list(5 - 0.2 * epochs + np.random.default_rng(seed).normal(0, 0.1, 40)), 20) for seed in range(40)]
    assert np.mean(found) == pytest.approx(0.1, rel=0.2)
    assert jumps(list(5 - 0.2 * epochs), 20) == pytest.approx(0, abs=1e-12)
    assert jumps([0.5, 0.4], 1) == 0.0
    assert jumps([0.5, math.nan], None) == 0.0


@pytest.mark.parametrize(("p", "degrees", "expected"), [
    (0.975, 0, 1.95996), (0.975, 1, 12.7062), (0.975, 2, 4.30265), (0.975, 3, 3.18245), (0.9875, 4, 3.49541),
    (0.975, 8, 2.30600), (0.975, 30, 2.04227),
])  # fmt: skip
def test_quantiles_of_student(p, degrees, expected):
    assert t_quantile(p, degrees) == pytest.approx(expected, rel=0.012)


def test_seeds_are_judged_by_their_spread():
    plain = [run([0.9, end], val_accuracy=[0.5, 0.7]) for end in (0.50, 0.52, 0.51)]
    better = [run([0.9, end], val_accuracy=[0.5, 0.7]) for end in (0.40, 0.42, 0.41)]
    like = [run([0.9, end], val_accuracy=[0.5, 0.7]) for end in (0.49, 0.53, 0.50)]
    comparison = lamina.compare({"plain": plain, "better": better, "like": like})
    assert comparison.verdicts == {"better": "helps", "like": "no difference"}
    assert (comparison.judged_by, comparison.runs[0].seeds) == ("seeds", 3)
    assert comparison.runs[0].val_loss == pytest.approx(0.51)
    assert "6 degrees of freedom" in str(comparison)
    # One run beside several: their spread counts for it, too.
    assert lamina.compare({"plain": plain, "better": better[0]}).verdict == "helps"


def test_a_spread_of_two_seeds_is_hardly_known():
    assert lamina.compare({"a": [run([0.9, 0.50]), run([0.9, 0.52])], "b": [run([0.9, 0.46]), run([0.9, 0.48])]}).verdict == (
        "no difference"
    )  # fmt: skip


def test_folds_are_compared_place_by_place():
    ends = [0.30, 0.55, 0.42, 0.70]
    folds = [run([0.9, end], rows=100 + fold) for fold, end in enumerate(ends)]
    better = [run([0.9, end - 0.05 - 0.002 * fold], rows=100 + fold) for fold, end in enumerate(ends)]
    comparison = lamina.compare({"plain": folds, "better": better})
    assert (comparison.judged_by, comparison.verdict) == ("pairs", "helps")


def test_penalties_are_taken_out_of_losses():
    plain, heavy = run([0.9, 0.50, 0.5]), run([1.9, 1.30, 1.2], penalties=[1.0, 0.80, 0.71])
    comparison = lamina.compare({"plain": plain, "with l2": heavy})
    assert comparison.runs[1].val_loss == pytest.approx(0.49)
    assert "Penalties on weights are taken out" in str(comparison)


def test_penalties_of_a_real_run_are_those_in_its_loss():
    x, y = np.zeros((40, 3), "float32"), np.zeros(40)
    model = lamina.Sequential([layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    history = model.fit(x, y, validation_split=0.5, epochs=3, verbose=0)
    assert min(history.history["val_loss"]) > 0
    other = lamina.compare({"one": history, "other": history}).runs[0]
    assert other.val_loss == pytest.approx(0, abs=1e-6)


def test_where_losses_differ_the_metric_is_compared():
    one = run([0.5] * 5, val_acc=[0.70] * 5)
    other = run([0.2] * 5, name="mean_squared_error", val_accuracy=[0.90] * 5)
    comparison = lamina.compare({"one": one, "other": other})
    assert [(found.figure, found.verdict) for found in comparison.differences] == [("val_accuracy", "helps")]
    assert "binary_crossentropy, mean_squared_error" in str(comparison)


def test_a_metric_that_is_the_loss_is_not_compared_twice():
    one, other = (run(values, name="mse", scale=1.0, val_mse=values) for values in (falling(2.0), falling(1.0)))
    assert [found.figure for found in lamina.compare({"one": one, "other": other}).differences] == ["val_loss"]


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_units_make_no_difference(unit):
    def regression(end):
        return run([value * unit for value in falling(end)], name="mean_squared_error", scale=math.sqrt(unit), rows=500)

    assert lamina.compare({"one": regression(1.0), "other": regression(0.7)}).verdict == "helps"
    assert lamina.compare({"one": regression(1.0), "other": regression(1.05)}).verdict == "no difference"


def test_better_in_one_figure_and_worse_in_the_other():
    one, other = (
        run([0.5] * 5, rows=10_000, val_accuracy=[0.9] * 5),
        run([0.3] * 5, rows=10_000, val_accuracy=[0.8] * 5),
    )
    comparison = lamina.compare({"one": one, "other": other})
    assert comparison.verdict == "mixed"
    assert "'other' helps in one figure and hurts in the other" in str(comparison)


@pytest.mark.parametrize(("one", "other", "verdict"), [
    ([0.5, 0.4], [math.nan, math.nan], "hurts"), ([math.inf, math.nan], [0.5, 0.4], "helps"),
    ([math.nan] * 2, [math.nan] * 2, "no difference"),
])  # fmt: skip
def test_runs_that_diverged(one, other, verdict):
    comparison = lamina.compare({"one": run(one), "other": run(other)})
    assert comparison.verdict == verdict
    for language in ("en", "zh"):
        comparison.language = language
        assert "nan" not in str(comparison)
        assert "inf" not in str(comparison)


def test_validation_in_every_second_epoch():
    history = History()
    for epoch in range(6):
        history.on_epoch_end(epoch, {"loss": 1 - epoch / 10} | ({"val_loss": 1 - epoch / 20} if epoch % 2 else {}))
    first = lamina.compare({"one": history, "other": history}).runs[0]
    assert (first.epoch, first.val_loss, first.training_loss) == (6, 0.75, 0.5)


# ---- what can't be compared ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("runs", "error", "sentence"), [
    (run([0.5]), TypeError, "takes a dict of runs under names"),
    ({"one": {"val_loss": [0.5]}, "other": run([0.5])}, TypeError, "takes what fit\\(\\) returned.* got dict under 'one'"),
    ({"one": run([0.5])}, ValueError, "two runs or more.* got 1"),
    ({"one": run([0.5]), "other": []}, ValueError, "no history under 'other'"),
    ({"one": run([0.5]), "other": run([])}, ValueError, "'other' has no validation loss"),
    ({"one": run([0.5], rows=100), "other": run([0.5], rows=200)}, ValueError, "different rows \\(100 and 200\\)"),
    ({"one": run([0.5], scale=1.0), "other": run([0.5], scale=2.0)}, ValueError, "different targets"),
    ({"one": run([0.5]), "other": run([0.5], name="hinge")}, ValueError, "different losses \\(binary_crossentropy, hinge"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_a_sentence(runs, error, sentence):
    with pytest.raises(error, match=sentence):
        lamina.compare(runs)


def test_one_loss_with_other_arguments_is_another_loss():
    one, other = run([0.5]), run([0.5])
    one.noted.training.baseline, other.noted.training.baseline = 0.69, 0.73  # label_smoothing
    with pytest.raises(ValueError, match="other arguments"):
        lamina.compare({"one": one, "other": other})


# ---- words -----------------------------------------------------------------------------------------------------------


def test_word_for_word():
    plain = run([0.6, 0.55, 0.6, 0.65], loss=[0.9, 0.45, 0.3, 0.2], rows=2000, val_accuracy=[0.69, 0.71, 0.7, 0.7])
    other = run([0.55, 0.5, 0.45, 0.4], loss=[0.9, 0.6, 0.5, 0.45], rows=2000, val_accuracy=[0.77, 0.78, 0.79, 0.8])
    comparison = lamina.compare({"plain": plain, "with dropout": other}, language="en")
    assert str(comparison).splitlines() == [
        "run           best epoch  validation loss  validation accuracy  training loss  gap    weights",
        "plain         2 of 4      0.5500           0.7100               0.4500         0.1    4,321",
        "with dropout  4 of 4      0.4000           0.8000               0.4500         -0.05  4,321",
        "",
        "'with dropout' helps: the validation loss is 0.4000 against 0.5500 of 'plain', a difference of 0.15 where chance "
        "makes up to 0.107; the validation accuracy is 0.8000 against 0.7100 of 'plain', a difference of 0.09 where chance "
        "makes up to 0.0525.",
        "The model of 'plain' has the weights of its last epoch, 4, with a validation loss of 0.6500 instead of 0.5500: "
        "EarlyStopping(restore_best_weights=True) keeps the best.",
        "Chance is judged by the 2000 validation rows (assuming that two runs err alike on the same rows: a correlation of 0.5 "
        "in metrics and 0.75 in losses), by the jumps from epoch to epoch, and by 5% of the loss and of the errors that "
        "another seed is assumed to change. Several seeds a run judge it better: give lists of histories.",
    ]


def test_tables_are_straight_in_both_languages_and_figures_are_those_of_the_comparison():
    plain, other = run(falling(0.5), val_accuracy=[0.7] * 10), run(falling(0.31), val_accuracy=[0.82] * 10)
    for language in ("en", "zh"):
        comparison = lamina.compare({"简单": plain, "加了 Dropout": other}, language=language)
        heads, *rows = str(comparison).splitlines()[:3]
        place = cell_len(heads[: heads.index("4,321" if "4,321" in heads else heads.split("  ")[-1].strip())])
        assert [cell_len(row[: row.index("4,321")]) for row in rows] == [place, place]
        text = str(comparison)
        assert not re.search("nan|None|[{}]", text)
        for found in comparison.differences:
            assert f"{found.value:#.4g}" in text
            assert f"{found.noise:.3g}" in text
        assert (language == "zh") == ("有帮助" in text)


# ---- the picture -----------------------------------------------------------------------------------------------------


def test_one_figure_holds_the_curves_of_all_runs(tmp_path):
    pytest.importorskip("matplotlib")
    plain, other = run([0.9, 0.5, 0.6], val_acc=[0.5, 0.6, 0.7]), run([0.9, 0.6, 0.3], val_accuracy=[0.5, 0.7, 0.9])
    figure = lamina.compare({"plain": plain, "other": [other, other]}).plot(tmp_path / "runs.png")
    assert (tmp_path / "runs.png").stat().st_size > 1000
    loss, accuracy = figure.axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    drawn = [line.get_ydata() for line in loss.lines if len(line.get_ydata()) == 3]
    assert any(np.array_equal(line, [0.9, 0.6, 0.3]) for line in drawn)
    assert len(drawn) == 6
    marks = [line.get_xdata()[0] for line in loss.lines if len(line.get_ydata()) == 2]
    assert marks == [2, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "plain, validation", "plain, training", "other, validation", "other, training",
    ]  # fmt: skip


# ---- real runs -------------------------------------------------------------------------------------------------------


def data(seed, count, columns=20):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, columns)).astype("float32")
    return x, (x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * rng.normal(size=count) > 0).astype("float32")


def trained(seed, train, validation, *middle, epochs=8, **arguments):
    lamina.utils.set_random_seed(seed)
    model = lamina.Sequential([layers.Dense(64, activation="relu"), *middle, layers.Dense(1, activation="sigmoid")])
    model.compile(lamina.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(*train, validation_data=validation, epochs=epochs, verbose=0, **arguments)


def test_seeds_of_one_model_make_no_difference_beyond_the_noise():
    validation = data(1, 300)
    runs = [trained(seed, data(0, 200), validation) for seed in range(21)]
    verdicts = [lamina.compare({"one": one, "other": other}).verdict for one, other in itertools.pairwise(runs)]
    assert verdicts.count("no difference") >= 18
    groups = [lamina.compare({"a": runs[k : k + 3], "b": runs[k + 3 : k + 6]}).verdict for k in range(0, 16, 3)]
    assert groups.count("no difference") >= 5


def test_what_truly_helps_is_seen():
    validation, train = data(1, 4000), data(0, 150)
    plain = [trained(seed, train, validation, epochs=15) for seed in range(3)]
    more = [trained(seed, data(2, 3000), validation, epochs=15) for seed in range(3)]
    assert lamina.compare({"plain": plain[0], "more data": more[0]}).verdict == "helps"
    assert lamina.compare({"more data": more[0], "plain": plain[0]}).verdict == "hurts"
    assert lamina.compare({"plain": plain, "more data": more}).verdict == "helps"


def test_early_stopping_hands_back_the_best():
    stop = EarlyStopping(patience=3, restore_best_weights=True)
    train, validation = data(0, 150), data(1, 400)
    stopped = trained(0, train, validation, epochs=30, callbacks=[stop])
    comparison = lamina.compare({"plain": trained(0, train, validation, epochs=30), "stopped": stopped})
    assert comparison.runs[1].restored
    assert comparison.runs[1].epoch == stop.restored_epoch + 1
    assert "The model of 'plain' has the weights of its last epoch, 30" in str(comparison)
    assert "The model of 'stopped'" not in str(comparison)
