"""From a recorded graph to code: the order of calls is decided once, and the forward pass is flat, readable Python.

``Plan(inputs, outputs)`` walks the nodes that lead to the outputs, numbers every value, and keeps a list of steps that
hold no symbolic tensors, so that a model can be copied and pickled. ``emit`` writes the steps as a ``torch.fx.Graph``.
"""

from __future__ import annotations

import keyword
import operator
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import fx

from lamina.graph.order import GraphOrder, is_input, is_shown
from lamina.graph.symbolic import Call, Node, SymbolicTensor, SymbolicValue, leaves, map_structure
from lamina.naming import automatic_base


@dataclass(frozen=True)
class Value:
    """A place in the plan's list of values: what a step takes or gives."""

    index: int


@dataclass
class Step:
    """One call. ``kind`` is fx's word for it: ``call_module``, ``call_function`` or ``call_method``. ``masks`` are what a
    model gives beside its outputs, one for each leaf of those. ``found`` names the masks among ``kwargs`` that nobody gave:
    the layer found them on its inputs; ``hidden`` those that Keras's graph does not have."""

    kind: str
    target: Any
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any
    masks: tuple[Any, ...] = ()
    found: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Constant:
    """A tensor or object that the description used as it was; the model owns it under this attribute."""

    attribute: str


# What generated code can spell. Anything else is kept beside it: tensors, arrays, seed generators.
_SPELLED = (type(None), type(...), bool, int, float, complex, str, torch.dtype, torch.device, torch.memory_format)


