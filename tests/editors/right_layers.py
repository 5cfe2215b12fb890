"""Layers, as users of Keras 3 make and call them."""

from __future__ import annotations

from lamina import layers

x = layers.Input(shape=(16,))
y = layers.Dense(8, activation="relu", name="hidden")(x)
y = layers.Dense(units=3, kernel_initializer="he_normal", bias_initializer=None)(y)
