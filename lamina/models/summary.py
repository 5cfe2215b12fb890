"""The table that ``model.summary()`` prints: each layer, what it gives, what it weighs, and what it is connected to.

It is printed inside error messages too, so it shows any model in any state: built or not, planned or written by hand,
half made, copied, with layers that are torch's own. What is not known is shown as ``?``.
"""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from lamina import config, screen
from lamina.engine.describing import UNKNOWN, shape_by_rule, shape_text
from lamina.engine.layer import Layer
from lamina.engine.tracking import children_of
from lamina.engine.weights import weights_of
from lamina.errors import did_you_mean
from lamina.graph.plan import Plan, Step, Value
from lamina.graph.symbolic import SymbolicTensor, leaves
from lamina.language import say

_TITLES = {"Layer (type)": "screen.layer", "Output Shape": "screen.output_shape", "Param #": "screen.params",
           "Trainable": "screen.is_trainable", "Connected to": "screen.connected_to"}  # fmt: skip
NARROW = 60  # columns: below, the table's own stand closer to each other
WIDTH, WIDE = 80, 100  # where the output is no terminal: without, and with, the column of connections


@dataclass
class Row:
    """What the table shows of one layer, or of one torch function in a functional model."""

    name: str
    kind: str
    shape: str
    params: str = "0"
    trainable: str = "-"
    sources: list[str] = field(default_factory=list)
    module: nn.Module | None = None
    depth: int = 0
    built: bool = True


def summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print a table of a model's layers and the number of its weights.

    Arguments:
        model: any model, built or not.
        line_length: the largest width of the table; by default the terminal's.
        positions: where each column ends, in characters or as parts of the width: ``[0.4, 0.75, 1.0]``.
        print_fn: called once with the whole text, in place of printing it.
        expand_nested: whether to show the layers of models inside the model, indented.
        show_trainable: whether to add a column that says which layers training changes: Y, N, or - for no weights.
        layer_range: the names of the first and the last layer to show, or patterns for them.

    Raises:
        ValueError: when ``layer_range`` names no layer, or ``positions`` are not one for each column.

    Source: https://keras.io/api/models/model/#summary-method

    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> summary(Sequential([Dense(32, input_shape=(16,), name="a"), Dense(4, name="b")], name="net"))
    Model: "net"
     ───────────────────────────────────────
      Layer (type)   Output Shape   Param #
     ───────────────────────────────────────
      a (Dense)      (None, 32)         544
      b (Dense)      (None, 4)          132
     ───────────────────────────────────────
     Total params: 676 (2.64 KB)
     Trainable params: 676 (2.64 KB)
     Non-trainable params: 0 (0.00 B)
    """
    draw = _drawing(model, line_length, positions, expand_nested, show_trainable, layer_range)
    if print_fn is not None and print_fn is not print:
        try:
            print_fn(_as_text(draw, config.language()))
        except UnicodeEncodeError:  # it writes where there are only some characters
            print_fn(screen.in_ascii(_as_text(draw, "en")))
    elif screen.is_terminal(sys.stdout):
        draw(sys.stdout, screen.language_of(), colours=True)
    else:
        screen.write(_as_text(draw, screen.language_of()) + "\n")


def in_errors(model: Any) -> str:
    """The table as a part of an error: in English, whatever the language, in characters that stderr has."""
    return screen.plain(_as_text(_drawing(model), "en"), sys.stderr)


def _as_text(draw: Callable[..., None], language: str) -> str:
    captured = io.StringIO()
    draw(captured, language)
    return "\n".join(line.rstrip() for line in captured.getvalue().splitlines())


def _drawing(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> Callable[..., None]:
    """A function ``(stream, language, colours=False)`` that draws the table."""
    from rich.text import Text  # only here: it takes longer to import than the table to print

    columns = ["Layer (type)", "Output Shape", "Param #"]
    columns += ["Trainable"] if show_trainable else []
    columns += [] if is_linear(model) else ["Connected to"]
    rows = _in_range(rows_of(model), layer_range)
    rows = [row for outer in rows for row in (_with_nested(outer) if expand_nested else [outer])]

    def draw(stream: Any, language: str, colours: bool = False) -> None:
        width = line_length or screen.columns(stream) or (WIDE if "Connected to" in columns else WIDTH)
        console = screen.console(stream, width, colours)
        name = getattr(model, "name", type(model).__name__)
        console.print(Text(say("screen.model", language, name=name), style="bold"))
        console.print(_table(columns, rows, _column_widths(positions, columns, width), language, width < NARROW))
        for title, amount in amounts(model).items():
            text = Text(f" {say(f'screen.{title}', language, amount=amount)}")
            text.stylize("bold", len(text) - len(amount))
            console.print(text)

    return draw


# ---- what the rows say ---------------------------------------------------------------------------------------------


def rows_of(model: Any) -> list[Row]:
    """One row for each layer; of a functional model in Keras's order, with its torch functions between them."""
    plan = getattr(model, "_plan", None)
    if isinstance(plan, Plan) and not hasattr(model, "_chain"):
        return _PlanReader(plan).rows()
    shapes = _shapes_in_stack(model)
    return [_row(name, module, shapes.get(id(module)) or shape_by_rule(module)) for name, module in _children(model)]


