"""A model's config in the words of tf.keras, for ``.h5`` files that Keras 2 and tf.keras open.

What Keras 3 added is left out where it says nothing, and refused where it says something: a file must not lose a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.saving.legacy_weights import LOCAL
from lamina.saving.tf_operations import NoWords, as_tf_operation, is_place

Config = dict[str, Any]

# Keys that tf.keras does not know, with the values at which they say nothing; any value where there are none listed.
_ANY: tuple[Any, ...] = ()
_EVERYWHERE: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,), "lora_rank": (None,), "lora_alpha": (None,), "autocast": (None, True),
    "gptq_unpacked_column_size": (None,), "sums_activity": (False,),
}  # fmt: skip
_SEED = {"seed": _ANY}
_RECURRENT = {"seed": _ANY, "use_cudnn": _ANY}
_ADDED: dict[str, dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _RECURRENT),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Attention",
                     "AdditiveAttention", "Bidirectional"), _SEED),
    "MultiHeadAttention": {"seed": _ANY, "sliding_window": (None,), "flash_attention": (None,), "use_gate": (False,)},
    **{name: {"input_axes": _ANY, "output_axes": _ANY} for name in (
        "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "VarianceScaling")},
    "LayerNormalization": {"rms_scaling": (False,)},
    "ZeroPadding1D": {"data_format": ("channels_last",)},
    "Conv3DTranspose": {"dilation_rate": (1, [1, 1, 1], (1, 1, 1))},  # which tf.keras takes, and passes on to nobody
    "BatchNormalization": {"frozen_statistics": _ANY, "variance_correction": _ANY, "debiases": _ANY},
}  # fmt: skip
_RENAMED: dict[str, dict[str, str]] = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}
# Words that mean something else there.
_WORDS = {"hard_sigmoid_keras2": "hard_sigmoid"}
_REFUSED_WORDS = {"hard_sigmoid"}
# What tf.keras does not find by its name.
_CLASSES = """
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
    AdaptiveMaxPooling3D ConvLSTM2DCell ConvRecurrent2D GroupQueryAttention GroupedQueryAttention Highway
    MaxoutDense ParametricSoftplus RMSNormalization RandomFourierFeatures Recurrent ReversibleEmbedding SReLU TorchModuleWrapper
    SpectralNormalization STFTInitializer STFT
    CTC CategoricalGeneralizedCrossEntropy Circle Dice Tversky ConcordanceCorrelation PearsonCorrelation
    ctc categorical_generalized_cross_entropy circle dice tversky concordance_correlation pearson_correlation
    Lamb Muon LossScaleOptimizer OptimizerMap
"""
_ACTIVATIONS = """
    celu glu hard_shrink hard_silu hard_swish hard_tanh log_sigmoid soft_shrink sparse_plus sparse_sigmoid sparsemax
    squareplus tanh_shrink threshold
