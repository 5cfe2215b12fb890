"""``History``: what it keeps, what it draws, and that it can be kept."""

import pickle
import sys
import types

import matplotlib
import pytest
import torch

from lamina import config
from lamina.callbacks import Callback, History
from lamina.training.curves import _families
from lamina.training.noted import Noted


def curves(**history) -> History:
    made = History()
    made.history = history
    return made


def test_it_is_a_callback_and_keeps_floats():
    history = History()
    assert isinstance(history, Callback)
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": torch.tensor(0.5), "val_loss": 1})
    history.on_epoch_end(1, {"loss": 0.25, "val_loss": 0.75, "matrix": [1, 2]})
    assert history.history == {"loss": [0.5, 0.25], "val_loss": [1.0, 0.75], "matrix": [[1, 2]]}
    assert [type(value) for value in history.history["val_loss"]] == [float, float]
    assert history.epoch == [0, 1]


def test_training_that_goes_on_adds_to_the_curves():
    history = History()
    for start in (0, 2):
        history.on_train_begin()
        for epoch in (start, start + 1):
            history.on_epoch_end(epoch, {"loss": float(epoch)})
    assert history.history["loss"] == [0.0, 1.0, 2.0, 3.0]
    assert history.epoch == [2, 3]  # as in Keras: those of the last call
    assert history.epochs("loss") == [1, 2, 3, 4]


def test_validation_in_some_epochs_only():
    history = History()
    history.on_train_begin()
    for epoch in range(6):
        logs = {"loss": 1.0 - epoch / 10}
        history.on_epoch_end(epoch, logs | ({"val_loss": 0.5} if epoch % 2 else {}))
    assert history.epochs("val_loss") == [2, 4, 6]
    axes = history.plot().axes[0]
    assert axes.lines[1].get_xdata().tolist() == [2, 4, 6]


def test_plot_has_a_panel_for_the_loss_and_one_for_each_metric(tmp_path):
    history = curves(
        accuracy=[0.5, 0.7], loss=[1.0, 0.5], val_accuracy=[0.4, 0.6], val_loss=[1.1, 0.6], learning_rate=[1, 1]
    )
    figure = history.plot(tmp_path / "curves.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy", "learning_rate"]
    loss = figure.axes[0]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "validation"]
    assert loss.lines[0].get_ydata().tolist() == [1.0, 0.5]
    assert [text.get_text() for text in loss.texts] == ["best: 2"]
    assert (tmp_path / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_without_a_path_pyplot_shows_it():
    from matplotlib import pyplot

    figure = curves(loss=[1.0, 0.5]).plot()
    assert pyplot.fignum_exists(figure.number)
    pyplot.close(figure)


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook's ``display`` is given; pyplot shows figures at the end of a cell there."""
    shown: list[object] = []
    fake = types.SimpleNamespace(display=types.SimpleNamespace(display=shown.append))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "module://matplotlib_inline.backend_inline")
    return shown


def test_as_the_value_of_a_cell_it_shows_once(displayed):
    from matplotlib import pyplot

    figure = curves(loss=[1.0, 0.5]).plot()
    assert pyplot.fignum_exists(figure.number)  # which the notebook would show at the end of the cell
    figure._ipython_display_()
    assert displayed == [figure]
    assert not pyplot.fignum_exists(figure.number)
    figure._ipython_display_()  # asked for again, in another cell
    assert displayed == [figure, figure]
    assert pickle.loads(pickle.dumps(figure)).axes


