"""Make ``tf_keras.zip``: small models as tf_keras 2.21 saves them, with what it answers and what its next losses are.

In an environment of its own (``pip install tf_keras==2.21.0 tensorflow-cpu``): ``python tests/golden/make_tf_keras.py``. For
each model: the whole model as ``.h5`` and ``.keras``, the weights alone as ``_weights.h5`` (by names) and ``.weights.h5`` (by
places), its JSON, and in ``.npz`` inputs ``x0``, ..., outputs ``y0``, ..., targets ``t0``, ... and the next losses ``more``.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf  # pyright: ignore[reportMissingImports]
import tf_keras as keras  # pyright: ignore[reportMissingImports]

L, Input, Model, Sequential = keras.layers, keras.Input, keras.Model, keras.Sequential
ROWS, EPOCHS, MORE = 8, 3, 5


def stack(shape: tuple[int, ...], *layers: Any) -> Any:
    return Sequential([L.Input(shape), *layers])


def pictures(*layers: Any) -> Any:
    return stack((8, 8, 3), *layers, L.Flatten(), L.Dense(2))


def steps(*layers: Any) -> Any:
    return stack((5, 3), *layers)


def several() -> Any:
    """Two inputs, two outputs, a shared layer, several merges."""
    a, b = Input((4,), name="left"), Input((4,), name="right")
    shared = L.Dense(5, name="shared")
    x, y = L.concatenate([shared(a), shared(b)]), L.add([shared(a), shared(b)])
    z = L.multiply([x, L.concatenate([y, y])])
    return Model([a, b], [L.Dense(2, name="one")(z),
                          L.Dense(3, activation="softmax", name="two")(L.maximum([shared(a), y]))])  # fmt: skip


def merges() -> Any:
    a, b = Input((4,)), Input((4,))
    merged = [L.subtract([a, b]), L.average([a, b]), L.minimum([a, b]), L.dot([a, b], axes=1),
              L.Dot(axes=-1, normalize=True)([a, b])]  # fmt: skip
    return Model([a, b], L.Dense(2)(L.concatenate(merged)))


def nested() -> Any:
    """A model that is called twice, and a stack, inside a model."""
    x = Input((4,))
    inner = Model(x, L.BatchNormalization()(L.Dense(4)(x)), name="inner")
    inputs = Input((4,))
    inside = Sequential([L.Dense(4, activation="relu"), L.Dense(4)], name="stack")
    return Model(inputs, L.Dense(2)(inside(inner(inner(inputs)))))


def attention() -> Any:
    q, v = Input((5, 4)), Input((6, 4))
    seen = [L.Attention(use_scale=True)([q, v]), L.AdditiveAttention()([q, v]), L.MultiHeadAttention(2, 3)(q, v)]
    return Model([q, v], L.Dense(2)(L.GlobalAveragePooling1D()(L.concatenate(seen))))


def sequence_to_sequence() -> Any:
    """Initial states that come from another layer."""
    encoded, decoded = Input((5, 3)), Input((6, 3))
    _, h, c = L.LSTM(4, return_state=True)(encoded)
    x = L.LSTM(4, return_sequences=True)(decoded, initial_state=[h, c])
    return Model([encoded, decoded], L.TimeDistributed(L.Dense(2))(x))


def functions_of_tensorflow() -> Any:
    x = Input((4, 6))
    mean, first = tf.reduce_mean(x, axis=1), x[:, 0] * 2.0 + 1.0
    y = tf.concat([tf.nn.relu(mean - first), mean], -1)
    return Model(x, L.Dense(2)(tf.math.exp(-(tf.reshape(y, (-1, 12)) / 2.0))))


def deferred() -> Any:
    """A stack whose shapes came from its first call."""
    model = Sequential([L.Dense(4, activation="relu"), L.Dense(2)])
    model(np.zeros((1, 4), "float32"))
    return model


def long_names() -> Any:
    """So many long names that their list is kept in pieces."""
    x = inputs = Input((3,))
    for number in range(90):
        x = L.Dense(2, name="a_layer_with_a_very_long_name_" * 25 + str(number))(x)
    return Model(inputs, x)


def both_ways() -> Any:
    rnn = L.RNN(L.LSTMCell(3), return_sequences=True)
    back = L.RNN(L.LSTMCell(3), return_sequences=True, go_backwards=True)
    return steps(L.Bidirectional(rnn, backward_layer=back), L.Flatten(), L.Dense(2))


MODELS: dict[str, Callable[[], Any]] = {
    "dense": lambda: stack((4,), L.Dense(6, activation="relu"), L.BatchNormalization(), L.Dropout(0.3),
                           L.Dense(2, activation="softmax")),
    "conv2d": lambda: pictures(L.Conv2D(4, 3, padding="same", activation="elu", strides=2), L.MaxPooling2D(),
                               L.SpatialDropout2D(0.1)),
    "groups": lambda: pictures(L.Conv2D(6, 3, groups=3, dilation_rate=2)),
    "depthwise": lambda: pictures(L.DepthwiseConv2D(3, depth_multiplier=2), L.ELU(),
                                  L.Conv2DTranspose(4, 3, strides=2, output_padding=1),
                                  L.ReLU(6.0, negative_slope=0.1), L.Softmax()),
    "separable": lambda: stack((8, 8, 3), L.SeparableConv2D(5, 3), L.LeakyReLU(0.2), L.PReLU(shared_axes=[1, 2]),
                               L.ThresholdedReLU(0.1), L.GlobalAveragePooling2D(), L.Dense(2)),
    "conv1d": lambda: steps(L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.MaxPooling1D(2), L.UpSampling1D(2),
                            L.Cropping1D(1), L.ZeroPadding1D(2), L.SeparableConv1D(3, 2), L.GlobalMaxPooling1D(),
                            L.Dense(2)),
    "conv3d": lambda: stack((4, 4, 4, 2), L.Conv3D(3, 2), L.AveragePooling3D(1), L.Conv3DTranspose(2, 2),
                            L.GlobalAveragePooling3D(), L.Dense(2)),
    "local": lambda: steps(L.LocallyConnected1D(4, 2), L.Flatten(), L.Dense(2)),
    "lstm": lambda: steps(L.LSTM(4, return_sequences=True, dropout=0.1, recurrent_dropout=0.1),
                          L.LSTM(3, recurrent_activation="hard_sigmoid"), L.Dense(2)),
    "gru": lambda: steps(L.GRU(4, return_sequences=True),
                         L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid"), L.Dense(2)),
    "simple_rnn": lambda: steps(L.SimpleRNN(4, return_sequences=True, go_backwards=True), L.SimpleRNN(3, unroll=True),
                                L.Dense(2)),
    "bidirectional": lambda: steps(L.Bidirectional(L.LSTM(4, return_sequences=True)),
                                   L.Bidirectional(L.GRU(3), merge_mode="sum"), L.Dense(2)),
    "cells": lambda: steps(L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True), L.RNN(L.SimpleRNNCell(3)),
                           L.Dense(2)),
    "both_ways": both_ways,
    "conv_lstm": lambda: stack((3, 6, 6, 2), L.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
                               L.ConvLSTM2D(2, 3), L.Flatten(), L.Dense(2)),
    "time_distributed": lambda: steps(L.TimeDistributed(L.Dense(4, activation="tanh")),
                                      L.TimeDistributed(Sequential([L.Dense(3), L.Dense(2)])), L.Flatten(), L.Dense(2)),
    "embedding": lambda: stack((5,), L.Embedding(10, 4, mask_zero=True), L.LSTM(3), L.Dense(1, activation="sigmoid")),
    "norms": lambda: pictures(L.LayerNormalization(), L.GroupNormalization(3), L.UnitNormalization(),
                              L.BatchNormalization(axis=-1, center=False)),
    "noise": lambda: stack((4,), L.GaussianNoise(0.1), L.GaussianDropout(0.1), L.AlphaDropout(0.1),
                           L.ActivityRegularization(l1=0.01),
                           L.Dense(2, kernel_regularizer=keras.regularizers.l1_l2(0.01, 0.02), bias_constraint="non_neg",
                                   kernel_initializer=keras.initializers.VarianceScaling(2.0))),
    "shapes": lambda: stack((12,), L.Reshape((3, 4)), L.Permute((2, 1)), L.Flatten(), L.RepeatVector(3), L.Flatten(),
                            L.Activation("hard_sigmoid"), L.Dense(2)),
    "stateful": lambda: Sequential([L.InputLayer(batch_input_shape=(ROWS, 5, 3)), L.LSTM(3, stateful=True), L.Dense(2)]),
    "several": several, "merges": merges, "nested": nested, "attention": attention, "deferred": deferred,
    "sequence_to_sequence": sequence_to_sequence, "functions_of_tensorflow": functions_of_tensorflow,
    "long_names": long_names,
}  # fmt: skip

_OLD = keras.optimizers.legacy
OPTIMIZERS: dict[str, Any] = {
    "dense": "adam", "conv2d": keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "groups": "sgd",
    "lstm": keras.optimizers.RMSprop(0.001, centered=True, momentum=0.1), "gru": keras.optimizers.Adam(amsgrad=True),
    "several": _OLD.Adam(), "nested": _OLD.SGD(0.01, momentum=0.9), "time_distributed": _OLD.RMSprop(),
    "embedding": "adagrad", "bidirectional": "adadelta", "norms": "adamax", "conv1d": keras.optimizers.AdamW(),
    "noise": keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)), "cells": "ftrl",
    "conv3d": _OLD.Adam(amsgrad=True), "attention": "adam", "sequence_to_sequence": "rmsprop", "merges": "nadam",
}  # fmt: skip
RANDOM = ("dense", "conv2d", "noise", "lstm")  # whose next losses hang on random numbers


def make(name: str, folder: Path, rng: np.random.Generator) -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = MODELS[name]()
    sizes = [(4,)] if name == "deferred" else [tuple(one.shape)[1:] for one in model.inputs]
    x = [rng.integers(0, 10, (ROWS, *size)).astype("float32") if name == "embedding" else
         rng.standard_normal((ROWS, *size)).astype("float32") for size in sizes]  # fmt: skip
    for weight in model.weights:  # so that nothing is 0 or 1 as it began
        if weight.shape.rank and not weight.dtype.is_integer:
            weight.assign(weight + rng.uniform(0, 0.1, weight.shape).astype("float32"))
    targets = [
        rng.standard_normal(output.shape).astype("float32")
        for output in tf.nest.flatten(model(x if len(x) > 1 else x[0]))
    ]
    inputs, wanted = (x if len(x) > 1 else x[0]), (targets if len(targets) > 1 else targets[0])
    if name in OPTIMIZERS:
        losses = {"one": "mse", "two": "mae"} if name == "several" else "mse"
        model.compile(OPTIMIZERS[name], losses, metrics={"one": ["mae"]} if name == "several" else ["mae"],
                      loss_weights={"one": 1.0, "two": 0.5} if name == "several" else None)  # fmt: skip
        wanted = dict(zip(model.output_names, targets, strict=True)) if name == "several" else wanted
        model.fit(inputs, wanted, epochs=EPOCHS, batch_size=ROWS, verbose=0, shuffle=False)
    if name == "stateful":
        model.reset_states()
    outputs = model.predict(inputs, verbose=0, batch_size=ROWS)
    path = str(folder / name)
    model.save(f"{path}.h5", save_format="h5")
    model.save_weights(f"{path}_weights.h5", save_format="h5")
    model.save(f"{path}.keras")
    model.save_weights(f"{path}.weights.h5")
    Path(f"{path}.json").write_text(model.to_json(), encoding="utf-8")
    more: list[float] = []
    if name in OPTIMIZERS and name not in RANDOM:
        more = model.fit(inputs, wanted, epochs=MORE, batch_size=ROWS, verbose=0, shuffle=False).history["loss"]
    numbers = {"x": x, "y": tf.nest.flatten(outputs), "t": targets}
    np.savez(f"{path}.npz", more=np.array(more),
             **{f"{key}{number}": value for key, values in numbers.items() for number, value in enumerate(values)})  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            make(name, Path(folder), rng)
        with zipfile.ZipFile(Path(__file__).with_name("tf_keras.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)


if __name__ == "__main__":
    main()
