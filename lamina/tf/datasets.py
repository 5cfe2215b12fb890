"""``tf.data.Dataset`` as a thin iterable: elements, which are shuffled, mapped, put into batches, and taken by ``fit``.

Nothing runs beside the program: ``prefetch`` and ``num_parallel_calls`` change nothing. Rows of arrays are gathered a batch at
a time, as long as no function looks at single ones.
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np
import torch

from lamina.graph.nests import leaves, map_structure
from lamina.tf.sizes import Sizes
from lamina.tf.table import TABLE, number, tensor, word
from lamina.tf.values import TensorSpec

INFINITE, UNKNOWN = -1, -2
Stream = Callable[[], Iterator[Any]]
_ABSENT = {
    "list_files": "glob.glob and from_tensor_slices do", "make_one_shot_iterator": "iter(dataset) does",
    "make_initializable_iterator": "iter(dataset) does", "snapshot": "cache() keeps elements", "save": "numpy.savez does",
    "load": "numpy.load and from_tensor_slices do", "group_by_window": "a generator and from_generator do",
    "bucket_by_sequence_length": "padded_batch pads each batch to its longest row",
    "rejection_resample": "class_weight in fit does", "sample_from_datasets": "a generator and from_generator do",
}  # fmt: skip


class Elements:
    """Elements in some order: what a :class:`Dataset` does without a look at them.

    Arguments:
        stream, length, make, collect: as for that.
    """

    def __init__(
        self,
        stream: Stream,
        length: int = UNKNOWN,
        make: Callable[[Any], Any] | None = None,
        collect: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        self._stream = stream
        self._length = length
        self._make = make or _as_it_is
        self._collect = collect or (lambda many: stacked([self._make(one) for one in many]))

    # ---- what is in it ----

    def __iter__(self) -> Iterator[Any]:
        return map(self._make, self._stream())

    def __len__(self) -> int:
        if self._length < 0:
            raise TypeError(
                "The dataset goes on for ever." if self._length == INFINITE else "The dataset length is unknown."
            )
        return self._length

    def __bool__(self) -> bool:
        return True

    def cardinality(self, name: Any = None) -> torch.Tensor:
        """The number of elements; -1: it goes on for ever, -2: not known before it was gone through."""
        return torch.tensor(self._length)

    def as_numpy_iterator(self, name: Any = None) -> Iterator[Any]:
        """The elements, with arrays."""
        return (map_structure(_as_array, element) for element in self)

    @property
    def element_spec(self) -> Any:
        """Shapes and types, as the first element has them."""
        return map_structure(TensorSpec.from_tensor, next(iter(self)))

    def get_single_element(self, name: Any = None) -> Any:
        """The only element."""
        found = list(itertools.islice(iter(self), 2))
        if len(found) != 1:
            raise ValueError("get_single_element needs a dataset of one element.")
        return found[0]

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: Any = None) -> Any:
        """The last of ``state = reduce_func(state, element)``."""
        state = _structure(initial_state, _leaf)
        for element in self:
            state = reduce_func(state, element)
        return state

    # ---- orders: what stands for elements stays what it is ----

    def _ordered(self, stream: Stream, length: int) -> Self:
        return type(self)(stream, length, self._make, self._collect)

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = True,
                name: Any = None) -> Self:  # fmt: skip
        """In a random order: each element is drawn from the next ``buffer_size``."""
        size = int(number(buffer_size))
        if size < 1:
            raise ValueError(f"shuffle needs a buffer_size of at least 1, and got {size}.")
        generator = torch.Generator()
        fixed = int(torch.randint(2**31, ())) if seed is None else int(number(seed))
        if seed is not None:
            generator.manual_seed(fixed)
        again = reshuffle_each_iteration is not False

        def stream() -> Iterator[Any]:
            if not again:
                generator.manual_seed(fixed)
            drawn = None if again and seed is None else generator  # None: torch's own, which tf.random.set_seed seeds
            waiting: list[Any] = []
            for one in self._stream():
                waiting.append(one)
                if len(waiting) >= size:
                    yield _drawn(waiting, drawn)
            yield from (waiting[place] for place in torch.randperm(len(waiting), generator=drawn).tolist())

        return self._ordered(stream, self._length)

    def repeat(self, count: Any = None, name: Any = None) -> Self:
        """So many times; for ever by default."""
        times = -1 if count is None else int(number(count))

        def stream() -> Iterator[Any]:
            for _ in itertools.count() if times < 0 else builtins.range(times):
                empty = True
                for one in self._stream():
                    empty = False
                    yield one
                if empty:
                    return

        return self._ordered(stream, INFINITE if times < 0 and self._length else self._scaled(max(times, 0)))

    def _scaled(self, times: int) -> int:
        return self._length * times if self._length >= 0 else self._length if times else 0

    def take(self, count: Any, name: Any = None) -> Self:
        """The first so many; -1: all."""
        most = int(number(count))
        if most < 0:
            return self
        known = most if self._length == INFINITE else min(most, self._length) if self._length >= 0 else UNKNOWN
        return self._ordered(lambda: itertools.islice(self._stream(), most), known)

    def skip(self, count: Any, name: Any = None) -> Self:
        """All but the first so many; -1: none."""
        left_out = int(number(count))
        if left_out < 0:
            return self._ordered(lambda: iter(()), 0)
        known = max(self._length - left_out, 0) if self._length >= 0 else self._length
        return self._ordered(lambda: itertools.islice(self._stream(), left_out, None), known)

    def shard(self, num_shards: Any, index: Any, name: Any = None) -> Self:
        """Each ``num_shards``-th, from the ``index``-th."""
        step, first = int(number(num_shards)), int(number(index))
        known = len(builtins.range(first, self._length, step)) if self._length >= 0 else self._length
        return self._ordered(lambda: itertools.islice(self._stream(), first, None, step), known)

    def prefetch(self, buffer_size: Any = None, name: Any = None) -> Self:
        """The same elements: nothing runs beside the program."""
        return self

    def with_options(self, options: Any, name: Any = None) -> Self:
        """The same elements."""
        return self

    def options(self) -> Options:
        """What :meth:`with_options` would take."""
        return Options()

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """What a function makes of it."""
        return transformation_func(self)

    def cache(self, filename: Any = "", name: Any = None) -> Self:
        """The elements, which are kept in memory at the first whole pass."""
        kept: list[Any] = []
        whole = False

        def stream() -> Iterator[Any]:
            nonlocal whole
            if whole:
                yield from kept
                return
            found = []
            for one in self._stream():
                found.append(one)
                yield one
            kept[:], whole = found, True

        return self._ordered(stream, self._length)


class Dataset(Elements):
    """Elements, each a tensor or a structure of them, again and again.

    Arguments:
        stream: makes the iterator of one pass: over elements, or over what stands for them.
        length: how many there are; ``INFINITE`` or ``UNKNOWN``.
        make: an element, from what stands for it.
        collect: a batch, from a list of what stands for its elements.

    >>> rows = Dataset.from_tensor_slices([1, 2, 3, 4, 5]).map(lambda x: x * 2).batch(2)
    >>> [batch.tolist() for batch in rows], len(rows)
    ([[2, 4], [6, 8], [10]], 3)
    """

    # ---- making ----

    @staticmethod
    def from_tensor_slices(tensors: Any, name: Any = None) -> Dataset:
        """The rows of arrays, of each structure one of the same number."""
        whole = _structure(tensors, _rows)
        lengths = {len(leaf) for leaf in leaves(whole)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices takes arrays of the same number of rows, and got {sorted(lengths)}.")
        count = lengths.pop()

        def make(place: int) -> Any:
            return map_structure(lambda leaf: leaf[place], whole)

        def collect(places: list[int]) -> Any:
            where = torch.tensor(places, device="cpu")
            return map_structure(
                lambda leaf: leaf[where.to(leaf.device)] if isinstance(leaf, torch.Tensor) else leaf[places], whole
            )

        return Dataset(lambda: iter(builtins.range(count)), count, make, collect)

    @staticmethod
    def from_tensors(tensors: Any, name: Any = None) -> Dataset:
        """One element."""
        whole = _structure(tensors, _leaf)
        return Dataset(lambda: iter([whole]), 1)

    @staticmethod
    def from_generator(generator: Callable[..., Iterable[Any]], output_types: Any = None, output_shapes: Any = None,
                       args: Any = None, output_signature: Any = None, name: Any = None) -> Dataset:  # fmt: skip
        """What the generator that a function makes gives."""
        if not callable(generator):
            raise TypeError("from_generator takes a function that makes a generator, and got "
                            f"{type(generator).__name__}: pass `lambda: it`.")  # fmt: skip
        said = output_signature if output_signature is not None else output_types
        given = [tensor(one) for one in args or ()]

        def stream() -> Iterator[Any]:
            for element in generator(*(one.numpy() for one in given)):
                yield _structure(element, _leaf) if said is None else _typed(element, said)

        return Dataset(stream)

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: Any = None) -> Dataset:
        """Numbers, as Python's ``range``."""
        numbers = builtins.range(*(int(number(one)) for one in args))
        kind = output_type
        return Dataset(
            lambda: iter(numbers), len(numbers), lambda one: tensor(one, kind), lambda many: tensor(many, kind)
        )

    @staticmethod
    def zip(*datasets: Any, name: Any = None) -> Dataset:
        """Tuples of the elements of several."""
        parts = datasets[0] if len(datasets) == 1 and not isinstance(datasets[0], Dataset) else datasets
        inner = [one for one in leaves(list(parts) if isinstance(parts, tuple) else parts) if isinstance(one, Dataset)]

        def stream() -> Iterator[Any]:
            for elements in builtins.zip(*map(iter, inner), strict=False):
                rest = iter(elements)
                yield map_structure(lambda _, rest=rest: next(rest), parts)

        known = [one._length for one in inner if one._length != INFINITE]
        return Dataset(stream, UNKNOWN if UNKNOWN in known else min(known, default=INFINITE))

    # ---- elements ----

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None,
            synchronous: Any = None, use_unbounded_threadpool: Any = None, name: Any = None) -> Dataset:  # fmt: skip
        """What a function makes of each element; a tuple is its arguments."""
        return Dataset(lambda: (_result(_call(map_func, one)) for one in self), self._length)

    def filter(self, predicate: Callable[..., Any], name: Any = None) -> Dataset:
        """The elements for which a function gives true."""
        return Dataset(lambda: (one for one in self if bool(_call(predicate, one))))

    def take_while(self, predicate: Callable[..., Any], name: Any = None) -> Dataset:
        """The elements before the first for which a function gives false."""
        return Dataset(lambda: itertools.takewhile(lambda one: bool(_call(predicate, one)), self))

    def enumerate(self, start: Any = 0, name: Any = None) -> Dataset:
        """Pairs of a number and an element."""
        first = int(number(start))
        return Dataset(
            lambda: ((torch.tensor(place), one) for place, one in builtins.enumerate(self, first)), self._length
        )

    def concatenate(self, dataset: Dataset, name: Any = None) -> Dataset:
        """These elements, and then the others."""
        lengths = (self._length, dataset._length)
        known = INFINITE if INFINITE in lengths else UNKNOWN if UNKNOWN in lengths else sum(lengths)
        return Dataset(lambda: itertools.chain(iter(self), iter(dataset)), known)

    def flat_map(self, map_func: Callable[..., Dataset], name: Any = None) -> Dataset:
        """The elements of the datasets that a function makes of each element, one after the other."""
        return Dataset(lambda: (inner for one in self for inner in _call(map_func, one)))

    def interleave(self, map_func: Callable[..., Dataset], cycle_length: Any = None, block_length: Any = 1,
                   num_parallel_calls: Any = None, deterministic: Any = None, name: Any = None) -> Dataset:  # fmt: skip
        """As :meth:`flat_map`, ``block_length`` elements of each of ``cycle_length`` datasets in turn."""
        width = 1 if cycle_length is None or int(number(cycle_length)) < 1 else int(number(cycle_length))
        block = int(number(block_length))

        def stream() -> Iterator[Any]:
            waiting = iter(self)
            running: list[Iterator[Any]] = []
            place = 0
            while True:
                while len(running) < width and (following := next(waiting, _END)) is not _END:
                    running.append(iter(_call(map_func, following)))
                if not running:
                    return
                place %= len(running)
                taken = list(itertools.islice(running[place], block))
                yield from taken
                if len(taken) < block:
                    following = next(waiting, _END)
                    if following is _END:
                        del running[place]
                        continue
                    running[place] = iter(_call(map_func, following))
                place += 1

        return Dataset(stream)

    def unbatch(self, name: Any = None) -> Dataset:
        """The rows of each element."""
        return Dataset(lambda: (map_structure(lambda leaf, row=row: leaf[row], one)
                                for one in self for row in builtins.range(len(leaves(one)[0]))))  # fmt: skip

    def batch(self, batch_size: Any, drop_remainder: Any = False, num_parallel_calls: Any = None, deterministic: Any = None,
              name: Any = None) -> Dataset:  # fmt: skip
        """So many elements as one; the last may have fewer."""
        return self._in_batches(int(number(batch_size)), bool(drop_remainder), self._stream, self._collect)

    def _in_batches(self, size: int, whole: bool, stream: Stream, collect: Callable[[list[Any]], Any]) -> Dataset:
        if size < 1:
            raise ValueError(f"A batch has at least one element, and got batch_size={size}.")

        def batches() -> Iterator[Any]:
            elements = stream()
            while many := list(itertools.islice(elements, size)):
                if len(many) == size or not whole:
                    yield many

        count = self._length if self._length < 0 else self._length // size if whole else -(-self._length // size)
        return Dataset(batches, count, collect)

    def padded_batch(self, batch_size: Any, padded_shapes: Any = None, padding_values: Any = None,
                     drop_remainder: Any = False, name: Any = None) -> Dataset:  # fmt: skip
        """:meth:`batch` of elements that differ in size: each axis is as long as the longest, or as ``padded_shapes`` says."""

        def collect(many: list[Any]) -> Any:
            columns = [list(column) for column in builtins.zip(*(leaves(one) for one in many), strict=True)]
            shapes = [None] * len(columns) if padded_shapes is None else _shapes(padded_shapes, len(columns))
            values = (
                [padding_values] * len(columns) if not isinstance(padding_values, (tuple, list)) else padding_values
            )
            padded = iter([_padded(column, shape, value)
                           for column, shape, value in builtins.zip(columns, shapes, values, strict=True)])  # fmt: skip
            return map_structure(lambda _: next(padded), many[0])

        return self._in_batches(int(number(batch_size)), bool(drop_remainder), self.__iter__, collect)

    def window(
        self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: Any = False, name: Any = None
    ) -> Dataset:
        """Datasets of so many elements each; the next begins ``shift`` elements later."""
        width, step = int(number(size)), int(number(stride))
        jump = width if shift is None else int(number(shift))
        span = (width - 1) * step + 1

        def windows() -> Iterator[Any]:
            elements, waiting, ended = iter(self), [], False
            while True:
                while not ended and len(waiting) < span:
                    following = next(elements, _END)
                    ended = following is _END
                    waiting += [] if ended else [following]
                if not waiting or (drop_remainder and len(waiting) < span):
                    return
                yield _nested(waiting[:span:step])
                for _ in builtins.range(jump - len(waiting)):
                    next(elements, _END)
                del waiting[:jump]

        left = self._length - span if drop_remainder else self._length - 1
        return Dataset(windows, self._length if self._length < 0 else max(left // jump + 1, 0))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        instead = f": {_ABSENT[name]}" if name in _ABSENT else ""
        raise AttributeError(f"tf.data.Dataset has no {name!r} in lamina{instead}.", name="")

    def __repr__(self) -> str:
        said = {INFINITE: "for ever", UNKNOWN: "unknown"}.get(self._length, self._length)
        return f"<Dataset length={said}>"


_END = object()


def _nested(elements: list[Any]) -> Any:
    """A window: for structures a structure of datasets, as in TensorFlow."""
    first = elements[0]
    if not isinstance(first, (tuple, dict)):
        return Dataset(lambda: iter(elements), len(elements))
    keys = first if isinstance(first, dict) else builtins.range(len(first))
    parts = {key: _nested([one[key] for one in elements]) for key in keys}
    return parts if isinstance(first, dict) else tuple(parts.values())


def _drawn(waiting: list[Any], generator: torch.Generator | None) -> Any:
    """A random one of what waits, whose place the last takes."""
    place = int(torch.randint(len(waiting), (), generator=generator))
    waiting[place], waiting[-1] = waiting[-1], waiting[place]
    return waiting.pop()


def _as_it_is(element: Any) -> Any:
    return element


def _call(function: Callable[..., Any], element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _structure(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Tuples and dicts stay, all else is a leaf: a list is a tensor."""
    if isinstance(value, tuple) and not isinstance(value, Sizes):
        parts = [_structure(one, convert) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, dict):
        return {key: _structure(one, convert) for key, one in value.items()}
    return value if isinstance(value, Dataset) else convert(value)


def _result(value: Any) -> Any:
    """What a function made of an element: here a list is as good as a tuple."""
    return _structure(tuple(value) if isinstance(value, list) else value, _leaf)


def _leaf(value: Any) -> Any:
    """A tensor; text stays as it is."""
    if isinstance(value, (str, bytes)) or (isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "USO"):
        return value
    return value.detach() if isinstance(value, torch.Tensor) else tensor(value)


def _rows(value: Any) -> Any:
    """A tensor of rows; data frames as arrays, rows of text as arrays of Python's."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
        return np.array(value, object)
    found = _leaf(value)
    if not found.ndim:
        raise ValueError(f"from_tensor_slices takes arrays with rows, and got the single number {value!r}.")
    return found


def _typed(element: Any, kinds: Any) -> Any:
    """An element in the types, and the structure, that were said."""
    if isinstance(kinds, (tuple, list)):
        return tuple(_typed(one, kind) for one, kind in builtins.zip(element, kinds, strict=True))
    if isinstance(kinds, dict):
        return {key: _typed(element[key], kind) for key, kind in kinds.items()}
    kind = kinds.dtype if isinstance(kinds, TensorSpec) else kinds
    return (
        element
        if kind == "string"
        else tensor(np.asarray(element) if isinstance(element, (list, tuple)) else element, kind)
    )


def stacked(many: list[Any]) -> Any:
    """Elements as one, with an axis more."""
    columns = [iter(leaves(one)) for one in many]

    def join(first: Any) -> Any:
        column = [next(leaf) for leaf in columns]
        if not isinstance(first, torch.Tensor):
            return np.array(column, object)
        shapes = {tuple(one.shape) for one in column}
        if len(shapes) > 1:
            raise ValueError(
                f"batch takes elements of one shape, and got {sorted(shapes)}; padded_batch makes them equal."
            )
        return torch.stack(column)

    return map_structure(join, many[0])


def _shapes(shapes: Any, count: int) -> list[Any]:
    """The shapes of so many leaves: a structure of lists, or one for a single leaf."""
    if count == 1 and not (isinstance(shapes, tuple) and len(shapes) == 1 and isinstance(shapes[0], (list, tuple))):
        return [shapes]
    parts = shapes.values() if isinstance(shapes, dict) else shapes
    found: list[Any] = []
    for part in parts:
        inside = isinstance(part, tuple) and any(isinstance(one, (list, tuple)) for one in part)
        found += list(part) if inside else [part]
    return found


def _padded(column: list[Any], shape: Any, value: Any) -> torch.Tensor:
    longest = [max(sizes) for sizes in builtins.zip(*(one.shape for one in column), strict=True)]
    said = [None] * len(longest) if shape is None else [None if one in (None, -1) else int(one) for one in shape]
    wanted = [most if size is None else size for most, size in builtins.zip(longest, said, strict=True)]
    if any(most > size for most, size in builtins.zip(longest, wanted, strict=True)):
        raise ValueError(
            f"padded_batch got an element of {longest}, which is larger than padded_shapes={tuple(wanted)}."
        )
    whole = column[0].new_full((len(column), *wanted), 0 if value is None else number(value))
    for place, one in enumerate(column):
        whole[(place, *map(slice, one.shape))] = one
    return whole


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, Dataset):
        return leaf
    return leaf.detach().cpu().numpy() if isinstance(leaf, torch.Tensor) else leaf


class Options:
    """What a dataset may be told about threads and shards: any attribute may be set, nobody reads it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = vars(self)[name] = Options()
        return value


TABLE |= {
    "data.Dataset": Dataset, "data.Options": Options, "data.AUTOTUNE": -1, "data.experimental.AUTOTUNE": -1,
    "data.INFINITE_CARDINALITY": INFINITE, "data.UNKNOWN_CARDINALITY": UNKNOWN, "data.DatasetV2": Dataset,
    "data.experimental.INFINITE_CARDINALITY": INFINITE, "data.experimental.UNKNOWN_CARDINALITY": UNKNOWN,
    "compat.v1.data.Dataset": Dataset,
}  # fmt: skip


@word("data.experimental.cardinality")
def cardinality(dataset: Dataset) -> torch.Tensor:
    """The number of elements, as the dataset's own method gives it."""
    return dataset.cardinality()


@word("data.experimental.prefetch_to_device", "data.experimental.copy_to_device")
def prefetch_to_device(device: Any = None, buffer_size: Any = None, *others: Any) -> Callable[[Dataset], Dataset]:
    """For ``apply``: the same elements."""
    return lambda dataset: dataset


@word("data.experimental.assert_cardinality")
def assert_cardinality(expected_cardinality: Any) -> Callable[[Dataset], Dataset]:
    """For ``apply``: the dataset, told how many elements there are."""
    return lambda dataset: Dataset(dataset._stream, int(number(expected_cardinality)), dataset._make, dataset._collect)
