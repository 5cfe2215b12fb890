"""Lists and dicts of layers as attributes: torch registers only modules, Keras users expect these to count too.

``self.blocks = [Dense(4), Dense(4)]`` stays a list, and its layers are registered whenever they are put in, by a module
named ``blocks_`` beside it: the ``state_dict`` keys are ``blocks_.0.kernel``, ``blocks_.1.kernel``. (torch reaches a
module by ``getattr``, so a list and the module of its items can't share one name.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


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

    owner: nn.Module | None = None
    attribute: str = ""

    def sync(self) -> None:
        """Register the modules that the list holds now."""
        _register(self, {str(i): item for i, item in enumerate(self) if isinstance(item, nn.Module)})


class TrackedDict(dict[Any, Any]):
    """A dict whose modules are registered, by their keys, with the layer that has it as an attribute."""

    owner: nn.Module | None = None
    attribute: str = ""

    def sync(self) -> None:
        """Register the modules that the dict holds now."""
        _register(self, {str(key): item for key, item in self.items() if isinstance(item, nn.Module)})


class Items(nn.Module):
    """Where the layers of a list or dict attribute are registered. It computes nothing."""


def _register(tracked: TrackedList | TrackedDict, modules: dict[str, nn.Module]) -> None:
    if tracked.owner is None or "_modules" not in vars(tracked.owner):  # a copy or a pickle is being filled
        return
    key = f"{tracked.attribute}_"
    home = tracked.owner._modules.get(key)
    if modules and not isinstance(home, Items):
        home = tracked.owner._modules[key] = Items()
    if isinstance(home, Items):
        home._modules = dict(modules)


for _name in ("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "__setitem__", "__delitem__",
              "__iadd__"):  # fmt: skip
    setattr(TrackedList, _name, _mutating(_name, list))
for _name in ("pop", "popitem", "clear", "update", "setdefault", "__setitem__", "__delitem__", "__ior__"):
    setattr(TrackedDict, _name, _mutating(_name, dict))


def track(owner: nn.Module, name: str, value: Any) -> Any:
    """``value`` as the attribute is to hold it: a list or dict becomes one that registers its modules with ``owner``."""
    if isinstance(value, tuple):
        owner._modules[f"{name}_"] = home = Items()
        home._modules = {str(i): item for i, item in enumerate(value) if isinstance(item, nn.Module)}
        return value
    tracked = TrackedList(value) if isinstance(value, list) else TrackedDict(value)
    tracked.owner, tracked.attribute = owner, name
    tracked.sync()
    return tracked
