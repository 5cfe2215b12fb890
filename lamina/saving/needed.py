"""What a config names that is the author's own: classes and functions that lamina neither has nor was told of.

A config is walked, and nothing is made of it. So a message can name all that is missing at once, and a file can be looked
into that can't be opened yet.
"""

from __future__ import annotations

import base64
import contextlib
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina.dialects.absent import reason
from lamina.dialects.translator import known_words
from lamina.layers.core import is_code
from lamina.registry import TABLES, ConfigError, find_custom, find_named, is_value, look_up
from lamina.saving.operations import is_operation
from lamina.saving.tf_operations import is_tf_operation
from lamina.screen import legible

Config = dict[str, Any]
# What stands under these keys of a config, in any generation.
_KINDS = {
    "layers": "layer", "layer": "layer", "cell": "layer", "cells": "layer", "forward_layer": "layer",
    "backward_layer": "layer", "optimizer": "optimizer", "optimizer_config": "optimizer", "inner_optimizer": "optimizer",
    "learning_rate": "learning rate schedule", "dtype": "dtype", "loss": "loss", "metrics": "metric",
    "weighted_metrics": "metric",
    "init": "initializer", "inner_init": "initializer", "forget_bias_init": "initializer",
}  # fmt: skip
_LAST_WORDS = ("activation", "initializer", "regularizer", "constraint")
_BY_TARGET = frozenset({"accuracy", "acc", "crossentropy", "ce"})  # metrics that depend on what the targets are
# What every layer and optimizer has in its config, and no author's constructor has to name.
_OF_EVERY_LAYER = frozenset({"name", "trainable", "dtype", "batch_input_shape", "autocast", "batch_shape"})
_OF_EVERY_OPTIMIZER = frozenset({
    "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "jit_compile", "is_legacy_optimizer",
})  # fmt: skip
_LISTED, _LONGEST = 12, 100
_BASES = {"layer": "lamina.layers.Layer", "loss": "lamina.losses.Loss", "metric": "lamina.metrics.Metric",
          "optimizer": "lamina.optimizers.Optimizer", "initializer": "lamina.initializers.Initializer",
          "regularizer": "lamina.regularizers.Regularizer", "constraint": "lamina.constraints.Constraint",
          "learning rate schedule": "lamina.optimizers.schedules.LearningRateSchedule"}  # fmt: skip


@dataclass
class Needed:
    """A class or function of the author's, or a function that a file has as code.

    Arguments:
        name: as the file names it, with its package; of code, the name of its ``Lambda`` layer.
        kind: the kind of object (``"layer"``, ``"loss"``, ...).
        form: ``"class"``, ``"function"``, or ``"code"``.
        arguments: what the file gives the class's constructor.
        places: where in the config, the first of them first.
        words: of code, the names and texts in it.
        given: whether it is registered, or among the custom objects.
        lacking: of Keras's own, why lamina lacks it, and what to do.
    """

    name: str
    kind: str
    form: str
    arguments: Config = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    words: tuple[str, ...] = ()
    given: bool = False
    lacking: str = ""

    @property
    def python_name(self) -> str:
        """What the author calls it in Python, as far as that can be known."""
        plain = self.name.rpartition(">")[2]
        is_name = plain.isidentifier() and not keyword.iskeyword(plain) and len(plain) <= _LONGEST
        return plain if is_name else "function" if self.form != "class" else "YourClass"

    def call(self) -> str:
        """``Scale(factor=2.0, name='scale')``, or the name of a function."""
        if self.form == "code":
            named = f", which names {', '.join(self.words[:12])}" if self.words else ""
            return f"the function of Lambda {legible(self.name, _LONGEST)!r}, kept as Python code{named}"
        said = ", ".join(f"{legible(key, 40)}={_short(value)}" for key, value in list(self.arguments.items())[:20])
        return legible(self.name.rpartition(">")[2], _LONGEST) + (f"({said})" if self.form == "class" else "")

    def lines(self) -> list[str]:
        """The lines that register it, with what it has to take."""
        name = self.python_name
        if self.form == "code":
            return [f"def {name}(x):"]
        package, _, plain = self.name.rpartition(">")
        told = [f"package={legible(package, _LONGEST)!r}"] if package else []
        told += [f"name={legible(plain, _LONGEST)!r}"] if plain != name else []
        decorator = f"@lamina.utils.register_keras_serializable({', '.join(told)})"
        if self.form == "function":
            return [decorator, f"def {name}({_PARAMETERS.get(self.kind, 'x')}):"]
        shared = _OF_EVERY_LAYER | (_OF_EVERY_OPTIMIZER if self.kind == "optimizer" else frozenset())
        own = [key for key in self.arguments if key not in shared and key.isidentifier() and len(key) <= 40]
        taken = ", ".join(["self", *own[:20], "**kwargs"])
        return [decorator, f"class {name}({_BASES.get(self.kind, 'object')}):", f"    def __init__({taken}):"]


