"""Arguments as the translator takes them, and the code that they came from.

The tables of the dialects speak of calls with values. So an argument that is a literal becomes its value, and any other an
object that stands for its code; both remember it, and what the translator passes on is written as it stood.
"""

from __future__ import annotations

from typing import Any

import libcst as cst


class _Known:
    node: cst.BaseExpression


class Text(_Known, str):
    """A string that stands in the source."""


class Whole(_Known, int):
    """A whole number that stands in the source."""


class Number(_Known, float):
    """Another number."""


class Several(_Known, tuple[Any, ...]):
    """A tuple or a list."""


class Code(_Known, int):
    """An expression whose value nobody knows before the script runs. It counts as a whole number where one is asked for."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return code_of(self.node)


def code_of(node: cst.CSTNode) -> str:
    """The text of a piece of source."""
    return cst.Module([]).code_for_node(node)


def value_of(node: cst.BaseExpression) -> Any:
    """The value of a literal, or :class:`Code`; all but constants remember ``node``."""
    made = _literal(node)
    if made is None:
        made = Code(0)
    if isinstance(made, _Known):
        made.node = node
    return made if made is not _NONE else None


_NONE = object()
_WORDS = {"True": True, "False": False, "None": _NONE}


def _literal(node: cst.BaseExpression) -> Any:
    """The value; ``None`` where it is not known."""
    if isinstance(node, cst.SimpleString) and "b" not in node.prefix.lower():
        return Text(node.evaluated_value)
    if isinstance(node, cst.Integer):
        return Whole(node.evaluated_value)
    if isinstance(node, cst.Float):
        return Number(node.evaluated_value)
    if isinstance(node, cst.Name):
        return _WORDS.get(node.value)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inside = _literal(node.expression)
        return type(inside)(-inside) if isinstance(inside, (Whole, Number)) else None
    if isinstance(node, (cst.Tuple, cst.List)) and all(isinstance(one, cst.Element) for one in node.elements):
        return Several(value_of(one.value) for one in node.elements)
    return None


def sources(value: Any) -> list[cst.BaseExpression]:
    """The pieces of source that a value was made of."""
    if isinstance(value, _Known):
        return [value.node]
    return [node for item in value for node in sources(item)] if isinstance(value, (tuple, list)) else []


def is_known(value: Any) -> bool:
    """Whether nothing about a value waits for the script to run."""
    if isinstance(value, (tuple, list)):
        return all(is_known(item) for item in value)
    return not isinstance(value, Code)


def written(value: Any, quote: str, constructor: Any) -> cst.BaseExpression:
    """The code of a value: its own where it has some.

    Arguments:
        quote: the quotation mark for new strings.
        constructor: makes the code of an object, from its class's name and its arguments.
    """
    if isinstance(value, _Known):
        return value.node
    if isinstance(value, str):
        return cst.SimpleString(f"{quote}{value}{quote}")
    if isinstance(value, (tuple, list)):
        elements = [cst.Element(written(item, quote, constructor)) for item in value]
        if isinstance(value, list):
            return cst.List(elements)
        one = [cst.Element(elements[0].value, comma=cst.Comma())] if len(elements) == 1 else elements
        return cst.Tuple(one, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    if isinstance(value, dict) and set(value) == {"class_name", "config"}:
        return constructor(value["class_name"], value["config"])
    if isinstance(value, dict):
        items = [cst.DictElement(written(key, quote, constructor), written(item, quote, constructor))
                 for key, item in value.items()]  # fmt: skip
        return cst.Dict(items)
    return cst.parse_expression(repr(value))
