"""TensorFlow's functions that Keras code calls on tensors, in Keras 3's words. Facts, no code.

Rows are those of :class:`lamina.dialects.backend_names.Op`, by the name behind ``tf.``.
"""

from __future__ import annotations

from lamina.dialects.backend_names import Op

_INPUT = {"input_tensor": "x", "input": "x"}
_REDUCED = "input_tensor axis keepdims"


def _rows(names: str, order: str, renamed: dict[str, str] | None = None, prefix: str = "") -> dict[str, Op]:
    """``tf`` names, or pairs ``tf=ops`` of them."""
    pairs = [pair.partition("=") for pair in names.split()]
    return {f"{prefix}{old}": Op(f"ops.{new or old}", order, renamed or {}) for old, _, new in pairs}


_UNARY = "abs square sqrt exp log sin cos tan sign sigmoid tanh round floor rsqrt log1p expm1"
_TWO = "maximum minimum equal not_equal greater greater_equal less less_equal add subtract multiply divide pow=power"
_REDUCING = ("reduce_mean=mean reduce_sum=sum reduce_max=max reduce_min=min reduce_prod=prod reduce_any=any reduce_all=all "
             "reduce_logsumexp=logsumexp reduce_std=std reduce_variance=var")  # fmt: skip
_ARG = {"input": "x", "dimension": "axis"}
_FIRST_AXIS = {"axis": "0"}

TF_OPS: dict[str, Op] = {
    **_rows(_UNARY, "x"), **_rows(_UNARY, "x", prefix="math."),
    **_rows("stop_gradient zeros_like ones_like shape rank=ndim", "input", {"input": "x"}),
    **_rows(_TWO, "x y", {"x": "x1", "y": "x2"}), **_rows(_TWO, "x y", {"x": "x1", "y": "x2"}, "math."),
    **_rows("logical_and logical_or", "x y", {"x": "x1", "y": "x2"}), **_rows("logical_not", "x"),
    **_rows(_REDUCING, _REDUCED, {**_INPUT, "keep_dims": "keepdims"}),
    **_rows(_REDUCING, _REDUCED, {**_INPUT, "keep_dims": "keepdims"}, "math."),
    **_rows("relu", "features", {"features": "x"}, "nn."),
    **_rows("elu softplus", "features", {"features": "x"}, "nn."),
    "nn.gelu": Op("ops.gelu", "features approximate", {"features": "x"}, {"approximate": "False"}),
    "nn.leaky_relu": Op("ops.leaky_relu", "features alpha", {"features": "x", "alpha": "negative_slope"}),
    **_rows("sigmoid tanh", "x", prefix="nn."),
    "nn.softmax": Op("ops.softmax", "logits axis", {"logits": "x"}),
    "matmul": Op("ops.matmul", "a b", {"a": "x1", "b": "x2"}),
    "linalg.matmul": Op("ops.matmul", "a b", {"a": "x1", "b": "x2"}),
    "tensordot": Op("ops.tensordot", "a b axes", {"a": "x1", "b": "x2"}),
    "einsum": Op("ops.einsum", "equation a b c d"),
    "concat": Op("ops.concatenate", "values axis", {"values": "xs"}),
    "stack": Op("ops.stack", "values axis", {"values": "x"}),
    "expand_dims": Op("ops.expand_dims", "input axis", {"input": "x", "dim": "axis"}),
    "squeeze": Op("ops.squeeze", "input axis", {"input": "x", "squeeze_dims": "axis"}),
    "reshape": Op("ops.reshape", "tensor shape", {"tensor": "x", "shape": "newshape"}),
    "transpose": Op("ops.transpose", "a perm", {"a": "x", "perm": "axes"}),
    "cast": Op("ops.cast", "x dtype"),
    "where": Op("{keras}.ops.where({condition}, {x}, {y})", "condition x y"),
    "gather": Op("{keras}.ops.take({params}, {indices}, axis=0)", "params indices"),
    "clip_by_value": Op("ops.clip", "t clip_value_min clip_value_max",
                        {"t": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "one_hot": Op("ops.one_hot", "indices depth", {"indices": "x", "depth": "num_classes"}),
    "zeros": Op("ops.zeros", "shape dtype"), "ones": Op("ops.ones", "shape dtype"),
    "tile": Op("ops.tile", "input multiples", {"input": "x", "multiples": "repeats"}),
    **dict.fromkeys(("argmax", "math.argmax"), Op("ops.argmax", "input axis", _ARG, _FIRST_AXIS)),
    **dict.fromkeys(("argmin", "math.argmin"), Op("ops.argmin", "input axis", _ARG, _FIRST_AXIS)),
    **dict.fromkeys(("cumsum", "math.cumsum"), Op("ops.cumsum", "x axis", defaults=_FIRST_AXIS)),
    "constant": Op("ops.convert_to_tensor", "value dtype", {"value": "x"}),
    "convert_to_tensor": Op("ops.convert_to_tensor", "value dtype", {"value": "x"}),
    "identity": Op("{input}", "input"),
    "reverse": Op("ops.flip", "tensor axis", {"tensor": "x"}),
    "random.normal": Op("random.normal", "shape mean stddev dtype seed"),
    "random.uniform": Op("random.uniform", "shape minval maxval dtype seed"),
    "random_normal": Op("random.normal", "shape mean stddev dtype seed"),
    "random.set_seed": Op("utils.set_random_seed", "seed"),
}  # fmt: skip
# Types and words.
TF_WORDS = {name: f'"{name}"' for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool",
                                           "bfloat16")} | {"newaxis": "None"}  # fmt: skip
# What makes tensors of TensorFlow's own: a file with one of these is left to TensorFlow.
TF_OWN = frozenset({"data", "io", "GradientTape", "function", "Session", "placeholder", "compat", "train", "image",
                    "distribute", "estimator", "Variable", "while_loop", "cond", "py_function", "saved_model", "lite",
                    "contrib", "get_default_graph", "Graph", "TensorArray", "RaggedTensor", "SparseTensor"})  # fmt: skip
