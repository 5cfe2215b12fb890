"""Symbolic tensors: what stands for data while a model is being described.

``Input()`` gives a :class:`SymbolicTensor`: a shape, a dtype, and no data. Calling a layer, an operator, a tensor method
or any torch function on it computes nothing; it records a :class:`Node`. A model is later planned from those nodes.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from lamina.dtypes import as_dtype
from lamina.errors import describe
from lamina.graph.foreign import ModuleCall, enclosing_call, in_own_scope
from lamina.graph.nests import leaves, map_structure
from lamina.graph.shapes import TensorShape, check_shape
from lamina.tracebacks import shorten

Shape = tuple[int | None, ...]

# Unknown dimensions are found by running twice with two sizes: a dimension that follows the size is unknown. Both are
# rich in divisors, so that code which splits or folds an axis runs.
PROBE_SIZES = (24, 48)

# What is tried out on real numbers, where there are few: its results are no larger than all that goes in. On the meta
# device torch would first load its compiler, which takes a second and 75 MB.
_FEW = 2**20
_PLAIN = """
add radd sub rsub mul rmul div rdiv truediv rtruediv floordiv floor_divide mod remainder pow rpow neg abs square sign
eq ne lt le gt ge and or xor invert logical_and logical_or logical_not logical_xor not_equal less less_equal greater
greater_equal subtract multiply divide true_divide negative maximum minimum where clamp clip exp expm1 log log1p sqrt
rsqrt sin cos tan tanh sigmoid relu relu6 leaky_relu elu selu gelu silu softplus softsign hardtanh softmax log_softmax
any all sum mean amax amin max min var std argmax argmin prod cumsum norm cat concat concatenate stack cast
"""
_PLAIN_NAMES = frozenset(_PLAIN.split())


class Node:
    """One recorded call: what was called, with what, and the symbolic tensors that came out.

    Arguments:
        target: a module (layers are modules), a function, or the name of a tensor method.
        args, kwargs: as in the call; symbolic tensors anywhere inside.
        outputs: the symbolic tensor, or the structure of them, that the call returned.
        masks: of a model that gives masks beside its outputs, one for each leaf of those, or ``None``.
        found: the names of the masks among ``kwargs`` that nobody gave, and the layer found on its inputs.
        shows_found: whether Keras's node of the call has those, too.
    """

    def __init__(
        self,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        outputs: Any,
        masks: list[Any] | None = None,
        found: frozenset[str] = frozenset(),
        shows_found: bool = False,
    ) -> None:
        self.masks = masks or []
        self.found = found
        self.shows_found = shows_found
        self.target = target
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.inputs = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, SymbolicValue)]
        for index, leaf in enumerate(leaves(outputs)):
            if isinstance(leaf, SymbolicValue) and leaf.node is None:
                leaf.node, leaf.index = self, index
        for mask in self.masks:
            if mask is not None:
                mask.node = self

    # What Keras calls these.

    @property
    def operation(self) -> Any:
        """What was called."""
        return self.target

    layer = outbound_layer = operation

    @property
    def input_tensors(self) -> list[Any]:
        """The symbolic tensors that went in."""
        return [value for value in self.inputs if isinstance(value, SymbolicTensor)]

    @property
    def output_tensors(self) -> list[Any]:
        """The symbolic tensors that came out."""
        return leaves(self.outputs)

    @property
    def input_shapes(self) -> Any:
        """The shapes of what went in: a list, or for one tensor its own."""
        return _of_each(self.input_tensors, lambda tensor: tensor.shape)

    @property
    def output_shapes(self) -> Any:
        """The shapes of what came out: a list, or for one tensor its own."""
        return _of_each(self.output_tensors, lambda tensor: tensor.shape)

    @property
    def node_indices(self) -> Any:
        """Of each tensor that went in: the how-manieth call of its layer it came from."""
        return _of_each(self.input_tensors, lambda tensor: tensor._keras_history.node_index)

    @property
    def tensor_indices(self) -> Any:
        """Of each tensor that went in: its place in what that call returned."""
        return _of_each(self.input_tensors, lambda tensor: tensor._keras_history.tensor_index)

    @property
    def is_input(self) -> bool:
        """Whether nothing went in: the call stands for what a model is given."""
        return not self.inputs

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made what went in."""
        return list({id(value.node): value.node for value in self.inputs if value.node is not None}.values())

    @property
    def inbound_layers(self) -> Any:
        """The layers that made what went in: a list, or for one tensor the one."""
        made = [tensor for tensor in self.input_tensors if tensor.node is not None]
        return _of_each(made, lambda tensor: tensor.node.target)

    def __repr__(self) -> str:
        name = getattr(self.target, "name", None) or getattr(self.target, "__name__", self.target)
        return f"<Node {name}>"


