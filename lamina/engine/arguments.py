"""One check for each kind of argument that many layers take: a wrong one fails with the same words everywhere."""

from __future__ import annotations

import operator
from typing import Any

from lamina import config


def positive_int(value: Any, name: str, layer: Any) -> int:
    """``value`` as a positive ``int``.

    Raises:
        ValueError: ``Dense 'dense' needs a positive integer for units, and got -1.``
    """
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        # Old scripts compute sizes with /: 64 / 2 is 32.0, which is meant as a whole number.
        number = int(value) if isinstance(value, float) and value.is_integer() else -1
    if number <= 0:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} needs a positive integer for {name}, and got {value!r}."
        )
    return number


def int_tuple(value: Any, length: int, name: str, layer: Any, allow_zero: bool = False) -> tuple[int, ...]:
    """``value`` (an integer for all axes, or one each) as a tuple of ``length`` positive integers.

    Raises:
        ValueError: ``Conv2D 'conv2d' needs an integer or 2 integers for kernel_size, and got (3, 3, 3).``
    """
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,) * length
    try:
        numbers = tuple(-1 if isinstance(item, bool) else operator.index(item) for item in items)
    except TypeError:
        numbers = ()
    if len(numbers) != length or any(number < (0 if allow_zero else 1) for number in numbers):
        kind = "a non-negative integer" if allow_zero else "a positive integer"
        raise ValueError(f"{type(layer).__name__} {layer.name!r} needs {kind} or a tuple of {length} for {name}, "
                         f"and got {value!r}.")  # fmt: skip
    return numbers


def one_of(value: Any, choices: tuple[str, ...], name: str, layer: Any) -> str:
    """``value`` in lower case, when it is among ``choices``.

    Raises:
        ValueError: ``Conv2D 'conv2d' needs 'valid' or 'same' for padding, and got 'full'.``
    """
    lowered = value.lower() if isinstance(value, str) else value
    if lowered not in choices:
        words = " or ".join(map(repr, choices))
        raise ValueError(f"{type(layer).__name__} {layer.name!r} needs {words} for {name}, and got {value!r}.")
    return lowered


def number(value: Any, name: str, layer: Any) -> float:
    """``value`` when it is a number.

    Raises:
        ValueError: ``Dense 'dense' needs a number for lora_alpha, and got 'high'.``
    """
    if not _is_number(value):
        raise ValueError(f"{type(layer).__name__} {layer.name!r} needs a number for {name}, and got {value!r}.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fraction(value: Any, name: str, layer: Any, below_one: bool = False) -> float:
    """``value`` when it is a number from 0 to 1.

    Raises:
        ValueError: ``Dropout 'dropout' needs a number from 0 to 1 for rate, and got 2.``
    """
    if not _is_number(value) or not 0 <= value <= 1 or (below_one and value == 1):
        bound = "from 0 to below 1" if below_one else "from 0 to 1"
        raise ValueError(f"{type(layer).__name__} {layer.name!r} needs a number {bound} for {name}, and got {value!r}.")
    return value


def non_negative(value: Any, name: str, layer: Any) -> float:
    """``value`` when it is a number that is not below zero.

    Raises:
        ValueError: ``LeakyReLU 'leaky_re_lu' needs a non-negative number for negative_slope, and got None.``
    """
    if not _is_number(value) or not value >= 0:
        raise ValueError(f"{type(layer).__name__} {layer.name!r} needs a non-negative number for {name}, "
                         f"and got {value!r}.")  # fmt: skip
    return value


def data_format_of(value: Any, layer: Any) -> str:
    """``value``, or the program's ``image_data_format`` for ``None``.

    Raises:
        ValueError: ``Conv2D 'conv2d' needs 'channels_last' or 'channels_first' for data_format, and got 'NHWC'.``
    """
    value = config.image_data_format() if value is None else value
    return one_of(value, ("channels_last", "channels_first"), "data_format", layer)
