"""The functions that a config may name: Keras's operations and, for all that Keras lacks, torch's, each from a list.

A name from a file is looked up here and nowhere else. Every function of the lists computes with tensors: none reads or
writes files, imports, or runs what it is given.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from lamina.dtypes import dtype_name
from lamina.errors import did_you_mean
from lamina.graph.symbolic import get_item
from lamina.saving import keras_operations
from lamina.saving.keras_operations import KERAS_OPERATIONS, Described, describe, entry_of
from lamina.saving.tf_functions import COMPOSED, Composed

LAMINA_MODULE, LAMINA_CLASS = "lamina", "TorchFunction"
TF_CLASS = "TensorFlowFunction"  # of tf.keras's files while they are read: a function of several operations


@dataclass(frozen=True)
class Operation:
    """An operation of Keras as a torch function, which is written by Keras's name; what reads it is ``lamina.ops``'s.

    Arguments:
        name: Keras's class.
        function: what computes it (a string is a tensor's method); ``spellings`` are the other functions and methods that do.
        module: the last part of the Keras module that the class is in.
        settings: the keys of its config, each with the keyword argument of ``function``.
        others: further keys of its config, each with the only value that is understood.
        tensors: how many of the function's arguments come before the settings.
    """

    name: str
    function: Any
    spellings: tuple[Any, ...] = ()
    module: str = "numpy"
    settings: dict[str, str] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    tensors: int = 1


_AXIS = {"axis": "dim"}
_REDUCE = {"axis": "dim", "keepdims": "keepdim"}
OPERATIONS = [
    Operation("Add", operator.add, (torch.add, "add"), tensors=2),
    Operation("Subtract", operator.sub, (torch.sub, torch.subtract, "sub"), tensors=2),
    Operation("Multiply", operator.mul, (torch.mul, torch.multiply, "mul"), tensors=2),
    Operation("TrueDivide", operator.truediv, (torch.true_divide,), tensors=2),
    Operation("Divide", torch.div, (torch.divide, "div"), tensors=2),
    Operation("FloorDivide", operator.floordiv, (torch.floor_divide,), tensors=2),
    Operation("Mod", operator.mod, (torch.remainder,), tensors=2),
    Operation("Power", operator.pow, (torch.pow, "pow"), tensors=2),
    Operation("Matmul", operator.matmul, (torch.matmul, "matmul"), tensors=2),
    Operation("Less", operator.lt, (torch.lt, "lt"), tensors=2),
    Operation("LessEqual", operator.le, (torch.le, "le"), tensors=2),
    Operation("Greater", operator.gt, (torch.gt, "gt"), tensors=2),
    Operation("GreaterEqual", operator.ge, (torch.ge, "ge"), tensors=2),
    Operation("Equal", torch.eq, ("eq",), tensors=2),
    Operation("NotEqual", torch.ne, ("ne",), tensors=2),
    Operation("LogicalAnd", torch.logical_and, ("logical_and",), tensors=2),
    Operation("LogicalOr", torch.logical_or, ("logical_or",), tensors=2),
    Operation("LogicalXor", torch.logical_xor, ("logical_xor",), tensors=2),
    Operation("LogicalNot", torch.logical_not, ("logical_not",)),
    Operation("Maximum", torch.maximum, ("maximum",), tensors=2),
    Operation("Minimum", torch.minimum, ("minimum",), tensors=2),
    Operation("GetItem", operator.getitem, (get_item,), tensors=2),
    Operation("Where", torch.where, tensors=3),
    Operation("Negative", operator.neg, (torch.neg, torch.negative, "neg")),
    Operation("Absolute", operator.abs, (torch.abs, torch.absolute, "abs")),
    Operation("Exp", torch.exp, ("exp",)),
    Operation("Log", torch.log, ("log",)),
    Operation("Log1p", torch.log1p, ("log1p",)),
    Operation("Sqrt", torch.sqrt, ("sqrt",)),
    Operation("Rsqrt", torch.rsqrt, ("rsqrt",), "math"),
    Operation("Square", torch.square, ("square",)),
    Operation("Sin", torch.sin, ("sin",)),
    Operation("Cos", torch.cos, ("cos",)),
    Operation("Tanh", torch.tanh, ("tanh", F.tanh)),
    Operation("Sigmoid", torch.sigmoid, ("sigmoid", F.sigmoid), "nn"),
    Operation("Relu", torch.relu, ("relu", F.relu), "nn"),
    Operation("Silu", F.silu, (), "nn"),
    Operation("Softplus", F.softplus, (), "nn"),
    Operation("Softmax", torch.softmax, ("softmax", F.softmax), "nn", _AXIS),
    Operation("LogSoftmax", torch.log_softmax, ("log_softmax", F.log_softmax), "nn", _AXIS),
    Operation("Any", torch.any, ("any",), settings=_REDUCE),
    Operation("All", torch.all, ("all",), settings=_REDUCE),
    Operation("Sum", torch.sum, ("sum",), settings=_REDUCE),
    Operation("Mean", torch.mean, ("mean",), settings=_REDUCE),
    Operation("Max", torch.amax, ("amax",), settings=_REDUCE, others={"initial": None}),
    Operation("Min", torch.amin, ("amin",), settings=_REDUCE, others={"initial": None}),
    Operation("Argmax", torch.argmax, ("argmax",), settings=_REDUCE),
    Operation("Concatenate", torch.cat, (torch.concat, torch.concatenate), settings=_AXIS),
    Operation("Stack", torch.stack, settings=_AXIS),
    Operation("Reshape", torch.reshape, ("reshape",), settings={"newshape": "shape"}),
    Operation("Transpose", torch.permute, ("permute",), settings={"axes": "dims"}),
    Operation("Swapaxes", torch.swapaxes, ("swapaxes",), settings={"axis1": "axis0", "axis2": "axis1"}),
    Operation("ExpandDims", torch.unsqueeze, ("unsqueeze",), settings=_AXIS),
    Operation("Squeeze", torch.squeeze, ("squeeze",), settings=_AXIS),
    Operation("OnesLike", torch.ones_like, settings={"dtype": "dtype"}),
    Operation("ZerosLike", torch.zeros_like, settings={"dtype": "dtype"}),
    Operation("Round", torch.round, ("round",), settings={"decimals": "decimals"}),
    Operation("BitwiseAnd", operator.and_, (torch.bitwise_and, "bitwise_and"), tensors=2),
    Operation("BitwiseOr", operator.or_, (torch.bitwise_or, "bitwise_or"), tensors=2),
    Operation("BitwiseXor", operator.xor, (torch.bitwise_xor, "bitwise_xor"), tensors=2),
    Operation("BitwiseNot", operator.invert, (torch.bitwise_not, "bitwise_not")),
    Operation("Cast", "to", module="core", settings={"dtype": "dtype"}),
    Operation("Clip", torch.clamp, (torch.clip, "clamp", "clip"), settings={"x_min": "min", "x_max": "max"}),
]  # fmt: skip
_BY_FUNCTION = {
    function: operation for operation in OPERATIONS for function in (operation.function, *operation.spellings)
}

# torch's functions that a file may name beyond those; methods of the same names go by ``Tensor.<name>``.
_TORCH = """
    abs acos acosh add addcdiv addcmul addmm all amax amin angle any argmax argmin argsort asin asinh atan atan2
    atanh baddbmm bitwise_and bitwise_not bitwise_or bitwise_xor bmm broadcast_to bucketize cat cdist ceil celu
    chunk clamp clamp_max clamp_min clip clone complex concat concatenate conj constant_pad_nd copysign cos cosh
    cosine_similarity count_nonzero cross cummax cummin cumprod cumsum deg2rad detach diag diag_embed diagonal diff
    digamma div divide dot einsum eq erf erfc erfinv exp exp2 expm1 flatten flip fliplr flipud float_power floor
    floor_divide fmod frac gather ge greater greater_equal gt hypot imag index_select inner isclose isfinite isinf
    isnan kron layer_norm le lerp less less_equal lgamma log log10 log1p log2 log_softmax logaddexp logcumsumexp
    logical_and logical_not logical_or logical_xor logit logsumexp lt masked_fill matmul max maximum mean median min
    minimum mm movedim mul multiply nan_to_num nanmean nansum narrow ne neg negative norm not_equal ones_like outer
    permute polar pow prod rad2deg ravel real reciprocal relu remainder repeat_interleave reshape roll rot90 round
    rsqrt rsub scatter scatter_add searchsorted select selu sgn sigmoid sign sin sinc sinh softmax sort split sqrt
    square squeeze stack std sub subtract sum swapaxes swapdims t take_along_dim tan tanh tensordot threshold tile
    topk trace transpose tril triu true_divide trunc unbind unflatten unsqueeze var where xlogy zeros_like
"""
_FUNCTIONAL = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d batch_norm celu
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity dropout elu embedding
    fold gelu glu grid_sample group_norm hardshrink hardsigmoid hardswish hardtanh instance_norm interpolate
    layer_norm leaky_relu linear local_response_norm log_softmax logsigmoid max_pool1d max_pool2d max_pool3d mish
    normalize one_hot pad pixel_shuffle pixel_unshuffle prelu relu relu6 rms_norm scaled_dot_product_attention selu
    sigmoid silu softmax softmin softplus softshrink softsign tanh tanhshrink unfold
"""
_METHODS = """
    bfloat16 bool contiguous double expand expand_as float half int long repeat reshape_as size sum_to_size to
    type_as unfold view view_as
"""
PROPERTIES = ("T", "H", "mT", "mH", "real", "imag")
_OPERATORS = ("and_", "or_", "xor", "invert", "eq", "ne")


def _named() -> dict[str, Any]:
    names = _TORCH.split()
    found: dict[str, Any] = {f"torch.nn.functional.{name}": getattr(F, name) for name in _FUNCTIONAL.split()}
    found |= {f"torch.{name}": getattr(torch, name) for name in names}
    found |= {f"Tensor.{name}": name for name in (*names, *_METHODS.split()) if hasattr(torch.Tensor, name)}
    found |= {f"Tensor.{name}": name for name in PROPERTIES}
    found |= {f"operator.{name}": getattr(operator, name) for name in _OPERATORS}
    return found | keras_operations.FUNCTIONS


FUNCTIONS = _named()
_NAME_OF = {function: name for name, function in reversed(FUNCTIONS.items())}


def describe_call(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], in_keras: bool = True) -> Described:
    """The entry of a recorded call (without its name and nodes), and the arguments that its node is to have.

    Arguments:
        in_keras: whether to name Keras's operation where there is one.

    Raises:
        ValueError: for a function that is in none of the lists.
    """
    if target in (operator.getitem, get_item):
        args = (args[0], _index(args[1]))
    described = (describe(target, args, kwargs) or _describe_torch(target, args, kwargs)) if in_keras else None
    if described is not None:
        return described
    name = f"Tensor.{args[1]}" if target is getattr else _NAME_OF.get(target)
    if name is None:
        called = target if isinstance(target, str) else getattr(target, "__name__", repr(target))
        raise ValueError(f"The model calls the function {called!r}, which a config can't name. Put it in a Layer that is "
                         "registered with register_keras_serializable.")  # fmt: skip
    written = {
        "module": LAMINA_MODULE,
        "class_name": LAMINA_CLASS,
        "config": {"function": name},
        "registered_name": None,
    }
    return written, args[:1] if target is getattr else args, kwargs


