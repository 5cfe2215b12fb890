"""Core layers, dropout, and the layers that only reshape."""

from catalog.row import Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
MAX_NORM = {"class_name": "MaxNorm", "config": {"max_value": 0.5, "axis": 0}}
CONSTANT = {"class_name": "Constant", "config": {"value": 0.5}}
# Keras's documentation has the product times lora_alpha / lora_rank; its Dense and Embedding, as built by their constructors'
# arguments, forget lora_alpha. tests/layers/test_low_rank.py compares with what enable_lora does.
ALPHA = {"values": "Keras's build forgets lora_alpha"}


def double(x):
    return x * 2 + 1


def scale(x, factor=1.0):
    return x * factor


def positive(x, mask=None):
    return x[..., 0] > 0


def first_half(x):
    return x[:, : x.shape[1] // 2]


ROWS = [
    Row("Dense", {"units": 3}, (2, 4)),
    Row("Dense", {"units": 1}, (3, 1)),
    Row("Dense", {"units": 3, "activation": "relu"}, (2, 5, 4)),
    Row("Dense", {"units": 3, "activation": "softmax", "use_bias": False}, (2, 4)),
    Row("Dense", {"units": 2, "activation": "tanh"}, (2, 3, 2, 4)),
    Row("Dense", {"units": 3, "kernel_initializer": "he_normal", "bias_initializer": "ones", "kernel_regularizer": L2,
                  "bias_regularizer": "l1", "activity_regularizer": "l2", "kernel_constraint": MAX_NORM,
                  "bias_constraint": "non_neg"}, (2, 4)),
    Row("Dense", {"units": 3, "lora_rank": 2, "activation": "relu", "kernel_regularizer": L2}, (2, 5, 4)),
    Row("Dense", {"units": 3, "lora_rank": 2, "lora_alpha": 5, "use_bias": False}, (2, 4), exceptions=ALPHA),
    Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}, (2, 4)),
    Row("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3)}, (2, 5, 4)),
    Row("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"}, (2, 5, 4)),
    Row("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 3, 2), "bias_axes": "de",
                        "activation": "relu", "kernel_initializer": "he_uniform", "bias_initializer": "ones",
                        "kernel_regularizer": L2, "bias_regularizer": "l1", "activity_regularizer": "l2",
                        "kernel_constraint": "unit_norm", "bias_constraint": "non_neg"}, (2, 5, 4)),
    Row("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 3, 2), "bias_axes": "de", "lora_rank": 2,
                        "lora_alpha": 5}, (2, 5, 4)),
    *(Row("Activation", {"activation": name}, (2, 5)) for name in ("relu", "softmax", "sigmoid", "gelu", "swish")),
    Row("Activation", {"activation": "softmax"}, (2, 3, 5)),
    Row("Activation", {"activation": "linear"}, (2, 3, 5)),
    Row("Identity", {}, (2, 3)),
    Row("Identity", {}, (2, 3, 4)),
    Row("Lambda", {"function": double}, (2, 3)),
    Row("Lambda", {"function": double}, (2, 3, 4)),
    Row("Lambda", {"function": first_half, "output_shape": (2,)}, (2, 4)),
    Row("Lambda", {"function": scale, "arguments": {"factor": 3.0}}, (2, 4)),
    Row("Lambda", {"function": double, "mask": positive}, (2, 3, 4)),
    Row("Masking", {}, (2, 3, 4)),
    Row("Masking", {"mask_value": 0.5}, (2, 3, 4)),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (2, 3)),
    Row("ActivityRegularization", {}, (2, 3, 4)),
    Row("Flatten", {}, (2, 3, 4)),
    Row("Flatten", {}, (2, 3)),
    Row("Flatten", {}, (3,)),
    Row("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5)),
    Row("Flatten", {}, (2, 3, 4), dtype="int32"),
    Row("Reshape", {"target_shape": (3, 4)}, (2, 12)),
    Row("Reshape", {"target_shape": (-1, 2, 2)}, (2, 12)),
    Row("Reshape", {"target_shape": (12,)}, (2, 3, 4)),
    Row("Reshape", {"target_shape": (-1,)}, (2, 3, 4)),
    Row("Permute", {"dims": (2, 1)}, (2, 3, 4)),
    Row("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5)),
    Row("RepeatVector", {"n": 3}, (2, 4)),
    Row("Dropout", {"rate": 0.5}, (2, 4)),
    Row("Dropout", {"rate": 0.0}, (2, 4), training=True),
    Row("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 4), "seed": 7}, (2, 3, 4)),
    Row("SpatialDropout1D", {"rate": 0.5, "seed": 7}, (2, 3, 4)),
    Row("SpatialDropout2D", {"rate": 0.5}, (2, 3, 3, 4)),
    Row("SpatialDropout2D", {"rate": 0.5, "data_format": "channels_first", "seed": 7}, (2, 4, 3, 3)),
    Row("SpatialDropout3D", {"rate": 0.5}, (2, 3, 3, 3, 4)),
    Row("SpatialDropout3D", {"rate": 0.5, "data_format": "channels_first", "seed": 7}, (2, 4, 3, 3, 3)),
]  # fmt: skip

WRONG = [
    Wrong("Dense", {"units": -1, "name": "d"}, None, "Dense 'd' needs a positive integer for units, and got -1."),
    Wrong("Dense", {"units": 2.5, "name": "d"}, None, "Dense 'd' needs a positive integer for units, and got 2.5."),
    Wrong("Dense", {"units": 3, "activation": "rellu"}, None, "'rellu' is not a known activation. Did you mean 'relu'? "
          "Your own can be passed as an object, or by name after `register_keras_serializable`."),
    Wrong("Dense", {"units": 3, "kernal_initializer": "zeros"}, None,
          "Dense got an unknown argument 'kernal_initializer'. Did you mean 'kernel_initializer'?"),
    Wrong("Dense", {}, None, "Dense: missing a required argument: 'units'. Its arguments are: units, activation, "
          "use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, "
          "kernel_constraint, bias_constraint, lora_rank, lora_alpha.", TypeError),
    Wrong("Dense", {"units": 3, "name": "d", "lora_rank": -2}, None,
          "Dense 'd' needs a positive integer for lora_rank, and got -2."),
    Wrong("Dense", {"units": 3, "name": "d", "lora_rank": 2, "lora_alpha": "high"}, None,
          "Dense 'd' needs a number for lora_alpha, and got 'high'."),
    Wrong("Dense", {"units": 3, "name": "d", "lora_rank": 2, "kernel_constraint": "non_neg"}, None,
          "Dense 'd' can't keep to its kernel_constraint with low-rank weights, whose updates go around it: leave out either "
          "kernel_constraint or lora_rank."),
    Wrong("Dense", {"units": 3, "name": "d"}, (4,),
          "Dense 'd' takes inputs of at least 2 axes, and got (4,), which has 1."),
    Wrong("Dense", {"units": 3, "name": "d"}, (2, None),
          "Dense 'd' needs to know the size of its input's last axis, and got (2, None)."),
    Wrong("Activation", {"activation": "nosuch"}, None, "'nosuch' is not a known activation. Your own can be passed as an "
          "object, or by name after `register_keras_serializable`."),
    Wrong("Activation", {}, None, "Activation: missing a required argument: 'activation'. Its arguments are: activation.",
          TypeError),
    Wrong("Lambda", {"function": 3}, None, "Lambda needs a function, and got 3.", TypeError),
    Wrong("Flatten", {"data_format": "x", "name": "f"}, None,
          "Flatten 'f' needs 'channels_last' or 'channels_first' for data_format, and got 'x'."),
    Wrong("Reshape", {"target_shape": (5,), "name": "r"}, (None, 6),
          "Reshape 'r' can't shape the 6 numbers of a sample of shape (6,) into (5,)."),
    Wrong("Reshape", {"target_shape": (-1, -1), "name": "r"}, None,
          "Reshape 'r' can work out one size only, and got target_shape (-1, -1)."),
    Wrong("Permute", {"dims": (0, 1), "name": "p"}, None,
          "Permute 'p' needs the numbers 1 to 2, each once, for dims, and got (0, 1)."),
    Wrong("Permute", {"dims": (2, 1), "name": "p"}, (None, 3),
          "Permute 'p' takes inputs of 3 axes (the batch is the first), and got (None, 3), which has 2."),
    Wrong("RepeatVector", {"n": 0, "name": "r"}, None, "RepeatVector 'r' needs a positive integer for n, and got 0."),
    Wrong("RepeatVector", {"n": 2, "name": "r"}, (None, 3, 4),
          "RepeatVector 'r' takes inputs of 2 axes (the batch is the first), and got (None, 3, 4), which has 3."),
    Wrong("EinsumDense", {"equation": "ab->c", "output_shape": 3}, (None, 3), "The equation of EinsumDense must have the "
          "form 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...', and is 'ab->c'."),
    Wrong("ActivityRegularization", {"l1": -1}, None, "L1L2 needs a number from 0 up for l1, and got -1."),
    Wrong("Dropout", {"rate": 1.5, "name": "d"}, None, "Dropout 'd' needs a number from 0 to 1 for rate, and got 1.5."),
    Wrong("Dropout", {"rate": "a", "name": "d"}, None, "Dropout 'd' needs a number from 0 to 1 for rate, and got 'a'."),
    Wrong("SpatialDropout2D", {"rate": 0.5, "name": "d"}, (None, 4, 3),
          "SpatialDropout2D 'd' takes inputs of 4 axes (the batch is the first), and got (None, 4, 3), which has 3."),
]  # fmt: skip
