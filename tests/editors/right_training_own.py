"""Losses, metrics, initializers, optimizers and callables of one's own."""

import numpy as np
import torch

import lamina as keras
from lamina import backend as K
from lamina import layers, ops
from lamina.losses import Loss
from lamina.metrics import Mean, Metric
from lamina.optimizers import Optimizer
from lamina.optimizers.schedules import LearningRateSchedule

x, y = np.random.default_rng(0).random((16, 4)), np.ones((16, 1))


def root_mean_squared_error(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true)))


def weighted(weight: float):
    def loss(y_true, y_pred):
        return weight * ops.mean(ops.abs(y_true - y_pred), axis=-1)

    return loss


class Focal(Loss):
    def __init__(self, gamma=2.0, reduction="sum_over_batch_size", name="focal", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return torch.abs(y_true - y_pred) ** self.gamma

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


class Positives(Metric):
    def __init__(self, threshold=0.5, name="positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.total = self.add_weight(name="total", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(ops.cast(y_pred > self.threshold, "float32")))

    def result(self):
        return self.total.value

    def reset_state(self):
        self.total.assign(0.0)


class Typed(Metric):
    def __init__(self, name: str = "typed", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.mean = Mean()

    def update_state(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, sample_weight: torch.Tensor | None = None
    ) -> None:
        self.mean.update_state(y_pred, sample_weight=sample_weight)

    def result(self) -> torch.Tensor:
        return self.mean.result()


class Warmup(LearningRateSchedule):
    def __init__(self, peak, steps=10):
        self.peak = peak
        self.steps = steps

    def __call__(self, step):
        return self.peak * min(1.0, (step + 1) / self.steps)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


class Plain(Optimizer):
    def __init__(self, learning_rate=0.01, name="plain", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def build(self, variables):
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(variable, name="momentum") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * gradient)


def my_init(shape, dtype=None):
    return torch.zeros(shape)


def my_penalty(w):
    return 0.01 * torch.sum(torch.abs(w))


class Half(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None, **kwargs):
        return torch.full(shape, 0.5)


def swish1(value):
    return value * keras.activations.sigmoid(value)


model = keras.Sequential(
    [
        keras.Input((4,)),
        layers.Dense(4, activation=swish1, kernel_initializer=my_init, kernel_regularizer=my_penalty),
        layers.Dense(
            4, activation=torch.tanh, kernel_initializer=Half(), kernel_regularizer=keras.regularizers.l2(1e-4)
        ),
        layers.Dense(4, activation=layers.LeakyReLU(0.1), kernel_constraint=keras.constraints.max_norm(2.0)),
        layers.Dense(1, kernel_initializer="my_own_name" if False else "zeros", bias_initializer=np.zeros(1)),
    ]
)
for loss in (root_mean_squared_error, weighted(2.0), Focal(gamma=1.5), lambda y_true, y_pred: (y_true - y_pred) ** 2):
    model.compile(Plain(0.1), loss, metrics=[Positives(), Typed(), root_mean_squared_error, "mse"])
    model.fit(x, y, verbose=0)
model.optimizer.learning_rate = Warmup(0.1)
print(Focal.from_config(Focal(3.0).get_config()).gamma, Positives(0.3).threshold, Plain(0.1).learning_rate)
keras.saving.register_keras_serializable(package="mine")(Half)
print(
    keras.losses.get("mse"), keras.metrics.get("auc"), keras.optimizers.get("adam"), keras.initializers.get("he_normal")
)
