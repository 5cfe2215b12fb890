"""Layers, cells and models of one's own, in the forms of Keras's documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

import lamina as keras
from lamina import layers, ops


class Linear(layers.Layer):
    def __init__(self, units=32, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True, name="b")

    def call(self, inputs):
        return self.activation(ops.matmul(inputs, self.w) + self.b)

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config


class Typed(layers.Layer):
    def __init__(self, factor: float, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(
        self, inputs: torch.Tensor, training: bool | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        self.add_loss(inputs.mean() * 1e-3)
        return inputs * self.factor if training else inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return mask


class Two(layers.Layer):
    def build(self, shapes):
        left, right = shapes
        self.merge = layers.Dense(left[-1])
        self.merge.build((None, left[-1] + right[-1]))

    def call(self, inputs):
        left, right = inputs
        return self.merge(ops.concatenate([left, right], axis=-1))

    def compute_output_shape(self, shapes):
        return shapes[0]


class Named(layers.Dense):
    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, activation="relu", **kwargs)
        self.scale = scale

    def call(self, inputs):
        return super().call(inputs) * self.scale


class Twice(layers.Wrapper):
    def call(self, inputs):
        return self.layer(self.layer(inputs))


class Cell(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")

    def call(self, inputs, states):
        output = ops.matmul(inputs, self.kernel) + states[0]
        return output, [output]


class Stated(layers.Layer):
    @property
    def state_size(self) -> list[int]:
        return [3]

    def call(self, inputs, states):
        return inputs + states[0], [inputs]


class Block(keras.Model):
    def __init__(self, filters, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.convs = [layers.Conv2D(filters, kernel_size, padding="same") for _ in range(2)]
        self.norm = layers.BatchNormalization()
        self.linear = nn.Linear(filters, filters)

    def call(self, inputs, training=False):
        x = inputs
        for conv in self.convs:
            x = torch.relu(conv(x))
        x = self.norm(x, training=training)
        return self.linear(x.mean(dim=(1, 2)))


class OwnStep(keras.Model):
    def train_step(self, data):
        x, y = data
        predictions = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=predictions)
        self.zero_grad()
        loss.backward()
        gradients = [weight.value.grad for weight in self.trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_weights)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, predictions)
        return {metric.name: metric.result() for metric in self.metrics}


class InTorch(layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x * self.scale


def conv_block(
    x, filters, kernel_size=3, strides=1, activation="relu", use_bias=False, name=None, dilation_rate=(1, 1)
):
    x = layers.Conv2D(filters, kernel_size, strides, "same", use_bias=use_bias, dilation_rate=dilation_rate, name=name)(
        x
    )
    return layers.Activation(activation)(layers.BatchNormalization()(x))


def mlp(x, hidden_units, dropout_rate=0.1, kernel_initializer="glorot_uniform", regularizer=None):
    for units in hidden_units:
        x = layers.Dense(units, activation=keras.activations.gelu, kernel_initializer=kernel_initializer,
                         kernel_regularizer=regularizer)(x)  # fmt: skip
        x = layers.Dropout(dropout_rate)(x)
    return x


image = keras.Input((8, 8, 3))
print(conv_block(image, 4).shape, Block(4)(np.ones((1, 8, 8, 3), "float32")).shape)
rows = keras.Input((3,))
hidden = Linear(4, activation="relu", name="linear", dtype="float32")(rows)
hidden = Typed(2.0, name="typed", trainable=False)(hidden, training=True)
hidden = Two()([hidden, rows])
hidden = mlp(Named(4, scale=2.0, input_shape=(4,), use_bias=False)(hidden), hidden_units=[8, 3])
hidden = InTorch()(Twice(layers.Dense(3))(hidden))
model = OwnStep(rows, layers.Dense(1)(hidden))
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(np.ones((8, 3)), np.ones((8, 1)), epochs=1, verbose=0)
steps = keras.Input((5, 3))
print(layers.RNN(Cell(4))(steps).shape, layers.RNN([Cell(4), Cell(2)])(steps).shape, layers.RNN(Stated())(steps).shape)
