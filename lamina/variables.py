"""State that is kept between calls: Keras's ``assign`` for every tensor, and variables that are no weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from lamina import initializers
from lamina.dtypes import as_dtype
from lamina.lasting import lasting
from lamina.naming import scope_path

__all__ = ["StatelessScope", "Variable", "Weight", "are_unchanged", "unchanged"]


class Variable(Tensor):
    """A tensor with a name, which ``assign``, ``assign_add`` and ``assign_sub`` change in place. A trainable one is an
    ``nn.Parameter``. Either becomes a weight of the layer whose attribute it is.

    Arguments:
        initializer: the first numbers, copied, or an initializer's name or function, which wants a ``shape``.
        shape: the shape, for an initializer.
        dtype: the type; by default the numbers' own, or the program's.
        trainable: whether training changes it. Integers are never trained.
        name: what the variable is called.
        path: its owner's name, a slash and its own.
        ignored: ``autocast``, ``aggregation`` and ``synchronization`` of Keras, which have no meaning on one torch device.

    Raises:
        ValueError: for an initializer without a shape, or numbers of another shape.

    Source: https://keras.io/api/models/model/ and the Keras 3 guide on making new layers

    >>> total = Variable(0.0, trainable=False, name="total")
    >>> _ = total.assign_add(2)
    >>> total + 1
    tensor(3.)
    >>> type(Variable("ones", shape=(2, 3))).__name__
    'Parameter'
    """

    # As for nn.Parameter, operations give plain tensors at a plain tensor's speed.
    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]
    name: str = ""  # pyright: ignore[reportIncompatibleVariableOverride]
    path: str = ""
    trainable = False

    if TYPE_CHECKING:  # which every tensor has, see below

        def assign(self, value: Any) -> Tensor: ...
        def assign_add(self, value: Any) -> Tensor: ...
        def assign_sub(self, value: Any) -> Tensor: ...

    @lasting
    def __new__(
        cls,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: Any = None,
        synchronization: Any = "auto",
        name: str = "variable",
        path: str = "",
    ) -> Any:
        made = _first_numbers(initializer, shape, dtype)
        if trainable and made.dtype.is_floating_point:
            parameter = Parameter(made)
            cast(Any, parameter).path = path or scope_path() + name
            return parameter
        return made.as_subclass(cls)

    def __init__(self, *_: Any, name: str = "variable", path: str = "", **__: Any) -> None:
        super().__init__()
        self.name = name
        self.path = path or scope_path() + name

    @classmethod
    def holding(cls, value: Tensor, name: str, owner: str) -> Variable:
        """A variable that is ``value`` itself: its memory is shared, not copied."""
        made = value.detach().as_subclass(cls)
        made.name, made.path = name, f"{owner}/{name}"
        return made

    @property
    def value(self) -> Tensor:
        """The numbers as a plain tensor, which shares the variable's memory."""
        return self.as_subclass(Tensor)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        made = Variable(self, trainable=False, name=self.name, path=self.path)
        memo[id(self)] = made
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<Variable path={self.path}, shape={tuple(self.shape)}, value={self.tolist()}>"


if TYPE_CHECKING:

    class Weight(Parameter):
        """A weight as checkers know it: torch's, with what Keras's variables have, which every tensor has; see below."""

        name: str  # pyright: ignore[reportIncompatibleVariableOverride]
        path: str
        trainable: bool

        @property
        def value(self) -> Tensor: ...
        def assign(self, value: Any) -> Tensor: ...
        def assign_add(self, value: Any) -> Tensor: ...
        def assign_sub(self, value: Any) -> Tensor: ...
else:
    Weight = Parameter


def _first_numbers(initializer: Any, shape: Any, dtype: Any) -> Tensor:
    if isinstance(initializer, str) or callable(initializer):
        if shape is None:
            raise ValueError(f"A Variable with the initializer {initializer!r} needs a shape, as in "
                             "`Variable('zeros', shape=(3,))`.")  # fmt: skip
        initializer = initializers.get(initializer)(tuple(shape), dtype=as_dtype(dtype))
    typed = hasattr(initializer, "dtype")
    made = torch.as_tensor(initializer if typed else np.asarray(initializer)).detach().clone()
    if dtype is not None or (not typed and made.is_floating_point()):
        made = made.to(as_dtype(dtype))
    if shape is not None and made.shape != tuple(shape):
        raise ValueError(f"A Variable was told the shape {tuple(shape)}, and got numbers of shape {tuple(made.shape)}.")
    return made


# ---- assigning -----------------------------------------------------------------------------------------------------

_kept = 0  # how many of the calls under way only ask for a shape; see unchanged


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """Inside, ``assign`` changes nothing: a layer is run to learn its output's shape, not to count the call."""
    global _kept
    _kept += 1
    try:
        yield
    finally:
        _kept -= 1


def are_unchanged() -> bool:
    """Whether a layer is run only to learn its output's shape."""
    return _kept > 0