def _of_each(tensors: list[Any], what: Callable[[Any], Any]) -> Any:
    found = [what(tensor) for tensor in tensors]
    return found[0] if len(found) == 1 else found


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: what was called, the how-manieth call of it that was, and the place in its
    outputs."""

    operation: Any
    node_index: int
    tensor_index: int


class Call:
    """A call of a function that recorded several nodes: a plan runs those, a file names the function.

    Arguments:
        function: what was called.
        args, kwargs: as in the call; symbolic tensors anywhere inside.
        outputs: what it returned.
    """

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.function = function
        # Copies of the lists, which the caller may go on to fill.
        self.args, self.kwargs, self.outputs = map_structure(lambda leaf: leaf, (args, kwargs, outputs))
        given = {id(leaf) for leaf in leaves((args, kwargs))}
        for leaf in leaves(outputs):
            node = leaf.node if isinstance(leaf, SymbolicTensor) and id(leaf) not in given else None
            if node is not None and not isinstance(node.target, torch.nn.Module):
                leaf.call = self


class SymbolicValue:
    """Something a recorded call returned: a tensor or, from ``x.size(0)``, one of its dimensions."""

    node: Node | None = None
    index: int = 0
    call: Call | None = None


class SymbolicDim(SymbolicValue):
    """A dimension that is known only when data comes, as ``x.size(0)`` gives it.

    Arguments:
        sizes: what it is when the unknown dimensions of the inputs are each of ``PROBE_SIZES``.
    """

    def __init__(self, sizes: tuple[int, int]) -> None:
        self.sizes = sizes


class SymbolicTensor(SymbolicValue):
    """A tensor without data: ``shape`` (``None`` where unknown) and ``dtype``.

    Arguments:
        shape: with the batch.
        dtype: ``floatx`` by default.
        sparse, ragged: what Keras says of a tensor; lamina computes with neither.
        record_history: is taken, and changes nothing.
        name: what messages and plans call it.
        sizes: both probe shapes, see :attr:`sizes`.

    Operators, indexing, tensor methods and torch functions work on it and return symbolic tensors.

    >>> x = SymbolicTensor((None, 4), "float32")
    >>> (x * 2 + 1).shape, torch.relu(x).shape, x[:, 0].shape, x.mean(dim=1).shape
    ((None, 4), (None, 4), (None,), (None,))
    """

    # NumPy arrays leave operators with a symbolic tensor to us.
    __array_ufunc__ = None
    ragged_rank = None
    row_splits_dtype = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        *,
        sizes: Any = None,
    ) -> None:
        if sparse and ragged:
            raise ValueError("A symbolic tensor can't be sparse and ragged at once.")
        self.sparse, self.ragged, self.record_history = bool(sparse), bool(ragged), record_history
        self.shape: Shape = TensorShape.of(shape)
        self.dtype = as_dtype(dtype)
        self.name = name
        self.mask: SymbolicTensor | None = None
        self.optional = False
        self._sizes: tuple[tuple[int, ...], tuple[int, ...]] | None = sizes

    @property
    def _keras_history(self) -> KerasHistory:
        """Keras's name for where the tensor comes from."""
        if self.node is None:
            return KerasHistory(None, 0, 0)
        calls = getattr(self.node.target, "_nodes", [])
        place = next((place for place, node in enumerate(calls) if node is self.node), 0)
        return KerasHistory(self.node.target, place, self.index)

    @property
    def _keras_mask(self) -> Any:
        """The mask, under the name by which Keras keeps it on any tensor."""
        return self.mask

    @_keras_mask.setter
    def _keras_mask(self, mask: Any) -> None:
        self.mask = mask

    @property
    def ndim(self) -> int:
        return len(self.shape)

    # The words of TensorFlow.

    def get_shape(self) -> TensorShape:
        return cast(TensorShape, self.shape)

    def set_shape(self, shape: Any) -> None:
        check_shape(self.shape, shape)

    @property
    def _keras_shape(self) -> Shape:
        return self.shape

    @property
    def device(self) -> torch.device:
        return torch.device("meta")

    @property
    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The concrete shapes when every unknown dimension of the inputs is the first, or the second, probe size."""
        if self._sizes is None:
            self._sizes = _layer_sizes(self) or (substitute(self.shape, 0), substitute(self.shape, 1))
        return self._sizes

    def dim(self) -> int:
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        if dim is None:
            return tuple(self.size(axis) for axis in range(self.ndim))
        known = self.shape[dim]
        if known is not None:
            return known
        module_call = enclosing_call(is_symbolic)
        if module_call is not None:
            return self.sizes[module_call.probe][dim]
        result = SymbolicDim((self.sizes[0][dim], self.sizes[1][dim]))
        Node("size", (self, dim), {}, result)
        return result

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"The length of {self!r} is not known before data comes.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no data yet, so Python can't branch on it. Use torch.where, or write a layer "
                        "whose call() branches on real data.")  # fmt: skip

    def __float__(self) -> float:
        raise TypeError(f"{self!r} has no data yet, so it has no value as a Python number.")

    __int__ = __index__ = __float__  # pyright: ignore[reportAssignmentType]

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self!r} has no data yet, so NumPy can't read it. Build a model and call it on data.")

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"<SymbolicTensor shape={self.shape}, dtype={str(self.dtype).removeprefix('torch.')}{name}>"

    def __getitem__(self, index: Any) -> SymbolicTensor:
        return record(get_item if goes_backwards(index) else operator.getitem, (self, index), {})

    # `==` says whether two are the same one, as in Keras, so that they can be looked for in lists, sets and dicts; beside
    # a number or data, which no symbolic tensor is, and where a function of tensors is run without data, it compares.
    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        return record(torch.eq, (self, other), {}) if self._compares_with(other) else self is other

    def __ne__(self, other: Any) -> Any:
        if isinstance(other, SymbolicTensor) or self._compares_with(other):
            return record(torch.ne, (self, other), {})
        return self is not other

    def _compares_with(self, other: Any) -> bool:
        if isinstance(other, SymbolicTensor):
            return other is not self and in_own_scope()
        return isinstance(other, (int, float, complex, np.ndarray, np.generic, torch.Tensor))

    def __round__(self, ndigits: int | None = None) -> SymbolicTensor:
        return record(torch.round, (self,), {"decimals": ndigits or 0})

    def __divmod__(self, other: Any) -> tuple[SymbolicTensor, SymbolicTensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[SymbolicTensor, SymbolicTensor]:
        return other // self, other % self

    def __invert__(self) -> SymbolicTensor:
        return record(torch.logical_not if self.dtype is torch.bool else operator.invert, (self,), {})

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(torch.Tensor, name, None) if not name.startswith("_") else None
        if attribute is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if not callable(attribute):  # a property such as .T
            return record(getattr, (self, name), {})
        return lambda *args, **kwargs: record(name, (self, *args), kwargs)

    @classmethod
    def __torch_function__(cls, func: Any, types_: Any, args: Any = (), kwargs: Any = None) -> Any:
        if isinstance(func, (types.MethodDescriptorType, types.WrapperDescriptorType)):
            func = func.__name__  # torch.Tensor.add -> "add"
        elif func.__name__ == "__get__":  # a property such as torch.Tensor.T
            return getattr(args[0], func.__self__.__name__)
        return record(func, tuple(args), kwargs or {})


# The name that Keras 3 gives symbolic tensors.
KerasTensor = SymbolicTensor


def goes_backwards(index: Any) -> bool:
    """Whether a slice in an index has a negative step, which torch does not know."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, slice) and isinstance(part.step, int) and part.step < 0 for part in parts)


