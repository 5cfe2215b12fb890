"""The settings that Keras keeps for a whole program: ``floatx``, ``epsilon`` and ``image_data_format``.

They start from ``keras.json`` in ``$KERAS_HOME`` (``~/.keras`` when that is not set) where such a file exists, so an old
installation keeps its image format; the setters change them for the running program only.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

__all__ = [
    "epsilon", "floatx", "image_data_format", "keras_home", "set_epsilon", "set_floatx", "set_image_data_format",
    "standardize_data_format",
]  # fmt: skip

DATA_FORMATS = ("channels_last", "channels_first")
FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
# Keras 1 wrote the image format under another name, with other words.
_KERAS1_FORMATS = {"tf": "channels_last", "th": "channels_first"}


def keras_home() -> Path:
    """The folder of ``keras.json`` and of cached data sets: ``$KERAS_HOME``, or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())


def standardize_data_format(data_format: str | None) -> str:
    """``data_format`` itself when it is a known one, and the program's setting for ``None``.

    >>> standardize_data_format("channels_first")
    'channels_first'
    """
    if data_format is None:
        return _settings["image_data_format"]
    if data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', and got {data_format!r}.")
    return data_format


def floatx() -> str:
    """The default float type of weights and inputs, ``'float32'`` unless it was set."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type: one of ``bfloat16``, ``float16``, ``float32``, ``float64``."""
    if value not in FLOAT_TYPES:
        raise ValueError(f"floatx must be one of {', '.join(FLOAT_TYPES)}, and got {value!r}.")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, ``1e-7`` unless it was set."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the small number that :func:`epsilon` returns."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"epsilon must be a positive number, and got {value!r}.")
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """``'channels_last'`` (the default) or ``'channels_first'``."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the axis order that layers use when their ``data_format`` is not given."""
    if data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', and got {data_format!r}.")
    _settings["image_data_format"] = data_format


def _read_settings() -> dict[str, Any]:
    settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
    path = keras_home() / "keras.json"
    if not path.is_file():
        return settings
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, not an object")
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} could not be read ({error}); lamina goes on with Keras's defaults.", stacklevel=2)
        return settings
    if "image_dim_ordering" in found and "image_data_format" not in found:
        found["image_data_format"] = _KERAS1_FORMATS.get(found["image_dim_ordering"], found["image_dim_ordering"])
    allowed = {
        "floatx": lambda value: value in FLOAT_TYPES,
        "epsilon": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0,
        "image_data_format": lambda value: value in DATA_FORMATS,
    }
    for key, is_allowed in allowed.items():
        if key not in found:
            continue
        if is_allowed(found[key]):
            settings[key] = found[key]
        else:
            warnings.warn(
                f"{path} sets {key} to {found[key]!r}, which is not a known value; "
                f"lamina goes on with {settings[key]!r}.",
                stacklevel=2,
            )
    return settings


_settings = _read_settings()
