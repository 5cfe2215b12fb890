"""A call in older words -> the same in today's, by the translator that runs old code (:mod:`lamina.dialects`).

The call is given to it with the values that stand in the source; what it answers is written back, argument by argument.
"""

from __future__ import annotations

import importlib
import inspect
import string
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import libcst as cst

from lamina import optimizers
from lamina.dialects import keras1, keras3, translator
from lamina.dialects.backend_names import KERAS3_LACKS_ARGUMENTS, Op
from lamina.dialects.notes import listening
from lamina.migrate.names import parameters
from lamina.migrate.values import Code, Several, Text, code_of, is_known, sources, value_of, written

_HARD_SIGMOID = "hard_sigmoid_keras2"
_ADDED = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
_SAMPLED = ("fit_generator", "evaluate_generator", "predict_generator")
_NUMERIC_PARTS = ("nb_row", "kernel_dim1")
# Where the classes are that the tables name.
_HOMES = ("initializers", "regularizers", "constraints", "optimizers", "optimizers.schedules", "layers")


class Facts(NamedTuple):
    """What a file does that makes a difference to calls.

    Arguments:
        sets_format: it speaks of the order of images' axes.
        freezes: it sets ``trainable``.
        reads_rate: it reads or changes the learning rate.
    """

    sets_format: bool = False
    freezes: bool = False
    reads_rate: bool = False


class Slot(NamedTuple):
    """An argument as it stands: its code, its value, and its keyword."""

    arg: cst.Arg
    value: Any
    keyword: str | None


class Unsure(Exception):
    """Why a call is left as it is."""


