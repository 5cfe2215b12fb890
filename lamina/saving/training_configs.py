"""How a model was compiled, and the state of its optimizer, as whole-model ``.h5`` files of each generation have them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from lamina import losses, metrics, optimizers
from lamina.dialects import dialect, translate_call
from lamina.registry import deserialize
from lamina.saving.filling import filler
from lamina.saving.hdf5 import Group, Numbers
from lamina.saving.moved_state import Stored, in_todays_blocks
from lamina.saving.needed import advice, missing_objects
from lamina.tracebacks import users_level
from lamina.training.steps import build_optimizer, optimizer_of

# What each generation called a slot of an optimizer -> today's name. Of tf.keras's older optimizers the slot is the last
# part of a variable's name, of its newer ones the second.
_SLOTS = {
    "m": "momentum", "v": "velocity", "vhat": "velocity_hat", "v_hat": "velocity_hat", "velocity_hat": "velocity_hat",
    "momentum": "momentum", "velocity": "velocity", "rms": "velocity", "mg": "average_gradient",
    "average_gradient": "average_gradient", "accumulator": "accumulator", "linear": "linear",
    "accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var", "accumulated_grad": "accumulated_grad",
    "accumulated_delta_var": "accumulated_delta_var", "u": "norm", "norm": "norm",
    "average": "average", "r": "row", "c": "column",
}  # fmt: skip
# The order in which Keras 1 and 2 kept the slots, all variables of one after the other; their names say nothing.
_BLOCKS = {
    "SGD": ("momentum",), "RMSprop": ("velocity",), "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"), "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"), "Nadam": ("momentum", "velocity"),
}  # fmt: skip
# Settings of optimizers that say nothing of the mathematics here.
_OF_TENSORFLOW = ("jit_compile", "is_legacy_optimizer", "name")
# What tf.keras called the optimizer that scales the loss, in files of its several ages.
_SCALED = ("LossScaleOptimizer", "LossScaleOptimizerV1", "LossScaleOptimizerV3")


def compile_settings(model: Any, settings: Any, where: str) -> None:
    """Compile a model as a ``training_config`` says. What only its author can name leaves it uncompiled, with a warning."""
    told_optimizer = settings.get("optimizer_config", settings.get("optimizer")) if isinstance(settings, dict) else None
    if not isinstance(told_optimizer, (dict, str)):
        raise ValueError(f"{where} should say with what optimizer the model was compiled, and has {settings!r:.80}.")
    try:
        optimizer = _optimizer(told_optimizer)
        told = {"loss": _each(settings.get("loss"), "loss"), "loss_weights": settings.get("loss_weights")}
        for key in ("metrics", "weighted_metrics"):
            told[key] = _each(settings.get(key), "metric")
    except ValueError as error:
        needed = missing_objects(settings, "training_config", None)
        said = f"{error}\n{advice(needed)}" if needed else str(error)
        warnings.warn(f"{where}: the model is not compiled: {said}", stacklevel=users_level())
        return
    model.compile(optimizer, **told)


def _optimizer(config: dict[str, Any] | str) -> Any:
    """The optimizer, by the words of the file's own generation."""
    if isinstance(config, str):
        return optimizers.get(config)
    package, _, name = str(config.get("class_name")).rpartition(">")
    inner = {key: value for key, value in (config.get("config") or {}).items() if key not in _OF_TENSORFLOW}
    if name in _SCALED:
        wrapped = inner.pop("inner_optimizer", None) or inner.pop("optimizer", None)
        known = {
            key: value for key, value in inner.items() if key in ("initial_scale", "dynamic_growth_steps") and value
        }
        return optimizers.LossScaleOptimizer(_optimizer(wrapped or {}), **known)
    if dialect() == "tf_keras" and not package and config.get("module") in (None, "keras.optimizers.legacy"):
        inner = _of_older_tf_keras(name, inner)
    return optimizers.get({"class_name": name, "config": translate_call(name, (), inner)[1]})


def _of_older_tf_keras(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    """The settings of one of tf.keras's optimizers of before 2.11, which computed as Keras 2's but for kernels of TensorFlow's
    own."""
    if name == "Nadam":
        return {
            **{key: value for key, value in inner.items() if key != "decay"},
            "schedule_decay": inner.get("decay", 0.004),
        }
    return (
        inner | {"epsilon_outside": True}
        if name == "Adagrad" or (name == "RMSprop" and not inner.get("momentum"))
        else inner
    )


def _each(told: Any, kind: str) -> Any:
    """A loss or metric, or a structure of them: names, or configs of objects and functions. tf.keras wrote functions that
    serve as metrics as means of them, under names that have the output's before them."""
    if isinstance(told, list):
        return [_each(item, kind) for item in told]
    if isinstance(told, dict) and told.get("class_name") == "MeanMetricWrapper":
        function = (told.get("config") or {}).get("fn")
        return metrics.get(function if isinstance(function, str) else deserialize(function, kind="metric"))
    if isinstance(told, dict):
        return deserialize(told, kind=kind) if "class_name" in told else {
            key: _each(value, kind) for key, value in told.items()}  # fmt: skip
    if isinstance(told, str):
        return (losses if kind == "loss" else metrics).get(told)
    return told


def optimizer_state(
    model: Any, group: Group, places: dict[str, torch.Tensor], layers: list[Stored], version: str
) -> None:
    """Set the state of a compiled model's optimizer from a file's; when it does not fit, a warning says so.

    Arguments:
        places: the model's weight for each name in the file, where it is certain.
        layers: where each layer's weights came from.
        version: that of the Keras that wrote the file. Keras 3's optimizers keep their variables in the order of lamina's,
            Keras 1's and 2.0's in that of the names of the weights.
    """
    try:
        stored = [(name, group.read_at(name)) for name in group.strings("weight_names") or []]
        if not model.optimizer.built and [array.shape for _, array in stored] == _shapes(model.optimizer):
            model.optimizer._set_state([torch.as_tensor(array) for _, array in stored])  # saved before the first step
            return
        params = built_for(model)
        optimizer = optimizer_of(model)
        if version.startswith("3"):
            state = [array for _, array in stored]
        else:
            by_name, numbers = version.startswith(("1", "2.0")), list(range(len(params)))
            if any(one.is_moved for one in layers):
                stored, by_name = _moved(stored, layers, params, by_name), False
            order = _by_name(params, places) if by_name else numbers
            state = _state(optimizer, params, stored, places, order)
        check_shapes(optimizer, state)
    except ValueError as error:
        warnings.warn(f"The state of the optimizer was not loaded: {error}", stacklevel=users_level())
        return
    optimizer.set_weights(state)


def _moved(stored: list[tuple[str, np.ndarray]], layers: list[Stored], params: list[Any], by_name: bool) -> Any:
    """Nameless variables of an optimizer in today's layout and order."""
    if any(_slot(name)[0] is not None for name, _ in stored):
        raise ValueError(
            "the file keeps weights in another layout than today's, and the optimizer's variables with them."
        )
    blocks = in_todays_blocks([array for _, array in stored if array.ndim], layers, params, by_name)
    return [(name, array) for name, array in stored if not array.ndim] + [("", array) for array in blocks]


def _by_name(params: list[Any], places: dict[str, torch.Tensor]) -> list[int]:
    """The numbers of the parameters, sorted by the names that the file has for them, where it has one for each."""
    names = {id(weight): name for name, weight in places.items()}
    numbers = list(range(len(params)))
    known = all(id(param) in names for param in params)
    return sorted(numbers, key=lambda number: names[id(params[number])]) if known else numbers


def own_optimizer_state(model: Any, group: Group) -> None:
    """Set the state of a compiled model's optimizer from lamina's own list of its variables."""
    if model.optimizer is None:
        return
    built_for(model)
    optimizer = optimizer_of(model)
    stored = [group.numbers(str(number)) for number in range(len(group.names()))]
    check_shapes(optimizer, stored)
    state_setter(optimizer, stored)()


def state_setter(optimizer: Any, stored: list[Numbers]) -> Callable[[], None]:
    """What sets the state of an optimizer to data sets of the shapes of its variables; large ones are read then."""
    mine, again = optimizer.variables, optimizer.variables
    if not optimizer.built or type(optimizer).load_own_variables is not optimizers.Optimizer.load_own_variables:
        store = {str(number): numbers.read() for number, numbers in enumerate(stored)}
        if optimizer.built:
            return lambda: optimizer.load_own_variables(store)
        return lambda: optimizer._set_state([torch.as_tensor(value) for value in store.values()])
    # Slots last, counters are made anew each time one asks for them.
    fill = [
        filler(numbers, one) if one is other else None for one, other, numbers in zip(mine, again, stored, strict=True)
    ]
    counters = [torch.as_tensor(numbers.read()) if found is None else one
                for found, one, numbers in zip(fill, mine, stored, strict=True)]  # fmt: skip

    def assign() -> None:
        for one in fill:
            if one is not None:
                one()
        optimizer._set_state(counters)

    return assign


def built_for(model: Any) -> list[Any]:
    """The parameters that a model's optimizer is built for, now at the latest."""
    params = [weight for weight in model.trainable_weights if isinstance(weight, torch.nn.Parameter)]
    build_optimizer(model.optimizer, model, params)
    return params


def _shapes(optimizer: Any) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in optimizer.variables]


