"""Keras 1's and 2's backend (``K``) in Keras 3's words: what each function is called there. Facts, no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Op(NamedTuple):
    """A function of the backend today.

    Arguments:
        target: its path below Keras, or an expression with the old arguments in braces; ``{keras}`` is Keras itself.
        order: the names of its old arguments.
        renamed: what they are called today.
        defaults: what an argument was that was not given, where today it is something else, or must be given.
        refused: arguments that have no counterpart.
    """

    target: str
    order: str = "x"
    renamed: Mapping[str, str] = {}
    defaults: Mapping[str, str] = {}
    refused: tuple[str, ...] = ()


def _same(names: str, order: str, module: str = "ops") -> dict[str, Op]:
    return {name: Op(f"{module}.{name}", order) for name in names.split()}


_AXIS = {"axis": "-1"}

OPS: dict[str, Op] = {
    **_same("abs square exp log sin cos sign sigmoid tanh softplus softsign zeros_like ones_like stop_gradient round", "x"),
    **_same("mean sum max min prod std var any all logsumexp", "x axis keepdims"),
    **_same("maximum minimum equal not_equal greater greater_equal less less_equal", "x1 x2"),
    **_same("cumsum cumprod", "x axis"),
    **_same("zeros ones", "shape dtype", "ops"),
    **_same("softmax", "x axis"),
    **_same("cast", "x dtype"),
    **_same("squeeze", "x axis"),
    **_same("stack", "x axis"),
    **_same("eye", "N"),
    **_same("shape ndim", "x"),
    "dot": Op("ops.dot", "x1 x2"),
    "lesser": Op("ops.less", "x1 x2"),
    "lesser_equal": Op("ops.less_equal", "x1 x2"),
    "relu": Op("ops.relu", "x alpha max_value threshold", refused=("alpha", "max_value", "threshold")),
    "elu": Op("ops.elu", "x alpha"),
    "sqrt": Op("{keras}.ops.sqrt({keras}.ops.maximum({x}, 0.0))"),
    "clip": Op("ops.clip", "x min_value max_value", {"min_value": "x_min", "max_value": "x_max"}),
    "pow": Op("ops.power", "x a", {"x": "x1", "a": "x2"}),
    "argmax": Op("ops.argmax", "x axis", defaults=_AXIS),
    "argmin": Op("ops.argmin", "x axis", defaults=_AXIS),
    "concatenate": Op("ops.concatenate", "tensors axis", {"tensors": "xs"}, _AXIS),
    "expand_dims": Op("ops.expand_dims", "x axis", {"dim": "axis"}, _AXIS),
    "one_hot": Op("ops.one_hot", "indices num_classes", {"indices": "x", "nb_classes": "num_classes"}),
    "repeat_elements": Op("ops.repeat", "x rep axis", {"rep": "repeats"}),
    "permute_dimensions": Op("ops.transpose", "x pattern", {"pattern": "axes"}),
    "transpose": Op("ops.transpose"),
    "reverse": Op("ops.flip", "x axes", {"axes": "axis"}),
    "gather": Op("{keras}.ops.take({reference}, {indices}, axis=0)", "reference indices"),
    "reshape": Op("ops.reshape", "x shape", {"shape": "newshape"}),
    "tile": Op("ops.tile", "x n", {"n": "repeats"}),
    "batch_flatten": Op("{keras}.ops.reshape({x}, ({keras}.ops.shape({x})[0], -1))"),
    "l2_normalize": Op("({x} / {keras}.ops.sqrt({keras}.ops.maximum({keras}.ops.sum({keras}.ops.square({x}), axis={axis}, "
                       "keepdims=True), 1e-12)))", "x axis"),
    "dropout": Op("random.dropout", "x level noise_shape seed", {"level": "rate"}),
    "variable": Op("{keras}.Variable({value})", "value"),
    "eval": Op("{keras}.ops.convert_to_numpy({x})"),
    "identity": Op("{x}"),
    "backend": Op("config.backend", ""),
    "is_keras_tensor": Op("utils.is_keras_tensor"),
    "flatten": Op("{keras}.ops.reshape({x}, (-1,))"),
    "int_shape": Op("tuple({x}.shape)"),
    "get_value": Op("{keras}.ops.convert_to_numpy({x})"),
    "set_value": Op("{x}.assign({value})", "x value"),
    "update": Op("{x}.assign({new_x})", "x new_x"),
    "update_add": Op("{x}.assign_add({increment})", "x increment"),
    "update_sub": Op("{x}.assign_sub({decrement})", "x decrement"),
    "constant": Op("ops.convert_to_tensor", "x dtype", {"value": "x"}),
    "switch": Op("ops.where", "condition then_expression else_expression",
                 {"then_expression": "x1", "else_expression": "x2"}),
    "random_normal": Op("random.normal", "shape mean stddev dtype seed", {"std": "stddev"}),
    "random_uniform": Op("random.uniform", "shape minval maxval dtype seed", {"low": "minval", "high": "maxval"}),
    "truncated_normal": Op("random.truncated_normal", "shape mean stddev dtype seed"),
    "binary_crossentropy": Op("ops.binary_crossentropy", "target output from_logits"),
    "categorical_crossentropy": Op("ops.categorical_crossentropy", "target output from_logits axis"),
    "clear_session": Op("utils.clear_session", ""),
    **_same("epsilon floatx image_data_format", "", "config"),
    "set_epsilon": Op("config.set_epsilon", "value"),
    "set_floatx": Op("config.set_floatx", "value"),
    "set_image_data_format": Op("config.set_image_data_format", "data_format"),
}  # fmt: skip

# Of Keras 1 alone: the prediction came first.
KERAS1_OPS = {
    "binary_crossentropy": Op("{keras}.ops.binary_crossentropy({target}, {output})", "output target"),
    "categorical_crossentropy": Op("{keras}.ops.categorical_crossentropy({target}, {output})", "output target"),
}

# What lamina has and Keras 3 lacks, by module; and arguments of lamina's for what older Keras computed.
KERAS3_LACKS = {
    "layers": frozenset({"AbstractRNNCell", "ConvLSTM2DCell", "ConvRecurrent2D", "Highway", "LocallyConnected1D",
                         "LocallyConnected2D", "MaxoutDense", "ParametricSoftplus", "RandomFourierFeatures", "Recurrent",
                         "SReLU", "ThresholdedReLU", "GroupedQueryAttention"}),
    "models": frozenset({"Input", "Merge", "merge", "model_from_config", "model_from_yaml"}),
    "losses": frozenset({"BCE", "KLD", "MAE", "MAPE", "MSE", "MSLE", "bce", "cosine", "cosine_proximity", "huber_loss", "kld",
                         "kullback_leibler_divergence", "logcosh", "mae", "mape", "mse", "msle"}),
    "metrics": frozenset({"BCE", "KLD", "MAE", "MAPE", "MSE", "MSLE", "bce", "cosine", "cosine_proximity", "kld", "logcosh",
                          "kullback_leibler_divergence", "mae", "mape", "mse", "msle", "accuracy", "fbeta_score",
                          "fmeasure", "matthews_correlation", "precision", "recall", "cosine_similarity"}),
    "initializers": frozenset({"normal", "one", "uniform", "zero"}),
    "regularizers": frozenset({"l1l2"}),
    "constraints": frozenset({"maxnorm", "nonneg", "unitnorm"}),
    "activations": frozenset({"hard_sigmoid_keras2"}),
    "random": frozenset({"set_random_seed"}),
}  # fmt: skip
KERAS3_LACKS_ARGUMENTS = frozenset({"variance_correction", "frozen_statistics", "keep_trainable", "averages_at_end",
                                    "epsilon_outside", "decay", "schedule_decay", "sums_activity",
                                    "batch_input_shape"})  # fmt: skip
