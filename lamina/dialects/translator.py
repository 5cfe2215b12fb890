"""The one translator: a call in any generation's words -> the same in Keras 3's. It knows the tables and no layer."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from lamina import naming
from lamina.dialects import keras1, keras2, keras3, notes, tf_keras
from lamina.dialects.generation import Call, Generation, Gone, Habits
from lamina.errors import did_you_mean
from lamina.tracebacks import explain_call, shorten

P = ParamSpec("P")
R = TypeVar("R")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

GENERATIONS = {
    table.name: table
    for table in (keras1.GENERATION, keras2.GENERATION, keras2.GENERATION_2_3, tf_keras.GENERATION, keras3.GENERATION)
}
# Their names in short, as a command line takes them.
NUMBERS = {"1": "keras1", "2": "keras2", "2.3": "keras2.3", "tf": "tf_keras", "3": "keras3"}
# The name that a class's tables are under, where it is another.
_KEYS = {**keras3.SYNONYMS, **keras3.SAME_TABLES}

for _old, (_today, _) in keras3.ALIASES.items():
    naming.also_called(_today, _old)


class _Here(threading.local):
    """What a thread has chosen for itself; what is set on the class holds for all others."""

    active: Generation | None = None  # None: the native one, which is Keras 3's
    chosen: str | None = None
    left_out: list[tuple[str, str, Any, str]] | None = None  # while a file is read


_here = _Here()

# ---- the active dialect --------------------------------------------------------------------------------------------


def dialect() -> str | None:
    """The name of the active dialect, ``None`` for the native one."""
    return _here.chosen


def set_dialect(name: str | None) -> None:
    """Choose the generation whose defaults, formulas and argument order calls have from now on.

    Arguments:
        name: ``"keras1"`` (1.2.2), ``"keras2"`` (2.2.4), ``"keras2.3"`` (2.3.1), ``"tf_keras"`` (2.21), ``"keras3"``,
            or ``None`` for the native one, which is Keras 3's.

    Keywords of any generation are understood whichever is chosen.

    >>> set_dialect("keras2")
    >>> translate("GRU", (8,), {})
    ((), {'units': 8, 'recurrent_activation': 'hard_sigmoid_keras2', 'reset_after': False, 'implementation': 1})
    >>> set_dialect(None)
    """
    generation = _generation(name)
    for key in ("active", "chosen"):
        vars(_here).pop(key, None)
    _Here.chosen, _Here.active = name, generation
    naming.set_style(generation.names if generation is not None else None)


def standing() -> tuple[Any, ...]:
    """What was chosen, for the program and for this thread alone, for :func:`set_standing` to put back."""
    return _Here.chosen, _Here.active, dict(vars(_here)), naming.standing()


def set_standing(before: tuple[Any, ...]) -> None:
    """Choose what :func:`standing` gave."""
    _Here.chosen, _Here.active, own, names = before
    vars(_here).clear()
    vars(_here).update(own)
    naming.set_standing(names)


def _generation(name: str | None) -> Generation | None:
    if name is not None and name not in GENERATIONS:
        raise ValueError(f"{name!r} is not a known dialect.{did_you_mean(name, GENERATIONS)} "
                         f"The dialects are {', '.join(GENERATIONS)}.")  # fmt: skip
    return None if name in (None, "keras3") else GENERATIONS[name]


def habits() -> Habits:
    """How models of the active dialect train, where it is not as today."""
    return _here.active.habits if _here.active is not None else _TODAYS


_TODAYS = Habits()


@contextlib.contextmanager
def using_dialect(name: str | None) -> Iterator[None]:
    """A ``with`` block in which, for this thread, it is as if :func:`set_dialect` had been called with ``name``.

    >>> with using_dialect("keras1"):
    ...     translate("Conv2D", (64, 3, 3), {})
    ((), {'kernel_size': (3, 3), 'filters': 64})
    >>> translate("Conv2D", (64, 3, 3), {})
    ((64, 3, 3), {})
    """
    generation = _generation(name)
    before = standing()
    _here.chosen, _here.active = name, generation
    try:
        with naming.using_style(generation.names if generation is not None else None):
            yield
    finally:
        set_standing(before)


# ---- layers --------------------------------------------------------------------------------------------------------


def translate(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The arguments of a layer's constructor in today's words.

    Arguments:
        name: the class's name. ``args`` and ``kwargs`` are what it was called with.

    A call with a Keras 1 keyword is read whole in Keras 1's order; any other one in the active dialect's.

    Raises:
        TypeError: for an old and a new name of the same argument, or an argument that has no counterpart.

    >>> translate("Conv2D", (64, 3, 3), {"border_mode": "same"})
    ((), {'kernel_size': (3, 3), 'filters': 64, 'padding': 'same'})
    """
    if _here.active is None and _WATCHED.isdisjoint(kwargs) and name not in _CAREFUL:
        return args, kwargs
    return _translate(name, args, dict(kwargs))


