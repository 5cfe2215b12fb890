"""Every optimizer follows Keras 3 step by step, from the same weights with the same gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lamina import optimizers

# Keras's own, on NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = [(5, 3), (3,), (2, 3, 4), (7, 4)]
STEPS = 50

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "learning_rate": 0.05}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"weight_decay": 0.3}),
    ("Adam", {"beta_1": 0.0}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.1, "amsgrad": True, "learning_rate": 0.02}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3, "learning_rate": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False, "learning_rate": 0.5, "clip_threshold": 0.5, "beta_2_decay": -0.5}),
    ("Adafactor", {"epsilon_1": 1e-3, "epsilon_2": 10.0, "weight_decay": 0.01}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2, "learning_rate": 0.02}),
    ("Ftrl", {}),
    ("Ftrl", {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1, "learning_rate": 0.1}),
    ("Ftrl", {"learning_rate_power": -0.3, "l2_shrinkage_regularization_strength": 0.2, "beta": 0.1}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.8, "weight_decay": 0.1}),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.05, "weight_decay": 0.1, "epsilon": 1e-2}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "ns_steps": 3, "adam_lr_ratio": 0.5, "weight_decay": 0.1}),
    ("Muon", {"exclude_layers": ["variable_3"], "adam_weight_decay": None}),
]
COMMON: list[dict[str, Any]] = [
    {"clipnorm": 0.7},
    {"clipvalue": 0.3},
    {"global_clipnorm": 1.0},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 4, "use_ema": True, "clipnorm": 0.5, "weight_decay": 0.05},
]


def start(dtype: str) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    random = np.random.default_rng(1)
    weights = [random.normal(size=shape).astype(dtype) for shape in SHAPES]
    return weights, [[random.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in range(STEPS)]


def run_keras(
    name: str, settings: dict[str, Any], dtype: str, schedule: dict[str, Any] | None = None
) -> list[np.ndarray]:
    import keras

    weights, grads = start(dtype)
    if schedule is not None:
        settings = settings | {"learning_rate": keras.optimizers.schedules.ExponentialDecay(**schedule)}
    optimizer = getattr(keras.optimizers, name)(**settings)
    variables = [keras.Variable(weight, dtype=dtype, name="variable" + f"_{index}" * bool(index))
                 for index, weight in enumerate(weights)]  # fmt: skip
    for step in grads:
        optimizer.apply([torch.from_numpy(grad.copy()) for grad in step], variables)
    return [variable.value.detach().numpy() for variable in variables + optimizer.variables]


def run_lamina(name: str, settings: dict[str, Any], dtype: str, schedule: dict[str, Any] | None = None,
               transposed: bool = False) -> list[np.ndarray]:  # fmt: skip
    weights, grads = start(dtype)
    if schedule is not None:
        settings = settings | {"learning_rate": optimizers.schedules.ExponentialDecay(**schedule)}
    optimizer = getattr(optimizers, name)(**settings)
    params = [torch.nn.Parameter(torch.from_numpy(weight.T.copy()).permute(*range(weight.ndim)[::-1])
                                 if transposed else torch.from_numpy(weight.copy()))
              for weight in weights]  # fmt: skip
    optimizer.build(params)
    for step in grads:
        optimizer.update([torch.from_numpy(grad.copy()) for grad in step])
    return [param.detach().numpy() for param in params] + [value.numpy() for value in optimizer.variables]


def assert_close(ours: list[np.ndarray], keras: list[np.ndarray], tolerance: float) -> None:
    assert len(ours) == len(keras)
    for mine, theirs in zip(ours, keras, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * max(np.abs(theirs).max(), 1e-30))


@pytest.mark.parametrize(("name", "settings"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float32", 1e-5)])
def test_follows_keras(name: str, settings: dict[str, Any], dtype: str, tolerance: float) -> None:
    assert_close(run_lamina(name, settings, dtype), run_keras(name, settings, dtype), tolerance)


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam", "Adafactor"])
def test_common_settings_follow_keras(name: str, common: dict[str, Any]) -> None:
    assert_close(run_lamina(name, common, "float64"), run_keras(name, common, "float64"), 1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adafactor", "Muon", "Nadam"])
@pytest.mark.parametrize("common", [{}, {"gradient_accumulation_steps": 3}])
def test_schedules_follow_keras(name: str, common: dict[str, Any]) -> None:
    schedule = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}
    ours = run_lamina(name, common, "float64", schedule)
    assert_close(ours, run_keras(name, common, "float64", schedule), 1e-6)


@pytest.mark.parametrize("name", [case[0] for case in CASES if not case[1]])
def test_strides_do_not_matter(name: str) -> None:
    # Gradients come in C order, weights lie transposed: the fused kernels would mix up their numbers.
    assert_close(run_lamina(name, {}, "float64", transposed=True), run_lamina(name, {}, "float64"), 1e-9)


def test_momentum_follows_keras_when_the_rate_changes() -> None:
    schedule = {"initial_learning_rate": 0.5, "decay_steps": 3, "decay_rate": 0.1}
    for settings in ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
        ours = run_lamina("SGD", settings, "float64", schedule)
        assert_close(ours, run_keras("SGD", settings, "float64", schedule), 1e-6)


@pytest.mark.parametrize("settings", [
    {}, {"warmup_steps": 9, "learning_rate": 0.05, "beta_1": 0.7, "epsilon": 1e-3, "weight_decay": 0.1},
])  # fmt: skip
def test_schedule_free_follows_keras(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # Keras's update_step keeps `momentum.value` to read it after it has set `momentum`. Its torch backend sets in
    # place, so there, unlike with TensorFlow and JAX, the kept value changes too. Here it sets as they do.
    import keras

    def set_anew(variable: Any, value: Any) -> None:
        variable._value = torch.as_tensor(value).detach().clone()

    monkeypatch.setattr(keras.Variable, "_direct_assign", set_anew)
    theirs = run_keras("ScheduleFreeAdamW", settings, "float64")
    assert_close(run_lamina("ScheduleFreeAdamW", settings, "float64"), theirs, 1e-6)


@pytest.mark.parametrize("name", [case[0] for case in CASES if not case[1]] + ["ScheduleFreeAdamW"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_types_stay_near_float64(name: str, dtype: torch.dtype) -> None:
    # float16 has nothing below 6e-8: the usual 1e-7 and squares of small gradients vanish, in Keras too.
    epsilon = {"epsilon_1": 1e-3} if name == "Adafactor" else {"epsilon": 1e-3}
    settings = {"learning_rate": 0.01} | (epsilon if name not in ("SGD", "Lion", "Ftrl") else {})
    made = []
    for each in (dtype, torch.float64):
        weights, grads = start("float64")
        params = [torch.nn.Parameter(torch.from_numpy(weight).to(dtype).to(each)) for weight in weights]
        optimizer = getattr(optimizers, name)(**settings)
        optimizer.build(params)
        for step in grads[:5]:
            optimizer.update([torch.from_numpy(grad).to(dtype).to(each) for grad in step])
        assert all(value.dtype == each for value in optimizer.variables[2:] if value.ndim and value.is_floating_point())
        made.append(torch.cat([param.detach().double().flatten() for param in params]))
    assert (made[0] - made[1]).abs().max() < 0.1


def test_parameters_of_two_types_are_updated_in_groups() -> None:
    params = [torch.nn.Parameter(torch.ones(2, dtype=dtype)) for dtype in (torch.float32, torch.float64, torch.float32)]
    optimizer = optimizers.Nadam(0.1)
    optimizer.build(params)
    for _ in range(3):
        optimizer.update([torch.ones_like(param) for param in params])
    assert len(optimizer._groups) == 2
    alone = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    single = optimizers.Nadam(0.1)
    for _ in range(3):
        single.apply([torch.ones_like(alone)], [alone])
    for param in params:
        np.testing.assert_allclose(param.detach().numpy(), alone.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("make", [
    lambda: optimizers.SGD(0.1),
    lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda: optimizers.Adam(0.1, amsgrad=True),
    lambda: optimizers.AdamW(0.1, weight_decay=0.2),
])  # fmt: skip
def test_the_order_of_axes_in_memory_changes_nothing(make):
    """A Dense kernel lies as torch's ``(out, in)``, a convolution's as channels-last ``(out, in, h, w)``."""
    torch.manual_seed(0)
    shapes = {(4, 3): (1, 0), (3, 2, 5, 4): (3, 0, 1, 2), (6,): (0,)}
    results = []
    for permuted in (False, True):
        torch.manual_seed(1)
        params, steps = [], []
        for shape, order in shapes.items():
            back = sorted(range(len(order)), key=order.__getitem__)

            def lay(tensor, order=order, back=back, permuted=permuted):
                return tensor.permute(order).contiguous().permute(back) if permuted else tensor

            params.append(torch.nn.Parameter(lay(torch.randn(shape))))
            steps.append([lay(torch.randn(shape)) for _ in range(3)])
        optimizer = make()
        for grads in zip(*steps, strict=True):
            optimizer.apply(grads, params)
        results.append([param.detach() for param in params])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