def _describe_torch(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described | None:
    operation = _BY_FUNCTION.get(target)
    settings = None if operation is None else _settings(operation, args[operation.tensors :], kwargs)
    if operation is None or settings is None:
        return None
    return entry_of(f"keras.src.ops.{operation.module}", operation.name, settings), args[: operation.tensors], {}


def _index(index: Any) -> Any:
    """``x[[0, 2]]`` picks rows and ``x[0, 2]`` a number; JSON has one kind of list, so the rows become a tensor."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _settings(operation: Operation, rest: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Keras's config for what a torch call was given besides tensors; ``None`` where Keras has no word for it."""
    names = list(operation.settings.values())
    if len(rest) > 1 and len(names) == 1 and all(isinstance(item, int) for item in rest):
        rest = (rest,)  # x.reshape(2, 3) is x.reshape((2, 3))
    given = dict(zip(names, rest, strict=False)) | kwargs
    if len(rest) > len(names) or not given.keys() <= set(names) or not all(map(_is_plain, given.values())):
        return None
    config = {key: given.get(name, 0 if key == "decimals" else None) for key, name in operation.settings.items()}
    if any(value is None for key, value in config.items() if key not in ("axis", "keepdims")):
        return None  # Keras's Clip has both bounds
    if "dtype" in config:
        config["dtype"] = dtype_name(config["dtype"])
    if "keepdims" in config:
        config["keepdims"] = bool(config["keepdims"])
    if operation.name in ("Concatenate", "Stack") and config["axis"] is None:
        config["axis"] = 0
    return config | operation.others


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (int, float, torch.dtype))


