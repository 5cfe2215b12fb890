"""Where a training stands: what besides weights and the optimizer decides the numbers of the next step.

That is the epoch, the states of the random generators and those of stateful recurrent layers. A file keeps it as arrays, and
``fit(initial_epoch=...)`` with the epoch at which the file was written goes on from there, as if it had never stopped.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.random import SeedGenerator

Arrays = dict[str, np.ndarray]
EPOCH, SEEDS = "epoch", "seeds"
_TORCH, _CUDA, _NUMPY, _PYTHON = "torch", "cuda", "numpy", "python"
_STATE = "state "
_WORDS = 624  # of a Mersenne twister


def standing(model: Any) -> Arrays:
    """Where the training of a model stands now; of one that was only loaded, where it stood. Empty where nothing is to say."""
    epoch = getattr(model, "_next_epoch", None)
    found = {} if epoch is not None else dict(getattr(model, "_stood", None) or {})
    seeds = list(_seeds(model))
    if seeds:
        found[SEEDS] = np.stack([seed.state.numpy().copy() for seed in seeds])
    if epoch is not None:
        found |= {EPOCH: np.asarray(epoch, np.int64), **_draws(), **(getattr(model, "_beside_standing", None) or {})}
        found |= {
            f"{_STATE}{number}": value.detach().cpu().float().numpy() for number, value in enumerate(_states(model))
        }
    return found


def stood(model: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Tell a model where its training stood when the file was written. What does not fit is left out: Keras's files have
    none of it."""
    seeds = list(_seeds(model))
    stored = arrays.get(SEEDS)
    if stored is not None and stored.shape == (len(seeds), 2) and stored.dtype.kind == "i":
        for seed, (start, count) in zip(seeds, stored.tolist(), strict=True):
            seed.state.copy_(torch.tensor([start, count]))
    vars(model)["_stood"] = dict(arrays) if EPOCH in arrays else None
    vars(model).pop("_next_epoch", None)


def stood_at(model: Any) -> int | None:
    """The epoch with which training would go on, as the model's file says, where it does."""
    arrays = getattr(model, "_stood", None)
    return int(arrays[EPOCH]) if arrays and arrays[EPOCH].shape == () else None


def stood_beside(model: Any, key: str) -> Arrays:
    """The arrays that somebody had kept with the standing of a training, whose names begin with ``key``."""
    arrays = getattr(model, "_stood", None) or {}
    return {name: array for name, array in arrays.items() if name.startswith(key)}


def go_on(model: Any, epoch: int) -> None:
    """Before a fit goes on with ``epoch``: if that is where the model's file was written, its draws are those that followed."""
    arrays = vars(model).pop("_stood", None)
    if not arrays or arrays[EPOCH].shape != () or int(arrays[EPOCH]) != epoch:
        return  # a fit from the start, or from elsewhere
    _set_draws(arrays)
    for number, value in enumerate(_states(model)):
        before = arrays.get(f"{_STATE}{number}")
        if before is not None and before.shape == tuple(value.shape):
            with torch.no_grad():
                value.copy_(torch.from_numpy(before))


def _seeds(model: nn.Module) -> Iterator[SeedGenerator]:
    """The streams of seeds of all layers, in their order."""
    seen: set[int] = set()
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, SeedGenerator) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _states(model: nn.Module) -> Iterator[torch.Tensor]:
    """What stateful layers hand on from batch to batch."""
    for module in model.modules():
        if getattr(module, "stateful", False):
            yield from (value for _, value in module.named_buffers(recurse=False))


def _draws() -> Arrays:
    """The states of the generators of torch, NumPy and Python that everybody draws from."""
    found = {_TORCH: torch.get_rng_state().numpy()}
    if torch.cuda.is_initialized():
        found[_CUDA] = torch.cuda.get_rng_state().numpy()
    _, words, place, has_next, following = np.random.get_state(legacy=True)
    found[_NUMPY] = np.asarray([*words, place, has_next], np.int64)
    found[f"{_NUMPY} next"] = np.asarray(following, np.float64)
    _, numbers, following = random.getstate()
    found[_PYTHON] = np.asarray(numbers, np.int64)
    found[f"{_PYTHON} next"] = np.asarray([] if following is None else [following], np.float64)
    return found


def _set_draws(arrays: Mapping[str, np.ndarray]) -> None:
    """Let the generators go on from where they stood; what is no state of one is left out."""
    with contextlib.suppress(KeyError, RuntimeError, TypeError):
        torch.set_rng_state(torch.from_numpy(arrays[_TORCH]))
    if torch.cuda.is_available():
        with contextlib.suppress(KeyError, RuntimeError, TypeError):
            torch.cuda.set_rng_state(torch.from_numpy(arrays[_CUDA]))
    numpy_state, numpy_next = arrays.get(_NUMPY), arrays.get(f"{_NUMPY} next")
    if (
        numpy_state is not None
        and _is_twister(numpy_state, _WORDS + 2)
        and numpy_next is not None
        and numpy_next.shape == ()
    ):
        *words, place, has_next = numpy_state.tolist()
        np.random.set_state(("MT19937", np.asarray(words, np.uint32), place, int(bool(has_next)), float(numpy_next)))
    python_state, python_next = arrays.get(_PYTHON), arrays.get(f"{_PYTHON} next")
    if python_state is not None and _is_twister(python_state, _WORDS + 1) and python_next is not None:
        following = python_next.reshape(-1).tolist()[:1]
        random.setstate((3, tuple(python_state.tolist()), following[0] if following else None))


def _is_twister(state: np.ndarray, size: int) -> bool:
    """Whether numbers from a file are a state of a Mersenne twister: its words, and a place in them, which NumPy takes on
    trust."""
    if state.shape != (size,) or state.dtype != np.int64:
        return False
    words, place = state[:_WORDS], int(state[_WORDS])
    return 0 <= place <= _WORDS and int(words.min()) >= 0 and int(words.max()) < 2**32
