"""Optimizers around others: loss scaling and several optimizers against Keras 3, torch's against torch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from lamina import optimizers
from lamina.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap, TorchOptimizer

# Keras's own, on NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ["dense/kernel", "dense/bias"]


def weights() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.randn(shape)) for shape in [(4, 3), (3,)]]


def keras_twins(params: list[torch.nn.Parameter]) -> list[Any]:
    import keras

    return [keras.Variable(param.detach().numpy().copy(), name=name.rpartition("/")[2])
            for param, name in zip(params, NAMES, strict=True)]  # fmt: skip


def assert_alike(params: list[torch.nn.Parameter], variables: list[Any]) -> None:
    for param, variable in zip(params, variables, strict=True):
        np.testing.assert_allclose(param.detach().numpy(), variable.value.detach().numpy(), rtol=1e-5, atol=1e-5)


# ---- loss scaling --------------------------------------------------------------------------------------------------


def test_loss_scale_follows_keras() -> None:
    import keras

    settings = {"initial_scale": 8.0, "dynamic_growth_steps": 3}
    ours = LossScaleOptimizer(Adam(0.1), **settings)
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), **settings)
    params = weights()
    variables = keras_twins(params)
    assert ours.scale_loss(2.0) == float(theirs.scale_loss(2.0)) == 16.0
    for step in range(14):
        grads = [torch.randn_like(param) for param in params]
        if step in (5, 6, 11):
            grads[1][0] = float("inf") if step == 5 else float("nan")
        ours.apply(grads, params)
        theirs.apply([grad.clone() for grad in grads], variables)
        assert float(ours.dynamic_scale) == float(theirs.dynamic_scale)
        assert int(ours.step_counter) == int(theirs.step_counter)
        assert ours.iterations == int(theirs.iterations)
        assert_alike(params, variables)
    assert [value.shape for value in ours.get_weights()] == [tuple(value.shape) for value in theirs.variables]


def test_loss_scale_config_and_state() -> None:
    import keras

    ours = LossScaleOptimizer(Adam(0.25, name="inner"), initial_scale=4.0, name="outer")
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.25, name="inner"), 4.0, name="outer")
    written, expected = ours.get_config(), theirs.get_config()
    assert written["inner_optimizer"].pop("config") == expected["inner_optimizer"].pop("config")
    assert written | {"inner_optimizer": None} == expected | {"inner_optimizer": None}
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config() == ours.get_config()

    params = weights()
    grads = [torch.full_like(param, float("inf")) for param in params]
    ours.apply(grads, params)
    ours.apply([torch.ones_like(param) for param in params], params)
    store: dict[str, np.ndarray] = {}
    ours.save_own_variables(store)
    again.build(params)
    again.load_own_variables(store)
    assert float(again.dynamic_scale) == 2.0
    assert int(again.step_counter) == 1
    assert again.iterations == 1
    twin, others = copy.deepcopy((ours, params))
    twin.apply(grads, others)
    assert (float(twin.dynamic_scale), float(ours.dynamic_scale)) == (1.0, 2.0)


def test_loss_scale_passes_the_learning_rate_on() -> None:
    ours = LossScaleOptimizer(SGD(0.5))
    ours.learning_rate = 0.25
    assert float(ours.learning_rate) == float(ours.inner_optimizer.learning_rate) == 0.25
    assert ours.scales_loss


# ---- one optimizer for each part -----------------------------------------------------------------------------------


def test_several_optimizers_follow_keras() -> None:
    import keras

    ours = MultiOptimizer(OptimizerMap(Adam(0.1), {".*bias": SGD(0.5)}))
    theirs = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.Adam(0.1), {".*bias": keras.optimizers.SGD(0.5)})
    )
    params = weights()
    variables = keras_twins(params)
    ours.build(params, names=NAMES)
    for _ in range(5):
        grads = [torch.randn_like(param) for param in params]
        ours.update(grads)
        theirs.apply([grad.clone() for grad in grads], variables)
    assert_alike(params, variables)
    assert [value.shape for value in ours.get_weights()] == [tuple(value.shape) for value in theirs.variables]
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert [type(each) for each in again.optimizers] == [SGD, Adam]
    again.build(params, names=NAMES)
    store: dict[str, np.ndarray] = {}
    ours.save_own_variables(store)
    again.load_own_variables(store)
    for mine, other in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_several_optimizers_know_constraints_and_averages() -> None:
    params = weights()
    ours = MultiOptimizer(OptimizerMap(SGD(0.1, use_ema=True), {".*bias": SGD(0.5)}))
    ours.build(params, [None, lambda weight: weight * 0 + 7], NAMES)
    before = params[0].detach().clone()
    ours.update([torch.ones_like(param) for param in params])
    ours.update([torch.ones_like(param) for param in params])
    assert params[1].tolist() == [7.0] * 3
    ours.finalize_variable_values(params)
    assert torch.allclose(params[0], before - 0.1 - 0.01 * 0.1)


# ---- torch's -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    (torch.optim.NAdam, {"lr": 0.01}),
    (torch.optim.RMSprop, {"lr": 0.01, "centered": True}),
])  # fmt: skip
@pytest.mark.parametrize("given", ["class", "made", "name"])
def test_torch_optimizers(kind: Any, options: dict[str, Any], given: str) -> None:
    params = weights()
    plain = copy.deepcopy(params)
    ours = {"class": lambda: TorchOptimizer(kind, **options), "made": lambda: optimizers.get(kind(params, **options)),
            "name": lambda: TorchOptimizer(kind.__name__, **options)}[given]()  # fmt: skip
    theirs = kind(plain, **options)
    ours.build(params, constraints=[None, None])
    for step in range(6):
        if step == 3:
            ours.learning_rate = 0.005
            theirs.param_groups[0]["lr"] = 0.005
        for param in plain:
            param.grad = torch.randn_like(param)
        ours.update([param.grad for param in plain])
        theirs.step()
    for mine, other in zip(params, plain, strict=True):
        assert torch.equal(mine, other)
        assert mine.grad is None
    assert float(ours.learning_rate) == 0.005
    assert ours.iterations == 6

    store: dict[str, np.ndarray] = {}
    ours.save_own_variables(store)
    again, others = optimizers.deserialize(optimizers.serialize(ours)), copy.deepcopy(params)
    again.build(others)
    again.load_own_variables(store)
    twin, twins = pickle.loads(pickle.dumps((ours, params)))
    grads = [torch.randn_like(param) for param in params]
    for optimizer, targets in ((ours, params), (again, others), (twin, twins)):
        optimizer.apply(grads, targets)
        for mine, other in zip(targets, params, strict=True):
            assert torch.allclose(mine, other)


# ---- refusals ------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Any, str]] = [
    (lambda: LossScaleOptimizer(SGD(), clipnorm=1.0),
     "LossScaleOptimizer has no 'clipnorm' of its own; set it on the inner optimizer."),
    (lambda: LossScaleOptimizer(SGD(), dynamic=False),
     "LossScaleOptimizer is always dynamic; a fixed scale is the inner `loss_scale_factor`."),
    (lambda: LossScaleOptimizer("sgd"), "LossScaleOptimizer goes around an optimizer, and got 'sgd'."),
    (lambda: OptimizerMap(SGD(), {"a": LossScaleOptimizer(SGD(), name="l")}),
     "'a' of an OptimizerMap must be an optimizer around no other, and got <LossScaleOptimizer 'l', 0 steps>."),
    (lambda: OptimizerMap(SGD(), {".*": SGD(), "b.*": SGD()})["bias"],
     "The variable 'bias' matches more than one expression of the OptimizerMap: ['.*', 'b.*']."),
    (lambda: TorchOptimizer("Adem"), "torch.optim has no optimizer 'Adem'. Did you mean 'Adam'?"),
    (lambda: TorchOptimizer(torch.optim.LBFGS),
     "LBFGS evaluates the model several times in a step, which this training loop can't do."),
    (lambda: TorchOptimizer(torch.nn.Linear, lr=1),
     "TorchOptimizer takes a torch.optim.Optimizer, or its class and options, and got "
     "<class 'torch.nn.modules.linear.Linear'> with options {'lr': 1}."),
    (lambda: TorchOptimizer(torch.optim.SGD(weights())).build(weights(), names=NAMES),
     "torch's SGD was made without the variable 'dense/kernel' of shape (4, 3). Make it from `model.parameters()`, or "
     "pass its class."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refuses(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        make()
    assert str(caught.value) == message


def test_a_multi_optimizer_has_no_learning_rate() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = MultiOptimizer(OptimizerMap(SGD())).learning_rate
    assert str(caught.value) == "A MultiOptimizer has no learning rate of its own; see those of its `optimizers`."
