"""Scripts of older generations under ``as_keras`` beside the same models in lamina's own words.

Run: ``python benchmarks/bench_dialects.py [NAME ...]``. Each script is run as it is in its dialect, and as ``lamina migrate``
writes it without one. The two train an epoch each in turn, in one process, and what is compared are the medians of the
processor's time, which other programs don't change. A ratio above 1.03 is a failure: old words are the business of building.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
import types
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

import lamina
from lamina.migrate import migrate

EPOCHS, LIMIT = 25, 1.03
RNG = np.random.default_rng(0)
CLASSES = np.eye(10, dtype="float32")

# The dialect, the script, and its data: a script makes ``model``.
SCRIPTS: dict[str, tuple[str, str, tuple[int, ...], int]] = {
    "Keras 1: MLP, RMSprop": ("keras1", """
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
model = Sequential()
model.add(Dense(64, input_shape=(64,), init='uniform'))
model.add(Activation('relu'))
model.add(Dropout(p=0.2))
model.add(Dense(output_dim=10, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
""", (64,), 64 * 60),
    "Keras 1: CNN, Adadelta": ("keras1", """
from keras.models import Sequential
from keras.layers import Convolution2D, MaxPooling2D, Flatten, Dense
model = Sequential()
model.add(Convolution2D(16, 3, 3, border_mode='same', activation='relu', input_shape=(28, 28, 1)))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Convolution2D(16, 3, 3, activation='relu'))
model.add(Flatten())
model.add(Dense(10, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adadelta', metrics=['accuracy'])
""", (28, 28, 1), 64 * 8),
    "Keras 2: LSTM, Adam": ("keras2", """
from keras.models import Sequential
from keras.layers import LSTM, Dense
from keras.optimizers import Adam
model = Sequential()
model.add(LSTM(32, input_shape=(20, 16)))
model.add(Dense(10, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer=Adam(lr=0.001), metrics=['accuracy'])
""", (20, 16), 64 * 16),
    "tf.keras: MLP, Adam": ("tf_keras", """
import tensorflow as tf
model = tf.keras.Sequential([
    tf.keras.layers.Dense(64, activation='relu', input_shape=(64,)),
    tf.keras.layers.BatchNormalization(),
    tf.keras.layers.Dense(10, activation='softmax'),
])
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
""", (64,), 64 * 60),
}  # fmt: skip


def runner(source: str, door: Callable[[], AbstractContextManager[Any]], x: Any, y: Any) -> Callable[[], float]:
    """A function that trains a script's model for an epoch, and says how long that took."""
    module = types.ModuleType("script")
    with door():
        exec(compile(source, "script", "exec"), vars(module))
    model: Any = vars(module)["model"]

    def epoch() -> float:
        with door():
            begin = time.process_time()
            model.fit(x, y, batch_size=64, epochs=1, verbose=0)
            return time.process_time() - begin

    return epoch


def race(dialect: str, source: str, shape: tuple[int, ...], rows: int) -> tuple[float, float]:
    """The median seconds of an epoch under ``as_keras``, and in lamina's own words."""
    x = RNG.standard_normal((rows, *shape), dtype="float32")
    y = CLASSES[RNG.integers(0, 10, rows)]
    done = migrate(source, "lamina", dialect)
    assert not done.unsure, done.unsure
    old = runner(source, lambda: lamina.as_keras(dialect), x, y)
    new = runner(done.source, contextlib.nullcontext, x, y)
    for _ in range(3):
        old(), new()
    times = [(old(), new()) if number % 2 else (new(), old())[::-1] for number in range(EPOCHS)]
    return statistics.median(one for one, _ in times), statistics.median(one for _, one in times)


def main(names: list[str]) -> int:
    """Time the scripts whose names contain one of ``names``; 1 where one is slower than the limit."""
    slow = False
    torch.set_num_threads(1)
    for title, script in SCRIPTS.items():
        if names and not any(name in title for name in names):
            continue
        old, new = race(*script)
        slow |= old > new * LIMIT
        print(
            f"{title:28} as_keras {old * 1000:7.1f} ms, lamina's words {new * 1000:7.1f} ms, ratio {old / new:.3f}",
            flush=True,
        )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
