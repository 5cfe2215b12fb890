"""What a layer expects of its inputs, and the sentence that says what came instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.dtypes import dtype_name


class InputSpec:
    """The rank, type and axis sizes that a layer needs of one input. Every argument left out is not checked.

    Arguments:
        dtype: the expected dtype.
        shape: the expected shape, ``None`` for an axis of any size.
        ndim, min_ndim, max_ndim: the rank, exactly or within bounds.
        axes: ``{axis: size}``; ``axes={-1: 16}`` wants 16 features.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing or extra.

    >>> check_input_spec(InputSpec(ndim=2, axes={-1: 16}), (None, 8), "Dense 'dense_1'")
    Traceback (most recent call last):
    ValueError: Dense 'dense_1' was built for inputs whose last axis is 16, and got (None, 8).
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtype_name(dtype) if dtype is not None else None
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in vars(self).items() if value not in (None, False, {}))
        return f"InputSpec({given})"

    def get_config(self) -> dict[str, Any]:
        """The arguments, by name."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """A spec from what :meth:`get_config` returned."""
        return cls(**config)


def check_input_spec(spec: Any, shapes: Any, who: str) -> None:
    """Raise ``ValueError`` in one sentence when ``shapes`` (of one input, or a list of them) do not fit ``spec``."""
    if spec is None:
        return
    specs = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    given = [shapes] if is_shape(shapes) else list(shapes.values()) if isinstance(shapes, dict) else list(shapes)
    if len(specs) == 1 and len(given) != 1 and not isinstance(spec, (list, tuple)):
        raise ValueError(f"{who} takes one input, and got {len(given)}.")
    if len(given) < len([one for one in specs if not one.optional]) or len(given) > len(specs):
        raise ValueError(f"{who} takes {len(specs)} inputs, and got {len(given)}.")
    for one, shape in zip(specs, given, strict=False):
        if shape is not None:
            _check_one(one, tuple(shape), who)


def is_shape(value: Any) -> bool:
    """Whether ``value`` is a shape and not a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(size is None or isinstance(size, int) for size in value)


def _check_one(spec: InputSpec, shape: tuple[int | None, ...], who: str) -> None:
    rank, got = len(shape), f"and got {shape}, which has {len(shape)}."
    if spec.allow_last_axis_squeeze and spec.shape is not None and abs(rank - len(spec.shape)) == 1:
        longer, shorter = (shape, spec.shape) if rank > len(spec.shape) else (spec.shape, shape)
        if longer[-1] == 1:
            return _check_sizes(spec, shape, dict(enumerate(shorter)) if rank < len(spec.shape) else {}, who)
    if spec.ndim is not None and rank != spec.ndim:
        raise ValueError(f"{who} takes inputs of {spec.ndim} axes (the batch is the first), {got}")
    if spec.max_ndim is not None and rank > spec.max_ndim:
        raise ValueError(f"{who} takes inputs of at most {spec.max_ndim} axes, {got}")
    if spec.min_ndim is not None and rank < spec.min_ndim:
        raise ValueError(f"{who} takes inputs of at least {spec.min_ndim} axes, {got}")
    expected = {axis: size for axis, size in enumerate(spec.shape or ()) if size is not None}
    _check_sizes(spec, shape, expected | spec.axes, who)


def _check_sizes(spec: InputSpec, shape: tuple[int | None, ...], expected: dict[int, Any], who: str) -> None:
    for axis, size in expected.items():
        if size is None or not -len(shape) <= axis < len(shape) or shape[axis] in (size, None):
            continue
        which = "last axis" if axis in (-1, len(shape) - 1) else f"axis {axis}"
        raise ValueError(f"{who} was built for inputs whose {which} is {size}, and got {shape}.")
