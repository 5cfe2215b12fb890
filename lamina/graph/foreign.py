"""Any ``nn.Module`` on symbolic tensors: ``nn.Linear(4, 2)(x)`` is recorded as one call of that module.

torch gives no hook when a module is called, so a torch function that meets a symbolic tensor looks up the Python stack
for the outermost module call around it. The module is then run once more to see what it returns, and the run that is
under way is handed the same symbolic values in the same order, so that what it returns belongs to the module's node.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch

_CALL_CODE = torch.nn.Module._call_impl.__code__

# The call that recorded values belong to, innermost last; None inside a layer that works out its own shapes.
_scopes: list[ModuleCall | None] = []
_latest: ModuleCall | None = None


class ModuleCall:
    """A call under way of a module that is not lamina's: the symbolic values it makes, in order."""

    def __init__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.values: list[Any] = []
        self.position = 0

    def next_value(self, infer: Callable[[], Any], make_node: Callable[..., Any]) -> Any:
        """The value of the next recorded function inside the call."""
        if _scopes and _scopes[-1] is self:  # the extra run, which finds the values
            self.values.append(infer())
            return self.values[-1]
        if self.position == 0:
            _scopes.append(self)
            try:
                outputs = self.module.forward(*self.args, **self.kwargs)
            finally:
                _scopes.pop()
            make_node(self.module, self.args, self.kwargs, outputs)
        self.position += 1
        return self.values[self.position - 1]


@contextlib.contextmanager
def own_scope() -> Iterator[None]:
    """Inside, recorded functions stand for themselves: a layer is running its ``call`` to learn its output shape."""
    _scopes.append(None)
    try:
        yield
    finally:
        _scopes.pop()


def in_own_scope() -> bool:
    """Whether a layer is running its ``call`` to learn its output shape."""
    return bool(_scopes) and _scopes[-1] is None


def enclosing_call() -> ModuleCall | None:
    """The outermost call, around the caller, of a module that does not record itself; ``None`` outside of any."""
    global _latest
    if _scopes:
        return _scopes[-1]
    found: FrameType | None = None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code is _CALL_CODE:
            found = frame
        frame = frame.f_back
    if found is None:
        return None
    module, args, kwargs = (found.f_locals[name] for name in ("self", "args", "kwargs"))
    # The argument tuple is made anew for each call, so it tells one call of a module from the next.
    if _latest is None or _latest.module is not module or _latest.args is not args:
        _latest = ModuleCall(module, args, kwargs)
    return _latest
