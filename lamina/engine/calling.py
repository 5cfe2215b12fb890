"""Calling a layer: without data (its call is recorded), for the first time (it is built), or with something to see to.

A built layer that is called on one tensor skips all of this; see ``Layer.__call__``.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lamina import config
from lamina.dtypes import as_dtype
from lamina.engine import tracking
from lamina.engine.beside_arrays import (
    among_arrays,
    are_among_arrays,
    asks_for_weights,
    is_mended,
    plain,
    turn_to_arrays,
)
from lamina.engine.devices import accelerator_or_none, apart, home_of, making_at, making_now, moved
from lamina.engine.input_spec import check_input_spec, is_shape
from lamina.engine.modes import in_fixed_phase, in_mode
from lamina.engine.precision import as_float, converted, in_types_of, is_mixing, own_weights_cast, stand_ins, type_for
from lamina.engine.tools import traced, tracer_of
from lamina.errors import describe
from lamina.graph.foreign import enclosing_call, in_own_scope, own_scope
from lamina.graph.symbolic import (
    Node,
    SymbolicTensor,
    SymbolicValue,
    count_of_refused,
    from_probes,
    is_symbolic,
    join_runs,
    leaves,
    map_structure,
)
from lamina.lasting import lasting
from lamina.naming import names_differ

if TYPE_CHECKING:
    from lamina.engine.layer import Layer

# How many layers' calls are under way; losses of an earlier call end when an outermost one begins.
_depth = 0
# Sizes tried for unknown dimensions when a layer can be run on real zeros only.
_REAL_SIZES = (2, 3)


# ---- with data -----------------------------------------------------------------------------------------------------


def call_with_care(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer on anything: arrays, structures, symbolic tensors; with masks, a mode, or before it is built."""
    given = args, kwargs
    args, kwargs = _first_argument_first(layer, args, kwargs)
    values = leaves((args, kwargs))
    tracer = tracer_of(values)
    if tracer is not None:
        return traced(tracer, layer, args, kwargs)
    if args and are_among_arrays(args[0]) and layer._is_builtin and layer._keras_class_name != "Lambda":
        return among_arrays(layer(*plain(args), **plain(kwargs)))
    if any(isinstance(value, SymbolicValue) for value in values):
        return call_symbolically(layer, args, kwargs, _keeps_arguments(layer, *given))
    return run_with_care(layer, args, kwargs)[0]


def run_with_care(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What a call with data returns, and in a list the masks of it, where the layer's ``call`` hands them over."""
    args, kwargs = _as_tensors(layer, args, kwargs)
    training = kwargs.get("training")
    kwargs = _with_mode(layer, args, kwargs)
    kwargs = _with_masks(layer, args, kwargs, lambda tensor: getattr(tensor, "_keras_mask", None))
    if not layer._built:
        with _as_it_was_if_it_fails(layer):
            build_for(layer, args, kwargs)
            return _run_built(layer, args, kwargs, training)
    return _run_built(layer, args, kwargs, training)


def _run_built(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None
) -> tuple[Any, list[Any]]:
    global _depth
    masks: list[Any] = []
    if _depth == 0:
        layer.clear_losses()
    _depth += 1
    try:
        with _surroundings(layer, args, training):
            more = {"kept_masks": masks} if layer._hands_over_mask else {}
            call = functools.partial(nn.Module.__call__, layer)
            if layer._remat_mode is not None:
                call = layer.rematerialized_call(call, *args, **kwargs)
            try:
                outputs = call(*args, **kwargs, **more)
            except Exception as error:
                if not is_made_again(layer, args, error):
                    raise
                outputs = call(*args, **kwargs, **more)
        if layer._is_mixed and layer._gives_compute_type and layer._call_is_builtin:
            outputs = map_structure(lambda leaf: as_float(leaf, layer._compute_dtype), outputs)
    finally:
        _depth -= 1
    if layer.activity_regularizer is not None:
        _add_activity_penalty(layer, outputs)
    _attach_mask(layer, args, kwargs, outputs, masks)
    return outputs, masks


@contextlib.contextmanager
def _as_it_was_if_it_fails(layer: Layer) -> Iterator[None]:
    """A first call that fails leaves a layer, and those inside it, unbuilt: the next may be on inputs of another shape."""
    owned = ("_parameters", "_buffers", "_modules")
    before = [(module, type(module), dict(vars(module)), [dict(vars(module)[name]) for name in owned])
              for module in layer.modules()]  # fmt: skip
    try:
        yield
    except Exception:
        for module, cls, state, contents in before:
            module.__class__ = cls  # low-rank weights change it
            vars(module).clear()
            vars(module).update(state)
            for name, content in zip(owned, contents, strict=True):
                state[name].clear()
                state[name].update(content)
        raise


def is_made_again(layer: Layer, args: tuple[Any, ...], error: Exception) -> bool:
    """After a call that failed: whether it is to be made again, beside arrays, since code of the user's seems to want that.
    If not, ``error`` is explained."""
    if _runs_users_code(layer) and is_mended(error, layer):
        return True
    explain(layer, args, error)
    return False


def _runs_users_code(layer: Layer) -> bool:
    return not layer._is_builtin or layer._keras_class_name == "Lambda"


def as_one_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, in which calls of layers are parts of one call: a layer that is called twice adds its loss twice."""

    def inside(*args: Any) -> Any:
        global _depth
        _depth += 1
        try:
            return function(*args)
        finally:
            _depth -= 1

    return inside


def is_watched(module: Any) -> bool:
    """Whether somebody put hooks on a module, or compiled it, which only a call of the module itself would run."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
                or module._backward_pre_hooks or module._compiled_call_impl)  # fmt: skip


