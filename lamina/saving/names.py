"""Which format a file's name asks for, in the ways of each generation, and what is written where a name says nothing."""

from __future__ import annotations

import os
import string
import warnings
from pathlib import Path
from typing import Any

from lamina.dialects import dialect
from lamina.tracebacks import users_level

H5_ENDINGS = (".h5", ".hdf5")
H5_FORMATS = ("h5", "hdf5")
TENSORFLOW = ("tf", "tensorflow")
# Names of formats that hold no whole model of Keras's: who gives one expects what can't be written.
_FOREIGN = (".onnx", ".pb", ".pbtxt", ".tflite", ".mlmodel", ".pkl", ".pickle", ".joblib", ".json", ".yaml", ".yml", ".txt",
            ".csv", ".py", ".zip", ".tar", ".gz", ".npy", ".npz", ".safetensors", ".pt", ".pth", ".bin")  # fmt: skip
_FORMATTER = string.Formatter()
_OLD = ("keras1", "keras2", "keras2.3")  # in which any name meant HDF5


def model_format(path: str | os.PathLike[str], save_format: str | None = None) -> str:
    """The format of a whole model: ``"keras"`` or ``"h5"``.

    A name without a known ending is one of HDF5 in Keras 1 and 2. In tf.keras it is a SavedModel, which only TensorFlow
    writes: the model goes into a ``.keras`` file of that name, which ``load_model`` opens, rather than being lost.

    Raises:
        ValueError: for a name that promises another format, or an unknown ``save_format``.

    >>> model_format("m.hdf5"), model_format("runs/my_model"), model_format("my_model", save_format="h5")
    ('h5', 'keras', 'h5')
    """
    if save_format in H5_FORMATS:
        return "h5"
    if save_format not in (None, "keras", *TENSORFLOW):
        raise ValueError(f"save_format must be 'keras', 'h5' or 'tf', and got {save_format!r}.")
    ending = Path(path).suffix.lower()
    if save_format is None and ending in _FOREIGN:
        raise ValueError(f"A whole model can't be saved in the format of {os.fspath(path)!r}: give a name that ends in .keras, "
                         "or in .h5.")  # fmt: skip
    if save_format is None and (ending in H5_ENDINGS or (ending != ".keras" and dialect() in _OLD)):
        return "h5"
    return "keras"


def can_be_a_model(template: str) -> bool:
    """Whether a file name of a whole model, with names in braces or without, asks for a format that there is."""
    try:
        return bool(model_format(template))
    except ValueError:
        return False


def says_its_format(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a whole model's file has the ending of its format."""
    return os.fspath(path).lower().endswith((".keras", *H5_ENDINGS))


def keeps_optimizer(path: str | os.PathLike[str], save_format: str | None = None) -> bool:
    """Whether a file of weights has the optimizer's state, too: where tf.keras wrote a checkpoint of TensorFlow's, which has.

    >>> keeps_optimizer("ckpt/cp-0001.ckpt"), keeps_optimizer("w.h5")
    (True, False)
    """
    if save_format in H5_FORMATS:
        return False
    is_h5 = os.fspath(path).lower().endswith((".keras", *H5_ENDINGS))
    return save_format in TENSORFLOW or not (is_h5 or dialect() in _OLD)


def tell_what_it_is(path: str | os.PathLike[str], opener: str, wanted: str) -> None:
    """Warn that a file has its name, and is not what TensorFlow would have written under it."""
    warnings.warn(f"{os.fspath(path)!r} is lamina's file, and not {wanted}: {opener}({os.fspath(path)!r}) opens it, "
                  "TensorFlow does not.", stacklevel=users_level())  # fmt: skip


def fields_of(template: str) -> dict[str, str]:
    """The names in braces of a file name that is to be filled in, each with how it is written: ``{"epoch": "02d"}``.

    Raises:
        ValueError: for braces that don't close, or have no name in them.
    """
    fields: dict[str, str] = {}
    for _, name, spec, _ in _parsed(template):
        if name is None:
            continue
        plain = name.split(".")[0].split("[")[0]
        if not plain or plain.isdigit():
            raise ValueError(f"Braces in a file name have a name in them, such as {{epoch:02d}}, and got {template!r}.")
        fields[plain] = spec or ""
    return fields


def _parsed(template: str) -> list[Any]:
    try:
        return list(_FORMATTER.parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no file name that can be filled in: {error}.") from None
