"""The picture that ``History.plot()`` draws."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lamina import config
from lamina.errors import did_you_mean
from lamina.language import SENTENCES, say
from lamina.training.metric_names import direction, find_name

# Colours of Okabe and Ito, which the colour-blind tell apart: on light ground, and on dark ground.
_ON_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_ON_DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00")
_IN_A_ROW = 3  # panels
_DECADES = 100  # the highest value of a curve by its lowest from which on its axis is logarithmic
# Beginnings of the names of fonts that have Chinese characters.
_CHINESE_FONTS = ("Noto Sans CJK", "Noto Sans SC", "Source Han Sans", "PingFang", "Hiragino Sans GB", "Microsoft YaHei",
                  "SimHei", "WenQuanYi", "Heiti", "STHeiti", "Arial Unicode MS", "Noto Serif CJK", "Source Han Serif", "Songti",
                  "SimSun", "STSong", "Droid Sans Fallback")  # fmt: skip


def draw_curves(history: Any, path: str | os.PathLike[str] | None = None, metrics: Any = None) -> Any:
    """A figure with a panel for each name: its curve in training and, where there is one, in validation."""
    names = _panels(history.history, metrics)
    figure, panels = _panels_of(names, (4.6, 3.4), path)
    tell = _words()
    for axes, name in zip(panels, names, strict=True):
        colours = _colours(axes)
        curves = [(name, tell("training"), colours[0]), (f"val_{name}", tell("validation"), colours[1])]
        known = [key for key, _, _ in curves if key in history.history]
        last = max(history.epochs(key)[-1] for key in known)
        for key, label, colour in curves:
            if key in known:
                epochs, values = history.epochs(key), history.history[key]
                marker = "o" if len(values) < 2 else "." if len(values) < last else None
                axes.plot(epochs, values, color=colour, label=label, marker=marker)
        if last == 1:
            axes.set_xticks([1])
        if name == "loss":
            _mark_epochs(axes, history, tell)
        _dress(axes, name, tell)
        if _spans_decades(name, [value for key in known for value in history.history[key]]):
            axes.set_yscale("log")
        axes.legend(frameon=False)
    return _finished(figure, path)


def _colours(axes: Any) -> tuple[str, ...]:
    """The colours for lines on the ground that the style gives the axes."""
    return _ON_DARK if sum(axes.get_facecolor()[:3]) < 1.5 else _ON_LIGHT


def _finished(figure: Any, path: Any) -> Any:
    """The figure, with characters that its font lacks taken from another one, and saved."""
    from matplotlib.text import Text

    families = _families()
    for text in figure.findobj(Text):
        if families and not text.get_text().isascii():
            text.set_fontfamily(families)
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure


def _words() -> Callable[..., str]:
    """``say`` for pictures: in English where no font has the characters of the language."""
    language = config.language() if _families() else "en"
    return lambda key, **figures: say(f"plots.{key}", language, **figures)


def _families() -> list[str] | None:
    """The fonts to write Chinese with: the user's own, and behind it one that has the characters; ``None`` without any."""
    from matplotlib import font_manager, rcParams

    own = list(rcParams["font.family"])
    file = font_manager.findfont(font_manager.FontProperties(family=own))
    if font_manager.get_font(file).get_char_index(ord("训")):
        return own
    known = sorted({font.name for font in font_manager.fontManager.ttflist})
    found = next((name for start in _CHINESE_FONTS for name in known if name.startswith(start)), None)
    found = found or _newly_installed()
    return None if found is None else [*own, found]


@functools.cache
def _newly_installed() -> str | None:
    """A font with Chinese characters that matplotlib's list of fonts, which it keeps in a file, does not know yet."""
    from matplotlib import font_manager

    starts = tuple(start.replace(" ", "").lower() for start in _CHINESE_FONTS)
    files = [Path(file) for file in sorted(font_manager.findSystemFonts())]
    file = next(
        (file for file in files if file.name.lower().startswith(starts) and "regular" in file.name.lower()), None
    )
    if file is None:
        return None
    font_manager.fontManager.addfont(file)
    return font_manager.get_font(file).family_name


def _spans_decades(name: str, values: list[Any]) -> bool:
    """Whether a curve that is better low, or a rate, goes through so many sizes that a straight axis would hide most."""
    finite = [value for value in values if math.isfinite(value)]
    falls = name == "learning_rate" or direction(name, ()) == "min"
    return falls and bool(finite) and min(finite) > 0 and max(finite) >= _DECADES * min(finite)


