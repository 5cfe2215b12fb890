"""The honest training figures: the model as it is, on training rows, with nothing disturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from lamina.graph.symbolic import leaves, map_structure
from lamina.training.data import as_arrays, is_batched


def measure(history: Any, data: Any, rows: int) -> tuple[dict[str, float], int]:
    """Loss and metrics of a history's model on at most so many random rows of ``(x, y)``, and how many these were.

    The model stays as it is: its metrics count on from where they were.
    """
    model = history.model
    if model is None:
        raise ValueError("This history has no model: it was copied, loaded or put together by hand. Call diagnose() without "
                         "training_data, or on the history that fit() returned.")  # fmt: skip
    if getattr(model, "history", history) is not history:
        raise ValueError(f"Model {model.name!r} was trained again since: its figures are those of the later history, "
                         "model.history.")  # fmt: skip
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError("training_data must be (x, y), and got " + (f"{len(data)} parts." if isinstance(data, (tuple, list))
                         else f"{type(data).__name__}."))  # fmt: skip
    if is_batched(data[0]):
        raise ValueError("training_data must be arrays; of data that come in batches pass one batch, next(iter(data)).")
    x, y = (as_arrays(part) for part in data)
    count = len(leaves(x)[0])
    if count > rows:
        chosen = np.sort(np.random.default_rng(0).permutation(count)[:rows])
        x, y = (map_structure(lambda leaf: _at(leaf, chosen), part) for part in (x, y))
    with _left_as_it_is(model):
        found = model.evaluate(x, y, batch_size=history.noted.batch_size if history.noted else None, verbose=0,
                               return_dict=True)  # fmt: skip
    return found, min(count, rows)


def _at(leaf: Any, chosen: np.ndarray) -> Any:
    return leaf[torch.from_numpy(chosen).to(leaf.device)] if isinstance(leaf, torch.Tensor) else leaf[chosen]


@contextlib.contextmanager
def _left_as_it_is(model: Any) -> Iterator[None]:
    """What evaluation changes in a model is put back: the state of its metrics and of stateful layers."""
    variables = [variable for metric in model.metrics for variable in metric.variables]
    kept = [(variable, variable.detach().clone()) for variable in (*variables, *model.buffers())]
    try:
        yield
    finally:
        with torch.no_grad():
            for variable, before in kept:
                variable.copy_(before)
