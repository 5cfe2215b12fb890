"""What callbacks of Keras 1 and 2 were told beside the logs: the data of validation, sizes of batches, and more ``params``."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.dialects import habits
from lamina.engine.weights import to_numpy
from lamina.graph.symbolic import leaves
from lamina.training.data import Batches, unpack


def older_params(model: Any, batches: Batches, epochs: int, validates: bool) -> dict[str, Any]:
    """What ``callback.params`` held in the active dialect beside ``epochs``, ``steps`` and ``verbose``."""
    words = habits().callback_words
    if not words:
        return {}
    samples, how_often = words
    first = next((one for one in leaves(batches.arrays) if one is not None), None)
    rows = None if first is None else len(first)
    names = model.metrics_names
    params = {how_often: epochs, "do_validation": validates, "metrics": [*names, *(f"val_{name}" for name in names)]}
    if batches.size is not None or rows is not None:
        params["batch_size"] = batches.size
    return params | ({samples: rows} if rows is not None else {})


def tell_validation_data(hooks: Any, validation_data: Any) -> None:
    """Give every callback the data of validation as a list of arrays, weights of 1 among them; a generator as it is."""
    if not habits().callback_words or validation_data is None:
        return
    told = validation_data
    if isinstance(validation_data, (tuple, list)):
        x, y, weights = map(_arrays, unpack(validation_data))
        told = [*x, *y, *(weights or [np.ones(len(one), "float32") for one in y])]
    for callback in hooks:
        callback.validation_data = told


def about_batch(index: int, batch: Any) -> dict[str, Any]:
    """What the logs of a batch held in the active dialect beside losses and metrics."""
    if not habits().callback_words:
        return {}
    return {"batch": index, "size": next((len(part) for part in leaves(batch) if part is not None), 0)}


def _arrays(structure: Any) -> list[Any]:
    """The arrays of a structure, as NumPy's."""
    given = [] if structure is None else leaves(structure)
    return [to_numpy(one) if hasattr(one, "detach") else np.asarray(one) for one in given]