def translate_alias(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """:func:`translate` for a class that is a modern one in other words (``ALIASES``): the modern one's arguments.

    >>> translate_alias("AtrousConvolution1D", (8, 3), {"atrous_rate": 2})
    ((), {'filters': 8, 'kernel_size': 3, 'dilation_rate': 2})
    """
    args, kwargs = _translate(name, args, dict(kwargs))
    notes.translated(name, keras3.ALIASES[name][0])
    for key, value in keras3.ALIASES[name][1].items():
        if kwargs.setdefault(key, value) != value:
            raise TypeError(f"{name} always has {key}={value!r}, and got {kwargs[key]!r}. "
                            f"{keras3.ALIASES[name][0]} takes any.")  # fmt: skip
    return args, kwargs


def _translate(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    key = _KEYS.get(name, name)
    if _reads_as_keras1(key, args, kwargs):
        args, kwargs = (), _from_keras1(name, args, kwargs)
    else:
        args, kwargs = _in_order(name, key, args, kwargs)
    kwargs = _rename(name, kwargs, keras3.RENAMED.get(key, {}))
    _leave_out(name, kwargs, keras3.GONE.get(key, {}))
    _describe_input(name, key, kwargs)
    if key in keras3.PADDINGS:
        args, kwargs = _pad_in_pairs(key, args, kwargs)
    if _here.active is not None:
        args = tuple(_words("activation").get(arg, arg) if isinstance(arg, str) else arg for arg in args)
        kwargs = {arg: _meaning(arg, value) for arg, value in kwargs.items()}
        _fill(name, kwargs, _here.active.defaults.get(key, {}))
    return args, kwargs


def _fill(name: str, kwargs: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Give the arguments that were not given their generation's values."""
    for argument, value in defaults.items():
        if argument not in kwargs:
            kwargs[argument] = value
            notes.meant(name, argument, value)


# -- Keras 1 --


def _keras1_targets(name: str) -> dict[str, tuple[str, ...]]:
    """Today's names of each Keras 1 argument of a class."""
    own = keras1.RENAMED_IN.get(name, {})
    targets: dict[str, tuple[str, ...]] = {}
    for old in f"{keras1.ORDER[name]} {keras1.KEYWORDS.get(name, '')}".split():
        new = own.get(old, keras1.RENAMED.get(old, old))
        targets[old] = new if isinstance(new, tuple) else (new,)
    for olds, new in keras1.JOINED:
        targets.update({old: (new,) for old in olds if old in targets})
    return targets


_ORDER1: dict[str, list[str]] = {name: list(order.split()) for name, order in keras1.ORDER.items()}
_TARGETS = {name: _keras1_targets(name) for name in keras1.ORDER}
# By class: what only Keras 1 says, and what Keras 1 does not say.
_MARKS = {
    name: frozenset(old for old, new in targets.items() if new != (old,)) | frozenset(keras1.GONE.get(name, ()))
    for name, targets in _TARGETS.items()
}
_MODERN = {name: frozenset(itertools.chain(*targets.values())) - set(targets) for name, targets in _TARGETS.items()}
# Kernels whose sizes were arguments of their own, and how many.
_KERNEL_DIMS = {
    name: sum(old in order for old in ("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3"))
    for name, order in _ORDER1.items()
}
# Classes that share a keyword with every other layer, or whose values need a look.
_CAREFUL = frozenset({"InputLayer", *keras3.PADDINGS})
_WATCHED = frozenset({"input_dim", "input_length"}).union(
    *(keywords for table in (_MARKS, keras3.RENAMED, keras3.GONE) for name, keywords in table.items()
      if name not in _CAREFUL)
)  # fmt: skip


def _reads_as_keras1(key: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if key not in _ORDER1:
        return False
    if key in keras1.ALWAYS or not _MARKS[key].isdisjoint(kwargs):
        return True
    if _here.active is keras1.GENERATION:
        return _MODERN[key].isdisjoint(kwargs)
    if _here.active in (keras2.GENERATION, keras2.GENERATION_2_3):
        return _gives_kernel_in_numbers(key, args, kwargs)
    return False


def keras1_words(name: str) -> frozenset[str]:
    """The keywords of a class that only Keras 1 gave it.

    >>> sorted(keras1_words("Dropout"))
    ['p']
    """
    return _MARKS.get(_KEYS.get(name, name), frozenset())


def _gives_kernel_in_numbers(key: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Keras 2's rule: filters and then as many numbers as the kernel has axes are read in Keras 1's way."""
    axes = _KERNEL_DIMS[key]
    sizes = args[1 : axes + 1]
    if not axes or len(sizes) < axes or not all(isinstance(size, int) for size in sizes):
        return False
    mixed = [name for name in ("padding", "strides", "data_format") if name in kwargs]
    if mixed:
        raise ValueError(f"{key} was given its kernel as {axes} numbers, as in Keras 1, and {mixed[0]}, as in Keras 2. "
                         f"Give the kernel as one argument: kernel_size={tuple(sizes)}.")  # fmt: skip
    return True


def _from_keras1(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    key = _KEYS.get(name, name)
    given = _bind(name, _ORDER1[key], args, kwargs, "Keras 1's order")
    _leave_out(name, given, keras1.GONE.get(key, {}))
    today: dict[str, Any] = {}
    for olds, new in keras1.JOINED:
        parts = {old: given.pop(old) for old in olds if old in given}
        if parts and new in given:
            raise _both(name, next(iter(parts)), new)
        if parts:
            today[new] = _joined(name, new, olds, parts)
            notes.translated(", ".join(parts), new)
    source = {new: new for new in today}
    for old, value in given.items():
        for new in _TARGETS[key].get(old, (old,)):
            if new in source:
                raise _both(name, *sorted((source[new], old), key=lambda spelling: spelling == new))
            source[new] = old
            today[new] = _spelling(new, value)
            notes.translated(old, new)
    return today


def _joined(name: str, new: str, olds: tuple[str, ...], parts: dict[str, Any]) -> Any:
    values = list(parts.values())
    if len(values) == 1 and olds[0] in parts:
        return values[0]  # today's spelling of the kernel's size, as one argument
    if len(values) < len(olds) or not all(isinstance(value, int) for value in values):
        got = ", ".join(f"{old}={value!r}" for old, value in parts.items())
        raise TypeError(f"{name} is called in Keras 1's way, where {', '.join(olds)} are whole numbers, and got {got}. "
                        f"In today's words these are {new}=(...), and steps are strides=(...).")  # fmt: skip
    return tuple(values)


def _spelling(argument: str, value: Any) -> Any:
    """What Keras 1 called ``value``, in today's words."""
    kind = _kind(argument)
    if isinstance(value, str):
        return keras1.VALUES.get(kind, {}).get(value, value)
    if isinstance(value, dict) and value.get("name") in keras1.OBJECTS and kind in ("regularizer", "constraint"):
        class_name, renamed = keras1.OBJECTS[value["name"]]
        return {"class_name": class_name,
                "config": {renamed.get(key, key): item for key, item in value.items() if key != "name"}}  # fmt: skip
    if kind == "initializer" and inspect.isfunction(value):
        return _taking_dtype(value)
    return value


def _taking_dtype(function: Any) -> Any:
    """A function ``f(shape, name=None)``, as Keras 1's initializers were -> ``f(shape, dtype=None)``."""
    parameters = inspect.signature(function).parameters
    if "dtype" in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return function

    def initializer(shape: Any, dtype: Any = None) -> Any:
        return function(shape)

    initializer.__name__ = function.__name__
    return initializer


# -- the active dialect --


def _in_order(name: str, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Arguments by name where the dialect's order is not today's."""
    # What reads as modern under "keras1" has Keras 2's keywords, so it is in Keras 2's order.
    generation = keras2.GENERATION if _here.active is keras1.GENERATION else _here.active
    if generation is None:
        generation = tf_keras.GENERATION if name in keras3.ALIASES else keras3.GENERATION
    limit = generation.positional.get(key) if _here.active is generation else None
    if limit is not None and len(args) > limit:
        counted = "1 positional argument" if limit == 1 else f"{limit} positional arguments"
        raise TypeError(f"In dialect {generation.name!r}, {name} takes at most {counted}, as in Keras 2, and got "
                        f"{len(args)}. Give the others by name, or choose another dialect.")  # fmt: skip
    if key not in generation.order or not args:
        return args, kwargs
    return (), _bind(name, generation.order[key].split(), args, kwargs, f"the order of dialect {generation.name!r}")


def _words(kind: str) -> Mapping[str, Any]:
    return _here.active.words.get(kind, {}) if _here.active is not None else {}


def _meaning(argument: str, value: Any) -> Any:
    """What the active dialect means by ``value``."""
    return _words(_kind(argument)).get(value, value) if isinstance(value, str) else value


def known_words(kind: str) -> frozenset[str]:
    """The names of objects of a kind (``"activation"``, ...) that some generation had other words for.

    >>> "maxnorm" in known_words("constraint")
    True
    """
    return frozenset(keras1.VALUES.get(kind, {})).union(*(table.words.get(kind, ()) for table in GENERATIONS.values()))


# -- any dialect --


def _kind(argument: str) -> str:
    """``kernel_initializer`` -> ``initializer``, ``recurrent_activation`` -> ``activation``; others as they are."""
    last = argument.rpartition("_")[2]
    return last if last in ("activation", "initializer", "regularizer", "constraint") else argument


def _bind(name: str, order: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any], whose: str) -> dict[str, Any]:
    if len(args) > len(order):
        raise TypeError(f"{name} takes at most {len(order)} positional arguments in {whose}, and got {len(args)}.")
    given = dict(zip(order, args, strict=False))
    for key, value in kwargs.items():
        if key in given:
            raise TypeError(f"{name} got {key} twice: as positional argument {order.index(key) + 1} in {whose}, and by "
                            "name.")  # fmt: skip
        given[key] = value
    return given


def _both(name: str, old: str, new: str) -> TypeError:
    return TypeError(f"{name} got both {old} and {new}, which are the same argument by its old and its new name. "
                     "Give one of them.")  # fmt: skip


def _rename(name: str, kwargs: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    if renamed.keys().isdisjoint(kwargs):
        return kwargs
    for old, new in renamed.items():
        if old in kwargs and new in kwargs:
            raise _both(name, old, new)
        if old in kwargs:
            notes.translated(old, new)
    return {renamed.get(key, key): value for key, value in kwargs.items()}


def _leave_out(name: str, kwargs: dict[str, Any], gone: Mapping[str, Gone]) -> None:
    """Take arguments without a counterpart out of ``kwargs``, or say why that can't be done."""
    for argument in [key for key in kwargs if key in gone]:
        _, sentence, error = gone[argument]
        value = kwargs[argument]
        if sentence and not gone[argument].lets_go(value):
            message = f"{name} got {argument}={value!r}: {sentence}"
            if error is not None:
                raise error(message)
            if _here.left_out is None:
                warnings.warn(message, stacklevel=5)
            else:
                _here.left_out.append((name, argument, value, sentence))
        elif _here.left_out is not None and value is not None:
            _here.left_out.append((name, argument, value, ""))
        notes.left_out(name, argument)
        del kwargs[argument]


@contextlib.contextmanager
def collecting() -> Iterator[list[tuple[str, str, Any, str]]]:
    """Inside, arguments that are left out are noted and not warned of one by one: the class, the argument, its value, and what
    there is to say of it, where there is something.

    >>> with collecting() as left_out:
    ...     translate("LSTM", (3,), {"time_major": False})
    ((3,), {})
    >>> left_out
    [('LSTM', 'time_major', False, '')]
    """
    before, _here.left_out = _here.left_out, []
    try:
        yield _here.left_out
    finally:
        _here.left_out = before


def _describe_input(name: str, key: str, kwargs: dict[str, Any]) -> None:
    """``input_dim`` and ``input_length`` -> ``input_shape``, where they did not describe the whole sample."""
    known = any(kwargs.get(shape) is not None for shape in ("input_shape", "batch_input_shape", "batch_shape"))
    if key in keras3.LENGTHS:
        length = kwargs.pop("input_length", None)
        if length is not None and not known:
            kwargs["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
    elif key in keras3.SEQUENCES:
        dim, length = kwargs.pop("input_dim", None), kwargs.pop("input_length", None)
        if length is not None and dim is None and not known:
            raise TypeError(f"{name} got input_length without input_dim. Give input_shape=({length}, features).")
        if dim is not None and not known:
            kwargs["input_shape"] = (length, dim)


def _pad_in_pairs(key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Padding as Keras 1's dictionary or as four numbers -> ``((top, bottom), (left, right))``."""
    padding = args[0] if args else kwargs.get("padding")
    sides = keras3.PADDINGS[key]
    if isinstance(padding, dict):
        unknown = [side for side in padding if side not in sides]
        if unknown:
            raise ValueError(f"{key} got padding for {unknown[0]!r}, and knows {', '.join(sides)}.")
        sizes = tuple(padding.get(side, 0) for side in sides)
    elif isinstance(padding, (tuple, list)) and len(padding) == 4 and all(isinstance(size, int) for size in padding):
        sizes = tuple(padding)
    else:
        return args, kwargs
    pairs = sizes if len(sizes) == 2 else (sizes[:2], sizes[2:])
    return ((pairs, *args[1:]), kwargs) if args else (args, {**kwargs, "padding": pairs})


# ---- functions and methods -----------------------------------------------------------------------------------------


def translate_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The arguments of a function or method (without ``self``) in today's words.

    Arguments:
        name: ``"to_categorical"``, ``"Model.fit"``, ``"Model.compile"``, ``"SGD"``, ...; ``Sequential`` is a ``Model``.

    ``fit_generator`` and its relatives come back as the arguments of ``fit``, ``evaluate`` and ``predict``.

    >>> translate_call("Model.fit", ("x", "y"), {"nb_epoch": 3})
    (('x', 'y'), {'epochs': 3})
    """
    table, older = _call_tables(name)
    if table is None and older is None:
        return args, kwargs
    table, older = table or Call(), older or Call()
    kwargs = dict(kwargs)
    order = (older.order or table.order).split()
    if order:
        args, kwargs = (), _bind(name, order, args, kwargs, f"the order of dialect {_here.chosen or 'keras3'!r}")
    if any(key in kwargs for key in keras3.SAMPLES):
        _count_batches(kwargs)
    renamed = {**table.renamed, **older.renamed}
    kwargs = _rename(name, kwargs, renamed)
    _leave_out(name, kwargs, {**table.gone, **older.gone})
    if not args:
        defaults = {**table.defaults, **older.defaults}
        _fill(name, kwargs, {renamed.get(key, key): value for key, value in defaults.items()})
    if "optimizer" in kwargs and older.order:
        kwargs["optimizer"] = _optimizer(kwargs["optimizer"])
    for which in ("metrics", "weighted_metrics"):
        if which in kwargs:
            kwargs[which] = _metrics(kwargs[which])
    return args, kwargs


def any_spelling(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the function takes the arguments of every generation.

    ``Class.method`` is for methods: ``self`` is left as it is, and a subclass's own table goes first.

    >>> @any_spelling("to_categorical")
    ... def to_categorical(x, num_classes=None):
    ...     return num_classes
    >>> to_categorical([1], nb_classes=3)
    3
    """
    is_method, method = "." in name, name.rpartition(".")[2]
    today = keras3.CALLS.get(name, Call())

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        # Arguments of these names mean what they say, unless a dialect is active.
        plain = frozenset(inspect.signature(function).parameters) - {"metrics", *today.gone, *today.renamed}
        plain = frozenset() if today.order or today.defaults else plain

        @functools.wraps(function)
        def translated(*args: Any, **kwargs: Any) -> R:
            try:
                if _here.active is None and plain and plain.issuperset(kwargs):
                    return function(*args, **kwargs)  # pyright: ignore[reportCallIssue]
                if not is_method:
                    args, kwargs = translate_call(name, args, kwargs)
                    return function(*args, **kwargs)  # pyright: ignore[reportCallIssue]
                rest, kwargs = translate_call(f"{type(args[0]).__name__}.{method}", args[1:], kwargs)
                return function(args[0], *rest, **kwargs)  # pyright: ignore[reportCallIssue]
            except Exception as error:
                explain_call(error, function)
                shorten(error)
                raise

        return translated  # pyright: ignore[reportReturnType]

    return decorate


def _call_tables(name: str) -> tuple[Call | None, Call | None]:
    """Today's table of a function, and the active dialect's. A class's own method goes before ``Model``'s."""
    method = name.rpartition(".")[2]
    general = f"Model.{method}" if "." in name else name
    calls = _here.active.calls if _here.active is not None else {}
    return keras3.CALLS.get(general), calls.get(name, calls.get(general))


def _optimizer(optimizer: Any) -> Any:
    """An optimizer that is given by name has the active dialect's defaults, too."""
    if not isinstance(optimizer, str) or _here.active is None:
        return optimizer
    class_name = next((name for name in _here.active.calls if name.lower() == optimizer.lower()), None)
    defaults = translate_call(class_name, (), {})[1] if class_name else {}
    return {"class_name": class_name, "config": defaults} if defaults else optimizer


def _metrics(metrics: Any) -> Any:
    if isinstance(metrics, str):
        return _words("metrics").get(metrics, metrics)
    if isinstance(metrics, dict):
        return {key: _metrics(value) for key, value in metrics.items()}
    return [_metrics(value) for value in metrics] if isinstance(metrics, (list, tuple)) else metrics


def _count_batches(kwargs: dict[str, Any]) -> None:
    """Numbers of samples -> numbers of batches that hold as many. A generator is asked for its first batch to see."""
    for key, data in keras3.SAMPLES.items():
        if kwargs.get(key) is None:
            continue
        data = "generator" if data == "x" and "generator" in kwargs else data
        source = kwargs.get(data)
        if isinstance(source, (tuple, list)):
            del kwargs[key]  # validation data that are arrays are used whole
            continue
        size, kwargs[data] = _batch_size(source)
        kwargs[key] = math.ceil(kwargs[key] / size)


def _batch_size(source: Any) -> tuple[int, Any]:
    """The number of samples in a batch of ``source``, and ``source`` with its first batch still in it."""
    size = getattr(source, "batch_size", None)
    if isinstance(size, int):
        return size, source
    if hasattr(source, "__getitem__"):
        first = source[0]
    else:
        iterator = iter(source)
        first = next(iterator)
        source = itertools.chain([first], iterator)
    while isinstance(first, (tuple, list, dict)):
        first = next(iter(first.values())) if isinstance(first, dict) else first[0]
    return len(first), source


def merge_layer(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, dict[str, Any], Any]:
    """Keras 1's ``merge(inputs, mode=...)``: the layer's class, its arguments, and the inputs.

    >>> merge_layer((["a", "b"],), {"mode": "concat", "concat_axis": 1})
    ('Concatenate', {'axis': 1}, ['a', 'b'])
    """
    given = _bind("merge", keras1.MERGE_ORDER.split(), args, kwargs, "Keras 1's order")
    inputs, mode = given.pop("inputs", None), given.pop("mode", "sum")
    common = {key: given[key] for key in ("name",) if given.get(key) is not None}
    if callable(mode):
        today = {"function": mode, "output_shape": given.get("output_shape"), "mask": given.get("output_mask"),
                 "arguments": given.get("arguments")}  # fmt: skip
        return "Lambda", today | common, inputs
    if mode not in keras1.MERGE_MODES:
        raise ValueError(f"{mode!r} is not a known mode of merge.{did_you_mean(mode, keras1.MERGE_MODES)} "
                         f"The modes are {', '.join(keras1.MERGE_MODES)}, or a function.")  # fmt: skip
    class_name, renamed, fixed = keras1.MERGE_MODES[mode]
    return class_name, {new: given.get(old, -1) for old, new in renamed.items()} | fixed | common, inputs
