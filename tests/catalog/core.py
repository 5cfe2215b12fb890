"""Core layers, dropout, and the layers that only reshape."""

from catalog.row import Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
MAX_NORM = {"class_name": "MaxNorm", "config": {"max_value": 0.5, "axis": 0}}
CONSTANT = {"class_name": "Constant", "config": {"value": 0.5}}


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
    Row("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"}, (2, 4)),
    Row("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3)}, (2, 5, 4)),
    Row("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"}, (2, 5, 4)),
    Row("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 3, 2), "bias_axes": "de",
                        "activation": "relu", "kernel_initializer": "he_uniform", "bias_initializer": "ones",
                        "kernel_regularizer": L2, "bias_regularizer": "l1", "activity_regularizer": "l2",
                        "kernel_constraint": "unit_norm", "bias_constraint": "non_neg"}, (2, 5, 4)),
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
          "kernel_constraint, bias_constraint, kwargs.", TypeError),
    Wrong("Dense", {"units": 3, "name": "d"}, (4,),
          "Dense 'd' takes inputs of at least 2 axes, and got (4,), which has 1."),
    Wrong("Dense", {"units": 3, "name": "d"}, (2, None),
          "Dense 'd' needs to know the size of its input's last axis, and got (2, None)."),
]  # fmt: skip
