"""What is said when weights don't fit: one table, wherever the weights come from.

A reader notes for each layer what there is and what the layer needs; when something does not fit, the error or the warning is
the first fault in a sentence, the table, and the likely cause where there can be only one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

Shapes = Sequence[tuple[int, ...]]
Pairs = list[tuple[int | None, int | None]]  # which of what is given stands for which of what is needed

FITS, SHAPE, COUNT, TYPE = "fits", "shape differs", "number differs", "type differs"
UNREADABLE, MISSING, UNKNOWN = "can't be read", "missing in file", "not in model"

MOST_ROWS = 20
_MOST_SHAPES = 4
_LONGEST = 48  # letters of a cell
_MOST_TO_ALIGN = 2000  # the time that alignment takes grows with the square


class Row(NamedTuple):
    """One layer: what there is for it, what it needs, and what follows."""

    layer: str
    theirs: Shapes | None
    mine: Shapes | None
    verdict: str
    sentence: str = ""


class Comparison:
    """Layer for layer, weights that are given beside those that a model has.

    Arguments:
        source: where the weights come from, as a sentence begins: a file and the place in it.
        model: what needs them, ``Sequential 'net'``.
        column: the heading over what is given.

    >>> found = Comparison("w.npz", "Sequential 'net'")
    >>> found.add("hidden", [(3, 4), (4,)], [(3, 4), (4,)])
    >>> found.add("out", [(4, 2), (2,)], [(4, 3), (3,)])
    >>> print(found.error())
    w.npz has shape (4, 2) for 'out', and Sequential 'net' needs (4, 3).
      layer   in file      in model     verdict
      out     (4, 2) (2,)  (4, 3) (3,)  shape differs
      hidden  (3, 4) (4,)  (3, 4) (4,)  fits
    Where they differ, the file has 2 and the model 3: another number of units or classes.
    """

    def __init__(self, source: str, model: str, column: str = "in file") -> None:
        self.source, self.model, self.column = source, model, column
        self.rows: list[Row] = []

    def add(
        self, layer: str, theirs: Shapes | None, mine: Shapes | None, sentence: str = "", verdict: str = ""
    ) -> None:
        """Note one layer; ``None`` stands for nothing there.

        Arguments:
            sentence: what is wrong, in the reader's own words.
            verdict: what follows, where shapes alone don't say it.
        """
        found = verdict or _verdict(theirs, mine)
        if found != FITS and not sentence:
            sentence = self._said(layer, theirs, mine, found)
        self.rows.append(Row(layer, theirs, mine, found, sentence))

    def _said(self, layer: str, theirs: Shapes | None, mine: Shapes | None, verdict: str) -> str:
        if verdict == UNKNOWN:
            return f"{self.source} has weights for {layer!r}, and {self.model} has nothing there."
        if verdict == MISSING:
            return f"{self.source} has nothing for {layer!r}, where {self.model} needs {_shapes(mine)}."
        if verdict == COUNT:
            return (f"{self.source} has {len(theirs or ())} weights for {layer!r}, and {self.model} has "
                    f"{len(mine or ())}.")  # fmt: skip
        one, other = next(((a, b) for a, b in zip(theirs or (), mine or (), strict=False) if a != b), ((), ()))
        return f"{self.source} has shape {one} for {layer!r}, and {self.model} needs {other}."

    def add_in_order(self, theirs: Shapes, mine: Shapes, layers: Sequence[str],
                     fault: Callable[[Pairs], tuple[str, str]] = lambda pairs: ("", "")) -> Pairs:  # fmt: skip
        """Note arrays that have no names: which layer they are for, their order says.

        Arguments:
            layers: for each of ``mine``, whose it is.
            fault: a sentence and a verdict for what is wrong with a layer's pairs although their shapes fit.

        Returns:
            The pairs of those layers that fit.
        """
        groups: dict[str, Pairs] = {}
        last = ""
        for one, other in aligned(theirs, mine):
            if other is not None:
                last = layers[other]
            elif not last.startswith("array "):
                last = f"array {one} and on"
            groups.setdefault(last, []).append((one, other))
        fitting: Pairs = []
        for layer, pairs in groups.items():
            given = [theirs[one] for one, _ in pairs if one is not None]
            needed = [mine[other] for _, other in pairs if other is not None]
            self.add(layer, given or None, needed or None, *(fault(pairs) if given == needed else ()))
            fitting += pairs if self.rows[-1].verdict == FITS else []
        return fitting

    @property
    def wrong(self) -> list[Row]:
        """The layers that don't fit."""
        return [row for row in self.rows if row.verdict != FITS]

    def error(self, sentence: str = "") -> ValueError:
        """The error that says all of it; ``sentence`` in place of the first fault's own."""
        return ValueError(f"{sentence or self.wrong[0].sentence}\n{self.table()}")

    def warning(self) -> str:
        """The words of the warning when what does not fit is left out."""
        return f"Some weights were left as they are. {self.wrong[0].sentence}\n{self.table()}"

    def table(self) -> str:
        """Layers, those that don't fit first, with the likely cause where there can be only one."""
        wrong, right = self.wrong, [row for row in self.rows if row.verdict == FITS]
        shown = [*wrong, *right][:MOST_ROWS]
        cells = [("layer", self.column, "in model", "verdict")] + [
            (_cut(row.layer), _shapes(row.theirs), _shapes(row.mine), self._named(row.verdict)) for row in shown
        ]
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip()
                 for line in cells]  # fmt: skip
        if hidden := [*wrong, *right][MOST_ROWS:]:
            counts = Counter(self._named(row.verdict) for row in hidden)
            said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            lines.append(f"  and {len(hidden)} more: {said}")
        return "\n".join([*lines, *([cause] if (cause := self._cause()) else [])])

    def _named(self, verdict: str) -> str:
        return "missing" if verdict == MISSING and self.column != "in file" else verdict

    def _cause(self) -> str:
        """What must have led to this, if it shows."""
        wrong = self.wrong
        what = "file" if self.column == "in file" else "list"
        for verdict, more in ((UNKNOWN, "more"), (MISSING, "fewer")):
            if len(wrong) < len(self.rows) and all(row.verdict == verdict for row in wrong):
                count = f"{len(wrong)} layer{'s' * (len(wrong) > 1)}"
                return f"The {what} has {count} {more} than the model; all else fits."
        if all(row.verdict == SHAPE for row in wrong):
            return _cause_of_shapes([pair for row in wrong for pair in zip(row.theirs or (), row.mine or (), strict=True)
                                     if pair[0] != pair[1]], what)  # fmt: skip
        missing = [row.mine for row in wrong if row.verdict == MISSING]
        unknown = [row.theirs for row in wrong if row.verdict == UNKNOWN]
        if not missing or len(missing) != len(unknown) or len(missing) + len(unknown) != len(wrong):
            return ""
        if all(sorted(mine or ()) == sorted(theirs or ()) for mine, theirs in zip(missing, unknown, strict=True)):
            return f"The {what} has just these shapes, in this order, under other names."
        if all(_turned(mine, theirs) for mine, theirs in zip(missing, unknown, strict=True)):
            return (f"The {what} has just these sizes, in this order, under other names and with the axes of kernels in "
                    "another order, as torch's own layers have them: put each into its layer by layer.set_weights, "
                    "kernels transposed.")  # fmt: skip
        return ""


