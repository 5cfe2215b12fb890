"""What all optimizers share: settings, one multi-tensor update per step, clipping, averaging, configs."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import functools
import inspect
import numbers
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack, cast

import numpy as np
import torch
from torch import Tensor

from lamina import config, registry
from lamina.dialects import habits
from lamina.errors import did_you_mean
from lamina.naming import unique_name
from lamina.optimizers.older import OlderOptimizer, is_of_then, take_older
from lamina.optimizers.schedules import SCHEDULES, LearningRateSchedule
from lamina.optimizers.state import (
    Group,
    LentFloat,
    LentInt,
    as_numpy_type,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    like,
)
from lamina.optimizers.variables import VariableOwner
from lamina.registry import Table
from lamina.tracebacks import Made

OPTIMIZERS: Table[Optimizer] = Table("optimizer", "keras.optimizers")


class Settings(TypedDict, total=False):
    """How gradients and weights are treated by every optimizer; see :class:`Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None


class Older(TypedDict, total=False):
    """What older Keras called the learning rate, and what tf.keras told TensorFlow."""

    lr: float
    decay: float
    jit_compile: bool
    is_legacy_optimizer: bool


class CommonButDecay(Settings, Older, total=False):
    """The arguments that every optimizer takes besides its own."""

    name: str | None


class Common(CommonButDecay, total=False):
    """:class:`CommonButDecay` and ``weight_decay``."""

    weight_decay: float | None


# What checkers and editors know of a learning rate.
LearningRateLike = float | np.floating[Any] | Tensor | LearningRateSchedule | Callable[[], Any]

_SHARED = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
           "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps")  # fmt: skip
_IGNORED = ("jit_compile", "is_legacy_optimizer")  # what tf.keras told TensorFlow


_NEEDED = cast(Any, ...)  # an argument that must be given, but to classes that are written as in Keras 1 and 2


class Optimizer(OlderOptimizer, VariableOwner, Made):
    """The base of all optimizers.

    Your own overrides ``build(variables)`` to add state with ``add_variable_from_reference``, and
    ``update_step(gradient, variable, learning_rate)``, which changes one variable with ``assign``.

    Arguments:
        learning_rate: a number, a ``LearningRateSchedule``, or a function without arguments.
        weight_decay: the part of each weight, times the learning rate, that is taken from it before each step.
        clipnorm: the largest 2-norm of each gradient.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest 2-norm of all gradients together. Only one of the three clips may be given.
        use_ema: whether to keep a moving average of the weights, which ``finalize_variable_values`` puts in place.
        ema_momentum: the part of the old average that each step keeps.
        ema_overwrite_frequency: the number of steps after which, again and again, the weights become their average.
        loss_scale_factor: what ``scale_loss`` multiplies the loss by; gradients are divided by it.
        gradient_accumulation_steps: the number of steps, at least 2, whose gradients are averaged into one update.
        name: by default after the class: ``adam``, ``adam_1``.
        lr: the older spelling of ``learning_rate``.
        decay: of Keras 1 and 2: the learning rate is divided by ``1 + decay * iterations``.

    Sparse gradients (``torch.nn.Embedding(sparse=True)``) are made dense first: every row takes part in the step, as in
    Keras, also those whose gradient is zero.

    >>> class Plain(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, learning_rate * gradient)
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> Plain(0.5).apply([torch.tensor([2.0, 2.0])], [weight])
    >>> weight.tolist()
    [0.0, 1.0]
    """

    # Arguments of a class of its own, which are its attributes too: they are added to the config.
    hyperparameters: tuple[str, ...] = ()

    def __init__(self, learning_rate: LearningRateLike = _NEEDED, weight_decay: float | None = None,
                 clipnorm: float | None = None, clipvalue: float | None = None, global_clipnorm: float | None = None,
                 use_ema: bool = False, ema_momentum: float = 0.99, ema_overwrite_frequency: int | None = None,
                 loss_scale_factor: float | None = None, gradient_accumulation_steps: int | None = None,
                 name: str | None = None, **older: Unpack[Older]) -> None:  # fmt: skip
        if is_of_then(type(self)) and (learning_rate is _NEEDED or isinstance(learning_rate, str)):
            learning_rate, name = 0.01, name or cast(Any, learning_rate if isinstance(learning_rate, str) else None)
        if learning_rate is _NEEDED and "lr" not in older:
            raise TypeError(f"{type(self).__name__} needs a learning_rate.")
        _check_known(type(self), set(older) - {"lr", "decay", *_IGNORED})
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        _check_settings(clips, ema_momentum if use_ema else 0.0, ema_overwrite_frequency, gradient_accumulation_steps)
        self._learning_rate = _as_rate(older.get("lr", learning_rate))
        self._decay = float(older.get("decay") or 0.0)
        self.name = name or unique_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        super().__init__()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Keras's way to write an optimizer of one's own: build(self, variables), and update_step for one variable.
        own = cls.__dict__
        take_older(cls)
        if "__init__" in own:
            _spell_out(own["__init__"])
        if "build" in own and "constraints" not in inspect.signature(own["build"]).parameters:
            type.__setattr__(cls, "build", _with_constraints(own["build"]))
        if "update_step" in own:
            type.__setattr__(cls, "_step_group", Optimizer._step_each)

    if TYPE_CHECKING:
        # `model.optimizer.beta_1`: checkers can't know which one a model was compiled with.
        def __getattr__(self, name: str) -> Any: ...

    # -- the numbers that change --

    @property
    def iterations(self) -> LentInt:
        """The number of updates so far: an integer that can be set. Accumulated gradients count once they are used."""
        return LentInt.make(self._iterations // (self.gradient_accumulation_steps or 1), self._set_iterations)

    @iterations.setter
    def iterations(self, value: int | Tensor) -> None:
        self._set_iterations(value)

    def _set_iterations(self, value: Any) -> None:
        self._iterations = int(value) * (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self) -> LentFloat:
        """The learning rate of the next step. A number, a schedule or a function can be set; a number in the place of a
        schedule is refused, as in Keras."""
        rate = self._learning_rate if isinstance(self._learning_rate, float) else self._rate()
        return LentFloat.make(rate, self._set_learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: LearningRateLike) -> None:
        self._set_learning_rate(value)

    def _set_learning_rate(self, value: Any) -> None:
        rate = _as_rate(value)
        if isinstance(rate, float) and isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(f"The learning rate of {type(self).__name__} {self.name!r} is a "
                            f"{type(self._learning_rate).__name__}, so a number can't be set in its place. Make the "
                            "optimizer with a number as its learning rate, or set another schedule.")  # fmt: skip
        self._learning_rate = rate

    lr = learning_rate

    def _rate(self) -> float:
        rate = self._learning_rate
        if rate.__class__ is not float:
            rate = float(rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate())
        return rate / (1 + self._decay * self._iterations) if self._decay else rate

    def _step_number(self) -> int:
        """The number of the update that is being made: 1 is the first."""
        return self._iterations // (self.gradient_accumulation_steps or 1) + 1

    # -- the step --

    def update(self, grads: Sequence[Tensor | None]) -> None:
        """One training step: change the variables that the optimizer was built for, in place.

        Arguments:
            grads: their gradients as autograd gave them, in the order of ``build``; ``None`` leaves a variable as it
                is. :meth:`apply` checks what it is given, this does not.
        """
        enabled = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            group = self._only_group
            if (
                group is None
                or self.clipnorm
                or self.clipvalue
                or self.global_clipnorm
                or self.use_ema
                or self.loss_scale_factor
                or self.gradient_accumulation_steps
                or self._constrained
                or not self._fit(grads)
            ):
                self._update_with_care(self._present(grads))
            else:
                self._begin_update()
                self._step_group(group, grads, self._rate())
            self._iterations += 1
        finally:
            torch._C._set_grad_enabled(enabled)

    def _fit(self, grads: Sequence[Any]) -> bool:
        """Whether there is a dense gradient for every variable, in its strides."""
        try:
            return [grad.stride() for grad in grads] == self._strides
        except (AttributeError, RuntimeError, TypeError):  # None, a sparse tensor, a NumPy array
            return False

    def _present(self, grads: Sequence[Any]) -> dict[int, Tensor]:
        """The gradients that are there, by the place of their variable."""
        if not self.built:
            raise ValueError(f"{type(self).__name__} {self.name!r} is not built yet: call `build(variables)`, or "
                             "`apply(grads, variables)`.")  # fmt: skip
        if len(grads) != len(self._params):
            raise ValueError(f"{type(self).__name__} {self.name!r} was built for {len(self._params)} variables, and "
                             f"got {len(grads)} gradients.")  # fmt: skip
        return {index: like(grad, self._params[index]) for index, grad in enumerate(grads) if grad is not None}

    def _update_with_care(self, present: dict[int, Tensor]) -> None:
        """A step with all that is optional."""
        if not present:
            if not self._params:
                return  # nothing to train
            raise ValueError("No gradients provided for any variable.")
        grads = list(present.values())
        if self.loss_scale_factor:
            grads = list(torch._foreach_div(grads, self.loss_scale_factor))
        steps = self.gradient_accumulation_steps
        if not steps:
            self._update_groups(dict(zip(present, grads, strict=True)))
        else:
            sums: list[Tensor] = [self._accumulated_gradients[index] for index in present]
            torch._foreach_add_(sums, grads)
            if (self._iterations + 1) % steps == 0:
                self._update_groups(dict(zip(present, torch._foreach_div(sums, steps), strict=True)))
                torch._foreach_zero_(list[Tensor](self._accumulated_gradients))
        if self.use_ema:
            self._average()
        for variable, constraint in self._constrained:
            variable.copy_(constraint(variable))

    def _update_groups(self, present: dict[int, Tensor]) -> None:
        clipped = dict(zip(present, self._clip(list(present.values())), strict=True))
        rate = self._rate()
        self._begin_update()
        for group in self._groups:
            part = group if len(present) == len(self._params) else group.among(present)
            if part is not None:
                self._step_group(part, [clipped[index] for index in part.indices], rate)

    def _clip(self, grads: list[Tensor]) -> list[Tensor]:
        if self.clipnorm:
            grads = clip_by_norm(grads, self.clipnorm)
        if self.global_clipnorm:
            grads = clip_by_global_norm(grads, self.global_clipnorm)
        return clip_by_value(grads, self.clipvalue) if self.clipvalue else grads

    def _begin_update(self) -> None:
        """What an algorithm does once in an update, before any group."""

    def _decay_of(self, group: Group) -> float:
        return self.weight_decay or 0.0 if group.decays else 0.0

    def _step_group(self, group: Group, grads: Sequence[Any], rate: float) -> None:
        decay = self._decay_of(group)
        if decay:
            torch._foreach_mul_(group.params, 1 - decay * rate)
        self._step(rate, grads, group.lists)

    def _step(self, rate: float, grads: Any, lists: list[list[Any]]) -> None:
        """The algorithm, for all parameters of a group at once; ``lists`` are they and their slots."""
        raise NotImplementedError(f"{type(self).__name__} must override `update_step` for one variable.")

    def _step_each(self, group: Group, grads: Sequence[Any], rate: float) -> None:
        """The step of an optimizer whose ``update_step`` takes one variable."""
        decay = self._decay_of(group)
        if decay:
            torch._foreach_mul_(group.params, 1 - decay * rate)
        for variable, grad in zip(group.params, grads, strict=True):
            self.update_step(grad, variable, rate)

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Any) -> None:
        """Change one variable; what your own optimizer overrides."""
        index = self._get_variable_index(variable)
        part = next(part for group in self._groups if (part := group.among({index})))
        self._step(float(learning_rate), [like(gradient, variable)], part.lists)

    def assign(self, variable: Tensor, value: Any) -> None:
        """``variable = value``, in place."""
        with torch.no_grad():
            variable.copy_(torch.as_tensor(value))

    def assign_add(self, variable: Tensor, value: Any) -> None:
        """``variable += value``, in place."""
        with torch.no_grad():
            variable.add_(value)

    def assign_sub(self, variable: Tensor, value: Any) -> None:
        """``variable -= value``, in place."""
        with torch.no_grad():
            variable.sub_(value)

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """One step on other numbers than the model's and the optimizer's own, which stay as they are.

        Arguments:
            optimizer_variables: state in the order of ``variables``.
            trainable_variables: numbers in the order of the variables that the optimizer was built for.

        Returns:
            The trainable variables and the optimizer's after the step.
        """
        if not self.built:
            raise ValueError(f"{type(self).__name__} {self.name!r} must be built before stateless_apply: call "
                             "`build(variables)`.")  # fmt: skip
        before, params = [variable.clone() for variable in self.variables], list(self._params)
        if (len(trainable_variables), len(optimizer_variables)) != (len(params), len(before)):
            raise ValueError(f"{type(self).__name__} {self.name!r} has {len(params)} trainable variables and {len(before)} "
                             f"of its own, and stateless_apply got {len(trainable_variables)} and "
                             f"{len(optimizer_variables)}.")  # fmt: skip
        weights = [param.detach().clone() for param in params]
        try:
            self._set_state([torch.as_tensor(value) for value in optimizer_variables])
            for param, value in zip(params, trainable_variables, strict=True):
                self.assign(param, value)
            self.apply(grads, params)
            return [param.detach().clone() for param in params], [variable.value.clone() for variable in self.variables]
        finally:
            self._set_state(before)
            for param, value in zip(params, weights, strict=True):
                self.assign(param, value)

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Tensor] | None = None) -> None:
        """One step for any of the variables; builds the optimizer for them when it is not built yet."""
        grads = list(grads)
        if not grads:
            return
        variables = self._params if trainable_variables is None else list(trainable_variables)
        if self.built or trainable_variables is not None:  # else update() says what is missing
            if len(variables) != len(grads):
                raise ValueError(f"There must be one gradient for each variable, and got {len(grads)} gradients for "
                                 f"{len(variables)} variables.")  # fmt: skip
            if not self.built:
                self.build(variables)
            part = self.part_for(variables)
            if part is not self:
                part.apply(grads, variables)
                self._iterations = part._iterations
                return
            by_place = dict(zip(self._indices_of(variables), grads, strict=True))
            missing = [self._names[place] for place, grad in by_place.items() if grad is None]
            if 0 < len(missing) < len(grads):
                warnings.warn(f"There are no gradients for the variables {missing}.", stacklevel=2)
            fitting = {place: like(grad, self._params[place]) for place, grad in by_place.items() if grad is not None}
            grads = [fitting.get(place) for place in range(len(self._params))]
        self.update(grads)
        # torch's fused kernels don't tell that they wrote: a gradient that is still to be taken through the old numbers would
        # be wrong, and not an error.
        torch.autograd.graph.increment_version(self._params)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Tensor]]) -> Any:
        """:meth:`apply` for ``zip(grads, variables)``; gives the number of iterations."""
        pairs = list(grads_and_vars)
        self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    @property
    def scales_loss(self) -> bool:
        """Whether :meth:`scale_loss` changes the loss."""
        return self.loss_scale_factor is not None

    def scale_loss(self, loss: Any) -> Any:
        """``loss * loss_scale_factor``."""
        return loss * self.loss_scale_factor if self.loss_scale_factor is not None else loss

    # -- averages --

    def _average(self) -> None:
        # In Keras the first step sets the average, and every step of a first accumulation does.
        updates = self._iterations // (self.gradient_accumulation_steps or 1)
        averages: list[Tensor] = list(self._model_variables_moving_average)
        torch._foreach_lerp_(averages, self._params, 1 - self.ema_momentum if updates else 1.0)
        if self.ema_overwrite_frequency and (updates + 1) % self.ema_overwrite_frequency == 0:
            torch._foreach_copy_(self._params, averages)

    # -- configs --

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        rate = self._learning_rate
        if isinstance(rate, float):
            rate = float(np.array(rate, dtype=as_numpy_type(config.floatx())))
        written = {"name": self.name, "learning_rate": registry.serialize(rate)}
        written |= {key: getattr(self, key) for key in _SHARED}
        if self._decay:
            written["decay"] = self._decay
        return written | {key: getattr(self, key) for key in self.hyperparameters}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that :meth:`get_config` described, without its state."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = config | {"learning_rate": SCHEDULES.deserialize(rate, custom_objects)}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, {self._iterations} steps>"


def _spell_out(init: Any) -> None:
    """Let ``help`` and editors see what ``**common`` stands for, argument by argument."""
    own = inspect.signature(init).parameters
    if "common" in own:
        others = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, one in _BASE_ARGUMENTS.items() if name not in own
        ]
        kept = [one for name, one in own.items() if name != "common"]
        init.__signature__ = inspect.Signature([*kept, *others], return_annotation=None)


_BASE_ARGUMENTS = {
    name: one for name, one in inspect.signature(Optimizer.__init__).parameters.items() if name != "older"
}


def _with_constraints(build: Callable[..., None]) -> Callable[..., None]:
    """A ``build(self, variables)`` that a trainer can give constraints and names, and can call again."""

    @functools.wraps(build)
    def wrapped(self: Optimizer, variables: Any, constraints: Any = None, names: Any = None) -> None:
        if self.built:
            Optimizer.build(self, variables)
            return
        variables = list(variables)
        self._adopt(variables, constraints, names)
        build(self, variables)
        self._arrange()

    return wrapped


def _as_rate(value: Any) -> Any:
    if callable(value):
        return value
    if isinstance(value, (torch.Tensor, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError("The learning rate must be a number, a LearningRateSchedule or a function without arguments, "
                         f"and got {value!r}.")  # fmt: skip
    return float(value)


def _check_known(cls: type, unknown: Iterable[str]) -> None:
    for name in sorted(unknown):
        makers = [base.__init__ for base in cls.__mro__ if "__init__" in base.__dict__ and base is not object]
        known = {key for maker in makers for key in inspect.signature(maker).parameters} | {"lr", "decay"}
        known -= {"self", "args", "kwargs", "older", "common"}
        raise ValueError(f"{cls.__name__} has no argument {name!r}.{did_you_mean(name, known)}")


def _check_settings(clips: dict[str, Any], ema_momentum: float, frequency: Any, accumulation: Any) -> None:
    given = {key: value for key, value in clips.items() if value is not None}
    if len(given) > 1 and not (habits().clips_twice and given.keys() == {"global_clipnorm", "clipvalue"}):
        raise ValueError(f"Only one of clipnorm, clipvalue and global_clipnorm may be given, and got {given}.")
    if not 0 <= ema_momentum <= 1:
        raise ValueError(f"`ema_momentum` must be between 0 and 1, and got {ema_momentum!r}.")
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(f"`ema_overwrite_frequency` must be an integer >= 1 or None, and got {frequency!r}.")
    if accumulation and not accumulation >= 2:
        raise ValueError(f"`gradient_accumulation_steps` must be an integer >= 2, and got {accumulation!r}.")


def get_epsilon(epsilon: float | None) -> float:
    """``epsilon``, or the program's for ``None``, as Keras 2 understood it."""
    return config.epsilon() if epsilon is None else epsilon
