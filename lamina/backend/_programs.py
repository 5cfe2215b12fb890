"""What Keras 2's backend does with graphs and phases: functions of symbolic tensors, gradients, loops, branches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from lamina import ops
from lamina.backend._values import is_placeholder, set_value
from lamina.engine.modes import fix_phase, fixed_phase
from lamina.engine.older import SelfMade
from lamina.engine.tracking import parameters_of
from lamina.graph.foreign import in_own_scope
from lamina.graph.symbolic import Node, SymbolicTensor, leaves, map_structure
from lamina.models import Model
from lamina.naming import reset_names
from lamina.ops._tensors import as_tensor, recorded
from lamina.optimizers.older import SymbolicStep

Function = Callable[..., Any]
_MODULE_CALL = nn.Module._call_impl.__code__


# ---- phases --------------------------------------------------------------------------------------------------------


class LearningPhase(int):
    """1 while training, 0 otherwise; among the inputs of ``function`` it stands for the mode to run in."""


def learning_phase() -> LearningPhase:
    """What ``set_learning_phase`` set; else whether the layer whose ``call`` is running trains: 1 or 0."""
    phase = fixed_phase()
    if phase is not None:
        return LearningPhase(phase)
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _MODULE_CALL:
            return LearningPhase(frame.f_locals["self"].training)
        frame = frame.f_back
    return LearningPhase(0)


def set_learning_phase(value: int | None) -> None:
    """Fix what ``learning_phase`` and ``in_train_phase`` go by; ``None`` goes back to the layers' own mode.

    Layers that are called on symbolic tensors from now on infer (0) or train (1) in those calls for good, as in Keras 1 and
    2; those called before follow ``fit``, ``predict``, ``model.train()`` and ``model.eval()`` as ever.
    """
    if value not in (0, 1, None):
        raise ValueError(f"The learning phase is 0 or 1, and got {value!r}.")
    fix_phase(None if value is None else int(value))


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` while training and ``alt`` otherwise; functions are called.

    Arguments:
        training: whether to train; by default as ``learning_phase`` says.
    """
    chosen = x if (learning_phase() if training is None else training) else alt
    return chosen() if callable(chosen) and not ops.is_tensor(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``alt`` while training and ``x`` otherwise; functions are called."""
    return in_train_phase(alt, x, training)


def clear_session(free_memory: bool = True) -> None:
    """Forget the names that layers and models were given by number, and the learning phase."""
    set_learning_phase(None)
    reset_names()


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Has no effect: tensors have no names here."""
    yield name


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Has no effect: things are done in the order in which they are written."""
    yield


# ---- functions -----------------------------------------------------------------------------------------------------


class BackendFunction:
    """What ``function`` returns: called on a list of arrays, it gives arrays.

    Arguments:
        inputs: symbolic tensors, and perhaps the learning phase; ``outputs``: symbolic tensors, one or a list.
        updates: pairs of a variable and the symbolic tensor whose numbers it gets at each call, and what an optimizer's
            ``get_updates`` gave. What ``layer.updates`` gave the layers do themselves.
    """

    def __init__(self, inputs: Any, outputs: Any, updates: Any = ()) -> None:
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self._phases = [isinstance(one, LearningPhase) for one in given]
        self._inputs = [one for one in given if not isinstance(one, LearningPhase)]
        self._single = not isinstance(outputs, (list, tuple))
        pairs = [one for one in updates if not isinstance(one, (SymbolicStep, SelfMade))]
        self._moves = any(isinstance(one, SelfMade) for one in updates)
        self._steps = [one for one in updates if isinstance(one, SymbolicStep)]
        self._variables = [variable for variable, _ in pairs]
        wanted = [outputs] if self._single else list(outputs)
        self._count = len(wanted)
        wanted += [new for _, new in pairs]
        wanted += [symbol for step in self._steps for symbol in step.symbols]
        for one in (*self._inputs, *wanted):
            if not isinstance(one, SymbolicTensor):
                raise ValueError(
                    f"K.function takes symbolic tensors, as Input and layers give them, and got {one!r:.80}."
                )
        self.model = Model(self._inputs, wanted)

    def __call__(self, inputs: Any) -> Any:
        values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(values) != len(self._phases):
            raise ValueError(f"This function takes {len(self._phases)} inputs, and got {len(values)}.")
        pairs = list(zip(values, self._phases, strict=True))
        training = any(bool(value) for value, is_phase in pairs if is_phase)
        device = next((weight.device for _, weight in parameters_of(self.model)), None)
        tensors = [as_tensor(value, one.dtype, device)
                   for value, one in zip((v for v, is_phase in pairs if not is_phase), self._inputs, strict=True)]  # fmt: skip
        moved = _moved_in_training(self.model) if training and not self._moves else []
        with torch.no_grad():
            found = leaves(self.model(tensors, training=training))
            for average, before in moved:  # a function changes nothing but its updates
                average.copy_(before)
        rest = iter(found[self._count :])
        news = [next(rest) for _ in self._variables]
        gradients_of = [[next(rest) for _ in step.symbols] for step in self._steps]
        for variable, new in zip(self._variables, news, strict=True):
            set_value(variable, new)
        for step, of_step in zip(self._steps, gradients_of, strict=True):
            step.apply(of_step)
        arrays = [ops.convert_to_numpy(one) for one in found[: self._count]]
        return arrays[0] if self._single else arrays


def _moved_in_training(model: Any) -> list[tuple[Any, Any]]:
    """Each average that a model's layers move in training, and what it is now."""
    averages = [getattr(part, name) for part in model.modules() for name in getattr(part, "moved_in_training", ())]
    return [(average, average.clone()) for average in averages if average is not None]


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any) -> BackendFunction:
    """A function of arrays from symbolic tensors: ``K.function([model.input], [layer.output])([x])[0]``.

    Arguments:
        inputs: a list of symbolic tensors; ``K.learning_phase()`` among them takes 0 or 1.
        outputs: a list of symbolic tensors, or one.
        updates: pairs of a variable and its new numbers, which are symbolic.

    Raises:
        ValueError: when the outputs need another input.

    >>> from lamina import Input
    >>> x = Input((2,))
    >>> function([x], [x * 2])([[[1.0, 2.0]]])
    [array([[2., 4.]], dtype=float32)]
    """
    if kwargs:
        raise ValueError(f"K.function takes no session arguments, since torch has no sessions; got {min(kwargs)!r}.")
    return BackendFunction(inputs, outputs, updates or ())