def _turned(mine: Shapes | None, theirs: Shapes | None) -> bool:
    """Whether the sizes of a layer are all there. (torch counts the batches of its batch normalization, besides.)"""
    kept = [shape for shape in theirs or () if shape]
    return sorted(map(sorted, mine or ())) == sorted(map(sorted, kept))


def _verdict(theirs: Shapes | None, mine: Shapes | None) -> str:
    if theirs is None or mine is None:
        return MISSING if theirs is None else UNKNOWN
    if len(theirs) != len(mine):
        return COUNT
    return FITS if list(map(tuple, theirs)) == list(map(tuple, mine)) else SHAPE


def _cause_of_shapes(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], what: str) -> str:
    if all(sorted(theirs) == sorted(mine) for theirs, mine in pairs):
        turned = all(len(mine) == 2 for _, mine in pairs)
        return (f"The {what} has the same sizes {'transposed' if turned else 'with the axes in another order'}, as kernels of "
                "torch's own layers have them: which axis is which is not guessed; transpose them, and use "
                "layer.set_weights.")  # fmt: skip
    if any(len(theirs) != len(mine) for theirs, mine in pairs):
        return ""
    sizes = {pair for theirs, mine in pairs for pair in zip(theirs, mine, strict=True) if pair[0] != pair[1]}
    if len(sizes) != 1:
        return ""
    [(their, my)] = sizes
    return f"Where they differ, the {what} has {their} and the model {my}: another number of units or classes."


def _shapes(shapes: Shapes | None) -> str:
    if shapes is None:
        return "-"
    text = " ".join(str(tuple(shape)) for shape in shapes[:_MOST_SHAPES]) or "no weights"
    return _cut(text + (f" and {len(shapes) - _MOST_SHAPES} more" if len(shapes) > _MOST_SHAPES else ""))


def _cut(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def layers_of(weights: Sequence[Any], model: str) -> list[str]:
    """Whose each of a model's weights is: its path up to its own name, without the model's own name."""
    paths = [str(getattr(weight, "path", "")) for weight in weights]
    return [path.removeprefix(f"{model}/").rpartition("/")[0] or path.rpartition("/")[0] or f"weight {number}"
            for number, path in enumerate(paths)]  # fmt: skip


def aligned(theirs: Sequence[object], mine: Sequence[object]) -> Pairs:
    """Which of ``theirs`` stands for which of ``mine`` when only their order says so: equal ones in order, and what is
    between them one after the other.

    >>> aligned(["a", "x", "b"], ["a", "b"])
    [(0, 0), (1, None), (2, 1)]
    """
    pairs: Pairs = []
    if len(theirs) == len(mine) or max(len(theirs), len(mine)) > _MOST_TO_ALIGN:
        blocks = [("", 0, len(theirs), 0, len(mine))]
    else:
        blocks = SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes()
    for _, first, last, begin, end in blocks:
        for step in range(max(last - first, end - begin)):
            pairs.append((first + step if first + step < last else None, begin + step if begin + step < end else None))
    return pairs


def misfit_of(owner: Any, mine: Sequence[Any], given: Sequence[Any]) -> ValueError:
    """The error of ``set_weights`` for arrays that don't fit: a sentence, and the table where there are several layers."""
    what = f"{type(owner).__name__} {owner.name!r}"
    needed, shapes = ([tuple(one.shape) for one in side] for side in (mine, given))
    if len(shapes) != len(needed):
        unbuilt = " It is not built yet: call it, or build() it, first." if not getattr(owner, "built", True) else ""
        said = f"{what} has {len(needed)} weights, and set_weights got {len(shapes)}.{unbuilt}"
    else:
        index = next(number for number, pair in enumerate(zip(needed, shapes, strict=True)) if pair[0] != pair[1])
        said = f"Weight {index} of {what} has shape {needed[index]}, and set_weights got {shapes[index]}."
    layers = layers_of(mine, owner.name)
    if len(set(layers)) < 2:
        return ValueError(said)
    found = Comparison("the list", what, "given")
    found.add_in_order(shapes, needed, layers)
    return found.error(said)