def is_linear(model: Any) -> bool:
    """Whether each layer takes just what the row above gives, so that a column of connections would say nothing."""
    plan = getattr(model, "_plan", None)
    return not isinstance(plan, Plan) or hasattr(model, "_chain") or _PlanReader(plan).is_linear()


def _children(model: Any) -> Iterator[tuple[str, nn.Module]]:
    """The modules directly inside, those in lists and dicts too, by their own names or else their attributes'."""
    if isinstance(model, nn.Module):
        yield from ((_name(child, place), child) for place, child in children_of(model))


def _name(module: nn.Module, otherwise: str) -> str:
    name = getattr(module, "name", None)
    return name if isinstance(name, str) else otherwise


def _row(name: str, module: nn.Module, shape: str, sources: list[str] | None = None) -> Row:
    weights = _weights(module)
    changed = [weight.requires_grad for weight in weights]
    trainable = "-" if not weights else "Y" if any(changed) and getattr(module, "trainable", True) else "N"
    waits = not getattr(module, "built", True) and getattr(type(module), "build", None) is not Layer.build
    built = not waits and len(weights) == len(_weights(module, unmade=True))
    return Row(name, type(module).__name__, shape, f"{_count(weights):,}", trainable, sources or [], module,
               built=built)  # fmt: skip


def _with_nested(row: Row) -> Iterator[Row]:
    """A row, and below it those of the model inside it, if it is one."""
    yield row
    if hasattr(row.module, "_plan"):
        for outer in rows_of(row.module):
            for inner in _with_nested(outer):
                inner.depth += 1
                yield inner


def _in_range(rows: list[Row], layer_range: Sequence[str] | None) -> list[Row]:
    if layer_range is None:
        return rows
    if isinstance(layer_range, str) or len(layer_range) != 2:
        raise ValueError(f"layer_range takes two names, of the first and of the last layer, and got {layer_range!r}.")
    ends: list[list[int]] = []
    for pattern in layer_range:
        ends.append([number for number, row in enumerate(rows) if row.name == pattern or re.match(pattern, row.name)])
        if not ends[-1]:
            names = [row.name for row in rows]
            raise ValueError(f"layer_range: no layer is named {pattern!r}.{did_you_mean(pattern, names)} "
                             f"The layers are: {', '.join(names)}.")  # fmt: skip
    if min(ends[0]) > max(ends[1]):
        ends.reverse()
    return rows[min(ends[0]) : max(ends[1]) + 1]


# ---- functional models ---------------------------------------------------------------------------------------------


