"""Masks that come out of a model inside a model: Keras's numbers, each layer run once, and files."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.models import clone_model, load_model, model_from_json

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras's own
X = np.random.default_rng(3).normal(size=(4, 5, 3)).astype("float32")


def make(lib: Any, depth: int = 1) -> Any:
    """A model of models; the mask is made behind a Dense layer, and used twice."""
    a = lib.Input((5, 3), name="a")
    hidden = lib.layers.Masking(0.0, name="masking")(lib.layers.Dense(3, activation="relu", name="first")(a))
    inner = lib.Model(a, lib.layers.Dense(3, name="second")(hidden), name="inner")
    for level in range(depth - 1):
        b = lib.Input((5, 3), name=f"b{level}")
        inner = lib.Model(b, inner(b), name=f"level{level}")
    x = lib.Input((5, 3), name="x")
    y = inner(x)
    return lib.Model(
        x, [lib.layers.LSTM(2, name="lstm")(y), lib.layers.GlobalAveragePooling1D(name="pool")(y)], name="outer"
    )


def pair(depth: int) -> tuple[Any, Any]:
    ours, theirs = make(lamina, depth), make(keras, depth)
    weights = theirs.get_weights()
    weights[0] = -np.abs(weights[0])  # relu gives 0 at some steps, which are masked
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def innermost(model: Any) -> Any:
    while not any(isinstance(layer, layers.Masking) for layer in model.layers):
        model = next(layer for layer in model.layers if isinstance(layer, lamina.Model))
    return model


def count_calls(model: Any) -> Counter[str]:
    calls: Counter[str] = Counter()
    for layer in innermost(model).layers[1:]:
        layer.register_forward_hook(lambda module, *_: calls.update([module.name]))
    return calls


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_masks_are_keras_s_and_made_once(depth):
    ours, theirs = pair(depth)
    calls = count_calls(ours)
    for found, wanted in zip(ours(torch.as_tensor(X)), theirs(X), strict=True):
        np.testing.assert_allclose(found.detach(), wanted.detach(), rtol=0, atol=1e-6)
    assert calls == {"first": 1, "masking": 1, "second": 1}
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    inner = ours.layers[1](torch.as_tensor(X))
    assert calls == {"first": 2, "masking": 2, "second": 2}
    assert 0 < int(inner._keras_mask.sum()) < inner._keras_mask.numel()


@pytest.mark.parametrize("depth", [1, 2])
def test_files_and_copies(depth, tmp_path):
    ours, theirs = pair(depth)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    wanted = ours(torch.as_tensor(X))
    clone = clone_model(ours)
    clone.set_weights(ours.get_weights())
    again = copy.deepcopy(ours)
    for back in (load_model(tmp_path / "ours.keras"), load_model(tmp_path / "theirs.keras"), clone, again,
                 lamina.Model(again.input, again.output), keras.saving.load_model(tmp_path / "ours.keras")):  # fmt: skip
        for found, one in zip(back(torch.as_tensor(X)), wanted, strict=True):
            np.testing.assert_allclose(found.detach(), one.detach(), rtol=0, atol=1e-6)
    assert model_from_json(ours.to_json()).to_json() == ours.to_json()


def test_torch_s_tools_take_it():
    ours, _ = pair(2)
    x = torch.as_tensor(X)
    wanted = ours(x)
    compiled = torch.compile(ours, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), wanted)
    torch.testing.assert_close(torch.export.export(ours, (x,)).module()(x), wanted)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras fears for the mask, and passes it on
def test_a_mask_goes_through_a_model_twice():
    def build(lib: Any) -> Any:
        inner = lib.Sequential([lib.Input((5, 3)), lib.layers.Masking(), lib.layers.Dense(3, use_bias=False)])
        x = lib.Input((5, 3))
        return lib.Model(x, lib.layers.LSTM(2)(inner(inner(x))))

    ours, theirs = build(lamina), build(keras)
    ours.set_weights(theirs.get_weights())
    x = X.copy()
    x[:, 3:] = 0
    np.testing.assert_allclose(ours(torch.as_tensor(x)).detach(), theirs(x).detach(), rtol=0, atol=1e-6)


def test_masking_on_data_compares_once(monkeypatch):
    calls = Counter()
    compare = layers.Masking.compute_mask
    monkeypatch.setattr(layers.Masking, "compute_mask", lambda *args: calls.update(["mask"]) or compare(*args))
    x = torch.as_tensor(np.where(np.arange(5)[:, None] < 3, X, 0))
    y = layers.Masking()(x)
    assert calls == {"mask": 1}
    assert torch.equal(y._keras_mask, (x != 0).any(-1))
    assert torch.equal(y, x)


def test_a_mask_of_one_s_own_has_the_last_word():
    class Odd(layers.Masking):
        def compute_mask(self, inputs, previous_mask=None):
            return torch.ones(inputs.shape[:2], dtype=torch.bool)

    class Later(layers.Masking):
        def call(self, inputs):
            return inputs

    class Latest(Odd):
        pass

    assert [cls._hands_over_mask for cls in (layers.Masking, Odd, Later, Latest)] == [True, False, False, False]
    assert bool(Odd()(torch.zeros(2, 3, 1))._keras_mask.all())
    assert not bool(Later()(torch.zeros(2, 3, 1))._keras_mask.any())


def test_what_a_config_can_t_say_of_a_mask():
    a = lamina.Input((5, 3))
    inner = lamina.Model(a, layers.Masking()(a), name="inner")
    x = lamina.Input((5, 3))
    y = inner(x)
    with pytest.raises(ValueError, match="is made of the mask of a nested model, which a config can't name"):
        lamina.Model(x, y.mask.float()).get_config()
    with pytest.raises(ValueError, match="'d' is called on the mask of a nested model, which a config can't name"):
        lamina.Model(x, layers.Dense(2, name="d")(y.mask.float())).get_config()