class Plan:
    """The steps from ``inputs`` to ``outputs``.

    Arguments:
        inputs: symbolic tensors, in the order that ``forward`` takes them.
        outputs: a structure of symbolic tensors.
        keys_of: gives the attributes under which the model is to own modules; by default :func:`module_keys`.
        aside: symbolic tensors that are computed at each call, and not given out: a model's added losses.

    Attributes:
        modules: attribute name -> module, in the order in which Keras lists a model's layers.
        constants: attribute name -> tensor, or other object that code can't spell.
        stated_outputs: the structure of the outputs' values.
        outputs: what a run returns: the same but, as in Keras, what is alone in a list is returned without the list.
        masks: for each leaf of ``outputs``, the value of its mask, or ``None``.
        calls: the number of a value -> the function's call that it came of, where that made several steps.
    """

    def __init__(
        self,
        inputs: list[SymbolicTensor],
        outputs: Any,
        keys_of: Callable[[list[torch.nn.Module]], list[str]] | None = None,
        aside: Sequence[Any] = (),
    ) -> None:
        self._numbers: dict[int, int] = {}
        self.values: list[tuple[Any, Any]] = []  # (shape, dtype) of every value
        self.modules: dict[str, torch.nn.Module] = {}
        self.constants: dict[str, Any] = {}
        self.inputs = [self._number(tensor) for tensor in inputs]
        output_leaves = leaves(outputs)
        mask_tensors = [getattr(leaf, "mask", None) for leaf in output_leaves]
        order = GraphOrder(inputs, output_leaves, mask_tensors, aside)
        keys = keys_of(order.modules) if keys_of is not None else module_keys(order.modules, lambda _: False)
        self.modules.update(zip(keys, order.modules, strict=True))
        self._keys = {id(module): key for key, module in self.modules.items()}
        self.input_names = [self._input_name(tensor, f"input_{i}") for i, tensor in enumerate(inputs)]
        self.steps = [self._step(node) for node in order.nodes]
        self.stated_outputs = map_structure(self._reference, outputs)
        self.outputs = without_list_of_one(self.stated_outputs)
        self.masks = [None if mask is None else self._reference(mask) for mask in mask_tensors]
        self.aside = [self._reference(tensor) for tensor in aside]
        self.calls = self._calls(order.nodes)
        self._numbers, self._keys = {}, {}  # they name live tensors and modules by id, so they end here

    def rename(self, key: str, new: str) -> None:
        """Have a module under another attribute."""
        self.modules = {new if one == key else one: module for one, module in self.modules.items()}
        for step in self.steps:
            if step.kind == "call_module" and step.target == key:
                step.target = step.name = new

    # -- numbering --

    def _number(self, tensor: SymbolicValue) -> Value:
        index = self._numbers.get(id(tensor))
        if index is None:
            index = self._numbers[id(tensor)] = len(self.values)
            self.values.append((getattr(tensor, "shape", ()), getattr(tensor, "dtype", None)))
        return Value(index)

    def _reference(self, leaf: Any) -> Any:
        if isinstance(leaf, SymbolicValue):
            return self._number(leaf)
        if type(leaf) not in _SPELLED:  # a subclass has a spelling of its own
            for name, constant in self.constants.items():
                if constant is leaf:
                    return Constant(name)
            name = f"constant_{len(self.constants)}"
            self.constants[name] = leaf
            return Constant(name)
        return leaf

    def _input_name(self, tensor: SymbolicTensor, otherwise: str) -> str:
        """What generated code calls an input: as its layer, whose automatic name has a number of the process."""
        key = self._keys.get(id(tensor.node.target)) if tensor.node is not None and is_input(tensor.node) else None
        return key or identifier(tensor.name or otherwise)

    def _step(self, node: Node) -> Step:
        args, kwargs = map_structure(self._reference, node.args), map_structure(self._reference, node.kwargs)
        outputs = map_structure(self._reference, node.outputs)
        if isinstance(node.target, torch.nn.Module):
            key = self._keys[id(node.target)]
            hidden = frozenset(name for name in node.found if not is_shown(node, name))
            masks = tuple(map(self._reference, node.masks))
            if isinstance(getattr(node.target, "_plan", None), Plan):
                outputs = without_list_of_one(outputs)
            return Step("call_module", key, key, args, kwargs, outputs, masks, node.found, hidden)
        if isinstance(node.target, str):
            return Step("call_method", node.target, node.target, args, kwargs, outputs)
        return Step("call_function", node.target, identifier(node.target.__name__), args, kwargs, outputs)

    def _calls(self, nodes: list[Node]) -> dict[int, Step]:
        found: dict[int, Step] = {}
        steps: dict[int, Step | None] = {}
        for node in nodes:
            for leaf in leaves(node.outputs):
                call = leaf.call if isinstance(leaf, SymbolicValue) else None
                if call is None:
                    continue
                if id(call) not in steps:
                    steps[id(call)] = self._step_of_call(call)
                step = steps[id(call)]
                if step is not None:
                    found[self._numbers[id(leaf)]] = step
        return found

    def _step_of_call(self, call: Call) -> Step | None:
        """``None`` when an argument is no value of the plan: only its shape was asked for."""
        given = leaves((call.args, call.kwargs))
        if any(isinstance(leaf, SymbolicValue) and id(leaf) not in self._numbers for leaf in given):
            return None
        owned = {id(constant): Constant(name) for name, constant in self.constants.items()}

        def reference(leaf: Any) -> Any:
            if isinstance(leaf, SymbolicValue):  # a result that the plan does not need has no number
                return Value(self._numbers[id(leaf)]) if id(leaf) in self._numbers else None
            return owned.get(id(leaf), leaf)

        args, kwargs, outputs = map_structure(reference, (call.args, call.kwargs, call.outputs))
        return Step("call_function", call.function, call.function.__name__, args, kwargs, outputs)

    def convert(self, function: Callable[[torch.dtype], torch.dtype]) -> None:
        """Give the values new types: those that ``function`` makes of the old ones."""
        new = {dtype: function(dtype) for dtype in {dtype for _, dtype in self.values if dtype is not None}}
        self.values = [(shape, new.get(dtype)) for shape, dtype in self.values]

    # -- emitting --

    def emit(
        self,
        outputs: Any = None,
        without_activation: frozenset[int] = frozenset(),
        direct: Mapping[int, Callable[..., Any]] = MappingProxyType({}),
        aside: bool = True,
    ) -> fx.Graph:
        """The steps that ``outputs`` (values of this plan; by default its own) need, and with ``aside`` those that the
        plan's own does, as an ``fx.Graph``.

        ``without_activation`` names steps whose layer is to stop before its activation: the loss wants logits.
        ``direct`` has the functions that are called in a step's place.
        """
        outputs = self.outputs if outputs is None else outputs
        graph = fx.Graph()
        made: dict[int, fx.Node] = {}
        needed, wanted = self._needed((outputs, self.aside if aside else ()))
        for value, name in zip(self.inputs, self.input_names, strict=True):
            made[value.index] = graph.placeholder(name)

        def node_of(leaf: Any) -> Any:
            if isinstance(leaf, Value):
                return made[leaf.index]
            if isinstance(leaf, Constant):
                return graph.get_attr(leaf.attribute)
            return leaf

        for number in needed:
            step = self.steps[number]
            args, kwargs = map_structure(node_of, step.args), map_structure(node_of, step.kwargs)
            if number in without_activation:
                layer = graph.get_attr(step.target)
                node = graph.create_node("call_method", "pre_activation", (layer, *args), kwargs, f"{step.name}_logits")
            elif number in direct:
                node = graph.call_function(direct[number], args, kwargs)
            elif any(isinstance(mask, Value) and mask.index in wanted for mask in step.masks):
                layer = graph.get_attr(step.target)
                pair = graph.create_node(
                    "call_method", "call_with_masks", (layer, *args), kwargs, f"{step.name}_masked"
                )
                _bind(graph, step.masks, graph.call_function(operator.getitem, (pair, 1)), made)
                node = graph.call_function(operator.getitem, (pair, 0))
            else:
                node = graph.create_node(step.kind, step.target, args, kwargs, step.name)
            _bind(graph, step.outputs, node, made)
        graph.output(map_structure(node_of, outputs))
        for node in reversed(graph.nodes):
            if node.target is operator.getitem and not node.users:  # an output of several that nothing asks for
                graph.erase_node(node)
        return graph

    def needed(self, outputs: Any) -> list[int]:
        """The numbers of the steps that ``outputs`` depend on, in order."""
        return self._needed(outputs)[0]

    def _needed(self, outputs: Any) -> tuple[list[int], set[int]]:
        """:meth:`needed`, and the numbers of all values on the way."""
        wanted = {leaf.index for leaf in leaves(outputs) if isinstance(leaf, Value)}
        needed: list[int] = []
        for number in reversed(range(len(self.steps))):
            step = self.steps[number]
            if any(leaf.index in wanted for leaf in leaves((step.outputs, step.masks)) if isinstance(leaf, Value)):
                needed.append(number)
                wanted.update(leaf.index for leaf in leaves((step.args, step.kwargs)) if isinstance(leaf, Value))
        return needed[::-1], wanted

    def step_of(self, value: Any) -> int | None:
        """The number of the step whose only output is ``value``."""
        return next((number for number, step in enumerate(self.steps) if step.outputs == value), None)

    def code(self) -> str:
        """The generated forward, with the shape of each value at its line's end."""
        graph = self.emit()
        needed = self.needed((self.outputs, self.aside))
        source = graph.python_code("self").src
        source = re.sub(r";  \w+ = None.*$|;  (?:\w+ = )+None.*$", "", source, flags=re.M).strip("\n")
        source = re.sub(r"\bEllipsis\b", "...", source)
        source = re.sub(r"(= \w+)\[\((.+)\)\]$", r"\1[\2]", source, flags=re.M)
        source = re.sub(r"slice\((\w+), (\w+), (\w+)\)", _slice_text, source)
        shapes = [self._shape_comment(self.steps[number].outputs) for number in needed]
        lines = source.split("\n")
        calls = [i for i, line in enumerate(lines) if " = " in line and "= self.constant_" not in line
                 and not re.search(r"= self\.\w+$", line) and not re.match(r"\s+getitem\w* = \w+\[\d+\]$", line)]  # fmt: skip
        if len(calls) == len(shapes):
            width = max((len(lines[i]) for i in calls), default=0)
            for i, shape in zip(calls, shapes, strict=True):
                lines[i] = f"{lines[i]:{width}}  # {shape}" if shape else lines[i]
        return "\n".join(lines).strip() + "\n"

    def _shape_comment(self, outputs: Any) -> str:
        shapes = [str(tuple(self.values[leaf.index][0])) for leaf in leaves(outputs) if isinstance(leaf, Value)]
        return ", ".join(shapes)

    # -- back to symbols --

    def replay(self, module: torch.nn.Module, inputs: list[SymbolicTensor]) -> Callable[[Any], Any]:
        """Record the steps again on new symbolic inputs, with the modules and constants that ``module`` owns.

        Returns a function from a structure of this plan's values to the same structure of symbolic tensors.
        """
        made: dict[int, Any] = {value.index: tensor for value, tensor in zip(self.inputs, inputs, strict=True)}

        def tensor_of(leaf: Any) -> Any:
            if isinstance(leaf, Constant):
                return getattr(module, leaf.attribute)
            return made[leaf.index] if isinstance(leaf, Value) else leaf

        for step in self.steps:
            # Masks that a layer found it finds again.
            kwargs = {name: value for name, value in step.kwargs.items() if name not in step.found}
            args, kwargs = map_structure(tensor_of, step.args), map_structure(tensor_of, kwargs)
            target = step.target
            if step.kind == "call_module":
                outputs = getattr(module, target)(*args, **kwargs)
            elif step.kind == "call_method":
                outputs = getattr(args[0], target)(*args[1:], **kwargs)
            else:
                outputs = target(*args, **kwargs)
            for value, tensor in zip(leaves(step.outputs), leaves(outputs), strict=True):
                if isinstance(value, Value):
                    made[value.index] = tensor
            for mask, tensor in zip(step.masks, leaves(outputs), strict=bool(step.masks)):
                if isinstance(mask, Value):
                    made[mask.index] = tensor.mask
        for step in {id(step): step for step in self.calls.values()}.values():
            Call(step.target, *map_structure(tensor_of, (step.args, step.kwargs, step.outputs)))
        return lambda structure: map_structure(tensor_of, structure)


