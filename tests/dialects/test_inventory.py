"""The house is full: every layer class of every generation is found, made, called with all its arguments, or has a
stated reason not to be there."""

from __future__ import annotations

import ast
import importlib
import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from lamina.compat.modules import as_keras
from lamina.dialects import keras3
from lamina.dialects.absent import ABSENT
from lamina.dialects.translator import GENERATIONS
from lamina.graph.symbolic import leaves

HERE = Path(__file__)
INVENTORY = json.loads(HERE.with_name("inventory.json").read_text())
SIGNATURES: dict[str, dict[str, str]] = json.loads(HERE.with_name("signatures.json").read_text())
COUNTS = {"keras1": 68, "keras2": 85, "keras2.3": 83, "tf_keras": 117, "keras3": 142}

# ---- the exceptions --------------------------------------------------------------------------------------------------

EXCEPTIONS = {
    name.removeprefix("layers."): row.why for row in ABSENT for name in row.names if name.startswith("layers.")
}

# ---- how the others are made and called ------------------------------------------------------------------------------

# A value for each argument that some class must be given, and some that no class can do without.
REQUIRED = {
    "activation": "relu", "nb_filter": 2, "filters": 2, "filter_length": 3, "nb_row": 3, "nb_col": 3, "kernel_size": 3,
    "kernel_dim1": 3, "kernel_dim2": 3, "kernel_dim3": 3, "output_dim": 3, "p": 0.5, "rate": 0.5, "sigma": 0.1,
    "stddev": 0.1, "input_dim": 4, "function": torch.abs, "dims": (2, 1), "n": 3, "target_shape": (2, 2), "units": 3,
    "axes": 1, "num_heads": 2, "key_dim": 3, "head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2,
    "output_size": 2, "pool_size": 2, "module": torch.nn.Linear(4, 3), "equation": "ab,bc->ac",
}  # fmt: skip
# By class, where a value is the class's own, or depends on the library.
OWN = {
    "Bidirectional": lambda keras: {"layer": keras.layers.LSTM(3)},
    "ConvRNN2D": lambda keras: {"cell": keras.layers.ConvLSTM2DCell(2, 3)},
    "EinsumDense": lambda keras: {"output_shape": 3},
    "RNN": lambda keras: {"cell": keras.layers.LSTMCell(3)},
    "SpectralNormalization": lambda keras: {"layer": keras.layers.Dense(3)},
    "StackedRNNCells": lambda keras: {"cells": [keras.layers.LSTMCell(3), keras.layers.LSTMCell(2)]},
    "TimeDistributed": lambda keras: {"layer": keras.layers.Dense(3)},
    "Wrapper": lambda keras: {"layer": keras.layers.Dense(3)},
    **{name: (lambda shape: lambda keras: {"output_shape": shape})((None, 10, 10, 2))
       for name in ("Deconvolution2D", "Deconv2D")},
}  # fmt: skip
# What each class is called on, where it is not said by how the name ends; a list of shapes is several inputs.
FLAT, STEPS, PAIR = (2, 4), (2, 8, 4), [(2, 4), (2, 4)]
SPACES = {"1D": STEPS, "2D": (2, 8, 8, 4), "3D": (2, 6, 6, 6, 4)}
SHAPES = {
    **dict.fromkeys(("Add", "Average", "Concatenate", "Dot", "Maximum", "Merge", "Minimum", "Multiply", "Subtract"), PAIR),
    "Attention": [STEPS, STEPS],
    "AdditiveAttention": [STEPS, STEPS],
    **dict.fromkeys(("GRU", "LSTM", "SimpleRNN", "CuDNNGRU", "CuDNNLSTM", "RNN", "Bidirectional", "TimeDistributed",
                     "TimeDistributedDense", "Recurrent", "Masking", "Permute"), STEPS),
    **dict.fromkeys(("ConvLSTM2D", "ConvRNN2D", "ConvRecurrent2D"), (2, 5, 8, 8, 4)),
    "ConvLSTM1D": (2, 5, 8, 4),
    "GroupNormalization": (2, 32),
    "ConvLSTM3D": (1, 2, 4, 4, 4, 4),
}  # fmt: skip
INTEGERS = ("Embedding", "ReversibleEmbedding")
TWO_ARGUMENTS = ("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")  # query and value, not a list
CELLS = ("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "ConvLSTM2DCell", "AbstractRNNCell")


class Body:
    """What the bases of layers leave to their subclasses; each base uses what it knows."""

    units = 4
    state_size = 4

    def call(self, inputs, *states):
        return (inputs, *states)[: 1 + len(states)] if states else inputs

    def step(self, inputs, states):
        return inputs, states


BASES = {"Layer": ("call",), "Wrapper": ("call",), "AbstractRNNCell": ("call", "state_size"),
         "Recurrent": ("step", "units"), "ConvRecurrent2D": ("step",)}  # fmt: skip


def the_class(keras, name):
    """The class of this name; of a base, a subclass that a user might have written."""
    found = getattr(keras.layers, name)
    if name not in BASES:
        return found
    return type(f"My{name}", (found,), {part: vars(Body)[part] for part in BASES[name]})


def parameters(name, generation):
    """Each constructor argument, and its default as written; ``None`` where there is none."""
    positional = SIGNATURES[name][generation].partition("|")[0].split()
    return {
        argument: (default if equals else None) for argument, equals, default in (p.partition("=") for p in positional)
    }


def required(keras, name, generation):
    """The smallest number of arguments that makes the class."""
    own = OWN.get(name, lambda keras: {})(keras)
    given = {argument: REQUIRED[argument] for argument, default in parameters(name, generation).items()
             if default is None and argument not in own}  # fmt: skip
    given |= own
    if name == "InputLayer":
        given |= {"shape" if generation == "keras3" else "input_shape": (4,)}
    if name == "ConvRecurrent2D" and generation == "keras1":  # which left them all to the class that it is a base of
        given |= {"nb_filter": 2, "nb_row": 3, "nb_col": 3}
    return given


def inputs_of(name):
    shape = SHAPES.get(name) or next((shape for end, shape in SPACES.items() if end in name), FLAT)
    if name in INTEGERS:
        return torch.randint(0, 4, shape)
    return [torch.rand(one) for one in shape] if isinstance(shape, list) else torch.rand(shape)


def run(layer, name):
    """What a layer gives, whatever it is called on."""
    if name == "InputLayer":
        return layer.output
    if name in TWO_ARGUMENTS:
        return layer(torch.rand(STEPS), torch.rand(STEPS))
    inputs = inputs_of(name)
    if name in CELLS:
        if hasattr(layer, "build") and name != "AbstractRNNCell":
            layer.build((None, *inputs.shape[1:]))
        return layer(inputs, layer.get_initial_state(batch_size=inputs.shape[0]))
    return layer(inputs)


def everything(generation):
    inventory = INVENTORY[generation]
    return [*inventory["classes"], *inventory["aliases"], "InputSpec"]


LAYERS = [(generation, name) for generation in INVENTORY for name in everything(generation)
          if name not in EXCEPTIONS and name != "InputSpec"]  # fmt: skip


@pytest.fixture
def keras_of():
    doors = []

    def open_door(generation):
        doors.append(as_keras(generation))
        return importlib.import_module("keras")

    yield open_door
    for door in doors:
        door.close()


# ---- what is there ---------------------------------------------------------------------------------------------------


def test_the_inventory_is_whole():
    assert {generation: len(inventory["classes"]) for generation, inventory in INVENTORY.items()} == COUNTS
    for generation in INVENTORY:
        names = everything(generation)
        assert [name for name, times in Counter(names).items() if times > 1] == []
        assert [name for name in names if generation not in SIGNATURES[name]] == []


@pytest.mark.parametrize("generation", INVENTORY)
def test_every_layer_is_there_or_has_its_reason(keras_of, generation):
    layers = keras_of(generation).layers
    names = [*everything(generation), *INVENTORY[generation]["functions"]]
    assert [name for name in names if name not in EXCEPTIONS and not callable(getattr(layers, name, None))] == []


@pytest.mark.parametrize("generation", INVENTORY)
def test_no_exception_is_needless(keras_of, generation):
    layers = keras_of(generation).layers
    assert [name for name in EXCEPTIONS if hasattr(layers, name)] == []
    assert all(EXCEPTIONS.values()), "each exception has a reason"
    assert EXCEPTIONS.keys() <= {name for one in INVENTORY for name in everything(one)} | {
        "RandomHeight",
        "RandomWidth",
    }


MODULES = [(generation, module) for generation, inventory in INVENTORY.items() for module in inventory["modules"]]


@pytest.mark.parametrize(("generation", "module"), MODULES)
def test_old_import_paths_lead_to_the_same_layers(keras_of, generation, module):
    layers, found = keras_of(generation).layers, importlib.import_module(module)
    names = [name for name in INVENTORY[generation]["modules"][module].split() if name not in EXCEPTIONS]
    assert [name for name in names if not hasattr(found, name)] == []
    classes = [name for name in names if name in everything(generation)]
    assert [name for name in classes if getattr(found, name) is not getattr(layers, name)] == []


@pytest.mark.parametrize(("generation", "name", "today"), [
    (generation, name, today) for generation, inventory in INVENTORY.items()
    for name, today in inventory["aliases"].items()
])  # fmt: skip
def test_second_names_are_the_same_class(keras_of, generation, name, today):
    keras = keras_of(generation)
    given = required(keras, name, generation)
    assert type(getattr(keras.layers, name)(**given)) is type(getattr(keras.layers, today)(**given))


# ---- what it takes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "name"), LAYERS)
def test_every_layer_is_made_and_called(keras_of, generation, name):
    keras = keras_of(generation)
    layer = the_class(keras, name)(**required(keras, name, generation))
    assert all(len(output.shape) > 0 for output in leaves(run(layer, name)))


@pytest.mark.parametrize(("generation", "name"), LAYERS)
def test_every_layer_takes_all_its_arguments_by_name(keras_of, generation, name):
    """Each argument of the generation's own constructor with its own default: nothing is unknown, and nothing breaks."""
    keras = keras_of(generation)
    given = {argument: ast.literal_eval(default) for argument, default in parameters(name, generation).items()
             if default is not None}  # fmt: skip
    layer = the_class(keras, name)(**given | required(keras, name, generation))
    plain = the_class(keras, name)(**required(keras, name, generation))
    assert settings(layer) == settings(plain), (
        "a default of that generation means something else when it is written out"
    )
    assert all(len(output.shape) > 0 for output in leaves(run(layer, name)))


def settings(layer):
    """A layer's config without names, which differ."""
    if not hasattr(layer, "get_config") or isinstance(getattr(layer, "module", None), torch.nn.Linear):
        return None
    return without_names(layer.get_config())


def without_names(config):
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key != "name"}
    return [without_names(item) for item in config] if isinstance(config, (list, tuple)) else config


