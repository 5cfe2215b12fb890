"""What a person sees of a call that fails: their own lines and the error's sentence, without lamina's lines in between.

The doors through which users come in (a layer's call, the making of a layer, ``fit``, ``compile``, ``load_model``, ...) take
lamina's frames, and those of the libraries that it calls, off the error's traceback: :func:`shorten`, then a bare ``raise``,
which adds no frame of its own. Where an error is shown that came through no door, :func:`install` does it: before
``sys.excepthook``, ``threading.excepthook`` and IPython print. A call that succeeds pays nothing for either.

Frames of users stay, wherever they are: a ``call`` or a loss of their own, a callback, a generator, between lamina's frames
too. ``lamina.config.disable_traceback_filtering()`` leaves every traceback whole.
"""

from __future__ import annotations

import functools
import inspect
import opcode
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, TypeVar

import torch

from lamina import config
from lamina.errors import did_you_mean

__all__ = ["Made", "door", "explain_call", "install", "shorten", "users_level"]

F = TypeVar("F", bound=Callable[..., Any])

_OURS = (str(Path(__file__).parent) + "/", "<lamina plan>")
_SITE = ("site-packages", "dist-packages")
_PACKAGES = ("torch", "numpy", "h5py", "rich")  # what lamina calls, and whose frames below its own are its own business
_STANDARD = tuple({sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib")})
# What torch puts around every call of a module; nobody wrote a line of theirs there.
_MACHINERY = {getattr(torch.nn.Module, name).__code__ for name in ("_wrapped_call_impl", "_call_impl")}
_RAISE = opcode.opmap["RAISE_VARARGS"]
_UNKNOWN = re.compile(r"(?P<name>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<word>\w+)'")
_JUDGED = "_is_judged_by_lamina"
_explain: dict[Callable[[Exception], None], None] = {}
_FEW = 20  # arguments that are listed where none is near the wrong one
_HOW = "lamina.config.disable_traceback_filtering() shows"


def shorten(error: BaseException, at_the_end: bool = False) -> None:
    """Take off an error's traceback, and off those of the errors that led to it, what is lamina's and not the user's.

    An error that lamina did not raise itself (a mistake of lamina's, or torch's refusal) gets a note that says how to see the
    rest. What went wrong inside lamina before its own error, and is told by that one, is left out.

    Arguments:
        at_the_end: whether the traceback is complete, and nobody will add frames: one without a frame of the user's stays
            whole.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and config.is_traceback_filtering_enabled():
        seen.add(id(current))
        _shorten_one(current, at_the_end)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _shorten_one(error: BaseException, at_the_end: bool) -> None:
    frames = list(_frames(error.__traceback__))
    if not frames:
        return
    kept = _kept(frames)
    last = frames[-1]
    if not getattr(error, _JUDGED, False):  # an inner door may have taken the frames that say so
        setattr(error, _JUDGED, True)
        if last not in kept:  # it went wrong inside, not in code of the user's
            _leave_out_inner(error)
            if not _is_told(error, last):
                _note(error, len(frames) - len(kept))
    if len(kept) < len(frames) and (kept or not at_the_end):
        error.__traceback__ = functools.reduce(
            lambda rest, tb: TracebackType(rest, tb.tb_frame, tb.tb_lasti, tb.tb_lineno), reversed(kept), None
        )


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _kept(frames: list[TracebackType]) -> list[TracebackType]:
    """The frames that are not lamina's, nor a library's that lamina called."""
    kept: list[TracebackType] = []
    is_inside = False
    for tb in frames:
        kind = _kind(tb.tb_frame.f_code)
        is_inside = kind == "ours" or (is_inside and kind == "library")
        if not is_inside and kind != "machinery":
            kept.append(tb)
    return kept


@functools.lru_cache(4096)
def _kind(code: CodeType) -> str:
    """Whose code it is: ``"ours"``, a ``"library"``'s that lamina calls, the ``"machinery"`` of torch's calls, or
    ``"theirs"``."""
    name = code.co_filename
    if name.startswith(_OURS):
        return "ours"
    if code in _MACHINERY:
        return "machinery"
    package = next((name.partition(f"/{site}/")[2] for site in _SITE if f"/{site}/" in name), None)
    if package is not None:
        return "library" if package.partition("/")[0] in _PACKAGES else "theirs"
    return "library" if name.startswith((*_STANDARD, "<frozen ", "<__array_function__")) else "theirs"


def _is_told(error: BaseException, last: TracebackType) -> bool:
    """Whether the innermost frame is a ``raise`` of lamina's: then the error's words were written for the user."""
    code = last.tb_frame.f_code
    is_raise = code.co_code[last.tb_lasti] == _RAISE and not isinstance(error, AssertionError)
    return isinstance(error, Warning) or (_kind(code) == "ours" and is_raise) or _UNKNOWN.match(str(error)) is not None


def _note(error: BaseException, count: int) -> None:
    if not any(_HOW in note for note in getattr(error, "__notes__", ())):
        lines = "1 line of lamina or torch is" if count == 1 else f"{count} lines of lamina and torch are"
        error.add_note(f"{lines} left out of this traceback; {_HOW} the whole.")


def _leave_out_inner(error: BaseException) -> None:
    """Unlink an error of lamina's own from those that it came of inside lamina; what the user was about stays linked."""
    link = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    found, passed = link, 0
    while found is not None and passed < 20 and not _kept(list(_frames(found.__traceback__))):
        found, passed = found.__cause__ or found.__context__, passed + 1
    if found is not link:
        error.__cause__, error.__context__ = None, found
        error.__suppress_context__ = found is None


# ---- doors -----------------------------------------------------------------------------------------------------------


def door(function: F) -> F:
    """A decorator for what users call, and nobody calls often: errors leave it short, and a wrong argument gets a hint.

    >>> @door
    ... def bake(minutes=30):
    ...     return minutes
    >>> bake(minute=3)
    Traceback (most recent call last):
        ...
    TypeError: bake() got an unexpected keyword argument 'minute'. Did you mean 'minutes'?
    """

    @functools.wraps(function)
    def opened(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            is_constructor = function.__name__ == "__init__"
            explain_call(error, function, name=f"{type(args[0]).__name__}()" if is_constructor else "")
            shorten(error)
            raise

    return opened  # pyright: ignore[reportReturnType]


class Made:
    """The base of what users make, layers apart: the constructors of lamina's classes are doors."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("lamina.") and "__init__" in vars(cls):
            cls.__init__ = door(cls.__init__)  # pyright: ignore[reportAttributeAccessIssue]


def explain_call(error: Exception, *functions: Any, name: str = "", further: tuple[str, ...] = ()) -> None:
    """Say in the error of a call with an argument that none of ``functions`` takes which one may have been meant.

    Arguments:
        name: what was called, in the user's words; by default the function's.
        further: arguments that are taken besides those of the functions.
    """
    found = _UNKNOWN.fullmatch(str(error)) if isinstance(error, TypeError) else None
    if found is None:
        return
    called, word = found["name"], found["word"]
    known = list(dict.fromkeys(name for function in functions if getattr(function, "__qualname__", "") == called
                               for name in _keywords(function)))  # fmt: skip
    if known and word not in known:
        takes = f" It takes {', '.join(known)}." if len(known) <= _FEW else ""
        name = name or f"{called.removesuffix('.__init__').rpartition('.')[2]}()"
        hint = did_you_mean(word, (*known, *further)) or takes
        error.args = (f"{name} got an unexpected keyword argument {word!r}.{hint}",)


def _keywords(function: Callable[..., Any]) -> list[str]:
    """The names that a function takes; none where it takes any."""
    parameters = inspect.signature(function).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter.name for parameter in parameters if parameter.name != "self" and parameter.kind in named]


def users_level() -> int:
    """The ``stacklevel`` with which the caller's warning points at the user's line, however many of lamina's are between."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _kind(frame.f_code) != "theirs":
        level, frame = level + 1, frame.f_back
    return level


# ---- where errors are shown ------------------------------------------------------------------------------------------


def install(*explain: Callable[[Exception], None]) -> None:
    """Have errors that came through no door shortened before Python, a thread or IPython shows them.

    Arguments:
        explain: what else is to be said of an error, by changing it.
    """
    _explain.update(dict.fromkeys(explain))
    if not getattr(sys.excepthook, "_is_laminas", False):
        sys.excepthook = _before(sys.excepthook, lambda kind, error, traceback: error)
        threading.excepthook = _before(threading.excepthook, lambda args: args.exc_value)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and not getattr(shell.showtraceback, "_is_laminas", False):
        shell.showtraceback = _before(shell.showtraceback, lambda *args, **kwargs: sys.exc_info()[1])


def _before(show: Callable[..., Any], error_of: Callable[..., BaseException | None]) -> Callable[..., Any]:
    """``show``, which is given errors that are short."""

    @functools.wraps(show)
    def shown(*args: Any, **kwargs: Any) -> Any:
        try:
            error = error_of(*args, **kwargs)
            if isinstance(error, Exception):
                explain_call(error, *_functions_named_in(error))
                for explain in _explain:
                    explain(error)
                shorten(error, at_the_end=True)
        finally:  # whatever goes wrong here, the error is shown
            show(*args, **kwargs)

    shown._is_laminas = True  # pyright: ignore[reportAttributeAccessIssue]
    return shown


def _functions_named_in(error: Exception) -> Iterator[Callable[..., Any]]:
    """The functions of lamina's that the words of a wrong call may mean: Python says a function's name, not its module."""
    found = _UNKNOWN.fullmatch(str(error)) if isinstance(error, TypeError) else None
    if found is None or "<" in found["name"]:
        return
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "lamina":
            function: Any = module
            for part in found["name"].split("."):
                function = vars(function).get(part) if hasattr(function, "__dict__") else None
            if inspect.isfunction(function):
                yield function
