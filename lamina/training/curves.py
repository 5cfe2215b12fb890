"""The picture that ``History.plot()`` draws."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from lamina.errors import did_you_mean
from lamina.training.metric_names import find_name

BLUE, ORANGE, GREY = "#1f77b4", "#d95f02", "#888888"
SEVERAL = (BLUE, ORANGE, "#2ca02c", "#9467bd", "#8c564b", "#17a2b8")  # of runs in one picture


def draw_curves(history: Any, path: str | os.PathLike[str] | None = None, metrics: Any = None) -> Any:
    """A figure with a panel for each name: its curve in training and, where there is one, in validation."""
    names = _panels(history.history, metrics)
    figure, panels = _panels_of(names, (4.6, 3.4), path)
    for axes, name in zip(panels, names, strict=True):
        curves = [(name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "-")]
        for key, label, colour, line in curves:
            if key in history.history:
                epochs, values = history.epochs(key), history.history[key]
                axes.plot(epochs, values, line, color=colour, label=label, marker="o" if len(values) < 2 else None)
        if name == "loss" and "val_loss" in history.history:
            _mark_best(axes, history)
        _dress(axes, name)
        axes.legend(frameon=False)
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure


def _panels_of(names: list[str], size: tuple[float, float], path: Any) -> tuple[Any, list[Any]]:
    """An empty figure, and its axes, one for each name."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ImportError("Drawing curves needs matplotlib: pip install 'lamina[plot]'.") from None

    size = (size[0] * len(names), size[1])
    if path is None:  # pyplot's figures show in notebooks and with plt.show()
        from matplotlib import pyplot

        figure: Any = pyplot.figure(figsize=size, layout="constrained")
        figure._ipython_display_ = functools.partial(_show_once, figure)
    else:
        figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(1, len(names), squeeze=False)[0])
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, panels


def _show_once(figure: Any) -> None:
    """Show a figure as the value of a cell. A notebook shows the figures that pyplot still has at the end of a cell, too:
    this one is taken from it then. IPython asks for a method ``_ipython_display_`` before anything else."""
    from matplotlib import pyplot

    if not pyplot.get_backend().lower().endswith("inline"):
        raise NotImplementedError  # IPython goes on to its other ways of showing it
    pyplot.close(figure)
    own = figure.__dict__.pop("_ipython_display_")
    try:
        sys.modules["IPython"].display.display(figure)
    finally:
        figure._ipython_display_ = own


def _dress(axes: Any, name: str) -> None:
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _panels(curves: dict[str, list[Any]], wanted: Any) -> list[str]:
    """The names to draw: the loss, then the metrics, each once with its validation curve."""
    drawable = [name for name, values in curves.items() if all(isinstance(value, (int, float)) for value in values)]
    names = dict.fromkeys(name.removeprefix("val_") for name in drawable)
    names = sorted(names, key=lambda name: (name != "loss", name == "learning_rate"))
    if wanted is not None:
        asked = [wanted] if isinstance(wanted, str) else list(wanted)
        for name in asked:
            if name not in names:
                raise ValueError(f"There is no curve named {name!r}.{did_you_mean(name, names)} "
                                 f"There are: {', '.join(names) or 'none'}.")  # fmt: skip
        names = asked
    if not names:
        raise ValueError("There is nothing to draw: the history is empty. Train with fit() first.")
    return names


def _mark_best(axes: Any, history: Any) -> None:
    """A dotted line at the epoch of the lowest validation loss."""
    values = [value if value == value else float("inf") for value in history.history["val_loss"]]
    best = history.epochs("val_loss")[values.index(min(values))]
    axes.axvline(best, color=GREY, linestyle=":", linewidth=1)
    axes.annotate(f"best: {best}", (best, 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
                  textcoords="offset points", va="top", fontsize=8, color=GREY)  # fmt: skip


def draw_comparison(
    histories: dict[str, list[Any]],
    best: dict[str, int | None],
    metric: str | None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """The curves of several runs in one figure: a colour a run, validation as a line and training dashed."""
    names = ["loss", *([metric.removeprefix("val_")] if metric else [])]
    figure, panels = _panels_of(names, (5.4, 3.8), path)
    for axes, name in zip(panels, names, strict=True):
        for place, (run, every) in enumerate(histories.items()):
            colour = SEVERAL[place % len(SEVERAL)]
            for place_of_seed, history in enumerate(every):
                for key, style, drawn in ((f"val_{name}", "-", "validation"), (name, "--", "training")):
                    found = find_name(key, history.history)
                    if found is None:
                        continue
                    label = f"{run}, {drawn}" if place_of_seed == 0 else "_"
                    axes.plot(history.epochs(found), history.history[found], style, color=colour, label=label,
                              alpha=1.0 if style == "-" else 0.5, linewidth=1.5 if len(every) == 1 else 0.9)  # fmt: skip
            if (epoch := best[run]) is not None:
                axes.axvline(epoch, color=colour, linestyle=":", linewidth=1)
        _dress(axes, name)
    drawn = figure.axes[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=min(4, len(histories)), frameon=False)
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure
