"""What a layer owns: its weights, in Keras's order and NumPy form, and the losses that come with them."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from lamina import config, constraints, initializers, regularizers
from lamina.dtypes import DTypePolicy, as_dtype
from lamina.engine.devices import accelerator_or_none, making_at
from lamina.engine.misfit import misfit_of
from lamina.engine.modes import set_mode
from lamina.engine.paths import HasPath
from lamina.engine.tracking import Items, parameters_of, track
from lamina.graph.symbolic import is_symbolic
from lamina.lasting import lasting
from lamina.tracebacks import door
from lamina.variables import Variable, Weight, are_unchanged

# Layers whose call added a loss since losses were last cleared; see WeightOwner.clear_losses.
_with_losses: list[WeightOwner] = []
_LARGE = 2**16  # bytes of a weight that is not set to zeros before it is set to what a file has


class _Budget:
    """How many bytes new weights may still take, and why no more.

    Arguments:
        size: in all.
        owner: what has only so much, for the message.
        filled: whether they are set from a file afterwards, so that zeros will do for a beginning.
    """

    def __init__(self, size: int, owner: str, filled: bool) -> None:
        self.size = self.left = size
        self.owner, self.filled = owner, filled
        self.raw: list[torch.Tensor] = []  # large weights that have no numbers yet


class _Here(threading.local):
    """The budgets of a thread; other threads make weights as they like."""

    budget: _Budget | None = None  # of the weights that are made now; see within_budget
    beside: _Budget | None = None  # the same of weights that files lack; see beside_the_file


_here = _Here()


@contextlib.contextmanager
def within_budget(size: int) -> Iterator[Callable[[], None]]:
    """Inside, new weights may take ``size`` bytes in all, and those of lamina's own layers start without numbers: a file,
    which says how large the model is, must hold those that they are then set to. What is yielded is to be called after that:
    it makes zeros of what still has none."""
    before = _here.budget, _here.beside
    budgets = (_Budget(size, "the file holds {size} bytes of weights", True),
               _Budget(size + 2**20, "the file holds {size} bytes", True))  # fmt: skip
    _here.budget, _here.beside = budgets

    def settle() -> None:
        for weight in (weight for budget in budgets for weight in budget.raw):
            if not weight._version:  # nothing was ever written to it
                weight.zero_()

    try:
        yield settle
    finally:
        _here.budget, _here.beside = before


@contextlib.contextmanager
def within_memory() -> Iterator[None]:
    """Inside, new weights may take half of the machine's memory in all, unless a narrower limit holds already: a config alone
    costs nothing to write, and may ask for anything."""
    before = _here.budget, _here.beside
    if _here.budget is None:
        has = "a model that is only described may have {size} bytes, half of this machine's memory"
        _here.budget = _here.beside = _Budget(memory_of_the_machine() // 2, has, False)
    try:
        yield
    finally:
        _here.budget, _here.beside = before


@functools.cache
def memory_of_the_machine() -> int:
    """How many bytes of memory this machine has, or the container that the program runs in; very many where that is unknown."""
    sizes = [2**50]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError), open(limit) as file:
            sizes.append(int(file.read()))
    return min(size for size in sizes if size > 0)


memory_of_the_machine()  # now: while a model's file is read no other file is opened


@contextlib.contextmanager
def beside_the_file() -> Iterator[None]:
    """Inside, new weights are of those that files lack. Together they may take as much as the file, and a little more."""
    _here.budget, _here.beside = _here.beside, _here.budget
    try:
        yield
    finally:
        _here.budget, _here.beside = _here.beside, _here.budget


def _spend(owner: Any, name: str | None, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
    budget = _here.budget
    if budget is not None:
        wanted = math.prod(sizes) * dtype.itemsize
        if wanted > budget.left:
            has = budget.owner.format(size=budget.size)
            raise ValueError(f"Weight {name!r} of {type(owner).__name__} {owner.name!r} has shape {sizes}, which is "
                             f"{wanted} bytes; {has}, of which {budget.left} are left.")  # fmt: skip
        budget.left -= wanted


class WeightOwner(HasPath):
    """The part of a layer that owns weights. Trainable ones are parameters, the others buffers, as torch itself does."""

    name: str
    _dtype_policy: DTypePolicy
    _placed: bool
    _away: torch.device | None

    def __init__(self) -> None:
        if "_modules" not in self.__dict__:
            self._begin()

    def _begin(self) -> None:
        """Before ``__init__``: authors of Keras 1 and 2 set attributes, layers too, and call ``super().__init__`` last."""
        nn.Module.__init__(self)
        self.training = False  # as in Keras, a layer infers until it is told to train
        self._trainable = True
        self._losses: list[torch.Tensor] = []
        self._regularizers: dict[str, Any] = {}
        self._constraints: dict[str, Any] = {}

    @lasting
    def add_weight(
        self,
        *args: Any,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        layout: tuple[int, ...] | None = None,
        **ignored: Any,
    ) -> Any:
        """A new weight of this layer. Keras 1 ``(shape, initializer)``, 2 ``(name, shape)`` and 3 forms are understood.

        Arguments:
            shape: the weight's shape; ``()`` by default.
            initializer: by default ``glorot_uniform`` for float weights and ``zeros`` for others.
            trainable: a trainable weight is an ``nn.Parameter``, any other a buffer.
            layout: the axes in the order in which they lie in memory; by default as they are named.
            ignored: ``autocast``, ``aggregation``, ``synchronization``, ``overwrite_with_gradient``, ``getter``, ... of
                Keras, which have no meaning on one torch device.
        """
        positional = ["shape", "initializer", "dtype", "trainable"]
        if args and isinstance(args[0], str):  # Keras 2: the name came first
            positional = ["name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint"]
        given = dict(zip(positional, args, strict=False))
        shape, initializer = given.get("shape", shape), given.get("initializer", initializer)
        trainable, dtype, name = given.get("trainable", trainable), given.get("dtype", dtype), given.get("name", name)
        regularizer, constraint = given.get("regularizer", regularizer), given.get("constraint", constraint)

        unknown = set(ignored) - _IGNORED_ARGUMENTS
        if unknown:
            raise TypeError(f"add_weight of {type(self).__name__} {self.name!r} got an unknown argument "
                            f"{sorted(unknown)[0]!r}.")  # fmt: skip
        if isinstance(shape, (tuple, list)) and None in shape:
            raise ValueError(f"Weight {name!r} of {type(self).__name__} {getattr(self, 'name', '')!r} needs a shape that is "
                             f"known, and got {tuple(shape)}: state the size in the model's Input.")  # fmt: skip
        sizes = tuple(int(size) for size in ((shape,) if isinstance(shape, int) else shape or ()))
        wanted = as_dtype(dtype if dtype is not None else self._dtype_policy.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if wanted.is_floating_point else "zeros"
        _spend(self, name, sizes, wanted)
        where = config.asked_device()
        with making_at(where):
            if _here.budget is not None and _here.budget.filled and type(self).__module__.startswith("lamina."):
                value = torch.empty_strided(sizes, _strides(sizes, layout), dtype=wanted)
                if value.nbytes < _LARGE or value.is_inference():
                    value.zero_()
                else:
                    _here.budget.raw.append(value)
            else:
                value = torch.as_tensor(initializers.get(initializer)(sizes, dtype=wanted), dtype=wanted)
        if where is not None:
            self._placed, self._away = True, accelerator_or_none(where)
        if tuple(value.shape) != sizes:
            raise ValueError(f"The initializer of weight {name!r} of {type(self).__name__} {self.name!r} must make shape "
                             f"{sizes}, and made {tuple(value.shape)}.")  # fmt: skip
        if layout is not None and value.stride() != _strides(sizes, layout):
            value = value.new_empty_strided(sizes, _strides(sizes, layout)).copy_(value)
        return self._own(self._free_name(name or "weight"), value, trainable, regularizer, constraint)

    def _own(self, key: str, value: torch.Tensor, trainable: bool, regularizer: Any, constraint: Any) -> Any:
        if trainable and not value.dtype.is_floating_point and not value.dtype.is_complex:
            trainable = False  # torch has no gradients of integers
        if trainable:
            value = nn.Parameter(value, requires_grad=self._trainable)
            self.register_parameter(key, value)
        else:
            self.register_buffer(key, value)
        self._note_scope()
        _tell_path(value, self._path + key)
        if regularizer is not None:
            self._regularizers[key] = regularizers.get(regularizer)
        if constraint is not None:
            self._constraints[key] = constraints.get(constraint)
        return self._parameters[key] if trainable else self._buffers[key]

    def _free_name(self, name: str) -> str:
        name = name.rpartition("/")[2].replace(".", "_").replace(":0", "")
        # A weight whose name is already an attribute (`self.gain = 2`) must not hide it.
        taken = name in self.__dict__ or name in self._modules or hasattr(type(self), name)
        return f"{name}_weight" if taken else name

    if TYPE_CHECKING:
        # `model.get_layer("hidden").units`: of a layer that was found by name, checkers can't know what it has.
        # torch says of any attribute that it is a tensor or a module.
        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED_BY_TORCH and not callable(getattr(value, "__func__", None)):
            raise _taken(self, name)
        if isinstance(value, (str, int, float)):
            pass
        elif isinstance(value, torch.Tensor):
            self._rename(name, value)
            if "/" not in getattr(value, "path", "/"):  # a variable that was nobody's
                cast(Any, value).path = self._path + name
            if isinstance(value, Variable) and "_buffers" in self.__dict__ and name not in self._buffers:
                self._own(name, value.value, False, None, None)
                return
            if getattr(value, "is_loose", False) and name not in self.__dict__.get("_parameters", {}):
                return self.register_buffer(name, value, persistent=False)
        elif isinstance(value, (list, dict)) and name not in _PLAIN_ATTRIBUTES:
            if not (name.startswith("_") and type(self).__module__.startswith("lamina.")):
                value = track(self, name, value)
        elif isinstance(value, tuple) and any(isinstance(item, nn.Module) for item in value):
            track(self, name, value)
        elif self.__dict__.get("_modules") and isinstance(self._modules.get(f"{name}_"), Items):
            del self._modules[f"{name}_"]
        super().__setattr__(name, cast(Any, value))
        if isinstance(value, WeightOwner):
            value.belongs_to(self)
        if isinstance(value, nn.Module) and callable(getattr(type(self), name, None)):
            self.__dict__[name] = value  # `self.to = Dense(3)`: else torch's method of that name would be found first

    def _rename(self, name: str, value: torch.Tensor) -> None:
        """``self.w = self.add_weight(name="kernel")``: the weight is known by its attribute, once, in its old place."""
        for weights in (self.__dict__.get("_parameters"), self.__dict__.get("_buffers")):
            old = next((key for key, weight in dict.items(weights or {}) if weight is value and key != name), None)
            if weights is None or old is None or name in weights:
                continue
            items = [(name if key == old else key, weight) for key, weight in dict.items(weights)]
            weights.clear()
            weights.update(items)
            cast(Any, value).path = self._path + name
            for settings in (self._regularizers, self._constraints):
                if old in settings:
                    settings[name] = settings.pop(old)

    # -- reading and setting --

    @property
    def weights(self) -> list[Weight]:
        """All weights: the layer's own (trainable first), then those of the layers inside it, in order."""
        return _unique(weights_of(self, self._path))

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes."""
        return [weight for weight in self.weights if weight.requires_grad] if self.trainable else []

    @trainable_weights.setter
    def trainable_weights(self, weights: Any) -> None:
        """Keras 1's way to name the weights that the layer made itself; of its own, only these are trained."""
        keys = [self._own_as(weight, trainable=True) for weight in self._not_inside(weights)]
        for key in [key for key in self._parameters if key not in keys]:
            self.register_buffer(key, cast(Any, self._parameters.pop(key)).detach(), persistent=False)
        for key in keys:
            self._parameters[key] = self._parameters.pop(key)  # in the order that was given

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training leaves alone: frozen ones, and statistics such as a moving mean."""
        if not self.trainable:
            return self.weights
        return [weight for weight in self.weights if not weight.requires_grad]

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights: Any) -> None:
        """Keras 1's way to name the weights that are kept, and not trained."""
        for weight in self._not_inside(weights):
            self._non_persistent_buffers_set.discard(self._own_as(weight, trainable=False))

    def _not_inside(self, weights: Any) -> list[torch.Tensor]:
        """The weights that no layer inside has."""
        inside = {id(weight) for child in self.children() for weight in weights_of(child)}
        return [weight for weight in weights if id(weight) not in inside]

    def _own_as(self, weight: torch.Tensor, trainable: bool) -> str:
        """Make a tensor that somebody made by hand a weight, under the attribute that holds it; returns its name."""
        places = (self._parameters, self._buffers, self.__dict__)
        place, key = next(((place, key) for place in places for key, value in dict.items(place) if value is weight),
                          ({}, self._free_name(getattr(weight, "name", None) or "weight")))  # fmt: skip
        if place is (self._parameters if trainable else self._buffers):
            if not trainable and weight.requires_grad:
                self._buffers[key] = weight.detach()
            return key
        while not place and (key in self._parameters or key in self._buffers):
            key += "_"
        place.pop(key, None)
        if trainable and isinstance(weight, nn.Parameter):
            weight.requires_grad = self._trainable
            self.register_parameter(key, weight)
        else:
            self._own(key, weight.detach(), trainable, None, None)
        return key

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """The weights as NumPy arrays, in Keras's order and layout (copies: changing them changes nothing)."""
        return [to_numpy(weight) for weight in self.weights]

    @door
    def set_weights(self, weights: Any) -> None:
        """Set all weights from arrays shaped as ``get_weights()`` gives them. Nothing changes when one does not fit.

        Raises:
            ValueError: when the number of arrays, or the shape of one, is not what the layer has.
        """
        mine = self.weights
        given = [torch.as_tensor(np.asarray(value) if not isinstance(value, torch.Tensor) else value)
                 for value in weights]  # fmt: skip
        if [weight.shape for weight in mine] != [value.shape for value in given]:
            raise misfit_of(self, mine, given)
        with torch.no_grad():
            for weight, value in zip(mine, given, strict=True):
                weight.copy_(value)

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own weights (not those of layers inside it) into ``store``, numbered as files number them."""
        for number, weight in enumerate(self._kept_weights()):
            store[str(number)] = weight

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own weights from what :meth:`save_own_variables` stored."""
        mine = self._kept_weights()
        if len(store) != len(mine):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has {len(mine)} weights, and the file has {len(store)}."
            )
        with torch.no_grad():
            for number, weight in enumerate(mine):
                weight.copy_(torch.as_tensor(np.asarray(store[str(number)])))
        self._was_loaded()

    def _kept_weights(self) -> list[torch.Tensor]:
        """The layer's own weights, as far as files keep them."""
        return list(own_weights(self))

    def _was_loaded(self) -> None:
        """After the kept weights were set from a file: what depends on them."""

    def count_params(self) -> int:
        """The number of numbers in all weights."""
        if not getattr(self, "built", True):
            raise ValueError(f"{type(self).__name__} {self.name!r} has no weights yet: it is not built. Call it on data, "
                             "or build() it with an input shape.")  # fmt: skip
        return sum(weight.numel() for weight in self.weights)

    # -- training --

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it holds for all layers inside, too. What torch froze shows: it is
        false when no weight has ``requires_grad``."""
        trains = [weight.requires_grad for _, weight in parameters_of(self)]
        if not self._trainable:  # unless torch's requires_grad_ has set all of a simple layer free
            return bool(trains) and all(trains) and not self._modules
        return any(trains) or not trains

    @trainable.setter
    def trainable(self, value: bool) -> None:
        _set_trainable(self, bool(value))

    def train(self, mode: bool = True) -> Any:
        """Train from now on, with all layers inside; or infer."""
        self.training = mode
        for child in self.children():
            set_mode(child, mode)
        return self

    def eval(self) -> Any:
        """Infer from now on, with all layers inside."""
        set_mode(self, False)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """torch's way to freeze and unfreeze; it holds for weights to come, too. (A frozen BatchNormalization goes on to
        count its statistics, as torch's does; one whose ``trainable`` is false uses those it has.)"""
        _set_trainable(self, requires_grad, unbuilt_only=not requires_grad)
        return self

    # -- losses --

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or a list of them) to what ``fit`` minimises; called inside ``call``."""
        if torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling():
            return  # torch.export: a program has outputs, and keeps nothing beside them
        values = list(loss) if isinstance(loss, (list, tuple)) else [loss]
        for value in values:
            if is_symbolic(value) and not are_unchanged():
                raise ValueError(f"add_loss of {type(self).__name__} {self.name!r} takes a tensor that a call computed, and "
                                 f"got {value!r}. Put it into the call of a layer, which calls add_loss there.")  # fmt: skip
        self._losses.extend(values)
        if not any(owner is self for owner in _with_losses):
            _with_losses.append(self)

    def clear_losses(self) -> None:
        """Forget the losses that the last call of this layer, and of those inside it, added."""
        if _with_losses:
            mine = {id(module) for module in self.modules()}
            for owner in [owner for owner in _with_losses if id(owner) in mine]:
                owner._losses.clear()
            _with_losses[:] = [owner for owner in _with_losses if id(owner) not in mine]

    def added_losses(self) -> list[torch.Tensor]:
        """What calls added with ``add_loss`` or an activity regularizer since losses were last cleared."""
        if not _with_losses:
            return []
        return [loss for module in self.modules() if isinstance(module, WeightOwner) for loss in module._losses]

    @property
    def losses(self) -> list[torch.Tensor]:
        """What the last call added with ``add_loss`` or an activity regularizer, then the penalties on weights."""
        return self.added_losses() + [penalty(getattr(owner, key)) for penalty, owner, key in self.penalties()]

    def penalties(self) -> list[tuple[Any, WeightOwner, str]]:
        """The regularizers of weights that training changes, each with the weight's owner and its name there. What is frozen
        costs nothing."""
        if not self.trainable:
            return []
        return [(penalty, module, key) for module in self.modules() if isinstance(module, WeightOwner)
                for key, penalty in module._regularizers.items() if getattr(module, key).requires_grad]  # fmt: skip


_IGNORED_ARGUMENTS = {"autocast", "aggregation", "synchronization", "overwrite_with_gradient", "partitioner",
                      "use_resource", "getter", "collections", "experimental_autocast"}  # fmt: skip
# Methods that torch calls on every module: without them it can neither run, nor move, nor list one.
_CALLED_BY_TORCH = {"forward", "children", "modules", "parameters", "buffers", "state_dict", "load_state_dict",
                    "named_children", "named_modules", "named_parameters", "named_buffers", "register_buffer",
                    "register_parameter", "requires_grad_"}  # fmt: skip
# Attributes of layers that may hold a dict or list and never hold layers.
_PLAIN_ATTRIBUTES = {"_losses", "_counts", "_regularizers", "_constraints", "_nodes", "_arguments", "_build_shapes",
                     "input_spec", "trainable_weights", "non_trainable_weights", "arguments", "axis", "axes",
                     "shared_axes"}  # fmt: skip


def _taken(owner: Any, name: str) -> AttributeError:
    return AttributeError(f"An attribute of {type(owner).__name__} can't be called {name!r}: {name!r} is a method that "
                          f"torch itself calls. Call the attribute something else, such as {name + '_'!r}.")  # fmt: skip


def _strides(sizes: tuple[int, ...], layout: tuple[int, ...] | None) -> tuple[int, ...]:
    """The strides of a weight whose axes lie in this order, along axes of size 1, too: what copies nothing leaves those as
    they are, and torch's kernels take them for another order."""
    strides, step = [1] * len(sizes), 1
    for axis in reversed(range(len(sizes)) if layout is None else layout):
        strides[axis] = step
        step *= max(sizes[axis], 1)
    return tuple(strides)


