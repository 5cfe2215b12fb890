"""Data as batches: arrays stay where they are and are sliced, everything that already comes in batches is taken as it is.

Whatever the source, an epoch yields ``(x, y, sample_weight)`` of tensors, ``None`` for what there is not.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from lamina import config
from lamina.errors import describe
from lamina.graph.symbolic import leaves, map_structure
from lamina.tracebacks import users_level
from lamina.training.class_weights import ByClass
from lamina.training.placement import send
from lamina.training.py_dataset import PyDataset
from lamina.training.py_dataset import unpack_x_y_sample_weight as unpack

Batch = tuple[Any, Any, Any]
# What `fit`, `evaluate` and `predict` take as data: arrays, tensors, data frames, lists of numbers, lists and dicts of these;
# a DataLoader, a PyDataset, a generator of batches. Anything with rows will do, so that a narrower type than Any would
# call right programs wrong.
Data = Any

# Shuffled rows are gathered this many bytes at a time: enough that a step only slices, little enough to go unnoticed.
GATHER_BYTES = 32 * 2**20
# Arrays up to this many bytes go to an accelerator whole when they are gone through again and again.
RESIDENT_BYTES = 256 * 2**20
# What torch takes from NumPy as it is.
_TORCH_TYPES = frozenset(np.dtype(name) for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32",
                                                     "int64", "bool"))  # fmt: skip


class Batches:
    """Batches, epoch after epoch.

    Arguments:
        start: makes the iterator of one pass over the data.
        length: how many batches a pass has, ``None`` when it can't be known.
        steps: how many batches an epoch is to have; by default a whole pass. Passes follow each other without a break
            when this is given, as in Keras.
        source: what is told of the beginning and the end of each epoch, where there is something to tell.
        arrays, size: ``(x, y, sample_weight)`` as a whole, and the rows of a batch, where the data do not come in batches.

    ``watched_by``, where something is set there, sees the batches of the next epoch pass by.
    """

    watched_by: Any = None

    def __init__(
        self,
        start: Callable[[], Iterator[Batch]],
        length: int | None,
        steps: float | None = None,
        source: PyDataset | None = None,
        arrays: Any = None,
        size: int | None = None,
    ) -> None:
        self._start = start
        self.arrays, self.size = arrays, size
        self._running: Iterator[Batch] | None = None
        self._source = source
        self.length = length
        self.steps = math.ceil(steps) if steps is not None else length  # Keras 2's scripts pass rows / batch_size
        most = config.max_steps_per_epoch()
        if most is not None:
            self.steps = most if self.steps is None else min(self.steps, most)

    def restart(self) -> None:
        """Let the next epoch begin a new pass."""
        self._running = None

    def epoch(self) -> Iterator[Batch]:
        """One epoch's batches."""
        if self._source is not None:
            self._source.on_epoch_begin()
        batches = self._start() if self.steps == self.length else self._next_batches()
        watcher, self.watched_by = self.watched_by, None
        yield from batches if watcher is None else watcher.watch(batches)
        if self._source is not None:
            self._source.on_epoch_end()

    def _next_batches(self) -> Iterator[Batch]:
        for step in range(self.steps or 0):
            batch = next(self._running, None) if self._running is not None else None
            if batch is None:
                self._running = self._start()
                batch = next(self._running, None)
            if batch is None:
                warnings.warn(
                    f"The data ran out after {step} of {self.steps} steps; the epoch ends there.",
                    stacklevel=users_level(),
                )
                return
            yield batch


