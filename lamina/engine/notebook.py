"""What a notebook shows of a layer: its arguments, the shapes it goes between, its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lamina.display import Html, element, faint, table
from lamina.dtypes import dtype_name
from lamina.engine.describing import arguments_text, shape_by_rule, shape_text
from lamina.engine.tracking import children_of
from lamina.engine.weights import weights_of
from lamina.language import say

_MANY = 24  # rows of a table that stand open


def layer_as_html(layer: Any) -> str:
    """``Dense dense_1``, its arguments, and a table of its weights."""
    known = dict(layer.__dict__)
    name = getattr(layer, "name", "")
    heading = [element("b", type(layer).__name__), f" {name} "]
    if "_arguments" in known:
        heading.append(faint(arguments_text(layer)))
    parts = [element("div", *heading)]
    shapes = known.get("_build_shapes")
    if shapes is not None:
        between = say("notebook.from_to", input=shape_text(shapes), output=shape_by_rule(layer))
        parts.append(element("div", faint(between)))
    inside = [f"{key}: {type(child).__name__}" for key, child in children_of(layer)]
    parts += [element("div", faint(", ".join(inside)))] if inside else []
    weights = list({id(weight): weight for weight in weights_of(layer)}.values())
    if not known.get("_built") and not weights and known.get("_arguments") is not None and shapes is None:
        return element("div", *parts, element("div", say("notebook.not_built")))
    return element("div", *parts, weights_as_table(layer, weights))


def weights_as_table(module: nn.Module, weights: list[torch.Tensor]) -> Html:
    """The weights of a module: names, shapes, types, whether training changes them, and how many numbers they are."""
    if not weights:
        return element("div", say("notebook.no_weights"))
    names = {id(weight): name for name, weight in (*module.named_parameters(), *module.named_buffers())}
    changes = getattr(module, "trainable", True)
    rows: list[list[Any]] = []
    for weight in weights:
        made = not nn.parameter.is_lazy(weight)
        rows.append([names.get(id(weight), "?"), str(tuple(weight.shape)) if made else "?", dtype_name(weight.dtype),
                     say("notebook.yes") if changes and weight.requires_grad else say("notebook.no"),
                     f"{weight.numel():,}" if made else "?"])  # fmt: skip
    columns = [say("notebook.weight"), say("notebook.weight_shape"), say("notebook.weight_type"),
               say("notebook.trainable"), say("notebook.numbers")]  # fmt: skip
    total = sum(weight.numel() for weight in weights if not nn.parameter.is_lazy(weight))
    return folded(table(columns, rows, right=[4]), len(rows), say("notebook.total") + f"{total:,}")


def folded(inside: Html, rows: int, title: str) -> Html:
    """A table under its title, which a click opens if it is long."""
    if rows <= _MANY:
        return element("div", inside, element("div", title))
    return element("details", element("summary", title, style="cursor: pointer"), inside)
