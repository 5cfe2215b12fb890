"""The short configs of Keras 1 and 2, beside Keras's ``keras.legacy.saving``."""

import keras
import pytest
import torch

import lamina

MADE = {
    "Dense": lambda source: source.layers.Dense(3, kernel_initializer="zeros", kernel_regularizer="l2", name="d"),
    "Conv2D": lambda source: source.layers.Conv2D(3, 2, activation="relu", name="c"),
    "LSTM": lambda source: source.layers.LSTM(3, name="l"),
    "VarianceScaling": lambda source: source.initializers.VarianceScaling(seed=1),
    "Zeros": lambda source: source.initializers.Zeros(),
    "L1L2": lambda source: source.regularizers.L1L2(0.5, 0.25),
    "MaxNorm": lambda source: source.constraints.MaxNorm(2),
    "Huber": lambda source: source.losses.Huber(2.0),
    "relu": lambda source: source.activations.relu,
    "None": lambda source: None,
}


@pytest.mark.parametrize("name", MADE)
def test_objects_are_written_as_by_keras_and_read_again(name: str):
    written = lamina.legacy.saving.serialize_keras_object(MADE[name](lamina))
    theirs = keras.legacy.saving.serialize_keras_object(MADE[name](keras))
    if isinstance(written, dict):
        assert theirs["class_name"] == written["class_name"]
        for key, value in without_quantization(theirs["config"]).items():
            assert written["config"][key] == value, key
    else:
        assert theirs == written
    again = lamina.utils.legacy.deserialize_keras_object(theirs)
    if isinstance(written, dict):
        assert again.get_config().keys() <= written["config"].keys()
        short = {"class_name": name, "config": theirs["config"]}
        assert (
            type(keras.legacy.saving.deserialize_keras_object(short, {name: type(MADE[name](keras))})).__name__ == name
        )


def without_quantization(config):
    """Less what only quantized layers have."""
    return {key: without_quantization(value) if isinstance(value, dict) else value
            for key, value in config.items() if key != "quantization_config"}  # fmt: skip


def owning(source):
    """A layer whose config holds objects, as Keras 2's authors wrote them."""

    class Owning(source.layers.Layer):
        def __init__(self, inner, start, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.start = inner, start

        def get_config(self):
            return {**super().get_config(), "inner": self.inner, "start": self.start}

    return Owning


def test_objects_inside_a_config_are_marked_and_made_again():
    written = []
    for source in (keras, lamina):
        cls = owning(source)
        layer = cls(source.layers.Dense(2, name="d"), source.initializers.Constant(3.0), name="o")
        config = source.legacy.saving.serialize_keras_object(layer)
        again = source.legacy.saving.deserialize_keras_object(
            config, {"Dense": source.layers.Dense, "Constant": source.initializers.Constant}, {"Owning": cls})  # fmt: skip
        assert (again.inner.units, again.start.value, again.name) == (2, 3.0, "o")
        written.append(without_quantization(source.legacy.saving.serialize_keras_object(layer)))
    theirs, ours = written
    assert theirs["config"].keys() <= ours["config"].keys()
    for key in ("inner", "start"):
        assert ours["config"][key].keys() == theirs["config"][key].keys()


def test_names_and_custom_objects():
    class Own(lamina.layers.Layer):
        def call(self, x):
            return x + 1

    made = lamina.legacy.saving.deserialize_keras_object(
        {"class_name": "Own", "config": {}}, custom_objects={"Own": Own}
    )
    assert made(torch.zeros(1)) == 1
    assert isinstance(lamina.legacy.saving.deserialize_keras_object("Own", module_objects={"Own": Own}), Own)
    assert lamina.legacy.saving.deserialize_keras_object("relu") is lamina.activations.relu
    assert lamina.legacy.saving.deserialize_keras_object(without_quantization) is without_quantization
    for wrong, said in (("no_such", "'no_such' is no layer that is known"), (3, "The config of a layer is a dictionary"),
                        ({"class_name": "Dense"}, "with 'class_name' and 'config'")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            lamina.legacy.saving.deserialize_keras_object(wrong, printable_module_name="layer")
    with pytest.raises(ValueError, match="no get_config"):
        lamina.legacy.saving.serialize_keras_object(3)