# What every layer of a generation takes besides.
BASE = {
    "keras1": {"name": "mine", "trainable": False, "input_dtype": "float32", "batch_input_shape": (2, 4)},
    "keras2": {"name": "mine", "trainable": False, "dtype": "float32", "batch_input_shape": (2, 4), "weights": None},
    "keras2.3": {"name": "mine", "trainable": False, "dtype": "float32", "input_shape": (4,), "batch_size": 2},
    "tf_keras": {"name": "mine", "trainable": False, "dtype": "float32", "input_shape": (4,), "batch_size": 2,
                 "activity_regularizer": None, "dynamic": False, "autocast": True, "weights": None},
    "keras3": {"name": "mine", "trainable": False, "dtype": "float32", "input_shape": (4,), "autocast": True,
               "activity_regularizer": None},
}  # fmt: skip
# Keras 1's Merge took a name alone; what is about an input's shape and type are arguments of InputLayer's own; and
# ActivityRegularization makes its activity_regularizer itself.
OTHERWISE = ("Merge", "InputLayer", "ActivityRegularization")


@pytest.mark.parametrize(("generation", "name"), [pair for pair in LAYERS if pair[1] not in OTHERWISE])
def test_every_layer_takes_what_all_layers_take(keras_of, generation, name):
    keras = keras_of(generation)
    layer = the_class(keras, name)(**required(keras, name, generation) | BASE[generation])
    assert (layer.name, layer.trainable) == ("mine", False)
    assert layer.batch_input_shape in ((2, 4), (None, 4))


