"""Make ``written/``: files as this version of lamina writes them, which every later one has to open with the same numbers.

``PYTHONPATH=.:tests python -m golden.make_written TAG`` puts them into ``written/TAG``; those of older versions stay as they
are. For each model: its ``.keras``, its ``.weights.h5``, its ``state_dict`` (``.pt``), and in ``numbers.npz`` what it answers,
and what its loss is in the next three steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lamina
from lamina import layers, naming

WRITTEN = Path(__file__).with_name("written")


def pictures() -> Any:
    """Convolutions, normalization, pooling, as a Sequential model with automatic names."""
    return lamina.Sequential([
        lamina.Input((8, 8, 3)),
        layers.Conv2D(4, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.SeparableConv2D(5, 3),
        layers.PReLU(shared_axes=[1, 2]),
        layers.MaxPooling2D(2),
        layers.Conv2DTranspose(2, 2, strides=2, name="up"),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def words() -> Any:
    """Masks, shared embeddings, recurrent layers in both directions."""
    left, right = lamina.Input((5,), dtype="int32"), lamina.Input((5,), dtype="int32")
    embedding = layers.Embedding(7, 4, mask_zero=True)
    both = layers.Concatenate()([embedding(left), layers.Embedding(7, 3, mask_zero=True)(right)])
    hidden = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(both)
    hidden = layers.GRU(4)(hidden)
    return lamina.Model([left, right], layers.Dense(3, activation="softmax")(hidden))


def attention() -> Any:
    """Attention, a nested model, arithmetic between layers."""
    inner_input = lamina.Input((6, 8))
    inner = lamina.Model(inner_input, layers.LayerNormalization()(layers.Dense(8, "gelu")(inner_input)), name="block")
    inputs = lamina.Input((6, 8))
    hidden = inputs + layers.MultiHeadAttention(2, 4)(inputs, inputs)
    hidden = inner(inner(hidden) * 2.0)
    return lamina.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(hidden)))


def half_masked() -> Any:
    """Two embeddings of one shape, one with a mask: beside a mask, the order of layers was once lamina's own."""
    left, right = lamina.Input((5,), dtype="int32"), lamina.Input((5,), dtype="int32")
    both = layers.Concatenate()([layers.Embedding(7, 4)(left), layers.Embedding(7, 4, mask_zero=True)(right)])
    return lamina.Model([left, right], layers.Dense(3, activation="softmax")(layers.GRU(4)(both)))


MODELS: dict[str, Callable[[], Any]] = {
    "pictures": pictures, "words": words, "attention": attention, "half_masked": half_masked,
}  # fmt: skip


def names_as_written(name: str) -> None:
    """Count names from where they stood when the model of this name was made, as its script does in a fresh process."""
    naming.reset_names()
    lamina.Sequential([lamina.Input((2,)), layers.Dense(1), layers.Dense(1)])  # later names begin with a number
    for earlier in list(MODELS)[: list(MODELS).index(name)]:
        MODELS[earlier]()


def data_for(model: Any) -> tuple[Any, np.ndarray]:
    """Four rows, the same in every version."""
    random = np.random.RandomState(3)
    inputs = []
    for wanted in model.inputs:
        shape = (4, *wanted.shape[1:])
        whole = "int" in str(wanted.dtype)
        inputs.append(random.randint(0, 7, shape) if whole else random.rand(*shape).astype("float32"))
    return inputs if len(inputs) > 1 else inputs[0], np.array([0, 1, 2, 1])


def next_losses(model: Any) -> list[float]:
    """The losses of three steps from where the model stands."""
    return [float(np.ravel(model.train_on_batch(*data_for(model)))[0]) for _ in range(3)]


def main(tag: str) -> None:
    """Write all files."""
    folder = WRITTEN / tag
    folder.mkdir(parents=True)
    numbers: dict[str, Any] = {}
    lamina.utils.set_random_seed(1)
    names_as_written(next(iter(MODELS)))
    for name, make in MODELS.items():
        model = make()
        model.compile(lamina.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        next_losses(model)
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        torch.save(model.state_dict(), folder / f"{name}.pt")
        numbers[name] = model.predict(data_for(model)[0], verbose=0)
        numbers[f"{name} losses"] = next_losses(model)
    np.savez(folder / "numbers.npz", **numbers)


if __name__ == "__main__":
    main(sys.argv[1])