def explain(layer: Layer, args: tuple[Any, ...], error: Exception) -> None:
    """Say in lamina's words why a call failed: raise the layer's own sentence, or note on ``error`` where it happened."""
    if args and not isinstance(error, ValueError):
        better = _complaint(layer, args)
        if better is not None:
            raise better from None
    note = f"{who(layer)} was called on {', '.join(describe(argument) for argument in args)}.{apart(layer, args)}"
    if hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _complaint(layer: Layer, args: tuple[Any, ...]) -> ValueError | None:
    """What the layer's own rules have against inputs of such shapes: they say it better than torch does."""
    try:
        check_input_spec(layer.input_spec, shapes_of(args[0]), who(layer))
        if layer._is_builtin and not layer._infers_shape:
            layer.compute_output_shape(**shape_arguments(layer.compute_output_shape, layer, args, {}))
    except ValueError as better:
        return better
    except (AttributeError, IndexError, TypeError):  # inputs so far from what they should be that no rule reads them
        return None
    return None


def who(layer: Any) -> str:
    """``Dense 'dense_1'``, as every message names a layer."""
    return f"{layer._keras_class_name} {layer.name!r}"


def _first_argument_first(layer: Layer, args: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if args or not kwargs:
        return args, kwargs
    first = next(iter(_positions(layer)), None)
    if first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {key: value for key, value in kwargs.items() if key != first}


def _positions(layer: Layer) -> list[str]:
    """The names of ``call``'s positional arguments, in order."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, parameter in type(layer)._call_parameters.items() if parameter.kind in positional]


def _as_tensors(layer: Layer, args: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arrays become tensors where the layer's weights are; floats become the layer's compute type."""
    device: list[torch.device] = []
    to = layer._takes_inputs_to

    def convert(leaf: Any, integers: bool = False) -> Any:
        if isinstance(leaf, (np.ndarray, np.generic)):
            if not device:
                device.append(home_of(layer))
            leaf = torch.as_tensor(own_array(leaf, layer), device=device[0])
        elif to is not None and isinstance(leaf, torch.Tensor) and leaf.is_cpu:
            leaf = moved(leaf, to)
        if not isinstance(leaf, torch.Tensor):
            return leaf
        dtype = type_for(layer, leaf.dtype, integers)
        if dtype is not leaf.dtype:
            mask = getattr(leaf, "_keras_mask", None)
            leaf = leaf.to(dtype)
            if mask is not None:
                leaf._keras_mask = mask  # pyright: ignore[reportAttributeAccessIssue]
        return leaf

    return converted(convert, args, kwargs)


def own_array(array: Any, layer: Layer) -> np.ndarray:
    """A copy of an array, in numbers that torch takes: a layer may write into what it is given, and not into the array."""
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"{who(layer)} takes numbers, and got {describe(array)}. Convert it first, as in x.astype('float32')."
        )
    return np.array(array, dtype=array.dtype.newbyteorder("="))


