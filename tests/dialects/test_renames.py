"""Each rename that Keras 2 made of Keras 1's arguments, and each rule of its converters."""

from __future__ import annotations

import timeit

import pytest

from lamina.dialects import translate

CONV = ("border_mode→padding dim_ordering→data_format init→kernel_initializer W_regularizer→kernel_regularizer "
        "b_regularizer→bias_regularizer W_constraint→kernel_constraint b_constraint→bias_constraint "
        "bias→use_bias nb_filter→filters subsample→strides")  # fmt: skip
POOL = "border_mode→padding dim_ordering→data_format"
RNN = ("output_dim→units init→kernel_initializer inner_init→recurrent_initializer W_regularizer→kernel_regularizer "
       "b_regularizer→bias_regularizer U_regularizer→recurrent_regularizer dropout_W→dropout "
       "dropout_U→recurrent_dropout")  # fmt: skip

# The classes of one converter, and what it renamed.
RENAMES = {
    "Dense": "output_dim→units init→kernel_initializer W_regularizer→kernel_regularizer b_regularizer→bias_regularizer "
             "W_constraint→kernel_constraint b_constraint→bias_constraint bias→use_bias",
    "Dropout GaussianDropout SpatialDropout1D": "p→rate",
    "SpatialDropout2D SpatialDropout3D": "p→rate dim_ordering→data_format",
    "Embedding": "init→embeddings_initializer W_regularizer→embeddings_regularizer "
                 "W_constraint→embeddings_constraint",
    "AveragePooling1D MaxPooling1D": "pool_length→pool_size stride→strides border_mode→padding",
    "AveragePooling2D MaxPooling2D AveragePooling3D MaxPooling3D": POOL,
    "GlobalAveragePooling2D GlobalMaxPooling2D GlobalAveragePooling3D GlobalMaxPooling3D": "dim_ordering→data_format",
    "PReLU": "init→alpha_initializer",
    "GaussianNoise": "sigma→stddev",
    "SimpleRNN": RNN,
    "LSTM GRU": f"{RNN} inner_activation→recurrent_activation consume_less→implementation",
    "UpSampling1D": "length→size",
    "UpSampling2D UpSampling3D Cropping2D Cropping3D ZeroPadding2D ZeroPadding3D": "dim_ordering→data_format",
    "Conv1D LocallyConnected1D": CONV.replace("dim_ordering→data_format ", "").replace("subsample", "subsample_length")
                                 + " filter_length→kernel_size",
    "Conv2D LocallyConnected2D Conv2DTranspose Conv3D": CONV,
    "SeparableConv2D": "nb_filter→filters subsample→strides border_mode→padding dim_ordering→data_format "
                       "b_regularizer→bias_regularizer b_constraint→bias_constraint bias→use_bias",
    "ConvLSTM2D": "nb_filter→filters subsample→strides border_mode→padding dim_ordering→data_format "
                  "init→kernel_initializer inner_init→recurrent_initializer W_regularizer→kernel_regularizer "
                  "U_regularizer→recurrent_regularizer b_regularizer→bias_regularizer "
                  "inner_activation→recurrent_activation dropout_W→dropout dropout_U→recurrent_dropout",
    "BatchNormalization": "beta_init→beta_initializer gamma_init→gamma_initializer",
    "InputLayer": "input_dtype→dtype",
    "Model": "input→inputs output→outputs",
}  # fmt: skip

ROWS = [
    (name, *pair.split("→")) for names, pairs in RENAMES.items() for name in names.split() for pair in pairs.split()
]


@pytest.mark.parametrize(("name", "old", "new"), ROWS)
def test_renamed(name, old, new):
    value = object()
    args, kwargs = translate(name, (), {old: value, "name": "it"})
    assert args == ()
    assert kwargs == {new: value, "name": "it"}


@pytest.mark.parametrize(("name", "old", "new"), ROWS)
def test_old_and_new_name_together(name, old, new):
    with pytest.raises(TypeError) as error:
        translate(name, (), {old: 1, new: 2})
    assert str(error.value) == (
        f"{name} got both {old} and {new}, which are the same argument by its old and its new name. Give one of them."
    )