def check_shapes(optimizer: Any, state: Sequence[np.ndarray | Numbers]) -> None:
    """Refuse arrays that are not what an optimizer's variables are."""
    mine = _shapes(optimizer)
    if mine != [array.shape for array in state]:
        raise ValueError(f"{type(optimizer).__name__} has {len(mine)} variables of the shapes {mine!s:.200}, and the file has "
                         f"{len(state)} of {[array.shape for array in state]!s:.200}.")  # fmt: skip


def as_keras3(optimizer: Any, stored: list[np.ndarray]) -> list[np.ndarray]:
    """The variables of an optimizer of tf_keras as Keras 3 has them: with the learning rate, which tf_keras leaves to the
    config; SGD's momentum only where it is used; Nadam with the product of its momentums."""
    if getattr(optimizer, "inner_optimizer", None) is not None:  # tf_keras stored what is inside alone
        return _around(optimizer, as_keras3(optimizer.inner_optimizer, stored))
    iteration, *slots = stored
    rate = [np.asarray(optimizer.get_weights()[1])] if isinstance(optimizer._learning_rate, float) else []
    if isinstance(optimizer, optimizers.SGD) and not optimizer.momentum:
        slots = []
    if isinstance(optimizer, optimizers.Adafactor):  # tf_keras has no averages of rows and columns where there are none
        given = iter(slots)
        slots = [
            array if array.shape == () else next(given, array) for array in optimizer.get_weights()[1 + len(rate) :]
        ]
    if isinstance(optimizer, optimizers.Nadam):
        slots.append(_nadam_product(optimizer, int(iteration)))
    return [iteration, *rate, *slots]


def _around(optimizer: Any, inside: list[np.ndarray]) -> list[np.ndarray]:
    """The variables of an optimizer around another: its own as they are, but for the number of steps."""
    mine = [np.asarray(value) for value in optimizer.get_weights()]
    return [inside[0], *mine[1 : len(mine) - len(inside)], *inside]


