"""Optimizers around others: dynamic loss scaling, an optimizer for each part of a model, torch's own optimizers."""

# torch's multi-tensor functions have a leading underscore.
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Self, Unpack

import torch
from torch import Tensor

from lamina import registry
from lamina.errors import did_you_mean
from lamina.optimizers.base import OPTIMIZERS, Optimizer, Settings
from lamina.optimizers.state import LentFloat
from lamina.variables import Variable


@OPTIMIZERS.register("lossscaleoptimizer")
class LossScaleOptimizer(Optimizer):
    """Keeps float16 gradients from vanishing: the loss is multiplied by a scale, and the gradients divided by it.

    A step whose gradients are not all finite is left out and halves the scale; after ``dynamic_growth_steps`` steps
    without one it doubles. Whether a step is left out is decided by the CPU, which therefore waits for the gradients.

    Arguments:
        inner_optimizer: the optimizer that makes the steps.
        initial_scale: the first scale.
        dynamic_growth_steps: the number of good steps after which the scale doubles.
        name: by default ``loss_scale_optimizer``.

    >>> from lamina.optimizers import SGD
    >>> optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer.apply([torch.tensor([float("inf")])], [weight])
    >>> float(optimizer.dynamic_scale), weight.item()
    (4.0, 1.0)
    """

    def __init__(self, inner_optimizer: Optimizer, initial_scale: float = 2.0**15, dynamic_growth_steps: int = 2000,
                 name: str | None = None, *, dynamic: bool = True, **older: Unpack[Settings]) -> None:  # fmt: skip
        if not dynamic:
            raise ValueError("LossScaleOptimizer is always dynamic; a fixed scale is the inner `loss_scale_factor`.")
        given = sorted(key for key, value in older.items() if value not in (None, False, 0.99))
        if given:
            raise ValueError(f"LossScaleOptimizer has no {given[0]!r} of its own; set it on the inner optimizer.")
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"LossScaleOptimizer goes around an optimizer, and got {inner_optimizer!r}.")
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer: Optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self.inner_optimizer.loss_scale_factor = None
        # On the CPU whatever the device: they are read each step, which waits for the device once, not thrice.
        self.step_counter = torch.tensor(0, device="cpu")
        self.dynamic_scale = torch.tensor(float(initial_scale), device="cpu")

    def _make_slots(self, variables: list[Tensor]) -> None:
        self.step_counter = self._add_state(self.step_counter, "step_counter")
        self.dynamic_scale = self._add_state(self.dynamic_scale, "dynamic_scale")

    def build(self, variables: Iterable[Tensor], constraints: Sequence[Any] | None = None,
              names: Sequence[str] | None = None) -> None:  # fmt: skip
        """Build this optimizer and the inner one."""
        variables = list(variables)
        self.inner_optimizer.build(variables, constraints, names)
        super().build(variables, None, names)

    def update(self, grads: Sequence[Any]) -> None:
        """One step of the inner optimizer with the unscaled gradients, if all are finite."""
        present = self._present(grads)
        with torch.no_grad():
            largest = torch.stack(torch._foreach_norm(list(present.values()), float("inf")))
            if not bool(torch.isfinite(largest).all()):
                self.step_counter.zero_()
                self.dynamic_scale.mul_(0.5)
                return
            scaled = torch._foreach_div(list(present.values()), float(self.dynamic_scale))
            by_place = dict(zip(present, scaled, strict=True))
            self.inner_optimizer.update([by_place.get(place) for place in range(len(self._params))])
            if int(self.step_counter) == self.dynamic_growth_steps - 1:
                self.step_counter.zero_()
                self.dynamic_scale.mul_(2.0)
            else:
                self.step_counter.add_(1)

    @property
    def scales_loss(self) -> bool:
        """True."""
        return True

    def scale_loss(self, loss: Any) -> Any:
        """``loss * dynamic_scale``."""
        return loss * float(self.dynamic_scale)

    @property
    def iterations(self) -> Any:
        """The updates of the inner optimizer."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, value: Any) -> None:
        self.inner_optimizer.iterations = value

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    @property
    def variables(self) -> list[Variable]:
        """Its own state, then the inner optimizer's."""
        return super().variables + self.inner_optimizer.variables

    def _set_state(self, values: list[Tensor]) -> None:
        own = len(super().variables)
        super()._set_state(values[:own])
        self.inner_optimizer._set_state(values[own:])

    def finalize_variable_values(self, var_list: Iterable[Tensor]) -> None:
        """Put the inner optimizer's moving average into the variables."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "inner_optimizer": registry.serialize(self.inner_optimizer),
                "initial_scale": self.initial_scale, "dynamic_growth_steps": self.dynamic_growth_steps}  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that :meth:`get_config` described, without its state."""
        return cls(**config | {"inner_optimizer": OPTIMIZERS.deserialize(config["inner_optimizer"], custom_objects)})


