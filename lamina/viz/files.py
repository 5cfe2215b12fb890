"""``lamina show``: what is in a file, on a screen of any width, in English and Chinese, or as JSON.

Whatever comes from a file is shown as text, with nothing in it that a terminal would obey.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from lamina import screen
from lamina.language import say
from lamina.saving.contents import Contents, describe
from lamina.saving.needed import Needed, places_of
from lamina.saving.outline import Array, LayerOutline
from lamina.screen import legible

MOST_ROWS = 200  # of the table of layers, unless all are asked for
WIDTH, WIDE = 80, 100  # where the output is no terminal; from where on there is room for connections
_UNITS = ("B", "KB", "MB", "GB", "TB")


def show(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    weights: bool = False,
    as_json: bool = False,
    stream: Any = None,
    width: int | None = None,
) -> int:
    """Print what is in files of models and weights, of any kind and in any state, without making a model.

    Arguments:
        paths: the files.
        weights: whether to list every array, with figures of its numbers where these are not too many.
        as_json: print one JSON object, or a list of them for several files, in place of text.
        stream: where to; by default ``sys.stdout``. width: in columns; by default the terminal's.

    Returns:
        0; 1 where something is wrong with a file, or there is none.

    >>> import tempfile
    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> file = tempfile.mkdtemp() + "/model.keras"
    >>> Sequential([Dense(2, input_shape=(3,), name="last")]).save(file)
    >>> show(file, width=60)  # doctest: +ELLIPSIS
    /...model.keras
    Written by   Keras 3.15.1
    ...
    """
    one = isinstance(paths, (str, os.PathLike))
    names = [os.fspath(paths)] if isinstance(paths, (str, os.PathLike)) else [os.fspath(path) for path in paths]
    found = [_described(name, weights) for name in names]
    if as_json:
        plain = [contents.as_json() for contents in found]
        text = json.dumps(plain[0] if one or len(plain) == 1 else plain, indent=2, ensure_ascii=True)
        screen.write(f"{text}\n", stream)
    else:
        for number, contents in enumerate(found):
            if number:
                screen.write("\n", stream)
            _Printer(contents, weights, stream, width).show()
    return int(any(contents.faults for contents in found))


def _described(name: str, figures: bool) -> Contents:
    try:
        return describe(name, figures)
    except OSError as error:
        return Contents(name, faults=[str(error)])


def amount(size: float) -> str:
    """``4.69 KB``"""
    power = 0
    while size >= 1024 and power < len(_UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{size:.2f} {_UNITS[power]}" if power else f"{int(size)} B"


def shape_text(shape: Any) -> str:
    """``(None, 3)``; several shapes with commas between; ``?`` for none."""
    if not isinstance(shape, (list, tuple)):
        return "?"
    if any(isinstance(size, (list, tuple)) for size in shape):
        return ", ".join(shape_text(size) for size in shape)
    inner = ", ".join(str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


class _Printer:
    """Prints the contents of one file."""

    def __init__(self, contents: Contents, weights: bool, stream: Any, width: int | None) -> None:
        self.contents = contents
        self.weights = weights
        self.language = screen.language_of(stream)
        self.width = width or screen.columns(stream) or WIDTH
        self.console = screen.console(stream, self.width, soft_wrap=False)

    def show(self) -> None:
        found = self.contents
        self._line(legible(found.path, 1000), "bold")
        facts = list(self._facts())
        left = max((screen.cells(title) for title, _ in facts), default=0) + 2
        for title, text in facts:
            lines = screen.wrap(text, max(20, self.width - left)).split("\n")
            for number, line in enumerate(lines):
                shown = title if not number else ""
                self._line(shown + " " * (left - screen.cells(shown)) + line)
        if found.layers:
            self.console.print(self._layers())
        if self.weights and (found.arrays or found.state):
            self.console.print(self._arrays([*found.arrays, *found.state]))
        self._own([needed for needed in found.own if not needed.given and not needed.lacking])
        self._list("unusual", [note.text(self.language) for note in found.unusual], "yellow")
        self._list("wrong", found.faults, "red")
        if not found.faults and found.layout:
            self._line(screen.wrap(self._say("nothing_wrong"), self.width), "dim")

    # -- facts --

    def _facts(self) -> Iterator[tuple[str, str]]:
        found = self.contents
        if found.generation:
            yield self._say("written_by"), legible(found.generation, 80)
        if found.evidence:
            yield self._say("evidence"), "; ".join(legible(note.text(self.language), 300) for note in found.evidence)
        if found.layout:
            kind = self._say(f"kind_{found.kind}")
            yield self._say("file"), f"{kind}: {self._say(f'layout_{found.layout}')}"
        for key in ("saved", "backend"):
            if getattr(found, key):
                yield self._say(key), legible(getattr(found, key), 80)
        if found.outline is not None and found.outline.class_name:
            outline = found.outline
            count = sum(not layer.depth for layer in outline.layers)
            yield self._say("model"), self._say("model_is", name=legible(outline.name or "-", 80),
                                                kind=legible(outline.class_name, 80), count=count)  # fmt: skip
            for key, names in (("inputs", outline.inputs), ("outputs", outline.outputs)):
                if names:
                    yield self._say(key), ", ".join(self._with_shape(name) for name in names[:8])
        if found.layout:
            size = amount(sum(array.bytes for array in found.arrays))
            yield self._say("size"), self._say("size_is", count=found.count, size=size, arrays=len(found.arrays),
                                               file=amount(found.size))  # fmt: skip
        if found.assets:
            yield self._say("assets"), legible(", ".join(found.assets[:8]), 300)
        if found.layout == "model" or found.training:
            yield from self._training()

    def _with_shape(self, name: str) -> str:
        layer = next((one for one in self.contents.layers if one.name == name and not one.depth), None)
        shape = None if layer is None else layer.output_shape or layer.input_shape
        return legible(name, 80) + (f" {shape_text(shape)}" if shape else "")

    def _training(self) -> Iterator[tuple[str, str]]:
        told, state = self.contents.training, self.contents.state
        optimizer = told.get("optimizer", told.get("optimizer_config"))
        if optimizer is None:
            yield self._say("training"), self._say("not_compiled")
            return
        size = amount(sum(array.bytes for array in state))
        said = self._say("state", count=len(state), size=size) if state else self._say("no_state")
        yield self._say("optimizer"), f"{object_text(optimizer)}; {said}"
        for title, keys in (("loss", ("loss",)), ("metrics", ("metrics", "weighted_metrics"))):
            texts = [object_text(told[key]) for key in keys if told.get(key)]
            if texts:
                yield self._say(title), ", ".join(texts)

    # -- tables --

    def _layers(self) -> Any:
        found = self.contents
        rows = found.layers if self.weights else found.layers[:MOST_ROWS]
        has_shapes = any(layer.output_shape for layer in rows)
        branches = any(
            len(layer.takes) > 1 or len({name for names in layer.takes for name in names}) > 1 for layer in rows
        )
        has_sources = branches and self.width >= WIDE
        titles = [
            "layer",
            *(["output_shape"] if has_shapes else []),
            "weights",
            "numbers",
            *(["takes"] if has_sources else []),
        ]
        table = self._table(titles, {"numbers"})
        for layer in rows:
            name = f"{'   ' * (layer.depth - 1)}{'└ ' if layer.depth else ''}{legible(layer.name, 120)}"
            kind = f" ({legible(layer.class_name.rpartition('>')[2], 60)})" if layer.class_name else ""
            sources = dict.fromkeys(name for names in layer.takes for name in names)
            cells = {"layer": f"{name}{kind}", "output_shape": legible(shape_text(layer.output_shape), 120),
                     "weights": self._shapes(layer), "numbers": f"{layer.count:,}",
                     "takes": legible(", ".join(sources), 200)}  # fmt: skip
            table.add_row(*(self._text(cells[title]) for title in titles))
        if len(rows) < len(found.layers):
            table.add_row(self._text(self._say("more_rows", count=len(found.layers) - len(rows))))
        return table

    def _shapes(self, layer: LayerOutline) -> str:
        shapes = [shape_text(array.shape) for array in layer.arrays]
        return ", ".join(shapes[:6]) + (", ..." if len(shapes) > 6 else "") or "-"

    def _arrays(self, arrays: list[Array]) -> Any:
        titles = ["array", "shape", "dtype", "bytes", *(["range"] if any(array.figures for array in arrays) else [])]
        table = self._table(titles, {"bytes"})
        for array in arrays:
            figures = array.figures
            said = "" if "min" not in figures else (
                f"{figures['min']:.3g} … {figures['max']:.3g} ({figures['mean']:.3g}, {figures['std']:.3g})")  # fmt: skip
            if figures.get("not_finite"):
                said += f" {figures['not_finite']} NaN/inf"
            cells = {"array": legible(array.place, 300), "shape": shape_text(array.shape), "dtype": array.dtype,
                     "bytes": f"{array.bytes:,}", "range": said.strip()}  # fmt: skip
            table.add_row(*(self._text(cells[title]) for title in titles))
        return table

    def _table(self, titles: list[str], right: set[str]) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.HORIZONTALS, header_style="bold", padding=(0, 1 if self.width >= 70 else 0))
        for title in titles:
            whole = title in ("numbers", "bytes", "dtype")
            table.add_column(
                self._say(title), justify="right" if title in right else "left", overflow="fold", no_wrap=whole
            )
        return table

    # -- lists --

    def _own(self, needed: list[Needed]) -> None:
        if not needed:
            return
        texts = []
        for one in needed[:MOST_ROWS]:
            key = "own_code" if one.form == "code" else "own_given"
            texts.append(self._say(key, call=one.call(), kind=one.kind, place=places_of(one)))
        self._list("own", texts, "cyan")
        self._line(screen.wrap(self._say("own_lines"), self.width))
        for one in needed[:MOST_ROWS]:
            for line in one.lines():
                self._line(f"    {line}")

    def _list(self, title: str, texts: list[str], style: str) -> None:
        if not texts:
            return
        self._line(self._say(title), f"bold {style}")
        for text in texts[:MOST_ROWS]:
            for line in screen.wrap(f"- {legible(text, 2000)}", self.width).split("\n"):
                self._line(line)
        if len(texts) > MOST_ROWS:
            self._line(f"- ... {len(texts) - MOST_ROWS}")

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(self._text(text, style), soft_wrap=True)

    def _text(self, text: str, style: str = "") -> Any:
        from rich.text import Text

        return Text(text, style=style)

    def _say(self, key: str, **figures: Any) -> str:
        return say(f"contents.{key}", self.language, **figures)


# What of an optimizer's settings says little, at these values.
_USUAL = {"weight_decay": None, "clipnorm": None, "global_clipnorm": None, "clipvalue": None, "use_ema": False,
          "ema_momentum": 0.99, "ema_overwrite_frequency": None, "loss_scale_factor": None, "amsgrad": False,
          "gradient_accumulation_steps": None, "jit_compile": False, "nesterov": False,
          "is_legacy_optimizer": False}  # fmt: skip


def object_text(value: Any, depth: int = 0) -> str:
    """An object of a config, or a structure of such, in few words: ``Adam(learning_rate=0.001, beta_1=0.9)``.

    >>> object_text({"class_name": "SGD", "config": {"name": "sgd", "learning_rate": 0.1, "nesterov": False}})
    'SGD(learning_rate=0.1)'
    """
    if depth > 6:
        return "..."
    if isinstance(value, list):
        inner = ", ".join(object_text(item, depth + 1) for item in value[:12])
        return inner if depth == 0 else f"[{inner}]"
    if isinstance(value, float):
        return f"{value:.6g}"  # a setting that went through float32
    if not isinstance(value, dict):
        return legible(value if isinstance(value, str) else str(value), 60)
    name, inner = value.get("class_name"), value.get("config")
    if not isinstance(name, str):
        return ", ".join(
            f"{legible(str(key), 60)}: {object_text(item, depth + 1)}" for key, item in list(value.items())[:12]
        )
    if name in ("function", "class"):
        return legible(str(inner), 60)
    settings = inner if isinstance(inner, dict) else {}
    if isinstance(settings.get("fn"), (str, dict)):
        return object_text(settings["fn"], depth + 1)
    said = [f"{legible(key, 40)}={object_text(item, depth + 1)}" for key, item in list(settings.items())[:20]
            if key not in ("name", "dtype", "reduction") and not (key in _USUAL and _USUAL[key] == item)]  # fmt: skip
    return legible(name.rpartition(">")[2], 60) + (f"({', '.join(said)})" if said else "")