def _set_trainable(owner: WeightOwner, value: bool, unbuilt_only: bool = False) -> None:
    """Have all weights trained, or none, and those that the layers (the unbuilt ones) are still to make."""
    for module in owner.modules():
        if isinstance(module, WeightOwner) and not (unbuilt_only and getattr(module, "built", True)):
            module.__dict__["_trainable"] = value
    for _, weight in parameters_of(owner):
        weight.requires_grad_(value)


def weights_of(module: nn.Module, path: str = "") -> Iterator[torch.Tensor]:
    """The weights of any module in Keras's order: its parameters, its saved buffers, then its children's. Each is told its
    path, which begins with ``path``."""
    for name, weight in _own_named_weights(module):
        _tell_path(weight, path + name)
        yield weight
    for child in module.children():
        if isinstance(child, WeightOwner) and child._owner is None:
            child.belongs_to(module)
        name = getattr(child, "name", None)
        own = child._path if isinstance(child, HasPath) else f"{path}{name}/" if isinstance(name, str) else path
        yield from weights_of(child, own)


def own_weights(module: nn.Module) -> Iterator[torch.Tensor]:
    """The weights of a module itself: its parameters, then the buffers that files keep. A model's constants are a part of
    its program, not weights."""
    yield from (weight for _, weight in _own_named_weights(module))


def _own_named_weights(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from ((name, weight) for name, weight in dict.items(module._parameters) if weight is not None)
    constants = getattr(module, "_constants", ())
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set and name not in constants:
            yield name, buffer


def _tell_path(weight: Any, path: str) -> None:
    """Set a weight's ``path``, of which ``name`` is the end. The longest holds: that from the outermost layer."""
    if not torch.compiler.is_compiling() and len(path) > len(getattr(weight, "path", "")):
        weight.path = path


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A C-ordered NumPy copy; bfloat16, which NumPy lacks, becomes float32."""
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(tensor.numpy(), order="C")


def _unique(weights: Iterator[torch.Tensor]) -> list[Any]:
    seen: dict[int, Any] = {}
    for weight in weights:
        seen.setdefault(id(weight), weight)
    return list(seen.values())
