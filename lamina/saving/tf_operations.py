"""TensorFlow's functions in a functional model of tf.keras, each as the operation of Keras 3 that computes the same."""

from __future__ import annotations

from typing import Any

from lamina.errors import did_you_mean
from lamina.saving.keras_operations import KERAS_OPERATIONS, entry_of
from lamina.saving.operations import LAMINA_MODULE, TF_CLASS
from lamina.saving.tf_functions import COMPOSED
from lamina.saving.tf_op_layers import CLASS as GRAPH_CLASS
from lamina.saving.tf_op_layers import as_call

Config = dict[str, Any]
LAYERS = ("TFOpLambda", "SlicingOpLambda")

# TensorFlow's name -> Keras's class, and what the function's arguments are called there. The first argument is what the
# function is called on; names that are not listed are the same; those with no name here change no number.
_TWO = {"other": "x2", "y": "x2"}  # the last is what is written
_REDUCE = {"axis": "axis", "keepdims": "keepdims"}


def _rows(names: str, renamed: dict[str, str]) -> dict[str, tuple[str, dict[str, str]]]:
    pairs = (pair.split(":") for pair in names.split())
    return {old: (new, renamed) for old, new in pairs}


FUNCTIONS: dict[str, tuple[str, dict[str, str]]] = {
    **_rows(
        "math.add:Add __operators__.add:Add math.subtract:Subtract math.multiply:Multiply math.truediv:TrueDivide "
        "math.divide:TrueDivide math.floordiv:FloorDivide math.floormod:Mod math.mod:Mod math.pow:Power "
        "math.maximum:Maximum math.minimum:Minimum math.less:Less "
        "math.less_equal:LessEqual math.greater:Greater math.greater_equal:GreaterEqual math.equal:Equal "
        "math.not_equal:NotEqual __operators__.eq:Equal __operators__.ne:NotEqual math.logical_and:LogicalAnd "
        "math.logical_or:LogicalOr math.logical_xor:LogicalXor math.divide_no_nan:DivideNoNan floor_div:FloorDivide",
        _TWO,
    ),
    **_rows("linalg.matmul:Matmul __operators__.matmul:Matmul linalg.cross:Cross", {"b": "x2"}),
    "math.atan2": ("Arctan2", {"x": "x2"}),
    **_rows(
        "math.negative:Negative math.abs:Absolute math.exp:Exp math.expm1:Expm1 math.log:Log math.log1p:Log1p "
        "math.sqrt:Sqrt math.rsqrt:Rsqrt math.square:Square math.sin:Sin math.cos:Cos math.tan:Tan math.asin:Arcsin "
        "math.acos:Arccos math.atan:Arctan math.sinh:Sinh math.cosh:Cosh math.tanh:Tanh math.sigmoid:Sigmoid "
        "math.sign:Sign math.floor:Floor math.ceil:Ceil math.round:Round math.reciprocal:Reciprocal math.erf:Erf "
        "math.asinh:Arcsinh math.acosh:Arccosh math.atanh:Arctanh math.rint:Round math.erfinv:Erfinv "
        "math.log_sigmoid:LogSigmoid math.bessel_i0:I0 linalg.inv:Inv linalg.det:Det "
        "math.logical_not:LogicalNot math.is_nan:Isnan math.is_finite:Isfinite math.is_inf:Isinf "
        "math.softplus:Softplus nn.relu:Relu nn.relu6:Relu6 nn.sigmoid:Sigmoid nn.tanh:Tanh nn.elu:Elu nn.selu:Selu "
        "nn.softplus:Softplus nn.softsign:Softsign nn.silu:Silu nn.swish:Silu stop_gradient:StopGradient "
        "math.conj:Conjugate identity:Copy",
        {"features": "x", "value": "x"},
    ),
    **_rows(
        "math.reduce_mean:Mean math.reduce_sum:Sum math.reduce_max:Max math.reduce_min:Min math.reduce_prod:Prod "
        "math.reduce_any:Any math.reduce_all:All math.reduce_std:Std math.reduce_variance:Var "
        "math.reduce_logsumexp:Logsumexp",
        _REDUCE,
    ),
    **_rows("math.argmax:Argmax math.argmin:Argmin expand_dims:ExpandDims squeeze:Squeeze nn.softmax:Softmax "
            "nn.log_softmax:LogSoftmax math.cumsum:Cumsum math.cumprod:Cumprod stack:Stack concat:Concatenate "
            "reverse:Flip", {"axis": "axis"}),
    "reshape": ("Reshape", {"shape": "newshape"}),
    "transpose": ("Transpose", {"perm": "axes"}),
    "compat.v1.transpose": ("Transpose", {"perm": "axes"}),
    "cast": ("Cast", {"dtype": "dtype"}),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "tile": ("Tile", {"multiples": "repeats"}),
    "broadcast_to": ("BroadcastTo", {"shape": "shape"}),
    "repeat": ("Repeat", {"repeats": "repeats", "axis": "axis"}),
    "gather": ("Take", {"indices": "indices", "axis": "axis"}),
    "where": ("Where", {"x": "x1", "y": "x2"}),
    "compat.v1.where": ("Where", {"x": "x1", "y": "x2"}),
    "ones_like": ("OnesLike", {"dtype": "dtype"}),
    "zeros_like": ("ZerosLike", {"dtype": "dtype"}),
    "one_hot": ("OneHot", {"depth": "num_classes", "axis": "axis", "dtype": "dtype"}),
    "nn.leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}),
    "nn.gelu": ("Gelu", {"approximate": "approximate"}),
    "__operators__.getitem": ("GetItem", {"slice_spec": "key"}),
}  # fmt: skip
# TensorFlow 1's names of its functions, and those by which it has them otherwise.
_FIRST = "compat.v1."
# Arguments that change no number at these values.
HARMLESS: dict[str, tuple[Any, ...]] = {
    "name": (None,), "input": (None,), "transpose_a": (False,), "transpose_b": (False,), "adjoint_a": (False,),
    "adjoint_b": (False,), "a_is_sparse": (False,), "b_is_sparse": (False,), "output_type": (None, "int64"),
    "conjugate": (False,), "adjoint": (False,),
    "exclusive": (False,), "reverse": (False,), "batch_dims": (0,), "validate_indices": (None,),
    "on_value": (None, 1, 1.0), "off_value": (None, 0, 0.0), "incompatible_shape_error": (True,),
    "keepdims": (None,), "axis": (None,), "dtype": (None,), "optimize": (True,), "layout": (None,), "beta": (1, 1.0),
}  # fmt: skip


