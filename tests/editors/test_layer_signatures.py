"""What ``help``, IPython and ``inspect.signature`` show of a layer, and what checkers know of its arguments."""

from __future__ import annotations

import inspect
import pydoc
from typing import Any, get_args, get_type_hints

import pytest

from lamina import layers, ops
from lamina.engine import types
from lamina.engine.construction import BASE_ARGUMENTS, INPUT_ARGUMENTS
from lamina.layers import convolutional, recurrent, resizing, wrappers
from lamina.models import Model, Sequential

CLASSES = sorted({value for value in map(layers.__dict__.get, layers.__all__) if isinstance(value, type)
                  and issubclass(value, layers.Layer)}, key=lambda cls: cls.__name__) + [Model, Sequential]  # fmt: skip
FUNCTIONS = ["Input", "add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"]
# Arguments that take whatever there is, and why.
ANYTHING: dict[str, str] = {
    "Model.inputs": "symbolic tensors in lists, tuples and dicts of any depth",
    "Model.outputs": "symbolic tensors in lists, tuples and dicts of any depth",
    **{f"{name}.inputs": "tensors, symbolic tensors or arrays, which no common type holds" for name in FUNCTIONS[1:]},
    "Input.tensor": "a symbolic tensor, which checkers know as Any: torch's functions take one where they say Tensor",
}


class Sized(layers.Dense):
    """A layer of a user's with a constructor of its own."""

    def __init__(self, size: int, *, deep: bool = False, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        self.deep = deep


class Same(Sized):
    """One without."""


def own_parameters(cls: type) -> list[inspect.Parameter]:
    return list(inspect.signature(cls.__init__).parameters.values())[1:]


@pytest.mark.parametrize("cls", [*CLASSES, Sized, Same], ids=lambda cls: cls.__name__)
def test_a_class_shows_its_constructor(cls: type):
    shown = inspect.signature(cls)
    assert list(shown.parameters.values()) == own_parameters(cls)
    assert not any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in shown.parameters.values())
    assert f"{cls.__name__}{shown}".split(",")[0] in pydoc.render_doc(cls, renderer=pydoc.plaintext)


@pytest.mark.parametrize("name", [name for name in dir(layers) if name not in layers.__all__])
def test_an_older_name_shows_the_modern_parameters(name: str):
    old = getattr(layers, name)
    modern = inspect.unwrap(old)
    assert list(inspect.signature(old).parameters.values()) == own_parameters(modern)


def test_a_subclass_shows_its_own_parameters_and_may_say_others():
    assert list(inspect.signature(Sized).parameters) == ["size", "deep", "kwargs"]
    assert inspect.signature(Same) == inspect.signature(Sized)

    class Told(layers.Layer):
        __signature__ = inspect.Signature()

    assert not inspect.signature(Told).parameters


@pytest.mark.parametrize("name", ["sin", "maximum", "elu", "sigmoid", "einsum", "add", "bitwise_and", "softmax"])
def test_operations_show_their_parameters(name: str):
    assert "args" not in inspect.signature(getattr(ops, name)).parameters


@pytest.mark.parametrize(
    "maker", [*CLASSES, *(getattr(layers, name) for name in FUNCTIONS)], ids=lambda one: one.__name__
)
def test_no_argument_is_of_any_type(maker: Any):
    function = maker.__init__ if isinstance(maker, type) else maker
    hints = get_type_hints(function)
    for name in list(inspect.signature(function).parameters)[isinstance(maker, type) :]:
        is_known = name in hints and hints[name] is not Any
        assert is_known != (f"{maker.__name__}.{name}" in ANYTHING), f"{maker.__name__}.{name}: {hints.get(name)}"


def test_the_options_of_a_layer_are_those_that_it_takes():
    assert set(types.LayerOptions.__annotations__) == {*BASE_ARGUMENTS, *INPUT_ARGUMENTS}
    assert set(types.OtherOptions.__annotations__) == set(types.LayerOptions.__annotations__) - {"activity_regularizer"}
    assert set(types.OptionsButName.__annotations__) == set(types.LayerOptions.__annotations__) - {"name"}
    assert set(types.OptionsButWeights.__annotations__) == set(types.LayerOptions.__annotations__) - {
        "weights",
        "sparse",
    }


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_named_arguments_and_options_have_no_name_in_common(cls: type):
    function = inspect.unwrap(cls.__init__)
    named = list(inspect.signature(function).parameters)
    if "kwargs" in named and f"{cls.__name__}.kwargs" not in ANYTHING:
        [options] = get_args(get_type_hints(function)["kwargs"])
        assert not set(named) & set(options.__annotations__)
        if "name" not in named and "name" not in options.__annotations__:
            assert cls is layers.Layer


@pytest.mark.parametrize(
    ("literal", "known"),
    [
        (types.Padding, ("valid", "same")),
        (types.CausalPadding, convolutional.Conv1D.paddings),
        (resizing.InterpolationName, resizing.INTERPOLATIONS),
        (get_type_hints(wrappers.Bidirectional.__init__)["merge_mode"], wrappers._MERGES),
    ],
)
def test_closed_lists_are_those_that_are_read(literal: Any, known: Any):
    literal = next((one for one in get_args(literal) if get_args(one)), literal)
    assert {name.lower() for name in get_args(literal)} == set(known)


@pytest.mark.parametrize("name", [*get_args(types.Padding), *get_args(types.CausalPadding)])
def test_each_padding_is_taken(name: str):
    assert layers.Conv1D(1, 1, padding=name).padding == name.lower()


@pytest.mark.parametrize("value", get_args(get_type_hints(recurrent.LSTM.__init__)["implementation"]))
def test_each_implementation_is_taken(value: int):
    for cls in (layers.LSTM, layers.GRU):
        assert cls(1, implementation=value).implementation == value