VALUES = [
    ("Conv2D", "dim_ordering", "tf", "data_format", "channels_last"),
    ("Conv2D", "dim_ordering", "th", "data_format", "channels_first"),
    ("Conv2D", "dim_ordering", "default", "data_format", None),
    ("LSTM", "consume_less", "cpu", "implementation", 1),
    ("LSTM", "consume_less", "mem", "implementation", 1),
    ("LSTM", "consume_less", "gpu", "implementation", 2),
    ("LSTM", "forget_bias_init", "one", "unit_forget_bias", True),
    ("LSTM", "forget_bias_init", "zero", "unit_forget_bias", False),
    ("Dense", "W_regularizer", "l2", "kernel_regularizer", "l2"),
    ("Dense", "W_regularizer", "l1l2", "kernel_regularizer",
     {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}),
    ("Dense", "W_regularizer", {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5}, "kernel_regularizer",
     {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}),
    ("Dense", "W_constraint", "maxnorm", "kernel_constraint", "max_norm"),
    ("Dense", "W_constraint", {"name": "MaxNorm", "m": 3, "axis": 0}, "kernel_constraint",
     {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}}),
    ("Dense", "W_constraint", {"name": "NonNeg"}, "kernel_constraint", {"class_name": "NonNeg", "config": {}}),
    ("Dense", "init", "normal", "kernel_initializer", "normal"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "value", "new", "today"), VALUES)
def test_old_values(name, old, value, new, today):
    assert translate(name, (), {old: value}) == ((), {new: today})


