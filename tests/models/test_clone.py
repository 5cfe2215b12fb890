"""Clones: compiled as the model is, with state of their own."""

import keras
import numpy as np
import pytest
import torch

import lamina

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_clones_are_compiled_as_in_keras(kind):
    """A clone of a compiled model is compiled, with an optimizer and metrics of its own."""
    found = []
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    for library, base in ((lamina, lamina.layers), (keras, keras.layers)):
        i = base.Input((3,))
        model = library.Sequential([i, base.Dense(2)]) if kind == "sequential" else library.Model(i, base.Dense(2)(i))
        assert not library.models.clone_model(model).compiled
        model.compile(
            library.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae", library.metrics.MeanSquaredError()]
        )
        weights = [np.linspace(-1, 1, weight.size).reshape(weight.shape) for weight in model.get_weights()]
        model.set_weights(weights)
        model.fit(x, x[:, :2], verbose=0)
        clone = library.models.clone_model(model)
        clone.set_weights(weights)
        before = model.get_weights()
        logs = clone.fit(x, x[:, :2], epochs=3, shuffle=False, verbose=0).history
        assert clone.optimizer is not model.optimizer
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)
        model.trainable = False
        found.append(([logs[name] for name in sorted(logs)], library.models.clone_model(model).trainable))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    assert found[1][1] is (
        kind == "functional"
    )  # Keras's functional clone forgets it; its layers are frozen all the same
    assert found[0][1] is False


def test_clones_of_models_with_optimizers_of_torch_are_not_compiled():
    model = lamina.Sequential([lamina.layers.Input((3,)), lamina.layers.Dense(2)])
    model.compile(torch.optim.SGD(model.parameters(), 0.1), lambda y, p: ((y - p) ** 2).mean(), metrics=["mae"])
    clone = lamina.models.clone_model(model)
    if clone.compiled:
        clone.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.compile("adam", lambda y, p: ((y - p) ** 2).mean())
    assert lamina.models.clone_model(model).compiled