class Gradients(nn.Module):
    """The gradients of a symbolic loss by symbolic tensors or weights, as one step of a model.

    Arguments:
        model: gives the loss and the ``inner`` tensors to differentiate by, from ``count`` inputs to differentiate by and
            the other inputs.
        weights: differentiated by as well.
    """

    def __init__(self, model: Model, count: int, weights: list[Any]) -> None:
        super().__init__()
        self.model = model
        self.count = count
        self.weights = weights

    def forward(self, *inputs: Any) -> list[Any]:
        again = torch.is_grad_enabled()  # a penalty on gradients is differentiated once more
        with torch.enable_grad():
            points = [
                one if again and one.requires_grad else one.detach().requires_grad_() for one in inputs[: self.count]
            ]
            loss, *inner = leaves(self.model([*points, *inputs[self.count :]], training=self.training))
            sources = [*points, *inner, *self.weights]
            found = torch.autograd.grad(loss.sum(), sources, create_graph=again, allow_unused=True)
        return [torch.zeros_like(source) if one is None else one for one, source in zip(found, sources, strict=True)]


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of a loss (or the sum of its elements) by variables.

    A real loss is differentiated now. A symbolic one is so whenever the model runs that the result is part of, by its
    symbolic inputs and inner tensors, or by weights: ``K.function([model.input], K.gradients(loss, [model.input]))``.

    >>> from lamina import Input
    >>> x = Input((2,))
    >>> function([x], gradients(x * x, [x]))([[[1.0, 2.0]]])
    [array([[2., 4.]], dtype=float32)]
    """
    variables = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if not isinstance(loss, SymbolicTensor):
        again = torch.is_grad_enabled()
        return list(
            torch.autograd.grad(loss.sum(), variables, retain_graph=True, create_graph=again, allow_unused=True)
        )
    symbols = list({id(one): one for one in variables if isinstance(one, SymbolicTensor)}.values())
    weights = [one for one in variables if not isinstance(one, SymbolicTensor)]
    # What is computed from another of them is so once more: the gradient by that one goes through it.
    inner = [one for one in symbols if _leads_to(one, [other for other in symbols if other is not one])]
    points = [one for one in symbols if all(one is not other for other in inner)]
    others = _sources([loss, *inner], points)
    module = Gradients(Model([*points, *others], [loss, *inner]), len(points), weights)
    sources = [*points, *inner, *weights]
    outputs = [SymbolicTensor(one.shape, one.dtype) for one in sources]
    Node(module, (*points, *others), {}, outputs)
    found = {id(one): output for one, output in zip(sources, outputs, strict=True)}
    return [found[id(one)] for one in variables]


def _leads_to(tensor: SymbolicTensor, starts: list[SymbolicTensor]) -> bool:
    """Whether a symbolic tensor is computed from any of ``starts``."""
    return any(one is start for one in _upstream([tensor]) for start in starts)


def _sources(tensors: list[SymbolicTensor], stops: list[SymbolicTensor]) -> list[SymbolicTensor]:
    """The inputs that symbolic tensors are computed from, beside ``stops``."""
    return [one for one in _upstream(tensors, stops) if is_placeholder(one)]


def _upstream(tensors: list[Any], stops: Sequence[Any] = ()) -> Iterator[Any]:
    """Symbolic tensors and all that they are computed from, but ``stops`` and what those are."""
    seen, todo = {id(one) for one in stops}, list(reversed(tensors))
    while todo:
        tensor = todo.pop()
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield tensor
            if tensor.node is not None:
                todo.extend(tensor.node.inputs)


def stop_gradient(variables: Any) -> Any:
    """The same numbers, through which no gradient goes; of a list each."""
    if isinstance(variables, (list, tuple)):
        return type(variables)(ops.stop_gradient(one) for one in variables)
    return ops.stop_gradient(variables)


def print_tensor(x: Any, message: str = "", summarize: int = 3) -> Any:
    """``x`` itself, which is printed whenever it is computed."""
    x = as_tensor(x)
    return record_print(x, message) if isinstance(x, SymbolicTensor) else _printed(x, message)


@recorded
def record_print(x: Any, message: str) -> Any:
    """:func:`print_tensor` as a step of a model."""
    return x if x.device.type == "meta" or in_own_scope() else _printed(x, message)


def _printed(x: Any, message: str) -> Any:
    print(message, x.detach())
    return x


# ---- branches and loops --------------------------------------------------------------------------------------------


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """``then_expression`` where the condition holds, ``else_expression`` elsewhere; functions are called.

    A condition with fewer axes than the expressions counts for all that stands below its elements.
    """
    then_value, else_value = (one() if callable(one) and not ops.is_tensor(one) else one
                              for one in (then_expression, else_expression))  # fmt: skip
    condition, then_value, else_value = as_tensor(condition), as_tensor(then_value), as_tensor(else_value)
    for _ in range(len(then_value.shape) - len(condition.shape)):
        condition = torch.unsqueeze(condition, -1) if condition.shape else condition
    return ops.where(condition, then_value, else_value)


def map_fn(fn: Function, elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """``fn`` of each slice along the first axis, stacked."""
    found = ops.map(fn, elems)
    return found if dtype is None else map_structure(lambda x: ops.cast(x, dtype), found)


@recorded
def foldl(fn: Function, elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """``fn(fn(fn(initializer, a), b), c)`` of slices along the first axis; they begin it without an initializer.

    >>> foldl(lambda total, x: total * 10 + x, torch.tensor([1, 2, 3]))
    tensor(123)
    """
    slices = list(torch.unbind(as_tensor(elems)))
    total = slices.pop(0) if initializer is None else as_tensor(initializer)
    for one in slices:
        total = fn(total, one)
    return total


def foldr(fn: Function, elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """:func:`foldl` from the last slice to the first."""
    return foldl(fn, ops.flip(elems, 0), initializer)


@recorded
def rnn(
    step_function: Function,
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:
    """A step function over time: the last output, all outputs, and the last states.

    Arguments:
        step_function: ``output, new_states = step_function(input, states + constants)``.
        inputs: ``(batch, steps, ...)``, or a structure of such; ``time_major``: ``(steps, batch, ...)``.
        go_backwards: whether to begin at the end.
        mask: ``(batch, steps)``; where it is false the states stay, and the output is the one before (zeros before the
            first, and with ``zero_output_for_mask`` always).
        constants: passed to every step behind the states.
        unroll, input_length: have no effect, since the loop runs in Python.
        return_all_outputs: whether to return the outputs of all steps, and not only of the last.
    """
    axis = 0 if time_major else 1
    steps = [list(torch.unbind(as_tensor(leaf), axis)) for leaf in leaves(inputs)]
    masks = [None] * len(steps[0]) if mask is None else _mask_steps(as_tensor(mask), axis)
    order = range(len(steps[0]))
    states, outputs, before = list(initial_states), [], None
    for number in reversed(order) if go_backwards else order:
        parts = iter([leaf[number] for leaf in steps])
        x = map_structure(lambda _, parts=parts: next(parts), inputs)
        output, new_states = step_function(x, [*states, *(constants or ())])
        here = masks[number]
        if here is not None:
            nothing = torch.zeros_like(output) if before is None else before
            before = _where(here, output, nothing)
            states = [_where(here, new, old) for new, old in zip(new_states, states, strict=True)]
            output = _where(here, output, torch.zeros_like(output)) if zero_output_for_mask else before
        else:
            states = list(new_states)
        outputs.append(output)
    last = outputs[-1] if before is None or zero_output_for_mask else before
    return last, torch.stack(outputs if return_all_outputs else outputs[-1:], axis), states


def _mask_steps(mask: Any, axis: int) -> list[Any]:
    mask = mask.squeeze(-1) if mask.ndim == 3 else mask
    return list(torch.unbind(mask.to(torch.bool), axis))


def _where(here: Any, new: Any, old: Any) -> Any:
    return torch.where(here.reshape(-1, *[1] * (new.ndim - 1)), new, old)
