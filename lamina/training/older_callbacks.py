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
    arrays = leaves(batches.arrays)
    rows = len(arrays[0]) if arrays else None
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
        x, y, weights = unpack(validation_data)
        targets = [_as_array(one) for one in leaves(y)]
        given = [np.ones(len(one), "float32") for one in targets]
        if weights is not None:
            given = [_as_array(one) for one in leaves(weights)]
        told = [*(_as_array(one) for one in leaves(x)), *targets, *given]
    for callback in hooks:
        callback.validation_data = told


def about_batch(index: int, batch: Any) -> dict[str, Any]:
    """What the logs of a batch held in the active dialect beside losses and metrics."""
    if not habits().callback_words:
        return {}
    return {"batch": index, "size": next((len(part) for part in leaves(batch) if part is not None), 0)}


def _as_array(value: Any) -> Any:
    return to_numpy(value) if hasattr(value, "detach") else np.asarray(value)
