"""All state as one tree, and the switches of ``compile``, beside Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

import lamina

X, Y = np.random.default_rng(0).normal(size=(2, 8, 2)).astype("float32")


def trained(source):
    parts = [source.Input((2,)), source.layers.Dense(2, name="d"), source.layers.BatchNormalization(name="b")]
    model = source.Sequential(parts, name="m")
    model.compile(source.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    return model


def shape_of(tree):
    return {key: shape_of(value) if isinstance(value, dict) else np.shape(value) for key, value in tree.items()}


def test_a_state_tree_is_keras_s_and_can_be_set():
    model, theirs = trained(lamina), trained(keras)
    tree = model.get_state_tree("numpy_array")
    assert shape_of(tree) == shape_of(theirs.get_state_tree("backend_tensor"))
    other = trained(lamina)
    other.fit(X, Y, verbose=0)
    other.set_state_tree(tree)
    again = other.get_state_tree("numpy_array")
    assert again["optimizer_variables"]["adam"]["iteration"] == 1
    for mine, kept in zip(lamina.tree.flatten(again), lamina.tree.flatten(tree), strict=True):
        np.testing.assert_array_equal(mine, kept)
    other.set_state_tree({"trainable_variables": {"m": {"d": {"bias": [7.0, 8.0]}}}})
    assert other.layers[0].bias.tolist() == [7, 8]
    assert (
        model.get_state_tree()["trainable_variables"]["m"]["d"]["kernel"].data_ptr()
        == model.layers[0].kernel.data_ptr()
    )


def test_wrong_trees_are_refused():
    model = trained(lamina)
    with pytest.raises(ValueError, match="and got 'weights'"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="backend_tensor, numpy_array, and got 'list'"):
        model.get_state_tree("list")


def test_switches_can_be_set_after_compile():
    model = trained(lamina)
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (False, False, 1)
    model.run_eagerly = True
    seen = []
    model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    model.fit(X, Y, batch_size=4, verbose=0)
    assert model.run_eagerly
    assert len(seen) == 2
    model.jit_compile = True
    assert model.compile_setup.jit_compile
    with pytest.raises(ValueError, match="must be compiled before run_eagerly"):
        lamina.Sequential().run_eagerly = True


def test_functions_of_one_step():
    model = trained(lamina)
    assert set(model.make_train_function()([(X, Y)])) == {"loss", "mae"} == set(model.make_test_function()([(X, Y)]))
    assert model.make_predict_function()([(X,)]).shape == (8, 2)
    assert model.train_function is not None


def test_the_loss_with_other_weights():
    model = trained(lamina)
    trainable = [torch.ones_like(weight) for weight in model.trainable_variables]
    others = [torch.ones_like(weight) for weight in model.non_trainable_variables]
    y_pred, _ = model.stateless_call(trainable, others, torch.tensor(X))
    loss, (first, second, third) = model.stateless_compute_loss(trainable, others, model.metrics_variables, X, torch.tensor(Y),
                                                                y_pred)  # fmt: skip
    assert loss.item() == pytest.approx(((y_pred - torch.tensor(Y)) ** 2).mean().item())
    assert (len(first), len(second), len(third)) == (4, 2, 4)


def test_operations_of_a_functional_model():
    x = lamina.Input((3,))
    layer = lamina.layers.Dense(1)
    model = lamina.Model(x, torch.relu(layer(x)))
    assert [one for one in model.operations if one in (layer, torch.relu)] == [layer, torch.relu]
    with pytest.raises(AttributeError, match="operations"):
        lamina.Sequential().operations  # noqa: B018