def _panels_of(names: list[str], size: tuple[float, float], path: Any) -> tuple[Any, list[Any]]:
    """An empty figure, and its axes, one for each name."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ImportError("Drawing curves needs matplotlib: pip install 'lamina[plot]'.") from None

    rows = math.ceil(len(names) / _IN_A_ROW)
    columns = math.ceil(len(names) / rows)
    size = (size[0] * columns, size[1] * rows)
    if path is None:  # pyplot's figures show in notebooks and with plt.show()
        from matplotlib import pyplot

        figure: Any = pyplot.figure(figsize=size, layout="constrained")
        figure._ipython_display_ = functools.partial(_show_once, figure)
    else:
        figure = Figure(figsize=size, layout="constrained")
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    panels = every[: len(names)]
    for axes in every[len(names) :]:
        axes.remove()
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


def _dress(axes: Any, name: str, tell: Callable[..., str]) -> None:
    axes.set_title(tell(name) if f"plots.{name}" in SENTENCES else name)
    axes.set_xlabel(tell("epoch"))
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


def _mark_epochs(axes: Any, history: Any, tell: Callable[..., str]) -> None:
    """Dotted lines at the epoch of the lowest validation loss, at that whose weights were restored, and where it all broke."""
    marks: list[tuple[int, str]] = []
    validation = history.history.get("val_loss", [])
    finite = [(value, epoch) for value, epoch in zip(validation, history.epochs("val_loss") if validation else [], strict=True)
              if math.isfinite(value)]  # fmt: skip
    best = min(finite)[1] if finite else None
    restored = getattr(history.noted, "restored", None)
    if best is not None:
        marks.append((best, tell("best_restored" if best == restored else "best", number=best)))
    if restored is not None and restored != best:
        marks.append((restored, tell("restored", number=restored)))
    losses = history.history.get("loss", [])
    broken = next((epoch for epoch, value in zip(history.epochs("loss") if losses else [], losses, strict=True)
                   if not math.isfinite(value)), None)  # fmt: skip
    if broken is not None:
        marks.append((broken, tell("broken", number=broken)))
    last = max(map(len, history.history.values()))
    for row, (epoch, text) in enumerate(sorted(marks)):
        # Outwards, where there is room, so that two labels stay clear of the other's line.
        left = epoch > last * (0.5 if len(marks) == 1 else 0.25 if row == 0 else 0.75)
        axes.axvline(epoch, color=axes.xaxis.label.get_color(), alpha=0.5, linestyle=":", linewidth=1)
        axes.annotate(text, (epoch, 1), xycoords=("data", "axes fraction"), xytext=(-3 if left else 3, -3 - 10 * row),
                      textcoords="offset points", va="top", ha="right" if left else "left", fontsize=8, alpha=0.8)  # fmt: skip


def draw_comparison(
    histories: dict[str, list[Any]],
    best: dict[str, int | None],
    metric: str | None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """The curves of several runs in one figure: a colour a run, validation as a line and training dashed."""
    names = ["loss", *([metric.removeprefix("val_")] if metric else [])]
    figure, panels = _panels_of(names, (5.4, 3.8), path)
    tell = _words()
    for axes, name in zip(panels, names, strict=True):
        for place, (run, every) in enumerate(histories.items()):
            colour = _colours(axes)[place % len(_ON_LIGHT)]
            for place_of_seed, history in enumerate(every):
                for key, style, drawn in ((f"val_{name}", "-", tell("validation")), (name, "--", tell("training"))):
                    found = find_name(key, history.history)
                    if found is None:
                        continue
                    label = f"{run}, {drawn}" if place_of_seed == 0 else "_"
                    axes.plot(history.epochs(found), history.history[found], style, color=colour, label=label,
                              alpha=1.0 if style == "-" else 0.5, linewidth=1.5 if len(every) == 1 else 0.9)  # fmt: skip
            if (epoch := best[run]) is not None:
                axes.axvline(epoch, color=colour, linestyle=":", linewidth=1)
        _dress(axes, name, tell)
    drawn = figure.axes[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=min(4, len(histories)), frameon=False)
    return _finished(figure, path)
