"""Operations of TensorFlow's graphs in functional models of tf.keras 2.0 to 2.3 (``TensorFlowOpLayer``), each as the call of
TensorFlow's function that made it, which ``tf_operations`` reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from lamina.errors import did_you_mean

Config = dict[str, Any]
CLASS = "TensorFlowOpLayer"

# Operation -> TensorFlow's function and the names of its arguments; a star: the first argument is a list of all inputs that
# come before the named ones.
_TABLE = """
    AddV2 math.add x y; Add math.add x y; Sub math.subtract x y; Mul math.multiply x y; RealDiv math.truediv x y;
    FloorDiv floor_div x y; FloorMod math.floormod x y; Pow math.pow x y; Maximum math.maximum x y;
    Minimum math.minimum x y; SquaredDifference math.squared_difference x y; Atan2 math.atan2 y x;
    DivNoNan math.divide_no_nan x y; MulNoNan math.multiply_no_nan x y; Xlogy math.xlogy x y; BiasAdd nn.bias_add value bias;
    Less math.less x y; LessEqual math.less_equal x y; Greater math.greater x y; GreaterEqual math.greater_equal x y;
    Equal math.equal x y; NotEqual math.not_equal x y; LogicalAnd math.logical_and x y; LogicalOr math.logical_or x y;
    Cross linalg.cross a b; MatMul linalg.matmul a b; BatchMatMul linalg.matmul a b; BatchMatMulV2 linalg.matmul a b;
    Abs math.abs x; Acos math.acos x; Acosh math.acosh x; Asin math.asin x; Asinh math.asinh x; Atan math.atan x;
    Atanh math.atanh x; BesselI0 math.bessel_i0 x; Ceil math.ceil x; Cos math.cos x; Cosh math.cosh x; Elu nn.elu features;
    Erf math.erf x; Erfc math.erfc x; Erfinv math.erfinv x; Exp math.exp x; Expm1 math.expm1 x; Floor math.floor x;
    Identity identity input; IsFinite math.is_finite x; IsInf math.is_inf x; IsNan math.is_nan x;
    LeakyRelu nn.leaky_relu features; Log math.log x; Log1p math.log1p x; LogSoftmax nn.log_softmax logits;
    LogicalNot math.logical_not x; MatrixDeterminant linalg.det input; MatrixInverse linalg.inv input; Neg math.negative x;
    OnesLike ones_like input; Reciprocal math.reciprocal x; Relu nn.relu features; Relu6 nn.relu6 features;
    Rint math.rint x; Round math.round x; Rsqrt math.rsqrt x; Selu nn.selu features; Sigmoid math.sigmoid x;
    Sign math.sign x; Sin math.sin x; Sinh math.sinh x; Softmax nn.softmax logits; Softplus math.softplus features;
    Softsign nn.softsign features; Sqrt math.sqrt x; Square math.square x; StopGradient stop_gradient input;
    Tan math.tan x; Tanh math.tanh x; ZerosLike zeros_like input; EnsureShape identity input;
    All math.reduce_all input_tensor axis; Any math.reduce_any input_tensor axis; Max math.reduce_max input_tensor axis;
    Mean math.reduce_mean input_tensor axis; Min math.reduce_min input_tensor axis; Prod math.reduce_prod input_tensor axis;
    Sum math.reduce_sum input_tensor axis; EuclideanNorm math.reduce_euclidean_norm input_tensor axis;
    ArgMax math.argmax input axis; ArgMin math.argmin input axis; Cumsum math.cumsum x axis; Cumprod math.cumprod x axis;
    TopKV2 math.top_k input k; Cast cast x; Shape shape input; Size size input; Rank rank input;
    Reshape reshape tensor shape; Transpose transpose a perm; ExpandDims expand_dims input axis; Squeeze squeeze input;
    Tile tile input multiples; BroadcastTo broadcast_to input shape; GatherV2 gather params indices axis;
    Pack stack *; ConcatV2 concat * axis; AddN math.add_n *; Split split axis value; SplitV split value num_or_size_splits axis;
    Unpack unstack value; Slice slice input_ begin size; StridedSlice strided_slice input_ begin end strides;
    SelectV2 where condition x y; Select where condition x y; OneHot one_hot indices depth on_value off_value;
    Pad pad tensor paddings; PadV2 pad tensor paddings constant_values; MirrorPad pad tensor paddings;
    ReverseV2 reverse tensor axis; Roll roll input shift axis; Range range start limit delta; Fill fill dims value;
    MatrixBandPart linalg.band_part input num_lower num_upper; MaxPool nn.max_pool input; AvgPool nn.avg_pool input;
    Conv2D nn.conv2d input filters; DepthwiseConv2dNative nn.depthwise_conv2d input filter;
    DepthToSpace nn.depth_to_space input; SpaceToDepth nn.space_to_depth input;
    ResizeBilinear image.resize images size; ResizeNearestNeighbor image.resize images size; IdentityN identity_n *;
    Einsum einsum *
