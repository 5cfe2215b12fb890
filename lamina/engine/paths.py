"""Where a layer is: the names of the layers around it, as Keras's paths have them."""

from __future__ import annotations

import weakref
from typing import Any

from torch import nn

from lamina.naming import scope_path


class HasPath(nn.Module):
    """The part of a layer that knows where it is."""

    name: str
    _owner: weakref.ref[Any] | None = None  # whose layer this is, as far as paths go
    _scope: str = ""  # the names of the `name_scope` blocks in which it was built

    @property
    def _path(self) -> str:
        """What the paths of the layer's weights begin with. The layers of a functional model were made outside of it."""
        functional = (
            getattr(self, "_keras_class_name", None) == "Functional" and getattr(self, "_plan", None) is not None
        )
        return "" if functional else f"{self._own_path()}/"

    def _note_scope(self) -> None:
        """While the layer is built: the `name_scope` blocks around belong to its path."""
        if scope_path() and not self._scope and self._owner is None:
            self.__dict__["_scope"] = scope_path()

    def _own_path(self) -> str:
        owner = self._owner() if self._owner is not None else None
        name = getattr(
            self, "name", type(self).__name__
        )  # which Layer's constructor sets; authors may make weights before
        return f"{self._scope if owner is None else owner._path}{name}"

    @property
    def path(self) -> str:
        """The names of the layers around this one, and its own: ``encoder/dense``. Layers of a functional model were made
        outside of it, and have their own name alone. An attribute of your own may be called so, too."""
        return self.__dict__.get("path", None) or self._own_path()

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
