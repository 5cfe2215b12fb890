"""What a row of the catalogue says of a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SAME = "same"


@dataclass(frozen=True)
class Make:
    """An argument that is an object of the library under test: ``Make(lambda library: library.layers.Dense(3))``."""

    build: Callable[[Any], Any]
    label: str

    def __repr__(self) -> str:
        return self.label


@dataclass(frozen=True, eq=False)
class Row:
    """One layer with one set of arguments, and what it is called on.

    Arguments:
        layer: the name of the class in ``lamina.layers``.
        kwargs: its arguments, for lamina and Keras alike.
        shape: the input's shape with the batch; a list or dict of shapes for several inputs.
        dtype: the inputs' type; integers are drawn from ``range(high)``.
        keras: the class's name in Keras 3.15.1 where it differs; ``None`` where Keras has no such layer.
        call: further arguments of the call: a tuple is the shape of a float tensor (a list of tuples, of several), a list a
            tensor's numbers.
        training: whether values are compared in training mode.
        tolerance: how far float32 numbers may lie apart, relative to the largest.
        exceptions: the tests (``values``, ``masks``, ``torch_export``, ...) that the row fails, each with its reason.
    """

    layer: str
    kwargs: dict[str, Any]
    shape: Any
    dtype: str = "float32"
    high: int = 4
    keras: str | None = SAME
    call: dict[str, Any] = field(default_factory=dict)
    training: bool = False
    tolerance: float = 1e-5
    exceptions: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``Dense(units=3)-2x4``: readable, and different for every row."""
        arguments = ",".join(f"{name}={_short(value)}" for name, value in self.kwargs.items())
        more = "".join(f"-{name}" for name in self.call) + ("-training" if self.training else "")
        return (
            f"{self.layer}({arguments})-{_shape_text(self.shape)}"
            + more
            + ("" if self.dtype == "float32" else f"-{self.dtype}")
        )

    @property
    def keras_name(self) -> str | None:
        """The class's name in Keras."""
        return self.layer if self.keras == SAME else self.keras


@dataclass(frozen=True)
class Wrong:
    """Arguments, or an input, that a layer refuses, and the sentence that it says. ``shape=None``: the constructor does."""

    layer: str
    kwargs: dict[str, Any]
    shape: Any
    message: str
    error: type[Exception] = ValueError

    @property
    def id(self) -> str:
        """As a row's."""
        arguments = ",".join(f"{name}={_short(value)}" for name, value in self.kwargs.items())
        return f"{self.layer}({arguments})" + ("" if self.shape is None else f"-{_shape_text(self.shape)}")


def _short(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        inner = ",".join(f"{key}={item}" for key, item in value["config"].items())
        return f"{value['class_name']}({inner})"
    return getattr(value, "__name__", None) or str(value).replace(" ", "")


def _shape_text(shape: Any) -> str:
    if isinstance(shape, dict):
        return "+".join(f"{key}:{_shape_text(value)}" for key, value in shape.items())
    if isinstance(shape, list):
        return "+".join(map(_shape_text, shape))
    return "x".join(map(str, shape))