def get_item(x: Any, index: Any) -> Any:
    """``x[index]``, where slices may go backwards: ``x[:, ::-1]``.

    >>> get_item(torch.arange(5), slice(None, None, -2))
    tensor([4, 2, 0])
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    takes = [0 if part is None else part.ndim if getattr(part, "dtype", None) is torch.bool else 1 for part in parts]
    if any(part is ... for part in parts):  # it stands for the axes that nothing else takes
        place = next(number for number, part in enumerate(parts) if part is ...)
        takes[place] = x.ndim - (sum(takes) - 1)
    for number, part in enumerate(parts):
        if isinstance(part, slice) and part.step is not None and part.step < 0:
            axis = sum(takes[:number])
            last = x.shape[axis] - 1
            begin, end, step = part.indices(last + 1)
            x, parts[number] = x.flip(axis), slice(last - begin, max(last - end, 0), -step)
    return x[tuple(parts)]


def _binary(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Any, other: Any) -> Any:
        return record(function, (self, other), {})

    def reflected(self: Any, other: Any) -> Any:
        return record(function, (other, self), {})

    return forward, reflected


def _of_bits(
    of_bits: Callable[..., Any], of_truth: Callable[..., Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``&``, ``|`` or ``^``: of truth values by the function that Keras has for it."""

    def apply(first: Any, second: Any) -> Any:
        are_truths = all(_is_truth(one) for one in (first, second))
        return record(of_truth if are_truths else of_bits, tuple(map(_truth, (first, second))), {})

    return apply, lambda self, other: apply(other, self)