@OPTIMIZERS.register("optimizermap")
class OptimizerMap(MutableMapping[str, Any]):
    """Which optimizer trains a variable, by regular expressions that must match its whole path.

    Arguments:
        default_optimizer: for the paths that nothing matches.
        optimizer_map: optimizers by expression.

    >>> from lamina.optimizers import SGD, Adam
    >>> optimizers = OptimizerMap(Adam(), {".*embeddings": SGD()})
    >>> type(optimizers["embedding/embeddings"]).__name__
    'SGD'
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"`default_optimizer` must be an optimizer, and got {default_optimizer!r}.")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"`optimizer_map` must be a dictionary, and got {optimizer_map!r}.")
        self.default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Any] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key: str) -> Any:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"The variable {key!r} matches more than one expression of the OptimizerMap: {matching}.")
        return self._optimizer_map[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Any) -> None:
        if key in self._optimizer_map:
            raise ValueError(f"The OptimizerMap has an optimizer for {key!r} already.")
        if not isinstance(key, str):
            raise ValueError(f"A key of an OptimizerMap must be a string, and got {key!r}.")
        if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"{key!r} of an OptimizerMap must be an optimizer around no other, and got {optimizer!r}.")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"default_optimizer": registry.serialize(self.default_optimizer),
                "optimizer_map": registry.serialize(self._optimizer_map)}  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The map that :meth:`get_config` described."""
        inner = {key: OPTIMIZERS.deserialize(value, custom_objects) for key, value in config["optimizer_map"].items()}
        return cls(OPTIMIZERS.deserialize(config["default_optimizer"], custom_objects), inner)


