"""YAML, in which Keras 1, 2 and tf.keras before 2.6 could describe a model: data alone, through the one reader of configs.

PyYAML takes the text apart; what its parts mean is decided here. No tag makes an object: Python's own for tuples, strings and
numbers stand for what JSON has in their place, and any other is refused.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from typing import Any

from lamina.saving.files import MAX_JSON_DEPTH, read_json

MOST_TEXT = 2**24  # letters; PyYAML reads a few million in a second
_STANDARD, _PYTHON = "tag:yaml.org,2002:", "tag:yaml.org,2002:python/"


def read_yaml(text: str | bytes, where: str) -> Any:
    """What YAML says, as :func:`lamina.saving.files.read_json` gives it: with its limits, and tuples as lists.

    Raises:
        ImportError: without PyYAML.
        ValueError: naming ``where`` and what is wrong: a tag that would make an object, a name for itself (an alias), aliases
            that unfold to far more than the text, nesting too deep, a key twice.

    >>> read_yaml("class_name: Dense\\nconfig: {units: 3, shape: !!python/tuple [null, 4]}", "the text")
    {'class_name': 'Dense', 'config': {'units': 3, 'shape': [None, 4]}}
    """
    if not isinstance(text, (str, bytes)):
        raise ValueError(f"{where} should be text, and is {type(text).__name__}.")
    if len(text) > MOST_TEXT:
        raise ValueError(f"{where} has {len(text)} letters, which is too much for the description of a model.")
    yaml = _package("Reading YAML")
    reader = _Reader(yaml, where, len(text))
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            reader.take(event)
    except yaml.YAMLError as error:
        raise ValueError(f"{where} is not YAML: {' '.join(str(error).split())[:200]}.") from error
    except UnicodeDecodeError:
        raise ValueError(f"{where} is not text.") from None
    return read_json(json.dumps(reader.found), where)


def write_yaml(config: Any, **options: Any) -> str:
    """A config as YAML, in its order; ``options`` are those of ``yaml.safe_dump``."""
    return _package("Writing YAML").safe_dump(config, **{"sort_keys": False, **options})


def _package(doing: str) -> Any:
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise ImportError(f"{doing} needs PyYAML: pip install 'lamina[yaml]'.") from None


class _Reader:
    """Puts a value together from PyYAML's events, without recursion."""

    def __init__(self, yaml: Any, where: str, length: int) -> None:
        self.where = where
        self.resolver = yaml.resolver.Resolver()
        self.scalar_node = yaml.ScalarNode
        self.open: list[_Open] = []
        self.known: dict[str, tuple[Any, int]] = {}  # what an anchor stands for, and how much that is
        self.most = length + 1000  # how many values there may be, those behind aliases counted each time
        self.documents = 0
        self.found: Any = None

    def take(self, event: Any) -> None:
        """Go on with the next event."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise ValueError(f"{self.where} holds several documents, and one was expected.")
        elif kind == "ScalarEvent":
            self._add(self._scalar(event), 1, event.anchor)
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            self._check_tag(event.tag, "seq" if kind[0] == "S" else "map")
            if len(self.open) >= MAX_JSON_DEPTH:
                raise ValueError(f"{self.where} is nested too deeply.")
            self.open.append(_Open(kind[0] == "M", event.anchor))
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            done = self.open.pop()
            self._add(done.value(self.where), done.size, done.anchor)
        elif kind == "AliasEvent":
            if event.anchor not in self.known:
                raise ValueError(f"{self.where} has the alias {event.anchor!r:.60} of nothing, or of itself.")
            self._add(*self.known[event.anchor], None)

    def _add(self, value: Any, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self.known[anchor] = value, size
        if not self.open:
            self.found = value
            return
        above = self.open[-1]
        above.items.append(value)
        above.size += size
        if above.size > self.most:
            raise ValueError(f"{self.where} has aliases that unfold to far more than the text, which is too much.")

    def _check_tag(self, tag: str | None, standard: str) -> None:
        allowed = {None, "!", _STANDARD + standard} | ({f"{_PYTHON}tuple", f"{_PYTHON}list"} if standard == "seq" else
                                                        {f"{_PYTHON}dict"})  # fmt: skip
        if tag not in allowed:
            raise ValueError(
                f"{self.where} has the tag {_short(tag)}, which would make an object: data alone was expected."
            )

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.resolver.resolve(self.scalar_node, event.value, event.implicit)
        make = _SCALARS.get(tag)
        if make is None:
            raise ValueError(
                f"{self.where} has the tag {_short(tag)}, which would make an object: data alone was expected."
            )
        try:
            return make(event.value)
        except ValueError:
            raise ValueError(f"{self.where} holds {event.value!r:.60}, which is no {_short(tag)}.") from None


def _short(tag: str | None) -> str:
    return f"!!{(tag or '').removeprefix(_STANDARD):.80}"


class _Open:
    """A list or a dictionary that is not complete yet."""

    def __init__(self, is_mapping: bool, anchor: str | None) -> None:
        self.is_mapping, self.anchor = is_mapping, anchor
        self.items: list[Any] = []
        self.size = 1

    def value(self, where: str) -> Any:
        if not self.is_mapping:
            return self.items
        found: dict[str, Any] = {}
        for key, value in zip(self.items[::2], self.items[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {key!r:.60}, and names were expected.")
            if key in found:
                raise ValueError(f"{where} has the key {key!r:.60} twice.")
            found[key] = value
        return found


def _integer(text: str) -> int:
    text = text.replace("_", "")
    if len(text) > 20 or not re.fullmatch(r"[-+]?(0|[1-9]\d*|0x[0-9a-fA-F]+)", text):
        raise ValueError
    return int(text, 16 if "x" in text else 10)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError
    return _TRUTHS[text.lower()]


_TRUTHS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _real(text: str) -> float:
    return float(text.replace("_", ""))


_SCALARS: dict[str, Callable[[str], Any]] = {f"{_STANDARD}{name}": make for name, make in (
    ("null", lambda text: None), ("bool", _truth), ("int", _integer), ("float", _real), ("str", str), ("timestamp", str),
    ("value", str), ("python/none", lambda text: None), ("python/bool", _truth), ("python/int", _integer),
    ("python/long", lambda text: _integer(text.rstrip("L"))), ("python/float", _real), ("python/str", str),
    ("python/unicode", str))}  # fmt: skip
