"""TorchModuleWrapper: the module's numbers, mode, weights, shapes, and what a file can hold of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from catalog.torch_module import Affine
from torch import nn

from lamina.layers import Input, TorchModuleWrapper
from lamina.models import Model, Sequential, load_model, model_from_json
from lamina.registry import ConfigError


def test_a_module_s_numbers_and_weights():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    layer = TorchModuleWrapper(module)
    assert not module.training
    x = torch.randn(5, 4)
    torch.testing.assert_close(layer(x), module.eval()(x))
    assert [weight.shape for weight in layer.get_weights()][:4] == [(3, 4), (3,), (3,), (3,)]
    before = module[1].running_mean.clone()
    trained = layer(x, training=True)
    assert not torch.equal(module[1].running_mean, before)
    assert not module.training
    assert torch.allclose(trained.mean(0), torch.zeros(3), atol=1e-6)


def test_several_inputs_and_keywords():
    class Both(nn.Module):
        def forward(self, a, b, factor=1.0):
            return (a + b) * factor

    layer = TorchModuleWrapper(Both())
    torch.testing.assert_close(layer(torch.ones(2, 3), torch.ones(2, 3), factor=2.0), torch.full((2, 3), 4.0))
    assert layer(Input((3,)), Input((3,)), factor=2.0).shape == (None, 3)


def test_shapes():
    assert TorchModuleWrapper(nn.Linear(4, 2))(Input((4,))).shape == (None, 2)
    stated = TorchModuleWrapper(nn.Linear(4, 2), output_shape=(None, 2))
    assert stated.compute_output_shape((None, 4)) == (None, 2)
    assert stated(Input((4,))).shape == (None, 2)


def test_training_changes_the_module():
    module = nn.Linear(4, 1)
    model = Sequential([Input((4,)), TorchModuleWrapper(module)])
    model.compile("sgd", "mse")
    before = module.weight.detach().clone()
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 1), "float32"), verbose=0)
    assert not torch.equal(module.weight, before)
    model.layers[0].trainable = False
    assert model.trainable_weights == []


def test_a_file_holds_a_registered_module(tmp_path):
    model = Sequential([Input((4,)), TorchModuleWrapper(Affine(4))])
    model.set_weights([np.full(4, 3.0), np.full(4, 1.0)])
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded(torch.ones(1, 4)).tolist() == [[4.0] * 4]


def test_no_file_holds_a_pickle():
    model = Model(x := Input((4,)), TorchModuleWrapper(nn.Linear(4, 2), name="t")(x))
    with pytest.raises(TypeError) as error:
        model.to_json()
    assert str(error.value) == (
        "TorchModuleWrapper 't' can't be written into a config: Linear has no get_config. Give its class one and "
        "register it, or save the state_dict with torch.save."
    )
    text = Sequential([Input((4,)), TorchModuleWrapper(Affine(4), name="t")]).to_json()
    head, _, tail = text.partition('"module": {"module"')
    assert tail
    pickled = head + '"module": "gAJjb3MKc3lzdGVtCnEALg==", "old": {"module"' + tail
    with pytest.raises(ConfigError, match="was saved as a pickle, which lamina does not open"):
        model_from_json(pickled)