class Writer:
    """Writes calls in today's words.

    Arguments:
        to: ``"lamina"`` or ``"keras3"``.
        dialect: the generation that the file was written for.
        facts: of the file.
        needs: called with a path below Keras: gives the code of that object, and has it imported.
        differs: called with what the target does otherwise and no argument can say.
    """

    def __init__(self, to: str, dialect: str, facts: Facts, needs: Callable[[str], cst.BaseExpression],
                 differs: Callable[[str], None]) -> None:  # fmt: skip
        self.to, self.dialect, self.facts = to, dialect, facts
        self.needs, self.differs = needs, differs
        self.batch_shape: Any = None  # of the layer that was written last, which Keras 3 takes from an Input before it

    # -- classes, functions and methods --

    def layer(self, name: str, today: str, call: cst.Call) -> cst.Call:
        """The call of a layer's or a model's class; ``today`` is its path in lamina."""
        translate = translator.translate_alias if name in keras3.ALIASES else translator.translate
        return self._rewritten(name, today, translate, call)

    def function(self, name: str, today: str, call: cst.Call) -> cst.Call:
        """The call of a function, an optimizer, a callback, ..., or of a method (``Model.fit``)."""
        return self._rewritten(name, today, translator.translate_call, call)

    def method(self, kind: str, method: str, today: str, call: cst.Call) -> cst.Call:
        """The call of a model's method; ``kind`` is the model's class."""
        samples = [arg for arg in call.args if arg.keyword is not None and arg.keyword.value in keras3.SAMPLES]
        named = {arg.keyword.value for arg in samples if arg.keyword is not None}
        if self.dialect == "keras1" and method in _SAMPLED:
            order = translator.GENERATIONS["keras1"].calls[f"Model.{method}"].order.split()
            named |= {name for name in order[: sum(arg.keyword is None for arg in call.args)] if name in keras3.SAMPLES}
        if named:
            raise Unsure(f"{method}: {', '.join(sorted(named))} counts samples, and today counts batches: divide by the size "
                         "of a batch of the generator.")  # fmt: skip
        return self._rewritten(f"{kind}.{method}", f"models.Model.{today}", translator.translate_call, call)

    def merged(self, given: Mapping[str, cst.BaseExpression]) -> cst.Call:
        """Keras 1's ``merge(inputs, mode=...)``: the layer that does so, called on the inputs."""
        values = {key: value_of(node) for key, node in given.items()}
        mode = values.get("mode")
        if isinstance(mode, Code) and not isinstance(mode.node, (cst.Lambda, cst.Name)):
            raise Unsure("merge: its mode is known when the script runs.")
        if isinstance(mode, Code):
            values["mode"] = lambda inputs: inputs
        try:
            class_name, arguments, inputs = translator.merge_layer((), values)
        except (TypeError, ValueError) as error:
            raise Unsure(str(error)) from error
        arguments = {key: mode if key == "function" else value for key, value in arguments.items() if value is not None}
        if class_name == "Concatenate" and arguments.get("axis") == -1:
            del arguments["axis"]
        return cst.Call(self.object(class_name, arguments), [cst.Arg(inputs.node)])

    def _rewritten(self, name: str, today: str, translate: Callable[..., Any], call: cst.Call) -> cst.Call:
        slots = [Slot(arg, value_of(arg.value), arg.keyword.value if arg.keyword else None) for arg in call.args]
        starred = any(arg.star for arg in call.args)
        args = tuple(slot.value for slot in slots if slot.keyword is None and not slot.arg.star)
        kwargs = {slot.keyword: slot.value for slot in slots if slot.keyword is not None}
        self._refuse_guesses(name, args, kwargs)
        args2, kwargs2, renamed = self._translated(name, translate, args, kwargs)
        new_keys = {key for key, value in kwargs2.items() if not _comes_from(value, slots)}
        kwargs2 = {key: value for key, value in kwargs2.items()
                   if key not in new_keys or key in renamed.values() or self._matters(key, kwargs2, call)}  # fmt: skip
        kwargs2 = self._in_target(name, kwargs2)
        if starred:
            self._refuse_hidden(name, call, [key for key in kwargs2 if key in new_keys])
        return call.with_changes(args=self._arguments(today, slots, args2, kwargs2, renamed))

    def _refuse_hidden(self, name: str, call: cst.Call, defaults: list[str]) -> None:
        """What comes from a list or a dictionary may be older words, and what a generation had by default may be in it."""
        if defaults or any(arg.star == "*" for arg in call.args) or (self.to == "keras3" and self.dialect == "keras1"):
            hint = f" Its default of {', '.join(defaults)} was another." if defaults else ""
            raise Unsure(
                f"{name}: its arguments come from a list or a dictionary (* or **), which may hold older words.{hint}"
            )

    def _translated(
        self, name: str, translate: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        with translator.using_dialect(self.dialect), listening() as notes, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                args2, kwargs2 = translate(name, args, dict(kwargs))
            except (TypeError, ValueError) as error:
                raise Unsure(str(error)) from error
        for _, argument in notes.left_out:
            value = kwargs.get(argument)
            if argument not in ("output_shape", "consume_less") and _says_something(name, argument, value):
                self.differs(f"{name}: {argument} has no counterpart today and was left out.")
        return args2, kwargs2, dict(notes.translated.keys())

    def _refuse_guesses(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """What the translator could only decide when the script runs."""
        key = keras3.SAME_TABLES.get(name, keras3.SYNONYMS.get(name, name))
        order = keras1.ORDER.get(key, "").split()
        kernel = any(part in order for part in _NUMERIC_PARTS)
        unknown = self.dialect not in ("keras1", "keras3") and any(isinstance(one, Code) for one in args[1:3])
        if kernel and unknown and len(args) > 2 and not translator.keras1_words(name) & kwargs.keys():
            raise Unsure(f"{name}: whether these are the kernel's sizes or its size and the strides is decided when the script "
                         "runs.")  # fmt: skip

    def _matters(self, key: str, kwargs: Mapping[str, Any], call: cst.Call) -> bool:
        """Whether a setting that the file did not name makes a difference in it."""
        if key == "data_format":
            return self.facts.sets_format
        if key == "implementation":
            return any(kwargs.get(rate) not in (None, 0, 0.0) for rate in ("dropout", "recurrent_dropout"))
        if key in ("frozen_statistics", "debiases", "keep_trainable"):
            return self.facts.freezes
        return True

    def _in_target(self, name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Without the arguments that Keras 3 lacks, and with what it has in their place."""
        if self.to == "lamina":
            return kwargs
        kwargs = dict(kwargs)
        if kwargs.pop("epsilon_outside", False):
            # sqrt(v) + e is nearly sqrt(v + e * e), which Keras 3 computes.
            epsilon = kwargs.get("epsilon", 1e-7)
            kwargs["epsilon"] = float(f"{float(epsilon or 1e-7) ** 2:.6g}") if is_known(epsilon) else epsilon
        if "epsilon" in kwargs and kwargs["epsilon"] is None:
            del kwargs["epsilon"]  # it meant the one that is configured, which is Keras 3's default
        if kwargs.get("implementation") == 1:
            self.differs(f"Keras 3's {name} draws one dropout for all gates.")
            del kwargs["implementation"]
        if "decay" in kwargs:
            kwargs = self._decaying(name, kwargs)
        if "batch_input_shape" in kwargs and name not in ("InputLayer", "Input"):
            self.batch_shape = kwargs.pop("batch_input_shape")
        for key in [key for key in kwargs if key in KERAS3_LACKS_ARGUMENTS]:
            if key not in ("averages_at_end", "keep_trainable"):
                self.differs(f"Keras 3's {name} has no {key}={kwargs[key]!r}, as this generation computed.")
            del kwargs[key]
        return kwargs

    def _decaying(self, name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        decay = kwargs.pop("decay")
        if decay in (0, 0.0, None) and not isinstance(decay, Code):
            return kwargs
        if self.facts.reads_rate:
            raise Unsure(f"{name}: decay= is a schedule in Keras 3, and this file reads or changes the learning rate.")
        rate = kwargs.get("learning_rate", _default(name, "learning_rate"))
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        return {"learning_rate": _Made("InverseTimeDecay", schedule),
                **{key: value for key, value in kwargs.items() if key != "learning_rate"}}  # fmt: skip

    @staticmethod
    def add_weight(call: cst.Call) -> cst.Call:
        """Keras 2 took the name first: ``self.add_weight("W", (3, 4))``."""
        by_order = [arg for arg in call.args if arg.keyword is None and not arg.star]
        if not by_order or not isinstance(value_of(by_order[0].value), Text):
            return call
        named = dict(zip(_ADDED, by_order, strict=False))
        args = [arg.with_changes(keyword=cst.Name(name), equal=NO_SPACE) for name, arg in named.items()]
        return call.with_changes(args=[*args, *call.args[len(by_order) :]])

    # -- functions of K, which Keras 3 lacks --

    def backend(self, name: str, op: Op, call: cst.Call, owner: str = "K") -> cst.BaseExpression:
        """A call of ``K.name`` or ``tf.name``, by Keras 3's function."""
        what, order = f"{owner}.{name}", op.order.split()
        if any(arg.star for arg in call.args):
            raise Unsure(f"{what}: its arguments come from a list or a dictionary (* or **).")
        given: dict[str, cst.Arg] = {}
        for number, arg in enumerate(call.args):
            if arg.keyword is None and number >= len(order):
                raise Unsure(f"{what} is given {len(call.args)} arguments, and Keras 3's takes {len(order)} of them.")
            given[arg.keyword.value if arg.keyword is not None else order[number]] = arg
        given.pop("name", None) if owner == "tf" else None
        unknown = [key for key in given if key in op.refused or key not in (*order, *op.renamed)]
        if unknown:
            raise Unsure(f"{what}({unknown[0]}=...) has no counterpart in Keras 3.")
        if "{" in op.target:
            return self._from_template(what, op, given)
        args = [arg.with_changes(keyword=cst.Name(op.renamed[arg.keyword.value])) if arg.keyword is not None
                and arg.keyword.value in op.renamed else arg for arg in given.values()]  # fmt: skip
        if args:
            args[-1] = args[-1].with_changes(comma=call.args[-1].comma)
        missing = [(key, value) for key, value in op.defaults.items() if key not in given]
        args = _with_more(args, [_argument(key, cst.parse_expression(value)) for key, value in missing])
        return call.with_changes(func=self.needs(op.target), args=args)

    def _from_template(self, what: str, op: Op, given: Mapping[str, cst.Arg]) -> cst.BaseExpression:
        codes = {key: (_in_brackets if _is_owner(key, op.target) else code_of)(arg.value) for key, arg in given.items()}
        if any(f"{{{key}}}" not in op.target for key in codes):
            raise Unsure(f"{what}: Keras 3 has no such arguments.")
        missing = [name for _, name, _, _ in string.Formatter().parse(op.target) if name not in (None, "keras", *codes)]
        if missing:
            raise Unsure(f"{what} needs {missing[0]}.")
        text = op.target.format(keras=code_of(self.needs("")), **codes)
        return cst.parse_expression(text)

    # -- writing --

    def object(self, class_name: str, config: Mapping[str, Any]) -> cst.Call:
        """The code of an object by its class's name."""
        if self.to == "keras3":
            config = self._in_target(class_name, dict(config))
        arguments = [_argument(key, self.code(value)) for key, value in config.items()]
        return cst.Call(self.needs(_home(class_name)), _with_more([], arguments))

    def code(self, value: Any, quote: str = '"') -> cst.BaseExpression:
        """The code of a value."""
        if isinstance(value, _Made):
            return self.object(*value)
        if self.to == "keras3" and isinstance(value, str) and value == _HARD_SIGMOID:
            return self.needs(_HARD_SIGMOID)
        return written(value, quote, self.object)

    def _arguments(self, today: str, slots: list[Slot], args: tuple[Any, ...], kwargs: Mapping[str, Any],
                   renamed: Mapping[str, str]) -> list[cst.Arg]:  # fmt: skip
        """The arguments in the order in which they stood; new ones at the end."""
        order, waiting, new = parameters(today), dict(kwargs), []
        quote = next((_quote_of(slot, "") for slot in slots if isinstance(slot.value, Text)), '"')
        in_order, kept_args = True, list(args)
        for slot in slots:
            if slot.arg.star:
                new.append(slot.arg)
                continue
            if slot.keyword is None and kept_args:  # the translator left it where it was
                value = kept_args.pop(0)
                new.append(slot.arg if value is slot.value else slot.arg.with_changes(value=self.code(value, quote)))
                continue
            key = _key_of(slot, waiting, renamed)
            if key is None:
                in_order = False
                continue
            value = waiting.pop(key)
            in_order = in_order and slot.keyword is None and order[len(new) : len(new) + 1] == [key]
            code = slot.arg.value if value is slot.value else self.code(value, _quote_of(slot, quote))
            keyword = None if in_order else cst.Name(key)
            equal = slot.arg.equal if slot.keyword is not None else NO_SPACE
            new.append(
                slot.arg.with_changes(
                    value=code, keyword=keyword, equal=equal if keyword is not None else slot.arg.equal
                )
            )
        if new and slots:
            new[-1] = new[-1].with_changes(
                comma=slots[-1].arg.comma, whitespace_after_arg=slots[-1].arg.whitespace_after_arg
            )
        return _with_more(new, [_argument(key, self.code(value, quote)) for key, value in waiting.items()])


class _Made(NamedTuple):
    """An object to be written as the call of its class."""

    class_name: str
    config: Mapping[str, Any]


NO_SPACE = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def _argument(key: str, value: cst.BaseExpression) -> cst.Arg:
    return cst.Arg(value, cst.Name(key), NO_SPACE)


def _with_more(args: list[cst.Arg], more: list[cst.Arg]) -> list[cst.Arg]:
    """The arguments, and more of them behind; a comma at the end stays at the end."""
    if not more:
        return args
    space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    last = args[-1].comma if args else cst.MaybeSentinel.DEFAULT
    between = [arg.with_changes(comma=space) for arg in more]
    behind = args[-1].whitespace_after_arg if args else cst.SimpleWhitespace("")
    if args:
        args = [*args[:-1], args[-1].with_changes(comma=space, whitespace_after_arg=cst.SimpleWhitespace(""))]
    between[-1] = more[-1].with_changes(comma=last, whitespace_after_arg=behind)
    return [*args, *between]


def _comes_from(value: Any, slots: list[Slot]) -> bool:
    """Whether a value is made of what stood in the call."""
    nodes = {id(node) for slot in slots for node in [*sources(slot.value), *_inside(slot.value)]}
    return any(id(node) in nodes for node in sources(value))


def _inside(value: Any) -> list[cst.BaseExpression]:
    return [node for item in value for node in sources(item)] if isinstance(value, Several) else []


def _key_of(slot: Slot, waiting: Mapping[str, Any], renamed: Mapping[str, str]) -> str | None:
    """Under which name an argument came back."""
    nodes = {id(node) for node in [*sources(slot.value), *_inside(slot.value)]}
    found = [key for key, value in waiting.items() if nodes & {id(node) for node in sources(value)}]
    if found:
        return slot.keyword if slot.keyword in found else found[0]
    if slot.keyword is None:
        return None
    today = renamed.get(slot.keyword, slot.keyword)
    return today if today in waiting else None


def _quote_of(slot: Slot, otherwise: str) -> str:
    return code_of(slot.value.node)[-1] if isinstance(slot.value, Text) else otherwise


def _says_something(name: str, argument: str, value: Any) -> bool:
    gone = {
        **keras3.GONE.get(name, {}),
        **keras1.GONE.get(name, {}),
        **keras3.CALLS.get(name, keras3.CALLS["plot_model"]).gone,
    }
    row = gone.get(argument)
    return row is not None and bool(row.sentence) and not row.lets_go(value)


def _home(class_name: str) -> str:
    """The path of a class that the tables name."""
    return next(
        f"{module}.{class_name}" for module in _HOMES if class_name in dir(importlib.import_module(f"lamina.{module}"))
    )


def _default(name: str, parameter: str) -> Any:
    """A parameter's default today."""
    return inspect.signature(getattr(optimizers, name)).parameters[parameter].default


def _is_owner(key: str, template: str) -> bool:
    """Whether something stands behind an argument in a template: ``{x}.shape``, ``{x} / ...``."""
    return f"{{{key}}}." in template or f"{{{key}}} " in template


def _in_brackets(node: cst.BaseExpression) -> str:
    """The code of an expression, so that something can stand behind it."""
    is_whole = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) or bool(getattr(node, "lpar", ()))
    return code_of(node) if is_whole else f"({code_of(node)})"