def without_list_of_one(structure: Any) -> Any:
    """``structure``, or what is alone in it.

    >>> without_list_of_one([1]), without_list_of_one([1, 2]), without_list_of_one({"a": 1})
    (1, [1, 2], {'a': 1})
    """
    return structure[0] if isinstance(structure, (list, tuple)) and len(structure) == 1 else structure


def compile_graph(graph: fx.Graph) -> Callable[..., Any]:
    """The function ``forward(self, *inputs)`` that a graph's generated code defines."""
    code = graph.python_code("self")
    namespace = dict(code.globals)
    exec(compile(code.src, "<lamina plan>", "exec"), namespace)
    return namespace["forward"]


def _bind(graph: fx.Graph, outputs: Any, node: fx.Node, made: dict[int, fx.Node]) -> None:
    """Enter the node of every value inside a call's outputs: ``node`` itself, or ``node[0]``, ``node["key"]``, ..."""
    if isinstance(outputs, Value):
        made[outputs.index] = node
        return
    items = outputs.items() if isinstance(outputs, dict) else enumerate(outputs if _is_list(outputs) else ())
    for key, item in items:
        if any(isinstance(leaf, Value) for leaf in leaves(item)):
            _bind(graph, item, graph.call_function(operator.getitem, (node, key)), made)


