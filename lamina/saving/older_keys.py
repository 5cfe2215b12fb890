"""``state_dict`` files of before today's keys: those were names of layers, with the numbers of the process that wrote them.

Such a file is read when it says unmistakably which layer each of its keys means: because the model's layers have just these
names, or because for each class the file and the model have as many layers, which were made in the same order. A model notes
in a file that its keys are today's (``_version``), so that ``dense_1`` is never mistaken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from lamina.graph.plan import identifier, key_base

VERSION = 2  # of the keys; torch writes 1 for modules that say nothing
_OLDER = "_keys_are_names"  # stands beside the weights of a nested model whose own keys are still to be renewed


def renew(model: Any, state: dict[str, Any], prefix: str, version: int | None) -> str | None:
    """Rename what belongs to the layers of ``model`` in ``state``, if the keys are names of layers.

    Arguments:
        model: has ``keyed_modules()``: the modules that it owns under keys made by ``module_keys``.
        prefix: what the keys of the model begin with.
        version: of the keys, as the file has it; ``None`` when it does not say.

    Returns:
        What is wrong with a file that is known to have names, and does not say which layer each one means.
    """
    keyed = {key: module for key, module in model.keyed_modules().items() if module.state_dict()}
    version = 1 if state.pop(f"{prefix}{_OLDER}", None) else version
    found = _found(state, prefix)
    others = model._modules.keys() - keyed.keys()
    chosen = {key for key, module in keyed.items() if key_base(module)[1]}
    names = [name for name in found if name not in chosen and name not in others]
    automatic = {key: module for key, module in keyed.items() if key not in chosen}
    if (
        not names
        or (version is not None and version >= VERSION)
        or (version is None and set(names) == automatic.keys())
    ):
        return None
    keys = _by_name(names, automatic) or _by_number(names, automatic)
    if keys is None:
        if version is None:
            return None
        return (f"{model._keras_class_name} {model.name!r}: the file has names of layers for keys, as older files do, and "
                f"{', '.join(names)} can't be told apart among {', '.join(automatic)}: load it into a model that the same "
                "code made, layer for layer.")  # fmt: skip
    renamed = {key: _renamed(key, prefix, keys) for key in state if key.startswith(prefix)}
    values = {new: state.pop(key) for key, new in renamed.items()}
    state.update(values)
    for key, module in keyed.items():
        state.update({f"{prefix}{key}.{place}{_OLDER}": True for place in _models_in(module, "")})
    return None


def _found(state: Mapping[str, Any], prefix: str) -> dict[str, None]:
    """The children that a file has weights of, in its order."""
    inside = (key[len(prefix) :].split(".") for key in state if key.startswith(prefix))
    return dict.fromkeys(parts[0] for parts in inside if len(parts) > 1)


def _by_name(names: list[str], modules: Mapping[str, nn.Module]) -> dict[str, str] | None:
    """The key for each name, when the model's layers have just these."""
    mine = {identifier(getattr(module, "name", key)): key for key, module in modules.items()}
    return mine if mine.keys() == set(names) else None


def _by_number(names: list[str], modules: Mapping[str, nn.Module]) -> dict[str, str] | None:
    """The key for each name, when for each class there are as many, and their numbers rise and fall alike."""
    found: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_split(name)[0], []).append(name)
    for key, module in modules.items():
        wanted.setdefault(key_base(module)[0], []).append(key)
    keys: dict[str, str] = {}
    for base, mine in wanted.items():
        theirs = found.pop(base, [])
        made = [identifier(str(getattr(modules[key], "name", key))) for key in mine]
        if len(theirs) != len(mine) or _order(theirs) != _order(made):
            return None
        keys.update(zip(theirs, mine, strict=True))
    return keys if not found else None


def _order(names: list[str]) -> list[int]:
    return sorted(range(len(names)), key=lambda place: _split(names[place])[1])


def _split(name: str) -> tuple[str, int]:
    base, number = re.fullmatch(r"(.*?)(?:_([1-9]\d*))?", name).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return base, int(number or 0)


def _renamed(key: str, prefix: str, keys: Mapping[str, str]) -> str:
    child, dot, rest = key[len(prefix) :].partition(".")
    return f"{prefix}{keys.get(child, child)}{dot}{rest}" if dot else key


def _models_in(module: nn.Module, place: str) -> Iterator[str]:
    """Where the next models are inside a module, or that it is one."""
    if hasattr(module, "keyed_modules"):
        yield place
        return
    for key, child in module.named_children():
        yield from _models_in(child, f"{place}{key}.")
