"""What positional arguments mean: in calls with Keras 1 keywords, and in bare calls in each dialect."""

from __future__ import annotations

import pytest

from lamina.dialects import Alias, dialect, set_dialect, translate, translate_alias, using_dialect

HARD = {"recurrent_activation": "hard_sigmoid_keras2"}
PER_GATE = {"implementation": 1}  # how dropout was drawn by default
ORTHOGONAL = {"recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.1}}}
FOLLOW = {"frozen_statistics": "follow"}
STEPS = {"data_format": "channels_last"}
SAME = "as it is"


def limit(name, most, got):
    plural = "argument" if most == 1 else "arguments"
    return TypeError(f"In dialect 'keras2', {name} takes at most {most} positional {plural}, as in Keras 2, and got "
                     f"{got}. Give the others by name, or choose another dialect.")  # fmt: skip


# The call, and what it is under keras1, keras2 and natively: today's keywords, an error, or the call as it is.
BARE = [
    ("Conv2D", (64, 3, 3), {}, {"filters": 64, "kernel_size": (3, 3)}, {"filters": 64, "kernel_size": (3, 3)}, SAME),
    ("Conv2D", (64, 3, 3), {"padding": "same"}, None,
     ValueError("Conv2D was given its kernel as 2 numbers, as in Keras 1, and padding, as in Keras 2. Give the kernel "
                "as one argument: kernel_size=(3, 3)."), SAME),
    ("Conv2D", (64, (3, 3), (2, 2)), {}, TypeError(
        "Conv2D is called in Keras 1's way, where nb_row, nb_col are whole numbers, and got nb_row=(3, 3), "
        "nb_col=(2, 2). In today's words these are kernel_size=(...), and steps are strides=(...)."),
     limit("Conv2D", 2, 3), SAME),
    ("Conv2D", (64, 3, (2, 2)), {}, TypeError(
        "Conv2D is called in Keras 1's way, where nb_row, nb_col are whole numbers, and got nb_row=3, "
        "nb_col=(2, 2). In today's words these are kernel_size=(...), and steps are strides=(...)."),
     limit("Conv2D", 2, 3), SAME),
    ("Conv2D", (64, 3), {}, {"filters": 64, "kernel_size": 3}, {"filters": 64, "kernel_size": 3}, SAME),
    ("Conv2D", (64, 3, 3, "uniform"), {},
     {"filters": 64, "kernel_size": (3, 3), "kernel_initializer": "uniform"},
     {"filters": 64, "kernel_size": (3, 3), "kernel_initializer": "uniform"}, SAME),
    ("Conv3D", (8, 3, 3, 3), {}, {"filters": 8, "kernel_size": (3, 3, 3)}, {"filters": 8, "kernel_size": (3, 3, 3)},
     SAME),
    ("Conv1D", (64, 3, 2), {}, {"filters": 64, "kernel_size": 3, "kernel_initializer": 2} | STEPS,
     limit("Conv1D", 2, 3), SAME),
    ("Conv1D", (64, 3, "uniform"), {}, {"filters": 64, "kernel_size": 3, "kernel_initializer": "uniform"} | STEPS,
     limit("Conv1D", 2, 3), SAME),
    ("Dense", (10, "uniform"), {}, {"units": 10, "kernel_initializer": "uniform"}, limit("Dense", 1, 2), SAME),
    ("Dense", (10, "relu"), {}, {"units": 10, "kernel_initializer": "relu"}, limit("Dense", 1, 2), SAME),
    ("LSTM", (10, "uniform"), {}, {"units": 10, "kernel_initializer": "uniform"} | ORTHOGONAL | HARD | PER_GATE,
     limit("LSTM", 1, 2), SAME),
    ("Embedding", (1000, 64, "zero"), {}, {"input_dim": 1000, "output_dim": 64, "embeddings_initializer": "zero"},
     limit("Embedding", 2, 3), SAME),
    ("BatchNormalization", (1,), {}, {"epsilon": 1} | FOLLOW,
     limit("BatchNormalization", 0, 1), SAME),
    ("BatchNormalization", (1e-5,), {}, {"epsilon": 1e-5} | FOLLOW,
     limit("BatchNormalization", 0, 1), SAME),
    ("Dropout", (0.3, None, 7), {}, {"rate": 0.3, "noise_shape": None, "seed": 7}, SAME, SAME),
    ("MaxPooling2D", (2, 2), {}, {"pool_size": 2, "strides": 2}, SAME, SAME),
    ("MaxPooling2D", ((2, 2), (2, 2), "same"), {}, {"pool_size": (2, 2), "strides": (2, 2), "padding": "same"},
     SAME, SAME),
    ("MaxPooling1D", (2, 2), {}, {"pool_size": 2, "strides": 2} | STEPS, {"pool_size": 2, "strides": 2} | STEPS, SAME),
    ("AveragePooling2D", (), {}, {"pool_size": 2}, {"pool_size": 2}, SAME),
    ("ZeroPadding2D", ((1, 1, 1, 1),), {}, {"padding": ((1, 1), (1, 1))}, (((1, 1), (1, 1)),), (((1, 1), (1, 1)),)),
    ("UpSampling1D", (2,), {}, {"size": 2}, SAME, SAME),
    ("UpSampling2D", ((2, 2),), {}, {"size": (2, 2)}, SAME, SAME),
    ("GaussianNoise", (0.1,), {}, {"stddev": 0.1}, SAME, SAME),
    ("GaussianDropout", (0.1,), {}, {"rate": 0.1}, SAME, SAME),
    ("SpatialDropout2D", (0.2,), {}, {"rate": 0.2}, SAME, SAME),
    ("LeakyReLU", (0.1,), {}, {"negative_slope": 0.1}, {"negative_slope": 0.1}, SAME),
    ("ELU", (1.0,), {}, SAME, SAME, SAME),
    ("ThresholdedReLU", (1.0,), {}, SAME, SAME, SAME),
    ("Activation", ("relu",), {}, SAME, SAME, SAME),
    ("Reshape", ((2, 3),), {}, SAME, SAME, SAME),
    ("Permute", ((2, 1),), {}, SAME, SAME, SAME),
    ("RepeatVector", (3,), {}, SAME, SAME, SAME),
    ("Masking", (0.0,), {}, SAME, SAME, SAME),
    ("PReLU", ("zero",), {}, {"alpha_initializer": "zero"}, SAME, SAME),
    ("Lambda", (abs, (2,)), {}, {"function": abs, "output_shape": (2,)}, SAME, SAME),
    ("Lambda", (abs, (2,), {"a": 1}), {}, {"function": abs, "output_shape": (2,), "arguments": {"a": 1}},
     limit("Lambda", 2, 3), SAME),
]  # fmt: skip


def check(name, args, kwargs, expected):
    if isinstance(expected, Exception):
        with pytest.raises(type(expected)) as error:
            translate(name, args, kwargs)
        assert str(error.value) == str(expected)
        return
    got = translate(name, args, kwargs)
    if expected == SAME:
        assert got == (args, kwargs)
    elif isinstance(expected, tuple):
        assert got == (expected, {})
    else:
        assert got == ((), expected)


@pytest.mark.parametrize(("name", "args", "kwargs", "keras1", "keras2", "native"), BARE)
def test_bare_calls(name, args, kwargs, keras1, keras2, native):
    with using_dialect("keras1"):
        if keras1 is not None:
            check(name, args, kwargs, keras1)
    with using_dialect("keras2"):
        check(name, args, kwargs, keras2)
    check(name, args, kwargs, native)
    with using_dialect("keras3"):
        check(name, args, kwargs, native)


def test_tf_keras_reads_bare_numbers_as_strides():
    with using_dialect("tf_keras"):
        assert translate("Conv2D", (64, 3, 3), {}) == ((64, 3, 3), {})


@pytest.mark.parametrize("name", ["native", "keras1", "keras2", "keras2.3", "tf_keras", "keras3"])
def test_a_keras1_keyword_decides_in_every_dialect(name):
    with using_dialect(None if name == "native" else name):
        assert translate("Conv2D", (64, 3, 3), {"border_mode": "same", "input_shape": (32, 32, 3)}) == (
            (),
            {"kernel_size": (3, 3), "filters": 64, "padding": "same", "input_shape": (32, 32, 3)},
        )


def test_a_modern_keyword_decides_under_keras1():
    with using_dialect("keras1"):
        assert translate("Dense", (10, "relu"), {"use_bias": False}) == ((10, "relu"), {"use_bias": False})


# Defaults and formulas that a dialect asks for by explicit arguments.
MEANT = [
    ("keras1", "SimpleRNN", (8,), {}, {"units": 8} | ORTHOGONAL),
    ("keras1", "GRU", (8,), {}, {"units": 8, "reset_after": False} | ORTHOGONAL | HARD | PER_GATE),
    ("keras1", "LSTM", (8,), {"return_sequences": True}, {"units": 8, "return_sequences": True} | ORTHOGONAL | HARD | PER_GATE),
    ("keras1", "LSTM", (8,), {"inner_activation": "sigmoid"},
     {"units": 8, "recurrent_activation": "sigmoid"} | ORTHOGONAL | PER_GATE),
    ("keras1", "Flatten", (), {}, STEPS),
    ("keras1", "Dense", (8,), {"init": "glorot_normal"}, {"units": 8, "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal"}}}),
    ("keras1", "Dense", (8,), {"init": "he_normal"}, {"units": 8, "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"}}}),
    ("keras2", "LSTM", (8,), {}, {"units": 8} | HARD | PER_GATE),
    ("keras2", "LSTM", (8,), {"recurrent_activation": "sigmoid"},
     {"units": 8, "recurrent_activation": "sigmoid"} | PER_GATE),
    ("keras2", "LSTM", (8,), {"recurrent_activation": "hard_sigmoid"}, {"units": 8} | HARD | PER_GATE),
    ("keras2", "GRU", (8,), {}, {"units": 8, "reset_after": False} | HARD | PER_GATE),
    ("keras2", "GRUCell", (8,), {}, {"units": 8, "reset_after": False} | HARD | PER_GATE),
    ("keras2", "ConvLSTM2D", (8, 3), {}, {"filters": 8, "kernel_size": 3} | HARD),
    ("keras2", "AveragePooling3D", (), {"padding": "same"}, {"padding": "same", "pool_size": 2}),
    ("keras2", "Dense", (8,), {"kernel_regularizer": "l1_l2"},
     {"kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}}),
    ("keras2", "Dense", (8,), {"kernel_constraint": "maxnorm"}, {"kernel_constraint": "max_norm"}),
    ("keras2.3", "LSTM", (8,), {}, {"units": 8}),
    ("keras2.3", "GRU", (8,), {}, {"units": 8, "reset_after": False}),
    ("tf_keras", "GRU", (8,), {}, {"units": 8}),
    ("tf_keras", "ConvLSTM2D", (8, 3), {}, {"filters": 8, "kernel_size": 3} | HARD),
    ("tf_keras", "Embedding", (10, 4, "zeros", None, "l2"), {},
     {"input_dim": 10, "output_dim": 4, "embeddings_initializer": "zeros", "embeddings_regularizer": None,
      "activity_regularizer": "l2"}),
    ("tf_keras", "LeakyReLU", (0.1,), {}, {"negative_slope": 0.1}),
    ("tf_keras", "InputLayer", ((3,), 2), {}, {"shape": (3,), "batch_size": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layer", "args", "kwargs", "meant"), MEANT)
def test_what_a_dialect_means(name, layer, args, kwargs, meant):
    with using_dialect(name):
        got_args, got = translate(layer, args, kwargs)
        assert got == meant
        assert got_args in ((), args)
        # What is translated already stays as it is.
        assert translate(layer, (), got) == ((), got)


@pytest.mark.parametrize("name", ["keras1", "keras2", "keras2.3", "tf_keras"])
def test_hard_sigmoid_is_keras_2_s_in_every_older_dialect(name):
    with using_dialect(name):
        assert translate("Activation", ("hard_sigmoid",), {}) == (("hard_sigmoid_keras2",), {})
        assert translate("Dense", (8,), {"activation": "hard_sigmoid"})[1]["activation"] == "hard_sigmoid_keras2"
    assert translate("Activation", ("hard_sigmoid",), {}) == (("hard_sigmoid",), {})


ALIASED = [
    ("AtrousConvolution1D", (8, 3), {"atrous_rate": 2}, {"filters": 8, "kernel_size": 3, "dilation_rate": 2}),
    ("AtrousConvolution2D", (8, 3, 3), {"atrous_rate": (2, 2), "border_mode": "same"},
     {"filters": 8, "kernel_size": (3, 3), "dilation_rate": (2, 2), "padding": "same"}),
    ("AtrousConv2D", (8, (3, 3)), {"padding": "same", "atrous_rate": 2},
     {"filters": 8, "kernel_size": (3, 3), "dilation_rate": 2, "padding": "same"}),
    ("Deconvolution2D", (8, 3, 3, (None, 14, 14, 8)), {}, {"filters": 8, "kernel_size": (3, 3)}),
    ("Deconvolution2D", (8, (3, 3)), {"strides": (2, 2)}, {"filters": 8, "kernel_size": (3, 3), "strides": (2, 2)}),
    ("TimeDistributedDense", (8, "uniform", "relu"), {"input_dim": 3, "input_length": 10},
     {"units": 8, "kernel_initializer": "uniform", "activation": "relu", "input_shape": (10, 3)}),
    ("CuDNNLSTM", (8, "zeros"), {},
     {"units": 8, "kernel_initializer": "zeros", "activation": "tanh", "recurrent_activation": "sigmoid"}),
    ("CuDNNGRU", (8,), {"return_state": True},
     {"units": 8, "return_state": True, "activation": "tanh", "recurrent_activation": "sigmoid",
      "reset_after": True}),
    ("SyncBatchNormalization", (), {"momentum": 0.9}, {"momentum": 0.9, "synchronized": True}),
    ("Convolution2D", (8, 3, 3), {"border_mode": "same"},
     {"filters": 8, "kernel_size": (3, 3), "padding": "same"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs", "today"), ALIASED)
def test_aliases(name, args, kwargs, today):
    assert translate_alias(name, args, kwargs) == ((), today)


def test_what_an_alias_always_means():
    with pytest.raises(TypeError) as error:
        translate_alias("CuDNNGRU", (8,), {"reset_after": False})
    assert str(error.value) == "CuDNNGRU always has reset_after=True, and got False. GRU takes any."


class Modern:
    """A class."""

    def __init__(self, **kwargs):
        self.kwargs = kwargs


def test_an_alias_stands_for_its_class():
    old = Alias("AtrousConvolution1D", Modern)
    made = old(8, 3, atrous_rate=2)
    assert type(made) is Modern
    assert made.kwargs == {"filters": 8, "kernel_size": 3, "dilation_rate": 2}
    assert isinstance(made, old)
    assert old.from_config({"nb_filter": 8}).kwargs == {"filters": 8}
    assert old.__name__ == "AtrousConvolution1D"
    assert old.__doc__ == "A class."
    assert repr(old) == "<AtrousConvolution1D, which is lamina's Modern>"

    class Mine(old): ...

    assert issubclass(Mine, Modern)
    assert issubclass(Mine, old)


def test_dialects_are_set_and_put_back():
    assert dialect() is None
    with using_dialect("keras2"):
        assert dialect() == "keras2"
        with using_dialect("tf_keras"):
            assert dialect() == "tf_keras"
        assert dialect() == "keras2"
    assert dialect() is None
    with pytest.raises(ValueError, match="no matter"), using_dialect("keras1"):
        raise ValueError("no matter")
    assert dialect() is None


def test_an_unknown_dialect_is_refused():
    with pytest.raises(ValueError, match="keras1") as error:
        set_dialect("keras_1")
    assert str(error.value) == (
        "'keras_1' is not a known dialect. Did you mean 'keras1'? "
        "The dialects are keras1, keras2, keras2.3, tf_keras, keras3."
    )
    assert dialect() is None