def _state(
    optimizer: Any, params: list[Any], stored: list[tuple[str, np.ndarray]], places: dict[str, Any], order: list[int]
) -> list[np.ndarray]:
    """The arrays for ``optimizer.set_weights``; ``order`` is that of the parameters where names say nothing."""
    numbers = {id(param): number for number, param in enumerate(params)}
    found: dict[tuple[int, str], np.ndarray] = {}
    scalars: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    blocks: list[np.ndarray] = []
    for name, array in stored:
        slot, variable = _slot(name)
        if slot is None:
            if array.shape == ():
                scalars[_last(name)] = array
            else:
                blocks.append(array)
            continue
        number = counts.get(slot, 0)
        counts[slot] = number + 1
        known = places.get(f"{variable}:0", places.get(variable))
        found[numbers.get(id(known), number), slot] = array
    if blocks:  # names that say nothing
        for index, slot in enumerate(_BLOCKS.get(type(optimizer).__name__, ())):
            part = blocks[index * len(params) : (index + 1) * len(params)]
            found |= {(number, slot): array for number, array in zip(order, part, strict=False)}
    return _filled(optimizer, found, scalars)


def _filled(
    optimizer: Any, found: dict[tuple[int, str], np.ndarray], scalars: dict[str, np.ndarray]
) -> list[np.ndarray]:
    """The optimizer's variables, each with what was found for it."""
    if getattr(optimizer, "inner_optimizer", None) is not None:
        return _around(optimizer, _filled(optimizer.inner_optimizer, found, scalars))
    paths = [path.replace("/", "_") for path in optimizer._names]
    state = list(optimizer.get_weights())
    counters = len(state) - len(optimizer._state)
    known = [scalars[key] for key in ("iteration", "iter", "iterations") if key in scalars]
    state[0] = np.asarray([*known, *scalars.values(), 0][0])  # which Keras 1 gave no name
    for index, variable in enumerate(optimizer._state):
        number, slot = _whose(variable.path.rpartition("/")[2], paths)
        if isinstance(optimizer, optimizers.Adafactor):
            number, slot = index // 3, ("row", "column", "velocity")[index % 3]
            if tuple(variable.shape) == () and slot != "velocity":
                continue
        array = found.get((number, slot)) if number is not None else None
        if slot == "norm" and array is None:  # Adamax's, in older tf.keras
            array = found.get((number if number is not None else -1, "velocity"))
        if slot == "u_product":  # which no file has
            array = _nadam_product(optimizer, int(state[0]))
        if array is None:
            raise ValueError(f"the file has no {slot!r} for variable {number} of {type(optimizer).__name__}.")
        if array.shape != tuple(variable.shape):
            raise ValueError(f"{variable.path!r} has shape {tuple(variable.shape)}, and the file has {array.shape}.")
        state[counters + index] = array
    return state


def _nadam_product(optimizer: Any, steps: int) -> np.ndarray:
    """The product of the momentums that Nadam's schedule had in all steps so far."""
    return np.asarray(np.prod([optimizer._momentum_at(step) for step in range(1, steps + 1)]))


def _whose(name: str, paths: list[str]) -> tuple[int | None, str]:
    """``dense_kernel_momentum`` -> the number of ``dense/kernel``, and the slot."""
    found = [(len(path), number) for number, path in enumerate(paths) if name.startswith(f"{path}_")]
    if not found:
        return None, name
    length, number = max(found)
    return number, name[length + 1 :]


def _slot(name: str) -> tuple[str | None, str]:
    """The slot and the variable that a stored name means: ``Adam/m/dense/kernel:0`` or ``Adam/dense/kernel/m:0``."""
    parts = re.sub(r":\d+$", "", name).split("/")
    if len(parts) > 2 and parts[0] in _SLOTS:  # of an optimizer inside another
        return _SLOTS[parts[0]], "/".join(parts[1:])
    if len(parts) > 2 and parts[-1] in _SLOTS:
        return _SLOTS[parts[-1]], "/".join(parts[1:-1])
    if len(parts) > 2 and parts[1] in _SLOTS:
        return _SLOTS[parts[1]], "/".join(parts[2:])
    return None, ""


def _last(name: str) -> str:
    return re.sub(r"(_\d+)?:\d+$", "", name).rpartition("/")[2]
