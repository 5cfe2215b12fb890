"""How errors are worded, and what they suggest."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import lamina
from lamina.errors import describe, did_you_mean
from lamina.layers import LAYERS
from lamina.losses import LOSSES
from lamina.optimizers import OPTIMIZERS

ARGUMENTS = ["epochs", "batch_size", "verbose", "callbacks", "validation_split", "validation_data", "class_weight",
             "sample_weight", "initial_epoch", "steps_per_epoch", "learning_rate", "kernel_initializer", "activation",
             "return_sequences", "recurrent_dropout", "save_best_only", "from_logits", "units", "padding"]  # fmt: skip
SLIPS = {
    "epoch": "epochs", "epohcs": "epochs", "batchsize": "batch_size", "batch_sizes": "batch_size", "BatchSize": "batch_size",
    "vebose": "verbose", "callback": "callbacks", "validation_dat": "validation_data", "class_weights": "class_weight",
    "sampel_weight": "sample_weight", "step_per_epoch": "steps_per_epoch", "learning_rat": "learning_rate",
    "learningrate": "learning_rate", "kernel_initialiser": "kernel_initializer", "activaton": "activation",
    "activatoin": "activation", "return_sequence": "return_sequences", "reccurent_dropout": "recurrent_dropout",
    "save_best": "save_best_only", "from_logit": "from_logits", "unit": "units", "paddding": "padding",
}  # fmt: skip
UNRELATED = ["multi_gpu_model", "nb_epoch_of_them", "filters", "strides", "colour", "x", "lr", "momentum", "device", "seed",
             "kernel_size", "dropout_rate", "shape", "weights_path", "model"]  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_understood(slip):
    assert did_you_mean(slip, ARGUMENTS) == f" Did you mean {SLIPS[slip]!r}?"


@pytest.mark.parametrize("name", UNRELATED)
def test_what_is_like_nothing_gets_no_hint(name):
    assert did_you_mean(name, ARGUMENTS) == ""


@pytest.mark.parametrize(("slip", "table", "meant"), [
    ("Dens", LAYERS.members, "Dense"), ("Conv2d", LAYERS.members, "Conv2D"), ("MaxPoling2D", LAYERS.members, "MaxPooling2D"),
    ("BatchNormalisation", LAYERS.members, "BatchNormalization"), ("Droput", LAYERS.members, "Dropout"),
    ("LTSM", LAYERS.members, "LSTM"), ("Embeding", LAYERS.members, "Embedding"), ("Flaten", LAYERS.members, "Flatten"),
    ("crossentropy_binary", LOSSES.members, "binary_crossentropy"), ("mean_square_error", LOSSES.members, "mean_squared_error"),
    ("sparse_crossentropy", LOSSES.members, "sparse_categorical_crossentropy"), ("adm", OPTIMIZERS.members, "adam"),
    ("RMSProp", OPTIMIZERS.members, "RMSprop"), ("Adamm", OPTIMIZERS.members, "Adam"),
])  # fmt: skip
def test_names_in_tables(slip, table, meant):
    assert did_you_mean(slip, table) == f" Did you mean {meant!r}?"


@pytest.mark.parametrize(("name", "table"), [
    ("ResNet50", LAYERS.members), ("RandomFlip", LAYERS.members), ("TextVectorization", LAYERS.members),
    ("hinge_of_some_kind", OPTIMIZERS.members), ("perceptron", LAYERS.members), ("Transformer", LAYERS.members),
    ("triplet_loss", LOSSES.members), ("wasserstein", LOSSES.members), ("lookahead", OPTIMIZERS.members),
])  # fmt: skip
def test_names_in_no_table(name, table):
    assert did_you_mean(name, table) == ""


def test_the_spelling_that_was_begun_is_suggested():
    assert did_you_mean("glorot_unifrom", ["GlorotUniform", "glorot_uniform"]) == " Did you mean 'glorot_uniform'?"
    assert did_you_mean("GlorotUnifrom", ["glorot_uniform", "GlorotUniform"]) == " Did you mean 'GlorotUniform'?"


def test_short_names():
    assert did_you_mean("bb", ["a", "b"]) == " Did you mean 'b'?"
    assert did_you_mean("l3", ["l1", "l2"]) == did_you_mean("c", ["a", "b"]) == ""


def test_what_several_names_begin_with_is_none_of_them():
    assert did_you_mean("global", ["GlobalMaxPool1D", "GlobalMaxPool2D"]) == ""


@pytest.mark.parametrize(("call", "hint"), [
    ("lamina.losses.Huber(dleta=2.0)", "Did you mean 'delta'?"),
    ("lamina.metrics.TopKCategoricalAccuracy(K=3, nam='x')", "Did you mean 'k'?"),
    ("lamina.callbacks.ReduceLROnPlateau(patiance=3)", "Did you mean 'patience'?"),
    ("lamina.initializers.RandomNormal(mean=0, stdev=1)", "Did you mean 'stddev'?"),
    ("lamina.initializers.GlorotUniform(sed=1)", "GlorotUniform() got an unexpected keyword argument 'sed'"),
    ("lamina.regularizers.L1L2(l3=1)", "It takes l1, l2."),
    ("lamina.constraints.MaxNorm(max_valu=1)", "Did you mean 'max_value'?"),
    ("lamina.optimizers.schedules.ExponentialDecay(0.1, decay_step=3, decay_rate=0.1)", "Did you mean 'decay_steps'?"),
    ("lamina.Input(shap=(3,))", "Did you mean 'shape'?"),
    ("lamina.Model(input_s=1)", "Did you mean 'inputs'?"),
    ("lamina.Sequential([], nam='x')", "Did you mean 'name'?"),
    ("lamina.models.load_model('x', custom_object={})", "Did you mean 'custom_objects'?"),
    ("lamina.ops.concatenate([torch.ones(2)], axs=0)", "Did you mean 'axis'?"),
    ("lamina.utils.to_categorical([1], num_class=3)", "Did you mean 'num_classes'?"),
    ("lamina.Sequential().save('x', overwite=True)", "Did you mean 'overwrite'?"),
    ("lamina.Sequential().load_weights('x', skip_mismatches=True)", "Did you mean 'skip_mismatch'?"),
    ("lamina.Sequential().get_layer(nam='x')", "Did you mean 'name'?"),
    ("lamina.Sequential().summary(linelength=3)", "Did you mean 'line_length'?"),
    ("lamina.Sequential().evaluate(batchsize=3)", "Did you mean 'batch_size'?"),
    ("lamina.Sequential().predict(0, batchsize=3)", "Did you mean 'batch_size'?"),
    ("lamina.Sequential().compile(metric=['mae'])", "Did you mean 'metrics'?"),
])  # fmt: skip
def test_a_wrong_argument_gets_the_right_one(call, hint):
    with pytest.raises((TypeError, ValueError)) as caught:
        eval(call)
    assert hint in str(caught.value)


def test_a_class_of_the_users_is_left_alone():
    class Mine(lamina.losses.Loss):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight

    arguments: dict[str, Any] = {"weigth": 1}
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'weigth'$"):
        Mine(**arguments)


def test_values_are_described_by_their_shapes():
    assert describe({"a": torch.zeros(2, 3)}) == "{'a': tensor (2, 3) float32}"