class StatelessScope:
    """A ``with`` block: variables have other numbers inside, and afterwards their own again.

    What ``assign`` and layers make of the variables named here is theirs inside the block only, and is read from the
    scope later. Variables that are not named are kept, too, when ``assign`` changes them.

    Arguments:
        state_mapping: pairs of a variable and the numbers that it has inside.
        collect_losses, initialize_variables: Keras's; losses are read from layers, and variables are always initialized.

    Raises:
        ValueError: for numbers of another shape than the variable's; and for numbers that gradients are to be taken of:
            ``layer.stateless_call`` gives those.

    Source: https://keras.io/api/utils/ (Keras 3's scopes)

    >>> total = Variable(1.0, trainable=False)
    >>> with StatelessScope([(total, 5.0)]) as scope:
    ...     _ = total.assign_add(2.0)
    >>> scope.get_current_value(total), total.value
    (tensor(7.), tensor(1.))
    """

    def __init__(
        self, state_mapping: Any = None, collect_losses: bool = False, initialize_variables: bool = True
    ) -> None:
        self._mapping: list[tuple[Tensor, Tensor]] = []
        for variable, value in state_mapping or ():
            if not isinstance(variable, Tensor):
                raise ValueError(
                    f"A StatelessScope takes pairs of a variable and its numbers, and got {variable!r:.80}."
                )
            new = torch.as_tensor(value, dtype=variable.dtype, device=variable.device)
            if new.shape != variable.shape:
                raise ValueError(f"A variable of shape {tuple(variable.shape)} was given numbers of shape "
                                 f"{tuple(new.shape)} in a StatelessScope.")  # fmt: skip
            if new.requires_grad and new is not variable and not isinstance(new, Parameter):
                raise ValueError("A StatelessScope takes no gradients of the numbers that it is given; "
                                 "layer.stateless_call(...) and torch.func.functional_call do.")  # fmt: skip
            self._mapping.append((variable, new))
        self._before: dict[int, tuple[Tensor, Tensor]] = {}  # variables by identity, and the numbers they had outside
        self._values: dict[int, Tensor] = {}

    def keep(self, variable: Tensor) -> None:
        """Before a variable changes: remember what it was."""
        if id(variable) not in self._before:
            self._before[id(variable)] = variable, variable.detach().clone()

    def __enter__(self) -> StatelessScope:
        _stateless.append(self)
        for variable, value in self._mapping:
            _assign(variable, value.detach().clone())
        return self

    def __exit__(self, *exc: object) -> None:
        _stateless.remove(self)
        for variable, before in self._before.values():
            self._values[id(variable)] = variable.detach().clone().as_subclass(Tensor)
            variable.detach().copy_(before)

    def get_current_value(self, variable: Tensor) -> Tensor | None:
        """The numbers that a variable had when the block ended; ``None`` for one that nobody changed or named."""
        if self in _stateless and id(variable) in self._before:
            return variable.detach().clone().as_subclass(Tensor)
        return self._values.get(id(variable))


_stateless: list[StatelessScope] = []


def _keep(variable: Tensor) -> None:
    if _stateless:
        _stateless[-1].keep(variable)


def _assign(self: Tensor, value: Any) -> Tensor:
    """Set the numbers, in place and outside of any gradient. (Keras's name; lamina adds it to ``torch.Tensor``.)"""
    if _kept:
        return self
    new = torch.as_tensor(value, dtype=self.dtype, device=self.device)
    if new.shape != self.shape:
        raise ValueError(
            f"assign needs numbers of the variable's shape {tuple(self.shape)}, and got {tuple(new.shape)}."
        )
    _keep(self)
    self.detach().copy_(new.detach())
    return self


def _assign_add(self: Tensor, value: Any) -> Tensor:
    """Add to the numbers, as ``assign``."""
    if not _kept:
        _keep(self)
        self.detach().add_(torch.as_tensor(value, dtype=self.dtype, device=self.device).detach())
    return self


def _assign_sub(self: Tensor, value: Any) -> Tensor:
    """Take from the numbers, as ``assign``."""
    if not _kept:
        _keep(self)
        self.detach().sub_(torch.as_tensor(value, dtype=self.dtype, device=self.device).detach())
    return self


def _name_of(self: Tensor) -> str | None:
    """A weight's name: the end of its ``path``."""
    return getattr(self, "path", "").rpartition("/")[2] or None


def _is_trainable(self: Tensor) -> bool:
    """Whether training changes a weight."""
    return isinstance(self, Parameter) and self.requires_grad


def _set_trainable(self: Tensor, value: bool) -> None:
    self.requires_grad_(value)


def _numbers(self: Parameter, *, force: bool = False) -> np.ndarray:
    """A weight's numbers, which share its memory: as of any tensor, though gradients are taken of a weight."""
    return Tensor.numpy(self.detach(), force=force)


# Weights are torch's own parameters and buffers. A class of lamina's own for them would be slower at every operation,
# and would be neither compiled nor exported; a few names that torch has no use for cost nothing.
_words = {
    "assign": _assign, "assign_add": _assign_add, "assign_sub": _assign_sub,
    "value": property(lambda self: self, doc="The tensor itself: what Keras's variables hold."),
    "name": property(_name_of), "trainable": property(_is_trainable, _set_trainable),
}  # fmt: skip
for _word, _meaning in _words.items():
    setattr(Tensor, _word, _meaning)
Parameter.numpy = _numbers  # which np.asarray asks, too