def is_tf_operation(entry: Config) -> bool:
    """Whether an entry of a functional config is a function of TensorFlow's."""
    return entry.get("class_name") in (*LAYERS, GRAPH_CLASS) and isinstance(entry.get("config"), dict)


def as_operation(entry: Config) -> Config:
    """The entry of Keras 3's operation that computes the same, with nodes in Keras 3's form.

    Raises:
        ValueError: for a function, or a setting of it, that is not in the table.
    """
    entry = as_call(entry) if entry["class_name"] == GRAPH_CLASS else entry
    name, function = entry["config"].get("name"), entry["config"].get("function")
    function = function.removeprefix(_FIRST) if isinstance(function, str) else function
    nodes = entry.get("inbound_nodes") or ()
    if function in COMPOSED:
        written = {"module": LAMINA_MODULE, "class_name": TF_CLASS, "config": {"name": name, "function": function}}
        return {**written, "name": name, "inbound_nodes": [_call(node) for node in nodes]}
    if function not in FUNCTIONS:
        raise ValueError(f"TensorFlow's function {function!r:.80} (layer {name!r:.80}) is not among those that lamina reads."
                         f"{did_you_mean(function, (*FUNCTIONS, *COMPOSED))}")  # fmt: skip
    class_name, renamed = FUNCTIONS[function]
    operation = KERAS_OPERATIONS[class_name]
    settings: Config = {}
    written = entry_of(f"keras.src.ops.{operation.module}", class_name, {"name": name, **settings})
    calls = [_node(_call(node), renamed, operation, settings) for node in nodes]
    written["config"] |= settings
    return {**written, "name": name, "inbound_nodes": calls}


def _call(node: Any) -> Config:
    """A call in Keras 3's form, its arguments by TensorFlow's names. A name says nothing."""
    is_list = isinstance(node, list) and bool(node) and isinstance(node[0], list)
    places = node if is_list else [node]
    if not places or not all(is_place(place) or _is_constant(place) for place in places):
        raise ValueError(f"Expected [layer, call, output, arguments], and got {node!r:.80}.")
    given = [place[2] if _is_constant(place) else _tensor(place) for place in places]
    others = places[0][3] if len(places[0]) > 3 else {}
    return {"args": [given if is_list else given[0]],
            "kwargs": {key: _argument(value) for key, value in others.items() if key != "name"}}  # fmt: skip