def _with_mode(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """``training`` for a ``call`` that asks for it, and for no other."""
    if "training" not in layer._call_arguments:
        return {key: value for key, value in kwargs.items() if key != "training"}
    if kwargs.get("training") is None and "training" not in _positions(layer)[: len(args)]:
        return {**kwargs, "training": layer.training}
    return kwargs


@contextlib.contextmanager
def _surroundings(layer: Layer, args: tuple[Any, ...], training: bool | None) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if training is not None:
            stack.enter_context(in_mode(layer, training))
        if layer._runs_own_code and layer._away is not None:
            stack.enter_context(making_at(layer._away))
        if layer._is_mixed or is_mixing():
            tensor = next((leaf for leaf in leaves(args) if isinstance(leaf, torch.Tensor)), None)
            stack.enter_context(in_types_of(layer, "cpu" if tensor is None else tensor.device.type))
        yield


def _add_activity_penalty(layer: Layer, outputs: Any) -> None:
    """Keras divides the penalty on an output by the batch size, which Keras 1 and 2 did not; that on nothing is 0."""
    for output in leaves(outputs):
        if isinstance(output, torch.Tensor):
            penalty = layer.activity_regularizer(output)
            rows = 1 if layer._sums_activity else output.shape[0]
            layer.add_loss(penalty / rows if rows else torch.zeros_like(penalty))


# ---- masks ---------------------------------------------------------------------------------------------------------


def _with_masks(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], mask_of: Callable[[Any], Any]
) -> dict[str, Any]:
    """The masks of the inputs, for those of ``call``'s arguments that want one and were not given it."""
    names = _positions(layer)
    for position, (name, value) in enumerate(zip(names, args, strict=False)):
        wanted = [f"{name}_mask"] + (["mask"] if position == 0 else [])
        target = next((mask for mask in wanted if mask in layer._call_arguments), None)
        if target is None or kwargs.get(target) is not None or target in names[: len(args)]:
            continue
        mask = map_structure(mask_of, value)
        if any(one is not None for one in leaves(mask)):
            kwargs = {**kwargs, target: mask}
    return kwargs


def _attach_mask(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any, handed_over: list[Any]
) -> None:
    """Outside of a plan a mask travels on the tensor that it belongs to, as in Keras."""
    if not args:
        return
    previous = _previous_mask(args, kwargs, lambda tensor: getattr(tensor, "_keras_mask", None))
    if not layer._makes_masks and (previous is None or not layer.supports_masking):
        return
    masks = handed_over[0] if handed_over else _mask_of_outputs(layer, args, kwargs, previous)
    for output, mask in _pairs(outputs, masks):
        if isinstance(output, torch.Tensor) and mask is not None:
            output._keras_mask = mask  # pyright: ignore[reportAttributeAccessIssue]


def _previous_mask(args: tuple[Any, ...], kwargs: dict[str, Any], mask_of: Callable[[Any], Any]) -> Any:
    given = kwargs.get("mask")
    mask = map_structure(mask_of, args[0]) if given is None else given
    return mask if any(one is not None for one in leaves(mask)) else None


def _mask_of_outputs(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], previous: Any) -> Any:
    """``compute_mask``, which may ask for arguments of ``call`` by their names, after the inputs and their mask."""
    further: dict[str, Any] = {}
    if layer._mask_arguments:
        given = dict(zip(_positions(layer), args, strict=False)) | kwargs
        further = {name: given[name] for name in layer._mask_arguments if name in given}
    return layer.compute_mask(args[0] if args else None, previous, **further)


def _pairs(outputs: Any, mask: Any) -> list[tuple[Any, Any]]:
    """Outputs with their masks; one mask for several outputs belongs to the first."""
    tensors = leaves(outputs)
    masks = leaves(mask) if isinstance(mask, (list, tuple, dict)) else [mask]
    return list(zip(tensors, masks, strict=False))


# ---- without data --------------------------------------------------------------------------------------------------


def call_symbolically(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], shows_masks: bool) -> Any:
    """Record a call on symbolic tensors: build the layer, work out the outputs' shapes and masks.

    Arguments:
        shows_masks: whether Keras's node of the call has the masks that the layer finds, see :class:`Node`.
    """
    outer = enclosing_call(is_symbolic)
    if outer is not None:
        return outer.next_value(lambda probe: _outputs_and_masks(layer, args, kwargs)[2], join_runs)
    given = kwargs
    args, kwargs, outputs = _outputs_and_masks(layer, args, kwargs)
    found = frozenset(kwargs.keys() - given.keys())
    node = Node(layer, args, kwargs, outputs, _own_masks(layer, outputs), found, shows_masks)
    if not in_own_scope():
        layer._nodes.append(node)
    return outputs


