"""What all optimizers share: configs, names, state in files, copies, refusals, and optimizers of one's own."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from lamina import optimizers, registry
from lamina.optimizers import SGD, Adam, Optimizer
from lamina.optimizers.base import Common

# Keras's own, on NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ["SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion",
         "Lamb", "Muon", "ScheduleFreeAdamW"]  # fmt: skip


def weights(*shapes: tuple[int, ...]) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes or [(4, 3), (3,)]]


def train(optimizer: Optimizer, params: list[torch.nn.Parameter], steps: int = 3, seed: int = 0) -> None:
    torch.manual_seed(seed)
    for _ in range(steps):
        optimizer.apply([torch.randn_like(param) for param in params], params)


def flat(params: list[torch.nn.Parameter]) -> np.ndarray:
    return torch.cat([param.detach().flatten() for param in params]).numpy()


# ---- configs and names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", [
    {"name": "mine"},
    {"name": "mine", "learning_rate": 0.3, "clipnorm": 1.0, "use_ema": True, "ema_momentum": 0.5},
    {"name": "mine", "global_clipnorm": 2.0, "weight_decay": 0.1, "gradient_accumulation_steps": 4},
])  # fmt: skip
def test_config_is_that_of_keras(name: str, settings: dict[str, Any]) -> None:
    import keras

    ours = getattr(optimizers, name)(**settings)
    config = ours.get_config()
    assert config == getattr(keras.optimizers, name)(**settings).get_config()
    assert type(ours).from_config(config).get_config() == config


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_those_of_keras(name: str) -> None:
    import keras

    def defaults(function: Any) -> dict[str, Any]:
        parameters = inspect.signature(function).parameters.values()
        return {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD}

    ours, theirs = defaults(getattr(optimizers, name).__init__), defaults(getattr(keras.optimizers, name).__init__)
    shared = {key: value for key, value in theirs.items() if key not in ours}
    older = ("schedule_decay", "epsilon_outside")  # of Keras 1 and 2
    assert {key: ours[key] for key in ours if key not in older} == {
        key: theirs[key] for key in ours if key not in older
    }
    base = defaults(Optimizer.__init__)
    assert shared == {key: base[key] for key in shared}
    assert shared.keys() <= Common.__annotations__.keys() | Common.__mro__[0].__annotations__.keys() | base.keys()


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_those_of_keras(name: str) -> None:
    import keras

    settings = {"name": "mine", "use_ema": True, "gradient_accumulation_steps": 2}
    settings |= {"amsgrad": True} if name in ("Adam", "AdamW") else {}
    settings |= {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    theirs = getattr(keras.optimizers, name)(**settings)
    theirs.build([keras.Variable(np.ones((4, 3), "float32"), name="kernel"),
                  keras.Variable(np.ones(3, "float32"), name="bias")])  # fmt: skip
    ours = getattr(optimizers, name)(**settings)
    ours.build(weights(), names=["kernel", "bias"])
    assert [tuple(variable.shape) for variable in ours.variables] == [variable.shape for variable in theirs.variables]
    special = {"Nadam", "Adafactor"}  # Keras leaves some of theirs without a name
    if name not in special:
        assert [variable.path for variable in ours.variables] == [variable.path for variable in theirs.variables]


@pytest.mark.parametrize(("identifier", "kind"), [
    ("adam", "Adam"), ("Adam", "Adam"), ("ADAM", "Adam"), ("adamw", "AdamW"), ("RMSprop", "RMSprop"),
    ("rmsprop", "RMSprop"), ("sgd", "SGD"), ("nadam", "Nadam"), ("schedulefreeadamw", "ScheduleFreeAdamW"),
    ({"class_name": "Custom>Adam", "config": {"learning_rate": 0.5, "jit_compile": False,
                                              "is_legacy_optimizer": False}}, "Adam"),
    ({"class_name": "sgd", "config": {"lr": 0.5, "decay": 0.1}}, "SGD"),
    (Adam, "Adam"), (torch.optim.SGD, "TorchOptimizer"),
])  # fmt: skip
def test_get(identifier: Any, kind: str) -> None:
    assert type(optimizers.get(identifier)).__name__ == kind


def test_get_leaves_an_optimizer_as_it_is() -> None:
    optimizer = SGD()
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get(None) is None


def test_a_keras_config_with_a_schedule_is_read() -> None:
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.1, 50)
    written = keras.optimizers.serialize(keras.optimizers.Adam(schedule, name="mine"))
    optimizer = optimizers.deserialize(written)
    assert isinstance(optimizer._learning_rate, optimizers.schedules.CosineDecay)
    ours = optimizers.serialize(optimizer)
    assert ours["config"] == written["config"]
    assert (ours["module"], ours["class_name"]) == ("keras.optimizers", "Adam")


# ---- numbers -------------------------------------------------------------------------------------------------------


def test_older_spellings() -> None:
    optimizer = SGD(lr=0.5, decay=1.0)
    assert float(optimizer.lr) == float(optimizer.learning_rate) == 0.5
    param = weights((1,))[0]
    start = param.item()
    for _ in range(2):
        optimizer.apply([torch.ones(1)], [param])
    assert param.item() == pytest.approx(start - 0.5 - 0.25)
    assert optimizer.get_config()["decay"] == 1.0
    assert Adam(epsilon=None).epsilon == 1e-7


def test_learning_rate_and_iterations_can_be_set() -> None:
    optimizer = Adam(0.25)
    optimizer.learning_rate.assign(0.125)
    assert optimizer.learning_rate == 0.125
    optimizer.lr = 0.5
    assert optimizer.learning_rate.numpy() == np.float32(0.5)
    optimizer.learning_rate = lambda: 0.75
    assert optimizer.learning_rate == 0.75
    optimizer.iterations = 7
    assert optimizer.iterations + 1 == 8
    optimizer.iterations.assign(3)
    assert optimizer.iterations.numpy() == 3
    assert type(copy.deepcopy(optimizer.iterations)) is int


def test_old_nadam_schedule() -> None:
    slow = optimizers.Nadam(schedule_decay=0.004)
    assert slow._momentum_at(1) == pytest.approx(0.9 * (1 - 0.5 * 0.96**0.004))
    assert optimizers.Nadam.from_config(slow.get_config()).schedule_decay == 0.004
    assert "schedule_decay" not in optimizers.Nadam().get_config()


# ---- the step ------------------------------------------------------------------------------------------------------


def test_missing_gradients_leave_a_variable_alone() -> None:
    optimizer, params = Adam(0.1), weights()
    train(optimizer, params)
    before = [param.detach().clone() for param in params]
    state = [variable.clone() for variable in optimizer.variables[2:]]
    optimizer.update([None, torch.ones(3)])
    assert torch.equal(params[0], before[0])
    assert not torch.equal(params[1], before[1])
    changed = [not torch.equal(a, b) for a, b in zip(state, optimizer.variables[2:], strict=True)]
    assert changed == [False, False, True, True]
    with pytest.warns(UserWarning, match=r"There are no gradients for the variables \['variable'\]."):
        optimizer.apply([None, torch.ones(3)], params)
    optimizer.apply([torch.ones(3)], params[1:])
    assert optimizer.iterations == 6


def test_constraints_hold_after_each_step() -> None:
    params = [torch.nn.Parameter(torch.full((3,), -1.0)) for _ in range(2)]
    optimizer = SGD(0.01)
    optimizer.build(params, constraints=[lambda weight: weight.clamp(min=0), None])
    train(optimizer, params)
    assert params[0].min() == 0
    assert params[1].max() < 0


def test_weight_decay_leaves_out_what_is_excluded() -> None:
    for optimizer in (SGD(0.1, weight_decay=0.5), Adam(0.1, weight_decay=0.5)):
        params = weights((2,), (2,), (2,))
        optimizer.exclude_from_weight_decay(var_list=[params[0]], var_names=["bias"])
        optimizer.build(params, names=["a/kernel", "bias/kernel", "b/bias"])
        before = [param.detach().clone() for param in params]
        optimizer.update([torch.zeros(2) for _ in params])
        assert torch.equal(params[0], before[0])
        assert torch.allclose(params[1], before[1] * 0.95)
        assert torch.equal(params[2], before[2])


def test_sparse_gradients_are_made_dense() -> None:
    for make in (SGD, Adam, optimizers.Adagrad):
        made = []
        for sparse in (True, False):
            torch.manual_seed(0)
            embedding = torch.nn.Embedding(6, 2, sparse=sparse)
            optimizer = make(0.1)
            for _ in range(3):
                loss = embedding(torch.tensor([1, 3, 3])).square().sum()
                (grad,) = torch.autograd.grad(loss, [embedding.weight])
                assert grad.is_sparse == sparse
                optimizer.apply([grad], [embedding.weight])
            made.append(embedding.weight.detach())
        assert torch.equal(*made)


def test_moving_average_is_put_in_place_at_the_end() -> None:
    import keras

    params = weights()
    variables = [keras.Variable(param.detach().numpy().copy()) for param in params]
    ours = SGD(0.1, use_ema=True, ema_momentum=0.5)
    theirs = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    for step in range(4):
        grads = [torch.full_like(param, step + 1.0) for param in params]
        ours.apply(grads, params)
        theirs.apply(grads, variables)
    ours.finalize_variable_values(params)
    theirs.finalize_variable_values(variables)
    for param, variable in zip(params, variables, strict=True):
        np.testing.assert_allclose(param.detach().numpy(), variable.value.detach().numpy(), rtol=1e-6)


def test_scale_loss() -> None:
    assert SGD().scale_loss(2.0) == 2.0
    assert not SGD().scales_loss
    assert SGD(loss_scale_factor=4.0).scale_loss(2.0) == 8.0
    assert SGD(loss_scale_factor=4.0).scales_loss


def test_gradients_stay_enabled_and_leaf_weights_stay_leaves() -> None:
    optimizer, params = Adam(), weights()
    train(optimizer, params)
    assert torch.is_grad_enabled()
    assert all(param.is_leaf and param.requires_grad for param in params)
    with torch.no_grad():
        train(optimizer, params)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", [{}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"use_ema": True}])
def test_a_step_reads_nothing_from_a_device(name: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("a step read a number from a tensor")

    # Nadam reads its product, which is kept on the CPU.
    for reader in ("item", "__bool__", "tolist", "numpy", *(["__float__"] if name != "Nadam" else [])):
        monkeypatch.setattr(torch.Tensor, reader, refuse)
    train(getattr(optimizers, name)(**settings), weights())


@pytest.mark.parametrize("name", NAMES)
def test_scalars_and_empty_variables(name: str) -> None:
    params = [torch.nn.Parameter(torch.ones(())), torch.nn.Parameter(torch.ones(0, 3)), *weights()]
    train(getattr(optimizers, name)(0.1), params)
    assert params[0].item() < 1.0
    assert all(torch.isfinite(param).all() for param in params)


# ---- copies and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_alike(name: str, twin: Any) -> None:
    optimizer, params = getattr(optimizers, name)(), weights((4, 3), (3,), (2, 2))
    train(optimizer, params)
    other, others = twin((optimizer, params))
    train(optimizer, params, seed=1)
    train(other, others, seed=1)
    np.testing.assert_array_equal(flat(params), flat(others))
    assert not any(mine is theirs for mine, theirs in zip(params, others, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_state_is_saved_and_loaded(name: str) -> None:
    settings = {"use_ema": True, "gradient_accumulation_steps": 2}
    optimizer, params = getattr(optimizers, name)(**settings), weights()
    train(optimizer, params)
    store: dict[str, np.ndarray] = {}
    optimizer.save_own_variables(store)
    assert list(store) == [str(index) for index in range(len(optimizer.variables))]
    other, others = getattr(optimizers, name)(0.7, **settings), copy.deepcopy(params)
    other.build(others)
    other.load_own_variables(store)
    assert other.iterations == optimizer.iterations
    assert float(other.learning_rate) == pytest.approx(float(optimizer.learning_rate))
    train(optimizer, params, seed=1)
    train(other, others, seed=1)
    np.testing.assert_allclose(flat(params), flat(others), rtol=1e-6, atol=1e-7)


def test_state_goes_to_keras_and_back() -> None:
    import keras

    params = weights()
    variables = [keras.Variable(param.detach().numpy().copy()) for param in params]
    ours, theirs = Adam(0.1), keras.optimizers.Adam(0.1)
    train(ours, params)
    theirs.build(variables)
    store: dict[str, np.ndarray] = {}
    ours.save_own_variables(store)
    theirs.load_own_variables(store)
    for param, variable in zip(params, variables, strict=True):
        variable.assign(param.detach())
    torch.manual_seed(3)
    grads = [torch.randn_like(param) for param in params]
    ours.apply(grads, params)
    theirs.apply(grads, variables)
    for param, variable in zip(params, variables, strict=True):
        np.testing.assert_allclose(param.detach().numpy(), variable.value.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_loading_what_does_not_fit() -> None:
    optimizer, params = Adam(name="mine"), weights()
    optimizer.build(params)
    with pytest.warns(UserWarning, match="was not loaded") as caught:
        optimizer.load_own_variables({"0": np.array(3)})
    assert str(caught[0].message) == (
        "The state of Adam 'mine' was not loaded: it has 6 variables, and the file has 1."
    )
    values = optimizer.get_weights()
    values[0], values[3] = np.array(5), np.ones(9)
    with pytest.raises(ValueError) as caught_error:  # noqa: PT011 - the whole message is compared
        optimizer.set_weights(values)
    assert str(caught_error.value) == "Optimizer variable 'mine/variable_velocity' has shape (4, 3), and got (9,)."
    assert optimizer.iterations == 0


def test_state_follows_the_parameters() -> None:
    for name in NAMES:
        model = torch.nn.Linear(3, 2)
        optimizer = getattr(optimizers, name)()
        train(optimizer, list(model.parameters()))
        model.to(torch.float64)
        optimizer.build(model.parameters())
        train(optimizer, list(model.parameters()))
        assert all(group.params[0].dtype == torch.float64 for group in optimizer._groups)


# ---- one's own -----------------------------------------------------------------------------------------------------


class Momentum(Optimizer):
    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(variable, name="momentum") for variable in variables]
        self.counter = self.add_variable((), initializer="zeros", name="counter")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, momentum * self.momentum - gradient * learning_rate)
        self.assign_add(variable, momentum)
        self.counter.assign_add(1.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1, "clipnorm": 0.5}, {"use_ema": True}])
def test_an_optimizer_of_ones_own(settings: dict[str, Any]) -> None:
    mine, params = Momentum(0.1, **settings), weights()
    built_in, others = SGD(0.1, momentum=0.9, **settings), copy.deepcopy(params)
    mine.build(params, constraints=[None, lambda weight: weight], names=["kernel", "bias"])
    train(mine, params)
    train(built_in, others)
    np.testing.assert_allclose(flat(params), flat(others), rtol=1e-5, atol=1e-6)
    assert [variable.name for variable in mine.variables[-3:]] == ["kernel_momentum", "bias_momentum", "counter"]
    assert mine.counter == 6
    count = len(mine.variables)
    mine.build(params)
    assert len(mine.variables) == count
    twin, others = copy.deepcopy((mine, params))
    train(mine, params)
    train(twin, others)
    np.testing.assert_array_equal(flat(params), flat(others))
    with registry.CustomObjectScope({"Momentum": Momentum}):
        assert optimizers.get(optimizers.serialize(mine)).momentum == 0.9


def test_a_built_in_step_can_be_overridden_and_called() -> None:
    class Halved(Adam):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate / 2)

    params = weights()
    others = copy.deepcopy(params)
    train(Halved(0.2, weight_decay=0.0), params)
    train(Adam(0.1), others)
    np.testing.assert_allclose(flat(params), flat(others), rtol=1e-6)


# ---- refusals ------------------------------------------------------------------------------------------------------


class Empty(Optimizer):
    pass


REFUSED: list[tuple[Any, str]] = [
    (lambda: Adam(beta1=0.5), "Adam has no argument 'beta1'. Did you mean 'beta_1'?"),
    (lambda: SGD(clip_norm=0.5), "SGD has no argument 'clip_norm'. Did you mean 'clipnorm'?"),
    (lambda: optimizers.AdamW(weight_decay=None),  # pyright: ignore[reportArgumentType]
     "AdamW's `weight_decay` must be a number, and got None. Without decay it is Adam."),
    (lambda: SGD("fast"), "The learning rate must be a number, a LearningRateSchedule or a function without arguments, "
                          "and got 'fast'."),
    (lambda: SGD(momentum=2.0), "SGD's `momentum` must be a number between 0 and 1, and got 2.0."),
    (lambda: optimizers.Lion(beta_1=0.0), "Lion's `beta_1` must be above 0 and at most 1, and got 0.0."),
    (lambda: optimizers.Ftrl(learning_rate_power=1.0), "Ftrl's `learning_rate_power` must be at most 0, and got 1.0."),
    (lambda: optimizers.Ftrl(initial_accumulator_value=-1.0),
     "Ftrl's `initial_accumulator_value` must be at least 0, and got -1.0."),
    (lambda: SGD(clipnorm=1.0, clipvalue=1.0),
     "Only one of clipnorm, clipvalue and global_clipnorm may be given, and got {'clipnorm': 1.0, 'clipvalue': 1.0}."),
    (lambda: SGD(use_ema=True, ema_momentum=2.0), "`ema_momentum` must be between 0 and 1, and got 2.0."),
    (lambda: SGD(use_ema=True, ema_overwrite_frequency=-1),
     "`ema_overwrite_frequency` must be an integer >= 1 or None, and got -1."),
    (lambda: SGD(gradient_accumulation_steps=1), "`gradient_accumulation_steps` must be an integer >= 2, and got 1."),
    (lambda: optimizers.get("adm"), "'adm' is not a known optimizer. Did you mean 'adam'? Your own can be passed as an "
                                    "object, or by name after `register_keras_serializable`."),
    (lambda: SGD(name="a").update([torch.ones(1)]),
     "SGD 'a' is not built yet: call `build(variables)`, or `apply(grads, variables)`."),
    (lambda: SGD(name="a").set_weights([]),
     "SGD 'a' is not built yet, so it has no state to set: call `build(variables)` first."),
    (lambda: built().update([torch.ones(3)]), "SGD 'a' was built for 2 variables, and got 1 gradients."),
    (lambda: built().apply([torch.ones(3)], weights((3,))),
     "Unknown variable: tensor (3,) float32. SGD 'a' was built for other variables; make a new optimizer for a new "
     "set."),
    (lambda: built().apply([torch.ones(3)], weights()),
     "There must be one gradient for each variable, and got 1 gradients for 2 variables."),
    (lambda: built().update([None, None]), "No gradients provided for any variable."),
    (lambda: built().apply([torch.ones(4, 3), torch.ones(4)]),
     "A gradient must have its parameter's shape (3,), and got (4,)."),
    (lambda: SGD().build([torch.zeros(4, 4)[:, ::2]]),
     "Variable 0 of shape (4, 2) is a view with gaps or overlaps in memory. Make it from `tensor.contiguous()`."),
    (lambda: SGD().build(weights(), constraints=[None]),
     "There must be one of `constraints` for each of 2 variables, and got 1."),
]  # fmt: skip


def built() -> Optimizer:
    optimizer = SGD(name="a")
    optimizer.build(weights())
    return optimizer


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refuses(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        make()
    assert str(caught.value) == message


def test_refuses_a_number_in_the_place_of_a_schedule() -> None:
    optimizer = SGD(optimizers.schedules.CosineDecay(0.1, 10), name="a")
    with pytest.raises(TypeError) as caught:
        optimizer.learning_rate = 0.5
    assert str(caught.value) == (
        "The learning rate of SGD 'a' is a CosineDecay, so a number can't be set in its place. Make the optimizer with "
        "a number as its learning rate, or set another schedule."
    )


def test_refuses_to_step_without_an_algorithm() -> None:
    with pytest.raises(NotImplementedError) as caught:
        Empty(0.1).apply([torch.ones(1)], weights((1,)))
    assert str(caught.value) == "Empty must override `update_step` for one variable."