class _PlanReader:
    """What the table needs to know of a plan. Copies and unpickled models have one, too.

    Masks that layers hand on, and sizes such as ``x.size(0)``, are left out, with the functions that only make them.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._of_functions = {value.index for step in plan.steps if step.kind != "call_module"
                              for value in self.tensors(step.outputs)}  # fmt: skip
        wanted = {value.index for value in self.tensors(plan.outputs)}
        self.steps: list[Step] = []
        for step in reversed(plan.steps):
            if step.kind == "call_module" or any(value.index in wanted for value in self.tensors(step.outputs)):
                self.steps.append(step)
                wanted.update(value.index for value in self.taken(step))
        self.steps.reverse()

    def tensors(self, structure: Any) -> list[Value]:
        values = (leaf for leaf in leaves(structure) if isinstance(leaf, Value))
        return [value for value in values if self.plan.values[value.index][1] is not None]

    def taken(self, step: Step) -> list[Value]:
        masks = {key for key in step.kwargs if key == "mask" or key.endswith("_mask")}
        taken = self.tensors((step.args, {key: value for key, value in step.kwargs.items() if key not in masks}))
        masks_by_layers = self.tensors([step.kwargs[key] for key in masks])
        return taken + [value for value in masks_by_layers if value.index not in self._of_functions]

    def shape(self, outputs: Any) -> str:
        return ", ".join(shape_text(self.plan.values[value.index][0]) for value in self.tensors(outputs)) or UNKNOWN

    def is_linear(self) -> bool:
        """Whether each step is a layer of its own that takes just what the one before gives."""
        latest = self.tensors(self.plan.inputs)
        for step in self.steps:
            if step.kind != "call_module" or len(latest) != 1 or self.taken(step) != latest:
                return False
            latest = self.tensors(step.outputs)
        layers = [step.target for step in self.steps]
        return len(set(layers)) == len(layers) and self.tensors(self.plan.outputs) == latest

    def rows(self) -> list[Row]:
        """Layers in Keras's order; a torch function stands below the last layer that it takes something from."""
        modules = {key: (place, _name(module, key)) for place, (key, module) in enumerate(self.plan.modules.items())}
        origin: dict[int, tuple[int, str]] = {}  # of each value: the place of its row, and the name to call it by
        for value, name in zip(self.plan.inputs, self.plan.input_names, strict=True):
            origin[value.index] = modules.get(name, (0, name))
        calls: dict[str, list[Step]] = {key: [] for key in modules}
        below: dict[int, list[Row]] = {}
        copies: Counter[str] = Counter()
        for step in self.steps:
            if step.kind == "call_module":
                calls[step.target].append(step)
                place, name = modules[step.target]
            else:
                place = max((origin[value.index][0] for value in self.taken(step)), default=0)
                name = f"{step.name}_{copies[step.name]}" if copies[step.name] else step.name
                copies[step.name] += 1
                sources = [origin[value.index][1] for value in self.taken(step)]
                below.setdefault(place, []).append(Row(name, "function", self.shape(step.outputs), sources=sources))
            made = self.tensors(step.outputs)
            for number, value in enumerate(made):
                origin[value.index] = (place, name if len(made) == 1 else f"{name}[{number}]")
        rows: list[Row] = []
        for key, (place, name) in modules.items():
            module, steps = self.plan.modules[key], calls[key]
            shapes = dict.fromkeys(self.shape(step.outputs) for step in steps)
            shape = ", ".join(shapes) or shape_text(getattr(module, "batch_shape", None))
            sources = [origin[value.index][1] for step in steps for value in self.taken(step)]
            rows += [_row(name, module, shape, sources), *below.get(place, ())]
        return rows


# ---- shapes where there is no plan ---------------------------------------------------------------------------------


def _shapes_in_stack(model: Any) -> dict[int, str]:
    """The output shapes along the symbolic chain of a Sequential, by the layer's id; else from its plan."""
    shapes: dict[int, str] = {}
    _, tensor = getattr(model, "_chain", None) or (None, None)
    while isinstance(tensor, SymbolicTensor) and tensor.node is not None and tensor.node.inputs:
        shapes[id(tensor.node.target)] = shape_text(tensor.shape)
        tensor = tensor.node.inputs[0]
    plan = getattr(model, "_plan", None)
    if not shapes and isinstance(plan, Plan):
        reader = _PlanReader(plan)
        for step in reader.steps:
            shapes[id(plan.modules.get(step.target))] = reader.shape(step.outputs)
    return shapes