def _keeps_arguments(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether Keras calls a layer with the very arguments that it was given. It adds to them the masks that it finds, so
    those are sources of the call in its graph, and otherwise are not: the order of layers and of weights depends on it."""
    if getattr(layer, "_plan", None) is not None and not hasattr(layer, "_chain"):
        return True  # a functional model converts nothing before its call
    only = args[0] if len(args) == 1 and not kwargs else None
    return isinstance(only, SymbolicTensor) and only.dtype is layer._compute_dtype


def _outputs_and_masks(layer: Layer, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    with contextlib.nullcontext() if layer._built else _as_it_was_if_it_fails(layer):
        return _described(layer, args, kwargs)


def _described(layer: Layer, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    args, kwargs = map_structure(_constant, args), map_structure(_constant, kwargs)
    if "training" in kwargs and kwargs["training"] is None:
        kwargs = {key: value for key, value in kwargs.items() if key != "training"}
    kwargs = in_fixed_phase(layer, kwargs)
    kwargs = _with_masks(layer, args, kwargs, lambda tensor: getattr(tensor, "mask", None))
    shapes = shapes_of(args[0]) if args else None
    check_input_spec(layer.input_spec, shapes, who(layer))
    if not layer._built:
        build_for(layer, args, kwargs)
        check_input_spec(layer.input_spec, shapes, who(layer))
        if _states_its_shape(layer) and _waits_for_its_call(layer):
            run_without_data(layer, args, kwargs)
    outputs = symbolic_outputs(layer, args, kwargs)
    plan = getattr(layer, "_plan", None)
    if plan is not None and plan.outputs is not plan.stated_outputs and not in_own_scope() and not names_differ():
        outputs = [outputs]  # without data a list of one is given as it was stated
    previous = _previous_mask(args, kwargs, lambda tensor: getattr(tensor, "mask", None)) if args else None
    if layer._makes_masks or (previous is not None and layer.supports_masking):
        with own_scope() if _gives_masks(layer) else own_scope_if_inside():
            for output, mask in _pairs(outputs, _mask_of_outputs(layer, args, kwargs, previous)):
                if isinstance(output, SymbolicTensor):
                    output.mask = mask
    return args, kwargs, outputs


def _gives_masks(layer: Layer) -> bool:
    """Whether a recorded call gives masks beside its outputs, as that of a model does."""
    return layer._hands_over_mask and hasattr(layer, "call_with_masks")


def _own_masks(layer: Layer, outputs: Any) -> list[Any]:
    """The masks that a call gives beside its outputs: new symbolic tensors, one for each output or ``None``."""
    if not _gives_masks(layer):
        return []
    tensors = leaves(outputs)
    for tensor in tensors:
        if isinstance(tensor, SymbolicTensor) and tensor.mask is not None:
            tensor.mask = _fresh(tensor.mask)
    return [getattr(tensor, "mask", None) for tensor in tensors]


@contextlib.contextmanager
def own_scope_if_inside() -> Iterator[None]:
    """A mask is recorded like anything else, but not as one of the values of a module call that is under way."""
    if in_own_scope() or enclosing_call(is_symbolic) is not None:
        with own_scope():
            yield
    else:
        yield


def _constant(leaf: Any) -> Any:
    return torch.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf


def _states_its_shape(layer: Layer) -> bool:
    return not layer._infers_shape or getattr(layer, "compute_output_spec", None) is not None


def _waits_for_its_call(layer: Layer) -> bool:
    """Whether only the ``call`` of a layer of the user's builds the layers inside it: it has no ``build`` that would."""
    return not layer._is_builtin and type(layer).build.__module__.startswith("lamina.") and any(
        not getattr(part, "built", True) for part in layer.modules() if part is not layer)  # fmt: skip


def symbolic_outputs(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Fresh symbolic tensors for what the call would return: by the layer's own rule, or by running it without data."""
    args, kwargs = stand_ins(layer, args, kwargs)
    if layer._has_own_spec:
        return map_structure(_fresh, layer.compute_output_spec(*args, **kwargs))
    return _outputs_by_shape(layer, args, kwargs)


def output_spec(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``compute_output_spec`` of a layer that has none of its own."""
    args, kwargs = _first_argument_first(layer, args, kwargs)
    if not layer._built:
        build_for(layer, args, kwargs)
    return _outputs_by_shape(layer, *stand_ins(layer, args, kwargs))


def _outputs_by_shape(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    rule = layer.compute_output_shape
    if layer._infers_shape:
        try:
            return run_without_data(layer, args, kwargs)
        except Exception:
            if not layer._inherits_shape:
                raise
    shapes = rule(**shape_arguments(rule, layer, args, kwargs))
    dtype = _output_dtype(layer, args)
    return map_shapes(lambda shape: SymbolicTensor(shape, dtype), shapes)


def run_without_data(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The symbolic outputs of a ``call`` that states no shape rule.

    The body runs on the symbolic tensors themselves, which builds the layers inside; a body that needs real data (it
    leaves torch, or branches on values) is run on zeros.
    """
    moded = _with_mode(layer, args, kwargs)
    refused = count_of_refused()
    try:
        with own_scope(), own_weights_cast(layer):
            outputs = layer.forward(*args, **moded)
        if count_of_refused() > refused and _runs_users_code(layer):
            turn_to_arrays(layer, "call", "forward")
    except (TypeError, ValueError, AttributeError, RuntimeError, NotImplementedError) as symbolic_error:
        if _runs_users_code(layer) and asks_for_weights(symbolic_error, layer):
            return run_without_data(layer, args, kwargs)
        try:
            outputs = _run_on_zeros(layer, args, moded)
        except Exception as error:
            error.add_note(f"{who(layer)} was run on zeros to learn its output's shape, since running it without data "
                           f"failed: {symbolic_error}")  # fmt: skip
            raise
    return map_structure(_fresh, outputs)


def _run_on_zeros(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    def run(probe: int) -> Any:
        def concrete(leaf: Any) -> Any:
            if not isinstance(leaf, SymbolicTensor):
                return leaf
            sizes = [_REAL_SIZES[probe] if size is None else size for size in leaf.shape]
            return torch.zeros(sizes, dtype=leaf.dtype, device=home)

        home = home_of(layer)
        with torch.no_grad(), own_scope(), _surroundings(layer, (), None):
            return layer.forward(*map_structure(concrete, args), **map_structure(concrete, kwargs))

    second = iter(leaves(run(1)))
    return map_structure(lambda leaf: from_probes(leaf, next(second)), run(0))


def run_for_shape(layer: Layer, input_shape: Any) -> Any:
    """``compute_output_shape`` of a layer that states no rule."""
    inputs = map_shapes(lambda shape: SymbolicTensor(shape, layer.compute_dtype), as_shapes(input_shape))
    with own_scope():
        if not layer._built:
            build_for(layer, (inputs,), {})
        outputs = run_without_data(layer, (inputs,), {})
    return map_structure(lambda tensor: tensor.shape, outputs)


def run_for_shapes(layer: Layer, shapes: dict[str, Any]) -> None:
    """Run a ``call`` of several tensors without data, which builds the layers inside; ``shapes`` are by argument."""
    inputs = {name.removesuffix("_shape"): map_shapes(lambda shape: SymbolicTensor(shape, layer.compute_dtype), shape)
              for name, shape in shapes.items()}  # fmt: skip
    with own_scope():
        run_without_data(layer, (), inputs)


def _fresh(leaf: Any) -> Any:
    """A symbolic tensor of the same kind that belongs to no node yet."""
    return SymbolicTensor(leaf.shape, leaf.dtype) if isinstance(leaf, SymbolicTensor) else leaf


def _output_dtype(layer: Layer, args: tuple[Any, ...]) -> torch.dtype:
    """Layers that only move numbers keep integers; every other gives its compute type."""
    tensors = [leaf for leaf in leaves(args) if isinstance(leaf, (SymbolicTensor, torch.Tensor))]
    has_weights = next(tracking.parameters_of(layer), None) is not None
    if has_weights or not layer.takes_integers or not tensors or any(t.dtype.is_floating_point for t in tensors):
        return as_dtype(layer.compute_dtype)
    return tensors[0].dtype


# ---- building and shapes -------------------------------------------------------------------------------------------


@lasting
def build_for(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Build a layer for the inputs of its first call, where they are."""
    _check_arguments(layer, args, kwargs)
    tensor = next((leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)), None)
    check_input_spec(layer.input_spec, shapes_of(args[0]) if args else None, who(layer))
    with contextlib.ExitStack() as stack:
        where = config.asked_device() if tensor is None else tensor.device
        if where is not None and where != making_now():
            stack.enter_context(torch.device(where))
            layer._placed = True
        layer._away = accelerator_or_none(where)
        by_name = dict(zip(_positions(layer), args, strict=False)) | kwargs
        shapes = {f"{name}_shape": shapes_of(value) for name, value in by_name.items() if not name.endswith("mask")
                  and any(hasattr(leaf, "shape") for leaf in leaves(value))}  # fmt: skip
        build: Any = getattr(layer, "build_from_shapes", None)  # of models that their author wrote the call of
        if len(shapes) > 1 and build is not None:
            build(shapes)
        else:
            layer.build(**shape_arguments(layer.build, layer, args, kwargs))
    layer.built = True


def _check_arguments(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """A layer is built for tensors: refuse what has no shape, and a call without what ``call`` cannot do without."""
    for name in _positions(layer)[len(args) :]:
        needed = layer._call_parameters[name].default is inspect.Parameter.empty and name != "training"
        if needed and name not in kwargs:
            raise TypeError(f"{who(layer)} was called without {name!r}, which it needs.")
    if layer._is_builtin and args and not any(hasattr(leaf, "shape") for leaf in leaves(args[0])):
        got = "None, as a call that lacks its `return` gives" if args[0] is None else f"{args[0]!r:.80}"
        raise TypeError(f"{who(layer)} takes a tensor or an array, and got {got}.")


def shape_arguments(function: Any, layer: Layer, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What ``build`` or ``compute_output_shape`` is to be called with: the first input's shape, or one for each
    argument of ``call`` that has a parameter: ``query`` -> ``query_shape``. Another argument of ``call`` goes by its name."""
    parameters = parameters_of(getattr(function, "__func__", function))
    if not parameters:
        return {}
    given = dict(zip(_positions(layer), args, strict=False)) | kwargs
    if len(parameters) == 1 or not all(name.endswith("_shape") for name in parameters):
        more = {name: given[name] for name in parameters[1:] if name in given}
        return {parameters[0]: shapes_of(args[0]) if args else None} | more
    found = {name: shapes_of(given[name.removesuffix("_shape")]) for name in parameters
             if given.get(name.removesuffix("_shape")) is not None}  # fmt: skip
    return found or {parameters[0]: shapes_of(args[0])}


@functools.cache
def parameters_of(function: Any) -> list[str]:
    """The names of a method's parameters, without ``self`` (whatever it is called) and ``**kwargs``."""
    return [
        name
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]


def shapes_of(structure: Any) -> Any:
    """The shapes of the tensors in a structure; ``None`` for what is no tensor."""
    return map_structure(lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else None, structure)


def as_shapes(value: Any) -> Any:
    """Shapes as tuples, whatever held them: ``[None, 4]`` is a shape, ``[[None, 4], [None, 2]]`` two."""
    return map_shapes(tuple, value)


def shape_list(shapes: Any) -> list[tuple[Any, ...]]:
    """All shapes in a structure of them, ``None`` left out."""
    found: list[tuple[Any, ...]] = []
    map_shapes(found.append, shapes)
    return found


def map_shapes(function: Callable[[tuple[Any, ...]], Any], shapes: Any) -> Any:
    """``function`` applied to every shape in a structure of shapes; a word or a number among them stays."""
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    if not isinstance(shapes, (list, tuple)):
        return shapes
    if is_shape(shapes):
        return function(tuple(shapes))
    mapped = [map_shapes(function, value) for value in shapes]
    return tuple(mapped) if isinstance(shapes, tuple) else mapped


def input_shape_argument(kwargs: Any, class_name: str) -> tuple[Any, ...] | None:
    """The batch input shape that constructor arguments of any generation state; they are taken out of ``kwargs``."""
    batch_size = kwargs.pop("batch_size", None)
    full = [kwargs.pop(name) for name in ("batch_input_shape", "batch_shape") if name in kwargs]
    shape, dim = kwargs.pop("input_shape", None), kwargs.pop("input_dim", None)
    kwargs.pop("sparse", None)  # rows are written out as they come
    for ignored in ("dynamic", "ragged"):
        if kwargs.pop(ignored, False):
            raise ValueError(f"{class_name} was given {ignored}=True, which lamina does not support.")
    if full and full[0] is not None:
        return tuple(full[0])
    shape = (dim,) if shape is None and dim is not None else shape
    if shape is None:
        return None
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not is_shape(sizes) or any(size is not None and size < 0 for size in sizes):
        raise ValueError(
            f"The input_shape of {class_name} must be a tuple of sizes without the batch, and got {shape!r}."
        )
    return (batch_size, *sizes)
