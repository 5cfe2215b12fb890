"""Where a layer is: the names of the layers around it, as Keras's paths have them."""

from __future__ import annotations

import weakref
from typing import Any

from torch import nn

from lamina.naming import scope_path


def is_functional(module: nn.Module) -> bool:
    """Whether a module is a model that was given its inputs and outputs, so that nothing of it was made inside of others."""
    return getattr(module, "_keras_class_name", None) == "Functional" and getattr(module, "_plan", None) is not None


class HasPath(nn.Module):
    """The part of a layer that knows where it is."""

    name: str
    _owner: weakref.ref[Any] | None = None  # whose layer this is, as far as paths go
    _built: bool = False
    _is_built_at_once: bool = False
    _scope: str = ""  # what was around it when it was built: the names of layers, or of `name_scope` blocks
    _is_settled: bool = False  # whether that stays, whoever has the layer later

    @property
    def _path(self) -> str:
        """What the paths of the layer's weights begin with. The layers of a functional model were made outside of it."""
        return "" if is_functional(self) else f"{self._own_path()}/"

    def _note_scope(self) -> None:
        """When the layer makes its first weight, or is built: the `name_scope` blocks around belong to its path."""
        if scope_path() and not self._scope and self._owner is None:
            self.__dict__["_scope"] = scope_path()

    def _settle_path(self) -> None:
        """Now that the layer is built: its path stays what it is."""
        if not self._is_settled:
            self._note_scope()
            self.__dict__.update(_scope=self._around(), _is_settled=True)

    def _around(self) -> str:
        owner = self._owner() if self._owner is not None and not self._is_settled else None
        return self._scope if owner is None or is_functional(self) else owner._path

    def _own_path(self) -> str:
        # Layer's constructor sets the name; authors may make weights before.
        return f"{self._around()}{getattr(self, 'name', type(self).__name__)}"

    @property
    def path(self) -> str | None:
        """The names of the layers around this one, and its own: ``encoder/dense``. Layers of a functional model were made
        outside of it, and have their own name alone. ``None``, as in Keras, of a layer that is not built, or has nothing to
        build. An attribute of your own may be called so, too."""
        given = self.__dict__.get("path", None)
        return given or (self._own_path() if self._built and not self._is_built_at_once else None)

    @path.setter
    def path(self, value: Any) -> None:
        self.__dict__["path"] = value

    def belongs_to(self, owner: Any) -> None:
        """Remember whose layer this is; the first who has it counts."""
        above = owner if self._owner is None or self._owner() is None else self
        while above is not None and above is not self:
            above = above._owner() if isinstance(above, HasPath) and above._owner is not None else None
        if above is None and isinstance(owner, HasPath):
            self.__dict__["_owner"] = weakref.ref(owner)
