"""The part of an optimizer that owns its state: making it for a model's parameters, grouping, setting, saving."""

from __future__ import annotations

import numbers
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from lamina import dialects
from lamina.dtypes import as_dtype
from lamina.engine.tools import to_override
from lamina.errors import describe
from lamina.lasting import lasting
from lamina.optimizers.state import Group, to_numpy
from lamina.registry import TABLES
from lamina.variables import Variable

# What _arrange makes from the rest, and pickles and copies therefore leave out.
_ARRANGED = ("_index", "_strides", "_groups", "_only_group")


class VariableOwner:
    """The state of an optimizer: its variables, and the groups of parameters and slots that one call updates."""

    name: str
    use_ema: bool
    gradient_accumulation_steps: int | None
    _learning_rate: Any

    def __init__(self) -> None:
        self.built = False
        self._iterations = 0
        self._params: list[Tensor] = []
        self._names: list[str] = []
        self._constrained: list[tuple[Tensor, Callable[[Tensor], Tensor]]] = []
        self._excluded: tuple[list[Tensor], str] = ([], "")
        self._state: list[Variable] = []
        self._model_variables_moving_average: list[Variable] = []
        self._accumulated_gradients: list[Variable] = []
        self._parts: list[Any] = []
        self._arrange()

    # -- building --

    @lasting
    @to_override
    def build(self, variables: Iterable[Tensor], constraints: Sequence[Any] | None = None,
              names: Sequence[str] | None = None) -> None:  # fmt: skip
        """Make the state for ``variables``. On a built optimizer: check that it knows them, and follow their device.

        Arguments:
            variables: the parameters that ``update`` will change, in the order of its gradients.
            constraints: for each variable the function that it is put through after a step, or ``None``.
            names: for each variable its path, e.g. ``"dense/kernel"``: names the state, and is what
                ``exclude_from_weight_decay(var_names=...)`` and Muon look at.
        """
        variables = list(variables)
        if self.built:
            part = self.part_for(variables)
            if part is not self:
                part.build(variables, constraints, names)
                return
            self._indices_of(variables)
            self._follow()
            return
        self._adopt(variables, constraints, names)
        if self.use_ema:
            self._model_variables_moving_average = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._make_slots(variables)
        self.built = True
        self._arrange()

    def _adopt(self, variables: list[Tensor], constraints: Sequence[Any] | None, names: Sequence[str] | None) -> None:
        for index, variable in enumerate(variables):
            if torch.empty_like(variable).stride() != variable.stride():
                raise ValueError(f"Variable {index} of shape {tuple(variable.shape)} is a view with gaps or overlaps "
                                 "in memory. Make it from `tensor.contiguous()`.")  # fmt: skip
        for what, given in (("constraints", constraints), ("names", names)):
            if given is not None and len(given) != len(variables):
                raise ValueError(f"There must be one of `{what}` for each of {len(variables)} variables, and got "
                                 f"{len(given)}.")  # fmt: skip
        self._params = variables
        self._index = {id(variable): index for index, variable in enumerate(variables)}
        if names is not None:
            self._names = list(names)
        elif not self._names:
            self._names = [getattr(variable, "path", None) or f"variable_{index}" if index else "variable"
                           for index, variable in enumerate(variables)]  # fmt: skip
        if constraints is not None:
            self._constrained = [pair for pair in zip(variables, constraints, strict=True) if pair[1] is not None]

    def _make_slots(self, variables: list[Tensor]) -> None:
        """Make the state of the algorithm; the built-in optimizers override this."""

    def _slots(self) -> tuple[list[Any], ...]:
        """The lists of slots, one entry for each variable, in the order in which ``_step`` takes them."""
        return ()

    def _kind(self, index: int) -> Any:
        """What tells variables apart that need another formula."""
        return None

    def _arrange(self) -> None:
        """Decide all that a step needs and that does not change between steps."""
        self._index = {id(variable): index for index, variable in enumerate(self._params)}
        self._strides = [variable.stride() for variable in self._params]
        found: dict[Any, list[int]] = {}
        for index, variable in enumerate(self._params):
            key = (variable.device, variable.dtype, self._decays(index), self._kind(index))
            found.setdefault(key, []).append(index)
        self._groups = [self._group(indices, *key[2:]) for key, indices in found.items()]
        self._only_group = self._groups[0] if len(self._groups) == 1 else None

    def _group(self, indices: list[int], decays: bool, kind: Any) -> Group:
        slots = [[slot[index] for index in indices] if slot and slot[indices[0]] is not None else []
                 for slot in self._slots()]  # fmt: skip
        # Plain tensors over the same memory: torch checks subclasses at every call.
        plain = [[variable.as_subclass(Tensor) for variable in slot] for slot in slots]
        return Group(indices, [[self._params[index] for index in indices], *plain], decays, kind)

    def _follow(self) -> None:
        """Move the state to where the variables are, as after ``model.to(device)``."""
        for slot in (self._model_variables_moving_average, self._accumulated_gradients, *self._slots()):
            for state, variable in zip(slot, self._params, strict=False):
                if state is None or state.shape != variable.shape:
                    continue
                if (state.device, state.dtype, state.stride()) != (variable.device, variable.dtype, variable.stride()):
                    state.data = torch.empty_like(variable, requires_grad=False).copy_(state)
        self._arrange()

    def finalize_variable_values(self, var_list: Iterable[Tensor]) -> None:
        """Put the moving average into the variables, when there is one (``use_ema``)."""
        if not self.use_ema:
            return
        var_list = list(var_list)
        part = self.part_for(var_list)
        if part is not self:
            part.finalize_variable_values(var_list)
            return
        places = self._indices_of(var_list)
        with torch.no_grad():
            for place in places:
                self._params[place].copy_(self._model_variables_moving_average[place])

    # -- knowing the variables --

    def _indices_of(self, variables: Iterable[Tensor]) -> list[int]:
        indices = []
        for variable in variables:
            index = self._index.get(id(variable))
            if index is None:
                raise ValueError(f"Unknown variable: {describe(variable)}. {type(self).__name__} {self.name!r} was "
                                 "built for other variables; make a new optimizer for a new set.")  # fmt: skip
            indices.append(index)
        return indices

    def part_for(self, variables: Iterable[Tensor]) -> Self:
        """What holds the state for some variables: the optimizer, or in an older dialect a part of it that is for others.

        One optimizer trained several models then: each with moments of its own, and one count of steps for all.
        """
        variables = list(variables)
        if not self.built or self._knows(variables) or not dialects.habits().shares_optimizers:
            return self
        part = next((part for part in self._parts if part._knows(variables)), None)
        if part is None:
            part = object.__new__(type(self))
            part.__dict__.update(self.__dict__)
            VariableOwner.__init__(part)
            self._parts.append(part)
        part._iterations, part._learning_rate = self._iterations, self._learning_rate
        return part

    def _knows(self, variables: list[Tensor]) -> bool:
        return all(id(variable) in self._index for variable in variables)

    def _get_variable_index(self, variable: Tensor) -> int:
        return self._indices_of([variable])[0]

    def exclude_from_weight_decay(self, var_list: Iterable[Tensor] | None = None,
                                  var_names: Iterable[str] | None = None) -> None:  # fmt: skip
        """Leave variables out of weight decay: those of ``var_list``, and those whose own name (``bias``, the last part
        of the path) holds one of the regular expressions ``var_names``."""
        self._excluded = (list(var_list or ()), "|".join(var_names or ()))
        if self.built:
            self._arrange()

    def _decays(self, index: int) -> bool:
        excluded, pattern = self._excluded
        if any(variable is self._params[index] for variable in excluded):
            return False
        return not (pattern and re.search(pattern, self._names[index].rpartition("/")[2]))

    # -- adding state --

    @lasting
    def add_variable(self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, aggregation: Any = None,
                     layout: Any = None, name: str | None = None) -> Variable:  # fmt: skip
        """A new state variable of any shape. ``aggregation`` and ``layout`` have no meaning on one device."""
        device = self._params[0].device if self._params else None
        zeros = torch.zeros(tuple(shape), dtype=as_dtype(dtype), device=device)
        return self._add_state(_initial(zeros, initializer), name or "variable")

    @lasting
    def add_variable_from_reference(self, reference_variable: Tensor, name: str | None = None,
                                    initializer: Any = "zeros") -> Variable:  # fmt: skip
        """A new state variable with the shape, type, device and strides of ``reference_variable``."""
        value = _initial(torch.zeros_like(reference_variable, requires_grad=False), initializer)
        index = self._index.get(id(reference_variable))
        path = self._names[index] if index is not None else getattr(reference_variable, "path", "variable")
        return self._add_state(value, f"{path.replace('/', '_')}_{name or 'var'}")

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Tensor], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """For each variable a state variable of each ``name``: a list, or for several names a tuple of lists."""
        names = [name] if isinstance(name, str) else list(name)
        initializers = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        made = [[self.add_variable_from_reference(variable, *pair) for pair in zip(names, initializers, strict=True)]
                for variable in trainable_variables]  # fmt: skip
        lists = tuple([row[column] for row in made] for column in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def _add_state(self, value: Tensor, name: str) -> Variable:
        self._state.append(Variable.holding(value, name, self.name))
        return self._state[-1]

    # -- reading and setting --

    @property
    def params(self) -> list[Tensor]:
        """The parameters that the optimizer was built for."""
        return list(self._params)

    @property
    def variables(self) -> list[Variable]:
        """All state, in Keras's order: the iteration, the learning rate (when it is a number), then the slots.

        The first two are copies; set ``iterations`` and ``learning_rate`` to change them.
        """
        counters = [Variable.holding(torch.tensor(self._iterations, device="cpu"), "iteration", self.name)]
        if isinstance(self._learning_rate, float):
            rate = torch.tensor(self._learning_rate, dtype=torch.float64, device="cpu")
            counters.append(Variable.holding(rate, "learning_rate", self.name))
        return counters + self._state

    def get_weights(self) -> list[np.ndarray]:
        """All state as NumPy arrays."""
        return [to_numpy(variable) for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all state from arrays like those of :meth:`get_weights`. Nothing changes when one does not fit."""
        if not self.built:
            raise ValueError(f"{type(self).__name__} {self.name!r} is not built yet, so it has no state to set: call "
                             "`build(variables)` first.")  # fmt: skip
        mine, given = self.variables, [torch.as_tensor(np.asarray(value)) for value in weights]
        if len(mine) != len(given):
            raise ValueError(f"{type(self).__name__} {self.name!r} has {len(mine)} variables, and got {len(given)}.")
        for variable, value in zip(mine, given, strict=True):
            if variable.shape != value.shape:
                raise ValueError(f"Optimizer variable {variable.path!r} has shape {tuple(variable.shape)}, and got "
                                 f"{tuple(value.shape)}.")  # fmt: skip
        self._set_state(given)

    def _set_state(self, values: list[Tensor]) -> None:
        values = list(values)
        self._iterations = int(values.pop(0))
        if isinstance(self._learning_rate, float):
            self._learning_rate = float(values.pop(0))
        for variable, value in zip(self._state, values, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Put all state into ``store`` under ``"0"``, ``"1"``, ... in Keras's order."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Take all state from what :meth:`save_own_variables` filled. Another number of variables is skipped, with a
        warning, as in Keras: the weights of the model are still worth having."""
        mine, found = len(self.variables), len(list(store.keys()))
        if mine != found:
            unbuilt = "" if self.built else " It is not built yet."
            warnings.warn(f"The state of {type(self).__name__} {self.name!r} was not loaded: it has {mine} variables, "
                          f"and the file has {found}.{unbuilt}", stacklevel=2)  # fmt: skip
            return
        self.set_weights([np.asarray(store[str(index)]) for index in range(mine)])

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in _ARRANGED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._arrange()


def _initial(value: Tensor, initializer: Any) -> Tensor:
    """``value``, which is all zeros, filled with a number or by an initializer."""
    if isinstance(initializer, numbers.Real):
        return value.fill_(float(initializer))
    if initializer == "zeros":
        return value
    made = TABLES["initializer"].get(initializer)(tuple(value.shape), dtype=value.dtype)
    return value.copy_(torch.as_tensor(made))