def _slice_text(match: re.Match[str]) -> str:
    """``slice(None, 4, None)`` as it is written inside brackets: ``:4``."""
    start, stop, step = ("" if part == "None" else part for part in match.groups())
    return f"{start}:{stop}:{step}".removesuffix(":") if not step else f"{start}:{stop}:{step}"


def _is_list(structure: Any) -> bool:
    return isinstance(structure, (list, tuple))


def identifier(name: str) -> str:
    """``name`` as Python can spell it."""
    name = re.sub(r"\W", "_", name)
    return f"_{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name


def module_keys(
    modules: Sequence[torch.nn.Module],
    reserved: Callable[[str], bool],
    taken: Collection[str] = (),
    counts: Counter[str] | None = None,
) -> list[str]:
    """The attributes under which a model owns modules, from which the keys of a ``state_dict`` are made.

    A name that somebody gave is the key, where Python and the model allow it. Any other module goes by its class and its
    place among those of the model (``dense``, ``dense_1``), since an automatic name counts the layers of the whole process.
    ``counts`` has the numbers to go on from when modules come one at a time.
    """
    bases = [key_base(module) for module in modules]
    keys: dict[int, str] = {}
    used: set[str] = set()
    counts = Counter() if counts is None else counts
    for place in sorted(range(len(modules)), key=lambda place: not bases[place][1]):  # names that were given come first
        base = bases[place][0]
        while (key := _numbered(base, counts[base], reserved)) in used or key in taken:
            counts[base] += 1
        used.add(key)
        keys[place] = key
    return [keys[place] for place in range(len(modules))]


def key_base(module: torch.nn.Module) -> tuple[str, bool]:
    """What a module's key begins with, and whether that is a name which somebody gave it."""
    name = getattr(module, "name", None)
    if not isinstance(name, str) or not name:
        return identifier(type(module).__name__.lower()), False
    automatic = automatic_base(name, getattr(module, "_keras_class_name", type(module).__name__))
    return identifier(automatic or name), automatic is None


def _numbered(base: str, number: int, reserved: Callable[[str], bool]) -> str:
    key = f"{base}_{number}" if number else base
    return f"{key}_" if reserved(key) else key
