"""What a notebook shows of a model: the table that ``summary()`` prints, with models inside of it to unfold."""

from __future__ import annotations

from typing import Any

from lamina.display import Html, element, faint, table
from lamina.engine.notebook import folded
from lamina.language import say
from lamina.models.summary import UNKNOWN, Row, amounts, is_linear, rows_of

_TOTALS = {
    "total": "total",
    "trainable": "trainable_total",
    "non_trainable": "fixed_total",
    "optimizer": "optimizer_total",
}


def model_as_html(model: Any) -> str:
    """The name, the table of layers (folded where there are many), and how many weights there are."""
    rows = rows_of(model)
    name = getattr(model, "name", type(model).__name__)
    totals = [
        element("div", faint(say(f"notebook.{_TOTALS[title]}")), amount) for title, amount in amounts(model).items()
    ]
    return element(
        "div",
        element("b", say("notebook.model", name=name)),
        folded(_layers(model, rows), len(rows), say("notebook.layers", count=len(rows))),
        *totals,
    )


def _layers(model: Any, rows: list[Row]) -> Html:
    connected = not is_linear(model)
    columns = [say("notebook.layer"), say("notebook.shape"), say("notebook.params")]
    columns += [say("notebook.connected")] if connected else []
    lines: list[list[Any]] = []
    for row in rows:
        layer = element("span", f"{row.name} ", faint(f"({row.kind})"))
        shape = faint(row.shape) if row.shape == UNKNOWN else row.shape
        params = row.params if row.built else say("screen.unbuilt", count=row.params)
        lines.append([layer, shape, params, *([", ".join(row.sources) or "-"] if connected else [])])
        inner = rows_of(row.module) if hasattr(row.module, "_plan") else []
        if inner:
            title = element("summary", say("notebook.layers_of", name=row.name), style="cursor: pointer")
            lines.append([element("details", title, _layers(row.module, inner))])
    return table(columns, lines, right=[2])