"""
_ABSENT, _ABSENT_ACTIVATIONS = frozenset(_CLASSES.split()), frozenset(_ACTIVATIONS.split())
_MODELS = ("Functional", "Sequential", "Model")
# The names of positional arguments after the first, where layers are called with several.
_CALLS = {"MultiHeadAttention": ("value", "key")}
# What only older optimizers of tf.keras have, and the settings of those that keep one variable for each weight.
_OLDER = ("decay", "epsilon_outside")
_OF_OLDER = {"SGD": "name learning_rate momentum nesterov", "RMSprop": "name learning_rate rho momentum epsilon centered",
             "Adagrad": "name learning_rate initial_accumulator_value epsilon"}  # fmt: skip
_OPTIMIZER = {"loss_scale_factor": (None,), "gradient_accumulation_steps": (None,), "decay": (0.0,), "schedule_decay": (1.0,),
              "epsilon_outside": (False,)}  # fmt: skip


def model_config(described: Any) -> Config:
    """The ``model_config`` of a model, from its description in Keras 3's words.

    Raises:
        NoWords: for a setting, class or call that tf.keras has no words for.
    """
    return _object(described)


def _value(value: Any, key: str = "", owner: str = "") -> Any:
    if isinstance(value, list):
        return [_value(item, key, owner) for item in value]
    if isinstance(value, tuple):
        return [_value(item, key, owner) for item in value]
    if isinstance(value, dict):
        return (
            _object(value)
            if "class_name" in value
            else {name: _value(item, name, owner) for name, item in value.items()}
        )
    if isinstance(value, str) and key.endswith("activation"):
        if value in _REFUSED_WORDS:
            raise NoWords(f"{owner} has {key}={value!r}, which in tf.keras is another function.")
        if value in _ABSENT_ACTIVATIONS:
            raise NoWords(f"{owner} has {key}={value!r}, which tf.keras does not have.")
        return _WORDS.get(value, value)
    if isinstance(value, str) and key in ("loss", "metrics", "weighted_metrics") and value in _ABSENT:
        raise NoWords(f"the model was compiled with {value!r}, which tf.keras does not have.")
    return value


def _object(described: Config) -> Config:
    name, inner = described["class_name"], described.get("config")
    if name == "DTypePolicy":
        return inner["name"]  # pyright: ignore[reportOptionalSubscript, reportReturnType]
    if name in ("__tuple__", "__slice__", "__keras_tensor__"):
        return described
    if name in ("function", "class"):
        return inner if "registered_name" not in described else described.get("config")  # pyright: ignore[reportReturnType]
    registered = described.get("registered_name")
    is_own = bool(registered and ">" in registered)
    if name in _ABSENT and not is_own:
        raise NoWords(f"{_called(name, inner)} is of a class that tf.keras does not have.")
    written: Config = {"class_name": registered if is_own else name}
    written["config"] = config = _settings(name, inner) if isinstance(inner, dict) else inner
    if name in _REWRITTEN and isinstance(config, dict) and not is_own:
        _REWRITTEN[name](config, described.get("build_config") or {})
    if "inbound_nodes" in described:
        written["name"] = described["name"]
        written["inbound_nodes"] = [_node(node, name) for node in described["inbound_nodes"]]
    return written


def _called(name: str, inner: Any) -> str:
    return f"{name} {inner['name']!r}" if isinstance(inner, dict) and "name" in inner else name


def _attention_heads(config: Config, built: Config) -> None:
    """tf.keras notes the shapes in the config."""
    shapes = built.get("shapes_dict") or {}
    query, value = shapes.get("query_shape"), shapes.get("value_shape")
    config |= {"query_shape": query, "value_shape": value, "key_shape": shapes.get("key_shape", value)}


def _additive_attention(config: Config, built: Config) -> None:
    shapes = built.get("input_shape") or []
    if config.get("use_scale", True) and len(shapes) > 1 and shapes[0][-1] != shapes[1][-1]:
        raise NoWords(f"AdditiveAttention {config.get('name')!r} has queries of {shapes[0][-1]} numbers and values of "
                      f"{shapes[1][-1]}; tf.keras takes its scale for one of values.")  # fmt: skip


def _layer_normalization(config: Config, built: Config) -> None:
    """tf.keras has the axes of the weights in the order of the argument, lamina in that of the input."""
    axes, rank = config.get("axis"), len(built.get("input_shape") or [])
    if isinstance(axes, list) and rank:
        config["axis"] = sorted(axis % rank for axis in axes)


def _lambda(config: Config, built: Config) -> None:
    for key in ("function", "output_shape", "mask"):
        value = config.get(key)
        is_function = isinstance(value, str)
        if key == "mask" and value is None:
            config.pop(key, None)
        else:
            config |= {key: value, f"{key}_type": "function" if is_function else "raw",
                       "module" if key == "function" else f"{key}_module": None}  # fmt: skip


# What else changes in the config of a class, which is handed over with the shapes that the layer was built for.
_REWRITTEN: dict[str, Callable[[Config, Config], None]] = {
    "MultiHeadAttention": _attention_heads, "AdditiveAttention": _additive_attention,
    "LayerNormalization": _layer_normalization, "Lambda": _lambda,
}  # fmt: skip


def _settings(name: str, inner: Config) -> Config:
    if name in LOCAL and inner.get("implementation", 1) != 1:  # whose kernels tf.keras keeps in another layout
        if inner.get("padding") != "valid":
            who = f"{name} {inner.get('name')!r}"
            raise NoWords(f"{who} pads its input, for which tf.keras keeps its kernel in another layout.")
        inner = inner | {"implementation": 1}
    found: Config = {}
    added = _EVERYWHERE | _ADDED.get(name, {})
    for key, value in inner.items():
        if key in added:
            if added[key] and value not in added[key]:
                raise NoWords(f"{_called(name, inner)} has {key}={value!r:.80}, which tf.keras has no words for.")
            continue
        if key == "layers" and "output_layers" in inner:
            found[key] = [_entry(entry) for entry in value]
        else:
            found[_RENAMED.get(name, {}).get(key, key)] = _value(value, key, name)
    for key in ("input_layers", "output_layers"):
        if key in found:
            found[key] = _places(found[key])
    if "output_layers" in found:
        _count_models_from_one(found)
    return found


def _count_models_from_one(config: Config) -> None:
    """tf.keras counts the calls of a model from 1: 0 is what it is made of. Keras 3 does so in the outputs of functional ones
    alone."""
    classes = {entry["name"]: entry["class_name"] for entry in config["layers"] if entry["class_name"] in _MODELS}
    for entry in config["layers"]:
        _shift(entry["inbound_nodes"], classes)
    _shift(config["output_layers"], {name: kind for name, kind in classes.items() if kind == "Sequential"})


def _shift(structure: Any, names: Any) -> None:
    if is_place(structure):
        structure[1] += structure[0] in names
        structure = structure[3:]
    for item in structure.values() if isinstance(structure, dict) else structure if isinstance(structure, list) else ():
        _shift(item, names)


def _entry(entry: Config) -> Config:
    if str(entry.get("module")).startswith("keras.src.ops.") or entry.get("module") == "lamina":
        return as_tf_operation(entry)
    return _object(entry)


def _places(structure: Any) -> Any:
    """tf.keras lists the inputs and outputs of a model, also when there is one."""
    return [structure] if isinstance(structure, list) and structure and isinstance(structure[0], str) else structure


def _node(node: Config, class_name: str) -> Any:
    """A call as ``[[layer, call, output, arguments], ...]``."""
    args, kwargs = list(node.get("args", ())), dict(node.get("kwargs", {}))
    states = kwargs.pop("initial_state", None)
    first = args[0] if args else None
    tensors: list[Any] = first if isinstance(first, list) else [first]
    if states is not None:
        tensors = [*tensors, *(states if isinstance(states, list) else [states])]
    kwargs |= dict(zip(_CALLS.get(class_name, ()), args[1:], strict=False))
    if (
        first is None
        or len(args) - 1 > len(_CALLS.get(class_name, ()))
        or not all(_is_tensor(tensor) for tensor in tensors)
    ):
        raise NoWords(f"A call of {class_name} takes {len(args)} arguments, for which tf.keras's files have no place.")
    given = {key: _argument(value) for key, value in kwargs.items() if value is not None}
    return [[*_history(tensor), given] for tensor in tensors]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _history(tensor: Config) -> list[Any]:
    return list(tensor["config"]["keras_history"])


def _argument(value: Any) -> Any:
    if _is_tensor(value):
        return _history(value)
    return [_argument(item) for item in value] if isinstance(value, list) else value


# ---- training ------------------------------------------------------------------------------------------------------


def training_config(told: Config) -> Config:
    """The ``training_config`` of a compiled model, from its ``get_compile_config()``."""
    optimizer = told["optimizer"]
    return {
        **{key: _value(told.get(key), key) for key in ("loss", "metrics", "weighted_metrics")},
        "loss_weights": told.get("loss_weights"),
        "optimizer_config": _optimizer(optimizer),
    }


def _optimizer(described: Config) -> Config:
    name = described["class_name"]
    told = described["config"]
    if any(told.get(key) for key in _OLDER) and name in _OF_OLDER:
        return _older_optimizer(name, told)
    if name in _ABSENT:
        raise NoWords(f"the model was compiled with {name}, which tf.keras does not have.")
    config: Config = {}
    for key, value in told.items():
        if key in _OPTIMIZER:
            if value not in _OPTIMIZER[key]:
                raise NoWords(f"{name} has {key}={value!r}, which tf.keras has no words for.")
        else:
            config[key] = _value(value, key, name)
    return {"class_name": f"Custom>{name}", "config": config | {"is_legacy_optimizer": False, "jit_compile": False}}


def _older_optimizer(name: str, told: Config) -> Config:
    """One of tf.keras's optimizers of before 2.11, whose rate may decay and which add epsilon to the root."""
    config = {key: _value(told[key], key, name) for key in _OF_OLDER[name].split()}
    config |= {key: told[key] for key in ("clipnorm", "clipvalue", "global_clipnorm") if told.get(key) is not None}
    silent = (*config, *_OLDER, "ema_momentum")
    other = [key for key in told if key not in silent and told[key] not in (None, False, 0.0)]
    inside = name != "SGD" and not told.get("epsilon_outside")
    if other or inside or told.get("centered") or (name == "RMSprop" and told["momentum"]):
        raise NoWords(
            f"{name} has settings of older and of newer optimizers, which tf.keras has no words for together."
        )
    return {"class_name": name, "config": config | {"decay": told.get("decay", 0.0)}}
