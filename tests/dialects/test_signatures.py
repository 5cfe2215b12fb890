"""Every argument of every layer of every generation is today's, is translated, or has a stated reason not to be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.dialects import ALIASES, keras1, keras2, keras3, tf_keras
from lamina.dialects.translator import GENERATIONS, translate_alias, using_dialect

SIGNATURES: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("signatures.json").read_text())
ORDER = ("keras1", "keras2", "keras2.3", "tf_keras", "keras3")
# What every layer takes through **kwargs, whichever its class.
BASE = {"name", "dtype", "trainable", "activity_regularizer", "autocast", "input_shape", "batch_input_shape",
        "batch_shape", "batch_size", "input_dim", "input_dtype", "weights", "dynamic", "sparse", "ragged"}  # fmt: skip
# Layers that pass what they don't know on to RNN, which has zero_output_for_mask.
RECURRENT = {"SimpleRNN", "GRU", "LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
# Layers of Keras 1 that no later Keras renamed the arguments of: they keep their own.
# test_inventory.py makes them, and all others, with every argument.
OWN_WORDS = {"Highway", "MaxoutDense", "Merge", "ParametricSoftplus", "SReLU", "InputSpec", "Layer"}


def arguments(name: str, generation: str) -> list[str]:
    positional, _, by_hand = SIGNATURES[name][generation].partition("|")
    return [argument.partition("=")[0] for argument in positional.split()] + by_hand.split()


def positional(name: str, generation: str) -> list[str]:
    return [argument.partition("=")[0] for argument in SIGNATURES[name][generation].partition("|")[0].split()]


def default(name: str, generation: str, argument: str) -> str:
    found = dict(part.split("=", 1) for part in SIGNATURES[name][generation].split() if "=" in part)
    return found.get(argument, "required")


def newest(name: str) -> str:
    return [generation for generation in ORDER if generation in SIGNATURES[name]][-1]


def native(name: str) -> set[str]:
    """Today's arguments of a class: Keras 3's, or the newest generation's that had it."""
    today = ALIASES[name][0] if name in ALIASES and ALIASES[name][0] in SIGNATURES else name
    return set(arguments(today, newest(today))) | BASE | ({"zero_output_for_mask"} if today in RECURRENT else set())


CASES = [
    (name, generation, argument)
    for name, generations in SIGNATURES.items()
    for generation in generations
    for argument in arguments(name, generation)
    if name not in OWN_WORDS
]


@pytest.mark.parametrize(("name", "generation"), sorted({(name, generation) for name, generation, _ in CASES}))
def test_every_argument_is_known(name, generation):
    key = keras3.SAME_TABLES.get(name, modern_name(name))
    for argument in arguments(name, generation):
        if argument in keras3.GONE.get(key, {}) or argument in keras1.GONE.get(key, {}):
            continue
        if argument in native(name) and not (generation == "keras1" and key in keras1.ORDER):
            continue
        with using_dialect(None):
            # One value that is harmless wherever the tables look at values.
            given = {argument: 1}
            for parts, _ in keras1.JOINED:  # a kernel's sizes come together
                given |= dict.fromkeys(parts, 1) if argument in parts else {}
            given |= {"input_dim": 1} if argument == "input_length" else {}
            _, today = translate_alias(name, (), given) if name in ALIASES else _translate(key, given)
        fixed = ALIASES[name][1] if name in ALIASES else {}
        assert set(today) - set(fixed) <= native(name), (name, generation, argument, today)


def _translate(name, given):
    from lamina.dialects import translate

    return translate(name, (), given)


@pytest.mark.parametrize("generation", ["keras2", "keras2.3", "tf_keras", "keras3"])
def test_orders_are_the_generation_s(generation):
    for name, order in GENERATIONS[generation].order.items():
        if generation in SIGNATURES.get(name, {}):
            assert order.split() == positional(name, generation), name


def test_keras1_orders_are_keras1_s():
    for name, order in keras1.ORDER.items():
        old = {"Conv2DTranspose": "Deconvolution2D"}.get(name, name)
        assert order.split() == positional(old, "keras1"), name


def modern_name(name: str) -> str:
    return keras3.SYNONYMS.get(name, name)


@pytest.mark.parametrize("generation", ["keras2", "keras2.3", "tf_keras"])
def test_no_reordered_class_is_missing(generation):
    """A class whose positional arguments are not the first ones of today's signature has a row."""
    for name, generations in SIGNATURES.items():
        if generation not in generations or "keras3" not in generations or modern_name(name) != name:
            continue
        then, now = positional(name, generation), positional(name, "keras3")
        if name not in ("InputSpec", "Layer") and now[: len(then)] != then:
            assert name in GENERATIONS[generation].order, (name, then, now)


@pytest.mark.parametrize("generation", ["keras2", "keras2.3", "tf_keras"])
def test_changed_defaults_are_all_there(generation):
    """Each default that Keras 3 changed is in the table, save those that mean the same."""
    same = {("1", "(1,1)"), ("1", "(1,1,1)"), ("'Zeros'", "'zeros'"), ("None", "False"),
            ("((1,1),(1,1),(1,1))", "(1,1,1)")}  # fmt: skip
    for name, generations in SIGNATURES.items():
        if generation not in generations or "keras3" not in generations or modern_name(name) != name:
            continue
        for argument in set(positional(name, generation)) & set(positional(name, "keras3")):
            then, now = default(name, generation, argument), default(name, "keras3", argument)
            if then != now and (now, then) not in same:
                assert argument in GENERATIONS[generation].defaults.get(name, {}), (name, argument, then, now)


@pytest.mark.parametrize("table", [keras1, keras2, tf_keras])
def test_defaults_know_where_their_arguments_stand(table):
    """A default is only set where the argument was not given, so its class needs its order."""
    generation = table.GENERATION
    for name in generation.defaults:
        assert name in generation.order or name in keras2.GENERATION.order, name
