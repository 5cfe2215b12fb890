"""Optimizers as Keras 1, 2 and tf.keras had them written: ``get_updates``, called and overridden, and slots.

``get_updates(loss, params)`` of those days was called once, and described what every step was to do. So it is here: it is
run once, while variables and gradients stand for the numbers that they will have, and a step runs what was recorded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lamina import config, initializers
from lamina.dtypes import as_dtype
from lamina.graph.plan import Plan, compile_graph
from lamina.graph.symbolic import SymbolicTensor, is_symbolic, leaves, map_structure
from lamina.optimizers.state import LentFloat
from lamina.variables import Variable

# What is asked of a variable whose numbers do not matter, or matter now.
_NOW = """
    __get__ __set__ __len__ __hash__ __bool__ __float__ __int__ __repr__ __deepcopy__ __reduce_ex__ size dim numel nelement
    stride is_floating_point is_complex element_size data_ptr type item tolist numpy detach cpu requires_grad_ zeros_like
    ones_like empty_like full_like
"""
_ASKED_NOW = frozenset(_NOW.split())


class Standing(TorchFunctionMode):
    """Inside, what is computed from variables is recorded, with symbolic tensors in their place.

    ``stand_ins`` are they: each variable and what stands for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stand_ins: dict[int, tuple[Tensor, SymbolicTensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _ASKED_NOW or not any(_is_variable(leaf) for leaf in leaves((args, kwargs))):
            return func(*args, **kwargs)
        args, kwargs = map_structure(self.stand_in, args), map_structure(self.stand_in, kwargs)
        method = getattr(args[0], name, None) if args and hasattr(torch.Tensor, name) else None
        # A method of tensors is asked of what stands for one.
        return method(*args[1:], **kwargs) if callable(method) else func(*args, **kwargs)

    def stand_in(self, leaf: Any) -> Any:
        """What stands for a variable; anything else as it is."""
        if not _is_variable(leaf):
            return leaf
        return self.stand_ins.setdefault(id(leaf), (leaf, SymbolicTensor(tuple(leaf.shape), leaf.dtype)))[1]


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, (nn.Parameter, Variable))


class Recorded:
    """What ``get_updates`` described: new numbers of variables, from their numbers and from gradients.

    Arguments:
        describe: ``get_updates`` of the author's.
        params: the parameters that it was asked for.
    """

    def __init__(self, describe: Callable[[], Any], gradients: Sequence[SymbolicTensor]) -> None:
        with Standing() as standing:
            described = [pair for pair in describe() or () if isinstance(pair, (tuple, list))]
            news = [standing.stand_in(new) for _, new in described]
        self.variables = [variable for variable, _ in described]
        self._read = [variable for variable, _ in standing.stand_ins.values()]
        inputs = [*gradients, *(symbol for _, symbol in standing.stand_ins.values())]
        plan = Plan(inputs, news)
        plan.input_names = [f"given_{number}" for number in range(len(inputs))]
        self._run = compile_graph(plan.emit())
        self._owner = SimpleNamespace(**plan.modules, **plan.constants)

    def apply(self, gradients: Sequence[Any]) -> None:
        """One step: all new numbers are computed before any variable gets its own."""
        with torch.no_grad():
            news = leaves(self._run(self._owner, *gradients, *(variable.detach() for variable in self._read)))
            for variable, new in zip(self.variables, news, strict=True):
                variable.data.copy_(torch.as_tensor(new))


class SymbolicStep:
    """A step whose gradients a model computes: what ``get_updates`` of a symbolic loss gives ``K.function``.

    Arguments:
        symbols: the symbolic gradients.
        apply: makes the step, from their numbers.
    """

    def __init__(self, symbols: list[SymbolicTensor], apply: Callable[[Sequence[Any]], None]) -> None:
        self.symbols = symbols
        self.apply = apply


class OfAuthor:
    """An attribute that an author's optimizer holds as a variable of its own, where the base has a number.

    Arguments:
        name: under which the author sets it.
        base: the base's property.
        is_number: whether to give the variable's number, and not the variable.
    """

    def __init__(self, name: str, base: Any, is_number: bool = False) -> None:
        self.name = name
        self.base = base
        self.is_number = is_number

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        if self.name not in vars(owner):
            return self.base.__get__(owner, kind)
        held = vars(owner)[self.name]
        if self.is_number and isinstance(held, Tensor):
            return LentFloat.make(held.detach().item(), lambda rate: held.data.fill_(float(rate)))
        return held

    def __set__(self, owner: Any, value: Any) -> None:
        held = vars(owner).get(self.name)
        if isinstance(held, Tensor) and not isinstance(value, Tensor):
            held.data.fill_(float(value))
        elif isinstance(value, (Tensor, SymbolicTensor)) or self.name in vars(owner):
            vars(owner)[self.name] = value
        else:
            self.base.__set__(owner, value)


def take_older(cls: Any) -> None:
    """Let a new class of an author's be what its methods say: one of ``get_updates``, or one of tf.keras's slots."""
    own = vars(cls)
    if "get_updates" in own:
        for name, key in (("lr", "lr"), ("learning_rate", "lr"), ("iterations", "iterations"), ("decay", "decay")):
            type.__setattr__(cls, name, OfAuthor(key, getattr(cls.__mro__[1], name), name == "learning_rate"))
        type.__setattr__(cls, "_describe_updates", own["get_updates"])
        type.__setattr__(cls, "get_updates", OlderOptimizer.get_updates)
        type.__setattr__(cls, "_step_group", OlderOptimizer._step_as_recorded)
    if "_resource_apply_dense" in own:
        type.__setattr__(cls, "_step_group", OlderOptimizer._step_by_slots)


def is_of_then(cls: Any) -> bool:
    """Whether a class is written as in Keras 1, 2 or tf.keras: its author keeps the learning rate, and tf.keras's base took
    the name first."""
    return cls._describe_updates is not None or hasattr(cls, "_resource_apply_dense")


class OlderOptimizer:
    """The part of an optimizer that has the names of Keras 1, 2 and tf.keras."""

    name: str
    updates: Any = ()
    _decay: float
    _describe_updates: Any = None
    _asked: Any = None  # (parameters, what stands for their gradients), while get_updates is read
    _recorded: Recorded | None = None
    apply: Any
    apply_gradients: Any
    build: Any
    built: bool
    learning_rate: Any

    # -- numbers --

    @property
    def decay(self) -> LentFloat:
        """What the learning rate is divided by 1 + ... times the steps (Keras 1 and 2)."""
        return LentFloat.make(self._decay, self._set_decay)

    @decay.setter
    def decay(self, value: Any) -> None:
        self._set_decay(value)

    def _set_decay(self, value: Any) -> None:
        self._decay = float(value)

    @property
    def initial_decay(self) -> float:
        """:attr:`decay` as a plain number."""
        return self._decay

    # -- get_updates --

    def minimize(
        self, loss: Any, var_list: Any, grad_loss: Any = None, name: str | None = None, tape: Any = None
    ) -> Any:
        """One step of variables downhill: tf.keras's method.

        Arguments:
            loss: a function that computes the loss, or with a ``tape`` the loss itself.
            var_list: the variables, or a function that gives them.
            grad_loss: what the gradient of the loss is multiplied with.

        Raises:
            ValueError: for a loss that is no function, without a tape.

        >>> from lamina.optimizers import SGD
        >>> x = torch.nn.Parameter(torch.tensor(3.0))
        >>> _ = SGD(0.5).minimize(lambda: x * x, [x])
        >>> float(x.detach())
        0.0
        """
        if not callable(loss) and tape is None:
            raise ValueError(
                "minimize takes a function that computes the loss, or the loss and the tape that noted it."
            )
        value: Any = loss
        if tape is None:
            with torch.enable_grad():
                value = loss()
        given: Any = var_list() if callable(var_list) else var_list
        variables = list(given)
        total = value.sum() if grad_loss is None else (value * grad_loss).sum()
        found = torch.autograd.grad(total, variables, allow_unused=True)
        return self.apply_gradients(zip(found, variables, strict=True))

    def get_gradients(self, loss: Any, params: Any) -> list[Any]:
        """The gradients of a loss by parameters; inside an author's ``get_updates`` what stands for them."""
        if self._asked is None:
            return importlib.import_module("lamina.backend").gradients(loss, params)
        known = {id(param): gradient for param, gradient in zip(*self._asked, strict=True)}
        return [known[id(param)] for param in params]

    def get_updates(self, *args: Any, **kwargs: Any) -> list[Any]:
        """What ``K.function(..., updates=)`` takes to make a step: ``get_updates(loss, params)`` of Keras 2, or Keras 1's
        ``get_updates(params, constraints, loss)``. A real loss makes the step at once.

        Raises:
            TypeError: when the loss or the parameters were not given.
        """
        given = dict(zip(("params", "constraints", "loss") if args and isinstance(args[0], (list, tuple)) else
                         ("loss", "params"), args, strict=False)) | kwargs  # fmt: skip
        loss, params = given.get("loss"), given.get("params")
        if loss is None or params is None:
            raise TypeError(
                f"get_updates of {type(self).__name__} takes a loss and a list of parameters, loss= and params=."
            )
        params = list(params)
        if not self.built:
            self.build(params)
        gradients = importlib.import_module("lamina.backend").gradients(loss, params)
        if is_symbolic(loss):
            return [SymbolicStep(gradients, lambda values: self.apply(values, params))]
        self.apply(gradients, params)
        return []

    def _step_as_recorded(self, group: Any, grads: Sequence[Any], rate: float) -> None:
        """The step of an optimizer whose author overrides ``get_updates``."""
        params = group.params
        recorded = self._recorded
        if recorded is None:
            asked = [SymbolicTensor(tuple(param.shape), param.dtype) for param in params]
            self._asked = params, asked
            try:
                recorded = Recorded(lambda: self._describe(SymbolicTensor(()), params), asked)
            finally:
                self._asked = None
            self._recorded = recorded
        recorded.apply(grads)

    def _describe(self, loss: Any, params: list[Any]) -> Any:
        """Call the author's ``get_updates``, in whichever generation's order it takes its arguments."""
        code = self._describe_updates.__code__
        names = code.co_varnames[1 : code.co_argcount]
        given = {"loss": loss, "params": params, "constraints": {}, "grads": None}
        return self._describe_updates(*(given[name] for name in names if name in given))

    # -- tf.keras's slots --

    def _step_by_slots(self, group: Any, grads: Sequence[Any], rate: float) -> None:
        """The step of an optimizer whose author overrides ``_resource_apply_dense``."""
        if "_slots_of_author" not in vars(self):
            vars(self)["_slots_of_author"] = {}
            getattr(self, "_create_slots", lambda variables: None)(group.params)
        getattr(self, "_prepare", lambda variables: None)(group.params)
        for param, grad in zip(group.params, grads, strict=True):
            cast_to: Any = self
            cast_to._resource_apply_dense(grad, param)

    def add_slot(self, var: Any, slot_name: str, initializer: Any = "zeros", shape: Any = None) -> Any:
        """A variable of the optimizer's for one of the model's, made once."""
        slots = vars(self).setdefault("_slots_of_author", {})
        key = id(var), slot_name
        if key not in slots:
            made = initializers.get(initializer)(tuple(var.shape if shape is None else shape), dtype=var.dtype)
            slots[key] = Variable(made.to(var.device), trainable=False, name=slot_name)
        return slots[key]

    def get_slot(self, var: Any, slot_name: str) -> Any:
        """What :meth:`add_slot` made.

        Raises:
            KeyError: when it made none of this name.
        """
        slots = vars(self).get("_slots_of_author", {})
        if (id(var), slot_name) not in slots:
            raise KeyError(f"{type(self).__name__} {self.name!r} has no slot {slot_name!r} for this variable: call add_slot "
                           "in _create_slots.")  # fmt: skip
        return slots[id(var), slot_name]

    def _set_hyper(self, name: str, value: Any) -> None:
        if name in ("learning_rate", "decay"):
            setattr(self, name, value)
        else:
            vars(self).setdefault("_hypers", {})[name] = value

    def _get_hyper(self, name: str, dtype: Any = None) -> Any:
        hypers = vars(self).get("_hypers", {})
        value = hypers[name] if name in hypers else getattr(self, name)
        return value() if callable(value) and not isinstance(value, Tensor) else value

    def _decayed_lr(self, var_dtype: Any = None) -> Tensor:
        step: Any = self
        return torch.tensor(step._rate(), dtype=as_dtype(var_dtype or config.floatx()))

    def _serialize_hyperparameter(self, name: str) -> Any:
        value = self._get_hyper(name)
        return value.item() if isinstance(value, Tensor) else float(value) if isinstance(value, LentFloat) else value