_PARAMETERS = {"loss": "y_true, y_pred", "metric": "y_true, y_pred", "initializer": "shape, dtype=None"}


def own_objects(config: Any, place: str = "", kind: str | None = "layer") -> list[Needed]:
    """The author's own objects in a config, each once.

    Arguments:
        config: an object's config of any generation, or a structure with such configs.
        place: what stands before the places in it.
        kind: what the config itself is.

    >>> config = {"class_name": "Sequential", "config": [{"class_name": "Scale", "config": {"factor": 2}}]}
    >>> [needed] = own_objects(config)
    >>> needed.call(), needed.places
    ('Scale(factor=2)', ['config[0]'])
    """
    found: dict[tuple[str, str], Needed] = {}
    for one in _walk(config, place, kind):
        known = found.setdefault((one.name, "code" if one.form == "code" else ""), one)
        if known is not one:
            known.places += one.places
    return list(found.values())


def missing_objects(config: Any, place: str = "", kind: str | None = "layer") -> list[Needed]:
    """:func:`own_objects` without those that are registered, or in ``custom_objects`` or a scope."""
    return [needed for needed in own_objects(config, place, kind) if not needed.given]


def advice(needed: Sequence[Needed]) -> str:
    """What is missing, with its arguments, and the lines to add; of what is Keras's own, why lamina lacks it."""
    of_keras = [one for one in needed if one.lacking]
    if of_keras:
        told = [f"- {one.call()}, at {places_of(one)}.{one.lacking}" for one in of_keras[:_LISTED]]
        rest = [one for one in needed if not one.lacking]
        lines = ["The file has layers of Keras's that lamina lacks:", *told]
        return "\n".join([*lines, advice(rest)] if rest else lines)
    shown = needed[:_LISTED]
    more = [f"- and {len(needed) - len(shown)} more"] if len(needed) > len(shown) else []
    count = "one object" if len(needed) == 1 else f"{len(needed)} objects"
    named = ", ".join(f"{_key(one)!r}: {one.python_name}" for one in shown)
    lines = [f"The file needs {count} of yours:"]
    for one in shown:
        what = "" if one.form == "code" else f"{one.kind} "
        lines.append(f"- {what}{one.call()}, at {places_of(one)}")
    lines += [*more, "Define what is missing, and register it before you open the file:"]
    for one in shown:
        lines += [f"    {line}" for line in one.lines()]
    lines.append(f"or name it when you do: custom_objects={{{named}}}.")
    if any(one.form == "code" for one in needed):
        lines.append("Code in a file is never run, with safe_mode=False neither: write its function anew, and give it under "
                     "the name of its layer.")  # fmt: skip
    if all(one.places[0].startswith(_TRAINING) for one in needed):
        lines.append("With compile=False the model opens without them.")
    return "\n".join(lines)


def places_of(needed: Needed) -> str:
    """Where a file names something: the first place, and how many more there are."""
    more = len(needed.places) - 1
    return legible(needed.places[0] or "the top", _LONGEST) + (f" (and {more} more)" if more else "")


_TRAINING = ("compile_config", "training_config")


@contextlib.contextmanager
def all_named(config: Any, training: Any = None) -> Iterator[None]:
    """Inside, an error about a name that is not known names all that is missing in a file.

    Arguments:
        config: the model's config. training: what says how it was compiled, where that is not in ``config``.
    """
    try:
        yield
    except ConfigError as error:
        if error.is_unknown:
            needed = missing_objects(config)
            needed += [] if training is None else missing_objects(training, "training_config", None)
            if needed:
                error.args = (f"{error.args[0]}\n{advice(needed)}", *error.args[1:])
        raise


# ---- walking -------------------------------------------------------------------------------------------------------


def _walk(config: Any, place: str, kind: str | None, inside: str | None = None) -> Iterator[Needed]:
    """What a part of a config names; ``inside`` is the kind of the object that it belongs to."""
    if kind == "dtype":
        return
    if isinstance(config, str):
        if kind is not None and kind != "layer" and not _knows(kind, config):
            yield Needed(config, kind, "function", places=[place], given=find_custom(config, None) is not None)
    elif isinstance(config, list):
        for number, item in enumerate(config):
            yield from _walk(item, f"{place}[{number}]", kind, inside)
    elif isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield from _walk_object(config, place, kind)
            return
        # A dictionary of losses or metrics goes by the names of outputs; any other one has words of its own.
        by_output = kind in ("loss", "metric")
        for key, value in config.items():
            yield from _walk(value, f"{place}.{key}".lstrip("."), kind if by_output else _kind(key, inside), inside)


