"""Lists and dicts of layers as attributes: torch registers only modules, Keras users expect these to count too.

``self.blocks = [Dense(4), Dense(4)]`` stays a list, and its layers are registered whenever they are put in, by a module
named ``blocks_`` beside it: the ``state_dict`` keys are ``blocks_.0.kernel``, ``blocks_.1.kernel``. Lists and dicts may
be nested. (torch reaches a module by ``getattr``, so a list and the module of its items can't share one name.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from lamina.tree import take_for_nests


def _mutating(name: str, base: type) -> Callable[..., Any]:
    method = getattr(base, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        self.sync()
        return result

    call.__name__ = name
    return call


class TrackedList(list[Any]):
    """A list whose modules are registered with the layer that has it as an attribute."""

    home: Home | None = None

    def sync(self) -> None:
        """Register the modules that are in the attribute's value now."""
        if self.home is not None:
            self.home.sync()

    def append(self, item: Any) -> None:
        """As a list's. A module is registered in constant time: long models are built this way."""
        super().append(item)
        if self.home is None or self.home.value is not self or not self.home.add(str(len(self) - 1), item):
            self.sync()


class TrackedDict(dict[Any, Any]):
    """A dict whose modules are registered, by their keys, with the layer that has it as an attribute."""

    home: Home | None = None
    sync = TrackedList.sync


take_for_nests(TrackedList, TrackedDict)


class Items(nn.Module):
    """Where the layers of a list or dict are registered. It computes nothing."""


class Home:
    """The attribute of a layer that holds a list or dict, and whatever lists and dicts are inside.

    Arguments:
        owner: the layer.
        attribute: the attribute's name.
        value: what it holds.
    """

    def __init__(self, owner: nn.Module, attribute: str, value: Any) -> None:
        self.owner = owner
        self.attribute = attribute
        self.value = value

    def sync(self) -> None:
        """Register the modules in the value with the layer, lists and dicts inside as modules of their own."""
        if "_modules" not in vars(self.owner):  # a copy or a pickle is being filled
            return
        key, modules = f"{self.attribute}_", self._modules_in(self.value)
        if modules:
            self.owner._modules[key] = _items(modules, self.owner.training)
        elif isinstance(self.owner._modules.get(key), Items):
            del self.owner._modules[key]

    def add(self, key: str, item: Any) -> bool:
        """Register one more module, where others are already; whether that was all there was to do."""
        items = vars(self.owner).get("_modules", {}).get(f"{self.attribute}_")
        if isinstance(items, Items) and isinstance(item, nn.Module):
            items._modules[key] = item
            _tell_owner(item, self.owner)
            return True
        return False

    def _modules_in(self, structure: Any) -> dict[str, nn.Module]:
        found: dict[str, nn.Module] = {}
        for key, item in list(structure.items() if isinstance(structure, dict) else enumerate(structure)):
            if type(item) in (list, dict) and not isinstance(structure, tuple):
                item = tracked(item)
                (dict if isinstance(structure, dict) else list).__setitem__(structure, key, item)  # pyright: ignore[reportArgumentType, reportCallIssue]
            if isinstance(item, (TrackedList, TrackedDict)):
                item.home = self
            if isinstance(item, nn.Module):
                found[str(key)] = item
                _tell_owner(item, self.owner)
            elif isinstance(item, (list, tuple, dict)) and (inside := self._modules_in(item)):
                found[str(key)] = _items(inside, self.owner.training)
        return found


def _tell_owner(item: Any, owner: nn.Module) -> None:
    if hasattr(item, "belongs_to"):
        item.belongs_to(owner)


def children_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """A module's children by attribute, those in lists and dicts each by its own place: ``blocks.0``."""
    for key, child in module.named_children():
        if isinstance(child, Items):
            yield from ((f"{key.removesuffix('_')}.{inner}", item) for inner, item in children_of(child))
        else:
            yield key, child


def parameters_of(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """``module.named_parameters()``, of lamina itself, which knows about layers that have none yet."""
    seen: set[int] = set()
    for place, part in module.named_modules():
        for key, weight in dict.items(part._parameters):
            if weight is not None and id(weight) not in seen:
                seen.add(id(weight))
                yield f"{place}.{key}" if place else key, weight


def _items(modules: dict[str, nn.Module], training: bool) -> Items:
    items = Items()
    items.training = training
    items._modules = dict(modules)
    return items


for _name in ("extend", "insert", "pop", "remove", "clear", "sort", "reverse", "__setitem__", "__delitem__",
              "__iadd__"):  # fmt: skip
    setattr(TrackedList, _name, _mutating(_name, list))
for _name in ("pop", "popitem", "clear", "update", "setdefault", "__setitem__", "__delitem__", "__ior__"):
    setattr(TrackedDict, _name, _mutating(_name, dict))


def tracked(value: list[Any] | dict[Any, Any]) -> TrackedList | TrackedDict:
    """A copy of ``value`` that can register its modules."""
    return TrackedList(value) if isinstance(value, list) else TrackedDict(value)


def track(owner: nn.Module, name: str, value: Any) -> Any:
    """``value`` as the attribute is to hold it: a list or dict becomes one that registers its modules with ``owner``. A tuple
    is what it is, and so are a ``defaultdict``, a ``Counter``: the layers that they hold now are registered."""
    held = tracked(value) if type(value) in (list, dict, TrackedList, TrackedDict) else value
    home = Home(owner, name, held)
    if isinstance(held, (TrackedList, TrackedDict)):
        held.home = home
    home.sync()
    return held