def test_outside_of_a_notebook_the_figure_is_shown_as_any_other(displayed, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")
    with pytest.raises(NotImplementedError):
        curves(loss=[1.0, 0.5]).plot()._ipython_display_()
    assert displayed == []


def test_plot_of_chosen_metrics():
    history = curves(loss=[1.0], accuracy=[0.5], mae=[0.1])
    assert [axes.get_title() for axes in history.plot(metrics=["mae", "loss"]).axes] == ["mae", "loss"]
    with pytest.raises(
        ValueError, match=r"^There is no curve named 'acuracy'. Did you mean 'accuracy'\? There are: loss, ac"
    ):
        history.plot(metrics="acuracy")


def test_nothing_to_plot():
    with pytest.raises(
        ValueError, match=r"^There is nothing to draw: the history is empty. Train with fit\(\) first\.$"
    ):
        History().plot()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^Drawing curves needs matplotlib: pip install 'lamina\[plot\]'\.$"):
        curves(loss=[1.0]).plot()


def test_nan_in_a_curve_is_drawn_around():
    axes = curves(loss=[1.0, 0.5, 0.4], val_loss=[1.0, float("nan"), 0.5]).plot().axes[0]
    assert [text.get_text() for text in axes.texts] == ["best: 3"]


def test_where_nothing_is_finite_no_epoch_is_the_best():
    axes = curves(loss=[float("nan")] * 2, val_loss=[float("inf")] * 2).plot().axes[0]
    assert [text.get_text() for text in axes.texts] == ["NaN or infinite: epoch 1"]
    axes = curves(loss=[1.0, float("inf"), 1.0], val_loss=[2.0, 1.0, 3.0]).plot().axes[0]
    assert {text.get_text() for text in axes.texts} == {"best: 2", "NaN or infinite: epoch 2"}


@pytest.mark.parametrize(("restored", "expected"), [(None, ["best: 2"]), (2, ["best, restored: 2"]),
                                                    (1, ["restored: 1", "best: 2"])])  # fmt: skip
def test_the_epoch_whose_weights_were_restored_is_marked(restored, expected):
    history = curves(loss=[2.0, 1.0, 1.0], val_loss=[2.0, 1.0, 3.0])
    history.noted = Noted(restored=restored)
    assert [text.get_text() for text in history.plot().axes[0].texts] == expected


@pytest.mark.parametrize(("name", "values", "scale"), [
    ("loss", [10.0, 0.01], "log"), ("loss", [1.0, 0.1], "linear"), ("loss", [10.0, -0.01], "linear"),
    ("loss", [10.0, 0.0], "linear"), ("accuracy", [0.001, 0.9], "linear"), ("learning_rate", [1.0, 0.001], "log"),
    ("loss", [10.0, float("nan"), 0.01], "log"), ("loss", [float("nan")], "linear"),
])  # fmt: skip
def test_a_curve_through_decades_has_a_logarithmic_axis(name, values, scale):
    assert curves(**{name: values}).plot().axes[0].get_yscale() == scale


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 2), (5, 2, 3), (8, 3, 3)])
def test_many_panels_stand_in_rows(count, rows, columns):
    figure = curves(**{f"m{number}": [1.0, 2.0] for number in range(count)}).plot()
    assert len(figure.axes) == count
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)
    assert figure.get_size_inches()[0] < 15


def test_lines_are_legible_on_dark_ground():
    from matplotlib import pyplot

    history = curves(loss=[1.0, 0.5], val_loss=[1.0, 0.7])
    light = [line.get_color() for line in history.plot().axes[0].lines[:2]]
    with pyplot.style.context("dark_background"):
        axes = history.plot().axes[0]
        dark = [line.get_color() for line in axes.lines[:2]]
        assert matplotlib.colors.to_rgb(axes.lines[2].get_color()) == (1.0, 1.0, 1.0)
    assert not set(light) & set(dark)


@pytest.fixture
def chinese():
    config.set_language("zh")
    yield
    config.set_language("auto")


def test_chinese_needs_a_font_that_has_it(chinese, monkeypatch, tmp_path):
    history = curves(loss=[1.0, 0.5], val_loss=[1.0, 0.7])
    monkeypatch.setattr("lamina.training.curves._families", lambda: None)
    assert history.plot(tmp_path / "curves.png").axes[0].get_title() == "loss"  # where warnings are errors: no boxes
    monkeypatch.setattr("lamina.training.curves._families", lambda: ["DejaVu Sans", "Some CJK"])
    axes = history.plot().axes[0]
    assert axes.get_title() == "损失（loss）"
    assert axes.title.get_fontfamily() == ["DejaVu Sans", "Some CJK"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["训练", "验证"]


def test_chinese_with_the_fonts_of_this_machine(chinese, tmp_path):
    title = curves(loss=[1.0, 0.5]).plot(tmp_path / "curves.png").axes[0].get_title()
    assert title == ("loss" if _families() is None else "损失（loss）")


def test_a_pickle_keeps_the_numbers_and_not_the_model():
    history = curves(loss=[1.0])
    history.set_model(object())
    again = pickle.loads(pickle.dumps(history))
    assert again.history == {"loss": [1.0]}
    assert again.model is None


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        matplotlib.pyplot.close("all")