def _walk_object(config: Config, place: str, kind: str | None) -> Iterator[Needed]:
    name, inner = config["class_name"], config.get("config")
    if is_value(name) or name == "__keras_tensor__" or is_operation(config) or is_tf_operation(config):
        return
    below = f"{place}.config".lstrip(".")
    is_function = name in ("function", "class")
    if name == "Lambda" and isinstance(inner, dict):
        yield from _functions_of(inner, below, place)
    if is_function and not isinstance(inner, str):
        return
    whose = _whose(config, kind)
    if whose != "lamina":
        plain, registered = str(inner if is_function else name), config.get("registered_name")
        full = registered if isinstance(registered, str) and ">" in registered else plain
        form = "function" if name == "function" else "class"
        arguments = dict(inner) if isinstance(inner, dict) else {}
        lacking = "" if full != plain or kind != "layer" or whose == "caller" else reason(f"layers.{plain}")
        yield Needed(full, kind or "object", form, arguments, [place], given=whose == "caller", lacking=lacking)
    if is_function or whose == "caller":
        return  # what a class of the author's makes of its settings is the author's business
    if isinstance(inner, list):  # the layers of a Sequential, as Keras 1 and 2 wrote them
        yield from _walk(inner, below, "layer")
    elif isinstance(inner, dict):
        for key, value in inner.items():
            if not (name == "Lambda" and key in ("function", "mask", "output_shape")):
                yield from _walk(value, f"{below}.{key}", _kind(key, kind), kind)
    compiled = config.get("compile_config")
    if isinstance(compiled, dict):
        yield from _walk(compiled, f"{place}.compile_config".lstrip("."), None)


def _functions_of(inner: Config, below: str, place: str) -> Iterator[Needed]:
    """What a ``Lambda`` computes with: code, or the name of a function."""
    value, name = inner.get("function"), str(inner.get("name"))
    if is_code(value):
        yield Needed(
            name, "layer", "code", places=[place], words=_words(value), given=find_named(name, None) is not None
        )
    for key in ("function", "mask", "output_shape"):
        value = inner.get(key)
        if isinstance(value, str):
            value = {"class_name": "function", "config": value}
        if isinstance(value, dict) and not is_code(value):
            yield from _walk(value, f"{below}.{key}", None)


def _kind(key: str, inside: str | None) -> str | None:
    """The kind of object that stands under a key: ``kernel_initializer`` -> ``"initializer"``."""
    last = key.rpartition("_")[2]
    if last in _LAST_WORDS:
        return last
    return inside if key == "fn" and inside in ("loss", "metric") else _KINDS.get(key)


def _knows(kind: str, name: str) -> bool:
    tables = ("loss", "metric") if kind in ("loss", "metric") else (kind,)
    if kind == "learning rate schedule" or name in known_words(kind) or (kind == "metric" and name in _BY_TARGET):
        return True
    return any(name in TABLES[table].members for table in tables)


def _whose(config: Config, kind: str | None) -> str | None:
    """Whether an object is ``"lamina"``'s, the ``"caller"``'s, or not known."""
    plain = config["class_name"].rpartition(">")[2]
    # tf.keras's way to write functions, which are looked at themselves; and to write optimizers ('Custom>Adam').
    if plain in ("MeanMetricWrapper", "LossFunctionWrapper") or (kind == "optimizer" and plain in TABLES[kind].members):
        return "lamina"
    found, is_own = look_up(config, None, kind)
    if found is None and kind == "activation":  # which may be a layer
        found, is_own = look_up(config, None, "layer")
    return None if found is None else "caller" if is_own else "lamina"


# ---- words ---------------------------------------------------------------------------------------------------------


def _key(needed: Needed) -> str:
    return legible(needed.name if needed.form == "code" else needed.name.rpartition(">")[2], _LONGEST)


def _short(value: Any) -> str:
    """A setting in few words: objects as ``GlorotUniform(...)``."""
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        inner = value.get("config")
        if value["class_name"] in ("function", "DTypePolicy"):
            return legible(repr(inner.get("name") if isinstance(inner, dict) else inner), _LONGEST)
        return legible(f"{value['class_name']}({'...' if inner else ''})", _LONGEST)
    return legible(repr(value), _LONGEST)


def _words(code: Any) -> tuple[str, ...]:
    """The names and texts in the code of a function, read off its bytes: nothing is made of them."""
    inner = code.get("config") if isinstance(code, dict) else code[0]
    text = inner.get("code") if isinstance(inner, dict) else inner
    if not isinstance(text, str):
        return ()
    try:
        data = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except ValueError:
        data = text.encode("raw_unicode_escape")
    found: list[str] = []
    for match in re.finditer(rb"[zZ\xda\xfa](.)", data[:100_000], re.DOTALL):
        word = data[match.end() : match.end() + match[1][0]]
        if len(word) == match[1][0] and re.fullmatch(rb"[\x20-\x7e]{1,60}", word):
            found.append(word.decode())
    return tuple(dict.fromkeys(word for word in found if word != "<lambda>"))
