"""Layers, as users of Keras 3 make and call them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import lamina as keras
from lamina import Model, Sequential, constraints, initializers, layers, ops, regularizers
from lamina import activations as acts

# names, objects, classes and functions
layers.Dense(8, activation="relu", kernel_initializer="he_normal", bias_initializer=None)
layers.Dense(8, activation=acts.gelu, kernel_initializer=initializers.HeNormal(seed=1), name=None)
layers.Dense(8, activation=torch.tanh, kernel_initializer=initializers.Zeros, kernel_constraint="max_norm")
layers.Dense(
    8, activation=lambda x: x * 2, kernel_regularizer=regularizers.l2(1e-4), bias_constraint=constraints.NonNeg()
)
layers.Dense(8, activation=nn.ReLU(), activity_regularizer="l1", kernel_regularizer=lambda w: w.abs().sum())
layers.Dense(8, activation=layers.LeakyReLU(0.1), kernel_initializer=lambda shape, dtype=None: torch.zeros(shape))
layers.Dense(np.max(np.arange(3)) + 1, dtype="mixed_bfloat16", trainable=False)
layers.Dense(np.int64(3), input_shape=(4,), dtype=torch.float64)
layers.Dense(3, input_dim=4, weights=[np.ones((4, 3)), np.zeros(3)], dtype=keras.DTypePolicy("float32"))
made = layers.Activation("softmax", name="out"), layers.Activation(torch.sin)

# sizes as numbers, tuples, lists
made = (
    layers.Conv2D(4, 3, padding="same"),
    layers.Conv2D(4, (3, 3), strides=[2, 2], padding="SAME", data_format="channels_last"),
)
made = layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.Conv3D(4, (1, 2, 3), groups=2)
made = layers.Conv2DTranspose(4, 3, 2, "same", output_padding=1), layers.SeparableConv2D(4, 3, depth_multiplier=2)
made = layers.MaxPooling2D(), layers.MaxPooling2D((2, 2), strides=1), layers.AveragePooling1D(pool_size=2, name="pool")
made = layers.GlobalAveragePooling2D(keepdims=True), layers.UpSampling2D((2, 2), interpolation="bilinear")
made = (
    layers.ZeroPadding2D(1),
    layers.ZeroPadding2D((1, 2)),
    layers.ZeroPadding2D(((1, 2), (3, 4))),
    layers.Cropping1D((1, 0)),
)
made = layers.Reshape((7, -1)), layers.Reshape([2, 3]), layers.Permute((2, 1)), layers.RepeatVector(3), layers.Flatten()
made = (
    layers.BatchNormalization(axis=1, momentum=0.9),
    layers.LayerNormalization(axis=[1, 2]),
    layers.GroupNormalization(groups=-1),
)
made = layers.Dropout(0.5, noise_shape=(None, 1, 8), seed=3), layers.SpatialDropout1D(0.2), layers.GaussianNoise(1)
made = (
    layers.Embedding(100, 8, mask_zero=True),
    layers.Embedding(input_dim=100, output_dim=8, weights=[np.ones((100, 8))]),
)
made = (
    layers.Dot(axes=1),
    layers.Dot(axes=(1, 2), normalize=True),
    layers.Concatenate(axis=-1, name="all"),
    layers.Add(),
)
made = layers.PReLU(shared_axes=[1, 2]), layers.Softmax(axis=(1, 2)), layers.ReLU(6.0), layers.ReLU(max_value=6)
made = (
    layers.MultiHeadAttention(2, 8, attention_axes=(1,), output_shape=8),
    layers.Attention(use_scale=True, score_mode="concat"),
)
made = layers.Masking(mask_value=-1), layers.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")
made = (
    layers.Lambda(lambda x, by: x * by, output_shape=(3,), arguments={"by": 2}),
    layers.ActivityRegularization(l2=0.1),
)

# functional models; symbolic tensors in operators, methods, torch's functions and ops
inputs = keras.Input(shape=(28, 28, 1), name="image", dtype="float32")
x = layers.Rescaling(1 / 255)(inputs) if hasattr(layers, "Rescaling") else inputs / 255
x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
skip = x
x = layers.BatchNormalization()(x, training=False)
x = torch.relu(x + skip) * 2 - 1
x = ops.concatenate([x, ops.sin(skip)], axis=-1)
x = layers.add([x, layers.Conv2D(x.shape[-1], 1)(skip)])
x = layers.Flatten()(x[:, ::2])
flat = layers.Dense(x.shape[-1] // 100)(x).mean(dim=-1, keepdim=True)
outputs = layers.Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L1L2(l1=1e-5, l2=1e-4))(flat)
model = Model(inputs=inputs, outputs=outputs, name="net")
print(model.layers[1].name, model.get_layer(index=-1).units + 1, outputs.shape[1:], inputs.dtype)
model.layers[-1].trainable = False
model.note = "mine"
kernel = model.layers[-1].kernel
kernel.assign(kernel * 2)
model.trainable_weights[0].assign_add(1.0)
print(kernel.detach().numpy().shape, model.layers[-1].get_weights()[0].shape, model.count_params())
[part, whole] = model.predict(np.zeros((2, 28, 28, 1), "float32"), verbose=0)

chain = Sequential([keras.Input((4,)), layers.Dense(8), nn.Linear(8, 2), layers.Dense(1, name="end")])
chain.add(layers.Dropout(0.1))
print(chain(np.zeros((2, 4), "float32")).shape, chain.layers[0].kernel.shape)

# recurrent layers, cells, wrappers
sequence = keras.Input((None, 8))
whole, h, c = layers.LSTM(4, return_sequences=True, return_state=True)(sequence)
y = layers.GRU(4, dropout=0.1, recurrent_initializer="orthogonal")(whole, initial_state=[h])
y = layers.Bidirectional(layers.LSTM(4), merge_mode="sum", backward_layer=layers.LSTM(4, go_backwards=True))(whole)
y = layers.RNN(layers.LSTMCell(4), return_sequences=True)(sequence)
y = layers.RNN([layers.GRUCell(4), layers.GRUCell(3)], unroll=True)(y)
y = layers.TimeDistributed(layers.Dense(3, "relu"))(whole, mask=None)
y = layers.TimeDistributed(chain)(layers.Dense(4)(y))
y = layers.SpectralNormalization(layers.Dense(3))(y)
z = layers.TorchModuleWrapper(nn.Linear(3, 2), name="linear")(y)
z = layers.MultiHeadAttention(num_heads=2, key_dim=2)(z, z, use_causal_mask=True)
dense = layers.Dense(3, name="one")
dense.build((None, 4))
dense.kernel.assign(np.ones((4, 3)))
print(dense.kernel.path, dense.kernel.value, [(w.name, w.shape) for w in dense.weights], dense.bias is None)
print(
    dense.units * 2,
    dense.kernel.shape,
    dense.activation,
    dense.get_config()["units"],
    dense.compute_output_shape((2, 4)),
)
again = layers.Dense.from_config(dense.get_config())
