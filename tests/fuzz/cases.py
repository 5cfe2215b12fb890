"""Random layers and inputs: what is drawn, family by family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from catalog import ROWS
from catalog.row import Make

# Orders in which the numbers of an input lie in memory; in the inputs' own order as "plain".
ORDERS = (
    "plain",
    "channels last",
    "channels first",
    "reversed",
    "transposed",
    "expanded",
    "sliced",
    "narrowed",
    "strided",
)
TYPES = ("float32",) * 8 + ("float64",) * 2 + ("bfloat16",) * 2 + ("float16",)


@dataclass(frozen=True)
class Of:
    """A layer inside a layer: ``Of("LSTMCell", {"units": 2})``."""

    layer: str
    arguments: dict[str, Any]

    def made(self, library: Any, dtype: str) -> Any:
        """The layer, of lamina's or Keras's ``layers``."""
        return getattr(library, self.layer)(**made(self.arguments, library, dtype), dtype=dtype)

    def __repr__(self) -> str:
        return call_text(self.layer, self.arguments)


def made(value: Any, library: Any, dtype: str) -> Any:
    """Arguments in which each :class:`Of` is a layer of ``library``."""
    if isinstance(value, Of):
        return value.made(library, dtype)
    if isinstance(value, dict):
        return {key: made(item, library, dtype) for key, item in value.items()}
    return [made(item, library, dtype) for item in value] if isinstance(value, list) else value


def call_text(layer: str, arguments: dict[str, Any]) -> str:
    """``layers.Dense(units=3)``."""
    return f"layers.{layer}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


@dataclass(frozen=True, eq=False)
class Case:
    """A layer and what it is called on; ``number`` and the seed draw it again.

    Arguments:
        shapes: of each input, which are given as a list where there are more than one, or as ``apart`` says.
        orders: of each input's memory, and the last of the gradient's.
        masks: for arguments of the call, the shapes of random masks; ``"none"`` masks whole rows, too.
        high: inputs are integers below; 0: normal numbers.
        wanted: whether the inputs' gradient is asked for.
    """

    layer: str
    arguments: dict[str, Any]
    shapes: list[tuple[int, ...]]
    dtype: str = "float32"
    orders: tuple[str, ...] = ("plain", "plain")
    call: dict[str, Any] = field(default_factory=dict)
    masks: dict[str, Any] = field(default_factory=dict)
    training: bool = False
    high: int = 0
    apart: bool = False
    wanted: bool = True
    seed: int = 0
    number: int = 0


def size(rng: Random, most: int = 9) -> int:
    """1 as often as not: where faults are."""
    return 1 if rng.random() < 0.3 else rng.randint(1, most)


def batch(rng: Random) -> int:
    """0, 1 and others."""
    return rng.choice((0, 1, 1, 2, 3, 5))


def spatial(rng: Random, rank: int) -> list[int]:
    """Sizes of images, now and then large ones."""
    most = {1: 70, 2: 30, 3: 9}[rank] if rng.random() < 0.2 else 9
    return [size(rng, most) for _ in range(rank)]


def _shape(rng: Random, sizes: list[int], channels: int, last: bool) -> tuple[int, ...]:
    return (batch(rng), *sizes, channels) if last else (batch(rng), channels, *sizes)


def _window(rng: Random, rank: int, sizes: list[int], most: int = 4) -> dict[str, Any]:
    kernel = tuple(rng.choice((1, 1, 2, 3, most)) for _ in range(rank))
    kernel = (1,) * rank if rng.random() < 0.2 else kernel
    steps = tuple(rng.choice((1, 1, 2, 3)) for _ in range(rank))
    kind = rng.random()
    strides, rates = (steps, (1,) * rank) if kind < 0.5 else ((1,) * rank, steps) if kind < 0.7 else ((1,) * rank,) * 2
    padding = rng.choice(("valid", "same"))
    for axis, (width, rate) in enumerate(zip(kernel, rates, strict=True)):
        if padding == "valid":
            sizes[axis] = max(sizes[axis], (width - 1) * rate + 1)
    return {"kernel_size": kernel, "strides": strides, "dilation_rate": rates, "padding": padding}


def _convolution(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank = rng.choice((1, 1, 2, 2, 2, 3))
    sizes, groups = spatial(rng, rank), rng.choice((1, 1, 1, 2, 3))
    arguments = _window(rng, rank, sizes)
    channels, filters = groups * rng.choice((1, 1, 2, 3, 8, 17)), groups * rng.choice((1, 1, 2, 4, 16))
    if rank == 1 and rng.random() < 0.2:
        arguments["padding"] = "causal"
    arguments |= {"filters": filters, "groups": groups, **_common(rng)}
    return f"Conv{rank}D", arguments, _shape(rng, sizes, channels, arguments["data_format"] == "channels_last")


def _common(rng: Random) -> dict[str, Any]:
    return {"use_bias": rng.random() < 0.7, "activation": rng.choice((None, None, "relu", "tanh")),
            "data_format": rng.choice(("channels_last",) * 3 + ("channels_first",))}  # fmt: skip


def _transposed(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank = rng.choice((1, 2, 2, 3))
    sizes = spatial(rng, rank)
    arguments = _window(rng, rank, list(sizes)) | _common(rng) | {"filters": rng.choice((1, 1, 2, 4, 16))}
    if rng.random() < 0.3:
        arguments["output_padding"] = tuple(rng.randrange(stride) for stride in arguments["strides"])
    channels = rng.choice((1, 1, 2, 3, 8, 17))
    return f"Conv{rank}DTranspose", arguments, _shape(rng, sizes, channels, arguments["data_format"] == "channels_last")


def _separable(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank, name = rng.choice((1, 2)), rng.choice(("SeparableConv", "DepthwiseConv"))
    sizes = spatial(rng, rank)
    arguments = _window(rng, rank, sizes) | _common(rng) | {"depth_multiplier": rng.choice((1, 2))}
    if rank == 2:  # Keras takes one stride for both axes
        arguments["strides"] = (arguments["strides"][0],) * 2
    if name == "SeparableConv":
        arguments["filters"] = rng.choice((1, 2, 5))
    channels = rng.choice((1, 1, 2, 3, 8))
    return f"{name}{rank}D", arguments, _shape(rng, sizes, channels, arguments["data_format"] == "channels_last")


def _conv_lstm(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank = rng.choice((1, 2, 2, 3))
    sizes = [size(rng, 5) for _ in range(rank)]
    arguments = _window(rng, rank, sizes, 3) | {"filters": rng.choice((1, 2)), "return_sequences": rng.random() < 0.5}
    shape = (batch(rng), rng.choice((1, 2, 3)), *sizes, rng.choice((1, 2, 3)))
    return f"ConvLSTM{rank}D", arguments, shape


def _local(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank = rng.choice((1, 2))
    sizes = spatial(rng, rank)
    window = _window(rng, rank, sizes)
    del window["dilation_rate"]
    if window["padding"] == "same":
        window["implementation"] = 2
    arguments = window | _common(rng) | {"filters": rng.choice((1, 2, 4))}
    shape = _shape(rng, sizes, rng.choice((1, 1, 3)), arguments["data_format"] == "channels_last")
    return f"LocallyConnected{rank}D", arguments, shape


def _pooling(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank, kind = rng.choice((1, 2, 2, 3)), rng.choice(("Max", "Average"))
    sizes, last = spatial(rng, rank), rng.random() < 0.7
    data_format = "channels_last" if last else "channels_first"

    def shape() -> Any:
        return _shape(rng, sizes, rng.choice((1, 1, 2, 5, 16)), last)

    chosen = rng.random()
    if chosen < 0.25:
        return f"Global{kind}Pooling{rank}D", {"data_format": data_format, "keepdims": rng.random() < 0.5}, shape()
    if chosen < 0.4:
        output = tuple(size(rng, most) for most in sizes)
        return f"Adaptive{kind}Pooling{rank}D", {"output_size": output, "data_format": data_format}, shape()
    window = _window(rng, rank, sizes)
    arguments = {"pool_size": window["kernel_size"], "strides": rng.choice((None, window["strides"])),
                 "padding": window["padding"], "data_format": data_format}  # fmt: skip
    for axis, width in enumerate(window["kernel_size"]):
        sizes[axis] = max(sizes[axis], width)
    return f"{kind}Pooling{rank}D", arguments, shape()


def _any_shape(rng: Random, least: int = 2, most: int = 5) -> tuple[int, ...]:
    return batch(rng), *(size(rng, 8) for _ in range(rng.randint(least, most) - 1))


def _normalization(rng: Random) -> tuple[str, dict[str, Any], Any]:
    name = rng.choice(("BatchNormalization", "LayerNormalization", "GroupNormalization", "GroupNormalization",
                       "RMSNormalization", "UnitNormalization"))  # fmt: skip
    shape = list(_any_shape(rng))
    axis = rng.choice((-1, -1, 1, len(shape) - 1))
    arguments: dict[str, Any] = {"axis": axis}
    if name in ("BatchNormalization", "LayerNormalization", "GroupNormalization"):
        arguments |= {"center": rng.random() < 0.7, "scale": rng.random() < 0.7}
    if name == "GroupNormalization":
        groups = rng.choice((1, 1, 2, 3, -1))
        arguments["groups"] = groups
        shape[axis] = shape[axis] if groups == -1 else groups * rng.choice((1, 1, 2, 4, 8))
    if (
        name in ("LayerNormalization", "UnitNormalization", "RMSNormalization")
        and len(shape) > 2
        and rng.random() < 0.4
    ):
        arguments["axis"] = [-2, -1]
    return name, arguments, tuple(shape)


def _dense(rng: Random) -> tuple[str, dict[str, Any], Any]:
    arguments = {"units": rng.choice((1, 1, 3, 16)), "use_bias": rng.random() < 0.7,
                 "activation": rng.choice((None, "relu", "softmax", "sigmoid"))}  # fmt: skip
    return "Dense", arguments, _any_shape(rng, 2, 4)


def _einsum(rng: Random) -> tuple[str, dict[str, Any], Any]:
    equation, output, axes = rng.choice((
        ("ab,bc->ac", 3, "c"), ("abc,cd->abd", (None, 1), "d"), ("abc,cde->abde", (None, 2, 1), "de"),
        ("abc,bcd->ad", 3, "d"), ("...x,xy->...y", 2, "y"),
    ))  # fmt: skip
    rank = 2 if equation == "ab,bc->ac" else 3
    return "EinsumDense", {"equation": equation, "output_shape": output, "bias_axes": axes}, _any_shape(rng, rank, rank)


CELLS = ("SimpleRNNCell", "GRUCell", "LSTMCell")


def _recurrent(rng: Random) -> tuple[str, dict[str, Any], Any]:
    units = rng.choice((1, 2, 5))
    arguments: dict[str, Any] = {"return_sequences": rng.random() < 0.5, "go_backwards": rng.random() < 0.3}
    shape = (batch(rng), rng.choice((1, 1, 2, 6)), rng.choice((1, 1, 3, 8)))
    kind = rng.random()
    if kind < 0.15:
        inner = [Of(rng.choice(CELLS), {"units": rng.choice((1, 2))}) for _ in range(rng.choice((1, 2)))]
        return "RNN", {"cell": inner if len(inner) > 1 else inner[0], **arguments}, shape
    name = rng.choice(("SimpleRNN", "GRU", "LSTM"))
    inner = {"units": units, "use_bias": rng.random() < 0.8, **arguments}
    if rng.random() < 0.3:
        inner["activation"] = rng.choice(("relu", "sigmoid", "tanh"))
    if name == "GRU":
        inner["reset_after"] = rng.random() < 0.5
    if kind < 0.35:
        del inner["go_backwards"]
        return "Bidirectional", {"layer": Of(name, inner), "merge_mode": rng.choice(("concat", "sum", "ave"))}, shape
    return name, inner, shape


def _reshaping(rng: Random) -> tuple[str, dict[str, Any], Any]:
    rank = rng.choice((1, 2, 3))
    sizes, last = [size(rng, 6) + 2 for _ in range(rank)], rng.random() < 0.7
    more = {} if rank == 1 else {"data_format": "channels_last" if last else "channels_first"}
    shape = _shape(rng, sizes, rng.choice((1, 2, 3)), last or rank == 1)
    kind = rng.choice(("Cropping", "ZeroPadding", "UpSampling", "Flatten", "Permute", "RepeatVector", "Reshape"))
    if kind == "Flatten":
        return kind, {}, shape
    if kind == "Permute":
        return kind, {"dims": tuple(rng.sample(range(1, rank + 2), rank + 1))}, shape
    if kind == "RepeatVector":
        return kind, {"n": rng.choice((1, 3))}, (batch(rng), size(rng))
    if kind == "Reshape":
        return kind, {"target_shape": (-1, 1)}, shape
    if kind == "UpSampling":
        factors = tuple(rng.choice((1, 2, 3)) for _ in range(rank))
        bilinear = {"interpolation": rng.choice(("nearest", "bilinear"))} if rank == 2 else {}
        return f"UpSampling{rank}D", {"size": factors[0] if rank == 1 else factors, **more, **bilinear}, shape
    sides = tuple((rng.choice((0, 1)), rng.choice((0, 1))) for _ in range(rank))
    name = "cropping" if kind == "Cropping" else "padding"
    return f"{kind}{rank}D", {name: sides[0] if rank == 1 else sides, **more}, shape


def _activation(rng: Random) -> tuple[str, dict[str, Any], Any]:
    name, arguments = rng.choice((
        ("ReLU", {"max_value": 1.0, "negative_slope": 0.1}), ("LeakyReLU", {}), ("ELU", {"alpha": 0.5}),
        ("Softmax", {"axis": -1}), ("Softmax", {"axis": 1}), ("PReLU", {"alpha_initializer": "ones"}),
        ("PReLU", {"shared_axes": [1]}), ("Activation", {"activation": "gelu"}), ("Activation", {"activation": "swish"}),
        ("Activation", {"activation": "softplus"}), ("Activation", {"activation": "log_softmax"}),
    ))  # fmt: skip
    return name, dict(arguments), _any_shape(rng)


def _embedding(rng: Random) -> tuple[str, dict[str, Any], Any]:
    return "Embedding", {"input_dim": 5, "output_dim": size(rng)}, _any_shape(rng, 1, 3)


def _wrapper(rng: Random) -> tuple[str, dict[str, Any], Any]:
    steps = rng.choice((1, 2))
    family = rng.choice((_convolution, _dense, _normalization, _pooling))
    name, arguments, shape = family(rng)
    if name == "BatchNormalization":
        return _wrapper(rng)
    return "TimeDistributed", {"layer": Of(name, arguments)}, (shape[0], steps, *shape[1:])


SIMPLE: tuple[Callable[[Random], tuple[str, dict[str, Any], Any]], ...] = (
    _convolution, _convolution, _convolution, _transposed, _transposed, _separable, _conv_lstm, _local, _pooling, _pooling,
    _normalization, _normalization, _dense, _einsum, _recurrent, _recurrent, _reshaping, _activation, _embedding, _wrapper,
)  # fmt: skip


def _attention(rng: Random) -> dict[str, Any]:
    rows, steps, keys = batch(rng), rng.choice((1, 2, 5)), rng.choice((1, 2, 7))
    features, name = rng.choice((1, 3, 8)), rng.choice(("MultiHeadAttention", "MultiHeadAttention", "GroupedQueryAttention",
                                                        "Attention", "AdditiveAttention"))  # fmt: skip
    shapes = [(rows, steps, features), (rows, keys, features)]
    if name in ("Attention", "AdditiveAttention"):
        arguments: dict[str, Any] = {"use_scale": rng.random() < 0.5}
        masks = {"mask": [(rows, steps), (rows, keys)]} if rng.random() < 0.6 else {}
        apart = False
    else:
        heads = rng.choice((1, 2))
        arguments = ({"num_heads": heads, "key_dim": rng.choice((1, 2, 4)), "use_bias": rng.random() < 0.7}
                     if name == "MultiHeadAttention" else
                     {"head_dim": rng.choice((1, 2, 4)), "num_query_heads": 2 * heads, "num_key_value_heads": 2})  # fmt: skip
        masks = {mask: shape for mask, shape in (("query_mask", (rows, steps)), ("value_mask", (rows, keys)),
                 ("key_mask", (rows, keys)), ("attention_mask", (rows, steps, keys))) if rng.random() < 0.25}  # fmt: skip
        apart = True
    call = {"use_causal_mask": True} if rng.random() < 0.2 else {}
    return {"layer": name, "arguments": arguments, "shapes": shapes, "masks": masks, "call": call, "apart": apart}


def _merge(rng: Random) -> dict[str, Any]:
    name, shape = rng.choice(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")), \
        _any_shape(rng, 2, 4)  # fmt: skip
    arguments = {"Concatenate": {"axis": -1}, "Dot": {"axes": -1, "normalize": rng.random() < 0.5}}.get(name, {})
    if name == "Dot":
        shape = shape[:3]
    return {"layer": name, "arguments": arguments, "shapes": [shape, shape]}


def _catalogued(rng: Random) -> dict[str, Any]:
    """A row of the catalogue: a layer that no family draws, or other arguments, with another batch and memory."""
    while True:
        row = rng.choice(ROWS)
        plain = (
            isinstance(row.shape, tuple) and row.dtype == "float32" and not (row.call or row.training or row.exceptions)
        )
        if plain and not any(isinstance(value, Make) for value in row.kwargs.values()):
            break
    return {"layer": row.layer, "arguments": row.kwargs, "shapes": [(batch(rng), *row.shape[1:])]}


def draw(seed: int, number: int) -> Case:
    """The case of this number."""
    rng = Random(f"{seed} {number}")
    kind = rng.random()
    if kind < 0.12:
        drawn = _attention(rng)
    elif kind < 0.18:
        drawn = _merge(rng)
    elif kind < 0.3:
        drawn = _catalogued(rng)
    else:
        name, arguments, shape = rng.choice(SIMPLE)(rng)
        drawn = {"layer": name, "arguments": arguments, "shapes": [shape]}
        if name == "Embedding":
            drawn["high"] = 5
        if name in ("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional") and rng.random() < 0.4:
            drawn["masks"] = {"mask": shape[:2]}
        if name in ("BatchNormalization",):
            drawn["training"] = rng.random() < 0.5
    orders = tuple("plain" if rng.random() < 0.5 else rng.choice(ORDERS) for _ in range(len(drawn["shapes"]) + 1))
    return Case(**drawn, dtype=rng.choice(TYPES), orders=orders, wanted=rng.random() < 0.75, seed=seed, number=number)