BY_HAND = [(generation, name, argument) for generation, name in LAYERS
           for argument in SIGNATURES[name][generation].partition("|")[2].split()]  # fmt: skip
# A harmless value of each argument that a constructor takes out of **kwargs by itself.
HARMLESS = {
    "input_shape": (8, 4), "batch_input_shape": (2, 4), "dim_ordering": "tf", "nb_row": 3, "nb_col": 3, "nb_filter": 2,
    "input_dtype": "float32", "transform_bias": -2, "input_dim": 4, "implementation": 1, "reverse_state_order": False,
    "causal": False, "trainable": True, "dtype": "float32", "input_length": 8, "zero_output_for_mask": False,
    "autocast": True, "use_one_hot_matmul": False, "enable_caching_device": False, "return_runtime": False,
    "rms_scaling": False, "alpha": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(("generation", "name", "argument"), BY_HAND)
def test_arguments_out_of_kwargs(keras_of, generation, name, argument):
    keras = keras_of(generation)
    # An InputLayer has one shape, by whichever name.
    given = {} if name == "InputLayer" else required(keras, name, generation)
    given |= {"input_dim": 4} if argument == "input_length" and name not in INTEGERS else {}
    assert callable(the_class(keras, name)(**given | {argument: HARMLESS[argument]}).get_config)


# Keras 1's recurrent layers handed on what they did not know to their base.
HANDED_ON = [(name, argument) for name, base in (("GRU", "Recurrent"), ("LSTM", "Recurrent"), ("SimpleRNN", "Recurrent"),
                                                 ("ConvLSTM2D", "ConvRecurrent2D"))
             for argument in parameters(base, "keras1")]  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), HANDED_ON)