@OPTIMIZERS.register("multioptimizer")
class MultiOptimizer(Optimizer):
    """Trains each variable with the optimizer that an :class:`OptimizerMap` gives for its path.

    Arguments:
        optimizer_map: the map.
        loss_scale_factor: that of all the optimizers.
        name: by default ``multi_optimizer``.

    >>> from lamina.optimizers import SGD, Adam
    >>> optimizer = MultiOptimizer(OptimizerMap(Adam(), {".*bias": SGD(0.5)}))
    >>> kernel, bias = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    >>> optimizer.build([kernel, bias], names=["dense/kernel", "dense/bias"])
    >>> optimizer.update([torch.ones(1), torch.ones(1)])
    >>> round(kernel.item(), 4), bias.item()
    (0.999, 0.5)
    """

    def __init__(
        self, optimizer_map: OptimizerMap, loss_scale_factor: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map: OptimizerMap = optimizer_map
        self.optimizers: list[Optimizer] = []
        for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
            if not any(optimizer is known for known in self.optimizers):
                optimizer.loss_scale_factor = loss_scale_factor
                self.optimizers.append(optimizer)
        self._places: list[list[int]] = []

    def _adopt(self, variables: list[Tensor], constraints: Sequence[Any] | None, names: Sequence[str] | None) -> None:
        super()._adopt(variables, None, names)
        chosen = [self.optimizer_map[path] for path in self._names]
        self._places = [[place for place, each in enumerate(chosen) if each is known] for known in self.optimizers]
        for optimizer, places in zip(self.optimizers, self._places, strict=True):
            if places:
                optimizer.build([variables[place] for place in places],
                                constraints and [constraints[place] for place in places],
                                [self._names[place] for place in places])  # fmt: skip

    def _follow(self) -> None:
        for optimizer in self.optimizers:
            optimizer._follow()
        super()._follow()

    def _update_with_care(self, present: dict[int, Tensor]) -> None:
        if not present:
            raise ValueError("No gradients provided for any variable.")
        for optimizer, places in zip(self.optimizers, self._places, strict=True):
            there = [place for place in places if place in present]
            if there:
                optimizer.apply([present[place] for place in there], [self._params[place] for place in there])

    def update(self, grads: Sequence[Any]) -> None:
        """One step of each optimizer with the gradients of its variables."""
        self._update_with_care(self._present(grads))
        self._iterations += 1

    @property
    def learning_rate(self) -> Any:
        """Refused: each of ``optimizers`` has its own."""
        raise AttributeError("A MultiOptimizer has no learning rate of its own; see those of its `optimizers`.")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError("A MultiOptimizer has no learning rate of its own; set those of its `optimizers`.")

    lr = learning_rate

    @property
    def variables(self) -> list[Variable]:
        """Its own state, then that of each optimizer."""
        return super().variables + [variable for optimizer in self.optimizers for variable in optimizer.variables]

    def _set_state(self, values: list[Tensor]) -> None:
        place = len(super().variables)
        super()._set_state(values[:place])
        for optimizer in self.optimizers:
            count = len(optimizer.variables)
            optimizer._set_state(values[place : place + count])
            place += count

    def finalize_variable_values(self, var_list: Iterable[Tensor]) -> None:
        """Put the moving averages into the variables."""
        wanted = set(self._indices_of(var_list))
        for optimizer, places in zip(self.optimizers, self._places, strict=True):
            mine = [self._params[place] for place in places if place in wanted]
            if mine:
                optimizer.finalize_variable_values(mine)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"optimizer_map": registry.serialize(self.optimizer_map), "loss_scale_factor": self.loss_scale_factor,
                "name": self.name}  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that :meth:`get_config` described, without its state."""
        return cls(**config | {"optimizer_map": OPTIMIZERS.deserialize(config["optimizer_map"], custom_objects)})


@OPTIMIZERS.register("torchoptimizer")
class TorchOptimizer(Optimizer):
    """One of torch's optimizers, or yours in torch's form, in the place of one of Keras.

    Arguments:
        optimizer: an optimizer already made for the model's parameters, or a class (or its name in ``torch.optim``).
        name: by default ``torch_optimizer``.
        options: what the class takes besides the parameters.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = TorchOptimizer(torch.optim.SGD, lr=0.5)
    >>> optimizer.apply([torch.tensor([1.0])], [weight])
    >>> weight.item(), float(optimizer.learning_rate)
    (0.5, 0.5)
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer | type[torch.optim.Optimizer] | str,
        name: str | None = None,
        **options: Any,
    ) -> None:
        made: Any = _torch_class(optimizer) if isinstance(optimizer, str) else optimizer
        is_class = isinstance(made, type)
        torch_class: Any = made if is_class else type(made)
        if not issubclass(torch_class, torch.optim.Optimizer) or (options and not is_class):
            raise ValueError("TorchOptimizer takes a torch.optim.Optimizer, or its class and options, and got "
                             f"{optimizer!r} with options {options}.")  # fmt: skip
        if issubclass(torch_class, torch.optim.LBFGS):
            raise ValueError("LBFGS evaluates the model several times in a step, which this training loop can't do.")
        super().__init__(learning_rate=float(options.get("lr", 0.0)), name=name)
        self.torch_class = torch_class
        self.options = options
        self.torch_optimizer: Any = None if is_class else made

    def _make_slots(self, variables: list[Tensor]) -> None:
        if self.torch_optimizer is None:
            self.torch_optimizer = self.torch_class(variables, **self.options)
        known = {id(param) for group in self.torch_optimizer.param_groups for param in group["params"]}
        for variable, name in zip(variables, self._names, strict=True):
            if id(variable) not in known:
                raise ValueError(f"torch's {self.torch_class.__name__} was made without the variable {name!r} of shape "
                                 f"{tuple(variable.shape)}. Make it from `model.parameters()`, or pass its class."
                                 )  # fmt: skip

    def _update_with_care(self, present: dict[int, Tensor]) -> None:
        if not present:
            raise ValueError("No gradients provided for any variable.")
        before = [param.grad for param in self._params]
        try:
            for place, param in enumerate(self._params):
                param.grad = present.get(place)
            with torch.enable_grad():
                self.torch_optimizer.step()
        finally:
            for param, grad in zip(self._params, before, strict=True):
                param.grad = grad
        with torch.no_grad():
            for variable, constraint in self._constrained:
                variable.copy_(constraint(variable))

    def update(self, grads: Sequence[Any]) -> None:
        """Set the gradients, call ``step()``, and put the parameters' own ``grad`` back."""
        self._update_with_care(self._present(grads))
        self._iterations += 1

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the first parameter group; setting it sets that of all."""
        groups = self.torch_optimizer.param_groups if self.torch_optimizer is not None else []
        rate = groups[0].get("lr", 0.0) if groups else self.options.get("lr", 0.0)
        return LentFloat.make(float(rate), self._set_learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._set_learning_rate(value)

    def _set_learning_rate(self, value: Any) -> None:
        if self.torch_optimizer is None:
            self.options["lr"] = float(value)
            return
        for group in self.torch_optimizer.param_groups:
            group["lr"] = float(value)

    lr = learning_rate

    @property
    def variables(self) -> list[Variable]:
        """The iteration and learning rate, then torch's state: that of each variable, by key in alphabetical order."""
        self._learning_rate = float(self.learning_rate)
        return super().variables + [variable for _, _, variable in self._torch_state()]

    def _torch_state(self) -> list[tuple[Any, str, Variable]]:
        if self.torch_optimizer is None:
            return []
        if not self.torch_optimizer.state:
            self._prime()
        found = self.torch_optimizer.state
        made = []
        for param, name in zip(self._params, self._names, strict=True):
            entry = found.get(param, {})
            for key in sorted(key for key, value in entry.items() if isinstance(value, (Tensor, int, float))):
                path = f"{name.replace('/', '_')}_{key}"
                made.append((entry, key, Variable.holding(torch.as_tensor(entry[key]), path, self.name)))
        return made

    def _prime(self) -> None:
        """Make torch's state, which it makes in its first step, by a step of a copy, with zeros in it."""
        twin = copy.deepcopy(self.torch_optimizer)
        for group in twin.param_groups:
            for param in group["params"]:
                param.grad = torch.zeros_like(param)
        twin.step()
        state = twin.state_dict()
        for entry in state["state"].values():
            for key, value in entry.items():
                entry[key] = torch.zeros_like(value) if isinstance(value, Tensor) else type(value)()
        self.torch_optimizer.load_state_dict(state)

    def _set_state(self, values: list[Tensor]) -> None:
        self._iterations = int(values[0])
        self._set_learning_rate(float(values[1]))
        for (entry, key, _), value in zip(self._torch_state(), values[2:], strict=True):
            if isinstance(entry[key], Tensor):
                entry[key].copy_(value)
            else:
                entry[key] = type(entry[key])(value)

    def get_config(self) -> dict[str, Any]:
        """The name of the class and its options, which the first parameter group holds."""
        options = self.options
        if self.torch_optimizer is not None:
            group, taken = self.torch_optimizer.param_groups[0], inspect.signature(self.torch_class).parameters
            options = {key: value for key, value in group.items() if key in taken and key != "params"}
        return {"name": self.name, "optimizer": self.torch_class.__name__, **options}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that :meth:`get_config` described, for parameters yet to come."""
        found = registry.find_custom(config["optimizer"], custom_objects)
        return cls(**config | ({"optimizer": found} if found is not None else {}))


def _torch_class(name: str) -> Any:
    known = {key: value for key, value in vars(torch.optim).items()
             if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)}  # fmt: skip
    if name not in known:
        raise ValueError(f"torch.optim has no optimizer {name!r}.{did_you_mean(name, known)}")
    return known[name]