# Rules that are more than one name for another.
RULES = [
    # the kernel's sizes
    ("Conv2D", (), {"nb_filter": 8, "nb_row": 3, "nb_col": 5}, {"filters": 8, "kernel_size": (3, 5)}),
    ("Conv2D", (8,), {"nb_row": 3, "nb_col": 5}, {"filters": 8, "kernel_size": (3, 5)}),
    ("Conv2D", (8, 3), {"nb_col": 5}, {"filters": 8, "kernel_size": (3, 5)}),
    ("Conv2D", (8, (3, 5)), {"border_mode": "same"}, {"filters": 8, "kernel_size": (3, 5), "padding": "same"}),
    ("Conv2D", (8, 3), {"border_mode": "same"}, {"filters": 8, "kernel_size": 3, "padding": "same"}),
    ("Conv3D", (8, 3, 4), {"kernel_dim3": 5}, {"filters": 8, "kernel_size": (3, 4, 5)}),
    ("ConvLSTM2D", (8, 3, 3), {"inner_init": "zero"},
     {"filters": 8, "kernel_size": (3, 3), "recurrent_initializer": "zero"}),
    # one initializer for two kernels
    ("SeparableConv2D", (8, 3, 3, "he_normal"), {"bias": False},
     {"filters": 8, "kernel_size": (3, 3), "depthwise_initializer": "he_normal",
      "pointwise_initializer": "he_normal", "use_bias": False}),
    # the output's shape of a deconvolution
    ("Conv2DTranspose", (8, 3, 3, (None, 14, 14, 8)), {"border_mode": "same"},
     {"filters": 8, "kernel_size": (3, 3), "padding": "same"}),
    ("Conv2DTranspose", (8, 3, 3), {"output_shape": (None, 14, 14, 8)}, {"filters": 8, "kernel_size": (3, 3)}),
    # the input's shape
    ("LSTM", (8,), {"input_dim": 3}, {"input_shape": (None, 3)}),
    ("LSTM", (8,), {"input_dim": 3, "input_length": 10}, {"input_shape": (10, 3)}),
    ("LSTM", (8,), {"input_dim": None, "input_length": None}, {}),
    ("LSTM", (8,), {"input_dim": 3, "input_length": 10, "batch_input_shape": (2, 10, 3)},
     {"batch_input_shape": (2, 10, 3)}),
    ("Conv1D", (8, 3), {"input_dim": 4, "input_length": 10}, {"input_shape": (10, 4)}),
    ("Embedding", (100, 8), {"input_length": 10}, {"input_shape": (10,)}),
    ("Embedding", (100, 8), {"input_length": (10, 2)}, {"input_shape": (10, 2)}),
    ("Embedding", (100, 8), {"input_length": None}, {}),
    ("Embedding", (100, 8), {"input_length": 10, "batch_input_shape": (2, 10)}, {"batch_input_shape": (2, 10)}),
    # what changed nothing
    ("BatchNormalization", (), {"mode": 0, "axis": 1}, {"axis": 1}),
    ("Embedding", (), {"dropout": 0.0, "input_dim": 10}, {"input_dim": 10}),
    ("SimpleRNN", (), {"consume_less": "cpu", "output_dim": 3}, {"units": 3}),
    # padding
    ("ZeroPadding2D", ({"top_pad": 1, "bottom_pad": 2, "left_pad": 3, "right_pad": 4},), {}, ((1, 2), (3, 4))),
    ("ZeroPadding2D", ({"top_pad": 1},), {}, ((1, 0), (0, 0))),
    ("ZeroPadding1D", ({"left_pad": 3, "right_pad": 4},), {}, (3, 4)),
    ("ZeroPadding2D", (), {"padding": (1, 2, 3, 4), "dim_ordering": "th"},
     {"padding": ((1, 2), (3, 4)), "data_format": "channels_first"}),
    # Keras 2's spellings
    ("LeakyReLU", (), {"alpha": 0.1}, {"negative_slope": 0.1}),
    ("ELU", (), {"alpha": 0.5}, {"alpha": 0.5}),
    ("GRU", (8,), {"time_major": False}, {}),
    ("SimpleRNN", (8,), {"implementation": 2}, {}),
    ("InputLayer", (), {"batch_input_shape": (2, 3)}, {"batch_shape": (2, 3)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs", "today"), RULES)
def test_rules(name, args, kwargs, today):
    before = dict(kwargs)
    got_args, got = translate(name, args, kwargs)
    if isinstance(today, tuple):  # the one positional argument
        assert (got_args, got) == ((today,), {})
    else:
        assert got == today
        assert got_args in ((), args)
    assert kwargs == before


ERRORS = [
    ("Conv2D", (64, (3, 3), (2, 2)), {"border_mode": "same"}, TypeError,
     "Conv2D is called in Keras 1's way, where nb_row, nb_col are whole numbers, and got nb_row=(3, 3), nb_col=(2, 2). "
     "In today's words these are kernel_size=(...), and steps are strides=(...)."),
    ("Conv2D", (64, 3, 3), {"nb_row": 3}, TypeError,
     "Conv2D got nb_row twice: as positional argument 2 in Keras 1's order, and by name."),
    ("Conv2D", (64, 3, 3), {"border_mode": "same", "kernel_size": 3}, TypeError,
     "Conv2D got both nb_row and kernel_size, which are the same argument by its old and its new name. "
     "Give one of them."),
    ("Dropout", (0.5, None, 1, 2), {"p": 0.5}, TypeError,
     "Dropout takes at most 3 positional arguments in Keras 1's order, and got 4."),
    ("BatchNormalization", (), {"mode": 1}, TypeError,
     "BatchNormalization got mode=1: mode 1 normalised each sample by itself (use LayerNormalization) and mode 2 took "
     "the batch's own mean and variance when predicting, too."),
    ("GRU", (8,), {"time_major": True}, TypeError,
     "GRU got time_major=True: lamina takes the batch first: swap the two axes with `x.transpose(0, 1)`."),
    ("LSTM", (8,), {"input_length": 10}, TypeError,
     "LSTM got input_length without input_dim. Give input_shape=(10, features)."),
    ("Attention", (), {"causal": True}, ValueError,
     "Attention got causal=True: give `use_causal_mask=True` where the layer is called."),
    ("ZeroPadding2D", ({"top": 1},), {}, ValueError,
     "ZeroPadding2D got padding for 'top', and knows top_pad, bottom_pad, left_pad, right_pad."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs", "error", "message"), ERRORS)
def test_errors(name, args, kwargs, error, message):
    with pytest.raises(error) as raised:
        translate(name, args, kwargs)
    assert str(raised.value) == message


def test_embedding_dropout_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match=r"Embedding got dropout=0.5: it dropped whole words; lamina leaves it out"):
        args, kwargs = translate("Embedding", (10, 4), {"dropout": 0.5})
    assert (args, kwargs) == ((), {"input_dim": 10, "output_dim": 4})


def test_an_initializer_function_of_keras1_takes_a_dtype():
    def mine(shape, name=None):
        return list(shape)

    _, kwargs = translate("Dense", (8,), {"init": mine})
    assert kwargs["kernel_initializer"]((2, 3), dtype="float32") == [2, 3]
    assert kwargs["kernel_initializer"].__name__ == "mine"


def test_unknown_arguments_are_left_to_the_class():
    assert translate("Dense", (8,), {"colour": 1}) == ((8,), {"colour": 1})
    assert translate("MyLayer", (8,), {"init": 1}) == ((8,), {"init": 1})


def test_calls_without_old_words_come_back_as_they_are():
    args, kwargs = (8,), {"activation": "relu", "input_shape": (3,)}
    got = translate("Dense", args, kwargs)
    assert got[0] is args
    assert got[1] is kwargs


def test_the_common_call_costs_less_than_a_microsecond():
    args, kwargs = (8,), {"activation": "relu", "input_shape": (3,)}
    best = min(timeit.repeat(lambda: translate("Dense", args, kwargs), number=2000, repeat=20)) / 2000
    assert best < 1e-6
