"""Make ``tf_optimizers.zip``: models in the middle of their training, with every optimizer of tf_keras 2.21, newer and older.

In an environment of its own (``pip install tf_keras==2.21.0 tensorflow-cpu``): ``python tests/golden/make_tf_optimizers.py``.
For each optimizer there is the model as ``NAME.h5``; ``numbers.json`` has the data, and the losses of the next 20 steps.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tf_keras as keras  # pyright: ignore[reportMissingImports]

NEW, OLD, S, L = keras.optimizers, keras.optimizers.legacy, keras.optimizers.schedules, keras.layers
BEFORE, AFTER = 5, 20
MAKERS = {
    "sgd": lambda m: m.SGD(0.05), "momentum": lambda m: m.SGD(0.02, momentum=0.9),
    "nesterov": lambda m: m.SGD(0.02, momentum=0.9, nesterov=True), "rmsprop": lambda m: m.RMSprop(0.01),
    "centered": lambda m: m.RMSprop(0.01, centered=True),
    "rmsprop_all": lambda m: m.RMSprop(0.01, centered=True, momentum=0.5, rho=0.8, epsilon=1e-3),
    "adagrad": lambda m: m.Adagrad(0.05, initial_accumulator_value=0.01, epsilon=1e-3), "adadelta": lambda m: m.Adadelta(1.0),
    "adam": lambda m: m.Adam(0.01), "amsgrad": lambda m: m.Adam(0.01, amsgrad=True, epsilon=1e-4),
    "adamax": lambda m: m.Adamax(0.01),
    "ftrl": lambda m: m.Ftrl(0.05, l1_regularization_strength=0.01, l2_regularization_strength=0.01, beta=0.1),
    "clipnorm": lambda m: m.SGD(0.05, clipnorm=0.1), "clipvalue": lambda m: m.SGD(0.05, clipvalue=0.01),
    "global_clipnorm": lambda m: m.SGD(0.05, global_clipnorm=0.1),
    "exponential": lambda m: m.SGD(S.ExponentialDecay(0.05, 5, 0.9, staircase=True)),
    "polynomial": lambda m: m.SGD(S.PolynomialDecay(0.05, 30, 0.001, power=2.0, cycle=True)),
    "inverse": lambda m: m.SGD(S.InverseTimeDecay(0.05, 3, 0.5), momentum=0.5),
    "piecewise": lambda m: m.SGD(S.PiecewiseConstantDecay([6, 12], [0.05, 0.02, 0.01])),
    "cosine": lambda m: m.SGD(S.CosineDecay(0.0, 20, alpha=0.1, warmup_target=0.05, warmup_steps=7)),
    "restarts": lambda m: m.SGD(S.CosineDecayRestarts(0.05, 4, t_mul=1.5, m_mul=0.9)),
}  # fmt: skip
AGES = {"new": NEW, "old": OLD}
OPTIMIZERS = {f"{age}_{name}": make(module) for age, module in AGES.items() for name, make in MAKERS.items()} | {
    "old_decay": OLD.SGD(0.05, decay=0.1, momentum=0.9), "old_decay_adam": OLD.Adam(0.01, decay=0.05),
    "old_decay_rmsprop": OLD.RMSprop(0.01, decay=0.05), "old_nadam": OLD.Nadam(0.01),
    "weight_decay": NEW.Adam(0.01, weight_decay=0.01), "adamw": NEW.AdamW(0.01, weight_decay=0.05), "lion": NEW.Lion(0.002),
    "ema": NEW.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4),
    "adafactor": NEW.Adafactor(0.01),
    "loss_scale": keras.mixed_precision.LossScaleOptimizer(NEW.SGD(0.05, momentum=0.9)),
}  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, 3)).astype("float32"), rng.uniform(0, 0.2, (16, 2)).astype("float32")
    numbers = {"x": x.tolist(), "y": y.tolist(), "losses": {}}
    fit = {"batch_size": 16, "verbose": 0, "shuffle": False}
    with tempfile.TemporaryDirectory() as folder:
        for name, optimizer in OPTIMIZERS.items():
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            # The second layer's name comes before the first's: nothing hangs on the names' order.
            model = keras.Sequential([L.Input((3,)), L.Dense(4, activation="tanh", name="z"), L.Dense(2, name="a")])
            model.compile(optimizer, "mse")
            model.fit(x, y, epochs=BEFORE, **fit)
            model.save(f"{folder}/{name}.h5")
            numbers["losses"][name] = model.fit(x, y, epochs=AFTER, **fit).history["loss"]
        Path(folder, "numbers.json").write_text(json.dumps(numbers), encoding="utf-8")
        with zipfile.ZipFile(Path(__file__).with_name("tf_optimizers.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)


if __name__ == "__main__":
    main()
