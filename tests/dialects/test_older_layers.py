"""Older layer classes that are rows of a table: in ``lamina.layers`` and in configs."""

from __future__ import annotations

import pytest

import lamina.layers
from lamina.engine.layer import LAYERS

OLDER = [
    ("AtrousConvolution2D", (8, 3, 3), {"atrous_rate": (2, 2), "border_mode": "same"}, "Conv2D",
     {"filters": 8, "kernel_size": (3, 3), "dilation_rate": (2, 2), "padding": "same"}),
    ("AtrousConvolution1D", (8, 3), {"atrous_rate": 2}, "Conv1D", {"filters": 8, "dilation_rate": (2,)}),
    ("TimeDistributedDense", (8,), {"input_dim": 3, "input_length": 5}, "Dense", {"units": 8}),
    ("Convolution2D", (8, 3, 3), {"border_mode": "same"}, "Conv2D", {"kernel_size": (3, 3), "padding": "same"}),
    ("MaxPool2D", (2,), {}, "MaxPooling2D", {"pool_size": (2, 2)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs", "today", "config"), OLDER)
def test_older_classes(name, args, kwargs, today, config):
    old = getattr(lamina.layers, name)
    layer = old(*args, **kwargs)
    assert type(layer).__name__ == today
    assert isinstance(layer, old)
    assert {key: layer.get_config()[key] for key in config} == config
    assert name in dir(lamina.layers)


def test_older_configs():
    config = {"class_name": "AtrousConvolution2D", "config": {
        "name": "atrousconvolution2d_1", "trainable": True, "nb_filter": 8, "nb_row": 3, "nb_col": 3, "init": "glorot_uniform",
        "activation": "relu", "border_mode": "same", "subsample": [1, 1], "atrous_rate": [2, 2], "dim_ordering": "tf",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5}, "b_regularizer": None,
        "activity_regularizer": None, "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": None,
        "bias": True, "batch_input_shape": [None, 9, 9, 3], "input_dtype": "float32",
    }}  # fmt: skip
    layer = LAYERS.deserialize(config)
    assert (layer.name, layer.batch_input_shape) == ("atrousconvolution2d_1", (None, 9, 9, 3))
    assert tuple(layer.dilation_rate) == (2, 2)
    assert layer.kernel_regularizer.get_config() == pytest.approx({"l1": 0.0, "l2": 0.5})
    assert layer.kernel_constraint.get_config()["max_value"] == 2


def test_a_name_that_no_keras_has():
    with pytest.raises(AttributeError) as error:
        lamina.layers.Dens  # noqa: B018
    assert str(error.value) == "lamina.layers has no 'Dens'. Did you mean 'Dense'?"