def test_arguments_of_a_base(keras_of, name, argument):
    keras = keras_of("keras1")
    needed = required(keras, name, "keras1")
    base = "ConvRecurrent2D" if name == "ConvLSTM2D" else "Recurrent"
    given = {argument: ast.literal_eval(parameters(base, "keras1")[argument])} | needed
    cls = getattr(keras.layers, name)
    assert settings(cls(**given)) == settings(cls(**needed))


# ---- in which order --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "name"), [pair for pair in LAYERS if pair[1] not in BASES])
def test_every_layer_takes_its_arguments_in_order(keras_of, generation, name):
    """As many arguments by position as the generation allowed mean what they mean by name."""
    keras = keras_of(generation)
    needed, cls = required(keras, name, generation), getattr(keras.layers, name)
    values = {argument: needed[argument] if argument in needed else ast.literal_eval(default)
              for argument, default in parameters(name, generation).items()}  # fmt: skip
    today = keras3.ALIASES.get(name, (name,))[0]
    limit = GENERATIONS[generation].positional.get(today, len(values))
    if (
        generation == "keras3" and today not in GENERATIONS[generation].order
    ):  # what lamina has no counterpart for (quantization) can only be left out
        limit = next((place for place, argument in enumerate(values) if argument in keras3.GONE.get(today, {})), limit)
    first, rest = list(values)[:limit], list(values)[limit:]
    by_position = cls(*(values[argument] for argument in first), **{argument: values[argument] for argument in rest})
    assert settings(by_position) == settings(cls(**values))
