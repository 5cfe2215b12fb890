"""What existed in old Keras only, under its old name: made of lamina's parts. Nothing else in lamina imports this."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import config, initializers
from lamina.models.branches import Merge as Merge
from lamina.models.branches import merge as merge

# ---- initializations -----------------------------------------------------------------------------------------------

# The class, what its size was called (`scale`), and that size by default.
_INITIALIZATIONS: dict[str, tuple[str, str | None, float]] = {
    "normal": ("RandomNormal", "stddev", 0.05),
    "uniform": ("RandomUniform", "maxval", 0.05),
    "zero": ("Zeros", None, 0.0),
    "one": ("Ones", None, 0.0),
    "orthogonal": ("Orthogonal", "gain", 1.1),
    "identity": ("Identity", "gain", 1.0),
}
# Of a uniform or an untruncated normal distribution, whose variance is scale / fan.
_BY_FAN = {
    "lecun_uniform": {"scale": 1.0, "mode": "fan_in", "distribution": "uniform"},
    "glorot_uniform": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"},
    "glorot_normal": {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal"},
    "he_uniform": {"scale": 2.0, "mode": "fan_in", "distribution": "uniform"},
    "he_normal": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
}


def _scaled(old: str) -> Callable[..., Any]:
    class_name, argument, default = _INITIALIZATIONS[old]

    def initialization(shape: Any, scale: float = default, name: str | None = None, dim_ordering: str = "th") -> Any:
        """A new tensor of ``shape``, as Keras 1's function of this name made it."""
        arguments = {} if argument is None else {argument: scale}
        if argument == "maxval":
            arguments["minval"] = -scale
        return getattr(initializers, class_name)(**arguments)(shape)

    initialization.__name__ = old
    return initialization


def _by_fan(old: str) -> Callable[..., Any]:
    def initialization(shape: Any, name: str | None = None, dim_ordering: str = "th") -> Any:
        """A new tensor of ``shape``, as Keras 1's function of this name made it."""
        return initializers.VarianceScaling(**_BY_FAN[old])(shape)

    initialization.__name__ = old
    return initialization


normal, uniform, zero, one = (_scaled(name) for name in ("normal", "uniform", "zero", "one"))
orthogonal, identity = _scaled("orthogonal"), _scaled("identity")
lecun_uniform, glorot_uniform, glorot_normal = (
    _by_fan(name) for name in ("lecun_uniform", "glorot_uniform", "glorot_normal")
)
he_uniform, he_normal = _by_fan("he_uniform"), _by_fan("he_normal")

# ---- backend and utils ---------------------------------------------------------------------------------------------

_ORDERINGS: dict[str, config.DataFormatName] = {"tf": "channels_last", "th": "channels_first"}


def image_dim_ordering() -> str:
    """``"tf"`` for channels last, ``"th"`` for channels first."""
    return next(old for old, today in _ORDERINGS.items() if today == config.image_data_format())


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the axis order of images: ``"tf"`` or ``"th"``."""
    if dim_ordering not in _ORDERINGS:
        raise ValueError(f"dim_ordering must be 'tf' or 'th', and got {dim_ordering!r}.")
    config.set_image_data_format(_ORDERINGS[dim_ordering])


def set_session(session: Any) -> None:
    """Has no effect: a session's settings are of memory and threads, which torch takes as it needs them."""


def get_session(op_input_list: Any = ()) -> Any:
    """A session: ``run`` gives the numbers of tensors."""
    return importlib.import_module("lamina.tf.sessions").Session()


def manual_variable_initialization(value: bool) -> None:
    """Has no effect: weights have their numbers when they are made."""


def __getattr__(name: str) -> Any:
    if name == "tf":  # `K.tf`: the module that Keras 1 and 2 ran on
        return importlib.import_module("tensorflow")
    raise AttributeError(name)


def categorical_probas_to_classes(p: Any) -> np.ndarray:
    """The most probable class of each row."""
    return np.argmax(p, axis=1)


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """The most probable class of each row; for rows of one probability, whether it is above one half."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return (y_pred > 0.5).astype("int").reshape(-1)