"""
OPERATIONS = {op: (function, arguments) for op, function, *arguments in (row.split() for row in _TABLE.split(";"))}
# Attributes of operations: the argument that each is of the function, where it is one.
_ATTRIBUTES = {
    "keep_dims": "keepdims", "transpose_a": "transpose_a", "transpose_b": "transpose_b", "adj_x": "transpose_a",
    "adj_y": "transpose_b", "alpha": "alpha", "DstT": "dtype", "squeeze_dims": "axis", "axis": "axis", "exclusive": "exclusive",
    "reverse": "reverse", "batch_dims": "batch_dims", "ksize": "ksize", "strides": "strides", "padding": "padding",
    "data_format": "data_format", "dilations": "dilations", "block_size": "block_size", "mode": "mode",
    "begin_mask": "begin_mask", "end_mask": "end_mask", "ellipsis_mask": "ellipsis_mask", "new_axis_mask": "new_axis_mask",
    "shrink_axis_mask": "shrink_axis_mask", "output_type": "output_type", "equation": "equation",
    "num_split": "num_or_size_splits",
}  # fmt: skip
# Attributes that a picture's resizing must have, since TensorFlow's function always has them.
_ALWAYS = {"half_pixel_centers": True, "align_corners": False}
_EXTRA = {"ResizeBilinear": {"method": "bilinear"}, "ResizeNearestNeighbor": {"method": "nearest"}}
_TYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BFLOAT16": "bfloat16", "DT_INT32": "int32",
          "DT_INT64": "int64", "DT_INT8": "int8", "DT_INT16": "int16", "DT_UINT8": "uint8", "DT_BOOL": "bool"}  # fmt: skip


def as_call(entry: Config) -> Config:
    """The entry of the function of TensorFlow's that made an operation, in tf.keras's later form.

    Raises:
        ValueError: for an operation, or an attribute of it, that is not in the tables.
    """
    name, node = entry.get("name"), entry["config"].get("node_def")
    node = json.loads(node) if isinstance(node, str) else node
    op = node.get("op") if isinstance(node, dict) else None
    if op not in OPERATIONS:
        raise ValueError(f"TensorFlow's operation {op!r:.80} (layer {name!r:.80}) is not among those that lamina reads."
                         f"{did_you_mean(op, OPERATIONS)}")  # fmt: skip
    function, arguments = OPERATIONS[op]
    given = {_ATTRIBUTES[key]: _attribute(value) for key, value in node.get("attr", {}).items() if key in _ATTRIBUTES}
    for key, wanted in _ALWAYS.items():
        if key in node.get("attr", {}) and _attribute(node["attr"][key]) != wanted:
            raise ValueError(f"TensorFlow's operation {op!r} (layer {name!r:.80}) has {key}={not wanted}, and lamina reads "
                             f"it with {wanted} alone.")  # fmt: skip
    given |= _EXTRA.get(op, {})
    constants = {int(place): value for place, value in (entry["config"].get("constants") or {}).items()}
    nodes = [_node(places, constants, arguments, given) for places in entry.get("inbound_nodes") or ()]
    return {"class_name": "TFOpLambda", "name": name, "inbound_nodes": nodes,
            "config": {"name": name, "function": function}}  # fmt: skip


def _node(places: Any, constants: dict[int, Any], arguments: Sequence[str], attributes: Config) -> Any:
    """The call: tensors and constants in the places of the operation's inputs."""
    if not isinstance(places, list) or not all(isinstance(place, list) and len(place) >= 3 for place in places):
        raise ValueError(f"Expected [[layer, call, output, arguments], ...], and got {places!r:.80}.")
    rest = iter(places)
    count = len(places) + len(constants)
    inputs = [_constant(constants[place]) if place in constants else _next(rest) for place in range(count)]
    is_list = arguments[:1] == ["*"]
    names = arguments[1:] if is_list else arguments
    firsts = inputs[: count - len(names)] if is_list else []
    given = dict(zip(names, inputs[len(firsts) :], strict=False))
    first = firsts if is_list else given.pop("value" if arguments == ["axis", "value"] else names[0])
    attributes = {
        key: value for key, value in attributes.items() if key != "num_or_size_splits" or "value" in arguments
    }
    keywords = attributes | {key: value[2] if value[0] == "_CONSTANT_VALUE" else value for key, value in given.items()}
    return [[*one, keywords] for one in first] if is_list else [*first, keywords]


def _next(places: Iterator[Any]) -> list[Any]:
    place = next(places, None)
    if place is None:
        raise ValueError("An operation of TensorFlow's has fewer inputs than its constants leave places for.")
    return place[:3]


def _constant(value: Any) -> list[Any]:
    return ["_CONSTANT_VALUE", -1, value]


def _attribute(value: Any) -> Any:
    """``{"b": true}``, ``{"i": "2"}``, ``{"list": {"i": ["1"]}}``, ... as a plain value."""
    kind, inner = next(iter(value.items()), ("", None)) if isinstance(value, dict) else ("", value)
    if kind == "list" and isinstance(inner, dict):
        kind, items = next(iter(inner.items()), ("i", []))
        return [_attribute({kind: item}) for item in items]
    if kind == "s":
        return base64.b64decode(str(inner)).decode("utf-8", "replace")
    return int(str(inner)) if kind == "i" else _TYPES.get(str(inner), inner) if kind == "type" else inner
