"""What a model does with files, whatever ran it first: weights made while torch infers can be loaded into, set and trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina import layers
from lamina.layers import Layer
from lamina.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(8, 6, 4)).astype("float32")
Y = np.ones((8, 2), "float32")


class Everything(Model):
    """Layers, lists of them, a module of torch's, weights of its own that a call changes."""

    def __init__(self) -> None:
        super().__init__(name="everything")
        self.both = layers.Bidirectional(layers.GRU(2, return_sequences=True))
        self.rnn = layers.LSTM(3)
        self.norm = layers.BatchNormalization()
        self.blocks = [layers.Dense(3) for _ in range(2)]
        self.spectral = layers.SpectralNormalization(layers.Dense(3))
        self.lazy = torch.nn.LazyLinear(4)
        self.out = layers.Dense(2)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(2,), initializer="ones")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.norm(self.rnn(self.both(inputs)))
        for block in self.blocks:
            hidden = block(hidden)
        self.count.assign_add(1.0)
        return self.out(self.lazy(self.spectral(hidden))) * self.scale


class LateLayer(Layer):
    """Makes its layer at its first call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner: Any = None

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.inner is None:
            self.inner = layers.Dense(3)
        return self.inner(inputs)


class Late(Model):
    def __init__(self) -> None:
        super().__init__(name="late")
        self.first, self.flat, self.out = LateLayer(), layers.Flatten(), layers.Dense(2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.out(self.flat(self.first(inputs)))


def stack() -> Any:
    return Sequential([layers.LSTM(3), layers.BatchNormalization(), layers.Dense(2)], name="stack")


def evaluated(model: Any) -> None:
    model.compile("adam", "mse", metrics=["mae"])
    model.evaluate(X, Y, verbose=0)


def under_inference_mode(model: Any) -> None:
    with torch.inference_mode():
        model(torch.from_numpy(X))


FIRST: dict[str, Callable[[Any], Any]] = {
    "predict": lambda model: model.predict(X, verbose=0),
    "predict_on_batch": lambda model: model.predict_on_batch(X),
    "evaluate": evaluated,
    "inference_mode": under_inference_mode,
}
MADE: tuple[Callable[[], Any], ...] = (Everything, Late, stack)


def pair(make: Callable[[], Any], first: str) -> tuple[Any, Any]:
    torch.manual_seed(1)
    source = make()
    source(torch.from_numpy(X))
    torch.manual_seed(0)
    model = make()
    FIRST[first](model)
    return model, source


def check_same(model: Any, source: Any) -> None:
    for one, other in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("ending", ["weights.h5", "h5", "weights.json", "safetensors", "npz", "pt"])
def test_weights_load_into_what_was_first_used_to_infer(
    ending: str, make: Callable[[], Any], first: str, tmp_path: Path
):
    model, source = pair(make, first)
    source.save_weights(tmp_path / f"w.{ending}")
    model.load_weights(tmp_path / f"w.{ending}")
    check_same(model, source)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_it_is_set_and_trained(make: Callable[[], Any], first: str):
    model, source = pair(make, first)
    model.set_weights(source.get_weights())
    check_same(model, source)
    model.load_state_dict(source.state_dict())
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert any((one != other).any() for one, other in zip(model.get_weights(), before, strict=True))
    model(torch.from_numpy(X)).sum().backward()
    assert not any(weight.is_inference() for weight in model.weights)


LATE: dict[str, Callable[[], Any]] = {
    "Sequential": lambda: Sequential([layers.Dense(2)], name="late"),
    "subclass": lambda: Late(),
}


@pytest.mark.parametrize("ending", ["weights.h5", "h5", "weights.json", "safetensors", "npz", "pt"])
@pytest.mark.parametrize("case", LATE)
def test_before_it_is_built(case: str, ending: str, tmp_path: Path):
    """Keras 3 refuses this, too: there is nothing to load into, and a file does not say for what input."""
    source = Sequential([layers.Dense(2, input_shape=(4,))])
    source.save_weights(tmp_path / f"w.{ending}")
    model = LATE[case]()
    with pytest.raises(
        ValueError, match=r"'late' has no weights to load into: it is not built\. Call it on data, or build"
    ):
        model.load_weights(tmp_path / f"w.{ending}")
    with pytest.raises(ValueError, match=r"'late' has no weights to save: it is not built\."):
        model.save_weights(tmp_path / f"v.{ending}")
