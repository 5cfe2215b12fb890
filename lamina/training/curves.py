"""The picture that ``History.plot()`` draws."""

from __future__ import annotations

import os
from typing import Any

from lamina.errors import did_you_mean

BLUE, ORANGE, GREY = "#1f77b4", "#d95f02", "#888888"


def draw_curves(history: Any, path: str | os.PathLike[str] | None = None, metrics: Any = None) -> Any:
    """A figure with a panel for each name: its curve in training and, where there is one, in validation."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ImportError("Drawing curves needs matplotlib: pip install 'lamina[plot]'.") from None

    names = _panels(history.history, metrics)
    size = (4.6 * len(names), 3.4)
    if path is None:  # pyplot's figures show in notebooks and with plt.show()
        from matplotlib import pyplot

        figure: Any = pyplot.figure(figsize=size, layout="constrained")
    else:
        figure = Figure(figsize=size, layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        curves = [(name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "-")]
        for key, label, colour, line in curves:
            if key in history.history:
                epochs, values = history.epochs(key), history.history[key]
                axes.plot(epochs, values, line, color=colour, label=label, marker="o" if len(values) < 2 else None)
        if name == "loss" and "val_loss" in history.history:
            _mark_best(axes, history)
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure


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