# ---- counting ------------------------------------------------------------------------------------------------------


def _weights(module: Any, unmade: bool = False) -> list[torch.Tensor]:
    """The weights inside, each once. torch's lazy modules have some of which not even the shape is known."""
    found = {id(weight): weight for weight in weights_of(module)} if isinstance(module, nn.Module) else {}
    return [weight for weight in found.values() if unmade or not nn.parameter.is_lazy(weight)]


def _count(weights: Sequence[Any]) -> int:
    return sum(weight.numel() for weight in weights)


def _amount(weights: Sequence[Any]) -> str:
    """``1,200 (4.69 KB)``"""
    size = float(sum(weight.numel() * weight.element_size() for weight in weights))
    units = ["B", "KB", "MB", "GB", "TB"]
    power = 0
    while size >= 1024 and power < len(units) - 1:
        size, power = size / 1024, power + 1
    return f"{_count(weights):,} ({size:.2f} {units[power]})"


def amounts(model: Any) -> dict[str, str]:
    """What stands below the table, by the key of the sentence: ``{"total": "676 (2.64 KB)", ...}``."""
    return {title: _amount(weights) for title, weights in _totals(model).items()}


def _totals(model: Any) -> dict[str, list[torch.Tensor]]:
    """Weights by the key of what is said of them."""
    weights = _weights(model)
    changes = getattr(model, "trainable", True)
    optimizer: Any = getattr(model, "optimizer", None)
    state = list(optimizer.variables) if getattr(optimizer, "built", False) else []
    totals = {
        "total": weights + state,
        "trainable": [weight for weight in weights if changes and weight.requires_grad],
        "non_trainable": [weight for weight in weights if not (changes and weight.requires_grad)],
    }
    return totals | ({"optimizer": state} if state else {})


# ---- drawing -------------------------------------------------------------------------------------------------------


def _column_widths(positions: Sequence[float] | None, columns: list[str], width: int) -> list[int | None]:
    """The width of each column's text, from where the columns end; ``None`` where the contents decide."""
    if positions is None:
        return [None] * len(columns)
    if len(positions) != len(columns) or list(positions) != sorted(set(positions)):
        raise ValueError(f"positions must be {len(columns)} growing numbers, the ends of the columns "
                         f"{', '.join(columns)}, and got {list(positions)}.")  # fmt: skip
    ends = [int(end * width) if positions[-1] <= 1 else int(end) for end in positions]
    return [max(1, end - start - 3) for start, end in zip([0, *ends], ends, strict=False)]


def _table(columns: list[str], rows: list[Row], widths: list[int | None], language: str, close: bool) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.HORIZONTALS, show_edge=True, header_style="bold", pad_edge=True, padding=(0, 0 if close else 1)
    )
    for title, width in zip(columns, widths, strict=True):
        justify: Any = {"Param #": "right", "Trainable": "center"}.get(title, "left")
        whole = width is None and title in ("Param #", "Trainable")  # numbers are not broken, where there is a choice
        table.add_column(say(_TITLES[title], language), justify=justify, width=width, overflow="fold", no_wrap=whole)
    for row in rows:
        indent = "   " * (row.depth - 1) + "└ " if row.depth else ""
        cells = {
            "Layer (type)": Text(f"{indent}{row.name} ").append(f"({row.kind})", style="dim"),
            "Output Shape": Text(row.shape, style="dim" if row.shape == UNKNOWN else ""),
            "Param #": Text(row.params if row.built else say("screen.unbuilt", language, count=row.params)),
            "Trainable": Text(row.trainable),
            "Connected to": Text(", ".join(row.sources) or "-"),
        }
        table.add_row(*(cells[title] for title in columns))
    return table
