"""Any ``nn.Module`` on symbolic tensors: ``nn.Linear(4, 2)(x)`` is recorded as one call of that module.

torch gives no hook when a module is called, so a torch function that meets a symbolic tensor looks up the Python stack
for the outermost module call around it. The module is then run twice more, with one size and another for what is
unknown, to see what it returns; and the run that is under way is handed the values of those in the same order, so that
what it returns belongs to the module's node. Inside, sizes are plain numbers, which a module may make tensors from.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch

from lamina.variables import unchanged

_CALL_CODE = torch.nn.Module._call_impl.__code__


class _Here(threading.local):
    """The calls under way in a thread."""

    latest: ModuleCall | None = None

    def __init__(self) -> None:
        # The call that recorded values belong to, innermost last; None inside a layer that works out its own shapes.
        self.scopes: list[ModuleCall | None] = []


_here = _Here()


class ModuleCall:
    """A call under way of a module that is not lamina's.

    Attributes:
        probe: which of the two probe sizes stands for what is unknown, in the run that is under way now.
        runs: for each of the two extra runs, the values that it made, in order, and what it returned.
    """

    def __init__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.probe = 0
        self.runs: list[tuple[list[Any], Any]] = []
        self._made: list[Any] = []
        self._values: Iterator[Any] | None = None

    def next_value(self, infer: Callable[[int], Any], join: Callable[[ModuleCall], list[Any]]) -> Any:
        """The value of the next recorded function inside the call.

        Arguments:
            infer: gives the value for a probe.
            join: records the module's node, and gives the values of both extra runs as one.
        """
        if _here.scopes and _here.scopes[-1] is self:
            self._made.append(infer(self.probe))
            return self._made[-1]
        if self._values is None:
            self.runs = [self._run(1), self._run(0)][::-1]
            self._values = iter(join(self))
        return next(self._values)

    def _run(self, probe: int) -> tuple[list[Any], Any]:
        self.probe, self._made = probe, []
        _here.scopes.append(self)
        try:
            return self._made, self.module.forward(*self.args, **self.kwargs)
        finally:
            _here.scopes.pop()


@contextlib.contextmanager
def own_scope() -> Iterator[None]:
    """Inside, recorded functions stand for themselves: a layer is running its ``call`` to learn its output shape."""
    _here.scopes.append(None)
    try:
        with unchanged():
            yield
    finally:
        _here.scopes.pop()


def in_own_scope() -> bool:
    """Whether a layer is running its ``call`` to learn its output shape."""
    return bool(_here.scopes) and _here.scopes[-1] is None


def enclosing_call(is_symbolic: Callable[[Any], bool]) -> ModuleCall | None:
    """The outermost call on symbolic tensors, around the caller, of a module that does not record itself; ``None`` outside of
    any. In a call on data, a layer that is built may describe itself on symbolic tensors of its own."""
    if _here.scopes:
        return _here.scopes[-1]
    found: FrameType | None = None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code is _CALL_CODE and is_symbolic([frame.f_locals[name] for name in ("args", "kwargs")]):
            found = frame
        frame = frame.f_back
    if found is None:
        return None
    module, args, kwargs = (found.f_locals[name] for name in ("self", "args", "kwargs"))
    # The argument tuple is made anew for each call, so it tells one call of a module from the next.
    if _here.latest is None or _here.latest.module is not module or _here.latest.args is not args:
        _here.latest = ModuleCall(module, args, kwargs)
    return _here.latest
