"""In which order the nodes of a graph run, and in which order Keras lists the layers in it.

The two are different walks. Masks run like anything else; Keras's order knows a mask only where Keras does, and takes the
call of one of its operations as one step, whatever torch functions that call recorded.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from lamina.graph.foreign import own_scope
from lamina.graph.nests import by_key, leaves, map_structure
from lamina.graph.symbolic import Call, Node, SymbolicTensor, SymbolicValue

# What stands between values: a recorded node, or the call of an operation of Keras that made several of them.
Maker = Node | Call


class GraphOrder:
    """The nodes between inputs and outputs in an order they can run in, and the modules in Keras's order.

    Keras lists layers by depth (the longest way to an output), the deepest first, and within a depth by the order in
    which a walk from the outputs meets them. Weight lists and files follow that order, so it is kept here.

    Arguments:
        inputs, outputs: of the model.
        masks: of the outputs: they are computed, and no output of Keras's model.
        aside: what else is computed.

    Raises:
        ValueError: when an output depends on an ``Input`` that is not among ``inputs``.
    """

    def __init__(
        self,
        inputs: Sequence[SymbolicTensor],
        outputs: Sequence[Any],
        masks: Sequence[Any] = (),
        aside: Sequence[Any] = (),
    ) -> None:
        self.inputs = {id(tensor) for tensor in inputs}
        roots = [tensor for tensor in (*outputs, *masks, *aside) if isinstance(tensor, SymbolicValue)]
        self.nodes: list[Node] = walk(roots, self._node_of, lambda node: node.inputs)
        made = {id(node.target): node.target for node in self.nodes if isinstance(node.target, torch.nn.Module)}
        ordered = _KerasOrder(inputs, [*outputs, *aside]).modules()
        known = {id(module) for module in ordered}
        self.modules = ordered + [module for key, module in made.items() if key not in known]

    def _node_of(self, tensor: SymbolicValue) -> Node | None:
        if id(tensor) in self.inputs:
            return None
        node = tensor.node
        if node is None or is_input(node):
            raise ValueError(f"The graph is disconnected: the outputs depend on {tensor!r}, which is not among the "
                             "model's inputs. Add it to `inputs`.")  # fmt: skip
        return node


class _KerasOrder:
    """Keras's list of the layers from ``inputs`` to ``outputs``."""

    def __init__(self, inputs: Sequence[SymbolicTensor], outputs: Sequence[Any]) -> None:
        self.inputs = inputs
        self.given = {id(tensor) for tensor in inputs}
        self.met: dict[int, int] = {}  # module -> when a walk from the outputs first met it
        self.sources: dict[int, list[SymbolicValue]] = {}
        self.in_keras: dict[int, SymbolicValue] = {}
        roots = [tensor for tensor in outputs if isinstance(tensor, SymbolicValue)]
        self.makers = walk(roots, self._maker_of, self._sources_of, self._meet)

    def modules(self) -> list[torch.nn.Module]:
        """All of them, the deepest first."""
        depths: dict[int, int] = {}
        depth_of_module: dict[int, int] = {}
        modules: dict[int, torch.nn.Module] = {}
        for maker in reversed(self.makers):
            depth = depths.get(id(maker), 0)
            module = getattr(maker, "target", None)
            if isinstance(module, torch.nn.Module):
                depth = max(depth, depth_of_module.get(id(module), 0))
                depth_of_module[id(module)] = depth
                modules[id(module)] = module
            for source in self._sources_of(maker):
                before = self._maker_of(source)
                if before is not None:
                    depths[id(before)] = max(depth + 1, depths.get(id(before), 0))
        for tensor in self.inputs:  # those that nothing is made of come first of those that nothing follows
            if tensor.node is not None and is_input(tensor.node):
                target = tensor.node.target
                modules.setdefault(id(target), target)
                depth_of_module.setdefault(id(target), 0)
                self.met.setdefault(id(target), -1)
        return sorted(modules.values(), key=lambda module: (-depth_of_module[id(module)], self.met[id(module)]))

    def _maker_of(self, tensor: SymbolicValue) -> Maker | None:
        """What made a value; ``None`` where the model begins."""
        if id(tensor) in self.given:
            return tensor.node if tensor.node is not None and is_input(tensor.node) else None
        in_keras = self._in_keras(tensor)
        return tensor.call or tensor.node if in_keras is tensor else self._maker_of(in_keras)

    def _in_keras(self, tensor: Any) -> Any:
        """What stands for a value in Keras's graph."""
        node = tensor.node if isinstance(tensor, SymbolicValue) else None
        in_keras = getattr(node.target, "in_keras", None) if node is not None else None
        if in_keras is None or node is None:
            return tensor
        if id(tensor) not in self.in_keras:
            args = map_structure(self._in_keras, node.args)
            with own_scope():
                self.in_keras[id(tensor)] = in_keras(*args)
        return self.in_keras[id(tensor)]

    def _sources_of(self, maker: Maker) -> list[SymbolicValue]:
        if id(maker) not in self.sources:
            self.sources[id(maker)] = _sources_in_keras(maker)
        return self.sources[id(maker)]

    def _meet(self, maker: Maker) -> None:
        module = getattr(maker, "target", None)
        if isinstance(module, torch.nn.Module):
            self.met.setdefault(id(module), len(self.met))