def make_batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: float | None = None,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | ByClass | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    copy: bool = False,
    again: bool = False,
    columns: bool = False,
) -> Batches:
    """Batches from whatever ``fit``, ``evaluate`` and ``predict`` are given.

    Arguments:
        x: arrays, tensors, data frames, lists or dicts of them; or a ``DataLoader``, ``PyDataset``/``Sequence``,
            generator or other iterable of batches, which brings ``y`` and ``sample_weight`` itself.
        batch_size: rows in a batch of array data, 32 by default.
        shuffle: whether rows are in a new order each epoch; ``"batch"`` shuffles whole batches.
        class_weight: class index -> weight of its rows.
        dtype, device: what floats become, and where the batches are to be (``None``: where the data are).
        copy: whether batches lie in memory of their own, since the model may write into them.
        columns: whether targets of one number for each row are to be columns.
        again: whether several epochs are to come, so that arrays that are not large may go to the device whole, once.

    Raises:
        ValueError: when there is no data, or ``x`` and ``y`` differ in length.
        TypeError: for data that can't be read.
    """
    by_class = class_weight if isinstance(class_weight, ByClass | None) else ByClass(class_weight)
    if is_batched(x):
        if y is not None:
            raise ValueError(f"{type(x).__name__} brings its targets itself, as (x, y) batches; leave y out.")
        return _from_iterable(x, steps, by_class, dtype, device, bool(shuffle), copy, columns)
    if isinstance(x, torch.utils.data.Dataset):
        raise TypeError(f"{type(x).__name__} gives single samples; pass torch.utils.data.DataLoader(dataset, batch_size=32), "
                        "which gives batches.")  # fmt: skip
    structure = (x, y, sample_weight)
    structure = tuple(as_arrays(part) for part in structure)
    if any(_is_sparse(leaf) for leaf in leaves(structure)):
        rows, size = _common_length(structure), 32 if batch_size is None else _batch_size(batch_size)
        pieces = _Pieces(structure, rows, size, shuffle)
        return _from_iterable(pieces, steps, by_class, dtype, device, False, copy, columns)
    if columns:
        structure = (structure[0], _as_columns(structure[1], dtype), structure[2])
    tensors = [to_tensor(leaf, dtype) for leaf in leaves(structure) if leaf is not None]
    rows = _common_length(structure)
    if by_class is not None:
        structure = (structure[0], structure[1], by_class.of(structure[1], structure[2], dtype, to_tensor))
        tensors = [to_tensor(leaf, dtype) for leaf in leaves(structure) if leaf is not None]
    size = 32 if batch_size is None else _batch_size(batch_size)
    assemble = _assembler(structure)
    length = math.ceil(rows / size)

    stay = again and device is not None and sum(tensor.nbytes for tensor in tensors) <= RESIDENT_BYTES

    def start() -> Iterator[Batch]:
        if stay:  # once: those that are there already stay as they are
            tensors[:] = [send(tensor, device) for tensor in tensors]
        return map(assemble, _slices(tensors, rows, size, shuffle, device, copy))

    return Batches(start, length, steps, arrays=structure, size=size)


def is_batched(x: Any) -> bool:
    """Whether ``x`` comes in batches already."""
    if isinstance(x, (np.ndarray, torch.Tensor, list, tuple, dict)) or hasattr(x, "to_numpy") or _is_sparse(x):
        return False
    return isinstance(x, (PyDataset, torch.utils.data.DataLoader)) or hasattr(x, "__iter__") or hasattr(x, "__next__")


def to_tensor(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """A tensor that shares memory with ``value`` where it can; floats become ``dtype``."""
    if not isinstance(value, torch.Tensor):
        plain = type(value) is np.ndarray and value.ndim > 0 and value.flags.carray and value.dtype in _TORCH_TYPES
        value = torch.from_numpy(value if plain else _as_plain_array(value))
    return value.to(dtype) if value.dtype is not dtype and value.is_floating_point() else value


def _as_plain_array(value: Any) -> np.ndarray:
    """An array such as torch takes: native numbers, writeable, strides that are not negative."""
    array = value.toarray() if _is_sparse(value) else np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"Data must be numbers, and got {describe(array)}: {array.reshape(-1)[:3].tolist()} ...")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # torch does little with them
        array = array.astype(np.int64)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.atleast_1d(array)