def _is_truth(x: Any) -> bool:
    return isinstance(x, bool) or (hasattr(x, "dtype") and x.dtype in (torch.bool, np.bool_))


def _truth(x: Any) -> Any:
    return torch.tensor(x) if isinstance(x, bool) else x


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: record(function, (self,), {})


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _forward, _reflected = _binary(getattr(operator, _name))
    setattr(SymbolicTensor, f"__{_name}__", _forward)
    setattr(SymbolicTensor, f"__r{_name}__", _reflected)
for _name, _of_truth in (("and", torch.logical_and), ("or", torch.logical_or), ("xor", torch.logical_xor)):
    _forward, _reflected = _of_bits(getattr(operator, f"{_name}_" if _name != "xor" else _name), _of_truth)
    setattr(SymbolicTensor, f"__{_name}__", _forward)
    setattr(SymbolicTensor, f"__r{_name}__", _reflected)
for _name in ("lt", "le", "gt", "ge"):
    setattr(SymbolicTensor, f"__{_name}__", _binary(getattr(operator, _name))[0])
for _name in ("neg", "abs"):
    setattr(SymbolicTensor, f"__{_name}__", _unary(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _forward, _reflected = _binary(getattr(operator, _name))
    setattr(SymbolicDim, f"__{_name}__", _forward)
    setattr(SymbolicDim, f"__r{_name}__", _reflected)


# ---- structures ----------------------------------------------------------------------------------------------------


def is_symbolic(structure: Any) -> bool:
    """Whether a symbolic tensor (or dimension) is anywhere inside ``structure``."""
    if isinstance(structure, (list, tuple)):
        return any(is_symbolic(item) for item in structure)
    if isinstance(structure, dict):
        return any(is_symbolic(item) for item in structure.values())
    if isinstance(structure, slice):
        return any(is_symbolic(part) for part in (structure.start, structure.stop, structure.step))
    return isinstance(structure, SymbolicValue)


def substitute(shape: Shape, probe: int) -> tuple[int, ...]:
    """``shape`` with every unknown dimension set to a probe size."""
    return tuple(PROBE_SIZES[probe] if size is None else size for size in shape)


# ---- recording -----------------------------------------------------------------------------------------------------


# How often something was recorded that torch's own tensors refuse: an array beside one, a slice that goes backwards.
_refused = 0


def count_of_refused() -> int:
    """How often something was recorded that torch's own tensors would refuse."""
    return _refused


def _note_refused(target: Any, args: tuple[Any, ...]) -> None:
    global _refused
    is_operator = getattr(target, "__module__", None) == "_operator" or target in (torch.eq, torch.ne)
    if (is_operator and any(isinstance(leaf, np.ndarray) for leaf in args)) or target in (get_item, torch.round):
        _refused += 1


def record(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of a function or tensor method on symbolic tensors; returns its symbolic outputs.

    Raises:
        TypeError: for an in-place method, which a recorded graph can't hold.
        ValueError: when the function refuses the shapes; torch's own reason is given.
    """
    if isinstance(target, str) and target.endswith("_") and not target.endswith("__"):
        raise TypeError(f"{target}() works in place, which can't be recorded on a symbolic tensor; "
                        f"use {target.rstrip('_')}().")  # fmt: skip
    _note_refused(target, args)
    args, kwargs = map_structure(_from_numpy, _fill_unknown(target, args)), map_structure(_from_numpy, kwargs)
    module_call = enclosing_call(is_symbolic)
    if module_call is not None:
        return module_call.next_value(lambda probe: _infer_once(target, args, kwargs, probe), join_runs)
    try:
        outputs = _infer(target, args, kwargs)
    except Exception as error:
        shorten(error)
        raise
    Node(target, args, kwargs, outputs)
    return outputs


def _from_numpy(leaf: Any) -> Any:
    """NumPy makes float64 of everything; among symbolic tensors its numbers are of the program's type, as in Keras."""
    if not isinstance(leaf, (np.ndarray, np.generic)):
        return leaf
    tensor = torch.as_tensor(leaf)
    return tensor.to(as_dtype(None)) if tensor.dtype is torch.float64 else tensor


def _fill_unknown(target: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """``x.view(x.shape[0], -1)``: a ``None`` that came from a shape means the one unknown dimension of ``x``."""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    if name not in ("view", "reshape", "expand", "broadcast_to") or not isinstance(args[0], SymbolicTensor):
        return args
    unknown = [axis for axis, size in enumerate(args[0].shape) if size is None]
    if len(unknown) != 1:
        return args
    return map_structure(lambda leaf: args[0].size(unknown[0]) if leaf is None else leaf, args)


def call_target(target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function, a module, or the method of the first argument that a string names."""
    return getattr(args[0], target)(*args[1:], **kwargs) if isinstance(target, str) else target(*args, **kwargs)


def _infer(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The symbolic outputs of a call, from trying it out once per probe size."""
    first, second = (_try_out(target, args, kwargs, probe) for probe in (0, 1))
    second_leaves = iter(leaves(second))
    return map_structure(lambda leaf: from_probes(leaf, next(second_leaves)), first)


def _infer_once(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], probe: int) -> Any:
    """The outputs of a call for one probe size, as symbolic tensors of that size."""

    def symbolic(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return SymbolicTensor(tuple(leaf.shape), leaf.dtype, sizes=(tuple(leaf.shape), tuple(leaf.shape)))

    return map_structure(symbolic, _try_out(target, args, kwargs, probe))


def join_runs(call: ModuleCall) -> list[Any]:
    """Record the node of a module's call from two runs of it with different sizes; returns what the runs made, as one."""
    (made, outputs), (made_of_second, _) = call.runs
    if len(made) != len(made_of_second):
        raise ValueError(f"{type(call.module).__name__} computes one thing for some sizes of its inputs and another for "
                         "others, which can't be recorded as one call. Put it in a Layer.")  # fmt: skip
    seconds = iter(leaves(made_of_second))
    joined: dict[int, Any] = {}

    def join(leaf: Any) -> Any:
        second = next(seconds)
        if not isinstance(leaf, SymbolicTensor):
            return leaf
        sizes = leaf.sizes[0], second.sizes[1]
        shape = tuple(a if a == b else None for a, b in zip(*sizes, strict=True))
        return joined.setdefault(id(leaf), SymbolicTensor(shape, leaf.dtype, sizes=sizes))

    values = [map_structure(join, value) for value in made]
    Node(call.module, call.args, call.kwargs, map_structure(lambda leaf: joined.get(id(leaf), leaf), outputs))
    return values


def _is_plain(target: Any, args: Any, kwargs: Any, probe: int) -> bool:
    """Whether a call is arithmetic on few numbers."""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    if name.strip("_") not in _PLAIN_NAMES:
        return False
    tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, (SymbolicTensor, torch.Tensor))]
    sizes = [tuple(one.sizes[probe]) if isinstance(one, SymbolicTensor) else tuple(one.shape) for one in tensors]
    aligned = itertools.zip_longest(*(reversed(size) for size in sizes), fillvalue=1)
    return max(sum(map(math.prod, sizes)), math.prod(map(max, aligned))) <= _FEW


def _try_out(target: Any, args: Any, kwargs: Any, probe: int) -> Any:
    def concrete(leaf: Any, device: str) -> Any:
        if isinstance(leaf, SymbolicTensor):
            return torch.ones(leaf.sizes[probe], dtype=leaf.dtype, device=device)
        if isinstance(leaf, SymbolicDim):
            return leaf.sizes[probe]
        return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf

    def run(device: str) -> Any:
        on_device = functools.partial(concrete, device=device)
        with torch.no_grad():
            return call_target(target, map_structure(on_device, args), map_structure(on_device, kwargs))

    try:
        try:
            return run("cpu" if _is_plain(target, args, kwargs, probe) else "meta")
        except NotImplementedError:  # the shape depends on numbers, such as those of a boolean index
            return run("cpu")
    except (RuntimeError, IndexError) as error:
        name = target if isinstance(target, str) else getattr(target, "__name__", repr(target))
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{name} can't be applied to {describe(list(args))}: {reason}") from None


def from_probes(first: Any, second: Any) -> Any:
    """A symbolic value from what a call returned under the two probe sizes."""
    if isinstance(first, torch.Tensor):
        shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
        return SymbolicTensor(shape, first.dtype, sizes=(tuple(first.shape), tuple(second.shape)))
    if isinstance(first, int) and not isinstance(first, bool) and first != second:
        return SymbolicDim((first, second))
    return first


def _layer_sizes(tensor: SymbolicTensor) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Both probe shapes of a layer's output, by the layer's own shape rule; ``None`` where it has no simple one."""
    node = tensor.node
    rule = getattr(node.target, "compute_output_shape", None) if node is not None else None
    if rule is None or node is None or len(node.inputs) != 1 or not isinstance(node.outputs, SymbolicTensor):
        return None
    source = node.inputs[0]
    if not isinstance(source, SymbolicTensor) or all(size is not None for size in tensor.shape[1:]):
        return None  # only the batch is unknown, which substitution gets right
    return tuple(rule(source.sizes[0])), tuple(rule(source.sizes[1]))