def find_call(entry: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What an operation's entry in a config calls, and with which settings.

    Raises:
        ValueError: when the entry names something that is in none of the lists.
    """
    name, config = entry["class_name"], entry["config"]
    if entry.get("module") != LAMINA_MODULE:
        operation = KERAS_OPERATIONS.get(name)
        if operation is None:
            raise ValueError(f"Keras's operation {name!r} is not among those that lamina reads."
                             f"{did_you_mean(name, KERAS_OPERATIONS)}")  # fmt: skip
        return operation, operation.read(config)
    function = config.get("function")
    if name == TF_CLASS and function in COMPOSED:
        return Composed(COMPOSED[function]), {}
    if not isinstance(function, str) or function not in FUNCTIONS:
        raise ValueError(f"{function!r:.80} is no operation that a file may name.{did_you_mean(function, FUNCTIONS)}")
    return FUNCTIONS[function], {}


def is_operation(entry: dict[str, Any]) -> bool:
    """Whether an entry of a functional config is an operation, and not a layer."""
    module, name = entry.get("module"), entry.get("class_name")
    if "module" not in entry:  # in Keras 3's .h5, where layers say whether they are trainable
        return name in KERAS_OPERATIONS and "trainable" not in (entry.get("config") or {})
    is_keras = isinstance(module, str) and module.startswith("keras.src.ops.")
    return is_keras or (module == LAMINA_MODULE and entry.get("class_name") in (LAMINA_CLASS, TF_CLASS))