def _sources_in_keras(maker: Maker) -> list[SymbolicValue]:
    """The values that a call takes in Keras's graph, in Keras's order."""
    kwargs = maker.kwargs
    function = maker.function if isinstance(maker, Call) else maker.target
    if isinstance(maker, Node) and maker.found:
        kwargs = {name: value for name, value in kwargs.items() if is_shown(maker, name)}
    if kwargs and not isinstance(function, torch.nn.Module):  # an operation takes its tensors by position
        places = _parameters(function)
        kwargs = [value for _, value in sorted(kwargs.items(), key=lambda item: places.get(item[0], len(places)))]
    return [leaf for leaf in leaves(by_key((maker.args, kwargs))) if isinstance(leaf, SymbolicValue)]


@functools.cache
def _parameters(function: Any) -> dict[str, int]:
    """The place of each of a function's arguments; torch's own have no signature that Python can read."""
    try:
        return {name: place for place, name in enumerate(inspect.signature(function).parameters)}
    except (TypeError, ValueError):
        return {}


def is_shown(node: Node, name: str) -> bool:
    """Whether an argument of a call is one in Keras's graph, too. A mask that nobody gave is not, where Keras makes new
    arguments of those that it was given; nor is one that a model gave beside its outputs."""
    if name not in node.found:
        return True
    return node.shows_found and not any(map(_is_of_a_model, leaves(node.kwargs[name])))


def _is_of_a_model(mask: Any) -> bool:
    """Whether a mask came beside the outputs of a model, or is made of one that did."""
    waiting, seen = [mask], set()
    while waiting:
        tensor = waiting.pop()
        node = tensor.node if isinstance(tensor, SymbolicValue) else None
        if node is None or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if any(one is tensor for one in node.masks):
            return True
        if not isinstance(node.target, torch.nn.Module):
            waiting += node.inputs
    return False


def walk(
    roots: Sequence[SymbolicValue],
    maker_of: Callable[[SymbolicValue], Maker | None],
    sources_of: Callable[[Any], Sequence[SymbolicValue]],
    meet: Callable[[Maker], None] = lambda maker: None,
) -> list[Any]:
    """What made ``roots``, each after all that it takes: depth first, from the first root and source on."""
    order: list[Maker] = []
    visited: set[int] = set()
    stack: list[tuple[Maker, bool]] = []
    for root in roots:
        maker = maker_of(root)
        stack = [] if maker is None else [(maker, False)]
        while stack:
            maker, done = stack.pop()
            if done:
                order.append(maker)
                continue
            if id(maker) in visited:
                continue
            visited.add(id(maker))
            meet(maker)
            stack.append((maker, True))
            found = [maker_of(source) for source in sources_of(maker)]
            stack += [(one, False) for one in reversed(found) if one is not None]
    return order


def is_input(node: Node) -> bool:
    """Whether a node is that of an ``Input``."""
    return not node.inputs and isinstance(node.target, torch.nn.Module)