def split_validation(arrays: Any, fraction: float) -> tuple[Any, Any]:
    """The first rows, and the last ``fraction`` of them, which are kept for validation."""
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must be a fraction between 0 and 1, and got {fraction!r}.")
    if any(is_batched(part) for part in arrays if part is not None):
        raise ValueError("validation_split needs arrays; data that comes in batches can't be split. Pass "
                         "validation_data.")  # fmt: skip
    arrays = tuple(as_arrays(part) for part in arrays)
    rows = _common_length(arrays)
    cut = math.floor(rows * (1 - fraction))
    if cut in (0, rows):
        raise ValueError(f"validation_split={fraction} of {rows} rows leaves nothing to "
                         f"{'train on' if cut == 0 else 'validate on'}.")  # fmt: skip
    return tuple(
        map_structure(lambda leaf, part=part: None if leaf is None else leaf[part], arrays)
        for part in (slice(0, cut), slice(cut, rows))
    )


def _as_columns(y: Any, dtype: torch.dtype) -> Any:
    """Targets with one number for each row as columns, as Keras 1 and 2 made them."""
    return map_structure(
        lambda leaf: leaf if leaf is None or len(np.shape(leaf)) != 1 else to_tensor(leaf, dtype)[:, None], y
    )


def _slices(
    tensors: list[torch.Tensor], rows: int, size: int, shuffle: bool | str, device: torch.device | None, copy: bool
) -> Iterator[tuple[torch.Tensor, ...]]:
    """The batches of one epoch: rows are gathered in their order of this epoch a chunk at a time, then sliced."""
    row_bytes = max(1, sum(tensor.nbytes // max(1, rows) for tensor in tensors))
    chunk = max(1, GATHER_BYTES // (row_bytes * size)) * size
    order = _order(rows, size, shuffle)
    for begin in range(0, rows, chunk):
        if order is None:
            parts = [tensor[begin : begin + chunk] for tensor in tensors]
            parts = [part.clone() for part in parts] if copy else parts
        else:
            chosen = order[begin : begin + chunk]
            parts = [tensor.index_select(0, chosen.to(tensor.device)) for tensor in tensors]
        parts = [send(part, device) for part in parts]
        yield from zip(*(part.split(size) for part in parts), strict=True)


def _order(rows: int, size: int, shuffle: bool | str) -> torch.Tensor | None:
    """The order of the rows in one epoch; ``None`` for that in which they are."""
    if shuffle == "batch":
        whole = torch.arange(rows - rows % size, device="cpu").reshape(-1, size)
        mixed = whole[torch.randperm(len(whole), device="cpu")].reshape(-1)
        return torch.cat([mixed, torch.arange(rows - rows % size, rows, device="cpu")])
    return torch.randperm(rows, device="cpu") if shuffle else None


def _is_sparse(leaf: Any) -> bool:
    """Whether it is a matrix of SciPy's of which only some numbers are kept."""
    return hasattr(leaf, "tocsr") and hasattr(leaf, "toarray")


class _Pieces:
    """Batches of data among which are sparse matrices: of those, the rows of a batch alone are ever written out."""

    def __init__(self, structure: Any, rows: int, size: int, shuffle: bool | str) -> None:
        self._structure = structure
        self._rows, self._size, self._shuffle = rows, size, shuffle

    def __len__(self) -> int:
        return math.ceil(self._rows / self._size)

    def __iter__(self) -> Iterator[Batch]:
        order = _order(self._rows, self._size, self._shuffle)
        numbers = np.arange(self._rows) if order is None else order.numpy()
        for begin in range(0, self._rows, self._size):
            chosen = numbers[begin : begin + self._size]
            yield map_structure(lambda leaf, rows=chosen: None if leaf is None else leaf[rows], self._structure)


def _assembler(structure: tuple[Any, ...]) -> Callable[[tuple[torch.Tensor, ...]], Batch]:
    """From a batch's tensors, in the order of ``structure``'s leaves, back to ``(x, y, sample_weight)``."""
    x, y, weight = structure
    if weight is None and not any(isinstance(part, (list, tuple, dict)) for part in (x, y)):
        return (lambda parts: (parts[0], None, None)) if y is None else (lambda parts: (parts[0], parts[1], None))

    def assemble(parts: tuple[torch.Tensor, ...]) -> Batch:
        rest = iter(parts)
        return map_structure(lambda leaf: None if leaf is None else next(rest), structure)

    return assemble


def as_arrays(part: Any) -> Any:
    """Data frames, and lists of plain numbers, as arrays; structures of arrays stay structures."""
    if hasattr(part, "to_numpy"):
        part = part.to_numpy()
    if _is_sparse(part):
        return part.tocsr()
    if isinstance(part, dict):
        return {key: as_arrays(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)) and part:
        if all(isinstance(leaf, (int, float, bool, np.number)) for leaf in leaves(part)):
            try:
                return np.asarray(part)
            except ValueError:
                raise ValueError("The rows of data in lists must have the same length, and these differ. Pad them "
                                 "to one length.") from None  # fmt: skip
        return type(part)(as_arrays(value) for value in part)
    if isinstance(part, (list, tuple)):
        return np.zeros((0,))
    return part


def _common_length(structure: tuple[Any, ...]) -> int:
    lengths: dict[str, int] = {}
    for name, part in zip(("x", "y", "sample_weight"), structure, strict=True):
        for number, leaf in enumerate(leaves(part)):
            if leaf is None:
                continue
            shape = np.shape(leaf) if not hasattr(leaf, "shape") else leaf.shape
            if not len(shape):
                raise ValueError(f"{name} must have a row for each sample, and got the single number {leaf!r}.")
            lengths[name if len(leaves(part)) == 1 else f"{name}[{number}]"] = int(shape[0])
    if not lengths:
        raise ValueError("There is no data: x is None.")
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in itertools.islice(lengths.items(), 6))
        if len(lengths) <= 6:
            raise ValueError(f"All data must have the same number of rows: {said}.")
        raise ValueError(f"All data must have the same number of rows: {said}, and so on. A list of arrays is a list of "
                         "inputs; if its arrays are the rows of one, pass np.stack(list).")  # fmt: skip
    rows = next(iter(lengths.values()))
    if rows == 0:
        raise ValueError("There is no data: x has 0 rows.")
    return rows


def _batch_size(batch_size: Any) -> int:
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer, and got {batch_size!r}.")
    return int(batch_size)


def _from_iterable(
    source: Any,
    steps: float | None,
    by_class: ByClass | None,
    dtype: torch.dtype,
    device: torch.device | None,
    shuffle: bool,
    copy: bool,
    columns: bool,
) -> Batches:
    def read(data: Any) -> Batch:
        x, y, weight = unpack(data)
        if columns:
            y = _as_columns(as_arrays(y), dtype)
        if by_class is not None:
            weight = by_class.of(y, weight, dtype, to_tensor)

        def convert(leaf: Any) -> Any:
            if leaf is None:
                return None
            given = to_tensor(leaf, dtype)
            tensor = send(given, device)
            return tensor.clone() if copy and tensor is given else tensor

        return tuple(map_structure(convert, as_arrays(part)) for part in (x, y, weight))  # pyright: ignore[reportReturnType]

    def batches(given: Iterable[Any]) -> Iterator[Batch]:
        return filter(_has_rows, map(read, given))

    if isinstance(source, PyDataset) and not source.by_number:
        return Batches(lambda: batches(source), None, steps)
    if isinstance(source, PyDataset):
        length = source.num_batches
        if length is None:
            return Batches(lambda: batches(source[i] for i in itertools.count()), None, steps, source)

        def start() -> Iterator[Batch]:
            order = torch.randperm(length, device="cpu").tolist() if shuffle else range(length)
            return batches(source[i] for i in order)

        return Batches(start, length, steps, source)
    try:
        length = len(source)
    except TypeError:
        length = None
    if hasattr(source, "__next__"):  # a generator can't begin again
        return Batches(lambda: batches(source), length, steps)
    return Batches(lambda: batches(iter(source)), length, steps)


def _has_rows(batch: Batch) -> bool:
    """Whether there is anything in a batch: a mean over nothing is no number. (What is no tensor may be anything.)"""
    first = next((leaf for leaf in leaves(batch[0]) if isinstance(leaf, torch.Tensor)), None)
    return first is None or first.dim() == 0 or len(first) > 0