def _is_constant(value: Any) -> bool:
    """Whether a value is ``["_CONSTANT_VALUE", -1, numbers]``, with arguments: a call that begins with a number."""
    return isinstance(value, list) and len(value) in (3, 4) and value[:2] == ["_CONSTANT_VALUE", -1]


def _node(call: Config, renamed: dict[str, str], operation: Any, settings: Config) -> Config:
    """The call of an operation. What is no tensor and a setting of the operation goes into ``settings``."""
    args, kwargs = call["args"], {}
    for key, value in call["kwargs"].items():
        today = renamed.get(key)
        if today is None or (value is None and key in HARMLESS):
            if key not in HARMLESS or value not in HARMLESS[key]:
                raise ValueError(
                    f"{operation.name} with {key}={value!r:.80} is not among what lamina reads of TensorFlow."
                )
        elif today in operation.settings:
            settings[today] = value
        else:
            kwargs[today] = value
    if set(kwargs) <= {"x2"}:
        return {"args": [*args, *kwargs.values()], "kwargs": {}}
    return {"args": args, "kwargs": kwargs}


def is_place(value: Any) -> bool:
    """Whether a value is ``[layer, call, output]``, with or without arguments."""
    return (isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
            and type(value[1]) is int and type(value[2]) is int)  # fmt: skip


def _tensor(place: list[Any]) -> Config:
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": place[:3]}}


def _argument(value: Any) -> Any:
    if is_place(value) and len(value) == 3:
        return _tensor(value)
    return [_argument(item) for item in value] if isinstance(value, list) else value


# ---- writing -------------------------------------------------------------------------------------------------------


class NoWords(ValueError):
    """tf.keras has no words for a part of a model."""


_BY_CLASS = {class_name: (function, renamed) for function, (class_name, renamed) in reversed(FUNCTIONS.items())}


def as_tf_operation(entry: Config) -> Config:
    """The entry of TensorFlow's function that computes the same as Keras 3's operation.

    Raises:
        NoWords: for an operation that is not in the table.
    """
    class_name, config = entry["class_name"], entry["config"]
    if class_name not in _BY_CLASS:
        raise NoWords(f"The operation {config.get('function', class_name)!r} (layer {entry['name']!r}) is not among those that "
                         "lamina writes for tf.keras.")  # fmt: skip
    function, renamed = _BY_CLASS[class_name]
    old_names = {new: old for old, new in renamed.items()}
    settings = {old_names[key]: value for key, value in config.items() if key in old_names}
    if function == "reverse" and isinstance(settings["axis"], int):
        settings["axis"] = [settings["axis"]]
    left = {key: value for key, value in config.items() if key not in (*old_names, "name")}
    if any(value not in (None, False) for value in left.values()):
        raise NoWords(
            f"The operation {class_name} (layer {entry['name']!r}) has {left}, which tf.keras has no words for."
        )
    kind = "SlicingOpLambda" if function == "__operators__.getitem" else "TFOpLambda"
    return {
        "class_name": kind, "name": entry["name"],
        "config": {"name": entry["name"], "trainable": True, "dtype": "float32", "function": function},
        "inbound_nodes": [_tf_node(node, old_names, settings) for node in entry["inbound_nodes"]],
    }  # fmt: skip


def _tf_node(node: Config, old_names: dict[str, str], settings: Config) -> list[Any]:
    first, *rest = node["args"]
    second = old_names.get("x2") or old_names.get("key")
    given = dict(settings)
    for value in rest:
        if second is None or len(rest) > 1:
            raise NoWords("An operation is called with more tensors than lamina writes for tf.keras.")
        given[second] = _tf_argument(value)
    given |= {old_names.get(key, key): _tf_argument(value) for key, value in node.get("kwargs", {}).items()}
    if isinstance(first, list):
        return [[*tensor["config"]["keras_history"], given] for tensor in first]
    if not isinstance(first, dict) or first.get("class_name") != "__keras_tensor__":
        return ["_CONSTANT_VALUE", -1, _tf_argument(first), given]
    return [*first["config"]["keras_history"], given]


def _tf_argument(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return value["config"]["keras_history"]
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        return [_tf_argument(item) for item in (value.get("items") or ())]
    if isinstance(value, dict) and value.get("class_name") == "__slice__":
        return value["config"]
    if isinstance(value, dict) and value.get("class_name") in ("__tensor__", "__numpy__"):
        return value["config"]["value"]
    return [_tf_argument(item) for item in value] if isinstance(value, list) else value
