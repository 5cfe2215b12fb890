"""Random functional models with masks, the same in lamina and in Keras: layers, operations, sharing, nesting.

``make(lib, seed)`` builds one. The choices follow from the seed alone, so that both libraries make the same model.
"""

from __future__ import annotations

import random
from typing import Any

STEPS = 4


class Builder:
    """Grows a graph of tensors ``(batch, STEPS, channels)``, each with or without a mask."""

    def __init__(self, lib: Any, seed: int, depth: int = 0) -> None:
        self.lib = lib
        self.rng = random.Random(seed)
        self.depth = depth
        self.count = 0
        self.inputs: list[Any] = []
        self.tensors: list[Any] = []
        self.shared: dict[tuple[str, int], Any] = {}

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.depth}_{self.count}"

    def layer(self, kind: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.lib.layers, kind)(*args, **kwargs, name=self.name(kind.lower()))

    def pick(self) -> Any:
        # The newest are likelier, so that graphs grow deep.
        return self.tensors[max(self.rng.randrange(len(self.tensors)), self.rng.randrange(len(self.tensors)))]

    def begin(self) -> None:
        kind = self.rng.choice(["words", "words", "masked words", "masked words", "numbers", "masked numbers"])
        if kind.endswith("words"):
            x = self.lib.Input((STEPS,), dtype="int32", name=self.name("words"))
            y = self.layer("Embedding", 5, self.rng.choice([2, 3]), mask_zero=kind == "masked words")(x)
        else:
            x = self.lib.Input((STEPS, self.rng.choice([2, 3])), name=self.name("numbers"))
            y = self.layer("Masking")(x) if kind == "masked numbers" else x
        self.inputs.append(x)
        self.tensors.append(y)

    def step(self) -> None:
        grow = self.rng.choice([self.dense, self.dense, self.recurrent, self.elementwise, self.elementwise, self.operation,
                                self.concatenate, self.concatenate, self.merge, self.merge, self.time_distributed,
                                self.attention, self.nested, self.twice, self.normalize, self.mask_again])  # fmt: skip
        made = grow(self.pick())
        if made is not None:
            self.tensors.append(made)

    def dense(self, x: Any) -> Any:
        return self.layer("Dense", self.rng.choice([2, 3]))(x)

    def recurrent(self, x: Any) -> Any:
        kind = self.rng.choice(["LSTM", "GRU", "SimpleRNN", "both"])
        units = self.rng.choice([2, 3])
        if kind == "both":
            return self.layer("Bidirectional", self.lib.layers.GRU(units, return_sequences=True))(x)
        return self.layer(kind, units, return_sequences=True)(x)

    def elementwise(self, x: Any) -> Any:
        kind, arguments = self.rng.choice([("Activation", ("tanh",)), ("Dropout", (0.5,)), ("ReLU", ()), ("Identity", ()),
                                           ("GaussianNoise", (0.1,)), ("UnitNormalization", ())])  # fmt: skip
        return self.layer(kind, *arguments)(x)

    def normalize(self, x: Any) -> Any:
        return self.layer(self.rng.choice(["BatchNormalization", "LayerNormalization"]))(x)

    def mask_again(self, x: Any) -> Any:
        return self.layer("Masking", mask_value=self.rng.choice([0.0, 1.0]))(x)

    def operation(self, x: Any) -> Any:
        ops = self.lib.ops
        return self.rng.choice([
            lambda: x * 2.0 + 1.0,
            lambda: 1.0 - x,
            lambda: ops.tanh(x),
            lambda: ops.var(x, axis=1, keepdims=True) + x,
            lambda: ops.where(x != 0.0, x, x - 1.0),
            lambda: x[:, ::2][:, :1] + x,
            lambda: ops.concatenate([x, abs(x)], axis=-1),
            lambda: ops.softmax(ops.square(x), axis=-1),
            lambda: ops.where((x > 0.0) & ~(x > 1.0) | (x < -1.0) ^ (x < -2.0), x, x / 2.0),
            lambda: ops.mean(x, axis=1, keepdims=True) - x,
        ])()  # fmt: skip

    def alike(self, x: Any) -> list[Any]:
        return [one for one in self.tensors if one.shape == x.shape]

    def concatenate(self, x: Any) -> Any:
        parts = [x, *(self.pick() for _ in range(self.rng.choice([1, 1, 2])))]
        self.rng.shuffle(parts)
        axis = self.rng.choice([-1, -1, 2])
        return self.layer("Concatenate", axis=axis)(parts)

    def merge(self, x: Any) -> Any:
        parts = [x, *(self.rng.choice(self.alike(x)) for _ in range(self.rng.choice([1, 1, 2])))]
        self.rng.shuffle(parts)
        return self.layer(self.rng.choice(["Add", "Multiply", "Maximum", "Minimum", "Average"]))(parts)

    def time_distributed(self, x: Any) -> Any:
        return self.layer("TimeDistributed", self.lib.layers.Dense(self.rng.choice([2, 3])))(x)

    def attention(self, x: Any) -> Any:
        others = self.alike(x)
        kind = self.rng.choice(["Attention", "AdditiveAttention", "MultiHeadAttention"])
        if kind == "MultiHeadAttention":
            return self.layer(kind, 1, 2)(x, self.rng.choice(others))
        return self.layer(kind)([x, self.rng.choice(others)])

    def twice(self, x: Any) -> Any:
        """A layer that is called more than once."""
        kind = self.rng.choice(["Dense", "GRU"])
        key = (kind, x.shape[-1])
        if key not in self.shared:
            arguments = {"return_sequences": True} if kind == "GRU" else {}
            self.shared[key] = self.layer(kind, 2, **arguments)
        return self.shared[key](x)

    def nested(self, x: Any) -> Any:
        if self.depth > 1:
            return None
        kind, seed = self.rng.choice(["stack", "model", "model of two"]), self.rng.randrange(10**6)
        if kind == "stack":
            inner = [self.lib.layers.Masking(name=self.name("masking"))] if self.rng.random() < 0.4 else []
            inner += [self.lib.layers.Dense(2, name=self.name("dense")),
                      self.lib.layers.GRU(2, return_sequences=True, name=self.name("gru"))]  # fmt: skip
            return self.lib.Sequential([self.lib.Input(x.shape[1:]), *inner], name=self.name("stack"))(x)
        given = [x] if kind == "model" else [x, self.pick()]
        builder = Builder(self.lib, seed, self.depth + 1)
        builder.inputs = [self.lib.Input(one.shape[1:], name=self.name("inner")) for one in given]
        builder.tensors = list(builder.inputs)
        for _ in range(builder.rng.randrange(1, 4)):
            builder.step()
        several = kind == "model of two"
        model = self.lib.Model(builder.inputs if several else builder.inputs[0], builder.tensors[-1],
                               name=self.name("model"))  # fmt: skip
        return model(given if several else given[0])

    def end(self) -> Any:
        outputs = []
        for position in range(self.rng.choice([1, 1, 2])):
            x = self.tensors[-1] if position == 0 else self.pick()
            kind = self.rng.choice(["GlobalAveragePooling1D", "Flatten", "LSTM", "none"])
            arguments = (2,) if kind == "LSTM" else ()
            outputs.append(self.layer("Activation", "linear")(x) if kind == "none" else self.layer(kind, *arguments)(x))
        used = list(self.inputs)
        self.rng.shuffle(used)
        return self.lib.Model(used if len(used) > 1 else used[0], outputs if len(outputs) > 1 else outputs[0])


def make(lib: Any, seed: int) -> Any:
    """The model of a seed, in ``lib``, which is lamina or Keras."""
    builder = Builder(lib, seed)
    for _ in range(builder.rng.randrange(1, 4)):
        builder.begin()
    for _ in range(builder.rng.randrange(2, 11)):
        builder.step()
    return builder.end()


def data_for(model: Any, seed: int) -> Any:
    """Data with zeros in it, so that masks are false here and there."""
    import numpy as np

    rng = np.random.default_rng(seed)
    data = []
    for tensor in model.inputs:
        shape = (3, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            data.append(rng.integers(0, 5, shape).astype("int32"))
        else:
            kept = rng.random((*shape[:2], *(1,) * (len(shape) - 2))) < 0.7
            data.append((rng.normal(size=shape) * kept).astype("float32"))
    return data if len(data) > 1 else data[0]
